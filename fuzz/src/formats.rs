//! The formats of everything that is signed, written down a second time and in the plainest way, so that a target can
//! sign whatever the fuzzer makes up. What lies behind a signature is read only when the signature is right.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::digest::FixedOutput;
use hmac::{Hmac, KeyInit, Mac};
use sha1::Sha1;
use sha2::{Sha256, Sha512};

use crate::site::KEY;

pub fn base64(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

pub fn from_base64(text: impl AsRef<[u8]>) -> Option<Vec<u8>> {
    URL_SAFE_NO_PAD.decode(text).ok()
}

/// The time of signing as it is written: big-endian, without zeros in front.
pub fn timestamp(seconds: u64) -> String {
    let bytes = seconds.to_be_bytes();
    let zeros = bytes.iter().take_while(|byte| **byte == 0).count();
    base64(&bytes[zeros..])
}

/// `payload.timestamp.signature` under housekey's own key for a purpose.
pub fn signed_for(purpose: &[&str], payload: &[u8], timestamp: &[u8]) -> Vec<u8> {
    let mut labels = Vec::new();
    for label in purpose {
        labels.extend_from_slice(&(label.len() as u64).to_be_bytes());
        labels.extend_from_slice(label.as_bytes());
    }
    let key = mac::<Hmac<Sha256>>(KEY.as_bytes(), &labels);
    sign(payload, timestamp, |message| {
        mac::<Hmac<Sha256>>(&key, message)
    })
}

/// The safe preset's session cookie.
pub fn signed_session(payload: &[u8], timestamp: &[u8]) -> Vec<u8> {
    signed_for(
        &["housekey", "session", "__Host-session"],
        payload,
        timestamp,
    )
}

/// Flask's session cookie.
pub fn signed_by_flask(payload: &[u8], timestamp: &[u8]) -> Vec<u8> {
    let key = mac::<Hmac<Sha1>>(KEY.as_bytes(), b"cookie-session");
    sign(payload, timestamp, |message| {
        mac::<Hmac<Sha1>>(&key, message)
    })
}

/// What stands behind the bar in Flask-Login's remember token.
pub fn flask_digest(user_id: &[u8]) -> String {
    let tag = mac::<Hmac<Sha512>>(KEY.as_bytes(), user_id);
    tag.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn sign(payload: &[u8], timestamp: &[u8], tag: impl Fn(&[u8]) -> Vec<u8>) -> Vec<u8> {
    let message = [payload, b".", timestamp].concat();
    let signature = base64(tag(&message));
    [&message, &b"."[..], signature.as_bytes()].concat()
}

fn mac<M: Mac + KeyInit + FixedOutput>(key: &[u8], message: &[u8]) -> Vec<u8> {
    let mut mac = <M as KeyInit>::new_from_slice(key).unwrap();
    Mac::update(&mut mac, message);
    mac.finalize().into_bytes().to_vec()
}

/// Puts texts in the place of bytes that no header holds.
pub fn expand(bytes: &[u8], texts: &[(u8, &[u8])]) -> Vec<u8> {
    let text = |byte: &u8| {
        let found = texts.iter().find(|(mark, _)| mark == byte);
        found.map_or(vec![*byte], |(_, text)| text.to_vec())
    };
    bytes.iter().flat_map(text).collect()
}
