//! Limits attempts to prove an identity: how many may fail, and how long to wait after that.
//!
//! With [`limit_attempts`](crate::LoginManagerBuilder::limit_attempts), a handler calls
//! [`Login::attempt`](crate::Login::attempt) before it verifies a password or a code. An attempt counts as failed at once,
//! so many at the same moment cannot pass together. A success is forgiven.
//!
//! - [`Attempts`]: the setting. [`AttemptSchedule`]: how many attempts are free, and how long to wait after them.
//! - [`AttemptStore`]: counts them. Every login store of housekey is one, in its own database.
//! - [`conformance`]: what every store must do, as a test suite.
//!
//! A store sees neither names nor addresses: an [`AttemptKey`] is a keyed digest.

pub mod conformance;
pub(crate) mod keys;
pub(crate) mod known;
pub(crate) mod memory;
mod schedule;
mod store;

use std::fmt;

pub use keys::AttemptKey;
pub(crate) use keys::AttemptKeys;
pub(crate) use known::KnownBrowsers;
pub use schedule::{AttemptSchedule, AttemptStanding, Counted};
pub use store::AttemptStore;
pub(crate) use store::Store;

use crate::error::Error;

/// How attempts are limited, for [`limit_attempts`](crate::LoginManagerBuilder::limit_attempts): the store that counts them,
/// and the schedules.
///
/// ```
/// use std::time::Duration;
/// use housekey::attempts::{AttemptSchedule, Attempts};
/// use housekey::records::MemoryLoginStore;
///
/// let store = MemoryLoginStore::new();
/// let attempts = Attempts::new(store.clone())
///     // A stranger may fail three times at an account, then waits two seconds, four, eight, up to an hour.
///     .by_account(AttemptSchedule {
///         free: 3,
///         first_delay: Duration::from_secs(2),
///         longest_delay: Duration::from_secs(60 * 60),
///         ..AttemptSchedule::ACCOUNT
///     })
///     .ipv6_network(56);
/// ```
pub struct Attempts {
    pub(crate) store: Store,
    pub(crate) schedules: Schedules,
    pub(crate) ipv6_network: u8,
    pub(crate) by_address: bool,
}

/// The schedule for each kind of key.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Schedules {
    pub(crate) account: AttemptSchedule,
    pub(crate) address: AttemptSchedule,
    pub(crate) browser: AttemptSchedule,
    pub(crate) known_browsers: AttemptSchedule,
}

impl Attempts {
    /// Counts in this store, by [`ACCOUNT`](AttemptSchedule::ACCOUNT), [`ADDRESS`](AttemptSchedule::ADDRESS),
    /// [`BROWSER`](AttemptSchedule::BROWSER) and [`KNOWN_BROWSERS`](AttemptSchedule::KNOWN_BROWSERS).
    pub fn new(store: impl AttemptStore) -> Self {
        Self {
            store: Store::new(store),
            schedules: Schedules {
                account: AttemptSchedule::ACCOUNT,
                address: AttemptSchedule::ADDRESS,
                browser: AttemptSchedule::BROWSER,
                known_browsers: AttemptSchedule::KNOWN_BROWSERS,
            },
            ipv6_network: 64,
            by_address: true,
        }
    }

    /// The schedule for strangers at one account: all browsers together that have not proved themselves there before.
    #[must_use]
    pub fn by_account(mut self, schedule: AttemptSchedule) -> Self {
        self.schedules.account = schedule;
        self
    }

    /// The schedule for one address, at all accounts together. It applies only if the manager knows addresses
    /// ([`client_address`](crate::LoginManagerBuilder::client_address),
    /// [`trusted_proxies`](crate::LoginManagerBuilder::trusted_proxies)).
    #[must_use]
    pub fn by_address(mut self, schedule: AttemptSchedule) -> Self {
        self.schedules.address = schedule;
        self
    }

    /// Does not count by address: for a program whose `client_address` can be invented by clients. They would have as many
    /// attempts as addresses, and could use up those of other users.
    #[must_use]
    pub fn not_by_address(mut self) -> Self {
        self.by_address = false;
        self
    }

    /// The schedule for a browser at an account where it has proved itself before.
    #[must_use]
    pub fn by_known_browser(mut self, schedule: AttemptSchedule) -> Self {
        self.schedules.browser = schedule;
        self
    }

    /// The schedule for all browsers together that have proved themselves at one account before. One that is refused by it
    /// counts as a stranger.
    #[must_use]
    pub fn by_known_browsers_together(mut self, schedule: AttemptSchedule) -> Self {
        self.schedules.known_browsers = schedule;
        self
    }

    /// How many bits of an IPv6 address count, from 32 to 128. The default is 64, the smallest network that is given to a
    /// customer. An IPv4 address counts as a whole, even if it is written as IPv6.
    #[must_use]
    pub fn ipv6_network(mut self, bits: u8) -> Self {
        self.ipv6_network = bits;
        self
    }

    pub(crate) fn check(&self) -> Result<(), Error> {
        let Schedules {
            account,
            address,
            browser,
            known_browsers,
        } = &self.schedules;
        account.check("by_account")?;
        address.check("by_address")?;
        browser.check("by_known_browser")?;
        known_browsers.check("by_known_browsers_together")?;
        if !(32..=128).contains(&self.ipv6_network) {
            return Err(Error::setting(format!(
                "ipv6_network: {} bits; choose 32 to 128, for instance the 56 that a household is given",
                self.ipv6_network
            )));
        }
        Ok(())
    }
}

/// The attempt rules of a manager.
pub(crate) struct AttemptRules {
    pub(crate) keys: AttemptKeys,
    pub(crate) known: KnownBrowsers,
    pub(crate) schedules: Schedules,
    pub(crate) by_address: bool,
}

impl fmt::Debug for Attempts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Attempts")
            .field("schedules", &self.schedules)
            .field("ipv6_network", &self.ipv6_network)
            .finish_non_exhaustive()
    }
}
