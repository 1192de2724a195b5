//! The sites of the suite, in axum.

use std::rc::Rc;

use axum::body::Body;
use axum::extract::{FromRequestParts, Path, State};
use axum::response::{IntoResponse, Response};
use axum::routing::{any, delete, get, post};
use axum::{Form, Router};
use door_tests::{
    Action, Ask, Credentials, Does, Door, ELSEWHERE, Extractor, Given, LATELY, Layer, Member,
    Members, Of, Page, Plan, Requires, Rule, Staff, Who, cart, confirm, fill, flashes, local,
    new_password, read, said,
};
use housekey_axum::*;
use http::request::Parts;
use http_body_util::BodyExt as _;
use tower::ServiceExt as _;

pub(crate) struct Axum;

impl Door for Axum {
    type App = Router;

    const ADVICE: &'static str = "add `.layer(manager.layer())`";

    async fn open(plan: &Plan) -> Router {
        let mut routes = routes().with_state(plan.table.clone());
        if let Some(staff) = &plan.staff {
            let of_staff = staff_routes().layer(staff.layer());
            routes = routes.merge(of_staff);
        }
        for page in &plan.pages {
            routes = routes.merge(page_of(page, plan));
        }
        match &plan.members {
            Some(members) => routes.layer(members.layer()),
            None => routes,
        }
    }

    async fn ask(app: &Router, request: http::Request<Vec<u8>>) -> http::Response<Vec<u8>> {
        let response = app.clone().oneshot(request.map(Body::from)).await.unwrap();
        let (parts, body) = response.into_parts();
        let body = body.collect().await.unwrap().to_bytes();
        http::Response::from_parts(parts, body.into())
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
        .route("/session/{key}", get(value).post(insert))
        .route("/session/{key}", delete(remove))
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
    match std::sync::Arc::ptr_eq(one, &two.0) && std::sync::Arc::ptr_eq(one, &three.0) {
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
    who(&user).id.unwrap_or("nobody".to_owned())
}

async fn see_cart(session: Session<Member>, flash: Flash<Member>) -> Result<String, Error> {
    Ok(cart(&session, &flash)?)
}

async fn fill_cart(session: Session<Member>, flash: Flash<Member>) -> Result<(), Error> {
    Ok(fill(&session, &flash)?)
}

fn who<U: User>(user: &CurrentUser<U>) -> Who {
    Who {
        id: user.as_ref().map(|user| user.id()),
        is_authenticated: user.is_authenticated(),
        is_anonymous: user.is_anonymous(),
        is_fresh: user.is_fresh(),
        is_fresh_lately: user.is_fresh_within(LATELY),
        is_remembered: user.is_remembered(),
        source: user.source(),
    }
}

fn page_of(page: &Page, plan: &Plan) -> Router {
    let handler = match &page.does {
        Does::Answers(answer) => {
            let answer = answer.clone();
            any(async move || answer)
        }
        Does::Asks(asks) => {
            let asks = asks.clone();
            any(async move |parts: Parts| ask_all(asks, parts).await)
        }
        Does::Acts(action) => {
            let action = action.clone();
            any(
                async move |login: Login<Member>,
                            session: Session,
                            flash: Flash,
                            parts: Parts,
                            body: String| {
                    act(action, login, session, flash, parts, body).await
                },
            )
        }
    };
    let mut router = match page.path {
        ELSEWHERE => Router::new().fallback(handler),
        path => Router::new().route(path, handler),
    };
    for layer in &page.behind {
        router = match layer {
            Layer::Guard(guard) => router.route_layer(guard_of(guard)),
            Layer::Below(path) => Router::new().nest(path, router),
            Layer::Staff => router.layer(plan.staff.as_ref().unwrap().layer()),
        };
    }
    router
}

fn guard_of(guard: &door_tests::Guard) -> Guard<Member> {
    let begun = match guard.requires {
        Requires::Nothing => login_scope(),
        Requires::Login => login_required(),
        Requires::FreshLogin => fresh_login_required(),
    };
    guard.rules.iter().fold(begun, |guard, rule| match *rule {
        Rule::FreshWithin(within) => guard.fresh_within(within),
        Rule::Require(test) => guard.require(test),
        Rule::LoginView(view) => guard.login_view(view),
        Rule::NoLoginView => guard.no_login_view(),
        Rule::RefreshView(view) => guard.refresh_view(view),
        Rule::AnswerAs(answer) => guard.answer_as(answer),
        Rule::WithoutUse => guard.without_use(),
        Rule::LetPreflightsPass => guard.let_preflights_pass(),
    })
}

async fn act(
    action: Action,
    login: Login<Member>,
    session: Session,
    flash: Flash,
    parts: Parts,
    body: String,
) -> Result<http::Response<String>, Error> {
    let (login, session, flash) = ((*login).clone(), (*session).clone(), (*flash).clone());
    let done = local(async move {
        let path = parts.uri.path().to_owned();
        let ask = move || -> door_tests::Local<_> {
            let mut parts = parts.clone();
            Box::pin(async move {
                let user = CurrentUser::<Member>::from_request_parts(&mut parts, &()).await;
                user.map(|user| who(&user))
                    .map_err(|error| CoreError::new(error.kind(), error.to_string()))
            })
        };
        let who = Rc::new(ask);
        action(Given {
            login,
            session,
            flash,
            path,
            body,
            who,
        })
        .await
    });
    Ok(done.await?)
}

async fn ask_all(asks: Vec<Ask>, mut parts: Parts) -> Result<String, Response> {
    let mut texts = Vec::new();
    for ask in asks {
        texts.push(match ask.of {
            Of::Members => by_type::<Member>(ask, &mut parts).await?,
            Of::Staff => by_type::<Staff>(ask, &mut parts).await?,
            Of::Anybody => by_no_type(ask, &mut parts).await?,
        });
    }
    Ok(texts.join("; "))
}

async fn by_type<U: User>(ask: Ask, parts: &mut Parts) -> Result<String, Response> {
    match ask.extractor {
        Extractor::CurrentUser => by(ask, parts, |it: CurrentUser<U>| who(&it).to_string()).await,
        Extractor::LoginRequired => by(ask, parts, |it: LoginRequired<U>| it.id()).await,
        Extractor::OptionalLoginRequired => {
            by(ask, parts, |it: Option<LoginRequired<U>>| {
                it.map_or("nobody".to_owned(), |it| it.id())
            })
            .await
        }
        Extractor::FreshLoginRequired => by(ask, parts, |it: FreshLoginRequired<U>| it.id()).await,
        Extractor::Login => by(ask, parts, |_: Login<U>| String::new()).await,
        Extractor::Session => by(ask, parts, |it: Session<U>| it.keys().join(" ")).await,
        Extractor::Flash => by(ask, parts, |it: Flash<U>| said(&it).unwrap()).await,
        Extractor::NextUrl => by(ask, parts, |it: NextUrl<U>| format!("{:?}", it.get())).await,
    }
}

async fn by_no_type(ask: Ask, parts: &mut Parts) -> Result<String, Response> {
    match ask.extractor {
        Extractor::Session => by(ask, parts, |it: Session| it.keys().join(" ")).await,
        Extractor::Flash => by(ask, parts, |it: Flash| said(&it).unwrap()).await,
        Extractor::NextUrl => by(ask, parts, |it: NextUrl| format!("{:?}", it.get())).await,
        other => panic!("{other:?} names a type"),
    }
}

async fn by<E: FromRequestParts<()>>(
    ask: Ask,
    parts: &mut Parts,
    show: impl FnOnce(E) -> String,
) -> Result<String, Response> {
    let got = match ask.without_use {
        true => {
            let got = WithoutUse::<E>::from_request_parts(parts, &()).await;
            got.map(|WithoutUse(it)| it)
        }
        false => E::from_request_parts(parts, &()).await,
    };
    got.map(show).map_err(IntoResponse::into_response)
}
