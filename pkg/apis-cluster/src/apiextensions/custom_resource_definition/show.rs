//! Versions and schemas as errors show them.

use apimachinery::field::BadValue;
use k8s_api::{
    Map,
    apiextensions::v1::{CustomResourceDefinitionVersion, JSONSchemaProps},
    primitives::Json,
};

use super::{JSONSchemaPropsOrArray, JSONSchemaPropsOrBool, JSONSchemaPropsOrStringArray, hoist::Parts};
use crate::go;

/// The versions of a spec, without what stands at its top.
pub(super) fn versions(versions: &[(&CustomResourceDefinitionVersion, Parts<'_>)]) -> BadValue {
    let shown: Vec<_> = versions
        .iter()
        .map(|(version, parts)| show_version(version, parts))
        .collect();
    BadValue::plain(format!("[{}]", shown.join(",")))
}

fn show_version(version: &CustomResourceDefinitionVersion, parts: &Parts<'_>) -> String {
    let columns = go::structs(parts.columns, |column| {
        go::Struct::new()
            .field("Name", &column.name)
            .field("Type", &column.type_)
            .field("Format", &column.format)
            .field("Description", &column.description)
            .field("Priority", &column.priority)
            .field("JSONPath", &column.json_path)
            .end()
    });
    let selectable = go::structs(parts.selectable, |field| {
        go::Struct::new().field("JSONPath", &field.json_path).end()
    });
    let schema_value = go::pointer(parts.schema, |value| {
        let shown = go::pointer(value.open_apiv3_schema.as_deref(), schema);
        go::Struct::new().raw("OpenAPIV3Schema", &shown).end()
    });
    let subresources = go::pointer(parts.subresources, |subresources| {
        let scale = go::pointer(subresources.scale.as_deref(), |scale| {
            go::Struct::new()
                .field("SpecReplicasPath", &scale.spec_replicas_path)
                .field("StatusReplicasPath", &scale.status_replicas_path)
                .field("LabelSelectorPath", &scale.label_selector_path)
                .end()
        });
        let status = go::pointer(subresources.status.as_deref(), |_| "{}".into());
        go::Struct::new().raw("Status", &status).raw("Scale", &scale).end()
    });
    go::Struct::new()
        .field("Name", &version.name)
        .field("Served", &version.served)
        .field("Storage", &version.storage)
        .field("Deprecated", &version.deprecated)
        .field("DeprecationWarning", &version.deprecation_warning)
        .raw("Schema", &schema_value)
        .raw("Subresources", &subresources)
        .raw("AdditionalPrinterColumns", &columns)
        .raw("SelectableFields", &selectable)
        .end()
}

fn value(json: Option<&Json>) -> String {
    json.map_or_else(|| "null".into(), |json| json.as_str().to_owned())
}

fn map<V>(map: &Map<V>, show: impl Fn(&V) -> String) -> String {
    if map.is_empty() {
        return "null".into();
    }
    let members: Vec<_> = map
        .iter()
        .map(|(name, value)| format!("{}:{}", go::json(name), show(value)))
        .collect();
    format!("{{{}}}", members.join(","))
}

fn or_bool(value: &JSONSchemaPropsOrBool) -> String {
    let (allows, shown) = match value {
        JSONSchemaPropsOrBool::Bool(allows) => (*allows, "null".into()),
        JSONSchemaPropsOrBool::Schema(inner) => (true, schema(inner)),
    };
    go::Struct::new().field("Allows", &allows).raw("Schema", &shown).end()
}

fn or_array(value: &JSONSchemaPropsOrArray) -> String {
    let (one, list) = match value {
        JSONSchemaPropsOrArray::Schema(inner) => (schema(inner), "null".into()),
        JSONSchemaPropsOrArray::Array(list) => ("null".into(), go::structs(list, schema)),
    };
    go::Struct::new().raw("Schema", &one).raw("JSONSchemas", &list).end()
}

fn or_strings(value: &JSONSchemaPropsOrStringArray) -> String {
    let (one, list) = match value {
        JSONSchemaPropsOrStringArray::Schema(inner) => (schema(inner), "null".into()),
        JSONSchemaPropsOrStringArray::Strings(names) => ("null".into(), go::list(names)),
    };
    go::Struct::new().raw("Schema", &one).raw("Property", &list).end()
}

/// A schema, all members of it.
pub(super) fn schema(props: &JSONSchemaProps) -> String {
    let enum_ = go::structs(&props.enum_, |item| value(Some(item)));
    let docs = go::pointer(props.external_docs.as_deref(), |docs| {
        go::Struct::new()
            .field("Description", &docs.description)
            .field("URL", &docs.url)
            .end()
    });
    let rules = go::structs(&props.x_kubernetes_validations, |rule| {
        go::Struct::new()
            .field("Rule", &rule.rule)
            .field("Message", &rule.message)
            .field("MessageExpression", &rule.message_expression)
            .field("Reason", &rule.reason)
            .field("FieldPath", &rule.field_path)
            .field("OptionalOldSelf", &rule.optional_old_self)
            .end()
    });
    go::Struct::new()
        .field("ID", &props.id)
        .field("Schema", &props.schema)
        .field("Ref", &props.ref_)
        .field("Description", &props.description)
        .field("Type", &props.type_)
        .field("Nullable", &props.nullable)
        .field("Format", &props.format)
        .field("Title", &props.title)
        .raw("Default", &value(props.default.as_ref()))
        .field("Maximum", &props.maximum)
        .field("ExclusiveMaximum", &props.exclusive_maximum)
        .field("Minimum", &props.minimum)
        .field("ExclusiveMinimum", &props.exclusive_minimum)
        .field("MaxLength", &props.max_length)
        .field("MinLength", &props.min_length)
        .field("Pattern", &props.pattern)
        .field("MaxItems", &props.max_items)
        .field("MinItems", &props.min_items)
        .field("UniqueItems", &props.unique_items)
        .field("MultipleOf", &props.multiple_of)
        .raw("Enum", &enum_)
        .field("MaxProperties", &props.max_properties)
        .field("MinProperties", &props.min_properties)
        .raw("Required", &go::list(&props.required))
        .raw("Items", &go::pointer(props.items.as_deref(), or_array))
        .raw("AllOf", &go::structs(&props.all_of, schema))
        .raw("OneOf", &go::structs(&props.one_of, schema))
        .raw("AnyOf", &go::structs(&props.any_of, schema))
        .raw("Not", &go::pointer(props.not.as_deref(), schema))
        .raw("Properties", &map(&props.properties, schema))
        .raw(
            "AdditionalProperties",
            &go::pointer(props.additional_properties.as_deref(), or_bool),
        )
        .raw("PatternProperties", &map(&props.pattern_properties, schema))
        .raw("Dependencies", &map(&props.dependencies, or_strings))
        .raw(
            "AdditionalItems",
            &go::pointer(props.additional_items.as_deref(), or_bool),
        )
        .raw("Definitions", &map(&props.definitions, schema))
        .raw("ExternalDocs", &docs)
        .raw("Example", &value(props.example.as_ref()))
        .field("XPreserveUnknownFields", &props.x_kubernetes_preserve_unknown_fields)
        .field("XEmbeddedResource", &props.x_kubernetes_embedded_resource)
        .field("XIntOrString", &props.x_kubernetes_int_or_string)
        .raw("XListMapKeys", &go::list(&props.x_kubernetes_list_map_keys))
        .field("XListType", &props.x_kubernetes_list_type)
        .field("XMapType", &props.x_kubernetes_map_type)
        .raw("XValidations", &rules)
        .end()
}
