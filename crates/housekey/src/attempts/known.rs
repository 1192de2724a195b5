//! Browsers that have proved themselves at an account: a cookie says at which, so that guessing strangers do not keep them
//! out.
//!
//! This is OWASP's device cookie. Its value is signed, and has an entry for each account: a keyed digest of the account, and
//! a random value that changes whenever the browser proves itself there. Attempts with it are counted by that value. A copy
//! has the same value, and so shares its attempts until the owner logs in again and gets another.

use std::time::Duration;

use super::keys::{Account, digest};
use crate::cookie::{Attributes, LONGEST_LIFE, SetCookie, expiry};
use crate::signing::keys::KeyRing;
use crate::signing::timed::TimedSigner;
use crate::signing::{SecretKeys, base64_decode, base64_encode, equal_in_constant_time};

/// How many accounts a browser knows. The one where it proved itself longest ago makes room.
const MOST: usize = 8;
const HALF: usize = 16;
const ENTRY: usize = 2 * HALF;

pub(crate) struct KnownBrowsers {
    pub(crate) attributes: Attributes,
    signer: TimedSigner,
    accounts: KeyRing,
}

/// The contents of a cookie: each account's digest and random value, the newest first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Known(Vec<[u8; ENTRY]>);

impl KnownBrowsers {
    pub(crate) fn new(keys: &SecretKeys, attributes: Attributes, clock_tolerance: u64) -> Self {
        let name = attributes.name.as_str();
        let of = |what| keys.for_purpose(&["housekey", what, name]);
        Self {
            signer: TimedSigner::new(of("known browser"), clock_tolerance),
            accounts: of("account of a known browser"),
            attributes,
        }
    }

    /// Reads the signed cookies with this name. Several are joined by semicolons.
    pub(crate) fn read(&self, values: &[u8], now: u64) -> Known {
        let mut known = Known::default();
        for value in values.split(|byte| *byte == b';') {
            let Ok(verified) = self.signer.verify(value, now, LONGEST_LIFE) else {
                continue;
            };
            let bytes = base64_decode(verified.payload).unwrap_or_default();
            let (entries, _) = bytes.as_chunks::<ENTRY>();
            known.0.extend(entries.iter().take(MOST));
        }
        known
    }

    /// The values that the browser has at an account: one, unless several cookies came.
    pub(crate) fn numbers(&self, known: &Known, account: Account<'_>) -> Vec<[u8; HALF]> {
        let (of_account, _) = self.split(known, account);
        let numbers = of_account.iter().map(|entry| *number_of(entry));
        numbers.collect()
    }

    /// What the browser knows after it has proved itself at an account, with this new value.
    pub(crate) fn learn(&self, known: &Known, account: Account<'_>, number: [u8; HALF]) -> Known {
        let (_, others) = self.split(known, account);
        let tag = digest(&parts(account), |message| self.accounts.sign(message));
        let mut entry = [0; ENTRY];
        entry[..HALF].copy_from_slice(&tag.as_bytes()[..HALF]);
        entry[HALF..].copy_from_slice(&number);
        Known([entry].into_iter().chain(others).take(MOST).collect())
    }

    /// The entries of an account, and the others.
    fn split(&self, known: &Known, account: Account<'_>) -> (Vec<[u8; ENTRY]>, Vec<[u8; ENTRY]>) {
        let is_of_account = |entry: &[u8; ENTRY]| {
            let is = |message: &[&[u8]]| {
                self.accounts.verify(message, |tag| {
                    equal_in_constant_time(&tag.as_bytes()[..HALF], &entry[..HALF])
                })
            };
            digest(&parts(account), is).is_some()
        };
        known.0.iter().partition(|entry| is_of_account(entry))
    }

    /// The cookie, signed now. It lives for as long as browsers keep any cookie: 400 days.
    pub(crate) fn set(&self, known: &Known, now: u64) -> Option<SetCookie<'_>> {
        let value = self
            .signer
            .sign(&base64_encode(known.0.as_flattened()), now);
        let life: Duration = LONGEST_LIFE;
        self.attributes.set(&value, Some(expiry(now, life)))
    }
}

fn number_of(entry: &[u8; ENTRY]) -> &[u8; HALF] {
    entry.last_chunk().expect("an entry is longer")
}

fn parts(account: Account<'_>) -> [&[u8]; 2] {
    [account.form.as_bytes(), account.name.as_bytes()]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::Settings;

    const NOW: u64 = 1_700_000_000;

    fn browsers(key: &str) -> KnownBrowsers {
        let keys = SecretKeys::new(key).unwrap();
        let keys = keys.fallback("2b7e151628aed2a6abf7158809cf4f3c").unwrap();
        KnownBrowsers::new(&keys, Settings::safe().remember_cookie, 60)
    }

    fn account(name: &str) -> Account<'_> {
        Account {
            form: "password",
            name,
        }
    }

    fn value(browsers: &KnownBrowsers, known: &Known) -> Vec<u8> {
        browsers.set(known, NOW).unwrap().value().into()
    }

    #[test]
    fn a_browser_is_known_at_the_last_accounts_where_it_proved_itself_at_this_form() {
        let browsers = browsers("9f2c8d54b61e4bd9a1f0c7d35e8b2a64");
        let names: Vec<_> = (0..MOST + 1).map(|number| number.to_string()).collect();
        let mut known = Known::default();
        for (number, name) in (0..).zip(&names) {
            known = browsers.learn(&known, account(name), [number; HALF]);
            known = browsers.read(&value(&browsers, &known), NOW);
        }
        for (number, name) in (0..).zip(&names) {
            let there = browsers.numbers(&known, account(name));
            let expected = (number > 0).then_some([number; HALF]);
            assert_eq!(there, Vec::from_iter(expected), "{name}");
        }
        let other_form = Account {
            form: "code",
            name: "5",
        };
        assert_eq!(browsers.numbers(&known, other_form), [[0; HALF]; 0]);
        let again = browsers.learn(&known, account("3"), [99; HALF]);
        assert_eq!(browsers.numbers(&again, account("3")), [[99; HALF]]);
        assert_eq!(again.0.len(), MOST);
        assert!(value(&browsers, &again).len() < 500);
    }

    #[test]
    fn only_what_was_signed_with_one_of_the_keys_and_is_not_too_old_counts() {
        let browsers = browsers("9f2c8d54b61e4bd9a1f0c7d35e8b2a64");
        let mia = account("mia");
        let known = browsers.learn(&Known::default(), mia, [7; HALF]);
        let good = value(&browsers, &known);
        let (last, later) = (LONGEST_LIFE.as_secs(), LONGEST_LIFE.as_secs() + 1);
        assert_eq!(browsers.read(&good, NOW + last), known);
        assert_eq!(browsers.read(&good, NOW + later), Known::default());
        for at in 0..good.len() {
            let mut forged = good.clone();
            forged[at] ^= 1;
            assert_eq!(browsers.read(&forged, NOW), Known::default(), "{at}");
        }
        for odd in [&b""[..], b".", b";;", b"a.b.c", &[0xff; 40]] {
            assert_eq!(browsers.read(odd, NOW), Known::default());
        }
        // Before and after the keys were changed.
        let old = KnownBrowsers::new(
            &SecretKeys::new("2b7e151628aed2a6abf7158809cf4f3c").unwrap(),
            Settings::safe().remember_cookie,
            60,
        );
        let from_old = value(&old, &old.learn(&Known::default(), mia, [8; HALF]));
        let read = browsers.read(&from_old, NOW);
        assert_eq!(browsers.numbers(&read, mia), [[8; HALF]]);
        assert_eq!(old.read(&good, NOW), Known::default());
    }
}
