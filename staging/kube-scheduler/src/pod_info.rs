//! Everything about a pod that plugins need more than once, computed when the informer tells of it.

use std::sync::Arc;

use apimachinery::field::Path;
use component_base::feature_gates::{Feature, FeatureGates};
use k8s_api::core::v1::{Container, NodeAffinity, Pod, PodSpec};

use crate::affinity::PodAffinities;
use crate::host_ports::HostPort;
use crate::node_selector::{PreferredTerms, RequiredNodeAffinity};
use crate::requests::PodRequests;

/// What of the feature gates bears on the facts of a pod.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PodOptions {
    /// `PodLevelResources`: a pod's own requests count.
    pub pod_level_resources: bool,
    /// `TaintTolerationComparisonOperators`: tolerations may compare numbers.
    pub toleration_comparison: bool,
}

impl PodOptions {
    /// As the gates say.
    #[must_use]
    pub fn from_gates(gates: &FeatureGates) -> Self {
        Self {
            pod_level_resources: gates.enabled(Feature::PodLevelResources),
            toleration_comparison: gates.enabled(Feature::TaintTolerationComparisonOperators),
        }
    }
}

/// A pod and what follows from it.
#[derive(Debug)]
pub struct PodInfo {
    /// The pod.
    pub pod: Arc<Pod>,
    /// What it requests.
    pub requests: PodRequests,
    /// The ports it wants on its node.
    pub host_ports: Box<[HostPort]>,
    /// Its terms about other pods; shared between pods that have the same.
    pub affinities: Option<Arc<PodAffinities>>,
    /// What it requires of its node.
    pub required_node_affinity: Option<RequiredNodeAffinity>,
    /// What it prefers of its node, or what is wrong with that.
    pub preferred_node_affinity: Option<Result<PreferredTerms, String>>,
    /// What is wrong with its terms about other pods.
    pub affinity_error: Option<String>,
    /// The claims it uses by name, those of ephemeral volumes included.
    pub claims: Box<[String]>,
    /// Beside the rest, for the queue compares it again and again.
    priority: i32,
}

/// The name of the claim that stands behind an ephemeral volume.
#[must_use]
pub fn ephemeral_claim_name(pod: &Pod, volume: &str) -> String {
    format!("{}-{volume}", pod.metadata.name)
}

fn claims(pod: &Pod) -> Box<[String]> {
    let claim = |volume: &k8s_api::core::v1::Volume| match (&volume.persistent_volume_claim, &volume.ephemeral) {
        (Some(claim), _) => Some(claim.claim_name.clone()),
        (None, Some(_)) => Some(ephemeral_claim_name(pod, &volume.name)),
        (None, None) => None,
    };
    pod.spec.volumes.iter().filter_map(claim).collect()
}

impl PodInfo {
    /// The facts about a pod.
    #[must_use]
    pub fn new(pod: Arc<Pod>, options: PodOptions) -> Self {
        let (affinities, affinity_error) = PodAffinities::of(&pod);
        let preferred = pod.spec.affinity.as_deref();
        let preferred = preferred.and_then(|affinity| affinity.node_affinity.as_deref());
        let preferred = preferred.map(|affinity| &affinity.preferred_during_scheduling_ignored_during_execution);
        let preferred_node_affinity = preferred
            .filter(|terms| !terms.is_empty())
            .map(|terms| PreferredTerms::new(terms, &Path::NIL).map_err(|errors| errors.to_string()));
        Self {
            requests: PodRequests::of(&pod, options),
            host_ports: HostPort::of(&pod),
            affinities: affinities.filter(|affinities| !affinities.is_empty()),
            required_node_affinity: RequiredNodeAffinity::of(&pod),
            preferred_node_affinity,
            affinity_error,
            claims: claims(&pod),
            priority: pod.spec.priority.unwrap_or(0),
            pod,
        }
    }

    /// Whether both request the same resources, ports, images and nodes (by name, selector, node affinity, tolerations):
    /// all that plugins read which look at one node at a time, volumes aside.
    #[must_use]
    pub fn is_like(&self, other: &Self) -> bool {
        fn images(containers: &[Container]) -> impl Iterator<Item = &str> {
            containers.iter().map(|container| container.image.as_str())
        }
        fn volume_images(spec: &PodSpec) -> impl Iterator<Item = &str> {
            let images = spec.volumes.iter().filter_map(|volume| volume.image.as_deref());
            images.map(|image| image.reference.as_str())
        }
        fn node_affinity(spec: &PodSpec) -> Option<&NodeAffinity> {
            spec.affinity.as_deref()?.node_affinity.as_deref()
        }
        let (a, b) = (&self.pod.spec, &other.pod.spec);
        self.requests == other.requests
            && self.host_ports == other.host_ports
            && a.node_name == b.node_name
            && a.tolerations == b.tolerations
            && a.node_selector == b.node_selector
            && node_affinity(a) == node_affinity(b)
            && images(&a.containers).eq(images(&b.containers))
            && images(&a.init_containers).eq(images(&b.init_containers))
            && volume_images(a).eq(volume_images(b))
    }

    /// `metadata.uid`.
    #[must_use]
    pub fn uid(&self) -> &str {
        &self.pod.metadata.uid
    }

    /// `metadata.name`.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.pod.metadata.name
    }

    /// `metadata.namespace`.
    #[must_use]
    pub fn namespace(&self) -> &str {
        &self.pod.metadata.namespace
    }

    /// `namespace/name`.
    #[must_use]
    pub fn key(&self) -> String {
        format!("{}/{}", self.namespace(), self.name())
    }

    /// `spec.priority`; 0 if there is none.
    #[must_use]
    pub fn priority(&self) -> i32 {
        self.priority
    }

    /// `status.nominatedNodeName`.
    #[must_use]
    pub fn nominated_node(&self) -> &str {
        &self.pod.status.nominated_node_name
    }

    /// Whether it has a node, or one is kept for it.
    #[must_use]
    pub fn occupies_node(&self) -> bool {
        !self.pod.spec.node_name.is_empty() || !self.nominated_node().is_empty()
    }

    /// Whether it is being deleted.
    #[must_use]
    pub fn is_terminating(&self) -> bool {
        self.pod.metadata.deletion_timestamp.is_some()
    }

    /// Its terms about other pods, none if it has none.
    #[must_use]
    pub fn affinities(&self) -> &PodAffinities {
        static NONE: std::sync::LazyLock<PodAffinities> = std::sync::LazyLock::new(PodAffinities::default);
        self.affinities.as_deref().unwrap_or(&NONE)
    }
}
