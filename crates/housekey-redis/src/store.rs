//! The store.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use housekey::records::cache::{CachedRecords, Changing};
use housekey::records::{
    Created, Limit, LoginId, LoginRecord, LoginStore, RecordCache, SharedRecord, Touch, Updated,
};
use housekey::{BoxError, Error};
use housekey_statements::redis::{DEFAULT_PREFIX, LARGEST_BATCH, number, seconds_to_keep};
use redis::Client;

use crate::making::{Making, add_record};
use crate::node::{Servers, Ways};
use crate::question::Time;
use crate::records::{Loaded, Records, Scripts};

/// Keeps login records in Redis. Clones are the same store.
///
/// ```no_run
/// use housekey::{LoginManager, SecretKeys};
/// use housekey_redis::RedisLoginStore;
/// # use housekey::{BoxError, User};
/// # struct Member; impl User for Member { fn id(&self) -> String { "1".into() } }
/// # async fn find(_: String) -> Result<Option<Member>, BoxError> { Ok(None) }
///
/// # fn start() -> Result<(), BoxError> {
/// let client = redis::Client::open(std::env::var("REDIS_URL")?)?;
/// let manager = LoginManager::new(SecretKeys::from_env("SECRET_KEY")?, find)
///     .login_store(RedisLoginStore::new(client))
///     .build()?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct RedisLoginStore {
    pub(crate) records: Records,
    timeout: Duration,
    at: Arc<Ways>,
    cache: Option<(RecordCache, CachedRecords)>,
}

impl RedisLoginStore {
    /// How long an operation may take by default: five seconds. [`timeout`](Self::timeout) changes it.
    pub const DEFAULT_TIMEOUT: Duration = Duration::from_secs(5);

    /// A store on one server, with keys that start with `housekey:`. It has its own connection, which it opens at the first
    /// operation, and again whenever it is lost. It refuses a server that is a replica at that time.
    pub fn new(client: Client) -> Self {
        Self::on(Ways::Fixed(client))
    }

    /// A store on a Redis Cluster. Name some of its nodes: these are asked for the others, and at least one must answer. The
    /// first one says how to connect to every node: user, password, TLS.
    ///
    /// ```no_run
    /// use housekey_redis::RedisLoginStore;
    ///
    /// # fn store(password: &str) -> Result<RedisLoginStore, redis::RedisError> {
    /// let nodes = ["redis-1", "redis-2", "redis-3"]
    ///     .map(|host| redis::Client::open(format!("rediss://default:{password}@{host}:6379")));
    /// let nodes = nodes.into_iter().collect::<Result<Vec<_>, _>>()?;
    /// let store = RedisLoginStore::cluster(nodes);
    /// # Ok(store)
    /// # }
    /// ```
    ///
    /// A question is repeated only if it was not carried out: its slot is at another node or moving, or there was no
    /// connection.
    pub fn cluster(nodes: impl IntoIterator<Item = Client>) -> Self {
        Self::on(Ways::Cluster(nodes.into_iter().collect()))
    }

    /// A store on the server that these Sentinels call the master of a name. The host of `master` is that name, and the rest
    /// of it says how to connect to the server: user, password, database, TLS. The Sentinels' own credentials are in their
    /// clients.
    ///
    /// ```no_run
    /// use housekey_redis::RedisLoginStore;
    ///
    /// # fn store(password: &str) -> Result<RedisLoginStore, redis::RedisError> {
    /// let sentinels = ["sentinel-1", "sentinel-2", "sentinel-3"]
    ///     .map(|host| redis::Client::open(format!("redis://{host}:26379")));
    /// let sentinels = sentinels.into_iter().collect::<Result<Vec<_>, _>>()?;
    /// let master = redis::Client::open(format!("redis://default:{password}@mymaster/0"))?;
    /// let store = RedisLoginStore::sentinel(sentinels, master);
    /// # Ok(store)
    /// # }
    /// ```
    ///
    /// Sentinels are asked for each new connection. The server that they name is refused unless it says itself that it is a
    /// master.
    pub fn sentinel(sentinels: impl IntoIterator<Item = Client>, master: Client) -> Self {
        let sentinels = sentinels.into_iter().collect();
        Self::on(Ways::Watched { sentinels, master })
    }

    fn on(at: Ways) -> Self {
        let prefix = DEFAULT_PREFIX.into();
        Self {
            records: Records {
                servers: Arc::new(Servers::new(&at, None, &prefix)),
                prefix,
                replicas: 0,
                places: Arc::default(),
                scripts: Arc::new(Scripts::new()),
            },
            timeout: Self::DEFAULT_TIMEOUT,
            at: Arc::new(at),
            cache: None,
        }
    }

    /// The prefix of its keys. Each login manager needs its own prefix, which must not be the beginning of another one's. In
    /// a cluster it must not contain `{`, or all records would be on one node.
    ///
    /// ```no_run
    /// # use housekey_redis::RedisLoginStore;
    /// # fn stores(client: redis::Client) {
    /// let members = RedisLoginStore::new(client.clone()).prefix("members:");
    /// let staff = RedisLoginStore::new(client).prefix("staff:");
    /// # }
    /// ```
    pub fn prefix(mut self, prefix: impl Into<String>) -> Self {
        self.records.prefix = prefix.into().into();
        self.records.places = Arc::default();
        match self.cache.take() {
            // A separate cache, because a clone of this store with another prefix has other keys.
            Some((settings, _)) => self
                .cache_records(settings)
                .expect("these settings were taken before"),
            None => self,
        }
    }

    /// Keeps records that were read in this process, so that most requests ask nothing of the server. The server reports
    /// changes by itself (`CLIENT TRACKING`, of Redis 6 or later). A login that ended elsewhere is over here when the report
    /// arrives, within milliseconds. If the report is lost without an error, it is over within the
    /// [lease](RecordCache::lease).
    ///
    /// The client's user must be allowed `HELLO` and `CLIENT TRACKING`, and in a cluster `CLUSTER INFO`. If the server
    /// cannot do it, nothing is cached, and the log and [`check`](Self::check) say so.
    ///
    /// ```no_run
    /// use housekey::records::RecordCache;
    /// # use housekey_redis::RedisLoginStore;
    ///
    /// # fn store(client: redis::Client) -> Result<RedisLoginStore, housekey::Error> {
    /// let store = RedisLoginStore::new(client).cache_records(RecordCache::new())?;
    /// # Ok(store)
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Setting`](housekey::ErrorKind::Setting) if the cache's settings make no sense.
    pub fn cache_records(mut self, cache: RecordCache) -> Result<Self, Error> {
        let records = cache.build()?;
        let servers = Servers::new(&self.at, Some(&records), &self.records.prefix);
        self.records.servers = Arc::new(servers);
        self.cache = Some((cache, records));
        Ok(self)
    }

    /// How long an operation may take before it is an error, including connecting.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// How many replicas must have a change before it counts as answered: none by default. With one, an ended login stays
    /// ended if that replica takes the master's place. With none, the master answers first and the replica gets its copy
    /// afterwards. If fewer replicas follow, changes are errors, and logins can still be looked at.
    ///
    /// Each change takes additional time: a round trip to the replica and back (Redis's `WAIT`), and one change follows
    /// another.
    pub fn replicas(mut self, count: usize) -> Self {
        self.records.replicas = count;
        self
    }

    /// Asks the servers whether their settings may lose logins, or bring ended ones back. Returns a sentence for each
    /// problem, which names the server and the setting; an empty list means that all is well. When the store first connects,
    /// it also logs the problems that it finds.
    ///
    /// It looks at `maxmemory-policy`, `appendonly` and `appendfsync`, and only on masters.
    ///
    /// ```no_run
    /// # async fn start(store: housekey_redis::RedisLoginStore) -> Result<(), housekey::Error> {
    /// for warning in store.check().await? {
    ///     eprintln!("{warning}");
    /// }
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// If a server does not answer.
    pub async fn check(&self) -> Result<Vec<String>, Error> {
        let warnings = self.records.servers.warnings(self.begin()).await;
        warnings.map_err(|failure| failure.into_error())
    }

    pub(crate) fn begin(&self) -> Time {
        Time::begin(self.timeout)
    }

    /// Tells the cache that these logins are about to be changed.
    fn changing(&self, logins: impl IntoIterator<Item = LoginId>) -> Option<Changing> {
        let (_, cache) = self.cache.as_ref()?;
        Some(cache.changing(logins))
    }

    async fn loaded(&self, id: &LoginId, now: u64) -> Result<Option<Loaded>, Error> {
        let (records, time) = (&self.records, self.begin());
        let mut place = None;
        while let Some(next) = records.place(id, place.as_ref(), time).await? {
            let loaded = records.load(id, &next.user_id, time).await?;
            let loaded = loaded.filter(|it| number(now) < it.record.expires_at);
            if loaded.is_some() {
                records.places.keep(*id, &next.user_id);
                return Ok(loaded);
            }
            place = Some(next);
        }
        Ok(None)
    }
}

impl fmt::Debug for RedisLoginStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedisLoginStore")
            .field("server", &self.records.servers.to_string())
            .field("prefix", &self.records.prefix)
            .field("replicas", &self.records.replicas)
            .field("timeout", &self.timeout)
            .field("cache", &self.cache.as_ref().map(|(settings, _)| settings))
            .finish_non_exhaustive()
    }
}

impl LoginStore for RedisLoginStore {
    async fn create(
        &self,
        new: &LoginRecord,
        replacing: &[LoginId],
        limit: Limit,
    ) -> Result<Created, BoxError> {
        let (records, time) = (&self.records, self.begin());
        let mut changing = self.changing(replacing.iter().chain([&new.id]).copied());
        let claim = Records::new_claim()?;
        let making = Making {
            new,
            replacing,
            limit,
            claim: &claim,
        };
        let mut expected = String::new();
        while let Some(others) = records.claim(new, &claim, &expected, time).await? {
            if records.lives(&new.id, &others, limit.now, time).await? {
                return Ok(Created::Taken);
            }
            // A record that is not created removes nothing of the existing one.
            let made = records.make(making, true, time).await?;
            if let Some(answer) = made.answer {
                also_ended(&mut changing, &answer);
                return Ok(answer);
            }
            if !records.fence(&new.id, &others, limit.now, time).await? {
                return Ok(Created::Taken);
            }
            expected = others;
        }
        let made = records.make(making, false, time).await?;
        let Some(answer) = made.answer else {
            return Err(records.unreadable().into());
        };
        also_ended(&mut changing, &answer);
        match answer {
            Created::Done { .. } => {
                records.places.keep(new.id, &new.user_id);
                // Those of other users, if any.
                for id in replacing.iter().filter(|id| **id != new.id) {
                    if !made.gone.contains(&id.to_string()) {
                        self.delete_at(id, time).await?;
                    }
                }
            }
            _ => {
                let unused = (new.id.to_string(), claim);
                records.release(&new.user_id, &[unused], time).await;
            }
        }
        Ok(answer)
    }

    async fn load(&self, id: &LoginId, now: u64) -> Result<Option<LoginRecord>, BoxError> {
        let loaded = self.loaded(id, now).await?;
        Ok(loaded.map(|it| it.record))
    }

    async fn look_up(&self, id: &LoginId, now: u64) -> Result<Option<SharedRecord>, BoxError> {
        let Some((_, cache)) = &self.cache else {
            return Ok(self.load(id, now).await?.map(SharedRecord::new));
        };
        if let Some(known) = cache.get(id, now) {
            return Ok(Some(known));
        }
        let loading = cache.loading();
        let Some(Loaded { record, pulse }) = self.loaded(id, now).await? else {
            return Ok(None);
        };
        let record = SharedRecord::new(record);
        if let Some(pulse) = pulse {
            loading.keep(&record, &pulse.feed);
        }
        Ok(Some(record))
    }

    /// A record stays with its user. If the id belongs to another user, the record is gone.
    async fn update(&self, changed: &LoginRecord) -> Result<Updated, BoxError> {
        let _changing = self.changing([changed.id]);
        let (records, time) = (&self.records, self.begin());
        let question = records
            .of_user(&records.scripts.update, &changed.user_id)
            .arg(changed.id.to_string());
        let question = add_record(question, changed).kept_by(records.replicas);
        let (updated, claim): (u8, String) = records.ask(&question, time).await?;
        match updated {
            0 => Ok(Updated::Gone),
            1 => Ok(Updated::Conflict),
            _ => {
                let seconds = seconds_to_keep(changed.last_seen_at, changed.expires_at);
                let (id, user_id) = (&changed.id, &*changed.user_id);
                records.point(id, user_id, &claim, seconds, time).await?;
                Ok(Updated::Done)
            }
        }
    }

    async fn touch(&self, id: &LoginId, touch: Touch) -> Result<bool, BoxError> {
        let _changing = self.changing([*id]);
        let (records, time) = (&self.records, self.begin());
        let seconds = seconds_to_keep(touch.now, touch.expires_at);
        let mut place = None;
        while let Some(next) = records.place(id, place.as_ref(), time).await? {
            let question = records
                .of_user(&records.scripts.touch, &next.user_id)
                .arg(id.to_string())
                .arg(number(touch.now))
                .arg(number(touch.unless_since))
                .arg(number(touch.expires_at))
                .arg(seconds)
                .kept_by(records.replicas);
            let (touched, claim): (u8, String) = records.ask(&question, time).await?;
            if touched == 3 {
                let user_id = &next.user_id;
                records.point(id, user_id, &claim, seconds, time).await?;
            }
            if touched > 0 {
                return Ok(touched > 1);
            }
            place = Some(next);
        }
        Ok(false)
    }

    async fn delete(&self, id: &LoginId) -> Result<bool, BoxError> {
        Ok(self.delete_at(id, self.begin()).await?)
    }

    async fn delete_by_user(
        &self,
        user_id: &str,
        except: Option<&LoginId>,
        limit: usize,
    ) -> Result<Vec<LoginId>, BoxError> {
        let records = &self.records;
        let cache = self.cache.as_ref();
        let _changing = cache.map(|(_, cache)| cache.changing_those_of(user_id));
        let mut deleted: Vec<LoginId> = Vec::new();
        while deleted.len() < limit {
            let time = self.begin();
            let batch = LARGEST_BATCH.min(limit - deleted.len());
            let question = records
                .of_user(&records.scripts.delete_by_user, user_id)
                .arg(except.map(LoginId::to_string).unwrap_or_default())
                .arg(batch)
                .kept_by(records.replicas);
            let (count, gone): (usize, Vec<(String, String)>) =
                records.ask(&question, time).await?;
            records.release(user_id, &gone, time).await;
            for (id, _) in gone {
                deleted.push(records.id(&id)?);
            }
            if count < batch {
                break;
            }
        }
        Ok(deleted)
    }

    async fn list_by_user(
        &self,
        user_id: &str,
        now: u64,
        limit: usize,
    ) -> Result<Vec<LoginRecord>, BoxError> {
        let records = &self.records;
        let mut listed: Vec<LoginRecord> = Vec::new();
        let mut start = 0_usize;
        while listed.len() < limit {
            let most = LARGEST_BATCH.min(limit - listed.len());
            let question = records
                .of_user(&records.scripts.list_by_user, user_id)
                .arg(number(now))
                .arg(start)
                .arg(most);
            let (next, more, found): (usize, bool, Vec<(String, String)>) =
                records.ask(&question, self.begin()).await?;
            for (id, text) in found {
                let record = records.record(records.id(&id)?, user_id, &text)?;
                // A record used meanwhile has moved to the front, and another one to its place.
                if start == 0 || listed.iter().all(|it| it.id != record.id) {
                    listed.push(record);
                }
            }
            if !more {
                break;
            }
            start = next;
        }
        Ok(listed)
    }

    async fn delete_expired(&self, now: u64, limit: usize) -> Result<usize, BoxError> {
        let purged = self.records.purge(now, limit, || self.begin()).await;
        Ok(purged?)
    }
}

impl RedisLoginStore {
    async fn delete_at(&self, id: &LoginId, time: Time) -> Result<bool, Error> {
        let _changing = self.changing([*id]);
        let records = &self.records;
        let mut place = None;
        while let Some(next) = records.place(id, place.as_ref(), time).await? {
            let text = id.to_string();
            let question = records
                .of_user(&records.scripts.delete, &next.user_id)
                .arg(&text)
                .kept_by(records.replicas);
            let (deleted, claim): (u8, String) = records.ask(&question, time).await?;
            if deleted == 1 {
                records.release(&next.user_id, &[(text, claim)], time).await;
                return Ok(true);
            }
            place = Some(next);
        }
        Ok(false)
    }
}

fn also_ended(changing: &mut Option<Changing>, created: &Created) {
    if let (Some(changing), Created::Done { ended } | Created::Crowded { ended }) =
        (changing, created)
    {
        changing.also(ended);
    }
}
