//! A server for one test.

use std::collections::VecDeque;
use std::fs;
use std::io::{BufRead, BufReader, PipeReader};
use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, Command};
use std::sync::mpsc::{Receiver, channel};
use std::thread;

use tempfile::TempDir;

use super::Kind;

/// A server that one test has to itself. When this value is dropped, the server stops and its data is deleted.
pub struct Server {
    kind: Kind,
    dir: TempDir,
    running: Option<Running>,
}

struct Running {
    /// The process of `scripts/serve`, which becomes the server.
    process: Child,
    /// A pipe without content, which closes when all processes of the server have ended.
    ended: Receiver<()>,
}

impl Server {
    /// Starts one, and waits until it answers.
    ///
    /// # Panics
    ///
    /// When it cannot be started.
    pub fn start(kind: Kind) -> Self {
        Self::start_in(kind, TempDir::new().expect("a directory"))
    }

    /// Starts a Redis server with these additional lines of configuration and this password.
    ///
    /// # Panics
    ///
    /// When it cannot be started.
    pub fn start_with(kind: Kind, password: &str, settings: &str) -> Self {
        let dir = TempDir::new().expect("a directory");
        for (name, text) in [("password", password), ("settings", settings)] {
            fs::write(dir.path().join(name), text).expect("a file");
        }
        Self::start_in(kind, dir)
    }

    fn start_in(kind: Kind, dir: TempDir) -> Self {
        let running = None;
        let mut server = Self { kind, dir, running };
        server.start_again();
        server
    }

    /// Starts a standby of a PostgreSQL server, which follows it until it is promoted.
    ///
    /// # Panics
    ///
    /// When it cannot be started.
    pub fn start_standby_of(primary: &Self) -> Self {
        let dir = TempDir::new().expect("a directory");
        let copied = Command::new("pg_basebackup")
            .args(["--write-recovery-conf", "--checkpoint=fast", "--no-sync"])
            .arg("--dbname")
            .arg(primary.url())
            .arg("--pgdata")
            .arg(dir.path().join("data"))
            .output()
            .expect("pg_basebackup can be run");
        assert!(copied.status.success(), "{copied:?}");
        let port = free_port().to_string();
        let url = primary
            .url()
            .replace(&format!(":{}/", primary.port()), &format!(":{port}/"));
        for (name, text) in [
            ("port", &port),
            ("password", &primary.password()),
            ("url", &url),
        ] {
            fs::write(dir.path().join(name), text).expect("a file");
        }
        Self::start_in(primary.kind, dir)
    }

    /// Starts PgBouncer in front of a PostgreSQL server, in transaction mode, with these additional settings.
    ///
    /// # Panics
    ///
    /// When it cannot be started.
    pub fn start_pooler_of(url: &str, settings: &str) -> Self {
        let dir = TempDir::new().expect("a directory");
        for (name, text) in [("server", url), ("settings", settings)] {
            fs::write(dir.path().join(name), text).expect("a file");
        }
        Self::start_in(Kind::PgBouncer, dir)
    }

    /// The folder with its data, in `data` if it is PostgreSQL. The server uses files put there from its next start on.
    pub fn dir(&self) -> &Path {
        self.dir.path()
    }

    /// Its URL, with the password. The same after each start.
    pub fn url(&self) -> String {
        fs::read_to_string(self.dir.path().join("url")).expect("scripts/serve writes it")
    }

    /// Its password.
    pub fn password(&self) -> String {
        fs::read_to_string(self.dir.path().join("password")).expect("scripts/serve writes it")
    }

    /// Its port on 127.0.0.1.
    pub fn port(&self) -> u16 {
        self.number("port")
    }

    /// The port of a Redis Cluster node for the other nodes.
    pub fn bus_port(&self) -> u16 {
        self.number("bus")
    }

    fn number(&self, name: &str) -> u16 {
        let port = fs::read_to_string(self.dir.path().join(name));
        port.ok()
            .and_then(|port| port.parse().ok())
            .expect("scripts/serve writes it")
    }

    /// Starts it again, with its data, and waits until it answers.
    ///
    /// # Panics
    ///
    /// When it runs already, or cannot be started.
    pub fn start_again(&mut self) {
        assert!(self.running.is_none(), "it runs already");
        let serve = Path::new(env!("CARGO_MANIFEST_DIR")).join("../scripts/serve");
        let (output, input) = std::io::pipe().expect("a pipe");
        let name = match self.kind {
            Kind::Postgres => "postgres",
            Kind::PgBouncer => "pgbouncer",
            Kind::Redis => "redis",
            Kind::Sentinel => "sentinel",
        };
        let process = Command::new(serve)
            .arg(name)
            .arg(self.dir.path())
            .stdout(input.try_clone().expect("a pipe"))
            .stderr(input)
            .spawn()
            .expect("scripts/serve can be run");
        self.running = Some(Running {
            process,
            ended: wait_until_ready(output),
        });
    }

    /// Kills it (SIGKILL), as a crash does.
    pub fn kill(&mut self) {
        self.end("KILL");
    }

    /// Stops it at once, but cleanly: SIGTERM, and for PostgreSQL SIGINT, because at SIGTERM PostgreSQL waits for its
    /// clients to leave.
    pub fn stop(&mut self) {
        self.end(match self.kind {
            Kind::Postgres | Kind::PgBouncer => "INT",
            Kind::Redis | Kind::Sentinel => "TERM",
        });
    }

    /// Freezes it (SIGSTOP): it accepts connections and does not answer.
    pub fn freeze(&self) {
        signal("STOP", &self.processes());
    }

    /// Lets it continue.
    pub fn thaw(&self) {
        signal("CONT", &self.processes());
    }

    fn processes(&self) -> Vec<u32> {
        self.running.as_ref().expect("it runs").processes()
    }

    fn end(&mut self, name: &str) {
        let Some(mut running) = self.running.take() else {
            return;
        };
        let processes = running.processes();
        signal(name, &[running.process.id()]);
        signal("CONT", &processes);
        running.process.wait().expect("it is our child");
        // PostgreSQL cannot be started again before all processes of the old one have seen its end.
        let _ = running.ended.recv();
    }
}

impl Running {
    /// The server, which this freezes, and its processes for each connection, if it has any.
    fn processes(&self) -> Vec<u32> {
        let parent = self.process.id();
        // No process starts while the parent is frozen.
        signal("STOP", &[parent]);
        let children = fs::read_to_string(format!("/proc/{parent}/task/{parent}/children"))
            .expect("Linux says which processes a process has");
        let children = children
            .split_whitespace()
            .map(|id| id.parse().expect("a number"));
        [parent].into_iter().chain(children).collect()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.kill();
    }
}

/// As `scripts/serve` chooses it: below the ports for outgoing connections, and at a random place, because other tests start
/// servers at the same time.
fn free_port() -> u16 {
    const FIRST: u32 = 20_000;
    const COUNT: u32 = 12_000;
    let begin = getrandom::u32().expect("the operating system gives random bytes") % COUNT;
    let ports = (begin..COUNT).chain(0..begin);
    ports
        .filter_map(|number| u16::try_from(FIRST + number).ok())
        .find(|port| TcpListener::bind(("127.0.0.1", *port)).is_ok())
        .expect("a free port")
}

/// Waits for a line of the log that contains this, and goes on reading the rest.
fn wait_until_ready(output: PipeReader) -> Receiver<()> {
    let (ready, is_ready) = channel();
    let (ends, ended) = channel::<()>();
    thread::spawn(move || {
        let _ends = ends;
        let mut last_lines = VecDeque::new();
        let mut ready = Some(ready);
        for line in BufReader::new(output).lines().map_while(Result::ok) {
            if says_ready(&line)
                && let Some(ready) = ready.take()
            {
                let _ = ready.send(Ok(()));
            }
            last_lines.push_back(line);
            if last_lines.len() > 20 {
                last_lines.pop_front();
            }
        }
        if let Some(ready) = ready {
            let _ = ready.send(Err(Vec::from(last_lines).join("\n")));
        }
    });
    match is_ready.recv() {
        Ok(Ok(())) => ended,
        Ok(Err(log)) => panic!("the server did not start:\n{log}"),
        Err(_) => panic!("the server's log cannot be read"),
    }
}

/// The lines that say that a server is ready: PostgreSQL (a standby has a line of its own), Redis, PgBouncer, a Sentinel.
fn says_ready(line: &str) -> bool {
    let line = line.to_lowercase();
    [
        "ready to accept connections",
        "ready to accept read-only connections",
        "process up: pgbouncer",
        "sentinel id is",
    ]
    .iter()
    .any(|words| line.contains(words))
}

/// One of them may have ended meanwhile: that is not an error.
pub(crate) fn signal(name: &str, processes: &[u32]) {
    let sent = Command::new("kill")
        .arg(format!("-{name}"))
        .args(processes.iter().map(u32::to_string))
        .output();
    sent.expect("kill can be run");
}
