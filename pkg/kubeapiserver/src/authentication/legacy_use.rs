//! Notes the day on which a secret's token was last used, so that unused ones can be cleaned up.

use std::sync::{Arc, OnceLock};

use apimachinery::status::StatusError;
use apiserver::{registry::Local, server::Routes};
use apiserver_auth::serviceaccount::LastUse;
use k8s_api::core::v1::Secret;
use tokio::sync::Semaphore;

use crate::{OptionError, stored::store_of};

/// Notes under way at once; further ones are left to the next use.
const AT_ONCE: usize = 4;

/// Writes the notes into the server's own store.
#[derive(Debug)]
pub struct NotedUse {
    secrets: OnceLock<Local<Secret>>,
    places: Arc<Semaphore>,
}

impl Default for NotedUse {
    fn default() -> Self {
        Self {
            secrets: OnceLock::new(),
            places: Arc::new(Semaphore::new(AT_ONCE)),
        }
    }
}

impl NotedUse {
    /// Names the store of secrets; until then nothing is noted.
    ///
    /// # Errors
    /// Secrets are not installed.
    pub fn bind(&self, routes: &Routes) -> Result<(), OptionError> {
        self.secrets
            .set(Local::new(store_of::<Secret>(routes)?))
            .map_err(|_| OptionError("the store of secrets is bound already".to_owned()))
    }
}

async fn write(secrets: &Local<Secret>, used: &Secret, key: &'static str, day: String) -> Result<(), StatusError> {
    let metadata = &used.metadata;
    let current = secrets.get(&metadata.namespace, &metadata.name).await?;
    let Some(mut secret) = current.filter(|secret| secret.metadata.uid == metadata.uid) else {
        return Ok(());
    };
    secret.metadata.labels.insert(key, day);
    secrets.update(&secret).await.map(|_| ())
}

impl LastUse for NotedUse {
    fn note(&self, secret: &Arc<Secret>, key: &'static str, day: String) {
        let (Some(secrets), Ok(place)) = (self.secrets.get().cloned(), self.places.clone().try_acquire_owned()) else {
            return;
        };
        let secret = secret.clone();
        tokio::spawn(async move {
            let _place = place;
            if let Err(status) = write(&secrets, &secret, key, day).await {
                tracing::error!(err = %status, "Failed to label legacy service account token secret with last-used");
            }
        });
    }
}
