//! Where one is signed in: seeing it, and ending it.

use axum::http::StatusCode;

use crate::browser::{Answer, Browser};
use crate::{OK, PASSWORD, Site, app, options, start};

const FIREFOX: &str =
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:133.0) Gecko/20100101 Firefox/133.0";
const IPHONE: &str = "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5_1 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) \
                      Version/17.5 Mobile/15E148 Safari/604.1";

const HERE: &str = "/account/logins";
const END: &str = "/account/logins/end";
const END_OTHERS: &str = "/account/logins/end-others";

/// One entry of the list, as its markup.
fn entry<'a>(page: &'a Answer, program: &str) -> &'a str {
    let found = entries(page).find(|entry| entry.contains(&format!(">{program}</h2>")));
    found.unwrap_or_else(|| panic!("no {program} in {}", page.body))
}

fn entries(page: &Answer) -> impl Iterator<Item = &str> {
    assert_eq!(page.status, OK, "{page:?}");
    let (_, list) = page
        .body
        .split_once(r#"<ul class="sheet logins">"#)
        .unwrap();
    let (list, _) = list.split_once("</ul>").unwrap();
    list.split("<li").skip(1)
}

/// The number in the entry's form.
fn number(entry: &str) -> String {
    let (_, rest) = entry.split_once(r#"name="login" value=""#).unwrap();
    rest.split('"').next().unwrap().to_owned()
}

async fn desk_and_phone(site: &Site) -> (Browser, Browser) {
    site.member("ada").await.post("/sign-out", &[]).await;
    let desk = site.browser().named(FIREFOX);
    let phone = site.browser().named(IPHONE);
    (
        site.sign_in(desk, "ada", false).await,
        site.sign_in(phone, "ada", true).await,
    )
}

async fn is_in(browser: &mut Browser) -> bool {
    let answer = browser.get("/dashboard").await;
    match answer.status {
        OK => true,
        _ => {
            answer.leads_to("/sign-in?next=%2Fdashboard");
            false
        }
    }
}

#[tokio::test]
async fn two_browsers_see_each_other_and_know_themselves() {
    let site = Site::open().await;
    let (mut desk, mut phone) = desk_and_phone(&site).await;
    for (browser, own, other) in [
        (&mut desk, "Firefox on Windows", "Safari on iPhone"),
        (&mut phone, "Safari on iPhone", "Firefox on Windows"),
    ] {
        let page = browser.get(HERE).await;
        assert_eq!(entries(&page).count(), 2);
        let (own, other) = (entry(&page, own), entry(&page, other));
        assert!(own.contains("This browser"), "{own}");
        assert!(own.contains("Last used just now"), "{own}");
        assert!(!other.contains("This browser"), "{other}");
        assert!(other.contains("Last used within the last hour"), "{other}");
        for entry in [own, other] {
            let (_, since) = entry.split_once("Signed in <time datetime=\"").unwrap();
            let (utc, words) = since.split_once("Z\">").unwrap();
            assert_eq!(utc.len(), "2026-11-29T14:05:09".len(), "{entry}");
            // Yesterday, if midnight has just passed.
            assert!(words.contains("day at "), "{entry}");
            assert!(words.contains(" UTC</time><br>"), "{entry}");
            assert!(entry.contains("From 127.0.0.1</p>"), "{entry}");
            let remembered = entry.contains("Stays signed in");
            assert_eq!(remembered, entry.contains("iPhone"), "{entry}");
        }
        page.shows(OK, "Use is noted once in an hour at most");
    }
}

#[tokio::test]
async fn this_browser_is_the_first_of_the_list_even_if_others_were_used_since() {
    let site = Site::open().await;
    let (mut desk, mut phone) = desk_and_phone(&site).await;
    site.logins()
        .execute(
            "UPDATE logins SET last_seen_at = last_seen_at + created_at % 2 + rowid",
            [],
        )
        .unwrap();
    for browser in [&mut desk, &mut phone] {
        let page = browser.get(HERE).await;
        let first = entries(&page).next().unwrap();
        assert!(first.contains("This browser"), "{first}");
    }
}

#[tokio::test]
async fn a_browser_is_told_that_its_login_was_ended_elsewhere() {
    const ENDED: &str = "You were signed out in this browser: from another one";
    let site = Site::open().await;
    for first in ["/dashboard", "/", "/events"] {
        let name = format!("ada{}", first.len());
        site.member(&name).await.post("/sign-out", &[]).await;
        let mut desk = site.sign_in(site.browser(), &name, false).await;
        let mut phone = site.sign_in(site.browser(), &name, true).await;
        desk.post(END_OTHERS, &[]).await.leads_to(HERE);
        let page = match first {
            "/" => phone.get("/").await,
            _ => {
                phone.get(first).await;
                phone.get("/sign-in").await
            }
        };
        page.shows(OK, ENDED);
        let asks = page.body.contains("Please sign in to see that page.");
        assert!(!asks, "{first}: {}", page.body);
        let again = phone.get("/sign-in").await;
        assert!(!again.body.contains(ENDED), "it is told once");
        let here = desk.get("/").await;
        assert!(!here.body.contains(ENDED), "{}", here.body);
    }
}

#[tokio::test]
async fn a_browser_is_told_that_the_password_was_changed_and_nothing_when_it_signed_out_itself() {
    let site = Site::open().await;
    let (mut desk, mut phone) = desk_and_phone(&site).await;
    let fields = [
        ("current_password", PASSWORD),
        ("new_password", "another password"),
    ];
    desk.post("/account", &fields).await.leads_to("/account");
    phone.get("/dashboard").await;
    let page = phone.get("/sign-in?next=%2Fdashboard").await;
    page.shows(
        OK,
        "You were signed out in this browser: from another one, by a new password",
    );

    site.table()
        .execute("UPDATE members SET auth_stamp = randomblob(16)", [])
        .unwrap();
    desk.get("/").await.shows(
        OK,
        "Your password was changed, so this browser was signed out.",
    );
    let new = [("username", "ada"), ("password", "another password")];
    desk.post("/sign-in", &new).await.leads_to("/dashboard");

    desk.post("/sign-out", &[]).await.leads_to("/");
    desk.get("/").await.shows(OK, "See you soon.");
    desk.get("/dashboard").await;
    let page = desk.get("/sign-in").await;
    page.shows(OK, "Please sign in to see that page.");
    assert!(!page.body.contains("You were signed out"));
}

#[tokio::test]
async fn nobody_sees_the_logins_of_others() {
    let site = Site::open().await;
    let mut ada = site.member("ada").await;
    let mut grace = site.member("grace").await;
    let number = number(entries(&ada.get(HERE).await).next().unwrap());
    assert_eq!(entries(&grace.get(HERE).await).count(), 1);

    grace.post(END, &[("login", &number)]).await.leads_to(HERE);
    grace
        .get(HERE)
        .await
        .shows(OK, "That one was signed out already.");
    grace.post(END_OTHERS, &[]).await.leads_to(HERE);
    assert!(is_in(&mut ada).await);
}

#[tokio::test]
async fn what_is_ended_is_over_at_its_next_request_even_if_it_was_remembered() {
    let site = Site::open().await;
    let (mut desk, mut phone) = desk_and_phone(&site).await;
    let page = desk.get(HERE).await;
    let chosen = number(entry(&page, "Safari on iPhone"));
    desk.post(END, &[("login", &chosen)]).await.leads_to(HERE);
    let page = desk.get(HERE).await;
    page.shows(OK, "Safari on iPhone is signed out.");
    assert_eq!(entries(&page).count(), 1);
    assert!(!page.body.contains("Sign out everywhere else"));

    assert!(!is_in(&mut phone).await);
    phone.reopen();
    assert!(!is_in(&mut phone).await);
    assert!(is_in(&mut desk).await);

    desk.post(END, &[("login", &chosen)]).await.leads_to(HERE);
    desk.get(HERE)
        .await
        .shows(OK, "That one was signed out already.");
}

#[tokio::test]
async fn to_end_this_login_is_to_sign_out() {
    let site = Site::open().await;
    let (mut desk, mut phone) = desk_and_phone(&site).await;
    let page = desk.get(HERE).await;
    let own = number(entry(&page, "Firefox on Windows"));
    desk.post(END, &[("login", &own)]).await.leads_to("/");
    desk.get("/").await.shows(OK, "You are signed out.");
    assert!(!is_in(&mut desk).await);
    assert!(is_in(&mut phone).await);
}

#[tokio::test]
async fn everywhere_else_is_everywhere_but_here() {
    let site = Site::open().await;
    let (mut desk, mut phone) = desk_and_phone(&site).await;
    let mut tablet = site.sign_in(site.browser(), "ada", true).await;
    let mut grace = site.member("grace").await;
    for message in [
        "You are signed out in the 2 other places.",
        "You were signed in nowhere else.",
    ] {
        desk.post(END_OTHERS, &[]).await.leads_to(HERE);
        desk.get(HERE).await.shows(OK, message);
    }
    assert!(!is_in(&mut phone).await);
    assert!(!is_in(&mut tablet).await);
    assert!(is_in(&mut desk).await);
    assert!(is_in(&mut grace).await);
}

#[tokio::test]
async fn all_of_it_needs_a_fresh_login_and_a_form_of_this_site() {
    let site = Site::open().await;
    let (mut desk, mut phone) = desk_and_phone(&site).await;
    let number = number(entry(&desk.get(HERE).await, "Firefox on Windows"));
    let fields = [("login", number.as_str())];

    phone.reopen();
    let back = "/sign-in?next=%2Faccount%2Flogins";
    phone.get(HERE).await.leads_to(back);
    let mut nobody = site.browser();
    nobody.get(HERE).await.leads_to(back);
    for browser in [&mut phone, &mut nobody] {
        for path in [END, END_OTHERS] {
            browser.post(path, &fields).await.leads_to("/sign-in");
        }
    }
    for path in [END, END_OTHERS] {
        desk.post_from("cross-site", path, &fields)
            .await
            .shows(StatusCode::FORBIDDEN, "The form was sent by another site");
        assert_eq!(
            desk.get(path).await.status,
            StatusCode::METHOD_NOT_ALLOWED,
            "a link ends nothing"
        );
    }
    assert!(is_in(&mut desk).await);
    assert!(is_in(&mut phone).await);
}

#[tokio::test]
async fn a_copied_cookie_is_worthless_after_signing_out() {
    let site = Site::open().await;
    site.member("ada").await;
    let mut ada = site.sign_in(site.browser(), "ada", true).await;
    let mut session = ada.clone();
    let mut token = ada.clone();
    token.reopen();
    assert!(is_in(&mut session.clone()).await);

    ada.post("/sign-out", &[]).await.leads_to("/");
    assert!(!is_in(&mut session).await);
    assert!(!is_in(&mut token).await);
}

#[tokio::test]
async fn what_browsers_say_of_themselves_is_escaped() {
    let site = Site::open().await;
    let sly = site.browser().named("</h2><script>alert(1)</script>");
    site.member("ada").await;
    let mut ada = site.sign_in(sly, "ada", false).await;
    let page = ada.get(HERE).await;
    entry(&page, "An unknown browser");
    assert!(!page.body.contains("alert(1)"), "{}", page.body);
}

#[tokio::test]
async fn addresses_are_those_that_the_proxies_saw() {
    let forwarded = "198.51.100.1, 203.0.113.7, 192.0.2.9";
    for (more, address) in [
        (&["--https"][..], "192.0.2.9"),
        (&["--https", "--proxies", "2"], "203.0.113.7"),
        (&["--https", "--proxies", "4"], "127.0.0.1"),
        (&[], "127.0.0.1"),
    ] {
        let site = Site::open_with(more).await;
        site.member("ada").await;
        let browser = site.browser().named(FIREFOX).forwarded_for(forwarded);
        let mut ada = site.sign_in(browser, "ada", false).await;
        let page = ada.get(HERE).await;
        let line = format!("From {address}</p>");
        assert!(
            entry(&page, "Firefox on Windows").contains(&line),
            "{more:?}: {}",
            page.body
        );
    }
}

#[tokio::test]
async fn the_page_is_as_exact_as_the_timeouts_let_it_be() {
    for (profile, last_used) in [
        ("everyday", "within the last hour"),
        ("sensitive", "within the last 3 minutes"),
        ("critical", "within the last minute"),
    ] {
        let site = Site::open_with(&["--timeouts", profile]).await;
        let (mut desk, _phone) = desk_and_phone(&site).await;
        let page = desk.get(HERE).await;
        let phone = entry(&page, "Safari on iPhone");
        assert!(phone.contains(last_used), "{profile}: {phone}");
    }
}

#[tokio::test]
async fn a_restart_signs_everybody_out_only_where_logins_are_in_memory() {
    for (store, still_in) in [("sqlite", true), ("memory", false)] {
        let more = ["--store", store];
        let site = Site::open_with(&more).await;
        let (mut desk, mut phone) = desk_and_phone(&site).await;
        let restarted = app(options(site.data.path(), &more)).await;
        for browser in [&mut desk, &mut phone] {
            browser.visit(&restarted);
            assert_eq!(is_in(browser).await, still_in, "{store}");
        }
    }
}

#[tokio::test]
async fn a_store_that_the_site_does_not_have_is_refused_at_the_start() {
    let data = tempfile::tempdir().unwrap();
    for (store, answer) in [
        ("sqllite", "choose sqlite, memory"),
        ("mysql://db/", "--store mysql is none"),
    ] {
        let options = options(data.path(), &["--store", store]);
        let refused = members::app(&options, &members::Closing::default()).await;
        let said = refused.expect_err("it is refused").to_string();
        assert!(said.contains(answer), "{store}: {said}");
    }
    assert_eq!(
        std::fs::read_dir(data.path()).unwrap().count(),
        0,
        "nothing was made for it"
    );
}

#[cfg(not(any(feature = "postgres", feature = "redis")))]
#[tokio::test]
async fn a_store_that_was_left_out_of_the_program_is_named_with_how_to_get_it() {
    let data = tempfile::tempdir().unwrap();
    for (store, answer) in [
        ("postgres://db/", "build it with `--features postgres`"),
        ("redis://db/", "build it with `--features redis`"),
    ] {
        let options = options(data.path(), &["--store", store]);
        let refused = members::app(&options, &members::Closing::default()).await;
        let said = refused.expect_err("it is refused").to_string();
        assert!(said.contains(answer), "{store}: {said}");
    }
}

#[tokio::test]
async fn logins_that_are_long_over_do_not_stay_in_the_file() {
    let site = Site::open().await;
    site.member("ada").await;
    let table = site.logins();
    let count = || -> usize {
        table
            .query_one("SELECT count(*) FROM logins", [], |row| row.get(0))
            .unwrap()
    };
    table
        .execute("UPDATE logins SET expires_at = 1", [])
        .unwrap();
    assert_eq!(count(), 1);
    let _restarted = start(site.data.path()).await;
    // It is done in the background, so at some time.
    let purged = async {
        while count() > 0 {
            tokio::task::yield_now().await;
        }
    };
    let patience = std::time::Duration::from_secs(60);
    assert!(tokio::time::timeout(patience, purged).await.is_ok());
}

#[tokio::test]
async fn the_account_page_leads_there() {
    let site = Site::open().await;
    let mut ada = site.member("ada").await;
    let account = ada.get("/account").await;
    account.shows(OK, r#"href="/account/logins""#);
    let fields = [
        ("current_password", PASSWORD),
        ("new_password", "another password"),
    ];
    ada.post("/account", &fields).await.leads_to("/account");
    assert_eq!(entries(&ada.get(HERE).await).count(), 1);
}

/// Gives the only member who is signed in so many logins more.
pub(crate) fn more_logins(site: &Site, count: u32) {
    site.logins()
        .execute(
            "WITH RECURSIVE numbers (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < ?1)
             INSERT INTO logins SELECT randomblob(16), user_id, version, created_at, last_seen_at - n, expires_at, data
             FROM logins, numbers WHERE rowid = (SELECT min(rowid) FROM logins)",
            [count],
        )
        .unwrap();
}

#[tokio::test]
async fn a_long_list_has_pages_and_begins_with_the_browser_that_looks() {
    let site = Site::open().await;
    let mut ada = site.member("ada").await;
    assert!(!ada.get(HERE).await.body.contains("Page 1"));
    more_logins(&site, 44);
    let mut seen = std::collections::BTreeSet::new();
    for (page, count, newer, older) in [
        (1, 20, false, true),
        (2, 20, true, true),
        (3, 5, true, false),
    ] {
        let shown = ada.get(&format!("{HERE}?page={page}")).await;
        seen.extend(entries(&shown).map(number));
        assert_eq!(entries(&shown).count(), count, "page {page}");
        let is_here = shown.body.contains("This browser");
        assert_eq!(is_here, page == 1, "page {page}");
        shown.shows(OK, &format!("Page {page} of 3, 45 in all"));
        for (link, there) in [(page - 1, newer), (page + 1, older)] {
            let link = format!(r#"href="{HERE}?page={link}""#);
            assert_eq!(shown.body.contains(&link), there, "page {page}: {link}");
        }
    }
    assert_eq!(seen.len(), 45, "each is on one page");
    for (page, shown) in [
        ("", 1),
        ("0", 1),
        ("-1", 1),
        ("two", 1),
        ("99999999999999999999", 1),
        ("4", 3),
    ] {
        let answer = ada.get(&format!("{HERE}?page={page}")).await;
        answer.shows(OK, &format!("Page {shown} of 3"));
    }

    let last = ada.get(&format!("{HERE}?page=3")).await;
    let last = number(entries(&last).last().unwrap());
    ada.post(END, &[("login", &last)]).await.leads_to(HERE);
    ada.get(HERE).await.shows(OK, "44 in all");
    ada.post(END_OTHERS, &[]).await.leads_to(HERE);
    assert_eq!(entries(&ada.get(HERE).await).count(), 1);
}

/// As an attacker may have made them before there was a limit.
#[tokio::test]
async fn thousands_of_logins_make_no_large_page_and_end_with_one_click() {
    let site = Site::open().await;
    let mut ada = site.member("ada").await;
    more_logins(&site, 3000);
    let page = ada.get(HERE).await;
    page.shows(OK, "Page 1 of 5, 100 in all");
    assert!(page.body.len() < 50_000, "{}", page.body.len());
    ada.post(END_OTHERS, &[]).await.leads_to(HERE);
    ada.get(HERE)
        .await
        .shows(OK, "signed out in the 3000 other places");
}

#[tokio::test]
async fn who_signs_in_once_too_often_is_signed_out_where_it_is_longest_ago() {
    let site = Site::open_with(&["--max-logins", "2"]).await;
    let mut first = site.member("ada").await;
    site.logins()
        .execute("UPDATE logins SET last_seen_at = last_seen_at - 60", [])
        .unwrap();
    let mut second = site.sign_in(site.browser(), "ada", false).await;
    assert!(is_in(&mut first).await);
    let mut third = site.sign_in(site.browser(), "ada", false).await;
    assert!(!is_in(&mut first).await);
    for browser in [&mut second, &mut third] {
        assert!(is_in(browser).await);
    }
}
