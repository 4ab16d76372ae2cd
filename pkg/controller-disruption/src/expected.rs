//! How many pods there should be, and how many of them healthy.

use std::collections::HashMap;
use std::sync::Arc;

use client_go::Client;
use client_go::cache::Lister;
use client_go::discovery::CachedDiscovery;
use controller::workload::{SyncError, controller_of};
use controller::{CacheSync, ControllerContext};
use k8s_api::apps::v1::{Deployment, ReplicaSet, StatefulSet};
use k8s_api::core::v1::{Pod, ReplicationController};
use k8s_api::meta::v1::OwnerReference;
use k8s_api::policy::v1::PodDisruptionBudget;
use k8s_api::primitives::IntOrString;

/// What a budget expects of its pods.
pub(crate) struct Expected {
    /// How many there should be.
    pub(crate) pods: i32,
    /// How many of them should be healthy.
    pub(crate) healthy: i32,
    /// Whether there are pods that nothing controls, though it matters.
    pub(crate) unmanaged: bool,
}

/// The sizes of what controls pods: those of the workloads from caches, those of anything else from its scale.
pub(crate) struct Scales {
    client: Client,
    discovery: Arc<CachedDiscovery>,
    controllers: Lister<ReplicationController>,
    replica_sets: Lister<ReplicaSet>,
    deployments: Lister<Deployment>,
    stateful_sets: Lister<StatefulSet>,
}

fn scaled(value: &IntOrString, total: i32) -> Result<i32, SyncError> {
    let scaled = value
        .scaled(i64::from(total), true)
        .map_err(|error| SyncError::Other(error.to_string()))?;
    Ok(i32::try_from(scaled).unwrap_or(i32::MAX))
}

/// A controller and how many pods it should have.
type Size = (String, i32);

impl Scales {
    pub(crate) fn new(context: &ControllerContext, client: &Client) -> (Self, CacheSync) {
        let controllers = context.informers.informer::<ReplicationController>();
        let replica_sets = context.informers.informer::<ReplicaSet>();
        let deployments = context.informers.informer::<Deployment>();
        let stateful_sets = context.informers.informer::<StatefulSet>();
        let caches = CacheSync::new()
            .and(&controllers)
            .and(&replica_sets)
            .and(&deployments)
            .and(&stateful_sets);
        let scales = Self {
            client: client.clone(),
            discovery: context.discovery.clone(),
            controllers: controllers.lister(),
            replica_sets: replica_sets.lister(),
            deployments: deployments.lister(),
            stateful_sets: stateful_sets.lister(),
        };
        (scales, caches)
    }

    /// What a budget expects of its pods.
    pub(crate) async fn expected(
        &self,
        budget: &PodDisruptionBudget,
        pods: &[Arc<Pod>],
    ) -> Result<Expected, SyncError> {
        match (&budget.spec.max_unavailable, &budget.spec.min_available) {
            (Some(unavailable), _) => {
                let (total, unmanaged) = self.total(pods).await?;
                let healthy = total.saturating_sub(scaled(unavailable, total)?).max(0);
                Ok(Expected {
                    pods: total,
                    healthy,
                    unmanaged,
                })
            }
            (None, Some(IntOrString::Int(healthy))) => Ok(Expected {
                pods: i32::try_from(pods.len()).unwrap_or(i32::MAX),
                healthy: *healthy,
                unmanaged: false,
            }),
            (None, Some(available)) => {
                let (total, unmanaged) = self.total(pods).await?;
                let healthy = scaled(available, total)?;
                Ok(Expected {
                    pods: total,
                    healthy,
                    unmanaged,
                })
            }
            (None, None) => Ok(Expected {
                pods: 0,
                healthy: 0,
                unmanaged: false,
            }),
        }
    }

    /// The sum of the sizes of all that controls these pods, and whether some are controlled by nothing.
    async fn total(&self, pods: &[Arc<Pod>]) -> Result<(i32, bool), SyncError> {
        let mut unmanaged = false;
        let mut known: HashMap<&str, Size> = HashMap::new();
        for pod in pods {
            let Some(owner) = controller_of(&pod.metadata) else {
                unmanaged = true;
                continue;
            };
            if known.contains_key(owner.uid.as_str()) {
                continue;
            }
            let Some(size) = self.size(owner, &pod.metadata.namespace).await? else {
                return Err(SyncError::Other(format!(
                    "found no controllers for pod {:?}",
                    pod.metadata.name
                )));
            };
            known.insert(&owner.uid, size);
        }
        // Several replica sets of one deployment count once.
        let sizes: HashMap<String, i32> = known.into_values().collect();
        Ok((sizes.into_values().fold(0, i32::saturating_add), unmanaged))
    }

    async fn size(&self, owner: &OwnerReference, namespace: &str) -> Result<Option<Size>, SyncError> {
        let (group, version) = owner.api_version.split_once('/').unwrap_or(("", &owner.api_version));
        let cached = match (group, owner.kind.as_str()) {
            ("", "ReplicationController") => self
                .controllers
                .get(namespace, &owner.name)
                .map(|set| (set.metadata.uid.clone(), set.spec.replicas)),
            ("apps" | "extensions", "ReplicaSet") => self.replica_set(owner, namespace),
            ("apps", "StatefulSet") => self
                .stateful_sets
                .get(namespace, &owner.name)
                .map(|set| (set.metadata.uid.clone(), set.spec.replicas)),
            _ => None,
        };
        match cached {
            // A deployment's size stands for its replica set's.
            Some((uid, replicas)) if uid == owner.uid || owner.kind == "ReplicaSet" => {
                Ok(Some((uid, replicas.unwrap_or(1))))
            }
            _ => self.scale(owner, group, version, namespace).await,
        }
    }

    /// The size of a replica set, or of the deployment that controls it.
    fn replica_set(&self, owner: &OwnerReference, namespace: &str) -> Option<(String, Option<i32>)> {
        let set = self
            .replica_sets
            .get(namespace, &owner.name)
            .filter(|set| set.metadata.uid == owner.uid)?;
        match controller_of(&set.metadata) {
            Some(above) if above.kind == "Deployment" => self
                .deployments
                .get(namespace, &above.name)
                .filter(|deployment| deployment.metadata.uid == above.uid)
                .map(|deployment| (deployment.metadata.uid.clone(), deployment.spec.replicas)),
            _ => Some((set.metadata.uid.clone(), set.spec.replicas)),
        }
    }

    async fn scale(
        &self,
        owner: &OwnerReference,
        group: &str,
        version: &str,
        namespace: &str,
    ) -> Result<Option<Size>, SyncError> {
        let found = self
            .discovery
            .find(|mapper| mapper.mapping(group, &owner.kind, &[version]).cloned())
            .await
            .map_err(|error| SyncError::Other(error.to_string()))?;
        let api = self.client.dynamic(found.group_version_resource(), Some(namespace));
        match api.get_scale(&owner.name).await {
            Ok(scale) if scale.metadata.uid == owner.uid => Ok(Some((scale.metadata.uid, scale.spec.replicas))),
            Ok(_) => Ok(None),
            Err(error) if !error.is_not_found() => Err(error.into()),
            Err(_) if found.subresources.iter().any(|subresource| subresource == "scale") => Ok(None),
            Err(_) => {
                let resource = match group {
                    "" => found.name.clone(),
                    group => format!("{}.{group}", found.name),
                };
                Err(SyncError::Other(format!(
                    "{resource} does not implement the scale subresource"
                )))
            }
        }
    }
}
