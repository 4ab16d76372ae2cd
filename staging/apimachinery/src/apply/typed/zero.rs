//! The JSON of an empty object of a type.

use k8s_api::reflect::{Field, Scalar, Type, TypeRef};
use serde_json::{Map, Value};

/// What an object of this type looks like before anything is set: fields that are always written,
/// with their zero values, and structs held by value.
///
/// It is what a created object is compared with, so that such fields count as modified and not as
/// added: the path to them is not owned, only the paths below.
#[must_use]
pub fn zero_value(ty: TypeRef<'_>) -> Value {
    match ty.get() {
        Type::Struct(s) => {
            let fields = s
                .fields
                .iter()
                .filter_map(|f| Some((f.name.clone().into_owned(), zero_field(f, ty.at(f.ty))?)));
            Value::Object(fields.collect())
        }
        Type::Map(_) | Type::List(_) => Value::Null,
        Type::Scalar(scalar) => match scalar {
            Scalar::Bool => Value::Bool(false),
            Scalar::Int32 | Scalar::Int64 | Scalar::Double | Scalar::IntOrString => Value::from(0),
            Scalar::String => Value::from(""),
            Scalar::Quantity => Value::from("0"),
            Scalar::Duration => Value::from("0s"),
            Scalar::FieldsV1 => Value::Object(Map::new()),
            _ => Value::Null,
        },
    }
}

fn zero_field(field: &Field, ty: TypeRef<'_>) -> Option<Value> {
    if !field.required && !field.keep_empty_struct {
        return None;
    }
    Some(if field.pointer { Value::Null } else { zero_value(ty) })
}
