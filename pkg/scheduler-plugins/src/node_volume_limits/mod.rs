//! How many volumes a CSI driver attaches to a node.

#[cfg(test)]
mod tests;

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use client_go::cache::{Lister, SharedInformer};
use component_base::feature_gates::Feature;
use k8s_api::core::v1::{PersistentVolume, PersistentVolumeClaim, Volume};
use k8s_api::storage::v1::{CSIDriver, CSINode, StorageClass, VolumeAttachment};
use rand::Rng as _;
use rand::distr::Alphanumeric;
use scheduler_framework::config::PluginArgs;
use scheduler_framework::events::{ActionType, EventHint, EventObjects, EventResource, QueueingHint};
use scheduler_framework::plugin::{Filter, Plugin, PreFilter, PreFiltered};
use scheduler_framework::{Code, CycleState, NodeInfo, PodInfo, Snapshot, Status, extension_points, names};

use crate::volume_binding::class_of;
use crate::{PluginContext, migration};

const REASON: &str = "node(s) exceed max volume count";
const BY_NODE: &str = "va.spec.nodename";

/// The plugin.
pub struct NodeVolumeLimits {
    nodes: Lister<CSINode>,
    volumes: Lister<PersistentVolume>,
    claims: Lister<PersistentVolumeClaim>,
    classes: Lister<StorageClass>,
    drivers: Lister<CSIDriver>,
    attachments: Lister<VolumeAttachment>,
    /// Stands for the handles of volumes that do not exist yet.
    prefix: String,
    /// Whether drivers may keep pods off nodes that lack them.
    requires_drivers: bool,
}

/// Volumes by driver and handle.
type Volumes = HashSet<(String, String)>;

pub(crate) fn new(_args: Option<&PluginArgs>, context: &PluginContext) -> Result<Arc<dyn Plugin>, String> {
    let informers = &context.informers;
    let attachments: SharedInformer<VolumeAttachment> = informers.informer();
    attachments.add_index(BY_NODE, |attachment| vec![attachment.spec.node_name.clone()]);
    Ok(Arc::new(NodeVolumeLimits {
        nodes: informers.informer().lister(),
        volumes: informers.informer().lister(),
        claims: informers.informer().lister(),
        classes: informers.informer().lister(),
        drivers: informers.informer().lister(),
        attachments: attachments.lister(),
        prefix: rand::rng().sample_iter(Alphanumeric).take(32).map(char::from).collect(),
        requires_drivers: context.gates.enabled(Feature::VolumeLimitScaling),
    }))
}

fn counts(volume: &Volume) -> bool {
    volume.persistent_volume_claim.is_some() || volume.ephemeral.is_some() || migration::inline(volume).is_some()
}

/// How many volumes a driver attaches to a node; the last word counts where a driver stands twice.
fn limit(node: Option<&CSINode>, driver: &str) -> Option<i64> {
    limits(node)
        .filter(|(name, _)| *name == driver)
        .last()
        .map(|(_, limit)| limit)
}

fn limits(node: Option<&CSINode>) -> impl Iterator<Item = (&str, i64)> {
    let drivers = node.into_iter().flat_map(|node| &node.spec.drivers);
    drivers.filter_map(|driver| {
        let count = driver.allocatable.as_ref()?.count?;
        Some((driver.name.as_str(), i64::from(count)))
    })
}

/// The cycle's state: the volumes that the pod wants where volumes of the tree are not migrated, and where they are.
#[derive(Clone)]
struct Wanted([Result<Arc<Volumes>, Status>; 2]);

impl Wanted {
    fn on(&self, migrated: bool) -> &Result<Arc<Volumes>, Status> {
        &self.0[usize::from(migrated)]
    }
}

impl NodeVolumeLimits {
    /// The driver and the handle of a claim's volume; `None` if no driver attaches it.
    fn volume_of(&self, claim: &PersistentVolumeClaim, migrated: bool) -> Option<(String, String)> {
        let name = &claim.spec.volume_name;
        let volume = (!name.is_empty()).then(|| self.volumes.get("", name)).flatten();
        if let Some(volume) = volume {
            if let Some(csi) = volume.spec.csi.as_deref() {
                return Some((csi.driver.clone(), csi.volume_handle.clone()));
            }
            let (driver, handle) = migration::persistent(&volume).filter(|_| migrated)?;
            return Some((driver.to_owned(), handle));
        }
        // There is no volume yet; there will be one of the class's provisioner.
        let class = self.classes.get("", class_of(claim))?;
        let driver = match migration::driver_of(&class.provisioner) {
            Some(_) if !migrated => return None,
            Some(driver) => driver.to_owned(),
            None => class.provisioner.clone(),
        };
        let (namespace, name) = (&claim.metadata.namespace, &claim.metadata.name);
        Some((driver, format!("{}-{namespace}/{name}", self.prefix)))
    }

    /// Adds a pod's volumes; on a node where volumes of the tree are `migrated`, those too.
    ///
    /// # Errors
    /// A claim of a new pod does not exist, or is another pod's.
    fn add_volumes(&self, pod: &PodInfo, migrated: bool, new: bool, found: &mut Volumes) -> Result<(), Status> {
        for volume in &pod.pod.spec.volumes {
            let name = match (&volume.persistent_volume_claim, &volume.ephemeral) {
                (Some(claim), _) => claim.claim_name.clone(),
                (None, Some(_)) => scheduler_framework::pod_info::ephemeral_claim_name(&pod.pod, &volume.name),
                (None, None) => {
                    let inline = migration::inline(volume).filter(|_| migrated);
                    found.extend(inline.map(|(driver, handle)| (driver.to_owned(), handle)));
                    continue;
                }
            };
            if name.is_empty() {
                return Err(Status::error("PersistentVolumeClaim had no name"));
            }
            let claim = match self.claims.require(pod.namespace(), &name) {
                Ok(claim) => claim,
                Err(error) if new => {
                    let words = format!("looking up PVC {}/{name}: {error}", pod.namespace());
                    return Err(Status::unresolvable(words));
                }
                // What a pod that runs uses and cannot be found does not count.
                Err(_) => continue,
            };
            found.extend(
                self.volume_of(&claim, migrated)
                    .filter(|(driver, handle)| !driver.is_empty() && !handle.is_empty()),
            );
        }
        Ok(())
    }

    fn attached(&self, node: &str) -> impl Iterator<Item = (String, String)> {
        let attachments = self.attachments.by_index(BY_NODE, node).into_iter();
        attachments.filter_map(|attachment| {
            let spec = &attachment.spec;
            let volume = self.volumes.get("", spec.source.persistent_volume_name.as_ref()?)?;
            let handle = volume.spec.csi.as_ref()?.volume_handle.clone();
            (!spec.attacher.is_empty()).then(|| (spec.attacher.clone(), handle))
        })
    }

    fn lacks_driver(&self, driver: &str, node: Option<&CSINode>) -> bool {
        let requires = self
            .drivers
            .get("", driver)
            .is_some_and(|driver| driver.spec.prevent_pod_scheduling_if_missing == Some(true));
        requires && !node.is_some_and(|node| node.spec.drivers.iter().any(|there| there.name == driver))
    }

    /// The volumes that a new pod wants.
    fn wanted(&self, pod: &PodInfo, migrated: bool) -> Result<Arc<Volumes>, Status> {
        let mut wanted = Volumes::new();
        self.add_volumes(pod, migrated, true, &mut wanted)?;
        Ok(Arc::new(wanted))
    }

    fn check(&self, state: &CycleState, pod: &PodInfo, node: &NodeInfo) -> Result<(), Status> {
        let csi = self.nodes.get("", node.name());
        let csi = csi.as_deref();
        let migrated = migration::is_on(csi);
        let own;
        let wanted = match state.get::<Wanted>() {
            Some(wanted) => wanted.on(migrated).as_ref().map_err(Status::clone)?,
            None => {
                own = self.wanted(pod, migrated)?;
                &own
            }
        };
        if wanted.is_empty() {
            return Ok(());
        }
        if self.requires_drivers
            && let Some((driver, _)) = wanted.iter().find(|(driver, _)| self.lacks_driver(driver, csi))
        {
            let words = format!("{driver} CSI driver is not installed on the node");
            return Err(Status::new(Code::Unschedulable, [words]));
        }
        let strictest = wanted.iter().filter_map(|(driver, _)| limit(csi, driver)).min();
        let Some(strictest) = strictest else {
            return Ok(());
        };
        // Nearly every call ends here, without a look at any claim: not even if all volumes were of one driver, and each
        // another one, would there be too many.
        let volumes = node.pods.iter().flat_map(|existing| &existing.pod.spec.volumes);
        let at_most = volumes.filter(|volume| counts(volume)).count()
            + self.attachments.count(BY_NODE, node.name())
            + wanted.len();
        if i64::try_from(at_most).is_ok_and(|at_most| at_most <= strictest) {
            return Ok(());
        }
        let mut there = Volumes::new();
        for existing in &node.pods {
            self.add_volumes(existing, migrated, false, &mut there)?;
        }
        let mut sums: HashMap<&str, i64> = HashMap::new();
        for (driver, _) in wanted.iter().filter(|volume| !there.contains(*volume)) {
            *sums.entry(driver).or_default() += 1;
        }
        there.extend(self.attached(node.name()));
        for (driver, new) in sums {
            let used = there.iter().filter(|(other, _)| other == driver).count();
            let used = i64::try_from(used).unwrap_or(i64::MAX);
            if limit(csi, driver).is_some_and(|limit| used + new > limit) {
                return Err(Status::fixed(Code::Unschedulable, REASON));
            }
        }
        Ok(())
    }
}

fn after_pod_deleted(_: &PodInfo, objects: &EventObjects) -> QueueingHint {
    let Some(deleted) = objects.pod().and_then(|change| change.old.as_ref()) else {
        return QueueingHint::Queue;
    };
    (deleted.occupies_node() && deleted.pod.spec.volumes.iter().any(counts)).into()
}

fn after_claim_added(pod: &PodInfo, objects: &EventObjects) -> QueueingHint {
    let Some(claim) = objects.claim().and_then(|change| change.new.as_ref()) else {
        return QueueingHint::Queue;
    };
    (claim.metadata.namespace == pod.namespace() && pod.claims.contains(&claim.metadata.name)).into()
}

fn after_attachment_deleted(pod: &PodInfo, objects: &EventObjects) -> QueueingHint {
    let Some(attachment) = objects.attachment().and_then(|change| change.old.as_ref()) else {
        return QueueingHint::Queue;
    };
    let frees = |volume: &Volume| {
        volume.persistent_volume_claim.is_some()
            || migration::inline(volume).is_some_and(|(driver, _)| driver == attachment.spec.attacher)
    };
    pod.pod.spec.volumes.iter().any(frees).into()
}

fn after_csi_node_updated(_: &PodInfo, objects: &EventObjects) -> QueueingHint {
    let Some(change) = objects.csi_node() else {
        return QueueingHint::Queue;
    };
    let old = change.old.as_deref();
    let grew = |(driver, new): (&str, i64)| new > limit(old, driver).unwrap_or(0);
    limits(change.new.as_deref()).any(grew).into()
}

impl Plugin for NodeVolumeLimits {
    fn name(&self) -> &'static str {
        names::NODE_VOLUME_LIMITS
    }

    extension_points!(as_pre_filter: PreFilter, as_filter: Filter);

    fn events(self: Arc<Self>) -> Option<Vec<EventHint>> {
        use EventResource as R;
        Some(vec![
            EventHint::always(R::CSINode, ActionType::ADD),
            EventHint::when(R::CSINode, ActionType::UPDATE, after_csi_node_updated),
            EventHint::when(R::Pod, ActionType::DELETE, after_pod_deleted),
            EventHint::when(R::PersistentVolumeClaim, ActionType::ADD, after_claim_added),
            EventHint::when(R::VolumeAttachment, ActionType::DELETE, after_attachment_deleted),
        ])
    }
}

impl PreFilter for NodeVolumeLimits {
    fn pre_filter(&self, state: &mut CycleState, pod: &PodInfo, _snapshot: &Snapshot) -> PreFiltered {
        if !pod.pod.spec.volumes.iter().any(counts) {
            return PreFiltered::Skip;
        }
        state.insert(Wanted([false, true].map(|migrated| self.wanted(pod, migrated))));
        PreFiltered::AllNodes
    }
}

impl Filter for NodeVolumeLimits {
    fn filter(&self, state: &CycleState, pod: &PodInfo, node: &NodeInfo) -> Status {
        match self.check(state, pod, node) {
            Ok(()) => Status::SUCCESS,
            Err(status) => status,
        }
    }
}
