//! What a deployment is when nothing is said.

use k8s_api::apps::v1::Deployment;

use crate::common::template::set_template_defaults;

/// Sets the defaults.
pub fn set_defaults(deployment: &mut Deployment) {
    let spec = &mut deployment.spec;
    spec.replicas.get_or_insert(1);
    if spec.strategy.type_.is_empty() {
        spec.strategy.type_ = "RollingUpdate".into();
    }
    if spec.strategy.type_ == "RollingUpdate" {
        let rolling = spec.strategy.rolling_update.get_or_insert_default();
        rolling.max_unavailable.get_or_insert_with(|| "25%".into());
        rolling.max_surge.get_or_insert_with(|| "25%".into());
    }
    spec.revision_history_limit.get_or_insert(10);
    spec.progress_deadline_seconds.get_or_insert(600);
    set_template_defaults(&mut spec.template);
}
