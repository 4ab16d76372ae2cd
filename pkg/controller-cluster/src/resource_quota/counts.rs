//! [`Counts`]: how many objects of any resource there are, of those resources that somebody asked for.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use client_go::cache::{Event, InformerOptions, SharedInformer};
use client_go::discovery::{ApiResource, CachedDiscovery, MappingError};
use client_go::{Client, Error, GroupVersionResource};
use k8s_api::meta::v1::{ObjectMeta, PartialObjectMetadata};
use parking_lot::Mutex;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// A new watch is waited for as long as this.
const SYNC_LIMIT: Duration = Duration::from_secs(10);
/// What can be counted.
const VERBS: [&str; 4] = ["create", "list", "watch", "delete"];

/// Objects cannot be counted just now.
#[derive(Debug, thiserror::Error)]
pub(super) enum Unavailable {
    #[error("failed to discover resources: {0}")]
    Discovery(#[from] Box<Error>),
    #[error("quota monitor not synced: {0}")]
    NotSynced(GroupVersionResource),
}

struct Watched {
    resource: GroupVersionResource,
    informer: SharedInformer<PartialObjectMetadata>,
    stop: CancellationToken,
}

/// Group and name of a resource.
type GroupResource = (String, String);

pub(super) struct Counts {
    client: Client,
    discovery: Arc<CachedDiscovery>,
    watched: Mutex<HashMap<GroupResource, Watched>>,
    tasks: TaskTracker,
}

impl Counts {
    pub(super) fn new(client: Client, discovery: Arc<CachedDiscovery>) -> Self {
        Self {
            client,
            discovery,
            watched: Mutex::default(),
            tasks: TaskTracker::new(),
        }
    }

    /// How many objects of a resource there are in a namespace; `None` if it is not served. From the first such
    /// question on the resource is watched, and `on_deletion` told the namespaces of what goes.
    pub(super) async fn number(
        &self,
        group: &str,
        resource: &str,
        namespace: &str,
        on_deletion: impl Fn(&str) + Send + Sync + 'static,
    ) -> Result<Option<usize>, Unavailable> {
        let key = (group.to_owned(), resource.to_owned());
        let Some(served) = self.served(group, resource).await? else {
            if let Some(gone) = self.watched.lock().remove(&key) {
                gone.stop.cancel();
            }
            return Ok(None);
        };
        let informer = self.watch(key, served.clone(), on_deletion);
        if !informer.has_synced() {
            let synced = tokio::time::timeout(SYNC_LIMIT, informer.wait_synced()).await;
            if !synced.unwrap_or(false) {
                return Err(Unavailable::NotSynced(served));
            }
        }
        Ok(Some(informer.store().list_namespace(namespace).len()))
    }

    async fn served(&self, group: &str, resource: &str) -> Result<Option<GroupVersionResource>, Unavailable> {
        let find = |resources: Vec<&ApiResource>| {
            let can_be_counted = |candidate: &&&ApiResource| {
                candidate.group == group
                    && candidate.name == resource
                    && candidate.namespaced
                    && VERBS.iter().all(|verb| candidate.has_verb(verb))
            };
            let found = resources.iter().find(can_be_counted);
            found.map(|resource| resource.group_version_resource())
        };
        let found = self.discovery.find(|mapper| {
            let found = find(mapper.preferred_resources());
            found.ok_or_else(|| MappingError::NoResource(resource.to_owned()))
        });
        match found.await {
            Ok(found) => Ok(Some(found)),
            Err(MappingError::Discovery(error)) => Err(error.into()),
            Err(_) => Ok(None),
        }
    }

    fn watch(
        &self,
        key: GroupResource,
        resource: GroupVersionResource,
        on_deletion: impl Fn(&str) + Send + Sync + 'static,
    ) -> SharedInformer<PartialObjectMetadata> {
        let mut watched = self.watched.lock();
        if let Some(present) = watched.get(&key) {
            if present.resource == resource {
                return present.informer.clone();
            }
            present.stop.cancel();
        }
        let options = InformerOptions {
            transform: Some(Arc::new(keep_names)),
            ..InformerOptions::default()
        };
        let informer = SharedInformer::new(self.client.resource(resource.clone(), None), options);
        informer.add_handler(move |event: Event<PartialObjectMetadata>| {
            if let Event::Deleted { object, .. } = event {
                on_deletion(&object.metadata.namespace);
            }
        });
        let stop = CancellationToken::new();
        let (runner, ended) = (informer.clone(), stop.clone());
        self.tasks.spawn(async move { runner.run(ended).await });
        let new = Watched {
            resource,
            informer: informer.clone(),
            stop,
        };
        watched.insert(key, new);
        informer
    }

    /// Ends the watches of all other resources.
    pub(super) fn keep(&self, resources: impl Iterator<Item = GroupResource>) {
        let mut watched = self.watched.lock();
        if watched.is_empty() {
            return;
        }
        let kept: HashSet<GroupResource> = resources.collect();
        watched.retain(|resource, watched| {
            let stays = kept.contains(resource);
            if !stays {
                watched.stop.cancel();
            }
            stays
        });
    }

    /// Ends every watch, and waits for them.
    pub(super) async fn shut_down(&self) {
        self.keep(std::iter::empty());
        self.tasks.close();
        self.tasks.wait().await;
    }
}

/// Of an object nothing is kept but its name.
fn keep_names(object: &mut PartialObjectMetadata) {
    let metadata = std::mem::take(&mut object.metadata);
    object.metadata = ObjectMeta {
        name: metadata.name,
        namespace: metadata.namespace,
        uid: metadata.uid,
        resource_version: metadata.resource_version,
        ..ObjectMeta::default()
    };
}
