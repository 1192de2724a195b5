//! Progress on standard error during a long step.

use std::time::{Duration, Instant};

const PATIENCE: Duration = Duration::from_secs(2);

pub(crate) struct Progress {
    what: String,
    done: u64,
    of: u64,
    said: Instant,
}

impl Progress {
    pub(crate) fn new(what: String, of: u64) -> Self {
        Self {
            what,
            done: 0,
            of,
            said: Instant::now(),
        }
    }

    pub(crate) fn step(&mut self) {
        self.add(1);
    }

    pub(crate) fn add(&mut self, steps: u64) {
        self.done += steps;
        if self.said.elapsed() >= PATIENCE {
            self.said = Instant::now();
            eprintln!("{}: {} %", self.what, self.done * 100 / self.of.max(1));
        }
    }

    /// Each item is a step.
    pub(crate) fn over<T>(
        mut self,
        items: impl Iterator<Item = T> + Send,
    ) -> impl Iterator<Item = T> + Send {
        items.inspect(move |_| self.step())
    }
}
