//! Programs that a browser needs, in a folder that is removed after them.

use std::fs::File;
use std::io;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;

use crate::PAUSE;

/// Runs a program and all that it starts in one process group. The group ends when standard input does, which is when the test
/// drops it or dies. Whatever has not ended 5 seconds later is killed, and its folder removed.
const KEEPER: &str = r#"
home=$1
shift
trap : TERM
{ trap : TERM; "$@" </dev/null; echo "It has ended: $?"; } &
program=$!
read -r _
kill -TERM 0
{ sleep 5; kill -KILL 0; } &
wait $program
rm -rf "$home"
kill -KILL 0
"#;

/// What [`KEEPER`] writes when the program has ended by itself.
const HAS_ENDED: &str = "It has ended: ";

/// The home of a browser: its profile, its temporary files, what its programs say.
#[derive(Debug)]
pub(crate) struct Home(TempDir);

impl Home {
    pub(crate) fn new() -> Self {
        Self(TempDir::new().unwrap())
    }

    /// Writes one of its files.
    pub(crate) fn write(&self, path: &str, text: &str) {
        let path = self.path().join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }

    pub(crate) fn path(&self) -> &Path {
        self.0.path()
    }
}

impl Drop for Home {
    fn drop(&mut self) {
        // A killed browser may still be there for a moment, and write.
        for _ in 0..50 {
            match std::fs::remove_dir_all(self.path()) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => std::thread::sleep(PAUSE),
                _ => return,
            }
        }
    }
}

/// A running program. It ends when this is dropped, with all that it has started.
#[derive(Debug)]
pub(crate) struct Program {
    name: String,
    keeper: Child,
    log: PathBuf,
}

impl Program {
    pub(crate) fn start(
        name: &str,
        arguments: &[&str],
        environment: &[(&str, &str)],
        home: &Home,
    ) -> Self {
        let log = home.path().join(format!("{name}.log"));
        let output = File::create(&log).unwrap();
        let keeper = Command::new("sh")
            .args(["-c", KEEPER, "sh"])
            .arg(home.path())
            .arg(name)
            .args(arguments)
            .env("HOME", home.path())
            .env("TMPDIR", home.path())
            .env("XDG_RUNTIME_DIR", home.path())
            .envs(
                ["CACHE", "CONFIG", "DATA", "STATE"]
                    .map(|kind| (format!("XDG_{kind}_HOME"), home.path().join(kind))),
            )
            // No display and no services of a desktop that the test may run on.
            .env_remove("DISPLAY")
            .env_remove("WAYLAND_DISPLAY")
            .env("DBUS_SESSION_BUS_ADDRESS", "disabled:")
            .envs(environment.iter().copied())
            .stdin(Stdio::piped())
            .stdout(output.try_clone().unwrap())
            .stderr(output)
            .process_group(0)
            .spawn()
            .unwrap();
        Self {
            name: name.to_owned(),
            keeper,
            log,
        }
    }

    /// Waits until the program is ready, which `find` recognizes by what it has said so far.
    ///
    /// # Errors
    ///
    /// If it ends, or takes longer than `patience`: with what it has said.
    pub(crate) async fn ready<T>(
        &self,
        patience: Duration,
        find: impl Fn(&str) -> Option<T>,
    ) -> Result<T, String> {
        let begun = Instant::now();
        loop {
            let said = self.said();
            let has_ended = said.contains(HAS_ENDED);
            match find(&said) {
                Some(found) if !has_ended => return Ok(found),
                _ if has_ended || begun.elapsed() > patience => {
                    return Err(format!("{} does not start. It says:\n{said}", self.name));
                }
                _ => tokio::time::sleep(PAUSE).await,
            }
        }
    }

    /// What it has written so far.
    pub(crate) fn said(&self) -> String {
        String::from_utf8_lossy(&std::fs::read(&self.log).unwrap()).into_owned()
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        drop(self.keeper.stdin.take());
        let _ = self.keeper.wait();
    }
}

/// Whether the programs that are on `PATH` include this one.
pub(crate) fn is_installed(name: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).any(|folder| folder.join(name).is_file())
}
