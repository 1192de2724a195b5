//! actix-web, alone and with actix-identity on a session in a cookie.

use std::net::TcpListener;

use actix_identity::{Identity, IdentityMiddleware};
use actix_session::SessionMiddleware;
use actix_session::storage::CookieSessionStore;
use actix_web::cookie::{Cookie, Key};
use actix_web::http::header;
use actix_web::middleware::Condition;
use actix_web::web::{self, Data};
use actix_web::{App, HttpMessage as _, HttpRequest, HttpResponse, HttpServer};

use super::greeting;
use crate::requests::PUBLIC;
use crate::users::{MIA, Users};

/// Serves until it is stopped, with one worker as all the others.
pub(crate) fn serve(
    users: Users,
    with_identity: bool,
    listener: TcpListener,
) -> std::io::Result<()> {
    let key = Key::generate();
    let server = HttpServer::new(move || {
        let sessions = SessionMiddleware::new(CookieSessionStore::default(), key.clone());
        let app = App::new()
            .wrap(Condition::new(with_identity, IdentityMiddleware::default()))
            .wrap(Condition::new(with_identity, sessions))
            .app_data(Data::new(users.clone()))
            .route("/", web::get().to(public))
            .route("/about", web::get().to(public))
            .route("/articles/{title}", web::get().to(public))
            .route("/static/{path:.*}", web::get().to(public));
        match with_identity {
            false => app
                .route("/dashboard", web::get().to(bare_dashboard))
                .route("/sign-in", web::post().to(bare_sign_in)),
            true => app
                .route("/dashboard", web::get().to(dashboard))
                .route("/sign-in", web::post().to(sign_in)),
        }
    });
    actix_web::rt::System::new().block_on(server.workers(1).listen(listener)?.run())
}

async fn public() -> String {
    PUBLIC.to_owned()
}

async fn hello(users: &Users, id: &str) -> HttpResponse {
    match users.find(id).await {
        Ok(Some(member)) => HttpResponse::Ok()
            .content_type("text/plain; charset=utf-8")
            .body(greeting(&member.name)),
        Ok(None) => to_login_page(),
        Err(error) => HttpResponse::InternalServerError().body(error.to_string()),
    }
}

fn to_login_page() -> HttpResponse {
    HttpResponse::SeeOther()
        .insert_header((header::LOCATION, "/sign-in?next=%2Fdashboard"))
        .finish()
}

async fn bare_dashboard(users: Data<Users>, request: HttpRequest) -> HttpResponse {
    let cookies = request.headers().get(header::COOKIE);
    if !cookies.is_some_and(|cookies| cookies.as_bytes().ends_with(b"signed-in=1")) {
        return to_login_page();
    }
    hello(&users, MIA).await
}

async fn bare_sign_in() -> HttpResponse {
    HttpResponse::NoContent()
        .cookie(Cookie::new("signed-in", "1"))
        .finish()
}

async fn dashboard(users: Data<Users>, identity: Option<Identity>) -> HttpResponse {
    match identity.and_then(|identity| identity.id().ok()) {
        Some(id) => hello(&users, &id).await,
        None => to_login_page(),
    }
}

async fn sign_in(request: HttpRequest) -> HttpResponse {
    match Identity::login(&request.extensions(), MIA.to_owned()) {
        Ok(_) => HttpResponse::NoContent().finish(),
        Err(error) => HttpResponse::InternalServerError().body(error.to_string()),
    }
}
