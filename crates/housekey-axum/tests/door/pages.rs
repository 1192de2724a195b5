//! The pages that a case adds to a site.

use std::rc::Rc;
use std::sync::Arc;

use axum::Router;
use axum::extract::FromRequestParts;
use axum::response::{IntoResponse, Response};
use axum::routing::any;
use door_tests::{
    Action, Ask, Does, ELSEWHERE, Extractor, Given, LATELY, Layer, Local, Member, Of, Page, Plan,
    Requires, Rule, Staff, Who, local, pending, said,
};
use housekey_axum::{
    CoreError, CurrentUser, Error, Flash, FreshLoginRequired, Guard, Login, LoginManagerExt as _,
    LoginRequired, NextUrl, PendingLogin, Session, User, WithoutUse, fresh_login_required,
    login_required, login_scope, pending_login_required,
};
use http::request::Parts;

/// The answer of a `CurrentUser`.
pub(crate) fn who<U: User>(user: &CurrentUser<U>) -> Who {
    Who {
        id: user.as_ref().map(|user| user.id()),
        is_authenticated: user.is_authenticated(),
        is_anonymous: user.is_anonymous(),
        is_fresh: user.is_fresh(),
        is_fresh_lately: user.is_fresh_within(LATELY),
        is_remembered: user.is_remembered(),
        source: user.source(),
        watch: user.watch().map_err(|error| error.kind()),
    }
}

pub(crate) fn page(page: &Page, plan: &Plan) -> Router {
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
            Layer::Guard(guard) => router.route_layer(guarded(guard)),
            Layer::Below(path) => Router::new().nest(path, router),
            Layer::Staff => router.layer(plan.staff.as_ref().unwrap().layer()),
        };
    }
    router
}

pub(crate) fn guarded(guard: &door_tests::Guard) -> Guard<Member> {
    let begun = match guard.requires {
        Requires::Nothing => login_scope(),
        Requires::Login => login_required(),
        Requires::FreshLogin => fresh_login_required(),
        Requires::PendingLogin => pending_login_required(),
    };
    guard.rules.iter().fold(begun, |guard, rule| match *rule {
        Rule::FreshWithin(within) => guard.fresh_within(within),
        Rule::Require(test) => guard.require(test),
        Rule::RequireAsync(ask) => {
            guard.require_async(move |member: Arc<Member>| async move { Ok(ask(&member)?) })
        }
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
        let ask = move || -> Local<_> {
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
        Extractor::PendingLogin => by(ask, parts, |it: PendingLogin<U>| pending(&it)).await,
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
