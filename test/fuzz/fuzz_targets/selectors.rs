//! Any text is a label selector and a field selector or an error, and what was read is read again from its own text.
#![no_main]

use apimachinery::{
    field::Path,
    selectors::{FieldSelector, Selector},
};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    if let Ok(selector) = Selector::parse(text, &Path::NIL) {
        let again = Selector::parse(&selector.to_string(), &Path::NIL);
        assert_eq!(again.map(|again| again.to_string()), Ok(selector.to_string()));
    }
    if let Ok(selector) = text.parse::<FieldSelector>() {
        let again = selector.to_string().parse::<FieldSelector>();
        assert_eq!(again.as_ref().map(FieldSelector::requirements), Ok(selector.requirements()));
    }
});
