//! `UserMixinTestCase`: what a user type must say of itself, and what it need not.

use std::time::{Duration, SystemTime};

use axum::Router;
use axum::extract::Path;
use axum::routing::{get, post};
use housekey_axum::{
    BoxError, CurrentUser, Error, Login, LoginManager, LoginManagerExt as _, SecretKeys, User,
};

use crate::common::browser::Browser;
use crate::common::{Site, peer};

/// Other tests have another type of users under the other key.
const OWN_KEY: &str = "of-the-users-that-have-only-an-id";

/// Neither to be compared nor to be hashed.
struct OnlyAnId(u64);

impl User for OnlyAnId {
    fn id(&self) -> String {
        self.0.to_string()
    }
}

fn browser() -> Browser {
    let clock = Site::flask().clock.clone();
    let time = clock.clone();
    let loader = async |id: String| Ok::<_, BoxError>(id.parse().ok().map(OnlyAnId));
    let manager = LoginManager::flask(SecretKeys::flask(OWN_KEY).unwrap(), loader)
        .clock(move || SystemTime::UNIX_EPOCH + Duration::from_secs(time.now()))
        .build()
        .unwrap();
    let who = async |user: CurrentUser<OnlyAnId>| match user.user() {
        Some(id) => {
            assert!(user.is_authenticated() && !user.is_anonymous());
            format!("number {}", id.0)
        }
        None => "nobody".to_owned(),
    };
    let log_in = async |login: Login<_>, Path(id): Path<u64>| -> Result<(), Error> {
        Ok(login.login_user(&OnlyAnId(id)).await?)
    };
    let confirm = async |login: Login<_>, Path(id): Path<u64>| -> Result<(), Error> {
        Ok(login.confirm_login(&OnlyAnId(id)).await?)
    };
    let app = Router::new()
        .route("/who", get(who))
        .route("/login/{id}", post(log_in))
        .route("/confirm/{id}", post(confirm))
        .layer(manager.layer());
    Browser::new(app, clock)
}

#[tokio::test]
async fn a_user_who_has_nothing_but_an_id_is_active_and_can_log_in() {
    let mut browser = browser();
    assert_eq!(browser.who().await, "nobody");
    assert_eq!(browser.post("/login/1", "").await.status, 200);
    assert_eq!(browser.who().await, "number 1");
}

#[tokio::test]
async fn the_id_is_in_the_session_as_text() {
    let mut browser = browser();
    browser.post("/login/1", "").await;
    let session = peer::read_session(OWN_KEY, browser.jar.value("session").unwrap()).unwrap();
    assert!(session.contains(r#""_user_id":"1"}"#), "{session}");
}

#[tokio::test]
async fn two_values_are_the_same_user_when_their_ids_are_the_same() {
    let mut browser = browser();
    browser.post("/login/1", "").await;
    assert_eq!(browser.post("/confirm/1", "").await.status, 200);
    assert_eq!(browser.post("/confirm/2", "").await.status, 401);
}
