//! Any bytes are JSON, YAML or an error, and what was read can be written and read again.
#![no_main]

use apimachinery::{codec, json};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    if let Ok(value) = json::parse(data) {
        let text = codec::json::to_vec(&value).expect("every value can be written");
        // A whole number with a point is written without it, as Go does; the text says the same.
        let again = json::parse(&text).expect("what was written can be read");
        assert_eq!(codec::json::to_vec(&again).ok(), Some(text));
        assert!(codec::yaml::to_string(&value).ends_with('\n'));
    }
    if let Ok(text) = std::str::from_utf8(data) {
        let _ = json::parse_yaml(text);
    }
});
