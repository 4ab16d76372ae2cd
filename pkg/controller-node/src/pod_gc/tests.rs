use std::sync::Arc;

use k8s_api::Kind as _;
use k8s_api::core::v1::Pod;
use serde_json::{Value, json};

use super::judge::{classes, oldest};
use controller::testing::Fixture;

const PODS: &str = "/api/v1/pods";
const NODES: &str = "/api/v1/nodes";

fn pod(name: &str, node: &str, phase: &str, deleted: bool) -> Value {
    json!({
        "metadata": {"name": name, "generation": 3, "deletionTimestamp": deleted.then_some("2026-01-01T00:00:00Z")},
        "spec": {"nodeName": node, "containers": []},
        "status": {"phase": phase},
    })
}

#[test]
fn classes_of_pods() {
    for (node, phase, deleted, wanted) in [
        ("n", "Running", false, &[][..]),
        ("n", "Failed", false, &["terminated"]),
        ("n", "Succeeded", true, &["terminated", "terminating"]),
        ("n", "Running", true, &["terminating"]),
        ("", "Pending", true, &["unscheduled"]),
        ("n", "", false, &["terminated"]),
    ] {
        let pod = Pod::from_value(pod("p", node, phase, deleted)).unwrap();
        assert_eq!(
            classes(&pod).collect::<Vec<_>>(),
            wanted,
            "{phase} on {node:?}, deleted: {deleted}"
        );
    }
}

#[test]
fn evicted_pods_go_first_then_the_oldest() {
    let of = |name: &str, created: &str, reason: &str| {
        let value = json!({
            "metadata": {"name": name, "creationTimestamp": created},
            "status": {"phase": "Failed", "reason": reason},
        });
        Arc::new(Pod::from_value(value).unwrap())
    };
    let pods = vec![
        of("young", "2026-01-03T00:00:00Z", ""),
        of("b", "2026-01-01T00:00:00Z", ""),
        of("a", "2026-01-01T00:00:00Z", ""),
        of("evicted", "2026-01-04T00:00:00Z", "Evicted"),
    ];
    let names = |keep| {
        oldest(pods.clone(), keep)
            .iter()
            .map(|pod| pod.metadata.name.clone())
            .collect::<Vec<_>>()
    };
    assert_eq!(names(0), ["evicted", "a", "b", "young"]);
    assert_eq!(names(2), ["evicted", "a"]);
    assert_eq!(names(9), Vec::<String>::new());
}

#[tokio::test(start_paused = true)]
async fn pods_that_nobody_ends_are_failed_and_deleted() {
    let fixture = Fixture::configured(|config| config.pod_gc_controller.terminated_pod_gc_threshold = 1).await;
    fixture.create(
        NODES,
        "",
        json!({"metadata": {"name": "good"}, "status": {"conditions": [{"type": "Ready", "status": "True"}]}}),
    );
    let taints = json!([{"key": "node.kubernetes.io/out-of-service", "effect": "NoExecute"}]);
    fixture.create(
        NODES,
        "",
        json!({"metadata": {"name": "out"}, "spec": {"taints": taints}}),
    );
    for pod in [
        pod("runs", "good", "Running", false),
        pod("ends", "good", "Running", true),
        pod("ends-out", "out", "Running", true),
        pod("runs-out", "out", "Running", false),
        pod("never-ran", "", "Pending", true),
        pod("done-1", "good", "Succeeded", false),
        pod("done-2", "good", "Succeeded", false),
        pod("orphan", "gone", "Running", false),
    ] {
        fixture.create(PODS, "ns", pod);
    }
    fixture.run(super::build).await;
    let names = || {
        let pods = fixture.list::<Pod>(PODS, "ns");
        pods.iter().map(|pod| pod.metadata.name.clone()).collect::<Vec<_>>()
    };
    fixture
        .eventually("they go", || names() == ["done-2", "ends", "runs", "runs-out"])
        .await;
    let seen = fixture.server.seen();
    let patch = seen
        .iter()
        .find(|seen| seen.path.ends_with("/pods/orphan/status"))
        .expect("the orphan was failed");
    let patch: Value = serde_json::from_slice(&patch.body).unwrap();
    assert_eq!(patch["status"]["phase"], "Failed");
    let condition = &patch["status"]["conditions"][0];
    assert_eq!(condition["type"], "DisruptionTarget");
    assert_eq!(condition["reason"], "DeletionByPodGC");
    assert_eq!(condition["message"], "PodGC: node no longer exists");
    assert!(
        !seen.iter().any(|seen| seen.path.ends_with("/pods/done-1/status")),
        "what has ended stays as it is"
    );
    let delete = seen
        .iter()
        .find(|seen| seen.method == "DELETE" && seen.path.ends_with("/never-ran"))
        .unwrap();
    assert_eq!(
        serde_json::from_slice::<Value>(&delete.body).unwrap()["gracePeriodSeconds"],
        0
    );
}
