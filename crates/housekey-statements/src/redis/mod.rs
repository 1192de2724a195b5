//! What Redis does in one go, in its Lua: `lua/` beside this.
//!
//! The keys, after the prefix:
//!
//! - `login:ID`: the record, as a hash. Redis deletes it some time after it has expired.
//! - `user:USER`: the ids of the user's records, sorted by when they were last seen, and by when they were made, which stands
//!   before each. Redis deletes it with the last of them.
//! - `expiry`: all ids, each with when it was made and its user's id behind it, sorted by when they expire.
//!
//! Others wait while a script runs, so each looks at some hundred records at most, a thousand where a limit is as high.
//!
//! Redis deletes by its own clock, and a store has its callers' clock: so what Redis is told is how long, not until when.

/// What the keys start with of a store that was told no other.
pub const DEFAULT_PREFIX: &str = "housekey:";

/// Others wait while a script runs, so what goes through many records is many short ones.
pub const LARGEST_BATCH: usize = 100;

/// How many entries of the index each login may clear away: more than one, so that they become fewer.
pub const SWEPT: usize = 4;

/// The largest whole number that Redis's scores and its Lua know exactly: 285 million years after 1970.
const LARGEST: u64 = (1 << 53) - 1;
/// How much longer than it lives Redis keeps a record: clocks may differ by as much, and jump by as much.
const MARGIN: u64 = 24 * 60 * 60;
/// The longest time that Redis is told, about 30 thousand years: it counts milliseconds.
const LONGEST: u64 = 1_000_000_000_000;

/// The largest number that Redis knows, for one that is larger.
pub fn number(number: u64) -> u64 {
    number.min(LARGEST)
}

/// Until a record expires, and a margin: by the caller's clock, which may be another than Redis's.
pub fn seconds_to_keep(now: u64, expires_at: u64) -> u64 {
    expires_at
        .saturating_sub(now)
        .saturating_add(MARGIN)
        .min(LONGEST)
}

/// What had expired by then has been deleted by Redis itself, for somebody who comes at this time.
pub fn long_expired(now: u64) -> u64 {
    number(now).saturating_sub(MARGIN)
}

macro_rules! script {
    ($file:literal) => {
        concat!(include_str!("lua/common.lua"), include_str!($file))
    };
}

/// The scripts. Each has one key, `expiry` with the prefix before it; the first argument is the prefix.
pub const CREATE: &str = script!("lua/create.lua");
/// See [`CREATE`].
pub const UPDATE: &str = script!("lua/update.lua");
/// See [`CREATE`].
pub const TOUCH: &str = script!("lua/touch.lua");
/// See [`CREATE`].
pub const DELETE: &str = script!("lua/delete.lua");
/// See [`CREATE`].
pub const DELETE_BY_USER: &str = script!("lua/delete_by_user.lua");
/// See [`CREATE`].
pub const LIST_BY_USER: &str = script!("lua/list_by_user.lua");
/// See [`CREATE`].
pub const DELETE_EXPIRED: &str = script!("lua/delete_expired.lua");
