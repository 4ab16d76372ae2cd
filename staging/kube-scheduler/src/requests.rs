//! What a pod requests (upstream: `component-helpers/resource`).
//!
//! Containers run side by side, init containers one after the other before them; sidecars start among the init containers
//! and stay. A pod's own requests go before its containers', and its overhead comes on top.

use k8s_api::Map;
use k8s_api::core::v1::{Container, ContainerStatus, Pod, ResourceRequirements};
use k8s_api::primitives::Quantity;

use crate::pod_info::PodOptions;
use crate::resource::{CPU, MEMORY, Resource};

/// What scoring takes a container for that does not say how much CPU it wants, in thousandths.
pub const DEFAULT_MILLI_CPU: i64 = 100;
/// What scoring takes a container for that does not say how much memory it wants, in bytes.
pub const DEFAULT_MEMORY: i64 = 200 * 1024 * 1024;

/// Amounts to assume where a container names none.
#[derive(Clone, Copy, Debug, Default)]
struct Missing {
    cpu: i64,
    memory: i64,
}

/// A pod's requests.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PodRequests {
    /// From the specification alone: what has to fit.
    pub wanted: Resource,
    /// With what has been resized on the node: what is accounted for.
    pub used: Resource,
    /// CPU for scoring, in thousandths.
    pub non_zero_cpu: i64,
    /// Memory for scoring, in bytes.
    pub non_zero_memory: i64,
}

impl PodRequests {
    /// A pod's requests.
    #[must_use]
    pub fn of(pod: &Pod, options: PodOptions) -> Self {
        let resized = has_status_resources(pod);
        let wanted = total(pod, options, false, Missing::default());
        let used = if resized {
            total(pod, options, true, Missing::default())
        } else {
            wanted.clone()
        };
        let missing = missing(pod, options, &used);
        let non_zero = if missing.cpu == 0 && missing.memory == 0 {
            used.clone()
        } else {
            total(pod, options, resized, missing)
        };
        Self {
            wanted,
            used,
            non_zero_cpu: non_zero.milli_cpu,
            non_zero_memory: non_zero.memory,
        }
    }
}

fn has_status_resources(pod: &Pod) -> bool {
    let statuses = pod.status.container_statuses.iter();
    let mut statuses = statuses.chain(&pod.status.init_container_statuses);
    statuses.any(|status| status.resources.is_some()) || pod.status.resources.is_some()
}

fn is_pod_level(name: &str) -> bool {
    name == CPU || name == MEMORY || name.starts_with("hugepages-")
}

fn pod_level(pod: &Pod, options: PodOptions) -> Option<&ResourceRequirements> {
    let resources = pod.spec.resources.as_deref().filter(|_| options.pod_level_resources)?;
    resources
        .requests
        .keys()
        .any(|name| is_pod_level(name))
        .then_some(resources)
}

fn missing(pod: &Pod, options: PodOptions, used: &Resource) -> Missing {
    let all = Missing {
        cpu: DEFAULT_MILLI_CPU,
        memory: DEFAULT_MEMORY,
    };
    if pod_level(pod, options).is_none() {
        return all;
    }
    Missing {
        cpu: if used.milli_cpu == 0 { all.cpu } else { 0 },
        memory: if used.memory == 0 { all.memory } else { 0 },
    }
}

fn is_resize_infeasible(pod: &Pod) -> bool {
    let pending = pod.status.conditions.iter().find(|c| c.type_ == "PodResizePending");
    pending.is_some_and(|condition| condition.reason == "Infeasible")
}

/// The larger of what is wanted, what the node has set, and what it has promised; without the first if it cannot be.
fn effective(pod: &Pod, wanted: &Map<Quantity>, set: &Map<Quantity>, promised: &Map<Quantity>) -> Resource {
    let mut resource = Resource::from_list(set);
    resource.max_with(&Resource::from_list(promised));
    if !is_resize_infeasible(pod) {
        resource.max_with(&Resource::from_list(wanted));
    }
    resource
}

fn of_container(pod: &Pod, container: &Container, statuses: &[ContainerStatus], missing: Missing) -> Resource {
    let requests = &container.resources.requests;
    let status = statuses.iter().find(|status| status.name == container.name);
    let mut resource = match status.and_then(|status| Some((status, status.resources.as_deref()?))) {
        Some((status, set)) => effective(pod, requests, &set.requests, &status.allocated_resources),
        None => Resource::from_list(requests),
    };
    if !requests.contains_key(CPU) {
        resource.milli_cpu = resource.milli_cpu.max(missing.cpu);
    }
    if !requests.contains_key(MEMORY) {
        resource.memory = resource.memory.max(missing.memory);
    }
    resource
}

fn total(pod: &Pod, options: PodOptions, with_status: bool, missing: Missing) -> Resource {
    let (containers, inits): (&[_], &[_]) = if with_status {
        (&pod.status.container_statuses, &pod.status.init_container_statuses)
    } else {
        (&[], &[])
    };
    let mut sum = Resource::default();
    for container in &pod.spec.containers {
        sum.add(&of_container(pod, container, containers, missing));
    }
    let mut sidecars = Resource::default();
    let mut starting = Resource::default();
    for container in &pod.spec.init_containers {
        let sidecar = container.restart_policy.as_deref() == Some("Always");
        let statuses = if sidecar { inits } else { &[] };
        let mut requests = of_container(pod, container, statuses, missing);
        if sidecar {
            sum.add(&requests);
            sidecars.add(&requests);
            requests = sidecars.clone();
        } else {
            requests.add(&sidecars);
        }
        starting.max_with(&requests);
    }
    sum.max_with(&starting);
    if let Some(resources) = pod_level(pod, options) {
        let resized = pod.status.resources.as_deref().filter(|_| with_status);
        let resized =
            resized.map(|set| effective(pod, &resources.requests, &set.requests, &pod.status.allocated_resources));
        for (name, quantity) in resources.requests.iter().filter(|(name, _)| is_pod_level(name)) {
            sum.set(name, quantity);
            if let Some(resized) = &resized {
                match name.as_str() {
                    CPU => sum.milli_cpu = resized.milli_cpu,
                    MEMORY => sum.memory = resized.memory,
                    _ => {}
                }
            }
        }
    }
    sum.add(&Resource::from_list(&pod.spec.overhead));
    sum
}

#[cfg(test)]
mod tests {
    use super::*;
    use k8s_api::Kind as _;
    use serde_json::json;

    fn requests(spec: serde_json::Value, status: serde_json::Value) -> PodRequests {
        let pod = Pod::from_value(json!({"spec": spec, "status": status})).unwrap();
        PodRequests::of(
            &pod,
            PodOptions {
                pod_level_resources: true,
                ..PodOptions::default()
            },
        )
    }

    fn container(name: &str, cpu: &str) -> serde_json::Value {
        json!({"name": name, "resources": {"requests": {"cpu": cpu}}})
    }

    #[test]
    fn init_containers_sidecars_and_overhead() {
        let mut sidecar = container("side", "200m");
        sidecar["restartPolicy"] = "Always".into();
        for (name, spec, expected) in [
            (
                "containers add up",
                json!({"containers": [container("a", "1"), container("b", "2")]}),
                3000,
            ),
            (
                "init containers come one by one",
                json!({"containers": [container("a", "1")], "initContainers": [container("i", "2"), container("j", "3")]}),
                3000,
            ),
            (
                "sidecars stay",
                json!({"containers": [container("a", "1")], "initContainers": [sidecar, container("j", "1500m")]}),
                1700,
            ),
            (
                "overhead comes on top",
                json!({"containers": [container("a", "1")], "overhead": {"cpu": "50m"}}),
                1050,
            ),
            (
                "the pod's own requests go first",
                json!({"containers": [container("a", "1")], "resources": {"requests": {"cpu": "5"}}}),
                5000,
            ),
        ] {
            assert_eq!(requests(spec, json!({})).wanted.milli_cpu, expected, "{name}");
        }
    }

    #[test]
    fn scoring_assumes_something_for_what_is_not_said() {
        let got = requests(json!({"containers": [{"name": "a"}, container("b", "0")]}), json!({}));
        assert_eq!((got.wanted.milli_cpu, got.wanted.memory), (0, 0));
        assert_eq!(
            (got.non_zero_cpu, got.non_zero_memory),
            (DEFAULT_MILLI_CPU, 2 * DEFAULT_MEMORY)
        );
    }

    #[test]
    fn what_is_resized_counts_until_it_is_done() {
        let status = |infeasible: bool| {
            let mut status = json!({"containerStatuses": [
                {"name": "a", "resources": {"requests": {"cpu": "2"}}, "allocatedResources": {"cpu": "1500m"}}]});
            if infeasible {
                status["conditions"] = json!([{"type": "PodResizePending", "reason": "Infeasible"}]);
            }
            status
        };
        let spec = json!({"containers": [container("a", "3")]});
        let growing = requests(spec.clone(), status(false));
        assert_eq!((growing.wanted.milli_cpu, growing.used.milli_cpu), (3000, 3000));
        assert_eq!(requests(spec, status(true)).used.milli_cpu, 2000);
        let shrinking = requests(json!({"containers": [container("a", "1")]}), status(false));
        assert_eq!((shrinking.wanted.milli_cpu, shrinking.used.milli_cpu), (1000, 2000));
    }
}
