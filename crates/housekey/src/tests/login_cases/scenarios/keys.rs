//! Changing the secret key.

use super::*;

const NEW: &str = "2b7e151628aed2a6abf7158809cf4f3c";
const OTHER: &str = "0f1e2d3c4b5a69788796a5b4c3d2e1f0";

fn keys(current: &str, fallbacks: &[&str]) -> SecretKeys {
    let keys = SecretKeys::new(current).unwrap();
    let add = |keys: SecretKeys, key: &&str| keys.fallback(*key).unwrap();
    fallbacks.iter().fold(keys, add)
}

pub(in super::super) fn a_login_outlives_its_key_if_it_was_used_while_both_were_there() {
    let before = Site::new();
    let during = before.restarted_with_store(keys(NEW, &[STRONG_KEY]), |builder| builder);
    let after = before.restarted_with_store(keys(NEW, &[]), |builder| builder);
    let mut used = before.browser_of("mia");
    let mut remembered = before.remembered_browser_of("mia");
    remembered.restart();
    let mut unused = before.browser_of("mia");
    before.shelf.asked();
    let old = used.clone();
    assert_eq!(used.at(&during).who(), "mia, fresh");
    assert_ne!(used.cookie(SESSION), old.cookie(SESSION));
    assert_eq!(
        during.shelf.writes(),
        ["update"],
        "the record has a digest by the new key"
    );
    assert_eq!(used.who(), "mia, fresh");
    assert!(during.shelf.writes().is_empty(), "once is enough");
    assert_eq!(remembered.at(&during).who(), "mia, remembered");

    assert_eq!(used.at(&after).who(), "mia, fresh");
    assert_ne!(remembered.at(&after).who(), "nobody");
    remembered.restart();
    assert_eq!(remembered.who(), "mia, remembered");
    assert_eq!(unused.at(&after).who(), "nobody");
}

pub(in super::super) fn a_cookie_counts_under_the_keys_that_are_there() {
    let site = Site::new();
    for (keys, counts) in [
        (keys(NEW, &[]), false),
        (keys(NEW, &[STRONG_KEY]), true),
        (keys(NEW, &[OTHER, STRONG_KEY]), true),
        (keys(STRONG_KEY, &[]), true),
        (keys(STRONG_KEY, &[OTHER]), true),
        (keys(NEW, &[OTHER]), false),
    ] {
        let restarted = site.restarted_with_store(keys, |builder| builder);
        for by_token in [false, true] {
            let mut browser = site.remembered_browser_of("mia");
            if by_token {
                browser.restart();
            } else {
                browser.drop_cookie(TOKEN);
            }
            assert_eq!(browser.at(&restarted).who() != "nobody", counts);
        }
    }
}

/// Clearance can accept unsigned cookies for a while. Nothing here does.
pub(in super::super) fn a_cookie_without_a_signature_is_nobody() {
    let site = Site::new();
    let browser = site.remembered_browser_of("mia");
    for name in [SESSION, TOKEN] {
        let value = browser.cookie(name).unwrap();
        let unsigned = value.rsplit_once('.').unwrap().0;
        for value in [unsigned, &format!("{unsigned}."), "mia"] {
            let mut stranger = site.browser();
            stranger.plant(name, value);
            assert_eq!(stranger.who(), "nobody", "{name}={value}");
        }
    }
}
