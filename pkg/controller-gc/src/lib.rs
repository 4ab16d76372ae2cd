//! The garbage collector.
//!
//! [`monitors`] watch the metadata of every kind that can be listed, watched and deleted. Their events change the
//! [`graph`] of who owns whom, which says what to look at; the [`collector`] asks the server about it, and deletes what has
//! no owner left, orphans what is to stay, and lets go owners that waited for their dependents.
//!
//! **Invariants.** Nothing is deleted on the graph's word alone: the object and its owners are read from the server first,
//! and the deletion carries the UID and revision that were read. The graph changes under one lock, an event at a time.
//! Upstream counterpart: `pkg/controller/garbagecollector`.

mod absent;
mod collector;
mod graph;
mod identity;
mod monitors;
mod server;

use std::sync::Arc;
use std::time::Duration;

use component_base::metrics::MetricOpts;
use controller::{Built, Controller, ControllerContext, Descriptor};

use collector::Collector;
use monitors::Monitors;

/// The controller of this crate, for the manager's table.
pub const DESCRIPTORS: &[Descriptor] =
    &[
        Descriptor::new("garbage-collector-controller", |context| Box::pin(build(context)))
            .aliases(&["garbagecollector"]),
    ];

/// How often the server is asked what it serves, and for how long the first watches are waited for.
const SYNC_PERIOD: Duration = Duration::from_secs(30);
/// Each deletion takes two requests.
const QPS_FACTOR: f32 = 2.0;

/// Builds `garbage-collector-controller`.
///
/// # Errors
/// There is no client for it.
pub async fn build(context: ControllerContext) -> Built {
    let config = &context.config.garbage_collector_controller;
    if !config.enable_garbage_collector {
        return Ok(None);
    }
    let workers = usize::try_from(config.concurrent_syncs).unwrap_or(1);
    let ignored = config.ignored_resources.iter();
    let ignored = ignored
        .map(|resource| (resource.group.clone(), resource.resource.clone()))
        .collect();
    let client = context
        .client_scaled("generic-garbage-collector", QPS_FACTOR, 1)
        .await?;
    let sync_errors = context.metrics.counter(MetricOpts::new(
        "garbagecollector_controller_resources_sync_error_total",
        "Number of garbage collector resources sync errors",
    ));
    let recorder = context.recorder("garbage-collector-controller", &client);
    let collector = Arc::new(Collector::new(
        client.clone(),
        recorder,
        context.queue("garbage_collector_attempt_to_delete"),
        context.queue("garbage_collector_attempt_to_orphan"),
    ));
    let monitors = Monitors::new(client, collector.clone(), ignored, sync_errors);
    Ok(Some(Controller::new(move |stop| async move {
        let following = monitors.follow(SYNC_PERIOD, stop.clone());
        let collecting = async {
            if !monitors.wait_synced(SYNC_PERIOD, &stop).await {
                tracing::info!("Garbage collector: not all resource monitors could be synced, proceeding anyways");
            }
            collector.run(&context, workers, stop.clone()).await;
        };
        futures::future::join(following, collecting).await;
        monitors.shut_down().await;
    })))
}
