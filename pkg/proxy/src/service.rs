//! Service ports of one IP family and the tracker that collects their changes between syncs.
//!
//! Counterpart upstream: `serviceport.go`, `servicechangetracker.go`.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::net::IpAddr;
use std::sync::Arc;

use ipnet::IpNet;

use crate::types::{IpFamily, NamespacedName, PortKey, Service, ServicePort, ServiceType};

/// Everything about one service port that rules depend on, reduced to one IP family.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServicePortInfo {
    /// Cluster IP.
    pub cluster_ip: IpAddr,
    /// Port on the cluster, external and load balancer addresses.
    pub port: u16,
    /// Protocol.
    pub protocol: crate::types::Protocol,
    /// Node port, 0 when there is none.
    pub node_port: u16,
    /// External IPs.
    pub external_ips: Vec<IpAddr>,
    /// Load balancer addresses that packets arrive with.
    pub load_balancer_vips: Vec<IpAddr>,
    /// Allowed sources for the load balancer addresses; empty means any.
    pub load_balancer_source_ranges: Vec<IpNet>,
    /// Session affinity timeout in seconds, when affinity is by client IP.
    pub affinity_seconds: Option<u32>,
    /// Health check node port, 0 when there is none.
    pub health_check_node_port: u16,
    /// External traffic goes to endpoints of this node only.
    pub external_policy_local: bool,
    /// Internal traffic goes to endpoints of this node only.
    pub internal_policy_local: bool,
}

impl ServicePortInfo {
    fn new(service: &Service, port: &ServicePort, cluster_ip: IpAddr, family: IpFamily) -> Self {
        let of_family = |ip: &IpAddr| IpFamily::of(*ip) == family;
        let mut source_ranges: Vec<IpNet> = service
            .load_balancer_source_ranges
            .iter()
            .filter_map(|text| text.trim().parse::<IpNet>().ok())
            .filter(|net| of_family(&net.addr()))
            .map(|net| net.trunc())
            .collect();
        // A range of everything is the same as no restriction.
        if source_ranges.iter().any(|net| net.prefix_len() == 0) {
            source_ranges.clear();
        }
        let external_policy_local = external_policy_local(service);
        let health_check_node_port = if service.type_ == ServiceType::LoadBalancer && external_policy_local {
            if service.health_check_node_port == 0 {
                tracing::error!(service = %service.key(), "service has no healthcheck nodeport");
            }
            service.health_check_node_port
        } else {
            0
        };
        Self {
            cluster_ip,
            port: port.port,
            protocol: port.protocol,
            node_port: port.node_port,
            external_ips: service
                .external_ips
                .iter()
                .filter_map(|ip| ip.parse().ok())
                .filter(of_family)
                .collect(),
            load_balancer_vips: service
                .load_balancer_ingress
                .iter()
                .filter(|ingress| !ingress.proxy_mode)
                .filter_map(|ingress| ingress.ip.parse().ok())
                .filter(of_family)
                .collect(),
            load_balancer_source_ranges: source_ranges,
            affinity_seconds: service.client_ip_affinity_seconds,
            health_check_node_port,
            external_policy_local,
            internal_policy_local: service.internal_traffic_policy_local,
        }
    }

    /// True when the port is reachable by anything but the cluster IP.
    #[must_use]
    pub fn externally_accessible(&self) -> bool {
        self.node_port != 0 || !self.load_balancer_vips.is_empty() || !self.external_ips.is_empty()
    }

    /// True when some traffic may go to any endpoint of the cluster. External traffic counts even under the Local
    /// policy, because traffic from pods and from the node itself is short-circuited to all endpoints.
    #[must_use]
    pub fn uses_cluster_endpoints(&self) -> bool {
        !self.internal_policy_local || self.externally_accessible()
    }

    /// True when some traffic may go to this node's endpoints only.
    #[must_use]
    pub fn uses_local_endpoints(&self) -> bool {
        self.internal_policy_local || (self.external_policy_local && self.externally_accessible())
    }
}

fn external_policy_local(service: &Service) -> bool {
    let external = match service.type_ {
        ServiceType::LoadBalancer | ServiceType::NodePort => true,
        ServiceType::ClusterIp => !service.external_ips.is_empty(),
        ServiceType::ExternalName => false,
    };
    external && service.external_traffic_policy_local
}

/// Ports of one service.
pub type ServicePorts = BTreeMap<PortKey, Arc<ServicePortInfo>>;

/// The applied service ports, by service.
pub type ServicePortMap = HashMap<NamespacedName, ServicePorts>;

/// Reduces a service to its ports in one family; empty when it has no address there.
#[must_use]
pub fn service_ports(service: &Service, family: IpFamily) -> ServicePorts {
    if service.type_ == ServiceType::ExternalName {
        return ServicePorts::new();
    }
    let cluster_ip = service
        .cluster_ips
        .iter()
        .filter_map(|ip| ip.parse::<IpAddr>().ok())
        .find(|ip| IpFamily::of(*ip) == family);
    let Some(cluster_ip) = cluster_ip else {
        return ServicePorts::new();
    };
    service
        .ports
        .iter()
        .map(|port| {
            let key = PortKey {
                name: port.name.as_str().into(),
                protocol: port.protocol,
            };
            (key, Arc::new(ServicePortInfo::new(service, port, cluster_ip, family)))
        })
        .collect()
}

/// Collects changes of services until a sync takes them. A change that is undone before the sync vanishes.
#[derive(Debug)]
pub struct ServiceChangeTracker {
    family: IpFamily,
    pending: HashMap<NamespacedName, ServicePorts>,
    applied: ServicePortMap,
}

impl ServiceChangeTracker {
    /// A tracker without services.
    #[must_use]
    pub fn new(family: IpFamily) -> Self {
        Self {
            family,
            pending: HashMap::new(),
            applied: HashMap::new(),
        }
    }

    /// Notes that a service was added or changed. Returns true when a sync is due.
    pub fn update(&mut self, service: &Service) -> bool {
        let ports = service_ports(service, self.family);
        self.note(service.key(), ports)
    }

    /// Notes that a service is gone. Returns true when a sync is due.
    pub fn delete(&mut self, key: NamespacedName) -> bool {
        self.note(key, ServicePorts::new())
    }

    fn note(&mut self, key: NamespacedName, ports: ServicePorts) -> bool {
        let same_as_applied = match self.applied.get(&key) {
            Some(applied) => *applied == ports,
            None => ports.is_empty(),
        };
        if same_as_applied {
            self.pending.remove(&key);
        } else {
            self.pending.insert(key, ports);
        }
        !self.pending.is_empty()
    }

    /// Number of services with a pending change.
    #[must_use]
    pub fn pending(&self) -> usize {
        self.pending.len()
    }

    /// The applied state.
    #[must_use]
    pub fn applied(&self) -> &ServicePortMap {
        &self.applied
    }

    /// Applies all pending changes and names the services concerned, with the previous ports of each.
    pub fn checkout(&mut self) -> HashMap<NamespacedName, ServicePorts> {
        let mut changed = HashMap::with_capacity(self.pending.len());
        for (key, ports) in self.pending.drain() {
            let previous = if ports.is_empty() {
                self.applied.remove(&key)
            } else {
                self.applied.insert(key.clone(), ports)
            };
            changed.insert(key, previous.unwrap_or_default());
        }
        changed
    }

    /// Every service known, applied or pending: what a replacing list has to be held against.
    #[must_use]
    pub fn known(&self) -> HashSet<NamespacedName> {
        self.applied.keys().chain(self.pending.keys()).cloned().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::{LoadBalancerIngress, Protocol};

    fn service() -> Service {
        Service {
            namespace: "ns".into(),
            name: "svc".into(),
            type_: ServiceType::LoadBalancer,
            cluster_ips: vec!["10.0.0.1".into(), "fd00::1".into()],
            ports: vec![ServicePort {
                name: "p".into(),
                protocol: Protocol::Tcp,
                port: 80,
                node_port: 30080,
            }],
            external_ips: vec!["192.0.2.1".into(), "2001:db8::1".into()],
            load_balancer_ingress: vec![
                LoadBalancerIngress {
                    ip: "198.51.100.1".into(),
                    proxy_mode: false,
                },
                LoadBalancerIngress {
                    ip: "198.51.100.2".into(),
                    proxy_mode: true,
                },
                LoadBalancerIngress::default(),
            ],
            load_balancer_source_ranges: vec![" 203.0.113.5/24 ".into(), "2001:db8::/32".into()],
            external_traffic_policy_local: true,
            health_check_node_port: 31000,
            ..Service::default()
        }
    }

    #[test]
    fn each_family_sees_its_own_addresses() {
        let v4 = service_ports(&service(), IpFamily::V4);
        let info = v4.values().next().expect("one port");
        assert_eq!(info.cluster_ip, "10.0.0.1".parse::<IpAddr>().unwrap());
        assert_eq!(info.external_ips, vec!["192.0.2.1".parse::<IpAddr>().unwrap()]);
        assert_eq!(info.load_balancer_vips, vec!["198.51.100.1".parse::<IpAddr>().unwrap()]);
        assert_eq!(
            info.load_balancer_source_ranges,
            vec!["203.0.113.0/24".parse::<IpNet>().unwrap()]
        );
        assert_eq!(info.health_check_node_port, 31000);
        let v6 = service_ports(&service(), IpFamily::V6);
        assert_eq!(
            v6.values().next().expect("one port").cluster_ip,
            "fd00::1".parse::<IpAddr>().unwrap()
        );
    }

    #[test]
    fn a_range_of_everything_is_no_restriction() {
        let mut open = service();
        open.load_balancer_source_ranges.push("0.0.0.0/0".into());
        assert!(
            service_ports(&open, IpFamily::V4)
                .values()
                .all(|info| info.load_balancer_source_ranges.is_empty())
        );
    }

    #[test]
    fn headless_and_external_name_have_no_ports() {
        let mut headless = service();
        headless.cluster_ips = vec!["None".into()];
        assert!(service_ports(&headless, IpFamily::V4).is_empty());
        let mut alias = service();
        alias.type_ = ServiceType::ExternalName;
        assert!(service_ports(&alias, IpFamily::V4).is_empty());
    }

    #[test]
    fn a_change_undone_before_the_sync_vanishes() {
        let mut tracker = ServiceChangeTracker::new(IpFamily::V4);
        assert!(tracker.update(&service()));
        assert!(
            !tracker.delete(service().key()),
            "added and removed again: nothing to do"
        );
        assert!(tracker.update(&service()));
        assert_eq!(tracker.checkout().len(), 1);
        assert!(!tracker.update(&service()), "the same content again");
        let mut other = service();
        other.ports[0].port = 81;
        assert!(tracker.update(&other));
        assert_eq!(tracker.pending(), 1);
        let changed = tracker.checkout();
        assert_eq!(
            changed[&service().key()].values().next().expect("previous port").port,
            80
        );
        assert!(tracker.delete(service().key()));
        tracker.checkout();
        assert!(tracker.applied().is_empty());
    }
}
