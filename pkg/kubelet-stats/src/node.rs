//! What the whole node uses.

use std::fs;
use std::io;
use std::path::Path;

/// Figures of the node, as eviction looks at them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct NodeUsage {
    /// All memory.
    pub memory_capacity: u64,
    /// Memory in use, page cache included.
    pub memory_usage: u64,
    /// Memory that cannot be given back easily.
    pub memory_working_set: u64,
    /// Anonymous memory.
    pub memory_rss: u64,
    /// CPU time so far, in nanoseconds.
    pub cpu_nanos: u64,
    /// How many processes and threads there may be.
    pub max_pids: u64,
    /// How many there are.
    pub pids: u64,
    /// When the machine was started, in seconds since 1970.
    pub boot_time: i64,
}

impl NodeUsage {
    /// Memory that pods could still get.
    #[must_use]
    pub fn memory_available(&self) -> u64 {
        self.memory_capacity.saturating_sub(self.memory_working_set)
    }
}

/// The kernel counts CPU time in hundredths of a second.
const NANOS_PER_TICK: u64 = 10_000_000;

/// Looks at the node below `root` (`/`, but for tests).
///
/// # Errors
/// If something cannot be read.
pub fn read_usage(root: &Path) -> io::Result<NodeUsage> {
    let text = |path: &str| fs::read_to_string(root.join(path));
    let memory = text("proc/meminfo")?;
    let amount = |key: &str| -> u64 {
        let line = memory
            .lines()
            .find_map(|line| line.strip_prefix(key)?.strip_prefix(':'));
        let kilobytes = line.and_then(|it| it.trim().strip_suffix("kB")?.trim().parse::<u64>().ok());
        kilobytes.unwrap_or_default() * 1024
    };
    let usage = amount("MemTotal").saturating_sub(amount("MemFree"));
    let stat = text("proc/stat")?;
    let field = |key: &str| stat.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix(' '));
    let ticks: u64 = field("cpu")
        .map(|line| {
            let all: Vec<u64> = line.split_whitespace().filter_map(|word| word.parse().ok()).collect();
            // Neither idling nor waiting for a disk; guests are in user time already.
            all.iter()
                .take(8)
                .enumerate()
                .filter(|(index, _)| !matches!(index, 3 | 4))
                .map(|(_, it)| it)
                .sum()
        })
        .unwrap_or_default();
    let number = |path: &str| text(path).ok().and_then(|it| it.trim().parse::<u64>().ok());
    let most = [number("proc/sys/kernel/pid_max"), number("proc/sys/kernel/threads-max")];
    let running = text("proc/loadavg")?;
    let running = running
        .split_whitespace()
        .nth(3)
        .and_then(|it| it.split_once('/')?.1.parse().ok());
    Ok(NodeUsage {
        memory_capacity: amount("MemTotal"),
        memory_usage: usage,
        memory_working_set: usage.saturating_sub(amount("Inactive(file)")),
        memory_rss: amount("AnonPages"),
        cpu_nanos: ticks * NANOS_PER_TICK,
        max_pids: most.into_iter().flatten().min().unwrap_or(u64::MAX),
        pids: running.unwrap_or_default(),
        boot_time: field("btime").and_then(|it| it.trim().parse().ok()).unwrap_or_default(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_node_is_measured() {
        let root = tempfile::tempdir().expect("a directory");
        let write = |path: &str, text: &str| {
            let path = root.path().join(path);
            fs::create_dir_all(path.parent().expect("a folder")).expect("made");
            fs::write(path, text).expect("written");
        };
        write(
            "proc/meminfo",
            "MemTotal: 1000 kB\nMemFree: 300 kB\nInactive(file): 200 kB\nAnonPages: 100 kB\n",
        );
        write(
            "proc/stat",
            "cpu  10 1 5 1000 50 1 2 3 0 0\ncpu0 1 1 1 1\nbtime 1700000000\n",
        );
        write("proc/sys/kernel/pid_max", "32768\n");
        write("proc/sys/kernel/threads-max", "1000\n");
        write("proc/loadavg", "0.1 0.2 0.3 2/345 9999\n");
        let usage = read_usage(root.path()).expect("a node");
        assert_eq!(usage.memory_available(), 500 * 1024);
        assert_eq!(usage.cpu_nanos, 22 * NANOS_PER_TICK);
        assert_eq!(
            (usage.max_pids, usage.pids, usage.boot_time),
            (1000, 345, 1_700_000_000)
        );
    }
}
