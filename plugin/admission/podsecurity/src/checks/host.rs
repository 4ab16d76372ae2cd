//! What a pod shares with its node.

use k8s_api::{
    core::v1::{HTTPGetAction, LifecycleHandler, PodSpec, Probe, TCPSocketAction},
    meta::v1::ObjectMeta,
};

use super::{Values, Violation, failing, named, plural, quoted, setters};

/// Namespaces of the node.
pub(super) fn namespaces(_: &ObjectMeta, spec: &PodSpec) -> Option<Violation> {
    let shared: Vec<&str> = [
        (spec.host_network, "hostNetwork=true"),
        (spec.host_pid, "hostPID=true"),
        (spec.host_ipc, "hostIPC=true"),
    ]
    .into_iter()
    .filter(|(shared, _)| *shared)
    .map(|(_, text)| text)
    .collect();
    (!shared.is_empty()).then(|| Violation {
        reason: "host namespaces",
        detail: shared.join(", "),
    })
}

/// Ports of the node.
pub(super) fn ports(_: &ObjectMeta, spec: &PodSpec) -> Option<Violation> {
    // Sorted as texts, as they have always been shown.
    let mut taken: Vec<String> = Vec::new();
    let names = failing(spec, |container| {
        let ports = container.ports.iter().map(|port| port.host_port);
        let before = taken.len();
        taken.extend(ports.filter(|port| *port != 0).map(|port| port.to_string()));
        taken.len() > before
    });
    taken.sort_unstable();
    taken.dedup();
    (!names.is_empty()).then(|| Violation {
        reason: "hostPort",
        detail: format!(
            "{} {} {} {}",
            named(&names),
            plural("uses", "use", names.len()),
            plural("hostPort", "hostPorts", taken.len()),
            taken.join(", ")
        ),
    })
}

fn hosts<'a>(http: Option<&'a HTTPGetAction>, tcp: Option<&'a TCPSocketAction>) -> impl Iterator<Item = &'a str> {
    let hosts = [
        http.map(|action| action.host.as_str()),
        tcp.map(|action| action.host.as_str()),
    ];
    hosts.into_iter().flatten().filter(|host| !host.is_empty())
}

fn probe_hosts(probe: &Probe) -> impl Iterator<Item = &str> {
    hosts(probe.http_get.as_deref(), probe.tcp_socket.as_deref())
}

fn handler_hosts(handler: &LifecycleHandler) -> impl Iterator<Item = &str> {
    hosts(handler.http_get.as_deref(), handler.tcp_socket.as_deref())
}

/// Probes and hooks that the node sends somewhere else than to the pod.
pub(super) fn probes(_: &ObjectMeta, spec: &PodSpec) -> Option<Violation> {
    let mut foreign = Values::new();
    let mut names = failing(spec, |container| {
        let hooks = container.lifecycle.into_iter();
        let handlers = hooks.flat_map(|hooks| [hooks.post_start.as_deref(), hooks.pre_stop.as_deref()]);
        let found: Vec<&str> = container
            .probes
            .into_iter()
            .flatten()
            .flat_map(probe_hosts)
            .chain(handlers.flatten().flat_map(handler_hosts))
            .collect();
        foreign.extend(&found);
        !found.is_empty()
    });
    names.sort_unstable();
    names.dedup();
    (!names.is_empty()).then(|| Violation {
        reason: "probe or lifecycle host",
        detail: format!(
            "{} {} {} {}",
            named(&names),
            plural("uses", "use", names.len()),
            plural("probe or lifecycle host", "probe or lifecycle hosts", foreign.len()),
            quoted(foreign)
        ),
    })
}

/// Sysctls that are safe, in the order in which versions added them.
const SAFE_SYSCTLS: [&str; 12] = [
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

/// Sysctls other than the first `known` of the safe ones.
pub(super) fn sysctls(spec: &PodSpec, known: usize) -> Option<Violation> {
    let set = spec.security_context.iter().flat_map(|security| &security.sysctls);
    let forbidden: Vec<&str> = set
        .map(|sysctl| sysctl.name.as_str())
        .filter(|name| !SAFE_SYSCTLS[..known].contains(name))
        .collect();
    (!forbidden.is_empty()).then(|| Violation {
        reason: "forbidden sysctls",
        detail: forbidden.join(", "),
    })
}

/// Processes of a Windows node.
pub(super) fn windows_process(_: &ObjectMeta, spec: &PodSpec) -> Option<Violation> {
    let pod = spec
        .security_context
        .as_ref()
        .and_then(|security| security.windows_options.as_ref())
        .is_some_and(|options| options.host_process == Some(true));
    let names = failing(spec, |container| {
        container
            .security
            .and_then(|security| security.windows_options.as_ref())
            .is_some_and(|options| options.host_process == Some(true))
    });
    setters(pod, &names).map(|setters| Violation {
        reason: "hostProcess",
        detail: format!("{setters} must not set securityContext.windowsOptions.hostProcess=true"),
    })
}
