//! Pods for one operating system: what Windows has for itself, and what only Linux has.

use apimachinery::{
    field::{Error, ErrorList, Path},
    names,
};
use k8s_api::core::v1::{Container, PodSpec, WindowsSecurityContextOptions};

use super::super::{PodValidationOptions, for_each_container};
use crate::rules::invalid_each;

const MAX_CREDENTIAL_SPEC_KIB: usize = 64;
const MAX_DOMAIN_LENGTH: usize = 256;
const MAX_USER_LENGTH: usize = 104;

/// Checks the members of a security context that Windows has for itself.
pub(super) fn validate_options(options: Option<&WindowsSecurityContextOptions>, path: &Path<'_>) -> ErrorList {
    let mut errors = ErrorList::new();
    let Some(options) = options else {
        return errors;
    };
    if let Some(name) = &options.gmsa_credential_spec_name {
        let path = path.child("gmsaCredentialSpecName");
        errors.append(invalid_each(&path, name, names::dns1123_subdomain(name)));
    }
    if let Some(spec) = &options.gmsa_credential_spec {
        let path = path.child("gmsaCredentialSpec");
        if spec.is_empty() {
            let detail = "gmsaCredentialSpec cannot be an empty string";
            errors.push(Error::invalid(&path, spec, detail));
        } else if spec.len() > MAX_CREDENTIAL_SPEC_KIB * 1024 {
            let detail = format!("gmsaCredentialSpec size must be under {MAX_CREDENTIAL_SPEC_KIB} KiB");
            errors.push(Error::invalid(&path, spec, detail));
        }
    }
    if let Some(name) = &options.run_as_user_name {
        errors.append(invalid_each(
            &path.child("runAsUserName"),
            name,
            run_as_user_messages(name),
        ));
    }
    errors
}

fn run_as_user_messages(name: &str) -> Vec<String> {
    let only = |message: &str| vec![format!("runAsUserName {message}")];
    if name.is_empty() {
        return only("cannot be an empty string");
    }
    if name.bytes().any(|b| b.is_ascii_control()) {
        return only("cannot contain control characters");
    }
    let (domain, user) = match name.split_once('\\') {
        Some((_, user)) if user.contains('\\') => return only("cannot contain more than one backslash"),
        Some((domain, user)) => (Some(domain), user),
        None => (None, name),
    };
    let mut messages = Vec::new();
    if domain.is_some_and(|domain| domain.len() >= MAX_DOMAIN_LENGTH) {
        messages.push(format!(
            "runAsUserName's Domain length must be under {MAX_DOMAIN_LENGTH} characters"
        ));
    }
    if domain.is_some_and(|domain| !is_net_bios(domain) && !is_dns(domain)) {
        messages.push("runAsUserName's Domain doesn't match the NetBios nor the DNS format".into());
    }
    if user.is_empty() {
        messages.push("runAsUserName's User cannot be empty".into());
    } else if user.len() > MAX_USER_LENGTH {
        messages.push(format!(
            "runAsUserName's User length must not be longer than {MAX_USER_LENGTH} characters"
        ));
    }
    if !user.is_empty() && user.bytes().all(|b| b". ".contains(&b)) {
        messages.push("runAsUserName's User cannot contain only periods or spaces".into());
    }
    if user.contains(|c| r#""/\:;|=,+*?<>@[]"#.contains(c)) {
        let message = r#"runAsUserName's User cannot contain the following characters: "/\:;|=,+*?<>@[]"#;
        messages.push(message.into());
    }
    messages
}

fn is_net_bios(domain: &str) -> bool {
    let excluded = |c: char| r#"\/:*?"<>|"#.contains(c);
    (1..=15).contains(&domain.chars().count()) && !domain.starts_with('.') && !domain.contains(excluded)
}

fn is_dns(domain: &str) -> bool {
    domain.split('.').all(|label| {
        let bytes = label.as_bytes();
        (1..=63).contains(&bytes.len())
            && bytes.iter().all(|b| b.is_ascii_alphanumeric() || *b == b'-')
            && bytes[0] != b'-'
            && bytes[bytes.len() - 1] != b'-'
    })
}

/// Containers that are processes of the host: all or none, and on the host's network.
pub(super) fn validate_host_process(spec: &PodSpec, options: &PodValidationOptions, path: &Path<'_>) -> ErrorList {
    let mut errors = ErrorList::new();
    let (mut all, mut host) = (0, 0);
    let context = spec.security_context.as_deref();
    let pod = context.and_then(|context| context.windows_options.as_deref()?.host_process);
    for_each_container(spec, path, |container, _, path| {
        all += 1;
        let own = windows_options(container).and_then(|options| options.host_process);
        if let (Some(pod), Some(own)) = (pod, own)
            && pod != own
        {
            let detail = format!("pod hostProcess value must be identical if both are specified, was {pod}");
            let path = path.child("securityContext.windowsOptions.hostProcess");
            errors.push(Error::invalid(&path, own, detail));
        }
        if own.or(pod) == Some(true) {
            host += 1;
        }
    });
    if host == 0 {
        return errors;
    }
    if host != all {
        let detail = "If pod contains any hostProcess containers then all containers must be HostProcess containers";
        errors.push(Error::invalid(path, "", detail));
    }
    if !spec.host_network {
        let detail = "hostNetwork must be true if pod contains any hostProcess containers";
        errors.push(Error::invalid(&path.child("hostNetwork"), false, detail));
    }
    if !options.allow_privileged {
        let detail = "hostProcess containers are disallowed by cluster policy";
        errors.push(Error::forbidden(path, detail));
    }
    errors
}

fn windows_options(container: &Container) -> Option<&WindowsSecurityContextOptions> {
    container.security_context.as_deref()?.windows_options.as_deref()
}

/// What a pod for Linux may not have.
pub(super) fn validate_linux_pod(spec: &PodSpec, path: &Path<'_>) -> ErrorList {
    const REFUSED: &str = "windows options cannot be set for a linux pod";
    let mut errors = ErrorList::new();
    let context = spec.security_context.as_deref();
    if context.is_some_and(|context| context.windows_options.is_some()) {
        let path = path.child("securityContext.windowsOptions");
        errors.push(Error::forbidden(&path, REFUSED));
    }
    for_each_container(spec, path, |container, _, path| {
        if windows_options(container).is_some() {
            let path = path.child("securityContext.windowsOptions");
            errors.push(Error::forbidden(&path, REFUSED));
        }
    });
    errors
}

fn refuse(errors: &mut ErrorList, path: &Path<'_>, members: &[(&str, bool)]) {
    let set = members.iter().filter(|(_, set)| *set);
    errors.extend(set.map(|(name, _)| Error::forbidden(&path.child(name), "cannot be set for a windows pod")));
}

/// What a pod for Windows may not have.
pub(super) fn validate_windows_pod(spec: &PodSpec, path: &Path<'_>) -> ErrorList {
    let mut errors = ErrorList::new();
    if let Some(context) = spec.security_context.as_deref() {
        let members = [
            ("securityContext.appArmorProfile", context.app_armor_profile.is_some()),
            ("securityContext.seLinuxOptions", context.se_linux_options.is_some()),
            ("hostUsers", spec.host_users.is_some()),
            ("hostPID", spec.host_pid),
            ("hostIPC", spec.host_ipc),
            ("securityContext.seccompProfile", context.seccomp_profile.is_some()),
            ("securityContext.fsGroup", context.fs_group.is_some()),
            (
                "securityContext.fsGroupChangePolicy",
                context.fs_group_change_policy.is_some(),
            ),
            ("securityContext.sysctls", !context.sysctls.is_empty()),
            ("shareProcessNamespace", spec.share_process_namespace.is_some()),
            ("securityContext.runAsUser", context.run_as_user.is_some()),
            ("securityContext.runAsGroup", context.run_as_group.is_some()),
            (
                "securityContext.supplementalGroups",
                !context.supplemental_groups.is_empty(),
            ),
            (
                "securityContext.supplementalGroupsPolicy",
                context.supplemental_groups_policy.is_some(),
            ),
            (
                "securityContext.seLinuxChangePolicy",
                context.se_linux_change_policy.is_some(),
            ),
        ];
        refuse(&mut errors, path, &members);
    }
    for_each_container(spec, path, |container, _, path| {
        let Some(context) = &container.security_context else {
            return;
        };
        let members = [
            ("appArmorProfile", context.app_armor_profile.is_some()),
            ("seLinuxOptions", context.se_linux_options.is_some()),
            ("seccompProfile", context.seccomp_profile.is_some()),
            ("capabilities", context.capabilities.is_some()),
            ("readOnlyRootFilesystem", context.read_only_root_filesystem.is_some()),
            ("privileged", context.privileged.is_some()),
            ("allowPrivilegeEscalation", context.allow_privilege_escalation.is_some()),
            ("procMount", context.proc_mount.is_some()),
            ("runAsUser", context.run_as_user.is_some()),
            ("runAsGroup", context.run_as_group.is_some()),
        ];
        refuse(&mut errors, &path.child("securityContext"), &members);
    });
    errors
}
