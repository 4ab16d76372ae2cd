//! The calls that a pod of one container cannot do without, made by nobody's kubelet.

use std::time::{Duration, Instant};

use cri_client::RuntimeService as _;
use cri_client::api::{
    ContainerConfig, ContainerMetadata, ImageSpec, LinuxContainerConfig, LinuxContainerSecurityContext,
    LinuxPodSandboxConfig, LinuxSandboxSecurityContext, NamespaceMode, NamespaceOption, PodSandboxConfig,
    PodSandboxMetadata, ProfileType, SecurityProfile,
};
use perf::latency::Latency;

use crate::Failure;
use crate::cluster::Cluster;
use crate::pods::{COMMAND, IMAGE};

/// How long each call took.
pub(crate) struct Raw {
    /// `RunPodSandbox`.
    pub(crate) sandbox: Latency,
    /// `CreateContainer`.
    pub(crate) create: Latency,
    /// `StartContainer`.
    pub(crate) start: Latency,
    /// The three of one pod together.
    pub(crate) sum: Latency,
}

fn namespaces() -> NamespaceOption {
    NamespaceOption {
        pid: NamespaceMode::Container as i32,
        ..Default::default()
    }
}

fn sandbox(round: usize) -> PodSandboxConfig {
    PodSandboxConfig {
        metadata: Some(PodSandboxMetadata {
            name: format!("raw-{round}"),
            uid: format!("raw-{round}"),
            namespace: "perf".to_owned(),
            attempt: 0,
        }),
        hostname: format!("raw-{round}"),
        log_directory: "/var/log/pods/raw".to_owned(),
        linux: Some(LinuxPodSandboxConfig {
            // Not below the pods' own: the kubelet takes away what it does not know there.
            cgroup_parent: format!("/kubernox-1-system/raw-{round}"),
            security_context: Some(LinuxSandboxSecurityContext {
                namespace_options: Some(namespaces()),
                // As every kubelet has it; it is a good part of the time that a sandbox takes.
                seccomp: Some(SecurityProfile {
                    profile_type: ProfileType::RuntimeDefault as i32,
                    ..Default::default()
                }),
                ..Default::default()
            }),
            ..Default::default()
        }),
        ..Default::default()
    }
}

fn container(round: usize) -> ContainerConfig {
    ContainerConfig {
        metadata: Some(ContainerMetadata {
            name: "c".to_owned(),
            attempt: 0,
        }),
        image: Some(ImageSpec {
            image: IMAGE.to_owned(),
            ..Default::default()
        }),
        command: COMMAND.map(str::to_owned).into(),
        log_path: format!("{round}.log"),
        linux: Some(LinuxContainerConfig {
            security_context: Some(LinuxContainerSecurityContext {
                namespace_options: Some(namespaces()),
                ..Default::default()
            }),
            ..Default::default()
        }),
        ..Default::default()
    }
}

/// Makes so many pods, one after the other, on the first node, and takes them away again.
///
/// # Errors
/// A call fails.
pub(crate) async fn measure(cluster: &Cluster, rounds: usize) -> Result<Raw, Failure> {
    let logs = cluster.of_first_node("pod-logs/raw");
    std::fs::create_dir_all(&logs).map_err(|error| Failure::Io(logs.display().to_string(), error))?;
    let runtime = cluster.runtime().await?;
    let (mut sandboxes, mut creates, mut starts, mut sums) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for round in 0..rounds {
        let (pod, content) = (sandbox(round), container(round));
        let begun = Instant::now();
        let id = runtime.run_pod_sandbox(&pod, "").await?;
        let made = begun.elapsed();
        let inside = runtime.create_container(&id, &content, &pod).await?;
        let created = begun.elapsed();
        runtime.start_container(&inside).await?;
        let started = begun.elapsed();
        sandboxes.push(made);
        creates.push(created - made);
        starts.push(started - created);
        sums.push(started);
        runtime.stop_container(&inside, Duration::ZERO).await?;
        runtime.remove_container(&inside).await?;
        runtime.stop_pod_sandbox(&id).await?;
        runtime.remove_pod_sandbox(&id).await?;
    }
    Ok(Raw {
        sandbox: Latency::new(sandboxes),
        create: Latency::new(creates),
        start: Latency::new(starts),
        sum: Latency::new(sums),
    })
}
