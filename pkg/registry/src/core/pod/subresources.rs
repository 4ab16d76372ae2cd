//! The rules of a pod's subresources: `status`, `ephemeralcontainers` and `resize`.
//!
//! Each takes over from the stored pod whatever is not its own.

use std::{collections::HashMap, collections::VecDeque};

use apimachinery::{
    field::{ErrorList, Path},
    names,
};
use apis_pod::pod::{
    drop_disabled_pod_fields, normalize_pod,
    validation::{
        validate_ephemeral_containers_update, validate_pod_create, validate_pod_resize, validate_pod_status_update,
    },
};
use apiserver::registry::{SelectableField, Strategy, StrategyContext};
use component_base::feature_gates::Feature;
use k8s_api::core::v1::{Container, Pod};

use super::strategy::{FIELDS, PodStrategy, bump_generation};
use crate::metadata::reset_for_status;

/// What `ephemeralcontainers` leaves to other endpoints.
const NOT_EPHEMERAL_CONTAINERS: &[&[&str]] = &[
    &["metadata", "annotations"],
    &["metadata", "finalizers"],
    &["metadata", "generateName"],
    &["metadata", "labels"],
    &["metadata", "ownerReferences"],
    &["spec", "activeDeadlineSeconds"],
    &["spec", "affinity"],
    &["spec", "automountServiceAccountToken"],
    &["spec", "containers"],
    &["spec", "dnsConfig"],
    &["spec", "dnsPolicy"],
    &["spec", "enableServiceLinks"],
    &["spec", "hostAliases"],
    &["spec", "hostIPC"],
    &["spec", "hostNetwork"],
    &["spec", "hostPID"],
    &["spec", "hostUsers"],
    &["spec", "hostname"],
    &["spec", "hostnameOverride"],
    &["spec", "imagePullSecrets"],
    &["spec", "initContainers"],
    &["spec", "nodeName"],
    &["spec", "nodeSelector"],
    &["spec", "os"],
    &["spec", "overhead"],
    &["spec", "preemptionPolicy"],
    &["spec", "priority"],
    &["spec", "priorityClassName"],
    &["spec", "readinessGates"],
    &["spec", "resourceClaims"],
    &["spec", "resources"],
    &["spec", "restartPolicy"],
    &["spec", "runtimeClassName"],
    &["spec", "schedulerName"],
    &["spec", "schedulingGates"],
    &["spec", "schedulingGroup"],
    &["spec", "securityContext"],
    &["spec", "serviceAccount"],
    &["spec", "serviceAccountName"],
    &["spec", "setHostnameAsFQDN"],
    &["spec", "shareProcessNamespace"],
    &["spec", "subdomain"],
    &["spec", "terminationGracePeriodSeconds"],
    &["spec", "tolerations"],
    &["spec", "topologySpreadConstraints"],
    &["spec", "volumes"],
    &["status"],
];

/// What `resize` leaves to other endpoints. Members of containers other than their resources are
/// taken from the stored pod, but not kept out of the field managers here.
const NOT_RESIZE: &[&[&str]] = &[
    &["metadata", "annotations"],
    &["metadata", "finalizers"],
    &["metadata", "generateName"],
    &["metadata", "labels"],
    &["metadata", "ownerReferences"],
    &["spec", "activeDeadlineSeconds"],
    &["spec", "affinity"],
    &["spec", "automountServiceAccountToken"],
    &["spec", "dnsConfig"],
    &["spec", "dnsPolicy"],
    &["spec", "enableServiceLinks"],
    &["spec", "ephemeralContainers"],
    &["spec", "hostAliases"],
    &["spec", "hostIPC"],
    &["spec", "hostNetwork"],
    &["spec", "hostPID"],
    &["spec", "hostUsers"],
    &["spec", "hostname"],
    &["spec", "hostnameOverride"],
    &["spec", "imagePullSecrets"],
    &["spec", "nodeName"],
    &["spec", "nodeSelector"],
    &["spec", "os"],
    &["spec", "overhead"],
    &["spec", "preemptionPolicy"],
    &["spec", "priority"],
    &["spec", "priorityClassName"],
    &["spec", "readinessGates"],
    &["spec", "resourceClaims"],
    &["spec", "resources"],
    &["spec", "restartPolicy"],
    &["spec", "runtimeClassName"],
    &["spec", "schedulerName"],
    &["spec", "schedulingGates"],
    &["spec", "schedulingGroup"],
    &["spec", "securityContext"],
    &["spec", "serviceAccount"],
    &["spec", "serviceAccountName"],
    &["spec", "setHostnameAsFQDN"],
    &["spec", "shareProcessNamespace"],
    &["spec", "subdomain"],
    &["spec", "terminationGracePeriodSeconds"],
    &["spec", "tolerations"],
    &["spec", "topologySpreadConstraints"],
    &["spec", "volumes"],
    &["status"],
];

/// The rules of a pod's status.
#[derive(Clone, Copy, Debug)]
pub struct StatusStrategy(pub PodStrategy);

/// A client that does not know of observed generations keeps those that are there. Conditions of one
/// type are matched in their order.
fn keep_observed_generations(new: &mut Pod, old: &Pod) {
    if new.status.observed_generation == 0 {
        new.status.observed_generation = old.status.observed_generation;
    }
    let mut before: HashMap<&str, VecDeque<i64>> = HashMap::new();
    for condition in &old.status.conditions {
        let generations = before.entry(&condition.type_).or_default();
        generations.push_back(condition.observed_generation);
    }
    for condition in &mut new.status.conditions {
        let generation = before.get_mut(condition.type_.as_str()).and_then(VecDeque::pop_front);
        if condition.observed_generation == 0 {
            condition.observed_generation = generation.unwrap_or(0);
        }
    }
}

impl Strategy for StatusStrategy {
    type Object = Pod;

    fn namespaced(&self) -> bool {
        true
    }

    fn validate(&self, context: &StrategyContext<'_>, pod: &Pod) -> ErrorList {
        validate_pod_create(pod, &self.0.options(None, context))
    }

    fn prepare_for_update(&self, context: &StrategyContext<'_>, new: &mut Pod, old: &Pod) {
        new.spec.clone_from(&old.spec);
        new.metadata.deletion_timestamp = None;
        new.metadata.owner_references.clone_from(&old.metadata.owner_references);
        if new.status.qos_class.is_empty() {
            new.status.qos_class.clone_from(&old.status.qos_class);
        }
        keep_observed_generations(new, old);
        drop_disabled_pod_fields(new, Some(old), context.gates);
        normalize_pod(new);
        // A deletion that is under way goes on.
        new.metadata.deletion_timestamp = old.metadata.deletion_timestamp;
    }

    fn validate_update(&self, context: &StrategyContext<'_>, new: &Pod, old: &Pod) -> ErrorList {
        validate_pod_status_update(new, old, &self.0.options(Some(old), context))
    }

    fn warnings_on_update(&self, _context: &StrategyContext<'_>, new: &Pod, _old: &Pod) -> Vec<String> {
        let warn = |member: &str, ips: &mut dyn Iterator<Item = &str>| {
            let list = Path::new(member);
            let warnings = ips.enumerate().filter_map(|(index, ip)| {
                let path = list.index(index);
                names::ip_warnings(&path.child("ip"), ip)
            });
            warnings.collect::<Vec<_>>()
        };
        let mut warnings = warn("status.podIPs", &mut new.status.pod_ips.iter().map(|ip| ip.ip.as_str()));
        warnings.extend(warn(
            "status.hostIPs",
            &mut new.status.host_ips.iter().map(|ip| ip.ip.as_str()),
        ));
        warnings
    }

    fn selectable_fields(&self) -> &'static [SelectableField] {
        FIELDS
    }

    fn reset_fields(&self) -> &'static [&'static [&'static str]] {
        &[
            &["metadata", "deletionTimestamp"],
            &["metadata", "ownerReferences"],
            &["spec"],
        ]
    }
}

/// The rules of adding ephemeral containers.
#[derive(Clone, Copy, Debug)]
pub struct EphemeralContainersStrategy(pub PodStrategy);

impl Strategy for EphemeralContainersStrategy {
    type Object = Pod;

    fn namespaced(&self) -> bool {
        true
    }

    fn validate(&self, context: &StrategyContext<'_>, pod: &Pod) -> ErrorList {
        validate_pod_create(pod, &self.0.options(None, context))
    }

    fn prepare_for_update(&self, context: &StrategyContext<'_>, new: &mut Pod, old: &Pod) {
        let containers = std::mem::take(&mut new.spec.ephemeral_containers);
        new.spec.clone_from(&old.spec);
        new.spec.ephemeral_containers = containers;
        new.status.clone_from(&old.status);
        reset_for_status(&mut new.metadata, &old.metadata);
        drop_disabled_pod_fields(new, Some(old), context.gates);
        bump_generation(new, old);
    }

    fn validate_update(&self, context: &StrategyContext<'_>, new: &Pod, old: &Pod) -> ErrorList {
        validate_ephemeral_containers_update(new, old, &self.0.options(Some(old), context))
    }

    fn selectable_fields(&self) -> &'static [SelectableField] {
        FIELDS
    }

    fn reset_fields(&self) -> &'static [&'static [&'static str]] {
        NOT_EPHEMERAL_CONTAINERS
    }
}

/// The rules of resizing.
#[derive(Clone, Copy, Debug)]
pub struct ResizeStrategy(pub PodStrategy);

/// The stored containers with the resources of the request; the request's if they are others, which
/// validation then refuses.
fn resized(new: &[Container], old: &[Container]) -> Vec<Container> {
    if new.len() != old.len() || new.iter().zip(old).any(|(new, old)| new.name != old.name) {
        return new.to_vec();
    }
    let pairs = new.iter().zip(old);
    pairs
        .map(|(new, old)| Container {
            resources: new.resources.clone(),
            resize_policy: new.resize_policy.clone(),
            ..old.clone()
        })
        .collect()
}

impl Strategy for ResizeStrategy {
    type Object = Pod;

    fn namespaced(&self) -> bool {
        true
    }

    fn validate(&self, context: &StrategyContext<'_>, pod: &Pod) -> ErrorList {
        validate_pod_create(pod, &self.0.options(None, context))
    }

    fn prepare_for_update(&self, context: &StrategyContext<'_>, new: &mut Pod, old: &Pod) {
        let same_count = new.spec.containers.len() == old.spec.containers.len()
            && new.spec.init_containers.len() == old.spec.init_containers.len();
        if same_count {
            let mut spec = old.spec.clone();
            spec.containers = resized(&new.spec.containers, &old.spec.containers);
            spec.init_containers = resized(&new.spec.init_containers, &old.spec.init_containers);
            if context.gates.enabled(Feature::InPlacePodLevelResourcesVerticalScaling) {
                spec.resources = new.spec.resources.take();
            }
            new.spec = spec;
            new.status.clone_from(&old.status);
            reset_for_status(&mut new.metadata, &old.metadata);
        }
        drop_disabled_pod_fields(new, Some(old), context.gates);
        bump_generation(new, old);
    }

    fn validate_update(&self, context: &StrategyContext<'_>, new: &Pod, old: &Pod) -> ErrorList {
        validate_pod_resize(new, old, &self.0.options(Some(old), context), context.gates)
    }

    fn selectable_fields(&self) -> &'static [SelectableField] {
        FIELDS
    }

    fn reset_fields(&self) -> &'static [&'static [&'static str]] {
        NOT_RESIZE
    }
}
