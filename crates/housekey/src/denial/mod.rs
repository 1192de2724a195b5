//! How a denied request is answered, in a form that its client can use.
//!
//! The decision, first match wins:
//!
//! 1. The routes' own setting ([`Scope::answer_as`]) beats every header.
//! 2. `Sec-Fetch-Mode: navigate`: a person, since no script can set it.
//! 3. htmx that restores a page of its history (`HX-History-Restore-Request`): a person, because htmx shows the answer as the
//!    whole page.
//! 4. htmx (`HX-Request`): 401 with `HX-Redirect`, which it follows with the whole page. A redirect would be swapped
//!    into the fragment.
//! 5. A Turbo frame, the opening of a WebSocket, `X-Requested-With: XMLHttpRequest`, or a body of JSON: 401.
//! 6. Turbo (`X-Turbo-Request-Id`, or its streams in `Accept`) that asks for HTML: a person, because Turbo follows links in
//!    the person's place.
//! 7. Any other `Sec-Fetch-Mode`: 401.
//! 8. `Accept`: a person's browser asks for HTML by name.
//!
//! A person is sent to the login page with 303, never with 307 or 308, with which the browser would post the form again, to the
//! login page. Everything else is 401 with `WWW-Authenticate` and `application/problem+json`. A user who is logged in and lacks a
//! right gets 403, and is never sent to the login page, which would send them back.
//!
//! [`Question::decide`] decides and changes nothing; [`render`] makes a response of the decision. The decision includes the
//! message and the return address that the session should keep; the visit stores them.

mod discard;
mod negotiate;
mod render;
mod scope;

pub(crate) use discard::worth_discarding;
pub use scope::{Preflight, Scope};

use std::borrow::Cow;
use std::ops::Deref;
use std::time::Duration;

use http::StatusCode;
use http::header::{self, HeaderName, HeaderValue};
use http::uri::PathAndQuery;

use crate::error::{Form, Told};
use crate::head::{Head, VARY_OF_DENIAL, text};
use crate::next_url::LoginView;
use crate::origin::Origin;
use crate::policy::Policy;
use crate::session::FlashMessage;
use crate::settings::AnswerAs;

use negotiate::Asker;
use scope::View;

const HX_BOOSTED: HeaderName = HeaderName::from_static("hx-boosted");
const HX_CURRENT_URL: HeaderName = HeaderName::from_static("hx-current-url");

/// The form of an answer that is not a denial but is negotiated like one.
pub(crate) fn told(answer: AnswerAs, request: &impl Head) -> Told {
    let by = match answer {
        AnswerAs::Api => Form::Problem,
        AnswerAs::Page | AnswerAs::Flask => Form::Page,
        AnswerAs::Negotiated => match Asker::of(request) {
            Asker::Person | Asker::Htmx | Asker::Fragment => Form::Page,
            Asker::Program => Form::Problem,
        },
    };
    let vary = (answer == AnswerAs::Negotiated).then_some(VARY_OF_DENIAL);
    Told { by, vary }
}

/// Why a request is denied.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Denied {
    /// Nobody is logged in.
    LoginRequired,
    /// The login is not fresh.
    FreshLoginRequired {
        /// The greatest age of a proof that the route accepts, if it sets one.
        within: Option<Duration>,
    },
    /// The page is for the second step of a login, and none has begun.
    PendingLoginRequired,
    /// The user is logged in and lacks the right.
    Forbidden,
}

/// A denied request, and everything that its answer depends on.
pub(crate) struct Question<'a, H> {
    pub(crate) policy: &'a Policy,
    pub(crate) request: &'a H,
    /// The request's target as its client wrote it: before a router or a proxy took a prefix off.
    pub(crate) target: Option<&'a PathAndQuery>,
    /// Whether nobody may ever see the answer.
    pub(crate) unseen: bool,
    pub(crate) denied: Denied,
    pub(crate) scope: &'a Scope,
}

/// The answer to such a request, and what the session should keep of it.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Denial<'a> {
    pub(crate) denied: Denied,
    pub(crate) status: StatusCode,
    pub(crate) content: Content,
    /// Whether the answer depends on who is asking.
    pub(crate) is_negotiated: bool,
    /// What the next page should say.
    pub(crate) message: Option<&'a FlashMessage>,
    /// Where to go after logging in, if the session should keep that.
    pub(crate) next: Option<Cow<'a, str>>,
}

/// What an answer consists of.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Content {
    /// `Location`, and no text.
    Location(HeaderValue),
    /// A page that says why, and for htmx `HX-Redirect`.
    Page { hx_redirect: Option<HeaderValue> },
    /// problem+json, with the greatest age that the route accepts.
    Problem { max_age: Option<Duration> },
}

const PLAIN_PAGE: Content = Content::Page { hx_redirect: None };

/// The login page's URL with the return address in it, or beside it.
struct LoginPage<'a> {
    url: HeaderValue,
    next: Option<Cow<'a, str>>,
}

/// The page to go to: the manager's, or that of a scope.
enum Ready<'a> {
    Own(&'a LoginView),
    Scoped(LoginView),
}

impl Deref for Ready<'_> {
    type Target = LoginView;

    fn deref(&self) -> &LoginView {
        match self {
            Self::Own(view) => view,
            Self::Scoped(view) => view,
        }
    }
}

impl<'a, H: Head> Question<'a, H> {
    /// The answer. Changes nothing.
    pub(crate) fn decide(&self) -> Denial<'a> {
        let answer = self
            .scope
            .answer_as
            .unwrap_or(self.policy.settings.answer_as);
        let denial = match answer {
            AnswerAs::Api => self.refuse(self.problem()),
            AnswerAs::Page => self.redirect(StatusCode::SEE_OTHER, self.way_back()),
            // Flask-Login sends the return address for every method.
            AnswerAs::Flask => self.redirect(StatusCode::FOUND, self.own_target()),
            AnswerAs::Negotiated => match Asker::of(self.request) {
                Asker::Htmx => self.redirect_htmx(),
                Asker::Person => self.redirect(StatusCode::SEE_OTHER, self.way_back()),
                Asker::Fragment => self.refuse(PLAIN_PAGE),
                Asker::Program => self.refuse(self.problem()),
            },
        };
        Denial {
            is_negotiated: answer == AnswerAs::Negotiated,
            ..denial
        }
    }

    /// To the login page, or a plain refusal if there is none or this is it.
    fn redirect(&self, status: StatusCode, next: Option<Cow<'a, str>>) -> Denial<'a> {
        match self.login_page(next) {
            Some(page) => Denial {
                status,
                message: self.message(),
                next: page.next,
                ..self.refuse(Content::Location(page.url))
            },
            None => self.refuse(PLAIN_PAGE),
        }
    }

    /// htmx looks at `HX-Redirect` before the status, so the status can be a 401 for other programs.
    fn redirect_htmx(&self) -> Denial<'a> {
        match self.login_page(self.way_back_of_htmx()) {
            Some(page) => Denial {
                message: self.message(),
                next: page.next,
                ..self.refuse(Content::Page {
                    hx_redirect: Some(page.url),
                })
            },
            None => self.refuse(PLAIN_PAGE),
        }
    }

    fn refuse(&self, content: Content) -> Denial<'a> {
        Denial {
            denied: self.denied,
            status: match self.denied {
                Denied::LoginRequired
                | Denied::FreshLoginRequired { .. }
                | Denied::PendingLoginRequired => StatusCode::UNAUTHORIZED,
                Denied::Forbidden => StatusCode::FORBIDDEN,
            },
            content,
            is_negotiated: false,
            message: None,
            next: None,
        }
    }

    fn problem(&self) -> Content {
        let max_age = match self.denied {
            Denied::FreshLoginRequired { within } => within.or(self.policy.settings.fresh_within),
            Denied::LoginRequired | Denied::PendingLoginRequired | Denied::Forbidden => None,
        };
        Content::Problem { max_age }
    }

    /// The page to go to. `None` if there is none, if it would lead straight back here, or if it would not help.
    fn view(&self) -> Option<Ready<'a>> {
        self.page().filter(|view| !self.is_here(view))
    }

    /// The page that helps: to log in, or to prove oneself again.
    fn page(&self) -> Option<Ready<'a>> {
        let (scoped, own) = match self.denied {
            Denied::LoginRequired | Denied::PendingLoginRequired => {
                (&self.scope.login_view, &self.policy.login_view)
            }
            Denied::FreshLoginRequired { .. } => {
                (&self.scope.refresh_view, &self.policy.refresh_view)
            }
            Denied::Forbidden => return None,
        };
        match scoped {
            Some(View::At(view)) => Some(Ready::Scoped(Policy::view(&self.policy.settings, view))),
            Some(View::Nowhere) => None,
            None => own.as_ref().map(Ready::Own),
        }
    }

    /// Whether the request is for the page that would help.
    pub(crate) fn is_for_its_page(&self) -> bool {
        self.page().is_some_and(|page| self.is_here(&page))
    }

    /// Whether a view is the requested page. Query and fragment do not matter.
    fn is_here(&self, view: &Ready<'_>) -> bool {
        let here = self.target.map_or("", |target| target.path());
        view.is_page(here, |origin| origin.is_called_by(self.request))
    }

    /// None if nobody sees the answer: the next page would show the message out of place.
    fn message(&self) -> Option<&'a FlashMessage> {
        let settings = &self.policy.settings;
        let message = match self.denied {
            Denied::LoginRequired | Denied::PendingLoginRequired => settings.login_message.as_ref(),
            Denied::FreshLoginRequired { .. } | Denied::Forbidden => {
                settings.needs_refresh_message.as_ref()
            }
        };
        message.filter(|_| !self.unseen)
    }

    fn login_page(&self, next: Option<Cow<'a, str>>) -> Option<LoginPage<'a>> {
        let (view, settings) = (self.view()?, &self.policy.settings);
        // After both steps, the page of the second one is of no use.
        let leads_back = self.denied != Denied::PendingLoginRequired;
        let next = next.filter(|next| leads_back && self.policy.is_safe_next(next));
        let (in_url, kept) = match settings.next_in_session {
            true => (None, next.filter(|_| !self.unseen)),
            false => (next, None),
        };
        Some(LoginPage {
            url: HeaderValue::try_from(view.url(in_url.as_deref())).ok()?,
            next: kept,
        })
    }

    /// Where the person was going, or for a posted form the page that it was on.
    fn way_back(&self) -> Option<Cow<'a, str>> {
        if matches!(self.request.method(), "GET" | "HEAD") {
            return self.own_target();
        }
        let page = self.same_origin_path(self.request.field(&header::REFERER)?)?;
        Some(page.into())
    }

    /// A link that htmx follows in the browser's place leads to its target. Everything else is part of the current page, or a
    /// form on it.
    fn way_back_of_htmx(&self) -> Option<Cow<'a, str>> {
        let is_boosted = self
            .request
            .field(&HX_BOOSTED)
            .is_some_and(|value| value.eq_ignore_ascii_case(b"true"));
        if is_boosted && matches!(self.request.method(), "GET" | "HEAD") {
            return self.own_target();
        }
        let page = self.same_origin_path(self.request.field(&HX_CURRENT_URL)?)?;
        Some(page.into())
    }

    fn own_target(&self) -> Option<Cow<'a, str>> {
        self.target.map(written_out)
    }

    /// The path of a URL that the client sent, if it is on the host that the client called.
    fn same_origin_path(&self, url: &[u8]) -> Option<String> {
        let (origin, rest) = Origin::split(text(url)?)?;
        let target = rest.split('#').next().unwrap_or_default();
        let path = match target.starts_with('/') {
            true => target.to_owned(),
            false => format!("/{target}"),
        };
        origin.is_called_by(self.request).then_some(path)
    }
}

/// As it is displayed: a query right behind the host gets its slash.
fn written_out(target: &PathAndQuery) -> Cow<'_, str> {
    match target.as_str() {
        path if path.starts_with('/') => path.into(),
        _ => target.to_string().into(),
    }
}
