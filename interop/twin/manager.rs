//! The login manager, the same behind every framework.

use std::net::IpAddr;

use housekey_axum::{BoxError, LoginManager};

use crate::settings::Settings;
use crate::users::{Account, Users};

/// Every setting as on the Flask side. What the environment does not set has Flask's value by the preset. `peer` is the
/// address that a request came from, where its framework keeps it.
pub(crate) fn manager(
    settings: &Settings,
    users: Users,
    peer: impl Fn(&http::request::Parts) -> Option<IpAddr> + Send + Sync + 'static,
) -> Result<LoginManager<Account>, BoxError> {
    let mut builder = LoginManager::flask(settings.keys.clone(), users)
        .login_view("/login")
        .refresh_view("/confirm")
        .session_protection(settings.session_protection)
        .trusted_proxies(settings.trusted_proxies)
        .client_address(move |request| Some(peer(request)?.to_canonical()))
        .session_cookie(|cookie| settings.session_cookie.apply(cookie))
        .remember_cookie(|cookie| settings.remember_cookie.apply(cookie));
    if let Some(lifetime) = settings.session_lifetime {
        builder = builder.session_lifetime(lifetime);
    }
    if let Some(refresh) = settings.session_refresh {
        builder = builder.session_refresh(refresh);
    }
    if let Some(duration) = settings.remember_duration {
        builder = builder.remember_duration(duration);
    }
    if settings.remember_refresh {
        builder = builder.remember_refresh_each_request();
    }
    if settings.next_in_session {
        builder = builder.next_in_session();
    }
    if let Some(host) = &settings.force_host {
        builder = builder.force_host_for_redirects(host);
    }
    Ok(builder.build()?)
}
