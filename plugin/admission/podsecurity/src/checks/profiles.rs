//! Profiles of AppArmor, SELinux and seccomp.

use k8s_api::{
    core::v1::{PodSpec, SELinuxOptions},
    meta::v1::ObjectMeta,
    primitives::quote,
};

use super::{Values, Violation, containers, failing, named, plural, quoted, setters};

const APP_ARMOR_ANNOTATION: &str = "container.apparmor.security.beta.kubernetes.io/";
const SECCOMP_POD_ANNOTATION: &str = "seccomp.security.alpha.kubernetes.io/pod";
const SECCOMP_CONTAINER_ANNOTATION: &str = "container.seccomp.security.alpha.kubernetes.io/";

fn is_sound(profile: &str) -> bool {
    matches!(profile, "RuntimeDefault" | "Localhost")
}

/// AppArmor profiles other than the runtime's and the node's.
pub(super) fn app_armor(metadata: &ObjectMeta, spec: &PodSpec) -> Option<Violation> {
    let mut values = Values::new();
    let pod = spec
        .security_context
        .as_ref()
        .and_then(|security| security.app_armor_profile.as_ref())
        .map(|profile| profile.type_.as_str())
        .filter(|profile| !is_sound(profile));
    values.extend(pod);
    let names = failing(spec, |container| {
        let profile = container
            .security
            .and_then(|security| security.app_armor_profile.as_ref());
        let bad = profile
            .map(|profile| profile.type_.as_str())
            .filter(|profile| !is_sound(profile));
        values.extend(bad);
        bad.is_some()
    });
    let annotations: Vec<String> = metadata
        .annotations
        .iter()
        .filter(|(key, value)| {
            let sound = value.is_empty() || *value == "runtime/default" || value.starts_with("localhost/");
            key.starts_with(APP_ARMOR_ANNOTATION) && !sound
        })
        .map(|(key, value)| format!("{key}={}", quote(value)))
        .collect();
    let mut at_fault: Vec<String> = setters(pod.is_some(), &names).into_iter().collect();
    if !annotations.is_empty() {
        at_fault.push(plural("annotation", "annotations", annotations.len()).to_owned());
    }
    let count = values.len() + annotations.len();
    (!at_fault.is_empty()).then(|| Violation {
        reason: plural("forbidden AppArmor profile", "forbidden AppArmor profiles", count),
        detail: format!(
            "{} must not set AppArmor profile type to {}",
            at_fault.join(" and "),
            quoted(values.into_iter().chain(annotations.iter().map(String::as_str)))
        ),
    })
}

const SELINUX_TYPES: [&str; 5] = [
    "",
    "container_t",
    "container_init_t",
    "container_kvm_t",
    "container_engine_t",
];

/// SELinux types of other programs than containers, and users or roles of their own.
pub(super) fn selinux(_: &ObjectMeta, spec: &PodSpec) -> Option<Violation> {
    selinux_of(spec, &SELINUX_TYPES[..4])
}

/// [`selinux`], where containers may be engines of containers.
pub(super) fn selinux_with_engine(_: &ObjectMeta, spec: &PodSpec) -> Option<Violation> {
    selinux_of(spec, &SELINUX_TYPES)
}

/// What is wrong with SELinux options.
#[derive(Default)]
struct SelinuxFaults<'a> {
    types: Values<'a>,
    user: bool,
    role: bool,
}

impl<'a> SelinuxFaults<'a> {
    /// Notes the faults of some options; whether there are any.
    fn note(&mut self, options: Option<&'a SELinuxOptions>, allowed: &[&str]) -> bool {
        let Some(options) = options else { return false };
        let bad_type = !allowed.contains(&options.type_.as_str());
        if bad_type {
            self.types.insert(&options.type_);
        }
        self.user |= !options.user.is_empty();
        self.role |= !options.role.is_empty();
        bad_type || !options.user.is_empty() || !options.role.is_empty()
    }
}

fn selinux_of(spec: &PodSpec, allowed: &[&str]) -> Option<Violation> {
    let mut faults = SelinuxFaults::default();
    let pod = spec.security_context.as_ref();
    let pod = faults.note(pod.and_then(|security| security.se_linux_options.as_deref()), allowed);
    let names = failing(spec, |container| {
        let security = container.security;
        faults.note(
            security.and_then(|security| security.se_linux_options.as_deref()),
            allowed,
        )
    });
    let setters = setters(pod, &names)?;
    let SelinuxFaults { types, user, role } = faults;
    let mut texts: Vec<String> = Vec::new();
    if !types.is_empty() {
        texts.push(format!("{} {}", plural("type", "types", types.len()), quoted(types)));
    }
    if user {
        texts.push("user may not be set".to_owned());
    }
    if role {
        texts.push("role may not be set".to_owned());
    }
    Some(Violation {
        reason: "seLinuxOptions",
        detail: format!(
            "{setters} set forbidden securityContext.seLinuxOptions: {}",
            texts.join("; ")
        ),
    })
}

/// Seccomp as annotations said it before there were fields.
pub(super) fn seccomp_annotations(metadata: &ObjectMeta, spec: &PodSpec) -> Option<Violation> {
    let keys = containers::of(spec).map(|container| format!("{SECCOMP_CONTAINER_ANNOTATION}{}", container.name));
    let mut forbidden: Vec<String> = std::iter::once(SECCOMP_POD_ANNOTATION.to_owned())
        .chain(keys)
        .filter_map(|key| {
            let value = metadata.annotations.get(&key)?;
            let sound =
                matches!(value.as_str(), "runtime/default" | "docker/default") || value.starts_with("localhost/");
            (!sound).then(|| format!("{key}={}", quote(value)))
        })
        .collect();
    forbidden.sort_unstable();
    forbidden.dedup();
    (!forbidden.is_empty()).then(|| Violation {
        reason: "seccompProfile",
        detail: format!(
            "forbidden {} {}",
            plural("annotation", "annotations", forbidden.len()),
            forbidden.join(", ")
        ),
    })
}

fn pod_seccomp(spec: &PodSpec) -> Option<&str> {
    let profile = spec.security_context.as_ref()?.seccomp_profile.as_ref()?;
    Some(&profile.type_)
}

/// Seccomp profiles other than the runtime's and the node's.
pub(super) fn seccomp(_: &ObjectMeta, spec: &PodSpec) -> Option<Violation> {
    let mut values = Values::new();
    let pod = pod_seccomp(spec).filter(|profile| !is_sound(profile));
    values.extend(pod);
    let names = failing(spec, |container| {
        let profile = container
            .security
            .and_then(|security| security.seccomp_profile.as_ref());
        let bad = profile
            .map(|profile| profile.type_.as_str())
            .filter(|profile| !is_sound(profile));
        values.extend(bad);
        bad.is_some()
    });
    setters(pod.is_some(), &names).map(|setters| Violation {
        reason: "seccompProfile",
        detail: format!(
            "{setters} must not set securityContext.seccompProfile.type to {}",
            quoted(values)
        ),
    })
}

/// [`seccomp`], where there must be a profile.
pub(super) fn seccomp_required(metadata: &ObjectMeta, spec: &PodSpec) -> Option<Violation> {
    if let Some(violation) = seccomp(metadata, spec) {
        return Some(violation);
    }
    if pod_seccomp(spec).is_some() {
        return None;
    }
    let names = failing(spec, |container| {
        container
            .security
            .is_none_or(|security| security.seccomp_profile.is_none())
    });
    (!names.is_empty()).then(|| Violation {
        reason: "seccompProfile",
        detail: format!(
            r#"pod or {} must set securityContext.seccompProfile.type to "RuntimeDefault" or "Localhost""#,
            named(&names)
        ),
    })
}
