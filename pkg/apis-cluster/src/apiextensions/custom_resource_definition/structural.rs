//! Structural schemas: every value has a known type, and what only validates says nothing about
//! types, defaults or extensions.
//!
//! Upstream counterpart: `pkg/apiserver/schema/{convert,validation,complete}.go` of the
//! apiextensions server.

use apimachinery::field::{Error, ErrorList, Path};
use k8s_api::apiextensions::v1::JSONSchemaProps;

use super::{item, items, or_bool};

#[derive(Clone, Copy, PartialEq, Eq)]
enum Level {
    Root,
    Item,
    Field,
}

/// Why a schema cannot even be brought into structural form: the first member that has no place in it.
pub(super) fn unsupported(schema: &JSONSchemaProps) -> Option<String> {
    let member = [
        ("id", !schema.id.is_empty()),
        ("schema", !schema.schema.is_empty()),
        ("$ref", schema.ref_.as_ref().is_some_and(|text| !text.is_empty())),
        ("patternProperties", !schema.pattern_properties.is_empty()),
        ("dependencies", !schema.dependencies.is_empty()),
        ("additionalItems", schema.additional_items.is_some()),
        ("definitions", !schema.definitions.is_empty()),
    ];
    if let Some((name, _)) = member.into_iter().find(|(_, present)| *present) {
        return Some(format!("OpenAPIV3Schema '{name}' is not supported"));
    }
    let junctors = schema
        .not
        .as_deref()
        .into_iter()
        .chain(&schema.all_of)
        .chain(&schema.any_of)
        .chain(&schema.one_of);
    if let Some(fault) = junctors.into_iter().find_map(unsupported) {
        return Some(fault);
    }
    if schema.x_kubernetes_preserve_unknown_fields == Some(false) {
        return Some("internal error: 'x-kubernetes-preserve-unknown-fields' must be true or undefined".into());
    }
    if items(schema).count() > usize::from(item(schema).is_some()) {
        return Some("OpenAPIV3Schema 'items' must be a schema, but is an array".into());
    }
    let inner = item(schema).into_iter().chain(schema.properties.values());
    let mut inner = inner.chain(or_bool(schema.additional_properties.as_deref()));
    inner.find_map(unsupported)
}

/// Every fault of a schema's structure, sorted by its text.
pub(super) fn validate(schema: &JSONSchemaProps, path: &Path<'_>) -> ErrorList {
    let mut errors = invariants(schema, Level::Root, path);
    errors.append(junctor_completeness(schema, schema, path, path));
    let mut sorted: Vec<Error> = errors.into_iter().collect();
    sorted.sort_by_cached_key(Error::to_string);
    sorted.into_iter().collect()
}

/// Whether a schema is not structural.
pub(super) fn is_non_structural(schema: &JSONSchemaProps) -> bool {
    unsupported(schema).is_some() || !validate(schema, &Path::NIL).is_empty()
}

fn invariants(schema: &JSONSchemaProps, level: Level, path: &Path<'_>) -> ErrorList {
    let mut errors = ErrorList::new();
    let (items, additional) = (path.child("items"), path.child("additionalProperties"));
    match item(schema) {
        None if schema.type_ == "array" => errors.push(Error::required(&items, "must be specified")),
        None => {}
        Some(item) => errors.append(invariants(item, Level::Item, &items)),
    }
    let properties = path.child("properties");
    for (name, property) in &schema.properties {
        errors.append(invariants(property, Level::Field, &properties.key(name)));
    }
    if schema.additional_properties.is_some() {
        if level == Level::Root {
            errors.push(Error::forbidden(&additional, "must not be used at the root"));
        }
        if let Some(schema) = or_bool(schema.additional_properties.as_deref()) {
            errors.append(invariants(schema, Level::Field, &additional));
        }
    }
    errors.append(extensions(schema, path));
    let skip_any_of = is_int_or_string(&schema.any_of);
    let skip_first = schema
        .all_of
        .first()
        .is_some_and(|first| is_int_or_string(&first.any_of));
    errors.append(junctors(schema, skip_any_of, skip_first, path));
    errors.append(types(schema, level, path));
    errors
}

fn is_int_or_string(any_of: &[JSONSchemaProps]) -> bool {
    let only = |schema: &JSONSchemaProps, type_: &str| {
        *schema
            == JSONSchemaProps {
                type_: type_.into(),
                ..JSONSchemaProps::default()
            }
    };
    matches!(any_of, [first, second] if only(first, "integer") && only(second, "string"))
}

fn extensions(schema: &JSONSchemaProps, path: &Path<'_>) -> ErrorList {
    let detail = "must be false if x-kubernetes-int-or-string is true";
    let mut errors = ErrorList::new();
    if !schema.x_kubernetes_int_or_string {
        return errors;
    }
    for (name, set) in [
        (
            "x-kubernetes-preserve-unknown-fields",
            schema.x_kubernetes_preserve_unknown_fields == Some(true),
        ),
        ("x-kubernetes-embedded-resource", schema.x_kubernetes_embedded_resource),
    ] {
        if set {
            errors.push(Error::invalid(&path.child(name), true, detail));
        }
    }
    errors
}

fn types(schema: &JSONSchemaProps, level: Level, path: &Path<'_>) -> ErrorList {
    let mut errors = ErrorList::new();
    let (type_, properties) = (path.child("type"), path.child("properties"));
    let embedded = schema.x_kubernetes_embedded_resource;
    let open = schema.x_kubernetes_preserve_unknown_fields == Some(true);
    let check_metadata = level == Level::Root || embedded;
    if embedded && schema.type_ != "object" {
        let detail = "must be object if x-kubernetes-embedded-resource is true";
        errors.push(if schema.type_.is_empty() {
            Error::required(&type_, detail)
        } else {
            Error::invalid(&type_, &schema.type_, detail)
        });
    } else if schema.type_.is_empty() && !schema.x_kubernetes_int_or_string && !open {
        let place = match level {
            Level::Root => "at the root",
            Level::Item => "for specified array items",
            Level::Field => "for specified object fields",
        };
        errors.push(Error::required(&type_, format!("must not be empty {place}")));
    }
    if embedded && schema.additional_properties.is_some() {
        let detail = "must not be used if x-kubernetes-embedded-resource is set";
        errors.push(Error::forbidden(&path.child("additionalProperties"), detail));
    }
    if level == Level::Root && !schema.type_.is_empty() && schema.type_ != "object" {
        errors.push(Error::invalid(&type_, &schema.type_, "must be object at the root"));
    }
    for name in ["kind", "apiVersion"] {
        if let Some(property) = schema.properties.get(name)
            && check_metadata
            && property.type_ != "string"
        {
            let path = properties.key(name);
            errors.push(Error::invalid(&path.child("type"), &property.type_, "must be string"));
        }
    }
    if let Some(metadata) = schema.properties.get("metadata") {
        errors.append(metadata_rules(
            metadata,
            check_metadata,
            level,
            &properties.key("metadata"),
        ));
    }
    if embedded && !open && schema.properties.is_empty() {
        let detail =
            "must not be empty if x-kubernetes-embedded-resource is true without x-kubernetes-preserve-unknown-fields";
        errors.push(Error::required(&properties, detail));
    }
    errors
}

/// At the root, a schema may restrict the object's name and nothing else of its metadata.
fn metadata_rules(metadata: &JSONSchemaProps, check: bool, level: Level, path: &Path<'_>) -> ErrorList {
    let mut errors = ErrorList::new();
    if check && metadata.type_ != "object" {
        errors.push(Error::invalid(&path.child("type"), &metadata.type_, "must be object"));
    }
    if level == Level::Root {
        let mut rest = metadata.clone();
        if rest
            .properties
            .keys()
            .all(|name| name == "name" || name == "generateName")
        {
            rest.properties.clear();
        }
        rest.type_.clear();
        rest.default = None;
        if rest != JSONSchemaProps::default() {
            let detail =
                "must not specify anything other than name and generateName, but metadata is implicitly specified";
            errors.push(Error::forbidden(path, detail));
        }
    }
    errors
}

fn junctors(schema: &JSONSchemaProps, skip_any_of: bool, skip_first: bool, path: &Path<'_>) -> ErrorList {
    let mut errors = ErrorList::new();
    let list = path.child("anyOf");
    if !skip_any_of {
        for (at, schema) in schema.any_of.iter().enumerate() {
            errors.append(nested(schema, false, &list.index(at)));
        }
    }
    let list = path.child("allOf");
    for (at, schema) in schema.all_of.iter().enumerate() {
        errors.append(nested(schema, skip_first && at == 0, &list.index(at)));
    }
    let list = path.child("oneOf");
    for (at, schema) in schema.one_of.iter().enumerate() {
        errors.append(nested(schema, false, &list.index(at)));
    }
    if let Some(schema) = &schema.not {
        errors.append(nested(schema, false, &path.child("not")));
    }
    if !schema.pattern.is_empty()
        && let Err(fault) = regex::Regex::new(&schema.pattern)
    {
        let detail = format!("must be a valid regular expression, but isn't: {}", regex_fault(&fault));
        errors.push(Error::invalid(&path.child("pattern"), &schema.pattern, detail));
    }
    errors
}

/// The last line of the parser's message, which says what is wrong.
fn regex_fault(fault: &regex::Error) -> String {
    let text = fault.to_string();
    let last = text.lines().last().unwrap_or_default();
    format!("error parsing regexp: {}", last.trim_start_matches("error: "))
}

fn nested(schema: &JSONSchemaProps, skip_any_of: bool, path: &Path<'_>) -> ErrorList {
    let mut errors = junctors(schema, skip_any_of, false, path);
    if let Some(item) = item(schema) {
        errors.append(nested(item, false, &path.child("items")));
    }
    let properties = path.child("properties");
    for (name, property) in &schema.properties {
        errors.append(nested(property, false, &properties.key(name)));
    }
    let additional = or_bool(schema.additional_properties.as_deref()).is_some()
        || schema.additional_properties.as_deref() == Some(&super::JSONSchemaPropsOrBool::Bool(true));
    for (name, set, rule) in [
        ("type", !schema.type_.is_empty(), "empty"),
        ("additionalProperties", additional, "undefined"),
        ("default", schema.default.is_some(), "undefined"),
        ("title", !schema.title.is_empty(), "empty"),
        ("description", !schema.description.is_empty(), "empty"),
        ("nullable", schema.nullable, "false"),
        (
            "x-kubernetes-preserve-unknown-fields",
            schema.x_kubernetes_preserve_unknown_fields == Some(true),
            "false",
        ),
        (
            "x-kubernetes-embedded-resource",
            schema.x_kubernetes_embedded_resource,
            "false",
        ),
        ("x-kubernetes-int-or-string", schema.x_kubernetes_int_or_string, "false"),
        (
            "x-kubernetes-list-map-keys",
            !schema.x_kubernetes_list_map_keys.is_empty(),
            "empty",
        ),
        (
            "x-kubernetes-list-type",
            schema.x_kubernetes_list_type.is_some(),
            "undefined",
        ),
        (
            "x-kubernetes-map-type",
            schema.x_kubernetes_map_type.is_some(),
            "undefined",
        ),
        (
            "x-kubernetes-validations",
            !schema.x_kubernetes_validations.is_empty(),
            "empty",
        ),
    ] {
        if set {
            errors.push(Error::forbidden(
                &path.child(name),
                format!("must be {rule} to be structural"),
            ));
        }
    }
    if schema.properties.contains_key("metadata") {
        let detail = "must not be specified in a nested context";
        errors.push(Error::forbidden(&properties.key("metadata"), detail));
    }
    errors
}

/// Whatever a junctor of `rules` speaks of must have a type in `schema`.
fn junctor_completeness(
    rules: &JSONSchemaProps,
    schema: &JSONSchemaProps,
    place: &Path<'_>,
    path: &Path<'_>,
) -> ErrorList {
    let mut errors = ErrorList::new();
    if let Some(rules) = &rules.not {
        errors.append(completeness(rules, schema, place, &path.child("not")));
    }
    for (name, list) in [
        ("allOf", &rules.all_of),
        ("anyOf", &rules.any_of),
        ("oneOf", &rules.one_of),
    ] {
        let path = path.child(name);
        for (at, rules) in list.iter().enumerate() {
            errors.append(completeness(rules, schema, place, &path.index(at)));
        }
    }
    errors
}

fn completeness(rules: &JSONSchemaProps, schema: &JSONSchemaProps, place: &Path<'_>, path: &Path<'_>) -> ErrorList {
    let mut errors = junctor_completeness(rules, schema, place, path);
    let mut inner =
        |rules: &JSONSchemaProps, schema: Option<&JSONSchemaProps>, place: &Path<'_>, path: &Path<'_>| match schema {
            Some(schema) => errors.append(completeness(rules, schema, place, path)),
            None => errors.push(Error::required(place, format!("because it is defined in {path}"))),
        };
    if let Some(rules) = item(rules) {
        inner(rules, item(schema), &place.child("items"), &path.child("items"));
    }
    let (places, paths) = (place.child("properties"), path.child("properties"));
    for (name, rules) in &rules.properties {
        inner(rules, schema.properties.get(name), &places.key(name), &paths.key(name));
    }
    errors
}
