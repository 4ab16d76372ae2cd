//! `Service`: its addresses, its ports and the endpoints behind each.

use cli_runtime::Result;
use cli_runtime::gotext::{format_labels, go_value};
use serde_json::Value;

use crate::text::{Text, put};
use crate::values::{items, joined, number, or_none, some, text};
use crate::{Cluster, Related, Subject, metadata};

/// How many endpoints are named; the others are counted.
const NAMED: usize = 3;

pub(crate) async fn describe(subject: &Subject<'_>, out: &mut Text) {
    let object = subject.object;
    let (namespace, name) = (text(object, "/metadata/namespace"), text(object, "/metadata/name"));
    // A service is described even if its endpoints cannot be had.
    let slices = slices_of(subject.cluster, namespace, name).await.unwrap_or_default();
    metadata::head(object, out);
    put!(
        out,
        0,
        "Selector:\t{}\n",
        format_labels(object.pointer("/spec/selector"))
    );
    put!(out, 0, "Type:\t{}\n", text(object, "/spec/type"));
    optional("IP Family Policy", text(object, "/spec/ipFamilyPolicy"), out);
    put!(
        out,
        0,
        "IP Families:\t{}\n",
        or_none(&joined(object, "/spec/ipFamilies", ","))
    );
    put!(out, 0, "IP:\t{}\n", text(object, "/spec/clusterIP"));
    put!(out, 0, "IPs:\t{}\n", or_none(&joined(object, "/spec/clusterIPs", ",")));
    optional("External IPs", &joined(object, "/spec/externalIPs", ","), out);
    optional("Desired LoadBalancer IP", text(object, "/spec/loadBalancerIP"), out);
    optional("External Name", text(object, "/spec/externalName"), out);
    optional("LoadBalancer Ingress", &ingress(object), out);
    for port in items(object, "/spec/ports") {
        describe_port(port, &slices, out);
    }
    put!(out, 0, "Session Affinity:\t{}\n", text(object, "/spec/sessionAffinity"));
    optional(
        "External Traffic Policy",
        text(object, "/spec/externalTrafficPolicy"),
        out,
    );
    optional(
        "Internal Traffic Policy",
        text(object, "/spec/internalTrafficPolicy"),
        out,
    );
    if number(object, "/spec/healthCheckNodePort") != 0 {
        let port = number(object, "/spec/healthCheckNodePort");
        put!(out, 0, "HealthCheck NodePort:\t{port}\n");
    }
    let ranges = joined(object, "/spec/loadBalancerSourceRanges", ",");
    optional("LoadBalancer Source Ranges", &ranges, out);
    optional("Traffic Distribution", text(object, "/spec/trafficDistribution"), out);
    if let Some(events) = subject.events().await {
        events.describe(out);
    }
}

/// The endpoint slices of a service.
pub(crate) async fn slices_of(cluster: &dyn Cluster, namespace: &str, service: &str) -> Result<Vec<Value>> {
    let labels = format!("kubernetes.io/service-name={service}");
    let wanted = Related {
        api_version: "discovery.k8s.io/v1",
        kind: "EndpointSlice",
        namespace,
        labels: &labels,
        fields: "",
    };
    cluster.list(&wanted).await
}

fn optional(title: &str, value: &str, out: &mut Text) {
    if !value.is_empty() {
        put!(out, 0, "{title}:\t{value}\n");
    }
}

fn ingress(object: &Value) -> String {
    let points: Vec<_> = items(object, "/status/loadBalancer/ingress")
        .iter()
        .map(|point| match (text(point, "/ip"), text(point, "/ipMode")) {
            ("", _) => text(point, "/hostname").to_owned(),
            (ip, "") => ip.to_owned(),
            (ip, mode) => format!("{ip} ({mode})"),
        })
        .collect();
    points.join(", ")
}

fn describe_port(port: &Value, slices: &[Value], out: &mut Text) {
    let (name, protocol) = (text(port, "/name"), text(port, "/protocol"));
    let shown = if name.is_empty() { "<unset>" } else { name };
    put!(out, 0, "Port:\t{shown}\t{}/{protocol}\n", number(port, "/port"));
    let target = some(port, "/targetPort").map_or_else(|| "0".to_owned(), go_value);
    put!(out, 0, "TargetPort:\t{target}/{protocol}\n");
    optional("AppProtocol", text(port, "/appProtocol"), out);
    if number(port, "/nodePort") != 0 {
        put!(out, 0, "NodePort:\t{shown}\t{}/{protocol}\n", number(port, "/nodePort"));
    }
    put!(out, 0, "Endpoints:\t{}\n", endpoints(slices, name));
}

/// The ready endpoints of a port; those of slices without ports belong to every port.
pub(crate) fn endpoints(slices: &[Value], port_name: &str) -> String {
    if slices.is_empty() {
        return "<none>".to_owned();
    }
    let mut ready = Vec::new();
    let mut more = false;
    for slice in slices {
        let all = items(slice, "/ports");
        let ports: Vec<_> = if all.is_empty() {
            vec![None]
        } else {
            let named = all.iter().filter(|port| text(port, "/name") == port_name);
            named.map(|port| Some(number(port, "/port"))).collect()
        };
        for port in ports {
            for endpoint in items(slice, "/endpoints") {
                more |= ready.len() >= NAMED;
                if endpoint.pointer("/conditions/ready") == Some(&Value::Bool(false)) {
                    continue;
                }
                let address = text(endpoint, "/addresses/0");
                ready.push(match port {
                    None => address.to_owned(),
                    Some(port) if address.contains(':') => format!("[{address}]:{port}"),
                    Some(port) => format!("{address}:{port}"),
                });
            }
        }
    }
    let named = ready[..ready.len().min(NAMED)].join(",");
    if more {
        format!("{named} + {} more...", ready.len().saturating_sub(NAMED))
    } else {
        named
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn endpoints_are_named_and_counted() {
        let ready: Vec<_> = (1..6)
            .map(|at| json!({"addresses": [format!("10.0.0.{at}")]}))
            .collect();
        for (endpoints_of, ports, expected) in [
            (
                &ready[..2],
                json!([{"name": "a", "port": 80}]),
                "10.0.0.1:80,10.0.0.2:80",
            ),
            (
                &ready[..],
                json!([{"name": "a", "port": 80}]),
                "10.0.0.1:80,10.0.0.2:80,10.0.0.3:80 + 2 more...",
            ),
            (&ready[..1], json!([{"name": "b", "port": 80}]), ""),
            (&ready[..1], json!([]), "10.0.0.1"),
        ] {
            let slice = json!({"endpoints": endpoints_of, "ports": ports});
            assert_eq!(endpoints(&[slice], "a"), expected);
        }
        assert_eq!(endpoints(&[], "a"), "<none>");
    }
}
