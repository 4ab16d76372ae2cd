//! The order in which pods go.

use std::cmp::Reverse;
use std::fmt::Write as _;
use std::sync::Arc;

use k8s_api::core::v1::Pod;
use k8s_api::primitives::Quantity;
use kubelet_types::pod::is_critical;
use kubelet_types::resources::{Side, pod_amount};

use crate::signal::{Observation, Signal};
use crate::threshold::Threshold;

/// How much of what is short a pod uses.
#[derive(Clone, Debug)]
pub struct Use {
    /// The pod.
    pub pod: Arc<Pod>,
    /// Bytes, inodes or processes.
    pub amount: u64,
}

fn request(pod: &Pod, signal: Signal) -> u64 {
    let name = match signal.resource() {
        name @ ("memory" | "ephemeral-storage") => name,
        _ => return 0,
    };
    let amount = pod_amount(pod, Side::Requests, name).map_or(0, |amount| amount.value());
    u64::try_from(amount).unwrap_or_default()
}

/// Those that use more than they asked for go first, then the least important, then those that use the most beyond their
/// request. Critical pods never go.
#[must_use]
pub fn rank(signal: Signal, uses: Vec<Use>) -> Vec<Use> {
    let mut candidates: Vec<_> = uses.into_iter().filter(|it| !is_critical(&it.pod)).collect();
    candidates.sort_by_key(|it| {
        let request = request(&it.pod, signal);
        let beyond = i128::from(it.amount) - i128::from(request);
        let exceeds = signal.is_bytes() && beyond > 0;
        (
            Reverse(exceeds),
            it.pod.spec.priority.unwrap_or_default(),
            Reverse(beyond),
        )
    });
    candidates
}

fn shown(signal: Signal, amount: i64) -> String {
    if signal.is_bytes() && amount >= 1024 {
        format!("{}Ki", amount / 1024)
    } else {
        amount.to_string()
    }
}

/// What an evicted pod is told.
#[must_use]
pub fn message(threshold: &Threshold, observed: &Observation, used: &Use) -> String {
    let signal = threshold.signal;
    let least = shown(signal, threshold.least.of(observed.capacity));
    let available = shown(signal, observed.available);
    let resource = signal.resource();
    let mut message =
        format!("The node was low on resource: {resource}. Threshold quantity: {least}, available: {available}. ");
    let request = request(&used.pod, signal);
    if signal.is_bytes() && used.amount > request {
        for container in &used.pod.spec.containers {
            let own = container.resources.requests.get(resource).map_or(0, Quantity::value);
            // A string takes everything.
            let _ = write!(
                message,
                "Container {} was using {}, request is {}, has larger consumption of {resource}. ",
                container.name,
                shown(signal, i64::try_from(used.amount).unwrap_or(i64::MAX)),
                shown(signal, own),
            );
            if used.pod.spec.containers.len() > 1 {
                break;
            }
        }
    }
    message
}
