//! Deployments and their replica sets, with the replica set controller at work beside them.

use std::sync::Arc;
use std::time::Duration;

use controller::testing::Fixture;
use k8s_api::Kind as _;
use k8s_api::apps::v1::{Deployment, ReplicaSet};
use k8s_api::core::v1::{Event, Pod};
use k8s_api::primitives::Time;
use serde_json::{Value, json};

use super::conditions::get;
use super::{DEPLOYMENT, sizes};
use crate::replicaset::REPLICA_SET;

const DEPLOYMENTS: &str = "/apis/apps/v1/deployments";
const SETS: &str = "/apis/apps/v1/replicasets";
const PODS: &str = "/api/v1/pods";

fn deployment(replicas: i32, strategy: Value) -> Value {
    json!({
        "metadata": {"name": "web", "namespace": "ns", "generation": 1},
        "spec": {
            "replicas": replicas,
            "selector": {"matchLabels": {"app": "web"}},
            "strategy": strategy,
            "progressDeadlineSeconds": 600,
            "revisionHistoryLimit": 1,
            "template": template("v1"),
        },
    })
}

fn template(image: &str) -> Value {
    json!({"metadata": {"labels": {"app": "web"}}, "spec": {"containers": [{"name": "c", "image": image}]}})
}

fn rolling() -> Value {
    json!({"type": "RollingUpdate", "rollingUpdate": {"maxSurge": "25%", "maxUnavailable": "25%"}})
}

fn current(fixture: &Fixture) -> Deployment {
    Deployment::from_value(fixture.get(DEPLOYMENTS, "ns", "web").unwrap()).unwrap()
}

fn sets(fixture: &Fixture) -> Vec<ReplicaSet> {
    let mut sets: Vec<ReplicaSet> = fixture.list(SETS, "ns");
    sets.sort_by_key(|set| super::annotations::revision(&set.metadata));
    sets
}

/// Makes every pod ready, as a kubelet would; and keeps count of what is available and what there is.
fn make_ready(fixture: &Fixture) -> (usize, usize) {
    let pods: Vec<Pod> = fixture.list(PODS, "ns");
    let available = pods
        .iter()
        .filter(|pod| controller::workload::pods::is_ready(pod))
        .count();
    for pod in pods.iter().filter(|pod| !controller::workload::pods::is_ready(pod)) {
        let status = json!({"status": {"phase": "Running", "conditions": [{"type": "Ready", "status": "True"}]}});
        fixture.patch(PODS, "ns", &pod.metadata.name, status);
    }
    (available, pods.len())
}

fn is_rolled_out(fixture: &Fixture) -> bool {
    let deployment = current(fixture);
    get(&deployment.status, "Progressing").is_some_and(|condition| condition.reason == "NewReplicaSetAvailable")
        && deployment.status.observed_generation == deployment.metadata.generation
        && deployment.status.updated_replicas == deployment.spec.replicas.unwrap()
        && deployment.status.replicas == deployment.status.updated_replicas
}

async fn started(deployment: Value) -> Fixture {
    let fixture = Fixture::start().await;
    fixture.run(DEPLOYMENT.constructor).await;
    fixture.run(REPLICA_SET.constructor).await;
    fixture.create(DEPLOYMENTS, "ns", deployment);
    fixture
        .eventually("the first rollout", || {
            make_ready(&fixture);
            is_rolled_out(&fixture)
        })
        .await;
    fixture
}

fn change(fixture: &Fixture, generation: i64, spec: Value) {
    fixture.patch(
        DEPLOYMENTS,
        "ns",
        "web",
        json!({"metadata": {"generation": generation}, "spec": spec}),
    );
}

fn told(fixture: &Fixture) -> Vec<String> {
    let events: Vec<Event> = fixture.list("/api/v1/events", "ns");
    events
        .into_iter()
        .filter(|event| event.involved_object.kind == "Deployment")
        .map(|event| format!("{}: {}", event.reason, event.message))
        .collect()
}

#[tokio::test]
async fn a_rolling_update_keeps_within_its_bounds() {
    let fixture = started(deployment(4, rolling())).await;
    let first = sets(&fixture).remove(0);
    let name = first.metadata.name.clone();
    assert_eq!(
        current(&fixture).metadata.annotations["deployment.kubernetes.io/revision"],
        "1"
    );
    assert!(
        first
            .spec
            .selector
            .unwrap()
            .match_labels
            .contains_key("pod-template-hash")
    );
    change(&fixture, 2, json!({"template": template("v2")}));
    let mut worst = (usize::MAX, 0);
    fixture
        .eventually("the second rollout", || {
            let (available, present) = make_ready(&fixture);
            worst = (worst.0.min(available), worst.1.max(present));
            is_rolled_out(&fixture)
        })
        .await;
    assert!(
        worst.0 >= 3 && worst.1 <= 5,
        "at least {} available, at most {} pods",
        worst.0,
        worst.1
    );
    let after = current(&fixture);
    assert_eq!(after.metadata.annotations["deployment.kubernetes.io/revision"], "2");
    assert_eq!(get(&after.status, "Available").unwrap().status, "True");
    let message = &get(&after.status, "Progressing").unwrap().message;
    let newest = sets(&fixture).pop().unwrap().metadata.name;
    assert_eq!(
        *message,
        format!("ReplicaSet \"{newest}\" has successfully progressed.")
    );
    for wanted in [
        format!("ScalingReplicaSet: Scaled up replica set {name} from 0 to 4"),
        format!("ScalingReplicaSet: Scaled up replica set {newest} from 0 to 1"),
    ] {
        fixture.eventually(&wanted, || told(&fixture).contains(&wanted)).await;
    }

    // The third template; then the history holds one former set, the oldest is deleted.
    change(&fixture, 3, json!({"template": template("v3")}));
    fixture
        .eventually("the third rollout", || {
            make_ready(&fixture);
            is_rolled_out(&fixture) && sets(&fixture).len() == 2
        })
        .await;
    assert!(sets(&fixture).iter().all(|set| set.metadata.name != name));

    // Back to the last template, by the annotation.
    let request = json!({"metadata": {"generation": 4, "annotations": {"deprecated.deployment.rollback.to": "0"}}});
    fixture.patch(DEPLOYMENTS, "ns", "web", request);
    fixture
        .eventually("the way back", || {
            make_ready(&fixture);
            current(&fixture).spec.template.spec.containers[0].image == "v2" && is_rolled_out(&fixture)
        })
        .await;
    assert_eq!(
        current(&fixture).metadata.annotations["deployment.kubernetes.io/revision"],
        "4"
    );
    assert!(
        !current(&fixture)
            .metadata
            .annotations
            .contains_key("deprecated.deployment.rollback.to")
    );
    let done = "DeploymentRollback: Rolled back deployment \"web\" to revision 2".to_owned();
    fixture.eventually(&done, || told(&fixture).contains(&done)).await;
    let reused = sets(&fixture).pop().unwrap();
    assert_eq!(
        reused.metadata.annotations["deployment.kubernetes.io/revision-history"],
        "2"
    );
}

#[tokio::test]
async fn recreate_ends_the_old_before_the_new_begins() {
    let fixture = started(deployment(3, json!({"type": "Recreate"}))).await;
    change(&fixture, 2, json!({"template": template("v2")}));
    fixture
        .eventually("the second rollout", || {
            make_ready(&fixture);
            let pods: Vec<Pod> = fixture.list(PODS, "ns");
            let images: std::collections::BTreeSet<_> =
                pods.iter().map(|pod| pod.spec.containers[0].image.clone()).collect();
            assert!(images.len() <= 1, "old and new run together");
            is_rolled_out(&fixture) && images.contains("v2")
        })
        .await;
}

#[tokio::test]
async fn pausing_stops_the_rollout_and_not_the_scaling() {
    let fixture = started(deployment(2, rolling())).await;
    change(&fixture, 2, json!({"paused": true, "template": template("v2")}));
    let reason = |fixture: &Fixture| get(&current(fixture).status, "Progressing").map(|c| c.reason.clone());
    fixture
        .eventually("the condition", || {
            reason(&fixture).as_deref() == Some("DeploymentPaused")
        })
        .await;
    change(&fixture, 3, json!({"replicas": 5}));
    fixture
        .eventually("five old pods", || {
            let sets = sets(&fixture);
            sets.len() == 1 && sets[0].spec.replicas == Some(5)
        })
        .await;
    change(&fixture, 4, json!({"paused": false}));
    fixture
        .eventually("the rollout", || {
            make_ready(&fixture);
            is_rolled_out(&fixture) && sets(&fixture).len() == 2
        })
        .await;
}

#[tokio::test]
async fn a_rollout_without_progress_times_out() {
    let mut fixture = Fixture::start().await;
    fixture.context.clock = controller::Clock::fixed(Time::now());
    let clock = fixture.context.clock.clone();
    fixture.run(DEPLOYMENT.constructor).await;
    fixture.run(REPLICA_SET.constructor).await;
    fixture.create(DEPLOYMENTS, "ns", deployment(1, rolling()));
    fixture
        .eventually("the first status", || current(&fixture).status.replicas == 1)
        .await;
    assert_eq!(
        get(&current(&fixture).status, "Available").unwrap().reason,
        "MinimumReplicasUnavailable"
    );
    clock.advance(Duration::from_secs(601));
    fixture.patch(
        DEPLOYMENTS,
        "ns",
        "web",
        json!({"metadata": {"labels": {"look": "again"}}}),
    );
    fixture
        .eventually("the deadline", || {
            get(&current(&fixture).status, "Progressing")
                .is_some_and(|c| c.reason == "ProgressDeadlineExceeded" && c.status == "False")
        })
        .await;
}

#[tokio::test]
async fn a_name_that_is_taken_counts_as_a_collision() {
    let fixture = Fixture::start().await;
    let wanted = Deployment::from_value(deployment(1, rolling())).unwrap();
    let hash = controller::workload::compute_hash(&wanted.spec.template, None);
    let stranger = json!({"metadata": {"name": format!("web-{hash}"), "namespace": "ns"}, "spec": {"replicas": 0}});
    fixture.create(SETS, "ns", stranger);
    fixture.run(DEPLOYMENT.constructor).await;
    fixture.create(DEPLOYMENTS, "ns", deployment(1, rolling()));
    fixture.eventually("another name", || sets(&fixture).len() == 2).await;
    fixture
        .eventually("the count", || current(&fixture).status.collision_count == Some(1))
        .await;
}

fn sized(name: &str, size: i32, max: i32) -> Arc<ReplicaSet> {
    let value = json!({
        "metadata": {
            "name": name,
            "annotations": {"deployment.kubernetes.io/max-replicas": max.to_string()},
        },
        "spec": {"replicas": size},
    });
    Arc::new(ReplicaSet::from_value(value).unwrap())
}

#[test]
fn a_change_of_size_is_shared_out() {
    for (replicas, surge, before, after) in [
        (10, "0", vec![5, 5], vec![5, 5]),
        (20, "0", vec![5, 5], vec![10, 10]),
        (5, "0", vec![5, 5], vec![2, 3]),
        (0, "0", vec![7, 3], vec![0, 0]),
        (15, "0", vec![8, 1, 1], vec![12, 1, 2]),
    ] {
        let max: i32 = before.iter().sum();
        let sets: Vec<_> = before
            .iter()
            .enumerate()
            .map(|(index, size)| sized(&format!("s{index}"), *size, max))
            .collect();
        let mut wanted = Deployment::from_value(deployment(replicas, rolling())).unwrap();
        let update = wanted.spec.strategy.rolling_update.as_mut().unwrap();
        update.max_surge = Some(serde_json::from_value(json!(surge.parse::<i32>().unwrap())).unwrap());
        let sets: Vec<&ReplicaSet> = sets.iter().map(|set| &**set).collect();
        assert_eq!(
            sizes::proportional_sizes(&wanted, &sets),
            after,
            "{before:?} to {replicas}"
        );
    }
}
