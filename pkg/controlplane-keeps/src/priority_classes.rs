//! The priority classes of what a cluster cannot do without.

use apimachinery::status::StatusError;
use apiserver::registry::Local;
use k8s_api::{meta::v1::ObjectMeta, scheduling::v1::PriorityClass};

/// Name, value and description.
const SYSTEM: [(&str, i32, &str); 2] = [
    (
        "system-node-critical",
        2_000_001_000,
        "Used for system critical pods that must not be moved from their current node.",
    ),
    (
        "system-cluster-critical",
        2_000_000_000,
        "Used for system critical pods that must run in the cluster, but can be moved to another node if necessary.",
    ),
];

/// Makes those that are not there.
pub(crate) async fn ensure(classes: &Local<PriorityClass>) -> Result<(), StatusError> {
    for (name, value, description) in SYSTEM {
        let class = PriorityClass {
            metadata: ObjectMeta {
                name: name.to_owned(),
                ..ObjectMeta::default()
            },
            value,
            description: description.to_owned(),
            ..PriorityClass::default()
        };
        if classes.ensure(&class).await? {
            tracing::info!(name, value, "created a priority class");
        }
    }
    Ok(())
}
