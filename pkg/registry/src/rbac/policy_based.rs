//! Nobody grants what he does not have (upstream: `pkg/registry/rbac/*/policybased`).
//!
//! Roles may hold what their writer holds, and bindings may name roles whose rules their writer holds; the verbs
//! `escalate` and `bind` lift that. The rules of a named role come from the store, so that a role that was made just
//! now can be bound.

use std::sync::{Arc, OnceLock};

use apimachinery::status::{GroupResource, StatusError};
use apiserver::{
    registry::{AnyObject, Begun, Hooks, Store},
    request::RequestContext,
};
use apiserver_auth::authorization::Authorizer;
use async_trait::async_trait;
use auth_rbac::{RbacStore, binding_authorized, confirm_no_escalation, escalation_allowed, role_escalation_authorized};
use k8s_api::{
    primitives::quote,
    rbac::v1::{ClusterRole, ClusterRoleBinding, PolicyRule, Role, RoleBinding, RoleRef},
};

const GROUP: &str = "rbac.authorization.k8s.io";

/// What the check of a write needs to know.
pub struct Grants {
    rbac: Arc<RbacStore>,
    authorizer: Arc<dyn Authorizer>,
    roles: OnceLock<Arc<Store>>,
    cluster_roles: OnceLock<Arc<Store>>,
}

impl std::fmt::Debug for Grants {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Grants").finish_non_exhaustive()
    }
}

impl Grants {
    /// What users hold is in `rbac`; `authorizer` knows who may escalate and bind.
    #[must_use]
    pub fn new(rbac: Arc<RbacStore>, authorizer: Arc<dyn Authorizer>) -> Arc<Self> {
        Arc::new(Self {
            rbac,
            authorizer,
            roles: OnceLock::new(),
            cluster_roles: OnceLock::new(),
        })
    }

    /// Names the stores of roles, once they are installed.
    ///
    /// # Panics
    /// When called twice.
    pub fn bind(&self, roles: Arc<Store>, cluster_roles: Arc<Store>) {
        let first = self.roles.set(roles).is_ok() && self.cluster_roles.set(cluster_roles).is_ok();
        assert!(first, "the stores of roles are bound once");
    }

    /// The rules of the role that a binding names.
    async fn rules(&self, request: &RequestContext, role: &RoleRef) -> Result<Vec<PolicyRule>, StatusError> {
        let info = &request.info;
        let (store, namespace) = match role.kind.as_str() {
            "Role" => (&self.roles, info.namespace.as_str()),
            "ClusterRole" => (&self.cluster_roles, ""),
            other => {
                let text = format!("unsupported role reference kind: {}", quote(other));
                return Err(StatusError::internal_error(text));
            }
        };
        let store = store.get().expect("the stores of roles are bound before requests come");
        let stored = match store.get(namespace, &role.name).await {
            Ok(stored) => stored,
            // Upstream reads the role under the request's own resource, and clients know its words.
            Err(status) if status.is_not_found() => {
                let resource = GroupResource::new(&info.api_group, &info.resource);
                return Err(StatusError::not_found(resource, &role.name));
            }
            Err(status) => return Err(status),
        };
        let object = store.typed(&stored)?;
        let rules = match (object.downcast_ref::<Role>(), object.downcast_ref::<ClusterRole>()) {
            (Some(role), _) => role.rules.clone(),
            (_, Some(role)) => role.rules.clone(),
            _ => return Err(StatusError::internal_error("a stored role is not a role")),
        };
        Ok(rules)
    }

    async fn check_role(
        &self,
        request: &RequestContext,
        name: &str,
        rules: &[PolicyRule],
        aggregates: bool,
    ) -> Result<(), StatusError> {
        let (user, info) = (&*request.user, &request.info);
        let attributes = info.attributes(user);
        if escalation_allowed(user) || role_escalation_authorized(&*self.authorizer, &attributes).await {
            return Ok(());
        }
        let resource = GroupResource::new(GROUP, &info.resource);
        confirm_no_escalation(&self.rbac, user, &info.namespace, rules)
            .map_err(|error| StatusError::forbidden(resource, name, error))?;
        // An aggregating role gathers whatever is labelled so.
        if aggregates && confirm_no_escalation(&self.rbac, user, &info.namespace, &everything()).is_err() {
            let reason = "must have cluster-admin privileges to use the aggregationRule";
            return Err(StatusError::forbidden(resource, name, reason));
        }
        Ok(())
    }

    async fn check_binding(&self, request: &RequestContext, name: &str, role: &RoleRef) -> Result<(), StatusError> {
        let (user, info) = (&*request.user, &request.info);
        if escalation_allowed(user) || binding_authorized(&*self.authorizer, user, role, &info.namespace).await {
            return Ok(());
        }
        let rules = self.rules(request, role).await?;
        confirm_no_escalation(&self.rbac, user, &info.namespace, &rules)
            .map_err(|error| StatusError::forbidden(GroupResource::new(GROUP, &info.resource), name, error))
    }

    async fn check(
        &self,
        request: &RequestContext,
        object: &dyn AnyObject,
        old: Option<&dyn AnyObject>,
    ) -> Result<(), StatusError> {
        let name = &object.metadata().name;
        if let Some(role) = object.downcast_ref::<Role>() {
            return self.check_role(request, name, &role.rules, false).await;
        }
        if let Some(role) = object.downcast_ref::<ClusterRole>() {
            let old = old.and_then(|old| old.downcast_ref::<ClusterRole>());
            let aggregates = is_aggregated(role) || old.is_some_and(is_aggregated);
            return self.check_role(request, name, &role.rules, aggregates).await;
        }
        if let Some(binding) = object.downcast_ref::<RoleBinding>() {
            return self.check_binding(request, name, &binding.role_ref).await;
        }
        if let Some(binding) = object.downcast_ref::<ClusterRoleBinding>() {
            return self.check_binding(request, name, &binding.role_ref).await;
        }
        Err(StatusError::internal_error("neither a role nor a binding"))
    }
}

fn is_aggregated(role: &ClusterRole) -> bool {
    role.aggregation_rule
        .as_ref()
        .is_some_and(|rule| !rule.cluster_role_selectors.is_empty())
}

/// What `cluster-admin` holds.
fn everything() -> [PolicyRule; 2] {
    let all = || vec!["*".to_owned()];
    [
        PolicyRule {
            verbs: all(),
            api_groups: all(),
            resources: all(),
            ..PolicyRule::default()
        },
        PolicyRule {
            verbs: all(),
            non_resource_urls: all(),
            ..PolicyRule::default()
        },
    ]
}

/// Whether only that changes which the garbage collector changes.
fn only_garbage_collection(new: &dyn AnyObject, old: &dyn AnyObject) -> bool {
    let mut copy = new.clone_boxed();
    let (metadata, before) = (copy.metadata_mut(), old.metadata());
    metadata.owner_references.clone_from(&before.owner_references);
    metadata.finalizers.clone_from(&before.finalizers);
    metadata.self_link.clone_from(&before.self_link);
    metadata.managed_fields.clone_from(&before.managed_fields);
    metadata.resource_version.clone_from(&before.resource_version);
    copy.equals(old)
}

/// [`Hooks`] of roles and bindings.
#[derive(Clone, Debug)]
pub struct PolicyBased(pub Arc<Grants>);

#[async_trait]
impl Hooks for PolicyBased {
    async fn begin_create(
        &self,
        context: &RequestContext,
        object: &mut dyn AnyObject,
        _dry_run: bool,
    ) -> Result<Begun, StatusError> {
        self.0.check(context, object, None).await.map(|()| None)
    }

    async fn begin_update(
        &self,
        context: &RequestContext,
        new: &mut dyn AnyObject,
        old: &dyn AnyObject,
        _dry_run: bool,
    ) -> Result<Begun, StatusError> {
        if !only_garbage_collection(new, old) {
            self.0.check(context, new, Some(old)).await?;
        }
        Ok(None)
    }
}
