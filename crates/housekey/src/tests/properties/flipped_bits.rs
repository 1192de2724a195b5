//! A cookie with any one bit changed does not count.

use super::*;

/// The visitor is anonymous for any value that differs from this cookie's in one bit.
fn every_flipped_bit_is_nobody(manager: &LoginManager<Member>, pair: &str) {
    assert!(who_sends(manager, pair).is_some(), "{pair}");
    let value = pair.find('=').unwrap() + 1;
    let mut tried = 0;
    for position in value..pair.len() {
        for bit in 0..8 {
            let mut bytes = pair.as_bytes().to_vec();
            bytes[position] ^= 1 << bit;
            // A few are not valid header fields, and never get here.
            let Ok(field) = HeaderValue::from_bytes(&bytes) else {
                continue;
            };
            let mut request = request::<&str>(&[]);
            request.headers.insert("cookie", field);
            let visit = open(manager, &request);
            assert_eq!(
                who(&visit, &request),
                None,
                "bit {bit} of byte {position} of {pair}"
            );
            assert!(visit.session().keys().is_empty());
            tried += 1;
        }
    }
    assert!(tried > 5 * (pair.len() - value), "{tried} of {pair}");
}

#[test]
fn a_flipped_bit_anywhere_in_a_session_cookie_makes_it_invalid() {
    for manager in [safe_manager(), flask_manager()] {
        every_flipped_bit_is_nobody(manager, &session_cookie_of_login(manager, "1"));
    }
}

/// A session that does not fit otherwise is compressed; with Flask's cookie its login is in it.
#[test]
fn a_flipped_bit_anywhere_in_a_compressed_session_makes_it_invalid() {
    let manager = flask_manager();
    let visit = open(manager, &request::<&str>(&[]));
    let login = Login::new(visit.clone());
    block_on(login.login_user(&member("1")).into_future()).unwrap();
    visit.session().insert("long", &"abc".repeat(1500)).unwrap();
    let compressed = session_pair(&visit).unwrap();
    assert!(compressed.contains("=.") && compressed.len() < 500);
    every_flipped_bit_is_nobody(manager, &compressed);
}

/// Only the values of the safe preset's session: a changed cookie holds none.
#[test]
fn a_flipped_bit_anywhere_in_the_cookie_of_values_makes_it_invalid() {
    let manager = safe_manager();
    let visit = open(manager, &request::<&str>(&[]));
    visit.session().insert("cart", "a book").unwrap();
    let pair = session_pair(&visit).unwrap();
    let keys = |cookie: &[u8]| {
        let mut request = request::<&str>(&[]);
        let field = HeaderValue::from_bytes(cookie).ok()?;
        request.headers.insert("cookie", field);
        Some(open(manager, &request).session().keys())
    };
    assert_eq!(keys(pair.as_bytes()).unwrap(), ["cart"]);
    let value = pair.find('=').unwrap() + 1;
    for position in value..pair.len() {
        for bit in 0..8 {
            let mut bytes = pair.as_bytes().to_vec();
            bytes[position] ^= 1 << bit;
            assert!(
                keys(&bytes).is_none_or(|keys| keys.is_empty()),
                "bit {bit} of {position}"
            );
        }
    }
}

#[test]
fn a_flipped_bit_anywhere_in_a_remember_token_makes_it_invalid() {
    for manager in managers() {
        for id in ["1", "a|b;c \"d\"\\,é"] {
            every_flipped_bit_is_nobody(manager, &cookies_of_login(manager, id, true)[0]);
        }
    }
}
