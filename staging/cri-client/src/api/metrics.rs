//! Metrics that the runtime collects for the kubelet's cadvisor endpoint.
//!
//! Part of `runtime.v1`, see the parent module.

use super::stats::UInt64Value;

/// The request of `ListMetricDescriptors`.
#[derive(Clone, Copy, PartialEq, ::prost::Message)]
pub struct ListMetricDescriptorsRequest {}

/// The answer of `ListMetricDescriptors`.
#[derive(Clone, PartialEq, ::prost::Message)]
pub struct ListMetricDescriptorsResponse {
    #[prost(message, repeated, tag = "1")]
    pub descriptors: Vec<MetricDescriptor>,
}

/// The name, help text and label names of a metric.
#[derive(Clone, PartialEq, ::prost::Message)]
pub struct MetricDescriptor {
    #[prost(string, tag = "1")]
    pub name: String,
    #[prost(string, tag = "2")]
    pub help: String,
    #[prost(string, repeated, tag = "3")]
    pub label_keys: Vec<String>,
}

/// The request of `ListPodSandboxMetrics`.
#[derive(Clone, Copy, PartialEq, ::prost::Message)]
pub struct ListPodSandboxMetricsRequest {}

/// The answer of `ListPodSandboxMetrics`.
#[derive(Clone, PartialEq, ::prost::Message)]
pub struct ListPodSandboxMetricsResponse {
    #[prost(message, repeated, tag = "1")]
    pub pod_metrics: Vec<PodSandboxMetrics>,
}

/// The request of `StreamPodSandboxMetrics`.
#[derive(Clone, Copy, PartialEq, ::prost::Message)]
pub struct StreamPodSandboxMetricsRequest {}

/// The answer of `StreamPodSandboxMetrics`.
#[derive(Clone, PartialEq, ::prost::Message)]
pub struct StreamPodSandboxMetricsResponse {
    #[prost(message, repeated, tag = "1")]
    pub pod_sandbox_metrics: Vec<PodSandboxMetrics>,
}

/// The metrics of a sandbox and its containers.
#[derive(Clone, PartialEq, ::prost::Message)]
pub struct PodSandboxMetrics {
    #[prost(string, tag = "1")]
    pub pod_sandbox_id: String,
    #[prost(message, repeated, tag = "2")]
    pub metrics: Vec<Metric>,
    #[prost(message, repeated, tag = "3")]
    pub container_metrics: Vec<ContainerMetrics>,
}

/// The metrics of one container.
#[derive(Clone, PartialEq, ::prost::Message)]
pub struct ContainerMetrics {
    #[prost(string, tag = "1")]
    pub container_id: String,
    #[prost(message, repeated, tag = "2")]
    pub metrics: Vec<Metric>,
}

/// One value of a metric.
#[derive(Clone, PartialEq, ::prost::Message)]
pub struct Metric {
    #[prost(string, tag = "1")]
    pub name: String,
    #[prost(int64, tag = "2")]
    pub timestamp: i64,
    #[prost(enumeration = "MetricType", tag = "3")]
    pub metric_type: i32,
    #[prost(string, repeated, tag = "4")]
    pub label_values: Vec<String>,
    #[prost(message, optional, tag = "5")]
    pub value: Option<UInt64Value>,
}

/// Whether a metric can go down.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, ::prost::Enumeration)]
#[repr(i32)]
pub enum MetricType {
    Counter = 0,
    Gauge = 1,
}

enum_names!(MetricType {
    Counter = "COUNTER",
    Gauge = "GAUGE",
});
