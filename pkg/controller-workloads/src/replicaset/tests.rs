//! A replica set and its pods, on a server in memory.

use client_go::api::{DeleteOptions, ListOptions, Patch};
use client_go::testing::Canned;
use k8s_api::Kind as _;
use k8s_api::apps::v1::ReplicaSet;
use k8s_api::core::v1::{Pod, ReplicationController};
use serde_json::json;

use super::{REPLICA_SET, REPLICATION_CONTROLLER};
use crate::testing::Running;

fn set(replicas: i32) -> ReplicaSet {
    ReplicaSet::from_value(json!({
        "metadata": {"name": "web", "namespace": "ns", "generation": 1},
        "spec": {
            "replicas": replicas,
            "selector": {"matchLabels": {"app": "web"}},
            "template": {"metadata": {"labels": {"app": "web"}}, "spec": {"containers": [{"name": "c", "image": "i"}]}},
        },
    }))
    .unwrap()
}

async fn pods(running: &Running) -> Vec<Pod> {
    let pods = running.client.namespaced::<Pod>("ns").list(&ListOptions::default()).await;
    pods.unwrap().items
}

async fn status_of(running: &Running, what: &str, fits: impl Fn(&ReplicaSet) -> bool) -> ReplicaSet {
    running
        .until(what, async |client| {
            let set = client.namespaced::<ReplicaSet>("ns").get("web").await.unwrap();
            fits(&set).then_some(set)
        })
        .await
}

#[tokio::test]
async fn pods_are_made_counted_replaced_and_deleted() {
    let running = Running::start(&[REPLICA_SET], "").await;
    let sets = running.client.namespaced::<ReplicaSet>("ns");
    sets.create(&set(3)).await.unwrap();
    let made = status_of(&running, "three pods", |set| set.status.replicas == 3).await;
    assert_eq!(made.status.fully_labeled_replicas, 3);
    assert_eq!(made.status.observed_generation, 1);
    assert_eq!(made.status.terminating_replicas, Some(0));
    let owner = &pods(&running).await[0].metadata.owner_references[0];
    assert_eq!((owner.kind.as_str(), owner.controller), ("ReplicaSet", Some(true)));

    let api = running.client.namespaced::<Pod>("ns");
    let first = pods(&running).await.remove(0).metadata.name;
    let ready = json!({"status": {"phase": "Running", "conditions": [{"type": "Ready", "status": "True"}]}});
    api.patch(&first, &Patch::Merge(ready)).await.unwrap();
    status_of(&running, "one ready pod", |set| set.status.available_replicas == 1).await;

    api.delete(&first, &DeleteOptions::default()).await.unwrap();
    running
        .until("a replacement", async |_| (pods(&running).await.len() == 3).then_some(()))
        .await;

    sets.patch("web", &Patch::Merge(json!({"spec": {"replicas": 1}}))).await.unwrap();
    status_of(&running, "one pod", |set| set.status.replicas == 1).await;
    assert_eq!(pods(&running).await.len(), 1);
    running
        .until("events", async |_| {
            let events = running.events("ns").await;
            let count = |reason: &str| events.iter().filter(|event| event.starts_with(reason)).count();
            (count("SuccessfulCreate: Created pod: web-") == 4 && count("SuccessfulDelete: Deleted pod: web-") == 2)
                .then_some(())
        })
        .await;
}

#[tokio::test]
async fn pods_that_cannot_be_made_are_a_condition_and_an_event() {
    let running = Running::start(&[REPLICA_SET], "").await;
    let refusal = json!({
        "kind": "Status", "apiVersion": "v1", "status": "Failure", "reason": "Forbidden", "code": 403,
        "message": "pods \"web-\" is forbidden: exceeded quota",
    });
    running.server.on_request(move |seen| {
        (seen.method == http::Method::POST && seen.path.ends_with("/pods")).then(|| Canned::json(403, &refusal))
    });
    running.client.namespaced::<ReplicaSet>("ns").create(&set(20)).await.unwrap();
    let failed = status_of(&running, "the condition", |set| !set.status.conditions.is_empty()).await;
    let condition = &failed.status.conditions[0];
    assert_eq!(
        (condition.type_.as_str(), condition.status.as_str(), condition.reason.as_str()),
        ("ReplicaFailure", "True", "FailedCreate")
    );
    assert_eq!(condition.message, "pods \"web-\" is forbidden: exceeded quota");
    let tries = running.server.seen().iter().filter(|seen| seen.path.ends_with("/pods") && seen.method == http::Method::POST).count();
    assert!(tries < 20, "after the first failure of a batch nothing more is tried, but {tries} were");
    running.server.on_request(|_| None);
    let well = status_of(&running, "the pods", |set| set.status.replicas == 20).await;
    assert!(well.status.conditions.is_empty());
}

#[tokio::test]
async fn orphans_are_adopted_before_pods_are_made() {
    let running = Running::start(&[REPLICATION_CONTROLLER], "").await;
    let orphan = json!({"metadata": {"name": "orphan", "namespace": "ns", "labels": {"app": "web"}}});
    running.client.namespaced::<Pod>("ns").create(&Pod::from_value(orphan).unwrap()).await.unwrap();
    let controller = json!({
        "metadata": {"name": "web", "namespace": "ns"},
        "spec": {"replicas": 1, "selector": {"app": "web"}, "template": {"metadata": {"labels": {"app": "web"}}}},
    });
    let controllers = running.client.namespaced::<ReplicationController>("ns");
    controllers.create(&ReplicationController::from_value(controller).unwrap()).await.unwrap();
    running
        .until("the status", async |_| {
            let controller = controllers.get("web").await.unwrap();
            (controller.status.replicas == 1).then_some(())
        })
        .await;
    let pods = pods(&running).await;
    assert_eq!(pods.len(), 1);
    assert_eq!(pods[0].metadata.owner_references[0].kind, "ReplicationController");
}
