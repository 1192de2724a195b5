//! The answer to an error that a handler passes on.

use housekey::{Error, ErrorKind};
use http::header;

use crate::plan::{Given, acts};
use crate::site::Sites;

async fn only_a_temporary_error_is_a_503_with_the_time_to_come_back(sites: Sites) {
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
        let error = Error::new(kind, "what happened");
        assert_eq!(error.is_temporary(), status == 503, "{kind:?}");
        let fail = async move |_: Given| Err::<(), _>(Error::new(kind, "what happened"));
        let site = sites.safe().and(acts("/fail", fail));
        let answer = site.browser().get("/fail").await;
        assert_eq!(answer.status, status, "{kind:?}");
        let retry = answer.headers.get(header::RETRY_AFTER);
        assert_eq!(retry.is_some(), status == 503, "{kind:?}");
        assert_eq!(
            answer.headers[header::CACHE_CONTROL],
            "no-store",
            "{kind:?}"
        );
    }
}

cases! {
    behaviour_errors:
    only_a_temporary_error_is_a_503_with_the_time_to_come_back,
}
