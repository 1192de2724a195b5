//! A session that comes from another browser or address than the one it was made for.

use housekey::{Event, SessionIdentifier, SessionProtection};
use http::Method;

use crate::browser::Browser;
use crate::peer;
use crate::site::{Builder, KEY, Site, Sites};

const ALL: [SessionIdentifier; 3] = [
    SessionIdentifier::UserAgent,
    SessionIdentifier::FlaskLogin06,
    SessionIdentifier::FlaskLogin07,
];

fn both(sites: Sites, mode: SessionProtection, identifier: SessionIdentifier) -> [Site; 2] {
    let set = |builder: Builder| {
        builder
            .session_protection(mode)
            .session_identifier(identifier)
            .client_address(|request| request.headers.get("x-socket")?.to_str().ok()?.parse().ok())
    };
    [sites.safe_with(set), sites.flask_with(set)]
}

async fn who_from(browser: &mut Browser, address: &str) -> String {
    let mut request = browser.request(Method::GET, "/who", "");
    request
        .headers_mut()
        .insert("x-socket", address.parse().unwrap());
    browser.send(request).await.body
}

/// A browser that mia logged in with, from `1.1.1.1`.
async fn mia_from_1111(site: &Site) -> Browser {
    let mut browser = site.browser();
    let mut request = browser.request(Method::POST, "/login", "name=mia");
    request
        .headers_mut()
        .insert("x-socket", "1.1.1.1".parse().unwrap());
    browser.send(request).await;
    browser
}

/// What happened to a login from `1.1.1.1` with Firefox, seen from elsewhere.
async fn moved(site: &Site, user_agent: Option<&str>, address: &str) -> String {
    let mut browser = mia_from_1111(site).await;
    assert_eq!(
        who_from(&mut browser, "1.1.1.1").await,
        "mia, fresh, by Session"
    );
    browser.user_agent = user_agent.map(str::to_owned);
    who_from(&mut browser, address).await
}

async fn off_compares_nothing_basic_makes_stale_and_strong_ends(sites: Sites) {
    for identifier in ALL {
        for (mode, expected) in [
            (SessionProtection::Off, "mia, fresh, by Session"),
            (SessionProtection::Basic, "mia, by Session"),
            (SessionProtection::Strong, "nobody"),
        ] {
            for site in both(sites, mode, identifier) {
                assert_eq!(
                    moved(&site, Some("Opera/1"), "1.1.1.1").await,
                    expected,
                    "{identifier:?}"
                );
                assert_eq!(
                    moved(&site, None, "1.1.1.1").await,
                    expected,
                    "{identifier:?}"
                );
            }
        }
    }
}

async fn an_address_counts_for_flask_logins_formulas_only(sites: Sites) {
    for identifier in ALL {
        let expected = match identifier {
            SessionIdentifier::UserAgent => "mia, fresh, by Session",
            _ => "nobody",
        };
        for site in both(sites, SessionProtection::Strong, identifier) {
            assert_eq!(moved(&site, Some("Firefox/1"), "6.6.6.6").await, expected);
        }
    }
}

async fn a_peer_reads_the_identifier_that_is_written(sites: Sites) {
    for (identifier, expected) in [
        (
            SessionIdentifier::FlaskLogin06,
            peer::identifier_06("1.1.1.1", "Firefox/1"),
        ),
        (
            SessionIdentifier::FlaskLogin07,
            peer::identifier_07("1.1.1.1", "Firefox/1"),
        ),
    ] {
        let [_, site] = both(sites, SessionProtection::Basic, identifier);
        let browser = mia_from_1111(&site).await;
        let session = peer::read_session(KEY, browser.jar.value("session").unwrap()).unwrap();
        assert!(
            session.contains(&format!(r#""_id":"{expected}""#)),
            "{session}"
        );
    }
}

async fn a_mismatch_is_reported_once_and_a_new_proof_binds_the_session_to_the_new_browser(
    sites: Sites,
) {
    let site = sites.safe();
    let mut browser = site.browser_of("mia").await;
    browser.user_agent = Some("Firefox/2".to_owned());
    site.events.take();
    for _ in 0..3 {
        assert_eq!(browser.who().await, "mia, by Session");
    }
    let protected = Event::SessionProtected {
        user_id: "mia".to_owned(),
        ended: false,
    };
    let events = site.events.take();
    assert_eq!(
        events.iter().filter(|event| **event == protected).count(),
        1,
        "{events:?}"
    );

    browser.user_agent = Some("Firefox/1".to_owned());
    assert_eq!(
        browser.who().await,
        "mia, by Session",
        "coming back proves nothing"
    );

    browser.user_agent = Some("Firefox/2".to_owned());
    browser.post("/confirm", "").await;
    assert_eq!(browser.who().await, "mia, fresh, by Session");
    browser.user_agent = Some("Firefox/1".to_owned());
    assert_eq!(browser.who().await, "mia, by Session");
}

async fn strong_takes_the_remember_token_too_and_asks_no_further(sites: Sites) {
    let site = sites.safe_with(|builder| builder.session_protection("strong"));
    let mut browser = site.remembered_browser_of("mia").await;
    browser.user_agent = Some("Thief/1".to_owned());
    let mut request = browser.request(Method::GET, "/who", "");
    request
        .headers_mut()
        .insert("x-api-key", "key-of-mia".parse().unwrap());
    site.events.take();
    site.members.lookups();
    assert_eq!(browser.send(request).await.body, "nobody");
    let protected = Event::SessionProtected {
        user_id: "mia".to_owned(),
        ended: true,
    };
    assert_eq!(site.events.take(), [Event::Accessed, protected]);
    assert_eq!(site.members.lookups(), [""; 0]);
    assert_eq!(browser.jar.names(), [""; 0]);
}

async fn nothing_of_a_session_that_strong_has_ended_reaches_the_next_user(sites: Sites) {
    let set = |builder: Builder| {
        builder
            .session_protection("strong")
            .keep_at_login(["diary"])
    };
    let flask = sites.flask_with(|builder| builder.session_protection("strong"));
    for site in [sites.safe_with(set), sites.flask_with(set), flask] {
        let mut browser = site.browser_of("mia").await;
        browser.post("/session/diary", "dear diary").await;
        browser.user_agent = Some("Opera/1".to_owned());
        assert_eq!(browser.who().await, "nobody");
        assert_eq!(browser.jar.names(), [""; 0]);
        browser.log_in("ben").await;
        assert_eq!(browser.read("/session/diary").await, "nothing");
    }
}

async fn strong_spares_a_permanent_session_under_flasks_preset_only(sites: Sites) {
    let [safe, flask] = both(
        sites,
        SessionProtection::Strong,
        SessionIdentifier::FlaskLogin06,
    );
    for (site, expected) in [(safe, "nobody"), (flask, "mia, by Session")] {
        let mut browser = site.browser_of("mia").await;
        browser.post("/permanent", "").await;
        browser.user_agent = Some("Opera/1".to_owned());
        assert_eq!(browser.who().await, expected);
        assert_eq!(browser.get("/fresh").await.status / 100, 3);
    }
}

async fn a_remember_token_works_from_any_browser(sites: Sites) {
    for site in both(
        sites,
        SessionProtection::Strong,
        SessionIdentifier::FlaskLogin07,
    ) {
        let mut browser = site.remembered_browser_of("mia").await;
        browser.restart();
        browser.user_agent = Some("Firefox/2".to_owned());
        assert_eq!(browser.who().await, "mia, remembered, by RememberToken");
        assert_eq!(browser.who().await, "mia, remembered, by Session");
    }
}

cases! {
    behaviour_protection:
    off_compares_nothing_basic_makes_stale_and_strong_ends,
    an_address_counts_for_flask_logins_formulas_only,
    a_peer_reads_the_identifier_that_is_written,
    a_mismatch_is_reported_once_and_a_new_proof_binds_the_session_to_the_new_browser,
    strong_takes_the_remember_token_too_and_asks_no_further,
    nothing_of_a_session_that_strong_has_ended_reaches_the_next_user,
    strong_spares_a_permanent_session_under_flasks_preset_only,
    a_remember_token_works_from_any_browser,
}
