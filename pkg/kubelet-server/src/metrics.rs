//! `/metrics/resource`: what pods use, in the text format.

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
pub(crate) struct Exposition(Vec<(String, String)>);

impl Exposition {
    /// Adds a sample to its family.
    pub(crate) fn add(
        &mut self,
        name: &str,
        kind: &str,
        help: &str,
        labels: &[(&str, &str)],
        value: f64,
        millis: Option<i64>,
    ) {
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

    pub(crate) fn answer(self) -> Response<Body> {
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
