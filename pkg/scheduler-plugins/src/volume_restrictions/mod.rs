//! Volumes that only one pod or node may use: some disks, and claims of access mode `ReadWriteOncePod`.

#[cfg(test)]
mod tests;

use std::collections::BTreeSet;
use std::sync::Arc;

use client_go::cache::Lister;
use k8s_api::core::v1::{PersistentVolumeClaim, Pod, Volume};
use scheduler_framework::config::PluginArgs;
use scheduler_framework::events::{ActionType, EventHint, EventObjects, EventResource, QueueingHint};
use scheduler_framework::plugin::{Filter, Plugin, PreFilter, PreFilterExtensions, PreFiltered};
use scheduler_framework::{Code, CycleState, NodeInfo, PodInfo, Snapshot, Status, extension_points, names};

use crate::PluginContext;

const REASON_DISK: &str = "node(s) had no available disk";
const REASON_ONCE: &str =
    "node(s) unavailable due to PersistentVolumeClaim with ReadWriteOncePod access mode already in-use by another pod";

/// The plugin.
pub struct VolumeRestrictions {
    claims: Lister<PersistentVolumeClaim>,
}

/// The cycle's state.
#[derive(Clone)]
struct State {
    /// The pod's claims that only one pod may use.
    once: Arc<BTreeSet<String>>,
    /// How many uses of them there are.
    uses: i64,
}

pub(crate) fn new(_args: Option<&PluginArgs>, context: &PluginContext) -> Result<Arc<dyn Plugin>, String> {
    Ok(Arc::new(VolumeRestrictions {
        claims: context.informers.informer().lister(),
    }))
}

fn is_restricted(volume: &Volume) -> bool {
    volume.gce_persistent_disk.is_some()
        || volume.aws_elastic_block_store.is_some()
        || volume.rbd.is_some()
        || volume.iscsi.is_some()
}

fn conflict(a: &Volume, b: &Volume) -> bool {
    if let (Some(a), Some(b)) = (&a.gce_persistent_disk, &b.gce_persistent_disk)
        && a.pd_name == b.pd_name
        && !(a.read_only && b.read_only)
    {
        return true;
    }
    if let (Some(a), Some(b)) = (&a.aws_elastic_block_store, &b.aws_elastic_block_store)
        && a.volume_id == b.volume_id
    {
        return true;
    }
    if let (Some(a), Some(b)) = (&a.iscsi, &b.iscsi)
        && a.iqn == b.iqn
        && !(a.read_only && b.read_only)
    {
        return true;
    }
    if let (Some(a), Some(b)) = (&a.rbd, &b.rbd)
        && a.monitors.iter().any(|monitor| b.monitors.contains(monitor))
        && a.pool == b.pool
        && a.image == b.image
        && !(a.read_only && b.read_only)
    {
        return true;
    }
    false
}

fn disks_conflict(pod: &Pod, other: &Pod) -> bool {
    let restricted = pod.spec.volumes.iter().filter(|volume| is_restricted(volume));
    restricted
        .into_iter()
        .any(|volume| other.spec.volumes.iter().any(|there| conflict(volume, there)))
}

fn claim_names(pod: &Pod) -> impl Iterator<Item = &str> {
    let claims = pod
        .spec
        .volumes
        .iter()
        .filter_map(|volume| volume.persistent_volume_claim.as_deref());
    claims.map(|claim| claim.claim_name.as_str())
}

fn uses_of(once: &BTreeSet<String>, pod: &PodInfo) -> i64 {
    let uses = claim_names(&pod.pod).filter(|name| once.contains(*name)).count();
    i64::try_from(uses).unwrap_or(i64::MAX)
}

fn after_pod_deleted(pod: &PodInfo, objects: &EventObjects) -> QueueingHint {
    let Some(deleted) = objects.pod().and_then(|change| change.old.as_ref()) else {
        return QueueingHint::Queue;
    };
    if deleted.namespace() != pod.namespace() {
        return QueueingHint::Skip;
    }
    let shared = claim_names(&deleted.pod).any(|name| claim_names(&pod.pod).any(|own| own == name));
    (shared || disks_conflict(&pod.pod, &deleted.pod)).into()
}

fn after_claim_added(pod: &PodInfo, objects: &EventObjects) -> QueueingHint {
    let Some(claim) = objects.claim().and_then(|change| change.new.as_ref()) else {
        return QueueingHint::Queue;
    };
    let uses = claim_names(&pod.pod).any(|name| name == claim.metadata.name);
    (claim.metadata.namespace == pod.namespace() && uses).into()
}

impl VolumeRestrictions {
    fn once(&self, pod: &PodInfo) -> Result<BTreeSet<String>, Status> {
        let mut once = BTreeSet::new();
        for name in claim_names(&pod.pod) {
            let claim = self
                .claims
                .require(pod.namespace(), name)
                .map_err(|error| Status::unresolvable(error.to_string()))?;
            if claim.spec.access_modes.iter().any(|mode| mode == "ReadWriteOncePod") {
                once.insert(name.to_owned());
            }
        }
        Ok(once)
    }
}

impl Plugin for VolumeRestrictions {
    fn name(&self) -> &'static str {
        names::VOLUME_RESTRICTIONS
    }

    extension_points!(as_pre_filter: PreFilter, as_filter: Filter);

    fn events(self: Arc<Self>) -> Option<Vec<EventHint>> {
        Some(vec![
            EventHint::when(EventResource::Pod, ActionType::DELETE, after_pod_deleted),
            EventHint::always(EventResource::Node, ActionType::ADD),
            EventHint::when(EventResource::PersistentVolumeClaim, ActionType::ADD, after_claim_added),
        ])
    }
}

impl PreFilter for VolumeRestrictions {
    fn pre_filter(&self, state: &mut CycleState, pod: &PodInfo, snapshot: &Snapshot) -> PreFiltered {
        let volumes = &pod.pod.spec.volumes;
        if volumes.is_empty() {
            return PreFiltered::Skip;
        }
        let once = match self.once(pod) {
            Ok(once) => once,
            Err(status) => return PreFiltered::Failed(status),
        };
        let used = once.iter().filter(|name| snapshot.is_claim_used(pod.namespace(), name));
        let uses = i64::try_from(used.count()).unwrap_or(i64::MAX);
        if uses == 0 && !volumes.iter().any(is_restricted) {
            return PreFiltered::Skip;
        }
        state.insert(State {
            once: Arc::new(once),
            uses,
        });
        PreFiltered::AllNodes
    }

    fn extensions(&self) -> Option<&dyn PreFilterExtensions> {
        Some(self)
    }
}

impl PreFilterExtensions for VolumeRestrictions {
    fn add_pod(&self, state: &mut CycleState, _pod: &PodInfo, added: &PodInfo, _node: &NodeInfo) -> Status {
        if let Some(state) = state.get_mut::<State>() {
            state.uses += uses_of(&state.once, added);
        }
        Status::SUCCESS
    }

    fn remove_pod(&self, state: &mut CycleState, _pod: &PodInfo, removed: &PodInfo, _node: &NodeInfo) -> Status {
        if let Some(state) = state.get_mut::<State>() {
            state.uses -= uses_of(&state.once, removed);
        }
        Status::SUCCESS
    }
}

impl Filter for VolumeRestrictions {
    fn filter(&self, state: &CycleState, pod: &PodInfo, node: &NodeInfo) -> Status {
        if node.pods.iter().any(|there| disks_conflict(&pod.pod, &there.pod)) {
            return Status::fixed(Code::Unschedulable, REASON_DISK);
        }
        if state.get::<State>().is_some_and(|state| state.uses > 0) {
            return Status::fixed(Code::Unschedulable, REASON_ONCE);
        }
        Status::SUCCESS
    }
}
