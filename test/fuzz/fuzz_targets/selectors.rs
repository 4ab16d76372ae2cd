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
        // Terms are sorted as texts before they are read, and one requirement has several texts (`=` and `==`).
        let sorted = |selector: &FieldSelector| {
            let mut all: Vec<_> = selector.requirements().iter().map(|one| format!("{one:?}")).collect();
            all.sort();
            all
        };
        assert_eq!(again.as_ref().map(sorted), Ok(sorted(&selector)));
    }
});
