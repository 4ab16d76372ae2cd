//! Following `--authentication-config`: issuers come and go, the rule for anonymous requests stays.

use std::{path::PathBuf, sync::Arc};

use apiserver_auth::{
    authentication::{
        JwtIssuers,
        config::{self, AnonymousConfig},
    },
    jose::Algorithm,
};
use component_base::files;
use tokio_util::sync::CancellationToken;

use super::oidc;

/// What is followed, and what is replaced.
pub(super) struct Follow {
    pub(super) path: PathBuf,
    /// What the file held before the first configuration was read from it.
    pub(super) first: Option<Vec<u8>>,
    pub(super) disallowed: Vec<String>,
    pub(super) anonymous: Option<AnonymousConfig>,
    pub(super) algorithms: Vec<Algorithm>,
    pub(super) issuers: Arc<JwtIssuers>,
}

impl Follow {
    /// Reads the file anew whenever it changes. A file that is refused leaves the issuers as they are.
    pub(super) async fn run(self, stop: CancellationToken) {
        let reload = || match self.load() {
            Ok(()) => tracing::info!("reloaded authentication config"),
            Err(error) => tracing::error!(err = %error, "failed to update authentication config"),
        };
        if let Err(error) = files::follow(&self.path, self.first.clone(), &stop, reload).await {
            tracing::error!(err = %error, "watching authentication config file");
        }
    }

    fn load(&self) -> Result<(), String> {
        let configuration = config::load(&self.path, &self.disallowed).map_err(|error| error.to_string())?;
        if configuration.anonymous != self.anonymous {
            return Err("anonymous: Forbidden: changed from initial configuration file".to_owned());
        }
        let issuers = oidc::issuers(&configuration, &self.algorithms).map_err(|error| error.to_string())?;
        self.issuers.replace(issuers);
        Ok(())
    }
}
