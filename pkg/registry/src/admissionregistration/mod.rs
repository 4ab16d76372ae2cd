//! `admissionregistration.k8s.io`: webhooks and policies that judge and change requests.

pub mod mutating_admission_policy;
pub mod mutating_admission_policy_binding;
pub mod mutating_webhook_configuration;
pub mod strategy;
pub mod validating_admission_policy;
pub mod validating_admission_policy_binding;
pub mod validating_webhook_configuration;

#[cfg(test)]
mod tests;

use k8s_api::{
    admissionregistration::v1::{ParamKind, ParamRef},
    meta::v1::LabelSelector,
};

use crate::printing::UNSET;

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
