//! T19 to T36: headers, redirects, guards, events and the rest.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use housekey::password::Passwords;
use housekey::{ErrorKind, Login, SameSite, Session};
use http::Method;

use crate::Case;
use crate::answer::Answer;
use crate::peer;
use crate::people::Member;
use crate::plan::Extractor::LoginRequired;
use crate::plan::{ELSEWHERE, Given, Guard, Page, acts, asks, login_required, login_scope, says};
use crate::site::START;
use crate::site::{Builder, HOUR, KEY, Site, Sites};

async fn t19_the_headers_say_what_an_answer_depends_on_and_nothing_more(sites: Sites) {
    let site = sites.safe();
    let mut browser = site.browser_of("mia").await;
    assert!(browser.get("/").await.is_untouched());

    let answer = browser.get("/members").await;
    assert_eq!(answer.header("vary").as_deref(), Some("Cookie"));
    assert_eq!(
        answer.header("cache-control").as_deref(),
        Some("private, no-store")
    );

    // An anonymous visitor's request was also checked for an API key.
    let answer = site.browser().get("/who").await;
    assert_eq!(
        answer.header("vary").as_deref(),
        Some("Cookie, Authorization")
    );
}

async fn t20_a_permanent_session_is_not_sent_with_every_picture(sites: Sites) {
    let site = sites.safe();
    let mut browser = site.browser_of("mia").await;
    browser.post("/permanent", "").await;
    site.clock.advance(HOUR - Duration::from_secs(1));
    assert_eq!(browser.get("/who").await.set_cookies(), [""; 0]);
    site.clock.advance(Duration::from_secs(1));
    assert!(browser.get("/").await.is_untouched());
    let answer = browser.get("/who").await;
    let session = answer.set_cookie("__Host-session").unwrap();
    assert!(
        session.contains("Expires=Wed, 15 Nov 2023 23:13:20 GMT"),
        "{session}"
    );

    let site = sites.flask();
    let mut browser = site.browser_of("mia").await;
    browser.post("/permanent", "").await;
    assert!(browser.get("/").await.is_untouched());
    assert_eq!(browser.get("/who").await.set_cookies().len(), 1);
}

async fn t21_a_cookie_is_deleted_with_the_attributes_that_it_was_set_with(sites: Sites) {
    type Set = fn(Builder) -> Builder;
    let as_it_is: Set = |builder| builder;
    let all: Set = |builder| {
        builder
            .session_cookie(|cookie| {
                cookie
                    .name("sid")
                    .domain("site.example")
                    .path("/app")
                    .partitioned()
                    .same_site(SameSite::None)
            })
            .remember_cookie(|cookie| {
                cookie
                    .name("__Secure-rt")
                    .domain(".site.example")
                    .path("/app")
                    .same_site(SameSite::Strict)
            })
    };
    let readable: Set = |builder| {
        builder
            .session_cookie(|cookie| cookie.name("sid").readable_by_scripts().no_same_site())
            .remember_cookie(|cookie| cookie.name("rt").insecure().same_site(SameSite::Lax))
    };
    let plain: Set = |builder| builder.plain_http();
    for site in [
        sites.safe_with(as_it_is),
        sites.safe_with(all),
        sites.safe_with(readable),
        sites.safe_with(plain),
        sites.flask_with(as_it_is),
        sites.flask_with(|builder| readable(builder.session_cookie(|cookie| cookie.secure()))),
    ] {
        let site = site.with(below_app());
        let mut browser = site.browser();
        let login = browser.post("/app/login", "").await;
        assert_eq!(browser.jar.names().len(), 2, "{login:?}");
        let logout = browser.post("/app/logout", "").await;
        assert_eq!(browser.jar.names(), [""; 0], "{logout:?}");

        let attributes = |header: &str| {
            let kept = |text: &&str| !text.starts_with("Expires=") && !text.starts_with("Max-Age=");
            let (name, rest) = header.split_once('=').unwrap();
            let rest: Vec<_> = rest.split("; ").skip(1).filter(kept).collect();
            format!("{name}: {}", rest.join("; "))
        };
        let set: Vec<_> = login.set_cookies().into_iter().map(attributes).collect();
        let deleted: Vec<_> = logout.set_cookies().into_iter().map(attributes).collect();
        for set in set {
            assert!(deleted.contains(&set), "{set}: {deleted:?}");
        }
    }
}

fn below_app() -> [Page; 2] {
    let log_in = async |given: Given| {
        let mia = Member {
            id: "mia".to_owned(),
            active: true,
            stamp: None,
        };
        given.login.login_user(&mia).remember(true).await.unwrap();
    };
    let log_out = async |given: Given| given.login.logout_user().await.unwrap();
    [acts("/app/login", log_in), acts("/app/logout", log_out)]
}

async fn t22_an_address_that_leads_away_is_neither_written_nor_followed(sites: Sites) {
    let anything = || asks(ELSEWHERE, [LoginRequired]);
    for site in [sites.safe().and(anything()), sites.flask().and(anything())] {
        for path in [
            "/\\evil.com",
            "//evil.com",
            "///evil.com/x",
            "/%5Cevil.com",
            "/.//evil.com",
            "/%09/evil.com",
        ] {
            let answer = site.browser().get(path).await;
            assert_eq!(answer.location(), "/login", "denied {path}");
        }
        let answer = site.browser().get("/a%20b/c?x=1&y=%C3%B6").await;
        assert_eq!(
            answer.location(),
            "/login?next=%2Fa%2520b%2Fc%3Fx%3D1%26y%3D%25C3%25B6"
        );

        for next in [
            "/\\evil.com",
            "//evil.com",
            "/ok\r\nSet-Cookie: a=b",
            "/login",
            "evil.com",
            "https://site.example.evil.com/",
        ] {
            let form = format!("name=mia&next={}", quoted(next));
            assert_eq!(
                site.browser().post("/login", &form).await.location(),
                "/",
                "{next:?}"
            );
        }
    }
}

fn quoted(text: &str) -> String {
    text.bytes().map(|byte| format!("%{byte:02X}")).collect()
}

async fn t23_a_forced_host_is_for_pages_of_this_site(sites: Sites) {
    let answer = |view: &'static str, in_session: bool| async move {
        let site = sites.flask_with(|builder| {
            let builder = builder
                .login_view(view)
                .force_host_for_redirects("www.site.example");
            if in_session {
                builder.next_in_session()
            } else {
                builder
            }
        });
        site.browser().get("/members").await.location().to_owned()
    };
    assert_eq!(
        answer("/login", false).await,
        "//www.site.example/login?next=%2Fmembers"
    );
    assert_eq!(answer("/login", true).await, "//www.site.example/login");
    let elsewhere = answer("https://sso.example/l", false).await;
    assert!(
        elsewhere.starts_with("https://sso.example/l?next="),
        "{elsewhere}"
    );
    assert_eq!(
        answer("https://sso.example/l", true).await,
        "https://sso.example/l"
    );
}

async fn t24_the_way_back_is_a_path_whatever_scheme_and_host_the_request_names(sites: Sites) {
    let site = sites.safe_with(|builder| builder.login_view("https://site.example/login"));
    for uri in [
        "/members?x=1",
        "http://site.example/members?x=1",
        "http://10.0.0.1:8080/members?x=1",
    ] {
        let answer = site.browser().get(uri).await;
        assert_eq!(
            answer.location(),
            "https://site.example/login?next=%2Fmembers%3Fx%3D1"
        );
    }
}

async fn t25_the_nearest_scope_that_says_something_chooses_the_login_page(sites: Sites) {
    let below_staff = |path, own: Guard| {
        asks(path, [LoginRequired])
            .behind(own)
            .below("/staff")
            .behind(login_scope().login_view("/staff/login"))
    };
    let site = sites.safe().with([
        below_staff("/inherits", login_scope()),
        below_staff("/own", login_scope().login_view("/own/login")),
        below_staff("/none", login_scope().no_login_view()),
    ]);
    let mut browser = site.browser();
    assert_eq!(
        browser.get("/staff/inherits").await.location(),
        "/staff/login?next=%2Fstaff%2Finherits"
    );
    assert_eq!(
        browser.get("/staff/own").await.location(),
        "/own/login?next=%2Fstaff%2Fown"
    );
    assert_eq!(browser.get("/staff/none").await.status, 401);
    assert_eq!(
        browser.get("/members").await.location(),
        "/login?next=%2Fmembers"
    );
}

/// A guard around a handler that runs for every method, as a fallback or a proxy does.
fn any_method_behind(guard: Guard, path: &'static str) -> Page {
    says(path, "the body of the page").behind(guard)
}

const PREFLIGHT: [(&str, &str); 2] = [
    ("origin", "https://a.example"),
    ("access-control-request-method", "PUT"),
];

async fn ask_by(site: &Site, method: Method, path: &str, headers: &[(&str, &str)]) -> Answer {
    let mut request = site.browser().request(method, path, "");
    for (name, value) in headers {
        let name: http::HeaderName = name.parse().unwrap();
        request.headers_mut().insert(name, value.parse().unwrap());
    }
    site.send(request).await
}

async fn t26_no_options_request_reaches_a_handler_behind_a_guard_and_a_preflight_is_answered_by_it(
    sites: Sites,
) {
    let site = sites
        .safe()
        .and(any_method_behind(login_required(), "/guarded"));
    for (method, headers, status) in [
        (Method::OPTIONS, &[][..], 303),
        (Method::OPTIONS, &PREFLIGHT[..1], 303),
        (Method::OPTIONS, &PREFLIGHT[1..], 303),
        (Method::OPTIONS, &PREFLIGHT[..], 403),
        (Method::GET, &PREFLIGHT[..], 303),
    ] {
        let answer = ask_by(&site, method.clone(), "/guarded", headers).await;
        assert_eq!(answer.status, status, "{method} {headers:?}");
        assert!(!answer.body.contains("the body of the page"));
    }
    let refused = ask_by(&site, Method::OPTIONS, "/guarded", &PREFLIGHT).await;
    assert_eq!(refused.header("cache-control").as_deref(), Some("no-store"));
    assert_eq!(refused.header("access-control-allow-origin"), None);
    assert_eq!(refused.header("vary"), None, "nobody looked at the visitor");

    let mut mia = site.browser_of("mia").await;
    let mut request = mia.request(Method::OPTIONS, "/guarded", "");
    for (name, value) in PREFLIGHT {
        request.headers_mut().insert(name, value.parse().unwrap());
    }
    assert_eq!(
        mia.send(request).await.status,
        403,
        "the same for everybody"
    );
}

async fn t26_a_preflight_passes_the_guards_that_were_told_to_let_it_and_no_extractor(sites: Sites) {
    let passing = || login_required().let_preflights_pass();
    let site = sites.safe().with([
        any_method_behind(passing(), "/own"),
        any_method_behind(login_required(), "/below").behind(login_scope().let_preflights_pass()),
        any_method_behind(passing(), "/outside").behind(login_required()),
        asks("/extractor", [LoginRequired]).behind(passing()),
    ]);
    for (path, preflight, options) in [
        ("/own", 200, 303),
        ("/below", 200, 303),
        ("/outside", 403, 303),
        ("/extractor", 303, 303),
    ] {
        let answer = ask_by(&site, Method::OPTIONS, path, &PREFLIGHT).await;
        assert_eq!(answer.status, preflight, "{path}");
        let answer = ask_by(&site, Method::OPTIONS, path, &[]).await;
        assert_eq!(answer.status, options, "{path}");
        let answer = ask_by(&site, Method::GET, path, &PREFLIGHT).await;
        assert_eq!(answer.status, 303, "{path}");
    }
}

async fn t27_flashed_messages_do_not_pile_up(sites: Sites) {
    let site = sites.flask();
    let mut browser = site.browser();
    for _ in 0..30 {
        assert_eq!(browser.get("/members").await.status, 302);
    }
    let session = peer::read_session(KEY, browser.jar.value("session").unwrap()).unwrap();
    let message = r#"{"_flashes":[{" t":["message","Please log in to access this page."]}]}"#;
    assert_eq!(session, message);

    for number in 0..30 {
        browser.post("/flash", &format!("number {number}")).await;
    }
    let messages = browser.read("/flash").await;
    assert_eq!(messages.lines().count(), 10);
    assert!(messages.ends_with("message: number 29"), "{messages}");
}

async fn t28_logging_in_an_inactive_user_is_an_error_and_leaves_everything_as_it_was(sites: Sites) {
    // A login that is not awaited causes a compiler warning: `LoginUser` is #[must_use].
    let site = sites.safe();
    site.members.change("ben", |member| member.active = false);
    let mut browser = site.browser_of("mia").await;
    let answer = browser.post("/login", "name=ben&remember=true").await;
    assert_eq!(answer.status, 403);
    assert_eq!(answer.set_cookies(), [""; 0]);
    assert_eq!(browser.who().await, "mia, fresh, by Session");
}

async fn t29_fresh_remembered_and_confirmed_hold_for_the_current_user_only(sites: Sites) {
    let site = sites.safe();
    let mut browser = site.browser();
    let answer = browser.post("/confirm", "").await;
    assert_eq!(answer.status, 401);
    assert_eq!(answer.set_cookies(), [""; 0]);
    assert_eq!(browser.get("/fresh").await.status, 303);

    let of_mia = site.remembered_browser_of("mia").await;
    let mut browser = site.browser_of("ben").await;
    let name = "__Host-remember_token";
    browser.jar.put(name, of_mia.jar.value(name).unwrap());
    assert_eq!(browser.who().await, "ben, fresh, by Session");

    // A fresh session without a user.
    let site = sites.flask();
    let mut browser = site.browser();
    browser
        .jar
        .put("session", &peer::session(KEY, r#"{"_fresh":true}"#, START));
    assert_eq!(browser.who().await, "nobody");
    browser.jar.put(
        "remember_token",
        &peer::remember_token(KEY.as_bytes(), "mia"),
    );
    assert_eq!(browser.who().await, "mia, remembered, by RememberToken");
    assert_eq!(browser.who().await, "mia, remembered, by Session");
}

async fn t30_one_visitors_identity_never_reaches_another(sites: Sites) {
    let site = sites.safe();
    let mut mia = site.browser_of("mia").await;
    let mut ben = site.browser_of("ben").await;
    // One application, as in a server; the loader yields in the middle of each look-up.
    let mut nobody = site.browser();
    for _ in 0..10 {
        let (a, b, c) = tokio::join!(mia.who(), ben.who(), nobody.who());
        assert_eq!(
            [a.as_str(), &b, &c],
            ["mia, fresh, by Session", "ben, fresh, by Session", "nobody"]
        );
    }
}

async fn t31_a_hook_may_look_at_the_session_and_the_login_without_end(sites: Sites) {
    type Handles = (Session, Login<Member>);
    let handles: Arc<Mutex<Option<Handles>>> = Arc::default();
    let seen: Arc<Mutex<Vec<String>>> = Arc::default();
    let (in_hook, in_route) = (Arc::clone(&handles), Arc::clone(&handles));
    let log = Arc::clone(&seen);
    let site = sites.safe_with(|builder| {
        builder.on_event(move |event, _| {
            if let Some((session, login)) = in_hook.lock().unwrap().clone() {
                session.insert("hooks", "ran").unwrap();
                let name = format!("{event:?}");
                let name = name.split([' ', '{']).next().unwrap().to_owned();
                log.lock()
                    .unwrap()
                    .push(format!("{name} of {:?}", login.user_id()));
            }
        })
    });
    let route = async move |given: Given| {
        let Given { session, login, .. } = &given;
        *in_route.lock().unwrap() = Some((session.clone(), login.clone()));
        let mia = Member {
            id: "mia".to_owned(),
            active: true,
            stamp: None,
        };
        login.login_user(&mia).await.unwrap();
        login.confirm_login(&mia).await.unwrap();
        login.logout_user().await.unwrap();
        login.login_user(&mia).await.unwrap();
    };
    let site = site.and(acts("/all-of-it", route));
    let mut browser = site.browser();
    assert_eq!(browser.post("/all-of-it", "").await.status, 200);
    *handles.lock().unwrap() = None;
    assert_eq!(
        *seen.lock().unwrap(),
        [
            r#"LoggedIn of Some("mia")"#,
            r#"LoginConfirmed of Some("mia")"#,
            "LoggedOut of None",
            r#"LoggedIn of Some("mia")"#
        ]
    );
    assert_eq!(browser.read("/session/hooks").await, "\"ran\"");
}

async fn t32_refreshing_a_remember_token_keeps_its_duration_and_makes_none(sites: Sites) {
    for (site, name) in [
        (
            sites.safe_with(|builder| builder.remember_refresh_each_request()),
            "__Host-remember_token",
        ),
        (
            sites.flask_with(|builder| builder.remember_refresh_each_request()),
            "remember_token",
        ),
    ] {
        let mut browser = site.browser_of("mia").await;
        assert_eq!(browser.get("/who").await.set_cookie(name), None);
        assert_eq!(site.browser().get("/who").await.set_cookies(), [""; 0]);

        let mut browser = site.browser();
        browser.post("/login", "name=mia&remember_for=7200").await;
        site.clock.advance(HOUR);
        let answer = browser.get("/who").await;
        let token = answer.set_cookie(name).unwrap();
        assert!(
            token.contains("Expires=Wed, 15 Nov 2023 01:13:20 GMT"),
            "{token}"
        );
        assert!(browser.get("/").await.is_untouched());
    }
}

async fn t33_the_safe_preset_neither_writes_nor_reads_what_sha_1_signed(sites: Sites) {
    let site = sites.safe();
    let mut browser = site.browser();
    let json = r#"{"_fresh":true,"_user_id":"mia"}"#;
    browser
        .jar
        .put("__Host-session", &peer::session(KEY, json, START));
    assert_eq!(browser.who().await, "nobody");
    browser.log_in("mia").await;
    let session = browser.jar.value("__Host-session").unwrap();
    let signature = session.rsplit('.').next().unwrap();
    assert_eq!(signature.len(), 43, "32 bytes in base64: {signature}");
}

async fn t34_a_stored_hash_that_nobody_can_read_is_a_wrong_password_and_no_error(_: Sites) {
    let passwords = Passwords::new().argon2id(8, 1, 1).unwrap();
    for stored in [
        "plain$$secret",
        "sha256$salt$1d557e8647ff682b9e190b7efe57f8bba8d2d788",
        "md5$$5ebe2294ecd0e0f08eab7690d2a6ee69",
        "scrypt:1:2:3:4$salt$00",
        "pbkdf2:sha256:1000$salt$ä",
        "!",
        "",
    ] {
        let answer = passwords.verify_blocking("secret", Some(stored));
        assert!(matches!(answer, Ok(false)), "{stored}: {answer:?}");
        assert!(passwords.needs_rehash(stored), "{stored}");
    }
    // A hash that would take gigabytes is the application's own mistake: an error, without the work.
    for stored in [
        "scrypt:1099511627776:8:1$salt$00",
        "$argon2id$v=19$m=4294967295,t=1,p=1$c29tZXNhbHQ$AAAA",
    ] {
        let error = passwords
            .verify_blocking("secret", Some(stored))
            .unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Password);
    }
}

/// Once normally, and once more in a process where Flask-Login's switch is on.
async fn t35_there_is_no_switch_that_turns_the_guards_off(sites: Sites) {
    let site = sites.flask();
    assert_eq!(site.browser().get("/members").await.status, 302);
    if std::env::var_os("LOGIN_DISABLED").is_none() {
        let this = <t35_there_is_no_switch_that_turns_the_guards_off as Case>::PATH;
        let child = std::process::Command::new(std::env::current_exe().unwrap())
            .arg(this)
            .env("LOGIN_DISABLED", "1")
            .env("FLASK_LOGIN_DISABLED", "true")
            .env("TESTING", "1")
            .output()
            .unwrap();
        let text = String::from_utf8_lossy(&child.stdout);
        assert!(
            child.status.success() && text.contains("1 passed"),
            "{text}"
        );
    }
}

/// Otherwise a link or an image on another site could log users out.
async fn t36_no_example_and_no_guide_logs_out_by_get(_: Sites) {
    let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let mut files = Vec::new();
    files_below(&workspace, &mut files);
    let is_logout = |line: &str| {
        [
            "logout", "log_out", "log-out", "sign_out", "sign-out", "signout",
        ]
        .iter()
        .any(|word| line.to_ascii_lowercase().contains(word))
    };
    let mut lines = 0;
    for file in files {
        let text = std::fs::read_to_string(&file).unwrap();
        for (index, line) in text.lines().enumerate().filter(|(_, line)| is_logout(line)) {
            let place = format!("{}:{}: {line}", file.display(), index + 1);
            lines += 1;
            assert!(!line.contains("get("), "{place}");
            assert!(!line.contains("href="), "{place}");
        }
    }
    assert!(lines > 0, "nothing was looked at");
}

fn files_below(directory: &Path, files: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        let extension = path.extension().and_then(|extension| extension.to_str());
        let skipped = name.starts_with('.') || ["target", "tests"].contains(&name.as_str());
        if path.is_dir() && !skipped {
            files_below(&path, files);
        } else if matches!(extension, Some("rs" | "md" | "html")) {
            files.push(path);
        }
    }
}

cases! {
    flask_login_traps_responses:
    t19_the_headers_say_what_an_answer_depends_on_and_nothing_more,
    t20_a_permanent_session_is_not_sent_with_every_picture,
    t21_a_cookie_is_deleted_with_the_attributes_that_it_was_set_with,
    t22_an_address_that_leads_away_is_neither_written_nor_followed,
    t23_a_forced_host_is_for_pages_of_this_site,
    t24_the_way_back_is_a_path_whatever_scheme_and_host_the_request_names,
    t25_the_nearest_scope_that_says_something_chooses_the_login_page,
    t26_no_options_request_reaches_a_handler_behind_a_guard_and_a_preflight_is_answered_by_it,
    t26_a_preflight_passes_the_guards_that_were_told_to_let_it_and_no_extractor,
    t27_flashed_messages_do_not_pile_up,
    t28_logging_in_an_inactive_user_is_an_error_and_leaves_everything_as_it_was,
    t29_fresh_remembered_and_confirmed_hold_for_the_current_user_only,
    t30_one_visitors_identity_never_reaches_another,
    t31_a_hook_may_look_at_the_session_and_the_login_without_end,
    t32_refreshing_a_remember_token_keeps_its_duration_and_makes_none,
    t33_the_safe_preset_neither_writes_nor_reads_what_sha_1_signed,
    t34_a_stored_hash_that_nobody_can_read_is_a_wrong_password_and_no_error,
    t35_there_is_no_switch_that_turns_the_guards_off,
    t36_no_example_and_no_guide_logs_out_by_get,
}
