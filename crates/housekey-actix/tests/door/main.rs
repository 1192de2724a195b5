//! The suite of all doors, at actix-web's.

// The helpers are tests as well: what they unwrap is what a test expects.
#![allow(clippy::unwrap_used)]

mod layers;
mod pages;
mod site;

door_tests::suite!(site::Actix, skip {
    behaviour::extractors::an_optional_user_is_none_where_a_required_one_is_denied_and_an_error_where_nobody_knows:
        "actix-web makes `None` of every error of an extractor in an `Option`; here `CurrentUser` is for that",
    behaviour::websockets::an_optional_user_is_an_error_for_a_socket_of_another_origin:
        "actix-web makes `None` of every error of an extractor in an `Option`; here `CurrentUser` is for that",
});
