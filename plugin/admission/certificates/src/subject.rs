//! `CertificateSubjectRestriction`: no client certificate puts its owner above authorization.

use apimachinery::status::StatusError;
use apis_cluster::certificates::certificate_signing_request::request;
use apiserver::{
    admission::{Attributes, Operation, Plugin},
    registry::AnyObject,
};
use async_trait::async_trait;
use k8s_api::certificates::v1::CertificateSigningRequest;

use crate::is_signing_requests;

/// The signer of certificates by which clients of the API server are known.
const CLIENT_SIGNER: &str = "kubernetes.io/kube-apiserver-client";
const MASTERS: &str = "system:masters";

/// The plugin `CertificateSubjectRestriction`.
#[derive(Debug)]
pub struct CertificateSubjectRestriction;

#[async_trait]
impl Plugin for CertificateSubjectRestriction {
    fn name(&self) -> &'static str {
        "CertificateSubjectRestriction"
    }

    fn handles(&self, operation: Operation) -> bool {
        operation == Operation::Create
    }

    fn concerns(&self, group: &str, resource: &str) -> bool {
        is_signing_requests(group, resource)
    }

    fn mutates(&self) -> bool {
        false
    }

    async fn validate(&self, attributes: &Attributes<'_>, object: Option<&dyn AnyObject>) -> Result<(), StatusError> {
        if !attributes.subresource.is_empty() {
            return Ok(());
        }
        let csr = object.and_then(|object| object.downcast_ref::<CertificateSigningRequest>());
        let Some(csr) = csr else {
            return Err(attributes.forbidden(object, "expected type CertificateSigningRequest"));
        };
        if csr.spec.signer_name != CLIENT_SIGNER {
            return Ok(());
        }
        let subject = request::parse(&csr.spec.request)
            .map_err(|error| attributes.forbidden(object, format!("failed to parse CSR: {error}")))?;
        if subject.organizations.iter().any(|organization| organization == MASTERS) {
            let reason = format!("use of {CLIENT_SIGNER} signer with {MASTERS} group is not allowed");
            return Err(attributes.forbidden(object, reason));
        }
        Ok(())
    }
}
