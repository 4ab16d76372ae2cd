//! Which faults are found in storage kinds, and in which words.

use k8s_api::{
    Kind,
    storage::v1::{CSIDriver, CSINode, CSIStorageCapacity, StorageClass, VolumeAttachment, VolumeAttributesClass},
};
use serde_json::{Value, json};

use super::*;

fn read<T: Kind>(value: Value) -> T {
    T::from_value(value).expect("the test's object is well-formed")
}

fn check(errors: &ErrorList, expected: &str) {
    assert_eq!(errors.to_string(), expected);
}

#[test]
fn storage_classes() {
    let class = |value: Value| {
        let mut class = read::<StorageClass>(value);
        storage_class::set_defaults(&mut class);
        class
    };
    let good = class(json!({"metadata": {"name": "c", "resourceVersion": "1"}, "provisioner": "example.com/Disk"}));
    check(&storage_class::validate(&good), "");
    assert_eq!(good.reclaim_policy.as_deref(), Some("Delete"));
    check(
        &storage_class::validate(&class(json!({"metadata": {"name": "c"}}))),
        "provisioner: Required value",
    );
    let term = json!({"matchLabelExpressions": [{"key": "z", "values": ["a"]}]});
    let twice = class(json!({"metadata": {"name": "c"}, "provisioner": "p", "allowedTopologies": [term, term]}));
    check(
        &storage_class::validate(&twice),
        "allowedTopologies[1].matchLabelExpressions: Duplicate value: \"\"",
    );
    let mut new = good.clone();
    new.provisioner = "example.com/other".into();
    new.parameters.insert("a", "b".to_owned());
    check(
        &storage_class::validate_update(&new, &good),
        "[parameters: Invalid value: {\"a\":\"b\"}: field is immutable, provisioner: Invalid value: \"example.com/other\": field is immutable]",
    );
}

#[test]
fn drivers() {
    let driver = |spec: Value| {
        let mut driver =
            read::<CSIDriver>(json!({"metadata": {"name": "d.example.com", "resourceVersion": "1"}, "spec": spec}));
        csi_driver::set_defaults(&mut driver);
        driver
    };
    let good = driver(json!({}));
    check(&csi_driver::validate(&good, false), "");
    check(
        &csi_driver::validate(&good, true),
        "spec.preventPodSchedulingIfMissing: Required value",
    );
    check(
        &csi_driver::validate(
            &driver(json!({"tokenRequests": [{"audience": "a"}, {"audience": "a"}]})),
            false,
        ),
        "spec.tokenRequests[1].audience: Duplicate value: \"a\"",
    );
    check(
        &csi_driver::validate_update(&driver(json!({"attachRequired": false})), &good, false),
        "spec.attachedRequired: Invalid value: false: field is immutable",
    );
}

#[test]
fn nodes() {
    let node = |drivers: Value| read::<CSINode>(json!({"metadata": {"name": "n"}, "spec": {"drivers": drivers}}));
    check(
        &csi_node::validate(&node(
            json!([{"name": "d", "nodeID": ""}, {"name": "d", "nodeID": "x", "allocatable": {"count": -1}}]),
        )),
        "[spec.drivers[0].nodeID: Required value, spec.drivers[1].allocatable.count: Invalid value: -1: must be greater than or equal to 0, spec.drivers[1].name: Duplicate value: \"d\"]",
    );
    let old = node(json!([{"name": "d", "nodeID": "x", "allocatable": {"count": 1}}]));
    check(
        &csi_node::validate_update(&node(json!([{"name": "d", "nodeID": "x"}])), &old),
        "",
    );
    check(
        &csi_node::validate_update(&node(json!([{"name": "d", "nodeID": "y"}])), &old),
        "spec.drivers: Invalid value: {\"Name\":\"d\",\"NodeID\":\"y\",\"TopologyKeys\":null,\"Allocatable\":null}: field is immutable",
    );
}

#[test]
fn capacities() {
    let mut capacity = read::<CSIStorageCapacity>(json!({
        "metadata": {"name": "c", "namespace": "n"}, "storageClassName": "slow", "capacity": "-1Gi",
    }));
    let negative = "capacity: Invalid value: \"-1Gi\": must be greater than or equal to 0";
    check(&csi_storage_capacity::validate(&capacity), negative);
    capacity.capacity = None;
    check(&csi_storage_capacity::validate(&capacity), "");
}

#[test]
fn attachments() {
    let attachment = |source: Value| {
        read::<VolumeAttachment>(json!({
            "metadata": {"name": "a"}, "spec": {"attacher": "d.example.com", "nodeName": "n", "source": source},
        }))
    };
    let inline: volume_attachment::InlineVolumeRules = |_, path| Error::required(path, "inline").into();
    let choice = "must specify exactly one of inlineVolumeSpec and persistentVolumeName";
    check(
        &volume_attachment::validate(&attachment(json!({})), inline),
        &format!("spec.source: Required value: {choice}"),
    );
    check(
        &volume_attachment::validate(
            &attachment(json!({"inlineVolumeSpec": {"capacity": {"storage": "1"}}})),
            inline,
        ),
        "spec.source.inlineVolumeSpec: Required value: inline",
    );
    let old = attachment(json!({"persistentVolumeName": "a"}));
    check(
        &volume_attachment::validate_update(&attachment(json!({"persistentVolumeName": "b"})), &old, inline),
        "spec: Invalid value: {\"Attacher\":\"d.example.com\",\"Source\":{\"PersistentVolumeName\":\"b\",\"InlineVolumeSpec\":null},\"NodeName\":\"n\"}: field is immutable",
    );
}

#[test]
fn attributes_classes() {
    let class = |parameters: Value| {
        read::<VolumeAttributesClass>(json!({
            "metadata": {"name": "c", "resourceVersion": "1"}, "driverName": "d.example.com", "parameters": parameters,
        }))
    };
    check(
        &volume_attributes_class::validate(&class(json!({}))),
        "parameters: Required value: must contain at least one key/value pair",
    );
    check(
        &volume_attributes_class::validate_update(&class(json!({"iops": "9"})), &class(json!({"iops": "1"}))),
        "parameters: Forbidden: updates to parameters are forbidden.",
    );
}
