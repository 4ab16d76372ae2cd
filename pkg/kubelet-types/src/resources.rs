//! QoS classes, requests and limits, and what they become in the kernel.

use k8s_api::Map;
use k8s_api::core::v1::{Container, Pod, ResourceRequirements};
use k8s_api::primitives::Quantity;

use crate::container::is_sidecar;
use crate::pod::is_node_critical;

/// The length of a period of the CPU quota, in microseconds.
pub const QUOTA_PERIOD: i64 = 100_000;
/// The least weight that the kernel takes.
pub const MIN_SHARES: i64 = 2;
/// The greatest weight that the kernel takes.
pub const MAX_SHARES: i64 = 262_144;
/// The least quota that the kernel takes, in microseconds.
const MIN_QUOTA: i64 = 1000;

/// How the node treats a pod when resources are short.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum QosClass {
    /// CPU and memory limits everywhere, and requests equal to them.
    Guaranteed,
    /// Something requested or limited.
    Burstable,
    /// Nothing requested nor limited.
    BestEffort,
}

impl QosClass {
    /// The word of `status.qosClass`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Guaranteed => "Guaranteed",
            Self::Burstable => "Burstable",
            Self::BestEffort => "BestEffort",
        }
    }
}

/// The class of a pod, from its status if it stands there (it never changes), or else from its specification.
#[must_use]
pub fn qos_class(pod: &Pod) -> QosClass {
    match pod.status.qos_class.as_str() {
        "Guaranteed" => QosClass::Guaranteed,
        "Burstable" => QosClass::Burstable,
        "BestEffort" => QosClass::BestEffort,
        _ => compute_qos_class(pod),
    }
}

const QOS_RESOURCES: [&str; 2] = ["cpu", "memory"];

fn compute_qos_class(pod: &Pod) -> QosClass {
    let spec = &pod.spec;
    if let Some(resources) = spec
        .resources
        .as_deref()
        .filter(|it| !it.limits.is_empty() || !it.requests.is_empty())
    {
        return class_of(std::iter::once(resources));
    }
    class_of(
        spec.init_containers
            .iter()
            .chain(&spec.containers)
            .map(|container| &container.resources),
    )
}

fn class_of<'a>(all: impl Iterator<Item = &'a ResourceRequirements>) -> QosClass {
    let positive = |map: &Map<Quantity>, name: &str| map.get(name).filter(|quantity| quantity.signum() > 0).cloned();
    let (mut anything, mut guaranteed) = (false, true);
    for resources in all {
        for name in QOS_RESOURCES {
            let limit = positive(&resources.limits, name);
            let request = positive(&resources.requests, name);
            anything |= limit.is_some() || request.is_some();
            guaranteed &= match (&limit, &request) {
                (Some(limit), Some(request)) => limit == request,
                (Some(_), None) => true,
                (None, _) => false,
            };
        }
    }
    match (anything, guaranteed) {
        (false, _) => QosClass::BestEffort,
        (true, true) => QosClass::Guaranteed,
        (true, false) => QosClass::Burstable,
    }
}

/// Which side of the requirements.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// `requests`.
    Requests,
    /// `limits`.
    Limits,
}

fn side(resources: &ResourceRequirements, which: Side) -> &Map<Quantity> {
    match which {
        Side::Requests => &resources.requests,
        Side::Limits => &resources.limits,
    }
}

/// What a pod asks for or may use of one resource, overhead included: the sum over the containers and sidecars, or what an
/// init container needs beside the sidecars before it, whichever is more; the pod's own figure stands above all that.
#[must_use]
pub fn pod_amount(pod: &Pod, which: Side, name: &str) -> Option<Quantity> {
    let spec = &pod.spec;
    let own = spec
        .resources
        .as_deref()
        .and_then(|resources| side(resources, which).get(name));
    let mut total = match own {
        Some(own) => Some(own.clone()),
        None => containers_amount(pod, which, name),
    };
    let overhead = spec.overhead.get(name);
    if let Some(overhead) = overhead.filter(|_| which == Side::Requests || total.is_some()) {
        match &mut total {
            Some(total) => total.add(overhead),
            None => total = Some(overhead.clone()),
        }
    }
    total
}

fn containers_amount(pod: &Pod, which: Side, name: &str) -> Option<Quantity> {
    let add = |total: &mut Option<Quantity>, more: &Quantity| match total {
        Some(total) => total.add(more),
        None => *total = Some(more.clone()),
    };
    let mut regular = None;
    for container in &pod.spec.containers {
        if let Some(amount) = side(&container.resources, which).get(name) {
            add(&mut regular, amount);
        }
    }
    let (mut sidecars, mut init): (Option<Quantity>, Option<Quantity>) = (None, None);
    for container in &pod.spec.init_containers {
        let amount = side(&container.resources, which).get(name);
        let mut needed = sidecars.clone();
        if let Some(amount) = amount {
            add(&mut needed, amount);
        }
        if is_sidecar(container) {
            sidecars = needed.clone();
        }
        if needed > init {
            init = needed;
        }
    }
    if let Some(sidecars) = &sidecars {
        add(&mut regular, sidecars);
    }
    regular.max(init)
}

/// CPU shares of this many thousandths of a CPU.
#[must_use]
pub fn milli_cpu_to_shares(milli: i64) -> i64 {
    if milli == 0 {
        MIN_SHARES
    } else {
        (milli * 1024 / 1000).clamp(MIN_SHARES, MAX_SHARES)
    }
}

/// The quota in microseconds a period of this many thousandths of a CPU; 0 is no limit.
#[must_use]
pub fn milli_cpu_to_quota(milli: i64, period: i64) -> i64 {
    if milli == 0 {
        0
    } else {
        (milli * period / 1000).max(MIN_QUOTA)
    }
}

/// The weight of cgroup version 2 (1 to 10000) that stands for these shares (2 to 262144), as the OCI runtimes convert it.
#[must_use]
pub fn shares_to_weight(shares: i64) -> i64 {
    if shares == 0 {
        return 0;
    }
    1 + (shares.clamp(MIN_SHARES, MAX_SHARES) - 2) * 9999 / 262_142
}

/// A container's resource amount in whole units.
#[must_use]
pub fn amount(container: &Container, which: Side, name: &str) -> Option<i64> {
    side(&container.resources, which).get(name).map(Quantity::value)
}

/// A container's resource amount in thousandths.
#[must_use]
pub fn milli_amount(container: &Container, which: Side, name: &str) -> Option<i64> {
    side(&container.resources, which).get(name).map(Quantity::milli_value)
}

/// The OOM score adjustment of the kubelet itself.
pub const KUBELET_OOM_SCORE_ADJ: i32 = -999;
const GUARANTEED_OOM_SCORE_ADJ: i64 = -997;
const BEST_EFFORT_OOM_SCORE_ADJ: i64 = 1000;

/// The OOM score adjustment of a container on a node with this much memory.
#[must_use]
pub fn oom_score_adj(pod: &Pod, container: &Container, memory_capacity: i64) -> i64 {
    if is_node_critical(pod) {
        return GUARANTEED_OOM_SCORE_ADJ;
    }
    match qos_class(pod) {
        QosClass::Guaranteed => return GUARANTEED_OOM_SCORE_ADJ,
        QosClass::BestEffort => return BEST_EFFORT_OOM_SCORE_ADJ,
        QosClass::Burstable => {}
    }
    let capacity = memory_capacity.max(1);
    let adjustment = |request: i64| 1000 - 1000i64.saturating_mul(request) / capacity;
    let request = amount(container, Side::Requests, "memory").unwrap_or_default();
    let remaining = remaining_pod_memory_per_container(pod);
    let mut adjust = adjustment(request + remaining);
    let sidecar = is_sidecar(container) && pod.spec.init_containers.iter().any(|init| init.name == container.name);
    if sidecar {
        let regular = pod.spec.containers.iter();
        let least = regular
            .map(|it| amount(it, Side::Requests, "memory").unwrap_or_default())
            .min()
            .unwrap_or_default();
        adjust = adjust.min(adjustment(least + remaining));
    }
    adjust.clamp(1000 + GUARANTEED_OOM_SCORE_ADJ, BEST_EFFORT_OOM_SCORE_ADJ - 1)
}

/// What a pod's own memory request leaves beyond those of its containers, by container.
fn remaining_pod_memory_per_container(pod: &Pod) -> i64 {
    let own = pod
        .spec
        .resources
        .as_deref()
        .and_then(|resources| resources.requests.get("memory"));
    let Some(own) = own else { return 0 };
    let sidecars = pod
        .spec
        .init_containers
        .iter()
        .filter(|container| is_sidecar(container));
    let containers: Vec<_> = pod.spec.containers.iter().chain(sidecars).collect();
    let asked: i64 = containers
        .iter()
        .map(|it| amount(it, Side::Requests, "memory").unwrap_or_default())
        .sum();
    let count = i64::try_from(containers.len()).unwrap_or(i64::MAX).max(1);
    (own.value() - asked).max(0) / count
}

#[cfg(test)]
mod tests {
    use super::*;

    fn container(name: &str, requests: &[(&str, &str)], limits: &[(&str, &str)]) -> Container {
        let map = |pairs: &[(&str, &str)]| -> Map<Quantity> {
            pairs
                .iter()
                .map(|(key, value)| ((*key).to_owned(), value.parse().expect("a quantity")))
                .collect()
        };
        Container {
            name: name.to_owned(),
            resources: ResourceRequirements {
                requests: map(requests),
                limits: map(limits),
                ..Default::default()
            },
            ..Default::default()
        }
    }

    fn pod(containers: Vec<Container>) -> Pod {
        let mut pod = Pod::default();
        pod.spec.containers = containers;
        pod
    }

    #[test]
    fn classes() {
        let both = [("cpu", "1"), ("memory", "1Gi")];
        assert_eq!(qos_class(&pod(vec![container("a", &[], &[])])), QosClass::BestEffort);
        assert_eq!(
            qos_class(&pod(vec![container("a", &both, &both)])),
            QosClass::Guaranteed
        );
        assert_eq!(
            qos_class(&pod(vec![container("a", &both, &both), container("b", &[], &[])])),
            QosClass::Burstable
        );
        assert_eq!(
            qos_class(&pod(vec![container("a", &[("cpu", "1")], &[])])),
            QosClass::Burstable
        );
        assert_eq!(
            qos_class(&pod(vec![container("a", &[("example.com/x", "1")], &[])])),
            QosClass::BestEffort
        );
    }

    #[test]
    fn shares_quota_and_weight() {
        for (milli, shares) in [(0, 2), (1, 2), (2, 2), (100, 102), (1000, 1024), (300_000, 262_144)] {
            assert_eq!(milli_cpu_to_shares(milli), shares, "{milli}");
        }
        for (milli, quota) in [(0, 0), (1, 1000), (10, 1000), (100, 10_000), (1500, 150_000)] {
            assert_eq!(milli_cpu_to_quota(milli, QUOTA_PERIOD), quota, "{milli}");
        }
        for (shares, weight) in [(2, 1), (1024, 39), (262_144, 10_000)] {
            assert_eq!(shares_to_weight(shares), weight, "{shares}");
        }
    }

    #[test]
    fn amounts_count_sidecars_and_the_greatest_init_container() {
        let mut it = pod(vec![container("a", &[("cpu", "100m")], &[])]);
        let mut sidecar = container("s", &[("cpu", "50m")], &[]);
        sidecar.restart_policy = Some("Always".to_owned());
        it.spec.init_containers = vec![sidecar, container("i", &[("cpu", "300m")], &[])];
        assert_eq!(
            pod_amount(&it, Side::Requests, "cpu").map(|it| it.milli_value()),
            Some(350)
        );
        it.spec.init_containers.pop();
        assert_eq!(
            pod_amount(&it, Side::Requests, "cpu").map(|it| it.milli_value()),
            Some(150)
        );
        it.spec.overhead.insert("cpu", "10m".parse().expect("a quantity"));
        assert_eq!(
            pod_amount(&it, Side::Requests, "cpu").map(|it| it.milli_value()),
            Some(160)
        );
        assert_eq!(pod_amount(&it, Side::Limits, "cpu"), None);
    }

    #[test]
    fn oom_scores() {
        let capacity = 4_000_000_000;
        let half = pod(vec![container("a", &[("memory", "2000M")], &[])]);
        assert_eq!(oom_score_adj(&half, &half.spec.containers[0], capacity), 500);
        let tiny = pod(vec![container("a", &[("memory", "1")], &[])]);
        assert_eq!(oom_score_adj(&tiny, &tiny.spec.containers[0], capacity), 999);
        let full = pod(vec![container("a", &[("memory", "4000M")], &[])]);
        assert_eq!(oom_score_adj(&full, &full.spec.containers[0], capacity), 3);
        let mut critical = half;
        critical.spec.priority = Some(2_000_001_000);
        assert_eq!(oom_score_adj(&critical, &critical.spec.containers[0], capacity), -997);
    }
}
