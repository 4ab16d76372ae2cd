//! The row of a claim, and its data sources.

use apiserver::registry::Strategy as _;
use k8s_api::core::v1::PersistentVolumeClaim;
use serde_json::json;

use super::{PersistentVolumeClaimStrategy, row};
use crate::core::tests::{noon, object, with_context};

#[test]
fn rows() {
    let mut claim: PersistentVolumeClaim = object(json!({
        "metadata": {"name": "c", "annotations": {"volume.beta.kubernetes.io/storage-class": "old"}},
        "spec": {"volumeMode": "Filesystem", "storageClassName": "fast"},
        "status": {"phase": "Pending", "capacity": {"storage": "1Gi"}, "accessModes": ["ReadWriteOncePod"]},
    }));
    assert_eq!(
        json!(row(&claim, noon())),
        json!(["c", "Pending", "", "", "", "old", "<unset>", "<unknown>", "Filesystem"])
    );
    "v".clone_into(&mut claim.spec.volume_name);
    let cells = row(&claim, noon());
    assert_eq!(
        (&cells[2], &cells[3], &cells[4]),
        (&json!("v"), &json!("1Gi"), &json!("RWOP"))
    );
}

#[test]
fn an_old_claim_with_one_data_source_can_be_updated() {
    let claim = |members: serde_json::Value| -> PersistentVolumeClaim {
        let mut spec = json!({"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}});
        spec.as_object_mut()
            .expect("an object")
            .extend(members.as_object().expect("an object").clone());
        object(json!({"metadata": {"name": "c", "namespace": "n", "resourceVersion": "1"}, "spec": spec}))
    };
    let old = claim(json!({"dataSource": {"kind": "PersistentVolumeClaim", "name": "a"}}));
    let mut new = old.clone();
    with_context("", |context| {
        PersistentVolumeClaimStrategy.prepare_for_update(context, &mut new, &old);
        assert!(new.spec.data_source_ref.is_some());
        assert_eq!(
            PersistentVolumeClaimStrategy
                .validate_update(context, &new, &old)
                .to_string(),
            ""
        );
    });
}
