//! Any JSON is an object of any type or an error, and normalising twice changes nothing.
#![no_main]

use apimachinery::{
    json,
    normalize::{GroupVersionKind, Source, normalize_builtin},
};
use k8s_api::reflect::TypeId;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let Some((selector, text)) = data.split_first_chunk::<2>() else {
        return;
    };
    let Ok(parsed) = json::parse_strict(text) else {
        return;
    };
    let mut value = parsed.value;
    let _ = GroupVersionKind::of(&value);
    let types = k8s_api::builtin_schema().types.len() as u32;
    let ty = TypeId(u32::from(u16::from_le_bytes(*selector)) % types);
    let source = Source::Json { text, duplicates: !parsed.duplicates.is_empty() };
    if normalize_builtin(&mut value, ty, source).is_ok() {
        let once = value.clone();
        assert_eq!(normalize_builtin(&mut value, ty, Source::Sorted), Ok(Vec::new()));
        assert_eq!(value, once);
    }
});
