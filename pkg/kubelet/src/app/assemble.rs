//! Puts the parts of a kubelet together; nothing runs yet.

use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use client_go::Client;
use client_go::events::{EventApi, EventBroadcaster};
use client_go::rest::metrics::RestMetrics;
use component_base::feature_gates::Feature;
use component_base::metrics::MetricsRegistry;
use component_base::version::VersionInfo;
use cri_client::{
    CallObserver, ConnectOptions, ImageService, RemoteImageService, RemoteRuntimeService, RuntimeService,
};
use k8s_api::core::v1::Taint;
use k8s_api::primitives::{Format, Quantity};
use kubelet_cgroup::PodCgroupTree;
use kubelet_config::{KubeletConfiguration, KubeletOptions, resource_list};
use kubelet_node::{Machine, NodeOptions, NodeParts, NodeReporter, Reservations, addresses};
use kubelet_prober::{Prober, Probes, Results};
use kubelet_runtime::dns::DnsOptions;
use kubelet_runtime::image::{ImageOptions, PullRate};
use kubelet_runtime::{
    CredentialProviders, KubeRuntime, PullRecords, RuntimeOptions, RuntimeParts, VerificationPolicy,
};
use kubelet_stats::{StatsParts, StatsProvider};
use kubelet_types::clock::SystemClock;
use kubelet_types::pressure::Pressures;
use kubelet_types::seams::{EventRecorder, ObjectSource, PodClient, TokenRequester};
use kubelet_volume::{SystemMounter, TokenCache, VolumeOptions, Volumes};
use parking_lot::Mutex;
use tokio_util::sync::CancellationToken;

use super::admission::NodeAdmission;
use super::client::{self, Clients};
use super::{RunError, certificates, cgroup_limits, eviction, host, static_pods};
use crate::api::{ApiEvents, ApiObjects, ApiPods, ApiTokens, ChangeDetection, Standalone};
use crate::cgroups::PodCgroupfs;
use crate::metrics::KubeletMetrics;
use crate::pleg::{Pleg, follows_events};
use crate::pods::{PodStore, Source};
use crate::status::StatusWriter;
use crate::workers::WorkerParts;
use crate::{Kubelet, KubeletParts};

/// A kubelet that is ready to run.
pub(super) struct Node {
    pub(super) name: String,
    pub(super) client: Option<Client>,
    pub(super) kubelet: Arc<Kubelet>,
    pub(super) reporter: Arc<NodeReporter>,
    pub(super) runtime: Arc<KubeRuntime>,
    pub(super) pods: Arc<PodStore>,
    pub(super) objects: Option<Arc<ApiObjects>>,
    pub(super) recorder: Arc<dyn EventRecorder>,
    pub(super) broadcaster: Mutex<Option<EventBroadcaster>>,
    pub(super) sources: Vec<Source>,
    pub(super) statuses: Arc<StatusWriter>,
    pub(super) stats: Arc<StatsProvider>,
    pub(super) pressures: Arc<Pressures>,
    pub(super) metrics: MetricsRegistry,
    pub(super) probe_metrics: MetricsRegistry,
}

/// The API server, or what stands in for it.
struct Api {
    objects: Arc<dyn ObjectSource>,
    pods: Arc<dyn PodClient>,
    tokens: Arc<dyn TokenRequester>,
    followed: Option<Arc<ApiObjects>>,
}

#[expect(clippy::too_many_lines, reason = "a list of the parts and what each is given")]
pub(super) async fn assemble(
    options: &KubeletOptions,
    version: &VersionInfo,
    cancel: &CancellationToken,
) -> Result<Node, RunError> {
    let kc = &options.configuration;
    let name = host::hostname(&options.flags.hostname_override)?;
    certificates::ensure_client(options, &name).await?;
    let registry = MetricsRegistry::default();
    let metrics = KubeletMetrics::new(&registry);
    let clients = client::clients(options, RestMetrics::new(&registry))?;
    let (runtime, images) = connect(kc, metrics.clone()).await?;
    let machine = Machine::read(Path::new("/")).map_err(|error| RunError::io("read the machine", error))?;
    let reservations = reservations(options, &machine)?;
    let tree = cgroup_limits::set_up(kc, &machine, &reservations)?;
    let (recorder, broadcaster) = recorder(clients.as_ref(), &name);
    let detection = detection(kc);
    let followed = clients
        .as_ref()
        .map(|clients| Arc::new(ApiObjects::new(&clients.main, &name, detection, cancel)));
    let pressures = Arc::new(Pressures::default());
    let cached = followed.clone();
    let node_options = node_options(options, version, &name, reservations)?;
    // The runtime is watched by what is made of all these parts.
    let pleg = Arc::new(OnceLock::new());
    let watched = pleg.clone();
    let parts = NodeParts {
        client: clients.as_ref().map(|clients| clients.heartbeat.clone()),
        runtime: runtime.clone(),
        images: images.clone(),
        pressures: pressures.clone(),
        recorder: recorder.clone(),
        health: Box::new(move || {
            let pleg = watched.get().and_then(|pleg: &Arc<Pleg>| pleg.healthy().err());
            pleg.map(|error| format!("PLEG is not healthy: {error}"))
                .into_iter()
                .collect()
        }),
        cached: Box::new(move || cached.as_ref()?.node()),
    };
    let reporter = Arc::new(NodeReporter::new(node_options, parts, machine));
    let admission = NodeAdmission {
        reporter: reporter.clone(),
        objects: followed.clone(),
        pressures: pressures.clone(),
        sysctls: kc.allowed_unsafe_sysctls.clone(),
    };
    let api = api(clients.as_ref(), followed, &reporter);
    let results = Arc::new(Results::default());
    let (clock, mounter) = (Arc::new(SystemClock), Arc::new(SystemMounter));
    let runtime_parts = RuntimeParts {
        runtime: runtime.clone(),
        images,
        recorder: recorder.clone(),
        objects: api.objects.clone(),
        results: results.clone(),
        mounter: mounter.clone(),
        clock: clock.clone(),
    };
    let runtime_options = runtime_options(options, &reporter, tree.hierarchy().is_v2());
    let root = runtime_options.root.clone();
    let mut kube_runtime = KubeRuntime::new(runtime_parts, runtime_options).await?;
    if let Some(providers) = credential_providers(options)? {
        kube_runtime = kube_runtime.with_credential_providers(providers);
    }
    if let Some(records) = pull_records(options)? {
        records.adopt(&*kube_runtime.services().images).await;
        kube_runtime = kube_runtime.with_pull_records(Arc::new(records));
    }
    let kube_runtime = Arc::new(kube_runtime);
    let tokens = Arc::new(TokenCache::new(api.tokens, clock.clone()));
    let volumes = Arc::new(Volumes::new(
        VolumeOptions { root },
        api.objects.clone(),
        tokens,
        mounter,
    ));
    let statuses = Arc::new(StatusWriter::new(api.pods.clone()));
    let probes = Probes::new(
        Prober::new(runtime, recorder.clone()),
        results,
        statuses.clone(),
        clock.clone(),
    );
    let probe_metrics = MetricsRegistry::default();
    probes.register_metrics(&probe_metrics);
    let stats = Arc::new(StatsProvider::new(StatsParts {
        node: name.clone(),
        root: PathBuf::from(&options.flags.root_directory),
        runtime: kube_runtime.clone(),
        cgroups: tree.clone(),
    }));
    let cgroups = cgroups(kc, tree);
    let pods = Arc::new(PodStore::default());
    let state = reporter.runtime_state().clone();
    let workers = WorkerParts {
        runtime: kube_runtime.clone(),
        volumes,
        probes,
        statuses: statuses.clone(),
        pods: pods.clone(),
        objects: api.objects,
        client: api.pods,
        recorder: recorder.clone(),
        cgroups: Arc::new(cgroups),
        clock,
        host_ips: reporter.host_ips(),
        sync_frequency: kc.sync_frequency.to_std(),
        network_error: Arc::new(move || state.network_error()),
        admission: Arc::new(admission),
        metrics,
    };
    let mut sources = Vec::new();
    sources.extend(clients.is_some().then_some(Source::Api));
    sources.extend(static_pods::configured(kc).then_some(Source::File));
    let kubelet = Arc::new(Kubelet::new(KubeletParts {
        workers,
        sources: sources.clone(),
        evented_pleg: follows_events(&options.gates),
    }));
    // It is set once, here.
    let _ = pleg.set(kubelet.pleg().clone());
    Ok(Node {
        kubelet,
        name,
        client: clients.map(|clients| clients.main),
        reporter,
        runtime: kube_runtime,
        pods,
        objects: api.followed,
        recorder,
        broadcaster: Mutex::new(broadcaster),
        sources,
        statuses,
        stats,
        pressures,
        metrics: registry,
        probe_metrics,
    })
}

/// What pods do not get.
fn reservations(options: &KubeletOptions, machine: &Machine) -> Result<Reservations, RunError> {
    let kc = &options.configuration;
    let mut system = resource_list(&kc.system_reserved).map_err(RunError::Refused)?;
    let mut kube = resource_list(&kc.kube_reserved).map_err(RunError::Refused)?;
    if !kc.reserved_system_cpus.is_empty() {
        // Named CPUs stand above counted ones.
        let count = host::count_cpus(&kc.reserved_system_cpus).map_err(RunError::Refused)?;
        system.insert("cpu".to_owned(), Quantity::new(count, Format::DecimalSI));
        kube.remove("cpu");
    }
    let eviction = if options.flags.ignore_eviction_threshold {
        std::collections::BTreeMap::new()
    } else {
        eviction::reserved(kc, machine, Path::new(&options.flags.root_directory))
    };
    Ok(Reservations { system, kube, eviction })
}

/// The records by which pods are kept from images that they could not pull, unless every pod may use what is present.
fn pull_records(options: &KubeletOptions) -> Result<Option<PullRecords>, RunError> {
    if !options.gates.enabled(Feature::KubeletEnsureSecretPulledImages) {
        return Ok(None);
    }
    let kc = &options.configuration;
    let policy = VerificationPolicy::new(
        &kc.image_pull_credentials_verification_policy,
        &kc.preloaded_images_verification_allowlist,
    );
    let policy = policy.map_err(RunError::Refused)?;
    let records = PullRecords::open(Path::new(&options.flags.root_directory), policy);
    records
        .map(Some)
        .map_err(|error| RunError::io("failed to setup the records of pulled images", error))
}

/// The programs that give credentials for images, if there are to be any.
fn credential_providers(options: &KubeletOptions) -> Result<Option<CredentialProviders>, RunError> {
    let flags = &options.flags;
    let (config, programs) = (
        &flags.image_credential_provider_config,
        &flags.image_credential_provider_bin_directory,
    );
    if config.is_empty() && programs.is_empty() {
        return Ok(None);
    }
    let refused =
        |error: &dyn std::fmt::Display| RunError::Refused(format!("failed to register CRI auth plugins: {error}"));
    if config.is_empty() || programs.is_empty() {
        let why = "--image-credential-provider-config and --image-credential-provider-bin-dir must be set together";
        return Err(refused(&why));
    }
    let providers = CredentialProviders::load(Path::new(config), Path::new(programs));
    providers.map(Some).map_err(|error| refused(&error))
}

fn detection(kc: &KubeletConfiguration) -> ChangeDetection {
    match kc.config_map_and_secret_change_detection_strategy.as_str() {
        "Get" => ChangeDetection::Get,
        "Cache" => ChangeDetection::Cache,
        _ => ChangeDetection::Watch,
    }
}

fn cgroups(kc: &KubeletConfiguration, tree: Arc<PodCgroupTree>) -> PodCgroupfs {
    PodCgroupfs {
        tree,
        quota_period: i64::try_from(kc.cpu_cfs_quota_period.to_std().as_micros()).unwrap_or(i64::MAX),
        enforce_quota: kc.cpu_cfs_quota,
        pod_pids_limit: Some(kc.pod_pids_limit).filter(|limit| *limit > 0),
    }
}

type Runtime = (Arc<dyn RuntimeService>, Arc<dyn ImageService>);

async fn connect(kc: &KubeletConfiguration, metrics: Arc<KubeletMetrics>) -> Result<Runtime, RunError> {
    let observe = move |method, took, failed| metrics.called(method, took, failed);
    let options = ConnectOptions {
        observer: Some(CallObserver::new(observe)),
        timeout: kc.runtime_request_timeout.to_std(),
        ..Default::default()
    };
    let images_at = if kc.image_service_endpoint.is_empty() {
        &kc.container_runtime_endpoint
    } else {
        &kc.image_service_endpoint
    };
    let runtime = RemoteRuntimeService::connect(&kc.container_runtime_endpoint, &options).await?;
    let images = RemoteImageService::connect(images_at, &options).await?;
    Ok((Arc::new(runtime), Arc::new(images)))
}

fn recorder(clients: Option<&Clients>, name: &str) -> (Arc<dyn EventRecorder>, Option<EventBroadcaster>) {
    let Some(clients) = clients else {
        let (_, node) = tokio::sync::watch::channel(None);
        return (Arc::new(Standalone::new(node)), None);
    };
    let broadcaster = EventBroadcaster::new(clients.events.clone(), EventApi::Core, "kubelet", name);
    (Arc::new(ApiEvents(broadcaster.recorder())), Some(broadcaster))
}

fn api(clients: Option<&Clients>, followed: Option<Arc<ApiObjects>>, reporter: &NodeReporter) -> Api {
    match (clients, followed) {
        (Some(clients), Some(objects)) => Api {
            objects: objects.clone(),
            pods: Arc::new(ApiPods(clients.main.clone())),
            tokens: Arc::new(ApiTokens(clients.main.clone())),
            followed: Some(objects),
        },
        _ => {
            let alone = Arc::new(Standalone::new(reporter.node()));
            Api {
                objects: alone.clone(),
                pods: alone.clone(),
                tokens: alone,
                followed: None,
            }
        }
    }
}

fn node_options(
    options: &KubeletOptions,
    version: &VersionInfo,
    name: &str,
    reservations: Reservations,
) -> Result<NodeOptions, RunError> {
    let (flags, kc) = (&options.flags, &options.configuration);
    let taint = |taint: &kubelet_config::Taint| Taint {
        key: taint.key.clone(),
        value: taint.value.clone(),
        effect: taint.effect.clone(),
        time_added: None,
    };
    Ok(NodeOptions {
        name: name.to_owned(),
        hostname: name.to_owned(),
        node_ips: addresses::parse_node_ips(&flags.node_ip).map_err(RunError::Refused)?,
        external_cloud: flags.cloud_provider == "external",
        labels: flags.node_labels.0.clone(),
        taints: kc.register_with_taints.0.iter().map(taint).collect(),
        provider_id: kc.provider_id.clone(),
        attach_detach: kc.enable_controller_attach_detach,
        max_pods: kc.max_pods,
        pods_per_core: kc.pods_per_core,
        port: kc.port,
        max_images: kc.node_status_max_images,
        register: kc.register_node,
        update_frequency: kc.node_status_update_frequency.to_std(),
        report_frequency: kc.node_status_report_frequency.to_std(),
        lease_seconds: kc.node_lease_duration_seconds,
        root: PathBuf::from(&flags.root_directory),
        local_storage: kc.local_storage_capacity_isolation,
        reservations,
        version: version.git_version.clone(),
        declared_features: declared_features(options),
    })
}

/// What schedulers and the API server must know that this kubelet can do.
fn declared_features(options: &KubeletOptions) -> Vec<String> {
    let gates = &options.gates;
    let on = |feature: &Feature| gates.enabled(Feature::NodeDeclaredFeatures) && gates.enabled(*feature);
    [Feature::ExtendWebSocketsToKubelet]
        .into_iter()
        .filter(on)
        .map(|feature| feature.name().to_owned())
        .collect()
}

fn runtime_options(options: &KubeletOptions, reporter: &NodeReporter, cgroup_v2: bool) -> RuntimeOptions {
    let (flags, kc) = (&options.flags, &options.configuration);
    let root = PathBuf::from(&flags.root_directory);
    let restart = kc.crash_loop_back_off.max_container_restart_period;
    let parallel_pulls = match (kc.serialize_image_pulls, kc.max_parallel_image_pulls) {
        (Some(false), most) => most.and_then(|most| usize::try_from(most).ok()),
        _ => Some(1),
    };
    RuntimeOptions {
        pod_logs: PathBuf::from(&kc.pod_logs_dir),
        container_logs: Some(PathBuf::from(host::CONTAINER_LOGS)),
        seccomp_profile_root: root.join("seccomp"),
        seccomp_default: kc.seccomp_default || flags.seccomp_default,
        cpu_cfs_quota: kc.cpu_cfs_quota,
        cpu_cfs_quota_period: kc.cpu_cfs_quota_period.to_std(),
        max_container_restart_period: restart.map_or(std::time::Duration::from_secs(300), |it| it.to_std()),
        memory_capacity: reporter.machine().memory,
        cgroup_v2,
        swap_available: cgroup_v2 && host::swap_is_limited(),
        swap_shared: (kc.memory_swap.swap_behavior == "LimitedSwap").then(host::swap_capacity),
        single_process_oom_kill: kc.single_process_oom_kill.unwrap_or(!cgroup_v2),
        dns: DnsOptions {
            cluster_dns: kc.cluster_dns.clone(),
            cluster_domain: kc.cluster_domain.clone(),
            resolv_conf: kc.resolver_config.clone(),
        },
        images: ImageOptions {
            parallel_pulls,
            rate: PullRate::new(kc.registry_pull_qps, kc.registry_burst),
        },
        root,
    }
}
