//! The site: people sign in with a name and a password, read their page, sign out. Logins have a record in SQLite.

use std::future::ready;
use std::path::Path;
use std::time::Duration;

use axum::Router;
use axum::extract::{Form, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Redirect, Response};
use axum::routing::{get, post};
use bench_report::BoxError;
use housekey_axum::{
    Error, Login, LoginManager, LoginManagerExt as _, LoginRequired, LoginTimeouts, Passwords,
    SecretKeys, User,
};
use housekey_sqlite::SqliteLoginStore;

/// Everybody's password, so that one hash is enough. Verifying it is the same work for each of them.
pub(crate) const PASSWORD: &str = "correct horse battery staple";
/// The file of the login records.
pub(crate) const FILE: &str = "logins.db";
pub(crate) const ACCOUNT: &str = "/account";
pub(crate) const LOGIN: &str = "/login";
pub(crate) const LOGOUT: &str = "/logout";
/// The cookies of the safe preset.
pub(crate) const SESSION_COOKIE: &str = "__Host-session";
pub(crate) const REMEMBER_COOKIE: &str = "__Host-remember_token";

/// In [`Site::ShortLived`], a login that nobody uses ends after this,
pub(crate) const IDLE: Duration = Duration::from_secs(20);
/// one that is used, at the latest after this,
pub(crate) const ABSOLUTE: Duration = Duration::from_secs(60);
/// a remember token after this,
pub(crate) const REMEMBERED: Duration = Duration::from_secs(40);
/// and expired records are deleted this often.
pub(crate) const PURGE: Duration = Duration::from_secs(2);

/// The number of threads that answer requests. With only one, the first hash on it would keep everybody waiting.
const WORKERS: usize = 2;

/// The sites. They differ only in what is described here.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Site {
    /// Hashes as housekey does by default.
    Housekey,
    /// Hashes in the handler itself, on the thread that answers requests.
    OnWorkers,
    /// Hashes that cost almost nothing, and logins that end soon.
    ShortLived,
}

impl Site {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Housekey => "housekey",
            Self::OnWorkers => "on-workers",
            Self::ShortLived => "short-lived",
        }
    }
}

/// Everybody whose name begins like this has an account.
pub(crate) fn name(number: u64) -> String {
    format!("person {number}")
}

pub(crate) fn greeting(name: &str) -> String {
    format!("Hello {name}")
}

struct Person(String);

impl Person {
    fn find(name: &str) -> Option<Self> {
        let number = name.strip_prefix("person ")?;
        number.parse::<u64>().ok()?;
        Some(Self(name.to_owned()))
    }
}

impl User for Person {
    fn id(&self) -> String {
        self.0.clone()
    }

    fn session_auth_hash(&self) -> Option<Vec<u8>> {
        Some(format!("stamp of {}", self.0).into_bytes())
    }
}

#[derive(Clone)]
struct Verifier {
    passwords: Passwords,
    /// The hash of everybody's password.
    stored: String,
    on_workers: bool,
}

impl Verifier {
    async fn is_right(&self, person: Option<&Person>, password: &str) -> Result<bool, Error> {
        let stored = person.map(|_| self.stored.as_str());
        Ok(match self.on_workers {
            true => self.passwords.verify_blocking(password, stored)?,
            false => self.passwords.verify(password, stored).await?,
        })
    }
}

#[derive(serde::Deserialize)]
struct Credentials {
    name: String,
    password: String,
    remember: Option<String>,
}

async fn account(LoginRequired(person): LoginRequired<Person>) -> String {
    greeting(&person.0)
}

async fn sign_in(
    State(verifier): State<Verifier>,
    login: Login<Person>,
    Form(form): Form<Credentials>,
) -> Result<Response, Error> {
    let person = Person::find(&form.name);
    let right = verifier.is_right(person.as_ref(), &form.password).await?;
    let Some(person) = person.filter(|_| right) else {
        return Ok((StatusCode::UNAUTHORIZED, "Wrong name or password").into_response());
    };
    let remember = form.remember.is_some();
    login.login_user(&person).remember(remember).await?;
    Ok(Redirect::to(ACCOUNT).into_response())
}

async fn sign_out(login: Login<Person>) -> Result<Redirect, Error> {
    login.logout_user().await?;
    Ok(Redirect::to(LOGIN))
}

/// Prints its address, and answers until it is killed.
pub(crate) fn serve(site: Site, folder: &Path) -> Result<(), BoxError> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(WORKERS)
        .enable_all()
        .build()?;
    runtime.block_on(async {
        let router = router(site, folder).await?;
        let listener = tokio::net::TcpListener::bind(("127.0.0.1", 0)).await?;
        println!("{}", listener.local_addr()?);
        Ok(axum::serve(listener, router).await?)
    })
}

async fn router(site: Site, folder: &Path) -> Result<Router, BoxError> {
    let short_lived = site == Site::ShortLived;
    let user_loader = |id: String| ready(Ok::<_, BoxError>(Person::find(&id)));
    let mut manager = LoginManager::new(SecretKeys::generate(), user_loader)
        .login_view(LOGIN)
        .login_store(SqliteLoginStore::open(folder.join(FILE))?);
    let mut passwords = Passwords::new();
    if short_lived {
        manager = manager
            .login_timeouts(LoginTimeouts::new(IDLE, ABSOLUTE))
            .remember_duration(REMEMBERED);
        passwords = passwords.argon2id(8, 1, 1)?;
    }
    let manager = manager.build()?;
    if short_lived {
        let manager = manager.clone();
        tokio::spawn(async move { manager.purge_logins(|| tokio::time::sleep(PURGE)).await });
    }
    let verifier = Verifier {
        stored: passwords.hash(PASSWORD).await?,
        passwords,
        on_workers: site == Site::OnWorkers,
    };
    Ok(Router::new()
        .route(ACCOUNT, get(account))
        .route(LOGIN, get(async || "Name? Password?").post(sign_in))
        .route(LOGOUT, post(sign_out))
        .with_state(verifier)
        .layer(manager.layer()))
}
