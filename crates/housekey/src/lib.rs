//! **Session login in Flask-Login's model, on Flask's own cookies: the rules, without a web framework.**
//!
//! It knows the current user, closes the routes that need a login, remembers users after the browser closes, and asks them
//! to confirm their login where that matters. An axum application uses the crate `housekey-axum`, an actix-web application
//! `housekey-actix`. Both re-export all of this and add the layer or middleware, the extractors and the guards. Use this
//! crate by itself only to build a door for another framework.
//!
//! # The rooms
//!
//! - [`User`] and [`UserLoader`]: the application's own type, and how to find a user again.
//! - [`LoginManager`]: every setting, checked when the manager is built, in three presets.
//! - [`Visit`]: one request. It reads nothing until it is [opened](Visit::open).
//! - [`CurrentUser`]: the user of this request. [`Login`]: log in, log out, confirm. [`Session`], [`Flash`], [`NextUrl`]:
//!   what else a handler needs.
//! - [`Scope`] and [`Denied`]: which visitors a route turns away, and with what answer.
//! - [`records`]: logins that the server knows, which can be listed, ended and timed out.
//! - [`attempts`]: how many guesses may fail before the next one has to wait.
//! - [`SecretKeys`]: the keys that sign everything, and how to change them.
//! - [`password`]: hashing, with Werkzeug's formats so that a Flask users table works as it is.
//! - [`Event`]: what happened, for hooks and for `tracing`.
//! - [`door`]: what else a door needs: for its guards, for several managers, and for a session that the framework keeps.
//!
//! # A request, as a door sees it
//!
//! ```
//! use housekey::{BoxError, Denied, Login, LoginManager, Scope, SecretKeys, User};
//!
//! #[derive(Clone)]
//! struct Member { name: String }
//! impl User for Member {
//!     fn id(&self) -> String { self.name.clone() }
//! }
//!
//! # futures_lite::future::block_on(async {
//! let loader = |name: String| async move { Ok::<_, BoxError>(Some(Member { name })) };
//! let manager = LoginManager::new(SecretKeys::generate(), loader).login_view("/login").build()?;
//!
//! // A visitor without a cookie is sent to the login page.
//! let (request, ()) = http::Request::get("/dashboard").header("Accept", "text/html").body(())?.into_parts();
//! let visit = manager.visit(&request.uri).open(&request)?;
//! assert!(visit.current_user::<Member>(&request).await?.is_none());
//! let answer = visit.deny(&request, Denied::LoginRequired, &Scope::new());
//! assert_eq!(answer.headers()["location"], "/login?next=%2Fdashboard");
//!
//! // They prove their identity. The response takes the session to the browser.
//! let visit = manager.visit(&request.uri);
//! Login::new(visit.open(&request)?).login_user(&Member { name: "mia".into() }).await?;
//! let answer = visit.finish_response(http::Response::new("Hello mia"));
//! assert!(answer.headers()["set-cookie"].to_str()?.starts_with("__Host-session="));
//! # Ok::<(), BoxError>(()) }).unwrap();
//! ```

pub mod attempts;
mod auth_hash;
mod client;
mod cookie;
mod csrf;
mod denial;
pub mod door;
mod error;
mod event;
mod head;
mod login;
mod manager;
mod next_url;
mod origin;
mod owned;
pub mod password;
mod policy;
mod purpose;
pub mod records;
mod remember;
mod session;
mod settings;
mod signing;
#[cfg(feature = "testing")]
pub mod testing;
#[cfg(test)]
mod tests;
mod user;
mod visit;

pub use attempts::{AttemptSchedule, Attempts};
pub use client::SessionIdentifier;
pub use cookie::{CookieSettings, SameSite};
pub use denial::{Denied, Preflight, Scope};
pub use error::{BoxError, Error, ErrorAnswer, ErrorKind};
pub use event::{AttemptsOf, EndReason, Event, EventClient, PendingRefusal, Rejection};
pub use login::state::LoginSource;
pub use manager::{CookieKind, CookieReading, CookieVerdict, LoginManager, LoginManagerBuilder};
pub use next_url::login_url;
pub use password::Passwords;
pub use records::info::LoginInfo;
pub use records::rules::WhenFull;
pub use records::timeouts::LoginTimeouts;
pub use remember::RememberFormat;
pub use session::{FlashMessage, SessionRefresh};
pub use settings::{AnswerAs, Discard, SessionProtection};
pub use signing::SecretKeys;
pub use user::{User, UserLoader};
pub use visit::attempt::Attempt;
pub use visit::flash::Flash;
pub use visit::login::{Login, LoginUser};
pub use visit::next_url::NextUrl;
pub use visit::pending::{BeginConfirmation, BeginLogin, PendingLogin};
pub use visit::public::PublicRoutes;
pub use visit::session::Session;
pub use visit::user::CurrentUser;
pub use visit::watch::LoginWatch;
pub use visit::{Current, OpenVisit, Visit};
