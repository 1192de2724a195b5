//! Makes the response of a denial.

use std::time::Duration;

use http::header::{self, HeaderName, HeaderValue};
use http::{Response, StatusCode};

use super::{Content, Denial, Denied};
use crate::error::{self, CHALLENGE};
use crate::head::VARY_OF_DENIAL;

const HX_REDIRECT: HeaderName = HeaderName::from_static("hx-redirect");

impl Denial<'_> {
    pub(crate) fn render(self) -> Response<String> {
        let (redirect, content_type, body) = match self.content {
            Content::Location(location) => {
                (Some((header::LOCATION, location)), None, String::new())
            }
            Content::Page { hx_redirect } => (
                hx_redirect.map(|url| (HX_REDIRECT, url)),
                Some(HeaderValue::from_static("text/html; charset=utf-8")),
                self.denied.page(self.status),
            ),
            Content::Problem { max_age } => (
                None,
                Some(HeaderValue::from_static("application/problem+json")),
                self.denied.problem(self.status, max_age),
            ),
        };
        let mut response = Response::new(body);
        *response.status_mut() = self.status;
        let headers = response.headers_mut();
        if let Some(content_type) = content_type {
            headers.insert(header::CONTENT_TYPE, content_type);
        }
        if self.status == StatusCode::UNAUTHORIZED {
            let challenge = HeaderValue::from_static(CHALLENGE);
            headers.insert(header::WWW_AUTHENTICATE, challenge);
        }
        if let Some((name, url)) = redirect {
            headers.insert(name, url);
        }
        if self.is_negotiated {
            headers.insert(header::VARY, HeaderValue::from_static(VARY_OF_DENIAL));
        }
        response
    }
}

impl Denied {
    /// Its name for programs, and the title and text for people.
    fn words(self) -> (&'static str, &'static str, &'static str) {
        match self {
            Self::LoginRequired => (
                "login-required",
                "Unauthorized",
                "You are not logged in, or your login has ended. Log in and try again.",
            ),
            Self::FreshLoginRequired { .. } => (
                "reauthentication-required",
                "Unauthorized",
                "This needs a fresh login. Log in again and try once more.",
            ),
            Self::PendingLoginRequired => (
                "login-not-begun",
                "Unauthorized",
                "No login is under way here, or it took too long. Log in again.",
            ),
            Self::Forbidden => (
                "forbidden",
                "Forbidden",
                "You are logged in, but you do not have the right to do this.",
            ),
        }
    }

    fn problem(self, status: StatusCode, max_age: Option<Duration>) -> String {
        let (name, title, detail) = self.words();
        let max_age = max_age.map_or(String::new(), |age| {
            format!(r#","max_age":{}"#, age.as_secs())
        });
        error::problem(name, title, status.as_u16(), detail, &max_age)
    }

    fn page(self, status: StatusCode) -> String {
        let (_, title, detail) = self.words();
        error::page(status.as_u16(), title, detail)
    }
}

/// Anybody can send the two headers of a preflight, so what is behind the guard must not run for them. The answer is the same
/// for everybody, logged in or not. It has no CORS header, so the browser sends no request after it.
pub(super) fn refuse_preflight() -> Response<String> {
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
