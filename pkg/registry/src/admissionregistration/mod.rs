//! `admissionregistration.k8s.io`: webhooks and policies that judge and change requests.

pub mod mutating_admission_policy;
pub mod mutating_admission_policy_binding;
pub mod mutating_webhook_configuration;
pub mod validating_admission_policy;
pub mod validating_admission_policy_binding;
pub mod validating_webhook_configuration;

#[cfg(test)]
mod tests;

use apimachinery::field::ErrorList;
use apis_cluster::admissionregistration::{static_suffix_fault, static_suffix_warnings};
use apiserver::registry::StrategyContext;
use k8s_api::{
    admissionregistration::v1::{ParamKind, ParamRef},
    meta::v1::LabelSelector,
};

use crate::printing::UNSET;

/// With this on, names of a certain ending belong to configurations in files.
const MANIFESTS: &str = "ManifestBasedAdmissionControlConfig";

fn with_static_suffix(context: &StrategyContext<'_>, name: &str, mut errors: ErrorList) -> ErrorList {
    if context.gates.enabled(MANIFESTS) {
        errors.extend(static_suffix_fault(name));
    }
    errors
}

fn static_suffix_on_create(context: &StrategyContext<'_>, name: &str) -> Vec<String> {
    if context.gates.enabled(MANIFESTS) {
        return Vec::new();
    }
    static_suffix_warnings(name)
}

/// The kind of a policy's parameters, as a cell.
fn param_kind(kind: Option<&ParamKind>) -> String {
    kind.map_or_else(|| UNSET.into(), |kind| format!("{}/{}", kind.api_version, kind.kind))
}

/// The parameters of a binding, as a cell. Whether a parameter has a namespace cannot be told from its name.
fn param_ref(reference: Option<&ParamRef>) -> String {
    let Some(reference) = reference else {
        return UNSET.into();
    };
    match (reference.name.as_str(), reference.namespace.as_str()) {
        ("", _) => reference
            .selector
            .as_deref()
            .map_or_else(|| UNSET.into(), selector_text),
        (name, "") => format!("*/{name}"),
        (name, namespace) => format!("{namespace}/{name}"),
    }
}

/// A selector in the form in which Go prints the struct.
fn selector_text(selector: &LabelSelector) -> String {
    let labels: String = selector
        .match_labels
        .iter()
        .map(|(key, value)| format!("{key}: {value},"))
        .collect();
    let expressions: String = selector
        .match_expressions
        .iter()
        .map(|one| {
            let values = one.values.join(" ");
            format!(
                "LabelSelectorRequirement{{Key:{},Operator:{},Values:[{values}],}},",
                one.key, one.operator
            )
        })
        .collect();
    format!(
        "&LabelSelector{{MatchLabels:map[string]string{{{labels}}},MatchExpressions:[]LabelSelectorRequirement{{{expressions}}},}}"
    )
}
