//! Questions about other zones: asked of upstream resolvers, over UDP and, when an answer does not fit, TCP.
//!
//! Each question has a socket of its own (a random source port) and a random id, and only an answer that repeats the
//! question counts. A server that forwards to itself is found out by a probe with a name nobody else asks for.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use hickory_proto::op::{Edns, Message, MessageType, OpCode, Query};
use hickory_proto::rr::{DNSClass, Name, RecordType};
use rand::Rng;
use rand::seq::SliceRandom;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpStream, UdpSocket};
use tokio::sync::Semaphore;
use tokio::time::{Instant, timeout};

use crate::cache::{Cache, CacheKey, CacheOptions};
use crate::metrics::Metrics;

/// What upstream may send in one datagram: fits an Ethernet frame with any headers.
const UDP_PAYLOAD: u16 = 1232;

/// Where and how to ask.
#[derive(Clone, Debug)]
pub struct ForwardOptions {
    /// Upstream resolvers; without any, questions are refused.
    pub upstreams: Vec<SocketAddr>,
    /// How long one resolver may take.
    pub timeout: Duration,
    /// How often the list of resolvers is gone through.
    pub rounds: usize,
    /// Questions under way at once; more are refused.
    pub max_concurrent: usize,
    /// The cache.
    pub cache: CacheOptions,
}

impl Default for ForwardOptions {
    fn default() -> Self {
        Self {
            upstreams: Vec::new(),
            timeout: Duration::from_secs(2),
            rounds: 2,
            max_concurrent: 1000,
            cache: CacheOptions::default(),
        }
    }
}

/// Why upstream did not help.
#[derive(Debug, thiserror::Error)]
pub enum ForwardError {
    /// There is nobody to ask.
    #[error("no upstream resolvers")]
    NoUpstreams,
    /// Too many questions are under way.
    #[error("concurrent queries exceeded maximum {0}")]
    TooMany(usize),
    /// The upstream resolvers lead back here.
    #[error("forwarding loop detected")]
    Loop,
    /// No resolver answered in time; the last failure.
    #[error("all upstream resolvers failed")]
    Failed(#[source] std::io::Error),
}

/// Asks upstream resolvers.
#[derive(Debug)]
pub struct Forwarder {
    options: ForwardOptions,
    cache: Cache,
    permits: Semaphore,
    probe: Name,
    looping: AtomicBool,
    metrics: Arc<Metrics>,
}

impl Forwarder {
    /// A forwarder with an empty cache.
    #[must_use]
    pub fn new(options: ForwardOptions, metrics: Arc<Metrics>) -> Self {
        let cache = Cache::new(options.cache);
        let permits = Semaphore::new(options.max_concurrent);
        let mut random = rand::rng();
        let (a, b): (u64, u64) = (random.random(), random.random());
        let probe = Name::from_ascii(format!("{a}.{b}.")).expect("two labels of digits are a name");
        Self {
            options,
            cache,
            permits,
            probe,
            looping: AtomicBool::new(false),
            metrics,
        }
    }

    /// True for the question that only [`Self::probe`] asks: who receives it forwards to itself.
    pub(crate) fn is_probe(&self, name: &Name, kind: RecordType) -> bool {
        if kind != RecordType::HINFO || *name != self.probe {
            return false;
        }
        if !self.looping.swap(true, Ordering::Relaxed) {
            tracing::error!(
                upstreams = ?self.options.upstreams,
                "forwarding loop detected: an upstream resolver leads back to this server; forwarding is off"
            );
        }
        true
    }

    /// Asks upstream a question that nobody else asks, to see whether it comes back. Call once, after the server listens.
    pub async fn probe(&self) {
        let key = CacheKey {
            name: (&self.probe).into(),
            kind: RecordType::HINFO,
            dnssec: false,
            checking_disabled: false,
        };
        if let Err(error) = self.ask(&self.probe, &key).await {
            tracing::debug!(%error, "the probe for forwarding loops had no answer");
        }
    }

    /// True once a loop was seen.
    #[must_use]
    pub fn is_looping(&self) -> bool {
        self.looping.load(Ordering::Relaxed)
    }

    /// An answer out of the cache, with the age of its records taken off.
    pub(crate) fn cached(&self, key: &CacheKey) -> Option<Message> {
        let Some((message, age)) = self.cache.get(key) else {
            self.metrics.cache_misses.inc();
            return None;
        };
        let negative = message.answers.is_empty();
        self.metrics.cache_hit(negative);
        Some(self.aged(&message, age))
    }

    fn aged(&self, message: &Message, age: u32) -> Message {
        let (mut message, limit) = (message.clone(), self.cache.max_ttl());
        for section in [&mut message.answers, &mut message.authorities, &mut message.additionals] {
            for record in section {
                record.ttl = record.ttl.min(limit).saturating_sub(age);
            }
        }
        message
    }

    /// Asks upstream and keeps the answer.
    ///
    /// # Errors
    /// When nobody can be asked or nobody answers.
    pub(crate) async fn resolve(&self, name: &Name, key: CacheKey) -> Result<Message, ForwardError> {
        if self.is_looping() {
            return Err(ForwardError::Loop);
        }
        if self.options.upstreams.is_empty() {
            return Err(ForwardError::NoUpstreams);
        }
        let Ok(_permit) = self.permits.try_acquire() else {
            self.metrics.forward_rejected.inc();
            return Err(ForwardError::TooMany(self.options.max_concurrent));
        };
        let message = Arc::new(self.ask(name, &key).await.map_err(ForwardError::Failed)?);
        self.cache.put(key, message.clone());
        self.metrics.set_cache_entries(self.cache.len());
        Ok(self.aged(&message, 0))
    }

    async fn ask(&self, name: &Name, key: &CacheKey) -> Result<Message, std::io::Error> {
        let mut upstreams = self.options.upstreams.clone();
        upstreams.shuffle(&mut rand::rng());
        let mut last = std::io::Error::from(std::io::ErrorKind::NotFound);
        for upstream in upstreams
            .iter()
            .cycle()
            .take(upstreams.len() * self.options.rounds.max(1))
        {
            let start = Instant::now();
            match timeout(self.options.timeout, exchange(*upstream, name, key)).await {
                Ok(Ok(message)) => {
                    self.metrics
                        .forwarded(*upstream, message.metadata.response_code, start.elapsed());
                    return Ok(message);
                }
                Ok(Err(error)) => last = error,
                Err(_) => last = std::io::ErrorKind::TimedOut.into(),
            }
            tracing::debug!(%upstream, %name, error = %last, "an upstream resolver did not answer");
        }
        Err(last)
    }
}

fn invalid(error: impl std::error::Error + Send + Sync + 'static) -> std::io::Error {
    std::io::Error::new(std::io::ErrorKind::InvalidData, error)
}

/// One question to one resolver.
async fn exchange(upstream: SocketAddr, name: &Name, key: &CacheKey) -> Result<Message, std::io::Error> {
    let mut question = Message::new(rand::rng().random(), MessageType::Query, OpCode::Query);
    question.metadata.recursion_desired = true;
    question.metadata.checking_disabled = key.checking_disabled;
    question.add_query(Query::query(name.clone(), key.kind));
    let mut edns = Edns::new();
    edns.set_max_payload(UDP_PAYLOAD);
    edns.set_dnssec_ok(key.dnssec);
    question.set_edns(edns);
    let bytes = question.to_vec().map_err(invalid)?;
    let answer = exchange_udp(upstream, &question, &bytes).await?;
    if answer.metadata.truncation {
        exchange_tcp(upstream, &question, &bytes).await
    } else {
        Ok(answer)
    }
}

async fn exchange_udp(upstream: SocketAddr, question: &Message, bytes: &[u8]) -> Result<Message, std::io::Error> {
    let any = match upstream {
        SocketAddr::V4(_) => IpAddr::V4(Ipv4Addr::UNSPECIFIED),
        SocketAddr::V6(_) => IpAddr::V6(Ipv6Addr::UNSPECIFIED),
    };
    let socket = UdpSocket::bind((any, 0)).await?;
    socket.connect(upstream).await?;
    socket.send(bytes).await?;
    let mut buffer = [0; 4096];
    loop {
        let length = socket.recv(&mut buffer).await?;
        // Forged or late answers are passed over, not believed and not fatal.
        match Message::from_vec(&buffer[..length]) {
            Ok(answer) if answers(question, &answer) => return Ok(answer),
            Ok(_) => {}
            Err(error) => tracing::debug!(%upstream, %error, "an upstream resolver sent a malformed answer"),
        }
    }
}

async fn exchange_tcp(upstream: SocketAddr, question: &Message, bytes: &[u8]) -> Result<Message, std::io::Error> {
    let mut stream = TcpStream::connect(upstream).await?;
    let length = u16::try_from(bytes.len()).map_err(invalid)?;
    stream.write_all(&[&length.to_be_bytes()[..], bytes].concat()).await?;
    let length = stream.read_u16().await?;
    let mut buffer = vec![0; usize::from(length)];
    stream.read_exact(&mut buffer).await?;
    let answer = Message::from_vec(&buffer).map_err(invalid)?;
    if answers(question, &answer) {
        Ok(answer)
    } else {
        Err(std::io::ErrorKind::InvalidData.into())
    }
}

fn answers(question: &Message, answer: &Message) -> bool {
    answer.metadata.id == question.metadata.id
        && answer.metadata.message_type == MessageType::Response
        && answer.queries.len() == 1
        && answer.queries[0].query_class == DNSClass::IN
        && answer.queries[0].name == question.queries[0].name
        && answer.queries[0].query_type == question.queries[0].query_type
}
