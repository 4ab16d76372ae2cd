//! The rules of the pod itself.
//!
//! The status belongs to the server and the kubelet; a pod starts out pending. Its generation counts
//! changes of the spec.

use apimachinery::{field::ErrorList, names};
use apis_pod::{
    pod::{
        PodValidationOptions, drop_disabled_pod_fields, normalize_pod,
        validation::{validate_pod_create, validate_pod_update},
        warnings_for_pod,
    },
    resources::compute_qos_class,
};
use apiserver::registry::{SelectableField, Strategy, StrategyContext};
use k8s_api::{
    core::v1::{Pod, PodCondition, PodStatus},
    meta::v1::DeleteOptions,
};

use super::{
    app_armor,
    conditions::{POD_SCHEDULED, SCHEDULING_GATED, set_condition},
    label_keys::merge_label_keys,
};

/// The members that field selectors may name.
pub(super) const FIELDS: &[SelectableField] = &[
    SelectableField::new("spec.nodeName", &["spec", "nodeName"]),
    SelectableField::new("spec.restartPolicy", &["spec", "restartPolicy"]),
    SelectableField::new("spec.schedulerName", &["spec", "schedulerName"]),
    SelectableField::new("spec.serviceAccountName", &["spec", "serviceAccountName"]),
    SelectableField::new("spec.hostNetwork", &["spec", "hostNetwork"]).default("false"),
    SelectableField::new("status.phase", &["status", "phase"]),
    SelectableField::new("status.podIP", &["status", "podIP"]),
    SelectableField::new("status.nominatedNodeName", &["status", "nominatedNodeName"]),
];

/// The rules of pods.
#[derive(Clone, Copy, Debug)]
pub struct PodStrategy {
    /// Whether containers may be privileged (`--allow-privileged`).
    pub allow_privileged: bool,
}

impl PodStrategy {
    pub(super) fn options(self, old: Option<&Pod>, context: &StrategyContext<'_>) -> PodValidationOptions {
        PodValidationOptions::for_pod(old, context.gates).with_privileged(self.allow_privileged)
    }
}

/// Counts a change of the spec.
pub(super) fn bump_generation(new: &mut Pod, old: &Pod) {
    if new.spec != old.spec {
        new.metadata.generation = old.metadata.generation + 1;
    }
}

/// The grace period of a pod that is deleted: what the request says, or else the pod; nothing for
/// what does not run.
pub(super) fn grace_period(pod: &Pod, options: &DeleteOptions) -> i64 {
    let ended = matches!(pod.status.phase.as_str(), "Failed" | "Succeeded");
    if pod.spec.node_name.is_empty() || ended {
        return 0;
    }
    let asked = options
        .grace_period_seconds
        .or(pod.spec.termination_grace_period_seconds);
    match asked.unwrap_or(0) {
        negative if negative < 0 => 1,
        seconds => seconds,
    }
}

impl Strategy for PodStrategy {
    type Object = Pod;

    fn namespaced(&self) -> bool {
        true
    }

    fn prepare_for_create(&self, context: &StrategyContext<'_>, pod: &mut Pod) {
        pod.metadata.generation = 1;
        pod.status = PodStatus {
            phase: "Pending".into(),
            ..PodStatus::default()
        };
        pod.status.qos_class = compute_qos_class(pod, context.gates).into();
        drop_disabled_pod_fields(pod, None, context.gates);
        if !pod.spec.scheduling_gates.is_empty() {
            let condition = PodCondition {
                type_: POD_SCHEDULED.into(),
                status: "False".into(),
                reason: SCHEDULING_GATED.into(),
                message: "Scheduling is blocked due to non-empty scheduling gates".into(),
                ..PodCondition::default()
            };
            set_condition(&mut pod.status, condition, context.now);
        }
        merge_label_keys(pod, context.gates);
        app_armor::take_over_annotations(pod);
        normalize_pod(pod);
    }

    fn validate(&self, context: &StrategyContext<'_>, pod: &Pod) -> ErrorList {
        validate_pod_create(pod, &self.options(None, context))
    }

    fn warnings_on_create(&self, _context: &StrategyContext<'_>, pod: &Pod) -> Vec<String> {
        let mut warnings = app_armor::warnings(pod);
        let messages = names::dns1123_label(&pod.metadata.name);
        if !messages.is_empty() {
            warnings.push(format!(
                "metadata.name: this is used in the Pod's hostname, which can result in surprising behavior; a DNS \
                 label is recommended: [{}]",
                messages.join(" ")
            ));
        }
        warnings.extend(warnings_for_pod(pod));
        warnings
    }

    fn prepare_for_update(&self, context: &StrategyContext<'_>, new: &mut Pod, old: &Pod) {
        new.status.clone_from(&old.status);
        drop_disabled_pod_fields(new, Some(old), context.gates);
        normalize_pod(new);
        bump_generation(new, old);
    }

    fn validate_update(&self, context: &StrategyContext<'_>, new: &Pod, old: &Pod) -> ErrorList {
        validate_pod_update(new, old, &self.options(Some(old), context))
    }

    fn check_graceful_delete(
        &self,
        _context: &StrategyContext<'_>,
        pod: &mut Pod,
        options: &DeleteOptions,
    ) -> Option<i64> {
        Some(grace_period(pod, options))
    }

    fn selectable_fields(&self) -> &'static [SelectableField] {
        FIELDS
    }

    fn reset_fields(&self) -> &'static [&'static [&'static str]] {
        &[&["status"]]
    }
}
