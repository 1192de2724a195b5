//! How many connections there are, and what happens to abandoned operations.

use std::sync::Arc;
use std::time::Duration;

use housekey::records::{Limit, LoginStore, Touch};
use housekey_postgres::PostgresLoginStore;
use sqlx::{AssertSqlSafe, Executor as _, PgPool};
use store_tests::{NOW, create, record, unique_name};
use tokio::task::JoinSet;

use super::common::{CONNECTIONS, OwnTable, with};

/// A store that the server can tell from others.
struct Named {
    name: String,
    table: OwnTable,
    store: Arc<PostgresLoginStore>,
    admin: PgPool,
}

impl Named {
    async fn new() -> Self {
        let (name, table) = (unique_name(), OwnTable::created().await);
        let store = table.store_at(&with(&table.url, &format!("application_name={name}")));
        Self {
            admin: table.pool(),
            name,
            table,
            store,
        }
    }

    /// The server's processes for it.
    async fn processes(&self) -> Vec<i32> {
        sqlx::query_scalar(
            "SELECT pid FROM pg_stat_activity WHERE application_name = $1 ORDER BY pid",
        )
        .bind(&self.name)
        .fetch_all(&self.admin)
        .await
        .unwrap()
    }

    /// Waits until the server has nothing more to do for it.
    async fn is_idle(&self) {
        let busy =
            "SELECT count(*) FROM pg_stat_activity WHERE application_name = $1 AND state <> 'idle'";
        let waiting = async {
            loop {
                let count = sqlx::query_scalar(busy)
                    .bind(&self.name)
                    .fetch_one(&self.admin);
                if count.await.unwrap_or(1_i64) == 0 {
                    return;
                }
            }
        };
        let idle = tokio::time::timeout(Duration::from_secs(60), waiting).await;
        idle.expect("the server abandons what is no longer awaited");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_locked_table_opens_no_more_connections_than_the_store_may_have() {
    let named = Named::new().await;
    let kept = record("mia");
    create(&*named.store, &kept).await;
    // Longer than a connection that was given up takes to end.
    let hasty = PostgresLoginStore::clone(&named.store).timeout(Duration::from_secs(2));
    let locked = named.table.locked().await;
    // One more for the look-ups: the previous one may be ending.
    let most = CONNECTIONS as usize + 2 + named.processes().await.len();
    for _ in 0..3 {
        let mut requests = JoinSet::new();
        for _ in 0..15 {
            let (store, id) = (hasty.clone(), kept.id);
            requests.spawn(async move { assert!(store.delete(&id).await.is_err()) });
            let store = hasty.clone();
            requests.spawn(async move { assert!(store.load(&id, NOW).await.is_err()) });
        }
        requests.join_all().await;
        let processes = named.processes().await.len();
        assert!(processes <= most, "{processes}, and it may have {most}");
    }
    locked.rollback().await.unwrap();
    named.is_idle().await;
    let loaded = named.store.load(&kept.id, NOW).await.unwrap();
    assert_eq!(
        loaded,
        Some(kept),
        "what was answered with an error comes to nothing"
    );
}

/// The client's process may be killed, and then its question is not cancelled.
#[tokio::test(flavor = "multi_thread")]
async fn the_server_ends_by_itself_what_a_program_has_left_behind() {
    let named = Named::new().await;
    let locked = named.table.locked().await;
    let hasty = PostgresLoginStore::clone(&named.store).timeout(Duration::from_secs(5));
    let gone = std::thread::spawn(move || {
        let runtime = tokio::runtime::Runtime::new().unwrap();
        let id = record("mia").id;
        runtime.block_on(async {
            let asked = async { tokio::join!(hasty.delete(&id), hasty.load(&id, NOW)) };
            let given_up = tokio::time::timeout(Duration::from_secs(1), asked).await;
            assert!(given_up.is_err());
        });
        runtime.shutdown_background();
    });
    gone.join().unwrap();
    named.is_idle().await;
    locked.rollback().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_that_are_given_up_cost_no_connection() {
    let named = Named::new().await;
    let kept = record("mia");
    create(&*named.store, &kept).await;
    named.store.load(&kept.id, NOW).await.unwrap();
    let before = named.processes().await;
    let touch = Touch {
        now: NOW,
        unless_since: NOW,
        expires_at: NOW,
    };
    for _ in 0..100 {
        given_up(named.store.load(&kept.id, NOW)).await;
        given_up(named.store.touch(&kept.id, touch)).await;
        given_up(named.store.list_by_user("mia", NOW, 9)).await;
        given_up(named.store.create(&record("ben"), &[], Limit::NONE)).await;
        named.store.load(&kept.id, NOW).await.unwrap();
        named.store.touch(&kept.id, touch).await.unwrap();
    }
    let after = named.processes().await;
    let lost: Vec<_> = before
        .iter()
        .filter(|process| !after.contains(process))
        .collect();
    assert!(lost.is_empty(), "{lost:?} of {before:?}; now {after:?}");
    assert!(after.len() <= CONNECTIONS as usize + 1, "{after:?}");
}

/// As when a client closes its connection: the request is started, and dropped before the answer.
async fn given_up<T>(request: impl Future<Output = T>) {
    tokio::select! {
        biased;
        _ = request => {}
        () = tokio::task::yield_now() => {}
    }
}

/// An administrator does this (SIGTERM for the process of each connection).
#[tokio::test(flavor = "multi_thread")]
async fn a_connection_that_the_server_ends_costs_nobody_an_answer() {
    let named = Named::new().await;
    let kept = record("mia");
    create(&*named.store, &kept).await;
    let end = format!(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = '{}'",
        named.name
    );
    let nobodys = record("nobody").id;
    for _ in 0..12 {
        named
            .admin
            .execute(AssertSqlSafe(end.as_str()))
            .await
            .unwrap();
        let (loaded, listed, gone) = tokio::join!(
            named.store.load(&kept.id, NOW),
            named.store.list_by_user("mia", NOW, 9),
            named.store.delete(&nobodys),
        );
        assert_eq!(loaded.unwrap().as_ref(), Some(&kept));
        assert_eq!(listed.unwrap().len(), 1);
        assert!(!gone.unwrap());
    }
}

/// A prepared statement does not fit the table any more: "cached plan must not change result type".
#[tokio::test(flavor = "multi_thread")]
async fn a_column_of_another_type_costs_nobody_an_answer() {
    let named = Named::new().await;
    let kept = record("mia");
    create(&*named.store, &kept).await;
    for kind in ["varchar", "text", "varchar"] {
        let table = &named.table.name;
        let alter = format!("ALTER TABLE \"{table}\" ALTER COLUMN data TYPE {kind}");
        named.admin.execute(AssertSqlSafe(alter)).await.unwrap();
        let loaded = named.store.load(&kept.id, NOW).await;
        assert_eq!(loaded.unwrap().as_ref(), Some(&kept), "{kind}");
        let listed = named.store.list_by_user("mia", NOW, 9).await;
        assert_eq!(listed.unwrap().len(), 1, "{kind}");
    }
}
