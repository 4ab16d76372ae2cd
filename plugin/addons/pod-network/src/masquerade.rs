//! Pods leave the cluster under their node's address, since nobody outside knows the way to theirs.

use std::fmt::Write as _;

use ipnet::IpNet;

use crate::command::{self, CommandError};

/// The table, in each family.
const TABLE: &str = "kubernox-pod-network";

/// Makes the rules: what comes from `own` and goes to none of the cluster's `ranges` is masqueraded.
///
/// # Errors
/// `nft` refuses.
pub(crate) fn sync(own: &[IpNet], ranges: &[IpNet]) -> Result<(), CommandError> {
    command::run("nft", &["-f", "-"], &rules(own, ranges)).map(drop)
}

/// Removes the rules.
///
/// # Errors
/// `nft` refuses.
pub(crate) fn remove() -> Result<(), CommandError> {
    sync(&[], &[])
}

/// One transaction that replaces the tables.
fn rules(own: &[IpNet], ranges: &[IpNet]) -> String {
    let mut text = String::new();
    for (family, v4) in [("ip", true), ("ip6", false)] {
        let of_family = |nets: &[IpNet]| -> Vec<String> {
            let nets = nets.iter().filter(|net| net.addr().is_ipv4() == v4);
            nets.map(ToString::to_string).collect()
        };
        // Adding first makes the deletion succeed whether or not the table is there. Writing to a string cannot fail.
        let _ = writeln!(text, "add table {family} {TABLE}\ndelete table {family} {TABLE}");
        let own = of_family(own);
        if own.is_empty() {
            continue;
        }
        let multicast = if v4 { "224.0.0.0/4" } else { "ff00::/8" };
        let mut inside = of_family(ranges);
        inside.push(multicast.to_owned());
        let _ = writeln!(
            text,
            "add table {family} {TABLE}\n\
             add chain {family} {TABLE} postrouting {{ type nat hook postrouting priority srcnat; }}\n\
             add rule {family} {TABLE} postrouting {family} saddr {{ {} }} {family} daddr != {{ {} }} masquerade fully-random",
            own.join(", "),
            inside.join(", ")
        );
    }
    text
}

#[cfg(test)]
mod tests {
    use super::rules;

    #[test]
    fn only_what_leaves_the_cluster_is_masqueraded() {
        let nets = |texts: &[&str]| {
            texts
                .iter()
                .map(|text| text.parse().expect("a range"))
                .collect::<Vec<_>>()
        };
        let text = rules(
            &nets(&["10.244.1.0/24"]),
            &nets(&["10.244.1.0/24", "10.244.2.0/24", "fd00:1::/64"]),
        );
        assert!(text.contains(
            "ip saddr { 10.244.1.0/24 } ip daddr != { 10.244.1.0/24, 10.244.2.0/24, 224.0.0.0/4 } masquerade"
        ));
        assert!(!text.contains("add chain ip6"), "a family without pods has no rules");
    }
}
