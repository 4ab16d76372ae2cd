//! Applying and making strategic merge patches.

use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::apply::test_schema::{widget, widget_field};

fn spec() -> TypeRef<'static> {
    widget_field(&["spec"])
}

fn patched(original: &Value, patch: &Value) -> Value {
    apply_patch(original.clone(), patch.clone(), spec()).unwrap()
}

fn fault(original: Value, patch: Value) -> String {
    apply_patch(original, patch, spec()).unwrap_err().to_string()
}

#[test]
fn patches_of_objects() {
    let table = [
        (
            json!({"replicas": 1}),
            json!({"replicas": null, "paused": null}),
            json!({}),
        ),
        (
            json!({"strategy": {"type": "a"}}),
            json!({"strategy": {"rollingUpdate": {"maxSurge": 1}}}),
            json!({"strategy": {"type": "a", "rollingUpdate": {"maxSurge": 1}}}),
        ),
        (
            json!({"strategy": {"type": "a"}}),
            json!({"strategy": {"$patch": "replace", "rollingUpdate": {}}}),
            json!({"strategy": {"rollingUpdate": {}}}),
        ),
        (
            json!({"strategy": {"type": "a"}}),
            json!({"strategy": {"$patch": "delete"}}),
            json!({"strategy": {}}),
        ),
        (json!({}), json!({"strategy": {"$patch": "delete"}}), json!({})),
        (
            json!({}),
            json!({"strategy": {"type": "a", "rollingUpdate": null}}),
            json!({"strategy": {"type": "a"}}),
        ),
        (
            json!({"whole": {"type": "a"}}),
            json!({"whole": {"rollingUpdate": {}}}),
            json!({"whole": {"rollingUpdate": {}}}),
        ),
        (
            json!({"strategy": {"type": "a", "rollingUpdate": {"maxSurge": 1}}}),
            json!({"strategy": {"$retainKeys": ["type"], "type": "b"}}),
            json!({"strategy": {"type": "b"}}),
        ),
        (
            json!({"replicas": 1}),
            json!({"$patch": "replace", "paused": true}),
            json!({"paused": true}),
        ),
    ];
    for (original, patch, expected) in table {
        assert_eq!(patched(&original, &patch), expected, "{original} {patch}");
    }
}

fn named(names: &[&str]) -> Value {
    json!(names.iter().map(|n| json!({ "name": n })).collect::<Vec<_>>())
}

#[test]
fn patches_of_lists() {
    let live = json!({"containers": [{"name": "a", "image": "1", "args": ["x"]}, {"name": "b"}]});
    let table = [
        (
            json!({"containers": [{"name": "a", "args": ["y"]}, {"name": "c"}]}),
            json!([{"name": "a", "image": "1", "args": ["y"]}, {"name": "c"}, {"name": "b"}]),
        ),
        (
            json!({"containers": [{"name": "a", "$patch": "delete"}]}),
            json!([{"name": "b"}]),
        ),
        (
            json!({"containers": [{"$patch": "replace"}, {"name": "z"}]}),
            json!([{"name": "z"}]),
        ),
        (json!({"containers": [{"$patch": "replace"}]}), json!([])),
        (json!({"containers": null}), Value::Null),
        (
            json!({"containers": [{"name": "a", "image": null}]}),
            json!([{"name": "a", "args": ["x"]}, {"name": "b"}]),
        ),
        (
            json!({"$setElementOrder/containers": [{"name": "b"}, {"name": "a"}]}),
            json!([{"name": "b"}, {"name": "a", "image": "1", "args": ["x"]}]),
        ),
        (
            json!({"$setElementOrder/containers": [{"name": "c"}, {"name": "a"}], "containers": [{"name": "c"}]}),
            json!([{"name": "c"}, {"name": "a", "image": "1", "args": ["x"]}, {"name": "b"}]),
        ),
    ];
    for (patch, expected) in table {
        assert_eq!(
            patched(&live, &patch).get("containers").cloned().unwrap_or_default(),
            expected,
            "{patch}"
        );
    }
    let volumes = json!({"volumes": [{"name": "v", "emptyDir": {}}, {"name": "w"}]});
    let patch = json!({"volumes": [{"name": "v", "$retainKeys": ["name", "hostPath"], "hostPath": {"path": "/x"}}]});
    assert_eq!(
        patched(&volumes, &patch)["volumes"],
        json!([{"name": "v", "hostPath": {"path": "/x"}}, {"name": "w"}])
    );
}

#[test]
fn server_elements_keep_their_place() {
    // Live order, order of the patch, result: an element only the server has comes before those it preceded.
    let table: &[(&[&str], &[&str], &[&str])] = &[
        (&["a", "s", "b"], &["a", "b"], &["a", "s", "b"]),
        (&["a", "s", "b"], &["b", "a"], &["s", "b", "a"]),
        (&["s", "a", "b"], &["b", "a"], &["s", "b", "a"]),
        (&["a", "b", "s"], &["c", "a"], &["c", "a", "b", "s"]),
    ];
    for (live, order, expected) in table {
        let added: Vec<_> = order.iter().copied().filter(|n| !live.contains(n)).collect();
        let patch = json!({"$setElementOrder/containers": named(order), "containers": named(&added)});
        let result = patched(&json!({"containers": named(live)}), &patch);
        assert_eq!(result["containers"], named(expected), "{live:?} {order:?}");
    }
}

#[test]
fn patches_of_lists_of_scalars() {
    let meta = widget_field(&["metadata"]);
    let live = json!({"finalizers": ["a", "b", "c"]});
    let table = [
        (json!({"finalizers": ["d", "a"]}), json!(["d", "a", "b", "c"])),
        (json!({"$deleteFromPrimitiveList/finalizers": ["b"]}), json!(["a", "c"])),
        (
            json!({"$setElementOrder/finalizers": ["c", "b", "a"]}),
            json!(["c", "b", "a"]),
        ),
        (
            json!({"$deleteFromPrimitiveList/finalizers": ["a"], "$setElementOrder/finalizers": ["x", "b", "c"], "finalizers": ["x"]}),
            json!(["x", "b", "c"]),
        ),
    ];
    for (patch, expected) in table {
        assert_eq!(
            apply_patch(live.clone(), patch.clone(), meta).unwrap()["finalizers"],
            expected,
            "{patch}"
        );
    }
}

#[test]
fn faults_of_patches() {
    let live =
        || json!({"containers": [{"name": "a"}], "strategy": {"type": "x"}, "config": {"a": {}}, "matrix": [["a"]]});
    let table = [
        (
            json!({"containers": [{"image": "x"}]}),
            "map: map[image:x] does not contain declared merge key: name",
        ),
        (
            json!({"containers": [{"$patch": "delete"}]}),
            "map: map[$patch:delete] does not contain declared merge key: name",
        ),
        (
            json!({"containers": [{"name": "a", "$patch": "what"}]}),
            "unknown patch type: what in map: map[$patch:what name:a]",
        ),
        (
            json!({"strategy": {"$patch": "merge"}}),
            "unknown patch type: merge in map: map[$patch:merge]",
        ),
        (
            json!({"strategy": {"$patch": 1}}),
            "unknown patch type: %!s(int64=1) in map: map[$patch:1]",
        ),
        (
            json!({"containers": [{"$patch": "merge"}]}),
            "merging lists cannot yet be specified in the patch",
        ),
        (
            json!({"strategy": {"$retainKeys": "x"}}),
            "invalid patch format of retainKeys",
        ),
        (
            json!({"strategy": {"$retainKeys": ["type"], "rollingUpdate": {}}}),
            "invalid patch format of retainKeys",
        ),
        (
            json!({"$setElementOrder": []}),
            "invalid patch format of setElementOrder list",
        ),
        (
            json!({"$deleteFromPrimitiveListX/a": []}),
            "invalid patch format of primitive list",
        ),
        (
            json!({"$setElementOrder/containers": {}}),
            "expected a []interface {}, but received a map[string]interface {}",
        ),
        (
            json!({"containers": ["x"]}),
            "list element types are not identical: [[map[name:a]] [x]]",
        ),
        (json!({"matrix": [["b"]]}), "unexpected slice of slice"),
        (
            json!({"config": {"a": {}}}),
            "unable to find api field in struct JSON for the json field \"a\"",
        ),
        (
            json!({"$setElementOrder/containers": [{"name": "a"}], "containers": [{"name": "b"}]}),
            "The order in patch list:\n[map[name:b]]\n doesn't match $setElementOrder list:\n[map[name:a]]\n",
        ),
    ];
    for (patch, expected) in table {
        assert_eq!(fault(live(), patch.clone()), expected, "{patch}");
    }
    assert_eq!(
        fault(json!({"gone": {}}), json!({"gone": {}})),
        "unable to find api field in struct WidgetSpec for the json field \"gone\""
    );
    assert_eq!(
        apply_patch(json!([]), json!({}), spec()),
        Err(PatchError::BadJsonDocument)
    );
}

fn two_way(original: &Value, modified: &Value) -> Value {
    create_two_way_merge_patch(original.clone(), modified.clone(), spec(), &[]).unwrap()
}

#[test]
fn two_way_patches() {
    let table = [
        (
            json!({"replicas": 1, "paused": true}),
            json!({"replicas": 2}),
            json!({"replicas": 2, "paused": null}),
        ),
        (
            json!({"containers": [{"name": "a", "image": "1"}, {"name": "b"}]}),
            json!({"containers": [{"name": "a", "image": "2"}, {"name": "c"}]}),
            json!({"$setElementOrder/containers": [{"name": "a"}, {"name": "c"}],
                "containers": [{"name": "a", "image": "2"}, {"name": "c"}, {"name": "b", "$patch": "delete"}]}),
        ),
        (
            json!({"containers": named(&["a", "b"])}),
            json!({"containers": named(&["b", "a"])}),
            json!({"$setElementOrder/containers": named(&["b", "a"])}),
        ),
        (
            json!({"strategy": {"type": "a", "rollingUpdate": {}}}),
            json!({"strategy": {"type": "b"}}),
            json!({"strategy": {"$retainKeys": ["type"], "type": "b", "rollingUpdate": null}}),
        ),
        (
            json!({"whole": {"type": "a"}}),
            json!({"whole": {"type": "b"}}),
            json!({"whole": {"type": "b"}}),
        ),
        (
            json!({"containers": [{"name": "a", "args": ["1"]}]}),
            json!({"containers": [{"name": "a", "args": ["1"]}]}),
            json!({}),
        ),
    ];
    for (original, modified, expected) in table {
        assert_eq!(two_way(&original, &modified), expected, "{original} {modified}");
    }
    let meta = |original: Value, modified: Value| {
        create_two_way_merge_patch(original, modified, widget_field(&["metadata"]), &[]).unwrap()
    };
    assert_eq!(
        meta(json!({"finalizers": ["a", "b"]}), json!({"finalizers": ["c", "b"]})),
        json!({"finalizers": ["c"], "$deleteFromPrimitiveList/finalizers": ["a"], "$setElementOrder/finalizers": ["c", "b"]})
    );
}

#[test]
fn preconditions_stop_patches() {
    let unchanged = require_metadata_key_unchanged("name");
    let kind = require_key_unchanged("kind");
    let make = |modified: Value| {
        let original = json!({"kind": "Widget", "metadata": {"name": "a"}});
        create_two_way_merge_patch(original, modified, widget(), &[&unchanged, &kind])
    };
    assert_eq!(
        make(json!({"kind": "Widget", "metadata": {"name": "b"}}))
            .unwrap_err()
            .to_string(),
        "precondition failed for: map[metadata:map[name:b]]"
    );
    assert_eq!(
        make(json!({"kind": "x", "metadata": {"name": "a"}})),
        Err(PatchError::Precondition("map[kind:x]".into()))
    );
    assert_eq!(
        make(json!({"kind": "Widget", "metadata": {"name": "a"}, "data": {}})),
        Ok(json!({"data": {}}))
    );
}

#[test]
fn three_way_patches_leave_what_others_added() {
    let original = json!({"replicas": 1, "paused": true, "containers": [{"name": "a", "image": "1"}, {"name": "old"}]});
    let modified = json!({"replicas": 1, "containers": [{"name": "a", "image": "2"}]});
    let current = json!({"replicas": 3, "paused": true, "selector": {},
        "containers": [{"name": "a", "image": "1", "args": ["x"]}, {"name": "old"}, {"name": "injected"}]});
    let make = |overwrite| {
        create_three_way_merge_patch(
            original.clone(),
            modified.clone(),
            current.clone(),
            spec(),
            overwrite,
            &[],
        )
    };
    let patch = make(true).unwrap();
    assert_eq!(
        patch,
        json!({"replicas": 1, "paused": null, "$setElementOrder/containers": [{"name": "a"}],
            "containers": [{"name": "a", "image": "2"}, {"name": "old", "$patch": "delete"}]})
    );
    assert_eq!(
        patched(&current, &patch),
        json!({"replicas": 1, "selector": {}, "containers": [{"name": "a", "image": "2", "args": ["x"]}, {"name": "injected"}]})
    );
    let error = make(false).unwrap_err().to_string();
    assert!(error.starts_with("patch:\n$setElementOrder/containers:\n- name: a\ncontainers:\n- image: \"2\"\n  name: a\n- $patch: delete\n  name: old\n"), "{error}");
    assert!(
        error.contains("\nconflicts with changes made from original to current:\n"),
        "{error}"
    );
    assert!(error.contains("replicas: 3\n"), "{error}");
}

#[test]
fn combined_patches_do_what_each_does() {
    let first = json!({"replicas": 2, "containers": [{"name": "a", "image": "2"}], "paused": null});
    let second = json!({"replicas": 3, "containers": [{"name": "a", "args": ["x"]}]});
    let live = json!({"replicas": 1, "paused": true, "containers": [{"name": "a", "image": "1"}]});
    let combined = merge_patches([first.clone(), second.clone()], spec()).unwrap();
    assert_eq!(combined["paused"], Value::Null);
    assert_eq!(patched(&live, &combined), patched(&patched(&live, &first), &second));
    assert_eq!(patches_have_conflicts(&first, &second, spec()), Ok(true));
    assert_eq!(
        patches_have_conflicts(&first, &json!({"containers": [{"name": "a", "args": ["x"]}]}), spec()),
        Ok(false)
    );
}

fn container_list() -> impl Strategy<Value = Value> {
    let container = (
        "[a-d]",
        prop::option::of("[xy]"),
        prop::option::of(prop::collection::vec("[pq]", 1..3)),
    );
    prop::collection::vec(container, 0..4).prop_map(|list| {
        let mut seen = std::collections::BTreeSet::new();
        let mut out = Vec::new();
        for (name, image, args) in list {
            if seen.insert(name.clone()) {
                let mut item = json!({ "name": name });
                if let Some(image) = image {
                    item["image"] = json!(image);
                }
                if let Some(args) = args {
                    item["args"] = json!(args);
                }
                out.push(item);
            }
        }
        json!(out)
    })
}

fn any_spec() -> impl Strategy<Value = Value> {
    (
        container_list(),
        prop::option::of(0..3i64),
        prop::option::of(("[ab]", prop::option::of(0..2i64))),
    )
        .prop_map(|(containers, replicas, strategy)| {
            let mut out = json!({ "containers": containers });
            if let Some(replicas) = replicas {
                out["replicas"] = json!(replicas);
            }
            if let Some((kind, surge)) = strategy {
                out["strategy"] = json!({ "type": kind });
                if let Some(surge) = surge {
                    out["strategy"]["rollingUpdate"] = json!({ "maxSurge": surge });
                }
            }
            out
        })
}

proptest! {
    #[test]
    fn a_two_way_patch_yields_the_modified_object(original in any_spec(), modified in any_spec()) {
        let patch = two_way(&original, &modified);
        prop_assert_eq!(patched(&original, &patch), modified.clone(), "{}", patch);
        prop_assert_eq!(two_way(&modified, &modified), json!({}));
    }

    #[test]
    fn a_three_way_patch_with_nobody_else_yields_the_modified_object(original in any_spec(), modified in any_spec()) {
        let patch = create_three_way_merge_patch(original.clone(), modified.clone(), original.clone(), spec(), false, &[]).unwrap();
        prop_assert_eq!(patched(&original, &patch), modified, "{}", patch);
    }

    #[test]
    fn patching_again_changes_nothing(live in any_spec(), modified in any_spec()) {
        let patch = two_way(&live, &modified);
        let once = patched(&live, &patch);
        prop_assert_eq!(patched(&once, &patch), once);
    }
}
