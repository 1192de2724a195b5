//! Questions and answers about records.

use std::sync::Arc;

use futures_util::future::join_all;
use housekey::records::{LoginId, LoginRecord};
use housekey::{Error, ErrorKind};
use housekey_statements::redis::{
    self as said, BUCKETS, LARGEST_BATCH, Record, keys_of_user, number, pointer, pointer_key,
    seconds_to_keep,
};
use redis::{FromRedisValue, Script};

use crate::link::Answer;
use crate::node::Servers;
use crate::places::Places;
use crate::question::{Question, Time};
use crate::watch::Pulse;

/// How many questions are under way at once for one operation.
const AT_ONCE: usize = 64;

/// How many buckets are searched at once.
const BUCKETS_AT_ONCE: usize = 256;

/// The records of a prefix.
#[derive(Clone)]
pub(crate) struct Records {
    pub(crate) servers: Arc<Servers>,
    pub(crate) prefix: Arc<str>,
    /// How many replicas must have a change.
    pub(crate) replicas: usize,
    pub(crate) places: Arc<Places>,
    pub(crate) scripts: Arc<Scripts>,
}

/// The scripts. Each is sent once to a server, and named by its digest afterwards.
pub(crate) struct Scripts {
    pub(crate) create: Script,
    pub(crate) update: Script,
    pub(crate) touch: Script,
    pub(crate) delete: Script,
    pub(crate) delete_by_user: Script,
    pub(crate) list_by_user: Script,
    purge: Script,
    fence: Script,
    claim: Script,
    point: Script,
    release: Script,
    pub(crate) count_attempt: Script,
    pub(crate) take_attempt_back: Script,
}

impl Scripts {
    pub(crate) fn new() -> Self {
        Self {
            create: Script::new(said::CREATE),
            update: Script::new(said::UPDATE),
            touch: Script::new(said::TOUCH),
            delete: Script::new(said::DELETE),
            delete_by_user: Script::new(said::DELETE_BY_USER),
            list_by_user: Script::new(said::LIST_BY_USER),
            purge: Script::new(said::PURGE),
            fence: Script::new(said::FENCE),
            claim: Script::new(said::CLAIM_ID),
            point: Script::new(said::POINT),
            release: Script::new(said::RELEASE),
            count_attempt: Script::new(said::COUNT_ATTEMPT),
            take_attempt_back: Script::new(said::TAKE_ATTEMPT_BACK),
        }
    }
}

/// Where a record may be: a user.
pub(crate) struct Place {
    pub(crate) user_id: String,
    /// Whether it was only remembered, and not just read.
    is_remembered: bool,
}

/// A record, and the feed that reports whether it changes.
pub(crate) struct Loaded {
    pub(crate) record: LoginRecord,
    pub(crate) pulse: Option<Arc<Pulse>>,
}

impl Records {
    /// Asks, and reads the answer.
    pub(crate) async fn ask<T: FromRedisValue>(
        &self,
        question: &Question<'_>,
        time: Time,
    ) -> Result<T, Error> {
        Ok(self.ask_over(question, time).await?.0)
    }

    /// The same, with the feed that reports whether the answer changes.
    async fn ask_over<T: FromRedisValue>(
        &self,
        question: &Question<'_>,
        time: Time,
    ) -> Result<(T, Option<Arc<Pulse>>), Error> {
        let answer = self.servers.ask(question, time).await;
        let Answer { value, pulse } = answer.map_err(|failure| failure.into_error())?;
        let read = redis::from_redis_value(value).map_err(|_| self.unreadable())?;
        Ok((read, pulse))
    }

    pub(crate) fn unreadable(&self) -> Error {
        self.servers.unreadable().into_error()
    }

    /// A script about a user. Its further arguments are added afterwards.
    pub(crate) fn of_user<'a>(&self, script: &'a Script, user_id: &str) -> Question<'a> {
        Question::script(script, &keys_of_user(&self.prefix, user_id)).arg(user_id)
    }

    fn of_pointer<'a>(&self, script: &'a Script, id: &str) -> Question<'a> {
        Question::script(script, &[pointer_key(&self.prefix, id)])
    }

    pub(crate) fn id(&self, text: &str) -> Result<LoginId, Error> {
        text.parse().map_err(|_| self.unreadable())
    }

    pub(crate) async fn load(
        &self,
        id: &LoginId,
        user_id: &str,
        time: Time,
    ) -> Result<Option<Loaded>, Error> {
        let key = said::logins_key(&self.prefix, user_id);
        let mut command = redis::cmd("HGET");
        command.arg(&key).arg(id.to_string());
        let question = Question::about(&key, command);
        let (text, pulse): (Option<String>, _) = self.ask_over(&question, time).await?;
        let Some(text) = text else {
            return Ok(None);
        };
        let record = self.record(*id, user_id, &text)?;
        Ok(Some(Loaded { record, pulse }))
    }

    pub(crate) fn record(
        &self,
        id: LoginId,
        user_id: &str,
        text: &str,
    ) -> Result<LoginRecord, Error> {
        let record = Record::read(text).ok_or_else(|| self.unreadable())?;
        Ok(LoginRecord {
            id,
            user_id: user_id.to_owned(),
            version: record.version,
            created_at: record.created_at,
            last_seen_at: record.last_seen_at,
            expires_at: record.expires_at,
            data: record.data.to_owned(),
        })
    }

    /// Where a record may be, or where else if it is not at this place.
    pub(crate) async fn place(
        &self,
        id: &LoginId,
        not_at: Option<&Place>,
        time: Time,
    ) -> Result<Option<Place>, Error> {
        match not_at {
            None => {
                if let Some(user_id) = self.places.get(id) {
                    let user_id = user_id.to_string();
                    return Ok(Some(Place {
                        user_id,
                        is_remembered: true,
                    }));
                }
            }
            Some(before) if before.is_remembered => self.places.forget(id),
            Some(_) => return Ok(None),
        }
        let key = pointer_key(&self.prefix, &id.to_string());
        let mut command = redis::cmd("GET");
        command.arg(&key);
        let pointer: Option<String> = self.ask(&Question::about(&key, command), time).await?;
        let Some(pointer) = pointer else {
            return Ok(None);
        };
        let (_, user_id) = said::read_pointer(&pointer).ok_or_else(|| self.unreadable())?;
        let place = Place {
            user_id: user_id.to_owned(),
            is_remembered: false,
        };
        Ok(Some(place).filter(|place| not_at.is_none_or(|it| it.user_id != place.user_id)))
    }

    /// A random claim, different from all others.
    pub(crate) fn new_claim() -> Result<String, Error> {
        let mut random = [0; 8];
        getrandom::fill(&mut random).map_err(|error| {
            let words = "the operating system gives no random bytes";
            Error::new(ErrorKind::StoreFailed, words).caused_by(error.into())
        })?;
        Ok(said::claim(random))
    }

    /// Points an id to the user of a new record. The expected pointer is replaced; another call's stays, and is returned.
    pub(crate) async fn claim(
        &self,
        new: &LoginRecord,
        claim: &str,
        expected: &str,
        time: Time,
    ) -> Result<Option<String>, Error> {
        let question = self
            .of_pointer(&self.scripts.claim, &new.id.to_string())
            .arg(&new.user_id)
            .arg(claim)
            .arg(seconds_to_keep(new.last_seen_at, new.expires_at))
            .arg(expected)
            .kept_by(self.replicas);
        let others: String = self.ask(&question, time).await?;
        Ok(Some(others).filter(|others| !others.is_empty()))
    }

    /// Whether an id that points to a user has a live record there.
    pub(crate) async fn lives(
        &self,
        id: &LoginId,
        pointer: &str,
        now: u64,
        time: Time,
    ) -> Result<bool, Error> {
        let (_, user_id) = said::read_pointer(pointer).ok_or_else(|| self.unreadable())?;
        let there = self.load(id, user_id, time).await?;
        Ok(there.is_some_and(|there| number(now) < there.record.expires_at))
    }

    /// Prevents a pointer's claim from being fulfilled, and removes the record that it led to. `false` if that record is
    /// live.
    pub(crate) async fn fence(
        &self,
        id: &LoginId,
        pointer: &str,
        now: u64,
        time: Time,
    ) -> Result<bool, Error> {
        let (claim, user_id) = said::read_pointer(pointer).ok_or_else(|| self.unreadable())?;
        let question = self
            .of_user(&self.scripts.fence, user_id)
            .arg(id.to_string())
            .arg(number(now))
            .arg(claim)
            .arg(said::FENCED_FOR)
            .kept_by(self.replicas);
        let lives: u8 = self.ask(&question, time).await?;
        Ok(lives == 0)
    }

    /// Keeps a record's pointer for as long as the record.
    pub(crate) async fn point(
        &self,
        id: &LoginId,
        user_id: &str,
        claim: &str,
        seconds: u64,
        time: Time,
    ) -> Result<(), Error> {
        let question = self
            .of_pointer(&self.scripts.point, &id.to_string())
            .arg(pointer(claim, user_id))
            .arg(seconds)
            .kept_by(self.replicas);
        let _: u8 = self.ask(&question, time).await?;
        Ok(())
    }

    /// Removes the pointers of a user's removed records: an id and a claim of each. A pointer that stays leads to nothing,
    /// and goes when its record would have expired, so a failure here does not change the answer.
    pub(crate) async fn release(&self, user_id: &str, gone: &[(String, String)], time: Time) {
        for some in gone.chunks(AT_ONCE) {
            let mut asking = Vec::with_capacity(some.len());
            for (id, claim) in some {
                if let Ok(id) = id.parse() {
                    self.places.forget(&id);
                }
                let question = self.of_pointer(&self.scripts.release, id);
                let question = question.arg(pointer(claim, user_id));
                asking.push(async move {
                    let _: Result<u8, Error> = self.ask(&question, time).await;
                });
            }
            join_all(asking).await;
        }
    }

    /// Deletes records that had expired by then, from some buckets after others.
    pub(crate) async fn purge(
        &self,
        now: u64,
        limit: usize,
        time: impl Fn() -> Time,
    ) -> Result<usize, Error> {
        let mut deleted = 0;
        for first in (0..BUCKETS).step_by(BUCKETS_AT_ONCE) {
            let mut last = Vec::new();
            while deleted < limit {
                // Reads about as many as are still to be deleted, and not all that a million due ones would give.
                let most = (limit - deleted).div_ceil(BUCKETS_AT_ONCE);
                let most = most.min(LARGEST_BATCH);
                let buckets = (first..BUCKETS).take(BUCKETS_AT_ONCE);
                let asking: Vec<_> = buckets.map(|bucket| self.due(bucket, now, most)).collect();
                let due = self.servers.ask_all(&asking, time()).await;
                let due = due.map_err(|failure| failure.into_error())?;
                let mut entries = Vec::new();
                let mut is_all = true;
                for found in due {
                    let found = redis::from_redis_value(found);
                    let found: Vec<String> = found.map_err(|_| self.unreadable())?;
                    is_all &= found.len() < most;
                    entries.extend(found);
                }
                entries.truncate(limit - deleted);
                for some in entries.chunks(LARGEST_BATCH) {
                    deleted += self.purge_entries(some, now, time()).await?;
                }
                // What is still there would be found again and again.
                if is_all || entries == last {
                    break;
                }
                last = entries;
            }
        }
        Ok(deleted)
    }

    fn due(&self, bucket: u16, now: u64, most: usize) -> Question<'static> {
        let key = said::expiry_key(&self.prefix, bucket);
        let mut command = redis::cmd("ZRANGEBYSCORE");
        command.arg(&key).arg("-inf").arg(number(now));
        command.arg("LIMIT").arg(0).arg(most);
        Question::about(&key, command)
    }

    /// Several users at a time, so that they share a way to the server and its disk.
    async fn purge_entries(
        &self,
        entries: &[String],
        now: u64,
        time: Time,
    ) -> Result<usize, Error> {
        let mut of_users = std::collections::BTreeMap::<&str, Vec<&str>>::new();
        for entry in entries {
            let (id, user_id) = said::read_expiry(entry).ok_or_else(|| self.unreadable())?;
            of_users.entry(user_id).or_default().push(id);
        }
        let of_users: Vec<_> = of_users.into_iter().collect();
        let mut deleted = 0;
        for some in of_users.chunks(AT_ONCE) {
            let asking = some
                .iter()
                .map(|(user_id, ids)| self.purge_user(user_id, ids, now, time));
            for gone in join_all(asking).await {
                deleted += gone?;
            }
        }
        Ok(deleted)
    }

    async fn purge_user(
        &self,
        user_id: &str,
        ids: &[&str],
        now: u64,
        time: Time,
    ) -> Result<usize, Error> {
        let question = self
            .of_user(&self.scripts.purge, user_id)
            .arg(number(now))
            .args(ids)
            .kept_by(self.replicas);
        let gone: Vec<(String, String)> = self.ask(&question, time).await?;
        self.release(user_id, &gone, time).await;
        Ok(gone.len())
    }
}
