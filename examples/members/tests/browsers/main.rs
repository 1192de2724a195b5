//! The site in real browsers of three engines: what a person does, and what a second browser of theirs sees.

#![allow(clippy::unwrap_used, reason = "a step that fails is a test that fails")]

mod journeys;
mod pictures;
mod site;

macro_rules! in_every_engine {
    ($($journey:ident)*) => {
        mod chromium {
            $(#[tokio::test] async fn $journey() {
                crate::journeys::$journey(browser_tests::Engine::Chromium).await;
            })*
        }
        mod firefox {
            $(#[tokio::test] #[ignore = "needs Firefox and geckodriver: run by scripts/test"] async fn $journey() {
                crate::journeys::$journey(browser_tests::Engine::Firefox).await;
            })*
        }
        mod webkit {
            $(#[tokio::test] #[ignore = "needs WebKitGTK and Xvfb: run by scripts/test"] async fn $journey() {
                crate::journeys::$journey(browser_tests::Engine::WebKit).await;
            })*
        }
    };
}

in_every_engine! {
    a_member_comes_in_is_remembered_proves_themselves_and_changes_the_password
    a_member_sees_where_they_are_signed_in_and_ends_what_they_do_not_know
    below_a_path_pages_have_their_look_and_still_notice_the_end_of_their_login
    a_password_can_be_shown_and_two_presses_make_one_login
    on_the_narrowest_phone_the_menu_has_one_row_and_a_long_name_one_line
    with_https_a_member_is_remembered_and_the_button_back_shows_nothing_after_signing_out
}
