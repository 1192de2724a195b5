//! Sessions survive the way to the browser and back, and no application's data makes a response fail.

use super::*;
use crate::ErrorKind;
use crate::signing::payload;

proptest! {
    #[test]
    fn any_session_map_survives_the_round_trip(map in btree_map(key(), value(), 0..6)) {
        for manager in [safe_manager(), flask_manager()] {
            let visit = open(manager, &request::<&str>(&[]));
            let mut stored = BTreeMap::new();
            for (key, value) in &map {
                match visit.session().insert(key, value) {
                    Ok(()) => {
                        stored.insert(key, value);
                    }
                    Err(error) => prop_assert_eq!(error.kind(), ErrorKind::SessionTooLarge),
                }
            }
            let Some(pair) = session_pair(&visit) else {
                prop_assert!(stored.is_empty());
                continue;
            };
            let session = open(manager, &request(&[("cookie", pair)])).session();
            let mut keys: Vec<_> = stored.keys().map(|key| (*key).clone()).collect();
            keys.sort();
            prop_assert_eq!(session.keys(), keys);
            for (key, value) in stored {
                let found = session.get::<Value>(key).unwrap();
                prop_assert_eq!(found.as_ref(), Some(value));
            }
        }
    }
}

/// The operations of an application on a session.
#[derive(Clone, Debug)]
enum Act {
    Insert(u8, usize),
    Fill(usize),
    Remove(u8),
    Flash(usize),
    LogIn(usize, bool),
    Confirm,
    MakePermanent,
    LogOut,
}

fn act() -> impl Strategy<Value = Act> {
    let size = || prop_oneof![0usize..100, 500usize..1500, 2000usize..3300];
    prop_oneof![
        4 => (0u8..4, size()).prop_map(|(key, size)| Act::Insert(key, size)),
        2 => (0usize..60).prop_map(Act::Fill),
        1 => (0u8..4).prop_map(Act::Remove),
        3 => size().prop_map(Act::Flash),
        2 => (1usize..300, any::<bool>()).prop_map(|(size, remember)| Act::LogIn(size, remember)),
        1 => Just(Act::Confirm),
        1 => Just(Act::MakePermanent),
        1 => Just(Act::LogOut),
    ]
}

fn perform(visit: &OpenVisit, act: &Act) {
    let login = Login::new(visit.clone());
    // Each of these reports when it does not fit, and then changes nothing.
    let _ = match act {
        Act::Insert(key, size) => visit.session().insert(&key.to_string(), &noise(*size)),
        Act::Fill(spare) => {
            fill(visit, *spare);
            Ok(())
        }
        Act::Remove(key) => visit.session().remove(&key.to_string()).map(|_| ()),
        Act::Flash(size) => visit.flash().message(&noise(*size)),
        Act::LogIn(size, remember) => {
            let member = member(&noise(*size));
            block_on(login.login_user(&member).remember(*remember).into_future())
        }
        Act::Confirm => {
            let id = login.user_id().unwrap_or("1".to_owned());
            block_on(login.confirm_login(&member(&id)))
        }
        Act::MakePermanent => {
            visit.session().make_permanent().unwrap();
            Ok(())
        }
        Act::LogOut => block_on(login.logout_user()),
    };
}

proptest! {
    #[test]
    fn every_accepted_session_can_be_sent(requests in vec(vec(act(), 0..6), 1..4)) {
        for manager in [safe_manager(), &managers()[2], flask_manager()] {
            let mut jar = BTreeMap::new();
            for acts in &requests {
                let pair = |(name, value): (&String, &String)| format!("{name}={value}");
                let cookie = jar.iter().map(pair).collect::<Vec<_>>().join("; ");
                let request = request(&[("cookie", cookie)]);
                let visit = open(manager, &request);
                who(&visit, &request);
                acts.iter().for_each(|act| perform(&visit, act));
                let mut headers = HeaderMap::new();
                prop_assert!(visit.visit().finish(&mut headers).is_ok());
                for header in headers.get_all("set-cookie") {
                    let pair = header.to_str().unwrap().split(';').next().unwrap();
                    let (name, value) = pair.split_once('=').unwrap();
                    jar.insert(name.to_owned(), value.to_owned());
                }
            }
        }
    }
}

/// Stores the longest text that fits, less `spare` characters.
fn fill(visit: &OpenVisit, spare: usize) {
    let session = visit.session();
    let (mut fits, mut too_long) = (0, 4096);
    while too_long - fits > 1 {
        let middle = usize::midpoint(fits, too_long);
        match session.insert("full", &noise(middle)) {
            Ok(()) => fits = middle,
            Err(_) => too_long = middle,
        }
    }
    let _ = session.insert("full", &noise(fits.saturating_sub(spare)));
}

#[test]
fn a_remembered_user_is_let_in_beside_a_session_however_full() {
    for manager in managers() {
        let remember = cookies_of_login(manager, "1", true).remove(0);
        for spare in (0..400).step_by(7) {
            let visit = open(manager, &request::<&str>(&[]));
            fill(&visit, spare);
            let cookie = format!("{}; {remember}", session_pair(&visit).unwrap());
            let request = request(&[("cookie", cookie)]);
            let visit = open(manager, &request);
            assert_eq!(who(&visit, &request).as_deref(), Some("1"));
            let finished = visit.visit().finish(&mut HeaderMap::new());
            assert!(finished.is_ok(), "{spare} to spare");
            let login = Login::<Member>::new(visit);
            assert_eq!(login.user_id().as_deref(), Some("1"));
        }
    }
}

#[test]
fn a_session_that_a_peer_made_too_large_to_be_sent_again_is_read_and_left_alone() {
    // Flask warns above 4093 bytes; browsers keep 4096, and a permanent session would go out at every request.
    let manager = flask_manager();
    let session = |length: usize| {
        let session = json!({"_permanent": true, "_user_id": "1", "a": noise(length)});
        pair_signed(manager, &payload::encode(&session.to_string(), 4000))
    };
    let pair = (3000..)
        .map(session)
        .find(|pair| pair.len() > 4093 + "=".len())
        .unwrap();
    assert!(pair.len() <= 4096 + "=".len());
    let request = request(&[("cookie", pair)]);
    let visit = open(manager, &request);
    assert_eq!(who(&visit, &request).as_deref(), Some("1"));
    assert_eq!(set_cookies(&visit), Vec::<String>::new());
}

#[test]
fn a_value_nested_too_deeply_to_be_read_again_is_refused() {
    let nested = |depth: usize| (0..depth).fold(json!(1), |inner, _| json!([inner]));
    for manager in [safe_manager(), flask_manager()] {
        // The second key gets a tag of its own around it.
        for key in ["deep", " t"] {
            for depth in [1, 100, 120, 126, 127, 128, 129, 130, 500] {
                let visit = open(manager, &request::<&str>(&[]));
                let inserted = visit.session().insert(key, &nested(depth));
                match inserted {
                    Ok(()) => assert!(depth <= 126, "{depth}"),
                    Err(error) => {
                        assert_eq!(error.kind(), ErrorKind::SessionValue);
                        assert!(depth > 126, "{depth}");
                        continue;
                    }
                }
                let pair = session_pair(&visit).unwrap();
                let session = open(manager, &request(&[("cookie", pair)])).session();
                assert_eq!(session.get::<Value>(key).unwrap(), Some(nested(depth)));
            }
        }
    }
}
