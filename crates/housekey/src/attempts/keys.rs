//! The keys by which attempts are counted: keyed digests of accounts, addresses and browsers.

use std::fmt;
use std::net::IpAddr;

use crate::signing::SecretKeys;
use crate::signing::keys::KeyRing;

/// What an [`AttemptStore`](super::AttemptStore) counts by: 16 bytes of a keyed digest. Without the secret key, no name or
/// address can be computed from it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AttemptKey([u8; 16]);

impl AttemptKey {
    /// A key with these bytes, for stores and their tests.
    pub const fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(bytes)
    }

    /// Its bytes.
    pub const fn as_bytes(&self) -> &[u8; 16] {
        &self.0
    }
}

/// In hexadecimal.
impl fmt::Display for AttemptKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", u128::from_be_bytes(self.0))
    }
}

impl fmt::Debug for AttemptKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "AttemptKey({self})")
    }
}

/// Makes the keys of one manager. After a change of the secret key, counting starts again.
pub(crate) struct AttemptKeys {
    keys: KeyRing,
    ipv6_network: u8,
}

/// An account as attempts name it: the form and what was typed there.
#[derive(Clone, Copy)]
pub(crate) struct Account<'a> {
    pub(crate) form: &'a str,
    /// As [`folded`].
    pub(crate) name: &'a str,
}

impl AttemptKeys {
    pub(crate) fn new(keys: &SecretKeys, ipv6_network: u8) -> Self {
        Self {
            keys: keys.for_purpose(&["housekey", "attempts"]),
            ipv6_network,
        }
    }

    /// The key for all strangers at an account.
    pub(crate) fn of_account(&self, account: Account<'_>) -> AttemptKey {
        self.key(&[b"account", account.form.as_bytes(), account.name.as_bytes()])
    }

    /// The key for an address, or for its network.
    pub(crate) fn of_address(&self, form: &str, address: IpAddr) -> AttemptKey {
        let network = match address.to_canonical() {
            IpAddr::V4(address) => address.octets().to_vec(),
            IpAddr::V6(address) => {
                let hidden = 128 - u32::from(self.ipv6_network.min(128));
                let mask = u128::MAX.checked_shl(hidden).unwrap_or(0);
                (address.to_bits() & mask).to_be_bytes().to_vec()
            }
        };
        self.key(&[b"address", form.as_bytes(), &network])
    }

    /// The key for a browser at an account that knows it, by the random value that it has there.
    pub(crate) fn of_browser(&self, account: Account<'_>, number: &[u8; 16]) -> AttemptKey {
        let (form, name) = (account.form.as_bytes(), account.name.as_bytes());
        self.key(&[b"browser", form, name, number])
    }

    /// The key for all browsers together that an account knows.
    pub(crate) fn of_known_browsers(&self, account: Account<'_>) -> AttemptKey {
        self.key(&[
            b"browsers",
            account.form.as_bytes(),
            account.name.as_bytes(),
        ])
    }

    fn key(&self, parts: &[&[u8]]) -> AttemptKey {
        AttemptKey(digest(parts, |message| {
            *self
                .keys
                .sign(message)
                .as_bytes()
                .first_chunk()
                .expect("an HMAC is longer")
        }))
    }
}

/// What `sign` returns for these parts, joined so that different parts never give the same text.
pub(crate) fn digest<T>(parts: &[&[u8]], sign: impl FnOnce(&[&[u8]]) -> T) -> T {
    let lengths: Vec<[u8; 8]> = parts
        .iter()
        .map(|part| (part.len() as u64).to_be_bytes())
        .collect();
    let message: Vec<&[u8]> = lengths
        .iter()
        .zip(parts)
        .flat_map(|(length, part)| [&length[..], part])
        .collect();
    sign(&message)
}

/// A name as it is counted: without surrounding white space, in lower case. Two accounts that differ in nothing else share
/// their attempts, which does no harm. One account with two spellings would get twice as many.
pub(crate) fn folded(name: &str) -> String {
    name.trim().to_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    const MIA: Account<'static> = Account {
        form: "password",
        name: "mia",
    };

    fn keys(network: u8) -> AttemptKeys {
        let keys = SecretKeys::new("9f2c8d54b61e4bd9a1f0c7d35e8b2a64").unwrap();
        AttemptKeys::new(&keys, network)
    }

    #[test]
    fn addresses_of_one_network_have_one_key() {
        let same = |network: u8, one: &str, other: &str| {
            let of = |text: &str| keys(network).of_address("password", text.parse().unwrap());
            of(one) == of(other)
        };
        let last = "2001:db8:1:2:ffff:ffff:ffff:ffff";
        assert!(same(64, "2001:db8:1:2::1", last));
        assert!(!same(64, "2001:db8:1:2::1", "2001:db8:1:3::1"));
        assert!(same(56, "2001:db8:1:2::1", "2001:db8:1:3::1"));
        assert!(!same(56, "2001:db8:1:2::1", "2001:db8:1:102::1"));
        assert!(!same(128, "2001:db8::1", "2001:db8::2"));
        assert!(!same(64, "192.0.2.1", "192.0.2.2"));
        assert!(same(64, "192.0.2.1", "::ffff:192.0.2.1"));
        assert!(!same(64, "::ffff:192.0.2.1", "::ffff:192.0.2.2"));
    }

    #[test]
    fn no_two_things_have_one_key() {
        let keys = keys(64);
        let account = |form, name| keys.of_account(Account { form, name });
        let all = [
            account("password", "mia"),
            account("passwordm", "ia"),
            account("code", "mia"),
            account("", "passwordmia"),
            keys.of_known_browsers(MIA),
            keys.of_browser(MIA, &[0; 16]),
            keys.of_browser(MIA, &[1; 16]),
            keys.of_address("password", [109, 105, 97, 0].into()),
            keys.of_address("code", [109, 105, 97, 0].into()),
        ];
        for (index, one) in all.iter().enumerate() {
            assert!(!all[..index].contains(one), "{index}");
            assert_eq!(one.to_string().len(), 32);
        }
    }

    #[test]
    fn spellings_that_a_table_may_take_for_one_name_are_one() {
        for other in ["Mia", "MIA", " mia", "mia\t\n", "\u{a0}mia"] {
            assert_eq!(folded(other), "mia");
        }
        assert_ne!(folded("m ia"), "mia");
    }
}
