//! One of the log's files. Records are written past the page cache where the file system takes that: a group commit is then one
//! system call, and nothing of the log stays in memory.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use libc::{EINVAL, O_DIRECT, O_DSYNC};

#[cfg(test)]
use crate::embedded::file::Operation;
use crate::embedded::file::{FileState, open_private};
use crate::embedded::schema::is_out_of_space;
use crate::{Error, Result};

/// A file grows by so many bytes at a time.
pub(super) const GROWTH: u64 = 1 << 20;

const ZEROS: &[u8] = &[0; 64 << 10];

/// Why a record is not known to be durable.
pub(super) enum WriteError {
    /// It is certain that it is not in the log.
    Refused(io::Error),
    /// It may turn up when the log is read the next time.
    Unknown(io::Error),
}

impl WriteError {
    pub(super) fn into_inner(self) -> io::Error {
        match self {
            Self::Refused(error) | Self::Unknown(error) => error,
        }
    }
}

pub(super) struct LogFile {
    pub(super) path: PathBuf,
    pub(super) file: File,
    /// The same file without the page cache; what is written is durable when the call returns.
    direct: Option<File>,
    /// How far it has been written, if only with zeros.
    allocated: u64,
}

impl LogFile {
    pub(super) fn open(path: PathBuf) -> Result<Self> {
        let failed = || format!("cannot open {}", path.display());
        let file = open_private(&path).map_err(Error::io(failed()))?;
        let allocated = file.metadata().map_err(Error::io(failed()))?.len();
        let direct = open_direct(&path);
        Ok(Self {
            path,
            file,
            direct,
            allocated,
        })
    }

    /// Writes a record, whose place in the file and in memory is a multiple of [`super::record::ALIGNMENT`], and makes it durable.
    pub(super) fn write_durably(
        &mut self,
        offset: u64,
        record: &[u8],
        state: &FileState,
    ) -> std::result::Result<(), WriteError> {
        let end = offset + record.len() as u64;
        self.allocate(end, state).map_err(WriteError::Refused)?;
        if self.write_directly(offset, record, state)? {
            return Ok(());
        }
        self.write(offset, record, state).map_err(WriteError::Refused)?;
        self.sync(state).map_err(WriteError::Unknown)
    }

    #[cfg(test)]
    pub(super) fn is_direct(&self) -> bool {
        self.direct.is_some()
    }

    /// Tries it without the page cache; false if that cannot be done.
    fn write_directly(
        &mut self,
        offset: u64,
        record: &[u8],
        state: &FileState,
    ) -> std::result::Result<bool, WriteError> {
        let Some(direct) = &self.direct else { return Ok(false) };
        check_write(state).map_err(WriteError::Refused)?;
        match direct.write_all_at(record, offset) {
            Ok(()) => check_sync(state).map(|()| true).map_err(WriteError::Unknown),
            // The device wants other multiples.
            Err(error) if error.raw_os_error() == Some(EINVAL) => {
                self.direct = None;
                Ok(false)
            }
            // What there was no room for is not all there, and does not check.
            Err(error) if is_out_of_space(&error) => Err(WriteError::Refused(error)),
            Err(error) => Err(WriteError::Unknown(error)),
        }
    }

    /// Sees to it that the file has blocks up to `end`, so that the sync of a record has nothing else to bring to the disk.
    fn allocate(&mut self, end: u64, state: &FileState) -> io::Result<()> {
        if end <= self.allocated {
            return Ok(());
        }
        let wanted = end.next_multiple_of(GROWTH);
        while self.allocated < wanted {
            let length = usize::try_from(wanted - self.allocated).map_or(ZEROS.len(), |rest| rest.min(ZEROS.len()));
            self.write(self.allocated, &ZEROS[..length], state)?;
            self.allocated += length as u64;
        }
        // Only then a record that is written past them is not waited for by zeros.
        match self.direct {
            Some(_) => self.file.sync_data(),
            None => Ok(()),
        }
    }

    fn write(&self, offset: u64, bytes: &[u8], state: &FileState) -> io::Result<()> {
        check_write(state)?;
        self.file.write_all_at(bytes, offset)
    }

    fn sync(&self, state: &FileState) -> io::Result<()> {
        check_sync(state)?;
        self.file.sync_data()
    }

    pub(super) fn shorten(&mut self, length: u64) -> io::Result<()> {
        if self.allocated > length {
            self.file.set_len(length)?;
            self.allocated = length;
        }
        Ok(())
    }
}

/// Opens a file for writes past the page cache; `None` where the file system has no such thing.
fn open_direct(path: &Path) -> Option<File> {
    OpenOptions::new()
        .write(true)
        .custom_flags(O_DIRECT | O_DSYNC)
        .open(path)
        .ok()
}

#[cfg_attr(not(test), expect(unused_variables, reason = "only tests have faults"))]
fn check_write(state: &FileState) -> io::Result<()> {
    #[cfg(test)]
    state.check(Operation::LogWrite)?;
    Ok(())
}

#[cfg_attr(not(test), expect(unused_variables, reason = "only tests have faults"))]
fn check_sync(state: &FileState) -> io::Result<()> {
    #[cfg(test)]
    state.check(Operation::LogSync)?;
    Ok(())
}
