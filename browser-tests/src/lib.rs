//! A real Chromium for the tests of the small examples. Each test has a program on its own port, and browsers that share
//! nothing.

// All of this is test code: it unwraps what a test expects.
#![allow(clippy::unwrap_used)]

use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant};

use fantoccini::elements::Element;
use fantoccini::wd::WebDriverCompatibleCommand;
use fantoccini::{Client, ClientBuilder, Locator};
use hyper_util::client::legacy::connect::HttpConnector;
use serde_json::json;
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::Child;
use url::Url;

/// How long a page may take on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// ChromeDriver, which stops when this is dropped.
#[derive(Debug)]
pub struct Chromium {
    _driver: Child,
    url: String,
}

impl Chromium {
    /// Starts it on a free port.
    ///
    /// # Panics
    ///
    /// If it does not start in five attempts: a port that is free for IPv4 must also be free for IPv6.
    pub async fn start() -> Self {
        for _ in 0..5 {
            let mut driver = tokio::process::Command::new("chromedriver")
                .arg("--port=0")
                .stdout(Stdio::piped())
                .kill_on_drop(true)
                .spawn()
                .expect("chromedriver starts: scripts/test installs it, or says how");
            let mut lines = BufReader::new(driver.stdout.take().unwrap()).lines();
            while let Some(line) = lines.next_line().await.unwrap() {
                if let Some((_, port)) = line.split_once("started successfully on port ") {
                    let url = format!("http://127.0.0.1:{}", port.trim_end_matches('.'));
                    return Self {
                        _driver: driver,
                        url,
                    };
                }
            }
        }
        panic!("ChromeDriver starts");
    }

    /// A browser with its own profile, for this site.
    ///
    /// # Panics
    ///
    /// If Chromium does not start.
    pub async fn browser(&self, site: &str) -> Browser {
        let arguments = [
            "--headless",
            // Chromium's own sandbox does not start as root, and CI runs as root.
            "--no-sandbox",
            "--disable-gpu",
            "--disable-dev-shm-usage",
            "--no-first-run",
            "--disable-background-networking",
            "--hide-scrollbars",
            "--window-size=900,700",
        ];
        let options = json!({ "goog:chromeOptions": { "args": arguments } });
        let client = ClientBuilder::new(HttpConnector::new())
            .capabilities(options.as_object().unwrap().clone())
            .connect(&self.url)
            .await
            .expect("Chromium starts: scripts/test installs it, or says how");
        Browser {
            client,
            site: site.to_owned(),
        }
    }
}

#[derive(Debug)]
struct Command {
    path: &'static str,
    body: serde_json::Value,
}

impl WebDriverCompatibleCommand for Command {
    fn endpoint(&self, base: &Url, session: Option<&str>) -> Result<Url, url::ParseError> {
        base.join(&format!("session/{}/{}", session.unwrap(), self.path))
    }

    fn method_and_body(&self, _: &Url) -> (http::Method, Option<String>) {
        (http::Method::POST, Some(self.body.to_string()))
    }
}

/// A person's browser.
#[derive(Debug)]
pub struct Browser {
    /// The client of the driver.
    pub client: Client,
    site: String,
}

/// Steps in the browser. If one fails, the test fails.
#[allow(
    clippy::missing_panics_doc,
    reason = "a step that fails is a test that fails"
)]
impl Browser {
    /// Goes to a page of the site.
    pub async fn go(&self, path: &str) {
        let url = format!("{}{path}", self.site);
        self.client.goto(&url).await.unwrap();
    }

    /// Fills fields by their names, presses the button in `main`, and waits for the next page.
    pub async fn submit(&self, fields: &[(&str, &str)]) {
        for (name, text) in fields {
            let field = self.find(&format!("main [name={name}]")).await;
            field.clear().await.unwrap();
            field.send_keys(text).await.unwrap();
        }
        self.press("main button").await;
    }

    /// Presses a button, and waits for another page.
    pub async fn press(&self, selector: &str) {
        let before = self.find("html").await;
        self.find(selector).await.click().await.unwrap();
        let pressed = Instant::now();
        while before.tag_name().await.is_ok() {
            assert!(pressed.elapsed() < PATIENCE, "{selector} leads nowhere");
        }
        let there = self.client.wait().at_most(PATIENCE);
        there.for_element(Locator::Css("body")).await.unwrap();
    }

    /// An element.
    pub async fn find(&self, selector: &str) -> Element {
        let found = self.client.wait().at_most(PATIENCE);
        found.for_element(Locator::Css(selector)).await.unwrap()
    }

    /// The text of the page.
    pub async fn text(&self) -> String {
        self.find("body").await.text().await.unwrap()
    }

    /// The page's address, without the site's.
    pub async fn path(&self) -> String {
        let url = self.client.current_url().await.unwrap();
        url.as_str()[url.origin().ascii_serialization().len()..].to_owned()
    }

    /// The `Cookie` field of its requests, to copy it elsewhere.
    pub async fn cookies(&self) -> Vec<(String, String)> {
        let cookies = self.client.get_all_cookies().await.unwrap();
        let pair = |cookie: &fantoccini::cookies::Cookie<'_>| {
            (cookie.name().to_owned(), cookie.value().to_owned())
        };
        cookies.iter().map(pair).collect()
    }

    /// Adds cookies that were copied elsewhere.
    pub async fn put_cookies(&self, cookies: Vec<(String, String)>) {
        for (name, value) in cookies {
            let cookie =
                json!({ "name": name, "value": value, "url": self.site, "httpOnly": true });
            let command = json!({ "cmd": "Network.setCookie", "params": cookie });
            self.command("goog/cdp/execute", command).await;
        }
    }

    /// A command of the driver that has no method here.
    pub async fn command(&self, path: &'static str, body: serde_json::Value) {
        let command = Command { path, body };
        self.client.issue_cmd(command).await.unwrap();
    }

    /// Takes a picture if `SCREENSHOTS` names a folder.
    pub async fn picture(&self, name: &str) {
        if let Ok(folder) = std::env::var("SCREENSHOTS") {
            let picture = self.client.screenshot().await.unwrap();
            std::fs::write(Path::new(&folder).join(name), picture).unwrap();
        }
    }

    /// Closes it.
    pub async fn close(self) {
        self.client.close().await.unwrap();
    }
}
