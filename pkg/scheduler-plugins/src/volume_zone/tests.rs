//! Volumes and nodes with zones.

use serde_json::{Value, json};

use super::*;
use crate::testing::{filter_all, node, pod};

const ZONE: &str = "topology.kubernetes.io/zone";
const BETA_ZONE: &str = "failure-domain.beta.kubernetes.io/zone";

async fn plugin() -> Arc<VolumeZone> {
    let server = client_go::testing::FakeServer::start().await;
    server.with_store(|store| {
        let mut create = |path: &str, namespace: &str, object: Value| {
            store.create(path, namespace, object).map(drop).unwrap();
        };
        for (name, labels) in [
            ("one", json!({ZONE: "1"})),
            ("two", json!({ZONE: "1__2"})),
            ("beta", json!({BETA_ZONE: "1"})),
            ("none", json!({})),
        ] {
            create(
                "/api/v1/persistentvolumes",
                "",
                json!({"metadata": {"name": name, "labels": labels}}),
            );
            create(
                "/api/v1/persistentvolumeclaims",
                "ns",
                json!({"metadata": {"name": name}, "spec": {"volumeName": name}}),
            );
        }
        for (name, spec) in [
            ("lost", json!({"volumeName": "gone"})),
            ("bare", json!({})),
            ("waiting", json!({"storageClassName": "wait"})),
            ("immediate", json!({"storageClassName": "now"})),
            ("unset", json!({"storageClassName": "unset"})),
        ] {
            create(
                "/api/v1/persistentvolumeclaims",
                "ns",
                json!({"metadata": {"name": name}, "spec": spec}),
            );
        }
        for (name, mode) in [("wait", Some(WAIT)), ("now", Some("Immediate")), ("unset", None)] {
            let class = json!({"metadata": {"name": name}, "volumeBindingMode": mode, "provisioner": "p"});
            create("/apis/storage.k8s.io/v1/storageclasses", "", class);
        }
    });
    let stop = tokio_util::sync::CancellationToken::new();
    let informers = client_go::cache::InformerFactory::new(server.client(), stop);
    let plugin = VolumeZone {
        volumes: informers.informer().lister(),
        claims: informers.informer().lister(),
        classes: informers.informer().lister(),
    };
    informers.start();
    assert!(informers.wait_for_cache_sync().await);
    informers.shutdown().await;
    Arc::new(plugin)
}

#[tokio::test]
async fn zones_must_agree() {
    let plugin = plugin().await;
    let nodes: Vec<NodeInfo> = [
        ("in 1", json!({ZONE: "1"})),
        ("in 2", json!({ZONE: "2"})),
        ("old", json!({BETA_ZONE: "1"})),
        ("anywhere", json!({})),
    ]
    .map(|(name, labels)| node(json!({"metadata": {"name": name, "labels": labels}})))
    .into();
    let claiming = |claim: &str| {
        pod(
            json!({"metadata": {"name": "p", "namespace": "ns"}, "spec": {"volumes": [
            {"name": "v", "persistentVolumeClaim": {"claimName": claim}}]}}),
        )
    };
    for (claim, expected) in [("one", "+--+"), ("two", "++-+"), ("beta", "+-++")] {
        let statuses = filter_all(plugin.clone(), &claiming(claim), &nodes).unwrap();
        let letters: String = statuses
            .iter()
            .map(|status| if status.is_success() { '+' } else { '-' })
            .collect();
        assert_eq!(letters, expected, "{claim}");
    }
    for (claim, expected) in [
        ("none", None),
        ("waiting", None),
        ("lost", Some("persistentvolumes \"gone\" not found")),
        (
            "bare",
            Some("PersistentVolumeClaim had no pv name and storageClass name"),
        ),
        ("immediate", Some("PersistentVolume had no name")),
        ("unset", Some("VolumeBindingMode not set for StorageClass \"unset\"")),
        ("absent", Some("persistentvolumeclaims \"absent\" not found")),
        ("", Some("PersistentVolumeClaim had no name")),
    ] {
        match (filter_all(plugin.clone(), &claiming(claim), &nodes), expected) {
            (Err(PreFiltered::Skip), None) => {}
            (Err(PreFiltered::Failed(status)), Some(words)) => {
                assert_eq!(status, Status::unresolvable(words), "{claim}");
            }
            (other, _) => panic!("{claim}: {other:?}"),
        }
    }
}

#[test]
fn labels_with_several_zones() {
    assert_eq!(zones("a__b").unwrap().into_iter().collect::<Vec<_>>(), ["a", "b"]);
    assert_eq!(zones("a__"), None);
}
