//! Checks that the settings make sense. Each error names the setting and says what to do.

use std::time::Duration;

use super::{SessionProtection, SessionSignature, Settings};
use crate::client::SessionIdentifier;
use crate::cookie::{LONGEST_COOKIE, check_duration};
use crate::error::{Error, ErrorKind};
use crate::next_url::check_view;
use crate::records::rules::MaxLogins;
use crate::remember::RememberFormat;
use crate::session::SessionRefresh;
use crate::signing::SecretKeys;

/// Clocks that differ by more are not set at all.
const MOST_TOLERANCE: Duration = Duration::from_secs(10 * 60);

pub(crate) fn check_key(keys: &SecretKeys, settings: &Settings) -> Result<(), Error> {
    for weakness in keys.weaknesses() {
        if settings.strong_keys_only {
            return Err(Error::new(ErrorKind::SecretKey, weakness));
        }
        tracing::warn!(target: "housekey", "a weak secret key is accepted for the sake of a Flask peer: {weakness}");
    }
    Ok(())
}

/// Flask-Login computes its identifiers from the address. Without one, no session of a Flask peer matches.
pub(crate) fn warn_without_address(settings: &Settings) {
    let needs_address = settings.rules.protection != SessionProtection::Off
        && settings.rules.identifier != SessionIdentifier::UserAgent;
    if needs_address
        && settings.rules.client_address.is_none()
        && settings.rules.trusted_proxies == 0
    {
        tracing::warn!(
            target: "housekey",
            "session protection uses the client's address, but no setting says where it comes from: every session that a \
             Flask peer made will look as if it came from somewhere else. Set client_address or trusted_proxies."
        );
    }
}

pub(crate) fn check(settings: &Settings) -> Result<(), Error> {
    // First, because cookies may be named after it.
    settings.rules.mount.check()?;
    settings.session_cookie.check("session_cookie")?;
    settings.remember_cookie.check("remember_cookie")?;
    let values = settings.values_cookie().map(|cookie| cookie.name);
    for name in [Some(&settings.session_cookie.name), values.as_ref()]
        .into_iter()
        .flatten()
    {
        if *name == settings.remember_cookie.name {
            return Err(Error::setting(format!(
                "remember_cookie_name: {name} is also the name of a session cookie; choose different names"
            )));
        }
    }
    check_duration("session_lifetime", settings.session_lifetime)?;
    check_duration("remember_duration", settings.remember_duration)?;
    if let Some(within) = settings.rules.fresh_within {
        check_duration("fresh_within", within)?;
    }
    if settings.rules.clock_tolerance > MOST_TOLERANCE {
        return Err(Error::setting(
            "clock_tolerance: more than ten minutes; set the machines' clocks by NTP and choose less",
        ));
    }
    if let SessionRefresh::OlderThan(age) = settings.session_refresh
        && age >= settings.session_lifetime
    {
        return Err(Error::setting(
            "session_refresh: a session is gone before it is that old; choose an age below session_lifetime",
        ));
    }
    if !(512..=LONGEST_COOKIE).contains(&settings.max_cookie_size) {
        return Err(Error::setting(format!(
            "max_cookie_size: {} bytes; choose 512 to {LONGEST_COOKIE}, which is what browsers keep",
            settings.max_cookie_size
        )));
    }
    check_view("login_view", settings.rules.login_view.as_deref())?;
    check_view("refresh_view", settings.rules.refresh_view.as_deref())?;
    let field = &settings.rules.next_field;
    if field.is_empty()
        || !field
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(&b))
    {
        return Err(Error::setting(format!(
            "next_field: {field:?} is not a parameter name; use letters, digits, - _ and ."
        )));
    }
    if let Some(host) = &settings.rules.force_host
        && (host.is_empty()
            || !host
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || b"-.:[]".contains(&b)))
    {
        return Err(Error::setting(format!(
            "force_host_for_redirects: {host:?} is not a host; give it without a scheme, for instance www.example.com"
        )));
    }
    Ok(())
}

fn check_realm(settings: &Settings, stored: bool) -> Result<(), Error> {
    let realm = &settings.rules.realm;
    let is_flask = settings.session_signature == SessionSignature::Flask;
    if !realm.is_empty() && is_flask && !stored {
        return Err(Error::setting(
            "realm: Flask's cookies have no place for one, so in the flask preset it only separates login records; give each \
             login manager a secret key of its own, and a realm if they share a login_store",
        ));
    }
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
    if realm.len() > 32 || !realm.bytes().all(allowed) {
        return Err(Error::setting(format!(
            "realm: {realm:?} cannot be used; choose up to 32 letters, digits, - and _"
        )));
    }
    Ok(())
}

/// The settings that need a store, and whether the format of the remember token fits them.
pub(crate) fn check_store(settings: &Settings, stored: bool) -> Result<RememberFormat, Error> {
    check_realm(settings, stored)?;
    let needs_store =
        |name: &str| Error::setting(format!("{name}: needs login records; set a login_store"));
    if let Some(timeouts) = settings.login_timeouts {
        timeouts.check()?;
        if !stored {
            return Err(needs_store("login_timeouts"));
        }
        let cookie_is_the_login = settings.session_signature == SessionSignature::Flask;
        if cookie_is_the_login && timeouts.idle() > settings.session_lifetime {
            return Err(Error::setting(
                "login_timeouts: the idle timeout is longer than session_lifetime, after which the cookie is gone; \
                 make that longer, or the timeout shorter",
            ));
        }
    }
    if let Some(max) = settings.max_logins {
        if !stored {
            return Err(needs_store("max_logins"));
        }
        if max.count == 0 {
            return Err(Error::setting(
                "max_logins: with a limit of zero nobody could log in",
            ));
        }
        if max.count > MaxLogins::MOST {
            return Err(Error::setting(format!(
                "max_logins: {} is more than can be listed and ended quickly; choose at most {}",
                max.count,
                MaxLogins::MOST
            )));
        }
    }
    match settings.remember_format {
        Some(RememberFormat::Rotating) if !stored => Err(needs_store("remember_format")),
        Some(format @ (RememberFormat::Timed | RememberFormat::TimedReplacingFlaskLogin))
            if stored =>
        {
            Err(Error::setting(format!(
                "remember_format: {format:?} cannot be ended one by one, and would undo what the login_store ends; use \
                 Rotating, or FlaskLogin while a Flask peer writes the tokens"
            )))
        }
        Some(format) => Ok(format),
        None if stored => Ok(RememberFormat::Rotating),
        None => Ok(RememberFormat::Timed),
    }
}
