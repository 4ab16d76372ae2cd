//! What `kubectl get ingresses` shows.

use std::collections::BTreeSet;

use apiserver::registry::{Column, Row};
use k8s_api::networking::v1::{Ingress, IngressLoadBalancerIngress, IngressRule};

use crate::printing::{AGE, NAME, NONE, age, column};

/// The columns.
pub const COLUMNS: &[Column] = &[
    NAME,
    column("Class", "string"),
    column("Hosts", "string"),
    column("Address", "string"),
    column("Ports", "string"),
    AGE,
];

/// How many hosts are spelled out.
const MOST_HOSTS: usize = 3;

fn hosts(rules: &[IngressRule]) -> String {
    let mut hosts = Vec::new();
    let mut more = false;
    for rule in rules {
        more |= hosts.len() == MOST_HOSTS;
        if !more && !rule.host.is_empty() {
            hosts.push(rule.host.as_str());
        }
    }
    if hosts.is_empty() {
        return "*".into();
    }
    let text = hosts.join(",");
    if more {
        return format!("{text} + {} more...", rules.len() - MOST_HOSTS);
    }
    text
}

fn addresses(points: &[IngressLoadBalancerIngress]) -> String {
    let address = |point: &'_ IngressLoadBalancerIngress| {
        let text = if point.ip.is_empty() {
            &point.hostname
        } else {
            &point.ip
        };
        (!text.is_empty()).then(|| text.clone())
    };
    let addresses: BTreeSet<String> = points.iter().filter_map(address).collect();
    addresses.into_iter().collect::<Vec<_>>().join(",")
}

/// The cells of an ingress.
#[must_use]
pub fn row(ingress: &Ingress, now: jiff::Timestamp) -> Row {
    let Ingress { metadata, spec, status } = ingress;
    let ports = if spec.tls.is_empty() { "80" } else { "80, 443" };
    vec![
        metadata.name.as_str().into(),
        spec.ingress_class_name.as_deref().unwrap_or(NONE).into(),
        hosts(&spec.rules).into(),
        addresses(&status.load_balancer.ingress).into(),
        ports.into(),
        age(metadata.creation_timestamp, now).into(),
    ]
}
