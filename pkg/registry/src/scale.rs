//! Scales: how many replicas a workload has and shall have, as autoscaling/v1 shows it, whatever
//! the workload's kind.
//!
//! Upstream counterpart: the `ScaleREST` of `pkg/registry/core/replicationcontroller` and
//! `pkg/registry/apps/*`.

use apimachinery::selectors::{LabelSelectorError, Selector};
use k8s_api::{
    Map,
    apps::v1::{Deployment, ReplicaSet, StatefulSet},
    autoscaling::v1::{Scale, ScaleSpec, ScaleStatus},
    core::v1::ReplicationController,
    meta::v1::{LabelSelector, ObjectMeta},
};

/// A kind that has a scale.
pub trait Scalable {
    /// The object as a scale.
    fn to_scale(&self) -> Scale;

    /// Sets how many replicas there shall be.
    fn set_replicas(&mut self, replicas: i32);

    /// Takes over from a scale the number of replicas, and the revision that the change is based on.
    fn apply_scale(&mut self, scale: &Scale);
}

/// The text of a selector in an object.
///
/// # Errors
/// If it has an operator that does not exist, or a malformed key or value.
pub fn selector_text(selector: Option<&LabelSelector>) -> Result<String, LabelSelectorError> {
    Ok(Selector::from_api(selector)?.to_string())
}

/// The text of a selector that is a map of labels.
#[must_use]
pub fn label_map_text(labels: &Map<String>) -> String {
    Selector::from_labels(labels).to_string()
}

/// The scale of an object with this metadata: of it only what identifies the object.
#[must_use]
pub fn scale(metadata: &ObjectMeta, wanted: Option<i32>, present: i32, selector: String) -> Scale {
    Scale {
        metadata: ObjectMeta {
            name: metadata.name.clone(),
            namespace: metadata.namespace.clone(),
            uid: metadata.uid.clone(),
            resource_version: metadata.resource_version.clone(),
            creation_timestamp: metadata.creation_timestamp,
            ..ObjectMeta::default()
        },
        spec: ScaleSpec {
            replicas: wanted.unwrap_or(0),
        },
        status: ScaleStatus {
            replicas: present,
            selector,
        },
    }
}

macro_rules! scalable {
    ($($kind:ident: $selector:expr;)*) => {
        $(impl Scalable for $kind {
            fn to_scale(&self) -> Scale {
                let selector: fn(&Self) -> String = $selector;
                scale(&self.metadata, self.spec.replicas, self.status.replicas, selector(self))
            }

            fn set_replicas(&mut self, replicas: i32) {
                self.spec.replicas = Some(replicas);
            }

            fn apply_scale(&mut self, scale: &Scale) {
                self.set_replicas(scale.spec.replicas);
                self.metadata.resource_version.clone_from(&scale.metadata.resource_version);
            }
        })*
    };
}

/// The text of a stored selector. Validation keeps malformed ones out; one that an older server let
/// through shows as none.
fn stored_selector(selector: Option<&LabelSelector>) -> String {
    selector_text(selector).unwrap_or_default()
}

scalable! {
    ReplicationController: |it| label_map_text(&it.spec.selector);
    ReplicaSet: |it| stored_selector(it.spec.selector.as_deref());
    Deployment: |it| stored_selector(it.spec.selector.as_deref());
    StatefulSet: |it| stored_selector(it.spec.selector.as_deref());
}

#[cfg(test)]
mod tests {
    use k8s_api::{Kind, apps::v1::Deployment, core::v1::ReplicationController};
    use serde_json::json;

    use super::Scalable;

    #[test]
    fn a_deployment_shows_its_scale_and_takes_another() {
        let mut deployment = Deployment::from_value(json!({
            "metadata": {"name": "d", "namespace": "n", "uid": "u", "resourceVersion": "5", "labels": {"x": "y"},
                "creationTimestamp": "2026-01-02T03:04:05Z"},
            "spec": {"replicas": 3, "selector": {"matchLabels": {"a": "b"},
                "matchExpressions": [{"key": "c", "operator": "In", "values": ["e", "d"]}]}},
            "status": {"replicas": 2},
        }))
        .expect("a deployment");
        let mut scale = deployment.to_scale();
        assert_eq!(
            scale.to_value(),
            json!({
                "apiVersion": "autoscaling/v1", "kind": "Scale",
                "metadata": {"name": "d", "namespace": "n", "uid": "u", "resourceVersion": "5",
                    "creationTimestamp": "2026-01-02T03:04:05Z"},
                "spec": {"replicas": 3},
                "status": {"replicas": 2, "selector": "a=b,c in (d,e)"},
            })
        );
        scale.spec.replicas = 7;
        "6".clone_into(&mut scale.metadata.resource_version);
        deployment.apply_scale(&scale);
        assert_eq!(deployment.spec.replicas, Some(7));
        assert_eq!(deployment.metadata.resource_version, "6");
    }

    #[test]
    fn a_replication_controller_selects_by_labels() {
        let controller = ReplicationController::from_value(json!({"spec": {"selector": {"b": "2", "a": "1"}}}))
            .expect("a controller");
        assert_eq!(controller.to_scale().status.selector, "a=1,b=2");
    }
}
