//! Rules as text: services by kind, rows that come and go, and the clean-up that leaves others' rules alone.

use super::*;
use crate::backend::testing::Recorder;
use crate::fixtures::{iptables, proxier, service, slice};
use crate::types::{LoadBalancerIngress, NamespacedName, Protocol, Service, ServicePort, ServiceType};

fn sync_one(service: &Service, addresses: &[&str]) -> String {
    let commands = Recorder::new();
    let proxier = proxier(IpFamily::V4, iptables(IpFamily::V4, &commands));
    proxier.update_service(service);
    proxier.update_endpoint_slice(slice(&service.name, addresses));
    proxier.sync().unwrap();
    commands.take()
}

fn assert_lines(text: &str, lines: &[&str]) {
    for line in lines {
        assert!(text.lines().any(|other| other == *line), "missing: {line}\nin\n{text}");
    }
}

#[test]
fn a_cluster_ip() {
    let text = sync_one(&service("svc1", "172.30.0.41"), &["10.180.0.1", "10.180.0.2"]);
    assert_lines(
        &text,
        &[
            ":KUBE-SERVICES - [0:0]",
            "-A KUBE-POSTROUTING -m mark ! --mark 0x004000/0x004000 -j RETURN",
            "-A KUBE-POSTROUTING -j MARK --xor-mark 0x004000",
            "-A KUBE-MARK-MASQ -j MARK --or-mark 0x004000",
            "-A KUBE-FORWARD -m conntrack --ctstate INVALID -j DROP",
            "-I INPUT -m conntrack --ctstate NEW -m comment --comment \"kubernetes load balancer firewall\" -j KUBE-PROXY-FIREWALL",
            "-I PREROUTING -m comment --comment \"kubernetes service portals\" -j KUBE-SERVICES",
            "-A KUBE-SERVICES -m comment --comment \"ns1/svc1:p80 cluster IP\" -m tcp -p tcp -d 172.30.0.41 --dport 80 -j KUBE-SVC-XPGD46QRK7WJZT7O",
            "-A KUBE-SERVICES -m comment --comment \"kubernetes service nodeports; NOTE: this must be the last rule in this chain\" -m addrtype --dst-type LOCAL -j KUBE-NODEPORTS",
            ":KUBE-SVC-XPGD46QRK7WJZT7O - [0:0]",
            "-A KUBE-SVC-XPGD46QRK7WJZT7O -m comment --comment \"ns1/svc1:p80 cluster IP\" -m tcp -p tcp -d 172.30.0.41 --dport 80 ! -s 10.0.0.0/8 -j KUBE-MARK-MASQ",
            "-A KUBE-SVC-XPGD46QRK7WJZT7O -m comment --comment \"ns1/svc1:p80 -> 10.180.0.1:80\" -m statistic --mode random --probability 0.5000000000 -j KUBE-SEP-SXIVWICOYRO3J4NJ",
            "-A KUBE-SEP-SXIVWICOYRO3J4NJ -m comment --comment \"ns1/svc1:p80\" -s 10.180.0.1 -j KUBE-MARK-MASQ",
            "-A KUBE-SEP-SXIVWICOYRO3J4NJ -m comment --comment \"ns1/svc1:p80\" -m tcp -p tcp -j DNAT --to-destination 10.180.0.1:80",
        ],
    );
    let last = text
        .lines()
        .rfind(|line| line.starts_with("-A KUBE-SERVICES "))
        .unwrap();
    assert!(last.ends_with("-j KUBE-NODEPORTS"), "{last}");
}

#[test]
fn everything_external() {
    let balancer = Service {
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
        external_traffic_policy_local: true,
        health_check_node_port: 31000,
        client_ip_affinity_seconds: Some(10800),
        ..service("svc1", "172.30.0.41")
    };
    let text = sync_one(&balancer, &["10.180.0.1", "*10.180.0.2"]);
    assert_lines(
        &text,
        &[
            "-A KUBE-SERVICES -m comment --comment \"ns1/svc1:p80 external IP\" -m tcp -p tcp -d 192.0.2.1 --dport 80 -j KUBE-EXT-XPGD46QRK7WJZT7O",
            "-A KUBE-SERVICES -m comment --comment \"ns1/svc1:p80 loadbalancer IP\" -m tcp -p tcp -d 198.51.100.1 --dport 80 -j KUBE-FW-XPGD46QRK7WJZT7O",
            "-A KUBE-PROXY-FIREWALL -m comment --comment \"ns1/svc1:p80 traffic not accepted by KUBE-FW-XPGD46QRK7WJZT7O\" -m tcp -p tcp -d 198.51.100.1 --dport 80 -j DROP",
            "-A KUBE-NODEPORTS -m comment --comment \"ns1/svc1:p80\" -m tcp -p tcp --dport 30080 -j KUBE-EXT-XPGD46QRK7WJZT7O",
            "-A KUBE-NODEPORTS -m comment --comment \"ns1/svc1:p80 health check node port\" -m tcp -p tcp --dport 31000 -j ACCEPT",
            "-A KUBE-EXT-XPGD46QRK7WJZT7O -m comment --comment \"pod traffic for ns1/svc1:p80 external destinations\" -s 10.0.0.0/8 -j KUBE-SVC-XPGD46QRK7WJZT7O",
            "-A KUBE-EXT-XPGD46QRK7WJZT7O -m comment --comment \"masquerade LOCAL traffic for ns1/svc1:p80 external destinations\" -m addrtype --src-type LOCAL -j KUBE-MARK-MASQ",
            "-A KUBE-EXT-XPGD46QRK7WJZT7O -m comment --comment \"route LOCAL traffic for ns1/svc1:p80 external destinations\" -m addrtype --src-type LOCAL -j KUBE-SVC-XPGD46QRK7WJZT7O",
            "-A KUBE-EXT-XPGD46QRK7WJZT7O -j KUBE-SVL-XPGD46QRK7WJZT7O",
            "-A KUBE-FW-XPGD46QRK7WJZT7O -m comment --comment \"ns1/svc1:p80 loadbalancer IP\" -s 192.168.0.0/24 -j KUBE-EXT-XPGD46QRK7WJZT7O",
            "-A KUBE-FW-XPGD46QRK7WJZT7O -m comment --comment \"ns1/svc1:p80 loadbalancer IP\" -s 198.51.100.1 -j KUBE-EXT-XPGD46QRK7WJZT7O",
            "-A KUBE-FW-XPGD46QRK7WJZT7O -m comment --comment \"other traffic to ns1/svc1:p80 will be dropped by KUBE-PROXY-FIREWALL\"",
        ],
    );
    assert!(
        text.contains(
            "-m recent --name KUBE-SEP-SXIVWICOYRO3J4NJ --rcheck --seconds 10800 --reap -j KUBE-SEP-SXIVWICOYRO3J4NJ"
        ),
        "{text}"
    );
    assert!(
        text.contains("-m recent --name KUBE-SEP-SXIVWICOYRO3J4NJ --set -m tcp -p tcp -j DNAT"),
        "{text}"
    );
}

#[test]
fn rows_come_and_go_one_by_one() {
    let commands = Recorder::new();
    let proxier = proxier(IpFamily::V4, iptables(IpFamily::V4, &commands));
    proxier.update_service(&service("svc1", "172.30.0.41"));
    proxier.sync().unwrap();
    commands.take();
    proxier.update_endpoint_slice(slice("svc1", &["10.180.0.1"]));
    proxier.sync().unwrap();
    let refused = "KUBE-SERVICES -m comment --comment \"ns1/svc1:p80 has no endpoints\" -m tcp -p tcp -d 172.30.0.41 --dport 80 -j REJECT";
    let served = "KUBE-SERVICES -m comment --comment \"ns1/svc1:p80 cluster IP\" -m tcp -p tcp -d 172.30.0.41 --dport 80 -j KUBE-SVC-XPGD46QRK7WJZT7O";
    let text = commands.take();
    assert_lines(&text, &[&format!("-D {refused}"), &format!("-I {served}")]);
    proxier.delete_service(NamespacedName::new("ns1", "svc1"));
    proxier.sync().unwrap();
    let text = commands.take();
    assert_lines(
        &text,
        &[
            &format!("-D {served}"),
            "-X KUBE-SVC-XPGD46QRK7WJZT7O",
            "-X KUBE-SEP-SXIVWICOYRO3J4NJ",
        ],
    );
    assert!(!text.contains("*filter"), "{text}");
}

#[test]
fn present_jumps_are_not_repeated_and_old_chains_go() {
    let commands = Recorder::new();
    let saved = ":KUBE-SERVICES - [0:0]\n:KUBE-SVC-OLDOLDOLDOLDOLDO - [0:0]\n:FOREIGN - [0:0]\n\
        -A PREROUTING -m comment --comment \"kubernetes service portals\" -j KUBE-SERVICES\n\
        -A PREROUTING -j FOREIGN\n";
    commands.answers.lock().push(("save -t nat", saved.to_owned()));
    let proxier = proxier(IpFamily::V4, iptables(IpFamily::V4, &commands));
    proxier.sync().unwrap();
    let text = commands.take();
    assert!(!text.contains("-I PREROUTING"), "{text}");
    assert_lines(
        &text,
        &[
            "-X KUBE-SVC-OLDOLDOLDOLDOLDO",
            "-I OUTPUT -m comment --comment \"kubernetes service portals\" -j KUBE-SERVICES",
        ],
    );
    assert!(!text.contains("FOREIGN"), "{text}");
    commands.take();
    cleanup(commands.as_ref(), IpFamily::V4).unwrap();
    let text = commands.take();
    assert_eq!(
        text,
        "*nat\n:KUBE-SVC-OLDOLDOLDOLDOLDO - [0:0]\n:KUBE-SERVICES - [0:0]\n\
         -D PREROUTING -m comment --comment \"kubernetes service portals\" -j KUBE-SERVICES\n\
         -X KUBE-SERVICES\n-X KUBE-SVC-OLDOLDOLDOLDOLDO\nCOMMIT\n"
    );
}

#[test]
fn many_changed_rows_write_the_chain_whole() {
    let commands = Recorder::new();
    let proxier = proxier(IpFamily::V4, iptables(IpFamily::V4, &commands));
    proxier.sync().unwrap();
    commands.take();
    for number in 1..=MAX_ROW_CHANGES + 1 {
        proxier.update_service(&service(&format!("svc-{number}"), &format!("172.30.0.{number}")));
    }
    let stats = proxier.sync().unwrap();
    let text = commands.take();
    assert!(text.contains(":KUBE-SERVICES - [0:0]\n-A KUBE-SERVICES"), "{text}");
    assert!(!text.contains("-I ") && !text.contains("*nat"), "{text}");
    assert_eq!(stats.filter_rules_written, MAX_ROW_CHANGES + 1);
}

#[test]
fn versions() {
    assert_eq!(version("iptables v1.8.9 (nf_tables)"), [1, 8, 9]);
    assert_eq!(version("iptables v1.6.0"), [1, 6, 0]);
    assert_eq!(version("nonsense"), [0, 0, 0]);
}
