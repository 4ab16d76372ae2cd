//! `PersistentVolumeClaimResize`: only bound claims of classes that can grow do grow.

use std::sync::Arc;

use apimachinery::status::StatusError;
use apiserver::{
    admission::{Attributes, Lookup, Operation, Plugin},
    registry::AnyObject,
};
use async_trait::async_trait;
use k8s_api::{core::v1::PersistentVolumeClaim, storage::v1::StorageClass};

/// The annotation by which claims named their class before there was a field.
pub(crate) const CLASS_ANNOTATION: &str = "volume.beta.kubernetes.io/storage-class";

/// The plugin `PersistentVolumeClaimResize`.
#[derive(Debug)]
pub struct PersistentVolumeClaimResize(Arc<dyn Lookup<StorageClass>>);

/// The class that a claim names; empty for none.
fn class(claim: &PersistentVolumeClaim) -> &str {
    let annotated = claim.metadata.annotations.get(CLASS_ANNOTATION).map(String::as_str);
    annotated
        .or(claim.spec.storage_class_name.as_deref())
        .unwrap_or_default()
}

impl PersistentVolumeClaimResize {
    /// A plugin that finds classes there.
    #[must_use]
    pub fn new(classes: Arc<dyn Lookup<StorageClass>>) -> Self {
        Self(classes)
    }

    async fn can_grow(&self, new: &PersistentVolumeClaim, old: &PersistentVolumeClaim) -> Result<bool, StatusError> {
        let name = class(new);
        if name.is_empty() || name != class(old) {
            return Ok(false);
        }
        let class = self.0.find("", name).await?;
        Ok(class.is_some_and(|class| class.allow_volume_expansion == Some(true)))
    }
}

#[async_trait]
impl Plugin for PersistentVolumeClaimResize {
    fn name(&self) -> &'static str {
        "PersistentVolumeClaimResize"
    }

    fn handles(&self, operation: Operation) -> bool {
        operation == Operation::Update
    }

    fn concerns(&self, group: &str, resource: &str) -> bool {
        group.is_empty() && resource == "persistentvolumeclaims"
    }

    fn mutates(&self) -> bool {
        false
    }

    async fn validate(&self, attributes: &Attributes<'_>, object: Option<&dyn AnyObject>) -> Result<(), StatusError> {
        if !attributes.subresource.is_empty() {
            return Ok(());
        }
        let new = object.and_then(|object| object.downcast_ref::<PersistentVolumeClaim>());
        let (Some(new), Some(old)) = (new, attributes.old_as::<PersistentVolumeClaim>()) else {
            return Ok(());
        };
        let size = |claim: &PersistentVolumeClaim| {
            let requests = &claim.spec.resources.requests;
            requests.get("storage").cloned().unwrap_or_default()
        };
        if size(new) <= size(old) {
            return Ok(());
        }
        if old.status.phase != "Bound" {
            let reason = "Only bound persistent volume claims can be expanded";
            return Err(attributes.forbidden(object, reason));
        }
        if self.can_grow(new, old).await? {
            return Ok(());
        }
        let reason = "only dynamically provisioned pvc can be resized and the storageclass that provisions the pvc must \
                      support resize";
        Err(attributes.forbidden(object, reason))
    }
}
