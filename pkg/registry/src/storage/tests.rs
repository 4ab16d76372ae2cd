//! Rows of storage kinds, and what their strategies change.

use apiserver::registry::Strategy as _;
use k8s_api::storage::v1::{CSIDriver, StorageClass, VolumeAttachment};
use serde_json::json;

use super::{csi_driver, storage_class, volume_attachment};
use crate::core::tests::{noon, object, with_context};

#[test]
fn rows() {
    let class: StorageClass = object(json!({
        "metadata": {"name": "c", "annotations": {"storageclass.kubernetes.io/is-default-class": "true"}},
        "provisioner": "p",
    }));
    assert_eq!(
        json!(storage_class::row(&class, noon())),
        json!(["c (default)", "p", "Delete", "Immediate", false, "<unknown>"])
    );
    let driver: CSIDriver = object(json!({"metadata": {"name": "d"}, "spec": {"tokenRequests": [{"audience": "a"}]}}));
    assert_eq!(
        json!(csi_driver::row(&driver, noon())),
        json!(["d", true, false, false, "a", false, "<none>", "<unknown>"])
    );
}

#[test]
fn drivers_are_told_to_keep_tokens_in_secrets() {
    let driver: CSIDriver = object(json!({"metadata": {"name": "d"}, "spec": {"tokenRequests": [{"audience": "a"}]}}));
    with_context("storage.k8s.io", |context| {
        let strategy = csi_driver::CSIDriverStrategy;
        let warnings = strategy.warnings_on_create(context, &driver);
        assert_eq!(warnings.len(), 1);
        assert!(
            warnings[0].starts_with("spec.serviceAccountTokenInSecrets is unset;"),
            "{warnings:?}"
        );
        assert_eq!(
            strategy.warnings_on_update(context, &driver, &driver),
            Vec::<String>::new()
        );
        let mut new = driver.clone();
        new.spec.requires_republish = Some(true);
        new.spec.prevent_pod_scheduling_if_missing = Some(true);
        strategy.prepare_for_update(context, &mut new, &driver);
        assert_eq!(new.metadata.generation, 1);
        assert_eq!(new.spec.prevent_pod_scheduling_if_missing, None);
    });
}

#[test]
fn the_status_of_an_attachment_is_written_apart() {
    let old: VolumeAttachment =
        object(json!({"metadata": {"name": "a", "labels": {"l": "1"}}, "spec": {"attacher": "x"}}));
    let mut new = old.clone();
    new.spec.attacher = "y".into();
    new.metadata.labels.clear();
    new.status.attached = true;
    with_context("storage.k8s.io", |context| {
        let mut by_status = new.clone();
        volume_attachment::VolumeAttachmentStatusStrategy.prepare_for_update(context, &mut by_status, &old);
        assert!(by_status.status.attached);
        assert_eq!(
            (by_status.spec, by_status.metadata),
            (old.spec.clone(), old.metadata.clone())
        );
        volume_attachment::VolumeAttachmentStrategy.prepare_for_update(context, &mut new, &old);
        assert!(!new.status.attached);
        assert_eq!(new.spec.attacher, "y");
    });
}
