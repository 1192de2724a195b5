//! Asking the server, and getting an answer or an error in time.

use std::time::Duration;

use housekey::Error;
use housekey_statements::postgres::{self as said, begin};
use sqlx::pool::PoolConnection;
use sqlx::postgres::{PgArguments, PgConnection, PgRow};
use sqlx::query::Query;
use sqlx::{PgPool, Postgres};
use tokio::time::timeout;

use crate::fault::{Fault, server_name};

/// The application's pool, and how long an operation may take.
#[derive(Clone)]
pub(crate) struct Pool {
    pub(crate) pool: PgPool,
    pub(crate) timeout: Duration,
}

impl Pool {
    /// Runs a statement and returns its rows, however long the pool's own timeouts are. When the server undid it because
    /// of what others did at the same time, it is run again.
    pub(crate) async fn rows<'q>(
        &self,
        statement: impl Fn() -> Query<'q, Postgres, PgArguments>,
    ) -> Result<Vec<PgRow>, Error> {
        self.in_time(async {
            loop {
                let mut connection = Borrowed::from(&self.pool).await?;
                let rows = statement().fetch_all(connection.get()).await;
                connection.give_back();
                match rows {
                    Err(error) if was_undone(&error) => {}
                    rows => return rows,
                }
            }
        })
        .await
    }

    /// Runs SQL without arguments, all of it or nothing.
    pub(crate) async fn script(&self, sql: String) -> Result<(), Error> {
        self.in_time(async {
            let mut connection = Borrowed::from(&self.pool).await?;
            let done = sqlx::raw_sql(sqlx::AssertSqlSafe(sql))
                .execute(connection.get())
                .await;
            connection.give_back();
            done.map(drop)
        })
        .await
    }

    /// Runs statements in a transaction that follows an index, and, if it has a lock, while nobody else has it. When the
    /// server undid it because of what others did at the same time, it is run again.
    pub(crate) async fn transaction<T>(
        &self,
        lock: Option<i64>,
        statements: &(impl Statements<T> + Sync),
    ) -> Result<T, Error> {
        self.in_time(async {
            loop {
                let mut connection = Borrowed::from(&self.pool).await?;
                match self.once(connection.get(), lock, statements).await {
                    Err(error) if error.as_database_error().is_some() => {
                        // A connection that cannot even do this is closed.
                        let rollback = sqlx::raw_sql("ROLLBACK");
                        if rollback.execute(connection.get()).await.is_err() {
                            return Err(error);
                        }
                        connection.give_back();
                        if !was_undone(&error) {
                            return Err(error);
                        }
                    }
                    Err(error) => return Err(error),
                    Ok(answer) => {
                        connection.give_back();
                        return Ok(answer);
                    }
                }
            }
        })
        .await
    }

    /// A machine that goes away in between has the lock for little longer than an operation may take.
    async fn once<T>(
        &self,
        connection: &mut PgConnection,
        lock: Option<i64>,
        statements: &impl Statements<T>,
    ) -> Result<T, sqlx::Error> {
        let patience = self.timeout.saturating_add(Duration::from_secs(1));
        let patience = i32::try_from(patience.as_millis()).unwrap_or(i32::MAX);
        let begin = begin(patience, lock);
        let begin = sqlx::raw_sql(sqlx::AssertSqlSafe(begin));
        begin.execute(&mut *connection).await?;
        let answer = statements.run(&mut *connection).await?;
        sqlx::raw_sql("COMMIT").execute(connection).await?;
        Ok(answer)
    }

    async fn in_time<T>(
        &self,
        asking: impl Future<Output = Result<T, sqlx::Error>>,
    ) -> Result<T, Error> {
        match timeout(self.timeout, asking).await {
            Ok(answer) => answer.map_err(|error| self.failed(error)),
            Err(_) => Err(self.failed(Fault::TooLate(self.timeout))),
        }
    }

    pub(crate) fn failed(&self, fault: impl Into<Fault>) -> Error {
        fault.into().at(&self.server_name())
    }

    pub(crate) fn server_name(&self) -> String {
        server_name(&self.pool.connect_options())
    }
}

/// What is done in a transaction.
pub(crate) trait Statements<T> {
    fn run(
        &self,
        connection: &mut PgConnection,
    ) -> impl Future<Output = Result<T, sqlx::Error>> + Send;
}

fn was_undone(error: &sqlx::Error) -> bool {
    let code = error.as_database_error().and_then(|error| error.code());
    code.is_some_and(|code| said::was_undone(&code))
}

/// How long a connection that is given back has to show that it is in order.
const GIVING_BACK: Duration = Duration::from_secs(5);

/// A connection of the pool. Dropped in the middle of a question it is closed, since an answer may be under way.
struct Borrowed(Option<PoolConnection<Postgres>>);

impl Borrowed {
    async fn from(pool: &PgPool) -> Result<Self, sqlx::Error> {
        Ok(Self(Some(pool.acquire().await?)))
    }

    fn get(&mut self) -> &mut PgConnection {
        self.0.as_mut().expect("it has not been given back")
    }

    /// The pool asks the server whether the connection is in order, and would wait for the answer for as long as the
    /// operating system does: 15 minutes when the server's machine is gone, with the place in the pool taken.
    fn give_back(mut self) {
        if let Some(mut connection) = self.0.take() {
            tokio::spawn(timeout(GIVING_BACK, connection.return_to_pool()));
        }
    }
}

impl Drop for Borrowed {
    fn drop(&mut self) {
        if let Some(connection) = self.0.take() {
            drop(connection.detach());
        }
    }
}
