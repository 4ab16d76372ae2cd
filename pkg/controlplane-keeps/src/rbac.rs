//! The roles and bindings that every cluster starts with.

use apiserver::registry::Local;
use async_trait::async_trait;
use auth_rbac::{
    BindingObject, BootstrapClient, BootstrapError, Reconciled, RoleObject, bootstrap, ensure, reconcile_binding,
    reconcile_role,
};
use futures::{TryStreamExt as _, stream::FuturesUnordered};
use k8s_api::{
    Object,
    meta::v1::{DeleteOptions, Preconditions},
    rbac::v1::{ClusterRole, ClusterRoleBinding, Role, RoleBinding},
};

use crate::{MissingStore, Stores};

/// The objects of one kind as the reconciliation reads and writes them.
struct Client<T>(Local<T>);

fn failure(status: &apimachinery::status::StatusError) -> BootstrapError {
    if status.is_already_exists() {
        BootstrapError::AlreadyExists
    } else if status.is_not_found() {
        BootstrapError::NotFound
    } else if status.is_conflict() {
        BootstrapError::Conflict
    } else {
        BootstrapError::Other(status.to_string())
    }
}

#[async_trait]
impl<T: Object> BootstrapClient<T> for Client<T> {
    async fn get(&self, like: &T) -> Result<Option<T>, BootstrapError> {
        let metadata = like.metadata();
        let (namespace, name) = (&metadata.namespace, &metadata.name);
        match self.0.cached(namespace, name).map_err(|status| failure(&status))? {
            Some(object) => Ok(Some(object)),
            None => self.0.get(namespace, name).await.map_err(|status| failure(&status)),
        }
    }

    async fn create(&self, object: &T) -> Result<(), BootstrapError> {
        self.0.create(object).await.map(drop).map_err(|status| failure(&status))
    }

    async fn update(&self, object: &T) -> Result<(), BootstrapError> {
        self.0.update(object).await.map(drop).map_err(|status| failure(&status))
    }

    async fn delete(&self, object: &T) -> Result<(), BootstrapError> {
        let metadata = object.metadata();
        let options = DeleteOptions {
            preconditions: Some(Box::new(Preconditions {
                uid: Some(metadata.uid.clone()),
                ..Preconditions::default()
            })),
            ..DeleteOptions::default()
        };
        let deleted = self.0.delete(&metadata.namespace, &metadata.name, &options).await;
        deleted.map(drop).map_err(|status| failure(&status))
    }
}

/// The stores of the policy's kinds.
pub(crate) struct PolicyStores {
    cluster_roles: Client<ClusterRole>,
    cluster_role_bindings: Client<ClusterRoleBinding>,
    roles: Client<Role>,
    role_bindings: Client<RoleBinding>,
}

impl PolicyStores {
    pub(crate) fn of(stores: &Stores) -> Result<Self, MissingStore> {
        Ok(Self {
            cluster_roles: Client(stores.local()?),
            cluster_role_bindings: Client(stores.local()?),
            roles: Client(stores.local()?),
            role_bindings: Client(stores.local()?),
        })
    }

    /// Adds what is missing of the policy.
    pub(crate) async fn ensure(&self) -> Result<(), BootstrapError> {
        let policy = bootstrap::policy();
        // Roles before the bindings that name them.
        tokio::try_join!(
            all(&self.cluster_roles, &policy.cluster_roles, role),
            all(&self.roles, &policy.roles, role),
        )?;
        tokio::try_join!(
            all(&self.cluster_role_bindings, &policy.cluster_role_bindings, binding),
            all(&self.role_bindings, &policy.role_bindings, binding),
        )?;
        Ok(())
    }
}

fn role<T: RoleObject>(existing: &T, expected: &T) -> Reconciled<T> {
    reconcile_role(existing, expected)
}

fn binding<T: BindingObject>(existing: &T, expected: &T) -> Reconciled<T> {
    reconcile_binding(existing, expected)
}

async fn all<T: Object>(
    client: &Client<T>,
    wanted: &[T],
    reconcile: fn(&T, &T) -> Reconciled<T>,
) -> Result<(), BootstrapError> {
    // All at once: the store joins their writes.
    let objects: FuturesUnordered<_> = wanted.iter().map(|object| ensure(client, object, reconcile)).collect();
    objects.try_collect().await
}
