//! Turns functions into tests of a door.

/// Makes a type with each function's name, which is a [`Case`](crate::Case), and a macro that makes a test of each case. If
/// a function is missing from the list, the compiler says that it is never used.
macro_rules! cases {
    ($list:ident: $($name:ident),+ $(,)?) => {
        $(
            #[doc(hidden)]
            #[allow(non_camel_case_types)]
            pub enum $name {}

            impl $crate::Case for $name {
                const PATH: &'static str = {
                    let path = concat!(module_path!(), "::", stringify!($name));
                    path.split_at("door_tests::".len()).1
                };

                async fn run(sites: $crate::Sites) {
                    $name(sites).await;
                }
            }
        )+

        #[doc(hidden)]
        #[macro_export]
        macro_rules! $list {
            () => {
                $(
                    #[test]
                    fn $name() {
                        $crate::run::<DoorUnderTest, cases::$name>(SKIPPED);
                    }
                )+
            };
        }
    };
}

/// Makes a test of each case, in the same modules as here, for a [`Door`](crate::Door). A door that cannot do what a case
/// requires names that case, with the reason:
///
/// ```
/// # use door_tests::{Door, Plan};
/// # use http::{Request, Response};
/// struct MyDoor;
///
/// impl Door for MyDoor {
///     const ADVICE: &'static str = "wrap it in manager.layer()";
///
///     async fn open(plan: &Plan) -> impl AsyncFn(Request<Vec<u8>>) -> Response<Vec<u8>> + 'static {
///         // …
/// #       let _ = plan;
/// #       async |_| Response::default()
///     }
/// }
///
/// door_tests::suite!(MyDoor, skip {
///     behaviour::websockets::every_spelling_of_an_upgrade_counts: "its server drops the header",
/// });
/// # fn main() {}
/// ```
///
/// A name that is not a case's does not compile:
///
/// ```compile_fail,E0433
/// # use door_tests::{Door, Plan};
/// # use http::{Request, Response};
/// # struct MyDoor;
/// # impl Door for MyDoor {
/// #     const ADVICE: &'static str = "";
/// #     async fn open(_: &Plan) -> impl AsyncFn(Request<Vec<u8>>) -> Response<Vec<u8>> + 'static {
/// #         async |_| Response::default()
/// #     }
/// # }
/// door_tests::suite!(MyDoor, skip {
///     behaviour::websockets::every_spelling_of_an_upgrade: "its server drops the header",
/// });
/// # fn main() {}
/// ```
#[macro_export]
macro_rules! suite {
    ($door:ty $(, skip { $($($name:ident)::+: $reason:literal),* $(,)? })? $(,)?) => {
        type DoorUnderTest = $door;

        const SKIPPED: &[(&str, &str)] = &[$($(
            (<$crate::$($name)::+ as $crate::Case>::PATH, $reason),
        )*)?];

        mod flask_login {
            use super::*;
            mod anonymous_user_test_case {
                use super::*;
                use $crate::flask_login::anonymous_user_test_case as cases;
                $crate::flask_login_anonymous_user_test_case!();
            }
            mod cookie_encoding_test_case {
                use super::*;
                use $crate::flask_login::cookie_encoding_test_case as cases;
                $crate::flask_login_cookie_encoding_test_case!();
            }
            mod custom_test_client_test_case {
                use super::*;
                use $crate::flask_login::custom_test_client_test_case as cases;
                $crate::flask_login_custom_test_client_test_case!();
            }
            mod initialization_test_case {
                use super::*;
                use $crate::flask_login::initialization_test_case as cases;
                $crate::flask_login_initialization_test_case!();
            }
            mod login_test_case {
                use super::*;
                mod denials {
                    use super::*;
                    use $crate::flask_login::login_test_case::denials as cases;
                    $crate::flask_login_login_test_case_denials!();
                }
                mod guards {
                    use super::*;
                    use $crate::flask_login::login_test_case::guards as cases;
                    $crate::flask_login_login_test_case_guards!();
                }
                mod login {
                    use super::*;
                    use $crate::flask_login::login_test_case::login as cases;
                    $crate::flask_login_login_test_case_login!();
                }
                mod logout {
                    use super::*;
                    use $crate::flask_login::login_test_case::logout as cases;
                    $crate::flask_login_login_test_case_logout!();
                }
                mod persistence {
                    use super::*;
                    use $crate::flask_login::login_test_case::persistence as cases;
                    $crate::flask_login_login_test_case_persistence!();
                }
                mod protection {
                    use super::*;
                    use $crate::flask_login::login_test_case::protection as cases;
                    $crate::flask_login_login_test_case_protection!();
                }
                mod refreshing {
                    use super::*;
                    use $crate::flask_login::login_test_case::refreshing as cases;
                    $crate::flask_login_login_test_case_refreshing!();
                }
                mod remembering {
                    use super::*;
                    use $crate::flask_login::login_test_case::remembering as cases;
                    $crate::flask_login_login_test_case_remembering!();
                }
            }
            mod login_url_generation {
                use super::*;
                use $crate::flask_login::login_url_generation as cases;
                $crate::flask_login_login_url_generation!();
            }
            mod login_via_request_test_case {
                use super::*;
                use $crate::flask_login::login_via_request_test_case as cases;
                $crate::flask_login_login_via_request_test_case!();
            }
            mod method_view_login_test_case {
                use super::*;
                use $crate::flask_login::method_view_login_test_case as cases;
                $crate::flask_login_method_view_login_test_case!();
            }
            mod secret_key_test_case {
                use super::*;
                use $crate::flask_login::secret_key_test_case as cases;
                $crate::flask_login_secret_key_test_case!();
            }
            mod static_test_case {
                use super::*;
                use $crate::flask_login::static_test_case as cases;
                $crate::flask_login_static_test_case!();
            }
            mod strict_host_for_redirects_test_case {
                use super::*;
                use $crate::flask_login::strict_host_for_redirects_test_case as cases;
                $crate::flask_login_strict_host_for_redirects_test_case!();
            }
            mod unicode_cookie_user_id_test_case {
                use super::*;
                use $crate::flask_login::unicode_cookie_user_id_test_case as cases;
                $crate::flask_login_unicode_cookie_user_id_test_case!();
            }
            mod unpinned {
                use super::*;
                use $crate::flask_login::unpinned as cases;
                $crate::flask_login_unpinned!();
            }
            mod user_mixin_test_case {
                use super::*;
                use $crate::flask_login::user_mixin_test_case as cases;
                $crate::flask_login_user_mixin_test_case!();
            }
        }
        mod flask_login_traps {
            use super::*;
            mod logins {
                use super::*;
                use $crate::flask_login_traps::logins as cases;
                $crate::flask_login_traps_logins!();
            }
            mod responses {
                use super::*;
                use $crate::flask_login_traps::responses as cases;
                $crate::flask_login_traps_responses!();
            }
        }
        mod axum_login_defects {
            use super::*;
            use $crate::axum_login_defects as cases;
            $crate::axum_login_defects!();
        }
        mod login_records {
            use super::*;
            mod clocks {
                use super::*;
                use $crate::login_records::clocks as cases;
                $crate::login_records_clocks!();
            }
            mod crowds {
                use super::*;
                use $crate::login_records::crowds as cases;
                $crate::login_records_crowds!();
            }
            mod ending {
                use super::*;
                use $crate::login_records::ending as cases;
                $crate::login_records_ending!();
            }
            mod faults {
                use super::*;
                use $crate::login_records::faults as cases;
                $crate::login_records_faults!();
            }
            mod flask_peer {
                use super::*;
                use $crate::login_records::flask_peer as cases;
                $crate::login_records_flask_peer!();
            }
            mod forgeries {
                use super::*;
                use $crate::login_records::forgeries as cases;
                $crate::login_records_forgeries!();
            }
            mod grace {
                use super::*;
                use $crate::login_records::grace as cases;
                $crate::login_records_grace!();
            }
            mod limits {
                use super::*;
                use $crate::login_records::limits as cases;
                $crate::login_records_limits!();
            }
            mod overtaking {
                use super::*;
                use $crate::login_records::overtaking as cases;
                $crate::login_records_overtaking!();
            }
            mod remember {
                use super::*;
                use $crate::login_records::remember as cases;
                $crate::login_records_remember!();
            }
            mod rotation {
                use super::*;
                use $crate::login_records::rotation as cases;
                $crate::login_records_rotation!();
            }
            mod theft {
                use super::*;
                use $crate::login_records::theft as cases;
                $crate::login_records_theft!();
            }
            mod timeouts {
                use super::*;
                use $crate::login_records::timeouts as cases;
                $crate::login_records_timeouts!();
            }
            mod watches {
                use super::*;
                use $crate::login_records::watches as cases;
                $crate::login_records_watches!();
            }
        }
        mod behaviour {
            use super::*;
            mod attempts {
                use super::*;
                use $crate::behaviour::attempts as cases;
                $crate::behaviour_attempts!();
            }
            mod caching {
                use super::*;
                use $crate::behaviour::caching as cases;
                $crate::behaviour_caching!();
            }
            mod closed {
                use super::*;
                use $crate::behaviour::closed as cases;
                $crate::behaviour_closed!();
            }
            mod cookies {
                use super::*;
                use $crate::behaviour::cookies as cases;
                $crate::behaviour_cookies!();
            }
            mod denials {
                use super::*;
                use $crate::behaviour::denials as cases;
                $crate::behaviour_denials!();
            }
            mod effects {
                use super::*;
                use $crate::behaviour::effects as cases;
                $crate::behaviour_effects!();
            }
            mod errors {
                use super::*;
                use $crate::behaviour::errors as cases;
                $crate::behaviour_errors!();
            }
            mod events {
                use super::*;
                use $crate::behaviour::events as cases;
                $crate::behaviour_events!();
            }
            mod extractors {
                use super::*;
                use $crate::behaviour::extractors as cases;
                $crate::behaviour_extractors!();
            }
            mod flash {
                use super::*;
                use $crate::behaviour::flash as cases;
                $crate::behaviour_flash!();
            }
            mod freshness {
                use super::*;
                use $crate::behaviour::freshness as cases;
                $crate::behaviour_freshness!();
            }
            mod identity {
                use super::*;
                use $crate::behaviour::identity as cases;
                $crate::behaviour_identity!();
            }
            mod key_rotation {
                use super::*;
                use $crate::behaviour::key_rotation as cases;
                $crate::behaviour_key_rotation!();
            }
            mod lifetimes {
                use super::*;
                use $crate::behaviour::lifetimes as cases;
                $crate::behaviour_lifetimes!();
            }
            mod mounted {
                use super::*;
                use $crate::behaviour::mounted as cases;
                $crate::behaviour_mounted!();
            }
            mod polling {
                use super::*;
                use $crate::behaviour::polling as cases;
                $crate::behaviour_polling!();
            }
            mod protection {
                use super::*;
                use $crate::behaviour::protection as cases;
                $crate::behaviour_protection!();
            }
            mod remember {
                use super::*;
                use $crate::behaviour::remember as cases;
                $crate::behaviour_remember!();
            }
            mod second_step {
                use super::*;
                use $crate::behaviour::second_step as cases;
                $crate::behaviour_second_step!();
            }
            mod secrets_in_logs {
                use super::*;
                use $crate::behaviour::secrets_in_logs as cases;
                $crate::behaviour_secrets_in_logs!();
            }
            mod sessions {
                use super::*;
                use $crate::behaviour::sessions as cases;
                $crate::behaviour_sessions!();
            }
            mod user_types {
                use super::*;
                use $crate::behaviour::user_types as cases;
                $crate::behaviour_user_types!();
            }
            mod websockets {
                use super::*;
                use $crate::behaviour::websockets as cases;
                $crate::behaviour_websockets!();
            }
        }
    };
}
