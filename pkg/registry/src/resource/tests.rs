//! Rows of device kinds, and members of features that are off.

use apiserver::registry::Strategy as _;
use k8s_api::resource::v1::{ResourceClaim, ResourceSlice};
use serde_json::json;

use super::{
    resource_claim::{self, ResourceClaimStatusStrategy},
    resource_slice::{self, ResourceSliceStrategy},
};
use crate::core::tests::{noon, object, with_context};

#[test]
fn rows() {
    let state = |value: serde_json::Value| {
        let claim: ResourceClaim = object(value);
        resource_claim::row(&claim, noon())[1].clone()
    };
    assert_eq!(state(json!({})), "pending");
    assert_eq!(
        state(json!({"status": {"allocation": {}, "reservedFor": [{"uid": "u"}]}})),
        "allocated,reserved"
    );
    assert_eq!(
        state(json!({"metadata": {"deletionTimestamp": "2026-01-02T11:00:00Z"}})),
        "deleted"
    );
    let slice: ResourceSlice =
        object(json!({"metadata": {"name": "s"}, "spec": {"nodeName": "n", "driver": "d", "pool": {"name": "p"}}}));
    assert_eq!(
        json!(resource_slice::row(&slice, noon())),
        json!(["s", "n", "d", "p", "<unknown>"])
    );
}

#[test]
fn members_of_features_that_are_off() {
    let slice: ResourceSlice = object(json!({"metadata": {"name": "s"}, "spec": {
        "driver": "D", "devices": [{"name": "d", "attributes": {"a": {"ints": [1]}}, "taints": [{"key": "k"}]}],
    }}));
    with_context("resource.k8s.io", |context| {
        let mut new = slice.clone();
        ResourceSliceStrategy.prepare_for_create(context, &mut new);
        assert!(new.spec.devices[0].attributes["a"].ints.is_empty());
        assert_eq!(new.spec.devices[0].taints.len(), 1);
        let mut kept = slice.clone();
        ResourceSliceStrategy.prepare_for_update(context, &mut kept, &slice);
        assert_eq!(kept.spec.devices[0].attributes["a"].ints, [1]);
        assert_eq!(
            ResourceSliceStrategy.warnings_on_create(context, &slice),
            ["spec.driver: driver names should be lowercase; \"D\" contains uppercase characters"]
        );
    });
}

#[test]
fn the_status_of_devices_goes_with_them() {
    let device = |name: &str| json!({"driver": "d", "pool": "p", "device": name});
    let old: ResourceClaim = object(json!({"status": {
        "allocation": {"devices": {"results": [device("a"), device("b")]}},
    }}));
    let mut new: ResourceClaim = object(json!({"status": {
        "allocation": {"devices": {"results": [device("a")]}},
        "devices": [device("a"), device("b"), device("c")],
    }}));
    with_context("resource.k8s.io", |context| {
        ResourceClaimStatusStrategy.prepare_for_update(context, &mut new, &old);
    });
    // What was never allocated is left to validation.
    let names: Vec<_> = new.status.devices.iter().map(|device| device.device.as_str()).collect();
    assert_eq!(names, ["a", "c"]);
}
