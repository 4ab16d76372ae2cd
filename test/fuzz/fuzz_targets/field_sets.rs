//! Any `FieldsV1` document is refused or decodes to a set that both encodings give back.
#![no_main]

use apimachinery::apply::fieldset::Set;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let Ok(text) = std::str::from_utf8(data) else { return };
    if let Ok(set) = Set::from_json(text) {
        assert_eq!(Set::from_json(&set.to_json()).as_ref(), Ok(&set));
        assert_eq!(Set::from_value(&set.to_value()).as_ref(), Ok(&set));
        assert_eq!(set.union(&set), set);
        assert!(set.difference(&set).is_empty());
    }
});
