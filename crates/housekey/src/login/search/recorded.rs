//! The search if logins have records: what it asks the store, and what it tells the store before it finds a user.

use std::sync::Arc;
use std::time::Duration;

use super::{RecordChange, Recorder, Search, Step, TokenLogin, delete, owned};
use crate::event::{EndReason, Event};
use crate::login::protection::Protection;
use crate::login::state::LoginSource;
use crate::records::rules::{Dead, Live, Remembered, Successors};
use crate::records::secret::LoginSecret;
use crate::records::{LoginRecord, SharedRecord, Updated};
use crate::remember::{Claims, NewToken};
use crate::session::keys;
use crate::user::User;

impl<'r, S: Recorder> Search<'_, 'r, S> {
    pub(super) fn search_recorded_session(
        &mut self,
        records: &'r S,
        user_id: Option<String>,
    ) -> Step<'r, S> {
        match (self.session_token(), user_id) {
            (Some(token), Some(user_id)) if self.session_token_is_of(&user_id) => Step::LookUp(
                records,
                token.id,
                Box::new(move |search, found| {
                    search.check_session_record(records, user_id, &token, found)
                }),
            ),
            (_, user_id) => self.ask_store(records, user_id),
        }
    }

    /// Looks at the session's record as the store has it now.
    pub(super) fn ask_store(&mut self, records: &'r S, user_id: Option<String>) -> Step<'r, S> {
        self.live = None;
        match (self.session_token(), user_id) {
            (Some(token), user_id) => Step::Record(
                records,
                token.id,
                Box::new(move |search, found| match user_id {
                    Some(user_id) if search.session_token_is_of(&user_id) => {
                        let found = found.map(SharedRecord::new);
                        search.check_session_record(records, user_id, &token, found)
                    }
                    // A peer that logs out, or logs in another user, leaves our token behind.
                    by => search.session_is_overwritten(records, by, &token, found),
                }),
            ),
            (None, Some(user_id)) => match self.peers_session(records) {
                Some(session) => self.ask_for_peers_record(records, user_id, session),
                None => self.login_ended(user_id, EndReason::NoRecord),
            },
            (None, None) => self.no_session(),
        }
    }

    fn check_session_record(
        &mut self,
        records: &'r S,
        user_id: String,
        token: &LoginSecret,
        found: Option<SharedRecord>,
    ) -> Step<'r, S> {
        let is_cached = found.as_ref().is_some_and(SharedRecord::is_cached);
        match records
            .rules()
            .check_session(token, &user_id, found, self.now)
        {
            Ok(live) => {
                self.reads_only = live.in_grace;
                self.session_lives(records, user_id, live)
            }
            // It may have been used or renewed since it was cached.
            Err(_) if is_cached => self.ask_store(records, Some(user_id)),
            Err(dead) => self.session_is_dead(records, user_id, dead),
        }
    }

    /// Another login, or a logout, has replaced the one that the session's token belongs to.
    fn session_is_overwritten(
        &mut self,
        records: &'r S,
        by: Option<String>,
        token: &LoginSecret,
        found: Option<LoginRecord>,
    ) -> Step<'r, S> {
        let rules = records.rules();
        // Another user's login does not end a login that other browsers share. A logout does.
        let is_this_browsers = |record: &LoginRecord| {
            rules.owns(token, record, self.now) && (by.is_none() || !rules.is_shared(record))
        };
        match found.filter(is_this_browsers) {
            Some(record) => delete(records, record.id, |search| search.without_our_token(by)),
            None => self.without_our_token(by),
        }
    }

    fn without_our_token(&mut self, user_id: Option<String>) -> Step<'r, S> {
        self.session.remove(keys::TOKEN);
        self.search_session(user_id)
    }

    pub(super) fn session_is_dead(
        &mut self,
        records: &'r S,
        user_id: String,
        dead: Dead,
    ) -> Step<'r, S> {
        let reason = dead.reason;
        match dead.delete {
            Some(login) => delete(records, login, move |search| {
                search.login_ended(user_id, reason)
            }),
            None => {
                self.reads_only = dead.under_way;
                self.login_ended(user_id, reason)
            }
        }
    }

    /// The session's record counts, so session protection is next. A login that it ends is ended on the server too, because
    /// a thief with the cookie can pretend to be any browser.
    pub(super) fn session_lives(
        &mut self,
        records: &'r S,
        user_id: String,
        live: Box<Live>,
    ) -> Step<'r, S> {
        let (login, is_cached) = (live.record.id, live.is_cached);
        self.live = Some(live);
        match self.protection() {
            Protection::Ends if is_cached => self.ask_store(records, Some(user_id)),
            Protection::Ends if self.reads_only => self.nobody(),
            Protection::Ends => delete(records, login, move |search| {
                search.live = None;
                search.protect(&user_id);
                search.nobody()
            }),
            protection => {
                self.follow(protection, &user_id);
                self.ask_for_session_user(user_id)
            }
        }
    }

    /// Updates the record, if needed, before the search finds the session's user.
    pub(super) fn note_use(
        &mut self,
        records: &'r S,
        user_id: &str,
        user: Arc<dyn User>,
    ) -> Step<'r, S> {
        let Some(live) = &self.live else {
            return self.adopt_session(records, user_id, user);
        };
        if !self.is_used {
            return self.found(user, LoginSource::Session);
        }
        if live.outdated
            && let Some(token) = self.session_token()
        {
            let next = records.rules().brought_up_to_date(live, &token, self.now);
            let then = Box::new(|search: &mut Search<'_, 'r, S>, updated| match updated {
                Updated::Gone => search.login_ended(user.id(), EndReason::RecordGone),
                Updated::Done | Updated::Conflict => search.found(user, LoginSource::Session),
            });
            return Step::Change(records, RecordChange::Update(Box::new(owned(&next)), then));
        }
        match records.rules().touch(live, self.now) {
            Some(touch) => {
                let then = Box::new(|search: &mut Search<'_, 'r, S>, ()| {
                    search.found(user, LoginSource::Session)
                });
                Step::Change(records, RecordChange::Touch(live.record.id, touch, then))
            }
            None => self.found(user, LoginSource::Session),
        }
    }

    pub(super) fn ask_for_tokens_record(
        &mut self,
        records: &'r S,
        claims: Box<Claims>,
        token: LoginSecret,
    ) -> Step<'r, S> {
        Step::Record(
            records,
            token.id,
            Box::new(move |search, found| {
                search.check_tokens_record(records, claims, token, found)
            }),
        )
    }

    fn check_tokens_record(
        &mut self,
        records: &'r S,
        claims: Box<Claims>,
        token: LoginSecret,
        found: Option<LoginRecord>,
    ) -> Step<'r, S> {
        let rules = records.rules();
        match rules.check_remember(&token, &claims.user_id, claims.issued_at, found, self.now) {
            Remembered::Valid(live) => {
                self.ask_for_tokens_user(claims, TokenLogin::Recorded(records, token, live))
            }
            Remembered::Gone => self.token_of_nothing(),
            Remembered::Stolen(login) => delete(records, login, |search| {
                search.event(Event::RememberTokenStolen {
                    user_id: claims.user_id,
                });
                search.remember.delete();
                search.search_request()
            }),
        }
    }

    /// The first use of a token replaces it. Other requests at the same time get the same successor.
    pub(super) fn use_token(
        &mut self,
        records: &'r S,
        claims: Box<Claims>,
        token: LoginSecret,
        live: Box<Live>,
        user: Arc<dyn User>,
    ) -> Step<'r, S> {
        let rules = records.rules();
        if live.in_grace {
            let Some(successors) = rules.given_out(&live, &token) else {
                // The login has been renewed since, and that gave the browser what it needs.
                self.reads_only = true;
                return self.found(user, LoginSource::RememberToken);
            };
            return self.give_out(claims.user_id, user, live, successors);
        }
        let auth_hash = self.policy.auth_hashes.digest(&*user);
        let (next, successors) = rules.restored(&live, &token, auth_hash, &self.client, self.now);
        let record = Box::new(owned(&next));
        let then = Box::new(
            move |search: &mut Search<'_, 'r, S>, updated| match updated {
                Updated::Done => search.give_out(claims.user_id, user, Box::new(next), successors),
                // Another request of this browser was first. This one gets the same successor.
                Updated::Conflict => search.ask_for_tokens_record(records, claims, token),
                Updated::Gone => search.token_of_nothing(),
            },
        );
        Step::Change(records, RecordChange::Update(record, then))
    }

    fn give_out(
        &mut self,
        user_id: String,
        user: Arc<dyn User>,
        live: Box<Live>,
        successors: Successors,
    ) -> Step<'r, S> {
        let ends = live.data.remember.as_ref().map_or(0, |it| it.expires_at);
        let left = Duration::from_secs(ends.saturating_sub(self.now));
        self.remember.issue(NewToken {
            user_id: user_id.clone(),
            auth_digest: None,
            duration: Some(left),
            ends_at: None,
            login: Some(successors.remember),
        });
        let digest = self.policy.auth_hashes.digest(&*user);
        self.live = Some(live);
        self.restored(user_id, user, digest, None, Some(&successors.session))
    }
}
