//! `members`: reads the options, starts the logs, serves the site until it is asked to stop.

use std::io::{IsTerminal, stderr};
use std::process::ExitCode;
use std::time::Duration;

use clap::Parser;
use members::Options;
use tokio::net::TcpListener;
use tokio::signal;
use tracing_subscriber::EnvFilter;

/// How long requests that are under way may take to end after the program was asked to stop.
const GRACE: Duration = Duration::from_secs(10);

#[tokio::main]
async fn main() -> ExitCode {
    let options = Options::parse();
    start_logs();
    match serve(&options).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("members: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn serve(options: &Options) -> Result<(), housekey_axum::BoxError> {
    let site = members::app(options)?;
    let listener = TcpListener::bind(&options.listen).await.map_err(|error| {
        format!(
            "cannot listen on {}: {error}; choose another with --listen",
            options.listen
        )
    })?;
    tracing::info!(
        url = format!("http://{}/", listener.local_addr()?),
        "open for visitors"
    );

    tokio::select! {
        result = axum::serve(listener, site).with_graceful_shutdown(asked_to_stop()) => result?,
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
fn start_logs() {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("info"));
    let logs = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(stderr);
    if stderr().is_terminal() {
        logs.init()
    } else {
        logs.json().with_span_list(false).init()
    }
}
