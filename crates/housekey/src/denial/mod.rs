//! What someone who may not pass is answered, so that whoever asked can make use of it.
//!
//! The decision, first match wins:
//!
//! 1. The routes' own word ([`Scope::answer_as`]) beats every header.
//! 2. `Sec-Fetch-Mode: navigate`: a person, since no script can set it.
//! 3. htmx that restores a page of its history (`HX-History-Restore-Request`): a person, who sees what comes as the whole
//!    page.
//! 4. htmx (`HX-Request`): 401 with `HX-Redirect`, which it follows with the whole page. A redirect would be swapped
//!    into the fragment.
//! 5. A Turbo frame, the opening of a WebSocket, `X-Requested-With: XMLHttpRequest`, or a body of JSON: 401.
//! 6. Turbo (`X-Turbo-Request-Id`, or its streams in `Accept`) that asks for HTML: a person, in whose place it goes on.
//! 7. Any other `Sec-Fetch-Mode`: 401.
//! 8. `Accept`: a person's browser asks for HTML by name.
//!
//! A person is sent to the login page with 303, never with 307 or 308, which would post the form again, to there.
//! Everything else is 401 with `WWW-Authenticate` and `application/problem+json`. Who is signed in and lacks a right
//! gets 403 and is never sent to the login page, which would send them back.

mod discard;
mod negotiate;

use std::borrow::Cow;
use std::time::Duration;

use http::header::{self, HeaderName, HeaderValue};
use http::request::Parts;
use http::uri::PathAndQuery;
use http::{Method, Response, StatusCode};

use crate::event::Event;
use crate::next_url::{build_login_url, path_of};
use crate::origin::Origin;
use crate::policy::Policy;
use crate::session::keys;
use crate::settings::AnswerAs;
use crate::visit::OpenVisit;

use negotiate::Asker;

const HX_BOOSTED: HeaderName = HeaderName::from_static("hx-boosted");
const HX_CURRENT_URL: HeaderName = HeaderName::from_static("hx-current-url");
const HX_REDIRECT: HeaderName = HeaderName::from_static("hx-redirect");

/// Why somebody may not pass.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Denied {
    /// Nobody is logged in.
    LoginRequired,
    /// The login is not fresh. With the age that was asked for, if one was.
    FreshLoginRequired {
        /// How long ago they may have proved themselves at most.
        within: Option<Duration>,
    },
    /// They are logged in and lack the right.
    Forbidden,
}

/// Settings for some of the routes, in place of the manager's. What an inner scope leaves open, the outer one decides.
#[derive(Clone, Debug, Default)]
pub struct Scope {
    login_view: Option<View>,
    refresh_view: Option<View>,
    answer_as: Option<AnswerAs>,
    lets_preflights_pass: bool,
}

#[derive(Clone, Debug)]
enum View {
    At(String),
    /// Nowhere: 401.
    Nowhere,
}

impl Scope {
    /// Nothing set: everything is as outside.
    pub fn new() -> Self {
        Self::default()
    }

    /// Another login page (`blueprint_login_views`).
    ///
    /// # Panics
    ///
    /// When it is neither a path nor an absolute URL. Scopes are made at start, where that is noticed at once.
    #[must_use]
    pub fn login_view(mut self, view: &str) -> Self {
        self.login_view = Some(View::checked("login_view", view));
        self
    }

    /// No login page: 401 for everybody.
    #[must_use]
    pub fn no_login_view(mut self) -> Self {
        self.login_view = Some(View::Nowhere);
        self
    }

    /// Another page to prove oneself again.
    ///
    /// # Panics
    ///
    /// As [`login_view`](Self::login_view).
    #[must_use]
    pub fn refresh_view(mut self, view: &str) -> Self {
        self.refresh_view = Some(View::checked("refresh_view", view));
        self
    }

    /// Who is asking, whatever the headers say.
    #[must_use]
    pub fn answer_as(mut self, answer: AnswerAs) -> Self {
        self.answer_as = Some(answer);
        self
    }

    /// Lets CORS preflights pass the guards, for a program below them that answers preflights itself.
    #[must_use]
    pub fn let_preflights_pass(mut self) -> Self {
        self.lets_preflights_pass = true;
        self
    }

    /// What a guard does with this request before it asks who is there.
    pub fn preflight(&self, request: &Parts) -> Preflight {
        match is_preflight(request) {
            false => Preflight::No,
            true if self.lets_preflights_pass => Preflight::Passes,
            true => Preflight::Refused(Box::new(refuse_preflight())),
        }
    }

    /// This scope inside another one.
    #[must_use]
    pub fn within(&self, outer: &Self) -> Self {
        Self {
            login_view: self.login_view.clone().or_else(|| outer.login_view.clone()),
            refresh_view: self
                .refresh_view
                .clone()
                .or_else(|| outer.refresh_view.clone()),
            answer_as: self.answer_as.or(outer.answer_as),
            lets_preflights_pass: self.lets_preflights_pass || outer.lets_preflights_pass,
        }
    }
}

impl View {
    fn checked(name: &str, view: &str) -> Self {
        if let Err(error) = crate::next_url::check_view(name, Some(view)) {
            panic!("{error}");
        }
        Self::At(view.to_owned())
    }
}

/// Whether a request is a CORS preflight, and what becomes of it at a guard.
#[derive(Debug)]
pub enum Preflight {
    /// It is none: the guard asks who is there.
    No,
    /// It goes on without a login.
    Passes,
    /// The guard answers with this.
    Refused(Box<Response<String>>),
}

/// A preflight carries no cookies by design and asks for nothing but permission to ask. No other OPTIONS request is one.
fn is_preflight(request: &Parts) -> bool {
    request.method == Method::OPTIONS
        && request.headers.contains_key(header::ORIGIN)
        && request
            .headers
            .contains_key(header::ACCESS_CONTROL_REQUEST_METHOD)
}

/// Anybody can send two headers, so what is behind the guard must not run for them. The same for everybody, signed in or
/// not, and without a CORS header, so that the browser sends no request to follow.
fn refuse_preflight() -> Response<String> {
    let mut response = Response::new(
        "No other origin may ask for this. If one should, put a CORS layer outside of the login guard.\n".to_owned(),
    );
    *response.status_mut() = StatusCode::FORBIDDEN;
    let headers = response.headers_mut();
    let text = HeaderValue::from_static("text/plain; charset=utf-8");
    headers.insert(header::CONTENT_TYPE, text);
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

impl OpenVisit {
    /// The answer for somebody who may not pass.
    pub fn deny(&self, request: &Parts, denied: Denied, scope: &Scope) -> Response<String> {
        let denial = Denial {
            visit: self,
            policy: self.visit().shared(),
            request,
            denied,
            scope,
        };
        let mut response = denial.response();
        let headers = response.headers_mut();
        if !headers.contains_key(header::CACHE_CONTROL) {
            headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        }
        response
    }
}

/// What a negotiated answer depends on: how it came out that nobody is there, and who is asking.
const VARY: &str = "Cookie, Authorization, Accept, Sec-Fetch-Mode, HX-Request";

struct Denial<'a> {
    visit: &'a OpenVisit,
    policy: &'a Policy,
    request: &'a Parts,
    denied: Denied,
    scope: &'a Scope,
}

impl Denial<'_> {
    fn response(&self) -> Response<String> {
        let settings = &self.policy.settings;
        let (event, handler) = match self.denied {
            Denied::LoginRequired => (Event::Unauthorized, settings.unauthorized_handler.as_ref()),
            Denied::FreshLoginRequired { .. } => {
                (Event::NeedsRefresh, settings.needs_refresh_handler.as_ref())
            }
            Denied::Forbidden => (Event::Forbidden, None),
        };
        self.visit.deliver(&event);
        if let Some(handler) = handler {
            return handler(self.request);
        }
        let answer = self.scope.answer_as.unwrap_or(settings.answer_as);
        let mut response = match answer {
            AnswerAs::Api => self.refuse(Asker::Program),
            AnswerAs::Page => self.redirect(StatusCode::SEE_OTHER, self.way_back()),
            // Flask-Login sends the way back for whatever method it was.
            AnswerAs::Flask => self.redirect(StatusCode::FOUND, self.own_target()),
            AnswerAs::Negotiated => match Asker::of(self.request) {
                Asker::Htmx => self.redirect_htmx(),
                Asker::Person => self.redirect(StatusCode::SEE_OTHER, self.way_back()),
                asker => self.refuse(asker),
            },
        };
        if answer == AnswerAs::Negotiated {
            response
                .headers_mut()
                .insert(header::VARY, HeaderValue::from_static(VARY));
        }
        response
    }

    /// To the login page; or a plain refusal when there is none, or when this is it.
    fn redirect(&self, status: StatusCode, next: Option<Cow<'_, str>>) -> Response<String> {
        let Some(view) = self.view() else {
            return self.refuse(Asker::Person);
        };
        self.flash_message();
        let Ok(location) = HeaderValue::try_from(self.login_url(view, next.as_deref())) else {
            return self.refuse(Asker::Person);
        };
        let mut response = Response::new(String::new());
        *response.status_mut() = status;
        response.headers_mut().insert(header::LOCATION, location);
        response
    }

    /// htmx looks at `HX-Redirect` before it looks at the status, so that other programs see the 401.
    fn redirect_htmx(&self) -> Response<String> {
        let mut response = self.refuse(Asker::Htmx);
        if let Some(view) = self.view() {
            self.flash_message();
            let next = self.way_back_of_htmx();
            if let Ok(url) = HeaderValue::try_from(self.login_url(view, next.as_deref())) {
                response.headers_mut().insert(HX_REDIRECT, url);
            }
        }
        response
    }

    fn refuse(&self, asker: Asker) -> Response<String> {
        let (status, name, title, detail) = match self.denied {
            Denied::LoginRequired => (
                StatusCode::UNAUTHORIZED,
                "login-required",
                "Unauthorized",
                "You are not signed in, or your login has ended. Sign in and try again.",
            ),
            Denied::FreshLoginRequired { .. } => (
                StatusCode::UNAUTHORIZED,
                "reauthentication-required",
                "Unauthorized",
                "This needs a login that is fresh. Sign in again and try once more.",
            ),
            Denied::Forbidden => (
                StatusCode::FORBIDDEN,
                "forbidden",
                "Forbidden",
                "You are signed in, and you do not have the right to do this.",
            ),
        };
        let (content_type, body) = match asker {
            Asker::Program => {
                let within = match self.denied {
                    Denied::FreshLoginRequired { within } => {
                        within.or(self.policy.settings.fresh_within)
                    }
                    _ => None,
                };
                let max_age = within.map_or(String::new(), |within| {
                    format!(r#","max_age":{}"#, within.as_secs())
                });
                let body = format!(
                    r#"{{"type":"urn:housekey:problem:{name}","title":"{title}","status":{},"detail":"{detail}"{max_age}}}"#,
                    status.as_u16()
                );
                ("application/problem+json", body)
            }
            _ => {
                let body = format!(
                    "<!doctype html>\n<html lang=en>\n<title>{} {title}</title>\n<h1>{title}</h1>\n<p>{detail}</p>\n",
                    status.as_u16()
                );
                ("text/html; charset=utf-8", body)
            }
        };
        let mut response = Response::new(body);
        *response.status_mut() = status;
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
        if status == StatusCode::UNAUTHORIZED {
            // RFC 9110 requires one; no browser opens a dialog for this scheme.
            headers.insert(
                header::WWW_AUTHENTICATE,
                HeaderValue::from_static(r#"Cookie realm="login""#),
            );
        }
        response
    }

    /// The page to go to. `None` when there is none, when going there would lead straight back here, or when it
    /// would not help.
    fn view(&self) -> Option<&str> {
        let settings = &self.policy.settings;
        let (scoped, own) = match self.denied {
            Denied::LoginRequired => (&self.scope.login_view, &settings.login_view),
            Denied::FreshLoginRequired { .. } => (&self.scope.refresh_view, &settings.refresh_view),
            Denied::Forbidden => return None,
        };
        let view = match scoped {
            Some(View::At(view)) => view,
            Some(View::Nowhere) => return None,
            None => own.as_ref()?,
        };
        (!self.is_here(view)).then_some(view)
    }

    /// Whether a view is the page that was asked for, whatever its query and its fragment say.
    fn is_here(&self, view: &str) -> bool {
        let path = match Origin::split(view) {
            Some((origin, _)) if !origin.is_called_by(self.request) => return false,
            Some((_, rest)) => path_of(rest),
            None => path_of(view),
        };
        let target = self.visit.visit().target();
        slashed(path) == slashed(target.map_or("", |target| target.path()))
    }

    /// Nothing is said that nobody hears: the next page would say it out of place.
    fn flash_message(&self) {
        if self.is_unseen() {
            return;
        }
        let settings = &self.policy.settings;
        let message = match self.denied {
            Denied::LoginRequired => settings.login_message.as_ref(),
            _ => settings.needs_refresh_message.as_ref(),
        };
        if let Some(message) = message {
            let text = match &settings.localize {
                Some(localize) => localize(&message.text),
                None => message.text.clone(),
            };
            if let Err(error) = self.visit.flash().push(&message.category, &text) {
                tracing::warn!(target: "housekey", %error, "the login message was not kept");
            }
        }
    }

    fn is_unseen(&self) -> bool {
        self.visit.with(|view| view.unseen)
    }

    /// The login page's URL with the way back in it, or in the session.
    fn login_url(&self, view: &str, next: Option<&str>) -> String {
        let settings = &self.policy.settings;
        let next = next.filter(|next| self.policy.is_safe_next(next));
        let force_host = settings.force_host.as_deref();
        if settings.next_in_session {
            if let Some(next) = next.filter(|_| !self.is_unseen()) {
                // Without room for it, people come to the login page all the same, and not back.
                let _ = self.visit.with(|view| {
                    view.if_it_fits(|view| {
                        view.session.set_text(keys::NEXT, next);
                        // A Flask peer with strong protection throws away a session without one.
                        view.bind_to_client();
                    })
                });
            }
            return build_login_url(view, None, &settings.next_field, force_host);
        }
        build_login_url(view, next, &settings.next_field, force_host)
    }

    /// Where the person was going; after a form that was posted, the page that the form was on.
    fn way_back(&self) -> Option<Cow<'_, str>> {
        if matches!(self.request.method, Method::GET | Method::HEAD) {
            return self.own_target();
        }
        let page = self.same_origin_path(self.request.headers.get(header::REFERER)?)?;
        Some(page.into())
    }

    /// A link that htmx follows in the browser's place leads to its target. Everything else is a part of the page that is
    /// there, or a form on it.
    fn way_back_of_htmx(&self) -> Option<Cow<'_, str>> {
        let headers = &self.request.headers;
        let is_boosted = headers
            .get(HX_BOOSTED)
            .is_some_and(|value| value.as_bytes().eq_ignore_ascii_case(b"true"));
        if is_boosted && matches!(self.request.method, Method::GET | Method::HEAD) {
            return self.own_target();
        }
        let page = self.same_origin_path(headers.get(HX_CURRENT_URL)?)?;
        Some(page.into())
    }

    fn own_target(&self) -> Option<Cow<'_, str>> {
        self.visit.visit().target().map(written_out)
    }

    /// The path of a URL that the client names, if it is on the host that the client called.
    fn same_origin_path(&self, url: &HeaderValue) -> Option<String> {
        let (origin, rest) = Origin::split(url.to_str().ok()?)?;
        let target = rest.split('#').next().unwrap_or_default();
        let path = match target.starts_with('/') {
            true => target.to_owned(),
            false => format!("/{target}"),
        };
        origin.is_called_by(self.request).then_some(path)
    }
}

/// A path that stands behind a host may be left out.
fn slashed(path: &str) -> &str {
    match path {
        "" => "/",
        path => path,
    }
}

/// As it is displayed: a query that stood right behind a host gets its slash.
fn written_out(target: &PathAndQuery) -> Cow<'_, str> {
    match target.as_str() {
        path if path.starts_with('/') => path.into(),
        _ => target.to_string().into(),
    }
}
