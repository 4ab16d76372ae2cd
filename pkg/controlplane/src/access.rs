//! Who may ask, and what: authentication and authorization as the server's flags want them.

use std::sync::Arc;

use apiserver::{cacher::Followed, server::Routes};
use apiserver_auth::authentication::{CertificateMetrics, TokenCacheMetrics};
use component_base::metrics::MetricsRegistry;
use k8s_api::{
    Object,
    rbac::v1::{ClusterRole, ClusterRoleBinding, Role, RoleBinding},
};
use kubeapiserver::{
    OptionError, StoredObjects,
    authentication::{Authentication, Environment, NotedUse},
    authorization::Authorization,
    rbac_policy,
};
use registry::rbac::policy_based::Grants;
use tokio_util::sync::CancellationToken;

use crate::options::ServerOptions;

/// Authentication, authorization, and what they look at.
#[derive(Debug)]
pub(crate) struct Access {
    pub(crate) authentication: Authentication,
    pub(crate) authorization: Authorization,
    /// Checks who grants what; the stores of roles are named by [`Access::bind`].
    pub(crate) grants: Arc<Grants>,
    objects: Arc<StoredObjects>,
    legacy_use: Arc<NotedUse>,
}

impl Access {
    /// From the flags; nothing of the server's own store is known yet.
    pub(crate) fn new(
        options: &ServerOptions,
        metrics: &MetricsRegistry,
        background: &CancellationToken,
    ) -> Result<Self, OptionError> {
        let authorization = options.authorization.build(background)?;
        let environment = Environment {
            objects: Arc::default(),
            legacy_use: Arc::default(),
            external_address: options.public_address(),
            always_allow: options.authorization.always_allows(),
            token_metrics: Arc::new(TokenCacheMetrics::new(metrics)),
            certificate_metrics: CertificateMetrics::new(metrics),
            stop: background.clone(),
        };
        let authentication = options.authentication.build(&environment)?;
        Ok(Self {
            authentication,
            grants: Grants::new(authorization.rbac.clone(), authorization.authorizer.clone()),
            authorization,
            objects: environment.objects,
            legacy_use: environment.legacy_use,
        })
    }

    /// Names the stores, brings the bootstrap policy into them, and returns when the authorizers know all of it.
    pub(crate) async fn bind(&self, routes: &Routes, background: &CancellationToken) -> Result<(), OptionError> {
        self.objects.bind(routes)?;
        self.legacy_use.bind(routes)?;
        let mut followed = self.authorization.feed(routes, background)?;
        rbac_policy::ensure_policy(routes).await?;
        for feed in &mut followed {
            feed.reached(0).await;
        }
        self.caught_up(routes, followed).await;
        Ok(())
    }

    /// Waits until the policy that was just written has reached the authorizers.
    async fn caught_up(&self, routes: &Routes, followed: Vec<Followed>) {
        let revisions = [
            latest::<Role>(routes).await,
            latest::<ClusterRole>(routes).await,
            latest::<RoleBinding>(routes).await,
            latest::<ClusterRoleBinding>(routes).await,
        ];
        for (mut feed, revision) in followed.into_iter().zip(revisions) {
            feed.reached(revision).await;
        }
    }
}

/// The revision of the last change of a resource.
async fn latest<T: Object>(routes: &Routes) -> u64 {
    let Ok(store) = kubeapiserver::store_of::<T>(routes) else {
        return 0;
    };
    let cacher = store.cacher();
    match cacher.consistent_snapshot().await {
        Ok(snapshot) => snapshot.latest(),
        // A store that cannot say how far it is: what the cache has must do.
        Err(_) => cacher.snapshot().latest(),
    }
}
