//! A deterministic source of randomness for tests, and values of the built-in types made from it.

use k8s_api::reflect::{Field, Scalar, Schema, StructType, Type};
use serde_json::{Map, Value, json};

/// A xorshift generator.
pub(crate) struct Random(u64);

impl Random {
    pub(crate) fn new(seed: u64) -> Self {
        let mut random = Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1);
        random.next();
        random
    }

    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    /// A number below `bound`, which is not zero.
    pub(crate) fn below(&mut self, bound: usize) -> usize {
        usize::try_from((self.next() >> 16) % bound as u64).expect("below a usize")
    }

    /// `input` with a few bytes changed, removed, repeated or cut off.
    pub(crate) fn mutate(&mut self, input: &[u8]) -> Vec<u8> {
        let mut bytes = input.to_vec();
        for _ in 0..=self.below(3) {
            if bytes.is_empty() {
                bytes.push(self.next() as u8);
                continue;
            }
            let at = self.below(bytes.len());
            match self.below(5) {
                0 => bytes[at] = self.next() as u8,
                1 => bytes[at] ^= 1 << self.below(8),
                2 => {
                    bytes.remove(at);
                }
                3 => bytes.truncate(at),
                _ => {
                    let end = (at + 1 + self.below(16)).min(bytes.len());
                    let part = bytes[at..end].to_vec();
                    bytes.splice(at..at, part);
                }
            }
        }
        bytes
    }
}

/// Makes values of built-in types in the canonical form that decoding leaves.
pub(crate) struct Samples {
    schema: &'static Schema,
    random: Random,
}

impl Samples {
    pub(crate) fn new(seed: u64) -> Self {
        Self {
            schema: k8s_api::builtin_schema(),
            random: Random::new(seed),
        }
    }

    /// A value of a struct; the deeper it lies, the less is in it.
    pub(crate) fn structure(&mut self, ty: &StructType, depth: usize) -> Value {
        let mut object = Map::new();
        for field in ty.fields.iter().filter(|f| !f.proto.is_empty()) {
            if let Some(value) = self.field(field, depth) {
                object.insert(field.name.clone().into_owned(), value);
            }
        }
        Value::Object(object)
    }

    fn field(&mut self, field: &Field, depth: usize) -> Option<Value> {
        let ty = self.schema.get(field.ty);
        let optional = field.pointer || matches!(ty, Type::List(_) | Type::Map(_));
        let by_value = matches!(
            ty,
            Type::Struct(_)
                | Type::Scalar(
                    Scalar::Quantity
                        | Scalar::Duration
                        | Scalar::IntOrString
                        | Scalar::SchemaOrBool
                        | Scalar::RawExtension
                )
        );
        if optional && (depth > 5 || self.random.below(3) == 0) {
            return None;
        }
        if !optional && !by_value && !field.required && self.random.below(2) == 0 {
            return None;
        }
        let value = self.value(ty, depth, field.pointer || field.required);
        let empty = matches!(&value, Value::Object(o) if o.is_empty());
        let kept = field.pointer || field.required || field.keep_empty_struct;
        (!empty || kept || !matches!(ty, Type::Struct(_))).then_some(value)
    }

    fn value(&mut self, ty: &Type, depth: usize, zero: bool) -> Value {
        match ty {
            Type::Struct(s) => self.structure(s, depth + 1),
            Type::List(list) => {
                let element = self.schema.get(list.element);
                (0..=self.random.below(2))
                    .map(|_| self.value(element, depth + 1, true))
                    .collect()
            }
            Type::Map(map) => {
                let element = self.schema.get(map.value);
                let keys = ["", "a", "app.kubernetes.io/name", "žluť"];
                let entries =
                    (0..=self.random.below(3)).map(|i| (keys[i].to_owned(), self.value(element, depth + 1, true)));
                Value::Object(entries.collect())
            }
            Type::Scalar(scalar) => self.scalar(*scalar, depth, zero),
        }
    }

    fn scalar(&mut self, scalar: Scalar, depth: usize, zero: bool) -> Value {
        let least = usize::from(!zero);
        let pick =
            |options: &[Value], random: &mut Random| options[least + random.below(options.len() - least)].clone();
        let random = &mut self.random;
        match scalar {
            Scalar::Bool => pick(&[json!(false), json!(true)], random),
            Scalar::Int32 => pick(
                &[json!(0), json!(1), json!(-1), json!(i32::MAX), json!(i32::MIN)],
                random,
            ),
            Scalar::Int64 => pick(
                &[json!(0), json!(300), json!(-7), json!(i64::MAX), json!(i64::MIN)],
                random,
            ),
            Scalar::Double => pick(&[json!(0), json!(0.25), json!(-3), json!(1e300)], random),
            Scalar::String => pick(
                &[json!(""), json!("x"), json!("日本\u{0}"), json!("y".repeat(200))],
                random,
            ),
            Scalar::Bytes => pick(&[json!(""), json!("AAEC/w=="), json!("aGk=")], random),
            Scalar::Quantity => pick(&[json!("0"), json!("100m"), json!("1536Mi")], random),
            Scalar::Time => pick(&[json!("1969-12-31T23:59:59Z"), json!("2024-02-29T01:02:03Z")], random),
            Scalar::MicroTime => pick(
                &[
                    json!("1969-12-31T23:59:59.000001Z"),
                    json!("2024-02-29T01:02:03.999999Z"),
                ],
                random,
            ),
            Scalar::Duration => pick(&[json!("0s"), json!("1h2m3.5s"), json!("-5ms")], random),
            Scalar::IntOrString => pick(&[json!(0), json!(8080), json!(""), json!("25%")], random),
            Scalar::RawExtension | Scalar::FieldsV1 | Scalar::Json => {
                pick(&[json!({}), json!({"a": [1, null, "x"], "b": {"c": 1.5}})], random)
            }
            Scalar::SchemaOrBool | Scalar::SchemaOrArray | Scalar::SchemaOrStringArray => {
                let Type::Struct(props) = self.schema.get(k8s_api::JSON_SCHEMA_PROPS) else {
                    unreachable!("a struct")
                };
                let schema = self.structure(props, depth + 3);
                match scalar {
                    Scalar::SchemaOrBool if depth.is_multiple_of(2) => json!(false),
                    Scalar::SchemaOrArray if depth.is_multiple_of(2) => json!([schema]),
                    Scalar::SchemaOrStringArray if depth.is_multiple_of(2) => json!(["a", "b"]),
                    _ => schema,
                }
            }
            Scalar::Any => unreachable!("no built-in field on the wire is of unknown shape"),
        }
    }
}
