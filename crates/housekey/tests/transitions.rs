//! From one user to the next in the same browser: what must stay behind, and what must not get lost.
#![allow(clippy::unwrap_used)]

use std::collections::BTreeMap;

use futures_lite::future::block_on;
use housekey::{
    BoxError, ErrorKind, Login, LoginManager, LoginManagerBuilder, OpenVisit, SecretKeys, User,
    Visit,
};
use http::request::Parts;
use http::{HeaderMap, Request, header};

const KEY: &str = "9f2c8d54b61e4bd9a1f0c7d35e8b2a64";

struct Member {
    id: String,
    stamp: Option<u8>,
}

impl User for Member {
    fn id(&self) -> String {
        self.id.clone()
    }
    fn session_auth_hash(&self) -> Option<Vec<u8>> {
        self.stamp.map(|stamp| vec![stamp])
    }
}

fn member(id: &str, stamp: u8) -> Member {
    Member {
        id: id.to_owned(),
        stamp: Some(stamp),
    }
}

async fn loader(id: String) -> Result<Option<Member>, BoxError> {
    Ok(Some(Member { id, stamp: Some(1) }))
}

fn safe() -> LoginManagerBuilder<Member> {
    LoginManager::new(SecretKeys::new(KEY).unwrap(), loader)
}

fn flask() -> LoginManagerBuilder<Member> {
    LoginManager::flask(SecretKeys::flask(KEY).unwrap(), loader)
}

/// A browser, reduced to its cookies.
#[derive(Default)]
struct Browser {
    cookies: BTreeMap<String, String>,
}

/// One of its requests.
struct Asking {
    visit: Visit,
    open: OpenVisit,
    parts: Parts,
}

impl Asking {
    fn login(&self) -> Login<Member> {
        Login::new(self.open.clone())
    }

    fn user(&self) -> Option<String> {
        let current = block_on(self.open.current_user::<Member>(&self.parts)).unwrap();
        current.map(|current| current.user.id.clone())
    }
}

impl Browser {
    fn ask<T>(&mut self, manager: &LoginManager<Member>, handle: impl FnOnce(&Asking) -> T) -> T {
        let cookies: Vec<_> = self
            .cookies
            .iter()
            .map(|(name, value)| format!("{name}={value}"))
            .collect();
        let request = Request::get("/").header(header::COOKIE, cookies.join("; "));
        let (parts, ()) = request.body(()).unwrap().into_parts();
        let visit = manager.visit(&parts.uri);
        let open = visit.open(&parts).unwrap();
        let asking = Asking { visit, open, parts };
        let answer = handle(&asking);
        let mut headers = HeaderMap::new();
        asking.visit.finish(&mut headers).unwrap();
        for cookie in headers.get_all(header::SET_COOKIE) {
            let cookie = cookie.to_str().unwrap();
            let (name, value) = cookie.split(';').next().unwrap().split_once('=').unwrap();
            if cookie.contains("Max-Age=0") {
                self.cookies.remove(name);
            } else {
                self.cookies.insert(name.to_owned(), value.to_owned());
            }
        }
        answer
    }

    fn user(&mut self, manager: &LoginManager<Member>) -> Option<String> {
        self.ask(manager, Asking::user)
    }
}

/// A browser with a session that a Flask peer made for user 1, without our digest.
fn from_a_flask_peer() -> Browser {
    let stampless = Member {
        id: "1".to_owned(),
        stamp: None,
    };
    let peer = flask().build().unwrap();
    let (parts, ()) = Request::get("/").body(()).unwrap().into_parts();
    let visit = peer.visit(&parts.uri);
    block_on(async {
        Login::new(visit.open(&parts).unwrap())
            .login_user(&stampless)
            .await
    })
    .unwrap();
    let mut headers = HeaderMap::new();
    visit.finish(&mut headers).unwrap();
    let cookie = headers[header::SET_COOKIE].to_str().unwrap();
    let (name, value) = cookie.split(';').next().unwrap().split_once('=').unwrap();
    let cookies = [(name.to_owned(), value.to_owned())].into();
    Browser { cookies }
}

#[test]
fn a_login_after_a_peers_keeps_its_own_digest() {
    let manager = flask().build().unwrap();
    let mut browser = from_a_flask_peer();
    browser.ask(&manager, |asking| {
        assert_eq!(asking.user().as_deref(), Some("1"));
        block_on(async { asking.login().login_user(&member("2", 1)).await }).unwrap();
    });
    assert_eq!(browser.user(&manager).as_deref(), Some("2"));
}

#[test]
fn a_new_password_in_a_peers_session_keeps_this_browser_in() {
    let manager = flask().build().unwrap();
    let mut browser = from_a_flask_peer();
    let after = LoginManager::flask(SecretKeys::flask(KEY).unwrap(), |id| async move {
        Ok::<_, BoxError>(Some(Member { id, stamp: Some(2) }))
    })
    .build()
    .unwrap();
    browser.ask(&manager, |asking| {
        assert_eq!(asking.user().as_deref(), Some("1"));
        block_on(asking.login().update_auth_hash(&member("1", 2))).unwrap();
    });
    assert_eq!(browser.user(&after).as_deref(), Some("1"));
}

#[test]
fn what_was_planted_in_an_anonymous_session_does_not_join_a_login_that_a_token_restores() {
    let manager = safe().keep_at_login(["cart"]).build().unwrap();
    let mut browser = Browser::default();
    browser.ask(&manager, |asking| {
        block_on(async {
            asking
                .login()
                .login_user(&member("1", 1))
                .remember(true)
                .await
        })
        .unwrap();
    });
    let mut attacker = Browser::default();
    attacker.ask(&manager, |asking| {
        asking
            .open
            .session()
            .insert("email", "mallory@evil.example")
            .unwrap();
        asking.open.session().insert("cart", &[1]).unwrap();
    });
    browser.cookies.remove("__Host-session");
    browser.cookies.extend(attacker.cookies);
    browser.ask(&manager, |asking| {
        assert_eq!(asking.user().as_deref(), Some("1"));
        assert_eq!(asking.open.session().keys(), ["cart"]);
    });
}

/// Fills the session.
fn fill(asking: &Asking) {
    let mut seed = 1_u64;
    let noise: Vec<char> = std::iter::repeat_with(|| {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        char::from(b' ' + (seed >> 33) as u8 % 90)
    })
    .filter(|c| c.is_ascii_alphanumeric())
    .take(5000)
    .collect();
    let fits = |n: &usize| {
        let text: String = noise[..*n].iter().collect();
        asking.open.session().insert("cart", &text).is_ok()
    };
    assert!((0..5000).rev().find(fits).unwrap() > 2000);
}

#[test]
fn a_full_session_keeps_nobody_from_logging_in() {
    for manager in [
        flask().build().unwrap(),
        safe().keep_at_login(["cart"]).build().unwrap(),
    ] {
        let mut browser = Browser::default();
        browser.ask(&manager, |asking| {
            fill(asking);
        });
        browser.ask(&manager, |asking| {
            block_on(async { asking.login().login_user(&member("1", 1)).await }).unwrap();
        });
        assert_eq!(browser.user(&manager).as_deref(), Some("1"));
    }
}

#[test]
fn a_full_session_can_still_become_permanent_fresh_and_stale() {
    let manager = safe().build().unwrap();
    let mut browser = Browser::default();
    browser.ask(&manager, |asking| {
        block_on(async { asking.login().login_user(&member("1", 1)).not_fresh().await }).unwrap();
        fill(asking);
        asking.open.session().make_permanent().unwrap();
    });
    browser.ask(&manager, |asking| {
        assert!(asking.open.session().is_permanent());
        block_on(asking.login().confirm_login(&member("1", 1))).unwrap();
    });
    assert_eq!(browser.user(&manager).as_deref(), Some("1"));
}

#[test]
fn a_change_after_the_response_is_an_error_and_not_ignored() {
    let manager = safe().build().unwrap();
    let mut late = None;
    Browser::default().ask(&manager, |asking| {
        let next = asking.open.next_url(&asking.parts);
        late = Some((asking.login(), asking.open.clone(), next));
    });
    let (login, open, next) = late.unwrap();
    let member = member("1", 1);
    let errors = block_on(async {
        [
            login.login_user(&member).await,
            login.logout_user().await,
            login.confirm_login(&member).await,
            login.update_auth_hash(&member).await,
            open.session().insert("cart", &1),
            open.session().remove("cart").map(drop),
            open.session().clear(),
            open.session().make_permanent(),
            open.session().make_temporary(),
            open.flash().message("too late"),
            open.flash().take().map(drop),
            next.or("/").map(drop),
        ]
    });
    for error in errors {
        assert_eq!(error.unwrap_err().kind(), ErrorKind::TooLate);
    }
}
