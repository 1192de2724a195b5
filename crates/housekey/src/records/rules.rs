//! The rules for logins that have a record: when one counts, and what each use changes in it.
//!
//! Nothing here asks a store. The rules say what to ask, and what the answer means.

use std::sync::Arc;
use std::time::Duration;

use super::data::{LoginData, Previous, Remember, Spent};
use super::marks::{
    ended_before, marker, marker_id, session_marker, sessions_ended, sessions_of_peers,
};
use super::secret::{Digests, LoginSecret, Purpose, salt};
use super::timeouts::LoginTimeouts;
use super::{Limit, LoginId, LoginRecord, SharedRecord, Touch};
use crate::client::Client;
use crate::cookie::{LAST_DATE, LONGEST_LIFE};
use crate::error::{Error, ErrorKind};
use crate::event::EndReason;
use crate::signing::keys::KeyUsed;

/// How to make and read the records of a manager.
pub(crate) struct RecordRules {
    pub(crate) digests: Digests,
    pub(crate) timeouts: LoginTimeouts,
    pub(crate) max_logins: MaxLogins,
    /// Whether a session without a record is a login all the same, and gets one, because a Flask peer may have made it.
    pub(crate) adopts: bool,
    /// How long Flask-Login's remember token counts without use, in seconds.
    pub(crate) remember_for: u64,
    /// Whether using a remember token extends it.
    pub(crate) remember_slides: bool,
    /// By how many seconds the machines' clocks may differ.
    pub(crate) clock_tolerance: u64,
}

/// How many logins a user may have at once, and what happens beyond that.
#[derive(Clone, Copy, Debug)]
pub(crate) struct MaxLogins {
    pub(crate) count: usize,
    pub(crate) when_full: WhenFull,
}

impl MaxLogins {
    /// The most that a manager accepts. Ending one of this many, and listing them, is quick.
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

/// What happens if a user logs in who already has as many logins as allowed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum WhenFull {
    /// The least recently used login ends.
    EndOldest,
    /// The new login is refused ([`ErrorKind::TooManyLogins`](crate::ErrorKind::TooManyLogins)) if all others are in use:
    /// seen in the last ten minutes. Otherwise the least recently used of the others end. So a user who closed the browser
    /// without logging out, or did not receive the cookie, is not locked out for a day. But anybody with the password can
    /// keep its owner out for as long as they stay busy.
    Refuse,
}

/// Why a login is renewed.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Renewal {
    /// The user has proved themselves again.
    Confirm,
    /// Their auth hash has changed, and this login must outlive the change.
    AuthHash,
}

/// How long a session's replaced secret still reads: requests may be under way with it.
const SESSION_GRACE: u64 = 30;
/// How long a remember token may be used again: a browser that opens with several tabs sends it several times.
const REMEMBER_WINDOW: u64 = 60;
/// How long after it was seen a login counts as in use, if a login in use must not be ended for another.
const IN_USE: u64 = 10 * 60;

/// A login whose record exists and counts.
#[derive(Clone, Debug)]
pub(crate) struct Live {
    pub(crate) record: Arc<LoginRecord>,
    pub(crate) data: Arc<LoginData>,
    /// The cookie's secret was replaced moments ago. It reads, and changes nothing.
    pub(crate) in_grace: bool,
    /// The record must be written again: its digest was made with an older key, or it does not say yet that the browser has
    /// received what a remember token gave it.
    pub(crate) outdated: bool,
    /// The record came from a cache. The store must be asked before the login is ended.
    pub(crate) is_cached: bool,
}

impl Live {
    fn of(record: LoginRecord, data: LoginData) -> Self {
        Self {
            record: Arc::new(record),
            data: Arc::new(data),
            in_grace: false,
            outdated: false,
            is_cached: false,
        }
    }
}

/// A login that does not count.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Dead {
    pub(crate) reason: EndReason,
    /// A record that can no longer be used.
    pub(crate) delete: Option<LoginId>,
    /// Another request of this browser may have replaced the cookie moments ago, so this request must not change it.
    pub(crate) under_way: bool,
}

/// What a remember token is good for.
#[derive(Debug)]
pub(crate) enum Remembered {
    /// A session. In grace if another request of the same browser used the token moments ago, so that its successors are
    /// out. A used token whose successors never came back counts as unused, because the answer was lost.
    Valid(Box<Live>),
    /// The login does not exist (any more).
    Gone,
    /// The token was used before by one client and now by another: one of the two has stolen it.
    Stolen(LoginId),
}

/// A new login and its tokens.
#[derive(Clone, Debug)]
pub(crate) struct Issued {
    pub(crate) live: Live,
    pub(crate) session: LoginSecret,
    pub(crate) remember: Option<LoginSecret>,
}

/// What a browser gets in place of what it had.
pub(crate) struct Renewed {
    pub(crate) session: LoginSecret,
    /// With its remaining duration.
    pub(crate) remember: Option<(LoginSecret, Duration)>,
}

/// The two secrets that follow a remember token.
pub(crate) struct Successors {
    pub(crate) session: LoginSecret,
    pub(crate) remember: LoginSecret,
}

impl RecordRules {
    /// How many logins there may be, including the new one, and which of them may end for it.
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
                "only {count} logins at once, and all of them were used in the last ten minutes: log out somewhere \
                 else first, or wait"
            ),
        )
    }

    /// How many logins a list has at most: all that there can be, unless the limit was lowered or introduced later.
    pub(crate) fn most_listed(&self) -> usize {
        self.max_logins.count.max(MaxLogins::default().count)
    }

    /// How much time may pass before another use is recorded.
    fn step(&self) -> Duration {
        let step = self.timeouts.step();
        match self.max_logins.when_full {
            WhenFull::EndOldest => step,
            // A login in use must not look unused.
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
            live: Live::of(record, data),
            session,
            remember: remember.map(|(token, _)| token),
        }
    }

    /// The same login for a user who proved themselves at that time, with its own lifetime. No remember token outlives that.
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
            ..(*new.live.data).clone()
        };
        if let Some(remember) = &mut data.remember {
            remember.expires_at = remember.expires_at.min(ends_at.unwrap_or(u64::MAX));
        }
        Issued {
            live: self.changed(&new.live, data, now),
            ..new
        }
    }

    /// The login of a peer's session, or the one that Flask-Login's remember token starts (`shared`).
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
            ..LoginData::clone(&issued.live.data)
        };
        let mut live = self.changed(&issued.live, data, now);
        Arc::make_mut(&mut live.record).id = token.id;
        Issued {
            live,
            session: token,
            remember: None,
        }
    }

    /// The remember token of a shared login has no digest: its signature proves it.
    fn flask_token(&self, now: u64) -> Remember {
        Remember {
            digest: String::new(),
            previous: None,
            withdrawn_at: None,
            expires_at: now.saturating_add(self.remember_for),
            duration: self.remember_for,
        }
    }

    /// Checks the record of this user's Flask-Login remember token.
    pub(crate) fn check_shared(&self, user_id: &str, found: LoginRecord) -> Option<Box<Live>> {
        let data = LoginData::read(&found)?;
        (data.shared && found.user_id == user_id).then(|| Box::new(Live::of(found, data)))
    }

    /// Whether all browsers with this user's Flask-Login remember token share it.
    pub(crate) fn is_shared(&self, record: &LoginRecord) -> bool {
        LoginData::read(record).is_some_and(|data| data.shared)
    }

    /// Whether a shared login was opened moments ago, so that another browser or tab does not need to change it. Many that
    /// come at once would only get in each other's way.
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
            ..LoginData::clone(&live.data)
        };
        self.changed(live, data, now)
    }

    /// A mark that a peer's session was a login. It lasts for as long as one can under any settings.
    pub(crate) fn session_marker(&self, id: &LoginId, user_id: &str, now: u64) -> LoginRecord {
        let ends = now.saturating_add(LONGEST_LIFE.as_secs() + self.clock_tolerance);
        session_marker(id, user_id, now, ends)
    }

    /// A mark that a user's Flask-Login token was a login. It lasts for ever, because the token does.
    pub(crate) fn token_marker(&self, id: &LoginId, now: u64) -> LoginRecord {
        marker(id, now, LAST_DATE.as_secs())
    }

    /// A mark that a pending login is over. It lasts for as long as the login could have been finished.
    pub(crate) fn pending_marker(&self, id: &LoginId, ends_at: u64, now: u64) -> LoginRecord {
        marker(id, now, ends_at.saturating_add(self.clock_tolerance))
    }

    /// The id of the mark that all sessions of a user signed by peers are over.
    pub(crate) fn sessions_mark(&self, realm: &str, user_id: &str) -> LoginId {
        marker_id(&sessions_of_peers(realm, user_id))
    }

    /// A mark that all sessions of a user that peers have signed until now are over, whether or not housekey saw them.
    pub(crate) fn sessions_ended(&self, realm: &str, user_id: &str, now: u64) -> LoginRecord {
        let sessions = sessions_of_peers(realm, user_id);
        sessions_ended(&sessions, now, now.saturating_add(LONGEST_LIFE.as_secs()))
    }

    /// Whether a session that a peer signed at that time is over, by the store's record under
    /// [`sessions_mark`](Self::sessions_mark).
    pub(crate) fn are_over(&self, mark: Option<&LoginRecord>, signed_at: u64) -> bool {
        let before = mark.and_then(ended_before);
        before.is_some_and(|before| signed_at < before)
    }

    /// Whether the session with this token is a login.
    pub(crate) fn check_session(
        &self,
        token: &LoginSecret,
        user_id: &str,
        found: Option<impl Into<SharedRecord>>,
        now: u64,
    ) -> Result<Box<Live>, Dead> {
        let dead = |reason| Dead {
            reason,
            delete: None,
            under_way: false,
        };
        let Some(record) = found.map(Into::into) else {
            return Err(dead(EndReason::RecordGone));
        };
        let Some(data) = record.data() else {
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
        if let Some(reason) = self.timeout(&record, data, now) {
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
            data: Arc::clone(data),
            record: record.record(),
            is_cached: record.is_cached(),
            in_grace,
        }))
    }

    fn timeout(&self, record: &LoginRecord, data: &LoginData, now: u64) -> Option<EndReason> {
        if data.ends_at.is_some_and(|ends_at| now >= ends_at) {
            return Some(EndReason::LifetimeOver);
        }
        // A time in the future does not extend the login.
        if now >= end(record.last_seen_at.min(now), self.timeouts.idle()) {
            return Some(EndReason::Idle);
        }
        (now >= end(data.started_at.min(now), self.timeouts.absolute()))
            .then_some(EndReason::TooOld)
    }

    /// What a remember token is good for that names this user, and was issued at the given time, if it says so.
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
            in_grace,
            ..Live::of(record, data)
        }))
    }

    /// The login after a remember token was used: a new session and a new token for the same browser.
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
            ..LoginData::clone(&live.data)
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

    /// The successors that the first use of a token gave out, if the record still holds them.
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

    /// What the record knows of this token, if it was the last one used.
    fn spent<'a>(&self, remember: &'a Remember, token: &LoginSecret) -> Option<&'a Spent> {
        let spent = remember.previous.as_ref();
        spent.filter(|spent| self.is_of(token, Purpose::Remember, &spent.digest))
    }

    /// Whether a request may still be under way with a secret that was valid until then. Clocks may differ.
    fn is_under_way(&self, until: u64, now: u64) -> bool {
        now <= until.saturating_add(self.clock_tolerance)
    }

    /// The login with a new secret for its session. Only a proof restarts the absolute timeout. Only a change of the auth
    /// hash makes copies of the remember token worthless; the browser gets another one if it `is_remembered`.
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
            ..LoginData::clone(&live.data)
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

    /// Replaces the token that is out.
    fn withdraw(&self, remember: &mut Remember, id: LoginId, now: u64) -> (LoginSecret, Duration) {
        let token = LoginSecret::generate_for(id);
        remember.digest = self.digests.digest(&token, Purpose::Remember);
        remember.previous = None;
        remember.withdrawn_at = Some(now);
        let left = remember.expires_at.saturating_sub(now);
        (token, Duration::from_secs(left))
    }

    /// The login with its digest made by the current signing key, after its browser came with this token.
    pub(crate) fn brought_up_to_date(&self, live: &Live, token: &LoginSecret, now: u64) -> Live {
        let mut data = LoginData {
            session: self.digests.digest(token, Purpose::Session),
            ..LoginData::clone(&live.data)
        };
        if let Some(spent) = data.spent_token_mut() {
            spent.arrived = true;
        }
        self.changed(live, data, now)
    }

    /// The login with this data, seen now. Its record keeps the version that was loaded, as an update needs it.
    fn changed(&self, live: &Live, data: LoginData, now: u64) -> Live {
        let record = LoginRecord {
            last_seen_at: now,
            expires_at: self.expires_at(&data, now),
            data: data.to_json(),
            ..LoginRecord::clone(&live.record)
        };
        Live::of(record, data)
    }

    /// The use of the login, unless it was recorded recently.
    pub(crate) fn touch(&self, live: &Live, now: u64) -> Option<Touch> {
        let noted = live.record.last_seen_at;
        // A time in the far future was written by a wrong clock, and would otherwise stay for ever.
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

    /// Whether the session with this token may end the login: it has the secret, or had it moments ago. Earlier secrets end
    /// nothing. Otherwise a worthless copy could log its owner out.
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

    /// When the login's session ends unless it is used.
    pub(crate) fn session_ends_at(&self, data: &LoginData, last_seen_at: u64) -> u64 {
        end(last_seen_at, self.timeouts.idle())
            .min(end(data.started_at, self.timeouts.absolute()))
            .min(data.ends_at.unwrap_or(u64::MAX))
    }

    /// When both of the login's cookies have stopped counting.
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
