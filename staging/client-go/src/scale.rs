//! [`ScaleClient`]: the scale of anything that has one, by group and resource (upstream: `client-go/scale`).

use std::sync::Arc;

use k8s_api::autoscaling::v1::Scale;

use crate::api::{Api, DynamicObject, Patch, WriteOptions};
use crate::discovery::{CachedDiscovery, MappingError};
use crate::rest::{Client, Error};

/// Why a scale could not be read or written.
#[derive(Clone, Debug, thiserror::Error)]
pub enum ScaleError {
    /// The server does not serve such a resource.
    #[error(transparent)]
    Mapping(#[from] MappingError),
    /// The request failed.
    #[error(transparent)]
    Request(#[from] Error),
}

/// Reads and writes scales; which version serves a resource is looked up.
#[derive(Clone)]
pub struct ScaleClient {
    client: Client,
    discovery: Arc<CachedDiscovery>,
}

impl ScaleClient {
    /// A client that looks versions up in `discovery`.
    #[must_use]
    pub fn new(client: Client, discovery: Arc<CachedDiscovery>) -> Self {
        Self { client, discovery }
    }

    async fn api(&self, group: &str, resource: &str, namespace: &str) -> Result<Api<DynamicObject>, ScaleError> {
        let text = if group.is_empty() {
            resource.to_owned()
        } else {
            format!("{resource}.{group}")
        };
        let found = self.discovery.find(|mapper| {
            mapper
                .find(&text)
                .map(super::discovery::ApiResource::group_version_resource)
        });
        Ok(self.client.dynamic(found.await?, Some(namespace)))
    }

    /// Reads a scale.
    ///
    /// # Errors
    /// See [`ScaleError`].
    pub async fn get(&self, group: &str, resource: &str, namespace: &str, name: &str) -> Result<Scale, ScaleError> {
        Ok(self.api(group, resource, namespace).await?.get_scale(name).await?)
    }

    /// Replaces a scale.
    ///
    /// # Errors
    /// See [`ScaleError`].
    pub async fn update(
        &self,
        group: &str,
        resource: &str,
        scale: &Scale,
        options: &WriteOptions,
    ) -> Result<Scale, ScaleError> {
        let api = self.api(group, resource, &scale.metadata.namespace).await?;
        Ok(api.update_scale(scale, options).await?)
    }

    /// Changes a scale.
    ///
    /// # Errors
    /// See [`ScaleError`].
    pub async fn patch(
        &self,
        group: &str,
        resource: &str,
        namespace: &str,
        name: &str,
        patch: &Patch,
    ) -> Result<Scale, ScaleError> {
        let api = self.api(group, resource, namespace).await?;
        Ok(api.patch_scale(name, patch, &WriteOptions::default()).await?)
    }
}
