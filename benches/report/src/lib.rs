//! Code that the benches share to report their results.

pub mod document;
mod figures;
mod progress;
mod table;

pub use figures::{Figures, counted, median, three_digits, written};
pub use progress::{Line, Progress};
pub use table::{Row, Table};

/// Any error.
pub type BoxError = Box<dyn std::error::Error + Send + Sync>;
