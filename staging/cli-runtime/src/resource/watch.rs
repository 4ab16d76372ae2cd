//! Watches of objects of any kind, as JSON or as tables.

use client_go::Error as ClientError;
use client_go::discovery::ApiResource;
use client_go::rest::{ByteStream, Client};
use futures::StreamExt as _;
use http::Method;
use serde::Deserialize;
use serde_json::Value;

use crate::{CommandError, Result};

/// What to watch, and how to get it.
#[derive(Clone, Debug, Default)]
pub struct WatchRequest<'w> {
    /// The namespace; empty for all.
    pub namespace: &'w str,
    /// Where to begin.
    pub resource_version: &'w str,
    /// Label selector; may be empty.
    pub labels: &'w str,
    /// Field selector; may be empty.
    pub fields: &'w str,
    /// What to accept; empty for JSON.
    pub accept: &'static str,
    /// `includeObject` of tables; empty for the server's default.
    pub include_object: &'static str,
}

/// One event.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct Event {
    /// `ADDED`, `MODIFIED`, `DELETED`, `BOOKMARK` or `ERROR`.
    #[serde(rename = "type")]
    pub kind: String,
    /// The object, or a table with one row, or a `Status`.
    pub object: Value,
}

/// A running watch; dropping it ends it.
pub struct Events {
    stream: ByteStream,
    buffer: Vec<u8>,
}

/// Begins a watch.
///
/// # Errors
/// The server refuses, or cannot be reached.
pub async fn watch(client: &Client, mapping: &ApiResource, what: &WatchRequest<'_>) -> Result<Events> {
    let some = |text: &'_ str| (!text.is_empty()).then(|| text.to_owned());
    let accept = if what.accept.is_empty() {
        super::fetch::JSON
    } else {
        what.accept
    };
    let request = super::fetch::resource(client, mapping, what.namespace)
        .collection(Method::GET)
        .accept(accept)
        .query("watch", "true")
        .query_some("includeObject", some(what.include_object).as_deref())
        .query_some("resourceVersion", some(what.resource_version).as_deref())
        .query_some("fieldSelector", some(what.fields).as_deref())
        .query_some("labelSelector", some(what.labels).as_deref());
    Ok(Events {
        stream: request.stream().await?,
        buffer: Vec::new(),
    })
}

impl Events {
    /// The next event; `None` when the server has ended the watch. Cancel safe.
    ///
    /// # Errors
    /// A broken connection, or an event that cannot be read.
    pub async fn next(&mut self) -> Option<Result<Event>> {
        loop {
            if let Some(end) = self.buffer.iter().position(|byte| *byte == b'\n') {
                let line: Vec<u8> = self.buffer.drain(..=end).collect();
                if line.trim_ascii().is_empty() {
                    continue;
                }
                return Some(decode(&line));
            }
            match self.stream.next().await {
                Some(Ok(chunk)) => self.buffer.extend_from_slice(&chunk),
                Some(Err(error)) => return Some(Err(CommandError::Api(ClientError::Body(error)))),
                None if self.buffer.trim_ascii().is_empty() => return None,
                None => return Some(decode(&std::mem::take(&mut self.buffer))),
            }
        }
    }
}

fn decode(line: &[u8]) -> Result<Event> {
    serde_json::from_slice(line).map_err(|error| {
        ClientError::Decode(format!("unable to decode an event from the watch stream: {error}")).into()
    })
}
