//! Endpoints of one IP family and the tracker that merges a service's EndpointSlices.
//!
//! Endpoints may move between slices, so slices are kept apart and merged for each sync; only services whose slices
//! changed since the last sync are merged again. Counterpart upstream: `endpoint.go`, `endpointslicecache.go`,
//! `endpointschangetracker.go`.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use crate::types::{EndpointSlice, Hints, IpFamily, NamespacedName, PortKey, Protocol};

/// One endpoint of a service port.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoint {
    /// Address.
    pub ip: IpAddr,
    /// Port.
    pub port: u16,
    /// Runs on this node.
    pub local: bool,
    /// Takes new traffic.
    pub ready: bool,
    /// Would be ready if it were not terminating.
    pub serving: bool,
    /// Is being deleted.
    pub terminating: bool,
    /// Topology hints.
    pub hints: Option<Arc<Hints>>,
}

impl Endpoint {
    /// Serving although it terminates: the fallback when nothing is ready.
    #[must_use]
    pub fn serving_terminating(&self) -> bool {
        self.serving && self.terminating
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        SocketAddr::new(self.ip, self.port).fmt(f)
    }
}

/// Endpoints of one service, by port, each list sorted by address and port.
pub type ServiceEndpoints = BTreeMap<PortKey, Arc<[Endpoint]>>;

/// The applied endpoints, by service.
pub type EndpointsMap = HashMap<NamespacedName, ServiceEndpoints>;

#[derive(Debug, Default)]
struct Slices {
    applied: BTreeMap<Arc<str>, Arc<EndpointSlice>>,
    pending: BTreeMap<Arc<str>, Option<Arc<EndpointSlice>>>,
}

/// What a sync learns from [`EndpointsChangeTracker::checkout`].
#[derive(Debug, Default)]
pub struct EndpointsUpdate {
    /// Services whose slices changed.
    pub services: HashSet<NamespacedName>,
    /// Those of them that have or had UDP endpoints, whose conntrack entries may be stale.
    pub udp_services: HashSet<NamespacedName>,
    /// When the changes were made in the cluster, for the programming latency metric.
    pub trigger_times: Vec<jiff::Timestamp>,
}

/// Collects changes of EndpointSlices until a sync takes them.
#[derive(Debug)]
pub struct EndpointsChangeTracker {
    family: IpFamily,
    node_name: Arc<str>,
    slices: HashMap<NamespacedName, Slices>,
    changed: HashSet<NamespacedName>,
    trigger_times: HashMap<NamespacedName, Vec<jiff::Timestamp>>,
    started: jiff::Timestamp,
    applied: EndpointsMap,
    total: usize,
}

impl EndpointsChangeTracker {
    /// A tracker without slices for the node of the given name.
    pub fn new(family: IpFamily, node_name: impl Into<Arc<str>>) -> Self {
        Self {
            family,
            node_name: node_name.into(),
            slices: HashMap::new(),
            changed: HashSet::new(),
            trigger_times: HashMap::new(),
            started: jiff::Timestamp::now(),
            applied: HashMap::new(),
            total: 0,
        }
    }

    /// Notes that a slice was added or changed. Returns true when a sync is due.
    pub fn update(&mut self, slice: Arc<EndpointSlice>) -> bool {
        if slice.family != Some(self.family) {
            return false;
        }
        let entry = self.slices.entry(slice.service.clone()).or_default();
        let known = match entry.pending.get(&slice.name) {
            Some(pending) => pending.as_ref(),
            None => entry.applied.get(&slice.name),
        };
        if known.is_some_and(|known| same_content(known, &slice)) {
            return false;
        }
        if let Some(time) = slice.last_change_trigger_time.filter(|time| *time > self.started) {
            self.trigger_times.entry(slice.service.clone()).or_default().push(time);
        }
        self.changed.insert(slice.service.clone());
        entry.pending.insert(slice.name.clone(), Some(slice));
        true
    }

    /// Notes that a slice is gone. Returns true when a sync is due.
    pub fn delete(&mut self, service: &NamespacedName, name: &str) -> bool {
        let Some(entry) = self.slices.get_mut(service) else {
            return false;
        };
        let known = match entry.pending.get(name) {
            Some(pending) => pending.is_some(),
            None => entry.applied.contains_key(name),
        };
        if !known {
            return false;
        }
        entry.pending.insert(name.into(), None);
        self.trigger_times.remove(service);
        self.changed.insert(service.clone());
        true
    }

    /// Number of services with pending slices.
    #[must_use]
    pub fn pending(&self) -> usize {
        self.changed.len()
    }

    /// The applied state.
    #[must_use]
    pub fn applied(&self) -> &EndpointsMap {
        &self.applied
    }

    /// Number of applied endpoints over all service ports.
    #[must_use]
    pub fn total(&self) -> usize {
        self.total
    }

    /// Every slice known, applied or pending, with its service: what a replacing list has to be held against.
    #[must_use]
    pub fn known(&self) -> HashSet<(NamespacedName, Arc<str>)> {
        self.slices
            .iter()
            .flat_map(|(service, slices)| {
                let names = slices.applied.keys().chain(slices.pending.keys());
                names.map(|name| (service.clone(), name.clone()))
            })
            .collect()
    }

    /// Applies all pending changes.
    pub fn checkout(&mut self) -> EndpointsUpdate {
        let mut update = EndpointsUpdate::default();
        for service in std::mem::take(&mut self.changed) {
            let Some(entry) = self.slices.get_mut(&service) else {
                continue;
            };
            for (name, slice) in std::mem::take(&mut entry.pending) {
                match slice {
                    Some(slice) => entry.applied.insert(name, slice),
                    None => entry.applied.remove(&name),
                };
            }
            let current = merge(entry.applied.values(), &self.node_name);
            if entry.applied.is_empty() {
                self.slices.remove(&service);
            }
            let has_udp = current.keys().any(|port| port.protocol == Protocol::Udp);
            self.total += count(&current);
            let previous = if current.is_empty() {
                self.applied.remove(&service)
            } else {
                self.applied.insert(service.clone(), current)
            }
            .unwrap_or_default();
            self.total -= count(&previous);
            if has_udp || previous.keys().any(|port| port.protocol == Protocol::Udp) {
                update.udp_services.insert(service.clone());
            }
            if let Some(times) = self.trigger_times.remove(&service) {
                update.trigger_times.extend(times);
            }
            update.services.insert(service);
        }
        update
    }
}

/// Equal but for the trigger time, which alone is no reason for a sync.
fn same_content(a: &EndpointSlice, b: &EndpointSlice) -> bool {
    a.ports == b.ports && a.endpoints == b.endpoints && a.family == b.family
}

fn count(endpoints: &ServiceEndpoints) -> usize {
    endpoints.values().map(|list| list.len()).sum()
}

fn merge<'a>(slices: impl Iterator<Item = &'a Arc<EndpointSlice>>, node_name: &str) -> ServiceEndpoints {
    let mut merged: BTreeMap<PortKey, BTreeMap<(IpAddr, u16), Endpoint>> = BTreeMap::new();
    for slice in slices {
        for port in &slice.ports {
            let set = merged.entry(port.key.clone()).or_default();
            for endpoint in &slice.endpoints {
                let key = (endpoint.ip, port.port);
                // Two pods may share an address for a moment, when a new one gets that of a terminating one: the
                // one that stays wins.
                if endpoint.terminating && set.contains_key(&key) {
                    continue;
                }
                let local = !node_name.is_empty() && endpoint.node_name.as_deref() == Some(node_name);
                set.insert(
                    key,
                    Endpoint {
                        ip: endpoint.ip,
                        port: port.port,
                        local,
                        ready: endpoint.ready,
                        serving: endpoint.serving,
                        terminating: endpoint.terminating,
                        hints: endpoint.hints.clone(),
                    },
                );
            }
        }
    }
    merged
        .into_iter()
        .filter(|(_, set)| !set.is_empty())
        .map(|(port, set)| (port, set.into_values().collect()))
        .collect()
}

/// Number of different addresses of ready endpoints on this node: what a health check node port reports.
#[must_use]
pub fn local_ready_addresses(endpoints: &ServiceEndpoints) -> usize {
    let ready: HashSet<IpAddr> = endpoints
        .values()
        .flat_map(|list| list.iter())
        .filter(|endpoint| endpoint.ready && endpoint.local)
        .map(|endpoint| endpoint.ip)
        .collect();
    ready.len()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::{EndpointPort, SliceEndpoint};

    fn slice(name: &str, ips: &[(&str, bool)]) -> Arc<EndpointSlice> {
        Arc::new(EndpointSlice {
            service: NamespacedName::new("ns", "svc"),
            name: name.into(),
            family: Some(IpFamily::V4),
            ports: vec![EndpointPort {
                key: PortKey {
                    name: "p".into(),
                    protocol: Protocol::Udp,
                },
                port: 53,
            }],
            endpoints: ips
                .iter()
                .map(|(ip, terminating)| SliceEndpoint {
                    ip: ip.parse().unwrap(),
                    node_name: Some("here".into()),
                    ready: !terminating,
                    serving: true,
                    terminating: *terminating,
                    hints: None,
                })
                .collect(),
            last_change_trigger_time: None,
        })
    }

    fn applied(tracker: &EndpointsChangeTracker) -> Vec<String> {
        tracker
            .applied()
            .values()
            .flat_map(|ports| ports.values())
            .flat_map(|list| list.iter())
            .map(ToString::to_string)
            .collect()
    }

    #[test]
    fn slices_of_a_service_are_merged() {
        let mut tracker = EndpointsChangeTracker::new(IpFamily::V4, "here");
        assert!(tracker.update(slice("a", &[("10.1.0.2", false)])));
        assert!(tracker.update(slice("b", &[("10.1.0.1", false), ("10.1.0.2", true)])));
        assert!(!tracker.update(slice("b", &[("10.1.0.1", false), ("10.1.0.2", true)])));
        let update = tracker.checkout();
        assert_eq!(update.udp_services.len(), 1);
        assert_eq!(applied(&tracker), ["10.1.0.1:53", "10.1.0.2:53"]);
        assert_eq!(tracker.total(), 2);
        let list = tracker
            .applied()
            .values()
            .next()
            .and_then(|ports| ports.values().next())
            .expect("endpoints")
            .clone();
        assert!(
            list[1].ready && !list[1].terminating && list[1].local,
            "the running pod wins over the terminating one"
        );
        assert!(
            tracker.checkout().services.is_empty(),
            "a checkout empties the pending changes"
        );
    }

    #[test]
    fn an_endpoint_that_moves_between_slices_is_never_lost() {
        let mut tracker = EndpointsChangeTracker::new(IpFamily::V4, "here");
        tracker.update(slice("a", &[("10.1.0.1", false)]));
        tracker.checkout();
        tracker.update(slice("b", &[("10.1.0.1", false)]));
        tracker.checkout();
        assert!(tracker.delete(&NamespacedName::new("ns", "svc"), "a"));
        tracker.checkout();
        assert_eq!(applied(&tracker), ["10.1.0.1:53"]);
        assert!(tracker.delete(&NamespacedName::new("ns", "svc"), "b"));
        assert!(!tracker.delete(&NamespacedName::new("ns", "svc"), "b"));
        let update = tracker.checkout();
        assert_eq!(
            update.udp_services.len(),
            1,
            "the UDP port that went away needs a clean-up as well"
        );
        assert!(tracker.applied().is_empty());
        assert_eq!(tracker.total(), 0);
        assert!(tracker.known().is_empty());
    }

    #[test]
    fn other_families_are_ignored() {
        let mut tracker = EndpointsChangeTracker::new(IpFamily::V6, "here");
        assert!(!tracker.update(slice("a", &[("10.1.0.1", false)])));
    }

    #[test]
    fn ready_addresses_are_counted_once_over_ports() {
        let mut tracker = EndpointsChangeTracker::new(IpFamily::V4, "here");
        let mut two_ports = (*slice("a", &[("10.1.0.1", false), ("10.1.0.2", true)])).clone();
        two_ports.ports.push(EndpointPort {
            key: PortKey {
                name: "q".into(),
                protocol: Protocol::Tcp,
            },
            port: 54,
        });
        tracker.update(Arc::new(two_ports));
        tracker.checkout();
        assert_eq!(
            local_ready_addresses(&tracker.applied()[&NamespacedName::new("ns", "svc")]),
            1
        );
    }
}
