//! Keeps the endpoints those of the servers there are.

use std::{
    net::IpAddr,
    str::FromStr,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
};

use apimachinery::status::StatusError;
use apiserver_storage::Storage;
use k8s_api::core::v1::{EndpointPort, Endpoints};
use tokio::sync::Mutex;

use super::{EndpointsAdapter, count, endpoints::Current, lease::ServerLeases};

/// How servers know of each other (`--endpoint-reconciler-type`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ReconcilerType {
    /// By records that run out.
    #[default]
    Lease,
    /// By their number, `--apiserver-count`.
    MasterCount,
    /// Not at all: the endpoints are somebody else's.
    None,
}

impl FromStr for ReconcilerType {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "lease" => Ok(Self::Lease),
            "master-count" => Ok(Self::MasterCount),
            "none" => Ok(Self::None),
            _ => Err(format!("reconciler not implemented: {text}")),
        }
    }
}

/// Why the endpoints are not as they should be.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ReconcileError {
    /// The objects.
    #[error("{0}")]
    Status(#[from] StatusError),
    /// The records.
    #[error("{0}")]
    Storage(#[from] apiserver_storage::Error),
    /// No record, although this server has just written one.
    #[error(
        "no API server IP addresses were listed in storage, refusing to erase all endpoints for the kubernetes Service"
    )]
    NoServers,
}

/// Keeps the endpoints of this server.
#[derive(Debug)]
pub(crate) struct Reconciler {
    kind: ReconcilerType,
    count: usize,
    adapter: EndpointsAdapter,
    leases: ServerLeases,
    ip: IpAddr,
    ports: Vec<EndpointPort>,
    generation: AtomicU64,
    stopped: AtomicBool,
    lock: Mutex<()>,
}

impl Reconciler {
    pub(crate) fn new(
        (kind, count): (ReconcilerType, usize),
        adapter: EndpointsAdapter,
        (storage, prefix): (Arc<dyn Storage>, &str),
        ip: IpAddr,
        ports: Vec<EndpointPort>,
    ) -> Self {
        Self {
            kind,
            count,
            adapter,
            leases: ServerLeases::new(storage, prefix),
            ip,
            ports,
            generation: AtomicU64::new(0),
            stopped: AtomicBool::new(false),
            lock: Mutex::new(()),
        }
    }

    /// Adds this server, and takes away those that are gone.
    pub(crate) async fn reconcile(&self) -> Result<(), ReconcileError> {
        let _turn = self.lock.lock().await;
        if self.stopped.load(Ordering::Acquire) {
            return Ok(());
        }
        match self.kind {
            ReconcilerType::None => Ok(()),
            ReconcilerType::Lease => {
                // Whatever becomes of the endpoints, other servers see that this one is there.
                let generation = self.generation.fetch_add(1, Ordering::Relaxed) + 1;
                self.leases.renew(self.ip, generation).await?;
                self.merge().await
            }
            ReconcilerType::MasterCount => {
                let current = self.adapter.get().await?;
                let addresses = if well_formed(&current.object) {
                    addresses(&current.object)
                } else {
                    Vec::new()
                };
                let addresses = count::with_own(addresses, &self.ip.to_string(), self.count);
                self.set(current, addresses).await
            }
        }
    }

    /// Makes the endpoints those of the servers with a record.
    async fn merge(&self) -> Result<(), ReconcileError> {
        let current = self.adapter.get().await?;
        let stopped = self.stopped.load(Ordering::Acquire);
        if !current.exists && stopped {
            return Ok(());
        }
        let servers = self.leases.list().await?;
        if servers.is_empty() && !stopped {
            return Err(ReconcileError::NoServers);
        }
        self.set(current, servers).await
    }

    /// Ports that are there stay: another server may serve on others.
    async fn set(&self, current: Current, addresses: Vec<String>) -> Result<(), ReconcileError> {
        let ports = if well_formed(&current.object) {
            current.object.subsets[0].ports.clone()
        } else {
            self.ports.clone()
        };
        Ok(self.adapter.set(current, addresses, ports).await?)
    }

    /// Takes this server away: what an earlier process left, before it serves.
    pub(crate) async fn remove(&self) -> Result<(), ReconcileError> {
        let _turn = self.lock.lock().await;
        match self.kind {
            ReconcilerType::None => Ok(()),
            ReconcilerType::Lease => {
                if !self.leases.remove(self.ip).await? {
                    return Ok(());
                }
                match self.merge().await {
                    // It was the only one, and is about to come back.
                    Err(ReconcileError::NoServers) => Ok(()),
                    other => other,
                }
            }
            ReconcilerType::MasterCount => {
                let current = self.adapter.get().await?;
                if !current.exists || current.object.subsets.is_empty() {
                    return Ok(());
                }
                let own = self.ip.to_string();
                let others = addresses(&current.object).into_iter().filter(|ip| *ip != own);
                let others = others.collect();
                self.set(current, others).await
            }
        }
    }

    /// Ends: this server is taken away and does not come back.
    pub(crate) async fn stop(&self) -> Result<(), ReconcileError> {
        self.stopped.store(true, Ordering::Release);
        self.remove().await
    }
}

fn well_formed(endpoints: &Endpoints) -> bool {
    endpoints.subsets.len() == 1
}

fn addresses(endpoints: &Endpoints) -> Vec<String> {
    let addresses = endpoints.subsets.iter().flat_map(|subset| &subset.addresses);
    addresses.map(|address| address.ip.clone()).collect()
}
