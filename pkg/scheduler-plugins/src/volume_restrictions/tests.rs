//! Disks and claims that are used already.

use serde_json::{Value, json};

use super::*;
use crate::testing::{deleted, filter_all, node, pod};

async fn plugin(claims: &[(&str, &str)]) -> Arc<VolumeRestrictions> {
    let server = client_go::testing::FakeServer::start().await;
    server.with_store(|store| {
        for (name, mode) in claims {
            let claim = json!({"metadata": {"name": name}, "spec": {"accessModes": [mode]}});
            store.create("/api/v1/persistentvolumeclaims", "ns", claim).unwrap();
        }
    });
    let stop = tokio_util::sync::CancellationToken::new();
    let informers = client_go::cache::InformerFactory::new(server.client(), stop);
    let claims = informers.informer().lister();
    informers.start();
    assert!(informers.wait_for_cache_sync().await);
    informers.shutdown().await;
    Arc::new(VolumeRestrictions { claims })
}

fn with(uid: &str, volume: Value) -> PodInfo {
    let mut volume = volume;
    volume["name"] = "v".into();
    pod(json!({"metadata": {"name": uid, "namespace": "ns"}, "spec": {"volumes": [volume]}}))
}

#[tokio::test]
async fn disks() {
    let plugin = plugin(&[]).await;
    let gce = |name: &str, read_only: bool| json!({"gcePersistentDisk": {"pdName": name, "readOnly": read_only}});
    let aws = |id: &str| json!({"awsElasticBlockStore": {"volumeID": id}});
    let iscsi = |iqn: &str| json!({"iscsi": {"iqn": iqn, "lun": 0, "targetPortal": "p"}});
    let rbd = |monitor: &str| json!({"rbd": {"monitors": [monitor, "m"], "pool": "p", "image": "i"}});
    for (name, wanted, there, free) in [
        ("gce", gce("a", false), gce("a", true), false),
        ("gce, both read", gce("a", true), gce("a", true), true),
        ("gce, other disk", gce("a", false), gce("b", false), true),
        ("aws", aws("a"), aws("a"), false),
        ("aws, other disk", aws("a"), aws("b"), true),
        ("iscsi", iscsi("a"), iscsi("a"), false),
        ("rbd, one monitor in common", rbd("a"), rbd("b"), false),
        ("of different kinds", aws("a"), iscsi("a"), true),
    ] {
        let mut node = node(json!({"metadata": {"name": "n"}}));
        node.add_pod(Arc::new(with("there", there)));
        let statuses = filter_all(plugin.clone(), &with("new", wanted), &[node]).unwrap();
        let expected = if free {
            Status::SUCCESS
        } else {
            Status::fixed(Code::Unschedulable, REASON_DISK)
        };
        assert_eq!(statuses, [expected], "{name}");
    }
}

#[tokio::test]
async fn claims_of_one_pod() {
    let plugin = plugin(&[("once", "ReadWriteOncePod"), ("many", "ReadWriteMany")]).await;
    let claim = |uid: &str, name: &str| with(uid, json!({"persistentVolumeClaim": {"claimName": name}}));
    let node_with = |pods: Vec<PodInfo>| {
        let mut node = node(json!({"metadata": {"name": "n"}}));
        pods.into_iter().for_each(|pod| node.add_pod(Arc::new(pod)));
        node
    };
    let used = node_with(vec![claim("there", "once"), claim("too", "many")]);
    assert!(matches!(
        filter_all(plugin.clone(), &claim("new", "many"), std::slice::from_ref(&used)),
        Err(PreFiltered::Skip)
    ));
    assert!(matches!(
        filter_all(plugin.clone(), &claim("new", "once"), &[node_with(Vec::new())]),
        Err(PreFiltered::Skip)
    ));
    let snapshot = Snapshot::of([used]);
    let (new, mut state) = (claim("new", "once"), CycleState::default());
    assert!(matches!(
        plugin.pre_filter(&mut state, &new, &snapshot),
        PreFiltered::AllNodes
    ));
    let expected = Status::fixed(Code::Unschedulable, REASON_ONCE);
    assert_eq!(plugin.filter(&state, &new, snapshot.at(0)), expected);
    plugin.remove_pod(&mut state, &new, &claim("there", "once"), snapshot.at(0));
    assert_eq!(plugin.filter(&state, &new, snapshot.at(0)), Status::SUCCESS);
    let missing = filter_all(plugin, &claim("new", "missing"), &[node_with(Vec::new())]);
    let Err(PreFiltered::Failed(status)) = missing else {
        panic!("no such claim")
    };
    assert_eq!(
        status,
        Status::unresolvable("persistentvolumeclaims \"missing\" not found")
    );
}

#[test]
fn hints() {
    let claim = |uid: &str, name: &str| with(uid, json!({"persistentVolumeClaim": {"claimName": name}}));
    let target = claim("target", "a");
    assert_eq!(
        after_pod_deleted(&target, &deleted(claim("x", "a"))),
        QueueingHint::Queue
    );
    assert_eq!(
        after_pod_deleted(&target, &deleted(claim("x", "b"))),
        QueueingHint::Skip
    );
}
