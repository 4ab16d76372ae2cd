//! Which faults are found in device kinds, and in which words.

use k8s_api::{
    Kind,
    resource::v1::{DeviceClass, ResourceClaim, ResourceClaimTemplate, ResourceSlice},
};
use serde_json::{Value, json};

use super::*;

fn read<T: Kind>(value: Value) -> T {
    T::from_value(value).expect("the test's object is well-formed")
}

fn claim(devices: Value) -> ResourceClaim {
    let metadata = json!({"name": "demo", "namespace": "n", "resourceVersion": "1"});
    let mut claim = read(json!({"metadata": metadata, "spec": {"devices": devices}}));
    resource_claim::set_defaults(&mut claim);
    claim
}

#[test]
fn claims() {
    let check = |devices: Value, expected: &str| {
        assert_eq!(resource_claim::validate(&claim(devices)).to_string(), expected);
    };
    let exactly = |extra: Value| {
        let mut exactly = json!({"deviceClassName": "gpu"});
        let members = exactly.as_object_mut().expect("the request is an object");
        members.extend(extra.as_object().expect("the extra is an object").clone());
        json!({"requests": [{"name": "r0", "exactly": exactly}]})
    };
    check(exactly(json!({})), "");
    check(
        json!({"requests": [{"name": "r"}]}),
        "spec.devices.requests[0]: Required value: exactly one of `exactly` or `firstAvailable` is required",
    );
    check(
        exactly(json!({"allocationMode": "Some"})),
        "spec.devices.requests[0].exactly.allocationMode: Unsupported value: \"Some\": supported values: \"All\", \"ExactCount\"",
    );
    check(
        exactly(json!({"allocationMode": "All", "count": 2})),
        "spec.devices.requests[0].exactly.count: Invalid value: 2: must not be specified when allocationMode is 'All'",
    );
    let mut constrained = exactly(json!({}));
    constrained["constraints"] = json!([{"requests": ["nope"], "matchAttribute": "bad"}]);
    check(
        constrained,
        "[spec.devices.constraints[0].requests[0]: Invalid value: \"nope\": must be the name of a request in the claim or the name of a request and a subrequest separated by '/', spec.devices.constraints[0].matchAttribute: Invalid value: \"bad\": a fully qualified name must be a domain and a name separated by a slash]",
    );
    check(
        json!({"requests": [{"name": "r", "firstAvailable": [{"name": "a", "deviceClassName": ""}]}], "config": [{"requests": ["r/a", "r/b"]}]}),
        "[spec.devices.requests[0].firstAvailable[0].deviceClassName: Required value, spec.devices.config[0].requests[1]: Invalid value: \"r/b\": must be the name of a request in the claim or the name of a request and a subrequest separated by '/', spec.devices.config[0].opaque: Required value]",
    );
}

#[test]
fn a_claim_stays_as_it_is() {
    let old = claim(json!({"requests": [{"name": "r", "exactly": {"deviceClassName": "gpu"}}]}));
    let new = claim(json!({"requests": [{"name": "s", "exactly": {"deviceClassName": "gpu"}}]}));
    assert_eq!(
        resource_claim::validate_update(&new, &old).to_string(),
        "spec: Invalid value: {\"Devices\":{\"Requests\":[{\"Name\":\"s\",\"Exactly\":{\"DeviceClassName\":\"gpu\",\"Selectors\":null,\"AllocationMode\":\"ExactCount\",\"Count\":1,\"AdminAccess\":null,\"Tolerations\":null,\"Capacity\":null},\"FirstAvailable\":null}],\"Constraints\":null,\"Config\":null}}: field is immutable"
    );
}

#[test]
fn allocations() {
    let old = claim(json!({"requests": [{"name": "r", "exactly": {"deviceClassName": "gpu"}}]}));
    let mut new = old.clone();
    let value = json!({"status": {
        "reservedFor": [{"resource": "pods", "name": "p", "uid": "u"}],
        "allocation": {"devices": {"results": [{"request": "r", "driver": "d.example.com", "pool": "p", "device": "d0"}]}},
        "devices": [{"driver": "d.example.com", "pool": "p", "device": "d0"}],
    }});
    new.status = read::<ResourceClaim>(value).status;
    assert_eq!(resource_claim::validate_status_update(&new, &old).to_string(), "");
    new.status.devices[0].device = "d1".into();
    assert_eq!(
        resource_claim::validate_status_update(&new, &old).to_string(),
        "status.devices[0]: Invalid value: {\"Driver\":\"d.example.com\",\"Pool\":\"p\",\"Device\":\"d1\",\"ShareID\":\"\"}: must be an allocated device in the claim"
    );
    new.status.devices.clear();
    new.status.allocation = None;
    assert_eq!(
        resource_claim::validate_status_update(&new, &old).to_string(),
        "status.reservedFor: Forbidden: may not be specified when `allocated` is not set"
    );
}

#[test]
fn templates_and_classes() {
    let template = read::<ResourceClaimTemplate>(json!({
        "metadata": {"name": "t", "namespace": "n"}, "spec": {"metadata": {"name": "x"}, "spec": {}},
    }));
    assert_eq!(
        resource_claim_template::validate(&template).to_string(),
        "spec.metadata.name: Forbidden: cannot be set"
    );
    let class = read::<DeviceClass>(json!({
        "metadata": {"name": "c"},
        "spec": {"selectors": [{}], "config": [{"opaque": {"driver": "d", "parameters": [1]}}], "extendedResourceName": "cpu"},
    }));
    assert_eq!(
        device_class::validate(&class).to_string(),
        "[spec.selectors[0].cel: Required value, spec.config[0].opaque.parameters: Invalid value: \"<value omitted>\": must be a valid JSON object, spec.extendedResourceName: Invalid value: \"cpu\": must be a valid extended resource name]"
    );
}

#[test]
fn slices() {
    let check = |spec: Value, expected: &str| {
        let mut base = json!({
            "driver": "gpu.example.com", "pool": {"name": "p", "generation": 1, "resourceSliceCount": 1},
        });
        let members = base.as_object_mut().expect("the spec is an object");
        members.extend(spec.as_object().expect("the extra is an object").clone());
        let slice = read::<ResourceSlice>(json!({"metadata": {"name": "x"}, "spec": base}));
        assert_eq!(resource_slice::validate(&slice).to_string(), expected);
    };
    check(json!({"nodeName": "n", "devices": [{"name": "d"}]}), "");
    check(
        json!({"devices": [{"name": "d"}]}),
        "spec: Required value: exactly one of `nodeName`, `nodeSelector`, `allNodes`, `perDeviceNodeSelection` is required",
    );
    check(
        json!({"nodeName": "n", "devices": [{"name": "d"}, {"name": "d"}]}),
        "spec.devices[1]: Duplicate value: \"d\"",
    );
    check(
        json!({"allNodes": true, "devices": [{"name": "d", "attributes": {"a": {}, "b": {"version": "1"}}, "nodeName": "n"}]}),
        "[spec.devices[0].attributes[a]: Invalid value: \"\": exactly one value must be specified, spec.devices[0].attributes[b].version: Invalid value: \"1\": must be a string compatible with semver.org spec 2.0.0, spec.devices[0]: Invalid value: null: `nodeName`, `nodeSelector` and `allNodes` can only be set if `perDeviceNodeSelection` is set to true in the ResourceSlice spec]",
    );
    check(
        json!({"allNodes": true, "devices": [{"name": "d", "allowMultipleAllocations": true, "capacity": {"m": {
            "value": "10", "requestPolicy": {"default": "3", "validRange": {"min": "2", "max": "20", "step": "2"}},
        }}}]}),
        "[spec.devices[0].capacity[m].requestPolicy.validRange.max: Invalid value: \"20\": max is larger than capacity value: 10, spec.devices[0].capacity[m].requestPolicy.validRange.step: Invalid value: \"3\": value is not a multiple of a given step (2) from (2)]",
    );
}
