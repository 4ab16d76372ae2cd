//! A replica set and its pods, on a server in memory.

use client_go::testing::Canned;
use controller::testing::Fixture;
use k8s_api::Kind as _;
use k8s_api::apps::v1::ReplicaSet;
use k8s_api::core::v1::{Event, Pod, ReplicationController};
use serde_json::{Value, json};

use super::{REPLICA_SET, REPLICATION_CONTROLLER};

const SETS: &str = "/apis/apps/v1/replicasets";
const PODS: &str = "/api/v1/pods";

fn set(replicas: i32) -> Value {
    json!({
        "metadata": {"name": "web", "namespace": "ns", "generation": 1},
        "spec": {
            "replicas": replicas,
            "selector": {"matchLabels": {"app": "web"}},
            "template": {"metadata": {"labels": {"app": "web"}}, "spec": {"containers": [{"name": "c", "image": "i"}]}},
        },
    })
}

fn pods(fixture: &Fixture) -> Vec<Pod> {
    fixture.list(PODS, "ns")
}

fn current(fixture: &Fixture) -> ReplicaSet {
    ReplicaSet::from_value(fixture.get(SETS, "ns", "web").unwrap()).unwrap()
}

async fn until(fixture: &Fixture, what: &str, fits: impl Fn(&ReplicaSet) -> bool) -> ReplicaSet {
    fixture.eventually(what, || fits(&current(fixture))).await;
    current(fixture)
}

#[tokio::test]
async fn pods_are_made_counted_replaced_and_deleted() {
    let fixture = Fixture::start().await;
    fixture.run(REPLICA_SET.constructor).await;
    fixture.create(SETS, "ns", set(3));
    let made = until(&fixture, "three pods", |set| set.status.replicas == 3).await;
    assert_eq!(made.status.fully_labeled_replicas, 3);
    assert_eq!(made.status.observed_generation, 1);
    assert_eq!(made.status.terminating_replicas, Some(0));
    let owner = &pods(&fixture)[0].metadata.owner_references[0];
    assert_eq!((owner.kind.as_str(), owner.controller), ("ReplicaSet", Some(true)));

    let first = pods(&fixture).remove(0).metadata.name;
    let ready = json!({"status": {"phase": "Running", "conditions": [{"type": "Ready", "status": "True"}]}});
    fixture.patch(PODS, "ns", &first, ready);
    until(&fixture, "one ready pod", |set| set.status.available_replicas == 1).await;

    fixture.delete(PODS, "ns", &first);
    fixture.eventually("a replacement", || pods(&fixture).len() == 3).await;

    fixture.patch(SETS, "ns", "web", json!({"spec": {"replicas": 1}}));
    until(&fixture, "one pod", |set| set.status.replicas == 1).await;
    assert_eq!(pods(&fixture).len(), 1);
    let told = |reason: &str, message: &str| {
        let events: Vec<Event> = fixture.list("/api/v1/events", "ns");
        let same = |event: &&Event| event.reason == reason && event.message.starts_with(message);
        events.iter().filter(same).count()
    };
    fixture
        .eventually("the events", || {
            told("SuccessfulCreate", "Created pod: web-") == 4 && told("SuccessfulDelete", "Deleted pod: web-") == 2
        })
        .await;
}

#[tokio::test]
async fn pods_that_cannot_be_made_are_a_condition() {
    let fixture = Fixture::start().await;
    fixture.run(REPLICA_SET.constructor).await;
    let refusal = json!({
        "kind": "Status", "apiVersion": "v1", "status": "Failure", "reason": "Forbidden", "code": 403,
        "message": "pods \"web-\" is forbidden: exceeded quota",
    });
    fixture.server.on_request(move |seen| {
        (seen.method == http::Method::POST && seen.path.ends_with("/pods")).then(|| Canned::json(403, &refusal))
    });
    fixture.create(SETS, "ns", set(20));
    let failed = until(&fixture, "the condition", |set| !set.status.conditions.is_empty()).await;
    let condition = &failed.status.conditions[0];
    assert_eq!(
        (
            condition.type_.as_str(),
            condition.status.as_str(),
            condition.reason.as_str()
        ),
        ("ReplicaFailure", "True", "FailedCreate")
    );
    assert_eq!(condition.message, "pods \"web-\" is forbidden: exceeded quota");
    let tries = fixture.sent("POST", "/pods").len();
    assert!(
        tries < 20,
        "after the first failure of a batch nothing more is tried, but {tries} were"
    );
    fixture.server.on_request(|_| None);
    let well = until(&fixture, "the pods", |set| set.status.replicas == 20).await;
    assert!(well.status.conditions.is_empty());
}

#[tokio::test]
async fn orphans_are_adopted_before_pods_are_made() {
    let fixture = Fixture::start().await;
    let orphan = json!({"metadata": {"name": "orphan", "namespace": "ns", "labels": {"app": "web"}}});
    fixture.create(PODS, "ns", orphan);
    fixture.run(REPLICATION_CONTROLLER.constructor).await;
    let controllers = "/api/v1/replicationcontrollers";
    let controller = json!({
        "metadata": {"name": "web", "namespace": "ns"},
        "spec": {"replicas": 1, "selector": {"app": "web"}, "template": {"metadata": {"labels": {"app": "web"}}}},
    });
    fixture.create(controllers, "ns", controller);
    fixture
        .eventually("the status", || {
            let controller = ReplicationController::from_value(fixture.get(controllers, "ns", "web").unwrap()).unwrap();
            controller.status.replicas == 1
        })
        .await;
    let pods = pods(&fixture);
    assert_eq!(pods.len(), 1);
    assert_eq!(pods[0].metadata.owner_references[0].kind, "ReplicationController");
}
