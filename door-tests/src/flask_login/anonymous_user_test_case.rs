//! `AnonymousUserTestCase`: an anonymous visitor is `None`, not an object that says so about itself.

use housekey::Error;

use crate::plan::{Given, acts};
use crate::site::Sites;

async fn nobody_is_none_and_every_question_about_them_is_answered_with_no(sites: Sites) {
    let page = async |given: Given| -> Result<String, Error> {
        let who = given.who().await?;
        assert!(who.id.is_none());
        assert!(who.is_anonymous);
        assert!(!who.is_authenticated);
        assert!(!who.is_fresh && !who.is_remembered);
        assert_eq!(who.source, None);
        // What a template gets.
        Ok(format!("hello {}", who.id.as_deref().unwrap_or("stranger")))
    };
    let site = sites.flask().and(acts("/hello", page));
    assert_eq!(site.browser().read("/hello").await, "hello stranger");
}

cases! {
    flask_login_anonymous_user_test_case:
    nobody_is_none_and_every_question_about_them_is_answered_with_no,
}
