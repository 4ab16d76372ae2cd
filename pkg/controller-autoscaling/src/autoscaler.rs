//! The controller: every autoscaler once a period, from its target's scale to its status.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use apimachinery::field::Path;
use apimachinery::selectors::Selector;
use client_go::Client;
use client_go::api::{Api, DynamicObject, WriteOptions};
use client_go::cache::{Event, Lister, ObjectKey};
use client_go::discovery::CachedDiscovery;
use client_go::events::{EventRecorder, EventType};
use client_go::workqueue::{Outcome, WorkQueue};
use component_base::feature_gates::{Feature, FeatureGates};
use controller::config::HpaControllerConfiguration;
use controller::workload::SyncError;
use controller::{Built, CacheSync, Clock, Controller, ControllerContext, Retries};
use k8s_api::autoscaling::v1::Scale;
use k8s_api::autoscaling::v2::{HorizontalPodAutoscaler, MetricStatus};
use k8s_api::core::v1::Pod;
use parking_lot::Mutex;

use crate::conditions::{ABLE_TO_SCALE, SCALED_TO_ZERO, SCALING_ACTIVE, is_true, remove, set};
use crate::limits::{History, Request};
use crate::metrics::MetricsApi;
use crate::observe::{Observations, action};
use crate::replicas::{Patience, Pods, Tolerances};
use crate::sources::Sources;

/// How often a scale that others write meanwhile is written again.
const WRITES: usize = 5;
/// What failed is looked at again with the next period.
const RETRIES: Retries = Retries::new("").at_most(0, "Error syncing HorizontalPodAutoscaler");

/// Builds `horizontal-pod-autoscaler-controller`.
pub(crate) async fn build(context: ControllerContext) -> Built {
    let client = context.client("horizontal-pod-autoscaler").await?;
    let (autoscaler, caches) = Autoscaler::new(&context, client);
    let workers = usize::try_from(context.config.hpa_controller.concurrent_syncs).unwrap_or(1);
    Ok(Some(Controller::new(move |stop| async move {
        let queue = autoscaler.queue.clone();
        let reconcile = move |key| autoscaler.clone().reconcile(key);
        context.run(caches, queue, workers, RETRIES, stop, reconcile).await;
    })))
}

struct Autoscaler {
    client: Client,
    discovery: Arc<CachedDiscovery>,
    metrics: MetricsApi,
    recorder: EventRecorder,
    hpas: Lister<HorizontalPodAutoscaler>,
    pods: Lister<Pod>,
    queue: WorkQueue<ObjectKey>,
    histories: Mutex<HashMap<ObjectKey, Arc<Mutex<History>>>>,
    /// Which pods each autoscaler scales, so that two of one pod are found out.
    selectors: Mutex<HashMap<ObjectKey, Selector>>,
    config: HpaControllerConfiguration,
    gates: Arc<FeatureGates>,
    clock: Clock,
    observations: Observations,
}

/// A sync that failed; the event and condition are made already.
struct SyncFailure {
    error: SyncError,
    /// It is the autoscaler's own fault.
    in_spec: bool,
}

impl<E: Into<SyncError>> From<E> for SyncFailure {
    fn from(error: E) -> Self {
        Self {
            error: error.into(),
            in_spec: false,
        }
    }
}

fn other(message: impl Into<String>) -> SyncFailure {
    SyncError::Other(message.into()).into()
}

/// What the metrics of an autoscaler propose together.
struct Recommendation {
    replicas: i32,
    metric: String,
    /// Why some of the metrics propose nothing.
    partly: Option<String>,
}

impl Autoscaler {
    fn new(context: &ControllerContext, client: Client) -> (Arc<Self>, CacheSync) {
        let hpas = context.informers.informer::<HorizontalPodAutoscaler>();
        let pods = context.informers.informer::<Pod>();
        let this = Arc::new(Self {
            metrics: MetricsApi::new(client.clone(), context.discovery.clone()),
            discovery: context.discovery.clone(),
            recorder: context.recorder("horizontal-pod-autoscaler", &client),
            client,
            hpas: hpas.lister(),
            pods: pods.lister(),
            queue: context.queue("horizontalpodautoscaler"),
            histories: Mutex::default(),
            selectors: Mutex::default(),
            config: context.config.hpa_controller.clone(),
            gates: context.gates.clone(),
            clock: context.clock.clone(),
            observations: Observations::new(&context.metrics),
        });
        let handled = this.clone();
        hpas.add_handler(move |event: Event<HorizontalPodAutoscaler>| handled.on_event(&event));
        (this, CacheSync::new().and(&hpas).and(&pods))
    }

    /// Changes wait for their period as well: an autoscaler's own status is one.
    fn on_event(&self, event: &Event<HorizontalPodAutoscaler>) {
        let key = ObjectKey::of(&**event.object());
        match event {
            Event::Deleted { .. } => {
                self.selectors.lock().remove(&key);
                self.histories.lock().remove(&key);
                self.observations.autoscalers.dec();
            }
            _ => {
                let new = self.selectors.lock().insert(key.clone(), Selector::NOTHING).is_none();
                if new {
                    self.observations.autoscalers.inc();
                }
                self.queue.add_after(key, self.period());
            }
        }
    }

    fn period(&self) -> Duration {
        self.config.sync_period.to_std()
    }

    async fn reconcile(self: Arc<Self>, key: ObjectKey) -> Result<Outcome, SyncError> {
        let Some(cached) = self.hpas.get_key(&key) else {
            return Ok(Outcome::Done);
        };
        let begun = Instant::now();
        let mut hpa = (*cached).clone();
        let synced = self.sync(&key, &mut hpa).await;
        let written = if hpa.status == cached.status {
            Ok(())
        } else {
            self.write_status(&hpa).await
        };
        let (action, error) = match synced {
            Ok((action, partly)) => (action, partly.map(other)),
            Err(failure) => ("none", Some(failure)),
        };
        let failure = written.err().map(SyncFailure::from).or(error);
        let label = match &failure {
            None => "none",
            Some(failure) if failure.in_spec => "spec",
            Some(_) => "internal",
        };
        self.observations.reconciled(action, label, begun.elapsed());
        if let Some(failure) = failure {
            tracing::error!(%key, error = %failure.error, "Horizontal pod autoscaler");
        }
        Ok(Outcome::RequeueAfter(self.period()))
    }

    async fn write_status(&self, hpa: &HorizontalPodAutoscaler) -> Result<(), SyncError> {
        let api = self
            .client
            .namespaced::<HorizontalPodAutoscaler>(&hpa.metadata.namespace);
        api.update_status(hpa).await.map(drop).map_err(|source| {
            self.warn(hpa, "FailedUpdateStatus", source.to_string());
            SyncError::Context {
                context: format!("failed to update status for {}", hpa.metadata.name),
                source,
            }
        })
    }

    fn warn(&self, hpa: &HorizontalPodAutoscaler, reason: &str, note: String) {
        self.recorder.event(hpa, EventType::Warning, reason, note);
    }

    fn set(&self, hpa: &mut HorizontalPodAutoscaler, kind: &str, status: bool, reason: &str, message: String) {
        set(hpa, kind, status, reason, message, self.clock.now());
    }

    /// The scale of the target, and where it is read and written.
    async fn scale(&self, hpa: &mut HorizontalPodAutoscaler) -> Result<(Api<DynamicObject>, Scale), SyncFailure> {
        let target = hpa.spec.scale_target_ref.clone();
        let namespace = hpa.metadata.namespace.clone();
        let reference = format!("{}/{namespace}/{}", target.kind, target.name);
        let (error, context, in_spec) = 'failed: {
            let (group, version) = match target.api_version.split('/').collect::<Vec<_>>()[..] {
                [version] => ("", version),
                [group, version] => (group, version),
                _ => {
                    let error = format!("unexpected GroupVersion string: {}", target.api_version);
                    break 'failed (error, "invalid API version in scale target reference".to_owned(), true);
                }
            };
            // Another version than the one named will do: the scale is the same.
            let found = self.discovery.find(|mapper| {
                let named = mapper.mapping(group, &target.kind, &[version]);
                named.or_else(|_| mapper.mapping(group, &target.kind, &[])).cloned()
            });
            let found = match found.await {
                Ok(found) => found,
                Err(error) => {
                    let context = "unable to determine resource for scale target reference".to_owned();
                    break 'failed (error.to_string(), context, false);
                }
            };
            let api = self.client.dynamic(found.group_version_resource(), Some(&namespace));
            match api.get_scale(&target.name).await {
                Ok(scale) => return Ok((api, scale)),
                Err(error) => {
                    let context = format!("failed to query scale subresource for {reference}");
                    (error.to_string(), context, false)
                }
            }
        };
        self.warn(hpa, "FailedGetScale", error.clone());
        let message = format!("the HPA controller was unable to get the target's current scale: {error}");
        self.set(hpa, ABLE_TO_SCALE, false, "FailedGetScale", message);
        Err(SyncFailure {
            error: SyncError::Other(format!("{context}: {error}")),
            in_spec,
        })
    }

    /// Brings the target to the size that it should have; returns what was done, and why some metrics could not be used.
    async fn sync(
        &self,
        key: &ObjectKey,
        hpa: &mut HorizontalPodAutoscaler,
    ) -> Result<(&'static str, Option<String>), SyncFailure> {
        let (api, scale) = self.scale(hpa).await?;
        let message = "the HPA controller was able to get the target's current scale".to_owned();
        self.set(hpa, ABLE_TO_SCALE, true, "SucceededGetScale", message);
        let current = scale.spec.replicas;
        let history = self.histories.lock().entry(key.clone()).or_default().clone();
        history.lock().begin(current, self.clock.now_micro());
        let (min, max) = (hpa.spec.min_replicas.unwrap_or(1), hpa.spec.max_replicas);
        let to_zero = self.gates.enabled(Feature::HPAScaleToZero);
        let scaled_to_zero = to_zero && is_true(hpa, SCALED_TO_ZERO);
        let mut metrics = Vec::new();
        let (mut desired, mut reason, mut partly) = (0, String::new(), None);
        if current == 0 && !(scaled_to_zero && (min != 0 || has_outer_metrics(hpa))) {
            let message = "scaling is disabled since the replica count of the target is zero".to_owned();
            self.set(hpa, SCALING_ACTIVE, false, "ScalingDisabled", message);
            if !to_zero {
                remove(hpa, SCALED_TO_ZERO);
            }
        } else if current > max {
            "Current number of replicas above Spec.MaxReplicas".clone_into(&mut reason);
            desired = max;
        } else if current != 0 && current < min {
            "Current number of replicas below Spec.MinReplicas".clone_into(&mut reason);
            desired = min;
        } else {
            let recommended = self.recommend(key, hpa, &scale, &mut metrics).await;
            let recommended = match recommended {
                Ok(recommended) => recommended,
                Err(error) => {
                    set_status(hpa, current, hpa.status.desired_replicas, metrics);
                    self.warn(hpa, "FailedComputeMetricsReplicas", error.clone());
                    let target = &hpa.spec.scale_target_ref;
                    return Err(other(format!(
                        "failed to compute desired number of replicas based on listed metrics for {}/{}/{}: {error}",
                        target.kind, hpa.metadata.namespace, target.name
                    )));
                }
            };
            partly = recommended.partly;
            let proposed = recommended.replicas.max(0);
            if proposed > current {
                reason = format!("{} above target", recommended.metric);
            } else if proposed < current {
                "All metrics below target".clone_into(&mut reason);
            }
            let request = Request {
                current,
                desired: proposed,
                min,
                max,
                stabilization: self.config.downscale_stabilization_window.to_std(),
                now: self.clock.now_micro(),
            };
            desired = history.lock().limit(hpa, request);
            if current == 0 && scaled_to_zero && desired < min {
                desired = min;
                if reason.is_empty() {
                    "Current number of replicas below Spec.MinReplicas".clone_into(&mut reason);
                }
            }
        }
        let rescale = desired != current;
        if rescale {
            if let Err(error) = self.rescale(&api, scale, hpa, desired, &reason).await {
                set_status(hpa, current, hpa.status.desired_replicas, metrics);
                return Err(error);
            }
            history.lock().changed(hpa, current, desired, self.clock.now_micro());
            if !to_zero {
                remove(hpa, SCALED_TO_ZERO);
            } else if desired == 0 && min == 0 && has_outer_metrics(hpa) {
                let message = "the HPA controller scaled the workload to zero".to_owned();
                self.set(hpa, SCALED_TO_ZERO, true, "ScaledToZero", message);
            } else {
                let message = "the HPA controller did not scale the workload to zero".to_owned();
                self.set(hpa, SCALED_TO_ZERO, false, "NotScaledToZero", message);
            }
        }
        set_status(hpa, current, desired, metrics);
        if rescale {
            hpa.status.last_scale_time = Some(self.clock.now());
        }
        let labels = [hpa.metadata.namespace.as_str(), &hpa.metadata.name];
        self.observations.desired.with(&labels).set(i64::from(desired));
        Ok((action(current, desired), partly))
    }

    async fn rescale(
        &self,
        api: &Api<DynamicObject>,
        mut scale: Scale,
        hpa: &mut HorizontalPodAutoscaler,
        desired: i32,
        reason: &str,
    ) -> Result<(), SyncFailure> {
        let name = hpa.spec.scale_target_ref.name.clone();
        let mut written = Ok(());
        for _ in 0..WRITES {
            scale.spec.replicas = desired;
            written = api.update_scale(&scale, &WriteOptions::default()).await.map(drop);
            match &written {
                Err(error) if error.is_conflict() => match api.get_scale(&name).await {
                    Ok(latest) => scale = latest,
                    Err(error) => tracing::warn!(%error, name, "error getting latest scale during conflict retry"),
                },
                _ => break,
            }
        }
        if let Err(error) = written {
            let note = format!("New size: {desired}; reason: {reason}; error: {error}");
            self.warn(hpa, "FailedRescale", note);
            let message = format!("the HPA controller was unable to update the target scale: {error}");
            self.set(hpa, ABLE_TO_SCALE, false, "FailedUpdateScale", message);
            return Err(SyncError::Context {
                context: format!("failed to rescale {}", hpa.spec.scale_target_ref.kind),
                source: error,
            }
            .into());
        }
        let message = format!("the HPA controller was able to update the target scale to {desired}");
        self.set(hpa, ABLE_TO_SCALE, true, "SucceededRescale", message);
        let note = format!("New size: {desired}; reason: {reason}");
        self.recorder.event(hpa, EventType::Normal, "SuccessfulRescale", note);
        Ok(())
    }

    /// The selector of the pods that the target has, if this autoscaler is the only one that scales them.
    fn selector(
        &self,
        key: &ObjectKey,
        hpa: &mut HorizontalPodAutoscaler,
        text: &str,
    ) -> Result<(Selector, Vec<Arc<Pod>>), String> {
        let mut refuse = |event: &str, condition: &str, note: String, message: String| {
            self.warn(hpa, event, note.clone());
            self.set(hpa, SCALING_ACTIVE, false, condition, message);
            note
        };
        if text.is_empty() {
            let message = "the HPA target's scale is missing a selector".to_owned();
            return Err(refuse(
                "SelectorRequired",
                "InvalidSelector",
                "selector is required".to_owned(),
                message,
            ));
        }
        let selector = Selector::parse(text, &Path::NIL).map_err(|error| {
            let note = format!("couldn't convert selector into a corresponding internal selector object: {error}");
            refuse("InvalidSelector", "InvalidSelector", note.clone(), note)
        })?;
        let pods = self.pods.select(key.namespace(), &selector);
        let mut selectors = self.selectors.lock();
        if let Some(own) = selectors.get_mut(key) {
            *own = selector.clone();
        }
        let others = selectors.iter().filter(|(other, selector)| {
            other.namespace() == key.namespace() && pods.iter().any(|pod| selector.matches(&pod.metadata.labels))
        });
        let mut scaling: Vec<_> = others.map(|(other, _)| other.to_string()).collect();
        drop(selectors);
        if scaling.len() > 1 {
            scaling.sort_unstable();
            let note = format!(
                "pods by selector {text} are controlled by multiple HPAs: [{}]",
                scaling.join(" ")
            );
            return Err(refuse("AmbiguousSelector", "AmbiguousSelector", note.clone(), note));
        }
        Ok((selector, pods))
    }

    /// The highest of what the metrics propose. If some propose nothing, the others may scale up but not down.
    async fn recommend(
        &self,
        key: &ObjectKey,
        hpa: &mut HorizontalPodAutoscaler,
        scale: &Scale,
        statuses: &mut Vec<MetricStatus>,
    ) -> Result<Recommendation, String> {
        let (selector, pods) = self.selector(key, hpa, &scale.status.selector)?;
        let pods = Pods {
            all: &pods,
            patience: Patience {
                initialization: self.config.cpu_initialization_period.to_std(),
                readiness: self.config.initial_readiness_delay.to_std(),
            },
            now: self.clock.now(),
        };
        let read = hpa.clone();
        let sources = Sources {
            api: &self.metrics,
            hpa: &read,
            pods: &pods,
            selector: &selector,
            wanted: scale.spec.replicas,
            present: scale.status.replicas,
            tolerances: self.tolerances(hpa),
        };
        let mut best: Option<(i32, String)> = None;
        let mut failures = Vec::new();
        for spec in &read.spec.metrics {
            let begun = Instant::now();
            let proposed = sources.propose(spec).await;
            let (done, error) = match &proposed {
                Ok(proposed) => (action(read.status.current_replicas, proposed.replicas), "none"),
                Err(failed) if failed.reason == "InvalidMetricSourceType" => ("none", "spec"),
                Err(_) => ("none", "internal"),
            };
            self.observations.computed(done, error, &spec.type_, begun.elapsed());
            match proposed {
                Ok(proposed) => {
                    statuses.push(proposed.status);
                    if best
                        .as_ref()
                        .is_none_or(|(most, _)| *most == 0 || proposed.replicas > *most)
                    {
                        best = Some((proposed.replicas, proposed.name));
                    }
                }
                Err(failed) => {
                    // Each metric has its place in the status, whether there is anything to say or not.
                    statuses.push(MetricStatus::default());
                    self.warn(hpa, failed.reason, failed.message.clone());
                    failures.push(failed);
                }
            }
        }
        let partly = failures.first().map(|first| {
            format!(
                "invalid metrics ({} invalid out of {}), first error is: {}",
                failures.len(),
                read.spec.metrics.len(),
                first.context
            )
        });
        match (best, failures.first()) {
            (Some((replicas, metric)), first) if first.is_none() || replicas >= scale.spec.replicas => {
                let message = format!("the HPA was able to successfully calculate a replica count from {metric}");
                self.set(hpa, SCALING_ACTIVE, true, "ValidMetricFound", message);
                Ok(Recommendation {
                    replicas,
                    metric,
                    partly,
                })
            }
            (_, Some(first)) => {
                let message = format!("the HPA was unable to compute the replica count: {}", first.message);
                self.set(hpa, SCALING_ACTIVE, false, first.reason, message);
                Err(partly.unwrap_or_default())
            }
            (_, None) => Err("no metrics are specified".to_owned()),
        }
    }

    fn tolerances(&self, hpa: &HorizontalPodAutoscaler) -> Tolerances {
        let mut tolerances = Tolerances {
            down: self.config.tolerance,
            up: self.config.tolerance,
        };
        if let Some(behavior) = hpa
            .spec
            .behavior
            .as_deref()
            .filter(|_| self.gates.enabled(Feature::HPAConfigurableTolerance))
        {
            let own = |rules: &Option<Box<k8s_api::autoscaling::v2::HPAScalingRules>>| {
                rules
                    .as_deref()?
                    .tolerance
                    .as_ref()
                    .map(k8s_api::primitives::Quantity::as_f64)
            };
            tolerances.down = own(&behavior.scale_down).unwrap_or(tolerances.down);
            tolerances.up = own(&behavior.scale_up).unwrap_or(tolerances.up);
        }
        tolerances
    }
}

/// Whether a metric tells of more than the pods themselves, so that there is one without pods.
fn has_outer_metrics(hpa: &HorizontalPodAutoscaler) -> bool {
    let mut metrics = hpa.spec.metrics.iter();
    metrics.any(|metric| matches!(metric.type_.as_str(), "Object" | "External"))
}

fn set_status(hpa: &mut HorizontalPodAutoscaler, current: i32, desired: i32, metrics: Vec<MetricStatus>) {
    hpa.status.current_replicas = current;
    hpa.status.desired_replicas = desired;
    hpa.status.current_metrics = metrics;
    // Upstream's controller does not set it either.
    hpa.status.observed_generation = None;
}
