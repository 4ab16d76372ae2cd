//! Looking for something anywhere in a schema.

use k8s_api::apiextensions::v1::{CustomResourceDefinitionSpec, JSONSchemaProps};

use super::items;

/// Whether a schema, or one within it, is such a one.
pub(super) fn schema_has(schema: &JSONSchemaProps, wanted: &dyn Fn(&JSONSchemaProps) -> bool) -> bool {
    let inner = |schema: &JSONSchemaProps| schema_has(schema, wanted);
    wanted(schema)
        || items(schema).any(inner)
        || [&schema.all_of, &schema.any_of, &schema.one_of]
            .into_iter()
            .flatten()
            .any(inner)
        || schema.not.as_deref().is_some_and(inner)
        || schema.properties.values().any(inner)
        || super::or_bool(schema.additional_properties.as_deref()).is_some_and(inner)
        || schema.pattern_properties.values().any(inner)
        || super::or_bool(schema.additional_items.as_deref()).is_some_and(inner)
        || schema.definitions.values().any(inner)
        || schema.dependencies.values().filter_map(super::or_strings).any(inner)
}

/// The schemas of all versions.
pub(super) fn schemas(spec: &CustomResourceDefinitionSpec) -> impl Iterator<Item = &JSONSchemaProps> {
    let schemas = spec.versions.iter().filter_map(|version| version.schema.as_ref());
    schemas.filter_map(|schema| schema.open_apiv3_schema.as_deref())
}

/// [`schema_has`] for any version.
pub(super) fn spec_has(spec: &CustomResourceDefinitionSpec, wanted: &dyn Fn(&JSONSchemaProps) -> bool) -> bool {
    schemas(spec).any(|schema| schema_has(schema, wanted))
}
