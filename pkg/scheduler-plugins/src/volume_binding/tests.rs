//! Claims that are bound, that wait for a node, and that cannot be used; what is assumed and what is told.

use client_go::cache::InformerFactory;
use client_go::testing::FakeServer;
use scheduler_framework::events::Change;
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use super::*;
use crate::testing::{filter_all, node, pod};

struct Fixture {
    server: FakeServer,
    plugin: Arc<VolumeBinding>,
    stop: CancellationToken,
}

fn affinity(node: &str) -> Value {
    json!({"required": {"nodeSelectorTerms": [{"matchExpressions": [
        {"key": "host", "operator": "In", "values": [node]}]}]}})
}

fn volume(name: &str, class: &str, size: &str, node: &str) -> Value {
    json!({
        "metadata": {"name": name},
        "spec": {"storageClassName": class, "capacity": {"storage": size}, "accessModes": ["ReadWriteOnce"],
                 "nodeAffinity": affinity(node)},
        "status": {"phase": "Available"},
    })
}

fn claim(name: &str, spec: Value, bound: bool) -> Value {
    let mut claim = json!({"metadata": {"name": name}, "spec": spec});
    claim["spec"]["accessModes"] = json!(["ReadWriteOnce"]);
    if claim["spec"]["resources"].is_null() {
        claim["spec"]["resources"] = json!({"requests": {"storage": "5Gi"}});
    }
    if bound {
        claim["metadata"]["annotations"] = json!({"pv.kubernetes.io/bind-completed": "yes"});
    }
    claim
}

impl Fixture {
    async fn new() -> Self {
        let server = FakeServer::start().await;
        server.with_store(|store| {
            let mut create = |path: &str, namespace: &str, object: Value| {
                store.create(path, namespace, object).map(drop).unwrap();
            };
            for (name, provisioner, mode) in [
                ("local", "kubernetes.io/no-provisioner", "WaitForFirstConsumer"),
                ("csi", "d.io", "WaitForFirstConsumer"),
                ("now", "d.io", "Immediate"),
            ] {
                let class = json!({"metadata": {"name": name}, "provisioner": provisioner, "volumeBindingMode": mode});
                create("/apis/storage.k8s.io/v1/storageclasses", "", class);
            }
            for (name, size, host) in [("large", "20Gi", "a"), ("small", "5Gi", "a"), ("tiny", "1Gi", "b")] {
                create("/api/v1/persistentvolumes", "", volume(name, "local", size, host));
            }
            create("/api/v1/persistentvolumes", "", volume("taken", "", "5Gi", "b"));
            for claim in [
                claim("bound", json!({"volumeName": "taken"}), true),
                claim("lost", json!({"volumeName": "gone"}), true),
                claim("local", json!({"storageClassName": "local"}), false),
                claim(
                    "huge",
                    json!({"storageClassName": "local", "resources": {"requests": {"storage": "1Ti"}}}),
                    false,
                ),
                claim("csi", json!({"storageClassName": "csi"}), false),
                claim("now", json!({"storageClassName": "now"}), false),
            ] {
                create("/api/v1/persistentvolumeclaims", "ns", claim);
            }
            create(
                "/api/v1/nodes",
                "",
                json!({"metadata": {"name": "a", "labels": {"host": "a"}}}),
            );
        });
        let stop = CancellationToken::new();
        let informers = InformerFactory::new(server.client(), stop.clone());
        let volumes = informers.informer::<PersistentVolume>();
        volumes.add_index(BY_CLASS, |volume| vec![class_of_volume(volume).to_owned()]);
        let plugin = VolumeBinding {
            binder: Binder {
                client: server.client(),
                pods: informers.informer().lister(),
                nodes: informers.informer().lister(),
                classes: informers.informer().lister(),
                drivers: informers.informer().lister(),
                capacities: informers.informer().lister(),
                volume_lister: volumes.lister(),
                volumes: AssumeCache::new(volumes.lister()),
                claims: AssumeCache::new(informers.informer().lister()),
                timeout: Duration::from_secs(30),
            },
            claims: informers.informer().lister(),
            curve: None,
            metrics: VolumeBindingMetrics::new(&MetricsRegistry::default()),
        };
        informers.start();
        assert!(informers.wait_for_cache_sync().await);
        Self {
            server,
            plugin: Arc::new(plugin),
            stop,
        }
    }
}

impl Drop for Fixture {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

fn using(claims: &[&str]) -> PodInfo {
    let volumes: Vec<_> = claims
        .iter()
        .map(|name| json!({"name": name, "persistentVolumeClaim": {"claimName": name}}))
        .collect();
    pod(json!({"metadata": {"name": "p", "namespace": "ns"}, "spec": {"volumes": volumes}}))
}

fn nodes() -> Vec<NodeInfo> {
    ["a", "b"]
        .map(|name| node(json!({"metadata": {"name": name, "labels": {"host": name}}})))
        .into()
}

#[tokio::test]
async fn what_nodes_are_told() {
    let fixture = Fixture::new().await;
    let affinity = "node(s) didn't match PersistentVolume's node affinity";
    let nothing = "node(s) didn't find available persistent volumes to bind";
    let gone = "node(s) unavailable due to one or more pvc(s) bound to non-existent pv(s)";
    for (claims, expected) in [
        (vec!["bound"], [affinity, ""]),
        (vec!["local"], ["", nothing]),
        (vec!["huge"], [nothing, nothing]),
        (vec!["csi"], ["", ""]),
        (vec!["lost"], [gone, gone]),
        (
            vec!["bound", "huge"],
            [
                "node(s) didn't match PersistentVolume's node affinity, node(s) didn't find available persistent volumes to bind",
                nothing,
            ],
        ),
    ] {
        let statuses = filter_all(fixture.plugin.clone(), &using(&claims), &nodes()).unwrap();
        let messages: Vec<_> = statuses.iter().map(Status::message).collect();
        assert_eq!(messages, expected, "{claims:?}");
    }
    for (claim, expected) in [
        ("now", "pod has unbound immediate PersistentVolumeClaims"),
        ("absent", "persistentvolumeclaims \"absent\" not found"),
    ] {
        let Err(PreFiltered::Failed(status)) = filter_all(fixture.plugin.clone(), &using(&[claim]), &nodes()) else {
            panic!("{claim} cannot be used")
        };
        assert_eq!(status, Status::unresolvable(expected), "{claim}");
    }
    let ephemeral = pod(
        json!({"metadata": {"name": "p", "namespace": "ns"}, "spec": {"volumes": [
        {"name": "v", "ephemeral": {"volumeClaimTemplate": {"spec": {}}}}]}}),
    );
    let Err(PreFiltered::Failed(status)) = filter_all(fixture.plugin.clone(), &ephemeral, &nodes()) else {
        panic!("the claim is not there yet")
    };
    let words = "waiting for ephemeral volume controller to create the persistentvolumeclaim \"p-v\"";
    assert_eq!(status, Status::unresolvable(words));
}

#[tokio::test]
async fn the_smallest_volume_is_assumed_and_then_bound() {
    let fixture = Fixture::new().await;
    let plugin = &fixture.plugin;
    fixture.server.with_store(|store| {
        store
            .create("/api/v1/pods", "ns", json!({"metadata": {"name": "p"}}))
            .unwrap();
    });
    let (pod, snapshot, mut state) = (using(&["local", "csi"]), Snapshot::of(nodes()), CycleState::default());
    assert!(matches!(
        plugin.pre_filter(&mut state, &pod, &snapshot),
        PreFiltered::AllNodes
    ));
    assert!(plugin.filter(&state, &pod, snapshot.at(0)).is_success());
    assert!(plugin.reserve(&mut state, &pod, "a").is_success());
    assert!(plugin.pre_flight(&state, &pod, "a").is_success());
    // Assumed, the volume is nobody else's.
    let assumed = plugin.binder.volumes.get("", "small").unwrap();
    assert_eq!(assumed.spec.claim_ref.as_ref().unwrap().name, "local");
    assert!(
        plugin
            .binder
            .volumes
            .told("", "small")
            .unwrap()
            .spec
            .claim_ref
            .is_none()
    );
    plugin.unreserve(&state, &pod, "a");
    assert!(plugin.binder.volumes.get("", "small").unwrap().spec.claim_ref.is_none());
    assert!(plugin.reserve(&mut state, &pod, "a").is_success());

    // A controller completes what is told.
    let controller = async {
        let seen = |path: &str| {
            let requests = fixture.server.seen();
            requests.iter().any(|seen| seen.method == "PUT" && seen.path == path)
        };
        let claim = "/api/v1/namespaces/ns/persistentvolumeclaims/csi";
        while !(seen("/api/v1/persistentvolumes/small") && seen(claim)) {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        fixture.server.with_store(|store| {
            store
                .create("/api/v1/persistentvolumes", "", volume("made", "csi", "5Gi", "a"))
                .unwrap();
            for (name, volume) in [("local", "small"), ("csi", "made")] {
                let patch = json!({"metadata": {"annotations": {"pv.kubernetes.io/bind-completed": "yes"}},
                                   "spec": {"volumeName": volume}});
                store
                    .patch("/api/v1/persistentvolumeclaims", "ns", name, patch)
                    .unwrap();
            }
        });
    };
    let (status, ()) = tokio::join!(plugin.pre_bind(&state, &pod, "a"), controller);
    assert_eq!(status, Status::SUCCESS);
    let (volume, claim) = fixture.server.with_store(|store| {
        let volume = store.get("/api/v1/persistentvolumes", "", "small").unwrap().clone();
        (
            volume,
            store
                .get("/api/v1/persistentvolumeclaims", "ns", "csi")
                .unwrap()
                .clone(),
        )
    });
    assert_eq!(volume["spec"]["claimRef"]["name"], "local");
    assert_eq!(
        volume["metadata"]["annotations"]["pv.kubernetes.io/bound-by-controller"],
        "yes"
    );
    assert_eq!(
        claim["metadata"]["annotations"]["volume.kubernetes.io/selected-node"],
        "a"
    );
}

#[tokio::test]
async fn a_provisioning_that_is_undone_fails_the_binding() {
    let fixture = Fixture::new().await;
    let plugin = &fixture.plugin;
    fixture.server.with_store(|store| {
        store
            .create("/api/v1/pods", "ns", json!({"metadata": {"name": "p"}}))
            .unwrap();
    });
    let (pod, snapshot, mut state) = (using(&["csi"]), Snapshot::of(nodes()), CycleState::default());
    assert!(matches!(
        plugin.pre_filter(&mut state, &pod, &snapshot),
        PreFiltered::AllNodes
    ));
    assert!(plugin.filter(&state, &pod, snapshot.at(0)).is_success());
    assert!(plugin.reserve(&mut state, &pod, "a").is_success());
    let provisioner = async {
        let path = "/api/v1/namespaces/ns/persistentvolumeclaims/csi";
        while !fixture
            .server
            .seen()
            .iter()
            .any(|seen| seen.method == "PUT" && seen.path == path)
        {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        fixture.server.with_store(|store| {
            let patch = json!({"metadata": {"annotations": {"volume.kubernetes.io/selected-node": null, "x": "y"}}});
            store
                .patch("/api/v1/persistentvolumeclaims", "ns", "csi", patch)
                .unwrap();
        });
    };
    let (status, ()) = tokio::join!(plugin.pre_bind(&state, &pod, "a"), provisioner);
    assert_eq!(
        status,
        Status::error("binding volumes: provisioning failed for PVC \"csi\"")
    );
}

#[test]
fn hints() {
    let claim = |namespace: &str, name: &str| {
        let claim = json!({"metadata": {"name": name, "namespace": namespace}});
        let claim = <PersistentVolumeClaim as k8s_api::Kind>::from_value(claim).unwrap();
        EventObjects::PersistentVolumeClaim(Change {
            old: None,
            new: Some(Arc::new(claim)),
        })
    };
    let pod = using(&["a"]);
    assert_eq!(after_claim(&pod, &claim("ns", "a")), QueueingHint::Queue);
    assert_eq!(after_claim(&pod, &claim("ns", "b")), QueueingHint::Skip);
    assert_eq!(after_claim(&pod, &claim("other", "a")), QueueingHint::Skip);
}
