//! What a login, a logout, a renewal and a list of logins ask of the store: what to make, replace and end, and why not. It
//! only decides, and does nothing itself.

use super::actions::LoginOptions;
use super::pending::Pending;
use super::state::{LoginSource, View, Who};
use crate::auth_hash;
use crate::client::Client;
use crate::error::{Error, ErrorKind};
use crate::policy::Policy;
use crate::records::marks::{ending, marker_id};
use crate::records::rules::{Issued, Live, RecordRules, Remembered, Renewal, Renewed};
use crate::records::secret::LoginSecret;
use crate::records::{LoginId, LoginRecord};
use crate::remember::ClaimsKind;
use crate::session::keys;
use crate::user::User;

/// A cookie by which a browser may be logged in.
pub(crate) enum Named {
    /// A session. With its user, if a peer made it.
    Session {
        token: LoginSecret,
        by_peer: Option<String>,
    },
    /// A rotating remember token.
    Token {
        token: LoginSecret,
        user_id: String,
        issued_at: Option<u64>,
    },
    /// Flask-Login's remember token.
    Shared(LoginSecret),
    /// A pending login, and when it ends.
    Pending(LoginId, u64),
}

impl Named {
    /// The record to look at, if that makes a difference.
    pub(crate) fn record(&self) -> Option<&LoginId> {
        match self {
            Self::Session { token, .. } | Self::Token { token, .. } => Some(&token.id),
            Self::Shared(_) | Self::Pending(..) => None,
        }
    }
}

/// The logins of one browser, by all values of its cookies. A cookie left by earlier settings counts too.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct OwnLogins {
    logins: Vec<LoginId>,
    /// Logins shared by all browsers with a Flask-Login token. A logout ends them, because a copy of such a token cannot be
    /// told from another browser of its owner. A login does not.
    shared: Vec<LoginId>,
    /// Marks that say that a peer's sessions are over, with or without a record, and pending logins too.
    marks: Vec<LoginRecord>,
    /// Logins that a remember token in this browser is good for.
    in_use: Vec<LoginId>,
    /// Logins whose remember token has been copied, and their users.
    stolen: Vec<(LoginId, String)>,
}

impl OwnLogins {
    /// Adds what follows from one cookie and the record it leads to.
    pub(crate) fn add(
        &mut self,
        rules: &RecordRules,
        named: Named,
        found: Option<LoginRecord>,
        now: u64,
    ) {
        match named {
            Named::Session { token, by_peer } => {
                match found {
                    Some(record) if !rules.owns(&token, &record, now) => {}
                    Some(record) if rules.is_shared(&record) => self.shared.push(token.id),
                    Some(_) => self.add_login(token.id),
                    // A peer's session may be getting its record at this moment.
                    None if by_peer.is_some() => self.add_login(token.id),
                    None => {}
                }
                if let Some(user_id) = by_peer {
                    let marker = rules.session_marker(&token.id, &user_id, now);
                    self.marks.push(ending(marker));
                }
            }
            Named::Token {
                token,
                user_id,
                issued_at,
            } => match rules.check_remember(&token, &user_id, issued_at, found, now) {
                Remembered::Valid(_) => {
                    self.add_login(token.id);
                    self.in_use.push(token.id);
                }
                Remembered::Gone => {}
                Remembered::Stolen(login) => self.stolen.push((login, user_id)),
            },
            Named::Shared(token) => self.shared.push(token.id),
            Named::Pending(id, ends_at) => {
                self.marks.push(rules.pending_marker(&id, ends_at, now));
            }
        }
    }

    fn add_login(&mut self, login: LoginId) {
        if !self.logins.contains(&login) {
            self.logins.push(login);
        }
    }

    /// What ends with the browser's own logins, and which logins. Leaves `shared` logins as they are.
    fn own(mut self) -> (Ending, Vec<LoginId>) {
        let mut stolen_of = Vec::new();
        for (login, user_id) in std::mem::take(&mut self.stolen) {
            // A used token beside its successor was left in this browser by other settings.
            if !self.in_use.contains(&login) {
                self.add_login(login);
                stolen_of.push(user_id);
            }
        }
        let ending = Ending {
            marks: self.marks,
            logins: self.logins,
            stolen_of,
        };
        (ending, self.shared)
    }

    /// A logout of this browser.
    pub(crate) fn log_out(self, rules: &RecordRules, now: u64) -> Ending {
        let (mut ending_, shared) = self.own();
        let marks = shared
            .iter()
            .map(|login| ending(rules.token_marker(login, now)));
        ending_.marks.extend(marks);
        ending_.logins.extend(shared);
        ending_
    }

    /// Ends what is about to be replaced: the cookie of a peer's login, or all logins if another login begins.
    pub(crate) fn replace(self) -> Ending {
        self.own().0
    }
}

/// What has to end, in this order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Ending {
    /// These come first. Otherwise an ended login could be started again meanwhile.
    pub(crate) marks: Vec<LoginRecord>,
    pub(crate) logins: Vec<LoginId>,
    /// The users whose remember tokens have been copied, as this browser's tokens show.
    pub(crate) stolen_of: Vec<String>,
}

/// What a login asks of the store.
pub(crate) struct LoginPlan {
    pub(crate) new: Issued,
    /// What ends for it: the marks first, then the logins, in the same operation that creates the new one.
    pub(crate) replacing: Ending,
    /// A mark to delete afterwards.
    pub(crate) unmark: Option<LoginId>,
}

/// A login that may be renewed.
pub(crate) struct Renewing {
    pub(crate) user_id: String,
    /// `None` for a peer's login, which does not have our secret. It gets its record at the next look. The cookie from
    /// before the proof does not get one.
    pub(crate) token: Option<LoginSecret>,
    auth_hash: Option<String>,
    is_remembered: bool,
    client: Client,
}

/// What a renewal asks of the store.
pub(crate) enum RenewalPlan {
    /// The record gets a new secret.
    Update(Box<Live>, Renewed),
    /// This browser gets its own login, and the other browsers keep the shared one.
    Create(Box<Issued>),
}

impl Renewing {
    /// What to do with the login's record. Without a valid one, the login has ended.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::NotLoggedIn`].
    pub(crate) fn plan(
        &self,
        rules: &RecordRules,
        token: &LoginSecret,
        found: Option<LoginRecord>,
        renewal: Renewal,
        now: u64,
    ) -> Result<RenewalPlan, Error> {
        let live = match rules.check_session(token, &self.user_id, found, now) {
            Ok(live) if !live.in_grace => live,
            _ => return Err(no_record()),
        };
        let auth_hash = self.auth_hash.clone();
        if live.data.shared {
            let new = rules.issue(&self.user_id, auth_hash, None, &self.client, now);
            return Ok(RenewalPlan::Create(Box::new(new)));
        }
        let (next, renewed) = rules.renewed(&live, auth_hash, renewal, self.is_remembered, now);
        Ok(RenewalPlan::Update(Box::new(next), renewed))
    }
}

/// Whose logins may be listed, and the login that asks.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Listing {
    pub(crate) user_id: String,
    pub(crate) current: LoginId,
}

impl Listing {
    /// Whether a record is of one of these logins.
    pub(crate) fn has(&self, found: Option<&LoginRecord>) -> bool {
        found.is_some_and(|record| record.user_id == self.user_id)
    }
}

impl View<'_> {
    /// The cookies by which this browser may be logged in.
    pub(crate) fn named_logins(&self) -> Vec<Named> {
        let sessions = self.sessions().filter_map(|(session, arrival)| {
            let own = session.token().map(|token| Named::Session {
                token,
                by_peer: None,
            });
            own.or_else(|| {
                let (value, user_id) = (arrival.value.as_ref()?, session.user_id()?);
                Some(Named::Session {
                    token: LoginSecret::of_peers_session(value),
                    by_peer: Some(user_id),
                })
            })
        });
        let cookie = &self.policy.remember;
        let tokens = self.remember.all(cookie, self.now);
        let tokens = tokens.map(|claims| match claims.kind {
            ClaimsKind::Rotating(token) => Named::Token {
                token,
                user_id: claims.user_id,
                issued_at: claims.issued_at,
            },
            ClaimsKind::Flask | ClaimsKind::Timed { .. } => {
                Named::Shared(cookie.flask_token(&claims.user_id))
            }
        });
        let pending = self.sessions().filter_map(|(session, _)| {
            let pending = Pending::of(session)?;
            let (id, ends_at) = (pending.id()?, pending.ends_at());
            (self.now < ends_at).then_some(Named::Pending(id, ends_at))
        });
        sessions.chain(tokens).chain(pending).collect()
    }

    /// The record of a new login.
    ///
    /// # Errors
    ///
    /// If [`log_in`](Self::log_in) would fail with it.
    pub(crate) fn issue(
        &mut self,
        rules: &RecordRules,
        user: &dyn User,
        options: LoginOptions,
    ) -> Result<Issued, Error> {
        let remember_for = options
            .remember
            .filter(|_| self.policy.remember.rotates())
            .map(|duration| duration.unwrap_or(self.policy.remember.duration));
        let digest = self.policy.auth_hashes.digest(user);
        let now = self.now;
        let new = rules.issue(&user.id(), digest, remember_for, &self.client, now);
        let new = rules.with_times(new, options.proved_at(now), options.ends_at(now), now);
        self.could_log_in(user, options, Some(&new))?;
        Ok(new)
    }

    /// Whether this user's login may be renewed, and with which token.
    ///
    /// # Errors
    ///
    /// As [`logged_in_as`](Self::logged_in_as), and [`ErrorKind::SessionTooLarge`].
    pub(crate) fn may_renew(
        &mut self,
        rules: &RecordRules,
        user: &dyn User,
    ) -> Result<Renewing, Error> {
        let user_id = self.logged_in_as(user)?;
        let auth_hash = self.policy.auth_hashes.digest(user);
        self.would_fit(|view| {
            view.make_fresh();
            view.bind_to_client();
            if let Some(digest) = &auth_hash {
                let value = auth_hash::for_session(digest, &user_id);
                view.session.set_text(keys::AUTH_HASH, &value);
            }
        })?;
        let token = self.session_token();
        let token = token.filter(|_| self.session_token_is_of(&user_id));
        if token.is_none() && !rules.adopts {
            return Err(no_record());
        }
        let cookie = &self.policy.remember;
        let is_remembered = token
            .as_ref()
            .is_some_and(|token| self.remember.remembers_login(&token.id, cookie, self.now));
        Ok(Renewing {
            user_id,
            token,
            auth_hash,
            is_remembered,
            client: self.client.clone(),
        })
    }

    /// Whether the current user may list their logins: this takes a fresh login that has a record.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::NotFresh`], [`ErrorKind::NotLoggedIn`].
    pub(crate) fn may_list(&self) -> Result<Listing, Error> {
        if !self.is_fresh(self.policy.settings.fresh_within) {
            return Err(Error::new(
                ErrorKind::NotFresh,
                "logins are listed only for a user who has just proved their identity: let the handler ask for a fresh login",
            ));
        }
        match (&self.who, &self.live) {
            (Who::Somebody(user, LoginSource::Session), Some(live)) => Ok(Listing {
                user_id: user.id(),
                current: live.record.id,
            }),
            _ => Err(no_record()),
        }
    }

    /// As [`may_list`](Self::may_list), to end some of them. A replaced secret may only read.
    ///
    /// # Errors
    ///
    /// As [`may_list`](Self::may_list).
    pub(crate) fn may_end(&self) -> Result<Listing, Error> {
        match self.reads_only {
            true => Err(no_record()),
            false => self.may_list(),
        }
    }
}

/// What a login asks of the store, in place of the browser's own logins.
pub(crate) fn plan_login(
    policy: &Policy,
    new: Issued,
    own: OwnLogins,
    options: LoginOptions,
) -> LoginPlan {
    let (replacing, _) = own.own();
    let remembers_in_flask = options.remember.is_some() && policy.remember.is_shared_with_flask();
    // The user has only one Flask-Login token, and it counts again.
    let unmark = remembers_in_flask.then(|| {
        let token = policy.remember.flask_token(&new.live.record.user_id);
        marker_id(&token.id)
    });
    LoginPlan {
        new,
        replacing,
        unmark,
    }
}

/// The marks to keep when all logins of a user end.
pub(crate) struct MarksOfAll {
    /// Replaces an earlier one.
    pub(crate) of_sessions: Option<LoginRecord>,
    pub(crate) of_token: Option<LoginRecord>,
}

pub(crate) fn marks_of_all(
    policy: &Policy,
    rules: &RecordRules,
    user_id: &str,
    now: u64,
) -> MarksOfAll {
    let is_shared_with_flask = policy.remember.is_shared_with_flask();
    MarksOfAll {
        of_sessions: rules
            .adopts
            .then(|| rules.sessions_ended(&policy.settings.realm, user_id, now)),
        of_token: is_shared_with_flask.then(|| {
            let token = policy.remember.flask_token(user_id);
            ending(rules.token_marker(&token.id, now))
        }),
    }
}

/// The error for a login that was to be renewed, listed or ended and does not have a record.
pub(crate) fn no_record() -> Error {
    Error::new(
        ErrorKind::NotLoggedIn,
        "the login has ended or was renewed by another request, so there is none to renew",
    )
}

#[cfg(test)]
mod tests;
