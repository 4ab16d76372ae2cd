//! Which faults are found in definitions, and in which words.

use k8s_api::Kind as _;
use serde_json::{Value, json};

use super::*;

fn definition(versions: Value, extra: Value) -> CustomResourceDefinition {
    let mut spec = json!({
        "group": "g.example.com", "scope": "Namespaced", "names": {"plural": "widgets", "kind": "Widget"},
        "versions": versions,
    });
    let members = spec.as_object_mut().expect("the spec is an object");
    members.extend(extra.as_object().expect("the extra is an object").clone());
    let value = json!({"metadata": {"name": "widgets.g.example.com", "resourceVersion": "1"}, "spec": spec});
    let mut definition = CustomResourceDefinition::from_value(value).expect("the test's object is well-formed");
    set_defaults(&mut definition);
    definition
}

fn version(schema: Value) -> Value {
    json!([{"name": "v1", "served": true, "storage": true, "schema": {"openAPIV3Schema": schema}}])
}

fn property(schema: Value) -> Value {
    version(json!({"type": "object", "properties": {"a": schema}}))
}

fn check(versions: Value, extra: Value, expected: &str) {
    assert_eq!(validate(&definition(versions, extra)).to_string(), expected);
}

#[test]
fn defaults() {
    let made = definition(version(json!({"type": "object"})), json!({}));
    assert_eq!(made.spec.names.singular, "widget");
    assert_eq!(made.spec.names.list_kind, "WidgetList");
    assert_eq!(
        made.spec
            .conversion
            .as_ref()
            .map(|conversion| conversion.strategy.as_str()),
        Some("None")
    );
    assert_eq!(made.status.stored_versions, ["v1"]);
    assert_eq!(validate(&made).to_string(), "");
}

#[test]
fn versions_and_names() {
    let none = "must have exactly one version marked as storage version";
    check(
        json!([]),
        json!({}),
        &format!(
            "[spec.versions: Invalid value: []: {none}, status.storedVersions: Invalid value: null: must have at least one stored version]"
        ),
    );
    check(
        json!([{"name": "v1", "served": true, "storage": false, "schema": {"openAPIV3Schema": {"type": "object"}}}]),
        json!({}),
        &format!(
            "[spec.versions: Invalid value: [{{\"Name\":\"v1\",\"Served\":true,\"Storage\":false,\"Deprecated\":false,\"DeprecationWarning\":null,\"Schema\":null,\"Subresources\":null,\"AdditionalPrinterColumns\":null,\"SelectableFields\":null}}]: {none}, status.storedVersions: Invalid value: null: must have at least one stored version]"
        ),
    );
    check(
        json!([{"name": "v1", "served": true, "storage": true}]),
        json!({}),
        "spec.versions[0].schema.openAPIV3Schema: Required value",
    );
    let object = version(json!({"type": "object"}));
    check(
        object.clone(),
        json!({"names": {"plural": "widgets", "kind": "Widget", "shortNames": ["W D"]}}),
        "spec.names.shortNames[0]: Invalid value: \"W D\": a DNS-1035 label must consist of lower case alphanumeric characters or '-', start with an alphabetic character, and end with an alphanumeric character (e.g. 'my-name',  or 'abc-123', regex used for validation is '[a-z]([-a-z0-9]*[a-z0-9])?')",
    );
    check(
        object,
        json!({"preserveUnknownFields": true}),
        "spec.preserveUnknownFields: Invalid value: true: cannot set to true, set x-kubernetes-preserve-unknown-fields to true in spec.versions[*].schema instead",
    );
}

#[test]
fn schemas() {
    let a = "spec.validation.openAPIV3Schema.properties[a]";
    check(
        version(json!({"type": "string"})),
        json!({}),
        "spec.validation.openAPIV3Schema.type: Invalid value: \"string\": must be object at the root",
    );
    check(
        property(json!({})),
        json!({}),
        &format!("{a}.type: Required value: must not be empty for specified object fields"),
    );
    check(
        property(json!({"$ref": "#/x"})),
        json!({}),
        &format!("{a}.$ref: Forbidden: $ref is not supported"),
    );
    check(
        property(
            json!({"type": "object", "properties": {"b": {"type": "string"}}, "additionalProperties": {"type": "string"}}),
        ),
        json!({}),
        &format!("{a}.additionalProperties: Forbidden: additionalProperties and properties are mutual exclusive"),
    );
    check(
        property(json!({
            "type": "array", "x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["n"],
            "items": {"type": "object", "properties": {"n": {"type": "string"}}},
        })),
        json!({}),
        &format!(
            "{a}.items.properties[n].default: Required value: this property is in x-kubernetes-list-map-keys, so it must have a default or be a required property"
        ),
    );
    check(
        property(json!({"type": "object", "anyOf": [{"properties": {"b": {"type": "string"}}}]})),
        json!({}),
        "spec.validation.openAPIV3Schema.properties[a].anyOf[0].properties[b].type: Forbidden: must be empty to be structural",
    );
    check(
        version(json!({"type": "object", "anyOf": [{"properties": {"b": {"minLength": 1}}}]})),
        json!({}),
        "spec.validation.openAPIV3Schema.properties[b]: Required value: because it is defined in spec.validation.openAPIV3Schema.anyOf[0].properties[b]",
    );
    check(
        property(json!({"x-kubernetes-int-or-string": true, "anyOf": [{"type": "integer"}, {"type": "string"}]})),
        json!({}),
        "",
    );
}

#[test]
fn columns_scale_and_selectable_fields() {
    let with = |extra: Value| {
        let mut versions = property(json!({"type": "string"}));
        let members = versions[0].as_object_mut().expect("the version is an object");
        members.extend(extra.as_object().expect("the extra is an object").clone());
        versions
    };
    check(
        with(json!({"additionalPrinterColumns": [{"name": "A", "type": "colour", "jsonPath": ".spec.a"}]})),
        json!({}),
        "spec.additionalPrinterColumns[0].type: Invalid value: \"colour\": must be one of boolean,date,integer,number,string",
    );
    check(
        with(
            json!({"subresources": {"scale": {"specReplicasPath": ".replicas", "statusReplicasPath": ".status.replicas"}}}),
        ),
        json!({}),
        "spec.subresources.scale.specReplicasPath: Invalid value: \".replicas\": should be a json path under .spec",
    );
    check(
        with(json!({"selectableFields": [{"jsonPath": ".a"}, {"jsonPath": ".b"}, {"jsonPath": ".a"}]})),
        json!({}),
        "[spec.selectableFields[1].jsonPath: Invalid value: \".b\": is an invalid path: does not refer to a valid field, spec.selectableFields[2].jsonPath: Duplicate value: \".a\"]",
    );
}

#[test]
fn conversion_by_webhook() {
    let object = version(json!({"type": "object"}));
    check(
        object.clone(),
        json!({"conversion": {"strategy": "Webhook", "webhook": {"clientConfig": {"url": "http://h"}, "conversionReviewVersions": ["v9"]}}}),
        "[spec.conversion.webhookClientConfig.url: Invalid value: \"http\": 'https' is the only allowed URL scheme; desired format: https://host[/path], spec.conversion.conversionReviewVersions: Invalid value: [\"v9\"]: must include at least one of v1, v1beta1]",
    );
    check(
        object,
        json!({"conversion": {"strategy": "None", "webhook": {"conversionReviewVersions": ["v1"]}}}),
        "spec.conversion.conversionReviewVersions: Forbidden: should not be set when strategy is not set to Webhook",
    );
}

#[test]
fn groups_of_the_project_need_its_approval() {
    let mut made = definition(version(json!({"type": "object"})), json!({"group": "g.k8s.io"}));
    made.metadata.name = "widgets.g.k8s.io".into();
    assert_eq!(
        validate(&made).to_string(),
        "metadata.annotations[api-approved.kubernetes.io]: Required value: protected groups must have approval annotation \"api-approved.kubernetes.io\", see https://github.com/kubernetes/enhancements/pull/1111"
    );
    made.metadata
        .annotations
        .insert("api-approved.kubernetes.io", "unapproved, a test".to_owned());
    assert_eq!(validate(&made).to_string(), "");
}

#[test]
fn updates() {
    let mut old = definition(version(json!({"type": "object"})), json!({}));
    old.status
        .conditions
        .push(k8s_api::apiextensions::v1::CustomResourceDefinitionCondition {
            type_: "Established".into(),
            status: "True".into(),
            ..Default::default()
        });
    let mut new = old.clone();
    new.spec.scope = "Cluster".into();
    assert_eq!(
        validate_update(&new, &old).to_string(),
        "spec.scope: Invalid value: \"Cluster\": field is immutable"
    );
    let mut new = old.clone();
    new.spec.versions[0].name = "v2".into();
    new.status.stored_versions.push("v2".into());
    assert_eq!(
        validate_update(&new, &old).to_string(),
        "status.storedVersions[0]: Invalid value: \"v1\": missing from spec.versions; v1 was previously a storage version, and must remain in spec.versions until a storage migration ensures no data remains persisted in v1 and removes v1 from status.storedVersions"
    );
    // A schema that is not structural may stay so.
    let bare = definition(property(json!({"format": "x"})), json!({"preserveUnknownFields": true}));
    assert_eq!(validate_update(&bare, &bare).to_string(), "");
}
