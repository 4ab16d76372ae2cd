//! The generic store of one resource: storage keys, reading, and what writing shares.

use std::{fmt::Debug, sync::Arc, time::Duration};

use apimachinery::{
    codec::protobuf::ProtobufCodec,
    status::{GroupResource, StatusError},
};
use apiserver_storage::{Error as StorageError, Storage};
use async_trait::async_trait;
use bytes::Bytes;
use component_base::feature_gates::FeatureGates;

use super::{AnyObject, ObjectBox, ResourceStrategy, StrategyContext, VersionCodec};
use crate::{
    cacher::{CachedObject, Cacher, DecodeError, Selected},
    counts::{Operation, StoreCounts},
    request::RequestContext,
};

/// How objects are written into the store (`--storage-media-type`); both forms are read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum StorageMedia {
    /// JSON, which is what is served most.
    #[default]
    Json,
    /// Protobuf in upstream's storage envelope.
    Protobuf,
}

/// What makes a store that of its resource.
#[derive(Debug)]
pub struct StoreConfig {
    /// API group; empty for the core group.
    pub group: String,
    /// Plural resource name.
    pub resource: String,
    /// Kind, for error messages.
    pub kind: String,
    /// The rules of the kind.
    pub strategy: Arc<dyn ResourceStrategy>,
    /// The codec of the storage version.
    pub hub: Arc<dyn VersionCodec>,
    /// How objects are written.
    pub media: StorageMedia,
    /// How long objects live after each write; `None` for ever.
    pub ttl: Option<Duration>,
    /// Whether the garbage collector's finalizers are set on deletion.
    pub garbage_collection: bool,
    /// Whether a completed deletion answers with the object instead of a Status.
    pub returns_deleted_object: bool,
    /// Whether reads at resource version 0 are answered as of now, too (`--watch-cache=false`).
    pub fresh_reads: bool,
    /// What happens around writes besides storing.
    pub hooks: Arc<dyn Hooks>,
}

/// What a hook did ahead of a write (addresses it took, …), to be kept or undone when the write's end is known.
///
/// [`Effects::finish`] is called once, unless the request is dropped in the middle of the write, whose outcome nobody
/// knows then: what is left over is found by the resource's repair.
#[async_trait]
pub trait Effects: Send {
    /// Keeps the effects of a write that succeeded, or undoes those of one that did not.
    async fn finish(self: Box<Self>, succeeded: bool);
}

/// How a deletion goes on after a hook has looked at the object.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Deletion {
    /// As usual.
    #[default]
    Proceeds,
    /// The object stays as the hook left it, for somebody else to finish.
    Stays,
    /// Nobody may delete this object, for this reason.
    Forbidden(&'static str),
}

/// The effects of a hook; `None` if there is nothing to be kept or undone.
pub type Begun = Option<Box<dyn Effects>>;

/// Side effects of one resource's writes (addresses of Services are taken and given back, …).
#[async_trait]
pub trait Hooks: Send + Sync + Debug + 'static {
    /// Before a new object is prepared and validated. May complete the object.
    ///
    /// # Errors
    /// Refuses the creation; the hook has undone what it did.
    async fn begin_create(
        &self,
        _context: &RequestContext,
        _object: &mut dyn AnyObject,
        _dry_run: bool,
    ) -> Result<Begun, StatusError> {
        Ok(None)
    }

    /// Before an update is prepared and validated, that of a subresource included (`context.info.subresource`).
    /// May complete the new object.
    ///
    /// # Errors
    /// Refuses the update; the hook has undone what it did.
    async fn begin_update(
        &self,
        _context: &RequestContext,
        _new: &mut dyn AnyObject,
        _old: &dyn AnyObject,
        _dry_run: bool,
    ) -> Result<Begun, StatusError> {
        Ok(None)
    }

    /// Before an object is deleted. May mark it.
    fn begin_delete(&self, _object: &mut dyn AnyObject, _now: jiff::Timestamp) -> Deletion {
        Deletion::Proceeds
    }

    /// After an object has gone from the store, or would have.
    async fn after_delete(&self, _object: &dyn AnyObject, _dry_run: bool) {}

    /// Whether an object that loses its last finalizer while being deleted goes at once.
    /// (A namespace has finalizers in its spec as well.)
    fn deletes_during_update(&self, _new: &dyn AnyObject, _old: &dyn AnyObject) -> bool {
        true
    }
}

/// [`Hooks`] of resources whose writes only store.
#[derive(Debug)]
pub struct NoHooks;

impl Hooks for NoHooks {}

/// An object as it lies in the store, or as it would after a dry run.
#[derive(Clone, Debug)]
pub struct Stored {
    /// The bytes and what selectors see.
    pub cached: Arc<CachedObject>,
}

/// An object as it goes into the store.
#[derive(Debug)]
pub(super) struct Encoded {
    /// The bytes.
    pub(super) value: Bytes,
    /// What selectors see of it.
    pub(super) selected: Selected,
}

/// The store of one resource.
#[derive(Debug)]
pub struct Store {
    pub(super) config: StoreConfig,
    pub(super) storage: Arc<dyn Storage>,
    pub(super) cacher: Arc<Cacher>,
    pub(super) gates: Arc<FeatureGates>,
    pub(crate) counts: StoreCounts,
}

impl Store {
    /// Joins a resource's rules with its place in the store.
    #[must_use]
    pub fn new(
        config: StoreConfig,
        storage: Arc<dyn Storage>,
        cacher: Arc<Cacher>,
        gates: Arc<FeatureGates>,
    ) -> Arc<Self> {
        Arc::new(Self {
            config,
            storage,
            cacher,
            gates,
            counts: StoreCounts::default(),
        })
    }

    /// The resource's rules and names.
    #[must_use]
    pub fn config(&self) -> &StoreConfig {
        &self.config
    }

    /// The resource's cache.
    #[must_use]
    pub fn cacher(&self) -> &Arc<Cacher> {
        &self.cacher
    }

    /// The store below.
    #[must_use]
    pub fn storage(&self) -> &Arc<dyn Storage> {
        &self.storage
    }

    /// What strategies are told of a request.
    #[must_use]
    pub fn strategy_context<'a>(&'a self, request: &'a RequestContext) -> StrategyContext<'a> {
        StrategyContext {
            user: &request.user,
            gates: &self.gates,
            now: request.received,
            api_group: &request.info.api_group,
            api_version: &request.info.api_version,
        }
    }

    /// The key of an object relative to the resource's prefix.
    ///
    /// # Errors
    /// If a namespaced object has no namespace, or the name cannot be part of a key.
    pub fn key(&self, namespace: &str, name: &str) -> Result<String, StatusError> {
        if name.is_empty() {
            return Err(StatusError::bad_request("Name parameter required."));
        }
        if let Some(message) = apimachinery::names::path_segment_name(name).first() {
            return Err(StatusError::bad_request(format!(
                "Name parameter invalid: {name:?}: {message}"
            )));
        }
        if !self.config.strategy.namespaced() {
            return Ok(name.to_owned());
        }
        if namespace.is_empty() {
            return Err(StatusError::bad_request("Namespace parameter required."));
        }
        Ok(format!("{namespace}/{name}"))
    }

    /// Reads one object, as of now.
    ///
    /// # Errors
    /// `NotFound`, or what the store says.
    pub async fn get(&self, namespace: &str, name: &str) -> Result<Stored, StatusError> {
        let key = self.key(namespace, name)?;
        self.read(&key).await?.ok_or_else(|| self.not_found(name))
    }

    /// Reads one object at `revision` or later, from the cache.
    ///
    /// # Errors
    /// `NotFound`, or a timeout if the cache does not reach the revision.
    pub async fn get_not_older_than(&self, namespace: &str, name: &str, revision: u64) -> Result<Stored, StatusError> {
        let key = self.key(namespace, name)?;
        let snapshot = self
            .cacher
            .snapshot_not_older_than(revision)
            .await
            .map_err(|error| crate::endpoints::cache_status(&error))?;
        snapshot
            .get(&key)
            .map(|cached| Stored { cached: cached.clone() })
            .ok_or_else(|| self.not_found(name))
    }

    /// The current object from the store itself, past the cache.
    pub(super) async fn read(&self, key: &str) -> Result<Option<Stored>, StatusError> {
        let full = self.cacher.storage_key(key);
        let response = self
            .counts
            .timed(Operation::Get, self.storage.get(&full, None))
            .await
            .map_err(|error| self.storage_status(&error, key))?;
        let Some(item) = response.item else { return Ok(None) };
        // The cache holds the same bytes, decoded already, unless it lags behind.
        if let Some(cached) = self
            .cacher
            .get(key)
            .filter(|cached| cached.resource_version == item.mod_revision)
        {
            return Ok(Some(Stored { cached }));
        }
        self.decode(key, &item.value, item.mod_revision).map(Some)
    }

    pub(super) fn decode(&self, key: &str, value: &[u8], revision: u64) -> Result<Stored, StatusError> {
        self.stored(key, self.cacher.codec().decode(key, value, revision).map(Arc::new))
    }

    /// An object that was encoded, as of a revision.
    pub(super) fn as_of(&self, key: &str, encoded: Encoded, revision: u64) -> Result<Stored, StatusError> {
        let Encoded { value, selected } = encoded;
        let joined = self.cacher.codec().join(key, &value, selected, revision);
        self.stored(key, joined.map(Arc::new))
    }

    pub(super) fn stored(
        &self,
        key: &str,
        decoded: Result<Arc<CachedObject>, DecodeError>,
    ) -> Result<Stored, StatusError> {
        let cached = decoded.map_err(|error| {
            tracing::error!(resource = %self.config.resource, key, %error, "cannot decode a stored object");
            StatusError::internal_error(format!("unable to decode the stored object {key}: {error}"))
        })?;
        Ok(Stored { cached })
    }

    /// The typed form of a stored object.
    ///
    /// # Errors
    /// If the stored JSON is not an object of the kind.
    pub fn typed(&self, stored: &Stored) -> Result<ObjectBox, StatusError> {
        self.config.hub.decode_stored(&stored.cached.json).map_err(|error| {
            tracing::error!(resource = %self.config.resource, key = %stored.cached.key, %error, "cannot decode a stored object");
            StatusError::internal_error(format!("unable to decode the stored object {}: {error}", stored.cached.key))
        })
    }

    /// What is stored for an object: the storage version without a resource version.
    pub(super) fn encode(&self, object: &mut dyn AnyObject) -> Encoded {
        object.metadata_mut().resource_version.clear();
        object.metadata_mut().self_link.clear();
        let codec = self.cacher.codec();
        let picked = self.config.hub.pick(object, codec.paths());
        Encoded {
            selected: codec.select(&object.metadata().labels, picked),
            value: self.encode_value(object),
        }
    }

    fn encode_value(&self, object: &dyn AnyObject) -> Bytes {
        let hub = &self.config.hub;
        if self.config.media == StorageMedia::Protobuf {
            let encoded =
                ProtobufCodec::builtin().encode(hub.type_ref().id, hub.api_version(), hub.kind(), &hub.encode(object));
            match encoded {
                Ok(bytes) => return bytes.into(),
                // JSON is read as well.
                Err(error) => tracing::error!(kind = hub.kind(), %error, "an object has no protobuf form"),
            }
        }
        hub.encode_json(object).into()
    }

    /// The resource, as errors name it.
    #[must_use]
    pub fn group_resource(&self) -> GroupResource<'_> {
        GroupResource::new(&self.config.group, &self.config.resource)
    }

    /// The kind, where errors name that.
    pub(super) fn group_kind(&self) -> GroupResource<'_> {
        GroupResource::new(&self.config.group, &self.config.kind)
    }

    /// `NotFound` in this resource's words.
    #[must_use]
    pub fn not_found(&self, name: &str) -> StatusError {
        StatusError::not_found(self.group_resource(), name)
    }

    /// What a client is told of a storage error.
    pub(super) fn storage_status(&self, error: &StorageError, key: &str) -> StatusError {
        let name = key.rsplit('/').next().unwrap_or(key);
        storage_status(error, self.group_resource(), name)
    }
}

/// Translates storage errors into upstream's words; internal text does not leak.
pub(crate) fn storage_status(error: &StorageError, resource: GroupResource<'_>, name: &str) -> StatusError {
    match error {
        StorageError::Compacted { .. } => StatusError::resource_expired(
            "The provided continue parameter is too old to display a consistent list result. You must start a new list \
             without the continue parameter.",
        ),
        StorageError::TooLarge { .. } => StatusError::request_entity_too_large("etcdserver: request is too large"),
        StorageError::Timeout { .. } => StatusError::timeout(
            format!("request did not complete within the allotted timeout: {resource} {name:?}"),
            0,
        ),
        StorageError::Conflict(_) => StatusError::conflict(resource, name, OPTIMISTIC_LOCK),
        other => {
            tracing::error!(%resource, name, error = %other, "storage error");
            match other {
                StorageError::Unavailable(_) | StorageError::Closed => StatusError::server_timeout(resource, "get", 0),
                StorageError::NoSpace(_) => StatusError::internal_error("etcdserver: mvcc: database space exceeded"),
                _ => StatusError::internal_error("the storage of the object failed"),
            }
        }
    }
}

/// Upstream's explanation of a lost update.
pub(crate) const OPTIMISTIC_LOCK: &str =
    "the object has been modified; please apply your changes to the latest version and try again";
