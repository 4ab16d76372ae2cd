//! Approves requests of kubelets for client certificates, if a review of access says that their makers may have them
//! (upstream: `pkg/controller/certificates/approver`).

use apis_cluster::certificates::certificate_signing_request::request::{Parsed, check_kubelet_client, parse};
use client_go::api::WriteOptions;
use client_go::{Client, Error};
use controller::{Built, ControllerContext};
use k8s_api::authorization::v1::{ResourceAttributes, SubjectAccessReview};
use k8s_api::certificates::v1::{CertificateSigningRequest, CertificateSigningRequestCondition};

use crate::requests::{Handle, RequestError, controller, has_condition};

const KUBELET_CLIENT: &str = "kubernetes.io/kube-apiserver-client-kubelet";

/// A kind of request that may be approved.
struct Recognizer {
    recognizes: fn(&CertificateSigningRequest, &Parsed) -> bool,
    /// The subresource that its maker must be allowed to create.
    subresource: &'static str,
    message: &'static str,
}

const RECOGNIZERS: [Recognizer; 2] = [
    Recognizer {
        recognizes: |request, parsed| request.spec.username == parsed.common_name && is_node_client(request, parsed),
        subresource: "selfnodeclient",
        message: "Auto approving self kubelet client certificate after SubjectAccessReview.",
    },
    Recognizer {
        recognizes: is_node_client,
        subresource: "nodeclient",
        message: "Auto approving kubelet client certificate after SubjectAccessReview.",
    },
];

fn is_node_client(request: &CertificateSigningRequest, parsed: &Parsed) -> bool {
    request.spec.signer_name == KUBELET_CLIENT && check_kubelet_client(parsed, &request.spec.usages).is_ok()
}

struct Approver {
    client: Client,
}

/// Builds `certificatesigningrequest-approving-controller`.
///
/// # Errors
/// There is no client for it.
pub async fn build(context: ControllerContext) -> Built {
    let client = context.client("certificate-controller").await?;
    Ok(Some(controller(context, Approver { client })))
}

impl Handle for Approver {
    async fn handle(&self, request: &CertificateSigningRequest) -> Result<(), RequestError> {
        if has_condition(request, "Approved") || has_condition(request, "Denied") {
            return Ok(());
        }
        let name = &request.metadata.name;
        let parsed = parse(&request.spec.request).map_err(|source| RequestError::Parse {
            name: name.clone(),
            source,
        })?;
        let mut tried = Vec::new();
        for recognizer in RECOGNIZERS
            .iter()
            .filter(|recognizer| (recognizer.recognizes)(request, &parsed))
        {
            tried.push(recognizer.subresource);
            let allowed = self.review(request, recognizer.subresource).await;
            let allowed = allowed.map_err(|source| RequestError::Api {
                doing: "error reviewing access for csr",
                source,
            })?;
            if allowed {
                return self.approve(request, recognizer.message).await;
            }
        }
        if tried.is_empty() {
            return Ok(());
        }
        Err(RequestError::NotAllowed {
            name: name.clone(),
            tried,
        })
    }
}

impl Approver {
    async fn review(&self, request: &CertificateSigningRequest, subresource: &str) -> Result<bool, Error> {
        let spec = &request.spec;
        let mut review = SubjectAccessReview::default();
        review.spec.user.clone_from(&spec.username);
        review.spec.uid.clone_from(&spec.uid);
        review.spec.groups.clone_from(&spec.groups);
        review.spec.extra.clone_from(&spec.extra);
        review.spec.resource_attributes = Some(Box::new(ResourceAttributes {
            group: "certificates.k8s.io".to_owned(),
            version: "*".to_owned(),
            resource: "certificatesigningrequests".to_owned(),
            subresource: subresource.to_owned(),
            verb: "create".to_owned(),
            ..ResourceAttributes::default()
        }));
        let answer = self.client.cluster::<SubjectAccessReview>().create(&review).await?;
        Ok(answer.status.allowed)
    }

    async fn approve(&self, request: &CertificateSigningRequest, message: &str) -> Result<(), RequestError> {
        let mut approved = request.clone();
        approved.status.conditions.push(CertificateSigningRequestCondition {
            type_: "Approved".to_owned(),
            status: "True".to_owned(),
            reason: "AutoApproved".to_owned(),
            message: message.to_owned(),
            ..CertificateSigningRequestCondition::default()
        });
        let api = self.client.cluster::<CertificateSigningRequest>();
        let written = api.replace(&approved, Some("approval"), &WriteOptions::default()).await;
        written.map(drop).map_err(|source| RequestError::Api {
            doing: "error updating approval for csr",
            source,
        })
    }
}

#[cfg(test)]
mod tests;
