//! What each metric of an autoscaler proposes.

use apimachinery::selectors::Selector;
use controller::text::label_selector;
use k8s_api::autoscaling::v2::{
    ContainerResourceMetricStatus, ExternalMetricSource, ExternalMetricStatus, HorizontalPodAutoscaler,
    MetricIdentifier, MetricSpec, MetricStatus, MetricTarget, MetricValueStatus, ObjectMetricSource,
    ObjectMetricStatus, PodsMetricSource, PodsMetricStatus, ResourceMetricStatus,
};
use k8s_api::primitives::{Format, Quantity};

use crate::metrics::MetricsApi;
use crate::replicas::{Pods, Proposal, Tolerances, by_value_per_pod};

/// What is proposed for a metric.
#[derive(Debug)]
pub(crate) struct Proposed {
    pub(crate) replicas: i32,
    /// How events name the metric.
    pub(crate) name: String,
    pub(crate) status: MetricStatus,
}

/// Why nothing is proposed.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Failed {
    /// The reason of condition and event.
    pub(crate) reason: &'static str,
    /// What condition and event say.
    pub(crate) message: String,
    /// What the error of the whole says.
    pub(crate) context: String,
}

/// What metrics are judged by.
pub(crate) struct Sources<'a> {
    pub(crate) api: &'a MetricsApi,
    pub(crate) hpa: &'a HorizontalPodAutoscaler,
    pub(crate) pods: &'a Pods<'a>,
    pub(crate) selector: &'a Selector,
    /// How many pods the target is to have.
    pub(crate) wanted: i32,
    /// How many it has.
    pub(crate) present: i32,
    pub(crate) tolerances: Tolerances,
}

type Named = (Proposal, String);

fn metric_selector(of: &MetricIdentifier) -> Result<Selector, String> {
    match of.selector.as_deref() {
        None => Ok(Selector::EVERYTHING),
        some => Selector::from_api(some).map_err(|error| error.to_string()),
    }
}

fn external_name(metric: &MetricIdentifier) -> String {
    format!(
        "external metric {}({})",
        metric.name,
        label_selector(metric.selector.as_deref())
    )
}

fn milli(amount: i64) -> Quantity {
    Quantity::new_milli(amount, Format::DecimalSI)
}

/// As metrics servers write it: memory in powers of two.
fn of_resource(resource: &str, amount: i64) -> Quantity {
    let format = if resource == "memory" {
        Format::BinarySI
    } else {
        Format::DecimalSI
    };
    Quantity::new_milli(amount, format)
}

fn is_average(target: &MetricTarget) -> bool {
    target.type_ == "AverageValue"
}

/// The current value that follows from how it is averaged.
fn current(average: bool, usage: i64) -> MetricValueStatus {
    let amount = Some(milli(usage));
    if average {
        MetricValueStatus {
            average_value: amount,
            ..Default::default()
        }
    } else {
        MetricValueStatus {
            value: amount,
            ..Default::default()
        }
    }
}

impl Sources<'_> {
    fn namespace(&self) -> &str {
        &self.hpa.metadata.namespace
    }

    /// What a metric proposes.
    pub(crate) async fn propose(&self, spec: &MetricSpec) -> Result<Proposed, Failed> {
        let mut status = MetricStatus {
            type_: spec.type_.clone(),
            ..Default::default()
        };
        let (proposed, reason, context) = match spec.type_.as_str() {
            "Object" if let Some(source) = spec.object.as_deref() => (
                self.object(source, &mut status).await,
                "FailedGetObjectMetric",
                "object metric value".to_owned(),
            ),
            "Pods" if let Some(source) = spec.pods.as_deref() => (
                self.of_pods(source, &mut status).await,
                "FailedGetPodsMetric",
                "pods metric value".to_owned(),
            ),
            "Resource" if let Some(source) = spec.resource.as_deref() => {
                let proposed = self.resource(&source.name, None, &source.target).await;
                let proposed = proposed.map(|(proposal, name, current)| {
                    let name_of = source.name.clone();
                    status.resource = Some(Box::new(ResourceMetricStatus { name: name_of, current }));
                    (proposal, name)
                });
                let context = format!("{} resource metric value", source.name);
                (proposed, "FailedGetResourceMetric", context)
            }
            "ContainerResource" if let Some(source) = spec.container_resource.as_deref() => {
                let proposed = self
                    .resource(&source.name, Some(&source.container), &source.target)
                    .await;
                let proposed = proposed.map(|(proposal, name, current)| {
                    status.container_resource = Some(Box::new(ContainerResourceMetricStatus {
                        name: source.name.clone(),
                        container: source.container.clone(),
                        current,
                    }));
                    (proposal, name)
                });
                let context = format!("{} container metric value", source.container);
                (proposed, "FailedGetContainerResourceMetric", context)
            }
            "External" if let Some(source) = spec.external.as_deref() => (
                self.external(source, &mut status).await,
                "FailedGetExternalMetric",
                format!("{} external metric value", source.metric.name),
            ),
            other => {
                let message = format!("unknown metric source type {other:?}");
                return Err(Failed {
                    reason: "InvalidMetricSourceType",
                    context: message.clone(),
                    message,
                });
            }
        };
        match proposed {
            Ok((proposal, name)) => Ok(Proposed {
                replicas: proposal.replicas,
                name,
                status,
            }),
            Err(message) => Err(Failed {
                reason,
                context: format!("failed to get {context}: {message}"),
                message,
            }),
        }
    }

    async fn resource(
        &self,
        resource: &str,
        container: Option<&str>,
        target: &MetricTarget,
    ) -> Result<(Proposal, String, MetricValueStatus), String> {
        let what = match (&target.average_value, target.average_utilization) {
            (Some(_), _) => "usage",
            (None, Some(_)) => "utilization",
            (None, None) => {
                return Err(
                    "invalid resource metric source: neither an average utilization target nor an average value (usage) target was set"
                        .to_owned(),
                );
            }
        };
        let failed = |error: String| format!("failed to get {resource} {what}: {error}");
        let metrics = self
            .api
            .resource(self.namespace(), self.selector, resource, container)
            .await;
        let metrics =
            metrics.map_err(|error| failed(format!("unable to get metrics for resource {resource}: {error}")))?;
        let (proposal, name) = match (&target.average_value, target.average_utilization) {
            (Some(average), _) => {
                let target = average.milli_value();
                let by_usage = self
                    .pods
                    .by_usage(metrics, self.wanted, target, resource, self.tolerances);
                (by_usage.map_err(failed)?, format!("{resource} resource"))
            }
            (None, utilization) => {
                let by_utilization = self.pods.by_utilization(
                    metrics,
                    self.wanted,
                    utilization.unwrap_or_default(),
                    resource,
                    container,
                    self.tolerances,
                );
                let of = if container.is_some() {
                    "container resource"
                } else {
                    "resource"
                };
                let name = format!("{resource} {of} utilization (percentage of request)");
                (by_utilization.map_err(failed)?, name)
            }
        };
        let current = MetricValueStatus {
            average_utilization: proposal.utilization,
            average_value: Some(of_resource(resource, proposal.usage)),
            value: None,
        };
        Ok((proposal, name, current))
    }

    async fn of_pods(&self, source: &PodsMetricSource, status: &mut MetricStatus) -> Result<Named, String> {
        let metric = &source.metric;
        let selector = metric_selector(metric)?;
        let metrics = self
            .api
            .of_pods(self.namespace(), self.selector, &metric.name, &selector)
            .await;
        let metrics = metrics.map_err(|error| format!("unable to get metric {}: {error}", metric.name))?;
        let target = source.target.average_value.as_ref().map_or(0, Quantity::milli_value);
        let proposal = self.pods.by_usage(metrics, self.wanted, target, "", self.tolerances)?;
        status.pods = Some(Box::new(PodsMetricStatus {
            metric: metric.clone(),
            current: current(true, proposal.usage),
        }));
        Ok((proposal, format!("pods metric {}", metric.name)))
    }

    async fn object(&self, source: &ObjectMetricSource, status: &mut MetricStatus) -> Result<Named, String> {
        let (object, metric, target) = (&source.described_object, &source.metric, &source.target);
        let average = is_average(target);
        let wanted = if average { &target.average_value } else { &target.value };
        let Some(wanted) = wanted else {
            return Err(
                "invalid object metric source: neither a value target nor an average value target was set".to_owned(),
            );
        };
        let selector = metric_selector(metric)?;
        let usage = self
            .api
            .of_object(self.namespace(), object, &metric.name, &selector)
            .await;
        let usage = usage.map_err(|error| {
            let (kind, name, namespace) = (&object.kind, &object.name, self.namespace());
            let of = if average {
                format!("failed to get {} object metric: ", metric.name)
            } else {
                String::new()
            };
            format!(
                "{of}unable to get metric {}: {error} on {kind} {namespace}/{name}",
                metric.name
            )
        })?;
        let (proposal, name) = if average {
            let proposal = by_value_per_pod(self.present, usage, wanted.milli_value(), self.tolerances);
            (proposal, external_name(metric))
        } else {
            let by_value = self
                .pods
                .by_value(self.wanted, usage, wanted.milli_value(), self.tolerances);
            (by_value?, format!("{} metric {}", object.kind, metric.name))
        };
        status.object = Some(Box::new(ObjectMetricStatus {
            described_object: object.clone(),
            metric: metric.clone(),
            current: current(average, proposal.usage),
        }));
        Ok((proposal, name))
    }

    async fn external(&self, source: &ExternalMetricSource, status: &mut MetricStatus) -> Result<Named, String> {
        let (metric, target) = (&source.metric, &source.target);
        let (average, wanted) = match (&target.average_value, &target.value) {
            (Some(wanted), _) => (true, wanted),
            (None, Some(wanted)) => (false, wanted),
            (None, None) => {
                return Err(
                    "invalid external metric source: neither a value target nor an average value target was set"
                        .to_owned(),
                );
            }
        };
        let failed = |error: String| {
            if average {
                format!("failed to get {} external metric: {error}", metric.name)
            } else {
                format!("failed to get external metric {}: {error}", metric.name)
            }
        };
        let selector = metric_selector(metric).map_err(failed)?;
        let values = self.api.external(self.namespace(), &metric.name, &selector).await;
        let values = values.map_err(|error| {
            let selector = label_selector(metric.selector.as_deref());
            let namespace = self.namespace();
            failed(format!(
                "unable to get external metric {namespace}/{}/{selector}: {error}",
                metric.name
            ))
        })?;
        let usage = values.into_iter().fold(0_i64, i64::saturating_add);
        let proposal = if average {
            by_value_per_pod(self.present, usage, wanted.milli_value(), self.tolerances)
        } else {
            self.pods
                .by_value(self.wanted, usage, wanted.milli_value(), self.tolerances)
                .map_err(failed)?
        };
        status.external = Some(Box::new(ExternalMetricStatus {
            metric: metric.clone(),
            current: current(average, proposal.usage),
        }));
        Ok((proposal, external_name(metric)))
    }
}
