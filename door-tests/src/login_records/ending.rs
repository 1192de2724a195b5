//! The list of logins, and ending them: for their owner, and for an administrator.

use std::time::Duration;

use housekey::{EndReason, ErrorKind, Event, SecretKeys};

use crate::browser::Browser;
use crate::site::START;
use crate::site::{DAY, HOUR, KEY, Site, Sites};
use crate::store::Gate;

fn site(sites: Sites) -> Site {
    sites.stored().with_login_pages(&Gate::default())
}

fn ended(reason: EndReason) -> Event {
    Event::LoginEnded {
        user_id: "mia".to_owned(),
        reason,
    }
}

/// A logged-in browser of this make, and the id of its login.
async fn log_in_with(site: &Site, user_agent: &str, form: &str) -> (Browser, String) {
    let mut browser = site.browser();
    browser.user_agent = Some(user_agent.to_owned());
    assert_eq!(browser.post("/login", form).await.status, 303);
    let list = browser.read("/logins").await;
    let own = list.lines().find(|line| line.contains("current")).unwrap();
    let id = own.split(' ').next().unwrap().to_owned();
    (browser, id)
}

async fn people_see_their_own_logins_the_one_last_used_first(sites: Sites) {
    let site = site(sites);
    let (_, phone) = log_in_with(&site, "Phone/1", "name=mia&remember=true").await;
    log_in_with(&site, "Spy/1", "name=ben").await;
    site.clock.advance(HOUR);
    let (mut desk, own) = log_in_with(&site, "Desk/1", "name=mia").await;
    assert_eq!(
        desk.read("/logins").await,
        format!("{own} Desk/1 current\n{phone} Phone/1 remembered")
    );
}

async fn a_list_shows_when_a_login_was_made_and_used(sites: Sites) {
    let site = site(sites);
    let mut browser = site.browser_of("mia").await;
    site.clock.advance(2 * HOUR);
    browser.who().await;
    let login = site.manager().logins_of("mia").await.unwrap().remove(0);
    let since = |time: std::time::SystemTime| {
        time.duration_since(std::time::SystemTime::UNIX_EPOCH)
            .unwrap()
            .as_secs()
            - START
    };
    assert_eq!(
        (since(login.created_at), since(login.last_seen_at)),
        (0, 7200)
    );
    assert!(!login.current && !login.remembered);
    assert_eq!(login.address, None, "nothing says where it comes from");
}

async fn the_program_and_the_address_are_those_of_the_login_or_of_the_last_use_of_its_token(
    sites: Sites,
) {
    let site = sites.stored_with(|builder| builder.trusted_proxies(1));
    let mut browser = site.browser();
    let from = async |browser: &mut Browser, method, path, body: &str, address: &str| {
        let mut request = browser.request(method, path, body);
        request
            .headers_mut()
            .insert("x-forwarded-for", address.parse().unwrap());
        browser.send(request).await
    };
    let form = "name=mia&remember=true";
    from(
        &mut browser,
        http::Method::POST,
        "/login",
        form,
        "2001:db8::1",
    )
    .await;
    let seen = async || {
        let login = site.manager().logins_of("mia").await.unwrap().remove(0);
        (
            login.user_agent.unwrap(),
            login.address.unwrap().to_string(),
        )
    };
    assert_eq!(
        seen().await,
        ("Firefox/1".to_owned(), "2001:db8::1".to_owned())
    );
    browser.user_agent = Some("Firefox/2".to_owned());
    from(&mut browser, http::Method::GET, "/who", "", "192.0.2.1").await;
    assert_eq!(
        seen().await,
        ("Firefox/1".to_owned(), "2001:db8::1".to_owned())
    );
    browser.restart();
    from(&mut browser, http::Method::GET, "/who", "", "192.0.2.1").await;
    assert_eq!(
        seen().await,
        ("Firefox/2".to_owned(), "192.0.2.1".to_owned())
    );
}

async fn what_a_program_calls_itself_is_kept_short_and_without_control_characters(sites: Sites) {
    let long = "x".repeat(300);
    let cases: [(&[u8], &str); 4] = [
        (b"plain/1", "plain/1"),
        (b"a\tb\x80\xffc", "ab\u{fffd}\u{fffd}c"),
        ("caf\u{e9}\u{85}".as_bytes(), "caf\u{e9}"),
        (long.as_bytes(), &long[..256]),
    ];
    for (sent, kept) in cases {
        let site = sites.stored();
        let browser = site.browser();
        let mut request = browser.request(http::Method::POST, "/login", "name=mia");
        let sent = http::HeaderValue::from_bytes(sent).unwrap();
        request.headers_mut().insert("user-agent", sent);
        browser.clone().send(request).await;
        let login = site.manager().logins_of("mia").await.unwrap().remove(0);
        assert_eq!(login.user_agent.as_deref(), Some(kept));
    }
}

async fn a_login_that_is_ended_from_another_is_out_at_once_remembered_or_not(sites: Sites) {
    let site = site(sites);
    let (mut phone, id) = log_in_with(&site, "Phone/1", "name=mia&remember=true").await;
    let (mut desk, _) = log_in_with(&site, "Desk/1", "name=mia").await;
    site.events.take();
    assert_eq!(
        desk.post(&format!("/logins/{id}/end"), "").await.body,
        "true"
    );
    assert_eq!(
        site.events.take(),
        [Event::Accessed, ended(EndReason::EndedByUser)]
    );
    let mut restarted = phone.clone();
    restarted.restart();
    for browser in [&mut phone, &mut restarted] {
        assert_eq!(browser.who().await, "nobody");
        assert_eq!(browser.jar.names(), [""; 0]);
    }
    assert_eq!(desk.who().await, "mia, fresh, by Session");
}

async fn a_login_of_somebody_else_and_one_that_is_over_are_answered_alike_and_nothing_ends(
    sites: Sites,
) {
    let site = site(sites);
    let (mut ben, of_ben) = log_in_with(&site, "Phone/1", "name=ben").await;
    let (mut gone, over) = log_in_with(&site, "Phone/1", "name=mia").await;
    gone.post("/logout", "").await;
    let (mut mia, _) = log_in_with(&site, "Desk/1", "name=mia").await;
    site.events.take();
    let answers = [of_ben.as_str(), &over, "AAECAwQFBgcICQoLDA0ODw"];
    for id in answers {
        let answer = mia.post(&format!("/logins/{id}/end"), "").await;
        assert_eq!((answer.status, answer.body.as_str()), (200, "false"));
    }
    assert_eq!(
        site.events.take(),
        [Event::Accessed, Event::Accessed, Event::Accessed]
    );
    assert_eq!(ben.who().await, "ben, fresh, by Session");
}

async fn what_is_not_the_number_of_a_login_is_not_found(sites: Sites) {
    let site = site(sites);
    let (mut mia, own) = log_in_with(&site, "Desk/1", "name=mia").await;
    for id in [
        "1",
        "%00",
        "AAECAwQFBgcICQoLDA0ODx",
        &format!("{own}="),
        &own[1..],
    ] {
        let answer = mia.post(&format!("/logins/{id}/end"), "").await;
        assert_eq!(answer.status, 404, "{id}");
    }
    assert_eq!(mia.who().await, "mia, fresh, by Session");
}

async fn ending_the_others_keeps_this_one_and_those_of_other_people(sites: Sites) {
    let site = site(sites);
    let mut ben = site.browser_of("ben").await;
    let mut others = [
        site.browser_of("mia").await,
        site.remembered_browser_of("mia").await,
    ];
    let mut desk = site.remembered_browser_of("mia").await;
    site.events.take();
    assert_eq!(desk.post("/logins/end-others", "").await.body, "2");
    let reason = || ended(EndReason::EndedByUser);
    assert_eq!(site.events.take(), [Event::Accessed, reason(), reason()]);
    assert_eq!(desk.post("/logins/end-others", "").await.body, "0");
    for other in &mut others {
        assert_eq!(other.who().await, "nobody");
    }
    assert_eq!(desk.who().await, "mia, fresh, remembered, by Session");
    assert_eq!(ben.who().await, "ben, fresh, by Session");
}

async fn people_may_end_the_login_that_they_are_using(sites: Sites) {
    let site = site(sites);
    let (mut desk, own) = log_in_with(&site, "Desk/1", "name=mia&remember=true").await;
    assert_eq!(
        desk.post(&format!("/logins/{own}/end"), "").await.body,
        "true"
    );
    assert_eq!(desk.who().await, "nobody");
    assert_eq!(desk.jar.names(), [""; 0]);
}

async fn only_a_fresh_login_that_was_looked_at_sees_or_ends_any(sites: Sites) {
    let site = site(sites);
    let (_, id) = log_in_with(&site, "Phone/1", "name=mia").await;
    let end_one = format!("/logins/{id}/end");

    let mut stale = site.browser_of("mia").await;
    site.clock.advance(HOUR + Duration::from_secs(1));
    stale.who().await;
    let mut remembered = site.remembered_browser_of("mia").await;
    remembered.restart();
    let mut said_to_be_stale = site.browser();
    said_to_be_stale
        .post("/login", "name=mia&not_fresh=true")
        .await;
    let mut elsewhere = site.browser_of("mia").await;
    elsewhere.user_agent = Some("Opera/1".to_owned());
    let stranger = site.browser();
    let count = site.store.len();
    for (name, browser) in [
        ("stale", stale),
        ("remembered", remembered),
        ("not fresh", said_to_be_stale),
        ("another browser", elsewhere),
        ("a stranger", stranger),
    ] {
        for (method, path) in [
            (http::Method::GET, "/logins"),
            (http::Method::POST, "/logins/end-others"),
            (http::Method::POST, end_one.as_str()),
        ] {
            let mut browser = browser.clone();
            let request = browser.request(method, path, "");
            let answer = browser.send(request).await;
            assert_eq!(answer.status, 403, "{name} at {path}: {}", answer.body);
        }
    }
    let mut fresh = site.browser_of("mia").await;
    assert_eq!(fresh.get("/logins/unasked").await.status, 403);
    assert_eq!(site.store.len(), count + 1);
}

async fn an_api_key_cannot_see_or_end_logins(sites: Sites) {
    let site = site(sites);
    let mut browser = site.browser();
    let answer = browser
        .get_with("/logins", &[("x-api-key", "key-of-mia")])
        .await;
    assert_eq!(answer.status, 403);
}

async fn an_administrator_ends_one_login_or_all_of_a_user(sites: Sites) {
    let site = site(sites);
    let (mut phone, id) = log_in_with(&site, "Phone/1", "name=mia").await;
    let (mut desk, _) = log_in_with(&site, "Desk/1", "name=mia").await;
    let mut ben = site.browser_of("ben").await;
    let manager = site.manager();
    let id = id.parse().unwrap();
    site.events.take();
    let whose = manager.end_login(&id).await.unwrap();
    assert_eq!(whose.as_deref(), Some("mia"));
    assert_eq!(manager.end_login(&id).await.unwrap(), None);
    assert_eq!(site.events.take(), [ended(EndReason::EndedByApplication)]);
    assert_eq!(phone.who().await, "nobody");
    assert_eq!(desk.who().await, "mia, fresh, by Session");
    site.events.take();
    assert_eq!(manager.end_logins_of("mia").await.unwrap(), 1);
    assert_eq!(manager.end_logins_of("mia").await.unwrap(), 0);
    assert_eq!(site.events.take(), [ended(EndReason::EndedByApplication)]);
    assert_eq!(desk.who().await, "nobody");
    assert_eq!(ben.who().await, "ben, fresh, by Session");
}

/// The authority is not cached: another process of the same site notices at the very next request.
async fn a_login_ended_by_one_process_is_over_in_the_others_at_once(sites: Sites) {
    let site = sites.stored();
    let other_process = site.restarted(SecretKeys::new(KEY).unwrap(), |builder| builder);
    let mut browser = site.browser_of("mia").await;
    browser.who().await;
    assert_eq!(
        other_process.manager().end_logins_of("mia").await.unwrap(),
        1
    );
    assert_eq!(browser.who().await, "nobody");
}

async fn expired_records_are_deleted_when_somebody_asks_for_it_and_the_others_stay(sites: Sites) {
    let site = sites.stored();
    for _ in 0..3 {
        site.browser_of("mia").await;
    }
    let mut remembered = site.remembered_browser_of("mia").await;
    site.clock.advance(DAY);
    let mut late = site.browser_of("ben").await;
    assert_eq!(site.store.len(), 5);
    assert_eq!(site.logins("mia").await, 1);
    let manager = site.manager();
    assert_eq!(manager.delete_expired_logins().await.unwrap(), 3);
    assert_eq!(manager.delete_expired_logins().await.unwrap(), 0);
    assert_eq!(site.store.len(), 2);
    assert_eq!(late.who().await, "ben, fresh, by Session");
    assert_eq!(remembered.who().await, "mia, remembered, by RememberToken");
}

async fn without_a_store_there_is_no_list_and_the_error_says_so(sites: Sites) {
    let site = sites.safe().with_login_pages(&Gate::default());
    let mut browser = site.browser_of("mia").await;
    assert_eq!(browser.get("/logins").await.status, 500);
    for result in [
        site.manager().logins_of("mia").await.map(|_| ()),
        site.manager().end_logins_of("mia").await.map(|_| ()),
        site.manager().delete_expired_logins().await.map(|_| ()),
    ] {
        assert_eq!(result.unwrap_err().kind(), ErrorKind::NoLoginStore);
    }
}

/// The remedy that `User::is_active` names: a login that made no request while its user was locked out is valid again.
async fn an_account_that_is_let_in_again_has_its_old_logins_unless_they_were_ended(sites: Sites) {
    for ended in [false, true] {
        let site = sites.stored();
        let mut asleep = site.remembered_browser_of("mia").await;
        let mut awake = site.remembered_browser_of("mia").await;
        site.members.change("mia", |member| member.active = false);
        assert_eq!(awake.who().await, "nobody");
        if ended {
            assert_eq!(site.manager().end_logins_of("mia").await.unwrap(), 1);
        }
        site.members.change("mia", |member| member.active = true);
        assert_eq!(awake.who().await, "nobody");
        assert_eq!(asleep.who().await.starts_with("mia"), !ended);
    }
}

/// The danger that `User::id` warns about, and the two ways out.
async fn an_id_that_is_given_again_is_safe_with_a_stamp_of_the_account_or_once_its_logins_are_ended(
    sites: Sites,
) {
    for (stamp, ended, expected) in [
        (None, false, "mia, fresh, remembered, by Session"),
        (Some("of the new account"), false, "nobody"),
        (None, true, "nobody"),
    ] {
        let site = sites.stored();
        site.members.change("mia", |member| member.stamp = None);
        let mut former_owner = site.remembered_browser_of("mia").await;
        if ended {
            site.manager().end_logins_of("mia").await.unwrap();
        }
        // The row is deleted, and another person signs up with the name.
        site.members
            .change("mia", |member| member.stamp = stamp.map(Into::into));
        assert_eq!(former_owner.who().await, expected);
    }
}

cases! {
    login_records_ending:
    people_see_their_own_logins_the_one_last_used_first,
    a_list_shows_when_a_login_was_made_and_used,
    the_program_and_the_address_are_those_of_the_login_or_of_the_last_use_of_its_token,
    what_a_program_calls_itself_is_kept_short_and_without_control_characters,
    a_login_that_is_ended_from_another_is_out_at_once_remembered_or_not,
    a_login_of_somebody_else_and_one_that_is_over_are_answered_alike_and_nothing_ends,
    what_is_not_the_number_of_a_login_is_not_found,
    ending_the_others_keeps_this_one_and_those_of_other_people,
    people_may_end_the_login_that_they_are_using,
    only_a_fresh_login_that_was_looked_at_sees_or_ends_any,
    an_api_key_cannot_see_or_end_logins,
    an_administrator_ends_one_login_or_all_of_a_user,
    a_login_ended_by_one_process_is_over_in_the_others_at_once,
    expired_records_are_deleted_when_somebody_asks_for_it_and_the_others_stay,
    without_a_store_there_is_no_list_and_the_error_says_so,
    an_account_that_is_let_in_again_has_its_old_logins_unless_they_were_ended,
    an_id_that_is_given_again_is_safe_with_a_stamp_of_the_account_or_once_its_logins_are_ended,
}
