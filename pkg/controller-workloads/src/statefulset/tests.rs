//! A stateful set and its pods, on a server in memory.

use controller::testing::Fixture;
use k8s_api::Kind as _;
use k8s_api::apps::v1::{ControllerRevision, StatefulSet};
use k8s_api::core::v1::{Event, PersistentVolumeClaim, Pod};
use serde_json::{Value, json};

use super::STATEFUL_SET;

const SETS: &str = "/apis/apps/v1/statefulsets";
const PODS: &str = "/api/v1/pods";
const CLAIMS: &str = "/api/v1/persistentvolumeclaims";

fn set(replicas: i32, more: Value) -> Value {
    let mut set = json!({
        "metadata": {"name": "web", "namespace": "ns", "generation": 1},
        "spec": {
            "replicas": replicas,
            "serviceName": "web",
            "podManagementPolicy": "OrderedReady",
            "revisionHistoryLimit": 10,
            "updateStrategy": {"type": "RollingUpdate", "rollingUpdate": {"partition": 0}},
            "selector": {"matchLabels": {"app": "web"}},
            "template": template("v1"),
            "volumeClaimTemplates": [{"metadata": {"name": "data"}}],
        },
    });
    for (key, value) in more.as_object().unwrap() {
        set["spec"][key] = value.clone();
    }
    set
}

fn template(image: &str) -> Value {
    json!({"metadata": {"labels": {"app": "web"}}, "spec": {"containers": [{"name": "c", "image": image}]}})
}

async fn started(set: Value) -> Fixture {
    let fixture = Fixture::start().await;
    fixture.run(STATEFUL_SET.constructor).await;
    fixture.create(SETS, "ns", set);
    fixture
}

fn current(fixture: &Fixture) -> StatefulSet {
    StatefulSet::from_value(fixture.get(SETS, "ns", "web").unwrap()).unwrap()
}

fn names(fixture: &Fixture) -> Vec<String> {
    let pods: Vec<Pod> = fixture.list(PODS, "ns");
    pods.into_iter().map(|pod| pod.metadata.name).collect()
}

fn images(fixture: &Fixture) -> Vec<String> {
    let pods: Vec<Pod> = fixture.list(PODS, "ns");
    pods.into_iter()
        .map(|pod| pod.spec.containers[0].image.clone())
        .collect()
}

fn make_ready(fixture: &Fixture, name: &str) {
    let status = json!({"status": {"phase": "Running", "conditions": [{"type": "Ready", "status": "True"}]}});
    fixture.patch(PODS, "ns", name, status);
}

fn make_all_ready(fixture: &Fixture) {
    let pods: Vec<Pod> = fixture.list(PODS, "ns");
    for pod in pods.iter().filter(|pod| !controller::workload::pods::is_ready(pod)) {
        make_ready(fixture, &pod.metadata.name);
    }
}

async fn until_ready(fixture: &Fixture, count: i32) {
    fixture
        .eventually("all pods ready", || {
            make_all_ready(fixture);
            let status = current(fixture).status;
            status.ready_replicas == count && status.replicas == count && status.updated_replicas == count
        })
        .await;
}

#[tokio::test]
async fn pods_come_one_after_the_other_and_go_the_other_way_round() {
    let fixture = started(set(3, json!({}))).await;
    for ordinal in 0..3 {
        let name = format!("web-{ordinal}");
        fixture.eventually(&name, || names(&fixture).contains(&name)).await;
        assert_eq!(names(&fixture).len(), ordinal + 1, "the next waits for this one");
        make_ready(&fixture, &name);
    }
    until_ready(&fixture, 3).await;
    let first = Pod::from_value(fixture.get(PODS, "ns", "web-0").unwrap()).unwrap();
    assert_eq!(
        (first.spec.hostname.as_str(), first.spec.subdomain.as_str()),
        ("web-0", "web")
    );
    assert_eq!(first.metadata.labels["statefulset.kubernetes.io/pod-name"], "web-0");
    assert_eq!(first.metadata.labels["apps.kubernetes.io/pod-index"], "0");
    assert_eq!(
        first.spec.volumes[0]
            .persistent_volume_claim
            .as_ref()
            .unwrap()
            .claim_name,
        "data-web-0"
    );
    let claims: Vec<PersistentVolumeClaim> = fixture.list(CLAIMS, "ns");
    assert_eq!(claims.len(), 3);
    assert!(claims.iter().all(|claim| claim.metadata.owner_references.is_empty()));

    fixture.patch(
        SETS,
        "ns",
        "web",
        json!({"metadata": {"generation": 2}, "spec": {"replicas": 1}}),
    );
    fixture.eventually("one pod", || names(&fixture) == ["web-0"]).await;
    let deleted: Vec<String> = fixture
        .server
        .seen()
        .iter()
        .filter(|seen| seen.method == http::Method::DELETE)
        .map(|seen| seen.path.rsplit('/').next().unwrap().to_owned())
        .collect();
    assert_eq!(deleted, ["web-2", "web-1"]);
    let told = |wanted: &str| {
        let events: Vec<Event> = fixture.list("/api/v1/events", "ns");
        events
            .iter()
            .any(|event| format!("{}: {}", event.reason, event.message) == wanted)
    };
    for wanted in [
        "SuccessfulCreate: Create Claim data-web-0 Pod web-0 in StatefulSet web success",
        "SuccessfulCreate: Create Pod web-0 in StatefulSet web successful",
        "SuccessfulDelete: Delete Pod web-2 in StatefulSet web successful",
    ] {
        fixture.eventually(wanted, || told(wanted)).await;
    }
}

#[tokio::test]
async fn parallel_pods_come_at_once() {
    let fixture = started(set(
        4,
        json!({"podManagementPolicy": "Parallel", "ordinals": {"start": 5}}),
    ))
    .await;
    fixture
        .eventually("four pods", || names(&fixture) == ["web-5", "web-6", "web-7", "web-8"])
        .await;
}

#[tokio::test]
async fn an_update_goes_from_the_last_pod_to_the_partition() {
    let fixture = started(set(3, json!({}))).await;
    until_ready(&fixture, 3).await;
    let before = current(&fixture).status;
    assert_eq!(before.current_revision, before.update_revision);
    fixture.patch(
        SETS,
        "ns",
        "web",
        json!({"metadata": {"generation": 2}, "spec": {
            "template": template("v2"),
            "updateStrategy": {"type": "RollingUpdate", "rollingUpdate": {"partition": 2}},
        }}),
    );
    fixture
        .eventually("the last pod", || {
            make_all_ready(&fixture);
            images(&fixture) == ["v1", "v1", "v2"] && current(&fixture).status.updated_replicas == 1
        })
        .await;
    let between = current(&fixture).status;
    assert_eq!(between.current_revision, before.current_revision);
    assert_ne!(between.update_revision, before.update_revision);
    assert_eq!(between.current_replicas, 2);
    fixture.patch(
        SETS,
        "ns",
        "web",
        json!({"metadata": {"generation": 3}, "spec": {
            "updateStrategy": {"type": "RollingUpdate", "rollingUpdate": {"partition": 0}},
        }}),
    );
    until_ready(&fixture, 3).await;
    assert_eq!(images(&fixture), ["v2", "v2", "v2"]);
    fixture
        .eventually("the new revision", || {
            let status = current(&fixture).status;
            status.current_revision == between.update_revision && status.current_replicas == 3
        })
        .await;
    let revisions: Vec<ControllerRevision> = fixture.list("/apis/apps/v1/controllerrevisions", "ns");
    let mut numbers: Vec<_> = revisions.iter().map(|revision| revision.revision).collect();
    numbers.sort_unstable();
    assert_eq!(numbers, [1, 2]);

    // The first template again: its revision becomes the newest.
    fixture.patch(
        SETS,
        "ns",
        "web",
        json!({"metadata": {"generation": 4}, "spec": {"template": template("v1")}}),
    );
    fixture
        .eventually("the first template", || {
            make_all_ready(&fixture);
            current(&fixture).status.current_revision == before.current_revision
        })
        .await;
    let revisions: Vec<ControllerRevision> = fixture.list("/apis/apps/v1/controllerrevisions", "ns");
    assert_eq!(revisions.len(), 2);
    assert_eq!(revisions.iter().map(|revision| revision.revision).max(), Some(3));
}

#[tokio::test]
async fn claims_go_with_pods_or_with_the_set_as_the_policy_says() {
    let policy = json!({"persistentVolumeClaimRetentionPolicy": {"whenDeleted": "Delete", "whenScaled": "Delete"}});
    let fixture = started(set(2, policy)).await;
    until_ready(&fixture, 2).await;
    let owners = || -> Vec<String> {
        let claims: Vec<PersistentVolumeClaim> = fixture.list(CLAIMS, "ns");
        let owner = |claim: PersistentVolumeClaim| {
            let owners = claim.metadata.owner_references;
            owners.into_iter().map(|owner| owner.kind).collect::<Vec<_>>().join("+")
        };
        claims.into_iter().map(owner).collect()
    };
    fixture
        .eventually("owners", || owners() == ["StatefulSet", "StatefulSet"])
        .await;
    fixture.patch(
        SETS,
        "ns",
        "web",
        json!({"metadata": {"generation": 2}, "spec": {"replicas": 1}}),
    );
    fixture
        .eventually("other owners", || owners() == ["StatefulSet", "Pod"])
        .await;
}

#[tokio::test]
async fn a_pod_that_has_failed_is_made_anew() {
    let fixture = started(set(1, json!({}))).await;
    until_ready(&fixture, 1).await;
    let uid = |fixture: &Fixture| {
        fixture
            .get(PODS, "ns", "web-0")
            .map(|pod| pod["metadata"]["uid"].clone())
    };
    let before = uid(&fixture);
    fixture.patch(PODS, "ns", "web-0", json!({"status": {"phase": "Failed"}}));
    fixture
        .eventually("another pod", || {
            let now = uid(&fixture);
            now.is_some() && now != before
        })
        .await;
}
