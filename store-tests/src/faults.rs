//! What happens to a store when its server is killed, stops, hangs, is missing, or does not answer.

use std::sync::Arc;
use std::time::Duration;

use housekey::records::LoginStore;
use tokio::net::TcpListener;
use tokio::time::timeout;

use crate::{NOW, Network, Server, Traffic, operations, record};

/// How long the operations of these stores may take: short, so that tests do not wait, and long enough for a server on a busy
/// machine.
pub const SOON: Duration = Duration::from_secs(5);

/// A server that is killed, or stopped, in the middle of traffic. It runs again afterwards.
///
/// # Panics
///
/// When an answer is lost.
pub async fn no_end_of_the_server_loses_an_answer<S: LoginStore>(
    server: &mut Server,
    store: &Arc<S>,
) {
    let mut traffic = Traffic::start(store);
    for end in [Server::kill, Server::stop, Server::kill, Server::stop] {
        traffic.flows().await;
        end(server);
        traffic.fails().await;
        server.start_again();
    }
    traffic.flows().await;
    traffic.end(&**store).await;
}

/// Something that ends connections in the middle of traffic, but not the server.
///
/// # Panics
///
/// When an answer is lost.
pub async fn no_end_of_a_connection_loses_an_answer<S: LoginStore>(
    store: &Arc<S>,
    end: impl AsyncFn(),
) {
    let mut traffic = Traffic::start(store);
    for _ in 0..5 {
        traffic.flows().await;
        end().await;
    }
    traffic.flows().await;
    traffic.end(&**store).await;
}

/// Connections that stay open without any answer, as when the server's machine dies. The store
/// is behind this network.
///
/// # Panics
///
/// When an answer is lost.
pub async fn dead_connections_are_given_up<S: LoginStore>(network: &Network, store: &Arc<S>) {
    no_end_of_a_connection_loses_an_answer(store, async || network.lose_connections()).await;
}

/// A server that stops and comes back, twice.
///
/// # Panics
///
/// When an operation succeeds without it, or fails with it, or if an error has the wrong message.
pub async fn a_server_that_is_not_there_is_an_error_until_it_comes(
    server: &mut Server,
    store: &impl LoginStore,
) {
    for _ in 0..2 {
        server.stop();
        let errors = operations::every_one_fails(store).await;
        errors.say(&format!("127.0.0.1:{}", server.port()));
        errors.hide(&server.password());
        server.start_again();
        operations::every_one_works(store).await;
    }
}

/// A server that accepts connections without answering, and then continues.
///
/// # Panics
///
/// When an operation succeeds without it, or fails with it.
pub async fn a_server_that_hangs_is_an_error_until_it_goes_on(
    server: &Server,
    store: &impl LoginStore,
) {
    operations::every_one_works(store).await;
    server.freeze();
    operations::every_one_fails(store).await;
    server.thaw();
    operations::every_one_works(store).await;
}

/// A listener that accepts the connection and sends nothing. `store_at` makes a store for a port of 127.0.0.1, with this timeout.
///
/// # Panics
///
/// When an operation succeeds, or an error has the wrong message.
pub async fn a_server_that_never_answers_is_an_error_in_time<S: LoginStore>(
    store_at: impl FnOnce(u16, Duration) -> S,
) {
    let silent = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let port = silent.local_addr().expect("its address").port();
    let errors = operations::every_one_fails(&store_at(port, Duration::from_millis(200))).await;
    errors.say(&format!("127.0.0.1:{port}"));
    errors.say("has not answered within 200ms");
}

/// Requests that are abandoned while no answer comes.
///
/// # Panics
///
/// When one comes.
pub async fn nobody_waits_for_the_answer(store: &impl LoginStore, requests: usize) {
    let id = record("nobody").id;
    for _ in 0..requests {
        let given_up = timeout(Duration::from_millis(50), store.load(&id, NOW)).await;
        assert!(given_up.is_err(), "the server cannot have answered");
    }
}
