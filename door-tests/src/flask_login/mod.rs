//! Flask-Login 0.6.3's own tests, through a door under the `flask` preset: a module for each of their classes. In their
//! order:
//!
//! - `AboutTestCase` has none: it is about the package's metadata.
//! - [`static_test_case`], [`initialization_test_case`], [`method_view_login_test_case`].
//! - [`login_test_case`]: two thirds of the tests, a file for each theme.
//! - [`login_via_request_test_case`], [`login_url_generation`].
//! - [`cookie_encoding_test_case`], [`secret_key_test_case`].
//! - [`user_mixin_test_case`], [`anonymous_user_test_case`], [`unicode_cookie_user_id_test_case`].
//! - [`strict_host_for_redirects_test_case`], [`custom_test_client_test_case`].
//! - [`unpinned`]: what Flask-Login does although none of its tests says so.
//!
//! `README.md` beside this file maps each of their tests to one of ours, and says whether the result is the same;
//! `scripts/check-upstream` compares.

pub mod anonymous_user_test_case;
pub mod cookie_encoding_test_case;
pub mod custom_test_client_test_case;
pub mod initialization_test_case;
pub mod login_test_case;
pub mod login_url_generation;
pub mod login_via_request_test_case;
pub mod method_view_login_test_case;
pub mod secret_key_test_case;
pub mod static_test_case;
pub mod strict_host_for_redirects_test_case;
pub mod unicode_cookie_user_id_test_case;
pub mod unpinned;
pub mod user_mixin_test_case;

use housekey::Event;

use crate::browser::Browser;
use crate::peer;
use crate::site::START;
use crate::site::{KEY, Site};

/// Mia's key, for a loader that looks at requests.
const KEY_OF_MIA: [(&str, &str); 1] = [("x-api-key", "key-of-mia")];

/// A browser with a session that a Flask program wrote.
fn browser_with_session(site: &Site, json: &str) -> Browser {
    let mut browser = site.browser();
    browser.jar.put("session", &peer::session(KEY, json, START));
    browser
}

/// What a Flask program reads in the browser's session.
fn session_of(browser: &Browser) -> String {
    peer::read_session(KEY, browser.jar.value("session").unwrap()).unwrap()
}

fn protected(ended: bool) -> Event {
    Event::SessionProtected {
        user_id: "mia".to_owned(),
        ended,
    }
}

fn logged_out(id: Option<&str>) -> Event {
    Event::LoggedOut {
        user_id: id.map(str::to_owned),
    }
}
