//! Ports of nodes that pods take.

use k8s_api::core::v1::Pod;
use smallvec::SmallVec;

/// The address that stands for all.
const ANY: &str = "0.0.0.0";

/// A port of the node's that a container wants.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct HostPort {
    /// The address; `0.0.0.0` for all.
    pub ip: String,
    /// `TCP`, `UDP` or `SCTP`.
    pub protocol: String,
    /// The port.
    pub port: i32,
}

impl HostPort {
    /// The ports that a pod wants on its node: of containers and sidecars.
    #[must_use]
    pub fn of(pod: &Pod) -> Box<[Self]> {
        let sidecars = pod.spec.init_containers.iter();
        let sidecars = sidecars.filter(|container| container.restart_policy.as_deref() == Some("Always"));
        let ports = pod.spec.containers.iter().chain(sidecars).flat_map(|c| &c.ports);
        ports
            .filter(|port| port.host_port > 0)
            .map(|port| Self {
                ip: non_empty(&port.host_ip, ANY),
                protocol: non_empty(&port.protocol, "TCP"),
                port: port.host_port,
            })
            .collect()
    }

    /// Whether two pods cannot have these on one node.
    #[must_use]
    pub fn conflicts_with(&self, other: &Self) -> bool {
        self.port == other.port
            && self.protocol == other.protocol
            && (self.ip == other.ip || self.ip == ANY || other.ip == ANY)
    }
}

fn non_empty(text: &str, default: &str) -> String {
    if text.is_empty() { default } else { text }.to_owned()
}

/// The ports that are taken on a node.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct UsedPorts(SmallVec<[HostPort; 0]>);

impl UsedPorts {
    /// Takes ports.
    pub fn add(&mut self, ports: &[HostPort]) {
        self.0.extend(ports.iter().cloned());
    }

    /// Gives ports back.
    pub fn remove(&mut self, ports: &[HostPort]) {
        for port in ports {
            if let Some(at) = self.0.iter().position(|taken| taken == port) {
                self.0.swap_remove(at);
            }
        }
    }

    /// Whether any of these is taken.
    #[must_use]
    pub fn conflict_with(&self, wanted: &[HostPort]) -> bool {
        wanted
            .iter()
            .any(|port| self.0.iter().any(|taken| taken.conflicts_with(port)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn port(ip: &str, protocol: &str, port: i32) -> HostPort {
        HostPort {
            ip: ip.to_owned(),
            protocol: protocol.to_owned(),
            port,
        }
    }

    #[test]
    fn conflicts() {
        let mut used = UsedPorts::default();
        used.add(&[port("127.0.0.1", "TCP", 80), port("0.0.0.0", "UDP", 53)]);
        for (wanted, expected) in [
            (port("127.0.0.1", "TCP", 80), true),
            (port("127.0.0.2", "TCP", 80), false),
            (port("0.0.0.0", "TCP", 80), true),
            (port("127.0.0.1", "UDP", 80), false),
            (port("10.0.0.1", "UDP", 53), true),
            (port("127.0.0.1", "TCP", 81), false),
        ] {
            assert_eq!(
                used.conflict_with(std::slice::from_ref(&wanted)),
                expected,
                "{wanted:?}"
            );
        }
        used.remove(&[port("127.0.0.1", "TCP", 80)]);
        assert!(!used.conflict_with(&[port("0.0.0.0", "TCP", 80)]));
    }
}
