//! A browser: it keeps cookies by the rules of RFC 6265bis and sends them back.

use std::time::Duration;

use axum::Router;
use axum::body::Body;
use http::header::{self, HeaderMap};
use http::{Method, Request};
use http_body_util::BodyExt as _;
use tower::ServiceExt as _;

use super::Clock;

/// A person's browser, over HTTPS. A clone is another tab as long as nothing comes back, or a thief's copy of it.
#[derive(Clone)]
pub(crate) struct Browser {
    site: Router,
    clock: Clock,
    pub(crate) user_agent: Option<String>,
    pub(crate) jar: Jar,
}

/// What came back.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) body: String,
}

impl Browser {
    pub(crate) fn new(site: Router, clock: Clock) -> Self {
        Self {
            site,
            clock,
            user_agent: Some("Firefox/1".to_owned()),
            jar: Jar::default(),
        }
    }

    /// From now on talks to another server behind the same name.
    pub(crate) fn move_to(&mut self, site: Router) {
        self.site = site;
    }

    /// Cookies without an expiry end with the browser.
    pub(crate) fn restart(&mut self) {
        self.jar.0.retain(|cookie| cookie.expires.is_some());
    }

    pub(crate) async fn get(&mut self, path: &str) -> Answer {
        self.send(self.request(Method::GET, path, "")).await
    }

    /// The same with these headers besides.
    pub(crate) async fn get_with(&mut self, path: &str, headers: &[(&str, &str)]) -> Answer {
        let mut request = self.request(Method::GET, path, "");
        for (name, value) in headers {
            let name: http::HeaderName = name.parse().unwrap();
            request.headers_mut().insert(name, value.parse().unwrap());
        }
        self.send(request).await
    }

    pub(crate) async fn post(&mut self, path: &str, body: &str) -> Answer {
        self.send(self.request(Method::POST, path, body)).await
    }

    /// What [`get`](Self::get) shows of the page.
    pub(crate) async fn read(&mut self, path: &str) -> String {
        self.get(path).await.body
    }

    pub(crate) async fn who(&mut self) -> String {
        self.read("/who").await
    }

    pub(crate) async fn log_in(&mut self, id: &str) -> Answer {
        let answer = self.post("/login", &format!("name={id}")).await;
        assert_eq!(answer.status, 303, "{answer:?}");
        answer
    }

    pub(crate) async fn log_in_remembered(&mut self, id: &str) -> Answer {
        let answer = self
            .post("/login", &format!("name={id}&remember=true"))
            .await;
        assert_eq!(answer.status, 303, "{answer:?}");
        answer
    }

    /// A request as a page navigation sends it, without cookies: those are added by [`send`](Self::send).
    pub(crate) fn request(&self, method: Method, path: &str, body: &str) -> Request<Body> {
        let form = method != Method::GET;
        let mut request = Request::new(Body::from(body.to_owned()));
        *request.method_mut() = method;
        *request.uri_mut() = path.parse().unwrap();
        let headers = request.headers_mut();
        headers.insert(header::HOST, "site.example".parse().unwrap());
        headers.insert(header::ACCEPT, "text/html,*/*;q=0.8".parse().unwrap());
        if form {
            let form = "application/x-www-form-urlencoded".parse().unwrap();
            headers.insert(header::CONTENT_TYPE, form);
        }
        if let Some(user_agent) = &self.user_agent {
            headers.insert(header::USER_AGENT, user_agent.parse().unwrap());
        }
        request
    }

    /// Adds the cookies, and keeps those that come back.
    pub(crate) async fn send(&mut self, mut request: Request<Body>) -> Answer {
        let cookies = self.jar.header(request.uri().path(), self.clock.now());
        if !cookies.is_empty() {
            let cookies = cookies.parse().unwrap();
            request.headers_mut().append(header::COOKIE, cookies);
        }
        let answer = send(&self.site, request).await;
        self.receive(&answer);
        answer
    }

    /// Keeps the cookies of an answer: that of another tab, for instance.
    pub(crate) fn receive(&mut self, answer: &Answer) {
        for header in answer.set_cookies() {
            self.jar.keep(header, self.clock.now());
        }
    }
}

/// As a program sends it: what is there and nothing else.
pub(crate) async fn send(site: &Router, request: Request<Body>) -> Answer {
    let response = site.clone().oneshot(request).await.unwrap();
    let (parts, body) = response.into_parts();
    let body = body.collect().await.unwrap().to_bytes();
    Answer {
        status: parts.status.as_u16(),
        headers: parts.headers,
        body: String::from_utf8(body.to_vec()).unwrap(),
    }
}

impl Answer {
    /// A header's text; several fields in one line, as HTTP allows.
    pub(crate) fn header(&self, name: &str) -> Option<String> {
        let values: Vec<_> = self
            .headers
            .get_all(name)
            .iter()
            .map(|value| value.to_str().unwrap())
            .collect();
        (!values.is_empty()).then(|| values.join(", "))
    }

    pub(crate) fn location(&self) -> &str {
        self.headers[header::LOCATION].to_str().unwrap()
    }

    pub(crate) fn set_cookies(&self) -> Vec<&str> {
        self.headers
            .get_all(header::SET_COOKIE)
            .iter()
            .map(|value| value.to_str().unwrap())
            .collect()
    }

    /// The `Set-Cookie` of this name, if there is exactly one.
    pub(crate) fn set_cookie(&self, name: &str) -> Option<&str> {
        let start = format!("{name}=");
        let all = self.set_cookies();
        let mut found = all.into_iter().filter(|text| text.starts_with(&start));
        let first = found.next();
        assert_eq!(found.next(), None, "{name} is set twice");
        first
    }

    /// No sign that anybody looked at the visitor.
    pub(crate) fn is_untouched(&self) -> bool {
        [header::VARY, header::SET_COOKIE, header::CACHE_CONTROL]
            .iter()
            .all(|name| !self.headers.contains_key(name))
    }
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Jar(Vec<Cookie>);

#[derive(Clone, Debug, PartialEq, Eq)]
struct Cookie {
    name: String,
    value: String,
    domain: Option<String>,
    path: String,
    expires: Option<u64>,
}

impl Jar {
    pub(crate) fn value(&self, name: &str) -> Option<&str> {
        let cookie = self.0.iter().find(|cookie| cookie.name == name)?;
        Some(&cookie.value)
    }

    pub(crate) fn names(&self) -> Vec<&str> {
        self.0.iter().map(|cookie| cookie.name.as_str()).collect()
    }

    /// As if the site had set it for this session, with the path `/`.
    pub(crate) fn put(&mut self, name: &str, value: &str) {
        self.remove(name);
        self.0.push(Cookie {
            name: name.to_owned(),
            value: value.to_owned(),
            domain: None,
            path: "/".to_owned(),
            expires: None,
        });
    }

    pub(crate) fn remove(&mut self, name: &str) {
        self.0.retain(|cookie| cookie.name != name);
    }

    fn header(&self, path: &str, now: u64) -> String {
        let matches = |cookie: &&Cookie| {
            let below = path.strip_prefix(cookie.path.trim_end_matches('/'));
            below.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
                && cookie.expires.is_none_or(|expires| now < expires)
        };
        let pairs: Vec<_> = self
            .0
            .iter()
            .filter(matches)
            .map(|cookie| format!("{}={}", cookie.name, cookie.value))
            .collect();
        pairs.join("; ")
    }

    /// Takes a `Set-Cookie` as a browser does: what breaks a rule is dropped without a word, and only a cookie of the
    /// same name, domain and path is replaced or deleted.
    fn keep(&mut self, header: &str, now: u64) {
        let (pair, attributes) = header.split_once(';').unwrap_or((header, ""));
        let (name, value) = pair.split_once('=').unwrap();
        let attributes: Vec<_> = attributes
            .split(';')
            .map(|attribute| {
                attribute
                    .trim()
                    .split_once('=')
                    .unwrap_or((attribute.trim(), ""))
            })
            .collect();
        let attribute = |name: &str| {
            let found = attributes.iter().find(|(found, _)| *found == name);
            found.map(|(_, value)| (*value).to_owned())
        };
        let (domain, path) = (attribute("Domain"), attribute("Path").unwrap());
        let secure = attribute("Secure").is_some();
        let refused = name.starts_with("__Host-") && (!secure || domain.is_some() || path != "/")
            || name.starts_with("__Secure-") && !secure
            || attribute("SameSite").as_deref() == Some("None") && !secure
            || attribute("Partitioned").is_some() && !secure
            || name.len() + value.len() > 4096;
        if refused {
            return;
        }
        let expires = match attribute("Max-Age") {
            Some(seconds) => Some(now + seconds.parse::<u64>().unwrap()),
            None => attribute("Expires").map(|text| {
                let time = httpdate::parse_http_date(&text).unwrap();
                let since = time.duration_since(std::time::SystemTime::UNIX_EPOCH);
                since.unwrap_or(Duration::ZERO).as_secs()
            }),
        };
        self.0.retain(|cookie| {
            (cookie.name.as_str(), &cookie.domain, &cookie.path) != (name, &domain, &path)
        });
        if expires.is_none_or(|expires| now < expires) {
            self.0.push(Cookie {
                name: name.to_owned(),
                value: value.to_owned(),
                domain,
                path,
                expires,
            });
        }
    }
}
