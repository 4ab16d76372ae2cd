//! The configuration of sandboxes.

use std::fs;

use cri_client::api::{LinuxPodSandboxConfig, PodSandboxConfig, PodSandboxMetadata, PortMapping, Protocol};
use k8s_api::core::v1::Pod;
use kubelet_types::pod::{hostname_and_domain, kernel_hostname};
use kubelet_types::seams::{EventType, pod_reference};

use crate::container::log_directory;
use crate::dns::pod_dns;
use crate::labels;
use crate::resources;
use crate::runtime::KubeRuntime;
use crate::security;

impl KubeRuntime {
    /// What a sandbox is made from.
    pub(crate) fn sandbox_config(
        &self,
        pod: &Pod,
        attempt: u32,
        cgroup_parent: &str,
    ) -> Result<PodSandboxConfig, String> {
        let (dns, warnings) = pod_dns(pod, &self.options.dns)?;
        for warning in warnings {
            let reason = if warning.starts_with("pod: ") {
                "MissingClusterDNS"
            } else {
                "DNSConfigForming"
            };
            self.parts
                .recorder
                .event(&pod_reference(pod), EventType::Warning, reason, &warning);
        }
        let hostname = if pod.spec.host_network {
            String::new()
        } else {
            let (hostname, domain) = hostname_and_domain(pod, &self.options.dns.cluster_domain)?;
            kernel_hostname(pod, &hostname, &domain)?
        };
        let context = pod.spec.security_context.as_deref();
        let sysctls = context.iter().flat_map(|context| &context.sysctls);
        let (pod_resources, overhead) = resources::of_pod(pod, &self.options);
        let meta = &pod.metadata;
        Ok(PodSandboxConfig {
            metadata: Some(PodSandboxMetadata {
                name: meta.name.clone(),
                uid: meta.uid.clone(),
                namespace: meta.namespace.clone(),
                attempt,
            }),
            hostname,
            log_directory: self.options.pod_logs.join(log_directory(pod)).display().to_string(),
            dns_config: Some(dns),
            port_mappings: port_mappings(pod),
            labels: labels::sandbox_labels(pod),
            annotations: labels::sandbox_annotations(pod),
            linux: Some(LinuxPodSandboxConfig {
                cgroup_parent: cgroup_parent.to_owned(),
                security_context: Some(security::of_sandbox(pod)?),
                sysctls: sysctls
                    .map(|sysctl| (sysctl.name.clone(), sysctl.value.clone()))
                    .collect(),
                overhead,
                resources: Some(pod_resources),
            }),
            windows: None,
        })
    }

    /// Makes the directory that the runtime writes logs to.
    pub(crate) fn make_log_directory(&self, config: &PodSandboxConfig) -> Result<(), String> {
        fs::create_dir_all(&config.log_directory).map_err(|error| format!("mkdir {}: {error}", config.log_directory))
    }
}

fn port_mappings(pod: &Pod) -> Vec<PortMapping> {
    let sidecars = pod
        .spec
        .init_containers
        .iter()
        .filter(|it| kubelet_types::container::is_sidecar(it));
    let ports = pod
        .spec
        .containers
        .iter()
        .chain(sidecars)
        .flat_map(|container| &container.ports);
    let mapping = |port: &k8s_api::core::v1::ContainerPort| PortMapping {
        protocol: match port.protocol.as_str() {
            "UDP" => Protocol::Udp,
            "SCTP" => Protocol::Sctp,
            _ => Protocol::Tcp,
        } as i32,
        container_port: port.container_port,
        host_port: port.host_port,
        host_ip: port.host_ip.clone(),
    };
    ports.map(mapping).collect()
}
