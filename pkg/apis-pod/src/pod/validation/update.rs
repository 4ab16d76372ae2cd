//! Updates of pods: what may change after creation, on the pod itself and by its
//! `ephemeralcontainers`.

use std::collections::HashMap;

use apimachinery::{
    field::{BadValue, Error, ErrorList, Path},
    names,
};
use k8s_api::{
    core::v1::{
        Affinity, Container, EphemeralContainer, NodeAffinity, NodeSelectorTerm, Pod, PodSchedulingGate, PodSpec,
    },
    primitives::quote,
};

use super::{
    super::{MIRROR_ANNOTATION, PodValidationOptions},
    annotations::validate_annotation_updates,
    containers::validate_image_whitespace,
    create::validate_metadata_and_spec,
    tolerations::validate_added_tolerations,
};
use crate::{go_view, meta::validate_core_object_meta_update};

const MAX_DEADLINE_SECONDS: i64 = i32::MAX as i64;
const UPDATABLE: &str = "`spec.containers[*].image`,`spec.initContainers[*].image`,`spec.activeDeadlineSeconds`,\
    `spec.tolerations` (only additions to existing tolerations),`spec.terminationGracePeriodSeconds` (allow it to be \
    set to 1 if it was previously negative)";

/// Checks a pod that replaces another.
#[must_use]
pub fn validate_pod_update(new: &Pod, old: &Pod, options: &PodValidationOptions) -> ErrorList {
    let metadata = Path::new("metadata");
    let mut errors = validate_core_object_meta_update(&new.metadata, &old.metadata, &metadata);
    errors.append(validate_metadata_and_spec(new, options));
    errors.append(validate_annotation_updates(
        new,
        old,
        options,
        &metadata.child("annotations"),
    ));
    let path = Path::new("spec");
    let (new, old) = (&new.spec, &old.spec);
    for (member, new, old) in [
        ("containers", &new.containers, &old.containers),
        ("initContainers", &new.init_containers, &old.init_containers),
    ] {
        let path = path.child(member);
        if new.len() != old.len() {
            errors.push(Error::forbidden(&path, "pod updates may not add or remove containers"));
            return errors;
        }
        errors.append(validate_images(new, &path));
    }
    match validate_deadline(new, old, &path.child("activeDeadlineSeconds")) {
        Ok(error) => errors.extend(error),
        Err(error) => {
            errors.push(error);
            return errors;
        }
    }
    errors.append(validate_added_tolerations(
        &new.tolerations,
        &old.tolerations,
        options,
        &path.child("tolerations"),
    ));
    errors.append(validate_deleted_gates(
        &new.scheduling_gates,
        &old.scheduling_gates,
        &path.child("schedulingGates"),
    ));
    if new == old {
        return errors;
    }
    let mut rest = new.clone();
    take_over_updatable(&mut rest, old);
    if !old.scheduling_gates.is_empty() {
        errors.append(take_over_node_choice(&mut rest, old, &path));
    }
    if rest != *old {
        let diff = go_view::diff_pod_specs(old, &rest);
        let detail = format!("pod updates may not change fields other than {UPDATABLE}\n{diff}");
        errors.push(Error::forbidden(&path, detail));
    }
    errors
}

fn validate_images(containers: &[Container], path: &Path<'_>) -> ErrorList {
    let mut errors = ErrorList::new();
    for (index, container) in containers.iter().enumerate() {
        let path = path.index(index);
        if container.image.is_empty() {
            errors.push(Error::required(&path.child("image"), ""));
        }
        errors.extend(validate_image_whitespace(&container.image, &path));
    }
    errors
}

/// A deadline may be set and come closer. `Err` ends the validation.
fn validate_deadline(new: &PodSpec, old: &PodSpec, path: &Path<'_>) -> Result<Option<Error>, Error> {
    let Some(seconds) = new.active_deadline_seconds else {
        let detail = "must not update from a positive integer to nil value";
        let removed = old.active_deadline_seconds.is_some();
        return Ok(removed.then(|| Error::invalid(path, BadValue::plain("null"), detail)));
    };
    if !(0..=MAX_DEADLINE_SECONDS).contains(&seconds) {
        let detail = names::inclusive_range_error(0, MAX_DEADLINE_SECONDS);
        return Err(Error::invalid(path, seconds, detail));
    }
    match old.active_deadline_seconds {
        Some(old) if old < seconds => {
            let detail = "must be less than or equal to previous value";
            Err(Error::invalid(path, seconds, detail))
        }
        _ => Ok(None),
    }
}

fn validate_deleted_gates(new: &[PodSchedulingGate], old: &[PodSchedulingGate], path: &Path<'_>) -> ErrorList {
    let added: HashMap<&str, usize> = new
        .iter()
        .enumerate()
        .map(|(at, gate)| (gate.name.as_str(), at))
        .collect();
    let mut added: Vec<_> = added
        .into_iter()
        .filter(|(name, _)| !old.iter().any(|gate| gate.name == *name))
        .collect();
    added.sort_by_key(|(_, at)| *at);
    let errors = added.into_iter().map(|(name, at)| {
        let path = path.index(at);
        let detail = format!("only deletion is allowed, but found new scheduling gate '{name}'");
        Error::forbidden(&path.child("name"), detail)
    });
    errors.collect()
}

/// Puts back what any update may change, or what has been checked already.
fn take_over_updatable(spec: &mut PodSpec, old: &PodSpec) {
    let pairs = spec.containers.iter_mut().zip(&old.containers);
    for (container, old) in pairs.chain(spec.init_containers.iter_mut().zip(&old.init_containers)) {
        container.image.clone_from(&old.image);
    }
    spec.active_deadline_seconds = old.active_deadline_seconds;
    spec.scheduling_gates.clone_from(&old.scheduling_gates);
    spec.tolerations.clone_from(&old.tolerations);
    let was_negative = old.termination_grace_period_seconds.is_some_and(|seconds| seconds < 0);
    if was_negative && spec.termination_grace_period_seconds == Some(1) {
        spec.termination_grace_period_seconds = old.termination_grace_period_seconds;
    }
}

/// A pod that is held back from scheduling may still become more choosy about its node.
fn take_over_node_choice(spec: &mut PodSpec, old: &PodSpec, path: &Path<'_>) -> ErrorList {
    let mut errors = ErrorList::new();
    if spec.node_selector != old.node_selector {
        let kept = |(key, value): (&String, &String)| spec.node_selector.get(key) == Some(value);
        if !old.node_selector.iter().all(kept) {
            let shown: serde_json::Map<_, _> = spec
                .node_selector
                .iter()
                .map(|(key, value)| (key.clone(), value.clone().into()))
                .collect();
            let value = if shown.is_empty() {
                BadValue::plain("null")
            } else {
                BadValue::json(&shown)
            };
            let detail = "only additions to spec.nodeSelector are allowed (no mutations or deletions)";
            errors.push(Error::invalid(&path.child("nodeSelector"), value, detail));
        }
        spec.node_selector.clone_from(&old.node_selector);
    }
    let node_affinity = |spec: &PodSpec| {
        spec.affinity
            .as_ref()
            .and_then(|affinity| affinity.node_affinity.clone())
    };
    let (new_choice, old_choice) = (node_affinity(spec), node_affinity(old));
    if new_choice == old_choice {
        return errors;
    }
    let affinity_path = path.child("affinity.nodeAffinity");
    errors.append(validate_added_choice(
        new_choice.as_deref(),
        old_choice.as_deref(),
        &affinity_path,
    ));
    match &mut spec.affinity {
        None => {
            spec.affinity = Some(Box::new(Affinity {
                node_affinity: old_choice,
                ..Affinity::default()
            }));
        }
        Some(own) if old.affinity.is_none() && own.pod_affinity.is_none() && own.pod_anti_affinity.is_none() => {
            spec.affinity = None;
        }
        Some(own) => own.node_affinity = old_choice,
    }
    errors
}

fn terms(affinity: Option<&NodeAffinity>) -> &[NodeSelectorTerm] {
    let required =
        affinity.and_then(|affinity| affinity.required_during_scheduling_ignored_during_execution.as_deref());
    required.map_or(&[], |required| &required.node_selector_terms)
}

fn validate_added_choice(new: Option<&NodeAffinity>, old: Option<&NodeAffinity>, path: &Path<'_>) -> ErrorList {
    let path = path.child("requiredDuringSchedulingIgnoredDuringExecution.nodeSelectorTerms");
    let (new, old) = (terms(new), terms(old));
    let pointer = "/affinity/nodeAffinity/requiredDuringSchedulingIgnoredDuringExecution/nodeSelectorTerms";
    let show =
        |terms: &[NodeSelectorTerm], pointer: &str| go_view::member_of(spec_of(terms), pointer, "NodeSelectorTerm");
    if !old.is_empty() && old.len() != new.len() {
        let detail = "no additions/deletions to non-empty NodeSelectorTerms list are allowed";
        return Error::invalid(&path, show(new, pointer), detail).into();
    }
    let mut errors = ErrorList::new();
    for (index, (new, old)) in new.iter().zip(old).enumerate() {
        if !has_only_additions(new, old) {
            let value = show(std::slice::from_ref(new), &format!("{pointer}/0"));
            let detail = "only additions are allowed (no mutations or deletions)";
            errors.push(Error::invalid(&path.index(index), value, detail));
        }
    }
    errors
}

fn spec_of(terms: &[NodeSelectorTerm]) -> PodSpec {
    let selector = k8s_api::core::v1::NodeSelector {
        node_selector_terms: terms.to_vec(),
    };
    let node = NodeAffinity {
        required_during_scheduling_ignored_during_execution: Some(Box::new(selector)),
        ..NodeAffinity::default()
    };
    PodSpec {
        affinity: Some(Box::new(Affinity {
            node_affinity: Some(Box::new(node)),
            ..Affinity::default()
        })),
        ..PodSpec::default()
    }
}

fn has_only_additions(new: &NodeSelectorTerm, old: &NodeSelectorTerm) -> bool {
    let is_empty = |term: &NodeSelectorTerm| term.match_expressions.is_empty() && term.match_fields.is_empty();
    // A term without requirements selects nothing, so any requirement would widen it.
    (!is_empty(old) || is_empty(new))
        && new.match_expressions.starts_with(&old.match_expressions)
        && new.match_fields.starts_with(&old.match_fields)
}

/// Checks that ephemeral containers were only added.
#[must_use]
pub fn validate_ephemeral_containers_update(new: &Pod, old: &Pod, options: &PodValidationOptions) -> ErrorList {
    if old.metadata.annotations.contains_key(MIRROR_ANNOTATION) {
        let detail = "static pods do not support ephemeral containers";
        return Error::forbidden(&Path::new(""), detail).into();
    }
    let metadata = Path::new("metadata");
    let mut errors = validate_core_object_meta_update(&new.metadata, &old.metadata, &metadata);
    errors.append(validate_metadata_and_spec(new, options));
    errors.append(validate_annotation_updates(
        new,
        old,
        options,
        &metadata.child("annotations"),
    ));
    let path = Path::new("spec.ephemeralContainers");
    let by_name: HashMap<&str, &EphemeralContainer> = new
        .spec
        .ephemeral_containers
        .iter()
        .map(|container| (container.name.as_str(), container))
        .collect();
    for old in &old.spec.ephemeral_containers {
        let name = quote(&old.name);
        match by_name.get(old.name.as_str()) {
            None => {
                let detail = format!("existing ephemeral containers {name} may not be removed\n");
                errors.push(Error::forbidden(&path, detail));
            }
            Some(new) if **new != *old => {
                let diff = go_view::diff_ephemeral_containers(old, new);
                let detail = format!("existing ephemeral containers {name} may not be changed\n{diff}");
                errors.push(Error::forbidden(&path, detail));
            }
            Some(_) => {}
        }
    }
    errors
}
