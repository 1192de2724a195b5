//! What every door writes around the rules' types, since a framework's traits can only be given to types of the door's own. All
//! that these say is the same at each; how a framework asks for them is the door's.

/// The guard of a door, `Guard`, of its [`GuardRules`](crate::door::GuardRules): its settings.
#[doc(hidden)]
#[macro_export]
macro_rules! door_guard {
    ($(#[$doc:meta])*) => {
        $(#[$doc])*
        pub struct Guard<U>(::housekey::door::GuardRules<U>);

        impl<U: ::housekey::User> Guard<U> {
            fn requiring(requirement: Option<::housekey::door::Requirement<U>>) -> Self {
                Self(::housekey::door::GuardRules::new(requirement))
            }

            /// Requires a login that is fresh and no older than this, in place of what the guard required before.
            pub fn fresh_within(self, within: ::std::time::Duration) -> Self {
                Self(self.0.fresh_within(within))
            }

            /// Requires a logged-in user that passes this test, for instance one with a permission. Other logged-in users get
            /// 403. What an earlier call asked for must hold too.
            #[doc(alias("permission", "permission_required", "predicate_required"))]
            pub fn require(self, test: impl Fn(&U) -> bool + Send + Sync + 'static) -> Self {
                Self(self.0.require(test))
            }

            /// [`require`](Self::require) for a permission that is asked of a table or a service. Nobody is asked for a visitor
            /// who is not logged in. An `Err` is answered with 503: it neither lets anybody pass nor denies them. Give what you ask
            /// a deadline.
            #[doc(alias("permission", "permission_required", "has_perm"))]
            pub fn require_async<F, A>(self, ask: F) -> Self
            where
                F: Fn(::std::sync::Arc<U>) -> A + Send + Sync + 'static,
                A: ::std::future::Future<Output = Result<bool, ::housekey::BoxError>> + Send + 'static,
            {
                Self(self.0.require_async(ask))
            }

            /// Opens these routes, and closes all others: for a guard over the whole program, so that a page which nobody has thought
            /// of needs a login. See [`PublicRoutes`](::housekey::PublicRoutes). The login page and the page to prove oneself again are
            /// open by themselves.
            pub fn except(self, public: &::housekey::PublicRoutes) -> Self {
                Self(self.0.except(public))
            }

            /// Another login page for the routes below.
            ///
            /// # Panics
            ///
            /// When it is neither a path nor an absolute URL.
            pub fn login_view(self, view: &str) -> Self {
                Self(self.0.scope(|scope| scope.login_view(view)))
            }

            /// No login page for the routes below: 401 for everybody.
            pub fn no_login_view(self) -> Self {
                Self(self.0.scope(::housekey::Scope::no_login_view))
            }

            /// Another page to prove oneself again for the routes below.
            ///
            /// # Panics
            ///
            /// When it is neither a path nor an absolute URL.
            pub fn refresh_view(self, view: &str) -> Self {
                Self(self.0.scope(|scope| scope.refresh_view(view)))
            }

            /// How those are answered who may not pass, whatever their headers say.
            pub fn answer_as(self, answer: ::housekey::AnswerAs) -> Self {
                Self(self.0.scope(|scope| scope.answer_as(answer)))
            }

            /// Asking who is there counts as no use of the login, by this guard and all below it: for what a page polls, so
            /// that a page which was left open keeps nobody logged in. No timeout is put off, and nobody is let in who is
            /// only remembered: a remember token is for people. [`WithoutUse`](crate::WithoutUse) does the same for one
            /// extractor. `login_required::<Member>().without_use()` is a guard for such a page.
            ///
            /// An outer guard that asks before counts; put this there, or on the outermost
            /// [`login_scope`](crate::login_scope).
            pub fn without_use(self) -> Self {
                Self(self.0.without_use())
            }

            /// Lets CORS preflights pass this guard and those below it, so that what answers CORS, or a handler, further
            /// inside can answer them. **Anybody can send one**, with two headers: a handler of every method, a fallback or a
            /// proxy then runs for people who are not signed in. Let an extractor ask in there, which exempts nothing.
            pub fn let_preflights_pass(self) -> Self {
                Self(self.0.scope(::housekey::Scope::let_preflights_pass))
            }
        }

        impl<U> Clone for Guard<U> {
            fn clone(&self) -> Self {
                Self(self.0.clone())
            }
        }

        impl<U> ::std::fmt::Debug for Guard<U> {
            fn fmt(&self, f: &mut ::std::fmt::Formatter<'_>) -> ::std::fmt::Result {
                f.debug_tuple("Guard").field(&self.0).finish()
            }
        }
    };
}

/// The extractors of a door, all but how its framework asks for them. What each says of its framework comes with its name.
#[doc(hidden)]
#[macro_export]
macro_rules! door_extractors {
    (
        $(#[$current_user:meta])* CurrentUser,
        $(#[$login_required:meta])* LoginRequired,
        $(#[$without_use:meta])* WithoutUse
    ) => {
        $(#[$current_user])*
        pub struct CurrentUser<U>(::housekey::CurrentUser<U>);

        impl<U: ::housekey::User> CurrentUser<U> {
            /// The user, taken out.
            pub fn into_user(self) -> Option<::std::sync::Arc<U>> {
                self.0.into_user()
            }
        }

        $(#[$login_required])*
        pub struct LoginRequired<U>(pub ::std::sync::Arc<U>);

        /// The current user of a route that needs a fresh login: one that was proved lately, in this session, and not by a
        /// remember token. Others are sent to prove themselves again (`refresh_view`); nobody is logged out by it.
        pub struct FreshLoginRequired<U>(pub ::std::sync::Arc<U>);

        /// Somebody who has taken the first step of a login and not the second, for the pages of the second step: see
        /// [`housekey::PendingLogin`]. **They are not logged in.** Others are denied, and people sent to the login page.
        pub struct PendingLogin<U>(::housekey::PendingLogin<U>);

        $(#[$without_use])*
        #[derive(Clone, Copy, Debug)]
        pub struct WithoutUse<E>(pub E);

        /// Changes who is logged in: see [`housekey::Login`] for what it can do. Loads nobody.
        pub struct Login<U>(::housekey::Login<U>);

        /// Stands for the type of the users where one login manager covers the route, as it does on most sites.
        #[derive(Debug)]
        pub enum AnyUser {}

        /// The session: see [`housekey::Session`] for what it can do. Where two managers cover the route, name the type of the
        /// users whose session it is: `Session<Member>`.
        pub struct Session<U = AnyUser>(
            ::housekey::Session,
            ::std::marker::PhantomData<fn() -> U>,
        );

        /// Flashed messages: see [`housekey::Flash`] for what it can do. Where two managers cover the route, name the type of
        /// the users who are told: `Flash<Member>`.
        pub struct Flash<U = AnyUser>(
            ::housekey::Flash,
            ::std::marker::PhantomData<fn() -> U>,
        );

        /// Where to go after logging in, if the address that the request claims is safe: a path of this site that is not the
        /// login page, or an address of a listed origin. Read from the query, or from the session where the manager keeps it.
        ///
        /// [`get`](housekey::NextUrl::get) gives it for the hidden field of a login form. Where two managers cover the route,
        /// name the type of the users who log in: `NextUrl<Member>`.
        pub struct NextUrl<U = AnyUser>(
            ::housekey::NextUrl,
            ::std::marker::PhantomData<fn() -> U>,
        );

        impl<U> NextUrl<U> {
            /// Takes the field of a form instead, unless it is empty. The same checks apply.
            #[must_use]
            pub fn or_field(self, field: Option<&str>) -> Self {
                Self(self.0.or_field(field), self.1)
            }

            /// Goes there, or to `default` when there is no address or it is not safe. `default` is the application's and is
            /// not checked.
            ///
            /// # Errors
            ///
            /// [`TooLate`](housekey::ErrorKind::TooLate) in a task that outlives the handler.
            pub fn or(self, default: &str) -> Result<SeeOther, Error> {
                Ok(SeeOther(self.0.or(default)?))
            }
        }

        /// A redirect after a form: 303, which a browser follows with GET.
        #[derive(Clone, Debug, PartialEq, Eq)]
        pub struct SeeOther(String);

        impl SeeOther {
            /// Where it leads.
            pub fn location(&self) -> &str {
                &self.0
            }
        }

        ::housekey::door::used_like! {
            CurrentUser(inside): ::housekey::CurrentUser<U>, it => Self(it.0.clone());
            LoginRequired(inside): U, it => Self(::std::sync::Arc::clone(&it.0));
            FreshLoginRequired(inside): U, it => Self(::std::sync::Arc::clone(&it.0));
            PendingLogin(inside): ::housekey::PendingLogin<U>, it => Self(it.0.clone());
            Login(inside): ::housekey::Login<U>, it => Self(it.0.clone());
            Session(inside): ::housekey::Session, it => Self(it.0.clone(), it.1);
            Flash(inside): ::housekey::Flash, it => Self(it.0.clone(), it.1);
            NextUrl(inside): ::housekey::NextUrl, it => Self(it.0.clone(), it.1);
        }
    };
}

/// Types that are used like the one inside of them.
#[doc(hidden)]
#[macro_export]
macro_rules! door_used_like {
    ($($name:ident(inside): $inside:ty, $it:ident => $clone:expr;)*) => {$(
        impl<U> ::std::ops::Deref for $name<U> {
            type Target = $inside;

            fn deref(&self) -> &Self::Target {
                &self.0
            }
        }

        impl<U> Clone for $name<U> {
            fn clone(&self) -> Self {
                let $it = self;
                $clone
            }
        }

        impl<U> ::std::fmt::Debug for $name<U> {
            fn fmt(&self, f: &mut ::std::fmt::Formatter<'_>) -> ::std::fmt::Result {
                f.debug_struct(stringify!($name)).finish_non_exhaustive()
            }
        }
    )*};
}

/// The two error types of a door, all but how they become responses of its framework.
#[doc(hidden)]
#[macro_export]
macro_rules! door_errors {
    ($(#[$doc:meta])*) => {
        $(#[$doc])*
        pub struct Error(::housekey::Error);

        /// Why an extractor or a guard let a request not pass: somebody who may not, or an [`Error`].
        pub struct LoginRejection(::housekey::door::Refusal);

        impl Error {
            /// What went wrong, to decide on.
            pub fn kind(&self) -> ::housekey::ErrorKind {
                self.0.kind()
            }

            /// How long to wait before the next attempt, where there were too many.
            pub fn retry_after(&self) -> ::std::option::Option<::std::time::Duration> {
                self.0.retry_after()
            }
        }

        impl LoginRejection {
            pub(crate) fn of(refusal: ::housekey::door::Refusal) -> Self {
                Self(refusal)
            }

            /// The error, if it was one; `None` when somebody was denied.
            pub fn error(&self) -> Option<&::housekey::Error> {
                self.0.error()
            }
        }

        impl From<::housekey::Error> for Error {
            fn from(error: ::housekey::Error) -> Self {
                Self(error)
            }
        }

        impl<E: Into<Error>> From<E> for LoginRejection {
            fn from(error: E) -> Self {
                Self(error.into().0.into())
            }
        }

        ::housekey::door_errors! { @ Error LoginRejection }
    };
    (@ $($name:ident)*) => {$(
        impl ::std::fmt::Debug for $name {
            fn fmt(&self, f: &mut ::std::fmt::Formatter<'_>) -> ::std::fmt::Result {
                ::std::fmt::Debug::fmt(&self.0, f)
            }
        }

        impl ::std::fmt::Display for $name {
            fn fmt(&self, f: &mut ::std::fmt::Formatter<'_>) -> ::std::fmt::Result {
                ::std::fmt::Display::fmt(&self.0, f)
            }
        }

        impl ::std::error::Error for $name {
            fn source(&self) -> Option<&(dyn ::std::error::Error + 'static)> {
                ::std::error::Error::source(&self.0)
            }
        }
    )*};
}

pub use door_errors as errors;
pub use door_extractors as extractors;
pub use door_guard as guard;
pub use door_used_like as used_like;
