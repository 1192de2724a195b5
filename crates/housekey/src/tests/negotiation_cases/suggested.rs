//! The survey's suggestions that housekey follows.

use super::*;
use crate::Denied;

const SUGGESTED: &str = "suggested for the new library";

pub(super) const CASES: &[Case] = &[
    (
        SUGGESTED,
        "GET, Sec-Fetch-Mode: navigate or Accept includes text/html",
        || {
            for ask in [
                Ask::accepting("*/*").with("sec-fetch-mode", "navigate"),
                Ask::accepting("text/html"),
                Ask::accepting("text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"),
            ] {
                let answer = ask.denied();
                answer.is_redirect("/login?next=%2Fmembers");
                let vary = answer.all("vary").join(", ");
                assert!(vary.contains("Cookie") && vary.contains("Accept"), "{vary}");
            }
        },
    ),
    (
        SUGGESTED,
        "POST/PUT/DELETE navigation",
        the_way_back_of_a_form_is_the_page_it_was_on_if_that_is_here,
    ),
    (SUGGESTED, "Turbo-Frame header present", || {
        let answer = Ask::page().with("turbo-frame", "messages").denied();
        answer.is_refusal(401);
    }),
    (SUGGESTED, "Accept: application/json first", || {
        Ask::accepting("application/json, text/plain, */*")
            .denied()
            .is_problem(401);
    }),
    (SUGGESTED, "Accept: application/problem+json", || {
        Ask::accepting("application/problem+json")
            .denied()
            .is_problem(401);
    }),
    (
        SUGGESTED,
        "Content-Type: application/json, Accept */*",
        || {
            Ask::accepting("*/*")
                .with("content-type", "application/json")
                .denied()
                .is_problem(401);
        },
    ),
    (SUGGESTED, "Sec-Fetch-Dest: image/script/style", || {
        for destination in ["image", "script", "style"] {
            let ask = || Ask::accepting("*/*").with("sec-fetch-dest", destination);
            ask().denied().is_problem(401);
            // As browsers send it; an image may accept anything.
            let as_browsers = ask()
                .with("sec-fetch-mode", "no-cors")
                .with("accept", "text/html");
            as_browsers.denied().is_problem(401);
        }
    }),
    (SUGGESTED, "Upgrade: websocket", || {
        Ask::page()
            .with("upgrade", "websocket")
            .with("connection", "Upgrade")
            .denied()
            .is_problem(401);
        let ask = Ask::page()
            .with("sec-fetch-mode", "websocket")
            .with("upgrade", "WebSocket");
        ask.denied().is_problem(401);
    }),
    (SUGGESTED, "no Accept header (curl)", || {
        Ask::plainly().denied().is_problem(401);
    }),
    (
        SUGGESTED,
        "401 anywhere",
        every_401_names_a_scheme_that_opens_no_dialog,
    ),
    (SUGGESTED, "authenticated, lacks permission", || {
        Ask::page().forbidden().is_refusal(403);
        Ask::plainly().forbidden().is_problem(403);
        let htmx = Ask::plainly().with("hx-request", "true").forbidden();
        htmx.is_refusal(403);
        assert_eq!(htmx.header("hx-redirect"), None);
    }),
    (SUGGESTED, "authenticated, stale, html", || {
        Ask::page().stale().is_redirect("/confirm?next=%2Fmembers");
        let minute = Duration::from_secs(60);
        // The age that the route asks for, or else the manager's.
        for (within, max_age) in [(Some(minute), 60), (None, 3600)] {
            let denied = Denied::FreshLoginRequired { within };
            let problem = Ask::accepting("application/json")
                .of(safe(), denied)
                .is_problem(401);
            assert_eq!(
                problem["type"],
                "urn:housekey:problem:reauthentication-required"
            );
            assert_eq!(problem["max_age"], max_age);
        }
    }),
    (
        SUGGESTED,
        "Accept: text/html;q=0.1, application/json",
        || {
            Ask::accepting("text/html;q=0.1, application/json")
                .denied()
                .is_problem(401);
            Ask::accepting("text/html;q=0.1, application/json;q=0.05")
                .denied()
                .is_redirect("/login?next=%2Fmembers");
        },
    ),
    // It does not ask for JSON, so HTML wins with any weight. Alone, it asks for nothing that exists.
    (SUGGESTED, "Accept: application/json;q=0", || {
        Ask::accepting("application/json;q=0, text/html;q=0.1")
            .denied()
            .is_redirect("/login?next=%2Fmembers");
        Ask::accepting("application/json;q=0")
            .denied()
            .is_problem(401);
        Ask::accepting("text/html;q=0").denied().is_problem(401);
    }),
    (
        SUGGESTED,
        "Accept header 64 KiB / thousands of ranges",
        || {
            let long = "a/b;q=0.1,".repeat(6554);
            assert!(long.len() > 64 * 1024);
            Ask::accepting(&format!("{long}text/html"))
                .denied()
                .is_problem(401);
            Ask::accepting(&format!("text/html,{long}"))
                .denied()
                .is_problem(401);
        },
    ),
];

fn every_401_names_a_scheme_that_opens_no_dialog() {
    for builder in [safe as fn() -> LoginManagerBuilder<Member>, || {
        flask(FLASK_KEY)
    }] {
        for denied in [
            Denied::LoginRequired,
            Denied::FreshLoginRequired { within: None },
        ] {
            Ask::page().of(builder(), denied).is_refusal(401);
            Ask::plainly().of(builder(), denied).is_refusal(401);
            Ask::plainly()
                .with("hx-request", "true")
                .of(builder(), denied)
                .is_refusal(401);
        }
    }
    let htmx = Ask::plainly().with("hx-request", "true").denied();
    htmx.is_refusal(401);
    assert_eq!(htmx.header("hx-redirect"), Some("/login"));
}
