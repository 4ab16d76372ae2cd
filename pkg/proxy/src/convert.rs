//! From the API's objects to the proxy's view of them.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;

use k8s_api::core::v1 as core;
use k8s_api::discovery::v1 as discovery;

use crate::types::{
    EndpointPort, EndpointSlice, Hints, IpFamily, LoadBalancerIngress, NamespacedName, PortKey, Protocol, Service,
    ServicePort, ServiceType, SliceEndpoint,
};

const SERVICE_NAME_LABEL: &str = "kubernetes.io/service-name";
const TRIGGER_TIME_ANNOTATION: &str = "endpoints.kubernetes.io/last-change-trigger-time";

impl From<&core::Service> for Service {
    fn from(service: &core::Service) -> Self {
        let spec = &service.spec;
        let cluster_ips = if spec.cluster_ips.is_empty() && !spec.cluster_ip.is_empty() {
            vec![spec.cluster_ip.clone()]
        } else {
            spec.cluster_ips.clone()
        };
        let affinity = (spec.session_affinity == "ClientIP").then(|| {
            let timeout = spec
                .session_affinity_config
                .as_ref()
                .and_then(|config| config.client_ip.as_ref());
            let seconds = timeout.and_then(|client_ip| client_ip.timeout_seconds);
            // The API server defaults to three hours.
            seconds.and_then(|seconds| u32::try_from(seconds).ok()).unwrap_or(10800)
        });
        Self {
            namespace: service.metadata.namespace.clone(),
            name: service.metadata.name.clone(),
            type_: match spec.type_.as_str() {
                "NodePort" => ServiceType::NodePort,
                "LoadBalancer" => ServiceType::LoadBalancer,
                "ExternalName" => ServiceType::ExternalName,
                _ => ServiceType::ClusterIp,
            },
            cluster_ips,
            ports: spec.ports.iter().filter_map(service_port).collect(),
            external_ips: spec.external_ips.clone(),
            load_balancer_ingress: service
                .status
                .load_balancer
                .ingress
                .iter()
                .map(|ingress| LoadBalancerIngress {
                    ip: ingress.ip.clone(),
                    proxy_mode: ingress.ip_mode.as_deref() == Some("Proxy"),
                })
                .collect(),
            load_balancer_source_ranges: spec.load_balancer_source_ranges.clone(),
            client_ip_affinity_seconds: affinity,
            external_traffic_policy_local: spec.external_traffic_policy == "Local",
            internal_traffic_policy_local: spec.internal_traffic_policy.as_deref() == Some("Local"),
            health_check_node_port: port_number(spec.health_check_node_port),
        }
    }
}

/// A port number, 0 for "none" and for what is no port.
fn port_number(port: i32) -> u16 {
    u16::try_from(port).unwrap_or(0)
}

fn service_port(port: &core::ServicePort) -> Option<ServicePort> {
    let Some(protocol) = Protocol::parse(&port.protocol) else {
        tracing::error!(protocol = %port.protocol, port = %port.name, "ignoring a service port of an unknown protocol");
        return None;
    };
    Some(ServicePort {
        name: port.name.clone(),
        protocol,
        port: port_number(port.port),
        node_port: port_number(port.node_port),
    })
}

/// An object that no service can be told for.
#[derive(Debug, thiserror::Error)]
pub enum ConvertError {
    /// The label that names the service is not there.
    #[error("no kubernetes.io/service-name label set on endpoint slice: {0}")]
    NoServiceName(String),
}

impl TryFrom<&discovery::EndpointSlice> for EndpointSlice {
    type Error = ConvertError;

    fn try_from(slice: &discovery::EndpointSlice) -> Result<Self, ConvertError> {
        let metadata = &slice.metadata;
        let service = metadata
            .labels
            .get(SERVICE_NAME_LABEL)
            .filter(|name| !name.is_empty())
            .ok_or_else(|| ConvertError::NoServiceName(metadata.name.clone()))?;
        // Endpoints of a slice are on few nodes and carry few different hints: shared, not repeated.
        let (mut nodes, mut hints) = (HashMap::new(), HashMap::new());
        Ok(Self {
            service: NamespacedName::new(metadata.namespace.as_str(), service.as_str()),
            name: metadata.name.as_str().into(),
            family: match slice.address_type.as_str() {
                "IPv4" => Some(IpFamily::V4),
                "IPv6" => Some(IpFamily::V6),
                _ => None,
            },
            ports: slice.ports.iter().filter_map(endpoint_port).collect(),
            endpoints: slice
                .endpoints
                .iter()
                .filter_map(|endpoint| slice_endpoint(endpoint, &mut nodes, &mut hints))
                .collect(),
            last_change_trigger_time: metadata.annotations.get(TRIGGER_TIME_ANNOTATION).and_then(|text| {
                let time = text.parse();
                if let Err(error) = &time {
                    tracing::error!(value = %text, %error, "cannot read {TRIGGER_TIME_ANNOTATION}");
                }
                time.ok()
            }),
        })
    }
}

fn endpoint_port(port: &discovery::EndpointPort) -> Option<EndpointPort> {
    let name = port.name.as_deref();
    let number = port.port.map_or(0, port_number);
    let protocol = Protocol::parse(port.protocol.as_deref().unwrap_or_default());
    let (Some(name), Some(protocol), true) = (name, protocol, number != 0) else {
        tracing::error!(name, number, "ignoring an invalid endpoint port");
        return None;
    };
    Some(EndpointPort {
        key: PortKey {
            name: name.into(),
            protocol,
        },
        port: number,
    })
}

fn slice_endpoint(
    endpoint: &discovery::Endpoint,
    nodes: &mut HashMap<String, Arc<str>>,
    hints: &mut HashMap<Hints, Arc<Hints>>,
) -> Option<SliceEndpoint> {
    let Some(ip) = endpoint
        .addresses
        .first()
        .and_then(|address| address.parse::<IpAddr>().ok())
    else {
        tracing::error!(addresses = ?endpoint.addresses, "ignoring an endpoint without a valid address");
        return None;
    };
    let node_name = endpoint.node_name.as_ref().map(|name| {
        nodes
            .entry(name.clone())
            .or_insert_with(|| name.as_str().into())
            .clone()
    });
    let own_hints = endpoint.hints.as_ref().map(|hints| Hints {
        zones: hints.for_zones.iter().map(|zone| zone.name.clone()).collect(),
        nodes: hints.for_nodes.iter().map(|node| node.name.clone()).collect(),
    });
    Some(SliceEndpoint {
        ip,
        node_name,
        ready: endpoint.conditions.ready.unwrap_or(true),
        serving: endpoint.conditions.serving.unwrap_or(true),
        terminating: endpoint.conditions.terminating.unwrap_or(false),
        hints: own_hints
            .filter(|own| *own != Hints::default())
            .map(|own| hints.entry(own.clone()).or_insert_with(|| Arc::new(own)).clone()),
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn services() {
        let service: core::Service = serde_json::from_value(json!({
            "metadata": {"namespace": "ns", "name": "web"},
            "spec": {
                "type": "LoadBalancer", "clusterIP": "10.0.0.1", "clusterIPs": ["10.0.0.1", "fd00::1"],
                "sessionAffinity": "ClientIP", "sessionAffinityConfig": {"clientIP": {"timeoutSeconds": 60}},
                "externalTrafficPolicy": "Local", "internalTrafficPolicy": "Cluster", "healthCheckNodePort": 31000,
                "ports": [{"name": "p", "port": 80, "protocol": "TCP", "nodePort": 30080, "targetPort": 8080},
                          {"name": "odd", "port": 81, "protocol": "ODD", "targetPort": 81}]
            },
            "status": {"loadBalancer": {"ingress": [{"ip": "192.0.2.1", "ipMode": "VIP"}, {"ip": "192.0.2.2", "ipMode": "Proxy"}]}}
        }))
        .unwrap();
        let ours = Service::from(&service);
        assert_eq!(ours.type_, ServiceType::LoadBalancer);
        assert_eq!(ours.cluster_ips, ["10.0.0.1", "fd00::1"]);
        assert_eq!(
            ours.ports,
            [ServicePort {
                name: "p".into(),
                protocol: Protocol::Tcp,
                port: 80,
                node_port: 30080
            }]
        );
        assert_eq!(ours.client_ip_affinity_seconds, Some(60));
        assert!(ours.external_traffic_policy_local && !ours.internal_traffic_policy_local);
        assert_eq!(ours.health_check_node_port, 31000);
        assert_eq!(
            ours.load_balancer_ingress
                .iter()
                .map(|each| each.proxy_mode)
                .collect::<Vec<_>>(),
            [false, true]
        );
    }

    #[test]
    fn endpoint_slices() {
        let mut slice: discovery::EndpointSlice = serde_json::from_value(json!({
            "metadata": {
                "namespace": "ns", "name": "web-1", "labels": {"kubernetes.io/service-name": "web"},
                "annotations": {"endpoints.kubernetes.io/last-change-trigger-time": "2026-01-02T03:04:05.123Z"}
            },
            "addressType": "IPv4",
            "ports": [{"name": "p", "port": 8080, "protocol": "TCP"}, {"name": "none"}, {"port": 1}],
            "endpoints": [
                {"addresses": ["10.1.0.1"], "conditions": {}, "nodeName": "a", "hints": {"forZones": [{"name": "z"}]}},
                {"addresses": ["10.1.0.2"], "conditions": {"ready": false, "serving": true, "terminating": true}, "nodeName": "a", "hints": {"forZones": [{"name": "z"}]}},
                {"addresses": ["nonsense"], "conditions": {}}
            ]
        }))
        .unwrap();
        let ours = EndpointSlice::try_from(&slice).unwrap();
        assert_eq!(ours.service, NamespacedName::new("ns", "web"));
        assert_eq!(ours.family, Some(IpFamily::V4));
        assert_eq!(ours.ports.len(), 1);
        let [first, second] = ours.endpoints.as_slice() else {
            panic!("two endpoints: {:?}", ours.endpoints)
        };
        assert!(first.ready && first.serving && !first.terminating);
        assert!(!second.ready && second.serving && second.terminating);
        let same = |a: &Option<Arc<Hints>>, b: &Option<Arc<Hints>>| {
            a.as_ref().zip(b.as_ref()).is_some_and(|(a, b)| Arc::ptr_eq(a, b))
        };
        assert!(same(&first.hints, &second.hints), "hints are shared");
        assert!(ours.last_change_trigger_time.is_some());
        slice.metadata.labels = Default::default();
        let error = EndpointSlice::try_from(&slice).expect_err("no label");
        assert_eq!(
            error.to_string(),
            "no kubernetes.io/service-name label set on endpoint slice: web-1"
        );
    }
}
