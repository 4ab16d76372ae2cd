//! Measures a server over loopback: queries per second and CPU per query, with a cluster of 5,000 services.
//!
//! `cargo run --release -p cluster-dns --example dns-bench [SECONDS]`. Client and server share the process, so the CPU
//! figure holds both; the last line measures the server's part alone, without sockets.
#![allow(clippy::print_stdout, reason = "a benchmark prints its figures")]

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use cluster_dns::authority::{Authority, ZoneOptions};
use cluster_dns::forward::{ForwardOptions, Forwarder};
use cluster_dns::metrics::Metrics;
use cluster_dns::server::{Handler, Server};
use cluster_dns::store::{Port, Service, Store};
use hickory_proto::op::{Message, MessageType, OpCode, Query};
use hickory_proto::rr::{Name, RecordType};
use tokio::net::UdpSocket;
use tokio_util::sync::CancellationToken;

const SERVICES: u32 = 5000;
const CLIENTS: u32 = 16;

fn cpu_seconds() -> f64 {
    let text = std::fs::read_to_string("/proc/self/stat").expect("/proc is mounted");
    let fields: Vec<&str> = text.rsplit(')').next().unwrap_or_default().split_whitespace().collect();
    let ticks: f64 = fields[11].parse::<f64>().unwrap_or(0.0) + fields[12].parse::<f64>().unwrap_or(0.0);
    ticks / 100.0
}

fn question(number: u32) -> Vec<u8> {
    let mut message = Message::new(1, MessageType::Query, OpCode::Query);
    // Every other question is one that a search list makes: five dots and no such name.
    let name = if number.is_multiple_of(2) {
        format!("svc-{}.ns.svc.cluster.local.", number % SERVICES)
    } else {
        format!("www-{number}.example.com.ns.svc.cluster.local.")
    };
    message.add_query(Query::query(Name::from_ascii(name).expect("a name"), RecordType::A));
    message.to_vec().expect("a question can be encoded")
}

async fn client(
    server: std::net::SocketAddr,
    number: u32,
    stop: Arc<AtomicBool>,
    count: Arc<AtomicU64>,
) -> std::io::Result<()> {
    let socket = UdpSocket::bind("127.0.0.1:0").await?;
    socket.connect(server).await?;
    let questions: Vec<Vec<u8>> = (0..64).map(|each| question(number * 64 + each)).collect();
    let mut buffer = [0; 1500];
    while !stop.load(Ordering::Relaxed) {
        for question in &questions {
            socket.send(question).await?;
            socket.recv(&mut buffer).await?;
        }
        count.fetch_add(questions.len() as u64, Ordering::Relaxed);
    }
    Ok(())
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let seconds = std::env::args().nth(1).map_or(Ok(5), |text| text.parse::<u64>())?;
    let store = Arc::new(Store::new());
    let start = Instant::now();
    for number in 0..SERVICES {
        store.upsert_service(Service {
            namespace: "ns".into(),
            name: format!("svc-{number}"),
            cluster_ips: vec![std::net::Ipv4Addr::from(0x0a60_0000 + number).into()],
            ports: vec![Port {
                name: "http".into(),
                protocol: "tcp".into(),
                port: 80,
            }],
            ..Service::default()
        });
    }
    println!(
        "{:.1} µs per change event",
        start.elapsed().as_secs_f64() * 1e6 / f64::from(SERVICES)
    );
    let metrics = Arc::new(Metrics::new(&prometheus::Registry::new())?);
    let forwarder = Arc::new(Forwarder::new(ForwardOptions::default(), metrics.clone()));
    let handler = Arc::new(Handler::new(
        Authority::new(store, ZoneOptions::default())?,
        forwarder,
        metrics,
    ));
    let socket = UdpSocket::bind("127.0.0.1:0").await?;
    let (address, cancel) = (socket.local_addr()?, CancellationToken::new());
    let mut server = Server::new(handler.clone(), cancel.clone());
    server.serve_udp(socket, 2);
    let (stop, count) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
    let clients: Vec<_> = (0..CLIENTS)
        .map(|number| tokio::spawn(client(address, number, stop.clone(), count.clone())))
        .collect();
    let (start, cpu) = (Instant::now(), cpu_seconds());
    tokio::time::sleep(Duration::from_secs(seconds)).await;
    #[expect(clippy::cast_precision_loss, reason = "counts are far below 2^52")]
    let (answers, elapsed, cpu) = (
        count.load(Ordering::Relaxed) as f64,
        start.elapsed().as_secs_f64(),
        cpu_seconds() - cpu,
    );
    stop.store(true, Ordering::Relaxed);
    for client in clients {
        client.await??;
    }
    println!(
        "{:.0} queries/s, {:.2} µs of CPU per query (client and server)",
        answers / elapsed,
        cpu * 1e6 / answers
    );
    let (start, rounds) = (Instant::now(), 200_000u32);
    let questions: Vec<Vec<u8>> = (0..64).map(question).collect();
    for round in 0..rounds {
        let question = &questions[round as usize % questions.len()];
        std::hint::black_box(handler.answer_packet(question, address).await);
    }
    println!(
        "{:.2} µs per answer without sockets",
        start.elapsed().as_secs_f64() * 1e6 / f64::from(rounds)
    );
    cancel.cancel();
    server.wait().await;
    Ok(())
}
