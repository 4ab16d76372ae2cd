//! A node with pods on a bridge and a client beside it, each in a network namespace of its own.
//!
//! Needs root, iproute2, nftables and iptables (Debian: `apt-get install iproute2 nftables iptables`). Namespaces have
//! unique names and go away with the lab, also when a test fails.

use std::fs::File;
use std::io::{Read, Write};
use std::net::{IpAddr, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use kube_proxy_lib::backend::{Backend, CommandRunner, SystemCommands};
use kube_proxy_lib::conntrack::NetlinkConntrack;
use kube_proxy_lib::health::ProxyHealth;
use kube_proxy_lib::iptables::{IpTables, IpTablesSettings};
use kube_proxy_lib::local_traffic::LocalTraffic;
use kube_proxy_lib::metrics::Metrics;
use kube_proxy_lib::nftables::{NfTables, NfTablesSettings};
use kube_proxy_lib::node_ports::NodePortAddresses;
use kube_proxy_lib::proxier::{Proxier, ProxierOptions};
use kube_proxy_lib::types::{
    EndpointPort, EndpointSlice, IpFamily, NamespacedName, PortKey, Protocol, Service, ServicePort, SliceEndpoint,
};

/// How long a connection may take before it counts as dropped.
const TIMEOUT: Duration = Duration::from_millis(1500);
const SERVER_PORT: u16 = 8080;

static LABS: AtomicU32 = AtomicU32::new(0);

/// Which packet filter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mode {
    NfTables,
    IpTables,
}

/// Who speaks.
#[derive(Clone, Copy, Debug)]
pub(crate) enum From {
    Client,
    Node,
    Pod(u8),
}

pub(crate) struct Lab {
    prefix: String,
    pub(crate) mode: Mode,
    pub(crate) family: IpFamily,
}

fn command(line: &str) -> String {
    let words: Vec<&str> = line.split_whitespace().collect();
    let output = Command::new(words[0])
        .args(&words[1..])
        .output()
        .unwrap_or_else(|error| {
            panic!(
                "cannot run {}: {error}; apt-get install iproute2 nftables iptables",
                words[0]
            )
        });
    assert!(
        output.status.success(),
        "{line}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8_lossy(&output.stdout).into_owned()
}

impl Lab {
    pub(crate) fn new(mode: Mode, family: IpFamily) -> Self {
        let number = LABS.fetch_add(1, Ordering::Relaxed);
        let lab = Self {
            prefix: format!("kp{}-{number}", std::process::id()),
            mode,
            family,
        };
        for name in ["node", "client", "pod1", "pod2", "pod3"] {
            command(&format!("ip netns add {}", lab.namespace(name)));
            lab.ip(name, "link set lo up");
            // Without detection of duplicates addresses are usable at once; a router whose link-local address is still
            // tentative cannot even look for its neighbours.
            lab.within(name, || {
                for name in ["default/accept_dad", "default/dad_transmits", "all/accept_dad"] {
                    std::fs::write(format!("/proc/sys/net/ipv6/conf/{name}"), "0").unwrap();
                }
            });
        }
        lab.ip("node", "link add br0 type bridge");
        lab.ip("node", "link set br0 up");
        lab.address("node", "br0", "10.66.1.1/24", "fd66:1::1/64");
        let client = lab.namespace("client");
        lab.ip(
            "node",
            &format!("link add eth0 type veth peer name eth0 netns {client}"),
        );
        lab.ip("node", "link set eth0 up");
        lab.ip("client", "link set eth0 up");
        lab.address("node", "eth0", "192.168.77.1/24", "fd77::1/64");
        lab.address("client", "eth0", "192.168.77.2/24", "fd77::2/64");
        lab.default_route("client", "192.168.77.1", "fd77::1");
        // Where the node sends what nobody has an address for; swallowed without an answer.
        lab.ip(
            "node",
            &format!("link add out0 type veth peer name out0 netns {client}"),
        );
        lab.ip("node", "link set out0 up");
        lab.ip("client", "link set out0 up");
        lab.ip("node", "route add default dev out0");
        lab.ip("node", "-6 route add default dev out0");
        for number in 1..=3 {
            let pod = format!("pod{number}");
            let namespace = lab.namespace(&pod);
            lab.ip(
                "node",
                &format!("link add {pod} type veth peer name eth0 netns {namespace}"),
            );
            lab.ip("node", &format!("link set {pod} master br0 up"));
            // As CNI's bridge plugin does: a pod that reaches itself comes back out of its own port.
            lab.ip("node", &format!("link set {pod} type bridge_slave hairpin on"));
            lab.ip(&pod, "link set eth0 up");
            lab.address(
                &pod,
                "eth0",
                &format!("10.66.1.1{number}/24"),
                &format!("fd66:1::1{number}/64"),
            );
            lab.default_route(&pod, "10.66.1.1", "fd66:1::1");
            lab.serve(&pod);
        }
        lab.within("node", || {
            for (name, value) in [
                ("net/ipv4/ip_forward", "1"),
                ("net/ipv6/conf/all/forwarding", "1"),
                ("net/ipv4/conf/all/rp_filter", "0"),
            ] {
                std::fs::write(format!("/proc/sys/{name}"), value).unwrap();
            }
            for name in ["iptables", "ip6tables"] {
                let path = format!("/proc/sys/net/bridge/bridge-nf-call-{name}");
                if std::path::Path::new(&path).exists() {
                    std::fs::write(path, "1").unwrap();
                }
            }
        });
        lab
    }

    fn namespace(&self, name: &str) -> String {
        format!("{}-{name}", self.prefix)
    }

    fn ip(&self, name: &str, arguments: &str) {
        command(&format!("ip -n {} {arguments}", self.namespace(name)));
    }

    fn address(&self, name: &str, device: &str, v4: &str, v6: &str) {
        self.ip(name, &format!("address add {v4} dev {device}"));
        self.ip(name, &format!("address add {v6} dev {device} nodad"));
    }

    fn default_route(&self, name: &str, v4: &str, v6: &str) {
        self.ip(name, &format!("route add default via {v4}"));
        self.ip(name, &format!("-6 route add default via {v6}"));
    }

    /// Runs `work` on a thread within a namespace; programs and sockets it starts are there as well.
    pub(crate) fn within<T: Send>(&self, name: &str, work: impl FnOnce() -> T + Send) -> T {
        let path = format!("/run/netns/{}", self.namespace(name));
        std::thread::scope(|scope| {
            let enter = move || {
                let namespace = File::open(path).unwrap();
                nix::sched::setns(namespace, nix::sched::CloneFlags::CLONE_NEWNET).unwrap();
                work()
            };
            scope
                .spawn(enter)
                .join()
                .unwrap_or_else(|panic| std::panic::resume_unwind(panic))
        })
    }

    /// Answers every TCP connection and datagram with the pod's name and the peer's address.
    fn serve(&self, pod: &str) {
        let (listener, datagrams) = self.within(pod, || {
            let any: IpAddr = "::".parse().unwrap();
            (
                TcpListener::bind((any, SERVER_PORT)).unwrap(),
                UdpSocket::bind((any, SERVER_PORT)).unwrap(),
            )
        });
        let name = pod.to_owned();
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let mut stream = stream.unwrap();
                let peer = stream.peer_addr().unwrap().ip().to_canonical();
                // The client may have gone: its test says so.
                let _ = write!(stream, "{name} {peer}");
            }
        });
        let name = pod.to_owned();
        std::thread::spawn(move || {
            let mut buffer = [0; 64];
            while let Ok((_, peer)) = datagrams.recv_from(&mut buffer) {
                let _ = datagrams.send_to(name.as_bytes(), peer);
            }
        });
    }

    pub(crate) fn pick<'a>(&self, v4: &'a str, v6: &'a str) -> &'a str {
        match self.family {
            IpFamily::V4 => v4,
            IpFamily::V6 => v6,
        }
    }

    pub(crate) fn cluster_ip(&self) -> &'static str {
        self.pick("172.30.0.10", "fd30::10")
    }

    pub(crate) fn node_ip(&self) -> &'static str {
        self.pick("192.168.77.1", "fd77::1")
    }

    pub(crate) fn client_ip(&self) -> &'static str {
        self.pick("192.168.77.2", "fd77::2")
    }

    fn pod_ip(&self, pod: u8) -> IpAddr {
        self.pick(&format!("10.66.1.1{pod}"), &format!("fd66:1::1{pod}"))
            .parse()
            .unwrap()
    }

    /// Connects and returns what the server says: pod name and the address it sees.
    pub(crate) fn connect(&self, from: From, ip: &str, port: u16) -> std::io::Result<(String, String)> {
        let address = SocketAddr::new(ip.parse().unwrap(), port);
        self.from(from, move || {
            let mut stream = TcpStream::connect_timeout(&address, TIMEOUT)?;
            stream.set_read_timeout(Some(TIMEOUT))?;
            let mut text = String::new();
            stream.read_to_string(&mut text)?;
            let (pod, peer) = text.split_once(' ').expect("the server's format");
            Ok((pod.to_owned(), peer.to_owned()))
        })
    }

    /// The pods that `count` connections reach, sorted, each once.
    pub(crate) fn reached(&self, from: From, ip: &str, port: u16, count: usize) -> Vec<String> {
        let mut pods: Vec<String> = (0..count)
            .map(|_| {
                self.connect(from, ip, port)
                    .unwrap_or_else(|error| panic!("{from:?} to {ip}:{port}: {error}"))
                    .0
            })
            .collect();
        pods.sort();
        pods.dedup();
        pods
    }

    pub(crate) fn from<T: Send>(&self, from: From, work: impl FnOnce() -> T + Send) -> T {
        match from {
            From::Client => self.within("client", work),
            From::Node => self.within("node", work),
            From::Pod(number) => self.within(&format!("pod{number}"), work),
        }
    }

    pub(crate) fn on_node(&self, program: &str, arguments: &[&str]) -> String {
        let output = self
            .within("node", || SystemCommands.run(program, arguments, b""))
            .unwrap();
        String::from_utf8_lossy(&output).into_owned()
    }

    pub(crate) fn backend(&self) -> Box<dyn Backend> {
        let local_traffic = LocalTraffic::Cidr(self.pick("10.66.1.0/24", "fd66:1::/64").parse().unwrap());
        let node_port_addresses = NodePortAddresses::new(self.family, &[]);
        let node_ip = Some(self.node_ip().parse().unwrap());
        let commands = Arc::new(SystemCommands);
        match self.mode {
            Mode::NfTables => Box::new(NfTables::new(
                self.family,
                NfTablesSettings {
                    masquerade_bit: 14,
                    masquerade_all: false,
                    local_traffic,
                    node_port_addresses,
                    node_ip,
                },
                commands,
            )),
            Mode::IpTables => {
                let settings = IpTablesSettings {
                    masquerade_bit: 14,
                    masquerade_all: false,
                    localhost_node_ports: false,
                    conntrack_tcp_be_liberal: false,
                    local_traffic,
                    node_port_addresses,
                    node_ip,
                };
                Box::new(IpTables::new(self.family, settings, commands).unwrap())
            }
        }
    }

    pub(crate) fn proxy(&self) -> Proxy<'_> {
        let conntrack = self.within("node", || NetlinkConntrack::new().unwrap());
        let options = ProxierOptions {
            family: self.family,
            node_name: "node".into(),
            min_sync_period: Duration::ZERO,
            sync_period: Duration::from_secs(30),
            metrics: Arc::new(Metrics::new(&prometheus::Registry::new(), "nftables").unwrap()),
            health: Arc::new(ProxyHealth::new(Duration::from_secs(60))),
            service_health: None,
            conntrack: Some(Box::new(conntrack)),
        };
        let proxier = Arc::new(Proxier::new(options, self.backend()));
        proxier.services_synced();
        proxier.endpoints_synced();
        Proxy { lab: self, proxier }
    }

    /// A service `ns/NAME` with port 80 of both protocols at an address.
    pub(crate) fn service(&self, name: &str, cluster_ip: &str) -> Service {
        let port = |name: &str, protocol, node_port| ServicePort {
            name: name.into(),
            protocol,
            port: 80,
            node_port,
        };
        Service {
            namespace: "ns".into(),
            name: name.into(),
            cluster_ips: vec![cluster_ip.into()],
            ports: vec![port("tcp", Protocol::Tcp, 30080), port("udp", Protocol::Udp, 30080)],
            ..Service::default()
        }
    }

    /// The service's endpoints: pods by number; those in `remote` count as being on another node.
    pub(crate) fn slice(&self, name: &str, local: &[u8], remote: &[u8]) -> EndpointSlice {
        let endpoint = |pod: u8, node: &str| SliceEndpoint {
            ip: self.pod_ip(pod),
            node_name: Some(node.into()),
            ready: true,
            serving: true,
            terminating: false,
            hints: None,
        };
        let port = |name: &str, protocol| EndpointPort {
            key: PortKey {
                name: name.into(),
                protocol,
            },
            port: SERVER_PORT,
        };
        EndpointSlice {
            service: NamespacedName::new("ns", name),
            name: name.into(),
            family: Some(self.family),
            ports: vec![port("tcp", Protocol::Tcp), port("udp", Protocol::Udp)],
            endpoints: local
                .iter()
                .map(|pod| endpoint(*pod, "node"))
                .chain(remote.iter().map(|pod| endpoint(*pod, "elsewhere")))
                .collect(),
            last_change_trigger_time: None,
        }
    }
}

impl Drop for Lab {
    fn drop(&mut self) {
        for name in ["node", "client", "pod1", "pod2", "pod3"] {
            let name = self.namespace(name);
            if let Err(error) = Command::new("ip").args(["netns", "delete", &name]).output() {
                eprintln!("cannot remove namespace {name}: {error}");
            }
        }
    }
}

/// A proxier that works on the lab's node.
pub(crate) struct Proxy<'a> {
    lab: &'a Lab,
    pub(crate) proxier: Arc<Proxier>,
}

impl Proxy<'_> {
    pub(crate) fn sync(&self) {
        self.lab.within("node", || self.proxier.sync().unwrap());
    }

    /// Sets a service and its endpoints and writes the rules.
    pub(crate) fn set(&self, service: &Service, slice: EndpointSlice) {
        self.proxier.update_service(service);
        self.proxier.update_endpoint_slice(Arc::new(slice));
        self.sync();
    }
}
