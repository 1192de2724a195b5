//! `AnonymousUserTestCase`: nobody is `None`, and not an object that says so of itself.

use axum::Router;
use axum::routing::get;
use housekey_axum::CurrentUser;

use crate::common::{Member, Site};

#[tokio::test]
async fn nobody_is_none_and_whatever_is_asked_of_them_is_no() {
    let page = async |current: CurrentUser<Member>| {
        assert!(current.user().is_none());
        assert!(current.is_anonymous());
        assert!(!current.is_authenticated());
        assert!(!current.is_fresh() && !current.is_remembered());
        assert_eq!(current.source(), None);
        // What a template is given.
        let name = current.as_ref().map(|user| user.id.as_str());
        format!("hello {}", name.unwrap_or("stranger"))
    };
    let site = Site::flask().and(Router::new().route("/hello", get(page)));
    assert_eq!(site.browser().read("/hello").await, "hello stranger");
}
