//! What remember tokens consist of, and what is not one.

use super::*;
use crate::records::secret::LoginSecret;
use crate::signing::base64_encode;
use crate::signing::timed::TimedSigner;
use crate::{ErrorKind, Rejection, RememberFormat};

/// Signs any text as a remember token of the safe preset.
fn signed(purpose: &str, payload: &str) -> String {
    let keys = SecretKeys::new(STRONG_KEY).unwrap();
    TimedSigner::new(keys.for_purpose(&["housekey", purpose, TOKEN]), 60).sign(payload, NOW)
}

/// The visitor is anonymous, and the store was not asked. The cookie goes, unless it may be valid for another server.
fn leads_nowhere(site: &Site, value: &str, reason: Rejection) {
    let mut browser = site.browser();
    browser.plant(TOKEN, value);
    site.events();
    assert_eq!(browser.who(), "nobody", "{value}");
    let stays = reason == Rejection::BadSignature;
    assert_eq!(!browser.names().is_empty(), stays, "{value}");
    let rejected = Event::RememberTokenRejected { reason };
    assert!(site.events().contains(&rejected), "{value}");
    assert!(site.shelf.asked().is_empty(), "{value}");
}

pub(in super::super) fn a_value_that_is_not_a_token_is_nobodys_and_asks_the_store_nothing() {
    let site = Site::new();
    let remembered = site.remembered_browser_of("mia");
    let token = remembered.cookie(TOKEN).unwrap();
    let session = remembered.cookie(SESSION).unwrap();
    site.shelf.asked();
    let cut = &token[..token.len() - 1];
    let longer = format!("{token}.extra");
    let (payload, _) = token.split_once('.').unwrap();
    for value in [
        "nonBase64CookieValue%",
        "a",
        "aGVsbG8",
        "oops",
        "bWlh",
        "bWlhOk5PVF9BX05VTUJFUjpzaWduYXR1cmU",
        cut,
        &longer,
        payload,
        session,
    ] {
        leads_nowhere(&site, value, Rejection::BadSignature);
    }
    let id = base64_encode(b"mia");
    let good = LoginSecret::generate().to_text();
    let (number, secret) = good.split_once('.').unwrap();
    for payload in [
        id.clone(),
        number.to_owned(),
        format!("{id}~{number}"),
        format!("{id}~{number}.{secret}.extra"),
        format!("{id}~{number}~{secret}~extra"),
        format!("{id}~{number}.123"),
        format!("{id}~2013.{secret}"),
        format!("~{good}~"),
        format!("mia~{good}"),
    ] {
        let value = signed("rotating remember token", &payload);
        leads_nowhere(&site, &value, Rejection::BadPayload);
    }
    // Well-formed, but of no login: the store is asked, and knows none.
    let mut browser = site.browser();
    browser.plant(
        TOKEN,
        &signed("rotating remember token", &format!("{id}~{good}")),
    );
    assert_eq!(browser.who(), "nobody");
    assert!(browser.names().is_empty());
    assert_eq!(site.shelf.asked(), ["load"]);
}

pub(in super::super) fn a_token_without_a_readable_end_does_not_count() {
    let site = Site::without_store(|builder| builder);
    let id = base64_encode(b"mia");
    for payload in [
        id.clone(),
        format!("{id}~"),
        format!("{id}~~"),
        format!("{id}~~NOT_A_NUMBER"),
        format!("{id}~~-1"),
        format!("{id}~~60.5"),
        format!("{id}~~60~"),
        format!("{id}~60"),
    ] {
        leads_nowhere(
            &site,
            &signed("remember token", &payload),
            Rejection::BadPayload,
        );
    }
}

/// The token of a login with a store names the user and the login; one without a store names the user, the auth hash and
/// the lifetime.
pub(in super::super) fn a_token_names_its_user_and_shows_no_secret_of_theirs() {
    let start = format!("{}~", base64_encode(b"mia"));
    for site in [Site::new(), Site::without_store(|builder| builder)] {
        let browser = site.remembered_browser_of("mia");
        let token = browser.cookie(TOKEN).unwrap();
        assert!(token.starts_with(&start), "{token}");
        assert!(!token.contains(&base64_encode(b"stamp of mia")), "{token}");
    }
    let site = Site::without_store(|builder| builder);
    let browser = site.remembered_browser_of("mia");
    let token = browser.cookie(TOKEN).unwrap();
    let payload = token.split('.').next().unwrap();
    let parts: Vec<_> = payload.split('~').collect();
    assert_eq!(parts[2], (30 * DAY).to_string());
    assert!(!parts[1].is_empty());
}

pub(in super::super) fn a_token_under_another_auth_hash_does_not_count() {
    for (site, comes_back) in [
        (Site::new(), false),
        (Site::without_store(|builder| builder), true),
    ] {
        let mut browser = site.remembered_browser_of("mia");
        browser.restart();
        let mut copy = browser.clone();
        site.set_stamp("mia", "123");
        assert_eq!(browser.who(), "nobody");
        assert!(browser.names().is_empty());
        // An ended record stays ended, even if the hash changes back.
        site.set_stamp("mia", "stamp of mia");
        assert_eq!(copy.who() != "nobody", comes_back);
    }
}

pub(in super::super) fn nothing_is_signed_with_an_empty_secret() {
    for key in ["", "secret"] {
        let error = SecretKeys::new(key).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::SecretKey);
    }
    assert!(SecretKeys::flask("").is_err());
}

pub(in super::super) fn an_id_of_any_characters_is_remembered() {
    let site = Site::new();
    for id in ["https://id.openid.zz", "a~b.c|d:e;f,\"g\"", "佐藤", " "] {
        site.add(id);
        let mut browser = site.remembered_browser_of(id);
        assert_eq!(browser.who(), format!("{id}, fresh"));
        browser.restart();
        assert_eq!(browser.who(), format!("{id}, remembered"));
    }
}

pub(in super::super) fn a_token_in_the_format_that_is_left_behind_is_replaced() {
    let peer = Site::flask(|builder| builder);
    let keys = SecretKeys::flask(FLASK_KEY).unwrap();
    let ours = peer.restarted(LoginManager::flask, keys, |builder| {
        builder.remember_format(RememberFormat::TimedReplacingFlaskLogin)
    });
    let mut browser = peer.browser();
    browser.log_in_remembered("mia");
    let old = browser.cookie("remember_token").unwrap().to_owned();
    assert!(old.starts_with("mia|"), "{old}");
    browser.drop_cookie("session");
    assert_eq!(browser.at(&ours).who(), "mia, remembered");
    let new = browser.cookie("remember_token").unwrap();
    assert!(!new.contains('|'), "{new}");
    browser.drop_cookie("session");
    assert_eq!(browser.who(), "mia, remembered");
}

/// The record of a login and its cookies: having one does not give the other.
pub(in super::super) fn the_store_has_no_secret() {
    let site = Site::new();
    let mut browser = site.remembered_browser_of("mia");
    let record = site.record_of("mia");
    let token = browser.ask(|asking| asking.visit.with(|view| view.session_token()));
    let token = token.unwrap();
    assert_eq!(token.id, record.id);
    let text = token.to_text();
    let (_, of_session) = text.split_once('.').unwrap();
    let remembered = browser.cookie(TOKEN).unwrap();
    let of_token = remembered.split('.').nth(1).unwrap();
    for secret in [of_session, of_token] {
        assert_eq!(secret.len(), 43, "256 bits");
        assert!(!record.data.contains(secret));
    }
    assert_eq!(browser.who(), "mia, fresh");
    browser.log_out();
    assert_eq!(site.shelf.len(), 0);
}
