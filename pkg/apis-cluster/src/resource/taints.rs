//! Taints of devices and what tolerates them; conditions on which binding waits.

use std::collections::HashSet;

use apimachinery::{
    field::{BadValue, Error, ErrorList, Path},
    names,
};
use apis_pod::meta::validate_label_name;
use k8s_api::resource::v1::{DeviceTaint, DeviceToleration};

use super::set;
use crate::{common, go};

const EFFECTS: [&str; 3] = ["NoExecute", "NoSchedule", "None"];
const MAX_BINDING_CONDITIONS: usize = 4;

pub(super) fn validate_taint(taint: &DeviceTaint, path: &Path<'_>) -> ErrorList {
    let mut errors = validate_label_name(&taint.key, &path.child("key"));
    errors.invalid_each(&path.child("value"), &taint.value, names::label_value(&taint.value));
    let effect = path.child("effect");
    if taint.effect.is_empty() {
        errors.push(Error::required(&effect, ""));
    } else {
        errors.extend(common::one_of(&effect, &taint.effect, &EFFECTS));
    }
    errors
}

pub(super) fn validate_tolerations(tolerations: &[DeviceToleration], path: &Path<'_>) -> ErrorList {
    let list = path.child("tolerations");
    let mut errors = ErrorList::new();
    for (at, toleration) in tolerations.iter().enumerate() {
        errors.append(validate_toleration(toleration, &list.index(at)));
    }
    errors
}

fn validate_toleration(toleration: &DeviceToleration, path: &Path<'_>) -> ErrorList {
    let mut errors = ErrorList::new();
    if !toleration.key.is_empty() {
        errors.append(validate_label_name(&toleration.key, &path.child("key")));
    }
    let (operator, value) = (path.child("operator"), path.child("value"));
    match toleration.operator.as_str() {
        "Exists" if !toleration.value.is_empty() => {
            errors.push(Error::invalid(
                &value,
                &toleration.value,
                "must be empty for operator `Exists`",
            ));
        }
        "Exists" => {}
        "Equal" => errors.invalid_each(&value, &toleration.value, names::label_value(&toleration.value)),
        "" => errors.push(Error::required(&operator, "")),
        other => errors.push(Error::not_supported(&operator, other, &["Equal", "Exists"])),
    }
    if !toleration.effect.is_empty() {
        errors.extend(common::one_of(&path.child("effect"), &toleration.effect, &EFFECTS));
    }
    errors
}

/// The conditions on which binding waits and fails: both or neither, and none in both.
pub(super) fn validate_binding_conditions(wait: &[String], fail: &[String], path: &Path<'_>) -> ErrorList {
    let (waits, fails) = (path.child("bindingConditions"), path.child("bindingFailureConditions"));
    let label = |name: &String, path: &Path<'_>| validate_label_name(name, path);
    let mut errors = set::validate_list(wait, MAX_BINDING_CONDITIONS, &waits, label);
    errors.append(set::validate_list(fail, MAX_BINDING_CONDITIONS, &fails, label));
    let mut seen = HashSet::new();
    for (at, condition) in wait.iter().enumerate() {
        if !seen.insert(condition) {
            errors.push(Error::duplicate(&waits.index(at), condition));
        }
    }
    let mut seen = HashSet::new();
    for (at, condition) in fail.iter().enumerate() {
        let path = fails.index(at);
        if !seen.insert(condition) {
            errors.push(Error::duplicate(&path, condition));
        }
        if wait.contains(condition) {
            let detail = "bindingFailureConditions must not overlap with bindingConditions";
            errors.push(Error::invalid(&path, condition, detail));
        }
    }
    let shown = |list: &[String]| BadValue::plain(go::list(list));
    if wait.is_empty() && !fail.is_empty() {
        let detail = "bindingConditions are required to use bindingFailureConditions";
        errors.push(Error::invalid(&waits, shown(wait), detail));
    }
    if fail.is_empty() && !wait.is_empty() {
        let detail = "bindingFailureConditions are required to use bindingConditions";
        errors.push(Error::invalid(&fails, shown(fail), detail));
    }
    errors
}
