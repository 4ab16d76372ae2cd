//! Stateful sets.

mod defaults;
#[cfg(test)]
mod tests;
mod validation;

use component_base::feature_gates::{Feature, FeatureGates};
use k8s_api::apps::v1::StatefulSet;

use crate::common::{SPEC, template::template_warnings};

pub use defaults::{set_defaults, set_gated_defaults};
pub use validation::{validate, validate_status_update, validate_update};

fn common_warnings(stateful_set: &StatefulSet, member: &str) -> Vec<String> {
    let mut warnings = Vec::new();
    let templates = SPEC.child("volumeClaimTemplates");
    for (index, claim) in stateful_set.spec.volume_claim_templates.iter().enumerate() {
        let path = templates.index(index);
        let path = if member.is_empty() { path } else { path.child(member) };
        warnings.extend(crate::common::claim::spec_warnings(&claim.spec, &path));
    }
    if stateful_set.spec.revision_history_limit.is_some_and(|limit| limit < 0) {
        warnings.push(
            "spec.revisionHistoryLimit: a negative value retains all historical revisions; \
             a value >= 0 is recommended"
                .into(),
        );
    }
    warnings
}

/// What the creator should know.
#[must_use]
pub fn warnings_on_create(stateful_set: &StatefulSet) -> Vec<String> {
    let mut warnings = template_warnings(&SPEC.child("template"), &stateful_set.spec.template);
    warnings.extend(common_warnings(stateful_set, ""));
    warnings
}

/// What the author of a change should know.
#[must_use]
pub fn warnings_on_update(new: &StatefulSet, old: &StatefulSet) -> Vec<String> {
    let mut warnings = Vec::new();
    if new.metadata.generation != old.metadata.generation {
        let path = SPEC.child("template");
        warnings = template_warnings(&path, &new.spec.template);
    }
    // The capital letter is upstream's.
    warnings.extend(common_warnings(new, "Spec"));
    warnings
}

/// Clears what no feature knows that is on, and was not there before.
pub fn drop_disabled_fields(new: &mut StatefulSet, old: Option<&StatefulSet>, gates: &FeatureGates) {
    let in_use = old
        .and_then(|old| old.spec.update_strategy.rolling_update.as_ref())
        .is_some_and(|rolling| rolling.max_unavailable.is_some());
    if !in_use
        && !gates.enabled(Feature::MaxUnavailableStatefulSet)
        && let Some(rolling) = &mut new.spec.update_strategy.rolling_update
    {
        rolling.max_unavailable = None;
    }
}
