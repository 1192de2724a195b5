//! Django 5.2's sessions: object, stores, middleware.

use super::super::Table;
use super::super::Verdict::{NotOurs, Runs, ShownBy};
use super::super::scenarios::{cookies, endings, sessions, stores, timeouts};

pub(in super::super) fn session_store_django() -> Table {
    Table {
        text: include_str!("../../../../testdata/session_store_django.tsv"),
        groups: vec![
            (
                "all backends",
                &[
                    "set key",
                    "pop missing key with default (positional or named)",
                    "pop missing key without default",
                    "update({..})",
                    "contains / keys / values / items on non-empty session",
                ],
                Runs(sessions::a_change_is_sent_and_a_look_is_not),
            ),
            (
                "all backends",
                &["setdefault twice with different values"],
                NotOurs("a session has no `setdefault`: a handler reads, then writes"),
            ),
            (
                "all backends",
                &["clear()"],
                Runs(sessions::clearing_takes_the_values_and_leaves_the_login),
            ),
            (
                "all backends",
                &["save() of new session"],
                Runs(stores::a_login_is_in_the_list_of_its_user_until_it_is_over),
            ),
            (
                "db (custom model)",
                &["session with _auth_user_id=42 saved; then user popped and saved"],
                Runs(stores::a_login_is_in_the_list_of_its_user_until_it_is_over),
            ),
            (
                "all backends",
                &["flush()"],
                Runs(endings::a_copy_is_worthless_after_logging_out),
            ),
            (
                "all backends",
                &["cycle_key()"],
                Runs(endings::a_renewed_login_keeps_its_number_and_its_values),
            ),
            (
                "all backends",
                &[
                    r#"construct with client-supplied unknown key "1" then save"#,
                    r#"session key "12345678" (8 chars)"#,
                    "assign session.session_key = x",
                ],
                Runs(sessions::nobody_else_chooses_which_login_it_is),
            ),
            (
                "file",
                &[r#"session key "a\b\c""#, r#"session key "a/b/c""#],
                Runs(sessions::nobody_else_chooses_which_login_it_is),
            ),
            (
                "all backends",
                &["default expiry; then set_expiry(0)"],
                Runs(sessions::a_session_ends_after_its_lifetime),
            ),
            (
                "all backends",
                &[
                    "set_expiry(10), modification=now",
                    "set_expiry(datetime(now+10s))",
                    "set_expiry(None); (10); (None)",
                ],
                NotOurs(
                    "no session has a lifetime of its own: `session_lifetime` and `login_timeouts` are the manager's",
                ),
            ),
            (
                "all backends",
                &["EXPIRE_AT_BROWSER_CLOSE=True with set_expiry(10)/(0)/(None)"],
                Runs(sessions::a_session_ends_with_the_browser_unless_it_is_permanent),
            ),
            (
                "all backends",
                &[r#"encode then decode {"a test key":"a test value"}"#],
                Runs(sessions::a_value_is_there_at_the_next_request_as_it_was),
            ),
            (
                "all backends",
                &[r#"decode base64("flaskdj:alkdjf"); decode "bad:encoded:value""#],
                Runs(sessions::what_nobody_here_signed_is_an_empty_session_and_no_error),
            ),
            (
                "cached_db",
                &["key of 62*20=1240 chars"],
                Runs(sessions::what_nobody_here_signed_is_an_empty_session_and_no_error),
            ),
            (
                "signed cookie",
                &["decode raises ValueError"],
                Runs(sessions::what_nobody_here_signed_is_an_empty_session_and_no_error),
            ),
            (
                "all server-side backends",
                &["save with expiry 10 s in the past, load by key"],
                Runs(timeouts::what_has_expired_counts_for_nothing_and_is_swept),
            ),
            (
                "db",
                &["clear_expired with one future and one past session"],
                Runs(timeouts::what_has_expired_counts_for_nothing_and_is_swept),
            ),
            (
                "all server-side backends",
                &[r#"load("someunknownkey")"#],
                Runs(endings::asking_for_a_login_that_is_not_there_makes_none),
            ),
            (
                "cached_db",
                &["exists() after save"],
                NotOurs(
                    "there is no cache in front of a store; one that has one is a store of its own",
                ),
            ),
            (
                "cached_db",
                &["cache alias does not exist"],
                Runs(timeouts::no_duration_is_endless_or_none_at_all),
            ),
            (
                "file",
                &["storage directory missing"],
                NotOurs(
                    "no store here keeps files; a store on a database reports when it is opened",
                ),
            ),
            (
                "middleware",
                &[
                    "COOKIE_SECURE=True, session written",
                    "COOKIE_HTTPONLY True / False",
                    r#"COOKIE_SAMESITE="Strict""#,
                ],
                Runs(cookies::the_cookies_are_as_the_settings_say),
            ),
            (
                "middleware",
                &[
                    "handler writes session then returns 500",
                    "handler writes session then returns 503",
                ],
                ShownBy(
                    "../door-tests/src/axum_login_defects.rs",
                    "d6_a_login_that_is_followed_by_an_error_status_is_a_login_all_the_same",
                ),
            ),
            (
                "middleware",
                &["session deleted by another request before save"],
                Runs(endings::a_login_that_was_ended_meanwhile_is_not_brought_back),
            ),
            (
                "middleware",
                &[
                    "request had cookie, handler flushes",
                    "same with COOKIE_DOMAIN=.example.local, COOKIE_PATH=/example/",
                ],
                Runs(cookies::a_cookie_is_deleted_as_it_was_set),
            ),
            (
                "middleware",
                &["flush of an empty session, no cookie sent"],
                Runs(cookies::a_browser_without_cookies_is_sent_nothing_to_delete),
            ),
            (
                "middleware",
                &["SAVE_EVERY_REQUEST=True, untouched view"],
                Runs(sessions::an_unchanged_session_is_sent_again_when_it_is_due),
            ),
            (
                "base store",
                &["unimplemented create/delete/exists/load/save"],
                NotOurs("the compiler asks for every operation of a `LoginStore`"),
            ),
            (
                "base store",
                &["set_test_cookie; test_cookie_worked; delete_test_cookie"],
                NotOurs(
                    "a test cookie is not part of a login; a page that wants to know writes a value and reads it back",
                ),
            ),
        ],
    }
}
