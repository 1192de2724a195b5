//! Anything that a holder of the key has signed gets an answer.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::client_input::is_anonymous;
use super::json_text::json_text;
use super::*;
use crate::session::SessionMap;
use crate::signing::keys::KeyRing;
use crate::signing::payload;
use crate::signing::timed::TimedSigner;
use crate::{Denied, Scope};

/// A verified session that no program would write.
fn weird_session() -> impl Strategy<Value = String> {
    const NAMES: &[&str] = &[
        "_user_id",
        "_fresh",
        "_id",
        "_flashes",
        "_remember",
        "_remember_seconds",
        "_permanent",
        "_auth_hash",
        "_fresh_at",
        "next",
        " t",
        " di",
        "\\ud800",
        "a",
    ];
    const RAW: &[&str] = &[
        "1",
        "-1",
        "-0",
        "true",
        "false",
        "null",
        "NaN",
        "-Infinity",
        "1e999",
        "123456789012345678901234567890",
        "\"\"",
        "\"1\"",
        "\"None\"",
        "\"clear\"",
        "\"set\"",
        "\"//evil.com\"",
        "\"\\ud800\"",
        "\"\\u0000\"",
        "[]",
        "{}",
        "[[[[]]]]",
        "{\" t\":[]}",
        "{\" t\":5}",
        "{\" d\":[]}",
        "{\" di\":{}}",
        "{\" di\":[1]}",
        "{\" di\":{\"a\":1,\"b\":2}}",
        "[1,{\" t\":[\"a\",\"b\"]},{\" t\":[\"a\"]},{\" t\":[{\" m\":\"x\"},2]},[\"c\",\"d\"]]",
        "18446744073709551615",
        "1700000000",
        "99999999999999999999",
    ];
    let raw = prop_oneof![
        6 => prop::sample::select(RAW).prop_map(str::to_owned),
        1 => value().prop_map(|value| value.to_string()),
        1 => any::<String>().prop_map(|text| json!(text).to_string()),
    ];
    let entry =
        (prop::sample::select(NAMES), raw).prop_map(|(name, raw)| format!("\"{name}\":{raw}"));
    prop_oneof![
        8 => vec(entry, 0..10).prop_map(|entries| format!("{{{}}}", entries.join(","))),
        2 => json_text(),
        1 => any::<String>(),
    ]
}

proptest! {
    #[test]
    fn a_session_that_is_signed_but_weird_never_fails(text in weird_session(), with_token in any::<bool>()) {
        for manager in managers() {
            let signed = pair_signed(manager, &payload::encode(&text, 4000));
            let mut cookie = signed.clone();
            if with_token {
                cookie = format!("{cookie}; {}", cookies_of_login(manager, "2", true)[0]);
            }
            let request = request(&[("cookie", cookie)]);
            let visit = open(manager, &request);
            let session = visit.session();
            for key in session.keys() {
                let _ = session.get::<Value>(&key);
                let _ = session.get::<String>(&key);
            }
            who(&visit, &request);
            let location = visit.next_url(&request).or("/").unwrap();
            prop_assert!(location.starts_with('/') && !location.starts_with("//"));
            visit.deny(&request, Denied::LoginRequired, &Scope::new());
            visit.flash().take().unwrap();
            session.insert("added", &1).unwrap();
            // The cookies in the answer can be read again, together with those that the browser keeps.
            let Some(pair) = session_pair(&visit) else {
                prop_assert!(false, "a changed session was not sent");
                return Ok(());
            };
            let sent_again = |kept: &str| {
                let name = kept.split('=').next().unwrap();
                set_cookies(&visit).iter().any(|set| set.starts_with(&format!("{name}=")))
            };
            let kept = signed.split("; ").filter(|kept| !sent_again(kept));
            let cookie = kept.chain([pair.as_str()]).collect::<Vec<_>>().join("; ");
            let again = open(manager, &super::request(&[("cookie", cookie)]));
            prop_assert_eq!(again.session().get::<u8>("added").unwrap(), Some(1));
        }
    }

    #[test]
    fn a_signed_payload_that_is_not_a_session_is_an_empty_one(
        payload in r"\.?[A-Za-z0-9_.-]{0,40}",
        bytes in vec(any::<u8>(), 0..40),
    ) {
        let compressed = format!(".{}", URL_SAFE_NO_PAD.encode(&bytes));
        let plain = URL_SAFE_NO_PAD.encode(&bytes);
        for payload in [payload, compressed, plain] {
            if crate::signing::payload::decode(payload.as_bytes()).and_then(SessionMap::parse).is_some() {
                continue;
            }
            let request = request(&[("cookie", pair_signed(flask_manager(), &payload))]);
            is_anonymous(flask_manager(), &request)?;
        }
    }

    #[test]
    fn a_remember_token_that_is_signed_but_weird_never_fails(
        payload in prop_oneof![
            "[A-Za-z0-9_-]{0,8}~[A-Za-z0-9]{0,8}~[+-]?[0-9]{0,22}",
            "MQ~~[0-9]{1,20}",
            "[A-Za-z0-9_.~-]{0,40}",
        ],
        signed_at in prop_oneof![Just(NOW), Just(0), Just(u64::MAX), any::<u64>()],
    ) {
        for manager in managers() {
            let visit = open(manager, &request::<&str>(&[]));
            let name = &visit.visit().shared().remember.attributes.name;
            let value = TimedSigner::new(remember_keys(name), 60).sign(&payload, signed_at);
            let request = request(&[("cookie", format!("{name}={value}"))]);
            let visit = open(manager, &request);
            who(&visit, &request);
            prop_assert!(visit.visit().finish(&mut HeaderMap::new()).is_ok());
        }
    }
}

fn remember_keys(name: &str) -> KeyRing {
    let keys = SecretKeys::new(STRONG_KEY).unwrap();
    keys.for_purpose(&["housekey", "remember token", name])
}
