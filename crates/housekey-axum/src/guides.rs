//! The guides in `docs/`, whose examples are compiled as tests of this crate. Not part of the crate: a package cannot
//! include what lies outside of its folder.

macro_rules! guides {
    ($($name:ident: $path:literal),* $(,)?) => {$(
        #[doc = include_str!(concat!("../../../docs/", $path))]
        mod $name {}
    )*};
}

guides! {
    protect_routes: "protect-routes.md",
    remember_me: "remember-me.md",
    fresh_login: "fresh-login.md",
    session_protection: "session-protection.md",
    apis_and_htmx: "apis-and-htmx.md",
    attempts: "attempts.md",
    passwords: "passwords.md",
    secret_keys: "secret-keys.md",
    behind_a_proxy: "behind-a-proxy.md",
    login_records: "login-records.md",
    session_values: "session-values.md",
    testing: "testing.md",
    from_flask: "from-flask.md",
}
