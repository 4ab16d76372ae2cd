//! The row of a volume, and the time of its phase.

use apiserver::registry::Strategy as _;
use k8s_api::{core::v1::PersistentVolume, primitives::Time};
use serde_json::json;

use super::{PersistentVolumeStrategy, StatusStrategy, row};
use crate::core::tests::{noon, object, with_context};

#[test]
fn rows() {
    let volume: PersistentVolume = object(json!({
        "metadata": {"name": "v"},
        "spec": {
            "capacity": {"storage": "1Gi"}, "accessModes": ["ReadWriteMany", "ReadWriteOnce", "ReadWriteMany"],
            "persistentVolumeReclaimPolicy": "Retain", "claimRef": {"namespace": "n", "name": "c"},
            "storageClassName": "fast", "volumeMode": "Block",
        },
        "status": {"phase": "Bound", "reason": "r"},
    }));
    assert_eq!(
        json!(row(&volume, noon())),
        json!([
            "v",
            "1Gi",
            "RWO,RWX",
            "Retain",
            "Bound",
            "n/c",
            "fast",
            "<unset>",
            "r",
            "<unknown>",
            "Block"
        ])
    );
}

#[test]
fn the_phase_has_a_time() {
    let now = Some(Time::from(noon()));
    let mut new = PersistentVolume::default();
    with_context("", |context| {
        PersistentVolumeStrategy.prepare_for_create(context, &mut new);
        assert_eq!(
            (new.status.phase.as_str(), new.status.last_phase_transition_time),
            ("Pending", now)
        );
        let mut old = new.clone();
        old.status.last_phase_transition_time = Some(Time::from_unix(1, 0));
        let mut same = old.clone();
        same.status.last_phase_transition_time = None;
        StatusStrategy.prepare_for_update(context, &mut same, &old);
        assert_eq!(same.status.last_phase_transition_time, Some(Time::from_unix(1, 0)));
        let mut bound = old.clone();
        "Bound".clone_into(&mut bound.status.phase);
        StatusStrategy.prepare_for_update(context, &mut bound, &old);
        assert_eq!(bound.status.last_phase_transition_time, now);
    });
}
