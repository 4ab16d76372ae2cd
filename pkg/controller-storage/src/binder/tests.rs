use controller::testing::Fixture;
use k8s_api::Kind as _;
use k8s_api::core::v1::{PersistentVolume, PersistentVolumeClaim};
use serde_json::{Value, json};

use super::matching::{misfit, suits};
use super::reclaim::{Deleter, deleter};
use super::volume::finalizers;
use super::{build, recycler::Recyclers};

const VOLUMES: &str = "/api/v1/persistentvolumes";
const CLAIMS: &str = "/api/v1/persistentvolumeclaims";
const CLASSES: &str = "/apis/storage.k8s.io/v1/storageclasses";

fn volume(name: &str, size: &str, class: &str) -> Value {
    json!({
        "metadata": {"name": name},
        "spec": {
            "capacity": {"storage": size}, "accessModes": ["ReadWriteOnce"], "storageClassName": class,
            "persistentVolumeReclaimPolicy": "Retain", "hostPath": {"path": "/data"},
        },
    })
}

fn claim(name: &str, size: &str, class: Option<&str>) -> Value {
    json!({
        "metadata": {"name": name},
        "spec": {
            "accessModes": ["ReadWriteOnce"], "storageClassName": class,
            "resources": {"requests": {"storage": size}},
        },
        "status": {"phase": "Pending"},
    })
}

fn typed(volume: Value, claim: Value) -> (PersistentVolume, PersistentVolumeClaim) {
    let mut claim = PersistentVolumeClaim::from_value(claim).unwrap();
    "ns".clone_into(&mut claim.metadata.namespace);
    "u".clone_into(&mut claim.metadata.uid);
    (PersistentVolume::from_value(volume).unwrap(), claim)
}

#[test]
fn what_suits_a_claim() {
    let available = |mut volume: Value, more: Value| {
        volume["status"]["phase"] = "Available".into();
        for (key, value) in more.as_object().unwrap() {
            volume["spec"][key] = value.clone();
        }
        volume
    };
    let reserved = |uid: &str| json!({"claimRef": {"namespace": "ns", "name": "c", "uid": uid}});
    for (volume, waits, wanted) in [
        (available(volume("v", "1Gi", "a"), json!({})), false, true),
        (available(volume("v", "1Gi", "a"), json!({})), true, false),
        (available(volume("v", "1Mi", "a"), json!({})), false, false),
        (available(volume("v", "1Gi", "b"), json!({})), false, false),
        (
            available(volume("v", "1Gi", "a"), json!({"volumeMode": "Block"})),
            false,
            false,
        ),
        (
            available(volume("v", "1Gi", "a"), json!({"accessModes": ["ReadOnlyMany"]})),
            false,
            false,
        ),
        (
            available(volume("v", "1Gi", "a"), json!({"volumeAttributesClassName": "gold"})),
            false,
            false,
        ),
        (volume("v", "1Gi", "a"), false, false),
        (available(volume("v", "1Gi", "b"), reserved("")), true, true),
        (available(volume("v", "1Gi", "a"), reserved("u")), false, true),
        (available(volume("v", "1Gi", "a"), reserved("other")), false, false),
    ] {
        let (volume, claim) = typed(volume, claim("c", "1Gi", Some("a")));
        assert_eq!(
            suits(&volume, &claim, waits, None),
            wanted,
            "{:?}, waits: {waits}",
            volume.spec
        );
    }
    for (volume, wanted) in [
        (volume("v", "1Gi", "a"), None),
        (volume("v", "1Mi", "a"), Some("requested PV is too small")),
        (volume("v", "1Gi", "b"), Some("storageClassName does not match")),
        (
            available(volume("v", "1Gi", "a"), json!({"volumeMode": "Block"})),
            Some("incompatible volumeMode"),
        ),
        (
            available(volume("v", "1Gi", "a"), json!({"accessModes": []})),
            Some("incompatible accessMode"),
        ),
    ] {
        let (volume, claim) = typed(volume, claim("c", "1Gi", Some("a")));
        assert_eq!(misfit(&volume, &claim).as_deref(), wanted);
    }
}

fn get(fixture: &Fixture, collection: &str, namespace: &str, name: &str, path: &str) -> Value {
    let object = fixture.get(collection, namespace, name).unwrap_or_default();
    object.pointer(path).cloned().unwrap_or_default()
}

#[tokio::test]
async fn a_claim_binds_the_smallest_volume_that_suits_it_and_lets_it_go() {
    let fixture = Fixture::start().await;
    for volume in [
        volume("large", "9Gi", "a"),
        volume("small", "2Gi", "a"),
        volume("tiny", "1Mi", "a"),
        volume("other", "1Gi", "b"),
    ] {
        let mut volume = volume;
        volume["status"]["phase"] = "Available".into();
        fixture.create(VOLUMES, "", volume);
    }
    fixture.create(CLAIMS, "ns", claim("c", "1Gi", Some("a")));
    fixture.run(build).await;
    let phase = |name: &str| get(&fixture, VOLUMES, "", name, "/status/phase");
    fixture
        .eventually("the claim is bound", || {
            get(&fixture, CLAIMS, "ns", "c", "/status/phase") == "Bound"
        })
        .await;
    let claim = fixture.get(CLAIMS, "ns", "c").unwrap();
    assert_eq!(claim["spec"]["volumeName"], "small");
    assert_eq!(claim["status"]["capacity"]["storage"], "2Gi");
    assert_eq!(claim["status"]["accessModes"], json!(["ReadWriteOnce"]));
    let marks = json!({"pv.kubernetes.io/bind-completed": "yes", "pv.kubernetes.io/bound-by-controller": "yes"});
    assert_eq!(claim["metadata"]["annotations"], marks);
    let volume = fixture.get(VOLUMES, "", "small").unwrap();
    assert_eq!(volume["spec"]["claimRef"]["uid"], claim["metadata"]["uid"]);
    assert_eq!(
        volume["metadata"]["annotations"]["pv.kubernetes.io/bound-by-controller"],
        "yes"
    );
    fixture
        .eventually("the others wait", || {
            phase("large") == "Available" && phase("other") == "Available"
        })
        .await;
    fixture.delete(CLAIMS, "ns", "c");
    fixture
        .eventually("the volume is released, and kept", || phase("small") == "Released")
        .await;
}

#[tokio::test]
async fn a_volume_that_comes_later_is_bound_at_once_and_a_lost_one_is_missed() {
    let fixture = Fixture::start().await;
    fixture.create(CLAIMS, "ns", claim("c", "1Gi", None));
    fixture.run(build).await;
    let note = "no persistent volumes available for this claim and no storage class is set";
    let told = |note: &str| {
        fixture
            .sent("POST", "/events")
            .iter()
            .any(|event| event["message"] == note)
    };
    fixture.eventually("it is told that there is none", || told(note)).await;
    fixture.create(VOLUMES, "", volume("v", "1Gi", ""));
    let phase = || get(&fixture, CLAIMS, "ns", "c", "/status/phase");
    fixture.eventually("it is bound", || phase() == "Bound").await;
    fixture.delete(VOLUMES, "", "v");
    fixture.eventually("it is lost", || phase() == "Lost").await;
    let note = "Bound claim has lost its PersistentVolume. Data on the volume is lost!";
    fixture.eventually("it is told", || told(note)).await;
}

#[tokio::test]
async fn classes_say_who_makes_volumes_and_when() {
    let fixture = Fixture::start().await;
    let class = |name: &str, provisioner: &str, mode: &str, default: bool| {
        let annotations = json!({"storageclass.kubernetes.io/is-default-class": default.to_string()});
        json!({"metadata": {"name": name, "annotations": annotations}, "provisioner": provisioner, "volumeBindingMode": mode})
    };
    fixture.create(CLASSES, "", class("now", "example.com/nfs", "Immediate", true));
    fixture.create(
        CLASSES,
        "",
        class("later", "example.com/nfs", "WaitForFirstConsumer", false),
    );
    fixture.create(CLASSES, "", class("disk", "kubernetes.io/gce-pd", "Immediate", false));
    fixture.create(CLASSES, "", class("gone", "kubernetes.io/quobyte", "Immediate", false));
    for (name, class) in [
        ("now", Some("now")),
        ("default", None),
        ("later", Some("later")),
        ("disk", Some("disk")),
        ("gone", Some("gone")),
        ("nothing", Some("nothing")),
    ] {
        fixture.create(CLAIMS, "ns", claim(name, "1Gi", class));
    }
    let volumes = json!([{"name": "v", "persistentVolumeClaim": {"claimName": "later2"}}]);
    fixture.create(
        "/api/v1/pods",
        "ns",
        json!({"metadata": {"name": "p"}, "spec": {"containers": [], "volumes": volumes}}),
    );
    fixture.create(CLAIMS, "ns", claim("later2", "1Gi", Some("later")));
    fixture.run(build).await;
    let note = |name: &str| {
        let events = fixture.sent("POST", "/events").into_iter();
        let mut of = events.filter(|event| event["involvedObject"]["name"] == name);
        of.next()
            .map_or(Value::Null, |event| json!([event["reason"], event["message"]]))
    };
    let asked = |provisioner: &str| {
        json!([
            "ExternalProvisioning",
            format!(
                "Waiting for a volume to be created either by the external provisioner '{provisioner}' or manually by the \
             system administrator. If volume creation is delayed, please verify that the provisioner is running and \
             correctly registered."
            )
        ])
    };
    for (name, wanted) in [
        ("now", asked("example.com/nfs")),
        ("default", asked("example.com/nfs")),
        ("disk", asked("pd.csi.storage.gke.io")),
        (
            "later",
            json!([
                "WaitForFirstConsumer",
                "waiting for first consumer to be created before binding"
            ]),
        ),
        (
            "later2",
            json!(["WaitForPodScheduled", "waiting for pod p to be scheduled"]),
        ),
        (
            "gone",
            json!([
                "ProvisioningFailed",
                "no volume plugin matched name: kubernetes.io/quobyte"
            ]),
        ),
        (
            "nothing",
            json!([
                "ProvisioningFailed",
                "storageclass.storage.k8s.io \"nothing\" not found"
            ]),
        ),
    ] {
        fixture.eventually(name, || note(name) == wanted).await;
    }
    let provisioner = "/metadata/annotations/volume.kubernetes.io~1storage-provisioner";
    assert_eq!(get(&fixture, CLAIMS, "ns", "now", provisioner), "example.com/nfs");
    assert_eq!(get(&fixture, CLAIMS, "ns", "default", "/spec/storageClassName"), "now");
    // The scheduler chooses a node.
    let chosen = json!({"metadata": {"annotations": {"volume.kubernetes.io/selected-node": "n"}}});
    fixture.patch(CLAIMS, "ns", "later2", chosen);
    fixture
        .eventually("the provisioner is asked", || {
            get(&fixture, CLAIMS, "ns", "later2", provisioner) == "example.com/nfs"
        })
        .await;
}

#[tokio::test]
async fn claims_and_volumes_that_name_each_other() {
    let fixture = Fixture::start().await;
    let mut reserved = volume("reserved", "1Gi", "a");
    reserved["spec"]["claimRef"] = json!({"namespace": "ns", "name": "owner"});
    fixture.create(VOLUMES, "", reserved);
    fixture.create(VOLUMES, "", volume("small", "1Mi", "a"));
    let naming = |name: &str, volume: &str| {
        let mut claim = claim(name, "1Gi", Some("a"));
        claim["spec"]["volumeName"] = volume.into();
        claim
    };
    fixture.create(CLAIMS, "ns", claim("owner", "1Gi", Some("a")));
    fixture.create(CLAIMS, "ns", naming("thief", "reserved"));
    fixture.create(CLAIMS, "ns", naming("greedy", "small"));
    fixture.create(CLAIMS, "ns", naming("patient", "not-yet"));
    fixture.run(build).await;
    let phase = |name: &str| get(&fixture, CLAIMS, "ns", name, "/status/phase");
    fixture
        .eventually("the owner has it", || phase("owner") == "Bound")
        .await;
    assert_eq!(
        get(&fixture, VOLUMES, "", "reserved", "/metadata/annotations"),
        Value::Null,
        "the user reserved it"
    );
    let told = |note: &str| {
        fixture
            .sent("POST", "/events")
            .iter()
            .any(|event| event["message"] == note)
    };
    fixture
        .eventually("the thief is told", || {
            told("volume \"reserved\" already bound to a different claim.")
        })
        .await;
    fixture
        .eventually("the greedy one is told", || {
            told("Cannot bind to requested volume \"small\": requested PV is too small")
        })
        .await;
    assert_eq!(
        (phase("thief"), phase("greedy"), phase("patient")),
        ("Pending".into(), "Pending".into(), "Pending".into())
    );
    // The owner's volume goes on being reserved for one of its name.
    fixture.patch(CLAIMS, "ns", "owner", json!({"spec": {"volumeName": "elsewhere"}}));
    let uid = || get(&fixture, VOLUMES, "", "reserved", "/spec/claimRef/uid");
    fixture.patch(VOLUMES, "", "reserved", json!({"metadata": {"labels": {"a": "b"}}}));
    fixture
        .eventually("it is unbound", || uid().as_str().is_none_or(str::is_empty))
        .await;
    assert_eq!(get(&fixture, VOLUMES, "", "reserved", "/spec/claimRef/name"), "owner");
}

#[tokio::test]
async fn released_volumes_are_deleted_with_their_data() {
    let directory = tempfile::Builder::new().tempdir_in("/tmp").unwrap();
    let path = directory.path().join("volume");
    std::fs::create_dir_all(path.join("inside")).unwrap();
    let fixture = Fixture::start().await;
    let released = |name: &str, source: Value| {
        let mut volume = volume(name, "1Gi", "a");
        volume["spec"]["persistentVolumeReclaimPolicy"] = "Delete".into();
        volume["spec"]["claimRef"] = json!({"namespace": "ns", "name": "gone", "uid": "gone"});
        volume["spec"]["hostPath"] = source;
        volume["status"]["phase"] = "Bound".into();
        volume
    };
    fixture.create(VOLUMES, "", released("path", json!({"path": path.to_str().unwrap()})));
    fixture.create(VOLUMES, "", released("precious", json!({"path": "/etc/hosts"})));
    let mut local = released("local", Value::Null);
    local["spec"]["local"] = json!({"path": "/mnt"});
    fixture.create(VOLUMES, "", local);
    let mut external = released("external", Value::Null);
    external["spec"]["csi"] = json!({"driver": "d", "volumeHandle": "h"});
    fixture.create(VOLUMES, "", external);
    fixture.run(build).await;
    fixture
        .eventually("it is gone", || fixture.get(VOLUMES, "", "path").is_none())
        .await;
    assert!(!path.exists());
    let message = |name: &str| get(&fixture, VOLUMES, "", name, "/status/message");
    let no_path = "host_path deleter only supports /tmp/.+ but received provided /etc/hosts";
    fixture
        .eventually("the precious one stays", || message("precious") == no_path)
        .await;
    let no_plugin = "error getting deleter volume plugin for volume \"local\": no deletable volume plugin matched";
    fixture
        .eventually("nobody deletes the local one", || message("local") == no_plugin)
        .await;
    assert_eq!(get(&fixture, VOLUMES, "", "local", "/status/phase"), "Failed");
    fixture
        .eventually("its own deleter's is left", || {
            get(&fixture, VOLUMES, "", "external", "/status/phase") == "Released"
        })
        .await;
}

#[tokio::test]
async fn volumes_are_recycled_by_a_pod() {
    let fixture = Fixture::start().await;
    let mut volume = volume("v", "3Gi", "a");
    volume["spec"]["persistentVolumeReclaimPolicy"] = "Recycle".into();
    volume["spec"]["claimRef"] = json!({"namespace": "ns", "name": "gone", "uid": "gone"});
    volume["metadata"]["annotations"] = json!({"pv.kubernetes.io/bound-by-controller": "yes"});
    fixture.create(VOLUMES, "", volume);
    fixture.run(build).await;
    let pod = || fixture.get("/api/v1/pods", "default", "recycler-for-v");
    fixture.eventually("the pod runs", || pod().is_some()).await;
    let spec = pod().unwrap()["spec"].clone();
    assert_eq!(spec["activeDeadlineSeconds"], 90);
    assert_eq!(spec["volumes"], json!([{"name": "vol", "hostPath": {"path": "/data"}}]));
    fixture.patch(
        "/api/v1/pods",
        "default",
        "recycler-for-v",
        json!({"status": {"phase": "Succeeded"}}),
    );
    let state = || {
        let of = |path: &str| get(&fixture, VOLUMES, "", "v", path);
        (of("/status/phase"), of("/spec/claimRef"))
    };
    fixture
        .eventually("the volume is free again", || {
            state() == ("Available".into(), Value::Null)
        })
        .await;
    fixture.eventually("the pod is gone", || pod().is_none()).await;
}

#[tokio::test]
async fn host_paths_are_made_where_that_is_on() {
    let fixture = Fixture::configured(|config| {
        config
            .persistent_volume_binder_controller
            .volume
            .enable_host_path_provisioning = true;
    })
    .await;
    let class = json!({"metadata": {"name": "path"}, "provisioner": "kubernetes.io/host-path", "reclaimPolicy": "Delete", "volumeBindingMode": "Immediate"});
    fixture.create(CLASSES, "", class);
    fixture.create(CLAIMS, "ns", claim("c", "1Gi", Some("path")));
    fixture.run(build).await;
    fixture
        .eventually("it is bound", || {
            get(&fixture, CLAIMS, "ns", "c", "/status/phase") == "Bound"
        })
        .await;
    let name = get(&fixture, CLAIMS, "ns", "c", "/spec/volumeName");
    let volume = fixture.get(VOLUMES, "", name.as_str().unwrap()).unwrap();
    assert_eq!(volume["metadata"]["finalizers"], json!(["kubernetes.io/pv-controller"]));
    let path = volume["spec"]["hostPath"]["path"].as_str().unwrap();
    assert!(std::path::Path::new(path).is_dir());
    fixture.delete(CLAIMS, "ns", "c");
    fixture
        .eventually("the volume goes with its claim", || {
            fixture.get(VOLUMES, "", name.as_str().unwrap()).is_none()
        })
        .await;
    assert!(!std::path::Path::new(path).exists());
}

#[test]
fn who_deletes_a_volume_and_what_holds_it() {
    let of = |provisioner: Option<&str>, policy: &str, present: &[&str]| {
        let mut value = volume("v", "1Gi", "");
        value["spec"]["persistentVolumeReclaimPolicy"] = policy.into();
        value["metadata"]["finalizers"] = json!(present);
        if let Some(provisioner) = provisioner {
            value["metadata"]["annotations"] = json!({"pv.kubernetes.io/provisioned-by": provisioner});
        }
        PersistentVolume::from_value(value).unwrap()
    };
    let own = "kubernetes.io/pv-controller";
    let external = "external-provisioner.volume.kubernetes.io/finalizer";
    for (provisioner, policy, present, wanted) in [
        (None, "Delete", &[][..], None),
        (Some("kubernetes.io/host-path"), "Delete", &["a"], Some(vec!["a", own])),
        (
            Some("kubernetes.io/host-path"),
            "Retain",
            &[own, external],
            Some(vec![]),
        ),
        (Some("kubernetes.io/gce-pd"), "Delete", &[own], Some(vec![])),
        (Some("example.com/nfs"), "Delete", &[external], None),
    ] {
        let wanted = wanted.map(|list: Vec<&str>| list.into_iter().map(str::to_owned).collect::<Vec<_>>());
        assert_eq!(
            finalizers(&of(provisioner, policy, present)),
            wanted,
            "{provisioner:?} {policy}"
        );
    }
    assert_eq!(deleter(&of(None, "Delete", &[])), Ok(Deleter::HostPath));
    assert_eq!(
        deleter(&of(Some("example.com/nfs"), "Delete", &[])),
        Ok(Deleter::External)
    );
    let error = "no deletable volume plugin matched name: kubernetes.io/quobyte".to_owned();
    assert_eq!(deleter(&of(Some("kubernetes.io/quobyte"), "Delete", &[])), Err(error));
}

#[test]
fn templates_of_scrubbing_pods() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("pod.yaml");
    std::fs::write(&file, "kind: Pod\nmetadata: {name: x}\nspec: {containers: []}\n").unwrap();
    let path = file.to_str().unwrap().to_owned();
    let config = controller::config::PersistentVolumeRecyclerConfiguration {
        pod_template_file_path_nfs: path.clone(),
        ..Default::default()
    };
    let error = Recyclers::load(&config).err().unwrap();
    assert_eq!(
        error,
        format!("could not create recycler pod from file {path}: does not contain any volume(s)")
    );
    let recyclers = Recyclers::load(&Default::default()).unwrap();
    let (mut volume, _) = typed(volume("v", "1Gi", ""), claim("c", "1Gi", None));
    volume.spec.host_path = None;
    assert!(recyclers.pod(&volume).is_none());
}
