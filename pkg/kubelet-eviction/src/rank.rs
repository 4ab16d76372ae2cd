//! The order in which pods go.

use std::cmp::Reverse;
use std::collections::HashMap;
use std::fmt::Write as _;
use std::sync::Arc;

use k8s_api::core::v1::Pod;
use k8s_api::primitives::{Format, Quantity};
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
    /// What of it each container uses, by name: working sets of memory, or written layers and logs. The pod's volumes are no
    /// container's.
    pub containers: HashMap<String, u64>,
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

fn shown(signal: Signal, amount: i64) -> Quantity {
    let format = if signal.is_bytes() {
        Format::BinarySI
    } else {
        Format::DecimalSI
    };
    Quantity::new(amount, format)
}

/// What an evicted pod is told: what was short, and which of its containers used more of it than they asked for.
#[must_use]
pub fn message(threshold: &Threshold, observed: &Observation, used: &Use) -> String {
    let signal = threshold.signal;
    let least = shown(signal, threshold.least.of(observed.capacity));
    let available = shown(signal, observed.available);
    let resource = signal.resource();
    let mut message =
        format!("The node was low on resource: {resource}. Threshold quantity: {least}, available: {available}. ");
    let mut blame = |kind: &str, name: &str, amount: u64, request: Option<&Quantity>| {
        let amount = shown(signal, i64::try_from(amount).unwrap_or(i64::MAX));
        let request = request.map_or_else(|| "0".to_owned(), Quantity::to_string);
        // A string takes everything.
        let _ = write!(
            message,
            "{kind} {name} was using {amount}, request is {request}, has larger consumption of {resource}. "
        );
    };
    let spec = &used.pod.spec;
    let whole = spec.resources.as_deref().and_then(|own| own.requests.get(resource));
    if let Some(request) = whole.filter(|_| resource == "memory") {
        blame("Pod", &used.pod.metadata.name, used.amount, Some(request));
    }
    for container in spec.containers.iter().chain(&spec.init_containers) {
        let Some(amount) = used.containers.get(&container.name) else {
            continue;
        };
        let request = container.resources.requests.get(resource);
        if i128::from(*amount) > i128::from(request.map_or(0, Quantity::value)) {
            blame("Container", &container.name, *amount, request);
        }
    }
    message
}
