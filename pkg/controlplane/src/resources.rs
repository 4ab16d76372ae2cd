//! Installs every built-in resource.

use std::sync::Arc;

use registry::{
    Settings,
    rbac::policy_based::{Grants, PolicyBased},
};
use registry_allocators::ServiceHooks;

use crate::install::Installer;

const RBAC: &str = "rbac.authorization.k8s.io";

/// Installs every stored resource, with `grants` checking who writes roles and bindings and `services` giving Services
/// their addresses.
pub(crate) fn install_all(
    installer: &mut Installer,
    settings: &Settings,
    grants: &Arc<Grants>,
    services: &Arc<ServiceHooks>,
) {
    let (mut roles, mut cluster_roles) = (None, None);
    for mut registration in registry::all(settings) {
        let group_resource = registration.group_resource();
        match group_resource {
            (RBAC, _) => registration.hooks = Arc::new(PolicyBased(grants.clone())),
            ("", "services") => registration.hooks = services.clone(),
            _ => {}
        }
        let store = installer.install(registration);
        match group_resource {
            (RBAC, "roles") => roles = Some(store),
            (RBAC, "clusterroles") => cluster_roles = Some(store),
            _ => {}
        }
    }
    let (roles, cluster_roles) = roles
        .zip(cluster_roles)
        .expect("roles are among the built-in resources");
    grants.bind(roles, cluster_roles);
}
