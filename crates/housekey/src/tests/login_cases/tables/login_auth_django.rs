//! Django 5.2's login: views, middleware, hashers, events.

use super::super::Table;
use super::super::Verdict::{NotOurs, Runs, ShownBy};
use super::super::scenarios::{cookies, denials, endings, keys, passwords, remembering};

pub(in super::super) fn login_auth_django() -> Table {
    Table {
        text: include_str!("../../../../testdata/login_auth_django.tsv"),
        groups: vec![
            (
                "login",
                &[
                    r#"POST valid credentials with each bad next (http://example.com, http:///example.com, https://example.com, ftp://example.com, ///example.com, //example.com, javascript:alert("XSS"))"#,
                ],
                Runs(denials::a_way_back_that_leads_away_is_not_followed),
            ),
            (
                "login",
                &[
                    "POST with each good next (/view/?param=http://example.com, /view/?param=https://example.com, /view?param=ftp://example.com, view/?param=//example.com, https://testserver/, HTTPS://testserver/, //testserver/, /url%20with%20spaces/)",
                ],
                Runs(denials::a_way_back_that_leads_here_is_followed),
            ),
            (
                "login",
                &["HTTPS request, next=http://testserver/path"],
                Runs(denials::a_listed_origin_is_one_scheme_and_a_logout_follows_the_same_rules),
            ),
            (
                "logout",
                &[
                    "HTTPS logout with next=http://testserver/",
                    "allowed hosts same/safe/unsafe",
                ],
                Runs(denials::a_listed_origin_is_one_scheme_and_a_logout_follows_the_same_rules),
            ),
            (
                "login",
                &["login"],
                NotOurs(
                    "there is no CSRF token to change: the layer judges by `Sec-Fetch-Site` and `Origin`",
                ),
            ),
            (
                "login",
                &["log in again after password change"],
                Runs(endings::a_new_password_elsewhere_ends_every_login),
            ),
            (
                "login",
                &["old session with user id but no auth hash (pre-upgrade format), log in"],
                Runs(endings::a_login_without_a_digest_is_over_once_the_user_has_an_auth_hash),
            ),
            (
                "login",
                &[
                    "next_page attribute / LOGIN_REDIRECT_URL / next parameter / get_default_redirect_url",
                ],
                Runs(denials::the_requests_own_way_back_comes_before_the_applications),
            ),
            (
                "login redirect",
                &["LOGIN_URL=/login/"],
                Runs(denials::a_person_is_sent_to_the_login_page_with_the_way_back),
            ),
            (
                "permission",
                &["anonymous failing the test"],
                Runs(denials::a_person_is_sent_to_the_login_page_with_the_way_back),
            ),
            (
                "login redirect",
                &["LOGIN_URL named"],
                NotOurs(
                    r#"routes have no names to look up: docs/COMPATIBILITY.md, "Views are paths or URLs""#,
                ),
            ),
            (
                "login redirect",
                &[
                    "LOGIN_URL=http://remote.example.com/login",
                    "LOGIN_URL=http://remote.example.com/login/?next=/default/",
                ],
                Runs(denials::a_login_page_elsewhere_gets_a_path_too),
            ),
            (
                "permission",
                &["anonymous, remote login URL"],
                Runs(denials::a_login_page_elsewhere_gets_a_path_too),
            ),
            (
                "login redirect",
                &["LOGIN_URL=https:///login/"],
                Runs(denials::a_login_page_that_is_not_an_address_is_refused_at_the_start),
            ),
            (
                "already authenticated",
                &[
                    "redirect_authenticated_user off, logged in",
                    "on, logged in",
                    "on, logged in, ?next=/custom_next/",
                ],
                NotOurs(
                    "what a login page does for somebody who is logged in is the application's own: `CurrentUser` tells it",
                ),
            ),
            (
                "already authenticated",
                &["LOGIN_REDIRECT_URL is the login page (also with ?bla=2)"],
                Runs(denials::the_login_page_is_not_an_address_to_return_to),
            ),
            (
                "already authenticated",
                &[
                    "authenticated but lacking permission, redirect flavour",
                    "authenticated but lacking permission, raise flavour",
                ],
                Runs(denials::a_user_who_lacks_the_right_is_not_sent_to_the_login_page),
            ),
            (
                "already authenticated",
                &["anonymous lacking permission, raise flavour only"],
                NotOurs(
                    "a guard that asks for a right asks for a login first, so that nobody is told 403 who may have the right",
                ),
            ),
            (
                "already authenticated",
                &["anonymous, login_required + raise flavour"],
                Runs(denials::a_person_is_sent_to_the_login_page_with_the_way_back),
            ),
            (
                "logout",
                &["GET logout"],
                ShownBy(
                    "../door-tests/src/flask_login_traps/responses.rs",
                    "t36_no_example_and_no_guide_logs_out_by_get",
                ),
            ),
            (
                "logout",
                &["POST logout (anonymous too)"],
                Runs(cookies::a_logout_is_not_cached_whether_or_not_anybody_was_logged_in),
            ),
            (
                "password change",
                &["change own password in session"],
                Runs(endings::a_new_password_here_keeps_this_browser_and_ends_the_others),
            ),
            (
                "password change",
                &["wrong old password / mismatched new"],
                NotOurs("the form for a new password is the application's own"),
            ),
            (
                "session auth hash",
                &["request with unchanged password"],
                Runs(endings::what_is_not_the_auth_hash_ends_nothing),
            ),
            (
                "session auth hash",
                &["SECRET_KEY rotated with old key in fallbacks"],
                Runs(keys::a_login_outlives_its_key_if_it_was_used_while_both_were_there),
            ),
            (
                "session auth hash",
                &["no session middleware"],
                ShownBy(
                    "../door-tests/src/behaviour/extractors.rs",
                    "an_extractor_without_the_layer_says_what_to_add",
                ),
            ),
            (
                "user loading",
                &[
                    "template context processor present but no attribute touched",
                    "attribute touched",
                ],
                Runs(cookies::a_page_that_looks_at_nobody_depends_on_nobody),
            ),
            (
                "deny by default",
                &["routes marked login_not_required", "unmarked routes"],
                ShownBy(
                    "../door-tests/src/behaviour/extractors.rs",
                    "guards_let_in_the_right_users_and_leave_unknown_paths_alone",
                ),
            ),
            (
                "deny by default",
                &["admin", "LOGIN_URL=None"],
                Runs(denials::without_a_login_page_the_answer_is_401),
            ),
            (
                "deny by default",
                &["view attribute beats middleware beats settings"],
                Runs(denials::the_nearest_login_page_counts),
            ),
            (
                "credentials",
                &["authenticate existing user wrong/right vs missing user"],
                ShownBy(
                    "housekey/src/password/verify.rs",
                    "every_branch_does_exactly_one_verification_of_the_present_cost",
                ),
            ),
            (
                "credentials",
                &["authenticate with {} / only username / only password"],
                NotOurs(
                    "the application decides what a login form must contain; `Passwords` hashes for every caller",
                ),
            ),
            (
                "credentials",
                &["inactive user"],
                Runs(remembering::an_attempt_that_fails_changes_nothing),
            ),
            (
                "credentials",
                &["backend raises PermissionDenied"],
                NotOurs("there is one loader and one way to prove oneself: the application's"),
            ),
            (
                "password hash",
                &[r#"unusable password: check None, itself, "!", "", any"#],
                Runs(passwords::nobody_and_no_password_is_never_right),
            ),
            (
                "password hash",
                &["check_password(None, valid)"],
                NotOurs("a password is a text; there is no `None` to check"),
            ),
            (
                "password hash",
                &[
                    "right password on old algorithm or parameters",
                    "argon2/scrypt parameter change",
                ],
                Runs(passwords::an_old_hash_is_made_new_by_the_right_password_alone),
            ),
            (
                "password hash",
                &["unknown algorithm"],
                Runs(passwords::a_hash_that_nobody_can_read_is_found_beforehand),
            ),
            (
                "events",
                &["wrong login; right login"],
                Runs(remembering::a_login_is_an_event_and_says_whether_it_is_remembered),
            ),
            (
                "events",
                &["logout anonymous / logout user"],
                Runs(endings::logging_out_needs_neither_the_user_nor_a_session),
            ),
            (
                "events",
                &["login"],
                NotOurs(
                    "when somebody last signed in is for the application to keep, from `Event::LoggedIn`",
                ),
            ),
            (
                "signed token",
                &[
                    "token made, checked",
                    "None token, None user",
                    "other secret",
                    "secret fallbacks",
                ],
                NotOurs("links to reset a password are not made here"),
            ),
        ],
    }
}
