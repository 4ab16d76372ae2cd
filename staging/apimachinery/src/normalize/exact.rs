//! Typed decoding as Go does it, step by step and in the order of the text.
//!
//! Go notes the first type mismatch and goes on, since a custom decoder (time, quantity, …) that
//! fails later wins over it; it reports duplicate and unknown members in the order it meets them,
//! and merges duplicate objects. This walk does the same; it runs only for documents in which the
//! quick walk found something.

use std::collections::HashSet;

use k8s_api::reflect::{Field, Scalar, StructType, Type, TypeRef};
use serde_json::{Map, Value};

use super::{
    document::{Node, number},
    error::{DecodeError, MAX_STRICT_ERRORS, StrictError, TypeMismatch},
    names::{go_struct_name, go_type_name},
    scalar,
};

/// Decodes `node` into `ty`.
pub(super) fn decode(
    node: &Node,
    ty: TypeRef<'_>,
    schema_props: Option<TypeRef<'_>>,
) -> Result<(Value, Vec<StrictError>), DecodeError> {
    let mut walk = Walk {
        schema_props,
        ..Walk::default()
    };
    let value = walk.value(node, ty, None)?;
    match walk.saved {
        Some(error) => Err(error),
        None => Ok((value, walk.strict)),
    }
}

#[derive(Default)]
struct Walk<'s> {
    schema_props: Option<TypeRef<'s>>,
    saved: Option<DecodeError>,
    strict: Vec<StrictError>,
    seen: HashSet<StrictError>,
    /// Where strict errors are: `spec.containers[0]`.
    place: String,
    /// Where type errors are: JSON names only.
    fields: Vec<String>,
    structure: Option<String>,
    /// Inside a custom decoder, which is not strict.
    lenient: bool,
}

impl<'s> Walk<'s> {
    fn mismatch(&self, value: String, type_name: String) -> DecodeError {
        DecodeError::Type(TypeMismatch {
            value,
            type_name,
            structure: self.structure.clone(),
            path: self.fields.join("."),
        })
    }

    fn save(&mut self, error: DecodeError) {
        if self.saved.is_none() {
            self.saved = Some(error);
        }
    }

    fn save_mismatch(&mut self, node: &Node, ty: TypeRef<'_>) {
        let error = self.mismatch(node.noun().to_owned(), go_type_name(ty));
        self.save(error);
    }

    fn object_to(&mut self, wrap: fn(String) -> StrictError, name: &str) {
        if self.lenient || self.strict.len() >= MAX_STRICT_ERRORS {
            return;
        }
        let path = if self.place.is_empty() {
            name.to_owned()
        } else {
            format!("{}.{name}", self.place)
        };
        let error = wrap(path);
        if self.seen.insert(error.clone()) {
            self.strict.push(error);
        }
    }

    /// Runs `inside` with `name` at the end of the place.
    fn at<T>(&mut self, name: &str, inside: impl FnOnce(&mut Self) -> T) -> T {
        let length = self.place.len();
        if length > 0 {
            self.place.push('.');
        }
        self.place.push_str(name);
        let result = inside(self);
        self.place.truncate(length);
        result
    }

    fn value(&mut self, node: &Node, ty: TypeRef<'s>, old: Option<Value>) -> Result<Value, DecodeError> {
        match ty.get() {
            Type::Scalar(scalar) => self.scalar(node, *scalar, ty, old),
            Type::Struct(structure) => match node {
                Node::Object(members) => self.structure(members, structure, ty, old),
                Node::Null => Ok(old.unwrap_or(Value::Null)),
                _ => {
                    self.save_mismatch(node, ty);
                    Ok(Value::Null)
                }
            },
            Type::List(list) => match node {
                Node::Array(elements) => {
                    let element_ty = ty.at(list.element);
                    let mut values = Vec::with_capacity(elements.len());
                    for (index, element) in elements.iter().enumerate() {
                        let length = self.place.len();
                        self.place.push_str(&format!("[{index}]"));
                        let value = self.value(element, element_ty, None)?;
                        self.place.truncate(length);
                        values.push(scalar::or_zero(value, element_ty));
                    }
                    Ok(Value::Array(values))
                }
                Node::Null => Ok(Value::Null),
                _ => {
                    self.save_mismatch(node, ty);
                    Ok(Value::Null)
                }
            },
            Type::Map(map) => match node {
                Node::Object(members) => self.map(members, ty.at(map.value), old),
                Node::Null => Ok(Value::Null),
                _ => {
                    self.save_mismatch(node, ty);
                    Ok(Value::Null)
                }
            },
        }
    }

    fn structure(
        &mut self,
        members: &[(String, Node)],
        structure: &StructType,
        ty: TypeRef<'s>,
        old: Option<Value>,
    ) -> Result<Value, DecodeError> {
        let mut object = into_object(old);
        let mut names = HashSet::with_capacity(members.len());
        for (name, node) in members {
            let field = structure.field(name);
            let Some(field_ty) = field.map(|f| f.ty).or(structure.additional) else {
                self.object_to(StrictError::Unknown, name);
                continue;
            };
            if !names.insert(name.as_str()) {
                self.object_to(StrictError::Duplicate, name);
            }
            let before = object.remove(name);
            if *node == Node::Null {
                if let Some(kept) = before.filter(|_| field.is_some_and(|f| keeps_old_on_null(f, ty.at(field_ty)))) {
                    object.insert(name.clone(), kept);
                }
                continue;
            }
            let outer = self.structure.replace(go_struct_name(&structure.name).to_owned());
            self.fields.push(name.clone());
            let value = self.at(name, |walk| walk.value(node, ty.at(field_ty), before))?;
            self.fields.pop();
            self.structure = outer;
            if !value.is_null() {
                object.insert(name.clone(), value);
            }
        }
        Ok(Value::Object(object))
    }

    fn map(
        &mut self,
        members: &[(String, Node)],
        value_ty: TypeRef<'s>,
        old: Option<Value>,
    ) -> Result<Value, DecodeError> {
        let mut object = into_object(old);
        let mut names = HashSet::with_capacity(members.len());
        for (name, node) in members {
            if !names.insert(name.as_str()) {
                self.object_to(StrictError::Duplicate, name);
            }
            let value = self.at(name, |walk| walk.value(node, value_ty, None))?;
            object.insert(name.clone(), scalar::or_zero(value, value_ty));
        }
        Ok(Value::Object(object))
    }

    fn scalar(
        &mut self,
        node: &Node,
        scalar: Scalar,
        ty: TypeRef<'s>,
        old: Option<Value>,
    ) -> Result<Value, DecodeError> {
        match (scalar, node) {
            (Scalar::Any, _) => {
                self.untyped(node);
                Ok(node.to_value())
            }
            (_, Node::Null) => Ok(old.unwrap_or(Value::Null)),
            (Scalar::RawExtension | Scalar::FieldsV1 | Scalar::Json, _)
            | (Scalar::Bool, Node::Bool(_))
            | (Scalar::String, Node::String(_)) => Ok(node.to_value()),
            (Scalar::Bytes, Node::String(text)) => match scalar::text(scalar, text) {
                Ok(canonical) => Ok(canonical.unwrap_or_else(|| node.to_value())),
                Err(error) => {
                    self.save(error);
                    Ok(Value::Null)
                }
            },
            (Scalar::Int32 | Scalar::Int64 | Scalar::Double, Node::Number(literal)) => {
                let value = scalar::number(scalar, literal);
                if value.is_none() {
                    let error = self.mismatch(format!("number {literal}"), go_type_name(ty));
                    self.save(error);
                }
                Ok(value.unwrap_or(Value::Null))
            }
            (Scalar::Quantity, _) => {
                let text = match node {
                    Node::String(text) | Node::Number(text) => text.clone(),
                    Node::Bool(b) => b.to_string(),
                    other => other.to_value().to_string(),
                };
                scalar::text(scalar, &text).map(|c| c.unwrap_or(Value::String(text)))
            }
            (Scalar::Time | Scalar::MicroTime | Scalar::Duration, Node::String(text)) => {
                scalar::text(scalar, text).map(|c| c.unwrap_or_else(|| Value::String(text.clone())))
            }
            (Scalar::Time | Scalar::MicroTime | Scalar::Duration, _) => {
                Err(self.mismatch(node.noun().to_owned(), "string".to_owned()))
            }
            (Scalar::IntOrString, Node::String(text)) => Ok(Value::String(text.clone())),
            (Scalar::IntOrString, Node::Number(literal)) => scalar::number(Scalar::Int32, literal)
                .ok_or_else(|| self.mismatch(format!("number {literal}"), "int32".to_owned())),
            (Scalar::IntOrString, _) => Err(self.mismatch(node.noun().to_owned(), "int32".to_owned())),
            (Scalar::SchemaOrBool | Scalar::SchemaOrArray | Scalar::SchemaOrStringArray, _) => {
                self.schema_or(node, scalar)
            }
            (Scalar::Bool | Scalar::String | Scalar::Bytes | Scalar::Int32 | Scalar::Int64 | Scalar::Double, _) => {
                self.save_mismatch(node, ty);
                Ok(Value::Null)
            }
        }
    }

    /// The custom decoders of the schemas in a `CustomResourceDefinition`. They decode anew, and
    /// are not strict.
    fn schema_or(&mut self, node: &Node, scalar: Scalar) -> Result<Value, DecodeError> {
        let Some(props) = self.schema_props else {
            return Ok(node.to_value());
        };
        match (scalar, node) {
            (_, Node::Object(_)) => self.nested(node, props),
            (Scalar::SchemaOrBool, Node::Bool(allows)) => Ok(Value::Bool(*allows)),
            (Scalar::SchemaOrBool, _) => Err(DecodeError::Invalid("boolean or JSON schema expected".to_owned())),
            (Scalar::SchemaOrArray, Node::Array(schemas)) => {
                let schemas: Result<Vec<_>, _> = schemas.iter().map(|schema| self.nested(schema, props)).collect();
                schemas.map(Value::Array)
            }
            (Scalar::SchemaOrStringArray, Node::Array(names)) => {
                if let Some(wrong) = names.iter().find(|name| !matches!(name, Node::String(_) | Node::Null)) {
                    return Err(self.mismatch(wrong.noun().to_owned(), "string".to_owned()));
                }
                Ok(node.to_value())
            }
            // Anything else is taken for absent, without a word.
            _ => Ok(Value::Null),
        }
    }

    fn nested(&mut self, node: &Node, ty: TypeRef<'s>) -> Result<Value, DecodeError> {
        let mut inner = Walk {
            schema_props: self.schema_props,
            lenient: true,
            ..Walk::default()
        };
        let result = inner.value(node, ty, None);
        match result.and_then(|value| inner.saved.map_or(Ok(value), Err)) {
            Err(DecodeError::Type(error)) => Err(self.mismatch(error.value, error.type_name)),
            other => other,
        }
    }

    /// Looks for duplicates in a value of unknown shape.
    fn untyped(&mut self, node: &Node) {
        match node {
            Node::Array(elements) => {
                for (index, element) in elements.iter().enumerate() {
                    let length = self.place.len();
                    self.place.push_str(&format!("[{index}]"));
                    self.untyped(element);
                    self.place.truncate(length);
                }
            }
            Node::Object(members) => {
                let mut names = HashSet::with_capacity(members.len());
                for (name, node) in members {
                    if !names.insert(name.as_str()) {
                        self.object_to(StrictError::Duplicate, name);
                    }
                    self.at(name, |walk| walk.untyped(node));
                }
            }
            Node::Number(literal) => debug_assert!(number(literal).is_some(), "the reader checked the literal"),
            _ => {}
        }
    }
}

/// Null empties pointers, lists and maps, and leaves everything else as it was.
fn keeps_old_on_null(field: &Field, ty: TypeRef<'_>) -> bool {
    !field.pointer
        && !matches!(
            ty.get(),
            Type::List(_) | Type::Map(_) | Type::Scalar(Scalar::Bytes | Scalar::Any)
        )
}

fn into_object(old: Option<Value>) -> Map<String, Value> {
    match old {
        Some(Value::Object(object)) => object,
        _ => Map::new(),
    }
}
