//! The session as data: an object of raw values that knows whether it was changed.

use std::borrow::Cow;

use crate::signing::json::{self, Object};

/// Flask's key for a session that survives the browser.
pub(crate) const PERMANENT: &str = "_permanent";

/// The values of a session. Remembers whether anything was changed, since an unchanged session is not sent again.
#[derive(Clone, Debug, Default)]
pub(crate) struct SessionMap {
    object: Object,
    modified: bool,
}

impl SessionMap {
    /// From the text of a verified cookie. `None` when it is no map.
    pub(crate) fn parse(text: String) -> Option<Self> {
        Some(Self {
            object: Object::parse(text)?,
            modified: false,
        })
    }

    /// The raw JSON under this key.
    pub(crate) fn get(&self, key: &str) -> Option<&str> {
        self.object.get(key)
    }

    pub(crate) fn text(&self, key: &str) -> Option<Cow<'_, str>> {
        json::as_text(self.get(key)?)
    }

    pub(crate) fn is_true(&self, key: &str) -> bool {
        self.get(key) == Some("true")
    }

    pub(crate) fn number(&self, key: &str) -> Option<u64> {
        self.get(key)?.parse().ok()
    }

    /// Stores raw JSON. Storing what is there already changes nothing.
    pub(crate) fn set(&mut self, key: &str, raw: String) {
        if self.get(key) != Some(raw.as_str()) {
            self.object.set(key, raw);
            self.modified = true;
        }
    }

    pub(crate) fn set_text(&mut self, key: &str, text: &str) {
        let mut raw = String::with_capacity(text.len() + 2);
        json::write_string(text, &mut raw);
        self.set(key, raw);
    }

    pub(crate) fn remove(&mut self, key: &str) -> bool {
        let removed = self.object.remove(key);
        self.modified |= removed;
        removed
    }

    /// Removes everything. Counts as a change even when there was nothing, so that a cookie that counts for nothing
    /// just now goes too.
    pub(crate) fn clear(&mut self) {
        self.object = Object::default();
        self.modified = true;
    }

    /// Removes all for which `keep` says no.
    pub(crate) fn retain(&mut self, keep: impl Fn(&str) -> bool) {
        self.modified |= !self.object.is_empty();
        self.object.retain(keep);
    }

    pub(crate) fn names(&self) -> Vec<String> {
        self.object.names()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.object.is_empty()
    }

    pub(crate) fn is_modified(&self) -> bool {
        self.modified
    }

    pub(crate) fn is_permanent(&self) -> bool {
        self.is_true(PERMANENT)
    }

    pub(crate) fn to_json(&self) -> String {
        self.object.to_json()
    }
}
