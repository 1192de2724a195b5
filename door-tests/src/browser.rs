//! A browser: it sends a site's cookies back to it.

use http::header;
use http::{Method, Request};

use crate::answer::Answer;
use crate::door::Local;
use crate::site::{Server, Site};
use crate::store::{Gate, Stopped};
use housekey::testing::Clock;
use housekey::testing::Jar;

/// A user's browser, over HTTPS. A clone is another tab until an answer comes back, or a thief's copy.
#[derive(Clone)]
pub(crate) struct Browser {
    server: Server,
    clock: Clock,
    pub(crate) user_agent: Option<String>,
    pub(crate) jar: Jar,
}

impl Browser {
    pub(crate) fn new(server: Server, clock: Clock) -> Self {
        Self {
            server,
            clock,
            user_agent: Some("Firefox/1".to_owned()),
            jar: Jar::default(),
        }
    }

    pub(crate) fn server(&self) -> &Server {
        &self.server
    }

    /// Talks to another server under the same name from now on.
    pub(crate) fn move_to(&mut self, site: &Site) {
        self.move_to_server(site.server());
    }

    /// The same, for a site without members.
    pub(crate) fn move_to_server(&mut self, server: &Server) {
        self.server = server.clone();
    }

    /// Cookies without an expiry end with the browser.
    pub(crate) fn restart(&mut self) {
        self.jar.end_session();
    }

    pub(crate) async fn get(&mut self, path: &str) -> Answer {
        self.send(self.request(Method::GET, path, "")).await
    }

    /// The same, with additional headers.
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
    pub(crate) fn request(&self, method: Method, path: &str, body: &str) -> Request<Vec<u8>> {
        let form = method != Method::GET;
        let mut request = Request::new(body.as_bytes().to_vec());
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

    /// Adds the cookies, and keeps those that the answer sets.
    pub(crate) async fn send(&mut self, mut request: Request<Vec<u8>>) -> Answer {
        let cookies = self.jar.header(request.uri().path(), self.clock.now());
        if !cookies.is_empty() {
            let cookies = cookies.parse().unwrap();
            request.headers_mut().append(header::COOKIE, cookies);
        }
        let answer = self.server.send(request).await;
        self.receive(&answer);
        answer
    }

    /// Keeps the cookies of an answer, for instance of another tab's.
    pub(crate) fn receive(&mut self, answer: &Answer) {
        for header in answer.set_cookies() {
            self.jar.keep(header, self.clock.now());
        }
    }

    /// Another tab of this browser sends a request, which stops at the gate.
    pub(crate) async fn stop_at(
        &self,
        gate: &Gate,
        method: Method,
        path: &'static str,
        body: &'static str,
    ) -> Stopped<Local<Answer>> {
        let mut tab = self.clone();
        let work: Local<_> = Box::pin(async move {
            let request = tab.request(method, path, body);
            tab.send(request).await
        });
        gate.stop(work).await
    }
}
