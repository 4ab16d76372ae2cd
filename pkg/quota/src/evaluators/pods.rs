//! Pods and what their containers request and are limited to.

use std::collections::{BTreeMap, BTreeSet};

use apis_pod::resources::{self, PodTotals};
use component_base::feature_gates::FeatureGates;
use k8s_api::{
    Map,
    core::v1::{Container, Pod, PodAffinityTerm, ScopedResourceSelectorRequirement, WeightedPodAffinityTerm},
    primitives::Quantity,
};

use super::number;
use crate::{
    evaluator::{Evaluator, Item, Operation, Write},
    list::{ResourceList, add},
    scopes::{ScopeError, value_matches},
};

const COUNT: &str = "count/pods";
const PODS: &str = "pods";
const REQUESTS: &str = "requests.";
const LIMITS: &str = "limits.";
const HUGE_PAGES: &str = "hugepages-";
/// Prefix of quota names for devices that extended resources ask for implicitly.
const DEVICE_CLASS_REQUESTS: &str = "requests.deviceclass.resource.kubernetes.io/";
const DEVICE_CLASS: &str = "deviceclass.resource.kubernetes.io/";
/// What is requested (also without a prefix) and limited.
const COMPUTE: [&str; 3] = ["cpu", "memory", "ephemeral-storage"];
/// Names that every container must give a quantity for where a quota bounds them.
const CONSTRAINED: [&str; 6] = [
    "cpu",
    "limits.cpu",
    "limits.memory",
    "memory",
    "requests.cpu",
    "requests.memory",
];

/// Counts pods and their resources.
#[derive(Debug)]
pub struct Pods {
    gates: FeatureGates,
    totals: PodTotals,
}

impl Pods {
    /// An evaluator under these gates.
    #[must_use]
    pub fn new(gates: &FeatureGates) -> Self {
        Self {
            gates: gates.clone(),
            totals: PodTotals::of(gates),
        }
    }
}

/// The extended resource that a quota bounds under `requests.NAME`, if it is one.
#[must_use]
pub fn extended_resource_of_quota(name: &str) -> Option<&str> {
    let resource = name.strip_prefix(REQUESTS)?;
    (!resources::is_native(name) || name.starts_with(DEVICE_CLASS_REQUESTS)).then_some(resource)
}

/// Whether the pod ends by itself.
#[must_use]
pub fn is_terminating(pod: &Pod) -> bool {
    pod.spec.active_deadline_seconds.is_some_and(|seconds| seconds >= 0)
}

/// Whether the pod still uses what it asked for: not after its end, nor after its time to end is over.
fn is_using(pod: &Pod, now: jiff::Timestamp) -> bool {
    if matches!(pod.status.phase.as_str(), "Failed" | "Succeeded") {
        return false;
    }
    let metadata = &pod.metadata;
    match (metadata.deletion_timestamp, metadata.deletion_grace_period_seconds) {
        (Some(deletion), Some(grace)) => {
            let end = jiff::Timestamp::from(deletion).saturating_add(jiff::SignedDuration::from_secs(grace));
            end.is_ok_and(|end| now <= end)
        }
        _ => true,
    }
}

/// Requests and limits under the names that quotas use.
fn named(requests: &Map<Quantity>, limits: &Map<Quantity>) -> ResourceList {
    let mut used = ResourceList::from([(PODS, number(1))]);
    for name in COMPUTE {
        if let Some(request) = requests.get(name) {
            used.insert(name, request.clone());
            used.insert(format!("{REQUESTS}{name}"), request.clone());
        }
        if let Some(limit) = limits.get(name) {
            used.insert(format!("{LIMITS}{name}"), limit.clone());
        }
    }
    for (name, request) in requests {
        if name.starts_with(HUGE_PAGES) {
            used.insert(name.clone(), request.clone());
            used.insert(format!("{REQUESTS}{name}"), request.clone());
        } else if resources::is_extended(name) || name.starts_with(DEVICE_CLASS) {
            used.insert(format!("{REQUESTS}{name}"), request.clone());
        }
    }
    used
}

fn missing_of_container<'n>(required: &[&'n str], container: &Container) -> Vec<&'n str> {
    let own = named(&container.resources.requests, &container.resources.limits);
    required
        .iter()
        .copied()
        .filter(|name| !own.contains_key(name))
        .collect()
}

fn crosses_namespaces(pod: &Pod) -> bool {
    let term = |term: &PodAffinityTerm| !term.namespaces.is_empty() || term.namespace_selector.is_some();
    let weighted = |weighted: &WeightedPodAffinityTerm| term(&weighted.pod_affinity_term);
    pod.spec.affinity.as_ref().is_some_and(|affinity| {
        let near = affinity.pod_affinity.as_ref().is_some_and(|near| {
            near.required_during_scheduling_ignored_during_execution
                .iter()
                .any(term)
                || near
                    .preferred_during_scheduling_ignored_during_execution
                    .iter()
                    .any(weighted)
        });
        near || affinity.pod_anti_affinity.as_ref().is_some_and(|apart| {
            apart
                .required_during_scheduling_ignored_during_execution
                .iter()
                .any(term)
                || apart
                    .preferred_during_scheduling_ignored_during_execution
                    .iter()
                    .any(weighted)
        })
    })
}

impl Evaluator for Pods {
    fn group_resource(&self) -> (&str, &str) {
        ("", "pods")
    }

    fn handles(&self, write: &Write<'_>) -> bool {
        match (write.subresource, write.operation) {
            ("", Operation::Create) | ("resize", Operation::Update) => true,
            ("", Operation::Update) => match (write.new, write.old) {
                // The pod changes from one scope to the other.
                (Item::Pod(new), Some(Item::Pod(old))) => is_terminating(new) != is_terminating(old),
                _ => false,
            },
            _ => false,
        }
    }

    fn counts(&self, name: &str) -> bool {
        let compute = |name: &str| COMPUTE.contains(&name);
        name == COUNT
            || name == PODS
            || compute(name)
            || name.strip_prefix(LIMITS).is_some_and(compute)
            || name.strip_prefix(REQUESTS).is_some_and(compute)
            || name.strip_prefix(REQUESTS).unwrap_or(name).starts_with(HUGE_PAGES)
            || extended_resource_of_quota(name).is_some()
    }

    fn has_scopes(&self) -> bool {
        true
    }

    fn matches_scope(&self, selector: &ScopedResourceSelectorRequirement, item: Item<'_>) -> Result<bool, ScopeError> {
        let Item::Pod(pod) = item else { return Ok(false) };
        let best_effort = || resources::qos_class(pod, &self.gates) == "BestEffort";
        Ok(match selector.scope_name.as_str() {
            "Terminating" => is_terminating(pod),
            "NotTerminating" => !is_terminating(pod),
            "BestEffort" => best_effort(),
            "NotBestEffort" => !best_effort(),
            "PriorityClass" => {
                let class = pod.spec.priority_class_name.as_str();
                return value_matches(selector, (!class.is_empty()).then_some(class));
            }
            "CrossNamespacePodAffinity" => crosses_namespaces(pod),
            _ => false,
        })
    }

    fn constraints(&self, required: &[&str], item: Item<'_>) -> Result<(), String> {
        let Item::Pod(pod) = item else { return Ok(()) };
        let required: Vec<&str> = required
            .iter()
            .copied()
            .filter(|name| CONSTRAINED.contains(name))
            .collect();
        if required.is_empty() || (self.totals.pod_level && resources::is_pod_level_set(pod)) {
            return Ok(());
        }
        let mut missing: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
        for container in pod.spec.containers.iter().chain(&pod.spec.init_containers) {
            for name in missing_of_container(&required, container) {
                missing.entry(name).or_default().insert(&container.name);
            }
        }
        if missing.is_empty() {
            return Ok(());
        }
        let parts: Vec<String> = missing
            .into_iter()
            .map(|(name, containers)| {
                let containers: Vec<&str> = containers.into_iter().collect();
                format!("{name} for: {}", containers.join(","))
            })
            .collect();
        Err(format!("must specify {}", parts.join("; ")))
    }

    fn usage(&self, _namespace: &str, item: Item<'_>, now: jiff::Timestamp) -> ResourceList {
        let Item::Pod(pod) = item else {
            return ResourceList::default();
        };
        let counted = ResourceList::from([(COUNT, number(1))]);
        if !is_using(pod, now) {
            return counted;
        }
        add(&counted, &named(&self.totals.requests(pod), &self.totals.limits(pod)))
    }
}
