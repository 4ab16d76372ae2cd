//! Resizing a running pod: CPU and memory of its containers, or of the pod as a whole.

use apimachinery::field::{Error, ErrorList, Path};
use component_base::feature_gates::FeatureGates;
use k8s_api::{
    Map,
    core::v1::{Container, Pod, PodSpec, ResourceRequirements},
    primitives::Quantity,
};

use super::{
    super::{MIRROR_ANNOTATION, PodValidationOptions, is_sidecar, is_windows},
    create::validate_metadata_and_spec,
};
use crate::{
    meta::validate_core_object_meta_update,
    resources::{compute_qos_class, qos_class},
    rules::named,
};

const ONLY_COMPUTE: &str = "only cpu and memory resources are mutable";
const RESIZABLE: [&str; 2] = ["cpu", "memory"];

/// Checks a resized pod, which differs from the old one in resources and resize policies only.
#[must_use]
pub fn validate_pod_resize(new: &Pod, old: &Pod, options: &PodValidationOptions, gates: &FeatureGates) -> ErrorList {
    let root = Path::new("");
    if old.metadata.annotations.contains_key(MIRROR_ANNOTATION) {
        return Error::forbidden(&root, "static pods cannot be resized").into();
    }
    if is_windows(&old.spec) {
        return Error::forbidden(&root, "windows pods cannot be resized").into();
    }
    let mut errors = validate_core_object_meta_update(&new.metadata, &old.metadata, &Path::new("metadata"));
    errors.append(validate_metadata_and_spec(new, options));
    let path = Path::new("spec");
    if qos_class(old, gates) != compute_qos_class(new, gates) {
        let detail = "Pod QOS Class may not change as a result of resizing";
        errors.push(Error::invalid(&path, named(&new.status.qos_class), detail));
    }
    if !is_supported_by_node(old) {
        errors.push(Error::forbidden(
            &path,
            "Pod running on node without support for resize",
        ));
    }
    let mut rest = new.spec.clone();
    if has_pod_level_resources(&old.spec) || has_pod_level_resources(&new.spec) {
        if !options.pod_level_resize {
            let detail = "resize of pods with pod-level resources is forbidden when \
                InPlacePodLevelResourcesVerticalScalingEnabled feature gate is disabled";
            errors.push(Error::forbidden(&root, detail));
            return errors;
        }
        errors.append(validate_pod_level(&mut rest, &new.spec, &old.spec, &path));
    }
    if !old.status.node_allocatable_resource_claim_statuses.is_empty() {
        let detail = "pods with node allocatable resource claims cannot be resized";
        errors.push(Error::forbidden(&path, detail));
    }
    let order = validate_order(&new.spec, &old.spec, &path);
    if !order.is_empty() {
        errors.append(order);
        return errors;
    }
    let resizable = |container: &Container| options.init_container_resize || is_sidecar(container);
    for (member, new, old, all) in [
        (
            "initContainers",
            &new.spec.init_containers,
            &old.spec.init_containers,
            false,
        ),
        ("containers", &new.spec.containers, &old.spec.containers, true),
    ] {
        let list = path.child(member);
        let pairs = new.iter().zip(old).enumerate();
        for (index, (new, old)) in pairs.filter(|(_, (_, old))| all || resizable(old)) {
            let path = list.index(index);
            errors.append(validate_removals(new, old, &path.child("resources")));
        }
    }
    for (container, old) in rest.containers.iter_mut().zip(&old.spec.containers) {
        take_over_compute_of(container, old);
        if container != old {
            errors.push(Error::forbidden(&path, ONLY_COMPUTE));
        }
    }
    let list = path.child("initContainers");
    for (index, (container, old)) in rest
        .init_containers
        .iter_mut()
        .zip(&old.spec.init_containers)
        .enumerate()
    {
        errors.append(validate_init(
            container,
            old,
            resizable(container),
            &path,
            &list.index(index),
        ));
    }
    if errors.is_empty() && rest != old.spec {
        errors.push(Error::forbidden(&path, ONLY_COMPUTE));
    }
    errors
}

/// Whether the node reports resources, as those do that can resize. Nothing running tells nothing.
fn is_supported_by_node(pod: &Pod) -> bool {
    let mut statuses = pod.status.container_statuses.iter();
    let running = statuses.find(|status| status.state.running.is_some());
    running.is_none_or(|status| status.resources.is_some())
}

fn has_pod_level_resources(spec: &PodSpec) -> bool {
    let resources = spec.resources.as_deref();
    resources.is_some_and(|resources| !resources.requests.is_empty() || !resources.limits.is_empty())
}

fn removed(new: &Map<Quantity>, old: &Map<Quantity>) -> bool {
    old.keys().any(|name| !new.contains_key(name))
}

fn validate_pod_level(rest: &mut PodSpec, new: &PodSpec, old: &PodSpec, path: &Path<'_>) -> ErrorList {
    let mut errors = ErrorList::new();
    let resources_path = path.child("resources");
    match (&new.resources, &old.resources) {
        (None, Some(_)) => {
            return Error::forbidden(&resources_path, "pod-level resources cannot be removed").into();
        }
        (Some(new), Some(old)) => {
            if removed(&new.requests, &old.requests) {
                let detail = "pod-level resource requests cannot be removed";
                errors.push(Error::forbidden(&resources_path.child("requests"), detail));
            }
            if removed(&new.limits, &old.limits) {
                let detail = "pod-level resource limits cannot be removed";
                errors.push(Error::forbidden(&resources_path.child("limits"), detail));
            }
        }
        _ => {}
    }
    if let Some(resources) = &mut rest.resources {
        let none = ResourceRequirements::default();
        let before = old.resources.as_deref().unwrap_or(&none);
        take_over_compute(&mut resources.requests, &before.requests);
        take_over_compute(&mut resources.limits, &before.limits);
        if old.resources.is_none() && **resources == none {
            rest.resources = None;
        }
    }
    if rest.resources != old.resources {
        let detail = "only cpu and memory resources are mutable at pod-level";
        errors.push(Error::forbidden(path, detail));
    }
    errors
}

fn take_over_compute(list: &mut Map<Quantity>, old: &Map<Quantity>) {
    for name in RESIZABLE {
        match old.get(name) {
            Some(quantity) => {
                list.insert(name, quantity.clone());
            }
            None => {
                list.remove(name);
            }
        }
    }
}

/// Puts CPU and memory back. References to claims are left out of the comparison, as upstream has it.
fn take_over_compute_of(container: &mut Container, old: &Container) {
    take_over_compute(&mut container.resources.limits, &old.resources.limits);
    take_over_compute(&mut container.resources.requests, &old.resources.requests);
    container.resources.claims.clear();
}

fn validate_order(new: &PodSpec, old: &PodSpec, path: &Path<'_>) -> ErrorList {
    let mut errors = ErrorList::new();
    for (member, new, old) in [
        ("containers", &new.containers, &old.containers),
        ("initContainers", &new.init_containers, &old.init_containers),
    ] {
        let list = path.child(member);
        if new.len() != old.len() {
            let detail = format!("{member} may not be added or removed on resize");
            errors.push(Error::forbidden(&list, detail));
            continue;
        }
        for (index, _) in new
            .iter()
            .zip(old)
            .enumerate()
            .filter(|(_, (new, old))| new.name != old.name)
        {
            let path = list.index(index);
            let detail = format!("{member} may not be renamed or reordered on resize");
            errors.push(Error::forbidden(&path.child("name"), detail));
        }
    }
    errors
}

fn validate_removals(new: &Container, old: &Container, path: &Path<'_>) -> ErrorList {
    let mut errors = ErrorList::new();
    for (member, new, old) in [
        ("requests", &new.resources.requests, &old.resources.requests),
        ("limits", &new.resources.limits, &old.resources.limits),
    ] {
        if removed(new, old) {
            let detail = format!("resource {member} cannot be removed");
            errors.push(Error::forbidden(&path.child(member), detail));
        }
    }
    errors
}

fn validate_init(
    container: &mut Container,
    old: &Container,
    resizable: bool,
    spec: &Path<'_>,
    path: &Path<'_>,
) -> ErrorList {
    let mut errors = ErrorList::new();
    let modified = container != old;
    if !resizable {
        if modified {
            let detail = "resources for non-sidecar init containers are immutable";
            errors.push(Error::forbidden(spec, detail));
        }
        return errors;
    }
    take_over_compute_of(container, old);
    if container != old {
        let detail = "only cpu and memory resources for init or sidecar containers are mutable";
        errors.push(Error::forbidden(path, detail));
    }
    if modified && !is_sidecar(container) {
        let restarting = container
            .resize_policy
            .iter()
            .filter(|policy| policy.restart_policy == "RestartContainer");
        let detail = "non-sidecar init containers with a resize policy of RestartContainer cannot be resized";
        errors.extend(restarting.map(|_| Error::forbidden(path, detail)));
    }
    errors
}
