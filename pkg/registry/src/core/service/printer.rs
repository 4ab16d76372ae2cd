//! What `kubectl get services` shows.

use std::collections::BTreeSet;

use apiserver::registry::{Column, Row};
use k8s_api::core::v1::{Service, ServicePort};

use crate::printing::{AGE, NAME, NONE, UNKNOWN, age, column, labels, wide};

/// The columns.
pub const COLUMNS: &[Column] = &[
    NAME,
    column("Type", "string"),
    column("Cluster-IP", "string"),
    column("External-IP", "string"),
    column("Port(s)", "string"),
    AGE,
    wide("Selector", "string"),
];

/// The cells of a service.
#[must_use]
pub fn row(service: &Service, now: jiff::Timestamp) -> Row {
    let spec = &service.spec;
    vec![
        service.metadata.name.as_str().into(),
        spec.type_.as_str().into(),
        spec.cluster_ips.first().map_or(NONE, String::as_str).into(),
        external_ip(service).into(),
        ports(&spec.ports).into(),
        age(service.metadata.creation_timestamp, now).into(),
        labels(&spec.selector).into(),
    ]
}

fn external_ip(service: &Service) -> String {
    let spec = &service.spec;
    match spec.type_.as_str() {
        "ClusterIP" | "NodePort" if spec.external_ips.is_empty() => NONE.to_owned(),
        "ClusterIP" | "NodePort" => spec.external_ips.join(","),
        "LoadBalancer" => {
            let addresses: BTreeSet<&str> = service
                .status
                .load_balancer
                .ingress
                .iter()
                .map(|ingress| {
                    if ingress.ip.is_empty() {
                        &ingress.hostname
                    } else {
                        &ingress.ip
                    }
                })
                .filter(|address| !address.is_empty())
                .map(String::as_str)
                .collect();
            let all: Vec<_> = addresses
                .into_iter()
                .chain(spec.external_ips.iter().map(String::as_str))
                .collect();
            if all.is_empty() {
                "<pending>".to_owned()
            } else {
                all.join(",")
            }
        }
        "ExternalName" => spec.external_name.clone(),
        _ => UNKNOWN.to_owned(),
    }
}

fn ports(ports: &[ServicePort]) -> String {
    if ports.is_empty() {
        return NONE.to_owned();
    }
    let port = |port: &ServicePort| {
        if port.node_port > 0 {
            format!("{}:{}/{}", port.port, port.node_port, port.protocol)
        } else {
            format!("{}/{}", port.port, port.protocol)
        }
    };
    ports.iter().map(port).collect::<Vec<_>>().join(",")
}
