//! Making, limiting and removing the cgroups of pods.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use kubelet_types::resources::{QosClass, shares_to_weight};

use crate::hierarchy::{CgroupError, Hierarchy};
use crate::limits::Limits;

/// The controllers that pods need on version 2.
const V2_CONTROLLERS: [&str; 6] = ["cpu", "cpuset", "io", "memory", "pids", "hugetlb"];
/// A cgroup whose processes were killed is empty after so many tries, or an error.
const REMOVE_TRIES: u32 = 20;

/// Who names cgroups, and how.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Driver {
    /// Directories: `kubepods/burstable/pod<uid>`.
    #[default]
    Cgroupfs,
    /// Slices of systemd: `kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod<uid>.slice`, and the runtime is told
    /// the last name only.
    Systemd,
}

/// The cgroups below `<root>/kubepods`.
#[derive(Clone, Debug)]
pub struct PodCgroupTree {
    hierarchy: Hierarchy,
    root: Vec<String>,
    driver: Driver,
}

impl PodCgroupTree {
    /// Below this cgroup of the hierarchy (upstream: `--cgroup-root`; `/` is the top).
    #[must_use]
    pub fn new(hierarchy: Hierarchy, root: &str) -> Self {
        let parts = root.split('/').filter(|part| !part.is_empty());
        Self {
            hierarchy,
            root: parts.map(str::to_owned).collect(),
            driver: Driver::default(),
        }
    }

    /// Named by another driver.
    #[must_use]
    pub fn with_driver(mut self, driver: Driver) -> Self {
        self.driver = driver;
        self
    }

    /// The controllers.
    #[must_use]
    pub fn hierarchy(&self) -> &Hierarchy {
        &self.hierarchy
    }

    /// The cgroup that everything lies below, in every hierarchy.
    #[must_use]
    pub fn root_path(&self) -> PathBuf {
        self.path(&[])
    }

    /// The directory of a cgroup below the root.
    fn path(&self, names: &[&str]) -> PathBuf {
        let names = self.root.iter().map(String::as_str).chain(names.iter().copied());
        match self.driver {
            Driver::Cgroupfs => names.collect(),
            Driver::Systemd => {
                let (mut path, mut slice) = (PathBuf::new(), String::new());
                for name in names {
                    if !slice.is_empty() {
                        slice.push('-');
                    }
                    slice.push_str(&name.replace('-', "_"));
                    path.push(format!("{slice}.slice"));
                }
                path
            }
        }
    }

    fn top(&self) -> PathBuf {
        self.path(&["kubepods"])
    }

    fn of_class(&self, class: QosClass) -> PathBuf {
        match class {
            QosClass::Guaranteed => self.top(),
            QosClass::Burstable => self.path(&["kubepods", "burstable"]),
            QosClass::BestEffort => self.path(&["kubepods", "besteffort"]),
        }
    }

    /// The directory of the cgroup of all pods, from the top of a hierarchy.
    #[must_use]
    pub fn pods_path(&self) -> String {
        format!("/{}", self.top().display())
    }

    /// The directory of a pod's cgroup, from the top of a hierarchy.
    #[must_use]
    pub fn pod_path(&self, uid: &str, class: QosClass) -> String {
        let name = format!("pod{}", uid.replace('/', "_"));
        let path = match class {
            QosClass::Guaranteed => self.path(&["kubepods", &name]),
            QosClass::Burstable => self.path(&["kubepods", "burstable", &name]),
            QosClass::BestEffort => self.path(&["kubepods", "besteffort", &name]),
        };
        format!("/{}", path.display())
    }

    /// The cgroup of a pod as the runtime is told it.
    #[must_use]
    pub fn parent(&self, uid: &str, class: QosClass) -> String {
        let path = self.pod_path(uid, class);
        match self.driver {
            Driver::Cgroupfs => path,
            Driver::Systemd => path.rsplit('/').next().unwrap_or_default().to_owned(),
        }
    }

    /// The uid of the pod whose cgroup has this name.
    pub(crate) fn pod_of(&self, name: &str) -> Option<String> {
        match self.driver {
            Driver::Cgroupfs => name.strip_prefix("pod").map(str::to_owned),
            Driver::Systemd => {
                let own = name.strip_suffix(".slice")?.rsplit('-').next()?.strip_prefix("pod")?;
                Some(own.replace('_', "-"))
            }
        }
    }

    /// Makes the cgroups of the classes. `allocatable` limits all pods together.
    ///
    /// # Errors
    /// If a cgroup cannot be made, or a limit not be set.
    pub fn set_up(&self, allocatable: &Limits) -> Result<(), CgroupError> {
        self.make(&self.top())?;
        self.apply(&self.top(), allocatable)?;
        for class in [QosClass::Burstable, QosClass::BestEffort] {
            let path = self.of_class(class);
            self.make(&path)?;
            self.apply(
                &path,
                &Limits {
                    shares: Some(kubelet_types::resources::MIN_SHARES),
                    ..Default::default()
                },
            )?;
        }
        Ok(())
    }

    /// Limits a cgroup that others made and that is named from the top of the hierarchies.
    ///
    /// # Errors
    /// If it is missing from a hierarchy, or a limit cannot be set.
    pub fn limit_existing(&self, name: &str, limits: &Limits) -> Result<(), CgroupError> {
        let parts: Vec<_> = name.split('/').filter(|part| !part.is_empty()).collect();
        let other = Self {
            hierarchy: self.hierarchy.clone(),
            root: parts.iter().map(|part| (*part).to_owned()).collect(),
            driver: self.driver,
        };
        let path = other.root_path();
        for mount in self.hierarchy.mounts() {
            let place = mount.join(&path);
            fs::metadata(&place).map_err(|error| CgroupError::new("stat", &place, error))?;
        }
        self.apply(&path, limits)
    }

    /// Gives the burstable pods together these shares.
    ///
    /// # Errors
    /// If they cannot be set.
    pub fn set_burstable_shares(&self, shares: i64) -> Result<(), CgroupError> {
        let limits = Limits {
            shares: Some(shares),
            ..Default::default()
        };
        self.apply(&self.of_class(QosClass::Burstable), &limits)
    }

    /// Makes a pod's cgroup and sets its limits. Idempotent. Returns what the runtime is told of it.
    ///
    /// # Errors
    /// If it cannot be made, or a limit not be set.
    pub fn ensure_pod(&self, uid: &str, class: QosClass, limits: &Limits) -> Result<String, CgroupError> {
        let path = self.pod_path(uid, class);
        let relative = Path::new(path.trim_start_matches('/'));
        self.make(relative)?;
        self.apply(relative, limits)?;
        Ok(self.parent(uid, class))
    }

    /// Kills what is left in a pod's cgroups and removes them. Idempotent.
    ///
    /// # Errors
    /// If one cannot be removed, since a process does not end.
    pub fn remove_pod(&self, uid: &str) -> Result<(), CgroupError> {
        for class in [QosClass::Guaranteed, QosClass::Burstable, QosClass::BestEffort] {
            let path = self.pod_path(uid, class);
            for mount in self.hierarchy.places() {
                remove_tree(&mount.join(path.trim_start_matches('/')))?;
            }
        }
        Ok(())
    }

    /// The uids of all pods that have a cgroup.
    ///
    /// # Errors
    /// If the cgroups cannot be listed.
    pub fn pods(&self) -> Result<Vec<String>, CgroupError> {
        let mut found = Vec::new();
        for mount in self.hierarchy.places() {
            for class in [QosClass::Guaranteed, QosClass::Burstable, QosClass::BestEffort] {
                for child in children(&mount.join(self.of_class(class)))? {
                    let name = child.file_name().and_then(|name| name.to_str());
                    found.extend(name.and_then(|name| self.pod_of(name)));
                }
            }
        }
        found.sort();
        found.dedup();
        Ok(found)
    }

    /// Makes a cgroup and those above it in every hierarchy.
    fn make(&self, relative: &Path) -> Result<(), CgroupError> {
        for mount in self.hierarchy.mounts() {
            let mut path = mount.to_owned();
            for part in relative.components() {
                if self.hierarchy.is_v2() {
                    delegate(&path)?;
                }
                path.push(part);
                match fs::create_dir(&path) {
                    Ok(()) => {}
                    Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                    Err(error) => return Err(CgroupError::new("mkdir", &path, error)),
                }
                // On version 1 a new cpuset is empty, and nothing can run in it.
                if self.hierarchy.controller("cpuset") == Some(mount) && !self.hierarchy.is_v2() {
                    inherit(&path, "cpuset.cpus")?;
                    inherit(&path, "cpuset.mems")?;
                }
            }
        }
        Ok(())
    }

    fn apply(&self, relative: &Path, limits: &Limits) -> Result<(), CgroupError> {
        let set = |controller: &str, file: &str, value: String| match self.hierarchy.controller(controller) {
            Some(mount) => write(&mount.join(relative).join(file), &value),
            None => Ok(()),
        };
        let v2 = self.hierarchy.is_v2();
        if let Some(shares) = limits.shares {
            if v2 {
                set("cpu", "cpu.weight", shares_to_weight(shares).to_string())?;
            } else {
                set("cpu", "cpu.shares", shares.to_string())?;
            }
        }
        if let Some((quota, period)) = limits.quota {
            let bounded = quota > 0;
            if v2 {
                let quota = if bounded { quota.to_string() } else { "max".to_owned() };
                set("cpu", "cpu.max", format!("{quota} {period}"))?;
            } else {
                set("cpu", "cpu.cfs_period_us", period.to_string())?;
                set("cpu", "cpu.cfs_quota_us", if bounded { quota } else { -1 }.to_string())?;
            }
        }
        if let Some(memory) = limits.memory.filter(|memory| *memory > 0) {
            set(
                "memory",
                if v2 { "memory.max" } else { "memory.limit_in_bytes" },
                memory.to_string(),
            )?;
        }
        if let Some(pids) = limits.pids.filter(|pids| *pids > 0) {
            set("pids", "pids.max", pids.to_string())?;
        }
        Ok(())
    }
}

fn write(path: &Path, value: &str) -> Result<(), CgroupError> {
    fs::write(path, value).map_err(|error| CgroupError::new("write", path, error))
}

fn read(path: &Path) -> Result<String, CgroupError> {
    fs::read_to_string(path).map_err(|error| CgroupError::new("read", path, error))
}

/// Lets the children of a cgroup of version 2 have its controllers.
fn delegate(path: &Path) -> Result<(), CgroupError> {
    let available = read(&path.join("cgroup.controllers"))?;
    let control = path.join("cgroup.subtree_control");
    let enabled = read(&control)?;
    let has = |list: &str, name: &str| list.split_whitespace().any(|word| word == name);
    let missing: Vec<_> = V2_CONTROLLERS
        .into_iter()
        .filter(|name| has(&available, name) && !has(&enabled, name))
        .map(|name| format!("+{name}"))
        .collect();
    if missing.is_empty() {
        Ok(())
    } else {
        write(&control, &missing.join(" "))
    }
}

fn inherit(path: &Path, file: &str) -> Result<(), CgroupError> {
    let own = path.join(file);
    if !read(&own)?.trim().is_empty() {
        return Ok(());
    }
    let parent = path.parent().expect("a cgroup below the mount has a parent").join(file);
    write(&own, read(&parent)?.trim())
}

fn children(path: &Path) -> Result<Vec<PathBuf>, CgroupError> {
    let entries = match fs::read_dir(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        other => other.map_err(|error| CgroupError::new("read directory", path, error))?,
    };
    let mut found = Vec::new();
    for entry in entries {
        let entry = entry.map_err(|error| CgroupError::new("read directory", path, error))?;
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            found.push(entry.path());
        }
    }
    Ok(found)
}

/// Children first; the processes of each are killed before it is removed.
fn remove_tree(path: &Path) -> Result<(), CgroupError> {
    for child in children(path)? {
        remove_tree(&child)?;
    }
    for attempt in 1..=REMOVE_TRIES {
        match fs::remove_dir(path) {
            Ok(()) => return Ok(()),
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            Err(error) if attempt == REMOVE_TRIES => return Err(CgroupError::new("rmdir", path, error)),
            Err(_) => kill_processes(path),
        }
        // Killed processes leave their cgroup a moment later.
        std::thread::sleep(Duration::from_millis(5));
    }
    Ok(())
}

fn kill_processes(path: &Path) {
    let Ok(list) = fs::read_to_string(path.join("cgroup.procs")) else {
        return;
    };
    for pid in list.lines().filter_map(|line| line.parse().ok()) {
        if let Err(error) = kill(Pid::from_raw(pid), Signal::SIGKILL) {
            tracing::debug!(%error, pid, "a process of a removed pod");
        }
    }
}
