//! The users of ids that were found lately.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use housekey::records::LoginId;

/// At least how many ids are remembered, and half of the most.
const MANY: usize = 10_000;
/// Longer names are not worth the memory.
const LONGEST: usize = 200;

/// Says where to look first. If a record is not there, it may be elsewhere, so a missing or wrong entry costs only a
/// look-up.
#[derive(Default)]
pub(crate) struct Places(Mutex<Generations>);

#[derive(Default)]
struct Generations {
    young: HashMap<LoginId, Arc<str>>,
    old: HashMap<LoginId, Arc<str>>,
}

impl Places {
    pub(crate) fn get(&self, id: &LoginId) -> Option<Arc<str>> {
        let mut places = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(user) = places.young.get(id) {
            return Some(Arc::clone(user));
        }
        let user = places.old.remove(id)?;
        places.keep(*id, Arc::clone(&user));
        Some(user)
    }

    pub(crate) fn keep(&self, id: LoginId, user: &str) {
        if user.len() <= LONGEST {
            let mut places = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            places.keep(id, user.into());
        }
    }

    pub(crate) fn forget(&self, id: &LoginId) {
        let mut places = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        places.young.remove(id);
        places.old.remove(id);
    }
}

impl Generations {
    fn keep(&mut self, id: LoginId, user: Arc<str>) {
        if self.young.len() >= MANY {
            self.old = std::mem::take(&mut self.young);
        }
        self.young.insert(id, user);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_asked_for_lately_is_remembered_and_the_number_has_a_bound() {
        let places = Places::default();
        let id = |number: usize| LoginId::from_bytes((number as u128).to_be_bytes());
        for number in 0..10 * MANY {
            places.keep(id(number), "mia");
            assert!(places.get(&id(7)).is_some() || number < 7, "{number}");
        }
        let known = (0..10 * MANY).filter(|number| places.get(&id(*number)).is_some());
        assert!((MANY..=2 * MANY).contains(&known.count()));
        places.forget(&id(7));
        assert_eq!(places.get(&id(7)), None);
        places.keep(id(8), &"x".repeat(LONGEST + 1));
        assert_ne!(places.get(&id(8)).map(|user| user.len()), Some(LONGEST + 1));
    }
}
