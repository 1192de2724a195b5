//! Pages that poll: asking for the user without using the login does not keep anybody logged in.

use housekey::{LoginTimeouts, SessionRefresh};

use crate::plan::Extractor::{CurrentUser, LoginRequired};
use crate::plan::{asks, login_required, login_scope};
use crate::site::{Builder, DAY, ENDS_OF_MIA, HOUR, Site, Sites};
use crate::store::Call;

/// The same question by guard, by scope and by extractor, each without use; and one of each kind that counts as use.
fn with_polls(site: Site) -> Site {
    let first = CurrentUser.without_use();
    site.with([
        asks("/poll/guard", [LoginRequired]).behind(login_required().without_use()),
        asks("/poll/scope", [LoginRequired]).behind(login_scope().without_use()),
        asks("/poll/extractor", [LoginRequired.without_use()]),
        asks("/both", [first, CurrentUser.into()]),
    ])
}

const POLLS: [&str; 3] = ["/poll/guard", "/poll/scope", "/poll/extractor"];

fn both(sites: Sites, set: fn(Builder) -> Builder) -> [Site; 2] {
    [
        with_polls(sites.stored_with(set)),
        with_polls(sites.stored_flask_with(set)),
    ]
}

async fn polling_puts_off_no_timeout_and_writes_nothing(sites: Sites) {
    for path in POLLS {
        for site in both(sites, |builder| {
            builder.login_timeouts(LoginTimeouts::SENSITIVE)
        }) {
            let mut browser = site.browser_of("mia").await;
            let before = browser.jar.clone();
            site.store.calls();
            for _ in 0..5 {
                site.clock.advance(HOUR / 6);
                let answer = browser.get(path).await;
                assert_eq!(answer.body, "mia", "{path}");
                assert_eq!(answer.set_cookies(), [""; 0], "{path}");
                assert_eq!(site.store.calls(), [Call::Load], "{path}");
            }
            assert_eq!(browser.jar, before);
            site.clock.advance(HOUR / 6);
            assert_ne!(browser.get(path).await.body, "mia", "{path}");
            assert_eq!(browser.who().await, "nobody");
        }
    }
}

/// Without a store, the cookie has the lifetime.
async fn polling_does_not_let_a_session_live_on(sites: Sites) {
    for path in POLLS {
        for site in [
            sites.safe_with(|builder| builder.session_refresh(SessionRefresh::OlderThan(HOUR))),
            sites.flask_with(|builder| builder.session_lifetime(DAY)),
        ] {
            let site = with_polls(site);
            let mut browser = site.browser_of("mia").await;
            browser.post("/permanent", "").await;
            for _ in 0..23 {
                site.clock.advance(HOUR);
                assert_eq!(browser.get(path).await.body, "mia", "{path}");
            }
            site.clock.advance(HOUR);
            assert_ne!(browser.get(path).await.body, "mia", "{path}");
            assert_eq!(browser.who().await, "nobody");
        }
    }
}

async fn polling_uses_no_remember_token_and_leaves_it_for_the_next_page(sites: Sites) {
    for path in POLLS {
        for site in [
            with_polls(sites.safe()),
            with_polls(sites.stored()),
            with_polls(sites.flask()),
        ] {
            let mut browser = site.remembered_browser_of("mia").await;
            browser.restart();
            let name = browser.jar.names()[0].to_owned();
            let before = browser.jar.value(&name).map(str::to_owned);
            assert_ne!(browser.get(path).await.body, "mia", "{path}");
            assert_eq!(browser.jar.value(&name), before.as_deref());
            assert_eq!(browser.who().await, "mia, remembered, by RememberToken");
            assert_eq!(browser.get(path).await.body, "mia", "{path}");
        }
    }
}

async fn a_look_up_in_the_same_request_as_a_use_counts_as_use(sites: Sites) {
    for (site, recorded) in [
        (with_polls(sites.stored()), true),
        (with_polls(sites.safe()), false),
    ] {
        let mut browser = site.remembered_browser_of("mia").await;
        browser.restart();
        let answer = browser.get("/both").await;
        assert_eq!(answer.body, "nobody; mia, remembered, by RememberToken");
        site.clock.advance(2 * HOUR);
        site.store.calls();
        let answer = browser.get("/both").await;
        assert_eq!(
            answer.body,
            "mia, remembered, by Session; mia, remembered, by Session"
        );
        let writes = |call: &Call| matches!(call, Call::Touch | Call::Update);
        assert_eq!(site.store.calls().iter().any(writes), recorded);
        // Without a store, the cookie is what is extended.
        assert_eq!(answer.set_cookie("__Host-session").is_some(), !recorded);
    }
}

/// It does not bring back a login that has ended.
async fn what_ends_a_login_ends_it_for_pages_that_poll_as_well(sites: Sites) {
    for path in POLLS {
        for end in ENDS_OF_MIA {
            for site in both(sites, |builder| builder) {
                let mut browser = site.browser_of("mia").await;
                end(&site);
                assert_ne!(browser.get(path).await.body, "mia", "{path}");
                assert_eq!(site.store.of("mia").await, [], "{path}");
            }
        }
    }
}

cases! {
    behaviour_polling:
    polling_puts_off_no_timeout_and_writes_nothing,
    polling_does_not_let_a_session_live_on,
    polling_uses_no_remember_token_and_leaves_it_for_the_next_page,
    a_look_up_in_the_same_request_as_a_use_counts_as_use,
    what_ends_a_login_ends_it_for_pages_that_poll_as_well,
}
