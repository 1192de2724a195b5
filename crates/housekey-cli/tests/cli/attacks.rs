//! What strangers may put into a cookie, a record or an address. Any run fails if a control character comes out
//! ([`Run::done`]).

use std::io::Write as _;
use std::time::Instant;

use flate2::Compression;
use flate2::write::ZlibEncoder;
use housekey::records::{Limit, LoginId, LoginRecord, LoginStore as _};

use super::*;

/// Clears the screen, sets the title, C1's CSI, right to left, a separate line.
const EVIL: &str = "\u{1b}[2J\u{1b}]0;x\u{7}\u{9b}31m\u{202e}gnp\r\nverdict     it counts\u{7f}";

#[test]
fn no_users_id_is_obeyed_by_a_terminal() {
    for preset in Preset::BOTH {
        for name in preset.names() {
            let mut browser = browser_of(&site(preset, &clock(0)).build().unwrap(), EVIL);
            let Some(value) = browser.jar().value(name).map(str::to_owned) else {
                continue;
            };
            let done = read(format!("{name}={value}"), &[]).done().exits(0);
            let done = done.says(r"\u{1b}[2J").hides("\u{202e}");
            let verdicts = done
                .out
                .lines()
                .filter(|line| line.trim_start().starts_with("verdict"));
            assert_eq!(verdicts.count(), 1, "{done:?}");
            let done = read(&value, &["--json"]).done().exits(0);
            assert_eq!(done.json()[0]["user_id"], EVIL);
        }
    }
}

#[test]
fn no_record_is_obeyed_by_a_terminal() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("logins.db");
    let data = serde_json::json!({ "session": "", "started_at": 0, "user_agent": EVIL });
    let record = LoginRecord {
        id: LoginId::from_bytes([7; 16]),
        user_id: EVIL.to_owned(),
        version: 0,
        created_at: u64::MAX >> 1,
        last_seen_at: u64::MAX >> 1,
        expires_at: u64::MAX >> 1,
        data: data.to_string(),
    };
    // A null byte cannot be an argument. Everything else can.
    block_on(sqlite(&path).create(&record, &[], Limit::NONE)).unwrap();
    let store = format!("sqlite:{}", path.display());
    let run = |arguments: &[&str]| {
        let arguments = ["logins"].iter().chain(arguments);
        housekey(arguments).env("HOUSEKEY_LOGIN_STORE", &store)
    };
    let done = run(&["list", "--", EVIL]).done().exits(0);
    done.says(r"\u{1b}[2J").says("beyond the year 9999");
    let done = run(&["list", "--json", EVIL]).done().exits(0);
    assert_eq!(done.json()[0]["user_agent"], EVIL);
    run(&["list", &format!("{EVIL}x")])
        .done()
        .exits(0)
        .complains("has no logins");
    run(&["end", EVIL]).done().exits(2);
    let id = record.id.to_string();
    run(&["end", &id]).done().exits(0).says("Ended login");
    run(&["end", &id])
        .done()
        .exits(1)
        .complains("There is no login");
}

#[test]
fn more_than_any_browser_sends_is_refused() {
    for input in [vec![b'a'; 10_000_000], b"a=1;".repeat(2_500_000)] {
        let done = read(input, &[]).done().exits(1);
        done.complains("longer than 64 KiB");
    }
}

#[test]
fn odd_bytes_make_no_cookie_and_no_panic() {
    let all: Vec<u8> = (0..=255).collect();
    let inputs: [&[u8]; 14] = [
        b"",
        b"\n\n",
        b"\0",
        &all,
        &[0xff; 4096],
        b"session=",
        b"session=.",
        b"session=...",
        b"session=\x1b[2J.\x9b.\xe2\x80\xae",
        b"session=e30.AAAAAAAAAAAAAAAAAAAAAAAAAAAAA.AAAA",
        b"remember_token=|",
        b"remember_token=\"\\377\\",
        b"=;=;=;;;",
        b"Cookie: ;\nSet-Cookie:",
    ];
    for input in inputs {
        for arguments in [
            &[][..],
            &["--json"],
            &["--name", "\u{1b}[2J"],
            &["--name", ""],
        ] {
            let _ = read(input, arguments).done().exits(1);
        }
    }
}

#[test]
fn a_bomb_does_not_go_off() {
    let mut packed = ZlibEncoder::new(Vec::new(), Compression::best());
    let text = format!(r#"{{"_user_id":"1","x":"{}"}}"#, "a".repeat(5_000_000));
    packed.write_all(text.as_bytes()).unwrap();
    let packed = packed.finish().unwrap();
    let signed = flask_signed(&format!(".{}", base64(&packed)));
    assert!(signed.len() < 64 * 1024, "it gets as far as being read");
    let began = Instant::now();
    let done = read(&signed, &[])
        .env("SECRET_KEY", "deterministic")
        .done()
        .exits(1);
    done.says("says nothing that can be read");
    assert!(began.elapsed() < SOON);
}

/// As Flask signs: HMAC-SHA-1 by a key that HMAC-SHA-1 derives from the salt.
fn flask_signed(payload: &str) -> String {
    use hmac::{Hmac, KeyInit as _, Mac as _};
    let mac = |key: &[u8], text: &str| {
        let mut mac = Hmac::<sha1::Sha1>::new_from_slice(key).unwrap();
        mac.update(text.as_bytes());
        mac.finalize().into_bytes()
    };
    let key = mac(b"deterministic", "cookie-session");
    let seconds = u32::try_from(now()).unwrap().to_be_bytes();
    let signed = format!("{payload}.{}", base64(&seconds));
    format!("{signed}.{}", base64(&mac(&key, &signed)))
}

fn base64(bytes: &[u8]) -> String {
    use base64::Engine as _;
    base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(bytes)
}

#[test]
fn no_message_has_the_password_of_an_address() {
    // Nothing listens there. Some are not addresses at all.
    for address in [
        "postgres://mia:hunter2@127.0.0.1:1/site",
        "postgresql+psycopg://mia:hunter2@127.0.0.1:1/site",
        "postgres://127.0.0.1:1/site?user=mia&password=hunter2",
        "postgres://mia:hunter2@127.0.0.1:port/site",
        "postgres://mia:x?hunter2=hunter2@127.0.0.1:1/site",
        "postgres://mia:hunter2@127.0.0.1:1/site?sslmode=nonsense",
        "postgres://mia:hun%zzter2hunter2@127.0.0.1:1/site",
        "redis://mia:hunter2@127.0.0.1:1/0",
        "rediss://mia:hunter2@127.0.0.1:1/0",
        "redis://mia:hunter2@127.0.0.1:1/none",
        "redis://mia:hunter2@[/",
        "redis+cluster://mia:hunter2@127.0.0.1:1,127.0.0.1:2/",
        "redis+sentinel://mia:hunter2@127.0.0.1:1/mymaster/0?sentinel_password=hunter2",
        "redis+sentinel://mia:hunter2@127.0.0.1:1/mymaster/0?password=hunter2",
        "mysql://mia:hunter2@127.0.0.1/site",
        "mia:hunter2@127.0.0.1/site",
    ] {
        for arguments in [
            &["logins", "list", "1"][..],
            &["logins", "purge"],
            &["logins", "end-all", "--yes", "1"],
            &["logins", "--table", "no table!", "purge"],
            &["logins", "list", "1", "too many"],
        ] {
            let arguments = arguments.iter().chain(&["--timeout=1s"]);
            let run = housekey(arguments.clone()).env("HOUSEKEY_LOGIN_STORE", address);
            let done = run.done().hides("hunter2");
            assert!(done.code == 1 || done.code == 2, "{done:?}");
            let run = housekey(arguments.chain(&["--store", address]));
            let done = run.done().hides("hunter2");
            assert!(!done.err.is_empty(), "{done:?}");
        }
        // In the wrong place.
        let _ = housekey(["logins", "list", "1", address])
            .done()
            .exits(2)
            .hides("hunter2");
        let _ = housekey(["logins", address])
            .done()
            .exits(2)
            .hides("hunter2");
        let _ = housekey(["logins", "purge", "--stroe", address])
            .done()
            .exits(2)
            .hides("hunter2");
        let _ = housekey(["logins", "purge", "--timeout", address])
            .done()
            .exits(2)
            .hides("hunter2");
    }
}
