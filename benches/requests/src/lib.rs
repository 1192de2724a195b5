//! What is measured: one small site, bare and with housekey in front of it, and what browsers and programs ask it for.

use std::collections::HashMap;
use std::sync::Arc;
use std::task::{Context, Poll};

use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::Response;
use axum::routing::{get, post};
use housekey_axum::{
    BoxError, Error, Login, LoginManager, LoginManagerExt as _, LoginRequired, SecretKeys, Session,
    User, UserLoader, login_required,
};
use http_body_util::BodyExt as _;
use tower::{Layer, Service};

/// A site and a request to it.
pub struct Contender {
    /// What the table calls it.
    pub name: &'static str,
    /// The site. It answers as soon as it is asked.
    pub site: Router,
    request: axum::http::Request<()>,
    expected: Expected,
}

enum Expected {
    Page(&'static str),
    Redirect(&'static str),
    Status(StatusCode),
}

impl Contender {
    /// The request, anew. It costs the same for every contender, give or take the cookies.
    pub fn request(&self) -> Request {
        self.request.clone().map(|()| Body::empty())
    }

    /// # Panics
    ///
    /// When the site does not answer as it should, so that something else would be measured.
    pub async fn check(&self) {
        let response = call(&self.site, self.request()).await;
        let name = self.name;
        let (status, headers) = (response.status(), response.headers().clone());
        let body = text(response).await;
        assert_eq!(headers.get(header::SET_COOKIE), None, "{name}");
        match self.expected {
            Expected::Page(page) => assert_eq!((status, &*body), (StatusCode::OK, page), "{name}"),
            Expected::Redirect(to) => {
                assert_eq!(status, StatusCode::SEE_OTHER, "{name}");
                assert_eq!(headers[header::LOCATION], to, "{name}");
            }
            Expected::Status(expected) => assert_eq!(status, expected, "{name}: {body}"),
        }
    }
}

/// All contenders. The first is the one that the others are compared with.
pub async fn contenders() -> Vec<Contender> {
    let keys = || SecretKeys::new("b1946ac92492d2347c6235b4d2611184").expect("a strong key");
    let safe = LoginManager::new(keys(), members()).login_view("/sign-in");
    let safe = safe.build().expect("good settings");
    let flask = LoginManager::flask(keys(), members()).login_view("/sign-in");
    let flask = flask.build().expect("good settings");

    let bare = site(Router::new().route("/dashboard", get(public)));
    let nothing = bare.clone().layer(DoesNothing);
    let safe = members_only().layer(safe.layer());
    let flask = members_only().layer(flask.layer());

    let mia = navigation(&log_in(&safe, "/sign-in").await);
    let ben = navigation(&log_in(&safe, "/sign-in?ben").await);
    let mia_with_cart = navigation(&log_in(&safe, "/sign-in?cart").await);
    let mia_of_flask = navigation(&log_in(&flask, "/sign-in").await);
    let visitor = navigation(&["theme=dark".to_owned()]);
    let program = HeaderMap::from_iter([
        (header::HOST, HeaderValue::from_static("members.example")),
        (header::USER_AGENT, HeaderValue::from_static("curl/8.5.0")),
        (header::ACCEPT, HeaderValue::from_static("application/json")),
    ]);

    let everybody = || Expected::Page("Hello everybody");
    let hello_mia = || Expected::Page("Hello mia");
    let login_page = || Expected::Redirect("/sign-in?next=%2Fdashboard");
    let contender = |name, site: &Router, path: &str, headers: &HeaderMap, expected| {
        let mut request = axum::http::Request::new(());
        *request.uri_mut() = path.parse().expect("a path");
        *request.headers_mut() = headers.clone();
        Contender {
            name,
            // As axum::serve does, or every request would put the layers around the handler anew.
            site: site.clone().with_state(()),
            request,
            expected,
        }
    };
    vec![
        contender("bare axum", &bare, "/", &mia, everybody()),
        contender(
            "a layer that does nothing",
            &nothing,
            "/",
            &mia,
            everybody(),
        ),
        contender("public page", &safe, "/", &mia, everybody()),
        contender("protected page", &safe, "/dashboard", &mia, hello_mia()),
        contender(
            "protected, with an auth hash",
            &safe,
            "/dashboard",
            &ben,
            Expected::Page("Hello ben"),
        ),
        contender("protected by a guard", &safe, "/guarded", &mia, everybody()),
        contender(
            "protected, flask preset",
            &flask,
            "/dashboard",
            &mia_of_flask,
            hello_mia(),
        ),
        contender(
            "protected, compressed cookie",
            &safe,
            "/dashboard",
            &mia_with_cart,
            hello_mia(),
        ),
        contender(
            "denied, a page: 303",
            &safe,
            "/dashboard",
            &visitor,
            login_page(),
        ),
        contender(
            "denied, an API: 401",
            &safe,
            "/dashboard",
            &program,
            Expected::Status(StatusCode::UNAUTHORIZED),
        ),
    ]
}

/// Asks a site.
pub async fn call(site: &Router, request: Request) -> Response {
    match site.clone().call(request).await {
        Ok(response) => response,
        Err(never) => match never {},
    }
}

async fn text(response: Response) -> String {
    let body = response.into_body().collect().await.expect("a body");
    String::from_utf8_lossy(&body.to_bytes()).into_owned()
}

/// Every site has these routes besides its own.
fn site(own: Router) -> Router {
    own.route("/", get(public))
        .route("/about", get(public))
        .route("/articles/{title}", get(public))
        .route("/static/{*path}", get(public))
}

fn members_only() -> Router {
    let guarded = Router::new()
        .route("/guarded", get(public))
        .route_layer(login_required::<Member>());
    site(
        guarded
            .route("/dashboard", get(dashboard))
            .route("/sign-in", post(sign_in)),
    )
}

async fn public() -> String {
    greeting("everybody")
}

async fn dashboard(LoginRequired(member): LoginRequired<Member>) -> String {
    greeting(&member.name)
}

fn greeting(name: &str) -> String {
    format!("Hello {name}")
}

async fn sign_in(
    login: Login<Member>,
    session: Session,
    request: Request,
) -> Result<StatusCode, Error> {
    let query = request.uri().query();
    let member = match query {
        Some("ben") => Member::ben(),
        _ => Member::mia(),
    };
    login.login_user(&member).remember(true).await?;
    if query == Some("cart") {
        let cart: Vec<_> = (1..=24)
            .map(|item: u32| format!("article {} of the catalogue, size {item}", item * 7919))
            .collect();
        session.insert("cart", &cart)?;
    }
    Ok(StatusCode::NO_CONTENT)
}

/// The cookies that a browser has after signing in.
async fn log_in(site: &Router, path: &str) -> Vec<String> {
    let mut request = Request::new(Body::empty());
    *request.method_mut() = axum::http::Method::POST;
    *request.uri_mut() = path.parse().expect("a path");
    *request.headers_mut() = navigation(&[]);
    let response = call(site, request).await;
    assert_eq!(response.status(), StatusCode::NO_CONTENT);
    let pairs = response.headers().get_all(header::SET_COOKIE).iter();
    let pairs = pairs.map(|cookie| {
        let text = cookie.to_str().expect("ASCII");
        text.split(';').next().unwrap_or_default().to_owned()
    });
    let cookies: Vec<_> = ["theme=dark".to_owned()].into_iter().chain(pairs).collect();
    assert_eq!(cookies.len(), 3, "{cookies:?}");
    let compressed = cookies.iter().any(|cookie| cookie.contains("session=."));
    assert_eq!(compressed, path.ends_with("cart"), "{cookies:?}");
    cookies
}

/// The headers of a browser that was told to go to a page.
fn navigation(cookies: &[String]) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for (name, value) in [
        ("host", "members.example"),
        ("sec-ch-ua", r#""Chromium";v="142", "Not_A Brand";v="99""#),
        ("sec-ch-ua-mobile", "?0"),
        ("sec-ch-ua-platform", r#""Linux""#),
        ("upgrade-insecure-requests", "1"),
        (
            "user-agent",
            "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Safari/537.36",
        ),
        (
            "accept",
            "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,image/apng,*/*;q=0.8",
        ),
        ("sec-fetch-site", "same-origin"),
        ("sec-fetch-mode", "navigate"),
        ("sec-fetch-user", "?1"),
        ("sec-fetch-dest", "document"),
        ("referer", "https://members.example/"),
        ("accept-encoding", "gzip, deflate, br, zstd"),
        ("accept-language", "en-GB,en;q=0.9,de;q=0.8"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    if !cookies.is_empty() {
        let cookies = HeaderValue::from_str(&cookies.join("; ")).expect("ASCII");
        headers.insert(header::COOKIE, cookies);
    }
    headers
}

#[derive(Clone)]
struct Member {
    id: String,
    name: String,
    auth_stamp: Option<Vec<u8>>,
}

impl Member {
    fn mia() -> Self {
        Self {
            id: "4711".to_owned(),
            name: "mia".to_owned(),
            auth_stamp: None,
        }
    }

    /// His logins end when his password changes.
    fn ben() -> Self {
        Self {
            id: "4712".to_owned(),
            name: "ben".to_owned(),
            auth_stamp: Some(b"sixteen of them!".to_vec()),
        }
    }
}

impl User for Member {
    fn id(&self) -> String {
        self.id.clone()
    }

    fn session_auth_hash(&self) -> Option<Vec<u8>> {
        self.auth_stamp.clone()
    }
}

#[derive(Clone)]
struct Members(Arc<HashMap<String, Member>>);

fn members() -> Members {
    let all = [Member::mia(), Member::ben()];
    Members(Arc::new(
        all.into_iter()
            .map(|member| (member.id.clone(), member))
            .collect(),
    ))
}

impl UserLoader<Member> for Members {
    async fn load_user(&self, id: &str) -> Result<Option<Member>, BoxError> {
        Ok(self.0.get(id).cloned())
    }
}

/// What any layer costs in axum, which boxes a service and a future more for it.
#[derive(Clone)]
struct DoesNothing;

#[derive(Clone)]
struct NothingDone<S>(S);

impl<S> Layer<S> for DoesNothing {
    type Service = NothingDone<S>;

    fn layer(&self, inner: S) -> NothingDone<S> {
        NothingDone(inner)
    }
}

impl<S: Service<Request>> Service<Request> for NothingDone<S> {
    type Response = S::Response;
    type Error = S::Error;
    type Future = S::Future;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.0.poll_ready(cx)
    }

    fn call(&mut self, request: Request) -> S::Future {
        self.0.call(request)
    }
}
