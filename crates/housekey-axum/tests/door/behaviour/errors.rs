//! What an error is answered with, when a handler passes it on.

use axum::response::IntoResponse as _;
use housekey_axum::{CoreError, Error, ErrorKind};
use http::header;

#[test]
fn an_error_that_may_go_away_is_a_503_that_says_when_to_come_back_and_no_other_is() {
    for (kind, status) in [
        (ErrorKind::LoaderFailed, 503),
        (ErrorKind::StoreFailed, 503),
        (ErrorKind::Busy, 503),
        (ErrorKind::NotLoggedIn, 401),
        (ErrorKind::InactiveUser, 403),
        (ErrorKind::NotFresh, 403),
        (ErrorKind::TooManyLogins, 403),
        (ErrorKind::InvalidLoginId, 404),
        (ErrorKind::PasswordTooLong, 422),
        (ErrorKind::Password, 500),
        (ErrorKind::SessionTooLarge, 500),
    ] {
        let error = CoreError::new(kind, "what happened");
        assert_eq!(error.is_temporary(), status == 503, "{kind:?}");
        let answer = Error::from(error).into_response();
        assert_eq!(answer.status().as_u16(), status, "{kind:?}");
        let retry = answer.headers().get(header::RETRY_AFTER);
        assert_eq!(retry.is_some(), status == 503, "{kind:?}");
        assert_eq!(
            answer.headers()[header::CACHE_CONTROL],
            "no-store",
            "{kind:?}"
        );
    }
}
