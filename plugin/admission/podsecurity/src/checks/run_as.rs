//! Whom containers run as, and how far that reaches.

use k8s_api::{core::v1::PodSpec, meta::v1::ObjectMeta};

use super::{Violation, failing, named, setters};

/// Privileged containers.
pub(super) fn privileged(_: &ObjectMeta, spec: &PodSpec) -> Option<Violation> {
    let names = failing(spec, |container| {
        container
            .security
            .is_some_and(|security| security.privileged == Some(true))
    });
    (!names.is_empty()).then(|| Violation {
        reason: "privileged",
        detail: format!("{} must not set securityContext.privileged=true", named(&names)),
    })
}

/// Processes may gain privileges.
pub(super) fn escalation(_: &ObjectMeta, spec: &PodSpec) -> Option<Violation> {
    let names = failing(spec, |container| {
        container
            .security
            .is_none_or(|security| security.allow_privilege_escalation != Some(false))
    });
    (!names.is_empty()).then(|| Violation {
        reason: "allowPrivilegeEscalation != false",
        detail: format!(
            "{} must set securityContext.allowPrivilegeEscalation=false",
            named(&names)
        ),
    })
}

/// Containers that may run as root.
pub(super) fn root(_: &ObjectMeta, spec: &PodSpec) -> Option<Violation> {
    const REASON: &str = "runAsNonRoot != true";
    let pod = spec
        .security_context
        .as_ref()
        .and_then(|security| security.run_as_non_root);
    let explicit = failing(spec, |container| {
        container.security.and_then(|security| security.run_as_non_root) == Some(false)
    });
    if let Some(setters) = setters(pod == Some(false), &explicit) {
        return Some(Violation {
            reason: REASON,
            detail: format!("{setters} must not set securityContext.runAsNonRoot=false"),
        });
    }
    if pod == Some(true) {
        return None;
    }
    let implicit = failing(spec, |container| {
        container
            .security
            .and_then(|security| security.run_as_non_root)
            .is_none()
    });
    (!implicit.is_empty()).then(|| Violation {
        reason: REASON,
        detail: format!("pod or {} must set securityContext.runAsNonRoot=true", named(&implicit)),
    })
}

/// Containers that are told to run as root.
pub(super) fn user_zero(_: &ObjectMeta, spec: &PodSpec) -> Option<Violation> {
    let pod = spec
        .security_context
        .as_ref()
        .is_some_and(|security| security.run_as_user == Some(0));
    let names = failing(spec, |container| {
        container
            .security
            .is_some_and(|security| security.run_as_user == Some(0))
    });
    setters(pod, &names).map(|setters| Violation {
        reason: "runAsUser=0",
        detail: format!("{setters} must not set runAsUser=0"),
    })
}
