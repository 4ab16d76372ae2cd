//! `CustomResourceDefinition`: a kind with its names, versions and schemas.
//!
//! Paths in errors are those of upstream's internal form, in which what all versions share stands
//! once at the top (`spec.validation` for their schema).

mod approval;
mod conversion;
mod field_path;
mod hoist;
mod names;
mod schema;
mod show;
mod structural;
#[cfg(test)]
mod tests;
mod validation;
mod walk;

use k8s_api::{
    JSONSchemaPropsOrArray, JSONSchemaPropsOrBool, JSONSchemaPropsOrStringArray,
    apiextensions::v1::{CustomResourceConversion, CustomResourceDefinition, JSONSchemaProps},
};

pub use validation::{validate, validate_status_update, validate_update};

/// Fills in the names that follow from the kind, the conversion, and the first stored version.
pub fn set_defaults(definition: &mut CustomResourceDefinition) {
    let spec = &mut definition.spec;
    let names = &mut spec.names;
    if names.singular.is_empty() {
        names.singular = names.kind.to_lowercase();
    }
    if names.list_kind.is_empty() && !names.kind.is_empty() {
        names.list_kind = format!("{}List", names.kind);
    }
    let conversion = spec.conversion.get_or_insert_with(|| {
        Box::new(CustomResourceConversion {
            strategy: "None".into(),
            webhook: None,
        })
    });
    let client = conversion
        .webhook
        .as_mut()
        .and_then(|webhook| webhook.client_config.as_mut());
    if let Some(service) = client.and_then(|client| client.service.as_mut()) {
        service.port.get_or_insert(443);
    }
    let stored = &mut definition.status.stored_versions;
    if stored.is_empty() {
        stored.extend(
            spec.versions
                .iter()
                .find(|version| version.storage)
                .map(|version| version.name.clone()),
        );
    }
}

/// The schema of an option that is a schema or a boolean.
fn or_bool(value: Option<&JSONSchemaPropsOrBool>) -> Option<&JSONSchemaProps> {
    match value {
        Some(JSONSchemaPropsOrBool::Schema(schema)) => Some(schema),
        _ => None,
    }
}

/// The schema of an option that is a schema or a list of names.
fn or_strings(value: &JSONSchemaPropsOrStringArray) -> Option<&JSONSchemaProps> {
    match value {
        JSONSchemaPropsOrStringArray::Schema(schema) => Some(schema),
        JSONSchemaPropsOrStringArray::Strings(_) => None,
    }
}

/// The one schema of all items, if there is one.
fn item(schema: &JSONSchemaProps) -> Option<&JSONSchemaProps> {
    match schema.items.as_deref() {
        Some(JSONSchemaPropsOrArray::Schema(item)) => Some(item),
        _ => None,
    }
}

/// The schemas of items, be it one or one a position.
fn items(schema: &JSONSchemaProps) -> impl Iterator<Item = &JSONSchemaProps> {
    let positions = match schema.items.as_deref() {
        Some(JSONSchemaPropsOrArray::Array(schemas)) => schemas.as_slice(),
        _ => &[],
    };
    item(schema).into_iter().chain(positions)
}
