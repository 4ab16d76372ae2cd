//! Volumes against the limits of drivers.

use serde_json::{Value, json};

use super::*;
use crate::testing::{filter_all, node, pod};

async fn plugin() -> Arc<NodeVolumeLimits> {
    let server = client_go::testing::FakeServer::start().await;
    server.with_store(|store| {
        let mut create = |path: &str, namespace: &str, object: Value| {
            store.create(path, namespace, object).map(drop).unwrap();
        };
        let driver = json!({"name": "d.io", "nodeID": "n", "allocatable": {"count": 2}});
        let ebs = json!({"name": "ebs.csi.aws.com", "nodeID": "n", "allocatable": {"count": 1}});
        create(
            "/apis/storage.k8s.io/v1/csinodes",
            "",
            json!({"metadata": {"name": "limited"}, "spec": {"drivers": [driver, ebs]}}),
        );
        create(
            "/apis/storage.k8s.io/v1/storageclasses",
            "",
            json!({"metadata": {"name": "sc"}, "provisioner": "d.io", "volumeBindingMode": "WaitForFirstConsumer"}),
        );
        for name in ["a", "b", "c", "x"] {
            create(
                "/api/v1/persistentvolumes",
                "",
                json!({"metadata": {"name": name}, "spec": {"csi": {"driver": "d.io", "volumeHandle": name}}}),
            );
            create(
                "/api/v1/persistentvolumeclaims",
                "ns",
                json!({"metadata": {"name": name}, "spec": {"volumeName": name}}),
            );
        }
        create(
            "/api/v1/persistentvolumeclaims",
            "ns",
            json!({"metadata": {"name": "unbound"}, "spec": {"storageClassName": "sc"}}),
        );
        create(
            "/apis/storage.k8s.io/v1/volumeattachments",
            "",
            json!({"metadata": {"name": "va"},
                   "spec": {"nodeName": "limited", "attacher": "d.io", "source": {"persistentVolumeName": "x"}}}),
        );
    });
    let stop = tokio_util::sync::CancellationToken::new();
    let informers = client_go::cache::InformerFactory::new(server.client(), stop);
    let attachments: SharedInformer<VolumeAttachment> = informers.informer();
    attachments.add_index(BY_NODE, |attachment| vec![attachment.spec.node_name.clone()]);
    let plugin = NodeVolumeLimits {
        nodes: informers.informer().lister(),
        volumes: informers.informer().lister(),
        claims: informers.informer().lister(),
        classes: informers.informer().lister(),
        drivers: informers.informer().lister(),
        attachments: attachments.lister(),
        prefix: "random".to_owned(),
        requires_drivers: false,
    };
    informers.start();
    assert!(informers.wait_for_cache_sync().await);
    informers.shutdown().await;
    Arc::new(plugin)
}

fn using(uid: &str, claims: &[&str]) -> PodInfo {
    let volumes: Vec<_> = claims
        .iter()
        .map(|name| json!({"name": name, "persistentVolumeClaim": {"claimName": name}}))
        .collect();
    pod(json!({"metadata": {"name": uid, "namespace": "ns"}, "spec": {"volumes": volumes}}))
}

#[tokio::test]
async fn limits_count_what_is_there() {
    let plugin = plugin().await;
    let too_many = Status::fixed(Code::Unschedulable, REASON);
    let disk = |uid: &str, id: &str| {
        let volume = json!({"name": "v", "awsElasticBlockStore": {"volumeID": id}});
        pod(json!({"metadata": {"name": uid, "namespace": "ns"}, "spec": {"volumes": [volume]}}))
    };
    for (name, node_name, there, new, expected) in [
        // One volume is attached to the node that no pod uses any more.
        ("one more", "limited", vec![], using("p", &["a"]), Status::SUCCESS),
        ("two more", "limited", vec![], using("p", &["a", "b"]), too_many.clone()),
        (
            "one and one",
            "limited",
            vec![using("q", &["b"])],
            using("p", &["a"]),
            too_many.clone(),
        ),
        (
            "the same",
            "limited",
            vec![using("q", &["a"])],
            using("p", &["a"]),
            Status::SUCCESS,
        ),
        (
            "the attached one",
            "limited",
            vec![using("q", &["b"])],
            using("p", &["x"]),
            too_many.clone(),
        ),
        (
            "to be provisioned",
            "limited",
            vec![using("q", &["b"])],
            using("p", &["unbound"]),
            too_many.clone(),
        ),
        (
            "no limits",
            "free",
            vec![using("q", &["a", "b"])],
            using("p", &["c"]),
            Status::SUCCESS,
        ),
        ("in-tree", "limited", vec![disk("q", "1")], disk("p", "2"), too_many),
        (
            "in-tree, the same",
            "limited",
            vec![disk("q", "1")],
            disk("p", "1"),
            Status::SUCCESS,
        ),
        (
            "no such claim",
            "limited",
            vec![],
            using("p", &["missing"]),
            Status::unresolvable("looking up PVC ns/missing: persistentvolumeclaims \"missing\" not found"),
        ),
    ] {
        let mut node = node(json!({"metadata": {"name": node_name}}));
        there.into_iter().for_each(|pod| node.add_pod(Arc::new(pod)));
        assert_eq!(filter_all(plugin.clone(), &new, &[node]).unwrap(), [expected], "{name}");
    }
    let without = pod(json!({"spec": {"volumes": [{"name": "v", "emptyDir": {}}]}}));
    let node = node(json!({"metadata": {"name": "limited"}}));
    assert!(matches!(filter_all(plugin, &without, &[node]), Err(PreFiltered::Skip)));
}
