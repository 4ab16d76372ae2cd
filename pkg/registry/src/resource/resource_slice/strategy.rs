//! The rules of resource slices.

use apimachinery::field::ErrorList;
use apis_cluster::resource::resource_slice as rules;
use apiserver::registry::{SelectableField, Strategy, StrategyContext};
use k8s_api::resource::v1::ResourceSlice;

use super::disabled::drop_disabled;

/// What selectors may name.
const FIELDS: &[SelectableField] = &[
    SelectableField::new("spec.nodeName", &["spec", "nodeName"]),
    SelectableField::new("spec.driver", &["spec", "driver"]),
];

/// The rules of the object itself.
#[derive(Clone, Copy, Debug)]
pub struct ResourceSliceStrategy;

impl Strategy for ResourceSliceStrategy {
    type Object = ResourceSlice;

    fn namespaced(&self) -> bool {
        false
    }

    fn prepare_for_create(&self, context: &StrategyContext<'_>, object: &mut ResourceSlice) {
        object.metadata.generation = 1;
        drop_disabled(context, object, None);
    }

    fn validate(&self, _context: &StrategyContext<'_>, object: &ResourceSlice) -> ErrorList {
        rules::validate(object)
    }

    fn prepare_for_update(&self, context: &StrategyContext<'_>, new: &mut ResourceSlice, old: &ResourceSlice) {
        if new.spec != old.spec {
            new.metadata.generation = old.metadata.generation + 1;
        }
        drop_disabled(context, new, Some(old));
    }

    fn validate_update(&self, _context: &StrategyContext<'_>, new: &ResourceSlice, old: &ResourceSlice) -> ErrorList {
        rules::validate_update(new, old)
    }

    fn warnings_on_create(&self, _context: &StrategyContext<'_>, object: &ResourceSlice) -> Vec<String> {
        upper_case_warning(object)
    }

    fn warnings_on_update(
        &self,
        _context: &StrategyContext<'_>,
        new: &ResourceSlice,
        _old: &ResourceSlice,
    ) -> Vec<String> {
        upper_case_warning(new)
    }

    fn selectable_fields(&self) -> &'static [SelectableField] {
        FIELDS
    }
}

fn upper_case_warning(slice: &ResourceSlice) -> Vec<String> {
    let driver = &slice.spec.driver;
    if *driver == driver.to_lowercase() {
        return Vec::new();
    }
    vec![format!(
        "spec.driver: driver names should be lowercase; {driver:?} contains uppercase characters"
    )]
}
