//! The search where logins have records: what is asked of the store, and what it is told before somebody is there.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use super::{Protection, Search};
use crate::event::{EndReason, Event, Rejection};
use crate::login::records::{Dead, Issued, Live, Remembered, Successors};
use crate::login::{LoginSource, VisitState};
use crate::policy::Policy;
use crate::records::rules::RecordRules;
use crate::records::secret::LoginToken;
use crate::records::{LoginId, LoginRecord, Touch, Updated};
use crate::remember::{Claims, NewToken};
use crate::session::keys;
use crate::user::User;

/// What the store is to do, and what comes then.
pub(crate) enum Write {
    /// The session's login was used; then it is this user's.
    Touch(LoginId, Touch, Arc<dyn User>),
    /// The record of the session's login is to be written again; then it is this user's.
    Refresh(Box<Live>, Arc<dyn User>),
    /// The record of a login that is over. Nothing else has been done about it before.
    Delete(LoginId, Ending),
    /// The record after its remember token was used.
    Restore(Box<Restoration>),
    /// A record for a login that has none yet; then the login is this user's.
    Adopt(Box<Issued>, Arc<dyn User>, Adoption),
    /// The record that Flask-Login's remember token is of, after it started another session.
    Reopen(Box<Live>, Arc<dyn User>, Box<Claims>),
}

/// The use of a remember token that rotates.
pub(crate) struct Restoration {
    /// The record as it is to be.
    pub(crate) next: Live,
    successors: Successors,
    claims: Box<Claims>,
    token: LoginToken,
    user: Arc<dyn User>,
}

/// What is over with a record.
pub(crate) enum Ending {
    /// The session's login.
    Session { user_id: String, reason: EndReason },
    /// The remember token's.
    Token { user_id: String, reason: EndReason },
    /// Both, since somebody has a copy of the token.
    Stolen { user_id: String },
    /// The session's, since it came from another browser.
    Protected { user_id: String },
    /// One that a peer has put another in the place of, of the user with this id, or none.
    Overwritten { by: Option<String> },
}

/// How a login without a record came.
pub(crate) enum Adoption {
    /// By a session that a peer made.
    Session { age: Duration },
    /// By Flask-Login's remember token.
    Token(Box<Claims>),
}

/// What is asked of the store about a login of a peer's, which has no token of ours.
#[derive(Debug)]
pub(crate) enum Adopted {
    Session {
        user_id: String,
        token: LoginToken,
        age: Duration,
    },
    Token(Box<Claims>, LoginToken),
}

impl Adopted {
    /// The record that its cookie has, if it has one.
    pub(crate) fn id(&self) -> &LoginId {
        match self {
            Self::Session { token, .. } | Self::Token(_, token) => &token.id,
        }
    }

    /// What says that it had one.
    pub(crate) fn marker(&self, records: &RecordRules, now: u64) -> LoginRecord {
        match self {
            Self::Session { user_id, token, .. } => records.session_marker(&token.id, user_id, now),
            Self::Token(_, token) => records.token_marker(&token.id, now),
        }
    }
}

impl fmt::Debug for Write {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Touch(..) => "Touch",
            Self::Refresh(..) => "Refresh",
            Self::Delete(..) => "Delete",
            Self::Restore(..) => "Restore",
            Self::Adopt(..) => "Adopt",
            Self::Reopen(..) => "Reopen",
        })
    }
}

impl VisitState {
    pub(super) fn search_session(&mut self, policy: &Policy, id: Option<String>) -> Search {
        let records = policy.record_rules.as_ref();
        match (records, records.and_then(|_| self.session_token()), id) {
            (_, Some(token), id) => Search::SessionRecord(id, token),
            (Some(_), None, Some(user_id)) => match self.peers_session() {
                Some(token) => Search::Adopted(Adopted::Session {
                    user_id,
                    token,
                    age: self.arrival.main.age,
                }),
                None => self.login_ended(policy, user_id, EndReason::NoRecord),
            },
            (_, None, Some(id)) if self.protect(policy, &id) => self.nobody(),
            (_, None, Some(id)) => Search::SessionUser(id),
            (_, None, None) => {
                self.forget_leftovers();
                self.search_remember_token(policy)
            }
        }
    }

    /// What a peer's logout left of ours, or an id that names nobody.
    fn forget_leftovers(&mut self) {
        for key in [keys::USER_ID, keys::FRESH_AT, keys::AUTH_HASH, keys::TOKEN] {
            self.session.remove(key);
        }
    }

    pub(super) fn check_session_record(
        &mut self,
        policy: &Policy,
        records: &RecordRules,
        id: Option<String>,
        token: &LoginToken,
        found: Option<LoginRecord>,
    ) -> Search {
        let id = match id {
            Some(id) if self.session_token_is_of(&id) => id,
            // A peer that logs out, or logs in somebody else, leaves our token behind.
            by => {
                // A login of somebody else does not end what other browsers share. A logout does.
                let is_this_browsers = |record: &LoginRecord| {
                    records.owns(token, record, self.now)
                        && (by.is_none() || !records.is_shared(record))
                };
                let ours = found.filter(is_this_browsers);
                return match ours {
                    Some(record) => {
                        Search::Write(Write::Delete(record.id, Ending::Overwritten { by }))
                    }
                    None => self.overwritten(policy, by),
                };
            }
        };
        match records.check_session(token, &id, found, self.now) {
            Ok(live) => {
                self.reads_only = live.in_grace;
                let login = live.record.id;
                self.live = Some(live);
                self.protect_recorded(policy, login, id)
            }
            Err(dead) => self.session_is_dead(policy, id, dead),
        }
    }

    fn session_is_dead(&mut self, policy: &Policy, user_id: String, dead: Dead) -> Search {
        let reason = dead.reason;
        match dead.delete {
            Some(login) => {
                let ending = Ending::Session { user_id, reason };
                Search::Write(Write::Delete(login, ending))
            }
            None => {
                self.reads_only = dead.under_way;
                self.login_ended(policy, user_id, reason)
            }
        }
    }

    /// What session protection ends, it ends on the server too: a thief who has the cookie can claim to be any browser.
    fn protect_recorded(&mut self, policy: &Policy, login: LoginId, user_id: String) -> Search {
        match self.protection(policy) {
            Protection::Ends if self.reads_only => self.nobody(),
            Protection::Ends => Search::Write(Write::Delete(login, Ending::Protected { user_id })),
            protection => {
                self.follow(policy, protection, &user_id);
                Search::SessionUser(user_id)
            }
        }
    }

    /// Another login, or none, has taken the place of the one that the session's token is of.
    fn overwritten(&mut self, policy: &Policy, by: Option<String>) -> Search {
        self.session.remove(keys::TOKEN);
        self.search_session(policy, by)
    }

    /// What the record has to be told before the session's login is this user's.
    pub(super) fn note_use(
        &mut self,
        policy: &Policy,
        records: &RecordRules,
        id: &str,
        user: Arc<dyn User>,
    ) -> Search {
        let Some(live) = &self.live else {
            return self.adopt_session(policy, records, id, user);
        };
        if !self.is_used {
            return self.found(user, LoginSource::Session);
        }
        if live.outdated
            && let Some(token) = self.session_token()
        {
            let next = records.brought_up_to_date(live, &token, self.now);
            return Search::Write(Write::Refresh(Box::new(next), user));
        }
        match records.touch(live, self.now) {
            Some(touch) => Search::Write(Write::Touch(live.record.id, touch, user)),
            None => self.found(user, LoginSource::Session),
        }
    }

    /// A session that a peer made gets a record, unless it has no room for the token: then it counts without one, as it
    /// did until now.
    fn adopt_session(
        &mut self,
        policy: &Policy,
        records: &RecordRules,
        id: &str,
        user: Arc<dyn User>,
    ) -> Search {
        let Some(token) = self.peers_session() else {
            return self.login_ended(policy, id.to_owned(), EndReason::NoRecord);
        };
        let digest = policy.auth_hashes.digest(&*user);
        let new = records.adopt(token, false, id, digest, &self.client, self.now);
        let age = self.arrival.main.age;
        Search::Write(Write::Adopt(Box::new(new), user, Adoption::Session { age }))
    }

    /// The token that follows from the cookie of a session that a peer made.
    pub(crate) fn peers_session(&self) -> Option<LoginToken> {
        let value = self.arrival.main.value.as_ref()?;
        Some(LoginToken::of_peers_session(value))
    }

    /// What the store knows of a peer's login. One that is gone and left its mark has ended.
    pub(super) fn check_adopted(
        &mut self,
        policy: &Policy,
        records: &RecordRules,
        adopted: Adopted,
        found: Option<LoginRecord>,
        was_there: bool,
    ) -> Search {
        match (adopted, found) {
            (Adopted::Session { user_id, token, .. }, Some(record)) => {
                match records.check_session(&token, &user_id, Some(record), self.now) {
                    Ok(live) => {
                        self.keep_token(policy, &user_id, &token);
                        let login = live.record.id;
                        self.live = Some(live);
                        self.protect_recorded(policy, login, user_id)
                    }
                    Err(dead) => self.session_is_dead(policy, user_id, dead),
                }
            }
            (Adopted::Session { user_id, .. }, None) if was_there => {
                self.login_ended(policy, user_id, EndReason::RecordGone)
            }
            (Adopted::Session { user_id, .. }, None) => match self.protect(policy, &user_id) {
                true => self.nobody(),
                false => Search::SessionUser(user_id),
            },
            (Adopted::Token(claims, _), Some(record)) => {
                match records.check_shared(&claims.user_id, record) {
                    Some(live) => {
                        self.live = Some(live);
                        Search::RememberedUser(claims)
                    }
                    None => self.token_of_nothing(),
                }
            }
            (Adopted::Token(..), None) if was_there => self.token_of_nothing(),
            (Adopted::Token(claims, _), None) => Search::RememberedUser(claims),
        }
    }

    /// Puts the token into a peer's session. Without room for it, the record is found by the cookie each time.
    fn keep_token(&mut self, policy: &Policy, user_id: &str, token: &LoginToken) {
        let _ = self.if_it_fits(policy, |state| state.write_token(user_id, token));
    }

    pub(super) fn check_remembered_record(
        &mut self,
        records: &RecordRules,
        claims: Box<Claims>,
        token: LoginToken,
        found: Option<LoginRecord>,
    ) -> Search {
        match records.check_remember(&token, &claims, found, self.now) {
            Remembered::Valid(live) => {
                self.live = Some(live);
                Search::RememberedUser(claims)
            }
            Remembered::Gone => self.token_of_nothing(),
            Remembered::Stolen(login) => Search::Write(Write::Delete(
                login,
                Ending::Stolen {
                    user_id: claims.user_id,
                },
            )),
        }
    }

    fn token_of_nothing(&mut self) -> Search {
        self.event(Event::RememberTokenRejected {
            reason: Rejection::LoginEnded,
        });
        self.remember.delete();
        self.search_request()
    }

    /// The first use of a token replaces it; those at the same time are given what the first was given.
    pub(super) fn use_token(
        &mut self,
        policy: &Policy,
        records: &RecordRules,
        claims: Box<Claims>,
        token: &LoginToken,
        live: Box<Live>,
        user: Arc<dyn User>,
    ) -> Search {
        if live.in_grace {
            let Some(successors) = records.given_out(&live, token) else {
                // The login has been renewed since. The browser has what it needs from there.
                self.reads_only = true;
                return self.found(user, LoginSource::RememberToken);
            };
            return self.give_out(policy, claims.user_id, user, live, successors);
        }
        let auth_hash = policy.auth_hashes.digest(&*user);
        let (next, successors) = records.restored(&live, token, auth_hash, &self.client, self.now);
        Search::Write(Write::Restore(Box::new(Restoration {
            next,
            successors,
            claims,
            token: token.clone(),
            user,
        })))
    }

    fn give_out(
        &mut self,
        policy: &Policy,
        user_id: String,
        user: Arc<dyn User>,
        live: Box<Live>,
        successors: Successors,
    ) -> Search {
        let ends = live.data.remember.as_ref().map_or(0, |it| it.expires_at);
        self.remember.issue(NewToken {
            user_id: user_id.clone(),
            auth_digest: None,
            duration: Some(Duration::from_secs(ends.saturating_sub(self.now))),
            login: Some(successors.remember),
        });
        let digest = policy.auth_hashes.digest(&*user);
        self.live = Some(live);
        self.restored(policy, user_id, user, digest, Some(&successors.session))
    }

    /// Goes on after the store has done what was asked.
    pub(super) fn written(&mut self, policy: &Policy, write: Write, updated: Updated) -> Search {
        match (write, updated) {
            (Write::Refresh(_, user), Updated::Gone) => {
                self.login_ended(policy, user.id(), EndReason::RecordGone)
            }
            (Write::Touch(_, _, user) | Write::Refresh(_, user), _) => {
                self.found(user, LoginSource::Session)
            }
            (Write::Delete(_, ending), _) => self.deleted(policy, ending),
            (Write::Restore(it), Updated::Done) => {
                let Restoration {
                    next,
                    successors,
                    claims,
                    user,
                    ..
                } = *it;
                self.give_out(policy, claims.user_id, user, Box::new(next), successors)
            }
            // Another request of this browser was first; what it was given is what this one is given.
            (Write::Restore(it), Updated::Conflict) => {
                Search::RememberedRecord(it.claims, it.token)
            }
            (Write::Restore(_), Updated::Gone) => self.token_of_nothing(),
            // Another request of this browser was first, or of another one that has the same token.
            (Write::Adopt(new, _, adoption), Updated::Conflict) => {
                let (token, user_id) = (new.session, new.live.record.user_id);
                Search::Adopted(match adoption {
                    Adoption::Session { age } => Adopted::Session {
                        user_id,
                        token,
                        age,
                    },
                    Adoption::Token(claims) => Adopted::Token(claims, token),
                })
            }
            // Somebody ended it while it was getting its record.
            (Write::Adopt(_, user, adoption), Updated::Gone) => match adoption {
                Adoption::Session { .. } => {
                    self.login_ended(policy, user.id(), EndReason::RecordGone)
                }
                Adoption::Token(_) => self.token_of_nothing(),
            },
            (Write::Adopt(new, user, adoption), _) => self.adopted(policy, *new, user, adoption),
            (Write::Reopen(live, user, claims), Updated::Done) => {
                self.shared_session(policy, live, user, *claims)
            }
            (Write::Reopen(live, _, claims), Updated::Conflict) => {
                let token = policy.remember.flask_token(&claims.user_id);
                debug_assert_eq!(token.id, live.record.id);
                Search::Adopted(Adopted::Token(claims, token))
            }
            (Write::Reopen(..), Updated::Gone) => self.token_of_nothing(),
        }
    }

    fn deleted(&mut self, policy: &Policy, ending: Ending) -> Search {
        match ending {
            Ending::Session { user_id, reason } => self.login_ended(policy, user_id, reason),
            Ending::Token { user_id, reason } => self.remembering_ended(user_id, reason),
            Ending::Stolen { user_id } => {
                self.event(Event::RememberTokenStolen { user_id });
                self.remember.delete();
                self.search_request()
            }
            Ending::Protected { user_id } => {
                self.live = None;
                self.protect(policy, &user_id);
                self.nobody()
            }
            Ending::Overwritten { by } => self.overwritten(policy, by),
        }
    }

    fn adopted(
        &mut self,
        policy: &Policy,
        new: Issued,
        user: Arc<dyn User>,
        adoption: Adoption,
    ) -> Search {
        match adoption {
            Adoption::Session { .. } => {
                self.keep_token(policy, &user.id(), &new.session);
                self.live = Some(Box::new(new.live));
                self.found(user, LoginSource::Session)
            }
            Adoption::Token(claims) => {
                self.shared_session(policy, Box::new(new.live), user, *claims)
            }
        }
    }

    /// A session that Flask-Login's remember token starts.
    pub(super) fn shared_session(
        &mut self,
        policy: &Policy,
        live: Box<Live>,
        user: Arc<dyn User>,
        claims: Claims,
    ) -> Search {
        let digest = policy.auth_hashes.digest(&*user);
        if claims.outdated {
            self.reissue(&claims, digest.clone());
        }
        let token = policy.remember.flask_token(&claims.user_id);
        let token = token.salted(&live.data.salt);
        self.live = Some(live);
        self.restored(policy, claims.user_id, user, digest, Some(&token))
    }
}
