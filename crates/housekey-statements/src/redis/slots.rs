//! Hash slots, as Redis Cluster counts them.

/// The number of slots.
pub const SLOTS: u16 = 16_384;

/// The slot of a key: of the part between its first `{` and the next `}`, unless that is empty.
pub fn slot_of(key: &[u8]) -> u16 {
    let position = |of: u8, from: usize| {
        let found = key.get(from..)?.iter().position(|byte| *byte == of)?;
        Some(from + found)
    };
    let tag = position(b'{', 0)
        .and_then(|open| Some((open + 1, position(b'}', open + 1)?)))
        .filter(|(start, end)| start < end)
        .and_then(|(start, end)| key.get(start..end));
    crc16(tag.unwrap_or(key)) % SLOTS
}

/// CRC-16 in the XMODEM variant.
pub(super) fn crc16(bytes: &[u8]) -> u16 {
    bytes.iter().fold(0, |crc, byte| {
        (0..8).fold(crc ^ (u16::from(*byte) << 8), |crc, _| {
            let shifted = crc << 1;
            if crc & 0x8000 == 0 {
                shifted
            } else {
                shifted ^ 0x1021
            }
        })
    })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::super::{BUCKETS, expiry_key, keys_of_user, prefix_of_users, user_of_key};
    use super::{SLOTS, crc16, slot_of};

    /// The numbers are those of the cluster's specification, and of a server's `CLUSTER KEYSLOT`.
    #[test]
    fn a_slot_is_that_of_the_tag() {
        assert_eq!(crc16(b"123456789"), 0x31C3);
        for (key, slot) in [
            ("foo", 12_182),
            ("{foo}bar", 12_182),
            ("bar{foo}{zap}", 12_182),
            ("somekey", 11_058),
        ] {
            assert_eq!(slot_of(key.as_bytes()), slot, "{key}");
        }
        for whole in ["foo{}{bar}", "foo{bar", "}foo{"] {
            assert_eq!(
                slot_of(whole.as_bytes()),
                crc16(whole.as_bytes()) % SLOTS,
                "{whole}"
            );
        }
    }

    #[test]
    fn all_keys_of_a_user_are_in_one_slot() {
        for user_id in ["", "1", "}{", "佐藤", "(staff) 1"] {
            let keys = keys_of_user("housekey:", user_id);
            let slots = BTreeSet::from(keys.map(|key| slot_of(key.as_bytes())));
            assert_eq!(slots.len(), 1, "{user_id:?}");
        }
    }

    #[test]
    fn a_users_records_are_known_by_their_key() {
        for user_id in ["", "1", "}:logins:{", "佐藤", "(staff) 1"] {
            let [logins, seen, expiry] = keys_of_user("housekey:", user_id);
            for key in [&logins, &seen, &expiry] {
                assert!(key.starts_with(&prefix_of_users("housekey:")), "{key}");
            }
            assert_eq!(user_of_key("housekey:", logins.as_bytes()), Some(user_id));
            assert_eq!(user_of_key("other:", logins.as_bytes()), None);
            assert_eq!(user_of_key("housekey:", expiry.as_bytes()), None);
        }
        let seen = &keys_of_user("housekey:", "1")[1];
        assert_eq!(user_of_key("housekey:", seen.as_bytes()), None);
        assert_eq!(user_of_key("housekey:", b"housekey:id:x"), None);
        assert_eq!(user_of_key("housekey:", b"housekey:{1}:logins:\xFF"), None);
    }

    /// However a cluster's slots are divided into ranges.
    #[test]
    fn buckets_are_spread_over_all_slots() {
        let slots: BTreeSet<_> = (0..BUCKETS)
            .map(|bucket| slot_of(expiry_key("housekey:", bucket).as_bytes()))
            .collect();
        assert!(slots.len() > 950, "{} slots", slots.len());
        for nodes in [3, 6, 16] {
            let share = usize::from(BUCKETS / nodes);
            for node in 0..nodes {
                let ours = (0..BUCKETS).filter(|bucket| {
                    let slot = slot_of(expiry_key("housekey:", *bucket).as_bytes());
                    slot / SLOTS.div_ceil(nodes) == node
                });
                let ours = ours.count();
                assert!(
                    ours > share * 3 / 4 && ours < share * 5 / 4,
                    "node {node} of {nodes}: {ours} of {BUCKETS}"
                );
            }
        }
    }
}
