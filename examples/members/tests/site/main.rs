//! The whole site, driven in this process by small browsers.

#![allow(clippy::unwrap_used)] // Where a test may panic, so may what helps it.

mod admin;
mod around;
mod bad_days;
mod bad_input;
mod browser;
mod logins;
mod mounted;
#[cfg(all(feature = "postgres", feature = "redis"))]
mod outages;
mod passwords;
#[cfg(all(feature = "postgres", feature = "redis"))]
mod servers;
mod signing_in;
mod streams;

use std::path::Path;

use axum::Router;
use axum::http::StatusCode;
use browser::Browser;
use clap::Parser as _;
use members::{Closing, Options};
use rusqlite::Connection;
use tempfile::TempDir;

const OK: StatusCode = StatusCode::OK;
const PASSWORD: &str = "correct horse battery";

/// A site in a folder of its own, which goes when this does.
struct Site {
    data: TempDir,
    router: Router,
    closing: Closing,
}

impl Site {
    async fn open() -> Site {
        Site::open_with(&[]).await
    }

    async fn open_with(more: &[&str]) -> Site {
        let data = tempfile::tempdir().unwrap();
        let closing = Closing::default();
        let options = options(data.path(), more);
        let router = members::app(&options, &closing).await.unwrap();
        Site {
            data,
            router,
            closing,
        }
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

    /// A browser at which this member has signed in, with the password that all have here.
    async fn sign_in(&self, browser: Browser, username: &str, remember: bool) -> Browser {
        let mut browser = browser;
        let mut fields = vec![("username", username), ("password", PASSWORD)];
        if remember {
            fields.push(("remember", "yes"));
        }
        browser
            .post("/sign-in", &fields)
            .await
            .leads_to("/dashboard");
        browser
    }

    fn table(&self) -> Connection {
        Connection::open(self.data.path().join("members.db")).unwrap()
    }

    fn logins(&self) -> Connection {
        Connection::open(self.data.path().join("logins.db")).unwrap()
    }
}

/// The site that is in this folder.
async fn start(data: &Path) -> Router {
    app(options(data, &[])).await
}

async fn app(options: Options) -> Router {
    members::app(&options, &Closing::default()).await.unwrap()
}

/// As if the program had been started with these.
fn options(data: &Path, more: &[&str]) -> Options {
    let data = ["members", "--data", data.to_str().unwrap()];
    Options::parse_from(data.iter().chain(more))
}
