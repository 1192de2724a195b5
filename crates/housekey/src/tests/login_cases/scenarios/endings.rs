//! What ends logins, how, and which ones.

use super::*;
use crate::{EndReason, ErrorKind, LoginWatch};

fn ended(id: &str, reason: EndReason) -> Event {
    let user_id = id.to_owned();
    Event::LoginEnded { user_id, reason }
}

/// A watch over the login of this browser.
fn watch(browser: &mut Browser) -> LoginWatch {
    browser.ask(|asking| {
        assert_ne!(asking.who(), "nobody");
        asking.visit.watch().unwrap()
    })
}

fn is_over(watch: &LoginWatch) -> bool {
    block_on(watch.is_over()).unwrap()
}

pub(in super::super) fn a_copy_is_worthless_after_logging_out() {
    let site = Site::new();
    let mut browser = site.remembered_browser_of("mia");
    let thief = browser.clone();
    browser.log_out();
    assert!(browser.names().is_empty());
    assert_eq!(site.shelf.len(), 0);
    assert_eq!(thief.clone().who(), "nobody");
    browser.log_in("mia");
    let mut late = thief.clone();
    assert_eq!(late.who(), "nobody");
    assert!(late.names().is_empty());
    assert_eq!(browser.who(), "mia, fresh");
}

pub(in super::super) fn logging_out_needs_neither_the_user_nor_a_session() {
    let site = Site::new();
    for asked in [false, true] {
        let mut browser = site.remembered_browser_of("mia");
        browser.restart();
        assert_eq!(browser.names(), [TOKEN]);
        let mut copy = browser.clone();
        browser.ask(|asking| {
            if asked {
                assert_eq!(asking.who(), "mia, remembered");
            }
            asking.log_out();
            assert_eq!(asking.who(), "nobody");
        });
        assert!(browser.names().is_empty());
        assert_eq!(site.shelf.len(), 0);
        assert_eq!(copy.who(), "nobody");
    }
    site.events();
    site.browser().log_out();
    assert_eq!(site.events(), [Event::LoggedOut { user_id: None }]);
    let mut browser = site.browser_of("mia");
    site.events();
    browser.log_out();
    let user_id = Some("mia".to_owned());
    assert_eq!(site.events(), [Event::LoggedOut { user_id }]);
}

/// Laravel changes the one token of the user, and every device is forgotten. Here each browser has its own.
pub(in super::super) fn logging_out_leaves_the_other_browsers_in() {
    let site = Site::new();
    let mut other = site.remembered_browser_of("mia");
    let mut browser = site.remembered_browser_of("mia");
    browser.log_out();
    assert_eq!(other.who(), "mia, fresh");
    other.restart();
    assert_eq!(other.who(), "mia, remembered");
}

pub(in super::super) fn a_login_that_is_ended_on_the_server_is_over_at_the_next_request() {
    let site = Site::new();
    let mut browser = site.browser_of("mia");
    let [id] = site.logins_of("mia").try_into().unwrap();
    let mut other = site.browser_of("mia");
    site.events();
    let whose = block_on(site.manager.end_login(&id)).unwrap();
    assert_eq!(whose.as_deref(), Some("mia"));
    assert_eq!(site.events(), [ended("mia", EndReason::EndedByApplication)]);
    assert_eq!(browser.who(), "nobody");
    assert!(browser.names().is_empty());
    assert!(site.events().contains(&ended("mia", EndReason::RecordGone)));
    assert_eq!(other.who(), "mia, fresh");
    assert_eq!(block_on(site.manager.end_login(&id)).unwrap(), None);
}

/// After a password was reset or an account was closed, by a visitor who is not logged in.
pub(in super::super) fn all_logins_of_a_user_can_be_ended_without_one() {
    let site = Site::new();
    let mut browsers = [site.browser_of("mia"), site.remembered_browser_of("mia")];
    let mut bens = site.browser_of("ben");
    let watch = watch(&mut browsers[0]);
    assert!(!is_over(&watch));
    assert_eq!(block_on(site.manager.end_logins_of("mia")).unwrap(), 2);
    assert!(is_over(&watch));
    assert_eq!(site.shelf.len(), 1);
    for browser in &mut browsers {
        assert_eq!(browser.who(), "nobody");
        assert!(browser.names().is_empty());
    }
    assert_eq!(bens.who(), "ben, fresh");
}

pub(in super::super) fn a_new_password_elsewhere_ends_every_login() {
    let site = Site::new();
    let mut browser = site.browser_of("mia");
    let mut remembered = site.remembered_browser_of("mia");
    remembered.restart();
    let watch = watch(&mut browser);
    site.set_stamp("mia", "after a new password");
    assert!(is_over(&watch));
    site.events();
    for browser in [&mut browser, &mut remembered] {
        assert_eq!(browser.who(), "nobody");
        assert!(browser.names().is_empty());
        assert!(
            site.events()
                .contains(&ended("mia", EndReason::AuthHashChanged))
        );
    }
    assert_eq!(site.shelf.len(), 0);
    browser.log_in("mia");
    assert_eq!(browser.who(), "mia, fresh");
}

pub(in super::super) fn a_new_password_here_keeps_this_browser_and_ends_the_others() {
    let site = Site::new();
    let mut browser = site.remembered_browser_of("mia");
    let mut other = site.remembered_browser_of("mia");
    let others = watch(&mut other);
    let mut copies = [browser.clone(), browser.clone()];
    site.pass(DAY / 2);
    // One of the copies is of a token that was used since.
    browser.restart();
    assert_eq!(browser.who(), "mia, remembered");
    copies[1] = browser.clone();
    site.pass(HOUR);
    browser.new_password("mia", "after a new password");

    for name in [SESSION, TOKEN] {
        assert_ne!(browser.cookie(name), copies[1].cookie(name));
    }
    assert_eq!(browser.expires(TOKEN), Some(NOW + 30 * DAY), "as it was to");
    assert_eq!(site.shelf.len(), 1);
    assert!(is_over(&others));
    assert_eq!(other.who(), "nobody");
    assert!(other.names().is_empty());
    for copy in &mut copies {
        assert_eq!(copy.who(), "nobody", "by the session of before");
        copy.restart();
        site.events();
        assert_eq!(copy.who(), "nobody", "by a token of before");
        assert!(copy.names().is_empty());
        let user_id = "mia".to_owned();
        let theft = Event::RememberTokenStolen { user_id };
        assert!(!site.events().contains(&theft), "which harms nobody");
    }
    assert_eq!(browser.who(), "mia");
    browser.restart();
    assert_eq!(browser.who(), "mia, remembered");
}

/// A remembered user without a token here can only have a copy of it elsewhere.
pub(in super::super) fn a_new_password_forgets_a_token_that_the_browser_has_not() {
    let site = Site::new();
    let mut browser = site.remembered_browser_of("mia");
    let mut copy = browser.clone();
    browser.drop_cookie(TOKEN);
    browser.new_password("mia", "after a new password");
    assert_eq!(browser.names(), [SESSION]);
    copy.restart();
    assert_eq!(copy.who(), "nobody");
    assert_eq!(browser.who(), "mia, fresh");
    // In the very request in which a token brought them back, or in which they logged in.
    for by_token in [false, true] {
        let mut browser = site.remembered_browser_of("mia");
        browser.restart();
        let mut copy = browser.clone();
        site.pass(1);
        browser.ask(|asking| {
            match by_token {
                true => assert_eq!(asking.who(), "mia, remembered"),
                false => asking.log_in("mia", true).unwrap(),
            }
            site.set_stamp("mia", "another one");
            asking.update_auth_hash("mia").unwrap();
        });
        copy.restart();
        assert_eq!(copy.who(), "nobody");
        browser.restart();
        assert_eq!(browser.who(), "mia, remembered");
    }
}

pub(in super::super) fn what_is_not_the_auth_hash_ends_nothing() {
    let site = Site::new();
    let mut browser = site.browser_of("mia");
    // Written again, as by an application that saves the whole row.
    site.set_stamp("mia", "stamp of mia");
    assert_eq!(browser.who(), "mia, fresh");
    // Without an auth hash there is nothing to compare.
    site.add("eve");
    let mut browser = site.remembered_browser_of("eve");
    assert_eq!(browser.who(), "eve, fresh");
    browser.restart();
    assert_eq!(browser.who(), "eve, remembered");
}

/// Laravel lets such a session pass and gives it the hash. Only the flask preset does, for what a peer made.
pub(in super::super) fn a_login_without_a_digest_is_over_once_the_user_has_an_auth_hash() {
    let site = Site::new();
    site.add("eve");
    let mut browsers = [site.browser_of("eve"), site.remembered_browser_of("eve")];
    browsers[1].restart();
    site.set_stamp("eve", "the first one");
    for browser in &mut browsers {
        assert_eq!(browser.who(), "nobody");
        assert!(browser.names().is_empty());
        browser.log_in("eve");
        assert_eq!(browser.who(), "eve, fresh");
    }
    let site = Site::flask(|builder| builder);
    site.add("eve");
    let mut browser = site.browser_of("eve");
    site.set_stamp("eve", "the first one");
    assert!(browser.who().starts_with("eve"));
}

pub(in super::super) fn a_user_who_is_gone_or_suspended_is_logged_out_cleanly() {
    type Change = fn(&Site);
    let changes: [(Change, EndReason); 2] = [
        (|site| site.remove("mia"), EndReason::UserGone),
        (
            |site| site.change("mia", |person| person.active = false),
            EndReason::UserInactive,
        ),
    ];
    for (change, reason) in changes {
        for by_token in [false, true] {
            let site = Site::new();
            let mut browser = site.remembered_browser_of("mia");
            if by_token {
                browser.restart();
            }
            let mut copy = browser.clone();
            let mia = site.person("mia");
            site.events();
            change(&site);
            assert_eq!(browser.who(), "nobody");
            assert!(browser.names().is_empty());
            assert!(site.events().contains(&ended("mia", reason)));
            assert_eq!(site.shelf.len(), 0);
            site.put(mia);
            assert_eq!(copy.who(), "nobody", "it does not come back");
        }
    }
}

pub(in super::super) fn logging_out_everywhere_is_two_calls() {
    let site = Site::new();
    let mut others = [site.browser_of("mia"), site.remembered_browser_of("mia")];
    let mut browser = site.browser_of("mia");
    site.events();
    browser.ask(|asking| {
        assert_eq!(asking.who(), "mia, fresh");
        assert_eq!(block_on(asking.login().end_other_logins()).unwrap(), 2);
    });
    let told = site.events();
    let by_user = ended("mia", EndReason::EndedByUser);
    assert_eq!(told.iter().filter(|event| **event == by_user).count(), 2);
    assert_eq!(browser.who(), "mia, fresh");
    for other in &mut others {
        assert_eq!(other.who(), "nobody");
        assert!(other.names().is_empty());
    }
    browser.log_out();
    assert_eq!(site.shelf.len(), 0);
}

/// Laravel asks for the password at once. Here the route asks for a fresh login.
pub(in super::super) fn ending_others_needs_a_fresh_login() {
    let site = Site::new();
    let mut other = site.browser_of("mia");
    let mut browser = site.remembered_browser_of("mia");
    browser.restart();
    browser.ask(|asking| {
        assert_eq!(asking.who(), "mia, remembered");
        let error = block_on(asking.login().end_other_logins()).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NotFresh);
    });
    assert_eq!(other.who(), "mia, fresh");
}

pub(in super::super) fn one_login_can_be_ended_and_the_current_one_too() {
    let site = Site::new();
    let mut other = site.browser_of("mia");
    let [others] = site.logins_of("mia").try_into().unwrap();
    let mut bens = site.browser_of("ben");
    let [bens_id] = site.logins_of("ben").try_into().unwrap();
    let mut third = site.browser_of("mia");
    let mut browser = site.browser_of("mia");
    let current = browser.ask(|asking| {
        assert_eq!(asking.who(), "mia, fresh");
        let login = asking.login();
        assert!(block_on(login.end_login(&others)).unwrap());
        assert!(!block_on(login.end_login(&others)).unwrap());
        assert!(!block_on(login.end_login(&bens_id)).unwrap());
        let logins = block_on(login.logins()).unwrap();
        assert_eq!(logins.len(), 2);
        logins.iter().find(|login| login.current).unwrap().id
    });
    assert_eq!(other.who(), "nobody");
    assert_eq!(bens.who(), "ben, fresh");
    browser.ask(|asking| {
        asking.who();
        assert!(block_on(asking.login().end_login(&current)).unwrap());
    });
    assert_eq!(browser.who(), "nobody");
    assert_eq!(third.who(), "mia, fresh");
}

pub(in super::super) fn a_session_from_before_the_records_can_be_logged_out() {
    let before = Site::without_store(|builder| builder);
    let with_records = before.restarted_with_store(SecretKeys::new(STRONG_KEY).unwrap(), |it| it);
    let mut browser = before.browser_of("mia");
    let mut copy = browser.clone();
    browser.at(&with_records).log_out();
    assert!(browser.names().is_empty());
    before.events();
    assert_eq!(copy.at(&with_records).who(), "nobody");
    assert!(before.events().contains(&ended("mia", EndReason::NoRecord)));
    copy.log_in("mia");
    assert_eq!(copy.who(), "mia, fresh");
}

pub(in super::super) fn a_login_takes_the_place_of_the_one_before() {
    let site = Site::new();
    let mut browser = site.remembered_browser_of("mia");
    let first = site.record_of("mia").id;
    let copy = browser.clone();
    browser.log_in("mia");
    assert_ne!(
        site.record_of("mia").id,
        first,
        "one login, and another one"
    );
    assert_eq!(copy.clone().who(), "nobody");
    assert_eq!(browser.who(), "mia, fresh");
}

pub(in super::super) fn a_login_that_was_ended_meanwhile_is_not_brought_back() {
    type Change = fn(&Asking) -> Result<(), crate::Error>;
    let changes: [Change; 2] = [
        |asking| asking.confirm("mia"),
        |asking| asking.update_auth_hash("mia"),
    ];
    for change in changes {
        let site = Site::new();
        let mut browser = site.browser_of("mia");
        browser.ask(|asking| {
            assert_eq!(asking.who(), "mia, fresh");
            asking.visit.session().insert("cart", "one").unwrap();
            block_on(site.manager.end_logins_of("mia")).unwrap();
            assert_eq!(change(asking).unwrap_err().kind(), ErrorKind::NotLoggedIn);
        });
        assert_eq!(site.shelf.len(), 0);
        assert_eq!(browser.who(), "nobody");
        assert!(browser.names().is_empty());
    }
}

pub(in super::super) fn a_renewed_login_keeps_its_number_and_its_values() {
    let site = Site::new();
    let mut browser = site.browser_of("mia");
    browser.put("cart", "one");
    let id = site.record_of("mia").id;
    let mut copy = browser.clone();
    browser.confirm("mia");
    assert_ne!(browser.cookie(SESSION), copy.cookie(SESSION));
    assert_eq!(site.logins_of("mia"), [id]);
    site.pass(31);
    site.events();
    assert_eq!(copy.who(), "nobody");
    assert!(
        site.events()
            .contains(&ended("mia", EndReason::CookieReplaced))
    );
    assert_eq!(browser.read("cart").as_deref(), Some("one"));
    assert_eq!(browser.who(), "mia, fresh");
}

pub(in super::super) fn asking_for_a_login_that_is_not_there_makes_none() {
    let site = Site::new();
    let mut browser = site.browser_of("mia");
    block_on(site.manager.end_logins_of("mia")).unwrap();
    site.shelf.asked();
    let mut copy = browser.clone();
    for browser in [&mut browser, &mut copy, &mut site.browser()] {
        assert_eq!(browser.who(), "nobody");
        assert!(site.shelf.writes().is_empty());
        assert_eq!(site.shelf.len(), 0);
        browser.log_in("mia");
        browser.log_out();
        site.shelf.asked();
    }
}

/// The socket of Phoenix is closed by a message that its password change sends.
pub(in super::super) fn a_watch_knows_its_login_from_all_others() {
    let site = Site::new();
    let mut browser = site.browser_of("mia");
    let mut other = site.browser_of("mia");
    let (mine, others) = (watch(&mut browser), watch(&mut other));
    other.log_out();
    assert!(is_over(&others));
    assert!(!is_over(&mine));
    assert_eq!(browser.who(), "mia, fresh");
}
