//! Flashed messages: said on one page, shown on the next, in Flask's format.

use super::SessionMap;
use crate::error::Error;
use crate::signing::json;
use crate::visit::OpenVisit;

/// Flask's key: a list of tuples of category and message.
pub(crate) const FLASHES: &str = "_flashes";

/// Messages that are kept for the next page. Of more, the oldest go.
const MOST_MESSAGES: usize = 10;

/// The category that Flask gives to a message without one.
const DEFAULT_CATEGORY: &str = "message";

/// One message for the person in front of the screen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FlashMessage {
    /// `message` unless another was given; what a page chooses the colour by.
    pub category: String,
    /// The text. It is not HTML: a template must escape it.
    pub text: String,
}

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
        self.visit.change(|state, core| {
            let before = state.flashes.clone();
            state.flashes.push(category, text);
            state.must_fit(core).inspect_err(|_| state.flashes = before)
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
        self.visit.change(|state, _| {
            if state.unseen {
                return Ok(Vec::new());
            }
            let mut raw = stored(&state.session);
            state.session.remove(FLASHES);
            raw.append(&mut state.flashes.new);
            Ok(raw.iter().filter_map(|raw| read(raw)).collect())
        })
    }
}

/// The messages of this request. They join those in the session when the response is written.
#[derive(Clone, Debug, Default)]
pub(crate) struct Flashes {
    new: Vec<String>,
}

impl Flashes {
    pub(crate) fn push(&mut self, category: &str, text: &str) {
        let mut raw = String::from("{\" t\":[");
        json::write_string(category, &mut raw);
        raw.push(',');
        json::write_string(text, &mut raw);
        raw.push_str("]}");
        self.new.push(raw);
    }

    pub(crate) fn store(&self, session: &mut SessionMap) {
        if self.new.is_empty() {
            return;
        }
        let mut all: Vec<String> = Vec::new();
        for raw in stored(session).into_iter().chain(self.new.iter().cloned()) {
            if !all.contains(&raw) {
                all.push(raw);
            }
        }
        let kept = &all[all.len().saturating_sub(MOST_MESSAGES)..];
        session.set(FLASHES, format!("[{}]", kept.join(",")));
    }
}

/// The raw messages in the session, those that a Flask peer stored included.
fn stored(session: &SessionMap) -> Vec<String> {
    session
        .get(FLASHES)
        .and_then(json::elements)
        .map(|elements| elements.into_iter().map(str::to_owned).collect())
        .unwrap_or_default()
}

fn read(raw: &str) -> Option<FlashMessage> {
    let (category, text) = json::from_raw(raw).ok()?;
    Some(FlashMessage { category, text })
}
