//! The cgroups of a test, in the hierarchies of version 1 or the one of version 2.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use nix::unistd::Pid;

/// The mount points of all cgroup hierarchies.
fn hierarchies() -> Vec<PathBuf> {
    let table = fs::read_to_string("/proc/mounts").unwrap_or_default();
    let mounts = table.lines().filter_map(|line| {
        let mut fields = line.split(' ');
        let (_, point, kind) = (fields.next()?, fields.next()?, fields.next()?);
        kind.starts_with("cgroup").then(|| PathBuf::from(point))
    });
    mounts.collect()
}

/// The hierarchy that processes are followed in: every process is in each, so that one is enough.
fn tracking() -> Result<PathBuf> {
    let all = hierarchies();
    let found = all.iter().find(|point| point.ends_with("pids")).or_else(|| all.first());
    found.cloned().context("no cgroup hierarchy is mounted")
}

/// Makes a group to follow processes in, and returns the file that a process id is written to.
pub(super) fn create(group: &str) -> Result<PathBuf> {
    let path = tracking()?.join(group);
    fs::create_dir_all(&path).with_context(|| format!("create the cgroup {} (needs root)", path.display()))?;
    Ok(path.join("cgroup.procs"))
}

/// All processes in a group and below.
pub(super) fn processes(group: &str) -> Vec<Pid> {
    let mut found = Vec::new();
    for hierarchy in hierarchies() {
        walk(&hierarchy.join(group), &mut |directory| {
            let list = fs::read_to_string(directory.join("cgroup.procs")).unwrap_or_default();
            found.extend(list.lines().filter_map(|pid| pid.parse().ok()).map(Pid::from_raw));
        });
    }
    found.sort();
    found.dedup();
    found
}

/// Removes a group with all below it from every hierarchy; its processes must have ended.
pub(super) fn remove(group: &str) -> Result<()> {
    let end = Instant::now() + Duration::from_secs(5);
    for hierarchy in hierarchies() {
        let mut directories = Vec::new();
        walk(&hierarchy.join(group), &mut |directory| {
            directories.push(directory.to_owned())
        });
        for directory in directories.iter().rev() {
            // The kernel says "busy" for a moment after the last process has ended.
            while let Err(error) = fs::remove_dir(directory) {
                if error.kind() == std::io::ErrorKind::NotFound {
                    break;
                }
                if Instant::now() > end {
                    return Err(error).with_context(|| format!("remove the cgroup {}", directory.display()));
                }
                std::thread::sleep(Duration::from_millis(10));
            }
        }
    }
    Ok(())
}

/// Visits a directory before those below it.
fn walk(directory: &Path, visit: &mut impl FnMut(&Path)) {
    let Ok(entries) = fs::read_dir(directory) else { return };
    visit(directory);
    for entry in entries.flatten() {
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            walk(&entry.path(), visit);
        }
    }
}
