//! The store.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use housekey::records::{
    Created, Limit, LoginId, LoginRecord, LoginStore, Room, Standing, Touch, Updated,
};
use housekey::{BoxError, Error, ErrorKind};
use housekey_statements::postgres::{
    self, DEFAULT_TABLE, IS_THERE, LARGEST_BATCH, Statements, TableName,
};
use sqlx::postgres::{PgArguments, PgConnection, PgRow};
use sqlx::query::Query;
use sqlx::{AssertSqlSafe, PgPool, Postgres, Row as _};

use crate::fault::Fault;
use crate::pool::{self, Pool};

/// Keeps login records in a table of PostgreSQL. Clones are the same store.
///
/// ```no_run
/// use housekey::{LoginManager, SecretKeys};
/// use housekey_postgres::PostgresLoginStore;
/// # use housekey::{BoxError, User};
/// # struct Member; impl User for Member { fn id(&self) -> String { "1".into() } }
/// # async fn find(_: String) -> Result<Option<Member>, BoxError> { Ok(None) }
///
/// # async fn start() -> Result<(), BoxError> {
/// let pool = sqlx::PgPool::connect(&std::env::var("DATABASE_URL")?).await?;
/// let store = PostgresLoginStore::new(pool);
/// store.create_table().await?;
/// let manager = LoginManager::new(SecretKeys::from_env("SECRET_KEY")?, find)
///     .login_store(store)
///     .build()?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct PostgresLoginStore {
    pool: Pool,
    table: TableName,
    statements: Statements,
}

impl PostgresLoginStore {
    /// How long an operation may take: five seconds, unless [`timeout`](Self::timeout) says otherwise.
    pub const DEFAULT_TIMEOUT: Duration = Duration::from_secs(5);

    /// A store in the table `housekey_logins`, which must be there: see [`create_table`](Self::create_table).
    pub fn new(pool: PgPool) -> Self {
        let table = TableName::new(DEFAULT_TABLE).expect("this is a name");
        Self {
            pool: Pool {
                pool,
                timeout: Self::DEFAULT_TIMEOUT,
            },
            statements: Statements::new(&table),
            table,
        }
    }

    /// Another table, perhaps in a schema: `staff_logins`, `app.logins`. Each login manager needs one of its own.
    ///
    /// ```no_run
    /// # use housekey_postgres::PostgresLoginStore;
    /// # fn stores(pool: sqlx::PgPool) -> Result<(), housekey::Error> {
    /// let members = PostgresLoginStore::new(pool.clone()).table("app.member_logins")?;
    /// let staff = PostgresLoginStore::new(pool).table("app.staff_logins")?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Setting`](housekey::ErrorKind::Setting) when the name has anything but ASCII letters, digits and `_`, or is
    /// longer than 52 characters. Capital letters are kept: `Logins` is not the table that SQL without quotation marks calls so.
    pub fn table(mut self, name: &str) -> Result<Self, Error> {
        let table = TableName::new(name);
        self.table = table.map_err(|error| Error::new(ErrorKind::Setting, error.to_string()))?;
        self.statements = Statements::new(&self.table);
        Ok(self)
    }

    /// How long an operation may take, with the wait for a connection and with connecting, before it is an error. The
    /// pool's own `acquire_timeout` counts too, if it is shorter; sqlx's is 30 seconds.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.pool.timeout = timeout;
        self
    }

    /// Makes the table and its indexes, unless there is a table of this name. Several processes may do it at once.
    ///
    /// The pool's user must be allowed to make tables. Where that is not so, use [`create_table_sql`](Self::create_table_sql).
    ///
    /// # Errors
    ///
    /// [`ErrorKind::StoreFailed`](housekey::ErrorKind::StoreFailed) when the server cannot be reached, or refuses; the message
    /// says which server, why, and what to do.
    pub async fn create_table(&self) -> Result<(), Error> {
        let name = self.table.to_string();
        let found = self.pool.rows(|| sqlx::query(IS_THERE).bind(&name)).await?;
        if self.read(&found, |row| row.try_get(0))?.contains(&true) {
            return Ok(());
        }
        self.pool.script(postgres::create_table(&self.table)).await
    }

    /// What [`create_table`](Self::create_table) runs, for the application's own migrations.
    ///
    /// ```no_run
    /// # use housekey_postgres::PostgresLoginStore;
    /// # fn print(pool: sqlx::PgPool) {
    /// println!("{}", PostgresLoginStore::new(pool).create_table_sql());
    /// # }
    /// ```
    pub fn create_table_sql(&self) -> String {
        self.table.create_sql()
    }

    fn check_texts(&self, record: &LoginRecord) -> Result<(), Error> {
        match (has_nul(&record.user_id), has_nul(&record.data)) {
            (true, _) => Err(self.pool.failed(Fault::Nul("the user's id"))),
            (_, true) => Err(self.pool.failed(Fault::Nul("the data of the record"))),
            (false, false) => Ok(()),
        }
    }

    /// What a function reads from each row.
    fn read<T>(
        &self,
        rows: &[PgRow],
        read: impl Fn(&PgRow) -> Result<T, sqlx::Error>,
    ) -> Result<Vec<T>, Error> {
        let read: Result<_, _> = rows.iter().map(read).collect();
        read.map_err(|error| self.pool.failed(error))
    }
}

impl fmt::Debug for PostgresLoginStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PostgresLoginStore")
            .field("server", &self.pool.server_name())
            .field("table", &self.table.to_string())
            .field("timeout", &self.pool.timeout)
            .finish_non_exhaustive()
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
            statements: &self.statements,
            new,
            replacing,
            limit,
        };
        let lock = self.table.lock_of(&new.user_id);
        Ok(self.pool.transaction(Some(lock), &creation).await?)
    }

    async fn load(&self, id: &LoginId, now: u64) -> Result<Option<LoginRecord>, BoxError> {
        let rows = self
            .pool
            .rows(|| {
                query(&self.statements.load)
                    .bind(bytes(id))
                    .bind(signed(now))
            })
            .await?;
        Ok(self.read(&rows, record)?.pop())
    }

    async fn update(&self, changed: &LoginRecord) -> Result<Updated, BoxError> {
        self.check_texts(changed)?;
        let rows = self
            .pool
            .rows(|| record_query(&self.statements.update, changed))
            .await?;
        let both = self.read(&rows, |row| Ok((row.try_get(0)?, row.try_get(1)?)))?;
        Ok(match both.first() {
            Some((true, true)) => Updated::Done,
            Some((true, false)) => Updated::Conflict,
            _ => Updated::Gone,
        })
    }

    async fn touch(&self, id: &LoginId, touch: Touch) -> Result<bool, BoxError> {
        let rows = self
            .pool
            .rows(|| {
                query(&self.statements.touch)
                    .bind(bytes(id))
                    .bind(signed(touch.now))
                    .bind(signed(touch.unless_since))
                    .bind(signed(touch.expires_at))
            })
            .await?;
        Ok(!rows.is_empty())
    }

    async fn delete(&self, id: &LoginId) -> Result<bool, BoxError> {
        let rows = self
            .pool
            .rows(|| query(&self.statements.delete).bind(bytes(id)))
            .await?;
        Ok(!rows.is_empty())
    }

    async fn delete_by_user(
        &self,
        user_id: &str,
        except: Option<&LoginId>,
        limit: usize,
    ) -> Result<Vec<LoginId>, BoxError> {
        let mut deleted = Vec::new();
        while deleted.len() < limit && !has_nul(user_id) {
            let batch = LARGEST_BATCH.min(limit - deleted.len());
            let delete = Rows(|| {
                query(&self.statements.delete_by_user)
                    .bind(user_id)
                    .bind(except.map(bytes))
                    .bind(rows(batch))
            });
            let rows = self.pool.transaction(None, &delete).await?;
            let found: Vec<(LoginId, bool)> =
                self.read(&rows, |row| Ok((id(row)?, row.try_get(1)?)))?;
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
        let list = Rows(|| {
            query(&self.statements.list_by_user)
                .bind(user_id)
                .bind(signed(now))
                .bind(rows(limit))
        });
        let rows = self.pool.transaction(None, &list).await?;
        Ok(self.read(&rows, record)?)
    }

    async fn delete_expired(&self, now: u64, limit: usize) -> Result<usize, BoxError> {
        let mut deleted = 0;
        while deleted < limit {
            let batch = LARGEST_BATCH.min(limit - deleted);
            let rows = self
                .pool
                .rows(|| {
                    query(&self.statements.delete_expired)
                        .bind(signed(now))
                        .bind(rows(batch))
                })
                .await?;
            let counts: Vec<i64> = self.read(&rows, |row| row.try_get(0))?;
            let count = usize::try_from(counts.iter().sum::<i64>()).unwrap_or(0);
            deleted += count;
            if count < batch {
                break;
            }
        }
        Ok(deleted)
    }
}

/// A new record, and what goes for it, while nobody else makes one for this user.
struct Creation<'a> {
    statements: &'a Statements,
    new: &'a LoginRecord,
    replacing: &'a [LoginId],
    limit: Limit,
}

impl pool::Statements<Created> for Creation<'_> {
    async fn run(&self, connection: &mut PgConnection) -> Result<Created, sqlx::Error> {
        let Self {
            statements,
            new,
            replacing,
            limit,
        } = self;
        let newest: Vec<Standing> = query(&statements.standing)
            .bind(&new.user_id)
            .bind(rows(limit.looks_at(replacing.len())))
            .fetch_all(&mut *connection)
            .await?
            .iter()
            .map(standing)
            .collect::<Result<_, _>>()?;
        let Some(room) = limit.room(&newest, replacing) else {
            return Ok(Created::Full);
        };
        let Room { ended, expired, .. } = &room;
        let mut go: Vec<_> = ended.iter().chain(expired).map(bytes).collect();
        if room.crowded {
            let delete = query(&statements.delete_all).bind(go);
            delete.execute(connection).await?;
            return Ok(Created::Crowded { ended: room.ended });
        }
        go.extend(replacing.iter().chain([&new.id]).map(bytes));
        let created: bool = record_query(&statements.create, new)
            .bind(go)
            .bind(signed(limit.now))
            .fetch_one(connection)
            .await?
            .try_get(0)?;
        Ok(match created {
            true => Created::Done { ended: room.ended },
            false => Created::Taken,
        })
    }
}

/// The rows of a single statement.
struct Rows<Statement>(Statement);

impl<'q, Statement> pool::Statements<Vec<PgRow>> for Rows<Statement>
where
    Statement: Fn() -> Query<'q, Postgres, PgArguments> + Sync,
{
    async fn run(&self, connection: &mut PgConnection) -> Result<Vec<PgRow>, sqlx::Error> {
        (self.0)().fetch_all(connection).await
    }
}

fn query(sql: &Arc<str>) -> Query<'static, Postgres, PgArguments> {
    sqlx::query(AssertSqlSafe(Arc::clone(sql)))
}

/// A statement that takes all columns.
fn record_query(sql: &Arc<str>, record: &LoginRecord) -> Query<'static, Postgres, PgArguments> {
    query(sql)
        .bind(bytes(&record.id))
        .bind(record.user_id.clone())
        .bind(signed(record.version))
        .bind(signed(record.created_at))
        .bind(signed(record.last_seen_at))
        .bind(signed(record.expires_at))
        .bind(record.data.clone())
}

fn record(row: &PgRow) -> Result<LoginRecord, sqlx::Error> {
    let number = |column| Ok::<_, sqlx::Error>(unsigned(row.try_get(column)?));
    Ok(LoginRecord {
        id: id(row)?,
        user_id: row.try_get("user_id")?,
        version: number("version")?,
        created_at: number("created_at")?,
        last_seen_at: number("last_seen_at")?,
        expires_at: number("expires_at")?,
        data: row.try_get("data")?,
    })
}

fn standing(row: &PgRow) -> Result<Standing, sqlx::Error> {
    Ok(Standing {
        id: id(row)?,
        last_seen_at: unsigned(row.try_get("last_seen_at")?),
        expires_at: unsigned(row.try_get("expires_at")?),
    })
}

fn id(row: &PgRow) -> Result<LoginId, sqlx::Error> {
    let bytes: &[u8] = row.try_get("id")?;
    let bytes = bytes
        .try_into()
        .map_err(|_| sqlx::Error::Decode("an id has 16 bytes".into()))?;
    Ok(LoginId::from_bytes(bytes))
}

fn bytes(id: &LoginId) -> Vec<u8> {
    id.as_bytes().to_vec()
}

/// The largest that there is for a number that is larger: it comes 292 billion years after 1970.
fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

fn rows(limit: usize) -> i64 {
    i64::try_from(limit).unwrap_or(i64::MAX)
}

fn unsigned(number: i64) -> u64 {
    u64::try_from(number).unwrap_or(0)
}

fn has_nul(text: &str) -> bool {
    text.contains('\0')
}

#[cfg(test)]
mod tests {
    use sqlx::Executor as _;
    use store_tests::{Kind, record, shared_url, unique_name};

    use super::*;

    #[test]
    fn the_readme_shows_the_sql_of_the_default_table() {
        let sql = TableName::new(DEFAULT_TABLE).unwrap().create_sql();
        assert!(include_str!("../README.md").contains(&format!("```sql\n{sql}```")));
    }

    /// As a machine has it that goes away in the middle, until the server notices.
    #[tokio::test]
    async fn whoever_has_a_users_lock_keeps_nobody_waiting_but_that_user_and_them_not_for_ever() {
        let pool = PgPool::connect(&shared_url(Kind::Postgres)).await.unwrap();
        let name = unique_name();
        let store = PostgresLoginStore::new(pool.clone()).table(&name).unwrap();
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
        let drop = format!("DROP TABLE {}", store.table);
        pool.execute(AssertSqlSafe(drop)).await.unwrap();
    }
}
