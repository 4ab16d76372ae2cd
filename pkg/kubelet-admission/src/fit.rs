//! Whether the resources of a node are enough.

use std::collections::BTreeSet;
use std::fmt;

use k8s_api::Map;
use k8s_api::core::v1::Pod;
use k8s_api::primitives::Quantity;
use kubelet_types::container::all;
use kubelet_types::resources::{Side, pod_amount};

/// A resource that is not enough.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shortage {
    /// Its name.
    pub resource: String,
    /// What the pod asks for; thousandths of CPUs, whole units otherwise.
    pub requested: i64,
    /// What the other pods have.
    pub used: i64,
    /// What there is.
    pub capacity: i64,
}

impl fmt::Display for Shortage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            resource,
            requested,
            used,
            capacity,
        } = self;
        write!(
            f,
            "Node didn't have enough resource: {resource}, requested: {requested}, used: {used}, capacity: {capacity}"
        )
    }
}

fn units(name: &str, amount: &Quantity) -> i64 {
    if name == "cpu" {
        amount.milli_value()
    } else {
        amount.value()
    }
}

/// What a pod asks for of a resource.
pub(crate) fn request(pod: &Pod, name: &str) -> i64 {
    pod_amount(pod, Side::Requests, name).map_or(0, |amount| units(name, &amount))
}

/// What there is of a resource.
pub(crate) fn capacity(allocatable: &Map<Quantity>, name: &str) -> i64 {
    allocatable.get(name).map_or(0, |amount| units(name, amount))
}

/// Resources that belong to no node by nature: a node that has none of one does not care.
fn is_extended(name: &str) -> bool {
    name.contains('/') && !name.contains("kubernetes.io/")
}

/// The resources of which the node has not enough: pods, CPU, memory, storage, and the others by name.
pub(crate) fn shortages(allocatable: &Map<Quantity>, others: &[&Pod], pod: &Pod) -> Vec<Shortage> {
    let mut short = Vec::new();
    let count = i64::try_from(others.len()).unwrap_or(i64::MAX);
    let most = capacity(allocatable, "pods");
    if count + 1 > most {
        short.push(Shortage {
            resource: "pods".to_owned(),
            requested: 1,
            used: count,
            capacity: most,
        });
    }
    let first = ["cpu", "memory", "ephemeral-storage"];
    let mut names: BTreeSet<String> = BTreeSet::new();
    let own = pod.spec.resources.as_deref();
    names.extend(
        own.into_iter()
            .flat_map(|it| it.requests.iter())
            .map(|(name, _)| name.clone()),
    );
    for (_, container) in all(pod) {
        names.extend(container.resources.requests.iter().map(|(name, _)| name.clone()));
    }
    let rest = names.iter().map(String::as_str).filter(|name| !first.contains(name));
    short.extend(first.into_iter().chain(rest).filter_map(|name| {
        if is_extended(name) && !allocatable.contains_key(name) {
            return None;
        }
        let requested = request(pod, name);
        let total = capacity(allocatable, name);
        if requested == 0 {
            return None;
        }
        let used: i64 = others.iter().map(|other| request(other, name)).sum();
        (requested > total - used).then(|| Shortage {
            resource: name.to_owned(),
            requested,
            used,
            capacity: total,
        })
    }));
    short
}
