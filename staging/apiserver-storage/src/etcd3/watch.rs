//! Watches on etcd: one gRPC stream a watch, opened again where it left off when it breaks.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use etcd_client::{Client, EventType, WatchOptions, WatchRequestSender, WatchResponseStream};
use futures::stream;
use tokio::sync::Notify;

use super::error::Failure;
use super::{MAX_MESSAGE_SIZE, Shared, from_etcd, key_value, range_end, to_etcd};
use crate::{Error, Event, EventBatch, KeyRange, ProgressRequester, Result, Revision, Watch, WatchResponse};

/// The pause before a broken stream is opened again doubles between these.
const BACKOFF: (Duration, Duration) = (Duration::from_millis(50), Duration::from_secs(5));

/// Opens a watch. Returns when etcd has confirmed it, so that no later event is missed.
pub(super) async fn watch(shared: Arc<Shared>, range: KeyRange, from: Option<Revision>) -> Result<Watch> {
    let mut watcher = Watcher {
        shared,
        range,
        next: from,
        connection: None,
        pending: VecDeque::new(),
        progress: Arc::new(Notify::new()),
        ended: false,
    };
    watcher.open_in_time().await?;
    let progress = Arc::clone(&watcher.progress);
    let requester = ProgressRequester::new(move || progress.notify_one());
    let responses = stream::unfold(watcher, |mut watcher| async move {
        watcher.next().await.map(|item| (item, watcher))
    });
    Ok(Watch::new(Box::pin(responses), requester))
}

struct Connection {
    requests: WatchRequestSender,
    responses: WatchResponseStream,
}

struct Watcher {
    shared: Arc<Shared>,
    range: KeyRange,
    /// The first revision that has not been delivered; `None` until etcd says where "now" is.
    next: Option<Revision>,
    connection: Option<Connection>,
    pending: VecDeque<WatchResponse>,
    progress: Arc<Notify>,
    ended: bool,
}

impl Watcher {
    /// Opens the stream and waits for etcd's confirmation.
    async fn open(&mut self) -> Result<()> {
        self.connection = None;
        let mut options = WatchOptions::new().with_progress_notify();
        options = options.with_range(range_end(&self.range));
        if let Some(next) = self.next {
            options = options.with_start_revision(to_etcd(next)?);
        }
        let mut client = self
            .shared
            .client
            .watch_client()
            .max_decoding_message_size(MAX_MESSAGE_SIZE);
        let stream = client.watch(super::range_start(&self.range), Some(options)).await;
        let (requests, mut responses) = stream.map_err(|error| Failure::of(error).into_error())?.split();
        loop {
            let response = responses
                .message()
                .await
                .map_err(|error| Failure::of(error).into_error())?;
            let response = response.ok_or_else(|| Error::Unavailable("etcd closed the watch".to_owned()))?;
            self.check_canceled(&response)?;
            if response.created() {
                let revision = from_etcd(response.header().map_or(0, etcd_client::ResponseHeader::revision));
                self.next.get_or_insert(revision + 1);
                self.connection = Some(Connection { requests, responses });
                return Ok(());
            }
        }
    }

    async fn open_in_time(&mut self) -> Result<()> {
        let after = self.shared.request_timeout;
        match tokio::time::timeout(after, self.open()).await {
            Ok(result) => result,
            Err(_) => Err(Error::Timeout { after }),
        }
    }

    async fn next(&mut self) -> Option<Result<WatchResponse>> {
        let mut backoff = BACKOFF.0;
        loop {
            if let Some(response) = self.pending.pop_front() {
                return Some(Ok(response));
            }
            if self.ended {
                return None;
            }
            let closed = self.shared.closed.clone();
            let step = tokio::select! {
                step = self.step(backoff) => step,
                () = closed.cancelled() => Err(Error::Closed),
            };
            match step {
                Ok(()) => backoff = BACKOFF.0,
                Err(error @ (Error::Unavailable(_) | Error::Timeout { .. })) => {
                    tracing::debug!(%error, "watch on etcd broke, opening it again");
                    self.connection = None;
                    backoff = (backoff * 2).min(BACKOFF.1);
                }
                Err(error) => {
                    self.ended = true;
                    self.connection = None;
                    return Some(Err(error));
                }
            }
        }
    }

    /// Takes one message from the stream, or opens it again after a pause.
    async fn step(&mut self, backoff: Duration) -> Result<()> {
        let Some(connection) = &mut self.connection else {
            tokio::time::sleep(backoff).await;
            return self.open_in_time().await;
        };
        let response = tokio::select! {
            response = connection.responses.message() => response,
            () = self.progress.notified() => {
                let sent = connection.requests.request_progress().await;
                return sent.map_err(|error| Failure::of(error).into_error());
            }
        };
        let response = response.map_err(|error| Failure::of(error).into_error())?;
        let response = response.ok_or_else(|| Error::Unavailable("etcd closed the watch".to_owned()))?;
        self.check_canceled(&response)?;
        self.take(&response)
    }

    fn check_canceled(&self, response: &etcd_client::WatchResponse) -> Result<()> {
        let compact_revision = from_etcd(response.compact_revision());
        if compact_revision != 0 {
            self.shared.note_compacted(compact_revision);
            return Err(Error::Compacted {
                requested: self.next.unwrap_or(0),
                compact_revision,
            });
        }
        if response.canceled() {
            let reason = response.cancel_reason();
            return Err(if reason.contains("permission denied") {
                Error::Denied(reason.to_owned())
            } else {
                Error::Unavailable(format!("etcd canceled the watch: {reason}"))
            });
        }
        Ok(())
    }

    fn take(&mut self, response: &etcd_client::WatchResponse) -> Result<()> {
        let events = response.events();
        if events.is_empty() && !response.created() {
            let revision = from_etcd(response.header().map_or(0, etcd_client::ResponseHeader::revision));
            // A notification that may run ahead of events must not move the place to continue from.
            if self.shared.reliable_progress() {
                self.next = self.next.max(Some(revision + 1));
            }
            self.pending.push_back(WatchResponse::Progress { revision });
            return Ok(());
        }
        let mut batch: Option<EventBatch> = None;
        for event in events {
            let event = convert(event)?;
            let revision = event.revision();
            match &mut batch {
                Some(batch) if batch.revision == revision => batch.events.push(event),
                _ => {
                    let next = EventBatch {
                        revision,
                        events: vec![event],
                    };
                    self.pending.extend(batch.replace(next).map(WatchResponse::Events));
                }
            }
        }
        if let Some(batch) = batch {
            self.next = self.next.max(Some(batch.revision + 1));
            self.pending.push_back(WatchResponse::Events(batch));
        }
        Ok(())
    }
}

fn convert(event: &etcd_client::Event) -> Result<Event> {
    let kv = event
        .kv()
        .ok_or_else(|| Error::Corrupt("etcd sent an event without a key".to_owned()))?;
    Ok(match event.event_type() {
        EventType::Put => Event::Put { item: key_value(kv) },
        EventType::Delete => Event::Delete {
            key: Bytes::copy_from_slice(kv.key()),
            revision: from_etcd(kv.mod_revision()),
        },
    })
}

/// Asks etcd which revision it is compacted to, by a watch from the first one; `None` if it is not compacted at all.
pub(super) async fn find_compact_revision(client: &Client) -> Option<Revision> {
    let options = WatchOptions::new().with_start_revision(1);
    let mut stream = client
        .watch_client()
        .watch("compact_rev_key", Some(options))
        .await
        .ok()?;
    loop {
        let response = stream.message().await.ok()??;
        match from_etcd(response.compact_revision()) {
            0 if response.canceled() || !response.created() => return None,
            0 => {}
            revision => return Some(revision),
        }
    }
}
