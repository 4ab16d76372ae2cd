//! The walk that every document takes: in place, without allocation for a document that is as it
//! should be.
//!
//! It drops nulls and unknown members, rewrites scalars into their canonical form, and notes
//! whether anything needs the exact walk. It never words an error itself.

use k8s_api::reflect::{Scalar, StructType, Type, TypeRef};
use serde_json::{Map, Value};

use super::{
    error::{MAX_STRICT_ERRORS, StrictError},
    scalar,
};

/// What the walk found.
#[derive(Default)]
pub(super) struct Findings {
    /// Something does not fit its type.
    pub(super) suspect: bool,
    /// Unknown members, in the order of the walk.
    pub(super) unknown: Vec<StrictError>,
}

/// Where the walk is, as a chain through the stack.
#[derive(Clone, Copy)]
pub(super) enum Place<'a> {
    Root,
    Member(&'a Place<'a>, &'a str),
    Element(&'a Place<'a>, usize),
}

impl Place<'_> {
    fn render(&self, out: &mut String) {
        match self {
            Self::Root => {}
            Self::Member(parent, name) => {
                parent.render(out);
                if !out.is_empty() {
                    out.push('.');
                }
                out.push_str(name);
            }
            Self::Element(parent, index) => {
                parent.render(out);
                out.push_str(&format!("[{index}]"));
            }
        }
    }
}

/// The walk's settings.
pub(super) struct Quick<'s> {
    pub(super) schema_props: Option<TypeRef<'s>>,
    pub(super) findings: Findings,
    /// Depth of custom decoders, which are not strict.
    lenient: usize,
}

impl<'s> Quick<'s> {
    pub(super) fn new(schema_props: Option<TypeRef<'s>>) -> Self {
        Self {
            schema_props,
            findings: Findings::default(),
            lenient: 0,
        }
    }

    pub(super) fn value(&mut self, value: &mut Value, ty: TypeRef<'s>, place: Place<'_>) {
        match (ty.get(), value) {
            (Type::Scalar(scalar), value) => self.scalar(value, *scalar, place),
            (_, Value::Null) => {}
            (Type::Struct(structure), Value::Object(members)) => self.structure(members, structure, ty, place),
            (Type::List(list), Value::Array(elements)) => {
                let element_ty = ty.at(list.element);
                for (index, element) in elements.iter_mut().enumerate() {
                    self.value(element, element_ty, Place::Element(&place, index));
                    if element.is_null() {
                        *element = scalar::or_zero(Value::Null, element_ty);
                    }
                }
            }
            (Type::Map(map), Value::Object(members)) => {
                let value_ty = ty.at(map.value);
                for (name, value) in members.iter_mut() {
                    self.value(value, value_ty, Place::Member(&place, name));
                    if value.is_null() {
                        *value = scalar::or_zero(Value::Null, value_ty);
                    }
                }
            }
            _ => self.findings.suspect = true,
        }
    }

    /// Members and fields are both sorted by name, and are walked side by side.
    fn structure(
        &mut self,
        members: &mut Map<String, Value>,
        structure: &StructType,
        ty: TypeRef<'s>,
        place: Place<'_>,
    ) {
        let mut fields = structure.fields.as_ref();
        let mut nulls = false;
        for (name, value) in members.iter_mut() {
            while fields.first().is_some_and(|f| f.name.as_ref() < name.as_str()) {
                fields = &fields[1..];
            }
            let field = fields.first().filter(|f| f.name == *name).map(|f| f.ty);
            match field.or(structure.additional) {
                Some(field_ty) => self.value(value, ty.at(field_ty), Place::Member(&place, name)),
                None => {
                    self.unknown(place, name);
                    *value = Value::Null;
                }
            }
            nulls |= value.is_null();
        }
        if nulls {
            let is_any = |name: &str| {
                let id = structure.field(name).map(|f| f.ty).or(structure.additional);
                id.is_some_and(|id| matches!(ty.at(id).get(), Type::Scalar(Scalar::Any)))
            };
            members.retain(|name, value| !value.is_null() || is_any(name));
        }
    }

    #[cold]
    fn unknown(&mut self, place: Place<'_>, name: &str) {
        if self.lenient > 0 || self.findings.unknown.len() >= MAX_STRICT_ERRORS {
            return;
        }
        let mut path = String::new();
        Place::Member(&place, name).render(&mut path);
        self.findings.unknown.push(StrictError::Unknown(path));
    }

    fn scalar(&mut self, value: &mut Value, scalar: Scalar, place: Place<'_>) {
        let fits = match (scalar, &mut *value) {
            (_, Value::Null)
            | (Scalar::String | Scalar::IntOrString, Value::String(_))
            | (Scalar::Bool | Scalar::SchemaOrBool, Value::Bool(_))
            | (Scalar::Any | Scalar::RawExtension | Scalar::FieldsV1 | Scalar::Json, _) => true,
            (Scalar::Int32 | Scalar::IntOrString, Value::Number(n)) => {
                n.as_i64().is_some_and(|n| i32::try_from(n).is_ok())
            }
            (Scalar::Int64, Value::Number(n)) => n.is_i64(),
            (Scalar::Double, Value::Number(n)) => {
                if n.is_f64() {
                    let canonical = n.as_f64().and_then(scalar::double);
                    *value = canonical.unwrap_or(Value::Null);
                }
                true
            }
            (
                Scalar::Bytes | Scalar::Quantity | Scalar::Time | Scalar::MicroTime | Scalar::Duration,
                Value::String(text),
            ) => match scalar::text(scalar, text) {
                Ok(None) => true,
                Ok(Some(canonical)) => {
                    *value = canonical;
                    true
                }
                Err(_) => false,
            },
            (Scalar::SchemaOrBool | Scalar::SchemaOrArray | Scalar::SchemaOrStringArray, _) => {
                self.schema_or(value, scalar, place)
            }
            _ => false,
        };
        self.findings.suspect |= !fits;
    }

    fn schema_or(&mut self, value: &mut Value, scalar: Scalar, place: Place<'_>) -> bool {
        let Some(props) = self.schema_props else { return true };
        self.lenient += 1;
        let fits = match (scalar, value) {
            (_, value @ Value::Object(_)) => {
                self.value(value, props, place);
                true
            }
            (Scalar::SchemaOrArray, Value::Array(schemas)) => {
                for schema in schemas {
                    self.value(schema, props, place);
                }
                true
            }
            (Scalar::SchemaOrStringArray, Value::Array(names)) => names.iter().all(Value::is_string),
            _ => false,
        };
        self.lenient -= 1;
        fits
    }
}
