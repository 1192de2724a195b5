//! Whatever is given as `next`: nobody is led away, and where the check says yes the browser goes to what was checked.
//!
//! The bytes are the address itself; they are also tried as a whole query, as the address of the request that is
//! denied, as its `Referer` and as htmx's current page. What a browser makes of an answer is asked of the `url` crate,
//! which resolves addresses by the WHATWG's standard.

use std::sync::LazyLock;

use housekey::{AnswerAs, Denied, LoginManager, OpenVisit, Scope, login_url};
use http::request::Parts;
use http::{HeaderValue, Method};
use percent_encoding::percent_decode_str;
use url::{Url, form_urlencoded};

use crate::site::{Member, flask, open, request, safe};

const ORIGINS: [&str; 3] = [
    "https://shop.example",
    "http://127.0.0.1:8080",
    "https://[2001:db8::1]:8443",
];

/// The login page, as the addresses in its answers are resolved. Some pages have a base of their own.
const PAGES: [&str; 3] = [
    "https://testserver/login",
    "http://testserver:3000/login?next=%2F#x",
    "https://testserver/a/b/",
];

/// One keeps to this site; one has other origins listed; one keeps `next` in the session; one is Flask's.
static MANAGERS: LazyLock<Vec<LoginManager<Member>>> = LazyLock::new(|| {
    let other_origins = ORIGINS
        .into_iter()
        .fold(safe(), |builder, origin| builder.allow_next_origin(origin));
    let builders = [
        safe().login_view("/login"),
        other_origins.login_view("https://login.example/login?theme=dark&next=x"),
        safe().login_view("/login").next_in_session(),
        flask()
            .login_view("/login")
            .force_host_for_redirects("testserver"),
    ];
    let managers = builders.into_iter().map(|builder| builder.build().unwrap());
    managers.collect()
});

pub fn check(bytes: &[u8]) {
    let next = &*String::from_utf8_lossy(bytes);
    let asked = request(b"/login", []).unwrap();
    for (index, manager) in MANAGERS.iter().enumerate() {
        let origins: &[&str] = if index == 1 { &ORIGINS } else { &[] };
        let accepted = is_accepted(&open(manager, &asked), &asked, next, origins);
        // Percent-encoded in the query it is the same as in a form.
        let encoded: String = form_urlencoded::byte_serialize(next.as_bytes()).collect();
        if let Some(request) = request(format!("/login?a=b&next={encoded}&c").as_bytes(), []) {
            let found = open(manager, &request).next_url(&request);
            assert_eq!(found.get(), accepted.then_some(next));
        }
        as_a_query(manager, bytes);
        as_where_somebody_was(manager, bytes);
    }
    in_a_login_url(next);
}

/// Follows `next` as a browser would, and says whether it was taken.
fn is_accepted(visit: &OpenVisit, request: &Parts, next: &str, origins: &[&str]) -> bool {
    let found = visit.next_url(request).or_field(Some(next));
    let location = found.clone().or("/default").unwrap();
    assert!(HeaderValue::from_str(&location).is_ok(), "{location:?}");
    let Some(accepted) = found.get() else {
        assert_eq!(location, "/default");
        return false;
    };
    assert_eq!(accepted, next);
    assert!(next.chars().count() <= 2048 && !next.contains(['\0', '\r', '\n', '\t']));
    let path = next.split(['?', '#']).next().unwrap();
    assert!(!path.contains('\\'), "{next:?}");
    for page in PAGES {
        let page = Url::parse(page).unwrap();
        let target = page.join(&location).expect("a browser can follow it");
        let is_listed = |origin: &&str| Url::parse(origin).unwrap().origin() == target.origin();
        assert!(
            target.origin() == page.origin() || origins.iter().any(is_listed),
            "{next:?} leads to {target}"
        );
        assert!(!target.path().starts_with("//"), "{target}");
        assert!(target.username().is_empty() && target.password().is_none());
        // Browsers drop spaces at the end of an address; in the header they are encoded.
        if !next.ends_with(' ') {
            assert_eq!(page.join(next).unwrap(), target);
        }
        // Nor does it lead away from who decodes the path once more than a browser.
        if target.origin() == page.origin() {
            let decoded = percent_decode_str(target.path()).decode_utf8_lossy();
            let again = page.join(&decoded).expect("a path");
            assert_eq!(
                again.origin(),
                page.origin(),
                "{next:?}, decoded: {decoded:?}"
            );
        }
    }
    true
}

/// The bytes are a query. It is read as browsers' forms are.
fn as_a_query(manager: &LoginManager<Member>, bytes: &[u8]) {
    let Some(request) = request(&[b"/login?", bytes].concat(), []) else {
        return;
    };
    let query = request.uri.query().unwrap_or_default().as_bytes();
    let model = form_urlencoded::parse(query)
        .find(|(name, _)| name == "next")
        .map(|(_, value)| value.into_owned());
    let visit = open(manager, &request);
    let found = visit.next_url(&request);
    if let Some(found) = found.get() {
        assert_eq!(Some(found), model.as_deref());
    } else if let Some(model) = model {
        assert_eq!(found.clone().or_field(Some(&model)).get(), None);
    }
}

/// The bytes are the requested address, or the page that it was requested from. A denial leads to the login page, with a
/// return address that the login page accepts.
fn as_where_somebody_was(manager: &LoginManager<Member>, bytes: &[u8]) {
    let page: &[(&[u8], &[u8])] = &[
        (b"host", b"testserver"),
        (b"referer", bytes),
        (b"hx-current-url", bytes),
    ];
    let by_target = request(bytes, []).map(|request| (request, Method::GET, AnswerAs::Page));
    let posted = request(b"/members", page.iter().copied());
    let posted = posted.map(|request| (request, Method::POST, AnswerAs::Page));
    let htmx = request(
        b"/members",
        page.iter()
            .copied()
            .chain([(&b"hx-request"[..], &b"true"[..])]),
    );
    let htmx = htmx.map(|request| (request, Method::GET, AnswerAs::Negotiated));
    let flask = request(bytes, []).map(|request| (request, Method::DELETE, AnswerAs::Flask));
    for (mut request, method, answer) in [by_target, posted, htmx, flask].into_iter().flatten() {
        request.method = method;
        let visit = open(manager, &request);
        let scope = Scope::new().answer_as(answer);
        let response = visit.deny(&request, Denied::LoginRequired, &scope);
        let headers = response.headers();
        let Some(location) = headers.get("location").or(headers.get("hx-redirect")) else {
            assert_eq!(response.status(), 401);
            continue;
        };
        let page = Url::parse(PAGES[0]).unwrap();
        let target = page.join(location.to_str().unwrap()).unwrap();
        assert!(
            target.as_str().starts_with("https://testserver/login")
                || target
                    .as_str()
                    .starts_with("https://login.example/login?theme=dark&next="),
            "{target}"
        );
        let mut ways_back = target.query_pairs().filter(|(name, _)| name == "next");
        let way_back = ways_back.next().map(|(_, value)| value.into_owned());
        assert_eq!(ways_back.next(), None);
        if let Some(way_back) = way_back
            && target.host_str() == Some("testserver")
        {
            let login = crate::site::request(b"/login", []).unwrap();
            let visit = open(manager, &login);
            let taken = is_accepted(&visit, &login, &way_back, &[]);
            assert!(taken, "{way_back:?} was offered and is refused");
        }
    }
}

/// The public function, which promises an address on the login page's own site with one `next` in it.
fn in_a_login_url(next: &str) {
    let page = Url::parse(PAGES[0]).unwrap();
    for view in [
        "/login",
        "/login?next=x&a=%C3%A9",
        "https://testserver/login#top",
    ] {
        let built = login_url(view, Some(next));
        assert!(HeaderValue::from_str(&built).is_ok(), "{built:?}");
        let target = page.join(&built).unwrap();
        assert_eq!(target.origin(), page.origin());
        assert_eq!(target.path(), "/login");
        let values = target.query_pairs().filter(|(name, _)| name == "next");
        let values: Vec<_> = values.map(|(_, value)| value.into_owned()).collect();
        assert_eq!(values.len(), 1, "{built:?}");
        // An ordinary path arrives as it is.
        if next.starts_with('/') && !next.starts_with("//") && !next.contains(['#', ':']) {
            let without_empty_query = next.strip_suffix('?').unwrap_or(next);
            assert!(
                [next, without_empty_query].contains(&&*values[0]),
                "{built:?}"
            );
        }
    }
}
