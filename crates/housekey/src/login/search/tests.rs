//! Every path of the search, in a table: the questions, the answers, and the user in the end.

use std::time::{Duration, SystemTime};

use http::{HeaderMap, Request, header};

use super::*;
use crate::login::actions::LoginOptions;
use crate::records::MemoryLoginStore;
use crate::records::data::{LoginData, Previous, Spent};
use crate::records::marks::{ending, marker_id};
use crate::visit::arrive::Brought;
use crate::{BoxError, LoginManager, LoginManagerBuilder, SecretKeys, UserLoader};

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

/// Is never asked: the tables answer for it, also what a request proves.
struct Loader;

impl UserLoader<Member> for Loader {
    async fn load_user(&self, _: &str) -> Result<Option<Member>, BoxError> {
        Ok(None)
    }
}

fn builder() -> LoginManagerBuilder<Member> {
    builder_with(Loader)
}

fn builder_with(loader: impl UserLoader<Member>) -> LoginManagerBuilder<Member> {
    LoginManager::new(
        SecretKeys::new("0123456789abcdef0123456789abcdef").unwrap(),
        loader,
    )
    .session_protection("strong")
    .clock(|| SystemTime::UNIX_EPOCH + Duration::from_secs(NOW))
}

fn manager() -> LoginManager<Member> {
    builder().build().unwrap()
}

/// A manager with login records. These tests never ask the store: the tables answer for it.
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
    let visit = manager.visit(&parts.uri);
    let shared = visit.shared();
    let mut state = VisitState::read(shared, &parts, Brought::by(&parts, shared));
    state.is_used = true;
    state
}

/// The session cookie, the remember token if any, and the record of a login of this user.
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
    let issued = shared.records.as_ref().map(|records| {
        let rules = &records.rules;
        rules.issue(member.id, digest, duration, &state.client, NOW)
    });
    let mut view = state.view(shared);
    view.log_in(member, options, issued.as_ref()).unwrap();
    let mut headers = HeaderMap::new();
    view.state.write(view.policy, &mut headers).unwrap();
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
    (cookies, issued.map(|issued| owned(&issued.live)))
}

/// The session cookie and the remember token of a login of this user.
fn cookies_of(manager: &LoginManager<Member>, member: &Member) -> [String; 2] {
    log_in(manager, member, true).0.try_into().unwrap()
}

/// A test's answer to a question.
enum Told {
    User(Option<Member>),
    Record(Option<LoginRecord>),
    /// As a cache has it.
    Cached(LoginRecord),
    /// To an update.
    Updated(Updated),
    /// To a new record or a mark: whether it is the first.
    IsNew(bool),
    /// To an action without an answer.
    Done,
}

/// What the search asks, and which user it finds, if the application and the store answer like this. Records have names.
fn walk_with(
    names: &[(LoginId, &str)],
    state: &mut VisitState,
    manager: &LoginManager<Member>,
    answers: Vec<Told>,
) -> String {
    let visit = manager.visit(&http::Uri::from_static("/"));
    let shared = visit.shared();
    let name = |id: &LoginId| {
        let known = names.iter().find(|(known, _)| known == id);
        known.map_or("record", |(_, name)| name)
    };
    let mut answers = answers.into_iter();
    let mut asked = Vec::new();
    let mut search = Search {
        view: state.view(shared),
        records: shared.records.as_ref(),
    };
    let mut step = search.begin();
    loop {
        let question = match &step {
            Step::User(id, _) => format!("user:{id}"),
            Step::RequestUser(_) => "request".to_owned(),
            Step::Record(_, id, _) | Step::LookUp(_, id, _) => name(id).to_owned(),
            Step::Change(_, RecordChange::Touch(..)) => "touch".to_owned(),
            Step::Change(_, RecordChange::Update(..)) => "update".to_owned(),
            Step::Change(_, RecordChange::Delete(..)) => "delete".to_owned(),
            Step::Change(_, RecordChange::Create(..)) => "create".to_owned(),
            Step::Change(_, RecordChange::Mark(mark, _)) => format!("make {}", name(&mark.id)),
            Step::Over => match &search.who {
                Who::Somebody(user, source) => format!("{} by {source:?}", user.id()),
                Who::Nobody => "nobody".to_owned(),
                Who::NotAsked => "not known".to_owned(),
            },
        };
        asked.push(question);
        if matches!(step, Step::Over) {
            assert!(answers.next().is_none(), "{asked:?} asks for less");
            return asked.join(", ");
        }
        let answer = answers.next();
        let user = |user: Option<Member>| user.map(|user| Arc::new(user) as Arc<dyn User>);
        step = match (
            step,
            answer.unwrap_or_else(|| panic!("{asked:?} asks for more")),
        ) {
            (Step::User(id, then), Told::User(found)) => then(&mut search, id, user(found)),
            (Step::RequestUser(then), Told::User(found)) => then(&mut search, user(found)),
            (Step::Record(_, _, then), Told::Record(found)) => then(&mut search, found),
            (Step::LookUp(_, _, then), Told::Record(found)) => {
                then(&mut search, found.map(SharedRecord::new))
            }
            (Step::LookUp(_, _, then), Told::Cached(found)) => {
                then(&mut search, Some(SharedRecord::new(found).cached()))
            }
            (Step::Change(_, change), told) => match (change, told) {
                (RecordChange::Touch(_, _, then), Told::Done) => then(&mut search, ()),
                (RecordChange::Delete(_, then), Told::Done) => then(&mut search, ()),
                (RecordChange::Update(_, then), Told::Updated(it)) => then(&mut search, it),
                (RecordChange::Create(_, then), Told::IsNew(it)) => then(&mut search, it),
                (RecordChange::Mark(_, then), Told::IsNew(it)) => then(&mut search, it),
                _ => panic!("{asked:?} is answered by something else"),
            },
            _ => panic!("{asked:?} is answered by something else"),
        };
    }
}

fn walk(state: &mut VisitState, manager: &LoginManager<Member>, answers: Vec<Told>) -> String {
    walk_with(&[], state, manager, answers)
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
            "user:mia, mia by Session",
        ),
        (
            "a session beats all else",
            &both,
            vec![Some(MIA)],
            "user:mia, mia by Session",
        ),
        (
            "a session of someone gone",
            &session,
            vec![None, None],
            "user:mia, request, nobody",
        ),
        (
            "of someone suspended",
            &session,
            vec![Some(SUSPENDED), None],
            "user:mia, request, nobody",
        ),
        (
            "from before a new password",
            &session,
            vec![Some(NEW_PASSWORD), None],
            "user:mia, request, nobody",
        ),
        (
            "a token",
            &token,
            vec![Some(MIA)],
            "user:mia, mia by RememberToken",
        ),
        (
            "a token of someone gone",
            &token,
            vec![None, None],
            "user:mia, request, nobody",
        ),
        (
            "of someone suspended",
            &token,
            vec![Some(SUSPENDED), None],
            "user:mia, request, nobody",
        ),
        (
            "from before a new password",
            &token,
            vec![Some(NEW_PASSWORD), None],
            "user:mia, request, nobody",
        ),
        (
            "both, of someone gone",
            &both,
            vec![None, None, None],
            "user:mia, user:mia, request, nobody",
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
            "user:mia, request, bob by Request",
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
    use Told::{Done, Record, User};
    let manager = recording();
    let (cookies, record) = log_in(&manager, &MIA, false);
    let record = &record.unwrap();
    let (unrecorded, _) = log_in(&builder().build().unwrap(), &MIA, false);
    let long_ago = |record: &mut LoginRecord, _: &mut LoginData| record.last_seen_at -= 2 * HOUR;
    let idle = |record: &mut LoginRecord, _: &mut LoginData| record.last_seen_at -= 24 * HOUR;
    let old = |_: &mut LoginRecord, data: &mut LoginData| data.started_at -= 30 * 24 * HOUR;
    let of_bob = |record: &mut LoginRecord, _: &mut LoginData| record.user_id = "bob".to_owned();
    let mia = || User(Some(MIA));
    type Case<'a> = (&'a str, Vec<Told>, &'a str);
    let cases: Vec<Case<'_>> = vec![
        (
            "it counts",
            vec![unchanged(record), mia()],
            "record, user:mia, mia by Session",
        ),
        (
            "gone",
            vec![Record(None), User(None)],
            "record, request, nobody",
        ),
        (
            "gone, and a key",
            vec![Record(None), User(Some(BOB))],
            "record, request, bob by Request",
        ),
        (
            "of somebody else",
            vec![at(record, of_bob), User(None)],
            "record, request, nobody",
        ),
        (
            "used a while ago",
            vec![at(record, long_ago), mia(), Done],
            "record, user:mia, touch, mia by Session",
        ),
        (
            "idle",
            vec![at(record, idle), Done, User(None)],
            "record, delete, request, nobody",
        ),
        (
            "too old",
            vec![at(record, old), Done, User(None)],
            "record, delete, request, nobody",
        ),
        (
            "replaced",
            vec![replaced(record, NOW - 1), User(None)],
            "record, request, nobody",
        ),
        (
            "in grace",
            vec![replaced(record, NOW), mia()],
            "record, user:mia, mia by Session",
        ),
        (
            "in grace, and its user is gone",
            vec![replaced(record, NOW), User(None), User(None)],
            "record, user:mia, request, nobody",
        ),
        (
            "its user is gone",
            vec![unchanged(record), User(None), Done, User(None)],
            "record, user:mia, delete, request, nobody",
        ),
        (
            "suspended",
            vec![unchanged(record), User(Some(SUSPENDED)), Done, User(None)],
            "record, user:mia, delete, request, nobody",
        ),
        (
            "a new password",
            vec![
                unchanged(record),
                User(Some(NEW_PASSWORD)),
                Done,
                User(None),
            ],
            "record, user:mia, delete, request, nobody",
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
        (vec![unchanged(record), Done], "record, delete, nobody"),
        (vec![replaced(record, NOW)], "record, nobody"),
        (vec![Record(None), User(None)], "record, request, nobody"),
    ] {
        let mut state = arrive(&manager, &cookies, "another browser");
        assert_eq!(walk(&mut state, &manager, answers), expected);
    }
}

/// Another machine may have used or renewed it since then.
#[test]
fn a_cached_record_lets_a_login_go_on_and_the_store_is_asked_before_it_ends() {
    use Told::{Cached, Done, Record, User};
    let manager = recording();
    let (cookies, record) = log_in(&manager, &MIA, false);
    let record = &record.unwrap();
    let cached = |told| match told {
        Record(Some(record)) => Cached(record),
        _ => unreachable!(),
    };
    let unchanged = || Cached(record.clone());
    let idle = || {
        cached(at(record, |record, _| {
            record.last_seen_at -= 24 * HOUR;
        }))
    };
    let unused = |record: &mut LoginRecord, _: &mut LoginData| record.last_seen_at -= 2 * HOUR;
    let mia = || User(Some(MIA));
    let alive = || Record(Some(record.clone()));
    type Case<'a> = (&'a str, &'a str, Vec<Told>, &'a str);
    let cases: Vec<Case<'_>> = vec![
        (
            "it counts",
            "firefox",
            vec![unchanged(), mia()],
            "record, user:mia, mia by Session",
        ),
        (
            "used a while ago",
            "firefox",
            vec![cached(at(record, unused)), mia(), Done],
            "record, user:mia, touch, mia by Session",
        ),
        (
            "idle, but used elsewhere",
            "firefox",
            vec![idle(), alive(), mia()],
            "record, record, user:mia, mia by Session",
        ),
        (
            "idle, and ended",
            "firefox",
            vec![idle(), Record(None), User(None)],
            "record, record, request, nobody",
        ),
        (
            "replaced, by what the cache has",
            "firefox",
            vec![cached(replaced(record, NOW - 1)), alive(), mia()],
            "record, record, user:mia, mia by Session",
        ),
        (
            "a new password, with which this login was renewed",
            "firefox",
            vec![
                unchanged(),
                User(Some(NEW_PASSWORD)),
                replaced(record, NOW),
                User(Some(NEW_PASSWORD)),
                User(None),
            ],
            "record, user:mia, record, user:mia, request, nobody",
        ),
        (
            "a new password, and nobody has renewed it",
            "firefox",
            vec![
                unchanged(),
                User(Some(NEW_PASSWORD)),
                alive(),
                User(Some(NEW_PASSWORD)),
                Done,
                User(None),
            ],
            "record, user:mia, record, user:mia, delete, request, nobody",
        ),
        (
            "a copy of the cookie",
            "another browser",
            vec![unchanged(), alive(), Done],
            "record, record, delete, nobody",
        ),
        (
            "a copy of a cookie that was replaced",
            "another browser",
            vec![unchanged(), replaced(record, NOW)],
            "record, record, nobody",
        ),
    ];
    for (name, browser, answers, expected) in cases {
        let mut state = arrive(&manager, &cookies, browser);
        assert_eq!(walk(&mut state, &manager, answers), expected, "{name}");
    }
}

#[test]
fn every_path_of_a_remember_token_with_a_record_ends_where_it_should() {
    use Told::{Done, Record, User};
    let manager = recording();
    let (cookies, record) = log_in(&manager, &MIA, true);
    let (record, token) = (&record.unwrap(), &cookies[1..]);
    let mia = || User(Some(MIA));
    let idle = |record: &mut LoginRecord, _: &mut LoginData| record.last_seen_at -= 24 * HOUR;
    let over = |_: &mut LoginRecord, data: &mut LoginData| {
        data.remember.as_mut().unwrap().expires_at = NOW
    };
    let not_remembered = |_: &mut LoginRecord, data: &mut LoginData| data.remember = None;
    let done = || Told::Updated(Updated::Done);
    let restored = "record, user:mia, update, mia by RememberToken";
    let thrown_out = "record, delete, request, nobody";
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
            "record, request, nobody",
        ),
        (
            "over",
            token,
            vec![at(record, over), User(None)],
            "record, request, nobody",
        ),
        (
            "none was given out",
            token,
            vec![at(record, not_remembered), User(None)],
            "record, request, nobody",
        ),
        (
            "stolen",
            token,
            vec![used(record, NOW - 61), Done, User(None)],
            thrown_out,
        ),
        (
            "used a moment ago, and proved since",
            token,
            vec![used(record, NOW), mia()],
            "record, user:mia, mia by RememberToken",
        ),
        (
            "another was first",
            token,
            vec![
                unchanged(record),
                mia(),
                Told::Updated(Updated::Conflict),
                used(record, NOW),
                mia(),
            ],
            "record, user:mia, update, record, user:mia, mia by RememberToken",
        ),
        (
            "ended meanwhile",
            token,
            vec![
                unchanged(record),
                mia(),
                Told::Updated(Updated::Gone),
                User(None),
            ],
            "record, user:mia, update, request, nobody",
        ),
        (
            "its user is gone",
            token,
            vec![unchanged(record), User(None), Done, User(None)],
            "record, user:mia, delete, request, nobody",
        ),
        (
            "a new password",
            token,
            vec![
                unchanged(record),
                User(Some(NEW_PASSWORD)),
                Done,
                User(None),
            ],
            "record, user:mia, delete, request, nobody",
        ),
        (
            "after an idle session, whose record is the token's",
            &cookies,
            vec![at(record, idle), at(record, idle), mia(), done()],
            "record, record, user:mia, update, mia by RememberToken",
        ),
        (
            "after a session that is over, with its record",
            &cookies,
            vec![Record(None), Record(None), User(None)],
            "record, record, request, nobody",
        ),
        (
            "after the end of its user",
            &cookies,
            vec![
                unchanged(record),
                User(None),
                Done,
                Record(None),
                User(None),
            ],
            "record, user:mia, delete, record, request, nobody",
        ),
    ];
    for (name, cookies, answers, expected) in cases {
        let mut state = arrive(&manager, cookies, "firefox");
        assert_eq!(walk(&mut state, &manager, answers), expected, "{name}");
    }
}

/// A manager beside a Flask peer, with a store that the tables answer for.
fn beside_flask() -> LoginManager<Member> {
    let keys = SecretKeys::flask("of the search beside Flask").unwrap();
    LoginManager::flask(keys, Loader)
        .session_protection("off")
        .login_store(MemoryLoginStore::new())
        .clock(|| SystemTime::UNIX_EPOCH + Duration::from_secs(NOW))
        .build()
        .unwrap()
}

#[test]
fn every_path_of_a_peers_login_ends_where_it_should() {
    use Told::{Done, IsNew, Record, User};
    let manager = beside_flask();
    let visit = manager.visit(&http::Uri::from_static("/"));
    let shared = visit.shared();
    let records = shared.records.as_ref().unwrap();
    let session = {
        let signer = &shared.session_cookie.main.signer;
        let payload = crate::signing::payload::encode(r#"{"_fresh":true,"_user_id":"mia"}"#, 4000);
        signer.sign(&payload, NOW)
    };
    let of_session = LoginSecret::of_peers_session(session.as_bytes());
    let of_token = shared.remember.flask_token("mia");
    let record_of = |token: &LoginSecret, shared, at| {
        let client = crate::client::Client::default();
        let digest = visit.shared().auth_hashes.digest(&MIA);
        let adopted = records
            .rules
            .adopt(token.clone(), shared, "mia", digest, &client, at);
        Some(owned(&adopted.live))
    };
    let record = |token: &LoginSecret, shared| record_of(token, shared, NOW - 61);
    let by_session = [format!("session={session}")];
    let by_token = log_in(&manager, &MIA, true).0.split_off(1);
    let mia = || User(Some(MIA));
    let of_all = records.rules.sessions_mark("", "mia");
    let names = [
        (of_session.id, "peer's record"),
        (marker_id(&of_session.id), "mark"),
        (of_all, "mark of all"),
        (of_token.id, "shared record"),
        (marker_id(&of_token.id), "token's mark"),
    ];
    let ended = |mark: LoginRecord| Record(Some(ending(mark)));
    let mark = || records.rules.session_marker(&of_session.id, "mia", NOW);
    let all_ended = |at| Record(Some(records.rules.sessions_ended("", "mia", at)));
    type Case<'a> = (&'a str, &'a [String], Vec<Told>, &'a str);
    let cases: Vec<Case<'_>> = vec![
        (
            "the first look",
            &by_session,
            vec![
                Record(None),
                Record(None),
                Record(None),
                mia(),
                IsNew(true),
                Record(None),
                IsNew(true),
            ],
            "peer's record, mark, mark of all, user:mia, create, mark of all, make mark, mia by Session",
        ),
        (
            "it has its record",
            &by_session,
            vec![
                Record(record(&of_session, false)),
                Record(Some(mark())),
                mia(),
            ],
            "peer's record, mark, user:mia, mia by Session",
        ),
        (
            "its record is gone",
            &by_session,
            vec![Record(None), Record(Some(mark())), User(None)],
            "peer's record, mark, request, nobody",
        ),
        (
            "all its user's sessions were ended before it came",
            &by_session,
            vec![Record(None), Record(None), all_ended(NOW + 1), User(None)],
            "peer's record, mark, mark of all, request, nobody",
        ),
        (
            "those before it were ended",
            &by_session,
            vec![
                Record(None),
                Record(None),
                all_ended(NOW),
                mia(),
                IsNew(true),
                all_ended(NOW),
                IsNew(true),
            ],
            "peer's record, mark, mark of all, user:mia, create, mark of all, make mark, mia by Session",
        ),
        (
            "another request was first",
            &by_session,
            vec![
                Record(None),
                Record(None),
                Record(None),
                mia(),
                IsNew(false),
                Record(record(&of_session, false)),
                Record(None),
                Record(None),
                IsNew(true),
                mia(),
            ],
            "peer's record, mark, mark of all, user:mia, create, peer's record, mark, mark of all, make mark, user:mia, mia by Session",
        ),
        (
            "nobody of that name",
            &by_session,
            vec![
                Record(None),
                Record(None),
                Record(None),
                User(None),
                User(None),
            ],
            "peer's record, mark, mark of all, user:mia, request, nobody",
        ),
        (
            "a first look that a logout overtakes",
            &by_session,
            vec![
                Record(None),
                Record(None),
                Record(None),
                mia(),
                IsNew(true),
                Record(None),
                IsNew(false),
                ended(mark()),
                Done,
                User(None),
            ],
            "peer's record, mark, mark of all, user:mia, create, mark of all, make mark, mark, delete, request, nobody",
        ),
        (
            "a first look that finds a mark without an end",
            &by_session,
            vec![
                Record(None),
                Record(None),
                Record(None),
                mia(),
                IsNew(true),
                Record(None),
                IsNew(false),
                Record(Some(mark())),
            ],
            "peer's record, mark, mark of all, user:mia, create, mark of all, make mark, mark, mia by Session",
        ),
        (
            "a first look that the end of all overtakes",
            &by_session,
            vec![
                Record(None),
                Record(None),
                Record(None),
                mia(),
                IsNew(true),
                all_ended(NOW + 1),
                Done,
                User(None),
            ],
            "peer's record, mark, mark of all, user:mia, create, mark of all, delete, request, nobody",
        ),
        (
            "a token's first use",
            &by_token,
            vec![Record(None), Record(None), mia(), IsNew(true), IsNew(true)],
            "shared record, token's mark, user:mia, create, make token's mark, mia by RememberToken",
        ),
        (
            "and one that comes later",
            &by_token,
            vec![
                Record(record(&of_token, true)),
                Record(Some(mark())),
                mia(),
                Told::Updated(Updated::Done),
            ],
            "shared record, token's mark, user:mia, update, mia by RememberToken",
        ),
        (
            "and another one moments later",
            &by_token,
            vec![
                Record(record_of(&of_token, true, NOW - 60)),
                Record(Some(mark())),
                mia(),
            ],
            "shared record, token's mark, user:mia, mia by RememberToken",
        ),
        (
            "and one at the same time as another",
            &by_token,
            vec![
                Record(record(&of_token, true)),
                Record(Some(mark())),
                mia(),
                Told::Updated(Updated::Conflict),
                Record(record_of(&of_token, true, NOW)),
                Record(Some(mark())),
                mia(),
            ],
            "shared record, token's mark, user:mia, update, shared record, token's mark, user:mia, mia by RememberToken",
        ),
        (
            "a first use at the same time as another",
            &by_token,
            vec![
                Record(None),
                Record(None),
                mia(),
                IsNew(false),
                Record(record_of(&of_token, true, NOW)),
                Record(None),
                IsNew(true),
                mia(),
            ],
            "shared record, token's mark, user:mia, create, shared record, token's mark, make token's mark, user:mia, mia by RememberToken",
        ),
        (
            "a first use that a logout overtakes",
            &by_token,
            vec![
                Record(None),
                Record(None),
                mia(),
                IsNew(true),
                IsNew(false),
                ended(records.rules.token_marker(&of_token.id, NOW)),
                Done,
                User(None),
            ],
            "shared record, token's mark, user:mia, create, make token's mark, token's mark, delete, request, nobody",
        ),
        (
            "a token that was ended",
            &by_token,
            vec![Record(None), Record(Some(mark())), User(None)],
            "shared record, token's mark, request, nobody",
        ),
        (
            "a record that is none of a token's",
            &by_token,
            vec![
                Record(record(&of_token, false)),
                Record(Some(mark())),
                User(None),
            ],
            "shared record, token's mark, request, nobody",
        ),
        (
            "ended meanwhile",
            &by_token,
            vec![
                Record(record(&of_token, true)),
                Record(Some(mark())),
                mia(),
                Told::Updated(Updated::Gone),
                User(None),
            ],
            "shared record, token's mark, user:mia, update, request, nobody",
        ),
        (
            "its user is gone",
            &by_token,
            vec![
                Record(record(&of_token, true)),
                Record(Some(mark())),
                User(None),
                Done,
                User(None),
            ],
            "shared record, token's mark, user:mia, delete, request, nobody",
        ),
        (
            "its record is of a request that was given up before the mark",
            &by_session,
            vec![
                Record(record(&of_session, false)),
                Record(None),
                Record(None),
                IsNew(true),
                mia(),
            ],
            "peer's record, mark, mark of all, make mark, user:mia, mia by Session",
        ),
        (
            "and that a logout overtook",
            &by_session,
            vec![
                Record(record(&of_session, false)),
                ended(mark()),
                Done,
                User(None),
            ],
            "peer's record, mark, delete, request, nobody",
        ),
        (
            "and that a logout overtakes now",
            &by_session,
            vec![
                Record(record(&of_session, false)),
                Record(None),
                Record(None),
                IsNew(false),
                ended(mark()),
                Done,
                User(None),
            ],
            "peer's record, mark, mark of all, make mark, mark, delete, request, nobody",
        ),
        (
            "and that the end of all overtook",
            &by_session,
            vec![
                Record(record(&of_session, false)),
                Record(None),
                all_ended(NOW + 1),
                Done,
                User(None),
            ],
            "peer's record, mark, mark of all, delete, request, nobody",
        ),
        (
            "a record of a token's first use that was given up, and that a logout overtook",
            &by_token,
            vec![
                Record(record(&of_token, true)),
                ended(records.rules.token_marker(&of_token.id, NOW)),
                Done,
                User(None),
            ],
            "shared record, token's mark, delete, request, nobody",
        ),
    ];
    for (name, cookies, answers, expected) in cases {
        let mut state = arrive(&manager, cookies, "firefox");
        let walked = walk_with(&names, &mut state, &manager, answers);
        assert_eq!(walked, expected, "{name}");
    }
}

#[test]
fn a_peers_session_whose_login_was_renewed_reads_only() {
    let manager = beside_flask();
    let visit = manager.visit(&http::Uri::from_static("/"));
    let shared = visit.shared();
    let rules = &shared.records.as_ref().unwrap().rules;
    let payload = crate::signing::payload::encode(r#"{"_fresh":true,"_user_id":"mia"}"#, 4000);
    let cookie = shared.session_cookie.main.signer.sign(&payload, NOW);
    let token = LoginSecret::of_peers_session(cookie.as_bytes());
    let client = crate::client::Client::default();
    let digest = shared.auth_hashes.digest(&MIA);
    let adopted = rules.adopt(token, false, "mia", digest, &client, NOW);
    let record = owned(&adopted.live);
    let cookies = [format!("session={cookie}")];
    for (found, reads_only) in [(unchanged(&record), false), (replaced(&record, NOW), true)] {
        let mut state = arrive(&manager, &cookies, "firefox");
        let mark = Told::Record(Some(rules.session_marker(&record.id, "mia", NOW)));
        let answers = vec![found, mark, Told::User(Some(MIA))];
        let walked = walk(&mut state, &manager, answers);
        assert_eq!(walked, "record, record, user:mia, mia by Session");
        let mut headers = HeaderMap::new();
        state.write(shared, &mut headers).unwrap();
        assert_eq!(headers.contains_key(header::SET_COOKIE), !reads_only);
    }
}

#[test]
fn a_search_that_was_broken_off_leaves_a_renewed_logins_token_alone_when_it_begins_again() {
    let manager = recording();
    let (cookies, record) = log_in(&manager, &MIA, true);
    let visit = manager.visit(&http::Uri::from_static("/"));
    let shared = visit.shared();
    let mut state = arrive(&manager, &cookies, "firefox");
    let mut search = Search {
        view: state.view(shared),
        records: shared.records.as_ref(),
    };
    let Step::LookUp(_, _, then) = search.begin() else {
        panic!("the session's record comes first");
    };
    let Told::Record(found) = replaced(&record.unwrap(), NOW - 1) else {
        unreachable!();
    };
    let step = then(&mut search, found.map(SharedRecord::new));
    // The loader fails, or the client gives up the request.
    assert!(matches!(step, Step::RequestUser(_)));
    drop(step);
    let walked = walk(&mut state, &manager, vec![Told::User(None)]);
    assert_eq!(walked, "request, nobody");
}

#[test]
fn a_loader_that_looks_at_no_request_is_not_asked_about_one() {
    let by_id = |_: String| async { Ok::<_, BoxError>(None) };
    let manager = builder_with(by_id).build().unwrap();
    let mut state = arrive(&manager, &[], "firefox");
    assert_eq!(walk(&mut state, &manager, vec![]), "nobody");
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
            let shared = visit.shared();
            let mut view = state.view(shared);
            let records = shared.records.as_ref();
            let view_again = view.reborrow();
            let _ = Search {
                view: view_again,
                records,
            }
            .begin();
            assert!(matches!(view.who, Who::NotAsked));
            let mut headers = HeaderMap::new();
            view.state.write(view.policy, &mut headers).unwrap();
            assert!(!headers.contains_key(header::SET_COOKIE));
        }
    }
}
