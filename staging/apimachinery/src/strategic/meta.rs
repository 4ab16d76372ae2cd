//! What the schema says about patching a field.

use k8s_api::reflect::{Field, PatchStrategy, Scalar, Type, TypeRef};

use super::PatchError;
use crate::apply::go;

/// A field's type and strategy; for lists the type of the elements.
#[derive(Clone, Copy)]
pub(super) struct FieldMeta<'s> {
    pub(super) ty: TypeRef<'s>,
    pub(super) strategy: PatchStrategy,
    pub(super) merge_key: &'s str,
}

/// The kind of the Go type that holds a value.
pub(super) fn go_kind(ty: TypeRef<'_>) -> &'static str {
    match ty.get() {
        Type::Struct(_) => "struct",
        Type::Map(_) => "map",
        Type::List(_) => "slice",
        Type::Scalar(scalar) => match scalar {
            Scalar::Bool => "bool",
            Scalar::Int32 => "int32",
            Scalar::Int64 => "int64",
            Scalar::Double => "float64",
            Scalar::String => "string",
            Scalar::Bytes => "slice",
            _ => "struct",
        },
    }
}

fn go_name<'s>(ty: TypeRef<'s>) -> &'s str {
    match ty.get() {
        Type::Struct(s) => s.name.rsplit('.').next().unwrap_or(""),
        Type::Scalar(scalar) => match scalar {
            Scalar::Quantity => "Quantity",
            Scalar::Time => "Time",
            Scalar::MicroTime => "MicroTime",
            Scalar::Duration => "Duration",
            Scalar::IntOrString => "IntOrString",
            Scalar::RawExtension => "RawExtension",
            Scalar::FieldsV1 => "FieldsV1",
            Scalar::SchemaOrBool => "JSONSchemaPropsOrBool",
            Scalar::SchemaOrArray => "JSONSchemaPropsOrArray",
            Scalar::SchemaOrStringArray => "JSONSchemaPropsOrStringArray",
            _ => "JSON",
        },
        _ => "",
    }
}

/// The field `name` of an object: by name, else regardless of case.
fn find<'s>(ty: TypeRef<'s>, name: &str) -> Option<&'s Field> {
    let fields = ty.as_struct()?;
    fields
        .field(name)
        .or_else(|| fields.fields.iter().find(|f| f.name.eq_ignore_ascii_case(name)))
}

/// The object field `name`.
pub(super) fn object_field<'s>(ty: TypeRef<'s>, name: &str) -> Result<FieldMeta<'s>, PatchError> {
    let kind = go_kind(ty);
    if kind != "struct" {
        return Err(PatchError::Other(format!(
            "merging an object in json but data type is not struct, instead is: {kind}"
        )));
    }
    let field = find(ty, name).ok_or_else(|| {
        let quoted = go::quote(name);
        PatchError::Other(format!(
            "unable to find api field in struct {} for the json field {quoted}",
            go_name(ty)
        ))
    })?;
    Ok(FieldMeta {
        ty: ty.at(field.ty),
        strategy: field.patch_strategy,
        merge_key: &field.patch_merge_key,
    })
}

/// The list field `name`, with the type of its elements.
pub(super) fn list_field<'s>(ty: TypeRef<'s>, name: &str) -> Result<FieldMeta<'s>, PatchError> {
    let meta = object_field(ty, name)?;
    match meta.ty.element() {
        Some(element) if element.element().is_some() => Err(PatchError::Other("unexpected slice of slice".to_owned())),
        Some(element) => Ok(FieldMeta { ty: element, ..meta }),
        None => Err(PatchError::Other(format!(
            "expected slice or array type, but got: {}",
            go_kind(ty)
        ))),
    }
}
