//! Members and staff in one application: two managers, two layers, two pairs of cookies.

use std::time::{Duration, SystemTime};

use axum::Router;
use axum::extract::Path;
use axum::routing::{get, post};
use housekey_axum::records::MemoryLoginStore;
use housekey_axum::{
    BoxError, CurrentUser, Error, Flash, Login, LoginManager, LoginManagerBuilder,
    LoginManagerExt as _, LoginRequired, NextUrl, SecretKeys, Session, User, login_required,
};

use crate::common::browser::Browser;
use crate::common::{KEY, Member, Site};

struct Employee {
    id: String,
}

impl User for Employee {
    fn id(&self) -> String {
        self.id.clone()
    }
}

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
    both_with(site, "", "__Host-staff", "__Host-staff_token")
}

fn both_with(site: &Site, realm: &str, session: &'static str, token: &'static str) -> Browser {
    // The same key and the same ids on purpose.
    let clock = site.clock.clone();
    let staff = LoginManager::new(SecretKeys::new(KEY).unwrap(), |id: String| async {
        Ok::<_, BoxError>(Some(Staff { id }))
    })
    .realm(realm)
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
            get(async |session: Session<Staff>| session.keys().join(" ")),
        )
        .route("/cart", get(see_cart).post(fill_cart))
        .route(
            "/staff/flash",
            get(async |flash: Flash<Staff>| said(&flash)),
        )
        .route("/next", get(see_next))
        .route("/untyped/session", get(async |_: Session| {}))
        .route("/untyped/flash", get(async |_: Flash| {}))
        .route("/untyped/next", get(async |_: NextUrl| {}))
        .merge(guarded)
        .layer(staff.layer());
    Browser::new(site.clone().and(routes).router(), site.clock.clone())
}

/// What a member puts into the session and is told, on a route that both layers cover.
async fn fill_cart(session: Session<Member>, flash: Flash<Member>) -> Result<(), Error> {
    session.insert("cart", &[42])?;
    Ok(flash.message("It is in the cart.")?)
}

async fn see_cart(session: Session<Member>, flash: Flash<Member>) -> Result<String, Error> {
    let cart = session.get::<Vec<u32>>("cart")?.unwrap_or_default();
    Ok(format!("{cart:?}, {}", said(&flash)))
}

fn said<U>(flash: &Flash<U>) -> String {
    let messages = flash.take().unwrap();
    messages.into_iter().map(|message| message.text).collect()
}

async fn see_next(of_members: NextUrl<Member>, of_staff: NextUrl<Staff>) -> String {
    format!("{:?} {:?}", of_members.get(), of_staff.get())
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
async fn each_type_of_user_has_a_session_and_messages_that_end_with_its_own_logins() {
    let site = Site::safe();
    let mut browser = both(&site);
    browser.post("/staff/login/1", "").await;
    browser.log_in("mia").await;
    browser.post("/cart", "").await;
    assert_eq!(browser.read("/staff/session").await, "");
    assert_eq!(browser.read("/staff/flash").await, "");
    assert_eq!(browser.read("/cart").await, "[42], It is in the cart.");

    browser.post("/cart", "").await;
    browser.post("/staff/logout", "").await;
    assert_eq!(browser.read("/cart").await, "[42], It is in the cart.");

    browser.post("/cart", "").await;
    browser.post("/logout", "").await;
    assert_eq!(browser.read("/cart").await, "[], ");
    browser.log_in("ben").await;
    assert_eq!(browser.read("/cart").await, "[], ");
}

#[tokio::test]
async fn each_type_of_user_has_its_own_login_page_to_keep_out_of_the_way_back() {
    let site = Site::safe();
    let mut browser = both(&site);
    let shown = browser.read("/next?next=%2Flogin").await;
    assert_eq!(shown, r#"None Some("/login")"#);
    let shown = browser.read("/next?next=%2Fstaff%2Flogin").await;
    assert_eq!(shown, r#"Some("/staff/login") None"#);
}

#[tokio::test]
async fn where_two_managers_cover_a_route_what_names_no_type_is_an_error_that_says_so() {
    let site = Site::safe();
    let mut browser = both(&site);
    for (path, name) in [
        ("/untyped/session", "Session"),
        ("/untyped/flash", "Flash"),
        ("/untyped/next", "NextUrl"),
    ] {
        let answer = browser.get(path).await;
        assert_eq!(answer.status, 500, "{path}");
        let advice = format!("{name}<Member>");
        assert!(answer.body.contains(&advice), "{}", answer.body);
    }
    // A route of the members' alone needs no type.
    browser.log_in("mia").await;
    browser.post("/session/of-members", "x").await;
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
        // Without a realm, some of these could not even be built.
        let mut browser = both_with(&site, "staff", session, token);
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

/// Two routers, each with its own manager: no request comes through both, so only building them can tell.
#[test]
fn two_managers_that_would_take_each_others_logins_are_refused_wherever_their_routes_are() {
    let key = "of-two-managers-on-routers-of-their-own";
    let members = LoginManager::new(SecretKeys::new(key).unwrap(), |id: String| async {
        Ok::<_, BoxError>(Some(Staff { id }))
    });
    let employees = |id: String| async { Ok::<_, BoxError>(Some(Employee { id })) };
    let again = || LoginManager::new(SecretKeys::new(key).unwrap(), employees);
    let first = members.build().unwrap();
    let error = again().build().unwrap_err();
    assert!(error.to_string().starts_with("realm: "), "{error}");
    let others: [fn(LoginManagerBuilder<Employee>) -> LoginManagerBuilder<Employee>; 2] = [
        |it| it.realm("employees"),
        |it| {
            it.session_cookie(|cookie| cookie.name("__Host-employee"))
                .remember_cookie(|cookie| cookie.name("__Host-employee_token"))
        },
    ];
    for other in others {
        assert!(other(again()).build().is_ok());
    }
    // A second manager for the same users, for instance after a change of settings, is none of that.
    let more = |id: String| async { Ok::<_, BoxError>(Some(Staff { id })) };
    assert!(
        LoginManager::new(SecretKeys::new(key).unwrap(), more)
            .build()
            .is_ok()
    );
    drop(first);
    assert!(again().build().is_ok(), "it is gone");
}

#[test]
fn a_realm_is_a_short_word_and_not_for_flask() {
    let loader = |id: String| async { Ok::<_, BoxError>(Some(Employee { id })) };
    for realm in ["a b", "a:b", "é", &"a".repeat(33), "a\n"] {
        let builder = LoginManager::new(SecretKeys::generate(), loader).realm(realm);
        let error = builder.build().unwrap_err().to_string();
        assert!(error.starts_with("realm: "), "{error}");
    }
    let builder = LoginManager::flask(SecretKeys::generate(), loader).realm("staff");
    let error = builder.build().unwrap_err().to_string();
    assert!(
        error.starts_with("realm: ") && error.contains("key of its own"),
        "{error}"
    );
}

/// Flask's cookies have no place for a realm, so each has a key; the records of both are in one store.
#[tokio::test]
async fn two_managers_of_the_flask_preset_share_a_store_when_they_have_realms() {
    let store = MemoryLoginStore::new();
    let site = |realm: &str, key: &str| {
        let loader = |id: String| async { Ok::<_, BoxError>(Some(Staff { id })) };
        LoginManager::flask(SecretKeys::flask(key).unwrap(), loader)
            .realm(realm)
            .login_store(store.clone())
            .build()
            .unwrap()
    };
    let (members, staff) = (
        site("members", "of the members"),
        site("staff", "of the staff"),
    );
    let clock = Site::safe().clock.clone();
    let (of_members, of_staff) = (pages(&members), pages(&staff));
    let mut member = Browser::new(of_members, clock.clone());
    let mut employee = Browser::new(of_staff, clock);
    for browser in [&mut member, &mut employee] {
        browser.post("/login/1", "").await;
        // By Flask-Login's token, which has one record for each user of each realm.
        browser.jar.remove("session");
        assert_eq!(browser.who().await, "1");
    }
    let before = staff.logins_of("1").await.unwrap();
    assert!(members.end_logins_of("1").await.unwrap() > 0);
    assert_eq!(member.who().await, "nobody");
    assert_eq!(employee.who().await, "1");
    assert_eq!(staff.logins_of("1").await.unwrap().len(), before.len());
}

/// A page to log in remembered, and one that says who is there.
fn pages(manager: &LoginManager<Staff>) -> Router {
    let log_in = async |login: Login<Staff>, Path(id): Path<String>| -> Result<(), Error> {
        Ok(login.login_user(&Staff { id }).remember(true).await?)
    };
    let who = async |user: CurrentUser<Staff>| {
        user.user()
            .map_or("nobody".to_owned(), |user| user.id.clone())
    };
    Router::new()
        .route("/login/{id}", post(log_in))
        .route("/who", get(who))
        .layer(manager.layer())
}

/// Same key, same names of cookies, same store: what somebody has in one realm is nothing in the other.
#[tokio::test]
async fn a_login_of_one_realm_is_nobodys_in_another_and_not_listed_or_ended_there() {
    let store = MemoryLoginStore::new();
    let key = "of-two-realms-with-everything-in-common";
    let site = |realm: &str| {
        let loader = |id: String| async { Ok::<_, BoxError>(Some(Staff { id })) };
        LoginManager::new(SecretKeys::new(key).unwrap(), loader)
            .realm(realm)
            .login_store(store.clone())
            .build()
            .unwrap()
    };
    let clock = Site::safe().clock.clone();
    let (members, staff) = (site(""), site("staff"));
    let mut member = Browser::new(pages(&members), clock.clone());
    let mut employee = Browser::new(pages(&staff), clock);
    member.post("/login/1", "").await;
    employee.post("/login/1", "").await;
    assert_eq!(member.who().await, "1");
    assert_eq!(employee.who().await, "1");
    assert_eq!(members.logins_of("1").await.unwrap().len(), 1);
    let [of_staff] = staff.logins_of("1").await.unwrap().try_into().unwrap();

    let mut crossing = member.clone();
    crossing.move_to(pages(&staff));
    assert_eq!(crossing.who().await, "nobody");
    let mut crossing = employee.clone();
    crossing.move_to(pages(&members));
    assert_eq!(crossing.who().await, "nobody");
    assert!(!members.end_login(&of_staff.id).await.unwrap());
    assert_eq!(members.end_logins_of("1").await.unwrap(), 1);
    assert_eq!(member.who().await, "nobody");
    assert_eq!(employee.who().await, "1");
}
