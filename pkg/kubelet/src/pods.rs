//! Which pods there are to be.
//!
//! Pods come from the API server and from files; a file's pod is shown in the API by a mirror pod, which is never run itself.
//! Upstream counterpart: `pkg/kubelet/config` and `pkg/kubelet/pod`.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io;
use std::path::Path;
use std::sync::Arc;

use k8s_api::Kind;
use k8s_api::core::v1::{Pod, Toleration};
use k8s_api::meta::v1::OwnerReference;
use kubelet_types::pod::{
    CONFIG_HASH_ANNOTATION, CONFIG_MIRROR_ANNOTATION, CONFIG_SEEN_ANNOTATION, CONFIG_SOURCE_ANNOTATION, full_name,
    is_mirror,
};
use parking_lot::RwLock;

/// Where pods come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Source {
    /// The API server.
    Api,
    /// Files of the node.
    File,
}

/// What a source says.
#[derive(Clone, Debug)]
pub enum PodEvent {
    /// These are all its pods.
    Set(Source, Vec<Arc<Pod>>),
    /// A pod is new or another.
    Applied(Source, Arc<Pod>),
    /// The pod with this uid is gone.
    Deleted(Source, String),
}

/// What follows from an event.
#[derive(Clone, Debug, PartialEq)]
pub enum PodChange {
    /// The pod is to be as it is now.
    Update(Arc<Pod>),
    /// The pod is to be no more.
    Remove(String),
    /// The mirror of the static pod with this uid changed.
    Mirror(String),
}

/// All pods of the node.
#[derive(Default)]
pub struct PodStore {
    state: RwLock<State>,
}

#[derive(Default)]
struct State {
    pods: BTreeMap<String, (Source, Arc<Pod>)>,
    /// Mirror pods by full name.
    mirrors: BTreeMap<String, Arc<Pod>>,
    seen: BTreeSet<Source>,
}

impl PodStore {
    /// Takes an event in.
    pub fn apply(&self, event: PodEvent) -> Vec<PodChange> {
        let mut state = self.state.write();
        let mut changes = Vec::new();
        match event {
            PodEvent::Set(source, pods) => {
                state.seen.insert(source);
                let uids: BTreeSet<_> = pods.iter().map(|pod| pod.metadata.uid.clone()).collect();
                let gone = state
                    .pods
                    .iter()
                    .filter(|(uid, (from, _))| *from == source && !uids.contains(*uid));
                let mut gone: Vec<_> = gone.map(|(uid, _)| uid.clone()).collect();
                if source == Source::Api {
                    let mirrors = state.mirrors.values().map(|pod| &pod.metadata.uid);
                    gone.extend(mirrors.filter(|uid| !uids.contains(*uid)).cloned());
                }
                gone.iter().for_each(|uid| state.remove(source, uid, &mut changes));
                pods.into_iter().for_each(|pod| state.put(source, pod, &mut changes));
            }
            PodEvent::Applied(source, pod) => state.put(source, pod, &mut changes),
            PodEvent::Deleted(source, uid) => state.remove(source, &uid, &mut changes),
        }
        changes
    }

    /// Whether every source has told all its pods at least once; before that nothing may be removed.
    #[must_use]
    pub fn all_sources_seen(&self, sources: &[Source]) -> bool {
        let state = self.state.read();
        sources.iter().all(|source| state.seen.contains(source))
    }

    /// The pod with this uid.
    #[must_use]
    pub fn get(&self, uid: &str) -> Option<Arc<Pod>> {
        self.state.read().pods.get(uid).map(|(_, pod)| pod.clone())
    }

    /// All pods that are run, static ones included and mirrors not.
    #[must_use]
    pub fn list(&self) -> Vec<Arc<Pod>> {
        self.state.read().pods.values().map(|(_, pod)| pod.clone()).collect()
    }

    /// The mirror of a static pod.
    #[must_use]
    pub fn mirror_of(&self, pod: &Pod) -> Option<Arc<Pod>> {
        self.state.read().mirrors.get(&full_name(pod)).cloned()
    }

    /// Mirrors whose static pods are gone.
    #[must_use]
    pub fn orphaned_mirrors(&self) -> Vec<Arc<Pod>> {
        let state = self.state.read();
        let own: BTreeSet<_> = state
            .pods
            .values()
            .filter(|(source, _)| *source == Source::File)
            .map(|(_, pod)| full_name(pod))
            .collect();
        state
            .mirrors
            .iter()
            .filter(|(name, _)| !own.contains(*name))
            .map(|(_, pod)| pod.clone())
            .collect()
    }
}

impl State {
    fn static_uid(&self, name: &str) -> Option<String> {
        let mut own = self.pods.iter().filter(|(_, (source, _))| *source == Source::File);
        own.find(|(_, (_, pod))| full_name(pod) == name)
            .map(|(uid, _)| uid.clone())
    }

    fn put(&mut self, source: Source, pod: Arc<Pod>, changes: &mut Vec<PodChange>) {
        if source == Source::Api && is_mirror(&pod) {
            let name = full_name(&pod);
            self.mirrors.insert(name.clone(), pod);
            changes.extend(self.static_uid(&name).map(PodChange::Mirror));
            return;
        }
        let uid = pod.metadata.uid.clone();
        let same = self.pods.get(&uid).is_some_and(|(_, held)| *held == pod);
        if !same {
            self.pods.insert(uid, (source, pod.clone()));
            changes.push(PodChange::Update(pod));
        }
    }

    fn remove(&mut self, source: Source, uid: &str, changes: &mut Vec<PodChange>) {
        if self.pods.get(uid).is_some_and(|(from, _)| *from == source) {
            self.pods.remove(uid);
            changes.push(PodChange::Remove(uid.to_owned()));
            return;
        }
        let mirror = self
            .mirrors
            .iter()
            .find(|(_, pod)| pod.metadata.uid == uid)
            .map(|(name, _)| name.clone());
        if let Some(name) = mirror {
            self.mirrors.remove(&name);
            changes.extend(self.static_uid(&name).map(PodChange::Mirror));
        }
    }
}

/// A file of a static pod cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ManifestError {
    /// It cannot be read.
    #[error("{path}: {source}")]
    Read {
        /// The file.
        path: String,
        /// The system's words.
        source: io::Error,
    },
    /// It holds no pod.
    #[error("{path}: couldn't parse as pod: {reason}, please check config file")]
    Parse {
        /// The file.
        path: String,
        /// What is wrong with it.
        reason: String,
    },
}

/// The pods in the files of a directory (or in one file), and what is wrong with the others. Names that begin with a dot are
/// passed over.
///
/// # Errors
/// If the directory cannot be listed; a missing one holds no pods.
pub fn read_static_pods(path: &Path, node: &str) -> io::Result<(Vec<Arc<Pod>>, Vec<ManifestError>)> {
    let mut files = Vec::new();
    match fs::metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok((Vec::new(), Vec::new())),
        Err(error) => return Err(error),
        Ok(metadata) if metadata.is_dir() => {
            for entry in fs::read_dir(path)? {
                let entry = entry?;
                let hidden = entry.file_name().as_encoded_bytes().starts_with(b".");
                if !hidden && fs::metadata(entry.path()).is_ok_and(|metadata| metadata.is_file()) {
                    files.push(entry.path());
                }
            }
        }
        Ok(_) => files.push(path.to_owned()),
    }
    files.sort();
    let (mut pods, mut errors) = (Vec::new(), Vec::new());
    for file in files {
        match read_manifest(&file, node) {
            Ok(pod) => pods.push(Arc::new(pod)),
            Err(error) => errors.push(error),
        }
    }
    Ok((pods, errors))
}

fn read_manifest(path: &Path, node: &str) -> Result<Pod, ManifestError> {
    let shown = path.display().to_string();
    let bytes = fs::read(path).map_err(|source| ManifestError::Read {
        path: shown.clone(),
        source,
    })?;
    let parse = |reason: String| ManifestError::Parse {
        path: shown.clone(),
        reason,
    };
    let value: serde_json::Value =
        component_base::config::from_slice(&bytes).map_err(|error| parse(error.to_string()))?;
    if value["kind"] != "Pod" || value["apiVersion"] != "v1" {
        return Err(parse(format!(
            "unexpected kind {} of {}",
            value["kind"], value["apiVersion"]
        )));
    }
    let mut pod = Pod::from_value(value.clone()).map_err(|error| parse(error.to_string()))?;
    if pod.metadata.name.is_empty() || pod.spec.containers.is_empty() {
        return Err(parse("a pod needs a name and containers".to_owned()));
    }
    complete_static(&mut pod, &shown, node, value.to_string().as_bytes());
    Ok(pod)
}

/// Gives a static pod what the API server would have given it: identity, defaults, and the tolerations of static pods.
fn complete_static(pod: &mut Pod, path: &str, node: &str, content: &[u8]) {
    let fnv = |seed: u64, bytes: &[u8]| {
        bytes.iter().fold(seed, |hash, byte| {
            (hash ^ u64::from(*byte)).wrapping_mul(0x100_0000_01b3)
        })
    };
    let mut low = fnv(0xcbf2_9ce4_8422_2325, content);
    let mut high = fnv(0x8422_2325_cbf2_9ce4, content);
    for part in [format!("host:{node}"), format!("file:{path}")] {
        (low, high) = (fnv(low, part.as_bytes()), fnv(high, part.as_bytes()));
    }
    let hash = format!("{high:016x}{low:016x}");
    let meta = &mut pod.metadata;
    if meta.uid.is_empty() {
        meta.uid.clone_from(&hash);
    }
    if meta.namespace.is_empty() {
        "default".clone_into(&mut meta.namespace);
    }
    meta.name = format!("{}-{}", meta.name, node.to_lowercase());
    meta.annotations.insert(CONFIG_HASH_ANNOTATION, hash);
    meta.annotations.insert(CONFIG_SOURCE_ANNOTATION, "file".to_owned());
    meta.annotations
        .insert(CONFIG_SEEN_ANNOTATION, k8s_api::primitives::Time::now().to_string());
    let spec = &mut pod.spec;
    node.clone_into(&mut spec.node_name);
    spec.tolerations.push(Toleration {
        operator: "Exists".to_owned(),
        effect: "NoExecute".to_owned(),
        ..Default::default()
    });
    let default = |text: &mut String, value: &str| {
        if text.is_empty() {
            value.clone_into(text);
        }
    };
    default(&mut spec.restart_policy, "Always");
    default(&mut spec.dns_policy, "ClusterFirst");
    spec.termination_grace_period_seconds.get_or_insert(30);
    spec.enable_service_links.get_or_insert(true);
    for container in spec.init_containers.iter_mut().chain(&mut spec.containers) {
        default(&mut container.termination_message_path, "/dev/termination-log");
        default(&mut container.termination_message_policy, "File");
        let latest = !container.image.contains('@')
            && container
                .image
                .rsplit('/')
                .next()
                .is_some_and(|name| !name.contains(':') || name.ends_with(":latest"));
        default(
            &mut container.image_pull_policy,
            if latest { "Always" } else { "IfNotPresent" },
        );
        for probe in [
            &mut container.startup_probe,
            &mut container.liveness_probe,
            &mut container.readiness_probe,
        ] {
            let Some(probe) = probe else { continue };
            for (value, default) in [
                (&mut probe.timeout_seconds, 1),
                (&mut probe.period_seconds, 10),
                (&mut probe.success_threshold, 1),
                (&mut probe.failure_threshold, 3),
            ] {
                if *value == 0 {
                    *value = default;
                }
            }
        }
    }
}

/// The mirror that is to be made for a static pod; the node owns it, if the node is known.
#[must_use]
pub fn mirror_for(pod: &Pod, node: Option<(&str, &str)>) -> Pod {
    let mut mirror = pod.clone();
    let hash = pod
        .metadata
        .annotations
        .get(CONFIG_HASH_ANNOTATION)
        .cloned()
        .unwrap_or_default();
    mirror.metadata.annotations.insert(CONFIG_MIRROR_ANNOTATION, hash);
    mirror.metadata.uid = String::new();
    if let Some((name, uid)) = node {
        mirror.metadata.owner_references = vec![OwnerReference {
            api_version: "v1".to_owned(),
            kind: "Node".to_owned(),
            name: name.to_owned(),
            uid: uid.to_owned(),
            controller: Some(true),
            ..Default::default()
        }];
    }
    mirror
}

/// Whether a mirror shows this very static pod.
#[must_use]
pub fn is_mirror_of(mirror: &Pod, pod: &Pod) -> bool {
    let hash = pod.metadata.annotations.get(CONFIG_HASH_ANNOTATION);
    mirror.metadata.deletion_timestamp.is_none() && mirror.metadata.annotations.get(CONFIG_MIRROR_ANNOTATION) == hash
}
