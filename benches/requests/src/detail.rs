//! The parts of housekey's own cost: kinds of users, settings and requests, all on one small site.

use std::collections::HashMap;
use std::sync::Arc;
use std::task::{Context, Poll};

use axum::Router;
use axum::extract::Request;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::routing::{get, post};
use housekey_axum::{
    Error, Login, LoginManager, LoginManagerExt as _, LoginRequired, SecretKeys, Session, User,
    UserLoader, login_required,
};
use tower::{Layer, Service};

use crate::in_process::{Asked, Fault, sign_in};
use crate::requests::{Kind, LOGIN_PAGE, navigation};
use crate::sites::{BoxError, Site, greeting, public, with_public_pages};

/// All rows. The others are compared with the first.
pub(crate) async fn contenders() -> Result<Vec<Asked>, BoxError> {
    let keys = || SecretKeys::new("5d41402abc4b2a76b9719d911017c592");
    let safe = LoginManager::new(keys()?, members()).login_view(LOGIN_PAGE);
    let flask = LoginManager::flask(keys()?, members()).login_view(LOGIN_PAGE);
    let bare = with_public_pages(Router::new()).with_state(());
    let nothing = bare.clone().layer(DoesNothing).with_state(());
    let safe = members_only().layer(safe.build()?.layer()).with_state(());
    let flask = members_only().layer(flask.build()?.layer()).with_state(());

    let [bare, nothing, safe, flask] = [bare, nothing, safe, flask].map(Site::Axum);

    let signed_in = async |site: &Site, query: &str| -> Result<HeaderMap, BoxError> {
        let login = sign_in(site, &format!("{LOGIN_PAGE}{query}")).await?;
        let cookies = Kind::Protected.cookies(&login);
        let compressed = ["session=.", "session-values=."];
        let is_compressed = |cookie: &String| compressed.iter().any(|it| cookie.contains(it));
        let is_compressed = cookies.iter().any(is_compressed);
        let has_values = cookies.iter().any(|it| it.contains("session-values="));
        // Otherwise the row would not measure what it says.
        let is_long = query == "?cart=80";
        match is_compressed == is_long && cookies.len() == 3 + usize::from(has_values) {
            true => Ok(navigation(&cookies)),
            false => Err(format!("signing in gives {cookies:?}").into()),
        }
    };
    let mia = signed_in(&safe, "").await?;
    let ben = signed_in(&safe, "?ben").await?;
    let mia_with_cart = signed_in(&safe, "?cart=24").await?;
    let mia_with_long_cart = signed_in(&safe, "?cart=48").await?;
    let mia_with_longest_cart = signed_in(&safe, "?cart=64").await?;
    let mia_with_compressed_cart = signed_in(&safe, "?cart=80").await?;
    let mia_of_flask = signed_in(&flask, "").await?;
    let visitor = navigation(&Kind::Denied.cookies(&[]));
    let program = HeaderMap::from_iter([
        (header::HOST, HeaderValue::from_static("members.example")),
        (header::USER_AGENT, HeaderValue::from_static("curl/8.5.0")),
        (header::ACCEPT, HeaderValue::from_static("application/json")),
    ]);

    let page: Fault<'_> = &|status, headers, body| Kind::Public.fault(status, headers, body);
    let hello: Fault<'_> = &|status, headers, body| Kind::Protected.fault(status, headers, body);
    let to_login: Fault<'_> = &|status, headers, body| Kind::Denied.fault(status, headers, body);
    let hello_ben: Fault<'_> = &|_, _, body| (body != "Hello ben").then(|| body.to_owned());
    let denied: Fault<'_> =
        &|status, _, _| (status != StatusCode::UNAUTHORIZED).then(|| status.to_string());
    let mut all = Vec::new();
    for (name, site, path, headers, fault) in [
        ("axum alone, a public page", &bare, "/", &mia, page),
        ("a layer that does nothing", &nothing, "/", &mia, page),
        ("a public page", &safe, "/", &mia, page),
        ("a protected page", &safe, "/dashboard", &mia, hello),
        (
            "the same, with an auth hash",
            &safe,
            "/dashboard",
            &ben,
            hello_ben,
        ),
        ("protected by a guard", &safe, "/guarded", &mia, page),
        (
            "protected, `flask` preset",
            &flask,
            "/dashboard",
            &mia_of_flask,
            hello,
        ),
        (
            "protected, 1.0 KB of values",
            &safe,
            "/dashboard",
            &mia_with_cart,
            hello,
        ),
        (
            "protected, 2.0 KB of values",
            &safe,
            "/dashboard",
            &mia_with_long_cart,
            hello,
        ),
        (
            "protected, 2.7 KB of values",
            &safe,
            "/dashboard",
            &mia_with_longest_cart,
            hello,
        ),
        (
            "protected, compressed cookie, 3.4 KB of values",
            &safe,
            "/dashboard",
            &mia_with_compressed_cart,
            hello,
        ),
        (
            "a page denied: 303",
            &safe,
            "/dashboard",
            &visitor,
            to_login,
        ),
        ("an API denied: 401", &safe, "/dashboard", &program, denied),
    ] {
        let (asked, sets_cookies) = Asked::new(name, 0, site, (path, headers), fault).await?;
        if sets_cookies {
            return Err(format!("{name}: the answer sets a cookie").into());
        }
        all.push(asked);
    }
    Ok(all)
}

fn members_only() -> Router {
    let guarded = Router::new()
        .route("/guarded", get(public))
        .route_layer(login_required::<Member>());
    with_public_pages(
        guarded
            .route("/dashboard", get(dashboard))
            .route("/sign-in", post(log_in)),
    )
}

async fn dashboard(LoginRequired(member): LoginRequired<Member>) -> String {
    greeting(&member.name)
}

async fn log_in(
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
    let articles = query.and_then(|it| it.strip_prefix("cart=")?.parse().ok());
    let articles = articles.unwrap_or(0);
    if articles > 0 {
        let cart: Vec<_> = (1..=articles)
            .map(|item: u32| format!("article {} of the catalogue, size {item}", item * 7919))
            .collect();
        session.insert("cart", &cart)?;
    }
    Ok(StatusCode::NO_CONTENT)
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

/// The cost of any layer in axum, which boxes one more service and future for it.
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
