//! Files and folders that only the user who runs the program can read.

use std::fs::{DirBuilder, File, OpenOptions};
use std::io;
use std::path::Path;

use housekey_axum::BoxError;

/// Makes the folder and those above it. One that is there already is left as it is.
pub(crate) fn make_folder(path: &Path) -> io::Result<()> {
    let mut builder = DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(path)
}

/// The place of a database: an empty file, unless there is one already. SQLite takes it for a new database, and gives
/// the files that it keeps beside it the same permissions.
pub(crate) fn make_database(path: &Path) -> Result<(), BoxError> {
    match new_file(path) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => {
            Err(format!("cannot make the database {}: {error}", path.display()).into())
        }
        _ => Ok(()),
    }
}

/// Makes a file that was not there before.
pub(crate) fn new_file(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}

/// The permissions of the file, when they let in anybody but its owner.
#[cfg(unix)]
pub(crate) fn open_to_others(path: &Path) -> io::Result<Option<u32>> {
    use std::os::unix::fs::PermissionsExt;
    let mode = path.metadata()?.permissions().mode() & 0o7777;
    Ok((mode & 0o077 != 0).then_some(mode))
}

#[cfg(not(unix))]
pub(crate) fn open_to_others(_path: &Path) -> io::Result<Option<u32>> {
    Ok(None)
}
