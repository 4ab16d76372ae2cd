//! Follows the nodes and the CNI directory, and brings the machine in line.

use std::collections::BTreeSet;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use client_go::{
    Client, Config,
    cache::{Event, InformerFactory, Lister},
    config::ConfigError,
    transport::TransportError,
};
use component_base::{lifecycle::notify_service_manager, program::Start};
use ipnet::IpNet;
use k8s_api::core::v1::Node;
use nix::sys::inotify::{AddWatchFlags, InitFlags, Inotify};
use tokio::net::unix::pipe::Receiver;
use tokio::sync::Notify;

use crate::{Mode, Options, cni, command::CommandError, masquerade, nodes::Peer, routes, vxlan};

/// How long after a failure, and at the latest, everything is looked at again.
const RETRY: Duration = Duration::from_secs(5);
const RESYNC: Duration = Duration::from_secs(300);
/// Where the kernel tells of devices.
const DEVICES: &str = "/sys/class/net";

/// Why the agent does not run, or could not bring the machine in line.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// How to reach the API server.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The connection's certificates or address.
    #[error(transparent)]
    Transport(#[from] TransportError),
    /// A program failed.
    #[error(transparent)]
    Command(#[from] CommandError),
    /// A file or directory.
    #[error("{what}")]
    File {
        /// What was attempted.
        what: String,
        /// Why it failed.
        source: io::Error,
    },
}

fn file(what: impl Into<String>) -> impl FnOnce(io::Error) -> RunError {
    move |source| RunError::File {
        what: what.into(),
        source,
    }
}

/// Runs until it is told to end. Routes and configuration stay: pods go on.
///
/// # Errors
/// What keeps it from running.
pub async fn run(options: Options, start: Start) -> Result<(), RunError> {
    if options.cleanup {
        return Agent::remove_everything(&options.cni_conf_dir);
    }
    let kubeconfig = (!options.kubeconfig.as_os_str().is_empty()).then_some(options.kubeconfig.as_path());
    let config = Config::from_flags(kubeconfig, &options.master)?.with_user_agent("pod-network");
    let node_name = node_name(&options.hostname_override)?;
    std::fs::create_dir_all(&options.cni_conf_dir)
        .map_err(file(format!("cannot make {}", options.cni_conf_dir.display())))?;
    let changes = watch_directory(&options.cni_conf_dir)
        .map_err(file(format!("cannot watch {}", options.cni_conf_dir.display())))?;
    let factory = InformerFactory::new(Client::new(&config)?, start.stop.child_token());
    let informer = factory.informer::<Node>();
    let due = Arc::new(Notify::new());
    let wake = due.clone();
    informer.add_handler(move |event: Event<Node>| {
        if matters(&event) {
            wake.notify_one();
        }
    });
    factory.start();
    let agent = Arc::new(Agent {
        nodes: informer.lister(),
        node_name,
        options,
    });
    if informer.wait_synced().await {
        if let Err(error) = notify_service_manager("READY=1") {
            tracing::warn!(%error, "the service manager cannot be told");
        }
        agent.follow(&due, &changes, &start.stop).await;
    }
    factory.shutdown().await;
    Ok(())
}

/// Heartbeats change nothing that the network is made of.
fn matters(event: &Event<Node>) -> bool {
    match event {
        Event::Updated { old, new } => Peer::of(old) != Peer::of(new),
        _ => true,
    }
}

fn node_name(wanted: &str) -> Result<String, RunError> {
    let name = if wanted.is_empty() {
        let host = nix::unistd::gethostname().map_err(io::Error::from);
        host.map_err(file("cannot read the host's name"))?
            .to_string_lossy()
            .into_owned()
    } else {
        wanted.to_owned()
    };
    Ok(name.trim().to_lowercase())
}

/// The kernel's notes about a directory, to be read when there are any.
fn watch_directory(directory: &std::path::Path) -> io::Result<Receiver> {
    let inotify = Inotify::init(InitFlags::IN_NONBLOCK | InitFlags::IN_CLOEXEC)?;
    let events = AddWatchFlags::IN_CLOSE_WRITE
        | AddWatchFlags::IN_MOVED_TO
        | AddWatchFlags::IN_MOVED_FROM
        | AddWatchFlags::IN_DELETE;
    inotify.add_watch(directory, events)?;
    // Not a pipe, but read and waited for like one.
    Receiver::from_owned_fd_unchecked(inotify.into())
}

/// Waits for a note about the directory. What changed does not matter: the directory is read anew.
async fn changed(directory: &Receiver) {
    let mut notes = [0; 4096];
    let outcome = match directory.readable().await {
        Ok(()) => directory.try_read(&mut notes).map(drop),
        Err(error) => Err(error),
    };
    match outcome {
        Err(error) if error.kind() != io::ErrorKind::WouldBlock => {
            tracing::error!(%error, "the CNI directory can no longer be watched");
            std::future::pending::<()>().await;
        }
        _ => {}
    }
}

struct Agent {
    nodes: Lister<Node>,
    node_name: String,
    options: Options,
}

impl Agent {
    async fn follow(self: Arc<Self>, due: &Notify, directory: &Receiver, stop: &tokio_util::sync::CancellationToken) {
        loop {
            let agent = self.clone();
            // Programs are run and waited for: not on a thread that serves others.
            let outcome = tokio::task::spawn_blocking(move || agent.sync()).await;
            let pause = match outcome {
                Ok(Ok(())) => RESYNC,
                Ok(Err(error)) => {
                    tracing::error!(
                        error = &error as &dyn std::error::Error,
                        "the pod network is not as it should be"
                    );
                    RETRY
                }
                Err(error) => {
                    tracing::error!(%error, "a sync of the pod network panicked");
                    RETRY
                }
            };
            tokio::select! {
                () = stop.cancelled() => return,
                () = due.notified() => {}
                () = changed(directory) => {}
                () = tokio::time::sleep(pause) => {}
            }
        }
    }

    /// Brings the machine in line with the nodes.
    fn sync(&self) -> Result<(), RunError> {
        let directory = &self.options.cni_conf_dir;
        let foreign = cni::foreign(directory).map_err(file(format!("cannot read {}", directory.display())))?;
        if let Some(other) = foreign {
            tracing::info!(
                configuration = other,
                "another pod network is configured; ours stands back"
            );
            return Self::remove_everything(directory);
        }
        let peers: Vec<Peer> = self.nodes.list().iter().map(|node| Peer::of(node)).collect();
        let Some(own) = peers.iter().find(|peer| peer.name == self.node_name) else {
            tracing::info!(node = self.node_name, "the node is not registered yet");
            return Ok(());
        };
        if own.ranges.is_empty() {
            tracing::info!(node = self.node_name, "the node has no pod range yet");
            return Ok(());
        }
        forwarding()?;
        let mtu = self.mtu(own)?;
        let others: Vec<&Peer> = peers.iter().filter(|peer| peer.name != self.node_name).collect();
        let wanted: BTreeSet<routes::Route> = match self.options.mode {
            Mode::Routes => {
                vxlan::remove()?;
                others.iter().flat_map(|peer| direct(peer)).collect()
            }
            Mode::Vxlan => {
                vxlan::ensure(own, mtu)?;
                vxlan::sync(&others)?;
                let ranges = others.iter().flat_map(|peer| peer.ranges.iter().copied());
                ranges.map(vxlan::route).collect()
            }
        };
        if self.options.masquerade {
            let ranges: Vec<IpNet> = peers.iter().flat_map(|peer| peer.ranges.iter().copied()).collect();
            masquerade::sync(&own.ranges, &ranges)?;
        } else {
            masquerade::remove()?;
        }
        // The way to others may fail; pods of this node can do without.
        let routed = routes::sync(&wanted);
        let written = cni::write(directory, &self.options.bridge, mtu, &own.ranges);
        if written.map_err(file("cannot write the CNI configuration"))? {
            tracing::info!(ranges = ?own.ranges, mtu, "the CNI configuration is written");
        }
        Ok(routed?)
    }

    /// What pods may send at once: the uplink's, less what VXLAN adds.
    fn mtu(&self, own: &Peer) -> Result<u32, RunError> {
        if self.options.mtu > 0 {
            return Ok(self.options.mtu);
        }
        let Some(address) = own.addresses.first().copied() else {
            return Ok(1500);
        };
        let device =
            component_base::host_ip::interface_of(address).map_err(file("cannot read the host's addresses"))?;
        let Some(device) = device else { return Ok(1500) };
        let path = PathBuf::from(DEVICES).join(&device).join("mtu");
        let text = std::fs::read_to_string(&path).map_err(file(format!("cannot read {}", path.display())))?;
        let uplink = text.trim().parse::<u32>().unwrap_or(1500);
        let overhead = match self.options.mode {
            Mode::Routes => 0,
            Mode::Vxlan if address.is_ipv4() => vxlan::OVERHEAD.0,
            Mode::Vxlan => vxlan::OVERHEAD.1,
        };
        Ok(uplink.saturating_sub(overhead).max(1280))
    }

    fn remove_everything(directory: &std::path::Path) -> Result<(), RunError> {
        cni::remove(directory).map_err(file("cannot remove the CNI configuration"))?;
        routes::sync(&BTreeSet::new())?;
        vxlan::remove()?;
        Ok(masquerade::remove()?)
    }
}

/// Routes by the peer's own address, range by range.
fn direct(peer: &Peer) -> Vec<routes::Route> {
    let route = |range: &IpNet| {
        Some(routes::Route {
            range: *range,
            via: peer.address_like(range)?,
            device: None,
        })
    };
    peer.ranges.iter().filter_map(route).collect()
}

/// Packets must pass, and those of one bridge must meet the packet filter, or services would not work among its pods.
fn forwarding() -> Result<(), RunError> {
    let ensure = |name: &str| -> io::Result<()> {
        let path = format!("/proc/sys/net/{name}");
        let present = std::fs::read_to_string(&path)?;
        if present.trim() == "1" {
            return Ok(());
        }
        std::fs::write(path, "1")
    };
    ensure("ipv4/ip_forward").map_err(file("cannot switch forwarding on"))?;
    for optional in [
        "ipv6/conf/all/forwarding",
        "bridge/bridge-nf-call-iptables",
        "bridge/bridge-nf-call-ip6tables",
    ] {
        if let Err(error) = ensure(optional) {
            tracing::debug!(setting = optional, %error, "left as it is");
        }
    }
    Ok(())
}
