//! Typed and dynamic access to resources (upstream: `client-go/kubernetes`, `dynamic`, `metadata`).
//!
//! [`Client::namespaced`], [`Client::cluster`] and [`Client::all`] give an [`Api`] of a built-in kind;
//! [`Client::resource`] gives one of any kind, by group, version and plural name: as [`DynamicObject`], or as
//! `PartialObjectMetadata`, when the server is asked for metadata only.

mod dynamic;
mod handle;
mod options;
mod patch;
mod resource;
mod subresources;
#[cfg(test)]
mod tests;

use k8s_api::meta::v1::ListMeta;
use k8s_api::{HasMetadata, Object};

pub use dynamic::DynamicObject;
pub use handle::{Api, Deleted};
pub use options::{DeleteOptions, GetOptions, ListOptions, Propagation, VersionMatch, WatchOptions, WriteOptions};
pub use patch::Patch;
pub use resource::{GroupVersionResource, Resource};
pub use subresources::LogOptions;

use crate::rest::Client;

/// What an [`Api`] and the caches hold: every type with object metadata, and [`DynamicObject`].
pub trait ApiObject: Clone + Send + Sync + 'static {
    /// The media type that is asked for, of one object and of a watch.
    const ACCEPT: &'static str;

    /// The media type of a list that is asked for.
    const LIST_ACCEPT: &'static str = Self::ACCEPT;

    /// Decodes one object.
    ///
    /// # Errors
    /// The text is no such object.
    fn decode(json: &[u8]) -> Result<Self, serde_json::Error>;

    /// Decodes a list.
    ///
    /// # Errors
    /// The text is no list of such objects.
    fn decode_list(json: &[u8]) -> Result<(ListMeta, Vec<Self>), serde_json::Error>;

    /// The object as JSON.
    fn encode(&self) -> Vec<u8>;

    /// `metadata.name`.
    fn name(&self) -> &str;

    /// `metadata.namespace`; empty for cluster-scoped objects.
    fn namespace(&self) -> &str;

    /// `metadata.uid`.
    fn uid(&self) -> &str;

    /// `metadata.resourceVersion`.
    fn resource_version(&self) -> &str;

    /// Drops `metadata.managedFields`, which few need and which are a good part of an object.
    fn drop_managed_fields(&mut self);
}

impl<T: HasMetadata> ApiObject for T {
    const ACCEPT: &'static str = if is_partial(T::KIND) {
        PARTIAL
    } else {
        "application/json"
    };
    const LIST_ACCEPT: &'static str = if is_partial(T::KIND) {
        PARTIAL_LIST
    } else {
        Self::ACCEPT
    };

    fn decode(json: &[u8]) -> Result<Self, serde_json::Error> {
        T::from_json(json)
    }

    fn decode_list(json: &[u8]) -> Result<(ListMeta, Vec<Self>), serde_json::Error> {
        T::list_from_json(json).map(|list| (list.metadata, list.items))
    }

    fn encode(&self) -> Vec<u8> {
        self.to_json()
    }

    fn name(&self) -> &str {
        &self.metadata().name
    }

    fn namespace(&self) -> &str {
        &self.metadata().namespace
    }

    fn uid(&self) -> &str {
        &self.metadata().uid
    }

    fn resource_version(&self) -> &str {
        &self.metadata().resource_version
    }

    fn drop_managed_fields(&mut self) {
        self.metadata_mut().managed_fields = Vec::new();
    }
}

const PARTIAL: &str = "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1, application/json";

// Asked for a list as `PartialObjectMetadata`, a server answers 406.
const PARTIAL_LIST: &str = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1, application/json";

const fn is_partial(kind: &str) -> bool {
    let (kind, wanted) = (kind.as_bytes(), b"PartialObjectMetadata");
    if kind.len() != wanted.len() {
        return false;
    }
    let mut i = 0;
    while i < kind.len() {
        if kind[i] != wanted[i] {
            return false;
        }
        i += 1;
    }
    true
}

impl Client {
    /// Objects of a namespaced kind in one namespace.
    ///
    /// # Panics
    /// If the kind is cluster-scoped or the namespace empty: both are mistakes of the code.
    #[must_use]
    pub fn namespaced<T: Object>(&self, namespace: impl Into<String>) -> Api<T> {
        let namespace = namespace.into();
        assert!(T::NAMESPACED, "{} is cluster-scoped", T::PLURAL);
        assert!(!namespace.is_empty(), "an empty namespace was set for {}", T::PLURAL);
        Api::new(Resource::of::<T>(self.clone(), Some(namespace)))
    }

    /// Objects of a cluster-scoped kind.
    ///
    /// # Panics
    /// If the kind is namespaced.
    #[must_use]
    pub fn cluster<T: Object>(&self) -> Api<T> {
        assert!(!T::NAMESPACED, "{} is namespaced", T::PLURAL);
        Api::new(Resource::of::<T>(self.clone(), None))
    }

    /// Objects of a kind in every namespace, for lists and watches; of cluster-scoped kinds all.
    #[must_use]
    pub fn all<T: Object>(&self) -> Api<T> {
        Api::new(Resource::of::<T>(self.clone(), None))
    }

    /// Objects of any resource, in one namespace or (`None`) in all or none.
    #[must_use]
    pub fn resource<T: ApiObject>(&self, resource: GroupVersionResource, namespace: Option<&str>) -> Api<T> {
        Api::new(Resource::new(self.clone(), resource, namespace.map(str::to_owned)))
    }

    /// Objects of any resource as [`DynamicObject`].
    #[must_use]
    pub fn dynamic(&self, resource: GroupVersionResource, namespace: Option<&str>) -> Api<DynamicObject> {
        self.resource(resource, namespace)
    }
}
