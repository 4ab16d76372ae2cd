//! Scalars on their way into an object: what is valid, and how Go would print it again.

use k8s_api::reflect::{Scalar, Type, TypeRef};
use serde_json::{Map, Number, Value};

use super::error::DecodeError;
use crate::codec::scalar::{Canonical, canonical};

/// The number of a literal, if the type can hold it: integers have no point and no exponent.
pub(super) fn number(scalar: Scalar, literal: &str) -> Option<Value> {
    match scalar {
        Scalar::Int32 => literal.parse::<i32>().ok().map(Value::from),
        Scalar::Int64 => literal.parse::<i64>().ok().map(Value::from),
        _ => double(literal.parse::<f64>().ok()?),
    }
}

/// Whole numbers are written without a fraction, as Go does.
pub(super) fn double(n: f64) -> Option<Value> {
    if n.fract() == 0.0 && n.abs() < 9.0e15 {
        return Some(Value::from(n as i64));
    }
    Number::from_f64(n).map(Value::Number)
}

/// The canonical value of a text, where it differs; the zero time is null.
pub(super) fn text(scalar: Scalar, text: &str) -> Result<Option<Value>, DecodeError> {
    match canonical(scalar, text).map_err(DecodeError::Invalid)? {
        Canonical::Same => Ok(None),
        Canonical::Text(text) => Ok(Some(Value::String(text))),
        Canonical::Null => Ok(Some(Value::Null)),
    }
}

/// A list element or map value cannot be absent: null there is the zero value.
pub(super) fn or_zero(value: Value, ty: TypeRef<'_>) -> Value {
    if !value.is_null() {
        return value;
    }
    match ty.get() {
        Type::Struct(_) | Type::Map(_) => Value::Object(Map::new()),
        Type::List(_) => Value::Array(Vec::new()),
        Type::Scalar(scalar) => match scalar {
            Scalar::Bool | Scalar::SchemaOrBool => Value::Bool(false),
            Scalar::Int32 | Scalar::Int64 | Scalar::Double | Scalar::IntOrString => Value::from(0),
            Scalar::String | Scalar::Bytes => Value::String(String::new()),
            Scalar::Quantity => Value::String("0".to_owned()),
            Scalar::Duration => Value::String("0s".to_owned()),
            _ => Value::Null,
        },
    }
}
