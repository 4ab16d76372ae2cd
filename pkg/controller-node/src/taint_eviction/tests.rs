use std::time::Duration;

use client_go::cache::ObjectKey;
use controller::testing::Fixture;
use k8s_api::Kind as _;
use k8s_api::core::v1::{Node, Pod};
use serde_json::{Value, json};
use tokio::time::Instant;

use super::evictions::Evictions;
use super::judge::{Verdict, judge};

const PODS: &str = "/api/v1/pods";
const NODES: &str = "/api/v1/nodes";

fn taint(key: &str) -> Value {
    json!({"key": key, "effect": "NoExecute"})
}

fn toleration(key: &str, seconds: Option<i64>) -> Value {
    json!({"key": key, "operator": "Exists", "tolerationSeconds": seconds})
}

#[test]
fn the_shortest_needed_toleration_counts() {
    for (taints, tolerations, wanted) in [
        (json!([]), json!([]), Verdict::Stays),
        (json!([{"key": "a", "effect": "NoSchedule"}]), json!([]), Verdict::Stays),
        (json!([taint("a")]), json!([]), Verdict::Goes),
        (json!([taint("a")]), json!([toleration("a", None)]), Verdict::Stays),
        (json!([taint("a")]), json!([toleration("b", None)]), Verdict::Goes),
        (
            json!([taint("a"), taint("b")]),
            json!([toleration("a", None)]),
            Verdict::Goes,
        ),
        (
            json!([taint("a"), taint("b")]),
            json!([
                toleration("a", Some(30)),
                toleration("b", Some(20)),
                toleration("c", Some(1))
            ]),
            Verdict::GoesAfter(Duration::from_secs(20)),
        ),
        (
            json!([taint("a")]),
            json!([toleration("a", Some(-5))]),
            Verdict::GoesAfter(Duration::ZERO),
        ),
    ] {
        let node = Node::from_value(json!({"metadata": {"name": "n"}, "spec": {"taints": taints}})).unwrap();
        let pod = json!({"metadata": {"name": "p"}, "spec": {"containers": [], "tolerations": tolerations}});
        assert_eq!(
            judge(&Pod::from_value(pod).unwrap(), &node),
            wanted,
            "{tolerations} of {taints}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn evictions_come_at_their_moments() {
    let evictions = Evictions::default();
    let (a, b, c) = (ObjectKey::from("a"), ObjectKey::from("b"), ObjectKey::from("c"));
    let begin = Instant::now();
    evictions.schedule(a.clone(), Duration::from_secs(20));
    evictions.schedule(a.clone(), Duration::from_secs(5));
    evictions.schedule(b.clone(), Duration::from_secs(10));
    evictions.schedule(c.clone(), Duration::from_secs(15));
    assert!(evictions.cancel(&c));
    assert!(!evictions.cancel(&c));
    assert_eq!(evictions.next_due().await, (b.clone(), begin + Duration::from_secs(10)));
    evictions.schedule(b.clone(), Duration::ZERO);
    assert_eq!(evictions.next_due().await.0, a, "b is under way and is not begun again");
    evictions.done(&b);
    evictions.schedule(b.clone(), Duration::ZERO);
    assert_eq!(evictions.next_due().await.0, b);
}

fn node(taints: &[Value]) -> Value {
    json!({"metadata": {"name": "n"}, "spec": {"taints": taints}})
}

#[tokio::test]
async fn a_taint_evicts_what_does_not_tolerate_it() {
    let fixture = Fixture::start().await;
    fixture.create(NODES, "", node(&[]));
    for (name, tolerations) in [
        ("goes", json!([])),
        ("stays", json!([toleration("gone", None)])),
        ("stays-a-while", json!([toleration("gone", Some(600))])),
    ] {
        let spec = json!({"nodeName": "n", "containers": [], "tolerations": tolerations});
        fixture.create(PODS, "ns", json!({"metadata": {"name": name}, "spec": spec}));
    }
    fixture.run(super::build).await;
    fixture.patch(NODES, "", "n", json!({"spec": {"taints": [taint("gone")]}}));
    let names = || {
        let pods = fixture.list::<Pod>(PODS, "ns");
        pods.iter().map(|pod| pod.metadata.name.clone()).collect::<Vec<_>>()
    };
    fixture
        .eventually("one pod goes", || names() == ["stays", "stays-a-while"])
        .await;
    let status = &fixture.sent("PATCH", "/pods/goes/status")[0]["status"]["conditions"][0];
    assert_eq!(status["type"], "DisruptionTarget");
    assert_eq!(status["reason"], "DeletionByTaintManager");
    let told = || {
        let events = fixture.sent("POST", "/events").into_iter();
        events
            .map(|event| event["message"].as_str().unwrap_or_default().to_owned())
            .collect::<Vec<_>>()
    };
    fixture
        .eventually("it is told", || told() == ["Marking for deletion Pod ns/goes"])
        .await;
    fixture.patch(NODES, "", "n", json!({"spec": {"taints": []}}));
    fixture
        .eventually("the end that was near is called off", || {
            told().contains(&"Cancelling deletion of Pod ns/stays-a-while".to_owned())
        })
        .await;
    assert_eq!(names(), ["stays", "stays-a-while"]);
}
