//! `admissionregistration.k8s.io`: webhooks and policies that judge and change requests.

pub mod mutating_admission_policy;
pub mod mutating_admission_policy_binding;
pub mod mutating_webhook_configuration;
mod policy;
mod rules;
#[cfg(test)]
mod tests;
pub mod validating_admission_policy;
pub mod validating_admission_policy_binding;
pub mod validating_webhook_configuration;
mod webhooks;

use apimachinery::field::{Error, Path};

const FAILURE_POLICIES: [&str; 2] = ["Fail", "Ignore"];
const MATCH_POLICIES: [&str; 2] = ["Equivalent", "Exact"];
const REINVOCATION_POLICIES: [&str; 2] = ["IfNeeded", "Never"];

/// Names with this ending belong to configurations that the server reads from files.
pub const STATIC_SUFFIX: &str = ".static.k8s.io";

fn static_suffix_text(name: &str) -> Option<String> {
    name.ends_with(STATIC_SUFFIX).then(|| {
        format!(
            "names ending with \"{STATIC_SUFFIX}\" are reserved for static manifest-based configurations and cannot be managed via the API"
        )
    })
}

/// The fault of a name that is kept for configurations in files, where that feature is on.
#[must_use]
pub fn static_suffix_fault(name: &str) -> Option<Error> {
    let detail = static_suffix_text(name)?;
    Some(Error::invalid(&Path::new("metadata.name"), name, detail))
}

/// The warning about such a name, where the feature is off.
#[must_use]
pub fn static_suffix_warnings(name: &str) -> Vec<String> {
    let warning = static_suffix_text(name).map(|text| format!("metadata.name: {text}"));
    warning.into_iter().collect()
}
