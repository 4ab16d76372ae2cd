//! `NetworkPolicy`: which pods it is for, and what may reach them or be reached by them.

use cli_runtime::gotext::go_value;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde_json::Value;

use crate::metadata;
use crate::text::{Text, put};
use crate::values::{items, joined, number, or_none, some, text};
use crate::workload::selector_or_none;

/// A direction of traffic: its policy type, its rules, the member that names peers, and how it is put in words.
struct Direction {
    policy_type: &'static str,
    rules: &'static str,
    peers: &'static str,
    word: &'static str,
    peer: &'static str,
    end: &'static str,
}

const DIRECTIONS: [Direction; 2] = [
    Direction {
        policy_type: "Ingress",
        rules: "/spec/ingress",
        peers: "/from",
        word: "ingress",
        peer: "From",
        end: "source",
    },
    Direction {
        policy_type: "Egress",
        rules: "/spec/egress",
        peers: "/to",
        word: "egress",
        peer: "To",
        end: "destination",
    },
];

pub(crate) fn describe(policy: &Value, out: &mut Text) {
    put!(out, 0, "Name:\t{}\n", text(policy, "/metadata/name"));
    put!(out, 0, "Namespace:\t{}\n", text(policy, "/metadata/namespace"));
    put!(out, 0, "Created on:\t{}\n", created(policy));
    metadata::labels("Labels", policy.pointer("/metadata/labels"), out);
    metadata::annotations("Annotations", policy.pointer("/metadata/annotations"), out);
    put!(out, 0, "Spec:\n");
    let chosen = match selector_or_none(policy, "/spec/podSelector") {
        none if none == "<none>" => format!("{none} (Allowing the specific traffic to all pods in this namespace)"),
        selector => selector,
    };
    // The gap is that of upstream's writer, which indents each piece of a line.
    put!(out, 1, "PodSelector:     {chosen}\n");
    let types = items(policy, "/spec/policyTypes");
    for direction in &DIRECTIONS {
        if types.iter().any(|kind| kind == direction.policy_type) {
            put!(out, 1, "Allowing {} traffic:\n", direction.word);
            rules(items(policy, direction.rules), direction, out);
        } else {
            put!(out, 1, "Not affecting {} traffic\n", direction.word);
        }
    }
    let types = joined(policy, "/spec/policyTypes", ", ");
    put!(out, 1, "Policy Types: {}\n", or_none(&types));
}

/// As Go writes a time.
fn created(policy: &Value) -> String {
    match text(policy, "/metadata/creationTimestamp").parse::<Timestamp>() {
        Ok(time) => time
            .to_zoned(TimeZone::system())
            .strftime("%Y-%m-%d %H:%M:%S %z %Z")
            .to_string(),
        Err(_) => "0001-01-01 00:00:00 +0000 UTC".to_owned(),
    }
}

fn rules(rules: &[Value], direction: &Direction, out: &mut Text) {
    let Direction { word, peer, end, .. } = direction;
    if rules.is_empty() {
        put!(out, 2, "<none> (Selected pods are isolated for {word} connectivity)\n");
    }
    for (at, rule) in rules.iter().enumerate() {
        if at > 0 {
            put!(out, 2, "----------\n");
        }
        let ports = items(rule, "/ports");
        if ports.is_empty() {
            put!(out, 2, "To Port: <any> (traffic allowed to all ports)\n");
        }
        for port in ports {
            let first = some(port, "/port").map_or_else(|| "<nil>".to_owned(), go_value);
            let protocol = some(port, "/protocol").and_then(Value::as_str).unwrap_or("TCP");
            match number(port, "/endPort") {
                0 => put!(out, 2, "To Port: {first}/{protocol}\n"),
                last => put!(out, 2, "To Port Range: {first}-{last}/{protocol}\n"),
            }
        }
        let peers = items(rule, direction.peers);
        if peers.is_empty() {
            put!(out, 2, "{peer}: <any> (traffic not restricted by {end})\n");
        }
        for one in peers {
            put!(out, 2, "{peer}:\n");
            describe_peer(one, out);
        }
    }
}

fn describe_peer(peer: &Value, out: &mut Text) {
    let selectors = [
        ("NamespaceSelector", "/namespaceSelector"),
        ("PodSelector", "/podSelector"),
    ];
    for (title, field) in selectors {
        if some(peer, field).is_some() {
            put!(out, 3, "{title}: {}\n", selector_or_none(peer, field));
        }
    }
    if let Some(block) = some(peer, "/ipBlock") {
        put!(out, 3, "IPBlock:\n");
        put!(out, 4, "CIDR: {}\n", text(block, "/cidr"));
        put!(out, 4, "Except: {}\n", joined(block, "/except", ", "));
    }
}

#[cfg(test)]
mod tests {
    use crate::testing::described;
    use serde_json::json;

    #[tokio::test]
    async fn both_directions_are_told() {
        let policy = json!({
            "kind": "NetworkPolicy", "metadata": {"name": "p", "namespace": "n"},
            "spec": {
                "podSelector": {}, "policyTypes": ["Ingress", "Egress"],
                "egress": [
                    {"ports": [{"port": 53, "protocol": "UDP"}, {"port": 1, "endPort": 9}], "to": [{"ipBlock": {"cidr": "10.0.0.0/8", "except": ["10.1.0.0/16"]}}]},
                    {"to": [{"podSelector": {}, "namespaceSelector": {"matchLabels": {"a": "b"}}}]},
                    {},
                ],
            },
        });
        let description = described("networking.k8s.io", &policy, Vec::new()).await;
        let (_, spec) = description.split_once("Spec:\n").unwrap();
        assert_eq!(
            spec,
            "  PodSelector:     <none> (Allowing the specific traffic to all pods in this namespace)
  Allowing ingress traffic:
    <none> (Selected pods are isolated for ingress connectivity)
  Allowing egress traffic:
    To Port: 53/UDP
    To Port Range: 1-9/TCP
    To:
      IPBlock:
        CIDR: 10.0.0.0/8
        Except: 10.1.0.0/16
    ----------
    To Port: <any> (traffic allowed to all ports)
    To:
      NamespaceSelector: a=b
      PodSelector: <none>
    ----------
    To Port: <any> (traffic allowed to all ports)
    To: <any> (traffic not restricted by destination)
  Policy Types: Ingress, Egress
"
        );
    }
}
