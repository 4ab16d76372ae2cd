//! The annotations in which v1 keeps what only v2 has members for.
//!
//! Their values are JSON of v1's own forms of metrics and conditions, which no endpoint serves, and
//! of the server's internal form of the behavior. Order and names of the members are part of the
//! format: clients compare the text.

use k8s_api::{
    Map,
    meta::v1,
    primitives::{Quantity, Time},
};
use serde::{Deserialize, Serialize, de::DeserializeOwned};

pub(super) const METRICS: &str = "autoscaling.alpha.kubernetes.io/metrics";
pub(super) const CURRENT_METRICS: &str = "autoscaling.alpha.kubernetes.io/current-metrics";
pub(super) const CONDITIONS: &str = "autoscaling.alpha.kubernetes.io/conditions";
pub(super) const BEHAVIOR: &str = "autoscaling.alpha.kubernetes.io/behavior";
const SCALE_DOWN_TOLERANCE: &str = "autoscaling.alpha.kubernetes.io/scale-down-tolerance";
const SCALE_UP_TOLERANCE: &str = "autoscaling.alpha.kubernetes.io/scale-up-tolerance";

/// Removes all of them.
pub fn drop_round_trip_annotations(annotations: &mut Map<String>) {
    for name in [
        METRICS,
        BEHAVIOR,
        SCALE_DOWN_TOLERANCE,
        SCALE_UP_TOLERANCE,
        CURRENT_METRICS,
        CONDITIONS,
    ] {
        annotations.remove(name);
    }
}

/// The value of an annotation; nothing if it is absent or malformed.
pub(super) fn read<T: DeserializeOwned>(annotations: &Map<String>, name: &str) -> Option<T> {
    serde_json::from_str(annotations.get(name)?).ok()
}

/// Writes an annotation, escaped as Go does it.
pub(super) fn write(annotations: &mut Map<String>, name: &str, value: &impl Serialize) {
    let text = serde_json::to_string(value).expect("plain structs encode into memory");
    let text = text
        .replace('<', "\\u003c")
        .replace('>', "\\u003e")
        .replace('&', "\\u0026");
    annotations.insert(name, text);
}

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Requirement {
    key: String,
    operator: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    values: Vec<String>,
}

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Selector {
    #[serde(skip_serializing_if = "Map::is_empty")]
    match_labels: Map<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    match_expressions: Vec<Requirement>,
}

impl Selector {
    pub(super) fn of(selector: Option<&v1::LabelSelector>) -> Option<Self> {
        let requirement = |own: &v1::LabelSelectorRequirement| Requirement {
            key: own.key.clone(),
            operator: own.operator.clone(),
            values: own.values.clone(),
        };
        selector.map(|selector| Self {
            match_labels: selector.match_labels.clone(),
            match_expressions: selector.match_expressions.iter().map(requirement).collect(),
        })
    }

    pub(super) fn into_api(self) -> Box<v1::LabelSelector> {
        let requirement = |own: Requirement| v1::LabelSelectorRequirement {
            key: own.key,
            operator: own.operator,
            values: own.values,
        };
        Box::new(v1::LabelSelector {
            match_labels: self.match_labels,
            match_expressions: self.match_expressions.into_iter().map(requirement).collect(),
        })
    }
}

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Reference {
    pub(super) kind: String,
    pub(super) name: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(super) api_version: String,
}

/// A metric or its status: the same members but for those inside.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Metric<O, P, R, C, E> {
    #[serde(rename = "type")]
    pub(super) type_: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) object: Option<O>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) pods: Option<P>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) resource: Option<R>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) container_resource: Option<C>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) external: Option<E>,
}

impl<O, P, R, C, E> Default for Metric<O, P, R, C, E> {
    fn default() -> Self {
        Self {
            type_: String::new(),
            object: None,
            pods: None,
            resource: None,
            container_resource: None,
            external: None,
        }
    }
}

pub(super) type MetricSpec = Metric<ObjectSource, PodsSource, ResourceSource, ContainerResourceSource, ExternalSource>;
pub(super) type MetricStatus =
    Metric<ObjectStatus, PodsStatus, ResourceStatus, ContainerResourceStatus, ExternalStatus>;

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct ObjectSource {
    pub(super) target: Reference,
    pub(super) metric_name: String,
    pub(super) target_value: Quantity,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) selector: Option<Selector>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) average_value: Option<Quantity>,
}

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct PodsSource {
    pub(super) metric_name: String,
    pub(super) target_average_value: Quantity,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) selector: Option<Selector>,
}

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct ResourceSource {
    pub(super) name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) target_average_utilization: Option<i32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) target_average_value: Option<Quantity>,
}

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct ContainerResourceSource {
    pub(super) name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) target_average_utilization: Option<i32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) target_average_value: Option<Quantity>,
    pub(super) container: String,
}

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct ExternalSource {
    pub(super) metric_name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) metric_selector: Option<Selector>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) target_value: Option<Quantity>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) target_average_value: Option<Quantity>,
}

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct ObjectStatus {
    pub(super) target: Reference,
    pub(super) metric_name: String,
    pub(super) current_value: Quantity,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) selector: Option<Selector>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) average_value: Option<Quantity>,
}

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct PodsStatus {
    pub(super) metric_name: String,
    pub(super) current_average_value: Quantity,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) selector: Option<Selector>,
}

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct ResourceStatus {
    pub(super) name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) current_average_utilization: Option<i32>,
    pub(super) current_average_value: Quantity,
}

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct ContainerResourceStatus {
    pub(super) name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) current_average_utilization: Option<i32>,
    pub(super) current_average_value: Quantity,
    pub(super) container: String,
}

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct ExternalStatus {
    pub(super) metric_name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) metric_selector: Option<Selector>,
    pub(super) current_value: Quantity,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) current_average_value: Option<Quantity>,
}

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Condition {
    #[serde(rename = "type")]
    pub(super) type_: String,
    pub(super) status: String,
    pub(super) last_transition_time: Option<Time>,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(super) reason: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(super) message: String,
}

/// The internal form; what people write by hand comes in small letters and is read all the same.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(super) struct Behavior {
    #[serde(alias = "scaleUp")]
    pub(super) scale_up: Option<Rules>,
    #[serde(alias = "scaleDown")]
    pub(super) scale_down: Option<Rules>,
}

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(super) struct Rules {
    #[serde(alias = "stabilizationWindowSeconds")]
    pub(super) stabilization_window_seconds: Option<i32>,
    #[serde(alias = "selectPolicy")]
    pub(super) select_policy: Option<String>,
    #[serde(alias = "policies")]
    pub(super) policies: Option<Vec<Policy>>,
    #[serde(alias = "tolerance")]
    pub(super) tolerance: Option<Quantity>,
}

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(super) struct Policy {
    #[serde(rename = "Type", alias = "type")]
    pub(super) type_: String,
    #[serde(alias = "value")]
    pub(super) value: i32,
    #[serde(alias = "periodSeconds")]
    pub(super) period_seconds: i32,
}
