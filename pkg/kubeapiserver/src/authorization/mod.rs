//! The authorizers of kube-apiserver, from its flags (upstream: `pkg/kubeapiserver/authorizer`).

mod feeds;
mod options;
mod reload;

#[cfg(test)]
mod tests;

use std::{path::Path, sync::Arc};

use apiserver::{cacher::Followed, server::Routes};
use apiserver_auth::authorization::{
    Abac, AlwaysAllow, AlwaysDeny, Authorizer, Decision, PrivilegedGroups, RuleResolver, RuleResolverUnion, Union,
    Webhook, WebhookSettings,
    config::{AuthorizationConfiguration, WebhookConfiguration},
};
use auth_node::{Graph, NodeAuthorizer};
use auth_rbac::{RbacStore, bootstrap};
use tokio_util::sync::CancellationToken;

pub use options::AuthorizationOptions;

use crate::{OptionError, remote::RemoteReviews};
use reload::Reloadable;

/// What the flags make.
pub struct Authorization {
    /// Decides about requests.
    pub authorizer: Arc<dyn Authorizer>,
    /// Enumerates what users may do.
    pub rules: Arc<dyn RuleResolver>,
    /// Roles and bindings; kept current in every mode, because grants are checked in every mode.
    pub rbac: Arc<RbacStore>,
    graph: Option<Arc<Graph>>,
}

impl std::fmt::Debug for Authorization {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Authorization").finish_non_exhaustive()
    }
}

/// What authorizers have in common however often the configuration changes.
struct Parts {
    rbac: Arc<RbacStore>,
    node: Option<Arc<NodeAuthorizer>>,
    abac: Option<Arc<Abac>>,
}

/// The authorizers of one configuration, asked in order.
struct Assembled {
    authorizer: Union,
    rules: RuleResolverUnion,
}

fn webhook(configuration: &WebhookConfiguration) -> Result<Arc<Webhook>, OptionError> {
    let file = configuration.connection_info.kube_config_file.as_deref().map(Path::new);
    let version = &configuration.subject_access_review_version;
    let remote = RemoteReviews::new(file, version, configuration.timeout.to_std())?;
    let ttl = |cached: bool, ttl: component_base::GoDuration| {
        if cached {
            ttl.to_std()
        } else {
            std::time::Duration::ZERO
        }
    };
    let settings = WebhookSettings {
        authorized_ttl: ttl(configuration.cache_authorized_requests, configuration.authorized_ttl),
        unauthorized_ttl: ttl(
            configuration.cache_unauthorized_requests,
            configuration.unauthorized_ttl,
        ),
        decision_on_error: match configuration.failure_policy.as_str() {
            "Deny" => Decision::Deny,
            _ => Decision::NoOpinion,
        },
    };
    Ok(Arc::new(Webhook::new(Arc::new(remote), settings)))
}

impl Parts {
    /// The members of `system:masters` pass before anybody is asked.
    fn assemble(&self, configuration: &AuthorizationConfiguration) -> Result<Assembled, OptionError> {
        let mut authorizers: Vec<Arc<dyn Authorizer>> = vec![Arc::new(PrivilegedGroups::default())];
        let mut resolvers: Vec<Arc<dyn RuleResolver>> = Vec::new();
        for one in &configuration.authorizers {
            macro_rules! add {
                ($authorizer:expr) => {{
                    let authorizer = $authorizer;
                    authorizers.push(authorizer.clone());
                    resolvers.push(authorizer);
                }};
            }
            let absent = || OptionError(format!("authorizer {} was not configured at the start", one.type_));
            match (one.type_.as_str(), &one.webhook) {
                ("Node", _) => add!(self.node.clone().ok_or_else(absent)?),
                ("RBAC", _) => add!(self.rbac.clone()),
                ("ABAC", _) => add!(self.abac.clone().ok_or_else(absent)?),
                ("AlwaysAllow", _) => add!(Arc::new(AlwaysAllow)),
                ("AlwaysDeny", _) => add!(Arc::new(AlwaysDeny)),
                ("Webhook", Some(configuration)) => add!(webhook(configuration)?),
                (other, _) => return Err(OptionError(format!("unknown authorization mode {other} specified"))),
            }
        }
        Ok(Assembled {
            authorizer: Union::new(authorizers),
            rules: RuleResolverUnion::new(resolvers),
        })
    }
}

impl AuthorizationOptions {
    /// Reads the files and puts the authorizers together. Until [`Authorization::feed`] they know of no roles and no
    /// pods. Runs in a runtime: the configuration file is followed from now on.
    ///
    /// # Errors
    /// What is wrong with the flags or a file.
    pub fn build(&self, stop: &CancellationToken) -> Result<Authorization, OptionError> {
        let first = std::fs::read(&self.config_file).ok();
        let configuration = self.configuration()?;
        let has = |mode: &str| configuration.authorizers.iter().any(|one| one.type_ == mode);
        let rbac = Arc::new(RbacStore::default());
        let graph = has("Node").then(|| Arc::new(Graph::default()));
        let abac = if has("ABAC") {
            Some(Abac::from_file(Path::new(&self.policy_file)).map_err(OptionError::new)?)
        } else {
            None
        };
        let node = |graph: &Arc<Graph>| NodeAuthorizer::new(graph.clone(), bootstrap::node_rules().to_vec());
        let parts = Parts {
            rbac: rbac.clone(),
            node: graph.as_ref().map(node).map(Arc::new),
            abac: abac.map(Arc::new),
        };
        let assembled = parts.assemble(&configuration)?;
        let (authorizer, rules): (Arc<dyn Authorizer>, Arc<dyn RuleResolver>) = if self.config_file.is_empty() {
            (Arc::new(assembled.authorizer), Arc::new(assembled.rules))
        } else {
            let reloadable = Reloadable::new(assembled, parts, &configuration, Path::new(&self.config_file), first);
            tokio::spawn(reloadable.clone().run(stop.clone()));
            (reloadable.clone(), reloadable)
        };
        Ok(Authorization {
            authorizer,
            rules,
            rbac,
            graph,
        })
    }
}

impl Authorization {
    /// Lets the authorizers follow the server's own caches until `stop`. They are current when each of the result is.
    ///
    /// # Errors
    /// A resource that they follow is not installed.
    pub fn feed(&self, routes: &Routes, stop: &CancellationToken) -> Result<Vec<Followed>, OptionError> {
        let mut followed = feeds::rbac(&self.rbac, routes, stop)?;
        if let Some(graph) = &self.graph {
            followed.extend(feeds::node(graph, routes, stop)?);
        }
        Ok(followed)
    }
}
