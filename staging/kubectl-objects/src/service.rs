//! The Service that `expose` and `run --expose` make (upstream: `expose.createService`, `generateversioned`).

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::numbers::{atoi, int_or_string, wrapped};
use crate::{Result, refuse};

/// `KEY=VALUE,…` of labels.
///
/// # Errors
/// A pair is none, or its key is empty.
pub fn parse_labels(text: &str) -> Result<BTreeMap<String, String>> {
    if text.is_empty() {
        return Err(refuse!("no label spec passed"));
    }
    let mut labels = BTreeMap::new();
    for pair in text.split(',') {
        match pair.split('=').collect::<Vec<_>>()[..] {
            ["", _] => return Err(refuse!("unexpected empty label key")),
            [key, value] => labels.insert(key.to_owned(), value.to_owned()),
            _ => return Err(refuse!("unexpected label spec: {pair}")),
        };
    }
    Ok(labels)
}

/// What is known of the Service; what is empty is not.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ServiceOptions {
    /// Its name.
    pub name: String,
    /// Its selector, as text.
    pub selector: String,
    /// Its labels, as text.
    pub labels: String,
    /// Its ports, with commas between them.
    pub ports: String,
    /// The protocol of all ports.
    pub protocol: String,
    /// The protocols of each port; none where `protocol` is given.
    pub protocols: BTreeMap<String, Vec<String>>,
    /// Where all ports lead to: number or name. The port's own number if there is none.
    pub target_port: String,
    /// An address from outside.
    pub external_ip: String,
    /// The type.
    pub service_type: String,
    /// The address of the balancer; only for the type `LoadBalancer`.
    pub load_balancer_ip: String,
    /// `None` or `ClientIP`.
    pub session_affinity: String,
    /// The address, or `None`.
    pub cluster_ip: String,
}

impl ServiceOptions {
    /// The Service.
    ///
    /// # Errors
    /// There is no selector; labels, a port or the affinity are malformed.
    pub fn service(&self) -> Result<Value> {
        if self.selector.is_empty() {
            return Err(refuse!("selector must be specified"));
        }
        let selector = parse_labels(&self.selector)?;
        let labels = if self.labels.is_empty() {
            BTreeMap::new()
        } else {
            parse_labels(&self.labels)?
        };
        let mut spec = json!({"selector": selector, "ports": self.ports()?});
        let mut set = |member: &str, value: Value| spec[member] = value;
        if !self.external_ip.is_empty() {
            set("externalIPs", json!([self.external_ip]));
        }
        set("type", self.service_type.as_str().into());
        if self.service_type == "LoadBalancer" {
            set("loadBalancerIP", self.load_balancer_ip.as_str().into());
        }
        match self.session_affinity.as_str() {
            "" | "None" | "ClientIP" => set("sessionAffinity", self.session_affinity.as_str().into()),
            other => return Err(refuse!("unknown session affinity: {other}")),
        }
        set("clusterIP", self.cluster_ip.as_str().into());
        Ok(json!({
            "apiVersion": "v1", "kind": "Service",
            "metadata": {"name": self.name, "labels": labels},
            "spec": spec,
        }))
    }

    fn ports(&self) -> Result<Vec<Value>> {
        let mut ports = Vec::new();
        if self.ports.is_empty() {
            return Ok(ports);
        }
        let texts: Vec<&str> = self.ports.split(',').collect();
        for (number, text) in (1..).zip(&texts) {
            let port = wrapped(atoi(text)?);
            let name = if texts.len() > 1 {
                format!("port-{number}")
            } else {
                String::new()
            };
            let known = self.protocols.get(*text).map_or(&[][..], Vec::as_slice);
            match (self.protocol.as_str(), known) {
                ("", []) => ports.push(self.port(&name, port, "TCP")),
                ("", [one]) => ports.push(self.port(&name, port, one)),
                ("", several) => {
                    ports.extend(several.iter().map(|protocol| {
                        self.port(&format!("port-{number}-{}", protocol.to_lowercase()), port, protocol)
                    }))
                }
                (protocol, _) => ports.push(self.port(&name, port, protocol)),
            }
        }
        Ok(ports)
    }

    fn port(&self, name: &str, port: i32, protocol: &str) -> Value {
        let target = if self.target_port.is_empty() {
            port.into()
        } else {
            int_or_string(&self.target_port)
        };
        json!({"name": name, "port": port, "protocol": protocol, "targetPort": target})
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_are_read() {
        for (text, expected) in [
            ("a=b,c=", Ok(2)),
            ("", Err("no label spec passed")),
            ("=b", Err("unexpected empty label key")),
            ("a", Err("unexpected label spec: a")),
            ("a=b=c", Err("unexpected label spec: a=b=c")),
        ] {
            let labels = parse_labels(text).map(|labels| labels.len()).map_err(|error| error.0);
            assert_eq!(labels, expected.map_err(str::to_owned));
        }
    }

    #[test]
    fn ports_have_the_protocols_of_what_is_exposed() {
        let protocols = BTreeMap::from([
            ("53".to_owned(), vec!["TCP".to_owned(), "UDP".to_owned()]),
            ("99".to_owned(), vec!["SCTP".to_owned()]),
        ]);
        for (ports, protocol, target, expected) in [
            (
                "53",
                "",
                "",
                json!([["port-1-tcp", 53, "TCP", 53], ["port-1-udp", 53, "UDP", 53]]),
            ),
            (
                "99,80",
                "",
                "web",
                json!([["port-1", 99, "SCTP", "web"], ["port-2", 80, "TCP", "web"]]),
            ),
            ("53", "UDP", "7", json!([["", 53, "UDP", 7]])),
            ("", "", "", json!([])),
        ] {
            let options = ServiceOptions {
                selector: "a=b".to_owned(),
                ports: ports.to_owned(),
                protocol: protocol.to_owned(),
                protocols: protocols.clone(),
                target_port: target.to_owned(),
                ..ServiceOptions::default()
            };
            let service = options.service().expect("a service");
            let ports = service["spec"]["ports"].as_array().expect("ports");
            let ports: Value = ports
                .iter()
                .map(|port| json!([port["name"], port["port"], port["protocol"], port["targetPort"]]))
                .collect();
            assert_eq!(ports, expected);
        }
    }
}
