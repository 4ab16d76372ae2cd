//! A numbered place on this machine that one test has to itself: directory, subnet, bridge and cgroup.
//!
//! The number is held by a file lock, which ends with the process however that ends. Whoever takes a number first removes
//! what a predecessor that was killed has left there, so that nothing piles up.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use nix::fcntl::{Flock, FlockArg};
use nix::mount::{MntFlags, umount2};
use nix::sys::signal::{Signal, kill};

use super::cgroup;

/// Where all slots of the machine lie; short, since socket paths are limited to 107 bytes.
const ROOT: &str = "/tmp/kubernox-test";

/// How many tests can have a place at once; each has a /24 of 10.219.0.0/16.
const SLOTS: u8 = 250;

/// A place, held until it is dropped.
pub(super) struct Slot {
    number: u8,
    directory: PathBuf,
    lock: Option<Flock<File>>,
}

impl Slot {
    /// Takes a free place, and clears every place that nobody holds.
    pub(super) fn claim() -> Result<Self> {
        fs::create_dir_all(ROOT).context("create the directory of test slots")?;
        let mut mine: Option<Self> = None;
        for number in 1..=SLOTS {
            let directory = Path::new(ROOT).join(number.to_string());
            if mine.is_some() && !directory.exists() {
                continue;
            }
            let path = Path::new(ROOT).join(format!("{number}.lock"));
            let file = File::create(&path).with_context(|| format!("create {}", path.display()))?;
            let Ok(lock) = Flock::lock(file, FlockArg::LockExclusiveNonblock) else {
                continue;
            };
            let slot = Self {
                number,
                directory,
                lock: Some(lock),
            };
            slot.sweep()?;
            if mine.is_none() {
                fs::create_dir_all(&slot.directory)?;
                mine = Some(slot);
            }
        }
        match mine {
            Some(slot) => Ok(slot),
            None => bail!("all {SLOTS} test slots below {ROOT} are taken"),
        }
    }

    /// The directory, empty at first.
    pub(super) fn directory(&self) -> &Path {
        &self.directory
    }

    /// The bridge that pods are attached to.
    pub(super) fn bridge(&self) -> String {
        format!("kxbr{}", self.number)
    }

    /// The addresses of pods.
    pub(super) fn pod_cidr(&self) -> String {
        format!("10.219.{}.0/24", self.number)
    }

    /// The cgroup, below the root of every hierarchy.
    pub(super) fn cgroup(&self) -> String {
        format!("kubernox-test-{}", self.number)
    }

    /// Removes all that is left: processes, mounts, cgroups, sockets, the bridge and the files.
    fn sweep(&self) -> Result<()> {
        let tasks = task_directories(&self.directory);
        let mut groups = vec![self.cgroup()];
        groups.extend(
            tasks
                .iter()
                .filter_map(|task| Some(format!("k8s.io/{}", task.file_name()?.to_str()?))),
        );
        end_processes(&groups)?;
        for socket in tasks
            .iter()
            .filter_map(|task| fs::read_to_string(task.join("address")).ok())
        {
            if let Some(path) = socket.trim().strip_prefix("unix://") {
                remove(fs::remove_file(path), path)?;
            }
        }
        unmount_below(&self.directory)?;
        for group in &groups {
            cgroup::remove(group)?;
        }
        if Path::new("/sys/class/net").join(self.bridge()).exists() {
            let status = Command::new("ip").args(["link", "delete", &self.bridge()]).status();
            if !status.context("run ip (apt-get install iproute2)")?.success() {
                bail!("cannot delete the bridge {}", self.bridge());
            }
        }
        remove(
            fs::remove_dir_all(&self.directory),
            &self.directory.display().to_string(),
        )
    }

    /// Gives the place back after clearing it.
    pub(super) fn release(&mut self) -> Result<()> {
        if self.lock.is_some() {
            self.sweep()?;
            self.lock = None;
        }
        Ok(())
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        if let Err(error) = self.release() {
            tracing::error!(%error, directory = %self.directory.display(), "test slot not cleared; the next test will try again");
        }
    }
}

/// Takes "not there" for success.
fn remove(result: std::io::Result<()>, path: &str) -> Result<()> {
    match result {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(error).with_context(|| format!("remove {path}"))
        }
        _ => Ok(()),
    }
}

/// The bundles of the containers that have a shim, running or not.
fn task_directories(directory: &Path) -> Vec<PathBuf> {
    let tasks = directory.join("state/io.containerd.runtime.v2.task/k8s.io");
    fs::read_dir(tasks)
        .into_iter()
        .flatten()
        .flatten()
        .map(|entry| entry.path())
        .collect()
}

/// Kills every process in the cgroups and waits until they are gone.
fn end_processes(groups: &[String]) -> Result<()> {
    let end = Instant::now() + Duration::from_secs(10);
    loop {
        let left: Vec<_> = groups.iter().flat_map(|group| cgroup::processes(group)).collect();
        if left.is_empty() {
            return Ok(());
        }
        if Instant::now() > end {
            bail!("processes {left:?} do not end");
        }
        for pid in left {
            // A process that has ended meanwhile is what is wanted.
            let _gone = kill(pid, Signal::SIGKILL);
        }
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// Unmounts everything at and below a directory, the last mount first.
fn unmount_below(directory: &Path) -> Result<()> {
    let table = fs::read_to_string("/proc/self/mountinfo").context("read the mount table")?;
    let points = table
        .lines()
        .filter_map(|line| line.split(' ').nth(4))
        .map(|point| point.replace("\\040", " "));
    let below: Vec<_> = points.filter(|point| Path::new(point).starts_with(directory)).collect();
    for point in below.iter().rev() {
        match umount2(point.as_str(), MntFlags::MNT_DETACH | MntFlags::UMOUNT_NOFOLLOW) {
            // Shared mounts take their copies along.
            Ok(()) | Err(nix::errno::Errno::EINVAL | nix::errno::Errno::ENOENT) => {}
            Err(error) => return Err(error).with_context(|| format!("unmount {point}")),
        }
    }
    Ok(())
}
