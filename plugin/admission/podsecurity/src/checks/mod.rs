//! The checks of the Pod Security Standards.
//!
//! A [`Check`] is one control at one level. Controls change between versions; each [`VersionedCheck`]
//! holds from its minor version on until the next. Container names, values and annotations stand in the
//! messages as clients have always seen them.

mod capabilities;
mod containers;
mod host;
mod profiles;
mod run_as;
mod volumes;

use std::collections::BTreeSet;

use k8s_api::{core::v1::PodSpec, meta::v1::ObjectMeta};

use crate::level::Level;
use containers::Container;

/// What a check found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// In a few words.
    pub reason: &'static str,
    /// Which part of the pod it is; may be empty.
    pub detail: String,
}

/// Looks at a pod.
pub type CheckPod = fn(&ObjectMeta, &PodSpec) -> Option<Violation>;

/// A control as it is from a version on.
#[derive(Clone, Copy, Debug)]
pub struct VersionedCheck {
    /// The first minor version that it holds for.
    pub minimum: u32,
    /// The check.
    pub check: CheckPod,
    /// Checks of the baseline level that this one includes.
    pub replaces: &'static [&'static str],
}

/// A control.
#[derive(Clone, Copy, Debug)]
pub struct Check {
    /// Its name; checks of a level run in the order of their names.
    pub id: &'static str,
    /// The level that it belongs to.
    pub level: Level,
    /// From which version on it is like what, oldest first.
    pub versions: &'static [VersionedCheck],
}

const fn since(minimum: u32, check: CheckPod) -> VersionedCheck {
    VersionedCheck {
        minimum,
        check,
        replaces: &[],
    }
}

const fn instead(minimum: u32, check: CheckPod, replaces: &'static [&'static str]) -> VersionedCheck {
    VersionedCheck {
        minimum,
        check,
        replaces,
    }
}

const fn baseline(id: &'static str, versions: &'static [VersionedCheck]) -> Check {
    Check {
        id,
        level: Level::Baseline,
        versions,
    }
}

const fn restricted(id: &'static str, versions: &'static [VersionedCheck]) -> Check {
    Check {
        id,
        level: Level::Restricted,
        versions,
    }
}

/// Every control.
pub const CHECKS: &[Check] = &[
    baseline("appArmorProfile", &[since(0, profiles::app_armor)]),
    baseline("capabilities_baseline", &[since(0, capabilities::beyond_default)]),
    baseline("hostNamespaces", &[since(0, host::namespaces)]),
    baseline("hostPathVolumes", &[since(0, volumes::host_path)]),
    baseline("hostPorts", &[since(0, host::ports)]),
    baseline("hostProbesAndHostLifecycle", &[since(34, host::probes)]),
    baseline("privileged", &[since(0, run_as::privileged)]),
    baseline(
        "procMount",
        &[
            since(0, volumes::proc_mount),
            since(35, |metadata, spec| {
                unless_user_namespace(spec, || volumes::proc_mount(metadata, spec))
            }),
        ],
    ),
    baseline(
        "seLinuxOptions",
        &[since(0, profiles::selinux), since(31, profiles::selinux_with_engine)],
    ),
    baseline(
        "seccompProfile_baseline",
        &[since(0, profiles::seccomp_annotations), since(19, profiles::seccomp)],
    ),
    baseline(
        "sysctls",
        &[
            since(0, |_, spec| host::sysctls(spec, 5)),
            since(27, |_, spec| host::sysctls(spec, 6)),
            since(29, |_, spec| host::sysctls(spec, 10)),
            since(32, |_, spec| host::sysctls(spec, 12)),
        ],
    ),
    baseline("windowsHostProcess", &[since(0, host::windows_process)]),
    restricted(
        "allowPrivilegeEscalation",
        &[
            since(8, run_as::escalation),
            since(25, |metadata, spec| {
                unless_windows(spec, || run_as::escalation(metadata, spec))
            }),
        ],
    ),
    restricted(
        "capabilities_restricted",
        &[
            instead(22, capabilities::not_dropped, &["capabilities_baseline"]),
            instead(
                25,
                |metadata, spec| unless_windows(spec, || capabilities::not_dropped(metadata, spec)),
                &["capabilities_baseline"],
            ),
        ],
    ),
    restricted(
        "procMount_restricted",
        &[instead(35, volumes::proc_mount, &["procMount"])],
    ),
    restricted(
        "restrictedVolumes",
        &[instead(0, volumes::restricted, &["hostPathVolumes"])],
    ),
    restricted(
        "runAsNonRoot",
        &[
            since(0, run_as::root),
            since(35, |metadata, spec| {
                unless_user_namespace(spec, || run_as::root(metadata, spec))
            }),
        ],
    ),
    restricted(
        "runAsUser",
        &[
            since(23, run_as::user_zero),
            since(35, |metadata, spec| {
                unless_user_namespace(spec, || run_as::user_zero(metadata, spec))
            }),
        ],
    ),
    restricted(
        "seccompProfile_restricted",
        &[
            instead(19, profiles::seccomp_required, &["seccompProfile_baseline"]),
            instead(
                25,
                |metadata, spec| unless_windows(spec, || profiles::seccomp_required(metadata, spec)),
                &["seccompProfile_baseline"],
            ),
        ],
    ),
];

fn unless_windows(spec: &PodSpec, check: impl FnOnce() -> Option<Violation>) -> Option<Violation> {
    let windows = spec.os.as_ref().is_some_and(|os| os.name == "windows");
    if windows { None } else { check() }
}

/// Root inside a user namespace is nobody outside.
fn unless_user_namespace(spec: &PodSpec, check: impl FnOnce() -> Option<Violation>) -> Option<Violation> {
    if spec.host_users == Some(false) { None } else { check() }
}

fn plural<'w>(one: &'w str, many: &'w str, count: usize) -> &'w str {
    if count == 1 { one } else { many }
}

/// `"a", "b"`.
fn quoted<'t>(texts: impl IntoIterator<Item = &'t str>) -> String {
    let texts: Vec<String> = texts.into_iter().map(|text| format!("\"{text}\"")).collect();
    texts.join(", ")
}

/// `container "a"` or `containers "a", "b"`.
fn named(names: &[&str]) -> String {
    let word = plural("container", "containers", names.len());
    format!("{word} {}", quoted(names.iter().copied()))
}

/// Who is at fault: the pod, some containers, or both.
fn setters(pod: bool, containers: &[&str]) -> Option<String> {
    let mut setters: Vec<String> = Vec::new();
    if pod {
        setters.push("pod".to_owned());
    }
    if !containers.is_empty() {
        setters.push(named(containers));
    }
    (!setters.is_empty()).then(|| setters.join(" and "))
}

/// The names of the containers that fail a test.
fn failing<'s>(spec: &'s PodSpec, mut fails: impl FnMut(&Container<'s>) -> bool) -> Vec<&'s str> {
    containers::of(spec)
        .filter(|container| fails(container))
        .map(|container| container.name)
        .collect()
}

/// A sorted set of values that should not be there.
type Values<'v> = BTreeSet<&'v str>;
