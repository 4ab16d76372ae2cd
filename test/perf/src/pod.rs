//! The pod that benchmarks of the API handle: about 8 KB when it is served.

use serde_json::{Value, json};

/// Into how many groups the label `group` divides pods.
pub const GROUPS: usize = 100;

const CONTAINERS: usize = 2;
const VARIABLES: usize = 8;

/// A pod as a chart makes it: containers with variables, probes, mounts and volumes.
#[must_use]
pub fn of_chart(name: &str, number: usize) -> Value {
    let container = |number: usize| {
        let variables: Vec<Value> = (0..VARIABLES)
            .map(|at| json!({"name": format!("VARIABLE_{at}"), "value": format!("the value of variable number {at}")}))
            .collect();
        json!({
            "name": format!("container-{number}"),
            "image": format!("registry.example.com/team/application-{number}:v1.2.3"),
            "env": variables,
            "ports": [{"name": format!("http-{number}"), "containerPort": 8080 + number}],
            "resources": {"requests": {"cpu": "100m", "memory": "128Mi"}, "limits": {"cpu": "1", "memory": "1Gi"}},
            "livenessProbe": {"httpGet": {"path": "/healthz", "port": 8080 + number}},
            "readinessProbe": {"httpGet": {"path": "/readyz", "port": format!("http-{number}")}, "periodSeconds": 5},
            "volumeMounts": [{"name": "config", "mountPath": "/etc/config"}, {"name": "data", "mountPath": "/data"}],
            "securityContext": {"runAsNonRoot": true, "capabilities": {"drop": ["ALL"]}},
        })
    };
    json!({
        "apiVersion": "v1", "kind": "Pod",
        "metadata": {"name": name, "namespace": "default",
            "labels": {"app.kubernetes.io/name": "application", "group": format!("group-{}", number % GROUPS)},
            "annotations": {"example.com/checksum": "0123456789abcdef0123456789abcdef"}},
        "spec": {
            "containers": (0..CONTAINERS).map(container).collect::<Vec<_>>(),
            "volumes": [{"name": "config", "configMap": {"name": "application"}}, {"name": "data", "emptyDir": {}}],
            "affinity": {"podAntiAffinity": {"preferredDuringSchedulingIgnoredDuringExecution": [{"weight": 100,
                "podAffinityTerm": {"topologyKey": "kubernetes.io/hostname",
                    "labelSelector": {"matchLabels": {"app.kubernetes.io/name": "application"}}}}]}},
            "tolerations": [{"key": "node.kubernetes.io/not-ready", "operator": "Exists", "effect": "NoExecute",
                "tolerationSeconds": 300}],
        },
    })
}
