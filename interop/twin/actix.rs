//! The twin on actix-web: all that `main.rs` says, behind the other door.

mod manager;
#[path = "actix_pages.rs"]
mod pages;
mod program;
mod settings;
mod users;

use std::net::SocketAddr;
use std::process::ExitCode;

use actix_web::{App, HttpServer, web::ThinData};
use housekey_actix::{BoxError, LoginManagerExt as _};

use settings::Settings;
use users::Users;

#[actix_web::main]
async fn main() -> ExitCode {
    program::run(serve()).await
}

async fn serve() -> Result<(), BoxError> {
    let settings = Settings::from_env()?;
    let users = Users::open(&settings)?;
    let manager = manager::manager(&settings, users.clone(), |request| {
        Some(request.extensions.get::<SocketAddr>()?.ip())
    })?;
    let app = move || {
        App::new()
            .app_data(ThinData(users.clone()))
            .configure(pages::routes)
            .wrap(manager.middleware())
    };
    let server = HttpServer::new(app)
        .workers(2)
        .bind(("127.0.0.1", settings.port))
        .map_err(|error| format!("PORT is {}, and: {error}", settings.port))?;
    eprintln!("twin (Rust): http://127.0.0.1:{}/", settings.port);
    Ok(server.run().await?)
}
