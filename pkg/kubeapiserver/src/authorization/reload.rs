//! Following `--authorization-config`: webhooks come and go, the other authorizers stay.

use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
    sync::Arc,
};

use apiserver_auth::{
    authorization::{Attributes, Authorization, Authorizer, RuleResolver, Rules, config::AuthorizationConfiguration},
    user::UserInfo,
};
use arc_swap::ArcSwap;
use async_trait::async_trait;
use component_base::files;
use tokio_util::sync::CancellationToken;

use super::{Assembled, Parts, options::load};

/// The authorizers of the configuration as it is now.
pub(super) struct Reloadable {
    current: ArcSwap<Assembled>,
    parts: Parts,
    /// Authorizers without which a configuration is refused.
    required: BTreeSet<String>,
    path: PathBuf,
    /// What the file held before the first configuration was read from it.
    first: Option<Vec<u8>>,
}

fn kinds(configuration: &AuthorizationConfiguration) -> BTreeSet<String> {
    let types = configuration.authorizers.iter().map(|one| one.type_.clone());
    types.filter(|kind| kind != "Webhook").collect()
}

impl Reloadable {
    pub(super) fn new(
        assembled: Assembled,
        parts: Parts,
        configuration: &AuthorizationConfiguration,
        path: &Path,
        first: Option<Vec<u8>>,
    ) -> Arc<Self> {
        Arc::new(Self {
            current: ArcSwap::from_pointee(assembled),
            parts,
            required: kinds(configuration),
            path: path.to_owned(),
            first,
        })
    }

    /// Reads the file anew whenever it changes. A file that is refused leaves the authorizers as they are.
    pub(super) async fn run(self: Arc<Self>, stop: CancellationToken) {
        let reload = || match self.load() {
            Ok(()) => tracing::info!("reloaded authz config"),
            Err(error) => tracing::error!(err = %error, "reloading authorization config"),
        };
        if let Err(error) = files::follow(&self.path, self.first.clone(), &stop, reload).await {
            tracing::error!(err = %error, "watching authorization config file");
        }
    }

    fn load(&self) -> Result<(), String> {
        let configuration = load(&self.path).map_err(|error| error.to_string())?;
        let kinds = kinds(&configuration);
        let missing: Vec<&str> = self.required.difference(&kinds).map(String::as_str).collect();
        if !missing.is_empty() {
            return Err(format!("missing required types: [{}]", missing.join(" ")));
        }
        let assembled = self.parts.assemble(&configuration).map_err(|error| error.to_string())?;
        self.current.store(Arc::new(assembled));
        Ok(())
    }
}

#[async_trait]
impl Authorizer for Reloadable {
    async fn authorize(&self, attributes: &Attributes<'_>) -> Authorization {
        self.current.load_full().authorizer.authorize(attributes).await
    }
}

#[async_trait]
impl RuleResolver for Reloadable {
    async fn rules_for(&self, user: &UserInfo, namespace: &str) -> Rules {
        self.current.load_full().rules.rules_for(user, namespace).await
    }
}
