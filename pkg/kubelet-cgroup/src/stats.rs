//! What a cgroup uses.

use std::fs;
use std::path::Path;

use crate::tree::PodCgroupTree;

/// Measured use; what the kernel does not tell is none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    /// CPU time so far, in nanoseconds.
    pub cpu_nanos: Option<u64>,
    /// Memory, page cache included.
    pub memory: Option<u64>,
    /// Memory that cannot be given back easily.
    pub working_set: Option<u64>,
    /// Anonymous memory.
    pub rss: Option<u64>,
    /// Processes and threads.
    pub pids: Option<u64>,
}

/// Beyond this version 1 means that there is no limit.
const NO_LIMIT: u64 = 1 << 62;

fn number(path: &Path) -> Option<u64> {
    fs::read_to_string(path).ok()?.trim().parse().ok()
}

/// The value of a key in a file of `key value` lines.
fn keyed(path: &Path, key: &str) -> Option<u64> {
    let text = fs::read_to_string(path).ok()?;
    let line = text
        .lines()
        .find_map(|line| line.strip_prefix(key)?.strip_prefix(' '))?;
    line.trim().parse().ok()
}

impl PodCgroupTree {
    /// What all pods together are held to, in bytes; none if they are not.
    #[must_use]
    pub fn pods_memory_limit(&self) -> Option<u64> {
        let file = if self.hierarchy().is_v2() {
            "memory.max"
        } else {
            "memory.limit_in_bytes"
        };
        let mount = self.hierarchy().controller("memory")?;
        let path = mount.join(self.pods_path().trim_start_matches('/')).join(file);
        // Version 2 says "max", version 1 the largest number of whole pages.
        number(&path).filter(|limit| *limit < NO_LIMIT)
    }

    /// What the cgroup at this path (as the runtime is told it) uses.
    #[must_use]
    pub fn usage(&self, path: &str) -> Usage {
        let relative = Path::new(path.trim_start_matches('/'));
        let at = |controller: &str, file: &str| {
            self.hierarchy()
                .controller(controller)
                .map(|it| it.join(relative).join(file))
        };
        let plain = |controller: &str, file: &str| at(controller, file).and_then(|path| number(&path));
        let field = |controller: &str, file: &str, key: &str| at(controller, file).and_then(|path| keyed(&path, key));
        let (memory, inactive, rss, cpu) = if self.hierarchy().is_v2() {
            (
                plain("memory", "memory.current"),
                field("memory", "memory.stat", "inactive_file"),
                field("memory", "memory.stat", "anon"),
                field("cpu", "cpu.stat", "usage_usec").map(|micros| micros.saturating_mul(1000)),
            )
        } else {
            (
                plain("memory", "memory.usage_in_bytes"),
                field("memory", "memory.stat", "total_inactive_file"),
                field("memory", "memory.stat", "total_rss"),
                plain("cpuacct", "cpuacct.usage"),
            )
        };
        Usage {
            cpu_nanos: cpu,
            memory,
            working_set: memory.map(|memory| memory.saturating_sub(inactive.unwrap_or_default())),
            rss,
            pids: plain("pids", "pids.current"),
        }
    }
}
