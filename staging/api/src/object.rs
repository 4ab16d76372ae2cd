//! What all kinds have in common: their names and their codecs.

use serde::{Deserialize, Serialize, de::DeserializeOwned, ser::SerializeMap as _};
use serde_json::Value;

use crate::{
    meta::v1::{ListMeta, ObjectMeta},
    reflect::TypeId,
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

    /// Encodes into JSON text, `apiVersion` and `kind` first.
    fn to_json(&self) -> Vec<u8>;

    /// Decodes a list of this kind.
    ///
    /// # Errors
    /// Like [`Kind::from_json`].
    fn list_from_json(json: &[u8]) -> Result<List<Self>, serde_json::Error>;
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
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(bound(deserialize = "T: DeserializeOwned"))]
pub struct List<T> {
    /// Revision, continuation and remaining count.
    #[serde(default)]
    pub metadata: ListMeta,
    /// The objects.
    #[serde(default, deserialize_with = "crate::wire::list")]
    pub items: Vec<T>,
}

impl<T: Kind + Serialize> Serialize for List<T> {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(4))?;
        map.serialize_entry("kind", &format_args!("{}List", T::KIND).to_string())?;
        map.serialize_entry("apiVersion", T::API_VERSION)?;
        map.serialize_entry("metadata", &self.metadata)?;
        map.serialize_entry("items", &self.items)?;
        map.end()
    }
}

/// `T` with `kind` and `apiVersion` before its own members.
#[derive(Serialize)]
pub(crate) struct WithTypeMeta<'a, T> {
    kind: &'static str,
    #[serde(rename = "apiVersion")]
    api_version: &'static str,
    #[serde(flatten)]
    object: &'a T,
}

impl<'a, T: Kind> WithTypeMeta<'a, T> {
    pub(crate) fn new(object: &'a T) -> Self {
        Self {
            kind: T::KIND,
            api_version: T::API_VERSION,
            object,
        }
    }
}

macro_rules! kind {
    ($ty:ident, $group:literal, $version:literal, $definition:literal) => {
        impl $crate::object::Kind for $ty {
            const GROUP: &'static str = $group;
            const VERSION: &'static str = $version;
            const API_VERSION: &'static str = $crate::object::api_version!($group, $version);
            const KIND: &'static str = stringify!($ty);
            const DEFINITION: &'static str = $definition;

            fn from_value(value: serde_json::Value) -> Result<Self, serde_json::Error> {
                serde_json::from_value(value)
            }

            fn to_value(&self) -> serde_json::Value {
                serde_json::to_value($crate::object::WithTypeMeta::new(self)).expect("API structs encode as JSON")
            }

            fn from_json(json: &[u8]) -> Result<Self, serde_json::Error> {
                serde_json::from_slice(json)
            }

            fn to_json(&self) -> Vec<u8> {
                serde_json::to_vec(&$crate::object::WithTypeMeta::new(self)).expect("API structs encode as JSON")
            }

            fn list_from_json(json: &[u8]) -> Result<$crate::object::List<Self>, serde_json::Error> {
                serde_json::from_slice(json)
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

macro_rules! api_version {
    ("", $version:literal) => {
        $version
    };
    ($group:literal, $version:literal) => {
        concat!($group, "/", $version)
    };
}

pub(crate) use {api_version, has_metadata, kind, object};
