//! Rules as text: the frame once, services by kind, and what a change costs.

use crate::backend::testing::Recorder;
use crate::fixtures::{nftables, proxier, service, slice};
use crate::types::{IpFamily, LoadBalancerIngress, NamespacedName, Protocol, Service, ServicePort, ServiceType};

/// The lines of a transaction that concern one service's chains or any element, without the common prefix.
fn service_lines(text: &str) -> Vec<String> {
    text.lines()
        .filter(|line| line.contains('/') || line.contains(" element "))
        .filter(|line| !line.contains(" services ") && !line.starts_with("add chain") && !line.contains("check"))
        .map(|line| line.replace(" ip kube-proxy", ""))
        .collect()
}

fn sync_one(service: &Service, addresses: &[&str]) -> Vec<String> {
    let commands = Recorder::new();
    let proxier = proxier(IpFamily::V4, nftables(IpFamily::V4, &commands));
    proxier.update_service(service);
    proxier.update_endpoint_slice(slice(&service.name, addresses));
    proxier.sync().unwrap();
    service_lines(&commands.take())
}

fn load_balancer() -> Service {
    Service {
        type_: ServiceType::LoadBalancer,
        external_ips: vec!["192.0.2.1".into()],
        load_balancer_ingress: vec![LoadBalancerIngress {
            ip: "198.51.100.1".into(),
            proxy_mode: false,
        }],
        load_balancer_source_ranges: vec!["192.168.0.0/24".into()],
        ports: vec![ServicePort {
            name: "p80".into(),
            protocol: Protocol::Tcp,
            port: 80,
            node_port: 30080,
        }],
        ..service("svc1", "172.30.0.41")
    }
}

#[test]
fn the_frame() {
    let commands = Recorder::new();
    let proxier = proxier(IpFamily::V4, nftables(IpFamily::V4, &commands));
    proxier.set_service_cidrs(&["172.30.0.0/16".parse().unwrap(), "fd00:30::/112".parse().unwrap()]);
    proxier.sync().unwrap();
    let text = commands.take();
    for line in [
        "add table ip kube-proxy { comment \"rules for kube-proxy\" ; }",
        "add chain ip kube-proxy filter-prerouting-pre-dnat { type filter hook prerouting priority -110 ; }",
        "add chain ip kube-proxy nat-postrouting { type nat hook postrouting priority 100 ; }",
        "add map ip kube-proxy service-ips { type ipv4_addr . inet_proto . inet_service : verdict ; comment \"ClusterIP, ExternalIP and LoadBalancer IP traffic\" ; }",
        "delete set ip kube-proxy nodeport-ips",
        "add rule ip kube-proxy masquerading mark and 0x004000 != 0 mark set mark xor 0x004000 masquerade fully-random",
        "add rule ip kube-proxy masquerading ct status dnat ip saddr . ip daddr . meta l4proto . th dport @hairpin-connections masquerade fully-random",
        "add rule ip kube-proxy cluster-ips-check ip daddr @cluster-ips reject comment \"Reject traffic to invalid ports of ClusterIPs\"",
        "add rule ip kube-proxy cluster-ips-check ip daddr { 172.30.0.0/16 } drop comment \"Drop traffic to unallocated ClusterIPs\"",
        "add rule ip kube-proxy nodeport-endpoints-check ip daddr != 127.0.0.0/8 meta l4proto . th dport vmap @no-endpoint-nodeports",
        "add rule ip kube-proxy services ip daddr @cluster-ips ip saddr != 10.0.0.0/8 mark set mark or 0x004000 comment \"masquerade clusterIP traffic from outside cluster\"",
        "add rule ip kube-proxy services ip daddr . meta l4proto . th dport vmap @service-ips",
        "add rule ip kube-proxy services fib daddr type local ip daddr != 127.0.0.0/8 meta l4proto . th dport vmap @service-nodeports",
    ] {
        assert!(text.lines().any(|other| other == line), "missing: {line}\nin\n{text}");
    }
}

#[test]
fn a_cluster_ip() {
    let lines = sync_one(&service("svc1", "172.30.0.41"), &["10.180.0.1", "*10.180.0.2"]);
    assert_eq!(
        lines,
        [
            "flush chain service-ULMVA6XW-ns1/svc1/tcp/p80",
            "add rule service-ULMVA6XW-ns1/svc1/tcp/p80 meta l4proto tcp dnat ip addr . port to numgen random mod 2 map { 0 : 10.180.0.1 . 80, 1 : 10.180.0.2 . 80 }",
            "add element cluster-ips { 172.30.0.41 }",
            "add element service-ips { 172.30.0.41 . tcp . 80 : goto service-ULMVA6XW-ns1/svc1/tcp/p80 }",
            "add element hairpin-connections { 10.180.0.2 . 10.180.0.2 . tcp . 80 }",
        ]
    );
}

#[test]
fn a_load_balancer_with_source_ranges() {
    let lines = sync_one(&load_balancer(), &["10.180.0.1"]);
    assert_eq!(
        lines,
        [
            "flush chain external-ULMVA6XW-ns1/svc1/tcp/p80",
            "flush chain firewall-ULMVA6XW-ns1/svc1/tcp/p80",
            "flush chain service-ULMVA6XW-ns1/svc1/tcp/p80",
            "add rule external-ULMVA6XW-ns1/svc1/tcp/p80 mark set mark or 0x004000 comment \"masquerade\"",
            "add rule external-ULMVA6XW-ns1/svc1/tcp/p80 goto service-ULMVA6XW-ns1/svc1/tcp/p80",
            "add rule firewall-ULMVA6XW-ns1/svc1/tcp/p80 ip saddr != { 192.168.0.0/24, 198.51.100.1 } drop",
            "add rule service-ULMVA6XW-ns1/svc1/tcp/p80 meta l4proto tcp dnat ip addr . port to numgen random mod 1 map { 0 : 10.180.0.1 . 80 }",
            "add element cluster-ips { 172.30.0.41 }",
            "add element service-ips { 172.30.0.41 . tcp . 80 : goto service-ULMVA6XW-ns1/svc1/tcp/p80 }",
            "add element service-ips { 192.0.2.1 . tcp . 80 : goto external-ULMVA6XW-ns1/svc1/tcp/p80 }",
            "add element service-ips { 198.51.100.1 . tcp . 80 : goto external-ULMVA6XW-ns1/svc1/tcp/p80 }",
            "add element firewall-ips { 198.51.100.1 . tcp . 80 : goto firewall-ULMVA6XW-ns1/svc1/tcp/p80 }",
            "add element service-nodeports { tcp . 30080 : goto external-ULMVA6XW-ns1/svc1/tcp/p80 }",
        ]
    );
}

#[test]
fn local_policy_without_local_endpoints() {
    let mut service = load_balancer();
    service.load_balancer_source_ranges.clear();
    service.load_balancer_ingress.clear();
    service.external_traffic_policy_local = true;
    let lines = sync_one(&service, &["10.180.0.1"]);
    assert_eq!(
        lines[2..],
        [
            "add rule external-ULMVA6XW-ns1/svc1/tcp/p80 ip saddr 10.0.0.0/8 goto service-ULMVA6XW-ns1/svc1/tcp/p80 comment \"short-circuit pod traffic\"",
            "add rule external-ULMVA6XW-ns1/svc1/tcp/p80 fib saddr type local mark set mark or 0x004000 comment \"masquerade local traffic\"",
            "add rule external-ULMVA6XW-ns1/svc1/tcp/p80 fib saddr type local goto service-ULMVA6XW-ns1/svc1/tcp/p80 comment \"short-circuit local traffic\"",
            "add rule service-ULMVA6XW-ns1/svc1/tcp/p80 meta l4proto tcp dnat ip addr . port to numgen random mod 1 map { 0 : 10.180.0.1 . 80 }",
            "add element cluster-ips { 172.30.0.41 }",
            "add element service-ips { 172.30.0.41 . tcp . 80 : goto service-ULMVA6XW-ns1/svc1/tcp/p80 }",
            "add element service-ips { 192.0.2.1 . tcp . 80 : goto external-ULMVA6XW-ns1/svc1/tcp/p80 }",
            "add element no-endpoint-services { 192.0.2.1 . tcp . 80 comment \"ns1/svc1:p80\" : drop }",
            "add element no-endpoint-nodeports { tcp . 30080 comment \"ns1/svc1:p80\" : drop }",
            "add element service-nodeports { tcp . 30080 : goto external-ULMVA6XW-ns1/svc1/tcp/p80 }",
        ]
    );
}

#[test]
fn session_affinity_and_a_change_of_its_timeout() {
    let commands = Recorder::new();
    let proxier = proxier(IpFamily::V4, nftables(IpFamily::V4, &commands));
    let mut sticky = service("svc1", "172.30.0.41");
    sticky.client_ip_affinity_seconds = Some(10800);
    proxier.update_service(&sticky);
    proxier.update_endpoint_slice(slice("svc1", &["10.180.0.1"]));
    proxier.sync().unwrap();
    let set = "affinity-5OJB2KTY-ns1/svc1/tcp/p80__10.180.0.1/80";
    let chain = "endpoint-5OJB2KTY-ns1/svc1/tcp/p80__10.180.0.1/80";
    let text = commands.take();
    for line in [
        format!("add set ip kube-proxy {set} {{ type ipv4_addr ; flags dynamic,timeout ; timeout 10800s ; }}"),
        format!("add rule ip kube-proxy {chain} update @{set} {{ ip saddr }}"),
        format!("add rule ip kube-proxy {chain} meta l4proto tcp dnat to 10.180.0.1:80"),
        format!("add rule ip kube-proxy service-ULMVA6XW-ns1/svc1/tcp/p80 ip saddr @{set} goto {chain}"),
        format!(
            "add rule ip kube-proxy service-ULMVA6XW-ns1/svc1/tcp/p80 numgen random mod 1 vmap {{ 0 : goto {chain} }}"
        ),
    ] {
        assert!(text.lines().any(|other| other == line), "missing: {line}\nin\n{text}");
    }
    sticky.client_ip_affinity_seconds = Some(60);
    proxier.update_service(&sticky);
    proxier.sync().unwrap();
    let text = commands.take();
    let position = |start: &str| {
        text.find(start)
            .unwrap_or_else(|| panic!("missing: {start}\nin\n{text}"))
    };
    let emptied = position(&format!("flush chain ip kube-proxy {chain}"));
    let removed = position(&format!("delete set ip kube-proxy {set}"));
    let added = position(&format!(
        "add set ip kube-proxy {set} {{ type ipv4_addr ; flags dynamic,timeout ; timeout 60s ; }}"
    ));
    assert!(
        emptied < removed && removed < added && added < position("add rule"),
        "{text}"
    );
}

#[test]
fn no_endpoints_are_rejected_and_come_back() {
    let commands = Recorder::new();
    let proxier = proxier(IpFamily::V4, nftables(IpFamily::V4, &commands));
    proxier.update_service(&service("svc1", "172.30.0.41"));
    proxier.sync().unwrap();
    let reject = "element no-endpoint-services { 172.30.0.41 . tcp . 80 comment \"ns1/svc1:p80\" : goto reject-chain }";
    assert!(service_lines(&commands.take()).contains(&format!("add {reject}")));
    proxier.update_endpoint_slice(slice("svc1", &["10.180.0.1"]));
    proxier.sync().unwrap();
    let chain = "service-ULMVA6XW-ns1/svc1/tcp/p80";
    assert_eq!(
        service_lines(&commands.take())[2..],
        [
            "delete element no-endpoint-services { 172.30.0.41 . tcp . 80 }".to_owned(),
            format!("add element service-ips {{ 172.30.0.41 . tcp . 80 : goto {chain} }}"),
        ]
    );
    proxier.delete_service(NamespacedName::new("ns1", "svc1"));
    proxier.sync().unwrap();
    assert_eq!(
        service_lines(&commands.take()),
        [
            format!("flush chain {chain}"),
            "delete element cluster-ips { 172.30.0.41 }".to_owned(),
            "delete element service-ips { 172.30.0.41 . tcp . 80 }".to_owned(),
        ]
    );
}

#[test]
fn ipv6() {
    let commands = Recorder::new();
    let proxier = proxier(IpFamily::V6, nftables(IpFamily::V6, &commands));
    proxier.update_service(&service("svc1", "fd00:30::1"));
    proxier.update_endpoint_slice(slice("svc1", &["fd00:10::1"]));
    proxier.sync().unwrap();
    let text = commands.take();
    assert!(
        text.contains("meta l4proto tcp dnat ip6 addr . port to numgen random mod 1 map { 0 : fd00:10::1 . 80 }"),
        "{text}"
    );
    assert!(
        text.contains("type ipv6_addr . inet_proto . inet_service : verdict"),
        "{text}"
    );
    assert!(!text.contains("table ip kube-proxy"), "{text}");
}

#[test]
fn a_full_sync_removes_what_it_finds() {
    let commands = Recorder::new();
    commands.answers.lock().push((
        "list chains",
        r#"{"nftables": [{"chain": {"family": "ip", "table": "kube-proxy", "name": "service-OLDOLDOL-ns/old/tcp/p"}},
            {"chain": {"family": "ip", "table": "foreign", "name": "a/b"}}]}"#
            .to_owned(),
    ));
    commands.answers.lock().push((
        "list sets",
        r#"{"nftables": [{"set": {"family": "ip", "table": "kube-proxy", "name": "affinity-OLD/x", "timeout": 60}}]}"#
            .to_owned(),
    ));
    let proxier = proxier(IpFamily::V4, nftables(IpFamily::V4, &commands));
    proxier.sync().unwrap();
    let text = commands.take();
    assert!(
        text.contains("flush chain ip kube-proxy service-OLDOLDOL-ns/old/tcp/p\n"),
        "{text}"
    );
    assert!(text.contains("delete set ip kube-proxy affinity-OLD/x\n"), "{text}");
    assert!(!text.contains("a/b"), "{text}");
}
