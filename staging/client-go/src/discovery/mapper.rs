//! [`RestMapper`]: from what people and manifests say to the resource that is meant.
//!
//! Of several groups that know a name the server's order decides; of several versions the preferred one.

use k8s_api::primitives::quote;

use super::{ApiGroup, ApiResource};
use crate::api::GroupVersionResource;

/// Where objects of a kind are served.
pub type RestMapping = ApiResource;

impl ApiResource {
    /// Group, version and plural name.
    #[must_use]
    pub fn group_version_resource(&self) -> GroupVersionResource {
        GroupVersionResource::new(&self.group, &self.version, &self.name)
    }
}

/// Why nothing is meant.
#[derive(Clone, Debug, thiserror::Error)]
pub enum MappingError {
    /// No version that is served has this kind.
    #[error("no matches for kind {} in {}", quote(kind), in_versions(group, versions))]
    NoKind {
        /// The kind.
        kind: String,
        /// Its group.
        group: String,
        /// The versions that were asked for; none for any.
        versions: Vec<String>,
    },
    /// No resource has this name.
    #[error("the server doesn't have a resource type {}", quote(.0))]
    NoResource(String),
    /// The server could not be asked.
    #[error(transparent)]
    Discovery(#[from] Box<crate::Error>),
}

impl MappingError {
    /// Whether the server was asked and does not serve that.
    #[must_use]
    pub fn is_no_match(&self) -> bool {
        !matches!(self, Self::Discovery(_))
    }
}

fn in_versions(group: &str, versions: &[String]) -> String {
    let full: Vec<_> = versions
        .iter()
        .map(|version| quote(&k8s_api::scheme::api_version(group, version)))
        .collect();
    match full.as_slice() {
        [] => format!("group {}", quote(group)),
        [one] => format!("version {one}"),
        _ => format!("versions [{}]", full.join(" ")),
    }
}

/// From names and kinds to resources.
#[derive(Clone, Debug, Default)]
pub struct RestMapper {
    groups: Vec<ApiGroup>,
}

impl RestMapper {
    /// A mapper for these groups, in the order of their priority.
    #[must_use]
    pub fn new(groups: Vec<ApiGroup>) -> Self {
        Self { groups }
    }

    /// The groups.
    #[must_use]
    pub fn groups(&self) -> &[ApiGroup] {
        &self.groups
    }

    /// Every resource in every version.
    pub fn resources(&self) -> impl Iterator<Item = &ApiResource> {
        self.groups
            .iter()
            .flat_map(|group| &group.versions)
            .flat_map(|version| &version.resources)
    }

    /// Every resource once, in its group's preferred version.
    #[must_use]
    pub fn preferred_resources(&self) -> Vec<&ApiResource> {
        let mut preferred: Vec<&ApiResource> = Vec::new();
        for resource in self.resources() {
            if !preferred
                .iter()
                .any(|known| known.group == resource.group && known.name == resource.name)
            {
                preferred.push(resource);
            }
        }
        preferred
    }

    /// The resource of a kind, in one of these versions or (none given) the preferred one.
    ///
    /// # Errors
    /// There is none.
    pub fn mapping(&self, group: &str, kind: &str, versions: &[&str]) -> Result<&RestMapping, MappingError> {
        let of_kind = |resource: &&ApiResource| resource.group == group && resource.kind == kind;
        let found = if versions.is_empty() {
            self.resources().find(of_kind)
        } else {
            versions.iter().find_map(|version| {
                self.resources()
                    .find(|resource| of_kind(resource) && resource.version == *version)
            })
        };
        found.ok_or_else(|| MappingError::NoKind {
            kind: kind.to_owned(),
            group: group.to_owned(),
            versions: versions.iter().map(|version| (*version).to_owned()).collect(),
        })
    }

    /// The resource with exactly these names.
    #[must_use]
    pub fn resource(&self, names: &GroupVersionResource) -> Option<&ApiResource> {
        self.resources().find(|resource| {
            resource.name == names.resource && resource.group == names.group && resource.version == names.version
        })
    }

    /// What a user means by `pods`, `po`, `pod`, `Pod`, `deployments.apps` or `deployments.v1.apps`.
    ///
    /// # Errors
    /// Nothing that is served.
    pub fn find(&self, text: &str) -> Result<&ApiResource, MappingError> {
        let wanted = text.to_lowercase();
        let mut forms: Vec<(&str, Option<&str>, Option<&str>)> = Vec::new();
        // The longest form first: `name.version.group`, then `name.group`, then a name with dots of its own.
        if let Some((name, rest)) = wanted.split_once('.') {
            if let Some((version, group)) = rest.split_once('.') {
                forms.push((name, Some(version), Some(group)));
            } else {
                // `name.version.` is the core group; `name.version` alone is not a form.
                forms.push((name, None, Some(rest)));
            }
            if let Some(version) = rest.strip_suffix('.') {
                forms.push((name, Some(version), Some("")));
            }
            forms.push((name, None, Some(rest)));
        }
        forms.push((&wanted, None, None));
        forms
            .into_iter()
            .find_map(|(name, version, group)| self.named(name, version, group))
            .ok_or_else(|| MappingError::NoResource(text.to_owned()))
    }

    /// Names go before short names, which go before kinds.
    fn named(&self, name: &str, version: Option<&str>, group: Option<&str>) -> Option<&ApiResource> {
        let fits = |resource: &&ApiResource| {
            version.is_none_or(|version| resource.version == version)
                && group.is_none_or(|group| resource.group == group)
        };
        let by = |test: &dyn Fn(&ApiResource) -> bool| self.resources().filter(fits).find(|resource| test(resource));
        by(&|resource| resource.name == name || resource.singular == name)
            .or_else(|| by(&|resource| resource.short_names.iter().any(|short| short == name)))
            .or_else(|| by(&|resource| resource.kind.to_lowercase() == name))
    }

    /// The resources of a category such as `all`, in their preferred versions.
    #[must_use]
    pub fn category(&self, name: &str) -> Vec<&ApiResource> {
        let mut found = self.preferred_resources();
        found.retain(|resource| resource.categories.iter().any(|category| category == name));
        found
    }
}
