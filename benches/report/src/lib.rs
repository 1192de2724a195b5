//! What the benches have in common when they say what they measured.

pub mod document;
mod figures;
mod progress;
mod table;

pub use figures::{Figures, counted, median, three_digits, written};
pub use progress::{Line, Progress};
pub use table::{Row, Table};

/// Whatever went wrong.
pub type BoxError = Box<dyn std::error::Error + Send + Sync>;
