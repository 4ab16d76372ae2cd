//! Reflection: the facts about every field that generic code needs.
//!
//! Strategic merge patch, server-side apply, strict decoding, pruning, defaulting from a schema
//! and the protobuf transcoder never see a Rust struct. They walk a [`Schema`]: an arena of
//! [`Type`]s that refer to each other by [`TypeId`]. The schema of the built-in types is generated
//! into read-only data and costs nothing at start-up ([`crate::builtin_schema`]); the schema of a
//! custom resource is built at run time with the same types.
//!
//! Upstream spreads the same facts over struct tags, the OpenAPI extensions
//! (`x-kubernetes-list-type`, …) and the `.proto` files.

use std::borrow::Cow;

/// Index of a [`Type`] in its [`Schema`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TypeId(pub u32);

/// An arena of types that refer to each other.
#[derive(Clone, Debug, Default)]
pub struct Schema {
    /// The types; a [`TypeId`] is an index into this list.
    pub types: Cow<'static, [Type]>,
}

impl Schema {
    /// The type behind `id`.
    ///
    /// # Panics
    /// If `id` belongs to another schema and lies outside this one.
    #[must_use]
    pub fn get(&self, id: TypeId) -> &Type {
        &self.types[id.0 as usize]
    }

    /// A cursor on the type behind `id`.
    #[must_use]
    pub fn at(&self, id: TypeId) -> TypeRef<'_> {
        TypeRef { schema: self, id }
    }
}

/// A [`Schema`] and a position in it; cheap to copy.
#[derive(Clone, Copy, Debug)]
pub struct TypeRef<'a> {
    /// The arena.
    pub schema: &'a Schema,
    /// The position.
    pub id: TypeId,
}

impl<'a> TypeRef<'a> {
    /// The type under the cursor.
    #[must_use]
    pub fn get(self) -> &'a Type {
        self.schema.get(self.id)
    }

    /// A cursor on another type of the same schema.
    #[must_use]
    pub fn at(self, id: TypeId) -> TypeRef<'a> {
        TypeRef {
            schema: self.schema,
            id,
        }
    }

    /// The struct under the cursor, if it is one.
    #[must_use]
    pub fn as_struct(self) -> Option<&'a StructType> {
        match self.get() {
            Type::Struct(s) => Some(s),
            _ => None,
        }
    }

    /// The type of field `name`, or of the additional members where the struct or map allows them.
    #[must_use]
    pub fn field(self, name: &str) -> Option<TypeRef<'a>> {
        match self.get() {
            Type::Struct(s) => s.field(name).map(|f| f.ty).or(s.additional).map(|t| self.at(t)),
            Type::Map(m) => Some(self.at(m.value)),
            _ => None,
        }
    }

    /// The element type of a list.
    #[must_use]
    pub fn element(self) -> Option<TypeRef<'a>> {
        match self.get() {
            Type::List(l) => Some(self.at(l.element)),
            _ => None,
        }
    }
}

/// The shape of a JSON value.
#[derive(Clone, Debug)]
pub enum Type {
    /// A value without members.
    Scalar(Scalar),
    /// An object with named fields.
    Struct(StructType),
    /// An array.
    List(ListType),
    /// An object whose keys are free.
    Map(MapType),
}

/// The kinds of values without fields of their own.
///
/// Several are messages on the protobuf wire (noted with their fields) though JSON shows a scalar.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Scalar {
    /// `true` or `false`.
    Bool,
    /// A signed 32-bit integer.
    Int32,
    /// A signed 64-bit integer.
    Int64,
    /// A 64-bit floating point number.
    Double,
    /// Text.
    String,
    /// Base64 text in JSON, raw bytes in protobuf.
    Bytes,
    /// `resource.Quantity`: message with `string` = 1.
    Quantity,
    /// `metav1.Time` (RFC 3339, seconds): message with `seconds` = 1 (int64), `nanos` = 2 (int32, always 0 is written).
    Time,
    /// `metav1.MicroTime` (RFC 3339, six decimals): message like [`Scalar::Time`].
    MicroTime,
    /// `metav1.Duration` (Go duration text): message with `duration` = 1 (int64 nanoseconds).
    Duration,
    /// `intstr.IntOrString`: message with `type` = 1 (0 int, 1 string), `intVal` = 2, `strVal` = 3.
    IntOrString,
    /// `runtime.RawExtension`: any JSON object; message with `raw` = 1 (its JSON bytes).
    RawExtension,
    /// `metav1.FieldsV1`: a JSON object; message with `Raw` = 1 (its JSON bytes).
    FieldsV1,
    /// `apiextensions.JSON`: any JSON value; message with `raw` = 1.
    Json,
    /// `apiextensions.JSONSchemaPropsOrBool`: message with `allows` = 1 (bool), `schema` = 2.
    SchemaOrBool,
    /// `apiextensions.JSONSchemaPropsOrArray`: message with `schema` = 1, `jSONSchemas` = 2.
    SchemaOrArray,
    /// `apiextensions.JSONSchemaPropsOrStringArray`: message with `schema` = 1, `property` = 2.
    SchemaOrStringArray,
    /// A value of unknown shape (`x-kubernetes-preserve-unknown-fields`): kept as it is, atomic in
    /// server-side apply unless it turns out to be an object, whose members are then `Any` again.
    Any,
}

/// An object with named fields.
#[derive(Clone, Debug, Default)]
pub struct StructType {
    /// OpenAPI definition name (`io.k8s.api.core.v1.Container`); empty for an anonymous struct.
    pub name: Cow<'static, str>,
    /// The fields, sorted by JSON name (bytewise), inlined ones included.
    pub fields: Cow<'static, [Field]>,
    /// The type of members that no field names, where such are allowed.
    pub additional: Option<TypeId>,
    /// `x-kubernetes-map-type: atomic`: owned and replaced as a whole by server-side apply.
    pub atomic: bool,
}

impl StructType {
    /// The field with this JSON name.
    #[must_use]
    pub fn field(&self, name: &str) -> Option<&Field> {
        self.fields
            .binary_search_by(|f| f.name.as_ref().cmp(name))
            .ok()
            .map(|i| &self.fields[i])
    }
}

/// One field of a [`StructType`].
#[derive(Clone, Debug)]
pub struct Field {
    /// JSON name.
    pub name: Cow<'static, str>,
    /// Its type.
    pub ty: TypeId,
    /// Whether Go holds it behind a pointer, so that a zero value is kept apart from absence.
    /// Lists and maps are never pointers: empty is absent.
    pub pointer: bool,
    /// Whether an empty value is still written (`json` tag without `omitempty`).
    pub required: bool,
    /// Whether a struct by value (neither pointer nor `omitzero`) is written as `{}` when empty.
    pub keep_empty_struct: bool,
    /// OpenAPI `required`; differs from [`Field::required`] where upstream marks a field otherwise.
    pub schema_required: bool,
    /// `x-kubernetes-patch-strategy`.
    pub patch_strategy: PatchStrategy,
    /// `x-kubernetes-patch-merge-key`; empty where there is none.
    pub patch_merge_key: Cow<'static, str>,
    /// The OpenAPI default, as JSON text; empty where there is none.
    pub default: Cow<'static, str>,
    /// The path of protobuf field numbers; one number, or several where protobuf nests what JSON
    /// inlines (`Volume.hostPath` is `[2, 1]`). Empty for fields that are not on the wire.
    pub proto: Cow<'static, [u32]>,
}

/// How strategic merge patch treats a list or map field.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum PatchStrategy {
    /// No strategy: lists are replaced, objects merged.
    #[default]
    None,
    /// Lists are merged, by the merge key if there is one.
    Merge,
    /// Objects are replaced.
    Replace,
    /// Objects keep only the keys that `$retainKeys` names.
    RetainKeys,
    /// Both `merge` and `retainKeys`.
    MergeRetainKeys,
}

impl PatchStrategy {
    /// Whether lists are merged.
    #[must_use]
    pub fn merges(self) -> bool {
        matches!(self, Self::Merge | Self::MergeRetainKeys)
    }

    /// Whether `$retainKeys` applies.
    #[must_use]
    pub fn retains_keys(self) -> bool {
        matches!(self, Self::RetainKeys | Self::MergeRetainKeys)
    }
}

/// An array.
#[derive(Clone, Debug)]
pub struct ListType {
    /// Type of the elements.
    pub element: TypeId,
    /// `x-kubernetes-list-type`.
    pub topology: ListTopology,
    /// `x-kubernetes-list-map-keys`, in their declared order.
    pub keys: Cow<'static, [Cow<'static, str>]>,
    /// Whether protobuf wraps the list in a message with `items` = 1 (`ExtraValue`, `Verbs`).
    pub wrapped: bool,
}

/// How server-side apply owns a list.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ListTopology {
    /// One owner for the whole list; the default.
    #[default]
    Atomic,
    /// An owner for each distinct scalar.
    Set,
    /// An owner for each element, found by its keys.
    Map,
}

/// An object with free keys.
#[derive(Clone, Debug)]
pub struct MapType {
    /// Type of the values.
    pub value: TypeId,
    /// One owner for the whole map under server-side apply.
    pub atomic: bool,
}

/// Constructors that the generated tables are written with.
pub(crate) mod build {
    use super::{Cow, Field, ListType, MapType, PatchStrategy, StructType, Type, TypeId};

    pub(crate) use super::ListTopology;

    pub(crate) const POINTER: u8 = 1;
    pub(crate) const REQUIRED: u8 = 2;
    pub(crate) const KEEP_EMPTY: u8 = 4;
    pub(crate) const SCHEMA_REQUIRED: u8 = 8;

    pub(crate) const fn field(name: &'static str, ty: u32, flags: u8, proto: &'static [u32]) -> Field {
        field_with(name, ty, flags, proto, PatchStrategy::None, "", "")
    }

    pub(crate) const fn field_with(
        name: &'static str,
        ty: u32,
        flags: u8,
        proto: &'static [u32],
        patch_strategy: PatchStrategy,
        patch_merge_key: &'static str,
        default: &'static str,
    ) -> Field {
        Field {
            name: Cow::Borrowed(name),
            ty: TypeId(ty),
            pointer: flags & POINTER != 0,
            required: flags & REQUIRED != 0,
            keep_empty_struct: flags & KEEP_EMPTY != 0,
            schema_required: flags & SCHEMA_REQUIRED != 0,
            patch_strategy,
            patch_merge_key: Cow::Borrowed(patch_merge_key),
            default: Cow::Borrowed(default),
            proto: Cow::Borrowed(proto),
        }
    }

    pub(crate) const fn structure(name: &'static str, fields: &'static [Field], atomic: bool) -> Type {
        Type::Struct(StructType {
            name: Cow::Borrowed(name),
            fields: Cow::Borrowed(fields),
            additional: None,
            atomic,
        })
    }

    pub(crate) const fn list(
        element: u32,
        topology: ListTopology,
        keys: &'static [Cow<'static, str>],
        wrapped: bool,
    ) -> Type {
        Type::List(ListType {
            element: TypeId(element),
            topology,
            keys: Cow::Borrowed(keys),
            wrapped,
        })
    }

    pub(crate) const fn map(value: u32, atomic: bool) -> Type {
        Type::Map(MapType {
            value: TypeId(value),
            atomic,
        })
    }
}
