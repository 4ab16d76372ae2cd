//! The client of the API server.

use std::path::Path;
use std::time::Duration;

use client_go::config::LoadingRules;
use client_go::config::Overrides;
use client_go::rest::metrics::RestMetrics;
use client_go::{Client, Config};
use kubelet_config::KubeletOptions;

use super::RunError;

/// A node's status must be told within this time, or it is tried again.
const HEARTBEAT_TIMEOUT: Duration = Duration::from_secs(10);

/// The clients of a kubelet: one connection, limits of their own.
#[derive(Clone)]
pub(super) struct Clients {
    /// For everything.
    pub(super) main: Client,
    /// For status and lease: not held up by anything else.
    pub(super) heartbeat: Client,
    /// For events.
    pub(super) events: Client,
}

/// The configuration in a kubeconfig.
pub(super) fn load(path: &Path) -> Result<Config, RunError> {
    let config = LoadingRules::explicit(path).load()?;
    Ok(config.client_config(&Overrides::default())?)
}

/// The clients; none for a node that stands alone.
pub(super) fn clients(options: &KubeletOptions, metrics: RestMetrics) -> Result<Option<Clients>, RunError> {
    let flags = &options.flags;
    if flags.kubeconfig.is_empty() {
        tracing::info!("Standalone mode, no API client");
        return Ok(None);
    }
    let kc = &options.configuration;
    let base = Config {
        metrics: Some(metrics),
        ..load(Path::new(&flags.kubeconfig))?
    };
    let limited = |qps: i32, burst: i32| Config {
        qps: qps as f32,
        burst: u32::try_from(burst).unwrap_or_default(),
        ..base.clone()
    };
    let config = limited(kc.kube_api_qps, kc.kube_api_burst);
    let main = Client::new(&config)?;
    let events = main.share(&limited(
        if kc.event_record_qps == 0 {
            -1
        } else {
            kc.event_record_qps
        },
        kc.event_burst,
    ))?;
    let lease = Duration::from_secs(u64::try_from(kc.node_lease_duration_seconds).unwrap_or_default());
    let heartbeat = main.share(&Config {
        qps: -1.0,
        timeout: Some(HEARTBEAT_TIMEOUT.min(lease)),
        ..config.clone()
    })?;
    Ok(Some(Clients {
        main,
        heartbeat,
        events,
    }))
}
