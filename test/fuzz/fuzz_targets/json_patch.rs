//! Two JSON documents, separated by a newline, as document and patch: JSON patch and merge patch are refused or applied.
#![no_main]

use apimachinery::json::{JsonPatch, merge_patch};
use libfuzzer_sys::fuzz_target;
use serde_json::Value;

fuzz_target!(|data: &[u8]| {
    let Some(split) = data.iter().position(|b| *b == b'\n') else { return };
    let (Ok(document), Ok(patch)) =
        (serde_json::from_slice::<Value>(&data[..split]), serde_json::from_slice::<Value>(&data[split + 1..]))
    else {
        return;
    };
    if let Ok(patch) = JsonPatch::from_value(patch.clone()) {
        let _ = patch.apply(&mut document.clone(), 1 << 20);
    }
    let mut once = document;
    if merge_patch(&mut once, patch.clone()).is_ok() {
        let mut twice = once.clone();
        merge_patch(&mut twice, patch).expect("what was merged can be merged again");
        assert_eq!(once, twice);
    }
});
