//! kube-proxy's metrics, with upstream's names, labels and buckets.

use prometheus::{
    CounterVec, Gauge, GaugeVec, HistogramOpts, HistogramVec, IntCounter, Opts, Registry, exponential_buckets,
};

use crate::types::IpFamily;

/// All metrics of the proxy; both families share them.
#[derive(Clone, Debug)]
pub struct Metrics {
    /// Duration of syncs of either kind.
    pub sync_duration: HistogramVec,
    /// Duration of full syncs.
    pub full_sync_duration: HistogramVec,
    /// Duration of partial syncs.
    pub partial_sync_duration: HistogramVec,
    /// When rules were last written.
    pub last_sync: GaugeVec,
    /// When a sync was last asked for.
    pub last_queued: GaugeVec,
    /// From the change in the cluster to the rule on the node.
    pub network_programming: HistogramVec,
    /// Endpoint changes waiting.
    pub endpoint_changes_pending: Gauge,
    /// Endpoint changes seen.
    pub endpoint_changes: IntCounter,
    /// Service changes waiting.
    pub service_changes_pending: Gauge,
    /// Service changes seen.
    pub service_changes: IntCounter,
    /// Service ports of Local policy without an endpoint here, by policy.
    pub no_local_endpoints: GaugeVec,
    /// Failed iptables-restore runs.
    pub iptables_restore_failures: CounterVec,
    /// Those of them that were partial.
    pub iptables_partial_restore_failures: CounterVec,
    /// Rules owned, by table.
    pub iptables_rules: GaugeVec,
    /// Rules written by the last sync, by table.
    pub iptables_rules_last: GaugeVec,
    /// Failed nftables transactions.
    pub nftables_sync_failures: CounterVec,
    /// Failed removals of chains out of use.
    pub nftables_cleanup_failures: CounterVec,
    /// Answers of `/healthz`, by code.
    pub healthz: CounterVec,
    /// Answers of `/livez`, by code.
    pub livez: CounterVec,
    /// Duration of conntrack clean-ups.
    pub conntrack_duration: HistogramVec,
    /// Conntrack entries deleted.
    pub conntrack_deleted: CounterVec,
}

const FAMILY: &[&str] = &["ip_family"];

/// Nothing is promised of any of them.
fn alpha(help: &str) -> String {
    format!("[ALPHA] {help}")
}

fn histogram(name: &str, help: &str, buckets: Vec<f64>) -> HistogramVec {
    HistogramVec::new(
        HistogramOpts::new(format!("kubeproxy_{name}"), alpha(help)).buckets(buckets),
        FAMILY,
    )
    .expect("the name and labels are constants")
}

fn seconds(name: &str, help: &str) -> HistogramVec {
    histogram(
        name,
        help,
        exponential_buckets(0.001, 2.0, 15).expect("the arguments are constants"),
    )
}

fn gauge(name: &str, help: &str, labels: &[&str]) -> GaugeVec {
    GaugeVec::new(Opts::new(format!("kubeproxy_{name}"), alpha(help)), labels)
        .expect("the name and labels are constants")
}

fn counter(name: &str, help: &str, labels: &[&str]) -> CounterVec {
    CounterVec::new(Opts::new(format!("kubeproxy_{name}"), alpha(help)), labels)
        .expect("the name and labels are constants")
}

/// A quarter and half a second, every second of a minute, every 5 s of the next, every 30 s up to five minutes.
fn programming_buckets() -> Vec<f64> {
    let steps = |start: u32, width: u32, count: u32| (0..count).map(move |step| f64::from(start + width * step));
    [0.25, 0.5]
        .into_iter()
        .chain(steps(1, 1, 59))
        .chain(steps(60, 5, 12))
        .chain(steps(120, 30, 7))
        .collect()
}

impl Metrics {
    /// Makes the metrics and registers those that the mode (`iptables` or `nftables`) has.
    ///
    /// # Errors
    /// When the registry already has them.
    pub fn new(registry: &Registry, mode: &str) -> Result<Self, prometheus::Error> {
        let plain = |name: &str, help: &str| {
            Gauge::new(format!("kubeproxy_{name}"), alpha(help)).expect("the name is a constant")
        };
        let count = |name: &str, help: &str| {
            IntCounter::new(format!("kubeproxy_{name}"), alpha(help)).expect("the name is a constant")
        };
        let metrics = Self {
            sync_duration: seconds(
                "sync_proxy_rules_duration_seconds",
                "Duration of a sync of the proxy rules.",
            ),
            full_sync_duration: seconds("sync_full_proxy_rules_duration_seconds", "Duration of a full sync."),
            partial_sync_duration: seconds(
                "sync_partial_proxy_rules_duration_seconds",
                "Duration of a partial sync.",
            ),
            last_sync: gauge(
                "sync_proxy_rules_last_timestamp_seconds",
                "When rules were last written.",
                FAMILY,
            ),
            last_queued: gauge(
                "sync_proxy_rules_last_queued_timestamp_seconds",
                "When a sync was last asked for.",
                FAMILY,
            ),
            network_programming: histogram(
                "network_programming_duration_seconds",
                "Time from a change in the cluster to the rules on this node.",
                programming_buckets(),
            ),
            endpoint_changes_pending: plain(
                "sync_proxy_rules_endpoint_changes_pending",
                "Endpoint changes not yet synced.",
            ),
            endpoint_changes: count("sync_proxy_rules_endpoint_changes_total", "Endpoint changes seen."),
            service_changes_pending: plain(
                "sync_proxy_rules_service_changes_pending",
                "Service changes not yet synced.",
            ),
            service_changes: count("sync_proxy_rules_service_changes_total", "Service changes seen."),
            no_local_endpoints: gauge(
                "sync_proxy_rules_no_local_endpoints_total",
                "Service ports of Local traffic policy without an endpoint on this node.",
                &["traffic_policy", "ip_family"],
            ),
            iptables_restore_failures: counter(
                "sync_proxy_rules_iptables_restore_failures_total",
                "Failed iptables-restore runs.",
                FAMILY,
            ),
            iptables_partial_restore_failures: counter(
                "sync_proxy_rules_iptables_partial_restore_failures_total",
                "Failed partial iptables-restore runs, each followed by a full one.",
                FAMILY,
            ),
            iptables_rules: gauge(
                "sync_proxy_rules_iptables_total",
                "Rules of kube-proxy.",
                &["table", "ip_family"],
            ),
            iptables_rules_last: gauge(
                "sync_proxy_rules_iptables_last",
                "Rules written by the last sync.",
                &["table", "ip_family"],
            ),
            nftables_sync_failures: counter(
                "sync_proxy_rules_nftables_sync_failures_total",
                "Failed nftables syncs.",
                FAMILY,
            ),
            nftables_cleanup_failures: counter(
                "sync_proxy_rules_nftables_cleanup_failures_total",
                "Failed removals of nftables chains out of use.",
                FAMILY,
            ),
            healthz: counter(
                "proxy_healthz_total",
                "Answers of the health check, by HTTP status.",
                &["code"],
            ),
            livez: counter(
                "proxy_livez_total",
                "Answers of the liveness check, by HTTP status.",
                &["code"],
            ),
            conntrack_duration: seconds(
                "conntrack_reconciler_sync_duration_seconds",
                "Duration of a conntrack clean-up.",
            ),
            conntrack_deleted: counter(
                "conntrack_reconciler_deleted_entries_total",
                "Conntrack entries deleted.",
                FAMILY,
            ),
        };
        metrics.register(registry, mode)?;
        Ok(metrics)
    }

    fn register(&self, registry: &Registry, mode: &str) -> Result<(), prometheus::Error> {
        for histogram in [
            &self.sync_duration,
            &self.full_sync_duration,
            &self.partial_sync_duration,
            &self.network_programming,
            &self.conntrack_duration,
        ] {
            registry.register(Box::new(histogram.clone()))?;
        }
        for gauge in [&self.last_sync, &self.last_queued, &self.no_local_endpoints] {
            registry.register(Box::new(gauge.clone()))?;
        }
        for gauge in [&self.endpoint_changes_pending, &self.service_changes_pending] {
            registry.register(Box::new(gauge.clone()))?;
        }
        for counter in [&self.endpoint_changes, &self.service_changes] {
            registry.register(Box::new(counter.clone()))?;
        }
        for counter in [&self.healthz, &self.livez, &self.conntrack_deleted] {
            registry.register(Box::new(counter.clone()))?;
        }
        if mode == "nftables" {
            registry.register(Box::new(self.nftables_sync_failures.clone()))?;
            registry.register(Box::new(self.nftables_cleanup_failures.clone()))?;
        } else {
            registry.register(Box::new(self.iptables_restore_failures.clone()))?;
            registry.register(Box::new(self.iptables_partial_restore_failures.clone()))?;
            registry.register(Box::new(self.iptables_rules.clone()))?;
            registry.register(Box::new(self.iptables_rules_last.clone()))?;
        }
        Ok(())
    }

    /// Sets a timestamp gauge to now.
    pub(crate) fn touch(gauge: &GaugeVec, family: IpFamily) {
        #[expect(clippy::cast_precision_loss, reason = "milliseconds of the epoch are below 2^53")]
        let now = jiff::Timestamp::now().as_millisecond() as f64 / 1000.0;
        gauge.with_label_values(&[family.as_str()]).set(now);
    }
}
