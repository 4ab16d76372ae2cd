//! Two JSON documents, separated by a newline, as object and patch of a Deployment: a strategic
//! merge patch is refused or applied, and applying a configuration twice changes nothing more.
#![no_main]

use apimachinery::apply::manager::{ApplyOptions, FieldManager, ResetFields, SingleVersion};
use apimachinery::strategic::apply_patch;
use libfuzzer_sys::fuzz_target;
use serde_json::Value;

fuzz_target!(|data: &[u8]| {
    let Some(split) = data.iter().position(|b| *b == b'\n') else { return };
    let (Ok(live), Ok(patch)) =
        (serde_json::from_slice::<Value>(&data[..split]), serde_json::from_slice::<Value>(&data[split + 1..]))
    else {
        return;
    };
    let id = k8s_api::definition("io.k8s.api.apps.v1.Deployment").expect("a built-in type");
    let ty = k8s_api::builtin_schema().at(id);
    let _ = apply_patch(live.clone(), patch.clone(), ty);

    let types = SingleVersion { api_version: "apps/v1", ty };
    let reset = ResetFields::new();
    let manager = FieldManager::new(&types, "apps/v1", "Deployment", "", &reset);
    let options = ApplyOptions { manager: "fuzz", force: true, now: Default::default() };
    if let Ok(once) = manager.apply(Some(&live), &patch, options) {
        let twice = manager.apply(Some(&once), &patch, options).expect("what was applied can be applied again");
        assert_eq!(once.get("spec"), twice.get("spec"));
    }
});
