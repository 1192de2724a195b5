//! `SecretKeyTestCase`: which bytes of a key sign the remember token.

use housekey::SecretKeys;

use crate::site::Sites;

async fn a_key_of_bytes_signs_as_it_is_and_a_key_of_text_in_latin_1(sites: Sites) {
    let token = "1|39be2e77a757fe86c98b75f072d85c621d43cee29f4505d545ab591e78184992f91aa27714e47714be92313b9bba49c9dab4d877626f0db2e527d71f2ceb2cfe";
    for keys in [
        SecretKeys::flask_bytes(b"\x9e\x8f\x14"),
        SecretKeys::flask("\u{9e}\u{8f}\u{14}"),
    ] {
        let site = sites.flask().restarted(keys.unwrap(), |builder| builder);
        let browser = site.remembered_browser_of("1").await;
        assert_eq!(browser.jar.value("remember_token"), Some(token));
    }
}

cases! {
    flask_login_secret_key_test_case:
    a_key_of_bytes_signs_as_it_is_and_a_key_of_text_in_latin_1,
}
