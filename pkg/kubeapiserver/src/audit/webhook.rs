//! Records sent to a remote service (upstream: `plugin/pkg/audit/webhook`).

use std::{path::Path, time::Duration};

use apiserver_audit::{Backend, Event, EventSink};
use async_trait::async_trait;
use client_go::{Client, Config, Error};
use http::Method;
use serde::Serialize;

use crate::OptionError;

/// How often a batch is sent before it is lost; each pause is half as long again as the one before.
const ATTEMPTS: u32 = 5;

/// The service.
#[derive(Clone)]
pub(super) struct Webhook {
    client: Client,
    initial_backoff: Duration,
}

#[derive(Serialize)]
struct EventList<'a> {
    kind: &'static str,
    #[serde(rename = "apiVersion")]
    api_version: &'static str,
    metadata: serde_json::Map<String, serde_json::Value>,
    items: &'a [Event],
}

impl Webhook {
    pub(super) fn new(file: &Path, initial_backoff: Duration) -> Result<Self, OptionError> {
        let config = Config::from_flags(Some(file), "").map_err(OptionError::new)?;
        let config = Config { qps: -1.0, ..config };
        Ok(Self {
            client: Client::new(&config).map_err(OptionError::new)?,
            initial_backoff,
        })
    }
}

#[async_trait]
impl EventSink for Webhook {
    async fn send(&self, events: &[Event]) -> Result<(), String> {
        let list = EventList {
            kind: "EventList",
            api_version: "audit.k8s.io/v1",
            metadata: serde_json::Map::new(),
            items: events,
        };
        let body = serde_json::to_vec(&list).map_err(|error| error.to_string())?;
        let mut pause = self.initial_backoff;
        for attempt in 1.. {
            let request = self
                .client
                .request(Method::POST, "")
                .max_retries(0)
                .body("application/json", body.clone());
            let error = match request.send().await {
                Ok(_) => return Ok(()),
                Err(error) => error,
            };
            // A refusal stays one however often it is asked for.
            let hopeless = matches!(&error, Error::Status(status) if status.is_forbidden() || status.is_unauthorized());
            if attempt == ATTEMPTS || hopeless {
                return Err(error.to_string());
            }
            tokio::time::sleep(pause).await;
            pause = pause.mul_f64(1.5);
        }
        Ok(())
    }
}

/// A service that requests wait for.
pub(super) struct Blocking(pub(super) Webhook);

impl Backend for Blocking {
    fn process(&self, events: &[Event]) -> bool {
        let send = self.0.send(events);
        // The request asked to wait; others keep the runtime's other threads.
        let sent = tokio::task::block_in_place(|| tokio::runtime::Handle::current().block_on(send));
        if let Err(error) = &sent {
            tracing::error!(
                "Error in audit plugin 'webhook' affecting {} audit events: {error}",
                events.len()
            );
        }
        sent.is_ok()
    }
}
