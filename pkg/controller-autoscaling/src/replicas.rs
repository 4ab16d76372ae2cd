//! From usage and target to a number of pods. No IO.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use apis_pod::resources::PodTotals;
use controller_objects::pods::{condition, is_ready};
use k8s_api::core::v1::{Container, Pod};
use k8s_api::primitives::{Quantity, Time};

use crate::metrics::{PodMetric, PodMetrics};

/// How far the ratio of usage to target may be from 1 without anything being scaled.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Tolerances {
    pub(crate) down: f64,
    pub(crate) up: f64,
}

impl Tolerances {
    fn cover(self, ratio: f64) -> bool {
        (1.0 - self.down..=1.0 + self.up).contains(&ratio)
    }
}

/// How samples of young pods are taken.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Patience {
    /// So long after a pod's start its CPU samples may be those of its initialization.
    pub(crate) initialization: Duration,
    /// So long after its start a change to unready counts as its first.
    pub(crate) readiness: Duration,
}

/// The pods that an autoscaler is about, at one moment.
pub(crate) struct Pods<'a> {
    pub(crate) all: &'a [Arc<Pod>],
    pub(crate) patience: Patience,
    pub(crate) now: Time,
}

/// A number of pods, and the usage that it follows from.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Proposal {
    pub(crate) replicas: i32,
    /// In percent of the request; only for utilizations.
    pub(crate) utilization: Option<i32>,
    /// The average (or for values the whole) usage in thousandths.
    pub(crate) usage: i64,
}

const NO_PODS: &str = "no pods returned by selector while calculating replica count";

#[derive(Default)]
struct Groups<'a> {
    ready: usize,
    unready: BTreeSet<&'a str>,
    missing: BTreeSet<&'a str>,
    ignored: BTreeSet<&'a str>,
}

fn ceil(number: f64) -> i32 {
    // Float to integer casts saturate.
    #[expect(clippy::cast_possible_truncation, reason = "it saturates, which is what is wanted")]
    let whole = number.ceil() as i32;
    whole
}

#[expect(clippy::cast_precision_loss, reason = "usages of 2^53 thousandths do not occur")]
fn float(number: i64) -> f64 {
    number as f64
}

fn count(number: usize) -> f64 {
    float(i64::try_from(number).unwrap_or(i64::MAX))
}

impl<'a> Pods<'a> {
    /// Which pods count as ready, and which samples do not count.
    fn group(&self, metrics: &PodMetrics, resource: &str) -> Groups<'a> {
        let mut groups = Groups::default();
        for pod in self.all {
            let name = pod.metadata.name.as_str();
            if pod.metadata.deletion_timestamp.is_some() || pod.status.phase == "Failed" {
                groups.ignored.insert(name);
            } else if pod.status.phase == "Pending" {
                groups.unready.insert(name);
            } else if let Some(metric) = metrics.get(name) {
                if resource == "cpu" && self.is_unready(pod, metric) {
                    groups.unready.insert(name);
                } else {
                    groups.ready += 1;
                }
            } else {
                groups.missing.insert(name);
            }
        }
        groups
    }

    /// Whether a sample of the CPU may not tell anything yet.
    fn is_unready(&self, pod: &Pod, metric: &PodMetric) -> bool {
        let (Some(ready), Some(started)) = (condition(&pod.status, "Ready"), pod.status.start_time) else {
            return true;
        };
        let changed = ready.last_transition_time.unwrap_or(Time::from_unix(0, 0));
        let is_false = ready.status == "False";
        if started.plus(self.patience.initialization) > self.now {
            // A whole window has to lie behind the change.
            return is_false || metric.timestamp < changed.plus(metric.window);
        }
        is_false && started.plus(self.patience.readiness) > changed
    }

    /// By the pods' usage in percent of what they request; `container` is the one that counts, if not all do.
    pub(crate) fn by_utilization(
        &self,
        mut metrics: PodMetrics,
        current: i32,
        target: i32,
        resource: &str,
        container: Option<&str>,
        tolerances: Tolerances,
    ) -> Result<Proposal, String> {
        let groups = self.grouped(&mut metrics, resource)?;
        let requests = self.requests(resource, container)?;
        let (ratio, utilization, usage) = utilization(&metrics, &requests, target)?;
        let replicas = settle(&mut metrics, &groups, current, tolerances, ratio, |metrics, fill| {
            let request = |name: &str| requests.get(name).copied().unwrap_or_default();
            for (name, fill) in fill {
                let value = match fill {
                    Fill::Nothing => 0,
                    Fill::Target => request(name) * i64::from(target.max(100)) / 100,
                };
                metrics.insert(name.to_owned(), unsampled(value));
            }
            utilization_ratio(metrics, &requests, target)
        })?;
        Ok(Proposal {
            replicas,
            utilization: Some(utilization),
            usage,
        })
    }

    /// By the pods' usage alone, in thousandths; `resource` is empty for custom metrics.
    pub(crate) fn by_usage(
        &self,
        mut metrics: PodMetrics,
        current: i32,
        target: i64,
        resource: &str,
        tolerances: Tolerances,
    ) -> Result<Proposal, String> {
        let groups = self.grouped(&mut metrics, resource)?;
        let average = |metrics: &PodMetrics| {
            let total: i64 = metrics.values().map(|metric| metric.value).sum();
            total / i64::try_from(metrics.len()).unwrap_or(i64::MAX)
        };
        let usage = average(&metrics);
        let ratio = float(usage) / float(target);
        let replicas = settle(&mut metrics, &groups, current, tolerances, ratio, |metrics, fill| {
            for (name, fill) in fill {
                let value = if fill == Fill::Target { target } else { 0 };
                metrics.insert(name.to_owned(), unsampled(value));
            }
            Ok(float(average(metrics)) / float(target))
        })?;
        Ok(Proposal {
            replicas,
            utilization: None,
            usage,
        })
    }

    fn grouped(&self, metrics: &mut PodMetrics, resource: &str) -> Result<Groups<'a>, String> {
        if self.all.is_empty() {
            return Err(NO_PODS.to_owned());
        }
        let groups = self.group(metrics, resource);
        metrics.retain(|name, _| !groups.ignored.contains(name.as_str()) && !groups.unready.contains(name.as_str()));
        if metrics.is_empty() {
            return Err("did not receive metrics for targeted pods (pods might be unready)".to_owned());
        }
        Ok(groups)
    }

    /// By one value for all pods together.
    pub(crate) fn by_value(
        &self,
        current: i32,
        usage: i64,
        target: i64,
        tolerances: Tolerances,
    ) -> Result<Proposal, String> {
        let ratio = float(usage) / float(target);
        let replicas = if current == 0 {
            // From zero there is neither a ready pod to multiply nor anything to be tolerant of.
            ceil(ratio)
        } else if tolerances.cover(ratio) {
            current
        } else {
            let failed = |error: &str| format!("unable to calculate ready pods: {error}");
            if self.all.is_empty() {
                return Err(failed(NO_PODS));
            }
            let ready = self
                .all
                .iter()
                .filter(|pod| pod.status.phase == "Running" && is_ready(pod));
            ceil(ratio * count(ready.count()))
        };
        Ok(Proposal {
            replicas,
            utilization: None,
            usage,
        })
    }

    fn requests(&self, resource: &str, container: Option<&str>) -> Result<BTreeMap<&'a str, i64>, String> {
        let all = self.all.iter();
        all.map(|pod| Ok((pod.metadata.name.as_str(), request(pod, resource, container)?)))
            .collect()
    }
}

/// By one value divided among the pods; without pods the ratio is infinite.
pub(crate) fn by_value_per_pod(current: i32, usage: i64, target: i64, tolerances: Tolerances) -> Proposal {
    let ratio = float(usage) / (float(target) * f64::from(current));
    let replicas = if tolerances.cover(ratio) {
        current
    } else {
        ceil(float(usage) / float(target))
    };
    #[expect(clippy::cast_possible_truncation, reason = "it saturates, which is what is wanted")]
    let average = (float(usage) / f64::from(current)).ceil() as i64;
    Proposal {
        replicas,
        utilization: None,
        usage: average,
    }
}

/// What is assumed of a pod without a sample.
#[derive(Clone, Copy, PartialEq)]
enum Fill {
    Nothing,
    /// Just what it should use.
    Target,
}

fn unsampled(value: i64) -> PodMetric {
    PodMetric {
        timestamp: Time::from_unix(0, 0),
        window: Duration::ZERO,
        value,
    }
}

/// Decides by the ratio; pods without samples are assumed to damp the change and not to turn it round. `refill` puts the
/// assumptions among the samples and returns the ratio then.
fn settle(
    metrics: &mut PodMetrics,
    groups: &Groups<'_>,
    current: i32,
    tolerances: Tolerances,
    ratio: f64,
    refill: impl FnOnce(&mut PodMetrics, Vec<(&str, Fill)>) -> Result<f64, String>,
) -> Result<i32, String> {
    let up_with_unready = !groups.unready.is_empty() && ratio > 1.0;
    if !up_with_unready && groups.missing.is_empty() {
        return Ok(if tolerances.cover(ratio) {
            current
        } else {
            ceil(ratio * count(groups.ready))
        });
    }
    let mut fill = Vec::new();
    if ratio < 1.0 {
        fill.extend(groups.missing.iter().map(|name| (*name, Fill::Target)));
    } else if ratio > 1.0 {
        fill.extend(groups.missing.iter().map(|name| (*name, Fill::Nothing)));
    }
    if up_with_unready {
        fill.extend(groups.unready.iter().map(|name| (*name, Fill::Nothing)));
    }
    let then = refill(metrics, fill)?;
    if tolerances.cover(then) || (ratio < 1.0 && then > 1.0) || (ratio > 1.0 && then < 1.0) {
        return Ok(current);
    }
    let replicas = ceil(then * count(metrics.len()));
    let turned = (then < 1.0 && replicas > current) || (then > 1.0 && replicas < current);
    Ok(if turned { current } else { replicas })
}

fn utilization_ratio(metrics: &PodMetrics, requests: &BTreeMap<&str, i64>, target: i32) -> Result<f64, String> {
    utilization(metrics, requests, target).map(|(ratio, ..)| ratio)
}

/// The ratio of utilization to target, the utilization in percent, and the average usage.
fn utilization(metrics: &PodMetrics, requests: &BTreeMap<&str, i64>, target: i32) -> Result<(f64, i32, i64), String> {
    let known = metrics
        .iter()
        .filter_map(|(name, metric)| Some((metric.value, *requests.get(name.as_str())?)));
    let (mut used, mut requested, mut entries) = (0_i64, 0_i64, 0_i64);
    for (value, request) in known {
        used += value;
        requested += request;
        entries += 1;
    }
    if requested == 0 {
        return Err("no metrics returned matched known pods".to_owned());
    }
    let percent = i32::try_from(used * 100 / requested).unwrap_or(i32::MAX);
    Ok((f64::from(percent) / f64::from(target), percent, used / entries))
}

/// What a pod (or one container of it) requests, in thousandths.
fn request(pod: &Pod, resource: &str, container: Option<&str>) -> Result<i64, String> {
    let name = &pod.metadata.name;
    let of_pod = pod.spec.resources.as_deref().is_some_and(|it| !it.requests.is_empty());
    if of_pod && container.is_none() {
        let totals = PodTotals {
            pod_level: true,
            ..PodTotals::default()
        };
        let amount = totals.requests(pod).get(resource).map(Quantity::milli_value);
        return amount.ok_or_else(|| format!("missing pod-level request for {resource} in Pod {name}"));
    }
    let of = |it: &Container| {
        let amount = it.resources.requests.get(resource);
        amount.map(Quantity::milli_value).ok_or_else(|| {
            let container = &it.name;
            format!("missing request for {resource} in container {container} of Pod {name}")
        })
    };
    let sidecars = pod.spec.init_containers.iter();
    let sidecars = sidecars.filter(|it| it.restart_policy.as_deref() == Some("Always"));
    let mut counted = pod.spec.containers.iter().chain(sidecars);
    match container {
        None => counted.map(of).sum(),
        Some(wanted) => match counted.find(|it| it.name == wanted) {
            Some(found) => of(found),
            None => Err(format!("container {wanted} not found in Pod {name}")),
        },
    }
}
