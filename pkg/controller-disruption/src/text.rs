//! What the controller says of selectors.

use controller::text::label_selector;
use k8s_api::meta::v1::LabelSelector;

/// What is told of a budget that guards pods without an owner.
pub(crate) fn unmanaged(of: Option<&LabelSelector>) -> String {
    format!(
        "Pods selected by this PodDisruptionBudget (selector: {}) were found to be unmanaged. As a result, the status of the \
         PDB cannot be calculated correctly, which may result in undefined behavior. To account for these pods please set \
         \".spec.minAvailable\" field of the PDB to an integer value.",
        label_selector(of)
    )
}
