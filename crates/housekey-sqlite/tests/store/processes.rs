//! Several processes of the operating system on one file.

use std::io::{BufRead, BufReader, Lines, Write as _};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::Duration;

use housekey::records::{Created, Limit, LoginStore as _, Touch, Updated};
use store_tests::NOW;

use super::{CallingThread, Threads, Way, file, id, record};

const PROCESSES: usize = 3;
const RECORDS: u64 = 100;
/// The login limit of the one user that all processes log in.
const LIMIT: usize = 5;
/// Passes the file to a process.
const FILE: &str = "HOUSEKEY_SQLITE_TEST_FILE";
/// Passes the way that the store works to it.
const WAY: &str = "HOUSEKEY_SQLITE_TEST_WAY";
/// A process prints this when it is ready for the next step.
const READY: &str = "ready";
/// A process prints how often it was the first.
const COUNTS: &str = "counts: ";

#[test]
fn processes_that_do_the_same_at_once_share_the_work() {
    for ways in [[Threads; PROCESSES], [CallingThread; PROCESSES]] {
        share_the_work(ways);
    }
}

fn share_the_work(ways: [Way; PROCESSES]) {
    let (_folder, path) = file();
    let mut processes = ways.map(|way| Process::start(&path, way));
    // In the first step they open the missing file and fill it; in the second they empty it.
    for _step in 0..2 {
        for process in &mut processes {
            process.read(READY);
        }
        for process in &mut processes {
            writeln!(process.input).unwrap();
        }
    }
    let mut sums = [0; 5];
    for mut process in processes {
        let counts = process.read(COUNTS);
        for (sum, count) in sums.iter_mut().zip(counts.split(' ')) {
            *sum += count.parse::<u64>().unwrap();
        }
        assert!(process.child.wait().unwrap().success());
    }
    let ended = PROCESSES as u64 * RECORDS - LIMIT as u64;
    assert_eq!(
        sums,
        [RECORDS, RECORDS, RECORDS, RECORDS, ended],
        "each record was created, touched, updated and deleted once, and of the limited user as many stay as may"
    );
}

struct Process {
    child: Child,
    input: ChildStdin,
    output: Lines<BufReader<ChildStdout>>,
}

impl Process {
    fn start(path: &std::path::Path, way: Way) -> Self {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args([
                "--exact",
                "processes::one_of_them",
                "--ignored",
                "--nocapture",
            ])
            .env(FILE, path)
            .env(WAY, format!("{way:?}"))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let (input, output) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
        Self {
            child,
            input,
            output: BufReader::new(output).lines(),
        }
    }

    /// The rest of the next line with this beginning.
    fn read(&mut self, begin: &str) -> String {
        let mut lines = self.output.by_ref().map(Result::unwrap);
        lines
            .find_map(|line| line.strip_prefix(begin).map(str::to_owned))
            .expect("the process failed; its message is above")
    }
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "the test above starts it"]
async fn one_of_them() {
    let Some(path) = std::env::var_os(FILE) else {
        return;
    };
    let way = std::env::var(WAY).unwrap();
    let way = Way::ALL.into_iter().find(|it| format!("{it:?}") == way);
    let next_step = || {
        println!("\n{READY}");
        std::io::stdin().lines().next().unwrap().unwrap();
    };
    next_step();
    let patience = Duration::from_secs(120);
    let builder = way.unwrap().builder(path).busy_timeout(patience);
    let store = builder.open().unwrap();
    let mut counts = [0_u64; 5];
    let touch = Touch {
        now: NOW + 100,
        unless_since: NOW + 40,
        expires_at: NOW,
    };
    for number in 0..RECORDS {
        let mut new = record(number, "mia");
        counts[0] += u64::from(
            store
                .create(&new, &[], Limit::NONE)
                .await
                .unwrap()
                .is_done(),
        );
        counts[1] += u64::from(store.touch(&new.id, touch).await.unwrap());
        new.last_seen_at = touch.now;
        counts[2] += u64::from(store.update(&new).await.unwrap() == Updated::Done);
    }
    let limit = Limit {
        count: LIMIT,
        now: NOW,
        spared_since: u64::MAX,
    };
    for number in 0..RECORDS {
        let new = record(number << 32 | u64::from(std::process::id()), "limited");
        let created = store.create(&new, &[], limit).await.unwrap();
        let Created::Done { ended } = created else {
            panic!("{created:?} where the oldest can end");
        };
        counts[4] += ended.len() as u64;
    }
    next_step();
    for number in 0..RECORDS {
        counts[3] += u64::from(store.delete(&id(number)).await.unwrap());
    }
    println!(
        "\n{COUNTS}{}",
        counts.map(|count| count.to_string()).join(" ")
    );
}
