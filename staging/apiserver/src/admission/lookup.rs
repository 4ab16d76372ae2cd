//! How plugins see other objects: typed, from the server's own caches.
//!
//! A [`Lookup`] costs a search in a persistent map; an object is decoded once for as long as it lives
//! in the cache. What follows from all objects of a kind (the default class, say) is kept in a
//! [`Derived`], which looks again only after one of them has changed.
//!
//! Plugins are made before the stores are: a [`StoreDirectory`] hands out lookups that find their
//! store when it is there. An object of a kind that the server does not store does not exist.

use std::{
    collections::{BTreeMap, HashMap},
    fmt::{self, Debug},
    marker::PhantomData,
    ops::ControlFlow,
    sync::{Arc, OnceLock},
};

use apimachinery::status::StatusError;
use async_trait::async_trait;
use k8s_api::Object;
use parking_lot::Mutex;

use super::GroupVersionName;
use crate::{
    cacher::CachedObject,
    endpoints::{Backing, Endpoint, Subresource, kind_of, scale_codec},
    registry::{ResourceStrategy, Store, Stored, VersionCodec},
    server::Routes,
};

/// Reads objects of one kind.
#[async_trait]
pub trait Lookup<T: Send + Sync + 'static>: Send + Sync + Debug + 'static {
    /// The object as the cache has it. `namespace` is empty for cluster-scoped kinds.
    fn get(&self, namespace: &str, name: &str) -> Option<Arc<T>>;

    /// The object as the store itself has it.
    ///
    /// # Errors
    /// What the store says, but for an object that is not there.
    async fn live(&self, namespace: &str, name: &str) -> Result<Option<Arc<T>>, StatusError>;

    /// The object, from the store itself if the cache has none (it may not have seen the newest).
    ///
    /// # Errors
    /// As [`Lookup::live`].
    async fn find(&self, namespace: &str, name: &str) -> Result<Option<Arc<T>>, StatusError> {
        match self.get(namespace, name) {
            Some(object) => Ok(Some(object)),
            None => self.live(namespace, name).await,
        }
    }

    /// Visits the objects of a namespace (all objects if it is empty) in the order of their names.
    fn visit(&self, namespace: &str, visit: &mut dyn FnMut(&Arc<T>) -> ControlFlow<()>);

    /// The objects of a namespace that have this label, in the order of their names.
    fn labelled(&self, namespace: &str, key: &str, value: &str) -> Vec<Arc<T>>
    where
        T: Object,
    {
        let mut objects = self.list(namespace);
        objects.retain(|object| object.metadata().labels.get(key).is_some_and(|found| found == value));
        objects
    }

    /// Whether the cache has not seen all yet that this server wrote: then [`Lookup::catch_up`] before looking, where a
    /// client may count on what was acknowledged to him.
    fn lags(&self) -> bool {
        false
    }

    /// Waits for the cache.
    async fn catch_up(&self) {}

    /// The revision of the latest change of any object of the kind; equal numbers mean equal objects.
    fn changed(&self) -> u64;

    /// The objects of a namespace, or all of them.
    fn list(&self, namespace: &str) -> Vec<Arc<T>> {
        let mut objects = Vec::new();
        self.visit(namespace, &mut |object| {
            objects.push(object.clone());
            ControlFlow::Continue(())
        });
        objects
    }
}

/// A resource that the server stores.
#[derive(Debug)]
struct Known {
    store: Arc<Store>,
    status: Option<Arc<dyn ResourceStrategy>>,
}

/// A resource under the name of another version or group: the same objects in another form.
#[derive(Clone, Debug)]
pub struct Equivalent {
    /// The other name.
    pub resource: GroupVersionName,
    /// The kind that stands there.
    pub kind: GroupVersionName,
    /// Makes that kind of the stored objects, and the other way round.
    pub codec: Arc<dyn VersionCodec>,
}

/// One version of a resource, with what stands below its objects; the subresource of the objects themselves is empty.
#[derive(Debug)]
struct ServedVersion {
    resource: GroupVersionName,
    kinds: Vec<(String, GroupVersionName, Arc<dyn VersionCodec>)>,
}

impl ServedVersion {
    fn of(endpoint: &Endpoint) -> Self {
        let own = |name: &str| (name.to_owned(), endpoint.kind.clone(), endpoint.codec.clone());
        let below = endpoint.subresources.iter().filter_map(|(name, subresource)| {
            let codec = match subresource {
                Subresource::Update(_) => return Some(own(name)),
                Subresource::Scale(_) => scale_codec(),
                Subresource::Create(creater) => creater.codec(),
                Subresource::Connect(_) => return None,
            };
            Some((name.clone(), kind_of(codec.as_ref()), codec))
        });
        Self {
            resource: endpoint.resource.clone(),
            kinds: std::iter::once(own("")).chain(below).collect(),
        }
    }
}

#[derive(Debug)]
struct Bound {
    known: HashMap<(String, String), Known>,
    /// The resources that show one store's objects, wherever there are several.
    shared: Vec<Vec<ServedVersion>>,
}

/// The stores of the server, to be looked into by admission.
#[derive(Default)]
pub struct StoreDirectory(OnceLock<Bound>);

impl Debug for StoreDirectory {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("StoreDirectory").finish_non_exhaustive()
    }
}

impl StoreDirectory {
    /// Makes the stores known, once they are installed.
    ///
    /// # Panics
    /// When called twice.
    pub fn bind(&self, routes: &Routes) {
        let stored = routes.values().filter_map(|endpoint| {
            let Backing::Store(store) = &endpoint.backing else {
                return None;
            };
            let status = match endpoint.subresources.get("status") {
                Some(Subresource::Update(strategy)) => Some(strategy.clone()),
                _ => None,
            };
            let config = store.config();
            let known = Known {
                store: store.clone(),
                status,
            };
            Some(((config.group.clone(), config.resource.clone()), known))
        });
        let mut versions: BTreeMap<usize, Vec<ServedVersion>> = BTreeMap::new();
        for endpoint in routes.values() {
            if let Backing::Store(store) = &endpoint.backing {
                let store = Arc::as_ptr(store) as usize;
                versions.entry(store).or_default().push(ServedVersion::of(endpoint));
            }
        }
        let mut shared: Vec<_> = versions.into_values().filter(|versions| versions.len() > 1).collect();
        for versions in &mut shared {
            versions.sort_by(|a, b| {
                let order = |served: &ServedVersion| (served.resource.group.clone(), served.resource.version.clone());
                order(a).cmp(&order(b))
            });
        }
        let bound = Bound {
            known: stored.collect(),
            shared,
        };
        let first = self.0.set(bound).is_ok();
        assert!(first, "the stores are bound once");
    }

    fn known(&self, group: &str, resource: &str) -> Option<&Known> {
        self.0.get()?.known.get(&(group.to_owned(), resource.to_owned()))
    }

    /// The other names under which the objects of a resource, or what stands below them, are served.
    #[must_use]
    pub fn equivalents(&self, resource: &GroupVersionName, subresource: &str) -> Vec<Equivalent> {
        let shared = self.0.get().into_iter().flat_map(|bound| &bound.shared);
        let mut others = shared.filter(|versions| versions.iter().any(|version| version.resource == *resource));
        let others = others.next().into_iter().flatten();
        let others = others.filter(|version| version.resource != *resource);
        others
            .filter_map(|version| {
                let (_, kind, codec) = version.kinds.iter().find(|(name, ..)| name == subresource)?;
                Some(Equivalent {
                    resource: version.resource.clone(),
                    kind: kind.clone(),
                    codec: codec.clone(),
                })
            })
            .collect()
    }

    /// The store of a resource.
    #[must_use]
    pub fn store(&self, group: &str, resource: &str) -> Option<Arc<Store>> {
        self.known(group, resource).map(|known| known.store.clone())
    }

    /// The rules under which the status of a resource is updated.
    #[must_use]
    pub fn status_strategy(&self, group: &str, resource: &str) -> Option<Arc<dyn ResourceStrategy>> {
        self.known(group, resource)?.status.clone()
    }

    /// A lookup that keeps the typed form of what was looked at beside its JSON: for kinds of which few
    /// objects are looked at again and again.
    #[must_use]
    pub fn lookup<T: Object>(self: &Arc<Self>) -> Arc<dyn Lookup<T>> {
        Arc::new(StoreLookup::<T>::new(self.clone(), true))
    }

    /// A lookup that decodes anew each time: for kinds with many objects.
    #[must_use]
    pub fn passing_lookup<T: Object>(self: &Arc<Self>) -> Arc<dyn Lookup<T>> {
        Arc::new(StoreLookup::<T>::new(self.clone(), false))
    }
}

struct StoreLookup<T> {
    directory: Arc<StoreDirectory>,
    store: OnceLock<Arc<Store>>,
    keep: bool,
    kind: PhantomData<fn() -> T>,
}

impl<T> Debug for StoreLookup<T> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("StoreLookup")
            .field("store", &self.store.get().map(|store| &store.config().resource))
            .finish_non_exhaustive()
    }
}

impl<T: Object> StoreLookup<T> {
    fn new(directory: Arc<StoreDirectory>, keep: bool) -> Self {
        Self {
            directory,
            store: OnceLock::new(),
            keep,
            kind: PhantomData,
        }
    }

    fn store(&self) -> Option<&Arc<Store>> {
        if self.store.get().is_none() {
            let found = self.directory.store(T::GROUP, T::PLURAL)?;
            // Another may have found it at the same time: it is the same store.
            let _ = self.store.set(found);
        }
        self.store.get()
    }

    /// The typed form; `None` for what cannot be decoded, which the store logs.
    fn typed(&self, store: &Store, cached: &Arc<CachedObject>) -> Option<Arc<T>> {
        let decode = || {
            let stored = Stored { cached: cached.clone() };
            let object = store.typed(&stored)?.into_any().downcast::<T>();
            object.map_err(|_| StatusError::internal_error("the store holds objects of another kind"))
        };
        if self.keep {
            cached.typed(|| decode().map(|object| *object)).ok()
        } else {
            decode().ok().map(Arc::from)
        }
    }
}

fn key(namespace: &str, name: &str) -> String {
    if namespace.is_empty() {
        name.to_owned()
    } else {
        format!("{namespace}/{name}")
    }
}

#[async_trait]
impl<T: Object> Lookup<T> for StoreLookup<T> {
    fn get(&self, namespace: &str, name: &str) -> Option<Arc<T>> {
        let store = self.store()?;
        let cached = store.cacher().get(&key(namespace, name))?;
        self.typed(store, &cached)
    }

    async fn live(&self, namespace: &str, name: &str) -> Result<Option<Arc<T>>, StatusError> {
        let Some(store) = self.store() else { return Ok(None) };
        match store.get(namespace, name).await {
            Ok(stored) => Ok(self.typed(store, &stored.cached)),
            Err(status) if status.is_not_found() => Ok(None),
            Err(status) => Err(status),
        }
    }

    fn visit(&self, namespace: &str, visit: &mut dyn FnMut(&Arc<T>) -> ControlFlow<()>) {
        let Some(store) = self.store() else { return };
        let snapshot = store.cacher().snapshot();
        if snapshot.is_empty() {
            return;
        }
        for cached in snapshot.below(namespace) {
            if let Some(object) = self.typed(store, cached)
                && visit(&object).is_break()
            {
                return;
            }
        }
    }

    fn labelled(&self, namespace: &str, key: &str, value: &str) -> Vec<Arc<T>> {
        let Some(store) = self.store() else { return Vec::new() };
        let snapshot = store.cacher().snapshot();
        let found = snapshot.labelled(namespace, key, value);
        found.filter_map(|cached| self.typed(store, cached)).collect()
    }

    fn lags(&self) -> bool {
        self.store().is_some_and(|store| store.cacher().lags())
    }

    async fn catch_up(&self) {
        if let Some(store) = self.store() {
            store.cacher().see_own_writes().await;
        }
    }

    fn changed(&self) -> u64 {
        self.store().map_or(0, |store| store.cacher().changed())
    }
}

/// A value that follows from all objects of a kind, made again only after one of them has changed.
#[derive(Debug)]
pub struct Derived<T: Send + Sync + 'static, V> {
    lookup: Arc<dyn Lookup<T>>,
    latest: Mutex<Option<(u64, V)>>,
}

impl<T: Send + Sync + 'static, V: Clone> Derived<T, V> {
    /// A value over the objects of this lookup.
    #[must_use]
    pub fn new(lookup: Arc<dyn Lookup<T>>) -> Self {
        Self {
            lookup,
            latest: Mutex::new(None),
        }
    }

    /// The objects.
    #[must_use]
    pub fn lookup(&self) -> &Arc<dyn Lookup<T>> {
        &self.lookup
    }

    /// Waits until the cache has seen all that this server wrote; most of the time there is nothing to wait for.
    pub async fn catch_up(&self) {
        if self.lookup.lags() {
            self.lookup.catch_up().await;
        }
    }

    /// The value, made by `derive` from the objects as they are now.
    pub fn get(&self, derive: impl FnOnce(&[Arc<T>]) -> V) -> V {
        // Read before the objects: a change in between makes the value be derived once more, never stay old.
        let changed = self.lookup.changed();
        if let Some((_, value)) = self.latest.lock().as_ref().filter(|(at, _)| *at == changed) {
            return value.clone();
        }
        let value = derive(&self.lookup.list(""));
        *self.latest.lock() = Some((changed, value.clone()));
        value
    }
}

/// A lookup over a fixed set of objects, for tests.
#[derive(Debug)]
pub struct FixedLookup<T>(Vec<Arc<T>>);

impl<T: Object> FixedLookup<T> {
    /// A lookup that finds these objects and nothing else.
    #[must_use]
    #[allow(clippy::new_ret_no_self, reason = "callers want the trait object that plugins take")]
    pub fn new(objects: impl IntoIterator<Item = T>) -> Arc<dyn Lookup<T>> {
        Arc::new(Self(objects.into_iter().map(Arc::new).collect()))
    }
}

#[async_trait]
impl<T: Object> Lookup<T> for FixedLookup<T> {
    fn get(&self, namespace: &str, name: &str) -> Option<Arc<T>> {
        self.0
            .iter()
            .find(|object| object.name() == name && object.namespace() == namespace)
            .cloned()
    }

    async fn live(&self, namespace: &str, name: &str) -> Result<Option<Arc<T>>, StatusError> {
        Ok(self.get(namespace, name))
    }

    fn visit(&self, namespace: &str, visit: &mut dyn FnMut(&Arc<T>) -> ControlFlow<()>) {
        for object in &self.0 {
            if (namespace.is_empty() || object.namespace() == namespace) && visit(object).is_break() {
                return;
            }
        }
    }

    fn changed(&self) -> u64 {
        0
    }
}
