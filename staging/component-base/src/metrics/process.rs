//! What the kernel knows of this process, read when it is asked for.

use std::fs;
use std::io;

use nix::sys::resource::{RLIM_INFINITY, Resource, getrlimit};
use nix::unistd::{SysconfVar, sysconf};
use prometheus::core::{Collector, Desc};
use prometheus::proto::MetricFamily;
use prometheus::{Counter, Gauge};

/// The `process_*` metrics.
pub(super) struct ProcessCollector {
    cpu: Counter,
    gauges: [Gauge; 6],
}

const GAUGES: [(&str, &str); 6] = [
    (
        "process_start_time_seconds",
        "[ALPHA] When the process started, in seconds since the epoch.",
    ),
    ("process_open_fds", "How many file descriptors are open."),
    ("process_max_fds", "How many file descriptors may be open."),
    ("process_virtual_memory_bytes", "Virtual memory in bytes."),
    (
        "process_virtual_memory_max_bytes",
        "The most virtual memory there may be, in bytes.",
    ),
    ("process_resident_memory_bytes", "Resident memory in bytes."),
];

impl ProcessCollector {
    pub(super) fn new() -> Self {
        let valid = "the process metrics have valid names";
        Self {
            cpu: Counter::new(
                "process_cpu_seconds_total",
                "User and system CPU time spent, in seconds.",
            )
            .expect(valid),
            gauges: GAUGES.map(|(name, help)| Gauge::new(name, help).expect(valid)),
        }
    }

    fn refresh(&self) -> io::Result<()> {
        let usage = ProcessUsage::read()?;
        let now = self.cpu.get();
        if usage.cpu_seconds > now {
            self.cpu.inc_by(usage.cpu_seconds - now);
        }
        let values = [
            usage.start_time_seconds,
            usage.open_fds as f64,
            limit(Resource::RLIMIT_NOFILE)?,
            usage.virtual_bytes as f64,
            limit(Resource::RLIMIT_AS)?,
            usage.resident_bytes as f64,
        ];
        for (gauge, value) in self.gauges.iter().zip(values) {
            gauge.set(value);
        }
        Ok(())
    }
}

fn limit(resource: Resource) -> io::Result<f64> {
    let (soft, _) = getrlimit(resource)?;
    Ok(if soft == RLIM_INFINITY {
        u64::MAX as f64
    } else {
        soft as f64
    })
}

/// One reading of `/proc/self`.
struct ProcessUsage {
    cpu_seconds: f64,
    start_time_seconds: f64,
    virtual_bytes: u64,
    resident_bytes: u64,
    open_fds: usize,
}

impl ProcessUsage {
    fn read() -> io::Result<Self> {
        let malformed = || io::Error::new(io::ErrorKind::InvalidData, "malformed file in /proc");
        let stat = fs::read_to_string("/proc/self/stat")?;
        // The name in parentheses may hold anything; the fields are counted from its end, which is field 2.
        let fields: Vec<&str> = stat
            .rsplit_once(')')
            .ok_or_else(malformed)?
            .1
            .split_ascii_whitespace()
            .collect();
        let field = |number: usize| {
            fields
                .get(number - 3)
                .and_then(|text| text.parse::<u64>().ok())
                .ok_or_else(malformed)
        };
        let boot: u64 = fs::read_to_string("/proc/stat")?
            .lines()
            .find_map(|line| line.strip_prefix("btime "))
            .and_then(|text| text.trim().parse().ok())
            .ok_or_else(malformed)?;
        let system = |variable| -> io::Result<u64> {
            sysconf(variable)?
                .and_then(|value| u64::try_from(value).ok())
                .ok_or_else(malformed)
        };
        let ticks = system(SysconfVar::CLK_TCK)? as f64;
        Ok(Self {
            cpu_seconds: (field(14)? + field(15)?) as f64 / ticks,
            start_time_seconds: boot as f64 + field(22)? as f64 / ticks,
            virtual_bytes: field(23)?,
            resident_bytes: field(24)? * system(SysconfVar::PAGE_SIZE)?,
            // The directory handle that reads the list is itself on it.
            open_fds: fs::read_dir("/proc/self/fd")?.count().saturating_sub(1),
        })
    }
}

impl Collector for ProcessCollector {
    fn desc(&self) -> Vec<&Desc> {
        self.cpu
            .desc()
            .into_iter()
            .chain(self.gauges.iter().flat_map(Collector::desc))
            .collect()
    }

    fn collect(&self) -> Vec<MetricFamily> {
        if let Err(error) = self.refresh() {
            tracing::warn!(err = %error, "cannot read the process's figures");
        }
        self.cpu
            .collect()
            .into_iter()
            .chain(self.gauges.iter().flat_map(Collector::collect))
            .collect()
    }
}
