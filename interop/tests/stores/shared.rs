//! One store for two programs.

use std::sync::Arc;

use housekey_axum::BoxError;
use housekey_axum::records::{Created, Limit, LoginId, LoginRecord, LoginStore, Touch, Updated};
use housekey_postgres::PostgresLoginStore;
use housekey_redis::RedisLoginStore;
use housekey_sqlite::SqliteLoginStore;
use store_tests::{Kind, NOW, create, list, races, record, shared_url, unique_name};

use crate::python::PythonStore;

/// The store, as one of the two programs has it.
enum Side<R> {
    Rust(R),
    Python(Box<PythonStore>),
}

/// How long an answer may take here, in seconds: these tests are not about that.
const LONG: f64 = 60.0;

#[tokio::test(flavor = "multi_thread")]
async fn an_sqlite_file_is_one_store_for_both() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("logins.db");
    let rust = SqliteLoginStore::open(&path).unwrap();
    let path = path.to_str().unwrap();
    are_one(rust, PythonStore::start("sqlite", path, "logins", LONG)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_table_of_postgresql_is_one_store_for_both() {
    let url = shared_url(Kind::Postgres);
    let pool = sqlx::PgPool::connect(&url).await.unwrap();
    for driver in ["psycopg", "psycopg2"] {
        let name = unique_name();
        let rust = PostgresLoginStore::connect(&url).unwrap();
        let rust = rust.table(&name).unwrap();
        rust.create_table().await.unwrap();
        are_one(rust, PythonStore::start(driver, &url, &name, LONG)).await;
        let drop = format!("DROP TABLE \"{name}\"");
        let drop = sqlx::raw_sql(sqlx::AssertSqlSafe(drop));
        drop.execute(&pool).await.unwrap();
    }
}

/// The first one makes the table.
#[tokio::test(flavor = "multi_thread")]
async fn a_table_that_python_has_made_is_as_rust_makes_it() {
    let (url, name) = (shared_url(Kind::Postgres), unique_name());
    let pool = sqlx::PgPool::connect(&url).await.unwrap();
    let described = async |name: &str| -> Vec<String> {
        let columns =
            "SELECT column_name || data_type || is_nullable || coalesce(collation_name, '')
            FROM information_schema.columns WHERE table_name = $1
            UNION ALL SELECT replace(indexdef, $1, '') FROM pg_indexes WHERE tablename = $1";
        let rows = sqlx::query_scalar(columns).bind(name.to_owned());
        rows.fetch_all(&pool).await.unwrap()
    };
    let python = PythonStore::start("psycopg", &url, &name, LONG);
    create(&python, &record("mia")).await;
    let other = unique_name();
    let rust = PostgresLoginStore::connect(&url).unwrap();
    let rust = rust.table(&other).unwrap();
    rust.create_table().await.unwrap();
    let made = described(&name).await;
    assert_eq!(made.len(), 10, "columns and indexes: {made:?}");
    assert_eq!(made, described(&other).await);
    for name in [name, other] {
        let drop = sqlx::raw_sql(sqlx::AssertSqlSafe(format!("DROP TABLE \"{name}\"")));
        drop.execute(&pool).await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_of_redis_are_one_store_for_both() {
    let (url, prefix) = (shared_url(Kind::Redis), format!("{}:", unique_name()));
    let rust = RedisLoginStore::new(redis::Client::open(url.clone()).unwrap()).prefix(&*prefix);
    let python = PythonStore::start("redis", &url, &prefix, LONG);
    let rust = are_one(rust, python).await;
    rust.delete_expired(u64::MAX, usize::MAX).await.unwrap();
}

/// Returns the one in Rust.
async fn are_one<R: LoginStore>(rust: R, python: PythonStore) -> Side<R> {
    let (rust, python) = (
        Arc::new(Side::Rust(rust)),
        Arc::new(Side::Python(Box::new(python))),
    );
    for [writes, reads] in [[&rust, &python], [&python, &rust]] {
        each_reads_what_the_other_writes(&**writes, &**reads).await;
    }
    races::check(Arc::clone(&rust), python).await;
    Arc::into_inner(rust).unwrap()
}

async fn each_reads_what_the_other_writes(writes: &impl LoginStore, reads: &impl LoginStore) {
    let mut it = LoginRecord {
        version: 3,
        created_at: NOW - 9,
        data: r#"{"user_agent":"'\"\\ \u007f 佐藤 😀"}"#.to_owned(),
        ..record("佐藤 o'hara %s")
    };
    create(writes, &it).await;
    assert_eq!(reads.load(&it.id, NOW).await.unwrap().as_ref(), Some(&it));
    it.last_seen_at = NOW + 5;
    assert_eq!(reads.update(&it).await.unwrap(), Updated::Done);
    assert_eq!(writes.update(&it).await.unwrap(), Updated::Conflict);
    it.version += 1;
    assert_eq!(list(writes, &it.user_id).await, std::slice::from_ref(&it));
    let touch = Touch {
        now: NOW + 100,
        unless_since: NOW + 50,
        expires_at: NOW + 9000,
    };
    assert!(writes.touch(&it.id, touch).await.unwrap());
    assert!(!reads.touch(&it.id, touch).await.unwrap());
    let deleted = reads.delete_by_user(&it.user_id, None, usize::MAX).await;
    assert_eq!(deleted.unwrap(), [it.id]);
    assert!(!writes.delete(&it.id).await.unwrap());
}

/// Asks the store of either side.
macro_rules! ask {
    ($side:expr, $method:ident($($argument:expr),*)) => {
        match $side {
            Side::Rust(store) => store.$method($($argument),*).await,
            Side::Python(store) => store.$method($($argument),*).await,
        }
    };
}

impl<R: LoginStore> LoginStore for Side<R> {
    async fn create(
        &self,
        new: &LoginRecord,
        replacing: &[LoginId],
        limit: Limit,
    ) -> Result<Created, BoxError> {
        ask!(self, create(new, replacing, limit))
    }

    async fn load(&self, id: &LoginId, now: u64) -> Result<Option<LoginRecord>, BoxError> {
        ask!(self, load(id, now))
    }

    async fn update(&self, changed: &LoginRecord) -> Result<Updated, BoxError> {
        ask!(self, update(changed))
    }

    async fn touch(&self, id: &LoginId, touch: Touch) -> Result<bool, BoxError> {
        ask!(self, touch(id, touch))
    }

    async fn delete(&self, id: &LoginId) -> Result<bool, BoxError> {
        ask!(self, delete(id))
    }

    async fn delete_by_user(
        &self,
        user_id: &str,
        except: Option<&LoginId>,
        limit: usize,
    ) -> Result<Vec<LoginId>, BoxError> {
        ask!(self, delete_by_user(user_id, except, limit))
    }

    async fn list_by_user(
        &self,
        user_id: &str,
        now: u64,
        limit: usize,
    ) -> Result<Vec<LoginRecord>, BoxError> {
        ask!(self, list_by_user(user_id, now, limit))
    }

    async fn delete_expired(&self, now: u64, limit: usize) -> Result<usize, BoxError> {
        ask!(self, delete_expired(now, limit))
    }
}
