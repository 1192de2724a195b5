//! Flashed messages, for the application.

use super::OpenVisit;
use crate::error::Error;
use crate::session::FlashMessage;

/// The category that Flask gives to a message without one.
const DEFAULT_CATEGORY: &str = "message";

/// Shows a message on the next page that asks for it: Flask's `flash` and `get_flashed_messages`.
#[derive(Clone, Debug)]
pub struct Flash {
    visit: OpenVisit,
}

impl Flash {
    pub(crate) fn new(visit: OpenVisit) -> Self {
        Self { visit }
    }

    /// Keeps a message in the category `message`.
    ///
    /// # Errors
    ///
    /// As [`push`](Flash::push).
    pub fn message(&self, text: &str) -> Result<(), Error> {
        self.push(DEFAULT_CATEGORY, text)
    }

    /// Keeps a message for the next page. A message that is already waiting is not kept twice, and at most ten wait.
    ///
    /// A message outlives a login or a logout in the same request. Messages from earlier requests do not, because they were
    /// another user's.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::SessionTooLarge`](crate::ErrorKind::SessionTooLarge) if the session has no room for it,
    /// [`ErrorKind::TooLate`](crate::ErrorKind::TooLate) after the response.
    pub fn push(&self, category: &str, text: &str) -> Result<(), Error> {
        self.visit.change(|view| {
            let before = view.flashes.clone();
            view.flashes.push(category, text);
            view.must_fit().inspect_err(|_| view.flashes = before)
        })
    }

    /// Takes all messages, oldest first, including those of this request.
    ///
    /// If perhaps no person will see the answer, the request gets no messages, and they keep waiting. This holds for HEAD
    /// and for prefetches (`Sec-Purpose`, Turbo's `X-Sec-Purpose`, `Purpose`, `X-Purpose`, `X-Moz`, htmx's `HX-Preloaded`).
    ///
    /// # Errors
    ///
    /// [`ErrorKind::TooLate`](crate::ErrorKind::TooLate) after the response: the browser could not be told that they are
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
