//! Elements of the shared maps and sets, with their owners.
//!
//! Several services may want the same key (one cluster IP with two ports, one endpoint behind two services, a
//! mistaken external IP), so each key knows who wants it, and the owner that sorts first decides its value. Only
//! keys whose deciding value changed since the last transaction are written.

use std::collections::{HashMap, HashSet};
use std::fmt::Write as _;

use super::TABLE;
use crate::types::NamespacedName;

/// The shared maps and sets.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) enum Container {
    ClusterIps,
    ServiceIps,
    FirewallIps,
    NoEndpointServices,
    NoEndpointNodePorts,
    ServiceNodePorts,
    HairpinConnections,
}

impl Container {
    pub(super) const ALL: [Self; 7] = [
        Self::ClusterIps,
        Self::ServiceIps,
        Self::FirewallIps,
        Self::NoEndpointServices,
        Self::NoEndpointNodePorts,
        Self::ServiceNodePorts,
        Self::HairpinConnections,
    ];

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::ClusterIps => "cluster-ips",
            Self::ServiceIps => "service-ips",
            Self::FirewallIps => "firewall-ips",
            Self::NoEndpointServices => "no-endpoint-services",
            Self::NoEndpointNodePorts => "no-endpoint-nodeports",
            Self::ServiceNodePorts => "service-nodeports",
            Self::HairpinConnections => "hairpin-connections",
        }
    }

    pub(super) fn is_set(self) -> bool {
        matches!(self, Self::ClusterIps | Self::HairpinConnections)
    }
}

/// One wanted element: `value` is empty in sets, otherwise the verdict with the optional comment before the colon.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Element {
    pub(super) container: Container,
    pub(super) key: String,
    pub(super) value: String,
}

type Key = (Container, Box<str>);

#[derive(Debug, Default)]
pub(super) struct Elements {
    wanted: HashMap<Key, Vec<(NamespacedName, Box<str>)>>,
    written: HashMap<Key, Box<str>>,
    touched: HashSet<Key>,
}

impl Elements {
    /// Replaces what `owner` wants; returns the keys to hand in as `old` the next time.
    pub(super) fn replace(&mut self, owner: &NamespacedName, old: &[Key], new: Vec<Element>) -> Vec<Key> {
        for key in old {
            if let Some(owners) = self.wanted.get_mut(key) {
                owners.retain(|(other, _)| other != owner);
                if owners.is_empty() {
                    self.wanted.remove(key);
                }
                self.touched.insert(key.clone());
            }
        }
        let mut keys = Vec::with_capacity(new.len());
        for element in new {
            let key: Key = (element.container, element.key.into());
            let owners = self.wanted.entry(key.clone()).or_default();
            match owners.binary_search_by(|(other, _)| other.cmp(owner)) {
                // The same service wants the key twice; the first port decides.
                Ok(_) => continue,
                Err(place) => owners.insert(place, (owner.clone(), element.value.into())),
            }
            self.touched.insert(key.clone());
            keys.push(key);
        }
        keys
    }

    /// Writes the differences since the last call: deletions first, because a changed value is both.
    pub(super) fn write(&mut self, ip: &str, out: &mut String) {
        let mut touched: Vec<Key> = self.touched.drain().collect();
        touched.sort_unstable();
        let mut additions = String::new();
        for key in touched {
            let wanted = self
                .wanted
                .get(&key)
                .and_then(|owners| owners.first())
                .map(|(_, value)| value);
            let written = self.written.get(&key);
            if wanted == written {
                continue;
            }
            let container = key.0.name();
            if written.is_some() {
                let _ = writeln!(out, "delete element {ip} {TABLE} {container} {{ {} }}", key.1);
            }
            match wanted.cloned() {
                Some(value) => {
                    let _ = writeln!(additions, "add element {ip} {TABLE} {container} {{ {}{value} }}", key.1);
                    self.written.insert(key, value);
                }
                None => {
                    self.written.remove(&key);
                }
            }
        }
        out.push_str(&additions);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wanted(value: &str) -> Vec<Element> {
        vec![Element {
            container: Container::ServiceIps,
            key: "10.0.0.1 . tcp . 80".into(),
            value: value.into(),
        }]
    }

    #[test]
    fn a_shared_key_goes_to_the_next_owner() {
        let (a, b) = (NamespacedName::new("ns", "a"), NamespacedName::new("ns", "b"));
        let (mut elements, mut out) = (Elements::default(), String::new());
        let old_b = elements.replace(&b, &[], wanted(" : goto b"));
        elements.write("ip", &mut out);
        assert_eq!(
            out,
            "add element ip kube-proxy service-ips { 10.0.0.1 . tcp . 80 : goto b }\n"
        );
        out.clear();
        let old_a = elements.replace(&a, &[], wanted(" : goto a"));
        elements.write("ip", &mut out);
        assert_eq!(
            out,
            "delete element ip kube-proxy service-ips { 10.0.0.1 . tcp . 80 }\n\
             add element ip kube-proxy service-ips { 10.0.0.1 . tcp . 80 : goto a }\n"
        );
        out.clear();
        elements.replace(&b, &old_b, vec![]);
        elements.write("ip", &mut out);
        assert_eq!(out, "", "the deciding owner is still there");
        elements.replace(&a, &old_a, vec![]);
        elements.write("ip", &mut out);
        assert_eq!(
            out,
            "delete element ip kube-proxy service-ips { 10.0.0.1 . tcp . 80 }\n"
        );
        assert!(elements.wanted.is_empty() && elements.written.is_empty());
    }
}
