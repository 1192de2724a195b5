//! Sends a request, and looks at the answer.

use http::{Method, Response};
use serde_json::Value;

use super::*;
use crate::{Denied, Scope};

/// A request to be denied.
pub(super) struct Ask {
    pub(super) request: Parts,
}

impl Ask {
    /// Without header fields.
    pub(super) fn plainly() -> Self {
        Self {
            request: request::<&str>(&[]),
        }
    }

    pub(super) fn accepting(accept: &str) -> Self {
        Self::plainly().with("accept", accept)
    }

    /// As a browser without `Sec-Fetch-Mode` asks for a page.
    pub(super) fn page() -> Self {
        Self::accepting("text/html,application/xhtml+xml;q=0.9,*/*;q=0.8")
    }

    pub(super) fn with(mut self, name: &'static str, value: &str) -> Self {
        let value = HeaderValue::from_str(value).unwrap();
        self.request.headers.insert(name, value);
        self
    }

    pub(super) fn by(mut self, method: Method) -> Self {
        self.request.method = method;
        self
    }

    pub(super) fn at(mut self, target: &str) -> Self {
        self.request.uri = target.parse().unwrap();
        self
    }

    pub(super) fn denied(self) -> Answer {
        self.of(with_login_page(), Denied::LoginRequired)
    }

    pub(super) fn stale(self) -> Answer {
        self.of(
            with_login_page(),
            Denied::FreshLoginRequired { within: None },
        )
    }

    pub(super) fn forbidden(self) -> Answer {
        self.of(with_login_page(), Denied::Forbidden)
    }

    pub(super) fn of(self, manager: LoginManagerBuilder<Member>, denied: Denied) -> Answer {
        self.inside(Scope::new(), manager, denied)
    }

    pub(super) fn inside(
        self,
        scope: Scope,
        manager: LoginManagerBuilder<Member>,
        denied: Denied,
    ) -> Answer {
        let visit = open(&manager.build().unwrap(), &self.request);
        let mut response = visit.deny(&self.request, denied, &scope);
        visit.visit().finish(response.headers_mut()).unwrap();
        Answer { visit, response }
    }
}

/// The answer, and what else goes to the browser.
pub(super) struct Answer {
    pub(super) visit: OpenVisit,
    response: Response<String>,
}

impl Answer {
    pub(super) fn status(&self) -> u16 {
        self.response.status().as_u16()
    }

    pub(super) fn header(&self, name: &str) -> Option<&str> {
        Some(self.response.headers().get(name)?.to_str().unwrap())
    }

    pub(super) fn all(&self, name: &str) -> Vec<String> {
        let fields = self.response.headers().get_all(name);
        fields
            .iter()
            .map(|field| field.to_str().unwrap().to_owned())
            .collect()
    }

    pub(super) fn is_redirect(&self, location: &str) {
        assert_eq!(
            (self.status(), self.header("location")),
            (303, Some(location))
        );
        assert!(self.header("cache-control").unwrap().contains("no-store"));
        assert_eq!(self.header("www-authenticate"), None);
    }

    /// Not a redirect; a 401 has a scheme.
    pub(super) fn is_refusal(&self, status: u16) {
        assert_eq!((self.status(), self.header("location")), (status, None));
        assert!(self.header("cache-control").unwrap().contains("no-store"));
        let scheme = (status == 401).then_some(r#"Cookie realm="login""#);
        assert_eq!(self.header("www-authenticate"), scheme);
    }

    /// A refusal for a program; returns its body.
    pub(super) fn is_problem(&self, status: u16) -> Value {
        self.is_refusal(status);
        assert_eq!(
            self.header("content-type"),
            Some("application/problem+json")
        );
        let problem: Value = serde_json::from_str(self.response.body()).unwrap();
        assert_eq!(problem["status"], status);
        problem
    }

    pub(super) fn flashes(&self, text: &str) {
        let messages = self
            .visit
            .session()
            .get::<Vec<(String, String)>>("_flashes");
        assert_eq!(
            messages.unwrap().unwrap(),
            [("message".to_owned(), text.to_owned())]
        );
    }
}
