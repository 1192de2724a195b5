//! One server as a child process that never outlives the test.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::net::{Ipv4Addr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Mutex, Once};
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::{sleep, timeout};

use super::{Habit, Program, Side, eprintln_uncaptured};

/// Runs a program and ends it when its own standard input ends. That happens when the server is dropped, and also when the
/// tests end without dropping anything, for instance by a signal.
const KEEPER: &str = r#"
signal=$1
shift
exec 3<&0
"$@" <&- 3<&- &
server=$!
(read -r line <&3; kill -s "$signal" "$server" 2>&-) >&- &
watcher=$!
wait "$server"
status=$?
kill "$watcher" 2>&-
exit "$status"
"#;

/// How long it may take to start on a busy machine, and how long to wait between two checks.
const PATIENCE: Duration = Duration::from_secs(120);
const PAUSE: Duration = Duration::from_millis(50);

/// Another program may take the free port before the server does.
const PORTS: u32 = 3;

/// Runs the Flask twin with flask_housekey instead of Flask-Login.
const ON_HOUSEKEY: &str = "
import flask_housekey.as_flask_login, runpy, sys
sys.path.insert(0, sys.argv[1])
runpy.run_path(sys.argv[1] + '/serve.py', run_name='__main__')
";

const MANIFEST: &str = env!("CARGO_MANIFEST_DIR");

pub(crate) struct Server {
    keeper: Child,
    pub(crate) port: u16,
}

impl Server {
    /// Starts it and waits until it answers. Its output goes to a file in the folder.
    pub(crate) async fn start(side: Side, folder: &Path, env: &BTreeMap<String, String>) -> Self {
        for _ in 0..PORTS {
            let port = free_port();
            let output = output_of(side, folder);
            let file = File::options().create(true).append(true).open(&output);
            let file = file.unwrap();
            let keeper = Command::new("sh")
                .args(["-c", KEEPER, "keeper", end_signal(side)])
                .args(program(side))
                .env_clear()
                .env("PATH", std::env::var_os("PATH").unwrap_or_default())
                .envs(env)
                .env("PORT", port.to_string())
                .stdin(Stdio::piped())
                .stdout(file.try_clone().unwrap())
                .stderr(file)
                .spawn()
                .expect("sh runs");
            let mut server = Self { keeper, port };
            if server.is_ready().await {
                return server;
            }
            let text = fs::read_to_string(&output).unwrap_or_default();
            assert!(
                text.contains("ddress already in use") || text.contains("Connection in use"),
                "{} does not start:\n{text}",
                side.program()
            );
        }
        panic!("no port for {} in {PORTS} tries", side.program());
    }

    /// Waits until it answers; `false` when it has ended, or never does.
    async fn is_ready(&mut self) -> bool {
        let answering = async {
            loop {
                if self.answers().await.unwrap_or(false) {
                    return true;
                }
                if self.keeper.try_wait().unwrap().is_some() {
                    return false;
                }
                sleep(PAUSE).await;
            }
        };
        timeout(PATIENCE, answering).await.unwrap_or(false)
    }

    async fn answers(&self) -> std::io::Result<bool> {
        let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, self.port)).await?;
        let request = b"GET / HTTP/1.1\r\nHost: site.example\r\nConnection: close\r\n\r\n";
        stream.write_all(request).await?;
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).await?;
        Ok(answer.starts_with(b"HTTP/1.1 200") && answer.ends_with(b"welcome\n"))
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.keeper.stdin.take());
        let _ = self.keeper.wait();
    }
}

/// Ends it at once. With TERM, gunicorn's workers finish first, which takes a second.
fn end_signal(side: Side) -> &'static str {
    match side {
        _ if side.has(Habit::IsPython) => "QUIT",
        _ => "TERM",
    }
}

/// What a side prints, and how it exits, when the environment is wrong.
pub(crate) fn refusal_to_start(side: Side, env: &[(&str, &str)]) -> (ExitStatus, String) {
    let [program, arguments @ ..] = &program(side)[..] else {
        unreachable!("a program has a name")
    };
    let output = Command::new(program)
        .args(arguments)
        .env_clear()
        .envs(env.iter().copied())
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let text = String::from_utf8(output.stderr).unwrap();
    (output.status, text)
}

/// Where the output of a side is kept.
pub(super) fn output_of(side: Side, folder: &Path) -> PathBuf {
    folder.join(format!("{side}.log"))
}

fn program(side: Side) -> Vec<PathBuf> {
    let interop = Path::new(MANIFEST);
    match side.program() {
        Program::Rust => vec![crate::RUST.into()],
        Program::FlaskLogin => {
            require_installation(interop);
            vec![
                interop.join(".venv/bin/python"),
                interop.join("twin/flask/serve.py"),
            ]
        }
        Program::FlaskHousekey => {
            let venv = std::env::var_os("FLASK_HOUSEKEY_VENV")
                .expect("FLASK_HOUSEKEY_VENV is a virtual environment with flask_housekey");
            vec![
                Path::new(&venv).join("bin/python"),
                "-c".into(),
                ON_HOUSEKEY.into(),
                interop.join("twin/flask"),
            ]
        }
    }
}

/// Nothing here can run without the virtual environment, and a hundred failures would say no more than one line.
fn require_installation(interop: &Path) {
    static CHECK: Once = Once::new();
    CHECK.call_once(|| {
        let read = |name: &str| fs::read(interop.join(name)).ok();
        if read(".venv/installed.txt").is_none_or(|text| Some(text) != read("requirements.txt")) {
            eprintln_uncaptured("the Flask side is not installed, or not as interop/requirements.txt says: run interop/install");
            std::process::exit(1);
        }
    });
}

/// A free port, a different one each time: a server that is about to start has not taken its own yet.
fn free_port() -> u16 {
    static GIVEN: Mutex<BTreeSet<u16>> = Mutex::new(BTreeSet::new());
    loop {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        if GIVEN.lock().unwrap().insert(port) {
            return port;
        }
    }
}
