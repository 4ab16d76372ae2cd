//! What the metrics APIs say: `metrics.k8s.io`, `custom.metrics.k8s.io` and `external.metrics.k8s.io`.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use apimachinery::selectors::Selector;
use client_go::discovery::CachedDiscovery;
use client_go::{Client, Error};
use http::Method;
use k8s_api::autoscaling::v2::CrossVersionObjectReference;
use k8s_api::primitives::{Quantity, Time};
use serde_json::Value;

/// Over which time a sample counts when the API does not say.
const DEFAULT_WINDOW: Duration = Duration::from_secs(60);

/// A sample of one pod.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct PodMetric {
    /// When the window ended.
    pub(crate) timestamp: Time,
    /// Over which time it was taken.
    pub(crate) window: Duration,
    /// In thousandths.
    pub(crate) value: i64,
}

/// Samples by pod.
pub(crate) type PodMetrics = BTreeMap<String, PodMetric>;

/// Why there are no metrics; the words are upstream's.
#[derive(Clone, Debug, thiserror::Error)]
pub(crate) enum MetricsError {
    #[error("unable to fetch metrics from {0} metrics API: {1}")]
    Request(&'static str, String),
    #[error("no metrics returned from {0} metrics API")]
    Empty(&'static str),
}

/// Reads metrics.
pub(crate) struct MetricsApi {
    client: Client,
    discovery: Arc<CachedDiscovery>,
}

impl MetricsApi {
    pub(crate) fn new(client: Client, discovery: Arc<CachedDiscovery>) -> Self {
        Self { client, discovery }
    }

    /// What the pods use of a resource: all their containers, or the one of this name.
    pub(crate) async fn resource(
        &self,
        namespace: &str,
        selector: &Selector,
        resource: &str,
        container: Option<&str>,
    ) -> Result<PodMetrics, MetricsError> {
        const API: &str = "resource";
        let path = format!("/apis/metrics.k8s.io/v1beta1/namespaces/{namespace}/pods");
        let request = self
            .client
            .request(Method::GET, path)
            .about("metrics.k8s.io", "pods", "");
        let items = items(API, request.query("labelSelector", &selector.to_string())).await?;
        let pods = items.iter().filter_map(|item| {
            let sample = |value| PodMetric {
                timestamp: timestamp(item),
                window: window(&item["window"]),
                value,
            };
            let containers = item["containers"].as_array()?;
            let usage = |of: &Value| milli(&of["usage"][resource]);
            let value = match container {
                Some(name) => usage(containers.iter().find(|of| of["name"] == name)?)?,
                // A pod of which part is not known counts as one without metrics.
                None if containers.is_empty() => return None,
                None => containers.iter().map(usage).sum::<Option<i64>>()?,
            };
            Some((name(&item["metadata"]), sample(value)))
        });
        Ok(pods.collect())
    }

    /// A custom metric of the pods.
    pub(crate) async fn of_pods(
        &self,
        namespace: &str,
        selector: &Selector,
        metric: &str,
        metric_selector: &Selector,
    ) -> Result<PodMetrics, MetricsError> {
        let items = self
            .custom(
                &format!("namespaces/{namespace}/pods/*/{metric}"),
                Some(selector),
                metric_selector,
            )
            .await?;
        let pods = items.iter().map(|item| {
            let seconds = item["windowSeconds"].as_u64().map(Duration::from_secs);
            let sample = PodMetric {
                timestamp: timestamp(item),
                window: seconds.unwrap_or(DEFAULT_WINDOW),
                value: milli(&item["value"]).unwrap_or_default(),
            };
            (name(&item["describedObject"]), sample)
        });
        Ok(pods.collect())
    }

    /// A custom metric of one object, in thousandths.
    pub(crate) async fn of_object(
        &self,
        namespace: &str,
        object: &CrossVersionObjectReference,
        metric: &str,
        metric_selector: &Selector,
    ) -> Result<i64, MetricsError> {
        let (group, version) = object.api_version.split_once('/').unwrap_or(("", &object.api_version));
        let path = if group.is_empty() && object.kind == "Namespace" {
            // A reference does not lead out of its namespace, whatever name it gives.
            format!("namespaces/{namespace}/metrics/{metric}")
        } else {
            let versions: &[&str] = if version.is_empty() { &[] } else { &[version] };
            let found = self
                .discovery
                .find(|mapper| mapper.mapping(group, &object.kind, versions).cloned())
                .await
                .map_err(|error| MetricsError::Request("custom", error.to_string()))?;
            let resource = if group.is_empty() {
                found.name
            } else {
                format!("{}.{group}", found.name)
            };
            format!("namespaces/{namespace}/{resource}/{}/{metric}", object.name)
        };
        let items = self.custom(&path, None, metric_selector).await?;
        Ok(milli(&items[0]["value"]).unwrap_or_default())
    }

    async fn custom(
        &self,
        path: &str,
        selector: Option<&Selector>,
        metric_selector: &Selector,
    ) -> Result<Vec<Value>, MetricsError> {
        const API: &str = "custom";
        const GROUP: &str = "custom.metrics.k8s.io";
        let failed = |error: String| MetricsError::Request(API, error);
        let mapper = self
            .discovery
            .mapper()
            .await
            .map_err(|error| failed(error.to_string()))?;
        let group = mapper.groups().iter().find(|group| group.name == GROUP);
        let Some(version) = group.and_then(|group| group.versions.first()) else {
            return Err(failed(format!("no custom metrics API ({GROUP}) registered")));
        };
        let mut request = self
            .client
            .request(Method::GET, format!("/apis/{GROUP}/{}/{path}", version.version));
        request = request.query_some("labelSelector", selector.map(ToString::to_string).as_deref());
        let selector = Some(metric_selector.to_string()).filter(|text| !text.is_empty());
        items(API, request.query_some("metricLabelSelector", selector.as_deref())).await
    }

    /// All values of an external metric, in thousandths.
    pub(crate) async fn external(
        &self,
        namespace: &str,
        metric: &str,
        selector: &Selector,
    ) -> Result<Vec<i64>, MetricsError> {
        const GROUP: &str = "external.metrics.k8s.io";
        let path = format!("/apis/{GROUP}/v1beta1/namespaces/{namespace}/{metric}");
        let request = self.client.request(Method::GET, path).about(GROUP, metric, "");
        let items = items("external", request.query("labelSelector", &selector.to_string())).await?;
        Ok(items
            .iter()
            .map(|item| milli(&item["value"]).unwrap_or_default())
            .collect())
    }
}

async fn items(api: &'static str, request: client_go::rest::Request) -> Result<Vec<Value>, MetricsError> {
    let failed = |error: &Error| MetricsError::Request(api, error.to_string());
    let response = request.send().await.map_err(|error| failed(&error))?;
    let mut list: Value =
        serde_json::from_slice(&response.body).map_err(|error| MetricsError::Request(api, error.to_string()))?;
    match list["items"].take() {
        Value::Array(items) if !items.is_empty() => Ok(items),
        _ => Err(MetricsError::Empty(api)),
    }
}

fn name(of: &Value) -> String {
    of["name"].as_str().unwrap_or_default().to_owned()
}

fn milli(value: &Value) -> Option<i64> {
    let quantity: Quantity = match value {
        Value::String(text) => text.parse().ok()?,
        Value::Number(number) => number.to_string().parse().ok()?,
        _ => return None,
    };
    Some(quantity.milli_value())
}

fn timestamp(item: &Value) -> Time {
    let text = item["timestamp"].as_str().unwrap_or_default();
    text.parse().unwrap_or(Time::from_unix(0, 0))
}

fn window(value: &Value) -> Duration {
    let text = value.as_str().unwrap_or_default();
    text.parse::<component_base::GoDuration>()
        .map_or(DEFAULT_WINDOW, |duration| duration.to_std())
}
