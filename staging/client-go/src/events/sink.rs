//! Writes events to the server, with retries; an event that the server refuses is lost, and the log says so.

use std::time::Duration;

use k8s_api::core::v1 as core;
use k8s_api::events::v1 as events;
use serde_json::json;
use tokio::time::sleep;

use crate::api::Patch;
use crate::rest::{Client, Error};

const MAX_TRIES: u32 = 12;
const PAUSE: Duration = Duration::from_secs(10);

pub(super) struct Sink {
    client: Client,
}

impl Sink {
    pub(super) fn new(client: Client) -> Self {
        Self { client }
    }

    /// Creates the event, or raises the count of the one that was written before. Gives back what the server has.
    pub(super) async fn write_core(&self, mut event: core::Event) -> Option<core::Event> {
        let api = self.client.namespaced::<core::Event>(event.metadata.namespace.clone());
        let name = event.metadata.name.clone();
        let patch = (event.count > 1).then(|| {
            Patch::Strategic(json!({
                "count": event.count, "lastTimestamp": event.last_timestamp, "message": event.message,
            }))
        });
        event.metadata.resource_version.clear();
        for attempt in 0..MAX_TRIES {
            let patched = match &patch {
                Some(patch) => api.patch(&name, patch).await,
                None => api.create(&event).await,
            };
            let outcome = match patched {
                Err(error) if patch.is_some() && error.is_not_found() => api.create(&event).await,
                outcome => outcome,
            };
            match outcome {
                Ok(written) => return Some(written),
                Err(error) if pause_after(attempt, &error).await => {}
                Err(_) => return None,
            }
        }
        given_up();
        None
    }

    /// Creates the event, or writes its series. Whether the server has taken it; what it made of it is not read.
    pub(super) async fn write_event(&self, event: &events::Event) -> bool {
        let api = self
            .client
            .namespaced::<events::Event>(event.metadata.namespace.clone());
        let patch = event.series.as_ref().map(|series| {
            Patch::Strategic(json!({"series": {"count": series.count, "lastObservedTime": series.last_observed_time}}))
        });
        for attempt in 0..MAX_TRIES {
            let patched = match &patch {
                Some(patch) => api.patch(&event.metadata.name, patch).await.map(drop),
                None => api.create_unread(event).await,
            };
            let outcome = match patched {
                Err(error) if patch.is_some() && error.is_not_found() => api.create_unread(event).await,
                outcome => outcome,
            };
            match outcome {
                Ok(()) => return true,
                Err(error) if pause_after(attempt, &error).await => {}
                Err(_) => return false,
            }
        }
        given_up();
        false
    }
}

/// Waits until an event may be written again; false at once if the server does not want it.
async fn pause_after(attempt: u32, error: &Error) -> bool {
    if error.is_already_exists() {
        tracing::info!(%error, "server rejected event (will not retry!)");
        return false;
    }
    if is_final(error) {
        tracing::error!(%error, "server rejected event (will not retry!)");
        return false;
    }
    tracing::error!(%error, "unable to write event (may retry after sleeping)");
    // The first pause is of random length, so that clients do not come back together.
    let share = if attempt == 0 { rand::random::<f64>() } else { 1.0 };
    sleep(PAUSE.mul_f64(share)).await;
    true
}

fn given_up() {
    tracing::error!("unable to write event (retry limit exceeded!)");
}

/// Whether the server has understood the event and does not want it.
fn is_final(error: &Error) -> bool {
    match error {
        Error::Status(status) => {
            !(status.is_too_many_requests()
                || status.is_internal_error()
                || status.is_timeout()
                || status.is_server_timeout()
                || status.code() >= 500)
        }
        Error::Invalid(_) | Error::Decode(_) => true,
        Error::Request { source, .. } => source.is_configuration(),
        Error::Timeout { .. } | Error::Body(_) => false,
    }
}
