//! Logins made by a Flask peer, if logins have records. Their sessions lack our secret, so the cookie finds the record, and
//! a mark stays when a login ends.

use std::sync::Arc;

use super::{RecordChange, Recorder, Search, Step, TokenLogin, delete, owned};
use crate::event::EndReason;
use crate::login::state::LoginSource;
use crate::records::marks::{marker_id, was_ended};
use crate::records::rules::{Issued, Live};
use crate::records::secret::LoginSecret;
use crate::records::{LoginId, LoginRecord, Updated};
use crate::remember::Claims;
use crate::user::User;

impl<'r, S: Recorder> Search<'_, 'r, S> {
    /// The token of a session that a peer made. It is computed from the cookie that holds the session. A session kept on the
    /// server can hold any token.
    pub(super) fn peers_session(&self, records: &S) -> Option<LoginSecret> {
        match &self.arrival.main.value {
            Some(value) => Some(LoginSecret::of_peers_session(value)),
            None => {
                let takes_any = self.session.is_elsewhere() && records.rules().adopts;
                takes_any.then(LoginSecret::generate)
            }
        }
    }

    pub(super) fn ask_for_peers_record(
        &mut self,
        records: &'r S,
        user_id: String,
        session: LoginSecret,
    ) -> Step<'r, S> {
        let id = session.id;
        record_and_mark(records, id, move |search, found, marker| {
            match (found, marker) {
                (Some(record), Some(marker)) => {
                    let is_over = was_ended(&marker);
                    search.check_peers_record(records, user_id, session, record, is_over)
                }
                // The request that made the record was given up before it made the mark.
                (Some(record), None) => {
                    search.mark_session(records, user_id, id, |search, user_id, is_over| {
                        search.check_peers_record(records, user_id, session, record, is_over)
                    })
                }
                (None, Some(_)) => search.login_ended(user_id, EndReason::RecordGone),
                (None, None) => search.ask_whether_sessions_are_over(
                    records,
                    user_id,
                    |search, user_id, is_over| match is_over {
                        true => search.login_ended(user_id, EndReason::RecordGone),
                        false if search.protect(&user_id) => search.nobody(),
                        false => search.ask_for_session_user(user_id),
                    },
                ),
            }
        })
    }

    /// Marks a session that has its record. The mark says that the session had not been ended by then.
    fn mark_session(
        &mut self,
        records: &'r S,
        user_id: String,
        id: LoginId,
        then: impl FnOnce(&mut Search<'_, 'r, S>, String, bool) -> Step<'r, S> + Send + 'r,
    ) -> Step<'r, S> {
        self.ask_whether_sessions_are_over(records, user_id, move |search, user_id, is_over| {
            if is_over {
                return then(search, user_id, true);
            }
            let marker = records.rules().session_marker(&id, &user_id, search.now);
            mark(records, marker, |search, was_ended| {
                then(search, user_id, was_ended)
            })
        })
    }

    fn check_peers_record(
        &mut self,
        records: &'r S,
        user_id: String,
        session: LoginSecret,
        record: LoginRecord,
        is_over: bool,
    ) -> Step<'r, S> {
        let id = record.id;
        let rules = records.rules();
        match rules.check_session(&session, &user_id, Some(record), self.now) {
            Ok(_) if is_over => self.adopted_session_was_ended(records, id, user_id),
            Ok(live) => {
                self.reads_only = live.in_grace;
                self.keep_token(&user_id, &session);
                self.session_lives(records, user_id, live)
            }
            Err(dead) => self.session_is_dead(records, user_id, dead),
        }
    }

    /// Asks whether all sessions of this user that are as old as this one were ended.
    fn ask_whether_sessions_are_over(
        &mut self,
        records: &'r S,
        user_id: String,
        then: impl FnOnce(&mut Search<'_, 'r, S>, String, bool) -> Step<'r, S> + Send + 'r,
    ) -> Step<'r, S> {
        Step::Record(
            records,
            records
                .rules()
                .sessions_mark(&self.policy.settings.realm, &user_id),
            Box::new(move |search, mark| {
                let signed_at = search.now.saturating_sub(search.arrival.main.age.as_secs());
                let is_over = records.rules().are_over(mark.as_ref(), signed_at);
                then(search, user_id, is_over)
            }),
        )
    }

    /// Gives a peer's session a record. A session without room for the token counts without a record, as it did before.
    pub(super) fn adopt_session(
        &mut self,
        records: &'r S,
        user_id: &str,
        user: Arc<dyn User>,
    ) -> Step<'r, S> {
        let Some(session) = self.peers_session(records) else {
            return self.login_ended(user_id.to_owned(), EndReason::NoRecord);
        };
        let digest = self.policy.auth_hashes.digest(&*user);
        let rules = records.rules();
        let mut new = rules.adopt(session, false, user_id, digest, &self.client, self.now);
        if let Some(ends_at) = self.session_end(user_id) {
            new = rules.with_times(new, self.now, Some(ends_at), self.now);
        }
        create(records, new, |search, new, is_new| match is_new {
            true => search.mark_adopted_session(records, new, user),
            // Another request of this browser was first.
            false => {
                search.ask_for_peers_record(records, new.live.record.user_id.clone(), new.session)
            }
        })
    }

    fn mark_adopted_session(
        &mut self,
        records: &'r S,
        new: Issued,
        user: Arc<dyn User>,
    ) -> Step<'r, S> {
        let LoginRecord { id, user_id, .. } = &*new.live.record;
        let (id, user_id) = (*id, user_id.clone());
        self.mark_session(
            records,
            user_id,
            id,
            move |search, user_id, is_over| match is_over {
                true => search.adopted_session_was_ended(records, id, user_id),
                false => {
                    search.keep_token(&user_id, &new.session);
                    search.live = Some(Box::new(new.live));
                    search.found(user, LoginSource::Session)
                }
            },
        )
    }

    /// The session was ended while it was getting its record.
    fn adopted_session_was_ended(
        &mut self,
        records: &'r S,
        id: LoginId,
        user_id: String,
    ) -> Step<'r, S> {
        delete(records, id, |search| {
            search.login_ended(user_id, EndReason::RecordGone)
        })
    }

    /// Puts the token into a peer's session. Without room for it, the cookie finds the record each time.
    fn keep_token(&mut self, user_id: &str, token: &LoginSecret) {
        let _ = self.if_it_fits(|view| view.write_token(user_id, token));
    }

    pub(super) fn ask_for_shared_record(
        &mut self,
        records: &'r S,
        claims: Box<Claims>,
    ) -> Step<'r, S> {
        let token = self.policy.remember.flask_token(&claims.user_id);
        record_and_mark(records, token.id, move |search, found, marker| {
            match (found, marker) {
                (Some(record), Some(marker)) => {
                    let is_over = was_ended(&marker);
                    search.check_tokens_shared_record(records, claims, token, record, is_over)
                }
                // The request that made the record was given up before it made the mark.
                (Some(record), None) => {
                    let marker = records.rules().token_marker(&token.id, search.now);
                    mark(records, marker, move |search, is_over| {
                        search.check_tokens_shared_record(records, claims, token, record, is_over)
                    })
                }
                (None, Some(_)) => search.token_of_nothing(),
                (None, None) => {
                    let login = TokenLogin::Shared(records, token, None);
                    search.ask_for_tokens_user(claims, login)
                }
            }
        })
    }

    fn check_tokens_shared_record(
        &mut self,
        records: &'r S,
        claims: Box<Claims>,
        token: LoginSecret,
        record: LoginRecord,
        is_over: bool,
    ) -> Step<'r, S> {
        match records.rules().check_shared(&claims.user_id, record) {
            Some(_) if is_over => delete(records, token.id, |search| search.token_of_nothing()),
            Some(live) => {
                let login = TokenLogin::Shared(records, token, Some(live));
                self.ask_for_tokens_user(claims, login)
            }
            None => self.token_of_nothing(),
        }
    }

    /// Flask-Login's token starts another session of the login that all its browsers share.
    pub(super) fn use_shared_token(
        &mut self,
        records: &'r S,
        claims: Box<Claims>,
        token: LoginSecret,
        live: Box<Live>,
        user: Arc<dyn User>,
    ) -> Step<'r, S> {
        let rules = records.rules();
        if rules.was_just_reopened(&live, &token, self.now) {
            let session = token.salted(&live.data.salt);
            return self.shared_session(live, session, user, *claims);
        }
        let digest = self.policy.auth_hashes.digest(&*user);
        let next = rules.reopened(&live, &token, digest, &self.client, self.now);
        let record = Box::new(owned(&next));
        let then = Box::new(
            move |search: &mut Search<'_, 'r, S>, updated| match updated {
                Updated::Done => {
                    let session = token.salted(&next.data.salt);
                    search.shared_session(Box::new(next), session, user, *claims)
                }
                // Another browser that has the same token was first.
                Updated::Conflict => search.ask_for_shared_record(records, claims),
                Updated::Gone => search.token_of_nothing(),
            },
        );
        Step::Change(records, RecordChange::Update(record, then))
    }

    /// The first use of Flask-Login's token makes the login that all its browsers share.
    pub(super) fn adopt_token(
        &mut self,
        records: &'r S,
        claims: Box<Claims>,
        token: LoginSecret,
        user: Arc<dyn User>,
    ) -> Step<'r, S> {
        let digest = self.policy.auth_hashes.digest(&*user);
        let (rules, user_id) = (records.rules(), &claims.user_id);
        let new = rules.adopt(token, true, user_id, digest, &self.client, self.now);
        create(records, new, move |search, new, is_new| match is_new {
            true => search.mark_adopted_token(records, new, claims, user),
            // Another browser that has the same token was first.
            false => search.ask_for_shared_record(records, claims),
        })
    }

    fn mark_adopted_token(
        &mut self,
        records: &'r S,
        new: Issued,
        claims: Box<Claims>,
        user: Arc<dyn User>,
    ) -> Step<'r, S> {
        let marker = records.rules().token_marker(&new.session.id, self.now);
        mark(records, marker, move |search, was_ended| match was_ended {
            // It was ended while it was getting its record.
            true => delete(records, new.session.id, |search| search.token_of_nothing()),
            false => search.shared_session(Box::new(new.live), new.session, user, *claims),
        })
    }

    /// A session that Flask-Login's remember token starts.
    fn shared_session(
        &mut self,
        live: Box<Live>,
        session: LoginSecret,
        user: Arc<dyn User>,
        claims: Claims,
    ) -> Step<'r, S> {
        let digest = self.policy.auth_hashes.digest(&*user);
        if claims.outdated {
            self.reissue(&claims, digest.clone());
        }
        self.live = Some(live);
        self.restored(claims.user_id, user, digest, None, Some(&session))
    }
}

/// Goes on with the record that a peer's cookie has by now, and with its mark.
fn record_and_mark<'r, S: Recorder>(
    records: &'r S,
    id: LoginId,
    then: impl FnOnce(&mut Search<'_, 'r, S>, Option<LoginRecord>, Option<LoginRecord>) -> Step<'r, S>
    + Send
    + 'r,
) -> Step<'r, S> {
    Step::Record(
        records,
        id,
        Box::new(move |_, record| {
            Step::Record(
                records,
                marker_id(&id),
                Box::new(move |search, marker| then(search, record, marker)),
            )
        }),
    )
}

/// Goes on after a login gets its record. `false` if its id exists.
fn create<'r, S: Recorder>(
    records: &'r S,
    new: Issued,
    then: impl FnOnce(&mut Search<'_, 'r, S>, Issued, bool) -> Step<'r, S> + Send + 'r,
) -> Step<'r, S> {
    let record = Box::new(owned(&new.live));
    let then = Box::new(move |search: &mut Search<'_, 'r, S>, is_new| then(search, new, is_new));
    Step::Change(records, RecordChange::Create(record, then))
}

/// Goes on after a login that has its record gets its mark too. `true` if it was ended before.
fn mark<'r, S: Recorder>(
    records: &'r S,
    marker: LoginRecord,
    then: impl FnOnce(&mut Search<'_, 'r, S>, bool) -> Step<'r, S> + Send + 'r,
) -> Step<'r, S> {
    let id = marker.id;
    let then = Box::new(
        move |search: &mut Search<'_, 'r, S>, is_first| match is_first {
            true => then(search, false),
            false => Step::Record(
                records,
                id,
                Box::new(move |search, marker| {
                    then(search, marker.as_ref().is_some_and(was_ended))
                }),
            ),
        },
    );
    Step::Change(records, RecordChange::Mark(Box::new(marker), then))
}
