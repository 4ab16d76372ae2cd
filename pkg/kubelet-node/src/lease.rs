//! The node's lease: the sign of life that costs least.

use std::time::Duration;

use client_go::{Client, Error};
use k8s_api::coordination::v1::Lease;
use k8s_api::meta::v1::OwnerReference;
use k8s_api::primitives::MicroTime;

/// Where the leases of nodes lie.
const NAMESPACE: &str = "kube-node-lease";
const FIRST_PAUSE: Duration = Duration::from_millis(200);
const LAST_PAUSE: Duration = Duration::from_secs(7);
/// So many tries within one period.
const TRIES: u32 = 5;

/// Keeps a lease.
pub(crate) struct NodeLease {
    client: Client,
    node: String,
    seconds: i32,
    /// What was written last.
    held: Option<Lease>,
}

impl NodeLease {
    pub(crate) fn new(client: Client, node: String, seconds: i32) -> Self {
        Self {
            client,
            node,
            seconds,
            held: None,
        }
    }

    /// Renews the lease four times as often as it takes to end; never returns.
    pub(crate) async fn run(mut self, uid: impl Fn() -> Option<String>) {
        let period = Duration::from_secs(u64::try_from(self.seconds).unwrap_or_default()) / 4;
        loop {
            self.renew(&uid).await;
            let jitter = 1.0 + 0.04 * rand::random::<f64>();
            tokio::time::sleep(period.mul_f64(jitter)).await;
        }
    }

    async fn renew(&mut self, uid: &impl Fn() -> Option<String>) {
        if self.held.is_none() {
            self.ensure(uid).await;
            return;
        }
        for _ in 0..TRIES {
            match self.try_update(uid).await {
                Ok(()) => return,
                Err(error) if error.is_not_found() => {
                    self.held = None;
                    self.ensure(uid).await;
                    return;
                }
                Err(error) => {
                    tracing::error!(%error, "Failed to update lease");
                    if error.is_conflict() {
                        self.held = self.client.namespaced::<Lease>(NAMESPACE).get(&self.node).await.ok();
                        if self.held.is_none() {
                            break;
                        }
                    }
                }
            }
        }
        tracing::error!("Failed to update lease using latest lease, will retry");
        self.held = None;
    }

    async fn try_update(&mut self, uid: &impl Fn() -> Option<String>) -> Result<(), Error> {
        let lease = self.renewed(self.held.clone().unwrap_or_default(), uid);
        let written = self.client.namespaced::<Lease>(NAMESPACE).update(&lease).await?;
        self.held = Some(written);
        Ok(())
    }

    /// Finds or makes the lease, and renews it.
    async fn ensure(&mut self, uid: &impl Fn() -> Option<String>) {
        let api = self.client.namespaced::<Lease>(NAMESPACE);
        let mut pause = FIRST_PAUSE;
        loop {
            let outcome = match api.get_opt(&self.node).await {
                Ok(Some(found)) => api.update(&self.renewed(found, uid)).await,
                Ok(None) => api.create(&self.renewed(Lease::default(), uid)).await,
                Err(error) => Err(error),
            };
            match outcome {
                Ok(lease) => {
                    self.held = Some(lease);
                    return;
                }
                Err(error) => tracing::error!(%error, interval = ?pause, "Failed to ensure lease exists, will retry"),
            }
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(LAST_PAUSE);
        }
    }

    fn renewed(&self, mut lease: Lease, uid: &impl Fn() -> Option<String>) -> Lease {
        lease.metadata.name.clone_from(&self.node);
        NAMESPACE.clone_into(&mut lease.metadata.namespace);
        lease.spec.holder_identity = Some(self.node.clone());
        lease.spec.lease_duration_seconds = Some(self.seconds);
        lease.spec.renew_time = Some(MicroTime::now());
        // The lease goes with the node.
        if lease.metadata.owner_references.is_empty()
            && let Some(uid) = uid()
        {
            lease.metadata.owner_references = vec![OwnerReference {
                api_version: "v1".to_owned(),
                kind: "Node".to_owned(),
                name: self.node.clone(),
                uid,
                ..Default::default()
            }];
        }
        lease
    }
}
