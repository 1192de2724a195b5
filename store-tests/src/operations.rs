//! Every operation of a store, once.

use std::time::Duration;

use housekey::BoxError;
use housekey::records::{Limit, LoginStore, Touch};
use tokio::task::yield_now;
use tokio::time::timeout;

use crate::{HOUR, NOW, record};

/// An operation that takes longer than this has hung.
pub(crate) const HUNG: Duration = Duration::from_secs(60);

/// The answer of an operation.
///
/// # Panics
///
/// If none comes.
pub async fn answer<T>(
    operation: impl Future<Output = Result<T, BoxError>>,
) -> Result<T, BoxError> {
    let answer = timeout(HUNG, operation).await;
    answer.expect("an operation ends in time, with an answer or an error")
}

/// Whether a count becomes this in time: what was given up before may just be ending.
pub async fn becomes<N: PartialEq>(mut count: impl AsyncFnMut() -> N, expected: N) -> bool {
    let counted = async {
        while count().await != expected {
            yield_now().await;
        }
    };
    timeout(HUNG, counted).await.is_ok()
}

/// Runs every operation, all at once, and returns the result of each.
///
/// # Panics
///
/// If an error reveals something of a record.
pub async fn every(store: &impl LoginStore) -> Vec<(&'static str, Result<(), BoxError>)> {
    let new = record("everything");
    let touch = Touch {
        now: NOW + 100,
        unless_since: NOW + 50,
        expires_at: NOW + HOUR,
    };
    let (create, load, update, touch, delete, delete_by_user, list_by_user, delete_expired) = tokio::join!(
        answer(async { store.create(&new, &[], Limit::NONE).await.map(drop) }),
        answer(async { store.load(&new.id, NOW).await.map(drop) }),
        answer(async { store.update(&new).await.map(drop) }),
        answer(async { store.touch(&new.id, touch).await.map(drop) }),
        answer(async { store.delete(&new.id).await.map(drop) }),
        answer(async {
            store
                .delete_by_user("everything", None, usize::MAX)
                .await
                .map(drop)
        }),
        answer(async {
            store
                .list_by_user("everything", NOW, usize::MAX)
                .await
                .map(drop)
        }),
        answer(async { store.delete_expired(NOW - HOUR, 10).await.map(drop) }),
    );
    let results = vec![
        ("create", create),
        ("load", load),
        ("update", update),
        ("touch", touch),
        ("delete", delete),
        ("delete_by_user", delete_by_user),
        ("list_by_user", list_by_user),
        ("delete_expired", delete_expired),
    ];
    let errors = results
        .iter()
        .filter_map(|(name, result)| Some(said(name, result.as_ref().err()?)));
    let errors = Errors(errors.collect());
    for part in [&new.user_id, &new.id.to_string(), &new.data] {
        errors.hide(part);
    }
    results
}

/// Runs every operation, and returns the errors.
///
/// # Panics
///
/// When an operation claims to have succeeded.
pub async fn every_one_fails(store: &impl LoginStore) -> Errors {
    all_have_failed(every(store).await)
}

/// Runs every operation that changes something, and returns the errors.
///
/// # Panics
///
/// When an operation claims to have succeeded.
pub async fn every_change_fails(store: &impl LoginStore) -> Errors {
    let mut every = every(store).await;
    every.retain(|(name, _)| !["load", "list_by_user"].contains(name));
    all_have_failed(every)
}

fn all_have_failed(results: Vec<(&'static str, Result<(), BoxError>)>) -> Errors {
    let errors = results.into_iter().map(|(name, result)| match result {
        Ok(()) => panic!("{name} answers while it cannot know"),
        Err(error) => said(name, &error),
    });
    Errors(errors.collect())
}

fn said(name: &str, error: &BoxError) -> String {
    format!("{name}: {error}; {error:?}; {:?}", error.source())
}

/// The messages of the errors of several operations, with their causes.
pub struct Errors(Vec<String>);

impl Errors {
    /// Each of them says this.
    ///
    /// # Panics
    ///
    /// When one does not.
    pub fn say(&self, words: &str) {
        for error in &self.0 {
            assert!(error.contains(words), "{words:?} is not in: {error}");
        }
    }

    /// None of them says this.
    ///
    /// # Panics
    ///
    /// When one does.
    pub fn hide(&self, words: &str) {
        for error in &self.0 {
            assert!(!error.contains(words), "{words:?} is in: {error}");
        }
    }
}

/// Runs every operation.
///
/// # Panics
///
/// When an operation fails.
pub async fn every_one_works(store: &impl LoginStore) {
    for (name, result) in every(store).await {
        result.unwrap_or_else(|error| panic!("{name}: {error}"));
    }
}
