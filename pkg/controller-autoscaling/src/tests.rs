//! Autoscalers on a server in memory, and the numbers alone.

use std::sync::Arc;
use std::time::Duration;

use client_go::testing::{Canned, Seen};
use controller::testing::Fixture;
use k8s_api::Kind as _;
use k8s_api::autoscaling::v2::HorizontalPodAutoscaler;
use k8s_api::core::v1::{Event, Pod};
use k8s_api::primitives::{MicroTime, Time};
use parking_lot::Mutex;
use serde_json::{Value, json};

use crate::limits::{History, Request};
use crate::metrics::{PodMetric, PodMetrics};
use crate::replicas::{Patience, Pods, Proposal, Tolerances, by_value_per_pod};

const HPAS: &str = "/apis/autoscaling/v2/horizontalpodautoscalers";
const PODS: &str = "/api/v1/pods";
const TOLERANCES: Tolerances = Tolerances { down: 0.1, up: 0.1 };

fn pod(name: &str, phase: &str) -> Value {
    json!({
        "metadata": {"name": name, "namespace": "ns", "labels": {"app": "web"}},
        "spec": {"containers": [{"name": "c", "image": "i", "resources": {"requests": {"cpu": "100m"}}}]},
        "status": {
            "phase": phase,
            "startTime": "2020-01-01T00:00:00Z",
            "conditions": [{"type": "Ready", "status": "True", "lastTransitionTime": "2020-01-01T00:01:00Z"}],
        },
    })
}

/// The deployment's scale, and what the metrics API answers.
#[derive(Clone, Default)]
struct Target {
    replicas: i32,
    /// CPU of each pod in thousandths; no metrics API without.
    usage: Option<i64>,
}

fn answer(target: &mut Target, seen: &Seen) -> Option<Canned> {
    let path = seen.path.as_str();
    let served = |name: &str, kind: &str| json!({"name": name, "namespaced": true, "kind": kind, "verbs": ["get"]});
    Some(match path {
        "/api" => Canned::json(200, &json!({"kind": "APIVersions", "versions": []})),
        "/apis" => {
            let version = json!({"groupVersion": "apps/v1", "version": "v1"});
            let groups = json!([{"name": "apps", "versions": [version], "preferredVersion": version}]);
            Canned::json(200, &json!({"kind": "APIGroupList", "groups": groups}))
        }
        "/apis/apps/v1" => {
            let resources = [
                served("deployments", "Deployment"),
                served("deployments/scale", "Scale"),
            ];
            Canned::json(
                200,
                &json!({"kind": "APIResourceList", "groupVersion": "apps/v1", "resources": resources}),
            )
        }
        "/apis/apps/v1/namespaces/ns/deployments/web/scale" => {
            if seen.method == "PUT" {
                let body: Value = serde_json::from_slice(&seen.body).unwrap();
                target.replicas = i32::try_from(body["spec"]["replicas"].as_i64().unwrap_or_default()).unwrap();
            }
            Canned::json(
                200,
                &json!({
                    "kind": "Scale", "apiVersion": "autoscaling/v1",
                    "metadata": {"name": "web", "namespace": "ns"},
                    "spec": {"replicas": target.replicas},
                    "status": {"replicas": target.replicas, "selector": "app=web"},
                }),
            )
        }
        "/apis/metrics.k8s.io/v1beta1/namespaces/ns/pods" => match target.usage {
            None => Canned::json(404, &json!({})),
            Some(usage) => {
                assert_eq!(seen.parameter("labelSelector").as_deref(), Some("app=web"));
                let item = |name: &str| {
                    json!({
                        "metadata": {"name": name}, "timestamp": "2026-01-01T00:00:00Z", "window": "30s",
                        "containers": [{"name": "c", "usage": {"cpu": format!("{usage}m")}}],
                    })
                };
                Canned::json(200, &json!({"items": [item("a"), item("b")]}))
            }
        },
        _ => return None,
    })
}

async fn started(target: Target, spec: Value) -> (Fixture, Arc<Mutex<Target>>) {
    let fixture = Fixture::configured(|config| {
        config.hpa_controller.sync_period = component_base::GoDuration::from_millis(20);
    })
    .await;
    let target = Arc::new(Mutex::new(target));
    let hooked = target.clone();
    fixture.server.on_request(move |seen| answer(&mut hooked.lock(), seen));
    for name in ["a", "b"] {
        fixture.create(PODS, "ns", pod(name, "Running"));
    }
    let mut hpa = json!({
        "metadata": {"name": "web", "namespace": "ns"},
        "spec": {
            "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"},
            "minReplicas": 1, "maxReplicas": 10,
            "metrics": [{"type": "Resource", "resource":
                {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": 50}}}],
        },
    });
    for (key, value) in spec.as_object().unwrap() {
        hpa["spec"][key] = value.clone();
    }
    fixture.create(HPAS, "ns", hpa);
    fixture.run(crate::autoscaler::build).await;
    (fixture, target)
}

fn current(fixture: &Fixture) -> HorizontalPodAutoscaler {
    HorizontalPodAutoscaler::from_value(fixture.get(HPAS, "ns", "web").unwrap()).unwrap()
}

fn conditions(fixture: &Fixture) -> Vec<String> {
    let conditions = current(fixture).status.conditions;
    let shown = conditions
        .iter()
        .map(|it| format!("{}={} {}", it.type_, it.status, it.reason));
    shown.collect()
}

fn told(fixture: &Fixture, reason: &str) -> Option<String> {
    let events: Vec<Event> = fixture.list("/api/v1/events", "ns");
    events
        .into_iter()
        .find(|event| event.reason == reason)
        .map(|event| event.message)
}

#[tokio::test]
async fn without_a_metrics_api_nothing_is_scaled_and_the_status_says_why() {
    let target = Target {
        replicas: 2,
        usage: None,
    };
    let (fixture, target) = started(target, json!({})).await;
    fixture
        .eventually("the conditions", || conditions(&fixture).len() == 2)
        .await;
    assert_eq!(
        conditions(&fixture),
        [
            "AbleToScale=True SucceededGetScale",
            "ScalingActive=False FailedGetResourceMetric"
        ]
    );
    let why = "failed to get cpu utilization: unable to get metrics for resource cpu: unable to fetch metrics from resource metrics API: the server could not find the requested resource (get pods.metrics.k8s.io)";
    assert_eq!(
        current(&fixture).status.conditions[1].message,
        format!("the HPA was unable to compute the replica count: {why}")
    );
    assert_eq!(current(&fixture).status.current_replicas, 2);
    fixture
        .eventually("the events", || {
            told(&fixture, "FailedComputeMetricsReplicas").is_some()
        })
        .await;
    assert_eq!(told(&fixture, "FailedGetResourceMetric").as_deref(), Some(why));
    assert_eq!(
        told(&fixture, "FailedComputeMetricsReplicas").unwrap(),
        format!("invalid metrics (1 invalid out of 1), first error is: failed to get cpu resource metric value: {why}")
    );
    assert_eq!(target.lock().replicas, 2);
}

#[tokio::test]
async fn usage_above_the_target_scales_up() {
    let target = Target {
        replicas: 2,
        usage: Some(100),
    };
    let (fixture, target) = started(target, json!({})).await;
    fixture.eventually("four pods", || target.lock().replicas == 4).await;
    fixture
        .eventually("the event", || told(&fixture, "SuccessfulRescale").is_some())
        .await;
    assert_eq!(
        told(&fixture, "SuccessfulRescale").as_deref(),
        Some("New size: 4; reason: cpu resource utilization (percentage of request) above target")
    );
    fixture
        .eventually("the status", || current(&fixture).status.desired_replicas == 4)
        .await;
    let status = current(&fixture).status;
    let cpu = &status.current_metrics[0].resource.as_ref().unwrap().current;
    assert_eq!(cpu.average_utilization, Some(100));
    assert_eq!(cpu.average_value.as_ref().unwrap().to_string(), "100m");
    assert!(status.last_scale_time.is_some());
}

#[tokio::test]
async fn bounds_count_without_metrics_and_zero_switches_off() {
    for (replicas, becomes, condition) in [
        (12, 10, "AbleToScale=True SucceededRescale"),
        (2, 3, "AbleToScale=True SucceededRescale"),
        (0, 0, "ScalingActive=False ScalingDisabled"),
    ] {
        let target = Target { replicas, usage: None };
        let (fixture, target) = started(target, json!({"minReplicas": 3})).await;
        let has = || conditions(&fixture).iter().any(|it| it == condition);
        fixture.eventually(condition, has).await;
        assert_eq!(target.lock().replicas, becomes);
    }
}

#[tokio::test]
async fn two_autoscalers_of_one_pod_do_nothing() {
    let target = Target {
        replicas: 2,
        usage: Some(100),
    };
    let (fixture, target) = started(target, json!({"scaleTargetRef": {"kind": "Nothing", "name": "web"}})).await;
    fixture
        .eventually("no such kind", || {
            conditions(&fixture) == ["AbleToScale=False FailedGetScale"]
        })
        .await;
    let reference = json!({"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"});
    fixture.patch(
        HPAS,
        "ns",
        "web",
        json!({"spec": {"maxReplicas": 2, "scaleTargetRef": reference}}),
    );
    fixture
        .eventually("one alone works", || {
            conditions(&fixture).contains(&"ScalingActive=True ValidMetricFound".to_owned())
        })
        .await;
    let mut second = fixture.get(HPAS, "ns", "web").unwrap();
    second["metadata"] = json!({"name": "other", "namespace": "ns"});
    fixture.create(HPAS, "ns", second);
    fixture
        .eventually("ambiguous", || {
            conditions(&fixture).contains(&"ScalingActive=False AmbiguousSelector".to_owned())
        })
        .await;
    assert_eq!(
        told(&fixture, "AmbiguousSelector").as_deref(),
        Some("pods by selector app=web are controlled by multiple HPAs: [ns/other ns/web]")
    );
    assert_eq!(target.lock().replicas, 2);
}

const NOW: i64 = 1_800_000_000;

fn at(seconds: i64) -> Time {
    Time::from_unix(NOW + seconds, 0)
}

fn sample(value: i64) -> PodMetric {
    PodMetric {
        timestamp: at(-10),
        window: Duration::from_secs(30),
        value,
    }
}

/// Proposals for pods, given as phase and usage (none: no sample).
fn propose(pods: &[(&str, Option<i64>)], current: i32) -> Result<i32, String> {
    let name = |index: usize| format!("p{index}");
    let all: Vec<_> = pods
        .iter()
        .enumerate()
        .map(|(index, (phase, _))| Arc::new(Pod::from_value(pod(&name(index), phase)).unwrap()))
        .collect();
    let metrics: PodMetrics = pods
        .iter()
        .enumerate()
        .filter_map(|(index, (_, usage))| Some((name(index), sample((*usage)?))))
        .collect();
    let pods = Pods {
        all: &all,
        patience: Patience {
            initialization: Duration::from_secs(300),
            readiness: Duration::from_secs(30),
        },
        now: at(0),
    };
    let by_utilization = pods.by_utilization(metrics, current, 50, "cpu", None, TOLERANCES)?;
    Ok(by_utilization.replicas)
}

#[test]
fn pods_without_samples_damp_the_change() {
    const RUNS: &str = "Running";
    for (case, pods, current, expected) in [
        ("just right", vec![(RUNS, Some(52)), (RUNS, Some(50))], 2, 2),
        ("twice too much", vec![(RUNS, Some(100)), (RUNS, Some(100))], 2, 4),
        ("rounded up", vec![(RUNS, Some(60)), (RUNS, Some(60))], 2, 3),
        ("half", vec![(RUNS, Some(25)), (RUNS, Some(25))], 2, 1),
        (
            "a missing one counts as nothing upwards",
            vec![(RUNS, Some(150)), (RUNS, None)],
            2,
            3,
        ),
        (
            "and as all downwards",
            vec![(RUNS, Some(10)), (RUNS, None), (RUNS, Some(10))],
            3,
            3,
        ),
        (
            "a pending one counts as nothing upwards",
            vec![(RUNS, Some(150)), ("Pending", None)],
            2,
            3,
        ),
        (
            "a failed one does not count",
            vec![(RUNS, Some(100)), ("Failed", Some(500))],
            1,
            2,
        ),
        (
            "it does not turn round",
            vec![(RUNS, Some(70)), (RUNS, None), (RUNS, None)],
            3,
            3,
        ),
    ] {
        assert_eq!(propose(&pods, current), Ok(expected), "{case}");
    }
    assert_eq!(
        propose(&[("Pending", Some(1))], 1).unwrap_err(),
        "did not receive metrics for targeted pods (pods might be unready)"
    );
    assert_eq!(
        propose(&[], 1).unwrap_err(),
        "no pods returned by selector while calculating replica count"
    );
}

#[test]
fn one_value_is_divided_among_the_pods() {
    for (current, usage, target, replicas, average) in [
        (3, 300, 100, 3, 100),
        (3, 600, 100, 6, 200),
        (2, 50, 100, 1, 25),
        (0, 250, 100, 3, i64::MAX),
    ] {
        let proposal = by_value_per_pod(current, usage, target, TOLERANCES);
        let expected = Proposal {
            replicas,
            utilization: None,
            usage: average,
        };
        assert_eq!(proposal, expected);
    }
}

fn moment(seconds: u64) -> MicroTime {
    MicroTime::from_unix(NOW, 0).plus(Duration::from_secs(seconds))
}

fn request(current: i32, desired: i32, seconds: u64) -> Request {
    Request {
        current,
        desired,
        min: 1,
        max: 100,
        stabilization: Duration::from_secs(300),
        now: moment(seconds),
    }
}

#[test]
fn recent_recommendations_hold_the_number_up() {
    let (mut history, mut hpa) = (History::default(), HorizontalPodAutoscaler::default());
    history.begin(10, moment(0));
    assert_eq!(history.limit(&mut hpa, request(10, 4, 1)), 10);
    assert_eq!(hpa.status.conditions[0].reason, "ScaleDownStabilized");
    assert_eq!(history.limit(&mut hpa, request(10, 4, 302)), 4);
    assert_eq!(hpa.status.conditions[0].reason, "ReadyForNewScale");
    assert_eq!(history.limit(&mut hpa, request(4, 50, 303)), 8);
    assert_eq!(hpa.status.conditions[1].reason, "ScaleUpLimit");
}

#[test]
fn rules_bound_the_rate() {
    let rules = |policies: Value, window: i32, select: &str| json!({"policies": policies, "stabilizationWindowSeconds": window, "selectPolicy": select});
    let pods = json!([{"type": "Pods", "value": 4, "periodSeconds": 60}, {"type": "Percent", "value": 100, "periodSeconds": 60}]);
    for (select, expected) in [("Max", 20), ("Min", 14), ("Disabled", 10)] {
        let behavior = json!({"scaleUp": rules(pods.clone(), 0, select), "scaleDown": rules(pods.clone(), 0, select)});
        let hpa = json!({"metadata": {}, "spec": {"maxReplicas": 100, "behavior": behavior}});
        let mut hpa = HorizontalPodAutoscaler::from_value(hpa).unwrap();
        let mut history = History::default();
        assert_eq!(history.limit(&mut hpa, request(10, 50, 0)), expected, "{select}");
        history.changed(&hpa, 10, expected, moment(0));
        // What was added within the period counts.
        assert_eq!(history.limit(&mut hpa, request(expected, 50, 30)), expected, "{select}");
        let down = [("Max", 1), ("Min", 16), ("Disabled", 20)];
        let wanted = down.iter().find(|(name, _)| *name == select).unwrap().1;
        assert_eq!(
            History::default().limit(&mut hpa, request(20, 0, 0)),
            wanted,
            "{select}"
        );
    }
}
