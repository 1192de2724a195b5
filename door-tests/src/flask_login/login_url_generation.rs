//! `TestLoginUrlGeneration`: the login page's URL with the way back in it.

use housekey::login_url;

use crate::site::Sites;

async fn the_way_back_is_a_path_when_the_login_page_is_on_the_same_site(_: Sites) {
    let back = "http://localhost/profile";
    for (login_view, expected) in [
        ("/login", "/login?next=%2Fprofile"),
        ("//localhost/login", "//localhost/login?next=%2Fprofile"),
        (
            "http://localhost/login",
            "http://localhost/login?next=%2Fprofile",
        ),
        (
            "https://localhost/login",
            "https://localhost/login?next=http%3A%2F%2Flocalhost%2Fprofile",
        ),
        (
            "http://accounts.localhost/login",
            "http://accounts.localhost/login?next=http%3A%2F%2Flocalhost%2Fprofile",
        ),
    ] {
        assert_eq!(login_url(login_view, Some(back)), expected);
    }
}

async fn the_login_page_may_have_a_query_and_the_way_back_another_name(sites: Sites) {
    for (login_view, field, expected) in [
        ("/login", "next", "/login?next=%2Fmembers"),
        ("/login", "n", "/login?n=%2Fmembers"),
        (
            "/login?affil=cgnu",
            "next",
            "/login?affil=cgnu&next=%2Fmembers",
        ),
        (
            "/login?next=%2F&affil=cgnu",
            "next",
            "/login?next=%2Fmembers&affil=cgnu",
        ),
    ] {
        let site = sites.flask_with(|builder| builder.login_view(login_view).next_field(field));
        assert_eq!(site.browser().get("/members").await.location(), expected);
    }
}

/// Behind a proxy, a program knows neither its own scheme nor its host.
async fn the_way_back_to_a_denied_page_is_a_path_wherever_the_login_page_is(sites: Sites) {
    for login_view in ["https://auth.localhost/login", "https://site.example/login"] {
        let site = sites.flask_with(|builder| builder.login_view(login_view));
        let answer = site.browser().get("/members").await;
        assert_eq!(answer.location(), format!("{login_view}?next=%2Fmembers"));
    }
}

async fn a_fragment_of_the_login_page_stays_behind_the_way_back(_: Sites) {
    for (login_view, expected) in [
        ("/login#frag", "/login?next=%2Fp#frag"),
        ("/#/login", "/?next=%2Fp#/login"),
        ("/#/login?tab=1", "/?next=%2Fp#/login?tab=1"),
        ("/login?a=1#f#g", "/login?a=1&next=%2Fp#f#g"),
        (
            "https://auth.localhost#in",
            "https://auth.localhost?next=%2Fp#in",
        ),
        ("/login#", "/login?next=%2Fp"),
    ] {
        assert_eq!(login_url(login_view, Some("/p")), expected);
    }
}

async fn without_a_way_back_the_login_page_is_as_it_is(_: Sites) {
    for login_view in [
        "/foo",
        "/foo?b=%20&a",
        "https://auth.localhost/foo",
        "/#/login",
        "/foo?a#frag",
    ] {
        assert_eq!(login_url(login_view, None), login_view);
    }
}

cases! {
    flask_login_login_url_generation:
    the_way_back_is_a_path_when_the_login_page_is_on_the_same_site,
    the_login_page_may_have_a_query_and_the_way_back_another_name,
    the_way_back_to_a_denied_page_is_a_path_wherever_the_login_page_is,
    a_fragment_of_the_login_page_stays_behind_the_way_back,
    without_a_way_back_the_login_page_is_as_it_is,
}
