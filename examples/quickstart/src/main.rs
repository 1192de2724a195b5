//! The smallest whole program: log in with "remember me", a page for members, log out.
//!
//! `cargo run -p quickstart`, then open http://127.0.0.1:3000 and log in as `mia` with `correct horse`.

use std::future::ready;

use axum::{Form, Router, extract::State, http::StatusCode, response::*, routing};
use housekey_axum::*;

/// Your user type. housekey asks for its id, which must never belong to another user later: a row's id, not a name.
struct Member(usize, &'static str);

impl User for Member {
    fn id(&self) -> String {
        self.0.to_string()
    }
}

#[derive(serde::Deserialize)]
struct Credentials {
    name: String,
    password: String,
    remember: Option<String>, // a checkbox: absent when it is not ticked
}

// Posts to its own address, which keeps the `next` in it.
const FORM: Html<&str> = Html("<form method=post><label>Name <input name=name></label> <label>Password <input
    name=password type=password></label> <label><input name=remember type=checkbox> Remember me</label> <button>Sign in");

async fn home(LoginRequired(member): LoginRequired<Member>) -> Html<String> {
    let form = "<form method=post action=/logout><button>Sign out";
    Html(format!("Hello {}! {form}", member.1))
}

async fn sign_in(
    State((users, passwords)): State<(&'static [(&'static str, String)], Passwords)>,
    login: Login<Member>,
    next: NextUrl,
    Form(form): Form<Credentials>,
) -> Result<Response, Error> {
    let found = users.iter().position(|(name, _)| *name == form.name);
    let is_right = passwords.verify(&form.password, found.map(|row| &*users[row].1));
    let (Some(row), true) = (found, is_right.await?) else {
        let again = Html(format!("<p role=alert>Wrong name or password{}", FORM.0));
        return Ok((StatusCode::UNAUTHORIZED, again).into_response());
    };
    let (member, remember) = (Member(row, users[row].0), form.remember.is_some());
    login.login_user(&member).remember(remember).await?;
    Ok(next.or("/")?.into_response())
}

async fn sign_out(login: Login<Member>) -> Result<Redirect, Error> {
    login.logout_user().await?;
    Ok(Redirect::to("/login"))
}

#[tokio::main]
async fn main() -> Result<(), BoxError> {
    let passwords = Passwords::new();
    // Names and password hashes, in place of your table of users.
    let users: &[_] = vec![("mia", passwords.hash("correct horse").await?)].leak();
    let find = move |row: usize| Some(Member(row, users.get(row)?.0));
    let user_loader = move |id: String| ready(Ok::<_, BoxError>(id.parse().ok().and_then(find)));
    let manager = LoginManager::new(SecretKeys::generate(), user_loader)
        .login_view("/login")
        .plain_http() // for development; take it out when the site has HTTPS
        .build()?;
    let app = Router::new()
        .route("/", routing::get(home))
        .route("/login", routing::get(FORM).post(sign_in))
        .route("/logout", routing::post(sign_out))
        .with_state((users, passwords))
        .layer((tower_http::csrf::CsrfLayer::new(), manager.layer()));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:3000").await?;
    Ok(axum::serve(listener, app).await?)
}
