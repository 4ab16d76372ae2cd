//! Cluster IPs: every address of a Service has its `IPAddress`, every `IPAddress` of ours its Service.
//!
//! One look at everything when the server starts, then at what changes, and at everything again from time to time.

use std::{
    collections::HashSet,
    net::IpAddr,
    time::{Duration, Instant},
};

use apimachinery::{
    names::parse_ip_sloppy,
    selectors::{FieldSelector, Selector},
    status::StatusError,
};
use apis_core::core::service::{CLUSTER_IP_NONE, TYPE_EXTERNAL_NAME, family_of};
use apiserver::{
    cacher::{Cacher, Predicate, WatchItem, WatchStart, WatchStream},
    registry::Local,
};
use ipnet::IpNet;
use jiff::Timestamp;
use k8s_api::{
    core::v1::Service,
    meta::v1::DeleteOptions,
    networking::v1::{IPAddress, ServiceCIDR},
    primitives::Time,
};
use tokio_util::sync::CancellationToken;

use super::Reporter;
use crate::addresses::{FAMILY_LABEL, MANAGED_BY_LABEL, MANAGER, ip_address};

/// How old an address without a Service may be: as long as a request can take.
const GRACE: Duration = Duration::from_secs(60);
/// How young an address may be that its Service does not have: a creation that failed gives it back shortly.
const SETTLING: Duration = Duration::from_secs(5);
/// The pause before something that failed is tried again.
const RETRY: Duration = Duration::from_secs(1);

/// What is to be looked at.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Key {
    /// Namespace and name.
    Service(String, String),
    Address(String),
}

/// Repairs the addresses of Services.
#[derive(Debug)]
pub struct AddressRepair {
    services: Local<Service>,
    addresses: Local<IPAddress>,
    cidrs: Local<ServiceCIDR>,
    reporter: Reporter,
}

impl AddressRepair {
    /// A repair of the objects in these stores.
    #[must_use]
    pub fn new(
        services: Local<Service>,
        addresses: Local<IPAddress>,
        cidrs: Local<ServiceCIDR>,
        reporter: Reporter,
    ) -> Self {
        Self {
            services,
            addresses,
            cidrs,
            reporter,
        }
    }

    /// Looks at every Service, then at every address.
    ///
    /// # Errors
    /// What the store says.
    pub async fn run_once(&self) -> Result<(), StatusError> {
        for service in self.services.list_cached("")? {
            self.check_service(&service).await?;
        }
        for address in self.addresses.list_cached("")? {
            self.check_address(&address).await?;
        }
        Ok(())
    }

    /// Looks at what changes, and every `interval` at everything, until `stop` is cancelled.
    pub async fn run(self, interval: Duration, stop: CancellationToken) {
        let mut later: Vec<(Instant, Key)> = Vec::new();
        while !stop.is_cancelled() {
            let watches = (
                watch(self.services.store().cacher(), true).await,
                watch(self.addresses.store().cacher(), false).await,
            );
            let (Some(mut services), Some(mut addresses)) = watches else {
                tokio::time::sleep(RETRY).await;
                continue;
            };
            if let Err(error) = self.run_once().await {
                tracing::error!(%error, "cannot repair the cluster IPs");
            }
            let again = Instant::now() + interval;
            loop {
                let wake = later.iter().map(|(due, _)| *due).chain([again]).min().unwrap_or(again);
                let mut due: HashSet<Key> = HashSet::new();
                tokio::select! {
                    () = stop.cancelled() => return,
                    () = tokio::time::sleep_until(wake.into()) => {}
                    item = services.next() => match item {
                        Some(item) => due.extend(key_of(&item, Key::Service)),
                        None => break,
                    },
                    item = addresses.next() => match item {
                        Some(item) => due.extend(key_of(&item, |_, name| Key::Address(name))),
                        None => break,
                    },
                }
                let now = Instant::now();
                if now >= again {
                    break;
                }
                later.retain(|(at, key)| {
                    let is_due = *at <= now;
                    if is_due {
                        due.insert(key.clone());
                    }
                    !is_due
                });
                for key in due {
                    if let Some(delay) = self.check(&key).await {
                        later.push((Instant::now() + delay, key));
                    }
                }
            }
        }
    }

    /// Looks at one object; says when to look again.
    async fn check(&self, key: &Key) -> Option<Duration> {
        let result = match key {
            Key::Service(namespace, name) => match self.services.cached(namespace, name) {
                Ok(Some(service)) => self.check_service(&service).await.map(|()| None),
                Ok(None) => Ok(None),
                Err(error) => Err(error),
            },
            Key::Address(name) => match self.addresses.cached("", name) {
                Ok(Some(address)) => self.check_address(&address).await,
                Ok(None) => Ok(None),
                Err(error) => Err(error),
            },
        };
        result.unwrap_or_else(|error| {
            tracing::warn!(?key, %error, "cannot repair a cluster IP, trying again");
            Some(RETRY)
        })
    }

    /// Every address of the Service is its own.
    async fn check_service(&self, service: &Service) -> Result<(), StatusError> {
        let spec = &service.spec;
        if spec.type_ == TYPE_EXTERNAL_NAME || spec.cluster_ip.is_empty() || spec.cluster_ip == CLUSTER_IP_NONE {
            return Ok(());
        }
        for text in &spec.cluster_ips {
            match parse_ip_sloppy(text) {
                Some(ip) => self.check_cluster_ip(service, ip).await?,
                None => {
                    let message = format!("Cluster IP {text} is not a valid IP; please recreate Service");
                    self.warn(service, "ClusterIPNotValid", "ClusterIPValidation", message)
                        .await;
                }
            }
        }
        Ok(())
    }

    async fn check_cluster_ip(&self, service: &Service, ip: IpAddr) -> Result<(), StatusError> {
        let text = ip.to_string();
        let family = family_of(&text);
        let (namespace, name) = (&service.metadata.namespace, &service.metadata.name);
        let warn = async |reason: &str, message: String| {
            self.warn(service, reason, "ClusterIPAllocation", message).await;
        };
        if !self.in_some_range(ip)? {
            let message = format!(
                "Cluster IP [{family}]: {ip} is not within any configured Service CIDR; please recreate service"
            );
            warn("ClusterIPOutOfRange", message).await;
            return Ok(());
        }
        let as_it_should_be = |address: &IPAddress| is_labelled(address, family) && refers_to(address, namespace, name);
        if self
            .addresses
            .cached("", &text)?
            .is_some_and(|address| as_it_should_be(&address))
        {
            return Ok(());
        }
        let Some(address) = self.addresses.get("", &text).await? else {
            // The cache may show a Service that is gone by now, or has given the address back.
            let current = self.services.get(namespace, name).await?;
            if !current.is_some_and(|service| service.spec.cluster_ips.contains(&text)) {
                return Ok(());
            }
            let message = format!("Cluster IP [{family}]: {ip} is not allocated; repairing");
            warn("ClusterIPNotAllocated", message).await;
            return self.addresses.create(&ip_address(service, ip)).await.map(drop);
        };
        let wrong = || {
            format!("the ClusterIP [{family}]: {ip} for Service {namespace}/{name} has a wrong reference; repairing")
        };
        let parent = address.spec.parent_ref.as_deref().cloned().unwrap_or_default();
        if !parent.group.is_empty() || parent.resource != "services" {
            warn("ClusterIPNotAllocated", wrong()).await;
            return self.recreate(service, ip).await;
        }
        if parent.namespace != *namespace || parent.name != *name {
            let Some(other) = self.services.get(&parent.namespace, &parent.name).await? else {
                warn("ClusterIPNotAllocated", wrong()).await;
                return self.recreate(service, ip).await;
            };
            if other.spec.cluster_ips.contains(&address.metadata.name) {
                let message =
                    format!("Cluster IP [{family}]:{ip} was assigned to multiple services; please recreate service");
                warn("ClusterIPAlreadyAllocated", message).await;
            }
        }
        if !is_labelled(&address, family) {
            return self.recreate(service, ip).await;
        }
        Ok(())
    }

    /// An address of ours has a Service that has it. Says when to look again if it is too young to tell.
    async fn check_address(&self, address: &IPAddress) -> Result<Option<Duration>, StatusError> {
        if address
            .metadata
            .labels
            .get(MANAGED_BY_LABEL)
            .is_none_or(|manager| manager != MANAGER)
        {
            return Ok(None);
        }
        let name = &address.metadata.name;
        let parent = address.spec.parent_ref.as_deref().cloned().unwrap_or_default();
        if !parent.group.is_empty() || parent.resource != "services" {
            let message =
                format!("IPAddress {name} appears to have been modified, not referencing a Service: cleaning up");
            return self.remove(address, "IPAddressNotAllocated", message).await;
        }
        let age = age(address.metadata.creation_timestamp);
        let Some(service) = self.services.get(&parent.namespace, &parent.name).await? else {
            if age <= GRACE {
                return Ok(Some(GRACE.saturating_sub(age) + RETRY));
            }
            let message = format!(
                "IPAddress: {name} for Service {}/{} appears to have leaked: cleaning up",
                parent.namespace, parent.name
            );
            return self.remove(address, "IPAddressNotAllocated", message).await;
        };
        if service.spec.cluster_ips.contains(name) {
            return Ok(None);
        }
        if service.spec.type_ == TYPE_EXTERNAL_NAME && age < GRACE {
            return Ok(Some(GRACE.saturating_sub(age)));
        }
        if address.metadata.creation_timestamp > service.metadata.creation_timestamp && age < SETTLING {
            return Ok(Some(SETTLING));
        }
        let message = format!(
            "IPAddress: {name} for Service {}/{} has a wrong reference; cleaning up",
            service.metadata.namespace, service.metadata.name
        );
        self.remove(address, "IPAddressWrongReference", message).await
    }

    async fn warn(&self, service: &Service, reason: &str, action: &str, message: String) {
        self.reporter.warn(service, reason, action, message).await;
    }

    async fn remove(
        &self,
        address: &IPAddress,
        reason: &str,
        message: String,
    ) -> Result<Option<Duration>, StatusError> {
        self.reporter
            .warn(address, reason, "IPAddressAllocation", message)
            .await;
        self.delete(&address.metadata.name).await.map(|()| None)
    }

    async fn delete(&self, name: &str) -> Result<(), StatusError> {
        match self.addresses.delete("", name, &DeleteOptions::default()).await {
            Err(status) if !status.is_not_found() => Err(status),
            _ => Ok(()),
        }
    }

    async fn recreate(&self, service: &Service, ip: IpAddr) -> Result<(), StatusError> {
        self.delete(&ip.to_string()).await?;
        self.addresses.create(&ip_address(service, ip)).await.map(drop)
    }

    fn in_some_range(&self, ip: IpAddr) -> Result<bool, StatusError> {
        let cidrs = self.cidrs.list_cached("")?;
        let mut ranges = cidrs.iter().flat_map(|object| &object.spec.cidrs);
        Ok(ranges.any(|cidr| cidr.parse::<IpNet>().is_ok_and(|cidr| cidr.contains(&ip))))
    }
}

fn refers_to(address: &IPAddress, namespace: &str, name: &str) -> bool {
    address.spec.parent_ref.as_ref().is_some_and(|parent| {
        parent.group.is_empty() && parent.resource == "services" && parent.namespace == namespace && parent.name == name
    })
}

fn is_labelled(address: &IPAddress, family: &str) -> bool {
    let label = |key: &str, value: &str| address.metadata.labels.get(key).is_some_and(|found| found == value);
    label(FAMILY_LABEL, family) && label(MANAGED_BY_LABEL, MANAGER)
}

/// How long ago; an unknown time is long ago.
fn age(created: Option<Time>) -> Duration {
    let Some(created) = created else { return Duration::MAX };
    let elapsed = Timestamp::now().duration_since(Timestamp::from(created));
    elapsed.try_into().unwrap_or_default()
}

/// The changes of a resource from now on.
async fn watch(cacher: &Cacher, namespaced: bool) -> Option<WatchStream> {
    let predicate = Predicate::new(
        namespaced,
        "",
        Selector::EVERYTHING,
        &FieldSelector::EVERYTHING,
        &[],
        &[],
    );
    let start = WatchStart::Behind(cacher.snapshot().revision);
    cacher.watch(predicate.ok()?, start, false, false).await.ok()
}

fn key_of(item: &WatchItem, key: impl FnOnce(String, String) -> Key) -> Option<Key> {
    let object = match item {
        WatchItem::Initial(object) => object,
        WatchItem::Event(kind, event) => event.object_for(*kind),
        WatchItem::Bookmark(_) | WatchItem::InitialEnd(_) => return None,
    };
    Some(key(object.namespace().to_owned(), object.name().to_owned()))
}
