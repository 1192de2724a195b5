//! Rodauth, Phoenix, authboss, Laravel, Flask-Security, better-auth, express-session, Clearance.

use super::super::Table;
use super::super::Verdict::{NotOurs, Runs, ShownBy};
use super::super::scenarios::{
    cookies, denials, endings, fresh_and_limited, keys, passwords, remembering, sessions, stores,
    timeouts, tokens,
};

pub(in super::super) fn sessions_revocation_other() -> Table {
    Table {
        text: include_str!("../../../../testdata/sessions_revocation_other.tsv"),
        groups: vec![
            (
                "active sessions",
                &["logout, then replay the OLD session cookie"],
                Runs(endings::a_copy_is_worthless_after_logging_out),
            ),
            (
                "phoenix",
                &["logout"],
                Runs(endings::a_copy_is_worthless_after_logging_out),
            ),
            (
                "better-auth",
                &["sign out"],
                Runs(endings::a_copy_is_worthless_after_logging_out),
            ),
            (
                "active sessions",
                &["row deleted on server"],
                Runs(endings::a_login_that_is_ended_on_the_server_is_over_at_the_next_request),
            ),
            (
                "active sessions",
                &["clear_session without logout, replay cookie"],
                Runs(sessions::a_session_cannot_be_logged_out_without_its_record),
            ),
            (
                "active sessions",
                &["hmac_secret rotated with hmac_old_secret"],
                Runs(keys::a_login_outlives_its_key_if_it_was_used_while_both_were_there),
            ),
            (
                "active sessions",
                &["password reset without a session", "close account"],
                Runs(endings::all_logins_of_a_user_can_be_ended_without_one),
            ),
            (
                "remember",
                &["password reset elsewhere", "close account"],
                Runs(endings::all_logins_of_a_user_can_be_ended_without_one),
            ),
            (
                "single session",
                &["password reset without session"],
                Runs(endings::all_logins_of_a_user_can_be_ended_without_one),
            ),
            (
                "authboss remember",
                &["after password reset"],
                Runs(endings::all_logins_of_a_user_can_be_ended_without_one),
            ),
            (
                "active sessions",
                &["autologin again in the same browser (verify account)"],
                Runs(endings::a_login_takes_the_place_of_the_one_before),
            ),
            (
                "express-session",
                &["regenerate"],
                Runs(endings::a_login_takes_the_place_of_the_one_before),
            ),
            (
                "active sessions",
                &[
                    "last_use 12 h ago (deadline 24 h) / 48 h ago",
                    "inactivity 50 s: 25 s / 75 s ago",
                ],
                Runs(timeouts::a_login_that_nobody_uses_ends),
            ),
            (
                "active sessions",
                &[
                    "created 29 d ago (deadline 30 d) / 31 d",
                    "lifetime 100 s: 50 s / 150 s",
                ],
                Runs(timeouts::no_use_puts_off_the_absolute_end),
            ),
            (
                "active sessions",
                &["only inactivity set; only lifetime set"],
                Runs(timeouts::either_timeout_can_be_the_only_one_that_comes),
            ),
            (
                "active sessions",
                &["both nil"],
                Runs(timeouts::no_duration_is_endless_or_none_at_all),
            ),
            (
                "better-auth",
                &["refresh with expiresIn > 400 d"],
                Runs(timeouts::no_duration_is_endless_or_none_at_all),
            ),
            (
                "active sessions",
                &["logout with global checkbox"],
                Runs(endings::logging_out_everywhere_is_two_calls),
            ),
            (
                "remember",
                &["global logout"],
                Runs(endings::logging_out_everywhere_is_two_calls),
            ),
            (
                "active sessions",
                &["log out a given session id", "log out current"],
                Runs(endings::one_login_can_be_ended_and_the_current_one_too),
            ),
            (
                "active sessions",
                &["duplicate session id insert"],
                Runs(stores::a_number_that_is_taken_is_nobody_elses_login),
            ),
            (
                "remember",
                &[
                    "concurrent insert uniqueness violation",
                    "uniqueness violation without a row",
                ],
                Runs(stores::a_number_that_is_taken_is_nobody_elses_login),
            ),
            (
                "phoenix",
                &["session token"],
                Runs(stores::a_number_that_is_taken_is_nobody_elses_login),
            ),
            (
                "active sessions",
                &["session created before the feature existed (no id)"],
                Runs(endings::a_session_from_before_the_records_can_be_logged_out),
            ),
            (
                "active sessions",
                &["JWT variant"],
                NotOurs("a login is in cookies; there is no other carrier"),
            ),
            (
                "remember",
                &[
                    "remember, drop session cookie, load_memory",
                    "remembered session hits require_password_authentication; wrong then right password",
                ],
                Runs(remembering::a_remembered_user_must_prove_themselves_for_what_needs_it),
            ),
            (
                "sudo / grace",
                &["after login via remember"],
                Runs(remembering::a_remembered_user_must_prove_themselves_for_what_needs_it),
            ),
            (
                "remember",
                &[r#"remember "forget" vs "disable""#],
                NotOurs("there is one way to be forgotten, which is to log out"),
            ),
            (
                "remember",
                &["expired deadline"],
                Runs(remembering::a_token_ends_when_it_was_said_to_whatever_the_browser_keeps),
            ),
            (
                "remember",
                &["explicit logout"],
                Runs(endings::logging_out_needs_neither_the_user_nor_a_session),
            ),
            (
                "remember",
                &["stored key truncated by 1 char; row missing; account closed"],
                Runs(tokens::a_value_that_is_not_a_token_is_nobodys_and_asks_the_store_nothing),
            ),
            (
                "authboss remember",
                &[r#"cookie "a"; cookie base64("hello") without separator"#],
                Runs(tokens::a_value_that_is_not_a_token_is_nobodys_and_asks_the_store_nothing),
            ),
            (
                "remember",
                &[
                    "extend enabled, 30-day period, stored deadline now+10 s, last extension 10000 s ago, load",
                ],
                Runs(remembering::a_token_ends_as_it_was_to_unless_use_puts_it_off),
            ),
            (
                "remember",
                &["account not open"],
                Runs(endings::a_user_who_is_gone_or_suspended_is_logged_out_cleanly),
            ),
            (
                "input",
                &["account row gone during session"],
                Runs(endings::a_user_who_is_gone_or_suspended_is_logged_out_cleanly),
            ),
            (
                "flask-security",
                &["user deleted during session"],
                Runs(endings::a_user_who_is_gone_or_suspended_is_logged_out_cleanly),
            ),
            (
                "session expiration (no DB)",
                &["creation timestamp 100000 s ago"],
                Runs(sessions::a_login_without_a_store_ends_with_its_session),
            ),
            (
                "single session",
                &["second login in another browser (single_session)"],
                Runs(
                    fresh_and_limited::the_login_that_was_not_used_for_the_longest_time_makes_room,
                ),
            ),
            (
                "single session",
                &["login change in session"],
                NotOurs(
                    "a login name is nothing that is known here: only `User::id` and the auth hash are looked at",
                ),
            ),
            (
                "lockout",
                &[
                    "max 2: fail 1, success",
                    "max 2: two failures in a row",
                    "unlock with missing key / truncated key",
                    "lock deadline passed",
                    "login name changed while locked",
                    "concurrent unlock-token insert",
                ],
                NotOurs(
                    "`login_user` counts no attempts; the handler asks for that, as docs/attempts.md says",
                ),
            ),
            (
                "authboss lock",
                &[
                    "failures below the limit inside the window",
                    "success",
                    "locked user with right password",
                ],
                NotOurs(
                    "`login_user` counts no attempts; the handler asks for that, as docs/attempts.md says",
                ),
            ),
            (
                "sudo / grace",
                &["within grace period"],
                Runs(fresh_and_limited::a_login_is_fresh_for_as_long_as_the_settings_say),
            ),
            (
                "phoenix",
                &[
                    "authenticated_at 10 min ago limit",
                    "sudo_mode? now / -19 min / -21 min / never",
                    "sudo_mode? -11 min with limit -10",
                ],
                Runs(fresh_and_limited::a_login_is_fresh_for_as_long_as_the_settings_say),
            ),
            (
                "flask-security",
                &["auth_required(within=30,grace=0) right after login"],
                Runs(fresh_and_limited::a_login_is_fresh_for_as_long_as_the_settings_say),
            ),
            (
                "sudo / grace",
                &["directly after password reset"],
                Runs(fresh_and_limited::a_login_after_a_reset_is_fresh),
            ),
            (
                "return-to",
                &["GET protected, login"],
                Runs(denials::a_person_is_sent_to_the_login_page_with_the_way_back),
            ),
            (
                "return-to",
                &["POST protected, login"],
                Runs(denials::a_denied_form_is_not_an_address_to_return_to),
            ),
            (
                "return-to",
                &["unverified account"],
                Runs(remembering::an_attempt_that_fails_changes_nothing),
            ),
            (
                "clearance",
                &["login with a guard that fails"],
                Runs(remembering::an_attempt_that_fails_changes_nothing),
            ),
            (
                "input",
                &["visit login page while logged in"],
                NotOurs(
                    "what a login page does for somebody who is logged in is the application's own: `CurrentUser` tells it",
                ),
            ),
            (
                "rehash",
                &["cost changed"],
                Runs(passwords::an_old_hash_is_made_new_by_the_right_password_alone),
            ),
            (
                "rehash",
                &["user without password"],
                Runs(passwords::nobody_and_no_password_is_never_right),
            ),
            (
                "clearance",
                &["blank password"],
                Runs(passwords::nobody_and_no_password_is_never_right),
            ),
            (
                "rehash",
                &["bcrypt -> argon2"],
                Runs(passwords::a_bcrypt_hash_is_right_and_is_to_be_replaced),
            ),
            (
                "phoenix",
                &["log_in_user"],
                Runs(endings::a_watch_knows_its_login_from_all_others),
            ),
            (
                "phoenix",
                &["anonymous session data before login"],
                Runs(sessions::what_an_anonymous_visitor_had_goes_at_a_login),
            ),
            (
                "phoenix",
                &["re-authentication as the same user"],
                Runs(sessions::a_user_who_logs_in_again_keeps_their_values_and_gets_another_secret),
            ),
            (
                "phoenix",
                &["re-authentication as another user"],
                Runs(sessions::a_user_who_logs_in_after_another_gets_nothing_of_theirs),
            ),
            (
                "phoenix",
                &[r#"return_to "/hello""#],
                Runs(denials::a_way_back_in_the_session_is_used_once),
            ),
            (
                "phoenix",
                &["remembered earlier, log in again without the parameter"],
                Runs(remembering::a_user_who_does_not_ask_for_it_is_not_remembered),
            ),
            (
                "phoenix",
                &[
                    "only remember cookie",
                    "token 10 days old (of 14, reissue at 7)",
                    "token carries authenticated_at of the old one",
                ],
                Runs(remembering::a_token_starts_a_session_and_gives_way_to_another),
            ),
            (
                "phoenix",
                &["no token"],
                Runs(endings::asking_for_a_login_that_is_not_there_makes_none),
            ),
            (
                "clearance",
                &["unknown token / no token"],
                Runs(endings::asking_for_a_login_that_is_not_there_makes_none),
            ),
            (
                "phoenix",
                &["require_authenticated on GET /foo, GET /foo?bar=baz, POST /foo?bar"],
                Runs(denials::only_pages_that_a_person_can_open_are_ways_back),
            ),
            (
                "phoenix",
                &["password change", "update password"],
                Runs(endings::a_new_password_here_keeps_this_browser_and_ends_the_others),
            ),
            (
                "flask-security",
                &["password change"],
                Runs(endings::a_new_password_here_keeps_this_browser_and_ends_the_others),
            ),
            (
                "phoenix",
                &[r#"token "oops""#],
                Runs(sessions::what_nobody_here_signed_is_an_empty_session_and_no_error),
            ),
            (
                "laravel AuthenticateSession",
                &[
                    "no session / no user / user without password",
                    "session hash ok, guard has user",
                ],
                Runs(endings::what_is_not_the_auth_hash_ends_nothing),
            ),
            (
                "laravel AuthenticateSession",
                &["first request without stored hash, viaRemember false"],
                Runs(endings::a_login_without_a_digest_is_over_once_the_user_has_an_auth_hash),
            ),
            (
                "laravel AuthenticateSession",
                &["viaRemember, recaller cookie with wrong password hash"],
                Runs(tokens::a_token_under_another_auth_hash_does_not_count),
            ),
            (
                "laravel AuthenticateSession",
                &["old-format cookie (plain hash)"],
                Runs(tokens::a_token_in_the_format_that_is_left_behind_is_replaced),
            ),
            (
                "laravel",
                &["logout"],
                Runs(endings::logging_out_leaves_the_other_browsers_in),
            ),
            (
                "laravel",
                &["logoutOtherDevices with right password"],
                Runs(endings::ending_others_needs_a_fresh_login),
            ),
            (
                "flask-security",
                &["within=0.001 min, grace 0, after 0.1 s, html / JSON"],
                Runs(fresh_and_limited::a_stale_login_is_sent_to_prove_itself_or_told_so),
            ),
            (
                "flask-security",
                &["password change with remember cookie"],
                Runs(endings::a_new_password_forgets_a_token_that_the_browser_has_not),
            ),
            (
                "flask-security",
                &["reset uniquifier"],
                Runs(endings::a_new_password_elsewhere_ends_every_login),
            ),
            (
                "flask-security",
                &["SECRET_KEY new without / with fallback old; original; wrong+wrong"],
                Runs(keys::a_cookie_counts_under_the_keys_that_are_there),
            ),
            (
                "better-auth",
                &["update age reached"],
                Runs(timeouts::use_is_noted_once_in_a_step),
            ),
            (
                "better-auth",
                &["updateAge 0"],
                NotOurs(
                    r#"how often use is noted follows from the idle timeout, once a minute at most: docs/login-records.md, "Timeouts""#,
                ),
            ),
            (
                "better-auth",
                &[
                    "cookie cache signed for another session token",
                    "request tries to re-enable cookie cache on a strict route",
                ],
                NotOurs(
                    "nothing of a record is kept in a cookie, so that no copy of it can be out of date",
                ),
            ),
            (
                "better-auth",
                &["GET with deferSessionRefresh"],
                NotOurs(
                    "looking up the user is use, with every method; a request that must not count does not look up the user",
                ),
            ),
            (
                "better-auth",
                &["update-session tries core fields / userId"],
                Runs(sessions::nobody_else_chooses_which_login_it_is),
            ),
            (
                "better-auth",
                &["GET get-session authenticated or not"],
                Runs(cookies::what_was_made_for_a_user_is_not_stored),
            ),
            (
                "express-session",
                &[
                    "store error on fetch",
                    "session save / touch / destroy error",
                ],
                Runs(stores::a_store_that_fails_is_an_error_and_logs_nobody_out),
            ),
            (
                "express-session",
                &["rolling=false unmodified", "rolling=true unmodified"],
                Runs(sessions::an_unchanged_session_is_sent_again_when_it_is_due),
            ),
            (
                "express-session",
                &["saveUninitialized=false, untouched"],
                Runs(sessions::a_change_is_sent_and_a_look_is_not),
            ),
            (
                "express-session",
                &["explicit save()"],
                NotOurs("a session goes out with the response and at no other time"),
            ),
            (
                "express-session",
                &[
                    "X-Forwarded-Proto with proxy off",
                    r#"X-Forwarded-Proto "https,http" with proxy on"#,
                    "secure cookie on insecure request",
                ],
                NotOurs(
                    "`Secure` is a setting and depends on nothing in the request: docs/behind-a-proxy.md",
                ),
            ),
            (
                "express-session",
                &["slow write"],
                NotOurs(
                    "a request has one time, at which it was looked at; what it writes ends that much earlier",
                ),
            ),
            (
                "clearance",
                &["custom cookie domain or callable domain on sign out"],
                Runs(cookies::a_cookie_is_deleted_as_it_was_set),
            ),
            (
                "clearance",
                &["signed_cookie :migrate with only an unsigned cookie"],
                Runs(keys::a_cookie_without_a_signature_is_nobody),
            ),
            (
                "clearance",
                &["backdoor used outside allowed environments"],
                ShownBy(
                    "../door-tests/src/flask_login_traps/responses.rs",
                    "t35_there_is_no_switch_that_turns_the_guards_off",
                ),
            ),
            (
                "clearance",
                &["authenticate existing vs missing user"],
                ShownBy(
                    "housekey/src/password/verify.rs",
                    "every_branch_does_exactly_one_verification_of_the_present_cost",
                ),
            ),
            (
                "clearance",
                &["follow-up request"],
                Runs(remembering::a_token_in_the_cookie_alone_can_be_sent_again_with_each_request),
            ),
        ],
    }
}
