//! Sysctls of pods: safe ones, and those that the node allows.

use k8s_api::core::v1::Pod;

/// Namespaced, and without harm to other pods.
const SAFE: [&str; 12] = [
    "kernel.shm_rmid_forced",
    "net.ipv4.ip_local_port_range",
    "net.ipv4.tcp_syncookies",
    "net.ipv4.ping_group_range",
    "net.ipv4.ip_unprivileged_port_start",
    "net.ipv4.ip_local_reserved_ports",
    "net.ipv4.tcp_keepalive_time",
    "net.ipv4.tcp_fin_timeout",
    "net.ipv4.tcp_keepalive_intvl",
    "net.ipv4.tcp_keepalive_probes",
    "net.ipv4.tcp_rmem",
    "net.ipv4.tcp_wmem",
];

#[derive(Clone, Copy, PartialEq, Eq)]
enum Namespace {
    Ipc,
    Net,
}

fn namespace(name: &str) -> Option<Namespace> {
    let ipc = name == "kernel.sem"
        || ["kernel.shm", "kernel.msg", "fs.mqueue."]
            .iter()
            .any(|it| name.starts_with(it));
    if ipc {
        Some(Namespace::Ipc)
    } else {
        name.starts_with("net.").then_some(Namespace::Net)
    }
}

fn is_allowed(name: &str, more: &[String]) -> bool {
    let matches = |pattern: &String| match pattern.strip_suffix('*') {
        Some(prefix) => name.starts_with(prefix),
        None => pattern == name,
    };
    SAFE.contains(&name) || more.iter().any(matches)
}

/// Whether a pod may set its sysctls. `more` are names and prefixes (with `*`) beyond the safe ones.
///
/// # Errors
/// With the first that it may not set.
pub fn check(pod: &Pod, more: &[String]) -> Result<(), String> {
    let context = pod.spec.security_context.as_deref();
    for sysctl in context.iter().flat_map(|context| &context.sysctls) {
        let name = sysctl.name.replace('/', ".");
        if !is_allowed(&name, more) {
            return Err(format!("{name:?} not allowlisted"));
        }
        match namespace(&name) {
            Some(Namespace::Net) if pod.spec.host_network => {
                return Err(format!("{name:?} not allowed with host net enabled"));
            }
            Some(Namespace::Ipc) if pod.spec.host_ipc => {
                return Err(format!("{name:?} not allowed with host ipc enabled"));
            }
            _ => {}
        }
    }
    Ok(())
}
