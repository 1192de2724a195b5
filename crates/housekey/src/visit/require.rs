//! What a guard or an extractor requires of a visitor, and which denial follows.

use std::fmt;
use std::future::Future;
use std::marker::PhantomData;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use http::Response;

use super::OpenVisit;
use super::current::Fresh;
use super::pending::PendingLogin;
use super::public::PublicRoutes;
use super::visits::Visits;
use crate::denial::{Denied, Preflight, Scope};
use crate::error::{BoxError, Error, ErrorKind};
use crate::head::Head;
use crate::user::User;

/// What a visitor needs to pass: a login, a fresh login, or a user who passes a test.
pub struct Requirement<U> {
    needs: Needs,
    /// All of these must hold for the user.
    tests: Vec<Test<U>>,
}

/// Which login is required.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Needs {
    Login,
    /// With its maximum age, if that differs from the manager's.
    FreshLogin(Option<Duration>),
    /// A login that waits for its second step, rather than a finished one.
    PendingLogin,
}

enum Test<U> {
    Known(Arc<dyn Fn(&U) -> bool + Send + Sync>),
    Asked(Arc<Ask<U>>),
}

type Ask<U> = dyn Fn(Arc<U>) -> Answer + Send + Sync;
type Answer = Pin<Box<dyn Future<Output = Result<bool, BoxError>> + Send>>;

impl<U> Requirement<U> {
    /// A login.
    pub const fn login() -> Self {
        Self::needing(Needs::Login)
    }

    /// A fresh login: not older than this, or by the manager's rule.
    pub const fn fresh_login(within: Option<Duration>) -> Self {
        Self::needing(Needs::FreshLogin(within))
    }

    /// A login that waits for its second step. A user who is logged in does not have one.
    pub const fn pending_login() -> Self {
        Self::needing(Needs::PendingLogin)
    }

    const fn needing(needs: Needs) -> Self {
        Self {
            needs,
            tests: Vec::new(),
        }
    }

    /// The user, if they may pass, or else the denial. `found` is the current user, and whether their login is as fresh as
    /// required.
    async fn admit(&self, found: Option<(Arc<U>, bool)>) -> Result<Result<Arc<U>, Denied>, Error> {
        let user = match self.logged_in(found) {
            Ok(user) => user,
            Err(denied) => return Ok(Err(denied)),
        };
        for test in &self.tests {
            let holds = match test {
                Test::Known(test) => test(&user),
                Test::Asked(ask) => ask(Arc::clone(&user)).await.map_err(permission_unknown)?,
            };
            if !holds {
                return Ok(Err(Denied::Forbidden));
            }
        }
        Ok(Ok(user))
    }

    /// [`admit`](Self::admit), without the tests.
    fn logged_in(&self, found: Option<(Arc<U>, bool)>) -> Result<Arc<U>, Denied> {
        let nobody = match self.needs {
            Needs::Login | Needs::FreshLogin(_) => Denied::LoginRequired,
            Needs::PendingLogin => Denied::PendingLoginRequired,
        };
        let (user, is_fresh) = found.ok_or(nobody)?;
        if let (Needs::FreshLogin(within), false) = (self.needs, is_fresh) {
            return Err(Denied::FreshLoginRequired { within });
        }
        Ok(user)
    }
}

impl<U: 'static> Requirement<U> {
    /// Also requires that this holds for the user. Others are denied with 403.
    #[must_use]
    pub fn and(mut self, test: impl Fn(&U) -> bool + Send + Sync + 'static) -> Self {
        self.tests.push(Test::Known(Arc::new(test)));
        self
    }

    /// As [`and`](Self::and), for a test that has to ask something: a permission in a table. An error reaches the client as
    /// an error; it neither allows nor denies.
    #[must_use]
    pub fn and_asked<F, A>(mut self, ask: F) -> Self
    where
        F: Fn(Arc<U>) -> A + Send + Sync + 'static,
        A: Future<Output = Result<bool, BoxError>> + Send + 'static,
    {
        let ask = move |user| -> Answer { Box::pin(ask(user)) };
        self.tests.push(Test::Asked(Arc::new(ask)));
        self
    }
}

fn permission_unknown(error: BoxError) -> Error {
    let message = "whether this is allowed cannot be determined at the moment";
    Error::new(ErrorKind::LoaderFailed, message).caused_by(error)
}

impl<U> Clone for Test<U> {
    fn clone(&self) -> Self {
        match self {
            Self::Known(test) => Self::Known(Arc::clone(test)),
            Self::Asked(ask) => Self::Asked(Arc::clone(ask)),
        }
    }
}

impl<U> Clone for Requirement<U> {
    fn clone(&self) -> Self {
        Self {
            needs: self.needs,
            tests: self.tests.clone(),
        }
    }
}

impl<U> fmt::Debug for Requirement<U> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Requirement")
            .field("needs", &self.needs)
            .field("tests", &self.tests.len())
            .finish()
    }
}

impl OpenVisit {
    /// The current user, if they meet a requirement.
    ///
    /// # Errors
    ///
    /// [`Refusal::Denied`], with its event and its message, if they do not; [`Refusal::Error`] if the current user cannot be
    /// determined.
    pub async fn require<U: User>(
        &self,
        request: &impl Head,
        requirement: &Requirement<U>,
        scope: Option<&ScopeFor<U>>,
    ) -> Result<Arc<U>, Refusal> {
        let fresh = match requirement.needs {
            Needs::FreshLogin(Some(within)) => Fresh::Within(within),
            Needs::FreshLogin(None) => Fresh::ByRule,
            Needs::Login => Fresh::NotAsked,
            Needs::PendingLogin => {
                // Boxed, because few guards ask for it, and otherwise the future of each request would have room for it.
                let found = Box::pin(self.find_pending::<U>(request)).await?;
                let found = found.map(|pending| (Arc::clone(pending.user()), false));
                let admitted = requirement.admit(found).await?;
                return admitted.map_err(|denied| self.refused(request, denied, scope));
            }
        };
        let found = self.find_user::<U>(request, fresh).await?;
        let found = found.map(|current| (current.user, current.fresh));
        let admitted = match requirement.tests.is_empty() {
            true => requirement.logged_in(found),
            false => requirement.admit(found).await?,
        };
        admitted.map_err(|denied| self.refused(request, denied, scope))
    }

    /// The pending login, which waits for its second step.
    ///
    /// # Errors
    ///
    /// As [`require`](Self::require).
    pub async fn require_pending<U: User>(
        &self,
        request: &impl Head,
        scope: Option<&ScopeFor<U>>,
    ) -> Result<PendingLogin<U>, Refusal> {
        let found = self.find_pending::<U>(request).await?;
        found.ok_or_else(|| self.refused(request, Denied::PendingLoginRequired, scope))
    }

    /// The pending login. A pending proof counts only together with its login.
    async fn find_pending<U: User>(
        &self,
        request: &impl Head,
    ) -> Result<Option<PendingLogin<U>>, Error> {
        let Some(pending) = PendingLogin::<U>::of(self).await? else {
            return Ok(None);
        };
        if !pending.is_confirmation() {
            return Ok(Some(pending));
        }
        let current = self.find_user::<U>(request, Fresh::NotAsked).await?;
        let is_theirs = current.is_some_and(|current| current.user.id() == pending.user().id());
        Ok(is_theirs.then_some(pending))
    }

    fn refused<U>(
        &self,
        request: &impl Head,
        denied: Denied,
        scope: Option<&ScopeFor<U>>,
    ) -> Refusal {
        let response = match scope {
            Some(scope) => self.deny(request, denied, &scope.scope),
            None => self.deny(request, denied, &Scope::new()),
        };
        Refusal::Denied(Box::new(response))
    }
}

impl Visits {
    /// [`OpenVisit::require`], of the manager for users of this type.
    ///
    /// # Errors
    ///
    /// Also those of [`of`](Self::of).
    pub async fn require<U: User>(
        visits: Option<&Self>,
        request: &impl Head,
        requirement: &Requirement<U>,
        scope: Option<&ScopeFor<U>>,
        remedy: &str,
    ) -> Result<Arc<U>, Refusal> {
        let visit = Self::of::<U>(visits, request, remedy)?;
        visit.require(request, requirement, scope).await
    }

    /// [`OpenVisit::require_pending`], of the manager for users of this type.
    ///
    /// # Errors
    ///
    /// Also those of [`of`](Self::of).
    pub async fn require_pending<U: User>(
        visits: Option<&Self>,
        request: &impl Head,
        scope: Option<&ScopeFor<U>>,
        remedy: &str,
    ) -> Result<PendingLogin<U>, Refusal> {
        let visit = Self::of::<U>(visits, request, remedy)?;
        visit.require_pending(request, scope).await
    }
}

/// Why a request did not pass: the answer to a visitor who may not, or an error.
#[derive(Debug)]
pub enum Refusal {
    /// The visitor may not pass, and gets this answer.
    Denied(Box<Response<String>>),
    /// The current user could not be determined.
    Error(Error),
}

impl Refusal {
    /// The error, if it was one; `None` for a denial.
    pub fn error(&self) -> Option<&Error> {
        match self {
            Self::Denied(_) => None,
            Self::Error(error) => Some(error),
        }
    }

    /// The answer. As with [`Error::to_response`], a 500 is also logged to `tracing`.
    pub fn to_response(&self) -> Response<String> {
        match self {
            Self::Denied(response) => (**response).clone(),
            Self::Error(error) => error.to_response(),
        }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Denied(response) => write!(f, "denied with {}", response.status()),
            Self::Error(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for Refusal {}

impl From<Error> for Refusal {
    fn from(error: Error) -> Self {
        Self::Error(error)
    }
}

/// The scope of the routes that a request came to, for one type of users. A door keeps it with the request.
pub struct ScopeFor<U> {
    scope: Scope,
    user: PhantomData<fn() -> U>,
}

impl<U> Clone for ScopeFor<U> {
    fn clone(&self) -> Self {
        Self {
            scope: self.scope.clone(),
            user: PhantomData,
        }
    }
}

impl<U> fmt::Debug for ScopeFor<U> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("ScopeFor").field(&self.scope).finish()
    }
}

/// The rules of a guard, for any door: what it requires, and the scope that it opens.
///
/// For each request, a guard [enters](Self::enter), looks whether it is a [preflight](Self::preflight), and lets the visit
/// [check](Visits::require) the [requirement](Self::requirement).
pub struct GuardRules<U> {
    /// `None` for a guard that denies nothing by itself.
    requirement: Option<Requirement<U>>,
    scope: Scope,
    without_use: bool,
    /// The routes that it lets pass without a check.
    public: Option<PublicRoutes>,
}

impl<U: User> GuardRules<U> {
    /// The rules of a guard that requires this, or nothing.
    pub fn new(requirement: Option<Requirement<U>>) -> Self {
        Self {
            requirement,
            scope: Scope::new(),
            without_use: false,
            public: None,
        }
    }

    /// Requires a fresh login that is not older than this, in place of the earlier requirement. A test stays.
    #[must_use]
    pub fn fresh_within(self, within: Duration) -> Self {
        let tests = self.requirement.map_or(Vec::new(), |before| before.tests);
        Self {
            requirement: Some(Requirement {
                needs: Needs::FreshLogin(Some(within)),
                tests,
            }),
            ..self
        }
    }

    /// Requires a logged-in user that passes this test. Earlier tests must hold too.
    #[must_use]
    pub fn require(self, test: impl Fn(&U) -> bool + Send + Sync + 'static) -> Self {
        let before = self.requirement.unwrap_or(const { Requirement::login() });
        Self {
            requirement: Some(before.and(test)),
            ..self
        }
    }

    /// As [`require`](Self::require), for a test that has to ask something: see [`Requirement::and_asked`].
    #[must_use]
    pub fn require_async<F, A>(self, ask: F) -> Self
    where
        F: Fn(Arc<U>) -> A + Send + Sync + 'static,
        A: Future<Output = Result<bool, BoxError>> + Send + 'static,
    {
        let before = self.requirement.unwrap_or(const { Requirement::login() });
        Self {
            requirement: Some(before.and_asked(ask)),
            ..self
        }
    }

    /// Applies the requirement to all routes except these, or requires a login if there was no requirement. The login page
    /// and the page to prove oneself again are open too.
    #[must_use]
    pub fn except(self, public: &PublicRoutes) -> Self {
        Self {
            requirement: self.requirement.or(const { Some(Requirement::login()) }),
            public: Some(public.clone()),
            ..self
        }
    }

    /// Whether it depends on the route pattern that matched the request.
    pub fn has_exceptions(&self) -> bool {
        self.public.is_some()
    }

    /// Sets something for the routes below.
    #[must_use]
    pub fn scope(self, set: impl FnOnce(Scope) -> Scope) -> Self {
        Self {
            scope: set(self.scope),
            ..self
        }
    }

    /// Asking for the current user does not count as use of the login, in this guard and all below it.
    #[must_use]
    pub fn without_use(self) -> Self {
        Self {
            without_use: true,
            ..self
        }
    }

    /// The scope of a request from here on: this guard's scope, inside of `outer`. With several managers, it belongs to the
    /// innermost for users of its type. `None` if the guard sets nothing: the outer scope stays.
    pub fn enter(
        &self,
        visits: Option<&Visits>,
        outer: Option<&ScopeFor<U>>,
    ) -> Option<ScopeFor<U>> {
        if self.without_use
            && let Some(visit) = visits.and_then(|them| them.iter().find(|it| it.is_for::<U>()))
        {
            visit.without_use(true);
        }
        (!self.scope.says_nothing()).then(|| ScopeFor {
            scope: match outer {
                Some(outer) => self.scope.within(&outer.scope),
                None => self.scope.clone(),
            },
            user: PhantomData,
        })
    }

    /// What happens to a request before the current user is asked for. Without a requirement, it passes.
    pub fn preflight(&self, scope: Option<&ScopeFor<U>>, request: &impl Head) -> Preflight {
        match (&self.requirement, scope) {
            (Some(_), Some(scope)) => scope.scope.preflight(request),
            (Some(_), None) => Scope::new().preflight(request),
            (None, _) => Preflight::Passes,
        }
    }

    /// Whether a request may pass from outside to what is below the guard. `scope` is what the guard [entered](Self::enter),
    /// or else the outer scope. `route` is the pattern that matched the request, if it matters
    /// ([`has_exceptions`](Self::has_exceptions)) and is known.
    ///
    /// # Errors
    ///
    /// Those of [`Visits::require`], and the answer to a preflight that may not pass. None if there is no requirement.
    pub async fn admit(
        &self,
        visits: Option<&Visits>,
        request: &impl Head,
        route: Option<&str>,
        scope: Option<&ScopeFor<U>>,
        remedy: &str,
    ) -> Result<(), Refusal> {
        if self.is_public(visits, request, route, scope) {
            return Ok(());
        }
        match (self.preflight(scope, request), &self.requirement) {
            (Preflight::Refused(response), _) => {
                if let Some(visit) = visits.and_then(|visits| visits.iter().next()) {
                    visit.note_denial();
                }
                Err(Refusal::Denied(response))
            }
            (Preflight::No, Some(requirement)) => {
                Visits::require(visits, request, requirement, scope, remedy)
                    .await
                    .map(drop)
            }
            (Preflight::Passes, _) | (Preflight::No, None) => Ok(()),
        }
    }

    /// Whether all visitors may pass.
    fn is_public(
        &self,
        visits: Option<&Visits>,
        request: &impl Head,
        route: Option<&str>,
        scope: Option<&ScopeFor<U>>,
    ) -> bool {
        let Some(public) = &self.public else {
            return false;
        };
        let nothing = Scope::new();
        let scope = scope.map_or(&nothing, |scope| &scope.scope);
        let visit = || visits?.iter().find(|visit| visit.is_for::<U>());
        public.admits(request, route) || visit().is_some_and(|it| it.is_login_page(request, scope))
    }

    /// The requirement.
    pub fn requirement(&self) -> Option<&Requirement<U>> {
        self.requirement.as_ref()
    }
}

impl<U> Clone for GuardRules<U> {
    fn clone(&self) -> Self {
        Self {
            requirement: self.requirement.clone(),
            scope: self.scope.clone(),
            without_use: self.without_use,
            public: self.public.clone(),
        }
    }
}

impl<U> fmt::Debug for GuardRules<U> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("GuardRules")
            .field("requirement", &self.requirement)
            .field("scope", &self.scope)
            .field("without_use", &self.without_use)
            .field("public", &self.public)
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use futures_lite::future::block_on;

    use super::*;

    struct Member {
        is_admin: bool,
    }

    impl User for Member {
        fn id(&self) -> String {
            "1".to_owned()
        }
    }

    const HOUR: Duration = Duration::from_secs(3600);

    /// The current user: whether they are an administrator, and whether their login is as fresh as required.
    type Found = Option<(bool, bool)>;
    const NOBODY: Found = None;
    const STALE: Found = Some((false, false));
    const FRESH: Found = Some((false, true));
    const STALE_ADMIN: Found = Some((true, false));
    const FRESH_ADMIN: Found = Some((true, true));

    #[test]
    fn what_is_required_decides_which_denial_follows() {
        let login = Requirement::login;
        let fresh = Requirement::fresh_login;
        let admin = |member: &Member| member.is_admin;
        let stale = |within| Some(Denied::FreshLoginRequired { within });
        let (anonymous, forbidden) = (Some(Denied::LoginRequired), Some(Denied::Forbidden));
        type Row = (Requirement<Member>, [(Found, Option<Denied>); 5]);
        let table: [Row; 5] = [
            (
                login(),
                [
                    (NOBODY, anonymous),
                    (STALE, None),
                    (FRESH, None),
                    (STALE_ADMIN, None),
                    (FRESH_ADMIN, None),
                ],
            ),
            (
                fresh(None),
                [
                    (NOBODY, anonymous),
                    (STALE, stale(None)),
                    (FRESH, None),
                    (STALE_ADMIN, stale(None)),
                    (FRESH_ADMIN, None),
                ],
            ),
            (
                login().and(admin),
                [
                    (NOBODY, anonymous),
                    (STALE, forbidden),
                    (FRESH, forbidden),
                    (STALE_ADMIN, None),
                    (FRESH_ADMIN, None),
                ],
            ),
            (
                // The user is asked to prove themselves before being told that it would not have helped.
                fresh(Some(HOUR)).and(admin),
                [
                    (NOBODY, anonymous),
                    (STALE, stale(Some(HOUR))),
                    (FRESH, forbidden),
                    (STALE_ADMIN, stale(Some(HOUR))),
                    (FRESH_ADMIN, None),
                ],
            ),
            (
                login().and(admin).and(|_| false),
                [
                    (NOBODY, anonymous),
                    (STALE, forbidden),
                    (FRESH, forbidden),
                    (STALE_ADMIN, forbidden),
                    (FRESH_ADMIN, forbidden),
                ],
            ),
        ];
        for (requirement, cases) in table {
            for (found, expected) in cases {
                let found_as = format!("{requirement:?} {found:?}");
                let found = found.map(|(is_admin, fresh)| (Arc::new(Member { is_admin }), fresh));
                let admitted = block_on(requirement.admit(found)).unwrap();
                assert_eq!(admitted.err(), expected, "{found_as}");
            }
        }
    }

    #[test]
    fn a_permission_that_is_asked_for_is_granted_denied_or_not_known() {
        let asking = |answer: Result<bool, &'static str>| {
            Requirement::login()
                .and(|member: &Member| member.is_admin)
                .and_asked(move |_| async move { Ok(answer?) })
        };
        let admit = |requirement: Requirement<Member>, found: Found| {
            let found = found.map(|(is_admin, fresh)| (Arc::new(Member { is_admin }), fresh));
            let admitted = block_on(requirement.admit(found));
            admitted
                .map(|admitted| admitted.err())
                .map_err(|error| error.kind())
        };
        let unknown = Err(ErrorKind::LoaderFailed);
        for (answer, found, expected) in [
            (Ok(true), FRESH_ADMIN, Ok(None)),
            (Ok(false), FRESH_ADMIN, Ok(Some(Denied::Forbidden))),
            (Err("the database is away"), FRESH_ADMIN, unknown),
            // The test is not asked if the visitor may not pass anyway.
            (Err("it is asked"), FRESH, Ok(Some(Denied::Forbidden))),
            (Err("it is asked"), NOBODY, Ok(Some(Denied::LoginRequired))),
        ] {
            assert_eq!(
                admit(asking(answer), found),
                expected,
                "{answer:?} {found:?}"
            );
        }
    }

    #[test]
    fn a_refusal_is_answered_and_described_by_what_it_is() {
        let denied = Response::builder()
            .status(303)
            .body("away".to_owned())
            .unwrap();
        let denied = Refusal::Denied(Box::new(denied));
        let error = Error::new(crate::ErrorKind::LoaderFailed, "nobody knows");
        let error = Refusal::from(error);
        for (refusal, status, body, is_error, text) in [
            (denied, 303, "away", false, "denied with 303 See Other"),
            (error, 503, "nobody knows", true, "nobody knows"),
        ] {
            let response = refusal.to_response();
            assert_eq!(
                (response.status().as_u16(), response.body().as_str()),
                (status, body)
            );
            assert_eq!(
                (refusal.error().is_some(), refusal.to_string().as_str()),
                (is_error, text)
            );
        }
    }

    #[test]
    fn a_guards_settings_add_up_to_one_requirement() {
        let rules = || GuardRules::<Member>::new(None);
        assert!(rules().requirement().is_none());
        let of = |rules: GuardRules<Member>| {
            let requirement = rules.requirement().unwrap().clone();
            (requirement.needs, requirement.tests.len())
        };
        assert_eq!(
            of(rules().fresh_within(HOUR)),
            (Needs::FreshLogin(Some(HOUR)), 0)
        );
        assert_eq!(of(rules().require(|_| true)), (Needs::Login, 1));
        let tested_then_fresh = rules().require(|_| true).fresh_within(HOUR);
        assert_eq!(of(tested_then_fresh), (Needs::FreshLogin(Some(HOUR)), 1));
        let fresh = GuardRules::new(Some(Requirement::fresh_login(None)));
        assert_eq!(of(fresh.require(|_| true)), (Needs::FreshLogin(None), 1));
        let pending = GuardRules::new(Some(Requirement::pending_login()));
        assert_eq!(
            of(pending.clone().require(|_| true)),
            (Needs::PendingLogin, 1)
        );
        assert_eq!(
            of(pending.except(&PublicRoutes::new())),
            (Needs::PendingLogin, 0)
        );
    }

    #[test]
    fn a_preflight_is_refused_where_something_is_required_unless_a_scope_lets_it_pass() {
        let (preflight, ()) = http::Request::options("/")
            .header("origin", "https://other.example")
            .header("access-control-request-method", "DELETE")
            .body(())
            .unwrap()
            .into_parts();
        let (plain, ()) = http::Request::get("/").body(()).unwrap().into_parts();
        let login = || GuardRules::<Member>::new(Some(Requirement::login()));
        let lets_pass = |rules: GuardRules<Member>| rules.scope(Scope::let_preflights_pass);
        let open = GuardRules::<Member>::new(None);
        let cases = [
            (login(), None, ["No", "Refused"]),
            (lets_pass(login()), None, ["No", "Passes"]),
            (login(), Some(lets_pass(open.clone())), ["No", "Passes"]),
            (open.clone(), None, ["Passes", "Passes"]),
            (open.clone(), Some(login()), ["Passes", "Passes"]),
        ];
        for (rules, outer, expected) in cases {
            let outer = outer.and_then(|outer| outer.enter(None, None));
            let scope = rules.enter(None, outer.as_ref());
            let scope = scope.as_ref().or(outer.as_ref());
            for (request, expected) in [&plain, &preflight].into_iter().zip(expected) {
                let preflight = rules.preflight(scope, request);
                let found = match preflight {
                    Preflight::No => "No",
                    Preflight::Passes => "Passes",
                    Preflight::Refused(response) => {
                        assert_eq!(response.status(), 403);
                        "Refused"
                    }
                };
                assert_eq!(found, expected, "{rules:?} {}", request.method);
                // A requirement that has to ask needs a manager, and there is none.
                let admitted = rules.admit(None, request, None, scope, "add a layer");
                let admitted = match futures_lite::future::block_on(admitted) {
                    Ok(()) => "Passes",
                    Err(Refusal::Denied(response)) => {
                        assert_eq!(response.status(), 403);
                        "Refused"
                    }
                    Err(Refusal::Error(error)) => {
                        assert_eq!(error.kind(), crate::ErrorKind::MissingLayer);
                        "No"
                    }
                };
                assert_eq!(admitted, expected, "{rules:?} {}", request.method);
            }
        }
    }

    #[test]
    fn the_innermost_scope_that_says_something_wins() {
        let rules = || GuardRules::<Member>::new(None);
        let outer = rules().scope(|scope| scope.login_view("/outer").refresh_view("/again"));
        let inner = rules().scope(|scope| scope.login_view("/inner"));
        let silent = rules();
        let scope = outer.enter(None, None);
        let scope = inner.enter(None, scope.as_ref());
        assert!(silent.enter(None, scope.as_ref()).is_none());
        let text = format!("{scope:?}");
        assert!(text.contains("/inner") && text.contains("/again"), "{text}");
        assert!(!text.contains("/outer"), "{text}");
    }
}
