//! What pods refer to.
//!
//! Config maps and secrets are followed one by one, since a node may read only those of its own pods; what nobody has asked
//! for lately is let go.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use client_go::cache::{Event, InformerFactory, InformerOptions, Lister, SharedInformer};
use client_go::{Api, Client, Error};
use k8s_api::Object;
use k8s_api::core::v1::{ConfigMap, Node, PersistentVolume, PersistentVolumeClaim, Secret, Service};
use k8s_api::node::v1::RuntimeClass;
use kubelet_types::seams::{ApiError, ObjectSource};
use parking_lot::Mutex;
use tokio::sync::mpsc;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::api_error;

/// Objects that were not asked for in so long are let go; pods ask once a minute.
const IDLE: Duration = Duration::from_secs(300);
/// How long to wait for a watch before the object is read by itself.
const SYNC_WAIT: Duration = Duration::from_secs(1);
/// How old an object may be where it is not watched.
const CACHE_AGE: Duration = Duration::from_secs(60);

/// How changes of config maps and secrets are noticed (`configMapAndSecretChangeDetectionStrategy`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ChangeDetection {
    /// Read whenever they are needed.
    Get,
    /// Read when they are a minute old.
    Cache,
    /// Watched.
    Watch,
}

/// A config map or secret that was asked for is another now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Changed {
    /// `ConfigMap` or `Secret`.
    pub kind: &'static str,
    /// Its namespace.
    pub namespace: String,
    /// Its name.
    pub name: String,
}

struct Entry<T> {
    held: Held<T>,
    used: Instant,
}

enum Held<T> {
    Watched(SharedInformer<T>, CancellationToken),
    /// Read at this moment; immutable ones never change.
    Read(Arc<T>, Instant, bool),
}

/// The objects of one kind that pods refer to.
struct References<T> {
    client: Client,
    detection: ChangeDetection,
    entries: Mutex<HashMap<(String, String), Entry<T>>>,
    tasks: TaskTracker,
    stop: CancellationToken,
    immutable: fn(&T) -> bool,
    changes: mpsc::UnboundedSender<Changed>,
}

impl<T: Object> References<T> {
    fn new(
        client: Client,
        detection: ChangeDetection,
        stop: CancellationToken,
        changes: mpsc::UnboundedSender<Changed>,
        immutable: fn(&T) -> bool,
    ) -> Self {
        Self {
            client,
            detection,
            entries: Mutex::default(),
            tasks: TaskTracker::new(),
            stop,
            immutable,
            changes,
        }
    }

    async fn get(&self, namespace: &str, name: &str) -> Result<Arc<T>, ApiError> {
        let key = (namespace.to_owned(), name.to_owned());
        let api: Api<T> = self.client.namespaced(namespace);
        if self.detection == ChangeDetection::Get {
            return self.read(&api, name).await;
        }
        let watched = {
            let mut entries = self.entries.lock();
            let entry = entries.get_mut(&key);
            match entry {
                Some(entry) => {
                    entry.used = Instant::now();
                    match &entry.held {
                        Held::Watched(informer, _) => Some(informer.clone()),
                        Held::Read(object, read, fixed) if *fixed || read.elapsed() < CACHE_AGE => {
                            return Ok(object.clone());
                        }
                        Held::Read(..) => None,
                    }
                }
                None if self.detection == ChangeDetection::Watch => Some(self.follow(&mut entries, &key, &api)),
                None => None,
            }
        };
        let Some(informer) = watched else {
            let object = self.read(&api, name).await?;
            let held = Held::Read(object.clone(), Instant::now(), (self.immutable)(&object));
            let used = Instant::now();
            self.entries.lock().insert(key, Entry { held, used });
            return Ok(object);
        };
        if tokio::time::timeout(SYNC_WAIT, informer.wait_synced()).await != Ok(true) {
            return self.read(&api, name).await;
        }
        let Some(object) = informer.lister().get(namespace, name) else {
            // It may have been made a moment ago, and the watch not know it yet.
            return self.read(&api, name).await;
        };
        if (self.immutable)(&object) {
            let held = Held::Read(object.clone(), Instant::now(), true);
            let used = Instant::now();
            let before = self.entries.lock().insert(key, Entry { held, used });
            if let Some(Entry {
                held: Held::Watched(_, cancel),
                ..
            }) = before
            {
                cancel.cancel();
            }
        }
        Ok(object)
    }

    fn follow(
        &self,
        entries: &mut HashMap<(String, String), Entry<T>>,
        key: &(String, String),
        api: &Api<T>,
    ) -> SharedInformer<T> {
        let options = InformerOptions {
            field_selector: format!("metadata.name={}", key.1),
            ..Default::default()
        };
        let (informer, cancel) = (SharedInformer::new(api.clone(), options), self.stop.child_token());
        let (changes, (namespace, name)) = (self.changes.clone(), key.clone());
        informer.add_handler(move |event: Event<T>| {
            // What is there from the beginning is what was asked for; what is gone changes nothing for those who have it.
            if matches!(event, Event::Updated { .. } | Event::Added { initial: false, .. }) {
                let changed = Changed {
                    kind: T::KIND,
                    namespace: namespace.clone(),
                    name: name.clone(),
                };
                // Without a listener pods look once a minute.
                let _ = changes.send(changed);
            }
        });
        let (running, token) = (informer.clone(), cancel.clone());
        self.tasks.spawn(async move { running.run(token).await });
        let held = Held::Watched(informer.clone(), cancel);
        let used = Instant::now();
        entries.insert(key.clone(), Entry { held, used });
        informer
    }

    async fn read(&self, api: &Api<T>, name: &str) -> Result<Arc<T>, ApiError> {
        api.get(name).await.map(Arc::new).map_err(|error| {
            if error.is_not_found() {
                // The words of a cache of these objects, which is what pods' events are known by.
                ApiError::not_found(&T::KIND.to_lowercase(), name)
            } else {
                api_error(&error)
            }
        })
    }

    /// Lets go what nobody asks for.
    fn sweep(&self) {
        self.entries.lock().retain(|_, entry| {
            let kept = entry.used.elapsed() < IDLE;
            if let (false, Held::Watched(_, cancel)) = (kept, &entry.held) {
                cancel.cancel();
            }
            kept
        });
    }
}

/// What pods refer to.
pub struct ApiObjects {
    client: Client,
    config_maps: References<ConfigMap>,
    secrets: References<Secret>,
    services: SharedInformer<Service>,
    runtime_classes: SharedInformer<RuntimeClass>,
    node: SharedInformer<Node>,
    node_name: String,
    factory: InformerFactory,
    changes: Mutex<Option<mpsc::UnboundedReceiver<Changed>>>,
}

impl ApiObjects {
    /// Nothing is known yet; [`run`](Self::run) follows the services and the node.
    #[must_use]
    pub fn new(client: &Client, node: &str, detection: ChangeDetection, stop: &CancellationToken) -> Self {
        let factory = InformerFactory::new(client.clone(), stop.child_token());
        let own = InformerOptions {
            field_selector: format!("metadata.name={node}"),
            ..Default::default()
        };
        let (sender, changes) = mpsc::unbounded_channel();
        let (stop, more) = (stop.clone(), sender.clone());
        Self {
            config_maps: References::new(client.clone(), detection, stop.clone(), sender, |it| {
                it.immutable == Some(true)
            }),
            secrets: References::new(client.clone(), detection, stop, more, |it| it.immutable == Some(true)),
            changes: Mutex::new(Some(changes)),
            services: factory.informer(),
            runtime_classes: factory.informer(),
            node: factory.informer_with(client.all(), own),
            node_name: node.to_owned(),
            client: client.clone(),
            factory,
        }
    }

    /// Follows services, runtime classes and the node until cancelled.
    pub async fn run(&self, cancel: CancellationToken) {
        self.factory.start();
        loop {
            tokio::select! {
                () = cancel.cancelled() => break,
                () = tokio::time::sleep(IDLE / 5) => {
                    self.config_maps.sweep();
                    self.secrets.sweep();
                }
            }
        }
        self.factory.shutdown().await;
        for tasks in [&self.config_maps.tasks, &self.secrets.tasks] {
            tasks.close();
            tasks.wait().await;
        }
    }

    /// The changes of config maps and secrets that were asked for; for one listener.
    pub fn take_changes(&self) -> Option<mpsc::UnboundedReceiver<Changed>> {
        self.changes.lock().take()
    }

    /// Reads the node's own object.
    #[must_use]
    pub fn node_lister(&self) -> Lister<Node> {
        self.node.lister()
    }

    /// Waits until the node's own object is known, if it is there.
    pub async fn wait_for_node(&self) -> bool {
        self.node.wait_synced().await
    }
}

#[async_trait]
impl ObjectSource for ApiObjects {
    async fn config_map(&self, namespace: &str, name: &str) -> Result<Arc<ConfigMap>, ApiError> {
        self.config_maps.get(namespace, name).await
    }

    async fn secret(&self, namespace: &str, name: &str) -> Result<Arc<Secret>, ApiError> {
        self.secrets.get(namespace, name).await
    }

    async fn persistent_volume_claim(
        &self,
        namespace: &str,
        name: &str,
    ) -> Result<Arc<PersistentVolumeClaim>, ApiError> {
        let found: Result<PersistentVolumeClaim, Error> = self.client.namespaced(namespace).get(name).await;
        found.map(Arc::new).map_err(|error| api_error(&error))
    }

    async fn persistent_volume(&self, name: &str) -> Result<Arc<PersistentVolume>, ApiError> {
        let found: Result<PersistentVolume, Error> = self.client.cluster().get(name).await;
        found.map(Arc::new).map_err(|error| api_error(&error))
    }

    async fn runtime_handler(&self, runtime_class: &str) -> Result<String, ApiError> {
        if let Some(class) = self.runtime_classes.lister().get("", runtime_class) {
            return Ok(class.handler.clone());
        }
        let found: Result<RuntimeClass, Error> = self.client.cluster().get(runtime_class).await;
        found.map(|class| class.handler).map_err(|error| api_error(&error))
    }

    fn services(&self) -> Option<Vec<Arc<Service>>> {
        self.services.has_synced().then(|| self.services.lister().list())
    }

    fn node(&self) -> Option<Arc<Node>> {
        self.node.lister().get("", &self.node_name)
    }
}
