//! Where objects are created: a store in memory, or an API server over the network.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use client_go::Client;
use client_go::api::{DeleteOptions, DynamicObject, GroupVersionResource};
use client_go::testing::FakeServer;
use futures::{StreamExt as _, TryStreamExt as _};
use serde_json::Value;
use tokio::sync::watch;

use crate::Failure;

/// What is created.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Node,
    Pod,
    Namespace,
    Service,
    Volume,
    Claim,
    CsiNode,
}

impl Kind {
    const fn names(self) -> (&'static str, &'static str, &'static str) {
        match self {
            Self::Node => ("", "nodes", "Node"),
            Self::Pod => ("", "pods", "Pod"),
            Self::Namespace => ("", "namespaces", "Namespace"),
            Self::Service => ("", "services", "Service"),
            Self::Volume => ("", "persistentvolumes", "PersistentVolume"),
            Self::Claim => ("", "persistentvolumeclaims", "PersistentVolumeClaim"),
            Self::CsiNode => ("storage.k8s.io", "csinodes", "CSINode"),
        }
    }

    fn collection(self) -> String {
        match self.names() {
            ("", plural, _) => format!("/api/v1/{plural}"),
            (group, plural, _) => format!("/apis/{group}/v1/{plural}"),
        }
    }

    /// In which namespace the store in memory keeps it.
    const fn place(self, namespace: &str) -> &str {
        match self {
            Self::Pod | Self::Service | Self::Claim => namespace,
            Self::Node | Self::Namespace | Self::Volume | Self::CsiNode => "",
        }
    }
}

/// How many pods have a node, by what their names begin with.
pub(crate) struct Progress {
    bound: watch::Sender<HashMap<String, usize>>,
}

impl Progress {
    pub(crate) fn new() -> Arc<Self> {
        Arc::new(Self {
            bound: watch::Sender::new(HashMap::new()),
        })
    }

    /// A pod has a node.
    pub(crate) fn bound(&self, pod: &str) {
        let group = pod.rsplit_once('-').map_or("", |(group, _)| group);
        self.bound.send_modify(|bound| match bound.get_mut(group) {
            Some(count) => *count += 1,
            None => {
                bound.insert(group.to_owned(), 1);
            }
        });
    }

    /// Waits until so many pods of a group have nodes; fails if nothing goes on for `patience`.
    pub(crate) async fn until(&self, group: &str, wanted: usize, patience: Duration) -> Result<(), Failure> {
        let mut changes = self.bound.subscribe();
        let mut bound = 0;
        loop {
            let further = changes.wait_for(|all| all.get(group).copied().unwrap_or(0) > bound);
            let Ok(Ok(all)) = tokio::time::timeout(patience, further).await else {
                let seconds = patience.as_secs();
                return Err(Failure::Stuck { bound, wanted, seconds });
            };
            bound = all.get(group).copied().unwrap_or(0);
            if bound >= wanted {
                return Ok(());
            }
        }
    }
}

/// Where objects are created.
#[derive(Clone)]
pub(crate) enum Target {
    Memory(Arc<FakeServer>),
    Server(Client),
}

/// How many requests are under way at once.
const AT_ONCE: usize = 64;

impl Target {
    pub(crate) async fn create(&self, kind: Kind, namespace: &str, objects: Vec<Value>) -> Result<(), Failure> {
        let (group, plural, name) = kind.names();
        match self {
            Self::Memory(server) => {
                let collection = kind.collection();
                let mut objects = objects.into_iter().peekable();
                while objects.peek().is_some() {
                    let some: Vec<Value> = objects.by_ref().take(100).collect();
                    server.with_store(|store| {
                        for object in some {
                            store
                                .create(&collection, kind.place(namespace), object)
                                .map_err(|error| Failure::Other(format!("{error:?}")))?;
                        }
                        Ok::<(), Failure>(())
                    })?;
                    tokio::task::yield_now().await;
                }
                Ok(())
            }
            Self::Server(client) => {
                let resource = GroupVersionResource::new(group, "v1", plural);
                let place = kind.place(namespace);
                let api = client.dynamic(resource, (!place.is_empty()).then_some(place));
                let version = if group.is_empty() {
                    "v1".to_owned()
                } else {
                    format!("{group}/v1")
                };
                let requests = objects.into_iter().map(|mut object| {
                    object["apiVersion"] = version.clone().into();
                    object["kind"] = name.into();
                    let api = &api;
                    async move {
                        match api.create_unread(&DynamicObject(object)).await {
                            Err(error) if !error.is_already_exists() => Err(Failure::from(error)),
                            _ => Ok(()),
                        }
                    }
                });
                futures::stream::iter(requests)
                    .buffer_unordered(AT_ONCE)
                    .try_collect()
                    .await
            }
        }
    }

    pub(crate) async fn delete(&self, kind: Kind, namespace: &str, name: &str) -> Result<(), Failure> {
        match self {
            Self::Memory(server) => {
                // What is gone is gone.
                let _ = server.with_store(|store| store.delete(&kind.collection(), kind.place(namespace), name));
                Ok(())
            }
            Self::Server(client) => {
                let (group, plural, _) = kind.names();
                let place = kind.place(namespace);
                let resource = GroupVersionResource::new(group, "v1", plural);
                let api = client.dynamic(resource, (!place.is_empty()).then_some(place));
                match api.delete(name, &DeleteOptions::default().grace_period(0)).await {
                    Err(error) if !error.is_not_found() => Err(error.into()),
                    _ => Ok(()),
                }
            }
        }
    }
}
