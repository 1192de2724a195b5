//! Login records: what the server keeps about each login, so that it can be listed, ended and timed out there.
//!
//! Without a store, a login is only in its cookies, and a copy of them is as good as the original. With one
//! ([`login_store`](crate::LoginManagerBuilder::login_store)), the cookies name a record, and count only while it exists.
//!
//! - [`LoginRecord`]: one login of one browser.
//! - [`LoginStore`]: keeps the records. [`MemoryLoginStore`] keeps them in the process; others are separate crates.
//! - [`RecordCache`]: records that this process has read, kept correct by the changes that a store's server pushes.
//!   [`cache`] is a store's side of it.
//! - [`conformance`]: what every store must do, as a test suite.
//!
//! The cookies carry an id and a secret. The store has only a keyed digest of the secret, so a reader of the table cannot
//! make a cookie from it.

pub mod cache;
pub mod conformance;
pub(crate) mod data;
pub(crate) mod info;
pub(crate) mod marks;
mod memory;
mod record;
pub(crate) mod rules;
pub(crate) mod secret;
mod shared;
mod store;
pub(crate) mod timeouts;

pub use cache::RecordCache;
pub use memory::MemoryLoginStore;
pub use record::{LoginId, LoginRecord};
pub use shared::SharedRecord;
pub use store::{Created, Limit, LoginStore, Room, Standing, Touch, Updated};
pub(crate) use store::{Store, failed as store_failed};
