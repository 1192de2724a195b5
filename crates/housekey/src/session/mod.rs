//! What one browser carries: a small signed map, in Flask's format.
//!
//! The map is signed, not encrypted: the holder of the cookie can read it, nobody can change it. It lives in the
//! browser alone, so a copy of it stays valid until it expires, whatever the server does meanwhile.

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
