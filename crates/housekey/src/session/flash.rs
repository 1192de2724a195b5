//! Flashed messages: set on one page, shown on the next, in Flask's format.

use super::SessionMap;
use crate::signing::json;

/// Flask's key: a list of tuples of category and message.
pub(crate) const FLASHES: &str = "_flashes";

/// How many messages are kept for the next page. The oldest are dropped.
const MOST_MESSAGES: usize = 10;

/// One message for the user.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FlashMessage {
    /// `message` unless another was given. A page can choose a colour by it.
    pub category: String,
    /// The text. It is not HTML: a template must escape it.
    pub text: String,
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

    /// Takes the messages in the session and those of this request, oldest first.
    pub(crate) fn take(&mut self, session: &mut SessionMap) -> Vec<FlashMessage> {
        let mut raw = stored(session);
        session.remove(FLASHES);
        raw.append(&mut self.new);
        raw.iter().filter_map(|raw| read(raw)).collect()
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

/// The raw messages in the session, including those of a Flask peer.
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
