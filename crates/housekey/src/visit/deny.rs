//! Denies a request: `denial` decides, and this module acts on it.

use http::Response;
use http::header::{self, HeaderValue};

use super::{OpenVisit, Visit};
use crate::denial::{Denial, Denied, Question, Scope};
use crate::event::Event;
use crate::head::{Head, NOT_STORED};
use crate::session::keys;

impl Visit {
    /// Whether a request is for the login page or for the page to prove oneself again.
    pub(super) fn is_login_page(&self, request: &impl Head, scope: &Scope) -> bool {
        let stale = Denied::FreshLoginRequired { within: None };
        let target = self.target();
        [Denied::LoginRequired, stale].into_iter().any(|denied| {
            let question = Question {
                policy: &self.shared().policy,
                request,
                target: target.as_deref(),
                unseen: false,
                denied,
                scope,
            };
            question.is_for_its_page()
        })
    }
}

impl OpenVisit {
    /// The answer to a visitor who may not pass.
    pub fn deny(&self, request: &impl Head, denied: Denied, scope: &Scope) -> Response<String> {
        self.visit().note_denial();
        let policy = &self.visit().shared().policy;
        let settings = &policy.settings;
        let (event, handler) = match denied {
            Denied::LoginRequired | Denied::PendingLoginRequired => {
                (Event::Unauthorized, settings.unauthorized_handler.as_ref())
            }
            Denied::FreshLoginRequired { .. } => {
                (Event::NeedsRefresh, settings.needs_refresh_handler.as_ref())
            }
            Denied::Forbidden => (Event::Forbidden, None),
        };
        self.deliver(&event);
        let mut response = match handler {
            Some(handler) => handler(request.parts()),
            None => {
                let target = self.visit().target();
                let question = Question {
                    policy,
                    request,
                    target: target.as_deref(),
                    unseen: self.with(|view| view.unseen),
                    denied,
                    scope,
                };
                let denial = question.decide();
                self.keep(&denial);
                denial.render()
            }
        };
        let headers = response.headers_mut();
        if !headers.contains_key(header::CACHE_CONTROL) {
            headers.insert(header::CACHE_CONTROL, HeaderValue::from_static(NOT_STORED));
        }
        response
    }

    /// Keeps in the session what the login page needs to know.
    fn keep(&self, denial: &Denial<'_>) {
        if let Some(message) = denial.message {
            // This is the application's code, so it does not run under the lock.
            let localized = self.visit().shared().settings.localize.as_ref();
            let localized = localized.map(|localize| localize(&message.text));
            let text = localized.as_deref().unwrap_or(&message.text);
            if let Err(error) = self.flash().push(&message.category, text) {
                tracing::warn!(target: "housekey", %error, "the login message was not kept");
            }
        }
        if let Some(next) = &denial.next {
            // Without room for it, the visitor still gets to the login page, but not back.
            let _ = self.with(|view| {
                view.if_it_fits(|view| {
                    view.session.set_text(keys::NEXT, next);
                    // A Flask peer with strong protection discards a session without one.
                    view.bind_to_client();
                })
            });
        }
    }
}
