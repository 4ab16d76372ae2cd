//! [`Folder`]: the files of a kustomization, which may lie in its folder or below it and nowhere else.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use crate::error::refuse;
use crate::{Options, Result};

/// The folder of a kustomization, and those of the kustomizations that led to it.
#[derive(Clone, Debug)]
pub(crate) struct Folder {
    root: PathBuf,
    visited: Vec<PathBuf>,
    load_anywhere: bool,
}

/// Why a file system refuses, as Go words it.
fn why(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::NotFound => "no such file or directory".to_owned(),
        io::ErrorKind::PermissionDenied => "permission denied".to_owned(),
        io::ErrorKind::NotADirectory => "not a directory".to_owned(),
        io::ErrorKind::IsADirectory => "is a directory".to_owned(),
        _ => error.to_string(),
    }
}

/// An absolute path without `.` and `..`, links left alone.
fn absolute(path: &Path) -> Result<PathBuf> {
    let path =
        std::path::absolute(path).map_err(|error| refuse!("abs path error on '{}' : {error}", path.display()))?;
    let mut clean = PathBuf::new();
    for part in path.components() {
        match part {
            std::path::Component::ParentDir => {
                clean.pop();
            }
            other => clean.push(other),
        }
    }
    Ok(clean)
}

/// Where the path leads, links followed.
fn resolve(path: &Path) -> Result<PathBuf> {
    let clean = absolute(path)?;
    fs::canonicalize(&clean).map_err(|error| {
        // The first part that is not there is the one that is named.
        let missing = clean
            .ancestors()
            .filter(|part| fs::symlink_metadata(part).is_err())
            .last()
            .unwrap_or(&clean);
        refuse!(
            "evalsymlink failure on '{}' : lstat {}: {}",
            path.display(),
            missing.display(),
            why(&error)
        )
    })
}

/// Whether the text means a repository or a file elsewhere.
pub(crate) fn is_remote(path: &str) -> bool {
    let starts = [
        "git@",
        "git::",
        "gh:",
        "ssh://",
        "file://",
        "github.com/",
        "https://github.com/",
    ];
    starts.iter().any(|start| path.starts_with(start)) || (path.contains("://") && path.contains("git"))
}

fn is_http(path: &str) -> bool {
    path.starts_with("http://") || path.starts_with("https://")
}

fn folder(path: &Path) -> Result<PathBuf> {
    let resolved = resolve(path).map_err(|error| error.context("not a valid directory"))?;
    if resolved.is_dir() {
        Ok(resolved)
    } else {
        Err(refuse!("'{}': file is not directory", path.display()))
    }
}

/// What upstream says without a `git` to clone with.
fn no_git() -> crate::BuildError {
    refuse!("no 'git' program on path: exec: \"git\": executable file not found in $PATH")
}

impl Folder {
    /// The folder that is built.
    ///
    /// # Errors
    /// There is none.
    pub(crate) fn new(path: &Path, options: Options) -> Result<Self> {
        let text = path.to_string_lossy();
        if is_remote(&text) {
            return Err(no_git());
        }
        if text.is_empty() {
            return Err(refuse!("must build at directory: directory path cannot be empty"));
        }
        let root = folder(path).map_err(|error| error.context("must build at directory"))?;
        Ok(Self {
            visited: vec![root.clone()],
            root,
            load_anywhere: options.load_anywhere,
        })
    }

    /// The folder's path.
    pub(crate) fn root(&self) -> String {
        self.root.display().to_string()
    }

    fn join(&self, path: &str) -> Result<PathBuf> {
        absolute(&self.root.join(path))
    }

    /// The folder of another kustomization.
    ///
    /// # Errors
    /// There is none, or it is this one or above it.
    pub(crate) fn base(&self, path: &str) -> Result<Self> {
        if path.is_empty() {
            return Err(refuse!("new root cannot be empty"));
        }
        if is_remote(path) {
            return Err(no_git());
        }
        if Path::new(path).is_absolute() {
            return Err(refuse!("new root '{path}' cannot be absolute"));
        }
        let root = folder(&self.join(path)?).map_err(|error| error.context("must build at directory"))?;
        if let Some(visited) = self.visited.iter().rev().find(|visited| visited.starts_with(&root)) {
            return Err(refuse!(
                "cycle detected: candidate root '{}' contains visited root '{}'",
                root.display(),
                visited.display()
            ));
        }
        let mut visited = self.visited.clone();
        visited.push(root.clone());
        Ok(Self {
            root,
            visited,
            load_anywhere: self.load_anywhere,
        })
    }

    /// A file.
    ///
    /// # Errors
    /// There is none, or it lies elsewhere.
    pub(crate) fn read(&self, path: &str) -> Result<Vec<u8>> {
        if is_http(path) {
            return Err(refuse!("Get {path:?}: files that are not local are not loaded"));
        }
        let mut full = self.join(path)?;
        if !self.load_anywhere {
            let resolved = resolve(&full)?;
            if resolved.is_dir() {
                return Err(refuse!("'{}' must resolve to a file", full.display()));
            }
            if !resolved.starts_with(&self.root) {
                return Err(refuse!(
                    "security; file '{}' is not in or below '{}'",
                    full.display(),
                    self.root.display()
                ));
            }
            full = resolved;
        }
        fs::read(&full).map_err(|error| {
            let doing = if error.kind() == io::ErrorKind::IsADirectory {
                "read"
            } else {
                "open"
            };
            refuse!("{doing} {}: {}", full.display(), why(&error))
        })
    }

    /// A file with text.
    ///
    /// # Errors
    /// Like [`Folder::read`].
    pub(crate) fn read_text(&self, path: &str) -> Result<String> {
        Ok(String::from_utf8_lossy(&self.read(path)?).into_owned())
    }
}
