//! Finds, assumes and binds a pod's volumes.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use std::time::Duration;

use apimachinery::selectors::Selector;
use client_go::Client;
use client_go::cache::Lister;
use k8s_api::core::v1::{Node, PersistentVolume, PersistentVolumeClaim, Pod};
use k8s_api::primitives::quote;
use k8s_api::storage::v1::{CSIDriver, CSIStorageCapacity, StorageClass};
use scheduler_framework::PodInfo;

use super::assume_cache::AssumeCache;
use super::matching::{self, Candidate, class_of, is_fully_bound};

const SELECTED_NODE: &str = "volume.kubernetes.io/selected-node";
const NO_PROVISIONER: &str = "kubernetes.io/no-provisioner";
const WAIT: &str = "WaitForFirstConsumer";
/// The index of volumes by class.
pub(super) const BY_CLASS: &str = "storageclass";
/// How often the caches are looked at while volumes are being bound.
const POLL: Duration = Duration::from_millis(100);

const REASON_AFFINITY: &str = "node(s) didn't match PersistentVolume's node affinity";
const REASON_BIND: &str = "node(s) didn't find available persistent volumes to bind";
const REASON_SPACE: &str = "node(s) did not have enough free storage";
const REASON_NO_VOLUME: &str = "node(s) unavailable due to one or more pvc(s) bound to non-existent pv(s)";

/// A pod's claims by what has to be done about them.
#[derive(Debug, Default)]
pub(super) struct PodClaims {
    /// Those that are bound, with their volumes; `None` for a volume that does not exist.
    pub(super) bound: Vec<Option<Candidate>>,
    /// Those that are bound when the pod has a node.
    pub(super) delayed: Vec<Arc<PersistentVolumeClaim>>,
    /// Those that are to be bound without the scheduler.
    pub(super) immediate: Vec<Arc<PersistentVolumeClaim>>,
    /// Volumes that may be bound, by class.
    volumes: HashMap<String, Vec<Candidate>>,
}

/// A claim and the volume it will be bound to.
#[derive(Clone, Debug)]
pub(super) struct StaticBinding {
    pub(super) volume: Arc<PersistentVolume>,
    pub(super) claim: Arc<PersistentVolumeClaim>,
}

/// What is to be done about a pod's volumes on a node.
#[derive(Clone, Debug, Default)]
pub(super) struct PodVolumes {
    pub(super) bindings: Vec<StaticBinding>,
    pub(super) provisions: Vec<Provision>,
}

/// A claim whose volume is to be provisioned, with the capacity that was found for it.
#[derive(Clone, Debug)]
pub(super) struct Provision {
    pub(super) claim: Arc<PersistentVolumeClaim>,
    pub(super) capacity: Option<Arc<CSIStorageCapacity>>,
}

impl PodVolumes {
    pub(super) fn is_empty(&self) -> bool {
        self.bindings.is_empty() && self.provisions.is_empty()
    }
}

/// Finds, assumes and binds volumes.
pub(super) struct Binder {
    pub(super) client: Client,
    pub(super) pods: Lister<Pod>,
    pub(super) nodes: Lister<Node>,
    pub(super) classes: Lister<StorageClass>,
    pub(super) drivers: Lister<CSIDriver>,
    pub(super) capacities: Lister<CSIStorageCapacity>,
    pub(super) volume_lister: Lister<PersistentVolume>,
    pub(super) volumes: AssumeCache<PersistentVolume>,
    pub(super) claims: AssumeCache<PersistentVolumeClaim>,
    pub(super) timeout: Duration,
}

/// Whether an ephemeral volume's claim was made for the pod.
///
/// # Errors
/// It was not.
pub(super) fn check_owner(pod: &PodInfo, claim: &PersistentVolumeClaim) -> Result<(), String> {
    let owners = claim.metadata.owner_references.iter();
    if owners
        .into_iter()
        .any(|owner| owner.controller == Some(true) && owner.uid == pod.uid())
    {
        return Ok(());
    }
    Err(format!(
        "PVC {}/{} was not created for pod {}/{} (pod is not owner)",
        claim.metadata.namespace,
        claim.metadata.name,
        pod.namespace(),
        pod.name()
    ))
}

fn topology_matches(class: &StorageClass, node: &Node) -> bool {
    let terms = &class.allowed_topologies;
    terms.is_empty()
        || terms.iter().any(|term| {
            let expressions = &term.match_label_expressions;
            !expressions.is_empty()
                && expressions.iter().all(|expression| {
                    let value = node.metadata.labels.get(&expression.key);
                    value.is_some_and(|value| expression.values.contains(value))
                })
        })
}

/// The largest volume that a capacity allows.
pub(super) fn limit(capacity: &CSIStorageCapacity) -> Option<i64> {
    let limit = capacity.maximum_volume_size.as_ref().or(capacity.capacity.as_ref());
    limit.map(k8s_api::primitives::Quantity::value)
}

impl Binder {
    fn delays_binding(&self, claim: &PersistentVolumeClaim) -> Result<bool, String> {
        let name = class_of(claim);
        let Some(class) = self.classes.get("", name).filter(|_| !name.is_empty()) else {
            return Ok(false);
        };
        match class.volume_binding_mode.as_deref() {
            None => Err(format!("VolumeBindingMode not set for StorageClass {}", quote(name))),
            Some(mode) => Ok(mode == WAIT),
        }
    }

    /// A pod's claims by what has to be done about them.
    ///
    /// # Errors
    /// A claim is gone, or its class is malformed.
    pub(super) fn claims_of(&self, pod: &PodInfo) -> Result<PodClaims, String> {
        let mut found = PodClaims::default();
        for name in &pod.claims {
            let Some(claim) = self.claims.get(pod.namespace(), name) else {
                return Err(format!("error getting PVC \"{}/{name}\": not found", pod.namespace()));
            };
            if is_fully_bound(&claim) {
                let volume = self.volumes.get("", &claim.spec.volume_name);
                found.bound.push(volume.map(Candidate::new));
            } else if self.delays_binding(&claim)? && claim.spec.volume_name.is_empty() {
                let class = class_of(&claim).to_owned();
                found.volumes.entry(class).or_insert_with_key(|class| {
                    let volumes = self.volume_lister.by_index(BY_CLASS, class).into_iter();
                    volumes
                        .map(|volume| Candidate::new(self.volumes.overlaid(volume)))
                        .collect()
                });
                found.delayed.push(claim);
            } else {
                found.immediate.push(claim);
            }
        }
        // Small claims first, so that they leave the large volumes to the large ones.
        found.delayed.sort_by_key(|claim| matching::requested(claim));
        Ok(found)
    }

    /// What is to be done on a node, or why it will not do.
    ///
    /// # Errors
    /// Something went wrong that has nothing to do with the node.
    pub(super) fn find(
        &self,
        claims: &PodClaims,
        node: &Node,
    ) -> Result<Result<PodVolumes, Vec<&'static str>>, String> {
        let mut reasons = Vec::new();
        if claims.bound.iter().flatten().any(|volume| !volume.reaches(node)) {
            reasons.push(REASON_AFFINITY);
        }
        let mut volumes = PodVolumes::default();
        let (bindable, enough) = self.find_delayed(claims, node, &mut volumes)?;
        if !bindable {
            reasons.push(REASON_BIND);
        }
        if !enough {
            reasons.push(REASON_SPACE);
        }
        if claims.bound.iter().any(Option::is_none) {
            reasons.push(REASON_NO_VOLUME);
        }
        Ok(if reasons.is_empty() { Ok(volumes) } else { Err(reasons) })
    }

    /// Whether every delayed claim finds a volume or can be provisioned, and whether there is enough storage for that.
    fn find_delayed(&self, claims: &PodClaims, node: &Node, found: &mut PodVolumes) -> Result<(bool, bool), String> {
        let mut provision = Vec::new();
        let mut taken = BTreeSet::new();
        for claim in &claims.delayed {
            if let Some(selected) = claim.metadata.annotations.get(SELECTED_NODE) {
                if *selected != node.metadata.name {
                    return Ok((false, true));
                }
                provision.push(claim);
                continue;
            }
            let candidates = claims.volumes.get(class_of(claim)).map_or(&[][..], Vec::as_slice);
            match matching::find(claim, candidates, node, &taken)? {
                None => provision.push(claim),
                Some(candidate) => {
                    taken.insert(candidate.volume.metadata.name.clone());
                    found.bindings.push(StaticBinding {
                        volume: candidate.volume.clone(),
                        claim: claim.clone(),
                    });
                }
            }
        }
        for claim in provision {
            let name = class_of(claim);
            if name.is_empty() {
                let (namespace, name) = (&claim.metadata.namespace, &claim.metadata.name);
                return Err(format!("no class for claim \"{namespace}/{name}\""));
            }
            let Some(class) = self.classes.get("", name) else {
                return Err(format!("failed to find storage class {}", quote(name)));
            };
            if class.provisioner.is_empty() || class.provisioner == NO_PROVISIONER || !topology_matches(&class, node) {
                return Ok((false, true));
            }
            let Some(capacity) = self.capacity(&class, claim, node) else {
                return Ok((true, false));
            };
            found.provisions.push(Provision {
                claim: claim.clone(),
                capacity,
            });
        }
        Ok((true, true))
    }

    /// A capacity that is large enough; `Some(None)` if the driver does not tell, `None` if there is none.
    fn capacity(
        &self,
        class: &StorageClass,
        claim: &PersistentVolumeClaim,
        node: &Node,
    ) -> Option<Option<Arc<CSIStorageCapacity>>> {
        let tells = self
            .drivers
            .get("", &class.provisioner)
            .is_some_and(|driver| driver.spec.storage_capacity == Some(true));
        if !tells || !claim.spec.resources.requests.contains_key("storage") {
            return Some(None);
        }
        let wanted = matching::requested(claim).value();
        let enough = |capacity: &Arc<CSIStorageCapacity>| {
            capacity.storage_class_name == class.metadata.name
                && limit(capacity).is_some_and(|limit| limit >= wanted)
                && capacity.node_topology.as_deref().is_some_and(|topology| {
                    let selector = Selector::from_api(Some(topology));
                    selector.is_ok_and(|selector| selector.matches(&node.metadata.labels))
                })
        };
        self.capacities.list().into_iter().find(enough).map(Some)
    }

    fn are_bound(&self, pod: &PodInfo) -> bool {
        pod.claims.iter().all(|name| {
            let claim = self.claims.get(pod.namespace(), name);
            claim.is_some_and(|claim| is_fully_bound(&claim))
        })
    }

    /// Assumes that the volumes are bound. `true` if they already are.
    ///
    /// # Errors
    /// Something has changed since they were found; nothing is assumed then.
    pub(super) fn assume(&self, pod: &PodInfo, node: &str, volumes: &mut PodVolumes) -> Result<bool, String> {
        if self.are_bound(pod) {
            return Ok(true);
        }
        let mut assumed = PodVolumes::default();
        let outcome = self.assume_each(node, volumes, &mut assumed);
        if outcome.is_err() {
            self.revert(&assumed);
        } else {
            *volumes = assumed;
        }
        outcome.map(|()| false)
    }

    fn assume_each(&self, node: &str, volumes: &PodVolumes, assumed: &mut PodVolumes) -> Result<(), String> {
        for binding in &volumes.bindings {
            let bound = matching::bind(&binding.volume, &binding.claim);
            if let Some(bound) = bound.clone() {
                self.volumes.assume(bound)?;
            }
            assumed.bindings.push(StaticBinding {
                volume: bound.map_or_else(|| binding.volume.clone(), Arc::new),
                claim: binding.claim.clone(),
            });
        }
        for provision in &volumes.provisions {
            let mut claim = (*provision.claim).clone();
            claim.metadata.annotations.insert(SELECTED_NODE, node.to_owned());
            self.claims.assume(claim.clone())?;
            assumed.provisions.push(Provision {
                claim: Arc::new(claim),
                capacity: None,
            });
        }
        Ok(())
    }

    /// Takes the assumptions back.
    pub(super) fn revert(&self, volumes: &PodVolumes) {
        for binding in &volumes.bindings {
            self.volumes.restore(&binding.volume);
        }
        for provision in &volumes.provisions {
            self.claims.restore(&provision.claim);
        }
    }

    /// Tells the API server, and waits until the volumes are bound.
    ///
    /// # Errors
    /// A write failed, what was written was undone, or it took too long.
    pub(super) async fn bind(&self, pod: &PodInfo, node: &str, volumes: &PodVolumes) -> Result<(), String> {
        let mut written = PodVolumes::default();
        for binding in &volumes.bindings {
            let api = self.client.cluster::<PersistentVolume>();
            let volume = api.update(&binding.volume).await.map_err(|error| error.to_string())?;
            written.bindings.push(StaticBinding {
                volume: Arc::new(volume),
                claim: binding.claim.clone(),
            });
        }
        for provision in &volumes.provisions {
            let api = self.client.namespaced(&provision.claim.metadata.namespace);
            let claim = api.update(&*provision.claim).await.map_err(|error| error.to_string())?;
            written.provisions.push(Provision {
                claim: Arc::new(claim),
                capacity: None,
            });
        }
        let deadline = tokio::time::Instant::now() + self.timeout;
        loop {
            tokio::time::sleep(POLL).await;
            match self.are_written(pod, node, &written) {
                Ok(true) => return Ok(()),
                Ok(false) if tokio::time::Instant::now() < deadline => {}
                Ok(false) => return Err("binding volumes: context deadline exceeded".to_owned()),
                Err(error) => return Err(format!("binding volumes: {error}")),
            }
        }
    }

    /// Whether everything is bound as it was written; an error if something has undone it.
    fn are_written(&self, pod: &PodInfo, node_name: &str, written: &PodVolumes) -> Result<bool, String> {
        let Some(node) = self.nodes.get("", node_name) else {
            return Err(format!("failed to get node {}: not found", quote(node_name)));
        };
        if self.pods.get(pod.namespace(), pod.name()).is_none() {
            return Err(format!(
                "pod does not exist any more: pod {} not found",
                quote(pod.name())
            ));
        }
        let newer = |written: &str, told: &str| written.parse::<u64>().unwrap_or(0) > told.parse::<u64>().unwrap_or(0);
        let reaches = |volume: &Arc<PersistentVolume>| {
            if Candidate::new(volume.clone()).reaches(&node) {
                return Ok(());
            }
            let name = quote(&volume.metadata.name);
            Err(format!(
                "pv {name} node affinity doesn't match node {}: no matching NodeSelectorTerms",
                quote(node_name)
            ))
        };
        for binding in &written.bindings {
            let name = &binding.volume.metadata.name;
            let told = self.volumes.told("", name);
            let told = told.ok_or_else(|| format!("failed to check binding: could not find object {}", quote(name)))?;
            let claim = self.told_claim(&binding.claim, "failed to check binding")?;
            if newer(
                &binding.volume.metadata.resource_version,
                &told.metadata.resource_version,
            ) {
                return Ok(false);
            }
            reaches(&told)?;
            if told
                .spec
                .claim_ref
                .as_ref()
                .is_none_or(|reference| reference.uid.is_empty())
            {
                return Err(format!("ClaimRef got reset for pv {}", quote(name)));
            }
            if !is_fully_bound(&claim) {
                return Ok(false);
            }
        }
        for provision in &written.provisions {
            let claim = self.told_claim(&provision.claim, "failed to check provisioning pvc")?;
            let name = quote(&claim.metadata.name);
            if newer(
                &provision.claim.metadata.resource_version,
                &claim.metadata.resource_version,
            ) {
                return Ok(false);
            }
            let selected = claim.metadata.annotations.get(SELECTED_NODE).map_or("", String::as_str);
            if claim.metadata.annotations.is_empty() {
                return Err(format!("selectedNode annotation reset for PVC {name}"));
            }
            if selected != node_name {
                return Err(format!("provisioning failed for PVC {name}"));
            }
            if !claim.spec.volume_name.is_empty() {
                let Some(volume) = self.volumes.told("", &claim.spec.volume_name) else {
                    return Ok(false);
                };
                reaches(&volume)?;
            }
            if !is_fully_bound(&claim) {
                return Ok(false);
            }
        }
        Ok(true)
    }

    fn told_claim(&self, claim: &PersistentVolumeClaim, words: &str) -> Result<Arc<PersistentVolumeClaim>, String> {
        let (namespace, name) = (&claim.metadata.namespace, &claim.metadata.name);
        let told = self.claims.told(namespace, name);
        told.ok_or_else(|| format!("{words}: could not find object \"{namespace}/{name}\""))
    }
}
