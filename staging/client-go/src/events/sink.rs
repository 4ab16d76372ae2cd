//! Writes events to the server, with retries; an event that the server refuses is lost, and the log says so.

use std::time::Duration;

use k8s_api::core::v1 as core;
use k8s_api::events::v1 as events;
use k8s_api::{HasMetadata, Object};
use serde_json::json;
use tokio::time::sleep;

use crate::api::{ApiObject, Patch};
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

    /// Creates the event, or raises the count of the one that was written before.
    pub(super) async fn write_core(&self, event: core::Event) -> Option<core::Event> {
        let patch = (event.count > 1).then(|| {
            Patch::Strategic(json!({
                "count": event.count, "lastTimestamp": event.last_timestamp, "message": event.message,
            }))
        });
        self.write(event, patch).await
    }

    /// Creates the event, or writes its series.
    pub(super) async fn write_event(&self, event: events::Event) -> Option<events::Event> {
        let patch = event.series.as_ref().map(|series| {
            Patch::Strategic(json!({"series": {"count": series.count, "lastObservedTime": series.last_observed_time}}))
        });
        self.write(event, patch).await
    }

    async fn write<E: Object + HasMetadata + ApiObject>(&self, mut event: E, patch: Option<Patch>) -> Option<E> {
        for attempt in 0..MAX_TRIES {
            match self.attempt(&mut event, patch.as_ref()).await {
                Ok(written) => return Some(written),
                Err(error) if error.is_already_exists() => {
                    tracing::info!(%error, "server rejected event (will not retry!)");
                    return None;
                }
                Err(error) if is_final(&error) => {
                    tracing::error!(%error, "server rejected event (will not retry!)");
                    return None;
                }
                Err(error) => tracing::error!(%error, "unable to write event (may retry after sleeping)"),
            }
            // The first pause is of random length, so that clients do not come back together.
            let share = if attempt == 0 { rand::random::<f64>() } else { 1.0 };
            sleep(PAUSE.mul_f64(share)).await;
        }
        tracing::error!("unable to write event (retry limit exceeded!)");
        None
    }

    async fn attempt<E: Object + HasMetadata + ApiObject>(
        &self,
        event: &mut E,
        patch: Option<&Patch>,
    ) -> Result<E, Error> {
        let metadata = event.metadata();
        let api = self.client.namespaced::<E>(metadata.namespace.clone());
        if let Some(patch) = patch {
            match api.patch(&metadata.name, patch).await {
                Err(error) if error.is_not_found() => {}
                outcome => return outcome,
            }
        }
        event.metadata_mut().resource_version.clear();
        api.create(event).await
    }
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
