//! The login managers of this process, to notice two that would take each other's logins for their own.

use std::sync::{Arc, Mutex, PoisonError, Weak};

use crate::error::Error;
use crate::visit::shared::Shared;

static MANAGERS: Mutex<Vec<Weak<Shared>>> = Mutex::new(Vec::new());

/// Adds one that was just made.
///
/// # Errors
///
/// If one for another type of user accepts what it signs: a cookie or record of one would count at the other.
pub(super) fn add(new: &Arc<Shared>) -> Result<(), Error> {
    let mut managers = MANAGERS.lock().unwrap_or_else(PoisonError::into_inner);
    managers.retain(|manager| manager.strong_count() > 0);
    for other in managers.iter().filter_map(Weak::upgrade) {
        if other.user_type != new.user_type && other.accepts_what_is_signed_by(new) {
            return Err(Error::setting(
                "realm: another login manager of this process, for another type of users, has the same secret key and the \
                 same cookies or records, so that user 1 of the one would be user 1 of the other; give one of them a realm \
                 of its own, or in the flask preset another secret key",
            ));
        }
    }
    managers.push(Arc::downgrade(new));
    Ok(())
}
