//! Objects of the server's own store, as authenticators look them up.

use std::sync::{Arc, OnceLock};

use apimachinery::status::StatusError;
use apiserver::{
    endpoints::Backing,
    registry::{Store, Stored},
    server::Routes,
};
use apiserver_auth::{authentication::BootstrapSecrets, serviceaccount::ServiceAccountLookup};
use async_trait::async_trait;
use k8s_api::{
    Object,
    core::v1::{Node, Pod, Secret, ServiceAccount},
};

/// Looks objects up in the caches, and in the store where a cache has nothing. The stores are known once the resources
/// are installed; until then nothing is found.
#[derive(Debug, Default)]
pub struct StoredObjects(OnceLock<Stores>);

#[derive(Debug)]
struct Stores {
    accounts: Arc<Store>,
    pods: Arc<Store>,
    secrets: Arc<Store>,
    nodes: Arc<Store>,
}

/// The store behind a resource of an installed server.
///
/// # Errors
/// The resource is not installed.
pub fn store_of<T: Object>(routes: &Routes) -> Result<Arc<Store>, crate::OptionError> {
    let key = (T::GROUP.to_owned(), T::VERSION.to_owned(), T::PLURAL.to_owned());
    match routes.get(&key).map(|endpoint| &endpoint.backing) {
        Some(Backing::Store(store)) => Ok(store.clone()),
        _ => Err(crate::OptionError(format!("{} are not stored", T::PLURAL))),
    }
}

impl StoredObjects {
    /// Names the stores.
    ///
    /// # Errors
    /// A resource that is looked at is not installed.
    pub fn bind(&self, routes: &Routes) -> Result<(), crate::OptionError> {
        let stores = Stores {
            accounts: store_of::<ServiceAccount>(routes)?,
            pods: store_of::<Pod>(routes)?,
            secrets: store_of::<Secret>(routes)?,
            nodes: store_of::<Node>(routes)?,
        };
        self.0
            .set(stores)
            .map_err(|_| crate::OptionError("the stores are bound already".to_owned()))
    }

    async fn find<T: Object>(
        &self,
        pick: fn(&Stores) -> &Arc<Store>,
        namespace: &str,
        name: &str,
    ) -> Result<Option<Arc<T>>, StatusError> {
        let Some(stores) = self.0.get() else { return Ok(None) };
        let store = pick(stores);
        let stored = match store.cacher().get(&store.key(namespace, name)?) {
            Some(cached) => Stored { cached },
            // The cache may not have seen an object that was made just now.
            None => match store.get(namespace, name).await {
                Ok(stored) => stored,
                Err(status) if status.is_not_found() => return Ok(None),
                Err(status) => return Err(status),
            },
        };
        typed(store, &stored).map(Some)
    }
}

fn typed<T: Object>(store: &Store, stored: &Stored) -> Result<Arc<T>, StatusError> {
    store
        .typed(stored)?
        .into_any()
        .downcast()
        .map(Arc::from)
        .map_err(|_| StatusError::internal_error("a stored object is of another kind"))
}

#[async_trait]
impl ServiceAccountLookup for StoredObjects {
    async fn service_account(&self, namespace: &str, name: &str) -> Result<Option<Arc<ServiceAccount>>, StatusError> {
        self.find(|stores| &stores.accounts, namespace, name).await
    }

    async fn pod(&self, namespace: &str, name: &str) -> Result<Option<Arc<Pod>>, StatusError> {
        self.find(|stores| &stores.pods, namespace, name).await
    }

    async fn secret(&self, namespace: &str, name: &str) -> Result<Option<Arc<Secret>>, StatusError> {
        self.find(|stores| &stores.secrets, namespace, name).await
    }

    async fn node(&self, name: &str) -> Result<Option<Arc<Node>>, StatusError> {
        self.find(|stores| &stores.nodes, "", name).await
    }
}

#[async_trait]
impl BootstrapSecrets for StoredObjects {
    /// From the cache alone: whoever guesses tokens must not cost reads of the store.
    async fn get(&self, name: &str) -> Result<Option<Arc<Secret>>, String> {
        let Some(stores) = self.0.get() else { return Ok(None) };
        let key = format!("kube-system/{name}");
        let Some(cached) = stores.secrets.cacher().get(&key) else {
            return Ok(None);
        };
        typed(&stores.secrets, &Stored { cached })
            .map(Some)
            .map_err(|status| status.to_string())
    }
}
