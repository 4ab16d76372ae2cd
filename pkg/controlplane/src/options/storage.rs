//! The flags about the store.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use super::overrides::{self, ServersOverride};
use apiserver::registry::StorageMedia;
use apiserver_storage::encryption::EncryptionKeys;
use component_base::{
    GoDuration,
    flags::{FlagSet, Flags},
};

const JSON: &str = "application/json";
const PROTOBUF: &str = "application/vnd.kubernetes.protobuf";

/// Where objects are stored, and how.
#[derive(Clone, Debug)]
pub struct StorageOptions {
    /// `--storage-backend`: `etcd3` or `embedded`; empty chooses by `--etcd-servers`.
    pub backend: String,
    /// `--data-dir`: the embedded store's directory.
    pub data_dir: PathBuf,
    /// `--etcd-servers`
    pub etcd_servers: Vec<String>,
    /// `--etcd-servers-overrides`: `group/resource#servers`, the servers separated by semicolons.
    pub etcd_servers_overrides: Vec<String>,
    /// `--etcd-cafile`
    pub etcd_ca_file: String,
    /// `--etcd-certfile`
    pub etcd_cert_file: String,
    /// `--etcd-keyfile`
    pub etcd_key_file: String,
    /// `--etcd-prefix`
    pub etcd_prefix: String,
    /// `--etcd-compaction-interval`; 0 leaves compaction to others.
    pub compaction_interval: GoDuration,
    /// `--etcd-healthcheck-timeout`
    pub healthcheck_timeout: GoDuration,
    /// `--etcd-readycheck-timeout`
    pub readycheck_timeout: GoDuration,
    /// `--lease-reuse-duration-seconds`
    pub lease_reuse_seconds: i64,
    /// `--storage-media-type`
    pub media_type: String,
    /// `--encryption-provider-config`
    pub encryption_config: String,
    /// `--encryption-provider-config-automatic-reload`
    pub encryption_reload: bool,
    /// `--enable-garbage-collector`
    pub garbage_collector: bool,
    /// `--event-ttl`
    pub event_ttl: GoDuration,
    /// `--watch-cache`: whether reads at resource version 0 may be answered as of some time ago.
    pub watch_cache: bool,
    /// `--watch-cache-sizes`: `resource[.group]#size`, of which 0 means `--watch-cache=false` for the resource.
    pub watch_cache_sizes: Vec<String>,
    /// `--etcd-db-metric-poll-interval`; 0 for never.
    pub size_poll_interval: GoDuration,
}

impl Default for StorageOptions {
    fn default() -> Self {
        Self {
            backend: String::new(),
            data_dir: PathBuf::from("/var/lib/kubernox/apiserver"),
            etcd_servers: Vec::new(),
            etcd_servers_overrides: Vec::new(),
            etcd_ca_file: String::new(),
            etcd_cert_file: String::new(),
            etcd_key_file: String::new(),
            etcd_prefix: "/registry".to_owned(),
            compaction_interval: GoDuration::from_secs(300),
            healthcheck_timeout: GoDuration::from_secs(2),
            readycheck_timeout: GoDuration::from_secs(2),
            lease_reuse_seconds: 60,
            media_type: JSON.to_owned(),
            encryption_config: String::new(),
            encryption_reload: false,
            garbage_collector: true,
            event_ttl: GoDuration::from_secs(3600),
            watch_cache: true,
            watch_cache_sizes: Vec::new(),
            size_poll_interval: GoDuration::from_secs(30),
        }
    }
}

impl StorageOptions {
    /// Checks the options.
    ///
    /// # Errors
    /// The first that is wrong.
    pub fn validate(&self) -> Result<(), String> {
        self.media().map(drop)?;
        self.overrides().map(drop)?;
        self.uncached().map(drop)?;
        if self.encryption_reload && self.encryption_config.is_empty() {
            return Err(
                "--encryption-provider-config-automatic-reload must be set with --encryption-provider-config"
                    .to_owned(),
            );
        }
        if self.lease_reuse_seconds < 0 {
            return Err("--lease-reuse-duration-seconds can not be negative value".to_owned());
        }
        for (flag, value) in [
            ("etcd-compaction-interval", self.compaction_interval),
            ("etcd-healthcheck-timeout", self.healthcheck_timeout),
            ("etcd-readycheck-timeout", self.readycheck_timeout),
            ("event-ttl", self.event_ttl),
            ("etcd-db-metric-poll-interval", self.size_poll_interval),
        ] {
            if value < GoDuration::default() {
                return Err(format!("--{flag} can not be negative value"));
            }
        }
        Ok(())
    }

    /// The resources that are stored elsewhere.
    pub(crate) fn overrides(&self) -> Result<Vec<ServersOverride>, String> {
        overrides::servers_overrides(&self.etcd_servers_overrides)
    }

    /// Group and name of the resources that have no cache of their own as far as clients can tell.
    pub(crate) fn uncached(&self) -> Result<Vec<(String, String)>, String> {
        overrides::uncached(&self.watch_cache_sizes)
    }

    /// How objects are written.
    ///
    /// # Errors
    /// A media type that is none of the store's.
    pub fn media(&self) -> Result<StorageMedia, String> {
        match self.media_type.as_str() {
            JSON => Ok(StorageMedia::Json),
            PROTOBUF => Ok(StorageMedia::Protobuf),
            other => Err(format!(
                "--storage-media-type {other:?} invalid, allowed values: {JSON}, {PROTOBUF}"
            )),
        }
    }

    /// What encrypts which resources at rest; `None` without a configuration.
    ///
    /// # Errors
    /// The configuration cannot be used.
    pub fn encryption(&self) -> Result<Option<Arc<EncryptionKeys>>, String> {
        if self.encryption_config.is_empty() {
            return Ok(None);
        }
        EncryptionKeys::load(Path::new(&self.encryption_config))
            .map(Some)
            .map_err(|error| error.to_string())
    }
}

impl Flags for StorageOptions {
    fn add_flags<'a>(&'a mut self, flags: &mut FlagSet<'a>) {
        flags
            .section("storage")
            .add(
                "storage-backend",
                &mut self.backend,
                "etcd3 or embedded; by default etcd3 if --etcd-servers is given",
            )
            .add("data-dir", &mut self.data_dir, "directory of the embedded store")
            .add(
                "etcd-servers",
                &mut self.etcd_servers,
                "etcd members (scheme://host:port), comma separated",
            )
            .add(
                "etcd-servers-overrides",
                &mut self.etcd_servers_overrides,
                "etcd members of single resources, group/resource#servers, the servers separated by semicolons",
            )
            .add(
                "etcd-cafile",
                &mut self.etcd_ca_file,
                "certificate authorities of the etcd members",
            )
            .add("etcd-certfile", &mut self.etcd_cert_file, "client certificate for etcd")
            .add(
                "etcd-keyfile",
                &mut self.etcd_key_file,
                "key of the client certificate for etcd",
            )
            .add("etcd-prefix", &mut self.etcd_prefix, "what every key begins with")
            .add(
                "etcd-compaction-interval",
                &mut self.compaction_interval,
                "how often history is compacted; 0 for never",
            )
            .add(
                "etcd-healthcheck-timeout",
                &mut self.healthcheck_timeout,
                "how long the store may take to answer a health check",
            )
            .add(
                "etcd-readycheck-timeout",
                &mut self.readycheck_timeout,
                "how long the store may take to answer a check of readiness",
            )
            .add(
                "lease-reuse-duration-seconds",
                &mut self.lease_reuse_seconds,
                "for how long keys that expire share a lease of etcd",
            )
            .add(
                "storage-media-type",
                &mut self.media_type,
                "how objects are written: application/json or application/vnd.kubernetes.protobuf",
            )
            .add(
                "encryption-provider-config",
                &mut self.encryption_config,
                "file that says how which resources are encrypted",
            )
            .add(
                "encryption-provider-config-automatic-reload",
                &mut self.encryption_reload,
                "read the encryption configuration again when it changes",
            )
            .add(
                "enable-garbage-collector",
                &mut self.garbage_collector,
                "deletions leave dependents to the garbage collector; as the controller manager has it",
            )
            .add("event-ttl", &mut self.event_ttl, "how long events are kept")
            .add(
                "watch-cache",
                &mut self.watch_cache,
                "whether reads at resource version 0 may be answered as of some time ago; the caches are there in any case",
            )
            .add(
                "watch-cache-sizes",
                &mut self.watch_cache_sizes,
                "resource[.group]#size: 0 is --watch-cache=false for the resource, other sizes have no effect",
            )
            .add(
                "etcd-db-metric-poll-interval",
                &mut self.size_poll_interval,
                "how often the size of the store is read for its metric; 0 for never",
            );
    }
}
