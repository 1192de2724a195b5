//! The session as data: an object of raw values that knows whether it has changed.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

use crate::error::{Error, ErrorKind};
use crate::records::secret::LoginSecret;
use crate::session::keys;
use crate::signing::json::{self, Object};
use crate::user::is_usable_id;

/// Flask's key for a session that survives the browser.
pub(crate) const PERMANENT: &str = "_permanent";

/// In a cookie of values: the login that they belong to. In a login without a record: the login's own id.
pub(crate) const OWNER: &str = "_login_of";

/// The values of a session. Records what changed, since unchanged values are not sent again.
#[derive(Clone, Debug, Default)]
pub(crate) struct SessionMap {
    object: Object,
    modified: Modified,
    /// What the door has seen of it, if it asked.
    known: Option<Arc<Object>>,
    /// Whether it has been cleared since.
    forgotten: bool,
    /// Whether a framework keeps it, and not one of our cookies.
    elsewhere: bool,
}

/// The changes to a session that a door keeps or has a copy of: see [`Outcome`](crate::door::Outcome) and
/// [`take_session_changes`](crate::OpenVisit::take_session_changes).
#[derive(Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct SessionChanges {
    /// Whether to remove everything first, including what the rules have not seen.
    pub cleared: bool,
    /// The new JSON of each key, or `None` to remove the key.
    pub values: Vec<(String, Option<String>)>,
}

impl SessionChanges {
    /// Whether nothing has changed.
    pub fn is_empty(&self) -> bool {
        !self.cleared && self.values.is_empty()
    }
}

/// Without the values, one of which is a secret.
impl fmt::Debug for SessionChanges {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let keys = self.values.iter().map(|(key, _)| key);
        f.debug_struct("SessionChanges")
            .field("cleared", &self.cleared)
            .field("keys", &keys.collect::<Vec<_>>())
            .finish()
    }
}

/// What has changed: the login, or the values beside it.
#[derive(Clone, Copy, Debug, Default)]
struct Modified {
    login: bool,
    values: bool,
    cleared: bool,
}

/// Whether a key belongs to the login and is kept with it.
fn is_of_login(key: &str) -> bool {
    keys::LOGIN.contains(&key)
}

impl SessionMap {
    /// Parses the text of a verified cookie. `None` when it is not a map.
    pub(crate) fn parse(text: String) -> Option<Self> {
        Some(Self {
            object: Object::parse(text)?,
            ..Self::default()
        })
    }

    /// A session that a framework keeps.
    pub(crate) fn elsewhere(values: impl IntoIterator<Item = (String, String)>) -> Self {
        let mut object = Object::default();
        for (key, raw) in values {
            object.set(&key, raw);
        }
        Self {
            known: Some(Arc::new(object.clone())),
            object,
            elsewhere: true,
            ..Self::default()
        }
    }

    /// Whether a framework keeps it, and not one of our cookies.
    pub(crate) fn is_elsewhere(&self) -> bool {
        self.elsewhere
    }

    /// Everything that a door may see; the door knows it from now on. The login's secret is left out, unless a
    /// framework keeps the session.
    pub(crate) fn show(&mut self) -> Vec<(String, String)> {
        self.know();
        let mut names = self.names();
        names.retain(|key| self.is_shown(key));
        let value = |key: String| {
            let raw = self.get(&key)?.to_owned();
            Some((key, raw))
        };
        names.into_iter().filter_map(value).collect()
    }

    /// Whether these values can be read back from where the session is kept.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::SessionValue`] when they would go into a cookie and one of them would spoil it.
    pub(crate) fn can_hold(&self, values: &[(String, String)]) -> Result<(), Error> {
        // Values that are there already could be read.
        let is_new = |(key, raw): &&(String, String)| self.get(key) != Some(raw);
        let mut new = values.iter().filter(is_new);
        match new.find(|(_, raw)| !json::is_raw(raw)) {
            Some((key, _)) if !self.elsewhere => Err(Error::new(
                ErrorKind::SessionValue,
                format!("the session value {key:?} is not JSON, or nested too deep"),
            )),
            _ => Ok(()),
        }
    }

    /// The same, as the text of one JSON object, in Flask's format for a session.
    pub(crate) fn show_json(&mut self) -> String {
        self.know();
        let mut shown = self.object.clone();
        if !self.is_shown(keys::TOKEN) {
            shown.remove(keys::TOKEN);
        }
        shown.to_json()
    }

    /// All values of one JSON object, in Flask's format for a session. `None` when the text is not an object.
    pub(crate) fn values_of(text: String) -> Option<Vec<(String, String)>> {
        let object = Object::parse(text)?;
        let value = |key: String| {
            let raw = object.get(&key)?.to_owned();
            Some((key, raw))
        };
        Some(object.names().into_iter().filter_map(value).collect())
    }

    /// The raw JSON under a key that a door may see.
    pub(crate) fn shown(&self, key: &str) -> Option<&str> {
        self.get(key).filter(|_| self.is_shown(key))
    }

    /// Replaces the contents with the door's. The login's secret is removed only with the user. `true` when the login is
    /// now another.
    pub(crate) fn replace(&mut self, values: impl IntoIterator<Item = (String, String)>) -> bool {
        let values: Vec<_> = values.into_iter().collect();
        let login = |session: &Self| keys::LOGIN.map(|key| session.get(key).map(str::to_owned));
        let before = login(self);
        let user = |values: &[(String, String)]| {
            let user = values.iter().rfind(|(key, _)| key == keys::USER_ID);
            user.map(|(_, raw)| raw.clone())
        };
        let is_same_user = user(&values).as_deref() == self.get(keys::USER_ID);
        if !is_same_user && self.has_login() {
            // A door cannot see values under names that are not text.
            self.object.retain(|_| true);
        }
        for key in self.names() {
            let is_there = values.iter().any(|(other, _)| *other == key);
            if !is_there && (self.is_shown(&key) || !is_same_user) {
                self.remove(&key);
            }
        }
        for (key, raw) in values {
            if self.is_shown(&key) {
                self.set(&key, raw);
            }
        }
        self.know();
        login(self) != before
    }

    fn is_shown(&self, key: &str) -> bool {
        self.elsewhere || key != keys::TOKEN
    }

    fn know(&mut self) {
        self.known = Some(Arc::new(self.object.clone()));
        self.forgotten = false;
    }

    /// What has changed since the door last saw it. Nothing, if it never has.
    pub(crate) fn take_changes(&mut self) -> SessionChanges {
        let Some(known) = self.known.clone() else {
            return SessionChanges::default();
        };
        let cleared = self.forgotten;
        let mut keys = self.names();
        if !cleared {
            keys.extend(known.names());
            keys.sort();
            keys.dedup();
        }
        keys.retain(|key| self.is_shown(key));
        let change = |key: String| {
            let raw = self.get(&key);
            let is_new = cleared || raw != known.get(&key);
            let raw = raw.map(str::to_owned);
            is_new.then_some((key, raw))
        };
        let changes = SessionChanges {
            cleared,
            values: keys.into_iter().filter_map(change).collect(),
        };
        if !changes.is_empty() {
            self.know();
        }
        changes
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

    /// Stores raw JSON. Storing the same value again changes nothing.
    pub(crate) fn set(&mut self, key: &str, raw: String) {
        if self.get(key) != Some(raw.as_str()) {
            self.object.set(key, raw);
            self.changed(key);
        }
    }

    fn changed(&mut self, key: &str) {
        let (login, both) = (is_of_login(key), key == PERMANENT);
        self.modified.login |= login || both;
        self.modified.values |= !login || both;
    }

    pub(crate) fn set_text(&mut self, key: &str, text: &str) {
        let mut raw = String::with_capacity(text.len() + 2);
        json::write_string(text, &mut raw);
        self.set(key, raw);
    }

    pub(crate) fn remove(&mut self, key: &str) -> bool {
        let removed = self.object.remove(key);
        if removed {
            self.changed(key);
        }
        removed
    }

    /// Marks it as changed, so that it is sent again.
    pub(crate) fn touch(&mut self) {
        self.modified.login = true;
        self.modified.values = true;
    }

    /// Removes everything. Counts as a change even when the session was empty, so that a cookie that is invalid at the
    /// moment is deleted too.
    pub(crate) fn clear(&mut self) {
        self.object = Object::default();
        self.forgotten = true;
        self.modified = Modified {
            login: true,
            values: true,
            cleared: true,
        };
    }

    /// Removes all keys for which `keep` is false.
    pub(crate) fn retain(&mut self, keep: impl Fn(&str) -> bool) {
        for name in self.object.names() {
            if !keep(&name) {
                self.changed(&name);
            }
        }
        self.object.retain(keep);
    }

    pub(crate) fn names(&self) -> Vec<String> {
        self.object.names()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.object.is_empty()
    }

    pub(crate) fn is_modified(&self) -> bool {
        self.modified.login || self.modified.values
    }

    /// Whether the login has changed, or what is recorded about it.
    pub(crate) fn is_login_modified(&self) -> bool {
        self.modified.login
    }

    /// Whether a value beside the login has changed.
    pub(crate) fn are_values_modified(&self) -> bool {
        self.modified.values
    }

    /// Whether everything was removed, including what was invalid.
    pub(crate) fn is_cleared(&self) -> bool {
        self.modified.cleared
    }

    /// Whether it names a user, valid or not.
    pub(crate) fn has_login(&self) -> bool {
        self.get(keys::USER_ID).is_some()
    }

    /// The user's id, in the form that the loader gets.
    pub(crate) fn user_id(&self) -> Option<String> {
        let raw = self.get(keys::USER_ID)?;
        let id = match json::as_text(raw) {
            Some(text) => text.into_owned(),
            // Flask applications may keep ids as integers; Flask-Login passes them to the loader unchanged.
            None if raw
                .bytes()
                .all(|byte| byte.is_ascii_digit() || byte == b'-') =>
            {
                raw.to_owned()
            }
            None => return None,
        };
        is_usable_id(&id).then_some(id)
    }

    /// The id of its login: the record's, or else one of its own. `None` for an anonymous visitor.
    pub(crate) fn owner(&self) -> Option<String> {
        let user = self.get(keys::USER_ID)?;
        let number = || self.values_owner().unwrap_or_else(|| user.to_owned());
        Some(
            self.token()
                .map_or_else(number, |token| token.id.to_string()),
        )
    }

    /// Gives a login without a record an id, so that it does not get the values of another login of the same user.
    pub(crate) fn number_login(&mut self) {
        self.set_text(OWNER, &crate::records::secret::salt());
    }

    /// The id of its record, and the secret that proves it.
    pub(crate) fn token(&self) -> Option<LoginSecret> {
        LoginSecret::in_session(&self.text(keys::TOKEN)?)
    }

    /// The login alone, without the values of an anonymous visitor's session.
    pub(crate) fn login_part(&self) -> Self {
        let mut part = Self::default();
        if self.has_login() {
            for key in keys::LOGIN.iter().chain([&PERMANENT, &OWNER]) {
                if let Some(raw) = self.get(key) {
                    part.object.set(key, raw.to_owned());
                }
            }
        }
        part
    }

    /// The values beside the login, and the login that they belong to. Empty when there are none.
    pub(crate) fn values_part(&self) -> Self {
        let mut part = self.clone();
        part.object.retain(|key| !is_of_login(key) && key != OWNER);
        // Beside a login, the login's cookie says how long both live.
        let alone = part.object.names().iter().all(|name| name == PERMANENT);
        if self.has_login() && alone {
            part.object = Object::default();
        }
        if let (false, Some(owner)) = (part.is_empty(), self.owner()) {
            part.set_text(OWNER, &owner);
        }
        part
    }

    /// Adds the values to the login, if they belong to it.
    pub(crate) fn join(&mut self, values: &Self) {
        for key in values.object.names() {
            let belongs = !is_of_login(&key) && key != OWNER && self.get(&key).is_none();
            if let Some(raw) = values.get(&key).filter(|_| belongs) {
                self.object.set(&key, raw.to_owned());
            }
        }
    }

    /// The login that the values claim to belong to.
    pub(crate) fn values_owner(&self) -> Option<String> {
        self.text(OWNER).map(Cow::into_owned)
    }

    pub(crate) fn is_permanent(&self) -> bool {
        self.is_true(PERMANENT)
    }

    pub(crate) fn to_json(&self) -> String {
        self.object.to_json()
    }
}
