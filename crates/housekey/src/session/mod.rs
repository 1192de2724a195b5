//! What one browser carries: a small signed map, in Flask's format.
//!
//! # What it guarantees
//!
//! - **Against the holder of the cookie and against other sites:** only a program with one of the secret keys can make or
//!   change a session. The signature is verified before anything else is read.
//! - **Against cookies of another kind:** in the safe preset the signing key is derived for sessions under this very cookie
//!   name, so that a remember token, or a session under another name, does not pass for one. With Flask's format, the key is
//!   derived as Flask derives it.
//! - **Against old cookies:** the server itself refuses a session that is older than its lifetime, whatever the browser
//!   keeps.
//! - **Against a neighbouring host that plants cookies:** a `__Host-` name, the safe preset's, keeps them out. Under
//!   another name, several sessions on one request count only if all of them belong to one user; a planted session that
//!   comes alone is accepted.
//! - **Against slow requests:** with a cookie for the login and another for the values ([`cookie`]), a response sends only
//!   what its request changed.
//! - **Against data loss:** a change that does not fit into a cookie is refused with an error, and the session stays as it was.
//!
//! # What it does not
//!
//! - **It hides nothing.** The map is signed, not encrypted: the holder of the cookie can read it.
//! - **It takes nothing back.** The map lives in the browser alone. A copy of it stays valid until it expires, and its holder
//!   can put an earlier state back, whatever the server does meanwhile. Logging out deletes it in one browser. Only login
//!   records ([`records`](crate::records)) end a login everywhere, and they do not cover the values beside it.
//! - **It does not survive a leaked key.** The holder of a secret key, fallbacks included, can make a session for any user.
//! - **It decides nothing.** Whether the user in it still exists, is active, and uses the same browser is for the rules of
//!   `login/`.

mod cookie;
mod flash;
pub(crate) mod keys;
mod map;

pub(crate) use cookie::{Arrival, Change, CookieArrival, SessionCookie, SignedCookie};
pub(crate) use flash::{FLASHES, Flashes};
pub(crate) use map::{OWNER, PERMANENT, SessionMap};

pub use cookie::SessionRefresh;
pub use flash::FlashMessage;
pub use map::SessionChanges;
