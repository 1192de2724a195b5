//! The key that signs every cookie: made at the first start, kept in a file that only this user can read.
//!
//! It outlives the process, so that a restart logs nobody out. Whoever reads it can sign in as anybody.

use std::fs;
use std::io::{self, Write};
use std::path::Path;

use housekey_axum::BoxError;

use crate::private;

const KEY_BYTES: usize = 32;

/// Reads the key, or makes one when there is none yet.
pub(crate) fn load_or_create(path: &Path) -> Result<String, BoxError> {
    match fs::read_to_string(path) {
        Ok(text) => check(path, text.trim()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => create(path),
        Err(error) => {
            Err(format!("cannot read the secret key in {}: {error}", path.display()).into())
        }
    }
}

fn check(path: &Path, key: &str) -> Result<String, BoxError> {
    let file = path.display();
    if key.len() != KEY_BYTES * 2 || !key.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return Err(format!(
            "{file} does not hold a secret key ({} hexadecimal digits). Put the right file back, or remove it: \
             a new key is made then, and everybody has to sign in again",
            KEY_BYTES * 2
        )
        .into());
    }
    if let Some(mode) = private::open_to_others(path)? {
        return Err(format!(
            "other users of this machine may read or change {file} (mode {mode:04o}). If nobody else has used it, run \
             `chmod 600 {file}`. Otherwise remove it: a new key is made then, and everybody has to sign in again"
        )
        .into());
    }
    Ok(key.to_owned())
}

/// Writes a new key under another name first and links it into place: the file is never there half-written, and of
/// two programs that start at once both get the same key.
fn create(path: &Path) -> Result<String, BoxError> {
    let mut bytes = [0; KEY_BYTES];
    getrandom::fill(&mut bytes)
        .map_err(|error| format!("this system gave no random bytes: {error}"))?;
    let key: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();

    let draft = path.with_extension(format!("new-{}", std::process::id()));
    let written = write_private(&draft, &key).and_then(|()| fs::hard_link(&draft, path));
    // The draft has done its work, or is of no use: either way what happened to it changes nothing.
    let _ = fs::remove_file(&draft);
    match written {
        Ok(()) => {
            tracing::info!(file = %path.display(), "made a new secret key");
            Ok(key)
        }
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => load_or_create(path),
        Err(error) => {
            Err(format!("cannot write the secret key to {}: {error}", path.display()).into())
        }
    }
}

fn write_private(path: &Path, key: &str) -> io::Result<()> {
    let mut file = private::new_file(path)?;
    writeln!(file, "{key}")?;
    file.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_key_is_made_once_and_read_again() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("secret-key");
        let key = load_or_create(&path).unwrap();
        assert_eq!(key.len(), 64);
        assert_eq!(load_or_create(&path).unwrap(), key);
        assert_eq!(
            fs::read_dir(folder.path()).unwrap().count(),
            1,
            "no draft is left behind"
        );
    }

    #[test]
    fn two_sites_have_two_keys() {
        let folder = tempfile::tempdir().unwrap();
        let key = |name| load_or_create(&folder.path().join(name)).unwrap();
        assert_ne!(key("one"), key("other"));
    }

    #[test]
    fn a_file_that_holds_no_key_is_refused_and_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("secret-key");
        for text in ["", "secret", &"g".repeat(64), &"a".repeat(63)] {
            fs::write(&path, text).unwrap();
            let error = load_or_create(&path).unwrap_err().to_string();
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
        load_or_create(&path).unwrap();
        assert_eq!(
            fs::metadata(&path).unwrap().permissions().mode() & 0o7777,
            0o600
        );

        fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
        let error = load_or_create(&path).unwrap_err().to_string();
        assert!(
            error.contains("mode 0640") && error.contains("chmod 600"),
            "{error}"
        );
    }
}
