//! The whole site, driven in this process by small browsers.

#![allow(clippy::unwrap_used)] // Where a test may panic, so may what helps it.

mod around;
mod bad_days;
mod bad_input;
mod browser;
mod passwords;
mod signing_in;

use std::path::Path;

use axum::Router;
use axum::http::StatusCode;
use browser::Browser;
use members::Options;
use rusqlite::Connection;
use tempfile::TempDir;

const OK: StatusCode = StatusCode::OK;
const PASSWORD: &str = "correct horse battery";

/// A site in a folder of its own, which goes when this does.
struct Site {
    data: TempDir,
    router: Router,
}

impl Site {
    fn open() -> Site {
        let data = tempfile::tempdir().unwrap();
        let router = start(data.path());
        Site { data, router }
    }

    fn browser(&self) -> Browser {
        Browser::new(&self.router)
    }

    async fn member(&self, username: &str) -> Browser {
        let mut browser = self.browser();
        let answer = browser
            .post(
                "/sign-up",
                &[("username", username), ("password", PASSWORD)],
            )
            .await;
        answer.leads_to("/dashboard");
        browser
    }

    fn table(&self) -> Connection {
        Connection::open(self.data.path().join("members.db")).unwrap()
    }
}

fn start(data: &Path) -> Router {
    members::app(&options(data, false)).unwrap()
}

fn options(data: &Path, https: bool) -> Options {
    Options {
        listen: "127.0.0.1:0".to_owned(),
        data: data.to_owned(),
        https,
    }
}
