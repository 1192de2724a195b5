//! A login page where guesses have to wait. Log in as `mia` with the password `correct horse`.

use std::net::SocketAddr;
use std::time::Duration;

use axum::extract::{ConnectInfo, State};
use axum::http::StatusCode;
use axum::response::{Html, IntoResponse as _, Response};
use axum::{Form, Router, routing};
use housekey_axum::records::MemoryLoginStore;
use housekey_axum::*;

struct Member(&'static str);

impl User for Member {
    fn id(&self) -> String {
        self.0.to_owned()
    }
}

#[derive(serde::Deserialize)]
struct Credentials {
    name: String,
    password: String,
}

/// In place of your table of users.
#[derive(Clone)]
struct Site {
    passwords: Passwords,
    hash_of_mia: String,
}

const FORM: Html<&str> =
    Html("<form method=post><input name=name> <input name=password type=password> <button>Sign in");

async fn sign_in(
    State(site): State<Site>,
    login: Login<Member>,
    Form(form): Form<Credentials>,
) -> Result<Response, Error> {
    // Ask before you look anything up. If it is refused, `?` answers with a 429 that says when to come back.
    let attempt = login.attempt("password", &form.name).await?;

    let hash = (form.name == "mia").then_some(&*site.hash_of_mia);
    if !site.passwords.verify(&form.password, hash).await? {
        return Ok((StatusCode::UNAUTHORIZED, FORM).into_response()); // already counted as failed
    }
    attempt.succeeded().await?;
    login.login_user(&Member("mia")).await?;
    Ok("Hello mia!".into_response())
}

pub(crate) async fn app() -> Result<Router, BoxError> {
    let passwords = Passwords::new();
    let hash_of_mia = passwords.hash("correct horse").await?;
    let store = MemoryLoginStore::new(); // or a clone of your login store
    let three_free = AttemptSchedule {
        free: 3,
        first_delay: Duration::from_secs(30),
        ..AttemptSchedule::ACCOUNT
    };
    let find = async |id: String| Ok::<_, BoxError>((id == "mia").then_some(Member("mia")));
    let manager = LoginManager::new(SecretKeys::generate(), find)
        .limit_attempts(Attempts::new(store).by_account(three_free))
        .client_address(|request| {
            let ConnectInfo(address) = request.extensions.get::<ConnectInfo<SocketAddr>>()?;
            Some(address.ip())
        })
        .plain_http() // for development; take it out when the site has HTTPS
        .build()?;
    Ok(Router::new()
        .route("/login", routing::get(FORM).post(sign_in))
        .with_state(Site {
            passwords,
            hash_of_mia,
        })
        .layer(manager.layer()))
}

#[tokio::main]
async fn main() -> Result<(), BoxError> {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:3000").await?;
    let app = app()
        .await?
        .into_make_service_with_connect_info::<SocketAddr>();
    Ok(axum::serve(listener, app).await?)
}
