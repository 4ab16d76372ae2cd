//! One replica works at a time.

use std::sync::Arc;
use std::time::Duration;

use client_go::events::{EventRecorder, EventType};
use client_go::leader_election::{
    ElectionError, LeaderElectionConfig, LeaderElectionMetrics, LeaderElector, LeaseLock,
};
use client_go::transport::TransportError;
use client_go::{Client, Config};
use component_base::health::CheckFn;
use component_base::options::LeaderElectionConfiguration;
use k8s_api::core::v1::ObjectReference;
use tokio_util::sync::CancellationToken;

use crate::health::HealthRegistry;

/// How long after the end of its lease a leader that does not stop counts as unhealthy.
const TOLERANCE: Duration = Duration::from_secs(20);

/// Why the election ended.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// There is no client for the lease.
    #[error("Error creating lock: {0}")]
    Client(#[from] TransportError),
    /// See [`ElectionError`].
    #[error(transparent)]
    Election(#[from] ElectionError),
}

/// A candidate.
pub struct Candidate<'a> {
    /// As whom the lease is written.
    pub config: &'a Config,
    /// Who the candidate is; no two may be the same.
    pub identity: String,
    /// The lease and its periods.
    pub election: &'a LeaderElectionConfiguration,
    /// Where elections are counted.
    pub metrics: LeaderElectionMetrics,
    /// Tells of it when the candidate leads.
    pub recorder: Option<EventRecorder>,
    /// Where `/healthz/leaderElection` goes.
    pub health: &'a HealthRegistry,
    /// Whether the lease is given up at the end.
    pub release_on_cancel: bool,
}

impl Candidate<'_> {
    /// Waits until this candidate leads, then works until the work ends, `stop`, or the lease is lost.
    ///
    /// # Errors
    /// The lease was lost: the process must not go on.
    pub async fn run<F>(
        self,
        stop: CancellationToken,
        work: impl FnOnce(CancellationToken) -> F,
    ) -> Result<(), RunError>
    where
        F: Future<Output = ()>,
    {
        let Self {
            config,
            identity,
            election,
            metrics,
            recorder,
            health,
            release_on_cancel,
        } = self;
        // A request that hangs must leave time for another before the deadline.
        let config = Config {
            timeout: Some((election.renew_deadline.to_std() / 2).max(Duration::from_secs(1))),
            ..config.clone()
        };
        let client = Client::new(&config.with_user_agent("leader-election"))?;
        let lock = LeaseLock::new(&client, &election.resource_namespace, &election.resource_name);
        let lease = ObjectReference {
            api_version: "coordination.k8s.io/v1".to_owned(),
            kind: "Lease".to_owned(),
            namespace: election.resource_namespace.clone(),
            name: election.resource_name.clone(),
            ..ObjectReference::default()
        };
        let settings = LeaderElectionConfig {
            release_on_cancel,
            ..LeaderElectionConfig::from_options(identity.clone(), election)
        };
        let elector = LeaderElector::new(lock, settings)?
            .with_metrics(metrics)
            .on_new_leader(|leader| tracing::info!(leader, "new leader elected"));
        let check = CheckFn::immediate("leaderElection", {
            let check = elector.health_check(TOLERANCE);
            move || check().map_err(component_base::health::HealthError)
        });
        health.add([Arc::new(check) as _]);
        elector
            .run(stop, move |leading| {
                if let Some(recorder) = recorder {
                    let note = format!("{identity} became leader");
                    recorder.event_for(lease, None, EventType::Normal, "LeaderElection", "", note);
                }
                work(leading)
            })
            .await?;
        Ok(())
    }
}
