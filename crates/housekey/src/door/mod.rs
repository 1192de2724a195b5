//! What only a door needs: a crate that turns its framework's requests into these words, and what comes of them into its
//! framework's responses.
//!
//! A door keeps [`Visits`] with each request that comes through a manager's layer, and a [`ScopeFor`] with each that comes
//! through a guard with settings of its own. A guard is [`GuardRules`] in the framework's clothes; an extractor that denies is a [`Requirement`]. What an
//! application sees of both has the same names and methods at every door: [`guard`], [`extractors`] and [`errors`] write them, and
//! the door says how its framework asks for them.
//!
//! Where a framework does not speak `http` 1, a door shows each request as a [`ForeignHead`] and the fields of a response as
//! [`Fields`].
//!
//! Where the session is the framework's, as in Flask, a visit is opened with it ([`Visit::open_with`], [`Incoming`]), and
//! the [`Outcome`] says what becomes of it. The framework may show and change it meanwhile
//! ([`OpenVisit::session_values`], [`OpenVisit::take_session_changes`], [`OpenVisit::replace_session`]).
//!
//! [`OpenVisit::replace_session`]: crate::OpenVisit::replace_session
//! [`OpenVisit::session_values`]: crate::OpenVisit::session_values
//! [`OpenVisit::take_session_changes`]: crate::OpenVisit::take_session_changes
//! [`Visit::open_with`]: crate::Visit::open_with

mod macros;

pub use crate::cookie::SetCookie;
pub use crate::csrf::CsrfRules;
pub use crate::head::{ALWAYS_READ, COMMON_VALUES, Fields, ForeignHead, Head, Translated};
pub use crate::next_url::{build_login_url, make_next_param};
pub use crate::remember::{decode_flask_cookie, encode_flask_cookie};
pub use crate::session::SessionChanges;
pub use crate::session::keys::SESSION_KEYS;
pub use crate::visit::arrive::Incoming;
pub use crate::visit::require::{GuardRules, Refusal, Requirement, ScopeFor};
pub use crate::visit::respond::{Outcome, SessionOutcome};
pub use crate::visit::visits::{Visits, WithoutUse};
pub use macros::{errors, extractors, guard, used_like};
