//! A site's description for a door.

use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use housekey::{AnswerAs, Error, Flash, Login, LoginManager, PublicRoutes, Session};
use http::Response;

use crate::door::Local;
use crate::handlers::Who;
use crate::people::{Member, Members, Staff};

/// The parts of an application: the routes of every site, which [`Door`](crate::Door) lists, and these.
#[derive(Clone)]
pub struct Plan {
    /// Which one it is.
    pub(crate) number: usize,
    /// The manager whose layer is around all routes. `None` for no layer.
    pub members: Option<LoginManager<Member>>,
    /// The manager of the routes for staff, and the one of [`Layer::Staff`].
    pub staff: Option<LoginManager<Staff>>,
    /// The table, for handlers.
    pub table: Members,
    /// More pages.
    pub pages: Vec<Page>,
    /// A guard around all routes, inside the managers' layers, and the routes that it leaves open (`except`).
    pub closed: Option<(Guard, PublicRoutes)>,
}

impl Plan {
    pub(crate) fn new(
        members: Option<LoginManager<Member>>,
        staff: Option<LoginManager<Staff>>,
        table: Members,
        pages: Vec<Page>,
    ) -> Self {
        static PLANS: AtomicUsize = AtomicUsize::new(0);
        Self {
            number: PLANS.fetch_add(1, Ordering::Relaxed),
            members,
            staff,
            table,
            pages,
            closed: None,
        }
    }
}

/// A page, which answers every method.
#[derive(Clone)]
pub struct Page {
    /// The path, below all of [`Layer::Below`]. A part in braces matches anything except `/`, and [`ELSEWHERE`] everything
    /// without a route of its own.
    pub path: &'static str,
    /// What a request passes before it gets there, the innermost first.
    pub behind: Vec<Layer>,
    /// What the page does.
    pub does: Does,
}

/// The path of a page for all requests without another route.
pub const ELSEWHERE: &str = "*";

/// What a request passes on its way to a page.
#[derive(Clone)]
pub enum Layer {
    /// A guard of the door's for members.
    Guard(Guard),
    /// The inner part is a separate application below this path, nested in the framework's way.
    Below(&'static str),
    /// The layer of the staff's manager.
    Staff,
}

/// What a page does.
#[derive(Clone)]
pub enum Does {
    /// Uses nothing and gives this answer.
    Answers(Response<String>),
    /// Uses these extractors in order, and returns what it got, joined by `; `.
    Asks(Vec<Ask>),
    /// Uses the extractors for [`Given`] and does this. The door answers its error.
    Acts(Action),
}

/// What a handler does with its extractors.
pub type Action = Arc<dyn Fn(Given) -> Local<Result<Response<String>, Error>> + Send + Sync>;

/// What the door's extractors pass to an [`Action`].
pub struct Given {
    /// From the door's `Login<Member>`.
    pub login: Login<Member>,
    /// From the door's `Session`.
    pub session: Session,
    /// From the door's `Flash`.
    pub flash: Flash,
    /// The path of the request.
    pub path: String,
    /// The body of the request.
    pub body: String,
    /// Asks the door's `CurrentUser<Member>` for the request's user. An error has its kind and its text.
    pub who: Rc<dyn Fn() -> Local<Result<Who, Error>>>,
}

/// What a page extracts.
#[derive(Clone, Copy, Debug)]
pub struct Ask {
    /// With this extractor.
    pub extractor: Extractor,
    /// For this user type.
    pub of: Of,
    /// Inside `WithoutUse`.
    pub without_use: bool,
}

/// An extractor, and what a page returns with it.
#[derive(Clone, Copy, Debug)]
pub enum Extractor {
    /// [`Who`].
    CurrentUser,
    /// The id.
    LoginRequired,
    /// In an `Option`: the id or `nobody`.
    OptionalLoginRequired,
    /// The id.
    FreshLoginRequired,
    /// The id, with `to confirm` for a confirmation.
    PendingLogin,
    /// Nothing.
    Login,
    /// The keys, with spaces between them.
    Session,
    /// [`said`](crate::said).
    Flash,
    /// The address as `{:?}` shows it.
    NextUrl,
}

/// The user type that an extractor names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Of {
    /// `Member`.
    Members,
    /// `Staff`.
    Staff,
    /// No type: only for a session, messages and a `NextUrl`.
    Anybody,
}

/// A guard, as the door's functions of these names make it.
#[derive(Clone, Debug)]
pub struct Guard {
    /// The function.
    pub requires: Requires,
    /// The methods to call on it, in this order.
    pub rules: Vec<Rule>,
}

/// The first part of a guard.
#[derive(Clone, Copy, Debug)]
pub enum Requires {
    /// `login_scope`.
    Nothing,
    /// `login_required`.
    Login,
    /// `fresh_login_required`.
    FreshLogin,
    /// `pending_login_required`.
    PendingLogin,
}

/// A method of a guard.
#[derive(Clone, Copy, Debug)]
pub enum Rule {
    /// `fresh_within`.
    FreshWithin(Duration),
    /// `require`.
    Require(fn(&Member) -> bool),
    /// `require_async`, which returns this.
    RequireAsync(fn(&Member) -> Result<bool, &'static str>),
    /// `login_view`.
    LoginView(&'static str),
    /// `no_login_view`.
    NoLoginView,
    /// `refresh_view`.
    RefreshView(&'static str),
    /// `answer_as`.
    AnswerAs(AnswerAs),
    /// `without_use`.
    WithoutUse,
    /// `let_preflights_pass`.
    LetPreflightsPass,
}

/// A page that returns this and uses no extractor.
pub(crate) fn says(path: &'static str, text: &str) -> Page {
    answers(path, Response::new(text.to_owned()))
}

/// A page that gives this answer and uses no extractor.
pub(crate) fn answers(path: &'static str, answer: Response<String>) -> Page {
    Page::new(path, Does::Answers(answer))
}

/// A page that uses these extractors.
pub(crate) fn asks<A: Into<Ask>>(
    path: &'static str,
    extractors: impl IntoIterator<Item = A>,
) -> Page {
    let asks = extractors.into_iter().map(Into::into).collect();
    Page::new(path, Does::Asks(asks))
}

/// A page that does this.
pub(crate) fn acts<R: IntoAnswer>(
    path: &'static str,
    act: impl AsyncFn(Given) -> R + Send + Sync + 'static,
) -> Page {
    let act = Arc::new(act);
    let action = move |given: Given| -> Local<_> {
        let act = Arc::clone(&act);
        Box::pin(async move { act(given).await.into_answer() })
    };
    Page::new(path, Does::Acts(Arc::new(action)))
}

impl Page {
    fn new(path: &'static str, does: Does) -> Self {
        Self {
            path,
            behind: Vec::new(),
            does,
        }
    }

    /// Puts a guard around everything so far.
    pub(crate) fn behind(mut self, guard: Guard) -> Self {
        self.behind.push(Layer::Guard(guard));
        self
    }

    /// Nests everything so far below a path.
    pub(crate) fn below(mut self, path: &'static str) -> Self {
        self.behind.push(Layer::Below(path));
        self
    }

    /// Puts the layer of the staff's manager around everything so far.
    pub(crate) fn for_staff(mut self) -> Self {
        self.behind.push(Layer::Staff);
        self
    }
}

impl Given {
    /// The current user, from the door's extractor.
    pub(crate) async fn who(&self) -> Result<Who, Error> {
        (self.who)().await
    }

    /// The last part of the path.
    pub(crate) fn key(&self) -> &str {
        self.path.rsplit('/').next().unwrap()
    }
}

impl Extractor {
    pub(crate) fn of(self, of: Of) -> Ask {
        Ask { of, ..self.into() }
    }

    pub(crate) fn without_use(self) -> Ask {
        Ask {
            without_use: true,
            ..self.into()
        }
    }
}

impl From<Extractor> for Ask {
    fn from(extractor: Extractor) -> Self {
        let of = match extractor {
            Extractor::Session | Extractor::Flash | Extractor::NextUrl => Of::Anybody,
            _ => Of::Members,
        };
        Self {
            extractor,
            of,
            without_use: false,
        }
    }
}

pub(crate) fn login_required() -> Guard {
    Guard::new(Requires::Login)
}

pub(crate) fn fresh_login_required() -> Guard {
    Guard::new(Requires::FreshLogin)
}

pub(crate) fn pending_login_required() -> Guard {
    Guard::new(Requires::PendingLogin)
}

pub(crate) fn login_scope() -> Guard {
    Guard::new(Requires::Nothing)
}

impl Guard {
    fn new(requires: Requires) -> Self {
        let rules = Vec::new();
        Self { requires, rules }
    }

    fn with(mut self, rule: Rule) -> Self {
        self.rules.push(rule);
        self
    }

    pub(crate) fn fresh_within(self, within: Duration) -> Self {
        self.with(Rule::FreshWithin(within))
    }

    pub(crate) fn require(self, test: fn(&Member) -> bool) -> Self {
        self.with(Rule::Require(test))
    }

    pub(crate) fn require_async(self, ask: fn(&Member) -> Result<bool, &'static str>) -> Self {
        self.with(Rule::RequireAsync(ask))
    }

    pub(crate) fn login_view(self, view: &'static str) -> Self {
        self.with(Rule::LoginView(view))
    }

    pub(crate) fn no_login_view(self) -> Self {
        self.with(Rule::NoLoginView)
    }

    pub(crate) fn refresh_view(self, view: &'static str) -> Self {
        self.with(Rule::RefreshView(view))
    }

    pub(crate) fn answer_as(self, answer: AnswerAs) -> Self {
        self.with(Rule::AnswerAs(answer))
    }

    pub(crate) fn without_use(self) -> Self {
        self.with(Rule::WithoutUse)
    }

    pub(crate) fn let_preflights_pass(self) -> Self {
        self.with(Rule::LetPreflightsPass)
    }
}

/// The result of an action.
pub(crate) trait IntoAnswer {
    fn into_answer(self) -> Result<Response<String>, Error>;
}

impl IntoAnswer for () {
    fn into_answer(self) -> Result<Response<String>, Error> {
        Ok(Response::default())
    }
}

impl IntoAnswer for &str {
    fn into_answer(self) -> Result<Response<String>, Error> {
        self.to_owned().into_answer()
    }
}

impl IntoAnswer for String {
    fn into_answer(self) -> Result<Response<String>, Error> {
        Ok(Response::new(self))
    }
}

/// Only a status.
impl IntoAnswer for u16 {
    fn into_answer(self) -> Result<Response<String>, Error> {
        let answer = Response::builder().status(self);
        Ok(answer.body(String::new()).unwrap())
    }
}

impl IntoAnswer for Response<String> {
    fn into_answer(self) -> Result<Response<String>, Error> {
        Ok(self)
    }
}

impl<T: IntoAnswer> IntoAnswer for Result<T, Error> {
    fn into_answer(self) -> Result<Response<String>, Error> {
        self?.into_answer()
    }
}
