//! Values of a type with its fields filled, chosen by a seed.

use k8s_api::reflect::{Scalar, StructType, Type, TypeId, TypeRef};
use serde_json::{Map, Value, json};

/// So often a recursive type is filled inside itself (JSON schemas hold JSON schemas).
const MAX_NESTED: usize = 2;

/// Fills values. A seed of 0 fills every field; any other leaves out about a quarter of those that may be absent.
pub(crate) struct Filler {
    state: u64,
    everything: bool,
    /// The structs being filled, from the root.
    inside: Vec<TypeId>,
}

impl Filler {
    /// A filler that makes the same choices for the same seed.
    pub(crate) fn new(seed: u64) -> Self {
        Self {
            state: seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1,
            everything: seed == 0,
            inside: Vec::new(),
        }
    }

    fn below(&mut self, bound: u64) -> u64 {
        self.state ^= self.state << 13;
        self.state ^= self.state >> 7;
        self.state ^= self.state << 17;
        (self.state >> 16) % bound
    }

    fn pick(&mut self, values: &[&str]) -> Value {
        let at = self.below(values.len() as u64);
        values[usize::try_from(at).expect("an index")].into()
    }

    /// A value of the type; `None` where a recursive type has become deep enough.
    pub(crate) fn value(&mut self, ty: TypeRef<'_>) -> Option<Value> {
        Some(match ty.get() {
            Type::Scalar(scalar) => self.scalar(*scalar),
            Type::Struct(structure) => {
                if self.inside.iter().filter(|inside| **inside == ty.id).count() >= MAX_NESTED {
                    return None;
                }
                self.inside.push(ty.id);
                let members = self.structure(ty, structure);
                self.inside.pop();
                members.into()
            }
            Type::List(list) => {
                let length = 1 + self.below(2);
                let items: Option<Vec<Value>> = (0..length).map(|_| self.value(ty.at(list.element))).collect();
                items?.into()
            }
            Type::Map(map) => {
                let value = self.value(ty.at(map.value))?;
                json!({ format!("key-{}", self.below(100)): value })
            }
        })
    }

    fn structure(&mut self, ty: TypeRef<'_>, structure: &StructType) -> Map<String, Value> {
        let mut members = Map::new();
        for field in structure.fields.iter() {
            let type_meta = field.proto.is_empty() && matches!(field.name.as_ref(), "apiVersion" | "kind");
            if type_meta || !(field.required || self.everything || self.below(4) > 0) {
                continue;
            }
            if let Some(value) = self.value(ty.at(field.ty)) {
                members.insert(field.name.clone().into_owned(), value);
            }
        }
        members
    }

    fn scalar(&mut self, scalar: Scalar) -> Value {
        match scalar {
            Scalar::Bool => true.into(),
            Scalar::Int32 | Scalar::Int64 => (1 + self.below(1000)).into(),
            Scalar::Double => 1.5.into(),
            Scalar::String => format!("text-{}", self.below(1000)).into(),
            Scalar::Bytes => self.pick(&["YQ==", "AAEC", "/+8="]),
            Scalar::Quantity => self.pick(&["1", "500m", "2Gi", "30m", "3e3", "12E"]),
            Scalar::Time => self.pick(&["2026-01-02T03:04:05Z", "1999-12-31T23:59:59Z"]),
            Scalar::MicroTime => self.pick(&["2026-01-02T03:04:05.000006Z", "1999-12-31T23:59:59.999999Z"]),
            Scalar::Duration => self.pick(&["1m30s", "2h0m0s", "1.5ms"]),
            Scalar::IntOrString if self.below(2) == 0 => (1 + self.below(100)).into(),
            Scalar::IntOrString => self.pick(&["25%", "http"]),
            Scalar::RawExtension => json!({"kind": "Any", "list": [1, "two", null, {"three": 3.5}]}),
            Scalar::FieldsV1 => json!({"f:spec": {".": {}, "f:a": {}}}),
            Scalar::Json => json!({"any": [true, null, "x", 1.25]}),
            Scalar::SchemaOrBool => (self.below(2) == 0).into(),
            Scalar::SchemaOrArray => json!({"type": "string"}),
            Scalar::SchemaOrStringArray => json!(["a", "b"]),
            Scalar::Any => json!({"any": "thing"}),
        }
    }
}
