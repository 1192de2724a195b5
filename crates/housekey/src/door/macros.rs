//! What every door writes around the rules' types, since a framework's traits can only be implemented for a door's own
//! types. These definitions are the same in each door; how a framework asks for them is the door's own.

/// A door's guard, `Guard`, around its [`GuardRules`](crate::door::GuardRules): its settings.
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

            /// Requires a login that is fresh and no older than this, instead of the guard's previous requirement.
            pub fn fresh_within(self, within: ::std::time::Duration) -> Self {
                Self(self.0.fresh_within(within))
            }

            /// Requires a logged-in user who passes this test, for instance one with a permission. Other logged-in users
            /// get 403. The requirements of earlier calls still apply.
            #[doc(alias("permission", "permission_required", "predicate_required"))]
            pub fn require(self, test: impl Fn(&U) -> bool + Send + Sync + 'static) -> Self {
                Self(self.0.require(test))
            }

            /// [`require`](Self::require) for a permission that a table or a service decides. The test is not run for a
            /// visitor who is not logged in. An `Err` is answered with 503: it neither lets anybody pass nor denies them.
            /// Give the query a deadline.
            #[doc(alias("permission", "permission_required", "has_perm"))]
            pub fn require_async<F, A>(self, ask: F) -> Self
            where
                F: Fn(::std::sync::Arc<U>) -> A + Send + Sync + 'static,
                A: ::std::future::Future<Output = Result<bool, ::housekey::BoxError>> + Send + 'static,
            {
                Self(self.0.require_async(ask))
            }

            /// Opens these routes and closes all others: for a guard over the whole program, so that a forgotten page needs
            /// a login. See [`PublicRoutes`](::housekey::PublicRoutes). The login page and the page to confirm a login are
            /// always open.
            pub fn except(self, public: &::housekey::PublicRoutes) -> Self {
                Self(self.0.except(public))
            }

            /// Another login page for the routes below it.
            ///
            /// # Panics
            ///
            /// When it is neither a path nor an absolute URL.
            pub fn login_view(self, view: &str) -> Self {
                Self(self.0.scope(|scope| scope.login_view(view)))
            }

            /// No login page for the routes below it: everybody gets 401.
            pub fn no_login_view(self) -> Self {
                Self(self.0.scope(::housekey::Scope::no_login_view))
            }

            /// Another page to confirm a login for the routes below it.
            ///
            /// # Panics
            ///
            /// When it is neither a path nor an absolute URL.
            pub fn refresh_view(self, view: &str) -> Self {
                Self(self.0.scope(|scope| scope.refresh_view(view)))
            }

            /// How visitors who may not pass are answered, whatever their headers say.
            pub fn answer_as(self, answer: ::housekey::AnswerAs) -> Self {
                Self(self.0.scope(|scope| scope.answer_as(answer)))
            }

            /// Makes this guard and everything below it look up the user without using the login: for requests that a page
            /// polls, so that a page left open does not keep its user logged in. Such a request extends no timeout and does
            /// not let in a visitor who is only remembered: a remember token is for people.
            /// [`WithoutUse`](crate::WithoutUse) does the same for one extractor.
            /// `login_required::<Member>().without_use()` is a guard for such a page.
            ///
            /// If an outer guard looks up the user first, that counts as use. Put this there too, or on the outermost
            /// [`login_scope`](crate::login_scope).
            pub fn without_use(self) -> Self {
                Self(self.0.without_use())
            }

            /// Lets CORS preflights pass this guard and those below it, so that a CORS layer or a handler further inside
            /// can answer them. **Anybody can send one**, with two headers: a handler of every method, a fallback or a
            /// proxy then runs for people who are not logged in. Use an extractor there, which exempts nothing.
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

/// A door's extractors, apart from how its framework asks for them. What each says about its framework comes with its name.
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
            /// The user, by value.
            pub fn into_user(self) -> Option<::std::sync::Arc<U>> {
                self.0.into_user()
            }
        }

        $(#[$login_required])*
        pub struct LoginRequired<U>(pub ::std::sync::Arc<U>);

        /// The current user of a route that needs a fresh login: the user logged in or confirmed the login recently, in
        /// this session, and not by a remember token. Others are sent to confirm their login (`refresh_view`); nobody is
        /// logged out.
        pub struct FreshLoginRequired<U>(pub ::std::sync::Arc<U>);

        /// A user who has taken the first step of a login and not the second, for the pages of the second step: see
        /// [`housekey::PendingLogin`]. **This user is not logged in.** Other visitors are denied, and browsers are sent to
        /// the login page.
        pub struct PendingLogin<U>(::housekey::PendingLogin<U>);

        $(#[$without_use])*
        #[derive(Clone, Copy, Debug)]
        pub struct WithoutUse<E>(pub E);

        /// Logs users in and out: see [`housekey::Login`] for all that it can do. Loads nobody.
        #[doc(alias("login_user", "logout_user", "confirm_login", "update_auth_hash", "logins", "end_login"))]
        pub struct Login<U>(::housekey::Login<U>);

        /// Stands for the user type where only one login manager covers the route, as on most sites.
        #[derive(Debug)]
        pub enum AnyUser {}

        /// The session: see [`housekey::Session`] for all that it can do. Where two managers cover the route, name the user
        /// type of the session that you mean: `Session<Member>`.
        pub struct Session<U = AnyUser>(
            ::housekey::Session,
            ::std::marker::PhantomData<fn() -> U>,
        );

        /// Flashed messages: see [`housekey::Flash`] for all that it can do. Where two managers cover the route, name the
        /// type of the users who get the message: `Flash<Member>`.
        pub struct Flash<U = AnyUser>(
            ::housekey::Flash,
            ::std::marker::PhantomData<fn() -> U>,
        );

        /// Where to go after logging in, if the requested address is safe: a path of this site that is not the login page,
        /// or an address of a listed origin. Read from the query, or from the session where the manager keeps it.
        ///
        /// [`get`](housekey::NextUrl::get) returns it for the hidden field of a login form. Where two managers cover the
        /// route, name the type of the users who log in: `NextUrl<Member>`.
        pub struct NextUrl<U = AnyUser>(
            ::housekey::NextUrl,
            ::std::marker::PhantomData<fn() -> U>,
        );

        impl<U> NextUrl<U> {
            /// Uses the field of a form instead, unless it is empty. The same checks apply.
            #[must_use]
            pub fn or_field(self, field: Option<&str>) -> Self {
                Self(self.0.or_field(field), self.1)
            }

            /// Redirects to the address, or to `default` when there is none or it is not safe. `default` comes from the
            /// application and is not checked. A path in it is the program's own, so a prefix
            /// ([`mounted_at`](housekey::LoginManagerBuilder::mounted_at)) is put in front of it.
            ///
            /// # Errors
            ///
            /// [`TooLate`](housekey::ErrorKind::TooLate) in a task that outlives the handler.
            pub fn or(self, default: &str) -> Result<SeeOther, Error> {
                Ok(SeeOther(self.0.or(default)?))
            }
        }

        /// A redirect after a form: 303, which browsers follow with GET.
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

/// Types that behave like the one inside them.
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

/// A door's two error types, apart from how they become responses of its framework.
#[doc(hidden)]
#[macro_export]
macro_rules! door_errors {
    ($(#[$doc:meta])*) => {
        $(#[$doc])*
        pub struct Error(::housekey::Error);

        /// Why an extractor or a guard did not let a request pass: a denial, or an [`Error`].
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

            /// The error, if it was one; `None` for a denial.
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
