//! Finding out who is there: a small state machine that says what it needs and is told the answer.
//!
//! The order is Flask-Login's, with its gaps closed:
//!
//! 1. The session's user, unless session protection says no. A strong refusal ends the search.
//! 2. The remember token's user, who starts a new session, not fresh.
//! 3. The request's own user. A remember token that leads nowhere does not stand in its way.
//!
//! A user who is gone, not active, or whose auth hash changed loses the login, and its cookies go. An answer that
//! cannot be had is never given here: the search simply has not ended, and nothing is remembered of it.

use std::sync::Arc;

use super::auth_hash::{self, AuthHash};
use super::protection::SessionProtection;
use super::{LoginSource, VisitState, Who, keys};
use crate::event::{EndReason, Event};
use crate::manager::Core;
use crate::remember::Claims;
use crate::session::Rejected;
use crate::user::User;

/// What the search needs next.
#[derive(Debug)]
pub(crate) enum Search {
    /// The user with the id in the session.
    SessionUser(String),
    /// The user whom a valid remember token names.
    RememberedUser(Claims),
    /// Whomever the request itself proves.
    RequestUser,
    /// It is over; [`VisitState::who`] has the result.
    Over,
}

impl VisitState {
    /// Begins the search.
    pub(crate) fn search(&mut self, core: &Core) -> Search {
        if let Some(rejected) = self.arrival.rejected.take() {
            let reason = match rejected {
                Rejected::Invalid(refused) => refused.into(),
                Rejected::Ambiguous => crate::event::Rejection::Ambiguous,
            };
            self.event(Event::SessionRejected { reason });
        }
        // A peer's response hook did not run: its instruction still holds.
        if self.session.text(keys::REMEMBER).as_deref() == Some("clear") {
            self.remember.delete();
        }
        self.session.remove(keys::REMEMBER);

        match self.session_user_id() {
            Some(id) if self.protect(core, &id) => {
                self.who = Who::Nobody;
                Search::Over
            }
            Some(id) => Search::SessionUser(id),
            None => {
                // What a peer's logout left of ours, or an id that names nobody.
                for key in [keys::USER_ID, keys::FRESH_AT, keys::AUTH_HASH] {
                    self.session.remove(key);
                }
                self.search_remember_token(core)
            }
        }
    }

    /// Goes on with the answer to what was asked.
    pub(crate) fn search_on(
        &mut self,
        core: &Core,
        asked: Search,
        found: Option<Arc<dyn User>>,
    ) -> Search {
        match (asked, found) {
            (Search::SessionUser(id), Some(user)) => self.check_session_user(core, &id, user),
            (Search::SessionUser(id), None) => self.end_login(core, id, EndReason::UserGone),
            (Search::RememberedUser(claims), Some(user)) => {
                self.check_remembered_user(core, claims, user)
            }
            (Search::RememberedUser(claims), None) => {
                self.end_remembering(claims.user_id, EndReason::UserGone)
            }
            (Search::RequestUser, Some(user)) if user.is_active() => {
                self.event(Event::LoadedFromRequest { user_id: user.id() });
                self.found(user, LoginSource::Request)
            }
            (Search::RequestUser | Search::Over, _) => {
                self.who = Who::Nobody;
                Search::Over
            }
        }
    }

    /// Compares the client with the one that the session was made for. `true` when the login was ended.
    pub(super) fn protect(&mut self, core: &Core, user_id: &str) -> bool {
        let settings = &core.settings;
        if settings.protection == SessionProtection::Off {
            return false;
        }
        let was_fresh = self.session.is_true(keys::FRESH);
        match self.session.text(keys::IDENTIFIER) {
            Some(kept) if settings.identifier.matches(&kept, &self.client) => return false,
            // Flask-Login restores sessions without an identifier and then, in strong mode, ends them at the next
            // request. Signed as it is, such a session can come from nowhere else.
            None if !was_fresh => {
                // Without room for it, the session stays unbound, as it came.
                let _ = self.if_it_fits(core, |state| state.bind_to_client(core));
                return false;
            }
            _ => {}
        }
        let ended = settings.protection == SessionProtection::Strong
            && !(settings.strong_spares_permanent && self.session.is_permanent());
        if ended {
            self.session.clear();
            self.remember.delete();
        } else if was_fresh {
            self.make_stale();
        }
        // Flask-Login says so at every request until the next login; once is enough.
        if ended || was_fresh {
            self.event(Event::SessionProtected {
                user_id: user_id.to_owned(),
                ended,
            });
        }
        ended
    }

    fn check_session_user(&mut self, core: &Core, id: &str, user: Arc<dyn User>) -> Search {
        if !user.is_active() {
            return self.end_login(core, id.to_owned(), EndReason::UserInactive);
        }
        let missing = core.settings.missing_auth_hash;
        let value = self.session.text(keys::AUTH_HASH);
        let kept = value
            .as_deref()
            .and_then(|value| auth_hash::in_session(value, id));
        let by_peer = kept.is_none();
        match core.auth_hashes.check(&*user, id, kept, missing) {
            AuthHash::Matches => {}
            // Joins the session whenever that is next written; not worth a write of its own.
            AuthHash::Rewrite if by_peer => self.missing_digest = core.auth_hashes.digest(&*user),
            // Made with an older key, which may be dropped before there is another reason to write.
            AuthHash::Rewrite => {
                let digest = core.auth_hashes.digest(&*user);
                self.write_auth_hash(id, digest.as_deref());
            }
            AuthHash::Changed => {
                return self.end_login(core, id.to_owned(), EndReason::AuthHashChanged);
            }
        }
        self.found(user, LoginSource::Session)
    }

    /// The session's login is no good, and what else is in the session was that user's: nothing of it may reach the
    /// next one. A remember token may still be good: of somebody else, or made since.
    fn end_login(&mut self, core: &Core, user_id: String, reason: EndReason) -> Search {
        self.session.clear();
        self.event(Event::LoginEnded { user_id, reason });
        self.search_remember_token(core)
    }

    fn search_remember_token(&mut self, core: &Core) -> Search {
        match self.remember.read(&core.remember, self.now) {
            None => self.search_request(),
            Some(Ok(claims)) => Search::RememberedUser(claims),
            Some(Err(reason)) => {
                self.event(Event::RememberTokenRejected { reason });
                // Under another key than the peer's, every one of its tokens looks forged. Flask-Login lets them be.
                if !core.remember.is_shared_with_flask() {
                    self.remember.delete();
                }
                self.search_request()
            }
        }
    }

    fn check_remembered_user(
        &mut self,
        core: &Core,
        claims: Claims,
        user: Arc<dyn User>,
    ) -> Search {
        if !user.is_active() {
            return self.end_remembering(claims.user_id, EndReason::UserInactive);
        }
        let verdict = core.auth_hashes.check_token(&*user, &claims);
        if verdict == AuthHash::Changed {
            return self.end_remembering(claims.user_id, EndReason::AuthHashChanged);
        }
        let digest = core.auth_hashes.digest(&*user);
        self.restore_session(core, &claims.user_id, digest.as_deref());
        if claims.outdated || verdict == AuthHash::Rewrite {
            self.remember
                .issue(claims.user_id.clone(), digest, claims.remaining);
        }
        self.event(Event::LoadedFromCookie {
            user_id: claims.user_id,
        });
        self.found(user, LoginSource::RememberToken)
    }

    fn end_remembering(&mut self, user_id: String, reason: EndReason) -> Search {
        self.event(Event::LoginEnded { user_id, reason });
        self.remember.delete();
        self.search_request()
    }

    fn search_request(&mut self) -> Search {
        self.asked_request = true;
        Search::RequestUser
    }

    fn found(&mut self, user: Arc<dyn User>, source: LoginSource) -> Search {
        self.personal = true;
        self.who = Who::Somebody(user, source);
        Search::Over
    }
}

#[cfg(test)]
mod tests {
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
        state.log_in(visit.core(), member, options).unwrap();
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
                answer.map(|user| Arc::new(user) as Arc<dyn User>),
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
}
