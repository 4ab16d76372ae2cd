//! The life of the controllers: built in order, run together, ended within a bound.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use component_base::health::{CheckFn, HealthCheck, HealthError};
use component_base::metrics::{Family, MetricOpts, MetricsRegistry, Stability};
use component_server::HealthRegistry;
use controller::{BuildError, Controller, ControllerContext, Descriptor};
use futures::FutureExt as _;
use futures::future::try_join_all;
use prometheus::IntGaugeVec;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::selection;

/// Controllers that are ready to run, with their names.
pub(crate) type BuiltControllers = Vec<(&'static str, Controller)>;

/// Builds what is asked for, all at once but for those that others need, and serves each controller's health.
pub(crate) async fn build(
    context: &ControllerContext,
    table: &[Descriptor],
    health: &HealthRegistry,
) -> Result<BuiltControllers, BuildError> {
    let words = &context.config.generic.controllers;
    for absent in selection::absent(words, &context.gates) {
        let (controller, missing) = (absent.name, absent.missing);
        tracing::warn!(controller, missing, "the controller is not part of this release");
    }
    let (first, others): (Vec<_>, Vec<_>) = table
        .iter()
        .filter(|descriptor| is_wanted(context, descriptor, words))
        .partition(|descriptor| descriptor.first);
    let mut built = Vec::new();
    for descriptor in first {
        built.extend(construct(context, descriptor).await?);
    }
    // Each asks the server for an identity of its own, and none waits for another's.
    let others = others.into_iter().map(|descriptor| construct(context, descriptor));
    built.extend(try_join_all(others).await?.into_iter().flatten());
    let checks = built.iter_mut().map(|(name, controller)| {
        let check = controller.take_health();
        Arc::new(CheckFn::immediate(*name, move || match &check {
            Some(check) => check().map_err(HealthError),
            None => Ok(()),
        })) as Arc<dyn HealthCheck>
    });
    health.add(checks.collect::<Vec<_>>());
    Ok(built)
}

fn is_wanted(context: &ControllerContext, descriptor: &Descriptor, words: &[String]) -> bool {
    let controller = descriptor.name;
    if !descriptor.first && !selection::is_enabled(descriptor, words) {
        tracing::info!(controller, "Warning: controller is disabled");
        return false;
    }
    if descriptor
        .feature_gates
        .iter()
        .any(|feature| !context.enabled(*feature))
    {
        let names: Vec<_> = descriptor.feature_gates.iter().map(|feature| feature.name()).collect();
        let gates = names.join(",");
        tracing::info!(controller, gates, "Controller is disabled by a feature gate");
        return false;
    }
    true
}

async fn construct(
    context: &ControllerContext,
    descriptor: &Descriptor,
) -> Result<Option<(&'static str, Controller)>, BuildError> {
    let controller = descriptor.name;
    let built = (descriptor.constructor)(context.for_controller(controller)).await;
    let built = built.inspect_err(|error| tracing::error!(controller, %error, "Error initializing a controller"))?;
    if built.is_none() {
        tracing::info!(controller, "Warning: skipping controller");
    }
    Ok(built.map(|ready| (controller, ready)))
}

/// Counts the controllers that run.
#[derive(Clone)]
pub(crate) struct RunningMetrics(Family<IntGaugeVec>);

impl RunningMetrics {
    pub(crate) fn new(registry: &MetricsRegistry) -> Self {
        let opts = MetricOpts::new(
            "running_managed_controllers",
            "Whether a controller of a manager runs in this process.",
        )
        .stability(Stability::Beta);
        Self(registry.gauge_vec(opts, &["name", "manager"]))
    }

    fn set(&self, name: &str, value: i64) {
        self.0.with(&[name, "kube-controller-manager"]).set(value);
    }
}

/// Runs the controllers until `stop`. False if they did not end in time.
pub(crate) async fn run(
    controllers: BuiltControllers,
    start_interval: Duration,
    shutdown_timeout: Duration,
    metrics: RunningMetrics,
    stop: &CancellationToken,
) -> bool {
    let mut running = BTreeSet::new();
    let mut tasks = JoinSet::new();
    for (name, controller) in controllers {
        running.insert(name);
        // They do not all begin at the same moment.
        let pause = start_interval.mul_f64(1.0 + rand::random::<f64>());
        let (stop, metrics) = (stop.clone(), metrics.clone());
        tasks.spawn(async move {
            tokio::time::sleep(pause).await;
            metrics.set(name, 1);
            let ended = std::panic::AssertUnwindSafe(controller.run(stop)).catch_unwind().await;
            metrics.set(name, 0);
            (name, ended.is_ok())
        });
    }
    let joined = async {
        while let Some(ended) = tasks.join_next().await {
            let Ok((name, orderly)) = ended else { continue };
            running.remove(name);
            if orderly {
                tracing::debug!(controller = name, "Controller terminated");
            } else {
                tracing::error!(controller = name, "Controller panicked and does not run any more");
            }
        }
    };
    let deadline = async {
        stop.cancelled().await;
        if shutdown_timeout.is_zero() {
            std::future::pending::<()>().await;
        }
        tokio::time::sleep(shutdown_timeout).await;
    };
    let in_time = tokio::select! {
        () = joined => true,
        () = deadline => false,
    };
    if in_time {
        tracing::info!("All controllers terminated");
        // Without a single controller the process still leads until it is told to stop.
        stop.cancelled().await;
    } else {
        tracing::info!(timeout = ?shutdown_timeout, running = ?running, "Controller shutdown timeout reached");
    }
    in_time
}
