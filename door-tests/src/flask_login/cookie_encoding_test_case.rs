//! `CookieEncodingTestCase`: the remember token to the byte.

use housekey::SecretKeys;

use crate::site::Sites;

const TOKEN: &str = "1|0e9e6e9855fbe6df7906ec4737578a1d491b38d3fd5246c1561016e189d6516043286501ca43257c938e60aad77acec5ce916b94ca9d00c0bb6f9883ae4b82ae";

async fn the_token_is_the_id_and_a_digest_of_it_and_anything_else_is_nobody(sites: Sites) {
    let site = sites.flask();
    let keys = SecretKeys::flask("deterministic").unwrap();
    let site = site.restarted(keys, |builder| builder);
    let browser = site.remembered_browser_of("1").await;
    assert_eq!(browser.jar.value("remember_token"), Some(TOKEN));

    for (token, expected) in [
        (TOKEN, "1, remembered, by RememberToken"),
        ("1|BAD_HASH", "nobody"),
        ("no bar", "nobody"),
        (&TOKEN.replace("1|", "7|"), "nobody"),
    ] {
        let mut browser = site.browser();
        browser.jar.put("remember_token", token);
        assert_eq!(browser.who().await, expected, "{token}");
    }
}

cases! {
    flask_login_cookie_encoding_test_case:
    the_token_is_the_id_and_a_digest_of_it_and_anything_else_is_nobody,
}
