//! Settings made ready for the rules. No IO.

use crate::attempts::AttemptRules;
use crate::auth_hash::AuthHashes;
use crate::next_url::LoginView;
use crate::remember::RememberCookie;
use crate::session::SessionCookie;
use crate::settings::RuleSettings;

pub(crate) struct Policy {
    pub(crate) settings: RuleSettings,
    pub(crate) session_cookie: SessionCookie,
    pub(crate) remember: RememberCookie,
    pub(crate) auth_hashes: AuthHashes,
    /// `None` when attempts are not limited.
    pub(crate) attempts: Option<AttemptRules>,
    pub(crate) login_view: Option<LoginView>,
    pub(crate) refresh_view: Option<LoginView>,
}

impl Policy {
    /// A login page with these settings, at its public address.
    pub(crate) fn view(settings: &RuleSettings, view: &str) -> LoginView {
        let force_host = settings.force_host.as_deref();
        let view = settings.mount.public(view);
        LoginView::new(&view, &settings.next_field, force_host)
    }

    /// The names of all cookies.
    pub(crate) fn cookie_names(&self) -> impl Iterator<Item = &str> {
        let session = self.session_cookie.names();
        let names = session
            .into_iter()
            .chain([self.remember.attributes.name.as_str(), self.known_name()]);
        names.filter(|name| !name.is_empty())
    }

    /// The name of the cookie of browsers that are known; empty where there is none.
    pub(crate) fn known_name(&self) -> &str {
        let rules = self.attempts.as_ref();
        rules.map_or("", |rules| &rules.known.attributes.name)
    }

    /// A safe target that is not the login page again.
    pub(crate) fn is_safe_next(&self, next: &str) -> bool {
        let views = [&self.login_view, &self.refresh_view];
        let is_login_page = views.into_iter().flatten().any(|view| view.is_at(next));
        self.settings.next_origins.is_safe_target(next)
            && self.settings.mount.contains(next)
            && !is_login_page
    }
}
