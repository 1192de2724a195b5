//! The Flask application in `flask/`, in Rust: the same pages at the same addresses, the same users table, the same
//! cookies. Whoever logs in at one of the two is logged in at the other.
//!
//! - `settings`: what the environment says; the names are those of the Flask side.
//! - `users`: the table, and what housekey asks of it.
//! - `pages`: what visitors see.

mod pages;
mod settings;
mod users;

use std::net::SocketAddr;
use std::process::ExitCode;

use axum::extract::ConnectInfo;
use housekey_axum::{BoxError, LoginManager, LoginManagerExt as _};
use tokio::net::TcpListener;

use settings::Settings;
use users::{Account, Users};

#[tokio::main]
async fn main() -> ExitCode {
    tracing_subscriber::fmt()
        .with_writer(std::io::stderr)
        .with_env_filter(tracing_subscriber::EnvFilter::from_default_env())
        .init();
    match serve().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("twin (Rust): {error}");
            ExitCode::FAILURE
        }
    }
}

async fn serve() -> Result<(), BoxError> {
    let settings = Settings::from_env()?;
    let users = Users::open(&settings)?;
    let manager = manager(&settings, users.clone())?;
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

/// Every setting as the Flask side has it. What the environment leaves open, the preset has as Flask does.
fn manager(settings: &Settings, users: Users) -> Result<LoginManager<Account>, BoxError> {
    let mut builder = LoginManager::flask(settings.keys.clone(), users)
        .login_view("/login")
        .refresh_view("/confirm")
        .session_protection(settings.session_protection)
        .trusted_proxies(settings.trusted_proxies)
        .client_address(|request| {
            let ConnectInfo(address) = request.extensions.get::<ConnectInfo<SocketAddr>>()?;
            Some(address.ip().to_canonical())
        })
        .session_cookie(|cookie| settings.session_cookie.apply(cookie))
        .remember_cookie(|cookie| settings.remember_cookie.apply(cookie));
    if let Some(lifetime) = settings.session_lifetime {
        builder = builder.session_lifetime(lifetime);
    }
    if let Some(refresh) = settings.session_refresh {
        builder = builder.session_refresh(refresh);
    }
    if let Some(duration) = settings.remember_duration {
        builder = builder.remember_duration(duration);
    }
    if settings.remember_refresh {
        builder = builder.remember_refresh_each_request();
    }
    if settings.next_in_session {
        builder = builder.next_in_session();
    }
    if let Some(host) = &settings.force_host {
        builder = builder.force_host_for_redirects(host);
    }
    Ok(builder.build()?)
}
