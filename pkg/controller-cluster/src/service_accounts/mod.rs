//! Sees to it that every active namespace has the service account `default`
//! (upstream: `pkg/controller/serviceaccount/serviceaccounts_controller.go`).

use std::sync::Arc;

use client_go::cache::{Event, Lister, ObjectKey};
use client_go::workqueue::Outcome;
use client_go::{Client, Error};
use controller::{Built, CacheSync, Controller, ControllerContext, Retries};
use k8s_api::core::v1::{Namespace, ServiceAccount};

/// The service accounts that every namespace has.
const ENSURED: [&str; 1] = ["default"];

struct ServiceAccounts {
    client: Client,
    namespaces: Lister<Namespace>,
    accounts: Lister<ServiceAccount>,
}

/// Builds `serviceaccount-controller`.
///
/// # Errors
/// There is no client for it.
pub async fn build(context: ControllerContext) -> Built {
    let client = context.client("service-account-controller").await?;
    let namespaces = context.informers.informer::<Namespace>();
    let accounts = context.informers.informer::<ServiceAccount>();
    let queue = context.queue::<ObjectKey>("serviceaccount");
    let keys = queue.clone();
    namespaces.add_handler(move |event: Event<Namespace>| {
        if !matches!(event, Event::Deleted { .. }) {
            keys.add(ObjectKey::of(&**event.object()));
        }
    });
    let keys = queue.clone();
    accounts.add_handler(move |event: Event<ServiceAccount>| {
        if let Event::Deleted { object, .. } = event {
            keys.add(ObjectKey::from(object.metadata.namespace.as_str()));
        }
    });
    let caches = CacheSync::new().and(&namespaces).and(&accounts);
    let this = Arc::new(ServiceAccounts {
        client,
        namespaces: namespaces.lister(),
        accounts: accounts.lister(),
    });
    Ok(Some(Controller::new(move |stop| async move {
        let reconcile = move |key: ObjectKey| {
            let this = this.clone();
            async move { this.reconcile(&key).await }
        };
        context
            .run(
                caches,
                queue,
                1,
                Retries::new("Service account work item failed"),
                stop,
                reconcile,
            )
            .await;
    })))
}

impl ServiceAccounts {
    async fn reconcile(&self, key: &ObjectKey) -> Result<Outcome, Error> {
        let Some(namespace) = self.namespaces.get_key(key) else {
            return Ok(Outcome::Done);
        };
        if namespace.status.phase != "Active" {
            return Ok(Outcome::Done);
        }
        let namespace = &namespace.metadata.name;
        let missing = ENSURED
            .iter()
            .filter(|name| self.accounts.get(namespace, name).is_none());
        let mut failure = None;
        for name in missing {
            let mut account = ServiceAccount::default();
            account.metadata.name = (*name).to_owned();
            account.metadata.namespace.clone_from(namespace);
            let api = self.client.namespaced::<ServiceAccount>(namespace.clone());
            match api.create(&account).await {
                Err(error) if !error.is_already_exists() && !controller_objects::is_namespace_terminating(&error) => {
                    failure = Some(error);
                }
                _ => {}
            }
        }
        failure.map_or(Ok(Outcome::Done), Err)
    }
}

#[cfg(test)]
mod tests;
