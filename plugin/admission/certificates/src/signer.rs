//! `CertificateApproval` and `CertificateSigning`: who approves and signs requests to which signer.

use apimachinery::status::StatusError;
use apiserver::{
    admission::{Attributes, Operation, Permissions, Plugin},
    registry::AnyObject,
};
use async_trait::async_trait;
use k8s_api::certificates::v1::CertificateSigningRequest;

use crate::is_signing_requests;

fn unexpected(attributes: &Attributes<'_>, object: Option<&dyn AnyObject>) -> StatusError {
    attributes.forbidden(object, "expected type CertificateSigningRequest")
}

/// Refuses unless the user may use the signer in this way.
async fn require(
    permissions: &Permissions,
    attributes: &Attributes<'_>,
    object: Option<&dyn AnyObject>,
    verb: &str,
    signer: &str,
) -> Result<(), StatusError> {
    if permissions.may_use_signer(attributes.user(), verb, signer).await {
        return Ok(());
    }
    let reason = format!("user not permitted to {verb} requests with signerName {signer:?}");
    Err(attributes.forbidden(object, reason))
}

/// The plugin `CertificateApproval`.
#[derive(Debug)]
pub struct CertificateApproval(pub Permissions);

#[async_trait]
impl Plugin for CertificateApproval {
    fn name(&self) -> &'static str {
        "CertificateApproval"
    }

    fn handles(&self, operation: Operation) -> bool {
        operation == Operation::Update
    }

    fn concerns(&self, group: &str, resource: &str) -> bool {
        is_signing_requests(group, resource)
    }

    fn mutates(&self) -> bool {
        false
    }

    async fn validate(&self, attributes: &Attributes<'_>, object: Option<&dyn AnyObject>) -> Result<(), StatusError> {
        if attributes.subresource != "approval" {
            return Ok(());
        }
        let old = attributes.old_as::<CertificateSigningRequest>();
        let old = old.ok_or_else(|| unexpected(attributes, object))?;
        require(&self.0, attributes, object, "approve", &old.spec.signer_name).await
    }
}

/// The plugin `CertificateSigning`.
#[derive(Debug)]
pub struct CertificateSigning(pub Permissions);

#[async_trait]
impl Plugin for CertificateSigning {
    fn name(&self) -> &'static str {
        "CertificateSigning"
    }

    fn handles(&self, operation: Operation) -> bool {
        operation == Operation::Update
    }

    fn concerns(&self, group: &str, resource: &str) -> bool {
        is_signing_requests(group, resource)
    }

    fn mutates(&self) -> bool {
        false
    }

    async fn validate(&self, attributes: &Attributes<'_>, object: Option<&dyn AnyObject>) -> Result<(), StatusError> {
        if attributes.subresource != "status" {
            return Ok(());
        }
        let old = attributes.old_as::<CertificateSigningRequest>();
        let new = object.and_then(|object| object.downcast_ref::<CertificateSigningRequest>());
        let (Some(old), Some(new)) = (old, new) else {
            return Err(unexpected(attributes, object));
        };
        if old.status.certificate == new.status.certificate && old.status.conditions == new.status.conditions {
            return Ok(());
        }
        require(&self.0, attributes, object, "sign", &old.spec.signer_name).await
    }
}
