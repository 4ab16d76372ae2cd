//! Processor time, from /proc.

use std::fs;

/// Clock ticks a second, as Linux tells them to programs on every architecture.
const TICKS: f64 = 100.0;

/// The seconds that threads of this process with names that begin with `prefix` have run.
pub(crate) fn of_threads(prefix: &str) -> f64 {
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

/// The seconds that a process has run.
pub(crate) fn of_process(id: u32) -> f64 {
    let text = fs::read_to_string(format!("/proc/{id}/stat")).unwrap_or_default();
    // The name is in parentheses and may have blanks.
    let rest = text.rsplit_once(')').map_or("", |(_, rest)| rest);
    let fields = rest.split_whitespace().skip(11).take(2);
    fields.filter_map(|field| field.parse::<f64>().ok()).sum::<f64>() / TICKS
}
