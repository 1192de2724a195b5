//! The smallest whole program on actix-web: log in with "remember me", a page for members, log out.
//!
//! `cargo run -p quickstart-actix`, then open http://127.0.0.1:3001 and log in as `mia` with `correct horse`.

use actix_web::{App, HttpServer, http::StatusCode, web::*};
use housekey_actix::*;

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
const FORM: &str = "<form method=post><label>Name <input name=name></label> <label>Password <input
    name=password type=password></label> <label><input name=remember type=checkbox> Remember me</label> <button>Sign in";

async fn home(LoginRequired(member): LoginRequired<Member>) -> Html {
    let form = "<form method=post action=/logout><button>Sign out";
    Html::new(format!("Hello {}! {form}", member.1))
}

async fn login(
    ThinData((users, passwords)): ThinData<(&'static [(&'static str, String)], Passwords)>,
    (login, next): (Login<Member>, NextUrl),
    Form(form): Form<Credentials>,
) -> Result<Either<SeeOther, (Html, StatusCode)>, Error> {
    let found = users.iter().position(|(name, _)| *name == form.name);
    let is_right = passwords.verify(&form.password, found.map(|row| &*users[row].1));
    let (Some(row), true) = (found, is_right.await?) else {
        let again = Html::new(format!("<p role=alert>Wrong name or password{FORM}"));
        return Ok(Either::Right((again, StatusCode::UNAUTHORIZED)));
    };
    let (member, remember) = (Member(row, users[row].0), form.remember.is_some());
    login.login_user(&member).remember(remember).await?;
    Ok(Either::Left(next.or("/")?))
}

async fn logout(login: Login<Member>) -> Result<Redirect, Error> {
    login.logout_user().await?;
    Ok(Redirect::to("/login").see_other())
}

#[actix_web::main]
async fn main() -> Result<(), BoxError> {
    let passwords = Passwords::new();
    // Names and password hashes, in place of your table of users.
    let users: &[_] = vec![("mia", passwords.hash("correct horse").await?)].leak();
    let find = move |row: usize| Some(Member(row, users.get(row)?.0));
    let load = move |id: String| async move { Ok::<_, BoxError>(id.parse().ok().and_then(find)) };
    let manager = LoginManager::new(SecretKeys::generate(), load)
        .login_view("/login")
        .plain_http() // for development; take it out when the site has HTTPS
        .build()?;
    let app = move || {
        App::new()
            .app_data(ThinData((users, passwords.clone())))
            .route("/", get().to(home))
            .service(resource("/login").get(async || Html::new(FORM)).post(login))
            .route("/logout", post().to(logout))
            .wrap(manager.middleware())
            .wrap(CsrfGuard::new())
    };
    Ok(HttpServer::new(app).bind("127.0.0.1:3001")?.run().await?)
}
