//! What the handlers of all doors have in common, after the door's extractors have done their part.

use std::fmt;
use std::time::Duration;

use housekey::{
    Error, ErrorKind, Flash, Login, LoginSource, LoginWatch, PendingLogin, Session, User,
};
use serde::Deserialize;

use crate::people::{Member, Members};

/// What a door's `CurrentUser` reports: `mia, fresh, remembered, by Session`, or `nobody`.
#[derive(Clone, Debug)]
pub struct Who {
    /// The user's id.
    pub id: Option<String>,
    /// `is_authenticated`.
    pub is_authenticated: bool,
    /// `is_anonymous`.
    pub is_anonymous: bool,
    /// `is_fresh`.
    pub is_fresh: bool,
    /// `is_fresh_within` [`LATELY`].
    pub is_fresh_lately: bool,
    /// `is_remembered`.
    pub is_remembered: bool,
    /// `source`.
    pub source: Option<LoginSource>,
    /// `watch`, or the kind of its error.
    pub watch: Result<LoginWatch, ErrorKind>,
}

/// The time span of `lately`.
pub const LATELY: Duration = Duration::from_secs(60);

impl Who {
    /// The id, or `nobody`.
    ///
    /// # Panics
    ///
    /// When the door's answers contradict each other.
    pub fn name(&self) -> &str {
        assert_eq!(self.is_authenticated, self.id.is_some());
        assert_eq!(self.is_anonymous, self.id.is_none());
        assert_eq!(self.source.is_some(), self.id.is_some());
        self.id.as_deref().unwrap_or("nobody")
    }
}

impl fmt::Display for Who {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())?;
        if self.is_fresh {
            f.write_str(", fresh")?;
        }
        if self.is_remembered {
            f.write_str(", remembered")?;
        }
        match self.source {
            Some(source) => write!(f, ", by {source:?}"),
            None => Ok(()),
        }
    }
}

/// The form of `POST /login`.
#[derive(Debug, Deserialize)]
pub struct Credentials {
    name: String,
    #[serde(default)]
    remember: bool,
    remember_for: Option<u64>,
    #[serde(default)]
    not_fresh: bool,
    #[serde(default)]
    force: bool,
    /// Where to go afterwards.
    pub next: Option<String>,
}

impl Credentials {
    /// Logs the member of this name in, as the form says.
    ///
    /// # Errors
    ///
    /// Those of the login.
    pub async fn log_in(&self, login: &Login<Member>, members: &Members) -> Result<(), Error> {
        let member = members.find(&self.name).unwrap();
        let mut attempt = login.login_user(&member).remember(self.remember);
        if let Some(seconds) = self.remember_for {
            attempt = attempt.remember_for(Duration::from_secs(seconds));
        }
        if self.not_fresh {
            attempt = attempt.not_fresh();
        }
        if self.force {
            attempt = attempt.force();
        }
        attempt.await
    }
}

/// What a door's `PendingLogin` reports.
pub fn pending(pending: &PendingLogin<impl User>) -> String {
    match pending.is_confirmation() {
        true => format!("{} to confirm", pending.user().id()),
        false => pending.user().id(),
    }
}

/// Confirms the login. Loads nobody: the user is the session's, or ben if it names none.
///
/// # Errors
///
/// Those of `confirm_login`.
pub async fn confirm(login: &Login<Member>, members: &Members) -> Result<(), Error> {
    let id = login.user_id().unwrap_or("ben".to_owned());
    login.confirm_login(&members.find(&id).unwrap()).await
}

/// Gives the user another auth hash, and keeps this login.
///
/// # Errors
///
/// Those of `update_auth_hash`.
pub async fn new_password(
    user: &Member,
    login: &Login<Member>,
    members: &Members,
    stamp: &str,
) -> Result<(), Error> {
    let id = user.id();
    members.set_stamp(&id, stamp);
    login.update_auth_hash(&members.find(&id).unwrap()).await
}

/// The value of a key as JSON, or `nothing`.
///
/// # Errors
///
/// Those of the session.
pub fn read(session: &Session, key: &str) -> Result<String, Error> {
    let value: Option<serde_json::Value> = session.get(key)?;
    Ok(value.map_or("nothing".to_owned(), |value| value.to_string()))
}

/// Takes all messages: one per line, after its category.
///
/// # Errors
///
/// Those of `take`.
pub fn flashes(flash: &Flash) -> Result<String, Error> {
    let messages = flash.take()?.into_iter();
    let lines: Vec<_> = messages
        .map(|message| format!("{}: {}", message.category, message.text))
        .collect();
    Ok(lines.join("\n"))
}

/// Takes all messages: their texts.
///
/// # Errors
///
/// Those of `take`.
pub fn said(flash: &Flash) -> Result<String, Error> {
    let messages = flash.take()?;
    Ok(messages.into_iter().map(|message| message.text).collect())
}

/// Puts something into a member's cart, and leaves a message.
///
/// # Errors
///
/// Those of the session.
pub fn fill(session: &Session, flash: &Flash) -> Result<(), Error> {
    session.insert("cart", &[42])?;
    flash.message("It is in the cart.")
}

/// The contents of a member's cart, and the messages.
///
/// # Errors
///
/// Those of the session.
pub fn cart(session: &Session, flash: &Flash) -> Result<String, Error> {
    let cart = session.get::<Vec<u32>>("cart")?.unwrap_or_default();
    Ok(format!("{cart:?}, {}", said(flash)?))
}
