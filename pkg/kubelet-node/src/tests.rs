//! A node against an API server in memory and a runtime in memory.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use client_go::testing::FakeServer;
use cri_client::api::Method;
use cri_client::testing::{FakeRuntime, Fault};
use kubelet_types::pressure::{Pressure, Pressures};
use kubelet_types::testing::MemoryRecorder;
use serde_json::Value;
use tokio_util::sync::CancellationToken;

use crate::{Machine, NodeOptions, NodeParts, NodeReporter, Reservations};

fn options(root: &std::path::Path) -> NodeOptions {
    NodeOptions {
        name: "n1".to_owned(),
        hostname: "n1".to_owned(),
        node_ips: Vec::new(),
        external_cloud: false,
        labels: BTreeMap::from([("zone".to_owned(), "a".to_owned())]),
        taints: Vec::new(),
        provider_id: String::new(),
        attach_detach: true,
        max_pods: 110,
        pods_per_core: 0,
        port: 10250,
        max_images: 50,
        register: true,
        update_frequency: Duration::from_millis(200),
        report_frequency: Duration::from_secs(300),
        lease_seconds: 1,
        root: root.to_owned(),
        local_storage: true,
        reservations: Reservations::default(),
        version: "v1.36.2".to_owned(),
        declared_features: Vec::new(),
    }
}

fn parts(
    server: &FakeServer,
    fake: &FakeRuntime,
    pressures: &Arc<Pressures>,
    recorder: &Arc<MemoryRecorder>,
) -> NodeParts {
    NodeParts {
        client: Some(server.client()),
        runtime: Arc::new(fake.clone()),
        images: Arc::new(fake.clone()),
        pressures: pressures.clone(),
        recorder: recorder.clone(),
        health: Box::new(Vec::new),
        cached: Box::new(|| None),
    }
}

fn condition<'a>(node: &'a Value, kind: &str) -> &'a Value {
    let found = node["status"]["conditions"].as_array().expect("conditions");
    found.iter().find(|it| it["type"] == kind).unwrap_or(&Value::Null)
}

/// The stored object once it is as wanted.
async fn until(server: &FakeServer, path: (&str, &str, &str), wanted: impl Fn(&Value) -> bool) -> Value {
    let (collection, namespace, name) = path;
    for _ in 0..500 {
        let found = server.with_store(|store| store.get(collection, namespace, name).cloned());
        if let Some(found) = found.filter(&wanted) {
            return found;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let found = server.with_store(|store| store.get(collection, namespace, name).cloned());
    panic!("{collection}/{name}: {found:?}");
}

#[tokio::test]
async fn a_node_that_was_ready_stays_so_while_its_runtime_is_asked() {
    let server = FakeServer::start().await;
    let (fake, pressures, recorder) = (
        FakeRuntime::new(),
        Arc::new(Pressures::default()),
        Arc::new(MemoryRecorder::default()),
    );
    const NODES: &str = "/api/v1/nodes";
    let before = serde_json::json!({"metadata": {"name": "n1"}, "status": {
        "nodeInfo": {"kubeletVersion": "v1.36.1"}, "conditions": [{"type": "Ready", "status": "True"}]}});
    let created = server.with_store(|store| store.create(NODES, "", before));
    created.expect("created");
    fake.add_fault(Method::Status, Fault::Delay(Duration::from_millis(300)), 1);
    let root = tempfile::tempdir().expect("a directory");
    let machine = Machine::read(std::path::Path::new("/")).expect("a machine");
    let parts = parts(&server, &fake, &pressures, &recorder);
    let reporter = NodeReporter::new(options(root.path()), parts, machine);
    let cancel = CancellationToken::new();
    let look = async {
        until(&server, (NODES, "", "n1"), |node| {
            node["status"]["nodeInfo"]["kubeletVersion"] == "v1.36.2"
        })
        .await;
        cancel.cancel();
    };
    tokio::join!(reporter.run(cancel.clone()), look);
    let states: Vec<_> = server.with_store(|store| {
        let changes = store.changes(NODES, 0);
        changes
            .map(|change| condition(&change.object, "Ready")["status"].clone())
            .collect()
    });
    // Patches name what changes only, and this server takes a list for the whole.
    assert!(states.len() > 1 && states.iter().all(|it| it != "False"), "{states:?}");
}

#[tokio::test]
async fn a_node_registers_becomes_ready_and_keeps_its_lease() {
    let server = FakeServer::start().await;
    let (fake, pressures, recorder) = (
        FakeRuntime::new(),
        Arc::new(Pressures::default()),
        Arc::new(MemoryRecorder::default()),
    );
    fake.add_image("image:1", 7);
    let root = tempfile::tempdir().expect("a directory");
    let machine = Machine::read(std::path::Path::new("/")).expect("a machine");
    let reporter = Arc::new(NodeReporter::new(
        options(root.path()),
        parts(&server, &fake, &pressures, &recorder),
        machine,
    ));
    let (running, cancel) = (reporter.clone(), CancellationToken::new());
    let token = cancel.clone();
    let task = tokio::spawn(async move { running.run(token).await });
    let node_path = ("/api/v1/nodes", "", "n1");
    let node = until(&server, node_path, |node| condition(node, "Ready")["status"] == "True").await;
    assert_eq!(node["metadata"]["labels"]["kubernetes.io/hostname"], "n1");
    assert_eq!(node["metadata"]["labels"]["zone"], "a");
    assert_eq!(node["status"]["capacity"]["pods"], "110");
    assert_eq!(node["status"]["daemonEndpoints"]["kubeletEndpoint"]["Port"], 10250);
    assert_eq!(condition(&node, "Ready")["message"], "kubelet is posting ready status");
    assert_eq!(
        condition(&node, "MemoryPressure")["reason"],
        "KubeletHasSufficientMemory"
    );
    assert_eq!(node["status"]["nodeInfo"]["kubeletVersion"], "v1.36.2");
    let lease = until(
        &server,
        ("/apis/coordination.k8s.io/v1/leases", "kube-node-lease", "n1"),
        |_| true,
    )
    .await;
    assert_eq!(lease["spec"]["holderIdentity"], "n1");
    until(
        &server,
        ("/apis/coordination.k8s.io/v1/leases", "kube-node-lease", "n1"),
        |it| it["spec"]["renewTime"] != lease["spec"]["renewTime"],
    )
    .await;
    until(&server, ("/apis/storage.k8s.io/v1/csinodes", "", "n1"), |_| true).await;

    pressures.set([Pressure::Disk]);
    let node = until(&server, node_path, |node| {
        condition(node, "DiskPressure")["status"] == "True"
    })
    .await;
    assert_eq!(condition(&node, "DiskPressure")["message"], "kubelet has disk pressure");
    assert!(
        recorder
            .events()
            .iter()
            .any(|event| event.reason == "NodeHasDiskPressure")
    );
    cancel.cancel();
    task.await.expect("joined");
}
