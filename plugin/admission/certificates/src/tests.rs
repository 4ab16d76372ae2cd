//! Who signs and approves, and whom requests name.

use std::sync::Arc;

use apiserver::{
    admission::{Attributes, GroupVersionName, Operation, Permissions, Plugin, Reinvocation, WriteOptions},
    registry::AnyObject,
    request::{RequestContext, RequestInfo, UserInfo},
};
use apiserver_auth::authorization::{Attributes as Question, Authorization, Authorizer};
use async_trait::async_trait;
use k8s_api::certificates::v1::CertificateSigningRequest;
use rcgen::{CertificateParams, DistinguishedName, DnType, KeyPair};

use super::*;

/// Allows what the test lists as `verb signer`.
struct Listed(&'static [&'static str]);

#[async_trait]
impl Authorizer for Listed {
    async fn authorize(&self, question: &Question<'_>) -> Authorization {
        let asked = format!("{} {}", question.verb, question.name);
        let listed = question.resource == "signers" && self.0.contains(&asked.as_str());
        if listed {
            Authorization::allow("")
        } else {
            Authorization::no_opinion("")
        }
    }
}

fn permissions(allowed: &'static [&'static str]) -> Permissions {
    Permissions::new(Arc::new(Listed(allowed)))
}

async fn judge(
    plugin: &dyn Plugin,
    subresource: &str,
    new: &CertificateSigningRequest,
    old: Option<&CertificateSigningRequest>,
) -> Option<String> {
    let user = Arc::new(UserInfo::named("tester"));
    let request = RequestContext::new(user, RequestInfo::default(), jiff::Timestamp::UNIX_EPOCH, String::new());
    let named = |name: &str| GroupVersionName {
        group: "certificates.k8s.io".to_owned(),
        version: "v1".to_owned(),
        name: name.to_owned(),
    };
    let attributes = Attributes {
        request: &request,
        kind: &named("CertificateSigningRequest"),
        resource: &named("certificatesigningrequests"),
        subresource,
        namespace: "",
        name: "csr",
        operation: if old.is_some() {
            Operation::Update
        } else {
            Operation::Create
        },
        options: &WriteOptions::default(),
        old: old.map(|old| old as &dyn AnyObject),
        codec: None,
        reinvocation: Reinvocation::default(),
    };
    assert!(plugin.handles(attributes.operation));
    let judged = plugin.validate(&attributes, Some(new)).await;
    judged.err().map(|status| status.status().message.clone())
}

fn csr(signer: &str, request: &str) -> CertificateSigningRequest {
    let mut csr = CertificateSigningRequest::default();
    csr.spec.signer_name = signer.to_owned();
    csr.spec.request = request.into();
    csr
}

const PREFIX: &str = r#"certificatesigningrequests.certificates.k8s.io "csr" is forbidden: "#;

#[tokio::test]
async fn signers_are_used_by_who_may() {
    let old = csr("example.com/signer", "");
    let mut signed = old.clone();
    signed.status.certificate = "certificate".into();
    let refused = |verb: &str| {
        Some(format!(
            r#"{PREFIX}user not permitted to {verb} requests with signerName "example.com/signer""#
        ))
    };
    let approval = |allowed| CertificateApproval(permissions(allowed));
    let signing = |allowed| CertificateSigning(permissions(allowed));
    assert_eq!(
        judge(&approval(&[]), "approval", &old, Some(&old)).await,
        refused("approve")
    );
    assert_eq!(
        judge(&approval(&["approve example.com/signer"]), "approval", &old, Some(&old)).await,
        None
    );
    assert_eq!(
        judge(&approval(&["approve example.com/*"]), "approval", &old, Some(&old)).await,
        None
    );
    assert_eq!(judge(&approval(&[]), "status", &old, Some(&old)).await, None);
    assert_eq!(
        judge(&signing(&[]), "status", &signed, Some(&old)).await,
        refused("sign")
    );
    assert_eq!(
        judge(&signing(&[]), "status", &old, Some(&old)).await,
        None,
        "nothing is signed"
    );
    assert_eq!(
        judge(&signing(&["sign example.com/*"]), "status", &signed, Some(&old)).await,
        None
    );
}

#[tokio::test]
async fn nobody_becomes_a_master_by_certificate() {
    let key = KeyPair::generate().expect("a key");
    let request = |organization: &str| {
        let mut params = CertificateParams::default();
        params.distinguished_name = DistinguishedName::new();
        params.distinguished_name.push(DnType::OrganizationName, organization);
        params.serialize_request(&key).expect("a request").pem().expect("PEM")
    };
    let client = "kubernetes.io/kube-apiserver-client";
    let masters = request("system:masters");
    let plugin = CertificateSubjectRestriction;
    let expected =
        format!("{PREFIX}use of kubernetes.io/kube-apiserver-client signer with system:masters group is not allowed");
    assert_eq!(judge(&plugin, "", &csr(client, &masters), None).await, Some(expected));
    assert_eq!(judge(&plugin, "", &csr(client, &request("people")), None).await, None);
    assert_eq!(
        judge(&plugin, "", &csr("example.com/signer", &masters), None).await,
        None
    );
    let broken = judge(&plugin, "", &csr(client, "no request"), None)
        .await
        .expect("a refusal");
    assert!(
        broken.starts_with(&format!("{PREFIX}failed to parse CSR: ")),
        "{broken}"
    );
}
