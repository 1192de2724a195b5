//! The key that signs every cookie: made at the first start, kept in a file that only this user can read. Beside it, once
//! it was rotated, the keys that it replaced.
//!
//! It outlives the process, so that a restart logs nobody out. Anybody who reads it can sign in as anybody else.

use std::fs;
use std::io::{self, Write};
use std::path::Path;

use housekey_axum::{BoxError, SecretKeys};

use crate::private;

/// In the data folder: the key that signs, and those that only verify, a line each, newest first.
const KEY: &str = "secret-key";
const FALLBACKS: &str = "secret-key-fallbacks";

const KEY_BYTES: usize = 32;
/// How many replaced keys are kept.
const KEPT: usize = 3;

/// Reads the keys, or makes one when there is none yet.
pub(crate) fn load_or_create(folder: &Path) -> Result<SecretKeys, BoxError> {
    let key = current(&folder.join(KEY))?;
    let mut keys = SecretKeys::new(&key)?;
    for old in fallbacks(folder, &key)? {
        keys = keys.fallback(old)?;
    }
    Ok(keys)
}

/// Makes a new key, and keeps the present one as a fallback. Programs that are running go on with what they have read.
pub(crate) fn rotate(folder: &Path) -> Result<(), BoxError> {
    let key = current(&folder.join(KEY))?;
    let mut olds = fallbacks(folder, &key)?;
    olds.insert(0, key);
    olds.truncate(KEPT);
    // In this order: when the second step fails, the key is a fallback of its own, and passed over.
    replace(&folder.join(FALLBACKS), &olds.join("\n"))?;
    replace(&folder.join(KEY), &random()?)
}

fn current(path: &Path) -> Result<String, BoxError> {
    match read(path)? {
        Some(text) => check(path, text.trim()),
        None => create(path),
    }
}

fn fallbacks(folder: &Path, key: &str) -> Result<Vec<String>, BoxError> {
    let path = folder.join(FALLBACKS);
    let text = read(&path)?.unwrap_or_default();
    let lines = text.lines().map(str::trim);
    let olds = lines.filter(|line| !line.is_empty() && *line != key);
    olds.map(|old| check(&path, old)).collect()
}

fn read(path: &Path) -> Result<Option<String>, BoxError> {
    match fs::read_to_string(path) {
        Ok(text) => Ok(Some(text)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(format!("cannot read {}: {error}", path.display()).into()),
    }
}

fn check(path: &Path, key: &str) -> Result<String, BoxError> {
    let file = path.display();
    if key.len() != KEY_BYTES * 2 || !key.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return Err(format!(
            "{file} does not hold a secret key ({} hexadecimal digits). Put the right file back, or remove it: \
             everybody who is signed in by its keys has to sign in again",
            KEY_BYTES * 2
        )
        .into());
    }
    if let Some(mode) = private::open_to_others(path)? {
        return Err(format!(
            "other users of this machine may read or change {file} (mode {mode:04o}). If nobody else has used it, run \
             `chmod 600 {file}`. Otherwise remove it: everybody who is signed in by its keys has to sign in again"
        )
        .into());
    }
    Ok(key.to_owned())
}

/// Links a new key into place: of two programs that start at once both get the same key.
fn create(path: &Path) -> Result<String, BoxError> {
    let key = random()?;
    match write(path, &key, |draft| fs::hard_link(draft, path)) {
        Ok(()) => {
            tracing::info!(file = %path.display(), "made a new secret key");
            Ok(key)
        }
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => current(path),
        Err(error) => Err(cannot_write(path, &error)),
    }
}

fn replace(path: &Path, text: &str) -> Result<(), BoxError> {
    write(path, text, |draft| fs::rename(draft, path)).map_err(|error| cannot_write(path, &error))
}

fn cannot_write(path: &Path, error: &io::Error) -> BoxError {
    format!("cannot write {}: {error}", path.display()).into()
}

fn random() -> Result<String, BoxError> {
    let mut bytes = [0; KEY_BYTES];
    getrandom::fill(&mut bytes)
        .map_err(|error| format!("this system gave no random bytes: {error}"))?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}

/// Writes under another name first, and then puts it into place: the file is never there half-written.
fn write(path: &Path, text: &str, put: impl FnOnce(&Path) -> io::Result<()>) -> io::Result<()> {
    let draft = path.with_extension(format!("new-{}", std::process::id()));
    let written = write_private(&draft, text).and_then(|()| put(&draft));
    // The draft has done its work, or is of no use: either way what happens to it changes nothing.
    let _ = fs::remove_file(&draft);
    written
}

fn write_private(path: &Path, text: &str) -> io::Result<()> {
    let mut file = private::new_file(path)?;
    writeln!(file, "{text}")?;
    file.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_key_is_made_once_and_read_again() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("secret-key");
        let key = current(&path).unwrap();
        assert_eq!(key.len(), 64);
        assert_eq!(current(&path).unwrap(), key);
        assert_eq!(
            fs::read_dir(folder.path()).unwrap().count(),
            1,
            "no draft is left behind"
        );
    }

    #[test]
    fn two_sites_have_two_keys() {
        let folder = tempfile::tempdir().unwrap();
        let key = |name| current(&folder.path().join(name)).unwrap();
        assert_ne!(key("one"), key("other"));
    }

    #[test]
    fn a_file_that_holds_no_key_is_refused_and_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("secret-key");
        for text in ["", "secret", &"g".repeat(64), &"a".repeat(63)] {
            fs::write(&path, text).unwrap();
            let error = current(&path).unwrap_err().to_string();
            assert!(error.contains("does not hold a secret key"), "{error}");
            assert_eq!(fs::read_to_string(&path).unwrap(), text);
        }
    }

    #[cfg(unix)]
    #[test]
    fn the_file_is_private_and_must_stay_so() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("secret-key");
        current(&path).unwrap();
        assert_eq!(
            fs::metadata(&path).unwrap().permissions().mode() & 0o7777,
            0o600
        );

        fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
        let error = current(&path).unwrap_err().to_string();
        assert!(
            error.contains("mode 0640") && error.contains("chmod 600"),
            "{error}"
        );
    }

    #[test]
    fn a_rotated_key_stays_for_a_while_and_a_rotation_that_broke_off_does_no_harm() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(KEY);
        let mut used = vec![current(&path).unwrap()];
        for _ in 0..KEPT + 2 {
            rotate(folder.path()).unwrap();
            let now = current(&path).unwrap();
            assert!(!used.contains(&now));
            let kept: Vec<_> = used.iter().take(KEPT).cloned().collect();
            assert_eq!(fallbacks(folder.path(), &now).unwrap(), kept);
            used.insert(0, now);
            load_or_create(folder.path()).unwrap();
        }
        // As after the first of its two steps.
        replace(&folder.path().join(FALLBACKS), &used[..2].join("\n")).unwrap();
        load_or_create(folder.path()).unwrap();
        assert_eq!(fallbacks(folder.path(), &used[0]).unwrap(), used[1..2]);
        let files = fs::read_dir(folder.path()).unwrap().count();
        assert_eq!(files, 2, "no draft is left behind");
    }

    #[test]
    fn a_fallback_that_is_no_key_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        load_or_create(folder.path()).unwrap();
        replace(&folder.path().join(FALLBACKS), "an older key").unwrap();
        let error = load_or_create(folder.path()).unwrap_err().to_string();
        assert!(error.contains("secret-key-fallbacks"), "{error}");
        assert!(!error.contains("older"), "{error}");
    }
}
