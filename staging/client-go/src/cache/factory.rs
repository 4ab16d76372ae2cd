//! [`InformerFactory`]: one informer a kind (and selection), shared by everything in a process.

use std::any::{Any, TypeId};
use std::collections::HashMap;
use std::sync::Arc;

use futures::future::BoxFuture;
use k8s_api::Object;
use parking_lot::Mutex;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::{InformerOptions, SharedInformer};
use crate::api::{Api, ApiObject, GroupVersionResource};
use crate::rest::Client;

/// What tells informers apart: type, path, selectors.
type Key = (TypeId, String, String, String);

/// Makes informers and runs them; clones are the same factory.
#[derive(Clone)]
pub struct InformerFactory {
    inner: Arc<Inner>,
}

struct Inner {
    client: Client,
    informers: Mutex<HashMap<Key, Entry>>,
    tasks: TaskTracker,
    stop: CancellationToken,
}

struct Entry {
    informer: Box<dyn Any + Send + Sync>,
    run: Box<dyn Fn(CancellationToken) -> BoxFuture<'static, ()> + Send + Sync>,
    synced: Box<dyn Fn() -> BoxFuture<'static, bool> + Send + Sync>,
    started: bool,
}

impl InformerFactory {
    /// A factory whose informers end with `stop`.
    #[must_use]
    pub fn new(client: Client, stop: CancellationToken) -> Self {
        let inner = Inner {
            client,
            informers: Mutex::default(),
            tasks: TaskTracker::new(),
            stop,
        };
        Self { inner: Arc::new(inner) }
    }

    /// The client.
    #[must_use]
    pub fn client(&self) -> &Client {
        &self.inner.client
    }

    /// The informer for all objects of a built-in kind.
    #[must_use]
    pub fn informer<T: Object>(&self) -> SharedInformer<T> {
        self.informer_with(self.inner.client.all::<T>(), InformerOptions::default())
    }

    /// The informer for all objects of any resource: `DynamicObject`, or `PartialObjectMetadata`.
    #[must_use]
    pub fn for_resource<T: ApiObject>(&self, resource: GroupVersionResource) -> SharedInformer<T> {
        self.informer_with(self.inner.client.resource(resource, None), InformerOptions::default())
    }

    /// The informer for what `api` and the selectors give. Where there is one already, its transform stays.
    ///
    /// # Panics
    /// Never: informers are stored under their type.
    #[must_use]
    pub fn informer_with<T: ApiObject>(&self, api: Api<T>, options: InformerOptions<T>) -> SharedInformer<T> {
        let path = api.resource().path(None, None);
        let key = (
            TypeId::of::<T>(),
            path,
            options.label_selector.clone(),
            options.field_selector.clone(),
        );
        let mut informers = self.inner.informers.lock();
        let entry = informers.entry(key).or_insert_with(|| {
            let informer = SharedInformer::new(api, options);
            let (runner, waiter) = (informer.clone(), informer.clone());
            Entry {
                informer: Box::new(informer),
                run: Box::new(move |stop| {
                    let informer = runner.clone();
                    Box::pin(async move { informer.run(stop).await })
                }),
                synced: Box::new(move || {
                    let informer = waiter.clone();
                    Box::pin(async move { informer.wait_synced().await })
                }),
                started: false,
            }
        });
        entry
            .informer
            .downcast_ref::<SharedInformer<T>>()
            .expect("informers are stored under their type")
            .clone()
    }

    /// Runs every informer that does not run yet.
    pub fn start(&self) {
        for entry in self.inner.informers.lock().values_mut().filter(|entry| !entry.started) {
            entry.started = true;
            self.inner.tasks.spawn((entry.run)(self.inner.stop.clone()));
        }
    }

    /// Waits until every informer that was started has filled its store. False if one ended before.
    pub async fn wait_for_cache_sync(&self) -> bool {
        let waits: Vec<_> = self
            .inner
            .informers
            .lock()
            .values()
            .filter(|entry| entry.started)
            .map(|entry| (entry.synced)())
            .collect();
        futures::future::join_all(waits).await.into_iter().all(|synced| synced)
    }

    /// Ends every informer and waits for its handlers.
    pub async fn shutdown(&self) {
        self.inner.stop.cancel();
        self.inner.tasks.close();
        self.inner.tasks.wait().await;
    }
}
