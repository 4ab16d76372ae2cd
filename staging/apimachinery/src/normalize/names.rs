//! What Go calls a type in its decoding errors.

use k8s_api::reflect::{Scalar, Type, TypeRef};

/// The Go name of a type: `v1.PodSpec`, `[]v1.Container`, `map[string]string`, `int32`.
///
/// Named string types (`v1.PullPolicy`) are plain strings to the reflection and named so here.
#[must_use]
pub fn go_type_name(ty: TypeRef<'_>) -> String {
    match ty.get() {
        Type::Scalar(scalar) => scalar_name(*scalar).to_owned(),
        Type::Struct(s) => {
            let mut parts = s.name.rsplit('.');
            match (parts.next(), parts.next()) {
                (Some(name), Some(package)) => format!("{package}.{name}"),
                _ => s.name.clone().into_owned(),
            }
        }
        Type::List(list) => format!("[]{}", go_type_name(ty.at(list.element))),
        Type::Map(map) => match ty.at(map.value).get() {
            Type::Scalar(Scalar::Quantity) => "v1.ResourceList".to_owned(),
            Type::List(list) if list.wrapped => "map[string]v1.ExtraValue".to_owned(),
            _ => format!("map[string]{}", go_type_name(ty.at(map.value))),
        },
    }
}

/// The name of a struct without its package, as Go puts it before a field's path.
pub(super) fn go_struct_name(definition: &str) -> &str {
    definition.rsplit('.').next().unwrap_or(definition)
}

fn scalar_name(scalar: Scalar) -> &'static str {
    match scalar {
        Scalar::Bool => "bool",
        Scalar::Int32 => "int32",
        Scalar::Int64 => "int64",
        Scalar::Double => "float64",
        Scalar::String => "string",
        Scalar::Bytes => "[]uint8",
        Scalar::Quantity => "resource.Quantity",
        Scalar::Time => "v1.Time",
        Scalar::MicroTime => "v1.MicroTime",
        Scalar::Duration => "v1.Duration",
        Scalar::IntOrString => "intstr.IntOrString",
        Scalar::RawExtension => "runtime.RawExtension",
        Scalar::FieldsV1 => "v1.FieldsV1",
        Scalar::Json => "v1.JSON",
        Scalar::SchemaOrBool => "v1.JSONSchemaPropsOrBool",
        Scalar::SchemaOrArray => "v1.JSONSchemaPropsOrArray",
        Scalar::SchemaOrStringArray => "v1.JSONSchemaPropsOrStringArray",
        Scalar::Any => "interface {}",
    }
}
