//! The site below a path of its host, with another site beside it.

use std::collections::{BTreeMap, BTreeSet};

use axum::http::StatusCode;
use axum::http::header::{CONTENT_TYPE, SET_COOKIE};
use members::Closing;

use crate::browser::{Answer, Browser};
use crate::{OK, PASSWORD, Site, options};

const PATH: &str = "/club";
const MOUNTED: [&str; 2] = ["--mounted-at", PATH];
const ADA: [(&str, &str); 2] = [("username", "ada"), ("password", PASSWORD)];

/// Attributes by which a page names an address.
const ADDRESSES: [&str; 8] = [
    "href",
    "src",
    "srcset",
    "action",
    "formaction",
    "poster",
    "data",
    "cite",
];

/// What the proxy does with the path.
#[derive(Clone, Copy, Debug)]
enum Proxy {
    Strips,
    PassesOn,
}

const PROXIES: [Proxy; 2] = [Proxy::Strips, Proxy::PassesOn];

/// A browser at the other side of the proxy. No answer may lead it out of the site.
struct Visitor {
    browser: Browser,
    proxy: Proxy,
    /// The addresses that answers have led to, or loaded.
    found: BTreeSet<String>,
}

impl Visitor {
    fn at(site: &Site, proxy: Proxy) -> Self {
        Self {
            browser: site.browser(),
            proxy,
            found: BTreeSet::new(),
        }
    }

    async fn get(&mut self, address: &str) -> Answer {
        let answer = self.browser.get(self.own(address)).await;
        self.look_at(address, &answer);
        answer
    }

    async fn post(&mut self, address: &str, fields: &[(&str, &str)]) -> Answer {
        self.post_from("same-origin", address, fields).await
    }

    async fn post_from(&mut self, site: &str, address: &str, fields: &[(&str, &str)]) -> Answer {
        let own = self.own(address).to_owned();
        let answer = self.browser.post_from(site, &own, fields).await;
        self.look_at(address, &answer);
        answer
    }

    /// Goes from this page to whatever leads on, form or link, until there is nothing new.
    async fn crawl(&mut self, from: &str) -> BTreeMap<String, StatusCode> {
        self.found = BTreeSet::from([from.to_owned()]);
        let mut seen = BTreeMap::new();
        while let Some(address) = self.found.pop_first() {
            if seen.contains_key(&address) {
                continue;
            }
            let status = self.get(&address).await.status;
            seen.insert(address, status);
        }
        seen
    }

    /// What the program gets of a public address.
    fn own<'a>(&self, address: &'a str) -> &'a str {
        match self.proxy {
            Proxy::Strips => below(address),
            Proxy::PassesOn => address,
        }
    }

    fn look_at(&mut self, address: &str, answer: &Answer) {
        let mut led_to = Vec::new();
        for name in [
            "location",
            "content-location",
            "hx-redirect",
            "refresh",
            "link",
        ] {
            led_to.extend(
                answer
                    .headers
                    .get(name)
                    .map(|it| it.to_str().unwrap().to_owned()),
            );
        }
        let kind = answer
            .headers
            .get(CONTENT_TYPE)
            .map(|it| it.to_str().unwrap());
        match kind.unwrap_or_default() {
            html if html.starts_with("text/html") => led_to.extend(addresses(&answer.body)),
            _ => assert!(!names_a_path(&answer.body), "{address}: {}", answer.body),
        }
        for link in led_to {
            let below = below(&link);
            assert!(!below.starts_with("/club/"), "{address} leads to {link}");
            self.found.insert(link);
        }
        for cookie in answer.headers.get_all(SET_COOKIE) {
            let cookie = cookie.to_str().unwrap();
            assert!(cookie.starts_with("club-"), "{address}: {cookie}");
            assert!(
                cookie.contains("; Path=/;") || cookie.ends_with("; Path=/"),
                "{cookie}"
            );
        }
    }
}

/// What follows the path in a public address.
#[track_caller]
fn below(address: &str) -> &str {
    let rest = address.strip_prefix(PATH);
    rest.filter(|rest| rest.starts_with('/'))
        .unwrap_or_else(|| panic!("{address} is not below {PATH}"))
}

/// All addresses in a page, and what its forms send as `next`.
fn addresses(page: &str) -> Vec<String> {
    let page = page.replace(['\n', '\t'], " ");
    let quoted = |rest: &str| {
        let value = rest.strip_prefix('"').expect("all attributes have quotes");
        let (value, _) = value.split_once('"').unwrap();
        value.replace("&#x2f;", "/").replace("&amp;", "&")
    };
    let values = ADDRESSES.iter().flat_map(|name| {
        let name = format!(" {name}=");
        let values: Vec<_> = page.split(&name).skip(1).map(quoted).collect();
        values
    });
    let nexts = page.split(r#" name="next" value="#).skip(1).map(quoted);
    let is_elsewhere = |address: &String| !address.starts_with('#');
    values.chain(nexts).filter(is_elsewhere).collect()
}

/// Whether a script, a stylesheet or a picture has an address that begins at the root of the host.
fn names_a_path(text: &str) -> bool {
    let opens = |text: &[u8]| matches!(text, [b'"' | b'\'' | b'`' | b'(', b'/', letter] if letter.is_ascii_alphabetic());
    text.as_bytes().windows(3).any(opens)
}

/// The paths of the pages that answer in this way, without their queries.
fn those(seen: &BTreeMap<String, StatusCode>, status: StatusCode) -> Vec<&str> {
    let seen = seen.iter().filter(|(_, it)| **it == status);
    let paths = seen.map(|(address, _)| address.split('?').next().unwrap());
    paths.collect::<BTreeSet<_>>().into_iter().collect()
}

#[tokio::test]
async fn no_link_form_or_file_of_any_page_leads_out_of_the_path() {
    const FILES: [&str; 4] = ["door.svg", "forms.js", "key.svg", "site.css"];
    for proxy in PROXIES {
        let site = Site::open_with(&MOUNTED).await;
        let mut ada = Visitor::at(&site, proxy);
        let seen = ada.crawl("/club/").await;
        let files = FILES.map(|name| format!("/club/static/{name}"));
        let mut pages = vec!["/club/", "/club/sign-in", "/club/sign-up"];
        pages.extend(files.iter().map(String::as_str));
        assert_eq!(those(&seen, OK), pages, "{proxy:?}");
        assert_eq!(those(&seen, OK).len(), seen.len(), "{seen:?}");

        ada.post("/club/sign-up", &ADA)
            .await
            .leads_to("/club/dashboard");
        crate::logins::more_logins(&site, 24);
        let seen = ada.crawl("/club/").await;
        let mut pages = vec![
            "/club/",
            "/club/account",
            "/club/account/logins",
            "/club/dashboard",
        ];
        pages.extend(files.iter().map(String::as_str));
        pages.insert(7, "/club/static/signed-in.js");
        assert_eq!(those(&seen, OK), pages, "{proxy:?}");
        let forms = [
            "/club/account/logins/end",
            "/club/account/logins/end-others",
            "/club/sign-out",
        ];
        assert_eq!(
            those(&seen, StatusCode::METHOD_NOT_ALLOWED),
            forms,
            "{proxy:?}"
        );
        // The list of logins is there once more for each of its two pages.
        assert_eq!(pages.len() + forms.len() + 2, seen.len(), "{seen:?}");
        assert_eq!(seen["/club/account/logins?page=2"], OK);
    }
}

#[tokio::test]
async fn a_member_goes_through_all_forms_and_stays_below_the_path() {
    for proxy in PROXIES {
        let site = Site::open_with(&MOUNTED).await;
        let mut ada = Visitor::at(&site, proxy);
        ada.get("/club/dashboard")
            .await
            .leads_to("/club/sign-in?next=%2Fclub%2Fdashboard");
        for form in ["/club/sign-up", "/club/sign-in"] {
            let empty = ada.post(form, &[("next", "/club/account")]).await;
            assert_eq!(empty.status, StatusCode::UNPROCESSABLE_ENTITY, "{proxy:?}");
            assert!(
                ada.found.contains("/club/account"),
                "the form keeps where it leads to"
            );
        }
        ada.post("/club/sign-up", &ADA)
            .await
            .leads_to("/club/dashboard");
        ada.get("/club/sign-in").await.leads_to("/club/dashboard");
        ada.post("/club/sign-out", &[]).await.leads_to("/club/");

        // Out of the site, and to a page in it.
        for (next, there) in [
            ("/dashboard", "/club/dashboard"),
            ("/club/../admin", "/club/dashboard"),
            ("/club/account", "/club/account"),
        ] {
            let mut browser = Visitor::at(&site, proxy);
            let fields = [("next", next), ("remember", "yes"), ADA[0], ADA[1]];
            browser.post("/club/sign-in", &fields).await.leads_to(there);
            ada = browser;
        }

        // Remembered, and not fresh.
        ada.browser.reopen();
        ada.get("/club/account/logins?page=1")
            .await
            .leads_to("/club/sign-in?next=%2Fclub%2Faccount%2Flogins%3Fpage%3D1");
        ada.get("/club/sign-in?next=%2Fclub%2Faccount")
            .await
            .shows(OK, "Confirm it’s you");
        ada.post("/club/sign-in", &[("next", "/club/account"), ADA[1]])
            .await
            .leads_to("/club/account");
        let wrong = ada
            .post("/club/account", &[("current_password", "wrong")])
            .await;
        assert_eq!(wrong.status, StatusCode::UNPROCESSABLE_ENTITY);
        let change = [
            ("current_password", PASSWORD),
            ("new_password", "another password"),
        ];
        ada.post("/club/account", &change)
            .await
            .leads_to("/club/account");
        ada.post("/club/account/logins/end-others", &[])
            .await
            .leads_to("/club/account/logins");
        ada.post("/club/account/logins/end", &[("login", "?")])
            .await
            .leads_to("/club/account/logins");

        // What goes wrong.
        ada.get("/club/nowhere")
            .await
            .shows(StatusCode::NOT_FOUND, "Back to the front door");
        ada.get("/club/api/nothing")
            .await
            .shows(StatusCode::NOT_FOUND, "no such room");
        ada.get("/club/api/me").await.shows(OK, "ada");
        ada.post_from("cross-site", "/club/sign-out", &[])
            .await
            .shows(StatusCode::FORBIDDEN, "Back to the front door");
        let large = "x".repeat(70_000);
        let answer = ada.post("/club/sign-in", &[("username", &large)]).await;
        answer.shows(StatusCode::PAYLOAD_TOO_LARGE, "Back to the front door");
    }
}

#[tokio::test]
async fn two_sites_of_one_host_do_not_sign_each_other_out() {
    let (root, club) = (Site::open().await, Site::open_with(&MOUNTED).await);
    let mut ada = root.member("ada").await;
    ada.visit(&club.router);
    ada.post("/club/sign-up", &ADA)
        .await
        .leads_to("/club/dashboard");
    ada.get("/club/dashboard").await.shows(OK, "Hello, ada.");
    ada.visit(&root.router);
    ada.get("/dashboard").await.shows(OK, "Hello, ada.");
    ada.post("/sign-out", &[]).await.leads_to("/");
    ada.visit(&club.router);
    ada.get("/club/dashboard").await.shows(OK, "Hello, ada.");
}

#[tokio::test]
async fn over_https_the_cookies_of_a_site_below_a_path_have_the_prefix_of_its_host() {
    let site = Site::open_with(&["--https", "--mounted-at", "/our/club"]).await;
    let fields = [ADA[0], ADA[1], ("remember", "yes")];
    let mut browser = site.browser();
    let answer = browser.post("/our/club/sign-up", &fields).await;
    answer.leads_to("/our/club/dashboard");
    let names: Vec<_> = browser.cookies().into_keys().collect();
    let begin_right = names.iter().all(|it| it.starts_with("__Host-our-club-"));
    assert!(begin_right, "{names:?}");
    for name in ["session", "remember_token"] {
        let name = format!("__Host-our-club-{name}");
        assert!(names.contains(&name), "{names:?}");
    }
}

#[tokio::test]
async fn the_root_may_be_written_as_a_slash_and_what_is_no_path_is_refused() {
    let site = Site::open_with(&["--mounted-at", "/"]).await;
    site.member("ada")
        .await
        .get("/dashboard")
        .await
        .shows(OK, r#"href="/account""#);
    for path in ["club", "/club/", "/a//b", "/{x}", "https://club.example"] {
        let data = tempfile::tempdir().unwrap();
        let options = options(data.path(), &["--mounted-at", path]);
        let error = members::app(&options, &Closing::default())
            .await
            .unwrap_err();
        assert!(error.to_string().starts_with("mounted_at: "), "{error}");
    }
}

#[tokio::test]
async fn what_only_begins_like_the_path_is_not_of_the_site() {
    let site = Site::open_with(&MOUNTED).await;
    for path in ["/clubhouse", "/club%2Fdashboard", "/club/club/", "//club/"] {
        let answer = site.browser().get(path).await;
        assert_eq!(answer.status, StatusCode::NOT_FOUND, "{path}");
    }
    site.browser()
        .get("/club")
        .await
        .shows(OK, "A house with a key of your own.");
}
