//! Opens the store that the flags name.

use std::{path::PathBuf, sync::Arc};

use apiserver_storage::{
    Error, Storage,
    embedded::{Embedded, EmbeddedOptions},
    etcd3::{Etcd3, Etcd3Options, LeaseOptions},
};

use tokio_util::sync::CancellationToken;

use crate::{options::StorageOptions, snapshot};

/// Why there is no store.
#[derive(Debug, thiserror::Error)]
pub(crate) enum StorageError {
    /// `--storage-backend` names none that there is.
    #[error(
        "--storage-backend invalid, allowed values: etcd3, embedded. If not specified, it is etcd3 with --etcd-servers and embedded without"
    )]
    Backend,
    /// etcd without its addresses.
    #[error("--etcd-servers must be specified")]
    NoServers,
    /// `--etcd-servers-overrides` cannot be read.
    #[error("{0}")]
    Overrides(String),
    /// The store itself.
    #[error("cannot open the store: {0}")]
    Open(#[from] Error),
}

/// Opens the store.
///
/// The embedded one answers requests for snapshots until `stop`.
pub(crate) async fn open(options: &StorageOptions, stop: &CancellationToken) -> Result<Arc<dyn Storage>, StorageError> {
    let etcd = match options.backend.as_str() {
        "" => !options.etcd_servers.is_empty(),
        "etcd3" => true,
        "embedded" => false,
        _ => return Err(StorageError::Backend),
    };
    if !etcd {
        let store: Arc<dyn Storage> = Arc::new(Embedded::open(&options.data_dir, EmbeddedOptions::default())?);
        snapshot::serve(&options.data_dir, store.clone(), stop.clone());
        return Ok(store);
    }
    if options.etcd_servers.is_empty() {
        return Err(StorageError::NoServers);
    }
    open_etcd(options, &options.etcd_servers).await
}

/// Opens the etcd of these members, with the flags' prefix and certificates.
pub(crate) async fn open_etcd(options: &StorageOptions, servers: &[String]) -> Result<Arc<dyn Storage>, StorageError> {
    let path = |text: &str| (!text.is_empty()).then(|| PathBuf::from(text));
    let etcd = Etcd3Options {
        prefix: options.etcd_prefix.clone(),
        ca_file: path(&options.etcd_ca_file),
        cert_file: path(&options.etcd_cert_file),
        key_file: path(&options.etcd_key_file),
        leases: LeaseOptions {
            reuse_seconds: options.lease_reuse_seconds.unsigned_abs(),
            ..LeaseOptions::default()
        },
        ..Etcd3Options::new(servers.iter().cloned())
    };
    Ok(Arc::new(Etcd3::connect(etcd).await?))
}
