//! The connections that read.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use rusqlite::Connection;

use crate::fault::Fault;
use crate::file::{File, Mode, Open, wait_until};

/// A few connections, each used by one thread at a time. A connection is opened when it is first needed, and closed after a
/// fault.
pub(crate) struct Readers {
    most: usize,
    pool: Mutex<Pool>,
    returned: Condvar,
}

#[derive(Default)]
struct Pool {
    idle: Vec<Open>,
    /// How many are open, including those in use.
    open: usize,
    /// How many threads wait for one. A wake-up costs a system call, and mostly there is nothing to wake.
    waiting: usize,
}

impl Readers {
    pub(crate) fn new(most: usize) -> Self {
        Self {
            most,
            pool: Mutex::default(),
            returned: Condvar::new(),
        }
    }

    /// The answer, if a reader is idle and answers without waiting. `None` says nothing about the file: ask
    /// [`patiently`](Self::patiently).
    pub(crate) fn at_once<T>(
        &self,
        file: &File,
        read: impl FnOnce(&Connection) -> rusqlite::Result<T>,
    ) -> Option<T> {
        let open = self.lock().idle.pop()?;
        let turn = Turn(self);
        // Otherwise it is closed: it may belong to another file, or may not have waited long enough.
        let answer = match file.is_of(&open) {
            Ok(true) => read(&open).ok()?,
            _ => return None,
        };
        turn.give_back(open);
        Some(answer)
    }

    /// Waits at most until then: for a reader, for its connection, for a lock. Blocks.
    pub(crate) fn patiently<T>(
        &self,
        file: &File,
        deadline: Instant,
        read: impl FnOnce(&Connection) -> rusqlite::Result<T>,
    ) -> Result<T, Fault> {
        let (turn, idle) = self.wait_until(deadline)?;
        let open = file.reuse(idle, Mode::Read, deadline)?;
        wait_until(&open, deadline)?;
        let answer = read(&open)?;
        open.busy_timeout(Duration::ZERO)?;
        turn.give_back(open);
        Ok(answer)
    }

    fn wait_until(&self, deadline: Instant) -> Result<(Turn<'_>, Option<Open>), Fault> {
        let mut pool = self.lock();
        loop {
            if let Some(open) = pool.idle.pop() {
                return Ok((Turn(self), Some(open)));
            }
            if pool.open < self.most {
                pool.open += 1;
                return Ok((Turn(self), None));
            }
            let rest = deadline.saturating_duration_since(Instant::now());
            if rest.is_zero() {
                return Err(Fault::NoReader);
            }
            pool.waiting += 1;
            let (guard, _) = self
                .returned
                .wait_timeout(pool, rest)
                .unwrap_or_else(PoisonError::into_inner);
            pool = guard;
            pool.waiting -= 1;
        }
    }

    fn lock(&self) -> MutexGuard<'_, Pool> {
        self.pool.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The right to one of the connections. Dropping it closes the connection, and another may be opened in its place.
struct Turn<'a>(&'a Readers);

impl Turn<'_> {
    fn give_back(self, open: Open) {
        self.end(|pool| pool.idle.push(open));
        std::mem::forget(self);
    }

    fn end(&self, change: impl FnOnce(&mut Pool)) {
        let mut pool = self.0.lock();
        change(&mut pool);
        if pool.waiting > 0 {
            self.0.returned.notify_one();
        }
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        self.end(|pool| pool.open -= 1);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::channel;
    use std::thread;

    use super::*;
    use crate::ledger::LEDGER;
    use crate::log::Log;
    use crate::table::Table;

    fn readers(most: usize, busy_timeout: Duration) -> (tempfile::TempDir, File, Readers) {
        let folder = tempfile::tempdir().unwrap();
        let file = File {
            path: folder.path().join("logins.db"),
            table: Table::new("logins").unwrap(),
            busy_timeout,
            ledger: &LEDGER,
            log: Log::default(),
            makes_nothing: false,
        };
        file.prepare().unwrap();
        (folder, file, Readers::new(most))
    }

    fn one(connection: &Connection) -> rusqlite::Result<i64> {
        connection.query_row("SELECT 1", [], |row| row.get(0))
    }

    #[test]
    fn with_no_idle_connection_it_waits_until_there_is_one() {
        let (_folder, file, readers) = readers(1, Duration::from_secs(60));
        let (started, has_started) = channel();
        let (end, may_end) = channel::<()>();
        thread::scope(|scope| {
            let (file, readers) = (&file, &readers);
            let first = scope.spawn(move || {
                readers.patiently(file, file.patience(), |connection| {
                    started.send(()).unwrap();
                    may_end.recv().unwrap();
                    one(connection)
                })
            });
            has_started.recv().unwrap();
            assert_eq!(readers.at_once(file, one), None);
            let second = scope.spawn(move || readers.patiently(file, file.patience(), one));
            end.send(()).unwrap();
            assert_eq!(first.join().unwrap().unwrap(), 1);
            assert_eq!(second.join().unwrap().unwrap(), 1);
        });
        assert_eq!(readers.at_once(&file, one), Some(1));
    }

    #[test]
    fn nobody_waits_for_ever() {
        let (_folder, file, readers) = readers(1, Duration::ZERO);
        let answer = readers.patiently(&file, file.patience(), |_| {
            Ok(readers.patiently(&file, file.patience(), one))
        });
        assert!(matches!(answer, Ok(Err(Fault::NoReader))));
    }

    #[test]
    fn a_reader_that_failed_or_panicked_is_replaced() {
        let (_folder, file, readers) = readers(1, Duration::ZERO);
        let wrong = |connection: &Connection| connection.execute_batch("SELECT nonsense");
        let panic = |_: &Connection| -> rusqlite::Result<()> { panic!("on purpose") };
        for _ in 0..2 {
            readers.patiently(&file, file.patience(), one).unwrap();
            assert_eq!(readers.at_once(&file, wrong), None);
            assert_eq!(readers.at_once(&file, one), None, "it was closed");
            assert!(readers.patiently(&file, file.patience(), wrong).is_err());
            thread::scope(|scope| {
                let panicked = scope
                    .spawn(|| readers.patiently(&file, file.patience(), panic))
                    .join();
                assert!(panicked.is_err());
            });
        }
        assert_eq!(readers.patiently(&file, file.patience(), one).unwrap(), 1);
    }

    #[test]
    fn readers_cannot_write_and_do_not_wait_by_themselves() {
        let (_folder, file, readers) = readers(1, Duration::from_secs(60));
        let timeout = |connection: &Connection| {
            connection.query_row("PRAGMA busy_timeout", [], |row| row.get::<_, i64>(0))
        };
        assert!(readers.patiently(&file, file.patience(), timeout).unwrap() > 0);
        assert_eq!(readers.at_once(&file, timeout), Some(0));
        let write = |connection: &Connection| connection.execute("DELETE FROM logins", []);
        let refused = readers
            .patiently(&file, file.patience(), write)
            .unwrap_err();
        assert!(refused.to_string().contains("readonly"), "{refused}");
    }
}
