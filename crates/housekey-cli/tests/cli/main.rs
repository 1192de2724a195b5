//! The command, run as people run it.
#![allow(clippy::unwrap_used)]

mod attacks;
mod cookies;
mod logins;
mod pages;
mod servers;

use std::ffi::OsStr;
use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, SystemTime};

use futures_lite::future::block_on;
use housekey::testing::{Browser, Clock};
use housekey::{BoxError, LoginManager, LoginManagerBuilder, SecretKeys, User};
use housekey_sqlite::SqliteLoginStore;
use serde_json::Value;

const KEY: &str = "9f2c8d54b61e4bd9a1f0c7d35e8b2a64";
const OTHER_KEY: &str = "2b7e151628aed2a6abf7158809cf4f3c";

/// A run of the command.
#[must_use]
struct Run {
    command: Command,
    input: Vec<u8>,
}

fn housekey(arguments: impl IntoIterator<Item = impl AsRef<OsStr>>) -> Run {
    let mut command = Command::new(env!("CARGO_BIN_EXE_housekey"));
    command.args(arguments).env_clear();
    // Without it, Windows has no network.
    command.envs(std::env::var_os("SystemRoot").map(|root| ("SystemRoot", root)));
    let pipes = [Stdio::piped(), Stdio::piped(), Stdio::piped()];
    let [stdin, stdout, stderr] = pipes;
    command.stdin(stdin).stdout(stdout).stderr(stderr);
    Run {
        command,
        input: Vec::new(),
    }
}

impl Run {
    fn env(mut self, name: &str, value: impl AsRef<OsStr>) -> Self {
        self.command.env(name, value);
        self
    }

    fn input(mut self, input: impl AsRef<[u8]>) -> Self {
        self.input = input.as_ref().to_vec();
        self
    }

    /// The result. In any case it contains no control characters, and there was no panic.
    #[track_caller]
    fn done(mut self) -> Done {
        let mut child = self.command.spawn().unwrap();
        let mut stdin = child.stdin.take().unwrap();
        let input = std::mem::take(&mut self.input);
        // It may stop reading before the end.
        let writer = std::thread::spawn(move || drop(stdin.write_all(&input)));
        let output = child.wait_with_output().unwrap();
        writer.join().unwrap();
        let [out, err] = [output.stdout, output.stderr].map(|it| String::from_utf8(it).unwrap());
        for text in [&out, &err] {
            let is_obeyed = |c: char| c.is_control() && c != '\n';
            assert!(!text.contains(is_obeyed), "{text:?}");
            assert!(!text.contains("panicked"), "{text}");
        }
        Done {
            code: output.status.code().unwrap(),
            out,
            err,
        }
    }
}

#[derive(Debug)]
struct Done {
    code: i32,
    out: String,
    err: String,
}

impl Done {
    #[track_caller]
    fn exits(self, code: i32) -> Self {
        assert_eq!(self.code, code, "{self:?}");
        self
    }

    #[track_caller]
    fn says(self, text: &str) -> Self {
        assert!(self.out.contains(text), "{text:?} is not in {self:?}");
        self
    }

    #[track_caller]
    fn complains(self, text: &str) -> Self {
        assert!(self.err.contains(text), "{text:?} is not in {self:?}");
        self
    }

    #[track_caller]
    fn hides(self, text: &str) -> Self {
        let is_there = self.out.contains(text) || self.err.contains(text);
        assert!(!is_there, "{text:?} is in {self:?}");
        self
    }

    /// The objects, one per line.
    #[track_caller]
    fn json(&self) -> Vec<Value> {
        assert!(self.out.is_ascii());
        let lines = self.out.lines();
        lines
            .map(|line| serde_json::from_str(line).unwrap())
            .collect()
    }
}

struct Member(String);

impl User for Member {
    fn id(&self) -> String {
        self.0.clone()
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Preset {
    Safe,
    Flask,
}

impl Preset {
    const BOTH: [Self; 2] = [Self::Safe, Self::Flask];

    fn names(self) -> [&'static str; 2] {
        match self {
            Self::Safe => ["__Host-session", "__Host-remember_token"],
            Self::Flask => ["session", "remember_token"],
        }
    }
}

fn now() -> u64 {
    let since = SystemTime::UNIX_EPOCH.elapsed().unwrap();
    since.as_secs()
}

/// A clock that is this many seconds behind.
fn clock(behind: u64) -> Clock {
    let clock = Clock::default();
    clock.set(now() - behind);
    clock
}

fn site(preset: Preset, clock: &Clock) -> LoginManagerBuilder<Member> {
    let loader = |id: String| async move { Ok::<_, BoxError>(Some(Member(id))) };
    let keys = SecretKeys::new(KEY).unwrap();
    match preset {
        Preset::Safe => LoginManager::new(keys, loader),
        Preset::Flask => LoginManager::flask(keys, loader),
    }
    .clock(clock.reader())
}

fn sqlite(path: &Path) -> SqliteLoginStore {
    let builder = SqliteLoginStore::builder(path);
    builder.on_calling_thread().open().unwrap()
}

/// A browser in which this user has just logged in.
fn browser_of(manager: &LoginManager<Member>, user_id: &str) -> Browser<Member> {
    let agent = http::Request::get("/login").header("user-agent", "Firefox/140");
    let mut browser = Browser::of(manager).requesting(agent);
    let user = Member(user_id.to_owned());
    block_on(browser.log_in_with(&user, |login| login.remember(true))).unwrap();
    browser
}

/// The run that reads this, with the site's key in the environment.
fn read(input: impl AsRef<[u8]>, arguments: &[&str]) -> Run {
    let arguments = ["cookie", "read"].iter().chain(arguments);
    housekey(arguments).env("SECRET_KEY", KEY).input(input)
}

const DAY: u64 = 24 * 60 * 60;

/// A limit for tests that must not hang.
const SOON: Duration = Duration::from_secs(60);
