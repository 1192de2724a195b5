//! Marks: records that are not logins. A mark stays when a login of a Flask peer ends. That login's cookie does not contain
//! our secret, and the mark prevents it from starting another login.

use super::secret::LoginSecret;
use super::{LoginId, LoginRecord};

/// A record that stays when the one with this id goes. It says that there was a login by this peer's cookie, so that the
/// cookie does not start another. It is not a login itself.
pub(crate) fn marker(id: &LoginId, now: u64, expires_at: u64) -> LoginRecord {
    let id = marker_id(id);
    LoginRecord {
        id,
        // A separate name, so that it does not count towards a user's limit of logins.
        user_id: format!("(ended) {id}"),
        version: 0,
        created_at: now,
        last_seen_at: now,
        expires_at,
        data: "{}".to_owned(),
    }
}

/// The same for a session. A user can have any number of them; a store keeps the last thousand.
pub(crate) fn session_marker(
    id: &LoginId,
    user_id: &str,
    now: u64,
    expires_at: u64,
) -> LoginRecord {
    LoginRecord {
        user_id: format!("(ended sessions) {user_id}"),
        ..marker(id, now, expires_at)
    }
}

/// The same for a login that is being ended, and may be starting at this moment.
pub(crate) fn ending(marker: LoginRecord) -> LoginRecord {
    LoginRecord {
        data: ENDED.to_owned(),
        ..marker
    }
}

/// Whether a marker says that the login was ended before it had started.
pub(crate) fn was_ended(marker: &LoginRecord) -> bool {
    marker.data == ENDED
}

const ENDED: &str = r#"{"ended":true}"#;

/// A mark that all [sessions of a user](sessions_of_peers) that a peer signed before now are over, even those that housekey
/// never saw.
pub(crate) fn sessions_ended(sessions: &LoginId, now: u64, expires_at: u64) -> LoginRecord {
    LoginRecord {
        data: format!(r#"{{"before":{now}}}"#),
        ..marker(sessions, now, expires_at)
    }
}

/// A session is over if it was signed before this.
pub(crate) fn ended_before(marker: &LoginRecord) -> Option<u64> {
    let data = marker.data.strip_prefix(r#"{"before":"#)?;
    data.strip_suffix('}')?.parse().ok()
}

/// An id for all sessions of a user at peers, as [`marker_id`] takes it.
pub(crate) fn sessions_of_peers(realm: &str, user_id: &str) -> LoginId {
    let user = format!("{realm}\0{user_id}");
    LoginSecret::derived(b"housekey, a user's sessions at peers\0", user.as_bytes()).id
}

pub(crate) fn marker_id(id: &LoginId) -> LoginId {
    LoginSecret::derived(b"housekey, there was a login\0", id.as_bytes()).id
}
