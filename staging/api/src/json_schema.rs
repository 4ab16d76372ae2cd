//! The members of `JSONSchemaProps` that hold one of two shapes.

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};
use serde_json::Value;

use crate::apiextensions::v1::JSONSchemaProps;

/// A schema or a boolean (`additionalProperties`, `additionalItems`).
#[derive(Clone, Debug, PartialEq)]
pub enum JSONSchemaPropsOrBool {
    /// Whether anything is allowed.
    Bool(bool),
    /// What is allowed.
    Schema(Box<JSONSchemaProps>),
}

/// A schema or a list of schemas (`items`).
#[derive(Clone, Debug, PartialEq)]
pub enum JSONSchemaPropsOrArray {
    /// One schema for all items.
    Schema(Box<JSONSchemaProps>),
    /// One schema a position.
    Array(Vec<JSONSchemaProps>),
}

/// A schema or a list of property names (`dependencies`).
#[derive(Clone, Debug, PartialEq)]
pub enum JSONSchemaPropsOrStringArray {
    /// A schema.
    Schema(Box<JSONSchemaProps>),
    /// Property names.
    Strings(Vec<String>),
}

impl Default for JSONSchemaPropsOrStringArray {
    fn default() -> Self {
        Self::Strings(Vec::new())
    }
}

impl Serialize for JSONSchemaPropsOrBool {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Bool(allowed) => serializer.serialize_bool(*allowed),
            Self::Schema(schema) => schema.serialize(serializer),
        }
    }
}

impl Serialize for JSONSchemaPropsOrArray {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Schema(schema) => schema.serialize(serializer),
            Self::Array(schemas) => schemas.serialize(serializer),
        }
    }
}

impl Serialize for JSONSchemaPropsOrStringArray {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Schema(schema) => schema.serialize(serializer),
            Self::Strings(names) => names.serialize(serializer),
        }
    }
}

fn schema<E: serde::de::Error>(value: Value) -> Result<Box<JSONSchemaProps>, E> {
    serde_json::from_value(value).map(Box::new).map_err(E::custom)
}

impl<'de> Deserialize<'de> for JSONSchemaPropsOrBool {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match Value::deserialize(deserializer)? {
            Value::Bool(allowed) => Ok(Self::Bool(allowed)),
            value @ Value::Object(_) => Ok(Self::Schema(schema(value)?)),
            _ => Err(D::Error::custom("boolean or JSON schema expected")),
        }
    }
}

impl<'de> Deserialize<'de> for JSONSchemaPropsOrArray {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match Value::deserialize(deserializer)? {
            value @ Value::Object(_) => Ok(Self::Schema(schema(value)?)),
            value @ Value::Array(_) => serde_json::from_value(value).map(Self::Array).map_err(D::Error::custom),
            _ => Err(D::Error::custom("JSON schema or array of JSON schemas expected")),
        }
    }
}

impl<'de> Deserialize<'de> for JSONSchemaPropsOrStringArray {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match Value::deserialize(deserializer)? {
            value @ Value::Object(_) => Ok(Self::Schema(schema(value)?)),
            value @ Value::Array(_) => serde_json::from_value(value)
                .map(Self::Strings)
                .map_err(D::Error::custom),
            _ => Err(D::Error::custom("JSON schema or array of strings expected")),
        }
    }
}
