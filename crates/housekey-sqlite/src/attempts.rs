//! Attempts, counted in the file of the logins.

use housekey::BoxError;
use housekey::attempts::{AttemptKey, AttemptSchedule, AttemptStanding, AttemptStore, Counted};
use rusqlite::Connection;

use crate::store::{PURGE, SqliteLoginStore};
use crate::table::Table;
use crate::writer::Alone;

/// Each is one transaction of the connection that writes. It is done even if its caller has gone, so a client that
/// disconnects after each guess is counted.
impl AttemptStore for SqliteLoginStore {
    async fn count_attempt(
        &self,
        key: &AttemptKey,
        schedule: &AttemptSchedule,
        now: u64,
    ) -> Result<Counted, BoxError> {
        let (key, schedule) = (*key, *schedule);
        let count = move |connection: &Connection, table: &Table| {
            let table = &table.attempts;
            let counted = schedule.count(table.load(connection, &key)?, now);
            if let Counted::Allowed(standing) = counted {
                table.keep(connection, &key, standing)?;
            }
            Ok(counted)
        };
        Ok(self.write(Alone::Done, count).await?)
    }

    async fn take_attempt_back(
        &self,
        key: &AttemptKey,
        schedule: &AttemptSchedule,
        counted: AttemptStanding,
        now: u64,
    ) -> Result<(), BoxError> {
        let (key, schedule) = (*key, *schedule);
        let take_back = move |connection: &Connection, table: &Table| {
            let table = &table.attempts;
            let Some(before) = table.load(connection, &key)? else {
                return Ok(());
            };
            match schedule.take_back(before, counted, now) {
                Some(standing) => table.keep(connection, &key, standing),
                None => table.delete(connection, &key),
            }
        };
        Ok(self.write(Alone::Done, take_back).await?)
    }

    async fn forgive_attempts(&self, key: &AttemptKey) -> Result<(), BoxError> {
        let key = *key;
        let forgive =
            move |connection: &Connection, table: &Table| table.attempts.delete(connection, &key);
        Ok(self.write(Alone::Done, forgive).await?)
    }

    /// In several short transactions, as a purge of logins.
    async fn delete_expired_attempts(&self, now: u64, limit: usize) -> Result<usize, BoxError> {
        let mut deleted = 0;
        while deleted < limit {
            let most = PURGE.min(limit - deleted);
            let delete = move |connection: &Connection, table: &Table| {
                table.attempts.delete_expired(connection, now, most)
            };
            let batch = self.write(Alone::Done, delete).await?;
            deleted += batch;
            if batch < most {
                break;
            }
        }
        Ok(deleted)
    }
}
