//! The rules of events, which depend on the API that a request comes through.

use apimachinery::field::ErrorList;
use apis_core::core::event::{self, RequestVersion};
use apiserver::registry::{GarbageCollectionPolicy, SelectableField, Strategy, StrategyContext};
use k8s_api::core::v1::Event;

/// The rules of events.
#[derive(Clone, Copy, Debug)]
pub struct EventStrategy;

/// The selectable fields of events.k8s.io/v1, each with the one of core/v1 that it stands for.
pub const V1_FIELD_NAMES: &[(&str, &str)] = &[
    ("reason", "reason"),
    ("regarding.kind", "involvedObject.kind"),
    ("regarding.namespace", "involvedObject.namespace"),
    ("regarding.name", "involvedObject.name"),
    ("regarding.uid", "involvedObject.uid"),
    ("regarding.apiVersion", "involvedObject.apiVersion"),
    ("regarding.resourceVersion", "involvedObject.resourceVersion"),
    ("regarding.fieldPath", "involvedObject.fieldPath"),
    ("reportingController", "reportingComponent"),
    ("type", "type"),
    ("metadata.namespace", "metadata.namespace"),
    ("metadata.name", "metadata.name"),
];

fn version(context: &StrategyContext<'_>) -> RequestVersion {
    RequestVersion::new(context.api_group, context.api_version)
}

impl Strategy for EventStrategy {
    type Object = Event;

    fn namespaced(&self) -> bool {
        true
    }

    fn validate(&self, context: &StrategyContext<'_>, event: &Event) -> ErrorList {
        event::validate(event, version(context))
    }

    fn validate_update(&self, context: &StrategyContext<'_>, new: &Event, old: &Event) -> ErrorList {
        event::validate_update(new, old, version(context))
    }

    fn allow_create_on_update(&self) -> bool {
        true
    }

    fn default_garbage_collection_policy(&self, _context: &StrategyContext<'_>) -> GarbageCollectionPolicy {
        GarbageCollectionPolicy::Unsupported
    }

    fn selectable_fields(&self) -> &'static [SelectableField] {
        const FIELDS: &[SelectableField] = &[
            SelectableField::new("involvedObject.kind", &["involvedObject", "kind"]),
            SelectableField::new("involvedObject.namespace", &["involvedObject", "namespace"]),
            SelectableField::new("involvedObject.name", &["involvedObject", "name"]),
            SelectableField::new("involvedObject.uid", &["involvedObject", "uid"]),
            SelectableField::new("involvedObject.apiVersion", &["involvedObject", "apiVersion"]),
            SelectableField::new("involvedObject.resourceVersion", &["involvedObject", "resourceVersion"]),
            SelectableField::new("involvedObject.fieldPath", &["involvedObject", "fieldPath"]),
            SelectableField::new("reason", &["reason"]),
            SelectableField::new("reportingComponent", &["reportingComponent"]),
            SelectableField::new("source", &["source", "component"]).instead("reportingComponent"),
            SelectableField::new("type", &["type"]),
        ];
        FIELDS
    }
}
