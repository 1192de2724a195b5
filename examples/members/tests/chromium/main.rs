//! The site in a real Chromium, through its driver: what a person does, and what a second browser of theirs sees.

#![allow(clippy::unwrap_used, reason = "a step that fails is a test that fails")]

mod driver;

use driver::{Chromium, Site};

const USERNAME: &str = "mia";
const PASSWORD: &str = "a correct horse";
const NEW_PASSWORD: &str = "a better battery";

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

    // A new password: this browser stays in, the other one is out.
    desk.submit(&[
        ("current_password", PASSWORD),
        ("new_password", NEW_PASSWORD),
    ])
    .await;
    assert!(desk.text().await.contains("Your password is changed."));
    desk.go("/dashboard").await;
    assert!(desk.text().await.contains("Hello, mia."));
    phone.go("/dashboard").await;
    assert_eq!(phone.path().await, "/sign-in");

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

/// Not a test of anything: takes the README's pictures, in the folder that `SCREENSHOTS` names.
#[tokio::test]
#[ignore = "run by scripts/screenshots"]
async fn pictures_for_the_readme() {
    let folder =
        std::path::PathBuf::from(std::env::var("SCREENSHOTS").expect("SCREENSHOTS names a folder"));
    std::fs::create_dir_all(&folder).unwrap();
    let site = Site::open().await;
    let chromium = Chromium::start();

    let light = chromium.new_browser(&site).await;
    light.size(1100, 720).await;
    light.go("/sign-in").await;
    light.picture(&folder.join("sign-in.png")).await;
    light.go("/sign-up").await;
    light
        .submit(&[("username", USERNAME), ("password", PASSWORD)])
        .await;
    light.close().await;

    let dark = chromium.new_dark_browser(&site).await;
    dark.size(1100, 720).await;
    dark.go("/sign-in").await;
    dark.tick("input[name=remember]").await;
    dark.submit(&[("username", USERNAME), ("password", PASSWORD)])
        .await;
    dark.picture(&folder.join("dashboard-dark.png")).await;
    dark.size(520, 900).await;
    dark.go("/account").await;
    dark.submit(&[
        ("current_password", "a wrong horse"),
        ("new_password", NEW_PASSWORD),
    ])
    .await;
    dark.picture(&folder.join("account-phone-dark.png")).await;
    dark.close().await;
}
