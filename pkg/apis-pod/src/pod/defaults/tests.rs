//! What a pod gets that its author left open.

use k8s_api::{Kind, core::v1::Pod};
use serde_json::{Value, json};

use super::*;

fn pod(spec: Value) -> Pod {
    Pod::from_value(json!({"spec": spec})).expect("a pod")
}

fn defaulted(spec: Value) -> Value {
    let mut pod = pod(spec);
    set_pod_defaults(&mut pod);
    pod.to_value()["spec"].take()
}

#[test]
fn a_minimal_pod() {
    assert_eq!(
        defaulted(json!({"containers": [{"name": "a", "image": "a"}]})),
        json!({
            "containers": [{
                "name": "a", "image": "a", "imagePullPolicy": "Always", "resources": {},
                "terminationMessagePath": "/dev/termination-log", "terminationMessagePolicy": "File",
            }],
            "dnsPolicy": "ClusterFirst", "enableServiceLinks": true, "restartPolicy": "Always",
            "schedulerName": "default-scheduler", "securityContext": {}, "terminationGracePeriodSeconds": 30,
        })
    );
}

#[test]
fn requests_come_out_of_limits_in_pods_only() {
    let spec = json!({"containers": [{"name": "a", "resources": {"limits": {"cpu": "1500u", "memory": "1Gi"}}}]});
    let resources = &defaulted(spec.clone())["containers"][0]["resources"];
    assert_eq!(
        resources,
        &json!({"limits": {"cpu": "2m", "memory": "1Gi"}, "requests": {"cpu": "2m", "memory": "1Gi"}})
    );
    let mut template = PodTemplateSpec {
        spec: pod(spec).spec,
        ..PodTemplateSpec::default()
    };
    set_template_spec_defaults(&mut template);
    assert!(template.spec.containers[0].resources.requests.is_empty());
    assert_eq!(template.spec.enable_service_links, None);
}

#[test]
fn pod_level_resources() {
    let spec = json!({
        "containers": [{"name": "a", "resources": {"requests": {"cpu": "1"}, "limits": {"hugepages-2Mi": "4Mi"}}}],
        "resources": {"limits": {"cpu": "2", "memory": "1Gi"}},
    });
    assert_eq!(
        defaulted(spec)["resources"],
        json!({
            "limits": {"cpu": "2", "hugepages-2Mi": "4Mi", "memory": "1Gi"},
            "requests": {"cpu": "1", "hugepages-2Mi": "4Mi", "memory": "1Gi"},
        })
    );
}

#[test]
fn probes_ports_and_volumes() {
    let spec = defaulted(json!({
        "hostNetwork": true,
        "serviceAccount": "old",
        "terminationGracePeriodSeconds": -5,
        "containers": [{
            "name": "a", "image": "a:1", "ports": [{"containerPort": 80}],
            "env": [{"name": "A", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}}],
            "readinessProbe": {"httpGet": {"port": 80}}, "livenessProbe": {"grpc": {"port": 1}},
        }],
        "volumes": [
            {"name": "a"}, {"name": "b", "hostPath": {"path": "/"}}, {"name": "c", "secret": {"secretName": "s"}},
            {"name": "d", "projected": {"sources": [{"serviceAccountToken": {"path": "t"}}]}},
            {"name": "e", "image": {"reference": "r"}},
        ],
    }));
    let container = &spec["containers"][0];
    assert_eq!(
        container["ports"],
        json!([{"containerPort": 80, "hostPort": 80, "protocol": "TCP"}])
    );
    assert_eq!(container["env"][0]["valueFrom"]["fieldRef"]["apiVersion"], "v1");
    assert_eq!(container["imagePullPolicy"], "IfNotPresent");
    assert_eq!(
        container["readinessProbe"],
        json!({
            "httpGet": {"path": "/", "port": 80, "scheme": "HTTP"}, "timeoutSeconds": 1, "periodSeconds": 10,
            "successThreshold": 1, "failureThreshold": 3,
        })
    );
    assert_eq!(container["livenessProbe"]["grpc"], json!({"port": 1, "service": ""}));
    assert_eq!(
        spec["volumes"],
        json!([
            {"name": "a", "emptyDir": {}}, {"name": "b", "hostPath": {"path": "/", "type": ""}},
            {"name": "c", "secret": {"secretName": "s", "defaultMode": 420}},
            {"name": "d", "projected": {
                "sources": [{"serviceAccountToken": {"expirationSeconds": 3600, "path": "t"}}], "defaultMode": 420,
            }},
            {"name": "e", "image": {"reference": "r", "pullPolicy": "Always"}},
        ])
    );
    assert_eq!(spec["serviceAccountName"], "old");
    assert_eq!(spec["terminationGracePeriodSeconds"], 1);
}
