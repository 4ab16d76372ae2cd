//! Which pods go so that a critical one can come (upstream: `pkg/kubelet/preemption`).
//!
//! Best-effort pods go before burstable and these before guaranteed ones; of each class as few as possible, and of those
//! that do as well the ones that ask for least.

use std::cmp::Ordering;

use k8s_api::core::v1::Pod;
use kubelet_types::pod::is_critical;
use kubelet_types::resources::{QosClass, qos_class};

use crate::fit::{Shortage, request};

/// What is missing of a resource.
#[derive(Clone, Debug, PartialEq)]
struct Missing<'a> {
    resource: &'a str,
    amount: i64,
}

/// What a pod takes of a resource; every pod is one pod.
fn taken(pod: &Pod, resource: &str) -> i64 {
    if resource == "pods" { 1 } else { request(pod, resource) }
}

fn without<'a>(missing: &[Missing<'a>], gone: &[&Pod]) -> Vec<Missing<'a>> {
    let left = missing.iter().map(|it| Missing {
        resource: it.resource,
        amount: it.amount - gone.iter().map(|pod| taken(pod, it.resource)).sum::<i64>(),
    });
    left.filter(|it| it.amount > 0).collect()
}

/// How far a pod's going leaves the resources from enough; each counts alike, whatever its unit.
fn distance(missing: &[Missing<'_>], pod: &Pod) -> f64 {
    let parts = missing.iter().map(|it| {
        let left = it.amount - taken(pod, it.resource);
        #[expect(clippy::cast_precision_loss, reason = "a ratio needs no more than 53 bits")]
        let part = left.max(0) as f64 / it.amount as f64;
        part * part
    });
    parts.sum()
}

fn smaller(a: &Pod, b: &Pod) -> Ordering {
    let size = |pod: &Pod| (request(pod, "memory"), request(pod, "cpu"));
    size(a).cmp(&size(b))
}

fn unmet(missing: &[Missing<'_>]) -> String {
    let mut text = String::from("no set of running pods found to reclaim resources: [");
    for it in missing {
        text.push_str(&format!("(res: {}, q: {}), ", it.resource, it.amount));
    }
    text + "]"
}

/// The fewest of these pods whose going is enough.
fn fewest<'p>(mut pods: Vec<&'p Pod>, mut missing: Vec<Missing<'_>>) -> Result<Vec<&'p Pod>, String> {
    let mut chosen = Vec::new();
    while !missing.is_empty() {
        let nearest = (0..pods.len()).min_by(|a, b| {
            let (a, b) = (pods[*a], pods[*b]);
            let by_distance = distance(&missing, a).total_cmp(&distance(&missing, b));
            by_distance.then_with(|| smaller(a, b))
        });
        let Some(nearest) = nearest else {
            return Err(unmet(&missing));
        };
        let pod = pods.swap_remove(nearest);
        missing = without(&missing, &[pod]);
        chosen.push(pod);
    }
    Ok(chosen)
}

/// Whether one pod may make another go.
fn may_preempt(preemptor: &Pod, pod: &Pod) -> bool {
    if is_critical(preemptor) && !is_critical(pod) {
        return true;
    }
    matches!((preemptor.spec.priority, pod.spec.priority), (Some(own), Some(other)) if own > other)
}

/// The pods that have to go for `pod` to have what is short.
///
/// # Errors
/// If no pods that may be made to go have enough.
pub(crate) fn victims<'p>(pod: &Pod, others: &[&'p Pod], short: &[Shortage]) -> Result<Vec<&'p Pod>, String> {
    let missing: Vec<_> = short
        .iter()
        .map(|it| Missing {
            resource: &it.resource,
            amount: it.requested - (it.capacity - it.used),
        })
        .collect();
    let of = |class: QosClass| -> Vec<&'p Pod> {
        let pods = others.iter().copied();
        pods.filter(|other| may_preempt(pod, other) && qos_class(other) == class)
            .collect()
    };
    let (best_effort, burstable, guaranteed) = (
        of(QosClass::BestEffort),
        of(QosClass::Burstable),
        of(QosClass::Guaranteed),
    );
    let left = without(&missing, &[best_effort.as_slice(), &burstable, &guaranteed].concat());
    if !left.is_empty() {
        return Err(unmet(&left));
    }
    // Each class gives only what the classes that go before it cannot.
    let last = fewest(
        guaranteed,
        without(&missing, &[best_effort.as_slice(), &burstable].concat()),
    )?;
    let then = fewest(burstable, without(&missing, &[best_effort.as_slice(), &last].concat()))?;
    let first = fewest(best_effort, without(&missing, &[then.as_slice(), &last].concat()))?;
    Ok([first, then, last].concat())
}
