//! How a twin starts and ends, on any framework.

use std::process::ExitCode;

use housekey_axum::BoxError;

/// Logs to standard error, serves, and reports there why it could not.
pub(crate) async fn run(serve: impl Future<Output = Result<(), BoxError>>) -> ExitCode {
    tracing_subscriber::fmt()
        .with_writer(std::io::stderr)
        .with_env_filter(tracing_subscriber::EnvFilter::from_default_env())
        .init();
    match serve.await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("twin (Rust): {error}");
            ExitCode::FAILURE
        }
    }
}
