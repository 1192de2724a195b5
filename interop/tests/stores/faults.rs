//! Servers that refuse, hang, are killed and come back.

use std::sync::Arc;

use store_tests::{Kind, Network, Server, faults, operations};

use crate::python::PythonStore;

const KINDS: [(&str, Kind, &str); 3] = [
    ("psycopg", Kind::Postgres, "housekey_logins"),
    ("psycopg2", Kind::Postgres, "housekey_logins"),
    ("redis", Kind::Redis, "housekey:"),
];

/// How long an answer may take, in seconds.
fn soon() -> f64 {
    faults::SOON.as_secs_f64()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_is_killed_or_stopped_in_mid_traffic_loses_no_answer() {
    for (kind, server, name) in KINDS {
        let mut server = Server::start(server);
        let store = Arc::new(PythonStore::start(kind, &server.url(), name, soon()));
        faults::no_end_of_the_server_loses_an_answer(&mut server, &store).await;
        operations::every_one_works(&*store).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_is_not_there_is_an_error_until_it_comes() {
    for (kind, server, name) in KINDS {
        let mut server = Server::start(server);
        let store = PythonStore::start(kind, &server.url(), name, soon());
        operations::every_one_works(&store).await;
        faults::a_server_that_is_not_there_is_an_error_until_it_comes(&mut server, &store).await;
    }
}

/// With psycopg2, nothing could end the wait.
#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_hangs_is_an_error_until_it_goes_on() {
    for (kind, server, name) in KINDS {
        if kind != "psycopg2" {
            let server = Server::start(server);
            let store = PythonStore::start(kind, &server.url(), name, soon());
            faults::a_server_that_hangs_is_an_error_until_it_goes_on(&server, &store).await;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn dead_connections_are_given_up() {
    for (kind, server, name) in KINDS {
        if kind != "psycopg2" {
            let server = Server::start(server);
            let network = Network::to(server.port()).await;
            let [there, around] = [server.port(), network.port()].map(|port| format!(":{port}/"));
            let url = server.url().replace(&there, &around);
            let store = Arc::new(PythonStore::start(kind, &url, name, soon()));
            faults::dead_connections_are_given_up(&network, &store).await;
            operations::every_one_works(&*store).await;
        }
    }
}
