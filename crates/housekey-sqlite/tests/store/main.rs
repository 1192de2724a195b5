//! The store on real files, as an application uses it.

#![allow(clippy::unwrap_used)]

mod faults;
mod processes;
mod races;
mod rules;

use std::path::PathBuf;

use housekey::records::{Limit, LoginId, LoginRecord, LoginStore};
use tempfile::TempDir;

const NOW: u64 = 1_700_000_000;

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

fn record(number: u64, user_id: &str) -> LoginRecord {
    LoginRecord {
        id: id(number),
        user_id: user_id.to_owned(),
        version: 0,
        created_at: NOW,
        last_seen_at: NOW,
        expires_at: NOW + 3600,
        data: r#"{"session":"a digest"}"#.to_owned(),
    }
}

/// Keeps a record that is new.
async fn create(store: &impl LoginStore, record: &LoginRecord) {
    let created = store.create(record, &[], Limit::NONE).await.unwrap();
    assert!(created.is_done(), "a record with a new id is created");
}

/// All records of a user that have not expired.
async fn list(store: &impl LoginStore, user_id: &str) -> Vec<LoginRecord> {
    store.list_by_user(user_id, NOW, usize::MAX).await.unwrap()
}
