//! Which process has connections open.
//!
//! SQLite keeps account of its locks in the memory of the process. A fork copies that account, but not the locks: a connection that
//! the child opens would count on locks that nobody holds, and lose what it writes as soon as the parent closes its last one. So no
//! connection is opened in a process that was forked from one that had any.

use std::sync::atomic::{AtomicU64, Ordering};

use crate::fault::Fault;

/// Counts open connections.
#[derive(Debug)]
pub(crate) struct Ledger {
    /// The process in the upper half, how many it has open in the lower.
    open: AtomicU64,
    process: fn() -> u32,
}

/// Of every connection of this crate in this process.
pub(crate) static LEDGER: Ledger = Ledger::new(std::process::id);

impl Ledger {
    pub(crate) const fn new(process: fn() -> u32) -> Self {
        Self {
            open: AtomicU64::new(0),
            process,
        }
    }

    /// The number of the process that asks.
    pub(crate) fn process(&self) -> u32 {
        (self.process)()
    }

    /// Counts a connection, before it is opened.
    pub(crate) fn enter(&'static self) -> Result<Entry, Fault> {
        let process = self.process();
        let counted = self.change(|(there, count)| match (there == process, count) {
            (true, count) => Some((process, count + 1)),
            (false, 0) => Some((process, 1)),
            (false, _) => None,
        });
        // Not made before it is counted: dropping it would count one less.
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

/// One that is open. Dropped, it is not any more.
pub(crate) struct Entry {
    ledger: &'static Ledger,
    process: u32,
}

impl Entry {
    /// Whether it was opened in the process that asks, and not in one that this was forked from.
    pub(crate) fn is_of_this_process(&self) -> bool {
        self.process == self.ledger.process()
    }
}

impl Drop for Entry {
    fn drop(&mut self) {
        // The parent's stay in the account: they are never closed here.
        if self.is_of_this_process() {
            self.ledger
                .change(|(process, count)| Some((process, count.saturating_sub(1))));
        }
    }
}
