//! The write-ahead log: where a group commit becomes durable, with one write and one sync.
//!
//! It lies in two files that take turns. While one is written, the changes in the other are brought into the database; when they are
//! there, the other is used again from its beginning, with the next generation number. A file that was written once has all its blocks, so
//! that a sync has nothing but the record to bring to the disk.
//!
//! Nothing is ever removed from the log to make it forget: the database names the first generation that it does not hold, in the same
//! transaction that brought the former into it.

mod file;
mod record;
mod scan;
#[cfg(test)]
mod tests;

use std::io;
use std::path::Path;

use self::file::{GROWTH, LogFile, WriteError};
use self::record::{Place, RecordBuffer};
use self::scan::{Scanned, scan};
use super::base::Base;
use super::file::FileState;
use super::schema::file_error;
use crate::{Error, Result};

pub(super) use self::record::Commit;

/// The names of the files in the store's directory.
pub(super) const LOG_FILES: [&str; 2] = ["wal.0", "wal.1"];
/// What is kept of a file that is used again.
const KEPT: u64 = 32 << 20;

/// The log, open for writing.
pub(super) struct Wal {
    files: [LogFile; 2],
    /// Which record comes next.
    next: Place,
    /// Where it goes in the file of its generation.
    offset: u64,
    buffer: RecordBuffer,
    state: FileState,
}

/// A generation that takes no more records.
pub(super) struct FullGeneration {
    pub(super) commits: Vec<Commit>,
    /// The generation that follows.
    pub(super) next_generation: u64,
    /// The sequence number of its first record.
    pub(super) next_sequence: u64,
}

/// What the log holds that the database does not.
pub(super) struct Recovered {
    pub(super) wal: Wal,
    /// The generation that was being brought into the database, if any.
    pub(super) frozen: Option<FullGeneration>,
    /// The commits of the generation that is written.
    pub(super) active: Vec<Commit>,
}

impl Wal {
    /// Opens the log in a store's directory, and reads what `base` does not have.
    ///
    /// # Errors
    /// [`Error::Corrupt`] if something acknowledged is damaged or missing, [`Error::Io`] if files cannot be opened or read.
    pub(super) fn open(directory: &Path, base: &Base, state: FileState) -> Result<Recovered> {
        let [first, second] = LOG_FILES.map(|name| LogFile::open(directory.join(name)));
        let files = [first?, second?];
        let place = Place {
            identity: base.log_identity,
            generation: base.log_generation,
            sequence: base.log_sequence,
        };
        let read = |place: Place| {
            let file = &files[slot(place.generation)];
            scan(&file.file, &file.path, place)
        };
        let older = read(place)?;
        let newer = read(Place {
            generation: place.generation + 1,
            ..older.next
        })?;
        let (frozen, active) = if newer.commits.is_empty() {
            (None, older)
        } else {
            let full = FullGeneration {
                commits: older.commits,
                next_generation: newer.next.generation,
                next_sequence: older.next.sequence,
            };
            (Some(full), newer)
        };
        let mut wal = Self {
            files,
            next: active.next,
            offset: active.end,
            buffer: RecordBuffer::default(),
            state,
        };
        wal.confirm(&active)?;
        Ok(Recovered {
            wal,
            frozen,
            active: active.commits,
        })
    }

    /// Writes the last record once more. Its sync may have failed, or not have been reached, in the process before this one;
    /// what is read from the file may then not be on the disk, and somebody is about to rely on it.
    fn confirm(&mut self, active: &Scanned) -> Result<()> {
        let Some(commit) = active.commits.last() else {
            return Ok(());
        };
        let place = Place {
            sequence: active.next.sequence - 1,
            ..active.next
        };
        commit.encode_record(place, &mut self.buffer)?;
        let file = &mut self.files[slot(place.generation)];
        file.write_durably(active.last, self.buffer.record(), &self.state)
            .map_err(|error| Error::io(format!("cannot write {}", file.path.display()))(error.into_inner()))
    }

    /// Bytes of the generation that is written.
    pub(super) fn size(&self) -> u64 {
        self.offset
    }

    /// Makes a commit durable. After an error of another kind than [`Error::Unavailable`] it is certain that it is not in the log.
    pub(super) fn append(&mut self, commit: &Commit) -> Result<()> {
        commit.encode_record(self.next, &mut self.buffer)?;
        let end = self.offset + self.buffer.record().len() as u64;
        let file = &mut self.files[slot(self.next.generation)];
        // A record that was written in part only does not check, and the next one takes its place.
        match file.write_durably(self.offset, self.buffer.record(), &self.state) {
            Ok(()) => {}
            Err(WriteError::Refused(error)) => return Err(file_error(&error)),
            Err(WriteError::Unknown(error)) => {
                self.state.set_sync_failed();
                return Err(Error::Unavailable(error.to_string()));
            }
        }
        let start = std::mem::replace(&mut self.offset, end);
        self.next.sequence += 1;
        if end - start > GROWTH {
            self.buffer = RecordBuffer::default();
        }
        Ok(())
    }

    /// Goes on in the other file, whose generation the database holds. Returns the new generation and its first sequence number.
    pub(super) fn rotate(&mut self) -> (u64, u64) {
        self.next.generation += 1;
        self.offset = 0;
        (self.next.generation, self.next.sequence)
    }

    /// Shortens the file that is not written, if it has become long. Its records are in the database.
    pub(super) fn trim(&mut self) -> io::Result<()> {
        self.files[slot(self.next.generation + 1)].shorten(KEPT)
    }

    /// Empties both files. All records are in the database.
    pub(super) fn clear(&mut self) -> io::Result<()> {
        self.offset = 0;
        self.files.iter_mut().try_for_each(|file| file.shorten(0))
    }
}

/// Which file a generation lies in.
fn slot(generation: u64) -> usize {
    usize::from(!generation.is_multiple_of(2))
}

/// Decodes the payload of a record and encodes it again, for the fuzz target: what is taken comes out as it was.
pub(super) fn transcode(payload: &[u8]) -> Result<Vec<u8>> {
    let commit = Commit::decode(bytes::Bytes::copy_from_slice(payload))?;
    let mut encoded = Vec::with_capacity(payload.len());
    commit.encode(&mut encoded)?;
    Ok(encoded)
}
