//! `housekey cookie read`.

use super::*;

#[test]
fn a_cookie_is_read_whatever_form_it_comes_in() {
    for preset in Preset::BOTH {
        let mut browser = browser_of(&site(preset, &clock(60)).build().unwrap(), "mia");
        for name in preset.names() {
            let value = browser.jar().value(name).unwrap().to_owned();
            for input in [
                value.clone(),
                format!("{value}\r\n"),
                format!("{name}={value}"),
                format!("Cookie: theme=dark; {name}={value}; _ga=GA1.2"),
                format!("Set-Cookie: {name}={value}; Path=/; HttpOnly"),
                format!(
                    "curl 'https://example.com/' \\\n  -H 'cookie: {name}={value}' \\\n  --compressed"
                ),
                format!("-b '{name}={value}'"),
                format!("GET / HTTP/1.1\r\nHost: example.com\r\nCookie: {name}={value}\r\n"),
            ] {
                let done = read(&input, &[]).done().exits(0);
                done.says("user        mia").says("it counts");
            }
        }
    }
}

#[test]
fn a_session_tells_its_user_when_it_began_when_it_ends_and_how_fresh_it_is() {
    for (preset, words, days) in [
        (Preset::Safe, "a session of the safe preset", 1),
        (
            Preset::Flask,
            "a session of Flask or of the flask preset",
            31,
        ),
    ] {
        let clock = clock(60);
        let manager = site(preset, &clock).build().unwrap();
        let cookies = browser_of(&manager, "mia").cookies();
        let done = read(&cookies, &[]).done().exits(0).says(words);
        let done = done
            .says("with the secret key")
            .says("fresh       yes, since");
        done.says("not known   whether the user is still there");
        let found = read(&cookies, &["--json"]).done().exits(0).json();
        let of_kind = |kind: &str| found.iter().find(|it| it["kind"] == kind).unwrap();
        let session = of_kind("session");
        let time = |seconds| {
            let time = SystemTime::UNIX_EPOCH + Duration::from_secs(seconds);
            Value::from(humantime::format_rfc3339_seconds(time).to_string())
        };
        assert_eq!(session["user_id"], "mia");
        assert_eq!(session["verdict"], "counts");
        assert_eq!(session["signed_at"], time(clock.now()));
        assert_eq!(session["ends_at"], time(clock.now() + days * DAY));
        assert_eq!(session["fresh"], true);
        assert_eq!(session["key"], 0);
        assert_eq!(of_kind("remember_token")["fresh"], false);
    }
}

#[test]
fn what_does_not_count_says_why_and_exits_with_1() {
    for (preset, behind, name, arguments, why) in [
        (Preset::Safe, 2 * DAY, 0, &[][..], "refused: it has expired"),
        (Preset::Safe, 31 * DAY, 1, &[], "refused: it has expired"),
        (Preset::Flask, 32 * DAY, 0, &[], "refused: it has expired"),
        (
            Preset::Flask,
            2,
            0,
            &["--session-lifetime", "1s"],
            "refused: it has expired",
        ),
    ] {
        let mut browser = browser_of(&site(preset, &clock(behind)).build().unwrap(), "mia");
        let value = browser
            .jar()
            .value(preset.names()[name])
            .unwrap()
            .to_owned();
        let done = read(&value, arguments).done().exits(1);
        done.says(why).says("user        mia");
    }
    let ahead = Clock::default();
    ahead.set(now() + 3600);
    let cookies = browser_of(&site(Preset::Flask, &ahead).build().unwrap(), "mia").cookies();
    let done = read(&cookies, &[]).done().exits(1);
    done.says("refused: it was signed in the future");
}

#[test]
fn nothing_is_shown_of_a_cookie_that_none_of_the_keys_signed() {
    for preset in Preset::BOTH {
        let cookies =
            browser_of(&site(preset, &clock(0)).build().unwrap(), "mia-the-owner").cookies();
        let with = |key: &str| read(&cookies, &[]).env("SECRET_KEY", key).done().exits(1);
        let done = with(OTHER_KEY).says("none of the keys signed this");
        done.hides("mia-the-owner");
        let done = read(&cookies, &["--json"])
            .env("SECRET_KEY", OTHER_KEY)
            .done()
            .exits(1);
        let verdicts = done.json().into_iter().map(|it| it["verdict"].clone());
        assert_eq!(verdicts.collect::<Vec<_>>(), ["not_signed", "not_signed"]);
        // A site with the safe preset cannot have such a key.
        with("short").says("Tried as the flask preset alone");
    }
}

#[test]
fn the_key_comes_from_the_environment_or_a_file_and_is_never_said() {
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str, text: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let cookies = browser_of(&site(Preset::Safe, &clock(0)).build().unwrap(), "mia").cookies();
    let [ours, other] = [file("ours", &format!("{KEY}\n")), file("other", OTHER_KEY)];
    let huge = file("huge", &"k".repeat(64 * 1024 + 1));
    let run = |arguments: &[&str]| {
        housekey(["cookie", "read", "--json"].iter().chain(arguments)).input(&cookies)
    };
    let third = "7d793037a0760186574b0282f2f435e7";
    let fallbacks = format!("{OTHER_KEY},{KEY}");
    for (number, run) in [
        (0, run(&[]).env("SECRET_KEY", KEY)),
        (
            0,
            run(&[])
                .env("SECRET_KEY", OTHER_KEY)
                .env("HOUSEKEY_SECRET_KEY", KEY),
        ),
        (
            2,
            run(&[])
                .env("SECRET_KEY", third)
                .env("SECRET_KEY_FALLBACKS", &fallbacks),
        ),
        (0, run(&["--key-file", &ours]).env("SECRET_KEY", OTHER_KEY)),
        (
            1,
            run(&["--key-file", &other, "--fallback-key-file", &ours]),
        ),
    ] {
        let done = run.done().exits(0).hides(KEY).hides(OTHER_KEY);
        assert_eq!(done.json()[0]["key"], number, "{done:?}");
    }
    for (run, what) in [
        (run(&[]), "there is no secret key"),
        (
            run(&[]).env("SECRET_KEY", ""),
            "SECRET_KEY in the environment",
        ),
        (
            run(&[])
                .env("SECRET_KEY", KEY)
                .env("SECRET_KEY_FALLBACKS", format!("{OTHER_KEY},,")),
            "SECRET_KEY_FALLBACKS in the environment: fallback key number 2 is empty",
        ),
        (
            run(&["--key-file", "/nowhere/key"]),
            "the key file /nowhere/key",
        ),
        (run(&["--key-file", &huge]), "longer than any key"),
        (
            run(&["--preset", "safe"]).env("SECRET_KEY", "short"),
            "needs at least 32 bytes",
        ),
        (run(&["--key", KEY]), "unexpected argument '--key'"),
        (
            run(&[&cookies]).env("SECRET_KEY", KEY),
            "cookies come from standard input",
        ),
    ] {
        run.done()
            .exits(2)
            .complains(what)
            .hides(KEY)
            .hides(OTHER_KEY);
    }
}

#[test]
fn cookies_of_other_names_realms_and_salts_are_found() {
    let clock = clock(0);
    let named = site(Preset::Safe, &clock)
        .session_cookie(|cookie| cookie.name("sid"))
        .remember_cookie(|cookie| cookie.name("keep"))
        .build()
        .unwrap();
    let mut browser = browser_of(&named, "mia");
    let done = read(browser.cookies(), &["--json"]).done().exits(0).json();
    assert!(done.len() == 2 && done.iter().all(|it| it["user_id"] == "mia"));
    let value = browser.jar().value("sid").unwrap().to_owned();
    read(&value, &[]).done().exits(1).says("say --name");
    read(&value, &["--name", "sid"]).done().exits(0).says("mia");

    let plain = site(Preset::Safe, &clock).plain_http().build().unwrap();
    let value = browser_of(&plain, "mia")
        .jar()
        .value("session")
        .unwrap()
        .to_owned();
    read(&value, &[]).done().exits(0).says("safe preset");

    let staff = site(Preset::Safe, &clock).realm("staff").build().unwrap();
    let cookies = browser_of(&staff, "mia").cookies();
    read(&cookies, &[]).done().exits(1).hides("mia");
    read(&cookies, &["--realm", "staff"]).done().exits(0);

    let prefixed = site(Preset::Flask, &clock)
        .session_cookie(|cookie| cookie.name("__Host-sid").secure())
        .build()
        .unwrap();
    let mut browser = browser_of(&prefixed, "mia");
    for name in ["__Host-sid", "a(b", "\u{e9}"] {
        let value = browser.jar().value("__Host-sid").unwrap();
        read(format!("{name}={value}"), &[])
            .done()
            .exits(0)
            .says("mia");
    }

    let salted = site(Preset::Flask, &clock)
        .session_salt("pepper")
        .build()
        .unwrap();
    let cookies = browser_of(&salted, "mia")
        .jar()
        .value("session")
        .unwrap()
        .to_owned();
    read(&cookies, &[]).done().exits(1).hides("mia");
    read(&cookies, &["--salt", "pepper"]).done().exits(0);
    read(&cookies, &["--salt", "pepper", "--preset", "safe"])
        .done()
        .exits(2);
}

#[test]
fn every_remember_token_is_read_under_every_name_and_judged_by_a_site_that_reads_it() {
    use housekey::RememberFormat::{FlaskLogin, Rotating, Timed};
    for preset in Preset::BOTH {
        for (format, words) in [
            (Timed, "timed"),
            (Rotating, "rotating"),
            (FlaskLogin, "flask_login"),
        ] {
            for token_name in ["remember_token", "keep"] {
                let folder = tempfile::tempdir().unwrap();
                let path = folder.path().join("logins.db");
                let clock = clock(10);
                let mut builder = site(preset, &clock)
                    .remember_cookie(|cookie| cookie.name(token_name))
                    .remember_format(format);
                let mut arguments = vec!["--json".to_owned()];
                if format == Rotating {
                    builder = builder.login_store(sqlite(&path));
                    arguments.push(format!("--store=sqlite:{}", path.display()));
                }
                let mut browser = browser_of(&builder.build().unwrap(), "mia");
                let value = browser.jar().value(token_name).unwrap().to_owned();
                let arguments: Vec<_> = arguments.iter().map(String::as_str).collect();
                let done = read(format!("{token_name}={value}"), &arguments)
                    .done()
                    .exits(0);
                let found = &done.json()[0];
                assert_eq!(found["format"], words, "{preset:?}, {token_name}");
                assert_eq!(found["verdict"], "counts", "{preset:?}, {token_name}");
            }
        }
    }
}

#[test]
fn with_the_store_it_tells_whether_the_login_has_ended() {
    for preset in Preset::BOTH {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("logins.db");
        let clock = clock(10);
        let manager = site(preset, &clock)
            .login_store(sqlite(&path))
            .build()
            .unwrap();
        let mut browser = browser_of(&manager, "mia");
        let store = format!("sqlite:{}", path.display());
        let with_store = ["--store", &store];
        let [session, token] = preset
            .names()
            .map(|name| browser.jar().value(name).unwrap().to_owned());

        let done = read(&session, &[]).done().exits(0).says("--store ADDRESS");
        done.hides("expired");
        let done = read(&session, &with_store)
            .done()
            .exits(0)
            .says("it counts");
        done.says("Firefox/140").hides("--store ADDRESS");
        read(&token, &with_store).done().exits(0).says("it counts");
        // Reading does not count as use.
        read(&token, &with_store).done().exits(0).says("it counts");

        let end_all = ["logins", "end-all", "mia", "--yes", "--store", &store];
        housekey(end_all).done().exits(0);
        read(&session, &with_store)
            .done()
            .exits(1)
            .says("refused: ");
        read(&token, &with_store)
            .done()
            .exits(1)
            .says("refused: its login is over");
    }
}

#[test]
fn everything_that_flask_signed_is_read() {
    let text = include_str!("../../../housekey/testdata/flask.json");
    let vectors: Value = serde_json::from_str(text).unwrap();
    let mut read_ones = 0;
    for vector in vectors["session_cookies"].as_array().unwrap() {
        let (Some(key), Some(cookie)) = (vector["secret_key"].as_str(), vector["cookie"].as_str())
        else {
            continue;
        };
        let session: Value =
            serde_json::from_str(vector["json"].as_str().unwrap()).unwrap_or_default();
        let done = read(cookie, &["--json"]).env("SECRET_KEY", key).done();
        let [found] = &done.json()[..] else {
            panic!("one cookie: {done:?}")
        };
        assert_eq!(found["signed_at"], "2023-11-14T22:13:20Z", "{vector}");
        let expected = match &session["_user_id"] {
            Value::Number(number) => Value::from(number.to_string()),
            other => other.clone(),
        };
        assert_eq!(found["user_id"], expected, "{vector}");
        read_ones += 1;
    }
    for vector in vectors["remember_cookies"].as_array().unwrap() {
        let (Some(key), Some(set_cookie)) =
            (vector["secret_key"].as_str(), vector["set_cookie"].as_str())
        else {
            continue;
        };
        let input = format!("Set-Cookie: {set_cookie}");
        let done = read(input, &["--json"]).env("SECRET_KEY", key).done();
        let found = &done.json()[0];
        // Flask-Login's word for an anonymous visitor.
        match vector["payload"] == "None" {
            true => assert_eq!(found["reason"], "bad_payload", "{vector}"),
            false => assert_eq!(found["user_id"], vector["payload"], "{vector}"),
        }
        read_ones += 1;
    }
    let rotated = &vectors["secret_key_fallbacks"];
    let order = ["new", "old2", "old1"];
    for case in rotated["cases"].as_array().unwrap() {
        let by = case["signed_with"].as_str().unwrap();
        let run = read(case["cookie"].as_str().unwrap(), &["--json"]);
        let done = run
            .env("SECRET_KEY", "new")
            .env("SECRET_KEY_FALLBACKS", "old2,old1")
            .done();
        let number = order.iter().position(|key| *key == by);
        assert_eq!(
            done.json()[0]["key"].as_u64(),
            number.map(|it| it as u64),
            "{case}"
        );
        read_ones += 1;
    }
    assert!(read_ones > 10, "{read_ones}");
}

#[test]
fn an_id_with_an_equals_sign_is_not_a_name() {
    let mut browser = browser_of(&site(Preset::Flask, &clock(0)).build().unwrap(), "a=b");
    let value = browser.jar().value("remember_token").unwrap().to_owned();
    read(&value, &[]).done().exits(0).says("user        a=b");
}
