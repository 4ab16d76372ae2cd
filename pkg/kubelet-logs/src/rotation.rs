//! Rotation: `0.log` becomes `0.log.<time>`, older ones are compressed to `.gz`, the oldest are removed.

use std::fs::{self, File};
use std::future::Future;
use std::io;
use std::path::{Path, PathBuf};

use flate2::Compression;
use flate2::write::GzEncoder;
use jiff::Timestamp;

/// When a log is rotated, and what is kept (upstream: `containerLogMaxSize`, `containerLogMaxFiles`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RotationPolicy {
    /// A log of this size is rotated.
    pub max_size: u64,
    /// So many files are kept, the present one included; at least 2.
    pub max_files: usize,
}

impl Default for RotationPolicy {
    fn default() -> Self {
        Self {
            max_size: 10 << 20,
            max_files: 5,
        }
    }
}

/// Rotates a log if it is large enough; `reopen` makes the runtime write to a new file. If that fails, the log is moved back,
/// so that nothing is lost. Returns whether it was rotated.
///
/// # Errors
/// If a file cannot be moved, compressed or removed, or the runtime's error.
pub async fn rotate<E, F>(
    path: &Path,
    policy: &RotationPolicy,
    now: Timestamp,
    reopen: impl FnOnce() -> F,
) -> io::Result<bool>
where
    E: std::fmt::Display,
    F: Future<Output = Result<(), E>>,
{
    if fs::metadata(path)?.len() < policy.max_size {
        return Ok(false);
    }
    let mut old = rotated_files(path)?;
    // A compression that was interrupted begins anew.
    for leftover in old.extract_if(.., |file| file.extension().is_some_and(|extension| extension == "tmp")) {
        fs::remove_file(leftover)?;
    }
    // Room for the one that is rotated now.
    let keep = policy.max_files.max(2) - 2;
    let excess = old.len().saturating_sub(keep);
    for file in old.drain(..excess) {
        fs::remove_file(file)?;
    }
    for file in old
        .iter()
        .filter(|file| file.extension().is_none_or(|extension| extension != "gz"))
    {
        compress(file)?;
    }
    let mut name = path.as_os_str().to_owned();
    name.push(now.strftime(".%Y%m%d-%H%M%S").to_string());
    let target = PathBuf::from(name);
    fs::rename(path, &target)?;
    if let Err(error) = reopen().await {
        fs::rename(&target, path)?;
        return Err(io::Error::other(format!("failed to reopen container log: {error}")));
    }
    Ok(true)
}

/// The rotated files of a log, the oldest first.
fn rotated_files(path: &Path) -> io::Result<Vec<PathBuf>> {
    let (Some(directory), Some(name)) = (path.parent(), path.file_name()) else {
        return Ok(Vec::new());
    };
    let mut prefix = name.as_encoded_bytes().to_vec();
    prefix.push(b'.');
    let mut found = Vec::new();
    for entry in fs::read_dir(directory)? {
        let entry = entry?;
        if entry.file_name().as_encoded_bytes().starts_with(&prefix) {
            found.push(entry.path());
        }
    }
    found.sort();
    Ok(found)
}

fn compress(path: &Path) -> io::Result<()> {
    let with = |extension: &str| {
        let mut name = path.as_os_str().to_owned();
        name.push(extension);
        PathBuf::from(name)
    };
    let (temporary, target) = (with(".tmp"), with(".gz"));
    let mut encoder = GzEncoder::new(File::create(&temporary)?, Compression::default());
    io::copy(&mut File::open(path)?, &mut encoder)?;
    encoder.finish()?;
    fs::rename(&temporary, &target)?;
    fs::remove_file(path)
}
