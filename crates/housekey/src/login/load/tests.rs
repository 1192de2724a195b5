//! Every path of the search, in a table: what is asked, what is answered, who is there in the end.

use super::*;
use crate::login::actions::LoginOptions;
use crate::{BoxError, LoginManager, SecretKeys};
use http::{HeaderMap, Request, header};

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

fn manager() -> LoginManager<Member> {
    let nobody = |_: String| async { Ok::<_, BoxError>(None) };
    LoginManager::new(
        SecretKeys::new("0123456789abcdef0123456789abcdef").unwrap(),
        nobody,
    )
    .session_protection("strong")
    .build()
    .unwrap()
}

/// A request from the browser `user_agent`, with these cookies.
fn arrive(manager: &LoginManager<Member>, cookies: &[String], user_agent: &str) -> VisitState {
    let request = Request::get("/")
        .header(header::USER_AGENT, user_agent)
        .header(header::COOKIE, cookies.join("; "));
    let (parts, ()) = request.body(()).unwrap().into_parts();
    VisitState::read(manager.visit(&parts.uri).core(), &parts)
}

/// The session cookie and the remember token that a login of this user gives.
fn cookies_of(manager: &LoginManager<Member>, member: &Member) -> [String; 2] {
    let visit = manager.visit(&http::Uri::from_static("/"));
    let mut state = arrive(manager, &[], "firefox");
    let options = LoginOptions {
        remember: Some(None),
        ..LoginOptions::default()
    };
    state.log_in(visit.core(), member, options, None).unwrap();
    let mut headers = HeaderMap::new();
    state.write(visit.core(), &mut headers).unwrap();
    let mut cookies = headers.get_all(header::SET_COOKIE).iter().map(|value| {
        value
            .to_str()
            .unwrap()
            .split(';')
            .next()
            .unwrap()
            .to_owned()
    });
    let token = cookies.next().unwrap();
    [cookies.next().unwrap(), token]
}

/// What is asked, and who is there in the end, when the application answers like this.
fn walk(
    state: &mut VisitState,
    manager: &LoginManager<Member>,
    answers: Vec<Option<Member>>,
) -> String {
    let visit = manager.visit(&http::Uri::from_static("/"));
    let mut answers = answers.into_iter();
    let mut asked = Vec::new();
    let mut search = state.search(visit.core());
    loop {
        asked.push(match &search {
            Search::SessionUser(id) => format!("session:{id}"),
            Search::RememberedUser(claims) => format!("token:{}", claims.user_id),
            Search::RequestUser => "request".to_owned(),
            Search::SessionRecord(..) | Search::RememberedRecord(..) | Search::Write(_) => {
                panic!("there is no store to ask: {search:?}")
            }
            Search::Over => match &state.who {
                Who::Somebody(user, source) => format!("{} by {source:?}", user.id()),
                Who::Nobody => "nobody".to_owned(),
                Who::NotAsked => "not known".to_owned(),
            },
        });
        if matches!(search, Search::Over) {
            return asked.join(", ");
        }
        let answer = answers.next().expect("an answer for every question");
        search = state.search_on(
            visit.core(),
            search,
            Answer::User(answer.map(|user| Arc::new(user) as Arc<dyn User>)),
        );
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
    let manager = manager();
    let visit = manager.visit(&http::Uri::from_static("/"));
    for cookies in cookies_of(&manager, &MIA) {
        let mut state = arrive(&manager, &[cookies], "firefox");
        let _ = state.search(visit.core());
        assert!(matches!(state.who, Who::NotAsked));
        let mut headers = HeaderMap::new();
        state.write(visit.core(), &mut headers).unwrap();
        assert!(!headers.contains_key(header::SET_COOKIE));
    }
}
