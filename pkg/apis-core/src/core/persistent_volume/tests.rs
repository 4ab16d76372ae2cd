//! Defaults and faults of volumes, word for word.

use apimachinery::field::Path;
use component_base::feature_gates::FeatureGates;
use k8s_api::{Kind, core::v1::PersistentVolume};
use serde_json::{Value, json};

use super::{set_defaults, validate, validate_inline_spec, validate_update, warnings};

fn volume(spec: Value) -> PersistentVolume {
    let mut value = json!({
        "metadata": {"name": "pv", "resourceVersion": "1"},
        "spec": {"accessModes": ["ReadWriteOnce"], "capacity": {"storage": "1Gi"}},
    });
    let members = value["spec"].as_object_mut().expect("an object");
    members.extend(spec.as_object().expect("an object").clone());
    let mut volume = PersistentVolume::from_value(value).expect("a volume");
    set_defaults(&mut volume);
    volume
}

#[test]
fn defaults() {
    let volume = volume(json!({
        "rbd": {"image": "i", "monitors": ["m"]}, "iscsi": {"targetPortal": "t", "iqn": "i", "lun": 0},
        "azureDisk": {"diskName": "d", "diskURI": "u"}, "scaleIO": {}, "hostPath": {"path": "/x"},
    }));
    let spec = &volume.spec;
    assert_eq!(volume.status.phase, "Pending");
    assert_eq!(spec.persistent_volume_reclaim_policy, "Retain");
    assert_eq!(spec.volume_mode.as_deref(), Some("Filesystem"));
    let rbd = spec.rbd.as_ref().expect("kept");
    assert_eq!(
        (&*rbd.pool, &*rbd.user, &*rbd.keyring),
        ("rbd", "admin", "/etc/ceph/keyring")
    );
    assert_eq!(spec.iscsi.as_ref().expect("kept").iscsi_interface, "default");
    let disk = spec.azure_disk.as_ref().expect("kept");
    assert_eq!(
        (
            disk.caching_mode.as_deref(),
            disk.fs_type.as_deref(),
            disk.read_only,
            disk.kind.as_deref()
        ),
        (Some("ReadWrite"), Some("ext4"), Some(false), Some("Shared"))
    );
    assert_eq!(spec.scale_io.as_ref().expect("kept").storage_mode, "ThinProvisioned");
    assert_eq!(spec.host_path.as_ref().expect("kept").type_.as_deref(), Some(""));
}

#[test]
fn faults() {
    let cases = [
        (json!({"hostPath": {"path": "/srv"}}), ""),
        (json!({}), "spec: Required value: must specify a volume type"),
        (
            json!({"hostPath": {"path": "/srv"}, "capacity": {}}),
            r#"[spec.capacity: Required value, spec.capacity: Unsupported value: {}: supported values: "storage"]"#,
        ),
        (
            json!({"hostPath": {"path": "/srv"}, "persistentVolumeReclaimPolicy": "Burn"}),
            r#"spec.persistentVolumeReclaimPolicy: Unsupported value: "Burn": supported values: "Delete", "Recycle", "Retain""#,
        ),
        (
            json!({"hostPath": {"path": "/a/.."}, "persistentVolumeReclaimPolicy": "Recycle"}),
            "[spec.hostPath.path: Invalid value: \"/a/..\": must not contain '..', spec.persistentVolumeReclaimPolicy: Forbidden: may not be 'recycle' for a hostPath mount of '/']",
        ),
        (
            json!({"hostPath": {"path": "/srv"}, "nfs": {"server": "s", "path": "x"}}),
            "spec.nfs: Forbidden: may not specify more than 1 volume type",
        ),
        (
            json!({"nfs": {"server": "s", "path": "x"}}),
            r#"spec.nfs.path: Invalid value: "x": must be an absolute path"#,
        ),
        (
            json!({"gcePersistentDisk": {"pdName": "", "partition": 256}}),
            "[spec.persistentDisk.pdName: Required value, spec.persistentDisk.partition: Invalid value: 256: must be between 1 and 255, inclusive]",
        ),
        (
            json!({"local": {"path": "/x"}}),
            "spec.nodeAffinity: Required value: Local volume requires node affinity",
        ),
        (
            json!({"local": {"path": "/x"}, "nodeAffinity": {"required": {"nodeSelectorTerms": [
                {"matchExpressions": [{"key": "k", "operator": "In"}], "matchFields": [{"key": "spec.x", "operator": "Gt"}]},
            ]}}}),
            "[spec.nodeAffinity.required.nodeSelectorTerms[0].matchExpressions[0].values: Required value: must be specified when `operator` is 'In' or 'NotIn', \
             spec.nodeAffinity.required.nodeSelectorTerms[0].matchFields[0].operator: Invalid value: \"Gt\": not a valid selector operator, \
             spec.nodeAffinity.required.nodeSelectorTerms[0].matchFields[0].key: Invalid value: \"spec.x\": not a valid field selector key]",
        ),
        (
            json!({"csi": {"driver": "", "controllerExpandSecretRef": {"name": "s"}}}),
            "[spec.csi.driver: Required value, spec.csi.volumeHandle: Required value, spec.csi.controllerExpandSecretRef.namespace: Required value]",
        ),
        (
            json!({"iscsi": {"targetPortal": "t", "iqn": "iqn.2001-04.example:disk", "lun": 0, "initiatorName": "eui.x"}}),
            r#"spec.iscsi.initiatorname: Invalid value: "eui.x": must be valid format"#,
        ),
        (
            json!({"quobyte": {"registry": "a:1,b", "volume": "v"}}),
            r#"spec.quobyte.registry: Invalid value: "a:1,b": must be a host:port pair or multiple pairs separated by commas"#,
        ),
        (
            json!({"fc": {"targetWWNs": ["a"], "wwids": ["b"]}}),
            r#"[spec.fc.targetWWNs: Invalid value: ["a"]: targetWWNs and wwids can not be specified simultaneously, spec.fc.lun: Required value: lun is required if targetWWNs is specified]"#,
        ),
    ];
    for (spec, text) in cases {
        assert_eq!(validate(&volume(spec)).to_string(), text);
    }
}

#[test]
fn inline_specs() {
    let spec = volume(json!({"hostPath": {"path": "/srv"}, "claimRef": {"name": "c"}})).spec;
    assert_eq!(
        validate_inline_spec(&spec, &Path::new("spec.source.inlineVolumeSpec")).to_string(),
        "[spec.source.inlineVolumeSpec.claimRef: Forbidden: may not be specified in the context of inline volumes, \
         spec.source.inlineVolumeSpec.capacity: Forbidden: may not be specified in the context of inline volumes, \
         spec.source.inlineVolumeSpec.csi: Required value: has to be specified in the context of inline volumes]"
    );
}

#[test]
fn the_source_stays() {
    let gates = FeatureGates::default();
    let old = volume(json!({"hostPath": {"path": "/srv"}}));
    assert_eq!(validate_update(&old, &old, &gates).to_string(), "");
    assert_eq!(
        validate_update(&volume(json!({"hostPath": {"path": "/mnt"}})), &old, &gates).to_string(),
        "spec.persistentvolumesource: Forbidden: spec.persistentvolumesource is immutable after creation\n\
         @@ -2,7 +2,7 @@\n  \"GCEPersistentDisk\": null,\n  \"AWSElasticBlockStore\": null,\n  \"HostPath\": {\n-  \"Path\": \"/srv\",\n+  \"Path\": \"/mnt\",\n   \"Type\": \"\"\n  },\n  \"Glusterfs\": null,\n"
    );
    let csi = |secret: Value| {
        volume(json!({"csi": {"driver": "d", "volumeHandle": "h", "controllerExpandSecretRef": secret}}))
    };
    let secret = json!({"name": "s", "namespace": "n"});
    assert_eq!(validate_update(&csi(secret), &csi(Value::Null), &gates).to_string(), "");
}

#[test]
fn the_affinity_gets_stable_labels_only() {
    let gates = FeatureGates::default();
    let on = |key: &str| {
        volume(
            json!({"local": {"path": "/x"}, "nodeAffinity": {"required": {"nodeSelectorTerms": [
                {"matchExpressions": [{"key": key, "operator": "Exists"}]},
            ]}}}),
        )
    };
    let old = on("beta.kubernetes.io/os");
    assert_eq!(validate_update(&on("kubernetes.io/os"), &old, &gates).to_string(), "");
    assert_eq!(
        validate_update(&on("x"), &old, &gates).to_string(),
        r#"nodeAffinity: Invalid value: {"Required":{"NodeSelectorTerms":[{"MatchExpressions":[{"Key":"x","Operator":"Exists","Values":null}],"MatchFields":null}]}}: field is immutable, except for updating from beta label to GA"#
    );
    assert_eq!(
        warnings(&old),
        [
            r#"spec.nodeAffinity.required.nodeSelectorTerms[0].matchExpressions[0].key: beta.kubernetes.io/os is deprecated since v1.14; use "kubernetes.io/os" instead"#
        ]
    );
}
