//! Servers that only read: standbys, and a former primary after a failover.

use std::sync::Arc;

use housekey::records::{Limit, LoginStore as _};
use housekey_postgres::PostgresLoginStore;
use sqlx::{Executor as _, PgPool};
use store_tests::{Kind, NOW, Network, Server, Traffic, create, faults, list, operations, record};
use url::Url;

use super::common::{pool, store_at, with};

/// A primary that answers a logout when its standby has it too, as the crate's documentation requires.
async fn pair() -> (Server, Server) {
    let primary = Server::start(Kind::Postgres);
    let standby = Server::start_standby_of(&primary);
    let admin = admin(&primary);
    for sql in [
        "ALTER SYSTEM SET synchronous_standby_names = '*'",
        "ALTER SYSTEM SET synchronous_commit = 'remote_apply'",
        "SELECT pg_reload_conf()",
    ] {
        admin.execute(sql).await.unwrap();
    }
    (primary, standby)
}

fn admin(server: &Server) -> PgPool {
    pool(server.url().parse().unwrap())
}

async fn promote(standby: &Server) {
    admin(standby).execute("SELECT pg_promote()").await.unwrap();
}

/// Makes the primary read-only from now on, including for existing connections.
async fn let_it_only_read(server: &Server) {
    for sql in [
        "ALTER SYSTEM SET default_transaction_read_only = on",
        "ALTER SYSTEM SET synchronous_standby_names = ''",
        "SELECT pg_reload_conf()",
    ] {
        admin(server).execute(sql).await.unwrap();
    }
    // When a process answers with the new settings, it has read them.
    let admin = admin(server);
    loop {
        let row = sqlx::query_scalar("SHOW default_transaction_read_only");
        let only_reads: String = row.fetch_one(&admin).await.unwrap();
        if only_reads == "on" {
            return;
        }
    }
}

async fn made(url: &str) -> Arc<PostgresLoginStore> {
    let store = store_at(url).timeout(faults::SOON);
    store.create_table().await.unwrap();
    Arc::new(store)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failover_loses_no_answer_and_the_one_that_was_promoted_goes_on() {
    let (mut primary, standby) = pair().await;
    let (one, two) = (primary.port(), standby.port());
    // The standby first: it is skipped for as long as it is one.
    let both = primary
        .url()
        .replace(&format!(":{one}/"), &format!(":{two},127.0.0.1:{one}/"));
    let store = made(&both).await;
    let mut traffic = Traffic::start(&store);
    traffic.flows().await;
    primary.kill();
    traffic.fails().await;
    promote(&standby).await;
    traffic.flows().await;
    traffic.end(&*store).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_standby_answers_nothing_unless_it_was_asked_for() {
    let (primary, standby) = pair().await;
    let store = made(&primary.url()).await;
    let mias = record("mia");
    create(&*store, &mias).await;

    let errors = operations::every_one_fails(&store_at(&standby.url())).await;
    errors.say("only reads");
    errors.hide(&standby.password());
    let asked_for = store_at(&with(&standby.url(), "target_session_attrs=any"));
    assert_eq!(
        asked_for.load(&mias.id, NOW).await.unwrap().as_ref(),
        Some(&mias)
    );
    assert_eq!(list(&asked_for, "mia").await, [mias]);
    let errors = operations::every_change_fails(&asked_for).await;
    errors.say("only reads");
}

/// A name that now leads to another server, while the open connections stay with a server that only reads.
#[tokio::test(flavor = "multi_thread")]
async fn connections_to_what_only_reads_by_now_cost_nobody_an_answer() {
    let (primary, standby) = pair().await;
    let network = Network::to(primary.port()).await;
    let mut url = Url::parse(&primary.url()).unwrap();
    url.set_port(Some(network.port())).unwrap();
    let store = made(url.as_str()).await;
    let mias = record("mia");
    create(&*store, &mias).await;
    operations::every_one_works(&*store).await;

    promote(&standby).await;
    let_it_only_read(&primary).await;
    // A login that ends on a server that the store does not use yet.
    assert!(store_at(&standby.url()).delete(&mias.id).await.unwrap());
    network.lead_to(standby.port());
    assert_eq!(
        store.load(&mias.id, NOW).await.unwrap(),
        None,
        "it has ended"
    );
    operations::every_one_works(&*store).await;
}

/// The store's connections to the pooler outlive the pooler's connections to the server.
#[tokio::test(flavor = "multi_thread")]
async fn a_standby_answers_nothing_behind_a_pooler_either() {
    let mut server = Server::start(Kind::Postgres);
    let pooler = Server::start_pooler_of(&server.url(), "server_login_retry = 1");
    let store = made(&pooler.url()).await;
    operations::every_one_works(&*store).await;
    server.stop();
    std::fs::write(server.dir().join("data/standby.signal"), "").unwrap();
    server.start_again();
    let errors = operations::every_one_fails(&*store).await;
    errors.hide(&server.password());
    promote(&server).await;
    works_again(&store).await;
    operations::every_one_works(&*store).await;
}

/// PgBouncer keeps refusing for a moment.
async fn works_again(store: &PostgresLoginStore) {
    let again = async {
        while store
            .create(&record("mia"), &[], Limit::NONE)
            .await
            .is_err()
        {
            tokio::task::yield_now().await;
        }
    };
    let again = tokio::time::timeout(std::time::Duration::from_secs(60), again).await;
    again.expect("it works again");
}
