//! The actions together with the login store: what is asked of it, in which order.
//!
//! The order is such that a fault in between loses nothing: the store is told before the session changes, and what it
//! refuses or cannot do is an error, with everything as it was.

use crate::auth_hash;
use crate::client::Client;
use crate::error::{Error, ErrorKind};
use crate::event::{EndReason, Event, EventClient};
use crate::login::actions::LoginOptions;
use crate::login::records::{Issued, LoginInfo, Remembered, Renewal, Renewed};
use crate::login::{LoginSource, VisitState, Who};
use crate::policy::Policy;
use crate::records::rules::{RecordRules, WhenFull};
use crate::records::secret::{LoginToken, ending, marker_id};
use crate::records::{Created, LoginId, LoginRecord, Updated};
use crate::remember::ClaimsKind;
use crate::session::keys;
use crate::user::User;
use crate::visit::OpenVisit;
use crate::visit::shared::{Records, Shared};

/// How often a record that others change at the same time is read again before giving up.
pub(crate) const MOST_TRIES: usize = 10;
/// How many logins a store is asked to end at a time.
const BATCH: usize = 1000;

/// The logins that end when their browser logs out or in.
#[derive(Default)]
struct OwnLogins {
    logins: Vec<LoginId>,
    /// Those that all browsers with a Flask-Login token share. A logout ends them: nobody can tell a copy of such a token from
    /// another browser of its owner's. A login does not.
    shared: Vec<LoginId>,
    /// That sessions of a peer's are over, whether they had a record or not.
    marks: Vec<LoginRecord>,
    /// Whose remember tokens somebody else has a copy of, as those show that this browser came with.
    stolen_of: Vec<String>,
}

impl OwnLogins {
    fn add(&mut self, login: LoginId) {
        if !self.logins.contains(&login) {
            self.logins.push(login);
        }
    }
}

impl OpenVisit {
    pub(crate) async fn log_in(&self, user: &dyn User, options: LoginOptions) -> Result<(), Error> {
        let shared = self.visit().shared();
        let Some(records) = &shared.records else {
            return self.change(|state, policy| state.log_in(policy, user, options, None));
        };
        let _turn = self.turn().await;
        let new = self.change(|state, policy| {
            let new = state.issue(policy, records, user, options);
            state.could_log_in(policy, user, options, Some(&new))?;
            Ok(new)
        })?;

        let own = self.own_logins(records).await?;
        let marked = records.mark_all(own.marks).await?;
        let when_full = records.max_logins.when_full;
        let (record, client) = (&new.live.record, self.client());
        let client = EventClient::of(&client);
        let created = shared.create(records, record, &own.logins, when_full, client);
        if let Err(error) = created.await {
            // The login that was to be replaced goes on.
            for marker in &marked {
                records.store.delete(marker).await?;
            }
            return Err(error);
        }
        self.tell_of_theft(own.stolen_of);
        let logged_in =
            self.change(|state, policy| state.log_in(policy, user, options, Some(&new)));
        if logged_in.is_err() {
            records.store.delete(&new.live.record.id).await?;
            return logged_in;
        }
        if options.remember.is_some() && shared.remember.is_shared_with_flask() {
            // The user's Flask-Login token counts again: there is only the one. The store traces its fault; the login stands,
            // and is not remembered.
            let token = shared.remember.flask_token(&new.live.record.user_id);
            let _ = records.store.delete(&marker_id(&token.id)).await;
        }
        Ok(())
    }

    pub(crate) async fn log_out(&self) -> Result<(), Error> {
        let log_out = |state: &mut VisitState, _: &Policy| {
            state.log_out();
            Ok(())
        };
        let Some(records) = &self.visit().shared().records else {
            return self.change(log_out);
        };
        let _turn = self.turn().await;
        self.change(|_, _| Ok(()))?;
        self.end_own_logins(records).await?;
        self.change(log_out)
    }

    pub(crate) async fn renew(&self, user: &dyn User, renewal: Renewal) -> Result<(), Error> {
        let shared = self.visit().shared();
        let renew = |renewed: Option<&Renewed>| {
            self.change(|state, policy| match renewal {
                Renewal::Confirm => state.confirm(policy, user, renewed),
                Renewal::AuthHash => state.update_auth_hash(policy, user, renewed),
            })
        };
        let Some(records) = &shared.records else {
            return renew(None);
        };
        let _turn = self.turn().await;
        if self.change(|state, policy| Ok(state.is_to_end(policy, user)))? {
            self.end_own_logins(records).await?;
        }
        let auth_hash = shared.auth_hashes.digest(user);
        let (token, user_id) = self.change(|state, policy| {
            let user_id = state.logged_in_as(policy, user)?;
            state.would_fit(policy, |state| {
                state.make_fresh();
                state.bind_to_client(policy);
                if let Some(digest) = &auth_hash {
                    let value = auth_hash::for_session(digest, &user_id);
                    state.session.set_text(keys::AUTH_HASH, &value);
                }
            })?;
            let token = state.session_token();
            let token = token.filter(|_| state.session_token_is_of(&user_id));
            Ok((token, user_id))
        })?;
        let Some(token) = token else {
            // A peer's login, which gets its record at the next look. The cookie from before the proof gets none.
            let own = self.own_logins(records).await?;
            if !records.adopts {
                return Err(no_record());
            }
            records.mark_all(own.marks).await?;
            for login in &own.logins {
                self.visit().shared().end(records, login).await?;
            }
            return renew(None);
        };
        let renewed = self
            .renew_record(records, &token, &user_id, auth_hash, renewal)
            .await?;
        renew(Some(&renewed))?;
        if renewal == Renewal::AuthHash {
            self.end_all(
                records,
                &user_id,
                Some(&renewed.session.id),
                EndReason::AuthHashChanged,
            )
            .await?;
        }
        Ok(())
    }

    /// Gives the record a new secret, however many others change it meanwhile.
    async fn renew_record(
        &self,
        records: &Records,
        token: &LoginToken,
        user_id: &str,
        auth_hash: Option<String>,
        renewal: Renewal,
    ) -> Result<Renewed, Error> {
        let (now, is_remembered) = self.with(|state, policy| {
            let remember = &state.remember;
            let is_remembered = remember.remembers_login(&token.id, &policy.remember, state.now);
            (state.now, is_remembered)
        });
        for _ in 0..MOST_TRIES {
            let found = records.store.load(&token.id, now).await?;
            let live = match records.check_session(token, user_id, found, now) {
                Ok(live) if !live.in_grace => live,
                _ => return Err(no_record()),
            };
            let auth_hash = auth_hash.clone();
            if live.data.shared {
                // The others that have the same token stay where they are; this browser gets a login of its own.
                let client = self.client();
                let new = records.issue(user_id, auth_hash, None, &client, now);
                let (shared, client) = (self.visit().shared(), EventClient::of(&client));
                let record = &new.live.record;
                shared
                    .create(records, record, &[], WhenFull::EndOldest, client)
                    .await?;
                return Ok(Renewed {
                    session: new.session,
                    remember: None,
                });
            }
            let (next, renewed) = records.renewed(&live, auth_hash, renewal, is_remembered, now);
            match records.store.update(&next.record).await? {
                Updated::Done => {
                    self.visit().shared().watched.wake(&token.id);
                    return Ok(renewed);
                }
                Updated::Conflict => {}
                Updated::Gone => return Err(no_record()),
            }
        }
        Err(too_busy())
    }

    pub(crate) async fn logins(&self) -> Result<Vec<LoginInfo>, Error> {
        let (records, user_id, current) = self.of_current_user()?;
        records.list(&user_id, Some(&current), self.now()).await
    }

    pub(crate) async fn end_login(&self, id: &LoginId) -> Result<bool, Error> {
        let (records, user_id, _) = self.may_end()?;
        let found = records.store.load(id, self.now()).await?;
        if found.is_none_or(|record| record.user_id != user_id) {
            return Ok(false);
        }
        let ended = self.visit().shared().end(records, id).await?;
        if ended {
            self.deliver(&Event::LoginEnded {
                user_id,
                reason: EndReason::EndedByUser,
            });
        }
        Ok(ended)
    }

    pub(crate) async fn end_other_logins(&self) -> Result<usize, Error> {
        let (records, user_id, current) = self.may_end()?;
        self.end_all(records, &user_id, Some(&current), EndReason::EndedByUser)
            .await
    }

    async fn end_all(
        &self,
        records: &Records,
        user_id: &str,
        except: Option<&LoginId>,
        reason: EndReason,
    ) -> Result<usize, Error> {
        let client = self.client();
        let client = EventClient::of(&client);
        let shared = self.visit().shared();
        shared
            .end_all(records, user_id, except, reason, client)
            .await
    }

    /// As [`of_current_user`](Self::of_current_user), for who is to end logins. A secret that was replaced reads only.
    fn may_end(&self) -> Result<(&Records, String, LoginId), Error> {
        match self.with(|state, _| state.reads_only) {
            true => Err(no_record()),
            false => self.of_current_user(),
        }
    }

    /// Who is there, by a fresh login that has a record.
    fn of_current_user(&self) -> Result<(&Records, String, LoginId), Error> {
        let Some(records) = &self.visit().shared().records else {
            return Err(no_store());
        };
        let (user_id, current) = self.with(|state, policy| {
            if !state.is_fresh(policy, policy.settings.fresh_within) {
                return Err(Error::new(
                    ErrorKind::NotFresh,
                    "a list of logins is for somebody who has just proved who they are: let the handler ask for a \
                     fresh login",
                ));
            }
            match (&state.who, &state.live) {
                (Who::Somebody(user, LoginSource::Session), Some(live)) => {
                    Ok((user.id(), live.record.id))
                }
                _ => Err(no_record()),
            }
        })?;
        Ok((records, user_id, current))
    }

    /// The logins whose secrets this browser has, by all values of its cookies: a cookie that earlier settings left beside
    /// the present one counts as well.
    async fn own_logins(&self, records: &Records) -> Result<OwnLogins, Error> {
        let (sessions, remembered, now) = self.with(|state, policy| {
            let sessions = state.sessions().filter_map(|(session, arrival)| {
                let token = session.token().map(|token| (token, None));
                token.or_else(|| {
                    let (value, user_id) = (arrival.value.as_ref()?, session.user_id()?);
                    let token = LoginToken::of_peers_session(value);
                    Some((token, Some(user_id)))
                })
            });
            let remembered = state.remember.all(&policy.remember, state.now);
            (
                sessions.collect::<Vec<_>>(),
                remembered.collect::<Vec<_>>(),
                state.now,
            )
        });
        let mut own = OwnLogins::default();
        for (token, of_peer) in sessions {
            let found = records.store.load(&token.id, now).await?;
            let is_own = match found {
                Some(record) if records.owns(&token, &record, now) => {
                    let is_shared = records.is_shared(&record);
                    if is_shared {
                        own.shared.push(token.id);
                    }
                    !is_shared
                }
                Some(_) => false,
                // A peer's may be getting its record at this moment.
                None => of_peer.is_some(),
            };
            if is_own {
                own.add(token.id);
            }
            if let Some(user_id) = of_peer {
                let marker = records.session_marker(&token.id, &user_id, now);
                own.marks.push(ending(marker));
            }
        }
        let (mut in_use, mut stolen) = (Vec::new(), Vec::new());
        for claims in remembered {
            let ClaimsKind::Rotating(token) = &claims.kind else {
                let token = self.visit().shared().remember.flask_token(&claims.user_id);
                own.shared.push(token.id);
                continue;
            };
            let found = records.store.load(&token.id, now).await?;
            match records.check_remember(token, &claims, found, now) {
                Remembered::Valid(_) => {
                    own.add(token.id);
                    in_use.push(token.id);
                }
                Remembered::Gone => {}
                Remembered::Stolen(login) => stolen.push((login, claims.user_id)),
            }
        }
        // A used token beside the one that came after it is what other settings left in this browser.
        stolen.retain(|(login, _)| !in_use.contains(login));
        for (login, user_id) in stolen {
            own.add(login);
            own.stolen_of.push(user_id);
        }
        Ok(own)
    }

    async fn end_own_logins(&self, records: &Records) -> Result<(), Error> {
        let own = self.own_logins(records).await?;
        // First of all, or what is ended could be started again meanwhile.
        records.mark_all(own.marks).await?;
        for login in &own.shared {
            records
                .mark(ending(records.token_marker(login, self.now())))
                .await?;
        }
        for login in own.logins.iter().chain(&own.shared) {
            self.visit().shared().end(records, login).await?;
        }
        self.tell_of_theft(own.stolen_of);
        Ok(())
    }

    fn tell_of_theft(&self, stolen_of: Vec<String>) {
        for user_id in stolen_of {
            self.deliver(&Event::RememberTokenStolen { user_id });
        }
    }

    pub(crate) fn client(&self) -> Client {
        self.with(|state, _| state.client.clone())
    }

    fn now(&self) -> u64 {
        self.with(|state, _| state.now)
    }
}

impl VisitState {
    fn issue(
        &self,
        policy: &Policy,
        rules: &RecordRules,
        user: &dyn User,
        options: LoginOptions,
    ) -> Issued {
        let remember_for = options
            .remember
            .filter(|_| policy.remember.rotates())
            .map(|duration| duration.unwrap_or(policy.remember.duration));
        let digest = policy.auth_hashes.digest(user);
        rules.issue(&user.id(), digest, remember_for, &self.client, self.now)
    }
}

impl Shared {
    /// Ends a login. `false` when there was none.
    pub(crate) async fn end(&self, records: &Records, login: &LoginId) -> Result<bool, Error> {
        let ended = records.store.delete(login).await?;
        self.watched.wake(login);
        Ok(ended)
    }

    /// Keeps a new login in place of those that it replaces, and ends the user's logins that are too many beside it.
    pub(crate) async fn create(
        &self,
        records: &Records,
        new: &LoginRecord,
        replaced: &[LoginId],
        when_full: WhenFull,
        client: EventClient<'_>,
    ) -> Result<(), Error> {
        let created = self.try_to_create(records, new, replaced, when_full, client);
        match created.await? {
            true => Ok(()),
            // Numbers are drawn at random.
            false => Err(taken()),
        }
    }

    /// The same. `false`, and nothing was done, when there is a record with this number.
    pub(crate) async fn try_to_create(
        &self,
        records: &Records,
        new: &LoginRecord,
        replaced: &[LoginId],
        when_full: WhenFull,
        client: EventClient<'_>,
    ) -> Result<bool, Error> {
        let limit = records.limit(when_full, self.now());
        loop {
            let reason = EndReason::TooManyLogins;
            match records.store.create(new, replaced, limit).await? {
                Created::Done { ended } => {
                    replaced.iter().for_each(|login| self.watched.wake(login));
                    self.have_ended(&new.user_id, &ended, reason, client);
                    return Ok(true);
                }
                Created::Crowded { ended } => self.have_ended(&new.user_id, &ended, reason, client),
                Created::Full => return Err(records.too_many()),
                Created::Taken => return Ok(false),
            }
        }
    }

    /// Ends all logins of a user, but for one.
    pub(crate) async fn end_all(
        &self,
        records: &Records,
        user_id: &str,
        except: Option<&LoginId>,
        reason: EndReason,
        client: EventClient<'_>,
    ) -> Result<usize, Error> {
        if records.adopts {
            records.end_peers_sessions(user_id, self.now()).await?;
        }
        if self.remember.is_shared_with_flask() {
            let token = self.remember.flask_token(user_id);
            records
                .mark(ending(records.token_marker(&token.id, self.now())))
                .await?;
        }
        let mut count = 0;
        loop {
            let ended = records.store.delete_by_user(user_id, except, BATCH).await?;
            self.have_ended(user_id, &ended, reason, client);
            count += ended.len();
            if ended.len() < BATCH {
                return Ok(count);
            }
        }
    }

    fn have_ended(
        &self,
        user_id: &str,
        ended: &[LoginId],
        reason: EndReason,
        client: EventClient<'_>,
    ) {
        for login in ended {
            self.watched.wake(login);
            let event = Event::LoginEnded {
                user_id: user_id.to_owned(),
                reason,
            };
            self.deliver(&event, client);
        }
    }
}

impl Records {
    /// A user's logins, the one last used first, as many as [`most_listed`](Self::most_listed).
    pub(crate) async fn list(
        &self,
        user_id: &str,
        current: Option<&LoginId>,
        now: u64,
    ) -> Result<Vec<LoginInfo>, Error> {
        let most = self.most_listed();
        let mut records = self.store.list_by_user(user_id, now, most).await?;
        // Of those that a store has no order for, as well.
        records.sort_by_key(|it| std::cmp::Reverse((it.last_seen_at, it.created_at, it.id)));
        let logins = records.iter();
        Ok(logins
            .filter_map(|record| LoginInfo::of(record, current))
            .collect())
    }
}

pub(crate) fn too_busy() -> Error {
    Error::new(
        ErrorKind::StoreFailed,
        "the login is being changed by many requests at once; try again",
    )
}

fn no_record() -> Error {
    Error::new(
        ErrorKind::NotLoggedIn,
        "the login has ended or was renewed by another request, so there is none to renew",
    )
}

pub(crate) fn no_store() -> Error {
    Error::new(
        ErrorKind::NoLoginStore,
        "there is no list of logins: give the login manager a login_store",
    )
}

pub(crate) fn taken() -> Error {
    crate::records::store_failed("the number of a new login was taken".into())
}
