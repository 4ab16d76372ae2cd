//! Where a Service is reached from this server: webhooks and aggregated APIs stand behind Services.
//!
//! The server may run where no proxy serves cluster IPs; then it goes to the endpoints themselves. Its own Service is
//! itself. Upstream: `k8s.io/apiserver/pkg/util/proxy` and the resolvers of `kube-aggregator/pkg/apiserver`.

use std::{net::SocketAddr, sync::Arc};

use k8s_api::{
    core::v1::{Service, ServicePort},
    discovery::v1::EndpointSlice,
    primitives::quote,
};

use crate::admission::{Lookup, StoreDirectory};

/// The label by which a slice says whose it is.
const SERVICE_NAME: &str = "kubernetes.io/service-name";
/// This server's own Service.
const OWN: (&str, &str, i32) = ("default", "kubernetes", 443);

/// Why there is no way to a Service; the words are for clients.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ResolveError {
    /// There is no such Service.
    #[error("service {} not found", quote(.0))]
    NotFound(String),
    /// It has no address of its own.
    #[error("cannot route to service with ClusterIP \"None\"")]
    Headless,
    /// It is of a type that leads nowhere.
    #[error("unsupported service type {}", quote(.0))]
    Type(String),
    /// It has no such port.
    #[error("no service port {port} found for service {}", quote(service))]
    Port {
        /// The port that was asked for.
        port: i64,
        /// The Service.
        service: String,
    },
    /// Nothing behind it is ready on that port.
    #[error("no endpoints available for service {}", quote(.0))]
    NoEndpoints(String),
}

/// The port of a Service by its number.
///
/// # Errors
/// [`ResolveError::Port`].
pub fn service_port(service: &Service, number: i64) -> Result<&ServicePort, ResolveError> {
    let mut ports = service.spec.ports.iter();
    ports
        .find(|port| i64::from(port.port) == number)
        .ok_or_else(|| ResolveError::Port {
            port: number,
            service: service.metadata.name.clone(),
        })
}

/// All items, from a random one on.
pub fn from_random<T>(items: &[T]) -> impl Iterator<Item = &T> {
    let start = if items.is_empty() {
        0
    } else {
        rand::random_range(0..items.len())
    };
    items[start..].iter().chain(&items[..start])
}

fn host_port(host: &str, port: i32) -> String {
    if host.contains(':') {
        format!("[{host}]:{port}")
    } else {
        format!("{host}:{port}")
    }
}

/// Finds the addresses of Services.
#[derive(Clone, Debug)]
pub struct ServiceResolver {
    services: Arc<dyn Lookup<Service>>,
    slices: Option<Arc<dyn Lookup<EndpointSlice>>>,
    own: Option<SocketAddr>,
}

impl ServiceResolver {
    /// Finds Services by their cluster IPs.
    #[must_use]
    pub fn by_cluster_ip(services: Arc<dyn Lookup<Service>>) -> Self {
        Self {
            services,
            slices: None,
            own: None,
        }
    }

    /// Finds one of the ready endpoints behind a Service.
    #[must_use]
    pub fn by_endpoint(services: Arc<dyn Lookup<Service>>, slices: Arc<dyn Lookup<EndpointSlice>>) -> Self {
        Self {
            slices: Some(slices),
            ..Self::by_cluster_ip(services)
        }
    }

    /// One over the stores of the server: by endpoint (`--enable-aggregator-routing`) or by cluster IP.
    #[must_use]
    pub fn over(directory: &Arc<StoreDirectory>, by_endpoint: bool) -> Self {
        let services = directory.passing_lookup();
        if by_endpoint {
            Self::by_endpoint(services, directory.passing_lookup())
        } else {
            Self::by_cluster_ip(services)
        }
    }

    /// Finds this server's own Service at this address.
    #[must_use]
    pub fn with_loopback(self, own: Option<SocketAddr>) -> Self {
        Self { own, ..self }
    }

    /// `host:port` to dial for a port of a Service.
    ///
    /// # Errors
    /// There is no way to it.
    pub fn resolve(&self, namespace: &str, name: &str, port: i32) -> Result<String, ResolveError> {
        if let Some(own) = self.own.filter(|_| (namespace, name, port) == OWN) {
            return Ok(own.to_string());
        }
        let service = self.services.get(namespace, name);
        let service = service.ok_or_else(|| ResolveError::NotFound(name.to_owned()))?;
        match &self.slices {
            Some(slices) => endpoint(slices.as_ref(), &service, port),
            None => cluster_ip(&service, port),
        }
    }
}

fn cluster_ip(service: &Service, port: i32) -> Result<String, ResolveError> {
    let spec = &service.spec;
    match spec.type_.as_str() {
        "ExternalName" => return Ok(host_port(&spec.external_name, port)),
        "ClusterIP" if spec.cluster_ip == "None" => return Err(ResolveError::Headless),
        "ClusterIP" | "NodePort" | "LoadBalancer" => {}
        other => return Err(ResolveError::Type(other.to_owned())),
    }
    let port = service_port(service, i64::from(port))?;
    Ok(host_port(&spec.cluster_ip, port.port))
}

/// A ready endpoint behind a port; those of the Service's first IP family before others.
fn endpoint(slices: &dyn Lookup<EndpointSlice>, service: &Service, port: i32) -> Result<String, ResolveError> {
    let (spec, metadata) = (&service.spec, &service.metadata);
    if !matches!(spec.type_.as_str(), "ClusterIP" | "NodePort" | "LoadBalancer") {
        return Err(ResolveError::Type(spec.type_.clone()));
    }
    let wanted = service_port(service, i64::from(port))?;
    let slices = slices.labelled(&metadata.namespace, SERVICE_NAME, &metadata.name);
    let mut slices: Vec<_> = from_random(&slices).collect();
    if let Some(family) = spec.ip_families.first() {
        slices.sort_by_key(|slice| slice.address_type != *family);
    }
    let found = slices.iter().find_map(|slice| {
        let mut ports = slice.ports.iter();
        let port = ports.find(|port| port.name.as_ref() == Some(&wanted.name) && port.port.is_some())?;
        let mut ready = from_random(&slice.endpoints).filter(|endpoint| endpoint.conditions.ready.unwrap_or(true));
        let address = ready.find_map(|endpoint| endpoint.addresses.first())?;
        Some(host_port(address, port.port?))
    });
    found.ok_or_else(|| ResolveError::NoEndpoints(metadata.name.clone()))
}

#[cfg(test)]
mod tests {
    use k8s_api::{
        core::v1::{Service, ServicePort, ServiceSpec},
        discovery::v1::{Endpoint, EndpointConditions, EndpointPort, EndpointSlice},
        meta::v1::ObjectMeta,
    };

    use super::{SERVICE_NAME, ServiceResolver};
    use crate::admission::FixedLookup;

    fn metadata(name: &str) -> ObjectMeta {
        ObjectMeta {
            name: name.to_owned(),
            namespace: "ns".to_owned(),
            ..ObjectMeta::default()
        }
    }

    fn service(name: &str, type_: &str, ip: &str) -> Service {
        let port = |name: &str, port| ServicePort {
            name: name.to_owned(),
            port,
            ..ServicePort::default()
        };
        Service {
            metadata: metadata(name),
            spec: ServiceSpec {
                type_: type_.to_owned(),
                cluster_ip: ip.to_owned(),
                external_name: "elsewhere.example.com".to_owned(),
                ip_families: vec!["IPv4".to_owned()],
                ports: vec![port("web", 443), port("other", 8443)],
                ..ServiceSpec::default()
            },
            ..Service::default()
        }
    }

    fn slice(service: &str, family: &str, port: i32, endpoints: &[(&str, Option<bool>)]) -> EndpointSlice {
        let mut metadata = metadata(&format!("{service}-{family}-{port}"));
        metadata.labels.insert(SERVICE_NAME.to_owned(), service.to_owned());
        let endpoints = endpoints.iter().map(|(address, ready)| Endpoint {
            addresses: vec![(*address).to_owned()],
            conditions: EndpointConditions {
                ready: *ready,
                ..EndpointConditions::default()
            },
            ..Endpoint::default()
        });
        EndpointSlice {
            metadata,
            address_type: family.to_owned(),
            endpoints: endpoints.collect(),
            ports: vec![EndpointPort {
                name: Some("web".to_owned()),
                port: Some(port),
                ..EndpointPort::default()
            }],
        }
    }

    fn services() -> [Service; 4] {
        [
            service("plain", "ClusterIP", "10.0.0.1"),
            service("six", "NodePort", "fd00::1"),
            service("headless", "ClusterIP", "None"),
            service("external", "ExternalName", ""),
        ]
    }

    #[test]
    fn by_cluster_ip() {
        let resolver =
            ServiceResolver::by_cluster_ip(FixedLookup::new(services())).with_loopback("127.0.0.1:6443".parse().ok());
        for (namespace, name, port, expected) in [
            ("ns", "plain", 443, Ok("10.0.0.1:443")),
            ("ns", "plain", 80, Err("no service port 80 found for service \"plain\"")),
            ("ns", "six", 8443, Ok("[fd00::1]:8443")),
            (
                "ns",
                "headless",
                443,
                Err("cannot route to service with ClusterIP \"None\""),
            ),
            ("ns", "external", 80, Ok("elsewhere.example.com:80")),
            ("ns", "gone", 443, Err("service \"gone\" not found")),
            ("default", "kubernetes", 443, Ok("127.0.0.1:6443")),
            ("default", "kubernetes", 80, Err("service \"kubernetes\" not found")),
        ] {
            let found = resolver
                .resolve(namespace, name, port)
                .map_err(|error| error.to_string());
            assert_eq!(
                found,
                expected.map(str::to_owned).map_err(str::to_owned),
                "{name}:{port}"
            );
        }
    }

    #[test]
    fn by_endpoint() {
        let slices = [
            slice("plain", "IPv6", 9443, &[("fd00::9", None)]),
            slice(
                "plain",
                "IPv4",
                9443,
                &[("10.1.0.1", Some(false)), ("10.1.0.2", Some(true))],
            ),
            slice("six", "IPv6", 9443, &[("fd00::9", None), ("fd00::8", Some(false))]),
        ];
        let resolver = ServiceResolver::by_endpoint(FixedLookup::new(services()), FixedLookup::new(slices));
        for (name, port, expected) in [
            ("plain", 443, Ok("10.1.0.2:9443")),
            ("plain", 8443, Err("no endpoints available for service \"plain\"")),
            ("plain", 80, Err("no service port 80 found for service \"plain\"")),
            ("six", 443, Ok("[fd00::9]:9443")),
            ("headless", 443, Err("no endpoints available for service \"headless\"")),
            ("external", 443, Err("unsupported service type \"ExternalName\"")),
        ] {
            // The choice is random; what is not to be chosen never is.
            for _ in 0..20 {
                let found = resolver.resolve("ns", name, port).map_err(|error| error.to_string());
                assert_eq!(
                    found,
                    expected.map(str::to_owned).map_err(str::to_owned),
                    "{name}:{port}"
                );
            }
        }
    }
}
