//! Volumes on real directories; mounts are real where a test says so, and recorded otherwise.

use std::collections::HashSet;
use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use k8s_api::Kind;
use k8s_api::core::v1::{ConfigMap, PersistentVolume, PersistentVolumeClaim, Pod, Secret};
use kubelet_types::clock::TokioClock;
use kubelet_types::testing::MemoryApi;

use super::*;

struct Node {
    directory: tempfile::TempDir,
    api: Arc<MemoryApi>,
    mounter: Arc<RecordingMounter>,
    volumes: Volumes,
}

fn node() -> Node {
    let directory = tempfile::tempdir().expect("a directory");
    let api = Arc::new(MemoryApi::default());
    let mounter = Arc::new(RecordingMounter::default());
    let tokens = Arc::new(TokenCache::new(api.clone(), Arc::new(TokioClock::default())));
    let options = VolumeOptions {
        root: directory.path().to_owned(),
    };
    let volumes = Volumes::new(options, api.clone(), tokens, mounter.clone());
    Node {
        directory,
        api,
        mounter,
        volumes,
    }
}

fn pod(volumes: &str) -> Arc<Pod> {
    let text = format!(
        r#"{{"metadata":{{"name":"p","namespace":"ns","uid":"u1","labels":{{"app":"web"}}}},
            "spec":{{"serviceAccountName":"sa","containers":[{{"name":"c"}}],"volumes":{volumes}}}}}"#
    );
    Arc::new(Pod::from_json(text.as_bytes()).expect("a pod"))
}

fn config_map(data: &str) -> ConfigMap {
    let text = format!(r#"{{"metadata":{{"name":"cm","namespace":"ns"}},"data":{data}}}"#);
    ConfigMap::from_json(text.as_bytes()).expect("a config map")
}

fn only(volumes: &PodVolumes) -> &Path {
    &volumes["v"].host_path
}

async fn failure(node: &Node, pod: &Arc<Pod>) -> String {
    let errors = node.volumes.set_up(pod).await.expect_err("a failure");
    errors.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
}

#[tokio::test]
async fn config_maps_change_all_at_once() {
    let node = node();
    node.api.set_config_map(config_map(r#"{"a":"1","b":"2"}"#));
    let pod = pod(r#"[{"name":"v","configMap":{"name":"cm","defaultMode":416}}]"#);
    let volumes = node.volumes.set_up(&pod).await.expect("volumes");
    let path = only(&volumes);
    assert!(path.ends_with("pods/u1/volumes/kubernetes.io~configmap/v"));
    assert_eq!(fs::read_to_string(path.join("a")).expect("a"), "1");
    assert_eq!(fs::metadata(path.join("a")).expect("a").mode() & 0o777, 0o640);
    let before = fs::read_link(path.join("..data")).expect("..data");

    node.volumes.set_up(&pod).await.expect("volumes");
    assert_eq!(
        fs::read_link(path.join("..data")).expect("..data"),
        before,
        "nothing changed, nothing is written"
    );

    node.api.set_config_map(config_map(r#"{"a":"new","c":"3"}"#));
    node.volumes.set_up(&pod).await.expect("volumes");
    assert_ne!(fs::read_link(path.join("..data")).expect("..data"), before);
    assert_eq!(fs::read_to_string(path.join("a")).expect("a"), "new");
    assert_eq!(fs::read_to_string(path.join("c")).expect("c"), "3");
    assert!(fs::symlink_metadata(path.join("b")).is_err(), "the stale link is gone");
    let directories = fs::read_dir(path)
        .expect("entries")
        .filter(|entry| entry.as_ref().expect("entry").path().is_dir());
    let hidden = directories
        .filter(|entry| !entry.as_ref().expect("entry").path().is_symlink())
        .count();
    assert_eq!(hidden, 1, "the old contents are gone");
}

#[tokio::test]
async fn missing_objects_and_keys_are_named() {
    let node = node();
    let missing = pod(r#"[{"name":"v","configMap":{"name":"cm"}}]"#);
    assert_eq!(
        failure(&node, &missing).await,
        r#"MountVolume.SetUp failed for volume "v" : configmap "cm" not found"#
    );
    let optional = pod(r#"[{"name":"v","configMap":{"name":"cm","optional":true}}]"#);
    let volumes = node
        .volumes
        .set_up(&optional)
        .await
        .expect("an optional map may be missing");
    assert!(only(&volumes).is_dir());
    node.api.set_config_map(config_map(r#"{"a":"1"}"#));
    let key = pod(r#"[{"name":"v","configMap":{"name":"cm","items":[{"key":"x","path":"x"}]}}]"#);
    assert_eq!(
        failure(&node, &key).await,
        r#"MountVolume.SetUp failed for volume "v" : configmap references non-existent config key: x"#
    );
    let escape = pod(r#"[{"name":"v","configMap":{"name":"cm","items":[{"key":"a","path":"../x"}]}}]"#);
    assert!(failure(&node, &escape).await.contains("must not contain '..'"));
    let unknown = pod(r#"[{"name":"v","nfs":{"server":"s","path":"/"}}]"#);
    assert!(failure(&node, &unknown).await.contains("no volume plugin matched"));
}

#[tokio::test(start_paused = true)]
async fn projected_volumes_gather_and_renew_tokens() {
    let node = node();
    node.api.set_config_map(config_map(r#"{"ca.crt":"CA"}"#));
    let secret = br#"{"metadata":{"name":"s","namespace":"ns"},"data":{"k":"dmFsdWU="}}"#;
    node.api.set_secret(Secret::from_json(secret).expect("a secret"));
    let pod = pod(r#"[{"name":"v","projected":{"defaultMode":420,"sources":[
            {"serviceAccountToken":{"path":"token","expirationSeconds":3607}},
            {"configMap":{"name":"cm","items":[{"key":"ca.crt","path":"ca.crt"}]}},
            {"secret":{"name":"s"}},
            {"downwardAPI":{"items":[{"path":"meta/labels","fieldRef":{"fieldPath":"metadata.labels"}}]}}]}}]"#);
    let volumes = node.volumes.set_up(&pod).await.expect("volumes");
    let read = |name: &str| fs::read_to_string(only(&volumes).join(name)).expect("a file");
    assert_eq!(read("token"), "token-1");
    assert_eq!(read("ca.crt"), "CA");
    assert_eq!(read("k"), "value");
    assert_eq!(read("meta/labels"), "app=\"web\"");
    assert!(
        matches!(node.mounter.calls()[0], MountCall::Tmpfs(..)),
        "secrets stay off the disk"
    );
    assert_eq!(node.api.tokens()[0].pod_uid, "u1");

    tokio::time::advance(Duration::from_secs(3607 * 79 / 100)).await;
    node.volumes.set_up(&pod).await.expect("volumes");
    assert_eq!(read("token"), "token-1", "still good");
    tokio::time::advance(Duration::from_secs(3607 * 2 / 100)).await;
    node.volumes.set_up(&pod).await.expect("volumes");
    assert_eq!(read("token"), "token-2", "renewed at four fifths");
}

#[tokio::test]
async fn empty_dirs_and_groups() {
    let node = node();
    let mut with_group = Pod::clone(&pod(
        r#"[{"name":"v","emptyDir":{}},{"name":"m","emptyDir":{"medium":"Memory","sizeLimit":"1Mi"}}]"#,
    ));
    with_group.spec.security_context = Some(Box::default());
    with_group.spec.security_context.as_mut().expect("a context").fs_group = Some(1234);
    let volumes = node.volumes.set_up(&Arc::new(with_group)).await.expect("volumes");
    let metadata = fs::metadata(only(&volumes)).expect("a directory");
    assert_eq!(metadata.mode() & 0o7777, 0o2777);
    assert_eq!(metadata.gid(), 1234);
    assert_eq!(
        node.mounter.calls(),
        [MountCall::Tmpfs(volumes["m"].host_path.clone(), Some(1 << 20))]
    );

    fs::write(only(&volumes).join("file"), "x").expect("a file");
    node.volumes.tear_down("u1").await.expect("torn down");
    assert!(!only(&volumes).exists());
    assert!(node.mounter.mounted().is_empty());
    node.volumes.tear_down("u1").await.expect("again");
}

#[tokio::test]
async fn the_group_reads_what_no_container_writes() {
    let node = node();
    let mut with_group = Pod::clone(&pod(
        r#"[{"name":"v","downwardAPI":{"defaultMode":256,"items":[{"path":"name","fieldRef":{"fieldPath":"metadata.name"}}]}}]"#,
    ));
    with_group.spec.security_context = Some(Box::default());
    with_group.spec.security_context.as_mut().expect("a context").fs_group = Some(1234);
    let volumes = node.volumes.set_up(&Arc::new(with_group)).await.expect("volumes");
    let metadata = fs::metadata(only(&volumes).join("name")).expect("a file");
    assert_eq!((metadata.mode() & 0o7777, metadata.gid()), (0o440, 1234));
}

#[tokio::test]
async fn host_paths_are_checked() {
    let node = node();
    let base = node.directory.path().join("host");
    let of = |name: &str, kind: &str| {
        let path = base.join(name);
        pod(&format!(
            r#"[{{"name":"v","hostPath":{{"path":"{}","type":"{kind}"}}}}]"#,
            path.display()
        ))
    };
    let message = failure(&node, &of("none", "Directory")).await;
    assert!(
        message.ends_with(&format!(
            "hostPath type check failed: {}/none is not a directory",
            base.display()
        )),
        "{message}"
    );
    node.volumes
        .set_up(&of("made", "DirectoryOrCreate"))
        .await
        .expect("made");
    assert!(base.join("made").is_dir());
    node.volumes
        .set_up(&of("made/file", "FileOrCreate"))
        .await
        .expect("made");
    let message = failure(&node, &of("made/file", "Socket")).await;
    assert!(message.ends_with("made/file is not a socket file"), "{message}");
}

#[tokio::test]
async fn claims_lead_to_local_volumes() {
    let node = node();
    let disk = node.directory.path().join("disk");
    fs::create_dir(&disk).expect("a directory");
    let pod = pod(r#"[{"name":"v","persistentVolumeClaim":{"claimName":"data"}}]"#);
    let message = failure(&node, &pod).await;
    assert!(
        message.contains("error processing PVC ns/data: failed to fetch PVC from API server"),
        "{message}"
    );
    let claim = |phase: &str| {
        let text = format!(
            r#"{{"metadata":{{"name":"data","namespace":"ns","uid":"c1"}},"spec":{{"volumeName":"pv1"}},"status":{{"phase":"{phase}"}}}}"#
        );
        PersistentVolumeClaim::from_json(text.as_bytes()).expect("a claim")
    };
    node.api.set_claim(claim("Pending"));
    assert!(
        failure(&node, &pod)
            .await
            .ends_with("error processing PVC ns/data: PVC is not bound")
    );
    node.api.set_claim(claim("Bound"));
    let volume = |uid: &str| {
        let text = format!(
            r#"{{"metadata":{{"name":"pv1"}},"spec":{{"local":{{"path":"{}"}},"claimRef":{{"uid":"{uid}"}}}}}}"#,
            disk.display()
        );
        PersistentVolume::from_json(text.as_bytes()).expect("a volume")
    };
    node.api.set_volume(volume("other"));
    assert!(
        failure(&node, &pod)
            .await
            .contains("spec.claimRef doesn't reference PVC c1")
    );
    node.api.set_volume(volume("c1"));
    let volumes = node.volumes.set_up(&pod).await.expect("volumes");
    assert_eq!(
        node.mounter.calls(),
        [MountCall::Bind(disk.clone(), only(&volumes).to_owned(), false)]
    );
    node.volumes.remove_pod("u1").await.expect("removed");
    assert!(disk.is_dir(), "the disk itself stays");
}

#[tokio::test]
async fn orphans_go_and_known_pods_stay() {
    let node = node();
    for uid in ["known", "orphan"] {
        fs::create_dir_all(node.volumes.paths(uid).volumes().join("kubernetes.io~empty-dir/v")).expect("a directory");
    }
    let outside = node.directory.path().join("outside");
    fs::create_dir(&outside).expect("a directory");
    fs::write(outside.join("kept"), "x").expect("a file");
    symlink(
        &outside,
        node.volumes
            .paths("orphan")
            .volumes()
            .join("kubernetes.io~empty-dir/v/link"),
    )
    .expect("a link");
    let known = HashSet::from(["known".to_owned()]);
    assert_eq!(node.volumes.remove_orphans(&known).await.expect("a list"), ["orphan"]);
    assert!(node.volumes.paths("known").directory().is_dir());
    assert!(outside.join("kept").is_file(), "links are not followed");
}

#[test]
fn sub_paths_never_leave_the_volume() {
    let directory = tempfile::tempdir().expect("a directory");
    let (volume, outside) = (directory.path().join("volume"), directory.path().join("outside"));
    fs::create_dir_all(volume.join("..1")).expect("a directory");
    fs::create_dir(&outside).expect("a directory");
    fs::set_permissions(&volume, fs::Permissions::from_mode(0o2775)).expect("a mode");
    fs::write(volume.join("..1/key"), "x").expect("a file");
    symlink("..1", volume.join("..data")).expect("a link");
    symlink("..data/key", volume.join("key")).expect("a link");
    symlink(&outside, volume.join("absolute")).expect("a link");
    symlink("../outside", volume.join("relative")).expect("a link");
    let paths = PodPaths::new(directory.path(), "u1");
    let mounter = RecordingMounter::default();
    let prepare = |path: &str| {
        let part = subpath::SubPath {
            volume: &volume,
            path,
            volume_name: "v",
            container: "c",
            index: 0,
        };
        subpath::prepare(&mounter, &paths, &part)
    };
    for bad in ["absolute", "relative", "absolute/new", "relative/new"] {
        let error = prepare(bad).expect_err(bad).to_string();
        assert!(error.contains("cross-device link"), "{bad}: {error}");
    }
    assert_eq!(
        prepare("../x").expect_err("back").to_string(),
        "unable to provision SubPath `../x`: must not contain '..'"
    );
    assert_eq!(
        prepare("/x").expect_err("absolute").to_string(),
        "error SubPath `/x` must not be an absolute path"
    );
    assert!(mounter.calls().is_empty());
    assert!(
        fs::read_dir(&outside).expect("entries").next().is_none(),
        "nothing was made outside"
    );

    let target = prepare("key").expect("a file");
    assert!(target.ends_with("pods/u1/volume-subpaths/v/c/0") && target.is_file());
    mounter.unmount(&target).expect("unmounted");
    let target = prepare("new/deep").expect("a directory");
    assert!(target.is_dir());
    assert_eq!(
        fs::metadata(volume.join("new/deep")).expect("made").mode() & 0o7777,
        0o2775
    );
}

#[tokio::test]
async fn real_mounts_are_seen_and_removed() {
    let node = node();
    let tokens = Arc::new(TokenCache::new(node.api.clone(), Arc::new(TokioClock::default())));
    let options = VolumeOptions {
        root: node.directory.path().join("with blank"),
    };
    let volumes = Volumes::new(options, node.api.clone(), tokens, Arc::new(SystemMounter));
    let pod = pod(r#"[{"name":"v","emptyDir":{"medium":"Memory","sizeLimit":"64Ki"}}]"#);
    let mounted = volumes.set_up(&pod).await.expect("volumes");
    let path = only(&mounted).to_owned();
    fs::create_dir(path.join("sub")).expect("a directory");
    fs::write(path.join("sub/file"), "x").expect("a file");
    let big = fs::write(path.join("big"), vec![0; 128 << 10]).expect_err("too big");
    assert_eq!(big.kind(), std::io::ErrorKind::StorageFull);
    volumes.set_up(&pod).await.expect("again");
    assert_eq!(
        SystemMounter.mounts_below(&path).expect("mounts").len(),
        1,
        "mounted once"
    );

    let part = subpath::SubPath {
        volume: &path,
        path: "sub",
        volume_name: "v",
        container: "c",
        index: 3,
    };
    let paths = volumes.paths("u1");
    let target = subpath::prepare(&SystemMounter, &paths, &part).expect("a sub-path");
    assert_eq!(fs::read_to_string(target.join("file")).expect("a file"), "x");
    assert_eq!(subpath::prepare(&SystemMounter, &paths, &part).expect("again"), target);
    assert_eq!(
        SystemMounter.mounts_below(&target).expect("mounts").len(),
        1,
        "mounted once"
    );

    volumes.remove_pod("u1").await.expect("removed");
    assert!(!paths.directory().exists());
}
