//! A user's browser: a real HTTP client with a cookie jar.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex};

use axum::body::Body;
use axum::http::{HeaderValue, Method, Request, header};
use door_tests::{Answer, Jar};
use http_body_util::BodyExt as _;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use serde::Deserialize;
use serde_json::Value;
use url::form_urlencoded;

use super::cookies::{describe, describe_all, now, session_json};
use super::proxy::SIDE;
use super::stage::{Person, Transcript};
use super::{Side, cookies};

/// Clones are tabs of one browser: they share its cookies.
#[derive(Clone)]
pub(crate) struct Browser {
    site: SocketAddr,
    name: String,
    state: Arc<Mutex<State>>,
    transcript: Transcript,
}

struct State {
    jar: Jar,
    user_agent: Option<HeaderValue>,
    client: Client<HttpConnector, Body>,
}

/// The answer of `/whoami`.
#[derive(Clone, Debug, Deserialize, PartialEq)]
pub(crate) struct WhoAmI {
    pub(crate) user_id: Option<String>,
    pub(crate) name: Option<String>,
    pub(crate) fresh: bool,
    pub(crate) remembered: bool,
    pub(crate) permanent: bool,
    /// The application's values: tagged at Flask, plain at Rust.
    pub(crate) session: Value,
    /// The same, as Python shows them.
    #[serde(default)]
    pub(crate) python: Value,
}

impl Browser {
    pub(super) fn new(site: SocketAddr, name: String, transcript: Transcript) -> Self {
        let state = State {
            jar: Jar::default(),
            user_agent: Some(HeaderValue::from_static("Firefox/1")),
            client: client_from(Ipv4Addr::LOCALHOST),
        };
        Self {
            site,
            name,
            state: Arc::new(Mutex::new(state)),
            transcript,
        }
    }

    /// Another tab.
    pub(crate) fn tab(&self) -> Self {
        self.clone()
    }

    /// Closes it and opens it again: cookies without an expiry are gone.
    pub(crate) fn restart(&self) {
        self.note("is closed and opened again");
        self.state.lock().unwrap().jar.end_session();
    }

    /// From now on it is another browser program, or the same one after an update.
    pub(crate) fn set_user_agent(&self, user_agent: Option<&[u8]>) {
        let shown = user_agent.map(String::from_utf8_lossy);
        self.note(&format!("has the user agent {shown:?} from now on"));
        let user_agent = user_agent.map(|bytes| HeaderValue::from_bytes(bytes).unwrap());
        self.state.lock().unwrap().user_agent = user_agent;
    }

    /// From now on it comes from 127.0.0.`last`.
    pub(crate) fn move_to_address(&self, last: u8) {
        self.note(&format!("comes from 127.0.0.{last} from now on"));
        self.state.lock().unwrap().client = client_from(Ipv4Addr::new(127, 0, 0, last));
    }

    pub(crate) fn cookie(&self, name: &str) -> Option<String> {
        let state = self.state.lock().unwrap();
        state.jar.value(name).map(str::to_owned)
    }

    /// Adds a cookie as if the site had set it.
    pub(crate) fn plant(&self, name: &str, value: &str) {
        self.note(&format!("is given a cookie: {name}={value}"));
        self.state.lock().unwrap().jar.put(name, value);
    }

    pub(crate) fn lose(&self, name: &str) {
        self.note(&format!("loses {name}"));
        self.state.lock().unwrap().jar.remove(name);
    }

    pub(crate) fn jar(&self) -> Jar {
        self.state.lock().unwrap().jar.clone()
    }

    /// Puts back all cookies of an earlier time, or of another browser.
    pub(crate) fn replay(&self, jar: &Jar) {
        self.note("is given cookies that were copied earlier");
        self.state.lock().unwrap().jar = jar.clone();
    }

    /// The JSON in the session cookie.
    pub(crate) fn session(&self) -> Option<String> {
        session_json(&self.cookie("session")?)
    }

    /// The user id in the remember token, if there is a token.
    pub(crate) fn remembered_id(&self) -> Option<String> {
        let token = cookies::unquote(&self.cookie("remember_token")?);
        Some(token.rsplit_once('|')?.0.to_owned())
    }

    pub(crate) async fn get(&self, side: Side, path: &str) -> Answer {
        self.send(side, self.request(side, Method::GET, path, &[]))
            .await
    }

    pub(crate) async fn post(&self, side: Side, path: &str, form: &[(&str, &str)]) -> Answer {
        self.send(side, self.request(side, Method::POST, path, form))
            .await
    }

    pub(crate) async fn whoami(&self, side: Side) -> WhoAmI {
        let answer = self.get(side, "/whoami").await;
        assert_eq!(answer.status, 200, "{answer:?}");
        serde_json::from_str(&answer.body).unwrap()
    }

    /// Logs in and expects to be logged in.
    pub(crate) async fn log_in(&self, side: Side, person: &Person) {
        self.log_in_with(side, person, &[]).await;
    }

    /// The same with "remember me".
    pub(crate) async fn log_in_remembered(&self, side: Side, person: &Person) {
        self.log_in_with(side, person, &[("remember", "on")]).await;
    }

    pub(crate) async fn log_in_with(
        &self,
        side: Side,
        person: &Person,
        more: &[(&str, &str)],
    ) -> Answer {
        let form = [&person.credentials()[..], more].concat();
        let answer = self.post(side, "/login", &form).await;
        assert_eq!(answer.status, 303, "{answer:?}");
        answer
    }

    pub(crate) async fn log_out(&self, side: Side) {
        let answer = self.post(side, "/logout", &[]).await;
        assert_eq!(answer.status, 303, "{answer:?}");
    }

    /// A request with all headers except the cookies.
    pub(crate) fn request(
        &self,
        side: Side,
        method: Method,
        path: &str,
        form: &[(&str, &str)],
    ) -> Request<Body> {
        let body: String = form_urlencoded::Serializer::new(String::new())
            .extend_pairs(form)
            .finish();
        let is_form = method == Method::POST;
        let mut request = Request::new(Body::from(body));
        *request.method_mut() = method;
        *request.uri_mut() = format!("http://{}{path}", self.site).parse().unwrap();
        let headers = request.headers_mut();
        headers.insert(header::HOST, HeaderValue::from_static("site.example"));
        headers.insert(header::ACCEPT, HeaderValue::from_static("text/html"));
        headers.insert(SIDE, HeaderValue::try_from(side.to_string()).unwrap());
        if is_form {
            let form = HeaderValue::from_static("application/x-www-form-urlencoded");
            headers.insert(header::CONTENT_TYPE, form);
        }
        if let Some(user_agent) = &self.state.lock().unwrap().user_agent {
            headers.insert(header::USER_AGENT, user_agent.clone());
        }
        request
    }

    /// Adds the cookies, and keeps those that the answer sets.
    pub(crate) async fn send(&self, side: Side, mut request: Request<Body>) -> Answer {
        let method = request.method().clone();
        let target = request.uri().path_and_query().unwrap().to_string();
        let cookies = {
            let state = self.state.lock().unwrap();
            state.jar.header(request.uri().path(), now())
        };
        if !cookies.is_empty() {
            let cookies = HeaderValue::from_bytes(cookies.as_bytes()).unwrap();
            request.headers_mut().append(header::COOKIE, cookies);
        }
        let client = self.state.lock().unwrap().client.clone();
        let response = client.request(request).await.unwrap();
        let (parts, body) = response.into_parts();
        let body = body.collect().await.unwrap().to_bytes();
        let answer = Answer {
            status: parts.status.as_u16(),
            headers: parts.headers,
            body: String::from_utf8(body.to_vec()).unwrap(),
        };
        self.keep(&answer);
        self.note(&format!(
            "{side:5} {method} {target}: {}",
            summary(&answer, &method)
        ));
        answer
    }

    fn keep(&self, answer: &Answer) {
        let mut state = self.state.lock().unwrap();
        for header in answer.set_cookies() {
            state.jar.keep(header, now());
        }
    }

    fn note(&self, what: &str) {
        self.transcript.add(&format!("{} {what}", self.name));
    }

    /// The contents of the jar, and what both sides make of it. The jar does not change.
    pub(super) async fn describe(&self) -> String {
        let jar = self.jar();
        let mut text = format!("{} has these cookies:\n{}", self.name, describe_all(&jar));
        for side in Side::BOTH {
            let mut request = self.request(side, Method::GET, "/whoami", &[]);
            let cookies = jar.header("/whoami", now());
            if !cookies.is_empty() {
                let cookies = HeaderValue::from_bytes(cookies.as_bytes()).unwrap();
                request.headers_mut().append(header::COOKIE, cookies);
            }
            let client = self.state.lock().unwrap().client.clone();
            let said = match client.request(request).await {
                Ok(response) => match response.into_body().collect().await {
                    Ok(body) => String::from_utf8_lossy(&body.to_bytes()).trim().to_owned(),
                    Err(error) => error.to_string(),
                },
                Err(error) => format!("{error:?}"),
            };
            text.push_str(&format!("  {side} says: {said}\n"));
        }
        text
    }
}

/// Status, target, body and cookies of an answer.
fn summary(answer: &Answer, method: &Method) -> String {
    let mut text = answer.status.to_string();
    if let Some(location) = answer.header("location") {
        text.push_str(&format!(" to {location}"));
    }
    if method == Method::GET && answer.status == 200 || answer.status >= 500 {
        text.push_str(&format!(" {}", answer.body.trim()));
    }
    for cookie in answer.set_cookies() {
        let (pair, attributes) = cookie.split_once(';').unwrap_or((cookie, ""));
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        text.push_str(&format!(
            "\n        Set-Cookie: {name}={};{attributes}",
            describe(value)
        ));
    }
    text
}

fn client_from(address: Ipv4Addr) -> Client<HttpConnector, Body> {
    let mut connector = HttpConnector::new();
    connector.set_local_address(Some(IpAddr::V4(address)));
    Client::builder(TokioExecutor::new()).build(connector)
}
