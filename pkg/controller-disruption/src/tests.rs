//! Budgets and their pods, on a server in memory.

use std::time::Duration;

use controller::Clock;
use controller::testing::Fixture;
use k8s_api::Kind as _;
use k8s_api::core::v1::Event;
use k8s_api::policy::v1::PodDisruptionBudget;
use k8s_api::primitives::Time;
use serde_json::{Value, json};

const BUDGETS: &str = "/apis/policy/v1/poddisruptionbudgets";
const PODS: &str = "/api/v1/pods";

fn budget(spec: Value) -> Value {
    let mut budget = json!({
        "metadata": {"name": "guard", "namespace": "ns", "generation": 1},
        "spec": {"selector": {"matchLabels": {"app": "web"}}},
    });
    for (key, value) in spec.as_object().unwrap() {
        budget["spec"][key] = value.clone();
    }
    budget
}

fn pod(name: &str, owner: Option<Value>) -> Value {
    json!({
        "metadata": {"name": name, "namespace": "ns", "labels": {"app": "web"}, "ownerReferences": owner.map(|o| vec![o])},
        "spec": {"containers": [{"name": "c", "image": "i"}]},
        "status": {"phase": "Running", "conditions": [{"type": "Ready", "status": "True"}]},
    })
}

fn owned(kind: &str, name: &str, uid: &str) -> Value {
    json!({"apiVersion": "apps/v1", "kind": kind, "name": name, "uid": uid, "controller": true})
}

fn current(fixture: &Fixture) -> PodDisruptionBudget {
    PodDisruptionBudget::from_value(fixture.get(BUDGETS, "ns", "guard").unwrap()).unwrap()
}

/// Allowed, healthy, wanted healthy, expected.
fn numbers(fixture: &Fixture) -> [i32; 4] {
    let status = current(fixture).status;
    [
        status.disruptions_allowed,
        status.current_healthy,
        status.desired_healthy,
        status.expected_pods,
    ]
}

fn why(fixture: &Fixture) -> String {
    current(fixture)
        .status
        .conditions
        .iter()
        .map(|condition| format!("{}={} {}", condition.type_, condition.status, condition.reason))
        .collect()
}

fn told(fixture: &Fixture, reason: &str) -> bool {
    let events: Vec<Event> = fixture.list("/api/v1/events", "ns");
    events.iter().any(|event| event.reason == reason)
}

/// A deployment of four with two replica sets, and three pods of one of them.
async fn started(spec: Value) -> Fixture {
    let fixture = Fixture::start().await;
    let deployment = json!({"metadata": {"name": "web", "namespace": "ns"}, "spec": {"replicas": 4}});
    let deployment = fixture.create("/apis/apps/v1/deployments", "ns", deployment);
    let above = owned("Deployment", "web", deployment["metadata"]["uid"].as_str().unwrap());
    let set =
        json!({"metadata": {"name": "web-1", "namespace": "ns", "ownerReferences": [above]}, "spec": {"replicas": 9}});
    let set = fixture.create("/apis/apps/v1/replicasets", "ns", set);
    for name in ["a", "b", "c"] {
        let owner = owned("ReplicaSet", "web-1", set["metadata"]["uid"].as_str().unwrap());
        fixture.create(PODS, "ns", pod(name, Some(owner)));
    }
    fixture.create(BUDGETS, "ns", budget(spec));
    fixture.run(super::build).await;
    fixture
}

#[tokio::test]
async fn numbers_come_from_the_size_of_what_controls_the_pods() {
    let fixture = started(json!({"minAvailable": "50%"})).await;
    fixture
        .eventually("the status", || numbers(&fixture) == [1, 3, 2, 4])
        .await;
    assert_eq!(why(&fixture), "DisruptionAllowed=True SufficientPods");
    fixture.patch(
        PODS,
        "ns",
        "a",
        json!({"status": {"conditions": [{"type": "Ready", "status": "False"}]}}),
    );
    fixture
        .eventually("the status", || numbers(&fixture) == [0, 2, 2, 4])
        .await;
    assert_eq!(why(&fixture), "DisruptionAllowed=False InsufficientPods");
}

#[tokio::test]
async fn a_number_of_available_pods_needs_no_owner() {
    let fixture = started(json!({"minAvailable": 1})).await;
    fixture.create(PODS, "ns", pod("bare", None));
    fixture
        .eventually("the status", || numbers(&fixture) == [3, 4, 1, 4])
        .await;
    assert!(!told(&fixture, "UnmanagedPods"));
}

#[tokio::test]
async fn bare_pods_are_told_of_where_they_matter() {
    let fixture = started(json!({"maxUnavailable": 1})).await;
    fixture.create(PODS, "ns", pod("bare", None));
    fixture
        .eventually("the status", || numbers(&fixture) == [1, 4, 3, 4])
        .await;
    fixture
        .eventually("the event", || told(&fixture, "UnmanagedPods"))
        .await;
}

#[tokio::test]
async fn nothing_is_allowed_when_the_numbers_cannot_be_told() {
    let fixture = started(json!({"maxUnavailable": 1})).await;
    fixture
        .eventually("the status", || numbers(&fixture) == [0, 3, 3, 4])
        .await;
    fixture.create(PODS, "ns", pod("odd", Some(owned("Oddity", "x", "y"))));
    fixture
        .eventually("the failure", || why(&fixture) == "DisruptionAllowed=False SyncFailed")
        .await;
    fixture
        .eventually("the event", || told(&fixture, "CalculateExpectedPodCountFailed"))
        .await;
}

#[tokio::test]
async fn evicted_pods_do_not_count_until_they_are_believed_to_stay() {
    let mut fixture = Fixture::start().await;
    let now: Time = "2020-01-01T00:10:00Z".parse().unwrap();
    let clock = Clock::fixed(now);
    fixture.context.clock = clock.clone();
    for name in ["a", "b"] {
        fixture.create(PODS, "ns", pod(name, None));
    }
    let mut guard = budget(json!({"minAvailable": 1}));
    guard["status"] = json!({"disruptedPods": {"a": "2020-01-01T00:09:00Z", "gone": "2020-01-01T00:09:00Z"}});
    fixture.create(BUDGETS, "ns", guard);
    fixture.run(super::build).await;
    fixture
        .eventually("the status", || numbers(&fixture) == [0, 1, 1, 2])
        .await;
    assert_eq!(
        current(&fixture).status.disrupted_pods.keys().collect::<Vec<_>>(),
        ["a"]
    );
    clock.advance(Duration::from_secs(61));
    fixture.patch(PODS, "ns", "b", json!({"metadata": {"annotations": {"a": "b"}}}));
    fixture
        .eventually("the status", || numbers(&fixture) == [1, 2, 1, 2])
        .await;
    fixture.eventually("the event", || told(&fixture, "NotDeleted")).await;
}

#[tokio::test]
async fn stale_conditions_are_taken_back() {
    let mut fixture = Fixture::start().await;
    fixture.context.clock = Clock::fixed("2020-01-01T00:10:00Z".parse().unwrap());
    for (name, since) in [("old", "00:01:00Z"), ("new", "00:09:30Z")] {
        let mut pod = pod(name, None);
        pod["status"]["conditions"] = json!([{"type": "DisruptionTarget", "status": "True",
            "reason": "EvictionByEvictionAPI", "lastTransitionTime": format!("2020-01-01T{since}")}]);
        fixture.create(PODS, "ns", pod);
    }
    fixture.run(super::build).await;
    let status = |name| fixture.get(PODS, "ns", name).unwrap()["status"]["conditions"][0]["status"].clone();
    fixture
        .eventually("it is taken back", || status("old") == "False")
        .await;
    assert_eq!(status("new"), "True");
}
