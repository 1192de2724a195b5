//! Finding out who is there: a small state machine that says what it needs and is told the answer.
//!
//! The order is Flask-Login's, with its gaps closed:
//!
//! 1. The session's user, unless session protection says no. A strong refusal ends the search.
//! 2. The remember token's user, who starts a new session, not fresh.
//! 3. The request's own user. A remember token that leads nowhere does not stand in its way.
//!
//! With a login store, a session counts only if its record does, and so does a token that rotates; the record is
//! asked for before the user. What a record has to be told (used, replaced, ended) is a step of the search as well, so
//! that nobody is there before it has been written.
//!
//! A user who is gone, not active, or whose auth hash changed loses the login, and its cookies go. An answer that
//! cannot be had is never given here: the search simply has not ended, and nothing is remembered of it.

mod recorded;
#[cfg(test)]
mod tests;

pub(crate) use recorded::{Adopted, Adoption, Write};

use std::sync::Arc;

use recorded::Ending;

use super::{LoginSource, VisitState, Who};
use crate::auth_hash::{self, AuthHash};
use crate::event::{EndReason, Event, Rejection};
use crate::policy::Policy;
use crate::records::secret::LoginToken;
use crate::records::{LoginRecord, Updated};
use crate::remember::{Claims, ClaimsKind, NewToken};
use crate::session::Rejected;
use crate::session::keys;
use crate::settings::SessionProtection;
use crate::user::User;

/// What the search needs next.
#[derive(Debug)]
pub(crate) enum Search {
    /// The record that the session names, for the user whom the session names.
    SessionRecord(Option<String>, LoginToken),
    /// The user with the id in the session.
    SessionUser(String),
    /// The record of a remember token.
    RememberedRecord(Box<Claims>, LoginToken),
    /// The user whom a valid remember token names.
    RememberedUser(Box<Claims>),
    /// The record of a login that a peer made.
    Adopted(Adopted),
    /// Whomever the request itself proves.
    RequestUser,
    /// A record is to be changed before the search goes on.
    Write(Write),
    /// It is over; [`VisitState::who`] has the result.
    Over,
}

/// What comes of a session's being from this browser or from another.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Protection {
    /// It is from this one.
    Fits,
    /// It does not say, and is bound to this one from now on.
    Unbound,
    /// The login is not fresh any more.
    Stales,
    /// The login is over.
    Ends,
}

/// What the search was told.
pub(crate) enum Answer {
    User(Option<Arc<dyn User>>),
    Record(Option<LoginRecord>),
    /// A record, or else whether there was one before.
    Adopted(Option<LoginRecord>, bool),
    Written(Updated),
}

impl VisitState {
    /// Begins the search.
    pub(crate) fn search(&mut self, policy: &Policy) -> Search {
        self.live = None;
        if let Some(rejected) = self.arrival.rejected.take() {
            let reason = match rejected {
                Rejected::Invalid(refused) => refused.into(),
                Rejected::Ambiguous => Rejection::Ambiguous,
            };
            self.event(Event::SessionRejected { reason });
        }
        // A peer's response hook did not run: its instruction still holds.
        if self.session.text(keys::REMEMBER).as_deref() == Some("clear") {
            self.remember.delete();
        }
        self.session.remove(keys::REMEMBER);

        let id = self.session_user_id();
        self.search_session(policy, id)
    }

    /// Goes on with the answer to what was asked.
    pub(crate) fn search_on(&mut self, policy: &Policy, asked: Search, answer: Answer) -> Search {
        match (asked, answer) {
            (Search::SessionUser(id), Answer::User(Some(user))) => {
                self.check_session_user(policy, id, user)
            }
            (Search::SessionUser(id), Answer::User(None)) => {
                self.end_login(policy, id, EndReason::UserGone)
            }
            (Search::RememberedUser(claims), Answer::User(Some(user))) => {
                self.check_remembered_user(policy, claims, user)
            }
            (Search::RememberedUser(claims), Answer::User(None)) => {
                self.end_remembering(claims.user_id, EndReason::UserGone)
            }
            (Search::RequestUser, Answer::User(Some(user))) if user.is_active() => {
                self.event(Event::LoadedFromRequest { user_id: user.id() });
                self.found(user, LoginSource::Request)
            }
            (asked, answer) => match (&policy.record_rules, asked, answer) {
                (Some(records), Search::SessionRecord(id, token), Answer::Record(found)) => {
                    self.check_session_record(policy, records, id, &token, found)
                }
                (Some(records), Search::RememberedRecord(claims, token), Answer::Record(found)) => {
                    self.check_remembered_record(records, claims, token, found)
                }
                (Some(records), Search::Adopted(adopted), Answer::Adopted(found, was_there)) => {
                    self.check_adopted(policy, records, adopted, found, was_there)
                }
                (Some(_), Search::Write(write), Answer::Written(updated)) => {
                    self.written(policy, write, updated)
                }
                _ => self.nobody(),
            },
        }
    }

    /// Compares the client with the one that the session was made for, and does what follows. `true` when the login was
    /// ended.
    pub(super) fn protect(&mut self, policy: &Policy, user_id: &str) -> bool {
        let protection = self.protection(policy);
        self.follow(policy, protection, user_id)
    }

    /// Does what follows from the session's being from this browser or from another. `true` when the login was ended.
    fn follow(&mut self, policy: &Policy, protection: Protection, user_id: &str) -> bool {
        let was_fresh = self.session.is_true(keys::FRESH);
        let ended = match protection {
            Protection::Fits => return false,
            Protection::Unbound => {
                // Without room for it, the session stays unbound, as it came.
                let _ = self.if_it_fits(policy, |state| state.bind_to_client(policy));
                return false;
            }
            Protection::Stales => false,
            Protection::Ends => true,
        };
        if ended {
            self.session.clear();
            self.remember.delete();
        } else if was_fresh {
            self.make_stale();
            // A peer packs a session until it is full. Without the flag it is as stale, and shorter.
            if policy.session_cookie.must_fit(&self.session).is_err() {
                self.session.remove(keys::FRESH);
            }
        }
        // Flask-Login says so at every request until the next login; once is enough.
        if ended || was_fresh {
            self.event(Event::SessionProtected {
                user_id: user_id.to_owned(),
                ended,
            });
        }
        ended
    }

    /// What session protection says of the session's login.
    pub(super) fn protection(&self, policy: &Policy) -> Protection {
        let settings = &policy.settings;
        if settings.protection == SessionProtection::Off {
            return Protection::Fits;
        }
        match self.session.text(keys::IDENTIFIER) {
            Some(kept) if settings.identifier.matches(&kept, &self.client) => Protection::Fits,
            // Flask-Login restores sessions without an identifier and then, in strong mode, ends them at the next
            // request. Signed as it is, such a session can come from nowhere else.
            None if !self.session.is_true(keys::FRESH) => Protection::Unbound,
            _ if settings.protection == SessionProtection::Strong
                && !(settings.strong_spares_permanent && self.session.is_permanent()) =>
            {
                Protection::Ends
            }
            _ => Protection::Stales,
        }
    }

    fn check_session_user(&mut self, policy: &Policy, id: String, user: Arc<dyn User>) -> Search {
        let id = id.as_str();
        if !user.is_active() {
            return self.end_login(policy, id.to_owned(), EndReason::UserInactive);
        }
        let missing = policy.settings.missing_auth_hash;
        let value = self.session.text(keys::AUTH_HASH);
        let kept = value
            .as_deref()
            .and_then(|value| auth_hash::in_session(value, id));
        let by_peer = kept.is_none();
        // A peer's session may come without ours, or have no room for it. Its record knows.
        let recorded = self
            .live
            .as_ref()
            .and_then(|it| it.data.auth_hash.as_deref());
        match policy
            .auth_hashes
            .check(&*user, id, kept.or(recorded), missing)
        {
            AuthHash::Matches if by_peer => self.missing_digest = policy.auth_hashes.digest(&*user),
            AuthHash::Matches => {}
            // Joins the session whenever that is next written; not worth a write of its own.
            AuthHash::Rewrite if by_peer => self.missing_digest = policy.auth_hashes.digest(&*user),
            // Made with an older key, which may be dropped before there is another reason to write.
            AuthHash::Rewrite => {
                let digest = policy.auth_hashes.digest(&*user);
                self.write_auth_hash(id, digest.as_deref());
            }
            AuthHash::Changed => {
                return self.end_login(policy, id.to_owned(), EndReason::AuthHashChanged);
            }
        }
        match &policy.record_rules {
            Some(records) => self.note_use(policy, records, id, user),
            None => self.found(user, LoginSource::Session),
        }
    }

    /// The session's login is no good, and its record, if it has one, has to go first.
    fn end_login(&mut self, policy: &Policy, user_id: String, reason: EndReason) -> Search {
        match &self.live {
            Some(live) if !self.reads_only => {
                let ending = Ending::Session { user_id, reason };
                Search::Write(Write::Delete(live.record.id, ending))
            }
            _ => self.login_ended(policy, user_id, reason),
        }
    }

    /// What was in the session was that user's: nothing of it may reach the next one. A remember token may still be
    /// good: of somebody else, or made since.
    fn login_ended(&mut self, policy: &Policy, user_id: String, reason: EndReason) -> Search {
        self.live = None;
        self.session.clear();
        self.event(Event::LoginEnded { user_id, reason });
        // A request that was under way while this browser's login was renewed must not undo that.
        if self.reads_only {
            return self.search_request();
        }
        self.search_remember_token(policy)
    }

    fn search_remember_token(&mut self, policy: &Policy) -> Search {
        if !self.is_used {
            return self.search_request();
        }
        match self.remember.read(&policy.remember, self.now) {
            None => self.search_request(),
            Some(Ok(claims)) => match claims.kind.clone() {
                ClaimsKind::Rotating(token) => Search::RememberedRecord(claims, token),
                ClaimsKind::Flask if policy.record_rules.is_some() => {
                    let token = policy.remember.flask_token(&claims.user_id);
                    Search::Adopted(Adopted::Token(claims, token))
                }
                ClaimsKind::Flask | ClaimsKind::Timed { .. } => Search::RememberedUser(claims),
            },
            Some(Err(reason)) => {
                self.event(Event::RememberTokenRejected { reason });
                // The others may count again: once the clocks agree, at a server that has the key, or when the neighbour's
                // cookie beside it is gone.
                if matches!(reason, Rejection::Expired | Rejection::BadPayload) {
                    self.remember.delete();
                }
                self.search_request()
            }
        }
    }

    fn check_remembered_user(
        &mut self,
        policy: &Policy,
        claims: Box<Claims>,
        user: Arc<dyn User>,
    ) -> Search {
        if !user.is_active() {
            return self.end_remembering(claims.user_id, EndReason::UserInactive);
        }
        let verdict = match &self.live {
            Some(live) => {
                let kept = live.data.auth_hash.as_deref();
                policy
                    .auth_hashes
                    .check(&*user, &claims.user_id, kept, AuthHash::Changed)
            }
            None => policy.auth_hashes.check_token(&*user, &claims),
        };
        if verdict == AuthHash::Changed {
            return self.end_remembering(claims.user_id, EndReason::AuthHashChanged);
        }
        let digest = policy.auth_hashes.digest(&*user);
        match (&policy.record_rules, &claims.kind, self.live.take()) {
            (Some(records), ClaimsKind::Rotating(token), Some(live)) => {
                let token = token.clone();
                self.use_token(policy, records, claims, &token, live, user)
            }
            (Some(records), _, Some(live)) => {
                let token = policy.remember.flask_token(&claims.user_id);
                if records.was_just_reopened(&live, &token, self.now) {
                    return self.shared_session(policy, live, user, *claims);
                }
                let next = records.reopened(&live, &token, digest, &self.client, self.now);
                Search::Write(Write::Reopen(Box::new(next), user, claims))
            }
            (Some(records), _, None) => {
                let (token, id) = (
                    policy.remember.flask_token(&claims.user_id),
                    &claims.user_id,
                );
                let new = records.adopt(token, true, id, digest, &self.client, self.now);
                Search::Write(Write::Adopt(Box::new(new), user, Adoption::Token(claims)))
            }
            (None, ..) => {
                if claims.outdated || verdict == AuthHash::Rewrite {
                    self.reissue(&claims, digest.clone());
                }
                self.restored(policy, claims.user_id, user, digest, None)
            }
        }
    }

    fn reissue(&mut self, claims: &Claims, auth_digest: Option<String>) {
        self.remember.issue(NewToken {
            user_id: claims.user_id.clone(),
            auth_digest,
            duration: claims.remaining,
            login: None,
        });
    }

    fn restored(
        &mut self,
        policy: &Policy,
        user_id: String,
        user: Arc<dyn User>,
        digest: Option<String>,
        login: Option<&LoginToken>,
    ) -> Search {
        self.restore_session(policy, &user_id, digest.as_deref(), login);
        self.event(Event::LoadedFromCookie { user_id });
        self.found(user, LoginSource::RememberToken)
    }

    fn end_remembering(&mut self, user_id: String, reason: EndReason) -> Search {
        match &self.live {
            Some(live) => {
                let ending = Ending::Token { user_id, reason };
                Search::Write(Write::Delete(live.record.id, ending))
            }
            None => self.remembering_ended(user_id, reason),
        }
    }

    fn remembering_ended(&mut self, user_id: String, reason: EndReason) -> Search {
        self.live = None;
        self.event(Event::LoginEnded { user_id, reason });
        self.remember.delete();
        self.search_request()
    }

    fn search_request(&mut self) -> Search {
        self.asked_request = true;
        Search::RequestUser
    }

    fn nobody(&mut self) -> Search {
        self.who = Who::Nobody;
        Search::Over
    }

    fn found(&mut self, user: Arc<dyn User>, source: LoginSource) -> Search {
        self.personal = true;
        self.who = Who::Somebody(user, source);
        Search::Over
    }
}
