//! The pages on actix-web: those of `pages.rs`, at the same addresses with the same answers.

use std::fmt;
use std::time::Duration;

use actix_web::http::StatusCode;
use actix_web::web::{Form, Json, Path, Redirect, ServiceConfig, ThinData, get, post};
use actix_web::{HttpResponse, ResponseError};
use housekey_actix::{
    BoxError, CoreError, CurrentUser, ErrorKind, Flash, FreshLoginRequired, Login, LoginRequired,
    NextUrl, Session,
};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use crate::users::{Account, Users};

pub(crate) fn routes(config: &mut ServiceConfig) {
    config
        .route("/", get().to(async || "welcome\n"))
        .route("/whoami", get().to(whoami))
        .route("/signup", post().to(sign_up))
        .route("/login", get().to(login_page))
        .route("/login", post().to(log_in))
        .route("/logout", post().to(log_out))
        .route("/confirm", get().to(confirm_page))
        .route("/confirm", post().to(confirm_password))
        .route("/password", post().to(change_password))
        .route("/members", get().to(members))
        .route("/vault", get().to(vault))
        .route("/active", post().to(set_active))
        .route("/flash", post().to(add_flash))
        .route("/flashes", get().to(flashes))
        .route("/permanent", post().to(permanent))
        .route("/csrf", get().to(csrf))
        .route("/cart", post().to(add_to_cart))
        .route("/values", post().to(write_values))
        .route("/session/{key}", post().to(set_value))
        .route("/session/{key}/remove", post().to(remove_value));
}

type Answer<T = HttpResponse> = Result<T, Failure>;

async fn whoami(current_user: CurrentUser<Account>, session: Session) -> Json<Value> {
    // Flask's tags are taken off: what was a tuple in Python is an array here.
    let values: Map<_, _> = session
        .keys()
        .into_iter()
        .map(|key| {
            let value = session.get(&key).unwrap_or_else(|error| {
                let message = error.to_string();
                Some(json!({ "unreadable": message }))
            });
            (key, value.unwrap_or_default())
        })
        .collect();
    let user = current_user.user();
    Json(json!({
        "user_id": user.map(|user| &user.id),
        "name": user.map(|user| &user.name),
        "fresh": current_user.is_fresh(),
        "remembered": current_user.is_remembered(),
        "permanent": session.is_permanent(),
        "session": values,
    }))
}

#[derive(Deserialize)]
struct SignUp {
    id: String,
    #[serde(default)]
    name: String,
    password: String,
}

async fn sign_up(ThinData(users): ThinData<Users>, Form(form): Form<SignUp>) -> Answer {
    let created = users.create(form.id, form.name, &form.password).await?;
    Ok(if created {
        text(StatusCode::CREATED, "welcome\n")
    } else {
        text(StatusCode::CONFLICT, "this id is taken\n")
    })
}

async fn login_page(next: NextUrl) -> Json<Value> {
    Json(json!({ "page": "login", "next": next.get() }))
}

#[derive(Deserialize)]
struct Credentials {
    id: String,
    password: String,
    remember: Option<String>,
    duration: Option<u64>,
    stale: Option<String>,
    force: Option<String>,
    next: Option<String>,
}

async fn log_in(
    login: Login<Account>,
    next: NextUrl,
    ThinData(users): ThinData<Users>,
    Form(form): Form<Credentials>,
) -> Answer {
    let Some(account) = users.authenticate(&form.id, &form.password).await? else {
        return Ok(text(StatusCode::UNAUTHORIZED, "wrong id or password\n"));
    };
    let mut attempt = login.login_user(&account);
    if form.remember.is_some() {
        attempt = match form.duration {
            Some(seconds) => attempt.remember_for(Duration::from_secs(seconds)),
            None => attempt.remember(true),
        };
    }
    if form.stale.is_some() {
        attempt = attempt.not_fresh();
    }
    if form.force.is_some() {
        attempt = attempt.force();
    }
    match attempt.await {
        Ok(()) => Ok(next.or_field(form.next.as_deref()).or("/")?.into()),
        Err(error) if error.kind() == ErrorKind::InactiveUser => {
            Ok(text(StatusCode::FORBIDDEN, "this account is not active\n"))
        }
        Err(error) => Err(error.into()),
    }
}

async fn log_out(login: Login<Account>) -> Answer<Redirect> {
    login.logout_user().await?;
    Ok(Redirect::to("/").see_other())
}

async fn confirm_page(next: NextUrl) -> Json<Value> {
    Json(json!({ "page": "confirm", "next": next.get() }))
}

#[derive(Deserialize)]
struct Confirmation {
    password: String,
    next: Option<String>,
}

async fn confirm_password(
    LoginRequired(account): LoginRequired<Account>,
    login: Login<Account>,
    next: NextUrl,
    ThinData(users): ThinData<Users>,
    Form(form): Form<Confirmation>,
) -> Answer {
    if !users.has_password(&account, &form.password).await? {
        return Ok(text(StatusCode::UNAUTHORIZED, "wrong password\n"));
    }
    login.confirm_login(&account).await?;
    Ok(next.or_field(form.next.as_deref()).or("/")?.into())
}

#[derive(Deserialize)]
struct NewPassword {
    password: String,
    new: String,
}

async fn change_password(
    LoginRequired(account): LoginRequired<Account>,
    current_user: CurrentUser<Account>,
    login: Login<Account>,
    ThinData(users): ThinData<Users>,
    Form(form): Form<NewPassword>,
) -> Answer {
    if !users.has_password(&account, &form.password).await? {
        return Ok(text(StatusCode::UNAUTHORIZED, "wrong password\n"));
    }
    let remembered = current_user.is_remembered();
    let account = users.set_password(&account, &form.new).await?;
    // The id may have changed with the password. This browser stays logged in.
    login.login_user(&account).remember(remembered).await?;
    Ok(HttpResponse::SeeOther()
        .insert_header(("location", "/"))
        .finish())
}

async fn members(LoginRequired(account): LoginRequired<Account>) -> Json<Value> {
    Json(json!({ "page": "members", "user_id": account.id }))
}

async fn vault(FreshLoginRequired(account): FreshLoginRequired<Account>) -> Json<Value> {
    Json(json!({ "page": "vault", "user_id": account.id }))
}

#[derive(Deserialize)]
struct Activity {
    id: String,
    active: String,
}

/// What an administrator would do. This site does not have one.
async fn set_active(ThinData(users): ThinData<Users>, Form(form): Form<Activity>) -> Answer {
    Ok(if users.set_active(form.id, form.active == "on").await? {
        text(StatusCode::OK, "done\n")
    } else {
        HttpResponse::NotFound().finish()
    })
}

#[derive(Deserialize)]
struct Message {
    message: String,
    category: Option<String>,
}

async fn add_flash(flash: Flash, Form(form): Form<Message>) -> Answer<&'static str> {
    let category = form.category.as_deref().unwrap_or("message");
    flash.push(category, &form.message)?;
    Ok("done\n")
}

async fn flashes(flash: Flash) -> Answer<Json<Vec<(String, String)>>> {
    let messages = flash.take()?.into_iter();
    Ok(Json(
        messages
            .map(|message| (message.category, message.text))
            .collect(),
    ))
}

#[derive(Deserialize)]
struct Permanence {
    permanent: String,
}

async fn permanent(session: Session, Form(form): Form<Permanence>) -> Answer<&'static str> {
    if form.permanent == "on" {
        session.make_permanent()?;
    } else {
        session.make_temporary()?;
    }
    Ok("done\n")
}

async fn csrf(session: Session) -> Answer<String> {
    if let Some(token) = session.get("csrf_token")? {
        return Ok(token);
    }
    let mut bytes = [0; 20];
    getrandom::fill(&mut bytes)?;
    let token: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    session.insert("csrf_token", &token)?;
    Ok(token)
}

#[derive(Deserialize)]
struct Item {
    item: String,
}

async fn add_to_cart(session: Session, Form(form): Form<Item>) -> Answer<Json<Vec<String>>> {
    let mut cart: Vec<String> = session.get("cart")?.unwrap_or_default();
    cart.push(form.item);
    session.insert("cart", &cart)?;
    Ok(Json(cart))
}

/// Every type that `serde` turns Rust's values into. None of it is tagged: Flask sees lists and dictionaries.
async fn write_values(session: Session) -> Answer<&'static str> {
    session.insert("a tuple", &(1, "zwei", (None::<()>, 3.5)))?;
    session.insert("bytes", &[0u8, 255, 254])?;
    session.insert("looks tagged", &json!({ " t": "but is an object" }))?;
    session.insert(
        "nested",
        &json!({ "list": [[1], { "deep": "er" }], "empty": {}, "none": null }),
    )?;
    let numbers = json!([u64::MAX, i64::MIN, 1e16, 1e-7, 604_800.0, true]);
    session.insert("numbers", &numbers)?;
    session.insert("text", "Zoë 佐藤 😀 \" \\ / \u{7f} \u{2028} <&>")?;
    Ok("done\n")
}

#[derive(Deserialize)]
struct Text {
    value: String,
}

async fn set_value(
    session: Session,
    key: Path<String>,
    Form(form): Form<Text>,
) -> Answer<&'static str> {
    session.insert(&key, &form.value)?;
    Ok("done\n")
}

async fn remove_value(session: Session, key: Path<String>) -> Answer<&'static str> {
    session.remove(&key)?;
    Ok("done\n")
}

fn text(status: StatusCode, text: &'static str) -> HttpResponse {
    HttpResponse::build(status).body(text)
}

/// housekey's errors are answered as it suggests; everything else that fails is our fault.
#[derive(Debug)]
struct Failure(Result<housekey_actix::Error, BoxError>);

impl<E: Into<BoxError>> From<E> for Failure {
    fn from(error: E) -> Self {
        Self(match error.into().downcast::<CoreError>() {
            Ok(error) => Ok((*error).into()),
            Err(error) => Err(error),
        })
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Ok(error) => error.fmt(f),
            Err(error) => error.fmt(f),
        }
    }
}

impl ResponseError for Failure {
    fn error_response(&self) -> HttpResponse {
        match &self.0 {
            Ok(error) => error.error_response(),
            Err(error) => {
                eprintln!("twin (Rust): {error}");
                HttpResponse::InternalServerError().finish()
            }
        }
    }
}
