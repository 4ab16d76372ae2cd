//! The DNS server: sockets, message rules (EDNS, truncation, errors), and who answers what.
//!
//! A question about the cluster is answered on the task that received it. Only a forwarded one gets its own task, so
//! that slow resolvers hold up nobody.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use hickory_proto::op::{Edns, Message, MessageType, OpCode, ResponseCode};
use hickory_proto::rr::{DNSClass, Name, Record, RecordType};
use rand::Rng;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream, UdpSocket};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use crate::authority::{Authority, Outcome};
use crate::cache::CacheKey;
use crate::forward::{ForwardError, Forwarder};
use crate::metrics::{Metrics, Plugin, Transport};

/// What a datagram may hold for clients that say nothing, and the most that is sent to those that ask for more.
const MIN_UDP_PAYLOAD: u16 = 512;
const MAX_UDP_PAYLOAD: u16 = 4096;

/// The largest request that is read: questions are small.
const MAX_REQUEST: usize = 4096;

/// An idle TCP connection is closed after this time, and no answer may take longer to be taken.
const TCP_IDLE: Duration = Duration::from_secs(10);

/// TCP connections at once.
const MAX_TCP_CONNECTIONS: usize = 1024;

/// How far aliases are followed.
const MAX_ALIASES: usize = 8;

/// Everything that answers need. Cheap to share.
#[derive(Debug)]
pub struct Handler {
    authority: Authority,
    forwarder: Arc<Forwarder>,
    metrics: Arc<Metrics>,
}

/// What can be said at once.
enum Immediate {
    Reply(Message, Plugin),
    /// Records so far (aliases), and the name others have to be asked for.
    Forward(Message, Name),
}

/// A parsed question with what its answer depends on.
struct Request {
    message: Message,
    transport: Transport,
    start: Instant,
}

impl Handler {
    /// A handler over an authority and a forwarder.
    #[must_use]
    pub fn new(authority: Authority, forwarder: Arc<Forwarder>, metrics: Arc<Metrics>) -> Self {
        Self {
            authority,
            forwarder,
            metrics,
        }
    }

    /// Decides what a packet deserves: nothing, or a request to answer, or a finished refusal.
    fn accept(&self, bytes: &[u8], peer: SocketAddr, transport: Transport) -> Option<Result<Request, Vec<u8>>> {
        let start = Instant::now();
        // Too short for a header, or itself an answer: silence, so that two servers cannot keep each other busy.
        if bytes.len() < 12 || bytes[2] & 0x80 != 0 {
            return None;
        }
        match Message::from_vec(bytes) {
            Ok(message) => {
                let kind = message
                    .queries
                    .first()
                    .map_or(RecordType::ZERO, |query| query.query_type);
                self.metrics.request(transport, peer, kind, bytes.len());
                Some(Ok(Request {
                    message,
                    transport,
                    start,
                }))
            }
            Err(error) => {
                tracing::debug!(%peer, %error, "malformed request");
                self.metrics.request(transport, peer, RecordType::ZERO, bytes.len());
                let mut reply = vec![0; 12];
                reply[..2].copy_from_slice(&bytes[..2]);
                // Response, with the operation and "recursion desired" of the request; format error.
                reply[2] = 0x80 | (bytes[2] & 0x79);
                reply[3] = 1;
                self.metrics.response(
                    transport,
                    Plugin::Server,
                    ResponseCode::FormErr,
                    reply.len(),
                    start.elapsed(),
                );
                Some(Err(reply))
            }
        }
    }

    fn refusal(&self, request: &Message) -> Option<ResponseCode> {
        if request.metadata.op_code != OpCode::Query {
            return Some(ResponseCode::NotImp);
        }
        if request.edns.as_ref().is_some_and(|edns| edns.version() > 0) {
            return Some(ResponseCode::BADVERS);
        }
        let [query] = request.queries.as_slice() else {
            return Some(ResponseCode::FormErr);
        };
        let transfer = matches!(query.query_type, RecordType::AXFR | RecordType::IXFR);
        if query.query_class != DNSClass::IN || transfer {
            return Some(ResponseCode::Refused);
        }
        if self.forwarder.is_probe(&query.name, query.query_type) {
            return Some(ResponseCode::Refused);
        }
        None
    }

    fn answer_now(&self, request: &Message) -> Immediate {
        let mut reply = reply_to(request);
        if let Some(code) = self.refusal(request) {
            reply.metadata.response_code = code;
            return Immediate::Reply(reply, Plugin::Server);
        }
        let query = &request.queries[0];
        let mut name = query.name.clone();
        for _ in 0..=MAX_ALIASES {
            match self.authority.answer(&name, query.query_type) {
                Outcome::Records(mut answers, additionals) => {
                    rotate(&mut answers);
                    reply.answers.extend(answers);
                    reply.additionals = additionals;
                    reply.metadata.authoritative = true;
                    return Immediate::Reply(reply, Plugin::Kubernetes);
                }
                Outcome::Alias(alias) => {
                    let (record, target) = *alias;
                    reply.answers.push(record);
                    reply.metadata.authoritative = true;
                    name = target;
                }
                Outcome::NoData => {
                    return Immediate::Reply(self.negative(reply, ResponseCode::NoError), Plugin::Kubernetes);
                }
                Outcome::NxDomain => {
                    return Immediate::Reply(self.negative(reply, ResponseCode::NXDomain), Plugin::Kubernetes);
                }
                Outcome::NotOurs => return Immediate::Forward(reply, name),
            }
        }
        tracing::debug!(name = %query.name, "an alias leads in circles");
        reply.answers.clear();
        reply.metadata.response_code = ResponseCode::ServFail;
        Immediate::Reply(reply, Plugin::Kubernetes)
    }

    fn negative(&self, mut reply: Message, code: ResponseCode) -> Message {
        reply.metadata.response_code = code;
        reply.metadata.authoritative = true;
        reply.authorities.push(self.authority.soa());
        reply
    }

    /// The cached or forwarded rest of an answer.
    async fn forward(&self, request: &Message, mut reply: Message, name: Name) -> (Message, Plugin) {
        let key = CacheKey {
            name: (&name).into(),
            kind: request.queries[0].query_type,
            dnssec: request.edns.as_ref().is_some_and(|edns| edns.flags().dnssec_ok),
            checking_disabled: request.metadata.checking_disabled,
        };
        let (answer, plugin) = match self.forwarder.cached(&key) {
            Some(answer) => (Ok(answer), Plugin::Cache),
            None => (self.forwarder.resolve(&name, key).await, Plugin::Forward),
        };
        match answer {
            Ok(answer) => {
                reply.metadata.response_code = answer.metadata.response_code;
                reply.metadata.authentic_data = answer.metadata.authentic_data;
                reply.answers.extend(answer.answers);
                reply.authorities.extend(answer.authorities);
                reply.additionals.extend(answer.additionals);
            }
            // A client with other servers should try those, one without must not remember a "no".
            Err(error) => {
                tracing::debug!(%name, %error, "cannot forward");
                reply.metadata.response_code = match error {
                    ForwardError::NoUpstreams | ForwardError::TooMany(_) => ResponseCode::Refused,
                    ForwardError::Loop | ForwardError::Failed(_) => ResponseCode::ServFail,
                };
            }
        }
        (reply, plugin)
    }

    fn finish(&self, request: &Request, reply: &mut Message, plugin: Plugin) -> Vec<u8> {
        let limit = match request.transport {
            Transport::Tcp => u16::MAX,
            Transport::Udp => {
                let asked = request.message.edns.as_ref().map_or(0, Edns::max_payload);
                asked.clamp(MIN_UDP_PAYLOAD, MAX_UDP_PAYLOAD)
            }
        };
        let bytes = encode(reply, usize::from(limit));
        self.metrics.response(
            request.transport,
            plugin,
            reply.metadata.response_code,
            bytes.len(),
            request.start.elapsed(),
        );
        bytes
    }

    /// Answers one request completely.
    async fn answer(&self, request: &Request) -> Vec<u8> {
        let (mut reply, plugin) = match self.answer_now(&request.message) {
            Immediate::Reply(reply, plugin) => (reply, plugin),
            Immediate::Forward(reply, name) => self.forward(&request.message, reply, name).await,
        };
        self.finish(request, &mut reply, plugin)
    }

    /// Answers a packet as it came, from memory, the cache or upstream; `None` for packets that get no answer.
    pub async fn answer_packet(&self, bytes: &[u8], peer: SocketAddr) -> Option<Vec<u8>> {
        match self.accept(bytes, peer, Transport::Udp)? {
            Ok(request) => Some(self.answer(&request).await),
            Err(reply) => Some(reply),
        }
    }
}

/// An empty answer to a request.
fn reply_to(request: &Message) -> Message {
    let mut reply = Message::new(request.metadata.id, MessageType::Response, request.metadata.op_code);
    reply.metadata.recursion_desired = request.metadata.recursion_desired;
    reply.metadata.checking_disabled = request.metadata.checking_disabled;
    reply.metadata.recursion_available = true;
    reply.add_queries(request.queries.iter().cloned());
    if let Some(asked) = &request.edns {
        let mut edns = Edns::new();
        edns.set_max_payload(MAX_UDP_PAYLOAD);
        edns.set_version(0);
        edns.set_dnssec_ok(asked.flags().dnssec_ok);
        reply.set_edns(edns);
    }
    reply
}

/// Starts at a random record: clients take the first.
fn rotate(answers: &mut [Record]) {
    if answers.len() > 1 {
        answers.rotate_left(rand::rng().random_range(0..answers.len()));
    }
}

/// Encodes within `limit`: additional records go first, then answers from the end, and the client is told.
fn encode(reply: &mut Message, limit: usize) -> Vec<u8> {
    let mut keep = reply.answers.len();
    loop {
        match reply.to_vec() {
            Ok(bytes) if bytes.len() <= limit => return bytes,
            Ok(_) if !reply.additionals.is_empty() && keep == reply.answers.len() => {
                // Additional records are a courtesy: leaving them out is no truncation.
                reply.additionals.clear();
            }
            result => {
                if let Err(error) = &result {
                    tracing::warn!(%error, "cannot encode an answer");
                }
                reply.metadata.truncation = result.is_ok();
                reply.additionals.clear();
                reply.authorities.clear();
                if keep == 0 {
                    // Not even the question fits or can be written: a bare header says so.
                    reply.metadata.response_code = if result.is_ok() {
                        reply.metadata.response_code
                    } else {
                        ResponseCode::ServFail
                    };
                    reply.queries.clear();
                    reply.edns = None;
                    return reply.to_vec().unwrap_or_default();
                }
                let fit = result.map_or(0, |bytes| keep * limit / bytes.len());
                keep = fit.min(keep - 1);
                reply.answers.truncate(keep);
            }
        }
    }
}

/// Serves a handler on any number of sockets until cancelled.
#[derive(Debug)]
pub struct Server {
    handler: Arc<Handler>,
    cancel: CancellationToken,
    tasks: JoinSet<()>,
}

impl Server {
    /// A server without sockets.
    #[must_use]
    pub fn new(handler: Arc<Handler>, cancel: CancellationToken) -> Self {
        Self {
            handler,
            cancel,
            tasks: JoinSet::new(),
        }
    }

    /// Serves datagrams of a socket on `workers` tasks. Bind it to the address that clients use: an answer from a
    /// wildcard socket may leave with another one.
    pub fn serve_udp(&mut self, socket: UdpSocket, workers: usize) {
        let socket = Arc::new(socket);
        for _ in 0..workers.max(1) {
            self.tasks
                .spawn(udp(self.handler.clone(), socket.clone(), self.cancel.clone()));
        }
    }

    /// Serves connections of a listener.
    pub fn serve_tcp(&mut self, listener: TcpListener) {
        self.tasks
            .spawn(tcp(self.handler.clone(), listener, self.cancel.clone()));
    }

    /// Ends when all sockets are closed after the cancellation.
    pub async fn wait(mut self) {
        while let Some(result) = self.tasks.join_next().await {
            if let Err(error) = result {
                tracing::error!(%error, "a DNS socket task failed");
            }
        }
    }
}

async fn udp(handler: Arc<Handler>, socket: Arc<UdpSocket>, cancel: CancellationToken) {
    let mut buffer = [0; MAX_REQUEST];
    loop {
        let received = tokio::select! {
            biased;
            () = cancel.cancelled() => return,
            received = socket.recv_from(&mut buffer) => received,
        };
        let (length, peer) = match received {
            Ok(received) => received,
            Err(error) => {
                // A client that went away makes the next receive fail; the socket is still good.
                tracing::debug!(%error, "receive failed");
                continue;
            }
        };
        let request = match handler.accept(&buffer[..length], peer, Transport::Udp) {
            None => continue,
            Some(Err(reply)) => {
                send(&socket, &reply, peer).await;
                continue;
            }
            Some(Ok(request)) => request,
        };
        match handler.answer_now(&request.message) {
            Immediate::Reply(mut reply, plugin) => {
                let bytes = handler.finish(&request, &mut reply, plugin);
                send(&socket, &bytes, peer).await;
            }
            Immediate::Forward(reply, name) => {
                let (handler, socket) = (handler.clone(), socket.clone());
                tokio::spawn(async move {
                    let (mut reply, plugin) = handler.forward(&request.message, reply, name).await;
                    let bytes = handler.finish(&request, &mut reply, plugin);
                    send(&socket, &bytes, peer).await;
                });
            }
        }
    }
}

async fn send(socket: &UdpSocket, bytes: &[u8], peer: SocketAddr) {
    if let Err(error) = socket.send_to(bytes, peer).await {
        tracing::debug!(%peer, %error, "cannot send an answer");
    }
}

async fn tcp(handler: Arc<Handler>, listener: TcpListener, cancel: CancellationToken) {
    let connections = Arc::new(Semaphore::new(MAX_TCP_CONNECTIONS));
    loop {
        let Ok(permit) = connections.clone().acquire_owned().await else {
            return;
        };
        let accepted = tokio::select! {
            () = cancel.cancelled() => return,
            accepted = listener.accept() => accepted,
        };
        let (stream, peer) = match accepted {
            Ok(accepted) => accepted,
            Err(error) => {
                tracing::warn!(%error, "cannot accept");
                tokio::time::sleep(Duration::from_millis(100)).await;
                continue;
            }
        };
        let (handler, cancel) = (handler.clone(), cancel.clone());
        tokio::spawn(async move {
            let _permit = permit;
            tokio::select! {
                () = cancel.cancelled() => {}
                result = connection(&handler, stream, peer) => if let Err(error) = result {
                    tracing::debug!(%peer, %error, "connection ended");
                },
            }
        });
    }
}

async fn connection(handler: &Handler, mut stream: TcpStream, peer: SocketAddr) -> std::io::Result<()> {
    let mut buffer = Vec::new();
    loop {
        let length = match timeout(TCP_IDLE, stream.read_u16()).await {
            Ok(Ok(length)) => usize::from(length),
            Ok(Err(error)) if error.kind() == std::io::ErrorKind::UnexpectedEof => return Ok(()),
            Ok(Err(error)) => return Err(error),
            Err(_) => return Ok(()),
        };
        buffer.resize(length, 0);
        timeout(TCP_IDLE, stream.read_exact(&mut buffer)).await??;
        let reply = match handler.accept(&buffer, peer, Transport::Tcp) {
            None => continue,
            Some(Err(reply)) => reply,
            Some(Ok(request)) => handler.answer(&request).await,
        };
        let length = u16::try_from(reply.len()).map_err(std::io::Error::other)?;
        timeout(
            TCP_IDLE,
            stream.write_all(&[&length.to_be_bytes()[..], &reply].concat()),
        )
        .await??;
    }
}
