//! A running server with a small cluster behind it, and a client.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use cluster_dns::authority::{Authority, ZoneOptions};
use cluster_dns::forward::{ForwardOptions, Forwarder};
use cluster_dns::metrics::Metrics;
use cluster_dns::server::{Handler, Server};
use cluster_dns::store::{Endpoint, EndpointSlice, Port, Service, Store};
use hickory_proto::op::{Edns, Message, MessageType, OpCode, Query, ResponseCode};
use hickory_proto::rr::{Name, RecordType};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream, UdpSocket};
use tokio_util::sync::CancellationToken;

pub(crate) struct Cluster {
    pub(crate) store: Arc<Store>,
    pub(crate) forwarder: Arc<Forwarder>,
    pub(crate) registry: prometheus::Registry,
    pub(crate) address: SocketAddr,
    pub(crate) cancel: CancellationToken,
}

pub(crate) fn port(name: &str, protocol: &str, port: u16) -> Port {
    Port {
        name: name.into(),
        protocol: protocol.into(),
        port,
    }
}

pub(crate) fn endpoint(ip: &str, hostname: Option<&str>, ready: bool) -> Endpoint {
    Endpoint {
        ip: ip.parse().unwrap(),
        hostname: hostname.map(str::to_owned),
        ready,
    }
}

/// UDP socket and TCP listener on the same free port.
pub(crate) async fn sockets() -> (UdpSocket, TcpListener) {
    loop {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        if let Ok(socket) = UdpSocket::bind(listener.local_addr().unwrap()).await {
            return (socket, listener);
        }
    }
}

impl Cluster {
    pub(crate) async fn new(upstreams: Vec<SocketAddr>) -> Self {
        let (socket, listener) = sockets().await;
        Self::on(socket, listener, upstreams)
    }

    pub(crate) fn on(socket: UdpSocket, listener: TcpListener, upstreams: Vec<SocketAddr>) -> Self {
        let store = Arc::new(Store::new());
        let registry = prometheus::Registry::new();
        let metrics = Arc::new(Metrics::new(&registry).unwrap());
        let options = ForwardOptions {
            upstreams,
            timeout: Duration::from_millis(500),
            ..ForwardOptions::default()
        };
        let forwarder = Arc::new(Forwarder::new(options, metrics.clone()));
        let zone = ZoneOptions {
            name_server_addresses: vec!["10.96.0.10".parse().unwrap()],
            ..ZoneOptions::default()
        };
        let authority = Authority::new(store.clone(), zone).unwrap();
        let handler = Arc::new(Handler::new(authority, forwarder.clone(), metrics));
        let (address, cancel) = (socket.local_addr().unwrap(), CancellationToken::new());
        let mut server = Server::new(handler, cancel.clone());
        server.serve_udp(socket, 2);
        server.serve_tcp(listener);
        tokio::spawn(server.wait());
        let cluster = Self {
            store,
            forwarder,
            registry,
            address,
            cancel,
        };
        cluster.fill();
        cluster
    }

    fn fill(&self) {
        let ips = |list: &[&str]| -> Vec<IpAddr> { list.iter().map(|ip| ip.parse().unwrap()).collect() };
        let service = |name: &str, addresses: &[&str], ports: Vec<Port>| Service {
            namespace: "ns".into(),
            name: name.into(),
            cluster_ips: ips(addresses),
            external_name: None,
            ports,
        };
        let web_ports = vec![port("http", "tcp", 80), port("quic", "udp", 443)];
        self.store
            .upsert_service(service("web", &["10.96.0.1", "fd00:96::1"], web_ports));
        self.store
            .upsert_service(service("db", &[], vec![port("sql", "tcp", 5432)]));
        self.store.upsert_service(service("empty", &[], vec![]));
        let external = |name: &str, target: &str| Service {
            external_name: Some(target.into()),
            ..service(name, &[], vec![])
        };
        self.store.upsert_service(external("alias", "web.ns.svc.cluster.local"));
        self.store.upsert_service(external("outside", "www.example.com"));
        self.store
            .upsert_service(external("circle", "circle.ns.svc.cluster.local"));
        let slice = |service: &str, ports, endpoints| EndpointSlice {
            namespace: "ns".into(),
            name: format!("{service}-1"),
            service: service.into(),
            ports,
            endpoints,
        };
        self.store.upsert_endpoint_slice(slice(
            "db",
            vec![port("sql", "tcp", 5432)],
            vec![
                endpoint("10.1.0.1", Some("db-0"), true),
                endpoint("10.1.0.2", Some("db-1"), true),
                endpoint("10.1.0.3", None, true),
                endpoint("10.1.0.4", Some("db-9"), false),
            ],
        ));
        self.store.upsert_endpoint_slice(EndpointSlice {
            name: "db-v6".into(),
            ..slice(
                "db",
                vec![port("sql", "tcp", 5432)],
                vec![endpoint("fd00:1::1", Some("db-0"), true)],
            )
        });
        self.store.upsert_endpoint_slice(slice(
            "web",
            vec![port("http", "tcp", 8080)],
            vec![endpoint("10.1.0.9", None, true)],
        ));
        self.store.upsert_namespace("bare");
    }

    pub(crate) async fn udp(&self, question: &[u8]) -> Message {
        Message::from_vec(&self.udp_bytes(question).await).unwrap()
    }

    pub(crate) async fn udp_bytes(&self, question: &[u8]) -> Vec<u8> {
        let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        socket.send_to(question, self.address).await.unwrap();
        let mut buffer = vec![0; 65535];
        let received = tokio::time::timeout(Duration::from_secs(5), socket.recv(&mut buffer)).await;
        buffer.truncate(received.expect("an answer").unwrap());
        buffer
    }

    pub(crate) async fn tcp(&self, question: &[u8]) -> Message {
        let mut stream = TcpStream::connect(self.address).await.unwrap();
        let length = u16::try_from(question.len()).unwrap();
        stream
            .write_all(&[&length.to_be_bytes()[..], question].concat())
            .await
            .unwrap();
        let mut buffer = vec![0; usize::from(stream.read_u16().await.unwrap())];
        stream.read_exact(&mut buffer).await.unwrap();
        Message::from_vec(&buffer).unwrap()
    }

    /// Asks and returns the answer in short: the code (unless it is NOERROR), then the answer's data, sorted.
    pub(crate) async fn ask(&self, name: &str, kind: RecordType) -> String {
        let answer = self.udp(&question(name, kind, None)).await;
        short(&answer)
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        self.cancel.cancel();
    }
}

pub(crate) fn question(name: &str, kind: RecordType, payload: Option<u16>) -> Vec<u8> {
    let mut message = Message::new(4711, MessageType::Query, OpCode::Query);
    message.metadata.recursion_desired = true;
    message.add_query(Query::query(Name::from_ascii(name).unwrap(), kind));
    if let Some(payload) = payload {
        let mut edns = Edns::new();
        edns.set_max_payload(payload);
        message.set_edns(edns);
    }
    message.to_vec().unwrap()
}

pub(crate) fn short(answer: &Message) -> String {
    let mut words: Vec<String> = answer.answers.iter().map(|record| record.data.to_string()).collect();
    words.sort();
    if answer.metadata.response_code != ResponseCode::NoError {
        words.insert(0, format!("{:?}", answer.metadata.response_code));
    }
    words.join(", ")
}
