//! Any text is a signed token, a set of keys, or an error.
#![no_main]

use apiserver_auth::jose::{Token, parse_key_set, read_public_keys};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let _ = parse_key_set(data);
    let _ = read_public_keys(data);
    if let Ok(text) = std::str::from_utf8(data) {
        let _ = Token::parse(text);
    }
});
