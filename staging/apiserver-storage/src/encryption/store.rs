//! A store whose values of one resource are transformed on their way in and out.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use async_trait::async_trait;
use futures::StreamExt as _;
use parking_lot::RwLock;
use tokio_util::sync::CancellationToken;

use super::{ConfigError, EncryptionConfig, Transformer, Transformers};
use crate::{
    Capabilities, CompactionRound, CountResponse, Error, Event, GetResponse, KeyRange, KeyValue, Operation,
    RangeOptions, RangeResponse, Result, Revision, Status, Storage, Transaction, TransactionResponse, Watch,
    WatchResponse,
};

/// How often a configuration that may change is looked at.
const RELOAD_INTERVAL: Duration = Duration::from_secs(60);

/// The configuration of encryption at rest, which may be read again while the server runs
/// (`--encryption-provider-config-automatic-reload`).
#[derive(Debug)]
pub struct EncryptionKeys {
    path: PathBuf,
    /// The file's text, to see whether it has changed.
    text: RwLock<Vec<u8>>,
    current: RwLock<Arc<Transformers>>,
}

impl EncryptionKeys {
    /// Reads the configuration.
    ///
    /// # Errors
    /// The file cannot be read or says what cannot be done.
    pub fn load(path: &Path) -> std::result::Result<Arc<Self>, ConfigError> {
        let transformers = EncryptionConfig::load(path)?;
        Ok(Arc::new(Self {
            path: path.to_owned(),
            text: RwLock::new(std::fs::read(path).unwrap_or_default()),
            current: RwLock::new(Arc::new(transformers)),
        }))
    }

    fn of_resource(&self, group: &str, resource: &str) -> Arc<Transformer> {
        self.current.read().for_resource(group, resource)
    }

    /// Reads the configuration again if it has changed. What was there before goes on if it cannot be used.
    pub fn reload(&self) {
        let text = match std::fs::read(&self.path) {
            Ok(text) if text != *self.text.read() => text,
            Ok(_) => return,
            Err(error) => {
                tracing::error!(path = %self.path.display(), %error, "cannot read the encryption configuration again");
                return;
            }
        };
        match EncryptionConfig::load(&self.path) {
            Ok(transformers) => {
                *self.current.write() = Arc::new(transformers);
                tracing::info!(path = %self.path.display(), "read the encryption configuration again");
            }
            Err(error) => {
                tracing::error!(path = %self.path.display(), %error, "the changed encryption configuration cannot be used");
            }
        }
        // What cannot be used is not looked at again until it changes.
        *self.text.write() = text;
    }

    /// Looks at the file every minute until `stop` is cancelled.
    pub async fn follow(self: Arc<Self>, stop: CancellationToken) {
        loop {
            tokio::select! {
                () = stop.cancelled() => return,
                () = tokio::time::sleep(RELOAD_INTERVAL) => self.reload(),
            }
        }
    }
}

/// The values of one resource, transformed.
#[derive(Debug)]
pub struct Encrypted {
    inner: Arc<dyn Storage>,
    keys: Arc<EncryptionKeys>,
    group: String,
    resource: String,
}

impl Encrypted {
    /// The store as one resource sees it.
    #[must_use]
    pub fn new(inner: Arc<dyn Storage>, keys: Arc<EncryptionKeys>, group: &str, resource: &str) -> Arc<Self> {
        Arc::new(Self {
            inner,
            keys,
            group: group.to_owned(),
            resource: resource.to_owned(),
        })
    }

    fn transformer(&self) -> Arc<Transformer> {
        self.keys.of_resource(&self.group, &self.resource)
    }
}

fn read(transformer: &Transformer, item: KeyValue) -> Result<KeyValue> {
    let key = item.key;
    let decrypted = transformer.read(item.value, &key).map_err(|error| {
        Error::Corrupt(format!(
            "unable to transform key {:?}: {error}",
            String::from_utf8_lossy(&key)
        ))
    })?;
    Ok(KeyValue {
        key,
        value: decrypted.value,
        ..item
    })
}

/// The state in a conflict is read by the caller too.
fn read_conflict(transformer: &Transformer, error: Error) -> Error {
    let Error::Conflict(mut conflict) = error else {
        return error;
    };
    match conflict.current.take().map(|item| read(transformer, item)).transpose() {
        Ok(current) => {
            conflict.current = current;
            Error::Conflict(conflict)
        }
        Err(error) => error,
    }
}

fn read_event(transformer: &Transformer, event: Event) -> Result<Event> {
    Ok(match event {
        Event::Put { item } => Event::Put {
            item: read(transformer, item)?,
        },
        deletion @ Event::Delete { .. } => deletion,
    })
}

#[async_trait]
impl Storage for Encrypted {
    async fn get(&self, key: &[u8], revision: Option<Revision>) -> Result<GetResponse> {
        let mut response = self.inner.get(key, revision).await?;
        let transformer = self.transformer();
        response.item = response.item.map(|item| read(&transformer, item)).transpose()?;
        Ok(response)
    }

    async fn range(&self, range: &KeyRange, options: RangeOptions) -> Result<RangeResponse> {
        let keys_only = options.keys_only;
        let mut response = self.inner.range(range, options).await?;
        if !keys_only {
            let transformer = self.transformer();
            let items = response.items.into_iter().map(|item| read(&transformer, item));
            response.items = items.collect::<Result<_>>()?;
        }
        Ok(response)
    }

    async fn count(&self, range: &KeyRange, revision: Option<Revision>) -> Result<CountResponse> {
        self.inner.count(range, revision).await
    }

    async fn transaction(&self, mut transaction: Transaction) -> Result<TransactionResponse> {
        let transformer = self.transformer();
        for operation in &mut transaction.operations {
            if let Operation::Put { key, value, .. } = operation {
                let plain = std::mem::take(value);
                *value = transformer
                    .write(plain, key)
                    .map_err(|error| Error::Corrupt(error.to_string()))?;
            }
        }
        let response = self.inner.transaction(transaction).await;
        let mut response = response.map_err(|error| read_conflict(&transformer, error))?;
        for deleted in &mut response.deleted {
            *deleted = deleted.take().map(|item| read(&transformer, item)).transpose()?;
        }
        Ok(response)
    }

    async fn is_stale(&self, key: &[u8]) -> Result<bool> {
        let Some(item) = self.inner.get(key, None).await?.item else {
            return Ok(false);
        };
        let read = self.transformer().read(item.value, key);
        Ok(read.is_ok_and(|decrypted| decrypted.stale))
    }

    async fn watch(&self, range: KeyRange, from: Option<Revision>) -> Result<Watch> {
        let inner = self.inner.watch(range, from).await?;
        let progress = inner.progress_requester();
        let (keys, group, resource) = (self.keys.clone(), self.group.clone(), self.resource.clone());
        let stream = inner.map(move |response| match response? {
            WatchResponse::Events(mut batch) => {
                let transformer = keys.of_resource(&group, &resource);
                let events = batch.events.into_iter().map(|event| read_event(&transformer, event));
                batch.events = events.collect::<Result<_>>()?;
                Ok(WatchResponse::Events(batch))
            }
            progress @ WatchResponse::Progress { .. } => Ok(progress),
        });
        Ok(Watch::new(stream.boxed(), progress))
    }

    async fn current_revision(&self) -> Result<Revision> {
        self.inner.current_revision().await
    }

    fn compact_revision(&self) -> Revision {
        self.inner.compact_revision()
    }

    async fn compact(&self, revision: Revision) -> Result<()> {
        self.inner.compact(revision).await
    }

    async fn compaction_round(&self, last: CompactionRound) -> Result<CompactionRound> {
        self.inner.compaction_round(last).await
    }

    fn capabilities(&self) -> Capabilities {
        self.inner.capabilities()
    }

    async fn status(&self) -> Result<Status> {
        self.inner.status().await
    }

    async fn health(&self) -> Result<()> {
        self.inner.health().await
    }

    async fn snapshot(&self, file: &Path) -> Result<Option<Revision>> {
        self.inner.snapshot(file).await
    }

    async fn close(&self) {
        self.inner.close().await;
    }
}

#[cfg(test)]
mod tests {
    use std::{path::Path, sync::Arc};

    use super::{Encrypted, EncryptionKeys};
    use crate::{
        KeyRange, Precondition, RangeOptions, Storage,
        embedded::{Embedded, EmbeddedOptions},
    };

    const KEY: &[u8] = b"/registry/secrets/n/a";

    fn configure(path: &Path, providers: &str) {
        let text = format!(
            "apiVersion: apiserver.config.k8s.io/v1\nkind: EncryptionConfiguration\nresources:\n- resources: [secrets]\n  \
             providers:\n{providers}"
        );
        std::fs::write(path, text).expect("a configuration");
    }

    #[tokio::test]
    async fn values_are_encrypted_and_rotate() {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("encryption.yaml");
        let secretbox = |name: &str| {
            let key = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";
            format!("  - secretbox:\n      keys:\n      - name: {name}\n        secret: {key}\n")
        };
        configure(&path, "  - identity: {}\n");
        let keys = EncryptionKeys::load(&path).expect("a configuration");
        let inner: Arc<dyn Storage> =
            Arc::new(Embedded::open(&directory.path().join("store"), EmbeddedOptions::default()).expect("a store"));
        let store = Encrypted::new(inner.clone(), keys.clone(), "", "secrets");
        let put = |value: &'static str| store.put(KEY.into(), value.into(), Precondition::None, None);
        put("plain").await.expect("written");
        assert!(!store.is_stale(KEY).await.expect("readable"));

        configure(&path, &format!("{}  - identity: {{}}\n", secretbox("one")));
        keys.reload();
        assert!(store.is_stale(KEY).await.expect("readable"), "it is to be written anew");
        put("secret").await.expect("written");
        let raw = inner.get(KEY, None).await.expect("readable").item.expect("there");
        assert!(raw.value.starts_with(b"k8s:enc:secretbox:v1:one:"), "{:?}", raw.value);
        let item = store.get(KEY, None).await.expect("readable").item.expect("there");
        assert_eq!(item.value, "secret");
        assert!(!store.is_stale(KEY).await.expect("readable"));
        let range = KeyRange::prefix("/registry/secrets/");
        let listed = store.range(&range, RangeOptions::latest()).await.expect("readable");
        assert_eq!(listed.items[0].value, "secret");
        let conflict = store.put(KEY.into(), "x".into(), Precondition::Absent, None).await;
        let Err(crate::Error::Conflict(conflict)) = conflict else {
            panic!("{conflict:?}");
        };
        assert_eq!(conflict.current.expect("there").value, "secret");

        configure(&path, "  - nonsense: {}\n");
        keys.reload();
        put("still").await.expect("what cannot be used changes nothing");
    }
}
