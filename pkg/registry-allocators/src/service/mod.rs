//! The addresses and ports of one Service's write.

mod cluster_ips;
mod hooks;
mod node_ports;
mod transaction;

use apimachinery::{
    field::{Error, ErrorList},
    status::{GroupResource, StatusError},
};
use apis_core::core::service::{ClusterFamilies, IPV4, IPV6};
use apiserver::registry::Local;
use k8s_api::core::v1::Endpoints;

pub use hooks::ServiceHooks;

use crate::{ClusterIps, NodePorts};

/// What Services are given of.
#[derive(Debug)]
pub struct Allocators {
    /// The addresses of the family of Services that do not say.
    pub primary: ClusterIps,
    /// The family of [`Allocators::primary`] and whether there is another.
    pub families: ClusterFamilies,
    /// The addresses of the other family, on a cluster with two.
    pub secondary: Option<ClusterIps>,
    /// The ports of the nodes.
    pub node_ports: NodePorts,
    /// The Endpoints, which go with their Service.
    pub endpoints: Local<Endpoints>,
}

impl Allocators {
    /// The addresses of a family; `None` if the cluster has none.
    fn of_family(&self, family: &str) -> Option<&ClusterIps> {
        if family == self.families.primary {
            Some(&self.primary)
        } else if matches!(family, IPV4 | IPV6) {
            self.secondary.as_ref()
        } else {
            None
        }
    }
}

fn invalid(name: &str, errors: &ErrorList) -> StatusError {
    StatusError::invalid(GroupResource::new("", "Service"), name, errors)
}

fn invalid_field(name: &str, error: Error) -> StatusError {
    invalid(name, &error.into())
}
