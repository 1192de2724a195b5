//! Flashed messages as an application sees them.

use super::OpenVisit;
use crate::error::Error;
use crate::session::FlashMessage;

/// The category that Flask gives to a message without one.
const DEFAULT_CATEGORY: &str = "message";

/// Says something on the next page that asks for it: Flask's `flash` and `get_flashed_messages`.
#[derive(Clone, Debug)]
pub struct Flash {
    visit: OpenVisit,
}

impl Flash {
    pub(crate) fn new(visit: OpenVisit) -> Self {
        Self { visit }
    }

    /// Keeps a message of the category `message`.
    ///
    /// # Errors
    ///
    /// As [`push`](Flash::push).
    pub fn message(&self, text: &str) -> Result<(), Error> {
        self.push(DEFAULT_CATEGORY, text)
    }

    /// Keeps a message for the next page. One that waits already is not kept twice, and no more than ten wait.
    ///
    /// A message outlives a login or a logout in the same request; those of earlier requests do not, since they
    /// were somebody else's.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::SessionTooLarge`](crate::ErrorKind::SessionTooLarge) when the session has no room for it,
    /// [`ErrorKind::TooLate`](crate::ErrorKind::TooLate) after the response.
    pub fn push(&self, category: &str, text: &str) -> Result<(), Error> {
        self.visit.change(|view| {
            let before = view.flashes.clone();
            view.flashes.push(category, text);
            view.must_fit().inspect_err(|_| view.flashes = before)
        })
    }

    /// Takes all messages, those of this very request included, oldest first.
    ///
    /// A request whose answer no person may ever see gets none, and they wait on: HEAD, and what is fetched in advance
    /// (`Sec-Purpose`, Turbo's `X-Sec-Purpose`, `Purpose`, `X-Purpose`, `X-Moz`, htmx's `HX-Preloaded`).
    ///
    /// # Errors
    ///
    /// [`ErrorKind::TooLate`](crate::ErrorKind::TooLate) after the response: nobody could tell the browser that they are
    /// gone.
    pub fn take(&self) -> Result<Vec<FlashMessage>, Error> {
        self.visit.change(|view| {
            if view.unseen {
                return Ok(Vec::new());
            }
            let state = &mut *view.state;
            Ok(state.flashes.take(&mut state.session))
        })
    }
}
