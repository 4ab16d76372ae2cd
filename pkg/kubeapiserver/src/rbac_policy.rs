//! Brings the bootstrap policy into the store at every start (upstream: `pkg/registry/rbac/rest`, the hook
//! `rbac/bootstrap-roles`).
//!
//! The objects are looked at side by side: on a fresh store their writes then share a commit.

use std::time::Duration;

use apimachinery::status::StatusError;
use apiserver::{registry::Local, server::Routes};
use async_trait::async_trait;
use auth_rbac::{BootstrapClient, BootstrapError, Reconciled, bootstrap, ensure, reconcile_binding, reconcile_role};
use futures::future::{BoxFuture, FutureExt, join_all};
use k8s_api::{Object, meta::v1::DeleteOptions};

use crate::{OptionError, stored::store_of};

/// How long a failed pass waits for the next one, and how many there are: half a minute in all, as upstream.
const PAUSE: Duration = Duration::from_secs(1);
const PASSES: usize = 30;

/// Reads and writes objects of one kind in the server's own store.
struct Client<T>(Local<T>);

fn failure(status: &StatusError) -> BootstrapError {
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

/// What was written is of no interest.
fn done<T>(outcome: Result<T, StatusError>) -> Result<(), BootstrapError> {
    outcome.map(|_| ()).map_err(|status| failure(&status))
}

#[async_trait]
impl<T: Object> BootstrapClient<T> for Client<T> {
    async fn get(&self, like: &T) -> Result<Option<T>, BootstrapError> {
        let metadata = like.metadata();
        let found = self.0.get(&metadata.namespace, &metadata.name).await;
        found.map_err(|status| failure(&status))
    }

    async fn create(&self, object: &T) -> Result<(), BootstrapError> {
        done(self.0.create(object).await)
    }

    async fn update(&self, object: &T) -> Result<(), BootstrapError> {
        done(self.0.update(object).await)
    }

    async fn delete(&self, object: &T) -> Result<(), BootstrapError> {
        let metadata = object.metadata();
        let mut options = DeleteOptions::default();
        options.preconditions.get_or_insert_default().uid = Some(metadata.uid.clone());
        done(self.0.delete(&metadata.namespace, &metadata.name, &options).await)
    }
}

/// Ensures objects of one kind; returns what went wrong, by name.
async fn ensure_all<T: Object>(
    routes: &Routes,
    objects: &[T],
    reconcile: fn(&T, &T) -> Reconciled<T>,
) -> Result<Vec<String>, OptionError> {
    let client = &Client(Local::new(store_of::<T>(routes)?));
    let mut pending: Vec<BoxFuture<'_, Option<String>>> = Vec::new();
    for object in objects {
        let attempt = async move {
            let outcome = ensure(client, object, reconcile).await;
            let name = &object.metadata().name;
            outcome
                .err()
                .map(|error| format!("{}.{}/{name}: {error}", T::PLURAL, T::GROUP))
        };
        pending.push(attempt.boxed());
    }
    Ok(join_all(pending).await.into_iter().flatten().collect())
}

async fn pass(routes: &Routes) -> Result<Vec<String>, OptionError> {
    let policy = bootstrap::policy();
    let (roles, bindings, own_roles, own_bindings) = tokio::join!(
        ensure_all(routes, &policy.cluster_roles, reconcile_role),
        ensure_all(routes, &policy.cluster_role_bindings, reconcile_binding),
        ensure_all(routes, &policy.roles, reconcile_role),
        ensure_all(routes, &policy.role_bindings, reconcile_binding),
    );
    Ok([roles?, bindings?, own_roles?, own_bindings?].concat())
}

/// Brings the policy into the store.
///
/// # Errors
/// Something still fails after half a minute.
pub async fn ensure_policy(routes: &Routes) -> Result<(), OptionError> {
    let mut failures = pass(routes).await?;
    for _ in 1..PASSES {
        if failures.is_empty() {
            return Ok(());
        }
        tracing::error!(?failures, "unable to reconcile the bootstrap policy");
        tokio::time::sleep(PAUSE).await;
        failures = pass(routes).await?;
    }
    if failures.is_empty() {
        return Ok(());
    }
    Err(OptionError(format!(
        "unable to initialize roles: {}",
        failures.join(", ")
    )))
}
