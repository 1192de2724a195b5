//! The guides' examples, compiled as shown, each in its own module beside `members`. Examples that are tests run.
#![cfg(test)]
#![allow(dead_code)] // They are parts of programs.

mod links;
#[allow(unreachable_pub)] // As a program would write it.
mod members;

include!(concat!(env!("OUT_DIR"), "/examples.rs"));

#[test]
fn the_first_page_shows_what_the_examples_stand_on() {
    let page = include_str!("../../../docs/README.md");
    let shown = format!("```rust,ignore\n{}```\n", include_str!("members.rs"));
    assert!(page.contains(&shown), "{shown}");
}
