//! actix-web: alone, with actix-identity on a session in a cookie, and with housekey in the safe preset.

use std::hint::black_box;
use std::net::TcpListener;
use std::pin::Pin;
use std::rc::Rc;

use actix_identity::{Identity, IdentityMiddleware};
use actix_session::SessionMiddleware;
use actix_session::storage::CookieSessionStore;
use actix_web::body::{BoxBody, EitherBody, MessageBody, to_bytes};
use actix_web::cookie::{Cookie, Key};
use actix_web::dev::{Service as _, ServiceFactory, ServiceRequest, ServiceResponse};
use actix_web::http::header;
use actix_web::test::{self, TestRequest};
use actix_web::web::{self, Data};
use actix_web::{App, HttpMessage as _, HttpRequest, HttpResponse, HttpServer};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Request, StatusCode};
use housekey_actix::{Error, Login, LoginManager, LoginManagerExt as _, LoginRequired};

use super::housekey::{Account, Accounts};
use super::{Answer, BoxError, greeting};
use crate::requests::PUBLIC;
use crate::users::{MIA, Users};

/// The library that keeps the logins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Logins {
    /// None: the bare site.
    Nobody,
    Identity,
    Housekey,
}

/// Serves until it is stopped, with one worker like all other sites.
pub(crate) fn serve(users: Users, logins: Logins, listener: TcpListener) -> Result<(), BoxError> {
    match logins {
        Logins::Nobody => run(listener, move || bare_app(users.clone())),
        Logins::Identity => {
            let key = Key::generate();
            run(listener, move || identity_app(users.clone(), key.clone()))
        }
        Logins::Housekey => {
            let manager = super::housekey::manager(users.clone())?;
            run(listener, move || {
                housekey_app(users.clone(), manager.clone())
            })
        }
    }
}

fn run<T, B>(
    listener: TcpListener,
    app: impl Fn() -> App<T> + Clone + Send + 'static,
) -> Result<(), BoxError>
where
    T: Entry<B>,
    B: MessageBody + 'static,
{
    let server = HttpServer::new(app).workers(1).listen(listener)?.run();
    Ok(actix_web::rt::System::new().block_on(server)?)
}

/// The type of an application with its middlewares.
trait Entry<B>:
    ServiceFactory<
        ServiceRequest,
        Config = (),
        Response = ServiceResponse<B>,
        Error = actix_web::Error,
        InitError = (),
    > + 'static
{
}

impl<T, B> Entry<B> for T where
    T: ServiceFactory<
            ServiceRequest,
            Config = (),
            Response = ServiceResponse<B>,
            Error = actix_web::Error,
            InitError = (),
        > + 'static
{
}

/// The site without a server. Clones are the same site.
#[derive(Clone)]
pub(crate) struct ActixSite {
    answer: Rc<AnswerOnce>,
    batch: Rc<AskOften>,
}

// The type of the service cannot be named.
type AnswerOnce = dyn Fn(&Request<()>) -> Promise<Result<Answer, BoxError>>;
type AskOften = dyn Fn(&Request<()>, usize) -> Promise<()>;
type Promise<T> = Pin<Box<dyn Future<Output = T>>>;

impl ActixSite {
    pub(crate) async fn new(users: Users, logins: Logins) -> Result<Self, BoxError> {
        Ok(match logins {
            Logins::Nobody => Self::of(bare_app(users)).await,
            Logins::Identity => Self::of(identity_app(users, Key::generate())).await,
            Logins::Housekey => {
                let manager = super::housekey::manager(users.clone())?;
                Self::of(housekey_app(users, manager)).await
            }
        })
    }

    async fn of<T: Entry<B>, B: MessageBody + 'static>(app: App<T>) -> Self {
        let site = Rc::new(test::init_service(app).await);
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

    /// Its answer.
    pub(crate) async fn answer(&self, request: &Request<()>) -> Result<Answer, BoxError> {
        (self.answer)(request).await
    }

    /// Makes this many requests, which are sent when the future is polled.
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

fn bare_app(users: Users) -> App<impl Entry<BoxBody>> {
    with_public_pages(App::new(), users)
        .route("/dashboard", web::get().to(bare_dashboard))
        .route("/sign-in", web::post().to(bare_sign_in))
}

fn identity_app(users: Users, key: Key) -> App<impl Entry<BoxBody>> {
    with_public_pages(App::new(), users)
        .route("/dashboard", web::get().to(identity_dashboard))
        .route("/sign-in", web::post().to(identity_sign_in))
        .wrap(IdentityMiddleware::default())
        .wrap(SessionMiddleware::new(CookieSessionStore::default(), key))
}

fn housekey_app(
    users: Users,
    manager: LoginManager<Account>,
) -> App<impl Entry<EitherBody<BoxBody>>> {
    with_public_pages(App::new(), users)
        .route("/dashboard", web::get().to(housekey_dashboard))
        .route("/sign-in", web::post().to(housekey_sign_in))
        .wrap(manager.middleware())
}

fn with_public_pages<T: Entry<BoxBody>>(app: App<T>, users: Users) -> App<T> {
    app.app_data(Data::new(users))
        .route("/", web::get().to(public))
        .route("/about", web::get().to(public))
        .route("/articles/{title}", web::get().to(public))
        .route("/static/{path:.*}", web::get().to(public))
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

async fn identity_dashboard(users: Data<Users>, identity: Option<Identity>) -> HttpResponse {
    match identity.and_then(|identity| identity.id().ok()) {
        Some(id) => hello(&users, &id).await,
        None => to_login_page(),
    }
}

async fn identity_sign_in(request: HttpRequest) -> HttpResponse {
    match Identity::login(&request.extensions(), MIA.to_owned()) {
        Ok(_) => HttpResponse::NoContent().finish(),
        Err(error) => HttpResponse::InternalServerError().body(error.to_string()),
    }
}

async fn housekey_dashboard(LoginRequired(account): LoginRequired<Account>) -> String {
    greeting(&account.member.name)
}

async fn housekey_sign_in(
    users: Data<Users>,
    login: Login<Account>,
) -> Result<HttpResponse, Error> {
    match Accounts::without_auth_hash(users.get_ref().clone())
        .find(MIA)
        .await
    {
        Ok(Some(mia)) => login.login_user(&mia).await?,
        _ => return Ok(HttpResponse::InternalServerError().finish()),
    }
    Ok(HttpResponse::NoContent().finish())
}
