//! The site as this command knows it: a login manager with its preset, keys and store, but without users.

use housekey::{BoxError, LoginManager, LoginManagerBuilder, SecretKeys, User};

use crate::arguments::Preset;
use crate::output::Failure;

/// Stands in for the users that the site's own loader finds.
pub(crate) struct Nobody;

impl User for Nobody {
    fn id(&self) -> String {
        String::new()
    }
}

pub(crate) fn builder(preset: Preset, keys: SecretKeys) -> LoginManagerBuilder<Nobody> {
    let loader = |_: String| async { Ok::<_, BoxError>(None) };
    match preset {
        Preset::Safe => LoginManager::new(keys, loader),
        Preset::Flask => LoginManager::flask(keys, loader),
    }
}

/// Runs a future to its end. Stores limit its time themselves.
pub(crate) fn wait<T>(work: impl Future<Output = Result<T, Failure>>) -> Result<T, Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::Failed(format!("the runtime cannot start: {error}")))?;
    let done = runtime.block_on(work);
    runtime.shutdown_background();
    done
}
