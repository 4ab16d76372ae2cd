//! The life of the controllers: built in order, run together, ended within a bound.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use component_base::health::{CheckFn, HealthCheck, HealthError};
use component_base::metrics::{Family, MetricOpts, MetricsRegistry};
use component_server::HealthRegistry;
use controller::{BuildError, Controller, ControllerContext, Descriptor};
use futures::FutureExt as _;
use prometheus::IntGaugeVec;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::selection;

/// Controllers that are ready to run, with their names.
pub(crate) type BuiltControllers = Vec<(&'static str, Controller)>;

/// Builds what is asked for, and serves each controller's health.
pub(crate) async fn build(
    context: &ControllerContext,
    table: &[Descriptor],
    health: &HealthRegistry,
) -> Result<BuiltControllers, BuildError> {
    let words = &context.config.generic.controllers;
    for name in selection::absent(words) {
        tracing::warn!(controller = name, "the controller is not part of this release");
    }
    let mut built = BuiltControllers::new();
    let mut checks: Vec<Arc<dyn HealthCheck>> = Vec::new();
    for descriptor in table {
        let controller = descriptor.name;
        if !descriptor.first && !selection::is_enabled(descriptor, words) {
            tracing::info!(controller, "Warning: controller is disabled");
            continue;
        }
        if descriptor.feature_gates.iter().any(|gate| !context.enabled(gate)) {
            let gates = descriptor.feature_gates.join(",");
            tracing::info!(controller, gates, "Controller is disabled by a feature gate");
            continue;
        }
        let outcome = (descriptor.constructor)(context.for_controller(controller)).await;
        let Some(mut ready) = outcome.inspect_err(|error| {
            tracing::error!(controller, %error, "Error initializing a controller");
        })?
        else {
            tracing::info!(controller, "Warning: skipping controller");
            continue;
        };
        let check = ready.take_health();
        checks.push(Arc::new(CheckFn::immediate(controller, move || match &check {
            Some(check) => check().map_err(HealthError),
            None => Ok(()),
        })));
        built.push((controller, ready));
    }
    health.add(checks);
    Ok(built)
}

/// Counts the controllers that run.
#[derive(Clone)]
pub(crate) struct RunningMetrics(Family<IntGaugeVec>);

impl RunningMetrics {
    pub(crate) fn new(registry: &MetricsRegistry) -> Self {
        let opts = MetricOpts::new(
            "running_managed_controllers",
            "Whether a controller of a manager runs in this process.",
        );
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
