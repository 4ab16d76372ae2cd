//! What one write of a Service takes and gives back.

use std::{net::IpAddr, sync::Arc};

use apiserver::registry::Effects;
use async_trait::async_trait;
use k8s_api::core::v1::Service;

use super::Allocators;
use crate::ports::PortOperation;

/// An address of a Service.
#[derive(Clone, Debug)]
pub(super) struct Address {
    /// The family whose allocator it belongs to.
    pub(super) family: String,
    pub(super) ip: IpAddr,
}

/// The addresses and ports of one write.
#[derive(Debug)]
pub(super) struct Transaction {
    pub(super) allocators: Arc<Allocators>,
    /// Namespace and name are those of the Service.
    service: Service,
    pub(super) dry_run: bool,
    pub(super) taken: Vec<Address>,
    pub(super) released: Vec<Address>,
    pub(super) ports: PortOperation,
}

impl Transaction {
    pub(super) fn new(allocators: Arc<Allocators>, service: &Service, dry_run: bool) -> Self {
        let mut owner = Service::default();
        owner.metadata.name.clone_from(&service.metadata.name);
        owner.metadata.namespace.clone_from(&service.metadata.namespace);
        Self {
            allocators,
            service: owner,
            dry_run,
            taken: Vec::new(),
            released: Vec::new(),
            ports: PortOperation::new(dry_run),
        }
    }

    /// Keeps or undoes everything.
    pub(super) async fn end(self, succeeded: bool) {
        self.ports.finish(&self.allocators.node_ports, succeeded).await;
        if self.dry_run {
            return;
        }
        let free = if succeeded { self.released } else { self.taken };
        for address in free {
            match self.allocators.of_family(&address.family) {
                Some(allocator) => allocator.release(&self.service, address.ip).await,
                // The cluster had two families once.
                None => tracing::info!(
                    ip = %address.ip,
                    family = address.family,
                    "not giving a cluster IP back: its family is not enabled"
                ),
            }
        }
    }
}

#[async_trait]
impl Effects for Transaction {
    async fn finish(self: Box<Self>, succeeded: bool) {
        self.end(succeeded).await;
    }
}
