//! [`Factory`]: one configuration, one client and one mapper a process (upstream: `cmdutil.Factory`, `RESTClientGetter`).

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use client_go::api::{DynamicObject, Resource};
use client_go::config::{Kubeconfig, Overrides, WarningHandler};
use client_go::discovery::{ApiResource, MappingError, RestMapper};
use client_go::{Api, Config, rest::Client};
use parking_lot::Mutex;

use crate::discovery::{Cache, Served};
use crate::streams::Output;
use crate::{CommandError, ConfigFlags, IoStreams, Result};

/// Makes clients and answers what the server serves; everything is made at its first use.
pub struct Factory {
    flags: ConfigFlags,
    warnings: Arc<Warnings>,
    state: Mutex<State>,
    discovery: tokio::sync::Mutex<Option<Arc<Served>>>,
}

#[derive(Default)]
struct State {
    kubeconfig: Option<Arc<Kubeconfig>>,
    config: Option<Config>,
    client: Option<Client>,
}

/// Writes the server's warnings, each once.
struct Warnings {
    err: Output,
    seen: Mutex<Vec<String>>,
    count: AtomicUsize,
}

impl WarningHandler for Warnings {
    fn warning(&self, text: &str) {
        self.count.fetch_add(1, Ordering::Relaxed);
        let mut seen = self.seen.lock();
        if seen.iter().any(|known| known == text) {
            return;
        }
        seen.push(text.to_owned());
        let line = if self.err.is_terminal() && std::env::var_os("TERM").is_some_and(|term| term != "dumb") {
            format!("\u{1b}[33;1mWarning:\u{1b}[0m {text}\n")
        } else {
            format!("Warning: {text}\n")
        };
        // Without standard error there is nobody to warn.
        let _ = self.err.print(line);
    }
}

impl Factory {
    /// Nothing is read and nobody asked until it is needed.
    #[must_use]
    pub fn new(flags: ConfigFlags, streams: &IoStreams) -> Self {
        Self {
            flags,
            warnings: Arc::new(Warnings {
                err: streams.err.clone(),
                seen: Mutex::new(Vec::new()),
                count: AtomicUsize::new(0),
            }),
            state: Mutex::new(State::default()),
            discovery: tokio::sync::Mutex::new(None),
        }
    }

    /// The connection flags.
    #[must_use]
    pub fn flags(&self) -> &ConfigFlags {
        &self.flags
    }

    /// How many warnings the server sent.
    #[must_use]
    pub fn warning_count(&self) -> usize {
        self.warnings.count.load(Ordering::Relaxed)
    }

    /// The kubeconfig as its files are, without the flags.
    ///
    /// # Errors
    /// A file is unreadable or malformed.
    pub fn kubeconfig(&self) -> Result<Arc<Kubeconfig>> {
        let mut state = self.state.lock();
        if let Some(kubeconfig) = &state.kubeconfig {
            return Ok(kubeconfig.clone());
        }
        let kubeconfig = Arc::new(self.flags.load()?);
        state.kubeconfig = Some(kubeconfig.clone());
        Ok(kubeconfig)
    }

    /// How the server is reached, and as whom.
    ///
    /// # Errors
    /// There is no usable configuration.
    pub fn config(&self) -> Result<Config> {
        if let Some(config) = &self.state.lock().config {
            return Ok(config.clone());
        }
        let mut config = self.client_config()?;
        self.flags.plugin_policy.check(&config).map_err(|reason| {
            let message = format!("Unable to connect to the server: getting credentials: {reason}");
            CommandError::ExitWith { message, code: 1 }
        })?;
        config.warnings = Some(self.warnings.clone());
        config.qps = 50.0;
        config.burst = 300;
        self.state.lock().config = Some(config.clone());
        Ok(config)
    }

    fn client_config(&self) -> Result<Config> {
        let mut overrides = self.flags.overrides();
        let kubeconfig = self.kubeconfig()?;
        match kubeconfig.client_config(&overrides) {
            Err(error) if error.is_empty_config() => {}
            outcome => return Ok(outcome?),
        }
        // In a pod, its service account; elsewhere the address that a server without certificates has.
        if kubeconfig.is_empty()
            && let Ok(config) = client_go::config::in_cluster::config()
        {
            return Ok(config);
        }
        "http://localhost:8080".clone_into(&mut overrides.cluster.server);
        Ok(kubeconfig.client_config(&overrides)?)
    }

    /// The client of the process.
    ///
    /// # Errors
    /// There is no usable configuration.
    pub fn client(&self) -> Result<Client> {
        if let Some(client) = &self.state.lock().client {
            return Ok(client.clone());
        }
        let client = Client::new(&self.config()?)?;
        self.state.lock().client = Some(client.clone());
        Ok(client)
    }

    /// The namespace that is meant, and whether the command line named it.
    ///
    /// # Errors
    /// The kubeconfig is unreadable, or its context does not exist.
    pub fn namespace(&self) -> Result<(String, bool)> {
        let kubeconfig = self.kubeconfig()?;
        let overrides: Overrides = self.flags.overrides();
        if overrides.context.namespace.is_empty()
            && kubeconfig.is_empty()
            && let Ok(namespace) = std::fs::read_to_string("/var/run/secrets/kubernetes.io/serviceaccount/namespace")
            && !namespace.trim().is_empty()
        {
            return Ok((namespace.trim().to_owned(), false));
        }
        Ok(kubeconfig.namespace(&overrides)?)
    }

    /// What the server serves: from the cache on disk if it is fresh.
    ///
    /// # Errors
    /// The server cannot be asked.
    pub async fn served(&self) -> Result<Arc<Served>> {
        let mut known = self.discovery.lock().await;
        if let Some(served) = &*known {
            return Ok(served.clone());
        }
        let served = Arc::new(self.cache()?.load(&self.client()?).await?);
        *known = Some(served.clone());
        Ok(served)
    }

    /// The same, asked anew; the cache on disk is replaced.
    ///
    /// # Errors
    /// The server cannot be asked.
    pub async fn served_now(&self) -> Result<Arc<Served>> {
        let mut known = self.discovery.lock().await;
        let served = Arc::new(self.cache()?.fetch(&self.client()?).await?);
        *known = Some(served.clone());
        Ok(served)
    }

    fn cache(&self) -> Result<Cache> {
        Ok(Cache::new(&self.flags.cache_dir, &self.config()?.host))
    }

    /// The mapper for what the server serves.
    ///
    /// # Errors
    /// The server cannot be asked.
    pub async fn mapper(&self) -> Result<Arc<Served>> {
        self.served().await
    }

    /// Asks the mapper; if a mapper from the cache knows nothing, once more with a fresh one.
    ///
    /// # Errors
    /// The server cannot be asked, or does not serve that.
    pub async fn find(
        &self,
        ask: impl Fn(&RestMapper) -> std::result::Result<&ApiResource, MappingError>,
    ) -> Result<Arc<ApiResource>> {
        let served = self.served().await?;
        match ask(&served.mapper) {
            Ok(found) => return Ok(Arc::new(found.clone())),
            Err(error) if served.fresh || !error.is_no_match() => return Err(error.into()),
            Err(_) => {}
        }
        let served = self.served_now().await?;
        Ok(Arc::new(ask(&served.mapper)?.clone()))
    }

    /// The resource of a kind.
    ///
    /// # Errors
    /// The server does not serve it.
    pub async fn mapping(&self, api_version: &str, kind: &str) -> Result<Arc<ApiResource>> {
        let (group, version) = api_version.split_once('/').unwrap_or(("", api_version));
        self.find(|mapper| mapper.mapping(group, kind, &[version])).await
    }

    /// What a user means by `po`, `pods`, `deployments.v1.apps`.
    ///
    /// # Errors
    /// The server does not serve it.
    pub async fn resource(&self, text: &str) -> Result<Arc<ApiResource>> {
        let found = self.find(|mapper| mapper.find(text)).await?;
        let short = text.to_lowercase();
        if found.name != short && found.short_names.contains(&short) {
            self.warn_of_others(&short, &found).await?;
        }
        Ok(found)
    }

    /// A short name that several groups have means the resource of the first one.
    async fn warn_of_others(&self, short: &str, found: &ApiResource) -> Result<()> {
        let served = self.served().await?;
        for other in served.mapper.preferred_resources() {
            if other.short_names.iter().any(|name| name == short)
                && (other.group != found.group || other.name != found.name)
            {
                let dot = if other.group.is_empty() { "" } else { "." };
                self.warnings.warning(&format!(
                    "short name {short:?} could also match lower priority resource {}{dot}{}",
                    other.name, other.group
                ));
            }
        }
        Ok(())
    }

    /// Objects of a resource, of any kind; the namespace is dropped where there is none.
    ///
    /// # Errors
    /// There is no usable configuration.
    pub fn dynamic(&self, mapping: &ApiResource, namespace: &str) -> Result<Api<DynamicObject>> {
        let namespace = (mapping.namespaced && !namespace.is_empty()).then(|| namespace.to_owned());
        Ok(Api::new(Resource::new(
            self.client()?,
            mapping.group_version_resource(),
            namespace,
        )))
    }
}
