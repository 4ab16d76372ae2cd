//! Protobuf without message types: a transcoder between dynamic values and wire bytes, driven by
//! the reflection alone.
//!
//! **Invariants.** Whatever the input, decoding neither panics nor allocates more than a small
//! multiple of the input; what is encoded is byte for byte what the generated Go code writes for
//! the same object. Upstream: the generated `Marshal`/`Unmarshal` methods and
//! `runtime/serializer/protobuf`.

mod decode;
mod encode;
mod envelope;
mod error;
mod plan;
#[cfg(test)]
mod tests;
mod wire;

use std::sync::{LazyLock, OnceLock};

use k8s_api::reflect::{Field, Schema, StructType, Type, TypeId};
use serde_json::Value;

pub use envelope::{
    Envelope, FrameTooLarge, MAGIC, WATCH_LENGTH, decode_watch_event, next_frame, watch_frame, wrap, wrap_list,
};
pub use error::{DecodeError, EncodeError};
pub use wire::ReverseBuffer;

use plan::Plan;

/// Nesting of messages beyond which a body is refused. The deepest built-in objects are schemas of
/// custom resources, two levels for each of theirs.
pub const MAX_DEPTH: usize = 300;

/// The transcoder of one schema. Cheap to make; it learns a type's wire order on first use.
#[derive(Debug)]
pub struct ProtobufCodec<'s> {
    schema: &'s Schema,
    json_schema_props: Option<TypeId>,
    plans: Box<[OnceLock<Plan>]>,
}

impl ProtobufCodec<'static> {
    /// The codec of the built-in types, shared by the process.
    #[must_use]
    pub fn builtin() -> &'static Self {
        static CODEC: LazyLock<ProtobufCodec<'static>> =
            LazyLock::new(|| ProtobufCodec::new(k8s_api::builtin_schema(), Some(k8s_api::JSON_SCHEMA_PROPS)));
        &CODEC
    }
}

impl<'s> ProtobufCodec<'s> {
    /// A codec for `schema`; `json_schema_props` is the type behind the `SchemaOr…` scalars.
    #[must_use]
    pub fn new(schema: &'s Schema, json_schema_props: Option<TypeId>) -> Self {
        let plans = std::iter::repeat_with(OnceLock::new).take(schema.types.len()).collect();
        Self {
            schema,
            json_schema_props,
            plans,
        }
    }

    /// The schema that the codec follows.
    #[must_use]
    pub fn schema(&self) -> &'s Schema {
        self.schema
    }

    fn plan(&self, ty: TypeId, structure: &StructType) -> &Plan {
        self.plans[ty.0 as usize].get_or_init(|| Plan::of(structure))
    }

    fn json_schema_props(&self) -> Option<TypeId> {
        self.json_schema_props
    }

    fn json_schema(&self, field: &Field) -> Result<TypeId, EncodeError> {
        self.json_schema_props.ok_or_else(|| EncodeError::Scalar {
            field: field.name.clone().into_owned(),
            reason: "the schema has no JSONSchemaProps".to_owned(),
        })
    }

    /// Whether objects of this type have a protobuf form. `Table` and custom resources have none.
    #[must_use]
    pub fn is_marshalable(&self, ty: TypeId) -> bool {
        match self.schema.get(ty) {
            Type::Struct(s) => s.fields.is_empty() || s.fields.iter().any(|f| !f.proto.is_empty()),
            _ => false,
        }
    }

    /// Encodes `value` as the bare message `ty` into `out`, before what is already there.
    ///
    /// # Errors
    /// When the value does not have the shape of the type, or the type has no protobuf form.
    pub fn encode_message_into(&self, ty: TypeId, value: &Value, out: &mut ReverseBuffer) -> Result<(), EncodeError> {
        let object = value.as_object().ok_or_else(|| EncodeError::Shape {
            field: String::new(),
            expected: "an object",
            found: "another value",
        })?;
        if !self.is_marshalable(ty) {
            return Err(EncodeError::NotMarshalable(self.go_name(ty)));
        }
        encode::Encoder::new(self, out).message(ty, Some(object))
    }

    /// Encodes `value` as the bare message `ty`.
    ///
    /// # Errors
    /// As [`Self::encode_message_into`].
    pub fn encode_message(&self, ty: TypeId, value: &Value) -> Result<Vec<u8>, EncodeError> {
        let mut out = ReverseBuffer::with_capacity(4096);
        self.encode_message_into(ty, value, &mut out)?;
        Ok(out.into_vec())
    }

    /// Encodes `value` as a whole body: magic number, envelope and message.
    ///
    /// # Errors
    /// As [`Self::encode_message_into`].
    pub fn encode(&self, ty: TypeId, api_version: &str, kind: &str, value: &Value) -> Result<Vec<u8>, EncodeError> {
        let mut out = ReverseBuffer::with_capacity(4096);
        out.prepend(&envelope::TRAILER);
        let before = out.len();
        self.encode_message_into(ty, value, &mut out)?;
        envelope::close(&mut out, before, api_version, kind);
        Ok(out.into_vec())
    }

    /// Decodes the bare message `ty`.
    ///
    /// # Errors
    /// When the bytes are no such message.
    pub fn decode_message(&self, ty: TypeId, bytes: &[u8]) -> Result<Value, DecodeError> {
        if !self.is_marshalable(ty) {
            return Err(DecodeError::NotMarshalable(self.go_name(ty)));
        }
        decode::Decoder::new(self).message(ty, bytes).map(Value::Object)
    }

    /// Decodes the message of `envelope` as `ty` and puts the envelope's kind into the object.
    ///
    /// # Errors
    /// When the bytes are no such message.
    pub fn decode(&self, ty: TypeId, envelope: &Envelope<'_>) -> Result<Value, DecodeError> {
        let mut value = self.decode_message(ty, envelope.raw)?;
        if let Value::Object(object) = &mut value {
            for (name, text) in [("apiVersion", &envelope.api_version), ("kind", &envelope.kind)] {
                if !text.is_empty() {
                    object.insert(name.to_owned(), Value::String(text.clone()));
                }
            }
        }
        Ok(value)
    }

    fn go_name(&self, ty: TypeId) -> String {
        crate::normalize::go_type_name(self.schema.at(ty))
    }
}
