//! A browser: it keeps a connection open, and the cookies that it gets.

use std::net::SocketAddr;
use std::time::Duration;

use axum::body::Bytes;
use axum::http::{HeaderMap, HeaderValue, Method, Request, StatusCode, header};
use bench_report::BoxError;
use http_body_util::{BodyExt as _, Full};
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

use crate::site::{ACCOUNT, LOGIN, REMEMBER_COOKIE, SESSION_COOKIE, greeting};

/// The longest that anybody waits. A storm on a slow machine takes a while.
const PATIENCE: Duration = Duration::from_secs(120);

/// An open connection, for one request after the other.
pub(crate) struct Connection {
    address: SocketAddr,
    sender: SendRequest<Full<Bytes>>,
}

impl Connection {
    pub(crate) async fn open(address: SocketAddr) -> Result<Self, BoxError> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        let (sender, connection) = handshake(TokioIo::new(stream)).await?;
        // Its errors are those of the requests on it.
        tokio::spawn(async move {
            let _ = connection.await;
        });
        Ok(Self { address, sender })
    }

    pub(crate) async fn get(&mut self, path: &str, cookies: &Cookies) -> Result<Answer, BoxError> {
        self.ask(Method::GET, path, cookies, String::new()).await
    }

    pub(crate) async fn post(
        &mut self,
        path: &str,
        cookies: &Cookies,
        form: String,
    ) -> Result<Answer, BoxError> {
        self.ask(Method::POST, path, cookies, form).await
    }

    async fn ask(
        &mut self,
        method: Method,
        path: &str,
        cookies: &Cookies,
        form: String,
    ) -> Result<Answer, BoxError> {
        let mut request = Request::builder()
            .method(&method)
            .uri(path)
            .header(header::HOST, self.address.to_string())
            .header(
                header::USER_AGENT,
                "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0",
            )
            .header(header::ACCEPT, "text/html,application/xhtml+xml,*/*;q=0.8")
            .header("sec-fetch-mode", "navigate")
            .header("sec-fetch-site", "same-origin");
        if method == Method::POST {
            request = request.header(header::CONTENT_TYPE, "application/x-www-form-urlencoded");
        }
        if let Some(cookies) = cookies.header() {
            request = request.header(header::COOKIE, cookies);
        }
        let request = request.body(Full::from(form))?;
        let answer = async {
            self.sender.ready().await?;
            let (parts, body) = self.sender.send_request(request).await?.into_parts();
            let body = body.collect().await?.to_bytes();
            Ok::<_, BoxError>(Answer {
                status: parts.status,
                headers: parts.headers,
                body: String::from_utf8(body.into())?,
            })
        };
        let asked = || format!("{method} {path}");
        tokio::time::timeout(PATIENCE, answer)
            .await
            .map_err(|_| format!("{} got no answer", asked()))?
            .map_err(|error| format!("{}: {error}", asked()).into())
    }
}

/// The body of a posted login form.
pub(crate) fn credentials(name: &str, password: &str, remember: bool) -> String {
    let remember = if remember { "&remember=on" } else { "" };
    let encoded = |text: &str| text.replace(' ', "+");
    format!(
        "name={}&password={}{remember}",
        encoded(name),
        encoded(password)
    )
}

#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    headers: HeaderMap,
    body: String,
}

impl Answer {
    /// `Err` with the answer, unless this is the page of a signed-in user.
    pub(crate) fn must_be_page_of(&self, name: &str) -> Result<(), BoxError> {
        self.must(
            "the page of who is signed in",
            self.status == StatusCode::OK && self.body == greeting(name),
        )
    }

    pub(crate) fn must_be_anonymous(&self) -> Result<(), BoxError> {
        self.must("the way to the login page", self.leads_to(LOGIN))
    }

    pub(crate) fn must_have_signed_in(&self) -> Result<(), BoxError> {
        self.must("a login", self.leads_to(ACCOUNT))
    }

    pub(crate) fn must_be(&self, status: StatusCode) -> Result<(), BoxError> {
        self.must(status.as_str(), self.status == status)
    }

    fn leads_to(&self, path: &str) -> bool {
        let location = self.headers.get(header::LOCATION);
        let location = location.and_then(|it| it.to_str().ok());
        let location = location.map(|it| it.split('?').next().unwrap_or_default());
        self.status == StatusCode::SEE_OTHER && location == Some(path)
    }

    fn must(&self, be: &str, is: bool) -> Result<(), BoxError> {
        let location = self.headers.get(header::LOCATION);
        match is {
            true => Ok(()),
            false => Err(format!(
                "{} (to {location:?}, {:?}) in place of {be}",
                self.status, self.body
            )
            .into()),
        }
    }
}

/// The two cookies of a login.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Cookies {
    pub(crate) session: Option<String>,
    pub(crate) remember: Option<String>,
}

impl Cookies {
    /// The cookies of a browser that had none before this answer.
    pub(crate) fn of(answer: &Answer) -> Self {
        let mut cookies = Self::default();
        cookies.take(answer);
        cookies
    }

    /// Applies the cookies that an answer sets and deletes.
    pub(crate) fn take(&mut self, answer: &Answer) {
        for cookie in answer.headers.get_all(header::SET_COOKIE) {
            let text = cookie.to_str().unwrap_or_default();
            let (pair, attributes) = text.split_once(';').unwrap_or((text, ""));
            let Some((name, value)) = pair.split_once('=') else {
                continue;
            };
            let is_deleted = attributes.contains("Max-Age=0");
            let value = (!is_deleted).then(|| value.to_owned());
            match name {
                SESSION_COOKIE => self.session = value,
                REMEMBER_COOKIE => self.remember = value,
                _ => {}
            }
        }
    }

    fn header(&self) -> Option<HeaderValue> {
        let pair = |name: &str, value: &Option<String>| Some(format!("{name}={}", value.as_ref()?));
        let pairs = [
            pair(SESSION_COOKIE, &self.session),
            pair(REMEMBER_COOKIE, &self.remember),
        ];
        let pairs: Vec<_> = pairs.into_iter().flatten().collect();
        (!pairs.is_empty()).then(|| HeaderValue::from_str(&pairs.join("; ")).ok())?
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(set: &[&str]) -> Answer {
        let mut headers = HeaderMap::new();
        for cookie in set {
            headers.append(header::SET_COOKIE, cookie.parse().unwrap());
        }
        Answer {
            status: StatusCode::OK,
            headers,
            body: String::new(),
        }
    }

    #[test]
    fn cookies_are_kept_until_they_are_set_anew_or_deleted() {
        let mut cookies = Cookies::default();
        assert_eq!(cookies.header(), None);
        cookies.take(&answer(&[
            "__Host-session=a; Secure; Path=/",
            "__Host-remember_token=b; Expires=Tue, 01 Dec 2026 10:00:00 GMT; Secure; Path=/",
        ]));
        cookies.take(&answer(&["theme=dark"]));
        let both = "__Host-session=a; __Host-remember_token=b";
        assert_eq!(cookies.header(), Some(HeaderValue::from_static(both)));
        cookies.take(&answer(&[
            "__Host-session=c; Path=/",
            "__Host-remember_token=; Expires=Thu, 01 Jan 1970 00:00:00 GMT; Max-Age=0; Path=/",
        ]));
        let one = "__Host-session=c";
        assert_eq!(cookies.header(), Some(HeaderValue::from_static(one)));
    }
}
