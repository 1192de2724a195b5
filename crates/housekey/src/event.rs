//! What happened, as one typed enum: Flask-Login's nine signals, and what else an audit trail needs.

use std::net::IpAddr;

use crate::client::Client;

/// Something that happened to a login. Delivered to the hooks of the manager
/// ([`on_event`](crate::LoginManagerBuilder::on_event)) and to `tracing`, under the target `housekey`.
///
/// No event carries a cookie, a token, a key or a password. User ids are the application's, as text. An id that a client
/// merely claims is not in an event.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Event {
    /// `user_logged_in`: a login succeeded.
    LoggedIn {
        /// The user.
        user_id: String,
        /// Whether a remember token goes with it.
        remember: bool,
    },
    /// The first step of a login, or of proving oneself again, was right, and a second one follows
    /// ([`Login::begin`](crate::Login::begin)). This logs nobody in. Finishing it causes a [`LoggedIn`](Self::LoggedIn) or
    /// [`LoginConfirmed`](Self::LoginConfirmed), as for any other login.
    LoginBegun {
        /// The user.
        user_id: String,
    },
    /// A pending login does not count (any more).
    PendingLoginRefused {
        /// The user.
        user_id: String,
        /// Why.
        reason: PendingRefusal,
    },
    /// A visitor failed to prove their identity. The application reports it by
    /// [`Login::login_failed`](crate::Login::login_failed), because only the application knows.
    LoginFailed {
        /// The user whose account was tried, `None` if no account has that name.
        user_id: Option<String>,
    },
    /// An attempt was refused before anything was verified, because too many had failed.
    AttemptRefused {
        /// The application's name for what was to be proved.
        form: String,
        /// The key whose failures were too many.
        of: AttemptsOf,
    },
    /// An attempt ended without having [succeeded](crate::Attempt::succeeded), and counts as failed.
    AttemptFailed {
        /// The application's name for what was to be proved.
        form: String,
    },
    /// An attempt succeeded, or the application said so: earlier failures no longer count.
    AttemptsForgiven {
        /// The application's name for what was proved.
        form: String,
    },
    /// `user_logged_out`: the application logged out the current user.
    LoggedOut {
        /// The user that the session named, `None` if it named none.
        user_id: Option<String>,
    },
    /// `user_loaded_from_cookie`: a remember token started a new session.
    LoadedFromCookie {
        /// The user.
        user_id: String,
    },
    /// `user_loaded_from_request`: the request itself proved its user.
    LoadedFromRequest {
        /// The user.
        user_id: String,
    },
    /// `user_login_confirmed`: a login was made fresh again.
    LoginConfirmed {
        /// The user.
        user_id: String,
    },
    /// `user_unauthorized`: an anonymous visitor was denied.
    Unauthorized,
    /// `user_needs_refresh`: a login that is not fresh was denied.
    NeedsRefresh,
    /// A logged-in user without the right was denied.
    Forbidden,
    /// `user_accessed`: the current user was asked for. Once per request.
    Accessed,
    /// `session_protected`: the session came from another browser or address than it was made for.
    SessionProtected {
        /// The session's user.
        user_id: String,
        /// Whether the login was ended (strong), or only made stale (basic).
        ended: bool,
    },
    /// A session cookie came and did not count.
    SessionRejected {
        /// Why.
        reason: Rejection,
    },
    /// A remember token came and did not count. It is deleted, unless it may count again.
    RememberTokenRejected {
        /// Why.
        reason: Rejection,
    },
    /// A login was ended because it no longer counts.
    LoginEnded {
        /// The login's user.
        user_id: String,
        /// Why.
        reason: EndReason,
    },
    /// A remember token came that had been used before: it has been copied, and either its owner or a thief sent it now. The
    /// login that it belongs to, and with it the owner's session, has been ended.
    RememberTokenStolen {
        /// The login's user.
        user_id: String,
    },
    /// A page of another origin tried to open a WebSocket as the visitor, and was refused.
    ForeignHandshake,
    /// A return address was not safe and was dropped.
    NextRejected,
    /// The user loader or the login store failed, so the current user is not known. The error itself goes to `tracing` and
    /// to the response's source, not into the event.
    LoadFailed,
}

/// Whose failures caused an attempt to be refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum AttemptsOf {
    /// Those at this account, by browsers that it does not know.
    Account,
    /// Those from this address or its network.
    Address,
}

/// Why a cookie does not count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Rejection {
    /// Not signed by any of the keys: malformed, forged, or from before a key was removed. A remember token is left in
    /// place, because another server may have its key.
    BadSignature,
    /// Older than allowed.
    Expired,
    /// Signed in the future, by more than the clocks may differ. It is left in place.
    FromTheFuture,
    /// Properly signed, but its contents are not what this name should hold.
    BadPayload,
    /// Several valid values under one name that disagree on the user: one of them was planted.
    Ambiguous,
    /// The login that it belongs to is over.
    LoginEnded,
}

/// Why a pending login cannot be finished.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum PendingRefusal {
    /// The second step took too long.
    Expired,
    /// It was begun in the future, by more than the clocks may differ.
    FromTheFuture,
    /// It was finished, cancelled or begun again already, and this is an earlier copy.
    Used,
    /// It was begun in another browser.
    AnotherBrowser,
    /// Another login was made in this browser meanwhile, or the login that it was to make fresh is gone.
    AnotherLogin,
    /// The user's auth hash has changed since the first step.
    AuthHashChanged,
    /// The loader no longer finds the user.
    UserGone,
    /// The user is not active any more.
    UserInactive,
}

/// Why a login was ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum EndReason {
    /// The loader no longer finds the user.
    UserGone,
    /// The user is not active any more.
    UserInactive,
    /// The user's auth hash has changed, which ends all earlier logins.
    AuthHashChanged,
    /// Its record is gone: it was logged out, ended from elsewhere, or it expired.
    RecordGone,
    /// It does not have a record, and logins here need one.
    NoRecord,
    /// Its cookie has been replaced, so this is a copy of the old one.
    CookieReplaced,
    /// It was unused for longer than the idle timeout.
    Idle,
    /// The user last proved themselves longer ago than the absolute timeout.
    TooOld,
    /// Its own [lifetime](crate::LoginUser::lifetime) is over. If logins have records, the record has expired by then, and
    /// the reason is [`RecordGone`](Self::RecordGone).
    LifetimeOver,
    /// The user has logged in elsewhere, and had as many logins as allowed.
    TooManyLogins,
    /// The user ended it from another login.
    EndedByUser,
    /// The application ended it.
    EndedByApplication,
}

/// The client that caused an [`Event`], as far as the request shows it. Empty for actions of an administrator or a task.
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

    /// The address, if the manager knows it ([`client_address`](crate::LoginManagerBuilder::client_address),
    /// [`trusted_proxies`](crate::LoginManagerBuilder::trusted_proxies)).
    pub fn address(&self) -> Option<IpAddr> {
        self.client?.address
    }

    /// The user agent: the first 256 bytes of the header, without control characters. The client chose this text.
    pub fn user_agent(&self) -> Option<String> {
        self.client?.readable_user_agent()
    }
}

impl Event {
    /// The name for searching logs: `logged_in`, `login_failed`, `remember_token_stolen`. It stays the same from version to
    /// version.
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

    /// Why it happened, as a word like those of [`name`](Self::name), if there is more than one possible reason.
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
