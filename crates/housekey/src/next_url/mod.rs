//! Which return addresses are safe, and how one is put into a login URL.
//!
//! After logging in, a person wants to be where they were going. The address travels through the browser, so anybody
//! can write it: `/login?next=//evil.example` on a poster is an open redirect unless it is refused. The rule, by the
//! cases that Django, Flask-Security, Rails, Devise and others collected:
//!
//! 1. At most 2,048 characters, none of them a control character, and no backslash before the query. (Browsers take one
//!    for a slash there, and in the query for what it is.)
//! 2. A path of this site: it begins with exactly one `/`.
//! 3. The same after percent-decoding the path: no `//` and no `/\` at the beginning, no control characters inside;
//!    and not both a doubled slash and a `.` or `..` anywhere, which may be resolved to a `//` at the beginning.
//! 4. Or an absolute `http` or `https` URL whose origin the application listed, without user information.
//!
//! It is checked when the address is written and again when it is used.

mod login_url;
mod safe;

pub(crate) use login_url::build_login_url;
pub use login_url::login_url;
pub(crate) use safe::path_of;

use http::request::Parts;

use crate::error::Error;
use crate::event::Event;
use crate::manager::Core;
use crate::session::keys;
use crate::visit::OpenVisit;

/// Where to go after logging in: the request's `next`, if it is safe.
///
/// It is read from the query, or from the session if the manager keeps it there; a form that has it in a hidden field
/// hands it over with [`or_field`](NextUrl::or_field).
#[derive(Clone, Debug)]
pub struct NextUrl {
    visit: OpenVisit,
    claimed: Option<String>,
}

impl NextUrl {
    pub(crate) fn new(visit: OpenVisit, request: &Parts) -> Self {
        let claimed = visit.with(|state, core| {
            let in_query = request
                .uri
                .query()
                .and_then(|query| login_url::query_value(query, &core.settings.next_field));
            in_query.or_else(|| {
                state
                    .session
                    .text(keys::NEXT)
                    .map(std::borrow::Cow::into_owned)
            })
        });
        Self { visit, claimed }
    }

    /// Takes the form's field instead, unless it is empty.
    #[must_use]
    pub fn or_field(mut self, field: Option<&str>) -> Self {
        if let Some(field) = field.filter(|field| !field.is_empty()) {
            self.claimed = Some(field.to_owned());
        }
        self
    }

    /// The address, if there is one and it is safe. For the hidden field of a form; the template must escape it.
    pub fn get(&self) -> Option<&str> {
        let next = self.claimed.as_deref()?;
        self.visit.visit().core().is_safe_next(next).then_some(next)
    }

    /// The address, or `default` when there is none or it is not safe, as it can stand in a `Location` header. A
    /// `next` in the session is used up.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::TooLate`](crate::ErrorKind::TooLate) after the response: it could not be used up.
    pub fn or(self, default: &str) -> Result<String, Error> {
        self.visit.change(|state, _| {
            state.session.remove(keys::NEXT);
            Ok(())
        })?;
        match (self.get(), &self.claimed) {
            (Some(next), _) => return Ok(safe::for_location(next)),
            (None, Some(_)) => self.visit.deliver(&Event::NextRejected),
            (None, None) => {}
        }
        Ok(default.to_owned())
    }
}

impl Core {
    /// Safe to go to, and not the login page again.
    pub(crate) fn is_safe_next(&self, next: &str) -> bool {
        let views = [&self.settings.login_view, &self.settings.refresh_view];
        let is_login_page = views
            .into_iter()
            .flatten()
            .any(|view| safe::path_of(view) == safe::path_of(next));
        self.settings.next_origins.is_safe_target(next) && !is_login_page
    }
}
