//! A login at an OpenID provider.
//!
//! The values that a login needs when the browser comes back (state, nonce, PKCE verifier) are kept in that browser's
//! session, which is signed. The first answer that belongs to them takes them out.

mod members;
mod provider;
#[cfg(test)]
mod tests;

use std::env;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use axum::Router;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::http::StatusCode;
use axum::response::{Html, IntoResponse, Redirect, Response};
use axum::routing::{get, post};
use housekey_axum::*;
use members::{Member, Members};
use provider::{Begun, LIFETIME, Provider, Refusal};
use subtle::ConstantTimeEq;

/// The session's key for these values, and how long they are valid.
const BEGUN: &str = "oidc";
const PATIENCE: Duration = Duration::from_secs(10 * 60);
/// A longer `next` is dropped, because all of this has to fit into a cookie.
const LONGEST_NEXT: usize = 1000;

struct Site {
    members: Members,
    provider: Provider,
    now: Box<dyn Fn() -> SystemTime + Send + Sync>,
}

type Shared = State<Arc<Site>>;

async fn home(LoginRequired(member): LoginRequired<Member>) -> Html<String> {
    let links = "<p><a href=/account>Your account</a></p>";
    page(
        &format!("Hello, {}", escape(&member.name)),
        &format!("{links}{LOG_OUT}"),
    )
}

/// A page that needs a fresh login.
async fn account(FreshLoginRequired(member): FreshLoginRequired<Member>) -> Html<String> {
    let text = format!(
        "<p>You are {} of {}.</p><p><a href=/>Back</a></p>",
        escape(&member.subject),
        escape(&member.issuer)
    );
    page("Your account", &text)
}

async fn login_page() -> Html<String> {
    page("Log in", LOG_IN)
}

async fn confirm_page() -> Html<String> {
    page(
        "Prove that it’s you",
        &format!("<p>This page needs a login of the last hour.</p>{LOG_IN}"),
    )
}

async fn log_in(site: Shared, session: Session, next: NextUrl) -> Result<Response, Error> {
    begin(&site, LIFETIME, &session, &next).await
}

/// For a fresh login: the provider asks its user again, although they are logged in there.
async fn confirm(site: Shared, session: Session, next: NextUrl) -> Result<Response, Error> {
    begin(&site, Duration::ZERO, &session, &next).await
}

async fn begin(
    site: &Site,
    max_age: Duration,
    session: &Session,
    next: &NextUrl,
) -> Result<Response, Error> {
    let next = next.get().filter(|next| next.len() <= LONGEST_NEXT);
    match site.provider.begin(max_age, next, (site.now)()).await {
        Ok((url, begun)) => {
            session.insert(BEGUN, &begun)?;
            Ok(Redirect::to(url.as_str()).into_response())
        }
        Err(refusal) => Ok(refused(refusal)),
    }
}

/// The query with which the provider sends the browser back.
#[derive(serde::Deserialize)]
struct Answer {
    state: Option<String>,
    code: Option<String>,
    error: Option<String>,
}

async fn callback(
    State(site): Shared,
    session: Session,
    login: Login<Member>,
    next: NextUrl,
    answer: Result<Query<Answer>, QueryRejection>,
) -> Result<Response, Error> {
    // Before anything else: does it answer what this browser began? If it does not, it changes nothing.
    let begun: Option<Begun> = session.get(BEGUN)?;
    let (Some(begun), Ok(Query(answer))) = (begun, answer) else {
        return Ok(not_begun());
    };
    let state = answer.state.unwrap_or_default();
    let is_ours = state.as_bytes().ct_eq(begun.state.secret().as_bytes());
    if !bool::from(is_ours) {
        return Ok(not_begun());
    }
    // From here on it is used up, even if the login fails.
    session.remove(BEGUN)?;
    if (site.now)() > begun.at + PATIENCE {
        return Ok(not_begun());
    }
    let next = next.or_field(begun.next.as_deref());
    let proof = match (answer.code, answer.error.as_deref()) {
        (Some(code), None) => site.provider.finish(begun, code).await,
        (_, Some("server_error" | "temporarily_unavailable")) => Err(Refusal::Away),
        (_, Some(_)) => Err(Refusal::Denied),
        (None, None) => Err(Refusal::Invalid),
    };
    let proof = match proof {
        Ok(proof) => proof,
        Err(refusal) => {
            login.login_failed(None);
            return Ok(refused(refusal));
        }
    };
    login
        .login_user(&site.members.of(&proof))
        .authenticated_at(proof.authenticated_at)
        .until(proof.until)
        .await?;
    Ok(next.or("/")?.into_response())
}

async fn log_out(login: Login<Member>) -> Result<Redirect, Error> {
    login.logout_user().await?;
    Ok(Redirect::to("/logged-out"))
}

async fn logged_out(State(site): Shared) -> Html<String> {
    let there = site.provider.logout_url().await.map_or_else(
        || "You may still be logged in at the provider.".to_owned(),
        |url| {
            format!(
                "<a href='{}'>Log out at the provider too</a>",
                escape(url.as_str())
            )
        },
    );
    page(
        "Logged out",
        &format!("<p>{there}</p><p><a href=/login>Log in</a></p>"),
    )
}

fn not_begun() -> Response {
    let why = "This login didn’t begin in this browser, was used already, or took too long.";
    trouble(StatusCode::BAD_REQUEST, why)
}

fn refused(refusal: Refusal) -> Response {
    match refusal {
        Refusal::Denied => trouble(
            StatusCode::UNAUTHORIZED,
            "The provider didn’t let you in, or you called it off.",
        ),
        Refusal::Invalid => trouble(
            StatusCode::UNAUTHORIZED,
            "The provider’s answer doesn’t prove who you are.",
        ),
        Refusal::Away => trouble(
            StatusCode::SERVICE_UNAVAILABLE,
            "The provider doesn’t answer. Try again in a few minutes.",
        ),
    }
}

fn trouble(status: StatusCode, why: &str) -> Response {
    let body = format!("<p role=alert>{why}</p><p><a href=/login>Log in</a></p>");
    (status, page("That didn’t work", &body)).into_response()
}

// Posts to its own address, and so keeps the `next` in it.
const LOG_IN: &str = "<form method=post><button>Continue at the provider</button></form>";
const LOG_OUT: &str = "<form method=post action=/logout><button>Log out</button></form>";

fn page(title: &str, body: &str) -> Html<String> {
    let style = include_str!("style.css");
    Html(format!(
        "<!doctype html><html lang=en><meta charset=utf-8><meta name=viewport content='width=device-width'>
         <title>{title}</title><style>{style}</style><main><h1>{title}</h1>{body}</main></html>"
    ))
}

/// Escapes text written by others.
fn escape(text: &str) -> String {
    let text = text.replace('&', "&amp;").replace('<', "&lt;");
    text.replace('\'', "&#39;").replace('"', "&quot;")
}

/// The site. It keeps nothing: yours has a database and a login store of its own.
fn site(
    provider: Provider,
    now: impl Fn() -> SystemTime + Clone + Send + Sync + 'static,
) -> Result<Router, BoxError> {
    let members = Members::default();
    let users = members.clone();
    let load = move |id: String| std::future::ready(Ok::<_, BoxError>(users.load(&id)));
    let manager = LoginManager::new(SecretKeys::generate(), load)
        .login_view("/login")
        .refresh_view("/confirm")
        .login_store(records::MemoryLoginStore::new())
        .clock(now.clone())
        .plain_http() // for development; take it out when the site has HTTPS
        .build()?;
    let site = Site {
        members,
        provider,
        now: Box::new(now),
    };
    Ok(Router::new()
        .route("/", get(home))
        .route("/account", get(account))
        .route("/login", get(login_page).post(log_in))
        .route("/confirm", get(confirm_page).post(confirm))
        .route("/callback", get(callback))
        .route("/logout", post(log_out))
        .route("/logged-out", get(logged_out))
        .with_state(Arc::new(site))
        .layer((tower_http::csrf::CsrfLayer::new(), manager.layer())))
}

#[tokio::main]
async fn main() -> Result<(), BoxError> {
    tracing_subscriber::fmt().init();
    let set = |name: &str, default: &str| env::var(name).unwrap_or_else(|_| default.to_owned());
    let provider = Provider::new(
        &set("OIDC_ISSUER", "http://127.0.0.1:3005"),
        &set("OIDC_CLIENT_ID", "housekey"),
        &set("OIDC_CLIENT_SECRET", "not a secret: for development"),
        "http://localhost:3004",
    )?;
    let listener = tokio::net::TcpListener::bind("127.0.0.1:3004").await?;
    println!("http://localhost:3004");
    Ok(axum::serve(listener, site(provider, SystemTime::now)?).await?)
}
