//! `UnicodeCookieUserIDTestCase`: an id beyond ASCII in a cookie.

use housekey::SecretKeys;

use crate::site::Sites;

async fn a_user_whose_id_is_not_ascii_is_remembered_in_a_cookie_that_is(sites: Sites) {
    let keys = SecretKeys::flask("deterministic").unwrap();
    let site = sites.flask().restarted(keys, |builder| builder);
    let mut browser = site.remembered_browser_of("佐藤").await;
    let token = r#""\344\275\220\350\227\244|19eb6417c22e6e4ba7d9ca586d4778e3436a98c174be84347090be382a1ce3b4730f292c921228e1dbccf4a638ed10f9ec0fe31a979168fa2d49c0275705a74c""#;
    assert_eq!(browser.jar.value("remember_token"), Some(token));
    browser.restart();
    assert_eq!(browser.who().await, "佐藤, remembered, by RememberToken");
}

cases! {
    flask_login_unicode_cookie_user_id_test_case:
    a_user_whose_id_is_not_ascii_is_remembered_in_a_cookie_that_is,
}
