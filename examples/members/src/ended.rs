//! Tells a person on the next page why the login in their request no longer counts.

use std::cell::Cell;

use axum::extract::Request;
use axum::middleware::Next;
use axum::response::Response;
use housekey_axum::{EndReason, Event, Rejection};

tokio::task_local! {
    static MESSAGE: Cell<Option<&'static str>>;
}

const OVER: &str = "You were signed out in this browser: from another one, by a new password, or because it was too long ago.";
const NEW_PASSWORD: &str = "Your password was changed, so this browser was signed out.";
const UNUSED: &str =
    "You were signed out in this browser, because you had not used it for a while.";
const TOO_OLD: &str = "You were signed out in this browser, because you signed in too long ago.";

/// Goes around the login layer: what [`note`] hears belongs to this request.
pub(crate) async fn keep(request: Request, next: Next) -> Response {
    MESSAGE.scope(Cell::new(None), next.run(request)).await
}

/// The login manager's hook.
pub(crate) fn note(event: &Event) {
    let said = match event {
        Event::LoginEnded { reason, .. } => match reason {
            EndReason::RecordGone => OVER,
            EndReason::AuthHashChanged => NEW_PASSWORD,
            EndReason::Idle => UNUSED,
            EndReason::TooOld => TOO_OLD,
            // Another login than the one that the request came with, or nothing for this person to know.
            _ => return,
        },
        Event::RememberTokenRejected {
            reason: Rejection::LoginEnded,
        } => OVER,
        _ => return,
    };
    // The first says most: after the session, its remember token is looked at.
    let _ = MESSAGE.try_with(|message| message.set(message.get().or(Some(said))));
}

/// What to tell, if this request has found its login ended.
pub(crate) fn message() -> Option<&'static str> {
    MESSAGE.try_with(Cell::get).ok().flatten()
}
