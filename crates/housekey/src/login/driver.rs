//! The actions together with the login store: what is asked of it, in which order.
//!
//! The order is such that a fault in between loses nothing: the store is told before the session changes, and what it
//! refuses or cannot do is an error, with everything as it was.

use super::actions::LoginOptions;
use super::records::{Issued, LoginInfo, Records, Renewed, WhenFull};
use super::{LoginSource, VisitState, Who, auth_hash, keys};
use crate::error::{Error, ErrorKind};
use crate::event::{EndReason, Event};
use crate::manager::Core;
use crate::records::secret::{LoginToken, Purpose};
use crate::records::{Created, LoginId, LoginRecord, Updated};
use crate::user::User;
use crate::visit::OpenVisit;

/// How often a record that others change at the same time is read again before giving up.
const MOST_TRIES: usize = 10;
/// How many logins a store is asked to end at a time.
const BATCH: usize = 1000;

/// Why a login is renewed.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Renewal {
    /// The user has proved themselves again.
    Confirm,
    /// Their auth hash has changed, and this login is to outlive it.
    AuthHash,
}

impl OpenVisit {
    pub(crate) async fn log_in(&self, user: &dyn User, options: LoginOptions) -> Result<(), Error> {
        let core = self.visit().core();
        let Some(records) = &core.records else {
            return self.change(|state, core| state.log_in(core, user, options, None));
        };
        let _turn = self.turn().await;
        let new = self.change(|state, core| {
            let new = state.issue(core, records, user, options);
            state.could_log_in(core, user, options, Some(&new))?;
            Ok(new)
        })?;

        let replaced = self.own_logins(records).await?;
        let when_full = records.max_logins.when_full;
        core.create(records, &new.live.record, &replaced, when_full)
            .await?;
        let logged_in = self.change(|state, core| state.log_in(core, user, options, Some(&new)));
        if logged_in.is_err() {
            records.store.delete(&new.live.record.id).await?;
        }
        logged_in
    }

    pub(crate) async fn log_out(&self) -> Result<(), Error> {
        let log_out = |state: &mut VisitState, _: &Core| {
            state.log_out();
            Ok(())
        };
        let Some(records) = &self.visit().core().records else {
            return self.change(log_out);
        };
        let _turn = self.turn().await;
        self.change(|_, _| Ok(()))?;
        self.end_own_logins(records).await?;
        self.change(log_out)
    }

    pub(crate) async fn renew(&self, user: &dyn User, renewal: Renewal) -> Result<(), Error> {
        let core = self.visit().core();
        let renew = |renewed: Option<&Renewed>| {
            self.change(|state, core| match renewal {
                Renewal::Confirm => state.confirm(core, user, renewed),
                Renewal::AuthHash => state.update_auth_hash(core, user, renewed),
            })
        };
        let Some(records) = &core.records else {
            return renew(None);
        };
        let _turn = self.turn().await;
        if self.change(|state, core| Ok(state.is_to_end(core, user)))? {
            self.end_own_logins(records).await?;
        }
        let auth_hash = core.auth_hashes.digest(user);
        let (token, user_id) = self.change(|state, core| {
            let user_id = state.logged_in_as(core, user)?;
            state.would_fit(core, |state| {
                state.make_fresh();
                state.bind_to_client(core);
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
            // A peer's login, which gets its record at the next look.
            return match records.adopts {
                true => renew(None),
                false => Err(no_record()),
            };
        };
        let renewed = self
            .renew_record(records, &token, &user_id, auth_hash, renewal)
            .await?;
        renew(Some(&renewed))?;
        if renewal == Renewal::AuthHash {
            self.end_all(
                records,
                &user_id,
                Some(&token.id),
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
        let (now, is_remembered) = self.with(|state, core| {
            let remember = &state.remember;
            let is_remembered = remember.remembers_login(&token.id, &core.remember, state.now);
            (state.now, is_remembered)
        });
        for _ in 0..MOST_TRIES {
            let found = records.store.load(&token.id, now).await?;
            let live = match records.check_session(token, user_id, found, now) {
                Ok(live) if !live.in_grace => live,
                _ => return Err(no_record()),
            };
            let auth_hash = auth_hash.clone();
            let (next, renewed) = records.renewed(&live, auth_hash, renewal, is_remembered, now);
            match records.store.update(&next.record).await? {
                Updated::Done => return Ok(renewed),
                Updated::Conflict => {}
                Updated::Gone => return Err(no_record()),
            }
        }
        Err(Error::new(
            ErrorKind::StoreFailed,
            "the login is being changed by many requests at once; try again",
        ))
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
        let ended = self.visit().core().end(records, id).await?;
        if ended {
            self.visit().core().deliver(&Event::LoginEnded {
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
        self.visit()
            .core()
            .end_all(records, user_id, except, reason)
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
        let Some(records) = &self.visit().core().records else {
            return Err(no_store());
        };
        let (user_id, current) = self.with(|state, core| {
            let settings = &core.settings;
            if !state.is_fresh(settings.fresh_within, settings.trust_fresh_flag) {
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

    /// The logins whose secrets this browser has: that of its session, and that of its remember token.
    async fn own_logins(&self, records: &Records) -> Result<Vec<LoginId>, Error> {
        let (tokens, now) = self.with(|state, core| {
            let remembered = state.remember.login_token(&core.remember, state.now);
            let tokens = [
                (state.session_token(), Purpose::Session),
                (remembered, Purpose::Remember),
            ];
            (tokens, state.now)
        });
        let mut own = Vec::new();
        for (token, purpose) in tokens {
            let Some(token) = token else { continue };
            if !own.contains(&token.id)
                && let Some(record) = records.store.load(&token.id, now).await?
                && records.owns(&token, purpose, &record, now)
            {
                own.push(token.id);
            }
        }
        Ok(own)
    }

    async fn end_own_logins(&self, records: &Records) -> Result<(), Error> {
        for login in self.own_logins(records).await? {
            self.visit().core().end(records, &login).await?;
        }
        Ok(())
    }

    fn now(&self) -> u64 {
        self.with(|state, _| state.now)
    }
}

impl VisitState {
    fn issue(
        &self,
        core: &Core,
        records: &Records,
        user: &dyn User,
        options: LoginOptions,
    ) -> Issued {
        let remember_for = options
            .remember
            .filter(|_| core.remember.rotates())
            .map(|duration| duration.unwrap_or(core.remember.duration));
        let digest = core.auth_hashes.digest(user);
        records.issue(&user.id(), digest, remember_for, &self.client, self.now)
    }
}

impl Core {
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
    ) -> Result<(), Error> {
        let limit = records.limit(when_full, self.now());
        loop {
            let reason = EndReason::TooManyLogins;
            match records.store.create(new, replaced, limit).await? {
                Created::Done { ended } => {
                    replaced.iter().for_each(|login| self.watched.wake(login));
                    self.have_ended(&new.user_id, &ended, reason);
                    return Ok(());
                }
                Created::Crowded { ended } => self.have_ended(&new.user_id, &ended, reason),
                Created::Full | Created::Taken => return Err(records.too_many()),
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
    ) -> Result<usize, Error> {
        let mut count = 0;
        loop {
            let ended = records.store.delete_by_user(user_id, except, BATCH).await?;
            self.have_ended(user_id, &ended, reason);
            count += ended.len();
            if ended.len() < BATCH {
                return Ok(count);
            }
        }
    }

    fn have_ended(&self, user_id: &str, ended: &[LoginId], reason: EndReason) {
        for login in ended {
            self.watched.wake(login);
            self.deliver(&Event::LoginEnded {
                user_id: user_id.to_owned(),
                reason,
            });
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
