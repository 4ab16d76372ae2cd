//! The stores of the built-in resources, by kind.

use std::{collections::HashMap, sync::Arc};

use apiserver::{
    endpoints::{Backing, Subresource},
    registry::{Local, ResourceStrategy, Store},
    server::Routes,
};
use k8s_api::Object;

/// A kind that the server does not serve.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no resource {0} is stored at version {1}")]
pub struct MissingStore(&'static str, &'static str);

#[derive(Clone, Debug)]
struct Entry {
    store: Arc<Store>,
    status: Option<Arc<dyn ResourceStrategy>>,
}

/// The stores of a server's resources.
#[derive(Clone, Debug, Default)]
pub struct Stores {
    entries: HashMap<(String, String), Entry>,
    /// Group and version of everything that is served.
    versions: Vec<(String, String)>,
}

impl Stores {
    /// The stores behind these routes.
    #[must_use]
    pub fn of(routes: &Routes) -> Self {
        let mut stores = Self::default();
        for ((group, version, plural), endpoint) in routes {
            let pair = (group.clone(), version.clone());
            if !stores.versions.contains(&pair) {
                stores.versions.push(pair);
            }
            let Backing::Store(store) = &endpoint.backing else {
                continue;
            };
            let status = match endpoint.subresources.get("status") {
                Some(Subresource::Update(strategy)) => Some(strategy.clone()),
                _ => None,
            };
            let key = (group.clone(), plural.clone());
            let store = store.clone();
            stores.entries.insert(key, Entry { store, status });
        }
        stores.versions.sort();
        stores
    }

    /// Without these versions among the served ones; their stores stay.
    #[must_use]
    pub fn serving(mut self, served: impl Fn(&str, &str) -> bool) -> Self {
        self.versions.retain(|(group, version)| served(group, version));
        self
    }

    /// Group and version of everything that is served, in order.
    #[must_use]
    pub fn versions(&self) -> &[(String, String)] {
        &self.versions
    }

    fn entry<T: Object>(&self) -> Result<&Entry, MissingStore> {
        let key = (T::GROUP.to_owned(), T::PLURAL.to_owned());
        let entry = self.entries.get(&key);
        entry
            .filter(|entry| entry.store.config().hub.api_version() == T::API_VERSION)
            .ok_or(MissingStore(T::PLURAL, T::API_VERSION))
    }

    /// The server's own access to a kind, of which `T` is the stored version.
    ///
    /// # Errors
    /// If it is not stored, or not at this version.
    pub fn local<T: Object>(&self) -> Result<Local<T>, MissingStore> {
        Ok(Local::new(self.entry::<T>()?.store.clone()))
    }

    /// The rules of a kind's status.
    ///
    /// # Errors
    /// If the kind is not stored or has no status.
    pub fn status_strategy<T: Object>(&self) -> Result<Arc<dyn ResourceStrategy>, MissingStore> {
        let status = self.entry::<T>()?.status.clone();
        status.ok_or(MissingStore(T::PLURAL, T::API_VERSION))
    }
}
