//! Attaches volumes of CSI drivers to the nodes whose pods need them, and detaches them when none does any more
//! (upstream: `pkg/controller/volume/attachdetach`).
//!
//! Attaching is a `VolumeAttachment`, which the driver's attacher makes true; what is attached is told on the node's status,
//! which the kubelet waits for. *Deliberate absence*: drivers that were built in; attachments that others have made, which
//! are recognized by their names and left alone.

mod desired;
mod reconcile;
#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use client_go::cache::{Event, Lister, ObjectKey};
use client_go::events::EventRecorder;
use client_go::workqueue::Outcome;
use client_go::{Client, Error};
use component_base::metrics::{Family, MetricOpts};
use controller::{Built, CacheSync, Controller, ControllerContext, Retries};
use controller_objects::nodes::is_ready;
use controller_objects::pods::{claim_names, is_terminal};
use k8s_api::core::v1::{Node, PersistentVolume, PersistentVolumeClaim, Pod};
use k8s_api::storage::v1::{CSIDriver, VolumeAttachment};
use parking_lot::Mutex;
use prometheus::IntCounterVec;
use tokio::time::Instant;

use crate::BY_CLAIM;
use crate::claims::claim_key;
use reconcile::is_managed;

const WORKERS: usize = 10;
/// How long an unhealthy node may keep a volume that it has mounted, when nothing needs it there any more.
const LONGEST_UNMOUNT: Duration = Duration::from_secs(360);
/// The index of attachments by node.
const BY_NODE: &str = "node";
/// The index of attachments by volume.
const BY_VOLUME: &str = "volume";
/// The index of pods that may need volumes attached, by node.
const NEEDY: &str = "attach";

struct AttachDetach {
    client: Client,
    recorder: EventRecorder,
    pods: Lister<Pod>,
    nodes: Lister<Node>,
    claims: Lister<PersistentVolumeClaim>,
    volumes: Lister<PersistentVolume>,
    drivers: Lister<CSIDriver>,
    attachments: Lister<VolumeAttachment>,
    /// Since when an attachment is not needed.
    unneeded: Mutex<HashMap<ObjectKey, Instant>>,
    force_after_timeout: bool,
    forced: Family<IntCounterVec>,
}

fn is_needy(pod: &Pod) -> bool {
    !pod.spec.node_name.is_empty() && !is_terminal(pod) && claim_names(pod).next().is_some()
}

/// Builds `persistentvolume-attach-detach-controller`.
///
/// # Errors
/// There is no client for it.
pub async fn build(context: ControllerContext) -> Built {
    let client = context.client("attachdetach-controller").await?;
    let pods = crate::pods(&context);
    pods.add_index(NEEDY, |pod| {
        is_needy(pod).then(|| pod.spec.node_name.clone()).into_iter().collect()
    });
    let nodes = context.informers.informer::<Node>();
    let claims = context.informers.informer::<PersistentVolumeClaim>();
    let volumes = context.informers.informer::<PersistentVolume>();
    let drivers = context.informers.informer::<CSIDriver>();
    let attachments = context.informers.informer::<VolumeAttachment>();
    attachments.add_index(BY_NODE, |attachment| vec![attachment.spec.node_name.clone()]);
    attachments.add_index(BY_VOLUME, |attachment| {
        attachment.spec.source.persistent_volume_name.iter().cloned().collect()
    });
    let queue = context.queue::<ObjectKey>("attach_detach");
    let keys = queue.clone();
    pods.add_handler(move |event: Event<Pod>| {
        let pod = event.object();
        let same = |old: &Pod| is_needy(old) == is_needy(pod) && old.spec.node_name == pod.spec.node_name;
        let unchanged = matches!(&event, Event::Updated { old, .. } if same(old));
        if !unchanged && claim_names(pod).next().is_some() && !pod.spec.node_name.is_empty() {
            keys.add(ObjectKey::from(pod.spec.node_name.as_str()));
        }
    });
    let (keys, lister) = (queue.clone(), pods.lister());
    claims.add_handler(move |event: Event<PersistentVolumeClaim>| {
        let claim = event.object();
        for pod in lister.by_index(BY_CLAIM, ObjectKey::of(&**claim).as_str()) {
            if is_needy(&pod) {
                keys.add(ObjectKey::from(pod.spec.node_name.as_str()));
            }
        }
    });
    let (keys, lister) = (queue.clone(), pods.lister());
    volumes.add_handler(move |event: Event<PersistentVolume>| {
        let volume = event.object();
        // The claim may be known to be bound before the volume is.
        let unchanged = matches!(&event, Event::Updated { old, .. } if old.spec == volume.spec);
        let claim = volume.spec.claim_ref.as_ref().filter(|_| !unchanged);
        for pod in claim
            .iter()
            .flat_map(|claim| lister.by_index(BY_CLAIM, &claim_key(claim)))
        {
            if is_needy(&pod) {
                keys.add(ObjectKey::from(pod.spec.node_name.as_str()));
            }
        }
    });
    let (keys, of_volumes, of_pods) = (queue.clone(), volumes.lister(), pods.lister());
    attachments.add_handler(move |event: Event<VolumeAttachment>| {
        let spec = &event.object().spec;
        keys.add(ObjectKey::from(spec.node_name.as_str()));
        // Where a volume has gone others may have waited for it.
        let gone = matches!(event, Event::Deleted { .. });
        let volume = spec.source.persistent_volume_name.as_ref().filter(|_| gone);
        let volume = volume.and_then(|name| of_volumes.get("", name));
        if let Some(claim) = volume.as_ref().and_then(|volume| volume.spec.claim_ref.as_ref()) {
            for pod in of_pods.by_index(BY_CLAIM, &claim_key(claim)) {
                if is_needy(&pod) {
                    keys.add(ObjectKey::from(pod.spec.node_name.as_str()));
                }
            }
        }
    });
    let keys = queue.clone();
    nodes.add_handler(move |event: Event<Node>| {
        let concerns = match &event {
            Event::Added { .. } => true,
            Event::Updated { old, new } => {
                old.status.volumes_in_use != new.status.volumes_in_use
                    || old.status.volumes_attached != new.status.volumes_attached
                    || old.spec.taints != new.spec.taints
                    || is_managed(old) != is_managed(new)
                    || is_ready(old) != is_ready(new)
            }
            Event::Deleted { .. } => true,
        };
        if concerns {
            keys.add(ObjectKey::of(&**event.object()));
        }
    });
    let caches = CacheSync::new()
        .and(&pods)
        .and(&nodes)
        .and(&claims)
        .and(&volumes)
        .and(&drivers)
        .and(&attachments);
    let config = &context.config.attach_detach_controller;
    let this = Arc::new(AttachDetach {
        recorder: context.recorder("attachdetach-controller", &client),
        client,
        pods: pods.lister(),
        nodes: nodes.lister(),
        claims: claims.lister(),
        volumes: volumes.lister(),
        drivers: drivers.lister(),
        attachments: attachments.lister(),
        unneeded: Mutex::default(),
        force_after_timeout: !config.disable_force_detach_on_timeout,
        forced: context.metrics.counter_vec(
            MetricOpts::new(
                "attach_detach_controller_attachdetach_controller_forced_detaches",
                "Number of times the A/D Controller performed a forced detach",
            ),
            &["reason"],
        ),
    });
    Ok(Some(Controller::new(move |stop| async move {
        let reconcile = move |node: ObjectKey| {
            let this = this.clone();
            async move { this.node(&node).await }
        };
        context
            .run(
                caches,
                queue,
                WORKERS,
                Retries::new("failed to sync pvc, will retry again"),
                stop,
                reconcile,
            )
            .await;
    })))
}

impl AttachDetach {
    /// Attaches to a node what its pods need, detaches what they do not, and tells on its status what is attached.
    async fn node(&self, key: &ObjectKey) -> Result<Outcome, Error> {
        let attachments = self.attachments.by_index(BY_NODE, key.name());
        let needy = self.pods.by_index(NEEDY, key.name());
        let node = self.nodes.get_key(key);
        let told = node
            .as_ref()
            .is_some_and(|node| !node.status.volumes_attached.is_empty());
        if attachments.is_empty() && needy.is_empty() && !told {
            return Ok(Outcome::Done);
        }
        self.reconcile(key.name(), node.as_deref(), &needy, &attachments).await
    }
}
