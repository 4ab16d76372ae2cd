//! What a pod's specification becomes in the kernel.

use k8s_api::core::v1::Pod;
use kubelet_types::container::all;
use kubelet_types::resources::{
    MIN_SHARES, QosClass, Side, milli_cpu_to_quota, milli_cpu_to_shares, pod_amount, qos_class,
};

/// Limits of one cgroup; what is none is left as the kernel made it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Limits {
    /// CPU shares.
    pub shares: Option<i64>,
    /// CPU quota and period in microseconds; a quota below 0 is none.
    pub quota: Option<(i64, i64)>,
    /// Memory in bytes.
    pub memory: Option<i64>,
    /// Processes.
    pub pids: Option<i64>,
}

impl Limits {
    /// The limits of a pod's own cgroup. Quota and memory are set only if every container has a limit, since the sum would
    /// bind the others otherwise.
    #[must_use]
    pub fn of_pod(pod: &Pod, period: i64, enforce_quota: bool, pids: Option<i64>) -> Self {
        let of_pod = pod.spec.resources.as_deref();
        let limited = |name: &str| {
            of_pod.is_some_and(|it| it.limits.contains_key(name))
                || all(pod).all(|(_, container)| container.resources.limits.contains_key(name))
        };
        let milli = |side| pod_amount(pod, side, "cpu").map_or(0, |amount| amount.milli_value());
        let memory = pod_amount(pod, Side::Limits, "memory").map(|amount| amount.value());
        let quota = || {
            let quota = if enforce_quota {
                milli_cpu_to_quota(milli(Side::Limits), period)
            } else {
                -1
            };
            (quota, period)
        };
        match qos_class(pod) {
            QosClass::BestEffort => Self {
                shares: Some(MIN_SHARES),
                pids,
                ..Default::default()
            },
            QosClass::Guaranteed => Self {
                shares: Some(milli_cpu_to_shares(milli(Side::Requests).max(milli(Side::Limits)))),
                quota: Some(quota()),
                memory,
                pids,
            },
            QosClass::Burstable => Self {
                shares: Some(milli_cpu_to_shares(milli(Side::Requests))),
                quota: limited("cpu").then(quota),
                memory: memory.filter(|_| limited("memory")),
                pids,
            },
        }
    }
}
