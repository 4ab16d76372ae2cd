//! Names of the per-service chains and sets: readable, unique by a leading hash, short enough for the kernel.

use std::net::IpAddr;

use crate::endpoints::Endpoint;
use crate::hash::short_hash;
use crate::plan::ServicePortPlan;
use crate::types::ServicePortName;

pub(super) const CLUSTER: &str = "service-";
pub(super) const LOCAL: &str = "local-";
pub(super) const EXTERNAL: &str = "external-";
pub(super) const FIREWALL: &str = "firewall-";
pub(super) const ENDPOINT: &str = "endpoint-";
pub(super) const AFFINITY: &str = "affinity-";

/// The kernel allows 256 characters; 16 are kept for the prefix.
const BASE_LENGTH: usize = 240;

fn hash_and_truncate(name: &str) -> String {
    let mut base = format!("{}-{name}", short_hash(&[name], 8));
    if base.len() > BASE_LENGTH {
        base.truncate(BASE_LENGTH - 3);
        base.push_str("...");
    }
    base
}

fn path(name: &ServicePortName) -> String {
    let service = &name.service;
    format!(
        "{}/{}/{}/{}",
        service.namespace,
        service.name,
        name.port.protocol.lower(),
        name.port.name
    )
}

/// The part that all chains of a service port share.
pub(super) fn service_port(name: &ServicePortName) -> String {
    hash_and_truncate(&path(name))
}

/// The part that an endpoint's chain and set share.
pub(super) fn endpoint(name: &ServicePortName, endpoint: &Endpoint) -> String {
    let ip = match endpoint.ip {
        IpAddr::V4(ip) => ip.to_string(),
        // Colons are not allowed in names.
        IpAddr::V6(ip) => ip.to_string().replace(':', "."),
    };
    hash_and_truncate(&format!("{}__{ip}/{}", path(name), endpoint.port))
}

/// The affinity sets that a service port uses.
pub(super) fn affinity_sets(port: &ServicePortPlan) -> Vec<String> {
    if port.info.affinity_seconds.is_none() {
        return Vec::new();
    }
    port.reachable
        .iter()
        .map(|each| format!("{AFFINITY}{}", endpoint(&port.name, each)))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::{NamespacedName, PortKey, Protocol};

    #[test]
    fn names_are_upstreams() {
        let name = |namespace: &str, service: &str, port: &str| ServicePortName {
            service: NamespacedName::new(namespace, service),
            port: PortKey {
                name: port.into(),
                protocol: Protocol::Tcp,
            },
        };
        assert_eq!(
            service_port(&name("testing", "service", "http")),
            "P4ZYZVCF-testing/service/tcp/http"
        );
        assert_eq!(
            service_port(&name("testing", "service", "https")),
            "LZBRENCP-testing/service/tcp/https"
        );
        let long = "x".repeat(63);
        let endpoint6 = Endpoint {
            ip: "2001:db8:1111:2222:3333:4444:5555:6666".parse().unwrap(),
            port: 65535,
            local: false,
            ready: true,
            serving: true,
            terminating: false,
            hints: None,
        };
        let base = endpoint(&name(&long, &long, &long), &endpoint6);
        assert!(base.len() == BASE_LENGTH && base.ends_with("..."), "{base}");
    }
}
