//! [`Monitors`]: one watch of metadata for every kind that can be collected, as the server comes to serve it or no more.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use client_go::Client;
use client_go::api::GroupVersionResource;
use client_go::cache::{Event, InformerOptions, SharedInformer};
use client_go::discovery::{ApiResource, RestMapper, discover};
use k8s_api::meta::v1::{ObjectMeta, PartialObjectMetadata};
use parking_lot::Mutex;
use prometheus::IntCounter;
use tokio::sync::watch;
use tokio::time::MissedTickBehavior;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::collector::Collector;
use crate::graph::Change;
use crate::identity::{Identity, TypeMeta};

struct Monitor {
    informer: SharedInformer<PartialObjectMetadata>,
    stop: CancellationToken,
}

pub(crate) struct Monitors {
    client: Client,
    collector: Arc<Collector>,
    ignored: HashSet<(String, String)>,
    sync_errors: IntCounter,
    running: Mutex<HashMap<GroupVersionResource, Monitor>>,
    /// Set once the first watches run.
    begun: watch::Sender<bool>,
    tasks: TaskTracker,
}

impl Monitors {
    pub(crate) fn new(
        client: Client,
        collector: Arc<Collector>,
        ignored: HashSet<(String, String)>,
        sync_errors: IntCounter,
    ) -> Self {
        Self {
            client,
            collector,
            ignored,
            sync_errors,
            running: Mutex::default(),
            begun: watch::Sender::new(false),
            tasks: TaskTracker::new(),
        }
    }

    /// Asks the server once a period what it serves, and starts and ends watches accordingly, until `stop`.
    pub(crate) async fn follow(&self, period: Duration, stop: CancellationToken) {
        let mut timer = tokio::time::interval(period);
        timer.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut known = BTreeSet::new();
        loop {
            tokio::select! {
                () = stop.cancelled() => return,
                _ = timer.tick() => self.sync(&mut known).await,
            }
        }
    }

    async fn sync(&self, known: &mut BTreeSet<GroupVersionResource>) {
        let discovered = match discover(&self.client).await {
            Ok(discovered) if !discovered.groups.is_empty() => discovered,
            Ok(_) => {
                self.sync_errors.inc();
                return;
            }
            Err(error) => {
                tracing::info!(%error, "failed to discover preferred resources");
                self.sync_errors.inc();
                return;
            }
        };
        let mapper = RestMapper::new(discovered.groups);
        let preferred = mapper.preferred_resources().into_iter();
        let wanted: Vec<ApiResource> = preferred
            .filter(|resource| self.is_collected(resource))
            .cloned()
            .collect();
        let mut names: BTreeSet<_> = wanted.iter().map(ApiResource::group_version_resource).collect();
        // A version that cannot be asked just now keeps the watches that it has.
        for (version, error) in &discovered.failed {
            tracing::info!(version, error, "failed to discover some groups");
            names.extend(
                known
                    .iter()
                    .filter(|resource| resource.group_version() == *version)
                    .cloned(),
            );
        }
        if names == *known {
            return;
        }
        self.collector.server.set_mapper(mapper);
        self.start_and_end(&wanted, &names);
        *known = names;
        self.begun.send_replace(true);
    }

    fn is_collected(&self, resource: &ApiResource) -> bool {
        ["delete", "list", "watch"].iter().all(|verb| resource.has_verb(verb))
            && !self.ignored.contains(&(resource.group.clone(), resource.name.clone()))
    }

    fn start_and_end(&self, wanted: &[ApiResource], names: &BTreeSet<GroupVersionResource>) {
        let mut running = self.running.lock();
        running.retain(|resource, monitor| {
            let stays = names.contains(resource);
            if !stays {
                monitor.stop.cancel();
            }
            stays
        });
        for resource in wanted {
            let names = resource.group_version_resource();
            running.entry(names).or_insert_with(|| self.start(resource));
        }
    }

    fn start(&self, resource: &ApiResource) -> Monitor {
        let names = resource.group_version_resource();
        let type_meta = TypeMeta {
            kind: resource.kind.as_str().into(),
            api_version: names.group_version().into(),
        };
        let options = InformerOptions {
            transform: Some(Arc::new(keep_what_matters)),
            ..InformerOptions::default()
        };
        let informer = SharedInformer::new(self.client.resource(names, None), options);
        let collector = self.collector.clone();
        informer.add_handler(move |event: Event<PartialObjectMetadata>| {
            if let Some(change) = change(&type_meta, event) {
                collector.apply(&change);
            }
        });
        let stop = CancellationToken::new();
        let (runner, ended) = (informer.clone(), stop.clone());
        self.tasks.spawn(async move { runner.run(ended).await });
        Monitor { informer, stop }
    }

    /// Waits until every watch has caught up; false if that takes longer than `limit`, or `stop` comes first.
    pub(crate) async fn wait_synced(&self, limit: Duration, stop: &CancellationToken) -> bool {
        let synced = async {
            let mut begun = self.begun.subscribe();
            if begun.wait_for(|begun| *begun).await.is_err() {
                return false;
            }
            let informers: Vec<_> = self
                .running
                .lock()
                .values()
                .map(|monitor| monitor.informer.clone())
                .collect();
            let waits = informers.iter().map(SharedInformer::wait_synced);
            futures::future::join_all(waits).await.into_iter().all(|synced| synced)
        };
        tokio::select! {
            synced = synced => synced,
            () = tokio::time::sleep(limit) => false,
            () = stop.cancelled() => false,
        }
    }

    /// Ends every watch, and waits for them.
    pub(crate) async fn shut_down(&self) {
        self.running
            .lock()
            .drain()
            .for_each(|(_, monitor)| monitor.stop.cancel());
        self.tasks.close();
        self.tasks.wait().await;
    }
}

/// Of an object nothing is kept but its names, owners, finalizers and end.
fn keep_what_matters(object: &mut PartialObjectMetadata) {
    let metadata = std::mem::take(&mut object.metadata);
    object.metadata = ObjectMeta {
        name: metadata.name,
        namespace: metadata.namespace,
        uid: metadata.uid,
        resource_version: metadata.resource_version,
        owner_references: metadata.owner_references,
        finalizers: metadata.finalizers,
        deletion_timestamp: metadata.deletion_timestamp,
        ..ObjectMeta::default()
    };
}

/// The change of the graph that an event makes; most updates make none.
fn change(type_meta: &TypeMeta, event: Event<PartialObjectMetadata>) -> Option<Change> {
    let (before, now) = match event {
        Event::Added { object, .. } => (None, object),
        Event::Updated { old, new } => {
            let (a, b) = (&old.metadata, &new.metadata);
            if a.owner_references == b.owner_references
                && a.finalizers == b.finalizers
                && a.deletion_timestamp == b.deletion_timestamp
            {
                return None;
            }
            (Some(old), new)
        }
        Event::Deleted { object, .. } => return Some(Change::Deleted(Identity::of(type_meta, &object.metadata))),
    };
    Some(Change::Present {
        type_meta: type_meta.clone(),
        before,
        now,
    })
}
