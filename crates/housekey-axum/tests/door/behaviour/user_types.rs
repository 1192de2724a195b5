//! Members and staff in one application: two managers, two layers, two pairs of cookies.

use std::time::{Duration, SystemTime};

use axum::Router;
use axum::extract::Path;
use axum::routing::{get, post};
use housekey_axum::{
    BoxError, CurrentUser, Error, Login, LoginManager, LoginManagerExt as _, LoginRequired,
    SecretKeys, Session, User, login_required,
};

use crate::common::browser::Browser;
use crate::common::{KEY, Member, Site};

#[derive(Clone)]
struct Staff {
    id: String,
}

impl User for Staff {
    fn id(&self) -> String {
        self.id.clone()
    }
}

fn both(site: &Site) -> Browser {
    both_with(site, "__Host-staff", "__Host-staff_token")
}

fn both_with(site: &Site, session: &'static str, token: &'static str) -> Browser {
    // The same key and the same ids on purpose.
    let clock = site.clock.clone();
    let staff = LoginManager::new(SecretKeys::new(KEY).unwrap(), |id: String| async {
        Ok::<_, BoxError>(Some(Staff { id }))
    })
    .session_cookie(|cookie| cookie.name(session))
    .remember_cookie(|cookie| cookie.name(token))
    .login_view("/staff/login")
    .clock(move || SystemTime::UNIX_EPOCH + Duration::from_secs(clock.now()))
    .build()
    .unwrap();
    let log_in = async |login: Login<Staff>, Path(id): Path<String>| -> Result<(), Error> {
        Ok(login.login_user(&Staff { id }).remember(true).await?)
    };
    let log_out =
        async |login: Login<Staff>| -> Result<(), Error> { Ok(login.logout_user().await?) };
    let hello = async |LoginRequired(staff): LoginRequired<Staff>| format!("staff {}", staff.id);
    let who = async |staff: CurrentUser<Staff>, member: CurrentUser<Member>| {
        let staff = staff.user().map(|staff| staff.id.clone());
        let member = member.user().map(|member| member.id.clone());
        format!(
            "{} and {}",
            staff.as_deref().unwrap_or("-"),
            member.as_deref().unwrap_or("-")
        )
    };
    let guarded = Router::new()
        .route("/staff/guarded", get(async || "guarded"))
        .route_layer(login_required::<Staff>());
    let routes = Router::new()
        .route("/staff/login/{id}", post(log_in))
        .route("/staff/logout", post(log_out))
        .route("/staff/hello", get(hello))
        .route("/both", get(who))
        .route(
            "/staff/session",
            get(async |session: Session| session.keys().join(" ")),
        )
        .merge(guarded)
        .layer(staff.layer());
    Browser::new(site.clone().and(routes).router(), site.clock.clone())
}

#[tokio::test]
async fn two_types_of_users_log_in_and_out_beside_each_other() {
    let site = Site::safe();
    let mut browser = both(&site);
    assert_eq!(browser.read("/both").await, "- and -");
    browser.log_in_remembered("mia").await;
    assert_eq!(browser.read("/both").await, "- and mia");
    let answer = browser.get("/staff/hello").await;
    assert_eq!(answer.location(), "/staff/login?next=%2Fstaff%2Fhello");
    let answer = browser.get("/staff/guarded").await;
    assert_eq!(answer.location(), "/staff/login?next=%2Fstaff%2Fguarded");

    browser.post("/staff/login/1", "").await;
    assert_eq!(browser.read("/both").await, "1 and mia");
    assert_eq!(browser.jar.names().len(), 4);
    assert_eq!(browser.read("/staff/hello").await, "staff 1");
    browser.restart();
    assert_eq!(browser.read("/both").await, "1 and mia");

    browser.post("/logout", "").await;
    assert_eq!(browser.read("/both").await, "1 and -");
    browser.post("/staff/logout", "").await;
    assert_eq!(browser.read("/both").await, "- and -");
    assert_eq!(browser.jar.names(), [""; 0]);
}

#[tokio::test]
async fn a_cookie_of_one_type_is_worth_nothing_to_the_other() {
    let site = Site::safe();
    let mut browser = both(&site);
    browser.log_in_remembered("1").await;
    for (theirs, ours) in [
        ("__Host-session", "__Host-staff"),
        ("__Host-remember_token", "__Host-staff_token"),
        ("__Host-remember_token", "__Host-staff"),
        ("__Host-session", "__Host-staff_token"),
    ] {
        let value = browser.jar.value(theirs).unwrap().to_owned();
        let mut thief = both(&site);
        thief.jar.put(ours, &value);
        assert_eq!(thief.read("/both").await, "- and -", "{theirs} as {ours}");
        assert_eq!(thief.get("/staff/guarded").await.status, 303);
    }
}

#[tokio::test]
async fn what_names_no_type_belongs_to_the_inner_layer() {
    let site = Site::safe();
    let mut browser = both(&site);
    browser.log_in("mia").await;
    browser.post("/session/of-members", "x").await;
    assert_eq!(browser.read("/staff/session").await, "");
    assert_eq!(browser.read("/session/of-members").await, "\"x\"");
}

/// Member 1 would be employee 1 otherwise.
#[tokio::test]
async fn two_managers_with_a_cookie_of_the_same_name_serve_nobody_who_asks() {
    for (session, token) in [
        ("__Host-session", "__Host-remember_token"),
        ("__Host-session", "__Host-staff_token"),
        ("__Host-staff", "__Host-remember_token"),
        ("__Host-remember_token", "__Host-staff_token"),
        ("__Host-staff", "__Host-session"),
    ] {
        let site = Site::safe();
        let mut browser = both_with(&site, session, token);
        for path in ["/both", "/staff/hello", "/staff/guarded", "/staff/session"] {
            let answer = browser.get(path).await;
            assert_eq!(answer.status, 500, "{path} with {session} and {token}");
            assert_eq!(answer.set_cookies(), [""; 0]);
        }
        assert_eq!(browser.post("/staff/login/1", "").await.status, 500);
        assert_eq!(browser.jar.names(), [""; 0]);
        assert_eq!(browser.read("/").await, "for everybody");
    }
}
