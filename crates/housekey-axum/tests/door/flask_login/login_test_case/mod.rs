//! `LoginTestCase`: logging in and out, and everything that depends on it.

mod denials;
mod guards;
mod login;
mod logout;
mod persistence;
mod protection;
mod refreshing;
mod remembering;

use axum::Router;
use axum::extract::{FromRequestParts as _, Path, State};
use axum::routing::post;
use housekey_axum::{CurrentUser, Error, Login};
use http::request::Parts;

use crate::common::{Members, Site, describe};

/// A site that answers who is there in the very request that logs somebody in, and perhaps out again:
/// `/at-once/fresh/mia`.
fn site_that_asks_at_once() -> Site {
    let act = async |login: Login<_>,
                     State(members): State<Members>,
                     Path((how, id)): Path<(String, String)>,
                     mut parts: Parts|
           -> Result<String, Error> {
        let member = members.find(&id).unwrap();
        let attempt = login.login_user(&member);
        match how.as_str() {
            "not-fresh" => attempt.not_fresh().await?,
            "forced" => attempt.force().await?,
            _ => attempt.await?,
        }
        if how == "and-out" {
            login.logout_user().await?;
        }
        let current_user = CurrentUser::from_request_parts(&mut parts, &()).await?;
        Ok(describe(&current_user))
    };
    let site = Site::flask();
    let routes = Router::new()
        .route("/at-once/{how}/{id}", post(act))
        .with_state(site.members.clone());
    site.and(routes)
}
