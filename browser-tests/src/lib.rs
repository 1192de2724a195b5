//! Real browsers for the tests of the examples. Each browser has a driver, a profile and a folder of its own, shares nothing
//! with the others, and ends with the test, however that ends.

// All of this is test code: it unwraps what a test expects.
#![allow(clippy::unwrap_used)]

mod engines;
mod program;
mod steps;

use std::time::Duration;

pub use engines::{Engine, Profile};
pub use steps::Browser;

/// How long a page, or the start of a browser, may take on a busy machine.
const PATIENCE: Duration = Duration::from_secs(120);

/// Between two looks at something that is not there yet.
const PAUSE: Duration = Duration::from_millis(20);
