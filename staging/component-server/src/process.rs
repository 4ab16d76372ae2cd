//! The life of a component with a secure port: it serves from the start, works at once or when it is its turn, and ends in
//! order.

use std::sync::Arc;

use client_go::Config;
use client_go::events::EventRecorder;
use client_go::leader_election::{LeaderElectionMetrics, default_identity};
use component_base::feature_gates::FeatureGates;
use component_base::health::HealthMetrics;
use component_base::logs::LogHandle;
use component_base::metrics::{MetricsOptions, MetricsRegistry};
use component_base::options::{LeaderElectionConfiguration, SecureServingOptions};
use component_base::version::VersionInfo;
use serde::Serialize;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::election::{Candidate, RunError};
use crate::options::{DelegatingAuthenticationOptions, DelegatingAuthorizationOptions, DelegationError};
use crate::{HealthRegistry, Router, Serving, ServingError};

/// Why the secure port is not served.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// The port.
    #[error(transparent)]
    Serving(#[from] ServingError),
    /// Whom to ask about callers.
    #[error(transparent)]
    Delegation(#[from] DelegationError),
}

/// What is served, and to whom.
pub struct Port<'a, C> {
    /// The secure port.
    pub serving: &'a SecureServingOptions,
    /// How callers are found out.
    pub authentication: &'a DelegatingAuthenticationOptions,
    /// What callers may do.
    pub authorization: &'a DelegatingAuthorizationOptions,
    /// The name and the value of `/configz`.
    pub configz: (&'a str, &'a C),
    /// The log, whose verbosity can be changed.
    pub log: LogHandle,
}

/// A component while it runs.
pub struct Process {
    /// Its figures.
    pub registry: MetricsRegistry,
    /// Its health checks.
    pub health: HealthRegistry,
    /// Tasks that are waited for at the end.
    pub tasks: TaskTracker,
    slis: MetricsRegistry,
    end_of_serving: CancellationToken,
}

/// The name of this host, for the identity of a candidate.
#[must_use]
pub fn host_name() -> String {
    let name = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_else(|error| {
        tracing::warn!(%error, "the host has no name");
        String::new()
    });
    match name.trim() {
        "" => "localhost".to_owned(),
        name => name.to_owned(),
    }
}

impl Process {
    /// With the figures that every component has.
    #[must_use]
    pub fn new(metrics: &MetricsOptions, gates: &FeatureGates, version: &VersionInfo) -> Self {
        let registry = MetricsRegistry::new(metrics);
        registry.register_process(version);
        gates.register_metrics(&registry);
        let slis = MetricsRegistry::new(&MetricsOptions::default());
        Self {
            health: HealthRegistry::new(Some(HealthMetrics::new(&slis))),
            registry,
            slis,
            tasks: TaskTracker::new(),
            end_of_serving: CancellationToken::new(),
        }
    }

    /// Serves health, metrics and configuration until the end; nothing if the port is 0.
    ///
    /// # Errors
    /// See [`ServeError`].
    pub async fn serve<C: Serialize>(&self, port: Port<'_, C>) -> Result<(), ServeError> {
        if port.serving.secure_port == 0 {
            return Ok(());
        }
        let (name, configuration) = port.configz;
        let router = Router::new()
            .health(&self.health)
            .metrics("/metrics", self.registry.clone())
            .metrics("/metrics/slis", self.slis.clone())
            .configz(name, configuration)
            .log_verbosity(Arc::new(port.log));
        let authentication = port.authentication.complete().await?;
        if let Some(serving) = Serving::bind(port.serving, authentication, port.authorization, router)? {
            serving.spawn(&self.tasks, &self.end_of_serving);
        }
        Ok(())
    }

    /// Works until `stop`, or until the lease is lost; without an election at once.
    ///
    /// # Errors
    /// Those of the work, and the loss of the lease: the process must not go on then.
    pub async fn lead<F, E>(
        &self,
        config: &Config,
        election: &LeaderElectionConfiguration,
        recorder: EventRecorder,
        stop: CancellationToken,
        work: impl FnOnce(CancellationToken) -> F,
    ) -> Result<(), E>
    where
        F: Future<Output = Result<(), E>>,
        E: From<RunError>,
    {
        if !election.leader_elect {
            return work(stop).await;
        }
        let candidate = Candidate {
            config,
            identity: default_identity(&host_name()),
            election,
            metrics: LeaderElectionMetrics::new(&self.registry),
            recorder: Some(recorder),
            health: &self.health,
            release_on_cancel: true,
        };
        let mut worked = Ok(());
        let outcome = candidate
            .run(stop, |leading| async {
                worked = work(leading).await;
            })
            .await;
        worked.and_then(|()| outcome.map_err(E::from))
    }

    /// Ends serving, and waits for all tasks.
    pub async fn end(self) {
        self.end_of_serving.cancel();
        self.tasks.close();
        self.tasks.wait().await;
    }
}
