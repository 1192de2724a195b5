//! What must follow from an action: a session, a remember token and a few rules, separate for each side.
//!
//! Nothing here signs, parses or sends anything. Where the sides differ on purpose, the rule says so.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::actions::{Action, Deed, Page};
use crate::harness::{Habit, Side};
use crate::scenarios::{python_values, python_values_at_rust};

/// The settings that change what happens.
#[derive(Clone, Copy, Debug)]
pub(super) struct Rules {
    pub(super) protection: Protection,
    pub(super) fragment_ids: bool,
    pub(super) next_in_session: bool,
    pub(super) refresh_tokens: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Protection {
    Off,
    Basic,
    Strong,
}

impl Protection {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Off => "off",
            Self::Basic => "basic",
            Self::Strong => "strong",
        }
    }
}

pub(super) struct Model {
    rules: Rules,
    accounts: Vec<Account>,
    browsers: [Browser; super::BROWSERS],
    /// Copied cookies.
    copies: Vec<(Session, Option<LoginId>)>,
}

struct Account {
    id: String,
    active: bool,
    /// Counts the passwords.
    password: usize,
}

/// How sessions and tokens identify an account: by its id, plus the password's number if ids change with the password.
type LoginId = (usize, usize);

/// What a session is bound to: user agent and address.
type Client = (u8, u8);

#[derive(Default)]
struct Browser {
    client: Client,
    session: Session,
    token: Option<LoginId>,
}

/// A session that a side can read; the default also stands for one that it cannot.
#[derive(Clone, Default, PartialEq)]
struct Session {
    user: Option<LoginId>,
    fresh: Option<bool>,
    bound_to: Option<Client>,
    /// Rust's key; Flask only sees that it is there.
    fresh_at: bool,
    next: Option<&'static str>,
    permanent: Option<bool>,
    flashes: Vec<(String, String)>,
    values: BTreeMap<String, String>,
    /// Whether it contains every value that Python can store.
    python_values: bool,
}

const PLEASE_LOG_IN: &str = "Please log in to access this page.";
const PLEASE_CONFIRM: &str = "Please reauthenticate to access this page.";

impl Model {
    pub(super) fn new(rules: Rules, ids: impl Iterator<Item = String>) -> Self {
        let account = |id| Account {
            id,
            active: true,
            password: 0,
        };
        Self {
            rules,
            accounts: ids.map(account).collect(),
            browsers: Default::default(),
            copies: Vec::new(),
        }
    }

    /// The answer to the action.
    pub(super) fn expect(&mut self, action: &Action) -> String {
        let Action {
            browser,
            side,
            ref deed,
        } = *action;
        match *deed {
            Deed::Restart => {
                if self.browsers[browser].session.permanent != Some(true) {
                    self.browsers[browser].session = Session::default();
                }
            }
            // Neither side accepts cookies that none of these keys signed.
            Deed::LoseSession | Deed::PlantSession(_) => {
                self.browsers[browser].session = Session::default();
            }
            Deed::LoseToken | Deed::PlantToken(_) => self.browsers[browser].token = None,
            Deed::UserAgent(number) => self.browsers[browser].client.0 = number,
            Deed::Address(number) => self.browsers[browser].client.1 = number,
            Deed::Copy => {
                let from = &self.browsers[browser];
                self.copies.push((from.session.clone(), from.token));
            }
            Deed::Replay(number) => {
                if let Some(index) = number.checked_rem(self.copies.len()) {
                    let (session, token) = self.copies[index].clone();
                    self.browsers[browser].session = session;
                    self.browsers[browser].token = token;
                }
            }
            _ => {
                let mut request = Request {
                    rules: self.rules,
                    side,
                    accounts: &mut self.accounts,
                    browser: &mut self.browsers[browser],
                    clears_token: false,
                    has_found: false,
                };
                let answer = request.answer(deed);
                request.finish();
                return answer;
            }
        }
        String::new()
    }
}

/// One request of one browser to one side.
struct Request<'a> {
    rules: Rules,
    side: Side,
    accounts: &'a mut [Account],
    browser: &'a mut Browser,
    /// Flask-Login deletes the token when the answer goes out, whatever happens in between.
    clears_token: bool,
    /// Whether the session or the token named a user.
    has_found: bool,
}

/// A logged-in user.
struct Current {
    id: LoginId,
    fresh: bool,
}

impl Request<'_> {
    fn answer(&mut self, deed: &Deed) -> String {
        match *deed {
            Deed::SetActive { who, active } => {
                self.accounts[who].active = active;
                said(200, None)
            }
            Deed::WhoAmI => self.whoami(),
            Deed::Visit(page) => self.visit(page),
            Deed::LogIn {
                who,
                remember,
                stale,
                right_password,
            } => self.log_in(who, remember, stale, right_password),
            Deed::LogOut => self.log_out(),
            Deed::Confirm { right_password } => self.confirm(right_password),
            Deed::ChangePassword => self.change_password(),
            Deed::Set { key, value } => {
                let values = &mut self.browser.session.values;
                values.insert(format!("key {key}"), format!("value {value}"));
                said(200, None)
            }
            Deed::Remove { key } => {
                self.browser.session.values.remove(&format!("key {key}"));
                said(200, None)
            }
            Deed::SetPythonValues => {
                self.browser.session.python_values = true;
                said(200, None)
            }
            Deed::Flash(number) => {
                self.flash("info", &format!("message {number}"));
                said(200, None)
            }
            Deed::ReadFlashes => {
                let messages = std::mem::take(&mut self.browser.session.flashes);
                said_json(&json!(messages))
            }
            Deed::Permanent(on) => {
                // Flask keeps the key, with `False` in it; Rust removes it.
                let off = self.side.has(Habit::IsPython).then_some(false);
                self.browser.session.permanent = if on { Some(true) } else { off };
                said(200, None)
            }
            _ => unreachable!("the browser's own affair: {deed:?}"),
        }
    }

    /// Flask-Login's hook for every answer.
    fn finish(&mut self) {
        if !self.side.has(Habit::RemembersEverybody) {
            return;
        }
        if self.clears_token {
            self.browser.token = None;
        } else if self.rules.refresh_tokens
            && self.browser.session.user.is_some()
            && (self.has_found || self.side.has(Habit::RemembersUnasked))
        {
            // 0.6.3 gives every user a token; Rust refreshes the one that came, which changes nothing here.
            self.browser.token = self.browser.session.user;
        }
    }

    fn whoami(&mut self) -> String {
        let token = self.browser.token;
        let before = self.values();
        let current = self.look();
        let session = &self.browser.session;
        // The Flask twin reads the session first.
        let values = match self.side.has(Habit::IsPython) {
            true => before,
            false => self.values(),
        };
        let (fresh, remembered) = match &current {
            // About the session and the token, whatever user is logged in.
            _ if self.side.has(Habit::RemembersAnybody) => (
                session.fresh == Some(true),
                token.is_some() && !self.clears_token,
            ),
            // About the current user.
            Some(current) => (current.fresh, self.browser.token == Some(current.id)),
            None => (false, false),
        };
        let user_id = current.map(|current| &self.accounts[current.id.0].id);
        said_json(&json!({
            "user_id": user_id,
            "fresh": fresh,
            "remembered": remembered,
            "permanent": session.permanent == Some(true),
            "session": values,
        }))
    }

    fn values(&self) -> Value {
        let session = &self.browser.session;
        let mut values = match (session.python_values, self.side.has(Habit::IsPython)) {
            (false, _) => json!({}),
            (true, true) => python_values(),
            (true, false) => python_values_at_rust(),
        };
        for (key, value) in &session.values {
            values[key] = value.clone().into();
        }
        values
    }

    fn visit(&mut self, page: Page) -> String {
        let current = match self.look() {
            Some(current) => current,
            None => return self.deny("/login", PLEASE_LOG_IN, page.path()),
        };
        if page == Page::Vault && !current.fresh {
            return self.deny("/confirm", PLEASE_CONFIRM, page.path());
        }
        let name = page.path().trim_start_matches('/');
        said_json(&json!({ "page": name, "user_id": self.accounts[current.id.0].id }))
    }

    fn log_in(&mut self, who: usize, remember: bool, stale: bool, right: bool) -> String {
        if !right {
            return said(401, None);
        }
        if !self.accounts[who].active {
            return said(403, None);
        }
        // The Rust twin reads the way back before the login, the Flask twin afterwards.
        let before = self.browser.session.next;
        self.write_login(who, remember, stale);
        let after = self.browser.session.next.take();
        go_on(match self.side.has(Habit::IsPython) {
            true => after,
            false => before,
        })
    }

    fn log_out(&mut self) -> String {
        match self.side.has(Habit::HandsSessionsOn) {
            true => {
                self.look();
                let session = &mut self.browser.session;
                (session.user, session.fresh, session.bound_to) = (None, None, None);
                self.clears_token = true;
            }
            // One user's data must not reach the next. No user is looked up.
            false => {
                self.browser.session = Session::default();
                self.browser.token = None;
            }
        }
        said(303, Some("/".to_owned()))
    }

    fn confirm(&mut self, right: bool) -> String {
        if self.look().is_none() {
            return self.deny("/login", PLEASE_LOG_IN, "/confirm");
        }
        if !right {
            return said(401, None);
        }
        let client = self.browser.client;
        let session = &mut self.browser.session;
        (session.fresh, session.bound_to) = (Some(true), Some(client));
        session.fresh_at |= self.side.has(Habit::KeepsFreshAt);
        // Confirming a login does not ask to be remembered.
        self.has_found &= self.browser.token.is_some();
        go_on(self.browser.session.next.take())
    }

    fn change_password(&mut self) -> String {
        let token = self.browser.token;
        let Some(current) = self.look() else {
            return self.deny("/login", PLEASE_LOG_IN, "/password");
        };
        let who = current.id.0;
        // With any user's token at Flask-Login, only with the current user's at Rust.
        let remembered = match self.side.has(Habit::RemembersAnybody) {
            true => token.is_some(),
            false => self.browser.token == Some(current.id),
        };
        self.accounts[who].password += 1;
        self.write_login(who, remembered, false);
        said(303, Some("/".to_owned()))
    }

    fn write_login(&mut self, who: usize, remember: bool, stale: bool) {
        let (id, client) = (self.login_id(who), self.browser.client);
        if !self.side.has(Habit::HandsSessionsOn) {
            // Another user's session is emptied. Even without that, the rest of an earlier login goes.
            if self.browser.session.user.is_some_and(|user| user != id) {
                self.browser.session = Session::default();
            }
            self.browser.session.fresh_at = !stale && self.side.has(Habit::KeepsFreshAt);
        }
        if self.side.has(Habit::LoginForgetsNext) {
            self.browser.session.next = None;
        }
        let session = &mut self.browser.session;
        session.user = Some(id);
        session.fresh = Some(!stale);
        session.bound_to = Some(client);
        if remember {
            self.browser.token = Some(id);
        } else if !self.side.has(Habit::LeavesTokens) {
            // Otherwise the remembered user would be back when this session ends.
            self.browser.token = None;
            self.has_found = false;
        }
    }

    /// Finds the current user, in each side's way.
    fn look(&mut self) -> Option<Current> {
        match self.side.has(Habit::AsksAgain) {
            true => self.look_at_flask_login(),
            false => self.look_at_housekey(),
        }
    }

    fn look_at_flask_login(&mut self) -> Option<Current> {
        let client = self.browser.client;
        let session = &mut self.browser.session;
        // Every session that is not empty counts, with or without a login.
        let is_foreign = *session != Session::default() && session.bound_to != Some(client);
        if is_foreign && self.rules.protection != Protection::Off {
            if self.rules.protection == Protection::Basic || session.permanent == Some(true) {
                session.fresh = Some(false);
            } else {
                // The login goes; the rest of the session stays.
                (session.user, session.fresh, session.bound_to) = (None, None, None);
                session.next = None;
                self.clears_token = true;
                return None;
            }
        }
        let mut id = self.browser.session.user.filter(|id| self.is_known(*id));
        if id.is_none()
            && let Some(token) = self.browser.token
        {
            // Whether or not that user exists. The session is not bound to a client.
            self.browser.session.user = Some(token);
            self.browser.session.fresh = Some(false);
            id = Some(token).filter(|id| self.is_known(*id));
        }
        // An inactive user is found, but may not pass. The login stays for when the user is active again.
        let id = id.filter(|id| self.accounts[id.0].active)?;
        let fresh = self.browser.session.fresh == Some(true);
        Some(Current { id, fresh })
    }

    fn look_at_housekey(&mut self) -> Option<Current> {
        let client = self.browser.client;
        let session = &mut self.browser.session;
        if let Some(id) = session.user {
            let was_fresh = session.fresh == Some(true);
            if self.rules.protection != Protection::Off && session.bound_to != Some(client) {
                let is_unbound = session.bound_to.is_none() && !was_fresh;
                if is_unbound && !self.side.has(Habit::EndsUnbound) {
                    // A session that Flask-Login restored from a token.
                    session.bound_to = Some(client);
                } else if self.rules.protection == Protection::Strong
                    && session.permanent != Some(true)
                {
                    if self.side.has(Habit::EndsLoginAlone) {
                        (session.user, session.fresh, session.bound_to) = (None, None, None);
                        session.next = None;
                    } else {
                        *session = Session::default();
                    }
                    self.browser.token = None;
                    return None;
                } else if was_fresh {
                    session.fresh = Some(false);
                    session.fresh_at = false;
                }
            }
            if self.may_be_in(id) {
                let fresh = self.browser.session.fresh == Some(true);
                self.has_found = true;
                return Some(Current { id, fresh });
            }
            // The login has ended, and the rest of the session belonged to that user.
            self.browser.session = Session::default();
        }
        self.browser.session.fresh_at = false;
        let token = self.browser.token?;
        if !self.may_be_in(token) {
            self.browser.token = None;
            return None;
        }
        let session = &mut self.browser.session;
        session.user = Some(token);
        session.fresh = Some(false);
        session.bound_to = Some(client);
        if self.side.has(Habit::LoginForgetsNext) {
            session.next = None;
        }
        self.has_found = true;
        Some(Current {
            id: token,
            fresh: false,
        })
    }

    /// Sends a user to confirm the login.
    fn deny(&mut self, view: &str, message: &str, wanted: &'static str) -> String {
        self.flash("message", message);
        // A way back to the page that confirms the login would lead in a circle: Rust leaves it out.
        let leads_on = self.side.has(Habit::IsPython) || wanted != "/confirm";
        let location = match (leads_on, self.rules.next_in_session) {
            (true, true) => {
                self.browser.session.next = Some(wanted);
                self.browser.session.bound_to = Some(self.browser.client);
                view.to_owned()
            }
            (true, false) => format!("{view}?next={}", wanted.replace('/', "%2F")),
            (false, _) => view.to_owned(),
        };
        said(302, Some(location))
    }

    fn flash(&mut self, category: &str, text: &str) {
        let flashes = &mut self.browser.session.flashes;
        flashes.push((category.to_owned(), text.to_owned()));
        if !self.side.has(Habit::IsPython) {
            // No message is queued twice, and at most ten are queued, whichever side left them.
            let mut kept: Vec<(String, String)> = Vec::new();
            for message in flashes.drain(..) {
                if !kept.contains(&message) {
                    kept.push(message);
                }
            }
            *flashes = kept.split_off(kept.len().saturating_sub(10));
        }
    }

    fn login_id(&self, who: usize) -> LoginId {
        let password = self.accounts[who].password;
        (who, if self.rules.fragment_ids { password } else { 0 })
    }

    /// Whether a loader finds a user by this id. An id with an old password's fragment no longer names anybody.
    fn is_known(&self, id: LoginId) -> bool {
        self.login_id(id.0) == id
    }

    fn may_be_in(&self, id: LoginId) -> bool {
        self.is_known(id) && self.accounts[id.0].active
    }
}

/// After a password: to the user's target, unless that is the page they come from.
fn go_on(next: Option<&'static str>) -> String {
    let next = next.filter(|next| *next != "/confirm");
    said(303, Some(next.unwrap_or("/").to_owned()))
}

/// An answer in one line.
pub(super) fn said(status: u16, location: Option<String>) -> String {
    match location {
        Some(location) => format!("{status} to {location}"),
        None => status.to_string(),
    }
}

pub(super) fn said_json(body: &Value) -> String {
    format!("200 {body}")
}
