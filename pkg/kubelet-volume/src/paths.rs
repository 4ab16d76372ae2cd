//! Where a pod's files lie below the kubelet's root directory.

use std::path::{Path, PathBuf};

/// The directories of one pod: `<root>/pods/<uid>`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PodPaths {
    directory: PathBuf,
}

impl PodPaths {
    /// Of the pod with this uid. A uid that is no plain file name (a forged one, for example) is made one.
    #[must_use]
    pub fn new(root: &Path, uid: &str) -> Self {
        let plain = uid.replace('/', "~");
        let plain = if plain.is_empty() || plain == "." || plain == ".." {
            "_".to_owned()
        } else {
            plain
        };
        Self {
            directory: root.join("pods").join(plain),
        }
    }

    /// The pod's own directory.
    #[must_use]
    pub fn directory(&self) -> &Path {
        &self.directory
    }

    /// Where all volumes lie, by kind.
    #[must_use]
    pub fn volumes(&self) -> PathBuf {
        self.directory.join("volumes")
    }

    /// One volume; `plugin` is its kind as upstream names it (`kubernetes.io/empty-dir`).
    #[must_use]
    pub fn volume(&self, plugin: &str, name: &str) -> PathBuf {
        self.volumes().join(plugin.replace('/', "~")).join(name)
    }

    /// Where sub-paths are mounted.
    #[must_use]
    pub fn subpaths(&self) -> PathBuf {
        self.directory.join("volume-subpaths")
    }

    /// Where the termination messages of a container lie.
    #[must_use]
    pub fn container(&self, name: &str) -> PathBuf {
        self.directory.join("containers").join(name)
    }

    /// The hosts file of the pod.
    #[must_use]
    pub fn hosts_file(&self) -> PathBuf {
        self.directory.join("etc-hosts")
    }
}
