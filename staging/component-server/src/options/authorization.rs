//! `--authorization-…`.

use std::sync::Arc;
use std::time::Duration;

use apiserver_auth::authorization::{Authorizer, PrivilegedGroups, Union};
use component_base::GoDuration;
use component_base::flags::{FlagSet, Flags};

use super::DelegationError;
use crate::paths::AllowedPaths;
use crate::reviews::Reviews;

/// How long the API server may take to answer.
const TIMEOUT: Duration = Duration::from_secs(10);

/// Who says what callers may do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DelegatingAuthorizationOptions {
    /// The API server that is asked; without it nothing is allowed but what follows.
    pub kubeconfig: String,
    /// How long an allowance is remembered.
    pub authorized_ttl: GoDuration,
    /// How long a refusal is remembered.
    pub unauthorized_ttl: GoDuration,
    /// What everybody may read.
    pub always_allow_paths: Vec<String>,
    /// Who may do everything; no flag.
    pub always_allow_groups: Vec<String>,
}

impl Default for DelegatingAuthorizationOptions {
    fn default() -> Self {
        Self {
            kubeconfig: String::new(),
            authorized_ttl: GoDuration::from_secs(10),
            unauthorized_ttl: GoDuration::from_secs(10),
            always_allow_paths: ["/healthz", "/readyz", "/livez"].map(str::to_owned).into(),
            always_allow_groups: vec!["system:masters".to_owned()],
        }
    }
}

impl Flags for DelegatingAuthorizationOptions {
    fn add_flags<'a>(&'a mut self, flags: &mut FlagSet<'a>) {
        flags.section("authorization");
        flags.add(
            "authorization-kubeconfig",
            &mut self.kubeconfig,
            "the kubeconfig with which subject access reviews are created; without it only what needs no review is allowed",
        );
        flags.add(
            "authorization-webhook-cache-authorized-ttl",
            &mut self.authorized_ttl,
            "how long an allowance is remembered",
        );
        flags.add(
            "authorization-webhook-cache-unauthorized-ttl",
            &mut self.unauthorized_ttl,
            "how long a refusal is remembered",
        );
        flags.add(
            "authorization-always-allow-paths",
            &mut self.always_allow_paths,
            "paths that are allowed without a review",
        );
    }
}

impl DelegatingAuthorizationOptions {
    /// The authorizer: privileged groups, then the allowed paths, then the API server.
    ///
    /// # Errors
    /// See [`DelegationError`].
    pub fn complete(&self) -> Result<Arc<dyn Authorizer>, DelegationError> {
        let mut authorizers: Vec<Arc<dyn Authorizer>> = vec![
            Arc::new(PrivilegedGroups::new(self.always_allow_groups.clone())),
            Arc::new(AllowedPaths::new(&self.always_allow_paths)?),
        ];
        match super::client(&self.kubeconfig, "authorization", Some(TIMEOUT))? {
            Some(client) => authorizers.push(Arc::new(
                Reviews::new(client).authorizer(self.authorized_ttl.to_std(), self.unauthorized_ttl.to_std()),
            )),
            None => tracing::warn!(
                "No authorization-kubeconfig provided, so SubjectAccessReview of authorization tokens won't work."
            ),
        }
        Ok(Arc::new(Union::new(authorizers)))
    }
}
