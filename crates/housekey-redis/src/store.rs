//! The store.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use housekey::records::{Created, Limit, LoginId, LoginRecord, LoginStore, Touch, Updated};
use housekey::{BoxError, Error};
use housekey_statements::redis::{
    self as said, DEFAULT_PREFIX, LARGEST_BATCH, SWEPT, long_expired, number, seconds_to_keep,
};
use redis::{Client, FromRedisValue, Script, ScriptInvocation, Value};

use crate::fault::Fault;
use crate::link::Link;

/// Each is sent once, and named by its digest afterwards.
struct Scripts {
    create: Script,
    update: Script,
    touch: Script,
    delete: Script,
    delete_by_user: Script,
    list_by_user: Script,
    delete_expired: Script,
}

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
    link: Arc<Link>,
    scripts: Arc<Scripts>,
    prefix: Arc<str>,
    timeout: Duration,
}

impl RedisLoginStore {
    /// How long an operation may take: five seconds, unless [`timeout`](Self::timeout) says otherwise.
    pub const DEFAULT_TIMEOUT: Duration = Duration::from_secs(5);

    /// A store whose keys start with `housekey:`. It asks over a connection of its own, which it makes when it is first
    /// needed, and again whenever it is lost.
    pub fn new(client: Client) -> Self {
        Self {
            link: Arc::new(Link::new(client)),
            scripts: Arc::new(Scripts::new()),
            prefix: DEFAULT_PREFIX.into(),
            timeout: Self::DEFAULT_TIMEOUT,
        }
    }

    /// What its keys start with. Each login manager needs a prefix of its own, and none that another one starts with.
    ///
    /// ```no_run
    /// # use housekey_redis::RedisLoginStore;
    /// # fn stores(client: redis::Client) {
    /// let members = RedisLoginStore::new(client.clone()).prefix("members:");
    /// let staff = RedisLoginStore::new(client).prefix("staff:");
    /// # }
    /// ```
    pub fn prefix(mut self, prefix: impl Into<String>) -> Self {
        self.prefix = prefix.into().into();
        self
    }

    /// How long an operation may take, with connecting, before it is an error.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// A script, to which its arguments are to be added.
    fn script<'a>(&self, script: &'a Script) -> ScriptInvocation<'a> {
        let mut invocation = script.prepare_invoke();
        invocation
            .key(format!("{}expiry", self.prefix))
            .arg(&*self.prefix);
        invocation
    }

    async fn run<T: FromRedisValue>(&self, script: &ScriptInvocation<'_>) -> Result<T, Error> {
        let run = |mut connection| async move { script.invoke_async(&mut connection).await };
        self.link.ask(self.timeout, run).await
    }

    fn id(&self, text: &str) -> Result<LoginId, Error> {
        let id = text.parse();
        id.map_err(|_| self.link.failed(Fault::Unreadable))
    }
}

impl Scripts {
    fn new() -> Self {
        Self {
            create: Script::new(said::CREATE),
            update: Script::new(said::UPDATE),
            touch: Script::new(said::TOUCH),
            delete: Script::new(said::DELETE),
            delete_by_user: Script::new(said::DELETE_BY_USER),
            list_by_user: Script::new(said::LIST_BY_USER),
            delete_expired: Script::new(said::DELETE_EXPIRED),
        }
    }
}

impl fmt::Debug for RedisLoginStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedisLoginStore")
            .field("server", &self.link.server_name())
            .field("prefix", &self.prefix)
            .field("timeout", &self.timeout)
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
        let mut script = self.script(&self.scripts.create);
        add_record(&mut script, new);
        script
            .arg(long_expired(new.last_seen_at))
            .arg(SWEPT)
            .arg(number(limit.count as u64))
            .arg(number(limit.now))
            .arg(number(limit.spared_since))
            .arg(limit.looks_at(replacing.len()));
        for id in replacing {
            script.arg(id.to_string());
        }
        let (what, ended): (String, Vec<String>) = self.run(&script).await?;
        let ended = ended.iter().map(|id| self.id(id));
        let ended = ended.collect::<Result<_, _>>()?;
        match what.as_str() {
            "done" => Ok(Created::Done { ended }),
            "crowded" => Ok(Created::Crowded { ended }),
            "full" => Ok(Created::Full),
            "taken" => Ok(Created::Taken),
            _ => Err(self.link.failed(Fault::Unreadable).into()),
        }
    }

    async fn load(&self, id: &LoginId, now: u64) -> Result<Option<LoginRecord>, BoxError> {
        let mut command = redis::cmd("HMGET");
        command.arg(format!("{}login:{id}", self.prefix));
        command.arg(&["user_id", "created_at", "version", "last_seen_at"]);
        command.arg(&["expires_at", "data"]);
        let ask = |mut connection| async move {
            let fields: Value = command.query_async(&mut connection).await?;
            match is_nothing(&fields) {
                true => Ok(None),
                false => Ok(Some(Fields::from_redis_value(fields)?)),
            }
        };
        let fields = self.link.ask(self.timeout, ask).await?;
        let record = fields.map(|fields| record(*id, fields));
        Ok(record.filter(|record| number(now) < record.expires_at))
    }

    async fn update(&self, changed: &LoginRecord) -> Result<Updated, BoxError> {
        let mut script = self.script(&self.scripts.update);
        add_record(&mut script, changed);
        let updated: u8 = self.run(&script).await?;
        Ok(match updated {
            0 => Updated::Gone,
            1 => Updated::Conflict,
            _ => Updated::Done,
        })
    }

    async fn touch(&self, id: &LoginId, touch: Touch) -> Result<bool, BoxError> {
        let mut script = self.script(&self.scripts.touch);
        script
            .arg(id.to_string())
            .arg(number(touch.now))
            .arg(number(touch.unless_since))
            .arg(number(touch.expires_at))
            .arg(seconds_to_keep(touch.now, touch.expires_at));
        Ok(self.run(&script).await?)
    }

    async fn delete(&self, id: &LoginId) -> Result<bool, BoxError> {
        let mut script = self.script(&self.scripts.delete);
        script.arg(id.to_string());
        Ok(self.run(&script).await?)
    }

    async fn delete_by_user(
        &self,
        user_id: &str,
        except: Option<&LoginId>,
        limit: usize,
    ) -> Result<Vec<LoginId>, BoxError> {
        let mut deleted: Vec<LoginId> = Vec::new();
        while deleted.len() < limit {
            let batch = LARGEST_BATCH.min(limit - deleted.len());
            let mut script = self.script(&self.scripts.delete_by_user);
            script
                .arg(user_id)
                .arg(except.map(LoginId::to_string).unwrap_or_default())
                .arg(batch);
            let (gone, ids): (usize, Vec<String>) = self.run(&script).await?;
            for id in ids {
                deleted.push(self.id(&id)?);
            }
            if gone < batch {
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
        let mut listed: Vec<LoginRecord> = Vec::new();
        let mut start = 0_usize;
        while listed.len() < limit {
            let most = LARGEST_BATCH.min(limit - listed.len());
            let mut script = self.script(&self.scripts.list_by_user);
            script.arg(user_id).arg(number(now)).arg(start).arg(most);
            let (next, more, found): (usize, bool, Vec<(String, Fields)>) =
                self.run(&script).await?;
            for (id, fields) in found {
                let record = record(self.id(&id)?, fields);
                // One that was used meanwhile has moved to the front, and another one to its place.
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
        let mut deleted = 0;
        while deleted < limit {
            let batch = LARGEST_BATCH.min(limit - deleted);
            let mut script = self.script(&self.scripts.delete_expired);
            script.arg(number(now)).arg(batch);
            let count: usize = self.run(&script).await?;
            deleted += count;
            if count < batch {
                break;
            }
        }
        Ok(deleted)
    }
}

/// A record but for its id: user, when it was made, version, two more times, data.
type Fields = (String, u64, u64, u64, u64, String);

/// What Redis says of the fields of a record that is not there.
fn is_nothing(fields: &Value) -> bool {
    matches!(fields, Value::Array(fields) if fields.iter().all(|field| *field == Value::Nil))
}

fn record(id: LoginId, fields: Fields) -> LoginRecord {
    let (user_id, created_at, version, last_seen_at, expires_at, data) = fields;
    LoginRecord {
        id,
        user_id,
        version,
        created_at,
        last_seen_at,
        expires_at,
        data,
    }
}

/// The record, and how long Redis is to keep it.
fn add_record(script: &mut ScriptInvocation<'_>, record: &LoginRecord) {
    script
        .arg(record.id.to_string())
        .arg(&record.user_id)
        .arg(number(record.version))
        .arg(number(record.created_at))
        .arg(number(record.last_seen_at))
        .arg(number(record.expires_at))
        .arg(&record.data)
        .arg(seconds_to_keep(record.last_seen_at, record.expires_at));
}
