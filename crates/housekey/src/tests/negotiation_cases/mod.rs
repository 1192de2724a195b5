//! `testdata/failure_negotiation.tsv`: how denied requests are answered, by the kind of client.
//!
//! If a row states what another system does, and the table suggests something better, the suggestion is asserted.

mod ask;
mod observed;
mod suggested;

use http::Method;

use super::*;
use ask::Ask;

/// The first two columns, and the case.
type Case = (&'static str, &'static str, fn());

#[test]
fn every_row_of_the_table_is_a_case_or_named() {
    let rows = rows::<4>(include_str!("../../../testdata/failure_negotiation.tsv"));
    let cases = observed::CASES.iter().chain(suggested::CASES);
    let not_ours = observed::NOT_OURS.iter().map(|row| (row.0, row.1));
    account_for(
        rows.iter().map(|row| (row[0], row[1])),
        cases.map(|case| (case.0, case.1)).chain(not_ours),
    );
}

#[test]
fn every_client_gets_the_answer_of_the_table() {
    for (system, request, case) in observed::CASES.iter().chain(suggested::CASES) {
        eprintln!("{system}: {request}");
        case();
    }
}

/// A manager like most sites'.
fn with_login_page() -> LoginManagerBuilder<Member> {
    safe().login_view("/login").refresh_view("/confirm")
}

fn the_way_back_of_a_form_is_the_page_it_was_on_if_that_is_here() {
    for method in [Method::POST, Method::PUT, Method::DELETE] {
        let form = || Ask::page().with("host", "shop.example").by(method.clone());
        form().denied().is_redirect("/login");
        let from = |referer: &str| form().with("referer", referer).denied();
        from("https://shop.example/form?a=1").is_redirect("/login?next=%2Fform%3Fa%3D1");
        for elsewhere in [
            "https://evil.example/form",
            "https://shop.example.evil.example/form",
            "https://shop.example@evil.example/form",
            "https://evil.example/@shop.example",
            "https://shop.example//evil.example",
            "//shop.example/form",
            "/form",
            "nonsense",
            "",
        ] {
            from(elsewhere).is_redirect("/login");
        }
    }
}
