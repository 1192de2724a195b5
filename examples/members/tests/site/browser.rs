//! A browser small enough for tests: it keeps cookies, follows nothing, and can be closed.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use axum::Router;
use axum::body::Body;
use axum::extract::ConnectInfo;
use axum::http::header::{CONTENT_TYPE, COOKIE, LOCATION, SET_COOKIE, USER_AGENT};
use axum::http::request::Builder;
use axum::http::{HeaderMap, Request, StatusCode};
use axum::response::Response;
use http_body_util::BodyExt;
use tower::ServiceExt;

#[derive(Clone)]
pub(crate) struct Browser {
    site: Router,
    cookies: BTreeMap<String, Cookie>,
    user_agent: Option<&'static str>,
    forwarded_for: Option<String>,
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Cookie {
    pub(crate) value: String,
    /// It outlives the browser.
    pub(crate) persistent: bool,
}

#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: String,
}

impl Browser {
    pub(crate) fn new(site: &Router) -> Browser {
        Browser {
            site: site.clone(),
            cookies: BTreeMap::new(),
            user_agent: None,
            forwarded_for: None,
        }
    }

    pub(crate) fn named(mut self, user_agent: &'static str) -> Browser {
        self.user_agent = Some(user_agent);
        self
    }

    pub(crate) fn forwarded_for(mut self, addresses: impl Into<String>) -> Browser {
        self.forwarded_for = Some(addresses.into());
        self
    }

    pub(crate) fn cookies(&self) -> BTreeMap<String, Cookie> {
        self.cookies.clone()
    }

    pub(crate) fn set_cookie(&mut self, name: &str, value: &str) {
        let cookie = Cookie {
            value: value.to_owned(),
            persistent: true,
        };
        self.cookies.insert(name.to_owned(), cookie);
    }

    /// Closes and opens it again: only the cookies with a lifetime are left.
    pub(crate) fn reopen(&mut self) {
        self.cookies.retain(|_, cookie| cookie.persistent);
    }

    /// The same browser at another site: the old one after a restart.
    pub(crate) fn visit(&mut self, site: &Router) {
        self.site = site.clone();
    }

    pub(crate) async fn get(&mut self, path: &str) -> Answer {
        self.send(Request::get(path), Body::empty()).await
    }

    pub(crate) async fn post(&mut self, path: &str, fields: &[(&str, &str)]) -> Answer {
        self.post_from("same-origin", path, fields).await
    }

    /// A form sent by a page of the same or another site, as `Sec-Fetch-Site` tells.
    pub(crate) async fn post_from(
        &mut self,
        site: &str,
        path: &str,
        fields: &[(&str, &str)],
    ) -> Answer {
        let body: Vec<String> = fields
            .iter()
            .map(|(name, value)| format!("{name}={}", encode(value)))
            .collect();
        let request = Request::post(path)
            .header("sec-fetch-site", site)
            .header(CONTENT_TYPE, "application/x-www-form-urlencoded");
        self.send(request, Body::from(body.join("&"))).await
    }

    pub(crate) async fn post_json(&mut self, path: &str, body: &str) -> Answer {
        let request = Request::post(path).header(CONTENT_TYPE, "application/json");
        self.send(request, Body::from(body.to_owned())).await
    }

    /// An answer of which only the beginning has come.
    pub(crate) async fn open(&mut self, path: &str) -> Response {
        self.response(Request::get(path), Body::empty()).await
    }

    async fn send(&mut self, request: Builder, body: Body) -> Answer {
        let response = self.response(request, body).await;
        let (parts, body) = response.into_parts();
        Answer {
            status: parts.status,
            headers: parts.headers,
            body: text(body).await,
        }
    }

    async fn response(&mut self, request: Builder, body: Body) -> Response {
        let mut request = request
            .extension(ConnectInfo(SocketAddr::from(([127, 0, 0, 1], 40_000))))
            .header("host", "127.0.0.1:3000")
            .header("accept", "text/html");
        if let Some(user_agent) = self.user_agent {
            request = request.header(USER_AGENT, user_agent);
        }
        if let Some(addresses) = &self.forwarded_for {
            request = request.header("x-forwarded-for", addresses);
        }
        if !self.cookies.is_empty() {
            let pairs: Vec<String> = self
                .cookies
                .iter()
                .map(|(name, cookie)| format!("{name}={}", cookie.value))
                .collect();
            request = request.header(COOKIE, pairs.join("; "));
        }
        let response = self
            .site
            .clone()
            .oneshot(request.body(body).unwrap())
            .await
            .unwrap();
        for cookie in response.headers().get_all(SET_COOKIE) {
            self.keep(cookie.to_str().unwrap());
        }
        response
    }

    fn keep(&mut self, set_cookie: &str) {
        let (pair, attributes) = set_cookie.split_once(';').unwrap_or((set_cookie, ""));
        let (name, value) = pair.split_once('=').unwrap();
        let attributes = attributes.to_ascii_lowercase();
        if attributes.contains("max-age=0") {
            self.cookies.remove(name);
            return;
        }
        let persistent = attributes.contains("max-age=") || attributes.contains("expires=");
        self.cookies.insert(
            name.to_owned(),
            Cookie {
                value: value.to_owned(),
                persistent,
            },
        );
    }
}

impl Answer {
    #[track_caller]
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers
            .get(name)
            .unwrap_or_else(|| panic!("no {name} in {:?}", self.headers))
            .to_str()
            .unwrap()
    }

    #[track_caller]
    pub(crate) fn leads_to(&self, path: &str) {
        assert_eq!(
            (self.status, self.header(LOCATION.as_str())),
            (StatusCode::SEE_OTHER, path),
            "{self:?}"
        );
    }

    #[track_caller]
    pub(crate) fn shows(&self, status: StatusCode, text: &str) {
        assert_eq!(self.status, status, "{self:?}");
        assert!(self.body.contains(text), "no {text:?} in {}", self.body);
    }
}

/// All of it: waits for the end of a stream.
pub(crate) async fn text(body: Body) -> String {
    let bytes = body.collect().await.unwrap().to_bytes();
    String::from_utf8(bytes.into()).unwrap()
}

fn encode(value: &str) -> String {
    value.bytes().map(|byte| format!("%{byte:02x}")).collect()
}
