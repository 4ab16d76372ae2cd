//! Who asks for a certificate, who decides, and what a table shows.

use apiserver::{
    registry::{Strategy as _, StrategyContext},
    request::UserInfo,
};
use component_base::feature_gates::FeatureGates;
use k8s_api::certificates::v1::CertificateSigningRequest;
use serde_json::json;

use super::certificate_signing_request::{
    CertificateSigningRequestApprovalStrategy, CertificateSigningRequestStatusStrategy,
    CertificateSigningRequestStrategy, row,
};
use crate::core::tests::{noon, object, with_context};

#[test]
fn the_requestor_is_the_user() {
    let mut csr: CertificateSigningRequest = object(json!({
        "metadata": {"name": "c"}, "spec": {"username": "somebody", "groups": ["g"]},
        "status": {"conditions": [{"type": "Approved", "status": "True"}]},
    }));
    let (user, gates) = (UserInfo::named("me"), FeatureGates::default());
    let context = StrategyContext {
        user: &user,
        gates: &gates,
        now: noon(),
        api_group: "certificates.k8s.io",
        api_version: "v1",
    };
    CertificateSigningRequestStrategy.prepare_for_create(&context, &mut csr);
    assert_eq!((csr.spec.username.as_str(), csr.spec.groups.len()), ("me", 0));
    assert!(csr.status.conditions.is_empty());
}

#[test]
fn decisions_get_times_and_only_approval_makes_them() {
    let old: CertificateSigningRequest = object(json!({
        "metadata": {"name": "c"}, "status": {"conditions": [{"type": "Approved", "status": "True", "reason": "a"}]},
    }));
    let mut new = old.clone();
    new.status.conditions[0].reason = "b".into();
    new.status.certificate = b"x".to_vec().into();
    with_context("certificates.k8s.io", |context| {
        let mut by_status = new.clone();
        CertificateSigningRequestStatusStrategy.prepare_for_update(context, &mut by_status, &old);
        assert_eq!(by_status.status.conditions[0].reason, "a");
        assert_eq!(by_status.status.certificate, new.status.certificate);
        CertificateSigningRequestApprovalStrategy.prepare_for_update(context, &mut new, &old);
        assert_eq!(new.status.conditions[0].reason, "b");
        assert_eq!(new.status.conditions[0].last_transition_time, Some(noon().into()));
        assert!(new.status.certificate.is_empty());
    });
}

#[test]
fn rows() {
    let csr: CertificateSigningRequest = object(json!({
        "metadata": {"name": "c", "creationTimestamp": "2026-01-02T11:00:00Z"},
        "spec": {"signerName": "e/s", "username": "u", "expirationSeconds": 3600},
        "status": {"conditions": [{"type": "Approved"}, {"type": "Failed"}], "certificate": "eA=="},
    }));
    assert_eq!(
        json!(row(&csr, noon())),
        json!(["c", "60m", "e/s", "u", "60m", "Approved,Failed,Issued"])
    );
}
