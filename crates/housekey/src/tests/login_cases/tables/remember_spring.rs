//! Spring Security: remember-me, concurrent sessions, password login, saved requests.

use super::super::Table;
use super::super::Verdict::{NotOurs, Runs, ShownBy};
use super::super::scenarios::{
    cookies, denials, endings, fresh_and_limited, passwords, remembering, stores, timeouts, tokens,
};

pub(in super::super) fn remember_spring() -> Table {
    Table {
        text: include_str!("../../../../testdata/remember_spring.tsv"),
        groups: vec![
            (
                "persistent token",
                &["cookie tokens [series, token, extra] (3 parts)"],
                Runs(tokens::a_value_that_is_not_a_token_is_nobodys_and_asks_the_store_nothing),
            ),
            (
                "cookie handling",
                &[
                    r#"cookie "nonBase64CookieValue%""#,
                    "wrong number of tokens",
                ],
                Runs(tokens::a_value_that_is_not_a_token_is_nobodys_and_asks_the_store_nothing),
            ),
            (
                "persistent token",
                &["[series, token], no row for series"],
                Runs(remembering::a_token_of_an_ended_login_is_not_a_theft),
            ),
            (
                "persistent token",
                &["row last_used = now - validity - 100 ms, validity 1 s"],
                Runs(remembering::a_token_ends_when_it_was_said_to_whatever_the_browser_keeps),
            ),
            (
                "persistent token",
                &[r#"row token "wrongtoken", cookie token "token", same series"#],
                Runs(remembering::a_token_that_was_used_and_comes_again_ends_its_login),
            ),
            (
                "cookie handling",
                &["theft detected"],
                Runs(remembering::a_token_that_was_used_and_comes_again_ends_its_login),
            ),
            (
                "persistent token",
                &["valid auto login"],
                Runs(remembering::a_token_starts_a_session_and_gives_way_to_another),
            ),
            (
                "token store",
                &["updateToken"],
                Runs(remembering::a_token_starts_a_session_and_gives_way_to_another),
            ),
            (
                "remember filter",
                &[
                    "anonymous request with remember token",
                    "success handler configured",
                ],
                Runs(remembering::a_token_starts_a_session_and_gives_way_to_another),
            ),
            (
                "persistent token",
                &["interactive login with remember"],
                Runs(remembering::every_login_has_a_token_of_its_own),
            ),
            (
                "token store",
                &["createNewToken"],
                Runs(stores::a_login_is_in_the_list_of_its_user_until_it_is_over),
            ),
            (
                "session registry",
                &["session destroyed event", "two principals"],
                Runs(stores::a_login_is_in_the_list_of_its_user_until_it_is_over),
            ),
            (
                "token store",
                &["two rows with the same series", "no row"],
                Runs(stores::a_store_keeps_changes_and_forgets_and_brings_nothing_back),
            ),
            (
                "token store",
                &["removeUserTokens"],
                Runs(endings::all_logins_of_a_user_can_be_ended_without_one),
            ),
            (
                "cookie handling",
                &[r#"token "https://id.openid.zz" inside cookie"#],
                Runs(tokens::an_id_of_any_characters_is_remembered),
            ),
            (
                "cookie handling",
                &[r#"no cookie at all / only an unrelated cookie "mycookie""#],
                Runs(cookies::a_browser_without_cookies_is_sent_nothing_to_delete),
            ),
            (
                "concurrency filter",
                &["no HTTP session"],
                Runs(cookies::a_browser_without_cookies_is_sent_nothing_to_delete),
            ),
            (
                "cookie handling",
                &[
                    "valid cookie, user not found",
                    "valid cookie, account locked/disabled",
                ],
                Runs(endings::a_user_who_is_gone_or_suspended_is_logged_out_cleanly),
            ),
            (
                "cookie handling",
                &["failed interactive login"],
                Runs(remembering::an_attempt_that_fails_changes_nothing),
            ),
            (
                "cookie handling",
                &[
                    "logout (also with null authentication)",
                    "logout, useSecureCookie=true",
                ],
                Runs(cookies::a_cookie_is_deleted_as_it_was_set),
            ),
            (
                "cookie handling",
                &[
                    r#"loginSuccess: no parameter / "true" / other name "true" / "false" / alwaysRemember"#,
                ],
                Runs(remembering::a_user_who_does_not_ask_for_it_is_not_remembered),
            ),
            (
                "stateless token",
                &[r#"parameter "false" or absent"#],
                Runs(remembering::a_user_who_does_not_ask_for_it_is_not_remembered),
            ),
            (
                "cookie handling",
                &["setCookie", "cookie customizer"],
                Runs(cookies::the_cookies_are_as_the_settings_say),
            ),
            (
                "stateless token",
                &[r#"base64("username:NOT_A_NUMBER:signature")"#],
                Runs(tokens::a_token_without_a_readable_end_does_not_count),
            ),
            (
                "stateless token",
                &[
                    "token without algorithm name, same algorithm",
                    "token names SHA256, configured MD5",
                ],
                NotOurs("no token names its algorithm, and none can choose one"),
            ),
            (
                "stateless token",
                &["credentials null"],
                Runs(endings::what_is_not_the_auth_hash_ends_nothing),
            ),
            (
                "remember filter",
                &["session strategy configured"],
                Runs(remembering::nothing_that_was_planted_joins_a_session_that_a_token_starts),
            ),
            (
                "concurrency control",
                &[
                    "max 1, the only session is the current one, reject mode",
                    "max 1, another session, reject mode",
                ],
                Runs(fresh_and_limited::a_user_with_too_many_logins_is_refused),
            ),
            (
                "concurrency control",
                &["max 2, two sessions, expire mode"],
                Runs(
                    fresh_and_limited::the_login_that_was_not_used_for_the_longest_time_makes_room,
                ),
            ),
            (
                "concurrency control",
                &["limit null"],
                NotOurs("a limit is a number; without one there is none"),
            ),
            (
                "concurrency control",
                &["SessionLimit.of(0 or invalid)"],
                Runs(fresh_and_limited::a_limit_of_none_is_refused),
            ),
            (
                "concurrency filter",
                &["expired, no URL"],
                Runs(denials::without_a_login_page_the_answer_is_401),
            ),
            (
                "concurrency filter",
                &["live session"],
                Runs(timeouts::use_is_noted_once_in_a_step),
            ),
            (
                "session registry",
                &["session id changed event"],
                Runs(endings::a_renewed_login_keeps_its_number_and_its_values),
            ),
            (
                "session registry",
                &["id change for unknown session"],
                Runs(endings::a_login_that_was_ended_meanwhile_is_not_brought_back),
            ),
            (
                "password login",
                &["unknown user"],
                ShownBy(
                    "housekey/src/password/verify.rs",
                    "every_branch_does_exactly_one_verification_of_the_present_cost",
                ),
            ),
            (
                "password login",
                &[
                    "unknown user, null credentials",
                    "unknown user with a real bcrypt encoder",
                    "credentials not provided",
                ],
                Runs(passwords::nobody_and_no_password_is_never_right),
            ),
            (
                "password login",
                &["wrong case of password"],
                Runs(passwords::only_the_very_password_is_right),
            ),
            (
                "password login",
                &["success and encoder wants upgrade", "bad credentials"],
                Runs(passwords::an_old_hash_is_made_new_by_the_right_password_alone),
            ),
            (
                "return-to cookie",
                &[
                    "saved-request cookie holds an absolute URL",
                    "saved-request cookie holds a protocol-relative URL",
                    "cookie value not decodable",
                ],
                Runs(denials::a_way_back_in_a_cookie_is_checked_like_any_other),
            ),
            (
                "return-to cookie",
                &["request matches saved", "request does not match saved"],
                Runs(denials::a_way_back_in_the_session_is_used_once),
            ),
            (
                "return-to session",
                &["saved GET, incoming POST to same path"],
                NotOurs("no request is kept to be made again, only its address"),
            ),
        ],
    }
}
