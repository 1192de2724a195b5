//! Changed, mixed and planted cookies, and meaningless records.

use housekey::SecretKeys;

use super::{SESSION, TOKEN};
use crate::browser::Browser;
use crate::site::{DAY, OLD_KEY, Sites};
use crate::store::{Call, Gate};

/// The same text with one character changed, at every position, and some other spellings.
fn variants(value: &str) -> Vec<String> {
    let other = |c: char| match c {
        'A' => 'B',
        'z' => 'y',
        '.' | '~' => '-',
        '9' => '8',
        c => char::from_u32(c as u32 + 1).unwrap(),
    };
    let mut variants: Vec<String> = (0..value.len())
        .map(|place| {
            let changed = |(at, c)| if at == place { other(c) } else { c };
            value.chars().enumerate().map(changed).collect()
        })
        .collect();
    for end in ["=", "A", ".", " x"] {
        variants.push(format!("{value}{end}"));
    }
    variants.push(value[1..].to_owned());
    variants.push(value[..value.len() - 1].to_owned());
    variants.push(format!("\"{value}\""));
    variants.push(value.to_lowercase());
    variants
}

async fn a_cookie_with_any_one_character_changed_is_nobodys_and_asks_the_store_nothing(
    sites: Sites,
) {
    let site = sites.stored();
    let mut owner = site.remembered_browser_of("mia").await;
    for name in [SESSION, TOKEN] {
        for variant in variants(owner.jar.value(name).unwrap()) {
            let mut browser = site.browser();
            browser.jar.put(name, &variant);
            site.store.calls();
            assert_eq!(browser.who().await, "nobody", "{variant}");
            assert_eq!(site.store.calls(), [], "{variant}");
        }
    }
    assert_eq!(owner.who().await, "mia, fresh, remembered, by Session");
}

/// They are signed as they are, but do not refer to each other.
async fn the_session_of_one_login_beside_the_token_of_another_is_the_sessions(sites: Sites) {
    for of_token in ["mia", "ben"] {
        let site = sites.stored();
        let of_mia = site.browser_of("mia").await;
        let mut other = site.remembered_browser_of(of_token).await;
        let mut mixed = site.browser();
        mixed.jar.put(SESSION, of_mia.jar.value(SESSION).unwrap());
        mixed.jar.put(TOKEN, other.jar.value(TOKEN).unwrap());
        let remembered = if of_token == "mia" {
            ", remembered"
        } else {
            ""
        };
        for _ in 0..2 {
            let who = mixed.who().await;
            assert_eq!(who, format!("mia, fresh{remembered}, by Session"));
        }
        // The token was not used.
        other.restart();
        let who = other.who().await;
        assert_eq!(who, format!("{of_token}, remembered, by RememberToken"));
    }
}

async fn logging_out_or_in_with_the_cookies_of_two_logins_ends_both(sites: Sites) {
    for (path, body, left) in [("/logout", "", 0), ("/login", "name=mia", 1)] {
        let site = sites.stored();
        let of_mia = site.browser_of("mia").await;
        let of_ben = site.remembered_browser_of("ben").await;
        let mut mixed = site.browser();
        mixed.jar.put(SESSION, of_mia.jar.value(SESSION).unwrap());
        mixed.jar.put(TOKEN, of_ben.jar.value(TOKEN).unwrap());
        assert!(mixed.post(path, body).await.status < 400);
        assert_eq!(site.store.len(), left, "{path}");
        assert_eq!(site.who_with(&of_mia.jar).await, "nobody");
        assert_eq!(site.who_with(&of_ben.jar).await, "nobody");
    }
}

async fn a_login_that_is_over_gives_way_to_the_token_of_another_with_nothing_of_its_session(
    sites: Sites,
) {
    let site = sites.stored();
    let mut browser = site.browser_of("ben").await;
    browser.post("/session/diary", "of ben").await;
    let of_mia = site.remembered_browser_of("mia").await;
    browser.jar.put(TOKEN, of_mia.jar.value(TOKEN).unwrap());
    site.manager().end_logins_of("ben").await.unwrap();
    assert_eq!(browser.who().await, "mia, remembered, by RememberToken");
    assert_eq!(browser.read("/session/diary").await, "nothing");
}

async fn two_good_cookies_of_one_name_that_do_not_agree_are_nobodys_and_logging_out_ends_both(
    sites: Sites,
) {
    for name in [SESSION, TOKEN] {
        let site = sites.stored();
        let (mia, ben) = (
            site.remembered_browser_of("mia").await,
            site.remembered_browser_of("ben").await,
        );
        let value = |browser: &Browser| browser.jar.value(name).unwrap().to_owned();
        let mut browser = site.browser();
        let both = format!("{}; {name}={}", value(&mia), value(&ben));
        browser.jar.put(name, &both);
        site.store.calls();
        assert_eq!(browser.who().await, "nobody");
        assert_eq!(site.store.calls(), []);
        assert_eq!(site.store.len(), 2, "a look ends nothing");
        assert_eq!(browser.post("/logout", "").await.status, 200);
        assert_eq!(site.store.len(), 0);
    }
}

/// Other things that the table might contain: from another version, from another program, or damaged.
const SAYING_NOTHING: [&str; 9] = [
    "",
    "null",
    "[]",
    "{}",
    "{",
    "\u{0}\u{fffd}",
    r#"{"session":1,"started_at":"yesterday"}"#,
    r#"{"session":"","started_at":-1}"#,
    r#"{"session":"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"}"#,
];

async fn a_record_with_meaningless_data_is_not_a_login_and_can_be_ended(sites: Sites) {
    for data in SAYING_NOTHING {
        let site = sites.stored();
        let mut browser = site.remembered_browser_of("mia").await;
        site.store
            .change("mia", |it| it.data = data.to_owned())
            .await;
        for name in [SESSION, TOKEN] {
            assert_eq!(
                site.who_with_only(name, &browser.jar).await,
                "nobody",
                "{data:?}"
            );
        }
        assert_eq!(site.logins("mia").await, 0, "{data:?}");
        assert_eq!(browser.post("/logout", "").await.status, 200);
        browser.log_in("mia").await;
        assert_eq!(browser.who().await, "mia, fresh, by Session");
        assert_eq!(site.manager().end_logins_of("mia").await.unwrap(), 2);
    }
}

async fn a_record_that_forgot_its_secret_proves_nobody(sites: Sites) {
    for session in ["", "A", "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"] {
        let site = sites.stored();
        let browser = site.browser_of("mia").await;
        let data = format!(r#"{{"session":"{session}","started_at":0}}"#);
        site.store.change("mia", |it| it.data = data).await;
        assert_eq!(site.who_with(&browser.jar).await, "nobody");
    }
}

async fn a_record_that_now_names_somebody_else_is_the_login_of_neither(sites: Sites) {
    for name in [SESSION, TOKEN] {
        let site = sites.stored();
        let browser = site.remembered_browser_of("mia").await;
        site.store
            .change("mia", |it| it.user_id = "ben".to_owned())
            .await;
        assert_eq!(site.who_with_only(name, &browser.jar).await, "nobody");
    }
}

/// A record's contents are worthless in another record: its digests are bound to its id.
async fn the_data_of_one_record_does_nothing_in_another(sites: Sites) {
    let site = sites.stored();
    let of_mia = site.remembered_browser_of("mia").await;
    let of_ben = site.remembered_browser_of("ben").await;
    let data = site.store.only("ben").await.data;
    site.store.change("mia", |it| it.data = data).await;
    for name in [SESSION, TOKEN] {
        assert_eq!(site.who_with_only(name, &of_mia.jar).await, "nobody");
    }
    assert_eq!(
        site.who_with(&of_ben.jar).await,
        "ben, fresh, remembered, by Session"
    );
}

async fn without_its_key_the_records_of_a_site_are_worth_nothing(sites: Sites) {
    let site = sites.stored();
    let browser = site.remembered_browser_of("mia").await;
    let other = site.restarted(SecretKeys::new(OLD_KEY).unwrap(), |builder| builder);
    for name in [SESSION, TOKEN] {
        assert_eq!(other.who_with_only(name, &browser.jar).await, "nobody");
    }
    assert_eq!(site.store.len(), 1, "and nobody can end a login by it");
}

/// A login that session protection ended is over for a copy too, whatever browser it then claims to be.
async fn a_login_that_strong_protection_has_ended_is_ended_on_the_server(sites: Sites) {
    for path in ["/who", "/confirm"] {
        let site = sites
            .stored_with(|builder| builder.session_protection("strong"))
            .with_login_pages(&Gate::default());
        let browser = site.remembered_browser_of("mia").await;
        let mut thief = browser.clone();
        thief.user_agent = Some("Thief/1".to_owned());
        let request = match path {
            "/who" => thief.request(http::Method::GET, path, ""),
            _ => thief.request(http::Method::POST, path, ""),
        };
        thief.send(request).await;
        assert_eq!(thief.jar.names(), [""; 0], "{path}");
        assert_eq!(site.store.len(), 0, "{path}");
        for name in [SESSION, TOKEN] {
            assert_eq!(
                site.who_with_only(name, &browser.jar).await,
                "nobody",
                "{path}"
            );
        }
    }
}

/// A copy that is no longer valid cannot even end the login that it was copied from.
async fn strong_protection_ends_no_login_for_a_secret_that_was_replaced(sites: Sites) {
    let site = sites.stored_with(|builder| builder.session_protection("strong"));
    let mut browser = site.browser_of("mia").await;
    let mut thief = browser.clone();
    thief.user_agent = Some("Thief/1".to_owned());
    browser.post("/confirm", "").await;
    site.clock.advance(DAY / 2);
    for path in ["/who", "/logout"] {
        let mut thief = thief.clone();
        match path {
            "/who" => assert_eq!(thief.who().await, "nobody"),
            _ => assert_eq!(thief.post(path, "").await.status, 200),
        }
    }
    assert_eq!(browser.who().await, "mia, by Session");
}

async fn strong_protection_asks_before_it_ends_and_a_store_that_fails_leaves_all_as_it_was(
    sites: Sites,
) {
    let site = sites.stored_with(|builder| builder.session_protection("strong"));
    let browser = site.remembered_browser_of("mia").await;
    for failing in [Call::Load, Call::Delete] {
        let mut elsewhere = browser.clone();
        elsewhere.user_agent = Some("Firefox/2".to_owned());
        site.store.fail(&[failing]);
        let answer = elsewhere.get("/who").await;
        assert_eq!((answer.status, answer.set_cookies()), (503, vec![]));
        site.store.come_back();
    }
    assert_eq!(
        site.who_with(&browser.jar).await,
        "mia, fresh, remembered, by Session"
    );
}

cases! {
    login_records_forgeries:
    a_cookie_with_any_one_character_changed_is_nobodys_and_asks_the_store_nothing,
    the_session_of_one_login_beside_the_token_of_another_is_the_sessions,
    logging_out_or_in_with_the_cookies_of_two_logins_ends_both,
    a_login_that_is_over_gives_way_to_the_token_of_another_with_nothing_of_its_session,
    two_good_cookies_of_one_name_that_do_not_agree_are_nobodys_and_logging_out_ends_both,
    a_record_with_meaningless_data_is_not_a_login_and_can_be_ended,
    a_record_that_forgot_its_secret_proves_nobody,
    a_record_that_now_names_somebody_else_is_the_login_of_neither,
    the_data_of_one_record_does_nothing_in_another,
    without_its_key_the_records_of_a_site_are_worth_nothing,
    a_login_that_strong_protection_has_ended_is_ended_on_the_server,
    strong_protection_ends_no_login_for_a_secret_that_was_replaced,
    strong_protection_asks_before_it_ends_and_a_store_that_fails_leaves_all_as_it_was,
}
