//! The names under which a session keeps its login. The first six are Flask-Login's.

/// Whose login it is.
pub(crate) const USER_ID: &str = "_user_id";
/// Whether they proved themselves in this session.
pub(crate) const FRESH: &str = "_fresh";
/// Which browser the session was made for.
pub(crate) const IDENTIFIER: &str = "_id";
/// `set` or `clear`: what Flask-Login's response hook is to do with the remember token. Found in a session only if
/// that hook did not run.
pub(crate) const REMEMBER: &str = "_remember";
/// How long the remember token is to live, in seconds, as a float.
pub(crate) const REMEMBER_SECONDS: &str = "_remember_seconds";
/// Where to go after logging in, if the session carries that.
pub(crate) const NEXT: &str = "next";
/// When they proved themselves, in seconds since 1970. Ours; Flask-Login ignores it.
pub(crate) const FRESH_AT: &str = "_fresh_at";
/// The digest of the user's auth hash. Ours; Flask-Login ignores it.
pub(crate) const AUTH_HASH: &str = "_auth_hash";

/// When the login ends by itself, and whose it is, if it has a lifetime of its own and no record that knows. Ours; Flask-Login
/// ignores it.
pub(crate) const ENDS_AT: &str = "_ends_at";

/// A login that has begun and waits for its second step. Ours; Flask-Login ignores it.
pub(crate) const PENDING: &str = "_pending_login";

/// Which record the login has, and the secret that proves it. Ours; Flask-Login ignores it.
pub(crate) const TOKEN: &str = "_login";

/// The login itself. Two sessions with the same values under these have the same login.
pub(crate) const LOGIN: [&str; 9] = [
    USER_ID,
    FRESH,
    IDENTIFIER,
    REMEMBER,
    REMEMBER_SECONDS,
    FRESH_AT,
    AUTH_HASH,
    ENDS_AT,
    TOKEN,
];

/// All keys whose values the rules look at or write. Those of a session that has another home go in with their values
/// ([`Incoming`](crate::door::Incoming)).
pub const SESSION_KEYS: [&str; 14] = [
    USER_ID,
    FRESH,
    IDENTIFIER,
    REMEMBER,
    REMEMBER_SECONDS,
    NEXT,
    FRESH_AT,
    AUTH_HASH,
    ENDS_AT,
    TOKEN,
    PENDING,
    super::PERMANENT,
    super::FLASHES,
    super::OWNER,
];
