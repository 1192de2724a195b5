//! The rules for logins that have a record: what makes one count, and what each use changes in it.
//!
//! Nothing here asks a store. These say what to ask for, and what the answer means.

use std::time::Duration;

use super::data::{LoginData, Previous, Remember, Spent};
use super::marks::{
    ended_before, marker, marker_id, session_marker, sessions_ended, sessions_of_peers,
};
use super::secret::{Digests, LoginSecret, Purpose, salt};
use super::timeouts::LoginTimeouts;
use super::{Limit, LoginId, LoginRecord, Touch};
use crate::client::Client;
use crate::cookie::{LAST_DATE, LONGEST_LIFE};
use crate::error::{Error, ErrorKind};
use crate::event::EndReason;
use crate::signing::keys::KeyUsed;

/// How the records of a manager are to be made and read.
pub(crate) struct RecordRules {
    pub(crate) digests: Digests,
    pub(crate) timeouts: LoginTimeouts,
    pub(crate) max_logins: MaxLogins,
    /// Whether a session without a record is a login all the same, and gets one: a Flask peer may have made it.
    pub(crate) adopts: bool,
    /// How long Flask-Login's remember token counts without being used, in seconds.
    pub(crate) remember_for: u64,
    /// Whether using a remember token puts off its end.
    pub(crate) remember_slides: bool,
    /// By how many seconds the machines' clocks may differ.
    pub(crate) clock_tolerance: u64,
}

/// How many logins a user may have at once, and what happens beyond.
#[derive(Clone, Copy, Debug)]
pub(crate) struct MaxLogins {
    pub(crate) count: usize,
    pub(crate) when_full: WhenFull,
}

impl MaxLogins {
    /// The most that a manager takes: ending one of so many, and listing them, is quick.
    pub(crate) const MOST: usize = 1000;
}

impl Default for MaxLogins {
    /// More than a person has, and few enough to be listed.
    fn default() -> Self {
        Self {
            count: 100,
            when_full: WhenFull::EndOldest,
        }
    }
}

/// What happens when a user logs in who has as many logins as they may.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum WhenFull {
    /// The login that was not used for the longest time ends.
    EndOldest,
    /// The new login is refused ([`ErrorKind::TooManyLogins`](crate::ErrorKind::TooManyLogins)) when all the others are in
    /// use: seen in the last ten minutes. Others end, the one that was not used for the longest time first. So nobody is
    /// locked out for a day who closed the browser without signing out, or whose answer with the cookie was lost; but
    /// anybody who has the password can keep its owner out by staying busy, for as long as they are.
    Refuse,
}

/// Why a login is renewed.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Renewal {
    /// The user has proved themselves again.
    Confirm,
    /// Their auth hash has changed, and this login is to outlive it.
    AuthHash,
}

/// For how long a session's secret still reads after it was replaced: requests may be under way with it.
const SESSION_GRACE: u64 = 30;
/// For how long a remember token may be used again: a browser that opens with several tabs sends it several times.
const REMEMBER_WINDOW: u64 = 60;
/// For how long after it was seen a login counts as in use, where such a one may not be ended for another.
const IN_USE: u64 = 10 * 60;

/// A login whose record is there and counts.
#[derive(Clone, Debug)]
pub(crate) struct Live {
    pub(crate) record: LoginRecord,
    pub(crate) data: LoginData,
    /// The cookie's secret was replaced moments ago. It reads, and changes nothing.
    pub(crate) in_grace: bool,
    /// The record is to be written again: its digest was made with an older key, or it does not know yet that its browser
    /// had what a remember token gave it.
    pub(crate) outdated: bool,
}

/// A login that does not count.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Dead {
    pub(crate) reason: EndReason,
    /// A record that nothing can use any more.
    pub(crate) delete: Option<LoginId>,
    /// Another request of this browser may have replaced the cookie moments ago, so that this one must not touch it.
    pub(crate) under_way: bool,
}

/// What a remember token is good for.
#[derive(Debug)]
pub(crate) enum Remembered {
    /// A session. In grace if the token was used moments ago, by another request of the same browser, so that its
    /// successors are out. A token that was used and whose successors nobody ever came with counts as unused: the answer
    /// was lost.
    Valid(Box<Live>),
    /// There is no such login (any more).
    Gone,
    /// Somebody has used it before, and somebody else comes with it now: one of the two has stolen it.
    Stolen(LoginId),
}

/// A new login and the tokens that go with it.
#[derive(Clone, Debug)]
pub(crate) struct Issued {
    pub(crate) live: Live,
    pub(crate) session: LoginSecret,
    pub(crate) remember: Option<LoginSecret>,
}

/// What a browser gets in place of what it had.
pub(crate) struct Renewed {
    pub(crate) session: LoginSecret,
    /// With how long it is good for.
    pub(crate) remember: Option<(LoginSecret, Duration)>,
}

/// The two secrets that follow on a remember token.
pub(crate) struct Successors {
    pub(crate) session: LoginSecret,
    pub(crate) remember: LoginSecret,
}

impl RecordRules {
    /// How many logins there may be once there is one more, and which of them may end for it.
    pub(crate) fn limit(&self, when_full: WhenFull, now: u64) -> Limit {
        Limit {
            count: self.max_logins.count,
            now,
            spared_since: match when_full {
                WhenFull::EndOldest => u64::MAX,
                WhenFull::Refuse => now.saturating_sub(IN_USE),
            },
        }
    }

    pub(crate) fn too_many(&self) -> Error {
        let count = self.max_logins.count;
        Error::new(
            ErrorKind::TooManyLogins,
            format!(
                "only {count} logins at once, and all of them were used in the last ten minutes: sign out somewhere \
                 else first, or wait"
            ),
        )
    }

    /// How many logins a list has at most: all that there can be, unless the limit was lowered or introduced since.
    pub(crate) fn most_listed(&self) -> usize {
        self.max_logins.count.max(MaxLogins::default().count)
    }

    /// How much time may pass until it is noted again that a login is used.
    fn step(&self) -> Duration {
        let step = self.timeouts.step();
        match self.max_logins.when_full {
            WhenFull::EndOldest => step,
            // What is in use must not look as if it were not.
            WhenFull::Refuse => step.min(Duration::from_secs(IN_USE / 2)),
        }
    }

    /// A new login of this user.
    pub(crate) fn issue(
        &self,
        user_id: &str,
        auth_hash: Option<String>,
        remember_for: Option<Duration>,
        client: &Client,
        now: u64,
    ) -> Issued {
        let session = LoginSecret::generate();
        let remember = remember_for.map(|duration| {
            let token = LoginSecret::generate_for(session.id);
            (token, duration.as_secs())
        });
        let data = LoginData {
            session: self.digests.digest(&session, Purpose::Session),
            previous: None,
            started_at: now,
            ends_at: None,
            remember: remember.as_ref().map(|(token, seconds)| Remember {
                digest: self.digests.digest(token, Purpose::Remember),
                previous: None,
                withdrawn_at: None,
                expires_at: now.saturating_add(*seconds),
                duration: *seconds,
            }),
            auth_hash,
            shared: false,
            salt: String::new(),
            user_agent: client.readable_user_agent(),
            address: client.address,
        };
        let record = LoginRecord {
            id: session.id,
            user_id: user_id.to_owned(),
            version: 0,
            created_at: now,
            last_seen_at: now,
            expires_at: self.expires_at(&data, now),
            data: data.to_json(),
        };
        Issued {
            live: Live {
                record,
                data,
                in_grace: false,
                outdated: false,
            },
            session,
            remember: remember.map(|(token, _)| token),
        }
    }

    /// The same login for somebody who proved themselves then, and with a lifetime of its own. No remember token outlives that.
    pub(crate) fn with_times(
        &self,
        new: Issued,
        proved_at: u64,
        ends_at: Option<u64>,
        now: u64,
    ) -> Issued {
        let mut data = LoginData {
            started_at: proved_at,
            ends_at,
            ..new.live.data.clone()
        };
        if let Some(remember) = &mut data.remember {
            remember.expires_at = remember.expires_at.min(ends_at.unwrap_or(u64::MAX));
        }
        Issued {
            live: self.changed(&new.live, data, now),
            ..new
        }
    }

    /// A login that a peer's session is, or that Flask-Login's remember token starts (`shared`).
    pub(crate) fn adopt(
        &self,
        token: LoginSecret,
        shared: bool,
        user_id: &str,
        auth_hash: Option<String>,
        client: &Client,
        now: u64,
    ) -> Issued {
        let issued = self.issue(user_id, auth_hash, None, client, now);
        let (token, salt) = match shared {
            true => {
                let salt = salt();
                (token.salted(&salt), salt)
            }
            false => (token, String::new()),
        };
        let data = LoginData {
            session: self.digests.digest(&token, Purpose::Session),
            shared,
            salt,
            remember: shared.then(|| self.flask_token(now)),
            ..issued.live.data.clone()
        };
        let mut live = self.changed(&issued.live, data, now);
        live.record.id = token.id;
        Issued {
            live,
            session: token,
            remember: None,
        }
    }

    /// What a shared login is remembered by has no digest: its signature proves it.
    fn flask_token(&self, now: u64) -> Remember {
        Remember {
            digest: String::new(),
            previous: None,
            withdrawn_at: None,
            expires_at: now.saturating_add(self.remember_for),
            duration: self.remember_for,
        }
    }

    /// What Flask-Login's remember token of this user finds.
    pub(crate) fn check_shared(&self, user_id: &str, found: LoginRecord) -> Option<Box<Live>> {
        let data = LoginData::read(&found)?;
        (data.shared && found.user_id == user_id).then(|| {
            Box::new(Live {
                record: found,
                data,
                in_grace: false,
                outdated: false,
            })
        })
    }

    /// Whether all browsers with Flask-Login's remember token of this user share it.
    pub(crate) fn is_shared(&self, record: &LoginRecord) -> bool {
        LoginData::read(record).is_some_and(|data| data.shared)
    }

    /// Whether a shared login was opened moments ago, so that another browser, or another tab, needs nothing new: many that
    /// come at once would only keep each other from writing.
    pub(crate) fn was_just_reopened(&self, live: &Live, token: &LoginSecret, now: u64) -> bool {
        let since = now.checked_sub(live.data.started_at);
        since.is_some_and(|since| since <= REMEMBER_WINDOW)
            && self.timeout(&live.record, &live.data, now).is_none()
            && self.digests.verify(
                &token.salted(&live.data.salt),
                Purpose::Session,
                &live.data.session,
            ) == Some(KeyUsed::Current)
    }

    /// A shared login after its token started another session.
    pub(crate) fn reopened(
        &self,
        live: &Live,
        token: &LoginSecret,
        auth_hash: Option<String>,
        client: &Client,
        now: u64,
    ) -> Live {
        let data = LoginData {
            session: self
                .digests
                .digest(&token.salted(&live.data.salt), Purpose::Session),
            started_at: now,
            remember: Some(self.flask_token(now)),
            auth_hash,
            user_agent: client.readable_user_agent(),
            address: client.address,
            ..live.data.clone()
        };
        self.changed(live, data, now)
    }

    /// That there was a login by a peer's session: for as long as one can live by any settings.
    pub(crate) fn session_marker(&self, id: &LoginId, user_id: &str, now: u64) -> LoginRecord {
        let ends = now.saturating_add(LONGEST_LIFE.as_secs() + self.clock_tolerance);
        session_marker(id, user_id, now, ends)
    }

    /// That there was a login by a user's Flask-Login token: for ever, since that is how long it counts.
    pub(crate) fn token_marker(&self, id: &LoginId, now: u64) -> LoginRecord {
        marker(id, now, LAST_DATE.as_secs())
    }

    /// That a login which had begun is over: for as long as it could have been finished.
    pub(crate) fn pending_marker(&self, id: &LoginId, ends_at: u64, now: u64) -> LoginRecord {
        marker(id, now, ends_at.saturating_add(self.clock_tolerance))
    }

    /// The number of the mark that all sessions of a user which peers have signed are over.
    pub(crate) fn sessions_mark(&self, realm: &str, user_id: &str) -> LoginId {
        marker_id(&sessions_of_peers(realm, user_id))
    }

    /// That all sessions of a user which peers have signed until now are over, whether they ever came here or not.
    pub(crate) fn sessions_ended(&self, realm: &str, user_id: &str, now: u64) -> LoginRecord {
        let sessions = sessions_of_peers(realm, user_id);
        sessions_ended(&sessions, now, now.saturating_add(LONGEST_LIFE.as_secs()))
    }

    /// Whether a session that a peer signed then is over, by what the store has under
    /// [`sessions_mark`](Self::sessions_mark).
    pub(crate) fn are_over(&self, mark: Option<&LoginRecord>, signed_at: u64) -> bool {
        let before = mark.and_then(ended_before);
        before.is_some_and(|before| signed_at < before)
    }

    /// Whether the session that carries this token is a login.
    pub(crate) fn check_session(
        &self,
        token: &LoginSecret,
        user_id: &str,
        found: Option<LoginRecord>,
        now: u64,
    ) -> Result<Box<Live>, Dead> {
        let dead = |reason| Dead {
            reason,
            delete: None,
            under_way: false,
        };
        let Some(record) = found else {
            return Err(dead(EndReason::RecordGone));
        };
        let Some(data) = LoginData::read(&record) else {
            return Err(dead(EndReason::RecordGone));
        };
        if record.user_id != user_id {
            return Err(dead(EndReason::RecordGone));
        }
        let used = self.digests.verify(token, Purpose::Session, &data.session);
        let previous = data.previous.as_ref().filter(|previous| {
            used.is_none() && self.is_of(token, Purpose::Session, &previous.digest)
        });
        let in_grace = previous.is_some_and(|previous| now <= previous.until);
        if used.is_none() && !in_grace {
            return Err(Dead {
                under_way: previous.is_some_and(|previous| self.is_under_way(previous.until, now)),
                ..dead(EndReason::CookieReplaced)
            });
        }
        if let Some(reason) = self.timeout(&record, &data, now) {
            let is_over = reason == EndReason::LifetimeOver;
            return Err(Dead {
                reason,
                // A remembered browser comes back to its record.
                delete: (is_over || data.remember.is_none()).then_some(record.id),
                under_way: false,
            });
        }
        Ok(Box::new(Live {
            outdated: used == Some(KeyUsed::Fallback)
                || used.is_some() && data.spent_token().is_some_and(|spent| !spent.arrived),
            record,
            data,
            in_grace,
        }))
    }

    fn timeout(&self, record: &LoginRecord, data: &LoginData, now: u64) -> Option<EndReason> {
        if data.ends_at.is_some_and(|ends_at| now >= ends_at) {
            return Some(EndReason::LifetimeOver);
        }
        // A time in the future is no reason to live longer.
        if now >= end(record.last_seen_at.min(now), self.timeouts.idle()) {
            return Some(EndReason::Idle);
        }
        (now >= end(data.started_at.min(now), self.timeouts.absolute()))
            .then_some(EndReason::TooOld)
    }

    /// What a remember token that names this user, and was given out then if it says so, is good for.
    pub(crate) fn check_remember(
        &self,
        token: &LoginSecret,
        user_id: &str,
        issued_at: Option<u64>,
        found: Option<LoginRecord>,
        now: u64,
    ) -> Remembered {
        let Some(record) = found.filter(|record| record.user_id == user_id) else {
            return Remembered::Gone;
        };
        let Some(data) = LoginData::read(&record) else {
            return Remembered::Gone;
        };
        let Some(remember) = data.remember.as_ref().filter(|it| now < it.expires_at) else {
            return Remembered::Gone;
        };
        let spent = match self.is_of(token, Purpose::Remember, &remember.digest) {
            true => None,
            false => Some(self.spent(remember, token)),
        };
        let in_grace = match spent {
            None => false,
            Some(Some(spent)) if self.is_under_way(spent.until, now) => true,
            Some(Some(spent)) if !spent.arrived => false,
            _ => {
                return match (issued_at, remember.withdrawn_at) {
                    (Some(issued), Some(withdrawn)) if issued < withdrawn => Remembered::Gone,
                    _ => Remembered::Stolen(record.id),
                };
            }
        };
        Remembered::Valid(Box::new(Live {
            record,
            data,
            in_grace,
            outdated: false,
        }))
    }

    /// The login after a remember token was used: a new session, a new token, the same browser.
    pub(crate) fn restored(
        &self,
        live: &Live,
        token: &LoginSecret,
        auth_hash: Option<String>,
        client: &Client,
        now: u64,
    ) -> (Live, Successors) {
        let remember = live.data.remember.as_ref();
        let spent = remember.and_then(|remember| self.spent(remember, token));
        let again = spent.map_or(0, |spent| spent.again + 1);
        let successors = self.successors(token, again);
        let mut data = LoginData {
            session: self.digests.digest(&successors.session, Purpose::Session),
            previous: None,
            started_at: now,
            auth_hash,
            user_agent: client.readable_user_agent(),
            address: client.address,
            ..live.data.clone()
        };
        if let Some(remember) = &mut data.remember {
            let next = self.digests.digest(&successors.remember, Purpose::Remember);
            remember.digest = next;
            remember.previous = Some(Spent {
                digest: self.digests.digest(token, Purpose::Remember),
                until: now.saturating_add(REMEMBER_WINDOW),
                again,
                arrived: false,
            });
            if self.remember_slides {
                let ends_at = data.ends_at.unwrap_or(u64::MAX);
                remember.expires_at = now.saturating_add(remember.duration).min(ends_at);
            }
        }
        (self.changed(live, data, now), successors)
    }

    /// What the first use of a token gave out, if that is what the record still holds.
    pub(crate) fn given_out(&self, live: &Live, token: &LoginSecret) -> Option<Successors> {
        let spent = self.spent(live.data.remember.as_ref()?, token)?;
        let successors = self.successors(token, spent.again);
        let holds = self.is_of(&successors.session, Purpose::Session, &live.data.session)
            && live.data.remember.as_ref().is_some_and(|remember| {
                self.is_of(&successors.remember, Purpose::Remember, &remember.digest)
            });
        holds.then_some(successors)
    }

    fn successors(&self, token: &LoginSecret, again: u32) -> Successors {
        let successor = |purpose| self.digests.successor(token, purpose, again);
        Successors {
            session: successor(Purpose::Session),
            remember: successor(Purpose::Remember),
        }
    }

    /// What the record knows of this token, if it is the one that was used last.
    fn spent<'a>(&self, remember: &'a Remember, token: &LoginSecret) -> Option<&'a Spent> {
        let spent = remember.previous.as_ref();
        spent.filter(|spent| self.is_of(token, Purpose::Remember, &spent.digest))
    }

    /// Whether a request may still be under way with what was good until then, by a clock that may differ.
    fn is_under_way(&self, until: u64, now: u64) -> bool {
        now <= until.saturating_add(self.clock_tolerance)
    }

    /// The login with a new secret in place of the session's. Only a proof starts the absolute timeout anew, and only a
    /// change of the auth hash makes copies of the remember token worthless; the browser gets another one, if it
    /// `is_remembered`.
    pub(crate) fn renewed(
        &self,
        live: &Live,
        auth_hash: Option<String>,
        renewal: Renewal,
        is_remembered: bool,
        now: u64,
    ) -> (Live, Renewed) {
        let token = LoginSecret::generate_for(live.record.id);
        let mut data = LoginData {
            session: self.digests.digest(&token, Purpose::Session),
            previous: Some(Previous {
                digest: live.data.session.clone(),
                until: now.saturating_add(SESSION_GRACE),
            }),
            auth_hash,
            ..live.data.clone()
        };
        let mut remember = None;
        match renewal {
            Renewal::Confirm => data.started_at = now,
            Renewal::AuthHash => {
                data.remember = data.remember.filter(|_| is_remembered);
                remember = data
                    .remember
                    .as_mut()
                    .map(|it| self.withdraw(it, token.id, now));
            }
        }
        let renewed = Renewed {
            session: token,
            remember,
        };
        (self.changed(live, data, now), renewed)
    }

    /// Puts another token in the place of the one that is out.
    fn withdraw(&self, remember: &mut Remember, id: LoginId, now: u64) -> (LoginSecret, Duration) {
        let token = LoginSecret::generate_for(id);
        remember.digest = self.digests.digest(&token, Purpose::Remember);
        remember.previous = None;
        remember.withdrawn_at = Some(now);
        let left = remember.expires_at.saturating_sub(now);
        (token, Duration::from_secs(left))
    }

    /// The login with its digest made by the key that signs now, after its browser came with this token.
    pub(crate) fn brought_up_to_date(&self, live: &Live, token: &LoginSecret, now: u64) -> Live {
        let mut data = LoginData {
            session: self.digests.digest(token, Purpose::Session),
            ..live.data.clone()
        };
        if let Some(spent) = data.spent_token_mut() {
            spent.arrived = true;
        }
        self.changed(live, data, now)
    }

    /// The login with these data, seen now. Its record still has the version that was loaded, as an update needs it.
    fn changed(&self, live: &Live, data: LoginData, now: u64) -> Live {
        Live {
            record: LoginRecord {
                last_seen_at: now,
                expires_at: self.expires_at(&data, now),
                data: data.to_json(),
                ..live.record.clone()
            },
            data,
            in_grace: false,
            outdated: false,
        }
    }

    /// That the login was used, if that has not been noted lately.
    pub(crate) fn touch(&self, live: &Live, now: u64) -> Option<Touch> {
        let noted = live.record.last_seen_at;
        // A time in the far future was noted by a clock that was wrong, and would stand for ever.
        let unless_since = if noted > end(now, self.timeouts.idle()) {
            noted.saturating_add(1)
        } else {
            end(now, Duration::from_secs(1)).saturating_sub(self.step().as_secs())
        };
        (noted < unless_since).then(|| Touch {
            now,
            unless_since,
            expires_at: self.expires_at(&live.data, now),
        })
    }

    /// Whether the session that carries this token may end the login: it holds the secret, or held it moments ago. What was
    /// replaced before that ends nothing, or a worthless copy could sign its owner out.
    pub(crate) fn owns(&self, token: &LoginSecret, record: &LoginRecord, now: u64) -> bool {
        let Some(data) = LoginData::read(record) else {
            return false;
        };
        self.is_of(token, Purpose::Session, &data.session)
            || data.previous.as_ref().is_some_and(|previous| {
                self.is_under_way(previous.until, now)
                    && self.is_of(token, Purpose::Session, &previous.digest)
            })
    }

    fn is_of(&self, token: &LoginSecret, purpose: Purpose, digest: &str) -> bool {
        self.digests.verify(token, purpose, digest).is_some()
    }

    /// Until when the login's session counts unless it is used.
    pub(crate) fn session_ends_at(&self, data: &LoginData, last_seen_at: u64) -> u64 {
        end(last_seen_at, self.timeouts.idle())
            .min(end(data.started_at, self.timeouts.absolute()))
            .min(data.ends_at.unwrap_or(u64::MAX))
    }

    /// When neither of the login's cookies can count any more.
    fn expires_at(&self, data: &LoginData, last_seen_at: u64) -> u64 {
        let session = self.session_ends_at(data, last_seen_at);
        let remembered = data.remember.as_ref().map_or(0, |it| it.expires_at);
        session.max(remembered)
    }
}

fn end(from: u64, duration: Duration) -> u64 {
    from.saturating_add(duration.as_secs())
}

#[cfg(test)]
mod tests;
