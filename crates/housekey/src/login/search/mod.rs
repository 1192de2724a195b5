//! Finds the current user: a state machine that says what it needs next and is told the answer.
//!
//! The order is Flask-Login's, with its gaps closed:
//!
//! 1. The session's user, unless session protection says no. A strong refusal ends the search.
//! 2. The remember token's user. This starts a new session, which is not fresh.
//! 3. The request's own user. A remember token without effect does not prevent this.
//!
//! With a login store, a session counts only if its record does, and so does a rotating token. The record is asked for
//! before the user. A change of a record (used, replaced, ended) is a step of the search too, so the store has it before the
//! search finds a user.
//!
//! A user who no longer exists, is not active, or whose auth hash has changed loses the login and its cookies. If the loader
//! or the store fails, the search does not end, and nothing is remembered of it.

mod peers;
mod recorded;
#[cfg(test)]
mod tests;

use std::ops::{Deref, DerefMut};
use std::sync::Arc;

use super::state::{LoginSource, View, VisitState, Who};
use crate::auth_hash::{self, AuthHash};
use crate::event::{EndReason, Event, Rejection};
use crate::records::rules::{Live, RecordRules};
use crate::records::secret::LoginSecret;
use crate::records::{LoginId, LoginRecord, SharedRecord, Touch, Updated};
use crate::remember::{Claims, ClaimsKind, NewToken};
use crate::session::keys;
use crate::signing::json;
use crate::user::User;

/// What the search needs next. Each question carries the rest of the search, which takes the answer, so an answer cannot go
/// to another question. A question to the store carries a proof of the store (`S`), so it cannot be asked without one.
pub(crate) enum Step<'r, S> {
    /// The user with this id.
    User(String, ThenOfUser<'r, S>),
    /// The user that the request itself proves.
    RequestUser(Then<'r, S, FoundUser>),
    /// A record.
    Record(&'r S, LoginId, Then<'r, S, Option<LoginRecord>>),
    /// The same, perhaps from a cache: good enough to let a login go on, not to end one.
    LookUp(&'r S, LoginId, Then<'r, S, Option<SharedRecord>>),
    /// The store must do something before the search goes on.
    Change(&'r S, RecordChange<'r, S>),
    /// The search is over. [`VisitState::who`] has the result.
    Over,
}

type FoundUser = Option<Arc<dyn User>>;
type Then<'r, S, A> = Box<dyn FnOnce(&mut Search<'_, 'r, S>, A) -> Step<'r, S> + Send + 'r>;
/// Takes the id back with the answer, which saves an allocation per request.
type ThenOfUser<'r, S> =
    Box<dyn FnOnce(&mut Search<'_, 'r, S>, String, FoundUser) -> Step<'r, S> + Send + 'r>;

/// What the store must do.
pub(crate) enum RecordChange<'r, S> {
    /// Note that a login is used.
    Touch(LoginId, Touch, Then<'r, S, ()>),
    /// Write a record again, unless it was changed after it was read.
    Update(Box<LoginRecord>, Then<'r, S, Updated>),
    /// Delete the record of a login that is over.
    Delete(LoginId, Then<'r, S, ()>),
    /// Store a new login. The answer is `false` if its id exists.
    Create(Box<LoginRecord>, Then<'r, S, bool>),
    /// Store a mark, which is not a login. The answer is `false` if it existed.
    Mark(Box<LoginRecord>, Then<'r, S, bool>),
}

/// Represents the store in the search, which knows only the rules for its records.
pub(crate) trait Recorder: Sync {
    /// The rules for its records.
    fn rules(&self) -> &RecordRules;
}

/// The search for the user in one request.
pub(crate) struct Search<'a, 'r, S> {
    pub(crate) view: View<'a>,
    /// `None` if logins are only in their cookies.
    pub(crate) records: Option<&'r S>,
}

impl<'a, S> Deref for Search<'a, '_, S> {
    type Target = View<'a>;

    fn deref(&self) -> &View<'a> {
        &self.view
    }
}

impl<S> DerefMut for Search<'_, '_, S> {
    fn deref_mut(&mut self) -> &mut Self::Target {
        &mut self.view
    }
}

/// What starts a session, by a valid remember token.
enum TokenLogin<'r, S> {
    /// The token alone.
    Token,
    /// The record of a rotating token.
    Recorded(&'r S, LoginSecret, Box<Live>),
    /// The record of Flask-Login's token, if it has one already.
    Shared(&'r S, LoginSecret, Option<Box<Live>>),
}

impl<'r, S: Recorder> Search<'_, 'r, S> {
    /// Begins the search.
    pub(crate) fn begin(&mut self) -> Step<'r, S> {
        self.live = None;
        if let Some(reason) = self.arrival.rejected.take() {
            self.event(Event::SessionRejected { reason });
        }
        // A peer's response hook did not run, so its instruction still holds.
        if let Some(instruction) = self.session.get(keys::REMEMBER) {
            if json::as_text(instruction).as_deref() == Some("clear") {
                self.remember.delete();
            }
            self.session.remove(keys::REMEMBER);
        }

        let user_id = self.session_user_id();
        self.search_session(user_id)
    }

    fn search_session(&mut self, user_id: Option<String>) -> Step<'r, S> {
        match (self.records, user_id) {
            // Also one that was made without records, and gets one only now.
            (_, Some(user_id)) if self.is_over(&user_id) => {
                self.login_ended(user_id, EndReason::LifetimeOver)
            }
            (Some(records), user_id) => self.search_recorded_session(records, user_id),
            (None, Some(user_id)) if self.protect(&user_id) => self.nobody(),
            (None, Some(user_id)) => self.ask_for_session_user(user_id),
            (None, None) => self.no_session(),
        }
    }

    fn no_session(&mut self) -> Step<'r, S> {
        self.forget_leftovers();
        self.search_remember_token()
    }

    fn ask_for_session_user(&mut self, user_id: String) -> Step<'r, S> {
        if !self.policy.settings.finds_by_id {
            return self.search_request();
        }
        Step::User(
            user_id,
            Box::new(|search, user_id, found| match found {
                Some(user) => search.check_session_user(user_id, user),
                None => search.end_login(user_id, EndReason::UserGone),
            }),
        )
    }

    fn check_session_user(&mut self, user_id: String, user: Arc<dyn User>) -> Step<'r, S> {
        if !user.is_active() {
            return self.end_login(user_id, EndReason::UserInactive);
        }
        let auth_hashes = &self.policy.auth_hashes;
        let missing = self.policy.settings.missing_auth_hash;
        let value = self.session.text(keys::AUTH_HASH);
        let kept = value
            .as_deref()
            .and_then(|value| auth_hash::in_session(value, &user_id));
        let by_peer = kept.is_none();
        // A peer may send its session without our digest, or have no room for it. The record has it.
        let recorded = self
            .live
            .as_ref()
            .and_then(|it| it.data.auth_hash.as_deref());
        match auth_hashes.check(&*user, &user_id, kept.or(recorded), missing) {
            AuthHash::Matches if by_peer => self.missing_digest = auth_hashes.digest(&*user),
            AuthHash::Matches => {}
            // Added whenever the session is next written. It is not worth its own write.
            AuthHash::Rewrite if by_peer => self.missing_digest = auth_hashes.digest(&*user),
            // Made with an older key, which may be removed before anything else causes a write.
            AuthHash::Rewrite => {
                let digest = auth_hashes.digest(&*user);
                self.write_auth_hash(&user_id, digest.as_deref());
            }
            AuthHash::Changed => return self.end_login(user_id, EndReason::AuthHashChanged),
        }
        match self.records {
            Some(records) => self.note_use(records, &user_id, user),
            None => self.found(user, LoginSource::Session),
        }
    }

    /// Ends a session's login that does not count. Its record, if it has one, goes first.
    fn end_login(&mut self, user_id: String, reason: EndReason) -> Step<'r, S> {
        match (self.records, &self.live) {
            (Some(records), Some(live)) if live.is_cached => self.ask_store(records, Some(user_id)),
            (Some(records), Some(live)) if !self.reads_only => {
                let login = live.record.id;
                delete(records, login, move |search| {
                    search.login_ended(user_id, reason)
                })
            }
            _ => self.login_ended(user_id, reason),
        }
    }

    /// Empties the session, because it was that user's and must not reach the next one. A remember token may still count: it
    /// may be another user's, or newer.
    fn login_ended(&mut self, user_id: String, reason: EndReason) -> Step<'r, S> {
        self.live = None;
        self.session.clear();
        self.event(Event::LoginEnded { user_id, reason });
        self.search_remember_token()
    }

    fn search_remember_token(&mut self) -> Step<'r, S> {
        // A request that was under way while this browser's login was renewed must not undo that.
        if !self.is_used || self.reads_only || !self.policy.settings.finds_by_id {
            return self.search_request();
        }
        match self.remember.read(&self.policy.remember, self.now) {
            None => self.search_request(),
            Some(Ok(claims)) => match (self.records, &claims.kind) {
                (Some(records), ClaimsKind::Rotating(token)) => {
                    let token = token.clone();
                    self.ask_for_tokens_record(records, claims, token)
                }
                (None, ClaimsKind::Rotating(_)) => self.token_of_nothing(),
                (Some(records), ClaimsKind::Flask) => self.ask_for_shared_record(records, claims),
                (None, ClaimsKind::Flask) | (_, ClaimsKind::Timed { .. }) => {
                    self.ask_for_tokens_user(claims, TokenLogin::Token)
                }
            },
            Some(Err(reason)) => {
                self.event(Event::RememberTokenRejected { reason });
                // For other reasons the cookie may count again: when the clocks agree, at a server that has the key, or when
                // a neighbour's cookie beside it is gone.
                if matches!(reason, Rejection::Expired | Rejection::BadPayload) {
                    self.remember.delete();
                }
                self.search_request()
            }
        }
    }

    fn ask_for_tokens_user(
        &mut self,
        claims: Box<Claims>,
        login: TokenLogin<'r, S>,
    ) -> Step<'r, S> {
        Step::User(
            claims.user_id.clone(),
            Box::new(|search, _, found| match found {
                Some(user) => search.check_tokens_user(claims, login, user),
                None => search.end_remembering(*claims, login, EndReason::UserGone),
            }),
        )
    }

    fn check_tokens_user(
        &mut self,
        claims: Box<Claims>,
        login: TokenLogin<'r, S>,
        user: Arc<dyn User>,
    ) -> Step<'r, S> {
        if !user.is_active() {
            return self.end_remembering(*claims, login, EndReason::UserInactive);
        }
        let auth_hashes = &self.policy.auth_hashes;
        let verdict = match login.live() {
            Some(live) => {
                let kept = live.data.auth_hash.as_deref();
                auth_hashes.check(&*user, &claims.user_id, kept, AuthHash::Changed)
            }
            None => auth_hashes.check_token(&*user, &claims),
        };
        if verdict == AuthHash::Changed {
            return self.end_remembering(*claims, login, EndReason::AuthHashChanged);
        }
        match login {
            TokenLogin::Token => {
                let digest = auth_hashes.digest(&*user);
                if claims.outdated || verdict == AuthHash::Rewrite {
                    self.reissue(&claims, digest.clone());
                }
                self.restored(claims.user_id, user, digest, claims.ends_at, None)
            }
            TokenLogin::Recorded(records, token, live) => {
                self.use_token(records, claims, token, live, user)
            }
            TokenLogin::Shared(records, token, Some(live)) => {
                self.use_shared_token(records, claims, token, live, user)
            }
            TokenLogin::Shared(records, token, None) => {
                self.adopt_token(records, claims, token, user)
            }
        }
    }

    fn reissue(&mut self, claims: &Claims, auth_digest: Option<String>) {
        self.remember.issue(NewToken {
            user_id: claims.user_id.clone(),
            auth_digest,
            duration: claims.remaining,
            ends_at: claims.ends_at,
            login: None,
        });
    }

    fn restored(
        &mut self,
        user_id: String,
        user: Arc<dyn User>,
        digest: Option<String>,
        ends_at: Option<u64>,
        login: Option<&LoginSecret>,
    ) -> Step<'r, S> {
        self.restore_session(&user_id, digest.as_deref(), ends_at, login);
        self.event(Event::LoadedFromCookie { user_id });
        self.found(user, LoginSource::RememberToken)
    }

    /// Ends a token's login that does not count. Its record, if it has one, goes first.
    fn end_remembering(
        &mut self,
        claims: Claims,
        login: TokenLogin<'r, S>,
        reason: EndReason,
    ) -> Step<'r, S> {
        let user_id = claims.user_id;
        match login {
            TokenLogin::Recorded(records, _, live) | TokenLogin::Shared(records, _, Some(live)) => {
                delete(records, live.record.id, move |search| {
                    search.remembering_ended(user_id, reason)
                })
            }
            TokenLogin::Token | TokenLogin::Shared(_, _, None) => {
                self.remembering_ended(user_id, reason)
            }
        }
    }

    fn remembering_ended(&mut self, user_id: String, reason: EndReason) -> Step<'r, S> {
        self.event(Event::LoginEnded { user_id, reason });
        self.remember.delete();
        self.search_request()
    }

    fn token_of_nothing(&mut self) -> Step<'r, S> {
        self.event(Event::RememberTokenRejected {
            reason: Rejection::LoginEnded,
        });
        self.remember.delete();
        self.search_request()
    }

    fn search_request(&mut self) -> Step<'r, S> {
        self.asked_request = true;
        if !self.policy.settings.finds_by_request {
            return self.nobody();
        }
        Step::RequestUser(Box::new(|search, found| match found {
            Some(user) if user.is_active() => {
                search.event(Event::LoadedFromRequest { user_id: user.id() });
                search.found(user, LoginSource::Request)
            }
            _ => search.nobody(),
        }))
    }

    fn nobody(&mut self) -> Step<'r, S> {
        self.who = Who::Nobody;
        Step::Over
    }

    fn found(&mut self, user: Arc<dyn User>, source: LoginSource) -> Step<'r, S> {
        self.personal = true;
        self.who = Who::Somebody(user, source);
        Step::Over
    }
}

impl VisitState {
    /// Called when the current user is asked for. A user found without use is searched for again when asking counts as use.
    pub(crate) fn ask(&mut self, without_use: bool) {
        if !self.is_used && !without_use && !matches!(self.who, Who::NotAsked) {
            self.generation += 1;
            self.who = Who::NotAsked;
        }
        self.is_used |= !without_use;
    }

    /// Removes what a peer's logout left of our values, or an id of an unknown user.
    fn forget_leftovers(&mut self) {
        for key in [
            keys::USER_ID,
            keys::FRESH_AT,
            keys::AUTH_HASH,
            keys::ENDS_AT,
            keys::TOKEN,
        ] {
            self.session.remove(key);
        }
    }
}

impl<S> TokenLogin<'_, S> {
    fn live(&self) -> Option<&Live> {
        match self {
            Self::Token => None,
            Self::Recorded(_, _, live) => Some(live),
            Self::Shared(_, _, live) => live.as_deref(),
        }
    }
}

/// A copy of the login's record, for the store.
fn owned(live: &Live) -> LoginRecord {
    LoginRecord::clone(&live.record)
}

/// Goes on after a record is deleted.
fn delete<'r, S: Recorder>(
    records: &'r S,
    login: LoginId,
    then: impl FnOnce(&mut Search<'_, 'r, S>) -> Step<'r, S> + Send + 'r,
) -> Step<'r, S> {
    let then = Box::new(|search: &mut Search<'_, 'r, S>, ()| then(search));
    Step::Change(records, RecordChange::Delete(login, then))
}
