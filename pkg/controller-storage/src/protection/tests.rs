use controller::testing::Fixture;
use k8s_api::Kind as _;
use k8s_api::core::v1::{PersistentVolumeClaim, Pod};
use serde_json::{Value, json};

use super::claims::uses;
use super::{claims, volumes};

const VOLUMES: &str = "/api/v1/persistentvolumes";
const CLAIMS: &str = "/api/v1/persistentvolumeclaims";

fn object(name: &str, deleted: bool, finalizer: &str, phase: &str) -> Value {
    let finalizers: Vec<_> = deleted.then_some(finalizer).into_iter().collect();
    json!({
        "metadata": {"name": name, "finalizers": finalizers, "deletionTimestamp": deleted.then_some("2026-01-01T00:00:00Z")},
        "status": {"phase": phase},
    })
}

fn finalizers(fixture: &Fixture, collection: &str, namespace: &str, name: &str) -> Value {
    fixture.get(collection, namespace, name).unwrap()["metadata"]["finalizers"].clone()
}

#[tokio::test]
async fn volumes_stay_while_they_are_bound() {
    let fixture = Fixture::start().await;
    let finalizer = "kubernetes.io/pv-protection";
    fixture.create(VOLUMES, "", object("new", false, finalizer, "Available"));
    fixture.create(VOLUMES, "", object("bound", true, finalizer, "Bound"));
    fixture.create(VOLUMES, "", object("released", true, finalizer, "Released"));
    fixture.run(volumes::build).await;
    let of = |name: &str| finalizers(&fixture, VOLUMES, "", name);
    fixture
        .eventually("the new one is held", || of("new") == json!([finalizer]))
        .await;
    fixture
        .eventually("the released one may go", || of("released").is_null())
        .await;
    assert_eq!(of("bound"), json!([finalizer]));
    fixture.patch(VOLUMES, "", "bound", json!({"status": {"phase": "Released"}}));
    fixture
        .eventually("the bound one may go in its turn", || of("bound").is_null())
        .await;
}

fn pod(name: &str, node: &str, claim: &str) -> Value {
    let volume = json!({"name": "v", "persistentVolumeClaim": {"claimName": claim}});
    json!({"metadata": {"name": name}, "spec": {"nodeName": node, "containers": [], "volumes": [volume]}})
}

#[tokio::test]
async fn claims_stay_while_pods_use_them() {
    let fixture = Fixture::start().await;
    let finalizer = "kubernetes.io/pvc-protection";
    fixture.create(CLAIMS, "ns", object("new", false, finalizer, "Bound"));
    for name in ["used", "unused", "waited-for"] {
        fixture.create(CLAIMS, "ns", object(name, true, finalizer, "Bound"));
    }
    fixture.create("/api/v1/pods", "ns", pod("runs", "n", "used"));
    fixture.create("/api/v1/pods", "ns", pod("waits", "", "waited-for"));
    fixture.run(claims::build).await;
    let of = |name: &str| finalizers(&fixture, CLAIMS, "ns", name);
    fixture
        .eventually("the new one is held", || of("new") == json!([finalizer]))
        .await;
    fixture
        .eventually("the unused one may go", || of("unused").is_null())
        .await;
    fixture
        .eventually("pods without a node use nothing", || of("waited-for").is_null())
        .await;
    assert_eq!(of("used"), json!([finalizer]));
    fixture.delete("/api/v1/pods", "ns", "runs");
    fixture
        .eventually("the used one may go with its pod", || of("used").is_null())
        .await;
}

#[test]
fn a_pod_that_is_over_needs_no_ephemeral_claim() {
    let claim = |owner: &str| {
        let owners = json!([{"apiVersion": "v1", "kind": "Pod", "name": "p", "uid": owner, "controller": true}]);
        let value = json!({"metadata": {"name": "p-v", "namespace": "ns", "ownerReferences": owners}});
        PersistentVolumeClaim::from_value(value).unwrap()
    };
    let pod = |grace: Option<i64>| {
        let deleted = grace.map(|_| "2026-01-01T00:00:00Z");
        let volume = json!({"name": "v", "ephemeral": {"volumeClaimTemplate": {"spec": {}}}});
        Pod::from_value(json!({
            "metadata": {"name": "p", "namespace": "ns", "uid": "u", "deletionTimestamp": deleted, "deletionGracePeriodSeconds": grace},
            "spec": {"nodeName": "n", "containers": [], "volumes": [volume]},
        }))
        .unwrap()
    };
    for (owner, grace, wanted) in [
        ("u", None, true),
        ("u", Some(30), true),
        ("u", Some(0), false),
        ("other", None, false),
    ] {
        assert_eq!(
            uses(&pod(grace), &claim(owner)),
            wanted,
            "owner {owner}, grace {grace:?}"
        );
    }
}
