#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| housekey_fuzz::cookies::check(bytes));
