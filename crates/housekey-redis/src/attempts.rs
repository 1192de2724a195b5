//! Attempts, counted beside the logins: one key per attempt key.

use housekey::BoxError;
use housekey::attempts::{AttemptKey, AttemptSchedule, AttemptStanding, AttemptStore, Counted};
use housekey_statements::redis::attempts_key;
use redis::Script;

use crate::question::Question;
use crate::store::RedisLoginStore;

impl RedisLoginStore {
    fn about_attempts<'a>(&self, script: &'a Script, key: &AttemptKey) -> Question<'a> {
        let key = attempts_key(&self.records.prefix, &key.to_string());
        Question::script(script, &[key])
    }
}

/// Does not wait for replicas: if a failover loses some of these, it allows a few more guesses.
impl AttemptStore for RedisLoginStore {
    async fn count_attempt(
        &self,
        key: &AttemptKey,
        schedule: &AttemptSchedule,
        now: u64,
    ) -> Result<Counted, BoxError> {
        let records = &self.records;
        let question = self
            .about_attempts(&records.scripts.count_attempt, key)
            .arg(now)
            .arg(schedule.free)
            .arg(schedule.first_delay.as_secs())
            .arg(schedule.longest_delay.as_secs())
            .arg(schedule.forgets_one_every.as_secs())
            .arg(schedule.most());
        let (is_allowed, next_at, forgotten_at): (u8, u64, u64) =
            records.ask(&question, self.begin()).await?;
        Ok(match is_allowed {
            0 => Counted::Wait { until: next_at },
            _ => Counted::Allowed(AttemptStanding {
                next_at,
                forgotten_at,
            }),
        })
    }

    async fn take_attempt_back(
        &self,
        key: &AttemptKey,
        schedule: &AttemptSchedule,
        counted: AttemptStanding,
        now: u64,
    ) -> Result<(), BoxError> {
        let records = &self.records;
        let question = self
            .about_attempts(&records.scripts.take_attempt_back, key)
            .arg(counted.next_at)
            .arg(schedule.forgets_one_every.as_secs())
            .arg(now);
        let _: u8 = records.ask(&question, self.begin()).await?;
        Ok(())
    }

    async fn forgive_attempts(&self, key: &AttemptKey) -> Result<(), BoxError> {
        let key = attempts_key(&self.records.prefix, &key.to_string());
        let mut command = redis::cmd("DEL");
        command.arg(&key);
        let question = Question::about(&key, command);
        let _: u8 = self.records.ask(&question, self.begin()).await?;
        Ok(())
    }

    /// Redis deletes them by itself.
    async fn delete_expired_attempts(&self, _: u64, _: usize) -> Result<usize, BoxError> {
        Ok(0)
    }
}
