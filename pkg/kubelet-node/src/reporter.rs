//! Keeps the API server informed of the node.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use client_go::{Client, Error};
use cri_client::{ImageService, RuntimeService};
use k8s_api::core::v1::{ContainerImage, Node, NodeAddress, Taint};
use k8s_api::primitives::Time;
use kubelet_types::pressure::Pressures;
use kubelet_types::seams::{EventRecorder, EventType};
use nix::sys::statvfs::statvfs;
use parking_lot::Mutex;
use tokio::sync::{Notify, watch};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::addresses::{host_ips, node_addresses};
use crate::lease::NodeLease;
use crate::machine::Machine;
use crate::resources::{PodLimits, Reservations, Resources};
use crate::runtime_state::RuntimeState;
use crate::status::{NodeStatusInput, has_changed, node_reference};
use crate::{csi_node, registration};

/// How often the runtime is asked how it is, and how often before it was ready.
const RUNTIME_CHECK: Duration = Duration::from_secs(5);
/// How long it may take to say anything.
const PATIENCE: Duration = Duration::from_secs(5);
const FIRST_RUNTIME_CHECK: Duration = Duration::from_millis(100);
const FIRST_REGISTRATION_PAUSE: Duration = Duration::from_millis(100);
const LAST_REGISTRATION_PAUSE: Duration = Duration::from_secs(7);
/// The list of images is at most so old.
const IMAGES_AGE: Duration = Duration::from_secs(30);
/// So many tries to write a status within one period.
const TRIES: u32 = 5;
/// So many names of an image are shown.
const NAMES_PER_IMAGE: usize = 5;

/// What the node is told to be.
#[derive(Clone, Debug)]
pub struct NodeOptions {
    /// The node's name.
    pub name: String,
    /// The host's name, or what stands in for it.
    pub hostname: String,
    /// `--node-ip`.
    pub node_ips: Vec<IpAddr>,
    /// `--cloud-provider=external`.
    pub external_cloud: bool,
    /// `--node-labels`.
    pub labels: BTreeMap<String, String>,
    /// `registerWithTaints`.
    pub taints: Vec<Taint>,
    /// `providerID`.
    pub provider_id: String,
    /// Whether the controller attaches volumes.
    pub attach_detach: bool,
    /// `maxPods`.
    pub max_pods: i32,
    /// `podsPerCore`.
    pub pods_per_core: i32,
    /// Where the node's API is served.
    pub port: i32,
    /// `nodeStatusMaxImages`; below 0 is all.
    pub max_images: i32,
    /// `registerNode`.
    pub register: bool,
    /// How often the status is computed.
    pub update_frequency: Duration,
    /// How often it is written though nothing changed.
    pub report_frequency: Duration,
    /// How long the lease lasts.
    pub lease_seconds: i32,
    /// The kubelet's root directory; its file system is the node's local storage.
    pub root: PathBuf,
    /// Whether local storage is accounted for.
    pub local_storage: bool,
    /// What pods do not get.
    pub reservations: Reservations,
    /// The kubelet's version.
    pub version: String,
    /// Names of features that schedulers must know of.
    pub declared_features: Vec<String>,
}

/// What the reporter works with.
pub struct NodeParts {
    /// The API server; none for a node that stands alone.
    pub client: Option<Client>,
    /// The runtime.
    pub runtime: Arc<dyn RuntimeService>,
    /// Images.
    pub images: Arc<dyn ImageService>,
    /// What the node is short of.
    pub pressures: Arc<Pressures>,
    /// Events.
    pub recorder: Arc<dyn EventRecorder>,
    /// What else keeps the node from being ready.
    pub health: Box<dyn Fn() -> Vec<String> + Send + Sync>,
    /// The node as an informer knows it.
    pub cached: Box<dyn Fn() -> Option<Arc<Node>> + Send + Sync>,
}

/// Keeps the API server informed of the node.
pub struct NodeReporter {
    options: NodeOptions,
    parts: NodeParts,
    machine: Machine,
    state: Arc<RuntimeState>,
    node: watch::Sender<Option<Arc<Node>>>,
    host_ips: watch::Sender<Vec<String>>,
    wake: Notify,
    /// The runtime was asked how it is, and has answered or not in time.
    asked: watch::Sender<bool>,
    images: Mutex<Option<(Instant, Vec<ContainerImage>)>>,
    unschedulable: Mutex<bool>,
}

impl NodeReporter {
    /// Nothing is reported before [`run`](Self::run).
    #[must_use]
    pub fn new(options: NodeOptions, parts: NodeParts, machine: Machine) -> Self {
        Self {
            options,
            parts,
            machine,
            state: Arc::default(),
            node: watch::Sender::new(None),
            host_ips: watch::Sender::new(Vec::new()),
            wake: Notify::new(),
            asked: watch::Sender::new(false),
            images: Mutex::new(None),
            unschedulable: Mutex::new(false),
        }
    }

    /// How the runtime is.
    #[must_use]
    pub fn runtime_state(&self) -> &Arc<RuntimeState> {
        &self.state
    }

    /// The machine.
    #[must_use]
    pub fn machine(&self) -> &Machine {
        &self.machine
    }

    /// The node as it was written last; before that as it would be.
    #[must_use]
    pub fn node(&self) -> watch::Receiver<Option<Arc<Node>>> {
        self.node.subscribe()
    }

    /// The node's addresses, once they are known.
    #[must_use]
    pub fn host_ips(&self) -> watch::Receiver<Vec<String>> {
        self.host_ips.subscribe()
    }

    /// What the node has and what of it pods may have.
    #[must_use]
    pub fn resources(&self) -> Resources {
        let storage = || {
            let stat = statvfs(&self.options.root).ok()?;
            i64::try_from(stat.blocks() * stat.fragment_size()).ok()
        };
        let storage = if self.options.local_storage { storage() } else { None };
        let pods = PodLimits {
            max: i64::from(self.options.max_pods),
            per_core: i64::from(self.options.pods_per_core),
        };
        Resources::new(&self.machine, storage, pods, &self.options.reservations)
    }

    /// The node as it is now, not registered: what a kubelet without an API server, or before it has one, goes by.
    pub async fn initial(&self) -> Node {
        let mut node = registration::initial(&self.options);
        self.refresh(&mut node).await;
        node
    }

    /// Registers the node and keeps status, lease and runtime state current until cancelled.
    pub async fn run(&self, cancel: CancellationToken) {
        tokio::select! {
            () = cancel.cancelled() => {}
            () = self.watch_runtime() => {}
            () = self.report() => {}
        }
    }

    /// Asks the runtime how it is, often until it is ready for the first time.
    async fn watch_runtime(&self) {
        let (mut was_ready, mut known_ready) = (false, false);
        loop {
            // A runtime that hangs is as bad as one that is gone.
            let asked = tokio::time::timeout(PATIENCE, self.parts.runtime.status(false)).await;
            let asked =
                asked.unwrap_or_else(|_| Err(cri_client::Error::InvalidResponse("no answer in time".to_owned())));
            match asked {
                Ok(answer) => {
                    if self.state.update(&answer) || self.state.version().is_empty() {
                        self.read_version().await;
                        self.wake.notify_one();
                    }
                }
                Err(error) => tracing::error!(%error, "Container runtime sanity check failed"),
            }
            self.asked.send_replace(true);
            if std::mem::replace(&mut known_ready, self.state.is_ready()) && !known_ready {
                self.wake.notify_one();
            }
            was_ready |= self.state.is_ready() && self.state.network_error().is_none();
            tokio::time::sleep(if was_ready { RUNTIME_CHECK } else { FIRST_RUNTIME_CHECK }).await;
        }
    }

    async fn read_version(&self) {
        match self.parts.runtime.version("v1").await {
            Ok(version) => self
                .state
                .set_version(format!("{}://{}", version.runtime_name, version.runtime_version)),
            Err(error) => tracing::warn!(%error, "the runtime's version"),
        }
    }

    async fn report(&self) {
        let Some(client) = &self.parts.client else {
            // Nobody to tell, but pods go by the node.
            loop {
                let node = self.initial().await;
                self.node.send_replace(Some(Arc::new(node)));
                self.pause().await;
            }
        };
        if self.options.register {
            self.register(client).await;
        }
        let lease = NodeLease::new(client.clone(), self.options.name.clone(), self.options.lease_seconds);
        let uid = || {
            let node = self.node.borrow();
            let uid = node.as_ref().map(|node| node.metadata.uid.clone());
            uid.filter(|uid| !uid.is_empty())
        };
        let csi = async {
            let node = self.node.borrow().clone();
            if let Some(node) = node {
                csi_node::ensure(client, &node).await;
            }
        };
        tokio::join!(lease.run(uid), self.report_status(client), csi);
    }

    /// Registers the node, again and again until it is done.
    async fn register(&self, client: &Client) {
        let mut pause = FIRST_REGISTRATION_PAUSE;
        loop {
            tracing::info!(node = self.options.name, "Attempting to register node");
            match registration::try_register(client, self.initial().await).await {
                Ok(node) => {
                    tracing::info!(node = self.options.name, "Successfully registered node");
                    self.node.send_replace(Some(Arc::new(node)));
                    return;
                }
                Err(error) => tracing::error!(%error, "Unable to register node with API server"),
            }
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(LAST_REGISTRATION_PAUSE);
        }
    }

    async fn pause(&self) {
        tokio::select! {
            () = tokio::time::sleep(self.options.update_frequency) => {}
            () = self.wake.notified() => {}
            () = self.parts.pressures.changed() => {}
        }
    }

    async fn report_status(&self, client: &Client) {
        let mut reported = Instant::now();
        // Spread over the nodes of a cluster, so that they do not all report at the same time.
        let mut due = self.options.report_frequency.mul_f64(0.5 + rand::random::<f64>());
        // A node that was ready when its kubelet started again is not told unready, and its pods with it, for want of an answer.
        // The sender lives as long as the reporter.
        let _ = self.asked.subscribe().wait_for(|asked| *asked).await;
        loop {
            for attempt in 0..TRIES {
                match self.sync_status(client, attempt, reported.elapsed() >= due).await {
                    Ok(written) => {
                        if written {
                            reported = Instant::now();
                            due = self.options.report_frequency;
                        }
                        break;
                    }
                    Err(error) => tracing::error!(%error, "Error updating node status, will retry"),
                }
                if attempt + 1 == TRIES {
                    tracing::error!("Unable to update node status: update node status exceeds retry count");
                }
            }
            self.pause().await;
        }
    }

    /// Computes the status, and writes it if it changed or is due; tells whether it was written.
    async fn sync_status(&self, client: &Client, attempt: u32, due: bool) -> Result<bool, Error> {
        let cached = (self.parts.cached)().filter(|_| attempt == 0);
        let own = self.node.borrow().clone().filter(|_| attempt == 0);
        // The later of the two; a write of our own may not have come back yet.
        let revision = |node: &Arc<Node>| node.metadata.resource_version.parse::<u64>().unwrap_or_default();
        let before = match (cached, own) {
            (Some(cached), Some(own)) if revision(&own) > revision(&cached) => own,
            (Some(node), _) | (None, Some(node)) => node,
            (None, None) => Arc::new(client.cluster::<Node>().get(&self.options.name).await?),
        };
        let mut after = Node::clone(&before);
        self.refresh(&mut after).await;
        self.tell_schedulable(after.spec.unschedulable);
        if !due && !has_changed(&before, &after) {
            return Ok(false);
        }
        let written = registration::patch(client, &before, &after).await?;
        self.node.send_replace(Some(Arc::new(written)));
        Ok(true)
    }

    fn tell_schedulable(&self, unschedulable: bool) {
        let mut before = self.unschedulable.lock();
        if *before != unschedulable {
            *before = unschedulable;
            self.event(
                EventType::Normal,
                if unschedulable {
                    "NodeNotSchedulable"
                } else {
                    "NodeSchedulable"
                },
                None,
            );
        }
    }

    fn event(&self, kind: EventType, reason: &str, message: Option<String>) {
        let name = &self.options.name;
        let message = message.unwrap_or_else(|| format!("Node {name} status is now: {reason}"));
        self.parts.recorder.event(&node_reference(name), kind, reason, &message);
    }

    /// Brings a node's status up to date.
    async fn refresh(&self, node: &mut Node) {
        let options = &self.options;
        let addresses: Result<Vec<NodeAddress>, String> =
            node_addresses(&options.node_ips, &options.name, &options.hostname).await;
        if let Ok(addresses) = &addresses {
            let ips = host_ips(addresses);
            self.host_ips.send_if_modified(|held| {
                let differs = *held != ips;
                if differs {
                    *held = ips;
                }
                differs
            });
        }
        let images = self.images().await;
        let input = NodeStatusInput {
            machine: &self.machine,
            resources: &self.resources(),
            addresses: addresses.as_deref().map_err(String::as_str),
            runtime: &self.state,
            pressures: &self.parts.pressures,
            images: &images,
            port: options.port,
            version: &options.version,
            errors: &(self.parts.health)(),
            external_cloud: options.external_cloud,
            declared_features: &options.declared_features,
            now: Time::now(),
        };
        for event in input.apply(&options.name, &mut node.status) {
            let kind = if event.warning {
                EventType::Warning
            } else {
                EventType::Normal
            };
            self.event(kind, &event.reason, Some(event.message));
        }
    }

    /// The largest images.
    async fn images(&self) -> Vec<ContainerImage> {
        if let Some((listed, images)) = &*self.images.lock()
            && listed.elapsed() < IMAGES_AGE
        {
            return images.clone();
        }
        let listed = tokio::time::timeout(PATIENCE, self.parts.images.list_images(None)).await;
        let mut list = match listed {
            Ok(Ok(list)) => list,
            failed => {
                let error = match failed {
                    Ok(Err(error)) => error.to_string(),
                    _ => "no answer in time".to_owned(),
                };
                tracing::error!(error, "error getting image list");
                // What was known is as good as nothing, and changes less.
                let known = self.images.lock();
                return known.as_ref().map(|(_, images)| images.clone()).unwrap_or_default();
            }
        };
        list.sort_by_key(|image| std::cmp::Reverse(image.size));
        if let Ok(most) = usize::try_from(self.options.max_images) {
            list.truncate(most);
        }
        let shown = |image: cri_client::api::Image| ContainerImage {
            names: image
                .repo_digests
                .into_iter()
                .chain(image.repo_tags)
                .take(NAMES_PER_IMAGE)
                .collect(),
            size_bytes: i64::try_from(image.size).unwrap_or(i64::MAX),
        };
        let images: Vec<_> = list.into_iter().map(shown).collect();
        *self.images.lock() = Some((Instant::now(), images.clone()));
        images
    }
}
