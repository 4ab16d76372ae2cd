//! Defaults and faults of claims, word for word.

use k8s_api::{Kind, core::v1::PersistentVolumeClaim};
use serde_json::{Value, json};

use super::{
    Options, enforce_data_source_compatibility, normalize_data_sources, set_defaults, validate, validate_status_update,
    validate_update, warnings,
};

fn merged(base: &mut Value, with: Value) {
    match (base, with) {
        (Value::Object(base), Value::Object(with)) => {
            for (key, value) in with {
                merged(base.entry(key).or_insert(Value::Null), value);
            }
        }
        (base, with) => *base = with,
    }
}

fn claim(with: Value) -> PersistentVolumeClaim {
    let mut value = json!({
        "metadata": {"name": "demo", "namespace": "default", "resourceVersion": "1"},
        "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}},
    });
    merged(&mut value, with);
    let mut claim = PersistentVolumeClaim::from_value(value).expect("a claim");
    set_defaults(&mut claim);
    claim
}

#[test]
fn faults() {
    let cases = [
        (json!({}), ""),
        (
            json!({"spec": {"accessModes": []}}),
            "spec.accessModes: Required value: at least 1 access mode is required",
        ),
        (
            json!({"spec": {"accessModes": ["WriteSometimes"]}}),
            r#"spec.accessModes: Unsupported value: "WriteSometimes": supported values: "ReadOnlyMany", "ReadWriteMany", "ReadWriteOnce", "ReadWriteOncePod""#,
        ),
        (
            json!({"spec": {"accessModes": ["ReadWriteOncePod", "ReadWriteOnce"]}}),
            "spec.accessModes: Forbidden: may not use ReadWriteOncePod with other access modes",
        ),
        (
            json!({"spec": {"resources": {"requests": {"storage": "0"}}}}),
            r#"spec.resources[storage]: Invalid value: "0": must be greater than zero"#,
        ),
        (
            json!({"spec": {"volumeMode": "Tape"}}),
            r#"spec.volumeMode: Unsupported value: "Tape": supported values: "Block", "Filesystem""#,
        ),
        (
            json!({"spec": {"dataSource": {"kind": "Thing", "name": ""}}}),
            r#"[spec.dataSource.name: Required value, spec.dataSource: Invalid value: "Thing": must be 'PersistentVolumeClaim' when referencing the default apiGroup]"#,
        ),
        (
            json!({"spec": {
                "dataSource": {"kind": "PersistentVolumeClaim", "name": "a"},
                "dataSourceRef": {"kind": "PersistentVolumeClaim", "name": "b"},
            }}),
            "spec: Invalid value: {}: must match dataSourceRef",
        ),
    ];
    for (with, text) in cases {
        assert_eq!(validate(&claim(with), Options::default()).to_string(), text);
    }
}

#[test]
fn an_unbound_claim_does_not_change() {
    let old = claim(json!({}));
    assert_eq!(
        validate_update(&claim(json!({"spec": {"accessModes": ["ReadOnlyMany"]}})), &old).to_string(),
        "spec: Forbidden: spec is immutable after creation except resources.requests and volumeAttributesClassName for bound claims\n\
         @@ -1,6 +1,6 @@\n {\n  \"AccessModes\": [\n-  \"ReadWriteOnce\"\n+  \"ReadOnlyMany\"\n  ],\n  \"Selector\": null,\n  \"Resources\": {\n"
    );
    assert_eq!(
        validate_update(
            &claim(json!({"spec": {"resources": {"requests": {"storage": "512Mi"}}}})),
            &old
        )
        .to_string(),
        "spec: Forbidden: spec is immutable after creation except resources.requests and volumeAttributesClassName for bound claims\n\
         @@ -6,7 +6,7 @@\n  \"Resources\": {\n   \"Limits\": null,\n   \"Requests\": {\n-   \"storage\": \"1Gi\"\n+   \"storage\": \"512Mi\"\n   }\n  },\n  \"VolumeName\": \"\",\n"
    );
    for change in [
        json!({"spec": {"volumeName": "pv"}}),
        json!({"spec": {"storageClassName": "fast"}}),
    ] {
        assert_eq!(validate_update(&claim(change), &old).to_string(), "");
    }
}

#[test]
fn a_bound_claim_grows() {
    let bound = |size: &str| {
        claim(json!({
            "spec": {"volumeName": "pv", "resources": {"requests": {"storage": size}}},
            "status": {"phase": "Bound", "capacity": {"storage": "1Gi"}, "currentVolumeAttributesClassName": "gold"},
        }))
    };
    assert_eq!(validate_update(&bound("3Gi"), &bound("1Gi")).to_string(), "");
    assert_eq!(validate_update(&bound("2Gi"), &bound("3Gi")).to_string(), "");
    assert_eq!(
        validate_update(&bound("1Gi"), &bound("3Gi")).to_string(),
        "spec.resources.requests.storage: Forbidden: field can not be less than status.capacity"
    );
    let mut old = bound("1Gi");
    old.spec.volume_attributes_class_name = Some("gold".into());
    assert_eq!(
        validate_update(&bound("1Gi"), &old).to_string(),
        "spec.volumeAttributesClassName: Forbidden: update to nil is forbidden when status.currentVolumeAttributesClassName is not nil"
    );
}

#[test]
fn the_class_moves_from_the_annotation() {
    let annotation = json!({"volume.beta.kubernetes.io/storage-class": "fast"});
    let old = claim(json!({"metadata": {"annotations": annotation}}));
    let moved = claim(json!({"spec": {"storageClassName": "fast"}}));
    assert_eq!(validate_update(&moved, &old).to_string(), "");
    assert_eq!(
        validate_update(&claim(json!({})), &old).to_string(),
        r#"metadata.annotations.volume.beta.kubernetes.io/storage-class: Invalid value: "": field is immutable"#
    );
}

#[test]
fn status_updates() {
    let status = json!({"status": {
        "capacity": {"storage": "-1"},
        "allocatedResourceStatuses": {"storage": "Growing"},
        "allocatedResources": {"cpu": "1"},
    }});
    assert_eq!(
        validate_status_update(&claim(status), &claim(json!({}))).to_string(),
        r#"[status.capacity[storage]: Invalid value: -1: must be a valid resource quantity, status.allocatedResourceStatuses: Unsupported value: "storage": supported values: "ControllerResizeInProgress", "ControllerResizeInfeasible", "NodeResizeInProgress", "NodeResizeInfeasible", "NodeResizePending", status.allocatedResources: Unsupported value: "cpu": supported values: "storage"]"#
    );
}

#[test]
fn data_sources() {
    let mut spec = claim(json!({"spec": {"dataSource": {"apiGroup": "x.io", "kind": "Thing", "name": "t"}}})).spec;
    normalize_data_sources(&mut spec);
    assert_eq!(
        spec.data_source_ref.as_ref().map(|source| source.kind.as_str()),
        Some("Thing")
    );
    let mut foreign = spec.clone();
    foreign.data_source_ref = None;
    enforce_data_source_compatibility(&mut foreign, Some(&spec));
    assert!(foreign.data_source.is_some());
    enforce_data_source_compatibility(&mut foreign, None);
    assert!(foreign.data_source.is_none());
}

#[test]
fn fractions_of_bytes_are_warned_about() {
    assert_eq!(
        warnings(&claim(
            json!({"spec": {"resources": {"requests": {"storage": "100m"}}}})
        )),
        [r#"spec.resources.requests[storage]: fractional byte value "100m" is invalid, must be an integer"#]
    );
}
