//! The program: from options to a running node, and to its orderly end.
//!
//! Pods run on when the kubelet ends; the next one takes them over.

mod admission;
mod assemble;
mod certificates;
mod cgroup_limits;
mod changes;
mod client;
mod error;
mod eviction;
mod gaps;
mod healthz;
mod host;
mod housekeeping;
mod images;
mod serve;
mod static_pods;

pub use error::RunError;

use component_base::program::Start;
use kubelet_config::KubeletOptions;
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::api::follow_pods;
use assemble::Node;

/// Runs a kubelet until it is told to stop.
///
/// # Errors
/// What keeps it from starting; once it runs, nothing does.
pub async fn run(options: KubeletOptions, start: Start) -> Result<(), RunError> {
    let Start { version, log, stop, .. } = start;
    options.gates.log();
    host::check(&options)?;
    gaps::warn(&options);
    host::prepare(&options)?;
    let cancel = stop.child_token();
    let node = assemble::assemble(&options, &version, &cancel).await?;
    let listeners = healthz::listen(&options.configuration).await?;
    let ports = serve::listen(&options, &node.name).await?;
    let mut tasks = JoinSet::new();
    serve::start(&node, &options, &version, &log, ports, &mut tasks, &cancel)?;
    start_tasks(&node, &options, listeners, &mut tasks, &cancel);
    tracing::info!(node = node.name, "Started kubelet");
    if let Err(error) = component_base::lifecycle::notify_service_manager("READY=1") {
        tracing::warn!(%error, "the service manager cannot be told");
    }
    stop.cancelled().await;
    cancel.cancel();
    while let Some(ended) = tasks.join_next().await {
        if let Err(error) = ended {
            tracing::error!(%error, "a task of the kubelet failed");
        }
    }
    Ok(())
}

/// Starts everything that runs side by side.
fn start_tasks(
    node: &Node,
    options: &KubeletOptions,
    listeners: healthz::Listeners,
    tasks: &mut JoinSet<()>,
    cancel: &CancellationToken,
) {
    let (events, receiver) = mpsc::channel(256);
    let (kubelet, token) = (node.kubelet.clone(), cancel.clone());
    tasks.spawn(async move { kubelet.run(receiver, token).await });
    let (reporter, token) = (node.reporter.clone(), cancel.clone());
    tasks.spawn(async move { reporter.run(token).await });
    if let Some((broadcaster, token)) = node.broadcaster.lock().take().zip(Some(cancel.clone())) {
        tasks.spawn(async move { broadcaster.run(token).await });
    }
    if let (Some(client), Some(objects)) = (node.client.clone(), node.objects.clone()) {
        let (running, token) = (objects.clone(), cancel.clone());
        tasks.spawn(async move { running.run(token).await });
        changes::start(node, &objects, tasks, cancel);
        let (name, events, token) = (node.name.clone(), events.clone(), cancel.clone());
        tasks.spawn(async move {
            // Pods are judged by the node's labels and resources.
            if objects.wait_for_node().await {
                follow_pods(&client, &name, events, token).await;
            }
        });
    }
    static_pods::start(&options.configuration, &node.name, &events, tasks, cancel);
    certificates::start(node, options, tasks, cancel);
    housekeeping::start(node, options, tasks, cancel);
    let images = images::start(node, options, tasks, cancel);
    eviction::start(node, options, images, tasks, cancel);
    healthz::start(node, listeners, tasks, cancel);
    node.recorder.event(
        &kubelet_node::node_reference(&node.name),
        kubelet_types::seams::EventType::Normal,
        "Starting",
        "Starting kubelet.",
    );
}
