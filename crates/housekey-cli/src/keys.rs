//! Secret keys: a new one, and those of the site.

use std::env::VarError;
use std::fs::File;
use std::io::Read as _;
use std::path::Path;

use housekey::SecretKeys;
use zeroize::Zeroizing;

use crate::arguments::{KeyCommand, ReadOptions};
use crate::output::{self, Failure};

/// Prefix to the name that Flask programs use, for machines with several sites.
const VARIABLES: [&str; 2] = ["HOUSEKEY_SECRET_KEY", "SECRET_KEY"];

/// Longer than any key.
const LONGEST: u64 = 64 * 1024;

pub(crate) fn run(KeyCommand::New: KeyCommand) -> Result<i32, Failure> {
    let mut bytes = Zeroizing::new([0; 32]);
    getrandom::fill(&mut *bytes).map_err(|error| {
        Failure::Failed(format!(
            "the operating system gives no random bytes: {error}"
        ))
    })?;
    let digits = bytes.iter().map(|byte| format!("{byte:02x}"));
    let line = Zeroizing::new(digits.collect::<String>() + "\n");
    output::print(&line)?;
    Ok(0)
}

/// The keys of the site, including weak ones: the preset decides whether they suffice.
pub(crate) fn of_site(options: &ReadOptions) -> Result<SecretKeys, Failure> {
    if let Some(path) = &options.key_file {
        let mut keys = single(&read(path)?, path)?;
        for path in &options.fallback_key_files {
            let fallback = keys.fallback(&*read(path)?);
            keys = fallback.map_err(|error| in_file(path, &error))?;
        }
        return Ok(keys);
    }
    for name in VARIABLES {
        let Some(key) = variable(name)? else { continue };
        let in_variable = |error| Failure::Usage(format!("{name} in the environment: {error}"));
        let mut keys = SecretKeys::flask(&key).map_err(in_variable)?;
        let name = format!("{name}_FALLBACKS");
        let fallbacks = variable(&name)?.unwrap_or_default();
        for fallback in fallbacks.split(',').filter(|_| !fallbacks.is_empty()) {
            let in_variable = |error| Failure::Usage(format!("{name} in the environment: {error}"));
            keys = keys.fallback(fallback).map_err(in_variable)?;
        }
        return Ok(keys);
    }
    Err(Failure::Usage(
        "there is no secret key: put the site's into SECRET_KEY in the environment, or say --key-file FILE".to_owned(),
    ))
}

fn variable(name: &str) -> Result<Option<Zeroizing<String>>, Failure> {
    match std::env::var(name) {
        Ok(value) => Ok(Some(Zeroizing::new(value))),
        Err(VarError::NotPresent) => Ok(None),
        Err(VarError::NotUnicode(_)) => Err(Failure::Usage(format!(
            "{name} in the environment is not text; put a key of other bytes into a file, and say --key-file FILE"
        ))),
    }
}

/// Key bytes that are text become a text key, as in Flask.
fn single(key: &[u8], path: &Path) -> Result<SecretKeys, Failure> {
    match std::str::from_utf8(key) {
        Ok(text) => SecretKeys::flask(text),
        Err(_) => SecretKeys::flask_bytes(key),
    }
    .map_err(|error| in_file(path, &error))
}

fn in_file(path: &Path, error: &dyn std::fmt::Display) -> Failure {
    Failure::Usage(format!("the key file {}: {error}", path.display()))
}

/// A file without its final line break.
fn read(path: &Path) -> Result<Zeroizing<Vec<u8>>, Failure> {
    let failed = |error: std::io::Error| in_file(path, &error);
    let file = File::open(path).map_err(failed)?;
    // Large enough for all of it, so that it does not move and leave a copy behind.
    let mut key = Zeroizing::new(Vec::with_capacity(LONGEST as usize + 1));
    file.take(LONGEST + 1)
        .read_to_end(&mut key)
        .map_err(failed)?;
    if key.len() as u64 > LONGEST {
        return Err(in_file(path, &"it is longer than any key"));
    }
    if key.ends_with(b"\n") {
        key.pop();
        if key.ends_with(b"\r") {
            key.pop();
        }
    }
    Ok(key)
}
