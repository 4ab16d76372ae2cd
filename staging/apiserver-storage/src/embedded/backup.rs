//! Copies of the embedded store: a snapshot into a file while serving, and its restoration into an empty directory.
//!
//! A snapshot file is itself a database of the store's format, without free pages and without a write-ahead log, so that restoring is
//! copying and checking.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use redb::{Builder, Database, ReadableDatabase, WriteTransaction};

use super::base::Base;
use super::file::{FileState, StoreFile};
use super::schema::{
    EXPIRY, FORMAT, FORMAT_WITHOUT_LOG, INDEX, LOG, META, META_BASE_REVISION, META_COMPACT_REVISION, META_FORMAT,
    META_SWEPT_REVISION, Position, database_error,
};
use super::snapshot::Snapshot;
use super::{DATABASE_FILE, create_directory};
use crate::{Error, KeyRange, Result, Revision};

/// Memory for building and checking copies.
const CACHE_SIZE: usize = 16 << 20;

/// How a snapshot is restored.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RestoreOptions {
    /// Moves the revision forward by so much and marks everything before as compacted. Clients that have seen revisions after the
    /// snapshot then list again, instead of taking the restored store's next revisions for ones they know. 0 restores the revision as it was.
    pub bump_revision: u64,
}

/// Writes `snapshot` to `file`; the file appears whole or not at all.
pub(super) fn write_snapshot(snapshot: &Snapshot, file: &Path) -> Result<()> {
    let partial = partial_path(file);
    let written = remove_if_exists(&partial)
        .map_err(Error::io(format!("cannot write {}", partial.display())))
        .and_then(|()| copy_tables(snapshot, &partial))
        .and_then(|()| install(&partial, file));
    if written.is_err() {
        // The error that counts is the first one; the partial file is removed as far as possible.
        drop(fs::remove_file(&partial));
    }
    written
}

fn copy_tables(snapshot: &Snapshot, path: &Path) -> Result<()> {
    let file =
        StoreFile::open(path, FileState::default()).map_err(Error::io(format!("cannot write {}", path.display())))?;
    let database = Builder::new()
        .set_cache_size(CACHE_SIZE)
        .create_with_backend(file)
        .map_err(database_error)?;
    let mut transaction = database.begin_write().map_err(database_error)?;
    transaction.set_quick_repair(true);
    copy_log(snapshot, &transaction)?;
    copy_keys(snapshot, &transaction)?;
    let meta = || -> Result<(), redb::Error> {
        let mut meta = transaction.open_table(META)?;
        meta.insert(META_FORMAT, FORMAT)?;
        meta.insert(META_BASE_REVISION, snapshot.revision)?;
        meta.insert(META_COMPACT_REVISION, snapshot.compact_revision)?;
        meta.insert(META_SWEPT_REVISION, snapshot.base.swept_revision)?;
        Ok(())
    };
    meta().map_err(database_error)?;
    transaction.commit().map_err(database_error)
}

fn copy_log(snapshot: &Snapshot, transaction: &WriteTransaction) -> Result<()> {
    let mut log = transaction.open_table(LOG).map_err(database_error)?;
    snapshot.records(Position::NONE, |position, recorded| {
        let record = recorded.record();
        let mut slot = log
            .insert_reserve(position.0, record.encoded_len())
            .map_err(database_error)?;
        record.encode(slot.as_mut());
        Ok(true)
    })
}

fn copy_keys(snapshot: &Snapshot, transaction: &WriteTransaction) -> Result<()> {
    let mut index = transaction.open_table(INDEX).map_err(database_error)?;
    let mut expiry = transaction.open_table(EXPIRY).map_err(database_error)?;
    snapshot.scan(&KeyRange::all(), |key, entry| {
        index.insert(key, &entry.encode()).map_err(database_error)?;
        if entry.expires != 0 {
            expiry
                .insert((entry.expires, entry.position.0), key)
                .map_err(database_error)?;
        }
        Ok(())
    })
}

/// Restores a snapshot file into `directory`, which must be empty or not exist.
///
/// # Errors
/// [`Error::NotEmpty`] for a directory that holds anything, [`Error::Corrupt`] for a file that is not an intact snapshot,
/// [`Error::Io`] if files cannot be read or written. The directory is left empty then. Blocks; run it where that does no harm.
pub fn restore(file: &Path, directory: &Path, options: RestoreOptions) -> Result<Revision> {
    create_directory(directory)?;
    let mut entries = fs::read_dir(directory).map_err(Error::io(format!("cannot read {}", directory.display())))?;
    if entries.next().is_some() {
        return Err(Error::NotEmpty {
            path: directory.to_owned(),
        });
    }
    let target = directory.join(DATABASE_FILE);
    let partial = partial_path(&target);
    let restored = copy_file(file, &partial)
        .and_then(|()| check(&partial, file, options))
        .and_then(|revision| install(&partial, &target).map(|()| revision));
    if restored.is_err() {
        drop(fs::remove_file(&partial));
    }
    restored
}

fn copy_file(from: &Path, to: &Path) -> Result<()> {
    let mut source = File::open(from).map_err(Error::io(format!("cannot read {}", from.display())))?;
    let failed = || format!("cannot copy {} to {}", from.display(), to.display());
    if source.metadata().map_err(Error::io(failed()))?.len() == 0 {
        return Err(Error::Corrupt(format!("{} is empty", from.display())));
    }
    let mut target = private_file(to).map_err(Error::io(failed()))?;
    io::copy(&mut source, &mut target).map_err(Error::io(failed()))?;
    target.sync_all().map_err(Error::io(failed()))
}

/// Checks every page of a copied snapshot and applies the options to it.
fn check(copy: &Path, origin: &Path, options: RestoreOptions) -> Result<Revision> {
    let not_a_snapshot = |reason: String| Error::Corrupt(format!("{} is not a snapshot: {reason}", origin.display()));
    let file =
        StoreFile::open(copy, FileState::default()).map_err(Error::io(format!("cannot read {}", copy.display())))?;
    let mut database = Builder::new()
        .set_cache_size(CACHE_SIZE)
        .create_with_backend(file)
        .map_err(|error| not_a_snapshot(error.to_string()))?;
    if !database
        .check_integrity()
        .map_err(|error| not_a_snapshot(error.to_string()))?
    {
        return Err(not_a_snapshot("its checksums do not match".to_owned()));
    }
    let format = database
        .begin_read()
        .map_err(database_error)?
        .open_table(META)
        .ok()
        .map(|meta| meta.get(META_FORMAT));
    let format = format
        .transpose()
        .map_err(database_error)?
        .flatten()
        .map(|format| format.value());
    if !matches!(format, Some(FORMAT | FORMAT_WITHOUT_LOG)) {
        return Err(not_a_snapshot(format!("its format is {format:?}, not {FORMAT}")));
    }
    let revision = Base::of(&database).map_err(database_error)?.revision;
    if options.bump_revision == 0 {
        return Ok(revision);
    }
    bump(&database, revision + options.bump_revision).map_err(database_error)?;
    Ok(revision + options.bump_revision)
}

fn bump(database: &Database, revision: Revision) -> Result<(), redb::Error> {
    let mut transaction = database.begin_write()?;
    transaction.set_quick_repair(true);
    {
        let mut meta = transaction.open_table(META)?;
        meta.insert(META_BASE_REVISION, revision)?;
        meta.insert(META_COMPACT_REVISION, revision)?;
    }
    transaction.commit()?;
    Ok(())
}

/// Gives a finished file its name, durably.
pub(crate) fn install(partial: &Path, file: &Path) -> Result<()> {
    let parent = match file.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    fs::rename(partial, file)
        .and_then(|()| File::open(parent)?.sync_all())
        .map_err(Error::io(format!("cannot write {}", file.display())))
}

/// Creates an empty file that only its owner can read.
pub(crate) fn private_file(path: &Path) -> io::Result<File> {
    use std::os::unix::fs::OpenOptionsExt;
    fs::OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(path)
}

/// The name under which `file` is written before it is complete.
pub(crate) fn partial_path(file: &Path) -> PathBuf {
    let mut name = file.file_name().unwrap_or_default().to_owned();
    name.push(format!(".{}.partial", std::process::id()));
    file.with_file_name(name)
}

fn remove_if_exists(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}
