//! scs: what its stores and its manager do.

use super::super::Table;
use super::super::Verdict::{NotOurs, Runs};
use super::super::scenarios::{cookies, sessions, stores, timeouts, tokens};

pub(in super::super) fn store_conformance_scs() -> Table {
    Table {
        text: include_str!("../../../../testdata/store_conformance_scs.tsv"),
        groups: vec![
            (
                "store",
                &[
                    "Find existing, unexpired",
                    "Commit new",
                    "Commit existing",
                    "Delete existing",
                    "Delete missing",
                ],
                Runs(stores::a_store_keeps_changes_and_forgets_and_brings_nothing_back),
            ),
            (
                "store",
                &["Commit with expiry +100 ms, Find at 0 ms and at 101 ms"],
                Runs(stores::a_record_is_gone_when_its_time_comes_also_before_it_is_swept),
            ),
            (
                "store",
                &["StopCleanup on a store made with interval 0"],
                NotOurs(
                    "no store here has a thread that cleans up; `purge_logins` is a future, which ends by being dropped",
                ),
            ),
            (
                "store",
                &["All() with nothing stored"],
                Runs(stores::a_list_of_nothing_is_empty),
            ),
            (
                "manager",
                &["/put then /get"],
                Runs(sessions::a_change_is_sent_and_a_look_is_not),
            ),
            (
                "data",
                &["Put/Get/Pop/Remove/Clear/Exists/Keys", "Pop*", "Status"],
                Runs(sessions::a_change_is_sent_and_a_look_is_not),
            ),
            (
                "manager",
                &["second /put"],
                Runs(sessions::the_login_stays_the_same_while_values_change),
            ),
            (
                "manager",
                &["Lifetime 500 ms, get at 0 and at 1 s"],
                Runs(sessions::a_session_ends_after_its_lifetime),
            ),
            (
                "manager",
                &["Idle 200 ms, Lifetime 1 s: put, +100 ms get, +150 ms get, +200 ms get"],
                Runs(timeouts::a_login_that_nobody_uses_ends),
            ),
            (
                "manager",
                &["Destroy"],
                Runs(cookies::a_cookie_is_deleted_as_it_was_set),
            ),
            (
                "manager",
                &["Persist=false: normal / RememberMe(true) / RememberMe(false)"],
                Runs(sessions::a_session_ends_with_the_browser_unless_it_is_permanent),
            ),
            (
                "load",
                &[
                    "Load existing token",
                    "Load when context already has session data",
                ],
                Runs(sessions::a_request_that_is_opened_again_has_the_same_session),
            ),
            (
                "load",
                &["Load empty token"],
                Runs(sessions::what_nobody_here_signed_is_an_empty_session_and_no_error),
            ),
            (
                "load",
                &[r#"Load, stored bytes "" (undecodable)"#],
                Runs(stores::an_unreadable_record_is_not_a_login),
            ),
            (
                "load",
                &["Load with HashTokenInStore"],
                Runs(tokens::the_store_has_no_secret),
            ),
            (
                "commit",
                &["Commit happy path", "Commit, idle 1 ms, deadline 24 h"],
                Runs(timeouts::a_record_ends_with_whatever_comes_first),
            ),
            (
                "commit",
                &["Commit, store errors"],
                Runs(stores::a_store_that_fails_is_an_error_and_logs_nobody_out),
            ),
        ],
    }
}
