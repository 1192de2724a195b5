//! What an administrator does from the shell while the site is open: the program itself, beside the site.

use std::path::Path;
use std::process::{Command, Output};

use crate::Site;

const CURL: &str = "curl/8.5.0";

/// Runs the program in a folder, and says how it ended and what it said.
fn run(data: &Path, words: &[&str]) -> (bool, String) {
    let Output {
        status,
        stdout,
        stderr,
    } = Command::new(env!("CARGO_BIN_EXE_members"))
        .arg("--data")
        .arg(data)
        .args(words)
        .env_remove("MEMBERS_STORE")
        .env_remove("RUST_LOG")
        .output()
        .unwrap();
    let said = [stdout, stderr].concat();
    (status.success(), String::from_utf8(said).unwrap())
}

#[tokio::test]
async fn an_administrator_sees_and_ends_a_members_logins_and_the_open_site_notices() {
    let site = Site::open().await;
    let data = site.data.path();
    let mut here = site.member("ada").await;
    let mut there = site.sign_in(site.browser().named(CURL), "ada", true).await;
    let mut grace = site.member("grace").await;

    let (done, said) = run(data, &["logins", "ADA"]);
    assert!(done, "{said}");
    for line in [
        "An unknown browser: signed in just now, last used within the last hour, from 127.0.0.1\n",
        "A program called curl: signed in just now, last used within the last hour, from 127.0.0.1, stays signed in\n",
    ] {
        assert!(said.contains(line), "{said}");
    }

    let (done, said) = run(data, &["end-logins", "ada"]);
    assert!(done, "{said}");
    assert_eq!(said, "ada was signed in 2 times, and is out everywhere.\n");
    for browser in [&mut here, &mut there] {
        browser
            .get("/dashboard")
            .await
            .leads_to("/sign-in?next=%2Fdashboard");
    }
    grace
        .get("/dashboard")
        .await
        .shows(crate::OK, "Hello, grace.");

    for command in ["logins", "end-logins"] {
        let (done, said) = run(data, &[command, "ada"]);
        assert!(done && said.contains("signed in nowhere"), "{said}");
    }
    let (_, said) = run(data, &["end-logins", "grace"]);
    assert_eq!(said, "grace was signed in once, and is out.\n");
}

#[tokio::test]
async fn an_administrator_who_is_mistaken_is_told_what_is_wrong() {
    let site = Site::open().await;
    let data = site.data.path();
    let elsewhere = tempfile::tempdir().unwrap();
    for (data, words, answer) in [
        (
            data,
            &["logins", "nobody"][..],
            "no member is called nobody",
        ),
        (
            data,
            &["--store", "memory", "logins", "ada"],
            "out of reach from here",
        ),
        (
            data,
            &["--store", "sqllite", "logins", "ada"],
            "choose sqlite, memory",
        ),
        (
            elsewhere.path(),
            &["logins", "ada"],
            "name the right one with --data",
        ),
    ] {
        let (done, said) = run(data, words);
        assert!(!done && said.contains(answer), "{words:?}: {said}");
    }
    assert_eq!(
        std::fs::read_dir(elsewhere.path()).unwrap().count(),
        0,
        "no site was made there"
    );
}

#[test]
fn help_says_what_each_store_needs() {
    let (done, said) = run(Path::new("nowhere"), &["--help"]);
    assert!(done, "{said}");
    for words in [
        "logins.db",
        "postgres://USER:PASSWORD@HOST/DATABASE",
        "redis://USER:PASSWORD@HOST/",
        "MEMBERS_STORE",
        "After an hour without use, after a day in any case",
        "--proxies",
        "end-logins",
    ] {
        assert!(said.contains(words), "no {words:?} in {said}");
    }
}

#[tokio::test]
async fn a_rotated_key_signs_nobody_out_and_a_dropped_one_does() {
    let site = Site::open().await;
    let data = site.data.path();
    let mut ada = site.member("ada").await;
    let mut grace = site.sign_in(site.browser(), "ada", true).await;
    grace.reopen();
    let key = || std::fs::read_to_string(data.join("secret-key")).unwrap();
    let old = key();
    let (done, said) = run(data, &["rotate-key"]);
    assert!(done && said.contains("Restart the site"), "{said}");
    assert_ne!(key(), old);

    let before = ada.cookies();
    let restarted = crate::start(data).await;
    for browser in [&mut ada, &mut grace] {
        browser.visit(&restarted);
        browser
            .get("/dashboard")
            .await
            .shows(crate::OK, "Hello, ada.");
    }
    assert_ne!(ada.cookies(), before, "it is signed with the new key now");

    std::fs::remove_file(data.join("secret-key-fallbacks")).unwrap();
    let without = crate::start(data).await;
    for (browser, is_in) in [(&mut ada, true), (&mut site.browser(), false)] {
        if !is_in {
            for (name, cookie) in &before {
                browser.set_cookie(name, &cookie.value);
            }
        }
        browser.visit(&without);
        let answer = browser.get("/dashboard").await;
        assert_eq!(answer.status == crate::OK, is_in, "{answer:?}");
    }
}
