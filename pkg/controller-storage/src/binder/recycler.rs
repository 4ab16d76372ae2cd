//! Scrubbing a volume by a pod that deletes everything in it.

use std::time::Duration;

use client_go::api::{DeleteOptions, WatchOptions};
use client_go::events::EventType;
use client_go::rest::watch::WatchEvent;
use controller::config::PersistentVolumeRecyclerConfiguration;
use k8s_api::Kind as _;
use k8s_api::core::v1::{Event, HostPathVolumeSource, PersistentVolume, Pod, Volume};
use serde_json::{Value, json};

use super::Binder;
use crate::claims::capacity;

const GIBI: i64 = 1 << 30;
/// Longer than any deadline of a scrubbing pod is waited for, should its end be missed.
const PATIENCE: Duration = Duration::from_secs(24 * 3600);

/// How volumes of one kind are scrubbed.
struct Recycler {
    template: Pod,
    /// Seconds that it may take at least.
    least: i64,
    /// Seconds more for each Gi.
    increment: i64,
}

/// How volumes are scrubbed, by kind.
pub(super) struct Recyclers {
    host_path: Recycler,
    nfs: Recycler,
}

/// The pod that scrubs where no other is configured.
fn default_template() -> Pod {
    let scrub = "test -e /scrub && find /scrub -mindepth 1 -delete && test -z \"$(ls -A /scrub)\" || exit 1";
    let pod = json!({
        "metadata": {"generateName": "pv-recycler-", "namespace": "default"},
        "spec": {
            "activeDeadlineSeconds": 60,
            "restartPolicy": "Never",
            "volumes": [{"name": "vol"}],
            "containers": [{
                "name": "pv-recycler",
                "image": "registry.k8s.io/build-image/debian-base:bookworm-v1.0.6",
                "command": ["/bin/sh"],
                "args": ["-c", scrub],
                "volumeMounts": [{"name": "vol", "mountPath": "/scrub"}],
            }],
        },
    });
    Pod::from_value(pod).expect("the template is a pod")
}

fn load(file: &str) -> Result<Pod, String> {
    if file.is_empty() {
        return Ok(default_template());
    }
    let refused = |why: String| format!("could not create recycler pod from file {file}: {why}");
    let text = std::fs::read_to_string(file).map_err(|error| refused(error.to_string()))?;
    let value: Value = serde_saphyr::from_str(&text).map_err(|error| refused(error.to_string()))?;
    let pod = Pod::from_value(value).map_err(|error| refused(error.to_string()))?;
    if pod.spec.volumes.is_empty() {
        return Err(refused("does not contain any volume(s)".to_owned()));
    }
    Ok(pod)
}

impl Recyclers {
    /// Reads the templates that are configured.
    pub(super) fn load(config: &PersistentVolumeRecyclerConfiguration) -> Result<Self, String> {
        Ok(Self {
            host_path: Recycler {
                template: load(&config.pod_template_file_path_host_path)?,
                least: config.minimum_timeout_host_path.into(),
                increment: config.increment_timeout_host_path.into(),
            },
            nfs: Recycler {
                template: load(&config.pod_template_file_path_nfs)?,
                least: config.minimum_timeout_nfs.into(),
                increment: config.increment_timeout_nfs.into(),
            },
        })
    }

    /// The pod that scrubs a volume; `None` if volumes of its kind cannot be.
    pub(super) fn pod(&self, volume: &PersistentVolume) -> Option<Pod> {
        let spec = &volume.spec;
        let mut source = Volume::default();
        let recycler = if let Some(host_path) = &spec.host_path {
            source.host_path = Some(Box::new(HostPathVolumeSource {
                path: host_path.path.clone(),
                ..HostPathVolumeSource::default()
            }));
            &self.host_path
        } else {
            source.nfs = Some(spec.nfs.clone()?);
            &self.nfs
        };
        let mut pod = recycler.template.clone();
        pod.metadata.generate_name.clear();
        pod.metadata.name = format!("recycler-for-{}", volume.metadata.name);
        let seconds = capacity(volume).value() / GIBI * recycler.increment;
        pod.spec.active_deadline_seconds = Some(seconds.max(recycler.least));
        let first = pod.spec.volumes.first_mut()?;
        source.name = std::mem::take(&mut first.name);
        *first = source;
        Some(pod)
    }
}

impl Binder {
    /// Runs a scrubbing pod to its end.
    pub(super) async fn scrub(&self, volume: &PersistentVolume, pod: Pod) -> Result<(), String> {
        let (namespace, name) = (pod.metadata.namespace.clone(), pod.metadata.name.clone());
        let api = self.client.namespaced::<Pod>(namespace.clone());
        let created = match api.create(&pod).await {
            Ok(created) => created,
            Err(error) if error.is_already_exists() => {
                api.delete(&name, &DeleteOptions::default())
                    .await
                    .map_err(|error| format!("failed to delete old recycler pod {namespace}/{name}: {error}"))?;
                return Err("old recycler pod found, will retry later".to_owned());
            }
            Err(error) => return Err(format!("unexpected error creating recycler pod:  {error}")),
        };
        let outcome = tokio::select! {
            outcome = tokio::time::timeout(PATIENCE, self.wait_for_pod(&created)) => {
                outcome.unwrap_or_else(|_| Err("recycler pod did not end".to_owned()))
            }
            error = self.relay_events(volume, &created) => Err(error),
        };
        let deleted = api.delete(&name, &DeleteOptions::default()).await;
        outcome.map_err(|error| format!("failed to recycle volume: {error}"))?;
        match deleted {
            Err(error) if !error.is_not_found() => Err(format!("failed to delete recycler pod: {error}")),
            _ => Ok(()),
        }
    }

    async fn wait_for_pod(&self, pod: &Pod) -> Result<(), String> {
        let options = WatchOptions {
            field_selector: format!("metadata.name={}", pod.metadata.name),
            resource_version: pod.metadata.resource_version.clone(),
            ..WatchOptions::default()
        };
        let api = self.client.namespaced::<Pod>(pod.metadata.namespace.clone());
        let mut watch = api.watch(&options).await.map_err(|error| error.to_string())?;
        while let Some(event) = watch.next().await {
            match event.map_err(|error| format!("recycler pod watcher failed: {error}"))? {
                WatchEvent::Added(pod) | WatchEvent::Modified(pod) => match pod.status.phase.as_str() {
                    "Succeeded" => return Ok(()),
                    "Failed" if pod.status.message.is_empty() => {
                        return Err("pod failed, pod.Status.Message unknown".to_owned());
                    }
                    "Failed" => return Err(pod.status.message),
                    _ => {}
                },
                WatchEvent::Deleted(_) => return Err("recycler pod was deleted".to_owned()),
                WatchEvent::Bookmark { .. } => {}
            }
        }
        Err(format!(
            "recycler pod {:?} watch channel had been closed",
            pod.metadata.name
        ))
    }

    /// Tells of the volume what is told of its scrubbing pod; ends only if that cannot be known.
    async fn relay_events(&self, volume: &PersistentVolume, pod: &Pod) -> String {
        let options = WatchOptions {
            field_selector: format!("involvedObject.name={}", pod.metadata.name),
            ..WatchOptions::default()
        };
        let api = self.client.namespaced::<Event>(pod.metadata.namespace.clone());
        match api.watch(&options).await {
            Err(error) => tracing::debug!(%error, "cannot watch the events of a recycler pod"),
            Ok(mut watch) => {
                while let Some(Ok(event)) = watch.next().await {
                    if let WatchEvent::Added(event) = event {
                        let kind = if event.type_ == "Warning" {
                            EventType::Warning
                        } else {
                            EventType::Normal
                        };
                        let note = format!("Recycler pod: {}", event.message);
                        self.recorder.event(volume, kind, "RecyclerPod", note);
                    }
                }
            }
        }
        // Events are a courtesy; the pod's end is waited for without them.
        std::future::pending().await
    }
}
