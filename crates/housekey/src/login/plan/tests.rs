//! What follows from each cookie and the record it leads to, in tables.

use std::time::Duration;

use super::*;
use crate::SecretKeys;
use crate::records::secret::Digests;
use crate::records::timeouts::LoginTimeouts;

const NOW: u64 = 1_700_000_000;
/// So long ago that nothing can still be under way.
const LONG_AGO: u64 = NOW - 300;

fn rules() -> RecordRules {
    RecordRules {
        digests: Digests::new(&SecretKeys::new("9f2c8d54b61e4bd9a1f0c7d35e8b2a64").unwrap()),
        timeouts: LoginTimeouts::SENSITIVE,
        max_logins: Default::default(),
        adopts: true,
        remember_for: 60 * 60,
        remember_slides: false,
        clock_tolerance: 0,
    }
}

fn issued(rules: &RecordRules) -> Issued {
    let remember_for = Some(Duration::from_secs(60 * 60));
    rules.issue("mia", None, remember_for, &Client::default(), LONG_AGO)
}

fn session(token: &LoginSecret) -> Named {
    Named::Session {
        token: token.clone(),
        by_peer: None,
    }
}

fn peers_session(token: &LoginSecret) -> Named {
    Named::Session {
        token: token.clone(),
        by_peer: Some("mia".to_owned()),
    }
}

fn remember_token(token: &LoginSecret) -> Named {
    Named::Token {
        token: token.clone(),
        user_id: "mia".to_owned(),
        issued_at: None,
    }
}

fn own(rules: &RecordRules, named: Vec<(Named, Option<LoginRecord>)>) -> OwnLogins {
    let mut own = OwnLogins::default();
    for (named, found) in named {
        own.add(rules, named, found, NOW);
    }
    own
}

#[test]
fn what_a_browser_came_with_ends_as_far_as_it_proves_to_be_its_own() {
    let rules = rules();
    let live = issued(&rules);
    let id = live.session.id;
    let remember = live.remember.clone().unwrap();
    let record = || Some(owned(&live.live));
    let another_secret = LoginSecret::generate_for(id);
    let (renewed, _) = rules.renewed(&live.live, None, Renewal::Confirm, true, NOW);
    let (renewed_long_ago, _) = rules.renewed(&live.live, None, Renewal::Confirm, true, LONG_AGO);
    let (used, successors) =
        rules.restored(&live.live, &remember, None, &Client::default(), LONG_AGO);
    let arrived = rules.brought_up_to_date(&used, &successors.session, LONG_AGO);
    let arrived = || Some(owned(&arrived));
    let peers = LoginSecret::of_peers_session(b"signed by a peer");
    let adopted = rules.adopt(peers.clone(), false, "mia", None, &Client::default(), NOW);
    let flask = LoginSecret::of_flask_token("", "mia", "a token");
    let shared = rules.adopt(flask.clone(), true, "mia", None, &Client::default(), NOW);
    let salted = shared.session;
    let shared = || Some(owned(&shared.live));

    let nothing = Ending::default;
    let ends = |login| Ending {
        logins: vec![login],
        ..nothing()
    };
    let theft = Ending {
        logins: vec![id],
        stolen_of: vec!["mia".to_owned()],
        ..nothing()
    };
    let of_peer = Ending {
        marks: vec![ending(rules.session_marker(&peers.id, "mia", NOW))],
        logins: vec![peers.id],
        ..nothing()
    };
    let of_all_browsers = Ending {
        marks: vec![ending(rules.token_marker(&flask.id, NOW))],
        logins: vec![flask.id],
        ..nothing()
    };
    type Came = Vec<(Named, Option<LoginRecord>)>;
    // What came, and what a logout and a login end because of it.
    let cases: Vec<(&str, Came, Ending, Ending)> = vec![
        ("nothing", vec![], nothing(), nothing()),
        (
            "a session",
            vec![(session(&live.session), record())],
            ends(id),
            ends(id),
        ),
        (
            "a session and its token",
            vec![
                (session(&live.session), record()),
                (remember_token(&remember), record()),
            ],
            ends(id),
            ends(id),
        ),
        (
            "a session whose record is gone",
            vec![(session(&live.session), None)],
            nothing(),
            nothing(),
        ),
        (
            "a session with another secret",
            vec![(session(&another_secret), record())],
            nothing(),
            nothing(),
        ),
        (
            "a secret that was replaced moments ago",
            vec![(session(&live.session), Some(owned(&renewed)))],
            ends(id),
            ends(id),
        ),
        (
            "a secret that was replaced long ago",
            vec![(session(&live.session), Some(owned(&renewed_long_ago)))],
            nothing(),
            nothing(),
        ),
        (
            "a remember token",
            vec![(remember_token(&remember), record())],
            ends(id),
            ends(id),
        ),
        (
            "a remember token whose record is gone",
            vec![(remember_token(&remember), None)],
            nothing(),
            nothing(),
        ),
        (
            "a used token whose successor was used",
            vec![(remember_token(&remember), arrived())],
            theft.clone(),
            theft,
        ),
        (
            "a used token beside its successor",
            vec![
                (remember_token(&remember), arrived()),
                (remember_token(&successors.remember), arrived()),
            ],
            ends(id),
            ends(id),
        ),
        (
            "a peer's session with a record",
            vec![(peers_session(&peers), Some(owned(&adopted.live)))],
            of_peer.clone(),
            of_peer.clone(),
        ),
        (
            "a peer's session that may be getting one",
            vec![(peers_session(&peers), None)],
            of_peer.clone(),
            of_peer,
        ),
        (
            "a session that Flask-Login's token started",
            vec![(session(&salted), shared())],
            of_all_browsers.clone(),
            nothing(),
        ),
        (
            "Flask-Login's token",
            vec![(Named::Shared(flask.clone()), None)],
            of_all_browsers,
            nothing(),
        ),
    ];
    for (name, came, log_out, log_in) in cases {
        let own = own(&rules, came);
        let by_login = own.clone().replace();
        assert_eq!(by_login, log_in, "{name}: a login");
        assert_eq!(own.log_out(&rules, NOW), log_out, "{name}: a logout");
    }
}

/// `renewed`, `a login of its own` or `no login`.
fn renewal(rules: &RecordRules, token: &LoginSecret, found: Option<LoginRecord>) -> &'static str {
    let renewing = Renewing {
        user_id: "mia".to_owned(),
        token: Some(token.clone()),
        auth_hash: None,
        is_remembered: false,
        client: Client::default(),
    };
    match renewing.plan(rules, token, found, Renewal::Confirm, NOW) {
        Ok(RenewalPlan::Update(next, renewed)) => {
            assert!(next.record.id == token.id && renewed.session != *token);
            "renewed"
        }
        Ok(RenewalPlan::Create(new)) => {
            assert!(new.session.id != token.id);
            "a login of its own"
        }
        Err(error) => {
            assert_eq!(error.kind(), ErrorKind::NotLoggedIn);
            "no login"
        }
    }
}

#[test]
fn only_a_login_that_counts_is_renewed_and_a_shared_one_stays_as_it_is() {
    let rules = rules();
    let live = issued(&rules);
    let token = &live.session;
    let (renewed, _) = rules.renewed(&live.live, None, Renewal::Confirm, true, NOW);
    let flask = LoginSecret::of_flask_token("", "mia", "a token");
    let shared = rules.adopt(flask, true, "mia", None, &Client::default(), NOW);
    let record = owned(&live.live);
    let of_ben = LoginRecord {
        user_id: "ben".to_owned(),
        ..record.clone()
    };
    let idle = LoginRecord {
        last_seen_at: NOW - 24 * 60 * 60,
        ..record.clone()
    };
    for (name, token, found, expected) in [
        ("it counts", token, Some(record), "renewed"),
        ("gone", token, None, "no login"),
        ("of somebody else", token, Some(of_ben), "no login"),
        ("idle", token, Some(idle), "no login"),
        (
            "renewed by another request moments ago",
            token,
            Some(owned(&renewed)),
            "no login",
        ),
        (
            "shared with other browsers",
            &shared.session,
            Some(owned(&shared.live)),
            "a login of its own",
        ),
    ] {
        assert_eq!(renewal(&rules, token, found), expected, "{name}");
    }
}

fn owned(live: &Live) -> LoginRecord {
    LoginRecord::clone(&live.record)
}
