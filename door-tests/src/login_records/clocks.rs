//! Several machines, whose clocks differ by a little.

use std::time::Duration;

use super::{SESSION, TOKEN};
use crate::browser::Browser;
use crate::site::START;
use crate::site::Sites;

const MINUTE: u64 = 60;

async fn what_one_machine_gives_out_counts_at_another_whose_clock_is_a_minute_off(sites: Sites) {
    for off in [START - MINUTE, START + MINUTE] {
        for site in [sites.stored(), sites.stored_flask()] {
            let mut browser = site.remembered_browser_of("mia").await;
            site.clock.set(off);
            assert_eq!(browser.who().await, "mia, fresh, remembered, by Session");
            browser.restart();
            assert_eq!(browser.who().await, "mia, remembered, by RememberToken");
            site.clock.set(START);
            assert_eq!(browser.who().await, "mia, remembered, by Session");
        }
    }
}

/// Two tabs of one browser, each at a different machine.
async fn two_tabs_at_two_machines_are_not_a_theft(sites: Sites) {
    let site = sites.stored();
    let mut browser = site.remembered_browser_of("mia").await;
    browser.restart();
    let mut tab = browser.clone();
    assert_eq!(browser.who().await, "mia, remembered, by RememberToken");
    assert_eq!(browser.who().await, "mia, remembered, by Session");
    site.clock.set(START + 2 * MINUTE);
    assert_eq!(tab.who().await, "mia, remembered, by RememberToken");
    let secret = |browser: &Browser| {
        let token = browser.jar.value(TOKEN).unwrap();
        token.split('.').nth(1).unwrap().to_owned()
    };
    assert_eq!(secret(&browser), secret(&tab));
    assert_eq!(site.store.len(), 1);
}

async fn a_cookie_that_cannot_be_judged_now_is_left_alone_and_counts_later(sites: Sites) {
    for site in [sites.stored(), sites.safe()] {
        let mut browser = site.remembered_browser_of("mia").await;
        site.clock.set(START - 2 * MINUTE);
        assert_eq!(browser.who().await, "nobody");
        assert_eq!(browser.jar.names(), [TOKEN, SESSION]);
        site.clock.set(START);
        assert_eq!(browser.who().await, "mia, fresh, remembered, by Session");
    }
}

async fn the_tolerance_is_a_setting(sites: Sites) {
    for (seconds, ahead, expected) in [
        (0, 0, "mia, fresh, by Session"),
        (0, 1, "nobody"),
        (600, 600, "mia, fresh, by Session"),
        (600, 601, "nobody"),
    ] {
        let tolerance = Duration::from_secs(seconds);
        let site = sites.stored_with(|builder| builder.clock_tolerance(tolerance));
        let mut browser = site.browser_of("mia").await;
        site.clock.set(START - ahead);
        assert_eq!(browser.who().await, expected, "{seconds} {ahead}");
    }
}

cases! {
    login_records_clocks:
    what_one_machine_gives_out_counts_at_another_whose_clock_is_a_minute_off,
    two_tabs_at_two_machines_are_not_a_theft,
    a_cookie_that_cannot_be_judged_now_is_left_alone_and_counts_later,
    the_tolerance_is_a_setting,
}
