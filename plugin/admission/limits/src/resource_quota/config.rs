//! The plugin's configuration: what may only be used where a quota bounds it.

use apimachinery::field::{Error, ErrorList, Path};
use component_base::config::{DecodeError, from_slice_of_kind};
use k8s_api::core::v1::ScopedResourceSelectorRequirement;
use serde::Deserialize;

const KINDS: &[(&str, &str)] = &[
    ("apiserver.config.k8s.io/v1", "ResourceQuotaConfiguration"),
    ("resourcequota.admission.k8s.io/v1beta1", "Configuration"),
    ("resourcequota.admission.k8s.io/v1alpha1", "Configuration"),
];

/// Why a configuration cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum QuotaConfigurationError {
    /// It is no such configuration.
    #[error(transparent)]
    Decode(#[from] DecodeError),
    /// Its values make no sense.
    #[error("{0}")]
    Invalid(ErrorList),
}

/// `ResourceQuotaConfiguration`.
#[derive(Clone, Debug, Default)]
pub struct ResourceQuotaConfiguration {
    /// What may only be used where a quota bounds it.
    pub limited_resources: Vec<LimitedResource>,
}

/// Something that may only be used where a quota bounds it.
#[derive(Clone, Debug, Default)]
pub struct LimitedResource {
    /// API group of the resource.
    pub api_group: String,
    /// Its plural name.
    pub resource: String,
    /// Parts of the names under which its objects' use is bounded.
    pub match_contains: Vec<String>,
    /// Scopes whose objects are limited.
    pub match_scopes: Vec<ScopedResourceSelectorRequirement>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Document {
    #[serde(default)]
    limited_resources: Vec<Limited>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Limited {
    #[serde(default)]
    api_group: String,
    #[serde(default)]
    resource: String,
    #[serde(default)]
    match_contains: Vec<String>,
    #[serde(default)]
    match_scopes: Vec<Scope>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Scope {
    scope_name: String,
    operator: String,
    #[serde(default)]
    values: Vec<String>,
}

impl From<Limited> for LimitedResource {
    fn from(limited: Limited) -> Self {
        let scopes = limited.match_scopes.into_iter();
        Self {
            api_group: limited.api_group,
            resource: limited.resource,
            match_contains: limited.match_contains,
            match_scopes: scopes
                .map(|scope| ScopedResourceSelectorRequirement {
                    scope_name: scope.scope_name,
                    operator: scope.operator,
                    values: scope.values,
                })
                .collect(),
        }
    }
}

impl ResourceQuotaConfiguration {
    /// Reads and checks a configuration.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn from_slice(bytes: &[u8]) -> Result<Self, QuotaConfigurationError> {
        let document: Document = from_slice_of_kind(bytes, KINDS)?;
        let limited: Vec<LimitedResource> = document.limited_resources.into_iter().map(Into::into).collect();
        let path = Path::new("limitedResources");
        let mut errors = ErrorList::new();
        for (index, _) in limited
            .iter()
            .enumerate()
            .filter(|(_, limited)| limited.resource.is_empty())
        {
            let path = path.index(index);
            errors.push(Error::required(&path.child("resource"), ""));
        }
        if errors.is_empty() {
            Ok(Self {
                limited_resources: limited,
            })
        } else {
            Err(QuotaConfigurationError::Invalid(errors))
        }
    }
}
