//! Gives every node a pod network out of each cluster range (upstream: `pkg/controller/nodeipam`).

mod cidr_set;
mod ranges;
#[cfg(test)]
mod tests;

use std::collections::HashSet;
use std::sync::Arc;

use client_go::api::{ListOptions, Patch};
use client_go::cache::{Event, Lister, ObjectKey};
use client_go::events::EventRecorder;
use client_go::workqueue::Outcome;
use client_go::{Client, Error};
use component_base::metrics::{Family, MetricOpts, MetricsRegistry};
use controller::{BuildError, Built, CacheSync, Controller, ControllerContext, Retries};
use ipnet::IpNet;
use k8s_api::core::v1::Node;
use parking_lot::Mutex;
use prometheus::{GaugeVec, HistogramVec, IntCounterVec};
use serde_json::json;

use crate::events;
use cidr_set::{CidrSet, CidrSetError};

const WORKERS: usize = 30;
/// How often a node's networks are tried to be written at once.
const ATTEMPTS: u32 = 3;
const TRIES: [f64; 5] = [1.0, 5.0, 25.0, 125.0, 625.0];

/// Why a node has no networks, or others than it can have.
#[derive(Debug, thiserror::Error)]
enum IpamError {
    /// A network is none.
    #[error("failed to parse node {node}, CIDR {cidr}")]
    Parse { node: String, cidr: String },
    /// The cluster has fewer ranges than the node has networks.
    #[error(
        "node:{node} has an allocated cidr: {cidr} at index:{index} that does not exist in cluster cidrs configuration"
    )]
    NoSuchRange { node: String, cidr: String, index: usize },
    /// A network lies elsewhere.
    #[error("failed to mark cidr[{cidr}] at idx [{index}] as occupied for node: {node}: {source}")]
    Occupy {
        node: String,
        cidr: IpNet,
        index: usize,
        source: CidrSetError,
    },
    /// A range is used up.
    #[error("failed to allocate cidr from cluster cidr at idx:{index}: {source}")]
    Allocate { index: usize, source: CidrSetError },
    /// The node cannot be written.
    #[error("failed to patch node CIDR: {0}")]
    Patch(#[source] Error),
}

struct Ipam {
    client: Client,
    recorder: EventRecorder,
    nodes: Lister<Node>,
    sets: Mutex<Vec<CidrSet>>,
    /// The UIDs of nodes that have been given networks, which the cache does not show yet.
    assigned: Mutex<HashSet<String>>,
    metrics: Metrics,
}

/// Builds `node-ipam-controller`; without `--allocate-node-cidrs` there is none.
///
/// # Errors
/// The ranges make no sense, there is no client, or a node has a network that cannot be its.
pub async fn build(context: ControllerContext) -> Built {
    let shared = &context.config.kube_cloud_shared;
    if !shared.allocate_node_cidrs {
        return Ok(None);
    }
    if shared.cidr_allocator_type != "RangeAllocator" {
        return Err(BuildError::Configuration(format!(
            "--cidr-allocator-type is set to '{}' but cloud provider is not configured",
            shared.cidr_allocator_type
        )));
    }
    let sets = ranges::sets(&shared.cluster_cidr, &context.config.node_ipam_controller)
        .map_err(|error| BuildError::Configuration(error.to_string()))?;
    let client = context.client("node-controller").await?;
    let nodes = context.informers.informer::<Node>();
    let this = Arc::new(Ipam {
        recorder: context.recorder("cidrAllocator", &client),
        nodes: nodes.lister(),
        sets: Mutex::new(sets),
        assigned: Mutex::default(),
        metrics: Metrics::new(&context.metrics),
        client,
    });
    this.occupy_present().await?;
    let queue = context.queue::<ObjectKey>("cidrallocator_node");
    let (keys, that) = (queue.clone(), this.clone());
    nodes.add_handler(move |event: Event<Node>| match event {
        Event::Deleted { object, .. } => {
            that.assigned.lock().remove(&object.metadata.uid);
            that.release(&object);
        }
        event => keys.add(ObjectKey::of(&**event.object())),
    });
    let caches = CacheSync::new().and(&nodes);
    Ok(Some(Controller::new(move |stop| async move {
        let reconcile = move |key: ObjectKey| {
            let this = this.clone();
            async move { this.reconcile(&key).await }
        };
        context
            .run(
                caches,
                queue,
                WORKERS,
                Retries::new("error syncing node, requeuing"),
                stop,
                reconcile,
            )
            .await;
    })))
}

impl Ipam {
    /// Networks of nodes that are there are nobody else's, before any is given out.
    async fn occupy_present(&self) -> Result<(), BuildError> {
        let options = ListOptions::default();
        let list = client_go::pager::list_all(&self.client.cluster::<Node>(), &options).await;
        let list = list.map_err(|error| BuildError::Configuration(format!("failed to list all nodes: {error}")))?;
        for node in &list.items {
            self.occupy(node)
                .map_err(|error| BuildError::Configuration(error.to_string()))?;
        }
        Ok(())
    }

    async fn reconcile(&self, key: &ObjectKey) -> Result<Outcome, IpamError> {
        let Some(node) = self.nodes.get_key(key) else {
            return Ok(Outcome::Done);
        };
        if node.metadata.deletion_timestamp.is_some() {
            return Ok(Outcome::Done);
        }
        if !node.spec.pod_cidrs.is_empty() {
            self.assigned.lock().remove(&node.metadata.uid);
            return self.occupy(&node).map(|()| Outcome::Done);
        }
        if self.assigned.lock().contains(&node.metadata.uid) {
            return Ok(Outcome::Done);
        }
        let allocated = self.allocate(&node)?;
        self.assign(&node, &allocated).await.map(|()| Outcome::Done)
    }

    fn allocate(&self, node: &Node) -> Result<Vec<IpNet>, IpamError> {
        let mut sets = self.sets.lock();
        let mut allocated = Vec::with_capacity(sets.len());
        for index in 0..sets.len() {
            match sets[index].allocate_next() {
                Ok((cidr, tries)) => {
                    self.metrics.allocated(&sets[index], tries);
                    allocated.push(cidr);
                }
                Err(source) => {
                    self.free(&mut sets, &allocated);
                    events::node_status(&self.recorder, node, "CIDRNotAvailable");
                    return Err(IpamError::Allocate { index, source });
                }
            }
        }
        Ok(allocated)
    }

    /// Writes networks to a node. What was not needed goes back.
    async fn assign(&self, node: &Node, allocated: &[IpNet]) -> Result<(), IpamError> {
        let name = &node.metadata.name;
        let latest = self.nodes.get("", name);
        if latest.is_none_or(|latest| !latest.spec.pod_cidrs.is_empty()) {
            self.give_back(allocated);
            return Ok(());
        }
        let cidrs: Vec<String> = allocated.iter().map(ToString::to_string).collect();
        let patch = Patch::Strategic(json!({"spec": {"podCIDR": cidrs[0], "podCIDRs": cidrs}}));
        let api = self.client.cluster::<Node>();
        let mut failure = None;
        for _ in 0..ATTEMPTS {
            match api.patch(name, &patch).await {
                Ok(_) => {
                    self.assigned.lock().insert(node.metadata.uid.clone());
                    tracing::info!(node = name, pod_cidrs = ?cidrs, "Set node PodCIDR");
                    return Ok(());
                }
                Err(error) => failure = Some(error),
            }
        }
        let error = failure.expect("a loop of several attempts ends well or has failed");
        events::node_status(&self.recorder, node, "CIDRAssignmentFailed");
        // If nobody knows whether it was written, the networks stay taken until the next start.
        if !error.is_server_timeout() {
            self.give_back(allocated);
        }
        Err(IpamError::Patch(error))
    }

    fn give_back(&self, cidrs: &[IpNet]) {
        self.free(&mut self.sets.lock(), cidrs);
    }

    fn free(&self, sets: &mut [CidrSet], cidrs: &[IpNet]) {
        for (set, cidr) in sets.iter_mut().zip(cidrs) {
            match set.release(*cidr) {
                Ok(freed) => self.metrics.released(set, freed),
                Err(error) => tracing::error!(%error, "Error while processing CIDR Release"),
            }
        }
    }

    /// A node's networks by the index of their range.
    fn networks(node: &Node, ranges: usize) -> Result<Vec<IpNet>, IpamError> {
        let name = &node.metadata.name;
        let network = |(index, cidr): (usize, &String)| {
            let network = cidr.parse::<IpNet>().map_err(|_| IpamError::Parse {
                node: name.clone(),
                cidr: cidr.clone(),
            })?;
            if index >= ranges {
                return Err(IpamError::NoSuchRange {
                    node: name.clone(),
                    cidr: cidr.clone(),
                    index,
                });
            }
            Ok(network)
        };
        node.spec.pod_cidrs.iter().enumerate().map(network).collect()
    }

    fn occupy(&self, node: &Node) -> Result<(), IpamError> {
        let mut sets = self.sets.lock();
        for (index, cidr) in Self::networks(node, sets.len())?.into_iter().enumerate() {
            let newly = sets[index].occupy(cidr).map_err(|source| IpamError::Occupy {
                node: node.metadata.name.clone(),
                cidr,
                index,
                source,
            })?;
            self.metrics.occupied(&sets[index], newly);
        }
        Ok(())
    }

    fn release(&self, node: &Node) {
        let mut sets = self.sets.lock();
        match Self::networks(node, sets.len()) {
            Ok(networks) => self.free(&mut sets, &networks),
            Err(error) => tracing::error!(%error, "Error while processing CIDR Release"),
        }
    }
}

struct Metrics {
    allocations: Family<IntCounterVec>,
    releases: Family<IntCounterVec>,
    usage: Family<GaugeVec>,
    most: Family<GaugeVec>,
    tries: Family<HistogramVec>,
}

impl Metrics {
    fn new(registry: &MetricsRegistry) -> Self {
        let label = &["clusterCIDR"];
        let opts = MetricOpts::new;
        Self {
            allocations: registry.counter_vec(
                opts(
                    "node_ipam_controller_cidrset_cidrs_allocations_total",
                    "Counter measuring total number of CIDR allocations.",
                ),
                label,
            ),
            releases: registry.counter_vec(
                opts(
                    "node_ipam_controller_cidrset_cidrs_releases_total",
                    "Counter measuring total number of CIDR releases.",
                ),
                label,
            ),
            usage: registry.float_gauge_vec(
                opts(
                    "node_ipam_controller_cidrset_usage_cidrs",
                    "Gauge measuring percentage of allocated CIDRs.",
                ),
                label,
            ),
            most: registry.float_gauge_vec(
                opts(
                    "node_ipam_controller_cirdset_max_cidrs",
                    "Maximum number of CIDRs that can be allocated.",
                ),
                label,
            ),
            tries: registry.histogram_vec(
                opts(
                    "node_ipam_controller_cidrset_allocation_tries_per_request",
                    "Number of endpoints added on each Service sync",
                ),
                label,
                &TRIES,
            ),
        }
    }

    fn state(&self, set: &CidrSet) -> String {
        let label = set.range().to_string();
        let (used, most) = set.usage();
        self.most.with(&[&label]).set(most);
        self.usage.with(&[&label]).set(used / most);
        label
    }

    fn allocated(&self, set: &CidrSet, tries: u32) {
        self.occupied(set, 1);
        self.tries.with(&[&set.range().to_string()]).observe(tries.into());
    }

    fn occupied(&self, set: &CidrSet, newly: u32) {
        self.allocations.with(&[&self.state(set)]).inc_by(newly.into());
    }

    fn released(&self, set: &CidrSet, freed: u32) {
        self.releases.with(&[&self.state(set)]).inc_by(freed.into());
    }
}
