//! The whole scheduler against an API server in memory that binds pods as the real one does.

use std::sync::Arc;
use std::time::Duration;

use client_go::Client;
use client_go::cache::InformerFactory;
use client_go::testing::{Canned, FakeServer, Seen};
use component_base::feature_gates::FeatureGates;
use component_base::flags::{FlagSet, Flags as _};
use component_base::metrics::MetricsRegistry;
use k8s_api::core::v1::Pod;
use scheduler_framework::config::{self, ConfigGates, KubeSchedulerConfiguration};
use scheduler_framework::{PodInfo, PodOptions};
use serde_json::{Value, json};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::run::schedule_until;
use super::*;
use crate::framework::in_tree;
use crate::scheduler::Scheduler;

/// A server that carries bindings out.
fn binding_server(server: FakeServer) -> Arc<FakeServer> {
    let server = Arc::new(server);
    let weak = Arc::downgrade(&server);
    server.on_request(move |seen| {
        let (pod, "binding") = seen.path.rsplit_once('/')? else {
            return None;
        };
        let body: Value = serde_json::from_slice(&seen.body).ok()?;
        let name = pod.rsplit_once('/')?.1;
        let patch = json!({"spec": {"nodeName": body["target"]["name"]}, "status": {"conditions": [
            {"type": "PodScheduled", "status": "True"}]}});
        let namespace = body["metadata"]["namespace"].as_str()?;
        let server = weak.upgrade()?;
        let outcome = server.with_store(|store| store.patch("/api/v1/pods", namespace, name, patch));
        let code = if outcome.is_ok() { 201 } else { 404 };
        Some(Canned::json(
            code,
            &json!({"kind": "Status", "apiVersion": "v1", "code": code}),
        ))
    });
    server
}

struct Running {
    scheduler: Arc<Scheduler>,
    stop: CancellationToken,
    task: JoinHandle<()>,
}

async fn start(client: Client, config: &KubeSchedulerConfiguration) -> Running {
    let stop = CancellationToken::new();
    let informers = InformerFactory::new(client.clone(), CancellationToken::new());
    let (scheduler, broadcasters) = setup(&Setup {
        config,
        gates: Arc::new(FeatureGates::default()),
        plugins: &in_tree(),
        client: client.clone(),
        event_client: client,
        informers: informers.clone(),
        metrics: &MetricsRegistry::default(),
        max_unschedulable: Duration::from_secs(300),
        instance: "host",
    })
    .unwrap();
    for broadcaster in broadcasters {
        tokio::spawn(broadcaster.run(stop.clone()));
    }
    let registrations = scheduler.follow_informers(&informers);
    informers.start();
    for mut registration in registrations {
        assert!(registration.wait_synced().await);
    }
    assert!(informers.wait_for_cache_sync().await);
    let (running, ended) = (scheduler.clone(), stop.clone());
    let task = tokio::spawn(async move {
        schedule_until(running, 2, ended).await.unwrap();
        informers.shutdown().await;
    });
    Running { scheduler, stop, task }
}

impl Running {
    async fn end(self) {
        self.stop.cancel();
        self.task.await.unwrap();
    }
}

fn defaults() -> KubeSchedulerConfiguration {
    config::default_configuration(ConfigGates::default())
}

fn node(name: &str, cpu: &str) -> Value {
    json!({"metadata": {"name": name, "labels": {"kubernetes.io/hostname": name}},
           "status": {"allocatable": {"cpu": cpu, "memory": "8Gi", "pods": "110"}}})
}

fn pod(name: &str, cpu: &str, priority: i32) -> Value {
    json!({"metadata": {"name": name},
           "spec": {"schedulerName": "default-scheduler", "priority": priority,
                    "containers": [{"name": "c", "image": "i", "resources": {"requests": {"cpu": cpu}}}]}})
}

fn create(server: &FakeServer, path: &str, namespace: &str, object: Value) {
    server.with_store(|store| store.create(path, namespace, object).map(drop).unwrap());
}

fn get(server: &FakeServer, name: &str) -> Value {
    server.with_store(|store| store.get("/api/v1/pods", "ns", name).cloned().unwrap_or_default())
}

fn on_node(server: &FakeServer, name: &str) -> bool {
    get(server, name)["spec"]["nodeName"] == "n"
}

async fn until(what: &str, mut condition: impl FnMut() -> bool) {
    let reached = tokio::time::timeout(Duration::from_secs(60), async {
        while !condition() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    });
    assert!(reached.await.is_ok(), "{what}");
}

fn notes(server: &FakeServer, pod: &str) -> Vec<(String, String)> {
    let events = server.with_store(|store| store.list("/apis/events.k8s.io/v1/events", ""));
    let of_pod = events.iter().filter(|event| event["regarding"]["name"] == pod);
    let text = |event: &Value, member: &str| event[member].as_str().unwrap_or_default().to_owned();
    of_pod
        .map(|event| (text(event, "reason"), text(event, "note")))
        .collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pods_are_bound_and_told_of() {
    let server = binding_server(FakeServer::start().await);
    for name in ["a", "b"] {
        create(&server, "/api/v1/nodes", "", node(name, "4"));
    }
    let running = start(server.client(), &defaults()).await;
    for i in 0..20 {
        create(&server, "/api/v1/pods", "ns", pod(&format!("p{i}"), "100m", 0));
    }
    let mut other = pod("other", "1", 0);
    other["spec"]["schedulerName"] = "another".into();
    create(&server, "/api/v1/pods", "ns", other);
    let bound = || {
        (0..20)
            .filter(|i| get(&server, &format!("p{i}"))["spec"]["nodeName"].is_string())
            .count()
    };
    until("every pod is bound", || bound() == 20).await;
    until("events are written", || !notes(&server, "p19").is_empty()).await;
    let node_of = get(&server, "p3")["spec"]["nodeName"].as_str().unwrap().to_owned();
    assert_eq!(
        notes(&server, "p3"),
        [(
            "Scheduled".to_owned(),
            format!("Successfully assigned ns/p3 to {node_of}")
        )]
    );
    let on = |node: &str| {
        (0..20)
            .filter(|i| get(&server, &format!("p{i}"))["spec"]["nodeName"] == node)
            .count()
    };
    assert_eq!((on("a"), on("b")), (10, 10), "the least allocated node is preferred");
    assert!(get(&server, "other")["spec"]["nodeName"].is_null());
    until("assumptions end", || running.scheduler.cache.size().assumed == 0).await;
    assert_eq!(
        running.scheduler.queue.pending(),
        [vec![], vec![], Vec::<String>::new()]
    );
    running.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_does_not_fit_waits_for_a_node_that_helps() {
    let server = binding_server(FakeServer::start().await);
    let running = start(server.client(), &defaults()).await;
    create(&server, "/api/v1/pods", "ns", pod("p", "2", 0));
    let message = || {
        get(&server, "p")["status"]["conditions"][0]["message"]
            .as_str()
            .unwrap_or_default()
            .to_owned()
    };
    until("there are no nodes", || {
        message() == "no nodes available to schedule pods"
    })
    .await;
    create(&server, "/api/v1/nodes", "", node("small", "1"));
    let mut tainted = node("tainted", "4");
    tainted["spec"]["taints"] = json!([{"key": "k", "effect": "NoSchedule"}]);
    create(&server, "/api/v1/nodes", "", tainted);
    let words = "0/2 nodes are available: 1 Insufficient cpu, 1 node(s) had untolerated taint(s). preemption: 0/2 nodes are available: 2 Preemption is not helpful for scheduling.";
    until("the pod fits no node", || message() == words).await;
    let condition = get(&server, "p")["status"]["conditions"][0].clone();
    assert_eq!(
        (&condition["reason"], &condition["status"]),
        (&json!("Unschedulable"), &json!("False"))
    );
    let told = || notes(&server, "p").contains(&("FailedScheduling".to_owned(), words.to_owned()));
    until("the event tells so", told).await;
    create(&server, "/api/v1/nodes", "", node("large", "4"));
    until("the pod is bound", || get(&server, "p")["spec"]["nodeName"] == "large").await;
    running.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_pod_that_has_its_node_is_not_scheduled_again_however_late_it_was_queued() {
    let server = binding_server(FakeServer::start().await);
    create(&server, "/api/v1/nodes", "", node("n", "2"));
    let running = start(server.client(), &defaults()).await;
    create(&server, "/api/v1/pods", "ns", pod("less", "1", 0));
    create(&server, "/api/v1/pods", "ns", pod("more", "1", 100));
    until("the node is full", || {
        on_node(&server, "less") && on_node(&server, "more")
    })
    .await;
    until("both are known", || running.scheduler.cache.size().assumed == 0).await;
    let mut late = get(&server, "more");
    late["spec"]["nodeName"] = "".into();
    let late: Pod = serde_json::from_value(late).unwrap();
    running
        .scheduler
        .queue
        .add(Arc::new(PodInfo::new(Arc::new(late), PodOptions::default())));
    create(&server, "/api/v1/pods", "ns", pod("next", "0", -1));
    until("it is the next one's turn", || on_node(&server, "next")).await;
    assert!(on_node(&server, "less"));
    assert!(
        notes(&server, "more")
            .iter()
            .all(|(reason, _)| reason != "FailedScheduling")
    );
    running.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn more_important_pods_take_the_place_of_others() {
    let server = binding_server(FakeServer::start().await);
    create(&server, "/api/v1/nodes", "", node("n", "2"));
    let running = start(server.client(), &defaults()).await;
    for name in ["low", "lower"] {
        create(&server, "/api/v1/pods", "ns", pod(name, "1", i32::from(name == "low")));
    }
    until("the node is full", || {
        on_node(&server, "low") && on_node(&server, "lower")
    })
    .await;
    until("both are known", || running.scheduler.cache.size().assumed == 0).await;
    create(&server, "/api/v1/pods", "ns", pod("high", "1", 100));
    until("the least important pod is gone", || get(&server, "lower").is_null()).await;
    until("its place is taken", || on_node(&server, "high")).await;
    assert!(on_node(&server, "low"));
    let nominated = server.seen().iter().any(|seen: &Seen| {
        seen.method == "PATCH"
            && seen.path == "/api/v1/namespaces/ns/pods/high/status"
            && serde_json::from_slice::<Value>(&seen.body).unwrap()["status"]["nominatedNodeName"] == "n"
    });
    assert!(nominated, "the node was nominated");
    running.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_binding_that_fails_is_tried_again() {
    let server = FakeServer::start().await;
    create(&server, "/api/v1/nodes", "", node("n", "2"));
    server.on_request(|seen| {
        let refused = json!({"kind": "Status", "apiVersion": "v1", "status": "Failure", "code": 403, "reason": "Forbidden", "message": "not yet"});
        seen.path.ends_with("/binding").then(|| Canned::json(403, &refused))
    });
    let running = start(server.client(), &defaults()).await;
    create(&server, "/api/v1/pods", "ns", pod("p", "1", 0));
    let condition = || get(&server, "p")["status"]["conditions"][0].clone();
    until("the failure is told", || condition()["reason"] == "SchedulerError").await;
    assert_eq!(condition()["message"], "running Bind plugin \"DefaultBinder\": not yet");
    assert_eq!(running.scheduler.cache.size().assumed, 0, "its place was given back");
    let server = binding_server(server);
    until("the pod is bound", || get(&server, "p")["spec"]["nodeName"] == "n").await;
    running.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn gated_pods_wait_for_the_end_of_their_gates() {
    let server = binding_server(FakeServer::start().await);
    create(&server, "/api/v1/nodes", "", node("n", "2"));
    let running = start(server.client(), &defaults()).await;
    let mut gated = pod("gated", "1", 0);
    gated["spec"]["schedulingGates"] = json!([{"name": "g"}]);
    create(&server, "/api/v1/pods", "ns", gated);
    create(&server, "/api/v1/pods", "ns", pod("free", "1", 0));
    until("the other pod is bound", || {
        get(&server, "free")["spec"]["nodeName"] == "n"
    })
    .await;
    assert_eq!(running.scheduler.queue.pending()[2], ["ns/gated"]);
    server.with_store(|store| {
        store
            .patch(
                "/api/v1/pods",
                "ns",
                "gated",
                json!({"spec": {"schedulingGates": null}}),
            )
            .unwrap();
    });
    until("the pod is bound", || get(&server, "gated")["spec"]["nodeName"] == "n").await;
    running.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_process_goes_on_where_one_ended() {
    let server = binding_server(FakeServer::start().await);
    create(&server, "/api/v1/nodes", "", node("n", "64"));
    let first = start(server.client(), &defaults()).await;
    for i in 0..200 {
        create(&server, "/api/v1/pods", "ns", pod(&format!("p{i}"), "100m", 0));
    }
    let bound = || {
        (0..200)
            .filter(|i| get(&server, &format!("p{i}"))["spec"]["nodeName"] == "n")
            .count()
    };
    until("some are bound", || bound() > 20).await;
    first.end().await;
    let second = start(server.client(), &defaults()).await;
    until("all are bound, within what the node takes", || bound() == 110).await;
    until("the others wait", || second.scheduler.queue.pending()[2].len() == 90).await;
    second.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn extenders_take_part() {
    let server = binding_server(FakeServer::start().await);
    for name in ["a", "b", "c"] {
        create(&server, "/api/v1/nodes", "", node(name, "4"));
    }
    let extender = FakeServer::start().await;
    extender.on_request(|seen| {
        let body: Value = serde_json::from_slice(&seen.body).ok()?;
        let answer = match seen.path.rsplit('/').next()? {
            "filter" => {
                assert_eq!(body["NodeNames"].as_array()?.len(), 3);
                json!({"NodeNames": ["b", "c"], "FailedNodes": {"a": "not mine"}})
            }
            "prioritize" => json!([{"Host": "b", "Score": 1}, {"Host": "c", "Score": 10}]),
            _ => return None,
        };
        Some(Canned::json(200, &answer))
    });
    let mut config = defaults();
    config.extenders = vec![config::Extender {
        url_prefix: format!("http://{}/scheduler", extender.address()),
        filter_verb: "filter".to_owned(),
        prioritize_verb: "prioritize".to_owned(),
        weight: 100,
        node_cache_capable: true,
        ..config::Extender::default()
    }];
    let running = start(server.client(), &config).await;
    create(&server, "/api/v1/pods", "ns", pod("p", "1", 0));
    until("the extender's favourite is chosen", || {
        get(&server, "p")["spec"]["nodeName"] == "c"
    })
    .await;
    running.end().await;
    // One that does not answer, and may be ignored.
    drop(extender);
    config.extenders[0].ignorable = true;
    let running = start(server.client(), &config).await;
    create(&server, "/api/v1/pods", "ns", pod("q", "1", 0));
    until("the pod is bound without it", || {
        get(&server, "q")["spec"]["nodeName"].is_string()
    })
    .await;
    running.end().await;
}

#[test]
fn flags_are_upstreams() {
    let mut options = SchedulerOptions::default();
    let mut flags = FlagSet::new();
    options.add_flags(&mut flags);
    let described: Vec<(&str, &str)> = flags.describe().map(|(name, _, default)| (name, default)).collect();
    for (name, default) in [
        ("config", ""),
        ("write-config-to", ""),
        ("master", ""),
        ("secure-port", "10259"),
        ("leader-elect", "true"),
        ("leader-elect-resource-name", "kube-scheduler"),
        ("kube-api-qps", "50"),
        ("kube-api-burst", "100"),
        ("pod-max-in-unschedulable-pods-duration", "5m0s"),
        ("contention-profiling", "true"),
    ] {
        let found = described.iter().find(|(other, _)| *other == name);
        let found = found.map(|(_, default)| default.trim_matches('"'));
        assert_eq!(found, Some(default), "{name}");
    }
}

#[test]
fn flags_lie_over_the_file() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("config.yaml");
    std::fs::write(
        &path,
        "apiVersion: kubescheduler.config.k8s.io/v1\nkind: KubeSchedulerConfiguration\nclientConnection: {qps: 7}\nleaderElection: {leaderElect: false}\n",
    )
    .unwrap();
    let complete = |file: bool, given: &[&str]| {
        let mut options = SchedulerOptions::default();
        if file {
            options.config_file = path.to_string_lossy().into_owned();
        }
        options.complete(given).unwrap().config
    };
    let from_file = complete(true, &[]);
    assert_eq!(
        (from_file.client_connection.qps, from_file.leader_election.leader_elect),
        (7.0, false)
    );
    assert!(complete(true, &["leader-elect"]).leader_election.leader_elect);
    assert_eq!(complete(false, &[]).client_connection.qps, 50.0);
    std::fs::write(
        &path,
        "apiVersion: kubescheduler.config.k8s.io/v1\nkind: KubeSchedulerConfiguration\nparallelism: 0\n",
    )
    .unwrap();
    let mut options = SchedulerOptions::default();
    options.config_file = path.to_string_lossy().into_owned();
    let error = options.complete(&[]).err().unwrap();
    assert_eq!(
        error.to_string(),
        "parallelism: Invalid value: 0: should be an integer value greater than zero"
    );
}
