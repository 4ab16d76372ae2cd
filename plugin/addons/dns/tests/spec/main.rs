//! The Kubernetes DNS specification, asked over real sockets; then what the specification leaves to the server.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod client;

use std::collections::HashSet;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use client::{Cluster, endpoint, port, question, short, sockets};
use cluster_dns::store::{EndpointSlice, Service};
use hickory_proto::op::{Message, MessageType, OpCode, Query, ResponseCode};
use hickory_proto::rr::{Name, RData, Record, RecordType};
use tokio::net::UdpSocket;

#[tokio::test]
async fn the_specification() {
    let cluster = Cluster::new(vec![]).await;
    use RecordType::{A, AAAA, CNAME, MX, NS, PTR, SOA, SRV, TXT};
    for (name, kind, expected) in [
        ("dns-version.cluster.local.", TXT, "1.1.0"),
        ("dns-version.cluster.local.", A, ""),
        // Cluster IPs.
        ("web.ns.svc.cluster.local.", A, "10.96.0.1"),
        ("WEB.Ns.sVc.Cluster.LOCAL.", A, "10.96.0.1"),
        ("web.ns.svc.cluster.local.", AAAA, "fd00:96::1"),
        ("web.ns.svc.cluster.local.", MX, ""),
        (
            "_http._tcp.web.ns.svc.cluster.local.",
            SRV,
            "0 100 80 web.ns.svc.cluster.local.",
        ),
        (
            "_quic._udp.web.ns.svc.cluster.local.",
            SRV,
            "0 100 443 web.ns.svc.cluster.local.",
        ),
        ("_quic._tcp.web.ns.svc.cluster.local.", SRV, "NXDomain"),
        ("_tcp.web.ns.svc.cluster.local.", SRV, ""),
        ("_http._tcp.web.ns.svc.cluster.local.", A, "10.96.0.1"),
        (
            "web.ns.svc.cluster.local.",
            SRV,
            "0 50 443 web.ns.svc.cluster.local., 0 50 80 web.ns.svc.cluster.local.",
        ),
        ("10-1-0-9.web.ns.svc.cluster.local.", A, "10.1.0.9"),
        ("1.0.96.10.in-addr.arpa.", PTR, "web.ns.svc.cluster.local."),
        (
            "1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.6.9.0.0.0.0.d.f.ip6.arpa.",
            PTR,
            "web.ns.svc.cluster.local.",
        ),
        // Headless services.
        ("db.ns.svc.cluster.local.", A, "10.1.0.1, 10.1.0.2, 10.1.0.3"),
        ("db.ns.svc.cluster.local.", AAAA, "fd00:1::1"),
        ("db-0.db.ns.svc.cluster.local.", A, "10.1.0.1"),
        ("db-0.db.ns.svc.cluster.local.", AAAA, "fd00:1::1"),
        ("db-1.db.ns.svc.cluster.local.", AAAA, ""),
        ("db-9.db.ns.svc.cluster.local.", A, "NXDomain"),
        ("10-1-0-3.db.ns.svc.cluster.local.", A, "10.1.0.3"),
        (
            "_sql._tcp.db.ns.svc.cluster.local.",
            SRV,
            "0 25 5432 10-1-0-3.db.ns.svc.cluster.local., 0 25 5432 db-0.db.ns.svc.cluster.local., 0 25 5432 db-0.db.ns.svc.cluster.local., 0 25 5432 db-1.db.ns.svc.cluster.local.",
        ),
        ("1.0.1.10.in-addr.arpa.", PTR, "db-0.db.ns.svc.cluster.local."),
        ("3.0.1.10.in-addr.arpa.", PTR, "10-1-0-3.db.ns.svc.cluster.local."),
        ("empty.ns.svc.cluster.local.", A, "NXDomain"),
        // Aliases.
        ("alias.ns.svc.cluster.local.", A, "10.96.0.1, web.ns.svc.cluster.local."),
        ("alias.ns.svc.cluster.local.", CNAME, "web.ns.svc.cluster.local."),
        ("outside.ns.svc.cluster.local.", CNAME, "www.example.com."),
        ("circle.ns.svc.cluster.local.", A, "ServFail"),
        // Pods.
        ("10-1-2-3.ns.pod.cluster.local.", A, "10.1.2.3"),
        ("10-1-2-3.bare.pod.cluster.local.", A, "10.1.2.3"),
        ("10-1-2-3.ns.pod.cluster.local.", AAAA, ""),
        ("fd00-1--7.ns.pod.cluster.local.", AAAA, "fd00:1::7"),
        ("10-1-2-300.ns.pod.cluster.local.", A, "NXDomain"),
        ("10-1-2-3.nowhere.pod.cluster.local.", A, "NXDomain"),
        // What exists without records, and what does not.
        ("cluster.local.", A, ""),
        ("cluster.local.", NS, "ns.dns.cluster.local."),
        ("ns.dns.cluster.local.", A, "10.96.0.10"),
        ("svc.cluster.local.", A, ""),
        ("ns.svc.cluster.local.", A, ""),
        ("bare.svc.cluster.local.", A, ""),
        ("nowhere.svc.cluster.local.", A, "NXDomain"),
        ("missing.ns.svc.cluster.local.", A, "NXDomain"),
        ("www.example.com.ns.svc.cluster.local.", A, "NXDomain"),
        ("other.cluster.local.", A, "NXDomain"),
        ("we\\.b.ns.svc.cluster.local.", A, "NXDomain"),
        // Nobody to ask.
        ("www.example.com.", A, "Refused"),
        ("9.9.9.9.in-addr.arpa.", PTR, "Refused"),
    ] {
        assert_eq!(cluster.ask(name, kind).await, expected, "{name} {kind}");
    }
    let soa = cluster.ask("cluster.local.", SOA).await;
    assert!(
        soa.starts_with("ns.dns.cluster.local. hostmaster.cluster.local. ") && soa.ends_with(" 7200 1800 86400 5"),
        "{soa}"
    );
}

#[tokio::test]
async fn positive_and_negative_answers_in_full() {
    let cluster = Cluster::new(vec![]).await;
    let positive = cluster
        .udp(&question("Web.ns.svc.cluster.local.", RecordType::A, Some(1232)))
        .await;
    assert_eq!(positive.metadata.id, 4711);
    assert!(
        positive.metadata.authoritative && positive.metadata.recursion_available && positive.metadata.recursion_desired
    );
    assert_eq!(positive.answers[0].ttl, 30);
    assert_eq!(
        positive.answers[0].name.to_string(),
        "Web.ns.svc.cluster.local.",
        "the case of the question is kept"
    );
    assert!(positive.edns.is_some());
    let without = cluster
        .udp(&question("web.ns.svc.cluster.local.", RecordType::A, None))
        .await;
    assert!(without.edns.is_none());
    for (name, code) in [
        ("missing.ns.svc.cluster.local.", ResponseCode::NXDomain),
        ("ns.svc.cluster.local.", ResponseCode::NoError),
    ] {
        let negative = cluster.udp(&question(name, RecordType::A, None)).await;
        assert_eq!(negative.metadata.response_code, code);
        let soa = &negative.authorities[0];
        assert_eq!(
            (soa.name.to_string().as_str(), soa.ttl, soa.record_type()),
            ("cluster.local.", 5, RecordType::SOA)
        );
    }
    let services = cluster
        .udp(&question(
            "_http._tcp.web.ns.svc.cluster.local.",
            RecordType::SRV,
            Some(1232),
        ))
        .await;
    let additional: HashSet<String> = services
        .additionals
        .iter()
        .map(|record| record.data.to_string())
        .collect();
    assert_eq!(
        additional,
        HashSet::from(["10.96.0.1".to_owned(), "fd00:96::1".to_owned()])
    );
}

#[tokio::test]
async fn changes_are_seen_at_once() {
    let cluster = Cluster::new(vec![]).await;
    let name = "db.ns.svc.cluster.local.";
    cluster.store.upsert_endpoint_slice(EndpointSlice {
        namespace: "ns".into(),
        name: "db-1".into(),
        service: "db".into(),
        ports: vec![port("sql", "tcp", 5432)],
        endpoints: vec![endpoint("10.1.0.7", None, true)],
    });
    assert_eq!(cluster.ask(name, RecordType::A).await, "10.1.0.7");
    assert_eq!(
        cluster.ask("1.0.1.10.in-addr.arpa.", RecordType::PTR).await,
        "Refused",
        "the old address is forgotten"
    );
    cluster.store.delete_service("ns", "db");
    assert_eq!(cluster.ask(name, RecordType::A).await, "NXDomain");
    let service = Service {
        namespace: "new".into(),
        name: "web".into(),
        cluster_ips: vec!["10.96.0.7".parse().unwrap()],
        ..Service::default()
    };
    cluster.store.upsert_service(service);
    assert_eq!(
        cluster.ask("web.new.svc.cluster.local.", RecordType::A).await,
        "10.96.0.7"
    );
    cluster.store.delete_service("new", "web");
    assert_eq!(cluster.ask("new.svc.cluster.local.", RecordType::A).await, "NXDomain");
}

fn many_endpoints(cluster: &Cluster, count: u8) {
    cluster.store.upsert_endpoint_slice(EndpointSlice {
        namespace: "ns".into(),
        name: "db-many".into(),
        service: "db".into(),
        ports: vec![],
        endpoints: (0..count)
            .map(|number| endpoint(&format!("10.2.0.{number}"), None, true))
            .collect(),
    });
}

#[tokio::test]
async fn truncation_tcp_and_rotation() {
    let cluster = Cluster::new(vec![]).await;
    many_endpoints(&cluster, 200);
    let name = "db.ns.svc.cluster.local.";
    for (payload, limit) in [(None, 512), (Some(100), 512), (Some(1232), 1232)] {
        let bytes = cluster.udp_bytes(&question(name, RecordType::A, payload)).await;
        let answer = Message::from_vec(&bytes).unwrap();
        assert!(
            bytes.len() <= limit && answer.metadata.truncation,
            "{payload:?}: {} bytes",
            bytes.len()
        );
        assert!(
            bytes.len() > limit / 2 && !answer.answers.is_empty(),
            "{payload:?}: {} bytes",
            bytes.len()
        );
    }
    let mut first = HashSet::new();
    for _ in 0..20 {
        let answer = cluster.tcp(&question(name, RecordType::A, None)).await;
        assert!(!answer.metadata.truncation);
        assert_eq!(answer.answers.len(), 203);
        first.insert(answer.answers[0].data.to_string());
    }
    assert!(first.len() > 5, "the first record changes: {first:?}");
    many_endpoints(&cluster, 60);
    let whole = cluster.udp(&question(name, RecordType::A, Some(4096))).await;
    assert!(!whole.metadata.truncation && whole.answers.len() == 63);
}

#[tokio::test]
async fn bad_requests() {
    let cluster = Cluster::new(vec![]).await;
    let name = Name::from_ascii("web.ns.svc.cluster.local.").unwrap();
    let query = Query::query(name, RecordType::A);
    let code = |answer: Message| (answer.metadata.id, answer.metadata.response_code);
    let mut two = Message::new(7, MessageType::Query, OpCode::Query);
    two.add_query(query.clone()).add_query(query.clone());
    assert_eq!(
        code(cluster.udp(&two.to_vec().unwrap()).await),
        (7, ResponseCode::FormErr)
    );
    let mut update = Message::new(8, MessageType::Query, OpCode::Status);
    update.add_query(query.clone());
    assert_eq!(
        code(cluster.udp(&update.to_vec().unwrap()).await),
        (8, ResponseCode::NotImp)
    );
    assert_eq!(
        code(cluster.udp(&question("cluster.local.", RecordType::AXFR, None)).await),
        (4711, ResponseCode::Refused)
    );
    let mut old = Message::new(9, MessageType::Query, OpCode::Query);
    old.add_query(query);
    let mut edns = hickory_proto::op::Edns::new();
    edns.set_version(1);
    old.set_edns(edns);
    // Code 16 is "bad version" here and "bad signature" elsewhere; the decoder calls it by the latter name.
    let (id, version) = code(cluster.udp(&old.to_vec().unwrap()).await);
    assert_eq!((id, u16::from(version)), (9, 16));
    let mut cut = question("web.ns.svc.cluster.local.", RecordType::A, None);
    cut.truncate(20);
    assert_eq!(
        cluster.udp_bytes(&cut).await,
        [0x12, 0x67, 0x81, 0x01, 0, 0, 0, 0, 0, 0, 0, 0]
    );
    // No answer at all for what is itself an answer, or no message.
    let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    socket.connect(cluster.address).await.unwrap();
    let mut response = question("web.ns.svc.cluster.local.", RecordType::A, None);
    response[2] |= 0x80;
    socket.send(&response).await.unwrap();
    socket.send(b"short").await.unwrap();
    socket
        .send(&question("web.ns.svc.cluster.local.", RecordType::AAAA, None))
        .await
        .unwrap();
    let mut buffer = [0; 512];
    let length = socket.recv(&mut buffer).await.unwrap();
    assert_eq!(
        short(&Message::from_vec(&buffer[..length]).unwrap()),
        "fd00:96::1",
        "the only answer is to the only question"
    );
}

/// An upstream resolver that answers every A question with 192.0.2.7 and counts questions.
async fn upstream(truncate: bool) -> (SocketAddr, Arc<AtomicUsize>) {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let (socket, listener) = sockets().await;
    let (address, count) = (socket.local_addr().unwrap(), Arc::new(AtomicUsize::new(0)));
    let answer = |bytes: &[u8], truncated: bool| {
        let request = Message::from_vec(bytes).unwrap();
        let mut answer = Message::new(request.metadata.id, MessageType::Response, OpCode::Query);
        answer.add_queries(request.queries.clone());
        let name = request.queries[0].name.clone();
        if name.to_string().starts_with("missing") {
            answer.metadata.response_code = ResponseCode::NXDomain;
        } else if truncated {
            answer.metadata.truncation = true;
        } else if request.queries[0].query_type == RecordType::A {
            answer.add_answer(Record::from_rdata(
                name,
                300,
                RData::from(std::net::IpAddr::from([192, 0, 2, 7])),
            ));
        }
        answer.to_vec().unwrap()
    };
    let counter = count.clone();
    tokio::spawn(async move {
        let mut buffer = [0; 4096];
        while let Ok((length, peer)) = socket.recv_from(&mut buffer).await {
            counter.fetch_add(1, Ordering::Relaxed);
            // A forged answer first: it must not be believed.
            let mut forged = answer(&buffer[..length], false);
            forged[0] ^= 0xff;
            socket.send_to(&forged, peer).await.unwrap();
            socket
                .send_to(&answer(&buffer[..length], truncate), peer)
                .await
                .unwrap();
        }
    });
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut buffer = vec![0; usize::from(stream.read_u16().await.unwrap())];
            stream.read_exact(&mut buffer).await.unwrap();
            let reply = answer(&buffer, false);
            let length = u16::try_from(reply.len()).unwrap();
            stream
                .write_all(&[&length.to_be_bytes()[..], &reply].concat())
                .await
                .unwrap();
        }
    });
    (address, count)
}

#[tokio::test]
async fn forwarding_and_the_cache() {
    let (address, count) = upstream(false).await;
    let (silent, _listener) = sockets().await;
    let cluster = Cluster::new(vec![silent.local_addr().unwrap(), address]).await;
    let answer = cluster.udp(&question("www.example.com.", RecordType::A, None)).await;
    assert_eq!(short(&answer), "192.0.2.7", "a resolver that is silent is passed over");
    assert_eq!(answer.answers[0].ttl, 30, "no longer than the cache keeps it");
    assert!(!answer.metadata.authoritative);
    for _ in 0..10 {
        assert_eq!(cluster.ask("WWW.example.com.", RecordType::A).await, "192.0.2.7");
        assert_eq!(
            short(&cluster.tcp(&question("www.example.com.", RecordType::A, None)).await),
            "192.0.2.7"
        );
    }
    assert_eq!(count.load(Ordering::Relaxed), 1, "asked once");
    assert_eq!(cluster.ask("missing.example.com.", RecordType::A).await, "NXDomain");
    assert_eq!(
        cluster.ask("outside.ns.svc.cluster.local.", RecordType::A).await,
        "192.0.2.7, www.example.com."
    );
    assert_eq!(cluster.ask("9.9.9.9.in-addr.arpa.", RecordType::PTR).await, "");
    let text = prometheus::TextEncoder::new()
        .encode_to_string(&cluster.registry.gather())
        .unwrap();
    for line in [
        "coredns_cache_hits_total{server=\"dns://:53\",type=\"success\",view=\"\",zones=\".\"} 21",
        "coredns_dns_responses_total{plugin=\"forward\",rcode=\"NXDOMAIN\",server=\"dns://:53\",view=\"\",zone=\".\"} 1",
        "coredns_dns_requests_total{family=\"1\",proto=\"tcp\",server=\"dns://:53\",type=\"A\",view=\"\",zone=\".\"} 10",
    ] {
        assert!(text.contains(line), "missing: {line}\nin\n{text}");
    }
}

#[tokio::test]
async fn an_answer_that_does_not_fit_is_fetched_over_tcp() {
    let (address, _) = upstream(true).await;
    let cluster = Cluster::new(vec![address]).await;
    assert_eq!(cluster.ask("www.example.com.", RecordType::A).await, "192.0.2.7");
}

#[tokio::test]
async fn resolvers_that_are_silent() {
    let (silent, _listener) = sockets().await;
    let cluster = Cluster::new(vec![silent.local_addr().unwrap()]).await;
    assert_eq!(cluster.ask("www.example.com.", RecordType::A).await, "ServFail");
    assert_eq!(
        cluster.ask("web.ns.svc.cluster.local.", RecordType::A).await,
        "10.96.0.1"
    );
}

#[tokio::test]
async fn a_server_that_forwards_to_itself_stops() {
    let (socket, listener) = sockets().await;
    let own = socket.local_addr().unwrap();
    let cluster = Cluster::on(socket, listener, vec![own]);
    assert!(!cluster.forwarder.is_looping());
    cluster.forwarder.probe().await;
    assert!(cluster.forwarder.is_looping());
    assert_eq!(cluster.ask("www.example.com.", RecordType::A).await, "ServFail");
    assert_eq!(
        cluster.ask("web.ns.svc.cluster.local.", RecordType::A).await,
        "10.96.0.1"
    );
}

#[tokio::test]
async fn health_endpoints() {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let status = Arc::new(cluster_dns::health::Status::new(prometheus::Registry::new()));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (address, cancel) = (
        listener.local_addr().unwrap(),
        tokio_util::sync::CancellationToken::new(),
    );
    let task = tokio::spawn(status.clone().serve(listener, cancel.clone()));
    let get = async |path: &str| {
        let mut stream = tokio::net::TcpStream::connect(address).await.unwrap();
        stream
            .write_all(format!("GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").as_bytes())
            .await
            .unwrap();
        let mut text = String::new();
        stream.read_to_string(&mut text).await.unwrap();
        (
            text[9..12].to_owned(),
            text.rsplit("\r\n\r\n").next().unwrap_or_default().to_owned(),
        )
    };
    let expect = |code: &str, body: &str| (code.to_owned(), body.to_owned());
    assert_eq!(get("/health").await, expect("200", "OK"));
    assert_eq!(get("/ready").await, expect("503", "kubernetes"));
    status.set_ready();
    assert_eq!(get("/ready").await, expect("200", "OK"));
    assert_eq!(get("/metrics").await.0, "200");
    assert_eq!(get("/other").await.0, "404");
    cancel.cancel();
    task.await.unwrap();
}
