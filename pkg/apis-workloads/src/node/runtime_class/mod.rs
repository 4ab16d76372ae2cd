//! Runtime classes.

#[cfg(test)]
mod tests;

use std::collections::{BTreeSet, HashSet};

use apimachinery::{
    field::{Error, ErrorList, Path},
    names,
};
use apis_core::GoValue;
use apis_pod::{
    meta::{NameRule, validate_labels, validate_object_meta, validate_object_meta_update},
    pod::{PodValidationOptions, deprecated_node_label, validation::tolerations::validate_tolerations},
    resources,
};
use k8s_api::{
    core::v1::{ResourceRequirements, Toleration},
    node::v1::{RuntimeClass, Scheduling},
};

use crate::common::{METADATA, immutable};

const HANDLER: Path<'static> = Path::new("handler");

/// Every fault of a new class.
#[must_use]
pub fn validate(class: &RuntimeClass) -> ErrorList {
    let mut errors = validate_object_meta(&class.metadata, false, NameRule::Dns1123Subdomain, &METADATA);
    if class.handler.is_empty() {
        errors.push(Error::required(&HANDLER, ""));
    } else {
        errors.invalid_each(&HANDLER, &class.handler, names::dns1123_label(&class.handler));
    }
    if let Some(overhead) = &class.overhead {
        let requirements = ResourceRequirements {
            limits: overhead.pod_fixed.clone(),
            ..ResourceRequirements::default()
        };
        errors.append(resources::validate_requirements(
            &requirements,
            resources::Scope::Container,
            &BTreeSet::new(),
            false,
            &Path::new("overhead"),
        ));
    }
    if let Some(scheduling) = &class.scheduling {
        validate_scheduling(scheduling, &Path::new("scheduling"), &mut errors);
    }
    errors
}

/// Every fault of a changed class.
#[must_use]
pub fn validate_update(new: &RuntimeClass, old: &RuntimeClass) -> ErrorList {
    let mut errors = validate(new);
    errors.append(validate_object_meta_update(&new.metadata, &old.metadata, &METADATA));
    errors.extend(immutable(&HANDLER, &new.handler, &old.handler, |handler| {
        handler.into()
    }));
    errors
}

fn validate_scheduling(scheduling: &Scheduling, path: &Path<'_>, errors: &mut ErrorList) {
    errors.append(validate_labels(&scheduling.node_selector, &path.child("nodeSelector")));
    let path = path.child("tolerations");
    let tolerations = &scheduling.tolerations;
    errors.append(validate_tolerations(
        tolerations,
        &PodValidationOptions::default(),
        &path,
    ));
    let mut seen = HashSet::new();
    for (index, toleration) in tolerations.iter().enumerate() {
        let Toleration {
            effect,
            key,
            operator,
            value,
            toleration_seconds: _,
        } = toleration;
        if !seen.insert((key, operator, value, effect)) {
            errors.push(Error::duplicate(
                &path.index(index),
                show_toleration(toleration).bad_value(),
            ));
        }
    }
}

fn show_toleration(toleration: &Toleration) -> GoValue {
    GoValue::object([
        ("Key", (&toleration.key).into()),
        ("Operator", (&toleration.operator).into()),
        ("Value", (&toleration.value).into()),
        ("Effect", (&toleration.effect).into()),
        (
            "TolerationSeconds",
            toleration.toleration_seconds.map_or(GoValue::Null, GoValue::Number),
        ),
    ])
}

/// What the author of a class should know.
#[must_use]
pub fn warnings(class: &RuntimeClass) -> Vec<String> {
    let selector = class
        .scheduling
        .iter()
        .flat_map(|scheduling| scheduling.node_selector.keys());
    selector
        .filter_map(|key| deprecated_node_label(key))
        .map(|message| format!("scheduling.nodeSelector: {message}"))
        .collect()
}
