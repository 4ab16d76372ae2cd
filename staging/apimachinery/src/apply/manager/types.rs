//! What a caller tells about a kind: its types at each API version, conversion, fields that a
//! strategy resets.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, LazyLock, PoisonError, RwLock};

use k8s_api::reflect::{TypeId, TypeRef};
use k8s_api::tree::Tree;
use serde_json::Value;

use crate::apply::fieldset::Filter;
use crate::apply::typed::TypedRef;

/// For each API version (`apps/v1`), which changed fields are tracked.
pub type ResetFields = BTreeMap<String, Filter>;

/// Why an object has no form at an API version.
#[derive(Debug, thiserror::Error)]
pub enum ConvertError {
    /// The version is not (or no longer) served; managers at it are dropped.
    #[error("no kind is registered for version {0:?}")]
    MissingVersion(String),
    /// The conversion failed.
    #[error("{0}")]
    Failed(String),
}

/// A kind at its API versions.
pub trait VersionedTypes {
    /// The type of the kind at a version (`apps/v1`); `None` if the version is not served.
    fn type_at(&self, api_version: &str) -> Option<TypedRef<'_>>;

    /// The empty object a create is compared with.
    fn empty_object(&self, api_version: &str) -> Value;

    /// [`VersionedTypes::empty_object`] for reading.
    fn empty_tree(&self, api_version: &str) -> Arc<Tree> {
        Arc::new(Tree::from(&self.empty_object(api_version)))
    }

    /// The object, which says its own version, at `api_version`.
    ///
    /// # Errors
    /// [`ConvertError::MissingVersion`] if the version is not served, otherwise why it failed.
    fn convert<'v>(&self, object: &'v Value, api_version: &str) -> Result<Cow<'v, Value>, ConvertError>;
}

/// A kind that has one version.
#[derive(Clone, Copy, Debug)]
pub struct SingleVersion<'s> {
    /// The version (`apps/v1`).
    pub api_version: &'s str,
    /// Its type.
    pub ty: TypeRef<'s>,
}

impl VersionedTypes for SingleVersion<'_> {
    fn type_at(&self, api_version: &str) -> Option<TypedRef<'_>> {
        (api_version == self.api_version).then_some(TypedRef::Schema(self.ty))
    }

    fn empty_object(&self, _: &str) -> Value {
        crate::apply::typed::zero_value(self.ty)
    }

    /// Every create is compared with it; those of built-in types are kept.
    fn empty_tree(&self, api_version: &str) -> Arc<Tree> {
        static KEPT: LazyLock<RwLock<HashMap<TypeId, Arc<Tree>>>> = LazyLock::new(RwLock::default);
        let make = || Arc::new(Tree::from(&self.empty_object(api_version)));
        if !std::ptr::eq(self.ty.schema, k8s_api::builtin_schema()) {
            return make();
        }
        if let Some(tree) = KEPT.read().unwrap_or_else(PoisonError::into_inner).get(&self.ty.id) {
            return tree.clone();
        }
        let mut kept = KEPT.write().unwrap_or_else(PoisonError::into_inner);
        kept.entry(self.ty.id).or_insert_with(make).clone()
    }

    fn convert<'v>(&self, object: &'v Value, api_version: &str) -> Result<Cow<'v, Value>, ConvertError> {
        if api_version == self.api_version {
            Ok(Cow::Borrowed(object))
        } else {
            Err(ConvertError::MissingVersion(api_version.to_owned()))
        }
    }
}
