//! The scenarios of the rows, by topic.

use super::site::*;
use super::site::{FLASK_KEY, STRONG_KEY};
use super::*;

pub(super) mod cookies;
pub(super) mod denials;
pub(super) mod endings;
pub(super) mod fresh_and_limited;
pub(super) mod keys;
pub(super) mod passwords;
pub(super) mod remembering;
pub(super) mod sessions;
pub(super) mod stores;
pub(super) mod timeouts;
pub(super) mod tokens;
