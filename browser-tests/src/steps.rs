//! What a person does in a browser.

use std::path::Path;
use std::time::Instant;

use fantoccini::cookies::Cookie;
use fantoccini::elements::Element;
use fantoccini::key::Key;
use fantoccini::wd::WebDriverCompatibleCommand;
use fantoccini::{Client, Locator};
use serde_json::{Value, json};
use url::Url;

use crate::engines::Driver;
use crate::{Engine, PATIENCE, PAUSE};

#[derive(Debug)]
struct Command {
    path: &'static str,
    body: Value,
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
    engine: Engine,
    site: String,
    _driver: Driver,
}

/// Steps in the browser. If one fails, the test fails.
#[allow(
    clippy::missing_panics_doc,
    reason = "a step that fails is a test that fails"
)]
impl Browser {
    pub(crate) fn new(engine: Engine, client: Client, site: &str, driver: Driver) -> Self {
        Self {
            client,
            engine,
            site: site.to_owned(),
            _driver: driver,
        }
    }

    /// Goes to a page of the site.
    pub async fn go(&self, path: &str) {
        let url = format!("{}{path}", self.site);
        self.client.goto(&url).await.unwrap();
        self.arrive().await;
    }

    /// Fills fields by their names, presses the button that sends them, and waits for the next page.
    pub async fn submit(&self, fields: &[(&str, &str)]) {
        for (name, text) in fields {
            let field = self.find(&format!("main [name={name}]")).await;
            field.clear().await.unwrap();
            field.send_keys(text).await.unwrap();
        }
        for (name, text) in fields {
            let field = self.find(&format!("main [name={name}]")).await;
            let typed = field.prop("value").await.unwrap();
            assert_eq!(typed.as_deref(), Some(*text), "{:?}: {name}", self.engine);
        }
        self.press("main button:not([type=button])").await;
    }

    /// Presses a button, and waits for another page.
    pub async fn press(&self, selector: &str) {
        let before = self.find("html").await;
        self.tick(selector).await;
        self.leave(&before, selector).await;
    }

    /// The same without a mouse: goes from field to field until the button has the focus.
    pub async fn press_by_keyboard(&self, selector: &str) {
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
        panic!(
            "{:?}: {selector} cannot be reached by keyboard",
            self.engine
        );
    }

    /// Waits until another page is there: drivers do not wait for what a form leads to.
    async fn leave(&self, before: &Element, selector: &str) {
        let pressed = Instant::now();
        while before.tag_name().await.is_ok() {
            assert!(
                pressed.elapsed() < PATIENCE,
                "{:?}: {selector} leads nowhere",
                self.engine
            );
            tokio::time::sleep(PAUSE).await;
        }
        self.arrive().await;
    }

    /// Waits until the page is complete, and the field that asks for the focus has it, which WebKit gives it only some time later.
    async fn arrive(&self) {
        let begun = Instant::now();
        let is_there = "return document.readyState === 'complete'
            && (!document.querySelector('[autofocus]') || document.activeElement !== document.body)";
        while !matches!(self.client.execute(is_there, Vec::new()).await, Ok(answer) if answer == true)
        {
            assert!(
                begun.elapsed() < PATIENCE,
                "{:?}: the page does not become complete",
                self.engine
            );
            tokio::time::sleep(PAUSE).await;
        }
    }

    /// Waits until the page has gone there by itself.
    pub async fn is_led_to(&self, path: &str) {
        let begun = Instant::now();
        loop {
            let at = self.path().await;
            if at == path {
                return self.arrive().await;
            }
            assert!(
                begun.elapsed() < PATIENCE,
                "{:?}: it stays at {at}",
                self.engine
            );
            tokio::time::sleep(PAUSE).await;
        }
    }

    /// Clicks, and stays.
    pub async fn tick(&self, selector: &str) {
        self.find(selector).await.click().await.unwrap();
    }

    /// Runs a script in the page: what it returns.
    pub async fn run(&self, script: &str) -> Value {
        self.client.execute(script, Vec::new()).await.unwrap()
    }

    /// An element.
    pub async fn find(&self, selector: &str) -> Element {
        let found = self.client.wait().at_most(PATIENCE);
        let found = found.for_element(Locator::Css(selector)).await;
        found.unwrap_or_else(|error| panic!("{:?}: no {selector}: {error}", self.engine))
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

    /// The names and values of its cookies, to copy them elsewhere.
    pub async fn cookies(&self) -> Vec<(String, String)> {
        let cookies = self.client.get_all_cookies().await.unwrap();
        let pair = |cookie: &Cookie<'_>| (cookie.name().to_owned(), cookie.value().to_owned());
        cookies.iter().map(pair).collect()
    }

    /// Adds cookies that were copied elsewhere.
    pub async fn put_cookies(&self, cookies: Vec<(String, String)>) {
        let is_secure = self.site.starts_with("https:");
        for (name, value) in cookies {
            let cookie = json!({ "name": name, "value": value, "path": "/", "httpOnly": true, "secure": is_secure });
            self.command("cookie", json!({ "cookie": cookie })).await;
        }
    }

    /// Loses a cookie, as browsers lose those of a session when they close.
    pub async fn lose_cookie(&self, name: &str) {
        let cookie = self.client.get_named_cookie(name).await;
        cookie.unwrap_or_else(|error| panic!("{:?} has no cookie {name}: {error}", self.engine));
        self.client.delete_cookie(name).await.unwrap();
    }

    /// A command of the driver that has no method here.
    pub async fn command(&self, path: &'static str, body: Value) {
        let command = Command { path, body };
        self.client.issue_cmd(command).await.unwrap();
    }

    /// Makes its window this large.
    pub async fn size(&self, width: u32, height: u32) {
        self.client.set_window_size(width, height).await.unwrap();
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
