//! Services (upstream: `pkg/apis/core/v1/defaults.go`, `pkg/apis/core/validation`, `pkg/api/service`
//! and the parts of `pkg/registry/core/service` that need no allocator).

mod cluster_ips;
mod defaults;
mod ip_families;
mod ports;
#[cfg(test)]
mod tests;
mod type_change;
mod update;
mod validation;
mod warnings;

use k8s_api::core::v1::Service;

pub use cluster_ips::validate_cluster_ip_fields;
pub use defaults::set_defaults;
pub use ip_families::{
    ClusterFamilies, DUAL_STACK_PREFERRED, DUAL_STACK_REQUIRED, IPV4, IPV6, SINGLE_STACK, default_on_read, family_of,
    init_ip_families, normalize_cluster_ips, other_family, patch_allocated_values,
};
pub use ports::validate_port_number_or_name;
pub use type_change::drop_type_dependent_fields;
pub use update::{validate_status_update, validate_update};
pub use validation::validate;
pub use warnings::{status_warnings, warnings};

/// The cluster IP of a service that wants none.
pub const CLUSTER_IP_NONE: &str = "None";

/// The service types.
pub const TYPE_CLUSTER_IP: &str = "ClusterIP";
/// Reachable on a port of every node.
pub const TYPE_NODE_PORT: &str = "NodePort";
/// Reachable through a load balancer outside the cluster.
pub const TYPE_LOAD_BALANCER: &str = "LoadBalancer";
/// A name in the cluster for a name outside.
pub const TYPE_EXTERNAL_NAME: &str = "ExternalName";

const AFFINITY_CLIENT_IP: &str = "ClientIP";
const AFFINITY_NONE: &str = "None";
const POLICY_LOCAL: &str = "Local";
const POLICY_CLUSTER: &str = "Cluster";

/// Whether the one cluster IP is `None`.
#[must_use]
pub fn is_headless(service: &Service) -> bool {
    matches!(service.spec.cluster_ips.as_slice(), [only] if only == CLUSTER_IP_NONE)
}

/// Whether clients outside the cluster can reach the service by its spec.
#[must_use]
pub fn is_externally_accessible(service: &Service) -> bool {
    match service.spec.type_.as_str() {
        TYPE_LOAD_BALANCER | TYPE_NODE_PORT => true,
        TYPE_CLUSTER_IP => !service.spec.external_ips.is_empty(),
        _ => false,
    }
}

/// Whether load balancers ask the nodes where the service's endpoints are.
#[must_use]
pub fn needs_health_check(service: &Service) -> bool {
    service.spec.type_ == TYPE_LOAD_BALANCER && service.spec.external_traffic_policy == POLICY_LOCAL
}

/// Whether the service has cluster IPs, or says that it wants none.
#[must_use]
pub fn needs_cluster_ip(service: &Service) -> bool {
    service.spec.type_ != TYPE_EXTERNAL_NAME
}

/// Whether node ports are to be allocated.
#[must_use]
pub fn needs_node_port(service: &Service) -> bool {
    match service.spec.type_.as_str() {
        TYPE_NODE_PORT => true,
        TYPE_LOAD_BALANCER => service.spec.allocate_load_balancer_node_ports.unwrap_or(true),
        _ => false,
    }
}
