//! Metrics under CoreDNS's names, so that its dashboards keep working.
//!
//! The counters of the common cases are looked up once, since a label lookup costs as much as an answer from memory.

use std::net::SocketAddr;
use std::time::Duration;

use hickory_proto::op::ResponseCode;
use hickory_proto::rr::RecordType;
use prometheus::{
    Histogram, HistogramOpts, HistogramVec, IntCounter, IntCounterVec, IntGauge, IntGaugeVec, Opts, Registry,
    exponential_buckets,
};

/// Record types with counters of their own.
const KINDS: [(RecordType, &str); 6] = [
    (RecordType::A, "A"),
    (RecordType::AAAA, "AAAA"),
    (RecordType::SRV, "SRV"),
    (RecordType::PTR, "PTR"),
    (RecordType::TXT, "TXT"),
    (RecordType::HTTPS, "HTTPS"),
];

const CODES: [(ResponseCode, &str); 6] = [
    (ResponseCode::NoError, "NOERROR"),
    (ResponseCode::NXDomain, "NXDOMAIN"),
    (ResponseCode::ServFail, "SERVFAIL"),
    (ResponseCode::Refused, "REFUSED"),
    (ResponseCode::FormErr, "FORMERR"),
    (ResponseCode::NotImp, "NOTIMP"),
];

/// How a question came in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Transport {
    Udp,
    Tcp,
}

/// Where an answer came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Plugin {
    Kubernetes,
    Forward,
    Cache,
    Server,
}

/// All metrics of the server.
#[derive(Debug)]
pub struct Metrics {
    /// By protocol, then family, then type (the last is "other").
    requests: Vec<IntCounter>,
    /// By plugin, then code (the last is "other").
    responses: Vec<IntCounter>,
    duration: Histogram,
    request_size: [Histogram; 2],
    response_size: [Histogram; 2],
    cache_hits: [IntCounter; 2],
    pub(crate) cache_misses: IntCounter,
    cache_entries: IntGauge,
    pub(crate) forward_rejected: IntCounter,
    upstream_duration: HistogramVec,
}

const SERVER: &str = "dns://:53";

impl Metrics {
    /// Makes and registers the metrics.
    ///
    /// # Errors
    /// When the registry already has them.
    pub fn new(registry: &Registry) -> Result<Self, prometheus::Error> {
        let counter = |name: &str, help: &str, labels: &[&str]| -> Result<IntCounterVec, prometheus::Error> {
            let counter = IntCounterVec::new(Opts::new(format!("coredns_{name}"), help), labels)?;
            registry.register(Box::new(counter.clone()))?;
            Ok(counter)
        };
        let histogram =
            |name: &str, help: &str, buckets: Vec<f64>, labels: &[&str]| -> Result<HistogramVec, prometheus::Error> {
                let histogram = HistogramVec::new(
                    HistogramOpts::new(format!("coredns_{name}"), help).buckets(buckets),
                    labels,
                )?;
                registry.register(Box::new(histogram.clone()))?;
                Ok(histogram)
            };
        let seconds = || exponential_buckets(0.00025, 2.0, 16);
        let sizes = || {
            vec![
                0.0, 100.0, 200.0, 300.0, 400.0, 511.0, 1023.0, 2047.0, 4095.0, 8291.0, 16e3, 32e3, 48e3, 64e3,
            ]
        };
        let requests = counter(
            "dns_requests_total",
            "DNS requests by zone, protocol and family.",
            &["server", "zone", "view", "proto", "family", "type"],
        )?;
        let responses = counter(
            "dns_responses_total",
            "DNS responses by status.",
            &["server", "zone", "view", "rcode", "plugin"],
        )?;
        let duration = histogram(
            "dns_request_duration_seconds",
            "Time of each request.",
            seconds()?,
            &["server", "zone", "view"],
        )?;
        let size_labels = ["server", "zone", "view", "proto"];
        let request_size = histogram("dns_request_size_bytes", "Size of requests.", sizes(), &size_labels)?;
        let response_size = histogram("dns_response_size_bytes", "Size of responses.", sizes(), &size_labels)?;
        let hits = counter(
            "cache_hits_total",
            "Answers from the cache.",
            &["server", "type", "zones", "view"],
        )?;
        let misses = counter(
            "cache_misses_total",
            "Questions the cache had no answer to.",
            &["server", "zones", "view"],
        )?;
        let rejected = counter(
            "forward_max_concurrent_rejects_total",
            "Questions refused because too many were under way.",
            &[],
        )?;
        let entries = IntGaugeVec::new(
            Opts::new("coredns_cache_entries", "Entries in the cache."),
            &["server", "type", "zones", "view"],
        )?;
        registry.register(Box::new(entries.clone()))?;
        let upstream_duration = histogram(
            "proxy_request_duration_seconds",
            "Time of each question to an upstream resolver.",
            seconds()?,
            &["proxy_name", "to", "rcode"],
        )?;
        let kinds = || KINDS.iter().map(|(_, kind)| *kind).chain(["other"]);
        let by_protocol =
            |vec: &HistogramVec| ["udp", "tcp"].map(|proto| vec.with_label_values(&[SERVER, ".", "", proto]));
        Ok(Self {
            requests: ["udp", "tcp"]
                .into_iter()
                .flat_map(|proto| ["1", "2"].map(|family| (proto, family)))
                .flat_map(|(proto, family)| kinds().map(move |kind| (proto, family, kind)))
                .map(|(proto, family, kind)| requests.with_label_values(&[SERVER, ".", "", proto, family, kind]))
                .collect(),
            responses: ["kubernetes", "forward", "cache", ""]
                .into_iter()
                .flat_map(|plugin| {
                    CODES
                        .iter()
                        .map(|(_, code)| *code)
                        .chain(["other"])
                        .map(move |code| (plugin, code))
                })
                .map(|(plugin, code)| responses.with_label_values(&[SERVER, ".", "", code, plugin]))
                .collect(),
            duration: duration.with_label_values(&[SERVER, ".", ""]),
            request_size: by_protocol(&request_size),
            response_size: by_protocol(&response_size),
            cache_hits: ["success", "denial"].map(|kind| hits.with_label_values(&[SERVER, kind, ".", ""])),
            cache_misses: misses.with_label_values(&[SERVER, ".", ""]),
            cache_entries: entries.with_label_values(&[SERVER, "success", ".", ""]),
            forward_rejected: rejected.with_label_values::<&str>(&[]),
            upstream_duration,
        })
    }

    pub(crate) fn request(&self, transport: Transport, peer: SocketAddr, kind: RecordType, size: usize) {
        let kind = KINDS.iter().position(|(each, _)| *each == kind).unwrap_or(KINDS.len());
        let row = 2 * transport as usize + usize::from(!peer.ip().to_canonical().is_ipv4());
        self.requests[row * (KINDS.len() + 1) + kind].inc();
        #[expect(clippy::cast_precision_loss, reason = "messages have at most 64 KiB")]
        self.request_size[transport as usize].observe(size as f64);
    }

    pub(crate) fn response(
        &self,
        transport: Transport,
        plugin: Plugin,
        code: ResponseCode,
        size: usize,
        time: Duration,
    ) {
        let code = CODES.iter().position(|(each, _)| *each == code).unwrap_or(CODES.len());
        self.responses[plugin as usize * (CODES.len() + 1) + code].inc();
        #[expect(clippy::cast_precision_loss, reason = "messages have at most 64 KiB")]
        self.response_size[transport as usize].observe(size as f64);
        self.duration.observe(time.as_secs_f64());
    }

    pub(crate) fn cache_hit(&self, negative: bool) {
        self.cache_hits[usize::from(negative)].inc();
    }

    pub(crate) fn set_cache_entries(&self, entries: usize) {
        self.cache_entries.set(i64::try_from(entries).unwrap_or(i64::MAX));
    }

    pub(crate) fn forwarded(&self, upstream: SocketAddr, code: ResponseCode, time: Duration) {
        let code = CODES
            .iter()
            .find(|(each, _)| *each == code)
            .map_or("other", |(_, code)| code);
        self.upstream_duration
            .with_label_values(&["forward", &upstream.to_string(), code])
            .observe(time.as_secs_f64());
    }
}
