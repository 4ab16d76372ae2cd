//! Any text is a signed token, a set of keys, the place where a page ended, or an error.
#![no_main]

use apiserver::options::ContinueToken;
use apiserver_auth::jose::{Token, parse_key_set, read_public_keys};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let _ = parse_key_set(data);
    let _ = read_public_keys(data);
    if let Ok(text) = std::str::from_utf8(data) {
        let _ = Token::parse(text);
        if let Ok(token) = ContinueToken::decode(text) {
            assert_eq!(ContinueToken::decode(&token.encode()), Ok(token));
        }
    }
});
