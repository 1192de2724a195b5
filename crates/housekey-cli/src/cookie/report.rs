//! The report on a cookie, for people and for programs.

use std::time::SystemTime;

use housekey::{CookieKind, CookieReading, CookieVerdict, EndReason, Rejection, RememberFormat};
use serde_json::{Value, json};

use super::SAFE;
use crate::arguments::Preset;
use crate::logins;
use crate::output::{rfc3339, shown, to_the_minute};

pub(crate) struct Report {
    pub(crate) name: Option<String>,
    pub(crate) asked_store: bool,
    /// Why the safe preset was not tried.
    pub(crate) not_safe: Option<String>,
    /// The contents that a key has signed.
    pub(crate) found: Option<(Preset, CookieReading)>,
}

impl Report {
    /// Whether it seems to have nothing to do with logins.
    pub(crate) fn is_others(&self) -> bool {
        let is_others = |name: &String| !SAFE.contains(&&**name);
        self.found.is_none() && self.name.as_ref().is_some_and(is_others)
    }

    /// Whether it does not count.
    pub(crate) fn is_bad(&self) -> bool {
        let verdict = self.found.as_ref().map(|(_, reading)| reading.verdict);
        !matches!(
            verdict,
            Some(CookieVerdict::Counts | CookieVerdict::NeedsStore)
        )
    }

    pub(crate) fn as_text(&self) -> String {
        let name = self.name.as_deref().map_or("cookie".to_owned(), shown);
        let Some((preset, reading)) = &self.found else {
            let mut text = format!(
                "{name}: none of the keys signed this, so nothing in it is shown.\n  The key may be another one, the value cut \
                 off, or the session on the server (Flask-Session);\n  or the site has given the cookie a name (say --name, or \
                 name=value), a salt (--salt) or a realm (--realm).\n"
            );
            if let Some(why) = &self.not_safe {
                let why = shown(why);
                text.push_str(&format!("  Tried as the flask preset alone, since the safe one takes no such key: {why}.\n"));
            }
            return text;
        };
        let mut text = format!("{name}: {}\n", kind(*preset, reading.kind));
        for (label, value) in self.rows(*preset, reading) {
            text.push_str(&format!("  {label:<12}{value}\n"));
        }
        text
    }

    fn rows(&self, preset: Preset, reading: &CookieReading) -> Vec<(&'static str, String)> {
        let mut rows = Vec::new();
        let mut row = |label, value: String| rows.push((label, value));
        row("verdict", verdict(reading));
        if reading.kind != CookieKind::SessionValues {
            let nobody = || "nobody is logged in".to_owned();
            row(
                "user",
                reading.user_id.as_deref().map_or_else(nobody, shown),
            );
        }
        if reading.kind == CookieKind::Session && reading.user_id.is_some() {
            row("fresh", fresh(reading));
        }
        row("signed", signed(reading));
        if let Some(until) = until(preset, self.asked_store, reading) {
            row("until", until);
        }
        if let Some(id) = reading.login.or(reading.record.as_ref().map(|it| it.id)) {
            row("login", id.to_string());
        }
        if let Some(record) = &reading.record {
            let address = record.address.map_or("-".to_owned(), |it| it.to_string());
            let agent = record.user_agent.as_deref().map_or("-".to_owned(), shown);
            let [made, seen] = [record.created_at, record.last_seen_at].map(to_the_minute);
            row(
                "record",
                format!("made {made}, seen {seen}, {address}, {agent}"),
            );
        }
        if !reading.values.is_empty() {
            let names = reading.values.iter().map(|name| shown(name));
            row("values", names.collect::<Vec<_>>().join(", "));
        }
        let unknown = self.unknown(reading);
        for (number, what) in unknown.into_iter().enumerate() {
            let label = if number == 0 { "not known" } else { "" };
            row(label, what.to_owned());
        }
        rows
    }

    /// What the cookie, the settings and the store do not show.
    fn unknown(&self, reading: &CookieReading) -> Vec<&'static str> {
        let mut unknown = Vec::new();
        let counts = matches!(
            reading.verdict,
            CookieVerdict::Counts | CookieVerdict::NeedsStore
        );
        if !counts || reading.user_id.is_none() {
            return unknown;
        }
        unknown.push("whether the user is still there and active");
        let token = match reading.kind {
            CookieKind::RememberToken(format) => Some(format),
            _ => None,
        };
        if reading.bound_to_auth_hash || token == Some(RememberFormat::Rotating) {
            unknown.push("whether the user's password has changed since, which would end it");
        }
        if reading.kind == CookieKind::Session {
            unknown.push(
                "whether it still comes from the browser that it was made for (session protection)",
            );
        }
        if !self.asked_store {
            unknown.push(match reading.login {
                Some(_) => "whether the login was ended: --store ADDRESS would say",
                None => {
                    "whether the login was ended, if the site has a login store: --store ADDRESS would say"
                }
            });
        }
        unknown
    }

    pub(crate) fn as_json(&self) -> Value {
        let Some((preset, reading)) = &self.found else {
            return json!({ "name": self.name, "verdict": "not_signed" });
        };
        let (verdict, reason) = names(reading.verdict);
        let (kind, format) = match reading.kind {
            CookieKind::Session => ("session", None),
            CookieKind::SessionValues => ("session_values", None),
            CookieKind::RememberToken(format) => ("remember_token", Some(format_name(format))),
            _ => ("other", None),
        };
        let preset = match (preset, reading.kind) {
            (_, CookieKind::RememberToken(RememberFormat::FlaskLogin)) => Some("flask"),
            // The other tokens are the same in both.
            (_, CookieKind::RememberToken(_)) => None,
            (Preset::Safe, _) => Some("safe"),
            (Preset::Flask, _) => Some("flask"),
        };
        let time = |time: Option<SystemTime>| time.and_then(rfc3339);
        json!({
            "name": self.name,
            "preset": preset,
            "kind": kind,
            "format": format,
            "verdict": verdict,
            "reason": reason,
            "key": reading.key,
            "signed_at": time(reading.signed_at),
            "ends_at": time(reading.ends_at),
            "user_id": reading.user_id,
            "fresh": reading.fresh,
            "fresh_at": time(reading.fresh_at),
            "permanent": reading.permanent,
            "login_id": reading.login.map(|id| id.to_string()),
            "record": reading.record.as_ref().map(logins::as_json),
            "values": reading.values,
            "not_known": self.unknown(reading),
        })
    }
}

fn kind(preset: Preset, kind: CookieKind) -> String {
    match (kind, preset) {
        (CookieKind::Session, Preset::Safe) => "a session of the safe preset".to_owned(),
        (CookieKind::Session, Preset::Flask) => {
            "a session of Flask or of the flask preset".to_owned()
        }
        (CookieKind::SessionValues, _) => {
            "the application's values beside a session of the safe preset".to_owned()
        }
        (CookieKind::RememberToken(format), _) => {
            format!("a remember token, {}", format_words(format))
        }
        _ => "a cookie of another kind".to_owned(),
    }
}

fn format_words(format: RememberFormat) -> &'static str {
    match format {
        RememberFormat::Timed => "timed",
        RememberFormat::Rotating => "rotating: good for one use",
        _ => "Flask-Login's",
    }
}

fn format_name(format: RememberFormat) -> &'static str {
    match format {
        RememberFormat::Timed => "timed",
        RememberFormat::Rotating => "rotating",
        _ => "flask_login",
    }
}

fn verdict(reading: &CookieReading) -> String {
    let refused = match reading.verdict {
        CookieVerdict::Counts => return "it counts, as far as can be seen here".to_owned(),
        CookieVerdict::NeedsStore => {
            return "it counts if its login has not ended, which its record says: ask with --store ADDRESS".to_owned();
        }
        CookieVerdict::Rejected(rejection) => match rejection {
            Rejection::Expired => "it has expired",
            Rejection::FromTheFuture => {
                "it was signed in the future, by more than clocks may differ"
            }
            Rejection::LoginEnded => "its login is over",
            Rejection::BadPayload => match reading.kind {
                CookieKind::RememberToken(_) if reading.user_id.is_some() => {
                    "a site with these settings does not read such tokens"
                }
                _ => "it was signed properly, and says nothing that can be read",
            },
            _ => "it does not count",
        },
        CookieVerdict::Ended(reason) => match reason {
            EndReason::RecordGone => {
                "its login has no record any more: it was logged out, ended from elsewhere, or it expired"
            }
            EndReason::NoRecord => "it has no record, and logins have one where there is a store",
            EndReason::CookieReplaced => {
                "another cookie has taken its place since: this is a copy of the old one"
            }
            EndReason::Idle => "the login was unused for longer than the idle timeout",
            EndReason::TooOld => "the absolute timeout is over since the user last logged in",
            _ => "its login is over",
        },
        CookieVerdict::UsedBefore => {
            "it was used before, and so was what it gave out: there is a copy. A request that comes with it ends the login"
        }
        _ => "it does not count",
    };
    format!("refused: {refused}")
}

/// The verdict and its reason, for a program.
fn names(verdict: CookieVerdict) -> (&'static str, Option<&'static str>) {
    match verdict {
        CookieVerdict::Counts => ("counts", None),
        CookieVerdict::NeedsStore => ("needs_store", None),
        CookieVerdict::UsedBefore => ("refused", Some("used_before")),
        CookieVerdict::Rejected(rejection) => {
            let reason = match rejection {
                Rejection::Expired => "expired",
                Rejection::FromTheFuture => "from_the_future",
                Rejection::BadPayload => "bad_payload",
                Rejection::LoginEnded => "login_ended",
                _ => "other",
            };
            ("refused", Some(reason))
        }
        CookieVerdict::Ended(reason) => {
            let reason = match reason {
                EndReason::RecordGone => "record_gone",
                EndReason::NoRecord => "no_record",
                EndReason::CookieReplaced => "cookie_replaced",
                EndReason::Idle => "idle",
                EndReason::TooOld => "too_old",
                _ => "other",
            };
            ("refused", Some(reason))
        }
        _ => ("refused", Some("other")),
    }
}

fn fresh(reading: &CookieReading) -> String {
    match (reading.fresh, reading.fresh_at) {
        (true, Some(at)) => format!("yes, since {}", at_second(at)),
        (true, None) => "yes".to_owned(),
        (false, Some(at)) => format!("not any more; it was at {}", at_second(at)),
        (false, None) => "no".to_owned(),
    }
}

fn signed(reading: &CookieReading) -> String {
    let at = reading.signed_at.map(at_second);
    let at = at.unwrap_or("at a time that it does not say".to_owned());
    match reading.key {
        0 => format!("{at}, with the secret key"),
        number => format!("{at}, with fallback key number {number}"),
    }
}

fn until(preset: Preset, asked_store: bool, reading: &CookieReading) -> Option<String> {
    let by = match reading.kind {
        CookieKind::RememberToken(_) => "",
        _ if asked_store && reading.login.is_some() => {
            " unless it is used, by --login-timeouts; the site's may differ"
        }
        _ if preset == Preset::Safe => {
            ", by --session-lifetime (1 day unless said); the site's may differ"
        }
        _ => ", by --session-lifetime (31 days unless said); the site's may differ",
    };
    match (reading.ends_at, reading.kind) {
        (Some(at), CookieKind::Session | CookieKind::SessionValues) if !reading.permanent => {
            Some(format!("the browser closes, or {}{by}", at_second(at)))
        }
        (Some(at), _) => Some(format!("{}{by}", at_second(at))),
        (None, CookieKind::RememberToken(RememberFormat::FlaskLogin)) => {
            Some("for ever: it counts as long as the secret key does".to_owned())
        }
        (None, _) => None,
    }
}

fn at_second(time: SystemTime) -> String {
    rfc3339(time).unwrap_or_else(|| to_the_minute(time))
}
