//! The session's cookies: reading them, writing them, and when to write them again.
//!
//! Flask has one cookie for everything, and so does the `flask` preset. In the safe preset the login has its own cookie,
//! and the application's values have another. A response sends only what its request changed, so a slow request that stores
//! a value cannot remove a login, bring one back, or overwrite a new secret with an old one.

use std::cmp::Reverse;
use std::time::Duration;

use super::SessionMap;
use crate::cookie::{Attributes, SetCookie, Several, Values, expiry};
use crate::error::{Error, ErrorKind};
use crate::event::Rejection;
use crate::session::keys;
use crate::signing::keys::KeyUsed;
use crate::signing::payload;
use crate::signing::timed::{Refused, TimedSigner};

/// When an unchanged session is sent to the browser again, so that its lifetime starts over. Only requests that read the
/// session count: an image does not keep anybody logged in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SessionRefresh {
    /// Never: the lifetime runs from the last change.
    Never,
    /// Permanent sessions at every request: Flask's `SESSION_REFRESH_EACH_REQUEST`, used by the `flask` preset.
    PermanentEachRequest,
    /// Any session older than this. The default, with one hour.
    OlderThan(Duration),
}

/// The room that a timestamp, two dots and a SHA-256 signature need at most.
const SIGNATURE_ROOM: usize = 1 + 11 + 1 + 43;

pub(crate) struct SessionCookie {
    /// The session's cookie, or the login's where the values have their own.
    pub(crate) main: SignedCookie,
    /// The values' cookie, where it is separate.
    pub(crate) values: Option<SignedCookie>,
    pub(crate) max_size: usize,
}

/// A cookie and the keys that sign it.
pub(crate) struct SignedCookie {
    pub(crate) attributes: Attributes,
    pub(crate) signer: TimedSigner,
    /// How old it may be.
    pub(crate) lifetime: Duration,
    /// How long the browser keeps a permanent one.
    pub(crate) kept_for: Duration,
    pub(crate) refresh: SessionRefresh,
    /// Whether the value is kept as it came.
    pub(crate) keeps_value: bool,
}

/// How the session came with the request.
#[derive(Debug, Default)]
pub(crate) struct Arrival {
    pub(crate) main: CookieArrival,
    pub(crate) values: CookieArrival,
    /// Why the cookie, if there was one, was rejected.
    pub(crate) rejected: Option<Rejection>,
    /// Other sessions under the same name.
    pub(crate) others: Vec<(SessionMap, CookieArrival)>,
    /// Whether the request counts as use, which extends the session.
    pub(crate) again_if_due: bool,
    had_login: bool,
    values_owner: Option<String>,
}

/// How one cookie came.
#[derive(Debug, Default)]
pub(crate) struct CookieArrival {
    /// Whether the browser has a cookie of this name, valid or not: only then is there something to delete.
    pub(crate) sent: bool,
    /// The value as it came, where a record is found by it.
    pub(crate) value: Option<Box<[u8]>>,
    pub(crate) age: Duration,
    fallback_key: bool,
}

/// What happens to one cookie.
pub(crate) enum Change<'a> {
    Keep,
    Set(SetCookie<'a>),
    /// Sent unchanged, to extend it or to sign it with the current key.
    Again(SetCookie<'a>),
    Delete,
}

impl SessionCookie {
    /// The names of the cookies; empty for a missing one.
    pub(crate) fn names(&self) -> [&str; 2] {
        let values = self.values.as_ref();
        [
            &self.main.attributes.name,
            values.map_or("", |values| &values.attributes.name),
        ]
    }

    /// The session that the request carries; empty when no valid one came.
    pub(crate) fn read(
        &self,
        sessions: &Values<'_>,
        values: &Values<'_>,
        now: u64,
    ) -> (SessionMap, Arrival) {
        let (mut session, mut arrival) = self.read_main(sessions, now);
        arrival.had_login = session.has_login();
        if let Some(cookie) = &self.values
            && !values.as_slice().is_empty()
        {
            if !session.has_login() {
                // What is left of a login has no owner.
                session = SessionMap::default();
            }
            let owner = session.owner();
            let found = cookie.open_all(values, now).0;
            let ours = found.into_iter();
            let mut ours: Vec<_> = ours
                .filter(|(values, _)| values.values_owner() == owner)
                .collect();
            arrival.values.sent = true;
            let several = Several {
                valid: &ours,
                is_crowded: false,
                is_host_only: cookie.attributes.is_host_only(),
            };
            if let Some(chosen) = several.choose(|_| owner.as_ref(), newest) {
                let (found, arrived) = ours.swap_remove(chosen);
                session.join(&found);
                arrival.values = arrived;
                arrival.values_owner = owner;
            }
        }
        (session, arrival)
    }

    fn read_main(&self, sessions: &Values<'_>, now: u64) -> (SessionMap, Arrival) {
        if sessions.as_slice().is_empty() {
            return Default::default();
        }
        if let [only] = sessions.as_slice()
            && let Ok((session, main)) = self.main.open(only, now)
        {
            let arrival = Arrival {
                main,
                ..Arrival::default()
            };
            return (session, arrival);
        }
        let (mut valid, refused) = self.main.open_all(sessions, now);
        let several = Several {
            valid: &valid,
            is_crowded: sessions.is_crowded(),
            is_host_only: self.main.attributes.is_host_only(),
        };
        let chosen = match valid.is_empty() {
            true => Err(refused.unwrap_or(Refused::BadSignature).into()),
            false => several
                .choose(|(session, _)| session.get(keys::USER_ID), newest)
                .ok_or(Rejection::Ambiguous),
        };
        let (session, main, rejected) = match chosen {
            Ok(chosen) => {
                let (session, main) = valid.swap_remove(chosen);
                (session, main, None)
            }
            Err(rejected) => {
                let main = CookieArrival {
                    sent: true,
                    ..CookieArrival::default()
                };
                (SessionMap::default(), main, Some(rejected))
            }
        };
        let arrival = Arrival {
            main,
            rejected,
            others: valid,
            ..Arrival::default()
        };
        (session, arrival)
    }

    /// Sends the session in its present state to the browser: the change of its cookie and of its values' cookie.
    ///
    /// # Errors
    ///
    /// When it was changed and no longer fits. Changes are also checked as they are made, so this is the last resort.
    pub(crate) fn write(
        &self,
        session: &SessionMap,
        arrival: &Arrival,
        now: u64,
    ) -> Result<[Change<'_>; 2], Error> {
        // The usual case.
        let is_left = !session.is_modified() && !arrival.values.sent;
        if is_left
            && !self
                .main
                .is_sent_again(&arrival.main, arrival.again_if_due, session)
        {
            return Ok([Change::Keep, Change::Keep]);
        }
        let Some(cookie) = &self.values else {
            let gone = session.is_modified() && arrival.main.sent;
            let write = self.is_main_written(session, arrival);
            let (modified, permanent) = (session.is_modified(), session.is_permanent());
            let main = match (session.is_empty(), write) {
                (true, _) if gone => Change::Delete,
                (true, _) | (_, false) => Change::Keep,
                _ => self.set(&self.main, session, modified, permanent, now)?,
            };
            return Ok([main, Change::Keep]);
        };
        let permanent = session.is_permanent();
        let main = if session.has_login() {
            match self.is_main_written(session, arrival) {
                true => {
                    let modified = session.is_login_modified();
                    self.set(&self.main, &session.login_part(), modified, permanent, now)?
                }
                false => Change::Keep,
            }
        } else if arrival.main.sent && (arrival.had_login || session.is_cleared()) {
            Change::Delete
        } else {
            Change::Keep
        };
        let modified = session.are_values_modified()
            || (arrival.values.sent && session.owner() != arrival.values_owner);
        let values =
            if modified || cookie.is_sent_again(&arrival.values, arrival.again_if_due, session) {
                let part = session.values_part();
                match part.is_empty() {
                    true if arrival.values.sent => Change::Delete,
                    true => Change::Keep,
                    false => self.set(cookie, &part, modified, permanent, now)?,
                }
            } else {
                Change::Keep
            };
        Ok([main, values])
    }

    fn set<'a>(
        &self,
        cookie: &'a SignedCookie,
        part: &SessionMap,
        modified: bool,
        permanent: bool,
        now: u64,
    ) -> Result<Change<'a>, Error> {
        let payload = payload::encode(&part.to_json(), self.payload_room(cookie));
        let value = cookie.signer.sign(&payload, now);
        let expires = permanent.then(|| expiry(now, cookie.kept_for));
        let length = cookie.attributes.name.len() + value.len();
        match cookie.attributes.set(&value, expires) {
            Some(cookie) if length <= self.max_size => Ok(match modified {
                true => Change::Set(cookie),
                false => Change::Again(cookie),
            }),
            // A peer wrote it and packed it better. The browser keeps its own.
            _ if !modified => Ok(Change::Keep),
            _ => Err(self.too_large(length)),
        }
    }

    /// Whether the login is sent to the browser again.
    pub(crate) fn is_main_written(&self, session: &SessionMap, arrival: &Arrival) -> bool {
        let modified = match self.values {
            Some(_) => session.is_login_modified(),
            None => session.is_modified(),
        };
        modified
            || self
                .main
                .is_sent_again(&arrival.main, arrival.again_if_due, session)
    }

    /// # Errors
    ///
    /// [`ErrorKind::SessionTooLarge`] when the session is kept in cookies and does not fit.
    pub(crate) fn must_fit(&self, session: &SessionMap) -> Result<(), Error> {
        match &self.values {
            _ if session.is_elsewhere() => Ok(()),
            None => self.part_must_fit(&self.main, session),
            Some(values) => {
                self.part_must_fit(&self.main, &session.login_part())?;
                self.part_must_fit(values, &session.values_part())
            }
        }
    }

    fn part_must_fit(&self, cookie: &SignedCookie, part: &SessionMap) -> Result<(), Error> {
        let payload = payload::encode(&part.to_json(), self.payload_room(cookie));
        let length = cookie.attributes.name.len() + payload.len() + SIGNATURE_ROOM;
        match length > self.max_size {
            true => Err(self.too_large(length)),
            false => Ok(()),
        }
    }

    /// The greatest length of a cookie's first part.
    fn payload_room(&self, cookie: &SignedCookie) -> usize {
        let others = cookie.attributes.name.len() + SIGNATURE_ROOM;
        self.max_size.saturating_sub(others)
    }

    fn too_large(&self, length: usize) -> Error {
        Error::new(
            ErrorKind::SessionTooLarge,
            format!(
                "the session would need a cookie of {length} bytes, and max_cookie_size allows {}, since browsers drop \
                 larger ones: keep large things in the database and their id in the session",
                self.max_size
            ),
        )
    }
}

impl SignedCookie {
    /// Whether an unchanged session is signed again, to extend it or to replace an old key.
    fn is_sent_again(
        &self,
        arrival: &CookieArrival,
        again_if_due: bool,
        session: &SessionMap,
    ) -> bool {
        let due = match self.refresh {
            SessionRefresh::Never => false,
            SessionRefresh::PermanentEachRequest => session.is_permanent(),
            SessionRefresh::OlderThan(age) => arrival.age >= age,
        };
        arrival.sent && (due && again_if_due || arrival.fallback_key)
    }

    /// All values with a valid signature, in order, and why the first of the others was not accepted.
    fn open_all(
        &self,
        values: &Values<'_>,
        now: u64,
    ) -> (Vec<(SessionMap, CookieArrival)>, Option<Refused>) {
        let (mut valid, mut refused) = (Vec::new(), None);
        for value in values.as_slice() {
            match self.open(value, now) {
                Ok(opened) => valid.push(opened),
                Err(why) => refused = refused.or(Some(why)),
            }
        }
        (valid, refused)
    }

    pub(crate) fn open(
        &self,
        value: &[u8],
        now: u64,
    ) -> Result<(SessionMap, CookieArrival), Refused> {
        let verified = self.signer.verify(value, now, self.lifetime)?;
        let session = payload::decode(verified.payload)
            .and_then(SessionMap::parse)
            .ok_or(Refused::BadPayload)?;
        let arrival = CookieArrival {
            sent: true,
            value: self.keeps_value.then(|| value.into()),
            age: verified.age,
            fallback_key: verified.key == KeyUsed::Fallback,
        };
        Ok((session, arrival))
    }
}

fn newest((_, arrival): &(SessionMap, CookieArrival)) -> Reverse<Duration> {
    Reverse(arrival.age)
}
