//! A daemon set, nodes and pods, on a server in memory.

use std::collections::BTreeSet;

use controller::testing::Fixture;
use k8s_api::Kind as _;
use k8s_api::apps::v1::{ControllerRevision, DaemonSet};
use k8s_api::core::v1::{Event, Pod};
use serde_json::{Value, json};

use super::{DAEMON_SET, template};

const SETS: &str = "/apis/apps/v1/daemonsets";
const PODS: &str = "/api/v1/pods";
const NODES: &str = "/api/v1/nodes";

fn set(strategy: Value) -> Value {
    json!({
        "metadata": {"name": "agent", "namespace": "ns", "generation": 1},
        "spec": {
            "selector": {"matchLabels": {"app": "agent"}},
            "updateStrategy": strategy,
            "revisionHistoryLimit": 10,
            "template": pod_template("v1"),
        },
    })
}

fn pod_template(image: &str) -> Value {
    json!({
        "metadata": {"labels": {"app": "agent"}},
        "spec": {"nodeSelector": {"os": "linux"}, "containers": [{"name": "c", "image": image}]},
    })
}

fn node(fixture: &Fixture, name: &str, os: &str, taints: Value) {
    let node = json!({"metadata": {"name": name, "labels": {"os": os}}, "spec": {"taints": taints}});
    fixture.create(NODES, "", node);
}

fn rolling(surge: i32, unavailable: i32) -> Value {
    json!({"type": "RollingUpdate", "rollingUpdate": {"maxSurge": surge, "maxUnavailable": unavailable}})
}

async fn started(set: Value, nodes: usize) -> Fixture {
    let fixture = Fixture::start().await;
    for index in 0..nodes {
        node(&fixture, &format!("n{index}"), "linux", json!([]));
    }
    fixture.run(DAEMON_SET.constructor).await;
    fixture.create(SETS, "ns", set);
    fixture
}

fn pods(fixture: &Fixture) -> Vec<Pod> {
    fixture.list(PODS, "ns")
}

fn targets(fixture: &Fixture) -> BTreeSet<String> {
    pods(fixture)
        .iter()
        .map(|pod| template::target_node(pod).unwrap().to_owned())
        .collect()
}

fn current(fixture: &Fixture) -> DaemonSet {
    DaemonSet::from_value(fixture.get(SETS, "ns", "agent").unwrap()).unwrap()
}

/// Places every pod and makes it ready, as a scheduler and kubelets would.
fn run_all(fixture: &Fixture) {
    for pod in pods(fixture).iter().filter(|pod| pod.spec.node_name.is_empty()) {
        let node = template::target_node(pod).unwrap();
        let running = json!({
            "spec": {"nodeName": node},
            "status": {"phase": "Running", "conditions": [{"type": "Ready", "status": "True"}]},
        });
        fixture.patch(PODS, "ns", &pod.metadata.name, running);
    }
}

#[tokio::test]
async fn every_node_that_fits_gets_a_pod() {
    let fixture = started(set(rolling(0, 1)), 2).await;
    node(&fixture, "windows", "windows", json!([]));
    node(
        &fixture,
        "tainted",
        "linux",
        json!([{"key": "only", "effect": "NoSchedule"}]),
    );
    node(
        &fixture,
        "cordoned",
        "linux",
        json!([{"key": "node.kubernetes.io/unschedulable", "effect": "NoSchedule"}]),
    );
    let wanted: BTreeSet<_> = ["n0", "n1", "cordoned"].map(str::to_owned).into();
    fixture.eventually("three pods", || targets(&fixture) == wanted).await;
    run_all(&fixture);
    fixture
        .eventually("the status", || {
            let status = current(&fixture).status;
            (
                status.desired_number_scheduled,
                status.number_available,
                status.updated_number_scheduled,
            ) == (3, 3, 3)
                && status.number_unavailable == 0
                && status.observed_generation == 1
        })
        .await;
    let tolerations = &pods(&fixture)[0].spec.tolerations;
    assert_eq!(tolerations.len(), 6, "no more than six without the host's network");

    // A taint that runs no new pods lets the present one go on; one that ends pods does not.
    fixture.patch(
        NODES,
        "",
        "n0",
        json!({"spec": {"taints": [{"key": "x", "effect": "NoSchedule"}]}}),
    );
    fixture
        .eventually("a misplaced pod", || current(&fixture).status.number_misscheduled == 1)
        .await;
    assert_eq!(targets(&fixture), wanted);
    fixture.patch(
        NODES,
        "",
        "n0",
        json!({"spec": {"taints": [{"key": "x", "effect": "NoExecute"}]}}),
    );
    fixture
        .eventually("two pods", || {
            targets(&fixture).len() == 2 && !targets(&fixture).contains("n0")
        })
        .await;
}

#[tokio::test]
async fn old_pods_end_within_the_bound() {
    let fixture = started(set(rolling(0, 1)), 4).await;
    fixture
        .eventually("four pods", || {
            run_all(&fixture);
            current(&fixture).status.number_available == 4
        })
        .await;
    let change = json!({"metadata": {"generation": 2}, "spec": {"template": pod_template("v2")}});
    fixture.patch(SETS, "ns", "agent", change);
    let mut fewest = usize::MAX;
    fixture
        .eventually("the update", || {
            let ready = pods(&fixture)
                .iter()
                .filter(|pod| controller::workload::pods::is_ready(pod))
                .count();
            fewest = fewest.min(ready);
            run_all(&fixture);
            let status = current(&fixture).status;
            status.updated_number_scheduled == 4 && status.number_available == 4 && status.observed_generation == 2
        })
        .await;
    assert!(fewest >= 3, "only {fewest} were ready");
    let revisions: Vec<ControllerRevision> = fixture.list("/apis/apps/v1/controllerrevisions", "ns");
    assert_eq!(revisions.len(), 2);
    assert!(pods(&fixture).iter().all(|pod| pod.spec.containers[0].image == "v2"));
}

#[tokio::test]
async fn new_pods_start_beside_old_ones() {
    let fixture = started(set(rolling(1, 0)), 3).await;
    fixture
        .eventually("three pods", || {
            run_all(&fixture);
            current(&fixture).status.number_available == 3
        })
        .await;
    let change = json!({"metadata": {"generation": 2}, "spec": {"template": pod_template("v2")}});
    fixture.patch(SETS, "ns", "agent", change);
    let (mut fewest, mut most) = (usize::MAX, 0);
    fixture
        .eventually("the update", || {
            let pods = pods(&fixture);
            let covered: BTreeSet<_> = pods
                .iter()
                .filter(|pod| controller::workload::pods::is_ready(pod))
                .map(|pod| pod.spec.node_name.clone())
                .collect();
            fewest = fewest.min(covered.len());
            most = most.max(pods.len());
            run_all(&fixture);
            let status = current(&fixture).status;
            status.updated_number_scheduled == 3 && status.number_available == 3 && pods.len() == 3
        })
        .await;
    assert!(fewest == 3 && most <= 4, "{fewest} nodes covered, {most} pods");
}

#[tokio::test]
async fn pods_that_have_failed_are_replaced_later_and_later() {
    let fixture = started(set(rolling(0, 1)), 1).await;
    fixture.eventually("a pod", || pods(&fixture).len() == 1).await;
    let first = pods(&fixture).remove(0).metadata.name;
    fixture.patch(PODS, "ns", &first, json!({"status": {"phase": "Failed"}}));
    fixture
        .eventually("another pod", || {
            let pods = pods(&fixture);
            pods.len() == 1 && pods[0].metadata.name != first
        })
        .await;
    let note = format!("Found failed daemon pod ns/{first} on node n0, will try to kill it");
    fixture
        .eventually("the event", || {
            let events: Vec<Event> = fixture.list("/api/v1/events", "ns");
            events
                .iter()
                .any(|event| event.reason == "FailedDaemonPod" && event.message == note)
        })
        .await;
}
