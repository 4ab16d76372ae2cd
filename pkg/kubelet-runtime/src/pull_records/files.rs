//! Records as files: `image_manager/pulling` and `image_manager/pulled` below the kubelet's root, one a name.

use std::fs::{self, DirBuilder, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use aws_lc_rs::digest::{SHA256, digest};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::record::{PullIntent, PulledRecord};

const PREFIX: &str = "sha256-";
const TEMPORARY: &str = ".tmp";

/// A kind of record, named by the hash of what it is about.
pub(super) trait Record: Serialize + DeserializeOwned {
    /// What it is about.
    fn subject(&self) -> &str;
}

impl Record for PullIntent {
    fn subject(&self) -> &str {
        &self.image
    }
}

impl Record for PulledRecord {
    fn subject(&self) -> &str {
        &self.image_ref
    }
}

/// The records of one directory.
pub(super) struct Files {
    directory: PathBuf,
}

impl Files {
    /// Makes the directory if it is not there.
    pub(super) fn open(directory: PathBuf) -> io::Result<Self> {
        DirBuilder::new().recursive(true).mode(0o700).create(&directory)?;
        Ok(Self { directory })
    }

    fn path(&self, subject: &str) -> PathBuf {
        let hash = hex::encode(digest(&SHA256, subject.as_bytes()));
        self.directory.join(format!("{PREFIX}{hash}"))
    }

    /// The record about a subject.
    ///
    /// # Errors
    /// If it is there and cannot be read: what it said is not known then.
    pub(super) fn get<R: Record>(&self, subject: &str) -> io::Result<Option<R>> {
        let found = match read::<R>(&self.path(subject)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            found => found?,
        };
        Ok(Some(found).filter(|record| record.subject() == subject))
    }

    /// Writes a record, whole or not at all.
    pub(super) fn put<R: Record>(&self, record: &R) -> io::Result<()> {
        let path = self.path(record.subject());
        let temporary = path.with_added_extension(&TEMPORARY[1..]);
        let mut text = serde_json::to_vec(record)?;
        text.push(b'\n');
        let written = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(true)
            .mode(0o600)
            .open(&temporary)
            .and_then(|mut file| file.write_all(&text))
            .and_then(|()| fs::rename(&temporary, &path));
        if written.is_err() {
            // What it is about is the first failure.
            let _ = fs::remove_file(&temporary);
        }
        written
    }

    /// Removes the record about a subject, if there is one.
    pub(super) fn remove(&self, subject: &str) -> io::Result<()> {
        match fs::remove_file(self.path(subject)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            other => other,
        }
    }

    /// All records that can be read; the others are logged.
    pub(super) fn list<R: Record>(&self) -> Vec<R> {
        let entries = match fs::read_dir(&self.directory) {
            Ok(entries) => entries,
            Err(error) => {
                tracing::error!(%error, path = %self.directory.display(), "records of pulled images cannot be listed");
                return Vec::new();
            }
        };
        let mut found = Vec::new();
        for entry in entries.flatten() {
            let name = entry.file_name();
            let ours = name
                .to_str()
                .is_some_and(|name| name.starts_with(PREFIX) && !name.ends_with(TEMPORARY));
            if !ours || entry.file_type().is_ok_and(|kind| kind.is_dir()) {
                continue;
            }
            match read(&entry.path()) {
                Ok(record) => found.push(record),
                Err(error) => {
                    tracing::error!(%error, path = %entry.path().display(), "a record of a pulled image cannot be read");
                }
            }
        }
        found
    }
}

fn read<R: Record>(path: &Path) -> io::Result<R> {
    Ok(serde_json::from_slice(&fs::read(path)?)?)
}
