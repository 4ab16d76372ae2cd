//! The two folders that are compared, with one file an object.

use std::fs::{self, OpenOptions};
use std::io::Write as _;
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use apimachinery::names::random_suffix;
use serde_json::Value;

use cli_runtime::printers::{ResourcePrinter as _, YamlPrinter};
use cli_runtime::{RestMapping, Result};

/// Both folders; they are gone when this is dropped.
pub(super) struct Folders {
    live: PathBuf,
    merged: PathBuf,
}

/// `apps.v1.Deployment.default.web`.
pub(super) fn file_name(mapping: &RestMapping, namespace: &str, name: &str) -> String {
    let dot = if mapping.group.is_empty() { "" } else { "." };
    format!(
        "{}{dot}{}.{}.{namespace}.{name}",
        mapping.group, mapping.version, mapping.kind
    )
}

fn folder(prefix: &str) -> Result<PathBuf> {
    let path = std::env::temp_dir().join(format!("{prefix}-{}", random_suffix(10)));
    fs::DirBuilder::new().mode(0o700).create(&path)?;
    Ok(path)
}

impl Folders {
    /// Makes them.
    ///
    /// # Errors
    /// There is no place for them.
    pub(super) fn new() -> Result<Self> {
        let live = folder("LIVE")?;
        match folder("MERGED") {
            Ok(merged) => Ok(Self { live, merged }),
            Err(error) => {
                fs::remove_dir_all(&live)?;
                Err(error)
            }
        }
    }

    /// What is there.
    pub(super) fn live(&self) -> &Path {
        &self.live
    }

    /// What would be there.
    pub(super) fn merged(&self) -> &Path {
        &self.merged
    }

    /// Writes the states of an object; without an `after` there is no file for it.
    ///
    /// # Errors
    /// A file cannot be written.
    pub(super) fn write(&self, name: &str, before: Option<&Value>, after: Option<&Value>) -> Result<()> {
        write(&self.live.join(name), before)?;
        match after {
            Some(after) => write(&self.merged.join(name), Some(after)),
            None => Ok(()),
        }
    }
}

impl Drop for Folders {
    fn drop(&mut self) {
        for path in [&self.live, &self.merged] {
            // Whoever took them away meanwhile has done this.
            let _ = fs::remove_dir_all(path);
        }
    }
}

fn write(path: &Path, object: Option<&Value>) -> Result<()> {
    let mut text = Vec::new();
    if let Some(object) = object {
        YamlPrinter::new(true).print(object, &mut text)?;
    }
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(true).mode(0o700);
    Ok(options.open(path)?.write_all(&text)?)
}
