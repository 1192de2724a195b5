//! A line on standard error that says how far a measurement is.

use std::io::{IsTerminal as _, Write as _, stderr};

/// One line, written over where there is a terminal.
pub(crate) struct Progress {
    title: String,
    steps: u32,
    done: u32,
}

impl Progress {
    pub(crate) fn new(title: &str, steps: u32) -> Self {
        eprintln!("{title}: {steps} rounds");
        Self {
            title: title.to_owned(),
            steps,
            done: 0,
        }
    }

    pub(crate) fn step(&mut self) {
        self.done += 1;
        if stderr().is_terminal() {
            let _ = write!(
                stderr(),
                "\r{}: round {} of {}",
                self.title,
                self.done,
                self.steps
            );
            if self.done == self.steps {
                eprintln!();
            }
        }
    }
}
