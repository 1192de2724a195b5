//! The pages that a case adds to a site.

use std::future::ready;
use std::rc::Rc;
use std::sync::Arc;

use actix_web::dev::ResourceDef;
use actix_web::guard::fn_guard;
use actix_web::{FromRequest, HttpRequest, HttpResponse, HttpResponseBuilder, web};
use door_tests::{
    Action, Ask, Does, ELSEWHERE, Extractor, Given, LATELY, Local, Member, Of, Page, Plan,
    Requires, Rule, Staff, Who, pending, said,
};
use housekey_actix::{
    CoreError, CurrentUser, Error, Flash, FreshLoginRequired, Guard, Login, LoginManagerExt as _,
    LoginRequired, NextUrl, PendingLogin, Session, User, WithoutUse, fresh_login_required,
    login_required, login_scope, pending_login_required,
};

use crate::layers::{Layer, Layers, Part};

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

pub(crate) fn add(page: &Page, plan: &Plan, site: &mut web::ServiceConfig) {
    let handler = handler(&page.does);
    if page.path == ELSEWHERE {
        let scope = web::scope("").default_service(handler);
        site.service(scope.wrap(some(&page.behind, plan)));
        return;
    }
    let is_below = |layer: &door_tests::Layer| matches!(layer, door_tests::Layer::Below(_));
    let mut around = page.behind.split(is_below).map(|layers| some(layers, plan));
    let resource = web::resource(path(page)).route(handler);
    let mut part = Part::new(resource.wrap(around.next().unwrap()));
    let whole = Rc::new(ResourceDef::new(whole_path(page)));
    for layer in &page.behind {
        if let door_tests::Layer::Below(path) = layer {
            // A scope takes everything below its path, and there may be another page.
            let whole = Rc::clone(&whole);
            let is_it = fn_guard(move |asked| whole.is_match(asked.head().uri.path()));
            let scope = web::scope(path).guard(is_it).service(part);
            part = Part::new(scope.wrap(around.next().unwrap()));
        }
    }
    site.service(part);
}

/// The root of a scope is its path without a trailing `/`.
fn path(page: &Page) -> &'static str {
    let mut layers = page.behind.iter();
    let is_below = layers.any(|layer| matches!(layer, door_tests::Layer::Below(_)));
    match page.path {
        "/" if is_below => "",
        path => path,
    }
}

fn whole_path(page: &Page) -> String {
    let above = page.behind.iter().rev().filter_map(|layer| match layer {
        door_tests::Layer::Below(path) => Some(*path),
        _ => None,
    });
    above.chain([path(page)]).collect()
}

fn some(layers: &[door_tests::Layer], plan: &Plan) -> Layers {
    let one = |layer: &door_tests::Layer| match layer {
        door_tests::Layer::Guard(guard) => Layer::Guard(guarded(guard)),
        door_tests::Layer::Staff => Layer::Staff(plan.staff.as_ref().unwrap().middleware()),
        door_tests::Layer::Below(_) => unreachable!("split there"),
    };
    Layers(Rc::new(layers.iter().map(one).collect()))
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

fn handler(does: &Does) -> actix_web::Route {
    match does {
        Does::Answers(answer) => {
            let answer = answer.clone();
            web::to(move || ready(response(&answer)))
        }
        Does::Asks(asks) => {
            let asks = asks.clone();
            web::to(move |request: HttpRequest| ask_all(asks.clone(), request))
        }
        Does::Acts(action) => {
            let action = action.clone();
            web::to(move |login, session, flash, request, body| {
                act(action.clone(), login, session, flash, request, body)
            })
        }
    }
}

fn response(answer: &http::Response<String>) -> HttpResponse {
    let status = answer.status().as_u16().try_into().unwrap();
    let mut response = HttpResponseBuilder::new(status);
    for (name, value) in answer.headers() {
        response.append_header((name.as_str(), value.as_bytes()));
    }
    response.body(answer.body().clone())
}

async fn act(
    action: Action,
    login: Login<Member>,
    session: Session,
    flash: Flash,
    request: HttpRequest,
    body: web::Bytes,
) -> Result<HttpResponse, Error> {
    let path = request.path().to_owned();
    let ask = move || -> Local<_> {
        let request = request.clone();
        Box::pin(async move {
            let user = CurrentUser::<Member>::extract(&request).await;
            user.map(|user| who(&user))
                .map_err(|error| CoreError::new(error.kind(), error.to_string()))
        })
    };
    let given = Given {
        login: (*login).clone(),
        session: (*session).clone(),
        flash: (*flash).clone(),
        path,
        body: String::from_utf8(body.to_vec()).unwrap(),
        who: Rc::new(ask),
    };
    Ok(response(&action(given).await?))
}

async fn ask_all(asks: Vec<Ask>, request: HttpRequest) -> actix_web::Result<String> {
    let mut texts = Vec::new();
    for ask in asks {
        texts.push(match ask.of {
            Of::Members => by_type::<Member>(ask, &request).await?,
            Of::Staff => by_type::<Staff>(ask, &request).await?,
            Of::Anybody => by_no_type(ask, &request).await?,
        });
    }
    Ok(texts.join("; "))
}

async fn by_type<U: User>(ask: Ask, request: &HttpRequest) -> actix_web::Result<String> {
    match ask.extractor {
        Extractor::CurrentUser => by(ask, request, |it: CurrentUser<U>| who(&it).to_string()).await,
        Extractor::LoginRequired => by(ask, request, |it: LoginRequired<U>| it.id()).await,
        Extractor::OptionalLoginRequired => {
            by(ask, request, |it: Option<LoginRequired<U>>| {
                it.map_or("nobody".to_owned(), |it| it.id())
            })
            .await
        }
        Extractor::FreshLoginRequired => {
            by(ask, request, |it: FreshLoginRequired<U>| it.id()).await
        }
        Extractor::PendingLogin => by(ask, request, |it: PendingLogin<U>| pending(&it)).await,
        Extractor::Login => by(ask, request, |_: Login<U>| String::new()).await,
        Extractor::Session => by(ask, request, |it: Session<U>| it.keys().join(" ")).await,
        Extractor::Flash => by(ask, request, |it: Flash<U>| said(&it).unwrap()).await,
        Extractor::NextUrl => by(ask, request, |it: NextUrl<U>| format!("{:?}", it.get())).await,
    }
}

async fn by_no_type(ask: Ask, request: &HttpRequest) -> actix_web::Result<String> {
    match ask.extractor {
        Extractor::Session => by(ask, request, |it: Session| it.keys().join(" ")).await,
        Extractor::Flash => by(ask, request, |it: Flash| said(&it).unwrap()).await,
        Extractor::NextUrl => by(ask, request, |it: NextUrl| format!("{:?}", it.get())).await,
        other => panic!("{other:?} names a type"),
    }
}

async fn by<E: FromRequest + 'static>(
    ask: Ask,
    request: &HttpRequest,
    show: impl FnOnce(E) -> String,
) -> actix_web::Result<String> {
    let got = match ask.without_use {
        true => WithoutUse::<E>::extract(request)
            .await
            .map(|WithoutUse(it)| it),
        false => E::extract(request).await,
    };
    got.map(show).map_err(Into::into)
}
