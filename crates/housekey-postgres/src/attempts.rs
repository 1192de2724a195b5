//! Attempts, counted in a table beside the table of logins.

use std::time::Duration;

use housekey::BoxError;
use housekey::attempts::{AttemptKey, AttemptSchedule, AttemptStanding, AttemptStore, Counted};

use crate::rows::{get, unsigned};
use crate::store::PostgresLoginStore;
use crate::value::Value;
use crate::words::Which;

fn seconds(duration: Duration) -> Value {
    Value::number(duration.as_secs())
}

impl AttemptStore for PostgresLoginStore {
    async fn count_attempt(
        &self,
        key: &AttemptKey,
        schedule: &AttemptSchedule,
        now: u64,
    ) -> Result<Counted, BoxError> {
        let values = [
            Value::Key(*key),
            Value::number(now),
            Value::number(schedule.free.into()),
            seconds(schedule.first_delay),
            seconds(schedule.longest_delay),
            seconds(schedule.forgets_one_every),
            Value::number(schedule.most()),
        ];
        let rows = self.indexed(Which::CountAttempt, values).await?;
        let Some(row) = rows.first() else {
            // Others were first after the statement began.
            return Ok(Counted::Wait { until: now + 1 });
        };
        let standing = AttemptStanding {
            next_at: unsigned(self.read(get(row, 0))?),
            forgotten_at: unsigned(self.read(get(row, 1))?),
        };
        Ok(match self.read(get(row, 2))? {
            true => Counted::Allowed(standing),
            // This may be the standing after another attempt, which was first.
            false => Counted::Wait {
                until: standing.next_at.max(now + 1),
            },
        })
    }

    async fn take_attempt_back(
        &self,
        key: &AttemptKey,
        schedule: &AttemptSchedule,
        counted: AttemptStanding,
        _: u64,
    ) -> Result<(), BoxError> {
        let values = [
            Value::Key(*key),
            Value::number(counted.next_at),
            seconds(schedule.forgets_one_every),
        ];
        self.indexed(Which::TakeAttemptBack, values).await?;
        Ok(())
    }

    async fn forgive_attempts(&self, key: &AttemptKey) -> Result<(), BoxError> {
        let values = [Value::Key(*key)];
        self.indexed(Which::ForgiveAttempts, values).await?;
        Ok(())
    }

    async fn delete_expired_attempts(&self, now: u64, limit: usize) -> Result<usize, BoxError> {
        self.delete_in_batches(Which::DeleteExpiredAttempts, now, limit)
            .await
    }
}
