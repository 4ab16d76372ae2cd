//! Plain text read straight into structs, held against the way by the dynamic form.

use k8s_api::{
    Kind, admissionregistration, apiextensions, apps, autoscaling, batch, certificates, coordination, core, discovery,
    events, networking, policy, rbac, resource, storage, tree::Tree,
};
use serde_json::{Value, json};

use super::{GroupVersionKind, Source, normalize_builtin};
use crate::{
    codec::testing::{Random, Samples},
    json::parse_strict,
};

/// Whether something in `value` is an empty list, which structs do not tell from an absent one.
fn has_empty_list(value: &Value) -> bool {
    match value {
        Value::Array(items) => items.is_empty() || items.iter().any(has_empty_list),
        Value::Object(members) => members.values().any(has_empty_list),
        _ => false,
    }
}

/// Reads `text` both ways; returns whether it is plain.
fn agrees<T: Kind>(text: &[u8]) -> bool {
    let Some(plain) = T::from_plain_json(text) else {
        return false;
    };
    let shown = String::from_utf8_lossy(text);
    let parsed = parse_strict(text).unwrap_or_else(|error| panic!("{error}: {shown}"));
    assert_eq!(parsed.duplicates, Vec::<String>::new(), "{shown}");
    let mut value = parsed.value;
    assert!(!has_empty_list(&value), "{shown}");
    let seen = GroupVersionKind::of(&value).unwrap_or_else(|error| panic!("{error}: {shown}"));
    assert_eq!(
        (seen.api_version().as_str(), seen.kind.as_str()),
        (T::API_VERSION, T::KIND),
        "{shown}"
    );
    let source = Source::Json {
        text,
        duplicates: false,
    };
    let complaints = normalize_builtin(&mut value, T::type_id(), source);
    assert_eq!(complaints, Ok(vec![]), "{shown}");
    let general = T::from_value(value).unwrap_or_else(|error| panic!("{error}: {shown}"));
    assert_eq!(plain, general, "{shown}");
    assert_eq!(
        String::from_utf8_lossy(&plain.to_json()),
        String::from_utf8_lossy(&general.to_json())
    );
    true
}

/// How many of the random objects of a kind, and of the same with faults, are plain.
fn check<T: Kind>(rounds: u64) -> (usize, usize) {
    let structure = k8s_api::builtin_schema()
        .at(T::type_id())
        .as_struct()
        .expect("a kind is a struct");
    let (mut whole, mut mutated) = (0, 0);
    for round in 0..rounds {
        let seed = u64::from(T::type_id().0) * 1000 + round;
        let mut value = Samples::new(seed).structure(structure, 3);
        value["kind"] = T::KIND.into();
        value["apiVersion"] = T::API_VERSION.into();
        let text = value.to_string();
        whole += usize::from(agrees::<T>(text.as_bytes()));
        if let Ok(object) = T::from_value(value) {
            let mut shown = object.to_value();
            // What managers own is no part of a tree.
            if let Some(Value::Array(entries)) = shown.pointer_mut("/metadata/managedFields") {
                for entry in entries.iter_mut().filter(|entry| entry.get("fieldsV1").is_some()) {
                    entry["fieldsV1"] = Value::Null;
                }
            }
            assert_eq!(object.to_tree().root(), Tree::from(&shown).root(), "{text}");
            // As a client has it: with its own spelling of times and quantities, and what is unset left out.
            let written = object.to_json();
            whole += usize::from(agrees::<T>(&written));
            let mut random = Random::new(seed);
            for _ in 0..6 {
                mutated += usize::from(agrees::<T>(&random.mutate(&written)));
            }
        }
    }
    (whole, mutated)
}

#[test]
fn what_is_plain_reads_the_same_by_the_dynamic_form() {
    let counts = [
        check::<core::v1::Pod>(60),
        check::<core::v1::Node>(40),
        check::<core::v1::Service>(40),
        check::<core::v1::ConfigMap>(40),
        check::<core::v1::Secret>(40),
        check::<core::v1::PersistentVolume>(40),
        check::<core::v1::PersistentVolumeClaim>(40),
        check::<core::v1::Event>(40),
        check::<apps::v1::Deployment>(40),
        check::<apps::v1::StatefulSet>(40),
        check::<batch::v1::CronJob>(40),
        check::<autoscaling::v2::HorizontalPodAutoscaler>(40),
        check::<networking::v1::Ingress>(40),
        check::<networking::v1::NetworkPolicy>(40),
        check::<policy::v1::PodDisruptionBudget>(40),
        check::<rbac::v1::ClusterRole>(40),
        check::<rbac::v1::RoleBinding>(40),
        check::<coordination::v1::Lease>(40),
        check::<discovery::v1::EndpointSlice>(40),
        check::<events::v1::Event>(40),
        check::<storage::v1::StorageClass>(40),
        check::<resource::v1::ResourceClaim>(40),
        check::<certificates::v1::CertificateSigningRequest>(40),
        check::<admissionregistration::v1::ValidatingWebhookConfiguration>(40),
        check::<apiextensions::v1::CustomResourceDefinition>(40),
    ];
    let whole: usize = counts.iter().map(|(whole, _)| whole).sum();
    let mutated: usize = counts.iter().map(|(_, mutated)| mutated).sum();
    assert!(
        whole > 300 && mutated > 300,
        "{whole} whole and {mutated} mutated texts were plain"
    );
}

#[test]
fn what_wants_a_closer_look_is_not_plain() {
    let pod = |members: &str| format!(r#"{{"kind":"Pod","apiVersion":"v1",{members}}}"#);
    let plain = [
        r#""metadata":{"managedFields":[{"manager":"a","time":"2024-02-29T01:02:03Z","fieldsV1":{}},{"fieldsV1":{".":{},"f:a":{"k:{\"a\":1}":{".":{}},"k:{\"b\":1}":{}},"f:b":{}}}]}"#,
        r#""metadata":{"name":"a","creationTimestamp":null,"labels":{"b":"1","a":"\u00e9"}},"spec":{"containers":null}"#,
        r#""metadata":{"deletionTimestamp":"2024-02-29T01:02:03Z"},"spec":{"nodeSelector":{}},"status":{}"#,
        r#""spec":{"containers":[{"name":"c","resources":{"limits":{"cpu":"1.5","memory":"1024Mi"}},"livenessProbe":{"httpGet":{"port":-1}}}]}"#,
    ];
    for text in plain.map(pod) {
        assert!(agrees::<core::v1::Pod>(text.as_bytes()), "{text}");
    }
    let doubtful = [
        r#""spec":{"containers":[]}"#,
        r#""spec":{"containers":[null]}"#,
        r#""spec":{"containers":[{"name":"c","nam":"d"}]}"#,
        r#""spec":{"nodeName":"a","hostname":"b","nodeName":"c"}"#,
        r#""metadata":{"labels":{"a":"1","a":"2"}}"#,
        r#""metadata":{"labels":{"\u0061":"1"}}"#,
        r#""metadata":{"labels":{"a":null}}"#,
        r#""metadata":{"creationTimestamp":"0001-01-01T00:00:00Z"}"#,
        r#""metadata":{"creationTimestamp":"2024-02-29T01:02:03+01:00"}"#,
        r#""metadata":{"managedFields":[{"fieldsV1":{"f:b":{},"f:a":{}}}]}"#,
        r#""metadata":{"managedFields":[{"fieldsV1":{"f:a":{},"f:a":{}}}]}"#,
        r#""metadata":{"managedFields":[{"fieldsV1":{"f:a": {}}}]}"#,
        r#""metadata":{"managedFields":[{"fieldsV1":{"f:\u0061":{}}}]}"#,
        r#""metadata":{"managedFields":[{"fieldsV1":{"f:a":{},}}]}"#,
        r#""metadata":{"managedFields":[{"fieldsV1":{"f:a":[]}}]}"#,
        r#""metadata":{"managedFields":[{"fieldsV1":"f:a"}]}"#,
        r#""metadata":{"kind":"Pod"}"#,
        r#""spec":{"activeDeadlineSeconds":1.0}"#,
        r#""spec":{"activeDeadlineSeconds":"1"}"#,
        r#""spec":{"overhead":{"cpu":1}}"#,
        r#""spec":{"overhead":{"cpu":"x"}}"#,
        r#""spec":{"hostname":"\ud800"}"#,
        r#""spec":{"hostNetwork":0}"#,
        r#""spec":{"hostNetwork":true},"#,
        r#""kind":"Pod""#,
        r#""extra":1"#,
    ];
    for text in doubtful.map(pod) {
        assert!(!agrees::<core::v1::Pod>(text.as_bytes()), "{text}");
    }
    for text in [
        r#"{"kind":"Pod"}"#,
        r#"{"kind":"Node","apiVersion":"v1"}"#,
        "null",
        "{}",
        "",
        "[]",
    ] {
        assert!(!agrees::<core::v1::Pod>(text.as_bytes()), "{text}");
    }
    assert!(!agrees::<core::v1::Pod>(
        b"{\"kind\":\"Pod\",\"apiVersion\":\"v1\",\"spec\":{\"hostname\":\"\xff\"}}"
    ));
    let many: Value = (0..200)
        .map(|i| (format!("k{i}"), json!("v")))
        .collect::<serde_json::Map<_, _>>()
        .into();
    let sorted = json!({"kind": "ConfigMap", "apiVersion": "v1", "data": many}).to_string();
    assert!(agrees::<core::v1::ConfigMap>(sorted.as_bytes()));
}
