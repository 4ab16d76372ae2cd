//! Text that is read straight into a struct is read by the dynamic form too, to the same object and without complaint.
#![no_main]

use apimachinery::{
    json,
    normalize::{Source, normalize_builtin},
};
use k8s_api::{Kind, apps::v1::Deployment, core::v1::Pod};
use libfuzzer_sys::fuzz_target;

fn agrees<T: Kind>(text: &[u8]) {
    let Some(plain) = T::from_plain_json(text) else { return };
    let parsed = json::parse_strict(text).expect("plain text is JSON");
    assert!(parsed.duplicates.is_empty());
    let mut value = parsed.value;
    let source = Source::Json { text, duplicates: false };
    assert_eq!(normalize_builtin(&mut value, T::type_id(), source), Ok(Vec::new()));
    let general = T::from_value(value).expect("a checked value decodes");
    assert_eq!(plain, general);
    assert_eq!(plain.to_json(), general.to_json());
}

fuzz_target!(|text: &[u8]| {
    agrees::<Pod>(text);
    agrees::<Deployment>(text);
});
