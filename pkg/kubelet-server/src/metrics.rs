//! `/metrics/resource` and `/metrics/cadvisor`: what pods use, in the text format.

use std::fmt::Write as _;
use std::sync::Arc;

use component_base::serving::Body;
use http::{Response, StatusCode};
use jiff::Timestamp;
use k8s_api::core::v1::Pod;
use kubelet_stats::{CpuStats, MemoryStats, StatsProvider};

use crate::answers;

const TEXT: &str = "text/plain; version=0.0.4; charset=utf-8; escaping=underscores";

/// Families in the order in which they were begun.
#[derive(Default)]
struct Exposition(Vec<(String, String)>);

impl Exposition {
    /// Adds a sample to its family.
    fn add(&mut self, name: &str, kind: &str, help: &str, labels: &[(&str, &str)], value: f64, millis: Option<i64>) {
        let at = self.0.iter().position(|(family, _)| family == name).unwrap_or_else(|| {
            let head = format!("# HELP {name} {help}\n# TYPE {name} {kind}\n");
            self.0.push((name.to_owned(), head));
            self.0.len() - 1
        });
        let text = &mut self.0[at].1;
        let escape = |text: &str| text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n");
        let pairs: Vec<_> = labels
            .iter()
            .map(|(key, value)| format!("{key}=\"{}\"", escape(value)))
            .collect();
        let labels = if pairs.is_empty() {
            String::new()
        } else {
            format!("{{{}}}", pairs.join(","))
        };
        let time = millis.map(|millis| format!(" {millis}")).unwrap_or_default();
        // Writing to a string cannot fail.
        let _ = writeln!(text, "{name}{labels} {value}{time}");
    }

    fn answer(self) -> Response<Body> {
        let text: String = self.0.into_iter().map(|(_, text)| text).collect();
        answers::with_type(StatusCode::OK, TEXT, text)
    }
}

fn seconds(cpu: Option<&CpuStats>) -> Option<f64> {
    cpu?.usage_core_nano_seconds.map(|nanos| nanos as f64 / 1e9)
}

fn working_set(memory: Option<&MemoryStats>) -> Option<f64> {
    memory?.working_set_bytes.map(|bytes| bytes as f64)
}

fn start(text: &str) -> Option<f64> {
    let moment: Timestamp = text.parse().ok()?;
    Some(moment.as_second() as f64)
}

/// CPU and memory of node, pods and containers: what the metrics server reads.
pub(crate) async fn resource(stats: &StatsProvider, pods: &[Arc<Pod>]) -> Response<Body> {
    const CPU: &str = "[STABLE] Cumulative cpu time consumed by the";
    const MEMORY: &str = "[STABLE] Current working set of the";
    let mut out = Exposition::default();
    let now = Some(Timestamp::now().as_millisecond());
    let failed = match stats.summary(pods, true).await {
        Ok(summary) => {
            for pod in &summary.pods {
                let place = [
                    ("namespace", pod.pod_ref.namespace.as_str()),
                    ("pod", pod.pod_ref.name.as_str()),
                ];
                for container in &pod.containers {
                    let labels = [("container", container.name.as_str()), place[0], place[1]];
                    let mut add = |name: &str, kind: &str, help: &str, value: Option<f64>, time: Option<i64>| {
                        if let Some(value) = value {
                            out.add(name, kind, help, &labels, value, time);
                        }
                    };
                    let cpu = seconds(container.cpu.as_ref());
                    add(
                        "container_cpu_usage_seconds_total",
                        "counter",
                        &format!("{CPU} container in core-seconds"),
                        cpu,
                        now,
                    );
                    let memory = working_set(container.memory.as_ref());
                    add(
                        "container_memory_working_set_bytes",
                        "gauge",
                        &format!("{MEMORY} container in bytes"),
                        memory,
                        now,
                    );
                    let help = "[STABLE] Start time of the container since unix epoch in seconds";
                    add(
                        "container_start_time_seconds",
                        "gauge",
                        help,
                        start(&container.start_time),
                        None,
                    );
                }
                if let Some(cpu) = seconds(pod.cpu.as_ref()) {
                    let help = format!("{CPU} pod in core-seconds");
                    out.add("pod_cpu_usage_seconds_total", "counter", &help, &place, cpu, now);
                }
                if let Some(memory) = working_set(pod.memory.as_ref()) {
                    let help = format!("{MEMORY} pod in bytes");
                    out.add("pod_memory_working_set_bytes", "gauge", &help, &place, memory, now);
                }
            }
            if let Some(cpu) = seconds(summary.node.cpu.as_ref()) {
                let help = format!("{CPU} node in core-seconds");
                out.add("node_cpu_usage_seconds_total", "counter", &help, &[], cpu, now);
            }
            if let Some(memory) = working_set(summary.node.memory.as_ref()) {
                let help = format!("{MEMORY} node in bytes");
                out.add("node_memory_working_set_bytes", "gauge", &help, &[], memory, now);
            }
            0.0
        }
        Err(error) => {
            tracing::error!(%error, "the node's use cannot be measured");
            1.0
        }
    };
    let help = "[STABLE] 1 if there was an error while getting container metrics, 0 otherwise";
    out.add("resource_scrape_error", "gauge", help, &[], failed, None);
    out.answer()
}

/// The figures that dashboards know from cAdvisor, by container and by pod.
pub(crate) async fn cadvisor(stats: &StatsProvider, pods: &[Arc<Pod>]) -> Response<Body> {
    let summary = match stats.summary(pods, false).await {
        Ok(summary) => summary,
        Err(error) => return answers::text(StatusCode::INTERNAL_SERVER_ERROR, error.to_string()),
    };
    let mut out = Exposition::default();
    let now = Some(Timestamp::now().as_millisecond());
    for pod in &summary.pods {
        let (namespace, name) = (pod.pod_ref.namespace.as_str(), pod.pod_ref.name.as_str());
        for container in &pod.containers {
            let labels = [
                ("container", container.name.as_str()),
                ("namespace", namespace),
                ("pod", name),
            ];
            let mut gauge = |metric: &str, help: &str, value: Option<u64>| {
                if let Some(value) = value {
                    out.add(metric, "gauge", help, &labels, value as f64, now);
                }
            };
            let memory = container.memory.clone().unwrap_or_default();
            gauge(
                "container_memory_usage_bytes",
                "Current memory usage in bytes",
                memory.usage_bytes,
            );
            gauge(
                "container_memory_working_set_bytes",
                "Current working set in bytes.",
                memory.working_set_bytes,
            );
            gauge("container_memory_rss", "Size of RSS in bytes.", memory.rss_bytes);
            let used = container.rootfs.as_ref().and_then(|fs| fs.used_bytes);
            gauge(
                "container_fs_usage_bytes",
                "Number of bytes that are consumed by the container on this filesystem.",
                used,
            );
            let started = start(&container.start_time).map(|it| it as u64);
            gauge(
                "container_start_time_seconds",
                "Start time of the container since unix epoch in seconds.",
                started,
            );
            if let Some(cpu) = seconds(container.cpu.as_ref()) {
                let labels = [labels[0], ("cpu", "total"), labels[1], labels[2]];
                let help = "Cumulative cpu time consumed in seconds.";
                out.add("container_cpu_usage_seconds_total", "counter", help, &labels, cpu, now);
            }
        }
        for interface in pod.network.iter().flat_map(|network| &network.interfaces) {
            let labels = [
                ("interface", interface.name.as_str()),
                ("namespace", namespace),
                ("pod", name),
            ];
            for (metric, help, value) in [
                (
                    "container_network_receive_bytes_total",
                    "Cumulative count of bytes received",
                    interface.rx_bytes,
                ),
                (
                    "container_network_receive_errors_total",
                    "Cumulative count of errors encountered while receiving",
                    interface.rx_errors,
                ),
                (
                    "container_network_transmit_bytes_total",
                    "Cumulative count of bytes transmitted",
                    interface.tx_bytes,
                ),
                (
                    "container_network_transmit_errors_total",
                    "Cumulative count of errors encountered while transmitting",
                    interface.tx_errors,
                ),
            ] {
                if let Some(value) = value {
                    out.add(metric, "counter", help, &labels, value as f64, now);
                }
            }
        }
    }
    out.answer()
}
