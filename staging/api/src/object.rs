//! What all kinds have in common: their names and their codecs.

use std::sync::Arc;

use serde_json::Value;

use crate::{
    meta::v1::{ListMeta, ObjectMeta},
    pick::{Paths, Picked},
    reflect::TypeId,
    tree::Tree,
};

/// A type that carries `apiVersion` and `kind` on the wire.
///
/// The structs do not hold the two (they are the same for every value); the codecs here write
/// them. All codecs are instantiated in this crate, once a kind.
pub trait Kind: Clone + Default + PartialEq + std::fmt::Debug + Send + Sync + 'static {
    /// API group; empty for the core group and for the kinds that belong to every group.
    const GROUP: &'static str;
    /// API version within the group.
    const VERSION: &'static str;
    /// `apiVersion`: `GROUP/VERSION`, or `VERSION` alone in the core group.
    const API_VERSION: &'static str;
    /// The kind's name.
    const KIND: &'static str;
    /// OpenAPI definition name.
    const DEFINITION: &'static str;

    /// The kind's place in the built-in [schema](crate::builtin_schema).
    fn type_id() -> TypeId {
        crate::definition(Self::DEFINITION).expect("every generated kind stands in the generated schema")
    }

    /// Decodes the dynamic form; unknown members, `apiVersion` and `kind` are passed over.
    ///
    /// # Errors
    /// If a member has the wrong type or an impossible value.
    fn from_value(value: Value) -> Result<Self, serde_json::Error>;

    /// Encodes into the dynamic form, `apiVersion` and `kind` included.
    fn to_value(&self) -> Value;

    /// Decodes JSON text; like [`Kind::from_value`].
    ///
    /// # Errors
    /// If the text is not JSON, or a member has the wrong type or an impossible value.
    fn from_json(json: &[u8]) -> Result<Self, serde_json::Error>;

    /// Decodes JSON text that a client sent, if all of it is as it should be: `apiVersion` and `kind` are this kind's,
    /// every member is known, stands once and has a value of its type in a spelling of which there is no other, lists
    /// have elements. `None` does not mean that anything is wrong, but that the text wants a closer look: what this
    /// accepts, every other way of reading accepts too, with the same outcome and without a complaint.
    fn from_plain_json(json: &[u8]) -> Option<Self>;

    /// Encodes into the dynamic form for reading, `apiVersion` and `kind` included.
    fn to_tree(&self) -> Tree;

    /// Encodes into JSON text, `apiVersion` and `kind` first.
    fn to_json(&self) -> Vec<u8>;

    /// The scalars at these paths of the dynamic form; what is in lists cannot be had.
    fn pick(&self, paths: &Arc<Paths>) -> Picked;

    /// Decodes a list of this kind.
    ///
    /// # Errors
    /// Like [`Kind::from_json`].
    fn list_from_json(json: &[u8]) -> Result<List<Self>, serde_json::Error>;

    /// Encodes a list of this kind, `apiVersion` and `kind` first.
    fn list_to_json(list: &List<Self>) -> Vec<u8>;
}

/// A kind with object metadata.
pub trait HasMetadata: Kind {
    /// The object's metadata.
    fn metadata(&self) -> &ObjectMeta;

    /// The object's metadata, to be changed in place.
    fn metadata_mut(&mut self) -> &mut ObjectMeta;

    /// `metadata.name`.
    fn name(&self) -> &str {
        &self.metadata().name
    }

    /// `metadata.namespace`; empty for cluster-scoped objects.
    fn namespace(&self) -> &str {
        &self.metadata().namespace
    }
}

/// A kind that the API server stores and serves.
pub trait Object: HasMetadata {
    /// Plural resource name.
    const PLURAL: &'static str;
    /// Whether objects live in namespaces.
    const NAMESPACED: bool;
}

/// A list of objects (`PodList`, …). `apiVersion` and `kind` are those of `T`, with `List` behind the kind.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct List<T> {
    /// Revision, continuation and remaining count.
    pub metadata: ListMeta,
    /// The objects.
    pub items: Vec<T>,
}

impl<T: crate::wire::Wire + Default> crate::wire::Fields for List<T> {
    fn read_field(&mut self, name: &str, reader: &mut crate::wire::Reader<'_>) -> Result<bool, serde_json::Error> {
        match name {
            "metadata" => self.metadata = crate::wire::Wire::read(reader)?,
            "items" => self.items = crate::wire::Wire::read(reader)?,
            _ => return Ok(false),
        }
        Ok(true)
    }

    fn write_fields(&self, writer: &mut crate::wire::Writer) {
        writer.required("metadata", &self.metadata);
        writer.required("items", &self.items);
    }
}

impl<T: crate::wire::Wire + Default> crate::wire::Wire for List<T> {
    fn read(reader: &mut crate::wire::Reader<'_>) -> Result<Self, serde_json::Error> {
        crate::wire::read_struct(reader)
    }

    fn write(&self, writer: &mut crate::wire::Writer) {
        writer.object(&|writer| crate::wire::Fields::write_fields(self, writer));
    }
}

macro_rules! kind {
    ($ty:ident, $group:literal, $version:literal, $api_version:literal, $definition:literal) => {
        impl $crate::object::Kind for $ty {
            const GROUP: &'static str = $group;
            const VERSION: &'static str = $version;
            const API_VERSION: &'static str = $api_version;
            const KIND: &'static str = stringify!($ty);
            const DEFINITION: &'static str = $definition;

            fn from_value(value: serde_json::Value) -> Result<Self, serde_json::Error> {
                $crate::wire::from_value(value)
            }

            fn to_value(&self) -> serde_json::Value {
                $crate::wire::to_value(self, Some((Self::KIND, Self::API_VERSION)))
            }

            fn from_json(json: &[u8]) -> Result<Self, serde_json::Error> {
                $crate::wire::from_json(json)
            }

            fn from_plain_json(json: &[u8]) -> Option<Self> {
                $crate::wire::from_plain_json(json, Self::KIND, Self::API_VERSION)
            }

            fn to_tree(&self) -> $crate::tree::Tree {
                $crate::wire::to_tree(self, (Self::KIND, Self::API_VERSION))
            }

            fn to_json(&self) -> Vec<u8> {
                static ROOM: $crate::wire::Room = $crate::wire::Room::new();
                $crate::wire::to_json(self, (Self::KIND, Self::API_VERSION), &ROOM)
            }

            fn pick(&self, paths: &std::sync::Arc<$crate::pick::Paths>) -> $crate::pick::Picked {
                $crate::wire::pick(self, paths)
            }

            fn list_from_json(json: &[u8]) -> Result<$crate::object::List<Self>, serde_json::Error> {
                $crate::wire::from_json(json)
            }

            fn list_to_json(list: &$crate::object::List<Self>) -> Vec<u8> {
                let kind = concat!(stringify!($ty), "List");
                $crate::wire::to_json(list, (kind, Self::API_VERSION), &$crate::wire::Room::new())
            }
        }
    };
}

macro_rules! has_metadata {
    ($ty:ident) => {
        impl $crate::object::HasMetadata for $ty {
            fn metadata(&self) -> &$crate::meta::v1::ObjectMeta {
                &self.metadata
            }

            fn metadata_mut(&mut self) -> &mut $crate::meta::v1::ObjectMeta {
                &mut self.metadata
            }
        }
    };
}

macro_rules! object {
    ($ty:ident, $plural:literal, $namespaced:literal) => {
        has_metadata!($ty);

        impl $crate::object::Object for $ty {
            const PLURAL: &'static str = $plural;
            const NAMESPACED: bool = $namespaced;
        }
    };
}

pub(crate) use {has_metadata, kind, object};
