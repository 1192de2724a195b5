//! What Redis does in one go, in its Lua: `src/lua/`.
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

use redis::Script;

/// Each is sent once, and named by its digest afterwards.
pub(crate) struct Scripts {
    pub(crate) create: Script,
    pub(crate) update: Script,
    pub(crate) touch: Script,
    pub(crate) delete: Script,
    pub(crate) delete_by_user: Script,
    pub(crate) list_by_user: Script,
    pub(crate) delete_expired: Script,
}

impl Scripts {
    pub(crate) fn new() -> Self {
        let script = |code| Script::new(&[include_str!("lua/common.lua"), code].concat());
        Self {
            create: script(include_str!("lua/create.lua")),
            update: script(include_str!("lua/update.lua")),
            touch: script(include_str!("lua/touch.lua")),
            delete: script(include_str!("lua/delete.lua")),
            delete_by_user: script(include_str!("lua/delete_by_user.lua")),
            list_by_user: script(include_str!("lua/list_by_user.lua")),
            delete_expired: script(include_str!("lua/delete_expired.lua")),
        }
    }
}
