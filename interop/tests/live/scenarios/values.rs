//! The values that the application keeps in the session besides the login.

use serde_json::{Value, json};

use crate::harness::{Habit, Program, Side, Stage, both_ways, runs};

/// What Flask's `/values` puts into the session, with Flask's tags.
pub(crate) fn python_values() -> Value {
    json!({
        "a tuple": { " t": [1, "zwei", { " t": [null, 3.5] }] },
        "bytes": { " b": "AP/+Ynl0ZXM=" },
        "markup": { " m": "<b>bold</b> &amp; <i>brave</i>" },
        "a uuid": { " u": "12345678123456781234567812345678" },
        "a date": { " d": "Tue, 14 Nov 2023 22:13:20 GMT" },
        "looks tagged": { " di": { " t__": "but is a dict" } },
        "nested": { "list": [{ " t": [1] }, { "deep": { " b": "ZXI=" } }], "empty": {}, "none": null },
        "numbers": [1_180_591_620_717_411_303_424_f64, -1, 1e16, 1e-7, 604_800.0, true],
        "text": "Zoë 佐藤 😀 \" \\ / \u{7f} \u{2028} <&>",
    })
}

/// The same as Rust reads it, without the tags.
pub(crate) fn python_values_at_rust() -> Value {
    let mut values = python_values();
    values["a tuple"] = json!([1, "zwei", [null, 3.5]]);
    values["bytes"] = "AP/+Ynl0ZXM=".into();
    values["markup"] = "<b>bold</b> &amp; <i>brave</i>".into();
    values["a uuid"] = "12345678123456781234567812345678".into();
    values["a date"] = "Tue, 14 Nov 2023 22:13:20 GMT".into();
    values["looks tagged"] = json!({ " t": "but is a dict" });
    values["nested"]["list"] = json!([[1], { "deep": "ZXI=" }]);
    values
}

// One side writes, a user logs in here, Rust writes the session again. Not a byte of the values changes.
both_ways!(what_flask_wrote_survives_rust_to_the_byte);
async fn what_flask_wrote_survives_rust_to_the_byte(stage: &Stage) {
    let (mia, browser) = (stage.person("mia").await, stage.browser());
    browser.post(Side::Flask, "/values", &[]).await;
    browser.post(Side::Flask, "/odd-values", &[]).await;
    let values = browser.session().unwrap();
    for expected in [
        r#""a tuple":{" t":[1,"zwei",{" t":[null,3.5]}]}"#,
        r#""bytes":{" b":"AP/+Ynl0ZXM="}"#,
        r#""half a pair":"\ud83d""#,
        r#""looks tagged":{" di":{" t__":"but is a dict"}}"#,
        r#""not a number":[NaN,Infinity,-0.0]"#,
        r#""numbers":[1180591620717411303424,-1,1e+16,1e-07,604800.0,true]"#,
    ] {
        assert!(values.contains(expected), "{values}");
    }

    browser.log_in(stage.here, &mia).await;
    let before = browser.session().unwrap();
    // Everything from the first value to the last.
    let inner = &values[1..values.len() - 1];
    assert!(before.contains(inner), "{before}");

    let form = [("value", "1")];
    browser.post(Side::Rust, "/session/_x", &form).await;
    let with_x = browser.session().unwrap();
    assert!(with_x.contains(inner), "{with_x}");
    let user_id = format!(r#""_user_id":"{}""#, mia.id);
    let and_x = format!(r#"{user_id},"_x":"1""#);
    assert_eq!(with_x, before.replacen(&user_id, &and_x, 1));
    browser.post(Side::Rust, "/session/_x/remove", &[]).await;
    assert_eq!(browser.session().unwrap(), before);
}

both_ways!(what_python_wrote_is_the_same_python_objects_after_rust);
async fn what_python_wrote_is_the_same_python_objects_after_rust(stage: &Stage) {
    let (mia, browser) = (stage.person("mia").await, stage.browser());
    browser.post(Side::Flask, "/values", &[]).await;
    let before = browser.whoami(Side::Flask).await;
    browser.log_in(stage.here, &mia).await;
    browser
        .post(Side::Rust, "/session/x", &[("value", "1")])
        .await;
    browser.post(Side::Rust, "/session/x/remove", &[]).await;
    let after = browser.whoami(Side::Flask).await;
    assert_eq!(after.python, before.python);
    assert_eq!(after.session, before.session);
    assert_eq!(after.session, python_values());
    let expected = json!({
        "a tuple": "(1, 'zwei', (None, 3.5))",
        "bytes": r"b'\x00\xff\xfebytes'",
        "markup": "Markup('<b>bold</b> &amp; <i>brave</i>')",
        "a uuid": "UUID('12345678-1234-5678-1234-567812345678')",
        "a date": "datetime.datetime(2023, 11, 14, 22, 13, 20, tzinfo=datetime.timezone.utc)",
        "looks tagged": "{' t': 'but is a dict'}",
        "nested": "{'empty': {}, 'list': [(1,), {'deep': b'er'}], 'none': None}",
        "numbers": "[1180591620717411303424, -1, 1e+16, 1e-07, 604800.0, True]",
        "text": r#"'Zoë 佐藤 😀 " \\ / \x7f \u2028 <&>'"#,
    });
    assert_eq!(after.python, expected);
}

both_ways!(what_python_wrote_reads_as_plain_values_at_rust);
async fn what_python_wrote_reads_as_plain_values_at_rust(stage: &Stage) {
    if !runs(Program::Rust) {
        return;
    }
    let (mia, browser) = (stage.person("mia").await, stage.browser());
    browser.log_in(stage.here, &mia).await;
    browser.post(Side::Flask, "/values", &[]).await;
    let who = browser.whoami(Side::Rust).await;
    assert_eq!(who.session, python_values_at_rust());
}

// It is passed on anyway, and does no harm.
both_ways!(what_only_python_can_read_is_unreadable_at_rust);
async fn what_only_python_can_read_is_unreadable_at_rust(stage: &Stage) {
    if !runs(Program::Rust) {
        return;
    }
    let (mia, browser) = (stage.person("mia").await, stage.browser());
    browser.log_in(stage.here, &mia).await;
    browser.post(Side::Flask, "/odd-values", &[]).await;
    let who = browser.whoami(Side::Rust).await;
    assert_eq!(who.user_id, Some(mia.id));
    for key in ["not a number", "half a pair"] {
        let message = who.session[key]["unreadable"].as_str().unwrap();
        assert!(message.contains(key), "{message}");
    }
}

both_ways!(what_rust_wrote_is_plain_python_and_survives_flask);
async fn what_rust_wrote_is_plain_python_and_survives_flask(stage: &Stage) {
    if !runs(Program::Rust) {
        return;
    }
    let (mia, browser) = (stage.person("mia").await, stage.browser());
    browser.log_in(stage.here, &mia).await;
    browser.post(Side::Rust, "/values", &[]).await;
    let (before, read) = (browser.session(), browser.whoami(Side::Rust).await.session);
    let python = browser.whoami(Side::Flask).await.python;
    let expected = json!({
        "a tuple": "[1, 'zwei', [None, 3.5]]",
        "bytes": "[0, 255, 254]",
        "looks tagged": "{' t': 'but is an object'}",
        "nested": "{'empty': {}, 'list': [[1], {'deep': 'er'}], 'none': None}",
        "numbers": "[18446744073709551615, -9223372036854775808, 1e+16, 1e-07, 604800.0, True]",
        "text": r#"'Zoë 佐藤 😀 " \\ / \x7f \u2028 <&>'"#,
    });
    assert_eq!(python, expected);
    browser
        .post(Side::Flask, "/session/x", &[("value", "1")])
        .await;
    browser.post(Side::Flask, "/session/x/remove", &[]).await;
    assert_eq!(browser.session(), before);
    assert_eq!(browser.whoami(Side::Rust).await.session, read);
}

both_ways!(a_cart_is_filled_on_both_sides_and_survives_the_login);
async fn a_cart_is_filled_on_both_sides_and_survives_the_login(stage: &Stage) {
    let (mia, browser) = (stage.person("mia").await, stage.browser());
    let put = async |side, item| {
        let answer = browser.post(side, "/cart", &[("item", item)]).await;
        serde_json::from_str::<Value>(&answer.body).unwrap()
    };
    put(stage.here, "tea").await;
    put(stage.there, "緑茶").await;
    browser.log_in(stage.here, &mia).await;
    let cart = put(stage.there, "a \"cup\"").await;
    assert_eq!(cart, json!(["tea", "緑茶", "a \"cup\""]));
    for side in Side::BOTH {
        let who = browser.whoami(side).await;
        assert_eq!(
            (&who.session["cart"], who.user_id.as_ref()),
            (&cart, Some(&mia.id))
        );
    }
}

both_ways!(a_csrf_token_made_here_is_the_one_there);
async fn a_csrf_token_made_here_is_the_one_there(stage: &Stage) {
    let (mia, browser) = (stage.person("mia").await, stage.browser());
    let token = browser.get(stage.here, "/csrf").await.body;
    assert_eq!(token.len(), 40);
    assert_eq!(browser.get(stage.there, "/csrf").await.body, token);
    browser.log_in(stage.there, &mia).await;
    assert_eq!(browser.get(stage.here, "/csrf").await.body, token);
}

// Basic protection marks a visitor's session at Flask, login or not, so it grows by a key. Rust only checks logins.
both_ways!(a_visitors_session_is_marked_at_flask_only);
async fn a_visitors_session_is_marked_at_flask_only(stage: &Stage) {
    let browser = stage.browser();
    browser.post(stage.here, "/cart", &[("item", "tea")]).await;
    browser.whoami(stage.there).await;
    let expected = match stage.there {
        _ if stage.there.has(Habit::ProtectsVisitors) => r#"{"_fresh":false,"cart":["tea"]}"#,
        _ => r#"{"cart":["tea"]}"#,
    };
    assert_eq!(browser.session().unwrap(), expected);
}
