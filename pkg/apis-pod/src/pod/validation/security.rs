//! Security contexts of pods and containers.

use std::collections::HashSet;

use apimachinery::{
    field::{BadValue, Error, ErrorList, Path},
    names,
};
use k8s_api::core::v1::{AppArmorProfile, PodSecurityContext, PodSpec, SeccompProfile, SecurityContext};

use super::{super::PodValidationOptions, windows};
use crate::{
    go_view,
    rules::{descending_path, invalid_number, one_of, required},
};

const PROFILE_TYPES: [&str; 3] = ["Localhost", "RuntimeDefault", "Unconfined"];
const MAX_LOCALHOST_PROFILE_LENGTH: usize = 4095;
const MAX_SYSCTL_LENGTH: usize = 253;
const SYSCTL: &str = r"^([a-z0-9]([-_a-z0-9]*[a-z0-9])?[\./])*[a-z0-9]([-_a-z0-9]*[a-z0-9])?$";
const IPC_SYSCTLS: [&str; 10] = [
    "kernel.msg",
    "kernel.msgmax",
    "kernel.msgmnb",
    "kernel.msgmni",
    "kernel.sem",
    "kernel.shm",
    "kernel.shm_rmid_forced",
    "kernel.shmall",
    "kernel.shmmax",
    "kernel.shmmni",
];

fn validate_id(id: Option<i64>, path: &Path<'_>) -> ErrorList {
    id.map_or_else(ErrorList::new, |id| {
        invalid_number(path, id, names::user_or_group_id(id))
    })
}

/// Checks the security context of a pod, host namespaces included.
pub(super) fn validate_pod_context(
    context: &PodSecurityContext,
    spec: &PodSpec,
    options: &PodValidationOptions,
    path: &Path<'_>,
) -> ErrorList {
    let mut errors = validate_id(context.fs_group, &path.child("fsGroup"));
    errors.append(validate_id(context.run_as_user, &path.child("runAsUser")));
    errors.append(validate_id(context.run_as_group, &path.child("runAsGroup")));
    let groups = path.child("supplementalGroups");
    for (index, group) in context.supplemental_groups.iter().enumerate() {
        errors.append(validate_id(Some(*group), &groups.index(index)));
    }
    if spec.share_process_namespace == Some(true) && spec.host_pid {
        let detail = "ShareProcessNamespace and HostPID cannot both be enabled";
        errors.push(Error::invalid(&path.child("shareProcessNamespace"), true, detail));
    }
    errors.append(validate_sysctls(context, spec, options, &path.child("sysctls")));
    let choice =
        |member: &str, value: Option<&String>, supported: &[&str]| one_of(&path.child(member), value?, supported);
    errors.extend(choice(
        "fsGroupChangePolicy",
        context.fs_group_change_policy.as_ref(),
        &["Always", "OnRootMismatch"],
    ));
    errors.append(validate_seccomp(
        context.seccomp_profile.as_deref(),
        &path.child("seccompProfile"),
    ));
    errors.append(windows::validate_options(
        context.windows_options.as_deref(),
        &path.child("windowsOptions"),
    ));
    errors.append(validate_app_armor(
        context.app_armor_profile.as_deref(),
        &path.child("appArmorProfile"),
    ));
    errors.extend(choice(
        "supplementalGroupsPolicy",
        context.supplemental_groups_policy.as_ref(),
        &["Merge", "Strict"],
    ));
    let changes: &[&str] = if options.only_recursive_selinux_change {
        &["Recursive"]
    } else {
        &["MountOption", "Recursive"]
    };
    errors.extend(choice(
        "seLinuxChangePolicy",
        context.se_linux_change_policy.as_ref(),
        changes,
    ));
    errors
}

/// Segments of small letters, digits, dashes and underscores, with dots or slashes in between.
fn is_sysctl(name: &str) -> bool {
    let outer = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit();
    name.len() <= MAX_SYSCTL_LENGTH
        && name.split(['.', '/']).all(|segment| {
            let bytes = segment.as_bytes();
            bytes.first().is_some_and(|b| outer(*b))
                && bytes.last().is_some_and(|b| outer(*b))
                && bytes.iter().all(|b| outer(*b) || b"-_".contains(b))
        })
}

fn validate_sysctls(
    context: &PodSecurityContext,
    spec: &PodSpec,
    options: &PodValidationOptions,
    path: &Path<'_>,
) -> ErrorList {
    let mut errors = ErrorList::new();
    let mut seen = HashSet::new();
    for (index, sysctl) in context.sysctls.iter().enumerate() {
        let at = path.index(index);
        let path = at.child("name");
        let name = sysctl.name.as_str();
        if let Some(error) = required(&path, name) {
            errors.push(error);
        } else if !is_sysctl(name) {
            let detail = format!("must have at most {MAX_SYSCTL_LENGTH} characters and match regex {SYSCTL}");
            errors.push(Error::invalid(&path, name, detail));
        } else if seen.contains(name) {
            errors.push(Error::duplicate(&path, name));
        }
        if !options.allow_host_sysctls {
            errors.extend(validate_host_sysctl(name, spec, &path));
        }
        seen.insert(name);
    }
    errors
}

/// Dots between the segments, whichever separator comes first in the name.
fn dotted(name: &str) -> String {
    match name.find(['.', '/']) {
        Some(at) if name.as_bytes()[at] == b'/' => name
            .chars()
            .map(|c| match c {
                '/' => '.',
                '.' => '/',
                other => other,
            })
            .collect(),
        _ => name.to_owned(),
    }
}

/// An error if the sysctl belongs to a namespace that the pod shares with the host.
pub(crate) fn validate_host_sysctl(name: &str, spec: &PodSpec, path: &Path<'_>) -> Option<Error> {
    let dotted = dotted(name);
    let key = dotted.split('*').next().unwrap_or_default();
    let ipc = IPC_SYSCTLS.contains(&key) || key.starts_with("fs.mqueue.");
    if spec.host_network && key.starts_with("net.") {
        Some(Error::invalid(
            path,
            name,
            "may not be specified when 'hostNetwork' is true",
        ))
    } else if spec.host_ipc && ipc {
        Some(Error::invalid(
            path,
            name,
            "may not be specified when 'hostIPC' is true",
        ))
    } else {
        None
    }
}

fn validate_seccomp(profile: Option<&SeccompProfile>, path: &Path<'_>) -> ErrorList {
    let Some(profile) = profile else {
        return ErrorList::new();
    };
    let type_path = path.child("type");
    let fault = if profile.type_.is_empty() {
        Some(Error::required(
            &type_path,
            "type is required when seccompProfile is set",
        ))
    } else {
        one_of(&type_path, &profile.type_, &PROFILE_TYPES)
    };
    let mut errors: ErrorList = fault.into_iter().collect();
    let local_path = path.child("localhostProfile");
    match (profile.type_.as_str(), &profile.localhost_profile) {
        ("Localhost", None) => {
            let detail = "must be set when seccomp type is Localhost";
            errors.push(Error::required(&local_path, detail));
        }
        ("Localhost", Some(local)) => errors.append(descending_path(&local_path, local)),
        (_, Some(local)) => {
            let value = format!(
                r#"{{"Type":{},"LocalhostProfile":{}}}"#,
                serde_json::Value::from(profile.type_.as_str()),
                serde_json::Value::from(local.as_str())
            );
            let detail = "can only be set when seccomp type is Localhost";
            errors.push(Error::invalid(&local_path, BadValue::plain(value), detail));
        }
        (_, None) => {}
    }
    errors
}

/// Checks an AppArmor profile.
pub fn validate_app_armor(profile: Option<&AppArmorProfile>, path: &Path<'_>) -> ErrorList {
    const NEEDED: &str = "must be set when AppArmor type is Localhost";
    let mut errors = ErrorList::new();
    let Some(profile) = profile else {
        return errors;
    };
    let local_path = path.child("localhostProfile");
    let type_path = path.child("type");
    match (profile.type_.as_str(), &profile.localhost_profile) {
        ("Localhost", None) => errors.push(Error::required(&local_path, NEEDED)),
        ("Localhost", Some(local)) => {
            if local.trim() != local {
                let detail = "must not be padded with whitespace";
                errors.push(Error::invalid(&local_path, local, detail));
            } else if local.is_empty() {
                errors.push(Error::required(&local_path, NEEDED));
            }
            if local.len() > MAX_LOCALHOST_PROFILE_LENGTH {
                errors.push(Error::too_long(&local_path, MAX_LOCALHOST_PROFILE_LENGTH));
            }
        }
        ("RuntimeDefault" | "Unconfined", Some(local)) => {
            let detail = "can only be set when AppArmor type is Localhost";
            errors.push(Error::invalid(&local_path, local, detail));
        }
        ("RuntimeDefault" | "Unconfined", None) => {}
        ("", _) => {
            let detail = "type is required when appArmorProfile is set";
            errors.push(Error::required(&type_path, detail));
        }
        (other, _) => errors.extend(one_of(&type_path, other, &PROFILE_TYPES)),
    }
    errors
}

/// Checks the security context of a container.
pub(super) fn validate_container_context(
    context: &SecurityContext,
    host_users: bool,
    options: &PodValidationOptions,
    path: &Path<'_>,
) -> ErrorList {
    let mut errors = ErrorList::new();
    let privileged = context.privileged == Some(true);
    if privileged && !options.allow_privileged {
        let detail = "disallowed by cluster policy";
        errors.push(Error::forbidden(&path.child("privileged"), detail));
    }
    errors.append(validate_id(context.run_as_user, &path.child("runAsUser")));
    errors.append(validate_id(context.run_as_group, &path.child("runAsGroup")));
    if let Some(mount) = context.proc_mount.as_deref() {
        let path = path.child("procMount");
        errors.extend(one_of(&path, mount, &["Default", "Unmasked"]));
        if host_users && mount == "Unmasked" {
            let detail = "`hostUsers` must be false to use `Unmasked`";
            errors.push(Error::invalid(&path, mount, detail));
        }
    }
    errors.append(validate_seccomp(
        context.seccomp_profile.as_deref(),
        &path.child("seccompProfile"),
    ));
    if context.allow_privilege_escalation == Some(false) {
        let refuse = |reason: &str| {
            let detail = format!("cannot set `allowPrivilegeEscalation` to false and {reason}");
            Error::invalid(path, go_view::security_context(context), detail)
        };
        if privileged {
            errors.push(refuse("`privileged` to true"));
        }
        let added = context.capabilities.iter().flat_map(|capabilities| &capabilities.add);
        let admin = added.filter(|capability| *capability == "CAP_SYS_ADMIN");
        errors.extend(admin.map(|_| refuse("`capabilities.Add` CAP_SYS_ADMIN")));
    }
    errors.append(windows::validate_options(
        context.windows_options.as_deref(),
        &path.child("windowsOptions"),
    ));
    errors.append(validate_app_armor(
        context.app_armor_profile.as_deref(),
        &path.child("appArmorProfile"),
    ));
    errors
}
