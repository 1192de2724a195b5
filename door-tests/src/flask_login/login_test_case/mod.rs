//! `LoginTestCase`: logging in and out, and everything that depends on it.

pub mod denials;
pub mod guards;
pub mod login;
pub mod logout;
pub mod persistence;
pub mod protection;
pub mod refreshing;
pub mod remembering;

use housekey::Error;

use crate::plan::{Given, acts};
use crate::site::{Site, Sites};

/// A site that reports the current user in the very request that logs a user in, and perhaps out again:
/// `/at-once/fresh/mia`.
fn site_that_asks_at_once(sites: Sites) -> Site {
    let site = sites.flask();
    let members = site.members.clone();
    let act = async move |given: Given| -> Result<String, Error> {
        let member = members.find(given.key()).unwrap();
        let how = given.path.split('/').nth(2).unwrap();
        let attempt = given.login.login_user(&member);
        match how {
            "not-fresh" => attempt.not_fresh().await?,
            "forced" => attempt.force().await?,
            _ => attempt.await?,
        }
        if how == "and-out" {
            given.login.logout_user().await?;
        }
        Ok(given.who().await?.to_string())
    };
    site.and(acts("/at-once/{how}/{id}", act))
}
