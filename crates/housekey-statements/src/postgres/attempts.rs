//! Attempts, in a second table beside that of the logins. A row is a key, the time from which its next attempt may come,
//! and the time when all are forgotten. The number of failed attempts follows from these.
//!
//! The arithmetic is that of `AttemptSchedule::count` and `take_back`. Its numbers are arguments, in seconds.

use std::sync::Arc;

use super::TableName;

/// The statements on one table of attempts. Each comment says what the statement returns, then lists its arguments in
/// order.
#[derive(Clone, Debug)]
pub struct AttemptStatements {
    /// The time from which the next attempt may come, the time when all are forgotten, and whether this attempt may go on.
    /// No row if others were first by so little that it has to wait, and it is not known until when. Key, now, free, first
    /// delay, longest delay, the interval after which one is forgotten, how many are kept at most.
    pub count: Arc<str>,
    /// Key, the counted standing (from when on the next attempt could come), the interval after which one is forgotten.
    pub take_back: Arc<str>,
    /// Key.
    pub forgive: Arc<str>,
    /// How many were deleted. Now, how many at most.
    pub delete_expired: Arc<str>,
}

impl AttemptStatements {
    /// The statements on the table beside this one.
    pub fn new(logins: &TableName) -> Self {
        let table = logins.attempts();
        // Some drivers send a small number as a small type, and the server would multiply it as one.
        let [now, free, first, longest, every, most] =
            [2, 3, 4, 5, 6, 7].map(|number| format!("${number}::bigint"));
        // More than the schedule can give was written by a clock far ahead.
        let left = format!("LEAST(GREATEST(old.forgotten_at - {now}, 0), {most} * {every})");
        let failed = format!("LEAST(({left} + {every} - 1) / {every} + 1, {most})");
        let delay = format!(
            "CASE WHEN {failed} < {free} THEN 0 ELSE LEAST({longest}, {first} << ({failed} - {free})::int) END"
        );
        let after_one = format!("CASE WHEN {free} > 1 THEN 0 ELSE {first} END");
        // Without a wait no time is kept, because of clocks that are behind.
        let next_at = format!("CASE WHEN {failed} < {free} THEN 0 ELSE {now} + {delay} END");
        let next_after_one = format!("CASE WHEN {free} > 1 THEN 0 ELSE {now} + {first} END");
        Self {
            // Two statements on one key run one after the other, and the second sees what the first wrote.
            count: format!(
                "WITH counted AS (
                    INSERT INTO {table} AS old (key, next_at, forgotten_at)
                    VALUES ($1, {next_after_one}, {now} + GREATEST({after_one}, {every}))
                    ON CONFLICT (key) DO UPDATE SET next_at = {next_at},
                        forgotten_at = {now} + GREATEST({delay}, LEAST({left} + {every}, {most} * {every}))
                    WHERE old.next_at <= {now} OR old.next_at > {now} + {longest}
                    RETURNING next_at, forgotten_at
                )
                SELECT next_at, forgotten_at, true FROM counted
                UNION ALL SELECT next_at, forgotten_at, false FROM {table}
                    WHERE key = $1 AND NOT EXISTS (SELECT FROM counted)"
            )
            .into(),
            take_back: format!(
                "UPDATE {table} SET next_at = CASE WHEN next_at = $2::bigint THEN 0 ELSE next_at END,
                    forgotten_at = GREATEST(forgotten_at - $3::bigint,
                        CASE WHEN next_at = $2::bigint THEN 0 ELSE next_at END)
                WHERE key = $1"
            )
            .into(),
            forgive: format!("DELETE FROM {table} WHERE key = $1").into(),
            delete_expired: format!(
                "WITH expired AS MATERIALIZED (
                    SELECT key FROM {table} WHERE forgotten_at <= $1
                    ORDER BY forgotten_at LIMIT $2 FOR UPDATE SKIP LOCKED
                ), deleted AS (
                    DELETE FROM {table} WHERE key = ANY (ARRAY (SELECT key FROM expired))
                    RETURNING key
                )
                SELECT count(*) FROM deleted"
            )
            .into(),
        }
    }
}
