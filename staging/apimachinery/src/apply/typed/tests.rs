//! Field sets, comparison, merging and removing by schema.

use k8s_api::tree::Tree;
use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::apply::fieldset::{PathElement, Set};
use crate::apply::test_schema::{widget, widget_field};

fn spec() -> TypedRef<'static> {
    TypedRef::Schema(widget_field(&["spec"]))
}

fn changes(old: &Value, new: &Value) -> Comparison {
    compare(Tree::from(old).root(), Tree::from(new).root(), spec()).unwrap()
}

fn merged(live: &Value, applied: &Value, ty: TypedRef<'_>) -> Result<Value, ValidationErrors> {
    let mut merged = live.clone();
    merge(&mut merged, applied, ty).map(|()| merged)
}

fn fields(value: &Value) -> Value {
    to_field_set(value, TypedRef::Schema(widget())).unwrap().to_value()
}

#[test]
fn field_sets_of_applied_configurations() {
    let table = [
        (json!({"data": {"a": "1"}}), json!({"f:data": {"f:a": {}}})),
        (json!({"data": {}}), json!({"f:data": {}})),
        (json!({"data": {"a": null}}), json!({"f:data": {"f:a": {}}})),
        (
            json!({"spec": {"selector": {"matchLabels": {"a": "b"}}}}),
            json!({"f:spec": {"f:selector": {}}}),
        ),
        (
            json!({"spec": {"containers": [{"name": "m", "args": ["x"], "ports": [{"containerPort": 80}]}]}}),
            json!({"f:spec": {"f:containers": {"k:{\"name\":\"m\"}": {".": {}, "f:name": {}, "f:args": {},
                "f:ports": {"k:{\"containerPort\":80,\"protocol\":\"TCP\"}": {".": {}, "f:containerPort": {}}}}}}}),
        ),
        (
            json!({"metadata": {"finalizers": ["a", "b"]}}),
            json!({"f:metadata": {"f:finalizers": {"v:\"a\"": {}, "v:\"b\"": {}}}}),
        ),
        (
            json!({"spec": {"config": {"a": {"b": [1]}, "e": {}}}}),
            json!({"f:spec": {"f:config": {"f:a": {".": {}, "f:b": {}}, "f:e": {}}}}),
        ),
        (json!({"spec": {"config": "text"}}), json!({"f:spec": {"f:config": {}}})),
        (json!({"spec": {"volumes": []}}), json!({})),
    ];
    for (value, expected) in table {
        assert_eq!(fields(&value), expected, "{value}");
    }
}

#[test]
fn repeated_elements_are_owned_as_one() {
    let value = json!({"spec": {"containers": [{"name": "a", "image": "1"}, {"name": "a", "image": "2"}]}});
    assert_eq!(
        fields(&value),
        json!({"f:spec": {"f:containers": {"k:{\"name\":\"a\"}": {}}}})
    );
}

#[test]
fn faults_of_configurations() {
    let fault = |value: Value| {
        validate(&value, TypedRef::Schema(widget()), Duplicates::Refused)
            .unwrap_err()
            .to_string()
    };
    assert_eq!(fault(json!({"datum": 1})), ".datum: field not declared in schema");
    assert_eq!(
        fault(json!({"spec": {"replicas": "two"}})),
        ".spec.replicas: expected numeric (int or float), got string"
    );
    assert_eq!(
        fault(json!({"data": {"a": 1}})),
        ".data.a: expected string, got &value.valueUnstructured{Value:1}"
    );
    assert_eq!(
        fault(json!({"spec": {"paused": "yes"}})),
        ".spec.paused: expected boolean, got &{yes}"
    );
    assert_eq!(fault(json!({"spec": []})), ".spec: expected map, got &{[]}");
    assert_eq!(
        fault(json!({"spec": {"containers": {"name": "x"}}})),
        ".spec.containers: expected list, got &{map[name:x]}"
    );
    assert_eq!(
        fault(json!({"spec": {"containers": [{"name": "m", "ports": [
            {"containerPort": 80}, {"containerPort": 80, "protocol": "TCP"}]}]}})),
        r#".spec.containers[name="m"].ports: duplicate entries for key [containerPort=80,protocol="TCP"]"#
    );
    assert_eq!(
        fault(json!({"spec": {"containers": [{"image": "x"}]}})),
        r#".spec.containers: element 0: associative list with keys has an element that omits all key fields ["name"] (and doesn't have default values for any key fields)"#
    );
    assert_eq!(
        fault(json!({"metadata": {"finalizers": ["a", "a", null]}})),
        "errors:\n  .metadata.finalizers: duplicate entries for key [=\"a\"]\n  .metadata.finalizers: element 2: associative list without keys has an element that's an explicit null"
    );
    let twice = json!({"metadata": {"finalizers": ["a", "a"]}});
    assert_eq!(
        validate(&twice, TypedRef::Schema(widget()), Duplicates::Allowed),
        Ok(())
    );
}

#[test]
fn comparison_tells_added_removed_and_modified() {
    let old = json!({"replicas": 1, "containers": [{"name": "a", "image": "1"}, {"name": "b"}],
        "selector": {"matchLabels": {"x": "1"}}});
    let new = json!({"replicas": 1.0, "containers": [{"name": "c"}, {"name": "a", "image": "2", "args": []}],
        "selector": {"matchLabels": {"x": "2"}}});
    let difference = changes(&old, &new);
    assert_eq!(
        difference.modified.to_value(),
        json!({"f:containers": {"k:{\"name\":\"a\"}": {"f:image": {}}}, "f:selector": {}})
    );
    assert_eq!(
        difference.added.to_value(),
        json!({"f:containers": {"k:{\"name\":\"a\"}": {"f:args": {}}, "k:{\"name\":\"c\"}": {".": {}, "f:name": {}}}})
    );
    assert_eq!(
        difference.removed.to_value(),
        json!({"f:containers": {"k:{\"name\":\"b\"}": {".": {}, "f:name": {}}}})
    );
}

#[test]
fn comparison_of_changing_kinds_and_repeats() {
    let config = |value: Value| json!({ "config": value });
    let difference = changes(&config(json!("x")), &config(json!({"a": 1})));
    assert_eq!(difference.modified.to_value(), json!({"f:config": {}}));
    assert_eq!(difference.added.to_value(), json!({"f:config": {"f:a": {}}}));

    let containers = |images: &[&str]| json!({"containers": images.iter().map(|i| json!({"name": "a", "image": i})).collect::<Vec<_>>()});
    let one = json!({"k:{\"name\":\"a\"}": {}});
    let repeated = changes(&containers(&["1", "2"]), &containers(&["1", "3"]));
    assert_eq!(repeated.modified.to_value(), json!({"f:containers": one}));
    assert!(repeated.added.is_empty() && repeated.removed.is_empty());
    let unrepeated = changes(&containers(&["1", "2"]), &containers(&["1"]));
    assert_eq!(unrepeated.removed.to_value(), json!({"f:containers": one}));
    assert_eq!(
        unrepeated.added.to_value(),
        json!({"f:containers": {"k:{\"name\":\"a\"}": {".": {}, "f:image": {}, "f:name": {}}}})
    );
}

#[test]
fn merging_keeps_what_the_configuration_does_not_say() {
    let live = json!({"replicas": 1, "selector": {"matchLabels": {"a": "1"}}, "config": {"a": 1, "l": [1]},
        "containers": [{"name": "a", "image": "1", "args": ["x"], "ports": [{"containerPort": 80, "protocol": "TCP", "name": "p"}]}]});
    let applied = json!({"selector": {"matchLabels": {"b": "1"}}, "config": {"b": 2, "l": [2]},
        "containers": [{"name": "a", "args": ["y"], "ports": [{"containerPort": 80}, {"containerPort": 80, "protocol": "UDP"}]}]});
    assert_eq!(
        merged(&live, &applied, spec()).unwrap(),
        json!({"replicas": 1, "selector": {"matchLabels": {"b": "1"}}, "config": {"a": 1, "b": 2, "l": [2]},
            "containers": [{"name": "a", "image": "1", "args": ["y"], "ports": [
                {"containerPort": 80, "protocol": "TCP", "name": "p"}, {"containerPort": 80, "protocol": "UDP"}]}]})
    );
    let twice = json!({"containers": [{"name": "a"}, {"name": "a"}]});
    assert_eq!(
        merged(&live, &twice, spec()).unwrap_err().to_string(),
        r#".containers: duplicate entries for key [name="a"]"#
    );
}

#[test]
fn merged_lists_follow_the_applied_order() {
    let table: &[(&[&str], &[&str], &[&str])] = &[
        (&["a", "b", "c"], &["c", "a"], &["b", "c", "a"]),
        (&["a", "b"], &["c"], &["a", "b", "c"]),
        (
            &["1", "2", "3", "4", "5"],
            &["2", "8", "4"],
            &["1", "2", "3", "8", "4", "5"],
        ),
        (&["b", "x", "c"], &["a", "b", "c"], &["a", "b", "x", "c"]),
        (&[], &["b", "a"], &["b", "a"]),
        (&["a", "a", "b"], &["a"], &["a", "b"]),
        (&["a", "a", "b"], &["c"], &["a", "a", "b", "c"]),
    ];
    let ty = TypedRef::Schema(widget_field(&["metadata", "finalizers"]));
    for (live, applied, expected) in table {
        assert_eq!(
            merged(&json!(live), &json!(applied), ty).unwrap(),
            json!(expected),
            "{live:?} {applied:?}"
        );
    }
}

#[test]
fn removing_and_extracting() {
    let value = json!({"spec": {"replicas": 2, "containers": [{"name": "a", "image": "1"}, {"name": "b"}]}, "data": {"k": "v"}});
    let set = |raw: Value| Set::from_value(&raw).unwrap();
    let ty = TypedRef::Schema(widget());
    let mut left = value.clone();
    let items = set(
        json!({"f:data": {"f:k": {}}, "f:spec": {"f:containers": {"k:{\"name\":\"a\"}": {"f:image": {}}, "k:{\"name\":\"b\"}": {}}}}),
    );
    remove_items(&mut left, &items, ty);
    assert_eq!(
        left,
        json!({"spec": {"replicas": 2, "containers": [{"name": "a"}]}, "data": {}})
    );
    let image = set(json!({"f:spec": {"f:containers": {"k:{\"name\":\"a\"}": {"f:image": {}}}}}));
    assert_eq!(
        extract_items(&value, &image, ty),
        json!({"spec": {"containers": [{"image": "1"}]}})
    );
    let keyed = with_key_fields(&value, &image, ty);
    assert_eq!(
        extract_items(&value, &keyed, ty),
        json!({"spec": {"containers": [{"name": "a", "image": "1"}]}})
    );
    assert_eq!(extract_items(&value, &set(json!({"f:status": {}})), ty), Value::Null);
}

#[test]
fn schema_changes_collapse_what_became_atomic() {
    let ty = TypedRef::Schema(widget());
    let before =
        Set::from_value(&json!({"f:spec": {"f:selector": {"f:matchLabels": {"f:a": {}}}, "f:replicas": {}}})).unwrap();
    let after = reconcile_with_schema(&before, ty).unwrap();
    assert_eq!(
        after.to_value(),
        json!({"f:spec": {"f:selector": {}, "f:replicas": {}}})
    );
    assert_eq!(reconcile_with_schema(&after, ty), None);
    let ensured = ensure_named_fields_are_members(&after, ty);
    assert!(ensured.has(&[PathElement::field("spec")]));
}

#[test]
fn empty_objects_have_what_is_always_written() {
    assert_eq!(
        zero_value(widget()),
        json!({"metadata": {}, "spec": {"containers": null, "strategy": {}}, "status": {}})
    );
}

fn container() -> impl Strategy<Value = Value> {
    (
        "[a-d]",
        prop::option::of("[xy]"),
        prop::collection::vec(80..83i64, 0..3),
    )
        .prop_map(|(name, image, ports)| {
            let mut ports = ports;
            ports.sort_unstable();
            ports.dedup();
            let ports: Vec<_> = ports.into_iter().map(|p| json!({"containerPort": p})).collect();
            let mut out = json!({"name": name, "ports": ports});
            if let Some(image) = image {
                out["image"] = json!(image);
            }
            out
        })
}

pub(super) fn any_spec() -> impl Strategy<Value = Value> {
    let containers = prop::collection::vec(container(), 0..4).prop_map(|mut list| {
        let mut seen = std::collections::BTreeSet::new();
        list.retain(|c| seen.insert(c["name"].to_string()));
        list
    });
    let config = prop::collection::btree_map(
        "[ab]",
        prop_oneof![Just(json!(1)), Just(json!([1])), Just(json!({"x": 1}))],
        0..3,
    );
    (containers, config, prop::option::of(0..3i64)).prop_map(|(containers, config, replicas)| {
        let mut out = json!({"containers": containers, "config": config});
        if let Some(replicas) = replicas {
            out["replicas"] = json!(replicas);
        }
        out
    })
}

proptest! {
    #[test]
    fn merging_again_changes_nothing(live in any_spec(), applied in any_spec()) {
        let once = merged(&live, &applied, spec()).unwrap();
        prop_assert_eq!(&merged(&once, &applied, spec()).unwrap(), &once);
        prop_assert_eq!(&merged(&live, &live, spec()).unwrap(), &live);
    }

    #[test]
    fn merged_objects_have_all_that_was_applied(live in any_spec(), applied in any_spec()) {
        let merged = merged(&live, &applied, spec()).unwrap();
        let wanted = to_field_set(&applied, spec()).unwrap();
        let difference = changes(&applied, &merged);
        prop_assert!(difference.modified.intersection(&wanted).is_empty(), "{}", difference.modified);
        prop_assert!(difference.removed.intersection(&wanted).is_empty(), "{}", difference.removed);
    }

    #[test]
    fn removed_fields_are_gone(live in any_spec(), applied in any_spec()) {
        let mut merged = merged(&live, &applied, spec()).unwrap();
        let items = to_field_set(&applied, spec()).unwrap();
        remove_items(&mut merged, &items, spec());
        let left = to_field_set(&merged, spec()).unwrap();
        // Objects that lost their members are empty ones, and so members themselves.
        let config = to_field_set(&json!({"config": {}}), spec()).unwrap();
        let found = left.intersection(&items).leaves().difference(&config);
        prop_assert!(found.is_empty(), "{found}");
    }

    #[test]
    fn comparison_is_symmetric(a in any_spec(), b in any_spec()) {
        let (there, back) = (changes(&a, &b), changes(&b, &a));
        prop_assert_eq!(&there.added, &back.removed);
        prop_assert_eq!(&there.modified, &back.modified);
        prop_assert!(changes(&a, &a).is_same());
    }
}
