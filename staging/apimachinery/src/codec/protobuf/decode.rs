//! Protobuf → Value.
//!
//! The result looks as Go's typed decoding followed by JSON encoding would leave it: zero scalars
//! held by value are absent unless their JSON tag keeps them, unknown fields are skipped, text that
//! is no UTF-8 is replaced. A length is never trusted: nothing is allocated from it.

use k8s_api::{
    primitives::{ByteString, Duration},
    reflect::{Field, ListType, MapType, Scalar, StructType, Type, TypeId},
};
use serde_json::{Map, Number, Value};

use super::{
    MAX_DEPTH, ProtobufCodec,
    error::DecodeError,
    plan::{Plan, Target},
    wire::{BYTES, Cursor, FIXED64, VARINT, short_name},
};
use crate::codec::scalar::{self, Canonical};

/// One decoding run.
pub(super) struct Decoder<'c, 's> {
    codec: &'c ProtobufCodec<'s>,
    depth: usize,
}

/// The fields of one message as they come, by position in the struct.
type Found = Vec<(usize, Value)>;

impl<'c, 's> Decoder<'c, 's> {
    pub(super) fn new(codec: &'c ProtobufCodec<'s>) -> Self {
        Self { codec, depth: 0 }
    }

    /// Decodes `bytes` as the struct `ty`.
    pub(super) fn message(&mut self, ty: TypeId, bytes: &[u8]) -> Result<Map<String, Value>, DecodeError> {
        let Type::Struct(structure) = self.codec.schema().get(ty) else {
            return Err(DecodeError::NotMarshalable(format!("type {}", ty.0)));
        };
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return Err(DecodeError::TooDeep(MAX_DEPTH));
        }
        let mut found = Found::new();
        self.fields(structure, self.codec.plan(ty, structure), bytes, &mut found)?;
        self.depth -= 1;
        found.sort_by_key(|(index, _)| *index);
        Ok(found
            .into_iter()
            .map(|(index, value)| (structure.fields[index].name.clone().into_owned(), value))
            .collect())
    }

    fn fields(
        &mut self,
        structure: &StructType,
        plan: &Plan,
        bytes: &[u8],
        found: &mut Found,
    ) -> Result<(), DecodeError> {
        let mut cursor = Cursor::new(bytes);
        while !cursor.is_empty() {
            let (number, wire_type) = cursor.key(&structure.name)?;
            match plan.find(number) {
                Some(Target::Field(index)) => {
                    self.field(structure, *index, wire_type, &mut cursor, found)?;
                }
                Some(Target::Inline(inner)) => {
                    expect(wire_type, BYTES, "embedded")?;
                    self.fields(structure, inner, cursor.bytes()?, found)?;
                }
                None => cursor.skip(wire_type)?,
            }
        }
        Ok(())
    }

    fn field(
        &mut self,
        structure: &StructType,
        index: usize,
        wire_type: u8,
        cursor: &mut Cursor<'_>,
        found: &mut Found,
    ) -> Result<(), DecodeError> {
        let field = &structure.fields[index];
        match self.codec.schema().get(field.ty) {
            Type::List(list) if !list.wrapped => self.element(field, index, list, wire_type, cursor, found),
            Type::Map(map) => self.entry(field, index, map, wire_type, cursor, found),
            ty => {
                let value = self.value(field, field.ty, wire_type, cursor)?;
                let keep = field.pointer || field.required || !is_zero(ty, &value) || is_kept_struct(field, ty);
                set(found, index, keep.then_some(value));
                Ok(())
            }
        }
    }

    /// One element of a list, or a packed run of them.
    fn element(
        &mut self,
        field: &Field,
        index: usize,
        list: &ListType,
        wire_type: u8,
        cursor: &mut Cursor<'_>,
        found: &mut Found,
    ) -> Result<(), DecodeError> {
        let packed = wire_type == BYTES && packable(self.codec.schema().get(list.element));
        if !packed {
            let value = self.value(field, list.element, wire_type, cursor)?;
            list_slot(found, index).push(value);
            return Ok(());
        }
        let inner_type = if matches!(self.codec.schema().get(list.element), Type::Scalar(Scalar::Double)) {
            FIXED64
        } else {
            VARINT
        };
        let mut run = Cursor::new(cursor.bytes()?);
        list_slot(found, index).reserve(run.remaining() / if inner_type == FIXED64 { 8 } else { 10 });
        while !run.is_empty() {
            let value = self.value(field, list.element, inner_type, &mut run)?;
            list_slot(found, index).push(value);
        }
        Ok(())
    }

    /// One entry of a map: a message with the key in 1 and the value in 2.
    fn entry(
        &mut self,
        field: &Field,
        index: usize,
        map: &MapType,
        wire_type: u8,
        cursor: &mut Cursor<'_>,
        found: &mut Found,
    ) -> Result<(), DecodeError> {
        expect(wire_type, BYTES, &field.name)?;
        let mut entry = Cursor::new(cursor.bytes()?);
        let mut key = String::new();
        let mut value = None;
        while !entry.is_empty() {
            let (number, wire_type) = entry.key(&field.name)?;
            match number {
                1 => {
                    expect(wire_type, BYTES, &field.name)?;
                    key = text(entry.bytes()?);
                }
                2 => value = Some(self.value(field, map.value, wire_type, &mut entry)?),
                _ => entry.skip(wire_type)?,
            }
        }
        let value = value.unwrap_or_else(|| zero(self.codec.schema().get(map.value)));
        map_slot(found, index).insert(key, value);
        Ok(())
    }

    /// The next value, of type `ty`.
    fn value(
        &mut self,
        field: &Field,
        ty: TypeId,
        wire_type: u8,
        cursor: &mut Cursor<'_>,
    ) -> Result<Value, DecodeError> {
        match self.codec.schema().get(ty) {
            Type::Scalar(Scalar::Bool) => {
                expect(wire_type, VARINT, &field.name)?;
                Ok(Value::Bool(cursor.varint()? != 0))
            }
            Type::Scalar(Scalar::Int32) => {
                expect(wire_type, VARINT, &field.name)?;
                Ok(Value::from(cursor.varint()? as i32))
            }
            Type::Scalar(Scalar::Int64) => {
                expect(wire_type, VARINT, &field.name)?;
                Ok(Value::from(cursor.varint()?.cast_signed()))
            }
            Type::Scalar(Scalar::Double) => {
                expect(wire_type, FIXED64, &field.name)?;
                Ok(double(f64::from_bits(cursor.fixed64()?)))
            }
            Type::Scalar(scalar) => {
                expect(wire_type, BYTES, &field.name)?;
                self.delimited(field, *scalar, cursor.bytes()?)
            }
            Type::Struct(_) => {
                expect(wire_type, BYTES, &field.name)?;
                Ok(Value::Object(self.message(ty, cursor.bytes()?)?))
            }
            Type::List(list) => {
                expect(wire_type, BYTES, &field.name)?;
                self.wrapped(field, list, cursor.bytes()?)
            }
            Type::Map(_) => Err(DecodeError::NotMarshalable("a map of maps".to_owned())),
        }
    }

    /// A list that protobuf wraps in a message with `items` = 1.
    fn wrapped(&mut self, field: &Field, list: &ListType, bytes: &[u8]) -> Result<Value, DecodeError> {
        let mut cursor = Cursor::new(bytes);
        let mut elements = Vec::new();
        while !cursor.is_empty() {
            let (number, wire_type) = cursor.key(&field.name)?;
            if number == 1 {
                elements.push(self.value(field, list.element, wire_type, &mut cursor)?);
            } else {
                cursor.skip(wire_type)?;
            }
        }
        Ok(Value::Array(elements))
    }

    fn delimited(&mut self, field: &Field, kind: Scalar, bytes: &[u8]) -> Result<Value, DecodeError> {
        match kind {
            Scalar::String => Ok(Value::String(text(bytes))),
            Scalar::Bytes => Ok(Value::String(ByteString::from(bytes).to_base64())),
            Scalar::Quantity => {
                let mut canonical = "0".to_owned();
                each(bytes, "Quantity", |number, wire_type, cursor| {
                    if number != 1 {
                        return cursor.skip(wire_type);
                    }
                    expect(wire_type, BYTES, "String_")?;
                    let given = text(cursor.bytes()?);
                    canonical = match scalar::canonical(kind, &given).map_err(DecodeError::Quantity)? {
                        Canonical::Text(canonical) => canonical,
                        _ => given,
                    };
                    Ok(())
                })?;
                Ok(Value::String(canonical))
            }
            Scalar::Time | Scalar::MicroTime => {
                let Some((seconds, nanos)) = timestamp(bytes)? else {
                    return Ok(Value::Null);
                };
                scalar::time_text(kind, seconds, nanos)
                    .map(Value::String)
                    .ok_or(DecodeError::TimeRange(seconds))
            }
            Scalar::Duration => {
                let mut nanos = 0;
                each(bytes, "Duration", |number, wire_type, cursor| {
                    if number != 1 {
                        return cursor.skip(wire_type);
                    }
                    expect(wire_type, VARINT, "Duration")?;
                    nanos = cursor.varint()?.cast_signed();
                    Ok(())
                })?;
                Ok(Value::String(Duration::from_nanos(nanos).to_string()))
            }
            Scalar::IntOrString => int_or_string(bytes),
            Scalar::RawExtension | Scalar::FieldsV1 | Scalar::Json => raw_json(field, bytes),
            Scalar::SchemaOrBool | Scalar::SchemaOrArray | Scalar::SchemaOrStringArray => self.schema_or(kind, bytes),
            Scalar::Bool | Scalar::Int32 | Scalar::Int64 | Scalar::Double | Scalar::Any => {
                Err(DecodeError::NotMarshalable("a value of unknown shape".to_owned()))
            }
        }
    }

    fn schema_or(&mut self, scalar: Scalar, bytes: &[u8]) -> Result<Value, DecodeError> {
        let ty = self
            .codec
            .json_schema_props()
            .ok_or_else(|| DecodeError::NotMarshalable("v1.JSONSchemaProps".to_owned()))?;
        let mut allows = false;
        let mut schema = None;
        let mut list = Vec::new();
        each(bytes, "JSONSchemaPropsOr", |number, wire_type, cursor| {
            match (scalar, number) {
                (Scalar::SchemaOrBool, 1) => {
                    expect(wire_type, VARINT, "Allows")?;
                    allows = cursor.varint()? != 0;
                }
                (Scalar::SchemaOrBool, 2) | (_, 1) => {
                    expect(wire_type, BYTES, "Schema")?;
                    schema = Some(Value::Object(self.message(ty, cursor.bytes()?)?));
                }
                (Scalar::SchemaOrArray, 2) => {
                    expect(wire_type, BYTES, "JSONSchemas")?;
                    list.push(Value::Object(self.message(ty, cursor.bytes()?)?));
                }
                (Scalar::SchemaOrStringArray, 2) => {
                    expect(wire_type, BYTES, "Property")?;
                    list.push(Value::String(text(cursor.bytes()?)));
                }
                _ => cursor.skip(wire_type)?,
            }
            Ok(())
        })?;
        Ok(match (scalar, schema) {
            (Scalar::SchemaOrBool, None) => Value::Bool(allows),
            (_, Some(schema)) if list.is_empty() => schema,
            (_, None) if list.is_empty() => Value::Null,
            _ => Value::Array(list),
        })
    }
}

/// Walks the fields of a small message.
pub(super) fn each<'a>(
    bytes: &'a [u8],
    message: &str,
    mut visit: impl FnMut(u32, u8, &mut Cursor<'a>) -> Result<(), DecodeError>,
) -> Result<(), DecodeError> {
    let mut cursor = Cursor::new(bytes);
    while !cursor.is_empty() {
        let (number, wire_type) = cursor.key(message)?;
        visit(number, wire_type, &mut cursor)?;
    }
    Ok(())
}

/// Seconds and nanoseconds; an empty message is the zero time.
fn timestamp(bytes: &[u8]) -> Result<Option<(i64, i32)>, DecodeError> {
    if bytes.is_empty() {
        return Ok(None);
    }
    let (mut seconds, mut nanos) = (0i64, 0i32);
    each(bytes, "Timestamp", |number, wire_type, cursor| {
        match number {
            1 => {
                expect(wire_type, VARINT, "Seconds")?;
                seconds = cursor.varint()?.cast_signed();
            }
            2 => {
                expect(wire_type, VARINT, "Nanos")?;
                nanos = cursor.varint()? as i32;
            }
            _ => cursor.skip(wire_type)?,
        }
        Ok(())
    })?;
    let carried = seconds.saturating_add(i64::from(nanos.div_euclid(1_000_000_000)));
    let nanos = nanos.rem_euclid(1_000_000_000);
    Ok(Some((carried, nanos)))
}

fn int_or_string(bytes: &[u8]) -> Result<Value, DecodeError> {
    let (mut kind, mut int, mut string) = (0u64, 0i32, String::new());
    each(bytes, "IntOrString", |number, wire_type, cursor| {
        match number {
            1 => {
                expect(wire_type, VARINT, "Type")?;
                kind = cursor.varint()?;
            }
            2 => {
                expect(wire_type, VARINT, "IntVal")?;
                int = cursor.varint()? as i32;
            }
            3 => {
                expect(wire_type, BYTES, "StrVal")?;
                string = text(cursor.bytes()?);
            }
            _ => cursor.skip(wire_type)?,
        }
        Ok(())
    })?;
    Ok(if kind == 0 {
        Value::from(int)
    } else {
        Value::String(string)
    })
}

fn raw_json(field: &Field, bytes: &[u8]) -> Result<Value, DecodeError> {
    let mut value = Value::Null;
    each(bytes, "RawExtension", |number, wire_type, cursor| {
        if number != 1 {
            return cursor.skip(wire_type);
        }
        expect(wire_type, BYTES, "Raw")?;
        let raw = cursor.bytes()?;
        if !raw.is_empty() {
            value = serde_json::from_slice(raw).map_err(|e| DecodeError::InvalidJson {
                field: field.name.clone().into_owned(),
                reason: e.to_string(),
            })?;
        }
        Ok(())
    })?;
    Ok(value)
}

pub(super) fn expect(found: u8, wanted: u8, field: &str) -> Result<(), DecodeError> {
    if found == wanted {
        return Ok(());
    }
    let mut name = short_name(field);
    if let Some(first) = name.get_mut(..1) {
        first.make_ascii_uppercase();
    }
    Err(DecodeError::WrongWireType {
        wire_type: found,
        field: name,
    })
}

/// Text as Go's JSON encoder would show it.
pub(super) fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// Whole numbers are written without a fraction, as Go does.
fn double(n: f64) -> Value {
    if n.fract() == 0.0 && n.abs() < 9.0e15 {
        return Value::from(n as i64);
    }
    Number::from_f64(n).map_or(Value::Null, Value::Number)
}

fn packable(ty: &Type) -> bool {
    matches!(
        ty,
        Type::Scalar(Scalar::Bool | Scalar::Int32 | Scalar::Int64 | Scalar::Double)
    )
}

fn zero(ty: &Type) -> Value {
    match ty {
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

/// Whether `omitempty` leaves a value of this type out. Go never omits a struct by that tag, and
/// quantities, durations and `IntOrString` are structs.
fn is_zero(ty: &Type, value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Bool(set) => !set && !matches!(ty, Type::Scalar(Scalar::SchemaOrBool)),
        Value::Number(n) => {
            !matches!(ty, Type::Scalar(Scalar::IntOrString)) && (n.as_i64() == Some(0) || n.as_f64() == Some(0.0))
        }
        Value::String(s) => s.is_empty() && !matches!(ty, Type::Scalar(Scalar::IntOrString)),
        Value::Array(elements) => elements.is_empty(),
        Value::Object(members) => members.is_empty() && matches!(ty, Type::Struct(_) | Type::Map(_)),
    }
}

fn is_kept_struct(field: &Field, ty: &Type) -> bool {
    field.keep_empty_struct && matches!(ty, Type::Struct(_))
}

fn slot(found: &Found, index: usize) -> Option<usize> {
    match found.last() {
        Some((last, _)) if *last == index => Some(found.len() - 1),
        _ => found.iter().position(|(i, _)| *i == index),
    }
}

/// Stores a singular field; the last occurrence wins and messages are merged.
fn set(found: &mut Found, index: usize, value: Option<Value>) {
    match (slot(found, index), value) {
        (Some(at), Some(value)) => match (&mut found[at].1, value) {
            (Value::Object(old), Value::Object(new)) => merge(old, new),
            (old, new) => *old = new,
        },
        (Some(at), None) => {
            if !found[at].1.is_object() {
                found.remove(at);
            }
        }
        (None, Some(value)) => found.push((index, value)),
        (None, None) => {}
    }
}

fn merge(old: &mut Map<String, Value>, new: Map<String, Value>) {
    for (key, value) in new {
        match (old.get_mut(&key), value) {
            (Some(Value::Object(old)), Value::Object(new)) => merge(old, new),
            (Some(Value::Array(old)), Value::Array(new)) => old.extend(new),
            (_, value) => {
                old.insert(key, value);
            }
        }
    }
}

fn list_slot(found: &mut Found, index: usize) -> &mut Vec<Value> {
    let at = slot(found, index).unwrap_or_else(|| {
        found.push((index, Value::Array(Vec::new())));
        found.len() - 1
    });
    match &mut found[at].1 {
        Value::Array(elements) => elements,
        _ => unreachable!("only lists are stored for a list field"),
    }
}

fn map_slot(found: &mut Found, index: usize) -> &mut Map<String, Value> {
    let at = slot(found, index).unwrap_or_else(|| {
        found.push((index, Value::Object(Map::new())));
        found.len() - 1
    });
    match &mut found[at].1 {
        Value::Object(members) => members,
        _ => unreachable!("only maps are stored for a map field"),
    }
}
