//! Processor time and memory, from /proc.

use std::fs;

/// Clock ticks a second, as Linux tells them to programs on every architecture.
const TICKS: f64 = 100.0;

/// The seconds that threads of this process with names that begin with `prefix` have run.
#[must_use]
pub fn cpu_of_threads(prefix: &str) -> f64 {
    let Ok(tasks) = fs::read_dir("/proc/self/task") else {
        return 0.0;
    };
    let seconds = |task: fs::DirEntry| {
        let path = task.path();
        let name = fs::read_to_string(path.join("comm")).ok()?;
        let run = fs::read_to_string(path.join("schedstat")).ok()?;
        let nanoseconds: f64 = run.split(' ').next()?.parse().ok()?;
        name.starts_with(prefix).then_some(nanoseconds / 1e9)
    };
    tasks.flatten().filter_map(seconds).sum()
}

/// The seconds that a process has run, in its own code and in the kernel; 0 when it is gone.
#[must_use]
pub fn cpu_of_process(id: u32) -> f64 {
    let text = fs::read_to_string(format!("/proc/{id}/stat")).unwrap_or_default();
    // The name is in parentheses and may have blanks.
    let rest = text.rsplit_once(')').map_or("", |(_, rest)| rest);
    let fields = rest.split_whitespace().skip(11).take(2);
    fields.filter_map(|field| field.parse::<f64>().ok()).sum::<f64>() / TICKS
}

/// What a process holds in memory, in bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Memory {
    /// Everything that is resident, pages of the program's file included.
    pub resident: u64,
    /// What is backed by no file: heap and stacks.
    pub anonymous: u64,
}

/// The memory of a process; nothing when it is gone.
#[must_use]
pub fn memory_of_process(id: u32) -> Memory {
    let text = fs::read_to_string(format!("/proc/{id}/status")).unwrap_or_default();
    parse_memory(&text)
}

fn parse_memory(status: &str) -> Memory {
    let kilobytes = |name: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix(name))?;
        line.split_whitespace().next()?.parse::<u64>().ok()
    };
    Memory {
        resident: kilobytes("VmRSS:").unwrap_or_default() * 1024,
        anonymous: kilobytes("RssAnon:").unwrap_or_default() * 1024,
    }
}

/// The system's load over the last minute.
#[must_use]
pub fn load() -> f64 {
    let text = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    text.split(' ')
        .next()
        .and_then(|first| first.parse().ok())
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::{Memory, parse_memory};

    #[test]
    fn memory_is_told_in_bytes() {
        let status = "Name:\tx\nVmRSS:\t    2048 kB\nRssAnon:\t    1024 kB\nRssFile:\t    1024 kB\n";
        let expected = Memory {
            resident: 2 << 20,
            anonymous: 1 << 20,
        };
        assert_eq!(parse_memory(status), expected);
        assert_eq!(parse_memory("Name:\tgone\n"), Memory::default());
    }
}
