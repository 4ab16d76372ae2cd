//! Many watches of pods, each on a connection of its own, as nodes and controllers have them.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use client_go::rest::ByteStream;
use futures::StreamExt as _;
use http::Method;
use parking_lot::Mutex;
use perf::latency::Latency;
use tokio::{sync::Notify, task::JoinSet};

use crate::{
    Failure,
    cluster::{Cluster, PODS},
};

/// How long events may take.
const PATIENCE: Duration = Duration::from_secs(30);

#[derive(Default)]
struct Seen {
    events: AtomicU64,
    wanted: AtomicU64,
    all: Notify,
    arrivals: Mutex<Vec<Instant>>,
}

/// Watches that run.
pub(crate) struct Watchers {
    seen: Arc<Seen>,
    count: u64,
    _tasks: JoinSet<()>,
}

impl Watchers {
    /// Starts watches from now on.
    pub(crate) async fn start(cluster: &Cluster, count: u64) -> Result<Self, Failure> {
        let list = cluster
            .client
            .request(Method::GET, PODS)
            .query("limit", "1")
            .send()
            .await?;
        let list: serde_json::Value =
            serde_json::from_slice(&list.body).map_err(|_| Failure::Answer("list of pods"))?;
        let version = list["metadata"]["resourceVersion"].as_str();
        let version = version.ok_or(Failure::Answer("resource version"))?;
        let seen = Arc::new(Seen::default());
        let mut tasks = JoinSet::new();
        for _ in 0..count {
            let request = cluster.another_client()?.request(Method::GET, PODS);
            let request = request.query("watch", "true").query("resourceVersion", version);
            tasks.spawn(follow(request.stream().await?, seen.clone()));
        }
        Ok(Self {
            seen,
            count,
            _tasks: tasks,
        })
    }

    /// Does `write`, which changes pods `changes` times, and waits until every watcher has seen all of it; how long each
    /// event took to arrive.
    pub(crate) async fn see<F>(&self, changes: u64, write: F) -> Result<Vec<Duration>, Failure>
    where
        F: Future<Output = Result<(), Failure>>,
    {
        let wanted = self.seen.wanted.load(Ordering::Acquire) + changes * self.count;
        self.seen.wanted.store(wanted, Ordering::Release);
        let begun = Instant::now();
        write.await?;
        let all = async {
            while self.seen.events.load(Ordering::Acquire) < wanted {
                self.seen.all.notified().await;
            }
        };
        if tokio::time::timeout(PATIENCE, all).await.is_err() {
            let got = self.seen.events.load(Ordering::Acquire);
            return Err(Failure::Events { got, wanted });
        }
        let arrivals = std::mem::take(&mut *self.seen.arrivals.lock());
        Ok(arrivals.into_iter().map(|arrival| arrival - begun).collect())
    }

    /// Number of watches.
    pub(crate) fn count(&self) -> u64 {
        self.count
    }
}

/// Counts the lines of a watch, each an event.
async fn follow(mut stream: ByteStream, seen: Arc<Seen>) {
    while let Some(Ok(chunk)) = stream.next().await {
        let lines = chunk.iter().filter(|byte| **byte == b'\n').count() as u64;
        if lines == 0 {
            continue;
        }
        let now = Instant::now();
        seen.arrivals.lock().extend((0..lines).map(|_| now));
        let events = seen.events.fetch_add(lines, Ordering::AcqRel) + lines;
        if events >= seen.wanted.load(Ordering::Acquire) {
            seen.all.notify_one();
        }
    }
}

/// All that was measured of some rounds.
pub(crate) fn latency(rounds: Vec<Vec<Duration>>) -> Latency {
    Latency::new(rounds.into_iter().flatten().collect())
}
