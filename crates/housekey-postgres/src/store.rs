//! The store.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use housekey::records::cache::{CachedRecords, Changing};
use housekey::records::{
    Created, Limit, LoginId, LoginRecord, LoginStore, RecordCache, SharedRecord, Touch, Updated,
};
use housekey::{BoxError, Error, ErrorKind};
use housekey_statements::postgres::{self, DEFAULT_TABLE, LARGEST_BATCH, Layout, TableName};
use tokio_postgres::Row;

use crate::address::Address;
use crate::fault::Fault;
use crate::loads::Loads;
use crate::pool::{Pool, Question};
use crate::questions::{
    Creation, Described, Indexed, IsThere, SaysChanges, Script, Single, columns, patience,
};
use crate::rows::{self, column, get};
use crate::session::{Server, Session};
use crate::value::Value;
use crate::watch::Watch;
use crate::words::{Which, Words};

/// Keeps login records in a table of PostgreSQL. Clones are the same store, with the same connections.
///
/// ```no_run
/// use housekey::{LoginManager, SecretKeys};
/// use housekey_postgres::PostgresLoginStore;
/// # use housekey::{BoxError, User};
/// # struct Member; impl User for Member { fn id(&self) -> String { "1".into() } }
/// # async fn find(_: String) -> Result<Option<Member>, BoxError> { Ok(None) }
///
/// # async fn start() -> Result<(), BoxError> {
/// let store = PostgresLoginStore::connect(&std::env::var("DATABASE_URL")?)?;
/// store.create_table().await?;
/// let manager = LoginManager::new(SecretKeys::from_env("SECRET_KEY")?, find)
///     .login_store(store)
///     .build()?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct PostgresLoginStore {
    table: TableName,
    connections: usize,
    cache: Option<(RecordCache, CachedRecords)>,
    server: Arc<Server>,
    loads: Arc<Loads>,
    pool: Pool,
}

impl PostgresLoginStore {
    /// How long an operation may take by default: five seconds. [`timeout`](Self::timeout) changes it.
    pub const DEFAULT_TIMEOUT: Duration = Duration::from_secs(5);

    /// How many connections there may be by default for everything except look-ups.
    /// [`max_connections`](Self::max_connections) changes it.
    pub const DEFAULT_MAX_CONNECTIONS: usize = 10;

    /// A store in the table `housekey_logins`, which must exist: see [`create_table`](Self::create_table). It connects at
    /// the first operation, in a tokio runtime.
    ///
    /// The URL is that of libpq and sqlx, `postgres://USER:PASSWORD@HOST:PORT/DATABASE`, with these of their options after a
    /// `?`:
    ///
    /// - several hosts, `postgres://…@one,two/DATABASE`: the first that answers and accepts writes is used.
    ///   `target_session_attrs` is `read-write`; with `any`, a standby may answer too. A standby may still have logins that
    ///   have ended, and cannot create any.
    /// - `host=/var/run/postgresql`: a Unix socket.
    /// - `sslmode`: `disable`, `prefer` (encrypted if the server supports it; the default), `require` (encrypted; but
    ///   anybody in between can pose as the server), `verify-ca` (with a certificate of a trusted authority), `verify-full`
    ///   (for this host). `sslrootcert` is a file with the trusted authorities, in place of the system's; `sslcert` and
    ///   `sslkey` are this program's own certificate and key.
    /// - `statement-cache-capacity=0`: prepares nothing on a connection. None of the known poolers needs it; see the crate's
    ///   documentation.
    /// - `application_name`, `options`, `options[NAME]`, `channel_binding`, `sslnegotiation`, `hostaddr`,
    ///   `load_balance_hosts`, `connect_timeout`, `tcp_user_timeout`, `keepalives` and its related options.
    ///
    /// A pool of sqlx's can return its URL: `pool.connect_options().to_url_lossy()`.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Setting`](housekey::ErrorKind::Setting) if this is not such a URL, or a file that it names cannot be
    /// read.
    pub fn connect(url: &str) -> Result<Self, Error> {
        let address = Address::parse(url).map_err(|error| {
            Error::new(
                ErrorKind::Setting,
                format!("the URL of a PostgreSQL server: {error}"),
            )
        })?;
        let table = TableName::new(DEFAULT_TABLE).expect("this is a name");
        let (limit, connections) = (Self::DEFAULT_TIMEOUT, Self::DEFAULT_MAX_CONNECTIONS);
        Ok(Self::build(address, table, limit, connections, None))
    }

    fn build(
        address: Address,
        table: TableName,
        limit: Duration,
        connections: usize,
        cache: Option<(RecordCache, CachedRecords)>,
    ) -> Self {
        let records = cache.as_ref().map(|(_, records)| records);
        let watch = records.map(|records| Watch::new(records.clone(), &table));
        let server = Arc::new(Server::new(address, Words::new(&table), limit, watch));
        Self {
            table,
            connections,
            cache,
            loads: Arc::new(Loads::new(Arc::clone(&server))),
            pool: Pool::new(Arc::clone(&server), connections),
            server,
        }
    }

    /// Uses another table, perhaps in a schema: `staff_logins`, `app.logins`. Each login manager needs its own.
    ///
    /// ```no_run
    /// # use housekey_postgres::PostgresLoginStore;
    /// # fn stores(url: &str) -> Result<(), housekey::Error> {
    /// let members = PostgresLoginStore::connect(url)?.table("app.member_logins")?;
    /// let staff = PostgresLoginStore::connect(url)?.table("app.staff_logins")?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Setting`](housekey::ErrorKind::Setting) if the name contains anything except ASCII letters, digits and
    /// `_`, or is longer than 52 characters. Upper case is kept: `Logins` is not the table that unquoted SQL means by that
    /// name.
    pub fn table(self, name: &str) -> Result<Self, Error> {
        let table = TableName::new(name);
        let table = table.map_err(|error| Error::new(ErrorKind::Setting, error.to_string()))?;
        let address = self.server.address.clone();
        let (limit, connections) = (self.server.limit, self.connections);
        let store = Self::build(address, table, limit, connections, None);
        match self.cache {
            // A separate cache, because a clone of this store has other records.
            Some((settings, _)) => store.cache_records(settings),
            None => Ok(store),
        }
    }

    /// Keeps records that were read in this process, so that most requests ask nothing of the server. The server reports
    /// changes by itself (`LISTEN`). A login that ended elsewhere is over here when the report arrives, within milliseconds.
    /// If the report is lost without an error, it is over within the [lease](RecordCache::lease).
    ///
    /// It needs triggers on the table, which [`create_table`](Self::create_table) and
    /// [`create_table_sql`](Self::create_table_sql) add from then on, and a connection to the server itself. Through
    /// PgBouncer in transaction mode, and from a standby, nothing is cached: `create_table` then says so, and later the log
    /// does. A table with partitions is not cached either.
    ///
    /// ```no_run
    /// use housekey::records::RecordCache;
    /// # use housekey_postgres::PostgresLoginStore;
    ///
    /// # async fn store(url: &str) -> Result<PostgresLoginStore, housekey::Error> {
    /// let store = PostgresLoginStore::connect(url)?.cache_records(RecordCache::new())?;
    /// store.create_table().await?;
    /// # Ok(store)
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Setting`](housekey::ErrorKind::Setting) if the cache's settings make no sense.
    pub fn cache_records(self, cache: RecordCache) -> Result<Self, Error> {
        let records = cache.build()?;
        let address = self.server.address.clone();
        let (limit, connections) = (self.server.limit, self.connections);
        let cache = Some((cache, records));
        Ok(Self::build(address, self.table, limit, connections, cache))
    }

    /// How long an operation may take before it is an error, including the wait for a connection and connecting. The server
    /// also ends operations that take longer.
    pub fn timeout(self, timeout: Duration) -> Self {
        let address = self.server.address.clone();
        Self::build(address, self.table, timeout, self.connections, self.cache)
    }

    /// How many connections there may be at once for everything except look-ups, at least 1. All look-ups share one more.
    pub fn max_connections(self, connections: usize) -> Self {
        let address = self.server.address.clone();
        let limit = self.server.limit;
        Self::build(address, self.table, limit, connections, self.cache)
    }

    /// Creates the table and its indexes if they are missing, and beside it the table that counts
    /// [attempts](housekey::attempts), whose name ends in `_attempts`. If records are to be [cached](Self::cache_records),
    /// also the triggers that this needs. Several processes may do it at once. If everything exists, it only looks.
    ///
    /// The server's user must be allowed to create tables. If it is not, use [`create_table_sql`](Self::create_table_sql).
    ///
    /// # Errors
    ///
    /// [`ErrorKind::StoreFailed`](housekey::ErrorKind::StoreFailed) if the server cannot be reached, or refuses; if
    /// something else has this name, or the name of an index is taken; or if records are to be cached and cannot be. The
    /// message says which server, why, and what to do.
    pub async fn create_table(&self) -> Result<(), Error> {
        let layout = self.layout().await?;
        let attempts = self.table.attempts();
        if layout.is_there()
            && layout.lacks_index().is_none()
            && self.answer(IsThere { table: attempts }).await?
        {
            return self.create_triggers().await;
        }
        self.answer(Script(postgres::create_table(&self.table)))
            .await?;
        match self.layout().await?.lacks_index() {
            None => self.create_triggers().await,
            Some((columns, purpose)) => Err(self.failed(Fault::Layout(format!(
                "table {}: it has no index on ({columns}), without which {purpose} are slow, since another table has an index of \
                 the name that create_table_sql gives it; rename that one",
                self.table
            )))),
        }
    }

    async fn create_triggers(&self) -> Result<(), Error> {
        if self.cache.is_none() {
            return Ok(());
        }
        let question = || SaysChanges {
            table: self.table.to_string(),
            body: self.table.changed_body(),
        };
        if !self.answer(question()).await? {
            let create = postgres::create_triggers(&self.table);
            self.answer(Script(create)).await?;
        }
        let connected = self.loads.connect().await;
        connected.map_err(|fault| self.failed(fault))?;
        match self.server.why_uncached() {
            None => Ok(()),
            Some(why) => Err(self.failed(Fault::Uncached(why))),
        }
    }

    /// The SQL that [`create_table`](Self::create_table) runs, for the application's own migrations.
    ///
    /// ```no_run
    /// # use housekey_postgres::PostgresLoginStore;
    /// # fn print(url: &str) -> Result<(), housekey::Error> {
    /// println!("{}", PostgresLoginStore::connect(url)?.create_table_sql());
    /// # Ok(())
    /// # }
    /// ```
    pub fn create_table_sql(&self) -> String {
        match self.cache {
            None => self.table.create_sql(),
            Some(_) => self.table.create_sql() + &self.table.triggers_sql(),
        }
    }

    /// The table's layout, or a fault if it cannot keep logins.
    async fn layout(&self) -> Result<Layout, Error> {
        let table = self.table.to_string();
        let layout = self.answer(Described { table }).await?;
        match layout.fault() {
            None => Ok(layout),
            Some(fault) => {
                let table = &self.table;
                Err(self.failed(Fault::Layout(format!("table {table}: {fault}"))))
            }
        }
    }

    async fn answer<Q: Question>(&self, question: Q) -> Result<Q::Answer, Error> {
        let answer = self.pool.answer(question).await;
        answer.map_err(|fault| self.failed(fault))
    }

    /// The rows of one statement that is its own transaction.
    pub(crate) async fn single<const N: usize>(
        &self,
        which: Which,
        values: [Value; N],
    ) -> Result<Vec<Row>, Error> {
        let values = Vec::from(values);
        self.answer(Single { which, values }).await
    }

    /// The rows of one statement on a user's records.
    pub(crate) async fn indexed<const N: usize>(
        &self,
        which: Which,
        values: [Value; N],
    ) -> Result<Vec<Row>, Error> {
        let values = Vec::from(values);
        let question = Indexed {
            patience: patience(self.server.limit),
            single: Single { which, values },
        };
        self.answer(question).await
    }

    pub(crate) fn read<T>(&self, read: Result<T, Fault>) -> Result<T, Error> {
        read.map_err(|fault| self.failed(fault))
    }

    fn failed(&self, fault: Fault) -> Error {
        fault.at(&self.server.address.server_name())
    }

    /// Tells the cache that these logins are about to be changed.
    fn changing(&self, logins: impl IntoIterator<Item = LoginId>) -> Option<Changing> {
        let (_, cache) = self.cache.as_ref()?;
        Some(cache.changing(logins))
    }

    async fn loaded(
        &self,
        id: &LoginId,
        now: u64,
    ) -> Result<Option<(LoginRecord, Arc<Session>)>, Error> {
        let values = [Value::Id(*id), Value::number(now)];
        let (rows, session) = self.read(self.loads.rows(Which::Load, &values).await)?;
        let record = self.read(rows::records(&rows))?.pop();
        // An unnoticed pooler could cause this.
        if record.as_ref().is_some_and(|record| record.id != *id) {
            let other = "the answer is another record than was asked for";
            return Err(self.failed(Fault::Mixed(other.to_owned())));
        }
        Ok(record.map(|record| (record, session)))
    }

    fn check_texts(&self, record: &LoginRecord) -> Result<(), Error> {
        match (has_nul(&record.user_id), has_nul(&record.data)) {
            (true, _) => Err(self.failed(Fault::Nul("the user's id"))),
            (_, true) => Err(self.failed(Fault::Nul("the data of the record"))),
            (false, false) => Ok(()),
        }
    }
}

impl fmt::Debug for PostgresLoginStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PostgresLoginStore")
            .field("server", &self.server.address.server_name())
            .field("table", &self.table.to_string())
            .field("timeout", &self.server.limit)
            .field("max_connections", &self.connections)
            .field("cache", &self.cache.as_ref().map(|(settings, _)| settings))
            .finish_non_exhaustive()
    }
}

impl PostgresLoginStore {
    /// Deletes the expired rows by this statement, in batches, and says how many there were.
    pub(crate) async fn delete_in_batches(
        &self,
        which: Which,
        now: u64,
        limit: usize,
    ) -> Result<usize, BoxError> {
        let mut deleted = 0;
        while deleted < limit {
            let batch = LARGEST_BATCH.min(limit - deleted);
            let values = [Value::number(now), Value::rows(batch)];
            let rows = self.single(which, values).await?;
            let counts: Vec<i64> = self.read(column(&rows, 0))?;
            let count = usize::try_from(counts.iter().sum::<i64>()).unwrap_or(0);
            deleted += count;
            if count < batch {
                break;
            }
        }
        Ok(deleted)
    }
}

impl LoginStore for PostgresLoginStore {
    async fn create(
        &self,
        new: &LoginRecord,
        replacing: &[LoginId],
        limit: Limit,
    ) -> Result<Created, BoxError> {
        self.check_texts(new)?;
        let creation = Creation {
            patience: patience(self.server.limit),
            lock: self.table.lock_of(&new.user_id),
            new: new.clone(),
            replacing: replacing.to_vec(),
            limit,
        };
        let mut changing = self.changing(replacing.iter().chain([&new.id]).copied());
        let created = self.answer(creation).await?;
        if let (Some(changing), Created::Done { ended } | Created::Crowded { ended }) =
            (&mut changing, &created)
        {
            changing.also(ended);
        }
        Ok(created)
    }

    async fn load(&self, id: &LoginId, now: u64) -> Result<Option<LoginRecord>, BoxError> {
        Ok(self.loaded(id, now).await?.map(|(record, _)| record))
    }

    async fn look_up(&self, id: &LoginId, now: u64) -> Result<Option<SharedRecord>, BoxError> {
        let Some((_, cache)) = &self.cache else {
            return Ok(self.load(id, now).await?.map(SharedRecord::new));
        };
        if let Some(known) = cache.get(id, now) {
            return Ok(Some(known));
        }
        let loading = cache.loading();
        let Some((record, session)) = self.loaded(id, now).await? else {
            return Ok(None);
        };
        let record = SharedRecord::new(record);
        if let Some(pulse) = session.pulse() {
            loading.keep(&record, &pulse.hearing.feed);
        }
        Ok(Some(record))
    }

    async fn update(&self, changed: &LoginRecord) -> Result<Updated, BoxError> {
        self.check_texts(changed)?;
        let _changing = self.changing([changed.id]);
        let values = columns(changed);
        let which = Which::Update;
        let rows = self.answer(Single { which, values }).await?;
        let both = rows.first().map(|row| Ok((get(row, 0)?, get(row, 1)?)));
        Ok(match self.read(both.transpose())? {
            Some((true, true)) => Updated::Done,
            Some((true, false)) => Updated::Conflict,
            _ => Updated::Gone,
        })
    }

    async fn touch(&self, id: &LoginId, touch: Touch) -> Result<bool, BoxError> {
        let values = [
            Value::Id(*id),
            Value::number(touch.now),
            Value::number(touch.unless_since),
            Value::number(touch.expires_at),
        ];
        let _changing = self.changing([*id]);
        Ok(!self.single(Which::Touch, values).await?.is_empty())
    }

    async fn delete(&self, id: &LoginId) -> Result<bool, BoxError> {
        let _changing = self.changing([*id]);
        let rows = self.single(Which::Delete, [Value::Id(*id)]).await?;
        Ok(!rows.is_empty())
    }

    async fn delete_by_user(
        &self,
        user_id: &str,
        except: Option<&LoginId>,
        limit: usize,
    ) -> Result<Vec<LoginId>, BoxError> {
        let cache = self.cache.as_ref();
        let _changing = cache.map(|(_, cache)| cache.changing_those_of(user_id));
        let mut deleted = Vec::new();
        while deleted.len() < limit && !has_nul(user_id) {
            let batch = LARGEST_BATCH.min(limit - deleted.len());
            let values = [
                Value::Text(user_id.to_owned()),
                Value::MaybeId(except.copied()),
                Value::rows(batch),
            ];
            let rows = self.indexed(Which::DeleteByUser, values).await?;
            let found = rows.iter().map(|row| Ok((rows::id(row)?, get(row, 1)?)));
            let found: Vec<(LoginId, bool)> = self.read(found.collect())?;
            deleted.extend(found.iter().filter_map(|(id, done)| done.then_some(*id)));
            if found.len() < batch {
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
        if has_nul(user_id) {
            return Ok(Vec::new());
        }
        let values = [
            Value::Text(user_id.to_owned()),
            Value::number(now),
            Value::rows(limit),
        ];
        let rows = self.indexed(Which::List, values).await?;
        Ok(self.read(rows::records(&rows))?)
    }

    async fn delete_expired(&self, now: u64, limit: usize) -> Result<usize, BoxError> {
        self.delete_in_batches(Which::DeleteExpired, now, limit)
            .await
    }
}

fn has_nul(text: &str) -> bool {
    text.contains('\0')
}

#[cfg(test)]
mod tests {
    use sqlx::{AssertSqlSafe, Executor as _, PgPool};
    use store_tests::{Kind, record, shared_url, unique_name};

    use super::*;

    #[test]
    fn the_readme_shows_the_sql_of_the_default_table() {
        let sql = TableName::new(DEFAULT_TABLE).unwrap().create_sql();
        assert!(include_str!("../README.md").contains(&format!("```sql\n{sql}```")));
    }

    #[test]
    fn the_readme_shows_the_triggers_of_the_default_table() {
        let sql = TableName::new(DEFAULT_TABLE).unwrap().triggers_sql();
        assert!(include_str!("../README.md").contains(&format!("```sql\n{sql}```")));
    }

    /// As when a machine goes away in the middle, until the server notices.
    #[tokio::test]
    async fn a_lock_on_a_user_keeps_only_that_user_waiting_and_not_for_ever() {
        let url = shared_url(Kind::Postgres);
        let pool = PgPool::connect(&url).await.unwrap();
        let name = unique_name();
        let store = PostgresLoginStore::connect(&url)
            .unwrap()
            .table(&name)
            .unwrap();
        store.create_table().await.unwrap();
        let lock = store.table.lock_of("mia");
        let mut other = pool.begin().await.unwrap();
        let take = format!("SELECT pg_advisory_xact_lock({lock})");
        other.execute(AssertSqlSafe(take)).await.unwrap();

        let hasty = store.clone().timeout(Duration::from_millis(200));
        let mias = record("mia");
        assert!(hasty.create(&mias, &[], Limit::NONE).await.is_err());
        let bens = store.create(&record("ben"), &[], Limit::NONE).await;
        assert!(bens.unwrap().is_done());
        assert_eq!(store.list_by_user("mia", 0, 9).await.unwrap(), []);
        other.rollback().await.unwrap();
        let mias = store.create(&record("mia"), &[], Limit::NONE).await;
        assert!(mias.unwrap().is_done());
        let drop = format!("DROP TABLE {}, {}", store.table, store.table.attempts());
        pool.execute(AssertSqlSafe(drop)).await.unwrap();
    }
}
