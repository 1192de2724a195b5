//! What happened, as one typed enum: Flask-Login's nine signals, and what else an audit trail wants to know.

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
    /// A remember token was there and counted for nothing. It is deleted, unless it may be of a Flask peer.
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

/// Why a cookie counts for nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Rejection {
    /// Not signed by any of the keys: malformed, forged, or from before a key was dropped.
    BadSignature,
    /// Older than it may be.
    Expired,
    /// Signed more than five seconds in the future.
    FromTheFuture,
    /// Signed properly, but not what was expected under this name.
    BadPayload,
    /// Several different values under one name: somebody planted one.
    Ambiguous,
    /// The login that it belongs to is over.
    LoginEnded,
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
    /// The user has logged in elsewhere, and had as many logins as they may.
    TooManyLogins,
    /// The user ended it from another login.
    EndedByUser,
    /// The application ended it.
    EndedByApplication,
}

impl Event {
    pub(crate) fn trace(&self) {
        match self {
            Self::Accessed => {
                tracing::trace!(target: "housekey", event = ?self, "the current user was asked for")
            }
            Self::LoggedIn { .. }
            | Self::LoggedOut { .. }
            | Self::LoadedFromCookie { .. }
            | Self::LoginConfirmed { .. }
            | Self::LoginEnded { .. } => {
                tracing::info!(target: "housekey", event = ?self, "login changed")
            }
            Self::RememberTokenStolen { .. } => {
                tracing::warn!(target: "housekey", event = ?self, "a remember token was used twice: somebody has a copy");
            }
            Self::SessionProtected { .. } => {
                tracing::warn!(target: "housekey", event = ?self, "a session came from another browser or address");
            }
            Self::SessionRejected {
                reason: Rejection::Ambiguous,
            }
            | Self::RememberTokenRejected {
                reason: Rejection::Ambiguous,
            } => {
                tracing::warn!(target: "housekey", event = ?self, "a cookie came with several values");
            }
            // The cause is traced where it is known.
            Self::LoadFailed => {}
            _ => tracing::debug!(target: "housekey", event = ?self, "denied or rejected"),
        }
    }
}
