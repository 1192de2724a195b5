//! The logins that a store is filled with. They are computed from their numbers, so none has to be kept.

use housekey::records::{LoginId, LoginRecord};

/// The present, in seconds since 1970.
const START: u64 = 1_700_000_000;
const DAY: u64 = 24 * 60 * 60;
/// How long a login lives after it was last used.
pub(crate) const LIFETIME: u64 = 14 * DAY;
/// The age of the oldest login that has not expired.
const SPAN: u64 = 10 * DAY;
/// Nobody has used the expired logins for longer than they live.
const AGO: u64 = SPAN + LIFETIME + 5 * DAY;
/// How many logins a user has.
const EACH: u64 = 5;
/// The number of the first expired login.
const FIRST_EXPIRED: u64 = 1 << 40;

/// The logins of one store, and its present time.
pub(crate) struct Population {
    count: u64,
    /// The numbers of the records that exist and have not expired.
    live: Vec<u64>,
    next: u64,
    next_expired: u64,
    pub(crate) now: u64,
    random: u64,
}

impl Population {
    pub(crate) fn new(count: u64) -> Self {
        Self {
            count,
            live: (0..count).collect(),
            next: count,
            next_expired: FIRST_EXPIRED,
            now: START,
            random: count,
        }
    }

    /// The records at the start, the oldest first, in the order of a database that was not filled all at once.
    pub(crate) fn first(&self) -> impl Iterator<Item = LoginRecord> + Send + use<> {
        let (count, users) = (self.count, self.users());
        (0..count)
            .map(move |number| record(number, number % users, START - SPAN + number * SPAN / count))
    }

    /// More expired records, the oldest first.
    pub(crate) fn expired(
        &mut self,
        many: u64,
    ) -> impl Iterator<Item = LoginRecord> + Send + use<> {
        let first = self.next_expired;
        self.next_expired += many;
        let users = self.count.max(many) / EACH;
        (0..many).map(move |index| {
            let created_at = START - AGO - SPAN + index * SPAN / many;
            record(first + index, index % users, created_at)
        })
    }

    /// A record that has not expired, and its user.
    pub(crate) fn any(&mut self) -> (LoginId, String) {
        let index = self.any_index();
        let number = self.live[index];
        (id(number), self.user_of(number))
    }

    /// A new login, made just now. It counts as one of the records from now on.
    pub(crate) fn add(&mut self) -> LoginRecord {
        let number = self.next;
        self.next += 1;
        self.live.push(number);
        LoginRecord {
            created_at: self.now,
            last_seen_at: self.now,
            expires_at: self.now + LIFETIME,
            ..record(number, number % self.users(), self.now)
        }
    }

    /// Removes one of them.
    pub(crate) fn take(&mut self) -> LoginId {
        let index = self.any_index();
        id(self.live.swap_remove(index))
    }

    fn any_index(&mut self) -> usize {
        self.random = self.random.wrapping_add(1);
        (mix(self.random) % self.live.len() as u64) as usize
    }

    fn users(&self) -> u64 {
        self.count / EACH
    }

    fn user_of(&self, number: u64) -> String {
        (number % self.users()).to_string()
    }
}

/// A login that was last used within a day after it was made.
fn record(number: u64, user: u64, created_at: u64) -> LoginRecord {
    let last_seen_at = (created_at + mix(number) % DAY).min(START);
    LoginRecord {
        id: id(number),
        user_id: user.to_string(),
        version: number % 3,
        created_at,
        last_seen_at,
        expires_at: last_seen_at + LIFETIME,
        data: data(number, created_at),
    }
}

fn id(number: u64) -> LoginId {
    let mut bytes = [0; 16];
    bytes[..8].copy_from_slice(&mix(number).to_be_bytes());
    bytes[8..].copy_from_slice(&mix(!number).to_be_bytes());
    LoginId::from_bytes(bytes)
}

/// As long as housekey's for a remembered login.
fn data(number: u64, created_at: u64) -> String {
    let digest = |which: u64| {
        let parts = [0, 1, 2].map(|part| mix(number ^ (which * 3 + part) << 56));
        let hex = format!("{:016x}{:016x}{:016x}", parts[0], parts[1], parts[2]);
        hex[..43].to_owned()
    };
    let [session, remember, auth_hash] = [1, 2, 3].map(digest);
    let remember_until = created_at + 365 * DAY;
    let address = number % 250;
    format!(
        r#"{{"session":"{session}","started_at":{created_at},"remember":{{"digest":"{remember}","expires_at":{remember_until},"duration":31536000}},"auth_hash":"{auth_hash}","user_agent":"Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0","address":"203.0.113.{address}"}}"#
    )
}

/// A pseudo-random number for each number, without repetitions (SplitMix64).
fn mix(number: u64) -> u64 {
    let mut z = number.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn records_meant_to_live_are_live_and_those_meant_to_have_expired_have() {
        let mut population = Population::new(1000);
        let live: Vec<_> = population.first().collect();
        // The latest possible time.
        let late = START + 100_000;
        assert!(live.iter().all(|record| record.expires_at > late));
        assert!(live.iter().all(|record| record.last_seen_at <= START));
        let now = population.now;
        assert!(
            population
                .expired(1000)
                .all(|record| record.expires_at <= now)
        );
    }

    #[test]
    fn each_user_has_a_handful_of_logins_and_no_two_have_one_id() {
        let mut population = Population::new(1000);
        let mut all: Vec<_> = population.first().collect();
        let of_a_user = all.iter().filter(|record| record.user_id == "7");
        assert_eq!(of_a_user.count() as u64, EACH);
        all.extend(population.expired(1000));
        all.extend(population.expired(1000));
        all.push(population.add());
        let ids: HashSet<_> = all.iter().map(|record| record.id).collect();
        assert_eq!(ids.len(), all.len());
    }

    #[test]
    fn one_that_was_taken_is_not_found_any_more() {
        let mut population = Population::new(1000);
        let taken: HashSet<_> = (0..999).map(|_| population.take()).collect();
        assert_eq!(taken.len(), 999);
        let (left, _) = population.any();
        assert!(!taken.contains(&left));
    }
}
