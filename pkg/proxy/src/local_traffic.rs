//! How packets of this node's pods are told from others. Counterpart upstream: `util/localdetector.go`.

use ipnet::IpNet;

/// A test for "comes from a pod of this node (or cluster)".
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum LocalTraffic {
    /// Not known: no masquerading by origin and no short cut for pods.
    #[default]
    Unknown,
    /// By source range.
    Cidr(IpNet),
    /// By the bridge that pods are attached to.
    Bridge(String),
    /// By the prefix of the pods' interface names.
    InterfacePrefix(String),
}

impl LocalTraffic {
    /// True when pods can be told from others.
    #[must_use]
    pub fn is_known(&self) -> bool {
        *self != Self::Unknown
    }

    /// The match for iptables, with a leading blank; negated when `local` is false. Empty when unknown.
    #[must_use]
    pub fn iptables(&self, local: bool) -> String {
        let not = if local { "" } else { " !" };
        match self {
            Self::Unknown => String::new(),
            Self::Cidr(net) => format!("{not} -s {net}"),
            Self::Bridge(name) => format!("{not} -i {name}"),
            Self::InterfacePrefix(prefix) => format!("{not} -i {prefix}+"),
        }
    }

    /// The match for nftables; negated when `local` is false. Empty when unknown.
    #[must_use]
    pub fn nftables(&self, local: bool) -> String {
        let not = if local { "" } else { "!= " };
        match self {
            Self::Unknown => String::new(),
            Self::Cidr(IpNet::V4(net)) => format!("ip saddr {not}{net}"),
            Self::Cidr(IpNet::V6(net)) => format!("ip6 saddr {not}{net}"),
            Self::Bridge(name) => format!("iifname {not}\"{name}\""),
            Self::InterfacePrefix(prefix) => format!("iifname {not}\"{prefix}*\""),
        }
    }
}
