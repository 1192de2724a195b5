//! A line on standard error that says how far a measurement is.

use std::io::{IsTerminal as _, Write as _, stderr};

/// One line, written over where there is a terminal; elsewhere nothing is said.
#[derive(Debug, Default)]
pub struct Line {
    /// How long the one was that is there.
    length: usize,
}

impl Line {
    /// In place of what was said before.
    pub fn say(&mut self, text: &str) {
        if stderr().is_terminal() {
            let before = std::mem::replace(&mut self.length, text.chars().count());
            // Spaces over what a longer one has left.
            let _ = write!(stderr(), "\r{text:before$}");
        }
    }

    /// What comes next has a line of its own.
    pub fn end(&mut self) {
        if std::mem::take(&mut self.length) > 0 {
            eprintln!();
        }
    }
}

/// How many rounds are done.
#[derive(Debug)]
pub struct Progress {
    title: String,
    steps: u32,
    done: u32,
    line: Line,
}

impl Progress {
    /// Of so many rounds.
    pub fn new(title: &str, steps: u32) -> Self {
        eprintln!("{title}: {steps} rounds");
        Self {
            title: title.to_owned(),
            steps,
            done: 0,
            line: Line::default(),
        }
    }

    /// Another one is done.
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
