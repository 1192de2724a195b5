//! A session that a framework keeps is valid and changes like one in cookies.

use std::collections::BTreeMap;
use std::future::IntoFuture as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::*;
use crate::door::{Incoming, Outcome, SessionOutcome};
use crate::records::MemoryLoginStore;
use crate::session::{PERMANENT, keys};
use crate::{Denied, ErrorKind, PendingRefusal, Scope};

/// One request of a browser, and what happens in it.
#[derive(Clone, Copy, Debug)]
enum Step {
    Look,
    LogIn(&'static str),
    LogInAndRemember(&'static str),
    LogOut,
    Confirm(&'static str),
    Deny(Denied),
    GoOn,
    Flash(&'static str),
    TakeFlashes,
    Put(&'static str),
    MakePermanent,
    /// The browser forgets its session, and asks for the user.
    Closed,
    /// A request with another user agent.
    FromElsewhere,
    /// A request this much later.
    Later(u64),
    /// A request with a remember token that was tampered with.
    WithBrokenToken,
}

/// Where the session is between two requests.
enum Home {
    /// In cookies: `open` and `finish`.
    Cookies(BTreeMap<String, String>),
    /// In a map: `open_with` and `outcome`.
    Map(BTreeMap<String, String>),
}

struct Browser {
    home: Home,
    remember: Option<String>,
}

fn apply(kept: &mut BTreeMap<String, String>, outcome: &Outcome<'_>) {
    let SessionOutcome::Values(changes) = &outcome.session else {
        panic!("the session came as a value");
    };
    if changes.cleared {
        kept.clear();
    }
    for (key, json) in changes.values.clone() {
        match json {
            Some(json) => kept.insert(key, json),
            None => kept.remove(&key),
        };
    }
}

impl Browser {
    /// The result of a step, except the session's cookies themselves.
    fn take(&mut self, manager: &LoginManager<Member>, clock: &AtomicU64, step: Step) -> String {
        let agent = match step {
            Step::FromElsewhere => "another",
            _ => "Mozilla/5.0",
        };
        if let Step::Later(seconds) = step {
            clock.fetch_add(seconds, Ordering::Relaxed);
        }
        let token_name = manager_token_name(manager);
        let mut remember = self.remember.clone();
        if let (Step::WithBrokenToken, Some(token)) = (step, &mut remember) {
            token.insert(0, 'x');
        }
        let mut cookies: Vec<String> = remember
            .iter()
            .map(|token| format!("{token_name}={token}"))
            .collect();
        if matches!(step, Step::Closed) {
            match &mut self.home {
                Home::Cookies(kept) | Home::Map(kept) => kept.clear(),
            }
        }
        if let Home::Cookies(kept) = &self.home {
            cookies.extend(kept.iter().map(|(name, value)| format!("{name}={value}")));
        }
        let cookies = cookies.join("; ");
        let parts = request(&[
            ("cookie", cookies.as_str()),
            ("user-agent", agent),
            ("accept", "text/html"),
        ]);
        let visit = manager.visit(&parts.uri);
        let open = match &self.home {
            Home::Cookies(_) => visit.open(&parts),
            Home::Map(kept) => visit.open_with(&parts, Incoming::new(kept.clone())),
        };
        let open = open.unwrap();
        let did = act(&open, &parts, step);

        let mut headers = HeaderMap::new();
        match &mut self.home {
            Home::Cookies(_) => visit.finish(&mut headers).unwrap(),
            Home::Map(kept) => {
                let outcome = visit.outcome(|_| false).unwrap().unwrap();
                apply(kept, &outcome);
                outcome.write_to(&mut headers);
            }
        }
        let mut of_token = Vec::new();
        for field in headers.get_all("set-cookie") {
            let field = field.to_str().unwrap();
            let (name, value) = field.split(';').next().unwrap().split_once('=').unwrap();
            let is_over = field.contains("Max-Age=0");
            if name == token_name {
                // One that rotates is random behind its user.
                let shown = value.split_once('~').map_or(value, |(user, _)| user);
                of_token.push(field.replacen(value, shown, 1));
                self.remember = (!is_over).then(|| value.to_owned());
            } else if let Home::Cookies(kept) = &mut self.home {
                match is_over {
                    true => kept.remove(name),
                    false => kept.insert(name.to_owned(), value.to_owned()),
                };
            } else {
                panic!("no other cookie is ours: {field}");
            }
        }
        let field = |name: &str| headers.get(name).map(|value| value.to_str().unwrap());
        format!(
            "{did}\n  session {:?}\n  token {of_token:?}\n  vary {:?} cache {:?}",
            self.session(manager),
            field("vary"),
            field("cache-control"),
        )
    }

    /// The session that the next request will bring, without its random parts.
    fn session(&self, manager: &LoginManager<Member>) -> BTreeMap<String, String> {
        let mut session = match &self.home {
            Home::Map(kept) => kept.clone(),
            Home::Cookies(kept) => {
                let cookies: Vec<_> = kept
                    .iter()
                    .map(|(name, value)| format!("{name}={value}"))
                    .collect();
                let parts = request(&[("cookie", cookies.join("; "))]);
                let visit = open(manager, &parts);
                let mut values: BTreeMap<_, _> = visit.session_values().into_iter().collect();
                if let Some(token) =
                    visit.with(|view| view.session.get(keys::TOKEN).map(str::to_owned))
                {
                    values.insert(keys::TOKEN.to_owned(), token);
                }
                values
            }
        };
        if !session.contains_key(keys::USER_ID) {
            // Beside no login, cookies of their own say nothing of the browser.
            session.remove(keys::IDENTIFIER);
        }
        for random in [keys::TOKEN, crate::session::OWNER] {
            if let Some(value) = session.get_mut(random) {
                value.clear();
            }
        }
        session
    }
}

fn manager_token_name(manager: &LoginManager<Member>) -> String {
    let visit = manager.visit(&"/".parse().unwrap());
    visit.shared().remember.attributes.name.clone()
}

/// The result of a step, as the handler sees it.
fn act(visit: &OpenVisit, parts: &Parts, step: Step) -> String {
    let login = Login::<Member>::new(visit.clone());
    let done = match step {
        Step::LogIn(id) => format!(
            "{:?}",
            block_on(login.login_user(&member(id)).into_future())
        ),
        Step::LogInAndRemember(id) => {
            let user = member(id);
            format!(
                "{:?}",
                block_on(login.login_user(&user).remember(true).into_future())
            )
        }
        Step::LogOut => format!("{:?}", block_on(login.logout_user())),
        Step::Confirm(id) => {
            who(visit, parts);
            format!(
                "{:?}",
                block_on(login.confirm_login(&member(id))).map_err(|error| error.kind())
            )
        }
        Step::Deny(denied) => {
            who(visit, parts);
            let response = visit.deny(parts, denied, &Scope::new());
            format!(
                "{} {:?}",
                response.status(),
                response.headers().get("location")
            )
        }
        Step::GoOn => visit.next_url(parts).or("/").unwrap(),
        Step::Flash(text) => format!("{:?}", visit.flash().message(text)),
        Step::TakeFlashes => format!("{:?}", visit.flash().take()),
        Step::Put(key) => format!("{:?}", visit.session().insert(key, &1)),
        Step::MakePermanent => format!("{:?}", visit.session().make_permanent()),
        Step::Look
        | Step::Closed
        | Step::FromElsewhere
        | Step::Later(_)
        | Step::WithBrokenToken => String::new(),
    };
    let current = block_on(visit.current_user::<Member>(parts)).unwrap();
    let current = current.map(|current| (current.user.id(), current.source, current.fresh));
    format!("{done} {current:?} remembered: {}", visit.is_remembered())
}

#[test]
fn a_session_that_is_brought_goes_the_way_of_one_in_cookies() {
    use Step::*;
    let denied = Deny(Denied::LoginRequired);
    let stories: &[&[Step]] = &[
        &[Look, LogIn("1"), Look, LogOut, Look],
        &[Put("cart"), LogIn("1"), Look, LogIn("2"), Look],
        &[LogOut],
        &[
            LogInAndRemember("1"),
            Look,
            Closed,
            Look,
            Confirm("1"),
            Look,
            LogOut,
            Look,
        ],
        &[LogInAndRemember("1"), LogIn("1"), Closed],
        &[LogInAndRemember("1"), Later(600), Closed, Later(7200), Look],
        &[
            LogInAndRemember("1"),
            WithBrokenToken,
            Closed,
            WithBrokenToken,
        ],
        &[
            LogIn("1"),
            Later(7200),
            Deny(Denied::FreshLoginRequired { within: None }),
            Confirm("1"),
            Confirm("2"),
        ],
        &[LogIn("1"), FromElsewhere, Look, Confirm("1"), Look],
        &[
            LogInAndRemember("1"),
            MakePermanent,
            FromElsewhere,
            Look,
            Closed,
        ],
        &[denied, TakeFlashes, LogIn("1"), GoOn, GoOn],
        &[Put("cart"), denied, LogIn("1"), Look, GoOn, TakeFlashes],
        &[
            Flash("one"),
            Flash("two"),
            Flash("one"),
            TakeFlashes,
            TakeFlashes,
        ],
        &[LogIn("1"), Flash("bye"), LogOut, TakeFlashes],
        &[LogIn("1"), Deny(Denied::Forbidden), MakePermanent, LogOut],
    ];
    type Setting = fn(LoginManagerBuilder<Member>) -> LoginManagerBuilder<Member>;
    let settings: &[Setting] = &[
        |builder| builder,
        |builder| builder.next_in_session().login_message("Sign in."),
        |builder| builder.session_protection(crate::SessionProtection::Strong),
        |builder| builder.keep_at_login(["cart"]),
        |builder| builder.remember_refresh_each_request(),
        |builder| builder.login_store(MemoryLoginStore::new()),
    ];
    for (preset, builder) in [
        ("flask", (|| flask(STRONG_KEY)) as fn() -> _),
        ("safe", safe),
    ] {
        for (index, set) in settings.iter().enumerate() {
            for story in stories {
                let run = |home: Home| {
                    let clock = Arc::new(AtomicU64::new(NOW));
                    let seconds = Arc::clone(&clock);
                    let builder = set(builder()).login_view("/login").clock(move || {
                        SystemTime::UNIX_EPOCH
                            + Duration::from_secs(seconds.load(Ordering::Relaxed))
                    });
                    let (manager, log) = logged(builder);
                    let mut browser = Browser {
                        home,
                        remember: None,
                    };
                    let mut come_of = |step: &Step| {
                        let come = browser.take(&manager, &clock, *step);
                        let events = std::mem::take(&mut *log.lock().unwrap());
                        format!("{come}\n  events {events:?}")
                    };
                    story.iter().map(&mut come_of).collect::<Vec<_>>()
                };
                let cookies = run(Home::Cookies(BTreeMap::new()));
                let map = run(Home::Map(BTreeMap::new()));
                for (step, (cookies, map)) in story.iter().zip(cookies.iter().zip(&map)) {
                    assert_eq!(map, cookies, "{preset} {index} {story:?}: {step:?}");
                }
            }
        }
    }
}

const NAME: &str = "_user_id";

fn values(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    let pairs = pairs.iter();
    pairs
        .map(|(key, json)| ((*key).to_owned(), (*json).to_owned()))
        .collect()
}

/// A session with user 1 logged in, as a manager leaves it where a framework keeps it.
fn logged_in(manager: &LoginManager<Member>) -> BTreeMap<String, String> {
    let parts = request::<&str>(&[]);
    let visit = manager.visit(&parts.uri);
    let login = Login::new(visit.open_with(&parts, Incoming::new([])).unwrap());
    block_on(login.login_user(&member("1")).into_future()).unwrap();
    let mut kept = BTreeMap::new();
    apply(&mut kept, &visit.outcome(|_| false).unwrap().unwrap());
    kept
}

#[test]
fn a_session_that_is_kept_elsewhere_is_never_too_large() {
    let long = noise(10_000);
    for manager in [flask(FLASK_KEY), safe()].map(|builder| builder.build().unwrap()) {
        let parts = request::<&str>(&[]);
        let visit = manager.visit(&parts.uri);
        let open = visit.open_with(&parts, Incoming::new([])).unwrap();
        open.session().insert("text", &long).unwrap();
        open.flash().message(&long).unwrap();
        block_on(Login::new(open).login_user(&member("1")).into_future()).unwrap();
        let mut kept = BTreeMap::new();
        apply(&mut kept, &visit.outcome(|_| false).unwrap().unwrap());
        assert!(kept["_flashes"].len() > long.len());
        assert_eq!(kept[NAME], r#""1""#);

        let in_cookies = open_empty(&manager);
        let error = in_cookies.session().insert("text", &long).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::SessionTooLarge);
    }
}

fn open_empty(manager: &LoginManager<Member>) -> OpenVisit {
    open(manager, &request::<&str>(&[]))
}

#[test]
fn an_unchanged_session_is_not_in_the_outcome_and_a_closed_visit_changes_nothing_more() {
    let manager = safe().build().unwrap();
    let parts = request::<&str>(&[]);
    let visit = manager.visit(&parts.uri);
    assert!(visit.outcome(|_| false).unwrap().is_none());
    let kept = values(&[("cart", "[1]"), ("odd", r#"{" t":[1]}"#)]);
    let open = visit.open_with(&parts, Incoming::new(kept)).unwrap();
    assert_eq!(
        open.session().get::<Vec<u8>>("cart").unwrap(),
        Some(vec![1])
    );
    open.session().insert("cart", &[1]).unwrap();
    let outcome = visit.outcome(|_| false).unwrap().unwrap();
    let SessionOutcome::Values(changes) = &outcome.session else {
        panic!("{outcome:?}");
    };
    assert!(changes.is_empty() && outcome.remember.is_empty() && !outcome.private);
    assert_eq!(outcome.vary, "Cookie");
    let late = open.session().insert("cart", &[2]).unwrap_err();
    assert_eq!(late.kind(), ErrorKind::TooLate);
    let late = open.replace_session([]).unwrap_err();
    assert_eq!(late.kind(), ErrorKind::TooLate);
}

#[test]
fn a_cleared_session_says_so_and_has_all_of_its_values_again() {
    let manager = flask(FLASK_KEY).build().unwrap();
    let parts = request::<&str>(&[]);
    let visit = manager.visit(&parts.uri);
    let kept = values(&[(NAME, r#""2""#), ("_fresh", "true"), ("cart", "null")]);
    let open = visit.open_with(&parts, Incoming::new(kept)).unwrap();
    block_on(
        Login::new(open.clone())
            .login_user(&member("1"))
            .into_future(),
    )
    .unwrap();
    let changes = open.take_session_changes();
    assert!(changes.cleared);
    let fresh = changes.values.iter().find(|(key, _)| key == "_fresh");
    assert_eq!(fresh.unwrap().1.as_deref(), Some("true"));
    assert!(
        changes
            .values
            .iter()
            .all(|(key, json)| key != "cart" && json.is_some())
    );
    assert!(open.take_session_changes().is_empty());
    block_on(Login::<Member>::new(open.clone()).logout_user()).unwrap();
    let changes = open.take_session_changes();
    assert!(changes.cleared && changes.values.is_empty());
}

#[test]
fn the_frameworks_session_and_the_rules_see_each_others_changes() {
    let manager = safe().build().unwrap();
    let kept = logged_in(&manager);
    let parts = request::<&str>(&[]);
    let open = manager
        .visit(&parts.uri)
        .open_with(&parts, Incoming::new(kept.clone()))
        .unwrap();
    assert_eq!(who(&open, &parts).as_deref(), Some("1"));

    // The application puts another user's id into the session, as Flask's test client does.
    let mut changed = kept.clone();
    changed.insert(NAME.to_owned(), r#""2""#.to_owned());
    changed.insert("cart".to_owned(), "[1]".to_owned());
    open.replace_session(changed.clone()).unwrap();
    assert_eq!(who(&open, &parts).as_deref(), Some("2"));
    assert_eq!(
        open.session().get::<Vec<u8>>("cart").unwrap(),
        Some(vec![1])
    );
    assert!(open.take_session_changes().is_empty());
    assert_eq!(
        open.session_values(),
        changed.into_iter().collect::<Vec<_>>()
    );

    open.replace_session([]).unwrap();
    assert_eq!(who(&open, &parts), None);
    open.session().insert("cart", &[2]).unwrap();
    let changes = open.take_session_changes();
    assert_eq!(
        changes.values,
        [("cart".to_owned(), Some("[2]".to_owned()))]
    );
}

#[test]
fn a_value_that_the_framework_adds_beside_the_login_leaves_the_current_user_known() {
    for key in [keys::NEXT, PERMANENT, "cart"] {
        let manager = flask(FLASK_KEY)
            .remember_refresh_each_request()
            .build()
            .unwrap();
        let cookies = cookies_of_login(&manager, "1", true).join("; ");
        let parts = request(&[("cookie", cookies.as_str())]);
        let visit = open(&manager, &parts);
        assert_eq!(who(&visit, &parts).as_deref(), Some("1"));
        let mut values = visit.session_values();
        values.push((key.to_owned(), r#""/members""#.to_owned()));
        visit.replace_session(values).unwrap();
        let headers = headers_of(&visit);
        let mut sent = headers.get_all("set-cookie").iter();
        assert!(
            sent.any(|cookie| cookie.as_bytes().starts_with(b"remember_token=1|")),
            "{key}: {headers:?}"
        );
    }
}

#[test]
fn what_proves_a_login_is_not_shown_where_cookies_hold_it_and_stays_with_its_user() {
    let store = MemoryLoginStore::new();
    let manager = flask(FLASK_KEY).login_store(store).build().unwrap();
    let cookie = session_cookie_of_login(&manager, "1");
    let parts = request(&[("cookie", cookie.as_str())]);
    let proof = |open: &OpenVisit| open.with(|view| view.session.get(keys::TOKEN).is_some());
    let shown = |open: &OpenVisit| {
        open.session_values()
            .into_iter()
            .collect::<BTreeMap<_, _>>()
    };

    let visit = open(&manager, &parts);
    let mut values = shown(&visit);
    assert!(proof(&visit) && !values.contains_key(keys::TOKEN));
    values.insert("cart".to_owned(), "[1]".to_owned());
    visit.replace_session(values).unwrap();
    assert_eq!(who(&visit, &parts).as_deref(), Some("1"));
    visit
        .replace_session([(NAME.to_owned(), r#""2""#.to_owned())])
        .unwrap();
    assert!(!proof(&visit));

    let visit = open(&manager, &parts);
    visit.replace_session([]).unwrap();
    assert!(!proof(&visit));
    assert_eq!(who(&visit, &parts), None);

    // Nor can a session that is shown bring one in.
    let visit = open(&manager, &request::<&str>(&[]));
    visit
        .replace_session([(keys::TOKEN.to_owned(), r#""forged""#.to_owned())])
        .unwrap();
    assert!(!proof(&visit));
}

#[test]
fn a_login_that_another_request_has_renewed_changes_nothing_in_its_old_session() {
    let manager = safe().login_store(MemoryLoginStore::new()).build().unwrap();
    let old = logged_in(&manager);
    let parts = request::<&str>(&[]);
    let visit = |kept: &BTreeMap<String, String>| {
        let visit = manager.visit(&parts.uri);
        let open = visit
            .open_with(&parts, Incoming::new(kept.clone()))
            .unwrap();
        assert_eq!(who(&open, &parts).as_deref(), Some("1"));
        (visit, open)
    };
    let (first, open) = visit(&old);
    block_on(Login::new(open).confirm_login(&member("1"))).unwrap();
    let mut new = old.clone();
    apply(&mut new, &first.outcome(|_| false).unwrap().unwrap());
    assert_ne!(new[keys::TOKEN], old[keys::TOKEN]);

    let (second, open) = visit(&new);
    open.session().insert("cart", &[1]).unwrap();
    apply(&mut new, &second.outcome(|_| false).unwrap().unwrap());
    assert_eq!(new["cart"], "[1]");

    let (late, open) = visit(&old);
    open.session().insert("cart", &[2]).unwrap();
    assert!(open.take_session_changes().is_empty());
    let mut unchanged = old.clone();
    apply(&mut unchanged, &late.outcome(|_| false).unwrap().unwrap());
    assert_eq!(unchanged, old);
}

#[test]
fn the_remember_token_and_the_client_can_be_values_too() {
    let manager = flask(FLASK_KEY).build().unwrap();
    let pair = cookies_of_login(&manager, "1", true).remove(0);
    let token = pair.split_once('=').unwrap().1;
    let of_field = request(&[("cookie", pair.as_str())]);
    let without = request::<&str>(&[]);
    type Cases<'a> = [(&'a Parts, Option<Option<&'a [u8]>>, Option<&'a str>); 5];
    let cases: Cases<'_> = [
        (&of_field, None, Some("1")),
        (&of_field, Some(None), None),
        (&of_field, Some(Some(b"")), None),
        (&without, Some(Some(token.as_bytes())), Some("1")),
        (&without, None, None),
    ];
    for (parts, value, expected) in cases {
        let incoming = Incoming::new([]);
        let incoming = match value {
            Some(value) => incoming.remember_cookie(value),
            None => incoming,
        };
        let incoming = incoming.client(Some(b"caf\xe9"), "192.0.2.7".parse().ok());
        let open = manager
            .visit(&parts.uri)
            .open_with(parts, incoming)
            .unwrap();
        assert_eq!(who(&open, parts).as_deref(), expected, "{value:?}");
        let (agent, address) = open.with(|view| {
            let agent = view.client.user_agent.clone().unwrap();
            (agent.to_vec(), view.client.address)
        });
        assert_eq!(
            (&*agent, address),
            (&b"caf\xe9"[..], "192.0.2.7".parse().ok())
        );
    }
}

#[test]
fn a_remember_token_that_was_sent_ahead_is_sent_once_and_what_follows_is_sent_too() {
    let manager = flask(FLASK_KEY).build().unwrap();
    let parts = request::<&str>(&[]);
    let visit = manager.visit(&parts.uri);
    let login = Login::new(visit.open_with(&parts, Incoming::new([])).unwrap());
    block_on(login.login_user(&member("1")).remember(true).into_future()).unwrap();
    let ahead = visit.remember_outcome(|_| false);
    let [token] = ahead.as_slice() else {
        panic!("{ahead:?}");
    };
    assert!(!token.is_deletion() && token.value().starts_with("1|"));
    assert_eq!((token.name(), token.path()), ("remember_token", "/"));
    assert_eq!((token.domain(), token.same_site()), (None, None));
    assert!(token.is_http_only() && !token.is_secure() && !token.is_partitioned());
    let year = Duration::from_secs(NOW + 365 * 24 * 3600);
    assert_eq!(token.expires(), Some(SystemTime::UNIX_EPOCH + year));
    let field = token.header().to_str().unwrap();
    assert_eq!(
        field,
        format!(
            "remember_token={}; Expires=Wed, 13 Nov 2024 22:13:20 GMT; HttpOnly; Path=/",
            token.value()
        )
    );
    assert!(visit.remember_outcome(|_| false).is_empty());

    block_on(login.login_user(&member("2")).remember(true).into_future()).unwrap();
    let outcome = visit.outcome(|_| false).unwrap().unwrap();
    assert!(outcome.remember[0].value().starts_with("2|"));
}

#[test]
fn a_remember_token_that_was_sent_ahead_keeps_the_answer_from_shared_caches() {
    let manager = safe().build().unwrap();
    let token = cookies_of_login(&manager, "1", true).remove(0);
    let years = 2 * 365 * 24 * 3600;
    let keys = SecretKeys::new(STRONG_KEY).unwrap();
    let later = at(NOW + years, LoginManager::new(keys, anybody));
    let later = later.build().unwrap();
    let parts = request(&[("cookie", token.as_str())]);
    let visit = later.visit(&parts.uri);
    let open = visit.open_with(&parts, Incoming::new([])).unwrap();
    assert_eq!(who(&open, &parts), None);
    let ahead = visit.remember_outcome(|_| false);
    assert!(ahead.last().unwrap().is_deletion());

    let outcome = visit.outcome(|_| false).unwrap().unwrap();
    assert!(outcome.remember.is_empty() && outcome.private);
    let mut headers = HeaderMap::new();
    headers.insert("cache-control", HeaderValue::from_static("public"));
    outcome.write_to(&mut headers);
    assert_eq!(headers["cache-control"], "private");
}

#[test]
fn a_door_may_look_at_the_visit_while_it_is_asked_for_a_cookie() {
    let manager = flask(FLASK_KEY)
        .remember_refresh_each_request()
        .build()
        .unwrap();
    let cookies = cookies_of_login(&manager, "1", true).join("; ");
    let parts = request(&[("cookie", cookies.as_str())]);
    let visit = manager.visit(&parts.uri);
    let open = visit.open(&parts).unwrap();
    assert_eq!(who(&open, &parts).as_deref(), Some("1"));
    open.session().make_permanent().unwrap();
    let is_permanent = |_: &str| open.session().is_permanent();
    assert!(visit.remember_outcome(is_permanent).is_empty());
    let outcome = visit.outcome(is_permanent).unwrap().unwrap();
    assert!(outcome.remember.is_empty());
}

#[test]
fn a_session_in_cookies_takes_only_what_can_be_read_again() {
    let manager = flask(FLASK_KEY).build().unwrap();
    let deep = |depth| format!("{}1{}", "[".repeat(depth), "]".repeat(depth));
    let (deepest, too_deep) = (deep(126), deep(127));
    let unreadable = ["", "{", "[1] ]", "nul", r#"1,"_user_id":"2""#, &too_deep];
    for json in unreadable {
        let visit = open_empty(&manager);
        visit.session().insert("cart", &1).unwrap();
        let value = ("odd".to_owned(), json.to_owned());
        let error = visit.replace_session([value.clone()]).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::SessionValue, "{json}");
        assert_eq!(visit.session().keys(), ["cart"], "{json}");

        // What another home holds need not fit into ours.
        let parts = request::<&str>(&[]);
        let visit = manager.visit(&parts.uri);
        let elsewhere = visit.open_with(&parts, Incoming::new([])).unwrap();
        elsewhere.replace_session([value]).unwrap();
    }
    // Values that a peer has put there may stay.
    let visit = manager.visit(&"/".parse().unwrap());
    let signer = &visit.shared().session_cookie.main.signer;
    let json = format!(r#"{{"odd":{too_deep}}}"#);
    let cookie = signer.sign(&crate::signing::payload::encode(&json, 4000), NOW);
    let parts = request(&[("cookie", format!("session={cookie}"))]);
    let visit = open(&manager, &parts);
    let shown = visit.session_values();
    assert_eq!(shown, [("odd".to_owned(), too_deep.clone())]);
    visit.replace_session(shown).unwrap();
    for json in ["NaN", r#"{" t":[1]}"#, " 1 ", &deepest] {
        let visit = open_empty(&manager);
        let value = ("odd".to_owned(), json.to_owned());
        visit.replace_session([value]).unwrap();
        let cookie = set_cookies(&visit).remove(0);
        let pair = cookie.split("; ").next().unwrap();
        let again = open(&manager, &request(&[("cookie", pair)]));
        assert!(again.session().contains("odd"), "{json}");
    }
}

/// A user whose login ends with their password.
struct Stamped(Member);

impl User for Stamped {
    fn id(&self) -> String {
        self.0.id()
    }
    fn session_auth_hash(&self) -> Option<Vec<u8>> {
        Some(self.0.id.clone().into_bytes())
    }
}

#[test]
fn what_was_missing_in_one_users_session_does_not_get_into_anothers() {
    let loader = |id: String| ready(Ok::<_, BoxError>(Some(Stamped(member(&id)))));
    let keys = SecretKeys::flask("of-the-stamped").unwrap();
    let manager = LoginManager::flask(keys, loader).build().unwrap();
    let parts = request::<&str>(&[]);
    let found = |open: &OpenVisit| {
        let current = block_on(open.current_user::<Stamped>(&parts)).unwrap();
        current.map(|current| current.user.id())
    };
    let mut kept = values(&[(NAME, r#""1""#), ("_fresh", "true")]);
    let visit = manager.visit(&parts.uri);
    let open = visit
        .open_with(&parts, Incoming::new(kept.clone()))
        .unwrap();
    assert_eq!(found(&open).as_deref(), Some("1"));
    kept.insert(NAME.to_owned(), r#""2""#.to_owned());
    open.replace_session(kept.clone()).unwrap();
    apply(&mut kept, &visit.outcome(|_| false).unwrap().unwrap());

    let visit = manager.visit(&parts.uri);
    let open = visit.open_with(&parts, Incoming::new(kept)).unwrap();
    assert_eq!(found(&open).as_deref(), Some("2"));
}

#[test]
fn a_login_that_takes_the_place_of_a_renewed_one_reaches_the_browser() {
    let manager = safe().login_store(MemoryLoginStore::new()).build().unwrap();
    let old = cookies_of_login(&manager, "1", false).join("; ");
    let parts = request(&[("cookie", old.as_str())]);
    let late = || {
        let visit = open(&manager, &parts);
        assert_eq!(who(&visit, &parts).as_deref(), Some("1"));
        visit
    };
    let values = late().session_values();
    block_on(Login::new(late()).confirm_login(&member("1"))).unwrap();

    // Of the same login, nothing goes out.
    let same = late();
    let next = ("next".to_owned(), r#""/""#.to_owned());
    same.replace_session(values.iter().cloned().chain([next]))
        .unwrap();
    assert_eq!(set_cookies(&same), Vec::<String>::new());

    let logout = late();
    logout.replace_session([]).unwrap();
    let sent = set_cookies(&logout);
    assert!(sent[0].starts_with("__Host-session=;"), "{sent:?}");
}

#[test]
fn a_login_that_a_door_puts_in_the_place_of_another_deletes_that_ones_other_cookies() {
    let manager = flask(FLASK_KEY).build().unwrap();
    let cookie = session_cookie_of_login(&manager, "1");
    let parts = request(&[("cookie", cookie.as_str()), ("host", "app.site.example")]);
    for (user, others) in [("1", 0), ("2", 2)] {
        let visit = open(&manager, &parts);
        let user = (NAME.to_owned(), format!("\"{user}\""));
        visit.replace_session([user]).unwrap();
        let sent = set_cookies(&visit);
        let deletions = sent.iter().filter(|field| field.contains("Max-Age=0"));
        assert_eq!((deletions.count(), sent.len()), (others, others + 1));
    }
}

#[test]
fn what_no_door_can_name_goes_with_its_user() {
    let manager = flask(FLASK_KEY).build().unwrap();
    let visit = manager.visit(&"/".parse().unwrap());
    let signer = &visit.shared().session_cookie.main.signer;
    let json = r#"{"_user_id":"1","\ud83d":"of user 1"}"#;
    let cookie = signer.sign(&crate::signing::payload::encode(json, 4000), NOW);
    let parts = request(&[("cookie", format!("session={cookie}"))]);
    for (user, stays) in [("1", true), ("2", false)] {
        let visit = open(&manager, &parts);
        assert_eq!(who(&visit, &parts).as_deref(), Some("1"));
        let user = (NAME.to_owned(), format!("\"{user}\""));
        visit.replace_session([user]).unwrap();
        let json = visit.with(|view| view.session.to_json());
        assert_eq!(json.contains("of user 1"), stays, "{json}");
    }
}

#[test]
fn a_logout_takes_back_a_remember_token_that_was_sent_ahead() {
    for manager in [flask(FLASK_KEY), safe()].map(|builder| builder.build().unwrap()) {
        let parts = request::<&str>(&[]);
        let visit = manager.visit(&parts.uri);
        let login = Login::new(visit.open_with(&parts, Incoming::new([])).unwrap());
        block_on(login.login_user(&member("1")).remember(true).into_future()).unwrap();
        let ahead = visit.remember_outcome(|_| false);
        assert!(!ahead.last().unwrap().is_deletion());

        block_on(login.logout_user()).unwrap();
        let outcome = visit.outcome(|_| false).unwrap().unwrap();
        assert!(outcome.remember.last().unwrap().is_deletion());
    }
}

#[test]
fn what_a_door_took_before_the_end_keeps_the_answer_from_shared_caches() {
    let manager = safe().build().unwrap();
    let parts = request::<&str>(&[]);
    for takes in [false, true] {
        let visit = manager.visit(&parts.uri);
        let open = visit.open_with(&parts, Incoming::new([])).unwrap();
        open.session().insert("cart", &1).unwrap();
        if takes {
            assert!(!open.take_session_changes().is_empty());
        }
        let outcome = visit.outcome(|_| false).unwrap().unwrap();
        assert!(outcome.private, "{takes}");
        let mut headers = HeaderMap::new();
        headers.insert("cache-control", HeaderValue::from_static("public"));
        outcome.write_to(&mut headers);
        assert_eq!(headers["cache-control"], "private", "{takes}");
    }
}

#[test]
fn nothing_that_is_printed_of_an_outcome_shows_a_secret() {
    let manager = safe().build().unwrap();
    let kept = logged_in(&manager);
    let parts = request::<&str>(&[]);
    let visit = manager.visit(&parts.uri);
    let incoming = Incoming::new([("cart".to_owned(), "secret".to_owned())]);
    let incoming = incoming.remember_cookie(Some(b"secret"));
    let mut printed = format!("{incoming:?}");
    let login = Login::new(visit.open_with(&parts, incoming).unwrap());
    block_on(
        login
            .login_user(&member("secret"))
            .remember(true)
            .into_future(),
    )
    .unwrap();
    let outcome = visit.outcome(|_| false).unwrap().unwrap();
    printed += &format!("{outcome:?}");
    assert!(!printed.contains("secret"), "{printed}");
    assert!(
        !printed.contains(outcome.remember.last().unwrap().value()),
        "{printed}"
    );
    assert!(!printed.contains(&kept["_id"]), "{printed}");
    assert!(printed.contains("_user_id"), "{printed}");
}

/// A request with a session that Flask-Login made, and the result: the current user, and the session.
fn with_peers_session(
    manager: &LoginManager<Member>,
    kept: &mut BTreeMap<String, String>,
    cookie: Option<&[u8]>,
    then: impl FnOnce(&OpenVisit),
) -> Option<String> {
    let parts = request::<&str>(&[]);
    let visit = manager.visit(&parts.uri);
    let incoming = Incoming::new(kept.clone());
    let incoming = match cookie {
        Some(cookie) => incoming.session_cookie(cookie),
        None => incoming,
    };
    let open = visit.open_with(&parts, incoming).unwrap();
    let user = block_on(open.current_user::<Member>(&parts)).unwrap();
    then(&open);
    apply(kept, &visit.outcome(|_| false).unwrap().unwrap());
    user.map(|current| current.user.id())
}

/// Made by Flask a second before NOW and a minute after: only the time stamp is read, since the session's keeper has verified the rest.
const BEFORE: &[u8] = b"e30.ZVPw_w.signature";
const AFTER: &[u8] = b"e30.ZVPxPA.signature";

#[test]
fn a_peers_session_gets_one_record_wherever_it_is_kept_and_is_over_when_that_is() {
    let peers = values(&[(NAME, r#""1""#), ("_fresh", "true")]);
    for cookie in [None, Some(BEFORE), Some(b"no time stamp".as_slice())] {
        let manager = flask(FLASK_KEY).login_store(MemoryLoginStore::new());
        let manager = manager.build().unwrap();
        let count = || block_on(manager.logins_of("1")).unwrap().len();
        let mut kept = peers.clone();
        for _ in 0..2 {
            let there = with_peers_session(&manager, &mut kept, cookie, |_| {});
            assert_eq!(there.as_deref(), Some("1"), "{cookie:?}");
            assert_eq!(count(), 1, "{cookie:?}");
        }
        assert!(kept.contains_key(keys::TOKEN));
        if cookie.is_some() {
            // A request that was under way with what there was before.
            let mut same = peers.clone();
            let there = with_peers_session(&manager, &mut same, cookie, |_| {});
            assert_eq!((there.as_deref(), count()), (Some("1"), 1), "{cookie:?}");
        }
        let copy = kept.clone();
        with_peers_session(&manager, &mut kept, cookie, |open| {
            block_on(Login::<Member>::new(open.clone()).logout_user()).unwrap();
        });
        assert_eq!((kept.is_empty(), count()), (true, 0), "{cookie:?}");
        let copies: &[_] = match cookie {
            Some(_) => &[copy, peers.clone()],
            None => &[copy],
        };
        for copy in copies {
            let there = with_peers_session(&manager, &mut copy.clone(), cookie, |_| {});
            assert_eq!((there, count()), (None, 0), "{cookie:?}");
        }
    }
}

#[test]
fn what_does_not_show_that_it_is_younger_is_over_when_all_logins_of_a_user_end() {
    let manager = flask(FLASK_KEY).login_store(MemoryLoginStore::new());
    let manager = manager.build().unwrap();
    block_on(manager.end_logins_of("1")).unwrap();
    for (cookie, user) in [
        (None, None),
        (Some(BEFORE), None),
        (Some(b"no time stamp".as_slice()), None),
        (Some(AFTER), Some("1")),
    ] {
        let mut kept = values(&[(NAME, r#""1""#)]);
        let there = with_peers_session(&manager, &mut kept, cookie, |_| {});
        assert_eq!(there.as_deref(), user, "{cookie:?}");
    }
}

#[test]
fn the_safe_preset_with_a_store_takes_no_session_that_a_peer_made() {
    let manager = safe().login_store(MemoryLoginStore::new());
    let manager = manager.build().unwrap();
    for cookie in [None, Some(BEFORE)] {
        let mut kept = values(&[(NAME, r#""1""#)]);
        let there = with_peers_session(&manager, &mut kept, cookie, |_| {});
        assert_eq!(there, None, "{cookie:?}");
        assert_eq!(block_on(manager.logins_of("1")).unwrap(), []);
    }
}

/// As Python's `json` writes what it has read: sorted, with spaces.
fn through_python(kept: &mut BTreeMap<String, String>) {
    for raw in kept.values_mut() {
        let value: serde_json::Value = serde_json::from_str(raw).unwrap();
        *raw = serde_json::to_string_pretty(&value).unwrap();
    }
}

#[test]
fn what_has_begun_or_ends_survives_a_home_that_writes_its_json_anew() {
    for manager in [
        flask(FLASK_KEY),
        safe().login_store(MemoryLoginStore::new()),
    ] {
        let manager = manager.build().unwrap();
        let mut kept = values(&[("cart", "[1, 2]")]);
        let mia = member("1");
        let there = with_peers_session(&manager, &mut kept, None, |open| {
            let login = Login::<Member>::new(open.clone());
            let begin = login.begin(&mia).next(Some("/cart"));
            block_on(begin.lifetime(Duration::from_secs(60)).into_future()).unwrap();
        });
        assert_eq!(there, None);
        assert!(kept.contains_key(keys::PENDING) && kept.contains_key("cart"));
        through_python(&mut kept);
        let there = with_peers_session(&manager, &mut kept, None, |open| {
            let login = Login::<Member>::new(open.clone());
            let pending = block_on(login.pending()).unwrap().unwrap();
            assert_eq!(
                (pending.user().id.as_str(), pending.next()),
                ("1", Some("/cart"))
            );
            block_on(login.finish()).unwrap();
        });
        assert_eq!(there, None);
        assert!(!kept.contains_key(keys::PENDING));
        through_python(&mut kept);
        let there = with_peers_session(&manager, &mut kept, None, |_| {});
        assert_eq!(there.as_deref(), Some("1"));
    }
}

#[test]
fn what_was_begun_ahead_of_the_clock_counts_for_nothing() {
    let (manager, log) = logged(flask(FLASK_KEY));
    for (ahead, counts) in [(60, true), (61, false)] {
        let mut kept = BTreeMap::new();
        with_peers_session(&manager, &mut kept, None, |open| {
            let login = Login::<Member>::new(open.clone());
            block_on(login.begin(&member("1")).into_future()).unwrap();
        });
        let pending = kept.get_mut(keys::PENDING).unwrap();
        *pending = pending.replace(&NOW.to_string(), &(NOW + ahead).to_string());
        log.lock().unwrap().clear();
        with_peers_session(&manager, &mut kept, None, |open| {
            let login = Login::<Member>::new(open.clone());
            let pending = block_on(login.pending()).unwrap();
            assert_eq!(pending.is_some(), counts, "{ahead}");
        });
        let refused = Event::PendingLoginRefused {
            user_id: "1".to_owned(),
            reason: PendingRefusal::FromTheFuture,
        };
        assert_eq!(log.lock().unwrap().contains(&refused), !counts);
        assert_eq!(kept.contains_key(keys::PENDING), counts);
    }
}
