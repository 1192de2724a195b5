//! `/events`: a stream that is open for as long as the login is, for `static/signed-in.js`.

use std::convert::Infallible;
use std::time::Duration;

use axum::extract::State;
use axum::http::HeaderName;
use axum::response::IntoResponse;
use axum::response::sse::{Event, KeepAlive, Sse};
use futures_lite::stream;
use housekey_axum::{CurrentUser, Flash, LoginWatch};

use crate::closing::Closing;
use crate::ended;
use crate::errors::AppError;
use crate::members::Member;

/// What this program ends is noticed at once. For the rest (another program, the clock) it looks again after each pause.
const PAUSE: Duration = Duration::from_secs(15);

/// Tells nginx to pass on what there is.
const UNBUFFERED: [(HeaderName, &str); 1] = [(HeaderName::from_static("x-accel-buffering"), "no")];

pub(crate) async fn until_the_login_ends(
    current_user: CurrentUser<Member>,
    flash: Flash,
    State(closing): State<Closing>,
) -> Result<impl IntoResponse, AppError> {
    let watch = match current_user.is_authenticated() {
        true => Some(current_user.watch()?),
        false => {
            // The page goes now, and comes without the cookie that this has found to be of no use.
            if let Some(message) = ended::message() {
                flash.push("message", message)?;
            }
            None
        }
    };
    let the_end =
        stream::once_future(async move { Ok::<_, Infallible>(end(watch, closing).await) });
    let stream = Sse::new(the_end).keep_alive(KeepAlive::default());
    Ok((UNBUFFERED, stream))
}

/// The last event of the stream, and the only one. After a comment the browser connects again.
async fn end(watch: Option<LoginWatch>, closing: Closing) -> Event {
    let ended = Event::default().event("ended").data("The login is over.");
    let Some(watch) = watch else {
        return ended;
    };
    tokio::select! {
        result = watch.ended(|| tokio::time::sleep(PAUSE)) => match result {
            Ok(()) => ended,
            Err(_) => Event::default().comment("whether the login is over cannot be known now"),
        },
        () = closing.begun() => Event::default().comment("the site closes"),
    }
}
