//! The contenders: the same site on each of the libraries, as its own documentation advises.

mod actix;
mod axum_login;
mod axum_session_auth;
mod bare;
mod housekey;

use std::hint::black_box;
use std::net::TcpListener;
use std::path::Path;
use std::pin::Pin;

use ::axum::Router;
use ::axum::body::Body;
use ::axum::http::{HeaderMap, Request, StatusCode};
use ::axum::response::{IntoResponse, Response};
use ::axum::routing::get;
use http_body_util::BodyExt as _;
use tower::Service as _;

use crate::requests::PUBLIC;
use crate::users::Users;

use actix::{ActixSite, Logins};

pub(crate) use actix::serve as serve_actix;

pub(crate) type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// A site to measure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Contender {
    /// Its name in the tables and on the command line.
    pub(crate) name: &'static str,
    /// The bare site that it is compared with.
    pub(crate) bare: &'static str,
    kind: SiteKind,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum SiteKind {
    Bare,
    Housekey(housekey::Login),
    AxumLogin(axum_login::Sessions),
    AxumSessionAuth,
    Actix(Logins),
    Flask { with_login: bool },
}

const BARE_AXUM: &str = "axum";
const BARE_ACTIX: &str = "actix-web";
const BARE_FLASK: &str = "Flask";

/// All of them; the bare ones stand before those that are compared with them.
pub(crate) const CONTENDERS: [Contender; 17] = {
    use SiteKind::*;
    use axum_login::Sessions;
    use housekey::Login;
    const fn on(bare: &'static str, name: &'static str, kind: SiteKind) -> Contender {
        Contender { name, bare, kind }
    }
    [
        on(BARE_AXUM, BARE_AXUM, Bare),
        on(BARE_AXUM, "housekey", Housekey(Login::Stateless)),
        on(BARE_AXUM, "housekey, auth hash", Housekey(Login::AuthHash)),
        on(BARE_AXUM, "housekey, memory", Housekey(Login::Memory)),
        on(BARE_AXUM, "housekey, SQLite", Housekey(Login::Sqlite)),
        on(BARE_AXUM, "housekey, PostgreSQL", Housekey(Login::Postgres)),
        on(BARE_AXUM, "housekey, Redis", Housekey(Login::Redis)),
        on(
            BARE_AXUM,
            "housekey, PostgreSQL, cached",
            Housekey(Login::PostgresCached),
        ),
        on(
            BARE_AXUM,
            "housekey, Redis, cached",
            Housekey(Login::RedisCached),
        ),
        on(BARE_AXUM, "axum-login, memory", AxumLogin(Sessions::Memory)),
        on(BARE_AXUM, "axum-login, SQLite", AxumLogin(Sessions::Sqlite)),
        on(BARE_AXUM, "axum_session_auth", AxumSessionAuth),
        on(BARE_ACTIX, BARE_ACTIX, Actix(Logins::Nobody)),
        on(BARE_ACTIX, "housekey on actix-web", Actix(Logins::Housekey)),
        on(BARE_ACTIX, "actix-identity", Actix(Logins::Identity)),
        on(BARE_FLASK, BARE_FLASK, Flask { with_login: false }),
        on(BARE_FLASK, "Flask-Login", Flask { with_login: true }),
    ]
};

impl Contender {
    pub(crate) fn is_bare(&self) -> bool {
        self.name == self.bare
    }

    /// The program that serves it.
    pub(crate) fn server(&self) -> Server {
        match self.kind {
            SiteKind::Actix(logins) => Server::Actix(logins),
            SiteKind::Flask { with_login } => Server::Flask { with_login },
            _ => Server::Axum,
        }
    }

    /// Whether it needs a server that the environment names. `None` if the environment names it, or if it needs none.
    pub(crate) fn missing_variable(&self) -> Option<&'static str> {
        use housekey::Login;
        let variable = match self.kind {
            SiteKind::Housekey(Login::Postgres | Login::PostgresCached) => "DATABASE_URL",
            SiteKind::Housekey(Login::Redis | Login::RedisCached) => "REDIS_URL",
            _ => return None,
        };
        std::env::var_os(variable).is_none().then_some(variable)
    }

    /// The site, if it is on axum.
    pub(crate) async fn router(&self, users: Users, folder: &Path) -> Result<Router, BoxError> {
        let router = match self.kind {
            SiteKind::Bare => bare::site(users),
            SiteKind::Housekey(login) => housekey::site(users, login, folder).await?,
            SiteKind::AxumLogin(sessions) => axum_login::site(users, sessions, folder).await?,
            SiteKind::AxumSessionAuth => axum_session_auth::site(users).await?,
            SiteKind::Actix(_) | SiteKind::Flask { .. } => {
                return Err(format!("{} is not a site on axum", self.name).into());
            }
        };
        // As axum::serve does. Otherwise every request would put the layers around the handler again.
        Ok(router.with_state(()))
    }

    /// The site in this process, if it is in Rust.
    pub(crate) async fn site(&self, users: Users, folder: &Path) -> Result<Site, BoxError> {
        Ok(match self.kind {
            SiteKind::Actix(logins) => Site::Actix(ActixSite::new(users, logins).await?),
            _ => Site::Axum(self.router(users, folder).await?),
        })
    }
}

/// A site in this process, without a server. Clones are the same site.
#[derive(Clone)]
pub(crate) enum Site {
    Axum(Router),
    Actix(ActixSite),
}

/// The answer of a site.
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: String,
}

impl Site {
    pub(crate) async fn answer(&self, request: &Request<()>) -> Result<Answer, BoxError> {
        let router = match self {
            Self::Axum(router) => router,
            Self::Actix(site) => return site.answer(request).await,
        };
        let (head, body) = ask(router, with_body(request)).await.into_parts();
        let body = body.collect().await?.to_bytes();
        Ok(Answer {
            status: head.status,
            headers: head.headers,
            body: String::from_utf8_lossy(&body).into_owned(),
        })
    }

    /// Makes this many requests, which are sent when the future is polled.
    pub(crate) fn batch(
        &self,
        request: &Request<()>,
        count: usize,
    ) -> Pin<Box<dyn Future<Output = ()>>> {
        let router = match self {
            Self::Axum(router) => router.clone(),
            Self::Actix(site) => return site.batch(request, count),
        };
        let requests: Vec<_> = (0..count).map(|_| with_body(request)).collect();
        Box::pin(async move {
            for request in requests {
                black_box(ask(&router, request).await);
            }
        })
    }
}

fn with_body(request: &Request<()>) -> Request<Body> {
    request.clone().map(|()| Body::empty())
}

async fn ask(router: &Router, request: Request<Body>) -> Response {
    match router.clone().call(request).await {
        Ok(response) => response,
        Err(never) => match never {},
    }
}

/// The program that serves a contender.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Server {
    Axum,
    Actix(Logins),
    Flask { with_login: bool },
}

/// A port chosen by the system.
pub(crate) fn listener() -> std::io::Result<TcpListener> {
    let listener = TcpListener::bind(("127.0.0.1", 0))?;
    listener.set_nonblocking(true)?;
    Ok(listener)
}

/// The routes that every site has besides its own.
pub(crate) fn with_public_pages<S: Clone + Send + Sync + 'static>(own: Router<S>) -> Router<S> {
    own.route("/", get(public))
        .route("/about", get(public))
        .route("/articles/{title}", get(public))
        .route("/static/{*path}", get(public))
}

pub(crate) async fn public() -> String {
    PUBLIC.to_owned()
}

pub(crate) fn greeting(name: &str) -> String {
    format!("Hello {name}")
}

/// For errors that would make the measurement worthless.
fn failed(error: impl std::fmt::Display) -> Response {
    (StatusCode::INTERNAL_SERVER_ERROR, error.to_string()).into_response()
}
