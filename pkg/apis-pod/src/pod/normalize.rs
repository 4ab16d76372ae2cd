//! The canonical form of what clients may write in several ways, or wrote long ago.
//!
//! Upstream gets there by converting to its internal types and back.

use k8s_api::{
    Map,
    core::v1::{Pod, PodIP, PodSpec, PodTemplateSpec},
};

/// Annotations that once held init containers.
const INIT_CONTAINER_ANNOTATIONS: [&str; 4] = [
    "pod.alpha.kubernetes.io/init-container-statuses",
    "pod.alpha.kubernetes.io/init-containers",
    "pod.beta.kubernetes.io/init-container-statuses",
    "pod.beta.kubernetes.io/init-containers",
];

fn drop_init_container_annotations(annotations: &mut Map<String>) {
    for name in INIT_CONTAINER_ANNOTATIONS {
        annotations.remove(name);
    }
}

/// Makes both names of the service account agree, and the security context present.
pub fn normalize_pod_spec(spec: &mut PodSpec) {
    if spec.service_account_name.is_empty() {
        spec.service_account_name.clone_from(&spec.service_account);
    } else {
        spec.service_account.clone_from(&spec.service_account_name);
    }
    spec.security_context.get_or_insert_default();
}

/// [`normalize_pod_spec`] for a template.
pub fn normalize_template_spec(template: &mut PodTemplateSpec) {
    normalize_pod_spec(&mut template.spec);
    drop_init_container_annotations(&mut template.metadata.annotations);
}

/// [`normalize_pod_spec`] for a pod, whose negative grace period becomes a second, and whose address
/// is the first of its addresses.
pub fn normalize_pod(pod: &mut Pod) {
    normalize_pod_spec(&mut pod.spec);
    drop_init_container_annotations(&mut pod.metadata.annotations);
    if let Some(period) = pod
        .spec
        .termination_grace_period_seconds
        .as_mut()
        .filter(|period| **period < 0)
    {
        *period = 1;
    }
    let status = &mut pod.status;
    match status.pod_ips.first() {
        // An old kubelet knows the one address only.
        Some(first) if !status.pod_ip.is_empty() && status.pod_ip != first.ip => {
            status.pod_ips = vec![PodIP {
                ip: status.pod_ip.clone(),
            }];
        }
        Some(first) => status.pod_ip.clone_from(&first.ip),
        None if !status.pod_ip.is_empty() => status.pod_ips.push(PodIP {
            ip: status.pod_ip.clone(),
        }),
        None => {}
    }
}
