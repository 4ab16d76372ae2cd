//! Requests against nodes, and scores.

use std::sync::Arc;

use scheduler_framework::config::args::{
    NodeResourcesFitArgs, RequestedToCapacityRatio, ResourceSpec, ScoringStrategy, UtilizationShapePoint,
};
use scheduler_framework::events::QueueingHint;
use scheduler_framework::{Code, NodeInfo, PodInfo, Status};
use serde_json::{Value, json};

use super::*;
use crate::testing::{deleted, filter, node, node_change, pod, pod_change, scores};

fn requesting(uid: &str, requests: Value) -> PodInfo {
    pod(
        json!({"metadata": {"name": uid}, "spec": {"nodeName": "n", "containers": [
        {"name": "c", "resources": {"requests": requests}}]}}),
    )
}

fn with_pods(allocatable: Value, pods: &[Value]) -> NodeInfo {
    let mut info = node(json!({"metadata": {"name": "n"}, "status": {"allocatable": allocatable}}));
    for (i, requests) in pods.iter().enumerate() {
        info.add_pod(Arc::new(requesting(&i.to_string(), requests.clone())));
    }
    info
}

#[test]
fn what_does_not_fit() {
    let node = || {
        with_pods(
            json!({"cpu": "10m", "memory": "20", "pods": "3", "ephemeral-storage": "20", "x.io/a": "5", "hugepages-2Mi": "5"}),
            &[json!({"cpu": "8m", "memory": "10", "x.io/a": "2"})],
        )
    };
    let no = |reasons: &[&'static str]| Status::new(Code::Unschedulable, reasons.to_vec());
    let never = |reasons: &[&'static str]| Status::new(Code::UnschedulableAndUnresolvable, reasons.to_vec());
    let fit = Fit::new(&NodeResourcesFitArgs {
        ignored_resources: vec!["x.io/ignored".to_owned()],
        ignored_resource_groups: vec!["group.io".to_owned()],
        ..NodeResourcesFitArgs::default()
    })
    .unwrap();
    for (name, requests, expected) in [
        ("nothing", json!({}), Status::SUCCESS),
        ("just fits", json!({"cpu": "2m", "memory": "10"}), Status::SUCCESS),
        ("cpu", json!({"cpu": "3m", "memory": "1"}), no(&["Insufficient cpu"])),
        (
            "both",
            json!({"cpu": "3m", "memory": "11"}),
            no(&["Insufficient cpu", "Insufficient memory"]),
        ),
        ("never", json!({"cpu": "11m"}), never(&["Insufficient cpu"])),
        (
            "storage",
            json!({"ephemeral-storage": "21"}),
            never(&["Insufficient ephemeral-storage"]),
        ),
        ("extended", json!({"x.io/a": "4"}), no(&["Insufficient x.io/a"])),
        (
            "extended that is not there",
            json!({"x.io/b": "1"}),
            never(&["Insufficient x.io/b"]),
        ),
        ("extended 0", json!({"x.io/b": "0"}), Status::SUCCESS),
        (
            "huge pages",
            json!({"hugepages-2Mi": "6"}),
            never(&["Insufficient hugepages-2Mi"]),
        ),
        (
            "ignored",
            json!({"x.io/ignored": "1", "group.io/a": "7"}),
            Status::SUCCESS,
        ),
    ] {
        let pod = requesting("new", requests);
        assert_eq!(filter(&fit, &pod, &node()), expected, "{name}");
    }
    let full = with_pods(json!({"pods": "1"}), &[json!({})]);
    assert_eq!(
        filter(&fit, &requesting("new", json!({})), &full),
        no(&["Too many pods"])
    );
}

fn fit_with(strategy: ScoringStrategy) -> Arc<Fit> {
    let args = NodeResourcesFitArgs {
        scoring_strategy: strategy,
        ..NodeResourcesFitArgs::default()
    };
    Arc::new(Fit::new(&args).unwrap())
}

fn strategy(kind: &str) -> ScoringStrategy {
    ScoringStrategy {
        kind: kind.to_owned(),
        ..ScoringStrategy::default()
    }
}

#[test]
fn strategies() {
    let capacity = |cpu: &str, memory: &str| json!({"cpu": cpu, "memory": memory, "pods": "9"});
    let nodes = [
        with_pods(capacity("4", "10000"), &[json!({"cpu": "1", "memory": "5000"})]),
        with_pods(capacity("6", "10000"), &[]),
    ];
    let pod = requesting("new", json!({"cpu": "1", "memory": "2000"}));
    // ((4000-2000)/4000 + (10000-7000)/10000)/2 and ((6000-1000)/6000 + (10000-2000)/10000)/2
    assert_eq!(scores(fit_with(strategy("LeastAllocated")), &pod, &nodes), [40, 81]);
    // 50 and 70, 16 and 20
    assert_eq!(scores(fit_with(strategy("MostAllocated")), &pod, &nodes), [60, 18]);
    let curve = ScoringStrategy {
        requested_to_capacity_ratio: Some(RequestedToCapacityRatio {
            shape: [(0, 10), (100, 0)]
                .map(|(utilization, score)| UtilizationShapePoint { utilization, score })
                .into(),
        }),
        ..strategy("RequestedToCapacityRatio")
    };
    // 100 - 50 and 100 - 70; 100 - 16 and 100 - 20
    assert_eq!(scores(fit_with(curve), &pod, &nodes), [40, 82]);
    let weighted = ScoringStrategy {
        resources: vec![
            ResourceSpec {
                name: "cpu".to_owned(),
                weight: 3,
            },
            ResourceSpec {
                name: "x.io/a".to_owned(),
                weight: 1,
            },
        ],
        ..strategy("LeastAllocated")
    };
    // The pod requests no x.io/a, so it does not count.
    assert_eq!(scores(fit_with(weighted), &pod, &nodes), [50, 83]);
    assert_eq!(
        Fit::new(&NodeResourcesFitArgs {
            scoring_strategy: strategy("Other"),
            ..NodeResourcesFitArgs::default()
        })
        .err()
        .as_deref(),
        Some("scoring strategy Other is not supported")
    );
}

#[test]
fn pods_that_say_nothing_score_as_if_they_did() {
    let nodes = [
        with_pods(
            json!({"cpu": "1", "memory": "1000Mi", "pods": "9"}),
            &[json!({}), json!({})],
        ),
        with_pods(json!({"cpu": "1", "memory": "1000Mi", "pods": "9"}), &[]),
    ];
    // 100m of 1000m and 200 MiB of 1000 MiB a pod.
    assert_eq!(
        scores(
            fit_with(strategy("LeastAllocated")),
            &requesting("new", json!({})),
            &nodes
        ),
        [55, 85]
    );
}

#[test]
fn balance() {
    let capacity = json!({"cpu": "10", "memory": "10000", "pods": "9"});
    let nodes = [
        with_pods(capacity.clone(), &[json!({"cpu": "6", "memory": "0"})]),
        with_pods(capacity, &[json!({"cpu": "0", "memory": "6000"})]),
    ];
    let plugin = || Arc::new(BalancedAllocation::new(&NodeResourcesBalancedAllocationArgs::default()));
    // The first node's use goes from 60 % and 0 % to 60 % and 40 %: 70 to 90. The second's from 0 and 60 to 0 and 100.
    let pod = requesting("new", json!({"memory": "4000"}));
    assert_eq!(scores(plugin(), &pod, &nodes), [85, 65]);
    assert_eq!(
        scores(plugin(), &requesting("new", json!({})), &nodes),
        Vec::<i64>::new()
    );
}

#[test]
fn hints_after_pods() {
    let pod = requesting("target", json!({"cpu": "1"}));
    let cpu = |uid: &str, cpu: &str| requesting(uid, json!({"cpu": cpu, "memory": "5"}));
    let unassigned = super::super::testing::pod(json!({"metadata": {"name": "x"}}));
    let memory_only = requesting("other", json!({"cpu": "2", "memory": "1"}));
    for (name, objects, expected) in [
        ("a pod on a node went", deleted(cpu("other", "1")), QueueingHint::Queue),
        ("a pod without node went", deleted(unassigned), QueueingHint::Skip),
        (
            "another shrank",
            pod_change(Some(cpu("other", "2")), Some(cpu("other", "1"))),
            QueueingHint::Queue,
        ),
        (
            "another shrank in what is not wanted",
            pod_change(Some(cpu("other", "2")), Some(memory_only)),
            QueueingHint::Skip,
        ),
        (
            "the pod itself changed",
            pod_change(Some(cpu("target", "2")), Some(cpu("target", "2"))),
            QueueingHint::Queue,
        ),
    ] {
        assert_eq!(fit::after_pod(&pod, &objects), expected, "{name}");
    }
}

#[test]
fn hints_after_nodes() {
    let pod = requesting("target", json!({"cpu": "2"}));
    let node = |cpu: &str, pods: &str| json!({"status": {"allocatable": {"cpu": cpu, "pods": pods}}});
    for (name, old, new, expected) in [
        ("large enough", None, node("2", "1"), QueueingHint::Queue),
        ("too small", None, node("1", "1"), QueueingHint::Skip),
        ("grew", Some(node("1", "1")), node("2", "1"), QueueingHint::Queue),
        ("same", Some(node("2", "1")), node("2", "1"), QueueingHint::Skip),
        (
            "takes more pods",
            Some(node("2", "1")),
            node("2", "2"),
            QueueingHint::Queue,
        ),
    ] {
        assert_eq!(
            fit::after_node(&pod, &node_change(old.as_ref(), Some(&new))),
            expected,
            "{name}"
        );
    }
}
