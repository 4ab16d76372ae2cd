//! Priority classes.

#[cfg(test)]
mod tests;

use apimachinery::field::{Error, ErrorList, Path};
use apis_pod::{
    meta::{NameRule, validate_object_meta, validate_object_meta_update},
    rules::required_one_of,
};
use k8s_api::scheduling::v1::PriorityClass;

use crate::common::{METADATA, immutable, named, or_null};

/// The highest priority that is not the system's.
pub const HIGHEST_USER_PRIORITY: i32 = 1_000_000_000;
/// The priority of what the cluster cannot do without.
pub const SYSTEM_CRITICAL_PRIORITY: i32 = 2 * HIGHEST_USER_PRIORITY;
/// What the names of the system's own classes begin with.
pub const SYSTEM_PREFIX: &str = "system-";
const PREEMPTION_POLICIES: [&str; 2] = ["PreemptLowerPriority", "Never"];

/// A class that every cluster has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SystemClass {
    /// Its name.
    pub name: &'static str,
    /// Its priority.
    pub value: i32,
    /// What it is for.
    pub description: &'static str,
}

/// The classes that every cluster has.
pub const SYSTEM_CLASSES: [SystemClass; 2] = [
    SystemClass {
        name: "system-node-critical",
        value: SYSTEM_CRITICAL_PRIORITY + 1000,
        description: "Used for system critical pods that must not be moved from their current node.",
    },
    SystemClass {
        name: "system-cluster-critical",
        value: SYSTEM_CRITICAL_PRIORITY,
        description: "Used for system critical pods that must run in the cluster, but can be moved to another node if \
                      necessary.",
    },
];

/// Whether every cluster has the class of this name, so that it cannot be deleted.
#[must_use]
pub fn is_system_class(name: &str) -> bool {
    SYSTEM_CLASSES.iter().any(|class| class.name == name)
}

/// Sets the defaults.
pub fn set_defaults(class: &mut PriorityClass) {
    class
        .preemption_policy
        .get_or_insert_with(|| PREEMPTION_POLICIES[0].into());
}

/// Every fault of a new class.
#[must_use]
pub fn validate(class: &PriorityClass) -> ErrorList {
    let mut errors = validate_object_meta(&class.metadata, false, NameRule::Dns1123Subdomain, &METADATA);
    if class.metadata.name.starts_with(SYSTEM_PREFIX) {
        if let Some(fault) = system_class_fault(class) {
            let detail = format!(
                "priority class names with '{SYSTEM_PREFIX}' prefix are reserved for system use only. error: {fault}"
            );
            errors.push(Error::forbidden(&METADATA.child("name"), detail));
        }
    } else if class.value > HIGHEST_USER_PRIORITY {
        let detail = format!("maximum allowed value of a user defined priority is {HIGHEST_USER_PRIORITY}");
        errors.push(Error::forbidden(&Path::new("value"), detail));
    }
    if let Some(policy) = &class.preemption_policy {
        let path = Path::new("preemptionPolicy");
        errors.extend(required_one_of(&path, policy, &PREEMPTION_POLICIES));
    }
    errors
}

/// How the class differs from the system's own of that name.
fn system_class_fault(class: &PriorityClass) -> Option<String> {
    let name = &class.metadata.name;
    let Some(own) = SYSTEM_CLASSES.iter().find(|own| own.name == name) else {
        return Some(format!("{name} is not a known system priority class"));
    };
    if own.value != class.value {
        return Some(format!("value of {name} PriorityClass must be {}", own.value));
    }
    class
        .global_default
        .then(|| format!("globalDefault of {name} PriorityClass must be false"))
}

/// Every fault of a changed class.
#[must_use]
pub fn validate_update(new: &PriorityClass, old: &PriorityClass) -> ErrorList {
    let mut errors = validate_object_meta_update(&new.metadata, &old.metadata, &METADATA);
    if new.value != old.value {
        errors.push(Error::forbidden(
            &Path::new("value"),
            "may not be changed in an update.",
        ));
    }
    errors.extend(immutable(
        &Path::new("preemptionPolicy"),
        &new.preemption_policy,
        &old.preemption_policy,
        |policy| or_null(policy, |policy| named(policy)),
    ));
    errors
}
