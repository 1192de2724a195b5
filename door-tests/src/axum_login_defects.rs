//! The defects of axum-login, D1 to D7, and what happens here instead.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::Method;

use crate::people::Member;
use crate::plan::{Given, acts, login_required, says};
use crate::site::{ENDS_OF_MIA, Sites};

async fn d1_a_post_that_is_denied_is_not_posted_again_to_the_login_page(sites: Sites) {
    let guarded = says("/guarded", "done").behind(login_required());
    let site = sites.safe().and(guarded);
    for path in ["/members", "/fresh", "/guarded"] {
        let mut browser = site.browser();
        let answer = browser.post(path, "name=mia").await;
        assert_eq!(
            answer.status, 303,
            "303 is followed by GET, 307 by the same POST"
        );
        assert_eq!(answer.location(), "/login", "a form cannot be gone back to");
        assert_eq!(browser.who().await, "nobody");

        let mut request = browser.request(Method::POST, path, "name=mia");
        request
            .headers_mut()
            .insert("referer", "https://site.example/form?id=3".parse().unwrap());
        let answer = browser.send(request).await;
        assert_eq!(
            (answer.status, answer.location()),
            (303, "/login?next=%2Fform%3Fid%3D3")
        );

        let mut request = browser.request(Method::POST, path, "name=mia");
        request
            .headers_mut()
            .insert("referer", "https://evil.example/form".parse().unwrap());
        assert_eq!(browser.send(request).await.location(), "/login");
    }
}

async fn d2_nothing_of_the_first_user_is_left_when_another_one_logs_in(sites: Sites) {
    for site in [
        sites.safe(),
        sites.safe_with(|builder| builder.keep_at_login(["diary"])),
        sites.flask(),
    ] {
        let mut browser = site.browser_of("mia").await;
        browser.post("/session/diary", "dear diary").await;
        browser.post("/flash", "only for mia").await;
        browser.post("/permanent", "").await;
        browser.log_in("ben").await;
        assert_eq!(browser.who().await, "ben, fresh, by Session");
        assert_eq!(browser.read("/session/diary").await, "nothing");
        assert_eq!(browser.read("/flash").await, "");
    }
}

/// The same, when the first login ended in another way than by logging out.
async fn d2_nothing_of_a_user_whose_login_was_ended_reaches_the_next_one(sites: Sites) {
    for end in ENDS_OF_MIA {
        for site in [
            sites.safe_with(|builder| builder.keep_at_login(["diary"])),
            sites.flask(),
        ] {
            let mut browser = site.browser_of("mia").await;
            browser.post("/session/diary", "dear diary").await;
            end(&site);
            assert_eq!(browser.who().await, "nobody");
            browser.log_in("ben").await;
            assert_eq!(browser.read("/session/diary").await, "nothing");
        }
    }
}

async fn d3_no_cookie_holds_the_users_auth_hash(sites: Sites) {
    let hash = "$argon2id$v=19$m=19456,t=2,p=1$c29tZXNhbHQ$S0VZ";
    for site in [sites.safe(), sites.flask()] {
        site.members.set_stamp("mia", hash);
        let browser = site.remembered_browser_of("mia").await;
        assert_eq!(browser.jar.names().len(), 2);
        for name in browser.jar.names() {
            let value = browser.jar.value(name).unwrap();
            let parts = value.split(['.', '~', '|']);
            let decoded: Vec<_> = parts
                .filter_map(|part| URL_SAFE_NO_PAD.decode(part).ok())
                .collect();
            let text = format!("{value} {}", String::from_utf8_lossy(&decoded.concat()));
            let hexadecimal: String = hash.bytes().map(|byte| format!("{byte:02x}")).collect();
            for secret in [hash, &URL_SAFE_NO_PAD.encode(hash), &hexadecimal, "S0VZ"] {
                assert!(!text.contains(secret), "{name}: {text}");
            }
        }
    }
}

async fn d4_a_page_that_does_not_ask_loads_nobody(sites: Sites) {
    let site = sites.safe();
    let mut browser = site.remembered_browser_of("mia").await;
    for path in ["/", "/login", "/session/k", "/flash", "/no/such/page"] {
        browser.get(path).await;
    }
    browser.post("/logout", "").await;
    assert_eq!(site.members.lookups(), [""; 0]);
    assert_eq!(site.members.request_lookups(), 0);
}

async fn d5_logging_in_leads_to_no_other_site(sites: Sites) {
    let site = sites.safe();
    for next in [
        "//evil.example",
        "https://evil.example/",
        "/\\evil.example",
        "javascript:alert(1)",
    ] {
        let quoted: String = next.bytes().map(|byte| format!("%{byte:02X}")).collect();
        let in_query = site
            .browser()
            .post(&format!("/login?next={quoted}"), "name=mia")
            .await;
        let in_form = site
            .browser()
            .post("/login", &format!("name=mia&next={quoted}"))
            .await;
        assert_eq!(
            [in_query.location(), in_form.location()],
            ["/", "/"],
            "{next}"
        );
        let shown = site.browser().read(&format!("/login?next={quoted}")).await;
        assert_eq!(shown, "no next");
    }
    let good = site
        .browser()
        .post("/login?next=%2Fmembers%3Fx%3D1", "name=mia")
        .await;
    assert_eq!(good.location(), "/members?x=1");
}

async fn d6_a_login_that_is_followed_by_an_error_status_is_a_login_all_the_same(sites: Sites) {
    let log_in = async |given: Given| {
        let mia = Member {
            id: "mia".to_owned(),
            active: true,
            stamp: Some(b"stamp of mia".into()),
        };
        given.login.login_user(&mia).remember(true).await.unwrap();
        500
    };
    let log_out = async |given: Given| {
        given.login.logout_user().await.unwrap();
        502
    };
    let site = sites.safe().with([
        acts("/broken/login", log_in),
        acts("/broken/logout", log_out),
    ]);
    let mut browser = site.browser();
    assert_eq!(browser.post("/broken/login", "").await.status, 500);
    assert_eq!(browser.who().await, "mia, fresh, remembered, by Session");
    assert_eq!(browser.post("/broken/logout", "").await.status, 502);
    assert_eq!(browser.jar.names(), [""; 0]);
}

async fn d7_a_loader_that_fails_takes_no_public_page_down_and_logs_nobody_out(sites: Sites) {
    let site = sites.safe();
    let mut browser = site.remembered_browser_of("mia").await;
    site.members.go_away();
    for path in ["/", "/login", "/session/k", "/flash"] {
        assert_eq!(browser.get(path).await.status, 200, "{path}");
    }
    for path in ["/who", "/members", "/fresh"] {
        let answer = browser.get(path).await;
        assert_eq!(answer.status, 503, "{path}: neither nobody nor somebody");
        assert_eq!(answer.set_cookies(), [""; 0]);
    }
    site.members.come_back();
    assert_eq!(browser.who().await, "mia, fresh, remembered, by Session");

    site.members.go_away();
    assert_eq!(
        browser.post("/logout", "").await.status,
        200,
        "the way out needs no database"
    );
    site.members.come_back();
    assert_eq!(browser.who().await, "nobody");
}

cases! {
    axum_login_defects:
    d1_a_post_that_is_denied_is_not_posted_again_to_the_login_page,
    d2_nothing_of_the_first_user_is_left_when_another_one_logs_in,
    d2_nothing_of_a_user_whose_login_was_ended_reaches_the_next_one,
    d3_no_cookie_holds_the_users_auth_hash,
    d4_a_page_that_does_not_ask_loads_nobody,
    d5_logging_in_leads_to_no_other_site,
    d6_a_login_that_is_followed_by_an_error_status_is_a_login_all_the_same,
    d7_a_loader_that_fails_takes_no_public_page_down_and_logs_nobody_out,
}
