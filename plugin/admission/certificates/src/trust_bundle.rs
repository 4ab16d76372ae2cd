//! `ClusterTrustBundleAttest`: only who may attest for a signer says whom its clients are to trust.
//!
//! The kind is served only where its gate is on. It has no type of its own here: the signer's name is read
//! from the dynamic form.

use apimachinery::status::StatusError;
use apiserver::{
    admission::{Attributes, Operation, Permissions, Plugin},
    registry::AnyObject,
};
use async_trait::async_trait;
use component_base::feature_gates::{Feature, FeatureGates};
use serde_json::Value;

/// The plugin `ClusterTrustBundleAttest`.
#[derive(Debug)]
pub struct ClusterTrustBundleAttest {
    enabled: bool,
    permissions: Permissions,
}

impl ClusterTrustBundleAttest {
    /// A plugin that asks these permissions.
    #[must_use]
    pub fn new(gates: &FeatureGates, permissions: Permissions) -> Self {
        Self {
            enabled: gates.enabled(Feature::ClusterTrustBundle),
            permissions,
        }
    }
}

/// Whether an update changes nothing but what the garbage collector changes.
fn is_only_collected(new: &dyn AnyObject, old: &dyn AnyObject) -> bool {
    let mut new = new.clone_boxed();
    let (metadata, before) = (new.metadata_mut(), old.metadata());
    metadata.owner_references.clone_from(&before.owner_references);
    metadata.finalizers.clone_from(&before.finalizers);
    metadata.resource_version.clone_from(&before.resource_version);
    metadata.managed_fields.clone_from(&before.managed_fields);
    new.equals(old)
}

#[async_trait]
impl Plugin for ClusterTrustBundleAttest {
    fn name(&self) -> &'static str {
        "ClusterTrustBundleAttest"
    }

    fn handles(&self, operation: Operation) -> bool {
        matches!(operation, Operation::Create | Operation::Update)
    }

    fn concerns(&self, group: &str, resource: &str) -> bool {
        self.enabled && group == "certificates.k8s.io" && resource == "clustertrustbundles"
    }

    fn mutates(&self) -> bool {
        false
    }

    async fn validate(&self, attributes: &Attributes<'_>, object: Option<&dyn AnyObject>) -> Result<(), StatusError> {
        let Some(bundle) = object else { return Ok(()) };
        let value = bundle.to_value();
        let signer = value
            .pointer("/spec/signerName")
            .and_then(Value::as_str)
            .unwrap_or_default();
        if signer.is_empty() || attributes.old.is_some_and(|old| is_only_collected(bundle, old)) {
            return Ok(());
        }
        if self
            .permissions
            .may_use_signer(attributes.user(), "attest", signer)
            .await
        {
            return Ok(());
        }
        let reason = format!("user not permitted to attest for signerName {signer:?}");
        Err(attributes.forbidden(object, reason))
    }
}
