//! Warnings, by their exact texts.

use k8s_api::Kind;
use serde_json::{Value, json};

use super::*;

fn warn(spec: Value) -> Vec<String> {
    warnings_for_pod(&Pod::from_value(json!({"spec": spec})).expect("a pod"))
}

#[test]
fn each_warning_names_its_place() {
    let cases: [(Value, &[&str]); 7] = [
        (json!({}), &[]),
        (
            json!({"nodeSelector": {"beta.kubernetes.io/os": "linux"}}),
            &[r#"spec.nodeSelector[beta.kubernetes.io/os]: deprecated since v1.14; use "kubernetes.io/os" instead"#],
        ),
        (
            json!({"containers": [{"env": [{"name": "A", "value": "1"}, {"name": "A", "value": "2"}, {"name": "A", "value": "$(A)3"}]}]}),
            &[r#"spec.containers[0].env[1]: hides previous definition of "A", which may be dropped when using apply"#],
        ),
        (
            json!({"containers": [{"resources": {"limits": {"memory": "1m"}}, "ports": [{"containerPort": 80, "name": "p"}]},
                {"ports": [{"containerPort": 80, "hostPort": 1, "name": "p"}]}]}),
            &[
                r#"spec.containers[0].resources.limits[memory]: fractional byte value "1m" is invalid, must be an integer"#,
                "spec.containers[1].ports[0]: overlapping port definition with spec.containers[0].ports[0]",
                r#"spec.containers[1].ports[0]: duplicate port name "p" with spec.containers[0].ports[0], services and probes that select ports by name will use spec.containers[0].ports[0]"#,
            ],
        ),
        (
            json!({"volumes": [{"name": "v", "gitRepo": {}}, {"name": "w", "configMap": {"name": "m", "items": [{"key": "a", "path": "p/"}, {"key": "b", "path": "p/q"}]}}]}),
            &[
                "spec.volumes[0].gitRepo: deprecated in v1.11, and disabled by default in v1.33+",
                r#"volume "w" (ConfigMap "m"): overlapping paths: "p/q" with "p""#,
            ],
        ),
        (
            json!({"imagePullSecrets": [{"name": ""}, {"name": ""}], "hostAliases": [{"ip": "010.0.0.1"}]}),
            &[
                r#"spec.imagePullSecrets[1].name: duplicate name """#,
                r#"spec.imagePullSecrets[0].name: invalid empty name """#,
                r#"spec.imagePullSecrets[1].name: invalid empty name """#,
                r#"spec.hostAliases[0].ip: non-standard IP address "010.0.0.1" is invalid: use "10.0.0.1""#,
            ],
        ),
        (
            json!({"affinity": {"podAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": [{"topologyKey": "z"}]}}}),
            &[
                "spec.affinity.podAffinity.requiredDuringSchedulingIgnoredDuringExecution[0].labelSelector: a null labelSelector results in matching no pod",
            ],
        ),
    ];
    for (spec, expected) in cases {
        assert_eq!(warn(spec.clone()), expected, "{spec}");
    }
}

#[test]
fn profiles_in_annotations() {
    let template = PodTemplateSpec {
        metadata: ObjectMeta {
            annotations: Map::from([
                (format!("{APP_ARMOR_ANNOTATION_PREFIX}a"), "unconfined".to_owned()),
                (SECCOMP_POD_ANNOTATION.to_owned(), "unconfined".to_owned()),
            ]),
            ..ObjectMeta::default()
        },
        spec: PodSpec {
            containers: vec![Container {
                name: "a".into(),
                ..Container::default()
            }],
            ..PodSpec::default()
        },
    };
    assert_eq!(
        warnings_for_template(&template, &Path::new("template")),
        [
            r#"template.metadata.annotations[seccomp.security.alpha.kubernetes.io/pod]: non-functional in v1.27+; use the "seccompProfile" field instead"#,
            r#"template.metadata.annotations[container.apparmor.security.beta.kubernetes.io/a]: deprecated since v1.30; use the "appArmorProfile" field instead"#,
        ]
    );
}
