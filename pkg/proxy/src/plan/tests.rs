//! Routing decisions as a table: endpoints in short notation, policies, expected lists.

use super::*;
use crate::types::{Hints, NamespacedName, PortKey, Protocol};

/// `last octet` + flags: `l` local, `r` ready, `s` serving, `t` terminating, `zX` zone hint, `nX` node hint.
fn endpoint(text: &str) -> Endpoint {
    let digits: String = text.chars().take_while(char::is_ascii_digit).collect();
    let (mut hints, mut flags) = (Hints::default(), String::new());
    for word in text[digits.len()..].split(',').skip(1) {
        match word.split_at(1) {
            ("z", zone) => hints.zones.push(zone.into()),
            ("n", node) => hints.nodes.push(node.into()),
            _ => flags.push_str(word),
        }
    }
    let has = |flag| {
        text[digits.len()..]
            .split(',')
            .next()
            .is_some_and(|word| word.contains(flag))
    };
    assert!(flags.is_empty(), "unknown word in {text}");
    Endpoint {
        ip: format!("10.0.0.{digits}").parse().unwrap(),
        port: 80,
        local: has('l'),
        ready: has('r'),
        serving: has('s') || has('r'),
        terminating: has('t'),
        hints: (hints != Hints::default()).then(|| Arc::new(hints)),
    }
}

fn info(internal_local: bool, external_local: bool, node_port: u16) -> Arc<ServicePortInfo> {
    Arc::new(ServicePortInfo {
        cluster_ip: "172.30.0.1".parse().unwrap(),
        port: 80,
        protocol: Protocol::Tcp,
        node_port,
        external_ips: vec![],
        load_balancer_vips: vec![],
        load_balancer_source_ranges: vec![],
        affinity_seconds: None,
        health_check_node_port: 0,
        external_policy_local: external_local,
        internal_policy_local: internal_local,
    })
}

fn octets(list: &[Endpoint]) -> Vec<u8> {
    list.iter()
        .map(|endpoint| match endpoint.ip {
            std::net::IpAddr::V4(ip) => ip.octets()[3],
            std::net::IpAddr::V6(_) => unreachable!("the tests use IPv4"),
        })
        .collect()
}

fn plan(info: &Arc<ServicePortInfo>, endpoints: &[&str]) -> ServicePortPlan {
    let list: Vec<Endpoint> = endpoints.iter().map(|text| endpoint(text)).collect();
    let node = NodeTopology {
        node_name: "me".into(),
        zone: "a".into(),
    };
    let name = ServicePortName {
        service: NamespacedName::new("ns", "svc"),
        port: PortKey {
            name: "p".into(),
            protocol: Protocol::Tcp,
        },
    };
    ServicePortPlan::new(name, info.clone(), &list, &node)
}

#[test]
fn categories() {
    let cluster = info(false, false, 0);
    let external_local = info(false, true, 30000);
    let internal_local = info(true, false, 0);
    // (info, endpoints, cluster, local, reachable, has endpoints)
    type Case<'a> = (
        &'a Arc<ServicePortInfo>,
        &'a [&'a str],
        &'a [u8],
        &'a [u8],
        &'a [u8],
        bool,
    );
    let cases: &[Case<'_>] = &[
        (&cluster, &[], &[], &[], &[], false),
        (&cluster, &["1r", "2", "3lr"], &[1, 3], &[], &[1, 3], true),
        (&cluster, &["1st", "2", "3t"], &[1], &[], &[1], true),
        (&cluster, &["1st", "2r"], &[2], &[], &[2], true),
        // Zones: only with a hint on every ready endpoint, and one for this zone.
        (&cluster, &["1r,za", "2r,zb"], &[1], &[], &[1], true),
        (&cluster, &["1r,za", "2r"], &[1, 2], &[], &[1, 2], true),
        (&cluster, &["1r,zb", "2r,zc"], &[1, 2], &[], &[1, 2], true),
        (&cluster, &["1r,za", "2"], &[1], &[], &[1], true),
        // Nodes take precedence over zones.
        (&cluster, &["1r,za,nme", "2r,za,nyou"], &[1], &[], &[1], true),
        (&cluster, &["1r,za,nx", "2r,zb,ny"], &[1], &[], &[1], true),
        // External Local keeps both lists.
        (&external_local, &["1r", "2lr"], &[1, 2], &[2], &[1, 2], true),
        (&external_local, &["1r", "2lst"], &[1], &[2], &[1, 2], true),
        (&external_local, &["1r"], &[1], &[], &[1], true),
        (&external_local, &["1r,za", "2lr,zb"], &[1], &[2], &[1, 2], true),
        // Internal Local without anything external uses local endpoints only.
        (&internal_local, &["1r", "2lr"], &[], &[2], &[2], true),
        (&internal_local, &["1r"], &[], &[], &[], true),
        (&internal_local, &["1r", "2lst"], &[], &[2], &[2], true),
        (&internal_local, &["1"], &[], &[], &[], false),
    ];
    for (info, endpoints, cluster, local, reachable, has_endpoints) in cases {
        let plan = plan(info, endpoints);
        assert_eq!(octets(&plan.cluster), *cluster, "cluster of {endpoints:?}");
        assert_eq!(octets(&plan.local), *local, "local of {endpoints:?}");
        assert_eq!(octets(&plan.reachable), *reachable, "reachable of {endpoints:?}");
        assert_eq!(plan.has_endpoints, *has_endpoints, "has_endpoints of {endpoints:?}");
    }
}

#[test]
fn verdicts() {
    let external_local = info(false, true, 30000);
    let none = plan(&external_local, &["1"]);
    assert_eq!(
        (none.internal_verdict(), none.external_verdict()),
        (Some(FilterVerdict::Reject), Some(FilterVerdict::Reject))
    );
    assert!(!none.uses_external_chain());
    let remote = plan(&external_local, &["1r"]);
    assert_eq!(
        (remote.internal_verdict(), remote.external_verdict()),
        (None, Some(FilterVerdict::Drop))
    );
    assert!(remote.uses_external_chain(), "the node's own traffic is still served");
    let internal_local = plan(&info(true, false, 0), &["1r"]);
    assert_eq!(internal_local.internal_verdict(), Some(FilterVerdict::Drop));
    assert!(!internal_local.uses_cluster_chain() && !internal_local.uses_local_chain());
}
