//! Managers through creates, updates and applies.

use std::borrow::Cow;
use std::collections::BTreeMap;

use jiff::Timestamp;
use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::apply::fieldset::{Filter, PathElement, Set};
use crate::apply::test_schema::widget;
use crate::apply::typed::TypedRef;

const V1: &str = "example.com/v1";

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_700_000_000 + second).unwrap()
}

fn time(second: i64) -> String {
    at(second).strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

fn types() -> SingleVersion<'static> {
    SingleVersion {
        api_version: V1,
        ty: widget(),
    }
}

fn object(extra: Value) -> Value {
    let mut out = json!({"apiVersion": V1, "kind": "Widget", "metadata": {"name": "w", "namespace": "n"}});
    for (key, value) in extra.as_object().unwrap() {
        out[key] = value.clone();
    }
    out
}

/// As the server would store it.
fn stored(mut value: Value) -> Value {
    value["metadata"]["uid"] = json!("u");
    value
}

fn with<T>(subresource: &str, reset: &ResetFields, run: impl FnOnce(&FieldManager<'_>) -> T) -> T {
    run(&FieldManager::new(&types(), V1, "Widget", subresource, reset))
}

fn update(live: Option<&Value>, new: Value, manager: &str, second: i64) -> Value {
    with("", &ResetFields::new(), |f| f.update(live, new, manager, at(second)))
}

fn try_apply(
    live: Option<&Value>,
    applied: &Value,
    manager: &str,
    force: bool,
    second: i64,
) -> Result<Value, ApplyError> {
    with("", &ResetFields::new(), |f| {
        f.apply(
            live,
            applied,
            ApplyOptions {
                manager,
                force,
                now: at(second),
            },
        )
    })
}

fn apply(live: Option<&Value>, applied: &Value, manager: &str, second: i64) -> Value {
    stored(try_apply(live, applied, manager, false, second).unwrap())
}

fn managers(object: &Value) -> Value {
    object["metadata"].get("managedFields").cloned().unwrap_or_default()
}

/// `[[manager, operation, fields], …]`
fn summary(object: &Value) -> Value {
    let list = managers(object);
    list.as_array()
        .into_iter()
        .flatten()
        .map(|e| json!([e["manager"], e["operation"], e["fieldsV1"]]))
        .collect()
}

#[test]
fn a_create_is_owned_by_its_maker() {
    let new = update(
        None,
        object(json!({"spec": {"containers": [{"name": "m"}], "strategy": {"type": "x"}}, "data": {"a": "1"}})),
        "poster",
        0,
    );
    assert_eq!(
        managers(&new),
        json!([{"manager": "poster", "operation": "Update", "apiVersion": V1, "time": time(0), "fieldsType": "FieldsV1",
            "fieldsV1": {"f:data": {".": {}, "f:a": {}},
                "f:spec": {"f:containers": {"k:{\"name\":\"m\"}": {".": {}, "f:name": {}}}, "f:strategy": {"f:type": {}}}}}])
    );
}

#[test]
fn an_update_takes_what_it_changes() {
    let live = stored(update(None, object(json!({"data": {"a": "1", "b": "1"}})), "one", 0));
    let mut new = live.clone();
    new["data"] = json!({"a": "2", "c": "1"});
    let new = update(Some(&live), new, "two", 5);
    assert_eq!(
        summary(&new),
        json!([["one", "Update", {"f:data": {}}], ["two", "Update", {"f:data": {"f:a": {}, "f:c": {}}}]])
    );
    let times: Vec<_> = managers(&new)
        .as_array()
        .unwrap()
        .iter()
        .map(|e| e["time"].clone())
        .collect();
    assert_eq!(times, [json!(time(0)), json!(time(5))]);
}

#[test]
fn an_update_without_a_change_leaves_the_managers() {
    let live = stored(update(None, object(json!({"data": {"a": "1"}})), "one", 0));
    let mut new = live.clone();
    new["metadata"].as_object_mut().unwrap().remove("managedFields");
    assert_eq!(update(Some(&live), new, "two", 9), live);
}

#[test]
fn an_own_field_changed_again_moves_only_the_time() {
    let live = stored(update(None, object(json!({"data": {"a": "1"}})), "one", 0));
    let mut new = live.clone();
    new["data"]["a"] = json!("2");
    let new = update(Some(&live), new, "one", 7);
    let mut expected = managers(&live);
    expected[0]["time"] = json!(time(7));
    assert_eq!(managers(&new), expected);
}

#[test]
fn clients_can_forget_managers_or_break_them() {
    let live = stored(update(None, object(json!({"data": {"a": "1"}})), "one", 0));
    let send = |list: Value| {
        let mut new = live.clone();
        new["metadata"]["managedFields"] = list;
        update(Some(&live), new, "two", 1)
    };
    for list in [json!([]), json!([{}])] {
        assert_eq!(managers(&send(list)), Value::Null);
    }
    let broken = json!({"manager": "x", "operation": "Update", "apiVersion": V1, "fieldsType": "FieldsV1", "fieldsV1": {"bad": {}}});
    for list in [json!([broken]), json!([{"manager": "x"}]), Value::Null] {
        assert_eq!(managers(&send(list)), managers(&live));
    }
    let renamed = json!([{"manager": "x", "operation": "Update", "apiVersion": V1, "fieldsType": "FieldsV1", "fieldsV1": {"f:data": {"f:a": {}}}}]);
    assert_eq!(
        summary(&send(renamed)),
        json!([["x", "Update", {"f:data": {"f:a": {}}}]])
    );
    // Without managers an existing object is not tracked.
    let mut bare = live.clone();
    bare["metadata"].as_object_mut().unwrap().remove("managedFields");
    let mut new = bare.clone();
    new["data"]["a"] = json!("2");
    assert_eq!(managers(&update(Some(&bare), new, "two", 1)), Value::Null);
}

#[test]
fn malformed_lists_are_named() {
    let fault = |entry: Value| {
        let entry = serde_json::from_value(entry).unwrap();
        validate_managed_fields(&[entry]).unwrap_err().to_string()
    };
    assert_eq!(fault(json!({})), "operation must be `Apply` or `Update`");
    assert_eq!(fault(json!({"operation": "Apply"})), "apiVersion must not be empty");
    assert_eq!(
        fault(json!({"operation": "Apply", "apiVersion": "v1"})),
        "missing fieldsType in managed fields entry 0"
    );
    assert_eq!(
        fault(json!({"operation": "Apply", "apiVersion": "v1", "fieldsType": "V2"})),
        "invalid fieldsType \"V2\" in managed fields entry 0"
    );
    assert_eq!(
        fault(
            json!({"manager": "m", "operation": "Apply", "apiVersion": "v1", "fieldsType": "FieldsV1", "fieldsV1": {"oops": {}}})
        ),
        "error decoding versioned set from {\"manager\":\"m\",\"operation\":\"Apply\"}: error decoding set: parsing key as path element: missing colon: oops"
    );
}

#[test]
fn an_apply_creates_and_removes() {
    let first = apply(None, &object(json!({"data": {"a": "1", "b": "2"}})), "m", 0);
    assert_eq!(
        summary(&first),
        json!([["m", "Apply", {"f:data": {"f:a": {}, "f:b": {}}}]])
    );
    let second = apply(Some(&first), &object(json!({"data": {"a": "1"}})), "m", 1);
    assert_eq!(second["data"], json!({"a": "1"}));
    assert_eq!(summary(&second), json!([["m", "Apply", {"f:data": {"f:a": {}}}]]));
    assert_eq!(managers(&second)[0]["time"], json!(time(1)));
    // Again: nothing changes, not even the time.
    assert_eq!(
        apply(Some(&second), &object(json!({"data": {"a": "1"}})), "m", 2),
        second
    );
}

#[test]
fn shared_fields_stay_until_the_last_owner_leaves() {
    let one = apply(None, &object(json!({"data": {"a": "1"}})), "one", 0);
    let both = apply(Some(&one), &object(json!({"data": {"a": "1"}})), "two", 1);
    // The one that changed nothing has no time, and sorts first.
    let owned = json!({"f:data": {"f:a": {}}});
    assert_eq!(
        summary(&both),
        json!([["two", "Apply", owned], ["one", "Apply", owned]])
    );
    assert_eq!(managers(&both)[0].get("time"), None);
    let left = apply(Some(&both), &object(json!({})), "one", 2);
    assert_eq!(
        (left["data"].clone(), summary(&left)),
        (json!({"a": "1"}), json!([["two", "Apply", {"f:data": {"f:a": {}}}]]))
    );
    let gone = apply(Some(&left), &object(json!({})), "two", 3);
    assert_eq!((gone.get("data"), managers(&gone)), (None, Value::Null));
}

#[test]
fn conflicts_are_worded_as_clients_know_them() {
    let live = apply(None, &object(json!({"data": {"a": "1", "b": "1"}})), "one", 0);
    let error = try_apply(Some(&live), &object(json!({"data": {"a": "2"}})), "two", false, 1).unwrap_err();
    assert_eq!(
        error.to_string(),
        "Apply failed with 1 conflict: conflict with \"one\": .data.a"
    );
    let ApplyError::Conflict(conflicts) = error else {
        panic!("{error}")
    };
    assert_eq!(
        conflicts.causes().collect::<Vec<_>>(),
        [("conflict with \"one\"".to_owned(), ".data.a".to_owned())]
    );

    let mut new = live.clone();
    new["data"]["c"] = json!("1");
    let live = stored(update(Some(&live), new, "put", 1));
    let error = try_apply(
        Some(&live),
        &object(json!({"data": {"a": "2", "b": "2", "c": "2"}})),
        "two",
        false,
        2,
    )
    .unwrap_err();
    assert_eq!(
        error.to_string(),
        "Apply failed with 3 conflicts: conflicts with \"one\":\n- .data.a\n- .data.b\nconflicts with \"put\" using example.com/v1:\n- .data.c"
    );
    let forced = try_apply(
        Some(&live),
        &object(json!({"data": {"a": "2", "c": "2"}})),
        "two",
        true,
        2,
    )
    .unwrap();
    assert_eq!(
        summary(&forced),
        json!([["one", "Apply", {"f:data": {"f:b": {}}}], ["two", "Apply", {"f:data": {"f:a": {}, "f:c": {}}}]])
    );
}

#[test]
fn subresources_are_other_managers() {
    let live = apply(None, &object(json!({"data": {"a": "1"}})), "one", 0);
    let mut new = live.clone();
    new["status"] = json!({"phase": "x"});
    let reset = ResetFields::from([(
        V1.to_owned(),
        Filter::Exclude(Set::from_paths([
            [PathElement::field("data")],
            [PathElement::field("metadata")],
        ])),
    )]);
    new["data"]["a"] = json!("wiped later");
    new["metadata"]["managedFields"] = json!([]);
    let live = stored(with("status", &reset, |f| f.update(Some(&live), new, "kubelet", at(3))));
    assert_eq!(
        managers(&live)[1],
        json!({"manager": "kubelet", "operation": "Update", "apiVersion": V1, "time": time(3), "fieldsType": "FieldsV1",
            "fieldsV1": {"f:status": {"f:phase": {}}}, "subresource": "status"})
    );
    let error = try_apply(Some(&live), &object(json!({"status": {"phase": "y"}})), "two", false, 4).unwrap_err();
    assert_eq!(
        error.to_string(),
        "Apply failed with 1 conflict: conflict with \"kubelet\" with subresource \"status\" using example.com/v1: .status.phase"
    );
}

#[test]
fn reset_fields_are_not_owned_by_appliers() {
    let reset = ResetFields::from([(
        V1.to_owned(),
        Filter::Exclude(Set::from_paths([[PathElement::field("status")]])),
    )]);
    let applied = object(json!({"data": {"a": "1"}, "status": {"phase": "x"}}));
    let options = ApplyOptions {
        manager: "m",
        force: false,
        now: at(0),
    };
    let new = with("", &reset, |f| f.apply(None, &applied, options)).unwrap();
    assert_eq!(summary(&new), json!([["m", "Apply", {"f:data": {"f:a": {}}}]]));
}

#[test]
fn untracked_objects_get_an_owner_at_the_first_apply() {
    let live = stored(object(json!({"data": {"a": "1", "b": "1"}})));
    let error = try_apply(Some(&live), &object(json!({"data": {"a": "2"}})), "m", false, 1).unwrap_err();
    assert_eq!(
        error.to_string(),
        "Apply failed with 1 conflict: conflict with \"before-first-apply\" using example.com/v1: .data.a"
    );
    let new = apply(Some(&live), &object(json!({"data": {"c": "1"}})), "m", 1);
    assert_eq!(
        summary(&new),
        json!([["m", "Apply", {"f:data": {"f:c": {}}}], ["before-first-apply", "Update", {"f:data": {".": {}, "f:a": {}, "f:b": {}}}]])
    );
}

#[test]
fn wrong_configurations_are_refused() {
    let fault = |applied: Value| try_apply(None, &applied, "m", false, 0).unwrap_err().to_string();
    let other =
        |api_version: &str, kind: &str| json!({"apiVersion": api_version, "kind": kind, "metadata": {"name": "w"}});
    assert_eq!(fault(other("v1", "Widget")), "invalid object type: /v1, Kind=Widget");
    assert_eq!(
        fault(other(V1, "Gadget")),
        "invalid object type: example.com/v1, Kind=Gadget"
    );
    let mut managed = object(json!({}));
    managed["metadata"]["managedFields"] = json!([]);
    assert_eq!(fault(managed), "metadata.managedFields must be nil");
    assert_eq!(
        fault(object(json!({"spec": {"replicas": "two"}}))),
        "failed to create typed patch object (n/w; example.com/v1, Kind=Widget): .spec.replicas: expected numeric (int or float), got string"
    );
    let mut broken = stored(object(json!({})));
    broken["metadata"]["managedFields"] = json!([{"manager": "x"}]);
    let error = try_apply(Some(&broken), &object(json!({})), "m", false, 0).unwrap_err();
    assert_eq!(
        error.to_string(),
        "failed to decode managed fields: operation must be `Apply` or `Update`"
    );
}

#[test]
fn old_updaters_are_thrown_together() {
    let mut live = stored(update(None, object(json!({"data": {"k0": "0"}})), "u0", 0));
    for i in 1..=11 {
        let mut new = live.clone();
        new["data"][format!("k{i}")] = json!("0");
        live = update(Some(&live), new, &format!("u{i}"), i);
    }
    let names: Vec<_> = managers(&live)
        .as_array()
        .unwrap()
        .iter()
        .map(|e| e["manager"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(
        names,
        [
            "ancient-changes",
            "u3",
            "u4",
            "u5",
            "u6",
            "u7",
            "u8",
            "u9",
            "u10",
            "u11"
        ]
    );
    let first = &managers(&live)[0];
    assert_eq!(
        first["fieldsV1"],
        json!({"f:data": {".": {}, "f:k0": {}, "f:k1": {}, "f:k2": {}}})
    );
    assert_eq!(first["time"], json!(time(2)));
}

#[test]
fn capping_counts_appliers_out_and_keeps_everything_at_equal_times() {
    let mut live = apply(None, &object(json!({"data": {"z": "0"}})), "applier", 0);
    for i in 0..14 {
        let mut new = live.clone();
        new["data"][format!("k{i:02}")] = json!("0");
        live = update(Some(&live), new, &format!("aaa{i:02}"), 0);
    }
    let list = managers(&live);
    let count = |operation| {
        list.as_array()
            .unwrap()
            .iter()
            .filter(|e| e["operation"] == json!(operation))
            .count()
    };
    assert!(count("Update") <= 10, "{list}");
    assert_eq!(count("Apply"), 1);
    let owned = list
        .as_array()
        .unwrap()
        .iter()
        .fold(Set::new(), |s, e| s.union(&Set::from_value(&e["fieldsV1"]).unwrap()));
    for i in 0..14 {
        assert!(
            owned.has(&[PathElement::field("data"), PathElement::field(&format!("k{i:02}"))]),
            "{i}"
        );
    }
}

#[test]
fn kubectl_takes_over_what_its_annotation_shows() {
    let last = json!({"apiVersion": V1, "kind": "Widget", "metadata": {"name": "w", "namespace": "n"}, "data": {"a": "1", "b": "1"}});
    let mut live = object(json!({"data": {"a": "1", "b": "1"}}));
    live["metadata"]["annotations"] = json!({LAST_APPLIED_CONFIG_ANNOTATION: last.to_string()});
    let live = stored(update(None, live, "kubectl-client-side-apply", 0));
    let applied = object(json!({"data": {"a": "2", "b": "1"}}));
    assert!(matches!(
        try_apply(Some(&live), &applied, "other", false, 1),
        Err(ApplyError::Conflict(_))
    ));
    let new = try_apply(Some(&live), &applied, "kubectl", false, 1).unwrap();
    assert_eq!(new["data"], json!({"a": "2", "b": "1"}));
    assert_eq!(
        new["metadata"]["annotations"][LAST_APPLIED_CONFIG_ANNOTATION],
        json!(format!("{applied}\n"))
    );
    // What someone else changed since is still a conflict.
    let mut changed = live.clone();
    changed["data"]["a"] = json!("3");
    let changed = stored(update(Some(&live), changed, "put", 1));
    let error = try_apply(Some(&changed), &applied, "kubectl", false, 2).unwrap_err();
    assert_eq!(
        error.to_string(),
        "Apply failed with 1 conflict: conflict with \"put\" using example.com/v1: .data.a"
    );
}

#[test]
fn client_side_owners_become_appliers() {
    let live = stored(update(
        None,
        object(json!({"data": {"a": "1"}})),
        "kubectl-client-side-apply",
        0,
    ));
    let mut upgraded = live.clone();
    upgrade_managed_fields(&mut upgraded, &["kubectl-client-side-apply"], "kubectl", "").unwrap();
    assert_eq!(
        summary(&upgraded),
        json!([["kubectl", "Apply", {"f:data": {".": {}, "f:a": {}}}]])
    );
    let patch = upgrade_managed_fields_patch(&live, &["kubectl-client-side-apply"], "kubectl", "")
        .unwrap()
        .unwrap();
    assert_eq!(patch[0]["value"], managers(&upgraded));
    assert_eq!(
        upgrade_managed_fields_patch(&upgraded, &["kubectl-client-side-apply"], "kubectl", ""),
        Ok(None)
    );
    let both = stored(update(
        Some(&upgraded),
        {
            let mut n = upgraded.clone();
            n["data"]["b"] = json!("1");
            n
        },
        "kubectl-client-side-apply",
        1,
    ));
    let mut again = both.clone();
    upgrade_managed_fields(&mut again, &["kubectl-client-side-apply"], "kubectl", "").unwrap();
    assert_eq!(
        summary(&again),
        json!([["kubectl", "Apply", {"f:data": {".": {}, "f:a": {}, "f:b": {}}}]])
    );
}

#[test]
fn scale_shows_and_returns_the_owners_of_replicas() {
    let replicas = vec![PathElement::field("spec"), PathElement::field("replicas")];
    let mapping = BTreeMap::from([(V1.to_owned(), Some(replicas))]);
    let parent = apply(
        None,
        &object(json!({"spec": {"replicas": 2, "paused": true}})),
        "one",
        0,
    );
    let entries = managers(&parent);
    let handler = ScaleHandler::new(&entries, V1, &mapping);
    let scale = handler.to_subresource().unwrap().unwrap();
    assert_eq!(
        scale,
        json!([{"manager": "one", "operation": "Apply", "apiVersion": "autoscaling/v1", "time": time(0),
            "fieldsType": "FieldsV1", "fieldsV1": {"f:spec": {"f:replicas": {}}}}])
    );
    assert_eq!(handler.to_parent(&scale).unwrap(), Some(entries.clone()));
    let taken = json!([{"manager": "scaler", "operation": "Update", "apiVersion": "autoscaling/v1", "time": time(4),
        "fieldsType": "FieldsV1", "fieldsV1": {"f:spec": {"f:replicas": {}}}, "subresource": "scale"}]);
    assert_eq!(
        handler.to_parent(&taken).unwrap().unwrap(),
        json!([
            {"manager": "one", "operation": "Apply", "apiVersion": V1, "time": time(0), "fieldsType": "FieldsV1",
                "fieldsV1": {"f:spec": {"f:paused": {}}}},
            {"manager": "scaler", "operation": "Update", "apiVersion": V1, "fieldsType": "FieldsV1",
                "fieldsV1": {"f:spec": {"f:replicas": {}}}, "subresource": "scale"}])
    );
}

#[test]
fn times_alone_are_no_change() {
    let old = stored(update(None, object(json!({"data": {"a": "1"}})), "m", 0));
    let mut new = old.clone();
    new["metadata"]["managedFields"][0]["time"] = json!(time(9));
    assert!(keep_times_of_no_op(&mut new, &old));
    assert_eq!(new, old);
    new["metadata"]["managedFields"][0]["time"] = json!(time(9));
    new["data"]["a"] = json!("2");
    assert!(!keep_times_of_no_op(&mut new, &old));
    assert_eq!(managers(&new)[0]["time"], json!(time(9)));
}

#[test]
fn managers_are_named_after_user_agents() {
    assert_eq!(manager_or_user_agent("m", "kubectl/v1"), "m");
    assert_eq!(manager_or_user_agent("", "kubectl/v1.36 (linux)"), "kubectl");
    assert_eq!(manager_or_user_agent("", "a\u{7}b\u{200b}c/x"), "abc");
    assert_eq!(manager_or_user_agent("", &"ü".repeat(100)).len(), 128);
    assert_eq!(manager_or_user_agent("", ""), "");
}

/// A kind that calls `data` by another name at v2, and once had a v0.
struct TwoVersions;

impl VersionedTypes for TwoVersions {
    fn type_at(&self, api_version: &str) -> Option<TypedRef<'_>> {
        matches!(api_version, V1 | "example.com/v2").then_some(TypedRef::Deduced)
    }

    fn empty_object(&self, _: &str) -> Value {
        json!({})
    }

    fn convert<'v>(&self, object: &'v Value, api_version: &str) -> Result<Cow<'v, Value>, ConvertError> {
        if object["apiVersion"] == json!(api_version) {
            return Ok(Cow::Borrowed(object));
        }
        let (from, to) = match api_version {
            V1 => ("items", "data"),
            "example.com/v2" => ("data", "items"),
            other => return Err(ConvertError::MissingVersion(other.to_owned())),
        };
        let mut out = object.clone();
        out["apiVersion"] = json!(api_version);
        if let Some(value) = out.as_object_mut().and_then(|o| o.remove(from)) {
            out[to] = value;
        }
        Ok(Cow::Owned(out))
    }
}

#[test]
fn managers_at_other_versions_are_compared_there() {
    let reset = ResetFields::new();
    let v1 = FieldManager::new(&TwoVersions, V1, "Widget", "", &reset);
    let v2 = FieldManager::new(&TwoVersions, "example.com/v2", "Widget", "", &reset);
    let options = |manager| ApplyOptions {
        manager,
        force: false,
        now: at(0),
    };
    let live = stored(
        v1.apply(None, &object(json!({"data": {"a": 1, "b": 1}})), options("one"))
            .unwrap(),
    );
    let mut live2 = TwoVersions.convert(&live, "example.com/v2").unwrap().into_owned();
    live2["metadata"]["managedFields"]
        .as_array_mut()
        .unwrap()
        .push(json!({"manager": "old", "operation": "Update",
        "apiVersion": "example.com/v0", "fieldsType": "FieldsV1", "fieldsV1": {"f:x": {}}}));
    let mut applied = object(json!({"items": {"a": 2}}));
    applied["apiVersion"] = json!("example.com/v2");
    let error = v2.apply(Some(&live2), &applied, options("two")).unwrap_err();
    assert_eq!(
        error.to_string(),
        "Apply failed with 1 conflict: conflict with \"one\": .data.a"
    );
    // The applier itself moves to the new version, and gives up what it no longer sets.
    let moved = v2.apply(Some(&live2), &applied, options("one")).unwrap();
    assert_eq!(moved["items"], json!({"a": 2}));
    assert_eq!(
        summary(&moved),
        json!([["one", "Apply", {"f:items": {".": {}, "f:a": {}}}]])
    );
    assert_eq!(managers(&moved)[0]["apiVersion"], json!("example.com/v2"));
}

fn data() -> impl Strategy<Value = Value> {
    prop::collection::btree_map("[a-d]", "[xy]", 0..4).prop_map(|m| json!(m))
}

proptest! {
    #[test]
    fn applying_twice_is_applying_once(start in data(), first in data(), second in data()) {
        let live = stored(update(None, object(json!({"data": start})), "put", 0));
        let applied = |data: &Value| object(json!({"data": data}));
        let one = stored(try_apply(Some(&live), &applied(&first), "m", true, 1).unwrap());
        let two = stored(try_apply(Some(&one), &applied(&second), "m", true, 2).unwrap());
        let again = stored(try_apply(Some(&two), &applied(&second), "m", false, 3).unwrap());
        prop_assert_eq!(&again, &two);
        for (key, value) in second.as_object().unwrap() {
            prop_assert_eq!(&two["data"][key], value);
        }
        // What the applier gave up is gone unless it was there before, untouched by it.
        for key in first.as_object().unwrap().keys().filter(|k| second.get(*k).is_none()) {
            let others = start.get(key) == first.get(key);
            prop_assert_eq!(two["data"].get(key).is_some(), others, "{}", key);
        }
    }
}
