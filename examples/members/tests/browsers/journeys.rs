//! What a person does, in whichever engine.

use browser_tests::{Browser, Engine, Profile};

use crate::site::Site;

pub(crate) const USERNAME: &str = "mia";
pub(crate) const PASSWORD: &str = "a correct horse";
pub(crate) const NEW_PASSWORD: &str = "a better battery";
const MIA: [(&str, &str); 2] = [("username", USERNAME), ("password", PASSWORD)];

pub(crate) const IPHONE: &str = "Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) AppleWebKit/605.1.15 \
                                 (KHTML, like Gecko) Version/18.5 Mobile/15E148 Safari/604.1";

async fn says(browser: &Browser, words: &str) {
    let page = browser.text().await;
    assert!(page.contains(words), "no {words:?} in {page}");
}

pub(crate) async fn a_member_comes_in_is_remembered_proves_themselves_and_changes_the_password(
    engine: Engine,
) {
    let site = Site::open().await;
    let desk = engine.browser(&site.url).await;
    let phone = engine.browser(&site.url).await;

    // Joins, and is in at once.
    desk.go("/sign-up").await;
    desk.submit(&MIA).await;
    assert_eq!(desk.path().await, "/dashboard");
    says(&desk, "Hello, mia.").await;

    // Out again: the button back shows nothing that was for members only, and the dashboard asks who is there.
    desk.press("form[action='/sign-out'] button").await;
    assert_eq!(desk.path().await, "/");
    says(&desk, "You are signed out.").await;
    desk.client.back().await.unwrap();
    desk.is_led_to("/sign-in?next=%2Fdashboard").await;

    // In with "keep me signed in", and back to where they were going.
    desk.tick("input[name=remember]").await;
    desk.submit(&MIA).await;
    assert_eq!(desk.path().await, "/dashboard");
    says(&desk, "Kept signed in").await;

    // The same member at another browser.
    phone.go("/sign-in").await;
    phone.submit(&MIA).await;
    assert_eq!(phone.path().await, "/dashboard");

    // The session cookie is gone, as when the browser was closed. Still in, but not fresh.
    desk.lose_cookie("session").await;
    desk.go("/dashboard").await;
    says(&desk, "Hello, mia.").await;
    desk.go("/account").await;
    assert_eq!(desk.path().await, "/sign-in?next=%2Faccount");
    says(&desk, "Confirm it’s you").await;

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
    says(&desk, "Your password is changed.").await;
    desk.go("/dashboard").await;
    says(&desk, "Hello, mia.").await;
    phone.is_led_to("/sign-in?next=%2Fdashboard").await;

    // The remember token of this browser was carried over too.
    desk.lose_cookie("session").await;
    desk.go("/dashboard").await;
    says(&desk, "Hello, mia.").await;

    // The old password opens nothing, the new one does.
    phone.submit(&MIA).await;
    assert_eq!(phone.path().await, "/sign-in");
    phone.submit(&[("password", NEW_PASSWORD)]).await;
    assert_eq!(phone.path().await, "/dashboard");

    desk.close().await;
    phone.close().await;
}

pub(crate) async fn a_member_sees_where_they_are_signed_in_and_ends_what_they_do_not_know(
    engine: Engine,
) {
    let site = Site::open().await;
    let desk = engine.browser(&site.url).await;
    let phone = Profile {
        user_agent: Some(IPHONE),
        ..Profile::default()
    };
    let phone = engine.browser_with(phone, &site.url).await;
    desk.go("/sign-up").await;
    desk.submit(&MIA).await;
    phone.go("/sign-in").await;
    phone.tick("input[name=remember]").await;
    phone.submit(&MIA).await;

    desk.go("/account").await;
    desk.press("a[href='/account/logins']").await;
    let its_name = match engine {
        Engine::Chromium => "Chrome on Linux",
        Engine::Firefox => "Firefox on Linux",
        Engine::WebKit => "A WebKit browser on Linux",
    };
    for words in [
        its_name,
        "This browser",
        "Safari on iPhone",
        "Stays signed in",
    ] {
        says(&desk, words).await;
    }

    // The page that the other browser shows goes by itself, and comes back after signing in.
    desk.press(".logins li:not([aria-current]) button").await;
    assert_eq!(desk.path().await, "/account/logins");
    says(&desk, "Safari on iPhone is signed out.").await;
    phone.is_led_to("/sign-in?next=%2Fdashboard").await;
    phone.submit(&MIA).await;
    assert_eq!(phone.path().await, "/dashboard");

    // Everywhere else, without a mouse.
    desk.go("/account/logins").await;
    desk.press_by_keyboard("form[action$=end-others] button")
        .await;
    says(&desk, "signed out in the one other place").await;
    phone.is_led_to("/sign-in?next=%2Fdashboard").await;

    // To end the login that one is using is to sign out.
    desk.press(".logins li[aria-current] button").await;
    assert_eq!(desk.path().await, "/");
    says(&desk, "You are signed out.").await;

    desk.close().await;
    phone.close().await;
}

pub(crate) async fn below_a_path_pages_have_their_look_and_still_notice_the_end_of_their_login(
    engine: Engine,
) {
    let site = Site::open_with(&["--mounted-at", "/club"]).await;
    let desk = engine.browser(&site.url).await;
    let phone = engine.browser(&site.url).await;
    desk.go("/club/sign-up").await;
    desk.submit(&MIA).await;
    assert_eq!(desk.path().await, "/club/dashboard");
    phone.go("/club/sign-in").await;
    phone.submit(&MIA).await;

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
    phone.submit(&MIA).await;
    assert_eq!(phone.path().await, "/club/dashboard");
    desk.close().await;
    phone.close().await;
}

pub(crate) async fn a_password_can_be_shown_and_two_presses_make_one_login(engine: Engine) {
    let site = Site::open().await;
    let desk = engine.browser(&site.url).await;
    desk.go("/sign-up").await;
    desk.submit(&MIA).await;
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

pub(crate) async fn on_the_narrowest_phone_the_menu_has_one_row_and_a_long_name_one_line(
    engine: Engine,
) {
    let site = Site::open().await;
    for (width, name) in [
        (320, "Wilhelmina.van.den.Bergh-Mueller"),
        (390, "Maximiliane.Berg"),
    ] {
        let phone = Profile {
            width: Some(width),
            ..Profile::default()
        };
        let phone = engine.browser_with(phone, &site.url).await;
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

pub(crate) async fn with_https_a_member_is_remembered_and_the_button_back_shows_nothing_after_signing_out(
    engine: Engine,
) {
    let site = Site::open_with_https().await;
    let desk = engine.browser(&site.url).await;
    desk.go("/sign-up").await;
    desk.submit(&MIA).await;
    says(&desk, "Hello, mia.").await;
    desk.press("form[action='/sign-out'] button").await;
    says(&desk, "You are signed out.").await;
    desk.client.back().await.unwrap();
    desk.is_led_to("/sign-in?next=%2Fdashboard").await;

    desk.tick("input[name=remember]").await;
    desk.submit(&MIA).await;
    says(&desk, "Kept signed in").await;
    desk.lose_cookie("__Host-session").await;
    desk.go("/dashboard").await;
    says(&desk, "Hello, mia.").await;
    desk.close().await;
}
