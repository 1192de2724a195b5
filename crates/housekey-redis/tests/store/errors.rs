//! What errors say, and what they leave out.

use housekey::records::{Limit, LoginStore as _};
use housekey_redis::RedisLoginStore;
use housekey_statements::redis::{keys_of_user, pointer_key};
use redis::Client;
use store_tests::{Kind, NOW, Server, create, faults, operations, record};
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpListener, TcpStream};

use super::common::OwnKeys;

/// A server, a client of it, and a command of its administrator.
fn own_server() -> (Server, Client, impl Fn(&[&str])) {
    let server = Server::start(Kind::Redis);
    let client = Client::open(server.url()).expect("the URL of a server");
    let admin = client.clone();
    let ask = move |command: &[&str]| {
        let mut connection = admin.get_connection().expect("the server answers");
        let (name, arguments) = command.split_first().expect("a command");
        let done: redis::RedisResult<()> = redis::cmd(name).arg(arguments).query(&mut connection);
        done.expect("the server does it");
    };
    (server, client, ask)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_password_is_reported_without_it() {
    let (server, _, _) = own_server();
    let wrong = format!("redis://default:hunter2@127.0.0.1:{}/", server.port());
    let store = RedisLoginStore::new(Client::open(wrong).unwrap());
    let errors = operations::every_one_fails(&store).await;
    errors.say(&format!(
        ": database 0 of Redis at 127.0.0.1:{}: ",
        server.port()
    ));
    errors.say("which user and password");
    errors.hide("hunter2");
    assert!(!format!("{store:?}").contains("hunter2"), "{store:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_missing_password_is_reported() {
    let (server, _, _) = own_server();
    let without = format!("redis://127.0.0.1:{}/", server.port());
    let store = RedisLoginStore::new(Client::open(without).unwrap());
    let record = record("mia");
    for error in [
        store.load(&record.id, NOW).await.unwrap_err(),
        store.create(&record, &[], Limit::NONE).await.unwrap_err(),
    ] {
        let error = error.to_string();
        assert!(error.contains("which user and password"), "{error}");
    }
    // All at once. The server may close the connection to a client that sends so much before logging in.
    operations::every_one_fails(&store).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_user_who_lacks_the_right_is_reported() {
    let (server, _, ask) = own_server();
    ask(&[
        "ACL", "SETUSER", "worker", "on", ">pass", "~other:*", "+@all",
    ]);
    let worker = format!("redis://worker:pass@127.0.0.1:{}/", server.port());
    let store = RedisLoginStore::new(Client::open(worker).unwrap());
    let errors = operations::every_one_fails(&store).await;
    errors.say("keys with the store's prefix");
}

/// The rights that the README says such a user needs.
#[tokio::test(flavor = "multi_thread")]
async fn a_user_with_the_prefix_and_few_commands_can_use_it() {
    let (server, _, ask) = own_server();
    let mut acl = vec!["ACL", "SETUSER", "worker", "on", ">pass", "~housekey:*"];
    acl.extend([
        "+@hash",
        "+@sortedset",
        "+@scripting",
        "+get",
        "+set",
        "+del",
        "+expire",
        "+ttl",
    ]);
    ask(&acl);
    let worker = format!("redis://worker:pass@127.0.0.1:{}/", server.port());
    let store = RedisLoginStore::new(Client::open(worker).unwrap());
    operations::every_one_works(&store).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_became_a_replica_is_reported_until_it_is_a_master_again() {
    let (_server, client, ask) = own_server();
    let store = RedisLoginStore::new(client);
    operations::every_one_works(&store).await;
    ask(&["REPLICAOF", "127.0.0.1", "1"]);
    let error = store
        .create(&record("mia"), &[], Limit::NONE)
        .await
        .unwrap_err();
    assert!(
        error
            .to_string()
            .contains("leads to a server that only reads"),
        "{error}"
    );
    ask(&["REPLICAOF", "NO", "ONE"]);
    operations::every_one_works(&store).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_without_memory_is_reported_and_changes_nothing() {
    let (_server, client, ask) = own_server();
    let store = RedisLoginStore::new(client);
    let old = record("mia");
    create(&store, &old).await;
    ask(&["CONFIG", "SET", "maxmemory", "1"]);
    let new = record("mia");
    let error = store
        .create(&new, &[old.id], Limit::NONE)
        .await
        .unwrap_err();
    assert!(error.to_string().contains("more memory"), "{error}");
    assert_eq!(store.load(&new.id, NOW).await.unwrap(), None);
    assert_eq!(store.load(&old.id, NOW).await.unwrap(), Some(old));
    ask(&["CONFIG", "SET", "maxmemory", "0"]);
    operations::every_one_works(&store).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_of_somebody_else_are_reported() {
    let keys = OwnKeys::new();
    let store = keys.store();
    let record = record("mia");
    let says = "give the store a prefix of its own";
    let pointer = pointer_key(&keys.prefix, &record.id.to_string());
    let [logins, ..] = keys_of_user(&keys.prefix, "mia");
    let _: () = keys.ask("SET", &[&pointer, "hunter2"]);
    let error = store.load(&record.id, NOW).await.unwrap_err();
    assert!(error.to_string().contains(says), "{error}");
    assert!(!format!("{error:?}").contains("hunter2"), "{error:?}");
    let _: () = keys.ask("SET", &[&pointer, "0123456789abcdef mia"]);
    let _: () = keys.ask("SET", &[&logins, "a text"]);
    let error = store.load(&record.id, NOW).await.unwrap_err();
    assert!(error.to_string().contains(says), "{error}");
    let _: () = keys.ask("DEL", &[&logins]);
    let _: () = keys.ask("HSET", &[&logins, &record.id.to_string(), "hunter2"]);
    for error in [
        store.load(&record.id, NOW).await.map(drop).unwrap_err(),
        store.update(&record).await.map(drop).unwrap_err(),
        store.delete(&record.id).await.map(drop).unwrap_err(),
    ] {
        assert!(error.to_string().contains(says), "{error}");
        assert!(!format!("{error:?}").contains("hunter2"), "{error:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_never_answers_is_an_error_in_time() {
    faults::a_server_that_never_answers_is_an_error_in_time(|port, timeout| {
        let client = Client::open(format!("redis://127.0.0.1:{port}/")).unwrap();
        RedisLoginStore::new(client).timeout(timeout)
    })
    .await;
}

/// If the owner has renamed commands, the server repeats the arguments of the ones that it no longer knows.
#[tokio::test(flavor = "multi_thread")]
async fn what_a_server_repeats_of_a_command_that_it_does_not_know_is_not_said() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(know_no_command(listener));
    let store = RedisLoginStore::new(Client::open(format!("redis://127.0.0.1:{port}/")).unwrap());
    let errors = operations::every_one_fails(&store).await;
    errors.say("does not know a command");
}

/// Answers as Redis does. A command is a line with the number of its parts, and two lines for each part.
async fn know_no_command(listener: TcpListener) {
    loop {
        let (connection, _) = listener.accept().await.expect("a connection");
        tokio::spawn(know_nothing(connection));
    }
}

async fn know_nothing(mut connection: TcpStream) {
    let (from, mut to) = connection.split();
    let mut lines = BufReader::new(from).lines();
    let mut line = async || lines.next_line().await.expect("a line or the end");
    while let Some(count) = line().await {
        let count = count.strip_prefix('*').and_then(|count| count.parse().ok());
        let mut parts = Vec::new();
        for _ in 0..count.expect("a command begins with their number") {
            let _length = line().await;
            parts.extend(line().await);
        }
        let (name, arguments) = parts.split_first().expect("a command has a name");
        let answer = format!(
            "-ERR unknown command '{name}', with args beginning with: '{}'\r\n",
            arguments.join("' '")
        );
        if to.write_all(answer.as_bytes()).await.is_err() {
            return;
        }
    }
}
