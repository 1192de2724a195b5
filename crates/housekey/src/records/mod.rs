//! Login records: what the server keeps about each login, so that it can be seen, ended and timed out there.
//!
//! Without a store, a login is in its cookies alone, and a copy of them is as good as they are. With one
//! ([`login_store`](crate::LoginManagerBuilder::login_store)), the cookies name a record, and count only while it
//! lives.
//!
//! - [`LoginRecord`]: one login of one browser.
//! - [`LoginStore`]: where they are kept. [`MemoryLoginStore`] keeps them in the process; others are crates of their own.
//! - [`RecordCache`]: records that this process has read, kept right by what a store's server says of changes; [`cache`] is
//!   what such a store does for it.
//! - [`conformance`]: what every store must do, as a suite that its tests run.
//!
//! What the cookies carry is a number and a secret; the store has only a keyed digest of the secret. Whoever reads the
//! table cannot make a cookie from it.

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
