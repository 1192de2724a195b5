//! What happened, as one typed enum: Flask-Login's nine signals, and what else an audit trail wants to know.

use std::net::IpAddr;

use crate::client::Client;

/// Something that happened to a login. Delivered to the hooks of the manager
/// ([`on_event`](crate::LoginManagerBuilder::on_event)) and to `tracing`, under the target `housekey`.
///
/// No event carries a cookie, a token, a key or a password. User ids are the application's, as text; one that a
/// client merely claims is not in an event.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Event {
    /// `user_logged_in`: a login succeeded.
    LoggedIn {
        /// Who.
        user_id: String,
        /// Whether a remember token goes with it.
        remember: bool,
    },
    /// The first step of a login was right, or of proving oneself again, and a second one is to follow
    /// ([`Login::begin`](crate::Login::begin)). Nobody is logged in by it. When it is finished, [`LoggedIn`](Self::LoggedIn) or
    /// [`LoginConfirmed`](Self::LoginConfirmed) says so, as of any other.
    LoginBegun {
        /// Who.
        user_id: String,
    },
    /// A login that had begun counts for nothing (any more).
    PendingLoginRefused {
        /// Whose.
        user_id: String,
        /// Why.
        reason: PendingRefusal,
    },
    /// Somebody did not prove who they say they are. The application says so, by
    /// [`Login::login_failed`](crate::Login::login_failed): only it knows.
    LoginFailed {
        /// Whose account it was, `None` when there is none of that name.
        user_id: Option<String>,
    },
    /// An attempt was refused before anything was verified: too many had failed.
    AttemptRefused {
        /// The application's name for what was to be proved.
        form: String,
        /// Whose failures were too many.
        of: AttemptsOf,
    },
    /// An attempt ended without having [succeeded](crate::Attempt::succeeded), and counts as failed.
    AttemptFailed {
        /// The application's name for what was to be proved.
        form: String,
    },
    /// An attempt succeeded, or the application said so: what had failed before counts no more.
    AttemptsForgiven {
        /// The application's name for what was proved.
        form: String,
    },
    /// `user_logged_out`: the application logged out whoever was there.
    LoggedOut {
        /// Who the session named, `None` when it named nobody.
        user_id: Option<String>,
    },
    /// `user_loaded_from_cookie`: a remember token started a new session.
    LoadedFromCookie {
        /// Who.
        user_id: String,
    },
    /// `user_loaded_from_request`: the request itself proved its user.
    LoadedFromRequest {
        /// Who.
        user_id: String,
    },
    /// `user_login_confirmed`: a login was made fresh again.
    LoginConfirmed {
        /// Who.
        user_id: String,
    },
    /// `user_unauthorized`: an anonymous visitor was denied.
    Unauthorized,
    /// `user_needs_refresh`: a login that is not fresh was denied.
    NeedsRefresh,
    /// A signed-in user without the right was denied.
    Forbidden,
    /// `user_accessed`: somebody asked who is there. Once a request.
    Accessed,
    /// `session_protected`: the session came from another browser or address than it was made for.
    SessionProtected {
        /// Whose session.
        user_id: String,
        /// Whether the login was ended (strong), or only made stale (basic).
        ended: bool,
    },
    /// A session cookie was there and counted for nothing.
    SessionRejected {
        /// Why.
        reason: Rejection,
    },
    /// A remember token was there and counted for nothing. It is deleted, unless it may count again.
    RememberTokenRejected {
        /// Why.
        reason: Rejection,
    },
    /// A login was ended because it is no longer good.
    LoginEnded {
        /// Whose.
        user_id: String,
        /// Why.
        reason: EndReason,
    },
    /// A remember token came that somebody had used before: one of the two has a copy. The login that it belongs to, and
    /// with it the owner's session, has been ended.
    RememberTokenStolen {
        /// Whose.
        user_id: String,
    },
    /// A page of another origin tried to open a WebSocket as the visitor, and was refused.
    ForeignHandshake,
    /// A return address was not safe and was dropped.
    NextRejected,
    /// The user loader or the login store failed, so that nobody knows who is there. The error itself goes to `tracing`
    /// and to the response's source, not into the event.
    LoadFailed,
}

/// Whose failures an attempt was refused for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum AttemptsOf {
    /// Those at this account, by browsers that it does not know.
    Account,
    /// Those from this address or its network.
    Address,
}

/// Why a cookie counts for nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Rejection {
    /// Not signed by any of the keys: malformed, forged, or from before a key was dropped. A remember token is left where it is,
    /// since another server may have its key.
    BadSignature,
    /// Older than it may be.
    Expired,
    /// Signed in the future, by more than the clocks may differ. It is left where it is.
    FromTheFuture,
    /// Signed properly, but not what was expected under this name.
    BadPayload,
    /// Several valid values under one name that do not agree on who is there: somebody planted one.
    Ambiguous,
    /// The login that it belongs to is over.
    LoginEnded,
}

/// Why a login that has begun cannot be finished.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum PendingRefusal {
    /// The second step took too long.
    Expired,
    /// It was begun in the future, by more than the clocks may differ.
    FromTheFuture,
    /// It was finished, cancelled or begun anew already, and this is a copy from before.
    Used,
    /// It was begun in another browser.
    AnotherBrowser,
    /// Somebody has logged in meanwhile in this browser, or the login that it was to make fresh is gone.
    AnotherLogin,
    /// The user's auth hash is another one than at the first step.
    AuthHashChanged,
    /// The loader knows no such user any more.
    UserGone,
    /// The user is not active any more.
    UserInactive,
}

/// Why a login was ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum EndReason {
    /// The loader knows no such user any more.
    UserGone,
    /// The user is not active any more.
    UserInactive,
    /// The user's auth hash is another one: all logins from before were to end.
    AuthHashChanged,
    /// Its record is gone: it was logged out, ended from elsewhere, or it expired.
    RecordGone,
    /// It has no record, and logins here have one.
    NoRecord,
    /// Its cookie was replaced by another one since, so that this is a copy of the old one.
    CookieReplaced,
    /// Nobody has used it for as long as the idle timeout.
    Idle,
    /// The user last proved themselves longer ago than the absolute timeout.
    TooOld,
    /// It was to last until now and no longer: it had a [lifetime](crate::LoginUser::lifetime) of its own. Where logins have
    /// records, such a one has expired by then, and it is [`RecordGone`](Self::RecordGone).
    LifetimeOver,
    /// The user has logged in elsewhere, and had as many logins as they may.
    TooManyLogins,
    /// The user ended it from another login.
    EndedByUser,
    /// The application ended it.
    EndedByApplication,
}

/// Who caused an [`Event`], as far as the request shows it. Nothing for what an administrator or a task does.
#[derive(Clone, Copy, Debug, Default)]
pub struct EventClient<'a> {
    client: Option<&'a Client>,
}

impl<'a> EventClient<'a> {
    pub(crate) fn of(client: &'a Client) -> Self {
        Self {
            client: Some(client),
        }
    }

    /// The address, where the manager knows it
    /// ([`client_address`](crate::LoginManagerBuilder::client_address),
    /// [`trusted_proxies`](crate::LoginManagerBuilder::trusted_proxies)).
    pub fn address(&self) -> Option<IpAddr> {
        self.client?.address
    }

    /// The user agent: the first 256 bytes of the header, without control characters. The client's own words.
    pub fn user_agent(&self) -> Option<String> {
        self.client?.readable_user_agent()
    }
}

impl Event {
    /// The name by which logs can be searched: `logged_in`, `login_failed`, `remember_token_stolen`. It stays the same from
    /// version to version.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::LoggedIn { .. } => "logged_in",
            Self::LoginBegun { .. } => "login_begun",
            Self::PendingLoginRefused { .. } => "pending_login_refused",
            Self::LoginFailed { .. } => "login_failed",
            Self::AttemptRefused { .. } => "attempt_refused",
            Self::AttemptFailed { .. } => "attempt_failed",
            Self::AttemptsForgiven { .. } => "attempts_forgiven",
            Self::LoggedOut { .. } => "logged_out",
            Self::LoadedFromCookie { .. } => "loaded_from_cookie",
            Self::LoadedFromRequest { .. } => "loaded_from_request",
            Self::LoginConfirmed { .. } => "login_confirmed",
            Self::Unauthorized => "unauthorized",
            Self::NeedsRefresh => "needs_refresh",
            Self::Forbidden => "forbidden",
            Self::Accessed => "accessed",
            Self::SessionProtected { .. } => "session_protected",
            Self::SessionRejected { .. } => "session_rejected",
            Self::RememberTokenRejected { .. } => "remember_token_rejected",
            Self::LoginEnded { .. } => "login_ended",
            Self::RememberTokenStolen { .. } => "remember_token_stolen",
            Self::ForeignHandshake => "foreign_handshake",
            Self::NextRejected => "next_rejected",
            Self::LoadFailed => "load_failed",
        }
    }

    /// The id of the user it is about, if known.
    pub fn user_id(&self) -> Option<&str> {
        match self {
            Self::LoggedIn { user_id, .. }
            | Self::LoginBegun { user_id }
            | Self::PendingLoginRefused { user_id, .. }
            | Self::LoadedFromCookie { user_id }
            | Self::LoadedFromRequest { user_id }
            | Self::LoginConfirmed { user_id }
            | Self::SessionProtected { user_id, .. }
            | Self::LoginEnded { user_id, .. }
            | Self::RememberTokenStolen { user_id } => Some(user_id),
            Self::LoginFailed { user_id } | Self::LoggedOut { user_id } => user_id.as_deref(),
            _ => None,
        }
    }

    /// Why it happened, as a word like those of [`name`](Self::name), where there is more than one reason.
    pub const fn reason(&self) -> Option<&'static str> {
        match self {
            Self::LoginEnded { reason, .. } => Some(reason.name()),
            Self::PendingLoginRefused { reason, .. } => Some(reason.name()),
            Self::SessionRejected { reason } | Self::RememberTokenRejected { reason } => {
                Some(reason.name())
            }
            Self::AttemptRefused { of, .. } => Some(of.name()),
            Self::SessionProtected { ended: true, .. } => Some("ended"),
            Self::SessionProtected { ended: false, .. } => Some("made_stale"),
            _ => None,
        }
    }

    /// To `tracing`, under the target `housekey`, with the fields `event`, `user_id`, `reason` and `address`.
    pub(crate) fn trace(&self, client: EventClient<'_>) {
        macro_rules! trace {
            ($level:ident, $message:literal) => {
                tracing::$level!(
                    target: "housekey",
                    event = self.name(),
                    user_id = self.user_id(),
                    reason = self.reason(),
                    address = client.address().map(tracing::field::display),
                    $message
                )
            };
        }
        match self {
            Self::Accessed => trace!(trace, "the current user was asked for"),
            Self::LoggedIn { .. }
            | Self::LoginBegun { .. }
            | Self::LoggedOut { .. }
            | Self::LoadedFromCookie { .. }
            | Self::LoginConfirmed { .. }
            | Self::LoginEnded { .. } => trace!(info, "login changed"),
            Self::PendingLoginRefused { .. } => trace!(info, "a login that had begun was refused"),
            Self::LoginFailed { .. } => trace!(info, "an attempt to log in failed"),
            Self::AttemptRefused { .. } => trace!(info, "an attempt was refused"),
            Self::AttemptFailed { .. } | Self::AttemptsForgiven { .. } => {
                trace!(debug, "attempts are counted");
            }
            Self::RememberTokenStolen { .. } => {
                trace!(warn, "a remember token was used twice: somebody has a copy");
            }
            Self::SessionProtected { .. } => {
                trace!(warn, "a session came from another browser or address");
            }
            Self::SessionRejected {
                reason: Rejection::Ambiguous,
            }
            | Self::RememberTokenRejected {
                reason: Rejection::Ambiguous,
            } => trace!(warn, "a cookie came with several values"),
            // The cause is traced where it is known.
            Self::LoadFailed => {}
            _ => trace!(debug, "denied or rejected"),
        }
    }
}

impl AttemptsOf {
    /// The word for it in logs.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Account => "account",
            Self::Address => "address",
        }
    }
}

impl Rejection {
    /// The word for it in logs, for instance `bad_signature`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::BadSignature => "bad_signature",
            Self::Expired => "expired",
            Self::FromTheFuture => "from_the_future",
            Self::BadPayload => "bad_payload",
            Self::Ambiguous => "ambiguous",
            Self::LoginEnded => "login_ended",
        }
    }
}

impl PendingRefusal {
    /// The word for it in logs, for instance `another_browser`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Expired => "expired",
            Self::FromTheFuture => "from_the_future",
            Self::Used => "used",
            Self::AnotherBrowser => "another_browser",
            Self::AnotherLogin => "another_login",
            Self::AuthHashChanged => "auth_hash_changed",
            Self::UserGone => "user_gone",
            Self::UserInactive => "user_inactive",
        }
    }
}

impl EndReason {
    /// The word for it in logs, for instance `auth_hash_changed`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::UserGone => "user_gone",
            Self::UserInactive => "user_inactive",
            Self::AuthHashChanged => "auth_hash_changed",
            Self::RecordGone => "record_gone",
            Self::NoRecord => "no_record",
            Self::CookieReplaced => "cookie_replaced",
            Self::Idle => "idle",
            Self::TooOld => "too_old",
            Self::LifetimeOver => "lifetime_over",
            Self::TooManyLogins => "too_many_logins",
            Self::EndedByUser => "ended_by_user",
            Self::EndedByApplication => "ended_by_application",
        }
    }
}
