//! The requests to every site, and the right answers.

use axum::http::{HeaderMap, HeaderValue, StatusCode, header};

/// The body of the public page.
pub(crate) const PUBLIC: &str = "Hello everybody";
/// The body of the protected page for a signed-in user.
pub(crate) const PROTECTED: &str = "Hello mia";
/// The login page that visitors without a login are sent to.
pub(crate) const LOGIN_PAGE: &str = "/sign-in";

/// The three requests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// The protected page, with a login.
    Protected,
    /// A page that looks up nobody, with the login's cookies.
    Public,
    /// The protected page, without a login.
    Denied,
}

impl Kind {
    pub(crate) const ALL: [Self; 3] = [Self::Protected, Self::Public, Self::Denied];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Protected => "protected",
            Self::Public => "public",
            Self::Denied => "denied",
        }
    }

    pub(crate) fn title(self) -> &'static str {
        match self {
            Self::Protected => "A protected page",
            Self::Public => "A public page",
            Self::Denied => "A visitor who is denied",
        }
    }

    pub(crate) fn path(self) -> &'static str {
        match self {
            Self::Protected | Self::Denied => "/dashboard",
            Self::Public => "/",
        }
    }

    /// The cookies to send, of those that signing in set.
    pub(crate) fn cookies(self, login: &[String]) -> Vec<String> {
        let theme = "theme=dark".to_owned();
        match self {
            Self::Protected | Self::Public => [&[theme], login].concat(),
            Self::Denied => vec![theme],
        }
    }

    /// Why an answer is wrong.
    pub(crate) fn fault(
        self,
        status: StatusCode,
        headers: &HeaderMap,
        body: &str,
    ) -> Option<String> {
        let page = match self {
            Self::Protected => PROTECTED,
            Self::Public => PUBLIC,
            Self::Denied => {
                let location = headers.get(header::LOCATION).map(HeaderValue::as_bytes);
                let leads = location.is_some_and(|it| it.starts_with(LOGIN_PAGE.as_bytes()));
                return (!status.is_redirection() || !leads).then(|| {
                    format!("{status} to {location:?} in place of a redirect to the login page")
                });
            }
        };
        (status != StatusCode::OK || body != page)
            .then(|| format!("{status} with {body:?} in place of {page:?}"))
    }
}

/// The headers of a browser that follows a link or an entered address.
pub(crate) fn navigation(cookies: &[String]) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for (name, value) in [
        ("host", "members.example"),
        ("sec-ch-ua", r#""Chromium";v="142", "Not_A Brand";v="99""#),
        ("sec-ch-ua-mobile", "?0"),
        ("sec-ch-ua-platform", r#""Linux""#),
        ("upgrade-insecure-requests", "1"),
        (
            "user-agent",
            "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Safari/537.36",
        ),
        (
            "accept",
            "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,image/apng,*/*;q=0.8",
        ),
        ("sec-fetch-site", "same-origin"),
        ("sec-fetch-mode", "navigate"),
        ("sec-fetch-user", "?1"),
        ("sec-fetch-dest", "document"),
        ("referer", "https://members.example/"),
        ("accept-encoding", "gzip, deflate, br, zstd"),
        ("accept-language", "en-GB,en;q=0.9,de;q=0.8"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    if !cookies.is_empty() {
        let cookies = HeaderValue::from_str(&cookies.join("; ")).expect("ASCII");
        headers.insert(header::COOKIE, cookies);
    }
    headers
}

/// `name=value` of each cookie that an answer sets.
pub(crate) fn cookies_set(headers: &HeaderMap) -> Vec<String> {
    let cookies = headers.get_all(header::SET_COOKIE).iter();
    let pair = |cookie: &HeaderValue| {
        let text = cookie.to_str().expect("ASCII");
        text.split(';').next().unwrap_or_default().to_owned()
    };
    cookies.map(pair).collect()
}

/// Setting a cookie costs something too.
pub(crate) fn cookies_note(name: &str, kinds: &[&str]) -> Option<String> {
    let kinds = (!kinds.is_empty()).then(|| kinds.join(", "))?;
    Some(format!("{name} sets a cookie with each answer: {kinds}."))
}
