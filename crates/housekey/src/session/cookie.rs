//! The session's cookie: reading it, writing it, and when to write it again.

use std::time::Duration;

use http::HeaderValue;

use super::SessionMap;
use crate::cookie::{Attributes, Values, expiry};
use crate::error::{Error, ErrorKind};
use crate::manager::SessionRefresh;
use crate::signing::keys::KeyUsed;
use crate::signing::payload;
use crate::signing::timed::{Refused, TimedSigner};

/// What a timestamp, two dots and a SHA-256 signature need at most.
const SIGNATURE_ROOM: usize = 1 + 11 + 1 + 43;

pub(crate) struct SessionCookie {
    pub(crate) attributes: Attributes,
    pub(crate) signer: TimedSigner,
    pub(crate) lifetime: Duration,
    pub(crate) refresh: SessionRefresh,
    pub(crate) max_size: usize,
}

/// How the session came with the request.
#[derive(Debug, Default)]
pub(crate) struct Arrival {
    /// Whether the browser has a cookie of this name, valid or not: only then is there one to delete.
    pub(crate) sent: bool,
    /// Why the cookie, if there was one, counts for nothing.
    pub(crate) rejected: Option<Rejected>,
    age: Duration,
    fallback_key: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Rejected {
    Invalid(Refused),
    /// Several different values, so that one of them was planted.
    Ambiguous,
}

impl SessionCookie {
    /// The session that the request carries, empty when there is none that counts.
    pub(crate) fn read(&self, values: &Values<'_>, now: u64) -> (SessionMap, Arrival) {
        match values.as_slice() {
            [] => Default::default(),
            [value] => self
                .open(value, now)
                .unwrap_or_else(|refused| rejected(Rejected::Invalid(refused))),
            _ if self.attributes.is_host_only() => rejected(Rejected::Ambiguous),
            several => {
                let mut valid = several
                    .iter()
                    .filter_map(|value| self.open(value, now).ok());
                match (valid.next(), valid.next()) {
                    (Some(only), None) => only,
                    (None, _) => rejected(Rejected::Invalid(Refused::BadSignature)),
                    (Some(_), Some(_)) => rejected(Rejected::Ambiguous),
                }
            }
        }
    }

    fn open(&self, value: &[u8], now: u64) -> Result<(SessionMap, Arrival), Refused> {
        let verified = self.signer.verify(value, now, self.lifetime)?;
        let session = payload::decode(verified.payload)
            .and_then(SessionMap::parse)
            .ok_or(Refused::BadPayload)?;
        let arrival = Arrival {
            sent: true,
            rejected: None,
            age: verified.age,
            fallback_key: verified.key == KeyUsed::Fallback,
        };
        Ok((session, arrival))
    }

    /// The header that takes the session as it now is to the browser, if it has to go there.
    ///
    /// # Errors
    ///
    /// When it was changed and no longer fits. The changes are checked as they are made, so that this is the last
    /// resort.
    pub(crate) fn write(
        &self,
        session: &SessionMap,
        arrival: &Arrival,
        now: u64,
    ) -> Result<Option<HeaderValue>, Error> {
        if session.is_empty() {
            return Ok((session.is_modified() && arrival.sent).then(|| self.attributes.delete()));
        }
        if !self.is_written(session, arrival) {
            return Ok(None);
        }
        let value = self.signer.sign(&payload::encode(&session.to_json()), now);
        let expires = session.is_permanent().then(|| expiry(now, self.lifetime));
        match self.attributes.set(&value, expires) {
            Some(header) if self.attributes.name.len() + value.len() <= self.max_size => {
                Ok(Some(header))
            }
            // A peer wrote it, and packed it better. The browser keeps the one that it has.
            _ if !session.is_modified() => Ok(None),
            _ => Err(self.too_large(value.len())),
        }
    }

    /// Whether the session goes to the browser again.
    pub(crate) fn is_written(&self, session: &SessionMap, arrival: &Arrival) -> bool {
        session.is_modified() || arrival.fallback_key || self.is_due(session, arrival)
    }

    /// Whether a session that nobody changed is signed anew, so that it lives on.
    fn is_due(&self, session: &SessionMap, arrival: &Arrival) -> bool {
        match self.refresh {
            SessionRefresh::Never => false,
            SessionRefresh::PermanentEachRequest => session.is_permanent(),
            SessionRefresh::OlderThan(age) => arrival.age >= age,
        }
    }

    /// # Errors
    ///
    /// [`ErrorKind::SessionTooLarge`] when no cookie could hold this session.
    pub(crate) fn must_fit(&self, session: &SessionMap) -> Result<(), Error> {
        let length = payload::encode(&session.to_json()).len() + SIGNATURE_ROOM;
        if self.attributes.name.len() + length > self.max_size {
            return Err(self.too_large(length));
        }
        Ok(())
    }

    fn too_large(&self, length: usize) -> Error {
        Error::new(
            ErrorKind::SessionTooLarge,
            format!(
                "the session would need a cookie of {} bytes, and browsers keep no more than {}: keep large things in \
                 the database and their id in the session",
                self.attributes.name.len() + length,
                self.max_size
            ),
        )
    }
}

fn rejected(why: Rejected) -> (SessionMap, Arrival) {
    let arrival = Arrival {
        sent: true,
        rejected: Some(why),
        ..Arrival::default()
    };
    (SessionMap::default(), arrival)
}
