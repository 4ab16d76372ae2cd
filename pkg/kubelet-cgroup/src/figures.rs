//! All that the kernel counts of a cgroup, for the metrics that dashboards know from cAdvisor.

use std::fs;
use std::path::{Path, PathBuf};

use crate::tree::PodCgroupTree;

/// What one device did for a cgroup.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DeviceFigures {
    /// Its number, `major:minor`.
    pub device: String,
    /// Reads and writes.
    pub reads: u64,
    /// Writes.
    pub writes: u64,
    /// Bytes read.
    pub read_bytes: u64,
    /// Bytes written.
    pub write_bytes: u64,
}

macro_rules! figures {
    ($($(#[$doc:meta])* $name:ident,)*) => {
        /// What the kernel has counted and what it was told; what it does not know is none. Bytes, nanoseconds and numbers.
        #[derive(Clone, Debug, Default, PartialEq, Eq)]
        pub struct Figures {
            $($(#[$doc])* pub $name: Option<u64>,)*
            /// What devices did.
            pub devices: Vec<DeviceFigures>,
            /// One of the processes.
            pub process: Option<u32>,
        }
    };
}

figures! {
    /// CPU time.
    cpu,
    /// Of it, outside the kernel.
    cpu_user,
    /// Of it, in the kernel.
    cpu_system,
    /// Periods in which there was something to run.
    periods,
    /// Periods in which the quota was used up.
    throttled_periods,
    /// Time that was waited for the next period.
    throttled,
    /// Memory, page cache included.
    memory,
    /// The most there was of it.
    memory_max,
    /// Memory that cannot be given back easily.
    working_set,
    /// Page cache.
    cache,
    /// Anonymous memory.
    rss,
    /// Swap space.
    swap,
    /// Files mapped into memory.
    mapped,
    /// The kernel's own memory.
    kernel,
    /// How often the limit was met.
    failures,
    /// Files in memory that are in use.
    active_file,
    /// Files in memory that are not.
    inactive_file,
    /// Page faults.
    faults,
    /// Page faults that needed a device.
    major_faults,
    /// Processes that were killed for want of memory.
    oom_kills,
    /// Processes.
    processes,
    /// Threads.
    threads,
    /// How many threads there may be; 0 is any number.
    threads_limit,
    /// CPU shares.
    shares,
    /// The period of the CPU quota, in microseconds.
    period,
    /// The CPU quota, in microseconds.
    quota,
    /// The limit of memory; 0 is none.
    memory_limit,
    /// The soft limit of memory; 0 is none.
    memory_reservation,
    /// The limit of memory and swap space; 0 is none.
    swap_limit,
}

/// A cgroup below the node's root.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FoundCgroup {
    /// From the top of a hierarchy.
    pub path: String,
    /// The pod that it is of.
    pub pod: Option<String>,
    /// The container that it is of, as the runtime names it.
    pub container: Option<String>,
}

/// A file of a cgroup.
struct File(Option<String>);

impl File {
    fn number(&self) -> Option<u64> {
        self.0.as_deref()?.trim().parse().ok()
    }

    /// A limit, where no limit is 0: `max`, or a number near the largest.
    fn limit(&self) -> Option<u64> {
        let text = self.0.as_deref()?.trim();
        let unlimited = |bytes: u64| bytes >= i64::MAX as u64 - (1 << 16);
        match text {
            "max" => Some(0),
            text => text.parse().ok().map(|bytes| if unlimited(bytes) { 0 } else { bytes }),
        }
    }

    /// The value of a key, of lines `key value`.
    fn of(&self, key: &str) -> Option<u64> {
        let mut lines = self.0.as_deref()?.lines();
        let value = lines.find_map(|line| line.strip_prefix(key)?.strip_prefix(' '))?;
        value.trim().parse().ok()
    }

    fn lines(&self) -> impl Iterator<Item = &str> {
        self.0.as_deref().unwrap_or_default().lines()
    }
}

impl PodCgroupTree {
    fn file(&self, controller: &str, path: &str, file: &str) -> File {
        let mount = self.hierarchy().controller(controller);
        let read = |mount: &Path| fs::read_to_string(mount.join(path.trim_start_matches('/')).join(file)).ok();
        File(mount.and_then(read))
    }

    /// Everything about the cgroup at this path.
    #[must_use]
    pub fn figures(&self, path: &str) -> Figures {
        let mut figures = if self.hierarchy().is_v2() {
            self.figures_of_v2(path)
        } else {
            self.figures_of_v1(path)
        };
        let inactive = figures.inactive_file.unwrap_or_default();
        figures.working_set = figures.memory.map(|memory| memory.saturating_sub(inactive));
        let processes = self.file("pids", path, "cgroup.procs");
        let mut ids = processes.lines();
        figures.process = ids.next().and_then(|id| id.parse().ok());
        let more = ids.count() as u64;
        figures.processes = processes
            .0
            .is_some()
            .then(|| more + u64::from(figures.process.is_some()));
        figures.threads = self.file("pids", path, "pids.current").number();
        figures.threads_limit = self.file("pids", path, "pids.max").limit();
        figures
    }

    fn figures_of_v1(&self, path: &str) -> Figures {
        let cpu = self.file("cpu", path, "cpu.stat");
        let memory = self.file("memory", path, "memory.stat");
        let plain = |controller, file| self.file(controller, path, file).number();
        let limit = |file| self.file("memory", path, file).limit();
        Figures {
            cpu: plain("cpuacct", "cpuacct.usage"),
            cpu_user: plain("cpuacct", "cpuacct.usage_user"),
            cpu_system: plain("cpuacct", "cpuacct.usage_sys"),
            periods: cpu.of("nr_periods"),
            throttled_periods: cpu.of("nr_throttled"),
            throttled: cpu.of("throttled_time"),
            memory: plain("memory", "memory.usage_in_bytes"),
            memory_max: plain("memory", "memory.max_usage_in_bytes"),
            cache: memory.of("total_cache"),
            rss: memory.of("total_rss"),
            swap: memory.of("total_swap"),
            mapped: memory.of("total_mapped_file"),
            kernel: plain("memory", "memory.kmem.usage_in_bytes"),
            failures: plain("memory", "memory.failcnt"),
            active_file: memory.of("total_active_file"),
            inactive_file: memory.of("total_inactive_file"),
            faults: memory.of("total_pgfault"),
            major_faults: memory.of("total_pgmajfault"),
            oom_kills: self.file("memory", path, "memory.oom_control").of("oom_kill"),
            shares: plain("cpu", "cpu.shares"),
            period: plain("cpu", "cpu.cfs_period_us"),
            // -1 is none and no number.
            quota: plain("cpu", "cpu.cfs_quota_us"),
            memory_limit: limit("memory.limit_in_bytes"),
            memory_reservation: limit("memory.soft_limit_in_bytes"),
            swap_limit: limit("memory.memsw.limit_in_bytes"),
            devices: self.devices_of_v1(path),
            ..Figures::default()
        }
    }

    fn devices_of_v1(&self, path: &str) -> Vec<DeviceFigures> {
        let mut devices: Vec<DeviceFigures> = Vec::new();
        for (file, bytes) in [
            ("blkio.throttle.io_serviced", false),
            ("blkio.throttle.io_service_bytes", true),
        ] {
            for line in self.file("blkio", path, file).lines() {
                let words: Vec<&str> = line.split(' ').collect();
                let [device, what, value] = words[..] else { continue };
                let Ok(value) = value.parse::<u64>() else { continue };
                let at = devices.iter().position(|it| it.device == device).unwrap_or_else(|| {
                    devices.push(DeviceFigures {
                        device: device.to_owned(),
                        ..DeviceFigures::default()
                    });
                    devices.len() - 1
                });
                match (what, bytes) {
                    ("Read", false) => devices[at].reads = value,
                    ("Write", false) => devices[at].writes = value,
                    ("Read", true) => devices[at].read_bytes = value,
                    ("Write", true) => devices[at].write_bytes = value,
                    _ => {}
                }
            }
        }
        devices
    }

    fn figures_of_v2(&self, path: &str) -> Figures {
        let cpu = self.file("cpu", path, "cpu.stat");
        let memory = self.file("memory", path, "memory.stat");
        let events = self.file("memory", path, "memory.events");
        let micros = |key| cpu.of(key).map(|micros| micros.saturating_mul(1000));
        let plain = |file| self.file("memory", path, file).number();
        let limit = |file| self.file("memory", path, file).limit();
        let most = self.file("cpu", path, "cpu.max");
        let mut most = most
            .lines()
            .next()
            .unwrap_or_default()
            .split(' ')
            .map(str::parse::<u64>);
        let (quota, period) = (most.next(), most.next());
        Figures {
            cpu: micros("usage_usec"),
            cpu_user: micros("user_usec"),
            cpu_system: micros("system_usec"),
            periods: cpu.of("nr_periods"),
            throttled_periods: cpu.of("nr_throttled"),
            throttled: micros("throttled_usec"),
            memory: plain("memory.current"),
            memory_max: plain("memory.peak"),
            cache: memory.of("file"),
            rss: memory.of("anon"),
            swap: plain("memory.swap.current"),
            mapped: memory.of("file_mapped"),
            kernel: memory.of("kernel"),
            failures: events.of("max"),
            active_file: memory.of("active_file"),
            inactive_file: memory.of("inactive_file"),
            faults: memory.of("pgfault"),
            major_faults: memory.of("pgmajfault"),
            oom_kills: events.of("oom_kill"),
            // Weights of 1 to 10,000 stand for shares of 2 to 262,144.
            shares: self
                .file("cpu", path, "cpu.weight")
                .number()
                .map(|weight| 2 + (weight.saturating_sub(1) * 262_142) / 9999),
            period: period.and_then(Result::ok),
            quota: quota.and_then(Result::ok),
            memory_limit: limit("memory.max"),
            memory_reservation: limit("memory.low"),
            swap_limit: limit("memory.swap.max"),
            devices: self.devices_of_v2(path),
            ..Figures::default()
        }
    }

    fn devices_of_v2(&self, path: &str) -> Vec<DeviceFigures> {
        let stat = self.file("io", path, "io.stat");
        let device = |line: &str| {
            let (device, rest) = line.split_once(' ')?;
            let of = |key: &str| {
                let value = rest
                    .split(' ')
                    .find_map(|pair| pair.strip_prefix(key)?.strip_prefix('='));
                value.and_then(|value| value.parse().ok()).unwrap_or_default()
            };
            Some(DeviceFigures {
                device: device.to_owned(),
                reads: of("rios"),
                writes: of("wios"),
                read_bytes: of("rbytes"),
                write_bytes: of("wbytes"),
            })
        };
        stat.lines().filter_map(device).collect()
    }

    /// The cgroups of all pods and their containers, and those that they lie in.
    #[must_use]
    pub fn found(&self) -> Vec<FoundCgroup> {
        let Some(mount) = self.hierarchy().controller("memory") else {
            return Vec::new();
        };
        let mut found = Vec::new();
        self.find(
            mount,
            Path::new(self.pods_path().trim_start_matches('/')),
            None,
            &mut found,
        );
        found
    }

    fn find(&self, mount: &Path, path: &Path, pod: Option<&str>, found: &mut Vec<FoundCgroup>) {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let own = self.pod_of(&name);
        // What lies in a pod is a container; what a container makes in its own is its own affair.
        let container = pod.map(|_| container_of(&name));
        let pod = own.as_deref().or(pod);
        found.push(FoundCgroup {
            path: format!("/{}", path.display()),
            pod: pod.map(str::to_owned),
            container: container.clone(),
        });
        if container.is_some() {
            return;
        }
        let entries = fs::read_dir(mount.join(path)).into_iter().flatten().flatten();
        let below = entries.filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir()));
        let mut below: Vec<PathBuf> = below.map(|entry| path.join(entry.file_name())).collect();
        below.sort_unstable();
        for path in below {
            self.find(mount, &path, pod, found);
        }
    }
}

/// `<id>`, or `cri-containerd-<id>.scope` where systemd names cgroups.
fn container_of(name: &str) -> String {
    let own = name.strip_suffix(".scope").and_then(|scope| scope.rsplit('-').next());
    own.unwrap_or(name).to_owned()
}
