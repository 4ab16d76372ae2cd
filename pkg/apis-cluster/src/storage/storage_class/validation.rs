//! What a storage class must be; everything but expansion, mounts and topologies is immutable.

use std::collections::{BTreeMap, BTreeSet};

use apimachinery::{
    field::{Error, ErrorList, Path},
    names,
};
use apis_pod::meta::NameRule;
use k8s_api::{
    core::v1::{TopologySelectorLabelRequirement, TopologySelectorTerm},
    storage::v1::StorageClass,
};

use crate::common;

/// Every fault of a new class.
#[must_use]
pub fn validate(class: &StorageClass) -> ErrorList {
    let mut errors = common::object_meta(&class.metadata, false, NameRule::Dns1123Subdomain);
    errors.append(super::super::validate_provisioner(
        &Path::new("provisioner"),
        &class.provisioner,
    ));
    let parameters = Path::new("parameters");
    errors.append(super::super::validate_parameters(&parameters, &class.parameters, true));
    if let Some(policy) = class.reclaim_policy.as_deref().filter(|policy| !policy.is_empty()) {
        errors.extend(common::one_of(
            &Path::new("reclaimPolicy"),
            policy,
            &["Delete", "Retain"],
        ));
    }
    let mode = Path::new("volumeBindingMode");
    match &class.volume_binding_mode {
        None => errors.push(Error::required(&mode, "")),
        Some(value) => errors.extend(common::one_of(&mode, value, &["Immediate", "WaitForFirstConsumer"])),
    }
    errors.append(validate_topologies(&class.allowed_topologies));
    errors
}

/// Every fault of an update.
#[must_use]
pub fn validate_update(new: &StorageClass, old: &StorageClass) -> ErrorList {
    let mut errors = validate(new);
    errors.append(common::object_meta_update(&new.metadata, &old.metadata));
    let parameters = Path::new("parameters");
    errors.extend(common::immutable(
        &parameters,
        &new.parameters,
        &old.parameters,
        common::string_map,
    ));
    errors.extend(common::immutable_text(
        &Path::new("provisioner"),
        &new.provisioner,
        &old.provisioner,
    ));
    for (name, new, old) in [
        ("reclaimPolicy", &new.reclaim_policy, &old.reclaim_policy),
        ("volumeBindingMode", &new.volume_binding_mode, &old.volume_binding_mode),
    ] {
        errors.extend(common::immutable_option(&Path::new(name), new, old));
    }
    errors
}

type Term<'a> = BTreeMap<&'a str, BTreeSet<&'a str>>;

fn validate_topologies(topologies: &[TopologySelectorTerm]) -> ErrorList {
    let path = Path::new("allowedTopologies");
    let mut errors = ErrorList::new();
    // An empty term is a repetition from the start: upstream's list of seen terms begins with
    // as many empty ones as there are terms, and absent and empty are the same.
    let mut seen: Vec<Term<'_>> = vec![Term::new(); topologies.len()];
    for (at, term) in topologies.iter().enumerate() {
        let path = path.index(at);
        let expressions = path.child("matchLabelExpressions");
        let mut raw = Term::new();
        for (at, requirement) in term.match_label_expressions.iter().enumerate() {
            let path = expressions.index(at);
            let values = validate_requirement(&mut errors, requirement, &path);
            if raw.contains_key(requirement.key.as_str()) {
                errors.push(Error::duplicate(&path.child("key"), &requirement.key));
            }
            raw.insert(&requirement.key, values);
        }
        for _ in seen.iter().filter(|other| **other == raw) {
            errors.push(Error::duplicate(&expressions, ""));
        }
        seen.push(raw);
    }
    errors
}

fn validate_requirement<'a>(
    errors: &mut ErrorList,
    requirement: &'a TopologySelectorLabelRequirement,
    path: &Path<'_>,
) -> BTreeSet<&'a str> {
    let mut set = BTreeSet::new();
    let values = path.child("values");
    if requirement.values.is_empty() {
        errors.push(Error::required(&values, ""));
    }
    for (at, value) in requirement.values.iter().enumerate() {
        if !set.insert(value.as_str()) {
            errors.push(Error::duplicate(&values.index(at), value));
        }
    }
    let key = &requirement.key;
    errors.invalid_each(&path.child("key"), key, names::qualified_name(key));
    set
}
