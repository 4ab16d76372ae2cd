//! Which pods are chosen to go, and what becomes of them.

use std::sync::atomic::{AtomicUsize, Ordering as Atomic};

use client_go::cache::InformerFactory;
use client_go::events::{EventApi, EventBroadcaster};
use client_go::testing::FakeServer;
use component_base::feature_gates::FeatureGates;
use scheduler_framework::plugin::FilterRunner;
use scheduler_framework::{CycleState, PodOptions, Snapshot};
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use super::*;
use crate::context::{InMemory, PluginMetrics};
use crate::node_resources::insufficient;
use crate::testing::{node, pod};

/// Fits by resources alone.
struct Resources;

impl FilterRunner for Resources {
    fn run_filters_with_nominated_pods(&self, _: &CycleState, pod: &PodInfo, node: &NodeInfo) -> Status {
        insufficient(&pod.requests.wanted, node, |_| false)
    }
    fn run_add_pod(&self, _: &mut CycleState, _: &PodInfo, _: &PodInfo, _: &NodeInfo) -> Status {
        Status::SUCCESS
    }
    fn run_remove_pod(&self, _: &mut CycleState, _: &PodInfo, _: &PodInfo, _: &NodeInfo) -> Status {
        Status::SUCCESS
    }
}

#[derive(Default)]
struct Host {
    activated: AtomicUsize,
}

impl PreemptionHost for Host {
    fn nominated_pods(&self, _: &str) -> Vec<Arc<PodInfo>> {
        Vec::new()
    }
    fn activate(&self, _: &Arc<PodInfo>) {
        self.activated.fetch_add(1, Atomic::SeqCst);
    }
    fn reject_in_memory(&self, uid: &str, _: &'static str) -> InMemory {
        if uid == "assumed" {
            InMemory::Rejected
        } else {
            InMemory::NotThere
        }
    }
    fn process_preemption(
        &self,
        _: &PodInfo,
        candidates: Vec<Candidate>,
        _: &Snapshot,
    ) -> Result<Vec<Candidate>, Status> {
        Ok(candidates)
    }
}

fn with(name: &str, priority: i32, cpu: &str, more: Value) -> PodInfo {
    let mut value = json!({
        "metadata": {"name": name, "namespace": "ns", "labels": {"app": name}},
        "spec": {"priority": priority, "schedulerName": "s",
                 "containers": [{"name": "c", "resources": {"requests": {"cpu": cpu}}}]},
        "status": {"startTime": "2024-01-01T00:00:00Z"},
    });
    apimachinery::json::merge_patch(&mut value, more).unwrap();
    pod(value)
}

/// Nodes of 4 CPUs.
fn cluster(nodes: Vec<(&str, Vec<PodInfo>)>) -> Snapshot {
    Snapshot::of(nodes.into_iter().map(|(name, pods)| {
        let mut info = node(json!({"metadata": {"name": name}, "status": {"allocatable": {"cpu": "4", "pods": "10"}}}));
        pods.into_iter().for_each(|pod| info.add_pod(Arc::new(pod)));
        info
    }))
}

struct Fixture {
    server: FakeServer,
    plugin: Arc<DefaultPreemption>,
    host: Arc<Host>,
    _stop: tokio_util::sync::DropGuard,
}

async fn fixture(budgets: Value) -> Fixture {
    let server = FakeServer::start().await;
    server.with_store(|store| {
        let new = json!({"metadata": {"name": "new"}, "spec": {"priority": 100, "schedulerName": "s", "containers": [
            {"name": "c", "resources": {"requests": {"cpu": "3"}}}]}});
        store.create("/api/v1/pods", "ns", new).unwrap();
        for budget in budgets.as_array().into_iter().flatten() {
            store
                .create("/apis/policy/v1/poddisruptionbudgets", "ns", budget.clone())
                .unwrap();
        }
    });
    let stop = CancellationToken::new();
    let informers = InformerFactory::new(server.client(), stop.clone());
    let broadcaster = EventBroadcaster::new(server.client(), EventApi::Events, "s", "s-host");
    let host = Arc::new(Host::default());
    let context = PluginContext {
        client: server.client(),
        informers: informers.clone(),
        gates: Arc::new(FeatureGates::default()),
        recorder: broadcaster.recorder(),
        runtime: tokio::runtime::Handle::current(),
        preemption: host.clone(),
        metrics: PluginMetrics::new(&MetricsRegistry::default()),
        ignored_resources: Vec::new(),
    };
    let pods = crate::context::pods(&informers).lister();
    let plugin = DefaultPreemption {
        args: DefaultPreemptionArgs::default(),
        asynchronous: true,
        budgets: informers.informer().lister(),
        host: host.clone(),
        executor: Arc::new(Executor::new(&context, pods.clone())),
        pods,
        runtime: tokio::runtime::Handle::current(),
        options: PodOptions::default(),
        metrics: context.metrics.preemption.clone(),
    };
    informers.start();
    assert!(informers.wait_for_cache_sync().await);
    tokio::spawn(broadcaster.run(stop.clone()));
    Fixture {
        server,
        plugin: Arc::new(plugin),
        host,
        _stop: stop.drop_guard(),
    }
}

fn post_filter(plugin: &DefaultPreemption, snapshot: &Snapshot) -> (Nominating, Status) {
    let new = with("new", 100, "3", json!({}));
    let mut statuses = NodeStatuses::default();
    for node in snapshot.nodes() {
        statuses.set(node.slot, insufficient(&new.requests.wanted, node, |_| false));
    }
    plugin.post_filter(&mut PostFilterContext {
        state: &CycleState::default(),
        pod: &new,
        snapshot,
        statuses: &mut statuses,
        filters: &Resources,
    })
}

fn started_at(time: &str) -> Value {
    json!({"status": {"startTime": time}})
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_node_that_loses_least_is_taken() {
    let budget = json!([{"metadata": {"name": "b"}, "spec": {"selector": {"matchLabels": {"app": "guarded"}}},
                         "status": {"disruptionsAllowed": 0}}]);
    let fixture = fixture(budget).await;
    let plain = |name: &str, priority, cpu: &str| with(name, priority, cpu, json!({}));
    for (what, nodes, expected) in [
        (
            "the lowest highest priority",
            vec![("a", vec![plain("1", 10, "4")]), ("b", vec![plain("2", 5, "4")])],
            "b",
        ),
        (
            "a budget counts for more",
            vec![("a", vec![plain("1", 10, "4")]), ("b", vec![plain("guarded", 5, "4")])],
            "a",
        ),
        (
            "the lowest sum",
            vec![
                ("a", vec![plain("1", 5, "2"), plain("2", 5, "2")]),
                ("b", vec![plain("3", 5, "2"), plain("4", 0, "2")]),
            ],
            "b",
        ),
        (
            "the fewest",
            vec![
                ("a", vec![plain("1", 5, "2"), plain("2", 5, "2")]),
                ("b", vec![plain("3", 5, "4")]),
            ],
            "b",
        ),
        (
            "the latest start",
            vec![
                ("a", vec![with("1", 5, "4", started_at("2024-01-01T00:00:00Z"))]),
                ("b", vec![with("2", 5, "4", started_at("2024-02-01T00:00:00Z"))]),
            ],
            "b",
        ),
        (
            "only where it helps",
            vec![("a", vec![plain("1", 200, "4")]), ("b", vec![plain("2", 99, "4")])],
            "b",
        ),
    ] {
        let outcome = post_filter(&fixture.plugin, &cluster(nodes));
        assert_eq!(
            outcome,
            (Nominating::Override(expected.to_owned()), Status::SUCCESS),
            "{what}"
        );
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn when_nothing_helps() {
    let fixture = fixture(json!([])).await;
    let snapshot = cluster(vec![("a", vec![with("1", 200, "4", json!({}))])]);
    let words = "preemption: 0/1 nodes are available: 1 No preemption victims found for incoming pod.";
    assert_eq!(
        post_filter(&fixture.plugin, &snapshot),
        (
            Nominating::Override(String::new()),
            Status::fixed(Code::Unschedulable, words)
        )
    );
    let full = Snapshot::of([node(
        json!({"metadata": {"name": "n"}, "status": {"allocatable": {"cpu": "1", "pods": "9"}}}),
    )]);
    let words = "preemption: 0/1 nodes are available: 1 Preemption is not helpful for scheduling.";
    assert_eq!(
        post_filter(&fixture.plugin, &full),
        (
            Nominating::Override(String::new()),
            Status::fixed(Code::Unschedulable, words)
        )
    );
    fixture.server.with_store(|store| {
        let never = json!({"spec": {"preemptionPolicy": "Never"}});
        store.patch("/api/v1/pods", "ns", "new", never).unwrap();
    });
    let lister = &fixture.plugin.pods;
    while lister.get("ns", "new").unwrap().spec.preemption_policy.is_none() {
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    }
    let snapshot = cluster(vec![("a", vec![with("1", 0, "4", json!({}))])]);
    let words = "preemption: not eligible due to preemptionPolicy=Never.";
    assert_eq!(
        post_filter(&fixture.plugin, &snapshot),
        (Nominating::Keep, Status::fixed(Code::Unschedulable, words))
    );
}

#[tokio::test]
async fn as_many_as_possible_stay() {
    let fixture = fixture(json!([
        {"metadata": {"name": "one"}, "spec": {"selector": {"matchLabels": {"app": "guarded"}}},
         "status": {"disruptionsAllowed": 0}},
    ]))
    .await;
    let budgets = Budget::all(&fixture.plugin.budgets);
    let plain = |name: &str, priority, cpu: &str| with(name, priority, cpu, json!({}));
    for (what, pods, expected, violations) in [
        (
            "the less important goes",
            vec![plain("a", 1, "2"), plain("b", 2, "1"), plain("c", 3, "1")],
            vec!["a", "b"],
            0,
        ),
        (
            "small ones can stay",
            vec![plain("a", 1, "3"), plain("b", 2, "500m")],
            vec!["a"],
            0,
        ),
        (
            "the older one stays",
            vec![
                with("new", 1, "3", started_at("2024-02-01T00:00:00Z")),
                with("old", 1, "1", started_at("2024-01-01T00:00:00Z")),
            ],
            vec!["new"],
            0,
        ),
        (
            "guarded ones stay first",
            vec![plain("guarded", 1, "1"), plain("b", 2, "3")],
            vec!["b"],
            0,
        ),
        (
            "guarded ones go if they must",
            vec![plain("guarded", 1, "4")],
            vec!["guarded"],
            1,
        ),
        (
            "the more important is out of the question",
            vec![plain("a", 200, "1"), plain("b", 1, "3")],
            vec!["b"],
            0,
        ),
    ] {
        let snapshot = cluster(vec![("n", pods)]);
        let mut statuses = NodeStatuses::default();
        let new = with("incoming", 100, "3", json!({}));
        let context = PostFilterContext {
            state: &CycleState::default(),
            pod: &new,
            snapshot: &snapshot,
            statuses: &mut statuses,
            filters: &Resources,
        };
        let (victims, found) = victims::select(&new, snapshot.at(0), &context, &budgets).unwrap();
        let mut names: Vec<_> = victims.iter().map(|victim| victim.name()).collect();
        names.sort_unstable();
        assert_eq!((names, found), (expected, violations), "{what}");
    }
}

async fn until(mut condition: impl FnMut() -> bool) {
    while !condition() {
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    }
}

#[tokio::test]
async fn victims_are_marked_deleted_and_told() {
    let fixture = fixture(json!([])).await;
    fixture.server.with_store(|store| {
        for name in ["a", "b"] {
            store
                .create("/api/v1/pods", "ns", json!({"metadata": {"name": name}}))
                .unwrap();
        }
    });
    let stored = |name: &str| {
        let uid = fixture.server.with_store(|store| {
            store.get("/api/v1/pods", "ns", name).unwrap()["metadata"]["uid"]
                .as_str()
                .unwrap()
                .to_owned()
        });
        Arc::new(with(name, 1, "1", json!({"metadata": {"uid": uid}})))
    };
    let assumed = Arc::new(with("assumed", 1, "1", json!({"metadata": {"uid": "assumed"}})));
    let gone = Arc::new(with("gone", 1, "1", json!({})));
    let candidate = Candidate {
        node: "n".to_owned(),
        victims: vec![stored("a"), assumed, gone, stored("b")],
        violations: 0,
    };
    let new = Arc::new(with("new", 100, "3", json!({"metadata": {"uid": "preemptor"}})));
    let executor = fixture.plugin.executor.clone();
    executor
        .clone()
        .start(candidate, new.clone(), &tokio::runtime::Handle::current());
    assert_eq!(
        fixture.plugin.pre_enqueue(&new).message(),
        "waiting for the preemption for this pod to be finished"
    );
    until(|| !executor.is_preempting("preemptor")).await;
    until(|| {
        fixture
            .server
            .with_store(|store| store.list("/apis/events.k8s.io/v1/events", "").len())
            == 3
    })
    .await;
    let (pods, events) = fixture.server.with_store(|store| {
        (
            store.list("/api/v1/pods", ""),
            store.list("/apis/events.k8s.io/v1/events", ""),
        )
    });
    assert_eq!(pods.len(), 1, "only the preemptor is left: {pods:?}");
    let note = |name: &str| {
        let event = events.iter().find(|event| event["regarding"]["name"] == name);
        event.map(|event| {
            (
                event["note"].as_str().unwrap(),
                event["related"]["name"].as_str().unwrap(),
            )
        })
    };
    assert_eq!(note("a"), Some(("Preempted by pod preemptor on node n", "new")));
    assert_eq!(
        note("assumed"),
        Some((
            "Preempted by pod preemptor on node n (in kube-scheduler memory).",
            "new"
        ))
    );
    let patch = fixture
        .server
        .seen()
        .into_iter()
        .find(|seen| seen.method == "PATCH" && seen.path.ends_with("/a/status"));
    let patch: Value = serde_json::from_slice(&patch.expect("the victim is marked first").body).unwrap();
    let condition = &patch["status"]["conditions"][0];
    assert_eq!(condition["type"], "DisruptionTarget");
    assert_eq!(condition["reason"], "PreemptionByScheduler");
    assert_eq!(
        condition["message"],
        "s: preempting to accommodate a higher priority pod"
    );
    assert_eq!(fixture.host.activated.load(Atomic::SeqCst), 0);
}

#[tokio::test]
async fn a_preemption_that_fails_gives_the_pod_back() {
    let fixture = fixture(json!([])).await;
    fixture.server.on_request(|seen| {
        (seen.method == "PATCH").then(|| {
            let status =
                json!({"kind": "Status", "status": "Failure", "code": 403, "reason": "Forbidden", "message": "no"});
            client_go::testing::Canned::json(403, &status)
        })
    });
    let candidate = Candidate {
        node: "n".to_owned(),
        victims: vec![Arc::new(with("a", 1, "1", json!({})))],
        violations: 0,
    };
    let new = Arc::new(with("new", 100, "3", json!({"metadata": {"uid": "preemptor"}})));
    fixture
        .plugin
        .executor
        .clone()
        .start(candidate, new, &tokio::runtime::Handle::current());
    until(|| fixture.host.activated.load(Atomic::SeqCst) == 1).await;
    assert!(!fixture.plugin.executor.is_preempting("preemptor"));
}
