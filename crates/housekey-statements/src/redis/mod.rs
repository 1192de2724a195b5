//! What Redis does in one go, in its Lua: `lua/` beside this.
//!
//! A user's records are in one place, so that what changes several of them happens at once or not at all, also where keys are spread
//! over the nodes of a cluster; and what ends them finds all that there are. Users are spread over [`BUCKETS`], whose number is the
//! keys' hash tag: all keys of a bucket are in one hash slot. After the prefix:
//!
//! - `{BUCKET}:logins:USER`: the user's records, a hash with a field for each id. Redis deletes it some time after the last of them
//!   has expired. A field whose name begins with `~` keeps a claim from coming true, see `fence.lua`.
//! - `{BUCKET}:seen:USER`: the same ids, sorted by when they were last seen, and by when they were made, which stands before each.
//! - `{BUCKET}:expiry`: the ids of all users of the bucket, each with its user behind it, sorted by when they expire.
//! - `id:ID`: the pointer, which says whose an id is, behind the claim of whoever made the record. It leads to the record and says
//!   nothing else: without the record, it leads to nothing. Whoever has found a record may remember its user.
//!
//! - `attempts:KEY`: the attempts at a key, which is in hexadecimal: from when on the next one may come, and when all are forgotten.
//!   Redis deletes it by itself then.
//!
//! A record is made in two steps: claim the pointer, and write the record. Two users at one id, which only ids that are derived from
//! something can meet at, are kept apart by claims: who finds the pointer at somebody else fences that claim off, at that
//! user's records, before taking the pointer over.
//!
//! Each script declares all of its keys. Others wait while a script runs, so each looks at some hundred records at most, a thousand
//! where a limit is as high.
//!
//! Redis deletes by its own clock, and a store has its callers' clock: so what Redis is told is how long, not until when.

mod slots;

pub use slots::{SLOTS, slot_of};

/// What the keys start with of a store that was told no other.
pub const DEFAULT_PREFIX: &str = "housekey:";

/// Over how many hash tags the users are spread. Each is in a slot of its own, but for a few; expired records are looked for in one
/// after the other.
pub const BUCKETS: u16 = 1024;

/// Others wait while a script runs, so what goes through many records is many short ones.
pub const LARGEST_BATCH: usize = 100;

/// How many old entries each login may clear away: more than one, so that they become fewer.
pub const SWEPT: usize = 4;

/// How long a claim is kept from coming true: much longer than a request to Redis can be under way.
pub const FENCED_FOR: u64 = MARGIN;

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

/// The keys of the scripts about a user: records, order, index by expiry.
pub fn keys_of_user(prefix: &str, user_id: &str) -> [String; 3] {
    let bucket = bucket_of(user_id);
    [
        logins_key(prefix, user_id),
        format!("{prefix}{{{bucket}}}:seen:{user_id}"),
        expiry_key(prefix, bucket),
    ]
}

/// Where the records of a user are.
pub fn logins_key(prefix: &str, user_id: &str) -> String {
    let bucket = bucket_of(user_id);
    format!("{prefix}{{{bucket}}}:logins:{user_id}")
}

fn bucket_of(user_id: &str) -> u16 {
    slots::crc16(user_id.as_bytes()) % BUCKETS
}

/// The index by expiry of a bucket.
pub fn expiry_key(prefix: &str, bucket: u16) -> String {
    format!("{prefix}{{{bucket}}}:expiry")
}

/// The pointer of an id.
pub fn pointer_key(prefix: &str, id: &str) -> String {
    format!("{prefix}id:{id}")
}

/// How many characters an id has as a text.
const ID: usize = 22;
/// How many a claim has.
const CLAIM: usize = 16;

/// What a pointer is whose record was made by this claim.
pub fn pointer(claim: &str, user_id: &str) -> String {
    format!("{claim} {user_id}")
}

/// The claim and the user of a pointer.
pub fn read_pointer(pointer: &str) -> Option<(&str, &str)> {
    let (claim, user_id) = pointer.split_once(' ')?;
    (claim.len() == CLAIM).then_some((claim, user_id))
}

/// A claim that nobody else has made, of 8 random bytes.
pub fn claim(random: [u8; 8]) -> String {
    format!("{:016x}", u64::from_be_bytes(random))
}

/// The id and the user of an entry of an index by expiry.
pub fn read_expiry(entry: &str) -> Option<(&str, &str)> {
    entry.split_at_checked(ID)
}

/// A record as Redis keeps it, but for its id and its user, who are in its place.
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
    /// What the rules keep with it.
    pub data: &'a str,
}

impl<'a> Record<'a> {
    /// `None` when it was not written by the scripts.
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

/// Makes a record. Its keys are those [of a user](keys_of_user), and its first argument is that user, as with those below.
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
/// Points an id to a user. Its key is the [pointer](pointer_key), as with those below.
pub const CLAIM_ID: &str = include_str!("lua/claim.lua");
/// See [`CLAIM_ID`].
pub const POINT: &str = include_str!("lua/point.lua");
/// See [`CLAIM_ID`].
pub const RELEASE: &str = include_str!("lua/release.lua");

/// Where the attempts at a key are, which is in hexadecimal.
pub fn attempts_key(prefix: &str, key: &str) -> String {
    format!("{prefix}attempts:{key}")
}

/// For how many seconds Redis keeps attempts beyond the time at which they are forgotten: clocks may differ by as much.
macro_rules! about_attempts {
    ($file:literal) => {
        concat!("local SPARE = 60\n", include_str!($file))
    };
}

/// Counts an attempt, if it may come now. Its key is that [of the attempts](attempts_key), as with the other one. Its arguments are
/// now, free, first delay, longest delay, how often one is forgotten, how many are kept at most.
pub const COUNT_ATTEMPT: &str = about_attempts!("lua/count_attempt.lua");
/// See [`COUNT_ATTEMPT`]. Its arguments are from when on the next attempt could come when this one was counted, how often one is
/// forgotten, now.
pub const TAKE_ATTEMPT_BACK: &str = about_attempts!("lua/take_attempt_back.lua");
