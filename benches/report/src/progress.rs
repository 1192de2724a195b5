//! A line on standard error that shows the progress of a measurement.

use std::io::{IsTerminal as _, Write as _, stderr};

/// One line, overwritten on a terminal; elsewhere nothing is printed.
#[derive(Debug, Default)]
pub struct Line {
    /// The length of the line on the screen.
    length: usize,
}

impl Line {
    /// Replaces the line.
    pub fn say(&mut self, text: &str) {
        if stderr().is_terminal() {
            let before = std::mem::replace(&mut self.length, text.chars().count());
            // Spaces cover the rest of a longer line.
            let _ = write!(stderr(), "\r{text:before$}");
        }
    }

    /// Starts a new line.
    pub fn end(&mut self) {
        if std::mem::take(&mut self.length) > 0 {
            eprintln!();
        }
    }
}

/// Counts finished rounds.
#[derive(Debug)]
pub struct Progress {
    title: String,
    steps: u32,
    done: u32,
    line: Line,
}

impl Progress {
    /// Of this many rounds.
    pub fn new(title: &str, steps: u32) -> Self {
        eprintln!("{title}: {steps} rounds");
        Self {
            title: title.to_owned(),
            steps,
            done: 0,
            line: Line::default(),
        }
    }

    /// One more round is finished.
    pub fn step(&mut self) {
        self.done += 1;
        let Self {
            title, steps, done, ..
        } = self;
        self.line.say(&format!("{title}: round {done} of {steps}"));
        if self.done == self.steps {
            self.line.end();
        }
    }
}
