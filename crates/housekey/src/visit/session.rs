//! The session as an application sees it.

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::OpenVisit;
use crate::error::{Error, ErrorKind};
use crate::session::{FLASHES, OWNER, PERMANENT, keys};
use crate::signing::json;

/// The session of the request at hand. Clones are the same session.
///
/// Values are whatever `serde` can turn into JSON. A Flask peer sees them as the matching Python values, and what it
/// stored (tuples, dates, bytes) survives housekey's rewriting the cookie, byte for byte.
///
/// All of it goes into one cookie of at most 4093 bytes, which its holder can read. Of two requests at the same time
/// the later response wins, so nothing that must be counted or used up belongs in here. After the response, in a task that
/// outlives the handler, nothing can be changed any more ([`ErrorKind::TooLate`]).
#[derive(Clone, Debug)]
pub struct Session {
    visit: OpenVisit,
}

impl Session {
    pub(crate) fn new(visit: OpenVisit) -> Self {
        Self { visit }
    }

    /// The value under this key, `None` when there is none. Those by which the login is remembered can be read too, and
    /// prove nothing: ask for the current user instead. The one that proves something, the secret of a login that has a
    /// record, is not shown: a page that prints its session must not print that.
    ///
    /// Flask's tagged values come as plain ones: a tuple as a sequence; markup, dates, UUIDs and bytes (in base64) as
    /// text.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::SessionValue`] when the value is of another type.
    pub fn get<T: DeserializeOwned>(&self, key: &str) -> Result<Option<T>, Error> {
        self.visit.with(|view| {
            let Some(raw) = view.session.get(key).filter(|_| key != keys::TOKEN) else {
                return Ok(None);
            };
            json::from_raw(raw).map(Some).map_err(|error| {
                Error::new(
                    ErrorKind::SessionValue,
                    format!("the session value {key:?} is not of the type asked for"),
                )
                .caused_by(error.into())
            })
        })
    }

    /// Stores a value under this key, in place of the one that is there.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::SessionValue`] when `serde` cannot make JSON of it, when it is nested more than 126 levels deep, or
    /// when the key is one of those by which housekey or Flask remember the login. [`ErrorKind::SessionTooLarge`] when
    /// the cookie would become larger than browsers keep; the session is then as it was.
    pub fn insert<T: Serialize + ?Sized>(&self, key: &str, value: &T) -> Result<(), Error> {
        not_reserved(key)?;
        let raw = json::to_raw(value).map_err(|error| {
            Error::new(
                ErrorKind::SessionValue,
                format!("the session value {key:?} cannot be written as JSON"),
            )
            .caused_by(error.into())
        })?;
        self.visit
            .change(|view| view.if_it_fits(|view| view.session.set(key, raw)))
    }

    /// Removes the value under this key; `true` when there was one.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::SessionValue`] for a key by which the login is remembered: log the user out instead.
    pub fn remove(&self, key: &str) -> Result<bool, Error> {
        not_reserved(key)?;
        self.visit.change(|view| Ok(view.session.remove(key)))
    }

    /// Whether there is a value under this key.
    pub fn contains(&self, key: &str) -> bool {
        self.visit
            .with(|view| key != keys::TOKEN && view.session.get(key).is_some())
    }

    /// The keys of the application's values, in order.
    pub fn keys(&self) -> Vec<String> {
        let mut keys = self.visit.with(|view| view.session.names());
        keys.retain(|key| not_reserved(key).is_ok());
        keys
    }

    /// Removes all values of the application. Who is logged in stays logged in.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::TooLate`] after the response, as for every change.
    pub fn clear(&self) -> Result<(), Error> {
        self.visit.change(|view| {
            view.session.retain(|key| not_reserved(key).is_err());
            Ok(())
        })
    }

    /// Whether the cookie survives the browser's being closed, until the session's lifetime ends
    /// (Flask's `session.permanent`).
    pub fn is_permanent(&self) -> bool {
        self.visit.with(|view| view.session.is_permanent())
    }

    /// Makes the cookie survive the browser's being closed. A login by somebody else than before empties the session,
    /// this included, so call it after `login_user`.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::TooLate`] after the response, as for every change.
    pub fn make_permanent(&self) -> Result<(), Error> {
        self.visit.change(|view| {
            view.session.set(PERMANENT, "true".to_owned());
            Ok(())
        })
    }

    /// Lets the cookie end with the browser, as it does by default.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::TooLate`] after the response, as for every change.
    pub fn make_temporary(&self) -> Result<(), Error> {
        self.visit.change(|view| {
            view.session.remove(PERMANENT);
            Ok(())
        })
    }
}

fn not_reserved(key: &str) -> Result<(), Error> {
    if keys::LOGIN.contains(&key)
        || [keys::NEXT, keys::PENDING, PERMANENT, FLASHES, OWNER].contains(&key)
    {
        return Err(Error::new(
            ErrorKind::SessionValue,
            format!("the session key {key:?} belongs to the login; choose another name"),
        ));
    }
    Ok(())
}
