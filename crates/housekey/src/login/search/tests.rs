//! Every path of the search, in a table: what is asked, what is answered, who is there in the end.

use std::time::{Duration, SystemTime};

use http::{HeaderMap, Request, header};

use super::*;
use crate::login::actions::LoginOptions;
use crate::records::MemoryLoginStore;
use crate::records::data::{LoginData, Previous, Spent};
use crate::{BoxError, LoginManager, LoginManagerBuilder, SecretKeys};

const NOW: u64 = 1_700_000_000;
const HOUR: u64 = 60 * 60;

struct Member {
    id: &'static str,
    active: bool,
    stamp: u8,
}

impl User for Member {
    fn id(&self) -> String {
        self.id.to_owned()
    }
    fn is_active(&self) -> bool {
        self.active
    }
    fn session_auth_hash(&self) -> Option<Vec<u8>> {
        Some(vec![self.stamp])
    }
}

const MIA: Member = Member {
    id: "mia",
    active: true,
    stamp: 1,
};
const SUSPENDED: Member = Member {
    id: "mia",
    active: false,
    stamp: 1,
};
const NEW_PASSWORD: Member = Member {
    id: "mia",
    active: true,
    stamp: 2,
};
const BOB: Member = Member {
    id: "bob",
    active: true,
    stamp: 9,
};

fn builder() -> LoginManagerBuilder<Member> {
    let nobody = |_: String| async { Ok::<_, BoxError>(None) };
    LoginManager::new(
        SecretKeys::new("0123456789abcdef0123456789abcdef").unwrap(),
        nobody,
    )
    .session_protection("strong")
    .clock(|| SystemTime::UNIX_EPOCH + Duration::from_secs(NOW))
}

fn manager() -> LoginManager<Member> {
    builder().build().unwrap()
}

/// One whose logins have records. The store itself is never asked here: the tables answer for it.
fn recording() -> LoginManager<Member> {
    builder()
        .login_store(MemoryLoginStore::new())
        .build()
        .unwrap()
}

/// A request from the browser `user_agent`, with these cookies.
fn arrive(manager: &LoginManager<Member>, cookies: &[String], user_agent: &str) -> VisitState {
    let request = Request::get("/")
        .header(header::USER_AGENT, user_agent)
        .header(header::COOKIE, cookies.join("; "));
    let (parts, ()) = request.body(()).unwrap().into_parts();
    let mut state = VisitState::read(manager.visit(&parts.uri).shared(), &parts);
    state.is_used = true;
    state
}

/// The session cookie, the remember token if there is to be one, and the record that a login of this user gives.
fn log_in(
    manager: &LoginManager<Member>,
    member: &Member,
    remember: bool,
) -> (Vec<String>, Option<LoginRecord>) {
    let visit = manager.visit(&http::Uri::from_static("/"));
    let shared = visit.shared();
    let mut state = arrive(manager, &[], "firefox");
    let options = LoginOptions {
        remember: remember.then_some(None),
        ..LoginOptions::default()
    };
    let duration = remember.then_some(shared.remember.duration);
    let digest = shared.auth_hashes.digest(member);
    let issued = shared
        .records
        .as_ref()
        .map(|records| records.issue(member.id, digest, duration, &state.client, NOW));
    state
        .log_in(shared, member, options, issued.as_ref())
        .unwrap();
    let mut headers = HeaderMap::new();
    state.write(shared, &mut headers).unwrap();
    let cookies = headers.get_all(header::SET_COOKIE).iter();
    let mut cookies: Vec<_> = cookies
        .map(|value| {
            value
                .to_str()
                .unwrap()
                .split(';')
                .next()
                .unwrap()
                .to_owned()
        })
        .collect();
    cookies.reverse();
    (cookies, issued.map(|issued| issued.live.record))
}

/// The session cookie and the remember token that a login of this user gives.
fn cookies_of(manager: &LoginManager<Member>, member: &Member) -> [String; 2] {
    log_in(manager, member, true).0.try_into().unwrap()
}

/// What a test answers to a question.
enum Told {
    User(Option<Member>),
    Record(Option<LoginRecord>),
    Adopted(Option<LoginRecord>, bool),
    Written(Updated),
}

impl From<Told> for Answer {
    fn from(told: Told) -> Self {
        match told {
            Told::User(user) => Self::User(user.map(|user| Arc::new(user) as Arc<dyn User>)),
            Told::Record(record) => Self::Record(record),
            Told::Adopted(record, was_there) => Self::Adopted(record, was_there),
            Told::Written(updated) => Self::Written(updated),
        }
    }
}

/// What is asked, and who is there in the end, when the application and the store answer like this.
fn walk(state: &mut VisitState, manager: &LoginManager<Member>, answers: Vec<Told>) -> String {
    let visit = manager.visit(&http::Uri::from_static("/"));
    let mut answers = answers.into_iter();
    let mut asked = Vec::new();
    let mut search = state.search(visit.shared());
    loop {
        asked.push(match &search {
            Search::SessionRecord(id, _) => format!("record:{}", id.as_deref().unwrap_or("-")),
            Search::SessionUser(id) => format!("session:{id}"),
            Search::RememberedRecord(claims, _) => format!("token's record:{}", claims.user_id),
            Search::RememberedUser(claims) => format!("token:{}", claims.user_id),
            Search::Adopted(Adopted::Session { user_id, .. }) => format!("peer's record:{user_id}"),
            Search::Adopted(Adopted::Token(claims, _)) => format!("shared:{}", claims.user_id),
            Search::RequestUser => "request".to_owned(),
            Search::Write(write) => format!("{write:?}"),
            Search::Over => match &state.who {
                Who::Somebody(user, source) => format!("{} by {source:?}", user.id()),
                Who::Nobody => "nobody".to_owned(),
                Who::NotAsked => "not known".to_owned(),
            },
        });
        if matches!(search, Search::Over) {
            assert!(answers.next().is_none(), "{asked:?} asks for less");
            return asked.join(", ");
        }
        let answer = answers.next();
        let answer = answer.unwrap_or_else(|| panic!("{asked:?} asks for more"));
        search = state.search_on(visit.shared(), search, answer.into());
    }
}

#[test]
fn every_path_of_the_search_ends_where_it_should() {
    let manager = manager();
    let [session, token] = cookies_of(&manager, &MIA);
    let both = [session.clone(), token.clone()];
    let forged = "__Host-remember_token=forged".to_owned();
    let (session, token) = ([session], [token]);
    let stale = [session[0].clone(), forged.clone()];
    type Case<'a> = (&'a str, &'a [String], Vec<Option<Member>>, &'a str);
    let cases: Vec<Case<'_>> = vec![
        ("a stranger", &[], vec![None], "request, nobody"),
        ("a key", &[], vec![Some(BOB)], "request, bob by Request"),
        (
            "a suspended key",
            &[],
            vec![Some(SUSPENDED)],
            "request, nobody",
        ),
        (
            "a session",
            &session,
            vec![Some(MIA)],
            "session:mia, mia by Session",
        ),
        (
            "a session beats all else",
            &both,
            vec![Some(MIA)],
            "session:mia, mia by Session",
        ),
        (
            "a session of someone gone",
            &session,
            vec![None, None],
            "session:mia, request, nobody",
        ),
        (
            "of someone suspended",
            &session,
            vec![Some(SUSPENDED), None],
            "session:mia, request, nobody",
        ),
        (
            "from before a new password",
            &session,
            vec![Some(NEW_PASSWORD), None],
            "session:mia, request, nobody",
        ),
        (
            "a token",
            &token,
            vec![Some(MIA)],
            "token:mia, mia by RememberToken",
        ),
        (
            "a token of someone gone",
            &token,
            vec![None, None],
            "token:mia, request, nobody",
        ),
        (
            "of someone suspended",
            &token,
            vec![Some(SUSPENDED), None],
            "token:mia, request, nobody",
        ),
        (
            "from before a new password",
            &token,
            vec![Some(NEW_PASSWORD), None],
            "token:mia, request, nobody",
        ),
        (
            "both, of someone gone",
            &both,
            vec![None, None, None],
            "session:mia, token:mia, request, nobody",
        ),
        (
            "a forged token and a key",
            &stale[1..],
            vec![Some(BOB)],
            "request, bob by Request",
        ),
        (
            "a dead token and a key",
            &token,
            vec![None, Some(BOB)],
            "token:mia, request, bob by Request",
        ),
    ];
    for (name, cookies, answers, expected) in cases {
        let mut state = arrive(&manager, cookies, "firefox");
        let answers = answers.into_iter().map(Told::User).collect();
        assert_eq!(walk(&mut state, &manager, answers), expected, "{name}");
    }
}

/// The record of a login that was used, proved or replaced at other times than now.
fn at(record: &LoginRecord, change: impl FnOnce(&mut LoginRecord, &mut LoginData)) -> Told {
    let mut record = record.clone();
    let mut data = LoginData::read(&record).unwrap();
    change(&mut record, &mut data);
    record.data = data.to_json();
    Told::Record(Some(record))
}

fn unchanged(record: &LoginRecord) -> Told {
    at(record, |_, _| {})
}

/// Another secret has taken the place of the session's.
fn replaced(record: &LoginRecord, until: u64) -> Told {
    at(record, |_, data| {
        let digest = std::mem::replace(&mut data.session, "of another secret".to_owned());
        data.previous = Some(Previous { digest, until });
    })
}

/// Another secret has taken the place of the remember token's.
fn used(record: &LoginRecord, until: u64) -> Told {
    at(record, |_, data| {
        let remember = data.remember.as_mut().unwrap();
        let digest = std::mem::replace(&mut remember.digest, "of another secret".to_owned());
        remember.previous = Some(Spent {
            digest,
            until,
            again: 0,
            arrived: true,
        });
    })
}

#[test]
fn every_path_of_a_session_with_a_record_ends_where_it_should() {
    use Told::{Record, User, Written};
    let manager = recording();
    let (cookies, record) = log_in(&manager, &MIA, false);
    let record = &record.unwrap();
    let (unrecorded, _) = log_in(&builder().build().unwrap(), &MIA, false);
    let long_ago = |record: &mut LoginRecord, _: &mut LoginData| record.last_seen_at -= 2 * HOUR;
    let idle = |record: &mut LoginRecord, _: &mut LoginData| record.last_seen_at -= 24 * HOUR;
    let old = |_: &mut LoginRecord, data: &mut LoginData| data.started_at -= 30 * 24 * HOUR;
    let of_bob = |record: &mut LoginRecord, _: &mut LoginData| record.user_id = "bob".to_owned();
    let done = || Written(Updated::Done);
    let mia = || User(Some(MIA));
    type Case<'a> = (&'a str, Vec<Told>, &'a str);
    let cases: Vec<Case<'_>> = vec![
        (
            "it counts",
            vec![unchanged(record), mia()],
            "record:mia, session:mia, mia by Session",
        ),
        (
            "gone",
            vec![Record(None), User(None)],
            "record:mia, request, nobody",
        ),
        (
            "gone, and a key",
            vec![Record(None), User(Some(BOB))],
            "record:mia, request, bob by Request",
        ),
        (
            "of somebody else",
            vec![at(record, of_bob), User(None)],
            "record:mia, request, nobody",
        ),
        (
            "used a while ago",
            vec![at(record, long_ago), mia(), done()],
            "record:mia, session:mia, Touch, mia by Session",
        ),
        (
            "idle",
            vec![at(record, idle), done(), User(None)],
            "record:mia, Delete, request, nobody",
        ),
        (
            "too old",
            vec![at(record, old), done(), User(None)],
            "record:mia, Delete, request, nobody",
        ),
        (
            "replaced",
            vec![replaced(record, NOW - 1), User(None)],
            "record:mia, request, nobody",
        ),
        (
            "in grace",
            vec![replaced(record, NOW), mia()],
            "record:mia, session:mia, mia by Session",
        ),
        (
            "in grace, and its user is gone",
            vec![replaced(record, NOW), User(None), User(None)],
            "record:mia, session:mia, request, nobody",
        ),
        (
            "its user is gone",
            vec![unchanged(record), User(None), done(), User(None)],
            "record:mia, session:mia, Delete, request, nobody",
        ),
        (
            "suspended",
            vec![unchanged(record), User(Some(SUSPENDED)), done(), User(None)],
            "record:mia, session:mia, Delete, request, nobody",
        ),
        (
            "a new password",
            vec![
                unchanged(record),
                User(Some(NEW_PASSWORD)),
                done(),
                User(None),
            ],
            "record:mia, session:mia, Delete, request, nobody",
        ),
    ];
    for (name, answers, expected) in cases {
        let mut state = arrive(&manager, &cookies, "firefox");
        assert_eq!(walk(&mut state, &manager, answers), expected, "{name}");
    }

    let mut state = arrive(&manager, &unrecorded, "firefox");
    assert_eq!(
        walk(&mut state, &manager, vec![User(None)]),
        "request, nobody"
    );
    for (answers, expected) in [
        (
            vec![unchanged(record), done()],
            "record:mia, Delete, nobody",
        ),
        (vec![replaced(record, NOW)], "record:mia, nobody"),
        (
            vec![Record(None), User(None)],
            "record:mia, request, nobody",
        ),
    ] {
        let mut state = arrive(&manager, &cookies, "another browser");
        assert_eq!(walk(&mut state, &manager, answers), expected);
    }
}

#[test]
fn every_path_of_a_remember_token_with_a_record_ends_where_it_should() {
    use Told::{Record, User, Written};
    let manager = recording();
    let (cookies, record) = log_in(&manager, &MIA, true);
    let (record, token) = (&record.unwrap(), &cookies[1..]);
    let mia = || User(Some(MIA));
    let idle = |record: &mut LoginRecord, _: &mut LoginData| record.last_seen_at -= 24 * HOUR;
    let over = |_: &mut LoginRecord, data: &mut LoginData| {
        data.remember.as_mut().unwrap().expires_at = NOW
    };
    let not_remembered = |_: &mut LoginRecord, data: &mut LoginData| data.remember = None;
    let done = || Written(Updated::Done);
    let restored = "token's record:mia, token:mia, Restore, mia by RememberToken";
    let thrown_out = "token's record:mia, Delete, request, nobody";
    type Case<'a> = (&'a str, &'a [String], Vec<Told>, &'a str);
    let cases: Vec<Case<'_>> = vec![
        (
            "it counts",
            token,
            vec![unchanged(record), mia(), done()],
            restored,
        ),
        (
            "whatever the session's clock says",
            token,
            vec![at(record, idle), mia(), done()],
            restored,
        ),
        (
            "gone",
            token,
            vec![Record(None), User(None)],
            "token's record:mia, request, nobody",
        ),
        (
            "over",
            token,
            vec![at(record, over), User(None)],
            "token's record:mia, request, nobody",
        ),
        (
            "none was given out",
            token,
            vec![at(record, not_remembered), User(None)],
            "token's record:mia, request, nobody",
        ),
        (
            "stolen",
            token,
            vec![used(record, NOW - 61), done(), User(None)],
            thrown_out,
        ),
        (
            "used a moment ago, and proved since",
            token,
            vec![used(record, NOW), mia()],
            "token's record:mia, token:mia, mia by RememberToken",
        ),
        (
            "another was first",
            token,
            vec![
                unchanged(record),
                mia(),
                Written(Updated::Conflict),
                used(record, NOW),
                mia(),
            ],
            "token's record:mia, token:mia, Restore, token's record:mia, token:mia, mia by RememberToken",
        ),
        (
            "ended meanwhile",
            token,
            vec![unchanged(record), mia(), Written(Updated::Gone), User(None)],
            "token's record:mia, token:mia, Restore, request, nobody",
        ),
        (
            "its user is gone",
            token,
            vec![unchanged(record), User(None), done(), User(None)],
            "token's record:mia, token:mia, Delete, request, nobody",
        ),
        (
            "a new password",
            token,
            vec![
                unchanged(record),
                User(Some(NEW_PASSWORD)),
                done(),
                User(None),
            ],
            "token's record:mia, token:mia, Delete, request, nobody",
        ),
        (
            "after an idle session, whose record is the token's",
            &cookies,
            vec![at(record, idle), at(record, idle), mia(), done()],
            "record:mia, token's record:mia, token:mia, Restore, mia by RememberToken",
        ),
        (
            "after a session that is over, with its record",
            &cookies,
            vec![Record(None), Record(None), User(None)],
            "record:mia, token's record:mia, request, nobody",
        ),
        (
            "after the end of its user",
            &cookies,
            vec![
                unchanged(record),
                User(None),
                done(),
                Record(None),
                User(None),
            ],
            "record:mia, session:mia, Delete, token's record:mia, request, nobody",
        ),
    ];
    for (name, cookies, answers, expected) in cases {
        let mut state = arrive(&manager, cookies, "firefox");
        assert_eq!(walk(&mut state, &manager, answers), expected, "{name}");
    }
}

/// A manager beside a Flask peer, with a store that the tables answer for.
fn beside_flask() -> LoginManager<Member> {
    let nobody = |_: String| async { Ok::<_, BoxError>(None) };
    LoginManager::flask(
        SecretKeys::flask("of the search beside Flask").unwrap(),
        nobody,
    )
    .session_protection("off")
    .login_store(MemoryLoginStore::new())
    .clock(|| SystemTime::UNIX_EPOCH + Duration::from_secs(NOW))
    .build()
    .unwrap()
}

#[test]
fn every_path_of_a_peers_login_ends_where_it_should() {
    use Told::{Adopted, User, Written};
    let manager = beside_flask();
    let visit = manager.visit(&http::Uri::from_static("/"));
    let shared = visit.shared();
    let records = shared.records.as_ref().unwrap();
    let session = {
        let signer = &shared.session_cookie.main.signer;
        let payload = crate::signing::payload::encode(r#"{"_fresh":true,"_user_id":"mia"}"#);
        signer.sign(&payload, NOW)
    };
    let of_session = LoginToken::of_peers_session(session.as_bytes());
    let of_token = shared.remember.flask_token("mia");
    let record_of = |token: &LoginToken, shared, at| {
        let client = crate::client::Client::default();
        let digest = visit.shared().auth_hashes.digest(&MIA);
        let adopted = records.adopt(token.clone(), shared, "mia", digest, &client, at);
        Some(adopted.live.record)
    };
    let record = |token: &LoginToken, shared| record_of(token, shared, NOW - 61);
    let by_session = [format!("session={session}")];
    let by_token = log_in(&manager, &MIA, true).0.split_off(1);
    let mia = || User(Some(MIA));
    let done = || Written(Updated::Done);
    type Case<'a> = (&'a str, &'a [String], Vec<Told>, &'a str);
    let cases: Vec<Case<'_>> = vec![
        (
            "the first look",
            &by_session,
            vec![Adopted(None, false), mia(), done()],
            "peer's record:mia, session:mia, Adopt, mia by Session",
        ),
        (
            "it has its record",
            &by_session,
            vec![Adopted(record(&of_session, false), true), mia()],
            "peer's record:mia, session:mia, mia by Session",
        ),
        (
            "its record is gone",
            &by_session,
            vec![Adopted(None, true), User(None)],
            "peer's record:mia, request, nobody",
        ),
        (
            "another request was first",
            &by_session,
            vec![
                Adopted(None, false),
                mia(),
                Written(Updated::Conflict),
                Adopted(record(&of_session, false), true),
                mia(),
            ],
            "peer's record:mia, session:mia, Adopt, peer's record:mia, session:mia, mia by Session",
        ),
        (
            "nobody of that name",
            &by_session,
            vec![Adopted(None, false), User(None), User(None)],
            "peer's record:mia, session:mia, request, nobody",
        ),
        (
            "a token's first use",
            &by_token,
            vec![Adopted(None, false), mia(), done()],
            "shared:mia, token:mia, Adopt, mia by RememberToken",
        ),
        (
            "and one that comes later",
            &by_token,
            vec![Adopted(record(&of_token, true), true), mia(), done()],
            "shared:mia, token:mia, Reopen, mia by RememberToken",
        ),
        (
            "and another one moments later",
            &by_token,
            vec![Adopted(record_of(&of_token, true, NOW - 60), true), mia()],
            "shared:mia, token:mia, mia by RememberToken",
        ),
        (
            "a first look that a logout overtakes",
            &by_session,
            vec![
                Adopted(None, false),
                mia(),
                Written(Updated::Gone),
                User(None),
            ],
            "peer's record:mia, session:mia, Adopt, request, nobody",
        ),
        (
            "a first use that a logout overtakes",
            &by_token,
            vec![
                Adopted(None, false),
                mia(),
                Written(Updated::Gone),
                User(None),
            ],
            "shared:mia, token:mia, Adopt, request, nobody",
        ),
        (
            "a token that was ended",
            &by_token,
            vec![Adopted(None, true), User(None)],
            "shared:mia, request, nobody",
        ),
        (
            "a record that is none of a token's",
            &by_token,
            vec![Adopted(record(&of_token, false), true), User(None)],
            "shared:mia, request, nobody",
        ),
        (
            "ended meanwhile",
            &by_token,
            vec![
                Adopted(record(&of_token, true), true),
                mia(),
                Written(Updated::Gone),
                User(None),
            ],
            "shared:mia, token:mia, Reopen, request, nobody",
        ),
        (
            "its user is gone",
            &by_token,
            vec![
                Adopted(record(&of_token, true), true),
                User(None),
                done(),
                User(None),
            ],
            "shared:mia, token:mia, Delete, request, nobody",
        ),
    ];
    for (name, cookies, answers, expected) in cases {
        let mut state = arrive(&manager, cookies, "firefox");
        assert_eq!(walk(&mut state, &manager, answers), expected, "{name}");
    }
}

#[test]
fn a_strong_refusal_ends_the_search_and_asks_nobody() {
    let manager = manager();
    let mut state = arrive(&manager, &cookies_of(&manager, &MIA), "another browser");
    assert_eq!(walk(&mut state, &manager, vec![]), "nobody");
    assert!(state.session.get(keys::USER_ID).is_none());
}

#[test]
fn a_search_that_was_not_answered_has_changed_nothing() {
    for manager in [manager(), recording()] {
        let visit = manager.visit(&http::Uri::from_static("/"));
        for cookies in cookies_of(&manager, &MIA) {
            let mut state = arrive(&manager, &[cookies], "firefox");
            let _ = state.search(visit.shared());
            assert!(matches!(state.who, Who::NotAsked));
            let mut headers = HeaderMap::new();
            state.write(visit.shared(), &mut headers).unwrap();
            assert!(!headers.contains_key(header::SET_COOKIE));
        }
    }
}
