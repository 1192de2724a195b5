//! What holds for every page.

use std::io::Write;
use std::sync::{Arc, Mutex};

use axum::http::StatusCode;

use crate::browser::Browser;
use crate::{OK, PASSWORD, Site, app, options, start};

#[tokio::test]
async fn an_unknown_address_is_a_page_of_the_site() {
    let site = Site::open().await;
    let answer = site.member("ada").await.get("/nowhere").await;
    answer.shows(StatusCode::NOT_FOUND, "There is no such room");
    answer.shows(StatusCode::NOT_FOUND, "Sign out");
    site.browser()
        .get("/static/nothing.css")
        .await
        .shows(StatusCode::NOT_FOUND, "There is no such room");
}

#[tokio::test]
async fn scripts_are_refused_in_json() {
    let site = Site::open().await;
    for path in ["/api/me", "/api/nothing"] {
        let answer = site.browser().get(path).await;
        assert_eq!(
            answer.header("content-type"),
            "application/problem+json",
            "{path}"
        );
    }
}

#[tokio::test]
async fn every_answer_carries_the_security_headers() {
    let site = Site::open().await;
    let mut browser = site.browser();
    for path in ["/", "/nowhere", "/dashboard", "/api/me", "/static/site.css"] {
        let answer = browser.get(path).await;
        assert!(
            answer
                .header("content-security-policy")
                .starts_with("default-src 'none'"),
            "{path}"
        );
        assert_eq!(answer.header("x-content-type-options"), "nosniff");
        assert_eq!(answer.header("referrer-policy"), "same-origin");
        assert!(
            !answer.headers.contains_key("strict-transport-security"),
            "this site is served over plain HTTP"
        );
    }
}

#[tokio::test]
async fn over_https_the_cookies_are_secure_and_browsers_told_to_stay() {
    let data = tempfile::tempdir().unwrap();
    let mut browser = Browser::new(&app(options(data.path(), &["--https"])).await);
    let answer = browser
        .post(
            "/sign-up",
            &[
                ("username", "ada"),
                ("password", PASSWORD),
                ("remember", "on"),
            ],
        )
        .await;
    answer.leads_to("/dashboard");
    answer.header("strict-transport-security");
    for cookie in answer.headers.get_all("set-cookie") {
        let cookie = cookie.to_str().unwrap();
        assert!(
            cookie.starts_with("__Host-")
                && cookie.contains("Secure")
                && cookie.contains("HttpOnly"),
            "{cookie}"
        );
    }
}

#[tokio::test]
async fn the_stylesheet_is_kept_by_browsers_and_asks_for_no_cookie() {
    let site = Site::open().await;
    let mut ada = site.member("ada").await;
    let page = ada.get("/dashboard").await.body;
    let (_, rest) = page.split_once(r#"rel="stylesheet" href=""#).unwrap();
    let (address, _) = rest.split_once('"').unwrap();
    let answer = ada.get(address).await;
    answer.shows(OK, ":root");
    assert_eq!(
        answer.header("cache-control"),
        "public, max-age=31536000, immutable"
    );
    assert!(
        !answer.headers.contains_key("vary"),
        "it is the same for everybody"
    );
    assert_eq!(
        ada.get("/static/site.css").await.header("cache-control"),
        "no-cache"
    );
}

#[cfg(unix)]
#[tokio::test]
async fn what_the_site_keeps_is_for_its_own_user_even_where_others_may_enter() {
    use std::os::unix::fs::PermissionsExt;

    let data = tempfile::tempdir().unwrap();
    std::fs::set_permissions(data.path(), PermissionsExt::from_mode(0o755)).unwrap();
    let router = start(data.path()).await;
    let mut ada = Browser::new(&router);
    ada.post("/sign-up", &[("username", "ada"), ("password", PASSWORD)])
        .await
        .leads_to("/dashboard");
    let mut names = Vec::new();
    for file in std::fs::read_dir(data.path()).unwrap() {
        let file = file.unwrap();
        let mode = file.metadata().unwrap().permissions().mode() & 0o777;
        names.push(file.file_name());
        assert_eq!(mode, 0o600, "{names:?}");
    }
    for name in [
        "secret-key",
        "members.db",
        "members.db-wal",
        "logins.db",
        "logins.db-wal",
    ] {
        assert!(names.contains(&name.into()), "no {name} in {names:?}");
    }
}

/// Log lines, as the program writes them.
#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<u8>>>);

impl Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn every_log_line_of_a_request_says_from_where_it_came() {
    for (more, address) in [(&[][..], "127.0.0.1"), (&["--https"], "192.0.2.7")] {
        let site = Site::open_with(more).await;
        let lines = Lines::default();
        let writer = lines.clone();
        let logs = tracing_subscriber::fmt()
            .with_ansi(false)
            .with_writer(move || writer.clone())
            .finish();
        let guard = tracing::subscriber::set_default(logs);
        let mut browser = site.browser().forwarded_for("203.0.113.9, 192.0.2.7");
        for path in ["/", "/static/site.css", "/nowhere"] {
            browser.get(path).await;
        }
        drop(guard);
        let lines = String::from_utf8(lines.0.lock().unwrap().clone()).unwrap();
        let lines: Vec<_> = lines
            .lines()
            .filter(|line| line.contains("request{"))
            .collect();
        assert!(lines.len() >= 3, "{lines:#?}");
        for line in lines {
            assert!(line.contains(&format!("address={address}")), "{line}");
        }
    }
}
