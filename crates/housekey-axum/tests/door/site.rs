//! The sites of the suite, in axum.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Path, State};
use axum::routing::{get, post};
use axum::{Form, Router};
use door_tests::{
    Credentials, Door, Member, Members, Plan, Staff, cart, confirm, fill, flashes, new_password,
    read,
};
use housekey_axum::{
    CurrentUser, Error, Flash, FreshLoginRequired, Login, LoginManagerExt as _, LoginRequired,
    NextUrl, SeeOther, Session, User as _,
};
use http_body_util::BodyExt as _;
use tower::ServiceExt as _;

use crate::pages::{self, who};

pub(crate) struct Axum;

impl Door for Axum {
    const ADVICE: &'static str = "add `.layer(manager.layer())`";

    async fn open(
        plan: &Plan,
    ) -> impl AsyncFn(http::Request<Vec<u8>>) -> http::Response<Vec<u8>> + 'static {
        let mut app = routes().with_state(plan.table.clone());
        if let Some(staff) = &plan.staff {
            app = app.merge(staff_routes().layer(staff.layer()));
        }
        for page in &plan.pages {
            app = app.merge(pages::page(page, plan));
        }
        if let Some((guard, public)) = &plan.closed {
            app = app.layer(pages::guarded(guard).except(public));
        }
        if let Some(members) = &plan.members {
            app = app.layer(members.layer());
        }
        async move |request| {
            let response = app.clone().oneshot(request.map(Body::from)).await.unwrap();
            let (parts, body) = response.into_parts();
            let body = body.collect().await.unwrap().to_bytes();
            http::Response::from_parts(parts, body.into())
        }
    }
}

fn routes() -> Router<Members> {
    Router::new()
        .route("/", get(async || "for everybody"))
        .route(
            "/who",
            get(async |user: CurrentUser<Member>| who(&user).to_string()),
        )
        .route("/members", get(hello).post(hello))
        .route("/fresh", get(hello_fresh).post(hello_fresh))
        .route("/one-user", get(one_user))
        .route("/login", get(login_page).post(log_in))
        .route("/go", get(async |next: NextUrl| next.or("/")))
        .route("/logout", post(log_out))
        .route("/confirm", post(confirm_login))
        .route("/new-password", post(change_password))
        .route("/session/{key}", get(value).post(insert).delete(remove))
        .route("/permanent", post(make_permanent))
        .route("/flash", get(messages).post(flash))
}

async fn hello(LoginRequired(user): LoginRequired<Member>) -> String {
    format!("hello {}", user.id())
}

async fn hello_fresh(FreshLoginRequired(user): FreshLoginRequired<Member>) -> String {
    format!("hello {}, it is really you", user.id())
}

async fn one_user(
    one: CurrentUser<Member>,
    two: LoginRequired<Member>,
    three: FreshLoginRequired<Member>,
) -> &'static str {
    let one = one.user().unwrap();
    match Arc::ptr_eq(one, &two.0) && Arc::ptr_eq(one, &three.0) {
        true => "one",
        false => "several",
    }
}

async fn login_page(next: NextUrl) -> String {
    next.get().unwrap_or("no next").to_owned()
}

async fn log_in(
    login: Login<Member>,
    next: NextUrl,
    State(members): State<Members>,
    Form(form): Form<Credentials>,
) -> Result<SeeOther, Error> {
    form.log_in(&login, &members).await?;
    next.or_field(form.next.as_deref()).or("/")
}

async fn log_out(login: Login<Member>) -> Result<&'static str, Error> {
    login.logout_user().await?;
    Ok("bye")
}

async fn confirm_login(
    login: Login<Member>,
    State(members): State<Members>,
) -> Result<&'static str, Error> {
    confirm(&login, &members).await?;
    Ok("confirmed")
}

async fn change_password(
    user: LoginRequired<Member>,
    login: Login<Member>,
    State(members): State<Members>,
    stamp: String,
) -> Result<&'static str, Error> {
    new_password(&user, &login, &members, &stamp).await?;
    Ok("changed")
}

async fn value(session: Session, Path(key): Path<String>) -> Result<String, Error> {
    Ok(read(&session, &key)?)
}

async fn insert(session: Session, Path(key): Path<String>, text: String) -> Result<(), Error> {
    Ok(session.insert(&key, &text)?)
}

async fn remove(session: Session, Path(key): Path<String>) -> Result<String, Error> {
    Ok(session.remove(&key)?.to_string())
}

async fn make_permanent(session: Session) -> Result<(), Error> {
    Ok(session.make_permanent()?)
}

async fn messages(flash: Flash) -> Result<String, Error> {
    Ok(flashes(&flash)?)
}

async fn flash(flash: Flash, text: String) -> Result<(), Error> {
    Ok(flash.message(&text)?)
}

fn staff_routes() -> Router {
    Router::new()
        .route("/staff/login/{id}", post(log_staff_in))
        .route("/staff/confirm/{id}", post(confirm_staff))
        .route("/staff/logout", post(log_staff_out))
        .route("/staff/who", get(who_of_staff))
        .route("/cart", get(see_cart).post(fill_cart))
}

async fn log_staff_in(login: Login<Staff>, Path(id): Path<u64>) -> Result<(), Error> {
    Ok(login.login_user(&Staff(id)).remember(true).await?)
}

async fn confirm_staff(login: Login<Staff>, Path(id): Path<u64>) -> Result<(), Error> {
    Ok(login.confirm_login(&Staff(id)).await?)
}

async fn log_staff_out(login: Login<Staff>) -> Result<(), Error> {
    Ok(login.logout_user().await?)
}

async fn who_of_staff(user: CurrentUser<Staff>) -> String {
    who(&user).name().to_owned()
}

async fn see_cart(session: Session<Member>, flash: Flash<Member>) -> Result<String, Error> {
    Ok(cart(&session, &flash)?)
}

async fn fill_cart(session: Session<Member>, flash: Flash<Member>) -> Result<(), Error> {
    Ok(fill(&session, &flash)?)
}
