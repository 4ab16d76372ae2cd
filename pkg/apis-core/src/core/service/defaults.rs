//! What a service gets that does not say otherwise.

use k8s_api::{
    core::v1::{ClientIPConfig, Service, SessionAffinityConfig},
    primitives::IntOrString,
};

use super::{
    AFFINITY_CLIENT_IP, AFFINITY_NONE, POLICY_CLUSTER, TYPE_CLUSTER_IP, TYPE_LOAD_BALANCER, TYPE_NODE_PORT,
    is_externally_accessible,
};

/// Three hours.
const CLIENT_IP_TIMEOUT_SECONDS: i32 = 10_800;

/// Sets the defaults of a service.
pub fn set_defaults(service: &mut Service) {
    set_session_affinity(service);
    let externally_accessible = {
        let spec = &mut service.spec;
        if spec.type_.is_empty() {
            TYPE_CLUSTER_IP.clone_into(&mut spec.type_);
        }
        for port in &mut spec.ports {
            if port.protocol.is_empty() {
                "TCP".clone_into(&mut port.protocol);
            }
            let unset = match &port.target_port {
                IntOrString::Int(number) => *number == 0,
                IntOrString::String(name) => name.is_empty(),
            };
            if unset {
                port.target_port = port.port.into();
            }
        }
        is_externally_accessible(service)
    };
    let spec = &mut service.spec;
    if externally_accessible && spec.external_traffic_policy.is_empty() {
        POLICY_CLUSTER.clone_into(&mut spec.external_traffic_policy);
    }
    let routed = matches!(
        spec.type_.as_str(),
        TYPE_NODE_PORT | TYPE_LOAD_BALANCER | TYPE_CLUSTER_IP
    );
    if routed && spec.internal_traffic_policy.is_none() {
        spec.internal_traffic_policy = Some(POLICY_CLUSTER.to_owned());
    }
    if spec.type_ == TYPE_LOAD_BALANCER {
        spec.allocate_load_balancer_node_ports.get_or_insert(true);
        for ingress in &mut service.status.load_balancer.ingress {
            if !ingress.ip.is_empty() && ingress.ip_mode.is_none() {
                ingress.ip_mode = Some("VIP".to_owned());
            }
        }
    }
}

fn set_session_affinity(service: &mut Service) {
    let spec = &mut service.spec;
    if spec.session_affinity.is_empty() {
        AFFINITY_NONE.clone_into(&mut spec.session_affinity);
    }
    match spec.session_affinity.as_str() {
        AFFINITY_NONE => spec.session_affinity_config = None,
        AFFINITY_CLIENT_IP => {
            let timeout = spec
                .session_affinity_config
                .as_ref()
                .and_then(|config| config.client_ip.as_ref()?.timeout_seconds);
            if timeout.is_none() {
                let client_ip = ClientIPConfig {
                    timeout_seconds: Some(CLIENT_IP_TIMEOUT_SECONDS),
                };
                spec.session_affinity_config = Some(Box::new(SessionAffinityConfig {
                    client_ip: Some(Box::new(client_ip)),
                }));
            }
        }
        _ => {}
    }
}
