//! The answers of other systems.

use http::{Response, StatusCode};

use super::*;
use crate::{AnswerAs, Denied, Scope};

const DEVISE: &str = "Devise";
const LARAVEL: &str = "Laravel";
const FLASK_SECURITY: &str = "Flask-Security-Too";
const CLEARANCE: &str = "Clearance";
const ASP_NET: &str = "ASP.NET Core cookies";
const ASP_NET_10: &str = "ASP.NET Core 10 cookies";
const AUTHBOSS: &str = "authboss";

pub(super) const CASES: &[Case] = &[
    (DEVISE, "GET, Accept html", || {
        let manager = with_login_page().login_message("Please log in.");
        let answer = Ask::page().of(manager, Denied::LoginRequired);
        answer.is_redirect("/login?next=%2Fmembers");
        answer.flashes("Please log in.");
    }),
    // Devise sends every client that accepts anything to the login page; programs do not read it.
    (DEVISE, "Accept */* (no format)", || {
        Ask::accepting("*/*").denied().is_problem(401);
    }),
    (DEVISE, "format unknown/empty", || {
        Ask::accepting("application/x-unknown")
            .denied()
            .is_problem(401);
        Ask::accepting("").denied().is_problem(401);
    }),
    (DEVISE, "format json", || {
        Ask::accepting("application/json").denied().is_problem(401);
    }),
    (DEVISE, "format xml", || {
        Ask::accepting("application/xml").denied().is_problem(401);
    }),
    // Basic would open a browser's dialog.
    (DEVISE, "json, http_authenticatable on", || {
        Ask::accepting("application/json").denied().is_problem(401);
    }),
    (DEVISE, "navigational_formats [], html", || {
        Ask::page()
            .of(
                with_login_page().answer_as(AnswerAs::Api),
                Denied::LoginRequired,
            )
            .is_problem(401);
    }),
    // Devise redirects scripts; a login page is of no use to them.
    (
        DEVISE,
        "XHR html, http_authenticatable_on_xhr=false",
        || {
            Ask::page()
                .with("x-requested-with", "XMLHttpRequest")
                .denied()
                .is_problem(401);
        },
    ),
    (DEVISE, "XHR json, on_xhr=false", || {
        let ask = Ask::accepting("application/json");
        ask.with("x-requested-with", "XMLHttpRequest")
            .denied()
            .is_problem(401);
    }),
    (DEVISE, "turbo_stream", || {
        let ask = Ask::accepting("text/vnd.turbo-stream.html, text/html, application/xhtml+xml");
        ask.denied().is_redirect("/login?next=%2Fmembers");
    }),
    (DEVISE, "no sign-in route", || {
        Ask::page()
            .of(safe(), Denied::LoginRequired)
            .is_refusal(401);
        Ask::page()
            .of(safe().answer_as(AnswerAs::Flask), Denied::LoginRequired)
            .is_refusal(401);
    }),
    (
        DEVISE,
        "request without flash support",
        a_message_that_does_not_fit_is_left_out,
    ),
    (DEVISE, "relative_url_root /sample", || {
        let manager = safe().login_view("/sample/login");
        let ask = Ask::page().at("/sample/members");
        let answer = ask.of(manager, Denied::LoginRequired);
        answer.is_redirect("/sample/login?next=%2Fsample%2Fmembers");
    }),
    (DEVISE, "locale passed", || {
        let manager = with_login_page().login_message("Please log in.");
        let manager =
            manager.localize_messages(|text| text.replace("Please log in.", "Bitte anmelden."));
        Ask::page()
            .of(manager, Denied::LoginRequired)
            .flashes("Bitte anmelden.");
    }),
    (DEVISE, "timeout on GET", || {
        let expired = session_cookie_of_login(&at(0, safe()).build().unwrap(), "1");
        let ask = Ask::page().with("cookie", &expired).at("/members?page=2");
        ask.denied()
            .is_redirect("/login?next=%2Fmembers%3Fpage%3D2");
    }),
    (
        DEVISE,
        "timeout on non-GET",
        the_way_back_of_a_form_is_the_page_it_was_on_if_that_is_here,
    ),
    (
        LARAVEL,
        "X-Requested-With XMLHttpRequest and Accept */*",
        || {
            Ask::accepting("*/*")
                .with("x-requested-with", "XMLHttpRequest")
                .denied()
                .is_problem(401);
        },
    ),
    (LARAVEL, "first Accept type contains /json or +json", || {
        for accept in [
            "application/json, text/html;q=0.9",
            "application/vnd.api+json",
            "application/problem+json, */*",
        ] {
            Ask::accepting(accept).denied().is_problem(401);
        }
    }),
    (LARAVEL, "html, redirect target known", || {
        Ask::page().denied().is_redirect("/login?next=%2Fmembers");
        let answer = Ask::page().of(with_login_page().next_in_session(), Denied::LoginRequired);
        answer.is_redirect("/login");
        assert_eq!(
            answer
                .visit
                .session()
                .get::<String>("next")
                .unwrap()
                .as_deref(),
            Some("/members")
        );
    }),
    (LARAVEL, "html, no redirect target", || {
        Ask::page()
            .of(safe(), Denied::LoginRequired)
            .is_refusal(401);
    }),
    // Laravel answers 423. The status for "log in first" is 401.
    (LARAVEL, "password.confirm stale, JSON", || {
        Ask::accepting("application/json").stale().is_problem(401);
    }),
    (LARAVEL, "password.confirm stale, html", || {
        Ask::page().stale().is_redirect("/confirm?next=%2Fmembers");
    }),
    (
        LARAVEL,
        "confirmed_at missing",
        a_fresh_session_that_does_not_say_since_when_is_not_fresh,
    ),
    (LARAVEL, "prefers-JSON middleware, Accept */*", || {
        let manager = with_login_page().answer_as(AnswerAs::Api);
        Ask::accepting("*/*")
            .of(manager, Denied::FreshLoginRequired { within: None })
            .is_problem(401);
    }),
    // The routes' own setting beats every header.
    (LARAVEL, "prefers-JSON middleware, Accept text/html", || {
        let manager = with_login_page().answer_as(AnswerAs::Api);
        Ask::page()
            .of(manager, Denied::FreshLoginRequired { within: None })
            .is_problem(401);
    }),
    (
        FLASK_SECURITY,
        "wants JSON (Accept or JSON body), unauthenticated",
        || {
            Ask::accepting("application/json").denied().is_problem(401);
            Ask::accepting("*/*")
                .with("content-type", "application/json")
                .denied()
                .is_problem(401);
            Ask::page()
                .with("content-type", "application/json; charset=utf-8")
                .denied()
                .is_problem(401);
        },
    ),
    (
        FLASK_SECURITY,
        "Basic auth mechanism enabled (WWW-Authenticate in headers)",
        || {
            let manager = with_login_page().unauthorized_handler(|_| {
                let response = Response::builder().status(401);
                response
                    .header("www-authenticate", "Basic realm=\"x\"")
                    .body(String::new())
                    .unwrap()
            });
            let answer = Ask::page().of(manager, Denied::LoginRequired);
            assert_eq!(answer.status(), 401);
            assert_eq!(answer.header("www-authenticate"), Some("Basic realm=\"x\""));
            assert_eq!(answer.header("location"), None);
        },
    ),
    (FLASK_SECURITY, "html unauthenticated", || {
        Ask::page().denied().is_redirect("/login?next=%2Fmembers");
    }),
    (FLASK_SECURITY, "not fresh, JSON", || {
        let problem = Ask::accepting("application/json").stale().is_problem(401);
        assert_eq!(
            problem["type"],
            "urn:housekey:problem:reauthentication-required"
        );
    }),
    (FLASK_SECURITY, "not fresh, html", || {
        let manager = safe().refresh_view("/verify");
        let ask = Ask::page().at("/myspecialview");
        let answer = ask.of(manager, Denied::FreshLoginRequired { within: None });
        answer.is_redirect("/verify?next=%2Fmyspecialview");
    }),
    (
        FLASK_SECURITY,
        "authenticated but no permission, JSON",
        || {
            Ask::accepting("application/json")
                .forbidden()
                .is_problem(403);
        },
    ),
    (
        FLASK_SECURITY,
        "authenticated but no permission, html, no view",
        || {
            Ask::page().forbidden().is_refusal(403);
        },
    ),
    (CLEARANCE, "js/json/xml denied", || {
        for accept in ["text/javascript", "application/json", "application/xml"] {
            Ask::accepting(accept).denied().is_problem(401);
        }
    }),
    (CLEARANCE, "other, signed out", || {
        Ask::page()
            .at("/members?page=2")
            .denied()
            .is_redirect("/login?next=%2Fmembers%3Fpage%3D2");
    }),
    // Clearance redirects elsewhere; both agree that the login page is the wrong place.
    (CLEARANCE, "other, signed in", || {
        Ask::page().forbidden().is_refusal(403)
    }),
    // ASP.NET also names the login page; here only htmx gets it, because it can follow.
    (
        ASP_NET,
        "X-Requested-With: XMLHttpRequest (header or query), challenge",
        || {
            Ask::page()
                .with("x-requested-with", "XMLHttpRequest")
                .denied()
                .is_problem(401);
        },
    ),
    (ASP_NET, "same, forbid", || {
        Ask::page()
            .with("x-requested-with", "XMLHttpRequest")
            .forbidden()
            .is_problem(403);
    }),
    (ASP_NET, "html challenge", || {
        let answer = Ask::page().of(
            with_login_page().next_field("ReturnUrl"),
            Denied::LoginRequired,
        );
        answer.is_redirect("/login?ReturnUrl=%2Fmembers");
    }),
    (ASP_NET, r#"ReturnUrl "//evil" or "/\\evil""#, || {
        for target in [
            "/login?next=//evil",
            "/login?next=/%5Cevil",
            "/login?next=%2F%2Fevil",
        ] {
            let manager = with_login_page().build().unwrap();
            let mut request = request::<&str>(&[]);
            request.uri = target.parse().unwrap();
            let next = open(&manager, &request).next_url(&request);
            assert_eq!(
                (next.get(), next.clone().or("/").unwrap()),
                (None, "/".to_owned()),
                "{target}"
            );
        }
        // A request for such a path is redirected without a way back.
        Ask::page().at("//evil").denied().is_redirect("/login");
    }),
    (
        ASP_NET_10,
        ".NET 10: endpoint with IDisableCookieRedirectMetadata ([ApiController], minimal API reading/writing JSON, TypedResults, SignalR), challenge",
        || {
            let api = Scope::new().answer_as(AnswerAs::Api);
            Ask::page()
                .inside(api, with_login_page(), Denied::LoginRequired)
                .is_problem(401);
        },
    ),
    (
        ASP_NET_10,
        ".NET 10: IAllowCookieRedirectMetadata also present",
        || {
            let api = Scope::new().answer_as(AnswerAs::Api);
            let page = Scope::new().answer_as(AnswerAs::Page).within(&api);
            let answer =
                Ask::accepting("*/*").inside(page, with_login_page(), Denied::LoginRequired);
            answer.is_redirect("/login?next=%2Fmembers");
        },
    ),
    (
        AUTHBOSS,
        "half-auth (remembered) on RequireFullAuth route",
        || {
            let denied = Denied::FreshLoginRequired { within: None };
            Ask::page()
                .of(safe().refresh_view("/confirm"), denied)
                .is_redirect("/confirm?next=%2Fmembers");
            Ask::page().of(safe(), denied).is_refusal(401);
            let not_found = safe().needs_refresh_handler(|_| status(StatusCode::NOT_FOUND));
            assert_eq!(Ask::page().of(not_found, denied).status(), 404);
        },
    ),
    (AUTHBOSS, "no user, MWRespondOnFailure=NotFound", || {
        let not_found = with_login_page().unauthorized_handler(|_| status(StatusCode::NOT_FOUND));
        assert_eq!(
            Ask::page().of(not_found, Denied::LoginRequired).status(),
            404
        );
    }),
    (AUTHBOSS, "=Redirect", || {
        let manager = with_login_page().answer_as(AnswerAs::Page);
        let answer = Ask::accepting("application/json").of(manager, Denied::LoginRequired);
        answer.is_redirect("/login?next=%2Fmembers");
    }),
    (AUTHBOSS, "=Unauthorized", || {
        Ask::page()
            .of(
                with_login_page().answer_as(AnswerAs::Api),
                Denied::LoginRequired,
            )
            .is_problem(401);
    }),
];

/// The first two columns, and why the row is not a case.
pub(super) const NOT_OURS: &[(&str, &str, &str)] = &[
    (
        DEVISE,
        "recall after bad credentials, error_status unprocessable_entity",
        "the login form and its status are the application's",
    ),
    (
        DEVISE,
        "recall app returns a redirect, redirect_status see_other",
        "the login form and its status are the application's",
    ),
    (
        LARAVEL,
        "X-PJAX with XHR, Accept */*",
        "pjax is not known here: its requests are a script's, and get 401 as the others do",
    ),
    (
        ASP_NET_10,
        ".NET 10: handler returning plain string",
        "what a handler returns says nothing here about who is asking; the request or a scope does",
    ),
];

fn status(status: StatusCode) -> Response<String> {
    Response::builder()
        .status(status)
        .body(String::new())
        .unwrap()
}

fn a_message_that_does_not_fit_is_left_out() {
    let manager = with_login_page()
        .login_message("Please log in.")
        .build()
        .unwrap();
    let request = Ask::page().request;
    let visit = open(&manager, &request);
    let mut length = 4000;
    while visit.session().insert("a", &noise(length)).is_err() {
        length -= 1;
    }
    let response = visit.deny(&request, Denied::LoginRequired, &Scope::new());
    assert_eq!(response.status(), 303);
    assert_eq!(set_cookies(&visit).len(), 1);
    assert!(!visit.session().contains("_flashes"));
}

fn a_fresh_session_that_does_not_say_since_when_is_not_fresh() {
    let manager = safe().build().unwrap();
    let plain = request::<&str>(&[]);
    let visit = open(&manager, &plain);
    block_on(
        Login::new(visit.clone())
            .login_user(&member("1"))
            .into_future(),
    )
    .unwrap();
    visit.with(|view| view.session.remove("_fresh_at"));
    let sent = set_cookies(&visit);
    let request = request(&[("cookie", sent[0].split(';').next().unwrap())]);
    let visit = open(&manager, &request);
    let current = block_on(visit.current_user::<Member>(&request))
        .unwrap()
        .unwrap();
    assert!(!current.fresh);
}
