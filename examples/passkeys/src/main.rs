//! A login in two steps: a password, then a passkey.
//!
//! The server keeps each challenge under the id of the begun login (`PendingLogin::id`). The first answer removes it, so that an
//! answer cannot count twice or for another login. Each member has room for a few, so that nobody takes the room of the others.

mod challenges;
#[cfg(test)]
mod tests;

use std::sync::{Arc, Mutex, PoisonError};

use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{Html, IntoResponse, Redirect, Response};
use axum::routing::{get, post};
use axum::{Form, Json, Router};
use challenges::Challenges;
use housekey_axum::*;
use webauthn_rs::prelude::*;

/// In place of a row of your users table, and of the table of their passkeys.
#[derive(Clone)]
struct Member {
    name: &'static str,
    password_hash: String,
    /// The id by which authenticators know the member: not the name, which may change.
    handle: Uuid,
    passkeys: Arc<Mutex<Vec<Passkey>>>,
}

impl User for Member {
    fn id(&self) -> String {
        self.handle.to_string()
    }

    /// A new password or another passkey ends all other logins, and those that have only begun.
    fn session_auth_hash(&self) -> Option<Vec<u8>> {
        let mut stamp = self.password_hash.clone().into_bytes();
        self.with(|passkeys| {
            for passkey in passkeys {
                stamp.extend(passkey.cred_id().iter());
            }
        });
        Some(stamp)
    }
}

impl Member {
    fn with<T>(&self, act: impl FnOnce(&mut Vec<Passkey>) -> T) -> T {
        act(&mut self.passkeys.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

struct Site {
    member: Member,
    passwords: Passwords,
    webauthn: Webauthn,
    registering: Challenges<PasskeyRegistration>,
    signing_in: Challenges<PasskeyAuthentication>,
}

type Shared = State<Arc<Site>>;

#[derive(serde::Deserialize)]
struct Credentials {
    name: String,
    password: String,
}

/// The answer to the script: where to go, or why not.
type Answer<T> = Result<Json<T>, Response>;

fn refused(why: &'static str) -> Response {
    (StatusCode::UNAUTHORIZED, why).into_response()
}

/// What the script is told if there is no room for another challenge.
fn crowded() -> Response {
    let why = "Too many people are using their passkeys just now. Try again in a minute.";
    let headers = [(header::RETRY_AFTER, "60")];
    (StatusCode::SERVICE_UNAVAILABLE, headers, why).into_response()
}

async fn home(LoginRequired(member): LoginRequired<Member>) -> Html<String> {
    let count = member.with(|passkeys| passkeys.len());
    let mut body = format!("<p>Your passkeys: {count}. <a href=/passkeys>Add one</a></p>");
    body += SIGN_OUT;
    page(&format!("Hello, {}", member.name), &body)
}

async fn login_page() -> Html<String> {
    page("Sign in", LOGIN)
}

/// The first step.
async fn log_in(
    State(site): Shared,
    login: Login<Member>,
    next: NextUrl,
    Form(form): Form<Credentials>,
) -> Result<Response, Error> {
    let member = Some(&site.member).filter(|member| member.name == form.name);
    let hash = member.map(|member| member.password_hash.as_str());
    let is_right = site.passwords.verify(&form.password, hash).await?;
    let Some(member) = member.filter(|_| is_right) else {
        login.login_failed(member);
        let body = format!("<p role=alert>That name and password don’t match.</p>{LOGIN}");
        return Ok((StatusCode::UNAUTHORIZED, page("Sign in", &body)).into_response());
    };
    if member.with(|passkeys| passkeys.is_empty()) {
        login.login_user(member).await?;
        return Ok(next.or("/")?.into_response());
    }
    login.begin(member).next(next.get()).await?;
    Ok(Redirect::to("/second-step").into_response())
}

async fn second_step_page(_: PendingLogin<Member>) -> Html<String> {
    page("One more step", USE)
}

async fn challenge(
    State(site): Shared,
    pending: PendingLogin<Member>,
) -> Answer<RequestChallengeResponse> {
    let passkeys = pending.with(|passkeys| passkeys.clone());
    let begun = site.webauthn.start_passkey_authentication(&passkeys);
    let (challenge, state) = begun.map_err(|_| refused("There is no passkey to use."))?;
    match site
        .signing_in
        .keep(&pending.user().id(), pending.id(), state)
    {
        true => Ok(Json(challenge)),
        false => Err(crowded()),
    }
}

/// The second step.
async fn second_step(
    State(site): Shared,
    pending: PendingLogin<Member>,
    login: Login<Member>,
    next: NextUrl,
    Json(answer): Json<PublicKeyCredential>,
) -> Answer<String> {
    let state = site.signing_in.take(pending.id());
    let state = state.ok_or_else(|| refused("That challenge is over. Try again."))?;
    let Ok(used) = site.webauthn.finish_passkey_authentication(&answer, &state) else {
        login.login_failed(Some(&pending));
        return Err(refused("The passkey is not one of yours."));
    };
    // A counter that goes back means that the passkey was copied: an error above.
    pending.with(|passkeys| {
        for passkey in passkeys {
            passkey.update_credential(&used);
        }
    });
    let done = async { login.finish().await.map(drop) }.await;
    done.map_err(|error| Error::from(error).into_response())?;
    let next = next.or("/").map_err(IntoResponse::into_response)?;
    Ok(Json(next.location().to_owned()))
}

async fn passkeys_page(_: FreshLoginRequired<Member>) -> Html<String> {
    page("Add a passkey", REGISTER)
}

async fn registration_challenge(
    State(site): Shared,
    FreshLoginRequired(member): FreshLoginRequired<Member>,
) -> Answer<CreationChallengeResponse> {
    let ids = member.with(|passkeys| passkeys.iter().map(|it| it.cred_id().clone()).collect());
    let begun = site.webauthn.start_passkey_registration(
        member.handle,
        member.name,
        member.name,
        Some(ids),
    );
    let (challenge, state) = begun.map_err(|_| refused("A passkey cannot be made now."))?;
    match site.registering.keep(&member.id(), &member.id(), state) {
        true => Ok(Json(challenge)),
        false => Err(crowded()),
    }
}

async fn register(
    State(site): Shared,
    FreshLoginRequired(member): FreshLoginRequired<Member>,
    login: Login<Member>,
    Json(answer): Json<RegisterPublicKeyCredential>,
) -> Answer<&'static str> {
    let state = site.registering.take(&member.id());
    let state = state.ok_or_else(|| refused("That challenge is over. Try again."))?;
    let made = site.webauthn.finish_passkey_registration(&answer, &state);
    let made = made.map_err(|_| refused("The passkey cannot be used."))?;
    member.with(|passkeys| passkeys.push(made));
    let stays = login.update_auth_hash(&member).await;
    stays.map_err(|error| Error::from(error).into_response())?;
    Ok(Json("/"))
}

async fn log_out(login: Login<Member>) -> Result<Redirect, Error> {
    login.logout_user().await?;
    Ok(Redirect::to("/login"))
}

const LOGIN: &str = "<form method=post><label>Name<input name=name autocomplete=username required></label>
    <label>Password<input name=password type=password autocomplete=current-password required></label>
    <button>Continue</button></form>";
const SIGN_OUT: &str = "<form method=post action=/logout><button>Sign out</button></form>";
const USE: &str = "<p>Your passkey proves that it’s you.</p><p role=alert></p>
    <button data-passkey=use>Use a passkey</button><script src=/passkeys.js></script>";
const REGISTER: &str =
    "<p>From then on, signing in takes the passkey and your password.</p><p role=alert></p>
    <button data-passkey=register>Make a passkey</button><script src=/passkeys.js></script>";

fn page(title: &str, body: &str) -> Html<String> {
    let style = include_str!("style.css");
    Html(format!(
        "<!doctype html><html lang=en><meta charset=utf-8><meta name=viewport content='width=device-width'>
         <title>{title}</title><style>{style}</style><main><h1>{title}</h1>{body}</main></html>"
    ))
}

async fn script() -> impl IntoResponse {
    let kind = [(header::CONTENT_TYPE, "text/javascript")];
    (kind, include_str!("passkeys.js"))
}

/// The site at an address, to which passkeys are bound. It keeps nothing on disk. Yours has a database, and a login store there.
async fn site(origin: &str) -> Result<Router, BoxError> {
    let origin = Url::parse(origin)?;
    let domain = origin.domain().unwrap_or_default().to_owned();
    let passwords = Passwords::new();
    let member = Member {
        name: "mia",
        password_hash: passwords.hash("correct horse").await?,
        handle: Uuid::new_v4(),
        passkeys: Arc::default(),
    };
    let only = member.clone();
    let load = move |id: String| {
        let found = Some(only.clone()).filter(|member| member.id() == id);
        async { Ok::<_, BoxError>(found) }
    };
    let manager = LoginManager::new(SecretKeys::generate(), load)
        .login_view("/login")
        .refresh_view("/login")
        .login_store(records::MemoryLoginStore::new())
        .plain_http() // for development; take it out when the site has HTTPS
        .build()?;
    let site = Site {
        member,
        passwords,
        webauthn: WebauthnBuilder::new(&domain, &origin)?.build()?,
        registering: Challenges::default(),
        signing_in: Challenges::default(),
    };
    Ok(Router::new()
        .route("/", get(home))
        .route("/login", get(login_page).post(log_in))
        .route("/second-step", get(second_step_page).post(second_step))
        .route("/second-step/challenge", post(challenge))
        .route("/passkeys", get(passkeys_page).post(register))
        .route("/passkeys/challenge", post(registration_challenge))
        .route("/passkeys.js", get(script))
        .route("/logout", post(log_out))
        .with_state(Arc::new(site))
        .layer((tower_http::csrf::CsrfLayer::new(), manager.layer())))
}

#[tokio::main]
async fn main() -> Result<(), BoxError> {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:3003").await?;
    println!("http://localhost:3003 (mia, correct horse)");
    Ok(axum::serve(listener, site("http://localhost:3003").await?).await?)
}
