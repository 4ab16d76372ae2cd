use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use controller::Clock;
use controller::testing::Fixture;
use k8s_api::Kind as _;
use k8s_api::coordination::v1::Lease;
use k8s_api::core::v1::Node;
use k8s_api::primitives::{MicroTime, Time};
use serde_json::{Value, json};
use tokio::time::Instant;

use super::health::{GracePeriods, HealthBook};
use super::tainter::Tainter;
use super::zones::{Rates, Zones, zone_of};
use super::{labels, taints};

const NODES: &str = "/api/v1/nodes";
const GRACE: GracePeriods = GracePeriods {
    startup: Duration::from_secs(60),
    monitor: Duration::from_secs(50),
};

fn node(value: Value) -> Node {
    Node::from_value(value).unwrap()
}

fn ready(status: &str, heartbeat: &str) -> Value {
    json!({"type": "Ready", "status": status, "lastHeartbeatTime": heartbeat, "lastTransitionTime": heartbeat})
}

fn at(seconds: i64) -> MicroTime {
    MicroTime::from_unix(seconds, 0)
}

#[test]
fn taints_follow_conditions() {
    let conditions = |list: &[(&str, &str)]| {
        list.iter()
            .map(|(type_, status)| json!({"type": type_, "status": status}))
            .collect::<Vec<_>>()
    };
    let key = |short: &str| format!("node.kubernetes.io/{short}");
    for (list, unschedulable, present, add, remove) in [
        (&[("Ready", "True")][..], false, &[][..], &[][..], &[][..]),
        (&[("Ready", "False")], false, &[], &["not-ready"], &[]),
        (
            &[("Ready", "Unknown")],
            true,
            &["not-ready"],
            &["unreachable", "unschedulable"],
            &["not-ready"],
        ),
        (
            &[
                ("Ready", "True"),
                ("MemoryPressure", "True"),
                ("PIDPressure", "Unknown"),
                ("DiskPressure", "True"),
            ],
            false,
            &["disk-pressure", "unschedulable", "other"],
            &["memory-pressure"],
            &["unschedulable"],
        ),
        (
            &[("NetworkUnavailable", "True")],
            false,
            &["network-unavailable"],
            &[],
            &[],
        ),
    ] {
        let present: Vec<_> = present
            .iter()
            .map(|short| json!({"key": key(short), "effect": "NoSchedule"}))
            .collect();
        let node = node(json!({
            "metadata": {"name": "n"},
            "spec": {"taints": present, "unschedulable": unschedulable},
            "status": {"conditions": conditions(list)},
        }));
        let keys = |shorts: &[&str]| shorts.iter().map(|short| key(short)).collect::<Vec<_>>();
        let (added, removed) = taints::no_schedule_changes(&node);
        let names =
            |taints: &[k8s_api::core::v1::Taint]| taints.iter().map(|taint| taint.key.clone()).collect::<Vec<_>>();
        assert_eq!((names(&added), names(&removed)), (keys(add), keys(remove)), "{list:?}");
    }
}

#[test]
fn old_labels_follow_new_ones() {
    let labels =
        json!({"kubernetes.io/os": "linux", "beta.kubernetes.io/os": "plan9", "beta.kubernetes.io/arch": "vax"});
    let node = node(json!({"metadata": {"name": "n", "labels": labels}}));
    assert_eq!(
        Value::from(labels::missing(&node)),
        json!({"beta.kubernetes.io/os": "linux"})
    );
}

#[test]
fn a_node_that_says_nothing_becomes_unknown_after_its_grace_period() {
    let mut book = HealthBook::default();
    let conditions = json!([ready("True", "1970-01-01T00:01:40Z"), {"type": "DiskPressure", "status": "False"}]);
    let node = Arc::new(node(
        json!({"metadata": {"name": "n"}, "status": {"conditions": conditions}}),
    ));
    let lease = |renewed: i64| {
        let mut lease = Lease::default();
        lease.spec.renew_time = Some(at(renewed));
        lease
    };
    let mut look = |lease: Option<Lease>, now: i64| book.observe(&node, lease.as_ref(), GRACE, at(now));
    assert!(
        look(None, 1000).silenced.is_none(),
        "what is seen for the first time is alive"
    );
    assert!(look(Some(lease(7)), 1040).silenced.is_none());
    assert!(
        look(Some(lease(7)), 1090).silenced.is_none(),
        "a lease counts from when it was seen"
    );
    let observation = look(Some(lease(7)), 1091);
    assert_eq!(
        (observation.before.as_str(), observation.now.as_deref()),
        ("True", Some("Unknown"))
    );
    let silenced = observation.silenced.unwrap();
    let told: Vec<_> = silenced
        .status
        .conditions
        .iter()
        .map(|c| (c.type_.as_str(), c.reason.as_str(), c.message.as_str()))
        .collect();
    let (stopped, never) = (
        "Kubelet stopped posting node status.",
        "Kubelet never posted node status.",
    );
    assert_eq!(
        told,
        [
            ("Ready", "NodeStatusUnknown", stopped),
            ("DiskPressure", "NodeStatusUnknown", stopped),
            ("MemoryPressure", "NodeStatusNeverUpdated", never),
            ("PIDPressure", "NodeStatusNeverUpdated", never),
        ]
    );
    assert!(
        silenced
            .status
            .conditions
            .iter()
            .all(|condition| condition.status == "Unknown")
    );
    assert!(
        look(Some(lease(8)), 1092).silenced.is_none(),
        "a renewed lease is a sign of life"
    );
}

#[test]
fn a_node_without_status_has_its_time_from_its_creation() {
    let mut book = HealthBook::default();
    let fresh = node(json!({"metadata": {"name": "n", "creationTimestamp": "1970-01-01T00:16:40Z"}}));
    let fresh = Arc::new(fresh);
    assert_eq!(book.observe(&fresh, None, GRACE, at(1060)).now, None);
    let observation = book.observe(&fresh, None, GRACE, at(1061));
    assert_eq!(
        (observation.before.as_str(), observation.now.as_deref()),
        ("Unknown", Some("Unknown"))
    );
    let silenced = observation.silenced.unwrap();
    assert_eq!(
        silenced.status.conditions[0].last_heartbeat_time,
        Some(Time::from_unix(1000, 0))
    );
    assert!(book.forget(|_| false).len() == 1 && !book.known("n"));
}

fn rates() -> Rates {
    let config = controller::config::NodeLifecycleControllerConfiguration {
        large_cluster_size_threshold: 4,
        ..Default::default()
    };
    Rates::of(&config)
}

#[test]
fn zones_decide_how_fast_nodes_lose_their_pods() {
    let mut zones = Zones::new(rates());
    let (normal, slow) = (0.1_f32.into(), 0.01_f32.into());
    let of = |list: &[(&str, usize, usize)]| {
        let zone = |(name, ready, unready): &(&str, usize, usize)| {
            ((*name).to_owned(), [vec![true; *ready], vec![false; *unready]].concat())
        };
        list.iter().map(zone).collect::<BTreeMap<_, _>>()
    };
    let mut judge = |list: &[(&str, usize, usize)]| {
        let decisions = zones.judge(&of(list));
        let flags = (decisions.entered_full_disruption, decisions.left_full_disruption);
        let mut rates = decisions.rates;
        rates.sort_by(|a, b| a.0.cmp(&b.0));
        (rates, flags)
    };
    let rate = |zone: &str, rate: f64| (zone.to_owned(), rate);
    assert_eq!(
        judge(&[("a", 2, 0), ("b", 1, 0)]),
        (vec![rate("a", normal), rate("b", normal)], (false, false))
    );
    // Less than three nodes are no disruption; most of a small zone stop it, most of a large one slow it down.
    assert_eq!(judge(&[("a", 1, 2), ("b", 1, 0)]).0, []);
    assert_eq!(judge(&[("a", 1, 3), ("b", 1, 0)]).0, [rate("a", 0.0)]);
    assert_eq!(
        judge(&[("a", 2, 3), ("b", 1, 0)]).0,
        [],
        "it is disrupted still, whatever its size"
    );
    assert_eq!(judge(&[("a", 9, 3), ("b", 1, 0)]).0, [rate("a", normal)]);
    assert_eq!(judge(&[("a", 2, 3), ("b", 1, 0)]).0, [rate("a", slow)]);
    // A zone that is down while another is up loses its pods at the usual rate.
    assert_eq!(judge(&[("a", 0, 5), ("b", 1, 0)]).0, [rate("a", normal)]);
    assert_eq!(
        judge(&[("a", 0, 5), ("b", 0, 1)]),
        (vec![rate("a", 0.0), rate("b", 0.0)], (true, false))
    );
    assert_eq!(judge(&[("a", 0, 5), ("b", 0, 1)]), (vec![], (false, false)));
    assert_eq!(
        judge(&[("a", 1, 4), ("b", 0, 1)]),
        (vec![rate("a", slow), rate("b", normal)], (false, true))
    );
}

#[test]
fn zones_are_named_by_region_and_zone() {
    let of = |labels: Value| zone_of(&node(json!({"metadata": {"name": "n", "labels": labels}})));
    assert_eq!(of(json!({})), "");
    assert_eq!(
        of(json!({"topology.kubernetes.io/zone": "z", "failure-domain.beta.kubernetes.io/region": "r"})),
        "r:\0:z"
    );
}

#[tokio::test(start_paused = true)]
async fn nodes_are_tainted_in_turn_at_their_zones_rate() {
    let tainter = Tainter::new(0.1);
    let begin = Instant::now();
    for node in ["a", "b", "c"] {
        tainter.add("zone", node, true);
    }
    tainter.add("zone", "a", true);
    tainter.remove("zone", "b");
    tainter.add("other", "d", true);
    let mut first = [tainter.next().await.1, tainter.next().await.1];
    first.sort();
    assert_eq!(
        (first, begin.elapsed()),
        (["a".to_owned(), "d".to_owned()], Duration::ZERO)
    );
    tainter.add("zone", "a", false);
    assert_eq!(
        (tainter.next().await.1.as_str(), begin.elapsed()),
        ("c", Duration::from_secs(10))
    );
    // Who has been tainted is not tainted again, unless the taint is gone.
    tainter.add("zone", "a", true);
    tainter.set_rate("zone", 0.0);
    assert!(
        tokio::time::timeout(Duration::from_secs(1000), tainter.next())
            .await
            .is_err()
    );
    tainter.set_rate("zone", 1.0);
    assert_eq!(tainter.next().await.1, "a");
}

#[tokio::test(start_paused = true)]
async fn a_silent_node_is_tainted_and_its_pods_are_not_ready() {
    let mut fixture = Fixture::start().await;
    fixture.context.clock = Clock::fixed(Time::from_unix(1_000_000, 0));
    let status = |status: &str| json!({"conditions": [ready(status, "1970-01-12T00:00:00Z")]});
    for name in ["good", "silent"] {
        fixture.create(NODES, "", json!({"metadata": {"name": name}, "status": status("True")}));
    }
    let condition = json!([{"type": "Ready", "status": "True"}]);
    let spec = json!({"nodeName": "silent", "containers": []});
    fixture.create(
        "/api/v1/pods",
        "ns",
        json!({"metadata": {"name": "p"}, "spec": spec, "status": {"conditions": condition}}),
    );
    fixture.run(super::build).await;
    let told = |reason: &str| {
        let events = fixture.sent("POST", "/events");
        events.iter().filter(|event| event["reason"] == reason).count()
    };
    fixture
        .eventually("both are greeted", || told("RegisteredNode") == 2)
        .await;
    // One goes on renewing its lease; for the other time stands still.
    fixture.context.clock.advance(Duration::from_secs(60));
    let lease = json!({"metadata": {"name": "good"}, "spec": {"renewTime": "1970-01-12T00:00:01.000000Z"}});
    fixture.create("/apis/coordination.k8s.io/v1/leases", "kube-node-lease", lease);
    let taints = |name: &str| {
        let node = Node::from_value(fixture.get(NODES, "", name).unwrap()).unwrap();
        let mut taints: Vec<_> = node
            .spec
            .taints
            .iter()
            .map(|taint| format!("{}:{}", taint.key, taint.effect))
            .collect();
        taints.sort();
        taints
    };
    let unreachable = [
        "node.kubernetes.io/unreachable:NoExecute",
        "node.kubernetes.io/unreachable:NoSchedule",
    ];
    fixture
        .eventually("the silent node is tainted", || taints("silent") == unreachable)
        .await;
    let pod_ready = || fixture.get("/api/v1/pods", "ns", "p").unwrap()["status"]["conditions"][0]["status"].clone();
    fixture
        .eventually("its pod is not ready", || pod_ready() == "False")
        .await;
    fixture.eventually("both are told", || told("NodeNotReady") == 2).await;
    assert_eq!(taints("good"), Vec::<String>::new());
    // It speaks again.
    fixture.patch(
        NODES,
        "",
        "silent",
        json!({"status": {"conditions": [ready("True", "1970-01-12T00:01:00Z")]}}),
    );
    fixture
        .eventually("the taints go", || taints("silent").is_empty())
        .await;
}
