//! What `kubectl get horizontalpodautoscalers` shows, in either version.

use apiserver::registry::{Column, Row};
use k8s_api::autoscaling::v2::HorizontalPodAutoscaler;

use super::metrics;
use crate::printing::{AGE, NAME, UNSET, age, column};

/// The columns.
pub const COLUMNS: &[Column] = &[
    NAME,
    column("Reference", "string"),
    column("Targets", "string"),
    column("MinPods", "string"),
    column("MaxPods", "string"),
    column("Replicas", "string"),
    AGE,
];

/// The cells of an autoscaler.
#[must_use]
pub fn row(autoscaler: &HorizontalPodAutoscaler, now: jiff::Timestamp) -> Row {
    let HorizontalPodAutoscaler { metadata, spec, status } = autoscaler;
    let target = &spec.scale_target_ref;
    let least = spec.min_replicas.map(|replicas| replicas.to_string());
    vec![
        metadata.name.as_str().into(),
        format!("{}/{}", target.kind, target.name).into(),
        metrics::format(&spec.metrics, &status.current_metrics).into(),
        least.unwrap_or_else(|| UNSET.into()).into(),
        spec.max_replicas.into(),
        status.current_replicas.into(),
        age(metadata.creation_timestamp, now).into(),
    ]
}
