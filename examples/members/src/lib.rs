//! A members' site: sign up, sign in, a page for members, a password to change, a list of where one is signed in. The
//! whole of it is [`app`].
//!
//! Where to look first: `members` is the table and what housekey asks of it, `pages` what visitors see, `templates`
//! how `current_user` gets into every page.

mod admin;
mod assets;
mod closing;
mod database;
mod ended;
mod errors;
mod forms;
mod login_store;
mod members;
mod moments;
mod options;
mod pages;
mod private;
mod root;
mod rules;
mod secret_key;
mod security_headers;
mod templates;
mod user_agents;

use std::future::ready;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use axum::extract::{ConnectInfo, DefaultBodyLimit, FromRef};
use axum::http::{Request, StatusCode};
use axum::middleware::{from_fn, from_fn_with_state, map_request, map_response};
use axum::routing::{get, post};
use axum::{Router, body::Body};
use housekey_axum::{
    AnswerAs, BoxError, LoginManager, LoginManagerExt as _, LoginTimeouts, SecretKeys, WhenFull,
    login_required,
};
use tower_http::csrf::CsrfLayer;
use tower_http::timeout::TimeoutLayer;
use tower_http::trace::{DefaultOnResponse, TraceLayer};
use tracing::Level;
use tracing::field::display;

pub use admin::administer;
pub use closing::Closing;
use database::Database;
use login_store::Store;
use members::{Member, Members};
pub use options::{Command, Options, Timeouts};
use root::Root;
use templates::Templates;

/// How often the records of logins that are long over are deleted. They count for nothing before as well.
const PURGE: Duration = Duration::from_secs(10 * 60);

/// What handlers may ask for with `State`.
#[derive(Clone, FromRef)]
struct App {
    members: Members,
    timeouts: LoginTimeouts,
    closing: Closing,
    root: Root,
    templates: Templates,
}

/// Opens the data folder, made if need be, and builds the site on it.
///
/// # Errors
/// When the folder, the secret key, the database in it or the store of the logins cannot be used. The message says what
/// to do.
pub async fn app(options: &Options, closing: &Closing) -> Result<Router, BoxError> {
    let (members, manager) = open(options).await?;
    let root = Root::new(&options.mounted_at);
    let templates = Templates::new(&root);
    let app = App {
        members,
        timeouts: options.timeouts.into(),
        closing: closing.clone(),
        root: root.clone(),
        templates: templates.clone(),
    };
    let (purging, seen_by) = (manager.clone(), manager.clone());
    tokio::spawn(async move { purging.purge_logins(|| tokio::time::sleep(PURGE)).await });

    let api = Router::new()
        .route("/api/me", get(pages::api::me))
        .route_layer(login_required::<Member>().answer_as(AnswerAs::Api));

    let site = Router::new()
        .route("/", get(pages::home))
        .route(
            "/sign-up",
            get(pages::sign_up::form).post(pages::sign_up::submit),
        )
        .route(
            "/sign-in",
            get(pages::sign_in::form).post(pages::sign_in::submit),
        )
        .route("/sign-out", post(pages::sign_out::submit))
        .route("/dashboard", get(pages::dashboard))
        .route(
            "/account",
            get(pages::account::form).post(pages::account::submit),
        )
        .route("/account/logins", get(pages::logins::list))
        .route("/account/logins/end", post(pages::logins::end))
        .route(
            "/account/logins/end-others",
            post(pages::logins::end_others),
        )
        .route("/events", get(pages::events::until_the_login_ends))
        .merge(api)
        .fallback(pages::not_found)
        .layer(manager.layer())
        .layer(from_fn(ended::keep))
        // After the login layer, so outside it: a stylesheet is the same for everybody.
        .route("/static/{name}", get(assets::serve))
        .with_state(app);

    let site = around(site, options.https, templates, seen_by);
    Ok(root.mount(site))
}

/// The data folder: the members, and who of them is signed in.
async fn open(options: &Options) -> Result<(Members, LoginManager<Member>), BoxError> {
    let data = &options.data;
    let store = Store::parse(&options.store)?;
    private::make_folder(data)
        .map_err(|error| format!("cannot make the folder {}: {error}", data.display()))?;
    let keys = secret_key::load_or_create(data)?;
    let members = Members::new(Database::open(&data.join("members.db"))?);
    let manager = login_manager(keys, &members, store, options).await?;
    Ok((members, manager))
}

async fn login_manager(
    keys: SecretKeys,
    members: &Members,
    store: Store<'_>,
    options: &Options,
) -> Result<LoginManager<Member>, BoxError> {
    let root = Root::new(&options.mounted_at);
    let manager = LoginManager::new(keys, members.clone())
        .mounted_at(root.as_str())
        .session_cookie(|cookie| cookie.name(root.cookie("session")))
        .remember_cookie(|cookie| cookie.name(root.cookie("remember_token")))
        .login_view("/sign-in")
        .login_message("Please sign in to see that page.")
        .refresh_view("/sign-in")
        .needs_refresh_message("Please confirm it’s you to go on.")
        .localize_messages(|message| ended::message().unwrap_or(message).to_owned())
        .on_event(|event, _| ended::note(event))
        .max_logins(options.max_logins.into(), WhenFull::EndOldest)
        .login_timeouts(options.timeouts.into())
        .client_address(|request| {
            let ConnectInfo(address) = request.extensions.get::<ConnectInfo<SocketAddr>>()?;
            Some(address.ip().to_canonical())
        });
    let manager = if options.https {
        manager.trusted_proxies(options.proxies.into())
    } else {
        manager.plain_http()
    };
    Ok(store.give_to(manager, &options.data).await?.build()?)
}

/// Where a request comes from, for the log lines: the same address that its login is listed with.
#[derive(Clone, Copy)]
struct CameFrom(IpAddr);

fn note_address(manager: &LoginManager<Member>, request: Request<Body>) -> Request<Body> {
    let (mut parts, body) = request.into_parts();
    if let Some(address) = manager.client_address(&parts) {
        parts.extensions.insert(CameFrom(address));
    }
    Request::from_parts(parts, body)
}

/// What holds for every request. The last layer is the outermost: it sees the request first and the response last.
fn around(
    site: Router,
    https: bool,
    templates: Templates,
    manager: LoginManager<Member>,
) -> Router {
    let site = site
        .layer(DefaultBodyLimit::max(forms::MAX_BYTES))
        .layer(CsrfLayer::new())
        .layer(TimeoutLayer::with_status_code(
            StatusCode::SERVICE_UNAVAILABLE,
            Duration::from_secs(20),
        ))
        .layer(from_fn_with_state(templates, errors::in_our_look))
        .layer(map_response(security_headers::add));
    let site = if https {
        site.layer(map_response(security_headers::add_hsts))
    } else {
        site
    };
    site.layer(
        TraceLayer::new_for_http()
            // The path without the query, which may hold what is nobody's business.
            .make_span_with(|request: &Request<Body>| {
                let address = request.extensions().get().map(|CameFrom(address)| display(*address));
                tracing::info_span!("request", method = %request.method(), path = request.uri().path(), address)
            })
            .on_response(DefaultOnResponse::new().level(Level::INFO)),
    )
    .layer(map_request(move |request| ready(note_address(&manager, request))))
}
