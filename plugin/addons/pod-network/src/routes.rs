//! Routes to the pods of other nodes, marked by a protocol number of their own so that they are told from others'.

use std::collections::BTreeSet;
use std::net::IpAddr;

use ipnet::IpNet;
use serde_json::Value;

use crate::command::{self, CommandError};

/// The protocol of our routes in the kernel's tables; not one of the numbers that `rt_protos` names.
const PROTOCOL: &str = "117";

/// A route: a range, the next hop, and the device where that is not the kernel's to find.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Route {
    pub(crate) range: IpNet,
    pub(crate) via: IpAddr,
    /// A VXLAN device, whose next hops are on the link whatever their address.
    pub(crate) device: Option<String>,
}

impl Route {
    fn replace(&self) -> String {
        let via = match &self.device {
            Some(device) => format!("via {} dev {device} onlink", self.via),
            None => format!("via {}", self.via),
        };
        format!("route replace {} {via} proto {PROTOCOL}", self.range)
    }
}

/// Our routes in the kernel: range and next hop.
fn present() -> Result<BTreeSet<(IpNet, IpAddr)>, CommandError> {
    let mut found = BTreeSet::new();
    for family in ["-4", "-6"] {
        let text = command::run("ip", &[family, "-json", "route", "show", "proto", PROTOCOL], "")?;
        found.extend(parse(&text));
    }
    Ok(found)
}

fn parse(text: &str) -> Vec<(IpNet, IpAddr)> {
    let routes: Vec<Value> = serde_json::from_str(text).unwrap_or_default();
    let member = |route: &Value, name: &str| route.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
    let parse = |route: &Value| {
        let destination = member(route, "dst");
        // A host's route is written without its length.
        let range = destination
            .parse()
            .or_else(|_| destination.parse::<IpAddr>().map(IpNet::from));
        Some((range.ok()?, member(route, "gateway").parse().ok()?))
    };
    routes.iter().filter_map(parse).collect()
}

/// Makes the kernel's routes of ours exactly `wanted`. A next hop that is not reachable is logged; the rest is done.
///
/// # Errors
/// The routes cannot be read or removed, or some could not be added.
pub(crate) fn sync(wanted: &BTreeSet<Route>) -> Result<(), CommandError> {
    let there = present()?;
    let keep: BTreeSet<_> = wanted.iter().map(|route| (route.range, route.via)).collect();
    let kept_ranges: BTreeSet<_> = keep.iter().map(|(range, _)| *range).collect();
    let stale = there.iter().filter(|(range, _)| !kept_ranges.contains(range));
    let removals: Vec<String> = stale
        .map(|(range, _)| format!("route del {range} proto {PROTOCOL}"))
        .collect();
    command::ip_batch(&removals)?;
    let mut failed = Ok(());
    for route in wanted.iter().filter(|route| !there.contains(&(route.range, route.via))) {
        let done = command::ip_batch(&[route.replace()]);
        if let Err(error) = done {
            tracing::warn!(range = %route.range, via = %route.via, %error, "a route to another node's pods cannot be set");
            failed = Err(error);
        }
    }
    failed
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kernels_list_is_understood() {
        let text = r#"[{"dst":"10.244.1.0/24","gateway":"10.0.0.2","dev":"eth0","flags":[]},
            {"dst":"fd00:2::/64","gateway":"fd00::2","dev":"eth0","metric":1024},{"dst":"10.9.9.9","gateway":"10.0.0.3"},{"dst":"default"}]"#;
        let found: Vec<String> = parse(text)
            .iter()
            .map(|(range, via)| format!("{range} {via}"))
            .collect();
        assert_eq!(
            found,
            ["10.244.1.0/24 10.0.0.2", "fd00:2::/64 fd00::2", "10.9.9.9/32 10.0.0.3"]
        );
        assert!(parse("").is_empty());
    }

    #[test]
    fn routes_are_replaced_as_a_whole() {
        let route = |device: Option<&str>| Route {
            range: "10.244.1.0/24".parse().expect("a range"),
            via: "10.0.0.2".parse().expect("an address"),
            device: device.map(str::to_owned),
        };
        assert_eq!(
            route(None).replace(),
            "route replace 10.244.1.0/24 via 10.0.0.2 proto 117"
        );
        assert_eq!(
            route(Some("knx.vxlan")).replace(),
            "route replace 10.244.1.0/24 via 10.0.0.2 dev knx.vxlan onlink proto 117"
        );
    }
}
