//! A claim's spec as errors about its change show it.

use k8s_api::{
    core::v1::PersistentVolumeClaimSpec,
    meta::v1::{LabelSelector, LabelSelectorRequirement},
};

use crate::go_value::GoValue;

/// Selectors are of a type with JSON names, which leaves out what is empty.
fn show_selector(selector: &LabelSelector) -> GoValue {
    let mut members = Vec::new();
    if !selector.match_labels.is_empty() {
        members.push(("matchLabels".into(), (&selector.match_labels).into()));
    }
    if !selector.match_expressions.is_empty() {
        members.push((
            "matchExpressions".into(),
            GoValue::list(&selector.match_expressions, show_requirement),
        ));
    }
    GoValue::Object(members)
}

fn show_requirement(requirement: &LabelSelectorRequirement) -> GoValue {
    let mut members = vec![
        ("key".into(), (&requirement.key).into()),
        ("operator".into(), (&requirement.operator).into()),
    ];
    if !requirement.values.is_empty() {
        members.push(("values".into(), (&requirement.values).into()));
    }
    GoValue::Object(members)
}

pub(super) fn show_spec(spec: &PersistentVolumeClaimSpec) -> GoValue {
    GoValue::object([
        ("AccessModes", (&spec.access_modes).into()),
        ("Selector", GoValue::pointer(spec.selector.as_deref(), show_selector)),
        (
            "Resources",
            GoValue::object([
                ("Limits", (&spec.resources.limits).into()),
                ("Requests", (&spec.resources.requests).into()),
            ]),
        ),
        ("VolumeName", (&spec.volume_name).into()),
        ("StorageClassName", (&spec.storage_class_name).into()),
        ("VolumeMode", (&spec.volume_mode).into()),
        (
            "DataSource",
            GoValue::pointer(spec.data_source.as_deref(), |source| {
                GoValue::object([
                    ("APIGroup", (&source.api_group).into()),
                    ("Kind", (&source.kind).into()),
                    ("Name", (&source.name).into()),
                ])
            }),
        ),
        (
            "DataSourceRef",
            GoValue::pointer(spec.data_source_ref.as_deref(), |source| {
                GoValue::object([
                    ("APIGroup", (&source.api_group).into()),
                    ("Kind", (&source.kind).into()),
                    ("Name", (&source.name).into()),
                    ("Namespace", (&source.namespace).into()),
                ])
            }),
        ),
        ("VolumeAttributesClassName", (&spec.volume_attributes_class_name).into()),
    ])
}
