//! The zones and regions that volumes are labelled with.

#[cfg(test)]
mod tests;

use std::collections::BTreeSet;
use std::sync::Arc;

use client_go::cache::Lister;
use k8s_api::core::v1::{PersistentVolume, PersistentVolumeClaim, Pod};
use k8s_api::primitives::quote;
use k8s_api::storage::v1::StorageClass;
use scheduler_framework::config::PluginArgs;
use scheduler_framework::events::{ActionType, EventHint, EventObjects, EventResource, QueueingHint};
use scheduler_framework::plugin::{Filter, Plugin, PreFilter, PreFiltered};
use scheduler_framework::{Code, CycleState, NodeInfo, PodInfo, Snapshot, Status, extension_points, names};

use crate::PluginContext;
use crate::volume_binding::class_of;

const REASON: &str = "node(s) had no available volume zone";
const WAIT: &str = "WaitForFirstConsumer";

/// Labels of volumes, with the names that nodes may have them under beside.
const LABELS: [(&str, &str); 4] = [
    ("failure-domain.beta.kubernetes.io/zone", "topology.kubernetes.io/zone"),
    (
        "failure-domain.beta.kubernetes.io/region",
        "topology.kubernetes.io/region",
    ),
    ("topology.kubernetes.io/zone", "topology.kubernetes.io/zone"),
    ("topology.kubernetes.io/region", "topology.kubernetes.io/region"),
];

/// The plugin.
pub struct VolumeZone {
    volumes: Lister<PersistentVolume>,
    claims: Lister<PersistentVolumeClaim>,
    classes: Lister<StorageClass>,
}

/// Where a volume is: a label and the values that will do.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Place {
    key: &'static str,
    other_key: &'static str,
    values: BTreeSet<String>,
}

/// The cycle's state.
#[derive(Clone)]
struct State(Arc<[Place]>);

pub(crate) fn new(_args: Option<&PluginArgs>, context: &PluginContext) -> Result<Arc<dyn Plugin>, String> {
    let informers = &context.informers;
    Ok(Arc::new(VolumeZone {
        volumes: informers.informer().lister(),
        claims: informers.informer().lister(),
        classes: informers.informer().lister(),
    }))
}

/// Zones are joined by `__`; an empty one among them makes the label void.
fn zones(value: &str) -> Option<BTreeSet<String>> {
    let zones: BTreeSet<String> = value.split("__").map(|zone| zone.trim().to_owned()).collect();
    (!zones.contains("")).then_some(zones)
}

fn places(volume: &PersistentVolume) -> impl Iterator<Item = Place> {
    LABELS.into_iter().filter_map(|(key, other_key)| {
        let values = zones(volume.metadata.labels.get(key)?)?;
        Some(Place { key, other_key, values })
    })
}

fn claim_names(pod: &Pod) -> impl Iterator<Item = &str> {
    let claims = pod
        .spec
        .volumes
        .iter()
        .filter_map(|volume| volume.persistent_volume_claim.as_deref());
    claims.map(|claim| claim.claim_name.as_str())
}

impl VolumeZone {
    fn places(&self, pod: &PodInfo) -> Result<Vec<Place>, Status> {
        let missing = |error: apimachinery::status::StatusError| Status::unresolvable(error.to_string());
        let mut found = Vec::new();
        for name in claim_names(&pod.pod) {
            if name.is_empty() {
                return Err(Status::unresolvable("PersistentVolumeClaim had no name"));
            }
            let claim = self.claims.require(pod.namespace(), name).map_err(missing)?;
            let volume = &claim.spec.volume_name;
            if !volume.is_empty() {
                found.extend(places(&*self.volumes.require("", volume).map_err(missing)?));
                continue;
            }
            let class = class_of(&claim);
            if class.is_empty() {
                return Err(Status::unresolvable(
                    "PersistentVolumeClaim had no pv name and storageClass name",
                ));
            }
            let found = self.classes.require("", class).map_err(missing)?;
            match found.volume_binding_mode.as_deref() {
                None => {
                    let words = format!("VolumeBindingMode not set for StorageClass {}", quote(class));
                    return Err(Status::unresolvable(words));
                }
                Some(WAIT) => {}
                Some(_) => return Err(Status::unresolvable("PersistentVolume had no name")),
            }
        }
        Ok(found)
    }
}

fn after_class_added(_: &PodInfo, objects: &EventObjects) -> QueueingHint {
    let class = objects.class().and_then(|change| change.new.as_ref());
    class
        .is_none_or(|class| class.volume_binding_mode.as_deref() == Some(WAIT))
        .into()
}

fn after_claim(pod: &PodInfo, objects: &EventObjects) -> QueueingHint {
    let Some(claim) = objects.claim().and_then(|change| change.new.as_ref()) else {
        return QueueingHint::Queue;
    };
    let uses = claim_names(&pod.pod).any(|name| name == claim.metadata.name);
    (claim.metadata.namespace == pod.namespace() && uses).into()
}

fn after_volume(_: &PodInfo, objects: &EventObjects) -> QueueingHint {
    let Some(change) = objects.volume() else {
        return QueueingHint::Queue;
    };
    match (&change.old, &change.new) {
        (Some(old), Some(new)) => (!places(old).eq(places(new))).into(),
        _ => QueueingHint::Queue,
    }
}

impl Plugin for VolumeZone {
    fn name(&self) -> &'static str {
        names::VOLUME_ZONE
    }

    extension_points!(as_pre_filter: PreFilter, as_filter: Filter);

    fn events(self: Arc<Self>) -> Option<Vec<EventHint>> {
        let changed = ActionType::ADD | ActionType::UPDATE;
        Some(vec![
            EventHint::when(EventResource::StorageClass, ActionType::ADD, after_class_added),
            EventHint::always(EventResource::Node, ActionType::ADD | ActionType::UPDATE_NODE_LABEL),
            EventHint::when(EventResource::PersistentVolumeClaim, changed, after_claim),
            EventHint::when(EventResource::PersistentVolume, changed, after_volume),
        ])
    }
}

impl PreFilter for VolumeZone {
    fn pre_filter(&self, state: &mut CycleState, pod: &PodInfo, _snapshot: &Snapshot) -> PreFiltered {
        match self.places(pod) {
            Err(status) => PreFiltered::Failed(status),
            Ok(places) if places.is_empty() => PreFiltered::Skip,
            Ok(places) => {
                state.insert(State(places.into()));
                PreFiltered::AllNodes
            }
        }
    }
}

impl Filter for VolumeZone {
    fn filter(&self, state: &CycleState, _pod: &PodInfo, node: &NodeInfo) -> Status {
        let Some(State(places)) = state.get::<State>() else {
            return Status::SUCCESS;
        };
        // A node that knows nothing of zones is taken to be near everything.
        if LABELS.iter().all(|(key, _)| node.label(key).is_none()) {
            return Status::SUCCESS;
        }
        let near = |place: &Place| {
            let value = node.label(place.key).or_else(|| node.label(place.other_key));
            value.is_some_and(|value| place.values.contains(value))
        };
        if places.iter().all(near) {
            return Status::SUCCESS;
        }
        Status::fixed(Code::UnschedulableAndUnresolvable, REASON)
    }
}
