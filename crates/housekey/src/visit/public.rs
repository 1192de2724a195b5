//! The routes that stay open if every other one needs a login.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, PoisonError, RwLock};

use crate::head::Head;

/// The routes of a program that are open to everybody, if all others need a login. Each is listed where it is made.
///
/// Every method returns its path, so the call stands in the line that makes the route. A guard with `except(&public)` over
/// the whole program then closes everything that is not listed: nested routers, fallbacks, and the page that somebody adds
/// next year.
///
/// ```
/// use housekey::PublicRoutes;
///
/// let public = PublicRoutes::new();
/// // Router::new()
/// //     .route(public.path("/"), get(home))
/// //     .route(public.get("/articles/{id}"), get(article).put(rewrite))
/// //     .nest_service(public.files("/assets"), ServeDir::new("assets"))
/// //     .nest("/shop", shop(&public.nested("/shop")))
/// # public.path("/"); public.get("/articles/{id}"); public.files("/assets");
/// # public.nested("/shop").path("/offers");
///
/// // In a test of the program: these and no others.
/// assert_eq!(
///     public.list(),
///     ["/", "GET /articles/{id}", "GET /assets/…", "/shop/offers"]
/// );
/// ```
///
/// The login page and the page to prove oneself again are open without being listed, by the manager's `login_view` and
/// `refresh_view`, including their POSTs. A path is the framework's own pattern, and counts if the request was routed by it:
/// `/articles/{id}` does not open `/articles/drafts` if that is a separate route.
///
/// Clones are the same list.
#[derive(Clone, Default)]
pub struct PublicRoutes {
    prefix: String,
    routes: Arc<RwLock<BTreeMap<String, Methods>>>,
}

/// Which requests for a route are open.
#[derive(Clone, Copy, Debug, Default)]
struct Methods {
    every: bool,
    get: bool,
    post: bool,
    /// Everything below it, by GET.
    files: bool,
}

impl PublicRoutes {
    /// An empty list.
    pub fn new() -> Self {
        Self::default()
    }

    /// Opens a route for every method.
    pub fn path<'a>(&self, path: &'a str) -> &'a str {
        self.open(path, |methods| methods.every = true)
    }

    /// Opens a route for GET and HEAD.
    pub fn get<'a>(&self, path: &'a str) -> &'a str {
        self.open(path, |methods| methods.get = true)
    }

    /// Opens a route for POST.
    pub fn post<'a>(&self, path: &'a str) -> &'a str {
        self.open(path, |methods| methods.post = true)
    }

    /// Opens everything at and below a path for GET and HEAD: style sheets, scripts, pictures.
    pub fn files<'a>(&self, path: &'a str) -> &'a str {
        self.open(path, |methods| methods.files = true)
    }

    /// The list for routes of a nested router or scope below this path. They join the same list.
    #[must_use]
    pub fn nested(&self, prefix: &str) -> Self {
        Self {
            prefix: self.whole(prefix),
            routes: Arc::clone(&self.routes),
        }
    }

    /// All paths. A route that is open only for some methods has those in front.
    pub fn list(&self) -> Vec<String> {
        let routes = self.routes.read().unwrap_or_else(PoisonError::into_inner);
        let listed = |(path, methods): (&String, &Methods)| {
            let of = |is_open: bool, text: String| is_open.then_some(text);
            [
                of(methods.every, path.clone()),
                of(methods.get, format!("GET {path}")),
                of(methods.post, format!("POST {path}")),
                of(methods.files, format!("GET {}/…", slashless(path))),
            ]
        };
        routes.iter().flat_map(listed).flatten().collect()
    }

    /// Whether a request is for one of them. `route` is the pattern that routed it, if its framework says so.
    pub(super) fn admits(&self, request: &impl Head, route: Option<&str>) -> bool {
        let routes = self.routes.read().unwrap_or_else(PoisonError::into_inner);
        let is_get = matches!(request.method(), "GET" | "HEAD");
        let is_post = request.method() == "POST";
        let is_open =
            |methods: &Methods| methods.every || methods.get && is_get || methods.post && is_post;
        if route
            .and_then(|route| routes.get(route))
            .is_some_and(is_open)
        {
            return true;
        }
        // For what a service below a prefix answers, a framework has no pattern.
        let path = request.path();
        let is_below = |prefix: &str, path: &str| {
            let rest = path.strip_prefix(slashless(prefix));
            rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        };
        is_get
            && !path.split('/').any(|segment| segment == "..")
            && routes.iter().any(|(prefix, methods)| {
                methods.files
                    && is_below(prefix, path)
                    && route.is_none_or(|route| is_below(prefix, route))
            })
    }

    fn open<'a>(&self, path: &'a str, open: impl Fn(&mut Methods)) -> &'a str {
        let mut routes = self.routes.write().unwrap_or_else(PoisonError::into_inner);
        open(routes.entry(self.whole(path)).or_default());
        path
    }

    /// The pattern of a route as the outermost router knows it. A nested router's root has the prefix alone.
    fn whole(&self, path: &str) -> String {
        match path {
            "" | "/" if !self.prefix.is_empty() => self.prefix.clone(),
            _ => format!("{}{path}", slashless(&self.prefix)),
        }
    }
}

fn slashless(path: &str) -> &str {
    path.strip_suffix('/').unwrap_or(path)
}

impl fmt::Debug for PublicRoutes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.list()).finish()
    }
}

#[cfg(test)]
mod tests {
    use http::Request;

    use super::*;

    #[test]
    fn a_request_is_open_by_the_pattern_that_it_was_routed_by_and_its_method() {
        let public = PublicRoutes::new();
        public.path("/");
        public.get("/articles/{id}");
        public.post("/hooks");
        public.get("/both");
        public.post("/both");
        let shop = public.nested("/shop");
        shop.get("/");
        shop.nested("/{year}").path("/offers");
        public.files("/assets");
        for (request, route, expected) in [
            ("GET /", Some("/"), true),
            ("DELETE /", Some("/"), true),
            ("GET /", None, false),
            ("GET /articles/7", Some("/articles/{id}"), true),
            ("HEAD /articles/7", Some("/articles/{id}"), true),
            ("PUT /articles/7", Some("/articles/{id}"), false),
            ("GET /articles/drafts", Some("/articles/drafts"), false),
            ("GET /articles/7", None, false),
            ("POST /hooks", Some("/hooks"), true),
            ("GET /hooks", Some("/hooks"), false),
            ("GET /both", Some("/both"), true),
            ("POST /both", Some("/both"), true),
            ("PUT /both", Some("/both"), false),
            ("GET /shop", Some("/shop"), true),
            ("GET /shop/", Some("/shop/"), false),
            ("POST /shop/26/offers", Some("/shop/{year}/offers"), true),
            ("POST /offers", Some("/offers"), false),
            ("GET /assets/a.css", None, true),
            ("HEAD /assets", None, true),
            ("GET /assets/a.css", Some("/assets/{tail}"), true),
            ("GET /assets/a.css", Some("/{first}/{second}"), false),
            ("POST /assets/a.css", None, false),
            ("GET /assetsandmore", None, false),
            ("GET /assets/../admin", None, false),
            ("GET /elsewhere", None, false),
        ] {
            let (method, path) = request.split_once(' ').unwrap();
            let request = Request::builder().method(method).uri(path);
            let (parts, ()) = request.body(()).unwrap().into_parts();
            let admitted = public.admits(&parts, route);
            assert_eq!(admitted, expected, "{method} {path} {route:?}");
        }
        assert_eq!(
            public.list(),
            [
                "/",
                "GET /articles/{id}",
                "GET /assets/…",
                "GET /both",
                "POST /both",
                "POST /hooks",
                "GET /shop",
                "/shop/{year}/offers",
            ]
        );
        assert_eq!(format!("{public:?}"), format!("{:?}", public.list()));
    }
}
