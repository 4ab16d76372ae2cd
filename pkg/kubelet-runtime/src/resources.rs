//! The cgroup settings of containers and sandboxes.

use cri_client::api::{HugepageLimit, LinuxContainerResources};
use k8s_api::core::v1::{Container, Pod};
use k8s_api::primitives::Quantity;
use kubelet_types::pod::is_critical;
use kubelet_types::resources::{
    MIN_SHARES, QosClass, Side, milli_amount, milli_cpu_to_quota, milli_cpu_to_shares, oom_score_adj, pod_amount,
    qos_class,
};

use crate::runtime::RuntimeOptions;

/// Settings from a CPU request, a CPU limit (both in thousandths) and a memory limit.
fn linux(
    request: Option<i64>,
    limit: Option<i64>,
    memory: Option<i64>,
    options: &RuntimeOptions,
) -> LinuxContainerResources {
    let mut resources = LinuxContainerResources {
        cpu_shares: request.or(limit).map_or(MIN_SHARES, milli_cpu_to_shares),
        memory_limit_in_bytes: memory.unwrap_or_default(),
        ..Default::default()
    };
    if options.cpu_cfs_quota {
        let period = i64::try_from(options.cpu_cfs_quota_period.as_micros()).unwrap_or(i64::MAX);
        resources.cpu_quota = milli_cpu_to_quota(limit.unwrap_or_default(), period);
        resources.cpu_period = period;
    }
    resources
}

/// The settings of a container.
pub(crate) fn of_container(pod: &Pod, container: &Container, options: &RuntimeOptions) -> LinuxContainerResources {
    let limits = &container.resources.limits;
    let mut resources = linux(
        milli_amount(container, Side::Requests, "cpu"),
        milli_amount(container, Side::Limits, "cpu"),
        limits.get("memory").map(Quantity::value),
        options,
    );
    resources.oom_score_adj = oom_score_adj(pod, container, options.memory_capacity);
    if options.cgroup_v2 {
        if !options.single_process_oom_kill {
            resources.unified.insert("memory.oom.group".to_owned(), "1".to_owned());
        }
        if options.swap_available {
            let most = swap(pod, container, options).to_string();
            resources.unified.insert("memory.swap.max".to_owned(), most);
        }
    }
    for (name, amount) in limits {
        let Some(size) = name.strip_prefix("hugepages-") else {
            continue;
        };
        let page_size = size
            .strip_suffix('i')
            .map_or_else(|| size.to_owned(), |size| format!("{size}B"));
        resources.hugepage_limits.push(HugepageLimit {
            page_size,
            limit: u64::try_from(amount.value()).unwrap_or_default(),
        });
    }
    resources
}

/// The swap of a container: the part of the node's that its request is of the node's memory, for burstable pods that are
/// neither critical nor have just what they request.
fn swap(pod: &Pod, container: &Container, options: &RuntimeOptions) -> i64 {
    let of = |side: &k8s_api::Map<Quantity>| side.get("memory").map_or(0, Quantity::value);
    let (request, limit) = (of(&container.resources.requests), of(&container.resources.limits));
    let excepted = qos_class(pod) != QosClass::Burstable || is_critical(pod) || request == 0 || request == limit;
    match options.swap_shared {
        Some(total) if !excepted && options.memory_capacity > 0 => {
            let part = i128::from(request) * i128::from(total) / i128::from(options.memory_capacity);
            i64::try_from(part).unwrap_or(i64::MAX)
        }
        _ => 0,
    }
}

/// The settings of a whole pod, for the sandbox, and the overhead among them.
pub(crate) fn of_pod(
    pod: &Pod,
    options: &RuntimeOptions,
) -> (LinuxContainerResources, Option<LinuxContainerResources>) {
    let milli = |side| pod_amount(pod, side, "cpu").map(|amount| amount.milli_value());
    let memory = pod_amount(pod, Side::Limits, "memory").map(|amount| amount.value());
    let resources = linux(milli(Side::Requests), milli(Side::Limits), memory, options);
    let overhead = &pod.spec.overhead;
    let overhead = (!overhead.is_empty()).then(|| {
        let cpu = overhead.get("cpu").map(Quantity::milli_value);
        linux(cpu, cpu, overhead.get("memory").map(Quantity::value), options)
    });
    (resources, overhead)
}
