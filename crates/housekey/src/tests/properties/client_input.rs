//! Anything that a client puts into its headers gets an answer, and logs nobody in.

use http::{Method, StatusCode};

use super::*;
use crate::{Denied, ErrorKind, Scope};

/// Any value of a header field.
fn field() -> impl Strategy<Value = Vec<u8>> {
    let byte = prop_oneof![8 => b' '..=b'~', 1 => Just(b'\t'), 3 => 0x80..=0xff_u8];
    vec(byte, 0..120)
}

/// A `Cookie` field that looks much like one of ours.
fn cookie_field() -> impl Strategy<Value = Vec<u8>> {
    const NAMES: &[&str] = &[
        "session",
        "__Host-session",
        "remember_token",
        "__Host-remember_token",
        "=",
        ";",
        "; ",
        ",",
        ".",
        "..",
        "|",
        "~",
        "\"",
        "\\",
        "\\073",
        "\\3",
        "e30",
        "eyJfdXNlcl9pZCI6IjEifQ",
        "ZVPxAA",
        "dlSWEs3z-rSsORe4n9RLR5bz2rg",
        "1|0e9e6e98",
        ".eJyrVspWslJKpANQqgUAaH8oCg",
        "\t",
        " ",
    ];
    let piece = prop_oneof![
        6 => prop::sample::select(NAMES).prop_map(|name| name.as_bytes().to_vec()),
        1 => field(),
    ];
    vec(piece, 0..16).prop_map(|pieces| pieces.concat())
}

/// The visitor is anonymous, and the answer can be sent.
pub(super) fn is_anonymous(
    manager: &LoginManager<Member>,
    request: &Parts,
) -> Result<(), TestCaseError> {
    let visit = open(manager, request);
    prop_assert_eq!(who(&visit, request), None);
    prop_assert_eq!(visit.session().keys(), Vec::<String>::new());
    prop_assert_eq!(visit.flash().take().unwrap(), []);
    prop_assert!(visit.visit().finish(&mut HeaderMap::new()).is_ok());
    Ok(())
}

proptest! {
    #[test]
    fn no_cookie_header_is_anybody(field in prop_oneof![field(), cookie_field()], more in cookie_field()) {
        let request = request(&[("cookie", field), ("cookie", more)]);
        for manager in managers() {
            is_anonymous(manager, &request)?;
        }
    }

    #[test]
    fn no_bytes_are_a_session_cookie_or_a_remember_token(value in prop_oneof![field(), cookie_field()]) {
        for manager in managers() {
            let visit = open(manager, &request::<&str>(&[]));
            let shared = visit.visit().shared();
            for name in [&shared.session_cookie.main.attributes.name, &shared.remember.attributes.name] {
                let pair = [name.as_bytes(), b"=", &value].concat();
                is_anonymous(manager, &request(&[("cookie", pair)]))?;
            }
        }
    }

    #[test]
    fn no_header_field_makes_a_visit_or_a_denial_fail(
        fields in vec(
            (
                prop::sample::select(&[
                    "user-agent", "x-forwarded-for", "accept", "referer", "host", "origin", "hx-request", "hx-current-url",
                    "sec-fetch-mode", "sec-fetch-site", "turbo-frame", "upgrade", "x-requested-with", "content-type", "cookie",
                ][..]),
                prop_oneof![
                    field(),
                    prop::sample::select(&[
                        "true", "navigate", "text/html;q=NaN", "text/html;q=inf", "text/html;q=-1", "*/*;q=", "1.1.1.1,",
                        "[::1]:80", "//", "https://a/", "https://[", "http://@", "websocket", "application/json;",
                    ][..]).prop_map(|text| text.as_bytes().to_vec()),
                ],
            ),
            0..8,
        ),
        is_post in any::<bool>(),
    ) {
        let mut request = request(&fields);
        if is_post {
            request.method = Method::POST;
        }
        for manager in managers() {
            for denied in [Denied::LoginRequired, Denied::FreshLoginRequired { within: None }, Denied::Forbidden] {
                let visit = match manager.visit(&request.uri).open(&request) {
                    Ok(visit) => visit,
                    Err(error) => {
                        prop_assert_eq!(error.kind(), ErrorKind::ForeignOrigin);
                        prop_assert!(["origin", "upgrade"].iter().all(|name| request.headers.contains_key(*name)));
                        continue;
                    }
                };
                prop_assert_eq!(who(&visit, &request), None);
                let mut response = visit.deny(&request, denied, &Scope::new());
                prop_assert!(visit.visit().finish(response.headers_mut()).is_ok());
                let location = response.headers().get("location").map(|value| value.to_str().unwrap());
                match response.status() {
                    StatusCode::SEE_OTHER | StatusCode::FOUND => {
                        let location = location.unwrap();
                        prop_assert!(location == "/login" || location.starts_with("/login?next=%2F"), "{}", location);
                    }
                    status => {
                        prop_assert!(matches!(status.as_u16(), 401 | 403));
                        prop_assert_eq!(location, None);
                    }
                }
            }
        }
    }

    #[test]
    fn a_login_is_bound_to_any_user_agent_and_address(
        user_agent in field(),
        forwarded in field(),
        other in field(),
    ) {
        prop_assume!(user_agent != other);
        for manager in managers() {
            let sent = |user_agent: &Vec<u8>, cookie: &str| {
                request(&[
                    ("user-agent", user_agent.clone()),
                    ("x-forwarded-for", forwarded.clone()),
                    ("cookie", cookie.as_bytes().to_vec()),
                ])
            };
            let visit = open(manager, &sent(&user_agent, ""));
            block_on(Login::new(visit.clone()).login_user(&member("1")).into_future()).unwrap();
            let pair = session_pair(&visit).unwrap();
            let fresh = |user_agent: &Vec<u8>| {
                let request = sent(user_agent, &pair);
                let current = block_on(open(manager, &request).current_user::<Member>(&request)).unwrap();
                current.is_some_and(|current| current.fresh)
            };
            prop_assert!(fresh(&user_agent));
            prop_assert!(!fresh(&other));
        }
    }
}
