//! A site whose users log in: flask/app.py, in Rust.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::LazyLock;

use axum::extract::{ConnectInfo, FromRequestParts, State};
use axum::http::StatusCode;
use axum::response::{Html, IntoResponse, Redirect, Response};
use axum::routing::{get, post};
use axum::{Form, Json, Router};
use housekey_axum::{
    BoxError, CurrentUser, Flash, Login, LoginManager,
    LoginManagerExt as _, LoginRequired, NextUrl, Passwords,
    SameSite, SecretKeys, Session, UserLoader,
};
use minijinja::{Environment, Value, context};
use rusqlite::{
    Connection, OpenFlags, OptionalExtension as _, Row, ToSql,
};
use serde::Deserialize;
use serde_json::json;

/// The file with the table. Flask owns it, so this only reads it.
#[derive(Clone)]
struct Db(String);

type Found = Result<Option<User>, BoxError>;

impl Db {
    /// Asks on a thread that may block: those that answer may not.
    async fn user<V>(&self, sql: &'static str, value: V) -> Found
    where
        V: ToSql + Send + 'static,
    {
        let path = self.0.clone();
        let ask = move || {
            let flags = OpenFlags::SQLITE_OPEN_READ_ONLY;
            let db = Connection::open_with_flags(path, flags)?;
            db.query_one(sql, [value], User::read).optional()
        };
        Ok(tokio::task::spawn_blocking(ask).await??)
    }
}

struct User {
    id: i64,
    name: String,
    password_hash: String,
}

impl User {
    fn read(row: &Row<'_>) -> rusqlite::Result<Self> {
        Ok(Self {
            id: row.get("id")?,
            name: row.get("name")?,
            password_hash: row.get("password_hash")?,
        })
    }
}

impl housekey_axum::User for User {
    fn id(&self) -> String {
        self.id.to_string()
    }
}

impl UserLoader<User> for Db {
    async fn load_user(&self, id: &str) -> Found {
        let Ok(id) = id.parse::<i64>() else {
            return Ok(None);
        };
        self.user("SELECT * FROM user WHERE id = ?1", id).await
    }
}

async fn login(page: Page) -> Result<Html<String>, Fault> {
    page.render("login.html", context! {})
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Credentials {
    name: String,
    password: String,
    remember: Option<String>,
}

async fn login_post(
    State((db, passwords)): State<(Db, Passwords)>,
    page: Page,
    login: Login<User>,
    next: NextUrl,
    Form(form): Form<Credentials>,
) -> Result<Response, Fault> {
    let sql = "SELECT * FROM user WHERE name = ?1";
    let user = db.user(sql, form.name.clone()).await?;
    let hash = user.as_ref().map(|user| &*user.password_hash);
    let right = passwords.verify(&form.password, hash).await?;
    let Some(user) = user.filter(|_| right) else {
        let values = context! { name => form.name, wrong => true };
        let page = page.render("login.html", values)?;
        return Ok((StatusCode::UNAUTHORIZED, page).into_response());
    };
    let remember = form.remember.is_some();
    login.login_user(&user).remember(remember).await?;
    Ok(next.or("/dashboard")?.into_response())
}

// By POST, since any link or picture elsewhere can cause a GET.
async fn logout(login: Login<User>) -> Result<Redirect, Fault> {
    login.logout_user().await?;
    Ok(Redirect::to("/login"))
}

async fn index(page: Page) -> Result<Html<String>, Fault> {
    page.render("index.html", context! {})
}

async fn dashboard(
    _: LoginRequired<User>,
    page: Page,
) -> Result<Html<String>, Fault> {
    page.render("dashboard.html", context! {})
}

// What this side sees of a visitor, to compare the two.
async fn whoami(
    current_user: CurrentUser<User>,
    session: Session,
) -> Result<Json<serde_json::Value>, Fault> {
    let mut ours = BTreeMap::new();
    for key in session.keys() {
        let value: Option<serde_json::Value> = session.get(&key)?;
        ours.insert(key, value);
    }
    let user = current_user.user();
    Ok(Json(json!({
        "user_id": user.map(|user| user.id.to_string()),
        "fresh": current_user.is_fresh(),
        "remembered": current_user.is_remembered(),
        "session": ours,
    })))
}

fn setting(name: &str) -> Result<String, BoxError> {
    let value = std::env::var(name).unwrap_or_default();
    if value.is_empty() {
        let missing = "is missing in the environment";
        return Err(format!("{name} {missing}").into());
    }
    Ok(value)
}

fn create_app() -> Result<Router, BoxError> {
    let keys = SecretKeys::flask(&setting("SECRET_KEY")?)?;
    let db = Db(setting("DATABASE")?);
    // Unknown names cost as much as the hashes in the table.
    let passwords = Passwords::new().werkzeug_scrypt();
    let manager = LoginManager::flask(keys, db.clone())
        .login_view("/login")
        .session_cookie(|cookie| cookie.same_site(SameSite::Lax))
        .remember_cookie(|cookie| cookie.same_site(SameSite::Lax))
        .client_address(|request| {
            type Address = ConnectInfo<SocketAddr>;
            Some(request.extensions.get::<Address>()?.ip())
        })
        .trusted_proxies(1)
        .build()?;
    let auth = Router::new()
        .route("/login", get(login).post(login_post))
        .route("/logout", post(logout));
    let main = Router::new()
        .route("/", get(index))
        .route("/dashboard", get(dashboard))
        .route("/whoami", get(whoami));
    let app = auth.merge(main).with_state((db, passwords));
    Ok(app.layer(manager.layer()))
}

#[tokio::main]
async fn main() -> Result<(), BoxError> {
    tracing_subscriber::fmt::init();
    let address = format!("127.0.0.1:{}", setting("PORT")?);
    let app = create_app()?
        .into_make_service_with_connect_info::<SocketAddr>();
    let listener = tokio::net::TcpListener::bind(address).await?;
    eprintln!("Listening at: http://{}", listener.local_addr()?);
    Ok(axum::serve(listener, app).await?)
}

// What Flask does by itself: it renders these templates with the
// user and the messages, and answers 500 if anything fails.

fn templates() -> Environment<'static> {
    let mut templates = Environment::new();
    for (name, source) in [
        ("base.html", include_str!("templates/base.html")),
        ("index.html", include_str!("templates/index.html")),
        ("login.html", include_str!("templates/login.html")),
        (
            "dashboard.html",
            include_str!("templates/dashboard.html"),
        ),
    ] {
        templates.add_template(name, source).expect(name);
    }
    templates
}

static TEMPLATES: LazyLock<Environment<'static>> =
    LazyLock::new(templates);

#[derive(FromRequestParts)]
struct Page {
    current_user: CurrentUser<User>,
    flash: Flash,
}

impl Page {
    fn render(
        self,
        name: &str,
        values: Value,
    ) -> Result<Html<String>, Fault> {
        let user = self.current_user.user();
        let current_user = context! {
            is_authenticated => user.is_some(),
            name => user.map(|user| &user.name),
        };
        // Fails only once the response is gone.
        let messages = move || -> Vec<String> {
            let messages = self.flash.take().unwrap_or_default();
            messages
                .into_iter()
                .map(|message| message.text)
                .collect()
        };
        let given = context! {
            current_user,
            get_flashed_messages => Value::from_function(messages),
        };
        let page = TEMPLATES.get_template(name)?;
        Ok(Html(page.render(context! { ..values, ..given })?))
    }
}

struct Fault(BoxError);

impl<E: Into<BoxError>> From<E> for Fault {
    fn from(error: E) -> Self {
        Self(error.into())
    }
}

impl IntoResponse for Fault {
    fn into_response(self) -> Response {
        tracing::error!(error = %self.0, "a request failed");
        StatusCode::INTERNAL_SERVER_ERROR.into_response()
    }
}
