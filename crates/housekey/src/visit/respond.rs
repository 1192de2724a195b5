//! What the response takes along: cookies, `Vary`, `Cache-Control`.

use http::HeaderName;
use http::header::{self, Entry, HeaderMap, HeaderValue};

use crate::cookie::Attributes;
use crate::error::Error;
use crate::login::state::{View, VisitState, Who};
use crate::session::Change;

impl View<'_> {
    pub(crate) fn write(mut self, headers: &mut HeaderMap) -> Result<(), Error> {
        self.written = true;
        let flashes = std::mem::take(&mut self.flashes);
        flashes.store(&mut self.session);
        self.arrival.again_if_due = self.is_used;
        let refreshes = self.policy.remember.refresh_each_request
            && self.is_used
            && matches!(self.who, Who::Somebody(..));
        if (refreshes || self.missing_digest.is_some())
            && let Some(id) = self.session_user_id()
        {
            if refreshes && !sets_cookie(headers, &self.policy.remember.attributes.name) {
                self.refresh_remember_token(&id);
            }
            if let Some(digest) = self.missing_digest.take()
                && self
                    .policy
                    .session_cookie
                    .is_main_written(&self.session, &self.arrival)
            {
                // Without room for it, the session counts without it, as it did until now.
                let _ = self.if_it_fits(|view| view.write_auth_hash(&id, Some(&digest)));
            }
        }

        add_to_vary(
            headers,
            match self.asked_request {
                true => "Cookie, Authorization",
                false => "Cookie",
            },
        );
        let cookies = self.cookies(headers)?;
        let sets_cookies = !cookies.is_empty();
        for cookie in cookies {
            headers.append(header::SET_COOKIE, cookie);
        }
        if self.personal || sets_cookies {
            keep_private(headers, sets_cookies);
        }
        Ok(())
    }

    /// What goes to the browser, in Flask-Login's order: the remember token first.
    fn cookies(&self, headers: &HeaderMap) -> Result<Vec<HeaderValue>, Error> {
        let mut cookies = Cookies {
            state: self.state,
            headers,
            sent: Vec::new(),
        };
        let remember = self.remember.write(&self.policy.remember, self.now);
        cookies.send(
            &self.policy.remember.attributes,
            self.remember.was_sent(),
            remember,
        );
        if !self.reads_only {
            let session = &self.policy.session_cookie;
            let [main, values] = session.write(&self.session, &self.arrival, self.now)?;
            cookies.send(&session.main.attributes, self.arrival.main.sent, main);
            if let Some(cookie) = &session.values {
                cookies.send(&cookie.attributes, self.arrival.values.sent, values);
            }
        }
        Ok(cookies.sent)
    }
}

/// The `Set-Cookie` fields of a response.
struct Cookies<'a> {
    state: &'a VisitState,
    /// What the handler has put into the response.
    headers: &'a HeaderMap,
    sent: Vec<HeaderValue>,
}

impl Cookies<'_> {
    fn send(&mut self, cookie: &Attributes, came: bool, change: Change) {
        let (header, everywhere) = match change {
            Change::Keep => return,
            // A cookie of the handler's own, for instance a logout that it forwards from a Flask peer, is not undone by
            // sending again what nobody changed. A change that the handler made through housekey is its later word.
            Change::Again(_) if sets_cookie(self.headers, &cookie.name) => return,
            Change::Set(header) | Change::Again(header) => (header, self.state.replaced),
            Change::Delete => (cookie.delete(), true),
        };
        // A cookie is known by more than its name: what came may be one that earlier settings left elsewhere in the browser,
        // and a logout or a login must hold for that too. First of all, since a browser that knows nothing of partitions takes
        // those for one.
        if came && everywhere {
            let elsewhere = cookie.elsewhere(self.state.host.as_deref());
            self.sent
                .extend(elsewhere.iter().map(Attributes::delete_briefly));
        }
        self.sent.push(header);
    }
}

/// Whether a `Set-Cookie` of this name is there already.
fn sets_cookie(headers: &HeaderMap, name: &str) -> bool {
    headers.get_all(header::SET_COOKIE).iter().any(|field| {
        let rest = field.as_bytes().strip_prefix(name.as_bytes());
        rest.is_some_and(|rest| rest.trim_ascii_start().starts_with(b"="))
    })
}

/// Adds these field names to `Vary`, unless that is `*` or has them.
fn add_to_vary(headers: &mut HeaderMap, names: &'static str) {
    if let Entry::Vacant(none) = headers.entry(header::VARY) {
        none.insert(HeaderValue::from_static(names));
        return;
    }
    for name in names.split(", ") {
        let present = list(headers, &header::VARY)
            .any(|field| field == "*" || field.eq_ignore_ascii_case(name));
        if !present {
            headers.append(header::VARY, HeaderValue::from_static(name));
        }
    }
}

/// A response that was made for somebody, or that hands out a cookie, must not be stored by a shared cache. What the
/// handler said about caching stands, except that only `public` or `s-maxage` in so many words leaves a user's page to
/// shared caches, and that a cookie is never public.
fn keep_private(headers: &mut HeaderMap, sets_cookies: bool) {
    if sets_cookies {
        close_targeted_caches(headers);
    }
    if let Entry::Vacant(none) = headers.entry(header::CACHE_CONTROL) {
        none.insert(HeaderValue::from_static("private, no-store"));
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

/// Fields that one kind of shared cache goes by, and then not by `Cache-Control`.
fn close_targeted_caches(headers: &mut HeaderMap) {
    let is_targeted = |name: &&HeaderName| {
        let name = name.as_str();
        name.ends_with("cdn-cache-control")
            || matches!(
                name,
                "surrogate-control"
                    | "edge-control"
                    | "x-litespeed-cache-control"
                    | X_ACCEL_EXPIRES
            )
    };
    let is_open = |name: &&HeaderName| is_targeted(name) && !is_private(headers, name);
    let open: Vec<HeaderName> = headers.keys().filter(is_open).cloned().collect();
    for name in open {
        let value = match name.as_str() {
            X_ACCEL_EXPIRES => "0".to_owned(),
            // What kind of content it is, ESI for instance, says nothing of storing.
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

/// nginx's.
const X_ACCEL_EXPIRES: &str = "x-accel-expires";

/// Whether a field forbids shared caches to store. A `private` with field names is about those fields only.
fn is_private(headers: &HeaderMap, name: &HeaderName) -> bool {
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

/// The elements of a header that is a list, over all its fields. One that is no text has none.
fn list<'a>(headers: &'a HeaderMap, name: &HeaderName) -> impl Iterator<Item = &'a str> {
    headers
        .get_all(name)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .map(str::trim)
        .filter(|element| !element.is_empty())
}
