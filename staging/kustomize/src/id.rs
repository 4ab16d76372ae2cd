//! What resources are known by: group, version, kind, name and namespace.

use std::fmt;

use k8s_api::scheme::{resource_of_kind, split_api_version};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// A type; in selectors empty members stand for anything.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Gvk {
    /// API group; empty for the core group.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(crate) group: String,
    /// API version.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(crate) version: String,
    /// Kind.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(crate) kind: String,
}

fn or(text: &str, other: &'static str) -> String {
    if text.is_empty() { other } else { text }.to_owned()
}

impl Gvk {
    /// From its parts.
    pub(crate) fn new(group: &str, version: &str, kind: &str) -> Self {
        Self {
            group: group.to_owned(),
            version: version.to_owned(),
            kind: kind.to_owned(),
        }
    }

    /// The type of an object.
    pub(crate) fn of(object: &Value) -> Self {
        let (group, version) = split_api_version(object["apiVersion"].as_str().unwrap_or_default());
        Self::new(group, version, object["kind"].as_str().unwrap_or_default())
    }

    /// Whether it is one that the selector means.
    pub(crate) fn is_selected(&self, selector: &Self) -> bool {
        let fits = |wanted: &str, own: &str| wanted.is_empty() || wanted == own;
        fits(&selector.group, &self.group) && fits(&selector.version, &self.version) && fits(&selector.kind, &self.kind)
    }

    /// Whether its objects certainly have no namespace.
    pub(crate) fn is_cluster_scoped(&self) -> bool {
        resource_of_kind(&self.group, &self.version, &self.kind).is_some_and(|resource| !resource.namespaced)
    }

    /// What types are sorted by.
    pub(crate) fn sort_text(&self) -> String {
        format!(
            "{}_{}_{}",
            or(&self.group, "~G"),
            or(&self.version, "~V"),
            or(&self.kind, "~K")
        )
    }
}

impl fmt::Display for Gvk {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            out,
            "{}.{}.{}",
            or(&self.kind, "[noKind]"),
            or(&self.version, "[noVer]"),
            or(&self.group, "[noGrp]")
        )
    }
}

/// What one resource is known by.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct ResId {
    #[serde(flatten)]
    pub(crate) gvk: Gvk,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(crate) name: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(crate) namespace: String,
}

/// The namespace of what has none.
pub(crate) const NO_NAMESPACE: &str = "_non_namespaceable_";

impl ResId {
    /// What an object is known by.
    pub(crate) fn of(object: &Value) -> Self {
        let text = |member: &str| object["metadata"][member].as_str().unwrap_or_default().to_owned();
        Self {
            gvk: Gvk::of(object),
            name: text("name"),
            namespace: text("namespace"),
        }
    }

    /// The namespace as it is compared: never empty.
    pub(crate) fn effective_namespace(&self) -> &str {
        match self.namespace.as_str() {
            _ if self.gvk.is_cluster_scoped() => NO_NAMESPACE,
            "" => "default",
            namespace => namespace,
        }
    }

    /// Whether both mean the same resource.
    pub(crate) fn is_same(&self, other: &Self) -> bool {
        self.name == other.name && self.gvk == other.gvk && self.effective_namespace() == other.effective_namespace()
    }

    /// Whether it is one that the selector means.
    pub(crate) fn is_selected_by(&self, selector: &Self) -> bool {
        (selector.name.is_empty() || selector.name == self.name)
            && (selector.namespace.is_empty() || selector.effective_namespace() == self.effective_namespace())
            && self.gvk.is_selected(&selector.gvk)
    }

    /// As Go's `%#v` shows it.
    pub(crate) fn go_syntax(&self) -> String {
        let Gvk { group, version, kind } = &self.gvk;
        format!(
            "resid.ResId{{Gvk:resid.Gvk{{Group:{group:?}, Version:{version:?}, Kind:{kind:?}, isClusterScoped:{}}}, Name:{:?}, Namespace:{:?}}}",
            self.gvk.is_cluster_scoped(),
            self.name,
            self.namespace
        )
    }
}

impl fmt::Display for ResId {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            out,
            "{}/{}.{}",
            self.gvk,
            or(&self.name, "[noName]"),
            or(&self.namespace, "[noNs]")
        )
    }
}
