//! A login that has begun and is not finished: the first step was right, and a second one must follow.
//!
//! It is a signed value in the session and not a login: the search for the current user does not read it. It names the user,
//! their auth hash at the time, the browser, and when it ends.

use std::time::Duration;

use serde::{Deserialize, Deserializer, Serialize};

use super::actions::LoginOptions;
use super::state::{View, VisitState, Who};
use crate::auth_hash::AuthHash;
use crate::cookie::LONGEST_LIFE;
use crate::error::{Error, ErrorKind};
use crate::event::{Event, PendingRefusal};
use crate::records::LoginId;
use crate::records::secret::LoginSecret;
use crate::session::{SessionMap, keys};
use crate::settings::SessionProtection;
use crate::signing::json;
use crate::user::User;

/// How long the second step may take by default.
pub(crate) const USUAL_LIFETIME: Duration = Duration::from_secs(10 * 60);
/// The longest that can be set.
pub(crate) const LONGEST_LIFETIME: Duration = Duration::from_secs(60 * 60);

/// What a pending login leads to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum PendingKind {
    /// A login.
    Login,
    /// The existing login becomes fresh.
    Confirmation,
}

/// How to begin a pending login.
#[derive(Clone, Debug)]
pub(crate) struct PendingOptions {
    pub(crate) kind: PendingKind,
    /// The options of the login that follows.
    pub(crate) login: LoginOptions,
    pub(crate) lifetime: Duration,
    pub(crate) next: Option<String>,
}

/// What the session holds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Pending {
    kind: PendingKind,
    /// 128 random bits, by which a store knows whether it was used.
    id: String,
    #[serde(rename = "user", deserialize_with = "text_of_id")]
    pub(crate) user_id: String,
    /// The digest of the user's auth hash.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    auth_hash: Option<String>,
    /// The browser, as session protection knows it.
    client: String,
    /// Seconds since 1970.
    begun_at: u64,
    ends_at: u64,
    /// `Some` to remember the browser: for how many seconds, or 0 for the manager's duration.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    remember: Option<u64>,
    /// The longest that the login lasts, in seconds, and the latest time that it lasts to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    lifetime: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    until: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) next: Option<String>,
}

/// Flask applications may keep ids as integers.
fn text_of_id<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Id {
        Text(String),
        Number(i64),
    }
    Ok(match Id::deserialize(deserializer)? {
        Id::Text(text) => text,
        Id::Number(number) => number.to_string(),
    })
}

impl Pending {
    pub(crate) fn of(session: &SessionMap) -> Option<Self> {
        json::from_raw(session.get(keys::PENDING)?).ok()
    }

    /// Its id. `None` if housekey did not write it.
    pub(crate) fn id(&self) -> Option<LoginId> {
        self.id.parse().ok()
    }

    pub(crate) fn is_confirmation(&self) -> bool {
        self.kind == PendingKind::Confirmation
    }

    /// When it ends, in seconds since 1970.
    pub(crate) fn ends_at(&self) -> u64 {
        self.ends_at
    }

    /// The options of the login that follows.
    pub(crate) fn options(&self) -> LoginOptions {
        LoginOptions {
            remember: self.remember.map(|seconds| {
                (seconds > 0).then(|| Duration::from_secs(seconds).min(LONGEST_LIFE))
            }),
            lifetime: self.lifetime.map(Duration::from_secs),
            until: self.until,
            ..LoginOptions::default()
        }
    }
}

impl VisitState {
    /// The pending login in the session. Whether it counts is a separate question.
    pub(crate) fn pending(&self) -> Option<Pending> {
        Pending::of(&self.session)
    }
}

impl View<'_> {
    /// Begins a login of this user, who has taken the first step.
    ///
    /// # Errors
    ///
    /// Those of [`log_in`](Self::log_in). Nothing has changed then.
    pub(crate) fn begin(&mut self, user: &dyn User, options: &PendingOptions) -> Result<(), Error> {
        let pending = self.new_pending(user, options)?;
        let is_login = !pending.is_confirmation();
        let had_login = self.session_user_id().is_some();
        self.fit_pending(&pending, is_login && had_login)?;
        if is_login {
            // The user is still anonymous. A token left from another login must not log them in.
            self.remember.delete();
            self.replaced |= had_login;
            self.changed();
            self.who = Who::Nobody;
        }
        self.personal = true;
        self.event(Event::LoginBegun {
            user_id: pending.user_id,
        });
        Ok(())
    }

    /// Whether [`begin`](Self::begin) would succeed.
    pub(crate) fn could_begin(
        &mut self,
        user: &dyn User,
        options: &PendingOptions,
    ) -> Result<(), Error> {
        let pending = self.new_pending(user, options)?;
        let before = self.session.clone();
        let clears = !pending.is_confirmation() && self.session_user_id().is_some();
        let result = self.fit_pending(&pending, clears);
        self.session = before;
        result
    }

    fn new_pending(&mut self, user: &dyn User, options: &PendingOptions) -> Result<Pending, Error> {
        let user_id = match options.kind {
            PendingKind::Login => {
                // A rotating token is made with its record, at the end.
                let login = LoginOptions {
                    remember: options
                        .login
                        .remember
                        .filter(|_| !self.policy.remember.rotates()),
                    ..options.login
                };
                self.could_log_in(user, login, None)?;
                user.id()
            }
            PendingKind::Confirmation => self.logged_in_as(user)?,
        };
        Ok(Pending {
            kind: options.kind,
            id: LoginSecret::generate().id.to_string(),
            auth_hash: self.policy.auth_hashes.digest(user),
            user_id,
            client: self.policy.settings.identifier.of(&self.client),
            begun_at: self.now,
            ends_at: self.now.saturating_add(options.lifetime.as_secs()),
            remember: options
                .login
                .remember
                .map(|duration| duration.map_or(0, |it| it.as_secs())),
            lifetime: options.login.lifetime.map(|it| it.as_secs()),
            until: options.login.until,
            next: options.next.clone(),
        })
    }

    /// Writes it into the session. If there is no room for the address to return to, leaves that out.
    fn fit_pending(&mut self, pending: &Pending, clears: bool) -> Result<(), Error> {
        let short = Pending {
            next: None,
            ..pending.clone()
        };
        self.write_pending(pending, clears)
            .or_else(|_| self.write_pending(&short, clears))
    }

    fn write_pending(&mut self, pending: &Pending, clears: bool) -> Result<(), Error> {
        let raw = json::to_raw(pending).map_err(|error| {
            Error::new(
                ErrorKind::SessionValue,
                "a login that has begun cannot be written as JSON",
            )
            .caused_by(error.into())
        })?;
        let write = |view: &mut Self| {
            if clears {
                view.session.clear();
            }
            view.session.set(keys::PENDING, raw.clone());
        };
        match pending.is_confirmation() {
            // The current login goes on, with its session.
            true => self.if_it_fits(write),
            false => self.fit_or_clear(write),
        }
    }

    /// Why a pending login does not count, judged by the session and the browser.
    pub(crate) fn refuse_pending(&self, pending: &Pending) -> Option<PendingRefusal> {
        let settings = &self.policy.settings;
        let tolerance = settings.clock_tolerance.as_secs();
        let is_of_another = match pending.kind {
            PendingKind::Login => self.session_user_id().is_some(),
            PendingKind::Confirmation => {
                self.session_user_id().as_deref() != Some(pending.user_id.as_str())
            }
        };
        let is_elsewhere = settings.protection != SessionProtection::Off
            && !settings.identifier.matches(&pending.client, &self.client);
        match () {
            () if is_of_another => Some(PendingRefusal::AnotherLogin),
            () if self.now >= pending.ends_at => Some(PendingRefusal::Expired),
            () if pending.begun_at > self.now.saturating_add(tolerance) => {
                Some(PendingRefusal::FromTheFuture)
            }
            () if is_elsewhere => Some(PendingRefusal::AnotherBrowser),
            () => None,
        }
    }

    /// Why it does not count, judged by its user as they are now.
    pub(crate) fn refuse_pending_user(
        &self,
        pending: &Pending,
        user: Option<&dyn User>,
    ) -> Option<PendingRefusal> {
        let Some(user) = user.filter(|user| user.id() == pending.user_id) else {
            return Some(PendingRefusal::UserGone);
        };
        if !user.is_active() {
            return Some(PendingRefusal::UserInactive);
        }
        let kept = pending.auth_hash.as_deref();
        let auth_hashes = &self.policy.auth_hashes;
        let verdict = auth_hashes.check(user, &pending.user_id, kept, AuthHash::Changed);
        (verdict == AuthHash::Changed).then_some(PendingRefusal::AuthHashChanged)
    }

    /// Forgets it, and reports why.
    pub(crate) fn forget_refused_pending(&mut self, user_id: String, reason: PendingRefusal) {
        self.session.remove(keys::PENDING);
        self.event(Event::PendingLoginRefused { user_id, reason });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of_user(json: &str) -> Option<String> {
        let rest = r#""kind":"login","id":"","client":"","begun_at":1,"ends_at":2"#;
        let mut session = SessionMap::default();
        session.set(keys::PENDING, format!(r#"{{{rest},"user":{json}}}"#));
        Pending::of(&session).map(|pending| pending.user_id)
    }

    #[test]
    fn the_user_is_a_text_or_an_integer() {
        let text = |id: &str| Some(id.to_owned());
        assert_eq!(of_user(r#""mia""#), text("mia"));
        assert_eq!(of_user("7"), text("7"));
        assert_eq!(
            of_user("-9223372036854775808"),
            text("-9223372036854775808")
        );
        for other in ["1.5", "18446744073709551616", "true", "null", "[7]", "{}"] {
            assert_eq!(of_user(other), None, "{other}");
        }
    }
}
