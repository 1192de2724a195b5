//! The store on real files, as an application uses it.

#![allow(clippy::unwrap_used)]

mod faults;
mod processes;
mod races;
mod rules;

use std::path::PathBuf;

use housekey::records::{LoginId, LoginRecord};
use tempfile::TempDir;

/// A folder, and the path of a file in it that is not there yet.
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

/// One that several processes know by its number.
fn record(number: u64, user_id: &str) -> LoginRecord {
    LoginRecord {
        id: id(number),
        ..store_tests::record(user_id)
    }
}
