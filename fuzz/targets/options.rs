#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| network_connections_fuzz::properties::options(input));
