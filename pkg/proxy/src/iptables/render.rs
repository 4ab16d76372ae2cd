//! One service's plan as chains of its own and rows of the shared chains. Pure text, in a stable order.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use super::IpTables;
use super::chains::{MARK_MASQ_CHAIN, SharedChain, endpoint_chain, port_hash};
use crate::endpoints::Endpoint;
use crate::plan::{FilterVerdict, ServicePlan, ServicePortPlan, TrafficPolicy};

/// What a service needs in the kernel.
#[derive(Debug, Default)]
pub(super) struct Rendered {
    /// Rules by chain of table `nat`, without `-A CHAIN`.
    pub(super) chains: BTreeMap<String, Vec<String>>,
    /// Rows of the shared chains, without `-A CHAIN`.
    pub(super) rows: BTreeSet<(SharedChain, String)>,
}

pub(super) fn render(backend: &IpTables, plan: &ServicePlan) -> Rendered {
    let mut rendered = Rendered::default();
    for port in &plan.ports {
        let renderer = PortRenderer {
            backend,
            port,
            name: port.name.to_string(),
            hash: port_hash(&port.name),
            out: &mut rendered,
        };
        renderer.render();
    }
    rendered
}

struct PortRenderer<'a> {
    backend: &'a IpTables,
    port: &'a ServicePortPlan,
    name: String,
    hash: String,
    out: &'a mut Rendered,
}

impl PortRenderer<'_> {
    fn render(mut self) {
        self.shared_rows();
        let plan = self.port;
        if plan.uses_external_chain() {
            self.external_chain();
        }
        if self.uses_firewall() {
            self.firewall_chain();
        }
        for (uses, policy, endpoints) in [
            (plan.uses_cluster_chain(), TrafficPolicy::Cluster, &plan.cluster),
            (plan.uses_local_chain(), TrafficPolicy::Local, &plan.local),
        ] {
            if uses {
                let mut rules = Vec::new();
                if policy == plan.internal_policy() {
                    rules.extend(self.masquerade_cluster_ip());
                }
                rules.extend(self.balance(endpoints));
                self.out.chains.insert(self.policy_chain(policy), rules);
            }
        }
        self.endpoint_chains();
    }

    /// Source ranges only matter where there is something to protect.
    fn uses_firewall(&self) -> bool {
        self.port.has_endpoints && self.port.uses_firewall()
    }

    fn policy_chain(&self, policy: TrafficPolicy) -> String {
        match policy {
            TrafficPolicy::Cluster => format!("KUBE-SVC-{}", self.hash),
            TrafficPolicy::Local => format!("KUBE-SVL-{}", self.hash),
        }
    }

    fn row(&mut self, chain: SharedChain, rule: String) {
        self.out.rows.insert((chain, rule));
    }

    /// The match for one destination address of the service.
    fn destination(&self, comment: &str, ip: std::net::IpAddr) -> String {
        let (protocol, port) = (self.port.info.protocol.lower(), self.port.info.port);
        format!("-m comment --comment \"{comment}\" -m {protocol} -p {protocol} -d {ip} --dport {port}")
    }

    fn refusal(&self, verdict: FilterVerdict) -> (String, &'static str) {
        match verdict {
            FilterVerdict::Reject => (format!("{} has no endpoints", self.name), "REJECT"),
            FilterVerdict::Drop => (format!("{} has no local endpoints", self.name), "DROP"),
        }
    }

    fn shared_rows(&mut self) {
        let plan = self.port;
        let info = &plan.info;
        match plan.internal_verdict() {
            None => {
                let chain = self.policy_chain(plan.internal_policy());
                let matches = self.destination(&format!("{} cluster IP", self.name), info.cluster_ip);
                self.row(SharedChain::NatServices, format!("{matches} -j {chain}"));
            }
            Some(verdict) => {
                let (comment, target) = self.refusal(verdict);
                let matches = self.destination(&comment, info.cluster_ip);
                self.row(SharedChain::FilterServices, format!("{matches} -j {target}"));
            }
        }
        let external = format!("KUBE-EXT-{}", self.hash);
        let balancer = if self.uses_firewall() {
            format!("KUBE-FW-{}", self.hash)
        } else {
            external.clone()
        };
        let refusal = plan.external_verdict().map(|verdict| self.refusal(verdict));
        let addresses = info.external_ips.iter().map(|ip| (ip, "external IP", &external));
        let balancers = info
            .load_balancer_vips
            .iter()
            .map(|ip| (ip, "loadbalancer IP", &balancer));
        for (ip, what, chain) in addresses.chain(balancers) {
            if plan.has_endpoints {
                let matches = self.destination(&format!("{} {what}", self.name), *ip);
                self.row(SharedChain::NatServices, format!("{matches} -j {chain}"));
            }
            if let Some((comment, target)) = &refusal {
                let matches = self.destination(comment, *ip);
                self.row(SharedChain::FilterExternalServices, format!("{matches} -j {target}"));
            }
        }
        if self.uses_firewall() {
            for ip in &info.load_balancer_vips {
                let comment = format!("{} traffic not accepted by {balancer}", self.name);
                let matches = self.destination(&comment, *ip);
                self.row(SharedChain::FilterProxyFirewall, format!("{matches} -j DROP"));
            }
        }
        self.node_port_rows(&external, refusal);
    }

    fn node_port_rows(&mut self, external: &str, refusal: Option<(String, &'static str)>) {
        let plan = self.port;
        let (info, protocol) = (&plan.info, plan.info.protocol.lower());
        if info.node_port != 0 {
            let port = format!("-m {protocol} -p {protocol} --dport {}", info.node_port);
            if plan.has_endpoints {
                let comment = format!("-m comment --comment \"{}\"", self.name);
                self.row(SharedChain::NatNodePorts, format!("{comment} {port} -j {external}"));
            }
            if let Some((comment, target)) = refusal {
                let comment = format!("-m comment --comment \"{comment}\"");
                self.row(
                    SharedChain::FilterExternalServices,
                    format!("{comment} -m addrtype --dst-type LOCAL {port} -j {target}"),
                );
            }
        }
        if info.health_check_node_port != 0 {
            self.row(
                SharedChain::FilterNodePorts,
                format!(
                    "-m comment --comment \"{} health check node port\" -m tcp -p tcp --dport {} -j ACCEPT",
                    self.name, info.health_check_node_port
                ),
            );
        }
    }

    /// Traffic to the cluster IP that does not come from a pod must come back through this node.
    fn masquerade_cluster_ip(&self) -> Option<String> {
        let settings = &self.backend.settings;
        if !settings.masquerade_all && !settings.local_traffic.is_known() {
            return None;
        }
        if self.port.internal_verdict().is_some() {
            return None;
        }
        let matches = self.destination(&format!("{} cluster IP", self.name), self.port.info.cluster_ip);
        let origin = if settings.masquerade_all {
            String::new()
        } else {
            settings.local_traffic.iptables(false)
        };
        Some(format!("{matches}{origin} -j {MARK_MASQ_CHAIN}"))
    }

    fn external_chain(&mut self) {
        let plan = self.port;
        let cluster = self.policy_chain(TrafficPolicy::Cluster);
        let name = &self.name;
        let comment = |what: &str| format!("-m comment --comment \"{what} for {name} external destinations\"");
        let mut rules = Vec::new();
        match plan.external_policy() {
            TrafficPolicy::Cluster => rules.push(format!("{} -j {MARK_MASQ_CHAIN}", comment("masquerade traffic"))),
            TrafficPolicy::Local => {
                let pods = self.backend.settings.local_traffic.iptables(true);
                if plan.uses_cluster_chain() && !pods.is_empty() {
                    rules.push(format!("{}{pods} -j {cluster}", comment("pod traffic")));
                }
                let local = "-m addrtype --src-type LOCAL";
                rules.push(format!(
                    "{} {local} -j {MARK_MASQ_CHAIN}",
                    comment("masquerade LOCAL traffic")
                ));
                if plan.uses_cluster_chain() {
                    rules.push(format!("{} {local} -j {cluster}", comment("route LOCAL traffic")));
                }
            }
        }
        if plan.external_verdict().is_none() {
            rules.push(format!("-j {}", self.policy_chain(plan.external_policy())));
        }
        self.out.chains.insert(format!("KUBE-EXT-{}", self.hash), rules);
    }

    fn firewall_chain(&mut self) {
        let (info, external) = (&self.port.info, format!("KUBE-EXT-{}", self.hash));
        let comment = format!("-m comment --comment \"{} loadbalancer IP\"", self.name);
        let mut rules: Vec<String> = info
            .load_balancer_source_ranges
            .iter()
            .map(|range| format!("{comment} -s {range} -j {external}"))
            .collect();
        let node_ip = self.backend.settings.node_ip;
        // The node itself reaches load balancer addresses with such an address as its source.
        if node_ip.is_some_and(|ip| info.load_balancer_source_ranges.iter().any(|net| net.contains(&ip))) {
            rules.extend(
                info.load_balancer_vips
                    .iter()
                    .map(|ip| format!("{comment} -s {ip} -j {external}")),
            );
        }
        rules.push(format!(
            "-m comment --comment \"other traffic to {} will be dropped by KUBE-PROXY-FIREWALL\"",
            self.name
        ));
        self.out.chains.insert(format!("KUBE-FW-{}", self.hash), rules);
    }

    fn comment(&self, text: &str) -> String {
        if self.backend.large_cluster {
            String::new()
        } else {
            format!("-m comment --comment \"{text}\" ")
        }
    }

    fn balance(&self, endpoints: &[Endpoint]) -> Vec<String> {
        let mut rules = Vec::with_capacity(endpoints.len());
        let targets: Vec<(String, String)> = endpoints
            .iter()
            .map(|endpoint| {
                let text = endpoint.to_string();
                (
                    endpoint_chain(&self.port.name, &text),
                    self.comment(&format!("{} -> {text}", self.name)),
                )
            })
            .collect();
        if let Some(seconds) = self.port.info.affinity_seconds {
            for (chain, comment) in &targets {
                rules.push(format!(
                    "{comment}-m recent --name {chain} --rcheck --seconds {seconds} --reap -j {chain}"
                ));
            }
        }
        for (index, (chain, comment)) in targets.iter().enumerate() {
            let mut rule = comment.clone();
            let left = targets.len() - index;
            if left > 1 {
                #[expect(clippy::cast_precision_loss, reason = "endpoint counts are far below 2^52")]
                let probability = 1.0 / left as f64;
                let _ = write!(rule, "-m statistic --mode random --probability {probability:.10} ");
            }
            let _ = write!(rule, "-j {chain}");
            rules.push(rule);
        }
        rules
    }

    fn endpoint_chains(&mut self) {
        let protocol = self.port.info.protocol.lower();
        for endpoint in &self.port.reachable {
            let text = endpoint.to_string();
            let chain = endpoint_chain(&self.port.name, &text);
            let comment = self.comment(&self.name);
            let recent = match self.port.info.affinity_seconds {
                Some(_) => format!("-m recent --name {chain} --set "),
                None => String::new(),
            };
            let rules = vec![
                // A pod that reaches itself through the service needs another source to see answers.
                format!("{comment}-s {} -j {MARK_MASQ_CHAIN}", endpoint.ip),
                format!("{comment}{recent}-m {protocol} -p {protocol} -j DNAT --to-destination {text}"),
            ];
            self.out.chains.insert(chain, rules);
        }
    }
}
