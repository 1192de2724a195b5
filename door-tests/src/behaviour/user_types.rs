//! Members and staff in one application: two managers, two layers, two pairs of cookies.

use housekey::records::MemoryLoginStore;
use housekey::{BoxError, LoginManager, LoginManagerBuilder, SecretKeys, User};

use crate::browser::Browser;
use crate::people::Staff;
use crate::plan::Extractor::{CurrentUser, Flash, LoginRequired, NextUrl, Session};
use crate::plan::{Of, Page, asks};
use crate::site::{KEY, Site, Sites};
use housekey::testing::Clock;

struct Employee {
    id: String,
}

impl User for Employee {
    fn id(&self) -> String {
        self.id.clone()
    }
}

fn both(site: &Site) -> Browser {
    both_with(site, "", "__Host-staff", "__Host-staff_token")
}

fn both_with(site: &Site, realm: &str, session: &'static str, token: &'static str) -> Browser {
    // The same key and the same ids, on purpose.
    let staff = LoginManager::new(SecretKeys::new(KEY).unwrap(), Staff::load)
        .realm(realm)
        .session_cookie(|cookie| cookie.name(session))
        .remember_cookie(|cookie| cookie.name(token))
        .login_view("/staff/login")
        .clock(site.clock.reader())
        .build()
        .unwrap();
    let (members, staffs) = (Of::Members, Of::Staff);
    let both = [CurrentUser.of(staffs), CurrentUser.of(members)];
    let pages = [
        asks("/staff/hello", [LoginRequired.of(staffs)]),
        asks("/staff/guarded", [LoginRequired.of(staffs)]),
        asks("/both", both),
        asks("/staff/session", [Session.of(staffs)]),
        asks("/staff/flash", [Flash.of(staffs)]),
        asks("/next", [NextUrl.of(members), NextUrl.of(staffs)]),
        asks("/untyped/session", [Session]),
        asks("/untyped/flash", [Flash]),
        asks("/untyped/next", [NextUrl]),
    ];
    let site = site.clone().with_staff(staff);
    site.with(pages.map(Page::for_staff)).browser()
}

/// The current staff user and the current member.
async fn read_both(browser: &mut Browser) -> String {
    let text = browser.read("/both").await;
    let ids = text.split("; ").map(|who| match who.split(',').next() {
        Some("nobody") | None => "-",
        Some(id) => id,
    });
    ids.collect::<Vec<_>>().join(" and ")
}

async fn two_types_of_users_log_in_and_out_beside_each_other(sites: Sites) {
    let site = sites.safe();
    let mut browser = both(&site);
    assert_eq!(read_both(&mut browser).await, "- and -");
    browser.log_in_remembered("mia").await;
    assert_eq!(read_both(&mut browser).await, "- and mia");
    let answer = browser.get("/staff/hello").await;
    assert_eq!(answer.location(), "/staff/login?next=%2Fstaff%2Fhello");
    let answer = browser.get("/staff/guarded").await;
    assert_eq!(answer.location(), "/staff/login?next=%2Fstaff%2Fguarded");

    browser.post("/staff/login/1", "").await;
    assert_eq!(read_both(&mut browser).await, "1 and mia");
    assert_eq!(browser.jar.names().len(), 4);
    assert_eq!(browser.read("/staff/hello").await, "1");
    browser.restart();
    assert_eq!(read_both(&mut browser).await, "1 and mia");

    browser.post("/logout", "").await;
    assert_eq!(read_both(&mut browser).await, "1 and -");
    browser.post("/staff/logout", "").await;
    assert_eq!(read_both(&mut browser).await, "- and -");
    assert_eq!(browser.jar.names(), [""; 0]);
}

async fn a_cookie_of_one_type_is_worth_nothing_to_the_other(sites: Sites) {
    let site = sites.safe();
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
        assert_eq!(read_both(&mut thief).await, "- and -", "{theirs} as {ours}");
        assert_eq!(thief.get("/staff/guarded").await.status, 303);
    }
}

async fn each_type_of_user_has_a_session_and_messages_that_end_with_its_own_logins(sites: Sites) {
    let site = sites.safe();
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

async fn each_type_of_user_has_its_own_login_page_to_keep_out_of_the_way_back(sites: Sites) {
    let site = sites.safe();
    let mut browser = both(&site);
    let shown = browser.read("/next?next=%2Flogin").await;
    assert_eq!(shown, r#"None; Some("/login")"#);
    let shown = browser.read("/next?next=%2Fstaff%2Flogin").await;
    assert_eq!(shown, r#"Some("/staff/login"); None"#);
}

async fn where_two_managers_cover_a_route_what_names_no_type_is_an_error_that_says_so(
    sites: Sites,
) {
    let site = sites.safe();
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
    // A route for members alone needs no type.
    browser.log_in("mia").await;
    browser.post("/session/of-members", "x").await;
    assert_eq!(browser.read("/session/of-members").await, "\"x\"");
}

/// Otherwise member 1 would be employee 1.
async fn two_managers_with_a_cookie_of_the_same_name_answer_500_to_every_look_up(sites: Sites) {
    for (session, token) in [
        ("__Host-session", "__Host-remember_token"),
        ("__Host-session", "__Host-staff_token"),
        ("__Host-staff", "__Host-remember_token"),
        ("__Host-remember_token", "__Host-staff_token"),
        ("__Host-staff", "__Host-session"),
    ] {
        let site = sites.safe();
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

/// Two routers, each with its own manager: no request passes through both, so only building them can reveal the problem.
async fn two_managers_that_would_take_each_others_logins_are_refused_wherever_their_routes_are(
    _: Sites,
) {
    let key = "of-two-managers-on-routers-of-their-own";
    let members = LoginManager::new(SecretKeys::new(key).unwrap(), Staff::load);
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
    // A second manager for the same users, for instance after a change of settings, is not a problem.
    assert!(
        LoginManager::new(SecretKeys::new(key).unwrap(), Staff::load)
            .build()
            .is_ok()
    );
    drop(first);
    assert!(again().build().is_ok(), "it is gone");
}

async fn a_realm_is_a_short_word_and_not_for_flask(_: Sites) {
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

/// Flask's cookies have no room for a realm, so each manager has its own key; the records of both are in one store.
async fn two_managers_of_the_flask_preset_share_a_store_when_they_have_realms(sites: Sites) {
    let store = MemoryLoginStore::new();
    let site = |realm: &str, key: &str| {
        LoginManager::flask(SecretKeys::flask(key).unwrap(), Staff::load)
            .realm(realm)
            .login_store(store.clone())
            .build()
            .unwrap()
    };
    let (members, staff) = (
        site("members", "of the members"),
        site("staff", "of the staff"),
    );
    let clock = Clock::default();
    let served = |manager| sites.without_members(Some(manager), []);
    let (of_members, of_staff) = (served(&members), served(&staff));
    let mut member = Browser::new(of_members, clock.clone());
    let mut employee = Browser::new(of_staff, clock);
    for browser in [&mut member, &mut employee] {
        browser.post("/staff/login/1", "").await;
        // With Flask-Login's token, which has one record for each user in each realm.
        browser.jar.remove("session");
        assert_eq!(browser.read("/staff/who").await, "1");
    }
    let before = staff.logins_of("1").await.unwrap();
    assert!(members.end_logins_of("1").await.unwrap() > 0);
    assert_eq!(member.read("/staff/who").await, "nobody");
    assert_eq!(employee.read("/staff/who").await, "1");
    assert_eq!(staff.logins_of("1").await.unwrap().len(), before.len());
}

/// Same key, same cookie names, same store: what a user has in one realm is worthless in the other.
async fn a_login_of_one_realm_is_nobodys_in_another_and_not_listed_or_ended_there(sites: Sites) {
    let store = MemoryLoginStore::new();
    let key = "of-two-realms-with-everything-in-common";
    let site = |realm: &str| {
        LoginManager::new(SecretKeys::new(key).unwrap(), Staff::load)
            .realm(realm)
            .login_store(store.clone())
            .build()
            .unwrap()
    };
    let clock = Clock::default();
    let (members, staff) = (site(""), site("staff"));
    let served = |manager| sites.without_members(Some(manager), []);
    let mut member = Browser::new(served(&members), clock.clone());
    let mut employee = Browser::new(served(&staff), clock);
    member.post("/staff/login/1", "").await;
    employee.post("/staff/login/1", "").await;
    assert_eq!(member.read("/staff/who").await, "1");
    assert_eq!(employee.read("/staff/who").await, "1");
    assert_eq!(members.logins_of("1").await.unwrap().len(), 1);
    let [of_staff] = staff.logins_of("1").await.unwrap().try_into().unwrap();

    let mut crossing = member.clone();
    crossing.move_to_server(&served(&staff));
    assert_eq!(crossing.read("/staff/who").await, "nobody");
    let mut crossing = employee.clone();
    crossing.move_to_server(&served(&members));
    assert_eq!(crossing.read("/staff/who").await, "nobody");
    assert_eq!(members.end_login(&of_staff.id).await.unwrap(), None);
    assert_eq!(members.end_logins_of("1").await.unwrap(), 1);
    assert_eq!(member.read("/staff/who").await, "nobody");
    assert_eq!(employee.read("/staff/who").await, "1");
}

cases! {
    behaviour_user_types:
    two_types_of_users_log_in_and_out_beside_each_other,
    a_cookie_of_one_type_is_worth_nothing_to_the_other,
    each_type_of_user_has_a_session_and_messages_that_end_with_its_own_logins,
    each_type_of_user_has_its_own_login_page_to_keep_out_of_the_way_back,
    where_two_managers_cover_a_route_what_names_no_type_is_an_error_that_says_so,
    two_managers_with_a_cookie_of_the_same_name_answer_500_to_every_look_up,
    two_managers_that_would_take_each_others_logins_are_refused_wherever_their_routes_are,
    a_realm_is_a_short_word_and_not_for_flask,
    two_managers_of_the_flask_preset_share_a_store_when_they_have_realms,
    a_login_of_one_realm_is_nobodys_in_another_and_not_listed_or_ended_there,
}
