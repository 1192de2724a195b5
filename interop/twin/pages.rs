//! The pages. The Flask side has the same ones (`flask/views.py`), at the same addresses with the same answers.

use std::time::Duration;

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::{get, post};
use axum::{Form, Json, Router};
use housekey_axum::{
    BoxError, CoreError, CurrentUser, ErrorKind, Flash, FreshLoginRequired, Login, LoginRequired,
    NextUrl, Session,
};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use crate::users::{Account, Users};

pub(crate) fn routes() -> Router<Users> {
    Router::new()
        .route("/", get(async || "welcome\n"))
        .route("/whoami", get(whoami))
        .route("/signup", post(sign_up))
        .route("/login", get(login_page).post(log_in))
        .route("/logout", post(log_out))
        .route("/confirm", get(confirm_page).post(confirm_password))
        .route("/password", post(change_password))
        .route("/members", get(members))
        .route("/vault", get(vault))
        .route("/active", post(set_active))
        .route("/flash", post(add_flash))
        .route("/flashes", get(flashes))
        .route("/permanent", post(permanent))
        .route("/csrf", get(csrf))
        .route("/cart", post(add_to_cart))
        .route("/values", post(write_values))
        .route("/session/{key}", post(set_value))
        .route("/session/{key}/remove", post(remove_value))
}

type Answer<T = Response> = Result<T, Failure>;

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

async fn sign_up(State(users): State<Users>, Form(form): Form<SignUp>) -> Answer {
    let created = users.create(form.id, form.name, &form.password).await?;
    Ok(if created {
        (StatusCode::CREATED, "welcome\n").into_response()
    } else {
        (StatusCode::CONFLICT, "this id is taken\n").into_response()
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
    State(users): State<Users>,
    Form(form): Form<Credentials>,
) -> Answer {
    let Some(account) = users.authenticate(&form.id, &form.password).await? else {
        return Ok((StatusCode::UNAUTHORIZED, "wrong id or password\n").into_response());
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
        Ok(()) => Ok(next.or_field(form.next.as_deref()).or("/")?.into_response()),
        Err(error) if error.kind() == ErrorKind::InactiveUser => {
            Ok((StatusCode::FORBIDDEN, "this account is not active\n").into_response())
        }
        Err(error) => Err(error.into()),
    }
}

async fn log_out(login: Login<Account>) -> Answer<Redirect> {
    login.logout_user().await?;
    Ok(Redirect::to("/"))
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
    State(users): State<Users>,
    Form(form): Form<Confirmation>,
) -> Answer {
    if !users.has_password(&account, &form.password).await? {
        return Ok((StatusCode::UNAUTHORIZED, "wrong password\n").into_response());
    }
    login.confirm_login(&account).await?;
    Ok(next.or_field(form.next.as_deref()).or("/")?.into_response())
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
    State(users): State<Users>,
    Form(form): Form<NewPassword>,
) -> Answer {
    if !users.has_password(&account, &form.password).await? {
        return Ok((StatusCode::UNAUTHORIZED, "wrong password\n").into_response());
    }
    let remembered = current_user.is_remembered();
    let account = users.set_password(&account, &form.new).await?;
    // The id may have changed with the password. This browser stays logged in.
    login.login_user(&account).remember(remembered).await?;
    Ok(Redirect::to("/").into_response())
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
async fn set_active(State(users): State<Users>, Form(form): Form<Activity>) -> Answer {
    Ok(if users.set_active(form.id, form.active == "on").await? {
        "done\n".into_response()
    } else {
        StatusCode::NOT_FOUND.into_response()
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
    Path(key): Path<String>,
    Form(form): Form<Text>,
) -> Answer<&'static str> {
    session.insert(&key, &form.value)?;
    Ok("done\n")
}

async fn remove_value(session: Session, Path(key): Path<String>) -> Answer<&'static str> {
    session.remove(&key)?;
    Ok("done\n")
}

/// housekey's errors are answered as it suggests; everything else that fails is our fault.
struct Failure(Response);

impl<E: Into<BoxError>> From<E> for Failure {
    fn from(error: E) -> Self {
        let error = match error.into().downcast::<CoreError>() {
            Ok(error) => return Self(housekey_axum::Error::from(*error).into_response()),
            Err(error) => error,
        };
        eprintln!("twin (Rust): {error}");
        Self(StatusCode::INTERNAL_SERVER_ERROR.into_response())
    }
}

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        self.0
    }
}
