//! The path that all addresses of the site begin with: none, or `/club` where other sites share the host.

use std::sync::Arc;

use axum::Router;
use axum::response::Redirect;

/// Nothing, or a path without a slash at its end.
#[derive(Clone)]
pub(crate) struct Root(Arc<str>);

impl Root {
    /// The login manager checks it.
    pub(crate) fn new(path: &str) -> Root {
        Root(if path == "/" { "" } else { path }.into())
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }

    /// Leads to a page of the site, given as the router knows it.
    pub(crate) fn redirect(&self, page: &str) -> Redirect {
        Redirect::to(&format!("{}{page}", self.0))
    }

    /// A cookie's name. A browser sends the cookies of a host to all sites there, so each site has names of its own.
    pub(crate) fn cookie(&self, name: &str) -> String {
        let site = self.0.split('/').skip(1);
        let words: Vec<_> = site.chain([name]).collect();
        format!("__Host-{}", words.join("-"))
    }

    /// The site at its path, whether the proxy passes the path on or strips it.
    pub(crate) fn mount(&self, site: Router) -> Router {
        match self.as_str() {
            "" => site,
            path => Router::new()
                .nest_service(path, site.clone())
                .fallback_service(site),
        }
    }
}
