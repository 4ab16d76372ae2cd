//! Errors about pods, by their exact texts.

use apimachinery::field::{ErrorList, Path};
use component_base::feature_gates::FeatureGates;
use k8s_api::{Kind, core::v1::Pod};
use serde_json::{Value, json};

use super::*;
use crate::pod::{PodValidationOptions, normalize_pod, set_pod_defaults};

fn texts(errors: &ErrorList) -> Vec<String> {
    errors.iter().map(ToString::to_string).collect()
}

fn pod(change: &Value) -> Pod {
    let mut value = json!({
        "metadata": {"name": "demo", "namespace": "ns", "resourceVersion": "1"},
        "spec": {"containers": [{"name": "main", "image": "registry.example/demo:1"}]},
    });
    merge(&mut value, change);
    let mut pod = Pod::from_value(value).expect("a pod");
    set_pod_defaults(&mut pod);
    normalize_pod(&mut pod);
    pod
}

/// Objects into objects, lists item by item.
fn merge(into: &mut Value, from: &Value) {
    match (into, from) {
        (Value::Object(into), Value::Object(from)) => {
            for (name, value) in from {
                merge(into.entry(name).or_insert(Value::Null), value);
            }
        }
        (Value::Array(into), Value::Array(from)) => {
            for (index, value) in from.iter().enumerate() {
                match into.get_mut(index) {
                    Some(item) => merge(item, value),
                    None => into.push(value.clone()),
                }
            }
        }
        (into, from) => *into = from.clone(),
    }
}

fn create(change: &Value) -> Vec<String> {
    let options = PodValidationOptions::for_pod(None, &FeatureGates::default());
    texts(&validate_pod_create(&pod(change), &options))
}

fn update(old: &Value, new: &Value) -> Vec<String> {
    let (old, new) = (pod(old), pod(new));
    let options = PodValidationOptions::for_pod(Some(&old), &FeatureGates::default());
    texts(&validate_pod_update(&new, &old, &options))
}

fn container(change: Value) -> Value {
    json!({"spec": {"containers": [change]}})
}

fn check(cases: &[(Value, &[&str])]) {
    for (change, expected) in cases {
        assert_eq!(create(change), *expected, "{change}");
    }
}

#[test]
fn a_plain_pod_is_valid() {
    check(&[(json!({}), &[])]);
}

#[test]
fn containers() {
    check(&[
        (
            json!({"spec": {"containers": null}}),
            &["spec.containers: Required value"],
        ),
        (
            json!({"spec": {"initContainers": [{"name": "main", "image": "x"}]}}),
            &[r#"spec.initContainers[0].name: Duplicate value: "main""#],
        ),
        (
            json!({"spec": {"initContainers": [{"name": "i", "image": "x", "livenessProbe": {"tcpSocket": {"port": 1}}}]}}),
            &[
                "spec.initContainers[0].livenessProbe: Forbidden: may not be set for init containers without restartPolicy=Always",
            ],
        ),
        (
            json!({"spec": {"ephemeralContainers": [{"name": "e", "image": "x"}]}}),
            &["spec.ephemeralContainers: Forbidden: cannot be set on create"],
        ),
        (
            container(json!({"image": " x", "imagePullPolicy": "Sometimes"})),
            &[
                r#"spec.containers[0].imagePullPolicy: Unsupported value: "Sometimes": supported values: "Always", "IfNotPresent", "Never""#,
                r#"spec.containers[0].image: Invalid value: " x": must not have leading or trailing whitespace"#,
            ],
        ),
        (
            container(json!({"restartPolicyRules": [{"action": "Restart"}]})),
            &[
                "spec.containers[0].restartPolicy: Required value: must specify restartPolicy when restart rules are used",
                "spec.containers[0].restartPolicyRules[0].exitCodes: Required value: must be specified",
            ],
        ),
        (
            container(json!({"resizePolicy": [{"resourceName": "disk", "restartPolicy": "RestartContainer"}]})),
            &[r#"spec.containers[0].resizePolicy: Unsupported value: "disk": supported values: "cpu", "memory""#],
        ),
        (
            container(json!({"resources": {"claims": [{"name": "c"}]}})),
            &[
                r#"spec.containers[0].resources.claims[0]: Not found: "c": must be one of the names in pod.spec.resourceClaims which is empty"#,
            ],
        ),
    ]);
}

#[test]
fn ports() {
    check(&[
        (
            container(json!({"ports": [{"containerPort": 80, "name": "far-too-long-a-name"}]})),
            &[
                r#"spec.containers[0].ports[0].name: Invalid value: "far-too-long-a-name": must be no more than 15 characters"#,
            ],
        ),
        (
            container(json!({"ports": [{"containerPort": 80, "name": "p"}, {"containerPort": 81, "name": "p"}]})),
            &[r#"spec.containers[0].ports[1].name: Duplicate value: "p""#],
        ),
        (
            container(json!({"ports": [{"protocol": "ICMP"}]})),
            &[
                "spec.containers[0].ports[0].containerPort: Required value",
                r#"spec.containers[0].ports[0].protocol: Unsupported value: "ICMP": supported values: "SCTP", "TCP", "UDP""#,
            ],
        ),
        (
            container(json!({"ports": [{"containerPort": 1, "hostPort": 1}, {"containerPort": 2, "hostPort": 1}]})),
            &[r#"spec.containers[0].ports[1].hostPort: Duplicate value: "TCP//1""#],
        ),
        (
            json!({"spec": {"hostNetwork": true, "containers": [{"ports": [{"containerPort": 1, "hostPort": 2}]}]}}),
            &[
                "spec.containers[0].ports[0].hostPort: Invalid value: 2: must match `containerPort` when `hostNetwork` is true",
            ],
        ),
    ]);
}

#[test]
fn environment() {
    let source = |source: Value| container(json!({"env": [{"name": "A", "valueFrom": source}]}));
    check(&[
        (
            container(json!({"env": [{"name": "="}]})),
            &[
                r#"spec.containers[0].env[0].name: Invalid value: "=": a valid environment variable name must consist only of printable ASCII characters other than '='"#,
            ],
        ),
        (
            source(json!({"fieldRef": {"fieldPath": "spec.hostname"}})),
            &[
                r#"spec.containers[0].env[0].valueFrom.fieldRef.fieldPath: Invalid value: "spec.hostname": error converting fieldPath: field label not supported: spec.hostname"#,
            ],
        ),
        (
            source(json!({"fieldRef": {"fieldPath": "status.phase"}})),
            &[
                r#"spec.containers[0].env[0].valueFrom.fieldRef.fieldPath: Unsupported value: "status.phase": supported values: "metadata.name", "metadata.namespace", "metadata.uid", "spec.nodeName", "spec.serviceAccountName", "status.hostIP", "status.hostIPs", "status.podIP", "status.podIPs""#,
            ],
        ),
        (source(json!({"fieldRef": {"fieldPath": "metadata.labels['a']"}})), &[]),
        (
            source(json!({"resourceFieldRef": {"resource": "limits.cpu", "divisor": "2"}})),
            &[
                r#"spec.containers[0].env[0].valueFrom.resourceFieldRef.divisor: Invalid value: "limits.cpu": only divisor's values 1m and 1 are supported with the cpu resource"#,
            ],
        ),
        (
            source(json!({"fileKeyRef": {"key": "k", "volumeName": "v", "path": "../p"}})),
            &[
                r#"spec.containers[0].env[0].valueFrom.fileKeyRef.path: Invalid value: "../p": must not contain '..'"#,
                r#"spec.containers[0].env[0].valueFrom.fileKeyRef.volumeName: Not found: "v""#,
            ],
        ),
        (
            container(json!({"envFrom": [{}]})),
            &[r#"spec.containers[0].envFrom: Invalid value: "": must specify one of: `configMapRef` or `secretRef`"#],
        ),
    ]);
}

#[test]
fn probes_and_hooks() {
    check(&[
        (
            container(json!({"lifecycle": {"postStart": {}}})),
            &["spec.containers[0].lifecycle.postStart: Required value: must specify a handler type"],
        ),
        (
            container(json!({"lifecycle": {"preStop": {"sleep": {"seconds": 60}}}})),
            &[
                "spec.containers[0].lifecycle.preStop.sleep: Invalid value: 60: must be non-negative and less than terminationGracePeriodSeconds (30)",
            ],
        ),
        (
            container(
                json!({"livenessProbe": {"initialDelaySeconds": -1, "tcpSocket": {"port": 80}, "exec": {}, "successThreshold": 2}}),
            ),
            &[
                "spec.containers[0].livenessProbe.exec.command: Required value",
                "spec.containers[0].livenessProbe.tcpSocket: Forbidden: may not specify more than 1 handler type",
                "spec.containers[0].livenessProbe.initialDelaySeconds: Invalid value: -1: must be greater than or equal to 0",
                "spec.containers[0].livenessProbe.successThreshold: Invalid value: 2: must be 1",
            ],
        ),
    ]);
}

#[test]
fn volumes_and_mounts() {
    let volume = |source: Value| json!({"spec": {"volumes": [source]}});
    check(&[
        (
            volume(json!({"name": "v", "emptyDir": {}, "hostPath": {"path": "/a"}})),
            &["spec.volumes[0].hostPath: Forbidden: may not specify more than 1 volume type"],
        ),
        (
            volume(json!({"name": "v", "hostPath": {"path": "/a/../b", "type": "Dir"}})),
            &[
                r#"spec.volumes[0].hostPath.path: Invalid value: "/a/../b": must not contain '..'"#,
                r#"spec.volumes[0].hostPath.type: Unsupported value: "Dir": supported values: "", "BlockDevice", "CharDevice", "Directory", "DirectoryOrCreate", "File", "FileOrCreate", "Socket""#,
            ],
        ),
        (
            volume(
                json!({"name": "V", "secret": {"secretName": "s", "defaultMode": 512, "items": [{"key": "k", "path": "/p"}]}}),
            ),
            &[
                "spec.volumes[0].secret.defaultMode: Invalid value: 512: must be a number between 0 and 0777 (octal), both inclusive",
                r#"spec.volumes[0].secret.items[0].path: Invalid value: "/p": must be a relative path"#,
                r#"spec.volumes[0].name: Invalid value: "V": a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?')"#,
            ],
        ),
        (
            json!({"spec": {"serviceAccountName": "a", "volumes": [{"name": "v", "projected": {"sources": [{"serviceAccountToken": {"path": "p", "expirationSeconds": 1}}]}}]}}),
            &[
                "spec.volumes[0].projected.sources[0].serviceAccountToken.expirationSeconds: Invalid value: 1: may not specify a duration less than 10 minutes",
            ],
        ),
        (
            json!({"spec": {"volumes": [{"name": "v", "projected": {"sources": [{"serviceAccountToken": {"path": "p"}}]}}]}}),
            &[
                "spec.volumes[0].projected.sources[0].serviceAccountToken: Forbidden: must not be specified when serviceAccountName is not set",
            ],
        ),
        (
            volume(
                json!({"name": "v", "iscsi": {"targetPortal": "t", "iqn": "iqn.2015-02.example.com:x", "lun": 256, "initiatorName": "x"}}),
            ),
            &[
                "spec.volumes[0].iscsi.lun: Invalid value: 256: must be between 0 and 255, inclusive",
                r#"spec.volumes[0].iscsi.initiatorname: Invalid value: "x": must be valid format starting with iqn, eui, or naa"#,
            ],
        ),
        (
            volume(json!({"name": "v", "ephemeral": {"volumeClaimTemplate": {"metadata": {"name": "n"}, "spec": {}}}})),
            &[
                "spec.volumes[0].ephemeral.volumeClaimTemplate.metadata.name: Forbidden: cannot be set",
                "spec.volumes[0].ephemeral.volumeClaimTemplate.spec.accessModes: Required value: at least 1 access mode is required",
                "spec.volumes[0].ephemeral.volumeClaimTemplate.spec.resources[storage]: Required value",
            ],
        ),
        (
            json!({"spec": {"volumes": [{"name": "v"}], "containers": [{"volumeMounts": [{"name": "v", "mountPath": "/v", "subPath": "../x"}, {"name": "w", "mountPath": "/v"}]}]}}),
            &[
                r#"spec.containers[0].volumeMounts.subPath: Invalid value: "../x": must not contain '..'"#,
                r#"spec.containers[0].volumeMounts[1].name: Not found: "w""#,
                r#"spec.containers[0].volumeMounts[1].mountPath: Invalid value: "/v": must be unique"#,
            ],
        ),
    ]);
}

#[test]
fn security() {
    check(&[
        (
            json!({"spec": {"securityContext": {"runAsUser": -1, "sysctls": [{"name": "net.a"}, {"name": "A"}]}, "hostNetwork": true}}),
            &[
                "spec.securityContext.runAsUser: Invalid value: -1: must be between 0 and 2147483647, inclusive",
                r#"spec.securityContext.sysctls[0].name: Invalid value: "net.a": may not be specified when 'hostNetwork' is true"#,
                r#"spec.securityContext.sysctls[1].name: Invalid value: "A": must have at most 253 characters and match regex ^([a-z0-9]([-_a-z0-9]*[a-z0-9])?[\./])*[a-z0-9]([-_a-z0-9]*[a-z0-9])?$"#,
            ],
        ),
        (
            container(json!({"securityContext": {"privileged": true, "allowPrivilegeEscalation": false}})),
            &[
                r#"spec.containers[0].securityContext: Invalid value: {"Capabilities":null,"Privileged":true,"SELinuxOptions":null,"WindowsOptions":null,"RunAsUser":null,"RunAsGroup":null,"RunAsNonRoot":null,"ReadOnlyRootFilesystem":null,"AllowPrivilegeEscalation":false,"ProcMount":null,"SeccompProfile":null,"AppArmorProfile":null}: cannot set `allowPrivilegeEscalation` to false and `privileged` to true"#,
            ],
        ),
        (
            json!({"spec": {"os": {"name": "windows"}, "securityContext": {"fsGroup": 1}}}),
            &["spec.securityContext.fsGroup: Forbidden: cannot be set for a windows pod"],
        ),
        (
            json!({"spec": {"hostUsers": false, "hostPID": true}}),
            &["spec.HostPID: Forbidden: when `hostUsers` is false"],
        ),
    ]);
    let options = PodValidationOptions::for_pod(None, &FeatureGates::default()).with_privileged(false);
    let privileged = pod(&container(json!({"securityContext": {"privileged": true}})));
    assert_eq!(
        texts(&validate_pod_create(&privileged, &options)),
        ["spec.containers[0].securityContext.privileged: Forbidden: disallowed by cluster policy"]
    );
}

#[test]
fn scheduling() {
    check(&[
        (
            json!({"spec": {"affinity": {"podAntiAffinity": {"preferredDuringSchedulingIgnoredDuringExecution": [{"weight": 101, "podAffinityTerm": {"topologyKey": "z"}}]}}}}),
            &[
                "spec.affinity.podAntiAffinity.preferredDuringSchedulingIgnoredDuringExecution[0].weight: Invalid value: 101: must be in the range 1-100",
            ],
        ),
        (
            json!({"spec": {"tolerations": [{"operator": "Equal", "tolerationSeconds": 1}]}}),
            &[
                r#"spec.tolerations[0].operator: Invalid value: "Equal": operator must be Exists when `key` is empty, which means "match all values and all keys""#,
                r#"spec.tolerations[0].effect: Invalid value: "": effect must be 'NoExecute' when `tolerationSeconds` is set"#,
            ],
        ),
        (
            json!({"spec": {"topologySpreadConstraints": [{"maxSkew": 0, "topologyKey": "z", "whenUnsatisfiable": "ScheduleAnyway", "minDomains": 1, "matchLabelKeys": ["a"]}]}}),
            &[
                "spec.topologySpreadConstraints[0].maxSkew: Invalid value: 0: must be greater than zero",
                "spec.topologySpreadConstraints[0].minDomains: Invalid value: 1: can only use minDomains if whenUnsatisfiable=DoNotSchedule, not ScheduleAnyway",
                "spec.topologySpreadConstraints[0].matchLabelKeys: Forbidden: must not be specified when labelSelector is not set",
            ],
        ),
        (
            json!({"spec": {"nodeName": "n", "schedulingGates": [{"name": "a"}, {"name": "a"}]}}),
            &[
                r#"spec.schedulingGates[1]: Duplicate value: "a""#,
                "spec.nodeName: Forbidden: cannot be set until all schedulingGates have been cleared",
            ],
        ),
        (
            json!({"spec": {"dnsConfig": {"nameservers": ["192.0.2.1", "192.0.2.2", "192.0.2.3", "x"]}}}),
            &[
                r#"spec.dnsConfig.nameservers: Invalid value: ["192.0.2.1","192.0.2.2","192.0.2.3","x"]: must not have more than 3 nameservers"#,
                r#"spec.dnsConfig.nameservers[3]: Invalid value: "x": must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)"#,
            ],
        ),
        (
            json!({"spec": {"resourceClaims": [{"name": "c"}]}}),
            &[
                r#"spec.resourceClaims[0]: Invalid value: {"Name":"c","ResourceClaimName":null,"ResourceClaimTemplateName":null}: must specify one of: `resourceClaimName`, `resourceClaimTemplateName`"#,
            ],
        ),
    ]);
}

#[test]
fn annotations_of_pods() {
    let annotated = |key: &str, value: &str| json!({"metadata": {"annotations": {key: value}}});
    check(&[
        (
            annotated("kubernetes.io/config.mirror", "x"),
            &[
                r#"metadata.annotations[kubernetes.io/config.mirror]: Invalid value: "x": must set spec.nodeName if mirror pod annotation is set"#,
            ],
        ),
        (
            annotated("controller.kubernetes.io/pod-deletion-cost", "+1"),
            &[
                r#"metadata.annotations[controller.kubernetes.io/pod-deletion-cost]: Invalid value: "+1": must be a 32bit integer"#,
            ],
        ),
        (
            annotated("container.apparmor.security.beta.kubernetes.io/other", "x"),
            &[
                r#"metadata.annotations[container.apparmor.security.beta.kubernetes.io/other]: Invalid value: "other": container not found"#,
                r#"metadata.annotations[container.apparmor.security.beta.kubernetes.io/other]: Invalid value: "x": invalid AppArmor profile name: "x""#,
            ],
        ),
    ]);
}

#[test]
fn updates() {
    let none = json!({});
    let one = |old: Value, new: Value| update(&old, &new);
    assert!(one(none.clone(), container(json!({"image": "other:1"}))).is_empty());
    assert_eq!(
        one(json!({"spec": {"activeDeadlineSeconds": 60}}), none.clone()),
        ["spec.activeDeadlineSeconds: Invalid value: null: must not update from a positive integer to nil value"]
    );
    assert_eq!(
        one(none.clone(), json!({"spec": {"schedulingGates": [{"name": "g"}]}})),
        ["spec.schedulingGates[0].name: Forbidden: only deletion is allowed, but found new scheduling gate 'g'"]
    );
    assert_eq!(
        one(
            json!({"spec": {"tolerations": [{"key": "k", "operator": "Exists"}]}}),
            none.clone()
        ),
        ["spec.tolerations: Forbidden: existing toleration can not be modified except its tolerationSeconds"]
    );
    assert_eq!(
        one(
            none.clone(),
            json!({"spec": {"containers": [{}, {"name": "b", "image": "b"}]}})
        ),
        ["spec.containers: Forbidden: pod updates may not add or remove containers"]
    );
    let errors = one(
        none,
        json!({"spec": {"containers": [{"env": [{"name": "A", "value": "b"}]}]}}),
    );
    let [error] = errors.as_slice() else {
        panic!("one error: {errors:?}");
    };
    let (rule, diff) = error.split_once('\n').expect("a diff");
    assert_eq!(
        rule,
        "spec: Forbidden: pod updates may not change fields other than \
         `spec.containers[*].image`,`spec.initContainers[*].image`,`spec.activeDeadlineSeconds`,`spec.tolerations` \
         (only additions to existing tolerations),`spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it \
         was previously negative)"
    );
    assert_eq!(
        diff.split_once('\n').expect("a hunk").1,
        "    \"WorkingDir\": \"\",\n    \"Ports\": null,\n    \"EnvFrom\": null,\n-   \"Env\": null,\n+   \"Env\": \
         [\n+    {\n+     \"Name\": \"A\",\n+     \"Value\": \"b\",\n+     \"ValueFrom\": null\n+    }\n+   ],\n    \
         \"Resources\": {\n     \"Limits\": null,\n     \"Requests\": null,\n"
    );
}

#[test]
fn a_gated_pod_becomes_more_choosy_only() {
    let gated = |selector: Value| json!({"spec": {"schedulingGates": [{"name": "g"}], "nodeSelector": selector}});
    assert!(update(&gated(json!({"a": "b"})), &gated(json!({"a": "b", "c": "d"}))).is_empty());
    assert_eq!(
        update(&gated(json!({"a": "b"})), &gated(json!({"c": "d"}))),
        [
            r#"spec.nodeSelector: Invalid value: {"c":"d"}: only additions to spec.nodeSelector are allowed (no mutations or deletions)"#
        ]
    );
}

#[test]
fn ephemeral_containers_are_only_added() {
    let with = |containers: Value| json!({"spec": {"ephemeralContainers": containers}});
    let errors = |old: Value, new: Value| {
        let (old, new) = (pod(&with(old)), pod(&with(new)));
        let options = PodValidationOptions::for_pod(Some(&old), &FeatureGates::default());
        texts(&validate_ephemeral_containers_update(&new, &old, &options))
    };
    assert!(errors(json!([]), json!([{"name": "e", "image": "x"}])).is_empty());
    assert_eq!(
        errors(json!([{"name": "e", "image": "x"}]), json!([])),
        ["spec.ephemeralContainers: Forbidden: existing ephemeral containers \"e\" may not be removed\n"]
    );
    let changed = errors(
        json!([{"name": "e", "image": "x:1"}]),
        json!([{"name": "e", "image": "y:1"}]),
    );
    assert_eq!(
        changed,
        [
            "spec.ephemeralContainers: Forbidden: existing ephemeral containers \"e\" may not be changed\n@@ -1,6 +1,6 @@\n {\n  \
             \"Name\": \"e\",\n- \"Image\": \"x:1\",\n+ \"Image\": \"y:1\",\n  \"Command\": null,\n  \"Args\": null,\n  \
             \"WorkingDir\": \"\",\n"
        ]
    );
    assert_eq!(
        errors(
            json!([]),
            json!([{"name": "main", "image": "x", "ports": [{"containerPort": 1}], "targetContainerName": "t"}])
        ),
        [
            r#"spec.ephemeralContainers[0].name: Duplicate value: "main""#,
            r#"spec.ephemeralContainers[0].targetContainerName: Not found: "t""#,
            "spec.ephemeralContainers[0].ports: Forbidden: cannot be set for an Ephemeral Container",
        ]
    );
}

#[test]
fn resizes() {
    let gates = FeatureGates::default();
    let sized =
        |requests: Value, limits: Value| container(json!({"resources": {"requests": requests, "limits": limits}}));
    let old = pod(&sized(json!({"cpu": "100m"}), json!({"cpu": "200m"})));
    let resize = |new: Value| {
        let options = PodValidationOptions::for_pod(Some(&old), &gates);
        texts(&validate_pod_resize(&pod(&new), &old, &options, &gates))
    };
    assert!(resize(sized(json!({"cpu": "150m"}), json!({"cpu": "200m"}))).is_empty());
    assert_eq!(
        resize(sized(json!({"cpu": "900m"}), json!({"cpu": "200m"}))),
        [
            r#"spec.containers[0].resources.requests: Invalid value: "900m": must be less than or equal to cpu limit of 200m"#
        ]
    );
    assert_eq!(
        resize(sized(json!({"memory": "1Gi"}), json!({}))),
        [
            "spec.containers[0].resources.requests: Forbidden: resource requests cannot be removed",
            "spec.containers[0].resources.limits: Forbidden: resource limits cannot be removed",
        ]
    );
    assert_eq!(
        resize(sized(
            json!({"cpu": "100m", "ephemeral-storage": "1"}),
            json!({"cpu": "200m"})
        )),
        ["spec: Forbidden: only cpu and memory resources are mutable"]
    );
    assert_eq!(
        resize(json!({"spec": {"containers": [{"name": "other", "resources": {"requests": {"cpu": "1m"}}}]}})),
        ["spec.containers[0].name: Forbidden: containers may not be renamed or reordered on resize"]
    );
}

#[test]
fn status_updates() {
    let gates = FeatureGates::default();
    let errors = |old: Value, new: Value| {
        let (old, new) = (pod(&old), pod(&new));
        let options = PodValidationOptions::for_pod(Some(&old), &gates);
        texts(&validate_pod_status_update(&new, &old, &options))
    };
    assert_eq!(
        errors(json!({}), json!({"status": {"podIP": "x", "podIPs": [{"ip": "x"}]}})),
        [r#"status.podIPs[0]: Invalid value: "x": must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)"#]
    );
    assert_eq!(
        errors(
            json!({}),
            json!({"status": {"podIPs": [{"ip": "10.0.0.1"}, {"ip": "10.0.0.2"}], "qosClass": "Burstable"}})
        ),
        [
            r#"status.qosClass: Invalid value: "Burstable": field is immutable"#,
            r#"status.podIPs: Invalid value: [{"IP":"10.0.0.1"},{"IP":"10.0.0.2"}]: may specify no more than one IP for each IP family"#,
        ]
    );
    let with_state = |state: Value| json!({"spec": {"restartPolicy": "Never"}, "status": {"containerStatuses": [{"name": "main", "state": state}]}});
    assert_eq!(
        errors(
            with_state(json!({"terminated": {"exitCode": 1}})),
            with_state(json!({"running": {}}))
        ),
        ["status.containerStatuses[0].state: Forbidden: may not be transitioned to non-terminated state"]
    );
}

#[test]
fn templates_and_bindings() {
    let template = k8s_api::core::v1::PodTemplateSpec {
        metadata: k8s_api::meta::v1::ObjectMeta::default(),
        spec: pod(&json!({"spec": {"ephemeralContainers": [{"name": "e", "image": "e"}]}})).spec,
    };
    let options = PodValidationOptions::for_template(None, &FeatureGates::default());
    assert_eq!(
        texts(&validate_template_spec(
            &template,
            &options,
            &Path::new("spec.template")
        )),
        ["spec.template.spec.ephemeralContainers: Forbidden: ephemeral containers not allowed in pod template"]
    );
    let binding = k8s_api::core::v1::Binding::from_value(json!({"target": {"kind": "Rack"}})).expect("a binding");
    assert_eq!(
        texts(&validate_binding(&binding)),
        [
            r#"target.kind: Unsupported value: "Rack": supported values: "Node", "<empty>""#,
            "target.name: Required value",
        ]
    );
    let bounds = LogBounds {
        tail_lines: Some(-1),
        since_seconds: Some(1),
        has_since_time: true,
        ..LogBounds::default()
    };
    assert_eq!(
        texts(&validate_log_options(&bounds, false)),
        [
            "tailLines: Invalid value: -1: must be greater than or equal to 0",
            ": Forbidden: at most one of `sinceTime` or `sinceSeconds` may be specified",
        ]
    );
}
