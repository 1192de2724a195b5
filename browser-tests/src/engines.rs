//! The three engines: which programs they need, and how a browser of each is started.

use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};

use fantoccini::ClientBuilder;
use hyper_util::client::legacy::connect::HttpConnector;
use serde_json::{Value, json};

use crate::program::{Home, Program, is_installed};
use crate::{Browser, PATIENCE};

/// A window's size, in pixels.
const WIDTH: u32 = 900;
const HEIGHT: u32 = 700;

/// Lets windows be as narrow as a phone, which browsers on a desk do not.
const FIREFOX_NARROW: &str =
    ":root { min-width: 0 !important; } #navigator-toolbox { display: none !important; }";
const WEBKIT_NARROW: &str = "box * { min-width: 0; padding: 0; margin: 0; border-width: 0; font-size: 1px; -gtk-icon-source: none; }";

/// What shows the pages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Engine {
    /// Chromium, as in Chrome, Edge and Opera.
    Chromium,
    /// Gecko, in Firefox.
    Firefox,
    /// WebKit, as in Safari; here in the small browser that comes with WebKitGTK.
    WebKit,
}

/// How a browser differs from a new one on a desk.
#[derive(Clone, Copy, Debug, Default)]
pub struct Profile<'a> {
    /// What it calls itself, in place of its own name.
    pub user_agent: Option<&'a str>,
    /// Its owner prefers dark colours.
    pub is_dark: bool,
    /// How many pixels of CSS the page is wide, which may be less than a window can be.
    pub width: Option<u32>,
}

/// A browser's driver, and what else it runs on.
#[derive(Debug)]
pub(crate) struct Driver {
    port: u16,
    // In the order in which they end.
    program: Program,
    _display: Option<Program>,
    home: Home,
}

impl Engine {
    /// Starts a browser for this site, with a profile of its own.
    ///
    /// # Panics
    ///
    /// If it does not start, with the reason: a program that is missing, or what its driver says.
    pub async fn browser(self, site: &str) -> Browser {
        self.browser_with(Profile::default(), site).await
    }

    /// The same with this profile.
    ///
    /// # Panics
    ///
    /// As [`browser`](Self::browser).
    pub async fn browser_with(self, profile: Profile<'_>, site: &str) -> Browser {
        for (program, package) in self.programs() {
            assert!(
                is_installed(program),
                "{self:?}: {program} is missing. Install it ({package}); scripts/test does, or says how."
            );
        }
        let driver = self.driver(profile).await;
        let options = self.options(profile, &driver.home);
        let url = format!("http://127.0.0.1:{}", driver.port);
        let mut builder = ClientBuilder::new(HttpConnector::new());
        builder.capabilities(options.as_object().unwrap().clone());
        let session = builder.connect(&url);
        let session = tokio::time::timeout(PATIENCE, session).await;
        let client = session
            .unwrap_or_else(|_| panic!("{self:?} starts in time: {}", driver.program.said()))
            .unwrap_or_else(|error| panic!("{self:?} starts: {error}\n{}", driver.program.said()));
        let browser = Browser::new(self, client, site, driver);
        if self == Self::WebKit {
            // Its window takes its size from nothing else.
            browser.size(profile.width.unwrap_or(WIDTH), HEIGHT).await;
        }
        browser
    }

    /// The programs that it needs, and where they come from.
    fn programs(self) -> &'static [(&'static str, &'static str)] {
        match self {
            Self::Chromium => &[
                ("chromium", "on Debian: apt-get install chromium"),
                ("chromedriver", "on Debian: apt-get install chromium-driver"),
            ],
            Self::Firefox => &[
                ("firefox", "on Debian: apt-get install firefox-esr"),
                ("geckodriver", "cargo install geckodriver --locked"),
            ],
            Self::WebKit => &[
                (
                    "WebKitWebDriver",
                    "on Debian: apt-get install webkit2gtk-driver",
                ),
                ("Xvfb", "on Debian: apt-get install xvfb"),
            ],
        }
    }

    /// Starts the driver. Another program may take a port between the moment it is found free and its use, so this is tried
    /// again.
    async fn driver(self, profile: Profile<'_>) -> Driver {
        let mut said = String::new();
        for _ in 0..5 {
            match self.start_driver(profile).await {
                Ok(driver) => return driver,
                Err(words) => said += &words,
            }
        }
        panic!("{self:?}: none of five drivers starts.\n{said}");
    }

    async fn start_driver(self, profile: Profile<'_>) -> Result<Driver, String> {
        let home = Home::new();
        let start = |name, arguments: &[&str]| Program::start(name, arguments, &[], &home);
        let announced = |mark: &'static str| {
            move |said: &str| {
                let (_, port) = said.split_once(mark)?;
                let (port, _) = port.split_once('\n')?;
                port.trim_end_matches('.').parse().ok()
            }
        };
        let (port, program, display) = match self {
            Self::Chromium => {
                let program = start("chromedriver", &["--port=0"]);
                let mark = announced("started successfully on port ");
                (program.ready(PATIENCE, mark).await?, program, None)
            }
            Self::Firefox => {
                let program = start("geckodriver", &["--port=0", "--websocket-port=0"]);
                let mark = announced("Listening on 127.0.0.1:");
                (program.ready(PATIENCE, mark).await?, program, None)
            }
            // It has no mode without a display, and its driver takes a port but does not say which it has taken.
            Self::WebKit => {
                let screen = ["-displayfd", "1", "-screen", "0", "1280x1024x24"];
                let display = start("Xvfb", &[&screen[..], &["-nolisten", "tcp"]].concat());
                // It also says which numbers others have.
                let number = |said: &str| {
                    let (lines, _) = said.rsplit_once('\n')?;
                    lines.lines().find_map(|line| line.parse::<u32>().ok())
                };
                let number = display.ready(PATIENCE, number).await?;
                let mut environment = vec![
                    ("DISPLAY", format!(":{number}")),
                    ("GDK_BACKEND", "x11".to_owned()),
                    ("LIBGL_ALWAYS_SOFTWARE", "1".to_owned()),
                    ("NO_AT_BRIDGE", "1".to_owned()),
                ];
                home.write("CONFIG/gtk-3.0/gtk.css", WEBKIT_NARROW);
                if profile.is_dark {
                    environment.push(("GTK_THEME", "Adwaita:dark".to_owned()));
                }
                let environment: Vec<_> = environment
                    .iter()
                    .map(|(name, value)| (*name, &**value))
                    .collect();
                let port = free_port();
                let argument = format!("--port={port}");
                let program = Program::start("WebKitWebDriver", &[&argument], &environment, &home);
                let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
                let listens = |_: &str| TcpStream::connect(address).ok().map(|_| port);
                (
                    program.ready(PATIENCE, listens).await?,
                    program,
                    Some(display),
                )
            }
        };
        Ok(Driver {
            port,
            program,
            _display: display,
            home,
        })
    }

    /// The capabilities that a session is asked for.
    fn options(self, profile: Profile<'_>, home: &Home) -> Value {
        let mut options = match self {
            Self::Chromium => chromium(profile),
            Self::Firefox => firefox(profile, home),
            Self::WebKit => webkit(profile),
        };
        // Sites with HTTPS have certificates of their own making.
        options["acceptInsecureCerts"] = json!(true);
        // In milliseconds. Ten times the default, for a busy machine.
        options["timeouts"] = json!({ "script": 300_000 });
        options
    }
}

fn chromium(profile: Profile<'_>) -> Value {
    let scheme = u8::from(!profile.is_dark);
    let mut arguments = vec![
        "--headless".to_owned(),
        // Chromium's own sandbox does not start as root, and CI runs as root.
        "--no-sandbox".to_owned(),
        "--disable-gpu".to_owned(),
        "--disable-quic".to_owned(),
        "--disable-dev-shm-usage".to_owned(),
        "--no-first-run".to_owned(),
        "--disable-background-networking".to_owned(),
        "--disable-component-update".to_owned(),
        "--disable-sync".to_owned(),
        "--hide-scrollbars".to_owned(),
        format!("--window-size={WIDTH},{HEIGHT}"),
        format!("--blink-settings=preferredColorScheme={scheme}"),
    ];
    arguments.extend(
        profile
            .user_agent
            .map(|name| format!("--user-agent={name}")),
    );
    let mut options = json!({ "args": arguments });
    if let Some(width) = profile.width {
        let metrics = json!({ "width": width, "height": 640, "pixelRatio": 1.0 });
        options["mobileEmulation"] = json!({ "deviceMetrics": metrics });
    }
    json!({ "goog:chromeOptions": options })
}

fn firefox(profile: Profile<'_>, home: &Home) -> Value {
    home.write("profile/chrome/userChrome.css", FIREFOX_NARROW);
    let mut preferences = json!({
        "toolkit.legacyUserProfileCustomizations.stylesheets": true,
        "ui.systemUsesDarkTheme": u8::from(profile.is_dark),
    });
    if let Some(name) = profile.user_agent {
        preferences["general.useragent.override"] = json!(name);
    }
    let folder = home.path().join("profile");
    let (width, height) = (profile.width.unwrap_or(WIDTH), HEIGHT);
    let size = ["-width", &width.to_string(), "-height", &height.to_string()].map(str::to_owned);
    let mut arguments = vec!["-headless".to_owned()];
    arguments.extend(["-profile".to_owned(), folder.display().to_string()]);
    arguments.extend(size);
    json!({ "moz:firefoxOptions": { "args": arguments, "prefs": preferences } })
}

fn webkit(profile: Profile<'_>) -> Value {
    let mut arguments = vec!["--automation".to_owned()];
    arguments.extend(
        profile
            .user_agent
            .map(|name| format!("--user-agent={name}")),
    );
    json!({ "webkitgtk:browserOptions": { "args": arguments } })
}

fn free_port() -> u16 {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    listener.local_addr().unwrap().port()
}
