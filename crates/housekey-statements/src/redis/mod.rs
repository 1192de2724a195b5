//! What Redis does in one step, in its Lua: see `lua/` beside this file.
//!
//! A user's records are in one place, so that a change of several happens at once or not at all, even where keys are spread
//! over the nodes of a cluster, and so that ending them finds them all. Users are spread over [`BUCKETS`]. A bucket's
//! number is its keys' hash tag, so all keys of a bucket are in one hash slot. After the prefix:
//!
//! - `{BUCKET}:logins:USER`: the user's records, a hash with a field for each id. Redis deletes it some time after the last of them
//!   has expired. A field whose name begins with `~` keeps claims from coming true, see `fence.lua`.
//! - `{BUCKET}:seen:USER`: the same ids, sorted by when they were last seen, then by when they were made, which precedes
//!   each id.
//! - `{BUCKET}:expiry`: the ids of all users of the bucket, each followed by its user, sorted by expiry.
//! - `id:ID`: the pointer, which holds the user of an id, after the claim of the call that made the record. It leads to the
//!   record and says nothing else: without the record, it leads to nothing. A program that has found a record may remember
//!   its user.
//!
//! - `attempts:KEY`: the attempts at a key, which is in hexadecimal: from when on the next one may come, and when all are forgotten.
//!   Redis deletes it by itself then.
//!
//! A record is made in two steps: claim the pointer, then write the record. Two calls can meet at one id only if ids are
//! derived from something; claims keep them apart. A call that finds a claim in the pointer fences it off, at that user's
//! records, before it takes over the pointer.
//!
//! Each script declares all of its keys. Other commands wait while a script runs, so each script looks at a few hundred
//! records at most, or at a thousand where a limit is that high.
//!
//! Redis deletes by its own clock, and a store uses its callers' clock: so Redis is told a duration, not an end.

mod slots;

pub use slots::{SLOTS, slot_of};

/// The key prefix of a store that was not given another.
pub const DEFAULT_PREFIX: &str = "housekey:";

/// The number of hash tags over which users are spread. Nearly every one is in a slot of its own; expired records are
/// looked for in one after another.
pub const BUCKETS: u16 = 1024;

/// Other commands wait while a script runs, so work on many records is split into many short scripts.
pub const LARGEST_BATCH: usize = 100;

/// How many old entries each login may delete: more than one, so that their number falls.
pub const SWEPT: usize = 4;

/// How long a fenced-off claim stays fenced off: much longer than a request to Redis can be on its way.
pub const FENCED_FOR: u64 = MARGIN;

/// The largest integer that Redis's scores and its Lua represent exactly: 285 million years after 1970.
const LARGEST: u64 = (1 << 53) - 1;
/// How much longer than its lifetime Redis keeps a record: clocks may differ and jump by this much.
const MARGIN: u64 = 24 * 60 * 60;
/// The longest duration that Redis is told, about 30 thousand years: it counts milliseconds.
const LONGEST: u64 = 1_000_000_000_000;

/// Replaces a number that is too large for Redis with the largest one that it supports.
pub fn number(number: u64) -> u64 {
    number.min(LARGEST)
}

/// The time until a record expires, plus a margin, by the caller's clock, which may differ from Redis's.
pub fn seconds_to_keep(now: u64, expires_at: u64) -> u64 {
    expires_at
        .saturating_sub(now)
        .saturating_add(MARGIN)
        .min(LONGEST)
}

/// For a caller at this time, Redis itself has deleted whatever had expired by the returned time.
pub fn long_expired(now: u64) -> u64 {
    number(now).saturating_sub(MARGIN)
}

/// The keys of the scripts about a user: records, order, index by expiry.
pub fn keys_of_user(prefix: &str, user_id: &str) -> [String; 3] {
    let bucket = bucket_of(user_id);
    [
        logins_key(prefix, user_id),
        format!("{prefix}{{{bucket}}}:seen:{user_id}"),
        expiry_key(prefix, bucket),
    ]
}

/// The key of a user's records.
pub fn logins_key(prefix: &str, user_id: &str) -> String {
    let bucket = bucket_of(user_id);
    format!("{prefix}{{{bucket}}}:logins:{user_id}")
}

/// The beginning of all users' keys, for a listener to their changes.
pub fn prefix_of_users(prefix: &str) -> String {
    format!("{prefix}{{")
}

/// The user of this key, if it is the key of a user's records.
pub fn user_of_key<'a>(prefix: &str, key: &'a [u8]) -> Option<&'a str> {
    let key = std::str::from_utf8(key).ok()?.strip_prefix(prefix)?;
    let (_, user_id) = key.strip_prefix('{')?.split_once("}:logins:")?;
    Some(user_id)
}

fn bucket_of(user_id: &str) -> u16 {
    slots::crc16(user_id.as_bytes()) % BUCKETS
}

/// The index by expiry of a bucket.
pub fn expiry_key(prefix: &str, bucket: u16) -> String {
    format!("{prefix}{{{bucket}}}:expiry")
}

/// The pointer to an id.
pub fn pointer_key(prefix: &str, id: &str) -> String {
    format!("{prefix}id:{id}")
}

/// How many characters an id has as text.
const ID: usize = 22;
/// How many characters a claim has.
const CLAIM: usize = 16;

/// The pointer to a record that this claim made.
pub fn pointer(claim: &str, user_id: &str) -> String {
    format!("{claim} {user_id}")
}

/// The claim and the user in a pointer.
pub fn read_pointer(pointer: &str) -> Option<(&str, &str)> {
    let (claim, user_id) = pointer.split_once(' ')?;
    (claim.len() == CLAIM).then_some((claim, user_id))
}

/// A new, unique claim, of 8 random bytes.
pub fn claim(random: [u8; 8]) -> String {
    format!("{:016x}", u64::from_be_bytes(random))
}

/// The id and the user in an entry of an index by expiry.
pub fn read_expiry(entry: &str) -> Option<(&str, &str)> {
    entry.split_at_checked(ID)
}

/// A record as Redis stores it, without its id and its user, which its place gives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Record<'a> {
    /// Counts its changes.
    pub version: u64,
    /// In seconds since 1970.
    pub created_at: u64,
    /// In seconds since 1970.
    pub last_seen_at: u64,
    /// In seconds since 1970.
    pub expires_at: u64,
    /// The rules' own data.
    pub data: &'a str,
}

impl<'a> Record<'a> {
    /// `None` when the scripts did not write it.
    pub fn read(text: &'a str) -> Option<Self> {
        let mut parts = text.splitn(6, ' ');
        let mut number = || parts.next()?.parse().ok();
        let [version, created_at, last_seen_at, expires_at] =
            [number()?, number()?, number()?, number()?];
        let (_claim, data) = (parts.next()?, parts.next()?);
        Some(Self {
            version,
            created_at,
            last_seen_at,
            expires_at,
            data,
        })
    }
}

macro_rules! about_a_user {
    ($file:literal) => {
        concat!(include_str!("lua/common.lua"), include_str!($file))
    };
}

/// Makes a record. Its keys are those [of a user](keys_of_user), and its first argument is the user, as in the scripts
/// below.
pub const CREATE: &str = about_a_user!("lua/create.lua");
/// See [`CREATE`].
pub const UPDATE: &str = about_a_user!("lua/update.lua");
/// See [`CREATE`].
pub const TOUCH: &str = about_a_user!("lua/touch.lua");
/// See [`CREATE`].
pub const DELETE: &str = about_a_user!("lua/delete.lua");
/// See [`CREATE`].
pub const DELETE_BY_USER: &str = about_a_user!("lua/delete_by_user.lua");
/// See [`CREATE`].
pub const LIST_BY_USER: &str = about_a_user!("lua/list_by_user.lua");
/// See [`CREATE`].
pub const PURGE: &str = about_a_user!("lua/purge.lua");
/// See [`CREATE`].
pub const FENCE: &str = about_a_user!("lua/fence.lua");
/// Points an id to a user. Its key is the [pointer](pointer_key), as in the scripts below.
pub const CLAIM_ID: &str = include_str!("lua/claim.lua");
/// See [`CLAIM_ID`].
pub const POINT: &str = include_str!("lua/point.lua");
/// See [`CLAIM_ID`].
pub const RELEASE: &str = include_str!("lua/release.lua");

/// The key of the attempts at an attempt key, which is in hexadecimal.
pub fn attempts_key(prefix: &str, key: &str) -> String {
    format!("{prefix}attempts:{key}")
}

/// How many seconds longer than needed Redis keeps attempts, because clocks may differ by as much.
macro_rules! about_attempts {
    ($file:literal) => {
        concat!("local SPARE = 60\n", include_str!($file))
    };
}

/// Counts an attempt, if it may come now. Its key is that [of the attempts](attempts_key), as in the next script. Its
/// arguments are now, free, first delay, longest delay, the interval after which one is forgotten, how many are kept at
/// most.
pub const COUNT_ATTEMPT: &str = about_attempts!("lua/count_attempt.lua");
/// See [`COUNT_ATTEMPT`]. Its arguments are the time from which the next attempt could come when this one was counted, the
/// interval after which one is forgotten, now.
pub const TAKE_ATTEMPT_BACK: &str = about_attempts!("lua/take_attempt_back.lua");
