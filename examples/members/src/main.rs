//! `members`: reads the options, starts the logs, and serves the site until it is asked to stop, or does what an
//! administrator wants done.

use std::io::{IsTerminal, stderr};
use std::net::SocketAddr;
use std::process::ExitCode;
use std::time::Duration;

use clap::Parser;
use housekey_axum::BoxError;
use members::{Closing, Command, Options};
use tokio::net::TcpListener;
use tokio::signal;
use tracing_subscriber::EnvFilter;

/// How long requests that are under way may take to end after the program was asked to stop.
const GRACE: Duration = Duration::from_secs(10);

#[tokio::main]
async fn main() -> ExitCode {
    let options = Options::parse();
    // A command says what it did by itself.
    start_logs(options.command.as_ref().map_or("info", |_| "warn"));
    let done = match &options.command {
        None => serve(&options).await,
        Some(command) => administer(&options, command).await,
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("members: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn administer(options: &Options, command: &Command) -> Result<(), BoxError> {
    print!("{}", members::administer(options, command).await?);
    Ok(())
}

async fn serve(options: &Options) -> Result<(), BoxError> {
    let closing = Closing::default();
    let site = members::app(options, &closing).await?;
    let listener = TcpListener::bind(&options.listen).await.map_err(|error| {
        format!(
            "cannot listen on {}: {error}; choose another with --listen",
            options.listen
        )
    })?;
    tracing::info!(
        url = format!(
            "http://{}{}/",
            listener.local_addr()?,
            options.mounted_at.trim_end_matches('/')
        ),
        "open for visitors"
    );

    let shutdown = async move {
        asked_to_stop().await;
        closing.begin();
    };
    // With the address of each connection, which the list of logins shows.
    let site = site.into_make_service_with_connect_info::<SocketAddr>();
    tokio::select! {
        result = axum::serve(listener, site).with_graceful_shutdown(shutdown) => result?,
        () = out_of_patience() => tracing::warn!("stopped while a request was still under way"),
    }
    tracing::info!("closed");
    Ok(())
}

async fn out_of_patience() {
    asked_to_stop().await;
    tokio::time::sleep(GRACE).await;
}

#[cfg(unix)]
async fn asked_to_stop() {
    use signal::unix::{SignalKind, signal};
    let mut terminate =
        signal(SignalKind::terminate()).expect("the runtime can listen for signals");
    tokio::select! {
        _ = terminate.recv() => {}
        _ = signal::ctrl_c() => {}
    }
}

#[cfg(not(unix))]
async fn asked_to_stop() {
    signal::ctrl_c()
        .await
        .expect("the runtime can listen for Ctrl-C");
}

/// Lines for a person at a terminal, JSON for whatever collects them otherwise.
fn start_logs(level: &str) {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new(level));
    let logs = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(stderr);
    if stderr().is_terminal() {
        logs.init()
    } else {
        logs.json().with_span_list(false).init()
    }
}
