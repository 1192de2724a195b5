//! Calls that create a login under one id at once, step by step, in every order that a random schedule gives.

use housekey_statements::redis::{
    self as said, CLAIM_ID, CREATE, FENCE, FENCED_FOR, RELEASE, Record, keys_of_user, pointer,
    pointer_key, read_pointer,
};
use redis::FromRedisValue;
use store_tests::{HOUR, NOW, record};

use super::common::OwnKeys;

const DAY: u64 = 24 * HOUR;

/// One call, as the stores make it.
struct Call {
    user_id: &'static str,
    claim: String,
    /// The pointer that it has fenced off.
    expected: String,
    next: Step,
}

/// What a call does next, with the pointer that it found.
enum Step {
    Claim,
    Load(String),
    Fence(String),
    Make,
    Release,
    Over { created: bool },
}

struct Contested {
    keys: OwnKeys,
    id: String,
}

impl Contested {
    fn new() -> Self {
        Self {
            keys: OwnKeys::new(),
            id: record("mia").id.to_string(),
        }
    }

    fn at_pointer<T: FromRedisValue>(&self, script: &str, arguments: &[&str]) -> T {
        let key = pointer_key(&self.keys.prefix, &self.id);
        self.keys
            .ask("EVAL", &[&[script, "1", &key], arguments].concat())
    }

    fn at_user<T: FromRedisValue>(&self, script: &str, user_id: &str, arguments: &[&str]) -> T {
        let [logins, seen, expiry] = keys_of_user(&self.keys.prefix, user_id);
        let keys = [script, "3", &logins, &seen, &expiry, user_id, &self.id];
        self.keys.ask("EVAL", &[&keys, arguments].concat())
    }

    /// Writes a record of a claim. It lives from this time on, for an hour.
    fn make(&self, user_id: &str, claim: &str, now: u64) -> String {
        let [now, ends, keep] = [now, now + HOUR, DAY].map(|number| number.to_string());
        let times = ["1", &now, &now, &ends, "data", &keep];
        let limit = ["0", "4", "9", &now, "0", "9", "0"];
        let arguments = [&[claim], &times[..], &limit[..]].concat();
        let made: (String, Vec<String>, Vec<(String, String)>) =
            self.at_user(CREATE, user_id, &arguments);
        made.0
    }

    fn step(&self, call: &mut Call) {
        let (user_id, claim) = (call.user_id, call.claim.as_str());
        let [now, day] = [NOW, DAY].map(|number| number.to_string());
        call.next = match std::mem::replace(&mut call.next, Step::Claim) {
            Step::Claim => {
                let arguments = [user_id, claim, &day, &call.expected];
                let others: String = self.at_pointer(CLAIM_ID, &arguments);
                match others.is_empty() {
                    true => Step::Make,
                    false => Step::Load(others),
                }
            }
            Step::Load(there) => {
                let (_, user_id) = read_pointer(&there).expect("a claim and a user");
                let [logins, ..] = keys_of_user(&self.keys.prefix, user_id);
                let found: Option<String> = self.keys.ask("HGET", &[&logins, &self.id]);
                let ends = found.map(|text| Record::read(&text).expect("a record").expires_at);
                match ends.is_some_and(|ends| ends > NOW) {
                    true => Step::Over { created: false },
                    false => Step::Fence(there),
                }
            }
            Step::Fence(there) => {
                let (claim, user_id) = read_pointer(&there).expect("a claim and a user");
                let fenced_for = FENCED_FOR.to_string();
                let lives: u8 = self.at_user(FENCE, user_id, &[&now, claim, &fenced_for]);
                call.expected = there;
                match lives {
                    1 => Step::Over { created: false },
                    _ => Step::Claim,
                }
            }
            Step::Make => match self.make(user_id, claim, NOW).as_str() {
                "done" => Step::Over { created: true },
                "taken" => Step::Release,
                other => panic!("{other}"),
            },
            Step::Release => {
                let _: u8 = self.at_pointer(RELEASE, &[&pointer(claim, user_id)]);
                Step::Over { created: false }
            }
            over @ Step::Over { .. } => over,
        };
    }
}

/// A small generator, so that a schedule that fails can be run again.
fn random(state: &mut u64) -> usize {
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    (*state % 1009) as usize
}

#[test]
fn of_calls_that_create_one_id_at_once_one_succeeds_in_any_order_of_their_steps() {
    for schedule in 1..=400_u64 {
        let contested = Contested::new();
        let new_claim = |number: u64| said::claim(number.to_be_bytes());
        if schedule % 2 == 0 {
            // A login that has expired.
            let (claim, day) = (new_claim(0), DAY.to_string());
            let _: String = contested.at_pointer(CLAIM_ID, &["mia", &claim, &day, ""]);
            assert_eq!(contested.make("mia", &claim, NOW - 2 * HOUR), "done");
        }
        let users = ["mia", "mia", "ben", "ada", "mia", "ben"];
        let mut calls: Vec<_> = (1..)
            .zip(users)
            .map(|(number, user_id)| Call {
                user_id,
                claim: new_claim(number),
                expected: String::new(),
                next: Step::Claim,
            })
            .collect();
        let mut state = schedule.wrapping_mul(0x9E37_79B9_7F4A_7C15);
        let is_over = |call: &Call| matches!(call.next, Step::Over { .. });
        while !calls.iter().all(is_over) {
            let index = random(&mut state) % calls.len();
            contested.step(&mut calls[index]);
        }
        let created = |call: &&Call| matches!(call.next, Step::Over { created: true });
        let created: Vec<_> = calls.iter().filter(created).collect();
        let [winner] = created[..] else {
            panic!(
                "schedule {schedule}: {} have created the login",
                created.len()
            );
        };
        let key = pointer_key(&contested.keys.prefix, &contested.id);
        let leads_to: String = contested.keys.ask("GET", &[&key]);
        assert_eq!(
            leads_to,
            pointer(&winner.claim, winner.user_id),
            "schedule {schedule}"
        );
    }
}
