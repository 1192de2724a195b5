//! What the tests share: a site of two servers behind one address, users and their browsers, and a transcript.

mod browser;
mod cookies;
mod program;
mod proxy;
mod server;
mod site;
mod stage;

use std::fmt;
use std::io::Write as _;
use std::sync::LazyLock;

use tokio::runtime::Runtime;

pub(crate) use browser::Browser;
pub(crate) use cookies::now;
pub(crate) use program::{Habit, Program, runs};
pub(crate) use server::{Server, refusal_to_start};
pub(crate) use site::{Settings, Site};
pub(crate) use stage::{Person, Stage, play, play_on};

/// The key of every site here, unless a test changes it.
pub(crate) const KEY: &str = "9f2c8d54b61e4bd9a1f0c7d35e8b2a64";
/// The key that comes after it.
pub(crate) const NEW_KEY: &str = "2b7e151628aed2a6abf7158809cf4f3c";
/// A key that no site uses.
pub(crate) const FOREIGN_KEY: &str = "603deb1015ca71be2b73aef0857d7781";

/// Shared by all tests, since sites outlive the test that first asked for them.
pub(crate) static RUNTIME: LazyLock<Runtime> = LazyLock::new(|| Runtime::new().unwrap());

/// One of the two servers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Side {
    Flask,
    Rust,
}

impl Side {
    pub(crate) const BOTH: [Self; 2] = [Self::Flask, Self::Rust];

    pub(crate) fn other(self) -> Self {
        match self {
            Self::Flask => Self::Rust,
            Self::Rust => Self::Flask,
        }
    }
}

impl fmt::Display for Side {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Flask => "flask",
            Self::Rust => "rust",
        })
    }
}

/// Bypasses the test runner, which captures what a test prints.
pub(crate) fn eprintln_uncaptured(line: &str) {
    let _ = writeln!(std::io::stderr(), "{line}");
}

/// Makes two tests of a scenario: one starts at Flask and continues at Rust, the other the other way round. On the site
/// that all scenarios share, or on one with other settings, or played by another function than [`play`].
macro_rules! both_ways {
    ($scenario:ident) => {
        both_ways!($scenario, $crate::harness::Settings::new());
    };
    ($scenario:ident, by = $play:expr) => {
        mod $scenario {
            // The scenarios may have settings of their own.
            #[allow(unused_imports)]
            use super::*;

            #[test]
            fn from_flask_to_rust() {
                ($play)($crate::harness::Side::Flask, super::$scenario);
            }

            #[test]
            fn from_rust_to_flask() {
                ($play)($crate::harness::Side::Rust, super::$scenario);
            }
        }
    };
    ($scenario:ident, $settings:expr) => {
        both_ways!(
            $scenario,
            by = (|here, scenario| $crate::harness::play($settings, here, scenario))
        );
    };
}

pub(crate) use both_ways;
