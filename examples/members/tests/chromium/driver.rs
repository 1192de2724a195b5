//! A site on a port of its own, ChromeDriver, and browsers that share nothing with each other.

use std::io::{BufRead as _, BufReader, Read as _, Seek as _};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use clap::Parser as _;
use fantoccini::elements::Element;
use fantoccini::key::Key;
use fantoccini::{Client, ClientBuilder, Locator};
use members::{Closing, Options};
use serde_json::json;

/// How long a page may take, on a machine that does other things as well.
const PATIENCE: Duration = Duration::from_secs(60);

const LIGHT: &str = "--blink-settings=preferredColorScheme=1";
const DARK: &str = "--blink-settings=preferredColorScheme=0";

/// The members' site, with a data folder that goes when it goes.
pub(crate) struct Site {
    url: String,
    data: tempfile::TempDir,
}

impl Site {
    pub(crate) async fn open() -> Self {
        Self::open_with(&[]).await
    }

    pub(crate) async fn open_with(more: &[&str]) -> Self {
        let data = tempfile::tempdir().unwrap();
        let folder = ["members", "--data", data.path().to_str().unwrap()];
        let options = Options::parse_from(folder.iter().chain(more));
        let app = members::app(&options, &Closing::default()).await.unwrap();
        let app = app.into_make_service_with_connect_info::<SocketAddr>();
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn(async move { axum::serve(listener, app).await });
        Self { url, data }
    }

    /// Lets time pass for the login that this user agent made: since it was made, and since it was last used.
    pub(crate) fn grow_old(&self, user_agent: &str, made: Duration, used: Duration) {
        let table = rusqlite::Connection::open(self.data.path().join("logins.db")).unwrap();
        let changed = table.execute(
            "UPDATE logins SET created_at = created_at - ?2, last_seen_at = last_seen_at - ?3
             WHERE instr(data, ?1) > 0",
            (user_agent, made.as_secs(), used.as_secs()),
        );
        assert_eq!(changed.unwrap(), 1, "{user_agent}");
    }
}

/// ChromeDriver, stopped when it goes.
pub(crate) struct Chromium {
    driver: Child,
    url: String,
}

impl Chromium {
    /// The port that ChromeDriver takes for IPv4 has to be free for IPv6 as well, or it ends at once: another start takes
    /// another port.
    pub(crate) fn start() -> Self {
        let mut said = String::new();
        for _ in 0..5 {
            match Self::start_once() {
                Ok(chromium) => return chromium,
                Err(words) => said.push_str(&words),
            }
        }
        panic!("ChromeDriver said on which port it listens in none of five starts, but:\n{said}");
    }

    fn start_once() -> Result<Self, String> {
        let mut errors = tempfile::tempfile().unwrap();
        let mut driver = Command::new("chromedriver")
            .arg("--port=0")
            .stdout(Stdio::piped())
            .stderr(errors.try_clone().unwrap())
            .spawn()
            .expect("chromedriver starts: scripts/test installs it, or says how");
        let mut said = String::new();
        for line in BufReader::new(driver.stdout.take().unwrap()).lines() {
            let line = line.unwrap();
            if let Some((_, port)) = line.split_once("started successfully on port ") {
                let url = format!("http://127.0.0.1:{}", port.trim_end_matches('.'));
                return Ok(Self { driver, url });
            }
            said += &(line + "\n");
        }
        let _ = driver.kill();
        said += &format!("({})\n", driver.wait().unwrap());
        errors.rewind().unwrap();
        errors.read_to_string(&mut said).unwrap();
        Err(said)
    }

    /// A browser with a profile of its own.
    pub(crate) async fn new_browser<'a>(&self, site: &'a Site) -> Browser<'a> {
        self.browser(site, &[LIGHT], json!({})).await
    }

    pub(crate) async fn new_dark_browser<'a>(&self, site: &'a Site) -> Browser<'a> {
        self.browser(site, &[DARK], json!({})).await
    }

    /// A browser on a screen of this many pixels, which may be narrower than a window can be.
    pub(crate) async fn new_phone<'a>(&self, site: &'a Site, width: u32) -> Browser<'a> {
        let metrics = json!({ "width": width, "height": 640, "pixelRatio": 1.0 });
        let emulation = json!({ "deviceMetrics": metrics });
        self.browser(site, &[LIGHT], emulation).await
    }

    /// A browser that says it is another one.
    pub(crate) async fn new_browser_named<'a>(&self, site: &'a Site, name: &str) -> Browser<'a> {
        let name = format!("--user-agent={name}");
        self.browser(site, &[LIGHT, &name], json!({})).await
    }

    async fn browser<'a>(
        &self,
        site: &'a Site,
        more: &[&str],
        emulation: serde_json::Value,
    ) -> Browser<'a> {
        let mut arguments = vec![
            "--headless",
            // Chromium's own sandbox does not start for root, as which CI runs.
            "--no-sandbox",
            "--disable-gpu",
            "--disable-quic",
            "--disable-dev-shm-usage",
            "--no-first-run",
            "--disable-background-networking",
            "--disable-component-update",
            "--disable-sync",
            "--hide-scrollbars",
        ];
        arguments.extend(more);
        let mut options = json!({ "args": arguments });
        if emulation != json!({}) {
            options["mobileEmulation"] = emulation;
        }
        let options = json!({ "goog:chromeOptions": options });
        let client = ClientBuilder::new(hyper_util::client::legacy::connect::HttpConnector::new())
            .capabilities(options.as_object().unwrap().clone())
            .connect(&self.url)
            .await
            .expect("Chromium starts: scripts/test installs it, or says how");
        Browser { client, site }
    }
}

impl Drop for Chromium {
    fn drop(&mut self) {
        let _ = self.driver.kill();
        let _ = self.driver.wait();
    }
}

pub(crate) struct Browser<'a> {
    client: Client,
    site: &'a Site,
}

impl Browser<'_> {
    pub(crate) async fn go(&self, path: &str) {
        self.client
            .goto(&format!("{}{path}", self.site.url))
            .await
            .unwrap();
    }

    /// Fills these fields in place of what is there, and presses the button of their form.
    pub(crate) async fn submit(&self, fields: &[(&str, &str)]) {
        for (name, text) in fields {
            let field = self.find(&format!("form.sheet [name={name}]")).await;
            field.clear().await.unwrap();
            field.send_keys(text).await.unwrap();
        }
        self.press("form.sheet .button").await;
    }

    /// Presses a button that leads to another page, and waits until that is there: the driver itself does not wait
    /// for what a form leads to.
    pub(crate) async fn press(&self, selector: &str) {
        let before = self.find("html").await;
        self.tick(selector).await;
        self.leave(&before, selector).await;
    }

    /// The same without a mouse: goes from field to field until the button has the focus.
    pub(crate) async fn press_by_keyboard(&self, selector: &str) {
        let before = self.find("html").await;
        let button = self.find(selector).await;
        for _ in 0..50 {
            let focused = self.client.active_element().await.unwrap();
            if focused.element_id() == button.element_id() {
                focused.send_keys(&Key::Enter.to_string()).await.unwrap();
                return self.leave(&before, selector).await;
            }
            focused.send_keys(&Key::Tab.to_string()).await.unwrap();
        }
        panic!("{selector} cannot be reached by keyboard");
    }

    async fn leave(&self, before: &Element, selector: &str) {
        let pressed = Instant::now();
        while before.tag_name().await.is_ok() {
            assert!(pressed.elapsed() < PATIENCE, "{selector} leads nowhere");
        }
        self.client
            .wait()
            .at_most(PATIENCE)
            .for_element(Locator::Css("footer"))
            .await
            .unwrap();
    }

    pub(crate) async fn tick(&self, selector: &str) {
        self.find(selector).await.click().await.unwrap();
    }

    /// Runs a script in the page, and says what it returns.
    pub(crate) async fn run(&self, script: &str) -> serde_json::Value {
        self.client.execute(script, Vec::new()).await.unwrap()
    }

    async fn find(&self, selector: &str) -> Element {
        self.client.find(Locator::Css(selector)).await.unwrap()
    }

    pub(crate) async fn path(&self) -> String {
        self.client.current_url().await.unwrap().path().to_owned()
    }

    /// Waits until the page has gone there by itself.
    pub(crate) async fn is_led_to(&self, path_and_query: &str) {
        let begun = Instant::now();
        while self.path_and_query().await != path_and_query {
            assert!(
                begun.elapsed() < PATIENCE,
                "it stays at {}",
                self.path_and_query().await
            );
        }
        self.client
            .wait()
            .at_most(PATIENCE)
            .for_element(Locator::Css("footer"))
            .await
            .unwrap();
    }

    pub(crate) async fn path_and_query(&self) -> String {
        let url = self.client.current_url().await.unwrap();
        url.as_str()
            .strip_prefix(&self.site.url)
            .unwrap()
            .to_owned()
    }

    pub(crate) async fn text(&self) -> String {
        self.find("body").await.text().await.unwrap()
    }

    pub(crate) async fn lose_cookie(&self, name: &str) {
        self.client
            .get_named_cookie(name)
            .await
            .expect("the browser has the cookie");
        self.client.delete_cookie(name).await.unwrap();
    }

    pub(crate) async fn size(&self, width: u32, height: u32) {
        self.client.set_window_size(width, height).await.unwrap();
    }

    pub(crate) async fn picture(&self, file: &Path) {
        std::fs::write(file, self.client.screenshot().await.unwrap()).unwrap();
    }

    pub(crate) async fn close(self) {
        self.client.close().await.unwrap();
    }
}
