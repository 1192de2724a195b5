//! The two small programs, started on one users table: a login at one is a login at the other.
//!
//! The Flask program uses Flask-Login. With `FLASK_HOUSEKEY_VENV`, the path of a virtual environment with flask_housekey,
//! it uses that instead: `crates/housekey-flask/test` does so.

#![allow(clippy::unwrap_used, reason = "a step that fails is a test that fails")]

use std::collections::BTreeMap;
use std::fs;
use std::io::{self, BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::thread;

use serde_json::{Value, json};
use tempfile::TempDir;

const PASSWORD: &str = "correct horse";

/// As a browser sends it.
const CREDENTIALS: &str = "name=mia&password=correct+horse";
const REMEMBERED: &str = "name=mia&password=correct+horse&remember=yes";

#[test]
fn a_user_who_signs_in_at_one_is_greeted_by_the_other_and_is_fresh_there() {
    let programs = Programs::running();
    // Without a proxy in front, and with one that names the client.
    for header in ["", "X-Forwarded-For: 203.0.113.7\r\n"] {
        for (here, there) in programs.both_directions() {
            let mut browser = Browser::sending(header);
            let signed_in = browser.post(here, "/login", CREDENTIALS);
            assert_eq!(signed_in.redirect(), (303, "/dashboard"));
            for site in [there, here, there] {
                let dashboard = browser.get(site, "/dashboard").body;
                assert!(dashboard.contains("Hello, mia."), "{dashboard}");
                assert_eq!(browser.whoami(site), mia(true, false));
            }
        }
    }
}

#[test]
fn a_wrong_password_and_an_unknown_name_are_401_at_both() {
    let programs = Programs::running();
    for form in [
        "name=mia&password=wrong",
        "name=mia&password=",
        "name=nobody&password=correct+horse",
        "",
    ] {
        let [flask, rust] = programs.both().map(|site| {
            let mut browser = Browser::new();
            let refused = browser.post(site, "/login", form);
            assert_eq!(refused.status, 401, "{form}");
            assert_eq!(browser.whoami(site), nobody());
            refused.body
        });
        assert!(flask.contains("do not belong together"), "{flask}");
        assert_eq!(flask, rust);
    }
}

#[test]
fn the_denied_dashboard_leads_to_the_same_login_page_and_from_there_back() {
    let programs = Programs::running();
    for (here, there) in programs.both_directions() {
        let mut browser = Browser::new();
        let login = "/login?next=%2Fdashboard%3Ftab%3D2";
        let denied = browser.get(here, "/dashboard?tab=2");
        assert_eq!(denied.redirect(), (302, login));
        // One side shows the other's message, once.
        let message = "Please log in to access this page.";
        assert!(browser.get(there, login).body.contains(message));
        assert!(!browser.get(here, login).body.contains(message));
        let signed_in = browser.post(there, login, CREDENTIALS);
        assert_eq!(signed_in.redirect(), (303, "/dashboard?tab=2"));
    }
}

#[test]
fn no_next_leads_away_from_either() {
    let programs = Programs::running();
    for next in [
        "//evil.example",
        "%2F%5Cevil.example",
        "%2F%09%2Fevil.example",
        "https://evil.example/",
        "dashboard",
    ] {
        for site in programs.both() {
            let login = format!("/login?next={next}");
            let signed_in = Browser::new().post(site, &login, CREDENTIALS);
            assert_eq!(signed_in.redirect(), (303, "/dashboard"), "{next}");
        }
    }
}

#[test]
fn a_remember_token_of_one_starts_a_session_at_the_other_that_is_not_fresh() {
    let programs = Programs::running();
    for (here, there) in programs.both_directions() {
        let mut browser = Browser::new();
        browser.post(here, "/login", REMEMBERED);
        assert_eq!(browser.whoami(there), mia(true, true));
        browser.close();
        assert_eq!(browser.cookies(), ["remember_token"]);
        for site in [there, here] {
            assert_eq!(browser.whoami(site), mia(false, true));
        }
        assert_eq!(browser.cookies(), ["remember_token", "session"]);
    }
}

#[test]
fn a_user_who_signs_out_at_one_is_out_at_the_other_and_not_remembered() {
    let programs = Programs::running();
    for (here, there) in programs.both_directions() {
        let mut browser = Browser::new();
        browser.post(here, "/login", REMEMBERED);
        let signed_out = browser.post(there, "/logout", "");
        assert_eq!(signed_out.redirect(), (303, "/login"));
        assert!(!browser.cookies().contains(&"remember_token"));
        for site in [here, there] {
            assert_eq!(browser.whoami(site), nobody());
        }
        // Flask-Login leaves the time that the Rust side put into the session, and the Rust side removes it.
        assert_eq!(browser.cookies(), [] as [&str; 0]);
        assert_eq!(browser.get(here, "/dashboard").status, 302);
    }
}

#[test]
fn nobody_is_signed_out_by_a_link() {
    let programs = Programs::running();
    for site in programs.both() {
        let mut browser = Browser::new();
        browser.post(site, "/login", CREDENTIALS);
        assert_eq!(browser.get(site, "/logout").status, 405);
        assert_eq!(browser.whoami(site), mia(true, false));
    }
}

#[test]
fn both_show_the_same_pages_to_the_letter() {
    let programs = Programs::running();
    let [flask, rust] = programs.both().map(|site| {
        let mut browser = Browser::new();
        let open = ["/", "/login"].map(|path| browser.get(site, path).body);
        browser.post(site, "/login", CREDENTIALS);
        let signed_in = ["/", "/login", "/dashboard"].map(|path| browser.get(site, path).body);
        [open.to_vec(), signed_in.to_vec()].concat()
    });
    assert!(flask.iter().all(|page| page.contains("<h1>")), "{flask:?}");
    assert_eq!(flask, rust);
}

#[test]
fn a_setting_that_is_missing_is_named() {
    let folder = tempfile::tempdir().unwrap();
    for missing in ["SECRET_KEY", "DATABASE", "PORT"] {
        let programs = [
            flask(folder.path(), "python", &["app.py"]),
            rust(folder.path()),
        ];
        for mut program in programs {
            let ended = program.env(missing, "").output().unwrap();
            let said = String::from_utf8(ended.stderr).unwrap();
            assert!(!ended.status.success());
            let sentence = format!("{missing} is missing in the environment");
            assert!(said.contains(&sentence), "{said}");
        }
    }
}

/// What `/whoami` says about mia.
fn mia(fresh: bool, remembered: bool) -> Value {
    json!({ "user_id": "1", "fresh": fresh, "remembered": remembered, "session": {} })
}

fn nobody() -> Value {
    json!({ "user_id": null, "fresh": false, "remembered": false, "session": {} })
}

/// Both programs, on one table with mia in it. They end with the last test that uses them.
struct Programs {
    flask: Site,
    rust: Site,
    _folder: TempDir,
}

impl Programs {
    fn running() -> Arc<Self> {
        static RUNNING: Mutex<Weak<Programs>> = Mutex::new(Weak::new());
        let mut running = RUNNING.lock().unwrap_or_else(PoisonError::into_inner);
        running.upgrade().unwrap_or_else(|| {
            let programs = Arc::new(Self::start());
            *running = Arc::downgrade(&programs);
            programs
        })
    }

    fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let add_user = ["add-user", "mia", "--password", PASSWORD];
        let added = flask(folder.path(), "flask", &add_user).status().unwrap();
        assert!(added.success(), "the users table cannot be made");
        let serve = ["app:create_app()", "--bind", "127.0.0.1:0"];
        Self {
            flask: Site::start(flask(folder.path(), "gunicorn", &serve)),
            rust: Site::start(rust(folder.path())),
            _folder: folder,
        }
    }

    fn both(&self) -> [&Site; 2] {
        [&self.flask, &self.rust]
    }

    fn both_directions(&self) -> [(&Site, &Site); 2] {
        let [flask, rust] = self.both();
        [(flask, rust), (rust, flask)]
    }
}

fn flask(folder: &Path, program: &str, arguments: &[&str]) -> Command {
    let interop = Path::new(env!("CARGO_MANIFEST_DIR"));
    let (venv, home) = match std::env::var_os("FLASK_HOUSEKEY_VENV") {
        None => (interop.join(".venv"), interop.join("small/flask")),
        Some(venv) => (venv.into(), on_flask_housekey(interop, folder)),
    };
    let program = venv.join("bin").join(program);
    assert!(
        program.exists(),
        "{} is not installed: run interop/install, or crates/housekey-flask/test for flask_housekey",
        program.display()
    );
    let mut command = Command::new(program);
    command.args(arguments).current_dir(home);
    with_settings(command, folder)
}

/// The folder with a copy of the Flask program that imports flask_housekey and differs only in that line.
fn on_flask_housekey(interop: &Path, folder: &Path) -> PathBuf {
    let home = folder.join("small/flask");
    let program = fs::read_to_string(interop.join("small/flask/app.py")).unwrap();
    let (before, after) = ("from flask_login import (", "from flask_housekey import (");
    assert_eq!(program.matches("flask_login").count(), 1);
    assert_eq!(program.lines().filter(|line| *line == before).count(), 1);
    fs::create_dir_all(&home).unwrap();
    fs::write(home.join("app.py"), program.replace(before, after)).unwrap();
    let templates = home.with_file_name("templates");
    if !templates.exists() {
        symlink(interop.join("small/templates"), templates).unwrap();
    }
    home
}

fn rust(folder: &Path) -> Command {
    with_settings(Command::new(env!("CARGO_BIN_EXE_small")), folder)
}

fn with_settings(mut command: Command, folder: &Path) -> Command {
    command
        .env("SECRET_KEY", "3b0f1a9c5d7e42688c1de97f60ab5432")
        .env("DATABASE", folder.join("small.db"))
        .env("PORT", "0");
    command
}

struct Site {
    child: Child,
    address: String,
}

impl Site {
    /// Waits for the line in which a program says where it listens, on a port that was free.
    fn start(mut command: Command) -> Self {
        let mut child = command.stderr(Stdio::piped()).spawn().unwrap();
        let mut said = BufReader::new(child.stderr.take().unwrap());
        let address = loop {
            let mut line = String::new();
            let ended = said.read_line(&mut line).unwrap() == 0;
            assert!(!ended, "{command:?} ended before it listened");
            if let Some((_, address)) = line.split_once("Listening at: http://") {
                break address.split_whitespace().next().unwrap().to_owned();
            }
            eprint!("{line}");
        };
        // An unread pipe would stop the program once it is full.
        thread::spawn(move || io::copy(&mut said, &mut io::stderr()));
        Self { child, address }
    }

    fn send(&self, head: &str, headers: &str, body: &str) -> Answer {
        let mut stream = TcpStream::connect(&self.address).unwrap();
        let length = body.len();
        let host = &self.address;
        write!(
            stream,
            "{head} HTTP/1.0\r\nHost: {host}\r\nUser-Agent: test\r\nContent-Length: {length}\r\n{headers}\r\n{body}"
        )
        .unwrap();
        let mut text = String::new();
        stream.read_to_string(&mut text).unwrap();
        Answer::parse(&text)
    }
}

impl Drop for Site {
    /// Asks it to end, since gunicorn has a child process that would go on.
    fn drop(&mut self) {
        let _ = Command::new("kill")
            .arg(self.child.id().to_string())
            .status();
        let _ = self.child.wait();
    }
}

struct Answer {
    status: u16,
    headers: Vec<(String, String)>,
    body: String,
}

impl Answer {
    fn parse(text: &str) -> Self {
        let (head, body) = text.split_once("\r\n\r\n").unwrap();
        let mut lines = head.lines();
        let status = lines.next().unwrap().split(' ').nth(1).unwrap();
        let headers = lines.map(|line| {
            let (name, value) = line.split_once(": ").unwrap();
            (name.to_lowercase(), value.to_owned())
        });
        Self {
            status: status.parse().unwrap(),
            headers: headers.collect(),
            body: body.to_owned(),
        }
    }

    fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        let named = self.headers.iter().filter(move |header| header.0 == name);
        named.map(|header| header.1.as_str())
    }

    fn redirect(&self) -> (u16, &str) {
        let location = self.all("location").next();
        (self.status, location.unwrap_or_default())
    }
}

/// Keeps cookies. Both programs have one host, so they share them.
#[derive(Default)]
struct Browser {
    jar: BTreeMap<String, Cookie>,
    header: &'static str,
}

struct Cookie {
    value: String,
    persistent: bool,
}

impl Browser {
    fn new() -> Self {
        Self::default()
    }

    fn sending(header: &'static str) -> Self {
        Self {
            header,
            ..Self::default()
        }
    }

    fn get(&mut self, site: &Site, path: &str) -> Answer {
        self.send(site, &format!("GET {path}"), "", "")
    }

    fn post(&mut self, site: &Site, path: &str, form: &str) -> Answer {
        let content_type = "Content-Type: application/x-www-form-urlencoded\r\n";
        self.send(site, &format!("POST {path}"), content_type, form)
    }

    fn whoami(&mut self, site: &Site) -> Value {
        serde_json::from_str(&self.get(site, "/whoami").body).unwrap()
    }

    fn send(&mut self, site: &Site, head: &str, headers: &str, body: &str) -> Answer {
        let cookies = self
            .jar
            .iter()
            .map(|(name, cookie)| format!("{name}={}", cookie.value));
        let cookies = cookies.collect::<Vec<_>>().join("; ");
        let headers = format!("Cookie: {cookies}\r\n{}{headers}", self.header);
        let answer = site.send(head, &headers, body);
        for cookie in answer.all("set-cookie") {
            let (name, rest) = cookie.split_once('=').unwrap();
            let (value, attributes) = rest.split_once(';').unwrap();
            if attributes.contains("Max-Age=0") {
                self.jar.remove(name);
            } else {
                let cookie = Cookie {
                    value: value.to_owned(),
                    persistent: attributes.contains("Expires="),
                };
                self.jar.insert(name.to_owned(), cookie);
            }
        }
        answer
    }

    /// Cookies without an expiry end with the browser.
    fn close(&mut self) {
        self.jar.retain(|_, cookie| cookie.persistent);
    }

    fn cookies(&self) -> Vec<&str> {
        self.jar.keys().map(String::as_str).collect()
    }
}
