//! Every seed through its target, without a fuzzer: what the targets claim holds at least for these, and they still
//! build.

use std::fs;
use std::path::Path;

fn feed(target: &str, check: fn(&[u8])) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("seeds")
        .join(target);
    let mut fed = 0;
    for seed in fs::read_dir(&folder).expect("a folder of seeds") {
        let path = seed.expect("a seed").path();
        println!("{}", path.display());
        check(&fs::read(&path).expect("a seed"));
        fed += 1;
    }
    assert!(fed >= 10, "{} seeds in {}", fed, folder.display());
}

#[test]
fn what_cookies_claims_holds_for_its_seeds() {
    feed("cookies", housekey_fuzz::cookies::check);
}

#[test]
fn what_next_claims_holds_for_its_seeds() {
    feed("next", housekey_fuzz::next::check);
}

#[test]
fn what_sessions_claims_holds_for_its_seeds() {
    feed("sessions", housekey_fuzz::sessions::check);
}

#[test]
fn what_tokens_claims_holds_for_its_seeds() {
    feed("tokens", housekey_fuzz::tokens::check);
}

#[test]
fn what_door_claims_holds_for_its_seeds() {
    feed("door", housekey_fuzz::door::check);
}

#[test]
fn what_forms_claims_holds_for_its_seeds() {
    feed("forms", housekey_fuzz::forms::check);
}
