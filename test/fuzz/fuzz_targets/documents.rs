//! Any bytes are JSON, YAML or an error, and what was read can be written and read again.
#![no_main]

use apimachinery::{codec, json};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    if let Ok(value) = json::parse(data) {
        let text = codec::json::to_vec(&value).expect("every value can be written");
        assert_eq!(json::parse(&text), Ok(value.clone()));
        assert!(codec::yaml::to_string(&value).ends_with('\n'));
    }
    if let Ok(text) = std::str::from_utf8(data) {
        let _ = json::parse_yaml(text);
    }
});
