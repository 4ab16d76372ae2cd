//! The proxy's view of the API: the few fields of Service and EndpointSlice that decide where traffic goes.
//!
//! Addresses are parsed once, here; everything behind works on `IpAddr` and never on text.

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;

/// An IP family; one proxier serves exactly one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum IpFamily {
    /// IPv4.
    V4,
    /// IPv6.
    V6,
}

impl IpFamily {
    /// The family of an address.
    #[must_use]
    pub fn of(ip: IpAddr) -> Self {
        if ip.is_ipv4() { Self::V4 } else { Self::V6 }
    }

    /// The API's spelling, also used as the metric label `ip_family`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::V4 => "IPv4",
            Self::V6 => "IPv6",
        }
    }
}

impl fmt::Display for IpFamily {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A transport protocol of a service port.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Protocol {
    /// TCP, the API's default.
    #[default]
    Tcp,
    /// UDP; the only one whose stale conntrack entries have to be removed.
    Udp,
    /// SCTP.
    Sctp,
}

impl Protocol {
    /// Parses the API's spelling; an empty text is the default.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        match text {
            "" | "TCP" => Some(Self::Tcp),
            "UDP" => Some(Self::Udp),
            "SCTP" => Some(Self::Sctp),
            _ => None,
        }
    }

    /// The spelling of packet filters and chain names.
    #[must_use]
    pub fn lower(self) -> &'static str {
        match self {
            Self::Tcp => "tcp",
            Self::Udp => "udp",
            Self::Sctp => "sctp",
        }
    }
}

/// Namespace and name of an object. Cheap to clone.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct NamespacedName {
    /// Namespace.
    pub namespace: Arc<str>,
    /// Name.
    pub name: Arc<str>,
}

impl NamespacedName {
    /// Builds a key from its two parts.
    pub fn new(namespace: impl Into<Arc<str>>, name: impl Into<Arc<str>>) -> Self {
        Self {
            namespace: namespace.into(),
            name: name.into(),
        }
    }
}

impl fmt::Display for NamespacedName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.namespace, self.name)
    }
}

/// A port of a service, as endpoints refer to it.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PortKey {
    /// Name; empty for the only port of a service.
    pub name: Arc<str>,
    /// Protocol.
    pub protocol: Protocol,
}

/// A service port's full name. `Display` gives `namespace/name:port`, which hashes and comments are made from.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ServicePortName {
    /// The service.
    pub service: NamespacedName,
    /// Its port.
    pub port: PortKey,
}

impl fmt::Display for ServicePortName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.service.fmt(f)?;
        if self.port.name.is_empty() {
            Ok(())
        } else {
            write!(f, ":{}", self.port.name)
        }
    }
}

/// `spec.type`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ServiceType {
    /// `ClusterIP`.
    #[default]
    ClusterIp,
    /// `NodePort`.
    NodePort,
    /// `LoadBalancer`.
    LoadBalancer,
    /// `ExternalName`: never proxied.
    ExternalName,
}

/// One entry of `spec.ports`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ServicePort {
    /// Name, empty when the service has one port.
    pub name: String,
    /// Protocol.
    pub protocol: Protocol,
    /// Port on the service's addresses.
    pub port: u16,
    /// Node port, 0 when there is none.
    pub node_port: u16,
}

/// One VIP of `status.loadBalancer.ingress`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LoadBalancerIngress {
    /// Address; empty for ingress points that have only a host name.
    pub ip: String,
    /// `ipMode: Proxy`: the balancer delivers to node ports and the address is none of the proxy's business.
    pub proxy_mode: bool,
}

/// What the proxy reads of a Service.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Service {
    /// Namespace.
    pub namespace: String,
    /// Name.
    pub name: String,
    /// `spec.type`.
    pub type_: ServiceType,
    /// `spec.clusterIPs`, or the single `spec.clusterIP`.
    pub cluster_ips: Vec<String>,
    /// `spec.ports`.
    pub ports: Vec<ServicePort>,
    /// `spec.externalIPs`.
    pub external_ips: Vec<String>,
    /// `status.loadBalancer.ingress`.
    pub load_balancer_ingress: Vec<LoadBalancerIngress>,
    /// `spec.loadBalancerSourceRanges`.
    pub load_balancer_source_ranges: Vec<String>,
    /// Timeout in seconds when `spec.sessionAffinity` is `ClientIP`.
    pub client_ip_affinity_seconds: Option<u32>,
    /// `spec.externalTrafficPolicy: Local`.
    pub external_traffic_policy_local: bool,
    /// `spec.internalTrafficPolicy: Local`.
    pub internal_traffic_policy_local: bool,
    /// `spec.healthCheckNodePort`, 0 when there is none.
    pub health_check_node_port: u16,
}

impl Service {
    /// The object's key.
    #[must_use]
    pub fn key(&self) -> NamespacedName {
        NamespacedName::new(self.namespace.as_str(), self.name.as_str())
    }
}

/// One entry of an EndpointSlice's `ports`, already resolved: slices with unnamed or unset ports are left out on entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EndpointPort {
    /// Name and protocol.
    pub key: PortKey,
    /// Port number.
    pub port: u16,
}

/// Topology hints of an endpoint; shared, because all endpoints of a zone carry the same ones.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Hints {
    /// `hints.forZones`.
    pub zones: Vec<String>,
    /// `hints.forNodes`.
    pub nodes: Vec<String>,
}

/// One entry of an EndpointSlice's `endpoints`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SliceEndpoint {
    /// First address.
    pub ip: IpAddr,
    /// `nodeName`.
    pub node_name: Option<Arc<str>>,
    /// `conditions.ready`, true when absent.
    pub ready: bool,
    /// `conditions.serving`, true when absent.
    pub serving: bool,
    /// `conditions.terminating`, false when absent.
    pub terminating: bool,
    /// Topology hints, if any.
    pub hints: Option<Arc<Hints>>,
}

/// What the proxy reads of an EndpointSlice.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EndpointSlice {
    /// The service named by the label `kubernetes.io/service-name`.
    pub service: NamespacedName,
    /// The slice's own name.
    pub name: Arc<str>,
    /// Family from `addressType`; `None` for FQDN slices.
    pub family: Option<IpFamily>,
    /// Ports.
    pub ports: Vec<EndpointPort>,
    /// Endpoints.
    pub endpoints: Vec<SliceEndpoint>,
    /// The annotation `endpoints.kubernetes.io/last-change-trigger-time`, for the programming latency metric.
    pub last_change_trigger_time: Option<jiff::Timestamp>,
}
