//! Users, capabilities, namespaces and profiles.

use cri_client::api::{
    Capability, Int64Value, LinuxContainerSecurityContext, LinuxSandboxSecurityContext, NamespaceMode, NamespaceOption,
    ProfileType, SeLinuxOption, SecurityProfile, SupplementalGroupsPolicy,
};
use k8s_api::core::v1::{
    AppArmorProfile, Container, Pod, PodSecurityContext, SELinuxOptions, SeccompProfile, SecurityContext,
};
use kubelet_types::pod::format_pod;

use crate::runtime::RuntimeOptions;

const MASKED_PATHS: [&str; 12] = [
    "/proc/asound",
    "/proc/acpi",
    "/proc/interrupts",
    "/proc/kcore",
    "/proc/keys",
    "/proc/latency_stats",
    "/proc/timer_list",
    "/proc/timer_stats",
    "/proc/sched_debug",
    "/proc/scsi",
    "/sys/firmware",
    "/sys/devices/virtual/powercap",
];
const READ_ONLY_PATHS: [&str; 5] = ["/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"];

/// The user that an image runs as.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct ImageUser {
    pub(crate) uid: Option<i64>,
    pub(crate) name: String,
}

/// The container's settings above the pod's.
fn effective(pod: &Pod, container: &Container) -> SecurityContext {
    let of_pod = pod.spec.security_context.as_deref();
    let own = container.security_context.as_deref().cloned().unwrap_or_default();
    let Some(of_pod) = of_pod else { return own };
    SecurityContext {
        run_as_user: own.run_as_user.or(of_pod.run_as_user),
        run_as_group: own.run_as_group.or(of_pod.run_as_group),
        run_as_non_root: own.run_as_non_root.or(of_pod.run_as_non_root),
        se_linux_options: own.se_linux_options.or_else(|| of_pod.se_linux_options.clone()),
        ..own
    }
}

/// The modes of the namespaces of a pod.
///
/// # Errors
/// If the pod wants a user namespace of its own, which takes a runtime that knows them.
pub(crate) fn namespaces(pod: &Pod) -> Result<NamespaceOption, String> {
    let spec = &pod.spec;
    if spec.host_users == Some(false) {
        return Err("pods with user namespaces (hostUsers: false) are not supported by this kubelet".to_owned());
    }
    let node_or = |node: bool, other: NamespaceMode| if node { NamespaceMode::Node } else { other };
    let pid = if spec.share_process_namespace == Some(true) {
        NamespaceMode::Pod
    } else {
        NamespaceMode::Container
    };
    Ok(NamespaceOption {
        network: node_or(spec.host_network, NamespaceMode::Pod) as i32,
        pid: node_or(spec.host_pid, pid) as i32,
        ipc: node_or(spec.host_ipc, NamespaceMode::Pod) as i32,
        ..Default::default()
    })
}

/// The settings of a sandbox.
///
/// # Errors
/// As [`namespaces`], and for an unknown policy of groups.
pub(crate) fn of_sandbox(pod: &Pod) -> Result<LinuxSandboxSecurityContext, String> {
    let context = pod.spec.security_context.as_deref();
    let privileged =
        |container: &Container| container.security_context.as_deref().and_then(|it| it.privileged) == Some(true);
    let mut result = LinuxSandboxSecurityContext {
        privileged: kubelet_types::container::all(pod).any(|(_, container)| privileged(&container)),
        seccomp: Some(SecurityProfile {
            profile_type: ProfileType::RuntimeDefault as i32,
            ..Default::default()
        }),
        namespace_options: Some(namespaces(pod)?),
        ..Default::default()
    };
    if let Some(context) = context {
        result.run_as_user = context.run_as_user.map(|value| Int64Value { value });
        result.run_as_group = context.run_as_group.map(|value| Int64Value { value });
        result.supplemental_groups = groups(context);
        result.supplemental_groups_policy = groups_policy(context)?;
        result.selinux_options = context.se_linux_options.as_deref().map(selinux);
    }
    Ok(result)
}

fn groups(context: &PodSecurityContext) -> Vec<i64> {
    context
        .fs_group
        .into_iter()
        .chain(context.supplemental_groups.iter().copied())
        .collect()
}

fn groups_policy(context: &PodSecurityContext) -> Result<i32, String> {
    match context.supplemental_groups_policy.as_deref() {
        None | Some("Merge") => Ok(SupplementalGroupsPolicy::Merge as i32),
        Some("Strict") => Ok(SupplementalGroupsPolicy::Strict as i32),
        Some(other) => Err(format!("unsupported supplementalGroupsPolicy: {other}")),
    }
}

fn selinux(options: &SELinuxOptions) -> SeLinuxOption {
    SeLinuxOption {
        user: options.user.clone(),
        role: options.role.clone(),
        r#type: options.type_.clone(),
        level: options.level.clone(),
    }
}

/// Refuses a container that must not run as root but would.
///
/// # Errors
/// With what breaks the rule.
pub(crate) fn verify_non_root(pod: &Pod, container: &Container, image: &ImageUser) -> Result<(), String> {
    let context = effective(pod, container);
    if context.run_as_non_root != Some(true) {
        return Ok(());
    }
    let place = format!("(pod: {:?}, container: {})", format_pod(pod), container.name);
    match (context.run_as_user, image.uid) {
        (Some(0), _) => Err(format!("container's runAsUser breaks non-root policy {place}")),
        (Some(_), _) => Ok(()),
        (None, None) if !image.name.is_empty() => Err(format!(
            "container has runAsNonRoot and image has non-numeric user ({}), cannot verify user is non-root {place}",
            image.name
        )),
        (None, Some(0)) => Err(format!("container has runAsNonRoot and image will run as root {place}")),
        (None, _) => Ok(()),
    }
}

/// The settings of a container.
///
/// # Errors
/// For settings that contradict themselves or are not supported.
pub(crate) fn of_container(
    pod: &Pod,
    container: &Container,
    image: &ImageUser,
    options: &RuntimeOptions,
) -> Result<LinuxContainerSecurityContext, String> {
    let context = effective(pod, container);
    let of_pod = pod.spec.security_context.as_deref();
    let own = container.security_context.as_deref();
    let seccomp_of = own
        .and_then(|it| it.seccomp_profile.as_deref())
        .or(of_pod.and_then(|it| it.seccomp_profile.as_deref()));
    let apparmor_of = own
        .and_then(|it| it.app_armor_profile.as_deref())
        .or(of_pod.and_then(|it| it.app_armor_profile.as_deref()));
    let unmasked = context.proc_mount.as_deref() == Some("Unmasked");
    let paths = |list: &[&str]| {
        if unmasked {
            Vec::new()
        } else {
            list.iter().map(|path| (*path).to_owned()).collect()
        }
    };
    let mut result = LinuxContainerSecurityContext {
        privileged: context.privileged == Some(true),
        readonly_rootfs: context.read_only_root_filesystem == Some(true),
        no_new_privs: context.allow_privilege_escalation == Some(false),
        run_as_user: context.run_as_user.map(|value| Int64Value { value }),
        run_as_group: context.run_as_group.map(|value| Int64Value { value }),
        capabilities: context.capabilities.as_deref().map(|it| Capability {
            add_capabilities: it.add.clone(),
            drop_capabilities: it.drop.clone(),
            ..Default::default()
        }),
        selinux_options: context.se_linux_options.as_deref().map(selinux),
        namespace_options: Some(namespaces(pod)?),
        seccomp: Some(seccomp(seccomp_of, options)?),
        apparmor: apparmor_of.map(apparmor).transpose()?,
        masked_paths: paths(&MASKED_PATHS),
        readonly_paths: paths(&READ_ONLY_PATHS),
        ..Default::default()
    };
    if result.run_as_user.is_none() {
        result.run_as_user = image.uid.map(|value| Int64Value { value });
        result.run_as_username.clone_from(&image.name);
    }
    if let Some(of_pod) = of_pod {
        result.supplemental_groups = groups(of_pod);
        result.supplemental_groups_policy = groups_policy(of_pod)?;
    }
    Ok(result)
}

fn profile(kind: ProfileType, localhost_ref: String) -> SecurityProfile {
    SecurityProfile {
        profile_type: kind as i32,
        localhost_ref,
    }
}

fn seccomp(wanted: Option<&SeccompProfile>, options: &RuntimeOptions) -> Result<SecurityProfile, String> {
    let Some(wanted) = wanted else {
        let default = if options.seccomp_default {
            ProfileType::RuntimeDefault
        } else {
            ProfileType::Unconfined
        };
        return Ok(profile(default, String::new()));
    };
    match wanted.type_.as_str() {
        "RuntimeDefault" => Ok(profile(ProfileType::RuntimeDefault, String::new())),
        "Localhost" => match wanted.localhost_profile.as_deref() {
            Some(name) if !name.is_empty() => {
                let path = options.seccomp_profile_root.join(name);
                Ok(profile(ProfileType::Localhost, path.display().to_string()))
            }
            _ => Err("localhostProfile must be set if seccompProfile type is Localhost.".to_owned()),
        },
        _ => Ok(profile(ProfileType::Unconfined, String::new())),
    }
}

fn apparmor(wanted: &AppArmorProfile) -> Result<SecurityProfile, String> {
    match wanted.type_.as_str() {
        "RuntimeDefault" => Ok(profile(ProfileType::RuntimeDefault, String::new())),
        "Unconfined" => Ok(profile(ProfileType::Unconfined, String::new())),
        _ => match wanted.localhost_profile.as_deref() {
            Some(name) if !name.is_empty() => Ok(profile(ProfileType::Localhost, name.to_owned())),
            _ => Err("missing localhost AppArmor profile name".to_owned()),
        },
    }
}
