//! Puts the figures together.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use cri_client::Result;
use cri_client::api::{self, ContainerState};
use jiff::Timestamp;
use k8s_api::core::v1::{Pod, Volume};
use kubelet_cgroup::{PodCgroupTree, Usage};
use kubelet_runtime::KubeRuntime;
use kubelet_runtime::labels::{CONTAINER_NAME, POD_UID};
use kubelet_types::resources::qos_class;
use parking_lot::Mutex;

use crate::disk::{FileSystem, directory_usage};
use crate::node::{NodeUsage, read_usage};
use crate::rates::Rates;
use crate::summary::{
    ClaimReference, ContainerStats, CpuStats, FsStats, InterfaceStats, MemoryStats, NetworkStats, NodeStats,
    PodReference, PodStats, ProcessStats, RlimitStats, RuntimeStats, Summary, VolumeStats, shown,
};

/// Directories are walked no more often than this, but to find who has filled the disk.
const WALK_AGE: Duration = Duration::from_secs(60);

/// What the provider works with.
pub struct StatsParts {
    /// The node's name.
    pub node: String,
    /// The kubelet's root directory.
    pub root: PathBuf,
    /// The runtime.
    pub runtime: Arc<KubeRuntime>,
    /// The cgroups of pods.
    pub cgroups: Arc<PodCgroupTree>,
}

/// What a pod uses, as eviction ranks by it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PodUsage {
    /// Memory that cannot be given back easily.
    pub memory_working_set: u64,
    /// Its containers' writable layers, which lie beside images.
    pub layers: FileUsage,
    /// Its logs and local volumes, which lie beside the kubelet's files.
    pub local: FileUsage,
    /// Processes.
    pub processes: u64,
    /// What each container uses of it, by name.
    pub containers: HashMap<String, ContainerUsage>,
}

/// What files take.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FileUsage {
    /// Bytes.
    pub bytes: u64,
    /// Inodes.
    pub inodes: u64,
}

impl FileUsage {
    fn add(&mut self, bytes: u64, inodes: u64) {
        self.bytes += bytes;
        self.inodes += inodes;
    }
}

/// What a container uses of what its pod does.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ContainerUsage {
    /// Memory that cannot be given back easily.
    pub memory_working_set: u64,
    /// Its log and its writable layer.
    pub disk: u64,
    /// Inodes of these.
    pub inodes: u64,
}

/// Memory of all pods together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PodsMemory {
    /// What they are held to.
    pub limit: u64,
    /// What they could still get of it.
    pub available: u64,
}

/// What a pod has on the node's disk.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LocalUse {
    /// By volume.
    pub volumes: HashMap<String, u64>,
    /// Log and written layer, by container.
    pub containers: HashMap<String, u64>,
    /// Everything.
    pub total: u64,
}

#[derive(Clone, Default)]
struct Walked {
    volumes: Vec<(String, u64, u64)>,
    logs: HashMap<String, (u64, u64)>,
}

/// Measures.
pub struct StatsProvider {
    parts: StatsParts,
    rates: Rates,
    walked: Mutex<HashMap<String, (Instant, Arc<Walked>)>>,
}

fn value(value: Option<&api::UInt64Value>) -> Option<u64> {
    value.map(|it| it.value)
}

impl StatsProvider {
    /// Nothing is measured yet.
    #[must_use]
    pub fn new(parts: StatsParts) -> Self {
        Self {
            parts,
            rates: Rates::default(),
            walked: Mutex::default(),
        }
    }

    pub(crate) fn runtime(&self) -> &KubeRuntime {
        &self.parts.runtime
    }

    pub(crate) fn cgroups(&self) -> &Arc<PodCgroupTree> {
        &self.parts.cgroups
    }

    /// What the node as a whole uses.
    ///
    /// # Errors
    /// If it cannot be read.
    pub fn node_usage(&self) -> std::io::Result<NodeUsage> {
        read_usage(Path::new("/"))
    }

    /// The file system of the kubelet's files.
    ///
    /// # Errors
    /// The system's.
    pub fn node_fs(&self) -> std::io::Result<FileSystem> {
        FileSystem::of(&self.parts.root)
    }

    /// The file system of images, and how many bytes of it images use.
    ///
    /// # Errors
    /// The runtime's; a file system that cannot be looked at is an error of the runtime, since it names it.
    pub async fn image_fs(&self) -> Result<(FileSystem, u64)> {
        let info = self.parts.runtime.services().images.image_fs_info().await?;
        let used: u64 = info
            .image_filesystems
            .iter()
            .filter_map(|it| value(it.used_bytes.as_ref()))
            .sum();
        let place = info.image_filesystems.first().and_then(|it| it.fs_id.as_ref());
        let place = place.map(|it| it.mountpoint.clone()).unwrap_or_default();
        let mut path = PathBuf::from(&place);
        // The directory may not be there before the first image is.
        while !path.exists() && path.pop() {}
        let whole = FileSystem::of(&path)
            .map_err(|error| cri_client::Error::InvalidResponse(format!("image file system {place:?}: {error}")))?;
        Ok((whole, used))
    }

    /// The cgroup's figures of a pod.
    fn pod_cgroup(&self, pod: &Pod) -> Usage {
        let path = self.parts.cgroups.pod_path(&pod.metadata.uid, qos_class(pod));
        self.parts.cgroups.usage(&path)
    }

    /// What all pods together may have of memory and what of it is left, where they are held to a limit.
    #[must_use]
    pub fn pods_memory(&self) -> Option<PodsMemory> {
        let cgroups = &self.parts.cgroups;
        let limit = cgroups.pods_memory_limit()?;
        let used = cgroups.usage(&cgroups.pods_path()).working_set?;
        Some(PodsMemory {
            limit,
            available: limit.saturating_sub(used),
        })
    }

    /// What each pod uses now, by uid.
    ///
    /// # Errors
    /// The runtime's.
    pub async fn pod_usage(&self, pods: &[Arc<Pod>]) -> Result<HashMap<String, PodUsage>> {
        let mut containers = self.containers().await?;
        let mut found = HashMap::new();
        for pod in pods {
            let cgroup = self.pod_cgroup(pod);
            let walked = self.walk_now(pod).await;
            let mut usage = PodUsage {
                memory_working_set: cgroup.working_set.unwrap_or_default(),
                processes: cgroup.pids.unwrap_or_default(),
                containers: containers.remove(&pod.metadata.uid).unwrap_or_default(),
                ..Default::default()
            };
            for container in usage.containers.values() {
                usage.layers.add(container.disk, container.inodes);
            }
            for (name, (bytes, inodes)) in &walked.logs {
                let container = usage.containers.entry(name.clone()).or_default();
                container.disk += bytes;
                container.inodes += inodes;
                usage.local.add(*bytes, *inodes);
            }
            for (_, bytes, inodes) in &walked.volumes {
                usage.local.add(*bytes, *inodes);
            }
            found.insert(pod.metadata.uid.clone(), usage);
        }
        Ok(found)
    }

    /// What each pod has on the node's disk, by uid.
    ///
    /// # Errors
    /// The runtime's.
    pub async fn local_use(&self, pods: &[Arc<Pod>]) -> Result<HashMap<String, LocalUse>> {
        let layers = self.containers().await?;
        let mut found = HashMap::new();
        for pod in pods {
            let walked = self.walk(pod).await;
            let mut used = LocalUse::default();
            for (name, bytes, _) in &walked.volumes {
                used.volumes.insert(name.clone(), *bytes);
                used.total += bytes;
            }
            let logs = walked.logs.iter().map(|(name, (bytes, _))| (name, bytes));
            let own = layers.get(&pod.metadata.uid).into_iter().flatten();
            for (name, bytes) in logs.chain(own.map(|(name, own)| (name, &own.disk))) {
                *used.containers.entry(name.clone()).or_default() += bytes;
                used.total += bytes;
            }
            found.insert(pod.metadata.uid.clone(), used);
        }
        Ok(found)
    }

    /// What containers use, logs aside, by pod and name.
    async fn containers(&self) -> Result<HashMap<String, HashMap<String, ContainerUsage>>> {
        let stats = self.parts.runtime.services().runtime.list_container_stats(None).await?;
        let mut found: HashMap<String, HashMap<String, ContainerUsage>> = HashMap::new();
        for stat in stats {
            let Some((uid, name)) = owner(&stat) else { continue };
            let (layer, memory) = (stat.writable_layer.as_ref(), stat.memory.as_ref());
            let usage = ContainerUsage {
                memory_working_set: memory
                    .and_then(|it| value(it.working_set_bytes.as_ref()))
                    .unwrap_or_default(),
                disk: layer.and_then(|it| value(it.used_bytes.as_ref())).unwrap_or_default(),
                inodes: layer.and_then(|it| value(it.inodes_used.as_ref())).unwrap_or_default(),
            };
            found.entry(uid).or_default().insert(name, usage);
        }
        Ok(found)
    }

    /// The sizes of a pod's volumes and logs, walked over now and then.
    async fn walk(&self, pod: &Arc<Pod>) -> Arc<Walked> {
        if let Some((at, walked)) = self.walked.lock().get(&pod.metadata.uid)
            && at.elapsed() < WALK_AGE
        {
            return walked.clone();
        }
        self.walk_now(pod).await
    }

    /// The same as they are now: whoever is evicted by them should be the right one.
    async fn walk_now(&self, pod: &Arc<Pod>) -> Arc<Walked> {
        let (root, logs) = (self.parts.root.clone(), self.parts.runtime.options().pod_logs.clone());
        let subject = pod.clone();
        let done = tokio::task::spawn_blocking(move || walk(&root, &logs, &subject)).await;
        let walked = Arc::new(done.unwrap_or_else(|error| {
            tracing::error!(%error, "the directories of a pod cannot be looked through");
            Walked::default()
        }));
        let mut held = self.walked.lock();
        held.retain(|_, (at, _)| at.elapsed() < WALK_AGE * 5);
        held.insert(pod.metadata.uid.clone(), (Instant::now(), walked.clone()));
        walked
    }

    /// Everything.
    ///
    /// # Errors
    /// The runtime's, or that the node cannot be measured.
    pub async fn summary(&self, pods: &[Arc<Pod>], only_cpu_and_memory: bool) -> Result<Summary> {
        let runtime = &self.parts.runtime.services().runtime;
        let node = self
            .node_usage()
            .map_err(|error| cri_client::Error::InvalidResponse(format!("failed to get root cgroup stats: {error}")))?;
        let (containers, stats) = tokio::try_join!(runtime.list_containers(None), runtime.list_container_stats(None))?;
        let networks = if only_cpu_and_memory {
            HashMap::new()
        } else {
            self.networks().await
        };
        let time = shown(Timestamp::now());
        let mut started = HashMap::new();
        for container in containers.iter().filter(|it| it.state() == ContainerState::Running) {
            started.insert(container.id.clone(), container.created_at);
        }
        let mut by_pod: HashMap<String, Vec<&api::ContainerStats>> = HashMap::new();
        for stat in &stats {
            let id = stat.attributes.as_ref().map(|it| it.id.as_str()).unwrap_or_default();
            if let (Some((uid, _)), true) = (owner(stat), started.contains_key(id)) {
                by_pod.entry(uid).or_default().push(stat);
            }
        }
        let fs = self.node_fs().ok();
        let mut all = Vec::new();
        for pod in pods {
            let Some(own) = by_pod.get(&pod.metadata.uid) else {
                continue;
            };
            let mut stats = self.pod(pod, own, &started, &time);
            if !only_cpu_and_memory {
                self.add_disk(pod, own, fs.as_ref(), &time, &mut stats).await;
                stats.network = networks.get(&pod.metadata.uid).cloned();
                stats.process_stats = Some(ProcessStats {
                    process_count: self.pod_cgroup(pod).pids,
                });
            }
            all.push(stats);
        }
        Ok(Summary {
            node: self.node(&node, fs.as_ref(), only_cpu_and_memory, &time).await,
            pods: all,
        })
    }

    async fn node(&self, usage: &NodeUsage, fs: Option<&FileSystem>, only: bool, time: &str) -> NodeStats {
        let boot = Timestamp::from_second(usage.boot_time).map(shown).unwrap_or_default();
        let mut stats = NodeStats {
            node_name: self.parts.node.clone(),
            start_time: boot,
            cpu: Some(self.cpu("node", Some(usage.cpu_nanos), time)),
            memory: Some(MemoryStats {
                time: time.to_owned(),
                available_bytes: Some(usage.memory_available()),
                usage_bytes: Some(usage.memory_usage),
                working_set_bytes: Some(usage.memory_working_set),
                rss_bytes: Some(usage.memory_rss),
                ..Default::default()
            }),
            ..Default::default()
        };
        if only {
            return stats;
        }
        stats.fs = fs.map(|fs| whole(fs, fs.used, time));
        let images = self.image_fs().await.ok().map(|(fs, used)| whole(&fs, used, time));
        stats.runtime = images.map(|images| RuntimeStats {
            container_fs: Some(images.clone()),
            image_fs: Some(images),
        });
        stats.network = node_network(time);
        stats.rlimit = Some(RlimitStats {
            time: time.to_owned(),
            maxpid: i64::try_from(usage.max_pids).ok(),
            curproc: i64::try_from(usage.pids).ok(),
        });
        stats
    }

    fn cpu(&self, key: &str, nanos: Option<u64>, time: &str) -> CpuStats {
        CpuStats {
            time: time.to_owned(),
            usage_nano_cores: nanos.and_then(|nanos| self.rates.nano_cores(key, nanos, Instant::now())),
            usage_core_nano_seconds: nanos,
        }
    }

    fn pod(&self, pod: &Pod, own: &[&api::ContainerStats], started: &HashMap<String, i64>, time: &str) -> PodStats {
        let meta = &pod.metadata;
        let cgroup = self.pod_cgroup(pod);
        let containers = own.iter().filter_map(|stat| {
            let (_, name) = owner(stat)?;
            let id = &stat.attributes.as_ref()?.id;
            let nanos = stat
                .cpu
                .as_ref()
                .and_then(|it| value(it.usage_core_nano_seconds.as_ref()));
            let memory = stat.memory.as_ref();
            let of = |field: fn(&api::MemoryUsage) -> Option<&api::UInt64Value>| memory.and_then(|it| value(field(it)));
            Some(ContainerStats {
                name,
                start_time: started.get(id).map(|nanos| from_nanos(*nanos)).unwrap_or_default(),
                cpu: Some(self.cpu(id, nanos, time)),
                memory: Some(MemoryStats {
                    time: time.to_owned(),
                    available_bytes: of(|it| it.available_bytes.as_ref()),
                    usage_bytes: of(|it| it.usage_bytes.as_ref()),
                    working_set_bytes: of(|it| it.working_set_bytes.as_ref()),
                    rss_bytes: of(|it| it.rss_bytes.as_ref()),
                    page_faults: of(|it| it.page_faults.as_ref()),
                    major_page_faults: of(|it| it.major_page_faults.as_ref()),
                }),
                ..Default::default()
            })
        });
        PodStats {
            pod_ref: PodReference {
                name: meta.name.clone(),
                namespace: meta.namespace.clone(),
                uid: meta.uid.clone(),
            },
            start_time: pod.status.start_time.map(|it| it.to_string()).unwrap_or_default(),
            containers: containers.collect(),
            cpu: Some(self.cpu(&meta.uid, cgroup.cpu_nanos, time)),
            memory: Some(MemoryStats {
                time: time.to_owned(),
                usage_bytes: cgroup.memory,
                working_set_bytes: cgroup.working_set,
                rss_bytes: cgroup.rss,
                ..Default::default()
            }),
            ..Default::default()
        }
    }

    async fn add_disk(
        &self,
        pod: &Arc<Pod>,
        own: &[&api::ContainerStats],
        fs: Option<&FileSystem>,
        time: &str,
        stats: &mut PodStats,
    ) {
        let Some(fs) = fs else { return };
        let walked = self.walk(pod).await;
        let part = |bytes: u64, inodes: u64| FsStats {
            used_bytes: Some(bytes),
            inodes_used: Some(inodes),
            ..whole(fs, 0, time)
        };
        let (mut bytes, mut inodes) = (0, 0);
        for container in &mut stats.containers {
            let layer = own
                .iter()
                .find(|stat| owner(stat).is_some_and(|(_, name)| name == container.name));
            let layer = layer.and_then(|stat| stat.writable_layer.as_ref());
            let used = layer.and_then(|it| value(it.used_bytes.as_ref())).unwrap_or_default();
            let nodes = layer.and_then(|it| value(it.inodes_used.as_ref())).unwrap_or_default();
            container.rootfs = Some(part(used, nodes));
            let (logs, log_inodes) = walked.logs.get(&container.name).copied().unwrap_or_default();
            container.logs = Some(part(logs, log_inodes));
            bytes += used + logs;
            inodes += nodes + log_inodes;
        }
        for (name, used, nodes) in &walked.volumes {
            bytes += used;
            inodes += nodes;
            let volume = pod.spec.volumes.iter().find(|volume| volume.name == *name);
            let claim = volume.and_then(|volume| volume.persistent_volume_claim.as_ref());
            stats.volumes.push(VolumeStats {
                fs: part(*used, *nodes),
                name: name.clone(),
                pvc_ref: claim.map(|claim| ClaimReference {
                    name: claim.claim_name.clone(),
                    namespace: pod.metadata.namespace.clone(),
                }),
            });
        }
        stats.ephemeral_storage = Some(part(bytes, inodes));
    }

    /// The networks of pods by uid, where the runtime tells them.
    async fn networks(&self) -> HashMap<String, NetworkStats> {
        let stats = match self.parts.runtime.services().runtime.list_pod_sandbox_stats(None).await {
            Ok(stats) => stats,
            Err(error) => {
                tracing::debug!(%error, "the runtime does not tell what sandboxes use");
                return HashMap::new();
            }
        };
        let interface = |it: &api::NetworkInterfaceUsage| InterfaceStats {
            name: it.name.clone(),
            rx_bytes: value(it.rx_bytes.as_ref()),
            rx_errors: value(it.rx_errors.as_ref()),
            tx_bytes: value(it.tx_bytes.as_ref()),
            tx_errors: value(it.tx_errors.as_ref()),
        };
        let one = |stat: &api::PodSandboxStats| {
            let uid = stat.attributes.as_ref()?.labels.get(POD_UID)?.clone();
            let network = stat.linux.as_ref()?.network.as_ref()?;
            let default = network.default_interface.as_ref().map(interface)?;
            let mut interfaces: Vec<_> = network.interfaces.iter().map(interface).collect();
            interfaces.insert(0, default.clone());
            let network = NetworkStats {
                time: from_nanos(network.timestamp),
                default,
                interfaces,
            };
            Some((uid, network))
        };
        stats.iter().filter_map(one).collect()
    }
}

/// The uid of the pod and the name of the container that figures are about.
fn owner(stat: &api::ContainerStats) -> Option<(String, String)> {
    let labels = &stat.attributes.as_ref()?.labels;
    Some((labels.get(POD_UID)?.clone(), labels.get(CONTAINER_NAME)?.clone()))
}

fn from_nanos(nanos: i64) -> String {
    Timestamp::from_nanosecond(i128::from(nanos))
        .map(shown)
        .unwrap_or_default()
}

fn whole(fs: &FileSystem, used: u64, time: &str) -> FsStats {
    FsStats {
        time: time.to_owned(),
        available_bytes: Some(fs.available),
        capacity_bytes: Some(fs.capacity),
        used_bytes: Some(used),
        inodes_free: Some(fs.inodes_free),
        inodes: Some(fs.inodes),
        inodes_used: Some(fs.inodes - fs.inodes_free),
    }
}

/// Volumes that lie in the pod's own directory.
fn plugin(volume: &Volume) -> Option<&'static str> {
    let in_memory = |medium: &str| medium == "Memory";
    if let Some(source) = &volume.empty_dir {
        return (!in_memory(&source.medium)).then_some("kubernetes.io~empty-dir");
    }
    volume.config_map.as_ref().map(|_| "kubernetes.io~configmap")
}

fn walk(root: &Path, logs: &Path, pod: &Pod) -> Walked {
    let meta = &pod.metadata;
    let directory = root.join("pods").join(&meta.uid).join("volumes");
    let volumes = pod.spec.volumes.iter().filter_map(|volume| {
        let (bytes, inodes) = directory_usage(&directory.join(plugin(volume)?).join(&volume.name));
        Some((volume.name.clone(), bytes, inodes))
    });
    let logs = logs.join(format!("{}_{}_{}", meta.namespace, meta.name, meta.uid));
    let names = kubelet_types::container::all(pod).map(|(_, container)| container.name.clone());
    Walked {
        volumes: volumes.collect(),
        logs: names
            .map(|name| {
                let usage = directory_usage(&logs.join(&name));
                (name, usage)
            })
            .collect(),
    }
}

/// The node's interfaces but for the loopback.
fn node_network(time: &str) -> Option<NetworkStats> {
    let table = std::fs::read_to_string("/proc/self/net/dev").ok()?;
    let rows = table.lines().skip(2).filter_map(|line| {
        let (name, rest) = line.split_once(':')?;
        let columns: Vec<u64> = rest.split_whitespace().filter_map(|it| it.parse().ok()).collect();
        let column = |index: usize| columns.get(index).copied();
        Some(InterfaceStats {
            name: name.trim().to_owned(),
            rx_bytes: column(0),
            rx_errors: column(2),
            tx_bytes: column(8),
            tx_errors: column(10),
        })
    });
    let interfaces: Vec<_> = rows.filter(|it| it.name != "lo").collect();
    let default = interfaces
        .iter()
        .find(|it| it.name == "eth0")
        .or(interfaces.first())?
        .clone();
    Some(NetworkStats {
        time: time.to_owned(),
        default,
        interfaces,
    })
}
