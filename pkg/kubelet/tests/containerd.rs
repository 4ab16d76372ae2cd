//! A pod on a real containerd: it runs, sees its volumes, is restarted by its probe, and leaves nothing.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use component_base::metrics::MetricsRegistry;
use cri_client::testing::{BUSYBOX_IMAGE, Containerd};
use k8s_api::Kind;
use k8s_api::core::v1::{ConfigMap, Pod, PodStatus};
use k8s_api::primitives::Time;
use kubelet::cgroups::PodCgroupfs;
use kubelet::metrics::KubeletMetrics;
use kubelet::pods::{PodEvent, PodStore, Source};
use kubelet::status::StatusWriter;
use kubelet::workers::{AdmitAll, WorkerParts};
use kubelet::{Kubelet, KubeletParts};
use kubelet_cgroup::{Hierarchy, Limits, PodCgroupTree};
use kubelet_prober::{Prober, Probes, Results};
use kubelet_runtime::dns::DnsOptions;
use kubelet_runtime::image::ImageOptions;
use kubelet_runtime::{KubeRuntime, RuntimeOptions, RuntimeParts};
use kubelet_types::clock::SystemClock;
use kubelet_types::testing::{MemoryApi, MemoryRecorder};
use kubelet_volume::{Mounter, SystemMounter, TokenCache, VolumeOptions, Volumes};
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;

fn options(root: &Path) -> RuntimeOptions {
    RuntimeOptions {
        root: root.to_owned(),
        pod_logs: root.join("logs"),
        container_logs: Some(root.join("links")),
        seccomp_profile_root: root.join("seccomp"),
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
            resolv_conf: String::new(),
            ..Default::default()
        },
        images: ImageOptions::default(),
    }
}

async fn until(api: &MemoryApi, what: &str, wanted: impl Fn(&PodStatus) -> bool) -> Result<PodStatus> {
    let end = Instant::now() + Duration::from_secs(60);
    loop {
        let pod = api.pod("ns", "p").context("the pod is gone")?;
        if wanted(&pod.status) {
            return Ok(pod.status.clone());
        }
        ensure!(Instant::now() < end, "{what}: {:?}", pod.status);
        sleep(Duration::from_millis(10)).await;
    }
}

/// A pod whose container writes what it sees of its volumes, and fails its probe after two seconds.
fn subject() -> Result<Pod> {
    let script = "cat /cm/k; echo; cat /part; echo; touch /mem/alive; sleep 2; rm /mem/alive; sleep 600";
    let text = format!(
        r#"{{"metadata":{{"name":"p","namespace":"ns","uid":"0f6e-1"}},"spec":{{"restartPolicy":"Always",
        "terminationGracePeriodSeconds":1,
        "volumes":[{{"name":"cm","configMap":{{"name":"cm"}}}},{{"name":"mem","emptyDir":{{"medium":"Memory"}}}}],
        "containers":[{{"name":"c","image":"{BUSYBOX_IMAGE}","imagePullPolicy":"Never","command":["sh","-c","{script}"],
        "terminationMessagePath":"/dev/termination-log",
        "resources":{{"limits":{{"memory":"64Mi"}},"requests":{{"cpu":"100m"}}}},
        "livenessProbe":{{"exec":{{"command":["test","-f","/mem/alive"]}},"initialDelaySeconds":1,"periodSeconds":1,
            "timeoutSeconds":5,"failureThreshold":1,"successThreshold":1,"terminationGracePeriodSeconds":1}},
        "volumeMounts":[{{"name":"cm","mountPath":"/cm"}},{{"name":"mem","mountPath":"/mem"}},
            {{"name":"cm","mountPath":"/part","subPath":"k"}}]}}]}},"status":{{"phase":"Pending"}}}}"#
    );
    Ok(Pod::from_json(text.as_bytes())?)
}

#[tokio::test]
#[expect(clippy::too_many_lines, reason = "the life of one pod")]
async fn a_pod_runs_is_restarted_and_leaves_nothing() -> Result<()> {
    let containerd = Containerd::start().await?;
    let root = containerd.directory().join("kubelet");
    std::fs::create_dir_all(root.join("links"))?;
    let (runtime, images) = (containerd.runtime().await?, containerd.images().await?);
    let (api, recorder) = (Arc::new(MemoryApi::default()), Arc::new(MemoryRecorder::default()));
    let (clock, mounter, results) = (
        Arc::new(SystemClock),
        Arc::new(SystemMounter),
        Arc::new(Results::default()),
    );
    let parts = RuntimeParts {
        runtime: runtime.clone(),
        images,
        recorder: recorder.clone(),
        objects: api.clone(),
        results: results.clone(),
        mounter: mounter.clone(),
        clock: clock.clone(),
    };
    let kube = Arc::new(KubeRuntime::new(parts, options(&root)).await?);
    let tokens = Arc::new(TokenCache::new(api.clone(), clock.clone()));
    let volumes = Arc::new(Volumes::new(
        VolumeOptions { root: root.clone() },
        api.clone(),
        tokens,
        mounter,
    ));
    let statuses = Arc::new(StatusWriter::new(api.clone()));
    let tree = Arc::new(PodCgroupTree::new(Hierarchy::detect()?, &containerd.cgroup_parent()));
    tree.set_up(&Limits::default())?;
    let cgroups = PodCgroupfs {
        tree: tree.clone(),
        quota_period: 100_000,
        enforce_quota: true,
        pod_pids_limit: None,
    };
    let (_, host_ips) = watch::channel(vec!["192.0.2.1".to_owned()]);
    let probes = Probes::new(
        Prober::new(runtime.clone(), recorder.clone()),
        results,
        statuses.clone(),
        clock.clone(),
    );
    let workers = WorkerParts {
        runtime: kube,
        volumes,
        probes,
        statuses,
        pods: Arc::new(PodStore::default()),
        objects: api.clone(),
        client: api.clone(),
        recorder: recorder.clone(),
        cgroups: Arc::new(cgroups),
        clock,
        host_ips,
        sync_frequency: Duration::from_secs(60),
        network_error: Arc::new(|| None),
        admission: Arc::new(AdmitAll),
        metrics: KubeletMetrics::new(&MetricsRegistry::default()),
    };
    let kubelet = Arc::new(Kubelet::new(KubeletParts {
        workers,
        sources: vec![Source::Api],
        evented_pleg: true,
    }));
    let (events, receiver) = mpsc::channel(16);
    let cancel = CancellationToken::new();
    let (running, token) = (kubelet.clone(), cancel.clone());
    let task = tokio::spawn(async move { running.run(receiver, token).await });

    let map = br#"{"metadata":{"name":"cm","namespace":"ns"},"data":{"k":"from the map"}}"#;
    api.set_config_map(ConfigMap::from_json(map)?);
    let pod = subject()?;
    api.set_pod(pod.clone());
    events.send(PodEvent::Set(Source::Api, vec![Arc::new(pod)])).await?;
    let status = until(&api, "running", |status| status.phase == "Running").await?;
    ensure!(!status.pod_ip.is_empty());
    let cgroup = tree.pod_path("0f6e-1", kubelet_types::resources::QosClass::Burstable);
    ensure!(
        tree.usage(&cgroup).memory.is_some_and(|memory| memory > 0),
        "the pod runs in its cgroup"
    );
    let log = root.join("logs/ns_p_0f6e-1/c/0.log");
    let end = Instant::now() + Duration::from_secs(20);
    while !std::fs::read_to_string(&log).is_ok_and(|text| text.matches("from the map").count() == 2) {
        ensure!(Instant::now() < end, "the log: {:?}", std::fs::read_to_string(&log));
        sleep(Duration::from_millis(20)).await;
    }
    let links: Vec<_> = std::fs::read_dir(root.join("links"))?.collect::<std::io::Result<_>>()?;
    let name = links[0].file_name().into_string().unwrap_or_default();
    ensure!(name.starts_with("p_ns_c-"), "{name}");
    ensure!(std::fs::canonicalize(links[0].path())? == std::fs::canonicalize(&log)?);
    let status = until(&api, "restarted", |status| {
        status.container_statuses[0].restart_count >= 1
    })
    .await?;
    ensure!(status.container_statuses[0].last_state.terminated.is_some());
    let killing = recorder.messages("Killing");
    ensure!(
        killing[0] == "Container c failed liveness probe, will be restarted",
        "{killing:?}"
    );

    let held = api.pod("ns", "p").context("the pod is gone")?;
    let mut doomed = Pod::clone(&held);
    doomed.metadata.deletion_timestamp = Some(Time::now());
    doomed.metadata.deletion_grace_period_seconds = Some(1);
    api.set_pod(doomed.clone());
    events.send(PodEvent::Applied(Source::Api, Arc::new(doomed))).await?;
    let end = Instant::now() + Duration::from_secs(30);
    while api.deleted() != ["0f6e-1"] {
        ensure!(Instant::now() < end, "the API object is not deleted");
        sleep(Duration::from_millis(10)).await;
    }
    events.send(PodEvent::Deleted(Source::Api, "0f6e-1".to_owned())).await?;
    while kubelet.workers().knows("0f6e-1") {
        ensure!(Instant::now() < end, "the worker is still there");
        sleep(Duration::from_millis(10)).await;
    }
    ensure!(runtime.list_pod_sandboxes(None).await?.is_empty());
    ensure!(runtime.list_containers(None).await?.is_empty());
    ensure!(SystemMounter.mounts_below(&root)?.is_empty());
    ensure!(std::fs::read_dir(root.join("pods"))?.next().is_none());
    ensure!(std::fs::read_dir(root.join("logs"))?.next().is_none());
    ensure!(std::fs::read_dir(root.join("links"))?.next().is_none());
    ensure!(tree.pods()?.is_empty());
    cancel.cancel();
    task.await?;
    Ok(())
}
