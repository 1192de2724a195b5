//! Turns the visit into the response's cookies, session values, `Vary` and `Cache-Control`.

use http::HeaderName;
use http::header::{self, HeaderValue};

use crate::cookie::{Attributes, SetCookie};
use crate::error::Error;
use crate::head::{Fields, PRIVATE, VARY_COOKIE, VARY_OF_DENIAL, text};
use crate::login::state::{VisitState, Who};
use crate::policy::Policy;
use crate::session::{Change, Flashes, SessionChanges};

/// The result of a request, for doors: [`write_to`](Self::write_to) turns it into header fields.
#[derive(Debug)]
#[non_exhaustive]
pub struct Outcome<'a> {
    /// What happens to the session.
    pub session: SessionOutcome<'a>,
    /// Cookies to send for the remember token, in this order: none, a new one, or its deletion; then deletions of cookies
    /// that earlier settings left in the browser. If attempts are limited, the cookie of a known browser comes last.
    pub remember: Vec<SetCookie<'a>>,
    /// The request's fields that the answer depends on, for `Vary`: `Cookie`, or `Cookie, Authorization`.
    pub vary: &'static str,
    /// Whether the answer was made for one user or changes their browser's cookies, so that shared caches must not store it.
    pub private: bool,
    /// Whether a door took a part of it [before](crate::Visit::remember_outcome) [the
    /// end](crate::OpenVisit::take_session_changes).
    sent_ahead: bool,
}

/// What happens to the session.
#[derive(Debug)]
pub enum SessionOutcome<'a> {
    /// It came in cookies, and these are sent for it: none if nothing has changed.
    Cookies(Vec<SetCookie<'a>>),
    /// It came with [`open_with`](crate::Visit::open_with), and these are its changes.
    Values(SessionChanges),
}

impl Outcome<'_> {
    /// Writes it into the response's header fields. A session that the framework keeps is not written.
    pub fn write_to(self, headers: &mut impl Fields) {
        add_to_vary(headers, self.vary);
        let changes_browser = self.changes_browser();
        let session = match self.session {
            SessionOutcome::Cookies(cookies) => cookies,
            SessionOutcome::Values(_) => Vec::new(),
        };
        // In Flask-Login's order: the remember token first.
        for cookie in self.remember.into_iter().chain(session) {
            headers.append(header::SET_COOKIE, cookie.into_header());
        }
        if self.private {
            keep_private(headers, changes_browser);
        }
    }

    /// Whether a cookie is sent, by us or by the keeper of the session.
    fn changes_browser(&self) -> bool {
        let session = match &self.session {
            SessionOutcome::Cookies(cookies) => !cookies.is_empty(),
            SessionOutcome::Values(changes) => !changes.is_empty(),
        };
        session || !self.remember.is_empty() || self.sent_ahead
    }
}

impl VisitState {
    pub(crate) fn write(
        &mut self,
        policy: &Policy,
        headers: &mut impl Fields,
    ) -> Result<(), Error> {
        let outcome = self.conclude(policy, |name| sets_cookie(headers, name))?;
        outcome.write_to(headers);
        Ok(())
    }

    /// Ends the visit. `is_set` says whether the handler has put a cookie with this name into the response.
    pub(super) fn conclude<'a>(
        &mut self,
        policy: &'a Policy,
        is_set: impl Fn(&str) -> bool,
    ) -> Result<Outcome<'a>, Error> {
        self.written = true;
        self.flashes.store(&mut self.session);
        self.flashes = Flashes::default();
        self.arrival.again_if_due = self.is_used;
        let sent_ahead = self.sent_ahead;
        let remember = self.conclude_remembering(policy, &is_set);
        if self.missing_digest.is_some()
            && let Some(id) = self.session_user_id()
            && let Some(digest) = self.missing_digest.take()
            && policy
                .session_cookie
                .is_main_written(&self.session, &self.arrival)
        {
            // Without room for the digest, the session counts without it, as it did before.
            let mut view = self.view(policy);
            let _ = view.if_it_fits(|view| view.write_auth_hash(&id, Some(&digest)));
        }
        let mut outcome = Outcome {
            session: self
                .conclude_session(policy, &is_set)
                .inspect_err(|error| {
                    tracing::error!(target: "housekey", %error, "the session cannot be sent");
                })?,
            remember,
            vary: self.vary(),
            private: self.personal,
            sent_ahead,
        };
        outcome.private |= outcome.changes_browser();
        Ok(outcome)
    }

    /// The cookies for the remember token, once, and what caches have to know by now.
    pub(super) fn outcome_of_token<'a>(
        &mut self,
        policy: &'a Policy,
        headers: &impl Fields,
    ) -> Outcome<'a> {
        let sent_ahead = self.sent_ahead;
        let remember = self.conclude_remembering(policy, &|name| sets_cookie(headers, name));
        let mut outcome = Outcome {
            session: SessionOutcome::Values(SessionChanges::default()),
            remember,
            vary: self.vary(),
            private: self.personal,
            sent_ahead,
        };
        outcome.private |= outcome.changes_browser();
        outcome
    }

    fn vary(&self) -> &'static str {
        match self.asked_request {
            true => "Cookie, Authorization",
            false => VARY_COOKIE,
        }
    }

    /// The cookies for the remember token, once.
    pub(super) fn conclude_remembering<'a>(
        &mut self,
        policy: &'a Policy,
        is_set: &impl Fn(&str) -> bool,
    ) -> Vec<SetCookie<'a>> {
        let cookie = &policy.remember.attributes;
        if policy.remember.refresh_each_request
            && self.is_used
            && matches!(self.who, Who::Somebody(..))
            && let Some(id) = self.session_user_id()
            && !is_set(&cookie.name)
        {
            self.view(policy).refresh_remember_token(&id);
        }
        let mut sent = Vec::new();
        if self.remember.is_changed() {
            let change = self.remember.write(&policy.remember, self.now);
            self.send(cookie, self.remember.was_sent(), change, is_set, &mut sent);
            self.remember.written();
        }
        sent.extend(self.conclude_attempts(policy));
        self.sent_ahead |= !sent.is_empty();
        sent
    }

    /// The cookie for a browser that has proved itself, once.
    fn conclude_attempts<'a>(&mut self, policy: &'a Policy) -> Option<SetCookie<'a>> {
        let (here, rules) = (self.attempts.as_mut()?, policy.attempts.as_ref()?);
        let is_news = std::mem::take(&mut here.is_news);
        let learnt = here.learnt.as_ref().filter(|_| is_news)?;
        rules.known.set(learnt, self.now)
    }

    fn conclude_session<'a>(
        &mut self,
        policy: &'a Policy,
        is_set: &impl Fn(&str) -> bool,
    ) -> Result<SessionOutcome<'a>, Error> {
        if self.session.is_elsewhere() {
            return Ok(SessionOutcome::Values(self.take_session_changes()));
        }
        let mut sent = Vec::new();
        if !self.reads_only {
            let (session, arrival) = (&policy.session_cookie, &self.arrival);
            let [main, values] = session.write(&self.session, arrival, self.now)?;
            let cookie = &session.main.attributes;
            self.send(cookie, arrival.main.sent, main, is_set, &mut sent);
            if let Some(cookie) = &session.values {
                let cookie = &cookie.attributes;
                self.send(cookie, arrival.values.sent, values, is_set, &mut sent);
            }
        }
        Ok(SessionOutcome::Cookies(sent))
    }

    /// What has changed since the door last saw the session. Empty if the session must not change.
    pub(super) fn take_session_changes(&mut self) -> SessionChanges {
        if self.reads_only {
            return SessionChanges::default();
        }
        let changes = self.session.take_changes();
        self.sent_ahead |= !changes.is_empty();
        changes
    }

    /// Adds what is sent for one cookie. `came` says whether the browser has a value of it.
    fn send<'a>(
        &self,
        cookie: &'a Attributes,
        came: bool,
        change: Change<'a>,
        is_set: &impl Fn(&str) -> bool,
        sent: &mut Vec<SetCookie<'a>>,
    ) {
        let (cookie_sent, everywhere) = match change {
            Change::Keep => return,
            // A resend of an unchanged cookie must not undo a cookie of the handler, for instance a logout that it forwards
            // from a Flask peer. A change made through housekey came later, and wins.
            Change::Again(_) if is_set(&cookie.name) => return,
            Change::Set(set) | Change::Again(set) => (set, self.replaced),
            Change::Delete => (cookie.delete(), true),
        };
        // A browser tells cookies apart by more than the name: this one may have been left by earlier settings at another
        // path or domain, and a logout or a login must apply to that too. Deletions come first, because a browser that does
        // not support partitions takes those cookies for one.
        if came && everywhere {
            for other in cookie.elsewhere(self.host.as_deref()) {
                sent.push(other.delete_briefly());
            }
        }
        sent.push(cookie_sent);
    }
}

/// Whether the response already has a `Set-Cookie` with this name.
fn sets_cookie(headers: &impl Fields, name: &str) -> bool {
    headers.values(&header::SET_COOKIE).any(|field| {
        let rest = field.strip_prefix(name.as_bytes());
        rest.is_some_and(|rest| rest.trim_ascii_start().starts_with(b"="))
    })
}

/// Adds these field names to `Vary`, unless it is `*` or has them already.
fn add_to_vary(headers: &mut impl Fields, names: &'static str) {
    // A denial's `Vary` already has them all.
    let present = headers.values(&header::VARY).next();
    let present = present.map(|field| field == VARY_OF_DENIAL.as_bytes());
    match present {
        None => {
            headers.append(header::VARY, HeaderValue::from_static(names));
            return;
        }
        Some(true) => return,
        Some(false) => {}
    }
    for name in names.split(", ") {
        let present = list(headers, &header::VARY)
            .any(|field| field == "*" || field.eq_ignore_ascii_case(name));
        if !present {
            headers.append(header::VARY, HeaderValue::from_static(name));
        }
    }
}

/// Keeps a response that was made for a user, or that sets a cookie, out of shared caches. The handler's `Cache-Control`
/// stands, with two rules: only an explicit `public` or `s-maxage` lets shared caches store a user's page, and a response
/// with a cookie is never public.
fn keep_private(headers: &mut impl Fields, sets_cookies: bool) {
    if sets_cookies {
        close_targeted_caches(headers);
    }
    if headers.values(&header::CACHE_CONTROL).next().is_none() {
        let value = HeaderValue::from_static(PRIVATE);
        headers.append(header::CACHE_CONTROL, value);
        return;
    }
    let is_public =
        |directive: &str| matches!(directive_name(directive).as_str(), "public" | "s-maxage");
    let stands = !sets_cookies && list(headers, &header::CACHE_CONTROL).any(is_public);
    if stands || is_private(headers, &header::CACHE_CONTROL) {
        return;
    }
    let kept = list(headers, &header::CACHE_CONTROL).filter(|directive| !is_public(directive));
    let value = std::iter::once("private")
        .chain(kept)
        .collect::<Vec<_>>()
        .join(", ");
    if let Ok(value) = HeaderValue::from_str(&value) {
        headers.insert(header::CACHE_CONTROL, value);
    }
}

/// Fields that one kind of shared cache follows instead of `Cache-Control`.
fn close_targeted_caches(headers: &mut impl Fields) {
    let is_targeted = |name: &&str| {
        name.ends_with("cdn-cache-control")
            || matches!(
                *name,
                "surrogate-control"
                    | "edge-control"
                    | "x-litespeed-cache-control"
                    | X_ACCEL_EXPIRES
            )
    };
    let targeted = headers.names().filter(is_targeted);
    let targeted: Vec<_> = targeted.filter_map(|name| name.parse().ok()).collect();
    for name in targeted {
        if is_private(headers, &name) {
            continue;
        }
        let value = match name.as_str() {
            X_ACCEL_EXPIRES => "0".to_owned(),
            // The kind of content (ESI, for instance) does not say whether it may be stored.
            _ => std::iter::once("no-store")
                .chain(
                    list(headers, &name).filter(|directive| directive_name(directive) == "content"),
                )
                .collect::<Vec<_>>()
                .join(", "),
        };
        if let Ok(value) = HeaderValue::from_str(&value) {
            headers.insert(name, value);
        }
    }
}

/// nginx's field.
const X_ACCEL_EXPIRES: &str = "x-accel-expires";

/// Whether a field forbids shared caches to store. A `private` with field names is about those fields only.
fn is_private(headers: &impl Fields, name: &HeaderName) -> bool {
    list(headers, name).any(|directive| {
        directive.eq_ignore_ascii_case("private") || directive_name(directive) == "no-store"
    })
}

fn directive_name(directive: &str) -> String {
    directive
        .split('=')
        .next()
        .unwrap_or_default()
        .trim()
        .to_ascii_lowercase()
}

/// The elements of a list header, from all its fields. A field that is not text has none.
fn list<'a>(headers: &'a impl Fields, name: &'a HeaderName) -> impl Iterator<Item = &'a str> {
    headers
        .values(name)
        .filter_map(text)
        .flat_map(|value| value.split(','))
        .map(str::trim)
        .filter(|element| !element.is_empty())
}
