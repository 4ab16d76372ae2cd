//! Facts that follow from a pod's specification alone.

use std::time::Duration;

use k8s_api::core::v1::Pod;

/// Where a pod came from: `api`, `file` or `http`.
pub const CONFIG_SOURCE_ANNOTATION: &str = "kubernetes.io/config.source";
/// When the kubelet first saw a pod of a file.
pub const CONFIG_SEEN_ANNOTATION: &str = "kubernetes.io/config.seen";
/// The hash of a static pod, which stands for its identity.
pub const CONFIG_HASH_ANNOTATION: &str = "kubernetes.io/config.hash";
/// Marks the API object that stands for a static pod; the value is the static pod's hash.
pub const CONFIG_MIRROR_ANNOTATION: &str = "kubernetes.io/config.mirror";

/// The lowest priority that makes a pod critical to the system.
const SYSTEM_CRITICAL_PRIORITY: i32 = 2_000_000_000;
/// The priority of pods that are critical to their node.
const NODE_CRITICAL_PRIORITY: i32 = SYSTEM_CRITICAL_PRIORITY + 1000;

/// `name_namespace(uid)`, as messages name a pod.
#[must_use]
pub fn format_pod(pod: &Pod) -> String {
    let meta = &pod.metadata;
    format!("{}_{}({})", meta.name, meta.namespace, meta.uid)
}

/// `name_namespace`.
#[must_use]
pub fn full_name(pod: &Pod) -> String {
    format!("{}_{}", pod.metadata.name, pod.metadata.namespace)
}

/// Whether the pod comes from a file or a URL.
#[must_use]
pub fn is_static(pod: &Pod) -> bool {
    pod.metadata
        .annotations
        .get(CONFIG_SOURCE_ANNOTATION)
        .is_some_and(|source| source != "api")
}

/// Whether the pod is the API's image of a static pod.
#[must_use]
pub fn is_mirror(pod: &Pod) -> bool {
    pod.metadata.annotations.contains_key(CONFIG_MIRROR_ANNOTATION)
}

/// Whether the pod must not be evicted: static, mirror, or of system priority.
#[must_use]
pub fn is_critical(pod: &Pod) -> bool {
    is_static(pod)
        || is_mirror(pod)
        || pod
            .spec
            .priority
            .is_some_and(|priority| priority >= SYSTEM_CRITICAL_PRIORITY)
}

/// Whether the pod is critical to its node.
#[must_use]
pub fn is_node_critical(pod: &Pod) -> bool {
    is_critical(pod)
        && (pod.spec.priority_class_name == "system-node-critical"
            || pod
                .spec
                .priority
                .is_some_and(|priority| priority >= NODE_CRITICAL_PRIORITY))
}

/// The seconds a pod has to end: of its deletion if there is one, or else of its specification, or else 30.
#[must_use]
pub fn grace_period(pod: &Pod) -> i64 {
    let meta = &pod.metadata;
    meta.deletion_grace_period_seconds
        .filter(|_| meta.deletion_timestamp.is_some())
        .or(pod.spec.termination_grace_period_seconds)
        .unwrap_or(30)
}

/// Whether the phase is one that a pod never leaves.
#[must_use]
pub fn is_terminal_phase(phase: &str) -> bool {
    matches!(phase, "Failed" | "Succeeded")
}

/// How long a pod may still be active, if it may not be so for ever; zero if the time is over.
#[must_use]
pub fn active_time_left(
    pod: &Pod,
    started: Option<std::time::SystemTime>,
    now: std::time::SystemTime,
) -> Option<Duration> {
    let limit = Duration::from_secs(u64::try_from(pod.spec.active_deadline_seconds?).unwrap_or_default());
    let active = now.duration_since(started?).unwrap_or_default();
    Some(limit.saturating_sub(active))
}

/// The name of the pod inside its own UTS namespace: `spec.hostname` or the pod's name cut to a label.
///
/// # Errors
/// If `spec.hostname` or `spec.subdomain` is no DNS label.
pub fn hostname_and_domain(pod: &Pod, cluster_domain: &str) -> Result<(String, String), String> {
    let spec = &pod.spec;
    if let Some(name) = &spec.hostname_override {
        return Ok((name.clone(), String::new()));
    }
    let mut hostname = if spec.hostname.is_empty() {
        pod.metadata.name.chars().take(63).collect::<String>()
    } else {
        check_label(&spec.hostname)
            .map_err(|()| format!("pod Hostname {:?} is not a valid DNS label", spec.hostname))?;
        spec.hostname.clone()
    };
    if spec.hostname.is_empty() {
        hostname = hostname.trim_end_matches(['-', '.']).to_owned();
    }
    if spec.subdomain.is_empty() {
        return Ok((hostname, String::new()));
    }
    check_label(&spec.subdomain)
        .map_err(|()| format!("pod Subdomain {:?} is not a valid DNS label", spec.subdomain))?;
    let domain = format!("{}.{}.svc.{cluster_domain}", spec.subdomain, pod.metadata.namespace);
    Ok((hostname, domain))
}

fn check_label(text: &str) -> Result<(), ()> {
    let inner = |c: u8| c.is_ascii_lowercase() || c.is_ascii_digit() || c == b'-';
    let good =
        (1..=63).contains(&text.len()) && text.bytes().all(inner) && !text.starts_with('-') && !text.ends_with('-');
    if good { Ok(()) } else { Err(()) }
}

/// The name the kernel is told: the host name, or with `setHostnameAsFQDN` the full one.
///
/// # Errors
/// If the full name is longer than the kernel takes.
pub fn kernel_hostname(pod: &Pod, hostname: &str, domain: &str) -> Result<String, String> {
    if pod.spec.set_hostname_as_fqdn != Some(true) || domain.is_empty() {
        return Ok(hostname.to_owned());
    }
    let full = format!("{hostname}.{domain}");
    if full.len() > 64 {
        return Err(format!(
            "Failed to construct FQDN from pod hostname and cluster domain, FQDN {full} is too long (64 characters is the max, {} characters requested)",
            full.len()
        ));
    }
    Ok(full)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hostnames() {
        let mut pod = Pod::default();
        pod.metadata.name = format!("{}-x", "a".repeat(62));
        pod.metadata.namespace = "ns".to_owned();
        assert_eq!(
            hostname_and_domain(&pod, "cluster.local"),
            Ok(("a".repeat(62), String::new()))
        );
        pod.spec.hostname = "web-0".to_owned();
        pod.spec.subdomain = "web".to_owned();
        let (host, domain) = hostname_and_domain(&pod, "cluster.local").expect("valid names");
        assert_eq!((host.as_str(), domain.as_str()), ("web-0", "web.ns.svc.cluster.local"));
        pod.spec.set_hostname_as_fqdn = Some(true);
        assert_eq!(
            kernel_hostname(&pod, &host, &domain),
            Ok("web-0.web.ns.svc.cluster.local".to_owned())
        );
        let long = kernel_hostname(&pod, &"b".repeat(63), &domain).expect_err("too long");
        assert!(
            long.contains("is too long (64 characters is the max, 88 characters requested)"),
            "{long}"
        );
        pod.spec.hostname = "Web".to_owned();
        assert_eq!(
            hostname_and_domain(&pod, "cluster.local"),
            Err("pod Hostname \"Web\" is not a valid DNS label".to_owned())
        );
    }

    #[test]
    fn grace_periods() {
        let mut pod = Pod::default();
        assert_eq!(grace_period(&pod), 30);
        pod.spec.termination_grace_period_seconds = Some(5);
        assert_eq!(grace_period(&pod), 5);
        pod.metadata.deletion_timestamp = Some(k8s_api::primitives::Time::now());
        pod.metadata.deletion_grace_period_seconds = Some(1);
        assert_eq!(grace_period(&pod), 1);
    }
}
