//! The built-in groups, out of the Scheme and the facts that it does not hold.

use std::borrow::Cow;

use k8s_api::scheme::{self, ResourceInfo};

use super::types::{ApiGroup, GroupVersionKind, Resource, ResourceSubresource};
use crate::digest::storage_version_hash;

/// What discovery and OpenAPI say about a subresource.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Subresource {
    /// API group of the kind; empty where it is the parent's.
    pub group: &'static str,
    /// API version of the kind; empty where it is the parent's.
    pub version: &'static str,
    /// Kind; empty where it is the parent's.
    pub kind: &'static str,
    /// OpenAPI definition of the body; empty where it is the parent's or there is none.
    pub definition: &'static str,
    /// Verbs, sorted.
    pub verbs: &'static [&'static str],
}

const READ_WRITE: &[&str] = &["get", "patch", "update"];
const PROXY: &[&str] = &["create", "delete", "get", "patch", "update"];

/// The rule for status, approval, ephemeralcontainers, resize: the parent itself is read and written.
const SAME: Subresource = Subresource {
    group: "",
    version: "",
    kind: "",
    definition: "",
    verbs: READ_WRITE,
};

const SCALE: Subresource = Subresource {
    group: "autoscaling",
    version: "v1",
    kind: "Scale",
    definition: "io.k8s.api.autoscaling.v1.Scale",
    verbs: READ_WRITE,
};

/// A connection to something else; the kind names the options in the query.
const fn connect(kind: &'static str, verbs: &'static [&'static str]) -> Subresource {
    Subresource { kind, verbs, ..SAME }
}

/// What is said about `plural/name`.
#[must_use]
pub fn subresource(plural: &str, name: &str) -> Subresource {
    match (plural, name) {
        (_, "scale") => SCALE,
        ("namespaces", "finalize") => Subresource {
            verbs: &["update"],
            ..SAME
        },
        ("nodes", "proxy") => connect("NodeProxyOptions", PROXY),
        ("services", "proxy") => connect("ServiceProxyOptions", PROXY),
        ("pods", "proxy") => connect("PodProxyOptions", PROXY),
        ("pods", "attach") => connect("PodAttachOptions", &["create", "get"]),
        ("pods", "exec") => connect("PodExecOptions", &["create", "get"]),
        ("pods", "portforward") => connect("PodPortForwardOptions", &["create", "get"]),
        ("pods", "log") => Subresource {
            verbs: &["get"],
            ..SAME
        },
        ("pods", "binding") => Subresource {
            kind: "Binding",
            definition: "io.k8s.api.core.v1.Binding",
            verbs: &["create"],
            ..SAME
        },
        ("pods", "eviction") => Subresource {
            group: "policy",
            version: "v1",
            kind: "Eviction",
            definition: "io.k8s.api.policy.v1.Eviction",
            verbs: &["create"],
        },
        ("serviceaccounts", "token") => Subresource {
            group: "authentication.k8s.io",
            version: "v1",
            kind: "TokenRequest",
            definition: "io.k8s.api.authentication.v1.TokenRequest",
            verbs: &["create"],
        },
        _ => SAME,
    }
}

/// Group, resource, and group and version of what is stored, where it is not the version asked for;
/// an empty version where nothing is stored though the resource can be read.
pub static STORED: [(&str, &str, &str, &str); 6] = [
    ("", "componentstatuses", "", ""),
    (
        "admissionregistration.k8s.io",
        "mutatingadmissionpolicies",
        "admissionregistration.k8s.io",
        "v1beta1",
    ),
    (
        "admissionregistration.k8s.io",
        "mutatingadmissionpolicybindings",
        "admissionregistration.k8s.io",
        "v1beta1",
    ),
    (
        "apiextensions.k8s.io",
        "customresourcedefinitions",
        "apiextensions.k8s.io",
        "v1beta1",
    ),
    ("autoscaling", "horizontalpodautoscalers", "autoscaling", "v2"),
    ("events.k8s.io", "events", "", "v1"),
];

fn stored_hash(info: &ResourceInfo) -> Cow<'static, str> {
    if !info.has_verb("get") {
        return Cow::Borrowed("");
    }
    let elsewhere = STORED.iter().find(|(g, r, ..)| *g == info.group && *r == info.plural);
    match elsewhere {
        Some((_, _, _, "")) => Cow::Borrowed(""),
        Some((_, _, group, version)) => storage_version_hash(group, version, info.kind).into(),
        None => storage_version_hash(info.group, info.version, info.kind).into(),
    }
}

fn texts(list: &'static [&'static str]) -> Vec<Cow<'static, str>> {
    list.iter().map(|text| Cow::Borrowed(*text)).collect()
}

fn describe(info: &'static ResourceInfo) -> Resource {
    let subresources = info.subresources.iter().map(|name| {
        let facts = subresource(info.plural, name);
        ResourceSubresource {
            name: (*name).into(),
            kind: GroupVersionKind {
                group: facts.group.into(),
                version: facts.version.into(),
                kind: if facts.kind.is_empty() { info.kind } else { facts.kind }.into(),
            },
            verbs: texts(facts.verbs),
        }
    });
    Resource {
        name: info.plural.into(),
        singular: info.singular.into(),
        kind: GroupVersionKind {
            kind: info.kind.into(),
            ..GroupVersionKind::default()
        },
        namespaced: info.namespaced,
        verbs: texts(info.verbs),
        short_names: texts(info.short_names),
        categories: texts(info.categories),
        storage_version_hash: stored_hash(info),
        subresources: subresources.collect(),
    }
}

/// The built-in groups, the core group first, in the order of the Scheme.
#[must_use]
pub fn builtin_groups() -> Vec<ApiGroup> {
    let mut groups: Vec<ApiGroup> = Vec::new();
    for info in scheme::resources() {
        let group = entry(&mut groups, |g| g.name == info.group);
        group.name = info.group.into();
        let version = entry(&mut group.versions, |v| v.version == info.version);
        version.version = info.version.into();
        version.resources.push(describe(info));
    }
    groups
}

/// The first element of that kind, or a new one at the end.
fn entry<T: Default>(list: &mut Vec<T>, is: impl Fn(&T) -> bool) -> &mut T {
    let position = list.iter().position(is).unwrap_or_else(|| {
        list.push(T::default());
        list.len() - 1
    });
    &mut list[position]
}
