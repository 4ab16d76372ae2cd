//! The one writer of the embedded store: a thread that owns the database.
//!
//! Requests that arrive while a commit is under way share the next one (group commit); each keeps a revision of its own, and each is answered
//! after the commit is durable and visible. The same thread expires keys and sweeps compacted history, in pieces that ride along with writes.
//!
//! After a failed commit the database is opened again, which leads back to the last good commit: nothing acknowledged is lost. Where the failed
//! commit turns out to have reached the disk, its writers are told that the outcome is unknown, and watches get its events.

use std::collections::VecDeque;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, TryRecvError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use redb::{Builder, Database, ReadableDatabase, ReadableTable};
use tokio::sync::oneshot;

use super::apply::Batch;
use super::file::{FileState, StoreFile};
use super::hub::Hub;
use super::schema::{
    EXPIRY, FIRST_REVISION, FORMAT, INDEX, LOG, META, META_BASE_REVISION, META_FORMAT, META_SWEPT_REVISION,
    database_error,
};
use super::snapshot::Snapshot;
use crate::{Error, Result, Revision, Transaction, TransactionResponse};

/// At most so many requests share a commit.
const BATCH_REQUESTS: usize = 1024;
/// A commit takes no further requests once it holds so many bytes.
const BATCH_BYTES: usize = 8 << 20;
/// After a failure the database is opened again at most so often.
const REOPEN_INTERVAL: Duration = Duration::from_secs(1);

/// What the writer is asked to do.
pub(super) enum Request {
    /// Apply a transaction.
    Transaction {
        transaction: Transaction,
        reply: oneshot::Sender<Result<TransactionResponse>>,
    },
    /// Move the compaction revision forward.
    Compact {
        revision: Revision,
        reply: oneshot::Sender<Result<()>>,
    },
    /// Finish; what comes later is refused.
    Close,
}

impl Request {
    fn size(&self) -> usize {
        match self {
            Self::Transaction { transaction, .. } => transaction.size(),
            Self::Compact { .. } | Self::Close => 0,
        }
    }

    pub(super) fn refuse(self, error: Error) {
        // A caller that has gone away does not want to know.
        match self {
            Self::Transaction { reply, .. } => drop(reply.send(Err(error))),
            Self::Compact { reply, .. } => drop(reply.send(Err(error))),
            Self::Close => {}
        }
    }
}

/// Where the database lies, and how it is opened.
#[derive(Clone)]
pub(super) struct Source {
    pub(super) path: PathBuf,
    pub(super) cache_size: usize,
    pub(super) state: FileState,
}

impl Source {
    /// Opens the database, creating it if it is not there.
    pub(super) fn open(&self) -> Result<Database> {
        let file = StoreFile::open(&self.path, self.state.clone())
            .map_err(Error::io(format!("cannot open {}", self.path.display())))?;
        let database = Builder::new()
            .set_cache_size(self.cache_size)
            .create_with_backend(file)
            .map_err(database_error)?;
        let format = stored_format(&database).map_err(database_error)?;
        match format {
            Some(FORMAT) => {}
            Some(other) => {
                let path = self.path.display();
                return Err(Error::Corrupt(format!(
                    "{path} has format {other}, this version reads format {FORMAT}"
                )));
            }
            None => initialize(&database).map_err(database_error)?,
        }
        Ok(database)
    }
}

/// The format number of a database; `None` for one that was just created.
fn stored_format(database: &Database) -> Result<Option<u64>, redb::Error> {
    match database.begin_read()?.open_table(META) {
        Ok(meta) => Ok(meta.get(META_FORMAT)?.map(|format| format.value())),
        Err(redb::TableError::TableDoesNotExist(_)) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

fn initialize(database: &Database) -> Result<(), redb::Error> {
    let mut transaction = database.begin_write()?;
    transaction.set_quick_repair(true);
    transaction.open_table(LOG)?;
    transaction.open_table(INDEX)?;
    transaction.open_table(EXPIRY)?;
    {
        let mut meta = transaction.open_table(META)?;
        meta.insert(META_FORMAT, FORMAT)?;
        meta.insert(META_BASE_REVISION, FIRST_REVISION)?;
    }
    transaction.commit()?;
    Ok(())
}

/// The state of the writer thread.
pub(super) struct Writer {
    source: Source,
    hub: Arc<Hub>,
    /// `None` after a failure, until it could be opened again.
    database: Option<Database>,
    /// Why the database is not open, and when that was tried last.
    failure: Option<(Error, Instant)>,
    /// Everything before this revision has been swept.
    swept: Revision,
    /// When the next key expires, in milliseconds since 1970.
    next_expiry: Option<u64>,
}

impl Writer {
    /// A writer on an open database.
    pub(super) fn new(source: Source, database: Database, hub: Arc<Hub>) -> Result<Self> {
        let mut writer = Self {
            source,
            hub,
            database: None,
            failure: None,
            swept: 0,
            next_expiry: None,
        };
        writer.load(&database).map_err(database_error)?;
        writer.database = Some(database);
        Ok(writer)
    }

    fn load(&mut self, database: &Database) -> Result<(), redb::Error> {
        let transaction = database.begin_read()?;
        self.swept = transaction
            .open_table(META)?
            .get(META_SWEPT_REVISION)?
            .map_or(0, |swept| swept.value());
        self.next_expiry = transaction.open_table(EXPIRY)?.first()?.map(|(at, _)| at.value().0);
        Ok(())
    }

    /// Serves requests until told to close, or until nobody can send any more.
    pub(super) fn run(mut self, requests: &Receiver<Request>) {
        let mut batch = VecDeque::new();
        loop {
            let open = self.wait(requests, &mut batch);
            let closing = !open || batch.iter().any(|request| matches!(request, Request::Close));
            self.serve(std::mem::take(&mut batch));
            if closing {
                break;
            }
        }
        self.hub.close();
        self.database = None;
        for request in requests.try_iter() {
            request.refuse(Error::Closed);
        }
    }

    /// Waits for work and collects what shares the next commit; false if nobody can send any more.
    fn wait(&self, requests: &Receiver<Request>, batch: &mut VecDeque<Request>) -> bool {
        let mut size = 0;
        let first = match self.idle_time() {
            Some(time) => requests.recv_timeout(time),
            None => requests.recv().map_err(|_| RecvTimeoutError::Disconnected),
        };
        match first {
            Ok(request) => {
                size += request.size();
                batch.push_back(request);
            }
            Err(RecvTimeoutError::Timeout) => return true,
            Err(RecvTimeoutError::Disconnected) => return false,
        }
        while batch.len() < BATCH_REQUESTS && size < BATCH_BYTES {
            match requests.try_recv() {
                Ok(request) => {
                    size += request.size();
                    batch.push_back(request);
                }
                Err(TryRecvError::Empty) => break,
                Err(TryRecvError::Disconnected) => return false,
            }
        }
        true
    }

    /// How long there is nothing to do without a request; `None` for ever.
    fn idle_time(&self) -> Option<Duration> {
        if self.database.is_none() {
            return Some(REOPEN_INTERVAL);
        }
        if self.source.state.sync_failed() {
            return None;
        }
        if self.swept < self.hub.snapshot().compact_revision {
            return Some(Duration::ZERO);
        }
        self.next_expiry
            .map(|at| Duration::from_millis(at.saturating_sub(now_millis())))
    }

    fn serve(&mut self, requests: VecDeque<Request>) {
        if let Err(error) = self.ready() {
            for request in requests {
                request.refuse(error.clone());
            }
            return;
        }
        let database = self.database.as_ref().expect("a ready writer has its database open");
        let snapshot = self.hub.snapshot();
        let mut batch = Batch::new(snapshot.revision, snapshot.compact_revision, self.swept, now_millis());
        let applied = batch
            .apply(database, requests)
            .and_then(|changed| Ok(if changed { Some(Snapshot::of(database)?) } else { None }));
        match applied {
            Ok(snapshot) => {
                self.swept = batch.swept;
                self.next_expiry = batch.next_expiry;
                let replies = batch.publish(&self.hub, snapshot);
                replies.answer();
            }
            Err(error) => {
                let error = database_error(error);
                tracing::error!(%error, "the embedded store could not commit");
                self.recover(&error);
                let now = self.hub.snapshot();
                let unchanged = self.database.is_some()
                    && !self.source.state.sync_failed()
                    && (now.revision, now.compact_revision) == (snapshot.revision, snapshot.compact_revision);
                batch.fail(if unchanged {
                    error
                } else {
                    Error::Unavailable(error.to_string())
                });
            }
        }
    }

    /// Whether writes are possible; opens the database again if an earlier failure closed it.
    fn ready(&mut self) -> Result<()> {
        if let Some((error, tried)) = &self.failure {
            let error = error.clone();
            if tried.elapsed() < REOPEN_INTERVAL {
                return Err(error);
            }
            self.recover(&error);
        }
        if self.source.state.sync_failed() {
            return Err(Error::Unavailable(
                "syncing the store's file failed, so that it takes no more writes; check the disk and restart"
                    .to_owned(),
            ));
        }
        self.failure.as_ref().map_or(Ok(()), |(error, _)| Err(error.clone()))
    }

    /// Goes back to the last good commit after a failure.
    fn recover(&mut self, cause: &Error) {
        // The old handle must be gone first; readers that still hold its snapshot get an error where they would touch the file.
        self.database = None;
        let reopened = self.source.open().and_then(|database| {
            let snapshot = Snapshot::of(&database).map_err(database_error)?;
            self.load(&database).map_err(database_error)?;
            Ok((database, snapshot))
        });
        match reopened {
            Ok((database, snapshot)) => {
                self.hub.reset(snapshot);
                self.database = Some(database);
                self.failure = None;
            }
            Err(error) => {
                tracing::error!(%error, %cause, "the embedded store could not be opened again");
                self.failure = Some((Error::Unavailable(error.to_string()), Instant::now()));
            }
        }
    }
}

/// Milliseconds since 1970.
fn now_millis() -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(now.as_millis()).unwrap_or(u64::MAX)
}
