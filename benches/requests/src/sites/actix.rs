//! actix-web, alone and with actix-identity on a session in a cookie.

use std::hint::black_box;
use std::net::TcpListener;
use std::pin::Pin;
use std::rc::Rc;

use actix_identity::{Identity, IdentityMiddleware};
use actix_session::SessionMiddleware;
use actix_session::storage::CookieSessionStore;
use actix_web::body::{MessageBody, to_bytes};
use actix_web::cookie::{Cookie, Key};
use actix_web::dev::{Service as _, ServiceFactory, ServiceRequest, ServiceResponse};
use actix_web::http::header;
use actix_web::middleware::Condition;
use actix_web::test::{self, TestRequest};
use actix_web::web::{self, Data};
use actix_web::{App, HttpMessage as _, HttpRequest, HttpResponse, HttpServer};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Request, StatusCode};

use super::{Answer, BoxError, greeting};
use crate::requests::PUBLIC;
use crate::users::{MIA, Users};

/// Serves until it is stopped, with one worker as all the others.
pub(crate) fn serve(
    users: Users,
    with_identity: bool,
    listener: TcpListener,
) -> std::io::Result<()> {
    let key = Key::generate();
    let server = HttpServer::new(move || app(users.clone(), with_identity, key.clone()));
    actix_web::rt::System::new().block_on(server.workers(1).listen(listener)?.run())
}

/// The site without a server. Clones are the same site.
#[derive(Clone)]
pub(crate) struct ActixSite {
    answer: Rc<AnswerOnce>,
    batch: Rc<AskOften>,
}

// The service has a type that nobody can name.
type AnswerOnce = dyn Fn(&Request<()>) -> Promise<Result<Answer, BoxError>>;
type AskOften = dyn Fn(&Request<()>, usize) -> Promise<()>;
type Promise<T> = Pin<Box<dyn Future<Output = T>>>;

impl ActixSite {
    pub(crate) async fn new(users: Users, with_identity: bool) -> Self {
        let site = Rc::new(test::init_service(app(users, with_identity, Key::generate())).await);
        let to_ask = Rc::clone(&site);
        Self {
            answer: Rc::new(move |request| {
                let answer = to_ask.call(prepared(request).to_request());
                Box::pin(async move {
                    let answer = answer.await.map_err(|error| error.to_string());
                    read(answer?).await
                })
            }),
            batch: Rc::new(move |request, count| {
                let requests: Vec<_> = (0..count).map(|_| prepared(request).to_request()).collect();
                let site = Rc::clone(&site);
                Box::pin(async move {
                    for request in requests {
                        let _ = black_box(site.call(request).await);
                    }
                })
            }),
        }
    }

    /// What it answers.
    pub(crate) async fn answer(&self, request: &Request<()>) -> Result<Answer, BoxError> {
        (self.answer)(request).await
    }

    /// Makes as many requests, which are asked when the future is polled.
    pub(crate) fn batch(&self, request: &Request<()>, count: usize) -> Promise<()> {
        (self.batch)(request, count)
    }
}

fn prepared(request: &Request<()>) -> TestRequest {
    let method = actix_web::http::Method::from_bytes(request.method().as_str().as_bytes());
    let headers = request.headers().iter();
    headers.fold(
        TestRequest::with_uri(&request.uri().to_string())
            .method(method.expect("a method is one on each framework")),
        |prepared, (name, value)| prepared.insert_header((name.as_str(), value.as_bytes())),
    )
}

async fn read(response: ServiceResponse<impl MessageBody>) -> Result<Answer, BoxError> {
    let (_, response) = response.into_parts();
    let mut headers = HeaderMap::new();
    for (name, value) in response.headers() {
        let name: HeaderName = name.as_str().parse()?;
        headers.append(name, HeaderValue::from_bytes(value.as_bytes())?);
    }
    let status = StatusCode::from_u16(response.status().as_u16())?;
    let body = to_bytes(response.into_body()).await;
    let body = body.map_err(|_| "the answer has no body that can be read")?;
    Ok(Answer {
        status,
        headers,
        body: String::from_utf8_lossy(&body).into_owned(),
    })
}

fn app(
    users: Users,
    with_identity: bool,
    key: Key,
) -> App<
    impl ServiceFactory<
        ServiceRequest,
        Config = (),
        Response = ServiceResponse<impl MessageBody>,
        Error = actix_web::Error,
        InitError = (),
    >,
> {
    let sessions = SessionMiddleware::new(CookieSessionStore::default(), key);
    let app = App::new()
        .wrap(Condition::new(with_identity, IdentityMiddleware::default()))
        .wrap(Condition::new(with_identity, sessions))
        .app_data(Data::new(users))
        .route("/", web::get().to(public))
        .route("/about", web::get().to(public))
        .route("/articles/{title}", web::get().to(public))
        .route("/static/{path:.*}", web::get().to(public));
    match with_identity {
        false => app
            .route("/dashboard", web::get().to(bare_dashboard))
            .route("/sign-in", web::post().to(bare_sign_in)),
        true => app
            .route("/dashboard", web::get().to(dashboard))
            .route("/sign-in", web::post().to(sign_in)),
    }
}

async fn public() -> String {
    PUBLIC.to_owned()
}

async fn hello(users: &Users, id: &str) -> HttpResponse {
    match users.find(id).await {
        Ok(Some(member)) => HttpResponse::Ok()
            .content_type("text/plain; charset=utf-8")
            .body(greeting(&member.name)),
        Ok(None) => to_login_page(),
        Err(error) => HttpResponse::InternalServerError().body(error.to_string()),
    }
}

fn to_login_page() -> HttpResponse {
    HttpResponse::SeeOther()
        .insert_header((header::LOCATION, "/sign-in?next=%2Fdashboard"))
        .finish()
}

async fn bare_dashboard(users: Data<Users>, request: HttpRequest) -> HttpResponse {
    let cookies = request.headers().get(header::COOKIE);
    if !cookies.is_some_and(|cookies| cookies.as_bytes().ends_with(b"signed-in=1")) {
        return to_login_page();
    }
    hello(&users, MIA).await
}

async fn bare_sign_in() -> HttpResponse {
    HttpResponse::NoContent()
        .cookie(Cookie::new("signed-in", "1"))
        .finish()
}

async fn dashboard(users: Data<Users>, identity: Option<Identity>) -> HttpResponse {
    match identity.and_then(|identity| identity.id().ok()) {
        Some(id) => hello(&users, &id).await,
        None => to_login_page(),
    }
}

async fn sign_in(request: HttpRequest) -> HttpResponse {
    match Identity::login(&request.extensions(), MIA.to_owned()) {
        Ok(_) => HttpResponse::NoContent().finish(),
        Err(error) => HttpResponse::InternalServerError().body(error.to_string()),
    }
}
