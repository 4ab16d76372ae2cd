//! The configuration of containers.

use std::fs;

use cri_client::api::{
    ContainerConfig, ContainerMetadata, Image, ImageSpec, KeyValue, LinuxContainerConfig, NamespaceMode, Signal,
};
use k8s_api::core::v1::{Container, Pod};
use kubelet_types::expansion::expand;
use kubelet_types::fields::Addresses;
use kubelet_types::pod::hostname_and_domain;
use kubelet_volume::PodPaths;

use crate::environment;
use crate::labels;
use crate::mounts::MountContext;
use crate::resources;
use crate::runtime::KubeRuntime;
use crate::security::{self, ImageUser};
use crate::sync::SyncContext;

impl KubeRuntime {
    /// What a container is made from. `target` is the container whose processes an ephemeral one sees.
    pub(crate) async fn container_config(
        &self,
        context: &SyncContext<'_>,
        container: &Container,
        image: &Image,
        restart_count: i32,
        ips: &[String],
        target: Option<&str>,
    ) -> Result<ContainerConfig, String> {
        let pod = context.pod;
        let addresses = Addresses {
            pod_ips: ips,
            host_ips: context.host_ips,
        };
        let environment = environment::of_container(&*self.parts.objects, pod, container, &addresses).await?;
        let user = ImageUser {
            // An image that names no user runs as root.
            uid: match &image.uid {
                Some(uid) => Some(uid.value),
                None => image.username.is_empty().then_some(0),
            },
            name: image.username.clone(),
        };
        security::verify_non_root(pod, container, &user)?;
        let (hostname, domain) = hostname_and_domain(pod, &self.options.dns.cluster_domain)?;
        let paths = PodPaths::new(&self.options.root, &pod.metadata.uid);
        let mounts = MountContext {
            pod,
            container,
            volumes: context.volumes,
            paths: &paths,
            mounter: &*self.parts.mounter,
            environment: &environment,
            ips,
            hostname: (&hostname, &domain),
        }
        .mounts()?;
        let directory = self.options.pod_logs.join(log_directory(pod)).join(&container.name);
        fs::create_dir_all(&directory).map_err(|error| {
            format!(
                "create container log directory for container {} failed: {error}",
                container.name
            )
        })?;
        let mut security = security::of_container(pod, container, &user, &self.options)?;
        if let (Some(target), Some(options)) = (target, &mut security.namespace_options) {
            options.pid = NamespaceMode::Target as i32;
            target.clone_into(&mut options.target_id);
        }
        let words = |list: &[String]| -> Vec<String> {
            list.iter()
                .map(|word| expand(word, |name| environment.get(name).cloned()))
                .collect()
        };
        let stop_signal = container
            .lifecycle
            .as_deref()
            .and_then(|lifecycle| lifecycle.stop_signal.as_deref());
        Ok(ContainerConfig {
            metadata: Some(ContainerMetadata {
                name: container.name.clone(),
                attempt: u32::try_from(restart_count).unwrap_or_default(),
            }),
            image: Some(ImageSpec {
                image: image.id.clone(),
                user_specified_image: container.image.clone(),
                ..Default::default()
            }),
            command: words(&container.command),
            args: words(&container.args),
            working_dir: container.working_dir.clone(),
            envs: environment
                .into_iter()
                .map(|(key, value)| KeyValue {
                    key,
                    value: value.into_bytes(),
                })
                .collect(),
            mounts,
            labels: labels::container_labels(pod, container),
            annotations: labels::container_annotations(pod, container, restart_count),
            log_path: format!("{}/{restart_count}.log", container.name),
            stdin: container.stdin,
            stdin_once: container.stdin_once,
            tty: container.tty,
            linux: Some(LinuxContainerConfig {
                resources: Some(resources::of_container(pod, container, &self.options)),
                security_context: Some(security),
            }),
            stop_signal: stop_signal
                .and_then(Signal::from_str_name)
                .unwrap_or(Signal::RuntimeDefault) as i32,
            ..Default::default()
        })
    }

    /// How often a container was started, going by its log files; for one that the runtime does not know any more.
    pub(crate) fn restart_count_by_logs(&self, pod: &Pod, container: &Container) -> i32 {
        let directory = self.options.pod_logs.join(log_directory(pod)).join(&container.name);
        let Ok(entries) = fs::read_dir(directory) else { return 0 };
        let counts = entries.flatten().filter_map(|entry| {
            let name = entry.file_name().into_string().ok()?;
            name.split_once(".log")?.0.parse::<i32>().ok()
        });
        counts.max().map_or(0, |count| count + 1)
    }
}

/// The directory of a pod's logs below that of all logs.
#[must_use]
pub(crate) fn log_directory(pod: &Pod) -> String {
    let meta = &pod.metadata;
    format!("{}_{}_{}", meta.namespace, meta.name, meta.uid)
}
