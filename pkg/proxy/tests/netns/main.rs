//! Both backends on the real kernel: traffic between network namespaces through the rules they write.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod lab;

use std::io::ErrorKind;
use std::net::UdpSocket;
use std::sync::Arc;
use std::time::Duration;

use kube_proxy_lib::backend::{CommandRunner, SystemCommands};
use kube_proxy_lib::types::{IpFamily, LoadBalancerIngress, NamespacedName, ServiceType};

use lab::{From, Lab, Mode};

/// Makes a test of each function for each backend and family.
macro_rules! on_both_backends {
    ($($name:ident),+ $(,)?) => {
        mod nftables { $(#[test] fn $name() { super::$name(super::Lab::new(super::Mode::NfTables, super::IpFamily::V4)); })+ }
        mod iptables { $(#[test] fn $name() { super::$name(super::Lab::new(super::Mode::IpTables, super::IpFamily::V4)); })+ }
        mod nftables_ipv6 { $(#[test] fn $name() { super::$name(super::Lab::new(super::Mode::NfTables, super::IpFamily::V6)); })+ }
        mod iptables_ipv6 { $(#[test] fn $name() { super::$name(super::Lab::new(super::Mode::IpTables, super::IpFamily::V6)); })+ }
    };
}

on_both_backends!(
    cluster_ip_balances_and_follows_endpoints,
    node_port_and_external_ip,
    session_affinity,
    traffic_policy_local,
    load_balancer_source_ranges,
    terminating_endpoints_serve_when_nothing_else_does,
    a_pod_reaches_itself,
    udp_flows_leave_endpoints_that_are_gone,
    others_rules_survive,
    a_new_start_takes_over,
);

#[expect(clippy::needless_pass_by_value, reason = "the test owns its lab")]
fn cluster_ip_balances_and_follows_endpoints(lab: Lab) {
    let (proxy, ip) = (lab.proxy(), lab.cluster_ip());
    proxy.set(&lab.service("web", ip), lab.slice("web", &[], &[]));
    for from in [From::Client, From::Node, From::Pod(3)] {
        let error = lab.connect(from, ip, 80).expect_err("no endpoints");
        assert_eq!(error.kind(), ErrorKind::ConnectionRefused, "{from:?}");
    }
    proxy.set(&lab.service("web", ip), lab.slice("web", &[1, 2], &[]));
    for from in [From::Client, From::Node, From::Pod(3)] {
        assert_eq!(lab.reached(from, ip, 80, 24), ["pod1", "pod2"], "{from:?}");
    }
    proxy.set(&lab.service("web", ip), lab.slice("web", &[3], &[]));
    assert_eq!(lab.reached(From::Client, ip, 80, 4), ["pod3"]);
    let other = lab.pick("172.30.0.11", "fd30::11");
    proxy.set(&lab.service("web", other), lab.slice("web", &[3], &[]));
    assert_eq!(lab.reached(From::Client, other, 80, 2), ["pod3"]);
    if lab.mode == Mode::NfTables {
        let error = lab
            .connect(From::Client, other, 81)
            .expect_err("not a port of the service");
        assert_eq!(error.kind(), ErrorKind::ConnectionRefused);
    }
}

#[expect(clippy::needless_pass_by_value, reason = "the test owns its lab")]
fn node_port_and_external_ip(lab: Lab) {
    let (proxy, external) = (lab.proxy(), lab.pick("203.0.113.10", "2001:db8::10"));
    let mut service = lab.service("web", lab.cluster_ip());
    service.type_ = ServiceType::NodePort;
    service.external_ips = vec![external.into()];
    proxy.set(&service, lab.slice("web", &[1, 2], &[]));
    for (ip, port) in [(lab.node_ip(), 30080), (external, 80)] {
        assert_eq!(lab.reached(From::Client, ip, port, 24), ["pod1", "pod2"], "{ip}:{port}");
        assert_eq!(lab.reached(From::Pod(3), ip, port, 24), ["pod1", "pod2"], "{ip}:{port}");
        assert_eq!(lab.reached(From::Node, ip, port, 24), ["pod1", "pod2"], "{ip}:{port}");
    }
    let (_, seen) = lab.connect(From::Client, lab.node_ip(), 30080).unwrap();
    assert_ne!(seen, lab.client_ip(), "external traffic is masqueraded");
    proxy.set(&service, lab.slice("web", &[], &[]));
    for (ip, port) in [(lab.node_ip(), 30080), (external, 80)] {
        let error = lab.connect(From::Client, ip, port).expect_err("no endpoints");
        assert_eq!(error.kind(), ErrorKind::ConnectionRefused, "{ip}:{port}");
    }
}

#[expect(clippy::needless_pass_by_value, reason = "the test owns its lab")]
fn session_affinity(lab: Lab) {
    let (proxy, ip) = (lab.proxy(), lab.cluster_ip());
    let mut service = lab.service("web", ip);
    service.client_ip_affinity_seconds = Some(10800);
    proxy.set(&service, lab.slice("web", &[1, 2, 3], &[]));
    let first = lab.reached(From::Client, ip, 80, 12);
    assert_eq!(first.len(), 1, "one endpoint for one client: {first:?}");
    // The chosen endpoint goes, the client moves on and stays there.
    let left: Vec<u8> = [1, 2, 3]
        .into_iter()
        .filter(|pod| first[0] != format!("pod{pod}"))
        .collect();
    proxy.set(&service, lab.slice("web", &left, &[]));
    let second = lab.reached(From::Client, ip, 80, 12);
    assert_eq!(second.len(), 1, "{second:?}");
    assert_ne!(first, second);
    // A new process finds the choice again.
    let again = lab.proxy();
    again.set(&service, lab.slice("web", &left, &[]));
    assert_eq!(lab.reached(From::Client, ip, 80, 12), second);
    service.client_ip_affinity_seconds = Some(60);
    again.set(&service, lab.slice("web", &left, &[]));
    assert_eq!(lab.reached(From::Client, ip, 80, 12).len(), 1);
}

#[expect(clippy::needless_pass_by_value, reason = "the test owns its lab")]
fn traffic_policy_local(lab: Lab) {
    let proxy = lab.proxy();
    let mut service = lab.service("web", lab.cluster_ip());
    service.type_ = ServiceType::NodePort;
    service.external_traffic_policy_local = true;
    proxy.set(&service, lab.slice("web", &[1], &[2]));
    assert_eq!(lab.reached(From::Client, lab.node_ip(), 30080, 12), ["pod1"]);
    assert_eq!(lab.reached(From::Client, lab.cluster_ip(), 80, 24), ["pod1", "pod2"]);
    let (_, seen) = lab.connect(From::Client, lab.node_ip(), 30080).unwrap();
    assert_eq!(seen, lab.client_ip(), "the client's address is kept");
    proxy.set(&service, lab.slice("web", &[], &[2]));
    let error = lab
        .connect(From::Client, lab.node_ip(), 30080)
        .expect_err("no local endpoint");
    assert_eq!(error.kind(), ErrorKind::TimedOut, "dropped, not refused");
    assert_eq!(
        lab.reached(From::Node, lab.node_ip(), 30080, 2),
        ["pod2"],
        "the node's own traffic may leave it"
    );
    assert_eq!(
        lab.reached(From::Pod(3), lab.node_ip(), 30080, 2),
        ["pod2"],
        "pods' traffic may leave it"
    );
    service.internal_traffic_policy_local = true;
    proxy.set(&service, lab.slice("web", &[3], &[2]));
    assert_eq!(lab.reached(From::Client, lab.cluster_ip(), 80, 12), ["pod3"]);
    proxy.set(&service, lab.slice("web", &[], &[2]));
    let error = lab
        .connect(From::Pod(3), lab.cluster_ip(), 80)
        .expect_err("no local endpoint");
    assert_eq!(error.kind(), ErrorKind::TimedOut);
}

#[expect(clippy::needless_pass_by_value, reason = "the test owns its lab")]
fn load_balancer_source_ranges(lab: Lab) {
    let (proxy, balancer) = (lab.proxy(), lab.pick("198.51.100.1", "2001:db8:1::1"));
    let mut service = lab.service("web", lab.cluster_ip());
    service.type_ = ServiceType::LoadBalancer;
    service.load_balancer_ingress = vec![LoadBalancerIngress {
        ip: balancer.into(),
        proxy_mode: false,
    }];
    service.load_balancer_source_ranges = vec![lab.pick("192.0.2.0/24", "2001:db8:2::/64").into()];
    proxy.set(&service, lab.slice("web", &[1], &[]));
    let error = lab
        .connect(From::Client, balancer, 80)
        .expect_err("not in the source ranges");
    assert_eq!(error.kind(), ErrorKind::TimedOut);
    assert_eq!(lab.reached(From::Client, lab.cluster_ip(), 80, 2), ["pod1"]);
    service
        .load_balancer_source_ranges
        .push(lab.pick("192.168.77.0/24", "fd77::/64").into());
    proxy.set(&service, lab.slice("web", &[1], &[]));
    assert_eq!(lab.reached(From::Client, balancer, 80, 2), ["pod1"]);
    service.load_balancer_source_ranges.clear();
    proxy.set(&service, lab.slice("web", &[1], &[]));
    assert_eq!(lab.reached(From::Client, balancer, 80, 2), ["pod1"]);
}

#[expect(clippy::needless_pass_by_value, reason = "the test owns its lab")]
fn terminating_endpoints_serve_when_nothing_else_does(lab: Lab) {
    let (proxy, ip) = (lab.proxy(), lab.cluster_ip());
    let mut slice = lab.slice("web", &[1, 2, 3], &[]);
    for (index, endpoint) in slice.endpoints.iter_mut().enumerate() {
        endpoint.ready = false;
        endpoint.terminating = true;
        endpoint.serving = index != 2;
    }
    proxy.set(&lab.service("web", ip), slice.clone());
    assert_eq!(lab.reached(From::Client, ip, 80, 24), ["pod1", "pod2"]);
    slice.endpoints[2].terminating = false;
    slice.endpoints[2].serving = true;
    slice.endpoints[2].ready = true;
    proxy.set(&lab.service("web", ip), slice);
    assert_eq!(lab.reached(From::Client, ip, 80, 12), ["pod3"]);
}

#[expect(clippy::needless_pass_by_value, reason = "the test owns its lab")]
fn a_pod_reaches_itself(lab: Lab) {
    let (proxy, ip) = (lab.proxy(), lab.cluster_ip());
    proxy.set(&lab.service("web", ip), lab.slice("web", &[1], &[]));
    assert_eq!(lab.reached(From::Pod(1), ip, 80, 3), ["pod1"]);
}

#[expect(clippy::needless_pass_by_value, reason = "the test owns its lab")]
fn udp_flows_leave_endpoints_that_are_gone(lab: Lab) {
    let (proxy, ip) = (lab.proxy(), lab.cluster_ip());
    let mut service = lab.service("dns", ip);
    service.type_ = ServiceType::NodePort;
    proxy.set(&service, lab.slice("dns", &[1], &[]));
    let sockets = lab.from(From::Client, || {
        [(ip, 80u16), (lab.node_ip(), 30080)].map(|(ip, port)| {
            let socket = UdpSocket::bind((lab.client_ip(), 0)).unwrap();
            socket.set_read_timeout(Some(Duration::from_secs(2))).unwrap();
            socket.connect((ip, port)).unwrap();
            socket
        })
    });
    let ask = |socket: &UdpSocket| {
        let mut buffer = [0; 64];
        socket.send(b"who").unwrap();
        let length = socket
            .recv(&mut buffer)
            .unwrap_or_else(|error| panic!("no answer: {error}"));
        String::from_utf8_lossy(&buffer[..length]).into_owned()
    };
    for socket in &sockets {
        assert_eq!(ask(socket), "pod1");
    }
    proxy.set(&service, lab.slice("dns", &[2], &[]));
    for socket in &sockets {
        assert_eq!(ask(socket), "pod2", "the flow was not kept at the old endpoint");
    }
}

#[expect(clippy::needless_pass_by_value, reason = "the test owns its lab")]
fn others_rules_survive(lab: Lab) {
    let proxy = lab.proxy();
    let tables = lab.pick("iptables", "ip6tables");
    let source = lab.pick("192.0.2.7", "2001:db8::7");
    lab.on_node(tables, &["-t", "nat", "-N", "FOREIGN"]);
    lab.on_node(tables, &["-t", "nat", "-A", "FOREIGN", "-s", source, "-j", "RETURN"]);
    lab.on_node(tables, &["-t", "nat", "-A", "PREROUTING", "-j", "FOREIGN"]);
    lab.on_node("nft", &["add table inet foreign"]);
    lab.on_node(
        "nft",
        &["add chain inet foreign kube { type filter hook input priority 7 ; }"],
    );
    let foreign = |lab: &Lab| {
        let save = lab.on_node(lab.pick("iptables-save", "ip6tables-save"), &["-t", "nat"]);
        let rules: Vec<String> = save
            .lines()
            .filter(|line| line.starts_with("-A") && line.contains("FOREIGN"))
            .map(str::to_owned)
            .collect();
        (rules, lab.on_node("nft", &["list", "table", "inet", "foreign"]))
    };
    let before = foreign(&lab);
    assert_eq!(before.0.len(), 2);
    proxy.set(&lab.service("web", lab.cluster_ip()), lab.slice("web", &[1], &[]));
    proxy.proxier.delete_service(NamespacedName::new("ns", "web"));
    proxy.sync();
    assert_eq!(foreign(&lab), before);
    lab.within("node", || match lab.mode {
        Mode::NfTables => kube_proxy_lib::nftables::NfTables::cleanup(&SystemCommands).unwrap(),
        Mode::IpTables => kube_proxy_lib::iptables::cleanup(&SystemCommands, lab.family).unwrap(),
    });
    assert_eq!(foreign(&lab), before);
    let ruleset = lab.on_node("nft", &["list", "ruleset"]);
    // The chain that is shared with the kubelet is the kubelet's to remove.
    let ours: Vec<&str> = ruleset
        .lines()
        .filter(|line| (line.contains("KUBE-") && !line.contains("KUBE-FIREWALL")) || line.contains("kube-proxy"))
        .collect();
    assert!(ours.is_empty(), "left behind: {ours:#?}");
    assert!(
        lab.within("node", || SystemCommands.run(
            "nft",
            &["list", "table", "ip", "kube-proxy"],
            b""
        ))
        .is_err()
    );
}

#[expect(clippy::needless_pass_by_value, reason = "the test owns its lab")]
fn a_new_start_takes_over(lab: Lab) {
    let (old_ip, ip) = (lab.pick("172.30.0.99", "fd30::99"), lab.cluster_ip());
    let old = lab.proxy();
    let mut sticky = lab.service("old", old_ip);
    sticky.client_ip_affinity_seconds = Some(60);
    old.set(&sticky, lab.slice("old", &[1], &[]));
    assert_eq!(lab.reached(From::Client, old_ip, 80, 1), ["pod1"]);
    drop(old);
    let new = lab.proxy();
    new.set(&lab.service("web", ip), lab.slice("web", &[2], &[]));
    assert_eq!(lab.reached(From::Client, ip, 80, 2), ["pod2"]);
    assert!(
        lab.connect(From::Client, old_ip, 80).is_err(),
        "the old service is gone"
    );
    let traces = |lab: &Lab| {
        lab.on_node("nft", &["list", "ruleset"])
            .lines()
            .filter(|line| line.contains("ns/old"))
            .count()
    };
    // Chains out of use are deleted a second later, by the sync after that.
    let deadline = std::time::Instant::now() + Duration::from_secs(10);
    while traces(&lab) > 0 {
        assert!(
            std::time::Instant::now() < deadline,
            "{} traces of the old service are left",
            traces(&lab)
        );
        new.sync();
        std::thread::yield_now();
    }
    // Somebody empties the packet filter; the running proxier notices and repairs.
    lab.on_node("nft", &["flush", "ruleset"]);
    let proxier = Arc::clone(&new.proxier);
    lab.within("node", || {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        runtime.block_on(async {
            let cancel = tokio_util::sync::CancellationToken::new();
            proxier.update_service(&lab.service("more", lab.pick("172.30.0.12", "fd30::12")));
            let task = tokio::spawn(proxier.clone().run(cancel.clone()));
            let repaired = async {
                while tokio::task::spawn_blocking(|| SystemCommands.run("nft", &["list", "ruleset"], b""))
                    .await
                    .unwrap()
                    .unwrap()
                    .is_empty()
                {
                    tokio::task::yield_now().await;
                }
            };
            tokio::time::timeout(Duration::from_secs(10), repaired)
                .await
                .expect("the rules come back");
            cancel.cancel();
            task.await.unwrap();
        });
    });
    assert_eq!(lab.reached(From::Client, ip, 80, 2), ["pod2"]);
}
