//! Masters that Sentinels watch, replicas, and how a server's settings may affect logins.

use std::sync::Arc;

use housekey::records::{Limit, LoginStore as _};
use housekey_redis::RedisLoginStore;
use redis::Client;
use store_tests::{Kind, NOW, Server, Traffic, Watched, create, faults, operations, record};
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpListener, TcpStream};

fn store_on(watched: &Watched) -> RedisLoginStore {
    let sentinels = watched.sentinel_urls().into_iter().map(Client::open);
    let password = watched.password();
    let master = format!("redis://default:{password}@{}/0", Watched::NAME);
    RedisLoginStore::sentinel(
        sentinels.map(|client| client.expect("the URL of a Sentinel")),
        Client::open(master).expect("a URL with a name in it"),
    )
}

fn ask(server: &Server, command: &[&str]) {
    let client = Client::open(server.url()).expect("the URL of a server");
    let mut connection = client.get_connection().expect("the server answers");
    let (name, arguments) = command.split_first().expect("a command");
    let done: redis::RedisResult<()> = redis::cmd(name).arg(arguments).query(&mut connection);
    done.expect("the server does it");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_waited_for_a_replica_outlives_the_master_that_the_sentinels_replace() {
    let mut watched = Watched::start();
    let store = Arc::new(store_on(&watched).replicas(1).timeout(faults::SOON));
    operations::every_one_works(&*store).await;
    let mut traffic = Traffic::start(&store);
    for (master, other) in [(0, 1), (1, 0)] {
        traffic.flows().await;
        // A Sentinel that hangs does not hold up anything.
        watched.sentinel(0).freeze();
        watched.server(master).kill();
        traffic.fails().await;
        watched.sentinel(0).thaw();
        watched.wait_for_master(other);
        watched.start_again_behind_the_other(master);
    }
    traffic.flows().await;
    traffic.end(&store).await;
    operations::every_one_works(&*store).await;
    let errors = RedisLoginStore::sentinel(
        [Client::open(watched.sentinel_urls().remove(0)).unwrap()],
        Client::open("redis://unknown/").unwrap(),
    );
    let errors = operations::every_one_fails(&errors).await;
    errors.say("the Redis that Sentinels call \"unknown\"");
    errors.say("it knows no master of this name");
}

#[tokio::test(flavor = "multi_thread")]
async fn sentinels_that_are_away_or_silent_are_reported_in_time() {
    let nobody = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = nobody.local_addr().unwrap().port();
    let silent = Client::open(format!("redis://:hunter2@127.0.0.1:{port}/")).unwrap();
    let master = Client::open("redis://:hunter2@logins/").unwrap();
    let store = RedisLoginStore::sentinel([silent.clone(), silent], master.clone());
    let errors = operations::every_one_fails(&store.timeout(faults::SOON / 4)).await;
    errors.say("the Redis that Sentinels call \"logins\"");
    errors.hide("hunter2");
    let errors = operations::every_one_fails(&RedisLoginStore::sentinel([], master)).await;
    errors.say("no address was given");
}

/// It would answer with older data.
#[tokio::test(flavor = "multi_thread")]
async fn a_replica_and_a_sentinel_are_refused_even_for_looking() {
    let mut watched = Watched::start();
    let store = store_on(&watched);
    let login = record("mia");
    create(&store, &login).await;
    let at = |url: String| RedisLoginStore::new(Client::open(url).unwrap());
    let replica = at(watched.server(1).url());
    let errors = operations::every_one_fails(&replica).await;
    errors.say("it is a replica");
    errors.say("leads to a server that only reads");
    let sentinel = at(watched.sentinel_urls().remove(0));
    let errors = operations::every_one_fails(&sentinel).await;
    errors.say("it is a Sentinel");
    assert_eq!(store.load(&login.id, NOW).await.unwrap(), Some(login));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_that_too_few_replicas_have_is_an_error_and_no_look_up_waits() {
    let server = Server::start(Kind::Redis);
    let client = Client::open(server.url()).unwrap();
    let store = RedisLoginStore::new(client);
    let login = record("mia");
    create(&store, &login).await;
    let careful = store.clone().replicas(1).timeout(faults::SOON);
    let (changed, looked) = tokio::join!(careful.delete(&login.id), async {
        let mut found = 0;
        for _ in 0..50 {
            let found_it = careful.load(&record("ben").id, NOW).await;
            found += usize::from(found_it.is_ok());
        }
        found
    });
    let error = changed.unwrap_err().to_string();
    assert!(error.contains("0 of 1 replicas have"), "{error}");
    assert_eq!(looked, 50);
    let created = careful.create(&record("ben"), &[], Limit::NONE).await;
    assert!(created.is_err(), "{created:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn settings_that_may_lose_logins_or_bring_them_back_are_reported() {
    let server = Server::start(Kind::Redis);
    let store = RedisLoginStore::new(Client::open(server.url()).unwrap());
    assert_eq!(store.check().await.unwrap(), Vec::<String>::new());
    for (setting, value, says) in [
        ("maxmemory", "100mb", None),
        ("maxmemory-policy", "allkeys-lru", Some("it drops logins")),
        ("maxmemory-policy", "volatile-ttl", Some("it drops logins")),
        ("maxmemory-policy", "noeviction", None),
        ("appendfsync", "everysec", Some("appendfsync is not always")),
        ("appendonly", "no", Some("set appendonly yes")),
    ] {
        ask(&server, &["CONFIG", "SET", setting, value]);
        let warnings = store.check().await.unwrap();
        match (says, &*warnings) {
            (None, []) => {}
            (Some(says), [warning]) => {
                assert!(warning.contains(says), "{setting} {value}: {warning}");
                let place = format!("127.0.0.1:{}", server.port());
                assert!(warning.contains(&place), "{warning}");
            }
            _ => panic!("{setting} {value}: {warnings:?}"),
        }
    }
    ask(&server, &["ACL", "SETUSER", "default", "-config"]);
    ask(&server, &["ACL", "SETUSER", "default", "-info"]);
    let [warning] = &*store.check().await.unwrap() else {
        panic!("one says that nothing can be seen");
    };
    assert!(warning.contains("cannot be seen"), "{warning}");
    operations::every_one_works(&store).await;
}

/// Redis 6.2 answers a script that writes on a replica with an error of the script. The server is a master at the time of
/// connecting.
#[tokio::test(flavor = "multi_thread")]
async fn an_old_master_that_has_become_a_replica_is_left() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let connections = Arc::new(std::sync::atomic::AtomicUsize::new(0));
    let count = Arc::clone(&connections);
    tokio::spawn(async move {
        loop {
            let (connection, _) = listener.accept().await.expect("a connection");
            count.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
            tokio::spawn(be_old(connection));
        }
    });
    let client = Client::open(format!("redis://127.0.0.1:{port}/")).unwrap();
    let store = RedisLoginStore::new(client);
    for turn in 1..4 {
        let created = store.create(&record("mia"), &[], Limit::NONE).await;
        let error = created.unwrap_err().to_string();
        assert!(
            error.contains("leads to a server that only reads"),
            "{error}"
        );
        let made = connections.load(std::sync::atomic::Ordering::SeqCst);
        assert_eq!(made, turn, "the next one asks anew");
    }
}

/// Answers as Redis 6.2 does, without `HELLO`, like some compatible servers.
async fn be_old(mut connection: TcpStream) {
    const ROLE: &str = "*3\r\n$6\r\nmaster\r\n:0\r\n*0\r\n";
    const READ_ONLY: &str = "-ERR Error running script (call to f_0): @user_script:7: @user_script: 7: -READONLY You can't \
                             write against a read only replica. \r\n";
    let (from, mut to) = connection.split();
    let mut lines = BufReader::new(from).lines();
    let mut line = async || lines.next_line().await.ok().flatten();
    while let Some(count) = line().await {
        let count = count.strip_prefix('*').and_then(|count| count.parse().ok());
        let mut parts = Vec::new();
        for _ in 0..count.expect("a command begins with their number") {
            let _length = line().await;
            parts.extend(line().await);
        }
        let answer = match parts.first().map(String::as_str) {
            Some("ROLE") => ROLE,
            Some("EVALSHA") => READ_ONLY,
            Some("CLIENT") => "+OK\r\n",
            _ => "-ERR unknown command\r\n",
        };
        if to.write_all(answer.as_bytes()).await.is_err() {
            return;
        }
    }
}
