//! One service's plan as chains, affinity sets and map elements. Pure text, in a stable order.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use super::elements::{Container, Element};
use super::{NfTables, names, setup};
use crate::endpoints::Endpoint;
use crate::plan::{FilterVerdict, ServicePlan, ServicePortPlan, TrafficPolicy};

/// What a service needs in the kernel.
#[derive(Debug, Default)]
pub(super) struct Rendered {
    /// Rules by chain.
    pub(super) chains: BTreeMap<String, Vec<String>>,
    /// Timeout in seconds by set.
    pub(super) affinity_sets: BTreeMap<String, u32>,
    /// Elements of the shared maps and sets.
    pub(super) elements: Vec<Element>,
}

pub(super) fn render(backend: &NfTables, plan: &ServicePlan) -> Rendered {
    let mut rendered = Rendered::default();
    for port in &plan.ports {
        PortRenderer {
            backend,
            port,
            base: names::service_port(&port.name),
            out: &mut rendered,
        }
        .render();
    }
    rendered
}

struct PortRenderer<'a> {
    backend: &'a NfTables,
    port: &'a ServicePortPlan,
    base: String,
    out: &'a mut Rendered,
}

impl PortRenderer<'_> {
    fn render(mut self) {
        self.elements();
        let plan = self.port;
        if plan.uses_external_chain() {
            self.external_chain();
        }
        if plan.uses_firewall() {
            self.firewall_chain();
        }
        for (uses, policy, endpoints) in [
            (plan.uses_cluster_chain(), TrafficPolicy::Cluster, &plan.cluster),
            (plan.uses_local_chain(), TrafficPolicy::Local, &plan.local),
        ] {
            if uses {
                let rules = match plan.info.affinity_seconds {
                    None => vec![self.balance_to_addresses(endpoints)],
                    Some(_) => self.balance_to_chains(endpoints),
                };
                self.out.chains.insert(self.policy_chain(policy), rules);
            }
        }
        if let Some(seconds) = plan.info.affinity_seconds {
            self.endpoint_chains(seconds);
        }
    }

    fn policy_chain(&self, policy: TrafficPolicy) -> String {
        let prefix = match policy {
            TrafficPolicy::Cluster => names::CLUSTER,
            TrafficPolicy::Local => names::LOCAL,
        };
        format!("{prefix}{}", self.base)
    }

    fn element(&mut self, container: Container, key: String, value: String) {
        self.out.elements.push(Element { container, key, value });
    }

    fn elements(&mut self) {
        let plan = self.port;
        let (info, protocol) = (&plan.info, plan.info.protocol.lower());
        for endpoint in plan.reachable.iter().filter(|endpoint| endpoint.local) {
            let (ip, port) = (endpoint.ip, endpoint.port);
            self.element(
                Container::HairpinConnections,
                format!("{ip} . {ip} . {protocol} . {port}"),
                String::new(),
            );
        }
        self.element(Container::ClusterIps, info.cluster_ip.to_string(), String::new());
        let key = |ip: &std::net::IpAddr| format!("{ip} . {protocol} . {}", info.port);
        match plan.internal_verdict() {
            None => {
                let target = format!(" : goto {}", self.policy_chain(plan.internal_policy()));
                self.element(Container::ServiceIps, key(&info.cluster_ip), target);
            }
            Some(verdict) => {
                let value = self.filter_value(verdict);
                self.element(Container::NoEndpointServices, key(&info.cluster_ip), value);
            }
        }
        let external = format!(" : goto {}{}", names::EXTERNAL, self.base);
        let refused = plan.external_verdict().map(|verdict| self.filter_value(verdict));
        for ip in info.external_ips.iter().chain(&info.load_balancer_vips) {
            if plan.has_endpoints {
                self.element(Container::ServiceIps, key(ip), external.clone());
            }
            if let Some(value) = &refused {
                self.element(Container::NoEndpointServices, key(ip), value.clone());
            }
        }
        if plan.uses_firewall() {
            for ip in &info.load_balancer_vips {
                let value = format!(" : goto {}{}", names::FIREWALL, self.base);
                self.element(Container::FirewallIps, key(ip), value);
            }
        }
        if info.node_port != 0 {
            let key = format!("{protocol} . {}", info.node_port);
            if plan.has_endpoints {
                self.element(Container::ServiceNodePorts, key.clone(), external);
            }
            if let Some(value) = refused {
                self.element(Container::NoEndpointNodePorts, key, value);
            }
        }
    }

    fn filter_value(&self, verdict: FilterVerdict) -> String {
        let verdict = match verdict {
            FilterVerdict::Reject => format!("goto {}", setup::REJECT_CHAIN),
            FilterVerdict::Drop => "drop".to_owned(),
        };
        format!(" comment \"{}\" : {verdict}", self.port.name)
    }

    fn external_chain(&mut self) {
        let plan = self.port;
        let masquerade = setup::masquerade_rule(self.backend);
        let cluster = self.policy_chain(TrafficPolicy::Cluster);
        let mut rules = Vec::new();
        match plan.external_policy() {
            TrafficPolicy::Cluster => rules.push(format!("{masquerade} comment \"masquerade\"")),
            TrafficPolicy::Local => {
                // Only traffic from outside is bound to this node's endpoints. Without any usable endpoint in the
                // Cluster chain there is nothing to short-circuit to.
                if plan.uses_cluster_chain() {
                    let pods = self.backend.settings.local_traffic.nftables(true);
                    if !pods.is_empty() {
                        rules.push(format!("{pods} goto {cluster} comment \"short-circuit pod traffic\""));
                    }
                }
                rules.push(format!(
                    "fib saddr type local {masquerade} comment \"masquerade local traffic\""
                ));
                if plan.uses_cluster_chain() {
                    rules.push(format!(
                        "fib saddr type local goto {cluster} comment \"short-circuit local traffic\""
                    ));
                }
            }
        }
        if plan.external_verdict().is_none() {
            rules.push(format!("goto {}", self.policy_chain(plan.external_policy())));
        }
        self.out
            .chains
            .insert(format!("{}{}", names::EXTERNAL, self.base), rules);
    }

    fn firewall_chain(&mut self) {
        let info = &self.port.info;
        let mut sources: Vec<String> = info
            .load_balancer_source_ranges
            .iter()
            .map(ToString::to_string)
            .collect();
        let node_ip = self.backend.settings.node_ip;
        // The node itself reaches load balancer addresses with such an address as its source.
        if node_ip.is_some_and(|ip| info.load_balancer_source_ranges.iter().any(|net| net.contains(&ip))) {
            sources.extend(info.load_balancer_vips.iter().map(ToString::to_string));
        }
        let rule = format!("{} saddr != {{ {} }} drop", self.backend.ip(), sources.join(", "));
        self.out
            .chains
            .insert(format!("{}{}", names::FIREWALL, self.base), vec![rule]);
    }

    fn balance_to_addresses(&self, endpoints: &[Endpoint]) -> String {
        let (ip, protocol) = (self.backend.ip(), self.port.info.protocol.lower());
        let count = endpoints.len();
        let mut rule = format!("meta l4proto {protocol} dnat {ip} addr . port to numgen random mod {count} map {{ ");
        for (index, endpoint) in endpoints.iter().enumerate() {
            let separator = if index == 0 { "" } else { ", " };
            let _ = write!(rule, "{separator}{index} : {} . {}", endpoint.ip, endpoint.port);
        }
        rule.push_str(" }");
        rule
    }

    fn balance_to_chains(&self, endpoints: &[Endpoint]) -> Vec<String> {
        let ip = self.backend.ip();
        let names: Vec<String> = endpoints
            .iter()
            .map(|endpoint| names::endpoint(&self.port.name, endpoint))
            .collect();
        let mut rules: Vec<String> = names
            .iter()
            .map(|name| format!("{ip} saddr @{}{name} goto {}{name}", names::AFFINITY, names::ENDPOINT))
            .collect();
        let jumps: Vec<String> = names
            .iter()
            .enumerate()
            .map(|(index, name)| format!("{index} : goto {}{name}", names::ENDPOINT))
            .collect();
        rules.push(format!(
            "numgen random mod {} vmap {{ {} }}",
            names.len(),
            jumps.join(", ")
        ));
        rules
    }

    fn endpoint_chains(&mut self, seconds: u32) {
        let (ip, protocol) = (self.backend.ip(), self.port.info.protocol.lower());
        for endpoint in &self.port.reachable {
            let name = names::endpoint(&self.port.name, endpoint);
            let set = format!("{}{name}", names::AFFINITY);
            let rules = vec![
                format!("update @{set} {{ {ip} saddr }}"),
                format!("meta l4proto {protocol} dnat to {endpoint}"),
            ];
            self.out.chains.insert(format!("{}{name}", names::ENDPOINT), rules);
            self.out.affinity_sets.insert(set, seconds);
        }
    }
}
