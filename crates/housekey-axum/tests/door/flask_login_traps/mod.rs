//! What surprises or is unsafe in Flask-Login, T1 to T36, and what happens here instead.
//!
//! Left for later, since they need login records that a server keeps:
//!
//! - T2, logging out ends every copy of both cookies. Without records a copy lives until it expires or the user's auth
//!   hash changes, which `t01` and `behaviour::remember` test.
//! - The second half of T18, an end that no activity can put off.

mod logins;
mod responses;
