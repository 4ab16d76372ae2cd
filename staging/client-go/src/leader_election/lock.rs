//! The record that candidates compete for, and the Lease that holds it.

use k8s_api::coordination::v1::{Lease, LeaseSpec};
use k8s_api::primitives::MicroTime;

use crate::api::Api;
use crate::rest::{Client, Error};

/// Who leads, since when.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Record {
    /// The leader; empty if there is none.
    pub holder: String,
    /// How long the others wait after a renewal.
    pub lease_duration_seconds: i32,
    /// When the leader began, by its clock.
    pub acquired: Option<MicroTime>,
    /// When the leader renewed last, by its clock.
    pub renewed: Option<MicroTime>,
    /// How often leaders have changed.
    pub transitions: i32,
}

/// What an update must be based on.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Version(pub Lease);

/// Where the record is kept. Updates are compare-and-swap.
pub trait Lock: Send + Sync {
    /// For messages and metrics.
    fn name(&self) -> &str;

    /// Reads the record; `None` if there is none yet.
    fn get(&self) -> impl Future<Output = Result<Option<(Record, Version)>, Error>> + Send;

    /// Makes the record; fails if there is one.
    fn create(&self, record: &Record) -> impl Future<Output = Result<Version, Error>> + Send;

    /// Changes the record; fails if it is not of this version any more.
    fn update(&self, record: &Record, version: &Version) -> impl Future<Output = Result<Version, Error>> + Send;
}

/// A Lease as the lock.
#[derive(Clone, Debug)]
pub struct LeaseLock {
    api: Api<Lease>,
    namespace: String,
    name: String,
}

impl LeaseLock {
    /// The Lease of this name.
    #[must_use]
    pub fn new(client: &Client, namespace: &str, name: &str) -> Self {
        Self {
            api: client.namespaced(namespace),
            namespace: namespace.to_owned(),
            name: name.to_owned(),
        }
    }
}

fn record_of(spec: &LeaseSpec) -> Record {
    Record {
        holder: spec.holder_identity.clone().unwrap_or_default(),
        lease_duration_seconds: spec.lease_duration_seconds.unwrap_or(0),
        acquired: spec.acquire_time,
        renewed: spec.renew_time,
        transitions: spec.lease_transitions.unwrap_or(0),
    }
}

fn write(record: &Record, spec: &mut LeaseSpec) {
    spec.holder_identity = Some(record.holder.clone());
    spec.lease_duration_seconds = Some(record.lease_duration_seconds);
    spec.acquire_time = record.acquired;
    spec.renew_time = record.renewed;
    spec.lease_transitions = Some(record.transitions);
}

impl Lock for LeaseLock {
    fn name(&self) -> &str {
        &self.name
    }

    async fn get(&self) -> Result<Option<(Record, Version)>, Error> {
        let lease = self.api.get_opt(&self.name).await?;
        Ok(lease.map(|lease| (record_of(&lease.spec), Version(lease))))
    }

    async fn create(&self, record: &Record) -> Result<Version, Error> {
        let mut lease = Lease::default();
        lease.metadata.name.clone_from(&self.name);
        lease.metadata.namespace.clone_from(&self.namespace);
        write(record, &mut lease.spec);
        self.api.create(&lease).await.map(Version)
    }

    async fn update(&self, record: &Record, version: &Version) -> Result<Version, Error> {
        let mut lease = version.0.clone();
        write(record, &mut lease.spec);
        self.api.update(&lease).await.map(Version)
    }
}
