//! What containers ask for where they do not say.

use k8s_api::{
    Map,
    core::v1::{Container, LimitRangeItem, Pod},
    primitives::Quantity,
};

/// The annotation that says what was set.
const ANNOTATION: &str = "kubernetes.io/limit-ranger";

/// Sets what is missing; returns the names.
fn fill(given: &mut Map<Quantity>, defaults: &Map<Quantity>) -> Vec<String> {
    let mut set = Vec::new();
    for (name, quantity) in defaults {
        if !given.contains_key(name) {
            given.insert(name.clone(), quantity.clone());
            set.push(name.clone());
        }
    }
    set
}

/// Gives every container the requests and limits that it does not have, and notes which.
pub(super) fn complete(pod: &mut Pod, limits: &[LimitRangeItem]) {
    let mut requests: Map<Quantity> = Map::new();
    let mut most: Map<Quantity> = Map::new();
    for item in limits.iter().filter(|item| item.type_ == "Container") {
        requests.extend(item.default_request.clone());
        most.extend(item.default.clone());
    }
    if requests.is_empty() && most.is_empty() {
        return;
    }
    let mut notes: Vec<String> = Vec::new();
    let mut complete = |kind: &str, container: &mut Container| {
        let set_limits = fill(&mut container.resources.limits, &most);
        let set_requests = fill(&mut container.resources.requests, &requests);
        for (set, what) in [(set_requests, "request"), (set_limits, "limit")] {
            if !set.is_empty() {
                notes.push(format!("{} {what} for {kind} {}", set.join(", "), container.name));
            }
        }
    };
    for container in &mut pod.spec.containers {
        complete("container", container);
    }
    for container in &mut pod.spec.init_containers {
        complete("init container", container);
    }
    if !notes.is_empty() {
        let note = format!("LimitRanger plugin set: {}", notes.join("; "));
        pod.metadata.annotations.insert(ANNOTATION, note);
    }
}
