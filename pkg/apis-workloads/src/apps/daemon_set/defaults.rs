//! What a daemon set is when nothing is said.

use k8s_api::apps::v1::DaemonSet;

use super::TEMPLATE_GENERATION_ANNOTATION;
use crate::common::template::set_template_defaults;

/// Sets the defaults.
pub fn set_defaults(daemon_set: &mut DaemonSet) {
    let annotations = &mut daemon_set.metadata.annotations;
    annotations.get_or_insert_with(TEMPLATE_GENERATION_ANNOTATION, || "0".into());
    let spec = &mut daemon_set.spec;
    let strategy = &mut spec.update_strategy;
    if strategy.type_.is_empty() {
        strategy.type_ = "RollingUpdate".into();
    }
    if strategy.type_ == "RollingUpdate" {
        let rolling = strategy.rolling_update.get_or_insert_default();
        rolling.max_unavailable.get_or_insert(1.into());
        rolling.max_surge.get_or_insert(0.into());
    }
    spec.revision_history_limit.get_or_insert(10);
    set_template_defaults(&mut spec.template);
}
