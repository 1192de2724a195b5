//! The one connection that writes, on a thread of its own.
//!
//! SQLite writes one transaction at a time, and what takes long is the disk at its end. So whatever has been asked for
//! meanwhile shares the next transaction, and one wait for the disk; all of it is answered afterwards.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::mpsc;

use async_channel::Sender;
use housekey::Error;
use rusqlite::{Connection, TransactionBehavior};

use crate::fault::{Fault, is_busy};
use crate::file::{File, Mode, Open};
use crate::table::Table;

/// How many writes share a transaction at most: few enough that other processes get their turn.
const GROUP: usize = 64;

pub(crate) struct Writer {
    file: Arc<File>,
    jobs: mpsc::Sender<Box<dyn Job>>,
}

impl Writer {
    /// Starts the thread. It ends when the writer is dropped, after what has been asked for.
    pub(crate) fn start(file: Arc<File>, open: Open) -> Result<Self, Fault> {
        let (jobs, queue) = mpsc::channel();
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

    /// Does `work` in a transaction. It may be done again when that failed, and it is done also when nobody waits for
    /// the answer any more.
    pub(crate) async fn write<T: Send + 'static>(
        &self,
        work: impl Fn(&Connection, &Table) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T, Error> {
        let ended = || Fault::Writer("has ended".to_owned()).at(&self.file.path);
        let (answer, receiver) = async_channel::bounded(1);
        let job = Work {
            work,
            outcome: None,
            answer,
        };
        self.jobs.send(Box::new(job)).map_err(|_| ended())?;
        receiver.recv().await.map_err(|_| ended())?
    }
}

/// What is to be done, whatever its answer is.
trait Job: Send {
    fn run(&mut self, connection: &Connection, table: &Table) -> rusqlite::Result<()>;

    /// `Ok` when what was done last is on the disk.
    fn answer(&mut self, ended: Result<(), Error>);
}

struct Work<T, W> {
    work: W,
    outcome: Option<T>,
    answer: Sender<Result<T, Error>>,
}

impl<T, W> Job for Work<T, W>
where
    T: Send,
    W: Fn(&Connection, &Table) -> rusqlite::Result<T> + Send,
{
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
            // An error says that nobody waits.
            let _ = self.answer.try_send(answer);
        }
    }
}

struct Thread {
    file: Arc<File>,
    /// `None` after a fault: whatever was wrong with the connection goes with it.
    open: Option<Open>,
}

/// Why a transaction did not come about.
enum Failed {
    /// One of several writes could not be done. The others may.
    Job(Fault),
    /// Nothing can be written at the moment.
    Everything(Fault),
}

impl Thread {
    fn serve(mut self, queue: &mpsc::Receiver<Box<dyn Job>>) {
        while let Ok(first) = queue.recv() {
            let mut group = vec![first];
            group.extend(queue.try_iter().take(GROUP - 1));
            match self.transaction(&mut group) {
                Err(Failed::Job(_)) if group.len() > 1 => {
                    for job in group.chunks_mut(1) {
                        let ended = self.transaction(job);
                        self.answer(job, ended);
                    }
                }
                ended => self.answer(&mut group, ended),
            }
        }
    }

    fn answer(&self, group: &mut [Box<dyn Job>], ended: Result<(), Failed>) {
        for job in group {
            job.answer(match &ended {
                Ok(()) => Ok(()),
                Err(Failed::Job(fault) | Failed::Everything(fault)) => {
                    Err(fault.of_many_at(&self.file.path))
                }
            });
        }
    }

    /// Does them all, or nothing. Afterwards they are on the disk.
    fn transaction(&mut self, group: &mut [Box<dyn Job>]) -> Result<(), Failed> {
        // Taken out, and only put back when all went well.
        let open = self.file.reuse(self.open.take(), Mode::Write);
        let mut open = open.map_err(Failed::Everything)?;
        let table = &self.file.table;
        let done = catch_unwind(AssertUnwindSafe(|| {
            let everything = |error| Failed::Everything(Fault::Sqlite(error));
            let transaction = open
                .transaction_with_behavior(TransactionBehavior::Immediate)
                .map_err(everything)?;
            for job in group {
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
        done.unwrap_or_else(|_| Err(Failed::Job(Fault::Writer("panicked".to_owned()))))?;
        self.open = Some(open);
        Ok(())
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

    fn writer() -> (tempfile::TempDir, Writer) {
        let folder = tempfile::tempdir().unwrap();
        let file = Arc::new(File {
            path: folder.path().join("logins.db"),
            table: Table::new("logins").unwrap(),
            busy_timeout: Duration::ZERO,
            ledger: &LEDGER,
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
        block_on(writer.write(count)).unwrap()
    }

    #[test]
    fn what_was_asked_for_meanwhile_shares_a_transaction_and_a_fault_is_nobody_elses() {
        let (_folder, writer) = writer();
        let runs = Arc::new(AtomicUsize::new(0));
        let (started, has_started) = mpsc::channel();
        let (end, may_end) = mpsc::channel::<()>();
        block_on(async {
            let note = execute("CREATE TABLE notes (text TEXT)");
            writer.write(note).await.unwrap();
            let mut first = Box::pin(writer.write(move |_, _| {
                started.send(()).unwrap();
                Ok(may_end.recv().is_ok())
            }));
            assert!(poll_once(&mut first).await.is_none());
            has_started.recv().unwrap();
            let good = {
                let runs = Arc::clone(&runs);
                writer.write(move |connection, _| {
                    runs.fetch_add(1, Ordering::SeqCst);
                    connection.execute("INSERT INTO notes VALUES ('good')", [])
                })
            };
            let bad = writer.write(|connection, _| {
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
            writer.write(note).await.unwrap();
            let panicked = writer.write(|connection, _| -> rusqlite::Result<()> {
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
            writer.write(note).await.unwrap();
            // As few pages as it has already. The limit goes with the connection.
            let fill = |connection: &Connection, _: &Table| {
                connection.pragma_update_and_check(None, "max_page_count", 1, |_| Ok(()))
            };
            writer.write(fill).await.unwrap();
            let large = "INSERT INTO notes VALUES (hex(zeroblob(100000)))";
            let full = writer.write(execute(large)).await.unwrap_err().to_string();
            assert!(full.contains("the disk is full"), "{full}");
            assert_eq!(writer.write(execute(large)).await.unwrap(), 1);
        });
        assert_eq!(count(&writer), 1);
    }

    #[test]
    fn what_was_asked_for_is_done_before_the_thread_ends() {
        let (folder, writer) = writer();
        let (done, is_done) = mpsc::channel();
        let (end, may_end) = mpsc::channel::<()>();
        block_on(async {
            let wait = writer.write(move |_, _| Ok(may_end.recv().is_ok()));
            assert!(poll_once(wait).await.is_none());
            let last = writer.write(move |connection, _| {
                connection.execute_batch("CREATE TABLE last (text TEXT)")?;
                let _ = done.send(());
                Ok(())
            });
            assert!(poll_once(last).await.is_none());
        });
        drop(writer);
        end.send(()).unwrap();
        is_done.recv().unwrap();
        // Its end is seen by the sender that is gone.
        assert!(is_done.recv().is_err());
        let connection = Connection::open(folder.path().join("logins.db")).unwrap();
        connection.prepare("SELECT * FROM last").unwrap();
    }
}
