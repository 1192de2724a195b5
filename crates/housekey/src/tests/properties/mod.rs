//! What must hold for every input: sessions survive, and no invalid input has an effect.
//!
//! That no stored password hash panics is proved in `password`, beside its parsers.

mod client_input;
mod flipped_bits;
mod json_text;
mod next_url;
mod sessions;
mod signed_input;

use std::collections::BTreeMap;
use std::sync::OnceLock;

use proptest::collection::{btree_map, vec};
use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::{RememberFormat, SessionIdentifier, SessionProtection};

/// Both presets, all remember formats and whatever else changes how input is read; made once.
fn managers() -> &'static [LoginManager<Member>] {
    static MANAGERS: OnceLock<Vec<LoginManager<Member>>> = OnceLock::new();
    MANAGERS.get_or_init(|| {
        let builders = [
            safe().trusted_proxies(1),
            safe()
                .session_protection(SessionProtection::Strong)
                .login_view("/login"),
            safe()
                .session_identifier(SessionIdentifier::FlaskLogin07)
                .remember_format(RememberFormat::TimedReplacingFlaskLogin)
                .remember_refresh_each_request()
                .trusted_proxies(2)
                .next_in_session()
                .login_view("/login")
                .login_message("Please log in."),
            flask(FLASK_KEY).trusted_proxies(1).login_view("/login"),
            flask(FLASK_KEY)
                .session_protection(SessionProtection::Strong)
                .remember_refresh_each_request(),
        ];
        let build = |builder: LoginManagerBuilder<Member>| builder.build().unwrap();
        builders.into_iter().map(build).collect()
    })
}

fn safe_manager() -> &'static LoginManager<Member> {
    &managers()[0]
}

fn flask_manager() -> &'static LoginManager<Member> {
    &managers()[3]
}

fn one_of(texts: &'static [&'static str]) -> impl Strategy<Value = String> {
    prop::sample::select(texts).prop_map(str::to_owned)
}

/// Keys, some of them unusual in JSON, in Python or in Flask's tagging.
fn key() -> impl Strategy<Value = String> {
    prop_oneof![
        one_of(&[
            "", " ", " t", " di", " b", " m", " u", " d", " t__", " di__", " di____", "__", "\"",
            "\\", "\u{7f}", "\u{2028}", "é", "😀", "_user", "next2",
        ]),
        "[a-z]{1,3}",
        any::<String>(),
    ]
}

fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        any::<f64>().prop_map(|float| json!(float)),
        any::<String>().prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 32, 6, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..6).prop_map(Value::from),
            btree_map(key(), inner.clone(), 0..4).prop_map(object),
            (key(), inner).prop_map(|(key, value)| object(BTreeMap::from([(key, value)]))),
        ]
    })
}

fn object(map: BTreeMap<String, Value>) -> Value {
    Value::Object(map.into_iter().collect())
}

/// `name=value` of the session's cookies in this response: that of the login, and that of the values if they are separate.
fn session_pair(visit: &OpenVisit) -> Option<String> {
    let sent = set_cookies(visit);
    let names = visit.visit().shared().session_cookie.names();
    let is_session = |header: &&String| {
        let mut names = names.iter().filter(|name| !name.is_empty());
        names.any(|name| header.starts_with(&format!("{name}=")))
    };
    let headers = sent.iter().filter(is_session);
    let pairs: Vec<_> = headers
        .map(|header| header.split(';').next().unwrap())
        .filter(|pair| !pair.ends_with('='))
        .collect();
    (!pairs.is_empty()).then(|| pairs.join("; "))
}

/// `name=value` of the session's cookies with this payload, signed.
fn pair_signed(manager: &LoginManager<Member>, payload: &str) -> String {
    let visit = open(manager, &request::<&str>(&[]));
    let cookies = &visit.visit().shared().session_cookie;
    let signed: Vec<_> = [Some(&cookies.main), cookies.values.as_ref()]
        .into_iter()
        .flatten()
        .map(|cookie| {
            let value = cookie.signer.sign(payload, NOW);
            format!("{}={value}", cookie.attributes.name)
        })
        .collect();
    signed.join("; ")
}
