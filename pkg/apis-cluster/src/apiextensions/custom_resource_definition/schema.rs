//! What an OpenAPI schema may say in a definition, and what goes together.

use apimachinery::field::{BadValue, Error, ErrorList, Path};
use k8s_api::apiextensions::v1::{JSONSchemaProps, ValidationRule};

use super::{JSONSchemaPropsOrArray, JSONSchemaPropsOrBool, field_path, item, items, or_bool, or_strings};
use crate::common;

pub(super) const TYPES: [&str; 6] = ["array", "boolean", "integer", "number", "object", "string"];
const REASONS: [&str; 4] = [
    "FieldValueDuplicate",
    "FieldValueForbidden",
    "FieldValueInvalid",
    "FieldValueRequired",
];

/// What is asked of schemas; an update asks only what the stored ones fulfil.
#[derive(Clone, Copy, Debug)]
pub(super) struct Options {
    pub(super) valid_types: bool,
    pub(super) atomic_sets: bool,
    pub(super) map_keys: bool,
}

/// Where in the object a schema applies.
#[derive(Clone, Copy)]
struct Place<'a> {
    /// Why defaults may not stand here.
    no_defaults: Option<&'a str>,
    inside_meta: bool,
    root: bool,
}

/// Every fault of a schema.
pub(super) fn validate(schema: &JSONSchemaProps, options: Options, path: &Path<'_>) -> ErrorList {
    let place = Place {
        no_defaults: None,
        inside_meta: false,
        root: true,
    };
    validate_at(schema, options, place, path)
}

fn validate_at(schema: &JSONSchemaProps, options: Options, place: Place<'_>, path: &Path<'_>) -> ErrorList {
    let mut errors = validate_members(schema, options, place, path);
    errors.append(validate_inner(schema, options, place, path));
    if schema.x_kubernetes_preserve_unknown_fields == Some(false) {
        let path = path.child("x-kubernetes-preserve-unknown-fields");
        errors.push(Error::invalid(&path, false, "must be true or undefined"));
    }
    errors.append(validate_map_type(schema, path));
    errors.append(validate_list_type(schema, options, path));
    if options.map_keys {
        errors.append(validate_keys(schema, path));
    }
    let rules = path.child("x-kubernetes-validations");
    for (at, rule) in schema.x_kubernetes_validations.iter().enumerate() {
        errors.append(validate_rule(rule, schema, &rules.index(at)));
    }
    errors
}

fn validate_members(schema: &JSONSchemaProps, options: Options, place: Place<'_>, path: &Path<'_>) -> ErrorList {
    let mut errors = ErrorList::new();
    if options.valid_types && !schema.type_.is_empty() {
        errors.extend(common::one_of(&path.child("type"), &schema.type_, &TYPES));
    }
    if let Some(reason) = place.no_defaults.filter(|_| schema.default.is_some()) {
        errors.push(Error::forbidden(
            &path.child("default"),
            format!("must not be set {reason}"),
        ));
    }
    for (name, present) in [
        ("id", !schema.id.is_empty()),
        ("additionalItems", schema.additional_items.is_some()),
        ("patternProperties", !schema.pattern_properties.is_empty()),
        ("definitions", !schema.definitions.is_empty()),
        ("dependencies", !schema.dependencies.is_empty()),
        ("$ref", schema.ref_.is_some()),
    ] {
        if present {
            errors.push(Error::forbidden(&path.child(name), format!("{name} is not supported")));
        }
    }
    if schema.type_ == "null" {
        let detail = "type cannot be set to null, use nullable as an alternative";
        errors.push(Error::forbidden(&path.child("type"), detail));
    }
    if matches!(schema.items.as_deref(), Some(JSONSchemaPropsOrArray::Array(list)) if !list.is_empty()) {
        errors.push(Error::forbidden(
            &path.child("items"),
            "items must be a schema object and not an array",
        ));
    }
    if place.inside_meta && schema.x_kubernetes_embedded_resource {
        let path = path.child("x-kubernetes-embedded-resource");
        errors.push(Error::forbidden(&path, "must not be used inside of resource meta"));
    }
    if schema.unique_items {
        let detail = "uniqueItems cannot be set to true since the runtime complexity becomes quadratic";
        errors.push(Error::forbidden(&path.child("uniqueItems"), detail));
    }
    errors
}

fn validate_inner(schema: &JSONSchemaProps, options: Options, place: Place<'_>, path: &Path<'_>) -> ErrorList {
    let mut errors = ErrorList::new();
    let below = Place { root: false, ..place };
    if let Some(additional) = schema.additional_properties.as_deref() {
        let path = path.child("additionalProperties");
        if !schema.properties.is_empty() && *additional != JSONSchemaPropsOrBool::Bool(true) {
            let detail = "additionalProperties and properties are mutual exclusive";
            errors.push(Error::forbidden(&path, detail));
        }
        let mut below = below;
        if place.inside_meta {
            below.no_defaults = Some("inside additionalProperties applying to object metadata");
        }
        if let Some(schema) = or_bool(Some(additional)) {
            errors.append(validate_at(schema, options, below, &path));
        }
    }
    let properties = path.child("properties");
    for (name, property) in &schema.properties {
        let meta = matches!(name.as_str(), "metadata" | "kind" | "apiVersion");
        let top = format!("in top-level {name}");
        let mut below = below;
        if meta && (place.root || schema.x_kubernetes_embedded_resource) {
            below.inside_meta = true;
            if place.root {
                below.no_defaults = Some(&top);
            }
        }
        errors.append(validate_at(property, options, below, &properties.key(name)));
    }
    if let Some(schema) = &schema.not {
        errors.append(validate_at(schema, options, below, &path.child("not")));
    }
    for (name, list) in [
        ("allOf", &schema.all_of),
        ("oneOf", &schema.one_of),
        ("anyOf", &schema.any_of),
    ] {
        let path = path.child(name);
        for (at, schema) in list.iter().enumerate() {
            errors.append(validate_at(schema, options, below, &path.index(at)));
        }
    }
    let definitions = path.child("definitions");
    for (name, schema) in &schema.definitions {
        errors.append(validate_at(schema, options, below, &definitions.key(name)));
    }
    let list = path.child("items");
    if let Some(item) = item(schema) {
        errors.append(validate_at(item, options, below, &list));
    } else {
        for (at, schema) in items(schema).enumerate() {
            errors.append(validate_at(schema, options, below, &list.index(at)));
        }
    }
    let dependencies = path.child("dependencies");
    for (name, dependency) in &schema.dependencies {
        if let Some(schema) = or_strings(dependency) {
            errors.append(validate_at(schema, options, below, &dependencies.key(name)));
        }
    }
    errors
}

/// An extension that needs a type.
fn needs_type(schema: &JSONSchemaProps, wanted: &str, extension: &str, path: &Path<'_>) -> Option<Error> {
    let detail = format!("must be {wanted} if {extension} is specified");
    let path = path.child("type");
    match schema.type_.as_str() {
        "" => Some(Error::required(&path, detail)),
        type_ if type_ == wanted => None,
        other => Some(Error::invalid(&path, other, detail)),
    }
}

fn validate_map_type(schema: &JSONSchemaProps, path: &Path<'_>) -> ErrorList {
    let mut errors = ErrorList::new();
    if let Some(map_type) = &schema.x_kubernetes_map_type {
        errors.extend(needs_type(schema, "object", "x-kubernetes-map-type", path));
        let path = path.child("x-kubernetes-map-type");
        errors.extend(common::one_of(&path, map_type, &["atomic", "granular"]));
    }
    errors
}

/// The member that makes the items of a set something other than atomic.
fn non_atomic_member(item: &JSONSchemaProps) -> Option<&'static str> {
    let is = |value: &Option<String>| value.as_deref() == Some("atomic");
    match item.type_.as_str() {
        "array" if item.x_kubernetes_list_type.is_some() && !is(&item.x_kubernetes_list_type) => {
            Some("x-kubernetes-list-type")
        }
        "object" if !is(&item.x_kubernetes_map_type) => Some("x-kubernetes-map-type"),
        _ => None,
    }
}

/// Whether a schema is a set of something that is not atomic.
pub(super) fn is_non_atomic_set(schema: &JSONSchemaProps) -> bool {
    schema.x_kubernetes_list_type.as_deref() == Some("set")
        && item(schema).is_some_and(|item| non_atomic_member(item).is_some())
}

fn validate_list_type(schema: &JSONSchemaProps, options: Options, path: &Path<'_>) -> ErrorList {
    let mut errors = ErrorList::new();
    let list_type = schema.x_kubernetes_list_type.as_deref();
    let member = path.child("x-kubernetes-list-type");
    if let Some(value) = list_type {
        let fault = needs_type(schema, "array", "x-kubernetes-list-type", path);
        if fault.is_none()
            && options.atomic_sets
            && value == "set"
            && let Some(item) = item(schema)
            && let Some(name) = non_atomic_member(item)
        {
            let path = path.child("items");
            let shown = common::optional_text(&item.x_kubernetes_list_type);
            let detail = "must be atomic as item of a list with x-kubernetes-list-type=set";
            errors.push(Error::invalid(&path.child(name), shown, detail));
        }
        errors.extend(fault);
        errors.extend(common::one_of(&member, value, &["atomic", "set", "map"]));
    }
    if !schema.x_kubernetes_list_map_keys.is_empty() && list_type != Some("map") {
        let detail = "must be map if x-kubernetes-list-map-keys is non-empty";
        errors.push(match list_type {
            None => Error::required(&member, detail),
            Some(other) => Error::invalid(&member, other, detail),
        });
    }
    if list_type == Some("map") {
        errors.append(validate_map_list(schema, path));
    }
    errors
}

fn validate_map_list(schema: &JSONSchemaProps, path: &Path<'_>) -> ErrorList {
    let mut errors = ErrorList::new();
    let (keys, list) = (path.child("x-kubernetes-list-map-keys"), path.child("items"));
    let names = &schema.x_kubernetes_list_map_keys;
    if names.is_empty() {
        errors.push(Error::required(
            &keys,
            "must not be empty if x-kubernetes-list-type is map",
        ));
    }
    if schema.items.is_none() {
        errors.push(Error::required(
            &list,
            "must have a schema if x-kubernetes-list-type is map",
        ));
    }
    let Some(item) = item(schema) else {
        if schema.items.is_some() {
            let detail = "must only have a single schema if x-kubernetes-list-type is map";
            errors.push(Error::invalid(&list, BadValue::plain("null"), detail));
        }
        return errors;
    };
    if item.type_ != "object" {
        let detail = "must be object if parent array's x-kubernetes-list-type is map";
        errors.push(Error::invalid(&list.child("type"), &item.type_, detail));
        return errors;
    }
    let properties = list.child("properties");
    for (at, name) in names.iter().enumerate() {
        match item.properties.get(name) {
            Some(property) if matches!(property.type_.as_str(), "array" | "object") => {
                let path = properties.key(name);
                let detail = "must be a scalar type if parent array's x-kubernetes-list-type is map";
                errors.push(Error::invalid(&path.child("type"), &item.type_, detail));
            }
            Some(_) => {}
            None => {
                let detail = "entries must all be names of item properties";
                errors.push(Error::invalid(&keys, BadValue::json(names), detail));
            }
        }
        if names[..at].contains(name) {
            errors.push(Error::invalid(
                &keys,
                BadValue::json(names),
                "must not contain duplicate entries",
            ));
        }
    }
    errors
}

/// Keys of a list are always there, and nothing that identifies an item is null.
pub(super) fn validate_keys(schema: &JSONSchemaProps, path: &Path<'_>) -> ErrorList {
    let mut errors = ErrorList::new();
    let Some(list_type) = schema
        .x_kubernetes_list_type
        .as_deref()
        .filter(|kind| matches!(*kind, "set" | "map"))
    else {
        return errors;
    };
    let Some(item) = item(schema) else {
        return errors;
    };
    let list = path.child("items");
    if item.nullable {
        let detail = format!("cannot be nullable when x-kubernetes-list-type is {list_type}");
        errors.push(Error::forbidden(&list.child("nullable"), detail));
    }
    if list_type == "set" {
        return errors;
    }
    let properties = list.child("properties");
    for name in &schema.x_kubernetes_list_map_keys {
        let Some(property) = item.properties.get(name) else {
            continue;
        };
        let path = properties.key(name);
        let intro = "this property is in x-kubernetes-list-map-keys, so it";
        if !item.required.contains(name) && property.default.is_none() {
            let detail = format!("{intro} must have a default or be a required property");
            errors.push(Error::required(&path.child("default"), detail));
        }
        if property.nullable {
            errors.push(Error::forbidden(
                &path.child("nullable"),
                format!("{intro} cannot be nullable"),
            ));
        }
    }
    errors
}

fn validate_rule(rule: &ValidationRule, schema: &JSONSchemaProps, path: &Path<'_>) -> ErrorList {
    let mut errors = ErrorList::new();
    let newlines = |text: &str| text.contains(['\n', '\r']);
    let (message, trimmed) = (path.child("message"), rule.message.trim());
    if rule.rule.trim().is_empty() {
        errors.push(Error::required(&path.child("rule"), "rule is not specified"));
    } else if !rule.message.is_empty() && trimmed.is_empty() {
        errors.push(Error::invalid(
            &message,
            &rule.message,
            "must be non-empty if specified",
        ));
    } else if newlines(trimmed) {
        errors.push(Error::invalid(&message, &rule.message, "must not contain line breaks"));
    } else if newlines(rule.rule.trim()) && trimmed.is_empty() {
        errors.push(Error::required(
            &message,
            "message must be specified if rule contains line breaks",
        ));
    }
    if !rule.message_expression.is_empty() && rule.message_expression.trim().is_empty() {
        let detail = "messageExpression must be non-empty if specified";
        errors.push(Error::required(&path.child("messageExpression"), detail));
    }
    if let Some(reason) = &rule.reason {
        errors.extend(common::one_of(&path.child("reason"), reason, &REASONS));
    }
    let (field_path, text) = (path.child("fieldPath"), &rule.field_path);
    if text.is_empty() {
        return errors;
    }
    if text.trim().is_empty() {
        errors.push(Error::invalid(&field_path, text, "must be non-empty if specified"));
    }
    if newlines(text) {
        errors.push(Error::invalid(&field_path, text, "must not contain line breaks"));
    }
    if super::structural::unsupported(schema).is_none() && field_path::resolve(text, schema, true).is_err() {
        errors.push(Error::invalid(&field_path, text, "must be a valid path"));
    }
    errors
}
