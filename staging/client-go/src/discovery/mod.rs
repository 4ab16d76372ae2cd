//! What a server serves, and the way from names and kinds to it (upstream: `discovery`, `restmapper`).

mod fetch;
mod mapper;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use tokio::sync::Mutex;

pub use fetch::{Discovered, discover};
pub use mapper::{MappingError, RestMapper, RestMapping};

use crate::rest::{Client, Error};

/// One resource in one version.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ApiResource {
    /// API group; empty for the core group.
    pub group: String,
    /// API version.
    pub version: String,
    /// Plural name.
    pub name: String,
    /// Singular name; may be empty.
    pub singular: String,
    /// Kind of the objects.
    pub kind: String,
    /// Whether objects live in namespaces.
    pub namespaced: bool,
    /// Verbs.
    pub verbs: Vec<String>,
    /// Short names.
    pub short_names: Vec<String>,
    /// Categories.
    pub categories: Vec<String>,
    /// Subresources, without the resource's name.
    pub subresources: Vec<String>,
}

impl ApiResource {
    /// Whether the resource allows `verb`.
    #[must_use]
    pub fn has_verb(&self, verb: &str) -> bool {
        self.verbs.iter().any(|known| known == verb)
    }
}

/// One group.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ApiGroup {
    /// Its name; empty for the core group.
    pub name: String,
    /// Its versions, the preferred one first.
    pub versions: Vec<ApiVersion>,
}

/// One version of a group.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ApiVersion {
    /// Its name.
    pub version: String,
    /// What it serves.
    pub resources: Vec<ApiResource>,
}

/// Discovery that is done once, and again when something is asked for that is not there.
pub struct CachedDiscovery {
    client: Client,
    mapper: Mutex<Option<Arc<RestMapper>>>,
}

impl CachedDiscovery {
    /// Nothing is fetched until it is asked for.
    #[must_use]
    pub fn new(client: Client) -> Self {
        Self {
            client,
            mapper: Mutex::new(None),
        }
    }

    /// The mapper for what the server serves.
    ///
    /// # Errors
    /// Nothing at all could be discovered.
    pub async fn mapper(&self) -> Result<Arc<RestMapper>, Error> {
        let mut cached = self.mapper.lock().await;
        if let Some(mapper) = &*cached {
            return Ok(mapper.clone());
        }
        let mapper = Arc::new(RestMapper::new(discover(&self.client).await?.groups));
        *cached = Some(mapper.clone());
        Ok(mapper)
    }

    /// Forgets; the next one that asks fetches.
    pub async fn invalidate(&self) {
        *self.mapper.lock().await = None;
    }

    /// Asks the mapper; if it knows nothing, once more with a fresh one.
    ///
    /// # Errors
    /// The server cannot be asked ([`MappingError::Discovery`]), or it does not serve that.
    pub async fn find<R>(&self, ask: impl Fn(&RestMapper) -> Result<R, MappingError>) -> Result<R, MappingError> {
        match ask(&*self.mapper().await.map_err(Box::new)?) {
            Err(error) if error.is_no_match() => {
                self.invalidate().await;
                ask(&*self.mapper().await.map_err(Box::new)?)
            }
            outcome => outcome,
        }
    }
}
