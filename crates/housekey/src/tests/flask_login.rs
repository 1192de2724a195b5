//! Where the preset for Flask programs follows Flask-Login and the `flask` preset is stricter; and what else their door
//! needs.

use super::*;
use crate::door::Incoming;
use crate::records::MemoryLoginStore;
use crate::session::keys;
use crate::{ErrorKind, LoginSource, SessionProtection, UserLoader};

fn flask_login() -> LoginManagerBuilder<Member> {
    let keys = SecretKeys::flask(FLASK_KEY).unwrap();
    at(NOW, LoginManager::flask_login(keys, anybody))
}

/// Both presets, the stricter one first.
fn both(
    set: impl Fn(LoginManagerBuilder<Member>) -> LoginManagerBuilder<Member>,
) -> [LoginManager<Member>; 2] {
    [flask(FLASK_KEY), flask_login()].map(|builder| set(builder).build().unwrap())
}

fn open_with(manager: &LoginManager<Member>, parts: &Parts, kept: &[(&str, &str)]) -> OpenVisit {
    let kept = kept
        .iter()
        .map(|(key, raw)| ((*key).to_owned(), (*raw).to_owned()));
    let visit = manager.visit(&parts.uri);
    visit.open_with(parts, Incoming::new(kept)).unwrap()
}

fn keys_of(visit: &OpenVisit) -> Vec<String> {
    let values = visit.session_values().into_iter();
    values.map(|(key, _)| key).collect()
}

#[test]
fn strong_protection_ends_the_login_and_keeps_what_is_not_of_it() {
    let managers = both(|builder| builder.session_protection(SessionProtection::Strong));
    for (manager, left) in managers.iter().zip([&[][..], &["cart"]]) {
        let parts = request(&[("user-agent", "another")]);
        let kept = [
            ("_user_id", r#""1""#),
            ("_id", r#""of one""#),
            ("_fresh", "true"),
            ("next", r#""/""#),
            ("cart", "[1]"),
        ];
        let visit = open_with(manager, &parts, &kept);
        assert_eq!(who(&visit, &parts), None);
        assert_eq!(keys_of(&visit), left);
    }
}

#[test]
fn a_stale_session_that_names_no_browser_is_bound_or_is_from_elsewhere() {
    let cases = [
        (SessionProtection::Basic, [Some("1"), Some("1")]),
        (SessionProtection::Strong, [Some("1"), None]),
    ];
    for (protection, expected) in cases {
        let managers = both(|builder| builder.session_protection(protection));
        for ((manager, expected), binds) in managers.iter().zip(expected).zip([true, false]) {
            let parts = request(&[("user-agent", "one")]);
            let kept = [("_user_id", r#""1""#), ("_fresh", "false")];
            let visit = open_with(manager, &parts, &kept);
            assert_eq!(who(&visit, &parts).as_deref(), expected, "{protection:?}");
            let is_bound = visit.session_value("_id").is_some();
            assert_eq!(is_bound, binds, "{protection:?}");
        }
    }
}

#[test]
fn a_session_without_a_login_is_confirmed_in_the_one_preset_only() {
    let [strict, as_flask_login] = both(|builder| builder);
    let parts = request(&[("user-agent", "one")]);
    let refused = |visit: &OpenVisit| {
        let error = Login::<Member>::new(visit.clone()).confirm_anonymous();
        assert_eq!(error.unwrap_err().kind(), ErrorKind::NotLoggedIn);
    };
    let visit = open_with(&strict, &parts, &[]);
    refused(&visit);
    assert!(keys_of(&visit).is_empty());

    let visit = open_with(&as_flask_login, &parts, &[]);
    Login::<Member>::new(visit.clone())
        .confirm_anonymous()
        .unwrap();
    assert_eq!(visit.session_value("_fresh").as_deref(), Some("true"));
    assert!(visit.session_value("_id").is_some());
    assert_eq!(who(&visit, &parts), None);
    refused(&open_with(
        &as_flask_login,
        &parts,
        &[("_user_id", r#""1""#)],
    ));
}

#[test]
fn a_token_that_is_refreshed_at_each_request_goes_to_the_remembered_or_to_everybody() {
    let managers = both(|builder| {
        builder
            .remember_refresh_each_request()
            .session_protection("off")
    });
    let token_of = |manager: &LoginManager<Member>, id: &str| {
        let token = cookies_of_login(manager, id, true).swap_remove(0);
        assert!(token.starts_with("remember_token="), "{token}");
        token
    };
    for (manager, goes_to_everybody) in managers.iter().zip([false, true]) {
        let [own, another] = ["1", "2"].map(|id| token_of(manager, id));
        for (cookie, always) in [("", false), (&*own, true), (&*another, false)] {
            let parts = request(&[("cookie", cookie)]);
            let kept = [("_user_id", r#""1""#), ("_fresh", "true")];
            let visit = open_with(manager, &parts, &kept);
            let sent = |visit: &OpenVisit| {
                let mut headers = HeaderMap::new();
                visit.visit().finish_remembering(&mut headers);
                let cookies = headers.get_all("set-cookie").iter();
                let own = |field: &HeaderValue| field.to_str().unwrap().starts_with(&own);
                (cookies.filter(|field| own(field)).count(), headers)
            };
            // The current user was not asked for.
            assert_eq!(sent(&visit).0, 0);
            assert_eq!(who(&visit, &parts).as_deref(), Some("1"));
            let (count, headers) = sent(&visit);
            assert_eq!(count, usize::from(always || goes_to_everybody), "{cookie}");
            assert_eq!(headers["vary"], "Cookie");
            assert_eq!(headers["cache-control"], "private, no-store");
            // A cookie that was sent is not sent again with later changes.
            assert_eq!(sent(&visit).0, 0);
        }
    }
}

#[test]
fn the_way_back_in_the_session_outlives_a_login_for_programs_that_read_it_afterwards() {
    let parts = request::<&str>(&[]);
    let next = ("next", r#""/cart""#);
    let (same, another) = (("_user_id", r#""1""#), ("_user_id", r#""2""#));
    for (manager, keeps) in both(|builder| builder).iter().zip([false, true]) {
        for (kept, is_own) in [
            (&[next][..], true),
            (&[next, same], true),
            (&[next, another], false),
        ] {
            let visit = open_with(manager, &parts, kept);
            let login = Login::new(visit.clone());
            block_on(login.login_user(&member("1")).into_future()).unwrap();
            let left = visit.session_value("next").is_some();
            assert_eq!(left, keeps && is_own, "{kept:?}");
        }
    }
}

/// A loader for programs in which each request proves its user.
struct ByRequestAlone;

impl UserLoader<Member> for ByRequestAlone {
    async fn load_user(&self, id: &str) -> Result<Option<Member>, BoxError> {
        panic!("nobody looks for {id}");
    }

    fn finds_by_id(&self) -> bool {
        false
    }

    async fn load_from_request(&self, request: &Parts) -> Result<Option<Member>, BoxError> {
        let key = request.headers.get("x-api-key");
        Ok(key.map(|key| member(key.to_str().unwrap())))
    }
}

#[test]
fn a_loader_that_finds_nobody_by_id_is_not_asked_and_ends_no_login() {
    let keys = || SecretKeys::flask(FLASK_KEY).unwrap();
    let builder = || at(NOW, LoginManager::flask(keys(), ByRequestAlone));
    for builder in [builder(), builder().login_store(MemoryLoginStore::new())] {
        let manager = builder.build().unwrap();
        let cookies = cookies_of_login(&manager, "1", true).join("; ");
        for (key, expected) in [(None, None), (Some("2"), Some("2"))] {
            let mut fields = vec![("cookie", cookies.as_str())];
            fields.extend(key.map(|key| ("x-api-key", key)));
            let parts = request(&fields);
            let visit = open(&manager, &parts);
            assert_eq!(who(&visit, &parts).as_deref(), expected);
            assert_eq!(visit.session_value("_user_id").as_deref(), Some(r#""1""#));
            assert_eq!(set_cookies(&visit), Vec::<String>::new());
        }
    }
}

#[test]
fn a_logged_in_user_can_be_the_current_user_without_being_loaded() {
    let keys = SecretKeys::flask(FLASK_KEY).unwrap();
    let nobody = |_: String| async { Ok::<_, BoxError>(None::<Member>) };
    let manager = LoginManager::flask_login(keys, nobody).build().unwrap();
    let parts = request::<&str>(&[]);
    let visit = open(&manager, &parts);
    let login = Login::new(visit.clone());
    let early = visit.set_current_user(Arc::new(member("1"))).unwrap_err();
    assert_eq!(early.kind(), ErrorKind::NotLoggedIn);
    block_on(login.login_user(&member("1")).into_future()).unwrap();
    let another = visit.set_current_user(Arc::new(member("2"))).unwrap_err();
    assert_eq!(another.kind(), ErrorKind::NotLoggedIn);
    visit.set_current_user(Arc::new(member("1"))).unwrap();
    let current = block_on(visit.current_user::<Member>(&parts)).unwrap();
    assert_eq!(current.unwrap().source, LoginSource::Session);
    // The loader decides next.
    visit.forget_current_user();
    assert_eq!(who(&visit, &parts), None);
}

#[test]
fn where_logins_have_records_the_record_has_the_first_word() {
    let builder = flask_login().login_store(MemoryLoginStore::new());
    let (manager, log) = logged(builder);
    let parts = request::<&str>(&[]);
    let visit = open(&manager, &parts);
    let login = Login::new(visit.clone());
    block_on(login.login_user(&member("1")).into_future()).unwrap();
    visit.set_current_user(Arc::new(member("1"))).unwrap();
    assert_eq!(who(&visit, &parts).as_deref(), Some("1"));
    assert_eq!(block_on(login.logins()).unwrap().len(), 1);
    assert!(
        log.lock()
            .unwrap()
            .iter()
            .any(|event| event.name() == "logged_in")
    );
}

#[test]
fn a_visit_that_looks_for_its_user_says_so() {
    let keys = SecretKeys::flask(FLASK_KEY).unwrap();
    let seen: Arc<Mutex<Option<OpenVisit>>> = Arc::default();
    let visit = Arc::clone(&seen);
    let loader = move |id: String| {
        let visit = visit.lock().unwrap();
        assert!(visit.as_ref().is_none_or(OpenVisit::is_loading));
        ready(Ok::<_, BoxError>(Some(member(&id))))
    };
    let manager = LoginManager::flask_login(keys, loader).build().unwrap();
    let parts = request::<&str>(&[]);
    let visit = open_with(&manager, &parts, &[("_user_id", "7")]);
    *seen.lock().unwrap() = Some(visit.clone());
    assert!(!visit.is_loading());
    assert_eq!(who(&visit, &parts).as_deref(), Some("7"));
    assert!(!visit.is_loading());
    // The type is the application's.
    assert_eq!(visit.session_value("_user_id").as_deref(), Some("7"));
}

#[test]
fn a_visit_keeps_its_events_for_a_door_that_asks() {
    let parts = request::<&str>(&[]);
    for (builder, expected) in [
        (flask_login(), &[][..]),
        (flask_login().keep_events(), &["logged_in", "logged_out"]),
    ] {
        let (manager, log) = logged(builder);
        let visit = open(&manager, &parts);
        let login = Login::new(visit.clone());
        block_on(login.login_user(&member("1")).into_future()).unwrap();
        block_on(login.logout_user()).unwrap();
        let names = |events: Vec<Event>| events.iter().map(Event::name).collect::<Vec<_>>();
        assert_eq!(names(visit.take_events()), expected);
        assert!(visit.take_events().is_empty());
        assert_eq!(log.lock().unwrap().len(), 2);
    }
}

#[test]
fn a_session_goes_out_and_comes_in_as_one_text() {
    let manager = flask_login().build().unwrap();
    let parts = request::<&str>(&[]);
    let texts = [
        r#"{"_user_id":"1","cart":{" t":[1,NaN]},"n":1e5}"#,
        r#"{" di":{" t__":[1]}}"#,
        "{}",
    ];
    for text in texts {
        let visit = open(&manager, &parts);
        visit.replace_session_json(text.to_owned()).unwrap();
        assert_eq!(visit.session_json(), text);
        assert_eq!(visit.is_session_modified(), text != "{}");
    }
    let visit = open(&manager, &parts);
    for text in ["", "[]", "{", r#"{" t":[1]}"#, "1"] {
        let error = visit.replace_session_json(text.to_owned()).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::SessionValue, "{text}");
    }
    // The secret of a login is shown in neither.
    let manager = flask_login()
        .login_store(MemoryLoginStore::new())
        .build()
        .unwrap();
    let visit = open(&manager, &parts);
    block_on(
        Login::new(visit.clone())
            .login_user(&member("1"))
            .into_future(),
    )
    .unwrap();
    assert!(!visit.session_json().contains(keys::TOKEN));
    assert_eq!(visit.session_value(keys::TOKEN), None);
}

#[test]
fn a_session_is_sent_again_when_the_door_says_so() {
    let manager = flask_login().build().unwrap();
    let cookie = session_cookie_of_login(&manager, "1");
    let parts = request(&[("cookie", &cookie)]);
    let visit = open(&manager, &parts);
    assert_eq!(set_cookies(&visit).len(), 0);
    let late = visit.rewrite_session().unwrap_err();
    assert_eq!(late.kind(), ErrorKind::TooLate);
    let visit = open(&manager, &parts);
    visit.rewrite_session().unwrap();
    assert_eq!(set_cookies(&visit).len(), 1);
}

#[test]
fn a_door_may_say_what_a_client_is_recognized_by() {
    let manager = flask_login()
        .session_protection(SessionProtection::Strong)
        .build()
        .unwrap();
    let came_as = |identity: &str, kept: &[(&str, &str)]| {
        let parts = request(&[("user-agent", "one")]);
        let visit = open_with(&manager, &parts, kept);
        visit.identify_client(identity.to_owned());
        assert_eq!(visit.client_identity(), identity);
        who(&visit, &parts)
    };
    let kept = [("_user_id", r#""1""#), ("_id", r#""room 5""#)];
    assert_eq!(came_as("room 5", &kept).as_deref(), Some("1"));
    assert_eq!(came_as("room 6", &kept), None);
}
