//! [`Server`]: what the collector asks of the API, by identity.

use std::sync::Arc;
use std::time::Duration;

use client_go::api::{DeleteOptions, Patch, Propagation};
use client_go::discovery::{MappingError, RestMapper};
use client_go::{Api, Client, Error};
use k8s_api::meta::v1::{ObjectMeta, OwnerReference, PartialObjectMetadata, Preconditions};
use parking_lot::RwLock;
use serde_json::{Value, json};

use crate::identity::Identity;

/// Why a request about an object is not possible, or failed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ServerError {
    /// The kind is not served, or not known yet.
    #[error("unable to get REST mapping for {api_version}/{kind}.")]
    Mapping {
        /// `group/version`.
        api_version: String,
        /// Kind.
        kind: String,
    },
    /// A cluster-scoped object names an owner that lives in a namespace: nobody can say in which.
    #[error("cluster-scoped objects cannot refer to namespaced owners")]
    NamespacedOwner,
    /// The server says no.
    #[error(transparent)]
    Api(#[from] Error),
}

impl ServerError {
    /// Whether there is no such object.
    pub(crate) fn is_not_found(&self) -> bool {
        matches!(self, Self::Api(error) if error.is_not_found())
    }
}

/// The API, and the way from kinds to it.
pub(crate) struct Server {
    client: Client,
    mapper: RwLock<Arc<RestMapper>>,
}

impl Server {
    pub(crate) fn new(client: Client) -> Self {
        Self {
            client,
            mapper: RwLock::default(),
        }
    }

    /// What the server serves has changed.
    pub(crate) fn set_mapper(&self, mapper: RestMapper) {
        *self.mapper.write() = Arc::new(mapper);
    }

    /// Whether objects of a kind live in namespaces.
    pub(crate) fn is_namespaced(&self, api_version: &str, kind: &str) -> Result<bool, ServerError> {
        self.mapping(api_version, kind).map(|(_, namespaced)| namespaced)
    }

    fn mapping(&self, api_version: &str, kind: &str) -> Result<(client_go::GroupVersionResource, bool), ServerError> {
        let (group, version) = api_version.rsplit_once('/').unwrap_or(("", api_version));
        let mapper = self.mapper.read();
        let mapping = mapper
            .mapping(group, kind, &[version])
            .map_err(|_: MappingError| ServerError::Mapping {
                api_version: api_version.to_owned(),
                kind: kind.to_owned(),
            })?;
        Ok((mapping.group_version_resource(), mapping.namespaced))
    }

    fn api(&self, identity: &Identity) -> Result<Api<PartialObjectMetadata>, ServerError> {
        let (resource, namespaced) = self.mapping(&identity.type_meta.api_version, &identity.type_meta.kind)?;
        let namespace = identity.namespace();
        if namespaced && namespace.is_empty() {
            return Err(ServerError::NamespacedOwner);
        }
        Ok(self.client.resource(resource, namespaced.then_some(namespace)))
    }

    /// The object by this name, whatever its UID.
    pub(crate) async fn get(&self, identity: &Identity) -> Result<PartialObjectMetadata, ServerError> {
        Ok(self.api(identity)?.get(identity.name()).await?)
    }

    /// Deletes the object as it was read. If it has changed since, but not its owners, it is deleted as it is: changes
    /// that come faster than deletions must not keep it.
    pub(crate) async fn delete(
        &self,
        identity: &Identity,
        read: &ObjectMeta,
        propagation: Propagation,
    ) -> Result<(), ServerError> {
        let api = self.api(identity)?;
        let options = |version: Option<String>| DeleteOptions {
            preconditions: Some(Preconditions {
                uid: Some(identity.uid.to_string()),
                resource_version: version,
            }),
            propagation: Some(propagation),
            ..DeleteOptions::default()
        };
        let error = match api
            .delete(identity.name(), &options(Some(read.resource_version.clone())))
            .await
        {
            Ok(_) => return Ok(()),
            Err(error) => error,
        };
        if !error.is_conflict() {
            return Err(error.into());
        }
        let live = match api.get(identity.name()).await {
            Err(gone) if gone.is_not_found() => return Err(gone.into()),
            Err(_) => return Err(error.into()),
            Ok(live) => live.metadata,
        };
        if live.uid != *identity.uid
            || live.resource_version == read.resource_version
            || live.owner_references != read.owner_references
        {
            return Err(error.into());
        }
        Ok(api.delete(identity.name(), &options(None)).await.map(drop)?)
    }

    /// Changes owner references: by a strategic merge patch, or, where the kind knows none, by a merge patch of all of
    /// them, which `references` makes of those that are there.
    pub(crate) async fn patch_references(
        &self,
        identity: &Identity,
        strategic: Vec<Value>,
        references: impl Fn(Vec<OwnerReference>) -> Vec<OwnerReference>,
    ) -> Result<(), ServerError> {
        let api = self.api(identity)?;
        let patch = json!({"metadata": {"uid": identity.uid, "ownerReferences": strategic}});
        match api.patch(identity.name(), &Patch::Strategic(patch)).await {
            Err(error) if error.status().is_some_and(|status| status.code() == 415) => {}
            outcome => return Ok(outcome.map(drop)?),
        }
        let present = api.get(identity.name()).await?.metadata;
        let references: Vec<_> = references(present.owner_references)
            .iter()
            .map(reference_json)
            .collect();
        let patch = json!({
            "metadata": {"resourceVersion": present.resource_version, "ownerReferences": references},
        });
        Ok(api.patch(identity.name(), &Patch::Merge(patch)).await.map(drop)?)
    }

    /// Takes a finalizer off an object, if both are there.
    pub(crate) async fn remove_finalizer(&self, identity: &Identity, finalizer: &str) -> Result<(), ServerError> {
        let api = self.api(identity)?;
        let pause = Duration::from_millis(10);
        Ok(
            controller_objects::retry_on_conflict(4, pause, || remove_finalizer(&api, identity.name(), finalizer))
                .await?,
        )
    }
}

async fn remove_finalizer(api: &Api<PartialObjectMetadata>, name: &str, finalizer: &str) -> Result<(), Error> {
    let Some(object) = api.get_opt(name).await? else {
        return Ok(());
    };
    let mut metadata = object.metadata;
    if !controller_objects::finalizers::has(&metadata, finalizer) {
        return Ok(());
    }
    controller_objects::finalizers::remove(&mut metadata, finalizer);
    let patch = json!({
        "metadata": {"resourceVersion": metadata.resource_version, "finalizers": metadata.finalizers},
    });
    match api.patch(name, &Patch::Merge(patch)).await {
        Err(error) if !error.is_not_found() => Err(error),
        _ => Ok(()),
    }
}

/// A reference as it stands in an object.
pub(crate) fn reference_json(reference: &OwnerReference) -> Value {
    let mut value = json!({
        "apiVersion": reference.api_version, "kind": reference.kind, "name": reference.name, "uid": reference.uid,
    });
    let flags = [
        ("controller", reference.controller),
        ("blockOwnerDeletion", reference.block_owner_deletion),
    ];
    for (name, flag) in flags {
        if let Some(flag) = flag {
            value[name] = flag.into();
        }
    }
    value
}
