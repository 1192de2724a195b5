//! `LoginViaRequestTestCase`: every request proves its user itself.

use housekey::{BoxError, LoginManager, UserLoader};
use http::request::Parts;

use super::KEY_OF_MIA;
use crate::people::{Member, Members};
use crate::site::{Site, Sites};

/// Finds no user by an id. A loader without that function cannot be written.
struct ByRequestAlone(Members);

impl UserLoader<Member> for ByRequestAlone {
    async fn load_user(&self, _: &str) -> Result<Option<Member>, BoxError> {
        Ok(None)
    }

    async fn load_from_request(&self, request: &Parts) -> Result<Option<Member>, BoxError> {
        self.0.load_from_request(request).await
    }
}

fn site(sites: Sites) -> Site {
    sites.of(
        |keys, members| LoginManager::flask(keys, ByRequestAlone(members)),
        |builder| builder,
    )
}

async fn a_loader_that_finds_nobody_by_an_id_ends_every_login_of_a_session(sites: Sites) {
    let mut browser = site(sites).browser_of("mia").await;
    assert_eq!(browser.jar.names(), ["session"]);
    assert_eq!(browser.who().await, "nobody");
    assert_eq!(browser.jar.names(), [""; 0]);
}

async fn a_request_that_proves_nobody_is_anonymous(sites: Sites) {
    let site = site(sites);
    assert_eq!(site.browser().who().await, "nobody");
    assert_eq!(site.browser().get("/members").await.status, 401);
    let wrong = [("x-api-key", "key-of-somebody-else")];
    assert_eq!(
        site.browser().get_with("/members", &wrong).await.status,
        401
    );
}

async fn a_request_that_proves_a_user_is_theirs_and_the_next_one_is_not(sites: Sites) {
    let mut browser = site(sites).browser();
    let answer = browser.get_with("/who", &KEY_OF_MIA).await;
    assert_eq!(answer.body, "mia, by Request");
    assert_eq!(answer.set_cookies(), [""; 0]);
    assert_eq!(browser.who().await, "nobody");
}

async fn a_request_with_a_session_is_the_sessions_users_whatever_else_it_proves(sites: Sites) {
    let site = sites.flask();
    let mut browser = site.browser_of("ben").await;
    assert_eq!(browser.who().await, "ben, fresh, by Session");
    let answer = browser.get_with("/who", &KEY_OF_MIA).await;
    assert_eq!(answer.body, "ben, fresh, by Session");
    assert_eq!(site.members.request_lookups(), 0);
}

async fn a_session_does_not_help_a_request_that_proves_nobody(sites: Sites) {
    let mut browser = site(sites).browser_of("mia").await;
    let wrong = [("x-api-key", "key-of-somebody-else")];
    assert_eq!(browser.get_with("/members", &wrong).await.status, 401);
}

cases! {
    flask_login_login_via_request_test_case:
    a_loader_that_finds_nobody_by_an_id_ends_every_login_of_a_session,
    a_request_that_proves_nobody_is_anonymous,
    a_request_that_proves_a_user_is_theirs_and_the_next_one_is_not,
    a_request_with_a_session_is_the_sessions_users_whatever_else_it_proves,
    a_session_does_not_help_a_request_that_proves_nobody,
}
