//! What discovery says, independent of the form in which a client asks for it.

use std::borrow::Cow;

type Text = Cow<'static, str>;

/// A group, a version and a kind; empty parts mean "as where this stands".
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct GroupVersionKind {
    /// API group.
    pub group: Text,
    /// API version.
    pub version: Text,
    /// Kind of the objects.
    pub kind: Text,
}

/// Whether an aggregated server answered when its resources were last asked for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Freshness {
    /// The resources are those of now.
    #[default]
    Current,
    /// The server is away; the resources are the last known.
    Stale,
}

impl Freshness {
    /// The name on the wire.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Current => "Current",
            Self::Stale => "Stale",
        }
    }
}

/// A subresource.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ResourceSubresource {
    /// Name behind the slash.
    pub name: Text,
    /// Kind that is read or written; group and version are empty where they are the parent's.
    pub kind: GroupVersionKind,
    /// Verbs, sorted.
    pub verbs: Vec<Text>,
}

/// A resource.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Resource {
    /// Plural name.
    pub name: Text,
    /// Singular name.
    pub singular: Text,
    /// Kind of the objects; group and version are empty where they are those of the list.
    pub kind: GroupVersionKind,
    /// Whether objects live in namespaces.
    pub namespaced: bool,
    /// Verbs, sorted.
    pub verbs: Vec<Text>,
    /// Short names.
    pub short_names: Vec<Text>,
    /// Categories.
    pub categories: Vec<Text>,
    /// [`crate::digest::storage_version_hash`] of the stored version; empty for what is not stored.
    pub storage_version_hash: Text,
    /// Subresources, sorted by name.
    pub subresources: Vec<ResourceSubresource>,
}

/// A version of a group.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ApiVersion {
    /// Name of the version.
    pub version: Text,
    /// Whether the resources are those of now.
    pub freshness: Freshness,
    /// Resources, sorted by name.
    pub resources: Vec<Resource>,
}

/// A group with its versions, the preferred one first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ApiGroup {
    /// Name; empty for the core group.
    pub name: Text,
    /// Versions, the preferred one first.
    pub versions: Vec<ApiVersion>,
}
