//! Names of chains, the jumps to them from the kernel's own chains, and the rules that do not depend on services.

use crate::hash::short_hash;
use crate::types::{IpFamily, ServicePortName};

use super::{Input, IpTables};

pub(super) const CANARY_CHAIN: &str = "KUBE-PROXY-CANARY";
pub(super) const MARK_MASQ_CHAIN: &str = "KUBE-MARK-MASQ";
const POSTROUTING_CHAIN: &str = "KUBE-POSTROUTING";
const FORWARD_CHAIN: &str = "KUBE-FORWARD";
/// The kubelet's chain; shared with it because the rule against martian localnet packets is needed with or without one.
const KUBELET_FIREWALL_CHAIN: &str = "KUBE-FIREWALL";

const SERVICE_PREFIXES: [&str; 5] = ["KUBE-SVC-", "KUBE-SVL-", "KUBE-SEP-", "KUBE-FW-", "KUBE-EXT-"];

/// Rules of ours that are always there, for the rule count metrics.
pub(super) const FIXED_FILTER_RULES: usize = 3;
pub(super) const FIXED_NAT_RULES: usize = 5;

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Table {
    Filter,
    Nat,
}

impl Table {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Filter => "filter",
            Self::Nat => "nat",
        }
    }
}

/// Chains that hold rows of many services.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum SharedChain {
    FilterServices,
    FilterExternalServices,
    FilterNodePorts,
    FilterProxyFirewall,
    NatNodePorts,
    NatServices,
}

pub(super) const SHARED_CHAINS: [SharedChain; 6] = [
    SharedChain::FilterServices,
    SharedChain::FilterExternalServices,
    SharedChain::FilterNodePorts,
    SharedChain::FilterProxyFirewall,
    SharedChain::NatNodePorts,
    SharedChain::NatServices,
];

impl SharedChain {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::FilterServices | Self::NatServices => "KUBE-SERVICES",
            Self::FilterExternalServices => "KUBE-EXTERNAL-SERVICES",
            Self::FilterNodePorts | Self::NatNodePorts => "KUBE-NODEPORTS",
            Self::FilterProxyFirewall => "KUBE-PROXY-FIREWALL",
        }
    }

    pub(super) fn table(self) -> Table {
        match self {
            Self::NatServices | Self::NatNodePorts => Table::Nat,
            _ => Table::Filter,
        }
    }
}

/// A jump from one of the kernel's chains to one of ours.
pub(super) struct Jump {
    pub(super) table: Table,
    pub(super) target: &'static str,
    pub(super) source: &'static str,
    comment: &'static str,
    new_only: bool,
    /// Removed by `--cleanup`; the kubelet's are not ours to remove.
    pub(super) ours: bool,
}

const fn jump(table: Table, target: &'static str, source: &'static str, comment: &'static str, new_only: bool) -> Jump {
    Jump {
        table,
        target,
        source,
        comment,
        new_only,
        ours: true,
    }
}

const PORTALS: &str = "kubernetes service portals";
const EXTERNAL_PORTALS: &str = "kubernetes externally-visible service portals";
const FIREWALL: &str = "kubernetes load balancer firewall";

pub(super) const JUMPS: [Jump; 14] = [
    jump(Table::Filter, "KUBE-EXTERNAL-SERVICES", "INPUT", EXTERNAL_PORTALS, true),
    jump(
        Table::Filter,
        "KUBE-EXTERNAL-SERVICES",
        "FORWARD",
        EXTERNAL_PORTALS,
        true,
    ),
    jump(
        Table::Filter,
        "KUBE-NODEPORTS",
        "INPUT",
        "kubernetes health check service ports",
        false,
    ),
    jump(Table::Filter, "KUBE-SERVICES", "FORWARD", PORTALS, true),
    jump(Table::Filter, "KUBE-SERVICES", "OUTPUT", PORTALS, true),
    jump(
        Table::Filter,
        FORWARD_CHAIN,
        "FORWARD",
        "kubernetes forwarding rules",
        false,
    ),
    jump(Table::Filter, "KUBE-PROXY-FIREWALL", "INPUT", FIREWALL, true),
    jump(Table::Filter, "KUBE-PROXY-FIREWALL", "OUTPUT", FIREWALL, true),
    jump(Table::Filter, "KUBE-PROXY-FIREWALL", "FORWARD", FIREWALL, true),
    jump(Table::Nat, "KUBE-SERVICES", "OUTPUT", PORTALS, false),
    jump(Table::Nat, "KUBE-SERVICES", "PREROUTING", PORTALS, false),
    jump(
        Table::Nat,
        POSTROUTING_CHAIN,
        "POSTROUTING",
        "kubernetes postrouting rules",
        false,
    ),
    Jump {
        ours: false,
        ..jump(Table::Filter, KUBELET_FIREWALL_CHAIN, "INPUT", "", false)
    },
    Jump {
        ours: false,
        ..jump(Table::Filter, KUBELET_FIREWALL_CHAIN, "OUTPUT", "", false)
    },
];

/// Chains of ours besides those of services, by table.
pub(super) const OWN_CHAINS: [(Table, &str); 11] = [
    (Table::Nat, "KUBE-SERVICES"),
    (Table::Nat, "KUBE-NODEPORTS"),
    (Table::Nat, POSTROUTING_CHAIN),
    (Table::Nat, MARK_MASQ_CHAIN),
    (Table::Nat, CANARY_CHAIN),
    (Table::Filter, "KUBE-SERVICES"),
    (Table::Filter, "KUBE-EXTERNAL-SERVICES"),
    (Table::Filter, FORWARD_CHAIN),
    (Table::Filter, "KUBE-NODEPORTS"),
    (Table::Filter, "KUBE-PROXY-FIREWALL"),
    (Table::Filter, CANARY_CHAIN),
];

impl Jump {
    pub(super) fn rule(&self) -> String {
        let new_only = if self.new_only {
            "-m conntrack --ctstate NEW "
        } else {
            ""
        };
        let comment = if self.comment.is_empty() {
            String::new()
        } else {
            format!("-m comment --comment \"{}\" ", self.comment)
        };
        format!("{new_only}{comment}-j {}", self.target)
    }

    /// The line of a saved table that is this jump. Versions of iptables differ in details, so the source chain, the
    /// target and the comment decide.
    pub(super) fn find_in<'a>(&self, saved: &'a str) -> impl Iterator<Item = &'a str> + use<'a> {
        let start = format!("-A {} ", self.source);
        let end = format!(" -j {}", self.target);
        let comment = (!self.comment.is_empty()).then(|| format!("--comment \"{}\"", self.comment));
        saved.lines().map(str::trim_end).filter(move |line| {
            line.starts_with(&start)
                && (line.ends_with(&end) || *line == format!("{}{}", start.trim_end(), end))
                && comment.as_ref().is_none_or(|comment| line.contains(comment.as_str()))
        })
    }

    pub(super) fn is_in(&self, saved: &str) -> bool {
        self.find_in(saved).next().is_some()
    }
}

/// Chain names of a saved table.
pub(super) fn chain_names(saved: &str) -> impl Iterator<Item = &str> {
    saved
        .lines()
        .filter_map(|line| line.strip_prefix(':'))
        .filter_map(|line| line.split_whitespace().next())
}

pub(super) fn is_service_chain(name: &str) -> bool {
    SERVICE_PREFIXES.iter().any(|prefix| name.starts_with(prefix))
}

/// The hash in the names of a service port's chains.
pub(super) fn port_hash(name: &ServicePortName) -> String {
    short_hash(&[&name.to_string(), name.port.protocol.lower()], 16)
}

/// The name of an endpoint's chain.
pub(super) fn endpoint_chain(name: &ServicePortName, endpoint: &str) -> String {
    format!(
        "KUBE-SEP-{}",
        short_hash(&[&name.to_string(), name.port.protocol.lower(), endpoint], 16)
    )
}

/// Chains whose rules depend on settings only.
pub(super) fn write_fixed(backend: &IpTables, input: &mut Input) {
    let settings = &backend.settings;
    let mark = format!("{:#08x}", 1u32 << settings.masquerade_bit);
    input.chain(Table::Nat, POSTROUTING_CHAIN);
    input.chain(Table::Nat, MARK_MASQ_CHAIN);
    input.chain(Table::Filter, FORWARD_CHAIN);
    let random = if backend.random_fully { " --random-fully" } else { "" };
    for rule in [
        format!("-A {POSTROUTING_CHAIN} -m mark ! --mark {mark}/{mark} -j RETURN"),
        // Cleared, so that a packet that passes here again (through a tunnel) is not masqueraded twice.
        format!("-A {POSTROUTING_CHAIN} -j MARK --xor-mark {mark}"),
        format!(
            "-A {POSTROUTING_CHAIN} -m comment --comment \"kubernetes service traffic requiring SNAT\" -j MASQUERADE{random}"
        ),
        format!("-A {MARK_MASQ_CHAIN} -j MARK --or-mark {mark}"),
    ] {
        input.rule(Table::Nat, &rule);
    }
    input.chain(Table::Filter, KUBELET_FIREWALL_CHAIN);
    if backend.family == IpFamily::V4 && settings.localhost_node_ports {
        // route_localnet lets neighbours reach the node's loopback services; this takes that back.
        input.rule(
            Table::Filter,
            &format!(
                "-A {KUBELET_FIREWALL_CHAIN} -m comment --comment \"block incoming localnet connections\" -d 127.0.0.0/8 ! -s 127.0.0.0/8 -m conntrack ! --ctstate RELATED,ESTABLISHED,DNAT -j DROP"
            ),
        );
    }
    if !settings.conntrack_tcp_be_liberal {
        // An invalid packet would pass without address translation and reset the connection.
        input.rule(
            Table::Filter,
            &format!("-A {FORWARD_CHAIN} -m conntrack --ctstate INVALID -j DROP"),
        );
    }
    input.rule(
        Table::Filter,
        &format!(
            "-A {FORWARD_CHAIN} -m comment --comment \"kubernetes forwarding rules\" -m mark --mark {mark}/{mark} -j ACCEPT"
        ),
    );
    input.rule(
        Table::Filter,
        &format!(
            "-A {FORWARD_CHAIN} -m comment --comment \"kubernetes forwarding conntrack rule\" -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT"
        ),
    );
}

/// Rules that close a shared chain: the way to the node ports is the last of `KUBE-SERVICES`.
pub(super) fn last_rows(backend: &IpTables, chain: SharedChain) -> Vec<String> {
    if chain != SharedChain::NatServices {
        return Vec::new();
    }
    let comment =
        "-m comment --comment \"kubernetes service nodeports; NOTE: this must be the last rule in this chain\"";
    let settings = &backend.settings;
    if settings.node_port_addresses.match_all() {
        let except = match backend.family {
            IpFamily::V6 => " ! -d ::1/128",
            IpFamily::V4 if !settings.localhost_node_ports => " ! -d 127.0.0.0/8",
            IpFamily::V4 => "",
        };
        return vec![format!(
            "{comment} -m addrtype --dst-type LOCAL{except} -j KUBE-NODEPORTS"
        )];
    }
    let node_ips = settings.node_port_addresses.node_ips().unwrap_or_else(|error| {
        tracing::error!(%error, "failed to get node ip addresses matching nodeport cidrs, services with nodeport may not work as intended");
        Vec::new()
    });
    let usable = node_ips.into_iter().filter(|ip| {
        let usable = !ip.is_loopback() || (ip.is_ipv4() && settings.localhost_node_ports);
        if !usable {
            tracing::error!(address = %ip, "--nodeport-addresses includes localhost but localhost NodePorts are off or not supported");
        }
        usable
    });
    usable
        .map(|ip| format!("{comment} -d {ip} -j KUBE-NODEPORTS"))
        .collect()
}
