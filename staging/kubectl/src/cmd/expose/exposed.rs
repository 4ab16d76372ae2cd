//! What can be told from an object that is exposed: selector, ports and protocols (upstream: `polymorphichelpers`).

use std::collections::BTreeMap;

use kubectl_objects::pod_spec;
use serde_json::Value;

use cli_runtime::resource::{group_kind, text_at};
use cli_runtime::{Info, Result, message};

use crate::pods::select::pairs;

/// Refuses kinds that have no pods which a Service could find.
///
/// # Errors
/// It is such a kind.
pub(super) fn check(info: &Info) -> Result<()> {
    match group_kind(info.object()) {
        ("", "ReplicationController" | "Service" | "Pod") | ("apps", "Deployment" | "ReplicaSet") => Ok(()),
        ("", kind) => Err(message!("cannot expose a {kind}")),
        (group, kind) => Err(message!("cannot expose a {kind}.{group}")),
    }
}

/// The labels by which a Service finds the object's pods.
///
/// # Errors
/// There are none, or expressions.
pub(super) fn selector(object: &Value) -> Result<String> {
    let selector = &object["spec"]["selector"];
    match text_at(object, &["kind"]) {
        "Pod" => match pairs(&object["metadata"]["labels"]) {
            labels if labels.is_empty() => Err(message!("the pod has no labels and cannot be exposed")),
            labels => Ok(labels),
        },
        "Service" if selector.is_null() => Err(message!("the service has no pod selector set")),
        "ReplicationController" | "Service" => Ok(pairs(selector)),
        kind => {
            let labels = pairs(&selector["matchLabels"]);
            if labels.is_empty() {
                return Err(message!(
                    "invalid {}: no selectors, therefore cannot be exposed",
                    kind.to_lowercase()
                ));
            }
            match selector["matchExpressions"].as_array() {
                Some(expressions) if !expressions.is_empty() => Err(message!(
                    "couldn't convert expressions - \"[{}]\" to map-based selector format",
                    expressions.iter().map(expression).collect::<Vec<_>>().join(" ")
                )),
                _ => Ok(labels),
            }
        }
    }
}

/// An expression as Go's `%+v` shows it.
fn expression(requirement: &Value) -> String {
    let values = requirement["values"].as_array().into_iter().flatten();
    let values: Vec<&str> = values.filter_map(Value::as_str).collect();
    format!(
        "{{Key:{} Operator:{} Values:[{}]}}",
        text_at(requirement, &["key"]),
        text_at(requirement, &["operator"]),
        values.join(" ")
    )
}

/// The numbers of all ports and their protocols, in order.
fn all_ports(object: &Value) -> Vec<(String, &str)> {
    let lists: Vec<(&Value, &str)> = if text_at(object, &["kind"]) == "Service" {
        vec![(&object["spec"]["ports"], "port")]
    } else {
        let path = pod_spec::path(object).unwrap_or_default();
        let spec = path.iter().fold(object, |value, member| &value[*member]);
        let containers = spec["containers"].as_array().into_iter().flatten();
        containers
            .map(|container| (&container["ports"], "containerPort"))
            .collect()
    };
    let ports = lists
        .into_iter()
        .flat_map(|(ports, member)| ports.as_array().into_iter().flatten().map(move |port| (port, member)));
    ports
        .map(|(port, member)| {
            let protocol = match text_at(port, &["protocol"]) {
                "" => "TCP",
                protocol => protocol,
            };
            (port[member].to_string(), protocol)
        })
        .collect()
}

/// The numbers of all ports, each once.
pub(super) fn ports(object: &Value) -> Vec<String> {
    let mut ports: Vec<String> = Vec::new();
    for (port, _) in all_ports(object) {
        if !ports.contains(&port) {
            ports.push(port);
        }
    }
    ports
}

/// The protocols of each port.
pub(super) fn protocols(object: &Value) -> BTreeMap<String, Vec<String>> {
    let mut protocols: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for (port, protocol) in all_ports(object) {
        protocols.entry(port).or_default().push(protocol.to_owned());
    }
    protocols
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn selectors_are_labels() {
        for (object, expected) in [
            (
                json!({"kind": "Pod", "metadata": {"labels": {"b": "1", "a": "2"}}}),
                Ok("a=2,b=1"),
            ),
            (
                json!({"kind": "Pod"}),
                Err("the pod has no labels and cannot be exposed"),
            ),
            (
                json!({"kind": "Service", "spec": {}}),
                Err("the service has no pod selector set"),
            ),
            (
                json!({"kind": "ReplicaSet", "spec": {"selector": {}}}),
                Err("invalid replicaset: no selectors, therefore cannot be exposed"),
            ),
            (
                json!({"kind": "Deployment", "spec": {"selector": {"matchLabels": {"a": "b"},
                    "matchExpressions": [{"key": "k", "operator": "In", "values": ["x", "y"]}]}}}),
                Err(
                    "couldn't convert expressions - \"[{Key:k Operator:In Values:[x y]}]\" to map-based selector format",
                ),
            ),
        ] {
            let found = selector(&object).map_err(|error| error.to_string());
            assert_eq!(found, expected.map(str::to_owned).map_err(str::to_owned));
        }
    }

    #[test]
    fn ports_are_those_of_all_containers() {
        let object = json!({"apiVersion": "apps/v1", "kind": "Deployment", "spec": {"template": {"spec": {"containers": [
            {"ports": [{"containerPort": 53, "protocol": "UDP"}, {"containerPort": 80}]},
            {"ports": [{"containerPort": 53}]}, {}]}}}});
        assert_eq!(ports(&object), ["53", "80"]);
        assert_eq!(protocols(&object)["53"], ["UDP", "TCP"]);
    }
}
