//! Records which process has connections open.
//!
//! SQLite keeps account of its locks in the memory of the process. A fork copies that account, but not the locks. A
//! connection that the child opens would rely on locks that it does not hold, and would lose what it writes as soon as the
//! parent closes its last connection. So a process forked from one with open connections does not open any.

use std::sync::atomic::{AtomicU64, Ordering};

use crate::fault::Fault;

/// Counts open connections.
#[derive(Debug)]
pub(crate) struct Ledger {
    /// The process id in the upper half, the number of its open connections in the lower.
    open: AtomicU64,
    process: fn() -> u32,
}

/// Counts all connections of this crate in this process.
pub(crate) static LEDGER: Ledger = Ledger::new(std::process::id);

impl Ledger {
    pub(crate) const fn new(process: fn() -> u32) -> Self {
        Self {
            open: AtomicU64::new(0),
            process,
        }
    }

    /// The id of the current process.
    pub(crate) fn process(&self) -> u32 {
        (self.process)()
    }

    /// Counts a connection before it is opened.
    pub(crate) fn enter(&'static self) -> Result<Entry, Fault> {
        let process = self.process();
        let counted = self.change(|(there, count)| match (there == process, count) {
            (true, count) => Some((process, count + 1)),
            (false, 0) => Some((process, 1)),
            (false, _) => None,
        });
        // Only made after counting, because dropping it subtracts one.
        let entry = || Entry {
            ledger: self,
            process,
        };
        counted.then(entry).ok_or(Fault::Forked)
    }

    #[cfg(test)]
    pub(crate) fn count(&self) -> u32 {
        self.open.load(Ordering::SeqCst) as u32
    }

    fn change(&self, to: impl Fn((u32, u32)) -> Option<(u32, u32)>) -> bool {
        let change = |open: u64| {
            let (process, count) = to(((open >> 32) as u32, open as u32))?;
            Some(u64::from(process) << 32 | u64::from(count))
        };
        self.open
            .fetch_update(Ordering::SeqCst, Ordering::SeqCst, change)
            .is_ok()
    }
}

/// A counted connection. Dropping it subtracts one.
pub(crate) struct Entry {
    ledger: &'static Ledger,
    process: u32,
}

impl Entry {
    /// Whether it was counted in the current process, and not in one that this was forked from.
    pub(crate) fn is_of_this_process(&self) -> bool {
        self.process == self.ledger.process()
    }
}

impl Drop for Entry {
    fn drop(&mut self) {
        // The parent's stay counted: they are never closed here.
        if self.is_of_this_process() {
            self.ledger
                .change(|(process, count)| Some((process, count.saturating_sub(1))));
        }
    }
}
