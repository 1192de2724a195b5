//! The pictures in the READMEs.

use std::time::Duration;

use browser_tests::{Engine, Profile};

use crate::journeys::{IPHONE, NEW_PASSWORD, PASSWORD, USERNAME};
use crate::site::Site;

const EDGE: &str = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) \
                    Chrome/138.0.0.0 Safari/537.36 Edg/138.0.0.0";
const FIREFOX: &str = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0";

/// Not a test of anything: takes the pictures, in the folder that `SCREENSHOTS` names.
#[tokio::test]
#[ignore = "run by scripts/screenshots"]
async fn pictures_for_the_readme() {
    let folder = std::env::var("SCREENSHOTS").expect("SCREENSHOTS names a folder");
    std::fs::create_dir_all(&folder).unwrap();
    let site = Site::open().await;
    let named = |name| Profile {
        user_agent: Some(name),
        ..Profile::default()
    };

    let light = Engine::Chromium
        .browser_with(named(FIREFOX), &site.url)
        .await;
    light.size(1100, 720).await;
    light.go("/sign-in").await;
    light.picture("sign-in.png").await;
    light.go("/sign-up").await;
    light
        .submit(&[("username", USERNAME), ("password", PASSWORD)])
        .await;

    const HOUR: Duration = Duration::from_secs(60 * 60);
    for (name, remember, made, used) in [(IPHONE, true, 24 * 12, 5), (EDGE, false, 26, 20)] {
        let other = Engine::Chromium.browser_with(named(name), &site.url).await;
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
    light.picture("logins.png").await;
    light.close().await;

    let dark = Profile {
        is_dark: true,
        ..Profile::default()
    };
    let dark = Engine::Chromium.browser_with(dark, &site.url).await;
    dark.size(1100, 720).await;
    dark.go("/sign-in").await;
    dark.tick("input[name=remember]").await;
    dark.submit(&[("username", USERNAME), ("password", PASSWORD)])
        .await;
    dark.go("/account/logins").await;
    dark.picture("logins-dark.png").await;
    dark.size(520, 900).await;
    dark.go("/account/logins").await;
    dark.picture("logins-phone-dark.png").await;
    dark.go("/account").await;
    dark.submit(&[
        ("current_password", "a wrong horse"),
        ("new_password", NEW_PASSWORD),
    ])
    .await;
    dark.picture("account-phone-dark.png").await;
    dark.close().await;
}
