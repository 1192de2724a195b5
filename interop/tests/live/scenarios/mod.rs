//! The stories. Where the two sides differ on purpose (`docs/COMPATIBILITY.md`), a story says what happens when both serve
//! one site.

mod accounts;
mod freshness;
mod headers;
mod keys;
mod logins;
mod messages;
mod next;
mod odd_cookies;
mod permanence;
mod protection;
mod remember;
mod starting;
mod tabs;
mod values;

pub(crate) use values::{python_values, python_values_at_rust};
