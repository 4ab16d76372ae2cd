//! Value → protobuf, written backwards in one pass.
//!
//! What is written follows the generated Go code: pointers when set, scalars and structs held by
//! value always (a missing struct is written as its zero value), lists and maps element by element,
//! map entries sorted by key.

use k8s_api::{
    primitives::{ByteString, Duration},
    reflect::{Field, Scalar, StructType, Type, TypeId},
};
use serde_json::{Map, Value};
use smallvec::SmallVec;

use super::{
    MAX_DEPTH, ProtobufCodec,
    error::EncodeError,
    plan::{Plan, Target},
    wire::{FIXED64, ReverseBuffer},
};
use crate::codec::scalar;

type Slots<'v> = SmallVec<[Option<&'v Value>; 32]>;

/// One encoding run.
pub(super) struct Encoder<'c, 's> {
    pub(super) codec: &'c ProtobufCodec<'s>,
    pub(super) out: &'c mut ReverseBuffer,
    depth: usize,
}

impl<'c, 's> Encoder<'c, 's> {
    pub(super) fn new(codec: &'c ProtobufCodec<'s>, out: &'c mut ReverseBuffer) -> Self {
        Self { codec, out, depth: 0 }
    }

    /// Writes the content of the struct `ty`; no object means its zero value.
    pub(super) fn message(&mut self, ty: TypeId, object: Option<&Map<String, Value>>) -> Result<(), EncodeError> {
        let Type::Struct(structure) = self.codec.schema().get(ty) else {
            return Err(EncodeError::NotMarshalable(format!("type {}", ty.0)));
        };
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return Err(EncodeError::TooDeep(MAX_DEPTH));
        }
        let slots = slots(structure, object);
        self.fields(structure, self.codec.plan(ty, structure), &slots)?;
        self.depth -= 1;
        Ok(())
    }

    fn fields(&mut self, structure: &StructType, plan: &Plan, slots: &Slots<'_>) -> Result<(), EncodeError> {
        for field in plan.fields.iter().rev() {
            match &field.target {
                Target::Field(index) => self.field(field.number, &structure.fields[*index], slots[*index])?,
                Target::Inline(inner) => {
                    let before = self.out.len();
                    self.fields(structure, inner, slots)?;
                    self.out.close(field.number, before);
                }
            }
        }
        Ok(())
    }

    fn field(&mut self, number: u32, field: &Field, value: Option<&Value>) -> Result<(), EncodeError> {
        match (self.codec.schema().get(field.ty), value) {
            (Type::List(_) | Type::Map(_) | Type::Scalar(Scalar::Bytes), None) => Ok(()),
            (_, None) if field.pointer => Ok(()),
            _ => self.value(number, field, field.ty, value),
        }
    }

    /// Writes one value of type `ty` with its key; `None` is the zero value.
    fn value(&mut self, number: u32, field: &Field, ty: TypeId, value: Option<&Value>) -> Result<(), EncodeError> {
        match self.codec.schema().get(ty) {
            Type::Scalar(scalar) => self.scalar(number, field, *scalar, value),
            Type::Struct(_) => {
                let object = value.map(|v| object(field, v)).transpose()?;
                let before = self.out.len();
                self.message(ty, object)?;
                self.out.close(number, before);
                Ok(())
            }
            Type::List(list) => {
                let before = self.out.len();
                let elements = match value {
                    Some(value) => value
                        .as_array()
                        .ok_or_else(|| shape(field, "an array", value))?
                        .as_slice(),
                    None => &[],
                };
                let inner = if list.wrapped { 1 } else { number };
                for element in elements.iter().rev() {
                    self.value(inner, field, list.element, present(element))?;
                }
                if list.wrapped {
                    self.out.close(number, before);
                }
                Ok(())
            }
            Type::Map(map) => {
                let Some(value) = value else { return Ok(()) };
                for (key, value) in object(field, value)?.iter().rev() {
                    let before = self.out.len();
                    self.value(2, field, map.value, present(value))?;
                    self.out.bytes_field(1, key.as_bytes());
                    self.out.close(number, before);
                }
                Ok(())
            }
        }
    }

    fn scalar(&mut self, number: u32, field: &Field, scalar: Scalar, value: Option<&Value>) -> Result<(), EncodeError> {
        match scalar {
            Scalar::Bool => {
                let set = value.map_or(Ok(false), |v| v.as_bool().ok_or_else(|| shape(field, "a boolean", v)))?;
                self.out.varint_field(number, u64::from(set));
            }
            Scalar::Int32 | Scalar::Int64 => {
                let n = value.map_or(Ok(0), |v| v.as_i64().ok_or_else(|| shape(field, "an integer", v)))?;
                self.out.varint_field(number, n.cast_unsigned());
            }
            Scalar::Double => {
                let n = value.map_or(Ok(0.0), |v| v.as_f64().ok_or_else(|| shape(field, "a number", v)))?;
                self.out.prepend(&n.to_le_bytes());
                self.out.key(number, FIXED64);
            }
            Scalar::String => self.out.bytes_field(number, text(field, value)?.as_bytes()),
            Scalar::Bytes => {
                let bytes = ByteString::from_base64(text(field, value)?).map_err(|e| invalid(field, &e))?;
                self.out.bytes_field(number, &bytes);
            }
            _ => {
                let before = self.out.len();
                self.scalar_message(field, scalar, value)?;
                self.out.close(number, before);
            }
        }
        Ok(())
    }

    /// Scalars of JSON that are messages on the wire.
    fn scalar_message(&mut self, field: &Field, kind: Scalar, value: Option<&Value>) -> Result<(), EncodeError> {
        match kind {
            Scalar::Quantity => match value {
                None => self.out.bytes_field(1, b"0"),
                Some(value) => self.out.bytes_field(1, text(field, Some(value))?.as_bytes()),
            },
            Scalar::Time | Scalar::MicroTime => {
                let Some(value) = value else { return Ok(()) };
                let (seconds, nanos) =
                    scalar::time_parts(kind, text(field, Some(value))?).map_err(|e| invalid(field, &e))?;
                self.out.varint_field(2, i64::from(nanos).cast_unsigned());
                self.out.varint_field(1, seconds.cast_unsigned());
            }
            Scalar::Duration => {
                let duration: Duration = match value {
                    None => Duration::ZERO,
                    Some(value) => text(field, Some(value))?.parse().map_err(|e| invalid(field, &e))?,
                };
                self.out.varint_field(1, duration.as_nanos().cast_unsigned());
            }
            Scalar::IntOrString => match value {
                Some(Value::String(s)) => self.int_or_string(1, 0, s),
                Some(v) => self.int_or_string(
                    0,
                    v.as_i64().ok_or_else(|| shape(field, "an integer or a string", v))?,
                    "",
                ),
                None => self.int_or_string(0, 0, ""),
            },
            Scalar::RawExtension | Scalar::FieldsV1 | Scalar::Json => {
                let Some(value) = value else { return Ok(()) };
                let json = serde_json::to_vec(value).map_err(|e| invalid(field, &e))?;
                self.out.bytes_field(1, &json);
            }
            Scalar::SchemaOrBool | Scalar::SchemaOrArray | Scalar::SchemaOrStringArray => {
                self.schema_or(field, kind, value)?;
            }
            _ => return Err(EncodeError::NotMarshalable("a value of unknown shape".to_owned())),
        }
        Ok(())
    }

    fn int_or_string(&mut self, kind: u64, int: i64, text: &str) {
        self.out.bytes_field(3, text.as_bytes());
        self.out.varint_field(2, int.cast_unsigned());
        self.out.varint_field(1, kind);
    }

    fn schema_or(&mut self, field: &Field, scalar: Scalar, value: Option<&Value>) -> Result<(), EncodeError> {
        let schema_number = if scalar == Scalar::SchemaOrBool { 2 } else { 1 };
        match (scalar, value) {
            (Scalar::SchemaOrBool, None) => self.out.varint_field(1, 0),
            (_, None) => {}
            (Scalar::SchemaOrBool, Some(Value::Bool(allows))) => self.out.varint_field(1, u64::from(*allows)),
            (_, Some(Value::Object(object))) => {
                let before = self.out.len();
                self.message(self.codec.json_schema(field)?, Some(object))?;
                self.out.close(schema_number, before);
                if scalar == Scalar::SchemaOrBool {
                    self.out.varint_field(1, 1);
                }
            }
            (Scalar::SchemaOrArray, Some(Value::Array(schemas))) => {
                let ty = self.codec.json_schema(field)?;
                for schema in schemas.iter().rev() {
                    let before = self.out.len();
                    self.message(ty, Some(object(field, schema)?))?;
                    self.out.close(2, before);
                }
            }
            (Scalar::SchemaOrStringArray, Some(Value::Array(names))) => {
                for name in names.iter().rev() {
                    self.out.bytes_field(2, text(field, Some(name))?.as_bytes());
                }
            }
            (_, Some(other)) => return Err(shape(field, "a schema", other)),
        }
        Ok(())
    }
}

/// The value of every field of `structure`, in its order. Both sides are sorted by name.
fn slots<'v>(structure: &StructType, object: Option<&'v Map<String, Value>>) -> Slots<'v> {
    let mut slots: Slots<'v> = SmallVec::new();
    slots.resize(structure.fields.len(), None);
    let mut index = 0;
    for (name, value) in object.into_iter().flatten() {
        while index < structure.fields.len() && structure.fields[index].name.as_ref() < name.as_str() {
            index += 1;
        }
        match structure.fields.get(index) {
            Some(field) if field.name == *name => slots[index] = present(value),
            Some(_) => {}
            None => break,
        }
    }
    slots
}

fn present(value: &Value) -> Option<&Value> {
    (!value.is_null()).then_some(value)
}

fn object<'v>(field: &Field, value: &'v Value) -> Result<&'v Map<String, Value>, EncodeError> {
    value.as_object().ok_or_else(|| shape(field, "an object", value))
}

fn text<'v>(field: &Field, value: Option<&'v Value>) -> Result<&'v str, EncodeError> {
    value.map_or(Ok(""), |v| v.as_str().ok_or_else(|| shape(field, "a string", v)))
}

fn shape(field: &Field, expected: &'static str, found: &Value) -> EncodeError {
    let found = match found {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "an array",
        Value::Object(_) => "an object",
    };
    EncodeError::Shape {
        field: field.name.clone().into_owned(),
        expected,
        found,
    }
}

fn invalid(field: &Field, reason: &dyn std::fmt::Display) -> EncodeError {
    EncodeError::Scalar {
        field: field.name.clone().into_owned(),
        reason: reason.to_string(),
    }
}
