//! From the API's objects to what DNS keeps of them.

use std::net::IpAddr;

use k8s_api::core::v1 as core;
use k8s_api::discovery::v1 as discovery;

use crate::store::{Endpoint, EndpointSlice, Port, Service};

const SERVICE_NAME_LABEL: &str = "kubernetes.io/service-name";

impl From<&core::Service> for Service {
    fn from(service: &core::Service) -> Self {
        let spec = &service.spec;
        let single = [spec.cluster_ip.clone()];
        let cluster_ips = if spec.cluster_ips.is_empty() {
            &single[..]
        } else {
            &spec.cluster_ips
        };
        let is_alias = spec.type_ == "ExternalName";
        Self {
            namespace: service.metadata.namespace.clone(),
            name: service.metadata.name.clone(),
            // "None" parses to no address, which is what headless means here.
            cluster_ips: cluster_ips
                .iter()
                .filter(|_| !is_alias)
                .filter_map(|ip| ip.parse::<IpAddr>().ok())
                .collect(),
            external_name: is_alias.then(|| spec.external_name.clone()),
            ports: spec
                .ports
                .iter()
                .map(|port| Port {
                    name: port.name.clone(),
                    protocol: protocol(&port.protocol),
                    port: u16::try_from(port.port).unwrap_or(0),
                })
                .collect(),
        }
    }
}

fn protocol(text: &str) -> String {
    if text.is_empty() {
        "tcp".to_owned()
    } else {
        text.to_ascii_lowercase()
    }
}

impl EndpointSlice {
    /// What DNS keeps of a slice; `None` for slices of no service, and for slices of host names.
    #[must_use]
    pub fn from_api(slice: &discovery::EndpointSlice) -> Option<Self> {
        let service = slice
            .metadata
            .labels
            .get(SERVICE_NAME_LABEL)
            .filter(|name| !name.is_empty())?;
        if slice.address_type == "FQDN" {
            return None;
        }
        let endpoints = slice.endpoints.iter().flat_map(|endpoint| {
            let addresses = endpoint
                .addresses
                .iter()
                .filter_map(|address| address.parse::<IpAddr>().ok());
            addresses.map(|ip| Endpoint {
                ip,
                hostname: endpoint.hostname.clone(),
                ready: endpoint.conditions.ready.unwrap_or(true),
            })
        });
        Some(Self {
            namespace: slice.metadata.namespace.clone(),
            name: slice.metadata.name.clone(),
            service: service.clone(),
            ports: slice
                .ports
                .iter()
                .filter_map(|port| {
                    Some(Port {
                        name: port.name.clone().unwrap_or_default(),
                        protocol: protocol(port.protocol.as_deref().unwrap_or_default()),
                        port: u16::try_from(port.port?).ok()?,
                    })
                })
                .collect(),
            endpoints: endpoints.collect(),
        })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn objects() {
        let service = |value| Service::from(&serde_json::from_value::<core::Service>(value).unwrap());
        let web = service(json!({"metadata": {"namespace": "ns", "name": "web"}, "spec": {
            "clusterIP": "10.0.0.1", "clusterIPs": ["10.0.0.1", "fd00::1"], "ports": [{"name": "p", "port": 80, "protocol": "UDP", "targetPort": 1}]}}));
        assert_eq!(web.cluster_ips.len(), 2);
        assert_eq!(
            web.ports,
            [Port {
                name: "p".into(),
                protocol: "udp".into(),
                port: 80
            }]
        );
        let headless = service(json!({"metadata": {"namespace": "ns", "name": "db"}, "spec": {"clusterIP": "None"}}));
        assert!(headless.cluster_ips.is_empty() && headless.external_name.is_none());
        let alias = service(
            json!({"metadata": {"namespace": "ns", "name": "x"}, "spec": {"type": "ExternalName", "externalName": "example.com"}}),
        );
        assert_eq!(alias.external_name.as_deref(), Some("example.com"));
        let slice: discovery::EndpointSlice = serde_json::from_value(json!({
            "metadata": {"namespace": "ns", "name": "db-1", "labels": {"kubernetes.io/service-name": "db"}},
            "addressType": "IPv4", "ports": [{"name": "sql", "port": 5432, "protocol": "TCP"}],
            "endpoints": [{"addresses": ["10.1.0.1"], "conditions": {"ready": false}, "hostname": "db-0"}]
        }))
        .unwrap();
        let ours = EndpointSlice::from_api(&slice).unwrap();
        assert_eq!(ours.service, "db");
        assert_eq!(
            ours.endpoints,
            [Endpoint {
                ip: "10.1.0.1".parse().unwrap(),
                hostname: Some("db-0".into()),
                ready: false
            }]
        );
        let unowned = discovery::EndpointSlice {
            metadata: Default::default(),
            ..slice
        };
        assert!(EndpointSlice::from_api(&unowned).is_none());
    }
}
