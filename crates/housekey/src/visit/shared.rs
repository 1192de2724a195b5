//! What the rules ask: the user loader, the login store, hooks, the clock, the waiting streams.

use std::any::TypeId;
use std::ops::Deref;
use std::time::{Duration, SystemTime};

use super::watched::Watched;
use crate::attempts;
use crate::event::{Event, EventClient};
use crate::policy::Policy;
use crate::records::Store;
use crate::records::rules::RecordRules;
use crate::user::ErasedLoader;

/// The store of a manager, and the rules for its records.
pub(crate) struct Records {
    pub(crate) store: Store,
    pub(crate) rules: RecordRules,
}

pub(crate) type Clock = Box<dyn Fn() -> SystemTime + Send + Sync>;
pub(crate) type Hook = Box<dyn Fn(&Event, EventClient<'_>) + Send + Sync>;

/// Reports events to hooks and to the log.
pub(crate) trait Tell: Sync {
    fn tell(&self, event: &Event);
}

/// What all visits to a manager share: what the rules ask, and the policy that they follow.
pub(crate) struct Shared {
    /// The policy that the rules follow.
    pub(crate) policy: Policy,
    /// `None` if logins are only in their cookies.
    pub(crate) records: Option<Records>,
    /// The store of attempts, if the policy limits them.
    pub(crate) attempts: Option<attempts::Store>,
    pub(crate) watched: Watched,
    pub(crate) loader: Box<dyn ErasedLoader>,
    pub(crate) user_type: TypeId,
    /// The fingerprints of all accepted keys.
    pub(crate) fingerprints: Vec<Vec<u8>>,
    pub(crate) hooks: Vec<Hook>,
    pub(crate) clock: Clock,
}

impl Deref for Shared {
    type Target = Policy;

    fn deref(&self) -> &Policy {
        &self.policy
    }
}

impl Shared {
    /// Whether the two accept each other's signatures, on a cookie or a record.
    pub(crate) fn accepts_what_is_signed_by(&self, other: &Self) -> bool {
        self.fingerprints
            .iter()
            .any(|it| other.fingerprints.contains(it))
    }

    /// Seconds since 1970. An earlier clock counts as 0.
    pub(crate) fn now(&self) -> u64 {
        (self.clock)()
            .duration_since(SystemTime::UNIX_EPOCH)
            .unwrap_or(Duration::ZERO)
            .as_secs()
    }

    /// Whether anything listens for lookups of the current user.
    pub(crate) fn hears_accesses(&self) -> bool {
        !self.hooks.is_empty() || tracing::enabled!(target: "housekey", tracing::Level::TRACE)
    }

    pub(crate) fn deliver(&self, event: &Event, client: EventClient<'_>) {
        event.trace(client);
        self.hooks.iter().for_each(|hook| hook(event, client));
    }
}

/// For actions of an administrator or a task.
impl Tell for Shared {
    fn tell(&self, event: &Event) {
        self.deliver(event, EventClient::default());
    }
}
