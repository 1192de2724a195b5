//! Devise: remember-me, timeouts, lockout, tracking, signing in.

use super::super::Table;
use super::super::Verdict::{NotOurs, Runs, ShownBy};
use super::super::scenarios::{cookies, denials, endings, remembering, timeouts, tokens};

pub(in super::super) fn remember_devise() -> Table {
    Table {
        text: include_str!("../../../../testdata/remember_devise.tsv"),
        groups: vec![
            (
                "remember model",
                &["remember_me! when secret is the password salt"],
                NotOurs("no column of the user is needed: a token belongs to a login"),
            ),
            (
                "remember model",
                &[
                    "remember_me! twice with token column",
                    "remember_me! with token column",
                ],
                Runs(remembering::every_login_has_a_token_of_its_own),
            ),
            (
                "remember cookie",
                &["serialize"],
                Runs(tokens::a_token_names_its_user_and_shows_no_secret_of_theirs),
            ),
            (
                "remember cookie",
                &["deserialize (key, salt, now)"],
                Runs(remembering::a_token_starts_a_session_and_gives_way_to_another),
            ),
            (
                "remember flow",
                &[
                    "request with only remember cookie",
                    "remember cookie, visit sign-up page",
                    "valid remember sign-in",
                ],
                Runs(remembering::a_token_starts_a_session_and_gives_way_to_another),
            ),
            (
                "remember cookie",
                &["timestamp as string of float seconds.microseconds"],
                NotOurs("the time in a token is the one of its signature, in one spelling"),
            ),
            (
                "remember cookie",
                &[r#"timestamp "2013""#, "timestamp missing"],
                Runs(tokens::a_token_without_a_readable_end_does_not_count),
            ),
            (
                "remember cookie",
                &[r#"unknown id [0], "123", now"#],
                Runs(endings::a_user_who_is_gone_or_suspended_is_logged_out_cleanly),
            ),
            (
                "remember cookie",
                &[r#"right user, token "123""#],
                Runs(tokens::a_token_under_another_auth_hash_does_not_count),
            ),
            (
                "remember model",
                &[r#"authenticatable_salt nil or """#],
                Runs(tokens::nothing_is_signed_with_an_empty_secret),
            ),
            (
                "remember model",
                &["remember_for 3 days, then 5 days"],
                Runs(remembering::a_token_ends_when_it_was_said_to_whatever_the_browser_keeps),
            ),
            (
                "remember flow",
                &[
                    "POST with failed CSRF while only remember cookie present",
                    "sign-in POST with bad CSRF token and remember_me=1",
                ],
                ShownBy(
                    "housekey-axum/tests/csrf_cases.rs",
                    "the_headers_decide_which_pages_may_post",
                ),
            ),
            (
                "remember flow",
                &["sign in remember_me=true"],
                Runs(remembering::a_user_who_does_not_ask_for_it_is_not_remembered),
            ),
            (
                "remember flow",
                &[
                    "rememberable_options domain other host / session domain other host",
                    "rememberable_options key=v1lat_token",
                ],
                Runs(cookies::the_cookies_are_as_the_settings_say),
            ),
            (
                "remember flow",
                &["extend_remember_period=true, sign in again after 10 days"],
                Runs(remembering::a_user_who_logs_in_again_is_remembered_from_then),
            ),
            (
                "remember flow",
                &["extend_remember_period=true, request a day later"],
                Runs(remembering::a_token_in_the_cookie_alone_can_be_sent_again_with_each_request),
            ),
            (
                "remember flow",
                &["extend_remember_period=false, request a day later"],
                Runs(remembering::a_token_ends_as_it_was_to_unless_use_puts_it_off),
            ),
            (
                "remember flow",
                &["remember cookie of scope user on scope admin"],
                Runs(remembering::a_token_of_one_kind_of_user_does_not_count_for_another),
            ),
            (
                "remember flow",
                &["remember_for=0 days"],
                Runs(timeouts::no_duration_is_endless_or_none_at_all),
            ),
            (
                "remember flow",
                &["logout"],
                Runs(endings::a_copy_is_worthless_after_logging_out),
            ),
            (
                "remember flow",
                &["password changed after remember"],
                Runs(endings::a_new_password_elsewhere_ends_every_login),
            ),
            (
                "idle timeout",
                &[
                    "devise.skip_trackable set",
                    "devise.skip_timeoutable set",
                    "expired session visits the sign-in page",
                ],
                Runs(timeouts::a_request_that_does_not_look_up_the_user_uses_nothing),
            ),
            (
                "idle timeout",
                &["request before limit"],
                Runs(timeouts::a_login_that_nobody_uses_ends),
            ),
            (
                "idle timeout model",
                &[
                    "last access older than timeout_in",
                    "last access newer",
                    "no per-user value",
                ],
                Runs(timeouts::a_login_that_nobody_uses_ends),
            ),
            (
                "idle timeout",
                &["request after limit, sign_out_all_scopes=false"],
                Runs(timeouts::each_kind_of_user_times_out_alone),
            ),
            (
                "idle timeout",
                &["request after limit, sign_out_all_scopes=true"],
                NotOurs(
                    "managers know nothing of each other; a site that wants to end both logs out of both",
                ),
            ),
            (
                "idle timeout",
                &["timeout on a GET"],
                Runs(timeouts::the_way_back_after_a_timeout_is_the_page),
            ),
            (
                "idle timeout",
                &["timeout then sign-out request"],
                Runs(timeouts::a_user_who_logs_out_too_late_has_logged_out),
            ),
            (
                "idle timeout",
                &["per-user timeout_in"],
                NotOurs("timeouts are the manager's, for all users alike"),
            ),
            (
                "idle timeout",
                &["user signed in via remember cookie"],
                Runs(timeouts::a_remembered_browser_comes_back_after_a_timeout_and_is_not_fresh),
            ),
            (
                "lockout",
                &[
                    "maximum_attempts failures",
                    "lock_strategy none",
                    "stale in-memory counter while another process incremented",
                    "reset_failed_attempts!",
                    "valid password, unlocked",
                    "unlock_access!",
                    "unlock_in elapsed",
                    "unlock_in elapsed but :time strategy off",
                    "raw unlock token",
                    "invalid / blank unlock token",
                    "lock expired, right password",
                    "locked programmatically",
                ],
                NotOurs(
                    "`login_user` counts no attempts; the handler asks for that, as docs/attempts.md says",
                ),
            ),
            (
                "tracking",
                &["sign in", "two sign-ins", "skip_trackable"],
                NotOurs(
                    "when somebody last signed in is for the application to keep, from `Event::LoggedIn`",
                ),
            ),
            (
                "tracking",
                &["account not allowed to stay signed in (unconfirmed)"],
                Runs(remembering::an_attempt_that_fails_changes_nothing),
            ),
            (
                "auth flow",
                &["XHR protected GET"],
                Runs(denials::only_pages_that_a_person_can_open_are_ways_back),
            ),
            (
                "auth flow",
                &["sign in: CSRF token refreshed"],
                NotOurs(
                    "there is no CSRF token to change: the layer judges by `Sec-Fetch-Site` and `Origin`",
                ),
            ),
            (
                "auth flow",
                &["sign in: session id changed", "JSON sign in twice"],
                Runs(endings::a_login_takes_the_place_of_the_one_before),
            ),
            (
                "auth flow",
                &["JSON sign out"],
                NotOurs("what a logout is answered with is the application's own"),
            ),
            (
                "auth flow",
                &["missing auth key", "blank request key"],
                NotOurs("what a login form must contain is the application's own"),
            ),
            (
                "auth flow",
                &["GET sign out when only DELETE allowed"],
                ShownBy(
                    "../door-tests/src/flask_login_traps/responses.rs",
                    "t36_no_example_and_no_guide_logs_out_by_get",
                ),
            ),
            (
                "auth flow",
                &["already signed in visits sign-in page"],
                NotOurs(
                    "what a login page does for somebody who is logged in is the application's own: `CurrentUser` tells it",
                ),
            ),
        ],
    }
}
