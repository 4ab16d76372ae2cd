//! The Scheme of the built-in API: group, version and kind ↔ resource, scope, names, verbs.
//!
//! Custom resources and aggregated APIs are not here; they come and go at run time.

use crate::{
    generated::resources::RESOURCES,
    reflect::{TypeId, TypeRef},
};

/// One resource that the API server serves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ResourceInfo {
    /// API group; empty for the core group.
    pub group: &'static str,
    /// API version.
    pub version: &'static str,
    /// Plural name, as it stands in paths.
    pub plural: &'static str,
    /// Singular name.
    pub singular: &'static str,
    /// Kind of the objects.
    pub kind: &'static str,
    /// OpenAPI definition name of the kind.
    pub definition: &'static str,
    /// Whether objects live in namespaces.
    pub namespaced: bool,
    /// Verbs, sorted.
    pub verbs: &'static [&'static str],
    /// Short names (`po`).
    pub short_names: &'static [&'static str],
    /// Categories (`all`).
    pub categories: &'static [&'static str],
    /// Subresources, sorted.
    pub subresources: &'static [&'static str],
}

impl ResourceInfo {
    /// `group/version`, or the version alone in the core group.
    #[must_use]
    pub fn api_version(&self) -> String {
        api_version(self.group, self.version)
    }

    /// The kind's place in the built-in schema.
    #[must_use]
    pub fn type_id(&self) -> TypeId {
        crate::definition(self.definition).expect("every served kind stands in the generated schema")
    }

    /// A cursor on the kind's type.
    #[must_use]
    pub fn type_ref(&self) -> TypeRef<'static> {
        crate::builtin_schema().at(self.type_id())
    }

    /// Whether the resource allows `verb`.
    #[must_use]
    pub fn has_verb(&self, verb: &str) -> bool {
        self.verbs.contains(&verb)
    }
}

/// Every built-in resource, in discovery order.
#[must_use]
pub fn resources() -> &'static [ResourceInfo] {
    &RESOURCES
}

/// The resource with this plural name.
#[must_use]
pub fn resource(group: &str, version: &str, plural: &str) -> Option<&'static ResourceInfo> {
    RESOURCES
        .iter()
        .find(|r| r.plural == plural && r.group == group && r.version == version)
}

/// The resource whose objects have this kind.
#[must_use]
pub fn resource_of_kind(group: &str, version: &str, kind: &str) -> Option<&'static ResourceInfo> {
    RESOURCES
        .iter()
        .find(|r| r.kind == kind && r.group == group && r.version == version)
}

/// `group/version`, or the version alone in the core group.
#[must_use]
pub fn api_version(group: &str, version: &str) -> String {
    if group.is_empty() {
        version.to_owned()
    } else {
        format!("{group}/{version}")
    }
}

/// The group and version of an `apiVersion`; the group is empty where there is no slash.
#[must_use]
pub fn split_api_version(api_version: &str) -> (&str, &str) {
    api_version.split_once('/').unwrap_or(("", api_version))
}
