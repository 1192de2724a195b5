//! A login in two steps: a password, then a code from an authenticator app or a recovery code.

mod second_factor;
#[cfg(test)]
mod tests;

use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{Html, IntoResponse, Redirect, Response};
use axum::routing::{get, post};
use axum::{Form, Router};
use housekey_axum::attempts::Attempts;
use housekey_axum::*;
use second_factor::SecondFactor;

/// In place of a row of your table of users.
#[derive(Clone)]
struct Member {
    name: &'static str,
    password_hash: String,
    factors: Arc<Mutex<Factors>>,
}

/// The second factor that is in use, and one that is being set up.
#[derive(Default)]
struct Factors {
    ready: Option<SecondFactor>,
    new: Option<SecondFactor>,
}

impl User for Member {
    fn id(&self) -> String {
        self.name.to_owned() // names never change here; yours may, so use the row's id
    }

    /// A new password or a new second factor ends all other logins.
    fn session_auth_hash(&self) -> Option<Vec<u8>> {
        let stamp = self.with(|factors| factors.ready.as_ref().map(|factor| factor.stamp));
        Some([self.password_hash.as_bytes(), &stamp.unwrap_or_default()].concat())
    }
}

impl Member {
    fn with<T>(&self, act: impl FnOnce(&mut Factors) -> T) -> T {
        act(&mut self.factors.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

#[derive(Clone)]
struct Site {
    member: Member,
    passwords: Passwords,
    now: fn() -> SystemTime,
}

#[derive(serde::Deserialize)]
struct Credentials {
    name: String,
    password: String,
    remember: Option<String>,
}

#[derive(serde::Deserialize)]
struct Code {
    code: String,
}

async fn home(LoginRequired(member): LoginRequired<Member>) -> Html<String> {
    let state = match member.with(|factors| factors.ready.is_some()) {
        true => "Signing in takes your password and a code.",
        false => "Signing in takes your password alone.",
    };
    let links = "<p><a href=/authenticator>Set up an authenticator app</a></p>";
    let sign_out = "<form method=post action=/logout><button>Sign out</button></form>";
    page(
        &format!("Hello, {}", member.name),
        &format!("<p>{state}</p>{links}{sign_out}"),
    )
}

async fn login_page() -> Html<String> {
    page("Sign in", LOGIN)
}

/// The first step.
async fn log_in(
    State(site): State<Site>,
    login: Login<Member>,
    next: NextUrl,
    Form(form): Form<Credentials>,
) -> Result<Response, Error> {
    // Counts as failed until it succeeds. Too many are a 429.
    let attempt = login.attempt("password", &form.name).await?;
    let member = Some(&site.member).filter(|member| member.name == form.name);
    let hash = member.map(|member| member.password_hash.as_str());
    let is_right = site.passwords.verify(&form.password, hash).await?;
    let Some(member) = member.filter(|_| is_right) else {
        login.login_failed(member);
        return Ok(wrong(
            "Sign in",
            "That name and password don’t match.",
            LOGIN,
        ));
    };
    attempt.succeeded().await?;
    let remember = form.remember.is_some();
    if member.with(|factors| factors.ready.is_none()) {
        login.login_user(member).remember(remember).await?;
        return Ok(next.or("/")?.into_response());
    }
    // Half logged in. These options hold for the login that the second step makes.
    login
        .begin(member)
        .remember(remember)
        .next(next.get())
        .await?;
    Ok(Redirect::to("/second-step").into_response())
}

async fn second_step_page(_: PendingLogin<Member>) -> Html<String> {
    page("One more step", &code_form(CODE))
}

/// The second step.
async fn second_step(
    State(site): State<Site>,
    pending: PendingLogin<Member>,
    login: Login<Member>,
    next: NextUrl,
    Form(form): Form<Code>,
) -> Result<Response, Error> {
    let attempt = login.attempt("code", pending.name).await?;
    let is_right = pending.with(|factors| {
        let factor = factors.ready.as_mut();
        factor.is_some_and(|factor| factor.accept(&form.code, (site.now)()))
    });
    if !is_right {
        login.login_failed(Some(&pending));
        let why = "That code is wrong, or was used already. Wait for the next one.";
        return Ok(wrong("One more step", why, &code_form(CODE)));
    }
    attempt.succeeded().await?;
    login.finish().await?;
    Ok(next.or("/")?.into_response())
}

/// A new second factor, for a member who has just proved who they are.
async fn set_up_page(
    FreshLoginRequired(member): FreshLoginRequired<Member>,
) -> Result<Html<String>, Error> {
    set_up(&member).map_err(failed)
}

fn set_up(member: &Member) -> Result<Html<String>, BoxError> {
    let new = SecondFactor::new(member.name)?;
    let (picture, secret) = new.to_show()?;
    member.with(|factors| factors.new = Some(new));
    let scan = "<p>Scan this with your authenticator app, then type the code that it shows.</p>";
    // The SVG follows an XML declaration, which does not belong in a page.
    let picture = picture.split_once("?>").map_or("", |(_, svg)| svg);
    let form = code_form("The code");
    Ok(page(
        "Set up your app",
        &format!("{scan}{picture}<p><code>{secret}</code></p>{form}"),
    ))
}

async fn finish_set_up(
    State(site): State<Site>,
    FreshLoginRequired(member): FreshLoginRequired<Member>,
    login: Login<Member>,
    Form(form): Form<Code>,
) -> Result<Response, Error> {
    let codes = member.with(|factors| {
        let mut factor = factors.new.take()?;
        if !factor.accept(&form.code, (site.now)()) {
            return None;
        }
        let codes = factor.new_recovery_codes();
        factors.ready = Some(factor);
        Some(codes)
    });
    let again = "<p><a href=/authenticator>Start again</a></p>";
    let Some(codes) = codes.transpose().map_err(failed)? else {
        return Ok(wrong("Set up your app", "That code is wrong.", again));
    };
    login.update_auth_hash(&member).await?;
    let codes: String = codes
        .iter()
        .map(|code| format!("<li><code>{code}</code></li>"))
        .collect();
    let keep = "<p>Keep these where you’ll find them without your phone. Each one works once.</p>";
    Ok(page(
        "Your recovery codes",
        &format!("{keep}<ul>{codes}</ul><p><a href=/>Done</a></p>"),
    )
    .into_response())
}

async fn log_out(login: Login<Member>) -> Result<Redirect, Error> {
    login.logout_user().await?;
    Ok(Redirect::to("/login"))
}

const LOGIN: &str = "<form method=post><label>Name<input name=name autocomplete=username required></label>
    <label>Password<input name=password type=password autocomplete=current-password required></label>
    <label><input name=remember type=checkbox> Remember me</label><button>Continue</button></form>";
const CODE: &str = "Code of your app, or a recovery code";

fn code_form(label: &str) -> String {
    format!(
        "<form method=post><label>{label}<input name=code autocomplete=one-time-code autofocus required></label>
         <button>Continue</button></form>"
    )
}

fn page(title: &str, body: &str) -> Html<String> {
    let style = include_str!("style.css");
    Html(format!(
        "<!doctype html><html lang=en><meta charset=utf-8><meta name=viewport content='width=device-width'>
         <title>{title}</title><style>{style}</style><main><h1>{title}</h1>{body}</main></html>"
    ))
}

fn wrong(title: &str, why: &str, body: &str) -> Response {
    let page = page(title, &format!("<p role=alert>{why}</p>{body}"));
    (StatusCode::UNAUTHORIZED, page).into_response()
}

fn failed(error: BoxError) -> Error {
    CoreError::new(ErrorKind::Password, "a second factor cannot be made")
        .caused_by(error)
        .into()
}

/// The site. It keeps nothing on disk. Yours has a database, and a login store there, so that a login can be finished only once.
async fn site(now: fn() -> SystemTime) -> Result<Router, BoxError> {
    let passwords = Passwords::new();
    let member = Member {
        name: "mia",
        password_hash: passwords.hash("correct horse").await?,
        factors: Arc::default(),
    };
    let only = member.clone();
    let load = move |id: String| {
        let found = Some(only.clone()).filter(|member| member.name == id);
        async { Ok::<_, BoxError>(found) }
    };
    let store = records::MemoryLoginStore::new();
    let manager = LoginManager::new(SecretKeys::generate(), load)
        .clock(now)
        .login_view("/login")
        .refresh_view("/login")
        .login_store(store.clone())
        .limit_attempts(Attempts::new(store))
        .plain_http() // for development; take it out when the site has HTTPS
        .build()?;
    Ok(Router::new()
        .route("/", get(home))
        .route("/login", get(login_page).post(log_in))
        .route("/second-step", get(second_step_page).post(second_step))
        .route("/authenticator", get(set_up_page).post(finish_set_up))
        .route("/logout", post(log_out))
        .with_state(Site {
            member,
            passwords,
            now,
        })
        .layer((tower_http::csrf::CsrfLayer::new(), manager.layer())))
}

#[tokio::main]
async fn main() -> Result<(), BoxError> {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:3002").await?;
    println!("http://{} (mia, correct horse)", listener.local_addr()?);
    Ok(axum::serve(listener, site(SystemTime::now).await?).await?)
}
