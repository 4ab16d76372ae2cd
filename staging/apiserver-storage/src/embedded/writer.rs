//! The one writer of the embedded store: a thread that owns the write-ahead log.
//!
//! Requests that arrive while a commit is under way share the next one (group commit); each keeps a revision of its own, and each is answered
//! after the commit is durable in the log and visible. The same thread expires keys, and decides when what it has written is brought into
//! the database, which another thread does ([`super::checkpoint`]).
//!
//! A commit that does not get into the log changes nothing and its writers are told so. Where the sync failed it may turn up when the
//! store is opened the next time; its writers are told that the outcome is unknown, and no more writes are taken.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, TryRecvError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use redb::Database;
use tokio::sync::oneshot;

use super::apply::Batch;
use super::checkpoint::{Checkpointer, Job, Outcome};
use super::database::Source;
use super::expiry::Expiry;
use super::file::FileState;
use super::hub::Hub;
use super::layer::{Frozen, Layer};
use super::snapshot::Snapshot;
use super::wal::Wal;
use crate::{Error, Result, Transaction, TransactionResponse};

/// At most so many requests share a commit.
const BATCH_REQUESTS: usize = 1024;
/// A commit takes no further requests once it holds so many bytes.
const BATCH_BYTES: usize = 8 << 20;
/// After a failure a checkpoint, or an expiry, is tried again at most so often.
const RETRY_INTERVAL: Duration = Duration::from_secs(1);
/// Writes wait once what is not in the database has grown to so many times what a checkpoint is made at.
const OVERRUN: usize = 2;
/// How much larger than the changes in memory the log may be: small records are padded.
const LOG_EXCESS: u64 = 4;

/// What the writer is asked to do.
pub(super) enum Request {
    /// Apply a transaction.
    Transaction {
        transaction: Transaction,
        reply: oneshot::Sender<Result<TransactionResponse>>,
    },
    /// Move the compaction revision forward.
    Compact {
        revision: crate::Revision,
        reply: oneshot::Sender<Result<()>>,
    },
    /// A checkpoint has ended.
    Checkpointed(Outcome),
    /// Finish; what comes later is refused.
    Close,
}

impl Request {
    fn size(&self) -> usize {
        match self {
            Self::Transaction { transaction, .. } => transaction.size(),
            Self::Compact { .. } | Self::Checkpointed(_) | Self::Close => 0,
        }
    }

    fn refuse(self, error: Error) {
        // A caller that has gone away does not want to know.
        match self {
            Self::Transaction { reply, .. } => drop(reply.send(Err(error))),
            Self::Compact { reply, .. } => drop(reply.send(Err(error))),
            Self::Checkpointed(_) | Self::Close => {}
        }
    }
}

/// The state of the writer thread.
pub(super) struct Writer {
    hub: Arc<Hub>,
    wal: Wal,
    expiry: Expiry,
    checkpointer: Checkpointer,
    /// A checkpoint is under way.
    running: bool,
    /// Why the last checkpoint failed, and when.
    failure: Option<(Error, Instant)>,
    /// A checkpoint is made once so many bytes are not in the database.
    checkpoint_size: usize,
    /// When a commit could not be written.
    stalled: Option<Instant>,
    /// Requests that came while the writer waited for a checkpoint.
    backlog: VecDeque<Request>,
    state: FileState,
}

impl Writer {
    /// A writer on an open database and log, and the state they hold together.
    pub(super) fn new(
        source: Source,
        database: Database,
        wal: Wal,
        hub: Arc<Hub>,
        checkpoint_size: usize,
        requests: Sender<Request>,
    ) -> Result<Self> {
        let state = source.state.clone();
        let snapshot = hub.snapshot();
        let mut expiry = Expiry::default();
        expiry.rebase(&snapshot.base)?;
        let frozen = snapshot.frozen.iter().map(|frozen| &frozen.layer);
        for layer in frozen.chain([&snapshot.active]) {
            layer
                .changes(super::schema::Position::NONE)
                .for_each(|entry| expiry.insert(entry));
        }
        Ok(Self {
            hub,
            wal,
            expiry,
            checkpointer: Checkpointer::start(source, database, requests)?,
            running: false,
            failure: None,
            checkpoint_size,
            stalled: None,
            backlog: VecDeque::new(),
            state,
        })
    }

    /// Serves requests until told to close, or until nobody can send any more.
    pub(super) fn run(mut self, requests: &Receiver<Request>) {
        let mut batch = VecDeque::new();
        loop {
            self.schedule();
            let open = self.wait(requests, &mut batch);
            let closing = !open || batch.iter().any(|request| matches!(request, Request::Close));
            self.serve(std::mem::take(&mut batch));
            if closing {
                break;
            }
        }
        self.hub.close();
        self.finish(requests);
        for request in self.backlog.drain(..).chain(requests.try_iter()) {
            request.refuse(Error::Closed);
        }
    }

    /// Waits for work and collects what shares the next commit; false if nobody can send any more.
    fn wait(&mut self, requests: &Receiver<Request>, batch: &mut VecDeque<Request>) -> bool {
        while self.running && self.is_overrun(&self.hub.snapshot().active) {
            let Ok(request) = requests.recv() else { return false };
            if let Some(request) = self.receive(request) {
                self.backlog.push_back(request);
            }
        }
        let mut size = 0;
        let mut next = match self.backlog.pop_front() {
            Some(request) => Some(request),
            None => match self.idle_time() {
                Some(time) => match requests.recv_timeout(time) {
                    Ok(request) => Some(request),
                    Err(RecvTimeoutError::Timeout) => return true,
                    Err(RecvTimeoutError::Disconnected) => return false,
                },
                None => match requests.recv() {
                    Ok(request) => Some(request),
                    Err(_) => return false,
                },
            },
        };
        while let Some(request) = next {
            size += request.size();
            batch.extend(self.receive(request));
            if batch.len() >= BATCH_REQUESTS || size >= BATCH_BYTES {
                break;
            }
            next = match self.backlog.pop_front() {
                Some(request) => Some(request),
                None => match requests.try_recv() {
                    Ok(request) => Some(request),
                    Err(TryRecvError::Empty) => None,
                    Err(TryRecvError::Disconnected) => return false,
                },
            };
        }
        true
    }

    /// Takes note of a checkpoint; gives back any other request.
    fn receive(&mut self, request: Request) -> Option<Request> {
        match request {
            Request::Checkpointed(outcome) => {
                self.checkpointed(outcome);
                None
            }
            request => Some(request),
        }
    }

    /// How long there is nothing to do without a request; `None` for ever.
    fn idle_time(&self) -> Option<Duration> {
        if self.state.sync_failed() {
            return None;
        }
        let rest = |since: Instant| RETRY_INTERVAL.saturating_sub(since.elapsed());
        let retry = self
            .failure
            .as_ref()
            .filter(|_| !self.running)
            .map(|(_, since)| rest(*since));
        let expiry = self.expiry.next().map(|at| {
            let due = Duration::from_millis(at.saturating_sub(now_millis()));
            due.max(self.stalled.map_or(Duration::ZERO, rest))
        });
        retry.into_iter().chain(expiry).min()
    }

    fn serve(&mut self, requests: VecDeque<Request>) {
        if let Err(error) = self.ready() {
            for request in requests {
                request.refuse(error.clone());
            }
            return;
        }
        let snapshot = self.hub.snapshot();
        let mut batch = Batch::new(&snapshot, now_millis());
        let appended = batch
            .apply(&mut self.expiry, requests)
            .map(|commit| self.wal.append(commit));
        let unreadable = batch.unreadable;
        match appended {
            None => batch.unchanged().answer(),
            Some(Ok(())) => {
                self.stalled = None;
                batch.publish(&self.hub, &mut self.expiry).answer();
            }
            Some(Err(error)) => {
                tracing::error!(%error, "the embedded store could not commit");
                self.stalled = Some(Instant::now());
                batch.fail(&mut self.expiry, &error);
            }
        }
        if unreadable {
            self.stalled = Some(Instant::now());
            if !self.running {
                self.begin(Job::Reopen);
            }
        }
    }

    /// Whether writes are possible.
    fn ready(&self) -> Result<()> {
        if self.state.sync_failed() {
            return Err(Error::Unavailable(
                "syncing the store's file failed, so that it takes no more writes; check the disk and restart"
                    .to_owned(),
            ));
        }
        match &self.failure {
            Some((error, _)) if self.is_overrun(&self.hub.snapshot().active) => Err(error.clone()),
            _ => Ok(()),
        }
    }

    /// Whether a layer, or the log, has grown so far beyond its size that writes have to wait.
    fn is_overrun(&self, active: &Layer) -> bool {
        active.size() >= self.checkpoint_size * OVERRUN || self.wal.size() >= self.log_limit() * OVERRUN as u64
    }

    fn log_limit(&self) -> u64 {
        self.checkpoint_size as u64 * LOG_EXCESS
    }

    /// Begins a checkpoint if one is due.
    fn schedule(&mut self) {
        let waiting = matches!(&self.failure, Some((_, since)) if since.elapsed() < RETRY_INTERVAL);
        if self.running || waiting || self.state.sync_failed() {
            return;
        }
        let snapshot = self.hub.snapshot();
        let due = snapshot.active.size() >= self.checkpoint_size
            || self.wal.size() >= self.log_limit()
            || snapshot.compact_revision > snapshot.base.compact_revision;
        if snapshot.frozen.is_none() && due {
            self.freeze(&snapshot);
        }
        let unswept = snapshot.base.swept_revision < snapshot.base.compact_revision;
        match self.hub.snapshot().frozen.clone() {
            Some(frozen) => self.begin(Job::Apply(frozen)),
            None if unswept || self.failure.is_some() => self.begin(Job::Sweep),
            None => {}
        }
    }

    fn begin(&mut self, job: Job) {
        self.running = self.checkpointer.begin(job);
        if !self.running {
            let error = Error::Unavailable("the store's checkpoint thread has ended".to_owned());
            self.failure = Some((error, Instant::now()));
        }
    }

    /// Turns to the other file of the log and to a new layer.
    fn freeze(&mut self, snapshot: &Snapshot) {
        let (next_generation, next_sequence) = self.wal.rotate();
        let mut next = snapshot.clone();
        next.frozen = Some(Arc::new(Frozen {
            layer: std::mem::take(&mut next.active),
            compact_revision: next.compact_revision,
            next_generation,
            next_sequence,
        }));
        self.hub.publish(next, Vec::new());
    }

    /// Goes over to the database that a checkpoint has left.
    fn checkpointed(&mut self, outcome: Outcome) {
        self.running = false;
        self.failure = outcome.error.map(|error| (error, Instant::now()));
        let Some(base) = outcome.base else { return };
        if let Err(error) = self.expiry.rebase(&base) {
            self.failure = Some((error, Instant::now()));
        }
        let mut next = (*self.hub.snapshot()).clone();
        let covered = |frozen: &Arc<Frozen>| frozen.next_generation <= base.log_generation;
        if next.frozen.as_ref().is_some_and(covered) {
            next.frozen = None;
            if let Err(error) = self.wal.trim() {
                tracing::warn!(%error, "the write-ahead log could not be shortened");
            }
        }
        next.base = base;
        self.hub.publish(next, Vec::new());
    }

    /// Brings everything into the database, as far as it takes it: the log has it as well, and the next start reads it from there.
    fn finish(&mut self, requests: &Receiver<Request>) {
        loop {
            while self.running {
                match requests.recv() {
                    Ok(request) => {
                        if let Some(request) = self.receive(request) {
                            request.refuse(Error::Closed);
                        }
                    }
                    Err(_) => return,
                }
            }
            if self.failure.is_some() || self.state.sync_failed() {
                return;
            }
            let snapshot = self.hub.snapshot();
            if snapshot.frozen.is_none() && self.wal.size() > 0 {
                self.freeze(&snapshot);
            }
            match self.hub.snapshot().frozen.clone() {
                Some(frozen) => self.begin(Job::Apply(frozen)),
                None => break,
            }
        }
        if let Err(error) = self.wal.clear() {
            tracing::warn!(%error, "the write-ahead log could not be emptied");
        }
    }
}

/// Milliseconds since 1970.
fn now_millis() -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(now.as_millis()).unwrap_or(u64::MAX)
}
