//! A server in a process of its own, and the processor cores of both processes.

use std::io::{BufRead as _, BufReader};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use bench_report::BoxError;

use crate::site::Site;

/// The cores of the server and of the load. The load must never wait for the server's work, or it would send its requests
/// late. On one core the server has less power than it could have, but each way of hashing has the same.
const SERVER_CORE: &str = "0";
const LOAD_CORE: &str = "1";

/// Whether processes can be kept on their cores.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Pinned {
    Yes,
    No,
}

impl Pinned {
    /// The note below the figures.
    pub(crate) fn note(self) -> Option<String> {
        (self == Self::No).then(|| "The load and the server shared all cores.".to_owned())
    }
}

/// Keeps this process, which is the load, on its core. Threads that start later stay there too.
pub(crate) fn pin_the_load() -> Pinned {
    let mut taskset = Command::new("taskset");
    taskset.args(["--cpu-list", "--pid", LOAD_CORE]);
    taskset.arg(std::process::id().to_string());
    taskset.stdout(Stdio::null()).stderr(Stdio::null());
    match taskset.status() {
        Ok(status) if status.success() => Pinned::Yes,
        _ => {
            eprintln!(
                "without taskset and two cores, the load and the server get in each other's way"
            );
            Pinned::No
        }
    }
}

/// A server. Dropping this stops it.
pub(crate) struct Server {
    process: Child,
    pub(crate) address: SocketAddr,
}

impl Server {
    pub(crate) fn start(site: Site, folder: &Path, pinned: Pinned) -> Result<Self, BoxError> {
        let program = std::env::current_exe()?;
        let mut command = match pinned {
            Pinned::Yes => {
                let mut taskset = Command::new("taskset");
                taskset.args(["--cpu-list", SERVER_CORE]).arg(program);
                taskset
            }
            Pinned::No => Command::new(program),
        };
        let mut process = command
            .args(["serve", site.name(), "--folder"])
            .arg(folder)
            .stdout(Stdio::piped())
            .spawn()?;
        match address(&mut process) {
            Ok(address) => Ok(Self { process, address }),
            Err(error) => {
                let _ = process.kill();
                let _ = process.wait();
                Err(format!("the server does not come up: {error}").into())
            }
        }
    }

    pub(crate) fn id(&self) -> u32 {
        self.process.id()
    }
}

fn address(process: &mut Child) -> Result<SocketAddr, BoxError> {
    let stdout = process.stdout.take().ok_or("it has no output")?;
    let mut line = String::new();
    BufReader::new(stdout).read_line(&mut line)?;
    Ok(line.trim().parse()?)
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
