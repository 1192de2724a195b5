//! `housekey` with logins on servers that these tests start: PostgreSQL, Redis, a Redis Cluster, and a Redis watched by
//! Sentinels.

use std::time::Instant;

use housekey_postgres::PostgresLoginStore;
use housekey_redis::RedisLoginStore;
use store_tests::{Kind, RedisCluster, Server, Watched};

use super::*;

fn client(url: String) -> redis::Client {
    redis::Client::open(url).unwrap()
}

/// Runs everything on the store at this address. Its logins are made as a site makes them.
fn everything_works(
    address: &str,
    give: impl FnOnce(LoginManagerBuilder<Member>) -> LoginManagerBuilder<Member>,
) {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let manager = give(site(Preset::Safe, &clock(60))).build().unwrap();
    let mut browser = Browser::of(&manager);
    for user in ["mia", "mia", "tom"] {
        let user = Member(user.to_owned());
        let login = browser.log_in_with(&user, |login| login.remember(true));
        runtime.block_on(login).unwrap();
        browser = Browser::of(&manager);
    }
    let run = |arguments: &[&str]| housekey(arguments).env("HOUSEKEY_LOGIN_STORE", address);
    let listed = run(&["logins", "list", "mia", "--json"])
        .done()
        .exits(0)
        .json();
    assert_eq!(listed.len(), 2);
    let id = listed[0]["id"].as_str().unwrap();
    run(&["logins", "end", id])
        .done()
        .exits(0)
        .says("of user mia.");
    run(&["logins", "end", id])
        .done()
        .exits(1)
        .complains("There is no login");
    run(&["logins", "count", "mia"]).done().exits(0).says("1\n");

    let mia = Member("mia".to_owned());
    let login = browser.log_in_with(&mia, |login| login.remember(true));
    runtime.block_on(login).unwrap();
    let read = || {
        let run = run(&["cookie", "read"]).env("SECRET_KEY", KEY);
        run.input(browser.cookies()).done()
    };
    read().exits(0).says("it counts");
    run(&["logins", "end-all", "mia", "--yes"])
        .done()
        .exits(0)
        .says("Ended 2 logins of user mia.");
    read().exits(1).says("refused: ");
    run(&["logins", "purge"])
        .done()
        .exits(0)
        .says("Deleted 0 expired records.");
    run(&["logins", "count", "tom"]).done().exits(0).says("1\n");
}

#[test]
#[ignore = "starts PostgreSQL: cargo test -p housekey-cli -- --ignored"]
fn logins_on_postgresql() {
    let server = Server::start(Kind::Postgres);
    let done = housekey(["logins", "list", "mia", "--store", &server.url()]).done();
    let done = done.exits(1).complains("housekey_logins");
    done.hides(&server.password());
    let store = PostgresLoginStore::connect(&server.url()).unwrap();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(store.create_table()).unwrap();
    drop(runtime);
    let store = PostgresLoginStore::connect(&server.url()).unwrap();
    everything_works(&server.url(), |site| site.login_store(store));
}

#[test]
#[ignore = "starts Redis: cargo test -p housekey-cli -- --ignored"]
fn logins_on_redis() {
    let server = Server::start(Kind::Redis);
    let store = RedisLoginStore::new(client(server.url()));
    everything_works(&server.url(), |site| site.login_store(store));
    let run = [
        "logins",
        "count",
        "tom",
        "--store",
        &server.url(),
        "--prefix",
        "staff:",
    ];
    housekey(run).done().exits(0).says("0\n");
}

#[test]
#[ignore = "starts Redis: cargo test -p housekey-cli -- --ignored"]
fn logins_on_a_cluster_and_behind_sentinels() {
    let cluster = RedisCluster::start(0);
    let urls = cluster.urls();
    let places = urls.iter().map(|url| {
        let (user, place) = url
            .trim_start_matches("redis://")
            .trim_end_matches('/')
            .rsplit_once('@')
            .unwrap();
        (user, place.split('/').next().unwrap())
    });
    let (users, places): (Vec<_>, Vec<_>) = places.unzip();
    let address = format!("redis+cluster://{}@{}/", users[0], places.join(","));
    let store = RedisLoginStore::cluster(urls.iter().cloned().map(client));
    everything_works(&address, |site| site.login_store(store));

    let watched = Watched::start();
    let password = watched.password();
    let urls = watched.sentinel_urls();
    let places: Vec<_> = urls
        .iter()
        .map(|url| {
            let place = url
                .trim_start_matches("redis://")
                .rsplit('@')
                .next()
                .unwrap();
            place.split('/').next().unwrap().to_owned()
        })
        .collect();
    let name = Watched::NAME;
    let address = format!(
        "redis+sentinel://default:{password}@{}/{name}/0?sentinel_username=default&sentinel_password={password}",
        places.join(",")
    );
    let master = client(format!("redis://default:{password}@{name}/0"));
    let store = RedisLoginStore::sentinel(urls.into_iter().map(client), master);
    everything_works(&address, |site| site.login_store(store));
}

#[test]
#[ignore = "starts PostgreSQL and Redis: cargo test -p housekey-cli -- --ignored"]
fn a_server_that_does_not_answer_or_lets_nobody_in_is_a_failure_in_time_and_says_no_password() {
    for kind in [Kind::Postgres, Kind::Redis] {
        let mut server = Server::start(kind);
        let (url, password) = (server.url(), server.password());
        let run = |url: &str, command: &[&str]| {
            let arguments = ["logins", "--timeout", "1s"].iter().chain(command);
            housekey(arguments).env("HOUSEKEY_LOGIN_STORE", url)
        };
        let wrong = url.replace(&password, "hunter2");
        let done = run(&wrong, &["list", "1"]).done().exits(1);
        let _ = done.hides("hunter2").complains("127.0.0.1");
        server.freeze();
        for command in [
            &["list", "1"][..],
            &["end-all", "-y", "1"],
            &["purge"],
            &["count", "1"],
        ] {
            let began = Instant::now();
            let done = run(&url, command).done().exits(1).hides(&password);
            assert!(!done.err.is_empty() && began.elapsed() < SOON, "{done:?}");
        }
        server.thaw();
        server.stop();
        let _ = run(&url, &["list", "1"]).done().exits(1).hides(&password);
    }
}
