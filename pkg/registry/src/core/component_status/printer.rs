//! What `kubectl get componentstatuses` shows.

use apiserver::registry::{Column, Row};
use k8s_api::core::v1::ComponentStatus;

use crate::printing::{NAME, column};

/// The columns.
pub const COLUMNS: &[Column] = &[
    NAME,
    column("Status", "string"),
    column("Message", "string"),
    column("Error", "string"),
];

/// The cells of a component.
#[must_use]
pub fn row(component: &ComponentStatus, _now: jiff::Timestamp) -> Row {
    let healthy = component
        .conditions
        .iter()
        .find(|condition| condition.type_ == "Healthy");
    let (status, message, error) = healthy.map_or(("Unknown", "", ""), |condition| {
        let status = if condition.status == "True" {
            "Healthy"
        } else {
            "Unhealthy"
        };
        (status, condition.message.as_str(), condition.error.as_str())
    });
    vec![
        component.metadata.name.as_str().into(),
        status.into(),
        message.into(),
        error.into(),
    ]
}

#[cfg(test)]
mod tests {
    use k8s_api::core::v1::{ComponentCondition, ComponentStatus};
    use serde_json::json;

    use super::row;

    #[test]
    fn health_is_a_condition() {
        let mut component = ComponentStatus::default();
        component.metadata.name = "etcd-0".into();
        assert_eq!(
            json!(row(&component, jiff::Timestamp::UNIX_EPOCH)),
            json!(["etcd-0", "Unknown", "", ""])
        );
        component.conditions = vec![ComponentCondition {
            type_: "Healthy".into(),
            status: "True".into(),
            message: "ok".into(),
            ..Default::default()
        }];
        assert_eq!(
            json!(row(&component, jiff::Timestamp::UNIX_EPOCH)),
            json!(["etcd-0", "Healthy", "ok", ""])
        );
    }
}
