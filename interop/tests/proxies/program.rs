//! A program as the guide runs it behind a proxy.

use std::convert::Infallible;
use std::fmt::Write as _;
use std::future::ready;
use std::net::Ipv4Addr;
use std::sync::LazyLock;

use axum::extract::ws::{Message, WebSocket, WebSocketUpgrade};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse as _, Response};
use axum::routing::{get, post};
use axum::{Form, Router};
use housekey_axum::records::MemoryLoginStore;
use housekey_axum::{
    Error, FreshLoginRequired, Login, LoginManager, LoginManagerExt as _, LoginRequired, NextUrl,
    SecretKeys, Session, User,
};
use serde::Deserialize;
use tokio::net::TcpListener;
use tokio::runtime::Runtime;
use tokio::task::JoinHandle;
use tower_http::csrf::CsrfLayer;

static RUNTIME: LazyLock<Runtime> = LazyLock::new(|| Runtime::new().unwrap());

/// A running program. Dropping this ends it.
pub(crate) struct Program {
    pub(crate) port: u16,
    serving: JoinHandle<()>,
}

struct Member(String);

impl User for Member {
    fn id(&self) -> String {
        self.0.clone()
    }
}

#[derive(Deserialize)]
struct LoginForm {
    name: String,
    next: Option<String>,
}

impl Program {
    /// On a free port, mounted at this prefix.
    pub(crate) fn at(prefix: &str) -> Self {
        let listener = RUNTIME.block_on(TcpListener::bind((Ipv4Addr::LOCALHOST, 0)));
        let listener = listener.unwrap();
        let port = listener.local_addr().unwrap().port();
        let load = |id: String| ready(Ok::<_, Infallible>(Some(Member(id))));
        let manager = LoginManager::new(SecretKeys::generate(), load)
            .mounted_at(prefix)
            .login_view("/login")
            .trusted_proxies(1)
            .login_store(MemoryLoginStore::new())
            .build()
            .unwrap();
        let app = Router::new()
            .route("/members", get(members))
            .route("/login", post(log_in))
            .route("/seen", get(seen))
            .route("/keep", post(keep))
            .route("/kept", get(kept))
            .route("/socket", get(socket))
            .fallback(async || (StatusCode::NOT_FOUND, "no such page"))
            .layer((CsrfLayer::new(), manager.layer()));
        let serving = RUNTIME.spawn(async move { axum::serve(listener, app).await.unwrap() });
        Self { port, serving }
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

async fn members(LoginRequired(member): LoginRequired<Member>) -> String {
    format!("hello {}", member.0)
}

async fn log_in(
    login: Login<Member>,
    next: NextUrl,
    Form(form): Form<LoginForm>,
) -> Result<Response, Error> {
    login.login_user(&Member(form.name)).await?;
    Ok(next.or_field(form.next.as_deref()).or("/")?.into_response())
}

/// What arrived about the client, and the address that housekey takes it for.
async fn seen(
    _fresh: FreshLoginRequired<Member>,
    login: Login<Member>,
    headers: HeaderMap,
) -> Result<String, Error> {
    let mut seen = String::new();
    let logins = login.logins().await?;
    let own = logins.iter().find(|login| login.current).unwrap();
    let _ = writeln!(seen, "login from {}", own.address.unwrap());
    for name in [
        "x-forwarded-for",
        "x-forwarded-host",
        "x-forwarded-proto",
        "x-forwarded-prefix",
        "forwarded",
    ] {
        for value in headers.get_all(name) {
            let _ = writeln!(seen, "{name}: {}", value.to_str().unwrap());
        }
    }
    Ok(seen)
}

/// Keeps a text with this many characters in the session, which compression hardly shortens.
async fn keep(session: Session, length: String) -> Result<String, Error> {
    let mut state = 7_u64;
    let text: String = std::iter::repeat_with(|| {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        char::from(b'#' + (state >> 40) as u8 % 56)
    })
    .take(length.parse().unwrap())
    .collect();
    session.insert("kept", &text)?;
    Ok(text)
}

async fn kept(session: Session) -> Result<String, Error> {
    Ok(session.get("kept")?.unwrap_or_default())
}

async fn socket(
    LoginRequired(member): LoginRequired<Member>,
    upgrade: WebSocketUpgrade,
) -> Response {
    upgrade.on_upgrade(async move |mut socket: WebSocket| {
        while let Some(Ok(Message::Text(text))) = socket.recv().await {
            let answer = format!("{} said {text}", member.0);
            if socket.send(Message::text(answer)).await.is_err() {
                return;
            }
        }
    })
}
