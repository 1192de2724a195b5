//! The logins on a server. Built with both features, as `scripts/test` does; the servers are the tests' own.

use std::process::Command;

use axum::http::StatusCode;
use store_tests::{Kind, Server};

use crate::{OK, Site, app, options};

const KINDS: [Kind; 2] = [Kind::Postgres, Kind::Redis];
const LIST: &str = "/account/logins";

#[tokio::test(flavor = "multi_thread")]
async fn logins_on_a_server_are_seen_ended_and_there_after_a_restart() {
    for kind in KINDS {
        let server = Server::start(kind);
        let more = ["--store", &server.url()];
        let site = Site::open_with(&more).await;
        let mut here = site.member("ada").await;
        let mut there = site.sign_in(site.browser(), "ada", true).await;
        here.get(LIST).await.shows(OK, "Stays signed in");

        let restarted = app(options(site.data.path(), &more)).await;
        for browser in [&mut here, &mut there] {
            browser.visit(&restarted);
            browser.get("/dashboard").await.shows(OK, "Hello, ada.");
        }
        here.post("/account/logins/end-others", &[])
            .await
            .leads_to(LIST);
        there
            .get("/dashboard")
            .await
            .leads_to("/sign-in?next=%2Fdashboard");

        let output = Command::new(env!("CARGO_BIN_EXE_members"))
            .arg("--data")
            .arg(site.data.path())
            .args(["end-logins", "ada"])
            .env("MEMBERS_STORE", server.url())
            .output()
            .unwrap();
        assert!(output.status.success(), "{kind:?}: {output:?}");
        here.get("/dashboard")
            .await
            .leads_to("/sign-in?next=%2Fdashboard");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn while_the_server_is_away_nobody_is_let_in_and_nobody_is_logged_out() {
    for kind in KINDS {
        let mut server = Server::start(kind);
        let site = Site::open_with(&["--store", &server.url()]).await;
        let mut ada = site.member("ada").await;
        server.stop();
        let answer = ada.get("/dashboard").await;
        answer.shows(
            StatusCode::SERVICE_UNAVAILABLE,
            "Nobody has been signed out",
        );
        ada.get("/").await.shows(OK, "we cannot reach our records");
        server.start_again();
        ada.get("/dashboard").await.shows(OK, "Hello, ada.");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_is_not_there_is_noticed_at_the_start() {
    for kind in KINDS {
        let mut server = Server::start(kind);
        server.stop();
        let data = tempfile::tempdir().unwrap();
        let options = options(data.path(), &["--store", &server.url()]);
        let refused = members::app(&options, &members::Closing::default()).await;
        let said = refused.expect_err("it is refused").to_string();
        assert!(
            said.contains(&format!("127.0.0.1:{}", server.port())),
            "{said}"
        );
        assert!(!said.contains(&server.password()), "{said}");
    }
}
