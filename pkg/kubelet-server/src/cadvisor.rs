//! `/metrics/cadvisor`: what the kernel counts of the node, of pods and of containers, under the names that dashboards know.
//!
//! Families that need more than cgroups and `/proc` are absent: load averages, open files and sockets of containers, task
//! states, ulimits, and use of file systems by container (which `/stats/summary` has).

use std::fs;
use std::sync::Arc;

use component_base::serving::Body;
use http::{Response, StatusCode};
use jiff::Timestamp;
use k8s_api::core::v1::Pod;
use kubelet_cgroup::Figures;
use kubelet_stats::{FileSystem, MeasuredCgroup, StatsProvider};

use crate::answers;
use crate::metrics::Exposition;

/// A family with one value a cgroup.
struct Family {
    name: &'static str,
    kind: &'static str,
    help: &'static str,
    value: fn(&Figures) -> Option<f64>,
}

const fn counter(name: &'static str, help: &'static str, value: fn(&Figures) -> Option<f64>) -> Family {
    Family {
        name,
        kind: "counter",
        help,
        value,
    }
}

const fn gauge(name: &'static str, help: &'static str, value: fn(&Figures) -> Option<f64>) -> Family {
    Family {
        name,
        kind: "gauge",
        help,
        value,
    }
}

fn plain(value: Option<u64>) -> Option<f64> {
    value.map(|value| value as f64)
}

fn seconds(nanos: Option<u64>) -> Option<f64> {
    nanos.map(|nanos| nanos as f64 / 1e9)
}

/// Only where there is a quota is anything throttled.
fn of_quota(figures: &Figures, value: Option<u64>) -> Option<u64> {
    figures.quota.and(value)
}

const CPU_USAGE: &str = "container_cpu_usage_seconds_total";

const FAMILIES: &[Family] = &[
    counter(CPU_USAGE, "CPU time in seconds.", |it| seconds(it.cpu)),
    counter(
        "container_cpu_user_seconds_total",
        "CPU time outside the kernel, in seconds.",
        |it| seconds(it.cpu_user),
    ),
    counter(
        "container_cpu_system_seconds_total",
        "CPU time in the kernel, in seconds.",
        |it| seconds(it.cpu_system),
    ),
    counter(
        "container_cpu_cfs_periods_total",
        "Periods of the CPU quota in which there was something to run.",
        |it| plain(of_quota(it, it.periods)),
    ),
    counter(
        "container_cpu_cfs_throttled_periods_total",
        "Periods in which the CPU quota was used up.",
        |it| plain(of_quota(it, it.throttled_periods)),
    ),
    counter(
        "container_cpu_cfs_throttled_seconds_total",
        "Seconds that were waited for the next period.",
        |it| seconds(of_quota(it, it.throttled)),
    ),
    gauge(
        "container_memory_usage_bytes",
        "Bytes of memory, page cache included.",
        |it| plain(it.memory),
    ),
    gauge(
        "container_memory_max_usage_bytes",
        "The most bytes of memory there were.",
        |it| plain(it.memory_max),
    ),
    gauge(
        "container_memory_working_set_bytes",
        "Bytes of memory that cannot be given back easily.",
        |it| plain(it.working_set),
    ),
    gauge("container_memory_cache", "Bytes of page cache.", |it| plain(it.cache)),
    gauge("container_memory_rss", "Bytes of anonymous memory.", |it| plain(it.rss)),
    gauge("container_memory_swap", "Bytes of swap space.", |it| plain(it.swap)),
    gauge(
        "container_memory_mapped_file",
        "Bytes of files mapped into memory.",
        |it| plain(it.mapped),
    ),
    gauge(
        "container_memory_kernel_usage",
        "Bytes of the kernel's own memory.",
        |it| plain(it.kernel),
    ),
    gauge(
        "container_memory_total_active_file_bytes",
        "Bytes of files in memory that are in use.",
        |it| plain(it.active_file),
    ),
    gauge(
        "container_memory_total_inactive_file_bytes",
        "Bytes of files in memory that are not in use.",
        |it| plain(it.inactive_file),
    ),
    counter("container_memory_failcnt", "How often memory met its limit.", |it| {
        plain(it.failures)
    }),
    counter(
        "container_oom_events_total",
        "Processes killed for want of memory.",
        |it| plain(it.oom_kills),
    ),
    gauge("container_processes", "Processes.", |it| plain(it.processes)),
    gauge("container_threads", "Threads.", |it| plain(it.threads)),
    gauge(
        "container_threads_max",
        "How many threads there may be; 0 is any number.",
        |it| plain(it.threads_limit),
    ),
    gauge("container_spec_cpu_shares", "CPU shares.", |it| plain(it.shares)),
    gauge(
        "container_spec_cpu_period",
        "The period of the CPU quota in microseconds.",
        |it| plain(it.period),
    ),
    gauge("container_spec_cpu_quota", "The CPU quota in microseconds.", |it| {
        plain(it.quota)
    }),
    gauge(
        "container_spec_memory_limit_bytes",
        "The limit of memory; 0 is none.",
        |it| plain(it.memory_limit),
    ),
    gauge(
        "container_spec_memory_reservation_limit_bytes",
        "The soft limit of memory; 0 is none.",
        |it| plain(it.memory_reservation),
    ),
    gauge(
        "container_spec_memory_swap_limit_bytes",
        "The limit of memory and swap space; 0 is none.",
        |it| plain(it.swap_limit),
    ),
];

const DEVICE_FAMILIES: [(&str, &str, fn(&kubelet_cgroup::DeviceFigures) -> u64); 4] = [
    ("container_fs_reads_total", "Reads.", |it| it.reads),
    ("container_fs_writes_total", "Writes.", |it| it.writes),
    ("container_fs_reads_bytes_total", "Bytes read.", |it| it.read_bytes),
    ("container_fs_writes_bytes_total", "Bytes written.", |it| it.write_bytes),
];

const NETWORK_FAMILIES: [(&str, &str); 4] = [
    ("bytes_total", "bytes"),
    ("packets_total", "packets"),
    ("errors_total", "errors"),
    ("packets_dropped_total", "packets dropped"),
];

/// The labels of a cgroup, one more among them, in the order of their names.
fn labelled<'a>(it: &'a MeasuredCgroup, more: Option<(&'a str, &'a str)>) -> Vec<(&'a str, &'a str)> {
    let own = [
        ("container", it.container.as_str()),
        ("id", &it.id),
        ("image", &it.image),
        ("name", &it.name),
        ("namespace", &it.namespace),
        ("pod", &it.pod),
    ];
    let mut labels: Vec<_> = own.into_iter().chain(more).collect();
    labels.sort_unstable();
    labels
}

/// The device of a number, as `/dev` names it.
fn device_name(number: &str) -> String {
    let target = fs::read_link(format!("/sys/dev/block/{number}")).ok();
    let name = target.as_deref().and_then(|path| path.file_name());
    name.map_or_else(String::new, |name| format!("/dev/{}", name.to_string_lossy()))
}

fn expose(measured: &[MeasuredCgroup], now: Timestamp) -> Exposition {
    let mut out = Exposition::default();
    let millis = Some(now.as_millisecond());
    for family in FAMILIES {
        let more = (family.name == CPU_USAGE).then_some(("cpu", "total"));
        for it in measured {
            if let Some(value) = (family.value)(&it.figures) {
                out.add(
                    family.name,
                    family.kind,
                    family.help,
                    &labelled(it, more),
                    value,
                    millis,
                );
            }
        }
    }
    for it in measured {
        let (name, help) = ("container_last_seen", "When it was measured, in seconds since 1970.");
        out.add(name, "gauge", help, &labelled(it, None), now.as_second() as f64, millis);
        if let Some(created) = it.created {
            let (name, help) = (
                "container_start_time_seconds",
                "When it was made, in seconds since 1970.",
            );
            out.add(name, "gauge", help, &labelled(it, None), created as f64, millis);
        }
        for (kind, value) in [("pgfault", it.figures.faults), ("pgmajfault", it.figures.major_faults)] {
            let Some(value) = value else { continue };
            let mut labels = labelled(it, Some(("failure_type", kind)));
            labels.push(("scope", "hierarchy"));
            let (name, help) = ("container_memory_failures_total", "Page faults.");
            out.add(name, "counter", help, &labels, value as f64, millis);
        }
        for device in &it.figures.devices {
            let name = device_name(&device.device);
            for (family, help, value) in DEVICE_FAMILIES {
                let labels = labelled(it, Some(("device", &name)));
                out.add(family, "counter", help, &labels, value(device) as f64, millis);
            }
        }
        for interface in &it.interfaces {
            let labels = labelled(it, Some(("interface", &interface.name)));
            for (way, values) in [("receive", interface.received), ("transmit", interface.sent)] {
                for ((name, what), value) in NETWORK_FAMILIES.iter().zip(values) {
                    let name = format!("container_network_{way}_{name}");
                    let help = format!("Of the network ({way}): {what}.");
                    out.add(&name, "counter", &help, &labels, value as f64, millis);
                }
            }
        }
    }
    out
}

/// The file system that the node keeps its own files on.
fn add_file_system(out: &mut Exposition, fs: &FileSystem, millis: Option<i64>) {
    let node = MeasuredCgroup {
        id: "/".to_owned(),
        ..MeasuredCgroup::default()
    };
    let mounts = fs::read_to_string("/proc/self/mounts").unwrap_or_default();
    let of_root = |line: &str| {
        let mut words = line.split(' ');
        let device = words.next()?.to_owned();
        (words.next() == Some("/")).then_some(device)
    };
    let device = mounts.lines().filter_map(of_root).last().unwrap_or_default();
    for (name, help, value) in [
        ("container_fs_limit_bytes", "Bytes of the file system.", fs.capacity),
        ("container_fs_usage_bytes", "Bytes of the file system in use.", fs.used),
        ("container_fs_inodes_total", "Inodes of the file system.", fs.inodes),
        (
            "container_fs_inodes_free",
            "Free inodes of the file system.",
            fs.inodes_free,
        ),
    ] {
        out.add(
            name,
            "gauge",
            help,
            &labelled(&node, Some(("device", &device))),
            value as f64,
            millis,
        );
    }
}

/// What is said of the machine itself.
fn add_machine(out: &mut Exposition, memory: u64, millis: Option<i64>) {
    let text = |path: &str| fs::read_to_string(path).unwrap_or_default();
    let line = |path: &str| text(path).trim().to_owned();
    let boot = line("/proc/sys/kernel/random/boot_id");
    let machine = line("/etc/machine-id");
    let system = line("/sys/class/dmi/id/product_uuid");
    let labels = [
        ("boot_id", boot.as_str()),
        ("machine_id", &machine),
        ("system_uuid", &system),
    ];
    let cpus = text("/proc/cpuinfo");
    let distinct = |keys: &[&str]| {
        let of = |block: &str| -> Vec<String> {
            let value = |key: &&str| block.lines().find(|line| line.starts_with(*key)).map(str::to_owned);
            keys.iter().filter_map(value).collect()
        };
        let mut all: Vec<_> = cpus.split("\n\n").map(of).filter(|it| it.len() == keys.len()).collect();
        all.sort_unstable();
        all.dedup();
        all.len() as f64
    };
    let swap = text("/proc/meminfo")
        .lines()
        .find_map(|line| {
            line.strip_prefix("SwapTotal:")?
                .trim()
                .strip_suffix("kB")?
                .trim()
                .parse::<u64>()
                .ok()
        })
        .unwrap_or_default();
    for (name, help, value) in [
        ("machine_cpu_cores", "Logical CPUs.", distinct(&["processor"])),
        (
            "machine_cpu_physical_cores",
            "Cores.",
            distinct(&["physical id", "core id"]),
        ),
        ("machine_cpu_sockets", "Sockets.", distinct(&["physical id"])),
        ("machine_memory_bytes", "Bytes of memory.", memory as f64),
        ("machine_swap_bytes", "Bytes of swap space.", (swap * 1024) as f64),
    ] {
        out.add(name, "gauge", help, &labels, value, millis);
    }
    let kernel = line("/proc/sys/kernel/osrelease");
    let release = text("/etc/os-release");
    let name = release.lines().find_map(|line| line.strip_prefix("PRETTY_NAME="));
    let system = name.unwrap_or_default().trim_matches('"').to_owned();
    let labels = [
        ("cadvisorRevision", ""),
        ("cadvisorVersion", ""),
        ("dockerVersion", ""),
        ("kernelVersion", &kernel),
        ("osVersion", &system),
    ];
    let help = "Kernel and system, as labels; the value is always 1.";
    out.add("cadvisor_version_info", "gauge", help, &labels, 1.0, None);
}

/// Answers with all of it.
pub(crate) async fn answer(stats: &StatsProvider, pods: &[Arc<Pod>]) -> Response<Body> {
    let measured = match stats.measured(pods).await {
        Ok(measured) => measured,
        Err(error) => return answers::text(StatusCode::INTERNAL_SERVER_ERROR, error.to_string()),
    };
    let now = Timestamp::now();
    let mut out = expose(&measured, now);
    let millis = Some(now.as_millisecond());
    if let Ok(fs) = stats.node_fs() {
        add_file_system(&mut out, &fs, millis);
    }
    let memory = measured.first().and_then(|node| node.figures.memory_limit);
    add_machine(&mut out, memory.unwrap_or_default(), millis);
    for name in ["container_scrape_error", "machine_scrape_error"] {
        out.add(
            name,
            "gauge",
            "1 if something could not be measured, 0 otherwise.",
            &[],
            0.0,
            None,
        );
    }
    out.answer()
}

#[cfg(test)]
mod tests {
    use http_body_util::BodyExt as _;
    use kubelet_cgroup::DeviceFigures;
    use kubelet_stats::InterfaceFigures;

    use super::*;

    #[tokio::test]
    async fn a_container_in_the_words_of_dashboards() {
        let figures = Figures {
            cpu: Some(1_500_000_000),
            working_set: Some(700),
            periods: Some(5),
            throttled_periods: Some(2),
            faults: Some(9),
            devices: vec![DeviceFigures {
                device: "0:0".to_owned(),
                reads: 3,
                ..DeviceFigures::default()
            }],
            ..Figures::default()
        };
        let container = MeasuredCgroup {
            id: "/kubepods/podu/c".to_owned(),
            name: "c".to_owned(),
            image: "image:1".to_owned(),
            container: "main".to_owned(),
            namespace: "ns".to_owned(),
            pod: "p".to_owned(),
            created: Some(1_700_000_000),
            figures: figures.clone(),
            interfaces: vec![InterfaceFigures {
                name: "eth0".to_owned(),
                received: [1, 2, 3, 4],
                sent: [5, 6, 7, 8],
            }],
        };
        let limited = MeasuredCgroup {
            id: "/limited".to_owned(),
            figures: Figures {
                quota: Some(50_000),
                ..figures
            },
            ..MeasuredCgroup::default()
        };
        let now = Timestamp::from_second(1_700_000_100).expect("a time");
        let answer = expose(&[container, limited], now).answer();
        let bytes = answer.into_body().collect().await.expect("a body").to_bytes();
        let text = String::from_utf8_lossy(&bytes);
        let own = "id=\"/kubepods/podu/c\",image=\"image:1\"";
        let pod = "name=\"c\",namespace=\"ns\",pod=\"p\"";
        for line in [
            format!(
                "container_cpu_usage_seconds_total{{container=\"main\",cpu=\"total\",{own},{pod}}} 1.5 1700000100000"
            ),
            format!("container_memory_working_set_bytes{{container=\"main\",{own},{pod}}} 700 1700000100000"),
            format!("container_start_time_seconds{{container=\"main\",{own},{pod}}} 1700000000 "),
            format!("container_fs_reads_total{{container=\"main\",device=\"\",{own},{pod}}} 3 "),
            format!(
                "container_network_receive_packets_dropped_total{{container=\"main\",{own},interface=\"eth0\",{pod}}} 4 "
            ),
            format!("container_network_transmit_bytes_total{{container=\"main\",{own},interface=\"eth0\",{pod}}} 5 "),
            format!(
                "container_memory_failures_total{{container=\"main\",failure_type=\"pgfault\",{own},{pod},scope=\"hierarchy\"}} 9 "
            ),
        ] {
            assert!(text.contains(&line), "{line}\n{text}");
        }
        let throttled: Vec<_> = text
            .lines()
            .filter(|line| line.starts_with("container_cpu_cfs_throttled_periods_total"))
            .collect();
        assert_eq!(throttled.len(), 1, "only what has a quota: {throttled:?}");
    }
}
