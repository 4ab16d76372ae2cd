//! Pods on the in-memory runtime and paused time.

use std::sync::Arc;
use std::time::Duration;

use cri_client::api::{ContainerState as CriState, Method};
use cri_client::testing::{FakeRuntime, Fault, OnTerm, Program};
use cri_client::{Code, Error, RuntimeService};
use k8s_api::Kind;
use k8s_api::core::v1::{ConfigMap, Pod, Secret, Service};
use kubelet_prober::{ProbeKind, Results, Verdict};
use kubelet_types::clock::TokioClock;
use kubelet_types::testing::{MemoryApi, MemoryRecorder};
use kubelet_volume::{PodVolumes, RecordingMounter};

use crate::dns::DnsOptions;
use crate::image::ImageOptions;
use crate::pull_records::{PullRecords, VerificationPolicy};
use crate::runtime::{KubeRuntime, RuntimeOptions, RuntimeParts};
use crate::status::{ContainerState, PodRecord};
use crate::sync::{SyncContext, SyncOutcome};
use crate::{credentials, labels};

struct World {
    _directory: tempfile::TempDir,
    fake: FakeRuntime,
    api: Arc<MemoryApi>,
    recorder: Arc<MemoryRecorder>,
    results: Arc<Results>,
    kube: KubeRuntime,
}

async fn world() -> World {
    let directory = tempfile::tempdir().expect("a directory");
    let (fake, api) = (FakeRuntime::new(), Arc::new(MemoryApi::default()));
    fake.add_image("image:1", 7);
    let (recorder, results) = (Arc::new(MemoryRecorder::default()), Arc::new(Results::default()));
    let parts = RuntimeParts {
        runtime: Arc::new(fake.clone()),
        images: Arc::new(fake.clone()),
        recorder: recorder.clone(),
        objects: api.clone(),
        results: results.clone(),
        mounter: Arc::new(RecordingMounter::default()),
        clock: Arc::new(TokioClock::default()),
    };
    let options = RuntimeOptions {
        root: directory.path().join("kubelet"),
        pod_logs: directory.path().join("logs"),
        container_logs: Some(directory.path().join("links")),
        seccomp_profile_root: directory.path().join("seccomp"),
        seccomp_default: false,
        cpu_cfs_quota: true,
        cpu_cfs_quota_period: Duration::from_millis(100),
        max_container_restart_period: Duration::from_secs(300),
        memory_capacity: 4 << 30,
        cgroup_v2: false,
        swap_available: false,
        swap_shared: None,
        single_process_oom_kill: false,
        dns: DnsOptions {
            cluster_dns: vec!["10.0.0.10".to_owned()],
            cluster_domain: "cluster.local".to_owned(),
            resolv_conf: String::new(),
        },
        images: ImageOptions::default(),
    };
    let policy = VerificationPolicy::NeverVerifyPreloadedImages;
    let records = PullRecords::open(&options.root, policy).expect("directories");
    let kube = KubeRuntime::new(parts, options).await.expect("a runtime");
    let kube = kube.with_pull_records(Arc::new(records));
    World {
        _directory: directory,
        fake,
        api,
        recorder,
        results,
        kube,
    }
}

fn pod(spec: &str) -> Arc<Pod> {
    let text = format!(r#"{{"metadata":{{"name":"p","namespace":"ns","uid":"u1"}},"spec":{spec}}}"#);
    Arc::new(Pod::from_json(text.as_bytes()).expect("a pod"))
}

fn container(name: &str, more: &str) -> String {
    format!(r#"{{"name":"{name}","image":"image:1","imagePullPolicy":"IfNotPresent","command":["{name}"]{more}}}"#)
}

impl World {
    async fn record(&self) -> PodRecord {
        self.kube.pod_status("u1", "p", "ns").await.expect("a record")
    }

    async fn sync(&self, pod: &Arc<Pod>) -> SyncOutcome {
        let record = self.record().await;
        let context = SyncContext {
            pod,
            record: &record,
            volumes: &PodVolumes::new(),
            pull_secrets: &[],
            cgroup_parent: "/kubepods/podu1",
            host_ips: &["192.0.2.1".to_owned()],
        };
        self.kube.sync_pod(&context).await
    }

    fn ends(&self, name: &str, exit_code: i32) {
        self.fake.add_program(
            &[name],
            Program {
                run_for: Some(Duration::ZERO),
                exit_code,
                ..Default::default()
            },
        );
    }

    async fn running(&self) -> Vec<String> {
        let mut names: Vec<_> = self
            .record()
            .await
            .running()
            .map(|container| container.name.clone())
            .collect();
        names.sort();
        names
    }
}

#[tokio::test(start_paused = true)]
async fn a_pod_starts_and_stays() {
    let world = world().await;
    let service = br#"{"metadata":{"name":"my-db","namespace":"ns"},"spec":{"clusterIP":"10.0.0.5","ports":[{"name":"sql","port":5432}]}}"#;
    world
        .api
        .set_services(vec![Service::from_json(service).expect("a service")]);
    world.api.set_config_map(
        ConfigMap::from_json(br#"{"metadata":{"name":"cm","namespace":"ns"},"data":{"K":"v"}}"#).expect("a map"),
    );
    let more = r#","args":["$(A)","$$(A)"],"env":[{"name":"A","value":"$(K)-$(MY_DB_SERVICE_HOST)"},
        {"name":"IP","valueFrom":{"fieldRef":{"fieldPath":"status.podIP"}}}],"envFrom":[{"configMapRef":{"name":"cm"}}],
        "terminationMessagePath":"/dev/termination-log","resources":{"limits":{"cpu":"500m","memory":"64Mi"}}"#;
    let pod = pod(&format!(
        r#"{{"restartPolicy":"Always","containers":[{}]}}"#,
        container("c", more)
    ));
    let outcome = world.sync(&pod).await;
    assert_eq!(outcome.containers, [("c".to_owned(), Ok(()))]);
    assert!(outcome.changed && !outcome.failed());
    assert_eq!(world.fake.count(Method::ImageStatus), 1);
    let record = world.record().await;
    let made = outcome.made.expect("it was made from nothing");
    let told = world.kube.status_of(&made, "u1", "p", "ns").await.expect("a record");
    assert_eq!(told, record, "what was made is all there is");
    assert_eq!(record.ips.len(), 1);
    let found = record.find("c").expect("a container");
    assert_eq!(
        (found.state, found.restart_count, found.image.as_str()),
        (ContainerState::Running, 0, "image:1")
    );
    assert!(found.log_path.ends_with("ns_p_u1/c/0.log"), "{}", found.log_path);
    let events: Vec<_> = world.recorder.events().into_iter().map(|event| event.message).collect();
    assert_eq!(
        events,
        [
            "Container image \"image:1\" already present on machine and can be accessed by the pod",
            "Container created",
            "Container started"
        ]
    );
    let status = world
        .fake
        .container_status(&found.id, false)
        .await
        .expect("a status")
        .status
        .expect("a status");
    let resources = status.resources.and_then(|it| it.linux).expect("resources");
    assert_eq!(
        (
            resources.cpu_shares,
            resources.cpu_quota,
            resources.memory_limit_in_bytes
        ),
        (512, 50_000, 64 << 20)
    );
    assert_eq!(status.labels[labels::POD_UID], "u1");
    let targets: Vec<_> = status
        .mounts
        .iter()
        .map(|mount| mount.container_path.as_str())
        .collect();
    assert_eq!(targets, ["/etc/hosts", "/dev/termination-log"]);
    let hosts = std::fs::read_to_string(&status.mounts[0].host_path).expect("a hosts file");
    assert!(hosts.ends_with(&format!("{}\tp\n", record.ips[0])), "{hosts}");

    assert_eq!(world.sync(&pod).await, SyncOutcome::default(), "nothing is left to do");
    assert_eq!(world.fake.count(Method::RunPodSandbox), 1);
}

#[tokio::test(start_paused = true)]
async fn an_image_that_was_not_seen_while_the_sandbox_was_made_is_looked_for_again() {
    let world = world().await;
    let broken = || Fault::Error(Error::status(Code::Unknown, "broken"));
    world.fake.add_fault(Method::ImageStatus, broken(), 1);
    let pod = pod(&format!(
        r#"{{"restartPolicy":"Always","containers":[{},{}]}}"#,
        container("c", ""),
        container("d", "")
    ));
    let outcome = world.sync(&pod).await;
    assert!(!outcome.failed(), "{outcome:?}");
    // Once in vain, and once for each container.
    assert_eq!(world.fake.count(Method::ImageStatus), 3);
    assert!(world.recorder.messages("InspectFailed").is_empty());
    world.fake.add_fault(Method::CreateContainer, broken(), 1);
    for container in world.record().await.containers {
        world.fake.exit_container(&container.id, 1, None).expect("it ends");
    }
    let outcome = world.sync(&pod).await;
    assert!(
        outcome.failed() && outcome.made.is_none(),
        "only the runtime knows what there is: {outcome:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn crashes_back_off_with_known_words() {
    let world = world().await;
    world.ends("c", 1);
    let pod = pod(&format!(
        r#"{{"restartPolicy":"Always","containers":[{}]}}"#,
        container("c", "")
    ));
    for delay in ["10s", "20s", "40s", "1m20s", "2m40s", "5m0s", "5m0s"] {
        let outcome = world.sync(&pod).await;
        assert!(!outcome.failed(), "{delay}: {outcome:?}");
        tokio::time::sleep(Duration::from_millis(1)).await;
        if world.record().await.find("c").expect("a container").restart_count == 0 {
            // The first restart comes at once.
            assert!(!world.sync(&pod).await.failed());
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        let outcome = world.sync(&pod).await;
        let failure = outcome.containers[0].1.as_ref().expect_err("backing off");
        assert_eq!(failure.reason, "CrashLoopBackOff");
        assert_eq!(
            failure.message,
            format!("back-off {delay} restarting failed container=c pod=p_ns(u1)")
        );
        assert!(!outcome.changed);
        let wait = outcome
            .retry_at()
            .expect("a moment")
            .duration_since(world.kube.parts.clock.now())
            .expect("later");
        tokio::time::sleep(wait).await;
    }
    assert_eq!(
        world.recorder.messages("BackOff")[0],
        "Back-off restarting failed container c in pod p_ns(u1)"
    );
}

#[tokio::test(start_paused = true)]
async fn init_containers_run_one_by_one_and_sidecars_stay() {
    let world = world().await;
    world.fake.add_program(
        &["i1"],
        Program {
            run_for: Some(Duration::from_secs(5)),
            ..Default::default()
        },
    );
    world.fake.add_program(
        &["i2"],
        Program {
            run_for: Some(Duration::from_secs(5)),
            ..Default::default()
        },
    );
    let pod = pod(&format!(
        r#"{{"restartPolicy":"Never","initContainers":[{},{},{}],"containers":[{}]}}"#,
        container("i1", ""),
        container("side", r#","restartPolicy":"Always""#),
        container("i2", ""),
        container("main", "")
    ));
    world.sync(&pod).await;
    assert_eq!(world.running().await, ["i1"]);
    world.sync(&pod).await;
    assert_eq!(world.running().await, ["i1"], "i1 has not ended");
    tokio::time::sleep(Duration::from_secs(6)).await;
    world.sync(&pod).await;
    assert_eq!(world.running().await, ["side"]);
    world.sync(&pod).await;
    assert_eq!(world.running().await, ["i2", "side"]);
    tokio::time::sleep(Duration::from_secs(6)).await;
    world.sync(&pod).await;
    assert_eq!(world.running().await, ["main", "side"]);

    let record = world.record().await;
    world
        .fake
        .exit_container(&record.find("side").expect("a sidecar").id, 1, None)
        .expect("ended");
    world.sync(&pod).await;
    assert_eq!(
        world.running().await,
        ["main", "side"],
        "sidecars are restarted whatever the pod's policy"
    );
    let record = world.record().await;
    world
        .fake
        .exit_container(&record.find("main").expect("a container").id, 0, None)
        .expect("ended");
    world.sync(&pod).await;
    assert!(world.record().await.is_stopped(), "sidecars do not keep a pod alive");
}

#[tokio::test(start_paused = true)]
async fn failed_init_containers_end_a_pod_that_never_restarts() {
    let world = world().await;
    world.ends("i", 3);
    let spec = format!(
        r#"{{"restartPolicy":"Never","initContainers":[{}],"containers":[{}]}}"#,
        container("i", ""),
        container("c", "")
    );
    let pod = pod(&spec);
    world.sync(&pod).await;
    tokio::time::sleep(Duration::from_secs(1)).await;
    world.sync(&pod).await;
    let record = world.record().await;
    assert!(record.is_stopped() && record.find("c").is_none());
    assert_eq!(record.find("i").map(|it| it.exit_code), Some(3));
}

#[tokio::test(start_paused = true)]
async fn liveness_failures_restart_the_container() {
    let world = world().await;
    let pod = pod(&format!(
        r#"{{"restartPolicy":"Always","terminationGracePeriodSeconds":30,"containers":[{}]}}"#,
        container(
            "c",
            r#","livenessProbe":{"exec":{"command":["x"]},"terminationGracePeriodSeconds":7}"#
        )
    ));
    world.fake.add_program(
        &["c"],
        Program {
            on_term: OnTerm::Ignore,
            ..Default::default()
        },
    );
    world.sync(&pod).await;
    let first = world.record().await.find("c").expect("a container").id.clone();
    world
        .results
        .set(ProbeKind::Liveness, &format!("fake://{first}"), "u1", Verdict::Failure);
    let begun = tokio::time::Instant::now();
    world.sync(&pod).await;
    assert_eq!(begun.elapsed().as_secs(), 7, "the probe's own grace period");
    assert_eq!(
        world.recorder.messages("Killing"),
        ["Container c failed liveness probe, will be restarted"]
    );
    let record = world.record().await;
    let second = record.find("c").expect("a container");
    assert_eq!((second.state, second.restart_count), (ContainerState::Running, 1));
    assert_eq!(record.containers.len(), 2, "the first is kept for its last state");
}

#[tokio::test(start_paused = true)]
async fn image_failures_have_known_words() {
    for (policy, image, expected) in [
        (
            "Never",
            "absent:1",
            (
                "ErrImageNeverPull",
                "Container image \"absent:1\" is not present with pull policy of Never",
            ),
        ),
        (
            "IfNotPresent",
            "Bad:1",
            (
                "InvalidImageName",
                "Failed to apply default image tag \"Bad:1\": couldn't parse image name \"Bad:1\": invalid reference format: repository name (library/Bad) must be lowercase",
            ),
        ),
        (
            "IfNotPresent",
            "absent:1",
            (
                "ErrImagePull",
                "rpc error: code = NotFound desc = failed to pull and unpack image \"absent:1\": failed to resolve reference \"absent:1\": absent:1: not found",
            ),
        ),
    ] {
        let world = world().await;
        let pod = pod(&format!(
            r#"{{"restartPolicy":"Always","containers":[{{"name":"c","image":"{image}","imagePullPolicy":"{policy}"}}]}}"#
        ));
        let outcome = world.sync(&pod).await;
        let failure = outcome.containers[0].1.as_ref().expect_err("a failure");
        assert_eq!((failure.reason.as_str(), failure.message.as_str()), expected);
        if expected.0 == "ErrImagePull" {
            let outcome = world.sync(&pod).await;
            let failure = outcome.containers[0].1.as_ref().expect_err("a failure");
            assert_eq!(failure.reason, "ImagePullBackOff");
            assert_eq!(
                failure.message,
                format!("Back-off pulling image \"absent:1\": ErrImagePull: {}", expected.1)
            );
            world.fake.add_pullable_image("absent:1", 5, Duration::from_secs(2));
            tokio::time::sleep(Duration::from_secs(10)).await;
            assert!(!world.sync(&pod).await.failed());
            let pulled = world.recorder.messages("Pulled");
            assert_eq!(
                pulled,
                ["Successfully pulled image \"absent:1\" in 2s (2s including waiting). Image size: 5 bytes."]
            );
        }
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_missing_is_named() {
    for (more, expected) in [
        (
            r#","envFrom":[{"configMapRef":{"name":"cm"}}]"#,
            "configmap \"cm\" not found",
        ),
        (
            r#","volumeMounts":[{"name":"v","mountPath":"/v"}]"#,
            "cannot find volume \"v\" to mount into container \"c\"",
        ),
        (
            r#","env":[{"name":"A","valueFrom":{"fieldRef":{"fieldPath":"x"}}}]"#,
            "unsupported fieldPath: x",
        ),
        (
            r#","securityContext":{"runAsNonRoot":true,"runAsUser":0}"#,
            "container's runAsUser breaks non-root policy (pod: \"p_ns(u1)\", container: c)",
        ),
    ] {
        let world = world().await;
        let outcome = world
            .sync(&pod(&format!(
                r#"{{"restartPolicy":"Always","containers":[{}]}}"#,
                container("c", more)
            )))
            .await;
        let failure = outcome.containers[0].1.as_ref().expect_err("a failure");
        assert_eq!(
            (failure.reason.as_str(), failure.message.as_str()),
            ("CreateContainerConfigError", expected)
        );
        assert_eq!(world.recorder.messages("Failed"), [format!("Error: {expected}")]);
    }
}

#[tokio::test(start_paused = true)]
async fn pods_end_in_order_and_within_their_grace() {
    let world = world().await;
    let hook = r#","lifecycle":{"preStop":{"sleep":{"seconds":4}}}"#;
    let pod = pod(&format!(
        r#"{{"restartPolicy":"Always","terminationGracePeriodSeconds":10,"initContainers":[{}],"containers":[{},{}]}}"#,
        container("side", r#","restartPolicy":"Always""#),
        container("a", hook),
        container("b", "")
    ));
    world.fake.add_program(
        &["b"],
        Program {
            on_term: OnTerm::Ignore,
            ..Default::default()
        },
    );
    world.sync(&pod).await;
    world.sync(&pod).await;
    assert_eq!(world.running().await, ["a", "b", "side"]);
    let begun = tokio::time::Instant::now();
    world
        .kube
        .kill_pod(Some(&pod), &world.record().await, None)
        .await
        .expect("killed");
    let record = world.record().await;
    assert!(record.is_stopped());
    let ended = |name: &str| record.find(name).and_then(|it| it.finished_at).expect("ended");
    let after = |name: &str, other: &str| ended(name).duration_since(ended(other)).expect("later");
    assert_eq!(
        after("b", "a").as_secs(),
        6,
        "a ends after its hook, b is killed at the end"
    );
    assert!(ended("side") >= ended("b"), "the sidecar ends last");
    assert!(begun.elapsed() <= Duration::from_secs(12), "{:?}", begun.elapsed());
}

#[tokio::test(start_paused = true)]
async fn a_lost_sandbox_is_made_anew() {
    let world = world().await;
    let pod = pod(&format!(
        r#"{{"restartPolicy":"Always","containers":[{}]}}"#,
        container("c", "")
    ));
    world.sync(&pod).await;
    let first = world.record().await.sandboxes[0].id.clone();
    world.fake.stop_pod_sandbox(&first).await.expect("stopped");
    world.sync(&pod).await;
    assert_eq!(
        world.recorder.messages("SandboxChanged"),
        ["Pod sandbox changed, it will be killed and re-created."]
    );
    let record = world.record().await;
    assert_ne!(record.sandboxes[0].id, first);
    assert_eq!(record.sandboxes[0].metadata.as_ref().map(|it| it.attempt), Some(1));

    world.fake.add_fault(
        Method::RunPodSandbox,
        Fault::Error(Error::status(Code::Unknown, "no network")),
        1,
    );
    world
        .fake
        .stop_pod_sandbox(&record.sandboxes[0].id)
        .await
        .expect("stopped");
    let outcome = world.sync(&pod).await;
    assert_eq!(
        outcome.error.as_deref(),
        Some(
            "failed to \"CreatePodSandbox\" for \"p_ns(u1)\" with CreatePodSandboxError: rpc error: code = Unknown desc = no network"
        )
    );
    assert_eq!(
        world.recorder.messages("FailedCreatePodSandBox"),
        ["Failed to create pod sandbox: rpc error: code = Unknown desc = no network"]
    );
}

#[tokio::test(start_paused = true)]
async fn unknown_pods_end_by_their_annotations_and_garbage_goes() {
    let world = world().await;
    let more = r#","lifecycle":{"preStop":{"sleep":{"seconds":1}}}"#;
    let pod = pod(&format!(
        r#"{{"restartPolicy":"Always","terminationGracePeriodSeconds":5,"containers":[{}]}}"#,
        container("c", more)
    ));
    world.sync(&pod).await;
    let begun = tokio::time::Instant::now();
    world
        .kube
        .kill_pod(None, &world.record().await, None)
        .await
        .expect("killed");
    assert_eq!(begun.elapsed().as_secs(), 1, "the hook ran");
    assert_eq!(
        world.kube.collect_garbage(&crate::GcPolicy::default(), |_| true).await,
        Ok(0),
        "the last state is kept"
    );
    assert_eq!(
        world.kube.collect_garbage(&crate::GcPolicy::default(), |_| false).await,
        Ok(2)
    );
    assert_eq!(world.kube.list_pods().await, Ok(Default::default()));
    let left = world.fake.list_containers(None).await.expect("a list");
    assert!(left.iter().all(|container| container.state() != CriState::Running));
}

#[test]
fn hashes_are_those_of_upstream() {
    let sample = k8s_api::core::v1::Container {
        name: "test_container".to_owned(),
        image: "foo/image:v1".to_owned(),
        ..Default::default()
    };
    assert_eq!(labels::hash(&sample), 0x8e45_cbd0);
}

#[test]
fn references_and_credentials() {
    for (image, expected) in [
        ("busybox", Ok("busybox:latest")),
        ("localhost:5000/a/b", Ok("localhost:5000/a/b:latest")),
        ("a/b:1", Ok("a/b:1")),
        ("a:", Err(())),
        ("a//b", Err(())),
        ("a@sha256:x", Err(())),
    ] {
        assert_eq!(
            kubelet_types::image::with_default_tag(image).as_deref().map_err(|_| ()),
            expected,
            "{image}"
        );
    }
    // {"auths":{"https://registry.example.com/team":{"auth":"dTpw"},"*.example.com":{"username":"w","password":"x"}}}
    let json = br#"{"metadata":{"name":"s"},"data":{".dockerconfigjson":"eyJhdXRocyI6eyJodHRwczovL3JlZ2lzdHJ5LmV4YW1wbGUuY29tL3RlYW0iOnsiYXV0aCI6ImRUcHcifSwiKi5leGFtcGxlLmNvbSI6eyJ1c2VybmFtZSI6InciLCJwYXNzd29yZCI6IngifX19"}}"#;
    let secret = Arc::new(Secret::from_json(json).expect("a secret"));
    let keyring = credentials::Keyring::from_secrets(&[secret]);
    let users = |image: &str| {
        keyring
            .lookup(image)
            .into_iter()
            .map(|credential| credential.auth.username)
            .collect::<Vec<_>>()
    };
    assert_eq!(users("registry.example.com/team/app:1"), ["u", "w"]);
    assert_eq!(users("registry.example.com/other"), ["w"]);
    assert!(users("busybox").is_empty());
}
