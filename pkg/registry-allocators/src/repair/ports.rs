//! Node ports: the record is rebuilt from the Services from time to time.

use std::{collections::HashMap, sync::Arc, time::Duration};

use apimachinery::status::StatusError;
use apiserver::registry::Local;
use component_base::flags::FlagValue as _;
use k8s_api::core::v1::Service;
use tokio_util::sync::CancellationToken;

use super::Reporter;
use crate::{Allocators, PortError, ports::Bitmap};

/// How often a port without a Service must be found before it is given back: its Service may be under way.
const ROUNDS_BEFORE_RELEASE: u32 = 3;
/// How often a write that lost against another is tried again.
const ATTEMPTS: usize = 5;

/// Why a round was not completed.
#[derive(Debug, thiserror::Error)]
pub enum PortRepairError {
    /// The record cannot be read or written.
    #[error("unable to persist the updated port allocations: {0}")]
    Ports(#[from] PortError),
    /// The Services cannot be read.
    #[error("unable to refresh the port block: {0}")]
    Services(StatusError),
    /// The record kept changing.
    #[error("the port allocations change faster than they are repaired")]
    Busy,
}

/// Rebuilds the record of node ports.
#[derive(Debug)]
pub struct PortRepair {
    services: Local<Service>,
    allocators: Arc<Allocators>,
    reporter: Reporter,
    /// Ports that no Service has, and how many rounds they are still kept.
    leaks: HashMap<u16, u32>,
}

impl PortRepair {
    /// A repair of the ports of these Services.
    #[must_use]
    pub fn new(services: Local<Service>, allocators: Arc<Allocators>, reporter: Reporter) -> Self {
        Self {
            services,
            allocators,
            reporter,
            leaks: HashMap::new(),
        }
    }

    /// Repairs every `interval` until `stop` is cancelled.
    pub async fn run(mut self, interval: Duration, stop: CancellationToken) {
        loop {
            tokio::select! {
                () = stop.cancelled() => return,
                () = tokio::time::sleep(interval) => {}
            }
            if let Err(error) = self.run_once().await {
                tracing::error!(%error, "cannot repair the node ports");
            }
        }
    }

    /// One round.
    ///
    /// # Errors
    /// See [`PortRepairError`].
    pub async fn run_once(&mut self) -> Result<(), PortRepairError> {
        for _ in 0..ATTEMPTS {
            // The record before the Services: a port that is taken in between is that of a Service not seen.
            let (revision, recorded) = self.allocators.node_ports.recorded().await?;
            self.wait_for_services().await?;
            let rebuilt = self.rebuild(recorded.clone()).await?;
            if rebuilt == recorded && revision.is_some() {
                return Ok(());
            }
            if self.allocators.node_ports.replace(rebuilt, revision).await? {
                return Ok(());
            }
        }
        Err(PortRepairError::Busy)
    }

    /// The cache of Services holds all that was written so far.
    async fn wait_for_services(&self) -> Result<(), PortRepairError> {
        let cacher = self.services.store().cacher();
        let revision = self.services.store().storage().current_revision().await;
        let revision = revision.map_err(|error| PortError::Store(error.to_string()))?;
        let caught_up = cacher.snapshot_not_older_than(revision).await;
        caught_up
            .map(drop)
            .map_err(|error| PortError::Store(error.to_string()).into())
    }

    async fn rebuild(&mut self, mut recorded: Bitmap) -> Result<Bitmap, PortRepairError> {
        let range = self.allocators.node_ports.range();
        let mut rebuilt = Bitmap::new(range);
        for service in self.services.list_cached("").map_err(PortRepairError::Services)? {
            for port in ports_of(&service) {
                let Some(number) = u16::try_from(port).ok().filter(|port| range.contains(*port)) else {
                    let message = format!(
                        "Port {port} is not within the port range {}; please recreate service",
                        range.to_text()
                    );
                    self.report(&service, "PortOutOfRange", message).await;
                    continue;
                };
                if !rebuilt.insert(number) {
                    let message = format!("Port {port} was assigned to multiple services; please recreate service");
                    self.report(&service, "PortAlreadyAllocated", message).await;
                    continue;
                }
                if recorded.has(number) {
                    recorded.remove(number);
                } else {
                    let message = format!("Port {port} is not allocated; repairing");
                    self.report(&service, "PortNotAllocated", message).await;
                }
                self.leaks.remove(&number);
            }
        }
        self.keep_possible_leaks(&recorded, &mut rebuilt);
        Ok(rebuilt)
    }

    async fn report(&self, service: &Service, reason: &str, message: String) {
        self.reporter.warn(service, reason, "PortAllocation", message).await;
    }

    /// Ports that no Service has are kept for some rounds.
    fn keep_possible_leaks(&mut self, orphans: &Bitmap, rebuilt: &mut Bitmap) {
        for port in orphans.iter() {
            let left = *self.leaks.entry(port).or_insert(ROUNDS_BEFORE_RELEASE - 1);
            if left == 0 {
                tracing::error!(port, "the node port appears to have leaked: cleaning up");
                self.leaks.remove(&port);
                continue;
            }
            self.leaks.insert(port, left - 1);
            rebuilt.insert(port);
        }
        self.leaks.retain(|port, _| orphans.has(*port));
    }
}

/// The node ports of a Service. One of two protocols counts once, twice the same protocol twice.
fn ports_of(service: &Service) -> Vec<i32> {
    let mut seen: HashMap<i32, Vec<&str>> = HashMap::new();
    let mut ports = Vec::new();
    let of_ports = service
        .spec
        .ports
        .iter()
        .map(|port| (port.node_port, port.protocol.as_str()));
    let of_health_check = (service.spec.health_check_node_port, "TCP");
    for (port, protocol) in of_ports.chain([of_health_check]).filter(|(port, _)| *port != 0) {
        let protocols = seen.entry(port).or_default();
        if protocols.is_empty() || protocols.contains(&protocol) {
            ports.push(port);
        }
        protocols.push(protocol);
    }
    ports
}
