//! The way back after logging in.

use http::Method;

use crate::harness::{Habit, Settings, Side, Stage, both_ways, play};

both_ways!(a_visitor_denied_here_who_logs_in_there_is_led_back);
async fn a_visitor_denied_here_who_logs_in_there_is_led_back(stage: &Stage) {
    let (mia, browser) = (stage.person("mia").await, stage.browser());
    let wanted = "/members?q=a%20b&r=c+d";
    let denied = browser.get(stage.here, wanted).await;
    assert_eq!(denied.status, 302);
    let login = denied.location().to_owned();
    let page = browser.get(stage.there, &login).await.body;
    let page: serde_json::Value = serde_json::from_str(&page).unwrap();
    assert_eq!(page["next"], wanted);
    let answer = browser.post(stage.there, &login, &mia.credentials()).await;
    assert_eq!((answer.status, answer.location()), (303, wanted));
    assert_eq!(browser.get(stage.here, wanted).await.status, 200);
}

// Werkzeug decodes everything that need not be encoded in an address before Flask-Login puts it into `next`; Rust leaves
// the address as it came. It is the same page, and logging in on either side leads to it.
both_ways!(an_address_that_flask_decodes_leads_to_the_same_page);
async fn an_address_that_flask_decodes_leads_to_the_same_page(stage: &Stage) {
    let mia = stage.person("mia").await;
    let cases = [
        // What the browser requests, and what Flask turns it into.
        ("/members?r=%E4%BD%90%E8%97%A4", "/members?r=佐藤"),
        ("/members?r=%41%7E", "/members?r=A~"),
        ("/members?r=%ff%C3%BC", "/members?r=%FFü"),
    ];
    for (wanted, decoded) in cases {
        let browser = stage.browser();
        let denied = browser.get(stage.here, wanted).await;
        let login = denied.location().to_owned();
        let page = browser.get(stage.there, &login).await.body;
        let page: serde_json::Value = serde_json::from_str(&page).unwrap();
        let expected = match stage.here {
            _ if stage.here.has(Habit::IsPython) => decoded,
            _ => wanted,
        };
        assert_eq!(page["next"], expected);
        let answer = browser.post(stage.there, &login, &mia.credentials()).await;
        assert_eq!(answer.status, 303);
        let back = answer.location();
        let means = |url: &str| {
            let (_, query) = url.split_once('?').unwrap();
            let pairs = url::form_urlencoded::parse(query.as_bytes());
            pairs.into_owned().collect::<Vec<_>>()
        };
        assert_eq!(means(back), means(wanted));
        assert_eq!(browser.get(stage.here, back).await.status, 200);
    }
}

/// Targets of a visitor who may not pass.
const WANTED: [(Method, &str); 8] = [
    (Method::GET, "/members"),
    (Method::GET, "/members?"),
    (Method::GET, "/members?x=1&y=&x=2"),
    (Method::GET, "/members?q=a+b%2Bc%20d&next=/elsewhere"),
    (Method::GET, "/members?q=a%26b%25c%3D%23&r=~.-_!*'()"),
    (Method::GET, "/members?url=https://evil.example//"),
    (Method::GET, "/vault"),
    (Method::POST, "/password?again=1"),
];

/// How both sides answer a visitor without a login: the status and the redirect's target.
async fn compare_denials(stage: &Stage) -> Vec<String> {
    let mut locations = Vec::new();
    for (method, wanted) in WANTED {
        let [here, there] = [stage.here, stage.there].map(|side| {
            let (browser, method) = (stage.browser(), method.clone());
            async move {
                let request = browser.request(side, method, wanted, &[]);
                let answer = browser.send(side, request).await;
                (answer.status, answer.location().to_owned())
            }
        });
        let (here, there) = (here.await, there.await);
        assert_eq!(here, there, "{method} {wanted}");
        assert_eq!(here.0, 302, "{method} {wanted}");
        locations.push(here.1);
    }
    locations
}

both_ways!(a_denial_leads_to_the_same_place_from_both_sides);
async fn a_denial_leads_to_the_same_place_from_both_sides(stage: &Stage) {
    let locations = compare_denials(stage).await;
    assert_eq!(locations[0], "/login?next=%2Fmembers");
}

fn forced() -> Settings {
    Settings::new().with("FORCE_HOST_FOR_REDIRECTS", "www.example.com")
}

both_ways!(a_forced_host_is_named_by_both_sides, forced());
async fn a_forced_host_is_named_by_both_sides(stage: &Stage) {
    let locations = compare_denials(stage).await;
    assert_eq!(locations[0], "//www.example.com/login?next=%2Fmembers");
}

// A way back to the page that confirms the login would lead in a circle, so Rust leaves it out.
#[test]
fn a_way_back_to_the_refresh_page_is_named_by_flask_only() {
    play(Settings::new(), Side::Flask, async |stage: &Stage| {
        for side in Side::BOTH {
            let location = match side.has(Habit::IsPython) {
                true => "/login?next=%2Fconfirm",
                false => "/login",
            };
            let denied = stage.browser().post(side, "/confirm", &[]).await;
            assert_eq!((denied.status, denied.location()), (302, location));
        }
    });
}

fn in_session() -> Settings {
    Settings::new()
        .with("USE_SESSION_FOR_NEXT", "on")
        .with("SESSION_PROTECTION", "strong")
}

both_ways!(
    the_way_back_that_the_session_keeps_here_is_found_there,
    in_session()
);
async fn the_way_back_that_the_session_keeps_here_is_found_there(stage: &Stage) {
    let (mia, browser) = (stage.person("mia").await, stage.browser());
    let denied = browser.get(stage.here, "/members?x=1").await;
    assert_eq!((denied.status, denied.location()), (302, "/login"));
    let session = browser.session().unwrap();
    assert!(session.contains(r#""next":"/members?x=1""#), "{session}");
    // A visitor who opens other pages meanwhile keeps it, on both sides.
    for side in [stage.there, stage.here] {
        assert_eq!(browser.whoami(side).await.user_id, None);
    }
    let answer = browser
        .post(stage.there, "/login", &mia.credentials())
        .await;
    assert_eq!((answer.status, answer.location()), (303, "/members?x=1"));
    // It was used up.
    let session = browser.session().unwrap();
    assert!(!session.contains(r#""next""#), "{session}");
    let answer = browser.post(stage.here, "/login", &mia.credentials()).await;
    assert_eq!(answer.location(), "/");
}

both_ways!(
    the_way_to_the_vault_is_kept_in_the_session_too,
    in_session()
);
async fn the_way_to_the_vault_is_kept_in_the_session_too(stage: &Stage) {
    let (mia, browser) = (stage.person("mia").await, stage.browser());
    browser
        .log_in_with(stage.here, &mia, &[("stale", "on")])
        .await;
    let denied = browser.get(stage.there, "/vault").await;
    assert_eq!((denied.status, denied.location()), (302, "/confirm"));
    let form = [("password", &*mia.password)];
    let answer = browser.post(stage.here, "/confirm", &form).await;
    assert_eq!((answer.status, answer.location()), (303, "/vault"));
    assert_eq!(browser.get(stage.there, "/vault").await.status, 200);
}

both_ways!(
    a_way_back_that_leads_away_is_taken_by_neither_side,
    in_session()
);
async fn a_way_back_that_leads_away_is_taken_by_neither_side(stage: &Stage) {
    let (mia, browser) = (stage.person("mia").await, stage.browser());
    browser.get(stage.here, "/members").await;
    for (side, next) in [
        (stage.there, "//evil.example"),
        (stage.here, "https://evil.example/"),
        (stage.there, "/\\evil.example"),
    ] {
        let form = [&mia.credentials()[..], &[("next", next)]].concat();
        let answer = browser.post(side, "/login", &form).await;
        assert_eq!((answer.status, answer.location()), (303, "/"));
    }
    assert_eq!(browser.whoami(Side::Rust).await.user_id, Some(mia.id));
}
