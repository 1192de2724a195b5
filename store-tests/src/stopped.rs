//! A process that is stopped with a login in its cache (SIGSTOP), while another process ends the login, and that goes on
//! afterwards.
//!
//! The test's binary runs itself as that process. In the child, the same test calls [`go_on`]; its standard input and output
//! are the way between the two.

use std::fs;
use std::io::{BufRead as _, BufReader, Lines, Write as _, stdin};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::task::{Context, Poll, Waker};
use std::thread;
use std::time::Instant;

use housekey::records::{LoginId, LoginStore};
use tokio::task::yield_now;

use crate::caches::{LEASE, PATIENCE};
use crate::operations::{HUNG, answer};
use crate::server::signal;
use crate::{NOW, Network, create, record};

/// In a child, where its server is.
const URL: &str = "HOUSEKEY_TESTS_STOPPED_AT";
/// What comes before a line of the child's, since the test harness writes to its output too.
const SAYS: &str = "stopped: ";

/// In the child: the URL of its server.
pub fn url() -> Option<String> {
    std::env::var(URL).ok()
}

/// In the child: looks a login up until the cache answers, waits to be told, and looks it up once more. This goes on until
/// the parent has heard enough.
///
/// # Panics
///
/// If the parent writes something else than ids.
pub async fn go_on(store: &impl LoginStore) {
    while let Some(id) = told() {
        let id: LoginId = id.parse().expect("an id");
        while !matches!(store.look_up(&id, NOW).await, Ok(Some(found)) if found.is_cached()) {
            yield_now().await;
        }
        println!("{SAYS}cached");
        // Blocks this thread alone: the others keep the lease, until they are stopped too.
        told().expect("a word");
        let mut first = Box::pin(store.look_up(&id, NOW));
        let at_once = first.as_mut().poll(&mut Context::from_waker(Waker::noop()));
        let found = match at_once {
            Poll::Ready(found) => {
                println!("{SAYS}it knows");
                found
            }
            Poll::Pending => {
                println!("{SAYS}it asks");
                first.await
            }
        };
        println!(
            "{SAYS}{}",
            match found {
                Ok(Some(_)) => "it lets in",
                Ok(None) => "it is over",
                Err(_) => "nobody knows",
            }
        );
    }
}

/// The parent's next line, or `None` when it has ended.
fn told() -> Option<String> {
    stdin().lines().next().map(|line| line.expect("a line"))
}

/// The child, and what it writes.
struct Process {
    child: Child,
    input: ChildStdin,
    says: Receiver<String>,
}

impl Process {
    /// Runs this test in another process.
    fn start(test: &str, url: &str) -> Self {
        let exe = std::env::current_exe().expect("this binary");
        let mut child = Command::new(exe)
            .args(["--exact", test, "--nocapture", "--test-threads=1"])
            .env(URL, url)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("this binary can be run");
        let input = child.stdin.take().expect("a pipe");
        let output = child.stdout.take().expect("a pipe");
        Self {
            child,
            input,
            says: listen(BufReader::new(output).lines()),
        }
    }

    fn tell(&mut self, line: &str) {
        writeln!(self.input, "{line}").expect("it reads");
    }

    fn says(&self) -> String {
        self.says.recv_timeout(PATIENCE).expect("it goes on")
    }

    /// Stops it, and waits until each of its threads stands still.
    fn stop(&self) {
        signal("STOP", &[self.child.id()]);
        let began = Instant::now();
        while !self.stands_still() {
            assert!(began.elapsed() < HUNG, "it does not stop");
            thread::yield_now();
        }
    }

    fn stands_still(&self) -> bool {
        let threads = format!("/proc/{}/task", self.child.id());
        let threads = fs::read_dir(threads).expect("Linux says which threads a process has");
        threads.flatten().all(|thread| {
            // One may have ended meanwhile.
            let status = fs::read_to_string(thread.path().join("status")).unwrap_or_default();
            status.is_empty() || status.contains("State:\tT")
        })
    }

    fn continues(&self) {
        signal("CONT", &[self.child.id()]);
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn listen(lines: Lines<BufReader<ChildStdout>>) -> Receiver<String> {
    let (says, said) = channel();
    thread::spawn(move || {
        for line in lines.map_while(Result::ok) {
            // The harness may have begun the line.
            if let Some((_, words)) = line.split_once(SAYS) {
                let _ = says.send(words.to_owned());
            }
        }
    });
    said
}

/// A process whose look-ups go through this network is stopped, and continues when its lease is over. Its cache does not
/// answer the first look-up: neither when the push waits for it, nor when the cable was cut meanwhile and no push ever comes.
///
/// `test` is the path of the calling test.
///
/// # Panics
///
/// When the login goes on.
pub async fn a_process_that_was_stopped_does_not_answer_from_its_cache(
    test: &str,
    url: &str,
    network: &Network,
    elsewhere: &impl LoginStore,
) {
    let mut process = Process::start(test, url);
    for is_cut in [false, true, false, true] {
        let login = record("stopped");
        create(elsewhere, &login).await;
        process.tell(&login.id.to_string());
        assert_eq!(process.says(), "cached");
        process.stop();
        if is_cut {
            network.lose_connections();
        }
        let deleted = answer(elsewhere.delete(&login.id)).await;
        assert!(deleted.expect("delete"), "the login was there");
        tokio::time::sleep(LEASE).await;
        process.tell("go on");
        process.continues();
        let [at_once, found] = [process.says(), process.says()];
        match is_cut {
            // It can have read the push before it looks the login up, but it cannot know better than the server.
            false => assert_eq!(found, "it is over", "{at_once}"),
            true => {
                assert_eq!(at_once, "it asks");
                assert_ne!(found, "it lets in");
            }
        }
    }
}
