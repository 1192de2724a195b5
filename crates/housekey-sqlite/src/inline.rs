//! Connections used on the calling thread, in a program that may fork.
//!
//! A fork copies one thread. A lock that another thread held at that moment stays locked in the child for ever, so nothing
//! here waits for a lock. A slot is taken by one comparison. A slot that a thread of the parent had is free in the child. If
//! all slots are taken, the caller looks again a little later.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, TryLockError};
use std::time::{Duration, Instant};

use rusqlite::{Connection, TransactionBehavior};

use crate::fault::Fault;
use crate::file::{File, Mode, Open, wait_until};

/// How long to wait before looking for a slot again. A look-up takes less.
const PAUSE: Duration = Duration::from_micros(500);

/// Slots for connections, each used by one thread at a time. A connection is opened when it is first needed, and closed
/// after a fault. Slots do not belong to threads, so threads may come and go.
pub(crate) struct Inline {
    /// The first one writes: SQLite allows one write at a time. The others read, and never wait for it.
    slots: Arc<[Slot]>,
}

#[derive(Default)]
struct Slot {
    /// The id of the process whose thread uses it, or 0.
    user: AtomicU32,
    /// Only its user locks it, and only while moving a connection.
    idle: Mutex<Option<Open>>,
}

impl Inline {
    pub(crate) fn new(readers: usize) -> Self {
        Self {
            slots: (0..=readers).map(|_| Slot::default()).collect(),
        }
    }

    /// Blocks, with a deadline.
    pub(crate) fn read<T>(
        &self,
        file: &File,
        read: impl FnOnce(&Connection) -> rusqlite::Result<T>,
    ) -> Result<T, Fault> {
        use_one(&self.slots[1..], file, Mode::Read, |connection| {
            read(connection)
        })
    }

    /// Does `work` in a transaction. Blocks, with a deadline.
    pub(crate) fn write<T>(
        &self,
        file: &File,
        work: impl FnOnce(&Connection) -> rusqlite::Result<T>,
    ) -> Result<T, Fault> {
        use_one(&self.slots[..1], file, Mode::Write, |connection| {
            let transaction =
                connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
            let answer = work(&transaction)?;
            transaction.commit()?;
            file.keep_log_short(connection);
            Ok(answer)
        })
    }

    /// Closes every connection once it is not in use any more, and prevents new ones meanwhile. Blocks, with a deadline.
    pub(crate) fn pause(&self, file: &File) -> Result<Pause, Fault> {
        let deadline = file.patience();
        let mut pause = Pause {
            slots: Arc::clone(&self.slots),
            taken: 0,
            process: file.ledger.process(),
        };
        for slot in &*self.slots {
            let turn = Turn::wait_until(std::slice::from_ref(slot), pause.process, deadline)
                .ok_or(Fault::InUse)?;
            drop(turn.idle());
            turn.keep();
            pause.taken += 1;
        }
        Ok(pause)
    }
}

fn use_one<T>(
    slots: &[Slot],
    file: &File,
    mode: Mode,
    work: impl FnOnce(&mut Connection) -> rusqlite::Result<T>,
) -> Result<T, Fault> {
    let deadline = file.patience();
    let turn = Turn::wait_until(slots, file.ledger.process(), deadline).ok_or(match mode {
        Mode::Read => Fault::NoReader,
        Mode::Write => Fault::NoWriter,
    })?;
    let mut open = file.reuse(turn.idle(), mode, deadline)?;
    wait_until(&open, deadline)?;
    let answer = work(&mut open)?;
    turn.give_back(open);
    Ok(answer)
}

/// The right to use a slot. Dropping it frees the slot.
struct Turn<'a> {
    slot: &'a Slot,
    process: u32,
}

impl<'a> Turn<'a> {
    fn wait_until(slots: &'a [Slot], process: u32, deadline: Instant) -> Option<Self> {
        loop {
            let free = slots.iter().find(|slot| slot.take(process));
            if let Some(slot) = free {
                return Some(Self { slot, process });
            }
            let rest = deadline.saturating_duration_since(Instant::now());
            if rest.is_zero() {
                return None;
            }
            std::thread::sleep(PAUSE.min(rest));
        }
    }

    fn idle(&self) -> Option<Open> {
        self.slot.lock()?.take()
    }

    fn give_back(self, open: Open) {
        if let Some(mut idle) = self.slot.lock() {
            *idle = Some(open);
        }
    }

    fn keep(self) {
        std::mem::forget(self);
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        self.slot.free(self.process);
    }
}

impl Slot {
    /// Whether it was free. In a child of a fork it is, whatever the parent's thread was doing with it.
    fn take(&self, process: u32) -> bool {
        let user = self.user.load(Ordering::Relaxed);
        user != process
            && self
                .user
                .compare_exchange(user, process, Ordering::Acquire, Ordering::Relaxed)
                .is_ok()
    }

    fn free(&self, process: u32) {
        // A child may have taken it over.
        let _ = self
            .user
            .compare_exchange(process, 0, Ordering::Release, Ordering::Relaxed);
    }

    /// `None` if a thread of the parent had it locked at the fork. Then it stays without a connection for ever.
    fn lock(&self) -> Option<MutexGuard<'_, Option<Open>>> {
        match self.idle.try_lock() {
            Ok(idle) => Some(idle),
            Err(TryLockError::Poisoned(idle)) => Some(idle.into_inner()),
            Err(TryLockError::WouldBlock) => None,
        }
    }
}

/// While this exists, no connection is open.
pub(crate) struct Pause {
    slots: Arc<[Slot]>,
    taken: usize,
    process: u32,
}

impl Drop for Pause {
    fn drop(&mut self) {
        for slot in &self.slots[..self.taken] {
            slot.free(self.process);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;
    use std::thread;

    use super::*;
    use crate::ledger::Ledger;
    use crate::log::Log;
    use crate::table::Table;

    thread_local! {
        /// A real fork needs unsafe code. What matters about one is the process id, and that the child has all of the
        /// parent's memory.
        static PROCESS: Cell<u32> = const { Cell::new(1) };
    }

    fn fork() {
        PROCESS.set(PROCESS.get() + 1);
    }

    fn inline(readers: usize) -> (tempfile::TempDir, File, Inline) {
        let folder = tempfile::tempdir().unwrap();
        let file = File {
            path: folder.path().join("logins.db"),
            table: Table::new("logins").unwrap(),
            busy_timeout: Duration::ZERO,
            ledger: Box::leak(Box::new(Ledger::new(|| PROCESS.get()))),
            log: Log::default(),
            makes_nothing: false,
        };
        drop(file.prepare().unwrap());
        (folder, file, Inline::new(readers))
    }

    fn one(connection: &Connection) -> rusqlite::Result<i64> {
        connection.query_row("SELECT 1", [], |row| row.get(0))
    }

    fn fill(connection: &Connection) -> rusqlite::Result<usize> {
        connection.execute("DELETE FROM logins", [])
    }

    /// SQLite keeps the write-ahead log as long as a connection has the file open.
    fn is_open(file: &File) -> bool {
        let other = Connection::open(&file.path).unwrap();
        let journal = |mode: &str| {
            let sql = format!("PRAGMA journal_mode = {mode}");
            other.query_row(&sql, [], |row| row.get::<_, String>(0))
        };
        let left = journal("delete").is_ok_and(|mode| mode == "delete");
        if left {
            journal("wal").unwrap();
        }
        !left
    }

    #[test]
    fn threads_that_come_and_go_use_the_same_connections() {
        let (_folder, file, inline) = inline(4);
        for _ in 0..20 {
            thread::scope(|scope| {
                scope.spawn(|| {
                    inline.read(&file, one).unwrap();
                    inline.write(&file, fill).unwrap();
                });
            });
            assert_eq!(file.ledger.count(), 2, "a reader and the one that writes");
        }
        drop(inline);
        assert_eq!(file.ledger.count(), 0);
        assert!(!is_open(&file));
    }

    #[test]
    fn with_no_free_connection_it_waits_for_one_but_not_for_ever() {
        let (_folder, mut file, inline) = inline(1);
        let answer = inline.read(&file, |_| {
            inline.write(&file, fill).unwrap();
            Ok(inline.read(&file, one))
        });
        assert!(matches!(answer, Ok(Err(Fault::NoReader))));
        let answer = inline.write(&file, |_| {
            inline.read(&file, one).unwrap();
            Ok(inline.write(&file, fill))
        });
        assert!(matches!(answer, Ok(Err(Fault::NoWriter))));

        file.busy_timeout = Duration::from_secs(60);
        let (inline, file) = (&inline, &file);
        thread::scope(|scope| {
            let waits = inline.read(
                file,
                |_| Ok(scope.spawn(|| inline.read(file, one).unwrap())),
            );
            assert_eq!(waits.unwrap().join().unwrap(), 1);
        });
    }

    #[test]
    fn a_connection_that_failed_or_panicked_is_replaced() {
        let (_folder, file, inline) = inline(1);
        let wrong = |connection: &Connection| connection.execute_batch("SELECT nonsense");
        let panic = |_: &Connection| -> rusqlite::Result<()> { panic!("on purpose") };
        for _ in 0..2 {
            inline.read(&file, one).unwrap();
            inline.write(&file, fill).unwrap();
            assert_eq!(file.ledger.count(), 2);
            assert!(inline.read(&file, wrong).is_err());
            assert!(inline.write(&file, wrong).is_err());
            assert_eq!(file.ledger.count(), 0);
            thread::scope(|scope| {
                let read = scope.spawn(|| inline.read(&file, panic).is_ok()).join();
                let write = scope.spawn(|| inline.write(&file, panic).is_ok()).join();
                assert!(read.is_err() && write.is_err());
            });
        }
        assert_eq!(inline.read(&file, one).unwrap(), 1);
    }

    #[test]
    fn an_operation_that_failed_halfway_leaves_nothing() {
        let (_folder, file, inline) = inline(1);
        let halfway = |connection: &Connection| {
            connection.execute_batch("CREATE TABLE notes (text TEXT)")?;
            connection.execute_batch("SELECT nonsense")
        };
        assert!(inline.write(&file, halfway).is_err());
        let notes = |connection: &Connection| connection.prepare("SELECT * FROM notes").map(|_| ());
        assert!(inline.read(&file, notes).is_err());
    }

    #[test]
    fn readers_cannot_write() {
        let (_folder, file, inline) = inline(1);
        let refused = inline.read(&file, fill).unwrap_err().to_string();
        assert!(refused.contains("readonly"), "{refused}");
    }

    #[test]
    fn a_full_disk_is_a_fault_until_there_is_room() {
        let (_folder, file, inline) = inline(1);
        // No more pages than it has already. The limit ends with the connection.
        let limit = |connection: &Connection| {
            connection.pragma_update_and_check(None, "max_page_count", 1, |_| Ok(()))
        };
        inline.write(&file, limit).unwrap();
        let large = |connection: &Connection| {
            connection.execute_batch("CREATE TABLE notes AS SELECT hex(zeroblob(100000))")
        };
        let full = inline.write(&file, large).unwrap_err().at(&file.path);
        assert!(full.to_string().contains("the disk is full"), "{full}");
        inline.write(&file, large).unwrap();
    }

    #[test]
    fn a_child_of_a_process_that_has_nothing_open_goes_on() {
        let (_folder, file, inline) = inline(1);
        // The parent's other threads were about to open something.
        let one_that_reads = &inline.slots[1];
        assert!(one_that_reads.take(file.ledger.process()));
        fork();
        inline.write(&file, fill).unwrap();
        inline.read(&file, one).unwrap();
        assert_eq!(file.ledger.count(), 2);
    }

    #[test]
    fn what_a_thread_of_the_parents_had_locked_is_not_waited_for() {
        let (_folder, file, inline) = inline(1);
        let _locked = inline.slots[1].idle.lock().unwrap();
        fork();
        for _ in 0..2 {
            inline.read(&file, one).unwrap();
            assert_eq!(file.ledger.count(), 0, "it cannot be kept");
        }
    }

    #[test]
    fn a_child_of_a_process_that_has_connections_is_refused_and_does_not_close_them() {
        let (_folder, file, inline) = inline(2);
        inline.write(&file, fill).unwrap();
        inline.read(&file, one).unwrap();
        fork();
        for _ in 0..2 {
            let refused = inline.write(&file, fill).unwrap_err().at(&file.path);
            assert!(refused.to_string().contains("before_fork()"), "{refused}");
            assert!(matches!(inline.read(&file, one), Err(Fault::Forked)));
        }
        // Another store in the child fails in the same way.
        assert!(matches!(file.prepare(), Err(Fault::Forked)));
        drop(inline);
        assert!(is_open(&file));
    }

    #[test]
    fn a_pause_closes_what_is_open_and_parent_and_child_go_on_after_it() {
        let (_folder, file, inline) = inline(2);
        inline.write(&file, fill).unwrap();
        inline.read(&file, one).unwrap();
        assert!(is_open(&file));
        let pause = inline.pause(&file).unwrap();
        assert!(!is_open(&file));
        assert!(matches!(inline.read(&file, one), Err(Fault::NoReader)));
        assert!(matches!(inline.write(&file, fill), Err(Fault::NoWriter)));
        assert!(matches!(inline.pause(&file), Err(Fault::InUse)));
        drop(pause);
        inline.write(&file, fill).unwrap();
        inline.read(&file, one).unwrap();

        // The child has a copy of the pause, and may be quicker than the thread that drops it.
        let pause = inline.pause(&file).unwrap();
        fork();
        inline.read(&file, one).unwrap();
        drop(pause);
        inline.write(&file, fill).unwrap();
        assert_eq!(file.ledger.count(), 2);
    }

    #[test]
    fn a_pause_that_does_not_come_about_keeps_nothing() {
        let (_folder, file, inline) = inline(1);
        let refused = inline.read(&file, |_| Ok(inline.pause(&file).is_err()));
        assert!(refused.unwrap());
        inline.write(&file, fill).unwrap();
        inline.read(&file, one).unwrap();
        drop(inline.pause(&file).unwrap());
    }
}
