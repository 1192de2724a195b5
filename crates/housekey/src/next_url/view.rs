//! A login page, prepared for use at each request.

use crate::next_url::login_url::LoginUrl;
use crate::next_url::safe::path_of;
use crate::origin::Origin;

/// A login page or a refresh page.
#[derive(Clone, Debug)]
pub(crate) struct LoginView {
    /// As it was set, without its query and its fragment.
    address: String,
    /// The host, if it is set.
    origin: Option<Origin>,
    /// The position of the path in the address.
    path_from: usize,
    url: LoginUrl,
}

impl LoginView {
    /// A page at a path or an absolute URL, with the name of the parameter that holds the return address, and the host that
    /// Flask-Login's `FORCE_HOST_FOR_REDIRECTS` sets.
    pub(crate) fn new(view: &str, next_field: &str, force_host: Option<&str>) -> Self {
        let (origin, rest) = match Origin::split(view) {
            Some((origin, rest)) => (Some(origin), rest),
            None => (None, view),
        };
        Self {
            address: path_of(view).to_owned(),
            origin,
            path_from: view.len() - rest.len(),
            url: LoginUrl::new(view, next_field, force_host),
        }
    }

    /// Its URL, with this return address in it.
    pub(crate) fn url(&self, next: Option<&str>) -> String {
        self.url.with(next)
    }

    /// Whether a return address would lead here again. Its query does not matter.
    pub(crate) fn is_at(&self, next: &str) -> bool {
        self.address == path_of(next)
    }

    /// Whether it is the requested page: by the path of the request, and for a view with a host by whether the request called
    /// that host.
    pub(crate) fn is_page(&self, path: &str, is_called: impl FnOnce(&Origin) -> bool) -> bool {
        slashed(&self.address[self.path_from..]) == slashed(path)
            && self.origin.as_ref().is_none_or(is_called)
    }
}

/// Behind a host, the path may be missing.
fn slashed(path: &str) -> &str {
    match path {
        "" => "/",
        path => path,
    }
}
