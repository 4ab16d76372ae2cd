//! Types as the walks see them: scalar, list or object, with the schema's facts.
//!
//! Two types have no schema. *Deduced* values are granular objects all the way down, with atomic
//! lists; *untyped* values are atomic, whatever they are.

use std::borrow::Cow;
use std::cmp::Ordering;

use k8s_api::reflect::{Field, ListTopology, Scalar, StructType, Type, TypeRef};
use k8s_api::tree::{Form, View};
use serde_json::Value;
use smol_str::SmolStr;

use crate::apply::fieldset::{KeyField, PathElement};
use crate::apply::go;

/// The type of a value.
#[derive(Clone, Copy, Debug)]
pub enum TypedRef<'s> {
    /// A type of a schema.
    Schema(TypeRef<'s>),
    /// Deduced from the value: objects are granular, lists and scalars atomic.
    Deduced,
    /// Atomic, whatever it is.
    Untyped,
}

impl<'s> From<TypeRef<'s>> for TypedRef<'s> {
    fn from(ty: TypeRef<'s>) -> Self {
        Self::Schema(ty)
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ScalarKind {
    Numeric,
    Text,
    Boolean,
    Untyped,
}

impl ScalarKind {
    /// Whether a value can be one; absent ones are always fine.
    pub(super) fn fits(self, form: Form) -> bool {
        match self {
            _ if form == Form::Null => true,
            Self::Numeric => form == Form::Number,
            Self::Text => form == Form::Text,
            Self::Boolean => form == Form::Bool,
            Self::Untyped => !matches!(form, Form::List | Form::Object),
        }
    }
}

#[derive(Clone, Copy)]
pub(super) struct ListShape<'s> {
    pub(super) element: TypedRef<'s>,
    pub(super) topology: ListTopology,
    keys: &'s [Cow<'static, str>],
}

#[derive(Clone, Copy)]
pub(super) struct MapShape<'s> {
    /// The named fields, with the schema they live in.
    fields: Option<(&'s StructType, TypeRef<'s>)>,
    /// The type of members without a field; `None` if such are not allowed.
    pub(super) element: Option<TypedRef<'s>>,
    pub(super) atomic: bool,
}

pub(super) enum Shape<'s> {
    Scalar(ScalarKind),
    List(ListShape<'s>),
    Map(MapShape<'s>),
}

impl Shape<'_> {
    /// Whether both shapes are of one kind; shapes of one type differ only in kind.
    pub(super) fn same_kind(&self, other: &Self) -> bool {
        std::mem::discriminant(self) == std::mem::discriminant(other)
    }
}

fn deduce<'s>(form: Option<Form>, element: TypedRef<'s>, atomic: bool) -> Shape<'s> {
    match form {
        Some(Form::Bool | Form::Number | Form::Text) => Shape::Scalar(ScalarKind::Untyped),
        Some(Form::List) => Shape::List(ListShape {
            element: TypedRef::Untyped,
            topology: ListTopology::Atomic,
            keys: &[],
        }),
        Some(Form::Object | Form::Null) | None => Shape::Map(MapShape {
            fields: None,
            element: Some(element),
            atomic,
        }),
    }
}

impl<'s> TypedRef<'s> {
    /// The shape of this type; where the type allows several, the one that fits the value.
    pub(super) fn shape(self, value: Option<&Value>) -> Shape<'s> {
        self.shape_of(value.map(Form::from))
    }

    /// [`TypedRef::shape`] for a value of this form.
    pub(super) fn shape_of(self, form: Option<Form>) -> Shape<'s> {
        let ty = match self {
            Self::Schema(ty) => ty,
            Self::Deduced => return deduce(form, Self::Deduced, false),
            Self::Untyped => return deduce(form, Self::Untyped, true),
        };
        match ty.get() {
            Type::Scalar(scalar) => match scalar {
                Scalar::Bool => Shape::Scalar(ScalarKind::Boolean),
                Scalar::Int32 | Scalar::Int64 | Scalar::Double => Shape::Scalar(ScalarKind::Numeric),
                Scalar::String | Scalar::Bytes | Scalar::Duration => Shape::Scalar(ScalarKind::Text),
                Scalar::Quantity | Scalar::Time | Scalar::MicroTime | Scalar::IntOrString => {
                    Shape::Scalar(ScalarKind::Untyped)
                }
                Scalar::RawExtension => deduce(form, Self::Untyped, true),
                Scalar::FieldsV1 => Shape::Map(MapShape {
                    fields: None,
                    element: Some(Self::Deduced),
                    atomic: false,
                }),
                Scalar::Json
                | Scalar::Any
                | Scalar::SchemaOrBool
                | Scalar::SchemaOrArray
                | Scalar::SchemaOrStringArray => deduce(form, Self::Deduced, false),
            },
            Type::Struct(s) => Shape::Map(MapShape {
                fields: Some((s, ty)),
                element: s
                    .additional
                    .map(|id| Self::Schema(ty.at(id)))
                    .or_else(|| s.fields.is_empty().then_some(Self::Deduced)),
                atomic: s.atomic,
            }),
            Type::Map(m) => Shape::Map(MapShape {
                fields: None,
                element: Some(Self::Schema(ty.at(m.value))),
                atomic: m.atomic,
            }),
            Type::List(l) => Shape::List(ListShape {
                element: Self::Schema(ty.at(l.element)),
                topology: l.topology,
                keys: &l.keys,
            }),
        }
    }
}

impl<'s> MapShape<'s> {
    /// The type of a named field.
    pub(super) fn field(&self, name: &str) -> Option<TypedRef<'s>> {
        let (fields, ty) = self.fields?;
        fields.field(name).map(|f| TypedRef::Schema(ty.at(f.ty)))
    }

    /// The type of the member `name`.
    pub(super) fn member(&self, name: &str) -> Option<TypedRef<'s>> {
        self.field(name).or(self.element)
    }

    /// The members' types, for names that are asked for in ascending order.
    pub(super) fn fields(&self) -> FieldsInOrder<'_, 's> {
        FieldsInOrder {
            shape: self,
            left: self.fields.map_or(&[], |(fields, _)| fields.fields.as_ref()),
        }
    }

    /// Whether it is an object whose members are deduced.
    pub(super) fn is_deduced(&self) -> bool {
        self.fields.is_none_or(|(s, _)| s.fields.is_empty()) && matches!(self.element, Some(TypedRef::Deduced))
    }
}

/// Walks the fields of a type, which are sorted by name, beside the members of a value.
pub(super) struct FieldsInOrder<'m, 's> {
    shape: &'m MapShape<'s>,
    left: &'s [Field],
}

impl<'s> FieldsInOrder<'_, 's> {
    /// The type of the field `name`, which comes behind those asked for before.
    pub(super) fn field(&mut self, name: &str) -> Option<TypedRef<'s>> {
        while let Some((field, behind)) = self.left.split_first() {
            match field.name.as_ref().cmp(name) {
                Ordering::Less => self.left = behind,
                Ordering::Equal => return self.shape.fields.map(|(_, ty)| TypedRef::Schema(ty.at(field.ty))),
                Ordering::Greater => break,
            }
        }
        None
    }

    /// The type of the member `name`, which comes behind those asked for before.
    pub(super) fn member(&mut self, name: &str) -> Option<TypedRef<'s>> {
        self.field(name).or(self.shape.element)
    }
}

impl ListShape<'_> {
    pub(super) fn is_atomic(&self) -> bool {
        self.topology == ListTopology::Atomic
    }

    /// The key of each element, where it is a single one and text in all of them.
    pub(super) fn text_keys<'t>(&self, list: View<'t>) -> Option<(&str, Vec<(&'t str, View<'t>)>)> {
        let [key] = self.keys else { return None };
        if self.topology != ListTopology::Map {
            return None;
        }
        let items = list.elements().map(|item| Some((item.get(key)?.as_str()?, item)));
        Some((key, items.collect::<Option<_>>()?))
    }

    /// Whether two map lists surely have the same elements in the same order, each once. Most lists that are applied are those
    /// that are there.
    pub(super) fn has_same_keys(&self, left: &[Value], right: &[Value]) -> bool {
        /// Each element is held against each other.
        const LONGEST: usize = 16;
        if self.topology != ListTopology::Map || left.len() != right.len() || left.len() > LONGEST {
            return false;
        }
        let same = |left: &Value, right: &Value| {
            let mut keys = self
                .keys
                .iter()
                .map(|key| (left.get(key.as_ref()), right.get(key.as_ref())));
            keys.all(|(left, right)| left.is_some() && left == right)
        };
        left.iter().zip(right).all(|(left, right)| same(left, right))
            && (1..right.len()).all(|at| !right[..at].iter().any(|before| same(before, &right[at])))
    }

    /// How an element of a set or map list is found again.
    ///
    /// # Errors
    /// What keeps the element from being one of such a list.
    pub(super) fn path_element(&self, item: &Value) -> Result<PathElement, String> {
        self.element_by(Form::from(item), || item.clone(), |key| item.get(key).cloned())
    }

    /// [`ListShape::path_element`] of a tree's.
    ///
    /// # Errors
    /// As there.
    pub(super) fn element_of(&self, item: View<'_>) -> Result<PathElement, String> {
        self.element_by(item.form(), || item.to_value(), |key| item.get(key).map(View::to_value))
    }

    fn element_by(
        &self,
        form: Form,
        whole: impl FnOnce() -> Value,
        member: impl Fn(&str) -> Option<Value>,
    ) -> Result<PathElement, String> {
        match self.topology {
            ListTopology::Atomic => Err("invalid indexing of non-associative list".to_owned()),
            ListTopology::Set => match form {
                Form::Object => Err("associative list without keys has an element that's a map type".to_owned()),
                Form::List => Err("not supported: associative list with lists as elements".to_owned()),
                Form::Null => Err("associative list without keys has an element that's an explicit null".to_owned()),
                Form::Bool | Form::Number | Form::Text => Ok(PathElement::Value(Box::new(whole()))),
            },
            ListTopology::Map => match form {
                Form::Object => self.keyed_element(member),
                Form::Null => Err("associative list with keys may not have a null element".to_owned()),
                _ => Err("associative list with keys may not have non-map elements".to_owned()),
            },
        }
    }

    fn keyed_element(&self, member: impl Fn(&str) -> Option<Value>) -> Result<PathElement, String> {
        let mut fields = Vec::with_capacity(self.keys.len());
        for key in self.keys {
            let value = match member(key.as_ref()) {
                Some(value) => Some(value),
                None => self.key_default(key)?,
            };
            if let Some(value) = value {
                fields.push(KeyField {
                    name: SmolStr::new(key),
                    value,
                });
            }
        }
        if fields.is_empty() && !self.keys.is_empty() {
            let keys: Vec<_> = self.keys.iter().map(|k| go::quote(k)).collect();
            return Err(format!(
                "associative list with keys has an element that omits all key fields [{}] (and doesn't have default values for any key fields)",
                keys.join(" ")
            ));
        }
        Ok(PathElement::from_key_fields(fields))
    }

    fn key_default(&self, key: &str) -> Result<Option<Value>, String> {
        let TypedRef::Schema(element) = self.element else {
            return Ok(None);
        };
        let Some(default) = element
            .as_struct()
            .and_then(|s| s.field(key))
            .map(|f| f.default.as_ref())
        else {
            return Ok(None);
        };
        if default.is_empty() {
            return Ok(None);
        }
        serde_json::from_str(default)
            .map(Some)
            .map_err(|e| format!("couldn't find default value for {key}: {e}"))
    }
}
