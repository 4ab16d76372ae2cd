//! The controllers that keep a cluster's own order.
//!
//! One folder a controller; each has a `build` that the manager's table names. Namespaces end with everything in them
//! ([`namespace`]), have a service account ([`service_accounts`]) and the cluster's CA ([`root_ca`]); token secrets are
//! filled ([`tokens`]) and forgotten when nobody uses them ([`legacy_token_cleaner`]); roles are aggregated
//! ([`cluster_role_aggregation`]), quotas counted ([`resource_quota`]), service ranges protected ([`service_cidr`]), and
//! bootstrap tokens used and ended ([`bootstrap`]).
//!
//! Upstream counterparts: the packages of these names in `pkg/controller`.

pub mod bootstrap;
pub mod cluster_role_aggregation;
pub mod files;
pub mod legacy_token_cleaner;
pub mod namespace;
pub mod resource_quota;
pub mod root_ca;
pub mod service_accounts;
pub mod service_cidr;
pub mod tokens;

use controller::Descriptor;

/// The controllers of this crate, for the manager's table.
pub const DESCRIPTORS: &[Descriptor] = &[
    Descriptor::new("serviceaccount-token-controller", |context| {
        Box::pin(tokens::build(context))
    })
    .aliases(&["serviceaccount-token"])
    .first(),
    Descriptor::new("serviceaccount-controller", |context| {
        Box::pin(service_accounts::build(context))
    })
    .aliases(&["serviceaccount"]),
    Descriptor::new("namespace-controller", |context| Box::pin(namespace::build(context))).aliases(&["namespace"]),
    Descriptor::new("root-ca-certificate-publisher-controller", |context| {
        Box::pin(root_ca::build(context))
    })
    .aliases(&["root-ca-cert-publisher"]),
    Descriptor::new("clusterrole-aggregation-controller", |context| {
        Box::pin(cluster_role_aggregation::build(context))
    })
    .aliases(&["clusterrole-aggregation"]),
    Descriptor::new("legacy-serviceaccount-token-cleaner-controller", |context| {
        Box::pin(legacy_token_cleaner::build(context))
    })
    .aliases(&["legacy-service-account-token-cleaner"]),
    Descriptor::new("resourcequota-controller", |context| {
        Box::pin(resource_quota::build(context))
    })
    .aliases(&["resourcequota"]),
    Descriptor::new("service-cidr-controller", |context| {
        Box::pin(service_cidr::build(context))
    }),
    Descriptor::new("bootstrap-signer-controller", |context| {
        Box::pin(bootstrap::signer::build(context))
    })
    .aliases(&["bootstrapsigner"])
    .disabled_by_default(),
    Descriptor::new("token-cleaner-controller", |context| {
        Box::pin(bootstrap::cleaner::build(context))
    })
    .aliases(&["tokencleaner"])
    .disabled_by_default(),
];
