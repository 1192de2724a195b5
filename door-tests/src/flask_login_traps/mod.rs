//! The surprising or unsafe behaviour of Flask-Login, T1 to T36, and what happens here instead.

pub mod logins;
pub mod responses;
