//! Where the controllers are mounted.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// A cgroup cannot be read or changed.
#[derive(Debug, thiserror::Error)]
#[error("{action} {path}: {source}")]
pub struct CgroupError {
    /// What was tried.
    pub action: &'static str,
    /// On which file.
    pub path: String,
    /// The system's words.
    pub source: io::Error,
}

impl CgroupError {
    pub(crate) fn new(action: &'static str, path: &Path, source: impl Into<io::Error>) -> Self {
        Self {
            action,
            path: path.display().to_string(),
            source: source.into(),
        }
    }
}

/// The mounted controllers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Hierarchy {
    /// Version 1.
    V1 {
        /// The mount of each controller; several may share one.
        controllers: BTreeMap<String, PathBuf>,
        /// A mount of version 2 beside them, which has no controllers; the runtime makes cgroups in it all the same.
        unified: Option<PathBuf>,
    },
    /// Version 2: one mount for all.
    V2(PathBuf),
}

impl Hierarchy {
    /// As it is on this machine: version 2 if `/sys/fs/cgroup` is of that kind, and otherwise what is mounted.
    ///
    /// # Errors
    /// If the mount table cannot be read.
    pub fn detect() -> Result<Self, CgroupError> {
        let path = Path::new("/proc/self/mountinfo");
        let table = fs::read_to_string(path).map_err(|error| CgroupError::new("read", path, error))?;
        Ok(Self::from_mount_table(&table))
    }

    fn from_mount_table(table: &str) -> Self {
        let (mut controllers, mut unified) = (BTreeMap::new(), None);
        for line in table.lines() {
            let Some((front, back)) = line.split_once(" - ") else {
                continue;
            };
            let mut back = back.split(' ');
            let (kind, options) = (back.next().unwrap_or_default(), back.nth(1).unwrap_or_default());
            let Some(mount) = front.split(' ').nth(4).map(PathBuf::from) else {
                continue;
            };
            if kind == "cgroup2" && mount == Path::new("/sys/fs/cgroup") {
                return Self::V2(mount);
            }
            if kind == "cgroup2" {
                unified.get_or_insert(mount);
            } else if kind == "cgroup" {
                let names = options
                    .split(',')
                    .filter(|name| !matches!(*name, "rw" | "ro" | "xattr" | "clone_children"));
                for name in names.filter(|name| !name.starts_with("release_agent=")) {
                    controllers.entry(name.to_owned()).or_insert_with(|| mount.clone());
                }
            }
        }
        Self::V1 { controllers, unified }
    }

    /// The mount of every controller, once.
    #[must_use]
    pub fn mounts(&self) -> Vec<&Path> {
        match self {
            Self::V2(mount) => vec![mount],
            Self::V1 { controllers, .. } => {
                let mut mounts: Vec<_> = controllers.values().map(PathBuf::as_path).collect();
                mounts.sort_unstable();
                mounts.dedup();
                mounts
            }
        }
    }

    /// Every mount in which a pod may have a cgroup, with or without controllers.
    pub(crate) fn places(&self) -> Vec<&Path> {
        let mut places = self.mounts();
        if let Self::V1 {
            unified: Some(unified), ..
        } = self
        {
            places.push(unified);
        }
        places
    }

    /// The mount of one controller.
    #[must_use]
    pub fn controller(&self, name: &str) -> Option<&Path> {
        match self {
            Self::V2(mount) => Some(mount),
            Self::V1 { controllers, .. } => controllers.get(name).map(PathBuf::as_path),
        }
    }

    /// Whether it is version 2.
    #[must_use]
    pub const fn is_v2(&self) -> bool {
        matches!(self, Self::V2(_))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mount_tables() {
        let v1 = "30 24 0:26 / /sys/fs/cgroup/cpu,cpuacct rw,nosuid shared:9 - cgroup cgroup rw,cpu,cpuacct\n\
                  31 24 0:27 / /sys/fs/cgroup/systemd rw - cgroup cgroup rw,xattr,name=systemd\n\
                  32 24 0:28 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw\n";
        let found = Hierarchy::from_mount_table(v1);
        assert_eq!(
            found.controller("cpuacct"),
            Some(Path::new("/sys/fs/cgroup/cpu,cpuacct"))
        );
        assert_eq!(found.controller("memory"), None);
        assert_eq!(found.mounts().len(), 2);
        assert_eq!(found.places().last(), Some(&Path::new("/sys/fs/cgroup/unified")));
        let v2 = "30 24 0:26 / /sys/fs/cgroup rw,nosuid shared:9 - cgroup2 cgroup2 rw,nsdelegate\n";
        assert!(Hierarchy::from_mount_table(v2).is_v2());
    }
}
