//! Checkpoints: a thread that owns the database brings frozen layers into it, one durable transaction each.
//!
//! In the same transaction goes the number of the generation of the write-ahead log that comes next, so that a layer is either in the
//! database or read from the log again, whenever the process ends. What compaction has superseded is removed along the way, in pieces.
//!
//! After a failure the database is opened again, which leads back to the last good checkpoint, or to the one that failed, if it
//! turns out to have reached the disk. The log has everything else.

use std::sync::Arc;
use std::sync::mpsc::{self, Receiver, Sender};
use std::thread::JoinHandle;

use bytes::Bytes;
use redb::{Database, ReadableTable, Table};

use super::base::Base;
use super::database::Source;
use super::layer::{Frozen, Layer};
use super::schema::{
    EXPIRY, INDEX, IndexEntry, LOG, META, META_COMPACT_REVISION, META_LOG_GENERATION, META_LOG_SEQUENCE,
    META_SWEPT_REVISION, Position, Record, database_error,
};
use super::writer::Request;
use crate::{Error, Result, Revision};

/// Log records swept by one checkpoint.
const SWEEP_CHUNK: usize = 4096;

/// What the thread is asked to do.
pub(super) enum Job {
    /// Bring a layer into the database.
    Apply(Arc<Frozen>),
    /// Go on removing what compaction has superseded.
    Sweep,
    /// Open the database again, which could not be read.
    Reopen,
}

/// How a checkpoint went.
pub(super) struct Outcome {
    /// The database as it is now; `None` if it could not be opened.
    pub(super) base: Option<Arc<Base>>,
    /// Why the job was not done.
    pub(super) error: Option<Error>,
}

/// The thread, and the way to it.
pub(super) struct Checkpointer {
    jobs: Option<Sender<Job>>,
    thread: Option<JoinHandle<()>>,
}

impl Checkpointer {
    /// Starts the thread on an open database. It tells the writer of each outcome by a request of its own.
    pub(super) fn start(source: Source, database: Database, writer: Sender<Request>) -> Result<Self> {
        let (jobs, receiver) = mpsc::channel();
        let worker = Worker {
            source,
            database: Some(database),
        };
        let thread = std::thread::Builder::new()
            .name("store-checkpoint".to_owned())
            .spawn(move || worker.run(&receiver, &writer))
            .map_err(Error::io("cannot start the store's checkpoint thread"))?;
        Ok(Self {
            jobs: Some(jobs),
            thread: Some(thread),
        })
    }

    /// Begins a job; false if the thread is gone.
    pub(super) fn begin(&self, job: Job) -> bool {
        self.jobs.as_ref().is_some_and(|jobs| jobs.send(job).is_ok())
    }
}

impl Drop for Checkpointer {
    /// Closes the database.
    fn drop(&mut self) {
        self.jobs = None;
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!("the store's checkpoint thread panicked");
        }
    }
}

struct Worker {
    source: Source,
    /// `None` after a failure, until it could be opened again.
    database: Option<Database>,
}

impl Worker {
    fn run(mut self, jobs: &Receiver<Job>, writer: &Sender<Request>) {
        for job in jobs {
            let outcome = self.perform(&job);
            if writer.send(Request::Checkpointed(outcome)).is_err() {
                return;
            }
        }
    }

    fn perform(&mut self, job: &Job) -> Outcome {
        let error = match self.work(job) {
            Ok(base) => {
                return Outcome {
                    base: Some(Arc::new(base)),
                    error: None,
                };
            }
            Err(error) => error,
        };
        tracing::error!(%error, "the embedded store could not make a checkpoint");
        // The old handle must be gone first; readers that still hold its state get an error where they would touch the file.
        self.database = None;
        let opened = self.source.open().and_then(|database| {
            let base = Base::of(&database).map_err(database_error)?;
            self.database = Some(database);
            Ok(base)
        });
        let base = opened.inspect_err(|error| tracing::error!(%error, "the embedded store could not be opened again"));
        Outcome {
            base: base.ok().map(Arc::new),
            error: Some(error),
        }
    }

    fn work(&mut self, job: &Job) -> Result<Base> {
        if matches!(job, Job::Reopen) {
            self.database = None;
        }
        let database = match self.database.take() {
            Some(database) => database,
            None => self.source.open()?,
        };
        let database = self.database.insert(database);
        let base = Base::of(database).map_err(database_error)?;
        // A checkpoint that was reported as failed may have reached the disk.
        let frozen = match job {
            Job::Apply(frozen) => Some(&**frozen).filter(|frozen| base.log_generation < frozen.next_generation),
            Job::Sweep | Job::Reopen => None,
        };
        if frozen.is_none() && base.swept_revision >= base.compact_revision {
            return Ok(base);
        }
        commit(database, &base, frozen).map_err(database_error)?;
        Base::of(database).map_err(database_error)
    }
}

/// The tables of one database transaction.
struct Tables<'txn> {
    log: Table<'txn, u128, &'static [u8]>,
    index: Table<'txn, &'static [u8], &'static [u8; IndexEntry::LEN]>,
    expiry: Table<'txn, (u64, u128), &'static [u8]>,
}

/// Brings a layer into the database, and sweeps a piece.
pub(super) fn commit(database: &Database, base: &Base, frozen: Option<&Frozen>) -> Result<(), redb::Error> {
    let mut transaction = database.begin_write()?;
    transaction.set_quick_repair(true);
    let compact_revision = frozen.map_or(base.compact_revision, |frozen| frozen.compact_revision);
    let swept = {
        let mut tables = Tables {
            log: transaction.open_table(LOG)?,
            index: transaction.open_table(INDEX)?,
            expiry: transaction.open_table(EXPIRY)?,
        };
        if let Some(frozen) = frozen {
            tables.apply(&frozen.layer)?;
        }
        tables.sweep(base.swept_revision, compact_revision)?
    };
    {
        let mut meta = transaction.open_table(META)?;
        meta.insert(META_COMPACT_REVISION, compact_revision)?;
        meta.insert(META_SWEPT_REVISION, swept)?;
        if let Some(frozen) = frozen {
            meta.insert(META_LOG_GENERATION, frozen.next_generation)?;
            meta.insert(META_LOG_SEQUENCE, frozen.next_sequence)?;
        }
    }
    transaction.commit()?;
    Ok(())
}

impl Tables<'_> {
    /// Brings a layer into the tables. Once more it changes nothing.
    fn apply(&mut self, layer: &Layer) -> Result<(), redb::Error> {
        for entry in layer.changes(Position::NONE) {
            let record = entry.record();
            let mut slot = self.log.insert_reserve(entry.position.0, record.encoded_len())?;
            record.encode(slot.as_mut());
        }
        for entry in layer.keys(super::layer::ALL) {
            let old = self.index.insert(&entry.key[..], &entry.index_entry().encode())?;
            let old = old.map(|old| IndexEntry::decode(old.value()));
            if let Some(old) = old.filter(|old| old.expires != 0) {
                self.expiry.remove((old.expires, old.position.0))?;
            }
            if entry.expires != 0 {
                self.expiry.insert((entry.expires, entry.position.0), &entry.key[..])?;
            }
        }
        Ok(())
    }

    /// Removes what the next records before the compaction revision have superseded; returns the revision before which that is
    /// done. The records of the compaction revision itself wait for the next compaction, so that a watch from there still has
    /// its previous values.
    fn sweep(&mut self, swept: Revision, compact_revision: Revision) -> Result<Revision, redb::Error> {
        if swept >= compact_revision {
            return Ok(swept);
        }
        let end = Position::start_of(compact_revision);
        let mut next = compact_revision;
        let mut last = 0;
        let mut superseded = Vec::new();
        let mut deletions = Vec::new();
        for (count, entry) in self.log.range(Position::start_of(swept).0..end.0)?.enumerate() {
            let (position, record) = entry?;
            let position = Position(position.value());
            if count >= SWEEP_CHUNK && position.revision() != last {
                next = position.revision();
                break;
            }
            last = position.revision();
            let record = Record::decode(record.value()).map_err(|error| redb::Error::Corrupted(error.to_string()))?;
            if record.previous != Position::NONE {
                superseded.push(record.previous);
            }
            if record.is_deletion() {
                deletions.push((position, Bytes::copy_from_slice(record.key)));
            }
        }
        for position in superseded {
            self.log.remove(position.0)?;
        }
        for (position, key) in deletions {
            self.log.remove(position.0)?;
            let entry = self.index.get(&key[..])?.map(|entry| IndexEntry::decode(entry.value()));
            if entry.is_some_and(|entry| entry.position == position) {
                self.index.remove(&key[..])?;
            }
        }
        Ok(next)
    }
}
