//! What answers the rules: the user loader, the login store, hooks, the clock, the waiting streams.

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

/// Tells those who want to know what has happened.
pub(crate) trait Tell: Sync {
    fn tell(&self, event: &Event);
}

/// What all visits to a manager share: what answers the rules, and the policy that the rules go by.
pub(crate) struct Shared {
    /// What the rules go by.
    pub(crate) policy: Policy,
    /// `None` when logins are in their cookies alone.
    pub(crate) records: Option<Records>,
    /// Where attempts are counted, where the policy limits them.
    pub(crate) attempts: Option<attempts::Store>,
    pub(crate) watched: Watched,
    pub(crate) loader: Box<dyn ErasedLoader>,
    pub(crate) user_type: TypeId,
    /// The fingerprints of all keys whose cookies are accepted.
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
    /// Whether what the one signs, a cookie or a record, verifies at the other.
    pub(crate) fn accepts_what_is_signed_by(&self, other: &Self) -> bool {
        self.fingerprints
            .iter()
            .any(|it| other.fingerprints.contains(it))
    }

    /// Seconds since 1970. A clock before that is taken for its beginning.
    pub(crate) fn now(&self) -> u64 {
        (self.clock)()
            .duration_since(SystemTime::UNIX_EPOCH)
            .unwrap_or(Duration::ZERO)
            .as_secs()
    }

    /// Whether anybody wants to know that somebody was asked for.
    pub(crate) fn hears_accesses(&self) -> bool {
        !self.hooks.is_empty() || tracing::enabled!(target: "housekey", tracing::Level::TRACE)
    }

    pub(crate) fn deliver(&self, event: &Event, client: EventClient<'_>) {
        event.trace(client);
        self.hooks.iter().for_each(|hook| hook(event, client));
    }
}

/// Of what an administrator does, or a task.
impl Tell for Shared {
    fn tell(&self, event: &Event) {
        self.deliver(event, EventClient::default());
    }
}
