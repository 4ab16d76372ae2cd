//! From what is attached to what should be.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use client_go::Error;
use client_go::api::{DeleteOptions, Patch};
use client_go::cache::ObjectKey;
use client_go::events::EventType;
use client_go::workqueue::Outcome;
use controller_objects::nodes::{has_taint_key, is_ready};
use k8s_api::core::v1::{Node, Pod};
use k8s_api::storage::v1::{VolumeAttachment, VolumeAttachmentSource, VolumeAttachmentSpec};
use serde_json::json;
use tokio::time::Instant;

use super::desired::{Desired, is_attachment_name, may_be_shared, unique_name};
use super::{AttachDetach, BY_VOLUME, LONGEST_UNMOUNT, NEEDY};

const OUT_OF_SERVICE: &str = "node.kubernetes.io/out-of-service";
/// The kubelet leaves attaching to the controller.
const MANAGED: &str = "volumes.kubernetes.io/controller-managed-attach-detach";

/// Whether a node leaves attaching to the controller.
pub(super) fn is_managed(node: &Node) -> bool {
    node.metadata.annotations.contains_key(MANAGED)
}

/// Whether something may be detached.
enum Detach {
    Now,
    /// Not yet; look again after this time, or when the node says something.
    After(Duration),
    WhenUnmounted,
}

impl AttachDetach {
    pub(super) async fn reconcile(
        &self,
        name: &str,
        node: Option<&Node>,
        needy: &[Arc<Pod>],
        attachments: &[Arc<VolumeAttachment>],
    ) -> Result<Outcome, Error> {
        let managed = node.is_some_and(|node| is_managed(node) || attachments.iter().any(|a| is_ours(a)));
        let desired = if managed {
            self.desired(name, needy)
        } else {
            BTreeMap::new()
        };
        let mut wait: Option<Duration> = None;
        let mut attached = BTreeSet::new();
        let mut detaching = Vec::new();
        for attachment in attachments.iter().filter(|attachment| is_ours(attachment)) {
            let key = ObjectKey::of(&**attachment);
            let unique = self.unique_name_of(attachment);
            if let Some(wanted) = desired.get(key.name()) {
                self.unneeded.lock().remove(&key);
                if attachment.status.attached && attachment.metadata.deletion_timestamp.is_none() {
                    attached.insert(wanted.unique_name.clone());
                } else {
                    self.tell_of_error(attachment, wanted);
                }
                continue;
            }
            if attachment.metadata.deletion_timestamp.is_some() {
                continue;
            }
            match self.may_detach(&key, node, unique.as_deref()) {
                Detach::Now => detaching.push(attachment),
                decision => {
                    attached.extend(unique);
                    if let Detach::After(after) = decision {
                        wait = Some(wait.map_or(after, |wait| wait.min(after)));
                    }
                }
            }
        }
        // The kubelet must know that a volume goes before it goes, and that it is there only when it is.
        if let Some(node) = node {
            self.tell_node(node, &attached, &desired).await?;
        }
        for attachment in detaching {
            self.detach(attachment).await?;
        }
        let present: BTreeSet<&str> = attachments
            .iter()
            .map(|attachment| attachment.metadata.name.as_str())
            .collect();
        for (attachment, wanted) in desired.iter().filter(|(name, _)| !present.contains(name.as_str())) {
            self.attach(attachment, wanted, name).await?;
        }
        Ok(wait.map_or(Outcome::Done, Outcome::RequeueAfter))
    }

    fn unique_name_of(&self, attachment: &VolumeAttachment) -> Option<String> {
        let volume = attachment.spec.source.persistent_volume_name.as_ref()?;
        unique_name(&*self.volumes.get("", volume)?)
    }

    /// Whether an attachment that nothing needs may go. A volume that is mounted stays, unless its node will not unmount
    /// it any more.
    fn may_detach(&self, key: &ObjectKey, node: Option<&Node>, unique: Option<&str>) -> Detach {
        let since = *self.unneeded.lock().entry(key.clone()).or_insert_with(Instant::now);
        let mounted = node.filter(|node| {
            unique.is_some_and(|unique| node.status.volumes_in_use.iter().any(|in_use| in_use == unique))
        });
        let Some(node) = mounted else {
            return Detach::Now;
        };
        if has_taint_key(node, OUT_OF_SERVICE) {
            self.forced.with(&["out-of-service"]).inc();
            return Detach::Now;
        }
        if !self.force_after_timeout || is_ready(node) {
            return Detach::WhenUnmounted;
        }
        let left = LONGEST_UNMOUNT.saturating_sub(since.elapsed());
        if left.is_zero() {
            self.forced.with(&["timeout"]).inc();
            return Detach::Now;
        }
        Detach::After(left)
    }

    async fn detach(&self, attachment: &VolumeAttachment) -> Result<(), Error> {
        let name = &attachment.metadata.name;
        let api = self.client.cluster::<VolumeAttachment>();
        match api.delete(name, &DeleteOptions::default()).await {
            Err(error) if !error.is_not_found() => return Err(error),
            _ => {}
        }
        self.unneeded.lock().remove(&ObjectKey::of(attachment));
        Ok(())
    }

    async fn attach(&self, name: &str, wanted: &Desired, node: &str) -> Result<(), Error> {
        let volume = &wanted.volume.metadata.name;
        let elsewhere = self.attachments.by_index(BY_VOLUME, volume);
        let others: Vec<&str> = elsewhere
            .iter()
            .map(|a| a.spec.node_name.as_str())
            .filter(|on| *on != node)
            .collect();
        if !others.is_empty() && !may_be_shared(&wanted.volume) {
            // When it goes there its own event brings this node back.
            self.tell_of_others(wanted, &others);
            return Ok(());
        }
        let mut attachment = VolumeAttachment {
            spec: VolumeAttachmentSpec {
                attacher: wanted.driver.clone(),
                node_name: node.to_owned(),
                source: VolumeAttachmentSource {
                    persistent_volume_name: Some(volume.clone()),
                    ..VolumeAttachmentSource::default()
                },
            },
            ..VolumeAttachment::default()
        };
        name.clone_into(&mut attachment.metadata.name);
        match self.client.cluster::<VolumeAttachment>().create(&attachment).await {
            Err(error) if !error.is_already_exists() => {
                self.tell_failure(wanted, &error.to_string());
                Err(error)
            }
            _ => Ok(()),
        }
    }

    fn tell_failure(&self, wanted: &Desired, error: &str) {
        let volume = &wanted.volume.metadata.name;
        let note = format!("AttachVolume.Attach failed for volume {volume:?} : {error}");
        for pod in &wanted.pods {
            self.recorder
                .event(&**pod, EventType::Warning, "FailedAttachVolume", note.as_str());
        }
    }

    fn tell_of_error(&self, attachment: &VolumeAttachment, wanted: &Desired) {
        if let Some(error) = &attachment.status.attach_error {
            self.tell_failure(wanted, &error.message);
        }
    }

    /// Each pod is told of those in its own namespace that are in its way; of others only how many there are.
    fn tell_of_others(&self, wanted: &Desired, nodes: &[&str]) {
        let volume = &wanted.volume.metadata.name;
        let claim = wanted.volume.spec.claim_ref.as_ref();
        let users: Vec<Arc<Pod>> = nodes
            .iter()
            .flat_map(|node| self.pods.by_index(NEEDY, node))
            .filter(|pod| {
                claim.is_some_and(|claim| {
                    pod.metadata.namespace == claim.namespace
                        && controller_objects::pods::claim_names(pod).any(|name| name == claim.name)
                })
            })
            .collect();
        for pod in &wanted.pods {
            let own = users
                .iter()
                .filter(|user| user.metadata.namespace == pod.metadata.namespace);
            let own: Vec<&str> = own.map(|user| user.metadata.name.as_str()).collect();
            let why = if users.is_empty() {
                "Volume is already exclusively attached to one node and can't be attached to another".to_owned()
            } else {
                match users.len() - own.len() {
                    0 => format!("Volume is already used by pod(s) {}", own.join(", ")),
                    others if own.is_empty() => {
                        format!("Volume is already used by {others} pod(s) in different namespaces")
                    }
                    others => format!(
                        "Volume is already used by pod(s) {} and {others} pod(s) in different namespaces",
                        own.join(", ")
                    ),
                }
            };
            let note = format!("Multi-Attach error for volume {volume:?} {why}");
            self.recorder
                .event(&**pod, EventType::Warning, "FailedAttachVolume", note);
        }
    }

    /// Writes to a node's status what is attached. Volumes of other kinds that are told there stay.
    async fn tell_node(
        &self,
        node: &Node,
        attached: &BTreeSet<String>,
        desired: &BTreeMap<String, Desired>,
    ) -> Result<(), Error> {
        let told = &node.status.volumes_attached;
        let ours = |name: &str| name.starts_with("kubernetes.io/csi/");
        let mut wanted: Vec<(&str, &str)> = Vec::new();
        wanted.extend(
            told.iter()
                .filter(|v| !ours(&v.name))
                .map(|v| (v.name.as_str(), v.device_path.as_str())),
        );
        wanted.extend(attached.iter().map(|name| (name.as_str(), "")));
        let present: BTreeSet<(&str, &str)> = told.iter().map(|v| (v.name.as_str(), v.device_path.as_str())).collect();
        if present == wanted.iter().copied().collect() {
            return Ok(());
        }
        let list: Vec<_> = wanted
            .iter()
            .map(|(name, path)| json!({"name": name, "devicePath": path}))
            .collect();
        let patch = Patch::Merge(json!({"status": {"volumesAttached": list}}));
        let name = &node.metadata.name;
        match self.client.cluster::<Node>().patch_status(name, &patch).await {
            Err(error) if !error.is_not_found() => return Err(error),
            _ => {}
        }
        for new in desired.values().filter(|wanted| {
            attached.contains(&wanted.unique_name) && !told.iter().any(|told| told.name == wanted.unique_name)
        }) {
            let note = format!(
                "AttachVolume.Attach succeeded for volume {:?} ",
                new.volume.metadata.name
            );
            for pod in &new.pods {
                self.recorder
                    .event(&**pod, EventType::Normal, "SuccessfulAttachVolume", note.as_str());
            }
        }
        Ok(())
    }
}

/// Whether an attachment is one that this controller makes: others' come and go by other rules.
fn is_ours(attachment: &VolumeAttachment) -> bool {
    is_attachment_name(&attachment.metadata.name) && attachment.spec.source.persistent_volume_name.is_some()
}
