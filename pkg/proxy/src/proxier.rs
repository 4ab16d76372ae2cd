//! The proxier of one IP family: takes changes in, decides when and what to sync, and drives a backend.
//!
//! Events only touch the trackers and never wait for a sync. A sync takes the changes out, plans the services
//! concerned, and has the backend write them; a failure makes the next sync full. Counterpart upstream: the parts
//! of `iptables/proxier.go` and `nftables/proxier.go` that are the same in both, and `metaproxier`.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use ipnet::IpNet;
use parking_lot::Mutex;
use tokio_util::sync::CancellationToken;

use crate::backend::{Backend, BackendError, SyncRequest, SyncStats};
use crate::conntrack::{Conntrack, UdpFrontends, clean_stale_entries};
use crate::endpoints::{EndpointsChangeTracker, local_ready_addresses};
use crate::health::{ProxyHealth, ServiceHealthServer};
use crate::metrics::Metrics;
use crate::plan::{FilterVerdict, NodeTopology, ServicePlan, ServicePortPlan};
use crate::runner::{self, Frequency, Outcome, Trigger};
use crate::service::ServiceChangeTracker;
use crate::types::{EndpointSlice, IpFamily, NamespacedName, Protocol, Service, ServicePortName};

/// A full sync is made at least this often.
pub const FULL_SYNC_PERIOD: Duration = Duration::from_secs(3600);

/// What a proxier needs besides its backend.
pub struct ProxierOptions {
    /// Family.
    pub family: IpFamily,
    /// The node's name: tells local endpoints from others.
    pub node_name: Arc<str>,
    /// Least time between syncs.
    pub min_sync_period: Duration,
    /// Longest time before a failed sync is tried again, and between two checks that our rules are still there.
    pub sync_period: Duration,
    /// Metrics, shared by both families.
    pub metrics: Arc<Metrics>,
    /// Health of the proxy, shared by both families.
    pub health: Arc<ProxyHealth>,
    /// Health check node ports.
    pub service_health: Option<ServiceHealthServer>,
    /// The kernel's flows; `None` leaves stale UDP flows alone.
    pub conntrack: Option<Box<dyn Conntrack>>,
}

struct Trackers {
    services: ServiceChangeTracker,
    endpoints: EndpointsChangeTracker,
    services_synced: bool,
    endpoints_synced: bool,
}

struct Inner {
    backend: Box<dyn Backend>,
    topology: NodeTopology,
    service_cidrs: Vec<IpNet>,
    need_full_sync: bool,
    last_full_sync: Option<Instant>,
    last_check: Option<Instant>,
    no_local: HashMap<NamespacedName, (usize, usize)>,
    no_local_total: (usize, usize),
    health_checks: BTreeMap<NamespacedName, (u16, usize)>,
    service_health: Option<ServiceHealthServer>,
    conntrack: Option<Box<dyn Conntrack>>,
}

/// What a sync works on, taken out of the trackers in one go.
#[derive(Default)]
struct Work {
    plans: Vec<ServicePlan>,
    frontends: UdpFrontends,
    trigger_times: Vec<jiff::Timestamp>,
    health_checks: Vec<(NamespacedName, Option<(u16, usize)>)>,
    total_endpoints: usize,
}

/// The proxier of one family. All methods may be called from any thread.
pub struct Proxier {
    family: IpFamily,
    frequency: Frequency,
    metrics: Arc<Metrics>,
    health: Arc<ProxyHealth>,
    trigger: Trigger,
    trackers: Mutex<Trackers>,
    inner: Mutex<Inner>,
}

impl Proxier {
    /// A proxier that has written nothing and knows nothing yet.
    #[must_use]
    pub fn new(options: ProxierOptions, backend: Box<dyn Backend>) -> Self {
        let ProxierOptions {
            family,
            node_name,
            metrics,
            health,
            service_health,
            conntrack,
            ..
        } = options;
        Self {
            family,
            frequency: Frequency {
                min_interval: options.min_sync_period,
                retry_interval: options.sync_period,
                max_interval: options.sync_period.max(options.min_sync_period),
            },
            metrics,
            health,
            trigger: Trigger::default(),
            trackers: Mutex::new(Trackers {
                services: ServiceChangeTracker::new(family),
                endpoints: EndpointsChangeTracker::new(family, node_name.clone()),
                services_synced: false,
                endpoints_synced: false,
            }),
            inner: Mutex::new(Inner {
                backend,
                topology: NodeTopology {
                    node_name,
                    zone: "".into(),
                },
                service_cidrs: Vec::new(),
                need_full_sync: true,
                last_full_sync: None,
                last_check: None,
                no_local: HashMap::new(),
                no_local_total: (0, 0),
                health_checks: BTreeMap::new(),
                service_health,
                conntrack,
            }),
        }
    }

    /// A service was added or changed.
    pub fn update_service(&self, service: &Service) {
        self.change(|trackers| trackers.services.update(service));
        self.metrics.service_changes.inc();
    }

    /// A service is gone.
    pub fn delete_service(&self, service: NamespacedName) {
        self.change(|trackers| trackers.services.delete(service));
        self.metrics.service_changes.inc();
    }

    /// An EndpointSlice was added or changed.
    pub fn update_endpoint_slice(&self, slice: Arc<EndpointSlice>) {
        self.change(|trackers| trackers.endpoints.update(slice));
        self.metrics.endpoint_changes.inc();
    }

    /// An EndpointSlice is gone.
    pub fn delete_endpoint_slice(&self, service: &NamespacedName, name: &str) {
        self.change(|trackers| trackers.endpoints.delete(service, name));
        self.metrics.endpoint_changes.inc();
    }

    /// All services that exist have been told. Nothing is written before both this and [`Self::endpoints_synced`].
    pub fn services_synced(&self) {
        self.change(|trackers| {
            trackers.services_synced = true;
            true
        });
    }

    /// All EndpointSlices that exist have been told.
    pub fn endpoints_synced(&self) {
        self.change(|trackers| {
            trackers.endpoints_synced = true;
            true
        });
    }

    /// The node's zone changed.
    pub fn set_zone(&self, zone: &str) {
        {
            let mut inner = self.inner.lock();
            if *inner.topology.zone == *zone {
                return;
            }
            inner.topology.zone = zone.into();
            inner.need_full_sync = true;
        }
        self.change(|_| true);
    }

    /// The ranges that cluster IPs are taken from changed.
    pub fn set_service_cidrs(&self, cidrs: &[IpNet]) {
        let own: Vec<IpNet> = cidrs
            .iter()
            .copied()
            .filter(|net| IpFamily::of(net.addr()) == self.family)
            .collect();
        {
            let mut inner = self.inner.lock();
            if inner.service_cidrs == own {
                return;
            }
            inner.service_cidrs = own;
            inner.need_full_sync = true;
        }
        self.change(|_| true);
    }

    fn change(&self, apply: impl FnOnce(&mut Trackers) -> bool) {
        let due = {
            let mut trackers = self.trackers.lock();
            let changed = apply(&mut trackers);
            #[expect(clippy::cast_precision_loss, reason = "counts are far below 2^52")]
            {
                self.metrics
                    .service_changes_pending
                    .set(trackers.services.pending() as f64);
                self.metrics
                    .endpoint_changes_pending
                    .set(trackers.endpoints.pending() as f64);
            }
            changed && trackers.services_synced && trackers.endpoints_synced
        };
        if due {
            self.health.queued(self.family);
            Metrics::touch(&self.metrics.last_queued, self.family);
            self.trigger.run();
        }
    }

    /// Syncs whenever something changed, until `cancel`. A sync that has begun is finished.
    pub async fn run(self: Arc<Self>, cancel: CancellationToken) {
        self.health.updated(self.family);
        let (trigger, frequency) = (self.trigger.clone(), self.frequency);
        let work = move || {
            let proxier = self.clone();
            async move {
                // Programs are run and waited for: not on a thread that serves others.
                match tokio::task::spawn_blocking(move || proxier.turn()).await {
                    Ok(outcome) => outcome,
                    Err(error) => {
                        tracing::error!(%error, "proxy sync panicked");
                        Outcome {
                            failed: true,
                            wake_at: None,
                        }
                    }
                }
            }
        };
        runner::run(frequency, trigger, cancel, work).await;
    }

    /// One turn of the runner: check that our rules are there, then sync.
    fn turn(&self) -> Outcome {
        {
            let mut inner = self.inner.lock();
            let due = inner
                .last_check
                .is_none_or(|last| last.elapsed() >= self.frequency.retry_interval);
            if due && !inner.need_full_sync {
                inner.last_check = Some(Instant::now());
                match inner.backend.intact() {
                    Ok(true) => {}
                    Ok(false) => {
                        tracing::warn!(family = %self.family, "the proxy's rules were removed; writing them again");
                        inner.need_full_sync = true;
                    }
                    Err(error) => tracing::warn!(%error, "cannot check the proxy's rules"),
                }
            }
        }
        let failed = self.sync().is_err();
        let wake_at = self.inner.lock().backend.housekeeping_due();
        Outcome { failed, wake_at }
    }

    /// Writes all pending changes now; does nothing until services and endpoints have been told.
    ///
    /// # Errors
    /// When the backend failed. The next sync is then full.
    pub fn sync(&self) -> Result<SyncStats, BackendError> {
        let mut inner = self.inner.lock();
        let inner = &mut *inner;
        let start = Instant::now();
        if let Err(error) = inner.backend.housekeeping(start) {
            tracing::error!(%error, family = %self.family, "unable to delete stale chains");
            self.metrics
                .nftables_cleanup_failures
                .with_label_values(&[self.family.as_str()])
                .inc();
            inner.need_full_sync = true;
        }
        let full = inner.need_full_sync
            || inner
                .last_full_sync
                .is_none_or(|last| last.elapsed() > FULL_SYNC_PERIOD);
        let Some(work) = self.take_work(inner, full) else {
            return Ok(SyncStats::default());
        };
        // Stays set when the backend panics or fails.
        inner.need_full_sync = true;
        let result = inner.backend.sync(&SyncRequest {
            full,
            changes: &work.plans,
            total_endpoints: work.total_endpoints,
            service_cidrs: &inner.service_cidrs,
        });
        self.observe_duration(start, full);
        match result {
            Ok(stats) => {
                inner.need_full_sync = false;
                if full {
                    inner.last_full_sync = Some(start);
                }
                self.finish(inner, full, work, stats);
                Ok(stats)
            }
            Err(error) => {
                tracing::error!(%error, family = %self.family, full, "sync failed");
                let label = [self.family.as_str()];
                if inner.backend.mode() == "nftables" {
                    self.metrics.nftables_sync_failures.with_label_values(&label).inc();
                } else {
                    self.metrics.iptables_restore_failures.with_label_values(&label).inc();
                    if !full {
                        self.metrics
                            .iptables_partial_restore_failures
                            .with_label_values(&label)
                            .inc();
                    }
                }
                Err(error)
            }
        }
    }

    /// Applies pending changes and plans the services concerned; `None` before everything has been told.
    fn take_work(&self, inner: &Inner, full: bool) -> Option<Work> {
        let mut trackers = self.trackers.lock();
        if !(trackers.services_synced && trackers.endpoints_synced) {
            return None;
        }
        let changed_services = trackers.services.checkout();
        let changed_endpoints = trackers.endpoints.checkout();
        self.metrics.service_changes_pending.set(0.0);
        self.metrics.endpoint_changes_pending.set(0.0);
        let (services, endpoints) = (trackers.services.applied(), trackers.endpoints.applied());
        let names: HashSet<&NamespacedName> = if full {
            services.keys().chain(changed_services.keys()).collect()
        } else {
            changed_services.keys().chain(&changed_endpoints.services).collect()
        };
        let mut names: Vec<&NamespacedName> = names.into_iter().collect();
        names.sort_unstable();
        let mut work = Work {
            trigger_times: changed_endpoints.trigger_times,
            total_endpoints: trackers.endpoints.total(),
            ..Work::default()
        };
        for name in names {
            let ports = services.get(name);
            let service_endpoints = endpoints.get(name);
            let udp_changed =
                full || changed_services.contains_key(name) || changed_endpoints.udp_services.contains(name);
            if let Some(ports) =
                ports.filter(|ports| udp_changed && ports.keys().any(|key| key.protocol == Protocol::Udp))
            {
                work.frontends.add(ports, service_endpoints);
            }
            let health_port = ports
                .into_iter()
                .flat_map(|ports| ports.values())
                .map(|info| info.health_check_node_port)
                .find(|port| *port != 0);
            let health_check = health_port.map(|port| (port, service_endpoints.map_or(0, local_ready_addresses)));
            if health_check.is_some() || inner.health_checks.contains_key(name) {
                work.health_checks.push((name.clone(), health_check));
            }
            let plan = |(key, info): (&crate::types::PortKey, &Arc<crate::service::ServicePortInfo>)| {
                let list = service_endpoints
                    .and_then(|endpoints| endpoints.get(key))
                    .map_or(&[][..], |list| list);
                let port = ServicePortName {
                    service: name.clone(),
                    port: key.clone(),
                };
                ServicePortPlan::new(port, info.clone(), list, &inner.topology)
            };
            let ports = ports.into_iter().flatten().map(plan).collect();
            work.plans.push(ServicePlan {
                service: name.clone(),
                ports,
            });
        }
        Some(work)
    }

    fn observe_duration(&self, start: Instant, full: bool) {
        let (seconds, label) = (start.elapsed().as_secs_f64(), [self.family.as_str()]);
        self.metrics.sync_duration.with_label_values(&label).observe(seconds);
        let kind = if full {
            &self.metrics.full_sync_duration
        } else {
            &self.metrics.partial_sync_duration
        };
        kind.with_label_values(&label).observe(seconds);
    }

    /// What follows a successful sync: latencies, counts, health, health check ports, conntrack.
    fn finish(&self, inner: &mut Inner, full: bool, work: Work, stats: SyncStats) {
        let family = self.family.as_str();
        let now = jiff::Timestamp::now();
        for time in &work.trigger_times {
            let latency = now.duration_since(*time).as_secs_f64();
            self.metrics
                .network_programming
                .with_label_values(&[family])
                .observe(latency.max(0.0));
        }
        inner.count_no_local(&work.plans, full);
        #[expect(clippy::cast_precision_loss, reason = "counts are far below 2^52")]
        {
            let (internal, external) = inner.no_local_total;
            let gauge = &self.metrics.no_local_endpoints;
            gauge.with_label_values(&["internal", family]).set(internal as f64);
            gauge.with_label_values(&["external", family]).set(external as f64);
            if inner.backend.mode() == "iptables" {
                let (total, last) = (&self.metrics.iptables_rules, &self.metrics.iptables_rules_last);
                total
                    .with_label_values(&["filter", family])
                    .set(stats.filter_rules_total as f64);
                total
                    .with_label_values(&["nat", family])
                    .set(stats.nat_rules_total as f64);
                last.with_label_values(&["filter", family])
                    .set(stats.filter_rules_written as f64);
                last.with_label_values(&["nat", family])
                    .set(stats.nat_rules_written as f64);
            }
        }
        self.health.updated(self.family);
        Metrics::touch(&self.metrics.last_sync, self.family);
        if full {
            inner.health_checks.clear();
        }
        let health_changed = full || !work.health_checks.is_empty();
        for (service, health_check) in work.health_checks {
            match health_check {
                Some(health_check) => inner.health_checks.insert(service, health_check),
                None => inner.health_checks.remove(&service),
            };
        }
        if let Some(server) = inner.service_health.as_mut().filter(|_| health_changed) {
            server.sync(&inner.health_checks);
        }
        if let Some(conntrack) = inner.conntrack.as_mut().filter(|_| !work.frontends.is_empty()) {
            self.clean_conntrack(conntrack.as_mut(), &work.frontends);
        }
    }

    fn clean_conntrack(&self, conntrack: &mut dyn Conntrack, frontends: &UdpFrontends) {
        let (start, label) = (Instant::now(), [self.family.as_str()]);
        match clean_stale_entries(conntrack, self.family, frontends) {
            Ok(deleted) => {
                #[expect(clippy::cast_precision_loss, reason = "counts are far below 2^52")]
                self.metrics
                    .conntrack_deleted
                    .with_label_values(&label)
                    .inc_by(deleted as f64);
            }
            Err(error) => tracing::error!(%error, family = %self.family, "failed to clear conntrack entries"),
        }
        self.metrics
            .conntrack_duration
            .with_label_values(&label)
            .observe(start.elapsed().as_secs_f64());
    }
}

impl Inner {
    /// Keeps the number of service ports that drop traffic for want of a local endpoint.
    fn count_no_local(&mut self, plans: &[ServicePlan], full: bool) {
        if full {
            self.no_local.clear();
            self.no_local_total = (0, 0);
        }
        for plan in plans {
            let count = |verdict: fn(&ServicePortPlan) -> Option<FilterVerdict>| {
                plan.ports
                    .iter()
                    .filter(|port| verdict(port) == Some(FilterVerdict::Drop))
                    .count()
            };
            let new = (
                count(ServicePortPlan::internal_verdict),
                count(ServicePortPlan::external_verdict),
            );
            let old = if new == (0, 0) {
                self.no_local.remove(&plan.service)
            } else {
                self.no_local.insert(plan.service.clone(), new)
            }
            .unwrap_or_default();
            let total = self.no_local_total;
            self.no_local_total = (total.0 + new.0 - old.0, total.1 + new.1 - old.1);
        }
    }
}

/// The proxiers of the families a node has; every event goes to all of them.
#[derive(Clone)]
pub struct Proxiers(pub Vec<Arc<Proxier>>);

impl Proxiers {
    /// Hands an event to every family's proxier.
    pub fn each(&self, event: impl Fn(&Proxier)) {
        for proxier in &self.0 {
            event(proxier);
        }
    }
}

#[cfg(test)]
mod tests;
