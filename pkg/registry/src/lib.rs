//! The registry of the built-in kinds: for each its strategy, which says what a request may do to
//! an object, and its printer, which shows objects as table rows.
//!
//! Strategies are thin: the rules themselves are in the `apis-*` crates. Upstream counterpart:
//! `pkg/registry` and `pkg/printers/internalversion`.

pub mod admissionregistration;
pub mod apiextensions;
pub mod apiregistration;
pub mod apps;
pub mod authentication;
pub mod authorization;
pub mod autoscaling;
pub mod batch;
pub mod certificates;
pub mod coordination;
pub mod core;
pub mod discovery;
pub mod flowcontrol;
pub mod metadata;
pub mod networking;
pub mod node;
pub mod policy;
pub mod printing;
pub mod rbac;
mod registration;
pub mod resource;
pub mod review;
pub mod scale;
pub mod scheduling;
pub mod storage;

pub use registration::{Registration, Version};

/// What rules depend on besides features: flags of the server.
#[derive(Clone, Copy, Debug)]
pub struct Settings {
    /// Whether containers may be privileged (`--allow-privileged`).
    pub allow_privileged: bool,
}

/// Every stored built-in resource.
#[must_use]
pub fn all(settings: &Settings) -> Vec<Registration> {
    vec![
        core::config_map::registration(),
        core::endpoints::registration(),
        core::event::registration(),
        core::limit_range::registration(),
        core::namespace::registration(),
        core::node::registration(),
        core::persistent_volume::registration(),
        core::persistent_volume_claim::registration(),
        core::pod::registration(settings),
        core::pod_template::registration(settings),
        core::replication_controller::registration(settings),
        core::resource_quota::registration(),
        core::secret::registration(),
        core::service::registration(),
        core::service_account::registration(),
        apiregistration::api_service::registration(),
        apps::controller_revision::registration(),
        apps::daemon_set::registration(settings),
        apps::deployment::registration(settings),
        apps::replica_set::registration(settings),
        apps::stateful_set::registration(settings),
        autoscaling::horizontal_pod_autoscaler::registration(),
        batch::cron_job::registration(settings),
        batch::job::registration(settings),
        certificates::certificate_signing_request::registration(),
        networking::ingress::registration(),
        networking::ingress_class::registration(),
        networking::ip_address::registration(),
        networking::network_policy::registration(),
        networking::service_cidr::registration(),
        policy::pod_disruption_budget::registration(),
        rbac::cluster_role::registration(),
        rbac::cluster_role_binding::registration(),
        rbac::role::registration(),
        rbac::role_binding::registration(),
        storage::csi_driver::registration(),
        storage::csi_node::registration(),
        storage::csi_storage_capacity::registration(),
        storage::storage_class::registration(),
        storage::volume_attachment::registration(),
        storage::volume_attributes_class::registration(),
        admissionregistration::mutating_admission_policy::registration(),
        admissionregistration::mutating_admission_policy_binding::registration(),
        admissionregistration::mutating_webhook_configuration::registration(),
        admissionregistration::validating_admission_policy::registration(),
        admissionregistration::validating_admission_policy_binding::registration(),
        admissionregistration::validating_webhook_configuration::registration(),
        apiextensions::custom_resource_definition::registration(),
        scheduling::priority_class::registration(),
        coordination::lease::registration(),
        node::runtime_class::registration(),
        discovery::endpoint_slice::registration(),
        resource::device_class::registration(),
        resource::resource_claim::registration(),
        resource::resource_claim_template::registration(),
        resource::resource_slice::registration(),
        flowcontrol::flow_schema::registration(),
        flowcontrol::priority_level::registration(),
    ]
}
