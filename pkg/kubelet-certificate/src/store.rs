//! Where a pair is kept.

use std::fs::{self, DirBuilder, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, symlink};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject;
use x509_parser::prelude::{FromDer, X509Certificate};

/// A pair cannot be kept or read.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// A file.
    #[error("{path}: {source}")]
    File {
        /// Which.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// No certificate in it.
    #[error("{0}: no valid certificate")]
    Malformed(PathBuf),
}

/// From when to when a certificate is valid.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pair {
    /// From.
    pub not_before: SystemTime,
    /// To.
    pub not_after: SystemTime,
}

impl Pair {
    /// Of the first certificate of a chain; none if there is none.
    #[must_use]
    pub fn read(pem: &[u8]) -> Option<Self> {
        let first = CertificateDer::pem_slice_iter(pem).next()?.ok()?;
        let (_, certificate) = X509Certificate::from_der(&first).ok()?;
        let time = |seconds: i64| UNIX_EPOCH + Duration::from_secs(u64::try_from(seconds).unwrap_or_default());
        let validity = certificate.validity();
        Some(Self {
            not_before: time(validity.not_before.timestamp()),
            not_after: time(validity.not_after.timestamp()),
        })
    }

    /// Whether it is valid at a moment.
    #[must_use]
    pub fn is_valid(&self, now: SystemTime) -> bool {
        self.not_before <= now && now < self.not_after
    }
}

/// The files of one pair.
#[derive(Clone, Debug)]
pub struct Store {
    directory: PathBuf,
    name: &'static str,
}

impl Store {
    /// Of this name, in this directory.
    #[must_use]
    pub fn new(directory: &Path, name: &'static str) -> Self {
        Self {
            directory: directory.to_owned(),
            name,
        }
    }

    /// The file that always holds the present pair.
    #[must_use]
    pub fn current_path(&self) -> PathBuf {
        self.directory.join(format!("{}-current.pem", self.name))
    }

    /// The present pair, if there is one.
    #[must_use]
    pub fn current(&self) -> Option<Pair> {
        Pair::read(&fs::read(self.current_path()).ok()?)
    }

    /// Keeps a new pair; readers of the present one see either the old or the new one.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn update(&self, certificate: &[u8], key: &[u8]) -> Result<Pair, StoreError> {
        let wrong = |path: &Path, source| StoreError::File {
            path: path.to_owned(),
            source,
        };
        let made = DirBuilder::new().recursive(true).mode(0o755).create(&self.directory);
        made.map_err(|source| wrong(&self.directory, source))?;
        let day = jiff::Zoned::now().strftime("%Y-%m-%d-%H-%M-%S").to_string();
        let path = self.directory.join(format!("{}-{day}.pem", self.name));
        let pair = Pair::read(certificate).ok_or_else(|| StoreError::Malformed(path.clone()))?;
        let written = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(true)
            .mode(0o600)
            .open(&path)
            .and_then(|mut file| {
                file.write_all(certificate)?;
                if !certificate.ends_with(b"\n") {
                    file.write_all(b"\n")?;
                }
                file.write_all(key)?;
                file.sync_all()
            });
        written.map_err(|source| wrong(&path, source))?;
        let (current, next) = (
            self.current_path(),
            self.directory.join(format!("{}-updated.pem", self.name)),
        );
        // A link left by one that was killed here.
        let _ = fs::remove_file(&next);
        symlink(&path, &next)
            .and_then(|()| fs::rename(&next, &current))
            .map_err(|source| wrong(&current, source))?;
        Ok(pair)
    }
}
