use controller::testing::Fixture;
use k8s_api::storage::v1::VolumeAttachment;
use serde_json::{Value, json};

use super::build;

const ATTACHMENTS: &str = "/apis/storage.k8s.io/v1/volumeattachments";
const NODES: &str = "/api/v1/nodes";
const CLAIMS: &str = "/api/v1/persistentvolumeclaims";
const VOLUMES: &str = "/api/v1/persistentvolumes";
const PODS: &str = "/api/v1/pods";

/// Two nodes, and a bound claim `c` with a volume `v` of a CSI driver.
async fn start() -> Fixture {
    let fixture = Fixture::start().await;
    for name in ["n1", "n2"] {
        let annotations = json!({"volumes.kubernetes.io/controller-managed-attach-detach": "true"});
        fixture.create(
            NODES,
            "",
            json!({"metadata": {"name": name, "annotations": annotations}}),
        );
    }
    let claim = json!({"metadata": {"name": "c"}, "spec": {"volumeName": "v"}, "status": {"phase": "Bound"}});
    let uid = fixture.create(CLAIMS, "ns", claim)["metadata"]["uid"].clone();
    let spec = json!({
        "accessModes": ["ReadWriteOnce"], "csi": {"driver": "d.example.com", "volumeHandle": "h"},
        "claimRef": {"namespace": "ns", "name": "c", "uid": uid},
    });
    fixture.create(VOLUMES, "", json!({"metadata": {"name": "v"}, "spec": spec}));
    fixture
}

fn pod(name: &str, node: &str) -> Value {
    let volume = json!({"name": "data", "persistentVolumeClaim": {"claimName": "c"}});
    json!({"metadata": {"name": name}, "spec": {"nodeName": node, "containers": [], "volumes": [volume]}})
}

fn attachments(fixture: &Fixture) -> Vec<(String, String)> {
    let attachments = fixture.list::<VolumeAttachment>(ATTACHMENTS, "");
    attachments
        .into_iter()
        .map(|a| (a.metadata.name, a.spec.node_name))
        .collect()
}

fn told(fixture: &Fixture, node: &str) -> Value {
    fixture.get(NODES, "", node).unwrap()["status"]["volumesAttached"].clone()
}

fn noted(fixture: &Fixture, note: &str) -> bool {
    fixture
        .sent("POST", "/events")
        .iter()
        .any(|event| event["message"] == note)
}

#[tokio::test]
async fn volumes_follow_their_pods() {
    let fixture = start().await;
    fixture.create(
        ATTACHMENTS,
        "",
        json!({"metadata": {"name": "others"}, "spec": {"nodeName": "n1", "attacher": "d"}}),
    );
    fixture.create(PODS, "ns", pod("p", "n1"));
    fixture.run(build).await;
    fixture
        .eventually("an attachment is made", || attachments(&fixture).len() == 2)
        .await;
    let (name, node) = attachments(&fixture).remove(0);
    assert_eq!(node, "n1");
    assert_eq!(name.len(), 68, "csi- and a hash: {name}");
    assert_eq!(told(&fixture, "n1"), Value::Null, "nothing is attached yet");
    fixture.patch(ATTACHMENTS, "", &name, json!({"status": {"attached": true}}));
    let attached = json!([{"name": "kubernetes.io/csi/d.example.com^h", "devicePath": ""}]);
    fixture
        .eventually("the node is told", || told(&fixture, "n1") == attached)
        .await;
    fixture
        .eventually("the pod is told", || {
            noted(&fixture, "AttachVolume.Attach succeeded for volume \"v\" ")
        })
        .await;
    // A second pod on another node has to wait for the first.
    fixture.create(PODS, "ns", pod("q", "n2"));
    let note = "Multi-Attach error for volume \"v\" Volume is already used by pod(s) p";
    fixture
        .eventually("the second one is told why it waits", || noted(&fixture, note))
        .await;
    // The first one ends, but its node has the volume mounted still.
    fixture.patch(
        NODES,
        "",
        "n1",
        json!({"status": {
            "volumesInUse": ["kubernetes.io/csi/d.example.com^h"], "conditions": [{"type": "Ready", "status": "True"}],
        }}),
    );
    fixture.patch(PODS, "ns", "p", json!({"status": {"phase": "Succeeded"}}));
    let note = "Multi-Attach error for volume \"v\" Volume is already exclusively attached to one node and can't be attached to another";
    // The second one is looked at again whenever its claim changes.
    let mut looks = 0;
    fixture
        .eventually("the volume is kept for nobody", || {
            looks += 1;
            let labels = json!({"metadata": {"labels": {"looks": looks.to_string()}}});
            fixture.patch("/api/v1/persistentvolumeclaims", "ns", "c", labels);
            noted(&fixture, note)
        })
        .await;
    fixture.patch(NODES, "", "n1", json!({"status": {"volumesInUse": []}}));
    fixture
        .eventually("it goes to the second node", || {
            let names = attachments(&fixture);
            names.iter().any(|(_, node)| node == "n2") && !names.contains(&(name.clone(), "n1".to_owned()))
        })
        .await;
    fixture
        .eventually("the first node is told", || told(&fixture, "n1") == json!([]))
        .await;
    assert!(
        attachments(&fixture).contains(&("others".to_owned(), "n1".to_owned())),
        "others' attachments stay"
    );
}

#[tokio::test]
async fn a_node_out_of_service_keeps_nothing() {
    let fixture = start().await;
    fixture.create(PODS, "ns", pod("p", "n1"));
    fixture.run(build).await;
    fixture
        .eventually("an attachment is made", || attachments(&fixture).len() == 1)
        .await;
    let (name, _) = attachments(&fixture).remove(0);
    fixture.patch(
        NODES,
        "",
        "n1",
        json!({"status": {"volumesInUse": ["kubernetes.io/csi/d.example.com^h"]}}),
    );
    let error = json!({"message": "the disk is broken"});
    fixture.patch(
        ATTACHMENTS,
        "",
        &name,
        json!({"status": {"attached": false, "attachError": error}}),
    );
    let note = "AttachVolume.Attach failed for volume \"v\" : the disk is broken";
    fixture
        .eventually("the pod is told of the driver's error", || noted(&fixture, note))
        .await;
    fixture.delete(PODS, "ns", "p");
    let taints = json!([{"key": "node.kubernetes.io/out-of-service", "effect": "NoExecute"}]);
    fixture.patch(NODES, "", "n1", json!({"spec": {"taints": taints}}));
    fixture
        .eventually("the attachment goes", || attachments(&fixture).is_empty())
        .await;
}

#[tokio::test]
async fn drivers_that_need_no_attaching_get_none() {
    let fixture = start().await;
    let driver = json!({"metadata": {"name": "d.example.com"}, "spec": {"attachRequired": false}});
    fixture.create("/apis/storage.k8s.io/v1/csidrivers", "", driver);
    fixture.create(PODS, "ns", pod("p", "n1"));
    // Of another driver, to see that its turn has come.
    let claim = json!({"metadata": {"name": "c2"}, "spec": {"volumeName": "v2"}, "status": {"phase": "Bound"}});
    let uid = fixture.create(CLAIMS, "ns", claim)["metadata"]["uid"].clone();
    let spec = json!({
        "csi": {"driver": "other.example.com", "volumeHandle": "h"},
        "claimRef": {"namespace": "ns", "name": "c2", "uid": uid},
    });
    fixture.create(VOLUMES, "", json!({"metadata": {"name": "v2"}, "spec": spec}));
    let mut second = pod("q", "n1");
    second["spec"]["volumes"][0]["persistentVolumeClaim"]["claimName"] = "c2".into();
    fixture.create(PODS, "ns", second);
    fixture.run(build).await;
    fixture
        .eventually("the other is attached", || attachments(&fixture).len() == 1)
        .await;
    let attachment = &fixture.list::<VolumeAttachment>(ATTACHMENTS, "")[0];
    assert_eq!(attachment.spec.attacher, "other.example.com");
}

#[tokio::test]
async fn whatever_comes_last_has_the_volume_attached() {
    let fixture = start().await;
    fixture.create(NODES, "", json!({"metadata": {"name": "n3"}}));
    fixture.patch(CLAIMS, "ns", "c", json!({"spec": {"volumeName": null}}));
    fixture.patch(VOLUMES, "", "v", json!({"spec": {"claimRef": {"uid": "another"}}}));
    fixture.create(PODS, "ns", pod("p", "n3"));
    fixture.run(build).await;
    let uid = fixture.get(CLAIMS, "ns", "c").unwrap()["metadata"]["uid"].clone();
    let managed = json!({"volumes.kubernetes.io/controller-managed-attach-detach": "true"});
    fixture.patch(CLAIMS, "ns", "c", json!({"spec": {"volumeName": "v"}}));
    fixture.patch(NODES, "", "n3", json!({"metadata": {"annotations": managed}}));
    tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    assert!(attachments(&fixture).is_empty(), "the volume is another claim's");
    fixture.patch(VOLUMES, "", "v", json!({"spec": {"claimRef": {"uid": uid}}}));
    fixture
        .eventually("the volume is attached", || attachments(&fixture).len() == 1)
        .await;
}
