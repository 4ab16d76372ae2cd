//! The texts of errors about metadata.

use crate::field::{ErrorList, Path};
use k8s_api::{
    Map,
    meta::v1::{Condition, LabelSelector, LabelSelectorRequirement, ManagedFieldsEntry, ObjectMeta, OwnerReference},
};

use super::*;

const DNS_LABEL: &str = "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and \
    must start and end with an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for validation is \
    '[a-z0-9]([-a-z0-9]*[a-z0-9])?')";

fn texts(errors: &ErrorList) -> Vec<String> {
    errors.iter().map(ToString::to_string).collect()
}

fn valid() -> ObjectMeta {
    ObjectMeta {
        name: "a".into(),
        namespace: "b".into(),
        resource_version: "1".into(),
        ..ObjectMeta::default()
    }
}

fn create(change: impl FnOnce(&mut ObjectMeta)) -> Vec<String> {
    let mut meta = valid();
    change(&mut meta);
    let path = Path::new("metadata");
    texts(&validate_object_meta(&meta, true, NameRule::Dns1123Label, &path))
}

fn update(change: impl FnOnce(&mut ObjectMeta, &mut ObjectMeta)) -> Vec<String> {
    let (mut new, mut old) = (valid(), valid());
    change(&mut new, &mut old);
    texts(&validate_object_meta_update(&new, &old, &Path::new("metadata")))
}

#[test]
fn names_and_namespaces() {
    assert!(create(|_| {}).is_empty());
    assert_eq!(
        create(|meta| meta.name.clear()),
        ["metadata.name: Required value: name or generateName is required"]
    );
    assert_eq!(
        create(|meta| meta.namespace.clear()),
        ["metadata.namespace: Required value"]
    );
    assert_eq!(
        create(|meta| {
            meta.generate_name = "A-".into();
            meta.namespace = "B".into();
        }),
        [format!("metadata.namespace: Invalid value: \"B\": {DNS_LABEL}")],
        "the character before the dash goes unchecked"
    );
    let cluster = validate_object_meta(&valid(), false, NameRule::PathSegment, &Path::new("metadata"));
    assert_eq!(
        texts(&cluster),
        ["metadata.namespace: Forbidden: not allowed on this type"]
    );
}

#[test]
fn annotations_have_a_size() {
    let mut annotations = Map::from([("Upper.Case/Key", "x".repeat(TOTAL_ANNOTATION_SIZE_LIMIT - 14))]);
    assert!(validate_annotations(&annotations, &Path::new("a")).is_empty());
    annotations.insert("k", String::new());
    assert_eq!(
        texts(&validate_annotations(&annotations, &Path::new("a"))),
        ["a: Too long: may not be more than 262144 bytes"]
    );
    assert_eq!(
        validate_annotations_size(&annotations),
        Err("annotations size 262145 is larger than limit 262144".into())
    );
}

#[test]
fn one_controller_and_no_event_owns() {
    let owner = |kind: &str| OwnerReference {
        api_version: "v1".into(),
        kind: kind.into(),
        name: "n".into(),
        uid: "u".into(),
        controller: Some(true),
        ..OwnerReference::default()
    };
    assert_eq!(
        create(|meta| meta.owner_references = vec![owner("Event"), owner("Pod")]),
        [
            r#"metadata.ownerReferences: Invalid value: {"apiVersion":"v1","kind":"Event","name":"n","uid":"u","controller":true}: /v1, Kind=Event is disallowed from being an owner"#,
            r#"metadata.ownerReferences: Invalid value: [{"apiVersion":"v1","kind":"Event","name":"n","uid":"u","controller":true},{"apiVersion":"v1","kind":"Pod","name":"n","uid":"u","controller":true}]: Only one reference can have Controller set to true. Found "true" in references for Event/n and Pod/n"#,
        ]
    );
    assert_eq!(
        create(|meta| meta.owner_references = vec![OwnerReference::default()]),
        [
            r#"metadata.ownerReferences.apiVersion: Invalid value: "": version must not be empty"#,
            r#"metadata.ownerReferences.kind: Invalid value: "": must not be empty"#,
            r#"metadata.ownerReferences.name: Invalid value: "": must not be empty"#,
            r#"metadata.ownerReferences.uid: Invalid value: "": must not be empty"#,
        ]
    );
}

#[test]
fn finalizers() {
    assert_eq!(
        create(|meta| meta.finalizers = vec!["orphan".into(), "foregroundDeletion".into()]),
        [
            r#"metadata.finalizers: Invalid value: ["orphan","foregroundDeletion"]: finalizer orphan and foregroundDeletion cannot be both set"#
        ]
    );
    assert_eq!(
        update(|new, old| {
            old.deletion_timestamp = Some("2026-01-01T00:00:00Z".parse().expect("a time"));
            new.deletion_timestamp = old.deletion_timestamp;
            new.finalizers = vec!["b/b".into(), "a/a".into()];
        }),
        [
            r#"metadata.finalizers: Forbidden: no new finalizers can be added if the object is being deleted, found new finalizers []string{"a/a", "b/b"}"#
        ]
    );
}

#[test]
fn updates_keep_what_the_server_sets() {
    assert_eq!(
        update(|new, old| {
            old.generation = 2;
            old.uid = "u".into();
            old.creation_timestamp = Some("2026-01-01T00:00:00Z".parse().expect("a time"));
            old.deletion_grace_period_seconds = Some(1);
            new.resource_version.clear();
            new.deletion_grace_period_seconds = Some(2);
        }),
        [
            r#"metadata.resourceVersion: Invalid value: "": must be specified for an update"#,
            "metadata.generation: Invalid value: 0: must not be decremented",
            r#"metadata.uid: Invalid value: "": field is immutable"#,
            "metadata.creationTimestamp: Invalid value: null: field is immutable",
            "metadata.deletionGracePeriodSeconds: Invalid value: 2: field is immutable",
        ]
    );
}

#[test]
fn managed_fields() {
    let entry = ManagedFieldsEntry {
        operation: "Patch".into(),
        fields_type: "F".into(),
        manager: "a\nb".into(),
        subresource: "s".repeat(257),
        ..ManagedFieldsEntry::default()
    };
    assert_eq!(
        create(|meta| meta.managed_fields = vec![entry]),
        [
            r#"metadata.managedFields[0].operation: Invalid value: "Patch": must be `Apply` or `Update`"#,
            r#"metadata.managedFields[0].fieldsType: Invalid value: "F": must be `FieldsV1`"#,
            r#"metadata.managedFields[0].manager: Invalid value: "a\nb": invalid character U+000A (at position 1)"#,
            "metadata.managedFields[0].subresource: Too long: may not be more than 256 bytes",
        ]
    );
}

#[test]
fn selectors() {
    let requirement = |operator: &str, values: &[&str]| LabelSelectorRequirement {
        key: "k".into(),
        operator: operator.into(),
        values: values.iter().map(ToString::to_string).collect(),
    };
    let selector = LabelSelector {
        match_expressions: vec![
            requirement("In", &[]),
            requirement("Exists", &["v"]),
            requirement("Near", &["-"]),
        ],
        ..LabelSelector::default()
    };
    let check = |options| texts(&validate_label_selector(Some(&selector), options, &Path::new("s")));
    let all = check(LabelSelectorOptions::default());
    assert_eq!(
        all[..3],
        [
            "s.matchExpressions[0].values: Required value: must be specified when `operator` is 'In' or 'NotIn'",
            "s.matchExpressions[1].values: Forbidden: may not be specified when `operator` is 'Exists' or 'DoesNotExist'",
            r#"s.matchExpressions[2].operator: Invalid value: "Near": not a valid selector operator"#,
        ]
    );
    assert!(
        all[3].starts_with(r#"s.matchExpressions[2].values[0]: Invalid value: "-": a valid label must be"#),
        "{all:?}"
    );
    let lenient = LabelSelectorOptions {
        allow_invalid_label_values: true,
        allow_unknown_operators: true,
    };
    assert_eq!(check(lenient), all[..2]);
    assert!(label_selector_has_invalid_value(Some(&selector)));
}

#[test]
fn conditions() {
    let condition = Condition {
        type_: "Ready".into(),
        status: "Maybe".into(),
        observed_generation: -1,
        reason: "1".into(),
        ..Condition::default()
    };
    let errors = texts(&validate_conditions(&[condition.clone(), condition], &Path::new("c")));
    assert_eq!(errors.len(), 9);
    assert_eq!(
        errors[..3],
        [
            r#"c[0].status: Unsupported value: "Maybe": supported values: "False", "True", "Unknown""#,
            "c[0].observedGeneration: Invalid value: -1: must be greater than or equal to zero",
            "c[0].lastTransitionTime: Required value",
        ]
    );
    assert_eq!(errors[4], r#"c[1].type: Duplicate value: "Ready""#);
}
