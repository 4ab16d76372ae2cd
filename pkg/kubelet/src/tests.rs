//! Whole pods on the in-memory runtime, the in-memory API and paused time.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use component_base::metrics::MetricsRegistry;
use cri_client::RuntimeService;
use cri_client::api::Method;
use cri_client::testing::{FakeRuntime, Fault, OnTerm, Program, RecordedCall};
use k8s_api::Kind;
use k8s_api::core::v1::{ConfigMap, Pod, PodStatus};
use k8s_api::primitives::Time;
use kubelet_admission::{Pending, Rejection};
use kubelet_prober::{Prober, Probes, Results};
use kubelet_runtime::dns::DnsOptions;
use kubelet_runtime::image::ImageOptions;
use kubelet_runtime::{ContainerState, KubeRuntime, RuntimeOptions, RuntimeParts};
use kubelet_types::clock::TokioClock;
use kubelet_types::testing::{MemoryApi, MemoryRecorder};
use kubelet_volume::{RecordingMounter, TokenCache, VolumeOptions, Volumes};
use parking_lot::Mutex;
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;

use crate::kubelet::{Kubelet, KubeletParts};
use crate::metrics::KubeletMetrics;
use crate::pods::{PodEvent, PodStore, Source, read_static_pods};
use crate::status::{Failure, StatusWriter};
use crate::workers::{Admission, PodCgroups, WorkerParts};

#[derive(Default)]
struct Cgroups(Mutex<Vec<String>>);

#[async_trait]
impl PodCgroups for Cgroups {
    async fn ensure(&self, pod: &Pod) -> Result<String, String> {
        let path = format!("/kubepods/pod{}", pod.metadata.uid);
        let mut paths = self.0.lock();
        if !paths.contains(&path) {
            paths.push(path.clone());
        }
        Ok(path)
    }

    async fn remove(&self, uid: &str) -> Result<(), String> {
        self.0.lock().retain(|path| *path != format!("/kubepods/pod{uid}"));
        Ok(())
    }
}

/// Takes no pod that is annotated so, and gives none more than one CPU.
struct Choosy;

impl Admission for Choosy {
    fn admit(&self, pod: &Pod, others: &[&Pod]) -> Result<Vec<String>, Rejection> {
        if let Some(victim) = pod.metadata.annotations.get("preempt") {
            return Ok(vec![victim.clone()]);
        }
        if !pod.metadata.annotations.contains_key("reject") {
            return Ok(Vec::new());
        }
        Err(Rejection {
            reason: "OutOfcpu".to_owned(),
            message: format!("{} others", others.len()),
        })
    }

    fn resize(&self, pod: &Pod, _: &[&Pod]) -> Result<(), Pending> {
        let cpu = pod.spec.containers[0].resources.requests.get("cpu");
        if cpu.is_some_and(|cpu| cpu.milli_value() > 1000) {
            return Err(Pending::Deferred("others have it".to_owned()));
        }
        Ok(())
    }
}

struct World {
    directory: tempfile::TempDir,
    fake: FakeRuntime,
    api: Arc<MemoryApi>,
    recorder: Arc<MemoryRecorder>,
    cgroups: Arc<Cgroups>,
    kubelet: Arc<Kubelet>,
    events: mpsc::Sender<PodEvent>,
    cancel: CancellationToken,
}

/// A runtime whose files lie in that directory.
pub(crate) fn runtime_options(directory: &Path) -> RuntimeOptions {
    RuntimeOptions {
        root: directory.join("kubelet"),
        pod_logs: directory.join("logs"),
        container_logs: Some(directory.join("links")),
        seccomp_profile_root: directory.join("kubelet/seccomp"),
        seccomp_default: false,
        cpu_cfs_quota: true,
        cpu_cfs_quota_period: Duration::from_millis(100),
        max_container_restart_period: Duration::from_secs(300),
        memory_capacity: 4 << 30,
        cgroup_v2: false,
        swap_available: false,
        swap_shared: None,
        single_process_oom_kill: false,
        dns: DnsOptions::default(),
        images: ImageOptions::default(),
    }
}

/// A kubelet on a runtime and an API that may hold something already.
async fn start(fake: FakeRuntime, api: Arc<MemoryApi>) -> World {
    start_with(fake, api, true).await
}

async fn start_with(fake: FakeRuntime, api: Arc<MemoryApi>, evented_pleg: bool) -> World {
    let directory = tempfile::tempdir().expect("a directory");
    let (recorder, results) = (Arc::new(MemoryRecorder::default()), Arc::new(Results::default()));
    let (clock, mounter) = (Arc::new(TokioClock::default()), Arc::new(RecordingMounter::default()));
    let root = directory.path().join("kubelet");
    let parts = RuntimeParts {
        runtime: Arc::new(fake.clone()),
        images: Arc::new(fake.clone()),
        recorder: recorder.clone(),
        objects: api.clone(),
        results: results.clone(),
        mounter: mounter.clone(),
        clock: clock.clone(),
    };
    let runtime = Arc::new(
        KubeRuntime::new(parts, runtime_options(directory.path()))
            .await
            .expect("a runtime"),
    );
    let tokens = Arc::new(TokenCache::new(api.clone(), clock.clone()));
    let volumes = Arc::new(Volumes::new(VolumeOptions { root }, api.clone(), tokens, mounter));
    let statuses = Arc::new(StatusWriter::new(api.clone()));
    let prober = Prober::new(Arc::new(fake.clone()), recorder.clone());
    let cgroups = Arc::new(Cgroups::default());
    let (_, host_ips) = watch::channel(vec!["192.0.2.1".to_owned()]);
    let registry = MetricsRegistry::default();
    let workers = WorkerParts {
        runtime,
        volumes,
        probes: Probes::new(prober, results, statuses.clone(), clock.clone()),
        statuses,
        pods: Arc::new(PodStore::default()),
        objects: api.clone(),
        client: api.clone(),
        recorder: recorder.clone(),
        cgroups: cgroups.clone(),
        clock,
        host_ips,
        sync_frequency: Duration::from_secs(60),
        network_error: Arc::new(|| None),
        admission: Arc::new(Choosy),
        metrics: KubeletMetrics::new(&registry),
    };
    let kubelet = Arc::new(Kubelet::new(KubeletParts {
        workers,
        sources: vec![Source::Api],
        evented_pleg,
    }));
    let (events, receiver) = mpsc::channel(16);
    let cancel = CancellationToken::new();
    let (running, token) = (kubelet.clone(), cancel.clone());
    tokio::spawn(async move { running.run(receiver, token).await });
    World {
        directory,
        fake,
        api,
        recorder,
        cgroups,
        kubelet,
        events,
        cancel,
    }
}

async fn world() -> World {
    let fake = FakeRuntime::new();
    fake.add_image("image:1", 7);
    start(fake, Arc::default()).await
}

fn pod(spec: &str) -> Pod {
    let text = format!(
        r#"{{"metadata":{{"name":"p","namespace":"ns","uid":"u1","generation":1}},"spec":{spec},"status":{{"phase":"Pending"}}}}"#
    );
    Pod::from_json(text.as_bytes()).expect("a pod")
}

fn spec(policy: &str, more: &str) -> String {
    format!(
        r#"{{"restartPolicy":"{policy}","terminationGracePeriodSeconds":30,
            "containers":[{{"name":"c","image":"image:1","imagePullPolicy":"IfNotPresent","command":["c"]{more}}}]}}"#
    )
}

impl World {
    async fn send(&self, event: PodEvent) {
        self.events.send(event).await.expect("the kubelet listens");
    }

    async fn create(&self, pod: &Pod) {
        self.api.set_pod(pod.clone());
        self.send(PodEvent::Set(Source::Api, vec![Arc::new(pod.clone())])).await;
    }

    /// The status in the API once it is as wanted; the time it took is tokio's.
    async fn until(&self, what: &str, wanted: impl Fn(&PodStatus) -> bool) -> PodStatus {
        let end = Instant::now() + Duration::from_secs(900);
        loop {
            if let Some(pod) = self.api.pod("ns", "p")
                && wanted(&pod.status)
            {
                return pod.status.clone();
            }
            assert!(
                Instant::now() < end,
                "{what}: {:?}",
                self.api.pod("ns", "p").map(|pod| pod.status.clone())
            );
            sleep(Duration::from_millis(5)).await;
        }
    }

    async fn delete(&self, grace: i64) {
        let mut pod = Pod::clone(&self.api.pod("ns", "p").expect("a pod"));
        pod.metadata.deletion_timestamp = Some(Time::now());
        pod.metadata.deletion_grace_period_seconds = Some(grace);
        self.api.set_pod(pod.clone());
        self.send(PodEvent::Applied(Source::Api, Arc::new(pod))).await;
    }

    async fn until_nothing_is_left(&self) {
        let end = Instant::now() + Duration::from_secs(900);
        while self.kubelet.workers().knows("u1")
            || !self.fake.list_pod_sandboxes(None).await.expect("a list").is_empty()
        {
            assert!(Instant::now() < end, "the pod is still there");
            sleep(Duration::from_millis(5)).await;
        }
        assert_eq!(self.fake.list_containers(None).await.expect("a list"), []);
        assert!(self.cgroups.0.lock().is_empty());
        let left = |path: &str| std::fs::read_dir(self.directory.path().join(path)).map_or(0, Iterator::count);
        assert_eq!((left("kubelet/pods"), left("logs")), (0, 0));
    }
}

fn condition<'a>(status: &'a PodStatus, kind: &str) -> &'a str {
    let found = status.conditions.iter().find(|condition| condition.type_ == kind);
    found.map_or("", |condition| condition.status.as_str())
}

#[tokio::test(start_paused = true)]
async fn a_pod_that_the_runtime_had_nothing_of_is_not_looked_for() {
    let world = world().await;
    let lists = || world.fake.count(Method::ListPodSandbox);
    while lists() == 0 {
        sleep(Duration::from_millis(1)).await;
    }
    world.create(&pod(&spec("Always", ""))).await;
    world.until("running", |status| status.phase == "Running").await;
    let calls = world.fake.calls();
    let started = calls.iter().position(|call| call.method == Method::StartContainer);
    let (before, after) = calls.split_at(started.expect("it was started"));
    let of = |calls: &[RecordedCall], method| calls.iter().filter(|call| call.method == method).count();
    assert_eq!(
        of(before, Method::ListPodSandbox),
        1,
        "that of the watch over the runtime"
    );
    assert_eq!(
        after[1].method,
        Method::PodSandboxStatus,
        "what was made is asked for by its ids"
    );
}

#[tokio::test(start_paused = true)]
async fn a_pod_lives_and_leaves_nothing() {
    let world = world().await;
    let begun = Instant::now();
    world.create(&pod(&spec("Always", ""))).await;
    let status = world.until("running", |status| status.phase == "Running").await;
    assert!(
        begun.elapsed() < Duration::from_millis(50),
        "no polling on the way: {:?}",
        begun.elapsed()
    );
    for kind in [
        "PodReadyToStartContainers",
        "Initialized",
        "Ready",
        "ContainersReady",
        "PodScheduled",
    ] {
        assert_eq!(condition(&status, kind), "True", "{kind}");
    }
    assert_eq!(
        (status.host_ip.as_str(), status.qos_class.as_str()),
        ("192.0.2.1", "BestEffort")
    );
    assert!(!status.pod_ip.is_empty());
    let container = &status.container_statuses[0];
    assert!(container.ready && container.started == Some(true) && container.container_id.starts_with("fake://"));

    let writes = world.api.patches().len();
    sleep(Duration::from_secs(600)).await;
    assert_eq!(
        world.api.patches().len(),
        writes,
        "an unchanged status is not written again"
    );

    world.fake.add_program(
        &["c"],
        Program {
            on_term: OnTerm::Ignore,
            ..Default::default()
        },
    );
    world.delete(30).await;
    let end = Instant::now() + Duration::from_secs(60);
    while world.api.deleted() != ["u1"] {
        assert!(Instant::now() < end, "the API object is not deleted");
        sleep(Duration::from_millis(5)).await;
    }
    let last = world.api.patches().pop().expect("a status");
    assert!(
        last.container_statuses[0].state.terminated.is_some(),
        "the last status tells the end"
    );
    world.send(PodEvent::Deleted(Source::Api, "u1".to_owned())).await;
    world.until_nothing_is_left().await;
}

#[tokio::test(start_paused = true)]
async fn crash_loops_show_and_recover() {
    let world = world().await;
    world.fake.add_program(
        &["c"],
        Program {
            run_for: Some(Duration::from_secs(1)),
            exit_code: 2,
            ..Default::default()
        },
    );
    world.create(&pod(&spec("Always", ""))).await;
    let waits = |status: &PodStatus| {
        let state = &status.container_statuses.first()?.state;
        state.waiting.as_ref().map(|waiting| waiting.reason.clone())
    };
    let status = world
        .until("crash loop", |status| {
            waits(status).as_deref() == Some("CrashLoopBackOff")
        })
        .await;
    let container = &status.container_statuses[0];
    assert_eq!(status.phase, "Running");
    assert_eq!(container.last_state.terminated.as_ref().map(|it| it.exit_code), Some(2));
    let message = container.state.waiting.as_ref().map(|it| it.message.clone());
    assert_eq!(
        message.as_deref(),
        Some("back-off 10s restarting failed container=c pod=p_ns(u1)")
    );
    assert_eq!(condition(&status, "Ready"), "False");
    world.fake.add_program(&["c"], Program::default());
    let status = world
        .until("recovery", |status| condition(status, "Ready") == "True")
        .await;
    assert!(status.container_statuses[0].restart_count >= 2);
    assert_eq!(
        status.container_statuses[0]
            .last_state
            .terminated
            .as_ref()
            .map(|it| it.exit_code),
        Some(2)
    );
}

#[tokio::test(start_paused = true)]
async fn pods_that_end_have_their_phase() {
    for (policy, code, phase) in [
        ("Never", 0, "Succeeded"),
        ("Never", 5, "Failed"),
        ("OnFailure", 0, "Succeeded"),
    ] {
        let world = world().await;
        world.fake.add_program(
            &["c"],
            Program {
                run_for: Some(Duration::from_secs(1)),
                exit_code: code,
                ..Default::default()
            },
        );
        world.create(&pod(&spec(policy, ""))).await;
        let status = world.until(phase, |status| status.phase == phase).await;
        assert_eq!(
            status.container_statuses[0]
                .state
                .terminated
                .as_ref()
                .map(|it| it.exit_code),
            Some(code)
        );
        assert_eq!(status.container_statuses[0].restart_count, 0, "{policy} {code}");
        sleep(Duration::from_secs(30)).await;
        assert!(
            world.cgroups.0.lock().is_empty(),
            "what an ended pod used is given back"
        );
        assert!(world.api.deleted().is_empty(), "nobody asked for its deletion");
    }
}

#[tokio::test(start_paused = true)]
async fn missing_config_maps_are_told_and_awaited() {
    let world = world().await;
    let text = spec("Always", r#","volumeMounts":[{"name":"v","mountPath":"/v"}]"#);
    let text = text.replacen('{', r#"{"volumes":[{"name":"v","configMap":{"name":"cm"}}],"#, 1);
    world.create(&pod(&text)).await;
    let status = world
        .until("creating", |status| !status.container_statuses.is_empty())
        .await;
    let waiting = status.container_statuses[0]
        .state
        .waiting
        .as_ref()
        .map(|it| it.reason.clone());
    assert_eq!(
        (status.phase.as_str(), waiting.as_deref()),
        ("Pending", Some("ContainerCreating"))
    );
    sleep(Duration::from_secs(5)).await;
    let told = r#"MountVolume.SetUp failed for volume "v" : configmap "cm" not found"#;
    assert_eq!(world.recorder.messages("FailedMount")[0], told);
    assert_eq!(world.fake.count(Method::RunPodSandbox), 0);
    world
        .api
        .set_config_map(ConfigMap::from_json(br#"{"metadata":{"name":"cm","namespace":"ns"}}"#).expect("a map"));
    world.until("running", |status| status.phase == "Running").await;
}

#[tokio::test(start_paused = true)]
async fn a_restarted_kubelet_adopts_its_pods_and_ends_others() {
    let first = world().await;
    let mut kept = pod(&spec("Always", ""));
    first.create(&kept).await;
    first.until("running", |status| status.phase == "Running").await;
    let mut other = kept.clone();
    "other".clone_into(&mut other.metadata.name);
    "u2".clone_into(&mut other.metadata.uid);
    first.api.set_pod(other.clone());
    first.send(PodEvent::Applied(Source::Api, Arc::new(other))).await;
    while first.fake.list_containers(None).await.expect("a list").len() < 2 {
        sleep(Duration::from_millis(5)).await;
    }
    first.cancel.cancel();
    sleep(Duration::from_secs(1)).await;

    let second = start(first.fake.clone(), first.api.clone()).await;
    sleep(Duration::from_secs(10)).await;
    assert_eq!(
        second.fake.list_containers(None).await.expect("a list").len(),
        2,
        "nothing is ended before the API spoke"
    );
    kept.status = second.api.pod("ns", "p").expect("a pod").status.clone();
    let before = kept.status.container_statuses[0].container_id.clone();
    second.create(&kept).await;
    while second.fake.list_pod_sandboxes(None).await.expect("a list").len() > 1 {
        sleep(Duration::from_millis(5)).await;
    }
    sleep(Duration::from_secs(5)).await;
    let containers = second.fake.list_containers(None).await.expect("a list");
    assert_eq!(containers.len(), 1);
    assert_eq!(
        format!("fake://{}", containers[0].id),
        before,
        "the pod's container runs on"
    );
}

#[tokio::test(start_paused = true)]
async fn a_shorter_grace_period_counts_at_once() {
    let world = world().await;
    world.fake.add_program(
        &["c"],
        Program {
            on_term: OnTerm::Ignore,
            ..Default::default()
        },
    );
    world.create(&pod(&spec("Always", ""))).await;
    world.until("running", |status| status.phase == "Running").await;
    world.delete(600).await;
    sleep(Duration::from_secs(5)).await;
    let begun = Instant::now();
    world.delete(1).await;
    while world.api.deleted() != ["u1"] {
        assert!(
            begun.elapsed() < Duration::from_secs(60),
            "the API object is not deleted"
        );
        sleep(Duration::from_millis(5)).await;
    }
    assert!(begun.elapsed() <= Duration::from_secs(3), "{:?}", begun.elapsed());
}

#[tokio::test(start_paused = true)]
async fn evicted_pods_fail_with_the_reason() {
    let world = world().await;
    world.create(&pod(&spec("Always", ""))).await;
    world.until("running", |status| status.phase == "Running").await;
    let failure = Failure {
        reason: "Evicted".to_owned(),
        message: "The node was low on resource: memory.".to_owned(),
        rejected: false,
        disruption: None,
    };
    world.kubelet.workers().evict("u1", failure, 0);
    let status = world.until("failed", |status| status.phase == "Failed").await;
    assert_eq!(
        (status.reason.as_str(), status.message.as_str()),
        ("Evicted", "The node was low on resource: memory.")
    );
}

#[tokio::test(start_paused = true)]
async fn pods_that_may_not_be_here_fail_and_begin_nothing() {
    let world = world().await;
    let mut rejected = pod(&spec("Always", ""));
    rejected.metadata.annotations.insert("reject", String::new());
    let mut second = rejected.clone();
    second.metadata.uid = "u2".to_owned();
    second.metadata.name = "q".to_owned();
    world.api.set_pod(rejected.clone());
    world.api.set_pod(second.clone());
    let both = vec![Arc::new(rejected), Arc::new(second)];
    world.send(PodEvent::Set(Source::Api, both)).await;
    let status = world.until("failed", |status| status.phase == "Failed").await;
    assert_eq!(
        (status.reason.as_str(), status.message.as_str()),
        ("OutOfcpu", "Pod was rejected: 0 others")
    );
    assert_eq!(status.container_statuses, []);
    sleep(Duration::from_secs(5)).await;
    let status = world.api.pod("ns", "q").expect("a pod").status.clone();
    assert_eq!(
        status.message, "Pod was rejected: 0 others",
        "what is rejected takes nothing"
    );
    assert!(world.fake.list_pod_sandboxes(None).await.expect("a list").is_empty());
}

#[tokio::test(start_paused = true)]
async fn running_pods_get_other_resources() {
    let world = world().await;
    let with = |cpu: &str| {
        pod(&spec(
            "Always",
            &format!(r#","resources":{{"requests":{{"cpu":"{cpu}"}}}}"#),
        ))
    };
    let cpu = |status: &PodStatus| {
        let shown = status.container_statuses.first()?.resources.as_deref()?;
        Some(shown.requests.get("cpu")?.to_string())
    };
    world.create(&with("100m")).await;
    let before = world.until("running", |status| status.phase == "Running").await;
    assert_eq!(cpu(&before).as_deref(), Some("100m"));
    let mut more = with("200m");
    more.status = before.clone();
    world.create(&more).await;
    let resized = world
        .until("resized", |status| cpu(status).as_deref() == Some("200m"))
        .await;
    let id = |status: &PodStatus| status.container_statuses[0].container_id.clone();
    assert_eq!(id(&resized), id(&before));
    let told = r#"{"containers":[{"name":"c","resources":{"requests":{"cpu":"200m"}}}],"generation":1}"#;
    assert_eq!(
        world.recorder.messages("ResizeStarted"),
        [format!("Pod resize started: {told}")]
    );
    assert_eq!(
        world.recorder.messages("ResizeCompleted"),
        [format!("Pod resize completed: {told}")]
    );
    let mut most = with("2");
    most.status = resized;
    world.create(&most).await;
    let pending = |status: &PodStatus| {
        let mut conditions = status.conditions.iter();
        conditions.any(|it| it.type_ == "PodResizePending" && it.reason == "Deferred")
    };
    let status = world.until("deferred", pending).await;
    assert_eq!(
        world.recorder.messages("ResizeDeferred"),
        [
            r#"Pod resize Deferred: {"containers":[{"name":"c","resources":{"requests":{"cpu":"2"}}}],"generation":1,"error":"others have it"}"#
        ]
    );
    assert_eq!(cpu(&status).as_deref(), Some("200m"));
}

#[tokio::test(start_paused = true)]
async fn writes_that_fail_are_tried_again() {
    let world = world().await;
    world.api.fail_writes(3);
    world.create(&pod(&spec("Always", ""))).await;
    world.until("running", |status| status.phase == "Running").await;
}

#[tokio::test(start_paused = true)]
async fn static_pods_have_mirrors() {
    let world = world().await;
    let manifests = world.directory.path().join("manifests");
    std::fs::create_dir(&manifests).expect("a directory");
    let text = "apiVersion: v1\nkind: Pod\nmetadata: {name: web}\nspec: {containers: [{name: c, image: 'image:1', command: [c]}]}\n";
    std::fs::write(manifests.join("web.yaml"), text).expect("a file");
    std::fs::write(manifests.join("bad.yaml"), "kind: [").expect("a file");
    std::fs::write(manifests.join(".hidden"), "x").expect("a file");
    let (pods, errors) = read_static_pods(&manifests, "Node-1").expect("a directory");
    assert_eq!(errors.len(), 1);
    assert!(
        errors[0].to_string().contains("bad.yaml: couldn't parse as pod"),
        "{}",
        errors[0]
    );
    assert_eq!(pods[0].metadata.name, "web-node-1");
    let (again, _) = read_static_pods(&manifests, "Node-1").expect("a directory");
    assert_eq!(again[0].metadata.uid, pods[0].metadata.uid);

    world.send(PodEvent::Set(Source::Api, Vec::new())).await;
    world.send(PodEvent::Set(Source::File, pods.clone())).await;
    let end = Instant::now() + Duration::from_secs(60);
    let mirror = loop {
        if let Some(mirror) = world.api.pod("default", "web-node-1") {
            break mirror;
        }
        assert!(Instant::now() < end, "no mirror pod");
        sleep(Duration::from_millis(5)).await;
    };
    assert_eq!(
        mirror.metadata.annotations.get("kubernetes.io/config.mirror"),
        pods[0].metadata.annotations.get("kubernetes.io/config.hash")
    );
    world.send(PodEvent::Applied(Source::Api, mirror.clone())).await;
    while world
        .api
        .pod("default", "web-node-1")
        .is_none_or(|pod| pod.status.phase != "Running")
    {
        assert!(Instant::now() < end, "the mirror's status");
        sleep(Duration::from_millis(5)).await;
    }
    world.send(PodEvent::Set(Source::File, Vec::new())).await;
    while !world.api.deleted().contains(&mirror.metadata.uid) {
        assert!(Instant::now() < end, "the mirror is not deleted");
        sleep(Duration::from_millis(5)).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_critical_pod_begins_when_the_one_it_makes_go_has_ended() {
    let world = world().await;
    world.fake.add_program(
        &["c"],
        Program {
            on_term: OnTerm::Ignore,
            ..Default::default()
        },
    );
    let first = pod(&spec("Always", ""));
    world.create(&first).await;
    world.until("running", |status| status.phase == "Running").await;
    let mut critical = first.clone();
    "critical".clone_into(&mut critical.metadata.name);
    "u2".clone_into(&mut critical.metadata.uid);
    critical.metadata.annotations.insert("preempt", "u1".to_owned());
    let begun = Instant::now();
    world.api.set_pod(critical.clone());
    world.send(PodEvent::Applied(Source::Api, Arc::new(critical))).await;
    let status = world.until("failed", |status| status.phase == "Failed").await;
    assert_eq!(
        (status.reason.as_str(), status.message.as_str()),
        ("Preempting", "Preempted in order to admit critical pod")
    );
    assert_eq!(condition(&status, "DisruptionTarget"), "True");
    assert_eq!(
        world.recorder.messages("Preempting"),
        ["Preempted in order to admit critical pod"]
    );
    let running = || {
        world
            .api
            .pod("ns", "critical")
            .is_some_and(|pod| pod.status.phase == "Running")
    };
    while !running() {
        assert!(
            begun.elapsed() < Duration::from_secs(120),
            "the critical pod does not begin"
        );
        sleep(Duration::from_millis(50)).await;
    }
    assert!(
        begun.elapsed() >= Duration::from_secs(30),
        "it waited for the grace period: {:?}",
        begun.elapsed()
    );
}

#[tokio::test(start_paused = true)]
async fn a_container_takes_all_others_with_it_by_its_rule() {
    let world = world().await;
    world.fake.add_program(
        &["trigger"],
        Program {
            run_for: Some(Duration::from_secs(1)),
            exit_code: 42,
            ..Default::default()
        },
    );
    let rule = r#"[{"action":"RestartAllContainers","exitCodes":{"operator":"In","values":[42]}}]"#;
    let container = |name: &str, more: &str| {
        format!(r#"{{"name":"{name}","image":"image:1","imagePullPolicy":"IfNotPresent","command":["{name}"]{more}}}"#)
    };
    let containers = [
        container("other", ""),
        container(
            "trigger",
            &format!(r#","restartPolicy":"Never","restartPolicyRules":{rule}"#),
        ),
    ];
    let init = container("init", "");
    world.fake.add_program(
        &["init"],
        Program {
            run_for: Some(Duration::from_millis(100)),
            ..Default::default()
        },
    );
    world
        .create(&pod(&format!(
            r#"{{"restartPolicy":"Never","initContainers":[{init}],"containers":[{}]}}"#,
            containers.join(",")
        )))
        .await;
    let running = world.until("running", |status| status.phase == "Running").await;
    let sandboxes = world.fake.list_pod_sandboxes(None).await.expect("a list");
    assert_eq!(condition(&running, "AllContainersRestarting"), "False");
    world
        .until("restarting", |status| status.container_statuses[0].restart_count == 1)
        .await;
    world.fake.add_program(&["trigger"], Program::default());
    let again = world
        .until("running again", |status| {
            let counts: Vec<_> = status.container_statuses.iter().map(|it| it.restart_count).collect();
            let up = status.container_statuses.iter().all(|it| it.state.running.is_some());
            up && counts == [1, 1]
        })
        .await;
    assert_eq!(condition(&again, "AllContainersRestarting"), "False");
    assert_eq!(again.init_container_statuses[0].restart_count, 1);
    let other = again.container_statuses[0]
        .last_state
        .terminated
        .as_ref()
        .expect("it was ended");
    assert_eq!(
        (other.reason.as_str(), other.exit_code),
        ("RestartingAllContainers", 137)
    );
    let now = world.fake.list_pod_sandboxes(None).await.expect("a list");
    assert_eq!((now.len(), &now[0].id), (1, &sandboxes[0].id), "the sandbox stays");
}

/// A node must not be called unhealthy because its runtime has nothing to tell, and must be when it answers no more.
#[tokio::test(start_paused = true)]
async fn the_runtime_is_watched_by_events_or_by_lists() {
    for (events, followed, threshold) in [(true, true, 600), (false, true, 180), (true, false, 180)] {
        let fake = FakeRuntime::new();
        fake.add_image("image:1", 7);
        if !events {
            let unknown =
                cri_client::Error::status(cri_client::Code::Unimplemented, "unknown method GetContainerEvents");
            fake.add_lasting_fault(Method::GetContainerEvents, Fault::Error(unknown));
        }
        let world = start_with(fake, Arc::default(), followed).await;
        world.create(&pod(&spec("Never", ""))).await;
        let running = world.until("running", |status| status.phase == "Running").await;
        let asked = world.fake.count(Method::GetContainerEvents);
        assert_eq!(asked > 0, followed, "events: {events}");
        let pleg = world.kubelet.pleg();
        for _ in 0..200 {
            sleep(Duration::from_secs(10)).await;
            assert_eq!(pleg.healthy(), Ok(()), "idle, events: {events}");
        }

        let id = running.container_statuses[0]
            .container_id
            .trim_start_matches("fake://")
            .to_owned();
        world.fake.exit_container(&id, 0, None).expect("it runs");
        sleep(Duration::from_millis(1100)).await;
        let states: Vec<_> = pleg.pods()["u1"].containers.values().copied().collect();
        assert_eq!(states, [ContainerState::Exited], "events: {events}");

        world.fake.add_lasting_fault(Method::ListPodSandbox, Fault::Hang);
        let silent = Instant::now();
        let error = loop {
            match pleg.healthy() {
                Ok(()) => sleep(Duration::from_secs(1)).await,
                Err(error) => break error,
            }
        };
        let since = silent.elapsed().as_secs();
        assert!(
            (threshold - 2..=threshold + 2).contains(&since),
            "{since}, events: {events}"
        );
        assert!(error.ends_with(&format!("s ago; threshold is {threshold}s")), "{error}");
        world.cancel.cancel();
    }
}
