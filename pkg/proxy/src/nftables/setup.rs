//! The table's frame: base chains, maps and the rules that tie them together. Written whole on every full sync.

use std::fmt::Write as _;

use ipnet::IpNet;

use super::elements::Container;
use super::{NfTables, TABLE};
use crate::types::IpFamily;

pub(super) const REJECT_CHAIN: &str = "reject-chain";

/// Base chains: name, type, hook, priority. The pre-DNAT ones run ten before `dstnat`.
const BASE_CHAINS: [(&str, &str, &str, i32); 8] = [
    ("filter-prerouting-pre-dnat", "filter", "prerouting", -110),
    ("filter-output-pre-dnat", "filter", "output", -110),
    ("filter-input", "filter", "input", 0),
    ("filter-forward", "filter", "forward", 0),
    ("filter-output", "filter", "output", 0),
    ("nat-prerouting", "nat", "prerouting", -100),
    ("nat-output", "nat", "output", -100),
    ("nat-postrouting", "nat", "postrouting", 100),
];

/// Jumps out of base chains: target, base chain, condition.
const JUMPS: [(&str, &str, &str); 11] = [
    ("nodeport-endpoints-check", "filter-input", "ct state new "),
    ("service-endpoints-check", "filter-input", "ct state new "),
    ("service-endpoints-check", "filter-forward", "ct state new "),
    ("service-endpoints-check", "filter-output", "ct state new "),
    ("firewall-check", "filter-prerouting-pre-dnat", "ct state new "),
    ("firewall-check", "filter-output-pre-dnat", "ct state new "),
    ("services", "nat-output", ""),
    ("services", "nat-prerouting", ""),
    ("masquerading", "nat-postrouting", ""),
    ("cluster-ips-check", "filter-forward", "ct state new "),
    ("cluster-ips-check", "filter-output", "ct state new "),
];

const OWN_CHAINS: [&str; 7] = [
    "services",
    "service-endpoints-check",
    "nodeport-endpoints-check",
    "firewall-check",
    "cluster-ips-check",
    "masquerading",
    REJECT_CHAIN,
];

/// `ipv4_addr` or `ipv6_addr`.
pub(super) fn address_type(family: IpFamily) -> &'static str {
    match family {
        IpFamily::V4 => "ipv4_addr",
        IpFamily::V6 => "ipv6_addr",
    }
}

fn container_type(container: Container, family: IpFamily) -> (String, &'static str) {
    let ip = address_type(family);
    match container {
        Container::ClusterIps => (ip.to_owned(), "Active ClusterIPs"),
        Container::HairpinConnections => (
            format!("{ip} . {ip} . inet_proto . inet_service"),
            "service hairpin connections",
        ),
        Container::ServiceIps => (
            format!("{ip} . inet_proto . inet_service : verdict"),
            "ClusterIP, ExternalIP and LoadBalancer IP traffic",
        ),
        Container::FirewallIps => (
            format!("{ip} . inet_proto . inet_service : verdict"),
            "destinations that are subject to LoadBalancerSourceRanges",
        ),
        Container::NoEndpointServices => (
            format!("{ip} . inet_proto . inet_service : verdict"),
            "vmap to drop or reject packets to services with no endpoints",
        ),
        Container::NoEndpointNodePorts => (
            "inet_proto . inet_service : verdict".to_owned(),
            "vmap to drop or reject packets to service nodeports with no endpoints",
        ),
        Container::ServiceNodePorts => ("inet_proto . inet_service : verdict".to_owned(), "NodePort traffic"),
    }
}

/// The rule that asks for masquerading.
pub(super) fn masquerade_rule(backend: &NfTables) -> String {
    format!("mark set mark or {:#08x}", 1u32 << backend.settings.masquerade_bit)
}

/// Writes the frame. `replace_base_chains` makes base chains anew, since their hooks cannot be changed in place.
pub(super) fn write_base(backend: &NfTables, service_cidrs: &[IpNet], replace_base_chains: bool, out: &mut String) {
    let ip = backend.ip();
    let _ = writeln!(out, "add table {ip} {TABLE} {{ comment \"rules for kube-proxy\" ; }}");
    if replace_base_chains {
        for (name, ..) in BASE_CHAINS {
            let _ = writeln!(out, "add chain {ip} {TABLE} {name}\ndelete chain {ip} {TABLE} {name}");
        }
    }
    for (name, kind, hook, priority) in BASE_CHAINS {
        let _ = writeln!(
            out,
            "add chain {ip} {TABLE} {name} {{ type {kind} hook {hook} priority {priority} ; }}"
        );
        let _ = writeln!(out, "flush chain {ip} {TABLE} {name}");
    }
    for name in OWN_CHAINS {
        let _ = writeln!(out, "add chain {ip} {TABLE} {name}\nflush chain {ip} {TABLE} {name}");
    }
    for container in Container::ALL {
        let (kind, comment) = container_type(container, backend.family);
        let (what, name) = (if container.is_set() { "set" } else { "map" }, container.name());
        let _ = writeln!(
            out,
            "add {what} {ip} {TABLE} {name} {{ type {kind} ; comment \"{comment}\" ; }}"
        );
        let _ = writeln!(out, "flush {what} {ip} {TABLE} {name}");
    }
    write_node_port_ips(backend, out);
    for (target, base, condition) in JUMPS {
        let _ = writeln!(out, "add rule {ip} {TABLE} {base} {condition}jump {target}");
    }
    write_rules(backend, service_cidrs, out);
}

fn write_node_port_ips(backend: &NfTables, out: &mut String) {
    let (ip, addresses) = (backend.ip(), &backend.settings.node_port_addresses);
    let kind = address_type(backend.family);
    let comment = "IPs that accept NodePort traffic";
    let _ = writeln!(
        out,
        "add set {ip} {TABLE} nodeport-ips {{ type {kind} ; comment \"{comment}\" ; }}"
    );
    if addresses.match_all() {
        let _ = writeln!(out, "delete set {ip} {TABLE} nodeport-ips");
        return;
    }
    let _ = writeln!(out, "flush set {ip} {TABLE} nodeport-ips");
    let node_ips = addresses.node_ips().unwrap_or_else(|error| {
        tracing::error!(%error, "failed to get node ip addresses matching nodeport cidrs, services with nodeport may not work as intended");
        Vec::new()
    });
    for address in node_ips {
        if address.is_loopback() {
            tracing::error!(%address, "--nodeport-addresses includes localhost but localhost NodePorts are not supported");
            continue;
        }
        let _ = writeln!(out, "add element {ip} {TABLE} nodeport-ips {{ {address} }}");
    }
}

fn write_rules(backend: &NfTables, service_cidrs: &[IpNet], out: &mut String) {
    let (ip, settings) = (backend.ip(), &backend.settings);
    let mark = format!("{:#08x}", 1u32 << settings.masquerade_bit);
    let mut rule = |chain: &str, text: &str| {
        let _ = writeln!(out, "add rule {ip} {TABLE} {chain} {text}");
    };
    rule(
        "masquerading",
        &format!("mark and {mark} != 0 mark set mark xor {mark} masquerade fully-random"),
    );
    rule(
        "masquerading",
        &format!(
            "ct status dnat {ip} saddr . {ip} daddr . meta l4proto . th dport @hairpin-connections masquerade fully-random"
        ),
    );
    rule(
        "cluster-ips-check",
        &format!("{ip} daddr @cluster-ips reject comment \"Reject traffic to invalid ports of ClusterIPs\""),
    );
    if !service_cidrs.is_empty() {
        let list: Vec<String> = service_cidrs.iter().map(ToString::to_string).collect();
        let list = list.join(", ");
        rule(
            "cluster-ips-check",
            &format!("{ip} daddr {{ {list} }} drop comment \"Drop traffic to unallocated ClusterIPs\""),
        );
    }
    rule(REJECT_CHAIN, "reject");
    let destination = format!("{ip} daddr . meta l4proto . th dport vmap");
    rule(
        "service-endpoints-check",
        &format!("{destination} @no-endpoint-services"),
    );
    let node_port = if settings.node_port_addresses.match_all() {
        match backend.family {
            IpFamily::V4 => "ip daddr != 127.0.0.0/8 meta l4proto . th dport vmap",
            IpFamily::V6 => "ip6 daddr != ::1 meta l4proto . th dport vmap",
        }
        .to_owned()
    } else {
        format!("{ip} daddr @nodeport-ips meta l4proto . th dport vmap")
    };
    rule(
        "nodeport-endpoints-check",
        &format!("{node_port} @no-endpoint-nodeports"),
    );
    rule("firewall-check", &format!("{destination} @firewall-ips"));
    let masquerade = masquerade_rule(backend);
    if settings.masquerade_all {
        rule(
            "services",
            &format!("{ip} daddr @cluster-ips {masquerade} comment \"masquerade all clusterIP traffic\""),
        );
    } else if settings.local_traffic.is_known() {
        let not_local = settings.local_traffic.nftables(false);
        rule(
            "services",
            &format!(
                "{ip} daddr @cluster-ips {not_local} {masquerade} comment \"masquerade clusterIP traffic from outside cluster\""
            ),
        );
    }
    rule("services", &format!("{destination} @service-ips"));
    let local = if settings.node_port_addresses.match_all() {
        "fib daddr type local "
    } else {
        ""
    };
    rule("services", &format!("{local}{node_port} @service-nodeports"));
}
