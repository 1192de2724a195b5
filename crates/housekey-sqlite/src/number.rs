//! Numbers, as SQLite has them.

/// SQLite's integers are signed. A number beyond their end, some 292 billion years from now, is stored as their end.
pub(crate) fn column(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

pub(crate) fn rows(limit: usize) -> i64 {
    i64::try_from(limit).unwrap_or(i64::MAX)
}

/// Nothing here writes a negative number. If there is one, it stands for a time long ago.
pub(crate) fn uncolumn(number: i64) -> u64 {
    u64::try_from(number).unwrap_or(0)
}
