//! What the cluster has: services, their endpoints, namespaces, and the way back from addresses to names.
//!
//! Writers are serialised by a mutex and rebuild only the service an event is about. Readers load a snapshot: persistent
//! maps share everything that did not change, so publishing one is cheap and readers never wait.

use std::collections::{BTreeMap, HashMap};
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use arc_swap::ArcSwap;
use parking_lot::Mutex;

/// A named port, as SRV records need it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Port {
    /// Name; empty ports have no SRV record of their own.
    pub name: String,
    /// `tcp`, `udp` or `sctp`.
    pub protocol: String,
    /// Number.
    pub port: u16,
}

/// What DNS reads of a Service.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Service {
    /// Namespace.
    pub namespace: String,
    /// Name.
    pub name: String,
    /// Addresses; empty for headless services.
    pub cluster_ips: Vec<IpAddr>,
    /// Target of an `ExternalName` service.
    pub external_name: Option<String>,
    /// Ports.
    pub ports: Vec<Port>,
}

/// One endpoint of a slice.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoint {
    /// Address.
    pub ip: IpAddr,
    /// `hostname`, if the pod has one in the service's subdomain.
    pub hostname: Option<String>,
    /// `conditions.ready`, true when absent. The slice controller sets it for every endpoint of a service that
    /// publishes not-ready addresses.
    pub ready: bool,
}

/// What DNS reads of an EndpointSlice.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EndpointSlice {
    /// Namespace.
    pub namespace: String,
    /// Name.
    pub name: String,
    /// The service named by the label `kubernetes.io/service-name`.
    pub service: String,
    /// Ports.
    pub ports: Vec<Port>,
    /// Endpoints.
    pub endpoints: Vec<Endpoint>,
}

/// A ready endpoint with the label it is known by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct NamedEndpoint {
    pub(crate) label: String,
    pub(crate) ip: IpAddr,
    pub(crate) ports: Arc<[Port]>,
}

/// A service as questions see it.
#[derive(Debug)]
pub(crate) struct Entry {
    /// `None` for endpoints whose service is not (yet) known.
    pub(crate) service: Option<Service>,
    pub(crate) endpoints: Vec<NamedEndpoint>,
}

impl Entry {
    pub(crate) fn is_headless(&self) -> bool {
        self.service
            .as_ref()
            .is_some_and(|service| service.cluster_ips.is_empty() && service.external_name.is_none())
    }
}

/// An address's name relative to `svc.<zone>`: `svc.ns` or `endpoint.svc.ns`. Owned by the service of that key.
type ReverseName = (Key, Arc<str>);

/// `name.namespace`.
pub(crate) type Key = Arc<str>;

type Map<K, V> = imbl::GenericHashMap<K, V, ahash::RandomState, imbl::shared_ptr::DefaultSharedPtr>;

/// An immutable view of everything.
#[derive(Clone, Debug, Default)]
pub(crate) struct Snapshot {
    pub(crate) services: Map<Key, Arc<Entry>>,
    /// Services by namespace, plus one for a namespace that was announced itself.
    pub(crate) namespaces: Map<Arc<str>, usize>,
    reverse: Map<IpAddr, Arc<[ReverseName]>>,
}

impl Snapshot {
    /// The names of an address, relative to `svc.<zone>`. A service's own address hides endpoints behind it.
    pub(crate) fn names_of(&self, ip: IpAddr) -> Vec<&str> {
        let Some(names) = self.reverse.get(&ip) else {
            return Vec::new();
        };
        let is_service = |(key, name): &&ReverseName| **key == **name;
        match names.iter().find(is_service) {
            Some((_, name)) => vec![name],
            None => names.iter().map(|(_, name)| &**name).collect(),
        }
    }

    fn add_reverse(&mut self, ip: IpAddr, key: &Key, name: Arc<str>) {
        let old = self.reverse.get(&ip).map_or(&[][..], |names| names);
        if old.iter().any(|(owner, known)| owner == key && *known == name) {
            return;
        }
        let mut names = old.to_vec();
        names.push((key.clone(), name));
        names.sort_unstable();
        self.reverse.insert(ip, names.into());
    }

    fn remove_reverse(&mut self, ip: IpAddr, key: &Key) {
        let Some(old) = self.reverse.get(&ip) else { return };
        let names: Vec<ReverseName> = old.iter().filter(|(owner, _)| owner != key).cloned().collect();
        if names.is_empty() {
            self.reverse.remove(&ip);
        } else {
            self.reverse.insert(ip, names.into());
        }
    }

    fn count_namespace(&mut self, namespace: &str, change: isize) {
        let count = self
            .namespaces
            .get(namespace)
            .copied()
            .unwrap_or(0)
            .saturating_add_signed(change);
        if count == 0 {
            self.namespaces.remove(namespace);
        } else {
            self.namespaces.insert(namespace.into(), count);
        }
    }
}

#[derive(Debug, Default)]
struct Sources {
    services: HashMap<Key, Service>,
    slices: HashMap<Key, BTreeMap<String, EndpointSlice>>,
    namespaces: std::collections::HashSet<String>,
}

/// The state behind the answers.
#[derive(Debug, Default)]
pub struct Store {
    sources: Mutex<Sources>,
    snapshot: ArcSwap<Snapshot>,
    serial: AtomicU32,
}

impl Store {
    /// An empty store.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    pub(crate) fn snapshot(&self) -> arc_swap::Guard<Arc<Snapshot>> {
        self.snapshot.load()
    }

    /// The serial number of the zone: grows with every change.
    pub(crate) fn serial(&self) -> u32 {
        self.serial.load(Ordering::Relaxed)
    }

    /// A service was added or changed.
    pub fn upsert_service(&self, service: Service) {
        let key = key(&service.namespace, &service.name);
        let mut sources = self.sources.lock();
        if sources.services.get(&key) == Some(&service) {
            return;
        }
        sources.services.insert(key.clone(), service);
        self.publish(&sources, &key);
    }

    /// A service is gone.
    pub fn delete_service(&self, namespace: &str, name: &str) {
        let key = key(namespace, name);
        let mut sources = self.sources.lock();
        if sources.services.remove(&key).is_some() {
            self.publish(&sources, &key);
        }
    }

    /// An EndpointSlice was added or changed.
    pub fn upsert_endpoint_slice(&self, slice: EndpointSlice) {
        let key = key(&slice.namespace, &slice.service);
        let mut sources = self.sources.lock();
        let slices = sources.slices.entry(key.clone()).or_default();
        if slices.get(&slice.name) == Some(&slice) {
            return;
        }
        slices.insert(slice.name.clone(), slice);
        self.publish(&sources, &key);
    }

    /// An EndpointSlice is gone.
    pub fn delete_endpoint_slice(&self, namespace: &str, service: &str, name: &str) {
        let key = key(namespace, service);
        let mut sources = self.sources.lock();
        let Some(slices) = sources.slices.get_mut(&key) else {
            return;
        };
        if slices.remove(name).is_none() {
            return;
        }
        if slices.is_empty() {
            sources.slices.remove(&key);
        }
        self.publish(&sources, &key);
    }

    /// A namespace exists: names of pods in it are answered, even if it has no service.
    pub fn upsert_namespace(&self, name: &str) {
        if self.sources.lock().namespaces.insert(name.to_owned()) {
            self.swap(|snapshot| snapshot.count_namespace(name, 1));
        }
    }

    /// A namespace is gone.
    pub fn delete_namespace(&self, name: &str) {
        if self.sources.lock().namespaces.remove(name) {
            self.swap(|snapshot| snapshot.count_namespace(name, -1));
        }
    }

    fn swap(&self, change: impl Fn(&mut Snapshot)) {
        // A namespace event may meet a service event, which holds the writers' lock: both retry until they win.
        self.snapshot.rcu(|snapshot| {
            let mut next = (**snapshot).clone();
            change(&mut next);
            next
        });
        self.serial.fetch_add(1, Ordering::Relaxed);
    }

    /// Rebuilds one service from its sources.
    fn publish(&self, sources: &Sources, key: &Key) {
        let service = sources.services.get(key);
        let endpoints = sources.slices.get(key).map(named_endpoints).unwrap_or_default();
        let entry = (service.is_some() || !endpoints.is_empty()).then(|| {
            Arc::new(Entry {
                service: service.cloned(),
                endpoints,
            })
        });
        self.swap(|snapshot| replace(snapshot, key, entry.clone()));
    }
}

fn replace(snapshot: &mut Snapshot, key: &Key, entry: Option<Arc<Entry>>) {
    let namespace = key.rsplit('.').next().unwrap_or_default();
    let old = match &entry {
        Some(entry) => snapshot.services.insert(key.clone(), entry.clone()),
        None => snapshot.services.remove(key),
    };
    snapshot.count_namespace(namespace, isize::from(entry.is_some()) - isize::from(old.is_some()));
    if let Some(old) = old {
        for ip in addresses(&old) {
            snapshot.remove_reverse(ip, key);
        }
    }
    if let Some(entry) = entry {
        for ip in entry.service.iter().flat_map(|service| &service.cluster_ips) {
            snapshot.add_reverse(*ip, key, key.clone());
        }
        for endpoint in &entry.endpoints {
            snapshot.add_reverse(endpoint.ip, key, format!("{}.{key}", endpoint.label).into());
        }
    }
}

fn addresses(entry: &Entry) -> impl Iterator<Item = IpAddr> {
    let services = entry
        .service
        .iter()
        .flat_map(|service| service.cluster_ips.iter().copied());
    services.chain(entry.endpoints.iter().map(|endpoint| endpoint.ip))
}

pub(crate) fn key(namespace: &str, name: &str) -> Key {
    format!("{name}.{namespace}").into()
}

/// The ready endpoints of all slices, each address once.
fn named_endpoints(slices: &BTreeMap<String, EndpointSlice>) -> Vec<NamedEndpoint> {
    let mut endpoints: BTreeMap<IpAddr, NamedEndpoint> = BTreeMap::new();
    for slice in slices.values() {
        let ports: Arc<[Port]> = slice.ports.clone().into();
        for endpoint in slice.endpoints.iter().filter(|endpoint| endpoint.ready) {
            let label = match endpoint.hostname.as_deref() {
                Some(hostname) if !hostname.is_empty() => hostname.to_ascii_lowercase(),
                _ => address_label(endpoint.ip),
            };
            let new = NamedEndpoint {
                label,
                ip: endpoint.ip,
                ports: ports.clone(),
            };
            endpoints.entry(endpoint.ip).or_insert(new);
        }
    }
    endpoints.into_values().collect()
}

/// `10-1-2-3`, `2001-db8--1`.
pub(crate) fn address_label(ip: IpAddr) -> String {
    ip.to_string().replace(['.', ':'], "-")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn slice(name: &str, ips: &[&str]) -> EndpointSlice {
        EndpointSlice {
            namespace: "ns".into(),
            name: name.into(),
            service: "svc".into(),
            ports: vec![],
            endpoints: ips
                .iter()
                .map(|ip| Endpoint {
                    ip: ip.parse().unwrap(),
                    hostname: None,
                    ready: true,
                })
                .collect(),
        }
    }

    #[test]
    fn reverse_names_follow_their_owners() {
        let store = Store::new();
        let ip: IpAddr = "10.0.0.1".parse().unwrap();
        let service = Service {
            namespace: "ns".into(),
            name: "svc".into(),
            cluster_ips: vec![ip],
            ..Service::default()
        };
        store.upsert_endpoint_slice(slice("a", &["10.0.0.1", "10.0.0.2"]));
        assert_eq!(store.snapshot().names_of(ip), ["10-0-0-1.svc.ns"]);
        store.upsert_service(service);
        assert_eq!(
            store.snapshot().names_of(ip),
            ["svc.ns"],
            "the service hides the endpoint"
        );
        store.delete_service("ns", "svc");
        assert_eq!(store.snapshot().names_of(ip), ["10-0-0-1.svc.ns"]);
        store.delete_endpoint_slice("ns", "svc", "a");
        let snapshot = store.snapshot();
        assert!(snapshot.names_of(ip).is_empty() && snapshot.services.is_empty() && snapshot.namespaces.is_empty());
    }

    #[test]
    fn an_event_without_a_change_publishes_nothing() {
        let store = Store::new();
        store.upsert_endpoint_slice(slice("a", &["10.0.0.1"]));
        let serial = store.serial();
        store.upsert_endpoint_slice(slice("a", &["10.0.0.1"]));
        store.delete_endpoint_slice("ns", "svc", "unknown");
        store.delete_service("ns", "svc");
        assert_eq!(store.serial(), serial);
    }

    #[test]
    fn namespaces_last_as_long_as_somebody_names_them() {
        let store = Store::new();
        store.upsert_namespace("ns");
        store.upsert_namespace("ns");
        store.upsert_endpoint_slice(slice("a", &["10.0.0.1"]));
        store.delete_namespace("ns");
        assert!(store.snapshot().namespaces.contains_key("ns"));
        store.delete_endpoint_slice("ns", "svc", "a");
        assert!(!store.snapshot().namespaces.contains_key("ns"));
    }
}
