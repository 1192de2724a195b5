//! Where to go after a login, for the application.

use std::borrow::Cow;

use super::OpenVisit;
use crate::error::Error;
use crate::event::Event;
use crate::head::Head;
use crate::next_url::{for_location, query_value};
use crate::session::keys;

/// Where to go after logging in: the request's `next`, if it is safe.
///
/// It is read from the query, from the session if the manager keeps it there, or from a [pending
/// login](crate::BeginLogin::next). A form with `next` in a hidden field passes it on with [`or_field`](NextUrl::or_field).
#[derive(Clone, Debug)]
pub struct NextUrl {
    visit: OpenVisit,
    claimed: Option<String>,
}

impl NextUrl {
    pub(crate) fn new(visit: OpenVisit, request: &impl Head) -> Self {
        let claimed = visit.with(|view| {
            let in_query = request
                .query()
                .and_then(|query| query_value(query, &view.policy.settings.next_field));
            in_query
                .or_else(|| view.session.text(keys::NEXT).map(Cow::into_owned))
                .or_else(|| view.pending()?.next)
        });
        Self { visit, claimed }
    }

    /// Uses the form's field instead, unless it is empty.
    #[must_use]
    pub fn or_field(mut self, field: Option<&str>) -> Self {
        if let Some(field) = field.filter(|field| !field.is_empty()) {
            self.claimed = Some(field.to_owned());
        }
        self
    }

    /// The address, if there is one and it is safe. For the hidden field of a form. The template must escape it.
    pub fn get(&self) -> Option<&str> {
        let next = self.claimed.as_deref()?;
        self.visit
            .visit()
            .shared()
            .is_safe_next(next)
            .then_some(next)
    }

    /// The address, ready for a `Location` header, or `default` if there is none or it is not safe. This uses up a `next` in
    /// the session.
    ///
    /// `default` is the application's and is not checked. A path in it is the program's own: where the program is
    /// [mounted](crate::LoginManagerBuilder::mounted_at) below a prefix, that is put in front of it, and not of the address, which has it.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::TooLate`](crate::ErrorKind::TooLate) after the response, because it could not be used up.
    pub fn or(self, default: &str) -> Result<String, Error> {
        self.visit.change(|view| {
            view.session.remove(keys::NEXT);
            Ok(())
        })?;
        match (self.get(), &self.claimed) {
            (Some(next), _) => return Ok(for_location(next)),
            (None, Some(_)) => self.visit.deliver(&Event::NextRejected),
            (None, None) => {}
        }
        let mount = &self.visit.visit().shared().settings.mount;
        Ok(mount.public(default).into_owned())
    }
}
