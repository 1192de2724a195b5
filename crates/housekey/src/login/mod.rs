//! The rules of logging in, without IO: they find the current user, and decide what a login or a logout changes.
//!
//! # What they guarantee
//!
//! - **Against a user who must not be logged in any more:** if the user no longer exists, is not active, or has another auth
//!   hash, the login ends at the next look, and its cookies go.
//! - **Against the next user of the browser:** a logout, the end of a login, and a login of another user empty the session.
//!   What an anonymous visitor had in it stays only as the settings say.
//! - **Against a copied cookie:** session protection compares the browser with the one that the session was made for, and
//!   makes the login stale or ends it. A login by a remember token or an API key is never fresh.
//! - **Against a skipped second step:** a pending login is not a login. It counts for the user, the browser and the auth
//!   hash that it began with, and only for minutes.
//! - **Against failures:** if the loader or a store does not answer, the search does not end. It never takes that for
//!   "anonymous".
//! - **Against a full session:** if there is no room for a login, it replaces the other values, so a visitor cannot lock out
//!   a user by filling the session.
//!
//! # What they do not
//!
//! - **They verify no password.** The application does, and says which user it is.
//! - **They do not recognize a browser for certain.** A thief who copies the user agent too passes session protection.
//! - **They do not end copies without a store.** A logout deletes the cookies of one browser. A copy counts until it expires
//!   or the auth hash changes. Flask-Login's remember token does not expire.
//! - **They do not limit guesses.** [`Login::attempt`](crate::Login::attempt) does.
//!
//! # The files
//!
//! - [`state`]: what one request knows, and the view of it that the rules are methods of. Time is a field of it.
//! - [`search`]: which source names the user, in which order, and what is asked of the application.
//! - [`protection`]: whether the session came from the browser that it was made for.
//! - [`actions`]: log in, log out, confirm.
//! - [`pending`]: a login that has begun, and waits for its second step.
//! - [`plan`]: what a login, a logout, a renewal or a list of logins asks of the store.
//! - [`lifetime`]: when a login with its own lifetime ends.
//! - [`freshness`]: whether the user proved themselves lately.

pub(crate) mod actions;
mod freshness;
pub(crate) mod lifetime;
pub(crate) mod pending;
pub(crate) mod plan;
mod protection;
pub(crate) mod search;
pub(crate) mod state;
