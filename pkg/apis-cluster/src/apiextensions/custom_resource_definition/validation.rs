//! What a definition must be, and what an update bears because it is stored already.

use std::collections::HashSet;

use apimachinery::{
    field::{BadValue, Error, ErrorList, Path},
    names as formats,
};
use k8s_api::apiextensions::v1::{
    CustomResourceDefinition, CustomResourceDefinitionSpec, CustomResourceDefinitionVersion, JSONSchemaProps,
};

use super::{
    approval, conversion, field_path,
    hoist::{Hoisted, Parts},
    names, schema, show, structural, walk,
};
use crate::{common, go};

/// Members of the root that stay in force where the status is written by itself.
const ROOT_MEMBERS: &str = "[Description Type Format Title Maximum ExclusiveMaximum Minimum ExclusiveMinimum MaxLength MinLength Pattern MaxItems MinItems UniqueItems MultipleOf Required Items Properties ExternalDocs Example XPreserveUnknownFields XValidations]";

#[derive(Clone, Copy, Debug)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a rule of its own that is off or on"
)]
struct Options<'a> {
    old: Option<&'a CustomResourceDefinitionSpec>,
    recognized_version: bool,
    immutable_names: bool,
    every_schema: bool,
    structural: bool,
    invalid_bundle: bool,
    schema: schema::Options,
}

impl<'a> Options<'a> {
    const CREATE: Options<'static> = Options {
        old: None,
        recognized_version: true,
        immutable_names: false,
        every_schema: true,
        structural: true,
        invalid_bundle: true,
        schema: schema::Options {
            valid_types: true,
            atomic_sets: true,
            map_keys: true,
        },
    };

    fn for_update(old: &'a CustomResourceDefinition) -> Self {
        let spec = &old.spec;
        let established = is_established(old);
        let bad_type =
            |schema: &JSONSchemaProps| !schema.type_.is_empty() && !schema::TYPES.contains(&schema.type_.as_str());
        let bad_keys = |schema: &JSONSchemaProps| !schema::validate_keys(schema, &Path::NIL).is_empty();
        Self {
            old: Some(spec),
            recognized_version: conversion::has_recognized_version(spec.conversion.as_deref()),
            immutable_names: established,
            every_schema: walk::schemas(spec).count() == spec.versions.len(),
            structural: !walk::schemas(spec).any(structural::is_non_structural),
            invalid_bundle: !established || conversion::has_invalid_bundle(spec.conversion.as_deref()),
            schema: schema::Options {
                valid_types: !walk::spec_has(spec, &bad_type),
                atomic_sets: !walk::spec_has(spec, &schema::is_non_atomic_set),
                map_keys: !walk::spec_has(spec, &bad_keys),
            },
        }
    }
}

/// Whether the definition is served.
fn is_established(definition: &CustomResourceDefinition) -> bool {
    let mut conditions = definition.status.conditions.iter();
    conditions.any(|condition| condition.type_ == "Established" && condition.status == "True")
}

/// Every fault of a new definition.
#[must_use]
pub fn validate(definition: &CustomResourceDefinition) -> ErrorList {
    let spec = &definition.spec;
    let wanted = format!("{}.{}", spec.names.plural, spec.group);
    let mut errors = common::object_meta(&definition.metadata, false, |name: &str, prefix: bool| {
        let mut messages = if prefix {
            formats::dns1123_subdomain(&formats::mask_trailing_dash(name))
        } else {
            formats::dns1123_subdomain(name)
        };
        if name != wanted {
            messages.push("must be spec.names.plural+\".\"+spec.group".into());
        }
        messages
    });
    errors.append(validate_spec(spec, Options::CREATE));
    errors.append(validate_rest(definition, None));
    errors
}

/// Every fault of an update.
#[must_use]
pub fn validate_update(new: &CustomResourceDefinition, old: &CustomResourceDefinition) -> ErrorList {
    let mut errors = common::object_meta_update(&new.metadata, &old.metadata);
    let options = Options::for_update(old);
    errors.append(validate_spec(&new.spec, options));
    let path = Path::new("spec");
    let names = path.child("names");
    let (after, before) = (&new.spec, &old.spec);
    if options.immutable_names {
        errors.extend(common::immutable_text(
            &path.child("scope"),
            &after.scope,
            &before.scope,
        ));
        errors.extend(common::immutable_text(
            &names.child("kind"),
            &after.names.kind,
            &before.names.kind,
        ));
    }
    errors.extend(common::immutable_text(
        &path.child("group"),
        &after.group,
        &before.group,
    ));
    errors.extend(common::immutable_text(
        &names.child("plural"),
        &after.names.plural,
        &before.names.plural,
    ));
    errors.append(validate_rest(new, Some(old)));
    errors
}

/// Every fault of an update of the status.
#[must_use]
pub fn validate_status_update(new: &CustomResourceDefinition, old: &CustomResourceDefinition) -> ErrorList {
    let mut errors = common::object_meta_update(&new.metadata, &old.metadata);
    errors.append(names::validate_names(
        &new.status.accepted_names,
        &Path::new("status.acceptedNames"),
    ));
    errors
}

fn validate_rest(new: &CustomResourceDefinition, old: Option<&CustomResourceDefinition>) -> ErrorList {
    let mut errors = names::validate_names(&new.status.accepted_names, &Path::new("status.acceptedNames"));
    errors.append(validate_stored_versions(
        &new.status.stored_versions,
        &new.spec.versions,
    ));
    errors.extend(approval::validate(new, old));
    if new.spec.preserve_unknown_fields && !old.is_some_and(|old| old.spec.preserve_unknown_fields) {
        let detail =
            "cannot set to true, set x-kubernetes-preserve-unknown-fields to true in spec.versions[*].schema instead";
        errors.push(Error::invalid(&Path::new("spec.preserveUnknownFields"), true, detail));
    }
    errors
}

fn validate_stored_versions(stored: &[String], versions: &[CustomResourceDefinitionVersion]) -> ErrorList {
    let path = Path::new("status.storedVersions");
    let shown = || BadValue::plain(go::list(stored));
    if stored.is_empty() {
        return Error::invalid(&path, shown(), "must have at least one stored version").into();
    }
    let mut errors = ErrorList::new();
    for version in versions
        .iter()
        .filter(|version| version.storage && !stored.contains(&version.name))
    {
        let detail = format!("must have the storage version {}", version.name);
        errors.push(Error::invalid(&path, shown(), detail));
    }
    for (at, name) in stored.iter().enumerate() {
        // Of a name that stands here twice, the last one counts.
        let last = !stored[at + 1..].contains(name);
        if last && !versions.iter().any(|version| version.name == *name) {
            let detail = format!(
                "missing from spec.versions; {name} was previously a storage version, and must remain in spec.versions until a storage migration ensures no data remains persisted in {name} and removes {name} from status.storedVersions"
            );
            errors.push(Error::invalid(&path.index(at), name, detail));
        }
    }
    errors
}

fn validate_spec(spec: &CustomResourceDefinitionSpec, mut options: Options<'_>) -> ErrorList {
    let path = Path::new("spec");
    let hoisted = Hoisted::of(spec);
    let preserve = spec.preserve_unknown_fields;
    let has_defaults = walk::spec_has(spec, &|schema| schema.default.is_some());
    options.structural |= !preserve || has_defaults || walk::spec_has(spec, &has_extensions);
    let mut errors = validate_group_and_scope(spec);
    errors.append(validate_presence(spec, &hoisted, options.every_schema));
    if has_defaults && preserve {
        let detail = "must be false in order to use defaults in the schema";
        errors.push(Error::invalid(&path.child("preserveUnknownFields"), true, detail));
    }
    errors.append(validate_versions(spec, &hoisted, options));
    for (name, value) in [
        ("plural", &spec.names.plural),
        ("singular", &spec.names.singular),
        ("kind", &spec.names.kind),
        ("listKind", &spec.names.list_kind),
    ] {
        if value.is_empty() {
            let names = path.child("names");
            errors.push(Error::required(&names.child(name), ""));
        }
    }
    errors.append(names::validate_names(&spec.names, &path.child("names")));
    let any_status = hoisted.top.has_status() || hoisted.versions.iter().any(|(_, parts)| parts.has_status());
    let first = spec.versions.first().map_or("", |version| &version.name);
    errors.append(validate_parts(&hoisted.top, any_status, options, first, true, &path));
    if let Some(value) = &spec.conversion {
        if value.strategy != "None" && preserve {
            let detail = "must be None if spec.preserveUnknownFields is true";
            errors.push(Error::invalid(
                &Path::new("spec.conversion.strategy"),
                &value.strategy,
                detail,
            ));
        }
        errors.append(conversion::validate(
            value,
            options.recognized_version,
            options.invalid_bundle,
        ));
    }
    errors
}

fn has_extensions(schema: &JSONSchemaProps) -> bool {
    schema.x_kubernetes_embedded_resource
        || schema.x_kubernetes_preserve_unknown_fields.is_some()
        || schema.x_kubernetes_int_or_string
        || !schema.x_kubernetes_list_map_keys.is_empty()
        || schema.x_kubernetes_list_type.is_some()
        || !schema.x_kubernetes_validations.is_empty()
}

fn validate_group_and_scope(spec: &CustomResourceDefinitionSpec) -> ErrorList {
    let path = Path::new("spec");
    let mut errors = ErrorList::new();
    let group = path.child("group");
    let messages = formats::dns1123_subdomain(&spec.group);
    if spec.group.is_empty() {
        errors.push(Error::required(&group, ""));
    } else if !messages.is_empty() {
        errors.push(Error::invalid(&group, &spec.group, messages.join(",")));
    } else if !spec.group.contains('.') {
        errors.push(Error::invalid(
            &group,
            &spec.group,
            "should be a domain with at least one dot",
        ));
    }
    let scope = path.child("scope");
    if spec.scope.is_empty() {
        errors.push(Error::required(&scope, ""));
    } else {
        errors.extend(common::one_of(&scope, &spec.scope, &["Cluster", "Namespaced"]));
    }
    errors
}

/// Every version has a schema, or at least every one that is served.
fn validate_presence(spec: &CustomResourceDefinitionSpec, hoisted: &Hoisted<'_>, every: bool) -> ErrorList {
    let list = Path::new("spec.versions");
    let mut errors = ErrorList::new();
    if hoisted.top.open_api().is_some() || (!every && spec.preserve_unknown_fields) {
        return errors;
    }
    let detail = if every {
        ""
    } else {
        "because otherwise all fields are pruned"
    };
    for (at, (version, parts)) in hoisted.versions.iter().enumerate() {
        if (every || version.served) && parts.open_api().is_none() {
            let path = list.index(at);
            errors.push(Error::required(&path.child("schema.openAPIV3Schema"), detail));
        }
    }
    errors
}

fn validate_versions(spec: &CustomResourceDefinitionSpec, hoisted: &Hoisted<'_>, options: Options<'_>) -> ErrorList {
    let list = Path::new("spec.versions");
    let mut errors = ErrorList::new();
    let per_version = hoisted.versions.iter().any(|(_, parts)| parts.subresources.is_some());
    for (at, (version, parts)) in hoisted.versions.iter().enumerate() {
        let path = list.index(at);
        errors.extend(names::label_fault(
            &path.child("name"),
            &version.name,
            &version.name,
            "",
        ));
        let warning = path.child("deprecationWarning");
        for detail in warning_faults(version) {
            errors.push(Error::invalid(
                &warning,
                common::optional_text(&version.deprecation_warning),
                detail,
            ));
        }
        let status = if per_version {
            parts.has_status()
        } else {
            hoisted.top.has_status()
        };
        errors.append(validate_parts(parts, status, options, &version.name, false, &path));
    }
    let mut seen = HashSet::new();
    let unique = spec.versions.iter().all(|version| seen.insert(&version.name));
    if !unique {
        errors.push(Error::invalid(
            &list,
            show::versions(&hoisted.versions),
            "must contain unique version names",
        ));
    }
    if spec.versions.iter().filter(|version| version.storage).count() != 1 {
        let detail = "must have exactly one version marked as storage version";
        errors.push(Error::invalid(&list, show::versions(&hoisted.versions), detail));
    }
    if let Some(first) = spec.versions.first() {
        // The old top-level version is the first one; it has the same faults.
        errors.extend(names::label_fault(
            &Path::new("spec.version"),
            &first.name,
            &first.name,
            "",
        ));
    }
    errors
}

fn warning_faults(version: &CustomResourceDefinitionVersion) -> Vec<String> {
    let Some(warning) = &version.deprecation_warning else {
        return Vec::new();
    };
    if !version.deprecated {
        return vec!["can only be set for deprecated versions".into()];
    }
    let mut faults = Vec::new();
    if warning.len() > 256 {
        faults.push("must be <= 256 characters long".into());
    }
    if warning.is_empty() {
        faults.push("must not be an empty string".into());
    }
    let unprintable = |c: char| c.is_control() || (c.is_whitespace() && c != ' ');
    if let Some(at) = warning.find(unprintable) {
        faults.push(format!(
            "must only contain printable UTF-8 characters; non-printable character found at index {at}"
        ));
    }
    faults
}

/// The members that stand at the top or in one version; their names differ in one case.
fn validate_parts(
    parts: &Parts<'_>,
    status: bool,
    options: Options<'_>,
    version: &str,
    top: bool,
    path: &Path<'_>,
) -> ErrorList {
    let mut errors = ErrorList::new();
    let member = path.child(if top { "validation" } else { "schema" });
    if let Some(root) = parts.open_api() {
        errors.append(validate_schema(root, status, options, &member.child("openAPIV3Schema")));
    }
    if let Some(subresources) = parts.subresources {
        errors.append(names::validate_subresources(subresources, &path.child("subresources")));
    }
    errors.append(names::validate_columns(parts.columns, path));
    if parts.selectable.is_empty() {
        return errors;
    }
    let fields = path.child("selectableFields");
    let Some(root) = parts.open_api() else {
        let detail = if top {
            "may only be set when validations.schema is included"
        } else {
            "may only be set when `version.schema.openAPIV3Schema` is not included"
        };
        errors.push(Error::invalid(&fields, "", detail));
        return errors;
    };
    if let Some(fault) = structural::unsupported(root) {
        errors.push(Error::invalid(&path.child("schema.openAPIV3Schema"), "", fault));
        return errors;
    }
    let old = options.old.into_iter().flat_map(|old| &old.versions);
    let borne = old
        .filter(|old| old.name == version)
        .any(|old| field_path::too_many_are_borne(parts.selectable, &old.selectable_fields));
    errors.append(field_path::validate_selectable(parts.selectable, root, borne, &fields));
    errors
}

fn validate_schema(root: &JSONSchemaProps, status: bool, options: Options<'_>, path: &Path<'_>) -> ErrorList {
    let mut errors = ErrorList::new();
    if status {
        errors.extend(validate_root(root, path));
    }
    if root.nullable {
        errors.push(Error::forbidden(
            &path.child("nullable"),
            "nullable cannot be true at the root",
        ));
    }
    let unsupported = options.structural.then(|| structural::unsupported(root)).flatten();
    if options.structural && unsupported.is_none() {
        errors.append(structural::validate(root, path));
    }
    errors.append(schema::validate(root, options.schema, path));
    if let Some(fault) = unsupported
        && errors.is_empty()
    {
        errors.push(Error::invalid(path, "", fault));
    }
    errors
}

/// With a status of its own, the root has only members that mean the same without it.
fn validate_root(root: &JSONSchemaProps, path: &Path<'_>) -> Option<Error> {
    let other = [!root.id.is_empty(), !root.schema.is_empty(), root.ref_.is_some()];
    let refused = || {
        let detail = format!(
            "only {ROOT_MEMBERS} fields are allowed at the root of the schema if the status subresource is enabled"
        );
        Error::invalid(path, BadValue::plain(show::schema(root)), detail)
    };
    if other.contains(&true) {
        return Some(refused());
    }
    if !root.type_.is_empty() && root.type_ != "object" {
        let detail =
            "only \"object\" is allowed as the type at the root of the schema if the status subresource is enabled";
        return Some(Error::invalid(&path.child("type"), &root.type_, detail));
    }
    let other = [
        root.nullable,
        root.default.is_some(),
        !root.enum_.is_empty(),
        root.max_properties.is_some(),
        root.min_properties.is_some(),
        !root.all_of.is_empty(),
        !root.one_of.is_empty(),
        !root.any_of.is_empty(),
        root.not.is_some(),
        root.additional_properties.is_some(),
        !root.pattern_properties.is_empty(),
        !root.dependencies.is_empty(),
        root.additional_items.is_some(),
        !root.definitions.is_empty(),
        root.x_kubernetes_embedded_resource,
        root.x_kubernetes_int_or_string,
        !root.x_kubernetes_list_map_keys.is_empty(),
        root.x_kubernetes_list_type.is_some(),
        root.x_kubernetes_map_type.is_some(),
    ];
    other.contains(&true).then(refused)
}
