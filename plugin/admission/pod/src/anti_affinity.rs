//! `LimitPodHardAntiAffinityTopology`: nobody keeps others' pods out of more than a node.

use apimachinery::status::StatusError;
use apiserver::{
    admission::{Attributes, Operation, Plugin},
    registry::AnyObject,
};
use async_trait::async_trait;

use crate::{is_pods, pod_ref};

const HOSTNAME: &str = "kubernetes.io/hostname";

/// The plugin `LimitPodHardAntiAffinityTopology`.
#[derive(Debug)]
pub struct LimitPodHardAntiAffinityTopology;

#[async_trait]
impl Plugin for LimitPodHardAntiAffinityTopology {
    fn name(&self) -> &'static str {
        "LimitPodHardAntiAffinityTopology"
    }

    fn handles(&self, operation: Operation) -> bool {
        matches!(operation, Operation::Create | Operation::Update)
    }

    fn concerns(&self, group: &str, resource: &str) -> bool {
        is_pods(group, resource)
    }

    fn mutates(&self) -> bool {
        false
    }

    async fn validate(&self, attributes: &Attributes<'_>, object: Option<&dyn AnyObject>) -> Result<(), StatusError> {
        if !attributes.subresource.is_empty() {
            return Ok(());
        }
        let pod = pod_ref(object)?;
        let affinity = pod.spec.affinity.as_ref();
        let apart = affinity.and_then(|affinity| affinity.pod_anti_affinity.as_ref());
        let required = apart
            .into_iter()
            .flat_map(|apart| &apart.required_during_scheduling_ignored_during_execution);
        match required.map(|term| &term.topology_key).find(|key| *key != HOSTNAME) {
            None => Ok(()),
            Some(key) => Err(StatusError::forbidden(
                attributes.group_resource(),
                &pod.metadata.name,
                format!(
                    "affinity.PodAntiAffinity.RequiredDuringScheduling has TopologyKey {key} but only key {HOSTNAME} is allowed"
                ),
            )),
        }
    }
}
