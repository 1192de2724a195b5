//! The site in a real Chromium, through its driver: what a person does, and what a second browser of theirs sees.

#![allow(clippy::unwrap_used, reason = "a step that fails is a test that fails")]

mod driver;

use std::time::Duration;

use driver::{Chromium, Site};

const USERNAME: &str = "mia";
const PASSWORD: &str = "a correct horse";
const NEW_PASSWORD: &str = "a better battery";

const IPHONE: &str = "Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) \
                      Version/18.5 Mobile/15E148 Safari/604.1";
const EDGE: &str = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) \
                    Chrome/138.0.0.0 Safari/537.36 Edg/138.0.0.0";
const FIREFOX: &str = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0";

#[tokio::test]
async fn a_member_comes_in_is_remembered_proves_themselves_and_changes_the_password() {
    let site = Site::open().await;
    let chromium = Chromium::start();
    let desk = chromium.new_browser(&site).await;
    let phone = chromium.new_browser(&site).await;

    // Joins, and is in at once.
    desk.go("/sign-up").await;
    desk.submit(&[("username", USERNAME), ("password", PASSWORD)])
        .await;
    assert_eq!(desk.path().await, "/dashboard");
    assert!(desk.text().await.contains("Hello, mia."));

    // Out again: the dashboard asks who is there.
    desk.press("form[action='/sign-out'] button").await;
    assert_eq!(desk.path().await, "/");
    assert!(desk.text().await.contains("You are signed out."));
    desk.go("/dashboard").await;
    assert_eq!(desk.path_and_query().await, "/sign-in?next=%2Fdashboard");

    // In with "keep me signed in", and back to where they were going.
    desk.tick("input[name=remember]").await;
    desk.submit(&[("username", USERNAME), ("password", PASSWORD)])
        .await;
    assert_eq!(desk.path().await, "/dashboard");
    assert!(desk.text().await.contains("Kept signed in"));

    // The same member at another browser.
    phone.go("/sign-in").await;
    phone
        .submit(&[("username", USERNAME), ("password", PASSWORD)])
        .await;
    assert_eq!(phone.path().await, "/dashboard");

    // The session cookie is gone, as when the browser was closed. Still in, but not fresh.
    desk.lose_cookie("session").await;
    desk.go("/dashboard").await;
    assert!(desk.text().await.contains("Hello, mia."));
    desk.go("/account").await;
    assert_eq!(desk.path_and_query().await, "/sign-in?next=%2Faccount");
    assert!(desk.text().await.contains("Confirm it’s you"));

    // A wrong password confirms nothing and signs nobody out.
    desk.submit(&[("password", "a wrong horse")]).await;
    assert_eq!(desk.path().await, "/sign-in");
    desk.submit(&[("password", PASSWORD)]).await;
    assert_eq!(desk.path().await, "/account");

    // A new password: this browser stays in, the other one is out, and its page knows.
    desk.submit(&[
        ("current_password", PASSWORD),
        ("new_password", NEW_PASSWORD),
    ])
    .await;
    assert!(desk.text().await.contains("Your password is changed."));
    desk.go("/dashboard").await;
    assert!(desk.text().await.contains("Hello, mia."));
    phone.is_led_to("/sign-in?next=%2Fdashboard").await;

    // The remember token of this browser was carried over too.
    desk.lose_cookie("session").await;
    desk.go("/dashboard").await;
    assert!(desk.text().await.contains("Hello, mia."));

    // The old password opens nothing, the new one does.
    phone
        .submit(&[("username", USERNAME), ("password", PASSWORD)])
        .await;
    assert_eq!(phone.path().await, "/sign-in");
    phone.submit(&[("password", NEW_PASSWORD)]).await;
    assert_eq!(phone.path().await, "/dashboard");

    desk.close().await;
    phone.close().await;
}

#[tokio::test]
async fn a_member_sees_where_they_are_signed_in_and_ends_what_they_do_not_know() {
    let site = Site::open().await;
    let chromium = Chromium::start();
    let desk = chromium.new_browser(&site).await;
    let phone = chromium.new_browser_named(&site, IPHONE).await;
    desk.go("/sign-up").await;
    desk.submit(&[("username", USERNAME), ("password", PASSWORD)])
        .await;
    phone.go("/sign-in").await;
    phone.tick("input[name=remember]").await;
    phone
        .submit(&[("username", USERNAME), ("password", PASSWORD)])
        .await;

    desk.go("/account").await;
    desk.press("a[href='/account/logins']").await;
    let page = desk.text().await;
    for words in ["This browser", "Safari on iPhone", "Stays signed in"] {
        assert!(page.contains(words), "no {words} in {page}");
    }

    // The page that the other browser shows goes by itself, and comes back after signing in.
    desk.press(".logins li:not([aria-current]) button").await;
    assert_eq!(desk.path().await, "/account/logins");
    let page = desk.text().await;
    assert!(page.contains("Safari on iPhone is signed out."), "{page}");
    phone.is_led_to("/sign-in?next=%2Fdashboard").await;
    let fields = [("username", USERNAME), ("password", PASSWORD)];
    phone.submit(&fields).await;
    assert_eq!(phone.path().await, "/dashboard");

    // Everywhere else, without a mouse.
    desk.go("/account/logins").await;
    desk.press_by_keyboard("form[action$=end-others] button")
        .await;
    assert!(
        desk.text()
            .await
            .contains("signed out in the one other place")
    );
    phone.is_led_to("/sign-in?next=%2Fdashboard").await;

    // To end the login that one is using is to sign out.
    desk.press(".logins li[aria-current] button").await;
    assert_eq!(desk.path().await, "/");
    assert!(desk.text().await.contains("You are signed out."));

    desk.close().await;
    phone.close().await;
}

#[tokio::test]
async fn below_a_path_pages_have_their_look_and_still_notice_the_end_of_their_login() {
    let site = Site::open_with(&["--mounted-at", "/club"]).await;
    let chromium = Chromium::start();
    let desk = chromium.new_browser(&site).await;
    let phone = chromium.new_browser_named(&site, IPHONE).await;
    let fields = [("username", USERNAME), ("password", PASSWORD)];
    desk.go("/club/sign-up").await;
    desk.submit(&fields).await;
    assert_eq!(desk.path().await, "/club/dashboard");
    phone.go("/club/sign-in").await;
    phone.submit(&fields).await;

    desk.press(".brand").await;
    assert_eq!(desk.path().await, "/club/");
    let loaded = "return document.styleSheets[0].cssRules.length > 0
        && [...document.images].every((image) => image.naturalWidth > 0) && document.images.length";
    assert_eq!(desk.run(loaded).await, 2);

    desk.go("/club/account/logins").await;
    desk.press("form[action$=end-others] button").await;
    assert_eq!(desk.path().await, "/club/account/logins");
    phone
        .is_led_to("/club/sign-in?next=%2Fclub%2Fdashboard")
        .await;
    phone.submit(&fields).await;
    assert_eq!(phone.path().await, "/club/dashboard");
    desk.close().await;
    phone.close().await;
}

#[tokio::test]
async fn a_password_can_be_shown_and_two_presses_make_one_login() {
    let site = Site::open().await;
    let chromium = Chromium::start();
    let desk = chromium.new_browser(&site).await;
    desk.go("/sign-up").await;
    desk.submit(&[("username", USERNAME), ("password", PASSWORD)])
        .await;
    desk.press("form[action='/sign-out'] button").await;

    desk.go("/sign-in").await;
    let focused = "return document.activeElement.name";
    assert_eq!(desk.run(focused).await, "username");
    let type_of = "return document.getElementById('password').type";
    let pressed = "return document.querySelector('.reveal').getAttribute('aria-pressed')";
    for (kind, is_pressed) in [
        ("password", "false"),
        ("text", "true"),
        ("password", "false"),
    ] {
        assert_eq!(desk.run(type_of).await, kind);
        assert_eq!(desk.run(pressed).await, is_pressed);
        desk.tick(".reveal").await;
    }
    // The form stays here, so that what a second press does can be counted.
    desk.run("window.sent = 0; document.addEventListener('submit', (event) => { window.sent++; event.preventDefault() })")
        .await;
    desk.run("const [name, word] = ['username', 'password'].map((id) => document.getElementById(id)); name.value = 'mia'; word.value = 'a correct horse'")
        .await;
    desk.tick("form.sheet .button").await;
    desk.run("document.querySelector('form.sheet .button').click()")
        .await;
    assert_eq!(desk.run("return window.sent").await, 1);
    assert_eq!(
        desk.run(type_of).await,
        "password",
        "it is hidden when it is sent"
    );
    desk.close().await;
}

#[tokio::test]
async fn on_the_narrowest_phone_the_menu_has_one_row_and_a_long_name_one_line() {
    let site = Site::open().await;
    let chromium = Chromium::start();
    for (width, name) in [
        (320, "Wilhelmina.van.den.Bergh-Mueller"),
        (390, "Maximiliane.Berg"),
    ] {
        let phone = chromium.new_phone(&site, width).await;
        phone.go("/sign-up").await;
        phone
            .submit(&[("username", name), ("password", PASSWORD)])
            .await;
        let fits = "return document.documentElement.scrollWidth <= innerWidth && innerWidth";
        assert_eq!(phone.run(fits).await, width);
        let rows = "const tops = [...document.querySelectorAll('.brand, nav a, nav form')].map((it) => it.getBoundingClientRect());
            return tops.every((it) => it.top < tops[0].bottom && it.bottom > tops[0].top)";
        assert_eq!(phone.run(rows).await, true, "{width}");
        let lines = "return document.querySelector('h1 span').getClientRects().length";
        assert_eq!(phone.run(lines).await, 1, "{width}");
        phone.close().await;
    }
}

/// Not a test of anything: takes the README's pictures, in the folder that `SCREENSHOTS` names.
#[tokio::test]
#[ignore = "run by scripts/screenshots"]
async fn pictures_for_the_readme() {
    let folder =
        std::path::PathBuf::from(std::env::var("SCREENSHOTS").expect("SCREENSHOTS names a folder"));
    std::fs::create_dir_all(&folder).unwrap();
    let site = Site::open().await;
    let chromium = Chromium::start();

    let light = chromium.new_browser_named(&site, FIREFOX).await;
    light.size(1100, 720).await;
    light.go("/sign-in").await;
    light.picture(&folder.join("sign-in.png")).await;
    light.go("/sign-up").await;
    light
        .submit(&[("username", USERNAME), ("password", PASSWORD)])
        .await;

    const HOUR: Duration = Duration::from_secs(60 * 60);
    for (name, remember, made, used) in [(IPHONE, true, 24 * 12, 5), (EDGE, false, 26, 20)] {
        let other = chromium.new_browser_named(&site, name).await;
        other.go("/sign-in").await;
        if remember {
            other.tick("input[name=remember]").await;
        }
        other
            .submit(&[("username", USERNAME), ("password", PASSWORD)])
            .await;
        other.close().await;
        site.grow_old(name, made * HOUR, used * HOUR);
    }
    light.go("/account/logins").await;
    light.picture(&folder.join("logins.png")).await;
    light.close().await;

    let dark = chromium.new_dark_browser(&site).await;
    dark.size(1100, 720).await;
    dark.go("/sign-in").await;
    dark.tick("input[name=remember]").await;
    dark.submit(&[("username", USERNAME), ("password", PASSWORD)])
        .await;
    dark.go("/account/logins").await;
    dark.picture(&folder.join("logins-dark.png")).await;
    dark.size(520, 900).await;
    dark.go("/account/logins").await;
    dark.picture(&folder.join("logins-phone-dark.png")).await;
    dark.go("/account").await;
    dark.submit(&[
        ("current_password", "a wrong horse"),
        ("new_password", NEW_PASSWORD),
    ])
    .await;
    dark.picture(&folder.join("account-phone-dark.png")).await;
    dark.close().await;
}
