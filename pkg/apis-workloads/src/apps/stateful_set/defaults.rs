//! What a stateful set is when nothing is said.

use component_base::feature_gates::{Feature, FeatureGates};
use k8s_api::apps::v1::StatefulSet;

use crate::common::{claim, template::set_template_defaults};

/// Sets the defaults that hold under all feature gates.
pub fn set_defaults(stateful_set: &mut StatefulSet) {
    let spec = &mut stateful_set.spec;
    if spec.pod_management_policy.is_empty() {
        spec.pod_management_policy = "OrderedReady".into();
    }
    let strategy = &mut spec.update_strategy;
    if strategy.type_.is_empty() {
        strategy.type_ = "RollingUpdate".into();
        strategy.rolling_update.get_or_insert_default();
    }
    if strategy.type_ == "RollingUpdate"
        && let Some(rolling) = &mut strategy.rolling_update
    {
        rolling.partition.get_or_insert(0);
    }
    let retention = spec.persistent_volume_claim_retention_policy.get_or_insert_default();
    for policy in [&mut retention.when_deleted, &mut retention.when_scaled] {
        if policy.is_empty() {
            *policy = "Retain".into();
        }
    }
    spec.replicas.get_or_insert(1);
    spec.revision_history_limit.get_or_insert(10);
    set_template_defaults(&mut spec.template);
    for template in &mut spec.volume_claim_templates {
        claim::set_defaults(template);
    }
}

/// Sets the defaults of features that may be off.
pub fn set_gated_defaults(stateful_set: &mut StatefulSet, gates: &FeatureGates) {
    let strategy = &mut stateful_set.spec.update_strategy;
    if strategy.type_ == "RollingUpdate"
        && gates.enabled(Feature::MaxUnavailableStatefulSet)
        && let Some(rolling) = &mut strategy.rolling_update
    {
        rolling.max_unavailable.get_or_insert(1.into());
    }
}
