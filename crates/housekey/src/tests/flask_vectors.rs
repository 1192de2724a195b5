//! `testdata/flask.json`: what the real Flask 3.1, Flask-Login 0.6.3 and 0.7 and Werkzeug 3.1 write and accept.

use std::collections::BTreeMap;
use std::net::IpAddr;

use serde::Deserialize;
use serde_json::{Value, json};

use super::*;
use crate::SameSite;
use crate::client::{Client, SessionIdentifier};
use crate::cookie::werkzeug_unquote;
use crate::next_url::build_login_url;
use crate::password::Passwords;
use crate::remember::{NewToken, RememberState};
use crate::session::{Change, SessionMap};
use crate::signing::payload;

#[derive(Deserialize)]
struct Vectors {
    timestamp: u64,
    session_cookies: Vec<SessionCookie>,
    session_verify: Vec<SessionVerify>,
    secret_key_fallbacks: Fallbacks,
    remember_cookies: Vec<RememberCookie>,
    password_hashes: Vec<PasswordHash>,
    login_url: Vec<LoginUrl>,
    cookie_parse: Vec<CookieParse>,
    session_identifiers_07dev: Vec<Identifier>,
    session_identifiers_063: Vec<Identifier>,
}

#[derive(Deserialize)]
struct SessionCookie {
    name: String,
    secret_key: String,
    json: String,
    cookie: String,
}

#[derive(Deserialize)]
struct SessionVerify {
    name: String,
    cookie: String,
    accepts: bool,
    value: Option<Value>,
}

#[derive(Deserialize)]
struct Fallbacks {
    secret_key: String,
    fallbacks: Vec<String>,
    cases: Vec<Fallback>,
}

#[derive(Deserialize)]
struct Fallback {
    signed_with: String,
    cookie: String,
    accepts: bool,
}

#[derive(Deserialize)]
struct RememberCookie {
    secret_key: String,
    secret_key_hex: String,
    payload: String,
    value: String,
    set_cookie: String,
}

#[derive(Deserialize)]
struct PasswordHash {
    password: String,
    hash: String,
}

#[derive(Deserialize)]
struct LoginUrl {
    force_host: Option<String>,
    login_view: String,
    next_url: Option<String>,
    result: String,
}

#[derive(Deserialize)]
struct CookieParse {
    header: String,
    parsed: Vec<(String, String)>,
}

#[derive(Deserialize)]
struct Identifier {
    remote_addr: Option<IpAddr>,
    headers_latin1: BTreeMap<String, String>,
    id: String,
}

fn vectors() -> Vectors {
    let vectors: Vectors = serde_json::from_str(include_str!("../../testdata/flask.json")).unwrap();
    assert_eq!(vectors.timestamp, NOW);
    vectors
}

/// The text inside a session cookie, if its signature holds.
fn text_of(manager: &LoginManager<Member>, cookie: &str) -> Option<String> {
    let visit = open(manager, &request::<&str>(&[]));
    let shared = visit.visit().shared();
    let signer = &shared.session_cookie.main.signer;
    let verified = signer
        .verify(cookie.as_bytes(), NOW, shared.session_cookie.main.lifetime)
        .ok()?;
    payload::decode(verified.payload)
}

/// The session as housekey holds it after reading this cookie, as JSON. An invalid one is an empty session.
fn session_from(manager: &LoginManager<Member>, cookie: &str) -> String {
    let visit = open(
        manager,
        &request(&[("cookie", format!("session={cookie}"))]),
    );
    visit.with(|view| view.session.to_json())
}

#[test]
fn every_session_cookie_of_flask_is_read_to_the_last_byte() {
    for vector in vectors().session_cookies {
        let manager = flask(&vector.secret_key).build().unwrap();
        let text = text_of(&manager, &vector.cookie);
        assert_eq!(text.as_ref(), Some(&vector.json), "{}", vector.name);
        assert_eq!(
            session_from(&manager, &vector.cookie),
            vector.json,
            "{}",
            vector.name
        );
    }
}

#[test]
fn every_plain_session_cookie_of_flask_is_written_byte_for_byte() {
    let (mut plain, mut compressed) = (0, 0);
    for vector in vectors().session_cookies {
        let manager = flask(&vector.secret_key).build().unwrap();
        let visit = open(&manager, &request::<&str>(&[]));
        let signer = &visit.visit().shared().session_cookie.main.signer;
        let session = SessionMap::parse(vector.json.clone()).unwrap();
        let written = signer.sign(&payload::encode(&session.to_json(), 4000), NOW);
        if vector.cookie.starts_with('.') {
            // Flask compresses from 20 bytes on, housekey only what does not fit. Either reads what the other wrote.
            compressed += 1;
            assert_eq!(session_from(&manager, &written), vector.json);
        } else {
            plain += 1;
            assert_eq!(written, vector.cookie, "{}", vector.name);
        }
    }
    assert_eq!((plain, compressed), (15, 2));
}

#[test]
fn what_flask_stored_survives_a_change_of_the_session() {
    for vector in vectors().session_cookies {
        let manager = flask(&vector.secret_key).build().unwrap();
        let cookie = format!("session={}", vector.cookie);
        let visit = open(&manager, &request(&[("cookie", cookie)]));
        visit.session().insert("added", &1).unwrap();
        visit.session().remove("added").unwrap();
        let sent = set_cookies(&visit);
        let [header] = sent.as_slice() else {
            panic!("{}: {sent:?}", vector.name)
        };
        let value = header.strip_prefix("session=").unwrap();
        let value = value.strip_suffix("; HttpOnly; Path=/").unwrap();
        if vector.name == "empty" {
            assert!(value.starts_with("; Expires=Thu, 01 Jan 1970"), "{value}");
        } else {
            assert_eq!(text_of(&manager, value), Some(vector.json));
        }
    }
}

#[test]
fn session_cookies_are_accepted_as_flask_accepts_them() {
    // One signature has one spelling here; Python's base64 also reads others, which no Python program writes.
    const REFUSED: [&str; 2] = ["sig_unused_bits", "sig_padded"];
    // Signed by a holder of the key, but a session is a map: Flask answers this one with a 500.
    const EMPTY: &str = "valid_sig_list";
    // Flask cannot make a UUID of "zz" and answers with a 500. Housekey makes no UUIDs: it hands the value on as it came,
    // and the signature says that a holder of the key wrote it. Dropping a session for the sake of a value that nobody
    // asked for would be the greater harm.
    const PASSED_ON: &str = "valid_sig_bad_uuid_tag";

    let manager = flask(FLASK_KEY).build().unwrap();
    let mut differences = 0;
    for vector in vectors().session_verify {
        assert_eq!(vector.accepts, vector.value.is_some());
        let as_flask = vector.value.unwrap_or(json!({}));
        let expected = match vector.name.as_str() {
            PASSED_ON => json!({"a": {" u": "zz"}}),
            name if REFUSED.contains(&name) || name == EMPTY => json!({}),
            _ => as_flask.clone(),
        };
        differences += usize::from(expected != as_flask);
        let session = session_from(&manager, &vector.cookie);
        let session: Value = serde_json::from_str(&session).unwrap();
        assert_eq!(session, expected, "{}", vector.name);
    }
    assert_eq!(differences, 4);
}

#[test]
fn fallback_keys_verify_and_never_sign() {
    let Fallbacks {
        secret_key,
        fallbacks,
        cases,
    } = vectors().secret_key_fallbacks;
    let mut keys = SecretKeys::flask(&secret_key).unwrap();
    // Flask's list ends with the newest.
    for fallback in fallbacks.iter().rev() {
        keys = keys.fallback(fallback).unwrap();
    }
    let manager = at(NOW, LoginManager::flask(keys, anybody)).build().unwrap();
    let signed_anew = &cases[0].cookie;
    for case in &cases {
        let name = &case.signed_with;
        let request = request(&[("cookie", format!("session={}", case.cookie))]);
        let visit = open(&manager, &request);
        let id = visit.session().get::<String>("_user_id").unwrap();
        assert_eq!(id.as_deref(), case.accepts.then_some("1"), "{name}");

        let is_current = *name == secret_key;
        let expected: &[String] = match case.accepts && !is_current {
            true => &[format!("session={signed_anew}; HttpOnly; Path=/")],
            false => &[],
        };
        assert_eq!(set_cookies(&visit), expected, "{name}");
    }
}

#[test]
fn remember_tokens_are_those_of_flask_login() {
    for vector in vectors().remember_cookies {
        assert_eq!(hex(vector.secret_key.bytes()), vector.secret_key_hex);
        let manager = flask(&vector.secret_key).build().unwrap();
        let visit = open(&manager, &request::<&str>(&[]));
        let shared = visit.visit().shared();

        let mut remember = RememberState::new(&values(&request::<&str>(&[]), ""));
        remember.issue(NewToken {
            ends_at: None,
            user_id: vector.payload.clone(),
            auth_digest: None,
            duration: None,
            login: None,
        });
        let Change::Set(cookie) = remember.write(&shared.remember, NOW) else {
            panic!("nothing is sent");
        };
        assert_eq!(cookie.header().to_str().unwrap(), vector.set_cookie);

        let pair = vector.set_cookie.split_once("; Expires").unwrap().0;
        let quoted = pair.split_once('=').unwrap().1;
        assert_eq!(
            werkzeug_unquote(quoted.as_bytes()),
            Some(vector.value.clone())
        );
        // Python's str(None): a token for nobody, which Flask-Login passes to the loader as a name.
        let expected = (vector.payload != "None").then_some(&vector.payload);
        assert_eq!(who_sends(&manager, pair).as_ref(), expected, "{pair}");
    }
}

#[test]
fn a_key_beyond_ascii_signs_sessions_in_utf8_and_remember_tokens_in_latin1() {
    let cases = [
        (
            SecretKeys::flask("sécret").unwrap(),
            "remember_token=1|6ba13b7638953cfd891b39de2b7ed584946ff5263d80848f5b3bfe25034e8ef3e68a2f145376bdc9bf3ea18d654d064085842a19e56d0940eed0554cc1bdf748",
            Some("session=eyJfdXNlcl9pZCI6IjEifQ.ZVPxAA.Q_SKu1wRu0DAV9frnvRwI2ExzKM"),
        ),
        (
            SecretKeys::flask_bytes(b"\x9e\x8f\x14").unwrap(),
            "remember_token=1|39be2e77a757fe86c98b75f072d85c621d43cee29f4505d545ab591e78184992f91aa27714e47714be92313b9bba49c9dab4d877626f0db2e527d71f2ceb2cfe",
            None,
        ),
    ];
    for (keys, remember, session) in cases {
        let manager = at(NOW, LoginManager::flask(keys, anybody)).build().unwrap();
        assert_eq!(cookies_of_login(&manager, "1", true)[0], remember);
        for cookie in [Some(remember), session].into_iter().flatten() {
            assert_eq!(
                who_sends(&manager, cookie).as_deref(),
                Some("1"),
                "{cookie}"
            );
        }
    }
}

#[test]
fn the_complete_set_cookie_lines_are_those_of_flask_and_flask_login() {
    let day = Duration::from_secs(24 * 60 * 60);
    let all_options = || {
        flask(FLASK_KEY)
            .session_cookie(|cookie| {
                let cookie = cookie.name("sid").domain(".example.com").path("/app");
                let cookie = cookie.readable_by_scripts().same_site(SameSite::Strict);
                cookie.partitioned()
            })
            .remember_cookie(|cookie| {
                let cookie = cookie.name("rt").domain("example.com").path("/app");
                let cookie = cookie.readable_by_scripts().same_site(SameSite::Lax);
                cookie.secure()
            })
            .build()
            .unwrap()
    };
    let lines = |manager: &LoginManager<Member>, cookie: &str, act: &dyn Fn(&OpenVisit)| {
        let visit = open(manager, &request(&[("cookie", cookie)]));
        act(&visit);
        set_cookies(&visit)
    };
    let token = "1|0e9e6e9855fbe6df7906ec4737578a1d491b38d3fd5246c1561016e189d6516043286501ca43257c938e60aad77acec5ce916b94ca9d00c0bb6f9883ae4b82ae";
    let next = "eyJuZXh0IjoiL3A_YT0xIn0.ZVPxAA.z38Kmk412hvAmTLYt2gfOMT-5DI";
    let flash = "eyJfZmxhc2hlcyI6W3siIHQiOlsibWVzc2FnZSIsIlBsZWFzZSBsb2cgaW4gdG8gYWNjZXNzIHRoaXMgcGFnZS4iXX1dfQ.ZVPxAA.cOe9w9PqxONVQi-JABRqpOjd_vc";
    let permanent =
        "eyJfcGVybWFuZW50Ijp0cnVlLCJfdXNlcl9pZCI6IjEifQ.ZVPxAA.tXsyssWY2H6L5VATn9HNzBSryck";
    let user_id = "eyJfdXNlcl9pZCI6IjEifQ.ZVPxAA.dlSWEs3z-rSsORe4n9RLR5bz2rg";
    let manager = flask(FLASK_KEY).build().unwrap();

    assert_eq!(
        lines(&manager, "", &|visit| {
            let text = "Please log in to access this page.";
            visit.flash().message(text).unwrap();
        }),
        [format!("session={flash}; HttpOnly; Path=/")]
    );
    assert_eq!(
        lines(&manager, &format!("session={user_id}"), &|visit| {
            visit.session().make_permanent().unwrap();
        }),
        [format!(
            "session={permanent}; Expires=Fri, 15 Dec 2023 22:13:20 GMT; HttpOnly; Path=/"
        )]
    );
    // SESSION_REFRESH_EACH_REQUEST: a permanent session goes out again though nothing was changed.
    assert_eq!(
        lines(&manager, &format!("session={permanent}"), &|_| {}),
        [format!(
            "session={permanent}; Expires=Fri, 15 Dec 2023 22:13:20 GMT; HttpOnly; Path=/"
        )]
    );
    assert_eq!(
        lines(&manager, &format!("session={next}"), &|visit| {
            visit.with(|view| view.session.remove("next"));
        }),
        ["session=; Expires=Thu, 01 Jan 1970 00:00:00 GMT; Max-Age=0; HttpOnly; Path=/"]
    );
    // Flask deletes even what the browser does not have.
    assert!(
        lines(&manager, "", &|visit| {
            visit.session().insert("a", &1).unwrap();
            visit.session().clear().unwrap();
        })
        .is_empty()
    );

    let log_in = |duration: Duration| {
        move |visit: &OpenVisit| {
            let login = Login::new(visit.clone());
            let member = member("1");
            block_on(
                login
                    .login_user(&member)
                    .remember_for(duration)
                    .into_future(),
            )
            .unwrap();
        }
    };
    let week = Duration::from_millis(604_800_500);
    let sent = lines(&manager, "", &log_in(week));
    assert_eq!(
        sent[0],
        format!("remember_token={token}; Expires=Tue, 21 Nov 2023 22:13:20 GMT; HttpOnly; Path=/")
    );
    let session = sent[1].strip_prefix("session=").unwrap();
    let session = text_of(&manager, session.split(';').next().unwrap()).unwrap();
    assert!(
        session.contains(r#""_remember_seconds":604800.5,"#),
        "{session}"
    );

    let manager = all_options();
    let sent = lines(&manager, "", &log_in(day / 24));
    assert_eq!(
        sent[0],
        format!(
            "rt={token}; Domain=example.com; Expires=Tue, 14 Nov 2023 23:13:20 GMT; Secure; Path=/app; SameSite=Lax"
        )
    );
    let attributes = "; Domain=example.com; Secure; Path=/app; SameSite=Strict; Partitioned";
    assert!(
        sent[1].starts_with("sid=") && sent[1].ends_with(attributes),
        "{}",
        sent[1]
    );

    // Flask-Login's deletion of the token leaves out Secure and SameSite; browsers go by name, domain and path.
    assert_eq!(
        lines(&manager, &format!("rt={token}; sid={next}"), &|visit| {
            block_on(Login::<Member>::new(visit.clone()).logout_user()).unwrap();
        })
        .into_iter()
        .skip(3)
        .step_by(4)
        .collect::<Vec<_>>(),
        [
            "rt=; Domain=example.com; Expires=Thu, 01 Jan 1970 00:00:00 GMT; Max-Age=0; Secure; Path=/app; SameSite=Lax",
            "sid=; Domain=example.com; Expires=Thu, 01 Jan 1970 00:00:00 GMT; Max-Age=0; Secure; Path=/app; SameSite=Strict; Partitioned",
        ]
    );
}

#[test]
fn password_hashes_of_werkzeug_verify() {
    let passwords = Passwords::new();
    for vector in vectors().password_hashes {
        let verifies = |password: &str| passwords.verify_blocking(password, Some(&vector.hash));
        assert!(verifies(&vector.password).unwrap(), "{}", vector.hash);
        if vector.hash.contains(":1000$") {
            assert!(!verifies(&format!("{}x", vector.password)).unwrap());
        }
    }
}

#[test]
fn login_urls_are_those_of_flask_login() {
    let mut differences = 0;
    for vector in vectors().login_url {
        let (view, next) = (vector.login_view.as_str(), vector.next_url.as_deref());
        let force_host = vector.force_host.as_deref();
        // FORCE_HOST_FOR_REDIRECTS names the host of this site. Flask-Login also puts it into the address of another
        // site's login page, which then leads nowhere, and forgets it where there is no `next`.
        let expected = match (force_host, view, next) {
            (Some("good.com"), "https://sso.example/l", _) => {
                vector.result.replace("//good.com/l", "//sso.example/l")
            }
            (Some("good.com"), "/login", None) => "//good.com/login".to_owned(),
            _ => vector.result.clone(),
        };
        differences += usize::from(expected != vector.result);
        assert_eq!(
            build_login_url(view, next, "next", force_host),
            expected,
            "{view} {next:?}"
        );
        if force_host.is_none() {
            assert_eq!(crate::login_url(view, next), expected);
        }
    }
    assert_eq!(differences, 2);
}

#[test]
fn cookies_are_parsed_as_werkzeug_does_but_for_two_headers() {
    // Werkzeug loses a cookie whose quotation mark is not closed, and takes a word without "=" for an empty cookie.
    // Here the first keeps its bytes and is then refused by its signature; empty cookies count as absent anyway.
    const UNTERMINATED: &str = "a=\"unterminated; b=2";
    for vector in vectors().cookie_parse {
        let request = request(&[("cookie", &vector.header)]);
        let mut expected: BTreeMap<_, _> = vector.parsed.into_iter().collect();
        expected.retain(|_, value| !value.is_empty());
        if vector.header == UNTERMINATED {
            expected.insert("a".to_owned(), "\"unterminated".to_owned());
        }
        for name in ["a", "b"] {
            let found = values(&request, name);
            let found = found.as_slice().iter();
            let unquoted: Vec<_> = found
                .map(|value| werkzeug_unquote(value).unwrap())
                .collect();
            let expected: Vec<_> = expected.get(name).cloned().into_iter().collect();
            assert_eq!(unquoted, expected, "{}: {name}", vector.header);
        }
    }
}

#[test]
fn session_identifiers_are_those_of_either_flask_login() {
    let vectors = vectors();
    for (formula, other, vectors) in [
        (
            SessionIdentifier::FlaskLogin06,
            SessionIdentifier::FlaskLogin07,
            vectors.session_identifiers_063,
        ),
        (
            SessionIdentifier::FlaskLogin07,
            SessionIdentifier::FlaskLogin06,
            vectors.session_identifiers_07dev,
        ),
    ] {
        for vector in vectors {
            let user_agent = vector.headers_latin1.get("User-Agent").map(|text| {
                let bytes: Vec<u8> = text.chars().map(|c| u8::try_from(c).unwrap()).collect();
                bytes.into()
            });
            let client = Client {
                user_agent,
                address: vector.remote_addr,
                ..Client::default()
            };
            assert_eq!(formula.of(&client), vector.id, "{client:?}");
            assert!(formula.matches(&vector.id, &client));
            assert!(
                other.matches(&vector.id, &client),
                "a peer may be newer or older"
            );
            assert!(!SessionIdentifier::UserAgent.matches(&vector.id, &client));
        }
    }
}

#[test]
fn a_user_agent_beyond_ascii_is_identified_by_its_bytes_as_wsgi_hands_them_on() {
    let client = Client {
        user_agent: Some(b"Fo\xf6"[..].into()),
        address: Some("::1".parse().unwrap()),
        ..Client::default()
    };
    let id = SessionIdentifier::FlaskLogin06.of(&client);
    assert!(
        id.starts_with("4d07c792") && id.ends_with("0431ac7a"),
        "{id}"
    );
    let id = SessionIdentifier::FlaskLogin07.of(&client);
    assert!(
        id.starts_with("dd085c87") && id.ends_with("0b7b44b5"),
        "{id}"
    );
}

fn hex(bytes: impl Iterator<Item = u8>) -> String {
    bytes.map(|byte| format!("{byte:02x}")).collect()
}
