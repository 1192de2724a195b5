//! Flashed messages.

use crate::harness::{Habit, Program, Settings, Side, Stage, both_ways, play, runs};

both_ways!(a_message_flashed_here_is_shown_there_once);
async fn a_message_flashed_here_is_shown_there_once(stage: &Stage) {
    let browser = stage.browser();
    let flash = async |side, message, category| {
        let form = [("message", message), ("category", category)];
        assert_eq!(browser.post(side, "/flash", &form).await.status, 200);
    };
    flash(stage.here, "gespeichert: 佐藤 😀 <b>\"&\"</b>", "success").await;
    flash(stage.there, "and another", "message").await;
    flash(stage.here, "and a third", "").await;
    let shown = browser.get(stage.there, "/flashes").await;
    let shown: Vec<(String, String)> = serde_json::from_str(&shown.body).unwrap();
    let shown: Vec<_> = shown
        .iter()
        .map(|(c, t)| (c.as_str(), t.as_str()))
        .collect();
    assert_eq!(
        shown,
        [
            ("success", "gespeichert: 佐藤 😀 <b>\"&\"</b>"),
            ("message", "and another"),
            ("", "and a third"),
        ]
    );
    for side in [stage.here, stage.there] {
        assert_eq!(browser.get(side, "/flashes").await.body.trim(), "[]");
    }
    assert_eq!(browser.cookie("session"), None);
}

#[test]
fn a_message_of_markup_from_flask_is_text_at_rust() {
    if !runs(Program::Rust) {
        return;
    }
    play(Settings::new(), Side::Flask, async |stage: &Stage| {
        let browser = stage.browser();
        let form = [("message", "<b>saved</b> &amp; sound"), ("markup", "on")];
        browser.post(Side::Flask, "/flash", &form).await;
        let shown = browser.get(Side::Rust, "/flashes").await.body;
        assert_eq!(shown, r#"[["message","<b>saved</b> &amp; sound"]]"#);
    });
}

const PLEASE: &str = r#"["message","Please log in to access this page."]"#;

both_ways!(the_login_message_from_here_is_shown_there);
async fn the_login_message_from_here_is_shown_there(stage: &Stage) {
    let browser = stage.browser();
    browser.get(stage.here, "/members").await;
    let shown = browser.get(stage.there, "/flashes").await.body;
    assert_eq!(shown.trim(), format!("[{PLEASE}]"));
}

both_ways!(the_refresh_message_from_here_is_shown_there);
async fn the_refresh_message_from_here_is_shown_there(stage: &Stage) {
    let (mia, browser) = (stage.person("mia").await, stage.browser());
    browser
        .log_in_with(stage.here, &mia, &[("stale", "on")])
        .await;
    browser.get(stage.here, "/vault").await;
    let shown = browser.get(stage.there, "/flashes").await.body;
    let expected = r#"[["message","Please reauthenticate to access this page."]]"#;
    assert_eq!(shown.trim(), expected);
}

// Flask-Login adds a message with each denial. Rust does not queue a message twice, whichever side left the first.
both_ways!(a_login_message_waits_twice_only_if_flask_was_last);
async fn a_login_message_waits_twice_only_if_flask_was_last(stage: &Stage) {
    let browser = stage.browser();
    browser.get(stage.here, "/members").await;
    browser.get(stage.there, "/members").await;
    let shown = browser.get(stage.here, "/flashes").await.body;
    let expected = match stage.there {
        _ if stage.there.has(Habit::IsPython) => format!("[{PLEASE},{PLEASE}]"),
        _ => format!("[{PLEASE}]"),
    };
    assert_eq!(shown.trim(), expected);
}

// Rust queues at most ten messages; the oldest go, including Flask's.
both_ways!(rust_keeps_only_the_last_ten_messages);
async fn rust_keeps_only_the_last_ten_messages(stage: &Stage) {
    let browser = stage.browser();
    for number in 1..=11 {
        let side = if number % 2 == 0 {
            stage.here
        } else {
            stage.there
        };
        let form = [("message", &*format!("message {number}"))];
        assert_eq!(browser.post(side, "/flash", &form).await.status, 200);
    }
    let shown = browser.get(Side::Flask, "/flashes").await.body;
    let count = shown.matches("message ").count();
    let rust_was_last = !stage.there.has(Habit::IsPython);
    assert_eq!(count, if rust_was_last { 10 } else { 11 });
    assert!(shown.contains("message 11"), "{shown}");
}
