//! The Flask application in `flask/`, in Rust: the same pages at the same addresses, the same users table, the same
//! cookies. A login at one of the two is a login at the other.
//!
//! - `settings`: what the environment says; the names are those of the Flask side.
//! - `manager`: the settings of the login manager.
//! - `program`: starting and ending.
//! - `users`: the table, and what housekey asks of it.
//! - `pages`: what visitors see. `actix.rs` is the same on actix-web.

mod manager;
mod pages;
mod program;
mod settings;
mod users;

use std::net::SocketAddr;
use std::process::ExitCode;

use axum::extract::ConnectInfo;
use housekey_axum::{BoxError, LoginManagerExt as _};
use tokio::net::TcpListener;

use settings::Settings;
use users::Users;

#[tokio::main]
async fn main() -> ExitCode {
    program::run(serve()).await
}

async fn serve() -> Result<(), BoxError> {
    let settings = Settings::from_env()?;
    let users = Users::open(&settings)?;
    let manager = manager::manager(&settings, users.clone(), |request| {
        let ConnectInfo(address) = request.extensions.get::<ConnectInfo<SocketAddr>>()?;
        Some(address.ip())
    })?;
    let site = pages::routes().layer(manager.layer()).with_state(users);
    let listener = TcpListener::bind(("127.0.0.1", settings.port))
        .await
        .map_err(|error| format!("PORT is {}, and: {error}", settings.port))?;
    eprintln!("twin (Rust): http://{}/", listener.local_addr()?);
    axum::serve(
        listener,
        site.into_make_service_with_connect_info::<SocketAddr>(),
    )
    .await?;
    Ok(())
}
