//! What users can do, and doing it.

use door_tests::{Answer, Jar, peer};
use proptest::prelude::*;
use serde_json::Value;

use super::model::{said, said_json};
use super::{BROWSERS, PEOPLE};
use crate::harness::{Browser, FOREIGN_KEY, Person, Side, Stage, now};

/// The password of every account, so that nobody has to track them. A new one is the same text with another hash.
pub(super) const PASSWORD: &str = "korrektes Pferd";

/// A user's action, which may need one of the sides.
#[derive(Clone, Debug)]
pub(super) struct Action {
    pub(super) browser: usize,
    pub(super) side: Side,
    pub(super) deed: Deed,
}

#[derive(Clone, Debug)]
pub(super) enum Deed {
    WhoAmI,
    LogIn {
        who: usize,
        remember: bool,
        stale: bool,
        right_password: bool,
    },
    LogOut,
    Visit(Page),
    Confirm {
        right_password: bool,
    },
    ChangePassword,
    Set {
        key: u8,
        value: u8,
    },
    Remove {
        key: u8,
    },
    /// Only Flask has them.
    SetPythonValues,
    Flash(u8),
    ReadFlashes,
    Permanent(bool),
    SetActive {
        who: usize,
        active: bool,
    },
    /// The browser is closed and opened again.
    Restart,
    LoseSession,
    LoseToken,
    PlantSession(Garbage),
    PlantToken(Garbage),
    UserAgent(u8),
    Address(u8),
    /// The browser's cookies are copied.
    Copy,
    /// The browser gets cookies that were copied, its own or another's.
    Replay(usize),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Page {
    Members,
    Vault,
}

/// Invalid cookies.
#[derive(Clone, Copy, Debug)]
pub(super) enum Garbage {
    Nonsense,
    /// Well-formed, but signed with a foreign key.
    OfAnotherKey,
    /// The same in another spelling: compressed, or quoted.
    OfAnotherKeyOddly,
    /// Signed with the right key, and changed afterwards.
    Changed,
}

impl Page {
    pub(super) fn path(self) -> &'static str {
        match self {
            Self::Members => "/members",
            Self::Vault => "/vault",
        }
    }
}

impl Action {
    pub(super) fn look(browser: usize, side: Side) -> Self {
        Self {
            browser,
            side,
            deed: Deed::WhoAmI,
        }
    }
}

impl Arbitrary for Action {
    type Parameters = ();
    type Strategy = BoxedStrategy<Self>;

    fn arbitrary_with((): ()) -> Self::Strategy {
        let side = prop_oneof![Just(Side::Flask), Just(Side::Rust)];
        (0..BROWSERS, side, deed())
            .prop_map(|(browser, side, deed)| {
                let side = match deed {
                    Deed::SetPythonValues => Side::Flask,
                    _ => side,
                };
                Self {
                    browser,
                    side,
                    deed,
                }
            })
            .boxed()
    }
}

fn deed() -> impl Strategy<Value = Deed> {
    let log_in = (
        0..PEOPLE.len(),
        any::<bool>(),
        prop::bool::weighted(0.2),
        prop::bool::weighted(0.9),
    );
    let log_in = log_in.prop_map(|(who, remember, stale, right_password)| Deed::LogIn {
        who,
        remember,
        stale,
        right_password,
    });
    let page = prop_oneof![Just(Page::Members), Just(Page::Vault)];
    prop_oneof![
        16 => Just(Deed::WhoAmI),
        16 => log_in,
        6 => Just(Deed::LogOut),
        10 => page.prop_map(Deed::Visit),
        5 => prop::bool::weighted(0.8).prop_map(|right_password| Deed::Confirm { right_password }),
        3 => Just(Deed::ChangePassword),
        4 => (0..3u8, 0..9u8).prop_map(|(key, value)| Deed::Set { key, value }),
        2 => (0..3u8).prop_map(|key| Deed::Remove { key }),
        1 => Just(Deed::SetPythonValues),
        3 => (0..20u8).prop_map(Deed::Flash),
        3 => Just(Deed::ReadFlashes),
        4 => any::<bool>().prop_map(Deed::Permanent),
        4 => (0..PEOPLE.len(), prop::bool::weighted(0.6)).prop_map(|(who, active)| Deed::SetActive { who, active }),
        5 => Just(Deed::Restart),
        4 => Just(Deed::LoseSession),
        2 => Just(Deed::LoseToken),
        2 => garbage().prop_map(Deed::PlantSession),
        2 => garbage().prop_map(Deed::PlantToken),
        3 => (0..3u8).prop_map(Deed::UserAgent),
        3 => (0..3u8).prop_map(Deed::Address),
        3 => Just(Deed::Copy),
        4 => (0..8usize).prop_map(Deed::Replay),
    ]
}

fn garbage() -> impl Strategy<Value = Garbage> {
    prop_oneof![
        Just(Garbage::Nonsense),
        Just(Garbage::OfAnotherKey),
        Just(Garbage::OfAnotherKeyOddly),
        Just(Garbage::Changed),
    ]
}

/// Performs the actions with real browsers.
pub(super) struct Performer {
    people: Vec<Person>,
    browsers: [Browser; BROWSERS],
    copies: Vec<Jar>,
}

impl Performer {
    pub(super) fn new(stage: &Stage, people: Vec<Person>) -> Self {
        Self {
            people,
            browsers: std::array::from_fn(|_| stage.browser()),
            copies: Vec::new(),
        }
    }

    /// The answer; nothing, if no side was asked.
    pub(super) async fn perform(&mut self, action: &Action) -> String {
        let Action {
            browser: number,
            side,
            ref deed,
        } = *action;
        let browser = &self.browsers[number];
        let text;
        let password = |right| if right { PASSWORD } else { "a guess" };
        let switch = |on| if on { "on" } else { "off" };
        let answer = match *deed {
            Deed::WhoAmI => browser.get(side, "/whoami").await,
            Deed::LogIn {
                who,
                remember,
                stale,
                right_password,
            } => {
                let id = &*self.people[who].id;
                let mut form = vec![("id", id), ("password", password(right_password))];
                form.extend(remember.then_some(("remember", "on")));
                form.extend(stale.then_some(("stale", "on")));
                browser.post(side, "/login", &form).await
            }
            Deed::LogOut => browser.post(side, "/logout", &[]).await,
            Deed::Visit(page) => browser.get(side, page.path()).await,
            Deed::Confirm { right_password } => {
                let form = [("password", password(right_password))];
                browser.post(side, "/confirm", &form).await
            }
            Deed::ChangePassword => {
                let form = [("password", PASSWORD), ("new", PASSWORD)];
                browser.post(side, "/password", &form).await
            }
            Deed::Set { key, value } => {
                text = format!("value {value}");
                let path = format!("/session/key%20{key}");
                browser.post(side, &path, &[("value", &text)]).await
            }
            Deed::Remove { key } => {
                let path = format!("/session/key%20{key}/remove");
                browser.post(side, &path, &[]).await
            }
            Deed::SetPythonValues => browser.post(side, "/values", &[]).await,
            Deed::Flash(number) => {
                text = format!("message {number}");
                let form = [("message", &*text), ("category", "info")];
                browser.post(side, "/flash", &form).await
            }
            Deed::ReadFlashes => browser.get(side, "/flashes").await,
            Deed::Permanent(on) => {
                let form = [("permanent", switch(on))];
                browser.post(side, "/permanent", &form).await
            }
            Deed::SetActive { who, active } => {
                let form = [("id", &*self.people[who].id), ("active", switch(active))];
                browser.post(side, "/active", &form).await
            }
            _ => {
                self.change_browser(number, deed);
                return String::new();
            }
        };
        describe(&answer)
    }

    /// What users do without asking a side.
    fn change_browser(&mut self, number: usize, deed: &Deed) {
        let browser = &self.browsers[number];
        match *deed {
            Deed::Restart => browser.restart(),
            Deed::LoseSession => browser.lose("session"),
            Deed::LoseToken => browser.lose("remember_token"),
            Deed::PlantSession(garbage) => {
                let id = &self.people[0].id;
                browser.plant("session", &garbage.session(id, browser.cookie("session")));
            }
            Deed::PlantToken(garbage) => {
                let id = &self.people[0].id;
                let token = garbage.token(id, browser.cookie("remember_token"));
                browser.plant("remember_token", &token);
            }
            Deed::UserAgent(number) => {
                let user_agents: [&[u8]; 3] = [b"Firefox/1", b"it's", b"\xff \"Opera\"\t2"];
                browser.set_user_agent(Some(user_agents[usize::from(number)]));
            }
            Deed::Address(number) => browser.move_to_address(number + 1),
            Deed::Copy => self.copies.push(browser.jar()),
            Deed::Replay(number) => {
                if let Some(index) = number.checked_rem(self.copies.len()) {
                    browser.replay(&self.copies[index]);
                }
            }
            _ => unreachable!("an affair of the sides: {deed:?}"),
        }
    }
}

impl Garbage {
    fn session(self, id: &str, had: Option<String>) -> String {
        let json = format!(r#"{{"_fresh":true,"_user_id":{id:?},"cart":["gold"]}}"#);
        match self {
            Self::Nonsense => ".eJx.a\u{e9}\u{1f600}..=\"".to_owned(),
            Self::OfAnotherKey => peer::session(FOREIGN_KEY, &json, now()),
            Self::OfAnotherKeyOddly => peer::compressed_session(FOREIGN_KEY, &json, now()),
            Self::Changed => {
                // Another payload, with the signature of the previous session.
                let had = had.unwrap_or_else(|| peer::session(FOREIGN_KEY, "{}", now()));
                let forged = peer::session(FOREIGN_KEY, &json, now());
                let (payload, _) = forged.split_once('.').unwrap();
                let mut parts = had.rsplitn(3, '.');
                let (signature, time) = (parts.next().unwrap(), parts.next().unwrap_or("ZVPxAA"));
                format!("{payload}.{time}.{signature}")
            }
        }
    }

    fn token(self, id: &str, had: Option<String>) -> String {
        match self {
            Self::Nonsense => "||\"\\".to_owned(),
            Self::OfAnotherKey => peer::remember_token(FOREIGN_KEY.as_bytes(), id),
            Self::OfAnotherKeyOddly => {
                let token = peer::remember_token(FOREIGN_KEY.as_bytes(), id);
                format!("\"{token}\"")
            }
            Self::Changed => {
                let had = had.unwrap_or_else(|| peer::remember_token(FOREIGN_KEY.as_bytes(), id));
                let digest = had.rsplit('|').next().unwrap_or_default();
                format!("root|{}", digest.trim_end_matches('"'))
            }
        }
    }
}

/// An answer in one line, as in the model.
fn describe(answer: &Answer) -> String {
    if let Some(location) = answer.header("location") {
        return said(answer.status, Some(location));
    }
    let is_json = answer.header("content-type").as_deref() == Some("application/json");
    if answer.status != 200 || !is_json {
        return said(answer.status, None);
    }
    let mut body: Value = serde_json::from_str(&answer.body).unwrap();
    if let Some(fields) = body.as_object_mut() {
        // The model has no names, and Python's representation of a value says no more than the value.
        fields.remove("name");
        fields.remove("python");
    }
    said_json(&body)
}
