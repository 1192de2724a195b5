//! A Flask program with Flask-Login, written by hand from its documentation: what it writes and what it can read. Nothing
//! here uses housekey.

use std::io::{Read as _, Write as _};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use flate2::Compression;
use flate2::read::ZlibDecoder;
use flate2::write::ZlibEncoder;
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha1::Sha1;
use sha2::{Digest as _, Sha512};

/// The session cookie that Flask writes for this JSON.
pub fn session(key: &str, json: &str, now: u64) -> String {
    sign(key, &URL_SAFE_NO_PAD.encode(json), now)
}

/// The same for a long one.
pub fn compressed_session(key: &str, json: &str, now: u64) -> String {
    let mut packer = ZlibEncoder::new(Vec::new(), Compression::new(6));
    packer.write_all(json.as_bytes()).unwrap();
    let payload = format!(".{}", URL_SAFE_NO_PAD.encode(packer.finish().unwrap()));
    sign(key, &payload, now)
}

fn sign(key: &str, payload: &str, now: u64) -> String {
    let bytes = now.to_be_bytes();
    let significant: Vec<u8> = bytes.into_iter().skip_while(|byte| *byte == 0).collect();
    let signed = format!("{payload}.{}", URL_SAFE_NO_PAD.encode(significant));
    let signature = URL_SAFE_NO_PAD.encode(sha1(&sha1(key.as_bytes(), b"cookie-session"), &signed));
    format!("{signed}.{signature}")
}

/// The JSON in a session cookie that this key signed.
pub fn read_session(key: &str, cookie: &str) -> Option<String> {
    let (signed, signature) = cookie.rsplit_once('.')?;
    let expected = sha1(&sha1(key.as_bytes(), b"cookie-session"), signed);
    if URL_SAFE_NO_PAD.encode(expected) != signature {
        return None;
    }
    let (payload, _) = signed.rsplit_once('.')?;
    let Some(packed) = payload.strip_prefix('.') else {
        return String::from_utf8(URL_SAFE_NO_PAD.decode(payload).ok()?).ok();
    };
    let packed = URL_SAFE_NO_PAD.decode(packed).ok()?;
    let mut json = String::new();
    ZlibDecoder::new(packed.as_slice())
        .read_to_string(&mut json)
        .ok()?;
    Some(json)
}

/// Flask-Login's remember token. It encodes a text key as Latin-1.
pub fn remember_token(key: &[u8], user_id: &str) -> String {
    let mut mac: Hmac<Sha512> = Hmac::new_from_slice(key).unwrap();
    mac.update(user_id.as_bytes());
    format!("{user_id}|{}", hex(&mac.finalize().into_bytes()))
}

/// Flask-Login 0.6.3's session identifier, for texts that Python prints unchanged.
pub fn identifier_06(address: &str, user_agent: &str) -> String {
    hex(&Sha512::digest(format!("b'{address}'|b'{user_agent}'")))
}

/// Flask-Login 0.7's.
pub fn identifier_07(address: &str, user_agent: &str) -> String {
    hex(&Sha512::digest(format!("{address}|{user_agent}")))
}

fn sha1(key: &[u8], message: impl AsRef<[u8]>) -> Vec<u8> {
    let mut mac: Hmac<Sha1> = Hmac::new_from_slice(key).unwrap();
    mac.update(message.as_ref());
    mac.finalize().into_bytes().to_vec()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
