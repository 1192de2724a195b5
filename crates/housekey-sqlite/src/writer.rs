//! The one connection that writes, on its own thread.
//!
//! SQLite writes one transaction at a time, and most of its time is the wait for the disk at the end. So all writes that
//! have arrived meanwhile share the next transaction, and one wait for the disk. All are answered afterwards.
//!
//! Each write waits for a lock until its own deadline, counted from its arrival, and the queue is bounded. So a lock that
//! stays delays each write only until its deadline, however many there are. A write answered with an error is not done
//! later.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::mpsc::{self, TrySendError};
use std::time::{Duration, Instant};

use async_channel::Sender;
use housekey::Error;
use rusqlite::{Connection, TransactionBehavior};

use crate::fault::{Fault, is_busy};
use crate::file::{File, Mode, Open, wait_until};
use crate::table::Table;

/// How many writes share a transaction at most, so that other processes get their turn.
const GROUP: usize = 64;

/// How many writes wait at most.
pub(crate) const QUEUE: usize = 4096;

/// How much longer a write waits for those before it than for a lock.
const IN_LINE: Duration = Duration::from_secs(1);

/// How long to pause before asking again for a lock that SQLite did not wait for.
const INSTANT: Duration = Duration::from_millis(1);

pub(crate) struct Writer {
    file: Arc<File>,
    jobs: mpsc::SyncSender<Box<dyn Job>>,
}

/// Whether a write is still done if its caller has gone.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Alone {
    /// It is, for instance a logout.
    Done,
    /// It is not: a new login's cookies would reach no browser.
    Dropped,
}

impl Writer {
    /// Starts the thread. It ends when the writer is dropped, after finishing the queue.
    pub(crate) fn start(file: Arc<File>, open: Open) -> Result<Self, Fault> {
        let (jobs, queue) = mpsc::sync_channel(QUEUE);
        let thread = Thread {
            file: Arc::clone(&file),
            open: Some(open),
        };
        std::thread::Builder::new()
            .name("housekey-sqlite".to_owned())
            .spawn(move || thread.serve(&queue))
            .map_err(|error| Fault::Writer(format!("cannot be started: {error}")))?;
        Ok(Self { file, jobs })
    }

    /// Does `work` in a transaction. It may run again after a failure.
    pub(crate) async fn write<T: Send + 'static>(
        &self,
        alone: Alone,
        work: impl Fn(&Connection, &Table) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T, Error> {
        let path = &self.file.path;
        let ended = || Fault::Writer("has ended".to_owned()).at(path);
        let (answer, receiver) = async_channel::bounded(1);
        let job = Work {
            work,
            alone,
            deadline: self.file.patience(),
            outcome: None,
            answer,
        };
        self.jobs
            .try_send(Box::new(job))
            .map_err(|error| match error {
                TrySendError::Full(_) => Fault::Crowded.at(path),
                TrySendError::Disconnected(_) => ended(),
            })?;
        receiver.recv().await.map_err(|_| ended())?
    }
}

/// A write, whatever its result type.
trait Job: Send {
    /// Until when it waits for a lock.
    fn deadline(&self) -> Instant;

    /// Whether it is no longer of any use.
    fn is_pointless(&self) -> bool;

    fn run(&mut self, connection: &Connection, table: &Table) -> rusqlite::Result<()>;

    /// `Ok` if the job's last run is on the disk.
    fn answer(&mut self, ended: Result<(), Error>);
}

struct Work<T, W> {
    work: W,
    alone: Alone,
    deadline: Instant,
    outcome: Option<T>,
    answer: Sender<Result<T, Error>>,
}

impl<T, W> Job for Work<T, W>
where
    T: Send,
    W: Fn(&Connection, &Table) -> rusqlite::Result<T> + Send,
{
    fn deadline(&self) -> Instant {
        self.deadline
    }

    fn is_pointless(&self) -> bool {
        self.alone == Alone::Dropped && self.answer.is_closed()
    }

    fn run(&mut self, connection: &Connection, table: &Table) -> rusqlite::Result<()> {
        self.outcome = Some((self.work)(connection, table)?);
        Ok(())
    }

    fn answer(&mut self, ended: Result<(), Error>) {
        let answer = match ended {
            Err(error) => Some(Err(error)),
            Ok(()) => self.outcome.take().map(Ok),
        };
        if let Some(answer) = answer {
            // An error says that the caller has gone.
            let _ = self.answer.try_send(answer);
        }
    }
}

struct Thread {
    file: Arc<File>,
    /// `None` after a fault, which may have been the connection's.
    open: Option<Open>,
}

/// Why a transaction failed.
enum Failed {
    /// One of several writes failed. The others may succeed.
    Job(Fault),
    /// Another program is writing, for longer than the first of them waits.
    Locked(Fault),
    /// Nothing can be written at the moment.
    Everything(Fault),
}

impl Thread {
    fn serve(mut self, queue: &mpsc::Receiver<Box<dyn Job>>) {
        while let Ok(first) = queue.recv() {
            let mut group = vec![first];
            group.extend(queue.try_iter().take(GROUP - 1));
            let now = Instant::now();
            self.give_up(&mut group, &Fault::NoWriter, |job| {
                job.deadline() + IN_LINE < now
            });
            self.settle(group);
        }
    }

    /// Runs the writes, and answers each.
    fn settle(&mut self, mut group: Vec<Box<dyn Job>>) {
        while let Some(first) = group.first() {
            let deadline = first.deadline();
            match self.transaction(&mut group, deadline) {
                Err(Failed::Job(_)) if group.len() > 1 => {
                    return group.into_iter().for_each(|job| self.settle(vec![job]));
                }
                Err(Failed::Locked(fault)) => {
                    let now = Instant::now();
                    self.give_up(&mut group, &fault, |job| job.deadline() <= now);
                    if !group.is_empty() {
                        std::thread::sleep(INSTANT);
                    }
                }
                Err(Failed::Job(fault) | Failed::Everything(fault)) => {
                    return self.give_up(&mut group, &fault, |_| true);
                }
                Ok(()) => return group.iter_mut().for_each(|job| job.answer(Ok(()))),
            }
        }
    }

    /// Answers those whose deadline is over, and keeps the others.
    fn give_up(
        &self,
        group: &mut Vec<Box<dyn Job>>,
        fault: &Fault,
        is_over: impl Fn(&dyn Job) -> bool,
    ) {
        group.retain_mut(|job| {
            let over = is_over(&**job);
            if over {
                job.answer(Err(fault.of_many_at(&self.file.path)));
            }
            !over
        });
    }

    /// Runs all of them or none. Afterwards they are on the disk.
    fn transaction(&mut self, group: &mut [Box<dyn Job>], deadline: Instant) -> Result<(), Failed> {
        // Taken out, and put back only after success.
        let open = self.file.reuse(self.open.take(), Mode::Write, deadline);
        let mut open = open.map_err(Failed::Everything)?;
        let table = &self.file.table;
        let done = catch_unwind(AssertUnwindSafe(|| {
            let everything = |error| Failed::Everything(Fault::Sqlite(error));
            wait_until(&open, deadline).map_err(everything)?;
            let transaction = open
                .transaction_with_behavior(TransactionBehavior::Immediate)
                .map_err(|error| match is_busy(&error) {
                    true => Failed::Locked(Fault::Sqlite(error)),
                    false => everything(error),
                })?;
            for job in group.iter_mut().filter(|job| !job.is_pointless()) {
                job.run(&transaction, table).map_err(|error| {
                    if is_busy(&error) {
                        everything(error)
                    } else {
                        Failed::Job(Fault::Sqlite(error))
                    }
                })?;
            }
            transaction.commit().map_err(everything)
        }));
        let done = done.unwrap_or_else(|_| Err(Failed::Job(Fault::Writer("panicked".to_owned()))));
        if done.is_ok() {
            self.file.keep_log_short(&open);
        }
        if matches!(done, Ok(()) | Err(Failed::Locked(_))) {
            self.open = Some(open);
        }
        done
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::time::Duration;

    use futures_lite::future::{block_on, poll_once, zip};
    use rusqlite::Error::QueryReturnedNoRows;

    use super::*;
    use crate::ledger::LEDGER;
    use crate::log::Log;

    fn writer() -> (tempfile::TempDir, Writer) {
        let folder = tempfile::tempdir().unwrap();
        let file = Arc::new(File {
            path: folder.path().join("logins.db"),
            table: Table::new("logins").unwrap(),
            busy_timeout: Duration::ZERO,
            ledger: &LEDGER,
            log: Log::default(),
            makes_nothing: false,
        });
        let open = file.prepare().unwrap();
        (folder, Writer::start(file, open).unwrap())
    }

    fn execute(
        sql: &'static str,
    ) -> impl Fn(&Connection, &Table) -> rusqlite::Result<usize> + Send + 'static {
        move |connection, _| connection.execute(sql, [])
    }

    fn count(writer: &Writer) -> i64 {
        let count = |connection: &Connection, _: &Table| {
            connection.query_row("SELECT count(*) FROM notes", [], |row| row.get(0))
        };
        block_on(writer.write(Alone::Done, count)).unwrap()
    }

    #[test]
    fn what_was_asked_for_meanwhile_shares_a_transaction_and_a_fault_is_nobody_elses() {
        let (_folder, writer) = writer();
        let runs = Arc::new(AtomicUsize::new(0));
        let (started, has_started) = mpsc::channel();
        let (end, may_end) = mpsc::channel::<()>();
        block_on(async {
            let note = execute("CREATE TABLE notes (text TEXT)");
            writer.write(Alone::Done, note).await.unwrap();
            let mut first = Box::pin(writer.write(Alone::Done, move |_, _| {
                started.send(()).unwrap();
                Ok(may_end.recv().is_ok())
            }));
            assert!(poll_once(&mut first).await.is_none());
            has_started.recv().unwrap();
            let good = {
                let runs = Arc::clone(&runs);
                writer.write(Alone::Done, move |connection, _| {
                    runs.fetch_add(1, Ordering::SeqCst);
                    connection.execute("INSERT INTO notes VALUES ('good')", [])
                })
            };
            let bad = writer.write(Alone::Done, |connection, _| {
                connection.execute("INSERT INTO notes VALUES ('bad')", [])?;
                Err::<(), _>(QueryReturnedNoRows)
            });
            let mut both = Box::pin(zip(good, bad));
            assert!(poll_once(&mut both).await.is_none());
            end.send(()).unwrap();
            assert!(first.await.unwrap());
            let (good, bad) = both.await;
            assert_eq!(good.unwrap(), 1);
            assert!(bad.unwrap_err().to_string().contains("logins.db"));
        });
        assert_eq!(
            runs.load(Ordering::SeqCst),
            2,
            "in the group, then by itself"
        );
        assert_eq!(count(&writer), 1, "nothing is left of the bad one");
    }

    #[test]
    fn a_panic_takes_neither_the_thread_nor_another_write_with_it() {
        let (_folder, writer) = writer();
        block_on(async {
            let note = execute("CREATE TABLE notes (text TEXT)");
            writer.write(Alone::Done, note).await.unwrap();
            let panicked = writer.write(Alone::Done, |connection, _| -> rusqlite::Result<()> {
                connection.execute("INSERT INTO notes VALUES ('bad')", [])?;
                panic!("on purpose")
            });
            assert!(panicked.await.unwrap_err().to_string().contains("panicked"));
        });
        assert_eq!(count(&writer), 0);
    }

    #[test]
    fn a_full_disk_is_a_fault_until_there_is_room() {
        let (_folder, writer) = writer();
        block_on(async {
            let note = execute("CREATE TABLE notes (text TEXT)");
            writer.write(Alone::Done, note).await.unwrap();
            // No more pages than it has already. The limit ends with the connection.
            let fill = |connection: &Connection, _: &Table| {
                connection.pragma_update_and_check(None, "max_page_count", 1, |_| Ok(()))
            };
            writer.write(Alone::Done, fill).await.unwrap();
            let large = "INSERT INTO notes VALUES (hex(zeroblob(100000)))";
            let full = writer
                .write(Alone::Done, execute(large))
                .await
                .unwrap_err()
                .to_string();
            assert!(full.contains("the disk is full"), "{full}");
            assert_eq!(writer.write(Alone::Done, execute(large)).await.unwrap(), 1);
        });
        assert_eq!(count(&writer), 1);
    }

    #[test]
    fn what_was_asked_for_is_done_before_the_thread_ends() {
        let (folder, writer) = writer();
        let (done, is_done) = mpsc::channel();
        let (end, may_end) = mpsc::channel::<()>();
        block_on(async {
            let wait = writer.write(Alone::Done, move |_, _| Ok(may_end.recv().is_ok()));
            assert!(poll_once(wait).await.is_none());
            let last = writer.write(Alone::Done, move |connection, _| {
                connection.execute_batch("CREATE TABLE last (text TEXT)")?;
                let _ = done.send(());
                Ok(())
            });
            assert!(poll_once(last).await.is_none());
        });
        drop(writer);
        end.send(()).unwrap();
        is_done.recv().unwrap();
        // The receiver sees that the sender is gone.
        assert!(is_done.recv().is_err());
        let connection = Connection::open(folder.path().join("logins.db")).unwrap();
        connection.prepare("SELECT * FROM last").unwrap();
    }
}
