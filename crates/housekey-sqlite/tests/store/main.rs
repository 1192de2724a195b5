//! The store on real files, as an application uses it.

#![allow(clippy::unwrap_used)]

mod faults;
mod limits;
mod processes;
mod races;
mod rules;

use std::path::{Path, PathBuf};
use std::time::Duration;

use housekey::records::{LoginId, LoginRecord};
use housekey_sqlite::{SqliteLoginStore, SqliteLoginStoreBuilder};
use tempfile::TempDir;

/// Where a store does its work.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    Threads,
    CallingThread,
}

use Way::{CallingThread, Threads};

impl Way {
    const ALL: [Self; 2] = [Threads, CallingThread];

    fn builder(self, path: impl Into<PathBuf>) -> SqliteLoginStoreBuilder {
        let builder = SqliteLoginStore::builder(path);
        match self {
            Threads => builder,
            CallingThread => builder.on_calling_thread(),
        }
    }

    fn open(self, path: impl Into<PathBuf>) -> SqliteLoginStore {
        self.builder(path).open().unwrap()
    }

    /// A store that does not wait for locks.
    fn impatient(self, path: &Path) -> SqliteLoginStore {
        let store = self.builder(path).busy_timeout(Duration::ZERO);
        store.open().unwrap()
    }
}

/// A folder, and the path of a file in it that does not exist yet.
fn file() -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("logins.db");
    (folder, path)
}

fn id(number: u64) -> LoginId {
    let mut bytes = [0; 16];
    bytes[..8].copy_from_slice(&number.to_le_bytes());
    LoginId::from_bytes(bytes)
}

/// A record that several processes know by its number.
fn record(number: u64, user_id: &str) -> LoginRecord {
    LoginRecord {
        id: id(number),
        ..store_tests::record(user_id)
    }
}
