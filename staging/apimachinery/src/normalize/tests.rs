//! Messages and results as upstream's API server shows them.

use serde_json::{Value, json};

use super::*;
use crate::codec::testing::Random;

const DEPLOYMENT: &str = "io.k8s.api.apps.v1.Deployment";
const POD: &str = "io.k8s.api.core.v1.Pod";
const CONFIG_MAP: &str = "io.k8s.api.core.v1.ConfigMap";
const SECRET: &str = "io.k8s.api.core.v1.Secret";
const CRD: &str = "io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1.CustomResourceDefinition";

/// Decodes JSON text, with its text at hand.
fn decode(definition: &str, text: &str) -> Result<(Value, Vec<String>), String> {
    run(
        definition,
        text,
        Source::Json {
            text: text.as_bytes(),
            duplicates: has_duplicates(text),
        },
    )
}

/// Decodes JSON text as if it had passed through sorted maps.
fn decode_sorted(definition: &str, text: &str) -> Result<(Value, Vec<String>), String> {
    run(definition, text, Source::Sorted)
}

fn has_duplicates(text: &str) -> bool {
    let value: Value = serde_json::from_str(text).expect("JSON");
    text.matches("\":").count() != value.to_string().matches("\":").count()
}

fn run(definition: &str, text: &str, source: Source<'_>) -> Result<(Value, Vec<String>), String> {
    let mut value: Value = serde_json::from_str(text).expect("JSON");
    let ty = k8s_api::definition(definition).expect("a built-in type");
    let strict = normalize_builtin(&mut value, ty, source).map_err(|e| e.to_string())?;
    Ok((value, strict.iter().map(ToString::to_string).collect()))
}

fn deployment(spec: &str) -> String {
    format!(r#"{{"apiVersion":"apps/v1","kind":"Deployment","metadata":{{"name":"demo"}},"spec":{spec}}}"#)
}

#[test]
fn mismatches_read_as_from_go() {
    let field = |value: &str, at: &str, ty: &str| {
        format!("json: cannot unmarshal {value} into Go struct field {at} of type {ty}")
    };
    for (definition, text, message) in [
        (
            DEPLOYMENT,
            deployment(r#"{"replicas":"2"}"#),
            field("string", "DeploymentSpec.spec.replicas", "int32"),
        ),
        (
            DEPLOYMENT,
            deployment(r#"{"replicas":1.5}"#),
            field("number 1.5", "DeploymentSpec.spec.replicas", "int32"),
        ),
        (
            DEPLOYMENT,
            deployment(r#"{"replicas":1e1}"#),
            field("number 1e1", "DeploymentSpec.spec.replicas", "int32"),
        ),
        (
            DEPLOYMENT,
            deployment(r#"{"replicas":3000000000}"#),
            field("number 3000000000", "DeploymentSpec.spec.replicas", "int32"),
        ),
        (
            DEPLOYMENT,
            deployment(r#"{"template":"t"}"#),
            field("string", "DeploymentSpec.spec.template", "v1.PodTemplateSpec"),
        ),
        (
            POD,
            r#"{"spec":{"containers":[{"name":"main","image":true}]}}"#.to_owned(),
            field("bool", "Container.spec.containers.image", "string"),
        ),
        (
            POD,
            r#"{"spec":{"containers":{}}}"#.to_owned(),
            field("object", "PodSpec.spec.containers", "[]v1.Container"),
        ),
        (
            CONFIG_MAP,
            r#"{"data":"text"}"#.to_owned(),
            field("string", "ConfigMap.data", "map[string]string"),
        ),
        (
            CONFIG_MAP,
            r#"{"data":{"a":1}}"#.to_owned(),
            field("number", "ConfigMap.data", "string"),
        ),
        (
            POD,
            r#"{"metadata":{"creationTimestamp":5}}"#.to_owned(),
            field("number", "ObjectMeta.metadata.creationTimestamp", "string"),
        ),
        (
            CONFIG_MAP,
            "[]".to_owned(),
            "json: cannot unmarshal array into Go value of type v1.ConfigMap".to_owned(),
        ),
        (
            SECRET,
            r#"{"data":{"a":"not base64"}}"#.to_owned(),
            "illegal base64 data at input byte 3".to_owned(),
        ),
        (
            POD,
            r#"{"spec":{"containers":[{"resources":{"limits":{"cpu":"lots"}}}]}}"#.to_owned(),
            "quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'".to_owned(),
        ),
        (
            POD,
            r#"{"metadata":{"creationTimestamp":"x"}}"#.to_owned(),
            "parsing time \"x\" as \"2006-01-02T15:04:05Z07:00\": cannot parse \"x\" as \"2006\"".to_owned(),
        ),
        (
            "io.k8s.api.core.v1.Service",
            r#"{"spec":{"ports":[{"targetPort":true}]}}"#.to_owned(),
            field("bool", "ServicePort.spec.ports.targetPort", "int32"),
        ),
    ] {
        assert_eq!(
            decode(definition, &text).map(|(v, _)| v),
            Err(message.clone()),
            "{text}"
        );
        if !text.contains("1e1") {
            assert_eq!(
                decode_sorted(definition, &text).map(|(v, _)| v),
                Err(message),
                "sorted: {text}"
            );
        }
    }
}

#[test]
fn the_first_error_of_the_text_counts_and_custom_decoders_win() {
    let text = deployment(r#"{"selector":{"matchLabels":5},"replicas":"2"}"#);
    let first = "json: cannot unmarshal number into Go struct field LabelSelector.spec.selector.matchLabels of type map[string]string";
    assert_eq!(decode(DEPLOYMENT, &text).map(|(v, _)| v), Err(first.to_owned()));
    let text = r#"{"spec":{"nodeName":1,"containers":[{"resources":{"limits":{"cpu":"lots"}}}]}}"#;
    let error = decode(POD, text).expect_err("both are wrong");
    assert!(error.starts_with("quantities must match"), "{error}");
}

#[test]
fn unknown_fields_are_dropped_and_told_in_order() {
    let text =
        r#"{"spec":{"template":{"spec":{"containers":[{"name":"main","imag":"x"}]}},"replcas":3},"extra":{"a":1}}"#;
    let clean = json!({"spec": {"template": {"spec": {"containers": [{"name": "main"}]}}}});
    let path = r#"unknown field "spec.template.spec.containers[0].imag""#;
    let told = |list: &[&str]| Ok((clean.clone(), list.iter().map(|s| (*s).to_owned()).collect()));
    assert_eq!(
        decode(DEPLOYMENT, text),
        told(&[path, r#"unknown field "spec.replcas""#, r#"unknown field "extra""#])
    );
    assert_eq!(
        decode_sorted(DEPLOYMENT, text),
        told(&[r#"unknown field "extra""#, r#"unknown field "spec.replcas""#, path])
    );
    assert_eq!(
        decode(CONFIG_MAP, r#"{"data":{"a":"b"},"Data":{"x":"y"}}"#),
        Ok((json!({"data": {"a": "b"}}), vec![r#"unknown field "Data""#.to_owned()]))
    );
}

#[test]
fn duplicates_are_told_and_merged() {
    let text = r#"{"metadata":{"name":"demo"},"data":{"a":"1","a":"2"},"data":{"b":"3"}}"#;
    assert_eq!(
        decode(CONFIG_MAP, text),
        Ok((
            json!({"metadata": {"name": "demo"}, "data": {"a": "2", "b": "3"}}),
            vec![
                r#"duplicate field "data.a""#.to_owned(),
                r#"duplicate field "data""#.to_owned()
            ]
        ))
    );
    let text = r#"{"spec":{"nodeName":"a"},"x":1,"x":2,"spec":{"nodeName":null,"hostname":"h"}}"#;
    assert_eq!(
        decode(POD, text),
        Ok((
            json!({"spec": {"nodeName": "a", "hostname": "h"}}),
            vec![
                r#"unknown field "x""#.to_owned(),
                r#"duplicate field "spec""#.to_owned()
            ]
        ))
    );
}

#[test]
fn strict_errors_are_capped_and_joined() {
    let members: Vec<String> = (0..150).map(|i| format!("\"x{i:03}\":1")).collect();
    let text = format!("{{{}}}", members.join(","));
    let (_, strict) = decode(CONFIG_MAP, &text).expect("unknown fields are no error");
    assert_eq!(strict.len(), MAX_STRICT_ERRORS);
    assert_eq!(strict[99], r#"unknown field "x099""#);
    let errors = [
        StrictError::Unknown("spec.foo".to_owned()),
        StrictError::Duplicate("data".to_owned()),
    ];
    assert_eq!(
        cannot_be_handled("ConfigMap", "v1", "ConfigMap", &strict_message(&errors)),
        "ConfigMap in version \"v1\" cannot be handled as a ConfigMap: strict decoding error: unknown field \"spec.foo\", duplicate field \"data\""
    );
}

#[test]
fn values_become_canonical() {
    let text = r#"{
        "metadata": {"name": "a", "labels": null, "creationTimestamp": "2024-01-01T02:00:00+02:00",
                     "deletionTimestamp": "0001-01-01T00:00:00Z", "finalizers": [null, "x"], "annotations": {"n": null}},
        "spec": {"containers": [null, {"resources": {"limits": {"cpu": 1.5, "memory": "1024Mi", "x": null}}}],
                 "terminationGracePeriodSeconds": null}
    }"#;
    let expected = json!({
        "metadata": {"name": "a", "creationTimestamp": "2024-01-01T00:00:00Z", "finalizers": ["", "x"],
                     "annotations": {"n": ""}},
        "spec": {"containers": [{}, {"resources": {"limits": {"cpu": "1500m", "memory": "1Gi", "x": "0"}}}]}
    });
    assert_eq!(decode(POD, text), Ok((expected.clone(), vec![])));
    assert_eq!(decode_sorted(POD, text), Ok((expected, vec![])));
    assert_eq!(
        decode(SECRET, r#"{"data":{"a":"aG\nk="}}"#),
        Ok((json!({"data": {"a": "aGk="}}), vec![]))
    );
}

#[test]
fn schemas_of_custom_resources_are_decoded_leniently() {
    let crd = |items: &str| {
        format!(
            r#"{{"spec":{{"versions":[{{"schema":{{"openAPIV3Schema":{{"type":"object","items":{items},"bogus":1}}}}}}]}}}}"#
        )
    };
    let (value, strict) = decode(CRD, &crd(r#"{"type":"string","unknown":1,"maximum":2.0}"#)).expect("decodes");
    assert_eq!(
        value.pointer("/spec/versions/0/schema/openAPIV3Schema/items"),
        Some(&json!({"type": "string", "maximum": 2}))
    );
    assert_eq!(
        strict,
        [r#"unknown field "spec.versions[0].schema.openAPIV3Schema.bogus""#]
    );
    assert_eq!(
        decode(CRD, &crd(r#"{"type":5}"#)).map(|(v, _)| v),
        Err("json: cannot unmarshal number into Go struct field JSONSchemaProps.spec.versions.schema.openAPIV3Schema.items of type string".to_owned())
    );
    assert_eq!(
        decode(
            CRD,
            r#"{"spec":{"versions":[{"schema":{"openAPIV3Schema":{"additionalProperties":5}}}]}}"#
        )
        .map(|(v, _)| v),
        Err("boolean or JSON schema expected".to_owned())
    );
}

#[test]
fn kinds_are_read_before_anything_else() {
    let read = |text: &str| GroupVersionKind::of(&serde_json::from_str(text).expect("JSON")).map_err(|e| e.to_string());
    let kind = |group: &str, version: &str, kind: &str| GroupVersionKind {
        group: group.to_owned(),
        version: version.to_owned(),
        kind: kind.to_owned(),
    };
    assert_eq!(
        read(r#"{"apiVersion":"apps/v1","kind":"Deployment"}"#),
        Ok(kind("apps", "v1", "Deployment"))
    );
    assert_eq!(
        read(r#"{"apiVersion":"a/b/c"}"#),
        Err("unexpected GroupVersion string: a/b/c".to_owned())
    );
    assert_eq!(
        read(r#"{"kind":5}"#),
        Err("couldn't get version/kind; json parse error: json: cannot unmarshal number into Go struct field .kind of type string".to_owned())
    );
    assert_eq!(
        kind("", "", "").or(&kind("apps", "v1", "Deployment")),
        kind("apps", "v1", "Deployment")
    );
    assert_eq!(
        kind("", "v1", "Pod").or(&kind("apps", "v1", "Deployment")),
        kind("", "v1", "Pod")
    );
    assert_eq!(
        kind("", "v1", "").complete(b"{}").map_err(|e| e.to_string()),
        Err("Object 'Kind' is missing in '{}'".to_owned())
    );
    assert_eq!(
        unrecognized("ConfigMap", &"yaml: line 1: did not find expected ',' or ']'", b"a: [b"),
        "the object provided is unrecognized (must be of type ConfigMap): yaml: line 1: did not find expected ',' or ']' (613a205b62)"
    );
    assert_eq!(
        unrecognized(
            "Deployment",
            &"unexpected GroupVersion string: a/b/c",
            br#"{"apiVersion": "a/b/c", "kind": "Deployment"}"#
        ),
        "the object provided is unrecognized (must be of type Deployment): unexpected GroupVersion string: a/b/c ({\"apiVersion\": \"a/b/c\", \"kind\" ...)"
    );
}

#[test]
fn the_quick_and_the_exact_walk_agree_on_mutated_input() {
    let seeds = [
        (
            POD,
            r#"{"metadata":{"name":"a","creationTimestamp":"2024-01-01T00:00:00Z"},"spec":{"containers":[{"name":"c","image":"i","ports":[{"containerPort":80}],"resources":{"limits":{"cpu":"1500m"}}}],"hostNetwork":true}}"#,
        ),
        (
            SECRET,
            r#"{"metadata":{"labels":{"a":"b"}},"data":{"a":"aGk="},"immutable":false}"#,
        ),
        (
            DEPLOYMENT,
            r#"{"spec":{"replicas":3,"strategy":{"rollingUpdate":{"maxSurge":"25%","maxUnavailable":1}}}}"#,
        ),
    ];
    let (mut parsed, mut valid) = (0, 0);
    for round in 0..3000 {
        let (definition, seed) = seeds[round % seeds.len()];
        let text = Random::new(round as u64).mutate(seed.as_bytes());
        let Ok(mut quick) = serde_json::from_slice::<Value>(&text) else {
            continue;
        };
        parsed += 1;
        let ty = k8s_api::builtin_schema().at(k8s_api::definition(definition).expect("built in"));
        let quick_result = normalize(&mut quick, ty, None, Source::Sorted);
        let exact = Node::parse(&text).map(|node| exact::decode(&node, ty, None));
        match (quick_result, exact) {
            (Ok(strict), Some(Ok((value, exact_strict)))) => {
                if !has_duplicates(&String::from_utf8_lossy(&text)) {
                    assert_eq!(quick, value);
                    assert_eq!(strict.len(), exact_strict.len());
                }
                valid += 1;
                let again = normalize(&mut quick.clone(), ty, None, Source::Sorted);
                assert_eq!(again, Ok(vec![]), "a normalised value is normal");
            }
            (Err(_), Some(Err(_))) | (_, None) => {}
            (quick, exact) => panic!("{quick:?} against {exact:?} for {}", String::from_utf8_lossy(&text)),
        }
    }
    assert!(parsed > 300 && valid > 100, "{parsed} parsed, {valid} valid");
}
