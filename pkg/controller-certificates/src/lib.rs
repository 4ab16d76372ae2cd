//! The controllers of certificate requests.
//!
//! Requests of kubelets are approved if the cluster's policy lets their makers have it ([`approving`]); approved requests
//! for the four signers of the cluster are signed ([`signing`]); old requests go ([`cleaning`]); and where trust bundles
//! are served, the API server's authority is published as one ([`trust_bundle`]).
//!
//! Upstream counterparts: the packages in `pkg/controller/certificates`.

pub mod approving;
pub mod cleaning;
mod requests;
pub mod signing;
pub mod trust_bundle;

use controller::Descriptor;

/// The controllers of this crate, for the manager's table.
pub const DESCRIPTORS: &[Descriptor] = &[
    Descriptor::new("certificatesigningrequest-approving-controller", |context| {
        Box::pin(approving::build(context))
    })
    .aliases(&["csrapproving"]),
    Descriptor::new("certificatesigningrequest-signing-controller", |context| {
        Box::pin(signing::build(context))
    })
    .aliases(&["csrsigning"]),
    Descriptor::new("certificatesigningrequest-cleaner-controller", |context| {
        Box::pin(cleaning::build(context))
    })
    .aliases(&["csrcleaner"]),
    Descriptor::new(
        "kube-apiserver-serving-clustertrustbundle-publisher-controller",
        |context| Box::pin(trust_bundle::build(context)),
    ),
];
